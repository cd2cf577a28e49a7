"""Whether a value obeys a JSON Schema, by the jsonschema library where it is installed.

What the words of a problem are made of (keyword, its value, the place in the answer) is ours and not the library's:
they go into the key of a repair, which has to be found again under another version of the library.

A schema is looked over before anything is sent: its draft, its size, its references (which are never fetched) and
its patterns (see `patterns`). Without the library only size, references and patterns are looked at. `format` is
a remark, as JSON Schema has it by default, and not checked.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import Any, TypeVar, cast
from urllib.parse import unquote

from ..errors import RequestError
from ..request import Schema
from . import patterns

__all__ = ["MAX_SCHEMA", "Check", "checker", "forget", "missing"]

MAX_SCHEMA = 256 * 1024
"""The most characters of a schema, as JSON."""
MAX_DEPTH = 64
"""The most levels that objects and arrays may lie in each other in a schema."""
MAX_PROBLEMS = 20
"""The most problems that are told of one answer."""
_MAX_WORDS = 160  # characters of one thing quoted in a problem

T = TypeVar("T")
Check = Callable[[Any], tuple[str, ...]]
"""From a value to its problems, as ``$.items[0].n: must be integer``; none where it obeys the schema."""


def checker(schema: Schema) -> Check | None:
    """What checks values against `schema`, or None without the library. RequestError for a schema that is no good."""
    return _checker(json.dumps(schema.schema, sort_keys=True))


def missing(why: str) -> RequestError:
    """The error where an answer can be had only with the library, and it is not there."""
    return RequestError(
        f"{why}, so the answer has to be checked here, and jsonschema is not installed",
        field="response_format",
        hint="Run `pip install 'antiphon[schema]'`.",
    )


def forget() -> None:
    """Look all schemas over anew: the library has come or gone."""
    _checker.cache_clear()


@lru_cache(maxsize=64)
def _checker(document: str) -> Check | None:
    return _with_room(partial(_looked_over, document))


def _looked_over(document: str) -> Check | None:
    schema = json.loads(document)
    _check_size(document, schema)
    _look_over(schema)
    try:
        library = importlib.import_module("jsonschema")
    except ImportError:
        return None
    return _with(library, schema)


def _bad(problem: str, hint: str = "") -> RequestError:
    return RequestError(f"the JSON Schema {problem}", field="response_format", hint=hint)


# ------------------------------------------------------------------------------ looked over without the library


def _check_size(document: str, schema: Any) -> None:
    if len(document) > MAX_SCHEMA:
        raise _bad(f"has {len(document):,} characters as JSON, more than {MAX_SCHEMA:,}")
    level = [schema]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    raise _bad(f"is nested more than {MAX_DEPTH} levels deep", "Give the inner parts names in $defs.")


def _inside(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).values())
    return cast("list[Any]", value) if isinstance(value, list) else ()


# Where the values under a keyword are data, and where its names are the author's and not keywords.
_DATA = frozenset({"const", "enum", "default", "examples"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})


def _keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every keyword of the schema and of the schemas in it, with its value."""
    if isinstance(schema, list):
        for item in cast("list[Any]", schema):
            yield from _keywords(item)
    if not isinstance(schema, dict):
        return
    for keyword, value in cast("dict[str, Any]", schema).items():
        yield keyword, value
        if keyword in _NAMED and isinstance(value, dict):
            yield from _keywords(list(cast("dict[str, Any]", value).values()))
        elif keyword not in _DATA:
            yield from _keywords(value)


def _look_over(schema: Any) -> None:
    """RequestError for a reference that leads out of the schema or nowhere, and for what cannot be checked here."""
    found = list(_keywords(schema))
    anchors = {value for keyword, value in found if keyword in ("$anchor", "$dynamicAnchor")}
    anchors |= {value[1:] for keyword, value in found if keyword == "$id" and _is_local(value)}
    for keyword, value in found:
        if keyword in _REFERENCES and isinstance(value, str):
            _check_reference(schema, value, anchors)
        elif keyword == "pattern":
            _check_patterns([value])
        elif keyword == "patternProperties" and isinstance(value, dict):
            _check_patterns([*cast("dict[str, Any]", value)])
        elif keyword in _UNCHECKED and not (
            keyword == "$id" and value in (schema.get("$id"), *_local(anchors))
        ):
            raise _bad(f"uses {keyword} in a way that is not checked here", _UNCHECKED[keyword])


_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_UNCHECKED = {
    "unevaluatedProperties": "Say additionalProperties where the properties are.",
    "unevaluatedItems": "Say items where the first items are.",
    "$id": "Name the inner schema in $defs, without an address of its own.",
}


