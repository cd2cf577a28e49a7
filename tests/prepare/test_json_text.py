"""The JSON value in a model's text, and that no text whatever ends otherwise than in a value or NotJSON."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.prepare.json_text import MAX_DEPTH, MAX_TEXT, NotJSON, find, read

N = {"n": 3}
THREE = '{"n": 3}'


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        (THREE, THREE),
        (f"\n {THREE} \n", f"\n {THREE} \n"),
        (f"\ufeff{THREE}", THREE),
        (f"```json\n{THREE}\n```", THREE),
        (f"Sure!\n```\n{THREE}\n```\nAnything else?", THREE),
        (f"  ```json\n  {THREE}\n  ```", THREE),
        (f"```json\n{THREE}", THREE),  # a fence that is not closed
        (f"It is {THREE}, I think.", THREE),
        (f"Braces {{like}} these, [a link](x) and a footnote [1] are prose: {THREE}", THREE),
        (f"<think>{{'n': 1}} or {{\"n\": 2}}?</think>\n\n{THREE}", THREE),
        (f"Hm.</think>{THREE}", THREE),
        (f"First\n```json\n{THREE}\n```\nand again\n```json\n{THREE}\n```", THREE),
    ],
)
def test_the_value_is_found(text: str, piece: str) -> None:
    """In fences, in prose, behind thoughts; with the piece of text that it was read from."""
    assert find(text) == (N, piece)


def test_any_value_counts_when_it_is_the_whole_text() -> None:
    """In prose a number or a quoted word is prose; an array is a value where no object is."""
    assert [find(text).value for text in ("3", '"a"', "null", "[1]")] == [3, "a", None, [1]]
    assert find("They are [1, 2].").value == [1, 2]
    for prose in ("There are 3 of them", 'He said "a"', "null and void"):
        with pytest.raises(NotJSON, match="the answer is not JSON"):
            find(prose)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("{'n': 3}", "not JSON"),
        ('{"n": 3,}', "not JSON"),
        ('{"n": [1, 2], oops: 3}', "not JSON"),  # the array inside is not the answer
        ('{"n": ', "not JSON"),
        ('{"n": 1} or {"n": 2}', "several"),
        ('```\n{"n": 1}\n```\n```\n{"n": 2}\n```', "several"),
        ("1 0", "not JSON"),
        ("NaN", "NaN is not JSON"),
        ("[Infinity]", "Infinity is not JSON"),
        ("1e999", "too large"),
        ("1" * 5000, "too many digits"),
        (r'"\ud800"', "half a character"),
        (r'{"\udfff": 1}', "half a character"),
        ("[" * 100 + "]" * 100, f"more than {MAX_DEPTH} levels"),
        ("[" * 200_000, "levels"),
        (" " * (MAX_TEXT + 1), f"more than {MAX_TEXT:,} characters"),
    ],
)
def test_what_is_no_value_says_why(text: str, says: str) -> None:
    """Broken, ambiguous, or beyond what other programs could take: a reason that does not quote the text."""
    with pytest.raises(NotJSON, match=says) as caught:
        find(text)

    assert len(str(caught.value)) < 100


def test_one_and_true_are_different_values() -> None:
    """Python takes 1, 1.0 and true for equal, JSON's readers do not."""
    with pytest.raises(NotJSON, match="several"):
        find('{"n": 1} {"n": true}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(JSON, st.booleans())
def test_every_value_is_read_as_it_was_written(value: Any, escaped: bool) -> None:
    """Bare, fenced, and in prose where it is an object: the same value."""
    text = json.dumps(value, ensure_ascii=escaped)
    assert same(find(text).value, value)
    assert same(find(f"Here:\n```json\n{text}\n```").value, value)
    if isinstance(value, dict):
        assert same(find(f"So {text} it is.").value, value)


PIECES = st.sampled_from(
    ['{"a": ', "[", "]", "}", "{", '"', "\\", ":", ",", "1", "-", "1e9", "NaN", "null", "\\ud83d", "\n",
     "```", "```json\n", "<think>", "</think>", " ", "x", "é", "\x00", "\ufeff"]
)  # fmt: skip


@given(st.text() | st.lists(PIECES, max_size=40).map("".join))
def test_no_text_ends_in_another_error(text: str) -> None:
    """Whatever a model writes is a value that JSON can carry, or NotJSON."""
    try:
        value = find(text).value
    except NotJSON:
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    "piece", ["{", "[", '{"a": ', '{"a": "x', "```\n", "```", "```a\n{", "[a] ", '{"a": 1} ', "</think>", "[1,", '"', " "]
)  # fmt: skip
def test_reading_takes_no_more_than_the_text_is_long(piece: str) -> None:
    """Four million characters of anything are read within the test's time limit, which what is quadratic would miss."""
    text = piece * (MAX_TEXT // len(piece))
    found: Any = None
    with suppress(NotJSON):
        found = find(text).value
    assert found == ({"a": 1} if piece == '{"a": 1} ' else None)


def test_numbers_are_those_of_the_standard_parser() -> None:
    """Whole numbers stay whole beyond 64 bits, where faster parsers make floats of them."""
    assert read("12345678901234567890123") == 12345678901234567890123
    assert math.isclose(read("1.5"), 1.5)
