"""What a recording looks like as bytes: compressed, the head of a reply before its body, media cut out.

All pure. A packed value is one tag byte and the data, as they are (``r``) or as a zlib stream (``z``).
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from ..call import Reply, Timings
from ..request import Media, Request
from .canon import canonical_json

__all__ = ["Question", "kept_headers", "pack", "pack_question", "pack_reply", "unpack", "unpack_question"]

RAW, ZLIB = b"r", b"z"
WORTH_PACKING = 256
# A short answer is kept as it is: packing it would save some 0.6 KB, and cost a tenth of all that recording costs.
REPLY_WORTH_PACKING = 2_048
# A long value is tried on this much of it first: pictures and sound do not shrink, and trying costs seconds.
SAMPLE = 65_536
SNIPPET = 200

# What a decoder or a person may want to know later. Cookies, account names and rate limits stay out: a
# recording can be exported and given away.
KEPT_HEADERS = frozenset(
    {"content-type", "date", "openai-processing-ms", "openai-version", "anthropic-version", "x-generation-id"}
)
# ASCII with escapes: header values may hold bytes that are no UTF-8, which arrive as lone surrogates.
_HEAD = json.JSONEncoder(separators=(",", ":"), sort_keys=True)
# Request ids, and the counts of tokens of those who have no place for them in the body.
KEPT_ENDS = ("request-id", "requestid", "correlation-id", "-token-count")


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are recorded: content type, date, processing time, protocol version, request ids, token counts."""
    return {
        name: value for name, value in headers.items() if name in KEPT_HEADERS or name.endswith(KEPT_ENDS)
    }


def pack(data: bytes, worth: int = WORTH_PACKING) -> bytes:
    """`data` as stored: compressed where that makes it smaller, from `worth` bytes on."""
    if len(data) >= worth and _shrinks(data):
        packed = _deflate(data)
        if len(packed) < len(data):
            return ZLIB + packed
    return RAW + data


def _shrinks(data: bytes) -> bool:
    if len(data) < 2 * SAMPLE:
        return True
    return len(_deflate(data[:SAMPLE])) < 0.95 * SAMPLE


def _deflate(data: bytes) -> bytes:
    # zlib's usual tables take 256 KB of fresh memory, 50 µs on each call; small data needs small ones only.
    window, memory = (13, 6) if len(data) <= 8_192 else (14, 7) if len(data) <= 32_768 else (15, 8)
    deflater = zlib.compressobj(1, zlib.DEFLATED, window, memory)
    return deflater.compress(data) + deflater.flush()


MAX_UNPACKED = 1 << 29
"""The most bytes of one reply, question or medium: twice what a reply may have. Rows may be a stranger's."""


def unpack(stored: bytes) -> bytes:
    """What was packed. ValueError if it is damaged, or unpacks to more than MAX_UNPACKED bytes."""
    if stored[:1] == RAW:
        return stored[1:]
    if stored[:1] != ZLIB:
        raise ValueError(f"unknown packing {stored[:1]!r}")
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(memoryview(stored)[1:], MAX_UNPACKED)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not inflater.eof or inflater.unused_data:
        raise ValueError("cut off, or followed by something else")
    return data


# ---------------------------------------------------------------------------------------------- replies


def pack_reply(reply: Reply) -> bytes:
    """A reply as it is hashed and then packed: one line of JSON with all but the body, then the body."""
    timings = reply.timings
    head = {
        "status": reply.status,
        "headers": kept_headers(reply.headers),
        "timings": [timings.queue, timings.first_token, timings.total],
    }
    return _HEAD.encode(head).encode() + b"\n" + reply.body


