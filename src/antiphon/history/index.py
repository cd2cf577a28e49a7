"""The index: made from the store as it grows, the newest recordings first, by one process at a time.

The store says what there is. What was added is found by its number, and everything else (removed, replaced, another
file in the store's place) by comparing all keys and numbers, which takes a fraction of a second for 100,000.
"""

from __future__ import annotations

import os
import sqlite3
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..locks import Turn
from ..replay.lease import Leases
from ..replay.pins import pinned
from .facts import Facts, Raw, facts
from .file import has_trigrams

if TYPE_CHECKING:
    from ..replay import Store
    from ..replay.database import Database

__all__ = ["Index", "forget", "mark"]

GROUP = 500  # recordings that are written in one transaction
LEAST = 16  # recordings that are read in at each look, however little time there is
SAMPLES = 7  # recordings by which another file in the store's place is told
# All keys and numbers without reading a recording: where the file is damaged they are told all the same.
_KEYS = "INDEXED BY sqlite_autoindex_recordings_1"
_LEASE = f"k1:{'0' * 64}"  # the place in history.lock for whoever makes the index
_RAW = "id, key, provider, model, seed, recorded_at, digest, reply, question"
_NONE = array("q")
_UNUSED = "DELETE FROM workflows WHERE sha256 NOT IN (SELECT workflow FROM origins)"
_ORPHAN = 3600.0  # seconds after which what belongs to no recording is dropped


class State(NamedTuple):
    """By what a change of the store is told: cheap to look at, and different after every commit of anybody."""

    version: int
    newest: int | None
    files: tuple[tuple[int, ...], ...]


class Index:
    """The index of one store in one database. Safe to use from any thread."""

    def __init__(self, store: Store, database: Database) -> None:
        self.store = store
        self.recordings = cast("Database", store.database)  # a history is made over a file
        self.database = database
        self._leases = Leases(database.path.with_name("history.lock"))
        self._turn = Turn()
        self._owner = os.getpid()
        self._todo = array("q")  # numbers in the store, ascending: the newest are taken from the end
        self._seen: State | None = None
        self._seen_to = 0  # the highest number that was looked at
        self._unsure = False  # what is gone was not looked for, because much was missing

    def catch_up(self, budget: float | None) -> bool:
        """Bring the index up to date, for at most `budget` seconds; whether it is."""
        end = float("inf") if budget is None else time.monotonic() + budget
        if self._owner != os.getpid():  # a forked child: a thread that is not here any more may hold the lock
            self._owner, self._turn, self._seen = os.getpid(), Turn(), None
        with self._turn.within(-1 if budget is None else max(budget, 0)) as mine:
            if not mine:
                return False
            state = self._state()
            if state == self._seen and not self._todo:
                return True
            if not self._leases.take(_LEASE):
                return False
            try:
                return self._caught_up(state, end)
            finally:
                self._leases.drop(_LEASE)

    def close(self) -> None:
        """Let the lock file go."""
        self._leases.close()

    def distrust(self) -> None:
        """Compare everything at the next look."""
        with self._turn.within(-1):
            self._seen, self._todo = None, array("q")

    # ------------------------------------------------------------------------------- what is to be done

    def _state(self) -> State:
        row = self.recordings.row(
            "SELECT (SELECT data_version FROM pragma_data_version), (SELECT max(id) FROM recordings)", ()
        )
        version, newest = row or (0, None)
        path = self.store.path
        return State(version, newest, tuple(map(_stamp, (path, path.with_name(path.name + "-wal")))))

    def _caught_up(self, state: State, end: float) -> bool:
        if state != self._seen:
            self._look()
            self._seen = state
        while self._todo:
            self._read_in(end)
            if self._todo and time.monotonic() > end:
                return False
        if self._unsure:
            self._seen, self._unsure = None, False
            return self._caught_up(self._state(), end)
        return True

    def _look(self) -> None:
        """Find out what is to be done."""
        with self.recordings.snapshot() as there:
            if there is None:
                return  # no store: nothing is shown, and nothing is forgotten for good
            with self.database.snapshot() as here:
                new = self._added(there, here)
                if new is not None:
                    todo, gone = new, _NONE
                elif here is None or _another_file(there, here):
                    todo, gone = _numbers(there), None
                else:
                    todo, gone = _compared(there, here)
                lost = _lost(there, here, gone or _NONE)
            pins = pinned(self.recordings, there)
            newest = there.execute("SELECT max(id) FROM recordings").fetchone()[0] or 0
        with self.database.writing() as db:
            forget(db, gone, lost)
            mark(db, pins)
            if new is None and not todo:
                drop_orphans(db, time.time() - _ORPHAN)
        self._todo = array("q", sorted(todo)) if new is None else array("q", [*self._todo, *todo])
        self._seen_to = newest

    def _added(self, there: sqlite3.Connection, here: sqlite3.Connection | None) -> array[int] | None:
        """The numbers that are new, where nothing else has changed; None where that is not sure."""
        if self._seen is None or here is None:
            return None
        rows = there.execute(
            "SELECT id, key FROM recordings WHERE id > ? ORDER BY id", (self._seen_to,)
        ).fetchall()
        if self._todo:
            self._unsure = True
            return array("q", (row[0] for row in rows))
        if len(rows) > 20 * GROUP or not _same_last(there, here):
            return None
        known = sum(
            here.execute("SELECT 1 FROM entries WHERE key = ?", row[1:]).fetchone() is not None
            for row in rows
        )
        count, total = _count(here, "entries"), _count(there, "recordings")
        return array("q", (row[0] for row in rows)) if total == count + len(rows) - known else None

    # ------------------------------------------------------------------------------------- reading in

    def _read_in(self, end: float) -> None:
        """Read the newest of what is missing, as many as there is time for, and write them down."""
        batch = self._todo[-GROUP:]
        rows, pins = self._rows(batch)
        found: list[Facts] = []
        done = 0
        for number in reversed(batch):  # the newest first
            done += 1
            if number in rows:
                found.append(facts(rows[number]))
            if done >= LEAST and time.monotonic() > end:
                break
        # Ascending: FTS5 writes out what it has whenever a number is lower than the one before.
        found.sort(key=lambda it: it.raw.id)
        with self.database.writing() as db:
            write(db, found, pins)
        self.database.written(sum(len(it.body) * 4 + 1_000 for it in found))
        del self._todo[len(self._todo) - done :]

    def _rows(self, numbers: Sequence[int]) -> tuple[dict[int, Raw], set[bytes]]:
        """Those of these recordings that are not in the index, and the pinned keys."""
        with self.recordings.snapshot() as there, self.database.snapshot() as here:
            if there is None:
                return {}, set()
            here_already = set[tuple[Any, ...]]()
            if here is not None:
                marks = f"id >= {int(min(numbers))} AND id <= {int(max(numbers))}"
                here_already = set(here.execute(f"SELECT id, key, recorded_at FROM entries WHERE {marks}"))  # noqa: S608
            rows = (_row(there, number) for number in numbers)
            wanted = {
                row.id: row for row in rows if row and (row.id, row.key, row.recorded_at) not in here_already
            }
            return wanted, pinned(self.recordings, there)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _row(db: sqlite3.Connection, number: int) -> Raw | None:
    """A recording as it is; without what cannot be read where the file is damaged there."""
    try:
        row = db.execute(f"SELECT {_RAW} FROM recordings WHERE id = ?", (number,)).fetchone()  # noqa: S608
    except sqlite3.DatabaseError:
        rows = db.execute(f"SELECT key, id FROM recordings {_KEYS}")  # noqa: S608
        found = next((key for key, own in rows if own == number), None)
        return None if found is None else Raw(number, found, "", "", None, 0.0, b"", b"", b"")
    return None if row is None else Raw(*row)


