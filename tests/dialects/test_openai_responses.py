"""OpenAI Responses: one table run in both directions, the official SDK as a second opinion, a real server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter

from antiphon.call import Reply
from antiphon.completion import Usage
from antiphon.dialects import Quirks, Refusal, openai_responses
from antiphon.errors import (
    AntiphonError,
    NotFound,
    QuotaExhausted,
    RateLimited,
    Refused,
    Rejected,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
    Unreadable,
)
from antiphon.request import Config, Media, Message, Request, Schema

from ..conftest import LlamaServer
from .wire import fetched, folded, listed, plain, streamed, whole

OPENAI = openai_responses.OPENAI
PAINTING = openai_responses.PAINTING
COMPATIBLE = openai_responses.COMPATIBLE
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
PNG64 = base64.b64encode(PNG).decode()
JPEG = b"\xff\xd8\xff\xe0" + bytes(8)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
OTHER = b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(8)
MODERATED = {
    "code": "moderation_blocked",
    "message": "Your request was rejected.",
    "type": "image_generation_user_error",
    "moderation_details": {"categories": ["violence", "hate"], "moderation_stage": "output"},
}
PDF = b"%PDF-1.7 tiny"
COLOR = {
    "type": "object",
    "properties": {"color": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["color"],
    "additionalProperties": False,
}


def asked(*messages: Message, seed: int | None = None, **config: Any) -> Request:
    """A request to OpenAI; a plain greeting if nothing is said."""
    config = {"model": "gpt-6-sol", **config}
    return Request(
        provider="openai",
        messages=messages or (Message("user", "Say hello"),),
        config=Config(**config),
        seed=seed,
    )


def turn(*content: dict[str, Any], role: str = "user") -> dict[str, Any]:
    """An input item."""
    return {"type": "message", "role": role, "content": list(content)}


HELLO = turn({"type": "input_text", "text": "Say hello"})


def body(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A body with what every body has."""
    return {"model": "gpt-6-sol", "input": list(items) or [HELLO], "store": False, **more}


def message(*content: dict[str, Any], ident: str = "msg_1") -> dict[str, Any]:
    """An output message."""
    return {
        "type": "message",
        "id": ident,
        "role": "assistant",
        "status": "completed",
        "content": list(content),
    }


def said(text: str) -> dict[str, Any]:
    """A text part of an output message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def thought(*summary: str, content: tuple[str, ...] = (), ident: str = "rs_1") -> dict[str, Any]:
    """A reasoning item."""
    item: dict[str, Any] = {"type": "reasoning", "id": ident}
    item["summary"] = [{"type": "summary_text", "text": text} for text in summary]
    return (
        {**item, "content": [{"type": "reasoning_text", "text": text} for text in content]}
        if content
        else item
    )


def painted(result: str | None, **more: Any) -> dict[str, Any]:
    """An image generation item."""
    return {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": result, **more}


def response(*output: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    """A response object as OpenAI sends it."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1790000000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": "gpt-6-sol-2026-09-01",
        "output": list(output),
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": 30,
            "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 4},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 12},
            "total_tokens": 50,
        },
        **more,
    }


USAGE = Usage(input_tokens=30, output_tokens=20, cached_tokens=10, cache_write_tokens=4, reasoning_tokens=12)
HELLO_BACK = response(message(said("Hello!")))


@dataclass(frozen=True)
class Row:
    """A request, the body it becomes, the response that comes back, and the completion it becomes."""

    name: str
    request: Request = field(default_factory=asked)
    body: dict[str, Any] = field(default_factory=body)
    response: dict[str, Any] = field(default_factory=lambda: HELLO_BACK)
    completion: dict[str, Any] = field(default_factory=lambda: {"text": "Hello!"})
    quirks: Quirks = OPENAI

    def __str__(self) -> str:
        return self.name