def _local(anchors: set[str]) -> list[str]:
    return [f"#{name}" for name in anchors]


def _is_local(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("#")


def _check_reference(schema: Any, reference: str, anchors: set[str]) -> None:
    if not reference.startswith("#"):
        raise _bad(
            f"refers to {_short(reference)}, and references are not fetched",
            "Copy what it refers to into $defs, and refer to it as '#/$defs/NAME'.",
        )
    path = unquote(reference[1:])
    if path in anchors:
        return
    at = schema
    for step in path.split("/")[1:] if path.startswith("/") or not path else [path]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(at, list) and name.isdecimal() and int(name) < len(cast("list[Any]", at)):
            at = cast("list[Any]", at)[int(name)]
        elif isinstance(at, dict) and path.startswith("/") and name in at:
            at = cast("dict[str, Any]", at)[name]
        else:
            raise _bad(f"refers to {_short(reference)}, which is not in it")


def _check_patterns(found: Sequence[Any]) -> None:
    for pattern in found:
        problem = patterns.check(pattern) if isinstance(pattern, str) else ""
        if problem:
            raise _bad(f"has the pattern {_short(pattern)}, which cannot be searched for: {problem}")


# ----------------------------------------------------------------------------------------- the library

BUDGET = 200_000
"""The most keywords that are looked at for one answer: a second, or three where they lie deep."""
_TRIAL = 20_000  # the same for the trial of a schema
_FRAMES = 600
"""The most calls that a check may lie in each other: of 64 levels in an answer, each asked three keywords, it needs 400."""
_ROOM = 200  # calls that the library may need beyond that; at Python's own limit its hashing ends the thread
_left = threading.local()


def _with(library: Any, schema: Any) -> Check:
    """A check by the library. RequestError for a schema that its draft does not allow."""
    drafts = library.validators
    draft = drafts.validator_for(schema, default=None) or drafts.Draft202012Validator
    if "$schema" in schema and schema["$schema"] not in (
        draft.META_SCHEMA.get(name) for name in ("$id", "id")
    ):
        raise _bad(f"says $schema={_short(schema['$schema'])}, a draft that is not known here")
    try:
        draft.check_schema(schema)
    except library.exceptions.SchemaError as error:
        raise _bad(f"is wrong at {_place(error.absolute_path)}: {_short(error.message)}") from None
    _spell_out(schema)
    # Without a registry of our own the library would fetch what a schema refers to.
    registry = importlib.import_module("referencing").Registry()
    ours = {**draft.VALIDATORS, **_OURS}
    counting = drafts.extend(draft, {name: _counted(run) for name, run in ours.items()})
    validator = counting(schema, registry=registry)
    trials: tuple[Any, ...] = (None, True, 0, "", {}, [])
    for value in trials:  # what never ends, ends here and not when the answer has been paid for
        problems = _problems_of(validator, value, _TRIAL)
        if problems == (_TOO_MUCH,):
            raise _bad("leads back to itself, or branches too often, to be checked")

    return lambda value: _with_room(partial(_problems_of, validator, value))


def _spell_out(schema: Any) -> None:
    """Write ``false`` under a name as a keyword, for the library does not say where it met it."""
    for keyword, value in list(_keywords(schema)):
        if keyword in _NAMED and isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            members.update({name: {"not": {}} for name, inner in members.items() if inner is False})


_TOO_MUCH = "$: takes too long to check, is nested too deeply, or holds numbers that are too large"


def _problems_of(validator: Any, value: Any, budget: int = BUDGET) -> tuple[str, ...]:
    _left.keywords = budget
    _left.searches = patterns.Steps()
    _left.deepest = _depth() + _FRAMES
    try:
        errors = islice(validator.iter_errors(value), 100)
        found = {problem for error in errors for problem in _problems(error)}
    except (patterns.TooMuch, RecursionError, ArithmeticError):
        return (_TOO_MUCH,)
    return tuple(sorted(found)[:MAX_PROBLEMS])


def _depth() -> int:
    """How many calls this one lies in."""
    frame, count = sys._getframe(), 0  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None:
        frame, count = frame.f_back, count + 1
    return count


def _lies_deeper_than(calls: int) -> bool:
    try:
        sys._getframe(calls)  # pyright: ignore[reportPrivateUsage]
    except ValueError:
        return False
    return True


def _with_room(run: Callable[[], T]) -> T:
    """What `run` gives, on a thread of its own where the caller has left too little of Python's stack."""
    if _depth() + _FRAMES + _ROOM < sys.getrecursionlimit():
        return run()
    done: list[T] = []
    failed: list[RequestError] = []

    def elsewhere() -> None:
        try:
            done.append(run())
        except RequestError as error:
            failed.append(error)

    thread = threading.Thread(target=elsewhere, name="antiphon-check")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


Keyword = Callable[[Any, Any, Any, Any], Iterable[Any] | None]


def _counted(run: Keyword) -> Keyword:
    """A keyword of the library that also counts, since schemas can be written that never end."""

    def counting(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterable[Any]:
        _left.keywords -= 1
        if _left.keywords < 0 or _lies_deeper_than(_left.deepest):
            raise patterns.TooMuch
        return run(validator, wanted, value, schema) or ()

    return counting


def _error(message: str) -> Any:
    return importlib.import_module("jsonschema").ValidationError(message)


# The library's own use `re`, or compare every item with every other.


def _search(pattern: str, text: str) -> bool:
    return patterns.search(pattern, text, _left.searches)


def _pattern(_: Any, wanted: str, value: Any, __: Any) -> Iterator[Any]:
    if isinstance(value, str) and not _search(wanted, value):
        yield _error("pattern")


def _pattern_properties(validator: Any, wanted: Mapping[str, Any], value: Any, _: Any) -> Iterator[Any]:
    for pattern, inner in wanted.items() if isinstance(value, dict) else ():
        for name, member in cast("dict[str, Any]", value).items():
            if _search(pattern, name):
                yield from validator.descend(member, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    extra = _extra(cast("dict[str, Any]", value), schema) if isinstance(value, dict) else []
    if isinstance(wanted, dict):
        for name in extra:
            yield from validator.descend(value[name], wanted, path=name)
    elif not wanted and extra:
        yield _error("additionalProperties")


def _extra(value: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """The names that neither properties nor patternProperties know."""
    known, searched = schema.get("properties", ()), schema.get("patternProperties", ())
    return [name for name in value if name not in known and not any(_search(it, name) for it in searched)]


def _unique_items(_: Any, wanted: Any, value: Any, __: Any) -> Iterator[Any]:
    if wanted and isinstance(value, list):
        items = [json.dumps(_plain(item), sort_keys=True) for item in cast("list[Any]", value)]
        if len(set(items)) < len(items):
            yield _error("uniqueItems")


def _plain(value: Any) -> Any:
    """`value` with 1.0 as 1: JSON Schema takes them for the same number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in cast("dict[str, Any]", value).items()}
    return value


_OURS: dict[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}


# -------------------------------------------------------------------------------------------- in words


def _problems(error: Any) -> Iterator[str]:
    """One error of the library in our words; for a choice of schemas, the problems with the one that came closest."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        branches: dict[Any, list[Any]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        for inner in min(branches.values(), key=_distance)[:MAX_PROBLEMS]:
            yield from _problems(inner)
        return
    yield f"{_place(error.absolute_path)}: {_words(error)}"


def _distance(errors: list[Any]) -> tuple[int, bool, int]:
    """How far the answer is from one of several schemas: closest is what got deepest into it, with the fewest errors."""
    deepest = max(len(error.path) for error in errors)
    return -deepest, any(error.validator == "type" and not error.path for error in errors), len(errors)


def _words(error: Any) -> str:
    wanted, value = error.validator_value, error.instance
    if error.validator == "type":
        kinds = cast("list[str]", [wanted] if isinstance(wanted, str) else wanted)
        return f"must be {' or '.join(kinds)}, not {_kind(value)}"
    if error.validator == "required":
        names = cast("list[str]", wanted)
        return f"lacks {', '.join(_short(name) for name in names if name not in value)}"
    if error.validator == "additionalProperties":
        names = _extra(value, error.schema)[:5]
        return f"must not have {', '.join(map(_short, names))}"
    if error.validator in ("enum", "const"):
        return f"must be {'one of ' if error.validator == 'enum' else ''}{_short(wanted)}"
    if error.validator == "not" and wanted == {}:
        return "must not be there"
    return f"does not obey {error.validator}: {_short(wanted)}"


def _kind(value: Any) -> str:
    kinds: dict[type, str] = {
        str: "string",
        bool: "boolean",
        dict: "object",
        list: "array",
        type(None): "null",
    }
    return kinds.get(value.__class__, "number")


def _place(path: Iterable[Any]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step[:_MAX_WORDS]}" for step in path)
    return "$" + "".join(steps)


def _short(value: Any) -> str:
    """`value` as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_WORDS else f"{text[:_MAX_WORDS]}…"
