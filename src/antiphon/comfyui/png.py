"""PNG files whose bytes depend on the pixels alone.

A replay key holds the sum of an image's bytes. Compressors give other bytes with every version (zlib, zlib-ng and
their builds differ, even between processors), so a picture that is sent again after an upgrade, or on another
machine, would be another request. This encoder has one answer for each array of pixels: the filter of each row by
the least sum of absolute differences (PNG specification, 12.8), then Huffman codes without matches (RFC 1951, 3.2.7).
For photographs that is about as small as the usual compressors make them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# What is Any in numpy and Pillow stays Any here.

from __future__ import annotations

import heapq
import struct
import zlib
from typing import Any

__all__ = ["encode"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels: PNG's number for grey, grey with alpha, RGB, RGBA
BLOCK = 1 << 18  # bytes that share one code; a change of this changes every key with an image in it
LONGEST = 15  # bits of a code, by RFC 1951
END = 256  # the symbol that ends a block
NONE, SUB, UP, PAETH = 0, 1, 2, 4


def encode(pixels: Any) -> bytes:
    """`pixels`, a numpy array of uint8 [height, width, channels] with 1 to 4 channels, as a PNG file."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    body = _deflated(_filtered(pixels))
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _filtered(pixels: Any) -> Any:
    """All rows with their filters' numbers in front, as one array of bytes."""
    import numpy as np

    height, width, channels = pixels.shape
    row = width * channels
    plain = np.ascontiguousarray(pixels).reshape(height, row).astype(np.int16)
    left, up, corner = (np.zeros_like(plain) for _ in range(3))
    left[:, channels:] = plain[:, :-channels]
    up[1:] = plain[:-1]
    corner[1:, channels:] = plain[:-1, :-channels]
    choices = {NONE: plain, SUB: plain - left, UP: plain - up, PAETH: plain - _paeth(left, up, corner)}
    rows = np.stack([choice.astype(np.uint8) for choice in choices.values()])
    best = np.abs(rows.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64).argmin(axis=0)
    result = np.empty((height, row + 1), np.uint8)
    result[:, 0] = np.array(list(choices), np.uint8)[best]
    result[:, 1:] = rows[best, np.arange(height)]
    return result.reshape(-1)


def _paeth(left: Any, up: Any, corner: Any) -> Any:
    """Whichever neighbour is nearest to left + up - corner; on a tie left, then up (PNG specification, 9.4)."""
    import numpy as np

    to_left, to_up, to_corner = np.abs(up - corner), np.abs(left - corner), np.abs(left + up - 2 * corner)
    is_left = (to_left <= to_up) & (to_left <= to_corner)
    return np.where(is_left, left, np.where(to_up <= to_corner, up, corner))


def _deflated(data: Any) -> bytes:
    """`data` in zlib's format (RFC 1950): blocks of Huffman codes for single bytes."""
    import numpy as np

    bits = [
        _block(data[start : start + BLOCK], last=start + BLOCK >= len(data))
        for start in range(0, len(data), BLOCK)
    ]
    packed = np.packbits(np.concatenate(bits), bitorder="little").tobytes()
    return b"\x78\x01" + packed + struct.pack(">I", zlib.adler32(data.tobytes()))


def _block(data: Any, *, last: bool) -> Any:
    """One block as an array of bits: its head, the lengths of its codes, the codes of its bytes, the end."""
    import numpy as np

    counts = np.bincount(data, minlength=END + 1).tolist()
    counts[END] = 1
    lengths = code_lengths(counts)
    codes = _codes(lengths)
    # dynamic codes; 257 literals and lengths; 1 distance, of no bits; 19 lengths of lengths, each in 4 bits for 0…15
    head = [(int(last), 1), (2, 2), (0, 5), (0, 5), (15, 4)]
    head += [(0, 3)] * 3 + [(4, 3)] * 16
    head += [(_reversed(length, 4), 4) for length in (*lengths, 0)]
    return np.concatenate([_bits(*zip(*head, strict=True)), _coded(data, codes, lengths)])


def _coded(data: Any, codes: list[int], lengths: list[int]) -> Any:
    import numpy as np

    symbols = np.append(data.astype(np.intp), END)
    return _bits(np.array(codes)[symbols], np.array(lengths)[symbols])


def _bits(values: Any, widths: Any) -> Any:
    """Numbers of so many bits each, lowest bit first, as one array of bits."""
    import numpy as np

    values, widths = np.asarray(values, np.int32), np.asarray(widths, np.int64)
    ends = np.cumsum(widths)
    starts = ends - widths
    bits = np.zeros(int(ends[-1]), np.uint8)
    for bit in range(int(widths.max())):
        there = widths > bit
        bits[starts[there] + bit] = (values[there] >> bit) & 1
    return bits


def code_lengths(counts: list[int]) -> list[int]:
    """Huffman code lengths, none above LONGEST: counts are halved until they fit. Ties go to the lower symbol."""
    while True:
        lengths = _huffman(counts)
        if max(lengths) <= LONGEST:
            return lengths
        counts = [(count + 1) // 2 for count in counts]


def _huffman(counts: list[int]) -> list[int]:
    lengths = [0] * len(counts)
    heap: list[tuple[int, int, tuple[int, ...]]] = [
        (count, symbol, (symbol,)) for symbol, count in enumerate(counts) if count
    ]
    heapq.heapify(heap)
    while len(heap) > 1:
        (few, low, ours), (more, high, theirs) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in (*ours, *theirs):
            lengths[symbol] += 1
        heapq.heappush(heap, (few + more, min(low, high), (*ours, *theirs)))
    return lengths


def _codes(lengths: list[int]) -> list[int]:
    """The canonical codes of these lengths (RFC 1951, 3.2.2), turned round: they go out highest bit first."""
    starts, code = [0] * (LONGEST + 2), 0
    for length in range(1, LONGEST + 1):
        starts[length] = code
        code = (code + lengths.count(length)) << 1
    codes: list[int] = []
    for length in lengths:
        codes.append(_reversed(starts[length], length) if length else 0)
        starts[length] += 1
    return codes


def _reversed(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2) if width else 0
