"""Gemini's generateContent: one table run in both directions, the official SDK as a second opinion, and damaged replies."""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.call import Reply
from antiphon.completion import Completion, Usage
from antiphon.dialects import Quirks, gemini_content
from antiphon.errors import (
    AntiphonError,
    NotFound,
    QuotaExhausted,
    RateLimited,
    Refused,
    Rejected,
    ReplyError,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
    Unreadable,
)
from antiphon.request import Config, Media, Message, Request, Schema

genai = pytest.importorskip("google.genai", reason="google-genai needs Python 3.11")
from google.genai import errors as sdk_errors  # noqa: E402
from google.genai import types  # noqa: E402

from .wire import canonical, folded, plain, streamed, whole  # noqa: E402

GEMINI = gemini_content.GEMINI
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64, 80))
OTHER = b"\x89PNG\r\n\x1a\n" + b"a larger one, in other colors: \xff\xfe\xfb?>"
JPEG = b"\xff\xd8\xff\xe0 a picture"
WAV = b"RIFF\x00\x00\x00\x00WAVEdata"
MP4 = b"\x00\x00\x00\x18ftypisom film"
PDF = b"%PDF-1.7 tiny"
COLOR = {
    "type": "object",
    "properties": {"color": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["color"],
    "additionalProperties": False,
}
MODEL = "gemini-3.8-flash"
PAINTER = "gemini-3.1-flash-image"


def asked(*messages: Message, seed: int | None = None, **config: Any) -> Request:
    """A request to Gemini; a plain greeting if nothing is said."""
    return Request(
        provider="gemini",
        messages=messages or (Message("user", "Say hello"),),
        config=Config(**{"model": MODEL, **config}),
        seed=seed,
    )


def turn(*parts: dict[str, Any], role: str = "user") -> dict[str, Any]:
    """A turn of the request."""
    return {"role": role, "parts": list(parts)}


def text(words: str) -> dict[str, Any]:
    """A text part."""
    return {"text": words}


def thought(words: str) -> dict[str, Any]:
    """A part that is a thought."""
    return {"text": words, "thought": True}


def inline(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    """A part that is a medium."""
    return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(data).decode()}, **more}


def body(*turns: dict[str, Any], system: Any = None, config: Any = None, **more: Any) -> dict[str, Any]:
    """A body with what every body has."""
    found: dict[str, Any] = {"contents": list(turns) or [turn(text("Say hello"))], **more}
    if system:
        found["systemInstruction"] = {"parts": system}
    if config:
        found["generationConfig"] = config
    return found


USED = {
    "promptTokenCount": 30,
    "cachedContentTokenCount": 10,
    "candidatesTokenCount": 8,
    "thoughtsTokenCount": 12,
    "totalTokenCount": 50,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 30}],
}
USAGE = Usage(input_tokens=30, output_tokens=20, cached_tokens=10, reasoning_tokens=12)


def reply(*parts: dict[str, Any], stop: str | None = "STOP", **more: Any) -> dict[str, Any]:
    """A reply as Gemini sends it."""
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if stop:
        candidate["finishReason"] = stop
    return {
        "candidates": [{**candidate, **more.pop("candidate", {})}],
        "usageMetadata": USED,
        "modelVersion": MODEL,
        "responseId": "resp_1",
        **more,
    }


@dataclass(frozen=True)
class Row:
    """A request, the body it becomes, the reply that comes back, and the completion it becomes.

    `theirs` is what the official SDK is asked for, in its own words.
    """

    name: str
    request: Request = field(default_factory=asked)
    body: dict[str, Any] = field(default_factory=body)
    reply: dict[str, Any] = field(default_factory=lambda: reply(text("Hello!")))
    completion: dict[str, Any] = field(default_factory=lambda: {"text": "Hello!"})
    theirs: dict[str, Any] = field(default_factory=dict)
    streams: bool = True

    def __str__(self) -> str:
        return self.name


def thinks(**how: Any) -> dict[str, Any]:
    """A generationConfig that says how to think."""
    return {"thinkingConfig": how}


