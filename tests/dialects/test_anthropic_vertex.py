"""Claude on Vertex AI: what differs from Anthropic's own address, against the official SDK."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import pytest

from antiphon.call import Reply
from antiphon.dialects import anthropic_messages, anthropic_vertex
from antiphon.errors import (
    QuotaExhausted,
    RateLimited,
    Refused,
    ReplyError,
    RequestError,
    TransportError,
    Unauthorized,
)
from antiphon.request import Config, Media, Message, Request

from .wire import folded, plain, streamed, whole

QUIRKS = anthropic_messages.ANTHROPIC
MODEL = "claude-sonnet-4-5@20250929"
ANSWER = {
    "id": "msg_vrtx_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "Hello!"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
STREAM = [
    {"type": "message_start", "message": {**ANSWER, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello!"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]


def sse(*documents: dict[str, Any]) -> bytes:
    """Events under the names in their type."""
    return b"".join(
        f"event: {document['type']}\ndata: {json.dumps(document)}\n\n".encode() for document in documents
    )


def asked(*messages: Message, **config: Any) -> Request:
    """A request to Claude on Vertex AI."""
    return Request(
        provider="vertex",
        messages=messages or (Message("user", "Say hello"),),
        config=Config(**{"model": MODEL, **config}),
        dialect="anthropic_vertex",
    )


REQUESTS = [
    asked(),
    asked(Message("system", "Be brief."), Message("user", "Say hello"), Message("assistant", "He")),
    asked(Message("user", "Describe", Media.from_bytes(b"\x89PNG\r\n\x1a\n rest")), max_tokens=5, stop="END"),
    asked(reasoning=2048, max_tokens=4096),
    asked(reasoning="off"),
]


class Recorder:
    """The official Vertex client over a transport that keeps what was sent and answers with one reply."""

    def __init__(self, answer: Reply) -> None:
        self.path, self.sent, self.authorization = "", None, ""
        self._reply = answer
        self.client = anthropic.AnthropicVertex(
            region="europe-west1",
            project_id="p",
            access_token="token",
            max_retries=0,
            http_client=httpx2.Client(transport=httpx2.MockTransport(self._answer)),
        )

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.path, self.sent = request.url.path, json.loads(request.content)
        self.authorization = request.headers["authorization"]
        return httpx2.Response(
            self._reply.status, content=self._reply.body, headers=dict(self._reply.headers)
        )


@pytest.mark.parametrize("request_", REQUESTS)
def test_sdk_sends_the_same(request_: Request) -> None:
    """The official Vertex client, asked for the same, sends the same body to the same path, streamed or not."""
    for stream in (False, True):
        ours = plain(anthropic_vertex.encode(request_, QUIRKS, stream=stream))
        recorder = Recorder(streamed(sse(*STREAM)) if stream else whole(ANSWER))
        asked_for = {
            name: value for name, value in ours.items() if name not in ("anthropic_version", "stream")
        }
        with recorder.client as client:
            sent: Any = client.messages.create(
                **asked_for,
                model=MODEL,
                stream=stream,
                extra_body={"anthropic_version": anthropic_vertex.VERSION},
            )
            list(sent) if stream else None
        recorder.sent.pop("stream") if not stream else None  # it says that it wants none
        assert recorder.sent == ours
        assert "model" not in ours
        base = "/v1/projects/p/locations/europe-west1/publishers/anthropic/"
        # The SDK's transport shows the decoded path.
        assert recorder.path == base + anthropic_vertex.path(request_, stream=stream).replace("%40", "@")
        assert recorder.authorization == "Bearer token"


def test_replies_are_anthropics() -> None:
    """A reply and a stream are read as Anthropic's; a stream without its end marker is cut off."""
    one = anthropic_vertex.decode(whole(ANSWER))
    other, in_all, _ = folded(anthropic_vertex, streamed(sse(*STREAM)))
    assert one.text == other.text == in_all.text == "Hello!"
    assert one.usage == other.usage
    with pytest.raises(TransportError, match="end marker"):
        folded(anthropic_vertex, streamed(sse(*STREAM[:-1])))
    with pytest.raises(Refused):
        anthropic_vertex.decode(whole({**ANSWER, "content": [], "stop_reason": "refusal"}))


GOOGLES = {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "3s"}]}
ERRORS = [
    (429, {"error": GOOGLES}, RateLimited, 3.0),
    (429, [{"error": GOOGLES}], RateLimited, 3.0),
    (401, {"error": {"code": 401, "message": "m", "status": "UNAUTHENTICATED"}}, Unauthorized, None),
    (403, {"error": {"code": 403, "message": "m", "status": "X", "details": [{"reason": "BILLING_DISABLED"}]}}, QuotaExhausted, None),
    (429, {"type": "error", "error": {"type": "rate_limit_error", "message": "m"}}, RateLimited, None),
    (403, {"type": "error", "error": {"type": "billing_error", "message": "m"}}, QuotaExhausted, None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "document", "kind", "wait"), ERRORS)
def test_errors_of_either(status: int, document: Any, kind: type[ReplyError], wait: float | None) -> None:
    """Errors of Google's front door and of Anthropic's servers behind it are both read."""
    found = anthropic_vertex.error(whole(document, status))
    assert (type(found), found.message, found.retry_after) == (kind, "m", wait)


def test_error_without_json() -> None:
    """A proxy's error page is an error by its status."""
    assert anthropic_vertex.error(Reply(502, b"<html>")).status == 502


def test_refuses_models_that_lead_elsewhere() -> None:
    """The model stands in the address, so its name must not lead elsewhere."""
    for model in ("", "..", "../x", "a/b"):
        with pytest.raises(RequestError) as caught:
            anthropic_vertex.path(asked(model=model), stream=False)
        assert caught.value.field == "model"


def test_notes_and_listing() -> None:
    """A limit that was filled in is said; Google's listing of a publisher gives plain names."""
    assert "max_tokens=8192" in anthropic_vertex.notes(asked(), QUIRKS)[0]
    page = {"publisherModels": [{"name": "publishers/anthropic/models/claude-sonnet-5", "versionId": "001"}]}
    assert [model.name for model in anthropic_vertex.models(whole(page))] == ["claude-sonnet-5"]
