"""The JSON value in a model's text: the whole text, or the one value that it stands around.

Models told to answer with JSON put it into a code fence, explain it, or leave a ``</think>`` before it. What is
read here is read the same everywhere: by the standard parser, whatever faster one is installed, because the
value goes into `Completion.parsed` and the problems into the key of a repair.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple, NoReturn, cast

__all__ = ["MAX_DEPTH", "MAX_TEXT", "Found", "NotJSON", "find", "read"]

MAX_TEXT = 4_000_000
"""The most characters of an answer that are searched for a value."""
MAX_DEPTH = 64
"""The most levels that objects and arrays may lie in each other."""
_MAX_STARTS = 100  # places in the text that are tried; each try may read to the end


class NotJSON(ValueError):
    """No JSON value; the message says why in a few words, without quoting the text."""


class Found(NamedTuple):
    """A value, and the piece of the text that it was read from."""

    value: Any
    text: str


def find(text: str) -> Found:
    """The JSON value in `text`. NotJSON if there is none, or several to choose from.

    A whole text may be any value; inside other text only objects and arrays count, since a number or a word in
    quotes may be prose.
    """
    if len(text) > MAX_TEXT:
        raise NotJSON(f"the answer has more than {MAX_TEXT:,} characters")
    try:
        return Found(read(text), text)
    except NotJSON as error:
        problem = error
    text = text.rpartition("</think>")[2].strip("\ufeff \t\r\n")
    for candidates in (_whole(text), _fenced(text), _embedded(text)):
        found = list(candidates)
        if len(found) > 1 and any(_differ(found[0].value, other.value) for other in found[1:]):
            raise NotJSON("the answer holds several JSON values")
        if found:
            return found[-1]
    raise problem


def read(text: str) -> Any:
    """`text` as JSON (RFC 8259). NotJSON also for NaN, infinite numbers, half characters, and too many levels."""
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise NotJSON(_TOO_DEEP) from None
    except json.JSONDecodeError:  # its words and places differ from one Python to the next
        raise NotJSON("the answer is not JSON" if text.strip() else "the answer is empty") from None
    except ValueError as error:
        raise NotJSON(str(error) if isinstance(error, NotJSON) else "a number has too many digits") from None
    _check(value)
    return value


_TOO_DEEP = f"objects and arrays lie in each other more than {MAX_DEPTH} levels deep"


def _no_constant(name: str) -> NoReturn:
    raise NotJSON(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotJSON("a number is too large")
    return value


def _check(value: Any) -> None:
    """NotJSON for what other programs could not take from us: too many levels, or text that UTF-8 cannot carry."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        texts, level = _one_level(level)
        try:
            "".join(texts).encode()
        except UnicodeEncodeError:
            raise NotJSON("a text holds half a character (a lone surrogate)") from None
        if not level:
            return
    raise NotJSON(_TOO_DEEP)


def _one_level(values: list[Any]) -> tuple[list[str], list[Any]]:
    """The texts among `values`, member names included, and what lies one level deeper."""
    texts: list[str] = []
    deeper: list[Any] = []
    for value in values:
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            texts += members
            deeper += members.values()
        elif isinstance(value, list):
            deeper += cast("list[Any]", value)
    return texts, deeper


# ----------------------------------------------------------------------------------- text around it

# At the start of a line and without a second try on the same characters, so that reading stays linear.
_FENCE = re.compile(r"^ {0,3}```[^`\n]*\n(.*?)^ {0,3}```", re.DOTALL | re.MULTILINE)
_START = re.compile(r"[{\[]")
# How JSON goes on after its first bracket; prose ({x}, [a link](…)) seldom does.
_MEANT = re.compile(r'\{\s*["}]|\[\s*["\[{\d-]')
_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _whole(text: str) -> Iterator[Found]:
    with suppress(NotJSON):
        yield Found(read(text), text)


def _fenced(text: str) -> Iterator[Found]:
    for fence in islice(_FENCE.finditer(text), _MAX_STARTS):
        yield from _whole(fence.group(1).strip())


def _embedded(text: str) -> list[Found]:
    """The objects in `text` that are not part of another value; without any, the arrays ([1] may be a footnote)."""
    found = list(_values(text))
    return [it for it in found if isinstance(it.value, dict)] or found


def _values(text: str) -> Iterator[Found]:
    at, tries = 0, 0
    while tries < _MAX_STARTS and (start := _START.search(text, at)):
        tries += 1
        at = start.end()
        try:
            value, end = _DECODER.raw_decode(text, start.start())
            _check(value)
        except (ValueError, RecursionError):
            if _MEANT.match(text, start.start()):
                return  # broken JSON: what whole values are inside it are not the answer
            continue
        at = end
        yield Found(value, text[start.start() : end])


def _differ(one: Any, other: Any) -> bool:
    # As texts, because Python takes 1, 1.0 and True for equal.
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)
