"""Media in every provider's own form: as its package types them, in their order, and before the text."""

from __future__ import annotations

import base64
import json
from typing import Any

import botocore.session
import pytest
from pydantic import TypeAdapter

from antiphon import Client, providers
from antiphon.dialects import bedrock_converse
from antiphon.dialects._common import dumps
from antiphon.request import Config, Media, Message, Request

PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)
OTHER = b"\x89PNG\r\n\x1a\n" + bytes(29) + b"1"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(8)
MP3 = b"ID3" + bytes(9)
PDF = b"%PDF-1.4\n"
MP4 = b"\0\0\0\x18ftypisom"
MEDIA = {
    "image": Media.from_bytes(PNG),
    "image URL": Media.from_url("https://e.test/a.webp"),
    "wav": Media.from_bytes(WAV),
    "mp3": Media.from_bytes(MP3),
    "video": Media.from_bytes(MP4),
    "video URL": Media.from_url("https://e.test/a.mp4"),
    "PDF": Media.from_bytes(PDF, name="plan.pdf"),
    "PDF URL": Media.from_url("https://e.test/a.pdf"),
}


def body(provider: str, *parts: Any, dialect: str | None = None) -> Any:
    way = providers.get(provider).way(dialect)
    request = Request(
        provider=provider, messages=(Message("user", *parts),), config=Config(model="m"), dialect=dialect
    )
    return json.loads(dumps(way.dialect.encode(request, way.quirks, stream=False)))


@pytest.mark.parametrize("name", ["image", "image URL", "wav", "mp3", "PDF"])
def test_openai_types_the_same_parts(name: str):
    """Each part that goes to OpenAI is one that its own package knows, with nothing besides."""
    from openai.types.chat import ChatCompletionContentPartParam

    [part, text] = body("openai", MEDIA[name], "look")["messages"][0]["content"]
    adapter: TypeAdapter[Any] = TypeAdapter(ChatCompletionContentPartParam)
    assert adapter.validate_python(part) == part
    assert adapter.validate_python(text) == text
    assert part[part["type"]].keys() == {
        "image": {"url"}, "image URL": {"url"}, "PDF": {"filename", "file_data"},
    }.get(name, {"data", "format"})  # fmt: skip


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("image", "ChatContentImage"),
        ("image URL", "ChatContentImage"),
        ("wav", "ChatContentAudio"),
        ("mp3", "ChatContentAudio"),
        ("video", "ChatContentVideo"),
        ("video URL", "ChatContentVideo"),
        ("PDF", "ChatContentFile"),
        ("PDF URL", "ChatContentFile"),
    ],
)
def test_openrouter_types_the_same_parts(name: str, wanted: str):
    """Each part that goes to OpenRouter is what its own package takes it for, and comes out of it unchanged."""
    components = pytest.importorskip("openrouter.components")
    [part, _] = body("openrouter", MEDIA[name], "look")["messages"][0]["content"]
    typed = TypeAdapter(components.ChatContentItems).validate_python(part)
    assert type(typed).__name__ == wanted
    assert typed.model_dump(by_alias=True, exclude_unset=True) == part


@pytest.mark.parametrize("kind", ["image", "audio", "video", "document"])
def test_converse_names_formats_that_botocore_lists(kind: str):
    """Every format's name is in AWS's own list for that kind."""
    model = botocore.session.Session().get_service_model("bedrock-runtime")
    listed = model.shape_for(f"{kind.capitalize()}Format").enum
    assert set(bedrock_converse.FORMATS[kind].values()) <= set(listed)


SEEING = [
    (name, dialect)
    for name in providers.names()
    for dialect, way in providers.get(name).ways.items()
    if any(kind.startswith("image") for kind in way.quirks.media) and name != "deepseek"
]


@pytest.mark.parametrize(("name", "dialect"), SEEING)
def test_the_order_of_parts_is_kept(name: str, dialect: str):
    """Texts and images arrive in the order they were given; where images have a list of their own, in that order."""
    images = [Media.from_bytes(PNG), Media.from_bytes(OTHER)]
    sent = json.dumps(body(name, "one", images[0], "two", images[1], "three", dialect=dialect))
    marks = [base64.b64encode(medium.data or b"").decode() for medium in images]
    if '"images"' not in sent:
        marks = ["one", marks[0], "two", marks[1], "three"]
    places = [sent.index(mark) for mark in marks]
    assert places == sorted(places)


def test_attachments_stand_before_the_text(tmp_path: Any):
    """What is attached comes first in the last turn, in the order given."""
    client = Client(tmp_path)
    request = client.request("look", model="echo", attachments=[PNG, WAV, Media.from_bytes(PDF)])
    assert [part if isinstance(part, str) else part.kind for part in request.messages[-1].parts] == [
        "image", "audio", "document", "look",
    ]  # fmt: skip
