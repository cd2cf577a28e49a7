"""What TLS adds: no byte that was changed, dropped or repeated on the way is ever read as an answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from antiphon import Client
from antiphon.errors import TransportError
from antiphon.request import Timeout
from antiphon.transport import Transport

from .. import bedrock_server
from ..test_transport import certificate, server_tls
from .asking import ASKS, FULL, Trial, nothing_left
from .proxy import Loop, Proxy, between

__all__ = ["certificate"]  # a fixture

TRIES = 400 if FULL else 12
# What is said to be longer than it is, is waited for.
SOON = Timeout(connect=0.5, first_token=0.5, idle=0.5, total=1.0)
Damage = Callable[[bytes, int], bytes]
DAMAGES: dict[str, Damage] = {
    "a bit turned over": lambda data, at: data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :],
    "a byte dropped": lambda data, at: data[:at] + data[at + 1 :],
    "bytes repeated": lambda data, at: data[: at + 9] + data[at:],
    "cut off": lambda data, at: data[:at],
}


class Wire:
    """Carries the bytes between client and server, and damages what the server sends at one place."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, ""
        self.at, self.damage = -1, DAMAGES["cut off"]
        self.sent = 0  # bytes that the server sent on the latest connection

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self.port)
        self.sent = 0
        ways = [asyncio.ensure_future(it) for it in (self._asks(reader, forth), self._answers(back, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.close()
            forth.close()

    async def _asks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                start, self.sent = self.sent, self.sent + len(data)
                here = start <= self.at < self.sent
                writer.write(self.damage(data, self.at - start) if here else data)
                if here and self.damage is DAMAGES["cut off"]:
                    return


@contextmanager
def wire(proxy: Proxy) -> Iterator[Wire]:
    """A running wire before the proxy's TLS end."""
    running, own = Wire(int(proxy.url.rpartition(":")[2])), Loop()

    async def start() -> asyncio.Server:
        server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
        running.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    server = own.do(start())
    try:
        yield running
    finally:
        own.loop.call_soon_threadsafe(server.close)
        own.close()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["openai_chat", "openai_chat, streamed"])
def test_damage_under_tls(name: str, damage: str, tmp_path: Path, certificate: Path) -> None:
    """Whatever happens to any byte, in the handshake or in the answer: the whole completion, or a typed error."""
    ask, mine = ASKS[name], server_tls(certificate)
    tls = ssl.create_default_context(cafile=str(certificate))
    with (
        bedrock_server.serve(lambda _request, _body: "bearer") as server,
        between(server.url, mine) as proxy,
        wire(proxy) as carrying,
        nothing_left(),
    ):
        server.says(ask.reply)
        client = Client(tmp_path, transport=Transport(tls=tls))
        try:
            proxy_url, proxy.url = proxy.url, carrying.url
            tried = Trial(ask, client, proxy)
            client.transport.hang_up(wait=True)  # each try with a handshake of its own
            size, carrying.damage = carrying.sent, DAMAGES[damage]
            for at in sorted(Random(size).sample(range(size), TRIES)):
                carrying.at = at
                tried.whole_or_error(timeout=SOON)
                client.transport.hang_up(wait=True)
            tried.recorded()
            proxy.url = proxy_url
        finally:
            client.close()
    assert any(isinstance(error, TransportError) for error in tried.errors)