def unpack_reply(data: bytes) -> Reply:
    """The reply in what `pack_reply` gave. ValueError if it is none."""
    head, line_end, body = data.partition(b"\n")
    if not line_end:
        raise ValueError("a reply without a head")
    fields = json.loads(head)
    try:
        return Reply(fields["status"], body, fields["headers"], Timings(*fields["timings"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the head of a reply: {error!r}") from None


# -------------------------------------------------------------------------------------------- questions


class Question(NamedTuple):
    """What was asked: the canonical request, and the body that went out.

    `cuts` are the places in `sent`, as (offset, SHA-256 in hex), where the base64 of a medium was taken out.
    The offset is a place in what is left, so that it can be put back whatever else the body holds.
    """

    document: bytes
    cuts: tuple[tuple[int, str], ...]
    sent: bytes

    @property
    def request(self) -> dict[str, Any]:
        """The canonical request as Python objects."""
        return json.loads(self.document)

    def whole(self, media: Mapping[str, bytes]) -> bytes:
        """The body as it was sent, with `media` (bytes by SHA-256) put back. KeyError names what is missing."""
        pieces: list[bytes] = []
        at = 0
        for offset, sha256 in self.cuts:
            pieces += (self.sent[at:offset], b64encode(media[sha256]))
            at = offset
        return b"".join((*pieces, self.sent[at:]))


def pack_question(document: bytes, sent: bytes, media: Iterable[Media]) -> bytes:
    """The question as it is packed: canonical request, cuts, and the sent body without media, line by line."""
    media = tuple(media)
    if not media:
        return b"%b\n[]\n%b" % (document, sent)
    cuts, rest = _cut(sent, media)
    return b"\n".join((document, canonical_json(cuts), rest))


def _cut(sent: bytes, media: Iterable[Media]) -> tuple[list[tuple[int, str]], bytes]:
    found = sorted(_places(sent, media))
    cuts: list[tuple[int, str]] = []
    pieces: list[bytes] = []
    at = length = 0
    for start, end, sha256 in found:
        if start < at:
            continue
        pieces.append(sent[at:start])
        length += start - at
        cuts.append((length, sha256))
        at = end
    return cuts, b"".join((*pieces, sent[at:]))


def _places(sent: bytes, media: Iterable[Media]) -> Iterable[tuple[int, int, str]]:
    for medium in {m.data: m for m in media if m.data}.values():
        text = b64encode(medium.data or b"")
        at = sent.find(text) if len(text) >= 64 else -1
        while at >= 0:
            yield at, at + len(text), medium.sha256 or ""
            at = sent.find(text, at + len(text))


def unpack_question(data: bytes) -> Question:
    """The question in what `pack_question` gave. ValueError if it is none."""
    document, _, rest = data.partition(b"\n")
    cuts, line_end, sent = rest.partition(b"\n")
    if not line_end:
        raise ValueError("a question with lines missing")
    return Question(document, checked_cuts(json.loads(cuts), len(sent)), sent)


def checked_cuts(cuts: object, length: int) -> tuple[tuple[int, str], ...]:
    """`cuts` if they are ascending places in a body of this length. ValueError otherwise."""
    checked: list[tuple[int, str]] = []
    last = 0
    for cut in cast("list[object]", cuts) if isinstance(cuts, list) else [None]:
        match cut:
            case [int(offset), str(sha256)] if last <= offset <= length and is_sha256(sha256):
                checked.append((offset, sha256))
                last = offset
            case _:
                raise ValueError(f"not a place for a medium: {cut!r}")
    return tuple(checked)


def is_sha256(text: object) -> bool:
    """Whether this is a SHA-256 in lower-case hex."""
    return isinstance(text, str) and len(text) == 64 and not text.strip("0123456789abcdef")


def is_seconds(value: object) -> bool:
    """Whether this is a time in seconds that a calendar has: a number of 0 or more, before the year 9999."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST


_LATEST = 253_000_000_000


def snippet(request: Request) -> str:
    """The start of what was asked last, on one line: at most 200 characters, for listings."""
    texts = [message.text for message in request.messages if message.role == "user"]
    return one_line(texts[-1] if texts else "")


def one_line(text: str) -> str:
    """`text` without control characters (a terminal would obey them) and without line ends, cut to 200."""
    start = " ".join(text[: 2 * SNIPPET].split())
    if not start.isprintable():
        start = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return start[:SNIPPET]


def media_in(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The SHA-256 of all media in a canonical request, each once, in order."""
    parts: list[str | dict[str, str]] = [
        part for message in document["messages"] for part in message["parts"]
    ]
    return tuple(
        dict.fromkeys(part["sha256"] for part in parts if isinstance(part, dict) and "sha256" in part)
    )
