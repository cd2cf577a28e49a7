"""AWS event-stream frames (application/vnd.amazon.eventstream), pure and incremental.

    total length u32 | headers length u32 | CRC of these 8 bytes u32 | headers | payload | CRC of all before u32

Big-endian; the CRCs are CRC-32. A header is its name (u8 length), a type (u8), and a value. Both CRCs are
checked; the limits are those of AWS's own clients (botocore.eventstream).
"""

from __future__ import annotations

from struct import Struct, error
from typing import NamedTuple, NoReturn
from zlib import crc32

from .errors import TransportError

__all__ = ["MAX_HEADERS", "MAX_PAYLOAD", "Frame", "Frames"]

MAX_HEADERS = 128 * 1024
"""The most bytes that the headers of one frame may have."""

MAX_PAYLOAD = 24 * 1024 * 1024
"""The most bytes that the payload of one frame may have."""

_PRELUDE = Struct(">III")
_CRC = Struct(">I")
_AROUND = _PRELUDE.size + _CRC.size  # bytes of a frame beside headers and payload

# How the values of fixed size are read, by header type: byte, 16, 32 and 64 bits, time in ms, UUID.
_FIXED = {
    2: Struct(">b"),
    3: Struct(">h"),
    4: Struct(">i"),
    5: Struct(">q"),
    8: Struct(">q"),
    9: Struct("16s"),
}
_TRUE, _FALSE, _BYTES, _TEXT = 0, 1, 6, 7

Value = bool | int | bytes | str


class Frame(NamedTuple):
    """One frame: its headers by name, and its payload."""

    headers: dict[str, Value]
    payload: bytes


class Frames:
    """Reads frames. Keeps at most one unfinished frame, whose length is known to be within the limits."""

    __slots__ = ("_checked", "_kept", "_latest")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._checked = 0  # the total length of the unfinished frame, once its prelude has been checked
        # The header bytes of the latest frame, and what they say: most frames of a stream have the same.
        self._latest: tuple[bytes, dict[str, Value]] = (b"", {})

    def feed(self, data: bytes) -> list[Frame]:
        """The frames complete now. TransportError for a checksum that is wrong, or a frame over the limits."""
        kept = self._kept
        kept += data
        found: list[Frame] = []
        start = 0
        try:
            while len(kept) - start >= _PRELUDE.size:
                total = self._checked or _checked_length(kept, start)
                self._checked = total
                if len(kept) - start < total:
                    break
                found.append(self._frame(bytes(kept[start : start + total])))
                start += total
                self._checked = 0
        except TransportError:
            kept.clear()
            self._checked = 0
            raise
        if start:
            del kept[:start]
        return found

    def _frame(self, raw: bytes) -> Frame:
        end = len(raw) - _CRC.size
        if crc32(raw[:end]) != _CRC.unpack_from(raw, end)[0]:
            _damaged("the checksum of a frame is wrong")
        begin = _PRELUDE.size + _PRELUDE.unpack_from(raw)[1]
        headers = raw[_PRELUDE.size : begin]
        if headers != self._latest[0]:
            self._latest = (headers, _read_headers(headers))
        return Frame(self._latest[1], raw[begin:end])

    def close(self) -> None:
        """TransportError (phase "cut-off") when the body ends in the middle of a frame."""
        if self._kept:
            raise TransportError(
                "the stream ended in the middle of a frame", phase="cut-off", before_output=False
            )


def _checked_length(kept: bytearray, start: int) -> int:
    """The length of the frame that begins at `start`, its prelude checked."""
    total, headers, checksum = _PRELUDE.unpack_from(kept, start)
    if crc32(kept[start : start + 8]) != checksum:
        _damaged("the checksum of a frame's lengths is wrong")
    if headers > MAX_HEADERS or total - headers - _AROUND > MAX_PAYLOAD:
        raise TransportError(
            f"one frame of the stream has {total:,} bytes, {headers:,} of them headers",
            phase="too-large",
            before_output=False,
            hint="This is not a stream of completions; check the address.",
        )
    if total < headers + _AROUND:
        _damaged("a frame is shorter than its own headers")
    return total


def _read_headers(raw: bytes) -> dict[str, Value]:
    try:
        return _headers(raw)
    except (error, IndexError, UnicodeDecodeError):
        _damaged("the headers of a frame cannot be read")


def _headers(raw: bytes) -> dict[str, Value]:
    headers: dict[str, Value] = {}
    at = 0
    while at < len(raw):
        end = at + 1 + raw[at]
        name, kind = raw[at + 1 : end].decode(), raw[end]
        if name in headers:
            _damaged(f"a frame has the header {name!r} twice")
        headers[name], at = _value(raw, kind, end + 1)
    return headers


def _value(raw: bytes, kind: int, at: int) -> tuple[Value, int]:
    """The value of this type at `at`, and where the next header begins."""
    if kind in (_TEXT, _BYTES):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if at + 2 > len(raw) or end > len(raw):
            raise IndexError
        value = raw[at + 2 : end]
        return value.decode() if kind == _TEXT else value, end
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    fixed = _FIXED.get(kind)
    if fixed is None:
        _damaged(f"a frame has a header of the unknown type {kind}")
    return fixed.unpack_from(raw, at)[0], at + fixed.size


def _damaged(what: str) -> NoReturn:
    raise TransportError(
        f"the stream is damaged: {what}",
        before_output=False,
        hint="Something between here and the server changes what it sends (a proxy?); ask again.",
    )
