"""Media made to fit into a provider's limits: only where one demands it, and said in a note."""

from __future__ import annotations

import base64
import random
import sys
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from antiphon import providers
from antiphon.dialects import MediaLimits, Quirks
from antiphon.errors import RequestError
from antiphon.prepare.media import fitted, told
from antiphon.request import Config, Media, Message, Request

from .images import moving, noise, opened, saved

ANY = frozenset({"image", "audio", "video", "document"})
COMMON = ("image/jpeg", "image/png", "image/gif", "image/webp")


def asked(*parts: Any, provider: str = "peer") -> Request:
    return Request(provider=provider, messages=(Message("user", *parts),), config=Config(model="m"))


def quirks(**limits: Any) -> Quirks:
    return Quirks(fields={}, media=ANY, media_limits=MediaLimits(**limits))


def fit(medium: Media, **limits: Any) -> tuple[Media, str]:
    """One medium as it goes out, and its note."""
    request, notes = fitted(asked(medium, "look"), quirks(**limits))
    return request.media[0], " ".join(notes)


def image(data: bytes, name: str | None = None) -> Media:
    return Media.from_bytes(data, name=name)


# ------------------------------------------------------------------------------------- what fits


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_what_fits_goes_out_byte_for_byte(form: str):
    """With every limit there is, none of them hit, request and bytes are the very same objects."""
    exif = Image.Exif()
    exif[0x0112] = 6
    medium = image(saved(Image.new("RGB", (90, 60)), form, **({} if form == "GIF" else {"exif": exif})))
    size = len(medium.data or b"")
    request = asked(medium, "look")
    narrow = quirks(
        types={"image": COMMON},
        data={"image": size},
        base64={"image": len(medium.base64)},
        edge=90,
        pixels=5400,
        crowd=(1, 90),
        count={"image": 1},
        request=200_000,
        animated=False,
    )
    assert fitted(request, narrow) == (request, ())
    assert fitted(request, narrow)[0].media[0].data is medium.data


def test_no_limit_means_no_look():
    """Where nothing is known of a provider's limits, whatever is given goes out."""
    request = asked(image(saved(noise(40, 40), "TIFF")), Media.from_url("https://e.test/a.png"), "x")
    assert fitted(request, quirks()) == (request, ())


def test_urls_count_and_are_left_alone():
    """A medium known by its URL counts among the images, and nothing else is asked of it."""
    request = asked(Media.from_url("https://e.test/a.tiff"), Media.from_url("https://e.test/b.png"))
    assert fitted(request, quirks(types={"image": COMMON}, edge=1)) == (request, ())
    with pytest.raises(RequestError, match="at most 1 images in one request, not 2"):
        fitted(request, quirks(count={"image": 1}))


# ---------------------------------------------------------------------------------- made smaller


def test_too_many_bytes():
    """A photo over the limit becomes a JPEG below it, and the note says what was what and why."""
    data = saved(noise(1200, 800), "PNG")
    medium, note = fit(image(data, "cat.png"), data={"image": 300_000}, types={"image": COMMON})
    assert (medium.media_type, medium.name) == ("image/jpeg", "cat.jpg")
    assert len(medium.data or b"") <= 300_000
    width, height = opened(medium.data or b"").size
    assert width / height == pytest.approx(1.5, rel=0.01)
    assert note == (
        f"image 1 (cat.png, {told(len(data))}, 1200×800) was sent as {width}×{height} JPEG"
        f" of {told(len(medium.data or b''))}: peer takes at most 300 kB"
    )


def test_a_limit_of_base64_is_one_of_base64():
    """The base64 of the result is within the limit, and the result uses most of the room."""
    medium, note = fit(image(saved(noise(900, 600), "PNG")), base64={"image": 400_000})
    assert 200_000 < len(medium.base64) <= 400_000
    assert "at most 400 kB of base64" in note


def test_a_better_encoding_comes_before_fewer_pixels():
    """What fits as a JPEG of the same size keeps its pixels."""
    data = saved(noise(300, 200), "PNG")
    medium, _ = fit(image(data), data={"image": 100_000})
    assert (medium.media_type, opened(medium.data or b"").size) == ("image/jpeg", (300, 200))


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        ({"edge": 100}, (100, 50)),
        ({"pixels": 3200}, (80, 40)),
        ({"edge": 100, "pixels": 3200}, (80, 40)),
        ({"edge": 300, "crowd": (0, 60)}, (60, 30)),
    ],
)
def test_too_many_pixels(limits: dict[str, Any], size: tuple[int, int]):
    """The edge and the number of pixels are what the limit says, the shape stays, and a PNG stays a PNG."""
    medium, note = fit(image(saved(Image.new("RGB", (200, 100), "red"), "PNG")), **limits)
    assert medium.media_type == "image/png"
    assert opened(medium.data or b"").size == size
    assert f"was sent as {size[0]}×{size[1]} PNG" in note


