"""OpenAI Chat Completions: one table in both directions, the official SDK, and the real llama.cpp server."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request
from dataclasses import replace
from typing import Any

import httpx2
import openai as sdk
import pytest

from antiphon import events, providers
from antiphon.call import Reply
from antiphon.completion import Delta
from antiphon.dialects import Quirks, _common, _failures
from antiphon.dialects import openai_chat as chat
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

from .tables import facts, reply, sse, streamed

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJggg=="
)
PNG_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)
PDF = b"%PDF-1.4\n"
OPENAI = providers.get("openai").way("openai_chat").quirks
COMPATIBLE = providers.get("compatible").way("openai_chat").quirks
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def asked(*messages: Message | str, seed: int | None = None, **config: Any) -> Request:
    """A request of these messages; plain text is the user's."""
    turns = tuple(Message("user", it) if isinstance(it, str) else it for it in messages)
    return Request(
        provider="openai", messages=turns, config=Config(**{"model": "gpt-4.1", **config}), seed=seed
    )


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


# --------------------------------------------------------------------------------------------- encode

ENCODE = {
    "text": (asked("hi"), OPENAI, {"messages": user("hi")}),
    "turns": (
        asked(Message("system", "be brief"), "hi", Message("assistant", "hello"), "bye"),
        OPENAI,
        {
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "hello"},
                {"role": "user", "content": "bye"},
            ]
        },
    ),
    "system under its other name": (
        asked(Message("system", "be brief"), "hi"),
        replace(OPENAI, system_role="developer"),
        {"messages": [{"role": "developer", "content": "be brief"}, *user("hi")]},
    ),
    "text parts without media are one text": (
        asked(Message("user", "a", "b")),
        OPENAI,
        {"messages": user("ab")},
    ),
    "media stay where they stand": (
        asked(
            Message(
                "user",
                Media.from_bytes(PNG),
                "look",
                Media.from_url("https://e.test/a.jpg"),
                Media.from_bytes(WAV),
                Media.from_bytes(PDF, name="x.pdf"),
            )
        ),
        OPENAI,
        {
            "messages": user(
                [
                    {"type": "image_url", "image_url": {"url": PNG_URL}},
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "https://e.test/a.jpg"}},
                    {
                        "type": "input_audio",
                        "input_audio": {"data": base64.b64encode(WAV).decode(), "format": "wav"},
                    },
                    {
                        "type": "file",
                        "file": {
                            "filename": "x.pdf",
                            "file_data": "data:application/pdf;base64," + base64.b64encode(PDF).decode(),
                        },
                    },
                ]
            )
        },
    ),
    "video, for those who take it": (
        asked(Message("user", Media.from_url("https://e.test/a.mp4", kind="video"))),
        COMPATIBLE,
        {"messages": user([{"type": "video_url", "video_url": {"url": "https://e.test/a.mp4"}}])},
    ),
    "every setting of OpenAI": (
        asked(
            "hi",
            seed=2**40 + 5,
            max_tokens=9,
            temperature=0.5,
            top_p=0.9,
            presence_penalty=1,
            frequency_penalty=-1,
            stop=["a", "b"],
            modalities=["text", "audio"],
        ),
        OPENAI,
        {
            "messages": user("hi"),
            "seed": 5,
            "max_completion_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "presence_penalty": 1.0,
            "frequency_penalty": -1.0,
            "stop": ["a", "b"],
            "modalities": ["text", "audio"],
        },
    ),
    "every setting of a compatible server": (
        asked("hi", seed=0, max_tokens=9, top_k=4, min_p=0.1, repeat_penalty=1.1, stop="x"),
        COMPATIBLE,
        {
            "messages": user("hi"),
            "seed": 0,
            "max_tokens": 9,
            "top_k": 4,
            "min_p": 0.1,
            "repeat_penalty": 1.1,
            "repetition_penalty": 1.1,
            "stop": ["x"],
        },
    ),
    "reasoning": (
        asked("hi", model="gpt-5.5", reasoning="low"),
        OPENAI,
        {"model": "gpt-5.5", "messages": user("hi"), "reasoning_effort": "low"},
    ),
    "reasoning off, twice said": (
        asked("hi", reasoning="off"),
        COMPATIBLE,
        {
            "messages": user("hi"),
            "reasoning_effort": "none",
            "chat_template_kwargs": {"enable_thinking": False},
        },
    ),
    "a budget where there is a field for it": (
        asked("hi", reasoning=512),
        replace(COMPATIBLE, reasoning_budget="thinking.budget"),
        {"messages": user("hi"), "thinking": {"budget": 512}},
    ),
    "json": (
        asked("hi", response_format="json"),
        OPENAI,
        {"messages": user("hi"), "response_format": {"type": "json_object"}},
    ),
    "plain text": (
        asked("hi", response_format="text"),
        OPENAI,
        {"messages": user("hi"), "response_format": {"type": "text"}},
    ),
    "schema": (
        asked("hi", response_format=Schema(SCHEMA, name="num")),
        OPENAI,
        {
            "messages": user("hi"),
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "num", "schema": SCHEMA, "strict": True},
            },
        },
    ),
    "extra comes last, object by object": (
        asked("hi", response_format=SCHEMA, temperature=1, extra={
            "temperature": 0, "response_format": {"json_schema": {"strict": False, "schema": {"title": "t"}}}
        }),
        replace(OPENAI, always={"temperature": 0.3, "store": False}),
        {
            "messages": user("hi"),
            "temperature": 0,
            "store": False,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": {**SCHEMA, "title": "t"}, "strict": False},
            },
        },
    ),
    "no model": (asked("hi", model=""), COMPATIBLE, {"messages": user("hi"), "model": None}),
    "what all answer with needs no field": (
        asked("hi", response_format="text", modalities="text"),
        Quirks(fields={}),
        {"messages": user("hi")},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "quirks", "body"), ENCODE.values(), ids=ENCODE)
