"""Regular expressions of a JSON Schema, searched for without backtracking and within a budget.

The schema is the author's, but the text comes from a model, and Python's `re` can spend hours on forty characters
(``(a+)+$``) while it holds up every thread. Here each piece of the expression turns the set of places where it
may begin into the set of places where it may end, so that the work is bounded by places times pieces. Only whether
there is a match is asked, so greed does not matter.

The dialect is what ECMA 262 (which JSON Schema means) and Python have in common, read by Python's own parser:
``$`` is the very end. Not taken: back references, flags, atomic groups, ``\\p{…}``.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

__all__ = ["BUDGET", "MAX_PATTERN", "Steps", "TooMuch", "check", "search"]

MAX_PATTERN = 1_000
"""The most characters of one pattern."""
MAX_GROUPS = 100
"""The most groups of one pattern, which may all lie in each other."""
BUDGET = 1_000_000
"""The most steps of one search, or of several together: about half a second."""

Places = set[int]
Piece = Callable[[str, Places, "Steps"], Places]


class TooMuch(Exception):
    """This search would take too long."""


class Steps:
    """What is left of a budget."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = BUDGET

    def take(self, count: int) -> None:
        self.left -= count + 1
        if self.left < 0:
            raise TooMuch


def check(pattern: str) -> str:
    """Why `pattern` cannot be searched for; empty if it can."""
    if len(pattern) > MAX_PATTERN:
        return f"it has more than {MAX_PATTERN:,} characters"
    if pattern.count("(") > MAX_GROUPS:
        return f"it has more than {MAX_GROUPS} groups"
    try:
        _compiled(pattern)
    except (re.error, OverflowError, ValueError) as error:
        return str(error)
    return ""


def search(pattern: str, text: str, steps: Steps | None = None) -> bool:
    """Whether `pattern` is found anywhere in `text`. TooMuch where that takes more steps than are left."""
    steps = steps or Steps()
    steps.take(len(text))
    return bool(_compiled(pattern)(text, set(range(len(text) + 1)), steps))


# The parser behind `re`; hypothesis reads the same trees, in all versions of Python.
_parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Piece:
    tree = _parser.parse(pattern)
    if tree.state.flags & ~re.UNICODE:
        raise ValueError("flags are not taken here")
    return _sequence(tree)


def _sequence(nodes: Iterable[tuple[Any, Any]]) -> Piece:
    pieces = [_piece(str(op), argument) for op, argument in nodes]

    def run(text: str, places: Places, steps: Steps) -> Places:
        for piece in pieces:
            if not places:
                break
            places = piece(text, places, steps)
        return places

    return run


def _piece(op: str, argument: Any) -> Piece:
    if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
        return _character(_test(op, argument))
    if op == "AT":
        return _anchor(str(argument))
    if op == "BRANCH":
        return _branch([_sequence(nodes) for nodes in argument[1]])
    if op == "SUBPATTERN" and not argument[1] and not argument[2]:
        return _sequence(argument[3])
    if op in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, nodes = argument
        return _repeat(_sequence(nodes), int(least), None if most is _parser.MAXREPEAT else int(most))
    if op in ("ASSERT", "ASSERT_NOT"):
        back = argument[1].getwidth()[0] if argument[0] < 0 else 0
        return _look(_sequence(argument[1]), back, wanted=op == "ASSERT")
    raise ValueError(f"{op.lower().replace('_', ' ')} is not taken here")


def _character(test: Callable[[str], bool]) -> Piece:
    def run(text: str, places: Places, steps: Steps) -> Places:
        steps.take(len(places))
        return {place + 1 for place in places if place < len(text) and test(text[place])}

    return run


_CLASSES: dict[str, Callable[[str], bool]] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": lambda char: char.isalnum() or char == "_",
}


def _test(op: str, argument: Any) -> Callable[[str], bool]:
    """Whether one character is meant."""
    if op == "ANY":
        return lambda char: char != "\n"
    if op == "LITERAL":
        return chr(argument).__eq__
    if op == "NOT_LITERAL":
        return chr(argument).__ne__
    if op == "RANGE":
        low, high = argument
        return lambda char: low <= ord(char) <= high
    if op == "CATEGORY":
        name = str(argument).removeprefix("CATEGORY_")
        known = _CLASSES[name.removeprefix("NOT_")]
        return (lambda char: not known(char)) if name.startswith("NOT_") else known
    members = [_test(str(inner), value) for inner, value in argument if str(inner) != "NEGATE"]
    wanted = len(members) == len(argument)
    return lambda char: any(member(char) for member in members) is wanted


def _anchor(code: str) -> Piece:
    word = _CLASSES["WORD"]

    def edge(text: str, place: int) -> bool:
        before = place > 0 and word(text[place - 1])
        return before != (place < len(text) and word(text[place]))

    def holds(text: str, place: int) -> bool:
        if "BOUNDARY" in code:
            return edge(text, place) != ("NON" in code)
        return place == (0 if "BEGINNING" in code else len(text))

    def run(text: str, places: Places, steps: Steps) -> Places:
        steps.take(len(places))
        return {place for place in places if holds(text, place)}

    return run


def _branch(choices: list[Piece]) -> Piece:
    def run(text: str, places: Places, steps: Steps) -> Places:
        return Places().union(*(choice(text, places, steps) for choice in choices))

    return run


def _repeat(body: Piece, least: int, most: int | None) -> Piece:
    def run(text: str, places: Places, steps: Steps) -> Places:
        for _ in range(least):
            if not places:
                return places
            steps.take(1)
            places = body(text, places, steps)
        reached, new, rounds = set(places), places, least
        while new and (most is None or rounds < most):
            new = body(text, new, steps) - reached
            reached |= new
            rounds += 1
        return reached

    return run


def _look(body: Piece, back: int, *, wanted: bool) -> Piece:
    def run(text: str, places: Places, steps: Steps) -> Places:
        return {
            place
            for place in places
            if (place >= back and place in _ends(body, text, place - back, back, steps)) is wanted
        }

    return run


def _ends(body: Piece, text: str, start: int, back: int, steps: Steps) -> Places:
    """Where a look that starts here holds: behind it ends where it was asked, ahead it may end anywhere."""
    steps.take(1)
    ends = body(text, {start}, steps)
    return ends if back or not ends else {start}
