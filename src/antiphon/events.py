"""Stream bodies cut into events: server-sent events, NDJSON and AWS frames, pure and incremental.

Feed the bytes as they arrive; each feed gives the events that are now complete. The same code reads a
recorded stream again. However the bytes are cut into chunks, the events are the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import repeat
from typing import NamedTuple

from .call import StreamFormat
from .errors import TransportError
from .frames import Frame, Frames

__all__ = ["AWS", "MAX_EVENT", "NDJSON", "READERS", "SSE", "Event", "parse"]

MAX_EVENT = 16 * 1024 * 1024
"""The most bytes that one event (or one NDJSON line) may have."""

_SLICE = 1 << 20  # bytes of a recorded body read at a time
_BOM = "\ufeff"


class Event(NamedTuple):
    """One event of a stream. `name` is the SSE event name, empty where there is none; `data` its payload."""

    data: str
    name: str = ""


# A third of the cost of Event(…), whose __new__ is a Python function.
_event: Callable[[tuple[str, str]], Event] = partial(tuple.__new__, Event)  # pyright: ignore[reportUnknownMemberType]
_no_name = repeat("")


class SSE:
    """Reads server-sent events (WHATWG HTML 9.2.6).

    Lines end in LF, CR or CRLF; invalid UTF-8 becomes U+FFFD; the data lines of one event are joined by LF.
    Beyond the standard, as model servers need it: an event at the end of the body counts without its blank
    line (`close` gives it); an event without data, or with empty data, is a keep-alive like a comment and
    gives nothing; bare JSON where a field should be, up to the next blank line, is an event of its own
    (Gemini reports errors so). `id` and `retry` are ignored: a completion is never resumed.
    """

    __slots__ = ("_after_cr", "_blocks")

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._blocks = _Blocks(b"\n\n", max_event)
        self._after_cr = False

    def feed(self, data: bytes) -> list[Event]:
        """The events complete now. TransportError (phase "too-large") when one has more than `max_event` bytes."""
        if self._after_cr or b"\r" in data:
            data = self._newlines(data)
        return _events(self._blocks.take(data))

    def close(self) -> list[Event]:
        """The event that the end of the body leaves without its blank line, if any."""
        return _events(self._blocks.rest())

    def _newlines(self, data: bytes) -> bytes:
        """`data` with every line end as LF. The LF of a CRLF cut in two is dropped when it comes."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class NDJSON:
    """Reads JSON values, one on each line. Blank lines give nothing; the last line needs no line end."""

    __slots__ = ("_blocks",)

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._blocks = _Blocks(b"\n", max_event)

    def feed(self, data: bytes) -> list[Event]:
        """The lines complete now. TransportError (phase "too-large") when one has more than `max_event` bytes."""
        return _lines(self._blocks.take(data))

    def close(self) -> list[Event]:
        """The last line, if it came without a line end."""
        return _lines(self._blocks.rest())


class AWS:
    """Reads AWS event-stream frames: an event is named as its frame's ``:event-type`` says.

    A frame that reports a problem becomes an event too: ``exception NAME`` with the exception's own JSON, or
    ``error CODE`` with ``{"message": …}``, where the code and the message stood in headers.
    """

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames = Frames()

    def feed(self, data: bytes) -> list[Event]:
        """The events complete now. TransportError for what is damaged or too large (see `frames`)."""
        return list(map(_event_in, self._frames.feed(data)))

    def close(self) -> list[Event]:
        """Nothing more. TransportError (phase "cut-off") when the body ended in the middle of a frame."""
        self._frames.close()
        return []


def _event_in(frame: Frame) -> Event:
    headers = frame.headers
    kind = headers.get(":message-type")
    if kind == "error":
        report = json.dumps({"message": str(headers.get(":error-message", ""))})
        return _event((report, f"error {headers.get(':error-code', '')}"))
    data = frame.payload.decode("utf-8", "replace")
    if kind == "exception":
        return _event((data, f"exception {headers.get(':exception-type', '')}"))
    return _event((data, str(headers.get(":event-type", ""))))


