"""Anthropic Messages: one table run in both directions, the official SDK as a second opinion, a real server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message as SDKMessage
from anthropic.types import RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter

from antiphon.call import Reply
from antiphon.completion import Usage
from antiphon.dialects import Quirks, anthropic_messages
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

from ..conftest import LlamaServer
from .wire import fetched, folded, listed, plain, streamed, whole

ANTHROPIC = anthropic_messages.ANTHROPIC
COMPATIBLE = anthropic_messages.COMPATIBLE
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
PDF = b"%PDF-1.7 tiny"
COLOR = {
    "type": "object",
    "properties": {"color": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["color"],
    "additionalProperties": False,
}
MODEL = "claude-sonnet-4-6"


def asked(*messages: Message, seed: int | None = None, **config: Any) -> Request:
    """A request to Anthropic; a plain greeting if nothing is said."""
    return Request(
        provider="anthropic",
        messages=messages or (Message("user", "Say hello"),),
        config=Config(**{"model": MODEL, **config}),
        seed=seed,
    )


def text(words: str) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": words}


def turn(*content: dict[str, Any], role: str = "user") -> dict[str, Any]:
    """A message of the request."""
    return {"role": role, "content": list(content)}


def body(*turns: dict[str, Any], max_tokens: int = 8192, **more: Any) -> dict[str, Any]:
    """A body with what every body has."""
    messages = list(turns) or [turn(text("Say hello"))]
    return {"model": MODEL, "max_tokens": max_tokens, "messages": messages, **more}


def thought(words: str) -> dict[str, Any]:
    """A thinking block of a reply."""
    return {"type": "thinking", "thinking": words, "signature": "c2ln"}


def reply(*content: dict[str, Any], stop: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    """A message as Anthropic sends it."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 30,
            "cache_read_input_tokens": 10,
            "cache_creation_input_tokens": 4,
            "output_tokens": 20,
            "output_tokens_details": {"thinking_tokens": 12},
            "service_tier": "standard",
        },
        **more,
    }


USAGE = Usage(input_tokens=44, output_tokens=20, cached_tokens=10, cache_write_tokens=4, reasoning_tokens=12)


@dataclass(frozen=True)
class Row:
    """A request, the body it becomes, the message that comes back, and the completion it becomes."""

    name: str
    request: Request = field(default_factory=asked)
    body: dict[str, Any] = field(default_factory=body)
    reply: dict[str, Any] = field(default_factory=lambda: reply(text("Hello!")))
    completion: dict[str, Any] = field(default_factory=lambda: {"text": "Hello!"})
    quirks: Quirks = ANTHROPIC

    def __str__(self) -> str:
        return self.name


