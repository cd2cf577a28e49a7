"""Media on the whole road: fetched and fitted on the way out, not for a replay, and kept as they were asked."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import antiphon
from antiphon import Client, Media, RequestError, TransportError, providers
from antiphon.dialects import MediaLimits
from antiphon.fetch import Fetcher
from antiphon.request import Config, Message, Request
from antiphon.transport import Transport

from . import peer as peers
from .prepare.images import noise, opened, saved
from .test_fetch import HOST, authority

__all__ = ["authority"]  # a fixture, used by its name

WEBP = saved(noise(60, 40), "WEBP")
PNG = saved(noise(60, 40), "PNG")


@pytest.fixture
def peer() -> Iterator[peers.Peer]:
    """A loopback provider."""
    with peers.serve() as running:
        running.text = lambda body: "seen"
        yield running


def ask(client: Client, peer: peers.Peer, *parts: Any, provider: str = "xai", **settings: Any):
    given = {"provider": provider, "model": "m", "api_key": "key-1", "base_url": peer.url, **settings}
    return client.complete(Message("user", *parts), **given)


def sent(peer: peers.Peer) -> list[tuple[str, bytes]]:
    """The images that arrived in the last request: their types and bytes."""
    urls = [
        part["image_url"]["url"]
        for message in peer.seen[-1].body["messages"]
        for part in message["content"]
        if part["type"] == "image_url"
    ]
    found = [Media.from_data_url(url) for url in urls]
    return [(medium.media_type, medium.data or b"") for medium in found]


# ---------------------------------------------------------------------------------------------- fit


def test_an_image_is_fitted_and_the_recording_is_of_what_was_asked(tmp_path: Path, peer: peers.Peer):
    """xAI takes no WebP: a JPEG goes out and a note says so; key and stored medium are the WebP's, and the sent
    body is the one with the JPEG."""
    client = Client(tmp_path)
    medium = Media.from_bytes(WEBP, name="cat.webp")
    completion = ask(client, peer, medium, "look", seed=1)
    [(kind, data)] = sent(peer)
    assert (kind, opened(data).size) == ("image/jpeg", (60, 40))
    [note] = completion.notes
    assert note.startswith("image 1 (cat.webp, ")
    assert note.endswith("kB: xai takes no image/webp")
    request = client.request(
        Message("user", medium, "look"), provider="xai", model="m", base_url=peer.url, seed=1
    )
    assert completion.key == antiphon.key(request)
    assert completion.key is not None
    details = client.store.show(completion.key)
    assert details is not None
    assert details.media == {medium.sha256: len(WEBP)}
    assert details.sent is not None
    assert json.loads(details.sent) == peer.seen[0].body
    client.close()


def test_a_replay_does_not_fit_again(tmp_path: Path, peer: peers.Peer, monkeypatch: pytest.MonkeyPatch):
    """What comes from the store costs no encoding: the step is not taken at all."""
    client = Client(tmp_path)
    first = ask(client, peer, Media.from_bytes(WEBP), "look", seed=1)
    monkeypatch.setattr("antiphon.prepare.media.fitted", lambda *_: pytest.fail("fitted again"))
    again = ask(client, peer, Media.from_bytes(WEBP), "look", seed=1)
    assert (again.replayed, again.text, again.key) == (True, first.text, first.key)
    assert len(peer.seen) == 1
    client.close()


def test_what_fits_arrives_byte_for_byte(tmp_path: Path, peer: peers.Peer):
    """A PNG that no limit touches arrives as it was, without a note, and in its place among the others."""
    client = Client(tmp_path)
    completion = ask(client, peer, "one", Media.from_bytes(PNG), Media.from_bytes(WEBP), "two")
    assert sent(peer)[0] == ("image/png", PNG)
    kinds = [part["type"] for part in peer.seen[-1].body["messages"][0]["content"]]
    assert kinds == ["text", "image_url", "image_url", "text"]
    assert [note.partition(" (")[0] for note in completion.notes] == ["image 2"]
    client.close()


def test_streams_and_async_doors_fit_too(tmp_path: Path, peer: peers.Peer):
    """A stream's completion carries the note as well."""
    client = Client(tmp_path)
    stream = client.stream(
        Message("user", Media.from_bytes(WEBP), "look"),
        provider="xai", model="m", api_key="key-1", base_url=peer.url,
    )  # fmt: skip
    assert "xai takes no image/webp" in stream.completion.notes[0]
    assert sent(peer)[0][0] == "image/jpeg"
    client.close()


def test_a_decompression_bomb_is_an_error_and_nothing_is_sent(tmp_path: Path, peer: peers.Peer):
    """The error comes before the call, and the next request is not held up by it."""
    client = Client(tmp_path)
    bomb = Media.from_bytes(saved(Image.new("1", (20_000, 5_000)), "TIFF"))
    with pytest.raises(RequestError, match="more pixels"):
        ask(client, peer, bomb, "look", seed=1)
    assert peer.seen == []
    assert ask(client, peer, Media.from_bytes(PNG), "look", seed=1).text == "seen"
    client.close()


