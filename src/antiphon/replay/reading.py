"""A portable file, read: every line is checked before anybody acts on it, because anybody may have made it."""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import IO, Any, NoReturn, TypeVar, cast

from ..bulk import holds_too_much
from ..call import Reply, Timings
from ..errors import ReplayError, RequestError
from ..request import ROLES
from .canon import TAG, canonical_json
from .packing import checked_cuts, is_seconds, is_sha256, media_in, one_line, pack, pack_reply
from .store import Row

__all__ = ["FORMAT", "MAX_LINE", "Found", "bad", "record_json", "record_sum", "recordings_in"]

T = TypeVar("T")

FORMAT = {"antiphon": "replay", "version": 1}
# Unpacked bytes of one line, and of the media that come before one recording.
MAX_LINE = 1 << 28
MAX_MEDIA = 1 << 30


@dataclass(frozen=True, slots=True)
class Found:
    """One recording of a file, checked: ready to be written. `media` are those that come with it, by SHA-256."""

    row: Row
    reply: Reply
    media: dict[str, bytes] = field(default_factory=dict[str, bytes])

    @property
    def size(self) -> int:
        """Bytes to write."""
        return self.row.size + sum(map(len, self.media.values()))


def record_json(value: object) -> bytes:
    """JSON as it stands in a portable file: ASCII, members sorted, no blanks."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


def record_sum(recording: object) -> str:
    """The SHA-256 that stands beside a recording."""
    return sha256(record_json(recording)).hexdigest()


def bad(where: str, what: object) -> ReplayError:
    """The error for a file, naming the line or the recording."""
    return ReplayError(
        f"this is no good replay file: {where}: {what}",
        hint="Nothing was imported. Export it again with `antiphon replay export`.",
    )


# ------------------------------------------------------------------------------------------------ lines


def recordings_in(stream: IO[bytes], max_bytes: int) -> Iterator[Found]:
    """The recordings of a file, each checked. ReplayError names the first line or recording that is not right."""
    lines = _lines(stream, max_bytes)
    if next(lines, None) != FORMAT:
        raise bad("line 1", f"it is not {record_json(FORMAT).decode()}")
    counts = {"media": 0, "recordings": 0}
    media: dict[str, bytes] = {}
    for number, line in enumerate(lines, 2):
        members = set(line)
        if members == {"medium", "data"}:
            _add_medium(media, line, f"line {number}")
            counts["media"] += 1
        elif members == {"recording", "sha256"}:
            yield _recording(line, number, media)
            counts["recordings"] += 1
            media = {}
        elif members == {"end"}:
            if media or line["end"] != counts or next(lines, None) is not None:
                raise bad("the end", "its counts do not agree with the file, or something follows it")
            return
        else:
            raise bad(f"line {number}", "neither a recording nor a medium")
    raise bad("the end", "it is missing: the file is cut off")


def _lines(stream: IO[bytes], max_bytes: int) -> Iterator[dict[str, Any]]:
    left = max_bytes
    number = 1
    with gzip.GzipFile(fileobj=stream, mode="rb") as file:
        while line := _next_line(file, number, left):
            yield line[0]
            left -= line[1]
            number += 1


def _next_line(file: gzip.GzipFile, number: int, left: int) -> tuple[dict[str, Any], int] | None:
    """The next line and its length; None at the end of the file."""
    where = f"line {number}"
    try:
        line = file.readline(min(MAX_LINE, left) + 1)
        if not line:
            return None
        if len(line) > min(MAX_LINE, left):
            raise bad(where, "too large")
        if holds_too_much(line):
            raise bad(where, "too many values")
        return _as(dict[str, Any], json.loads(line, parse_constant=_no_constant), "a JSON object"), len(line)
    except (OSError, EOFError, zlib.error) as error:
        raise bad(where, f"not readable as gzip: {error}") from error
    except (ValueError, RecursionError) as error:
        raise bad(where, f"not JSON: {error}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _add_medium(media: dict[str, bytes], line: dict[str, Any], where: str) -> None:
    try:
        data = b64decode(_as(str, line["data"], "text"), validate=True)
    except ValueError as error:
        raise bad(where, f"not base64: {error}") from error
    if not data or sha256(data).hexdigest() != line["medium"] or line["medium"] in media:
        raise bad(where, "the medium does not match its SHA-256, or comes twice")
    media[line["medium"]] = data
    if sum(map(len, media.values())) > MAX_MEDIA:
        raise bad(where, f"more than {MAX_MEDIA} bytes of media for one recording")


# ------------------------------------------------------------------------------------------- recordings


def _recording(line: dict[str, Any], number: int, media: dict[str, bytes]) -> Found:
    where = f"line {number}"
    try:
        recording = _as(dict[str, Any], line["recording"], "a recording")
        where = f"line {number}, {one_line(str(recording.get('key')))}"
        if record_sum(recording) != line["sha256"]:
            raise ValueError("it does not match its SHA-256")
        return _found(recording, media)
    except KeyError as error:
        raise bad(where, f"{error} is missing") from error
    except (ValueError, TypeError, RecursionError, RequestError) as error:
        raise bad(where, error) from error


def _found(recording: dict[str, Any], media: dict[str, bytes]) -> Found:
    request = _request(recording["request"])
    names = media_in(request)
    if unused := set(media) - set(names):
        raise ValueError(f"the medium {min(unused)} comes before it and is no part of it")
    reply = _reply(_as(dict[str, Any], recording["reply"], "a reply"))
    return Found(_row(recording, request, names, reply), reply, media)


def _row(recording: dict[str, Any], request: dict[str, Any], names: tuple[str, ...], reply: Reply) -> Row:
    document = canonical_json(request)
    key = TAG + sha256(document).hexdigest()
    if key != recording["key"]:
        raise ValueError("the key is not the key of its request")
    plain = pack_reply(reply)
    return Row(
        key=key,
        provider=request["provider"],
        model=request.get("config", {}).get("model", ""),
        seed=request.get("seed"),
        recorded_at=_seconds(recording["recorded_at"]),
        snippet=_snippet(request),
        digest=sha256(plain).digest(),
        reply=pack(plain),
        question=_question(recording, document, names),
        media=names,
    )


def _question(recording: dict[str, Any], document: bytes, names: tuple[str, ...]) -> bytes:
    sent = _bytes(recording["sent"])
    cuts = checked_cuts(recording["cuts"], len(sent))
    if not {name for _, name in cuts} <= set(names):
        raise ValueError("the sent body has a place for a medium that is not in the request")
    return pack(b"\n".join((document, canonical_json(cuts), sent)))


def _request(value: object) -> dict[str, Any]:
    """A canonical request, checked as far as the store, a listing or a search reads it."""
    request = _as(dict[str, Any], value, "a request")
    if not _as(str, request["provider"], "a provider"):
        raise ValueError("the request has no provider")
    for message in _as(list[Any], request["messages"], "messages"):
        _check_message(_as(dict[str, Any], message, "a message"))
    _as(str, _as(dict[str, Any], request.get("config", {}), "a config").get("model", ""), "a model")
    seed = request.get("seed")
    if isinstance(seed, bool) or not isinstance(seed, int | None):
        raise ValueError("the seed is not a whole number")
    return request


def _check_message(message: dict[str, Any]) -> None:
    if message["role"] not in ROLES:
        raise ValueError("a message has no role")
    for part in _as(list[Any], message["parts"], "parts"):
        if not isinstance(part, str):
            medium = _as(dict[str, Any], part, "a part")
            if "sha256" in medium and not is_sha256(medium["sha256"]):
                raise ValueError("a medium has no SHA-256")


def _reply(reply: dict[str, Any]) -> Reply:
    status = _as(int, reply["status"], "a status")
    headers = _as(dict[str, Any], reply["headers"], "headers")
    if not 100 <= status <= 599 or not all(isinstance(value, str) for value in headers.values()):
        raise ValueError("the status is no HTTP status, or a header is not text")
    queue, first_token, total = _as(list[Any], reply["timings"], "timings")
    first = None if first_token is None else _seconds(first_token)
    return Reply(status, _bytes(reply["body"]), headers, Timings(_seconds(queue), first, _seconds(total)))


def _as(kind: type[T], value: object, what: str) -> T:
    if not isinstance(value, getattr(kind, "__origin__", kind)):
        raise ValueError(f"{what} was expected, not {type(value).__name__}")
    return cast("T", value)


def _seconds(value: object) -> float:
    if not is_seconds(value):
        raise ValueError("a time is not a number of seconds")
    return float(cast("float", value))


def _bytes(value: object) -> bytes:
    """Bytes out of JSON: text, or base64 in an object."""
    if isinstance(value, str):
        return value.encode()
    return b64decode(_as(str, _as(dict[str, Any], value, "text")["base64"], "base64"), validate=True)


def _snippet(request: dict[str, Any]) -> str:
    asked = [message["parts"] for message in request["messages"] if message["role"] == "user"]
    return one_line("".join(part for part in asked[-1] if isinstance(part, str)) if asked else "")