def test_encode(request_: Request, quirks: Quirks, body: dict[str, Any]):
    """A request becomes exactly this body, and the request itself is not touched."""
    wanted = {name: value for name, value in {"model": "gpt-4.1", **body}.items() if value is not None}
    assert json.loads(_common.dumps(chat.encode(request_, quirks, stream=False))) == wanted
    assert request_ == replace(request_)
    assert chat.path(request_, stream=False) == "chat/completions"
    assert chat.notes(request_, quirks) == ()


def test_a_stream_is_asked_for_with_its_usage():
    """Unknown servers get include_usage only; OpenAI is also asked to leave out the padding."""
    plain = chat.encode(asked("hi"), COMPATIBLE, stream=True)
    assert (plain["stream"], plain["stream_options"]) == (True, {"include_usage": True})
    openai = chat.encode(asked("hi"), OPENAI, stream=True)
    assert openai["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert "stream" not in chat.encode(asked("hi"), OPENAI, stream=False)


SVG = Media.from_bytes(b"<svg/>", media_type="image/svg+xml")
REFUSED = {
    "top_k": (asked("x", top_k=3), OPENAI, "top_k", "max_tokens"),
    "aspect_ratio": (asked("x", aspect_ratio="1:1"), COMPATIBLE, "aspect_ratio", ""),
    "modalities": (asked("x", modalities="image"), COMPATIBLE, "modalities", ""),
    "a level there is none of": (asked("x", reasoning="low"), Quirks(fields={}), "reasoning", "Leave"),
    "a budget": (asked("x", reasoning=100), COMPATIBLE, "reasoning", "off, low, medium, high"),
    "out of range": (
        asked("x", temperature=1.6),
        replace(COMPATIBLE, limits={"temperature": (0, 1.5)}),
        "temperature",
        "",
    ),
    "too many stops": (asked("x", stop=list("abcde")), OPENAI, "stop", ""),
    "stream in extra": (asked("x", extra={"stream": False}), OPENAI, "extra", ""),
    "n in extra": (asked("x", extra={"n": 2}), OPENAI, "extra", ""),
    "video": (
        asked(Message("user", Media.from_url("https://e.test/a.mp4", kind="video"))),
        OPENAI,
        "messages",
        "image",
    ),
    "a media type": (
        asked(Message("user", Media.from_bytes(b"fLaC" + bytes(9)))),
        OPENAI,
        "messages",
        "audio/wav",
    ),
    "an URL of a file": (
        asked(Message("user", Media.from_url("https://e.test/a.pdf", kind="document"))),
        COMPATIBLE,
        "messages",
        "fetch_media",
    ),
    "URLs at all": (
        asked(Message("user", Media.from_url("https://e.test/a.png"))),
        replace(COMPATIBLE, media_urls=False),
        "messages",
        "fetch_media",
    ),
    "sound without a name here": (
        asked(Message("user", Media.from_bytes(b"x", media_type="audio/amr"))),
        COMPATIBLE,
        "messages",
        "audio/wav",
    ),
}


@pytest.mark.parametrize(("request_", "quirks", "field", "hint"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_honoured_is_refused(request_: Request, quirks: Quirks, field: str, hint: str):
    """A setting or medium that is not taken is an error before sending that names it and the way out."""
    with pytest.raises(RequestError) as caught:
        chat.encode(request_, quirks, stream=False)
    assert caught.value.field == field
    assert hint in caught.value.hint


# --------------------------------------------------------------------------------------------- decode

HEAD = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m-1",
    "system_fingerprint": "fp",
}
USED = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
SAID = {"model": "m-1", "fingerprint": "fp", "request_id": "chatcmpl-1"}


def document(message: dict[str, Any], finish: Any = "stop", **more: Any) -> dict[str, Any]:
    return {
        **HEAD,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": USED,
        **more,
    }


def chunk(delta: Any, finish: Any = None, **more: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None, **more}


def spent(**more: Any) -> dict[str, Any]:
    return {"input_tokens": 7, "output_tokens": 3, **more}


THOUGHTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
    {"type": "text", "text": "yes"},
]
IMAGES = [{"type": "image_url", "image_url": {"url": PNG_URL}}]

# What is said: the same as one document and as chunks, and what a completion must say of it.
DECODE: dict[str, tuple[dict[str, Any], list[Any], dict[str, Any]]] = {
    "text": (
        document({"role": "assistant", "content": "Hello", "refusal": None}),
        [
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "Hel"}),
            chunk({"content": "lo"}),
            chunk({}, "stop"),
            {**HEAD, "choices": [], "usage": USED},
        ],
        {"text": "Hello", "finish_reason": "stop", "usage": spent(), **SAID},
    ),
    "reasoning_content": (
        document({"content": "yes", "reasoning_content": "hm"}),
        [chunk({"reasoning_content": "hm", "content": None}), chunk({"content": "yes"}), chunk({}, "stop", usage=USED)],
        {"text": "yes", "reasoning": "hm", "finish_reason": "stop", "usage": spent(), **SAID},
    ),
    "reasoning": (
        document({"content": "yes", "reasoning": "hm"}),
        [chunk({"reasoning": "hm"}), chunk({"content": "yes"}, "stop", usage=USED)],
        {"text": "yes", "reasoning": "hm", "finish_reason": "stop", "usage": spent(), **SAID},
    ),
    "both names, once told": (
        document({"content": "yes", "reasoning": "hm", "reasoning_content": "hm"}),
        [chunk({"reasoning": "hm", "reasoning_content": "hm"}), chunk({"content": "yes"}, "stop", usage=USED)],
        {"text": "yes", "reasoning": "hm", "finish_reason": "stop", "usage": spent(), **SAID},
    ),
    "content as chunks (Mistral)": (
        document({"content": THOUGHTS}, "model_length"),
        [chunk({"content": THOUGHTS[:1]}), chunk({"content": "yes"}, "model_length", usage=USED)],
        {"text": "yes", "reasoning": "hm", "finish_reason": "length", "usage": spent(), **SAID},
    ),
    "thinking as plain text": (
        document({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}]}),
        [chunk({"content": [{"type": "thinking", "thinking": "hm"}]}), chunk({"content": "yes"}, "stop", usage=USED)],
        {"text": "yes", "reasoning": "hm", "finish_reason": "stop", "usage": spent(), **SAID},
    ),
    "images in the message (OpenRouter)": (
        document({"content": None, "images": IMAGES}),
        [chunk({"content": "", "images": IMAGES}), chunk(None, "stop", usage=USED)],
        {"text": "", "media": (Media.from_bytes(PNG),), "finish_reason": "stop", "usage": spent(), **SAID},
    ),
    "sound, with its words": (
        document({"content": None, "audio": {"id": "a", "data": base64.b64encode(WAV).decode(), "transcript": "hi"}}),
        [
            chunk({"content": None, "audio": {"id": "a", "transcript": "hi"}}),
            chunk({"audio": {"data": base64.b64encode(WAV[:9]).decode()}}),
            chunk({"audio": {"data": base64.b64encode(WAV[9:]).decode()}}),
            chunk({}, "stop", usage=USED),
        ],
        {"text": "hi", "media": (Media.from_bytes(WAV),), "finish_reason": "stop", "usage": spent(), **SAID},
    ),
    "a refusal after some text": (
        document({"content": "Well", "refusal": "I can't"}),
        [chunk({"content": "Well"}), chunk({"refusal": "I "}), chunk({"refusal": "can't"}), chunk({}, "stop", usage=USED)],
        {"text": "Well", "finish_reason": "refusal", "usage": spent(), **SAID},
    ),
    "nothing said at all is an answer": (
        document({"content": ""}),
        [chunk({"role": "assistant", "content": None}), chunk({}, "stop", usage=USED)],
        {"text": "", "finish_reason": "stop", "usage": spent(), **SAID},
    ),
    "tool calls": (
        document({"content": None, "tool_calls": [{"id": "c"}]}, "tool_calls"),
        [chunk({"tool_calls": [{"index": 0}]}), chunk({}, "function_call", usage=USED)],
        {"text": "", "finish_reason": "tool_calls", "usage": spent(), **SAID},
    ),
    "a finish reason of tomorrow": (
        document({"content": "a"}, "paused"),
        [chunk({"content": "a"}, "paused", usage=USED)],
        {"text": "a", "finish_reason": "other", "usage": spent(), **SAID},
    ),
    "half surrogates": (
        document({"content": "\ud83d\ude00 \ud83d"}),
        [chunk({"content": "\ud83d"}), chunk({"content": "\ude00 "}), chunk({"content": "\ud83d"}), chunk({}, "stop", usage=USED)],
        {"text": "😀 \ufffd", "finish_reason": "stop", "usage": spent(), **SAID},
    ),
    "filter results first (Azure), pings, usage in every chunk": (
        document({"content": "a"}, "length"),
        [
            {"id": "", "model": "", "choices": [], "prompt_filter_results": [{}]},
            chunk({"role": "assistant"}, usage={"prompt_tokens": 7, "completion_tokens": 1}),
            chunk({"content": "a"}, usage=USED),
            chunk({}, "length"),
        ],
        {"text": "a", "finish_reason": "length", "usage": spent(), **SAID},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("whole", "chunks", "wanted"), DECODE.values(), ids=DECODE)