def _count(db: sqlite3.Connection, table: str) -> int:
    return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608


def _numbers(db: sqlite3.Connection) -> array[int]:
    return array("q", (row[1] for row in db.execute(f"SELECT key, id FROM recordings {_KEYS}")))  # noqa: S608


def _another_file(there: sqlite3.Connection, here: sqlite3.Connection) -> bool:
    """Whether what was recorded first, last and in between is not what it was: then nothing else counts either."""
    span = here.execute("SELECT min(id), max(id) FROM entries").fetchone()
    if span[0] is None:
        return False
    step = max((span[1] - span[0]) // (SAMPLES - 1), 1)
    for start in [*range(span[0], span[1], step), span[1]]:
        own = here.execute(
            "SELECT id, key, recorded_at FROM entries WHERE id >= ? ORDER BY id LIMIT 1", (start,)
        ).fetchone()
        theirs = there.execute("SELECT key, recorded_at FROM recordings WHERE id = ?", own[:1]).fetchone()
        if theirs is not None and theirs[0] == own[1] and theirs[1] != own[2]:
            return True
    return False


def _same_last(there: sqlite3.Connection, here: sqlite3.Connection) -> bool:
    """Whether the last recording in the index is still the one of this number: numbers are given again."""
    own = here.execute("SELECT id, key, recorded_at FROM entries ORDER BY id DESC LIMIT 1").fetchone()
    sql = "SELECT id, key, recorded_at FROM recordings WHERE id = ?"
    return own is None or own == there.execute(sql, own[:1]).fetchone()


def _lost(there: sqlite3.Connection, here: sqlite3.Connection | None, gone: Iterable[int]) -> list[bytes]:
    """The keys of those that are gone from the index, where nothing is recorded under them any more."""
    if here is None:
        return []
    rows = (here.execute("SELECT key FROM entries WHERE id = ?", (number,)).fetchone() for number in gone)
    found = "SELECT 1 FROM recordings WHERE key = ?"
    return [row[0] for row in rows if row and there.execute(found, row).fetchone() is None]


def _compared(there: sqlite3.Connection, here: sqlite3.Connection) -> tuple[array[int], array[int]]:
    """The numbers that are missing in the index, and those in it that are gone or another recording's."""
    left: Iterator[tuple[bytes, int]] = there.execute(f"SELECT key, id FROM recordings {_KEYS} ORDER BY key")  # noqa: S608
    right: Iterator[tuple[bytes, int]] = here.execute("SELECT key, id FROM entries ORDER BY key")
    missing, gone = array("q"), array("q")
    ours, theirs = next(right, None), next(left, None)
    while ours or theirs:
        if ours == theirs:
            ours, theirs = next(right, None), next(left, None)
        elif theirs is None or (ours is not None and ours <= theirs):
            assert ours is not None
            gone.append(ours[1])
            ours = next(right, None)
        else:
            missing.append(theirs[1])
            theirs = next(left, None)
    return missing, gone


# --------------------------------------------------------------------------------------------- writing


def write(db: sqlite3.Connection, found: Iterable[Facts], pins: set[bytes]) -> None:
    """Put recordings into the index, in the order of their numbers, each in place of what was there before."""
    found = list(found)
    old = array("q")
    for it in found:
        rows = db.execute("SELECT id FROM entries WHERE id = ? OR key = ?", (it.raw.id, it.raw.key))
        old.extend(row[0] for row in rows)
    drop(db, old)
    for it in found:
        raw = it.raw
        db.execute(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                raw.id, raw.key, raw.recorded_at, raw.provider, raw.model, raw.key in pins,
                it.input_tokens, it.output_tokens, it.nano,
            ),
        )  # fmt: skip
        db.execute(
            "INSERT INTO texts VALUES (?, ?, ?, ?, ?, ?, ?)",
            (raw.id, raw.seed, it.prompt, it.text, it.media, it.finish_reason, it.problem),
        )
    bodies = [(it.raw.id, it.body) for it in found]
    if not has_trigrams():
        db.executemany("INSERT INTO search_content VALUES (?, ?)", bodies)
        return
    db.executemany("INSERT INTO search (rowid, body) VALUES (?, ?)", bodies)
    db.executemany(
        "INSERT INTO han (rowid, body) VALUES (?, ?)", [(it.raw.id, it.han) for it in found if it.han]
    )


