"""Compatible: any server, at the user's own address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from antiphon import Client, providers
from antiphon.errors import RequestError
from antiphon.request import Config, Message, Request

PROVIDER = providers.get("compatible")


def test_it_has_no_address_and_needs_no_key():
    """The address is the user's; no environment key can go anywhere, since no host is its own."""
    assert (PROVIDER.base_url, PROVIDER.key, PROVIDER.own_hosts, PROVIDER.key_env) == ("", "optional", (), ())


def test_it_speaks_three_dialects():
    """Chat completions first, the two others by name, and anything else is named as unknown."""
    assert list(PROVIDER.ways) == ["openai_chat", "openai_responses", "anthropic_messages"]
    assert PROVIDER.way(None) is PROVIDER.ways["openai_chat"]
    assert all(way.dialect.name == name for name, way in PROVIDER.ways.items())
    with pytest.raises(RequestError, match="gemini_content"):
        PROVIDER.way("gemini_content")


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
def test_each_way_encodes_a_plain_request(dialect: str):
    """The common settings of a small local server go out in every dialect."""
    way = PROVIDER.way(dialect)
    config = Config(model="m", max_tokens=5, temperature=0.5, top_p=0.9, top_k=3)
    request = Request(provider="compatible", messages=(Message("user", "hi"),), config=config, seed=1)
    body = way.dialect.encode(request, way.quirks, stream=False)
    assert (body["model"], body["temperature"], body["top_k"]) == ("m", 0.5, 3)


@pytest.mark.parametrize("level", ["low", "medium", "high"])
def test_thinking_is_switched_on_both_ways(level: str):
    """A level goes out as an effort, and as the switch of the chat templates that have one."""
    way = PROVIDER.way("openai_chat")
    request = Request(
        provider="compatible", messages=(Message("user", "hi"),), config=Config(model="m", reasoning=level)
    )
    body = way.dialect.encode(request, way.quirks, stream=False)
    assert body["reasoning_effort"] == level
    assert body["chat_template_kwargs"] == {"enable_thinking": True}


@pytest.mark.parametrize(
    ("provider", "variable", "value", "wanted"),
    [
        ("openai", "OPENAI_BASE_URL", "http://127.0.0.1:9/v1/", "http://127.0.0.1:9/v1"),
        ("anthropic", "ANTHROPIC_BASE_URL", "https://gate.test/claude", "https://gate.test/claude/v1"),
        ("anthropic", "ANTHROPIC_BASE_URL", "https://gate.test/v1", "https://gate.test/v1"),
        ("gemini", "GOOGLE_GEMINI_BASE_URL", "https://gate.test", "https://gate.test/v1beta"),
        ("groq", "GROQ_BASE_URL", "https://gate.test", "https://gate.test/openai/v1"),
        ("openai", "OPENAI_BASE_URL", " ", None),
    ],
)
def test_an_address_of_the_environment(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    variable: str,
    value: str,
    wanted: str | None,
):
    """The variable of the provider's own package names the address; it is part of the key, and its host gets the key."""
    monkeypatch.setenv(variable, value)
    client = Client(tmp_path)
    assert client.request("hi", model=f"{provider}/m").base_url == wanted
    assert (
        client.request("hi", provider=provider, model="m", base_url="http://x.test/v1").base_url
        == "http://x.test/v1"
    )
    client.close()
    host = None if wanted is None else urlsplit(wanted).hostname
    assert host is None or host in providers.get(provider).own_hosts
