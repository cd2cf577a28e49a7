"""PNG files with one answer for each array of pixels, and the way between tensors and media. No ComfyUI, no torch."""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from antiphon import Media, RequestError, Unreadable
from antiphon.comfyui.convert import from_image, to_image
from antiphon.comfyui.png import LONGEST, code_lengths, encode

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def pixels(height: int, width: int, channels: int, seed: int = 0) -> Any:
    """Smooth colours with some noise, as in a photograph."""
    random = np.random.Generator(np.random.PCG64(seed))
    rows, columns = np.mgrid[0:height, 0:width]
    layers = [128 + 90 * np.sin(rows / 17 + n) + 30 * np.cos(columns / 11 * (n + 1)) for n in range(channels)]
    noise = random.integers(-3, 4, (height, width, channels))
    return np.clip(np.stack(layers, axis=2) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", MODES)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (37, 53), (700, 300)])
def test_pillow_reads_what_went_in(size: tuple[int, int], channels: int):
    """Every pixel comes back, in every number of channels, over several blocks of codes."""
    picture = pixels(*size, channels)

    read = Image.open(io.BytesIO(encode(picture)))

    assert read.mode == MODES[channels]
    assert np.array_equal(np.asarray(read).reshape(picture.shape), picture)


@pytest.mark.parametrize("value", [0, 255])
def test_a_picture_of_one_colour(value: int):
    """A block with hardly any different bytes is readable too, and small."""
    picture = np.full((64, 64, 3), value, np.uint8)
    file = encode(picture)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(file))), picture)
    assert len(file) < picture.size / 4


def test_noise():
    """Bytes that nothing can make smaller grow by next to nothing."""
    picture = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    file = encode(picture)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(file))), picture)
    assert len(file) < picture.size * 1.01 + 1000


def test_the_bytes_are_a_contract():
    """These very bytes, everywhere: they are in the replay keys of all requests that hold a picture."""
    rows, columns = np.mgrid[0:40, 0:60]
    picture = np.stack([rows * 5 % 256, columns * 3 % 256, (rows * columns) % 256], axis=2).astype(np.uint8)
    assert hashlib.sha256(encode(picture)).hexdigest() == GOLDEN


GOLDEN = "118368e9ea95529da7c76d01e315ce09200ffda9382932ee74854d9be0c6121f"


def test_about_as_small_as_others():
    """For what looks like a photograph, within a tenth of what zlib makes of it."""
    picture = pixels(256, 256, 3)
    other = io.BytesIO()
    Image.fromarray(picture).save(other, "PNG")
    assert len(encode(picture)) < 1.1 * len(other.getvalue())


def test_codes_of_any_counts():
    """No code is longer than the format allows, and together they use all of the space (Kraft)."""
    counts = [1, 1]
    while len(counts) < 40:
        counts.append(counts[-1] + counts[-2])  # the worst there is: without a limit, one code of 39 bits
    lengths = code_lengths(counts)
    assert max(lengths) <= LONGEST
    assert sum(2**-length for length in lengths if length) == 1


# ------------------------------------------------------------------------------------ images and media


def test_an_image_becomes_a_picture_for_each_of_its_batch():
    """Rounded, not cut off: 8 bits that ComfyUI has divided by 255 come back as they were."""
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    batch = np.concatenate([levels, 255 - levels]).astype(np.float32) / np.float32(255)

    first, second = from_image(batch)

    assert first.media_type == "image/png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(first.data or b""))), levels[0])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(second.data or b""))), 255 - levels[0])


def test_alpha_goes_along():
    """Four channels make a PNG with alpha; values out of range and NaN become colours."""
    image = np.array([[[[2.0, -1.0, np.nan, 0.5]]]], np.float32)
    [medium] = from_image(image)
    picture = Image.open(io.BytesIO(medium.data or b""))
    assert (picture.mode, picture.getpixel((0, 0))) == ("RGBA", (255, 0, 0, 128))


def test_the_same_image_is_the_same_request():
    """Equal pixels give equal sums, which the key is made of."""
    image = pixels(20, 30, 3).astype(np.float32)[None] / 255
    assert from_image(image)[0].sha256 == from_image(image.copy())[0].sha256


@pytest.mark.parametrize("shape", [(3, 3), (1, 4, 4, 2), (1, 0, 4, 3), (1, 1, 2, 3, 3)])
def test_what_is_no_image(shape: tuple[int, ...]):
    """A mask, a latent or nothing is refused with its shape."""
    with pytest.raises(RequestError, match="shape"):
        from_image(np.zeros(shape, np.float32))


def file(picture: Image.Image, kind: str = "PNG", **options: Any) -> Media:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return Media.from_bytes(data.getvalue())


def test_pictures_of_every_kind_become_rgb():
    """Palettes, grey, 16 bits of grey, alpha over white."""
    palette = Image.new("RGB", (2, 2), "lime").quantize()
    grey16 = Image.fromarray(np.full((2, 2), 32896, np.uint16))
    cases = {
        "palette": (palette, (0, 1, 0)),
        "grey": (Image.new("L", (2, 2), 51), (0.2, 0.2, 0.2)),
        "grey16": (grey16, (128 / 255,) * 3),
        "clear": (Image.new("RGBA", (2, 2), (255, 0, 0, 0)), (1, 1, 1)),
    }
    for name, (picture, colour) in cases.items():
        array = to_image(file(picture))
        assert array.shape == (2, 2, 3), name
        assert array[0, 0] == pytest.approx(colour, abs=0.002), name


def test_a_photo_is_turned_as_it_says():
    """The orientation in EXIF is applied."""
    exif = Image.Exif()
    exif[0x0112] = 6
    assert to_image(file(Image.new("RGB", (4, 2)), "JPEG", exif=exif)).shape == (4, 2, 3)


def test_a_picture_that_cannot_be_read():
    """Broken bytes are an error with words, and an address is not fetched."""
    with pytest.raises(Unreadable, match="cannot be read"):
        to_image(Media("image", "image/png", data=b"\x89PNG\r\n\x1a\n broken"))
    with pytest.raises(Unreadable, match="at an address"):
        to_image(Media.from_url("https://example.com/x.png"))


def test_the_stream_is_zlibs_format():
    """Any inflater takes it, checksum and all."""
    data = encode(pixels(10, 10, 3))
    start = data.index(b"IDAT") + 4
    length = int.from_bytes(data[start - 8 : start - 4], "big")
    assert len(zlib.decompress(data[start : start + length])) == 10 * 31
