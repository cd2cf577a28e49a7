"""Together: sampling as the open servers know it, usage without being asked."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon import Media, providers
from antiphon.dialects import openai_chat as chat
from antiphon.errors import NotFound, RateLimited, ReplyError, Unauthorized

from ..dialects.tables import facts, reply, sse, streamed
from .asking import AS_SCHEMA, HI, PDF, PNG, SCHEMA, WAV, Wire, content, encoded, refused

FULL: dict[str, Any] = {
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.1,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repeat_penalty": 1.1,
    "stop": ("a", "b"),
    "response_format": SCHEMA,
    "reasoning": "high",
}
BODY = {
    "model": "org/model",
    "messages": HI,
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.1,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repetition_penalty": 1.1,
    "stop": ["a", "b"],
    "response_format": AS_SCHEMA,
    "reasoning_effort": "high",
    "seed": 7,
}


def test_a_full_request(wire: Wire):
    """Every setting goes out under Together's name, the seed too."""
    seen, completion = wire.ask("together", model="org/model", seed=7, **FULL)
    assert seen.body == BODY
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer key-1"
    assert completion.seed_status == "sent"


def test_a_stream_and_reasoning_off():
    """A stream is asked for without options; thinking is switched off with Together's own field."""
    assert encoded("together", stream=True) == {"model": "m", "messages": HI, "stream": True}
    assert encoded("together", reasoning="off")["reasoning"] == {"enabled": False}
    assert refused("together", reasoning=500).field == "reasoning"
    assert refused("together", modalities="image").field == "modalities"


def test_media():
    """Images, sound and video go in, documents do not."""
    parts = content(
        "together", Media.from_bytes(PNG), Media.from_bytes(WAV), Media.from_url("https://e.test/a.mp4")
    )
    assert [part["type"] for part in parts] == ["image_url", "input_audio", "video_url"]
    assert refused("together", Media.from_bytes(PDF)).field == "messages"


HEAD = {"id": "o-1", "object": "chat.completion", "model": "org/model"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def test_the_end_of_an_answer_has_a_name_of_its_own():
    """ "eos" is a stop, in replies and in streams; the thoughts stand apart."""
    message = {"role": "assistant", "content": "yes", "reasoning": "hm"}
    whole = facts(
        chat.decode(
            reply(
                {**HEAD, "choices": [{"message": message, "finish_reason": "eos", "seed": 7}], "usage": USAGE}
            )
        )
    )
    assert (whole["text"], whole["reasoning"], whole["finish_reason"]) == ("yes", "hm", "stop")
    chunks = [
        {**HEAD, "choices": [{"delta": {"reasoning": "hm"}}]},
        {**HEAD, "choices": [{"delta": {"content": "yes"}, "finish_reason": "eos"}], "usage": USAGE},
    ]
    assert facts(streamed(chat, sse(*chunks))[0]) == whole


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (404, NotFound), (429, RateLimited)])
def test_errors(status: int, kind: type[ReplyError]):
    """Its errors have OpenAI's shape."""
    body = {
        "id": "o-1",
        "error": {"message": "no", "type": "t", "param": None, "code": "model_not_available"},
    }
    error = chat.error(reply(body, status))
    assert (type(error), error.message, error.code) == (kind, "no", "model_not_available")


def test_the_key_goes_to_together_only():
    """The environment key belongs to Together's hosts, the new one and the old."""
    provider = providers.get("together")
    assert (provider.key_env, provider.own_hosts) == (
        ("TOGETHER_API_KEY",),
        ("api.together.ai", "api.together.xyz"),
    )
