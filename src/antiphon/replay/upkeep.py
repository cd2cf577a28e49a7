"""Looking after a store: does everything still match its hash, and dropping what is old or too much."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

from .canon import TAG, canonical_json
from .packing import media_in, unpack, unpack_question, unpack_reply
from .pins import has_pins
from .store import DELETE_UNUSED, shown_key

if TYPE_CHECKING:
    import sqlite3

    from .store import Store

__all__ = ["Problem", "Pruned", "Report", "prune", "verify"]

# Recordings removed, and pages given back, in one transaction, so that other processes get their turn.
GROUP = 1_000
PAGES = 512


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it was written. `key` is the recording's, empty where it is not about one."""

    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` looked at, and what it found wrong; true if nothing is."""

    recordings: int
    media: int
    problems: tuple[Problem, ...]

    def __bool__(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `prune` removed, or would remove: recordings, media, and their stored bytes."""

    recordings: int
    media: int
    bytes: int


# ----------------------------------------------------------------------------------------------- verify


def verify(store: Store) -> Report:
    """Read everything, and derive every key and hash again."""
    import sqlite3

    problems: list[Problem] = []
    counts = [0, 0]
    with store.database.snapshot() as db:
        if db is None:
            return Report(0, 0, ())
        try:
            problems += [
                Problem("", row[0]) for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"
            ]
            for number, check in enumerate((_checked_recordings, _checked_media)):
                for found in check(db):
                    counts[number] += 1
                    problems += found
        except sqlite3.DatabaseError as error:
            problems.append(Problem("", f"the file cannot be read any further: {error}"))
    return Report(counts[0], counts[1], tuple(problems))


def _checked_recordings(db: sqlite3.Connection) -> Iterator[list[Problem]]:
    here = {row[0].hex() for row in db.execute("SELECT sha256 FROM blobs")}
    linked: dict[int, set[str]] = defaultdict(set)
    for recording, name in db.execute("SELECT recording, sha256 FROM media"):
        linked[recording].add(name.hex())
    columns = "id, key, provider, model, seed, digest, reply, question"
    for row in db.execute(f"SELECT {columns} FROM recordings ORDER BY id"):  # noqa: S608
        wrong: list[str] = []
        try:
            wrong.extend(_wrong(row, linked.get(row[0], set()), here))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            wrong.append(f"not readable: {error}")
        yield [Problem(_name(row), what) for what in wrong]


def _name(row: tuple[Any, ...]) -> str:
    return shown_key(row[1]) if isinstance(row[1], bytes) else f"row {row[0]}"


def _wrong(row: tuple[Any, ...], linked: set[str], here: set[str]) -> Iterator[str]:
    _, key, provider, model, seed, digest, reply, question = row
    plain = unpack(reply)
    if sha256(plain).digest() != digest:
        yield "the reply does not match its SHA-256"
    unpack_reply(plain)
    asked = unpack_question(unpack(question))
    request = asked.request
    if canonical_json(request) != asked.document or TAG + sha256(asked.document).hexdigest() != shown_key(
        key
    ):
        yield "the request does not have this key"
    columns = (provider, model, None if seed is None else int(seed))
    if columns != (request["provider"], request.get("config", {}).get("model", ""), request.get("seed")):
        yield "the listing does not agree with the request"
    names = set(media_in(request))
    if linked != names:
        yield "the list of its media does not agree with the request"
    for name in sorted((names | {name for _, name in asked.cuts}) - here):
        yield f"the medium {name} is missing"


def _checked_media(db: sqlite3.Connection) -> Iterator[list[Problem]]:
    for name, size, packed in db.execute("SELECT sha256, size, data FROM blobs"):
        try:
            data = unpack(packed)
        except ValueError as error:
            yield [Problem("", f"the medium {name.hex()} is not readable: {error}")]
            continue
        good = sha256(data).digest() == name and len(data) == size
        yield [] if good else [Problem("", f"the medium {name.hex()} does not match its SHA-256")]


# ------------------------------------------------------------------------------------------------ prune


def prune(
    store: Store,
    *,
    now: float,
    older_than: float | None,
    max_bytes: int | None,
    provider: str | None,
    dry_run: bool,
) -> Pruned:
    """Remove recordings by age, then by size; then media that nobody uses; then give the space back."""
    with store.database.snapshot() as db:
        if db is None:
            return Pruned(0, 0, 0)
        newest = db.execute("SELECT max(recorded_at) FROM recordings").fetchone()[0]
        everything = provider is not None and older_than is None and max_bytes is None
        before = None if older_than is None else now - older_than
        doomed = _doomed(db, provider, before, 0 if everything else max_bytes)
        counts = _counted(db, doomed)
    if not dry_run:
        _remove(store, doomed, newest)
        _give_back(store)
    return counts


def _doomed(
    db: sqlite3.Connection, provider: str | None, before: float | None, max_bytes: int | None
) -> array[int]:
    """The ids of what has to go: all from before that time, and beyond that the oldest until the rest fits.

    What is pinned stays, and so takes its room first.
    """
    media = _media_sizes(db)
    counted: set[bytes] = set()
    doomed = array("q")
    kept = 0
    pinned = "key IN (SELECT key FROM pins)" if has_pins(db) else "0"
    rows = db.execute(
        f"SELECT id, recorded_at, size, {pinned} AS pinned FROM recordings WHERE ? IS NULL OR provider = ? "  # noqa: S608
        "ORDER BY pinned DESC, recorded_at DESC, id DESC",
        (provider, provider),
    )
    for number, recorded_at, size, stays in rows:
        # A medium counts with the newest recording that uses it: it stays until that one goes.
        new = {name: n for name, n in media.get(number, {}).items() if name not in counted}
        counted.update(new)
        kept += size + sum(new.values())
        too_much = max_bytes is not None and kept > max_bytes
        if not stays and (too_much or (before is not None and recorded_at < before)):
            doomed.append(number)
    return doomed


def _media_sizes(db: sqlite3.Connection) -> dict[int, dict[bytes, int]]:
    """For each recording that has media: their stored sizes."""
    sizes: dict[int, dict[bytes, int]] = defaultdict(dict)
    query = "SELECT m.recording, m.sha256, length(b.data) FROM media m JOIN blobs b ON b.sha256 = m.sha256"
    for recording, name, size in db.execute(query):
        sizes[recording][name] = size
    return sizes


def _counted(db: sqlite3.Connection, doomed: array[int]) -> Pruned:
    gone = set(doomed)
    size = sum(row[1] for row in db.execute("SELECT id, size FROM recordings") if row[0] in gone)
    used = {name for number, media in _media_sizes(db).items() if number not in gone for name in media}
    unused = {name: n for name, n in db.execute("SELECT sha256, length(data) FROM blobs") if name not in used}
    return Pruned(len(gone), len(unused), size + sum(unused.values()))


def _remove(store: Store, doomed: array[int], newest: float | None) -> None:
    ids = iter(doomed)
    while group := [(number, newest) for number in islice(ids, GROUP)]:
        with store.database.writing() as db:
            # A number is used again when the last row goes; what is newer than our look is not what we saw.
            unpinned = "AND key NOT IN (SELECT key FROM pins)" if has_pins(db) else ""
            db.executemany(
                f"DELETE FROM recordings WHERE id = ? AND recorded_at <= ? {unpinned}",  # noqa: S608
                group,
            )
        store.database.written(GROUP * 4_096)
    with store.database.writing() as db:
        db.execute("DELETE FROM media WHERE recording NOT IN (SELECT id FROM recordings)")
        names = db.execute(
            "SELECT sha256 FROM blobs WHERE sha256 NOT IN (SELECT sha256 FROM media)"
        ).fetchall()
        db.executemany(DELETE_UNUSED, names)


def _give_back(store: Store) -> None:
    """Shrink the file. Page by page and not by VACUUM, which needs the space of a second copy and locks all out."""
    left = None
    while left != 0:
        with store.database.writing() as db:
            db.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
            before, left = left, db.execute("PRAGMA freelist_count").fetchone()[0]
        if left == before:  # a file made without incremental vacuum: what is free is used again
            break
    store.database.checkpoint("TRUNCATE")