def test_many_images_have_less_room_each():
    """From one image more than the crowd on, all that are larger shrink to the smaller edge; the others stay."""
    large, small = (
        image(saved(Image.new("RGB", (60, 40)), "PNG")),
        image(saved(Image.new("RGB", (9, 9)), "PNG")),
    )
    limits = quirks(edge=100, crowd=(2, 30))
    assert fitted(asked(large, small), limits)[1] == ()
    request, notes = fitted(asked(large, small, large), limits)
    assert [opened(medium.data or b"").size for medium in request.media] == [(30, 20), (9, 9), (30, 20)]
    assert request.media[1].data is small.data
    assert [note.partition(" (")[0] for note in notes] == ["image 1", "image 3"]
    assert "at most 30 pixels on an edge with more than 2 images" in notes[0]


def test_the_rotation_in_the_metadata_is_done():
    """A photo that says "turn me" is turned before its metadata is left behind."""
    picture = Image.new("RGB", (80, 40), "white")
    picture.paste("black", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    medium, _ = fit(image(saved(picture, "PNG", exif=exif)), edge=40)
    turned = opened(medium.data or b"").convert("L")
    assert turned.size == (20, 40)
    assert [turned.getpixel((10, y)) for y in (5, 35)] == [0, 255]
    assert not turned.getexif()


def test_the_same_image_gives_the_same_bytes():
    """Twice the same, whatever Pillow did in between."""
    medium = image(saved(noise(300, 200, "RGBA"), "PNG"))
    first = fit(medium, edge=150, data={"image": 60_000})
    fit(image(moving("GIF")), types={"image": ("image/png",)})
    assert fit(medium, edge=150, data={"image": 60_000}) == first


# --------------------------------------------------------------------------------------- the type


@pytest.mark.parametrize(
    ("form", "sent"),
    [("BMP", "image/png"), ("TIFF", "image/png"), ("AVIF", "image/jpeg"), ("HEIF", "image/jpeg")],
)
def test_a_type_that_is_not_taken_becomes_one_that_is(form: str, sent: str):
    """What was kept whole stays whole, as PNG; what was a photo becomes a JPEG. The note names the type."""
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    picture = Image.linear_gradient("L").convert("RGB").resize((90, 60))
    before = image(saved(picture, form, **({"quality": 95} if form in ("AVIF", "HEIF") else {})))
    assert before.kind == "image"
    medium, note = fit(before, types={"image": COMMON})
    assert medium.media_type == sent
    after = opened(medium.data or b"").convert("RGB")
    assert after.size == (90, 60)
    if sent == "image/png":
        assert after.tobytes() == picture.tobytes()
    assert f"peer takes no {before.media_type}" in note


def test_transparency_is_kept_where_it_fits():
    """A clear image stays clear, as PNG or as WebP; without room for either it is put on white, and that is said."""
    picture = noise(120, 80, "RGBA")
    data = saved(picture, "TIFF")
    kept, note = fit(image(data), types={"image": COMMON})
    assert (kept.media_type, "transparency" in note) == ("image/png", False)
    assert opened(kept.data or b"").tobytes() == picture.tobytes()

    smaller, note = fit(image(data), types={"image": COMMON}, data={"image": 36_000})
    assert (smaller.media_type, "transparency" in note) == ("image/webp", False)
    assert opened(smaller.data or b"").mode == "RGBA"

    flat, note = fit(image(data), types={"image": ("image/jpeg",)})
    assert (flat.media_type, "without its transparency, on white" in note) == ("image/jpeg", True)


def test_white_is_what_shows_through():
    """Where nothing was, the flattened image is white."""
    flat, _ = fit(
        image(saved(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), "PNG")), types={"image": ("image/jpeg",)}
    )
    assert opened(flat.data or b"").getpixel((8, 8)) == (255, 255, 255)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_goes_out(form: str):
    """Where no animations are taken, the first frame goes out, and the note says so."""
    medium, note = fit(image(moving(form)), animated=False)
    assert "only its first frame: peer takes no animated images" in note
    sent = opened(medium.data or b"")
    assert getattr(sent, "n_frames", 1) == 1
    colour = sent.convert("RGB").getpixel((6, 4))
    assert isinstance(colour, tuple)
    assert all(abs(got - wanted) < 12 for got, wanted in zip(colour, (0, 0, 200), strict=True))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK", "I;16", "I"])
