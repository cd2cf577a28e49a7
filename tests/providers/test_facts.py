"""The table of model facts: every row is sourced, alive and used, and agrees with the packages of those who know."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from antiphon import providers
from antiphon.dialects import Refusal, gemini_content
from antiphon.dialects._checks import check
from antiphon.errors import RequestError
from antiphon.providers import _facts, facts
from antiphon.providers._facts import Maker, Row, refusals
from antiphon.request import Config, Message, Request

SHIPPED = _facts.read(_facts.TABLE)
PROVIDERS = [providers.get(name) for name in providers.names()]
MAKERS = {maker.name for provider in PROVIDERS for maker in provider.makers}


def named(row: Row) -> str:
    return f"{row.maker}{'@' + row.at if row.at else ''} {row.models}"


ROWS = [pytest.param(row, id=named(row)) for row in SHIPPED]


def befores(row: Row) -> list[str]:
    """What may stand before the maker's names where this row holds: for its examples, which are written as there."""
    if not row.at:
        return [""]
    return [maker.before for maker in providers.get(row.at).makers if maker.name == row.maker]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_sourced_dated_and_matches_its_examples(row: Row):
    """Each row says where its facts are from and when they were checked, and its expression matches its examples."""
    assert row.source
    assert date(2026, 1, 1) <= date.fromisoformat(row.dated)
    assert row.maker in MAKERS
    assert row.at in ("", *providers.names())
    assert row.examples
    for example in row.examples:
        assert any(re.match(f"{before}(?:{row.models})", example) for before in befores(row)), example


def stated(rows: Iterable[Row], row: Row, model: str) -> tuple[Any, ...]:
    """All that these rows say about this model where `row` holds."""
    before = befores(row)[0]
    found: dict[str, Any] = {}
    refused: set[Refusal] = set()
    for other in rows:
        if other.maker != row.maker or other.at not in ("", row.at):
            continue
        if not re.match(f"{before}(?:{other.models})", model):
            continue
        refused |= {replace(refusal, models="") for refusal in other.refuses}
        for name in ("reasons", "budget", "prefill", "inputs", "outputs", "context", "max_output"):
            if getattr(other, name) is not None:
                found.setdefault(name, getattr(other, name))
        if other.retires and (other.at or not row.at):
            found.setdefault("retires", (other.retires, other.replaced_by))
    return found, refused


@pytest.mark.parametrize("row", ROWS)
def test_no_row_is_dead(row: Row):
    """Without this row, something would be unknown or otherwise for one of its examples at least."""
    others = [other for other in SHIPPED if other is not row]
    assert any(stated(SHIPPED, row, model) != stated(others, row, model) for model in row.examples)


@pytest.mark.parametrize("row", [row for row in ROWS if row.values[0].replaced_by])
def test_a_replacement_is_still_there(row: Row):
    """What a row names as a replacement is not retired itself on the day the row was checked."""
    assert row.retires
    assert row.replaced_by
    ends = stated(SHIPPED, replace(row, at=""), row.replaced_by)[0].get("retires")
    assert ends is None or ends[0] > row.dated


def test_every_takers_hint_names_no_model_that_is_gone():
    """Who is sent to another model is not sent to one that was retired when the table was checked."""
    latest = max(row.dated for row in SHIPPED)
    for row in SHIPPED:
        for refusal in row.refuses:
            for model in re.findall(r"(?:gpt|claude|gemini|grok)-[\w.-]*\w", refusal.takers):
                ends = stated(SHIPPED, replace(row, at=""), model)[0].get("retires")
                assert ends is None or ends[0] > latest, (row.models, model)


def test_painters_and_speakers():
    """Pictures and speech are refused by those of Google's models that do not make them, and by no others."""
    google = refusals("google")

    def refuses(model: str, kind: str) -> bool:
        request = Request(
            provider="gemini",
            messages=(Message("user", "x"),),
            config=Config(model=model, modalities=("text", kind)),
        )
        try:
            check(request, replace(gemini_content.GEMINI, refusals=google))
        except RequestError as error:
            return error.field == "modalities"
        return False

    assert [
        refuses(model, "image")
        for model in ("gemini-3.8-flash", "gemma-4-31b-it", "gemini-3.1-flash-image", "lyria-3")
    ] == [*(True, True, False, False)]
    assert [
        refuses(model, "audio")
        for model in ("gemini-3.8-flash", "gemini-3.1-flash-image", "gemini-3.8-flash-tts")
    ] == [*(True, True, False)]


