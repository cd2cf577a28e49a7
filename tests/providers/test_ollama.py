"""Ollama: where it is, and where its key may go."""

from __future__ import annotations

import asyncio
import sys

import ollama as sdk
import pytest

from antiphon import providers
from antiphon.errors import RequestError
from antiphon.providers import ollama
from antiphon.request import Config, Message, Request

HOSTS = [
    "http://127.0.0.1:11434",
    "box",
    "box:8080",
    "http://box",
    "https://box",
    "https://box:8443/ollama/",
    "http://box:1/",
    "[::1]",
    "[::1]:9",
    "10.0.0.5",
    ":9000",
]


def asked(base_url: str | None = None) -> Request:
    return Request(
        provider="ollama", messages=(Message("user", "hi"),), config=Config(model="m"), base_url=base_url
    )


def opened(request: Request) -> str:
    async def address() -> str:
        assert ollama.PROVIDER.open is not None
        async with ollama.PROVIDER.open(request) as endpoint:
            return endpoint.base_url

    return asyncio.run(address())


@pytest.mark.parametrize("host", HOSTS)
def test_ollama_host_is_read_as_the_official_client_reads_it(host: str):
    """OLLAMA_HOST means the same address as for the ollama package."""
    assert ollama.address(host) == sys.modules[sdk.Client.__module__]._parse_host(host).rstrip("/")


@pytest.mark.parametrize("host", ["0.0.0.0", "0.0.0.0:11434", "http://0.0.0.0:11434", "[::]"])
def test_what_a_server_binds_to_is_this_machine(host: str):
    """0.0.0.0 is where a server listens; a client finds it on the loopback address."""
    assert ollama.address(host) == "http://127.0.0.1:11434"


@pytest.mark.parametrize("host", ["http://box:port", "ftp://box", "http://user:secret@box:99999"])
def test_a_wrong_ollama_host_is_named(host: str):
    """An address that cannot be used is an error that does not repeat what it holds."""
    with pytest.raises(RequestError) as caught:
        ollama.address(host)
    assert "secret" not in str(caught.value)


def test_the_address_is_looked_up_for_each_request(monkeypatch: pytest.MonkeyPatch):
    """base_url counts before $OLLAMA_HOST, and that before this machine."""
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    assert opened(asked()) == "http://127.0.0.1:11434"
    monkeypatch.setenv("OLLAMA_HOST", "box")
    assert opened(asked()) == "http://box:11434"
    assert opened(asked("http://other:1")) == "http://other:1"


def test_another_server_is_another_request(monkeypatch: pytest.MonkeyPatch):
    """The address in $OLLAMA_HOST is part of what decides the answer; the usual one is not."""
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    assert ollama.identity(asked()) == {}
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:11434")
    assert ollama.identity(asked()) == {}
    monkeypatch.setenv("OLLAMA_HOST", "box")
    assert ollama.identity(asked()) == {"server": "http://box:11434"}
    assert ollama.identity(asked("http://other:1")) == {}


def test_the_key_goes_to_the_cloud_only():
    """$OLLAMA_API_KEY may go to ollama.com, and not to whatever $OLLAMA_HOST names."""
    provider = providers.get("ollama")
    assert provider.own_hosts == ("ollama.com",)
    assert (provider.key, provider.key_env, provider.models_path) == (
        "optional",
        ("OLLAMA_API_KEY",),
        "api/tags",
    )
