"""Images in the answer, over real sockets: their true types, all of them, whole and streamed, recorded and replayed."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai.types.responses as openai
import openrouter
import pytest

from antiphon import Client, Completion, Media, Refused

from . import scripted


def png(width: int, height: int) -> bytes:
    """A real PNG of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\x00" + bytes((x * 7) % 256 for x in range(3 * width)) for _ in range(height))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


SMALL, WIDE, TALL = png(1, 1), png(64, 3), png(3, 200)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256))
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(range(256))
PICTURES = (SMALL, WIDE, JPEG, TALL, WEBP)
TYPES = ("image/png", "image/png", "image/jpeg", "image/png", "image/webp")
LINK = "https://images.test/cat.png?sig=1"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sse(*documents: Any) -> bytes:
    """An event stream of these documents."""
    return b"".join(b"data: " + json.dumps(document).encode() + b"\n\n" for document in documents)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with a home of its own."""
    made = Client(tmp_path / "home")
    yield made
    made.close()


def ask(client: Client, url: str, *, stream: bool, **settings: Any) -> tuple[Completion, list[Media]]:
    """The answer, and the media that came on the way."""
    given = {"base_url": url, "api_key": "k", "seed": 7, **settings}
    if not stream:
        return client.complete("draw", **given), []
    on_its_way = client.stream("draw", **given)
    media = [delta.media for delta in on_its_way if delta.media]
    return on_its_way.completion, media


def check_all(completion: Completion, on_the_way: list[Media], *, stream: bool) -> None:
    """All pictures came, in their order, byte for byte, each with the type that its bytes have."""
    assert tuple(medium.data for medium in completion.media) == PICTURES
    assert tuple(medium.media_type for medium in completion.media) == TYPES
    assert on_the_way == (list(completion.media) if stream else [])


# --------------------------------------------------------------------------------------------- Gemini


def gemini(*parts: Any, finish: str | None = None) -> dict[str, Any]:
    """A reply, or a piece of one."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "modelVersion": "gemini-3.1-flash-image",
        "usageMetadata": {"promptTokenCount": 3},
    }


def inline(data: bytes, **more: Any) -> dict[str, Any]:
    """A picture as a part; Google's label is taken for PNG throughout, which is wrong for two of them."""
    return {"inlineData": {"mimeType": "image/png", "data": b64(data)}, **more}