def test_every_kind_of_pixel_is_brought_along(mode: str):
    """Two tones, two greys or sixteen bits come out as the same picture in eight."""
    ramp = Image.linear_gradient("L")
    picture = (
        ramp.point(lambda value: value * 257.0, "I").convert(mode)
        if mode.startswith("I")
        else ramp.convert(mode)
    )
    medium, _ = fit(image(saved(picture, "TIFF")), types={"image": ("image/png",)})
    sent = opened(medium.data or b"").convert("L")
    if mode != "1":
        assert [round(float(str(sent.getpixel((128, y)))), -1) for y in (0, 128, 255)] == pytest.approx(
            [0, 130, 255], abs=10
        )


# ------------------------------------------------------------------------------------ the whole body


def test_a_request_that_is_too_large_shrinks_its_largest_images():
    """The largest share the room that the small ones leave; those are untouched, and the body fits."""
    large = [image(saved(noise(500, 400, seed=n), "PNG"), f"{n}.png") for n in (1, 2)]
    small = image(saved(noise(60, 40), "PNG"), "small.png")
    request, notes = fitted(asked(large[0], small, large[1], "look"), quirks(request=500_000))
    assert sum(len(medium.base64) for medium in request.media) <= 500_000 - 65_536
    assert request.media[1].data is small.data
    assert len(notes) == 2
    assert all("peer takes at most 500 kB in one request" in note for note in notes)
    sizes = [len(request.media[n].base64) for n in (0, 2)]
    assert min(sizes) > 0.5 * max(sizes)


@pytest.mark.parametrize(
    "parts",
    [
        (Media.from_bytes(b"%PDF-" + bytes(300_000)), "x"),
        (image(saved(noise(50, 50), "PNG")), "x" * 300_000),
    ],
    ids=["a document", "a text"],
)
def test_what_leaves_no_room_is_refused(parts: tuple[Any, ...]):
    """Where nothing that could shrink is what fills the body, that is an error before sending."""
    with pytest.raises(RequestError, match="this request is too large: peer takes at most 300 kB"):
        fitted(asked(*parts), quirks(request=300_000))


# ---------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("medium", "limits", "message"),
    [
        (Media.from_bytes(b"%PDF-" + bytes(2_000_000), name="a.pdf"), {"data": {"document": 1_500_000}},
         "document 1 (a.pdf, 2 MB) is too large: peer takes at most 1.5 MB"),
        (Media.from_bytes(b"ID3" + bytes(90_000)), {"data": {"audio": 50_000}},
         "audio 1 (audio/mpeg, 90 kB) is too large: peer takes at most 50 kB"),
        (Media.from_bytes(b"\0\0\0\x18ftypisom" + bytes(1 << 20)), {"base64": {"video": 1 << 20}},
         "video 1 (video/mp4, 1.05 MB) is too large: peer takes at most 1 MiB of base64"),
    ],
)  # fmt: skip
def test_sounds_videos_and_documents_are_not_transcoded(medium: Media, limits: dict[str, Any], message: str):
    """Too large is an error that names the medium, its size and the limit."""
    with pytest.raises(RequestError) as caught:
        fit(medium, **limits)
    assert (caught.value.message, caught.value.field) == (message, "messages")


@pytest.mark.parametrize(
    ("size", "words"),
    [(1, "1 kB"), (999_999, "999 kB"), (1 << 20, "1 MiB"), (3_750_000, "3.75 MB"), (9_126_000, "9.13 MB"),
     (25_000_000, "25 MB"), (100_000_000, "100 MB"), (512_345_678, "512 MB"), (10 << 20, "10 MiB")],
)  # fmt: skip
def test_sizes_in_words(size: int, words: str):
    """Figures of limits are told exactly, those of media to three digits."""
    assert told(size) == words


def test_a_media_type_goes_before_its_kind():
    """A limit of a kind can be narrowed or lifted for one media type of it."""
    pdf = Media.from_bytes(b"%PDF-" + bytes(2000))
    assert fit(pdf, data={"document": 100, "application/pdf": None})[0] is pdf
    with pytest.raises(RequestError):
        fit(pdf, data={"document": 1_000_000, "application/pdf": 1000})


def test_without_pillow_the_error_names_limit_and_cure(monkeypatch: pytest.MonkeyPatch):
    """What has to be redrawn and cannot be says so; what fits needs no Pillow at all."""
    for name in ("PIL", "PIL.Image"):
        monkeypatch.setitem(sys.modules, name, None)  # importing them fails now
    medium = image(PNG)
    assert fit(medium, edge=90, data={"image": len(PNG)})[0] is medium
    with pytest.raises(RequestError, match="at most 50 pixels on an edge") as caught:
        fit(medium, edge=50)
    assert "pip install 'antiphon[images]'" in caught.value.hint


