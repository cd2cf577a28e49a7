"""vLLM: on this machine, with its own names for things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, Media, providers
from antiphon.dialects import openai_chat as chat
from antiphon.errors import NotFound, Rejected

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
    "stop": tuple("abcdefgh"),
    "response_format": SCHEMA,
    "reasoning": "low",
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
    "stop": list("abcdefgh"),
    "response_format": AS_SCHEMA,
    "reasoning_effort": "low",
    "chat_template_kwargs": {"enable_thinking": True},
    "seed": 7,
}


def test_a_full_request(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    """Every setting goes out under vLLM's name; the key from the environment stays on this machine."""
    monkeypatch.setenv("VLLM_API_KEY", "key-2")
    seen, completion = wire.ask("vllm", model="org/model", seed=7, api_key=None, **FULL)
    assert seen.body == BODY
    assert seen.headers["authorization"] == "Bearer key-2"
    assert completion.seed_status == "sent"
    assert providers.get("vllm").own_hosts == ("127.0.0.1", "localhost")


def test_it_is_on_this_machine(tmp_path: Path):
    """No address and no key are needed."""
    provider = providers.get("vllm")
    assert (provider.base_url, provider.key) == ("http://127.0.0.1:8000/v1", "optional")
    assert Client(tmp_path).request("hi", model="vllm/org/model").base_url is None


def test_a_budget_for_thinking():
    """A number of tokens has a field of its own; thinking is switched off in the template too."""
    assert encoded("vllm", reasoning=500)["thinking_token_budget"] == 500
    off = encoded("vllm", reasoning="off")
    assert (off["reasoning_effort"], off["chat_template_kwargs"]) == ("none", {"enable_thinking": False})


def test_a_seed_is_never_its_word_for_none():
    """-1 means "no seed" to vLLM: any seed of ours goes out as 31 bits, so never as that."""
    assert [encoded("vllm", seed=seed)["seed"] for seed in (-1, 0, 2**64 - 1)] == [2**31 - 1, 0, 2**31 - 1]


def test_media():
    """Images, sound and video go in, documents do not."""
    parts = content(
        "vllm", Media.from_bytes(PNG), Media.from_bytes(WAV), Media.from_url("https://e.test/a.mp4")
    )
    assert [part["type"] for part in parts] == ["image_url", "input_audio", "video_url"]
    assert refused("vllm", Media.from_bytes(PDF)).field == "messages"


def test_its_three_dialects():
    """Chat first; Responses carry no seed, since no source says that they take one there."""
    assert list(providers.get("vllm").ways) == ["openai_chat", "openai_responses", "anthropic_messages"]
    assert "seed" not in encoded("vllm", dialect="openai_responses", seed=7)


HEAD = {"id": "chatcmpl-1", "object": "chat.completion", "model": "org/model"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_under_both_its_names(name: str):
    """Today's name and yesterday's; the fingerprint comes with the last chunk only."""
    message = {"role": "assistant", "content": "yes", name: "hm"}
    choice = {"message": message, "finish_reason": "stop", "stop_reason": None}
    whole = facts(
        chat.decode(reply({**HEAD, "choices": [choice], "usage": USAGE, "system_fingerprint": "fp_x"}))
    )
    assert (whole["text"], whole["reasoning"], whole["fingerprint"]) == ("yes", "hm", "fp_x")
    chunks = [
        {**HEAD, "choices": [{"delta": {"role": "assistant", "content": ""}}]},
        {**HEAD, "choices": [{"delta": {name: "hm"}}]},
        {**HEAD, "choices": [{"delta": {"content": "yes"}, "finish_reason": "stop", "stop_reason": None}]},
        {**HEAD, "choices": [], "usage": USAGE, "system_fingerprint": "fp_x"},
    ]
    assert facts(streamed(chat, sse(*chunks))[0]) == whole


def test_errors():
    """Its codes are numbers; a model that is not served is NotFound."""
    body = {"error": {"message": "no", "type": "NotFoundError", "param": "model", "code": 404}}
    assert type(chat.error(reply(body, 404))) is NotFound
    assert type(chat.error(reply({"error": {**body["error"], "code": 400}}, 400))) is Rejected
