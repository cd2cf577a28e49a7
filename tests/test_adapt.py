"""What is sent under adapt, what is said about it, and what is said about models that go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import antiphon
from antiphon import Client, providers
from antiphon.completion import Completion
from antiphon.dialects._checks import check
from antiphon.dialects._common import dumps
from antiphon.errors import NotFound, RateLimited, Rejected, RequestError
from antiphon.prepare import Prepared, lifecycle, prepared, unanswered
from antiphon.prepare.structured import NOTE, instructed
from antiphon.providers import _facts, facts
from antiphon.request import Config, Delivery, Media, Message, Request, Schema

from . import peer as peers

DAY = date(2026, 11, 26)
ADAPT = Delivery(adapt=True)
# What the original's nodes send when nothing is changed on them.
DEFAULT: dict[str, Any] = {"max_tokens": 1024, "temperature": 0.5}
BANANA: dict[str, Any] = {"max_tokens": 8192, "temperature": 0.5, "aspect_ratio": "16:9"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


def request(provider: str, dialect: str | None = None, *parts: Any, **config: Any) -> Request:
    message = Message("user", *(parts or ("hi",)))
    return Request(provider=provider, messages=(message,), config=Config(**config), dialect=dialect)


def made(asked: Request, day: date = DAY, delivery: Delivery = ADAPT) -> tuple[dict[str, Any], Prepared]:
    """The body that goes out, and what was prepared."""
    provider = providers.get(asked.provider)
    way = provider.way(asked.dialect)
    ready = prepared(asked, provider, way, delivery, day)
    way.dialect.path(ready.request, stream=False)
    return json.loads(dumps(way.dialect.encode(ready.request, way.quirks, stream=False))), ready


# provider, dialect, settings; what of the body is the settings; model asked; notes.
TABLE: list[tuple[str, str | None, dict[str, Any], dict[str, Any], str | None, list[str]]] = [
    # OpenAI; the first is the original's default configuration
    (
        "openai",
        None,
        {"model": "gpt-5", **DEFAULT},
        {"max_completion_tokens": 1024, "reasoning_effort": "low"},
        None,
        [
            "temperature=0.5 was left out: the model gpt-5 does not take temperature",
            "reasoning='low' was added for gpt-5: reasoning counts toward max_tokens=1024 at this model",
            "gpt-5 will be retired on 2026-12-11: use gpt-6.1-sol then",
        ],
    ),
    (
        "openai",
        "openai_responses",
        {"model": "gpt-6-sol", "stop": "x", **DEFAULT},
        {"max_output_tokens": 1024, "reasoning": {"effort": "low", "summary": "auto"}, "store": False},
        None,
        [
            "temperature=0.5 was left out: the model gpt-6-sol does not take temperature",
            "stop=('x',) was left out: the model gpt-6-sol does not take stop",
            "reasoning='low' was added for gpt-6-sol: reasoning counts toward max_tokens=1024 at this model",
        ],
    ),
    (
        "openai",
        None,
        {"model": "gpt-6-astra", "max_tokens": 500_000, "reasoning": "off"},
        {"max_completion_tokens": 500_000, "reasoning_effort": "low"},
        None,
        ["reasoning='off' was sent as 'low': the model gpt-6-astra does not take reasoning='off'"],
    ),
    (
        "openai",
        None,
        {"model": "gpt-4.1", "max_tokens": 50_000, "reasoning": 9000, "stop": ["a", "b", "c", "d", "e"]},
        {"max_completion_tokens": 32_768, "stop": ["a", "b", "c", "d"]},
        None,
        [
            "reasoning=9000 was left out: the model gpt-4.1 does not take reasoning",
            (
                "stop=('a', 'b', 'c', 'd', 'e') was sent as ('a', 'b', 'c', 'd') for gpt-4.1:"
                " openai takes at most 4 stop texts, not 5"
            ),
            "max_tokens=50000 was sent as 32768: gpt-4.1 answers with at most 32768 tokens",
            "gpt-4.1 will be retired on 2027-01-14: use gpt-6-luna then",
        ],
    ),
    (
        "openai",
        None,
        {"model": "gpt-5.6-sol", "reasoning": 2048, "min_p": 0.1},
        {"reasoning_effort": "medium"},
        None,
        [
            "min_p=0.1 was left out for gpt-5.6-sol: openai does not take min_p",
            "reasoning=2048 was sent as 'medium' for gpt-5.6-sol: openai does not take reasoning=2048",
        ],
    ),
    (
        "openai",
        None,
        {"model": "o1-mini", "temperature": 1},
        {"temperature": None},
        "gpt-5.6-terra",
        [
            "gpt-5.6-terra was asked in place of o1-mini, which was retired on 2025-10-27",
            "temperature=1 was left out: the model gpt-5.6-terra does not take temperature",
        ],
    ),
    # OpenRouter drops by itself what a model does not take, so only what it has no field for is changed
    (
        "openrouter",
        None,
        {"model": "openai/gpt-5", **DEFAULT},
        {"max_tokens": 1024, "temperature": 0.5},
        None,
        ["openai/gpt-5 will be retired on 2026-12-11: use openai/gpt-6.1-sol then"],
    ),
    (
        "openrouter",
        None,
        {"model": "google/gemini-2.5-flash-image", "modalities": ("text", "image"), **BANANA},
        {
            "max_tokens": 8192,
            "temperature": 0.5,
            "modalities": ["text", "image"],
            "image_config": {"aspect_ratio": "16:9"},
        },
        "google/gemini-3.1-flash-image",
        [
            (
                "google/gemini-3.1-flash-image was asked in place of google/gemini-2.5-flash-image,"
                " which was retired on 2026-10-02"
            )
        ],
    ),
    # Anthropic
    (
        "anthropic",
        None,
        {"model": "claude-sonnet-4-5-20250929", "temperature": 1.5, "top_p": 0.9, "max_tokens": 1024},
        {"max_tokens": 1024, "temperature": 1.0},
        None,
        [
            "top_p=0.9 was left out: the model claude-sonnet-4-5-20250929 does not take top_p together with temperature",
            "temperature=1.5 was sent as 1 for claude-sonnet-4-5-20250929: anthropic takes temperature from 0 to 1, not 1.5",
            "claude-sonnet-4-5-20250929 will be retired on 2026-11-30: use claude-sonnet-4-6 then",
        ],
    ),
    (
        "anthropic",
        None,
        {"model": "claude-haiku-4-5-20251001", "reasoning": "high", "max_tokens": 6000, "temperature": 0.5},
        {"max_tokens": 6000, "thinking": {"type": "enabled", "budget_tokens": 3000}},
        None,
        [
            "temperature=0.5 was left out: the model claude-haiku-4-5-20251001 does not take temperature together with reasoning",
            "reasoning='high' was sent as 3000: the model claude-haiku-4-5-20251001 does not take reasoning='high'",
        ],
    ),
    (
        "anthropic",
        None,
        # no budget fits in, so nothing speaks against the temperature
        {"model": "claude-haiku-4-5-20251001", "reasoning": "high", **DEFAULT},
        {"max_tokens": 1024, "temperature": 0.5},
        None,
        ["reasoning='high' was left out: the model claude-haiku-4-5-20251001 does not take reasoning='high'"],
    ),
    (
        "anthropic",
        None,
        {"model": "claude-sonnet-4-6", "reasoning": 500, "max_tokens": 8000},
        {"max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        None,
        [
            "reasoning=500 was sent as 1024 for claude-sonnet-4-6: anthropic takes reasoning from 1024 to 128000, not 500"
        ],
    ),
    (
        "anthropic",
        None,
        {"model": "claude-sonnet-4-6", "reasoning": 16_000, "max_tokens": 8000},
        {"max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 4000}},
        None,
        [
            (
                "reasoning=16000 was sent as 4000 for claude-sonnet-4-6:"
                " the reasoning budget must be less than max_tokens (8000), not 16000"
            )
        ],
    ),
    (
        "anthropic",
        None,
        {"model": "claude-opus-4-8", "reasoning": 16_000, "max_tokens": 32_000, "response_format": "json"},
        {
            "max_tokens": 32_000,
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {"effort": "high"},
            "system": "Answer with one JSON value and nothing else: no explanation, no code fence.",
        },
        None,
        [
            "instruction instead of native schema: claude-opus-4-8 cannot be held to JSON, so it was told to, and the answer checked here",
            "reasoning=16000 was sent as 'high': the model claude-opus-4-8 does not take reasoning=16000",
        ],
    ),
    (
        "anthropic",
        None,
        {"model": "claude-3-opus-20240229", **DEFAULT},
        {"max_tokens": 1024},
        "claude-opus-4-8",
        [
            "claude-opus-4-8 was asked in place of claude-3-opus-20240229, which was retired on 2026-01-05",
            "temperature=0.5 was left out: the model claude-opus-4-8 does not take temperature",
        ],
    ),
    # Gemini; the first two are the original's NanoBanana
    (
        "gemini",
        None,
        {"model": "gemini-2.5-flash-image", "modalities": ("text", "image"), **BANANA},
        {
            "generationConfig": {
                "maxOutputTokens": 8192,
                "temperature": 0.5,
                "responseModalities": ["TEXT", "IMAGE"],
                "imageConfig": {"aspectRatio": "16:9"},
            }
        },
        "gemini-3.1-flash-image",
        [
            "gemini-3.1-flash-image was asked in place of gemini-2.5-flash-image, which was retired on 2026-10-02"
        ],
    ),
    (
        "gemini",
        None,
        {"model": "gemini-2.5-flash-image", "modalities": ("image",), **BANANA},
        {
            "generationConfig": {
                "maxOutputTokens": 8192,
                "temperature": 0.5,
                "responseModalities": ["IMAGE"],
                "imageConfig": {"aspectRatio": "16:9"},
            }
        },
        "gemini-3.1-flash-image",
        [
            "gemini-3.1-flash-image was asked in place of gemini-2.5-flash-image, which was retired on 2026-10-02"
        ],
    ),
    (
        "gemini",
        None,
        {"model": "gemini-3.8-flash", "modalities": ("text", "image"), "reasoning": 1, **BANANA},
        {
            "generationConfig": {
                "maxOutputTokens": 8192,
                "temperature": 0.5,
                "responseModalities": ["TEXT"],
                "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
            }
        },
        None,
        [
            "reasoning=1 was sent as 'low': the model gemini-3.8-flash does not take reasoning=1",
            "aspect_ratio='16:9' was left out: the model gemini-3.8-flash does not take aspect_ratio",
            "modalities=('text', 'image') was sent as ('text',): the model gemini-3.8-flash does not take modalities='image'",
        ],
    ),
    (
        "gemini",
        None,
        {"model": "gemini-2.5-pro", "reasoning": 20, "presence_penalty": 1},
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 128, "includeThoughts": True}}},
        None,
        [
            "presence_penalty=1 was left out: the model gemini-2.5-pro does not take presence_penalty",
            "reasoning=20 was sent as 128: gemini-2.5-pro takes budgets from 128 to 32768 tokens",
            "gemini-2.5-pro will be retired on 2026-12-01: use gemini-3.8-flash then",
        ],
    ),
    # Bedrock: Claude, Mistral by Converse, Mistral's prompt format
    (
        "bedrock",
        None,
        {"model": "us.anthropic.claude-3-7-sonnet-20250219-v1:0", **DEFAULT},
        {
            "inferenceConfig": {"maxTokens": 1024},
            "additionalModelRequestFields": {"thinking": {"type": "adaptive", "display": "summarized"}},
            "outputConfig": {"effort": "low"},
        },
        "us.anthropic.claude-sonnet-5-5",
        [
            (
                "us.anthropic.claude-sonnet-5-5 was asked in place of us.anthropic.claude-3-7-sonnet-20250219-v1:0,"
                " which was retired on 2026-04-28"
            ),
            "temperature=0.5 was left out: the model us.anthropic.claude-sonnet-5-5 does not take temperature",
            "reasoning='low' was added for us.anthropic.claude-sonnet-5-5: reasoning counts toward max_tokens=1024 at this model",
        ],
    ),
    (
        "bedrock",
        "bedrock_invoke_claude",
        {"model": "anthropic.claude-3-haiku-20240307-v1:0", "frequency_penalty": 0.5, **DEFAULT},
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1024, "temperature": 0.5},
        None,
        [
            (
                "frequency_penalty=0.5 was left out for anthropic.claude-3-haiku-20240307-v1:0:"
                " bedrock does not take frequency_penalty"
            )
        ],
    ),
    (
        "bedrock",
        None,
        {"model": "mistral.mistral-large-3-675b-instruct", "temperature": 1.2, "reasoning": "low"},
        {"inferenceConfig": {"temperature": 1.0}},
        None,
        [
            "reasoning='low' was left out: the model mistral.mistral-large-3-675b-instruct does not take reasoning",
            (
                "temperature=1.2 was sent as 1 for mistral.mistral-large-3-675b-instruct:"
                " bedrock takes temperature from 0 to 1, not 1.2"
            ),
        ],
    ),
    (
        "bedrock",
        "bedrock_invoke_mistral",
        {"model": "mistral.mixtral-8x7b-instruct-v0:1", "max_tokens": 8192, "temperature": 0.5},
        {"max_tokens": 4096, "temperature": 0.5},
        None,
        [
            "max_tokens=8192 was sent as 4096: mistral.mixtral-8x7b-instruct-v0:1 answers with at most 4096 tokens"
        ],
    ),
    # and one whose levels have a gap
    (
        "deepseek",
        None,
        {"model": "deepseek-v4-pro", "reasoning": "medium", "response_format": Schema({"type": "object"})},
        {
            "thinking": {"type": "enabled"},
            "reasoning_effort": "high",
            "response_format": {"type": "json_object"},
        },
        None,
        [
            (
                "instruction instead of native schema: deepseek-v4-pro cannot be held to a JSON Schema,"
                " so it was told to, and the answer checked here"
            ),
            "reasoning='medium' was sent as 'high' for deepseek-v4-pro: deepseek does not take reasoning='medium'",
        ],
    ),
]
TURNS = ("model", "messages", "input", "contents", "prompt")


@pytest.mark.parametrize(
    ("provider", "dialect", "config", "body", "model", "notes"),
    TABLE,
    ids=[f"{row[0]} {row[2]['model']} {number}" for number, row in enumerate(TABLE)],
)
def test_what_goes_out_and_what_is_said(
    provider: str,
    dialect: str | None,
    config: dict[str, Any],
    body: dict[str, Any],
    model: str | None,
    notes: list[str],
):
    """For these settings, this body goes out to this model, and these notes are all that is said."""
    sent, ready = made(request(provider, dialect, **config))
    wanted = {name: value for name, value in body.items() if value is not None}
    assert {name: value for name, value in sent.items() if name not in TURNS} == wanted
    assert ready.request.model == (model or config["model"])
    assert sorted(ready.notes) == sorted(notes)


def test_nothing_is_changed_without_being_asked():
    """Without adapt the same settings are an error that names setting and model; nothing is sent in their place."""
    asked = request("openai", model="gpt-5", **DEFAULT)
    with pytest.raises(RequestError, match="gpt-5 does not take temperature") as caught:
        made(asked, delivery=Delivery())
    assert caught.value.field == "temperature"
    _, ready = made(request("openai", model="o1-mini"), delivery=Delivery())
    assert (ready.request.model, ready.notes) == ("o1-mini", ())


@pytest.mark.parametrize(
    ("provider", "parts", "config", "field"),
    [
        (
            "openai",
            (Media.from_bytes(b"fLaC" + bytes(8)), "hear"),
            {"model": "gpt-5", "temperature": 1},
            "messages",
        ),
        ("deepseek", (Media.from_bytes(PNG), "look"), {"model": "deepseek-flash"}, "messages"),
        ("bedrock", (Media.from_url("https://e.test/a.png"),), {"model": "mistral.x"}, "messages"),
        ("openai", ("hi",), {"model": "gpt-5", "extra": {"messages": []}, "temperature": 1}, "extra"),
    ],
)
def test_what_makes_the_question_stays_an_error(
    provider: str, parts: tuple[Any, ...], config: dict[str, Any], field: str
):
    """Media that a model cannot take, and extra that says what the messages say, are never dropped."""
    with pytest.raises(RequestError, match=r"must not hold|takes no|URL") as caught:
        made(request(provider, None, *parts, **config))
    assert caught.value.field == field


def test_media_stay_where_they_are():
    """Adapting looks at the settings; the pictures go out as they were given."""
    picture = Media.from_bytes(PNG)
    asked = request("anthropic", None, picture, "look", model="claude-opus-5", temperature=0.5)
    _, ready = made(asked)
    assert ready.request.messages == asked.messages
    assert len(ready.notes) == 2  # the temperature, and the limit that was filled in


def test_the_least_is_given_up():
    """What was dropped for the sake of a setting that did not stay comes back."""
    _, ready = made(
        request(
            "anthropic", model="claude-haiku-4-5", temperature=0.5, top_k=5, reasoning="low", max_tokens=900
        )
    )
    assert ready.request.config == Config(model="claude-haiku-4-5", temperature=0.5, top_k=5, max_tokens=900)


# ------------------------------------------------------------------------------------- any request

MANY = (
    "openai",
    "openrouter",
    "anthropic",
    "gemini",
    "bedrock",
    "xai",
    "deepseek",
    "groq",
    "mistral",
    "vertex",
)
WAYS = [(name, dialect) for name in MANY for dialect in providers.get(name).ways]
KNOWN = {
    name: sorted(
        {
            example
            if row.at or not maker.before
            else maker.before.replace(r".*anthropic\.", "us.anthropic.") + example
            for maker in providers.get(name).makers
            for row in _facts.read(_facts.TABLE)
            if row.maker == maker.name and row.at in ("", name)
            for example in row.examples
        }
    )
    for name in MANY
}
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(1, 200_000),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0.01, 1),
        "top_k": st.integers(1, 100),
        "min_p": st.floats(0, 1),
        "presence_penalty": st.floats(-2, 2),
        "frequency_penalty": st.floats(-2, 2),
        "repeat_penalty": st.floats(0.1, 2),
        "stop": st.lists(st.text("abc", min_size=1), max_size=16).map(tuple),
        "reasoning": st.sampled_from(["off", "low", "medium", "high"]) | st.integers(1, 200_000),
        "response_format": st.sampled_from(["text", "json", {"type": "object"}]),
        "modalities": st.sets(st.sampled_from(["text", "image", "audio"])).map(tuple),
        "aspect_ratio": st.sampled_from(["1:1", "16:9"]),
    },
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Any settings for any model that the table knows."""
    provider, dialect = draw(st.sampled_from(WAYS))
    model = draw(st.sampled_from([*KNOWN[provider], "some-new-model"]))
    return request(provider, dialect, model=model, **draw(CONFIGS))