ROWS = [
    Row("plain", completion={"text": "Hello!", "usage": USAGE, "model": "gpt-6-sol-2026-09-01"}),
    Row(
        "a system message at the start becomes instructions",
        asked(Message("system", "Be brief."), Message("user", "Say hello")),
        body(instructions="Be brief."),
        response(message(said("Hel"), said("lo")), message(said("!"), ident="msg_2")),
        {"text": "Hello!", "finish_reason": "stop"},
    ),
    Row(
        "history, and a system message in its middle",
        asked(
            Message("user", "Say ", "hello"),
            Message("assistant", "hel", "lo"),
            Message("system", "Now in French."),
            Message("user", "Again"),
        ),
        body(
            turn({"type": "input_text", "text": "Say "}, {"type": "input_text", "text": "hello"}),
            turn({"type": "output_text", "text": "hello"}, role="assistant"),
            turn({"type": "input_text", "text": "Now in French."}, role="system"),
            turn({"type": "input_text", "text": "Again"}),
        ),
        response(message(said("Salut 👋"))),
        {"text": "Salut 👋"},
    ),
    Row(
        "images and files, as bytes and as URLs, in their order",
        asked(
            Message(
                "user",
                "Describe",
                Media.from_bytes(PNG),
                Media.from_url("https://example.org/cat.webp"),
                Media.from_bytes(PDF, name="plan.pdf"),
                Media.from_url("https://example.org/plan.pdf", kind="document"),
            )
        ),
        body(
            turn(
                {"type": "input_text", "text": "Describe"},
                {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG64}"},
                {"type": "input_image", "detail": "auto", "image_url": "https://example.org/cat.webp"},
                {
                    "type": "input_file",
                    "filename": "plan.pdf",
                    "file_data": f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}",
                },
                {"type": "input_file", "file_url": "https://example.org/plan.pdf"},
            )
        ),
        response(painted(PNG64, output_format="png"), message(said("A cat."))),
        {"text": "A cat.", "media": (Media.from_bytes(PNG),)},
    ),
    Row(
        "sampling, and a limit that was reached",
        asked(max_tokens=16, temperature=0.5, top_p=0.9),
        body(max_output_tokens=16, temperature=0.5, top_p=0.9),
        response(
            message(said("Hel")), status="incomplete", incomplete_details={"reason": "max_output_tokens"}
        ),
        {"text": "Hel", "finish_reason": "length"},
    ),
    Row(
        "a limit reached while thinking leaves an empty answer",
        asked(max_tokens=16),
        body(max_output_tokens=16),
        response(thought("So far."), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        {"text": "", "reasoning": "So far.", "finish_reason": "length"},
    ),
    Row(
        "an effort, and a summary in parts",
        asked(reasoning="high"),
        body(reasoning={"effort": "high", "summary": "auto"}),
        response(thought("First.", "", "Second."), message(said("Hello!"))),
        {"text": "Hello!", "reasoning": "First.\n\nSecond."},
    ),
    Row(
        "no effort, and reasoning in full text",
        asked(reasoning="off"),
        body(reasoning={"effort": "none"}),
        response(thought(content=("All of it.",)), message(said("Hello!"))),
        {"text": "Hello!", "reasoning": "All of it."},
    ),
    Row(
        "JSON",
        asked(response_format="json"),
        body(text={"format": {"type": "json_object"}}),
        response(message(said("{}"))),
        {"text": "{}"},
    ),
    Row(
        "text, said on purpose",
        asked(response_format="text", modalities=("text",)),
        body(text={"format": {"type": "text"}}),
    ),
    Row(
        "a JSON Schema lies flat",
        asked(response_format=Schema(COLOR, name="pick")),
        body(text={"format": {"type": "json_schema", "name": "pick", "schema": COLOR, "strict": True}}),
        response(message(said('{"color":"red"}'))),
        {"text": '{"color":"red"}'},
    ),
    Row(
        "extra is merged and wins, over privacy too",
        asked(extra={"store": True, "text": {"verbosity": "low"}}, response_format="json"),
        {**body(), "store": True, "text": {"format": {"type": "json_object"}, "verbosity": "low"}},
    ),
    Row("a seed has no place here", asked(seed=7)),
    Row(
        "a compatible server takes more, and the schema twice",
        replace(
            asked(
                seed=(1 << 40) + 7,
                stop=("END",),
                top_k=5,
                min_p=0.1,
                repeat_penalty=1.1,
                response_format=Schema(COLOR),
            ),
            provider="compatible",
        ),
        body(
            seed=7,
            stop=["END"],
            top_k=5,
            min_p=0.1,
            repeat_penalty=1.1,
            repetition_penalty=1.1,
            text={"format": {"type": "json_schema", "name": "answer", "schema": COLOR, "strict": True}},
            json_schema=COLOR,
        ),
        quirks=COMPATIBLE,
    ),
    Row(
        "a compatible server and plain JSON",
        replace(asked(response_format="json", reasoning="low"), provider="compatible"),
        body(
            text={"format": {"type": "json_object"}},
            json_schema={"type": "object"},
            reasoning={"effort": "low"},
            chat_template_kwargs={"enable_thinking": True},
        ),
        quirks=COMPATIBLE,
    ),
    Row(
        "a filter that cut the answer short",
        response=response(
            message(said("Hel")), status="incomplete", incomplete_details={"reason": "content_filter"}
        ),
        completion={"text": "Hel", "finish_reason": "content_filter"},
    ),
    Row(
        "a refusal after some text",
        response=response(message(said("Hel"), {"type": "refusal", "refusal": "I can't."})),
        completion={"text": "Hel", "finish_reason": "refusal", "notes": ("the model refused: I can't.",)},
    ),
    Row(
        "a tool was called through extra",
        response=response(
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
        ),
        completion={"text": "", "finish_reason": "tool_calls"},
    ),
    Row(
        "an image and nothing else",
        asked(modalities="image", aspect_ratio="3:2"),
        body(
            tools=[{"type": "image_generation", "size": "1536x1024"}],
            tool_choice={"type": "image_generation"},
        ),
        response(painted(PNG64, output_format="png", size="1536x1024", revised_prompt="A cat.")),
        {"text": "", "media": (Media.from_bytes(PNG),), "finish_reason": "stop"},
        PAINTING,
    ),
    Row(
        "text and images, with what extra says of the tool, beside another tool",
        asked(
            modalities=("text", "image"),
            aspect_ratio="0.5:0.75",
            extra={
                "tools": [
                    {
                        "type": "image_generation",
                        "quality": "high",
                        "output_format": "webp",
                        "background": "opaque",
                    },
                    {"type": "web_search"},
                ]
            },
        ),
        body(
            tools=[
                {"type": "web_search"},
                {
                    "type": "image_generation",
                    "size": "1024x1536",
                    "quality": "high",
                    "output_format": "webp",
                    "background": "opaque",
                },
            ]
        ),
        response(
            painted(base64.b64encode(JPEG).decode(), output_format="png"),  # a wrong label
            message(said("Two: ")),
            painted(base64.b64encode(SVG).decode(), output_format="svg", id="ig_2"),
            painted(base64.b64encode(OTHER).decode(), output_format="webp", id="ig_3"),
        ),
        {
            "text": "Two: ",
            "media": (
                Media("image", "image/jpeg", data=JPEG),
                Media("image", "image/svg+xml", data=SVG),
                Media("image", "image/webp", data=OTHER),
            ),
        },
        PAINTING,
    ),
    Row(
        "the size that extra gives wins",
        asked(
            modalities="image",
            aspect_ratio="1:1",
            extra={"tools": [{"type": "image_generation", "size": "1536x864"}], "tool_choice": "auto"},
        ),
        body(tools=[{"type": "image_generation", "size": "1536x864"}], tool_choice="auto"),
        response(painted(PNG64)),
        {"text": "", "media": (Media.from_bytes(PNG),)},
        PAINTING,
    ),
    Row(
        "words about an image that moderation stopped",
        response=response(
            painted(None, status="failed", error=MODERATED), message(said("I could not draw that."))
        ),
        completion={
            "text": "I could not draw that.",
            "media": (),
            "finish_reason": "content_filter",
            "notes": ("image generation failed: Your request was rejected.",),
        },
    ),
    Row(
        "an image that failed beside one that did not",
        response=response(
            painted(PNG64),
            painted(None, status="failed", error={"message": "blocked", "type": "image_generation_error"}),
        ),
        completion={
            "text": "",
            "media": (Media.from_bytes(PNG),),
            "notes": ("image generation failed: blocked",),
        },
    ),
    Row(
        "incomplete for a reason not known yet",
        response=response(
            message(said("Hel")), status="incomplete", incomplete_details={"reason": "steered"}
        ),
        completion={"text": "Hel", "finish_reason": "other"},
    ),
    Row(
        "cancelled",
        response=response(message(said("Hel")), status="cancelled"),
        completion={"text": "Hel", "finish_reason": "other"},
    ),
]
# Rows whose body goes beyond the protocol's own fields, which the SDK knows nothing of.
OFFICIAL = [row for row in ROWS if row.quirks in (OPENAI, PAINTING)]


