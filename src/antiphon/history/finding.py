"""Finding recordings in the index: what a person types as text, and the lines of a page."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..replay.store import shown_key
from .facts import folded, han
from .file import has_trigrams
from .values import Item, Query

__all__ = ["counted", "items", "numbers"]

# Words of a search beyond which, and characters of a word beyond which, nothing is looked at.
WORDS, LETTERS = 16, 500
TERMS = 100  # threes of characters that are looked for in place of a word of one or two
# How far is counted: a search has to look at each hit, everything else at some bytes of it.
COUNTED, COUNTED_HITS = 1_000_000, 10_000

_ITEM = """SELECT e.id, e.key, e.provider, e.model, t.seed, t.prompt, t.text, e.recorded_at, e.input_tokens,
 e.output_tokens, e.nano, r.count, r.at, e.pinned, o.key IS NOT NULL, t.media, t.finish_reason, t.problem
 FROM entries e JOIN texts t ON t.id = e.id LEFT JOIN replays r ON r.key = e.key LEFT JOIN origins o ON o.key = e.key
 WHERE e.id = ?"""


class Clauses(NamedTuple):
    """Parts of a SELECT on `entries e` and what its searched texts are joined as."""

    tables: str
    where: tuple[str, ...]
    values: tuple[Any, ...]
    number: str

    def and_(self, where: str, value: object) -> Clauses:
        return self._replace(where=(*self.where, where), values=(*self.values, value))

    @property
    def tail(self) -> str:
        where = f" WHERE {' AND '.join(self.where)}" if self.where else ""
        return f"FROM {self.tables}{where}"


def numbers(db: sqlite3.Connection, query: Query, limit: int) -> list[int]:
    """The numbers of the first `limit` recordings from the cursor on, the newest first."""
    clauses = _clauses(db, query)
    if query.cursor is not None:
        clauses = clauses.and_(f"{clauses.number} < ?", int(query.cursor))
    sql = f"SELECT e.id {clauses.tail} ORDER BY {clauses.number} DESC LIMIT ?"
    return [row[0] for row in db.execute(sql, (*clauses.values, limit))]


def counted(db: sqlite3.Connection, query: Query) -> tuple[int, bool]:
    """How many recordings there are in all, and whether there may be more than were counted."""
    clauses = _clauses(db, query)
    most = COUNTED_HITS if query.search.strip() else COUNTED
    sql = f"SELECT count(*) FROM (SELECT 1 {clauses.tail} LIMIT ?)"  # noqa: S608 - our own clauses
    count = db.execute(sql, (*clauses.values, most + 1)).fetchone()[0]
    return min(count, most), count > most


def items(db: sqlite3.Connection, ids: Iterable[int]) -> Iterator[Item]:
    """The lines of these numbers."""
    for number in ids:
        row = db.execute(_ITEM, (number,)).fetchone()
        if row is not None:
            yield _item(row)


def _item(row: tuple[Any, ...]) -> Item:
    (_, key, provider, model, seed, prompt, text, at, tokens_in, tokens_out, nano, replayed, replayed_at,
     pinned, workflow, media, finish_reason, problem) = row  # fmt: skip
    return Item(
        key=shown_key(key),
        provider=provider,
        model=model,
        seed=None if seed is None else int(seed),
        prompt=prompt,
        text=text,
        recorded_at=at,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost=None if nano is None else nano / 1e9,
        replayed=replayed or 0,
        replayed_at=replayed_at,
        pinned=bool(pinned),
        workflow=bool(workflow),
        media=media,
        finish_reason=finish_reason,
        problem=problem,
    )


# ------------------------------------------------------------------------------------------ the clauses


def _clauses(db: sqlite3.Connection, query: Query) -> Clauses:
    # The pinned are few: their texts are read, instead of looking at every hit whether it is pinned.
    clauses = _searched(db, query.search, by_index=has_trigrams() and query.pinned is not True)
    pinned = None if query.pinned is None else int(query.pinned)
    wanted = (
        ("e.provider = ?", query.provider),
        ("e.model = ?", query.model),
        ("e.recorded_at >= ?", query.since),
        ("e.recorded_at < ?", query.before),
        (("e.pinned" if pinned else "NOT e.pinned") + " AND ? IS NOT NULL", pinned),
    )
    for where, value in wanted:
        if value is not None:
            clauses = clauses.and_(where, value)
    return clauses


def _searched(db: sqlite3.Connection, search: str, *, by_index: bool) -> Clauses:
    """The clauses of a search: every word as the text that it is, wherever it stands."""
    words = [word[:LETTERS] for word in folded(search.replace("\0", " ")).split()[:WORDS]]
    clauses = Clauses("entries e", (), (), "e.id")
    wanted: dict[str, list[str]] = {"search": [], "han": []}
    read: list[str] = []
    for word in words:
        found = _expression(db, word) if by_index else None
        if found is None:
            read.append(word)
        else:
            wanted[found[0]].append(found[1])
    for table, expressions in wanted.items():
        if expressions:
            clauses = _matched(clauses, table, " AND ".join(expressions))
    if read:
        clauses = clauses._replace(tables=f"{clauses.tables} CROSS JOIN search_content c ON c.id = e.id")
    for word in read:
        clauses = clauses.and_("instr(c.c0, ?)", word)
    return clauses


def _expression(db: sqlite3.Connection, word: str) -> tuple[str, str] | None:
    """The table that knows this word and how it is asked; None where every text has to be read."""
    if len(word) > 2:
        return "search", _phrase(word)
    spaced = han(word)
    if spaced.replace(" ", "") == word:
        return "han", _phrase(spaced)
    terms = _terms(db, word)
    if terms is None:
        return None
    return "search", f"({' OR '.join(map(_phrase, terms))})" if terms else _phrase(word + "\n\n\n")


def _terms(db: sqlite3.Connection, start: str) -> list[str] | None:
    """The threes of characters in the index that begin like this; None where they are many."""
    found: list[str] = []
    last = start
    while len(found) <= TERMS:
        sql = "SELECT term FROM search_terms WHERE term > ? AND term < ? LIMIT 1"
        row = db.execute(sql, (last, start + "\U0010ffff")).fetchone()
        if row is None:
            return found
        last = row[0]
        found.append(last)
    return None


def _phrase(text: str) -> str:
    """Text as FTS5 takes it for nothing but text."""
    return '"' + text.replace('"', '""') + '"'


def _matched(clauses: Clauses, table: str, expression: str) -> Clauses:
    """`clauses` with a full-text table; the first one leads, for it knows the hits in order."""
    if clauses.number != "e.id":
        return clauses.and_(f"e.id IN (SELECT rowid FROM {table} WHERE {table} MATCH ?)", expression)  # noqa: S608
    tables = f"{table} CROSS JOIN {clauses.tables} ON e.id = {table}.rowid"
    return clauses._replace(tables=tables, number=f"{table}.rowid").and_(f"{table} MATCH ?", expression)
