"""The text chunks of a PNG, read and replaced; every other byte stays as it is.

PNG (third edition) 5.3: a chunk is its length, its type, its data, and a CRC of type and data. ComfyUI writes `prompt`
and `workflow` as tEXt, and into animated pictures as chunks of its own, `comf`, of the same make; programs that touch a
picture afterwards may make zTXt or iTXt of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

__all__ = ["SIGNATURE", "Text", "opaque", "rewritten", "texts"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"comf")
# Chunks that are nothing but pixels and how to show them: no text can stand in them.
PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"fdAT")
# Most unpacked bytes of all packed texts of a file together, and most chunks.
MAX_TEXT = 1 << 26
MAX_CHUNKS = 100_000


class Chunk(NamedTuple):
    """One chunk: its type and data, and where it begins and ends in the file."""

    type: bytes
    data: bytes
    start: int
    end: int


class Text(NamedTuple):
    """A text in the file: which chunk it is, its keyword, and what it says."""

    number: int
    keyword: str
    text: str


def texts(data: bytes) -> list[Text]:
    """All texts, in order. ValueError for what is no whole PNG, or a text chunk that is not right."""
    found, room = list[Text](), MAX_TEXT
    for number, chunk in enumerate(_chunks(data)):
        if chunk.type in TEXTS:
            found.append(Text(number, *_read(chunk, data, room)))
            # A packed text can be a thousand times its chunk; a plain one is no longer than it.
            room -= max(0, len(found[-1].text) - len(chunk.data))
    return found


def rewritten(data: bytes, changed: Mapping[int, str]) -> bytes:
    """The file with these texts (by chunk number) in place of its own."""
    pieces, at = list[bytes](), 0
    for number, chunk in enumerate(_chunks(data)):
        if number in changed:
            pieces += (data[at : chunk.start], _written(chunk, changed[number]))
            at = chunk.end
    return b"".join((*pieces, data[at:]))


def opaque(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is neither pixels nor text, by its name: the chunks that only other programs read, and what follows the end."""
    end = 0
    for chunk in _chunks(data):
        end = chunk.end
        if chunk.type not in TEXTS and chunk.type not in PIXELS:
            yield chunk.type.decode("latin-1"), chunk.data
    if data[end:]:
        yield "after the end", data[end:]


def _chunks(data: bytes) -> Iterator[Chunk]:
    if not data.startswith(SIGNATURE):
        raise ValueError("it does not begin as a PNG")
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        head = data[at : at + 8]
        length = int.from_bytes(head[:4], "big")
        end = at + 12 + length
        if len(head) < 8 or end > len(data):
            raise ValueError("it is cut off, or a chunk claims to be longer than the file")
        yield Chunk(head[4:], data[at + 8 : end - 4], at, end)
        if head[4:] == b"IEND":
            return
        at = end
    raise ValueError(f"it has more than {MAX_CHUNKS} chunks")


def _read(chunk: Chunk, data: bytes, room: int) -> tuple[str, str]:
    """Keyword and text of a text chunk (PNG 11.3.3), unpacked to no more than `room` bytes."""
    name = chunk.type.decode("latin-1")
    if zlib.crc32(chunk.type + chunk.data) != int.from_bytes(data[chunk.end - 4 : chunk.end], "big"):
        raise ValueError(f"a {name} chunk does not match its CRC")
    keyword, zero, rest = chunk.data.partition(b"\0")
    if not zero:
        raise ValueError(f"a {name} chunk has no keyword")
    if chunk.type in (b"tEXt", b"comf"):
        return keyword.decode("latin-1"), rest.decode("latin-1")
    if chunk.type == b"zTXt":
        return keyword.decode("latin-1"), _inflated(rest[1:], name, room).decode("latin-1")
    *_, packed, text = _parts(rest)
    plain = _inflated(text, name, room) if packed else text
    return keyword.decode("latin-1"), plain.decode("utf-8", "surrogateescape")


def _parts(rest: bytes) -> tuple[bytes, bytes, bool, bytes]:
    """What follows the keyword of an iTXt: language, translated keyword, whether it is compressed, text."""
    language, first, more = rest[2:].partition(b"\0")
    translated, second, text = more.partition(b"\0")
    if len(rest) < 2 or not first or not second:
        raise ValueError("an iTXt chunk has parts missing")
    return language, translated, rest[0] == 1, text


def _inflated(packed: bytes, name: str, room: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(packed, room + 1)
    except zlib.error:
        raise ValueError(f"a {name} chunk is no zlib stream") from None
    if len(plain) > room:
        raise ValueError(f"a {name} chunk unpacks to more than {MAX_TEXT} bytes, with those before it")
    if not inflater.eof:
        raise ValueError(f"a {name} chunk is cut off")
    return plain


def _written(chunk: Chunk, text: str) -> bytes:
    """The chunk with another text: of the same type, or an iTXt where Latin-1 cannot say it."""
    keyword, _, rest = chunk.data.partition(b"\0")
    kind = chunk.type
    language, translated, packed, _ = _parts(rest) if kind == b"iTXt" else (b"", b"", kind == b"zTXt", b"")
    try:
        plain = text.encode("latin-1") if kind != b"iTXt" else text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        kind, plain = b"iTXt", text.encode("utf-8", "surrogateescape")
    body = zlib.compress(plain, 9) if packed else plain
    if kind == b"iTXt":
        body = bytes((packed, 0)) + language + b"\0" + translated + b"\0" + body
    elif kind == b"zTXt":
        body = b"\0" + body
    data = keyword + b"\0" + body
    crc = zlib.crc32(kind + data)
    return len(data).to_bytes(4, "big") + kind + data + crc.to_bytes(4, "big")
