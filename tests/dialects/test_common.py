"""What all dialects share: JSON with and without orjson, text in pieces, refusals, settings on the wire."""

from __future__ import annotations

import importlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.call import Reply
from antiphon.dialects import Quirks, Refusal, _checks, _common
from antiphon.errors import RequestError, Unreadable
from antiphon.request import Config, FrozenDict, Message, Request

TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=12,
)


def asked(**config: Any) -> Request:
    return Request(provider="p", messages=(Message("user", "hi"),), config=Config(model="m-1", **config))


# ------------------------------------------------------------------------------------------------ JSON


@given(VALUES)
def test_json_is_the_same_with_orjson_and_without(value: Any):
    """Both codecs write what both read, and read the same values."""
    ours = _common.dumps(value)
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    assert _common.loads(ours) == _common.loads(plain) == json.loads(ours) == json.loads(plain) == value


def test_frozen_values_are_written():
    """What a request holds, frozen dicts and tuples, goes out as objects and arrays."""
    assert _common.dumps({"a": FrozenDict({"b": (1, 2)})}) == b'{"a":{"b":[1,2]}}'


def test_huge_integers_are_written():
    """An integer beyond 64 bits, which orjson cannot write, is written all the same."""
    assert _common.dumps({"n": 2**70}) == b'{"n":1180591620717411303424}'


def test_without_orjson(monkeypatch: pytest.MonkeyPatch):
    """A missing orjson is no error: the standard codec does the work."""

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert _common._fast_codec() is None
    monkeypatch.setattr(_common, "_orjson", None)
    monkeypatch.setattr(_common, "_fast_loads", _common._plain_loads)
    assert _common.dumps({"ä": 1.5}) == '{"ä":1.5}'.encode()
    assert _common.json_event('{"a": "\\ud83d"}') == {"a": "\ud83d"}
    with pytest.raises(ValueError, match="Out of range"):
        _common.dumps({"a": float("inf")})


@pytest.mark.parametrize("text", ["NaN", '{"a": NaN}', '{"a": -Infinity}', "[" * 200_000, "", "{"])
def test_what_is_no_json(text: str):
    """NaN, infinities, endless nesting and broken texts are refused by both codecs."""
    with pytest.raises(ValueError, match=r"."):
        _common.loads(text)
    with pytest.raises(Unreadable):
        _common.json_event(text)


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"[1]", "array"), (b"null", "null"), (b'"a"', "string"), (b"true", "boolean"), (b"1.5", "number")],
)
def test_what_is_no_object(body: bytes, kind: str):
    """JSON of another kind is named in the error."""
    with pytest.raises(Unreadable, match=kind):
        _common.json_document(Reply(200, body))
    with pytest.raises(Unreadable, match=kind):
        _common.json_event(body.decode())


@given(st.text(), st.data())
def test_spoken_text_is_whole_however_it_is_cut(text: str, data: st.DataObject):
    """Cut between any two UTF-16 units, the pieces are sound and make the same text again."""
    units = text.encode("utf-16-le", "surrogatepass")
    cuts = sorted(data.draw(st.sets(st.integers(0, len(units) // 2), max_size=8)))
    edges = [0, *(cut * 2 for cut in cuts), len(units)]
    spoken = _common.SpokenText()
    shown = ""
    for start, end in itertools.pairwise(edges):
        piece = spoken.add(units[start:end].decode("utf-16-le", "surrogatepass"))
        piece.encode()  # no lone surrogates
        shown += piece
    assert spoken.whole() == _common.sound(text)
    assert spoken.whole().startswith(shown)


# -------------------------------------------------------------------------------------------- refusals

QUIRKS = Quirks(
    fields={"temperature": ("temperature",), "top_p": ("top_p",), "top_k": ("options.top_k", "k")},
    reasoning={"low": {"effort": {"level": "low"}}, "off": {}},
    reasoning_budget="effort.budget",
)


@pytest.mark.parametrize(
    ("refusal", "config", "field"),
    [
        (Refusal("m", frozenset({"top_p"}), "s"), {"top_p": 0.5}, "top_p"),
        (Refusal("m", frozenset({"top_p"}), "s"), {"temperature": 0.5}, None),
        (Refusal("x", frozenset({"top_p"}), "s"), {"top_p": 0.5}, None),
        (Refusal("m", frozenset({"reasoning=low"}), "s"), {"reasoning": "low"}, "reasoning"),
        (Refusal("m", frozenset({"reasoning=low"}), "s"), {"reasoning": "off"}, None),
        (Refusal("m", frozenset({"reasoning=budget"}), "s"), {"reasoning": 64}, "reasoning"),
        (Refusal("m", frozenset({"top_p"}), "s", unless_reasoning_off=True), {"top_p": 0.5}, "top_p"),
        (
            Refusal("m", frozenset({"top_p"}), "s", unless_reasoning_off=True),
            {"top_p": 0.5, "reasoning": "off"},
            None,
        ),
        (
            Refusal("m", frozenset({"top_p", "temperature"}), "s", together=True),
            {"top_p": 0.5, "temperature": 1},
            "top_p",
        ),
        (Refusal("m", frozenset({"top_p", "temperature"}), "s", together=True), {"top_p": 0.5}, None),
    ],
)
def test_families_refuse_what_the_table_says(refusal: Refusal, config: dict[str, Any], field: str | None):
    """A refusal holds for its models, its settings and values, alone or together, and for nothing else."""
    quirks = Quirks(
        fields=QUIRKS.fields, reasoning=QUIRKS.reasoning, reasoning_budget="b", refusals=(refusal,)
    )
    if field is None:
        _checks.check(asked(**config), quirks)
        return
    with pytest.raises(RequestError) as caught:
        _checks.check(asked(**config), quirks)
    assert caught.value.field == field
    assert "m-1" in caught.value.message
    assert "Leave it out" in caught.value.hint


def test_settings_lie_where_the_quirks_say():
    """Dots lead into objects, one setting may go out twice, and reasoning is looked up or put as a number."""
    assert _common.settings(asked(top_k=3, reasoning="low"), QUIRKS) == {
        "options": {"top_k": 3},
        "k": 3,
        "effort": {"level": "low"},
    }
    assert _common.settings(asked(reasoning=64), QUIRKS) == {"effort": {"budget": 64}}


def test_quirks_are_not_changed_by_a_request():
    """Merging copies: the provider's table and the user's extra stay as they were."""
    quirks = Quirks(fields={}, always={"a": {"b": 1}}, streamed={"s": 1})
    request = asked(extra={"a": {"c": 2}})
    assert _common.settings(request, quirks, stream=True) == {"a": {"b": 1, "c": 2}, "s": 1}
    assert quirks.always == {"a": {"b": 1}}
    assert request.config.extra == {"a": {"c": 2}}
