"""The pages on a real loopback socket, and a client that writes its requests byte by byte, as a hostile page may."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antiphon.client import Client
from antiphon.pages.server import Server

PATIENCE = 30.0  # seconds that anything may take on a busy machine


@dataclass
class Got:
    """A reply as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        return self.json["error"]

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Pages:
    """A running server, and what it said to the terminal."""

    server: Server
    loop: asyncio.AbstractEventLoop
    codes: list[str]
    cookie: str = ""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE)

    def raw(self, request: bytes) -> Got:
        """Send exactly these bytes, and read the reply to its end."""
        with self.connect() as connection:
            connection.sendall(request)
            return read(connection)

    def ask(
        self,
        method: str,
        path: str,
        document: Any = None,
        *,
        cookie: str | None = None,
        body: bytes | None = None,
        **headers: str | None,
    ) -> Got:
        """As the page itself asks; `headers` (_ for -) are added, changed, or with None left out."""
        return self.raw(self.request(method, path, document, cookie=cookie, body=body, **headers))

    def request(
        self,
        method: str,
        path: str,
        document: Any = None,
        *,
        cookie: str | None = None,
        body: bytes | None = None,
        **headers: str | None,
    ) -> bytes:
        """The bytes of `ask`."""
        sent = body if body is not None else b"" if document is None else json.dumps(document).encode()
        cookie = self.cookie if cookie is None else cookie
        given: dict[str, str | None] = {
            "Host": self.host,
            "Connection": "close",
            "X-Antiphon": "1",
            "Sec-Fetch-Site": "same-origin",
            "Cookie": cookie or None,
        }
        if method == "POST":
            given |= {"Content-Type": "application/json", "Origin": f"http://{self.host}"}
            given |= {"Content-Length": str(len(sent))}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in given.items() if v is not None)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + sent

    def let_in(self) -> str:
        """The cookie that the address in the terminal gives."""
        reply = self.ask("GET", self.server.url.removeprefix(self.server.address.rstrip("/")), cookie="")
        self.cookie = reply.cookies[0].partition(";")[0]
        return self.cookie


def read(connection: socket.socket) -> Got:
    """The reply on this connection, which the server closes."""
    data = bytearray()
    while piece := connection.recv(65536):
        data += piece
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(name.lower(), text.strip()) for name, _, text in (line.partition(":") for line in lines)]
    headers = dict(pairs)
    if headers.get("transfer-encoding") == "chunked":
        body = unchunked(body)
    return Got(int(status.split()[1]), headers, body, [text for name, text in pairs if name == "set-cookie"])


def unchunked(body: bytes) -> bytes:
    """The pieces of a chunked body, joined; what is cut off is left out."""
    pieces: list[bytes] = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        pieces.append(body[:length])
        body = body[length + 2 :] if length else b""
    return b"".join(pieces)


@contextmanager
def serving(home: Path, *, static: Path | None = None, lang: str = "") -> Iterator[Pages]:
    """The pages of this home, on a free loopback port."""
    client, codes = Client(home), list[str]()
    server = Server(lambda: client, codes.append, lang)
    if static is not None:
        server.static = static
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(PATIENCE)
        yield Pages(server, loop, codes)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()
        client.close()
