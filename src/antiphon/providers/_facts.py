"""What is known about models: one table (models.json), by families of model names, with a source and a date for each row.

A row names a maker and the models it speaks of, by a regular expression over the maker's own name for them, matched
from its start. All rows that match a model count: what they refuse adds up, and of every other fact the first row
that states it has the say. Rows of the user's own, in models.json of the home folder, come first; they may
also say what a model takes after all (`takes`). How a provider's names lead to a maker's is on the provider (Maker).
The table is read when a provider with makers is first used, once in a process.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast

from ..dialects import Model, Refusal
from ..errors import RequestError
from ..places import home

__all__ = ["LEVELS", "Maker", "Row", "facts", "read", "refusals", "rows"]

TABLE = Path(__file__).with_name("models.json")

# A level of reasoning as tokens, where a model takes nothing else: what Google's own OpenAI-compatible address
# makes of them.
LEVELS: Mapping[str, int] = {"low": 1_024, "medium": 8_192, "high": 24_576}


@dataclass(frozen=True, slots=True)
class Maker:
    """A maker whose models a provider serves.

    `before` is a regular expression for what stands before the maker's own name for a model; `dotted` says that
    versions are written 4.5 here where the maker writes 4-5. `dates` says how far the maker's dates of
    retirement hold: "own" (this is where the maker itself serves its models), "told" (worth telling, but others
    may still serve the model), or "none" (this provider has dates of its own, in rows with its name as `at`).
    """

    name: str
    before: str = ""
    dotted: bool = False
    dates: str = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table. What it does not state is None or empty.

    `examples` are model names that it matches (at the provider `at`, if it holds only there). `reasons` says
    whether a model reasons without being told to, `budget` the least and most tokens of a reasoning budget,
    `prefill` whether a last message of the assistant's is gone on with. `dated` is the day the row was checked.
    """

    maker: str
    models: str
    examples: tuple[str, ...]
    source: str
    dated: str
    at: str = ""
    refuses: tuple[Refusal, ...] = ()
    takes: frozenset[str] = frozenset()
    reasons: bool | None = None
    budget: tuple[int, int] | None = None
    prefill: bool | None = None
    inputs: frozenset[str] | None = None
    outputs: frozenset[str] | None = None
    context: int | None = None
    max_output: int | None = None
    retires: str | None = None
    replaced_by: str | None = None


# ---------------------------------------------------------------------------------------------- reading


@cache
def rows() -> tuple[Row, ...]:
    """All rows, the user's own first. RequestError names file, row and field where the user's are wrong."""
    own = _own()
    return (*(read(own) if own is not None and own.exists() else ()), *read(TABLE))


def _own() -> Path | None:
    try:
        return home() / "models.json"
    except (
        ImportError
    ):  # a clone in ComfyUI has no platformdirs, and no home but the one that is settled there
        return None


