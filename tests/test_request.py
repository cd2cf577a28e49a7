"""The values check themselves, name the field and the range, and cannot be changed."""

from __future__ import annotations

import base64
import copy
import dataclasses
import pickle

import pytest

from antiphon import Config, Delivery, Media, Message, Request, RequestError, Schema, Timeout
from antiphon.request import FrozenDict

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


@pytest.mark.parametrize(
    ("settings", "field", "says"),
    [
        ({"temperature": 2.1}, "temperature", "from 0 to 2"),
        ({"temperature": -0.1}, "temperature", "from 0 to 2"),
        ({"temperature": float("nan")}, "temperature", "from 0 to 2"),
        ({"temperature": "hot"}, "temperature", "a number"),
        ({"temperature": True}, "temperature", "a number"),
        ({"top_p": 0}, "top_p", "above 0 to 1"),
        ({"top_p": 1.01}, "top_p", "above 0 to 1"),
        ({"top_k": 0}, "top_k", "1 or more"),
        ({"top_k": 1.5}, "top_k", "whole number"),
        ({"min_p": -1}, "min_p", "from 0 to 1"),
        ({"presence_penalty": 3}, "presence_penalty", "from -2 to 2"),
        ({"frequency_penalty": -3}, "frequency_penalty", "from -2 to 2"),
        ({"repeat_penalty": 0}, "repeat_penalty", "above 0 to 10"),
        ({"max_tokens": 0}, "max_tokens", "1 or more"),
        ({"max_tokens": True}, "max_tokens", "whole number"),
        ({"stop": ["a"] * 17}, "stop", "1 to 16"),
        ({"stop": [""]}, "stop", "non-empty"),
        ({"stop": [1]}, "stop", "texts"),
        ({"reasoning": "much"}, "reasoning", "off, low, medium, high"),
        ({"reasoning": 0}, "reasoning", "1 token or more"),
        ({"reasoning": True}, "reasoning", "budget"),
        ({"response_format": "xml"}, "response_format", "'text', 'json'"),
        ({"modalities": ["smell"]}, "modalities", "text, image, audio"),
        ({"modalities": ["text", "text"]}, "modalities", "different"),
        ({"aspect_ratio": "wide"}, "aspect_ratio", "16:9"),
        ({"aspect_ratio": "16:0"}, "aspect_ratio", "16:9"),
        ({"aspect_ratio": 1.5}, "aspect_ratio", "16:9"),
        ({"extra": {"a": float("inf")}}, "extra.a", "JSON"),
        ({"extra": {"a": [object()]}}, "extra.a[0]", "JSON"),
        ({"extra": {1: 2}}, "extra", "keys are text"),
        ({"extra": [1]}, "extra", "mapping"),
        ({"model": 5}, "model", "text"),
    ],
)
def test_a_wrong_setting_names_its_field_and_range(settings, field, says):
    """Config refuses what no provider takes, with the field and what would be right."""
    with pytest.raises(RequestError) as caught:
        Config(**settings)

    assert caught.value.field == field
    assert says in str(caught.value)


def test_equal_settings_are_equal_values():
    """Spelling does not matter: 1 and 1.0, a text and a list of one, any order of modalities."""
    one = Config(temperature=1, stop="x", modalities=["image", "text"], extra={"a": [1], "b": 2})
    two = Config(temperature=1.0, stop=("x",), modalities=("text", "image"), extra={"b": 2, "a": (1,)})

    assert one == two
    assert hash(one) == hash(two)
    assert one.given() == {
        "temperature": 1.0,
        "stop": ("x",),
        "modalities": ("text", "image"),
        "extra": {"a": (1,), "b": 2},
    }
    assert Config().given() == {}
    assert Config(temperature=0).given() == {"temperature": 0.0}


def test_values_are_frozen_all_the_way_down_and_survive_pickling():
    """Nothing inside a Request can be changed, and a copy in another process is equal."""
    source = {"nested": {"list": [1, 2]}}
    config = Config(model="m", extra=source, response_format={"type": "object"})
    request = Request(
        provider="echo", messages=[Message("user", "hi", Media.from_bytes(PNG))], config=config, seed=0
    )
    source["nested"]["list"].append(3)

    with pytest.raises(dataclasses.FrozenInstanceError):
        request.seed = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        request.config.extra["nested"]["x"] = 1  # type: ignore[index]
    with pytest.raises(TypeError):
        request.config.extra.update(a=1)  # type: ignore[attr-defined]
    assert request.config.extra == {"nested": {"list": (1, 2)}}
    assert isinstance(config.response_format, Schema)
    assert pickle.loads(pickle.dumps(request)) == request
    assert copy.deepcopy(request) == request
    assert FrozenDict({"a": 1}) == {"a": 1}