READERS: Mapping[StreamFormat, type[SSE] | type[NDJSON] | type[AWS]] = {
    "sse": SSE,
    "ndjson": NDJSON,
    "aws": AWS,
}
"""What reads which framing."""


def parse(body: bytes, format: StreamFormat) -> Iterator[Event]:  # noqa: A002 - the word the field uses
    """The events of a whole body. None for an unstreamed body (`format` empty)."""
    if not format:
        return
    reader = READERS[format]()
    for start in range(0, len(body), _SLICE):
        yield from reader.feed(body[start : start + _SLICE])
    yield from reader.close()


class _Blocks:
    """Bytes in, whole blocks out: keeps what comes after the last `mark` until the next mark has come."""

    __slots__ = ("_kept", "_limit", "_mark", "_started")

    def __init__(self, mark: bytes, limit: int) -> None:
        self._mark = mark
        self._limit = limit
        self._kept = bytearray()
        self._started = False

    def take(self, data: bytes) -> str:
        """The text up to the last mark, the marks between blocks left in."""
        mark, kept = self._mark, self._kept
        if not kept:
            end = data.rfind(mark)
            done = data[:end] if end >= 0 else b""
            kept += data[end + len(mark) :] if end >= 0 else data
        else:
            known = len(kept)
            kept += data
            end = kept.rfind(mark, max(0, known - len(mark) + 1))  # what was kept holds no mark
            done = bytes(kept[: max(end, 0)])
            if end >= 0:
                del kept[: end + len(mark)]
        if len(done) > self._limit or len(kept) > self._limit:
            self._check(done)
        return self._text(done)

    def rest(self) -> str:
        """What is left at the end of the body."""
        done = bytes(self._kept)
        self._kept.clear()
        return self._text(done)

    def _text(self, done: bytes) -> str:
        text = done.decode("utf-8", "replace")
        if not self._started and text:
            self._started = True
            return text.removeprefix(_BOM)
        return text

    def _check(self, done: bytes) -> None:
        if max(len(self._kept), *map(len, done.split(self._mark))) > self._limit:
            self._kept.clear()
            raise TransportError(
                f"one event of the stream has more than {self._limit:,} bytes",
                phase="too-large",
                before_output=False,
                hint="This is not a stream of completions; check the address.",
            )


def _events(text: str) -> list[Event]:
    """The events in whole blocks of SSE lines, blocks parted by blank lines. The usual shapes take shortcuts."""
    if not text:
        return []
    if text.startswith("data: "):
        parts = text[6:].split("\n\ndata: ")
        if text.count("\n") == 2 * len(parts) - 2 and "" not in parts:  # one data line in each block
            return list(map(_event, zip(parts, _no_name)))  # noqa: B905 - the names never end
    events: list[Event] = []
    for block in text.split("\n\n"):
        if block.startswith("data: ") and "\n" not in block:
            event = _event((block[6:], ""))
        elif block.startswith("event: ") and block.count("\n") == 1 and "\ndata: " in block:
            name, _, data = block.partition("\ndata: ")
            event = _event((data, name[7:]))
        else:
            event = _any_block(block)
        if event[0]:
            events.append(event)
    return events


def _any_block(block: str) -> Event:
    """The event in one block by the whole rule; empty data when there is none."""
    name = ""
    data: list[str] = []
    lines = block.split("\n")
    for at, line in enumerate(lines):
        if not data and line.startswith(("{", "[")):  # bare JSON
            return Event("\n".join(lines[at:]).rstrip("\n"), name)
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            name = value.removeprefix(" ")
    return Event("\n".join(data), name)


def _lines(text: str) -> list[Event]:
    return [_event((line, "")) for line in map(str.strip, text.split("\n")) if line]
