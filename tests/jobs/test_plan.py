"""Templates and columns: what is asked for a row, and what is written of its answer."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.completion import Completion, Usage
from antiphon.errors import Rejected, RequestError
from antiphon.jobs.plan import Plan, rendered

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
ROW = {"name": "a cat", "n": 3, "tags": ["x", "é"], "two words": "w", "none": None}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{name}", "a cat"),
        ("Say {name}, {n} times: {{ name | upper }}", "Say a cat, 3 times: A CAT"),
        ('Like {"x": {}} or { name }', 'Like {"x": {}} or { name }'),
        ("{tags} {{ row['two words'] }}{none}", '["x", "é"] w'),
        ("{% for tag in tags %}{{ tag }};{% endfor %}\n", "x;é;\n"),
        ("{{ '{name}' }}", "{name}"),
        ("no columns at all", "no columns at all"),
    ],
)
def test_templates(template: str, text: str):
    """Short names, Jinja in full, and braces that are only text; objects and lists are shown as JSON."""
    assert rendered(template, ROW, "prompt") == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{missing}", "no column 'missing'"),
        ("x {missing}", "'missing' is undefined"),
        ("{{ name", "fails"),
        ("{{ name.__class__.__mro__ }}", "fails"),
        ("{{ ''.__class__.__base__.__subclasses__() }}", "fails"),
        ("{{ tags.append('z') }}", "fails"),
        ("{none}", "is empty"),
        ("  ", "is empty"),
    ],
)
def test_templates_that_fail(template: str, message: str):
    """Missing columns, wrong syntax, ways out of the sandbox and empty prompts are typed errors."""
    with pytest.raises(RequestError, match=message):
        rendered(template, ROW, "prompt")
    assert ROW["tags"] == ["x", "é"]


@given(st.text(alphabet=st.sampled_from('{}"x: %#'), max_size=20))
def test_braces_never_crash(template: str):
    """Whatever braces stand in a template, it is text or a typed error."""
    with suppress(RequestError):
        assert isinstance(rendered(template, {"x": "1"}, "prompt"), str)


def test_without_jinja(monkeypatch: pytest.MonkeyPatch):
    """A template beyond one column needs Jinja2, and says how to get it; one column and plain text do not."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert rendered("{name}", ROW, "prompt") == "a cat"
    with pytest.raises(RequestError) as caught:
        rendered("Without it: {name}", ROW, "prompt")
    assert "antiphon[batch]" in caught.value.hint


def test_a_whole_request(tmp_path: Path):
    """Prompt, system prompt, media and settings from columns; numbers in tables of texts are numbers."""
    (tmp_path / "a.png").write_bytes(PNG)
    plan = Plan(
        prompt="Describe {file}",
        system="You see {kind}.",
        attach=("file", "more"),
        settings={"seed": "id", "model": "who", "temperature": "t"},
        folder=tmp_path,
    )
    row = {
        "file": "a.png",
        "kind": "cats",
        "more": {"bytes": PNG, "path": "x/b.png"},
        "id": "7",
        "who": "m",
        "t": "",
    }
    request = plan.request(row)
    assert [(medium.name, medium.data) for medium in request.pop("attachments")] == [
        ("a.png", PNG),
        ("b.png", PNG),
    ]
    assert request == {"prompt": "Describe a.png", "system": "You see cats.", "seed": 7, "model": "m"}


@pytest.mark.parametrize(("value", "message"), [(5, "holds no medium"), ("gone.png", "cannot read")])
def test_media_that_are_none(tmp_path: Path, value: Any, message: str):
    """What is no medium, or is not there, is the error of its row."""
    with pytest.raises(RequestError, match=message):
        Plan(prompt="x", attach=("image",), folder=tmp_path).request({"image": value})


ANSWER = Completion(
    text='{"a": 1}',
    parsed={"a": 1, "b": [2]},
    model="m",
    seed=0,
    usage=Usage(input_tokens=3, output_tokens=4),
)


def test_a_record():
    """Kept columns come first, then the answer; what there is not is left out."""
    record = Plan(keep=("name",)).record(5, ROW, "k1:x", ANSWER)
    assert list(record)[:3] == ["index", "name", "key"]
    assert record["parsed"] == {"a": 1, "b": [2]}
    assert "reasoning" not in record
    assert "error" not in record


def test_a_flat_record():
    """For tables: members of the parsed answer and of the usage are columns, lists are JSON, all columns are there."""
    plan = Plan(flat=True, parsed=("a", "b"))
    record = plan.record(5, ROW, "k1:x", ANSWER)
    assert tuple(record) == plan.columns
    assert (record["parsed.a"], record["parsed.b"], record["usage.output_tokens"]) == (1, "[2]", 4)
    failed = plan.record(6, ROW, None, Rejected("no", status=400, code="bad"))
    assert (failed["error.type"], failed["error.status"], failed["error.again"]) == ("Rejected", 400, False)
    assert json.loads(Plan(flat=True).record(5, ROW, "k", ANSWER)["parsed"]) == {"a": 1, "b": [2]}


def test_a_column_that_would_be_overwritten():
    """A kept column named as one of the answer's is refused before anything is asked."""
    with pytest.raises(RequestError, match="'text' cannot be kept"):
        Plan(keep=("text",))
