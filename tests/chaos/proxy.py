"""A TCP proxy that disturbs: it has a server's reply, and gives it on as it is told, byte by byte if need be.

What it does with a reply is a list of steps: bytes to send, seconds to wait, and the words below.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Step = bytes | float | str
Steps = Sequence[Step]
Framing = Literal["length", "chunked", "close"]

RESET: Final = "reset"  # the connection is gone without a goodbye
CLOSE: Final = "close"  # the connection is closed in good order
HANG: Final = "hang"  # nothing more comes, and the connection stays until the other side goes


@dataclass(frozen=True)
class Whole:
    """An undisturbed reply: the head without what frames the body, and the body."""

    status: bytes
    headers: tuple[bytes, ...]
    body: bytes

    @classmethod
    def of(cls, wire: bytes) -> Whole:
        """The reply in these bytes of HTTP/1.1."""
        head, _, body = wire.partition(b"\r\n\r\n")
        status, *headers = head.split(b"\r\n")
        if re.search(rb"(?im)^transfer-encoding: *chunked", head):
            body = unchunked(body)
        framing = (b"content-length:", b"transfer-encoding:", b"connection:", b"date:", b"server:")
        return cls(status, tuple(it for it in headers if not it.lower().startswith(framing)), body)

    def head(self, *more: bytes) -> bytes:
        return b"\r\n".join((self.status, *self.headers, *more, b"", b""))

    def wire(self, framing: Framing = "length", piece: int = 200) -> bytes:
        """The reply as it goes out: with its length, in chunks of `piece` bytes, or until the connection closes."""
        if framing == "length":
            return self.head(b"Content-Length: %d" % len(self.body)) + self.body
        if framing == "chunked":
            pieces = [self.body[at : at + piece] for at in range(0, len(self.body), piece)]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(it), it) for it in (*pieces, b""))
            return self.head(b"Transfer-Encoding: chunked") + chunks
        return self.head(b"Connection: close") + self.body


def unchunked(body: bytes) -> bytes:
    """What the chunks hold."""
    pieces: list[bytes] = []
    while body:
        size, _, body = body.partition(b"\r\n")
        pieces.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(pieces)


class Proxy:
    """Listens on a loopback port. `plan` makes the steps of the next replies, `reply` is what the server said."""

    def __init__(self, upstream: str, tls: ssl.SSLContext | None) -> None:
        self.upstream = upstream
        self.tls = tls
        self.url = ""
        self.reply: Whole | None = None
        self.plan: Callable[[Whole], Steps] = lambda whole: [whole.wire()]
        self.seen = 0  # requests
        self.open = 0  # connections
        self.writers: set[asyncio.StreamWriter] = set()
        self.loop: asyncio.AbstractEventLoop

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as long as its steps keep it."""
        self.open += 1
        self.writers.add(writer)
        try:
            while request := await _request(reader):
                if not request.startswith(b"POST "):  # a stranger, who looks for whoever had this port before
                    return
                self.seen += 1
                if self.reply is None:
                    self.reply = await self._asked(request)
                for step in self.plan(self.reply):
                    if not await _taken(step, reader, writer):
                        return
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            self.writers.discard(writer)
            writer.close()

    async def _asked(self, request: bytes) -> Whole:
        """What the server answers to it."""
        host, _, port = self.upstream.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        # Signed headers stay as they are; this one is nobody's business but ours.
        writer.write(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        wire = await reader.read()
        writer.close()
        return Whole.of(wire)

    def push(self, data: bytes) -> None:
        """Send what nobody asked for on every open connection."""
        for writer in self.writers:
            writer.write(data)


async def _request(reader: asyncio.StreamReader) -> bytes:
    """A request with its body, empty when there is none any more."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


async def _taken(step: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Do it; whether the connection is still there."""
    if isinstance(step, bytes):
        writer.write(step)
        await writer.drain()
    elif isinstance(step, float):
        await asyncio.sleep(step)
    elif step == HANG:
        await reader.read()
        return False
    else:
        if step == RESET:
            found: socket.socket = writer.get_extra_info("socket")
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return False
    return True


class Loop:
    """An event loop in a thread of its own, which ends with everything on it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="chaos", daemon=True)
        self.thread.start()

    def do(self, coroutine: object) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)  # type: ignore[arg-type]

    async def _end_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        self.do(self._end_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()


@contextlib.contextmanager
def between(upstream: str, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A running proxy before the server at this address; with `tls`, its own end speaks TLS."""
    running, own = Proxy(upstream, tls), Loop()

    async def start() -> asyncio.Server:
        # A handshake that was damaged is not to hold a socket for asyncio's own sixty seconds.
        more = {} if tls is None else {"ssl": tls, "ssl_handshake_timeout": 5.0}
        server = await asyncio.start_server(running.serve, "127.0.0.1", 0, limit=1 << 26, **more)
        scheme = "http" if tls is None else "https"
        running.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    running.loop = own.loop
    server = own.do(start())
    try:
        yield running
    finally:
        own.loop.call_soon_threadsafe(server.close)  # type: ignore[attr-defined]
        own.close()
