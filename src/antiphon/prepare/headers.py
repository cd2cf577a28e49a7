"""What the first bytes of an image tell: its size and whether it moves. No decoding, and nothing to install.

Sources: PNG (W3C, third edition), GIF89a, WebP (RFC 9649), JPEG (ITU-T T.81), BITMAPINFOHEADER. Of other types
nothing is known here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import cast

from ..request import sniffed

__all__ = ["moves", "size"]

Size = tuple[int, int]


def size(data: bytes) -> Size | None:
    """Width and height in pixels, as stored (before any rotation); None where this cannot tell."""
    read = _SIZES.get(sniffed(data) or "")
    try:
        return read(data) if read else None
    except (struct.error, IndexError):  # cut off
        return None


def moves(data: bytes) -> bool:
    """Whether this is an animated GIF, PNG or WebP."""
    read = _MOVES.get(sniffed(data) or "")
    try:
        return read(data) if read else False
    except (struct.error, IndexError):
        return False


def _unpack(form: str, data: bytes, at: int) -> Size:
    return cast("Size", struct.unpack_from(form, data, at))


def _png(data: bytes) -> Size:
    return _unpack(">II", data, 16)


def _gif(data: bytes) -> Size:
    return _unpack("<HH", data, 6)


def _bmp(data: bytes) -> Size:
    width, height = _unpack("<ii", data, 18)
    return width, abs(height)  # a negative height says that the first row is the top one


def _webp(data: bytes) -> Size | None:
    form = data[12:16]
    if len(data) < 30:
        return None
    if form == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if form == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        width, height = _unpack("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(data: bytes) -> Size | None:
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # without a length
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # the start of a frame
            height, width = _unpack(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None


_SIZES: dict[str, Callable[[bytes], Size | None]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/bmp": _bmp,
    "image/webp": _webp,
    "image/jpeg": _jpeg,
}


def _png_moves(data: bytes) -> bool:
    at = 8
    while data[at + 4 : at + 8] not in (b"IDAT", b"IEND", b""):
        if data[at + 4 : at + 8] == b"acTL":
            return int.from_bytes(data[at + 8 : at + 12], "big") > 1
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False


def _gif_moves(data: bytes) -> bool:
    at = 13 + _colours(data[10])
    frames = 0
    while data[at] != 0x3B:
        if data[at] == 0x2C:
            frames += 1
            if frames == 2:
                return True
            at += 11 + _colours(data[at + 9])
        else:
            at += 2
        while data[at]:  # blocks of up to 255 bytes, the last one empty
            at += 1 + data[at]
        at += 1
    return False


def _colours(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _webp_moves(data: bytes) -> bool:
    return data[12:16] == b"VP8X" and bool(data[20] & 2)


_MOVES: dict[str, Callable[[bytes], bool]] = {
    "image/png": _png_moves,
    "image/gif": _gif_moves,
    "image/webp": _webp_moves,
}