def is_taken(asked: Request) -> bool:
    """Whether the request passes as it is, and keeps to the limits that the table knows of the model."""
    way, known = providers.get(asked.provider).way(asked.dialect), facts(asked.provider, asked.model)
    config, budget = asked.config, known.details.get("budget")
    try:
        check(asked, way.quirks)
        way.dialect.encode(asked, way.quirks, stream=False)
    except RequestError:
        return False
    fits = config.max_tokens is None or config.max_tokens <= (known.max_output or config.max_tokens)
    bounds = isinstance(config.reasoning, int) and budget is not None
    return fits and (not bounds or budget[0] <= config.reasoning <= budget[1])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=requests())
@example(
    asked=request(
        "anthropic", model="claude-haiku-4-5", reasoning=1, max_tokens=1, temperature=1.5, top_p=0.5
    )
)
@example(  # a successor that takes neither: JSON has to be asked for in words all the same
    asked=request("anthropic", model="claude-3-5-sonnet-20241022", reasoning="off", response_format="json")
)
@example(
    asked=request(
        "bedrock",
        "bedrock_converse",
        model="anthropic.claude-3-5-sonnet-20241022-v2:0",
        reasoning="off",
        response_format="json",
    )
)
def test_any_settings_become_taken_ones(asked: Request):
    """Whatever the settings and the model: what comes out is taken, only settings differ, and each change is said."""
    _, ready = made(asked)
    assert is_taken(ready.request)
    provider = providers.get(asked.provider)
    # JSON asked for in words, where the model that is really asked takes no format.
    told = instructed(lifecycle.succeeded(asked, provider, DAY)[0], provider.way(asked.dialect))[0]
    assert replace(ready.request, config=told.config) == told
    changed = [
        field.name
        for field in fields(Config)
        if getattr(asked.config, field.name) != getattr(ready.request.config, field.name)
    ]
    way = providers.get(asked.provider).way(asked.dialect)
    others = {*way.notes(ready.request), *lifecycle.notes(ready.request, providers.get(asked.provider), DAY)}
    said = [note for note in ready.notes if note not in others]
    said = [note.replace(NOTE, "response_format=") for note in said]
    if not any(note.startswith("response_format=") for note in said):
        changed = [name for name in changed if name != "response_format"]
    elif "response_format" not in changed:  # the provider's plain JSON mode stayed
        changed.append("response_format")
    assert len(said) == len(changed)
    for name in changed:
        assert (
            sum(note.startswith(f"{name}=") or (name == "model" and " in place of " in note) for note in said)
            == 1
        )
    assert "extra" not in changed


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=requests())
def test_what_is_taken_stays_as_it_is(asked: Request):
    """Adapting what comes out changes nothing more and says nothing of it, with adapt as without."""
    _, ready = made(asked)
    _, again = made(ready.request)
    assert again.request == ready.request
    assert again.notes == made(ready.request, delivery=Delivery())[1].notes
    if is_taken(asked) and ready.request.model == asked.model:
        assert ready.request == asked


