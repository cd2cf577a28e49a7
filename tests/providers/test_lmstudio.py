"""LM Studio: on this machine, no key needed, slow to wake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, Media, Timeout, providers
from antiphon.dialects import openai_chat as chat
from antiphon.errors import NotFound

from ..dialects.tables import reply
from .asking import AS_SCHEMA, HI, PNG, SCHEMA, Wire, content, encoded, refused

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
}
BODY = {
    "model": "qwen/qwen3-4b",
    "messages": HI,
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repeat_penalty": 1.1,
    "stop": ["a", "b"],
    "response_format": AS_SCHEMA,
    "seed": 7,
}


def test_a_full_request_without_a_key(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    """Every setting goes out under LM Studio's name; without a key there is no header for one."""
    monkeypatch.delenv("LM_API_TOKEN", raising=False)
    monkeypatch.delenv("LMSTUDIO_API_KEY", raising=False)
    seen, completion = wire.ask("lmstudio", model=BODY["model"], seed=7, api_key=None, **FULL)
    assert seen.body == BODY
    assert "authorization" not in seen.headers
    assert completion.seed_status == "sent"


def test_the_key_from_the_environment_stays_on_this_machine(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    """$LM_API_TOKEN goes to the loopback, and is bound to it."""
    monkeypatch.setenv("LM_API_TOKEN", "key-2")
    seen, _ = wire.ask("lmstudio", model="m", api_key=None)
    assert seen.headers["authorization"] == "Bearer key-2"
    assert providers.get("lmstudio").own_hosts == ("127.0.0.1", "localhost")


def test_it_is_on_this_machine(tmp_path: Path):
    """No address is needed, so none is in the request; a name without a path gets /v1."""
    provider = providers.get("lmstudio")
    assert (provider.base_url, provider.key) == ("http://127.0.0.1:1234/v1", "optional")
    assert Client(tmp_path).request("hi", model="lmstudio/m").base_url is None
    assert provider.address("http://box:1234") == "http://box:1234/v1"


def test_there_is_time_to_load_a_model():
    """A first request that loads a model has ten minutes until its first token."""
    assert (Timeout().first_token or 0) >= 600


def test_images_as_bytes_only():
    """Images go in as data URLs; it fetches none, in any dialect; it has no field for an effort."""
    assert content("lmstudio", Media.from_bytes(PNG))[0]["image_url"]["url"].startswith(
        "data:image/png;base64,"
    )
    for dialect in providers.get("lmstudio").ways:
        error = refused("lmstudio", Media.from_url("https://e.test/a.png"), dialect=dialect)
        assert error.field == "messages"
    assert refused("lmstudio", reasoning="low").field == "reasoning"
    assert refused("lmstudio", min_p=0.1).field == "min_p"


def test_its_three_dialects():
    """Chat first, which alone takes a seed; Responses and Messages by name."""
    assert list(providers.get("lmstudio").ways) == ["openai_chat", "openai_responses", "anthropic_messages"]
    assert encoded("lmstudio", dialect="openai_responses", max_tokens=9)["max_output_tokens"] == 9
    assert encoded("lmstudio", dialect="anthropic_messages", max_tokens=9)["max_tokens"] == 9
    assert "seed" not in encoded("lmstudio", dialect="openai_responses", seed=7)


def test_errors():
    """An error may be a plain text."""
    error = chat.error(reply({"error": "Model not found"}, 404))
    assert (type(error), error.message) == (NotFound, "Model not found")
