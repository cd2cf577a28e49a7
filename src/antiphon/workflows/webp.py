"""The workflow in a WebP as ComfyUI writes it: texts in the EXIF chunk, as ``prompt:{…}`` and ``workflow:{…}``.

RIFF container (WebP container specification); EXIF is a TIFF (revision 6, section 2) with one directory of ASCII
fields. ComfyUI puts the prompt into the tag Model (0x0110) and everything else from Make (0x010F) downward. An EXIF
chunk with other fields than texts is read, and not rewritten: then its copy cannot be made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from .png import Text

__all__ = ["is_webp", "opaque", "rewritten", "texts"]

ASCII = 2
PIXELS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF")
PREFIX = b"Exif\0\0"
Order: TypeAlias = "Literal['little', 'big']"


class Field(NamedTuple):
    """One field of the directory: its tag, its type, its bytes (only of a text)."""

    tag: int
    type: int
    data: bytes


class Exif(NamedTuple):
    """The EXIF chunk: in which byte order, with which bytes before it, its fields, and whether there is more in it."""

    order: Order
    prefix: bytes
    fields: list[Field]
    more: bool


def is_webp(data: bytes) -> bool:
    """Whether these bytes begin as a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def texts(data: bytes) -> list[Text]:
    """All texts of the EXIF chunk, the part before the colon as their keyword. ValueError for what is no whole WebP."""
    found: list[Text] = []
    for name, body, _, _ in _chunks(data):
        if name == b"EXIF":
            for number, field in enumerate(_exif(body).fields):
                if field.type == ASCII:
                    text = field.data.rstrip(b"\0").decode("utf-8", "surrogateescape")
                    keyword, colon, rest = text.partition(":")
                    whole = colon and keyword.isidentifier()
                    found.append(
                        Text(number, *((keyword, rest) if whole else (f"tag {field.tag:#06x}", text)))
                    )
    return found


def rewritten(data: bytes, changed: Mapping[int, str]) -> bytes:
    """The file with these texts in place of its own. ValueError where the EXIF chunk holds more than texts."""
    pieces, at = list[bytes](), 12
    for name, body, start, end in _chunks(data):
        if name == b"EXIF" and changed:
            new = _written(_exif(body), changed)
            pieces += (data[at:start], name + len(new).to_bytes(4, "little") + new + b"\0" * (len(new) % 2))
            at = end
    rest = b"".join((*pieces, data[at:]))
    return b"RIFF" + (len(rest) + 4).to_bytes(4, "little") + b"WEBP" + rest


def opaque(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is neither pixels nor read here, by its name, and what follows the end."""
    last = 12
    for name, body, _, end in _chunks(data):
        last = end
        if name not in PIXELS or (name == b"EXIF" and _exif(body).more):
            yield name.decode("latin-1"), body
    if data[last:]:
        yield "after the end", data[last:]


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int, int]]:
    """The chunks: name, body, and where they begin and end."""
    size = int.from_bytes(data[4:8], "little") + 8
    if not is_webp(data) or size > len(data):
        raise ValueError("it is no whole WebP")
    at = 12
    while at + 8 <= size:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length
        if end > size:
            raise ValueError("a chunk claims to be longer than the file")
        yield data[at : at + 4], data[at + 8 : end], at, end + length % 2
        at = end + length % 2


def _exif(body: bytes) -> Exif:
    prefix = PREFIX if body.startswith(PREFIX) else b""
    tiff = body[len(prefix) :]
    orders: dict[bytes, Order] = {b"II*\0": "little", b"MM\0*": "big"}
    order = orders.get(tiff[:4])
    if order is None:
        raise ValueError("its EXIF chunk is no TIFF")
    at = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[at : at + 2], order)
    after = at + 2 + 12 * count
    if after + 4 > len(tiff):
        raise ValueError("its EXIF chunk is cut off")
    fields, room = list[Field](), len(tiff)
    for number in range(count):
        fields.append(_field(tiff, at + 2 + 12 * number, order))
        room -= len(fields[-1].data)
        if room < 0:  # thousands of fields could share one long text, and each would be a copy of it
            raise ValueError("the texts of its EXIF chunk lie over one another")
    return Exif(order, prefix, fields, any(tiff[after : after + 4]) or any(f.type != ASCII for f in fields))


def _field(tiff: bytes, at: int, order: Order) -> Field:
    tag, kind = (int.from_bytes(tiff[at + n : at + n + 2], order) for n in (0, 2))
    length, place = (int.from_bytes(tiff[at + n : at + n + 4], order) for n in (4, 8))
    if kind != ASCII:
        return Field(tag, kind, b"")
    start = at + 8 if length <= 4 else place
    if start + length > len(tiff):
        raise ValueError("a text of its EXIF chunk is cut off")
    return Field(tag, kind, tiff[start : start + length])


def _written(exif: Exif, changed: Mapping[int, str]) -> bytes:
    if exif.more:
        raise ValueError("its EXIF chunk holds more than texts, and cannot be written anew")
    order, count = exif.order, len(exif.fields)
    head = (b"II*\0" if order == "little" else b"MM\0*") + (8).to_bytes(4, order) + count.to_bytes(2, order)
    entries, bodies, place = list[bytes](), list[bytes](), 8 + 2 + 12 * count + 4
    for number, field in enumerate(exif.fields):
        data = _text(field, changed[number]) if number in changed else field.data
        inside = data.ljust(4, b"\0") if len(data) <= 4 else place.to_bytes(4, order)
        entries.append(
            field.tag.to_bytes(2, order)
            + field.type.to_bytes(2, order)
            + len(data).to_bytes(4, order)
            + inside
        )
        if len(data) > 4:
            padded = data + b"\0" * (len(data) % 2)
            bodies.append(padded)
            place += len(padded)
    return exif.prefix + head + b"".join(entries) + bytes(4) + b"".join(bodies)


def _text(field: Field, text: str) -> bytes:
    """A field's new text, behind the name that it had before its colon."""
    name, colon, _ = field.data.partition(b":")
    named = colon and name.decode("latin-1").isidentifier()
    return (name + b":" if named else b"") + text.encode("utf-8", "surrogateescape") + b"\0"