# ------------------------------------------------------------------------------- models that go


@pytest.mark.parametrize(
    ("day", "notes"),
    [
        (date(2026, 9, 11), 0),
        (date(2026, 9, 12), 1),
        (date(2026, 12, 11), 1),
        (date(2026, 12, 12), 0),
    ],
)
def test_the_end_is_told_ninety_days_before(day: date, notes: int):
    """From ninety days before it to the day itself, the date and the replacement are told; afterwards the error tells."""
    _, ready = made(request("openai", model="gpt-5"), day, Delivery())
    assert len(ready.notes) == notes
    assert all(note == "gpt-5 will be retired on 2026-12-11: use gpt-6.1-sol then" for note in ready.notes)


def test_an_end_without_a_replacement():
    """Where no replacement is named, that is said."""
    _, ready = made(request("anthropic", model="claude-opus-4-5", max_tokens=9), delivery=Delivery())
    assert ready.notes == ("claude-opus-4-5 will be retired on 2027-01-22: no replacement is known yet",)


@pytest.mark.parametrize("base_url", ["https://proxy.test/v1", "http://127.0.0.1:1"])
def test_another_server_has_dates_of_its_own(base_url: str):
    """Behind another address the same name may live on: no note, no replacement; settings are adapted all the same."""
    asked = replace(request("openai", model="o1-mini", temperature=1), base_url=base_url)
    _, ready = made(asked)
    assert ready.request.config == Config(model="o1-mini")
    assert len(ready.notes) == 1
    assert made(replace(asked, base_url="https://eu.api.openai.com/v1"))[1].request.model == "gpt-5.6-terra"


