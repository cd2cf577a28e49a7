"""Recordings in one file that another machine can import. docs/design/replay.md has the format.

Gzip of JSON lines: a first line that says what the file is, then media and recordings, then a last line with
their counts. A file may come from anybody, so all of it is checked before the store is touched.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..call import Reply
from ..errors import ReplayError
from .canon import TAG
from .packing import Question, media_in, unpack, unpack_question, unpack_reply
from .reading import FORMAT, MAX_LINE, Found, bad, record_json, record_sum, recordings_in
from .store import Selection, packed_blob, shown_key, stored_key

if TYPE_CHECKING:
    from .interface import Connection, Ground, ReplayStore

__all__ = ["Imported", "export", "import_"]

# Recordings, and bytes of them, written in one transaction, so that other processes get their turn.
GROUP = 200
GROUP_SIZE = 1 << 24


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import found: recordings that are new here, that were here with the same reply, or with another one."""

    new: int = 0
    same: int = 0
    conflicting: int = 0


# ----------------------------------------------------------------------------------------------- export


def export(
    store: ReplayStore, file: str | Path | IO[bytes], keys: list[str] | None, selection: Selection
) -> int:
    """Write recordings to `file`; how many."""
    if not isinstance(file, str | Path):
        return _write(store, file, keys, selection)
    path = Path(file)
    try:
        with _whole_or_not(path) as stream:
            return _write(store, stream, keys, selection)
    except OSError as error:
        raise ReplayError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def _whole_or_not(path: Path) -> Generator[IO[bytes]]:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor, not a path
            yield stream
        os.replace(name, path)  # noqa: PTH105
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise


def _write(store: ReplayStore, stream: IO[bytes], keys: list[str] | None, selection: Selection) -> int:
    with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as lines, store.database.snapshot() as db:
        lines.write(_line(FORMAT))
        recordings = 0
        written: set[str] = set()
        for row in _selected(store.database, db, keys, selection):
            recordings += 1
            for line in _recording_lines(store, db, row, written):
                if len(line) > MAX_LINE:
                    raise ReplayError(f"{shown_key(row[0])} is too large for a portable file")
                lines.write(line)
        lines.write(_line({"end": {"recordings": recordings, "media": len(written)}}))
    return recordings


def _selected(
    ground: Ground, db: Connection | None, keys: list[str] | None, selection: Selection
) -> Iterator[tuple[Any, ...]]:
    wanted = None if keys is None else {stored_key(key) for key in keys}
    found: list[tuple[int, bytes]] = []
    if db is not None:
        rows = ground.selected(db, "id, key", selection, "ORDER BY id")
        found = [(row[0], row[1]) for row in rows if wanted is None or row[1] in wanted]
    missing = (wanted or set()) - {key for _, key in found}
    if missing:
        raise ReplayError(f"nothing (so selected) is recorded for {shown_key(min(missing))}")
    for number, _ in found:
        assert db is not None
        yield db.execute(
            "SELECT key, recorded_at, digest, reply, question FROM recordings WHERE id = ?", (number,)
        ).fetchone()


def _recording_lines(
    store: ReplayStore, db: Connection | None, row: tuple[Any, ...], written: set[str]
) -> Iterator[bytes]:
    """The lines of one recording: media that the file does not have yet, then itself."""
    assert db is not None
    stored, recorded_at, digest, reply, question = row
    key = shown_key(stored)
    try:
        plain = unpack(reply)
        asked = unpack_question(unpack(question))
        if sha256(plain).digest() != digest or TAG + sha256(asked.document).hexdigest() != key:
            raise ValueError("it does not match its SHA-256")
        for name in media_in(asked.request):
            if name not in written:
                yield _line({"data": b64encode(_medium(db, name)).decode(), "medium": name})
                written.add(name)
        recording = _recording(key, recorded_at, unpack_reply(plain), asked)
    except ValueError as error:
        raise store.damaged(f"{key}: {error}") from error
    yield _line({"recording": recording, "sha256": record_sum(recording)})