def test_decode(whole: dict[str, Any], chunks: list[Any], wanted: dict[str, Any]):
    """The whole reply and the stream of it decode to the same completion."""
    assert facts(chat.decode(reply(whole))) == wanted
    completion, deltas = streamed(chat, sse(*chunks))
    assert facts(completion) == wanted
    assert "".join(delta.text for delta in deltas) == wanted["text"].rstrip("\ufffd")
    assert "".join(delta.reasoning for delta in deltas) == wanted.get("reasoning", "")
    assert all(deltas)


USAGE = {
    "nothing said": ({}, {}),
    "OpenAI": (
        {
            **USED,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        spent(cached_tokens=4, cache_write_tokens=2, reasoning_tokens=2),
    ),
    "OpenRouter": ({**USED, "cost": 0.25}, spent(cost=0.25)),
    "DeepSeek": ({**USED, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 2}, spent(cached_tokens=5)),
    "Mistral": ({**USED, "num_cached_tokens": 3}, spent(cached_tokens=3)),
    "xAI": (
        {
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "total_tokens": 19,
            "completion_tokens_details": {"reasoning_tokens": 9},
            "prompt_tokens_details": {"cached_tokens": 8},
        },
        {"input_tokens": 15, "output_tokens": 12, "cached_tokens": 8, "reasoning_tokens": 9},
    ),
    "reasoning beside the answer, told by the total": (
        {**USED, "total_tokens": 12, "completion_tokens_details": {"reasoning_tokens": 2}},
        {"input_tokens": 7, "output_tokens": 5, "reasoning_tokens": 2},
    ),
    "nonsense": ({"prompt_tokens": True, "completion_tokens": -1, "cost": "x"}, {}),
    "nulls": ({"prompt_tokens": 7, "completion_tokens": 3.0, "prompt_tokens_details": None}, spent()),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "wanted"), USAGE.values(), ids=USAGE)