ROWS = [
    Row("plain", completion={"text": "Hello!", "finish_reason": "stop", "usage": USAGE, "model": MODEL}),
    Row(
        "one system message",
        asked(Message("system", "Be ", "brief."), Message("user", "Say hello")),
        body(system="Be brief."),
        reply(text("Hel"), text("lo!")),
    ),
    Row(
        "system messages at the start, and one in the middle",
        asked(
            Message("system", "Be brief."),
            Message("system", "Be kind."),
            Message("user", "Say hello"),
            Message("assistant", "hello"),
            Message("system", "Now in French."),
            Message("user", "Again"),
        ),
        body(
            turn(text("Say hello")),
            turn(text("hello"), role="assistant"),
            turn(text("Now in French."), role="system"),
            turn(text("Again")),
            system=[text("Be brief."), text("Be kind.")],
        ),
        reply(text("Salut 👋")),
        {"text": "Salut 👋"},
    ),
    Row(
        "turns of one role in a row stay apart, and empty texts beside others are left out",
        asked(Message("user", "One"), Message("user", "", "Two"), Message("assistant", "Three")),
        body(turn(text("One")), turn(text("Two")), turn(text("Three"), role="assistant")),
    ),
    Row(
        "pictures and documents, as bytes and as URLs, in the order they were given",
        asked(
            Message(
                "user",
                "Describe",
                Media.from_bytes(PNG),
                Media.from_url("https://example.org/cat.webp"),
                Media.from_bytes(PDF, name="plan.pdf"),
                Media.from_bytes(PDF),
                Media.from_url("https://example.org/plan.pdf"),
                Media.from_bytes("Größe: 5".encode(), media_type="text/markdown", name="notes.md"),
                Media.from_bytes(b"{}", media_type="application/json"),
            )
        ),
        body(
            turn(
                text("Describe"),
                {
                    "type": "image",
                    "source": {
                        "type": "base64",
                        "media_type": "image/png",
                        "data": base64.b64encode(PNG).decode(),
                    },
                },
                {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.webp"}},
                {
                    "type": "document",
                    "source": {
                        "type": "base64",
                        "media_type": "application/pdf",
                        "data": base64.b64encode(PDF).decode(),
                    },
                    "title": "plan.pdf",
                },
                {
                    "type": "document",
                    "source": {
                        "type": "base64",
                        "media_type": "application/pdf",
                        "data": base64.b64encode(PDF).decode(),
                    },
                },
                {"type": "document", "source": {"type": "url", "url": "https://example.org/plan.pdf"}},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "Größe: 5"},
                    "title": "notes.md",
                },
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "{}"},
                },
            )
        ),
    ),
    Row(
        "sampling, and a limit that was reached",
        asked(max_tokens=16, temperature=0.5, top_k=5, stop=("END", "###")),
        body(max_tokens=16, temperature=0.5, top_k=5, stop_sequences=["END", "###"]),
        reply(text("Hel"), stop="max_tokens"),
        {"text": "Hel", "finish_reason": "length"},
    ),
    Row(
        "a stop text, and one that ended the answer",
        asked(stop="END", top_p=0.9),
        body(stop_sequences=["END"], top_p=0.9),
        reply(text("Hel"), stop="stop_sequence", stop_sequence="END"),
        {"text": "Hel", "finish_reason": "stop"},
    ),
    Row(
        "an effort, and thinking before the answer",
        asked(reasoning="high"),
        body(thinking={"type": "adaptive", "display": "summarized"}, output_config={"effort": "high"}),
        reply(thought("First."), thought(""), thought("Second."), text("Hello!")),
        {"text": "Hello!", "reasoning": "First.\n\nSecond."},
    ),
    Row(
        "no thinking, and thoughts that may not be seen",
        asked(reasoning="off"),
        body(thinking={"type": "disabled"}),
        reply({"type": "redacted_thinking", "data": "xyz"}, text("Hello!")),
        {"text": "Hello!", "reasoning": ""},
    ),
    Row(
        "a budget comes on top of the limit that was filled in",
        asked(reasoning=2048),
        body(max_tokens=8192 + 2048, thinking={"type": "enabled", "budget_tokens": 2048}),
    ),
    Row(
        "a budget under a limit that was given",
        asked(reasoning=2048, max_tokens=2049),
        body(max_tokens=2049, thinking={"type": "enabled", "budget_tokens": 2048}),
        reply(thought("So far."), stop="max_tokens"),
        {"text": "", "reasoning": "So far.", "finish_reason": "length"},
    ),
    Row(
        "a JSON Schema",
        asked(response_format=Schema(COLOR, name="pick")),
        body(output_config={"format": {"type": "json_schema", "schema": COLOR}}),
        reply(text('{"color":"red"}')),
        {"text": '{"color":"red"}'},
    ),
    Row(
        "a JSON Schema and an effort share a field",
        asked(response_format=COLOR, reasoning="low"),
        body(
            thinking={"type": "adaptive", "display": "summarized"},
            output_config={"format": {"type": "json_schema", "schema": COLOR}, "effort": "low"},
        ),
    ),
    Row("text, said on purpose", asked(response_format="text", modalities=("text",))),
    Row("a seed has no place here", asked(seed=7)),
    Row(
        "extra is merged and wins",
        asked(
            extra={"max_tokens": 99, "metadata": {"user_id": "u"}, "thinking": {"display": "omitted"}},
            reasoning="low",
        ),
        body(
            max_tokens=99,
            metadata={"user_id": "u"},
            thinking={"type": "adaptive", "display": "omitted"},
            output_config={"effort": "low"},
        ),
    ),
    Row(
        "a compatible server",
        replace(asked(temperature=1.5, top_p=0.9, top_k=5, stop="END", reasoning=100), provider="compatible"),
        body(
            max_tokens=8292,
            temperature=1.5,
            top_p=0.9,
            top_k=5,
            stop_sequences=["END"],
            thinking={"type": "enabled", "budget_tokens": 100},
        ),
        quirks=COMPATIBLE,
    ),
    Row(
        "the context is full",
        reply=reply(text("Hel"), stop="model_context_window_exceeded"),
        completion={"text": "Hel", "finish_reason": "length"},
    ),
    Row(
        "a refusal after some text",
        reply=reply(
            text("Hel"),
            stop="refusal",
            stop_details={"type": "refusal", "category": "bio", "explanation": "No."},
        ),
        completion={
            "text": "Hel",
            "finish_reason": "refusal",
            "notes": ("the model broke off and refused: No.",),
        },
    ),
    Row(
        "a tool was called through extra",
        reply=reply({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}, stop="tool_use"),
        completion={"text": "", "finish_reason": "tool_calls"},
    ),
    Row("nothing at all was said", reply=reply(), completion={"text": "", "finish_reason": "stop"}),
    Row(
        "a turn that wants to be continued",
        reply=reply(text("Hel"), stop="pause_turn"),
        completion={"text": "Hel", "finish_reason": "other"},
    ),
    Row(
        "usage without its details",
        reply=reply(text("Hello!"), usage={"input_tokens": 3, "output_tokens": 2}),
        completion={"text": "Hello!", "usage": Usage(input_tokens=3, output_tokens=2)},
    ),
]
OFFICIAL = [row for row in ROWS if row.quirks is ANTHROPIC]


