"""Recordings in the workflow of a picture: a small bounded JSON object, written for travel, read without trust.

Unlike a portable file it is never imported: whoever opens a stranger's picture hears the words in it, for the requests
of that workflow, and keeps none of them. docs/design/replay.md has the format and the rule.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..call import Reply
from ..errors import ReplayError, RequestError
from ..request import Request
from .canon import TAG, canonical, key_of
from .packing import is_seconds, unpack, unpack_question, unpack_reply
from .store import stored_key

if TYPE_CHECKING:
    from .interface import Connection, ReplayStore

__all__ = ["SMALLEST", "Carried", "Packing", "carried"]

FORMAT = {"antiphon": "carried", "version": 1}
# Least `limit_bytes`: the frame, and the notes on what was left out.
SMALLEST = 4_096
NOTES = 2_048
MOST_NOTES = 16
# Most bytes of one unpacked request or reply, of one packed one in base64, and most recordings that are looked at.
MAX_UNPACKED = 1 << 25
MAX_PACKED = 1 << 25
MAX_RECORDINGS = 1_000
MAX_TYPE = 200
# Most bytes by which another engine's identity makes a request longer.
IDENTITY = 4_096
PIECE = 1 << 18
# Unix seconds in the year 2106: what every calendar can say.
LATEST = 1 << 32

Entry = dict[str, Any]


class Opened(NamedTuple):
    """One recording, unpacked: the canonical request (empty where only its hash travels), the reply, and when it came."""

    document: bytes
    reply: Reply
    recorded_at: float


# ---------------------------------------------------------------------------------------------- writing


def carried(
    store: ReplayStore, keys: Iterable[str], *, limit_bytes: int, before: Carried | None = None
) -> dict[str, Any]:
    """The recordings under `keys` as an object for the metadata of a picture; `json.dumps` of it keeps the limit.

    The newest come first. Where the request does not fit beside its reply, its hash alone (the key) travels; what
    does not fit even so, is not recorded, is damaged, or holds what looks like a key is named in ``left_out``, the
    first 16 of them. What the store does not have is taken from `before`, the recordings that came with the workflow:
    so the words stay with a picture from hand to hand. Media of the requests never travel.

    `limit_bytes` is 4,096 or more, else RequestError. ReplayError if the store cannot be read.
    """
    return Packing(store, limit_bytes=limit_bytes, before=before).packed(keys)


class Packing:
    """`carried` again and again while answers come in: what has been packed once is not read and packed again."""

    def __init__(self, store: ReplayStore, *, limit_bytes: int, before: Carried | None = None) -> None:
        if isinstance(limit_bytes, bool) or not isinstance(limit_bytes, int) or limit_bytes < SMALLEST:
            raise RequestError(
                f"limit_bytes must be a whole number from {SMALLEST}, not {limit_bytes!r}",
                field="limit_bytes",
            )
        self._store = store
        self._before = before
        self._room = limit_bytes - NOTES - _length(FORMAT)
        self._known: dict[str, _Packed] = {}

    def packed(self, keys: Iterable[str]) -> dict[str, Any]:
        """What `carried` gives for these keys. Not for two threads at a time."""
        known, wanted = self._known, list(dict.fromkeys(keys))
        known.update(self._look([key for key in wanted if known.get(key, ABSENT) == ABSENT]))
        room, recordings, left_out = self._room, dict[str, Entry](), dict[str, str]()
        for key, packed in sorted(((key, known[key]) for key in wanted), key=lambda it: -it[1].age):
            fitting = packed.fitting(room)
            if fitting is None:
                left_out[key] = packed.reason
                known[key] = packed._replace(entries=())  # nor will it when there is more that is newer
                continue
            recordings[key], size = fitting
            room -= size
        told = dict(list(left_out.items())[:MOST_NOTES])
        return {**FORMAT, "recordings": recordings, **({"left_out": told} if told else {})}

    def _look(self, keys: list[str]) -> dict[str, _Packed]:
        """Each key with its recording, or with the reason why there is none."""
        found: dict[str, _Packed] = {}
        if not keys:
            return found
        with self._store.database.snapshot() as db:
            for key in keys:
                row = _row(db, key)
                opened = _passed_on(self._before, key) if row is None else _opened(row)
                found[key] = _packed_up(-1 if row is None else row[0], opened, self._room)
        return found


class _Packed(NamedTuple):
    """A recording as it may travel: with its request, or without; `reason` says why it does not."""

    age: int  # the number of its row, larger for newer ones
    entries: tuple[tuple[Entry, int], ...] = ()  # each with the characters it takes
    reason: str = "too large"

    def fitting(self, room: int) -> tuple[Entry, int] | None:
        """The larger one that fits into so many characters."""
        return next((entry for entry in self.entries if entry[1] <= room), None)


ABSENT = _Packed(-1, reason="not recorded")


def _row(db: Connection | None, key: str) -> tuple[Any, ...] | None:
    select = "SELECT id, digest, reply, question, recorded_at FROM recordings WHERE key = ?"
    stored = stored_key(key)
    return None if db is None else db.execute(select, (stored,)).fetchone()


def _passed_on(before: Carried | None, key: str) -> Opened | str:
    try:
        found = None if before is None else before.get(key)
    except ReplayError:
        found = None
    return found or "not recorded"


def _opened(row: tuple[Any, ...]) -> Opened | str:
    _, digest, reply, question, recorded_at = row
    try:
        plain = unpack(reply)
        if sha256(plain).digest() != digest:
            return "damaged"
        return Opened(unpack_question(unpack(question)).document, unpack_reply(plain), recorded_at)
    except ValueError:
        return "damaged"


def _packed_up(age: int, found: Opened | str, room: int) -> _Packed:
    from ..secretlike import looks_secret  # its patterns take milliseconds to compile

    if isinstance(found, str):
        return _Packed(age, reason=found)
    kind = found.reply.headers.get("content-type", "")
    body, document = _packed(found.reply.body, room), _packed(found.document, room)
    if body is None or len(kind) > MAX_TYPE:
        return _Packed(age)
    if any(looks_secret(text.decode("utf-8", "replace")) for text in (found.document, found.reply.body)):
        return _Packed(age, reason="holds what looks like a key")
    alone: Entry = {"at": int(found.recorded_at), "type": kind, "body": body}
    if found.document and document is not None:
        return _Packed(age, (_sized({"request": document, **alone}), _sized(alone)))
    return _Packed(age, (_sized(alone),))


def _sized(entry: Entry) -> tuple[Entry, int]:
    return entry, _length({"k" * 67: entry})


def _packed(data: bytes, room: int) -> str | None:
    """`data` as a zlib stream in base64; None where it is clear that there is no room for it."""
    if len(data) > MAX_UNPACKED:
        return None
    deflater, pieces, size = zlib.compressobj(9), list[bytes](), 0
    for at in range(0, len(data), PIECE):
        pieces.append(deflater.compress(data[at : at + PIECE]))
        size += len(pieces[-1])
        if size > room:  # a picture in the answer: seconds of work for nothing
            return None
    text = b64encode(b"".join((*pieces, deflater.flush()))).decode()
    return text if len(text) <= min(room, MAX_PACKED) else None


def _length(value: object) -> int:
    """Characters of this in JSON, with a separator after it."""
    return len(json.dumps(value)) + 2


# ---------------------------------------------------------------------------------------------- reading


class Carried:
    """The recordings that came with a workflow: looked up for the requests that are made with it, and never stored.

    `value` is what `carried` gave, after any journey: JSON as Python objects, or its text. It may come from anybody.
    ReplayError if it is no such thing at all; a single recording that is not right shows when it is looked up.
    """

    __slots__ = ("_entries", "left_out")

    def __init__(self, value: object) -> None:
        document = _as_object(_parsed(value))
        if any(document.get(name) != text for name, text in FORMAT.items()):
            raise _bad(f"it does not say {json.dumps(FORMAT)}")
        entries = document.get("recordings")
        if not isinstance(entries, dict) or len(cast("dict[str, Any]", entries)) > MAX_RECORDINGS:
            raise _bad(f"'recordings' is no object of at most {MAX_RECORDINGS} members")
        self._entries = cast("dict[str, Any]", entries)
        told = document.get("left_out")
        told = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
        # What the maker of the workflow was told did not travel, by key.
        self.left_out: Mapping[str, str] = {
            key: text for key, text in list(told.items())[:MOST_NOTES] if isinstance(text, str)
        }

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __repr__(self) -> str:
        return f"Carried({len(self)} recordings)"

    def __iter__(self) -> Iterator[str]:
        """The keys there are, unchecked, the newest first."""
        return iter(self._entries)

    def get(self, key: str) -> Opened | None:
        """The whole recording under this key, or None. ReplayError if it is not right or larger than 32 MiB.

        Where the request travels too, the key is derived from it again; where it does not, whoever asks by key has
        derived it from a request of their own.
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        try:
            return _entry(key, entry)
        except (ValueError, zlib.error) as error:
            raise _bad(f"{_short(key)}: {error}") from None

    def by_another_engine(self, request: Request) -> Request | None:
        """`request` as it stands here with the identity of another engine, or of another build of the model.

        None where there is none, or where its request does not travel beside the reply.
        """
        most = len(canonical(request)) + IDENTITY
        asked = (_asked_of(key, entry, request, most) for key, entry in self._entries.items())
        return next((found for found in asked if found is not None), None)

    def problem(self, key: str | None) -> str:
        """Why the recording under this key cannot be used, as a note; empty if it can, or if there is none."""
        try:
            if key is not None:
                self.get(key)
        except ReplayError as error:
            return error.message
        return ""