def test_usage(raw: dict[str, Any], wanted: dict[str, Any]):
    """Usage means the same for all servers: cached tokens inside the input, reasoning inside the output."""
    assert facts(chat.decode(reply(document({"content": "a"}, usage=raw)))).get("usage", {}) == wanted


def test_usage_and_errors_that_groq_hides():
    """Groq puts usage, and an error that ends a stream, into an object of its own in the last chunk."""
    last = chunk({}, "stop", x_groq={"id": "req_1", "usage": USED})
    assert facts(streamed(chat, sse(chunk({"content": "a"}), last))[0])["usage"] == spent()
    broken = chunk({}, x_groq={"id": "req_1", "error": "over capacity"})
    with pytest.raises(ServerFailed, match="over capacity"):
        streamed(chat, sse(chunk({"content": "a"}), broken))


def test_the_request_id_in_the_headers_counts_first():
    """x-request-id is the provider's name for the request; the body's id stands in for it."""
    assert (
        chat.decode(reply(document({"content": "a"}), 200, {"x-request-id": "req_7"})).request_id == "req_7"
    )


def test_blank_lines_before_the_document_are_keep_alives():
    """DeepSeek sends empty lines while it queues."""
    whole = reply(b"\n\n\n" + json.dumps(document({"content": "a"})).encode())
    assert chat.decode(whole).text == "a"