# ------------------------------------------------------------------------------------ the server's side


def sse(*documents: dict[str, Any]) -> bytes:
    """Events under the names in their type, as Anthropic writes them."""
    return b"".join(
        f"event: {document['type']}\ndata: {json.dumps(document)}\n\n".encode() for document in documents
    )


def told(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events in which Anthropic would stream this message."""
    usage = {**message["usage"], "output_tokens": 1}
    start = {**message, "content": [], "stop_reason": None, "stop_details": None, "usage": usage}
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        empty = {
            name: "" if name in ("text", "thinking", "signature") else value for name, value in block.items()
        }
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in pieces(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "something_new", "text": "not for us"}
    delta = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    spent = {"output_tokens": message["usage"]["output_tokens"], "cache_read_input_tokens": None}
    yield {"type": "message_delta", "delta": delta, "usage": spent}
    yield {"type": "message_stop"}


def pieces(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The deltas of one block, text in pieces of two characters."""
    kind = block["type"]
    if kind in ("text", "thinking"):
        words = block[kind]
        for at in range(0, len(words), 2):
            yield {"type": f"{kind}_delta", kind: words[at : at + 2]}
    if kind == "thinking":
        yield {"type": "signature_delta", "signature": block["signature"]}
    if kind == "tool_use":
        yield {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}


# ------------------------------------------------------------------------------------------- the table


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_encodes_request_to_exact_body(row: Row) -> None:
    """A request becomes exactly this body, and one field more when streamed."""
    assert plain(anthropic_messages.encode(row.request, row.quirks, stream=False)) == row.body
    sent = plain(anthropic_messages.encode(row.request, row.quirks, stream=True))
    assert sent == {**row.body, "stream": True}
    assert anthropic_messages.path(row.request, stream=True) == "messages"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decodes_reply_to_completion(row: Row) -> None:
    """A reply becomes this completion."""
    completion = anthropic_messages.decode(whole(row.reply, request_id="req_9"))
    assert {name: getattr(completion, name) for name in row.completion} == row.completion
    assert completion.request_id == "req_9"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_stream_becomes_the_same_completion(row: Row) -> None:
    """The same message in a stream becomes the same completion, and its deltas add up to it."""
    completion, in_all, _ = folded(anthropic_messages, streamed(sse(*told(row.reply))))
    assert replace(completion, raw=None) == replace(anthropic_messages.decode(whole(row.reply)), raw=None)
    assert (in_all.text, in_all.reasoning) == (completion.text, completion.reasoning)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_says_which_limit_was_filled_in(row: Row) -> None:
    """A note tells the limit that was sent without being asked for, and only then."""
    notes = anthropic_messages.notes(row.request, row.quirks)
    config = row.request.config
    if config.max_tokens is None and "max_tokens" not in config.extra:
        assert len(notes) == 1
        assert f"max_tokens={row.body['max_tokens']} " in notes[0]
    else:
        assert notes == ()


def refusal(**details: Any) -> dict[str, Any]:
    """A message that is nothing but a refusal."""
    return reply(stop="refusal", stop_details={"type": "refusal", **details} if details else None)


@pytest.mark.parametrize(
    ("message", "reason", "words"),
    [
        (refusal(category="cyber", explanation="Not this."), "cyber", "Not this."),
        (refusal(category=None, explanation=None), "refusal", "the model refused (refusal)"),
        (refusal(), "refusal", "the model refused (refusal)"),
    ],
)
def test_refusal_without_text_is_an_error(message: dict[str, Any], reason: str, words: str) -> None:
    """A refusal and nothing else raises Refused with the category, streamed or not."""
    with pytest.raises(Refused) as one:
        anthropic_messages.decode(whole(message))
    with pytest.raises(Refused) as other:
        folded(anthropic_messages, streamed(sse(*told(message))))
    for caught in (one, other):
        assert (caught.value.reason, caught.value.message) == (reason, words)
        assert caught.value.request_id == "msg_1"


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, ServerFailed),
        ({"error": {"type": "invalid_request_error", "message": "m"}}, Rejected),
        ({"type": "message", "content": "text"}, Unreadable),
        ({"choices": []}, Unreadable),
        ([], Unreadable),
    ],
)
def test_success_status_without_an_answer(document: Any, kind: type[AntiphonError]) -> None:
    """A document that holds no message is never a completion."""
    with pytest.raises(kind):
        anthropic_messages.decode(whole(document))


