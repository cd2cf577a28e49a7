"""Groq: OpenAI's protocol with less in it, and asides under x_groq."""

from __future__ import annotations

import json
from typing import Any

import groq as sdk
import httpx
import pytest

from antiphon import providers
from antiphon.dialects import openai_chat as chat
from antiphon.errors import RateLimited, Rejected, ReplyError, ServerFailed

from ..dialects.tables import facts, reply, sse, streamed
from .asking import AS_SCHEMA, HI, SCHEMA, Wire, encoded, refused

FULL: dict[str, Any] = {
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ("a", "b"),
    "response_format": SCHEMA,
    "reasoning": "low",
}
BODY = {
    "model": "openai/gpt-oss-120b",
    "messages": HI,
    "max_completion_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ["a", "b"],
    "response_format": AS_SCHEMA,
    "reasoning_effort": "low",
    "seed": 7,
}


def test_a_full_request(wire: Wire):
    """Every setting goes out under Groq's name, the seed too."""
    seen, completion = wire.ask("groq", model=BODY["model"], seed=7, **FULL)
    assert seen.body == BODY
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer key-1"
    assert completion.seed_status == "sent"


@pytest.mark.parametrize(
    ("model", "settings", "hint"),
    [
        ("llama-3.3-70b-versatile", {"presence_penalty": 1}, "top_p"),
        ("llama-3.3-70b-versatile", {"frequency_penalty": 1}, "top_p"),
        ("llama-3.3-70b-versatile", {"top_k": 1}, "top_p"),
        ("llama-3.3-70b-versatile", {"stop": tuple("abcde")}, ""),
        ("openai/gpt-oss-20b", {"reasoning": "off"}, "qwen3.8-27b"),
        ("qwen/qwen3-32b", {"reasoning": "low"}, "gpt-oss-120b"),
        ("openai/gpt-oss-20b", {"reasoning": 500}, "off, low, medium, high"),
    ],
)
def test_what_is_refused(model: str, settings: dict[str, Any], hint: str):
    """Settings that no model takes, or not this one, are refused before sending."""
    error = refused("groq", model=model, **settings)
    assert error.field == next(iter(settings))
    assert hint in error.hint


@pytest.mark.parametrize(
    ("model", "level"),
    [
        ("openai/gpt-oss-20b", "high"),
        ("qwen/qwen3-32b", "off"),
        ("qwen/qwen3.8-27b", "off"),
        ("qwen/qwen3.8-27b", "low"),
    ],
)
def test_which_models_take_which_effort(model: str, level: str):
    """Efforts go out for the models whose documentation names them."""
    wanted = "none" if level == "off" else level
    assert encoded("groq", model=model, reasoning=level)["reasoning_effort"] == wanted


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_its_own_package_sends_the_same(stream: bool):
    """For the same request the groq package sends the same body to the same path."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(400, json={"error": {"message": "enough seen"}})

    with (
        sdk.Groq(
            api_key="key-1", max_retries=0, http_client=httpx.Client(transport=httpx.MockTransport(answer))
        ) as client,
        pytest.raises(sdk.BadRequestError),
    ):
        client.chat.completions.create(**BODY, **({"stream": True} if stream else {}))
    [sent] = seen
    assert str(sent.url) == f"{providers.get('groq').base_url}/chat/completions"
    assert encoded("groq", model=BODY["model"], seed=7, stream=stream, **FULL) == json.loads(sent.content)


HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "system_fingerprint": "fp_x"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "queue_time": 0.1, "total_time": 0.2}
WANTED = {
    "text": "yes",
    "reasoning": "hm",
    "finish_reason": "stop",
    "usage": {"input_tokens": 7, "output_tokens": 3},
    "model": "m",
    "fingerprint": "fp_x",
    "request_id": "req_1",
}


def test_reasoning_and_usage_under_x_groq():
    """Usage with times in it, in the last chunk's x_groq; reasoning apart; the request id from the header."""
    headers = {"x-request-id": "req_1"}
    message = {"role": "assistant", "content": "yes", "reasoning": "hm"}
    whole = {
        **HEAD,
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": USAGE,
        "x_groq": {"id": "req_1", "seed": 7},
    }
    assert facts(chat.decode(reply(whole, headers=headers))) == WANTED
    chunks = [
        {**HEAD, "choices": [{"delta": {"role": "assistant", "content": ""}}], "x_groq": {"id": "req_1", "seed": 7}},
        {**HEAD, "choices": [{"delta": {"reasoning": "hm"}}]},
        {**HEAD, "choices": [{"delta": {"content": "yes"}}]},
        {**HEAD, "choices": [{"delta": {}, "finish_reason": "stop"}], "x_groq": {"id": "req_1", "usage": USAGE}},
    ]  # fmt: skip
    assert facts(streamed(chat, sse(*chunks), headers)[0]) == WANTED
    assert sdk.types.chat.ChatCompletionChunk.model_validate(
        {**chunks[3], "created": 1, "choices": [{"index": 0, **chunks[3]["choices"][0]}]}
    ).x_groq.usage.completion_tokens == 3  # fmt: skip


def test_an_error_under_x_groq():
    """An error that ends a stream is told under x_groq alone."""
    last = {**HEAD, "choices": [{"delta": {}}], "x_groq": {"id": "req_1", "error": "over capacity"}}
    with pytest.raises(ServerFailed, match="over capacity"):
        streamed(chat, sse({**HEAD, "choices": [{"delta": {"content": "a"}}]}, last))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "rate_limit_exceeded", RateLimited),
        (498, "capacity_exceeded", RateLimited),
        (400, "json_validate_failed", Rejected),
        (503, None, ServerFailed),
    ],
)
def test_errors(status: int, code: str | None, kind: type[ReplyError]):
    """The flex tier's 498 may be tried again; JSON that failed the schema may not."""
    body = {"error": {"message": "m", "type": "t", "code": code, "failed_generation": "{"}}
    error = chat.error(reply(body, status, {"retry-after": "2"}))
    assert (type(error), error.code, error.retry_after) == (kind, code or "t", 2.0)


def test_the_key_goes_to_groq_only():
    """The environment key belongs to one host."""
    provider = providers.get("groq")
    assert (provider.key_env, provider.own_hosts) == (("GROQ_API_KEY",), ("api.groq.com",))