def hint(provider: str, model: str, error: Any, day: date = DAY, **more: Any) -> str:
    asked = replace(request(provider, model=model), **more)
    return lifecycle.hint(error, asked, providers.get(provider), day)


def test_the_error_of_a_retired_model_says_when_and_what_now():
    """404 and 400 alike, since Bedrock answers 400; other errors, other models and other servers get no such hint."""
    gone = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
    assert hint("bedrock", gone, Rejected("The provided model identifier is invalid.", status=400)) == (
        f"{gone} was retired on 2026-04-28: use us.anthropic.claude-sonnet-5-5,"
        " or list what there is with `antiphon models bedrock`."
    )
    assert "gpt-5.6-sol" in hint("openai", "gpt-4-turbo", NotFound("no", status=404))
    assert "by its maker on 2026-07-24" in hint(
        "openrouter", "deepseek/deepseek-chat", NotFound("no", status=404)
    )
    assert not hint("openai", "gpt-4-turbo", NotFound("no", status=404), date(2026, 10, 23))
    assert not hint("openai", "gpt-4-turbo", RateLimited("no", status=429))
    assert not hint("openai", "gpt-4-turbo", Rejected("no", status=413))
    assert not hint("openai", "gpt-6-sol", NotFound("no", status=404))
    assert not hint("openai", "gpt-4-turbo", NotFound("no", status=404), base_url="https://x.test/v1")
    assert not hint("bedrock", gone, Rejected("no", status=400), identity={"server": "https://x.test"})