NO_ANSWER: dict[str, tuple[Any, type[AntiphonError], dict[str, Any]]] = {
    "a web page": (b"<html>", Unreadable, {"status": 200, "body": "<html>"}),
    "not UTF-8 and not JSON": (b"\xff{", Unreadable, {"body": "\ufffd{"}),
    "nothing": (b"", Unreadable, {}),
    "a list": ([1], Unreadable, {}),
    "a number": (b"7", Unreadable, {}),
    "NaN": (b'{"choices": NaN}', Unreadable, {}),
    "nested too deeply": (b'{"a":' + b"[" * 200_000, Unreadable, {}),
    "no choices": ({**HEAD, "choices": []}, Unreadable, {"request_id": None}),
    "a broken image": (
        document({"content": "", "images": [{"image_url": {"url": "data:image/png;base64,!!!"}}]}),
        Unreadable,
        {},
    ),
    "an image on plain http": (
        document({"content": "", "images": [{"image_url": {"url": "http://e.test/a.png"}}]}),
        Unreadable,
        {},
    ),
    "broken sound": (document({"content": "", "audio": {"data": "!"}}), Unreadable, {}),
    "an error under 200": (
        {"error": {"message": "busy", "code": 503}},
        ServerFailed,
        {"status": 503, "message": "busy", "retryable": True},
    ),
    "an error under 200 (xAI)": (
        {"code": "invalid_request_error", "error": "bad"},
        Rejected,
        {"status": 400, "message": "bad", "code": "invalid_request_error"},
    ),
    "an error under 200 (older servers)": (
        {"object": "error", "message": "no such model", "type": "not_found_error", "code": 404},
        NotFound,
        {"message": "no such model"},
    ),
    "failed while generating": (document({"content": "half"}, "error"), ServerFailed, {"status": 200}),
    "failed while generating, with a reason (OpenRouter)": (
        {**HEAD, "choices": [{"finish_reason": "error", "message": {}, "error": {"code": 429, "message": "slow"}}]},
        RateLimited,
        {"status": 429, "message": "slow"},
    ),
    "out of resources (DeepSeek)": (document({"content": ""}, "insufficient_system_resource"), ServerFailed, {}),
    "refused": (
        document({"content": None, "refusal": "I can't help"}),
        Refused,
        {"reason": "refusal", "message": "I can't help", "request_id": "chatcmpl-1"},
    ),
    "filtered": (document({"content": ""}, "content_filter"), Refused, {"reason": "content_filter"}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "wanted"), NO_ANSWER.values(), ids=NO_ANSWER)
def test_a_reply_without_an_answer(body: Any, kind: type[AntiphonError], wanted: dict[str, Any]):
    """A success status without a completion in it is an error, never an empty completion."""
    with pytest.raises(kind) as caught:
        chat.decode(reply(body))
    assert type(caught.value) is kind
    assert {name: getattr(caught.value, name) for name in wanted} == wanted


def test_a_web_page_says_what_is_wrong_with_the_address():
    """HTML where JSON belongs means a base URL without its path."""
    with pytest.raises(Unreadable) as caught:
        chat.decode(Reply(200, b"<html>", {"content-type": "text/html"}))
    assert "/v1" in caught.value.hint


STREAMS: dict[str, tuple[bytes, type[AntiphonError], dict[str, Any]]] = {
    "cut off": (
        sse(chunk({"content": "a"}), done=False),
        TransportError,
        {"phase": "cut-off", "before_output": False},
    ),
    "done without a finish reason": (sse(chunk({"content": "a"})), TransportError, {"phase": "cut-off"}),
    "nothing": (b"", TransportError, {"phase": "cut-off"}),
    "an error event": (
        sse(chunk({"content": "a"}), {"error": {"message": "boom", "type": "server_error"}}),
        ServerFailed,
        {"message": "boom", "status": 500},
    ),
    "an error event of llama.cpp": (
        sse({"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error"}}),
        Rejected,
        {"status": 400, "code": "exceed_context_size_error"},
    ),
    "an event named error": (
        b'event: error\ndata: {"message": "boom", "code": 401}\n\n',
        Unauthorized,
        {"message": "boom"},
    ),
    "an error among choices (OpenRouter)": (
        sse(chunk({"content": ""}, "error", error={"code": 502, "message": "upstream"})),
        ServerFailed,
        {"status": 502, "message": "upstream"},
    ),
    "no JSON": (sse("{oops"), Unreadable, {"body": "{oops"}),
    "no object": (sse([1]), Unreadable, {}),
    "refused": (
        sse(chunk({"refusal": "No"}), chunk({}, "stop")),
        Refused,
        {"message": "No", "reason": "refusal"},
    ),
    "filtered": (sse(chunk({}, "content_filter")), Refused, {"reason": "content_filter"}),
}


@pytest.mark.parametrize(("body", "kind", "wanted"), STREAMS.values(), ids=STREAMS)
def test_a_stream_without_an_answer(body: bytes, kind: type[AntiphonError], wanted: dict[str, Any]):
    """A stream that breaks off, reports an error or makes no sense is an error, whatever it said before."""
    with pytest.raises(kind) as caught:
        streamed(chat, body)
    assert type(caught.value) is kind
    assert {name: getattr(caught.value, name) for name in wanted} == wanted


@pytest.mark.parametrize("odd", [{"choices": "x"}, {"choices": [None]}, {"choices": [{"delta": "x"}]}, {}])
def test_odd_chunks_are_passed_over(odd: Any):
    """A chunk of another shape says nothing and breaks nothing."""
    completion, deltas = streamed(chat, sse(odd, chunk({"content": "a"}, "stop")))
    assert (completion.text, deltas) == ("a", [Delta("a")])


# --------------------------------------------------------------------------------------------- errors