def test_stream_without_message_stop_is_cut_off() -> None:
    """A stream that stops before message_stop raises, wherever it stops, [DONE] or not."""
    documents = list(told(reply(text("Hello!"))))
    for kept in range(len(documents)):
        for tail in (b"", b"data: [DONE]\n\n"):
            with pytest.raises(TransportError) as caught:
                folded(anthropic_messages, streamed(sse(*documents[:kept]) + tail))
            assert (caught.value.phase, caught.value.before_output) == ("cut-off", False)


def test_stream_tolerates_what_servers_add_or_leave_out() -> None:
    """[DONE], comments, nameless events, text in a block's start, pieces without a start, events after the end."""
    documents = [
        {"type": "message_start", "message": {"id": "msg_1", "role": "assistant"}},
        {"type": "content_block_start", "index": 0, "content_block": text("Hel")},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "!"}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "citations_delta", "citation": {}}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
        {"type": "error", "error": {"type": "api_error", "message": "too late"}},
    ]
    raw = (
        "".join(f": ping\n\ndata: {json.dumps(document)}\n\n" for document in documents) + "data: [DONE]\n\n"
    )
    completion, in_all, _ = folded(anthropic_messages, streamed(raw.encode()))
    assert completion.text == in_all.text == "Hello!"
    assert completion.finish_reason == "stop"
    assert completion.usage == Usage()