def test_a_chain_of_successors_ends(monkeypatch: pytest.MonkeyPatch):
    """A successor that is gone itself leads on to its own; a ring of them ends."""
    table = {
        "a": replace(facts("openai", "o1"), name="a", retires="2026-01-01", replaced_by="b"),
        "b": replace(facts("openai", "o1"), name="b", retires="2026-02-01", replaced_by="a"),
        "c": replace(facts("openai", "o1"), name="c", retires="2026-02-01", replaced_by="gpt-6-sol"),
        "gpt-6-sol": facts("openai", "gpt-6-sol"),
    }
    monkeypatch.setattr(lifecycle, "facts", lambda _, model: table[model])
    lifecycle._successor.cache_clear()
    assert lifecycle._successor("openai", "c", DAY)[0] == "gpt-6-sol"
    assert lifecycle._successor("openai", "a", DAY)[0] == "b"
    lifecycle._successor.cache_clear()


def test_an_empty_answer_is_explained():
    """Where reasoning used up the limit, a note says so; an answer that was cut, or pictures, need none."""
    asked = request("openai", model="gpt-5", max_tokens=100)
    [note] = unanswered(asked, Completion(text="", finish_reason="length"))
    assert "max_tokens=100 was used up" in note
    assert "reasoning='low'" in note
    assert unanswered(asked, Completion(text="so", finish_reason="length")) == ()
    assert unanswered(asked, Completion(text="", finish_reason="stop")) == ()