PNG = saved(Image.new("RGB", (90, 60)), "PNG")


def test_a_decompression_bomb_is_not_decoded(monkeypatch: pytest.MonkeyPatch):
    """An image whose header announces too many pixels is refused before its pixels are touched."""
    data = saved(Image.new("1", (20_000, 5_000)), "PNG")  # 100 million pixels in 12 kB
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    for size in (data, saved_with_size(data, 30_000, 30_000)):
        with pytest.raises(RequestError, match=r"more pixels than may be decoded here \(89 million"):
            fit(image(size), edge=100)


def saved_with_size(data: bytes, width: int, height: int) -> bytes:
    """`data`, a PNG, with another size in its header."""
    import zlib

    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + data[24:29]
    return data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]


@pytest.mark.parametrize(
    "data",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/hostname'/></svg>",
        b"\x89PNG\r\n\x1a\n" + bytes(60),
        b"",
    ],
    ids=["EPS", "SVG", "broken PNG", "nothing"],
)
def test_what_is_no_plain_image_is_not_opened(data: bytes):
    """Formats that run programs or load other files are never opened, whatever they are called."""
    medium = Media("image", "image/tiff", data=data or b"?", name="a.tiff")
    with pytest.raises(RequestError, match="Pillow cannot read it") as caught:
        fit(medium, types={"image": COMMON})
    assert "JPEG or PNG" in caught.value.hint


def test_a_cut_off_image_is_an_error():
    """An image whose pixels end too early is refused by name, not sent half grey."""
    with pytest.raises(RequestError, match=r"image 1 \(cut.jpg, .* is damaged"):
        fit(image(saved(noise(200, 200), "JPEG")[:9000], "cut.jpg"), edge=100)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about what is broken
@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "animation"])
def test_broken_images_are_errors_of_ours(form: str):
    """With bytes changed and cut at random, an image is sent or refused; nothing else comes out of the decoders."""
    whole = moving("GIF") if form == "animation" else saved(noise(40, 30), form)
    chance = random.Random(form)
    outcomes: set[str] = set()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 2, 8))):
            data[chance.randrange(len(data) if chance.random() < 0.3 else min(len(data), 200))] = (
                chance.randrange(256)
            )
        cut = bytes(data[: chance.randrange(1, len(data))] if chance.random() < 0.2 else data)
        try:
            fit(Media("image", "image/x", data=cut), types={"image": COMMON}, edge=20)
            outcomes.add("sent")
        except RequestError:
            outcomes.add("refused")
    assert outcomes == {"sent", "refused"}


def test_a_limit_that_nothing_fits_into():
    """A limit smaller than any image is an error, not an endless loop."""
    with pytest.raises(RequestError, match="does not fit"):
        fit(image(saved(noise(200, 200), "PNG")), data={"image": 20})


# ----------------------------------------------------------------------------- the providers' limits

LIMITED = [
    (name, dialect)
    for name in providers.names()
    for dialect, way in providers.get(name).ways.items()
    if way.quirks.media_limits != MediaLimits()
]


def typed(name: str, dialect: str) -> bool:
    quirks = providers.get(name).way(dialect).quirks
    return "image" in quirks.media_limits.types and bool(quirks.media)


@pytest.mark.parametrize(("name", "dialect"), LIMITED)
def test_every_figure_has_a_source(name: str, dialect: str):
    """Limits say where they come from and when that was read, and name image types that can be written."""
    limits = providers.get(name).way(dialect).quirks.media_limits
    assert any(year in limits.source for year in ("2025", "2026", "botocore", "anthropic 2"))
    assert not limits.types or {"image/jpeg", "image/png"} <= set(limits.types["image"])


@pytest.mark.parametrize(("name", "dialect"), [way for way in LIMITED if typed(*way)])
def test_a_foreign_image_is_encoded_for_every_limited_way(name: str, dialect: str):
    """A TIFF becomes what the way takes, and the dialect then encodes it."""
    way = providers.get(name).way(dialect)
    request = replace(asked(image(saved(noise(30, 20), "TIFF")), "look", provider=name), dialect=dialect)
    made, notes = fitted(request, way.quirks)
    assert made.media[0].media_type == "image/png"
    sizes = [told(len(it.media[0].data or b"")) for it in (request, made)]
    assert list(notes) == [
        f"image 1 (image/tiff, {sizes[0]}, 30×20) was sent as 30×20 PNG of {sizes[1]}: {name} takes no image/tiff"
    ]
    body = str(way.dialect.encode(made, way.quirks, stream=False))
    assert base64.b64encode(made.media[0].data or b"").decode() in body