ROWS = [
    Row(
        "plain",
        completion={
            "text": "Hello!",
            "finish_reason": "stop",
            "usage": USAGE,
            "model": MODEL,
            "request_id": "resp_1",
            "media": (),
            "notes": (),
        },
    ),
    Row(
        "system messages at the start",
        asked(
            Message("system", "Be ", "brief."), Message("system", "Be kind."), Message("user", "Say hello")
        ),
        body(system=[text("Be brief."), text("Be kind.")]),
        reply(text("Hel"), text("lo!")),
        theirs={"system_instruction": types.Content(parts=[{"text": "Be brief."}, {"text": "Be kind."}])},
    ),
    Row(
        "turns of one role in a row become one, and empty texts beside others are left out",
        asked(
            Message("user", "One"),
            Message("user", "", "Two"),
            Message("assistant", "Three"),
            Message("user", "Four"),
        ),
        body(
            turn(text("One"), text("Two")),
            turn(text("Three"), role="model"),
            turn(text("Four")),
        ),
        reply(text("Salut 👋")),
        {"text": "Salut 👋"},
    ),
    Row(
        "pictures, sound, films and documents as bytes, in the order they were given",
        asked(
            Message(
                "user",
                "Describe",
                Media.from_bytes(PNG),
                Media.from_bytes(WAV),
                Media.from_bytes(MP4),
                Media.from_bytes(PDF, name="plan.pdf"),
                Media.from_bytes("Größe: 5".encode(), media_type="text/markdown", name="notes.md"),
                Media.from_bytes(b"{}", media_type="application/json"),
            )
        ),
        body(
            turn(
                text("Describe"),
                inline(PNG, "image/png"),
                inline(WAV, "audio/wav"),
                inline(MP4, "video/mp4"),
                inline(PDF, "application/pdf"),
                inline("Größe: 5".encode(), "text/markdown"),
                inline(b"{}", "text/plain"),
            )
        ),
    ),
    Row(
        "what Google fetches itself",
        asked(
            Message(
                "user",
                "Describe",
                Media.from_url("https://example.org/cat.webp"),
                Media.from_url("https://example.org/plan.pdf"),
                Media.from_url("https://www.youtube.com/watch?v=x", kind="video", media_type="video/mp4"),
                Media.from_url(
                    "https://generativelanguage.googleapis.com/v1beta/files/abc", media_type="audio/mpeg"
                ),
            )
        ),
        body(
            turn(
                text("Describe"),
                {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.org/cat.webp"}},
                {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.org/plan.pdf"}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "https://www.youtube.com/watch?v=x"}},
                {
                    "fileData": {
                        "mimeType": "audio/mpeg",
                        "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
                    }
                },
            )
        ),
    ),
    Row(
        "sampling, and a limit that was reached",
        asked(max_tokens=16, temperature=0.5, top_p=0.9, top_k=5, stop=("END", "###"), seed=7),
        body(
            config={
                "maxOutputTokens": 16,
                "temperature": 0.5,
                "topP": 0.9,
                "topK": 5,
                "stopSequences": ["END", "###"],
                "seed": 7,
            }
        ),
        reply(text("Hel"), stop="MAX_TOKENS"),
        {"text": "Hel", "finish_reason": "length"},
        {
            "max_output_tokens": 16,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 5,
            "stop_sequences": ["END", "###"],
            "seed": 7,
        },
    ),
    Row(
        "penalties",
        asked(presence_penalty=0.5, frequency_penalty=-1),
        body(config={"presencePenalty": 0.5, "frequencyPenalty": -1.0}),
        theirs={"presence_penalty": 0.5, "frequency_penalty": -1.0},
    ),
    Row("seed 0 is a seed", asked(seed=0), body(config={"seed": 0}), theirs={"seed": 0}),
    Row(
        "a seed of 64 bits fits into 31",
        asked(seed=2**64 - 1),
        body(config={"seed": 2**31 - 1}),
        theirs={"seed": 2**31 - 1},
    ),
    Row(
        "a level, and thinking before the answer",
        asked(reasoning="high"),
        body(config=thinks(thinkingLevel="HIGH", includeThoughts=True)),
        reply(thought("First. "), thought("Second."), {**text("Hello!"), "thoughtSignature": "c2ln"}),
        {"text": "Hello!", "reasoning": "First. Second."},
        {"thinking_config": {"thinking_level": "HIGH", "include_thoughts": True}},
    ),
    Row(
        "a level as tokens, where levels are not taken",
        asked(model="gemini-2.5-flash", reasoning="medium"),
        body(config=thinks(thinkingBudget=8192, includeThoughts=True)),
        theirs={"thinking_config": {"thinking_budget": 8192, "include_thoughts": True}},
    ),
    Row(
        "a budget, all of it spent on thinking",
        asked(model="gemini-2.5-pro", reasoning=2048),
        body(config=thinks(thinkingBudget=2048, includeThoughts=True)),
        reply(stop="MAX_TOKENS", candidate={"content": {"role": "model"}}),
        {"text": "", "finish_reason": "length"},
        {"thinking_config": {"thinking_budget": 2048, "include_thoughts": True}},
    ),
    Row(
        "no thinking",
        asked(model="gemini-2.5-flash", reasoning="off"),
        body(config=thinks(thinkingBudget=0)),
        theirs={"thinking_config": {"thinking_budget": 0}},
    ),
    Row(
        "a JSON Schema",
        asked(response_format=Schema(COLOR, name="pick")),
        body(config={"responseMimeType": "application/json", "responseJsonSchema": COLOR}),
        reply(text('{"color":"red"}')),
        {"text": '{"color":"red"}'},
        {"response_mime_type": "application/json", "response_json_schema": COLOR},
    ),
    Row(
        "any JSON",
        asked(response_format="json"),
        body(config={"responseMimeType": "application/json"}),
        reply(text("{}")),
        {"text": "{}"},
        {"response_mime_type": "application/json"},
    ),
    Row(
        "text, said on purpose",
        asked(response_format="text", modalities="text"),
        body(config={"responseModalities": ["TEXT"]}),
        theirs={"response_modalities": ["TEXT"]},
    ),
    Row(
        "pictures out, several and of different kinds, without the drafts",
        asked(model=PAINTER, modalities=("text", "image"), aspect_ratio="16:9"),
        body(config={"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "16:9"}}),
        reply(
            thought("A draft:"),
            inline(JPEG, "image/jpeg", thought=True),
            text("Here: "),
            inline(PNG, "image/png"),
            text("and "),
            inline(JPEG, "image/png"),  # a wrong label
            text("there."),
            inline(OTHER, "image/png", thoughtSignature="c2ln"),
        ),
        {
            "text": "Here: and there.",
            "reasoning": "A draft:",
            "media": (
                Media("image", "image/png", data=PNG),
                Media("image", "image/jpeg", data=JPEG),
                Media("image", "image/png", data=OTHER),
            ),
        },
        {"response_modalities": ["TEXT", "IMAGE"], "image_config": {"aspect_ratio": "16:9"}},
    ),
    Row(
        "speech out, in a format that only its label tells",
        asked(model="gemini-3.8-flash-tts", modalities="audio"),
        body(config={"responseModalities": ["AUDIO"]}),
        reply(inline(b"\x00\x01" * 8, "audio/L16;codec=pcm;rate=24000")),
        {"media": (Media("audio", "audio/L16;codec=pcm;rate=24000", data=b"\x00\x01" * 8),), "text": ""},
        {"response_modalities": ["AUDIO"]},
    ),
    Row(
        "extra is merged and wins",
        asked(
            temperature=0.5,
            extra={
                "generationConfig": {"temperature": 0.1, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
                "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
            },
        ),
        body(
            config={"temperature": 0.1, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
            safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        ),
        theirs={
            "temperature": 0.1,
            "media_resolution": "MEDIA_RESOLUTION_LOW",
            "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        },
    ),
    Row(
        "a filter broke the answer off",
        reply=reply(text("Once upon"), stop="RECITATION", candidate={"finishMessage": "Too close."}),
        completion={
            "text": "Once upon",
            "finish_reason": "content_filter",
            "notes": ("the answer ended with RECITATION: Too close.",),
        },
    ),
    Row(
        "a tool was called through extra",
        reply=reply({"functionCall": {"name": "f", "args": {}}}),
        completion={"text": "", "finish_reason": "tool_calls"},
    ),
    Row("nothing at all was said", reply=reply(), completion={"text": "", "finish_reason": "stop"}),
    Row(
        "no reason why it ended",
        reply=reply(text("Hello!"), stop=None),
        completion={"text": "Hello!", "finish_reason": "other"},
        streams=False,
    ),
    Row(
        "an answer that could be continued",
        reply=reply(text("Hel"), stop="CONTINUATION"),
        completion={
            "text": "Hel",
            "finish_reason": "length",
            "notes": ("the answer ended with CONTINUATION",),
        },
    ),
    Row(
        "no picture came",
        asked(model=PAINTER),
        reply=reply(text("Sorry."), stop="NO_IMAGE", candidate={"finishMessage": "None."}),
        completion={"finish_reason": "other", "notes": ("the answer ended with NO_IMAGE: None.",)},
    ),
    Row(
        "a model that is to be retired",
        reply=reply(
            text("Hello!"),
            modelStatus={
                "modelStage": "DEPRECATED",
                "retirementTime": "2026-12-01T00:00:00Z",
                "message": "Use gemini-3.8-flash.",
            },
        ),
        completion={"notes": ("this model is retired on 2026-12-01: Use gemini-3.8-flash.",)},
    ),
    Row(
        "usage without its details, and with a tool's tokens",
        reply=reply(text("Hello!"), usageMetadata={"promptTokenCount": 3, "toolUsePromptTokenCount": 4}),
        completion={"text": "Hello!", "usage": Usage(input_tokens=7)},
    ),
]


# ------------------------------------------------------------------------------------ the server's side


def sse(*documents: dict[str, Any]) -> bytes:
    """Events as Gemini writes them."""
    return b"".join(f"data: {json.dumps(document)}\r\n\r\n".encode() for document in documents)


def told(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pieces in which Gemini would stream this reply."""
    (candidate,) = answer["candidates"]
    head = {name: answer[name] for name in ("modelVersion", "responseId")}
    for part in candidate["content"].get("parts", ()):
        for piece in pieces(part):
            content = {"role": "model", "parts": [piece]}
            yield {"candidates": [{"content": content, "index": 0}], "usageMetadata": {}, **head}
    yield {**answer, "candidates": [{**candidate, "content": {"role": "model", "parts": [{"text": ""}]}}]}


def pieces(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A part, text in pieces of two characters."""
    words = part.get("text", "")
    for at in range(0, len(words), 2):
        yield {**part, "text": words[at : at + 2]}
    if not words:
        yield part


STREAMED = [row for row in ROWS if row.streams]


# ------------------------------------------------------------------------------------------- the table


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_encodes_request_to_exact_body(row: Row) -> None:
    """A request becomes exactly this body, streamed or not: the address makes the difference."""
    assert plain(gemini_content.encode(row.request, GEMINI, stream=False)) == row.body
    assert plain(gemini_content.encode(row.request, GEMINI, stream=True)) == row.body
    model = row.request.model
    assert gemini_content.path(row.request, stream=False) == f"models/{model}:generateContent"
    assert gemini_content.path(row.request, stream=True) == f"models/{model}:streamGenerateContent?alt=sse"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decodes_reply_to_completion(row: Row) -> None:
    """A reply becomes this completion."""
    completion = gemini_content.decode(whole(row.reply))
    assert {name: getattr(completion, name) for name in row.completion} == row.completion


@pytest.mark.parametrize("row", STREAMED, ids=str)
def test_folds_stream_to_the_same_completion(row: Row) -> None:
    """The same reply as a stream becomes the same completion, and its deltas say the same."""
    completion, in_all, deltas = folded(gemini_content, streamed(sse(*told(row.reply))))
    assert {name: getattr(completion, name) for name in row.completion} == row.completion
    assert (in_all.text, in_all.reasoning) == (completion.text, completion.reasoning)
    assert tuple(delta.media for delta in deltas if delta.media) == completion.media


@pytest.mark.parametrize("row", STREAMED, ids=str)
def test_reads_a_stream_that_came_as_an_array(row: Row) -> None:
    """Pieces in one JSON array, as Gemini sends them without alt=sse, become the same completion."""
    completion = gemini_content.decode(whole(list(told(row.reply))))
    assert {name: getattr(completion, name) for name in row.completion} == row.completion


@pytest.mark.parametrize(("raw", "common"), sorted(gemini_content.FINISH.items()))
def test_finish_reasons(raw: str, common: str) -> None:
    """Every finish reason with usable text is a completion with its common name; the SDK knows them all."""
    assert gemini_content.decode(whole(reply(text("Hi"), stop=raw))).finish_reason == common
    assert raw in types.FinishReason.__members__


@pytest.mark.parametrize("raw", sorted(set(types.FinishReason.__members__) - set(gemini_content.FINISH)))
def test_other_finish_reasons(raw: str) -> None:
    """What has no common name, the SDK's whole list and unheard-of ones included, is "other"."""
    assert gemini_content.decode(whole(reply(text("Hi"), stop=raw))).finish_reason == "other"
    assert gemini_content.decode(whole(reply(text("Hi"), stop=raw + "_2"))).finish_reason == "other"


# ------------------------------------------------------------------------------------- what is not said

BLOCKED = {
    "promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []},
    "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
    "modelVersion": MODEL,
    "responseId": "resp_1",
}


@pytest.mark.parametrize("reason", [name for name in types.BlockedReason.__members__ if "UNSP" not in name])
def test_blocked_prompt_is_refused(reason: str) -> None:
    """A prompt blocked with status 200 is Refused with the provider's reason, whole, streamed or as an array."""
    answer = {**BLOCKED, "promptFeedback": {"blockReason": reason}}
    for read in (
        lambda: gemini_content.decode(whole(answer)),
        lambda: gemini_content.decode(whole([answer])),
        lambda: folded(gemini_content, streamed(sse(answer))),
    ):
        with pytest.raises(Refused, match=f"the prompt was blocked \\({reason}\\)") as caught:
            read()
        assert (caught.value.reason, caught.value.request_id) == (reason, "resp_1")


def test_blocked_prompt_with_a_message() -> None:
    """Vertex says in words why a prompt was blocked."""
    answer = {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "Not that."}}
    with pytest.raises(Refused, match=r"Not that\.") as caught:
        gemini_content.decode(whole(answer))
    assert caught.value.reason == "SAFETY"


FILTERED = sorted(raw for raw, common in gemini_content.FINISH.items() if common == "content_filter")


@pytest.mark.parametrize("raw", FILTERED)
def test_withheld_answer_is_refused(raw: str) -> None:
    """An answer of which a filter left nothing is Refused; thoughts alone are nothing."""
    bare = {"candidates": [{"finishReason": raw, "index": 0}], "responseId": "resp_1"}
    thoughtful = reply(thought("Hm."), text(" "), stop=raw, candidate={"finishMessage": "Withheld."})
    for answer, words in ((bare, f"a filter withheld the answer ({raw})"), (thoughtful, "Withheld.")):
        for read in (
            lambda answer=answer: gemini_content.decode(whole(answer)),
            lambda answer=answer: folded(gemini_content, streamed(sse(answer))),
        ):
            with pytest.raises(Refused, match=re.escape(words)) as caught:
                read()
            assert (caught.value.reason, caught.value.request_id) == (raw, "resp_1")


def test_ratings_of_a_prompt_are_no_refusal() -> None:
    """Feedback without a block reason is only a rating."""
    rated = {"safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}]}
    assert gemini_content.decode(whole(reply(text("Hi"), promptFeedback=rated))).text == "Hi"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"candidates": []},
        {"candidates": [], "usageMetadata": USED},
        {"candidates": None},
        {"candidates": {}},
        {"candidates": ["x"]},
        {"candidates": [{"content": "x"}]},
        {"candidates": [{"content": {"parts": {}}}]},
        {"candidates": [{"content": {"parts": ["x"]}}]},
        {"candidates": [{"content": {"parts": [{"text": 5}]}}]},
        {"candidates": [{"content": {"parts": [{"text": "x", "thought": "yes"}]}}]},
        {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": 1}]},
        reply({"inlineData": {"mimeType": "image/png", "data": "not base64!"}}),
        reply({"inlineData": {"mimeType": "image/png", "data": ""}}),
        reply({"inlineData": {"mimeType": "no type", "data": "AAAA"}}),
        reply({"inlineData": {"data": "AAAA"}}),
        5,
    ],
)
def test_unreadable(document: Any) -> None:
    """A success status over something else than an answer is Unreadable."""
    with pytest.raises(Unreadable) as caught:
        gemini_content.decode(whole(document))
    assert caught.value.status == 200
    assert caught.value.body


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"[",
        b"[{}",
        b"\xff\xfe",
        json.dumps(reply(text("Hi"))).encode("utf-16"),
        b"[" * 200_000,
        b'{"candidates":' * 50_000,
    ],
    ids=["empty", "html", "open", "half", "bom", "utf-16", "deep", "deeper"],
)
def test_unreadable_bytes(raw: bytes) -> None:
    """Bytes that are no JSON in UTF-8 are Unreadable, however deep they go."""
    with pytest.raises(Unreadable):
        gemini_content.decode(Reply(200, raw, {"content-type": "application/json"}))
    with pytest.raises(AntiphonError):
        folded(gemini_content, streamed(b"data: " + raw + b"\n\n"))


def test_url_safe_base64_is_read() -> None:
    """Media in the other alphabet of base64, which Google's own libraries write, are the same media."""
    data = base64.urlsafe_b64encode(OTHER).decode()
    assert "-" in data or "_" in data
    (medium,) = gemini_content.decode(
        whole(reply({"inlineData": {"mimeType": "image/png", "data": data}}))
    ).media
    assert medium.data == OTHER


# --------------------------------------------------------------------------------------------- streams


def test_stream_without_finish_reason_is_cut_off() -> None:
    """A stream that ends before a finish reason has come is an error, as are an empty one and an array."""
    *most, _ = told(reply(text("Hello!")))
    for read in (
        lambda: folded(gemini_content, streamed(sse(*most))),
        lambda: folded(gemini_content, streamed(b"")),
        lambda: folded(gemini_content, streamed(b": keep-alive\n\n")),
        lambda: gemini_content.decode(whole(most)),
        lambda: gemini_content.decode(whole([])),
    ):
        with pytest.raises(TransportError) as caught:
            read()
        assert (caught.value.phase, caught.value.before_output) == ("cut-off", False)


def test_pieces_after_the_finish_reason_count() -> None:
    """Text and usage may follow a finish reason, for older models say it in every piece."""
    chunks = [reply(text("Hel"), usageMetadata={"promptTokenCount": 3}), reply(text("lo!"))]
    completion, in_all, _ = folded(gemini_content, streamed(sse(*chunks) + b"data: [DONE]\n\n"))
    assert completion.text == in_all.text == "Hello!"
    assert completion.usage == USAGE


def test_usage_alone_in_the_last_piece() -> None:
    """A last piece without candidates adds its usage; what earlier ones said stays."""
    chunks = [
        reply(text("Hi"), usageMetadata={"promptTokenCount": 3}),
        {"usageMetadata": {"candidatesTokenCount": 2}},
    ]
    completion = folded(gemini_content, streamed(sse(*chunks)))[0]
    assert completion.usage == Usage(input_tokens=3, output_tokens=2)


def test_emoji_cut_in_two_is_mended() -> None:
    """Half a surrogate pair at the end of a piece waits for its other half."""
    raw = sse(reply(text("Hi "), stop=None)) + (
        b'data: {"candidates":[{"content":{"parts":[{"text":"\\ud83d"}]}}]}\n\n'
        b'data: {"candidates":[{"content":{"parts":[{"text":"\\udc4b"}]},"finishReason":"STOP"}]}\n\n'
    )
    completion, in_all, _ = folded(gemini_content, streamed(raw))
    assert completion.text == in_all.text == "Hi 👋"


OVERLOADED = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    "failure",
    [
        sse(OVERLOADED),
        json.dumps(OVERLOADED).encode() + b"\n",
        json.dumps(OVERLOADED, indent=2).encode() + b"\n\n",
        json.dumps([OVERLOADED]).encode(),
        sse({"error": {"message": "The model is overloaded.", "status": "UNAVAILABLE"}}),
    ],
    ids=["event", "line", "lines", "list", "no code"],
)
def test_error_in_the_middle_of_a_stream(failure: bytes) -> None:
    """An error in a stream, as an event or as bare JSON, is the typed error, not the end of the answer."""
    *most, _ = told(reply(text("Hello!")))
    with pytest.raises(ServerFailed, match="overloaded") as caught:
        folded(gemini_content, streamed(sse(*most) + failure))
    assert (caught.value.status, caught.value.code) == (503, "UNAVAILABLE")
    assert "overloaded" in caught.value.body


# ------------------------------------------------------------------------------------- damaged replies

FULL = reply(
    thought("Think."),
    text("Hello 👋"),
    inline(PNG, "image/png"),
    text(" there"),
    modelStatus={"message": "old", "retirementTime": "2026-12-01T00:00:00Z"},
    promptFeedback={"safetyRatings": []},
)


def content(completion: Completion) -> tuple[object, ...]:
    """What a completion holds, without what is said about it."""
    return (completion.text, completion.reasoning, completion.media, completion.finish_reason)


@pytest.mark.parametrize("form", ["whole", "array", "events"])
def test_truncated_anywhere(form: str) -> None:
    """A reply cut after any byte is a typed error or, when nothing was missing, the same completion."""
    raw = {
        "whole": json.dumps(FULL).encode(),
        "array": json.dumps(list(told(FULL))).encode(),
        "events": sse(*told(FULL)),
    }[form]

    def read(body: bytes) -> Completion:
        if form == "events":
            return folded(gemini_content, streamed(body))[0]
        return gemini_content.decode(Reply(200, body, {"content-type": "application/json"}))

    complete, survived = content(read(raw)), 0
    for end in range(len(raw)):
        try:
            found = read(raw[:end])
        except (Unreadable, TransportError):
            continue
        assert content(found) == complete
        survived += 1
    assert survived <= 4  # only the last line end may be missing


def places(document: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places in a document."""
    if way:
        yield way
    inside = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for name, value in inside:
        yield from places(value, (*way, name))


def changed(document: Any, way: tuple[Any, ...], value: Any) -> tuple[Any, Any]:
    """A copy with `value` at a place, and what stood there."""
    document = copy.deepcopy(document)
    inner = document
    for name in way[:-1]:
        inner = inner[name]
    before, inner[way[-1]] = inner[way[-1]], value
    return document, before


JSON = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(places(FULL))), JSON)
def test_wrong_types(way: tuple[Any, ...], value: Any) -> None:
    """A value of another type anywhere in a reply is a typed error or changes nothing of the answer."""
    document, before = changed(FULL, way, value)
    if type(value) is type(before):
        return
    complete = content(gemini_content.decode(whole(FULL)))
    for read in (
        lambda: gemini_content.decode(whole(document)),
        lambda: folded(gemini_content, streamed(sse(document)))[0],
    ):
        try:
            found = read()
        except AntiphonError:
            continue
        assert content(found) == complete


@pytest.mark.parametrize("way", list(places(FULL)), ids=lambda way: ".".join(map(str, way)))
def test_nulls(way: tuple[Any, ...]) -> None:
    """A null counts as missing: it never ends in anything but a completion or a typed error."""
    document, _ = changed(FULL, way, None)
    try:
        found = gemini_content.decode(whole(document))
    except AntiphonError:
        assert way[:3] != ("candidates", 0, "finishReason")
    else:
        assert found.text in ("Hello 👋 there", "Hello 👋", " there", "Think.Hello 👋 there", "")


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_json(document: Any) -> None:
    """Any JSON at all, as a reply, an event, an error or a listing, ends in a value or a typed error."""
    raw = json.dumps(document).encode()
    for read in (
        lambda: gemini_content.decode(Reply(200, raw)),
        lambda: folded(gemini_content, streamed(b"data: " + raw + b"\n\n")),
        lambda: gemini_content.models(Reply(200, raw)),
    ):
        try:
            found = read()
        except AntiphonError:
            continue
        assert found == []  # no JSON this small is an answer, but an object is an empty listing
    assert isinstance(gemini_content.error(Reply(400, raw)), ReplyError)


# --------------------------------------------------------------------------------------------- errors


def problem(code: int, status: str, *details: dict[str, Any]) -> dict[str, Any]:
    """An error as Google's APIs send it."""
    return {"error": {"code": code, "message": "m", "status": status, "details": list(details)}}


def info(reason: str) -> dict[str, Any]:
    """google.rpc.ErrorInfo."""
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": {}}


def quota(name: str) -> dict[str, Any]:
    """google.rpc.QuotaFailure."""
    kind = "type.googleapis.com/google.rpc.QuotaFailure"
    return {"@type": kind, "violations": [{"quotaMetric": "requests", "quotaId": name, "quotaValue": "15"}]}


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}
MINUTE = quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier")
DAY = quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")
ERRORS = [
    (400, problem(400, "INVALID_ARGUMENT"), Rejected, "INVALID_ARGUMENT", None),
    (400, problem(400, "INVALID_ARGUMENT", info("API_KEY_INVALID")), Unauthorized, "API_KEY_INVALID", None),
    (400, problem(400, "FAILED_PRECONDITION"), QuotaExhausted, "FAILED_PRECONDITION", None),
    (401, problem(401, "UNAUTHENTICATED"), Unauthorized, "UNAUTHENTICATED", None),
    (403, problem(403, "PERMISSION_DENIED"), Unauthorized, "PERMISSION_DENIED", None),
    (
        403,
        problem(403, "PERMISSION_DENIED", info("BILLING_DISABLED")),
        QuotaExhausted,
        "BILLING_DISABLED",
        None,
    ),
    (404, problem(404, "NOT_FOUND"), NotFound, "NOT_FOUND", None),
    (413, b"<html>Request Entity Too Large", Rejected, "", None),
    (429, problem(429, "RESOURCE_EXHAUSTED", MINUTE, RETRY), RateLimited, "RESOURCE_EXHAUSTED", 34.07),
    (429, problem(429, "RESOURCE_EXHAUSTED", MINUTE, DAY), QuotaExhausted, "RESOURCE_EXHAUSTED", None),
    (429, [problem(429, "RESOURCE_EXHAUSTED", RETRY)], RateLimited, "RESOURCE_EXHAUSTED", 34.07),
    (499, problem(499, "CANCELLED"), Rejected, "CANCELLED", None),
    (500, problem(500, "INTERNAL"), ServerFailed, "INTERNAL", None),
    (501, problem(501, "UNIMPLEMENTED"), Rejected, "UNIMPLEMENTED", None),
    (503, problem(503, "UNAVAILABLE"), ServerFailed, "UNAVAILABLE", None),
    (504, problem(504, "DEADLINE_EXCEEDED"), ServerFailed, "DEADLINE_EXCEEDED", None),
]


def failed(document: Any, status: int, **headers: str) -> Reply:
    """An error reply; bytes are taken as they are."""
    answer = whole(document if not isinstance(document, bytes) else None, status, **headers)
    return replace(answer, body=document) if isinstance(document, bytes) else answer


@pytest.mark.parametrize(("status", "document", "kind", "code", "wait"), ERRORS)
def test_error_replies(
    status: int, document: Any, kind: type[ReplyError], code: str, wait: float | None
) -> None:
    """An error reply becomes the typed error with its message, code and waiting time."""
    found = gemini_content.error(failed(document, status))
    assert type(found) is kind
    assert (found.status, found.code, found.retry_after) == (status, code, wait)
    assert found.message == ("m" if code else f"the provider answered with status {status}")
    # A header says it better than the body.
    assert gemini_content.error(failed(document, status, retry_after="2")).retry_after == 2


@pytest.mark.parametrize(("status", "document", "kind", "code", "wait"), ERRORS)
def test_errors_inside_a_success(
    status: int, document: Any, kind: type[ReplyError], code: str, wait: float | None
) -> None:
    """The same errors in a reply that says 200 have the status that they name."""
    if not code:
        return
    with pytest.raises(kind) as caught:
        gemini_content.decode(whole(document))
    assert (type(caught.value), caught.value.status, caught.value.code) == (kind, status, code)


@pytest.mark.parametrize("delay", ["", "34", "s", "-1s", "1e3s", "nans", 34, None, {}])
def test_odd_retry_delays(delay: object) -> None:
    """A waiting time that is none is no waiting time."""
    found = gemini_content.error(whole(problem(429, "RESOURCE_EXHAUSTED", {"retryDelay": delay}), 429))
    assert (type(found), found.retry_after) == (RateLimited, None)


# -------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        ({"min_p": 0.1}, "min_p"),
        ({"repeat_penalty": 1.1}, "repeat_penalty"),
        ({"stop": ("a", "b", "c", "d", "e", "f")}, "stop"),
        ({"reasoning": 32769}, "reasoning"),
        ({"extra": {"contents": []}}, "extra"),
        ({"extra": {"systemInstruction": {}}}, "extra"),
        ({"extra": {"system_instruction": {}}}, "extra"),
        ({"extra": {"generationConfig": {"candidateCount": 2}}}, "extra"),
    ],
)
def test_refuses_what_is_not_taken(config: dict[str, Any], setting: str) -> None:
    """A setting that this protocol has no place for is refused by name before sending."""
    with pytest.raises(RequestError) as caught:
        gemini_content.encode(asked(**config), GEMINI, stream=False)
    assert caught.value.field == setting


@pytest.mark.parametrize(
    "messages",
    [
        (Message("user", "Hi"), Message("system", "Be brief."), Message("user", "Again")),
        (Message("user", Media.from_url("https://example.org/song.mp3")),),
        (Message("user", Media.from_url("https://example.org/film.mp4")),),
        (Message("user", Media.from_url("https://notyoutube.com/film.mp4")),),
        (Message("user", Media.from_url("https://example.org/cat")),),
        (Message("user", Media.from_bytes(b"PK\x03\x04", media_type="application/zip")),),
    ],
    ids=["late system message", "song", "film", "film elsewhere", "unknown type", "archive"],
)
def test_refuses_messages_it_cannot_carry(messages: tuple[Message, ...]) -> None:
    """Late system messages, and media that Gemini would not read or fetch, are refused with a way out."""
    with pytest.raises(RequestError) as caught:
        gemini_content.encode(asked(*messages), GEMINI, stream=False)
    assert caught.value.field == "messages"
    assert caught.value.hint


def test_files_of_google_need_no_type() -> None:
    """For YouTube and Google's own files the type may be left to Google."""
    for url in ("https://youtu.be/x", "https://generativelanguage.googleapis.com/v1beta/files/abc"):
        request = asked(Message("user", Media.from_url(url, kind="video")))
        assert gemini_content.encode(request, GEMINI, stream=False)["contents"][0]["parts"] == [
            {"fileData": {"fileUri": url}}
        ]


def test_an_empty_prompt_is_sent_as_it_is() -> None:
    """A message without any text still has a part; the server decides."""
    sent = gemini_content.encode(asked(Message("user", "")), GEMINI, stream=False)
    assert sent["contents"] == [turn(text(""))]


@pytest.mark.parametrize(
    "model",
    ["", ".", "..", "../x", "a/b", "models/gemini-3.8-flash", "a/../b", "a\\b", "a\nb", "tunedModels/.."],
)
def test_refuses_models_that_lead_elsewhere(model: str) -> None:
    """A model name that could lead to another address is refused."""
    with pytest.raises(RequestError) as caught:
        gemini_content.path(asked(model=model), stream=False)
    assert caught.value.field == "model"


def test_model_names_are_quoted() -> None:
    """Whatever else a name holds is percent-encoded; tuned models have a folder of their own."""
    assert gemini_content.path(asked(model="a b?c#d:e%"), stream=False).startswith(
        "models/a%20b%3Fc%23d%3Ae%25:"
    )
    assert (
        gemini_content.path(asked(model="tunedModels/my-1"), stream=False)
        == "tunedModels/my-1:generateContent"
    )


def test_notes() -> None:
    """That a level went out as tokens is said, and nothing else is."""
    (note,) = gemini_content.notes(asked(model="gemini-2.5-flash", reasoning="low"), GEMINI)
    assert "1,024 tokens" in note
    for config in (
        {},
        {"reasoning": "low"},
        {"reasoning": 5},
        {"model": "gemini-2.5-flash", "reasoning": "off"},
    ):
        assert gemini_content.notes(asked(**config), GEMINI) == ()
    own: Quirks = replace(GEMINI, reasoning={"low": {"x": 1}})
    request = asked(model="gemini-2.5-flash", reasoning="low")
    assert gemini_content.notes(request, own) == ()
    assert gemini_content.encode(request, own, stream=False) == body(x=1)


# --------------------------------------------------------------------------------------------- listing

LISTED = {
    "name": "models/gemini-3.8-flash",
    "baseModelId": "gemini-3.8-flash",
    "version": "001",
    "displayName": "Gemini 3.8 Flash",
    "description": "Fast",
    "inputTokenLimit": 1048576,
    "outputTokenLimit": 65536,
    "supportedGenerationMethods": ["generateContent", "countTokens"],
    "temperature": 1,
    "maxTemperature": 2,
    "topP": 0.95,
    "topK": 64,
    "thinking": True,
}
EMBEDDING = {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]}