def test_one_emoji_in_two_halves() -> None:
    """Deltas never hold half a character, and the halves make one."""
    documents = [*told(reply(text("ab")))]
    at = next(i for i, document in enumerate(documents) if document["type"] == "content_block_delta")
    documents[at : at + 1] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": half}}
        for half in ("\ud83d", "\udc4b!")
    ]
    completion, in_all, _ = folded(anthropic_messages, streamed(sse(*documents)))
    assert completion.text == in_all.text == "👋!"


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        ("overloaded_error", ServerFailed, 529),
        ("rate_limit_error", RateLimited, 429),
        ("api_error", ServerFailed, 500),
        ("invalid_request_error", Rejected, 400),
        ("authentication_error", Unauthorized, 401),
        ("billing_error", QuotaExhausted, 402),
        ("not_known_yet", ServerFailed, 200),
    ],
)
def test_error_events(kind: str, error: type[ReplyError], status: int) -> None:
    """An error event after status 200 raises the typed error, with the status its type stands for."""
    documents = list(told(reply(text("Hello!"))))[:4]
    event = {"type": "error", "error": {"type": kind, "message": "m"}, "request_id": "req_2"}
    with pytest.raises(error) as caught:
        folded(anthropic_messages, streamed(sse(*documents, event)))
    found = caught.value
    assert (found.message, found.code, found.status, found.request_id) == ("m", kind, status, "req_2")


def test_error_event_without_type() -> None:
    """An error object alone in an event (llama.cpp, proxies) is an error too."""
    raw = b'data: {"error":{"code":400,"message":"m","type":"invalid_request_error"}}\n\n'
    with pytest.raises(Rejected, match="m"):
        folded(anthropic_messages, streamed(raw))


ERRORS: list[tuple[int, str, str | None, type[ReplyError]]] = [
    (400, "invalid_request_error", None, Rejected),
    (401, "authentication_error", None, Unauthorized),
    (402, "billing_error", None, QuotaExhausted),
    (402, "billing_error", "linked_organization_billing_unavailable", QuotaExhausted),
    (403, "permission_error", None, Unauthorized),
    (404, "not_found_error", None, NotFound),
    (409, "conflict_error", None, Rejected),
    (413, "request_too_large", None, Rejected),
    (422, "invalid_request_error", None, Rejected),
    (429, "rate_limit_error", None, RateLimited),
    (429, "rate_limit_error", "enforced_spend_limit_reached", QuotaExhausted),
    (429, "rate_limit_error", "contract_spend_limit_reached", QuotaExhausted),
    (429, "rate_limit_error", "ramp_limit_exceeded", RateLimited),
    (500, "api_error", None, ServerFailed),
    (503, "api_error", None, ServerFailed),
    (504, "timeout_error", None, ServerFailed),
    (529, "overloaded_error", None, ServerFailed),
]


def problem(kind: str, code: str | None) -> dict[str, Any]:
    """An error body as Anthropic sends it."""
    details = {"details": {"error_code": code}} if code else {}
    return {"type": "error", "error": {"type": kind, "message": "m", **details}, "request_id": "req_body"}


@pytest.mark.parametrize(("status", "kind", "code", "error"), ERRORS)
def test_error_replies(status: int, kind: str, code: str | None, error: type[ReplyError]) -> None:
    """An error reply becomes the typed error with its message, code, request id and waiting time."""
    found = anthropic_messages.error(whole(problem(kind, code), status, request_id="req_1", retry_after="3"))
    assert type(found) is error
    assert (found.message, found.status, found.retry_after) == ("m", status, 3.0)
    assert (found.code, found.request_id) == (code or kind, "req_1")
    assert anthropic_messages.error(whole(problem(kind, code), status)).request_id == "req_body"


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        ({"min_p": 0.1}, "min_p"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"repeat_penalty": 1.1}, "repeat_penalty"),
        ({"modalities": ("image",)}, "modalities"),
        ({"aspect_ratio": "16:9"}, "aspect_ratio"),
        ({"temperature": 1.1}, "temperature"),
        ({"reasoning": 1023}, "reasoning"),
        ({"reasoning": 2048, "max_tokens": 2048}, "reasoning"),
        ({"response_format": "json"}, "response_format"),
        ({"extra": {"messages": []}}, "extra"),
    ],
)
def test_refuses_what_is_not_taken(config: dict[str, Any], setting: str) -> None:
    """A setting that this protocol has no place for is refused by name before sending."""
    with pytest.raises(RequestError) as caught:
        anthropic_messages.encode(asked(**config), ANTHROPIC, stream=False)
    assert caught.value.field == setting