def read(path: Path) -> tuple[Row, ...]:
    """The rows in this file. RequestError names file, row and field where one is wrong."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _wrong(path, f"cannot be read as JSON: {error}") from None
    found: object = document.get("rows") if isinstance(document, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(found, list):
        raise _wrong(path, 'must be {"rows": [ … ]}')
    return tuple(_row(path, number, row) for number, row in enumerate(cast("list[object]", found), 1))


_STATED = tuple(field.name for field in fields(Row))
_NEEDED = ("maker", "models", "examples", "source", "dated")
_TEXTS = ("maker", "models", "source", "dated", "at", "retires", "replaced_by")
_LISTS = ("examples", "takes", "inputs", "outputs")
_NUMBERS = ("context", "max_output")
_SWITCHES = ("reasons", "prefill")


def _row(path: Path, number: int, given: object) -> Row:
    where = f"row {number}"
    if not isinstance(given, dict):
        raise _wrong(path, f"{where} is no object")
    row = cast("dict[str, Any]", given)
    where = f"{where} ({row.get('models')!r})"
    for name in row.keys() - {*_STATED}:
        raise _wrong(path, f"{where} has a field {name!r}; there are {', '.join(_STATED)}")
    for name in _NEEDED:
        if name not in row:
            raise _wrong(path, f"{where} has no {name!r}")
    for name, value in row.items():
        if problem := _problem(name, value):
            raise _wrong(path, f"{where}: {name} {problem}, not {value!r}")
    if row.get("at") and ("refuses" in row or "takes" in row):
        raise _wrong(path, f"{where} holds at {row['at']} only, so it cannot refuse or take settings")
    values: dict[str, Any] = {
        name: frozenset(value) if name in ("takes", "inputs", "outputs") else _frozen(value)
        for name, value in row.items()
    }
    values["refuses"] = tuple(_refusal(path, where, row, refusal) for refusal in row.get("refuses", ()))
    return Row(**values)


def _frozen(value: object) -> object:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def _problem(name: str, value: object) -> str:
    """What is wrong with this value, in words; nothing if it is right."""
    if name in _TEXTS and not isinstance(value, str):
        return "must be text"
    if name in ("dated", "retires") and not _is_day(value):
        return "must be a day such as 2026-12-11"
    if name == "models" and not _is_expression(value):
        return "must be a regular expression"
    if name in _LISTS and not _are_texts(value):
        return "must be a list of texts"
    if name in _NUMBERS and not _is_count(value):
        return "must be a number of tokens"
    if name in _SWITCHES and not isinstance(value, bool):
        return "must be true or false"
    if name == "budget":
        pair = cast("list[object]", value) if isinstance(value, list) else []
        return "" if len(pair) == 2 and all(map(_is_count, pair)) else "must be two numbers of tokens"
    return "must be a list" if name == "refuses" and not isinstance(value, list) else ""


def _is_day(value: object) -> bool:
    try:
        return date.fromisoformat(str(value)).isoformat() == value
    except ValueError:
        return False


def _is_expression(value: object) -> bool:
    try:
        re.compile(str(value))
    except re.error:
        return False
    return True


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in cast("list[object]", value))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _refusal(path: Path, where: str, row: Mapping[str, Any], given: object) -> Refusal:
    known = ("settings", "takers", "together", "unless_reasoning_off", "source")
    refusal = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    good = refusal.keys() <= {*known} and _are_texts(refusal.get("settings")) and refusal["settings"]
    good = good and all(isinstance(refusal.get(name, ""), str) for name in ("takers", "source"))
    switches = ("together", "unless_reasoning_off")
    if not good or any(not isinstance(refusal.get(name, False), bool) for name in switches):
        raise _wrong(path, f"{where}: refuses must hold objects of {', '.join(known)}, not {given!r}")
    return Refusal(
        row["models"],
        frozenset(refusal["settings"]),
        refusal.get("source", row["source"]),
        takers=refusal.get("takers", ""),
        together=refusal.get("together", False),
        unless_reasoning_off=refusal.get("unless_reasoning_off", False),
    )


def _wrong(path: Path, problem: str) -> RequestError:
    return RequestError(
        f"{path}: {problem}",
        field="models.json",
        hint="Its form is described in docs/how-to/model-facts.md; without the file the table is as shipped.",
    )


# ---------------------------------------------------------------------------------------------- asking


def refusals(maker: str, before: str = "") -> tuple[Refusal, ...]:
    """What the models of `maker` refuse, where `before` (a regular expression) stands before the maker's names."""
    found: list[Refusal] = []
    lifted: list[Row] = []
    for row in rows():
        if row.maker != maker:
            continue
        for refusal in row.refuses:
            found += _spared(refusal, lifted)
        if row.takes:
            lifted.append(row)
    return tuple(
        replace(refusal, models=f"{before}(?:{refusal.models})") if before else refusal for refusal in found
    )


def _spared(refusal: Refusal, lifted: Sequence[Row]) -> Iterator[Refusal]:
    """`refusal` without what an earlier row says is taken."""
    for row in lifted:
        if common := refusal.settings & row.takes:
            rest = refusal.settings - (refusal.settings if refusal.together else common)
            if rest:
                yield replace(refusal, models=f"(?={row.models})(?:{refusal.models})", settings=rest)
            refusal = replace(refusal, models=f"(?!{row.models})(?:{refusal.models})")
    yield refusal


@lru_cache(maxsize=4096)
def facts(provider: str, model: str) -> Model:
    """What the table knows of this model of this provider; a bare Model where it knows nothing.

    `details` hold `reasons`, `budget` and `prefill` (see Row), `refuses` (the settings refused in any case),
    `dates` ("own" or "told", see Maker; only with `retires`), and `sources`, each with its date.
    """
    from . import get

    stated: dict[str, Any] = {}
    details: dict[str, Any] = {}
    sources: list[str] = []
    for maker in get(provider).makers:
        head = re.match(maker.before, model)
        for row in _matching(maker, provider, model) if head else ():
            _add(stated, row, ("context", "max_output", "inputs", "outputs"))
            _add(details, row, ("reasons", "budget", "prefill"))
            if row.retires and "retires" not in stated and (row.at or maker.dates != "none"):
                stated["retires"] = row.retires
                stated["replaced_by"] = row.replaced_by and _named(maker, head, row.replaced_by)
                details["dates"] = "own" if row.at else maker.dates
            sources.append(f"{row.source} ({row.dated})")
    if sources:
        details["sources"] = tuple(dict.fromkeys(sources))
    return Model(name=model, **stated, details=details)


def _matching(maker: Maker, provider: str, model: str) -> Iterator[Row]:
    for row in rows():
        here = row.maker == maker.name and row.at in ("", provider)
        if here and re.match(f"{maker.before}(?:{row.models})", model):
            yield row


def _add(to: dict[str, Any], row: Row, names: Sequence[str]) -> None:
    for name in names:
        if name not in to and getattr(row, name) is not None:
            to[name] = getattr(row, name)


def _named(maker: Maker, head: re.Match[str] | None, bare: str) -> str:
    """The maker's name for a model as it is written here, behind the same `head`."""
    written = bare
    if maker.dotted:  # and without the date of a snapshot
        written = re.sub(r"-(\d+)-(\d{1,2})(-\d{8})?$", r"-\1.\2", bare)
    return (head.group() if head else "") + written