def test_model_listing() -> None:
    """A listing becomes rows with limits, without what generates nothing; and where the next page begins."""
    page = {"models": [LISTED, EMBEDDING, {"name": "tunedModels/my-1"}, {}, 5]}
    flash, tuned = gemini_content.models(whole(page))
    assert (flash.name, flash.context, flash.max_output) == (MODEL, 1048576, 65536)
    assert (tuned.name, tuned.context, tuned.max_output) == ("tunedModels/my-1", None, None)
    assert flash.details["thinking"] is True
    assert gemini_content.next_page(whole({**page, "nextPageToken": "next"})) == {"pageToken": "next"}
    assert gemini_content.next_page(whole(page)) == {}
    assert gemini_content.models(whole({})) == []


# --------------------------------------------------------------------------------- the official package


class Recorder:
    """The official client over a transport that keeps what was sent and answers with one reply."""

    def __init__(self, answer: Reply) -> None:
        self.url = ""
        self.headers: dict[str, str] = {}
        self.sent: Any = None
        self._reply = answer
        self._http = httpx2.Client(transport=httpx2.MockTransport(self._answer))
        options = types.HttpOptions(api_version="v1beta", httpx_client=self._http)
        self.client = genai.Client(api_key="secret", enterprise=False, http_options=options)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.url, self.headers = str(request.url), dict(request.headers)
        self.sent = json.loads(request.content or b"null")
        return httpx2.Response(
            self._reply.status, content=self._reply.body, headers=dict(self._reply.headers)
        )

    def ask(self, **more: Any) -> types.GenerateContentResponse:
        return self.client.models.generate_content(**{"model": MODEL, "contents": "x", **more})

    def stream(self) -> list[types.GenerateContentResponse]:
        return list(self.client.models.generate_content_stream(model=MODEL, contents="x"))

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._http.close()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK warns where it finds keys beside the one it is given."""
    for found in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"):
        monkeypatch.delenv(found, raising=False)


def their_contents(request: Request) -> list[types.Content]:
    """The turns of a request in the SDK's own types."""
    turns = [message for message in request.messages if message.role != "system"]
    return [
        types.Content(
            role="user" if role == "user" else "model",
            parts=[their_part(part) for message in messages for part in message.parts if part != ""],
        )
        for role, messages in groupby(turns, lambda message: message.role)
    ]