def test_a_seed_is_any_whole_number_and_is_folded_for_the_wire():
    """0 is a seed; 64-bit seeds go out as their low 31 bits; None is none."""
    ask = Request(provider="echo", messages=(Message("user", "x"),))

    assert [dataclasses.replace(ask, seed=s).wire_seed for s in (0, 7, 2**31, 2**64 - 1, -1)] == [
        0,
        7,
        0,
        2**31 - 1,
        2**31 - 1,
    ]
    assert ask.wire_seed is None
    for wrong in (1.0, "1", True):
        with pytest.raises(RequestError, match="seed must be a whole number"):
            dataclasses.replace(ask, seed=wrong)


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ((), "at least one user message"),
        ((Message("system", "only"),), "at least one user message"),
        (("hi",), "holds a str"),
    ],
)
def test_a_request_needs_something_to_answer(messages, says):
    """A request without a user turn is refused."""
    with pytest.raises(RequestError, match=says):
        Request(provider="echo", messages=messages)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Message("tool", "x"), "role must be one of"),
        (lambda: Message("user"), "no content"),
        (lambda: Message("user", 5), "must be text"),
        (lambda: Message("user", "\ud800"), "lone surrogate"),
        (lambda: Message("system", Media.from_bytes(PNG)), "only in user messages"),
        (lambda: Schema({"type": "object"}, name="no spaces"), "schema name"),
        (lambda: Schema([1]), "is an object"),
        (lambda: Timeout(idle=0), "timeout.idle"),
        (lambda: Delivery(retries=-1), "retries"),
        (lambda: Delivery(retries=21), "retries"),
        (lambda: Delivery(replay="maybe"), "replay must be one of"),
        (lambda: Delivery(timeout="soon"), "timeout"),
    ],
)
def test_a_wrong_value_is_refused_when_it_is_made(make, says):
    """Messages, schemas and deliveries check themselves."""
    with pytest.raises(RequestError, match=says):
        make()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host", "http://"),
        ("host:8080", "http://"),
        ("http://", "http://"),
        ("http://user:pass@host", "user name or password"),
        ("http://host/v1?key=1", "query"),
        ("http://host:port", "not a URL"),
        ("http://[::1", "not a URL"),
    ],
)
def test_a_base_url_is_plain(url, says):
    """No credentials, queries or other schemes in an address."""
    with pytest.raises(RequestError, match=says) as caught:
        Request(provider="compatible", messages=(Message("user", "x"),), base_url=url)

    assert caught.value.field == "base_url"
    assert "pass" not in str(caught.value).replace("password", "")


def test_a_base_url_loses_its_trailing_slash():
    """Two spellings of one address are one request."""
    ask = Request(provider="compatible", messages=(Message("user", "x"),), base_url="http://host/v1/")

    assert ask.base_url == "http://host/v1"