# ------------------------------------------------------------------------------------ the server's side


def sse(*documents: dict[str, Any]) -> bytes:
    """Events under the names in their type, numbered, as OpenAI writes them."""
    return b"".join(
        f"event: {document['type']}\ndata: {json.dumps({**document, 'sequence_number': number})}\n\n".encode()
        for number, document in enumerate(documents)
    )


def told(whole_response: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events in which OpenAI would stream this response."""
    begun = {**whole_response, "status": "in_progress", "output": [], "usage": None, "error": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(whole_response["output"]):
        where = {"output_index": index, "item_id": item["id"]}
        yield {"type": "response.output_item.added", "output_index": index, "item": item}
        yield from told_parts(item, where)
        yield from told_drafts(item, where)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.something_new", "text": "not for us"}
    yield {"type": f"response.{whole_response['status']}", "response": whole_response}


def told_parts(item: dict[str, Any], where: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of one output item, text in pieces of two characters."""
    for index, part in enumerate(item.get("summary", ())):
        for piece in cut(part["text"]):
            kind = "response.reasoning_summary_text.delta"
            yield {"type": kind, **where, "summary_index": index, "delta": piece, "obfuscation": "xY"}
    for index, part in enumerate(item.get("content", ())):
        place = {**where, "content_index": index}
        kind, text = {
            "output_text": ("response.output_text", part.get("text", "")),
            "reasoning_text": ("response.reasoning_text", part.get("text", "")),
            "refusal": ("response.refusal", part.get("refusal", "")),
        }[part["type"]]
        for piece in cut(text):
            logprobs = {"logprobs": []} if kind == "response.output_text" else {}
            yield {"type": f"{kind}.delta", **place, "delta": piece, **logprobs, "obfuscation": "xY"}


def told_drafts(item: dict[str, Any], where: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of an image on its way: drafts, which are no images of the answer."""
    if item["type"] == "image_generation_call":
        for step in ("in_progress", "generating"):
            yield {"type": f"response.image_generation_call.{step}", **where}
        for index in range(2):
            draft = base64.b64encode(PNG + bytes([index])).decode()
            kind = "response.image_generation_call.partial_image"
            yield {"type": kind, **where, "partial_image_b64": draft, "partial_image_index": index}
        yield {"type": "response.image_generation_call.completed", **where}


def cut(text: str) -> list[str]:
    """Text in pieces of two characters."""
    return [text[i : i + 2] for i in range(0, len(text), 2)]


# ------------------------------------------------------------------------------------------- the table


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_encodes_request_to_exact_body(row: Row) -> None:
    """A request becomes exactly this body, and one field more when streamed."""
    assert plain(openai_responses.encode(row.request, row.quirks, stream=False)) == row.body
    assert plain(openai_responses.encode(row.request, row.quirks, stream=True)) == {
        **row.body,
        "stream": True,
    }
    assert openai_responses.path(row.request, stream=True) == "responses"
    assert openai_responses.notes(row.request, row.quirks) == ()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decodes_reply_to_completion(row: Row) -> None:
    """A reply becomes this completion."""
    completion = openai_responses.decode(whole(row.response, x_request_id="req_9"))
    assert {name: getattr(completion, name) for name in row.completion} == row.completion
    assert completion.request_id == "req_9"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_stream_becomes_the_same_completion(row: Row) -> None:
    """The same response in a stream becomes the same completion, and its deltas add up to it."""
    reply = streamed(sse(*told(row.response)))
    completion, told_in_all, deltas = folded(openai_responses, reply)
    assert replace(completion, raw=None) == replace(openai_responses.decode(whole(row.response)), raw=None)
    assert (told_in_all.text, told_in_all.reasoning) == (completion.text, completion.reasoning)
    assert tuple(delta.media for delta in deltas if delta.media) == completion.media


FILTERED = response(status="incomplete", incomplete_details={"reason": "content_filter"})


@pytest.mark.parametrize(
    ("document", "kind", "code"),
    [
        (
            response(status="failed", error={"code": "server_error", "message": "m"}),
            ServerFailed,
            "server_error",
        ),
        (
            response(status="failed", error={"code": "rate_limit_exceeded", "message": "m"}),
            RateLimited,
            "rate_limit_exceeded",
        ),
        (
            response(status="failed", error={"code": "vector_store_timeout", "message": "m"}),
            ServerFailed,
            None,
        ),
        (
            response(status="failed", error={"code": "invalid_prompt", "message": "m"}),
            Rejected,
            "invalid_prompt",
        ),
        (response(status="failed", error={"code": "image_too_large", "message": "m"}), Rejected, None),
        (response(status="failed", error={"code": "not_known_yet", "message": "m"}), ServerFailed, None),
        (response(status="failed"), ServerFailed, None),
        (response(status="failed", error={"code": "bio_policy", "message": "m"}), Refused, "bio_policy"),
        (response(message({"type": "refusal", "refusal": "I can't."})), Refused, "refusal"),
        (FILTERED, Refused, "content_filter"),
    ],
)
def test_no_answer_under_status_200(
    document: dict[str, Any], kind: type[AntiphonError], code: str | None
) -> None:
    """A failed response is a typed error although HTTP says 200, the same streamed and unstreamed."""
    with pytest.raises(AntiphonError) as one:
        openai_responses.decode(whole(document))
    with pytest.raises(AntiphonError) as other:
        folded(openai_responses, streamed(sse(*told(document))))
    assert type(one.value) is type(other.value) is kind
    assert one.value.message == other.value.message
    if code:
        assert getattr(one.value, "code", None) == code or getattr(one.value, "reason", None) == code


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"error": {"message": "m", "type": "server_error", "code": None}}, ServerFailed),
        ({"error": "over capacity"}, ServerFailed),
        (response(status="queued"), Unreadable),
        (response(status="in_progress"), Unreadable),
        ({"id": "x", "choices": []}, Unreadable),
        ({**response(), "output": None}, Unreadable),
        (response(painted("not base64!")), Unreadable),
        ([], Unreadable),
    ],
)
def test_success_status_without_an_answer(document: Any, kind: type[AntiphonError]) -> None:
    """A document that holds no answer is never a completion."""
    with pytest.raises(kind):
        openai_responses.decode(whole(document))


def test_stream_without_terminal_event_is_cut_off() -> None:
    """A stream that stops before its terminal event raises, wherever it stops, [DONE] or not."""
    documents = list(told(HELLO_BACK))
    for kept in range(len(documents)):
        for tail in (b"", b"data: [DONE]\n\n"):
            with pytest.raises(TransportError) as caught:
                folded(openai_responses, streamed(sse(*documents[:kept]) + tail))
            assert (caught.value.phase, caught.value.before_output) == ("cut-off", False)


def test_stream_tolerates_what_servers_add() -> None:
    """[DONE], comments, nameless events, and events after the end change nothing."""
    lines = [f"data: {json.dumps(document)}\n\n" for document in told(HELLO_BACK)]
    raw = ": ping\n\n" + ": ping\n\n".join(lines) + "data: [DONE]\n\n" + lines[0] + 'data: {"error":1}\n\n'
    assert folded(openai_responses, streamed(raw.encode()))[0].text == "Hello!"


def test_terminal_event_is_what_counts() -> None:
    """Where the pieces and the terminal event disagree, the terminal event is believed."""
    documents = [*told(HELLO_BACK)]
    documents[-1] = {"type": "response.completed", "response": response(message(said("Goodbye!")))}
    assert folded(openai_responses, streamed(sse(*documents)))[0].text == "Goodbye!"


def test_terminal_event_without_output_or_status() -> None:
    """A server that leaves the output out of its terminal event has sent it before, item by item."""
    documents = [*told(HELLO_BACK)]
    bare = {name: value for name, value in HELLO_BACK.items() if name not in ("output", "status")}
    documents[-1] = {"type": "response.completed", "response": bare}
    completion = folded(openai_responses, streamed(sse(*documents)))[0]
    assert (completion.text, completion.finish_reason) == ("Hello!", "stop")


def test_one_emoji_in_two_halves() -> None:
    """Deltas never hold half a character, and the halves make one."""
    documents = [*told(response(message(said("👋!"))))]
    at = next(i for i, document in enumerate(documents) if document["type"].endswith("output_text.delta"))
    half = {name: value for name, value in documents[at].items() if name != "delta"}
    halves = [{**half, "delta": piece} for piece in ("\ud83d", "\udc4b!")]
    documents[at : at + 1] = halves
    assert folded(openai_responses, streamed(sse(*documents)))[1].text == "👋!"


@pytest.mark.parametrize(
    ("document", "kind", "code"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "m", "param": None}, RateLimited, None),
        ({"type": "error", "code": None, "message": "m", "param": None}, ServerFailed, None),
        (
            {"type": "error", "error": {"type": "server_error", "code": None, "message": "m"}},
            ServerFailed,
            None,
        ),
        ({"type": "error", "error": {"code": "insufficient_quota", "message": "m"}}, QuotaExhausted, None),
        ({"type": "error", "code": "context_length_exceeded", "message": "m"}, Rejected, None),
    ],
)
def test_error_events(document: dict[str, Any], kind: type[AntiphonError], code: str | None) -> None:
    """An error event raises the typed error at once, in both shapes that are in use."""
    documents = list(told(HELLO_BACK))
    with pytest.raises(kind) as caught:
        folded(openai_responses, streamed(sse(*documents[:4], document)))
    assert caught.value.message == "m"


def test_error_event_without_type() -> None:
    """An error object alone in an event (llama.cpp, proxies) is an error too."""
    raw = b'data: {"error":{"code":400,"message":"m","type":"invalid_request_error"}}\n\n'
    with pytest.raises(Rejected, match="m"):
        folded(openai_responses, streamed(raw))


ERRORS = [
    (
        400,
        {"message": "m", "type": "invalid_request_error", "param": "x", "code": "unsupported_parameter"},
        Rejected,
    ),
    (400, {"message": "m", "type": "invalid_request_error", "code": "context_length_exceeded"}, Rejected),
    (401, {"message": "m", "type": "invalid_request_error", "code": "invalid_api_key"}, Unauthorized),
    (403, {"message": "m", "type": "permission_error", "code": None}, Unauthorized),
    (404, {"message": "m", "type": "invalid_request_error", "code": "model_not_found"}, NotFound),
    (422, {"message": "m", "type": "invalid_request_error", "code": None}, Rejected),
    (429, {"message": "m", "type": "requests", "code": "rate_limit_exceeded"}, RateLimited),
    (429, {"message": "m", "type": "insufficient_quota", "code": "insufficient_quota"}, QuotaExhausted),
    (429, {"message": "m", "type": "insufficient_quota", "code": "credit_balance_exhausted"}, QuotaExhausted),
    (500, {"message": "m", "type": "server_error", "code": None}, ServerFailed),
    (503, {"message": "m", "type": "server_error", "code": "server_is_overloaded"}, ServerFailed),
]


@pytest.mark.parametrize(("status", "problem", "kind"), ERRORS)
def test_error_replies(status: int, problem: dict[str, Any], kind: type[AntiphonError]) -> None:
    """An error reply becomes the typed error with its message, code, request id and waiting time."""
    error = openai_responses.error(whole({"error": problem}, status, x_request_id="req_1", retry_after="3"))
    assert type(error) is kind
    assert (error.message, error.status, error.request_id, error.retry_after) == ("m", status, "req_1", 3.0)
    assert error.code == (problem["code"] or problem["type"])


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        ({"stop": ("END",)}, "stop"),
        ({"top_k": 3}, "top_k"),
        ({"min_p": 0.1}, "min_p"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"repeat_penalty": 1.1}, "repeat_penalty"),
        ({"modalities": ("image",)}, "modalities"),
        ({"aspect_ratio": "16:9"}, "aspect_ratio"),
        ({"reasoning": 2048}, "reasoning"),
        ({"extra": {"input": "x"}}, "extra"),
        ({"temperature": 0.5, "model": "old-model"}, "temperature"),
    ],
)
def test_refuses_what_is_not_taken(config: dict[str, Any], setting: str) -> None:
    """A setting that this protocol or this model has no place for is refused by name before sending."""
    quirks = replace(OPENAI, refusals=(Refusal("old-", frozenset({"temperature"}), "a test"),))
    with pytest.raises(RequestError) as caught:
        openai_responses.encode(asked(**config), quirks, stream=False)
    assert caught.value.field == setting
    assert caught.value.hint or setting == "extra"


NOT_PAINTED: dict[str, tuple[dict[str, Any] | None, type[AntiphonError], str]] = {
    "moderation": (MODERATED, Refused, "Your request was rejected. (violence, hate)"),
    "moderation, by its code": ({"code": "moderation_blocked", "message": "no", "type": "x"}, Refused, "no"),
    "the request's fault": ({"code": "invalid_size", "message": "m", "type": "image_generation_user_error"}, Rejected, "m"),
    "a limit": ({"code": "rate_limit_exceeded", "message": "m", "type": "x"}, RateLimited, "m"),
    "the server's fault": ({"message": "m", "type": "image_generation_server_error"}, ServerFailed, "m"),
    "nobody says": (None, ServerFailed, "no image was made"),
}  # fmt: skip


@pytest.mark.parametrize(("problem", "kind", "words"), NOT_PAINTED.values(), ids=NOT_PAINTED)
def test_an_image_that_failed(problem: Any, kind: type[AntiphonError], words: str) -> None:
    """Where nothing else came, a failed image is an error: Refused by moderation, else whose fault it was; streamed too."""
    document = response(painted(None, status="failed", error=problem))
    for read in (
        lambda: openai_responses.decode(whole(document, x_request_id="req_1")),
        lambda: folded(openai_responses, streamed(sse(*told(document)))),
    ):
        with pytest.raises(kind) as caught:
            read()
        assert type(caught.value) is kind
        assert words in caught.value.message
        if isinstance(caught.value, Refused):
            assert caught.value.reason == "moderation_blocked"


@pytest.mark.parametrize(
    ("config", "setting", "hint"),
    [
        ({"modalities": "image", "aspect_ratio": "16:9"}, "aspect_ratio", "1536x864"),
        ({"modalities": ("text", "image"), "aspect_ratio": "1:2"}, "aspect_ratio", "size"),
        ({"aspect_ratio": "1:1"}, "aspect_ratio", "modalities='image'"),
        ({"modalities": ("text", "audio")}, "modalities", "image"),
        ({"modalities": "image", "model": "gpt-image-2.6-sunburst"}, "model", "'model': 'gpt-image-2.6-sunburst'"),
    ],
)  # fmt: skip
def test_images_that_cannot_be_had(config: dict[str, Any], setting: str, hint: str) -> None:
    """Other ratios, a ratio without images, sound, and an image model asked by itself are refused with the way out."""
    with pytest.raises(RequestError) as caught:
        openai_responses.encode(asked(**config), PAINTING, stream=False)
    assert caught.value.field == setting
    assert hint in caught.value.hint
    if setting == "aspect_ratio" and "modalities" in config:
        assert "1:1, 3:2, 2:3" in caught.value.message


def test_text_alone_asks_for_no_tool() -> None:
    """modalities="text" is what all answer with; tools in extra stay as they are."""
    extra = {"tools": [{"type": "image_generation"}]}
    ours = openai_responses.encode(asked(modalities="text", extra=extra), PAINTING, stream=False)
    assert plain(ours) == body(**extra)


def test_refuses_sound() -> None:
    """There is no place for sound in this protocol, whatever the quirks say."""
    wav = Media.from_bytes(b"RIFF\x00\x00\x00\x00WAVE")
    for quirks in (OPENAI, replace(OPENAI, media=frozenset({"audio"}))):
        with pytest.raises(RequestError) as caught:
            openai_responses.encode(asked(Message("user", wav)), quirks, stream=False)
        assert caught.value.field == "messages"


def test_model_listing() -> None:
    """A listing becomes rows with name and time."""
    row = {"id": "gpt-6-sol", "object": "model", "created": 1780000000, "owned_by": "openai"}
    (model,) = openai_responses.models(whole({"object": "list", "data": [row]}))
    assert (model.name, model.created, model.context) == ("gpt-6-sol", 1780000000.0, None)


# --------------------------------------------------------------------------------- the official package


class Recorder:
    """The official client over a transport that keeps what was sent and answers with one reply."""

    def __init__(self, reply: Reply) -> None:
        self.sent: Any = None
        self._reply = reply
        self._http = httpx2.Client(transport=httpx2.MockTransport(self._answer))
        self.client = openai.OpenAI(api_key="sk-test", max_retries=0, http_client=self._http)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/v1/responses"
        self.sent = json.loads(request.content)
        return httpx2.Response(
            self._reply.status, content=self._reply.body, headers=dict(self._reply.headers)
        )

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


@pytest.mark.parametrize("row", OFFICIAL, ids=str)
def test_sdk_sends_the_same(row: Row) -> None:
    """The official SDK, asked for the same, sends the same fields; all of them are in its types."""
    ours = plain(openai_responses.encode(row.request, row.quirks, stream=False))
    with Recorder(whole(row.response)) as recorder:
        recorder.client.responses.create(**ours)  # a name it does not know would be a TypeError
        assert recorder.sent == ours
    adapter = TypeAdapter(ResponseCreateParamsNonStreaming)
    known = {**ours, "input": [as_typed(item) for item in ours["input"]]}
    assert listed(adapter.validate_python(known)) == known


def as_typed(item: dict[str, Any]) -> dict[str, Any]:
    """An input item as the SDK's types want it. They know assistant turns only as the server stores them, with
    an id, while the API takes those of a client without one (openai-python, issue 3544)."""
    if item["role"] != "assistant":
        return item
    content = [{**part, "annotations": []} for part in item["content"]]
    return {**item, "id": "msg_0", "status": "completed", "content": content}


@pytest.mark.parametrize("row", OFFICIAL, ids=str)
def test_sdk_reads_the_same(row: Row) -> None:
    """The official SDK takes our reply fixtures for real ones, and reads the same text and usage in them."""
    Response.model_validate(row.response)
    completion = openai_responses.decode(whole(row.response))
    with Recorder(whole(row.response)) as recorder:
        theirs = recorder.client.responses.create(model="m", input="x")
    assert theirs.usage is not None
    assert theirs.output_text == completion.text
    assert theirs.usage.total_tokens == completion.usage.total_tokens


@pytest.mark.parametrize("row", OFFICIAL, ids=str)
def test_sdk_streams_the_same(row: Row) -> None:
    """The official SDK takes our stream fixtures for real ones, and hears the same text in them."""
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    text = ""
    reply = streamed(sse(*told(row.response)))
    with Recorder(reply) as recorder:
        for event in recorder.client.responses.create(model="m", input="x", stream=True):
            text += event.delta if event.type == "response.output_text.delta" else ""
            if event.type not in ("response.something_new", "response.cancelled"):
                adapter.validate_python(event.model_dump(mode="json", exclude_unset=True))
    assert text == folded(openai_responses, reply)[1].text


@pytest.mark.parametrize(("status", "problem", "kind"), ERRORS)
def test_sdk_tells_the_same_error(status: int, problem: dict[str, Any], kind: type[AntiphonError]) -> None:
    """The official SDK reads the same status, code and request id out of our error fixtures."""
    reply = whole({"error": problem}, status, x_request_id="req_1")
    with Recorder(reply) as recorder, pytest.raises(openai.APIStatusError) as caught:
        recorder.client.responses.create(model="m", input="x")
    ours = openai_responses.error(reply)
    assert (caught.value.status_code, caught.value.request_id) == (ours.status, ours.request_id)
    assert (caught.value.code or caught.value.type) == ours.code


# ------------------------------------------------------------------------------ the real llama.cpp server


def llama(server: LlamaServer, request: Request, *, stream: bool = False, key: str = "") -> Reply:
    """What llama.cpp answers to this request."""
    body = openai_responses.encode(request, COMPATIBLE, stream=stream)
    path = openai_responses.path(request, stream=stream)
    return fetched(f"{server.base_url}/{path}", body, authorization=f"Bearer {key or server.api_key}")


def local(text: str, **settings: Any) -> Request:
    """A question to the small model, with a turn before it. Unequal cache states could tell equal seeds apart."""
    messages = (
        Message("system", "You are terse."),
        Message("user", "Say one"),
        Message("assistant", "one"),
        Message("user", text),
    )
    return replace(
        asked(
            *messages, **{"max_tokens": 12, "temperature": 1.0, "extra": {"cache_prompt": False}, **settings}
        ),
        provider="compatible",
    )


@pytest.mark.engine
def test_llama_completion_and_stream(llama_server: LlamaServer) -> None:
    """llama.cpp takes our body, and one seed gives one text, streamed or not."""
    request = local("Tell a story", seed=7)
    one = openai_responses.decode(llama(llama_server, request))
    reply = llama(llama_server, request, stream=True)
    assert reply.stream == "sse"
    other, told_in_all, deltas = folded(openai_responses, reply)
    assert one.text == other.text == told_in_all.text != ""
    assert len(deltas) > 1
    for completion in (one, other):
        assert completion.usage.output_tokens is not None
        assert 0 < completion.usage.output_tokens <= 12
        assert completion.usage.input_tokens is not None
        assert completion.usage.input_tokens > 10
        assert completion.model
        assert (completion.request_id or "").startswith("resp_")


@pytest.mark.engine
def test_llama_seeds_tell_samples_apart(llama_server: LlamaServer) -> None:
    """llama.cpp honours the seed in this protocol, though the protocol has none."""
    texts = [
        openai_responses.decode(llama(llama_server, local("Tell a story", seed=seed, temperature=2.0))).text
        for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.engine
def test_llama_obeys_schema_and_stop(llama_server: LlamaServer) -> None:
    """A JSON Schema binds llama.cpp's answer, and a stop text ends it."""
    request = local("Pick a color", response_format=Schema(COLOR), max_tokens=40, seed=1)
    picked = json.loads(openai_responses.decode(llama(llama_server, request)).text)
    assert picked["color"] in ("red", "blue")
    stopped = replace(request, config=replace(request.config, stop=("color",)))
    text = openai_responses.decode(llama(llama_server, stopped)).text
    assert text.startswith("{")
    assert "color" not in text


@pytest.mark.engine
def test_llama_errors(llama_server: LlamaServer) -> None:
    """A wrong key, a prompt beyond the context and a picture for a blind model are typed errors."""
    wrong = openai_responses.error(llama(llama_server, local("Hi"), key="wrong"))
    assert (type(wrong), wrong.status, wrong.code) == (Unauthorized, 401, "authentication_error")
    for stream in (False, True):
        long = openai_responses.error(llama(llama_server, local("word " * 3000), stream=stream))
        assert (type(long), long.status, long.code) == (Rejected, 400, "exceed_context_size_error")
    blind = replace(asked(Message("user", Media.from_bytes(PNG))), provider="compatible")
    assert isinstance(openai_responses.error(llama(llama_server, blind)), ServerFailed)


@pytest.mark.engine
def test_llama_lists_models(llama_server: LlamaServer) -> None:
    """llama.cpp's listing gives the model and the context it was started with."""
    reply = fetched(f"{llama_server.base_url}/models", authorization=f"Bearer {llama_server.api_key}")
    (model,) = openai_responses.models(reply)
    assert (model.name.endswith(".gguf"), model.context) == (True, 2048)