def their_part(part: str | Media) -> types.Part:
    """A part in the SDK's own types."""
    if isinstance(part, str):
        return types.Part.from_text(text=part)
    if part.url is not None:
        return types.Part.from_uri(file_uri=part.url, mime_type=part.media_type)
    media_type = "text/plain" if part.media_type == "application/json" else part.media_type
    return types.Part.from_bytes(data=part.data or b"", mime_type=media_type)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_sdk_sends_the_same(row: Row) -> None:
    """The official SDK, asked for the same in its own words, sends the same fields to the same address."""
    ours = plain(gemini_content.encode(row.request, GEMINI, stream=False))
    config = types.GenerateContentConfig(**row.theirs) if row.theirs else None
    with Recorder(whole(row.reply)) as recorder:
        recorder.ask(model=row.request.model, contents=their_contents(row.request), config=config)
    sent = {name: value for name, value in recorder.sent.items() if value != {}}  # an empty generationConfig
    assert canonical(sent) == canonical(ours)
    assert recorder.url.endswith("/v1beta/" + gemini_content.path(row.request, stream=False))
    assert recorder.headers["x-goog-api-key"] == "secret"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_sdk_types_take_our_bodies(row: Row) -> None:
    """Every field of our bodies is in the SDK's types, which allow no others."""
    ours = plain(gemini_content.encode(row.request, GEMINI, stream=False))
    for found in ours.pop("contents"):
        types.Content.model_validate(found)
    types.GenerateContentConfig.model_validate({**ours.pop("generationConfig", {}), **ours})
    with pytest.raises(ValueError, match="unheard"):
        types.GenerateContentConfig.model_validate({"unheard": 1})