DRAWN = [
    {"text": "Thinking of cats", "thought": True},
    inline(b"\x89PNG\r\n\x1a\nDRAFT", thought=True),
    {"text": "Here: "},
    *map(inline, PICTURES),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_gemini(client: Client, stream: bool) -> None:
    """Pictures of different sizes and kinds all survive; the drafts that it thought in do not; a replay is the same."""
    google = pytest.importorskip("google.genai.types", reason="google-genai needs Python 3.11")
    whole = gemini(*DRAWN, finish="STOP")
    pieces = [gemini(part) for part in DRAWN] + [gemini({"text": ""}, finish="STOP")]
    for document in (whole, *pieces):
        google.GenerateContentResponse.model_validate(document)
    how: Any = {
        "provider": "gemini",
        "model": "gemini-3.1-flash-image",
        "modalities": ("text", "image"),
        "aspect_ratio": "16:9",
        "extra": {"generationConfig": {"imageConfig": {"imageSize": "2K"}}},
    }
    with scripted.serve(lambda heard: sse(*pieces) if "stream" in heard.path else whole) as server:
        completion, media = ask(client, f"{server.url}/v1beta", stream=stream, **how)
        again, _ = ask(client, f"{server.url}/v1beta", stream=False, **how)
    check_all(completion, media, stream=stream)
    assert (completion.text, completion.reasoning) == ("Here: ", "Thinking of cats")
    config = server.heard[0].body["generationConfig"]
    assert config["imageConfig"] == {"aspectRatio": "16:9", "imageSize": "2K"}
    assert config["responseModalities"] == ["TEXT", "IMAGE"]
    google.GenerateContentConfig.model_validate(config)
    assert again.replayed
    assert again.media == completion.media


# ----------------------------------------------------------------------------------------- OpenRouter

HEAD = {
    "id": "gen-1",
    "model": "google/gemini-3.1-flash-image",
    "created": 1,
    "provider": "Google",
    "system_fingerprint": None,
}


def linked(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_openrouter(client: Client, stream: bool) -> None:
    """Data URLs become bytes with their true types; an https address stays one and is fetched by nobody."""
    images = [linked(f"data:image/png;base64,{b64(data)}") for data in PICTURES]
    message = {"role": "assistant", "content": "Here", "images": [*images, linked(LINK)]}
    ended = {"index": 0, "finish_reason": "stop", "logprobs": None}
    whole = {**HEAD, "object": "chat.completion", "choices": [{**ended, "message": message}]}
    deltas = [
        {"role": "assistant", "content": "Here"},
        {"images": images[:2]},
        {"images": images[2:]},
        {"images": [linked(LINK)]},
    ]
    chunk = {**HEAD, "object": "chat.completion.chunk"}
    pieces = [{**chunk, "choices": [{**ended, "finish_reason": None, "delta": delta}]} for delta in deltas]
    pieces.append({**chunk, "choices": [{**ended, "delta": {}}]})
    theirs = openrouter.components.ChatResult.model_validate(whole).choices[0].message
    assert [image.image_url.url for image in theirs.images][-1] == LINK
    how: Any = {
        "provider": "openrouter",
        "model": HEAD["model"],
        "modalities": ("image", "text"),
        "aspect_ratio": "21:9",
        "extra": {"image_config": {"image_size": "2K"}},
    }
    answer = b": OPENROUTER PROCESSING\n\n" + sse(*pieces) + b"data: [DONE]\n\n"
    with scripted.serve(lambda heard: answer if heard.body.get("stream") else whole) as server:
        completion, media = ask(client, f"{server.url}/api/v1", stream=stream, **how)
        assert len(server.heard) == 1
    *drawn, last = completion.media
    assert (last.url, last.data, last.media_type) == (LINK, None, "image/png")
    assert tuple((medium.data, medium.media_type) for medium in drawn) == tuple(
        zip(PICTURES, TYPES, strict=True)
    )
    assert media == (list(completion.media) if stream else [])
    body = server.heard[0].body
    assert (body["modalities"], body["image_config"]) == (
        ["text", "image"],
        {"aspect_ratio": "21:9", "image_size": "2K"},
    )
    openrouter.components.ChatRequest.model_validate(body)


# --------------------------------------------------------------------------------- OpenAI's Responses


def painted(number: int, data: bytes | None, **more: Any) -> dict[str, Any]:
    """The item of one picture."""
    result = None if data is None else b64(data)
    return {
        "type": "image_generation_call",
        "id": f"ig_{number}",
        "status": "completed",
        "result": result,
        **more,
    }


def response(*output: Any) -> dict[str, Any]:
    """A response object."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt-6-sol",
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": {"type": "image_generation"},
        "tools": [{"type": "image_generation"}],
    }


def told(whole: dict[str, Any]) -> bytes:
    """The response as OpenAI streams it, with a draft of each picture."""
    events: list[dict[str, Any]] = []
    for index, item in enumerate(whole["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        draft = {
            "partial_image_b64": b64(b"\x89PNG\r\n\x1a\nDRAFT"),
            "partial_image_index": 0,
            "sequence_number": 1,
        }
        events.append({"type": "response.image_generation_call.partial_image", **place, **draft})
        openai.ResponseImageGenCallPartialImageEvent.model_validate(events[-1])
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    return sse(*events, {"type": "response.completed", "response": whole})


HOW: dict[str, Any] = {
    "provider": "openai",
    "dialect": "openai_responses",
    "model": "gpt-6-sol",
    "modalities": "image",
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_responses(client: Client, stream: bool) -> None:
    """The image tool is forced, its pictures all come, and its drafts do not; a replay is the same."""
    labels = ("png", "png", "jpeg", "png", "webp")
    whole = response(*(painted(n, data, output_format=labels[n]) for n, data in enumerate(PICTURES)))
    openai.Response.model_validate(whole)
    with scripted.serve(lambda heard: told(whole) if heard.body.get("stream") else whole) as server:
        completion, media = ask(client, f"{server.url}/v1", stream=stream, aspect_ratio="2:3", **HOW)
        again, _ = ask(client, f"{server.url}/v1", stream=False, aspect_ratio="2:3", **HOW)
    check_all(completion, media, stream=stream)
    body = server.heard[0].body
    assert body["tools"] == [{"type": "image_generation", "size": "1024x1536"}]
    assert body["tool_choice"] == {"type": "image_generation"}
    assert again.replayed
    assert again.media == completion.media


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_responses_moderated(client: Client, stream: bool) -> None:
    """A picture that moderation stops is Refused with the reason, asked for once, and not recorded."""
    details = {"categories": ["violence"], "moderation_stage": "input"}
    problem = {"code": "moderation_blocked", "message": "no", "type": "x", "moderation_details": details}
    whole = response(painted(1, None, status="failed", error=problem))
    openai.Response.model_validate(whole)
    with scripted.serve(lambda heard: told(whole) if heard.body.get("stream") else whole) as server:
        for _ in range(2):
            with pytest.raises(Refused) as caught:
                ask(client, f"{server.url}/v1", stream=stream, **HOW)
        assert len(server.heard) == 2
    assert (caught.value.reason, caught.value.provider) == ("moderation_blocked", "openai")
    assert "violence" in caught.value.message
