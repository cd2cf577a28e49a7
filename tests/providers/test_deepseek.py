"""DeepSeek: thinks unless told not to, and has no seed."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon import Media, providers
from antiphon.dialects import openai_chat as chat
from antiphon.errors import (
    QuotaExhausted,
    RateLimited,
    ReplyError,
    ServerFailed,
    TransportError,
    Unauthorized,
)

from ..dialects.tables import facts, reply, sse, streamed
from .asking import HI, PNG, SCHEMA, Wire, encoded, refused

FULL: dict[str, Any] = {
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "stop": ("a", "b"),
    "response_format": "json",
    "reasoning": "off",
}
BODY = {
    "model": "deepseek-flash",
    "messages": HI,
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "stop": ["a", "b"],
    "response_format": {"type": "json_object"},
    "thinking": {"type": "disabled"},
}


def test_a_full_request(wire: Wire):
    """Every setting goes out; the seed does not, and the completion says so."""
    seen, completion = wire.ask("deepseek", model="deepseek-flash", seed=7, **FULL)
    assert seen.body == BODY
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer key-1"
    assert (completion.seed, completion.seed_status) == (7, "unsupported")
    assert wire.ask("deepseek", model="deepseek-flash", seed=7, **FULL)[1].replayed


@pytest.mark.parametrize("effort", ["low", "high"])
def test_thinking(effort: str):
    """An effort switches thinking on; nothing said leaves it to DeepSeek."""
    body = encoded("deepseek", reasoning=effort)
    assert (body["thinking"], body["reasoning_effort"]) == ({"type": "enabled"}, effort)
    assert "thinking" not in encoded("deepseek")


@pytest.mark.parametrize(
    ("settings", "field", "hint"),
    [
        ({"temperature": 0.5}, "temperature", "reasoning='off'"),
        ({"temperature": 0.5, "reasoning": "low"}, "temperature", "reasoning='off'"),
        ({"presence_penalty": 1}, "presence_penalty", "reasoning='off'"),
        ({"frequency_penalty": 1, "reasoning": "high"}, "frequency_penalty", "reasoning='off'"),
        ({"reasoning": "medium"}, "reasoning", "off, low, high"),
        ({"reasoning": 500}, "reasoning", "off, low, high"),
        ({"response_format": SCHEMA}, "response_format", "source"),
        ({"top_k": 3}, "top_k", "top_p"),
    ],
)
def test_what_would_be_passed_over_is_refused(settings: dict[str, Any], field: str, hint: str):
    """What DeepSeek would ignore in silence, or take for something else, is an error before sending."""
    error = refused("deepseek", model="deepseek-v4-pro", **settings)
    assert error.field == field
    assert hint in error.hint


def test_one_model_sees():
    """Images are for the vision model only; the error names it."""
    error = refused("deepseek", Media.from_bytes(PNG), model="deepseek-flash")
    assert "deepseek-v4-flash-vision-exp" in error.hint
    assert "image" in error.message
    body = encoded("deepseek", Media.from_bytes(PNG), model="deepseek-v4-flash-vision-exp")
    assert body["messages"][0]["content"][0]["type"] == "image_url"


def test_messages_have_an_address_of_their_own(wire: Wire):
    """The Messages dialect goes to /anthropic/v1/messages with the version header; its models are listed above."""
    wire.peer.status = 400
    with pytest.raises(ReplyError):
        wire.ask("deepseek", model="deepseek-flash", dialect="anthropic_messages", max_tokens=9, retries=0)
    seen = wire.peer.seen[-1]
    assert seen.path == "/v1/anthropic/v1/messages"
    assert seen.headers["anthropic-version"] == "2023-06-01"
    assert (seen.body["model"], seen.body["max_tokens"]) == ("deepseek-flash", 9)
    assert seen.body.keys() == {"model", "max_tokens", "messages"}
    assert refused("deepseek", dialect="anthropic_messages", temperature=0.5).field == "temperature"


HEAD = {"id": "1", "object": "chat.completion", "model": "deepseek-flash", "system_fingerprint": "fp_x"}
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 9,
    "total_tokens": 16,
    "prompt_cache_hit_tokens": 4,
    "prompt_cache_miss_tokens": 3,
    "completion_tokens_details": {"reasoning_tokens": 6},
}
WANTED = {
    "text": "yes",
    "reasoning": "hm",
    "finish_reason": "stop",
    "usage": {"input_tokens": 7, "output_tokens": 9, "cached_tokens": 4, "reasoning_tokens": 6},
    "model": "deepseek-flash",
    "fingerprint": "fp_x",
    "request_id": "1",
}


def test_thoughts_keep_alives_and_cache():
    """Thoughts stand apart, blank lines and comments are keep-alives, cached tokens are inside the input."""
    message = {"role": "assistant", "content": "yes", "reasoning_content": "hm"}
    whole = {**HEAD, "choices": [{"message": message, "finish_reason": "stop"}], "usage": USAGE}
    waited = reply(b"\n\n\n" + reply(whole).body)
    assert facts(chat.decode(waited)) == WANTED
    chunks = [
        {**HEAD, "choices": [{"delta": {"role": "assistant", "reasoning_content": "hm", "content": None}}]},
        {**HEAD, "choices": [{"delta": {"content": "yes", "reasoning_content": None}}]},
        {**HEAD, "choices": [{"delta": None, "finish_reason": "stop"}], "usage": USAGE},
    ]
    assert facts(streamed(chat, b": keep-alive\n\n" + sse(*chunks))[0]) == WANTED


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Unauthorized), (402, QuotaExhausted), (429, RateLimited), (503, ServerFailed)]
)
def test_errors(status: int, kind: type[ReplyError]):
    """Its errors have OpenAI's shape; 402 is an empty purse, which waiting does not fill."""
    body = {
        "error": {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"}
    }
    error = chat.error(reply(body, status))
    assert (type(error), error.message) == (kind, "Insufficient Balance")


def test_what_ends_without_an_answer():
    """Out of resources is an error, in a stream too; an error event is one; a stream without its end is cut off."""
    starved = {**HEAD, "choices": [{"delta": {}, "finish_reason": "insufficient_system_resource"}]}
    for chunk, kind in (
        (starved, ServerFailed),
        ({"error": {"message": "x", "code": "server_error"}}, ServerFailed),
    ):
        with pytest.raises(kind):
            streamed(chat, sse({**HEAD, "choices": [{"delta": {"content": "a"}}]}, chunk))
    with pytest.raises(TransportError, match="end marker"):
        streamed(chat, sse({**HEAD, "choices": [{"delta": {"content": "a"}}]}))


def test_the_key_goes_to_deepseek_only():
    """The environment key belongs to one host."""
    provider = providers.get("deepseek")
    assert (provider.key_env, provider.own_hosts) == (("DEEPSEEK_API_KEY",), ("api.deepseek.com",))
