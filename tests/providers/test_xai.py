"""xAI: OpenAI's protocol with reasoning counted beside the answer, and two shapes of errors."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon import Media, providers
from antiphon.dialects import openai_chat as chat
from antiphon.errors import Rejected, ReplyError, Unauthorized

from ..dialects.tables import facts, reply, sse, streamed
from .asking import AS_SCHEMA, HI, PNG, SCHEMA, Wire, content, encoded, refused

FULL: dict[str, Any] = {
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "stop": ("a", "b"),
    "response_format": SCHEMA,
}
BODY = {
    "model": "grok-4.20-non-reasoning",
    "messages": HI,
    "max_completion_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "stop": ["a", "b"],
    "response_format": AS_SCHEMA,
    "seed": 7,
}


def test_a_full_request(wire: Wire):
    """Every setting goes out under xAI's name, the seed too."""
    seen, completion = wire.ask("xai", model=BODY["model"], seed=7, **FULL)
    assert seen.body == BODY
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer key-1"
    assert completion.seed_status == "sent"


def test_responses_have_no_seed_and_are_not_stored():
    """The Responses way carries no seed, and asks not to be kept for 30 days."""
    body = encoded("xai", dialect="openai_responses", model="grok-4.7", reasoning="low", max_tokens=9, seed=7)
    assert "seed" not in body
    assert (body["store"], body["max_output_tokens"], body["reasoning"]["effort"]) == (False, 9, "low")


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize(
    ("model", "settings", "hint"),
    [
        ("grok-4.20-non-reasoning", {"reasoning": "low"}, "grok-4.3"),
        ("grok-4.20-reasoning", {"reasoning": "low"}, "grok-4.3"),
        ("grok-build-0.1", {"reasoning": "high"}, "grok-4.7"),
        ("grok-4.7", {"reasoning": "off"}, "grok-4.3"),
    ],
)
def test_efforts_that_are_refused(dialect: str, model: str, settings: dict[str, Any], hint: str):
    """Models that take no effort, or not this one, are known, whichever way they are asked."""
    error = refused("xai", dialect=dialect, model=model, **settings)
    assert error.field == "reasoning"
    assert model in error.message
    assert hint in error.hint


@pytest.mark.parametrize("model", ["grok-4.7", "grok-4.3", "grok-4.20-reasoning"])
@pytest.mark.parametrize("setting", [{"presence_penalty": 1}, {"frequency_penalty": 1}, {"stop": "x"}])
def test_what_reasoning_models_refuse(model: str, setting: dict[str, Any]):
    """Penalties and stops are for the model that does not reason."""
    error = refused("xai", model=model, **setting)
    assert error.field == next(iter(setting))
    assert "non-reasoning" in error.hint


@pytest.mark.parametrize(("level", "effort"), [("off", "none"), ("low", "low"), ("high", "high")])
def test_efforts(level: str, effort: str):
    """Levels are efforts under OpenAI's name."""
    assert encoded("xai", model="grok-4.3", reasoning=level)["reasoning_effort"] == effort


def test_images_are_jpeg_and_png():
    """Other kinds of images are refused; a URL that does not tell its kind is taken."""
    parts = content(
        "xai",
        Media.from_bytes(PNG),
        Media.from_url("https://e.test/a"),
        Media.from_url("https://e.test/a.jpg"),
    )
    assert [part["type"] for part in parts] == ["image_url"] * 3
    assert refused("xai", Media.from_bytes(b"GIF89a" + bytes(8))).field == "messages"


HEAD = {"id": "x-1", "object": "chat.completion", "model": "grok-4.7", "system_fingerprint": "fp_x"}
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 3,
    "total_tokens": 16,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 6},
}
WANTED = {
    "text": "yes",
    "reasoning": "hm",
    "finish_reason": "stop",
    "usage": {"input_tokens": 7, "output_tokens": 9, "cached_tokens": 2, "reasoning_tokens": 6},
    "model": "grok-4.7",
    "fingerprint": "fp_x",
    "request_id": "x-1",
}


def test_reasoning_is_added_to_the_output():
    """Reasoning tokens come beside the completion's: the output is their sum, in replies and in streams."""
    message = {"role": "assistant", "content": "yes", "reasoning_content": "hm", "refusal": None}
    whole = {
        **HEAD,
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": USAGE,
        "citations": [],
    }
    assert facts(chat.decode(reply(whole))) == WANTED
    chunks = [
        {**HEAD, "choices": [{"delta": {"role": "assistant", "reasoning_content": "hm"}}]},
        {**HEAD, "choices": [{"delta": {"content": "yes"}, "finish_reason": "stop"}]},
        {**HEAD, "choices": [], "usage": USAGE},
    ]
    assert facts(streamed(chat, sse(*chunks))[0]) == WANTED


FLAT = {"code": "invalid-argument", "error": "Unknown model"}
NESTED = {"error": {"message": "Unknown model", "type": "invalid_request_error"}}


@pytest.mark.parametrize("body", [FLAT, NESTED], ids=["flat", "nested"])
@pytest.mark.parametrize(("status", "kind"), [(400, Rejected), (401, Unauthorized)])
def test_errors_in_two_shapes(body: Any, status: int, kind: type[ReplyError]):
    """Both shapes give the same error."""
    error = chat.error(reply(body, status))
    assert (type(error), error.message) == (kind, "Unknown model")


def test_an_error_under_200():
    """The flat shape may come with status 200 and in a stream; it is not tried again."""
    with pytest.raises(Rejected, match="Unknown model") as caught:
        chat.decode(reply(FLAT))
    assert not caught.value.retryable
    with pytest.raises(Rejected, match="Unknown model"):
        streamed(chat, sse(FLAT))


def test_the_key_goes_to_xai_only():
    """The environment key belongs to api.x.ai and its regions."""
    provider = providers.get("xai")
    assert (provider.key_env, provider.own_hosts) == (("XAI_API_KEY",), ("api.x.ai", "us.api.x.ai"))