def their_content(answers: list[types.GenerateContentResponse]) -> tuple[str, str, list[bytes]]:
    """Text, thoughts and media of a reply, or of all pieces of a stream, as the SDK reads them."""
    parts = [
        part
        for answer in answers
        for candidate in answer.candidates or ()
        if candidate.content
        for part in candidate.content.parts or ()
    ]
    return (
        "".join(part.text or "" for part in parts if not part.thought),
        "".join(part.text or "" for part in parts if part.thought),
        [part.inline_data.data or b"" for part in parts if part.inline_data and not part.thought],
    )


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_sdk_reads_the_same(row: Row) -> None:
    """The official SDK takes our reply fixtures for real ones, and reads the same in them."""
    types.GenerateContentResponse.model_validate(row.reply)
    ours = gemini_content.decode(whole(row.reply))
    with Recorder(whole(row.reply)) as recorder:
        theirs = recorder.ask()
    assert their_content([theirs]) == (ours.text, ours.reasoning, [medium.data for medium in ours.media])
    assert (theirs.model_version, theirs.response_id) == (ours.model, ours.request_id)
    used = theirs.usage_metadata
    assert used is not None
    spent = (used.candidates_token_count or 0) + (used.thoughts_token_count or 0)
    assert spent == (ours.usage.output_tokens or 0)