# ------------------------------------------------------------------------- what the original offers

ORIGINAL = {
    "openai": """gpt-5 gpt-5-mini gpt-5-nano gpt-5-chat-latest gpt-4o gpt-4o-mini gpt-4.1 gpt-4.1-mini
        gpt-4.1-nano gpt-4-turbo gpt-4-turbo-preview gpt-4-vision-preview o1 o1-mini o1-preview o1-pro o3-pro o3
        o3-mini o4-mini""",
    "anthropic": """claude-sonnet-4-5-20250929 claude-haiku-4-5-20251001 claude-sonnet-4-20250514
        claude-opus-4-20250514 claude-opus-4-1-20250805 claude-3-7-sonnet-latest claude-3-7-sonnet-20250219
        claude-3-5-sonnet-latest claude-3-5-sonnet-20241022 claude-3-5-haiku-20241022 claude-3-opus-latest
        claude-3-opus-20240229 claude-3-sonnet-20240229 claude-3-haiku-20240307""",
    "gemini": """gemini-2.5-flash gemini-2.5-pro gemini-2.5-flash-lite gemini-2.5-flash-image gemini-2.0-flash
        gemini-2.0-flash-lite""",
    "bedrock": """anthropic.claude-3-7-sonnet-20250219-v1:0 anthropic.claude-3-5-sonnet-20241022-v2:0
        anthropic.claude-3-5-haiku-20241022-v1:0 anthropic.claude-3-opus-20240229-v1:0
        anthropic.claude-3-sonnet-20240229-v1:0 anthropic.claude-3-haiku-20240307-v1:0
        anthropic.claude-opus-4-20250514-v1:0 anthropic.claude-sonnet-4-20250514-v1:0
        mistral.mistral-7b-instruct-v0:2 mistral.mixtral-8x7b-instruct-v0:1 mistral.mistral-large-2402-v1:0""",
}
STAYING = ("claude-haiku-4-5-20251001", "gemini-2.5-flash-lite")


@pytest.mark.parametrize(
    ("provider", "model"), [(name, model) for name, models in ORIGINAL.items() for model in models.split()]
)
def test_the_models_of_the_original_are_known(provider: str, model: str):
    """All 51 models that the original node pack offers are in the table; of those that go, when, and what comes then."""
    assert sum(len(models.split()) for models in ORIGINAL.values()) == 51
    known = facts(provider, model)
    assert known.max_output
    assert known.outputs
    if provider != "bedrock":  # AWS has dates of its own, and not for all
        assert (known.retires is None) == (model in STAYING)
        assert bool(known.replaced_by) == bool(known.retires)


# --------------------------------------------------------------------- what the packages of the makers say


def day(words: str) -> str:
    """``June 30th, 2026`` as 2026-06-30."""
    plain = re.sub(r"(\d)(st|nd|rd|th)", r"\1", words)
    return datetime.strptime(plain, "%B %d, %Y").date().isoformat()


def test_anthropics_deprecations_are_in_the_table():
    """The dates in the anthropic package are the table's."""
    from anthropic._data import DEPRECATED_MODELS

    assert DEPRECATED_MODELS
    for model, when in DEPRECATED_MODELS.items():
        assert facts("anthropic", model).retires == day(when), model


def literals(alias: Any) -> list[str]:
    return [word for part in (alias, *get_args(alias)) for word in get_args(part) if isinstance(word, str)]


def test_anthropics_models_are_known():
    """Of each model in the anthropic package the table knows what goes in and out, and no more than these are retired."""
    from anthropic._data import DEPRECATED_MODELS
    from anthropic.types.model import Model

    for model in literals(Model):
        known = facts("anthropic", model)
        assert known.outputs == {"text"}, model
        assert (known.retires is not None) == (model in DEPRECATED_MODELS), model


def openais() -> Iterator[tuple[str, str | None]]:
    """The models in the openai package, with the day it says they are shut down."""
    from openai.types.shared import chat_model

    source = Path(chat_model.__file__).read_text(encoding="utf-8")
    told = " ".join(source.split())
    ends = {
        model: when
        for listed, when in re.findall(
            r'- ((?:"[^"]+",? ?)+): Announced shutdown date: (\d{4}-\d\d-\d\d)', told
        )
        for model in re.findall(r'"([^"]+)"', listed)
    }
    assert len(ends) > 20
    for model in get_args(chat_model.ChatModel):
        yield model, ends.get(model)


