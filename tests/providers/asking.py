"""What the provider tests share: a provider asked over real sockets, its body without them, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from antiphon import Client, providers
from antiphon.completion import Completion
from antiphon.dialects._common import dumps
from antiphon.errors import RequestError
from antiphon.request import Config, Message, Part, Request

from ..peer import Peer, Seen

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(8)
PDF = b"%PDF-1.4\n"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
HI = [{"role": "user", "content": "hi"}]
AS_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
}


@dataclass
class Wire:
    """A client of its own, and the loopback server that every request of it goes to."""

    client: Client
    peer: Peer

    def ask(self, provider: str, *, stream: bool = False, **settings: Any) -> tuple[Seen, Completion]:
        """Ask `provider` at the peer's address; what arrived there, and the completion."""
        given = {"provider": provider, "base_url": self.peer.url, "api_key": "key-1", **settings}
        if stream:
            completion = self.client.stream("hi", **given).completion
        else:
            completion = self.client.complete("hi", **given)
        return self.peer.seen[-1], completion


def asked(provider: str, *parts: Part | Message, seed: int | None = None, **config: Any) -> Request:
    """A request of these messages; anything else is what the user says."""
    messages = tuple(it for it in parts if isinstance(it, Message))
    said = tuple(it for it in parts if not isinstance(it, Message))
    if said or not messages:
        messages = (*messages, Message("user", *(said or ("hi",))))
    return Request(provider=provider, messages=messages, config=Config(**{"model": "m", **config}), seed=seed)


def encoded(
    provider: str,
    *parts: Part | Message,
    dialect: str | None = None,
    stream: bool = False,
    seed: int | None = None,
    **config: Any,
) -> dict[str, Any]:
    """The body that goes out, as it is on the wire."""
    way = providers.get(provider).way(dialect)
    return json.loads(
        dumps(way.dialect.encode(asked(provider, *parts, seed=seed, **config), way.quirks, stream=stream))
    )


def content(provider: str, *parts: Part) -> Any:
    """The content of a user message with these parts, as it is on the wire."""
    return encoded(provider, *parts)["messages"][0]["content"]


def refused(provider: str, *parts: Part | Message, **config: Any) -> RequestError:
    """The error before sending."""
    with pytest.raises(RequestError) as caught:
        encoded(provider, *parts, **config)
    return caught.value