ERRORS: dict[str, tuple[int, Any, dict[str, str], type[ReplyError], dict[str, Any]]] = {
    "wrong key": (
        401,
        {"error": {"message": "Incorrect API key", "type": "invalid_request_error", "code": "invalid_api_key"}},
        {"x-request-id": "req_1"},
        Unauthorized,
        {"code": "invalid_api_key", "request_id": "req_1", "message": "Incorrect API key", "status": 401},
    ),
    "not allowed": (403, {"error": "region"}, {}, Unauthorized, {"message": "region"}),
    "a wrong key under another status": (400, {"error": {"code": "invalid_api_key"}}, {}, Unauthorized, {"status": 400}),
    "no such model": (404, {"error": {"message": "m", "code": "model_not_found"}}, {}, NotFound, {}),
    "too fast": (
        429,
        {"error": {"message": "slow", "type": "tokens", "code": "rate_limit_exceeded"}},
        {"retry-after-ms": "1500", "retry-after": "9"},
        RateLimited,
        {"retry_after": 1.5, "retryable": True},
    ),
    "too fast, in seconds": (429, {}, {"retry-after": "2.5"}, RateLimited, {"retry_after": 2.5}),
    "too fast, until a date": (
        429,
        {},
        {"date": "Sun, 22 Nov 2026 10:00:00 GMT", "retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"},
        RateLimited,
        {"retry_after": 30.0},
    ),
    "a date that has passed": (
        429,
        {},
        {"date": "Sun, 22 Nov 2026 10:00:00 GMT", "retry-after": "Sun, 22 Nov 2026 09:00:00 GMT"},
        RateLimited,
        {"retry_after": 0.0},
    ),
    "waiting without sense": (429, {}, {"retry-after": "soon", "date": "x"}, RateLimited, {"retry_after": None}),
    "waiting for ever": (429, {}, {"retry-after": "inf"}, RateLimited, {"retry_after": None}),
    "no quota": (
        429,
        {"error": {"message": "q", "type": "insufficient_quota", "code": "insufficient_quota"}},
        {},
        QuotaExhausted,
        {"retryable": False},
    ),
    "no credit": (429, {"error": {"code": "credit_balance_exhausted", "type": "x"}}, {}, QuotaExhausted, {}),
    "no money": (402, {"error": {"message": "Insufficient Balance"}}, {}, QuotaExhausted, {}),
    "no credit at OpenRouter": (
        402,
        {"error": {"code": 402, "metadata": {"limit_source": "openrouter_credits"}}},
        {},
        QuotaExhausted,
        {"code": "openrouter_credits"},
    ),
    "budget in flight at OpenRouter": (
        402,
        {"error": {"code": 402, "metadata": {"limit_source": "openrouter_in_flight_budget"}}},
        {"retry-after": "1"},
        RateLimited,
        {"retry_after": 1.0},
    ),
    "Groq's flex tier": (498, {"error": {"code": "capacity_exceeded"}}, {}, RateLimited, {"status": 498}),
    "a bad request": (
        400,
        {"error": {"message": "bad", "type": "invalid_request_error", "param": "temperature", "code": None}},
        {},
        Rejected,
        {"code": "invalid_request_error", "retryable": False},
    ),
    "context overflow at llama.cpp": (
        400,
        {"error": {"code": 400, "message": "m", "type": "exceed_context_size_error", "n_ctx": 9}},
        {},
        Rejected,
        {"code": "exceed_context_size_error"},
    ),
    "a complaint in a list (Mistral, FastAPI)": (
        422,
        {"detail": [{"loc": ["body", "x"], "msg": "Extra inputs"}]},
        {},
        Rejected,
        {"message": '[{"loc":["body","x"],"msg":"Extra inputs"}]'},
    ),
    "flat (Mistral)": (
        400,
        {"object": "error", "message": {"detail": "d"}, "type": "invalid_model", "code": "1500"},
        {},
        Rejected,
        {"code": "1500", "message": '{"detail":"d"}'},
    ),
    "only a number (vLLM)": (400, {"error": {"message": "m", "code": 400}}, {}, Rejected, {"code": "400"}),
    "loading (llama.cpp)": (503, {"error": {"type": "unavailable_error"}}, {}, ServerFailed, {"retryable": True}),
    "cannot at all": (501, {"error": {"type": "not_supported_error"}}, {}, Rejected, {"retryable": False}),
    "a proxy's page": (
        502,
        b"<html>Bad Gateway</html>",
        {},
        ServerFailed,
        {"message": "the provider answered with status 502", "body": "<html>Bad Gateway</html>"},
    ),
    "overloaded": (529, {}, {}, ServerFailed, {"retryable": True}),
    "redirected": (307, b"", {"location": "https://else.test"}, Rejected, {"hint": _failures._REDIRECTED}),
    "long": (500, b"x" * 5000, {}, ServerFailed, {"body": "x" * 2000}),
}  # fmt: skip


@pytest.mark.parametrize(("status", "body", "headers", "kind", "wanted"), ERRORS.values(), ids=ERRORS)
def test_errors(
    status: int, body: Any, headers: dict[str, str], kind: type[ReplyError], wanted: dict[str, Any]
):
    """Status and documented code choose the error."""
    error = chat.error(reply(body, status, headers))
    assert type(error) is kind
    assert {name: getattr(error, name) for name in wanted} == wanted