def test_openais_models_and_their_ends_are_in_the_table():
    """The shutdown dates in the openai package are the table's, and there are no others for its models."""
    for model, when in openais():
        known = facts("openai", model)
        assert known.retires == when, model
        assert known.outputs, model


def test_googles_models_are_known():
    """Of each Gemini model that the google-genai package lists for interactions, the table knows what comes out."""
    module = pytest.importorskip("google.genai._gaos.types.interactions.model")
    listed = [model for model in literals(module.Model) if re.match(r"gemini-[\d]", model)] or re.findall(
        r'"(gemini-\d[^"]*)"', Path(module.__file__).read_text(encoding="utf-8")
    )
    assert len(listed) > 8
    for model in listed:
        if not re.search("embedding|live|computer-use|transcribe|audio", model):
            assert facts("gemini", model).outputs, model


# -------------------------------------------------------------------------------------------- asking


@pytest.mark.parametrize(
    ("provider", "model", "retires", "replaced_by"),
    [
        ("anthropic", "claude-3-7-sonnet-latest", "2026-02-19", "claude-sonnet-4-6"),
        (
            "bedrock",
            "eu.anthropic.claude-3-7-sonnet-20250219-v1:0",
            "2026-04-28",
            "eu.anthropic.claude-sonnet-5-5",
        ),
        ("bedrock", "anthropic.claude-sonnet-4-20250514-v1:0", None, None),
        ("vertex", "claude-opus-4-1@20250805", None, None),
        ("vertex", "gemini-2.5-flash", None, None),
        ("openrouter", "anthropic/claude-3.7-sonnet:thinking", "2026-02-19", "anthropic/claude-sonnet-4.6"),
        ("openrouter", "anthropic/claude-3.5-haiku", "2026-02-19", "anthropic/claude-haiku-4.5"),
        ("openrouter", "google/gemini-2.5-flash-image", "2026-10-02", "google/gemini-3.1-flash-image"),
        ("openrouter", "x-ai/grok-4-fast-reasoning", "2026-05-15", "x-ai/grok-4.3"),
        ("azure", "gpt-5", None, None),
        ("compatible", "gpt-5", None, None),
    ],
)
def test_names_lead_to_the_maker_and_back(
    provider: str, model: str, retires: str | None, replaced_by: str | None
):
    """Each provider's names lead to the maker's rows, replacements are written as there, and dates are the provider's."""
    known = facts(provider, model)
    assert (known.name, known.retires, known.replaced_by) == (model, retires, replaced_by)


def test_what_is_not_known_is_none():
    """A model in no row is a name and nothing else."""
    known = facts("openai", "something-else")
    assert (known.context, known.max_output, known.inputs, known.retires, dict(known.details)) == (
        None,
        None,
        None,
        None,
        {},
    )


def test_details_say_how_a_model_reasons_and_who_says_so():
    """Whether it reasons unasked, its budgets, prefill, and each source with its date."""
    details = facts("gemini", "gemini-2.5-pro").details
    assert (details["reasons"], details["budget"]) == (True, (128, 32768))
    assert all(re.search(r"\(\d{4}-\d\d-\d\d\)$", source) for source in details["sources"])
    assert facts("anthropic", "claude-sonnet-4-5").details["prefill"] is True
    assert facts("anthropic", "claude-opus-5").details["prefill"] is False


# ----------------------------------------------------------------------------------- rows of one's own

OWN = {
    "maker": "openai",
    "models": "gpt-9",
    "examples": ["gpt-9-x"],
    "source": "me",
    "dated": "2027-01-01",
}


def written(tmp_path: Path, *changed: dict[str, Any]) -> Path:
    path = tmp_path / "models.json"
    path.write_text(json.dumps({"rows": [{**OWN, **row} for row in changed]}), encoding="utf-8")
    return path


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """A home with rows of one's own; the table is read anew with them, and without them afterwards."""
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))

    def put(*rows: dict[str, Any]) -> None:
        written(tmp_path, *rows)
        _facts.rows.cache_clear()
        facts.cache_clear()

    yield put
    monkeypatch.undo()
    _facts.rows.cache_clear()
    facts.cache_clear()