# ------------------------------------------------------------------------------ down the whole road


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a provider's own address on this machine, and the calendar on a fixed day."""
    monkeypatch.setattr(lifecycle, "today", lambda: DAY)

    def put(name: str, url: str) -> None:
        provider = replace(providers.get(name), base_url=url)
        real = providers.get
        monkeypatch.setattr(providers, "get", lambda asked: provider if asked == name else real(asked))

    return put


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with_home = Client(tmp_path / "home")
    yield with_home
    with_home.close()


def test_the_originals_default_goes_through(client: Client, here: Callable[[str, str], None]):
    """gpt-5, 1024 tokens, temperature 0.5: refused without adapt, answered with it; a replay says the same notes."""
    with peers.serve() as peer:
        here("openai", peer.url)
        how: dict[str, Any] = {"model": "openai/gpt-5", "api_key": "k", "seed": 7, **DEFAULT}
        with pytest.raises(RequestError, match="temperature"):
            client.complete("hi", **how)
        first = client.complete("hi", adapt=True, **how)
        again = client.complete("hi", adapt=True, **how)
        [seen] = peer.seen
    assert seen.body == {
        "model": "gpt-5",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 1024,
        "reasoning_effort": "low",
        "seed": 7,
    }
    assert first.text == "answer to hi"
    assert len(first.notes) == 3
    assert (again.replayed, again.notes, again.key) == (True, first.notes, first.key)
    assert first.key == antiphon.key(client.request("hi", **how))