# -------------------------------------------------------------------------------------------- fetch


@dataclass
class Pictures:
    """An https server with one file for every path."""

    data: bytes = PNG
    kind: str = "image/png"
    port: int = 0
    asked: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"https://{HOST}:{self.port}{path}"


@contextmanager
def pictures(leaf: Path) -> Iterator[Pictures]:
    found = Pictures()

    class Answers(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            found.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", found.kind)
            self.send_header("Content-Length", str(len(found.data)))
            self.end_headers()
            self.wfile.write(found.data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(leaf)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def host(authority: tuple[Path, Path]) -> Iterator[Pictures]:
    """Pictures to be fetched."""
    with pictures(authority[1]) as running:
        yield running


@pytest.fixture
def client(tmp_path: Path, authority: tuple[Path, Path]) -> Iterator[Client]:
    """A client for which 127.0.0.1 is the open internet, where pictures.example is."""

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    fetcher = Fetcher(
        resolve=resolve,
        allowed=lambda address: address == ipaddress.ip_address("127.0.0.1"),
        tls=ssl.create_default_context(cafile=str(authority[0])),
    )
    made = Client(tmp_path, transport=Transport(fetcher=fetcher))
    yield made
    made.close()


class Slow:
    """What fetches media, and takes its time: for ever, or just as long as it takes to say so."""

    def __init__(self, *, ends: bool) -> None:
        self.ends = ends

    async def media(self, medium: Media, *, timeout: float | None = None) -> Media:
        if not self.ends:
            await asyncio.Event().wait()
        return Media.from_bytes(PNG)


class Watched(Transport):
    """A transport that notes how much time it was given."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.totals: list[float | None] = []

    async def send(self, call: Any, delivery: Any, **how: Any) -> Any:
        self.totals.append(delivery.timeout.total)
        return await super().send(call, delivery, **how)


def test_media_are_fetched_on_the_callers_time(tmp_path: Path, peer: peers.Peer):
    """What fetching and fitting took is taken off timeout.total: the provider gets what is left, or nobody is asked."""
    transport = Watched(fetcher=Slow(ends=True))
    client = Client(tmp_path, transport=transport)
    url = Media.from_url("https://pictures.example/a.png")
    settings = {"provider": "lmstudio", "fetch_media": True}
    ask(client, peer, url, "look", timeout=30.0, replay="off", **settings)
    [total] = transport.totals
    assert total is not None
    assert 0 < total < 30.0
    transport.fetcher = Slow(ends=False)  # type: ignore[assignment]
    with pytest.raises(TransportError, match=r"timeout\.total") as caught:
        ask(client, peer, url, "look", timeout=0.05, replay="off", **settings)
    assert caught.value.phase == "deadline"
    assert len(transport.totals) == 1
    client.close()


def test_off_by_default(client: Client, peer: peers.Peer, host: Pictures):
    """Without leave nothing is fetched, and the error's hint names the setting."""
    with pytest.raises(RequestError, match="does not fetch image URLs") as caught:
        ask(client, peer, Media.from_url(host.url("/a.png")), "look", provider="lmstudio")
    assert "fetch_media=True" in caught.value.hint
    assert "--fetch-media" in caught.value.hint
    assert host.asked == peer.seen == []


def test_with_leave_the_bytes_go_out(client: Client, peer: peers.Peer, host: Pictures):
    """The provider gets the bytes; the key and the recording are of the URL; a URL that stands twice is fetched once."""
    medium = Media.from_url(host.url("/a.png?token=secret-1"))
    given = {"provider": "lmstudio", "seed": 3, "fetch_media": True}
    completion = ask(client, peer, medium, "and again", medium, **given)
    assert sent(peer) == [("image/png", PNG)] * 2
    assert host.asked == ["/a.png?token=secret-1"]
    request = client.request(
        Message("user", medium, "and again", medium),
        provider="lmstudio", model="m", base_url=peer.url, seed=3,
    )  # fmt: skip
    assert completion.key == antiphon.key(request)
    assert completion.key is not None
    details = client.store.show(completion.key)
    assert details is not None
    assert details.sent is not None
    assert base64.b64encode(PNG) in details.sent
    assert ask(client, peer, medium, "and again", medium, **given).replayed
    assert len(host.asked) == len(peer.seen) == 1


def test_what_the_provider_fetches_itself_is_left_to_it(client: Client, peer: peers.Peer, host: Pictures):
    """Leave to fetch is no order to: xAI takes image URLs, so it gets the URL."""
    ask(client, peer, Media.from_url(host.url("/a.png")), "look", fetch_media=True)
    assert peer.seen[-1].body["messages"][0]["content"][0]["image_url"]["url"] == host.url("/a.png")
    assert host.asked == []


def test_what_is_fetched_is_fitted_too(client: Client, peer: peers.Peer, host: Pictures):
    """A TIFF from the network becomes a PNG for a provider that takes neither URLs nor TIFFs."""
    host.data, host.kind = saved(noise(9, 7), "TIFF"), "image/tiff"
    peer.error, peer.status = {"error": "seen"}, 400  # what matters is what arrives
    with pytest.raises(antiphon.Rejected):
        ask(client, peer, Media.from_url(host.url("/a.tiff")), "x", provider="ollama", fetch_media=True)
    [arrived] = peer.seen[-1].body["messages"][0]["images"]
    assert opened(base64.b64decode(arrived)).format == "PNG"


def test_nothing_is_fetched_for_a_provider_that_takes_no_such_kind(
    client: Client, peer: peers.Peer, host: Pictures
):
    """A video for LM Studio is refused before a byte of it is fetched."""
    with pytest.raises(RequestError, match="takes no video input"):
        ask(client, peer, Media.from_url(host.url("/a.mp4")), "x", provider="lmstudio", fetch_media=True)
    assert host.asked == []


def test_a_refusal_reaches_the_caller(client: Client, peer: peers.Peer, host: Pictures):
    """What is not the image that was asked for is an error that names the host, and nothing is sent."""
    host.data = b"<html>not a picture</html>"
    with pytest.raises(RequestError, match=f"what {HOST} sends is not taken for an image") as caught:
        ask(
            client, peer, Media.from_url(host.url("/a.png?t=secret-2")), "x",
            provider="lmstudio", fetch_media=True,
        )  # fmt: skip
    assert "secret-2" not in str(caught.value)
    assert peer.seen == []


def test_a_client_of_ones_own_refuses_loopback(tmp_path: Path, peer: peers.Peer):
    """With no policy but the usual one, a URL that leads to this machine is refused."""
    client = Client(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/a.png"
        with pytest.raises(RequestError, match="no public address"):
            ask(client, peer, Media.from_url(url), "x", provider="lmstudio", fetch_media=True)
    client.close()


# ------------------------------------------------------------------------- who fetches what, by itself

KINDS = {"image": "a.png", "audio": "a.mp3", "video": "a.mp4", "document": "a.pdf"}
WAYS = [(name, dialect) for name in providers.names() for dialect in providers.get(name).ways]


@pytest.mark.parametrize(("name", "dialect"), WAYS)
def test_what_is_said_to_be_fetched_can_be_encoded(name: str, dialect: str):
    """For each way and kind: a URL that the provider is said to fetch goes out as it is; any other is refused,
    with the way out in the hint; its bytes would be taken."""
    way = providers.get(name).way(dialect)
    for kind, file in KINDS.items():
        medium = Media.from_url(f"https://e.test/{file}")
        assert medium.kind == kind
        taken = kind in way.quirks.media or medium.media_type in way.quirks.media
        request = Request(
            provider=name,
            messages=(Message("user", medium, "x"),),
            config=Config(model="deepseek-v4-flash-vision-exp"),  # the one of its maker's that sees
            dialect=dialect,
        )
        if taken and way.dialect.fetches(medium, way.quirks):
            assert f"https://e.test/{file}" in str(way.dialect.encode(request, way.quirks, stream=False))
        else:
            with pytest.raises(RequestError) as caught:
                way.dialect.encode(request, way.quirks, stream=False)
            if taken:
                assert "fetch_media" in caught.value.hint


def test_google_fetches_its_own_and_youtube():
    """Sounds and videos are fetched by Google only from its own hosts and YouTube; an untyped image by nobody."""
    way = providers.get("gemini").way(None)
    urls = {
        "https://www.youtube.com/watch?v=1": True,
        "https://youtu.be/1": True,
        "https://generativelanguage.googleapis.com/v1beta/files/1": True,
        "https://e.test/a.mp4": False,
        "https://youtube.com.e.test/a.mp4": False,
    }
    assert {url: way.dialect.fetches(Media.from_url(url, kind="video"), way.quirks) for url in urls} == urls
    assert not way.dialect.fetches(Media.from_url("https://e.test/a"), way.quirks)


def test_every_provider_that_has_limits_is_in_the_table():
    """The table of limits in the documentation has a row for each way with limits (see docs/generate.py)."""
    page = (Path(__file__).parent.parent / "docs" / "reference" / "media.md").read_text(encoding="utf-8")
    for name, dialect in WAYS:
        way = providers.get(name).way(dialect)
        if way.quirks.media_limits != MediaLimits() and way.quirks.media:
            assert f"| `{name}` | `{dialect}` |" in page