def test_json_without_schema_names_the_way_out() -> None:
    """Plain JSON is refused with the advice to give a schema."""
    with pytest.raises(RequestError, match="no JSON mode") as caught:
        anthropic_messages.encode(asked(response_format="json"), ANTHROPIC, stream=False)
    assert "JSON Schema" in caught.value.hint


@pytest.mark.parametrize("setting", [{"response_format": COLOR}, {"reasoning": "low"}])
def test_compatible_refuses_what_llama_passes_over(setting: dict[str, Any]) -> None:
    """What llama.cpp would silently ignore in this protocol is refused."""
    with pytest.raises(RequestError) as caught:
        anthropic_messages.encode(asked(**setting), COMPATIBLE, stream=False)
    assert caught.value.field in setting


@pytest.mark.parametrize(
    "medium",
    [
        Media.from_bytes(b"RIFF\x00\x00\x00\x00WAVE"),
        Media.from_bytes(b"BM123456", media_type="image/bmp"),
        Media.from_bytes(b"PK\x03\x04", media_type="application/zip"),
        Media.from_bytes(b"\xff\xfe\x00", media_type="text/plain"),
    ],
    ids=["sound", "bmp", "zip", "not UTF-8"],
)
def test_refuses_media_it_cannot_carry(medium: Media) -> None:
    """Sound, foreign picture types, archives and text in other encodings are refused, whatever the quirks say."""
    for quirks in (ANTHROPIC, replace(ANTHROPIC, media=frozenset({"image", "audio", "document"}))):
        with pytest.raises(RequestError) as caught:
            anthropic_messages.encode(asked(Message("user", "x", medium)), quirks, stream=False)
        assert caught.value.field == "messages"


LISTED = {
    "id": "claude-opus-5-5",
    "type": "model",
    "display_name": "Claude Opus 5.5",
    "created_at": "2026-09-01T00:00:00Z",
    "lifecycle": "active",
    "deprecated_at": None,
    "retires_at": None,
    "max_input_tokens": 1000000,
    "max_tokens": 128000,
    "line": "opus",
    "capabilities": None,
}


def test_model_listing() -> None:
    """A listing becomes rows with limits and time; what is not said is None; and where the next page begins."""
    rows = [
        LISTED,
        {"id": "claude-old", "type": "model", "display_name": "?", "created_at": "1970-01-01T00:00:00Z"},
        {"id": "claude-odd", "created_at": "yesterday"},
        {"id": "local", "created": 1790000000, "meta": {"n_ctx": 2048}},
    ]
    page = {"data": rows, "first_id": "claude-opus-5-5", "last_id": "local", "has_more": False}
    opus, old, odd, local = anthropic_messages.models(whole(page))
    assert (opus.name, opus.context, opus.max_output) == ("claude-opus-5-5", 1000000, 128000)
    assert opus.created == 1788220800.0
    assert opus.details["display_name"] == "Claude Opus 5.5"
    assert (old.created, old.context, odd.created) == (None, None, None)
    assert (local.created, local.context) == (1790000000.0, 2048)
    assert anthropic_messages.next_page(whole(page)) == {}
    assert anthropic_messages.next_page(whole({**page, "has_more": True})) == {"after_id": "local"}
    assert anthropic_messages.next_page(whole({"has_more": True, "last_id": None})) == {}
    assert anthropic_messages.models(whole({"data": [], "has_more": False})) == []


# --------------------------------------------------------------------------------- the official package


class Recorder:
    """The official client over a transport that keeps what was sent and answers with one reply."""

    def __init__(self, answer: Reply) -> None:
        self.sent: Any = None
        self._reply = answer
        self.client = anthropic.Anthropic(
            api_key="sk-test",
            max_retries=0,
            default_headers={"anthropic-version": "2023-06-01"},
            http_client=httpx2.Client(transport=httpx2.MockTransport(self._answer)),
        )

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        assert request.url.path in ("/v1/messages", "/v1/models")
        assert request.headers["anthropic-version"] == "2023-06-01"
        self.sent = json.loads(request.content or b"null")
        return httpx2.Response(
            self._reply.status, content=self._reply.body, headers=dict(self._reply.headers)
        )

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


