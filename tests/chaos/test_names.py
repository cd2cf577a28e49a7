"""Names that do not resolve: at once, or never."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, loop
from antiphon.errors import AntiphonError, RequestError, TransportError
from antiphon.fetch import Fetcher
from antiphon.request import Media, Timeout
from antiphon.transport import Transport

from .. import peer as peers
from .asking import PATIENCE, nothing_left

HOSTS = 40  # more than an event loop has threads of its own


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with an empty home."""
    with nothing_left():
        made = Client(tmp_path, transport=Transport(fetcher=Fetcher(max_seconds=0.3)))
        yield made
        made.close()


class Names:
    """A name server in the system's place: names in .invalid fail, or are waited for until the gate opens."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked: list[str] = []
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, *rest: Any, **more: Any) -> Any:
        if isinstance(host, str) and host.endswith(".invalid"):
            self.asked.append(host)
            self.gate.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._real(host, *rest, **more)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """A name server that does not answer; at the end it does, and its threads go."""
    silent = Names()
    monkeypatch.setattr(socket, "getaddrinfo", silent)
    yield silent
    silent.gate.set()
    for thread in threading.enumerate():
        if thread.name == "antiphon-names":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def ask(client: Client, host: str, **more: Any) -> AntiphonError:
    short = Timeout(connect=0.05, first_token=PATIENCE, idle=PATIENCE, total=PATIENCE)
    settings: Any = {"timeout": short, **more}
    with pytest.raises(AntiphonError) as caught:
        client.complete("hi", base_url=f"http://{host}/v1", model="m", seed=1, retries=0, **settings)
    return caught.value


def test_a_name_that_nobody_knows(client: Client, names: Names) -> None:
    """It is told which host was not found, and what to check."""
    names.gate.set()
    error = ask(client, "nowhere.invalid", timeout=Timeout(connect=PATIENCE, total=PATIENCE))
    assert isinstance(error, TransportError)
    assert error.phase == "connect"
    assert "nowhere.invalid" in error.message
    assert names.asked == ["nowhere.invalid"]


@pytest.mark.parametrize("host", ["a" * 70 + ".invalid", "a..invalid", "-", "xn--\u00e9.invalid"])
def test_a_name_that_is_none(client: Client, names: Names, host: str) -> None:
    """What cannot be a host's name is a typed error too."""
    names.gate.set()
    error = ask(client, host, timeout=Timeout(connect=PATIENCE, total=PATIENCE))
    assert isinstance(error, TransportError | RequestError)


def test_name_servers_that_do_not_answer(client: Client, names: Names) -> None:
    """Each question for a name ends with its time, and all else goes on: other hosts, and work on threads."""
    for number in range(HOSTS):
        error = ask(client, f"host-{number}.invalid")
        assert isinstance(error, TransportError)
        assert (error.phase, error.limit) == ("deadline", "connect")
    assert len(names.asked) == HOSTS

    async def aside() -> int:
        return await asyncio.wait_for(asyncio.to_thread(lambda: 7), PATIENCE)

    assert loop.run(aside()) == 7
    with peers.serve() as peer:
        picture = b"\x89PNG\r\n\x1a\n" + b"0" * 64  # recorded on a thread
        answer = client.complete("hi", base_url=peer.url, model="m", seed=1, attachments=[picture])
        assert answer.recorded


def test_media_whose_host_cannot_be_found(client: Client, names: Names) -> None:
    """A medium is given up within its own time."""
    with peers.serve() as peer:
        picture = Media("image", "image/png", url="https://pictures.invalid/a.png")
        with pytest.raises(TransportError) as caught:
            client.complete(
                "hi", base_url=peer.url, provider="ollama", model="m", attachments=[picture], fetch_media=True
            )
        assert caught.value.phase == "deadline"
        assert not peer.seen