def _bodies() -> tuple[tuple[str, str], ...]:
    """The tables of what is searched, and the columns of their numbers."""
    return (("search", "rowid"), ("han", "rowid")) if has_trigrams() else (("search_content", "id"),)


def drop(db: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Take these out of the index, and nothing else of them."""
    ids = [(number,) for number in sorted(set(numbers))]
    for table, column in (("entries", "id"), ("texts", "id"), *_bodies()):
        db.executemany(f"DELETE FROM {table} WHERE {column} = ?", ids)  # noqa: S608


def forget(db: sqlite3.Connection, numbers: Iterable[int] | None, keys: Iterable[bytes]) -> None:
    """Take these numbers (None: all) out of the index, and of these keys all that is kept beside it."""
    if numbers is None:
        for table in ("entries", "texts", *(name for name, _ in _bodies())):
            db.execute(f"DELETE FROM {table}")  # noqa: S608
    else:
        drop(db, numbers)
    rows = [(key,) for key in keys]
    if not rows:
        return
    db.executemany("DELETE FROM replays WHERE key = ?", rows)
    db.executemany("DELETE FROM origins WHERE key = ?", rows)
    db.execute(_UNUSED)


def mark(db: sqlite3.Connection, pins: set[bytes]) -> None:
    """Have the index say which recordings are pinned."""
    marked = {row[0] for row in db.execute("SELECT key FROM entries WHERE pinned")}
    db.executemany("UPDATE entries SET pinned = 0 WHERE key = ?", [(key,) for key in marked - pins])
    db.executemany("UPDATE entries SET pinned = 1 WHERE key = ?", [(key,) for key in pins - marked])


def drop_orphans(db: sqlite3.Connection, before: float) -> None:
    """Drop counts and workflows, older than that, of recordings that are no more."""
    for table in ("replays", "origins"):
        db.execute(
            f"DELETE FROM {table} WHERE at < ? AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.key = {table}.key)",  # noqa: S608
            (before,),
        )
    db.execute(_UNUSED)