# The SDK dropped them with API version 2026-10-21; under 2023-06-01 they go out as extra fields.
SAMPLING = ("temperature", "top_p", "top_k")


@pytest.mark.parametrize("row", OFFICIAL, ids=str)
def test_sdk_sends_the_same(row: Row) -> None:
    """The official SDK, asked for the same, sends the same fields; all others are in its types."""
    ours = plain(anthropic_messages.encode(row.request, row.quirks, stream=False))
    known = {name: value for name, value in ours.items() if name not in SAMPLING}
    sampling = {name: value for name, value in ours.items() if name in SAMPLING}
    with Recorder(whole(row.reply)) as recorder:
        recorder.client.messages.create(**known, extra_body=sampling)  # an unknown name would be a TypeError
        assert recorder.sent == ours
    adapter = TypeAdapter(MessageCreateParamsNonStreaming)
    assert listed(adapter.validate_python(known)) == known


@pytest.mark.parametrize("row", OFFICIAL, ids=str)
def test_sdk_reads_the_same(row: Row) -> None:
    """The official SDK takes our reply fixtures for real ones, and reads the same text and usage in them."""
    SDKMessage.model_validate(row.reply)
    ours = anthropic_messages.decode(whole(row.reply))
    with Recorder(whole(row.reply)) as recorder:
        theirs = recorder.client.messages.create(model="m", max_tokens=1, messages=[])
    assert "".join(block.text for block in theirs.content if block.type == "text") == ours.text
    assert theirs.usage.output_tokens == ours.usage.output_tokens


@pytest.mark.parametrize("row", OFFICIAL, ids=str)
def test_sdk_puts_the_stream_together_the_same(row: Row) -> None:
    """The official SDK takes our stream fixtures for real ones, and puts the same message together."""
    adapter: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    documents = [document for document in told(row.reply) if document["type"] != "something_new"]
    for document in documents:
        if document["type"] != "ping":
            adapter.validate_python(document)
    answer = streamed(sse(*documents))
    with (
        Recorder(answer) as recorder,
        recorder.client.messages.stream(model="m", max_tokens=1, messages=[]) as stream,
    ):
        theirs = stream.get_final_message()
    ours = folded(anthropic_messages, answer)[0]
    assert "".join(block.text for block in theirs.content if block.type == "text") == ours.text
    assert theirs.stop_reason == row.reply["stop_reason"]
    assert theirs.usage.output_tokens == ours.usage.output_tokens


@pytest.mark.parametrize(("status", "kind", "code", "error"), ERRORS)
def test_sdk_tells_the_same_error(status: int, kind: str, code: str | None, error: type[ReplyError]) -> None:
    """The official SDK reads the same status, type, code and request id out of our error fixtures."""
    answer = whole(problem(kind, code), status, request_id="req_1")
    with Recorder(answer) as recorder, pytest.raises(anthropic.APIStatusError) as caught:
        recorder.client.messages.create(model="m", max_tokens=1, messages=[])
    ours = anthropic_messages.error(answer)
    assert (caught.value.status_code, caught.value.request_id) == (ours.status, ours.request_id)
    assert (caught.value.error_code or caught.value.type or kind) == ours.code


def test_sdk_lists_the_same_models() -> None:
    """The official SDK takes our listing fixture for a real one."""
    page = {"data": [LISTED], "first_id": LISTED["id"], "last_id": LISTED["id"], "has_more": False}
    with Recorder(whole(page)) as recorder:
        (theirs,) = recorder.client.models.list().data
    (ours,) = anthropic_messages.models(whole(page))
    assert (theirs.id, theirs.max_input_tokens, theirs.max_tokens) == (
        ours.name,
        ours.context,
        ours.max_output,
    )
    assert theirs.created_at.timestamp() == ours.created


# ------------------------------------------------------------------------------ the real llama.cpp server