MODELS = {
    "OpenAI": ({"id": "gpt-6-sol", "object": "model", "created": 5, "owned_by": "openai"}, ("gpt-6-sol", None, None, 5.0)),
    "llama.cpp": ({"id": "x", "meta": {"n_ctx": 2048, "n_ctx_train": 8192}}, ("x", 2048, None, None)),
    "llama.cpp, not loaded": ({"id": "x", "meta": {"n_ctx_train": 8192}}, ("x", 8192, None, None)),
    "vLLM": ({"id": "x", "max_model_len": 4096}, ("x", 4096, None, None)),
    "OpenRouter": (
        {"id": "x", "context_length": 9, "top_provider": {"max_completion_tokens": 4}},
        ("x", 9, 4, None),
    ),
    "Groq": ({"id": "x", "context_window": 9, "max_completion_tokens": 3}, ("x", 9, 3, None)),
}  # fmt: skip


@pytest.mark.parametrize(("row", "wanted"), MODELS.values(), ids=MODELS)
def test_models(row: dict[str, Any], wanted: tuple[Any, ...]):
    """Each server's own way to tell the context length is read, and the row is kept."""
    [model] = chat.models(reply({"object": "list", "data": [row, {"object": "no id"}, None]}))
    assert (model.name, model.context, model.max_output, model.created) == wanted
    assert model.details == row


# ------------------------------------------------------------------------------------ the official SDK

