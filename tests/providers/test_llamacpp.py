"""llama.cpp's server: asked for real, through the whole road."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, providers
from antiphon.errors import RequestError, Unauthorized

from .asking import AS_SCHEMA, HI, SCHEMA, Wire, encoded, refused

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
    "reasoning": "off",
}
BODY = {
    "model": "smollm2",
    "messages": HI,
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.1,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repeat_penalty": 1.1,
    "stop": ["a", "b"],
    "response_format": AS_SCHEMA,
    "reasoning_effort": "none",
    "chat_template_kwargs": {"enable_thinking": False},
    "seed": 7,
    "cache_prompt": False,
}


def test_a_full_request(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    """Every setting goes out under llama.cpp's name; a seed switches the prompt cache off."""
    monkeypatch.setenv("LLAMA_API_KEY", "key-2")
    seen, completion = wire.ask("llamacpp", model="smollm2", seed=7, api_key=None, **FULL)
    assert seen.body == BODY
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer key-2"
    assert completion.seed_status == "sent"
    assert "cache_prompt" not in encoded("llamacpp")
    assert encoded("llamacpp", seed=7, extra={"cache_prompt": True})["cache_prompt"] is True


def test_it_is_on_this_machine(tmp_path: Path):
    """No address and no key are needed, but a name for the model: recordings are kept by it."""
    provider = providers.get("llamacpp")
    assert (provider.base_url, provider.key) == ("http://127.0.0.1:8080/v1", "optional")
    client = Client(tmp_path)
    assert client.request("hi", model="llamacpp/m").base_url is None
    with pytest.raises(RequestError, match="needs a model"):
        client.request("hi", provider="llamacpp")


def test_what_is_refused():
    """What the server has no field for is refused before sending, budgets and generated images too."""
    assert refused("llamacpp", modalities="image").field == "modalities"
    assert refused("llamacpp", reasoning=500).field == "reasoning"


@pytest.fixture
def ask(llama_server: Any, tmp_path: Path):
    """Asks the real server; a new home each time, so that nothing is replayed."""

    def ask(home: str = "a", **settings: Any):
        client = Client(tmp_path / home)
        given = {
            "base_url": llama_server.base_url,
            "api_key": llama_server.api_key,
            "max_tokens": 16,
            **settings,
        }
        try:
            if given.pop("stream", False):
                return client.stream(
                    "Name a colour.", provider="llamacpp", model="smollm2", **given
                ).completion
            return client.complete("Name a colour.", provider="llamacpp", model="smollm2", **given)
        finally:
            client.close()

    return ask


@pytest.mark.engine
def test_the_real_server_keeps_a_seed(ask: Any):
    """The same seed gives the same words anew, plain and streamed, with other questions between; others give others."""
    first = ask("a", seed=11, temperature=1)
    ask("b", seed=12, temperature=1)
    again = ask("c", seed=11, temperature=1, stream=True)
    others = {ask(f"o{seed}", seed=seed, temperature=1).text for seed in (12, 13, 14)}
    assert first.text
    assert (again.text, again.replayed) == (first.text, False)
    assert others != {first.text}
    assert (first.seed_status, first.provider) == ("sent", "llamacpp")
    assert first.usage.input_tokens


@pytest.mark.engine
def test_the_real_server_takes_all_of_it(ask: Any):
    """The fullest body is honoured: the answer obeys the schema."""
    completion = ask(**{**FULL, "stop": (), "max_tokens": 64, "seed": 7})
    assert completion.text.strip().startswith("{")


@pytest.mark.engine
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
def test_the_real_server_in_three_dialects(ask: Any, dialect: str):
    """Each dialect reaches it and is read, and its 401 is one in each."""
    assert ask(dialect=dialect).text
    with pytest.raises(Unauthorized) as caught:
        ask(dialect=dialect, api_key="wrong-key")
    assert caught.value.provider == "llamacpp"


@pytest.mark.engine
def test_the_real_server_lists_its_model(llama_server: Any, tmp_path: Path):
    """The model list has the context that the server was started with."""
    client = Client(tmp_path)
    [model] = client.models("llamacpp", base_url=llama_server.base_url, api_key=llama_server.api_key)
    client.close()
    assert model.context == 2048
