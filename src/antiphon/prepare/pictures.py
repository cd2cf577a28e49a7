"""Making an image smaller, or another type, with Pillow (extra ``images``): the only file that imports it.

The same bytes and the same Pillow give the same result. Metadata is left behind; the rotation it asks for is done.
"""

from __future__ import annotations

import importlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import RequestError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Picture", "Room", "redrawn"]

# No format that runs programs or loads other files (EPS, SVG, …) is opened, whatever the bytes say.
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "HEIF", "ICO", "PPM", "TGA")
LOSSLESS = frozenset({"PNG", "GIF", "BMP", "DIB", "TIFF", "ICO", "PPM", "TGA"})
QUALITY = 90  # of JPEG and WebP, of 100
LARGEST_PROFILE = 1 << 16  # bytes of a colour profile that goes along
TRIES = 16  # sizes that are tried before a limit counts as too narrow


@dataclass(frozen=True, slots=True)
class Room:
    """What an image has to fit into: `types` (none listed: any), most bytes, pixels on an edge, pixels in all."""

    types: tuple[str, ...] = ()
    size: int | None = None
    edge: int | None = None
    pixels: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """An image drawn anew: its bytes, what they are, how large it was before, and what was lost besides pixels."""

    data: bytes
    media_type: str
    width: int
    height: int
    before: tuple[int, int]
    lost: tuple[str, ...] = ()


def redrawn(data: bytes, room: Room, name: str, why: str) -> Picture:
    """The image in `data`, drawn anew to fit into `room`; `name` and `why` are for errors.

    RequestError without Pillow, for what Pillow cannot read or takes for a decompression bomb, and where even a
    tiny version would not fit.
    """
    image = _opened(data, name, why)
    frame, lost = _frame(image, name)
    profile = _profile(image)
    size = _size(frame.size, room)
    for tries in range(TRIES):
        scaled = frame if size == frame.size else _resized(frame, size)
        smallest = 0
        for media_type, made, loss in _encodings(scaled, image, room, profile, again=tries > 0):
            if room.size is None or len(made) <= room.size:
                return Picture(made, media_type, *size, frame.size, (*lost, *loss))
            smallest = min(smallest or len(made), len(made))
        assert room.size is not None
        factor = min(0.9, max(0.3, 0.95 * math.sqrt(room.size / smallest)))
        size = max(1, int(size[0] * factor)), max(1, int(size[1] * factor))
    raise RequestError(f"{name} does not fit: {why}", field="messages", hint="Give a smaller image.")


def _pillow(name: str, why: str) -> Any:
    try:
        return importlib.import_module("PIL.Image")
    except ImportError:
        raise RequestError(
            f"{name} cannot be sent as it is: {why}",
            field="messages",
            hint="With Pillow it is made to fit: pip install 'antiphon[images]'. Or give a smaller image, or a JPEG.",
        ) from None


def _opened(data: bytes, name: str, why: str) -> Image:
    """The image, its pixels not yet decoded, after a look at its size."""
    pillow = _pillow(name, why)
    _heif()
    pillow.init()
    bombs = (pillow.DecompressionBombError, pillow.DecompressionBombWarning)
    try:
        image: Image = pillow.open(
            io.BytesIO(data), formats=[form for form in FORMATS if form in pillow.OPEN]
        )
    except bombs:
        raise _bomb(name, pillow) from None
    except Exception as problem:  # decoders raise what they like over broken files
        raise _unreadable(name, why) from problem
    if pillow.MAX_IMAGE_PIXELS is not None and image.width * image.height > pillow.MAX_IMAGE_PIXELS:
        raise _bomb(name, pillow)
    return image