def test_own_rows_come_first(own: Callable[..., None]):
    """A row of the user's adds a model, and overrides what the table says of one."""
    own({"context": 5000}, {"models": "gpt-5$", "retires": "2028-01-01"})
    assert facts("openai", "gpt-9-x").context == 5000
    known = facts("openai", "gpt-5")
    assert (known.retires, known.replaced_by) == ("2028-01-01", None)
    assert known.context == 400000


def refused(maker: str, model: str, setting: str, before: str = "") -> bool:
    return any(
        setting in refusal.settings and re.match(refusal.models, model)
        for refusal in _facts.refusals(maker, before)
    )


def test_own_rows_refuse_and_take(own: Callable[..., None]):
    """A row may add a refusal, and lift one of the table's for its models alone, setting by setting."""
    own(
        {"refuses": [{"settings": ["top_p"], "takers": "others"}]},
        {"models": "gpt-6-luna", "takes": ["temperature"]},
        {"maker": "anthropic", "models": "claude-opus-4-6", "takes": ["top_p"]},
    )
    assert refused("openai", "gpt-9-x", "top_p")
    assert not refused("openai", "gpt-6-luna", "temperature")
    assert refused("openai", "gpt-6-luna", "top_p")
    assert refused("openai", "gpt-6-sol", "temperature")
    before = r".*anthropic\."
    assert not refused("anthropic", "us.anthropic.claude-opus-4-6-v1", "top_p", before)
    assert refused("anthropic", "us.anthropic.claude-opus-4-5-v1", "top_p", before)
    assert refused("anthropic", "us.anthropic.claude-opus-4-7-v1", "top_p", before)


def test_own_rows_reach_a_request(tmp_path: Path):
    """In a process with such a home, the setting that a row refuses is refused, and the hint says who said so."""
    written(tmp_path, {"refuses": [{"settings": ["temperature"], "takers": "gpt-8"}]})
    code = """
import antiphon
try:
    antiphon.complete("hi", model="openai/gpt-9-x", temperature=1, api_key="k")
except antiphon.RequestError as error:
    print(error.field, error.hint)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "ANTIPHON_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        done.stdout.strip() == "temperature Leave it out or use gpt-8, which take temperature (source: me)."
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"colour": "red"}, "colour"),
        ({"models": "gpt-("}, "regular expression"),
        ({"retires": "soon"}, "2026-12-11"),
        ({"dated": "2026-13-01"}, "2026-12-11"),
        ({"context": -1}, "number of tokens"),
        ({"max_output": True}, "number of tokens"),
        ({"prefill": "yes"}, "true or false"),
        ({"examples": "gpt-9"}, "list of texts"),
        ({"budget": [1]}, "two numbers"),
        ({"refuses": {}}, "must be a list"),
        ({"refuses": [{"settings": []}]}, "refuses"),
        ({"refuses": [{"settings": ["top_p"], "why": ""}]}, "why"),
        ({"refuses": [{"settings": ["top_p"], "together": 1}]}, "together"),
        ({"source": 5}, "must be text"),
        ({"at": "bedrock", "takes": ["top_p"]}, "bedrock"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: dict[str, Any], said: str):
    """What is wrong in a user's file is an error that names file, row, and what is expected."""
    path = written(tmp_path, {}, row)
    with pytest.raises(RequestError, match="row 2") as caught:
        _facts.read(path)
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert caught.value.field == "models.json"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "JSON"),
        ("[]", '{"rows"'),
        ('{"rows": {}}', '{"rows"'),
        ('{"rows": [5]}', "row 1"),
        ('{"rows": [{}]}', "'maker'"),
    ],
)
def test_a_file_that_is_no_table_is_said(tmp_path: Path, text: str, said: str):
    """Broken JSON, another shape, and rows without what each needs."""
    path = tmp_path / "models.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RequestError) as caught:
        _facts.read(path)
    assert said in caught.value.message


def test_a_maker_alone_says_how_names_are_written():
    """Dotted versions lose the date of a snapshot; behind what stands before, the name is the maker's."""
    head = re.match("x/", "x/claude-1")
    assert (
        _facts._named(Maker("m", "x/", dotted=True), head, "claude-opus-4-5-20251101") == "x/claude-opus-4.5"
    )
    assert _facts._named(Maker("m", "x/"), head, "claude-opus-4-5") == "x/claude-opus-4-5"
