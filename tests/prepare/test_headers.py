"""What the first bytes of an image tell, compared with what Pillow reads."""

from __future__ import annotations

import pytest
from PIL import Image

from antiphon.prepare import headers

from .images import moving, noise, opened, saved

GREY, CLEAR = Image.new("L", (31, 17)), Image.new("RGBA", (301, 207), (9, 9, 9, 40))
ROTATED = Image.Exif()
ROTATED[0x0112] = 6

STILL = {
    "png": saved(noise(301, 207), "PNG"),
    "grey png": saved(GREY, "PNG"),
    "gif": saved(Image.new("P", (301, 207)), "GIF"),
    "bmp": saved(noise(301, 207), "BMP"),
    "jpeg": saved(noise(301, 207), "JPEG"),
    "progressive jpeg": saved(noise(301, 207), "JPEG", progressive=True),
    "jpeg with metadata": saved(
        noise(301, 207), "JPEG", exif=ROTATED, icc_profile=b"x" * 9000, comment=b"\xff\xc0 no frame"
    ),
    "lossy webp": saved(noise(301, 207), "WEBP"),
    "lossless webp": saved(noise(301, 207), "WEBP", lossless=True),
    "webp with alpha": saved(CLEAR, "WEBP"),
}


@pytest.mark.parametrize("name", STILL)
def test_the_size_is_what_pillow_reads(name: str):
    """Width and height without decoding equal Pillow's, for each type and variant."""
    assert headers.size(STILL[name]) == opened(STILL[name]).size
    assert not headers.moves(STILL[name])


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_what_moves_is_told_from_what_does_not(form: str):
    """An animation of two frames or more is one, and a file of one frame is none."""
    assert headers.moves(moving(form))
    assert headers.moves(moving(form, 2))
    assert not headers.moves(moving(form, 1))
    assert headers.size(moving(form)) == (12, 8)


@pytest.mark.parametrize("name", [*STILL, "GIF", "PNG", "WEBP"])
def test_a_cut_off_file_is_no_failure(name: str):
    """Cut at each of its first bytes, a file tells its size or nothing, and never fails."""
    data = STILL[name] if name in STILL else moving(name)
    whole = headers.size(data)
    for end in range(min(len(data), 700)):
        assert headers.size(data[:end]) in (whole, None)
        assert headers.moves(data[:end]) in (True, False)


def test_other_types_tell_nothing():
    """Of a type that this does not read, neither size nor movement is guessed."""
    for data in (saved(GREY, "TIFF"), b"%PDF-1.7\n", b"", b"text"):
        assert (headers.size(data), headers.moves(data)) == (None, False)