def test_media_comes_from_anything_and_knows_what_it_is(tmp_path):
    """Bytes, path, base64 and data URL give the same media; the bytes decide the type, not the name."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(PNG)
    encoded = base64.b64encode(PNG).decode()

    made = [
        Media.of(PNG),
        Media.of(path),
        Media.of(str(path)),
        Media.from_base64(encoded[:10] + "\n" + encoded[10:]),
        Media.of(f"data:image/jpeg;base64,{encoded}"),
    ]

    assert {(m.kind, m.media_type, m.sha256) for m in made} == {("image", "image/png", made[0].sha256)}
    assert made[1].name == "photo.jpg"
    assert made[0].data_url == f"data:image/png;base64,{encoded}"
    path.write_bytes(b"changed later")
    assert made[1].data == PNG


@pytest.mark.parametrize(
    ("data", "name", "kind", "media_type"),
    [
        (b"RIFF\0\0\0\0WEBPVP8 ", None, "image", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", None, "audio", "audio/wav"),
        (b"\0\0\0\x20ftypisom", None, "video", "video/mp4"),
        (b"\0\0\0\x20ftypheix", "x.jpg", "image", "image/heic"),
        (b"\0\0\0\x20ftypmif1", None, "image", "image/heif"),
        (b"\0\0\0\x20ftypavis", None, "image", "image/avif"),
        (b"II*\0" + bytes(4), None, "image", "image/tiff"),
        (b"MM\0*" + bytes(4), None, "image", "image/tiff"),
        (b"BM\x99\0\0\0\0\0\0\0", None, "image", "image/bmp"),
        (b"BM is a town", "x.txt", "document", "text/plain"),
        (b"%PDF-1.7", None, "document", "application/pdf"),
        (b"plain words", "notes.txt", "document", "text/plain"),
        (b"\xff\xd8\xff\xe0", None, "image", "image/jpeg"),
    ],
)
def test_media_types_are_read_from_bytes_then_names(data, name, kind, media_type):
    """Every kind of media is told apart."""
    media = Media.from_bytes(data, name=name)

    assert (media.kind, media.media_type) == (kind, media_type)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda tmp: Media.from_path(tmp / "missing.png"), "path"),
        (lambda tmp: Media.from_bytes(b"????"), "media_type"),
        (lambda tmp: Media.from_base64("not base64!"), "base64"),
        (lambda tmp: Media.from_data_url("data:nothing"), "url"),
        (lambda tmp: Media.of("http://host/x.png"), "url"),
        (lambda tmp: Media.of("https://u:p@host/x.png"), "url"),
        (lambda tmp: Media.from_bytes(b"", media_type="image/png"), "data"),
        (lambda tmp: Media("image", "image/png"), "data"),
        (lambda tmp: Media("smell", "image/png", data=b"x"), "kind"),
        (lambda tmp: Media("image", "png", data=b"x"), "media_type"),
        (lambda tmp: Media.from_url("https://host/x.png").base64, "url"),
    ],
)
def test_bad_media_names_what_is_wrong(make, field, tmp_path):
    """Missing files, unknown bytes, plain-http URLs and the like are typed errors."""
    with pytest.raises(RequestError) as caught:
        make(tmp_path)

    assert caught.value.field == field


def test_a_media_url_stays_a_url():
    """An https URL is passed on as it is, with a type guessed from its name or kind."""
    assert Media.of("https://host/a.png?x=1").media_type == "image/png"
    assert Media.from_url("https://host/thing", kind="audio").media_type == "audio/*"
    assert Media.from_url("https://host/a.pdf").kind == "document"
    assert Media.from_url("https://host/a.png").sha256 is None


# ------------------------------------------------------------------------------------------- pydantic


def test_a_pydantic_model_is_a_schema():
    """The class itself stands for its schema, under its name; pydantic is not imported for it."""
    import pydantic

    class Cat(pydantic.BaseModel):
        name: str
        lives: int = 9

    asked = Config(response_format=Cat).response_format
    assert asked == Schema(Cat.model_json_schema(), name="Cat", strict=False)


def test_a_closed_model_is_strict():
    """What OpenAI demands of strict schemas (all required, no others, all the way down) is seen, not made."""
    import pydantic

    class Closed(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="forbid")
        n: int

    class Around(Closed):
        inner: list[Closed]

    class Leaky(Closed):
        inner: dict[str, int]

    class Optional(Closed):
        m: int | None = None

    assert [Schema.of(model).strict for model in (Closed, Around, Leaky, Optional)] == [
        True,
        True,
        False,
        False,
    ]


def test_a_model_may_be_called_anything():
    """A name that providers do not take is made one."""

    class Model:
        @staticmethod
        def model_json_schema():
            return {"type": "object"}

    Model.__name__ = "Пара[int, str]" * 20
    assert Schema.of(Model).name == ("_int_str" * 20)[:64]


@pytest.mark.parametrize("value", [int, "yaml", 3, object()])
def test_other_response_formats_are_refused(value):
    """Among them classes that are no models."""
    with pytest.raises(RequestError, match="pydantic model") as caught:
        Config(response_format=value)
    assert caught.value.field == "response_format"


def test_a_schema_that_is_nested_too_deeply_is_refused():
    """No RecursionError, whatever is given."""
    schema = {}
    for _ in range(100_000):
        schema = {"not": schema}
    with pytest.raises(RequestError, match="nested too deeply"):
        Schema(schema)
