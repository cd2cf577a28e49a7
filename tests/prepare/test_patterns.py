"""Patterns: the same verdict as `re` where both can, and none that takes for ever."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.prepare.patterns import MAX_PATTERN, Steps, TooMuch, check, search

ATOMS = ["a", "b", "1", "\n", ".", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "\\b", "^", "[ab]", "[^a]", "[a-b1]", "[^\\d]",
         "-", "(?=a)", "(?!b)", "(?<=a)", "(?<!ab)", "\\A", "\\Z"]  # fmt: skip


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    repeats = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,3}", "*?", "+?", "{2,}"])
    return st.one_of(
        st.lists(inner, max_size=4).map("".join),
        pair.map("(?:{0[0]}|{0[1]})".format),
        pair.map("({0[0]}){0[1]}".format),
        st.tuples(inner, repeats).map("(?:{0[0]}){0[1]}".format),
    )


@given(st.recursive(st.sampled_from(ATOMS), grown, max_leaves=8), st.text("ab1 \n-é", max_size=12))
def test_the_verdict_is_that_of_re(pattern: str, text: str) -> None:
    """Any expression of the common dialect on any text."""
    assert check(pattern) == ""
    assert search(pattern, text) is bool(re.search(pattern, text))


def test_the_end_is_the_very_end() -> None:
    """As in ECMA 262, which JSON Schema means; Python's own `$` also stands before a last line end."""
    assert not search("a$", "a\n")
    assert search("a$", "a")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^(a+)+$", "a" * 20_000 + "b"),
        (r"^(a|a)*$", "a" * 20_000 + "b"),
        (r"^(a|aa)+$", "a" * 20_000 + "b"),
        (r"^([a-z]+)*\d$", "a" * 20_000),
        (r".*.*.*.*=", "x" * 20_000),
        (r"^(a?){40}a{40}$", "a" * 39),
        (r"^[a-z0-9]+(-[a-z0-9]+)*$", "a-" * 10_000),
    ],
)
def test_what_takes_re_for_ever_is_answered(pattern: str, text: str) -> None:
    """The classics of catastrophic backtracking."""
    assert check(pattern) == ""
    assert search(pattern, text) is False


def test_a_budget_ends_what_is_too_much_work() -> None:
    """Many places times many pieces is an error, and several searches can share one budget."""
    with pytest.raises(TooMuch):
        search(r"(?=.*b)a", "a" * 5_000)
    with pytest.raises(TooMuch):
        search("(((a{1000}){1000}){1000})", "a" * 1_000_000)
    steps = Steps()
    assert search("x", "y" * 300_000, steps) is False
    with pytest.raises(TooMuch):
        search("x", "y" * 300_000, steps)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(", "unterminated"),
        (r"\p{L}", "bad escape"),
        (r"(a)\1", "groupref"),
        ("(?i)a", "flags"),
        ("(?i:a)", "subpattern"),
        ("(" * 400 + ")" * 400, "groups"),
        ("x" * (MAX_PATTERN + 1), f"{MAX_PATTERN:,}"),
    ],
)
def test_what_cannot_be_searched_for_says_why(pattern: str, says: str) -> None:
    """Before anything is sent, not when an answer has been paid for."""
    assert says in check(pattern)
