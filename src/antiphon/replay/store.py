"""The store of recorded replies: get, put, leases, listings. docs/design/replay.md says why it is as it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ..call import Reply
from ..errors import ReplayError
from ..places import home
from ..request import Media, Request
from .canon import TAG, canonical, key_of
from .failures import Busy, damaged
from .lease import Leases
from .packing import (
    REPLY_WORTH_PACKING,
    Question,
    media_in,
    pack,
    pack_question,
    pack_reply,
    snippet,
    unpack,
    unpack_question,
    unpack_reply,
)
from .pins import pin, unpin

if TYPE_CHECKING:
    import sqlite3

    from .interface import Connection, Ground
    from .portable import Imported
    from .upkeep import Pruned, Report

__all__ = ["Details", "Entry", "Recording", "Store"]

# Bytes that are compressed and written without waiting; more than that takes milliseconds.
PROMPT_SIZE = 262_144

_GET = "SELECT provider, model, seed, recorded_at, digest, reply FROM recordings WHERE key = ?"
DELETE_UNUSED = "DELETE FROM blobs WHERE sha256 = ? AND NOT EXISTS (SELECT 1 FROM media WHERE media.sha256 = blobs.sha256)"
_ENTRY = "key, provider, model, seed, recorded_at, snippet, size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded reply, and whose answer it is. `recorded_at` is in unix seconds.

    `carried`: it came with a workflow and is not in the store.
    """

    key: str
    provider: str
    model: str
    seed: int | None
    recorded_at: float
    reply: Reply
    carried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a listing. `snippet` is the start of the last user message, `size` the stored bytes."""

    key: str
    provider: str
    model: str
    seed: int | None
    recorded_at: float
    snippet: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """All there is about one recording.

    `request` is the canonical request as JSON objects, media by their SHA-256; `sent` the body that went out,
    None if a medium of it is lost; `media` the sizes in bytes of the media that are kept, by SHA-256.
    """

    recording: Recording
    request: dict[str, Any]
    sent: bytes | None
    media: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A recording as it goes into the file. `media` are all the media of the request, by SHA-256."""

    key: str
    provider: str
    model: str
    seed: int | None
    recorded_at: float
    snippet: str
    digest: bytes
    reply: bytes
    question: bytes
    media: tuple[str, ...]

    @property
    def size(self) -> int:
        """Stored bytes."""
        return len(self.reply) + len(self.question)

    @property
    def columns(self) -> tuple[Any, ...]:
        """What the table of recordings holds of it, in the table's order, without the id."""
        return (
            stored_key(self.key),
            self.provider,
            self.model,
            None if self.seed is None else str(self.seed),
            self.recorded_at,
            self.snippet,
            self.size,
            self.digest,
            self.reply,
            self.question,
        )


class Selection(NamedTuple):
    """Which recordings: of a provider, of a model, recorded at this unix time or later, whose messages hold a text, pinned."""

    provider: str | None = None
    model: str | None = None
    since: float | None = None
    contains: str | None = None
    pinned: bool = False

    @property
    def needle(self) -> str | None:
        """What `asks` looks for."""
        return None if self.contains is None else self.contains.casefold()

    def where(self, *more: tuple[str, Any]) -> tuple[str, tuple[Any, ...]]:
        """A WHERE clause (or nothing) for all but the text, and its values; with `more` clauses."""
        wanted = (
            ("provider = ?", self.provider),
            ("model = ?", self.model),
            ("recorded_at >= ?", self.since),
            *more,
        )
        clauses = [(clause, value) for clause, value in wanted if value is not None]
        only = ["key IN (SELECT key FROM pins)"] if self.pinned else []
        where = " AND ".join([*only, *(clause for clause, _ in clauses)])
        return f"WHERE {where}" if where else "", tuple(value for _, value in clauses)