def _medium(db: Connection, name: str) -> bytes:
    row = db.execute("SELECT data FROM blobs WHERE sha256 = ?", (bytes.fromhex(name),)).fetchone()
    data = unpack(row[0]) if row else b""
    if sha256(data).hexdigest() != name:
        raise ValueError(f"the medium {name} is {'damaged' if row else 'missing'}")
    return data


def _recording(key: str, recorded_at: float, reply: Reply, asked: Question) -> dict[str, Any]:
    timings = reply.timings
    return {
        "key": key,
        "recorded_at": recorded_at,
        "request": asked.request,
        "sent": _text(asked.sent),
        "cuts": asked.cuts,
        "reply": {
            "status": reply.status,
            "headers": reply.headers,
            "timings": [timings.queue, timings.first_token, timings.total],
            "body": _text(reply.body),
        },
    }


def _line(value: object) -> bytes:
    return record_json(value) + b"\n"


def _text(data: bytes) -> str | dict[str, str]:
    """Bytes in JSON: as text where they are UTF-8, otherwise as base64 in an object."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


# ----------------------------------------------------------------------------------------------- import


def import_(store: ReplayStore, file: str | Path | IO[bytes], *, replace: bool, max_bytes: int) -> Imported:
    """Take in the recordings of `file`, once all of it has been checked."""
    with _seekable(file) as stream:
        start = stream.tell()
        here = _media_here(store)
        for found in recordings_in(stream, max_bytes):
            here.update(found.media)
            _check_media(found, here)
        stream.seek(start)
        return _take(store, recordings_in(stream, max_bytes), replace=replace)


@contextmanager
def _seekable(file: str | Path | IO[bytes]) -> Generator[IO[bytes]]:
    """The file, which is read twice; what comes through a pipe is copied first."""
    if not isinstance(file, str | Path):
        if file.seekable():
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            yield copy
        return
    try:
        with Path(file).open("rb") as stream:
            yield stream
    except OSError as error:
        raise ReplayError(f"cannot read {file}: {error.strerror or error}") from error


def _media_here(store: ReplayStore) -> set[str]:
    with store.database.snapshot() as db:
        return (
            set()
            if db is None
            else {row[0].hex() for row in store.database.each(db, "SELECT sha256 FROM blobs")}
        )


def _check_media(found: Found, here: set[str]) -> None:
    for name in found.row.media:
        if name not in here:
            raise bad(found.row.key, f"its medium {name} is neither in the file nor in the store")


def _take(store: ReplayStore, recordings: Iterator[Found], *, replace: bool) -> Imported:
    counts = Imported()
    for group in _groups(recordings):
        counts = store.database.again(partial(_take_group, store, group, counts, replace=replace))
        store.database.written(sum(found.size for found in group))
    return counts


def _take_group(store: ReplayStore, group: list[Found], counts: Imported, *, replace: bool) -> Imported:
    with store.database.writing() as db:
        for found in group:
            counts = _take_one(store.database, db, found, counts, replace=replace)
    return counts


def _groups(recordings: Iterator[Found]) -> Iterator[list[Found]]:
    group: list[Found] = []
    for found in recordings:
        group.append(found)
        if len(group) >= GROUP or sum(found.size for found in group) > GROUP_SIZE:
            yield group
            group = []
    if group:
        yield group


def _take_one(ground: Ground, db: Connection, found: Found, counts: Imported, *, replace: bool) -> Imported:
    row = db.execute("SELECT reply FROM recordings WHERE key = ?", (stored_key(found.row.key),)).fetchone()
    if row is None:
        _insert(ground, db, found)
        return Imported(counts.new + 1, counts.same, counts.conflicting)
    if _same(row[0], found.reply):
        return Imported(counts.new, counts.same + 1, counts.conflicting)
    if replace:
        _insert(ground, db, found)
    return Imported(counts.new, counts.same, counts.conflicting + 1)


def _insert(ground: Ground, db: Connection, found: Found) -> None:
    ground.write(db, found.row, [packed_blob(name, data) for name, data in found.media.items()])


def _same(packed: bytes, reply: Reply) -> bool:
    """Whether the stored reply says the same: status and body. Request ids and timings may differ."""
    try:
        here = unpack_reply(unpack(packed))
    except ValueError:
        return False
    return (here.status, here.body) == (reply.status, reply.body)