def test_a_retired_model_is_asked_and_its_error_explained(client: Client, here: Callable[[str, str], None]):
    """Without adapt the provider decides; where it knows the model no more, the hint says when it went. With adapt its successor answers."""
    with peers.serve() as peer:
        here("openai", peer.url)
        how: dict[str, Any] = {"model": "openai/gpt-4-turbo", "api_key": "k", "seed": 1}
        peer.status, peer.error = 404, {"error": {"message": "gone", "code": "model_not_found", "type": "t"}}
        with pytest.raises(NotFound, match="gone") as caught:
            client.complete("hi", **how)
        assert caught.value.hint.startswith("gpt-4-turbo was retired on 2026-10-23: use gpt-5.6-sol")
        assert peer.seen[-1].body["model"] == "gpt-4-turbo"
        peer.status = 200
        answer = client.complete("hi", adapt=True, **how)
        assert (answer.model, peer.seen[-1].body["model"]) == ("gpt-5.6-sol", "gpt-5.6-sol")
        assert answer.notes == (
            "gpt-5.6-sol was asked in place of gpt-4-turbo, which was retired on 2026-10-23",
        )


def test_a_replay_says_what_was_said_on_its_day(
    client: Client, here: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
):
    """A recording made while the model lived is not told as its successor's when it is replayed years later."""
    with peers.serve() as peer:
        here("openai", peer.url)
        how: dict[str, Any] = {"model": "openai/gpt-5.1", "api_key": "k", "seed": 1, "adapt": True}
        monkeypatch.setattr(lifecycle, "today", date.today)
        first = client.complete("hi", **how)
        monkeypatch.setattr(lifecycle, "today", lambda: date(2040, 1, 1))
        again = client.complete("hi", **how)
    assert (again.replayed, again.notes, again.model) == (True, first.notes, first.model)


class _Unknown(BaseHTTPRequestHandler):
    """Bedrock's way of saying that it knows a model no more."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"message":"The provided model identifier is invalid."}'
        self.send_response(400)
        self.send_header("x-amzn-ErrorType", "ValidationException:http://internal.amazon.com/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_bedrocks_validation_error_is_explained_too(
    client: Client, here: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
):
    """A 400 ValidationException for a model that AWS has ended gets the hint with AWS's date."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Unknown)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        here("bedrock", "")
        url = f"http://127.0.0.1:{server.server_port}"
        # The address stands for AWS's own here, so that the dates hold there.
        monkeypatch.setattr(lifecycle, "_is_theirs", lambda *_: True)
        with pytest.raises(Rejected, match="identifier is invalid") as caught:
            client.complete(
                "hi", provider="bedrock", base_url=url, api_key="k",
                model="us.anthropic.claude-3-7-sonnet-20250219-v1:0",
            )  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
    assert caught.value.code == "ValidationException"
    assert "was retired on 2026-04-28: use us.anthropic.claude-sonnet-5-5" in caught.value.hint