def _heif() -> None:
    """HEIC can be read where pillow-heif is installed."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return


def _bomb(name: str, pillow: Any) -> RequestError:
    most = pillow.MAX_IMAGE_PIXELS / 1e6
    return RequestError(
        f"{name} has more pixels than may be decoded here ({most:.0f} million, Pillow's MAX_IMAGE_PIXELS)",
        field="messages",
        hint="Make it smaller first.",
    )


def _unreadable(name: str, why: str) -> RequestError:
    return RequestError(
        f"{name} cannot be sent as it is ({why}), and Pillow cannot read it",
        field="messages",
        hint="Convert it to JPEG or PNG first. For HEIC: pip install pillow-heif.",
    )


def _resized(frame: Any, size: tuple[int, int]) -> Image:
    return frame.resize(size, importlib.import_module("PIL.Image").Resampling.LANCZOS)


# ------------------------------------------------------------------------------------------- pixels


def _frame(image: Image, name: str) -> tuple[Image, tuple[str, ...]]:
    """The first frame, upright, as L, RGB or RGBA; and what was lost."""
    operations: Any = importlib.import_module("PIL.ImageOps")
    try:
        moves = image.format != "MPO" and getattr(image, "n_frames", 1) > 1
        image.seek(0)
        upright: Image = operations.exif_transpose(image)
        return _plain(upright), ("only its first frame",) if moves else ()
    except Exception as problem:  # decoders raise what they like over broken files
        raise RequestError(
            f"{name} is damaged: {problem}", field="messages", hint="Save it anew."
        ) from problem


def _plain(image: Any) -> Image:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        full = image.convert("RGBA")
        lowest = full.getchannel("A").getextrema()[0]
        return full if lowest != 255 else full.convert("RGB")
    if image.mode.startswith("I"):  # 16 bits for a pixel; convert() would cut them off
        halved: Any = image.point(lambda value: value * (1 / 256))  # pyright: ignore[reportUnknownLambdaType]
        return halved.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _profile(image: Image) -> bytes | None:
    """The colour profile, where the colours stay what they are."""
    profile = image.info.get("icc_profile") if image.mode in ("L", "RGB", "RGBA", "P") else None
    return profile if profile and len(profile) <= LARGEST_PROFILE else None


def _size(size: tuple[int, int], room: Room) -> tuple[int, int]:
    width, height = size
    factor = 1.0
    if room.edge is not None:
        factor = min(factor, room.edge / max(size))
    if room.pixels is not None:
        factor = min(factor, math.sqrt(room.pixels / (width * height)))
    return size if factor >= 1 else (max(1, int(width * factor)), max(1, int(height * factor)))


# ---------------------------------------------------------------------------------------- encodings


def _encodings(
    frame: Image, source: Image, room: Room, profile: bytes | None, *, again: bool
) -> Iterator[tuple[str, bytes, tuple[str, ...]]]:
    """The frame in the types there is room for, the best first: type, bytes, what is lost."""
    clear = frame.mode == "RGBA"
    # A PNG of the same pixels would be as large as before, and one that was too large costs pixels that JPEG saves.
    same = source.format == "PNG" and room.size is not None and frame.size == source.size
    if _taken("image/png", room) and (clear or (source.format in LOSSLESS and not again)) and not same:
        yield "image/png", _saved(frame, "PNG", icc_profile=profile), ()
    if clear and _taken("image/webp", room):
        yield "image/webp", _saved(frame, "WEBP", quality=QUALITY, icc_profile=profile), ()
    opaque, lost = (_on_white(frame), ("without its transparency, on white",)) if clear else (frame, ())
    if _taken("image/jpeg", room):
        yield "image/jpeg", _saved(opaque, "JPEG", quality=QUALITY, icc_profile=profile), lost
    else:
        yield "image/png", _saved(opaque, "PNG", icc_profile=profile), lost


def _taken(media_type: str, room: Room) -> bool:
    return not room.types or media_type in room.types


def _on_white(frame: Image) -> Image:
    pillow: Any = importlib.import_module("PIL.Image")
    white: Image = pillow.new("RGBA", frame.size, "white")
    white.alpha_composite(frame)
    return white.convert("RGB")


def _saved(frame: Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    frame.save(out, form, **options)
    return out.getvalue()
