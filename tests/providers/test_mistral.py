"""Mistral: strict about fields, with names and shapes of its own."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx2
import mistralai.client as sdk
import pytest
from mistralai.client import models

from antiphon import Media, Message, providers
from antiphon.dialects import openai_chat as chat
from antiphon.errors import NotFound, QuotaExhausted, RateLimited, Rejected, ReplyError, Unauthorized

from ..dialects.tables import facts, reply, sse, streamed
from .asking import AS_SCHEMA, HI, PDF, PNG, SCHEMA, WAV, Wire, content, encoded, refused

FULL: dict[str, Any] = {
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repeat_penalty": 1.1,
    "stop": ("a", "b"),
    "response_format": SCHEMA,
    "reasoning": "high",
}
BODY = {
    "model": "mistral-medium-3-5",
    "messages": HI,
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repetition_penalty": 1.1,
    "stop": ["a", "b"],
    "response_format": AS_SCHEMA,
    "reasoning_effort": "high",
    "random_seed": 7,
}


def test_a_full_request(wire: Wire):
    """Every setting goes out under Mistral's name, the seed as random_seed, and nothing else with it."""
    seen, completion = wire.ask("mistral", model=BODY["model"], seed=7, **FULL)
    assert seen.body == BODY
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer key-1"
    assert completion.seed_status == "sent"


def test_its_types_know_every_field():
    """Its package's request types have all fields of the fullest body, plain and streamed: an unknown one is a 422."""
    full = {**FULL, "seed": 7}
    assert encoded("mistral", **full).keys() <= models.ChatCompletionRequest.model_fields.keys()
    assert (
        encoded("mistral", stream=True, **full).keys()
        <= models.ChatCompletionStreamRequest.model_fields.keys()
    )


@pytest.mark.parametrize(
    "setting", [{"min_p": 0.1}, {"modalities": "image"}, {"reasoning": 100}, {"aspect_ratio": "1:1"}]
)
def test_what_it_has_no_field_for(setting: dict[str, Any]):
    """Settings without a field at Mistral are refused before sending."""
    assert refused("mistral", **setting).field == next(iter(setting))


def test_media_in_its_own_shapes():
    """Sound is plain base64 or a URL, documents are document_url; video is not taken."""
    parts = content(
        "mistral",
        Media.from_bytes(PNG),
        Media.from_bytes(WAV),
        Media.from_url("https://e.test/a.mp3"),
        Media.from_bytes(PDF, name="x.pdf"),
        Media.from_url("https://e.test/a.pdf"),
        "look",
    )
    pdf = "data:application/pdf;base64," + base64.b64encode(PDF).decode()
    assert parts == [
        {
            "type": "image_url",
            "image_url": {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()},
        },
        {"type": "input_audio", "input_audio": base64.b64encode(WAV).decode()},
        {"type": "input_audio", "input_audio": "https://e.test/a.mp3"},
        {"type": "document_url", "document_url": pdf, "document_name": "x.pdf"},
        {"type": "document_url", "document_url": "https://e.test/a.pdf", "document_name": "document"},
        {"type": "text", "text": "look"},
    ]
    typed = models.UserMessage.model_validate({"role": "user", "content": parts}).content
    assert [type(part).__name__ for part in typed or ()] == [
        "ImageURLChunk", "AudioChunk", "AudioChunk", "DocumentURLChunk", "DocumentURLChunk", "TextChunk",
    ]  # fmt: skip
    assert refused("mistral", Media.from_url("https://e.test/a.mp4")).field == "messages"


def test_an_answer_that_is_begun():
    """A last message of the assistant's is marked as the beginning of the answer; earlier ones are not."""
    turns = (Message("user", "a"), Message("assistant", "b"))
    body = encoded("mistral", *turns, Message("user", "c"), Message("assistant", "d"))
    assert body["messages"][1] == {"role": "assistant", "content": "b"}
    assert body["messages"][3] == {"role": "assistant", "content": "d", "prefix": True}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_its_own_package_sends_the_same(stream: bool):
    """For the same request the mistralai package sends the same body to the same path."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(400, json={"object": "error", "message": "enough seen"})

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        client = sdk.Mistral(api_key="key-1", client=http)
        ask = client.chat.stream if stream else client.chat.complete
        with pytest.raises(sdk.errors.MistralError):
            ask(**BODY)
    [sent] = seen
    assert str(sent.url).split("#")[0] == f"{providers.get('mistral').base_url}/chat/completions"
    mine = encoded("mistral", model=BODY["model"], seed=7, stream=stream, **FULL)
    assert {"stream": False, **mine} == {"stream": False, **json.loads(sent.content)}


HEAD = {"id": "cmpl-1", "object": "chat.completion", "created": 1, "model": "magistral"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "num_cached_tokens": 2}
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True}
WANTED = {
    "text": "yes",
    "reasoning": "hm",
    "finish_reason": "length",
    "usage": {"input_tokens": 7, "output_tokens": 3, "cached_tokens": 2},
    "model": "magistral",
    "request_id": "corr-1",
}
CORRELATION = {"mistral-correlation-id": "corr-1"}


def test_content_in_chunks():
    """Content may be a list, with thinking apart, in replies and in streams; its own types read the same."""
    message = {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "yes"}]}
    whole = {
        **HEAD,
        "choices": [{"index": 0, "message": message, "finish_reason": "model_length"}],
        "usage": USAGE,
    }
    assert facts(chat.decode(reply(whole, headers=CORRELATION))) == WANTED
    read = models.ChatCompletionResponse.model_validate(whole).choices[0].message
    assert read is not None
    assert [type(part).__name__ for part in read.content] == ["ThinkChunk", "TextChunk"]
    chunks = [
        {**HEAD, "choices": [{"index": 0, "delta": {"role": "assistant", "content": [THOUGHT]}}]},
        {**HEAD, "choices": [{"index": 0, "delta": {"content": "yes"}, "finish_reason": "model_length"}], "usage": USAGE},
    ]  # fmt: skip
    assert facts(streamed(chat, sse(*chunks), CORRELATION)[0]) == WANTED


ERRORS: dict[str, tuple[int, Any, type[ReplyError], str]] = {
    "flat": (400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}, Rejected, "Invalid model: x"),
    "only a message": (401, {"message": "Unauthorized"}, Unauthorized, "Unauthorized"),
    "an unknown field": (422, {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, Rejected, "seed"),
    "an object for a message": (422, {"object": "error", "message": {"detail": [{"loc": ["body"]}]}}, Rejected, "loc"),
    "no model": (404, {"object": "error", "message": "no", "type": "x"}, NotFound, "no"),
    "too fast": (429, {"object": "error", "message": "slow", "type": "rate_limited", "code": "1300"}, RateLimited, "slow"),
    "no money": (402, {"message": "pay"}, QuotaExhausted, "pay"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "words"), ERRORS.values(), ids=ERRORS)
def test_errors(status: int, body: Any, kind: type[ReplyError], words: str):
    """Its flat errors and its validation lists are read."""
    error = chat.error(reply(body, status, CORRELATION))
    assert type(error) is kind
    assert words in error.message
    assert error.request_id == "corr-1"


def test_the_key_goes_to_mistral_only():
    """The environment key belongs to Mistral's hosts, in whichever region."""
    provider = providers.get("mistral")
    assert provider.key_env == ("MISTRAL_API_KEY",)
    assert all(host.endswith(".mistral.ai") for host in provider.own_hosts)