SDK_CALLS: dict[str, tuple[Request, dict[str, Any]]] = {
    "text": (asked("hi", seed=5), {"messages": user("hi"), "seed": 5}),
    "settings": (
        asked("hi", max_tokens=5, temperature=0.5, top_p=0.5, stop="x", presence_penalty=1, frequency_penalty=1),
        {
            "messages": user("hi"),
            "max_completion_tokens": 5,
            "temperature": 0.5,
            "top_p": 0.5,
            "stop": ["x"],
            "presence_penalty": 1.0,
            "frequency_penalty": 1.0,
        },
    ),
    "an image and a schema": (
        asked(Message("user", "look", Media.from_bytes(PNG)), response_format=Schema(SCHEMA, name="num")),
        {
            "messages": user([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": PNG_URL}}]),
            "response_format": {"type": "json_schema", "json_schema": {"name": "num", "schema": SCHEMA, "strict": True}},
        },
    ),
    "reasoning": (asked("hi", model="gpt-5.5", reasoning="high"), {"messages": user("hi"), "reasoning_effort": "high"}),
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("request_", "arguments"), SDK_CALLS.values(), ids=SDK_CALLS)
def test_the_sdk_sends_the_same(request_: Request, arguments: dict[str, Any], stream: bool):
    """For the same request the openai package sends the same path and body, field by field."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if stream:
            return httpx2.Response(
                200, headers={"content-type": "text/event-stream"}, content=sse(chunk({}, "stop"))
            )
        return httpx2.Response(200, json=document({"role": "assistant", "content": "ok"}))

    streaming = {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}}
    with sdk.OpenAI(
        api_key="sk-test", http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
    ) as client:
        made = client.chat.completions.create(
            model=request_.model, **arguments, **(streaming if stream else {})
        )
        if stream:
            assert [it.choices[0].finish_reason for it in made] == ["stop"]
    [sent] = seen
    assert sent.url.path == "/v1/" + chat.path(request_, stream=stream)
    assert json.loads(_common.dumps(chat.encode(request_, OPENAI, stream=stream))) == json.loads(sent.content)


@pytest.mark.parametrize("row", ["text", "a refusal after some text", "tool calls"])
def test_the_sdk_reads_the_table(row: str):
    """The replies of the table are valid replies: the openai package's types take them and say the same text."""
    whole, chunks, wanted = DECODE[row]
    read = sdk.types.chat.ChatCompletion.model_validate(whole, strict=False, extra="forbid") if row == "text" else (
        sdk.types.chat.ChatCompletion.construct(**whole)
    )  # fmt: skip
    assert (read.choices[0].message.content or "") == wanted["text"]
    for it in chunks:
        assert sdk.types.chat.ChatCompletionChunk.construct(**it).object


# ------------------------------------------------------------------------------- the real llama.cpp server


class Llama:
    """The real server, asked with the bodies this dialect makes."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def call(self, path: str, body: Any = None, key: str | None = None) -> Reply:
        headers = {
            "Authorization": f"Bearer {key or self.server.api_key}",
            "Content-Type": "application/json",
        }
        data = _common.dumps(body) if body is not None else None
        request = urllib.request.Request(f"{self.server.base_url}/{path}", data=data, headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as got:
                return Reply(got.status, got.read(), {k.lower(): v for k, v in got.headers.items()})
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read(), {k.lower(): v for k, v in error.headers.items()})

    def ask(self, text: str, *, stream: bool = False, **settings: Any) -> Reply:
        # Without the prompt cache, so that what was asked before cannot change the bits.
        seed = settings.pop("seed", None)
        request = asked(
            text, model="x", seed=seed, **{"max_tokens": 16, **settings, "extra": {"cache_prompt": False}}
        )
        return self.call(chat.path(request, stream=stream), chat.encode(request, COMPATIBLE, stream=stream))


@pytest.fixture
def llama(llama_server: Any) -> Llama:
    return Llama(llama_server)


@pytest.mark.engine
def test_llama_completes_and_streams_the_same(llama: Llama):
    """A real reply and a real stream of the same seed decode to the same completion."""
    whole = llama.ask("Name a colour.", seed=7)
    flow = llama.ask("Name a colour.", seed=7, stream=True)
    assert (whole.status, whole.stream, flow.status, flow.stream) == (200, "", 200, "sse")
    completion = chat.decode(whole)
    folded, deltas = streamed(chat, flow.body)
    assert completion.text
    assert folded.text == completion.text == "".join(delta.text for delta in deltas)
    assert len(deltas) > 1
    assert folded.finish_reason == completion.finish_reason
    assert folded.usage == completion.usage
    assert completion.usage.input_tokens
    assert 1 <= (completion.usage.output_tokens or 0) <= 16
    assert completion.fingerprint
    assert completion.model == folded.model != ""


@pytest.mark.engine
def test_llama_keeps_seeds(llama: Llama):
    """The same seed gives the same text again; other seeds give other texts."""

    def said(seed: int) -> str:
        return chat.decode(llama.ask("Write one sentence about the sea.", seed=seed, temperature=1)).text

    assert said(11) == said(11)
    assert len({said(seed) for seed in (11, 12, 13)}) > 1


@pytest.mark.engine
def test_llama_obeys_a_schema(llama: Llama):
    """A JSON Schema holds the real model to JSON of that shape."""
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    answer = json.loads(chat.decode(llama.ask("Answer.", seed=1, response_format=schema, max_tokens=64)).text)
    assert isinstance(answer["ok"], bool)


@pytest.mark.engine
def test_llama_takes_every_setting(llama: Llama):
    """The compatible provider's settings, all at once, are accepted by the real server; stop ends the answer."""
    full = llama.ask("Count from 1 to 20: 1, 2, 3,", seed=3, temperature=0, max_tokens=24)
    text = chat.decode(full).text
    stop = re.findall(r"\w+", text)[1]
    reply_ = llama.ask(
        "Count from 1 to 20: 1, 2, 3,",
        seed=3,
        temperature=0,
        max_tokens=24,
        stop=stop,
        top_p=1,
        top_k=40,
        min_p=0.05,
        presence_penalty=0,
        frequency_penalty=0,
        repeat_penalty=1,
        reasoning="off",
    )
    completion = chat.decode(reply_)
    assert completion.finish_reason == "stop"
    assert completion.text == text[: text.index(stop)]


@pytest.mark.engine
def test_llama_errors_are_typed(llama: Llama):
    """A wrong key, a prompt beyond the context, a picture for a blind model and a bad schema: each its own error."""
    request = asked("hi", max_tokens=1)
    wrong = chat.error(
        llama.call("chat/completions", chat.encode(request, COMPATIBLE, stream=False), key="wrong")
    )
    assert (type(wrong), wrong.status) == (Unauthorized, 401)
    long = chat.error(llama.ask("word " * 3000))
    assert (type(long), long.code) == (Rejected, "exceed_context_size_error")
    long = chat.error(llama.ask("word " * 3000, stream=True))
    assert (type(long), long.code) == (Rejected, "exceed_context_size_error")
    seen = asked(Message("user", Media.from_bytes(PNG)), max_tokens=1)
    blind = chat.error(llama.call("chat/completions", chat.encode(seen, COMPATIBLE, stream=False)))
    assert (type(blind), blind.code) == (ServerFailed, "server_error")
    bad = chat.error(llama.ask("hi", response_format={"type": "nonsense"}))
    assert type(bad) is Rejected


@pytest.mark.engine
def test_llama_lists_its_model(llama: Llama):
    """The listing names the model with the context it was started with."""
    [model] = chat.models(llama.call("models"))
    assert model.name.endswith(".gguf")
    assert model.context == 2048


def test_events_are_read_by_the_shared_parser():
    """A body cut into single bytes folds to the same completion."""
    whole, chunks, wanted = DECODE["text"]
    reader, fold = events.SSE(), chat.fold()
    body = sse(*chunks)
    for at in range(len(body)):
        for event in reader.feed(body[at : at + 1]):
            fold.feed(event)
    for event in reader.close():
        fold.feed(event)
    assert facts(fold.completion(Reply(200, body, {"content-type": "text/event-stream"}))) == wanted
    assert whole["usage"] == USED
