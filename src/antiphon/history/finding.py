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
    clauses = _clauses(query)
    if query.cursor is not None:
        clauses = clauses.and_(f"{clauses.number} < ?", int(query.cursor))
    sql = f"SELECT e.id {clauses.tail} ORDER BY {clauses.number} DESC LIMIT ?"
    return [row[0] for row in db.execute(sql, (*clauses.values, limit))]


def counted(db: sqlite3.Connection, query: Query) -> tuple[int, bool]:
    """How many recordings there are in all, and whether there may be more than were counted."""
    clauses = _clauses(query)
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


def _clauses(query: Query) -> Clauses:
    clauses = _searched(query.search)
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


def _searched(search: str) -> Clauses:
    """The clauses of a search: every word as the text that it is, wherever it stands."""
    words = [word[:LETTERS] for word in folded(search.replace("\0", " ")).split()[:WORDS]]
    clauses = Clauses("entries e", (), (), "e.id")
    if not words:
        return clauses
    trigrams, long, short = has_trigrams(), list[str](), list[str]()
    characters: list[str] = []
    for word in words:
        spaced = han(word)
        if len(word) > 2 and trigrams:
            long.append(word)
        elif trigrams and spaced.replace(" ", "") == word:
            characters.append(spaced)
        else:
            short.append(word)
    if long:
        clauses = _matched(clauses, "search", long)
    if characters:
        clauses = _matched(clauses, "han", characters)
    if short:
        clauses = clauses._replace(tables=f"{clauses.tables} CROSS JOIN search_content c ON c.id = e.id")
        for word in short:
            clauses = clauses.and_("instr(c.c0, ?)", word)
    return clauses


def _matched(clauses: Clauses, table: str, words: Iterable[str]) -> Clauses:
    """`clauses` with a full-text table; the first one leads, for it knows the hits in order."""
    phrases = " AND ".join('"' + word.replace('"', '""') + '"' for word in words)
    first = clauses.number == "e.id"
    tables = f"{table} CROSS JOIN {clauses.tables}" if first else clauses.tables
    number = f"{table}.rowid" if first else clauses.number
    if first:
        found = clauses._replace(tables=f"{tables} ON e.id = {table}.rowid", number=number)
        return found.and_(f"{table} MATCH ?", phrases)
    return clauses.and_(f"e.id IN (SELECT rowid FROM {table} WHERE {table} MATCH ?)", phrases)  # noqa: S608
