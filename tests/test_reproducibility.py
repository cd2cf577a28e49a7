"""The page that says what comes back the same: its table is true, and behind every promise stands a test that is there."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from antiphon import providers
from antiphon.dialects._common import dumps
from antiphon.request import Config, Message, Request

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reference" / "reproducibility.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
ROWS = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+?) \| (.*?) ?\|$", PAGE, re.MULTILINE)
SEED = 2**40 + 7  # folded to 7


@pytest.mark.parametrize(("file", "name"), NAMED, ids="::".join)
def test_a_named_test_is_there(file: str, name: str) -> None:
    """Each test that the page names stands in the file that it names, and says what it claims."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    [found] = [it for it in tree.body if isinstance(it, ast.FunctionDef) and it.name == name]
    assert ast.get_docstring(found)


def test_every_promise_names_a_test() -> None:
    """No row of the tables of promises is without one."""
    tables = re.findall(r"^\| what .* \| its test \|\n\|---\|---\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE)
    promises = [line for table in tables for line in table.splitlines()]
    assert len(tables) == 2
    assert len(promises) > 10
    assert all("::test_" in line.rsplit(" | ", 1)[1] for line in promises)


def test_every_way_has_a_row() -> None:
    """All providers and dialects are in the table, in order."""
    ways = [(name, dialect) for name in providers.names() for dialect in providers.get(name).ways]
    assert [row[:2] for row in ROWS] == ways


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_the_seed_goes_where_the_page_says(row: tuple[str, str, str, str]) -> None:
    """What a seed changes in the body is the field that the page names, and what goes with it; or nothing."""
    name, dialect, field, along = row
    with_seed, without = (encoded(name, dialect, seed) for seed in (SEED, None))
    if field == "not sent":
        assert with_seed == without
        return
    wanted: dict[str, Any] = {field.strip("`"): 7, **flat(json.loads(along.strip("`")) if along else {})}
    added = {path: value for path, value in flat(with_seed).items() if flat(without).get(path) != value}
    assert added == wanted


def encoded(name: str, dialect: str, seed: int | None) -> dict[str, Any]:
    """The body of a greeting."""
    way = providers.get(name).way(dialect)
    request = Request(
        provider=name, dialect=dialect, messages=(Message("user", "Hi"),), config=Config(model="m"), seed=seed
    )
    return json.loads(dumps(way.dialect.encode(request, way.quirks, stream=False)))


def flat(value: dict[str, Any], before: str = "") -> dict[str, Any]:
    """The leaves of an object under their dotted names."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found.update(flat(inner, f"{before}{name}.") if isinstance(inner, dict) else {before + name: inner})
    return found