def _parsed(value: object) -> object:
    if not isinstance(value, str | bytes):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise _bad("it is not JSON") from None


def _as_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad("it is no JSON object")
    return cast("dict[str, Any]", value)


def _entry(key: str, entry: object) -> Opened:
    if not isinstance(entry, dict):
        raise ValueError("no JSON object")
    members = cast("dict[str, Any]", entry)
    kind = members.get("type")
    if not isinstance(kind, str) or len(kind) > MAX_TYPE:
        raise ValueError("its type is no content type")
    at = members.get("at")
    if not is_seconds(at) or cast("float", at) > LATEST:
        raise ValueError("its time is no number of seconds")
    document = _unpacked(members["request"], "request") if "request" in members else b""
    if not key.startswith(TAG) or (document and key_of(document) != key):
        raise ValueError("the key is not the key of its request")
    reply = Reply(200, _unpacked(members.get("body"), "body"), {"content-type": kind})
    return Opened(document, reply, float(cast("float", at)))


def _asked_of(key: str, entry: object, request: Request, most: int) -> Request | None:
    """`request` with the identity in this entry, if that makes it the entry's; None for whatever is no such thing."""
    try:
        document = json.loads(_unpacked(cast("Any", entry)["request"], "request", most))
        found = replace(request, identity=document["identity"])
        return found if found.identity and key_of(canonical(found)) == key else None
    except (RequestError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _unpacked(text: object, what: str, most: int = MAX_UNPACKED) -> bytes:
    """Base64 of a zlib stream, which may claim to be anything: no more than `most` bytes are ever unpacked."""
    if not isinstance(text, str) or len(text) > MAX_PACKED:
        raise ValueError(f"its {what} is no text of at most {MAX_PACKED} characters")
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(b64decode(text, validate=True), most + 1)
    except (ValueError, zlib.error):
        raise ValueError(f"its {what} is no base64 of a zlib stream") from None
    if len(data) > most:
        raise ValueError(f"its {what} is larger than {most} bytes")
    if not inflater.eof or inflater.unused_data:
        raise ValueError(f"its {what} is cut off, or followed by something else")
    return data


def _short(key: str) -> str:
    return key[:80].encode("ascii", "backslashreplace").decode()


def _bad(what: str) -> ReplayError:
    return ReplayError(
        f"the recordings that came with this workflow are not right: {what}",
        hint="Ask without them, with replay='auto', or get the picture again from where it was made.",
    )
