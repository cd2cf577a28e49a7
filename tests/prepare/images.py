"""Images for tests, drawn by Pillow."""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image


def noise(width: int, height: int, mode: str = "RGB", seed: int = 1) -> Image.Image:
    """An image that no encoder makes much smaller."""
    pixels = random.Random(seed).randbytes(width * height * len(Image.new(mode, (1, 1)).getbands()))
    return Image.frombytes(mode, (width, height), pixels)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """`image` in a file format."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """The image in `data`, decoded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def moving(form: str, frames: int = 3) -> bytes:
    """An animated image, each frame another colour."""
    first, *rest = [Image.new("RGB", (12, 8), (80 * n, 0, 200 - 60 * n)) for n in range(frames)]
    return saved(first, form, save_all=True, append_images=rest, duration=100)