def llama(server: LlamaServer, request: Request, *, stream: bool = False, key: str = "") -> Reply:
    """What llama.cpp answers to this request."""
    sent = anthropic_messages.encode(request, COMPATIBLE, stream=stream)
    path = anthropic_messages.path(request, stream=stream)
    return fetched(f"{server.base_url}/{path}", sent, x_api_key=key or server.api_key)


def local(words: str, **settings: Any) -> Request:
    """A question to the small model, with a system message and a turn before it."""
    messages = (
        Message("system", "You are terse."),
        Message("user", "Say one"),
        Message("assistant", "one"),
        Message("user", words),
    )
    return replace(asked(*messages, **{"max_tokens": 12, **settings}), provider="compatible")


@pytest.mark.engine
def test_llama_completion_and_stream(llama_server: LlamaServer) -> None:
    """llama.cpp takes our body and answers, streamed or not, with usage and the finish reason."""
    request = local("Tell a long story about the sea", temperature=0.8, top_k=40, top_p=0.95)
    answer = llama(llama_server, request, stream=True)
    assert answer.stream == "sse"
    other, in_all, deltas = folded(anthropic_messages, answer)
    one = anthropic_messages.decode(llama(llama_server, request))
    assert other.text == in_all.text
    assert len(deltas) > 1
    for completion in (one, other):
        assert completion.text
        assert completion.model
        assert completion.finish_reason == "length"
        assert completion.usage.output_tokens == 12
    # The second one found the prompt in the cache, which this protocol counts beside the input.
    assert one.usage.input_tokens == other.usage.input_tokens
    assert (one.usage.cached_tokens or 0) > (other.usage.cached_tokens or 0)


@pytest.mark.engine
def test_llama_obeys_stop(llama_server: LlamaServer) -> None:
    """A stop text ends llama.cpp's answer before it."""
    request = local("Tell a story", max_tokens=60, stop=(" ",))
    completion = anthropic_messages.decode(llama(llama_server, request))
    assert " " not in completion.text
    assert completion.finish_reason == "stop"


@pytest.mark.engine
def test_llama_reads_text_documents(llama_server: LlamaServer) -> None:
    """llama.cpp accepts text documents and several turns of one role; a picture for a blind model is an error."""
    note = Media.from_bytes(b"The sea is green.", media_type="text/plain")
    request = replace(
        asked(Message("user", "Hear"), Message("user", note, "Which color?"), max_tokens=5), provider="c"
    )
    assert anthropic_messages.decode(llama(llama_server, request)).usage.output_tokens
    blind = replace(asked(Message("user", Media.from_bytes(PNG)), max_tokens=5), provider="c")
    assert isinstance(anthropic_messages.error(llama(llama_server, blind)), ServerFailed)


@pytest.mark.engine
def test_llama_errors(llama_server: LlamaServer) -> None:
    """A wrong key and a prompt beyond the context are typed errors."""
    wrong = anthropic_messages.error(llama(llama_server, local("Hi"), key="wrong"))
    assert (type(wrong), wrong.status, wrong.code) == (Unauthorized, 401, "authentication_error")
    for stream in (False, True):
        long = anthropic_messages.error(llama(llama_server, local("word " * 3000), stream=stream))
        assert (type(long), long.status, long.code) == (Rejected, 400, "exceed_context_size_error")


@pytest.mark.engine
def test_llama_lists_models(llama_server: LlamaServer) -> None:
    """llama.cpp's listing gives the model and the context it was started with."""
    (model,) = anthropic_messages.models(
        fetched(f"{llama_server.base_url}/models", x_api_key=llama_server.api_key)
    )
    assert (model.name.endswith(".gguf"), model.context) == (True, 2048)


@pytest.mark.engine
def test_llama_passes_over_what_compatible_refuses(llama_server: LlamaServer) -> None:
    """The reason for the refusals: a schema sent here anyway does not bind llama.cpp's answer."""
    extra = {"output_config": {"format": {"type": "json_schema", "schema": COLOR}}}
    completion = anthropic_messages.decode(
        llama(llama_server, local("Say hello", temperature=0, extra=extra))
    )
    assert not completion.text.startswith("{")