@pytest.mark.parametrize("row", STREAMED, ids=str)
def test_sdk_reads_the_same_stream(row: Row) -> None:
    """The official SDK takes our stream fixtures for real ones, and reads the same in them."""
    for piece in told(row.reply):
        types.GenerateContentResponse.model_validate(piece)
    answer = streamed(sse(*told(row.reply)))
    with Recorder(answer) as recorder:
        theirs = recorder.stream()
    ours = folded(gemini_content, answer)[0]
    assert their_content(theirs) == (ours.text, ours.reasoning, [medium.data for medium in ours.media])
    assert recorder.url.endswith("/v1beta/" + gemini_content.path(asked(), stream=True))


def test_sdk_reads_the_same_refusal() -> None:
    """The official SDK reads the same block reason in a refused prompt."""
    with Recorder(whole(BLOCKED)) as recorder:
        theirs = recorder.ask()
    with pytest.raises(Refused) as caught:
        gemini_content.decode(whole(BLOCKED))
    assert theirs.prompt_feedback is not None
    assert theirs.prompt_feedback.block_reason == caught.value.reason


@pytest.mark.parametrize(("status", "document", "kind", "code", "wait"), ERRORS)
def test_sdk_tells_the_same_error(
    status: int, document: Any, kind: type[ReplyError], code: str, wait: float | None
) -> None:
    """The official SDK reads the same status and message out of our error fixtures."""
    answer = failed(document, status)
    with Recorder(answer) as recorder, pytest.raises(sdk_errors.APIError) as caught:
        recorder.ask()
    ours = gemini_content.error(answer)
    assert caught.value.code == ours.status
    if isinstance(document, dict):
        assert caught.value.message == ours.message


def test_sdk_tells_the_same_error_in_a_stream() -> None:
    """The official SDK finds the same error in a stream that fails half way."""
    *most, _ = told(reply(text("Hello!")))
    answer = streamed(sse(*most) + json.dumps(OVERLOADED).encode() + b"\n")
    with Recorder(answer) as recorder, pytest.raises(sdk_errors.APIError) as caught:
        recorder.stream()
    with pytest.raises(ServerFailed) as ours:
        folded(gemini_content, answer)
    assert (caught.value.code, caught.value.message) == (ours.value.status, ours.value.message)


def test_sdk_lists_the_same_models() -> None:
    """The official SDK takes our listing fixture for a real one."""
    page = {"models": [LISTED], "nextPageToken": ""}
    with Recorder(whole(page)) as recorder:
        (theirs,) = list(recorder.client.models.list())
    (ours,) = gemini_content.models(whole(page))
    assert theirs.name == f"models/{ours.name}"
    assert (theirs.input_token_limit, theirs.output_token_limit) == (ours.context, ours.max_output)
    assert asdict(ours)["created"] is None