class Store:
    """Recorded replies in one SQLite file, by the key of the request.

    Nothing is opened before it is used, and reading never makes a file. Safe to use from any thread, from
    several processes at once, and after a fork. Methods raise ReplayError, which says what is wrong with the
    store and what to do. `clock` gives unix seconds.
    """

    # Looking up and leasing take microseconds: an event loop may do it.
    quick = True

    def __init__(self, path: str | Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path) if path is not None else home() / "replay.sqlite"
        self._clock = clock
        self._leases = Leases(self.path.with_name("replay.lock"))
        self._opened: Ground | None = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return str(self.path)

    def damaged(self, how: str) -> ReplayError:
        """The error for content that is not what was written."""
        return damaged(self.path, how)

    @property
    def database(self) -> Ground:
        """The file below. Imported here, because sqlite3 is slow to import."""
        if self._opened is None:
            from .database import Database

            self._opened = Database(self.path)
        return self._opened

    def close(self) -> None:
        """Close the file. The store opens it again when it is used again."""
        if self._opened is not None:
            self._opened.close()
        self._leases.close()

    # --------------------------------------------------------------------------------- get and put

    def get(self, key: str) -> Recording | None:
        """The recording for this key, or None. ReplayError if it cannot be read or is not what was written."""
        row = self.database.row(_GET, (stored_key(key),))
        if row is None:
            return None
        provider, model, seed, recorded_at, digest, packed = row
        return Recording(
            key=key,
            provider=provider,
            model=model,
            seed=None if seed is None else int(seed),
            recorded_at=recorded_at,
            reply=self._reply(key, packed, digest),
        )

    def put(
        self,
        request: Request,
        key: str,
        *,
        sent: bytes,
        reply: Reply,
        wait: bool = True,
        document: bytes | None = None,
    ) -> None:
        """Record `reply` as the answer to `request`; what was recorded for it before is replaced.

        `sent` is the body that went out, without secrets. Returns when a crash of the process can no longer
        lose it. With `wait=False` it raises Busy instead of holding its thread up: when the store is not open
        for writing yet, when somebody else is writing, and when there is much to write. Then put it again from
        a thread that may wait. `document` is the request's canonical JSON, for a caller who has it.
        """
        media = request.media
        if not wait and (media or len(sent) + len(reply.body) > PROMPT_SIZE):
            raise Busy("this is too much to record without waiting")
        row = self._row(request, key, document or canonical(request), sent, reply)
        blobs = [packed_blob(m.sha256 or "", m.data) for m in media if m.data is not None]
        with self.database.writing(wait=wait) as db:
            self.database.write(db, row, blobs)
        self.database.written(row.size + sum(len(data) for _, _, data in blobs))

    def _row(self, request: Request, key: str, document: bytes, sent: bytes, reply: Reply) -> Row:
        if key_of(document) != key:
            raise ReplayError(f"{key} is not the key of this request")
        plain = pack_reply(reply)
        return Row(
            key=key,
            provider=request.provider,
            model=request.model,
            seed=request.seed,
            recorded_at=self._clock(),
            snippet=snippet(request),
            digest=sha256(plain).digest(),
            reply=pack(plain, REPLY_WORTH_PACKING),
            question=pack(pack_question(document, sent, request.media)),
            media=_hashes(request.media),
        )

    def _reply(self, key: str, packed: bytes, digest: bytes) -> Reply:
        try:
            data = unpack(packed)
            if sha256(data).digest() != digest:
                raise ValueError("the reply does not match its SHA-256")
            return unpack_reply(data)
        except ValueError as error:
            raise self.damaged(f"{key}: {error}") from error

    # -------------------------------------------------------------------------------------- leases

    def try_lease(self, key: str) -> bool:
        """Take the right to make this call, among all threads and processes that share the store.

        True if it was free; then `release` it when the reply is recorded. Never waits. The lease of a process
        that dies is free at once. ReplayError where the system cannot lock: then go on without.
        """
        return self._leases.take(key)

    def release(self, key: str) -> None:
        """Give back a lease that `try_lease` gave. Only who took it may do that."""
        self._leases.drop(key)

    # ------------------------------------------------------------------------------------ listings

    def list(
        self,
        *,
        provider: str | None = None,
        model: str | None = None,
        since: float | None = None,
        contains: str | None = None,
        pinned: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[Entry]:
        """Recordings, the last recorded first. `contains` looks in the whole text of all messages, in any case.

        `since` is in unix seconds; `pinned` leaves the pinned ones. Text is searched by reading recordings until `limit`
        are found: some 20 µs each.
        """
        selection = Selection(provider, model, since, contains, pinned)
        with self.database.snapshot() as db:
            if db is None or (pinned and not self.database.has_pins(db)):
                return []
            rows = self.database.selected(
                db, _ENTRY, selection, "ORDER BY id DESC", limit=limit, offset=offset
            )
            return [_entry(row) for row in rows]

    def count(self) -> int:
        """How many recordings there are."""
        row = self.database.row("SELECT count(*) FROM recordings", ())
        return row[0] if row else 0

    def show(self, key: str) -> Details | None:
        """All there is about one recording, or None. ReplayError if it is damaged."""
        recording = self.get(key)
        row = self.database.row("SELECT question FROM recordings WHERE key = ?", (stored_key(key),))
        if recording is None or row is None:
            return None
        try:
            question = unpack_question(unpack(row[0]))
            blobs = {name: unpack(data) for name, data in self._blobs(media_in(question.request))}
        except ValueError as error:
            raise self.damaged(f"{key}: {error}") from error
        return Details(
            recording=recording,
            request=question.request,
            sent=_whole(question, blobs),
            media={name: len(data) for name, data in blobs.items()},
        )

    def _blobs(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            row = self.database.row("SELECT data FROM blobs WHERE sha256 = ?", (bytes.fromhex(name),))
            if row is not None:
                yield name, row[0]

    def delete(self, key: str) -> bool:
        """Remove one recording, with the media that only it used; whether there was one."""
        with self.database.removing() as db:
            used = "SELECT m.sha256 FROM media m JOIN recordings r ON m.recording = r.id WHERE r.key = ?"
            names = db.execute(used, (stored_key(key),)).fetchall()
            unpin(self.database, db, stored_key(key))
            found = delete_row(db, stored_key(key))
            db.executemany(DELETE_UNUSED, names)
        return found

    def pin(self, key: str, pinned: bool = True) -> bool:
        """Pin a recording, so that `prune` keeps it, or unpin it; whether there is one of this key."""
        with self.database.writing() as db:
            return (pin if pinned else unpin)(self.database, db, stored_key(key))

    # -------------------------------------------------------------------------- portable and upkeep

    def export(
        self,
        file: str | Path | IO[bytes],
        *,
        keys: Iterable[str] | None = None,
        provider: str | None = None,
        model: str | None = None,
        since: float | None = None,
        contains: str | None = None,
    ) -> int:
        """Write the selected recordings (all of them, if nothing is said) to one portable file; how many.

        A path is written whole or not at all. The same recordings always give the same bytes. Unknown keys are a
        ReplayError. The file holds prompts, media and answers, and no credential.
        """
        from .portable import export

        selection = Selection(provider, model, since, contains)
        return export(self, file, None if keys is None else list(keys), selection)

    def import_(
        self, file: str | Path | IO[bytes], *, replace: bool = False, max_bytes: int = 1 << 36
    ) -> Imported:
        """Take in the recordings of a portable file, which may come from anybody.

        The whole file is checked before anything is written; what is wrong with it is a ReplayError that names
        the record. A recording that is here already stays as it is, unless `replace`. `max_bytes` bounds the
        unpacked size of the file (64 GiB).
        """
        from .portable import import_

        return import_(self, file, replace=replace, max_bytes=max_bytes)

    def verify(self) -> Report:
        """Derive every key and every hash again and check the file's structure; the report lists what is bad."""
        from .upkeep import verify

        return verify(self)

    def prune(
        self,
        *,
        older_than: float | None = None,
        max_bytes: int | None = None,
        provider: str | None = None,
        dry_run: bool = False,
    ) -> Pruned:
        """Remove recordings made more than `older_than` seconds ago, then the oldest until `max_bytes` are kept.

        With `provider` only its recordings are looked at and counted; with `provider` alone all of them go.
        Pinned recordings stay, and count towards `max_bytes`. Media that no recording uses any more go too, and the
        freed space is given back to the disk.
        """
        from .upkeep import prune

        return prune(
            self,
            now=self._clock(),
            older_than=older_than,
            max_bytes=max_bytes,
            provider=provider,
            dry_run=dry_run,
        )


# ------------------------------------------------------------------------------------------ rows and SQL


def stored_key(key: str) -> bytes:
    """A key as the file holds it: the version as one byte, then the hash. ReplayError if it is no key."""
    try:
        if key.startswith(TAG) and len(key) == 67:
            return b"\x01" + bytes.fromhex(key[3:])
    except ValueError:
        pass  # the message below covers it
    raise ReplayError(f"not a key: {key[:80]!r}; a key is {TAG} and 64 hex digits")


def shown_key(stored: bytes) -> str:
    """A key as people write it."""
    return TAG + stored[1:].hex()


def asks(question: bytes, needle: str) -> bool:
    """Whether the text of the messages in a packed question contains `needle`, which is casefolded."""
    try:
        messages = unpack_question(unpack(question)).request["messages"]
    except (ValueError, KeyError, TypeError):
        return False  # a damaged row is verify's to report, and no reason for a search to fail
    texts = (part for message in messages for part in message["parts"] if isinstance(part, str))
    return any(needle in text.casefold() for text in texts)


def _entry(row: tuple[Any, ...]) -> Entry:
    key, provider, model, seed, recorded_at, start, size = row
    return Entry(
        key=shown_key(key),
        provider=provider,
        model=model,
        seed=None if seed is None else int(seed),
        recorded_at=recorded_at,
        snippet=start,
        size=size,
    )


def _hashes(media: Iterable[Media]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m.sha256 or "" for m in media if m.data is not None))


def _whole(question: Question, blobs: dict[str, bytes]) -> bytes | None:
    try:
        return question.whole(blobs)
    except KeyError:
        return None


Blob = tuple[bytes, int, bytes]


def packed_blob(name: str, data: bytes) -> Blob:
    """A medium as it goes into the file: SHA-256, size in bytes, packed bytes."""
    return bytes.fromhex(name), len(data), pack(data)


def write(db: sqlite3.Connection, row: Row, blobs: Iterable[Blob]) -> None:
    """Write a recording and its media inside a transaction; one with the same key gives way to it."""
    values = row.columns
    key = values[0]
    insert = "INSERT OR IGNORE INTO recordings VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    written = db.execute(insert, values)
    if written.rowcount == 0:
        # Not an update: a new id keeps the order of recording.
        delete_row(db, key)
        written = db.execute(insert, values)
    for blob in blobs:
        db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)", blob)
    for name in row.media:
        db.execute("INSERT INTO media VALUES (?, ?)", (written.lastrowid, bytes.fromhex(name)))


def delete_row(db: Connection, key: bytes) -> bool:
    """Remove a recording inside a transaction, its media aside; whether there was one."""
    row = db.execute("SELECT id FROM recordings WHERE key = ?", (key,)).fetchone()
    if row is None:
        return False
    db.execute("DELETE FROM recordings WHERE id = ?", row)
    db.execute("DELETE FROM media WHERE recording = ?", row)
    return True
