"""Call → Reply against real sockets: pool, deadlines, retries, limits, errors, secrets."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import inspect
import ipaddress
import json
import os
import socket
import ssl
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import http_exceptions

from antiphon import limits
from antiphon import transport as tr
from antiphon.call import Call, Reply, Secret
from antiphon.errors import (
    AntiphonError,
    QuotaExhausted,
    RateLimited,
    Refused,
    Rejected,
    ReplyError,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
)
from antiphon.events import Event
from antiphon.request import Delivery, Timeout
from antiphon.transport import Limits, Transport

from .ports import free_port

T = TypeVar("T")
QUERY = "hidden" * 3
KEY = "sk-planted-0123456789abcdef"
SSE_TYPE = {"content-type": "text/event-stream"}

# --------------------------------------------------------------------------------------------- peers


@dataclass
class Asked:
    """One request as it arrived, and where."""

    line: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_closed(self) -> float:
        """Wait until the client closes its side; the time when it did."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(1000):
                pass
        return time.monotonic()


Script = bytes | Callable[[Asked], Awaitable[object]]


@dataclass
class Peer:
    """A raw HTTP server that answers by script; the last entry of the script repeats."""

    script: list[Script]
    url: str = ""
    port: int = 0
    connections: int = 0
    asked: list[Asked] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                await self.answer(reader, writer)
        writer.close()
        self.tasks.discard(task)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (row.partition(":") for row in rest)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(line, headers, body, reader, writer)
        step = self.script[min(len(self.asked), len(self.script) - 1)]
        self.asked.append(asked)
        await (asked.send(step) if isinstance(step, bytes) else step(asked))


@contextlib.asynccontextmanager
async def serving(*script: Script, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Peer]:
    peer = Peer(list(script))
    server = await asyncio.start_server(peer.serve, "127.0.0.1", port, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    peer.url = f"http{'s' if tls else ''}://127.0.0.1:{peer.port}/v1/x"
    try:
        yield peer
    finally:
        server.close()
        tasks = list(peer.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def http(status: int = 200, body: bytes = b'{"ok": true}', **headers: str) -> bytes:
    """A whole HTTP answer; header names with _ for -."""
    rows = {"content_type": "application/json", "content_length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in rows.items() if value)
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + body


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def drop(asked: Asked) -> Awaitable[None]:
    """Close the connection with a reset, without a byte."""
    sock = asked.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    asked.writer.transport.abort()
    return asyncio.sleep(0)


async def hang_up(asked: Asked) -> None:
    """Close the connection politely, without a byte."""
    asked.writer.close()


async def hang(asked: Asked) -> None:
    """Never answer."""
    await asked.until_closed()


@dataclass
class FakeClock:
    """Sleeping takes no time but is written down."""

    time: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return 1_700_000_000.0 + self.time

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(round(seconds, 6))
        self.time += seconds
        await asyncio.sleep(0)


def check(reply: Reply) -> ReplyError:
    """The error for a status, much as dialects make it."""
    kinds = {401: Unauthorized, 402: QuotaExhausted, 429: RateLimited}
    kind = kinds.get(reply.status, ServerFailed if reply.status >= 500 else Rejected)
    return kind(
        f"status {reply.status}", status=reply.status, body=reply.body.decode(errors="replace")[:2000]
    )


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(main, 60))


@contextlib.asynccontextmanager
async def transport(**settings: Any) -> AsyncIterator[Transport]:
    it = Transport(**settings)
    try:
        yield it
    finally:
        await it.close()


def call(url: str, *, body: bytes = b'{"model": "m"}', stream: Any = "", key: str = KEY) -> Call:
    headers = {"Authorization": Secret(key).prefixed("Bearer "), "Content-Type": "application/json"}
    return Call(url, body, headers, stream=stream)


async def send(it: Transport, to: Call, **more: Any) -> Reply:
    delivery = Delivery(timeout=more.pop("timeout", Timeout()), retries=more.pop("retries", 2))
    return await it.send(to, delivery, check=more.pop("check", check), **more)


def once(*script: Script, settings: Mapping[str, Any] | None = None, **more: Any) -> tuple[Reply, Peer]:
    """Send one call to a peer with this script; the reply and the peer."""

    async def main() -> tuple[Reply, Peer]:
        stream = more.pop("stream", "")
        async with serving(*script) as peer, transport(**(settings or {})) as it:
            return await send(it, call(peer.url, stream=stream), **more), peer

    return run(main())


def failing(*script: Script, settings: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """The same where an error of ours is expected; the error."""
    with pytest.raises(AntiphonError) as caught:
        once(*script, settings=settings, **more)
    return caught.value


# ------------------------------------------------------------------------------------------- the call


def test_a_call_goes_out_whole_and_comes_back_whole() -> None:
    """Method, path, headers and body arrive as given; status, body and kept headers come back."""
    answer = http(200, b'{"a": 1}', x_request_id="req_1", set_cookie="a=b", x_ratelimit_limit_requests="9")
    reply, peer = once(answer)
    asked = peer.asked[0]
    assert asked.line == "POST /v1/x HTTP/1.1"
    assert asked.body == b'{"model": "m"}'
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["content-type"] == "application/json"
    assert (reply.status, reply.body) == (200, b'{"a": 1}')
    assert reply.headers == {
        "content-type": "application/json",
        "x-request-id": "req_1",
        "x-ratelimit-limit-requests": "9",
    }
    assert 0 <= (reply.timings.first_token or -1) <= reply.timings.total < 60
    assert reply.timings.queue == 0


def test_get_has_no_body() -> None:
    """A model listing is a GET without a body."""

    async def main() -> Asked:
        async with serving(http()) as peer, transport() as it:
            await send(it, Call(peer.url, method="GET"))
            return peer.asked[0]

    asked = run(main())
    assert asked.line.startswith("GET ")
    assert "content-length" not in asked.headers


def test_large_bodies_go_out_whole() -> None:
    """A body of megabytes (images) arrives byte for byte, with its length and type."""
    body = os.urandom(3 << 20)

    async def main() -> Asked:
        async with serving(http()) as peer, transport() as it:
            await send(it, call(peer.url, body=body))
            return peer.asked[0]

    asked = run(main())
    assert asked.body == body
    assert asked.headers["content-type"] == "application/json"


def test_urls_go_out_as_they_are() -> None:
    """An address that is escaped already is not escaped again."""

    async def main() -> Asked:
        async with serving(http()) as peer, transport() as it:
            await send(it, call(peer.url + "/a%3Ab/c:d?alt=sse"))
            return peer.asked[0]

    assert run(main()).line == "POST /v1/x/a%3Ab/c:d?alt=sse HTTP/1.1"


def test_addresses_are_not_hoarded() -> None:
    """Addresses made ready are kept for reuse, but not without end."""
    it = Transport()
    first = it.target("http://127.0.0.1/0")
    assert it.target("http://127.0.0.1/0") is first
    for i in range(3000):
        it.target(f"http://127.0.0.1/{i}")
    assert len(it._targets) <= 1001


def test_connections_are_kept_and_reused() -> None:
    """Twenty calls in a row take one connection; streams give theirs back too."""

    async def main() -> int:
        stream = STREAM_HEAD + chunk(b"data: 1\n\n") + STREAM_END
        async with serving(*[http(), stream] * 10) as peer, transport() as it:
            for i in range(20):
                await send(it, call(peer.url, stream="sse" if i % 2 else ""))
            return peer.connections

    assert run(main()) == 1


def test_one_transport_serves_several_loops_one_after_the_other() -> None:
    """A session belongs to its loop: a new loop gets a new one."""

    async def main(it: Transport) -> int:
        async with serving(http()) as peer:
            status = (await send(it, call(peer.url))).status
            await it.close()
            return status

    it = Transport()
    assert [run(main(it)), run(main(it))] == [200, 200]


def test_closing_twice_and_unused_is_fine() -> None:
    """close() needs no use before, may come twice, and the transport can be used again."""

    async def main() -> int:
        it = Transport()
        await it.close()
        async with serving(http()) as peer:
            await send(it, call(peer.url))
            await it.close()
            await it.close()
            status = (await send(it, call(peer.url))).status
            await it.close()
            return status

    assert run(main()) == 200


FORKS = """
import asyncio, os, sys, threading
from antiphon.call import Call
from antiphon.request import Delivery
from antiphon.transport import Transport

it, loop = Transport(), asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()

def on(loop, coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

def send():
    return it.send(Call(sys.argv[1], b"{}"), Delivery(retries=0), check=None)

async def in_child():
    if sys.argv[2] == "sends":
        await send()
        await it.close()

on(loop, send())
child = os.fork()
if child == 0:
    asyncio.run(in_child())
    sys.exit(0)  # the whole way out, with all destructors
assert os.waitpid(child, 0)[1] == 0
on(loop, send())
on(loop, it.close())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("child", "connections"), [("sends", 2), ("only exits", 1)])
def test_a_forked_child_leaves_the_parents_connections_alone(child: str, connections: int) -> None:
    """A child makes connections of its own; when it exits, the parent's kept connection still works."""

    async def main() -> tuple[int | None, bytes, int]:
        async with serving(http()) as peer:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-Wignore::DeprecationWarning",
                "-c",
                FORKS,
                peer.url,
                child,
                stderr=asyncio.subprocess.PIPE,
            )
            _, errors = await process.communicate()
            return process.returncode, errors, peer.connections

    code, errors, count = run(main())
    assert (code, errors.decode()) == (0, "")
    assert count == connections


# ------------------------------------------------------------------------------------------- streams


def test_events_are_given_as_they_come_and_the_body_is_kept() -> None:
    """Each event is handed out once, in order, before the next is sent; Reply.body is the stream as it was."""
    body = b": hi\n\ndata: 1\n\nevent: x\ndata: 2\n\ndata: 3"
    seen: list[Event] = []

    async def slowly(asked: Asked) -> None:
        await asked.send(STREAM_HEAD + chunk(body[:15]))
        while not seen:
            await asyncio.sleep(0.001)
        await asked.send(chunk(body[15:]) + STREAM_END)

    reply, _ = once(slowly, stream="sse", on_event=lambda event: seen.append(event) or True)
    assert seen == [Event("1"), Event("2", "x"), Event("3")]
    assert reply.body == body
    assert reply.stream == "sse"
    assert 0 < (reply.timings.first_token or 0) <= reply.timings.total


def test_ndjson_streams() -> None:
    """Ollama's framing is read by the content type of the reply."""
    seen: list[str] = []
    reply, _ = once(
        http(200, b'{"a":1}\n{"b":2}\n', content_type="application/x-ndjson"),
        stream="ndjson",
        on_event=lambda event: bool(seen.append(event.data)),
    )
    assert seen == ['{"a":1}', '{"b":2}']
    assert reply.timings.first_token is None  # nothing of it was output


def test_a_stream_answered_with_json_is_an_ordinary_reply() -> None:
    """stream=True answered with one JSON document gives no events and the document as body."""
    seen: list[Event] = []
    reply, _ = once(http(200, b'{"a": 1}'), stream="sse", on_event=lambda event: bool(seen.append(event)))
    assert seen == []
    assert reply.body == b'{"a": 1}'
    assert reply.stream == ""


def test_a_stream_answered_with_an_error_status_is_that_error() -> None:
    """Also with a stream's content type, the body of an error goes to `check`."""
    error = failing(
        http(400, b"data: no\n\n", content_type="text/event-stream"), stream="sse", on_event=print
    )
    assert isinstance(error, Rejected)
    assert error.body == "data: no\n\n"


def test_an_error_from_on_event_ends_the_call() -> None:
    """What on_event raises comes out as it is, even an OSError, and the connection is closed."""
    closed: list[float] = []

    async def endless(asked: Asked) -> None:
        await asked.send(STREAM_HEAD + chunk(b"data: 1\n\n"))
        closed.append(await asked.until_closed())

    def on_event(event: Event) -> bool:
        raise BrokenPipeError("mine")

    async def main() -> int:
        async with serving(endless) as peer, transport() as it:
            with pytest.raises(BrokenPipeError, match="mine"):
                await send(it, call(peer.url, stream="sse"), on_event=on_event)
            while not closed:
                await asyncio.sleep(0.001)
            return len(peer.asked)

    assert run(main()) == 1


# ------------------------------------------------------------------------------------------- retries

NOW = "Tue, 14 Nov 2023 22:30:00 GMT"  # FakeClock.wall() at its start: 1,700,001,000


@pytest.mark.parametrize(
    ("status", "headers", "tries", "waits"),
    [
        (500, {}, 3, [0.5, 1.0]),
        (502, {}, 3, [0.5, 1.0]),
        (503, {}, 3, [0.5, 1.0]),
        (529, {}, 3, [0.5, 1.0]),
        (408, {}, 3, [0.5, 1.0]),
        (409, {}, 3, [0.5, 1.0]),
        (429, {}, 3, [0.5, 1.0]),
        (400, {}, 1, []),
        (401, {}, 1, []),
        (402, {}, 1, []),
        (403, {}, 1, []),
        (404, {}, 1, []),
        (422, {}, 1, []),
        (429, {"retry_after": "7"}, 3, [7, 7]),
        (429, {"retry_after": "0.25"}, 3, [0.25, 0.25]),
        (503, {"retry_after": "7"}, 3, [7, 7]),
        (429, {"retry_after_ms": "1500"}, 3, [1.5, 1.5]),
        (429, {"retry_after_ms": "1500", "retry_after": "9"}, 3, [1.5, 1.5]),
        (429, {"retry_after_ms": "soon", "retry_after": "9"}, 3, [9, 9]),
        (429, {"retry_after": "Tue, 14 Nov 2023 22:30:20 GMT"}, 3, [20, 0.5 * 2]),  # the second is past
        (429, {"retry_after": "0"}, 3, [0.5, 1.0]),
        (429, {"retry_after": "-5"}, 3, [0.5, 1.0]),
        (429, {"retry_after": "nan"}, 3, [0.5, 1.0]),
        (429, {"retry_after": "tomorrow"}, 3, [0.5, 1.0]),
        (429, {"retry_after": "60"}, 3, [60, 60]),
        (429, {"retry_after": "61"}, 1, []),
        (429, {"retry_after": "1e300"}, 1, []),
        (429, {"x_should_retry": "false"}, 1, []),
        (500, {"x_should_retry": "false"}, 1, []),
        (400, {"x_should_retry": "true"}, 3, [0.5, 1.0]),
        (402, {"x_should_retry": "true"}, 1, []),  # no money: never
    ],
)
def test_what_is_sent_again(status: int, headers: dict[str, str], tries: int, waits: list[float]) -> None:
    """By status and headers: how many tries, and how long between them."""
    clock = FakeClock()

    async def main() -> int:
        async with serving(http(status, **headers)) as peer, transport(clock=clock, jitter=lambda: 1.0) as it:
            with pytest.raises(ReplyError) as caught:
                await send(it, call(peer.url))
            assert caught.value.status == status
            assert (f"after {tries} tries" in caught.value.message) == (tries > 1)
            return len(peer.asked)

    assert datetime.fromtimestamp(clock.wall(), timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT") == NOW
    assert run(main()) == tries
    assert clock.sleeps == waits


def test_backoff_grows_to_eight_seconds_with_full_jitter() -> None:
    """0.5·2ⁿ up to 8 s, times the jitter."""
    clock = FakeClock()
    failing(http(500), settings={"clock": clock, "jitter": lambda: 1.0}, retries=7)
    assert clock.sleeps == [0.5, 1, 2, 4, 8, 8, 8]
    clock = FakeClock()
    failing(http(500), settings={"clock": clock, "jitter": lambda: 0.25}, retries=3)
    assert clock.sleeps == [0.125, 0.25, 0.5]


def test_a_retry_that_succeeds() -> None:
    """The reply of the try that worked is the reply."""
    reply, peer = once(http(500), http(429), http(200, b"yes"), settings={"clock": FakeClock()})
    assert reply.body == b"yes"
    assert len(peer.asked) == 3


def test_no_retries_when_told() -> None:
    """retries=0 tries once, and the message does not speak of tries."""
    error = failing(http(500), retries=0)
    assert error.message == "status 500"


def test_a_wait_that_is_too_long_is_told() -> None:
    """Beyond a minute nothing is waited: the message and retry_after say how long the server asks for."""
    error = failing(http(429, retry_after="3700"), settings={"clock": FakeClock()})
    assert error.retry_after == 3700
    assert "1 h 1 min" in error.message
    error = failing(http(429, retry_after="90"), settings={"clock": FakeClock()})
    assert "1 min 30 s" in error.message


def test_a_wait_past_the_total_deadline_is_not_begun() -> None:
    """When waiting would pass timeout.total, the error comes at once and says so."""
    clock = FakeClock()
    error = failing(http(429, retry_after="20"), settings={"clock": clock}, timeout=Timeout(total=10))
    assert isinstance(error, RateLimited)
    assert "timeout.total" in error.message
    assert clock.sleeps == []


def test_the_wait_a_dialect_found_is_honoured() -> None:
    """`check` may know the wait from the body (Gemini)."""
    clock = FakeClock()

    def from_body(reply: Reply) -> ReplyError:
        return RateLimited("slow", status=429, retry_after=34.0)

    failing(http(429), settings={"clock": clock}, check=from_body, retries=1)
    assert clock.sleeps == [34.0]


@pytest.mark.parametrize("how", [drop, hang_up])
def test_a_connection_dropped_before_the_answer_is_retried(how: Script) -> None:
    """A fresh connection that dies without a byte is tried again with backoff, as a 502 would be."""
    clock = FakeClock()
    error = failing(how, settings={"clock": clock, "jitter": lambda: 1.0})
    assert isinstance(error, TransportError)
    assert error.phase == "cut-off"
    assert error.before_output
    assert clock.sleeps == [0.5, 1.0]


@pytest.mark.parametrize("how", [drop, hang_up])
def test_a_pooled_connection_that_died_is_replaced_at_once(how: Script) -> None:
    """A kept connection that the server drops when used again costs no wait and no try, even with retries=0."""
    clock = FakeClock()

    async def main() -> tuple[int, int]:
        async with serving(http(), how, http()) as peer, transport(clock=clock) as it:
            await send(it, call(peer.url))
            reply = await send(it, call(peer.url), retries=0)
            return reply.status, peer.connections

    assert run(main()) == (200, 2)
    assert clock.sleeps == []


def test_a_fresh_connection_that_died_is_not_replaced_when_retries_are_off() -> None:
    """With retries=0 a call that may have been worked on is not sent twice."""
    clock = FakeClock()
    error = failing(drop, settings={"clock": clock}, retries=0)
    assert error.phase == "cut-off"


def test_a_body_cut_off_is_an_error_and_not_retried() -> None:
    """Half an answer has been paid for: no second try, phase "cut-off"."""

    async def half(asked: Asked) -> None:
        await asked.send(http(200, b"{}", content_length="100"))
        asked.writer.close()

    async def main() -> tuple[TransportError, int]:
        async with serving(half) as peer, transport(clock=FakeClock()) as it:
            with pytest.raises(TransportError) as caught:
                await send(it, call(peer.url))
            return caught.value, len(peer.asked)

    error, tries = run(main())
    assert (error.phase, error.before_output, tries) == ("cut-off", False, 1)


@pytest.mark.parametrize(
    ("output", "restart", "tries"), [(True, True, 1), (False, True, 3), (False, False, 1)]
)
def test_a_stream_cut_off(output: bool, restart: bool, tries: int) -> None:
    """After output never again; before it, only when the caller can start its reading afresh."""

    async def half(asked: Asked) -> None:
        await asked.send(STREAM_HEAD + chunk(b"data: 1\n\n"))
        asked.writer.transport.abort()

    restarts: list[int] = []
    more: dict[str, Any] = {"on_retry": lambda: restarts.append(1)} if restart else {}

    async def main() -> tuple[TransportError, int]:
        async with serving(half) as peer, transport(clock=FakeClock()) as it:
            with pytest.raises(TransportError) as caught:
                await send(it, call(peer.url, stream="sse"), on_event=lambda _: output, **more)
            return caught.value, len(peer.asked)

    error, count = run(main())
    assert (error.phase, error.before_output, count) == ("cut-off", not output, tries)
    assert len(restarts) == (tries - 1)


def test_a_stream_cut_off_before_any_event_is_retried() -> None:
    """A stream that breaks before its first event is sent again."""

    async def nothing(asked: Asked) -> None:
        await asked.send(STREAM_HEAD + chunk(b": wait\n\n"))
        asked.writer.transport.abort()

    good = STREAM_HEAD + chunk(b"data: 1\n\n") + STREAM_END
    reply, peer = once(nothing, good, stream="sse", on_event=lambda _: True, settings={"clock": FakeClock()})
    assert reply.body == b"data: 1\n\n"
    assert len(peer.asked) == 2


def test_an_error_event_at_the_start_of_a_stream_is_retried() -> None:
    """An overload reported inside a 200 stream before any output is as retryable as its status would be."""

    def on_event(event: Event) -> bool:
        if "overloaded" in event.data:
            raise ServerFailed("overloaded", status=529)
        return True

    bad = STREAM_HEAD + chunk(b'event: error\ndata: {"type": "overloaded_error"}\n\n') + STREAM_END
    good = STREAM_HEAD + chunk(b"data: 1\n\n") + STREAM_END
    reply, peer = once(
        bad, good, stream="sse", on_event=on_event, on_retry=list, settings={"clock": FakeClock()}
    )
    assert reply.body == b"data: 1\n\n"
    assert len(peer.asked) == 2


# ----------------------------------------------------------------------------------------- deadlines


async def comments(asked: Asked, first: bytes = b"data: 1\n\n") -> None:
    """One event, then comments for ever."""
    await asked.send(STREAM_HEAD + chunk(first))
    with contextlib.suppress(ConnectionError):
        while not asked.writer.is_closing():
            await asked.send(chunk(b": ping\n\n"))
            await asyncio.sleep(0.01)


async def only_comments(asked: Asked) -> None:
    await comments(asked, b": wait\n\n")


async def events(asked: Asked) -> None:
    """Events for ever."""
    await asked.send(STREAM_HEAD)
    with contextlib.suppress(ConnectionError):
        while not asked.writer.is_closing():
            await asked.send(chunk(b"data: 1\n\n"))
            await asyncio.sleep(0.01)


async def stall(asked: Asked) -> None:
    """One event, then silence."""
    await asked.send(STREAM_HEAD + chunk(b"data: 1\n\n"))
    await asked.until_closed()


async def half_body(asked: Asked) -> None:
    await asked.send(http(200, b"{", content_length="2"))
    await asked.until_closed()


@pytest.mark.parametrize(
    ("script", "timeout", "limit", "before_output"),
    [
        (hang, {"first_token": 0.1}, "first_token", True),
        (only_comments, {"first_token": 0.1}, "first_token", True),
        (stall, {"idle": 0.1}, "idle", False),
        (comments, {"idle": 0.1}, "idle", False),
        (half_body, {"idle": 0.1}, "idle", False),
        (events, {"idle": 5, "total": 0.2}, "total", False),
        (hang, {"first_token": None, "idle": None, "total": 0.1}, "total", True),
        (hang, {"first_token": 5, "total": 0.1}, "total", True),
    ],
)
def test_deadlines(script: Script, timeout: dict[str, Any], limit: str, before_output: bool) -> None:
    """Each limit ends the call, is named with its seconds and how to raise it, and is not tried again."""

    async def main() -> tuple[TransportError, int]:
        async with serving(script) as peer, transport() as it:
            with pytest.raises(TransportError) as caught:
                await send(
                    it,
                    call(peer.url, stream="sse"),
                    on_event=lambda _: True,
                    timeout=Timeout(**timeout),
                )
            return caught.value, len(peer.asked)

    error, tries = run(main())
    assert error.phase == "deadline"
    assert f"timeout.{limit}" in error.message
    assert f"{timeout[limit]:g} s" in error.message
    assert limit in error.hint
    assert error.before_output == before_output
    assert tries == 1


@pytest.mark.parametrize("said", [None, "req_of_the_event"])
@pytest.mark.parametrize("kind", [ServerFailed, Refused])
def test_an_error_inside_a_stream_knows_its_request(
    kind: type[ServerFailed | Refused], said: str | None
) -> None:
    """What is raised at an event has the request id of the headers, unless the event told one."""

    async def answer(asked: Asked) -> None:
        head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nX-Request-Id: req_of_the_headers\r\n\r\n")
        await asked.send(head + chunk(b"data: broken\n\n") + STREAM_END)

    def on_event(event: Event) -> bool:
        raise kind(event.data, request_id=said)

    error = failing(answer, stream="sse", on_event=on_event)
    assert (error.message, error.request_id) == ("broken", said or "req_of_the_headers")


def test_events_without_output_do_not_start_the_idle_limit() -> None:
    """Until the first output only first_token counts: a model may think in silence after its first event."""

    async def thinks(asked: Asked) -> None:
        await asked.send(STREAM_HEAD + chunk(b"data: start\n\n"))
        await asyncio.sleep(0.2)
        await asked.send(chunk(b"data: text\n\n") + STREAM_END)

    reply, _ = once(
        thinks, stream="sse", on_event=lambda event: event.data == "text", timeout=Timeout(idle=0.05)
    )
    assert reply.body.endswith(b"data: text\n\n")
    assert (reply.timings.first_token or 0) >= 0.2


def test_the_idle_limit_after_a_long_wait_for_the_first_token() -> None:
    """A short idle limit rings in time although the timer had been set for a later deadline by then."""

    async def thinks_then_stalls(asked: Asked) -> None:
        await asked.send(STREAM_HEAD)
        await asyncio.sleep(0.3)
        await asked.send(chunk(b"data: 1\n\n"))
        await asked.until_closed()

    for total in (30, None):
        error = failing(
            thinks_then_stalls,
            stream="sse",
            on_event=lambda _: True,
            timeout=Timeout(first_token=None, idle=0.1, total=total),
        )
        assert "timeout.idle" in error.message


def test_no_limits_at_all() -> None:
    """Every deadline can be switched off."""
    reply, _ = once(http(), timeout=Timeout(connect=None, first_token=None, idle=None, total=None))
    assert reply.status == 200


def test_the_total_covers_the_waits_between_tries() -> None:
    """Backoff counts towards the total: the deadline rings in the middle of it."""

    class Slow(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(30)

    error = failing(http(500), settings={"clock": Slow()}, timeout=Timeout(total=0.6))
    assert error.phase == "deadline"
    assert "timeout.total" in error.message


def test_the_connect_limit() -> None:
    """A host that never completes the handshake is given up after timeout.connect, and tried again."""

    async def main() -> tuple[TransportError, list[float]]:
        # A listening socket whose queue is full drops further connections.
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            clock = FakeClock()
            try:
                async with transport(clock=clock, jitter=lambda: 1.0) as it:
                    url = f"http://127.0.0.1:{full.getsockname()[1]}/"
                    with pytest.raises(TransportError) as caught:
                        await send(it, call(url), timeout=Timeout(connect=0.1), retries=1)
                    return caught.value, clock.sleeps
            finally:
                for filler in fillers:
                    filler.close()

    if sys.platform != "linux":
        pytest.skip("other systems refuse instead of dropping")
    error, sleeps = run(main())
    assert error.phase == "deadline"
    assert "timeout.connect" in error.message
    assert sleeps == [0.5]


# ----------------------------------------------------------------------------------------- cancelling


@pytest.mark.parametrize("when", ["before headers", "in a stream", "in a body"])
def test_cancelling_closes_the_connection(when: str) -> None:
    """The peer sees the disconnect at once, wherever the answer is, and the caller its own cancellation."""
    began = asyncio.Event
    closed: list[float] = []

    async def main() -> float:
        ready = began()

        async def answer(asked: Asked) -> None:
            if when == "in a stream":
                await asked.send(STREAM_HEAD + chunk(b"data: 1\n\n"))
            elif when == "in a body":
                await asked.send(http(200, b"{", content_length="2"))
            ready.set()
            closed.append(await asked.until_closed())

        async with serving(answer) as peer, transport() as it:
            task = asyncio.create_task(send(it, call(peer.url, stream="sse"), on_event=lambda _: True))
            await ready.wait()
            await asyncio.sleep(0.02)
            cancelled = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while not closed:
                await asyncio.sleep(0.001)
            return closed[0] - cancelled

    assert run(main()) < 5  # the peer saw it while the transport was still open; see benchmarks for how fast


def test_a_cancelled_call_gives_its_slot_back() -> None:
    """Cancelling one that waits, or one on the wire, leaves the account usable."""

    async def main() -> int:
        async with serving(hang, http()) as peer, transport() as it:
            limits = Limits(concurrency=1)
            first = asyncio.create_task(send(it, call(peer.url), limits=limits))
            while not peer.asked:
                await asyncio.sleep(0.001)
            second = asyncio.create_task(send(it, call(peer.url), limits=limits))
            third = asyncio.create_task(send(it, call(peer.url), limits=limits))
            await asyncio.sleep(0.02)
            assert len(peer.asked) == 1
            second.cancel()
            first.cancel()
            await asyncio.gather(first, second, return_exceptions=True)
            return (await third).status

    assert run(main()) == 200


# -------------------------------------------------------------------------------------------- limits


def test_concurrency_is_limited_first_come_first_served() -> None:
    """Never more than the limit on the wire, in the order they came, and the wait is reported."""
    on_wire = 0
    most = 0

    async def slowly(asked: Asked) -> None:
        nonlocal on_wire, most
        on_wire += 1
        most = max(most, on_wire)
        await asyncio.sleep(0.02)
        on_wire -= 1
        await asked.send(http())

    async def main() -> tuple[list[str], list[float]]:
        async with serving(slowly) as peer, transport() as it:
            calls = [call(f"{peer.url}/{i}") for i in range(12)]
            limits = Limits(concurrency=3)
            replies = await asyncio.gather(*(send(it, c, limits=limits, account="a") for c in calls))
            return [a.line.split()[1][-2:] for a in peer.asked], [r.timings.queue for r in replies]

    order, queues = run(main())
    assert most == 3
    assert [int(name.strip("/")) // 3 for name in order] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert queues[0] == 0 < queues[-1]


def sequence(limits: Limits, count: int, *, tokens: int = 0, settle: int | None = None) -> list[float]:
    """The times, by a fake clock from 0, at which calls in a row go out."""
    clock = FakeClock(0.0)
    times: list[float] = []

    async def note(asked: Asked) -> None:
        times.append(round(clock.time, 3))
        await asked.send(http())

    async def main() -> None:
        async with serving(note) as peer, transport(clock=clock) as it:
            for _ in range(count):
                await send(it, call(peer.url), limits=limits, tokens=tokens, account="a")
                if settle is not None:
                    it.settle("a", settle)

    run(main())
    return times


def test_requests_per_minute() -> None:
    """No minute holds more requests than the limit."""
    assert sequence(Limits(requests_per_minute=3), 7) == [0, 0, 0, 60, 60, 60, 120]


def test_tokens_per_minute() -> None:
    """No minute holds more tokens than the limit; a call larger than that goes alone."""
    assert sequence(Limits(tokens_per_minute=100), 4, tokens=40) == [0, 0, 60, 60]
    assert sequence(Limits(tokens_per_minute=100), 3, tokens=1000) == [0, 60, 120]


def test_settling_corrects_the_guess() -> None:
    """With the true usage put in, more fits (or less)."""
    assert sequence(Limits(tokens_per_minute=100), 6, tokens=60, settle=10) == [0, 0, 0, 0, 0, 60]
    assert sequence(Limits(tokens_per_minute=100), 3, tokens=10, settle=95) == [0, 60, 120]
    assert sequence(Limits(), 2, tokens=10, settle=95) == [0, 0]


def test_tokens_of_failed_tries_are_given_back() -> None:
    """A try without an answer took no tokens."""
    clock = FakeClock()
    once(
        http(500),
        http(500),
        http(),
        settings={"clock": clock, "jitter": lambda: 1.0},
        limits=Limits(tokens_per_minute=100),
        tokens=90,
    )
    assert clock.sleeps == [0.5, 1.0]


def test_one_pause_for_all_calls_of_an_account() -> None:
    """After a 429 every call of that account waits; other accounts don't."""
    clock = FakeClock(0.0)
    times: dict[str, list[float]] = {"a": [], "b": []}

    async def main() -> None:
        async with serving(http(429, retry_after="30"), http()) as peer, transport(clock=clock) as it:
            with pytest.raises(RateLimited):
                await send(it, call(peer.url), account="a", retries=0)
            await send(it, call(peer.url), account="b")
            times["b"].append(clock.time)
            reply = await send(it, call(peer.url), account="a")
            times["a"].append(reply.timings.queue)

    run(main())
    assert times == {"a": [30.0], "b": [0.0]}


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "1s"}, 1.0),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "12ms"}, 0.012),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "0m59.5s"}, 59.5),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "7.66"}, 7.66),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "6m0s"}, 0.0),  # too long
        ({"x_ratelimit_remaining_requests": "1", "x_ratelimit_reset_requests": "1s"}, 0.0),
        ({"x_ratelimit_remaining_requests": "0"}, 0.0),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "soon"}, 0.0),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1700001005000"}, 5.0),  # OpenRouter: Unix ms
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1700001005"}, 5.0),
        (
            {
                "anthropic_ratelimit_output_tokens_remaining": "0",
                "anthropic_ratelimit_output_tokens_reset": "2023-11-14T22:30:09Z",
            },
            9.0,
        ),
        (
            {
                "anthropic_ratelimit_requests_remaining": "0",
                "anthropic_ratelimit_requests_reset": "2023-11-14T23:30:08.500000+01:00",
            },
            8.0,
        ),
        (
            {
                "x_ratelimit_remaining_requests": "0",
                "x_ratelimit_reset_requests": "2s",
                "x_ratelimit_remaining_tokens": "0",
                "x_ratelimit_reset_tokens": "3s",
            },
            3.0,
        ),
    ],
)
def test_rate_headers_are_learned_from(headers: dict[str, str], wait: float) -> None:
    """When nothing is left, the next call waits until the reset that the header names, up to a minute."""
    clock = FakeClock()

    async def main() -> float:
        async with serving(http(200, **headers), http()) as peer, transport(clock=clock) as it:
            await send(it, call(peer.url), account="a")
            return (await send(it, call(peer.url), account="a")).timings.queue

    assert run(main()) == pytest.approx(wait, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("12ms", 0.012),
        ("1h2m3s", 3723),
        ("1d", 86400),
        ("500µs", 0.0005),
        ("1.5", 1.5),
        (" 20 ", 20),
        ("-3", 0),
        ("inf", None),
        ("nan", None),
        ("", None),
        ("1s later", None),
        ("2023-99-99T00:00:00Z", None),
        ("Wed, 99 Foo 2023", None),
        ("1970-01-01T00:01:10Z", 10),
        ("1970-01-01T00:01:10.25+00:00", 10),
        ("1970-01-01T00:01:10", 10),
        ("Thu, 01 Jan 1970 00:01:30 GMT", 30),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 0),
    ],
)
def test_times_in_headers(text: str, seconds: float | None) -> None:
    """Durations, numbers, RFC 3339 times and HTTP dates; what is none of them is ignored."""
    assert limits._seconds(text, 60.0) == (None if seconds is None else pytest.approx(seconds))


# -------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_redirects_are_refused(status: int) -> None:
    """A 3xx is an error that names only the host pointed to, and nothing is sent there."""
    error = failing(http(status, b"", location=f"https://evil.example/steal?key={KEY}"))
    assert isinstance(error, ReplyError)
    assert error.status == status
    assert "evil.example" in error.message
    assert "steal" not in str(vars(error)) + error.message
    assert "another path" in failing(http(302, b"", location="/elsewhere")).message
    assert "another path" in failing(http(302, b"", location="http://[bad")).message


def test_connection_refused() -> None:
    """Nothing listening on loopback: retried, then an error that asks whether the server runs."""
    clock = FakeClock()
    url = f"http://127.0.0.1:{free_port()}/v1?key=sk-hidden"

    async def main() -> TransportError:
        async with transport(clock=clock) as it:
            with pytest.raises(TransportError) as caught:
                await send(it, call(url))
            return caught.value

    error = run(main())
    assert error.phase == "connect"
    assert error.before_output
    assert "server running" in error.hint
    assert "127.0.0.1:" in error.message
    assert "sk-hidden" not in error.message
    assert isinstance(error.__cause__, OSError)
    assert len(clock.sleeps) == 2


def test_a_host_that_does_not_exist() -> None:
    """A name that does not resolve is named."""

    async def main() -> TransportError:
        async with transport(clock=FakeClock()) as it:
            with pytest.raises(TransportError) as caught:
                await send(it, call("http://nowhere.invalid/v1"))
            return caught.value

    error = run(main())
    assert error.phase == "connect"
    assert "nowhere.invalid" in error.message


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host/v1", "http://"),
        ("/v1/chat", "http://"),
        ("", "http://"),
        ("http://", "http://"),
        ("http://host:port/", "not a URL"),
        ("http://host:99999/", "not a URL"),
        ("http://[::1/", "not a URL"),
        ("https://me:pass@host/v1", "password"),
    ],
)
def test_addresses_that_are_none(url: str, says: str) -> None:
    """A wrong address is a RequestError about base_url that does not repeat the address."""

    async def main() -> None:
        async with transport(clock=FakeClock()) as it:
            await send(it, call(url), retries=0)

    with pytest.raises(RequestError, match=says) as caught:
        run(main())
    assert "pass" not in caught.value.message.replace("password", "")
    assert caught.value.field == "base_url"


@pytest.mark.parametrize("value", ["sk\r\nX-Evil: 1", "sk\nx", "sk\x00"])
def test_a_key_with_a_line_end_is_refused(value: str) -> None:
    """No header can be smuggled in through a key; the message does not repeat it."""

    async def main() -> None:
        async with serving(http()) as peer, transport() as it:
            await send(it, call(peer.url, key=value))

    with pytest.raises(RequestError, match="Authorization") as caught:
        run(main())
    assert "Evil" not in caught.value.message


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 2x0 no\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n"]
)
def test_a_peer_that_speaks_no_http(answer: bytes) -> None:
    """Another protocol on that port is said to be no valid HTTP, and not retried."""
    error = failing(answer)
    assert isinstance(error, TransportError)
    assert "valid HTTP" in error.message


def test_gzip_is_decoded_and_bombs_are_refused() -> None:
    """Compressed answers are decoded; the limit counts the decoded bytes."""
    small = gzip.compress(b'{"a": 1}')
    assert once(http(200, small, content_encoding="gzip"))[0].body == b'{"a": 1}'
    bomb = gzip.compress(b"0" * (64 << 20))
    assert len(bomb) < 1 << 17
    error = failing(http(200, bomb, content_encoding="gzip"), settings={"max_body": 1 << 20})
    assert error.phase == "too-large"
    assert "1,048,576" in error.message


def test_gzip_that_is_none() -> None:
    """A body that does not decompress is cut off."""
    error = failing(http(200, b"not gzip at all", content_encoding="gzip"), retries=0)
    assert error.phase == "cut-off"


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_endless_bodies_are_refused(kind: str) -> None:
    """A body that never ends is left at the limit, plain or streamed, and the connection closed."""
    closed: list[float] = []

    async def endless(asked: Asked) -> None:
        await asked.send(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            while not asked.writer.is_closing():
                await asked.send(b"data: 1\n\n" * 1000)
        closed.append(1.0)

    async def main() -> TransportError:
        async with serving(endless) as peer, transport(max_body=1 << 20) as it:
            with pytest.raises(TransportError) as caught:
                await send(it, call(peer.url, stream="sse"), on_event=lambda _: True)
            while not closed:
                await asyncio.sleep(0.001)
            return caught.value

    assert run(main()).phase == "too-large"


def test_endless_error_bodies_are_cut() -> None:
    """An error's body is read to a limit, and the error is still that error."""

    async def endless(asked: Asked) -> None:
        await asked.send(b"HTTP/1.1 400 No\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not asked.writer.is_closing():
                await asked.send(b"x" * 65536)

    error = failing(endless)
    assert isinstance(error, Rejected)
    assert error.body == "x" * 2000


def test_an_endless_event_is_refused() -> None:
    """One event larger than the limit of the parser ends the stream."""

    async def endless(asked: Asked) -> None:
        await asked.send(STREAM_HEAD)
        with contextlib.suppress(ConnectionError):
            while not asked.writer.is_closing():
                await asked.send(chunk(b"data: " + b"x" * 1_000_000))

    error = failing(endless, stream="sse", on_event=lambda _: True)
    assert error.phase == "too-large"


@pytest.mark.parametrize("flood", [b"x-a: " + b"y" * 100_000 + b"\r\n", b"x-a: b\r\n" * 20_000])
def test_header_floods_are_refused(flood: bytes) -> None:
    """Endless header lines, or endless many, are an error."""
    if len(flood) > 120_000 and "max_headers" not in inspect.signature(aiohttp.ClientSession).parameters:
        pytest.skip("this aiohttp does not count headers")
    error = failing(b"HTTP/1.1 200 OK\r\n" + flood + b"\r\n", retries=0)
    assert isinstance(error, TransportError)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh self-signed certificate for 127.0.0.1, with its key in the same file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_does_not_verify(certificate: Path) -> None:
    """A certificate nobody vouches for is refused, not retried, and the hint says how to trust one's own."""
    clock = FakeClock()

    async def main() -> tuple[TransportError, int]:
        async with serving(http(), tls=server_tls(certificate)) as peer, transport(clock=clock) as it:
            with pytest.raises(TransportError) as caught:
                await send(it, call(peer.url))
            return caught.value, len(peer.asked)

    error, asked = run(main())
    assert error.phase == "tls"
    assert "self-signed" in error.message.replace("self signed", "self-signed")
    assert "SSL_CERT_FILE" in error.hint
    assert (asked, clock.sleeps) == (0, [])


def test_tls_with_a_certificate_of_ones_own(certificate: Path) -> None:
    """With the authority given, https works."""

    async def main() -> int:
        trusted = ssl.create_default_context(cafile=str(certificate))
        async with serving(http(), tls=server_tls(certificate)) as peer, transport(tls=trusted) as it:
            await send(it, call(peer.url))
            return (await send(it, call(peer.url))).status + peer.connections

    assert run(main()) == 201


def test_https_to_a_plain_port() -> None:
    """https:// where http is spoken is said to be a TLS problem."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(http(400))
        writer.close()

    async def main() -> TransportError:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with server, transport() as it:
            with pytest.raises(TransportError) as caught:
                await send(it, call(url))
            return caught.value

    error = run(main())
    assert error.phase == "tls"
    assert "http://" in error.hint


PHASES = {
    "ConnectionTimeoutError": "deadline",
    "ServerTimeoutError": "cut-off",
    "SocketTimeoutError": "cut-off",
    "ClientConnectorCertificateError": "tls",
    "ClientConnectorSSLError": "tls",
    "ClientSSLError": "tls",
    "ServerFingerprintMismatch": "tls",
    "ClientConnectorDNSError": "connect",
    "ClientProxyConnectionError": "connect",
    "ClientHttpProxyError": "connect",
    "ClientConnectorError": "connect",
    "UnixClientConnectorError": "connect",
    "ServerDisconnectedError": "cut-off",
    "ServerConnectionError": "cut-off",
    "ClientOSError": "cut-off",
    "ClientConnectionError": "cut-off",
    "ClientConnectionResetError": "cut-off",
    "ClientPayloadError": "cut-off",
    "ClientResponseError": "",
    "ContentTypeError": "",
    "HttpProcessingError": "",
    "BadHttpMessage": "",
    "HttpBadRequest": "",
    "PayloadEncodingError": "",
    "ContentEncodingError": "",
    "TransferEncodingError": "",
    "ContentLengthError": "",
    "DecompressSizeError": "",
    "LineTooLong": "",
    "InvalidHeader": "",
    "BadStatusLine": "",
    "BadHttpMethod": "",
    "InvalidURLError": "",
    "InvalidURL": "",
    "InvalidUrlClientError": "",
    "NonHttpUrlClientError": "",
}
# Web sockets, redirects and upload tracking are never used; ClientError is the root.
UNUSED = {
    "ClientError",
    "InvalidUrlRedirectClientError",
    "NonHttpUrlRedirectClientError",
    "RedirectClientError",
    "TooManyRedirects",
    "UploadAbortedError",
    "WSServerHandshakeError",
}


def subclasses(kind: type) -> set[type]:
    return {kind} | {deep for below in kind.__subclasses__() for deep in subclasses(below)}


def test_every_exception_of_the_http_library_is_known() -> None:
    """Each aiohttp exception class has a meaning of its own; a new one fails here and not at a user's."""
    found = subclasses(aiohttp.ClientError) | subclasses(http_exceptions.HttpProcessingError)
    unknown: dict[str, Any] = {}
    for kind in found:
        if not kind.__module__.startswith("aiohttp.") or kind.__name__ in UNUSED:
            continue
        meaning = tr._meaning(kind)
        if meaning is None or meaning is tr._FALLBACK or PHASES.get(kind.__name__) != meaning.phase:
            unknown[kind.__name__] = meaning
    assert unknown == {}
    assert tr._meaning(KeyError) is None
    assert tr._meaning(ZeroDivisionError) is None


# --------------------------------------------------------------------------------------------- proxy


@contextlib.contextmanager
def environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> Any:
    with monkeypatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls to other hosts go to the proxy, with the password in its URL, which no error shows."""
    if sys.platform == "win32" and variable == "http_proxy":
        pytest.skip("names have no case here")

    async def main() -> Asked:
        async with serving(http(200, b"via proxy")) as proxy, transport() as it:
            with environment(monkeypatch, **{variable: f"http://me:pw123@127.0.0.1:{proxy.port}"}):
                reply = await send(it, call("http://api.example.invalid/v1"))
                assert reply.body == b"via proxy"
                return proxy.asked[0]

    asked = run(main())
    assert asked.line == "POST http://api.example.invalid/v1 HTTP/1.1"
    assert asked.headers["proxy-authorization"].startswith("Basic ")
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_https_goes_through_the_proxy_by_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """An https call asks the proxy for a tunnel, and does not show it the key."""

    async def main() -> tuple[Asked, TransportError]:
        async with serving(http(403)) as proxy, transport(clock=FakeClock()) as it:
            with environment(monkeypatch, HTTPS_PROXY=f"127.0.0.1:{proxy.port}"):
                with pytest.raises(TransportError) as caught:
                    await send(it, call("https://api.example.invalid/v1"))
                return proxy.asked[0], caught.value

    asked, error = run(main())
    assert asked.line == "CONNECT api.example.invalid:443 HTTP/1.1"
    assert "authorization" not in asked.headers
    assert error.phase == "connect"
    assert "proxy 127.0.0.1" in error.message


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the proxy, without its password."""

    async def main() -> TransportError:
        async with transport(clock=FakeClock()) as it:
            with environment(monkeypatch, HTTPS_PROXY=f"http://me:pw123@127.0.0.1:{free_port()}"):
                with pytest.raises(TransportError) as caught:
                    await send(it, call("https://api.example.invalid/v1"))
                return caught.value

    error = run(main())
    assert "proxy 127.0.0.1:" in error.message
    assert "pw123" not in "".join(traceback.format_exception(error))


def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts in NO_PROXY are called directly."""

    async def main() -> tuple[int, str]:
        async with serving(http()) as proxy, transport(clock=FakeClock()) as it:
            with environment(
                monkeypatch,
                HTTP_PROXY=f"http://127.0.0.1:{proxy.port}",
                NO_PROXY="other.invalid,.example.invalid",
            ):
                with pytest.raises(TransportError) as caught:
                    await send(it, call("http://api.example.invalid/v1"))
                return len(proxy.asked), caught.value.message

    asked, message = run(main())
    assert asked == 0
    assert "cannot find the host" in message


def test_socks_proxies_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be used is an error rather than being gone around."""

    async def main() -> None:
        async with transport() as it:
            with environment(monkeypatch, ALL_PROXY="socks5://127.0.0.1:9"):
                await send(it, call("http://api.example.invalid/v1"))

    with pytest.raises(RequestError, match="socks5"):
        run(main())


def test_loopback_is_never_proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says, local servers are called directly."""
    with environment(monkeypatch, HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9"):
        for host in ("127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST", "a.localhost", "[::1]", "0.0.0.0"):
            assert tr._Target.of(f"http://{host}:8080/v1").proxy is None, host
        for host in ("10.0.0.1", "localhost.example", "127.0.0.1.example", "[2001:db8::1]"):
            assert tr._Target.of(f"http://{host}/v1").proxy == "http://127.0.0.1:9", host

        async def main() -> int:
            async with serving(http()) as peer, transport() as it:
                return (await send(it, call(peer.url))).status

        assert run(main()) == 200


# ------------------------------------------------------------------------------------------- secrets


def everything(error: BaseException) -> str:
    """All that a log, a traceback or a debugger would print of an error, and of its causes."""
    text = ["".join(traceback.format_exception(error)), repr(error), str(vars(error))]
    text += [everything(inner) for inner in (error.__cause__, error.__context__) if inner is not None]
    return "\n".join(text)


def locals_of(error: BaseException) -> str:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if "antiphon" in frame.f_code.co_filename]
    assert ours
    return "\n".join(repr(value) for frame in ours for value in frame.f_locals.values())


def test_secrets_are_scrubbed_from_replies() -> None:
    """A server that echoes the key finds it neither in the body nor in the headers of the reply."""
    echo = http(200, f'{{"you sent": "Bearer {KEY}"}}'.encode(), x_request_id=f"req-{KEY}")
    reply, _ = once(echo)
    assert reply.body == b'{"you sent": "Bearer ***"}'
    assert reply.headers["x-request-id"] == "req-***"


def test_secrets_are_scrubbed_from_streams() -> None:
    """The events of a stream show no key either, in whatever pieces it comes; the body neither."""
    body = f"data: a\n\nevent: {KEY}\ndata: b {KEY} c\n\ndata: {KEY}\n\ndata: d\n\n".encode()

    async def byte_by_byte(asked: Asked) -> None:
        await asked.send(STREAM_HEAD)
        for i in range(len(body)):
            await asked.send(chunk(body[i : i + 1]))
            await asyncio.sleep(0)
        await asked.send(STREAM_END)

    for script in (byte_by_byte, STREAM_HEAD + chunk(body) + STREAM_END):
        seen: list[Event] = []
        reply, _ = once(script, stream="sse", on_event=lambda event, seen=seen: bool(seen.append(event)))
        assert seen == [Event("a"), Event("b *** c", "***"), Event("***"), Event("d")]
        assert reply.body == body.replace(KEY.encode(), b"***")


def reports_key(event: Event) -> bool:
    raise Rejected(f"bad key {event.data}", body=event.data, code=event.data)


@pytest.mark.parametrize(
    ("script", "more"),
    [
        (http(401, f"Incorrect API key provided: {KEY}".encode()), {}),
        (http(500, f"{KEY}".encode(), x_request_id=KEY), {}),
        (STREAM_HEAD + chunk(f"data: {KEY}\n\n".encode()) + STREAM_END, {"on_event": reports_key}),
        (http(302, b"", location=f"https://{KEY}@host/{KEY}?k={KEY}"), {}),
        (drop, {}),
        (b"HTTP/1.1 2x0 " + KEY.encode() + b"\r\n\r\n", {}),
        (hang, {"timeout": Timeout(total=0.1)}),
        (half_body, {"timeout": Timeout(idle=0.1)}),
    ],
)
def test_no_error_shows_a_secret(script: Script, more: dict[str, Any]) -> None:
    """Whatever goes wrong, no message, cause, traceback or local variable shows the key or the query."""

    async def main() -> AntiphonError:
        async with serving(script) as peer, transport(clock=FakeClock()) as it:
            with pytest.raises(AntiphonError) as caught:
                await send(it, call(f"{peer.url}?token={QUERY}", stream="sse"), **more)
            return caught.value

    error = run(main())
    assert KEY not in everything(error)
    assert KEY not in locals_of(error)
    assert QUERY not in everything(error)


# -------------------------------------------------------------------------------------- other answers


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


def test_an_answer_in_place_of_the_network() -> None:
    """The echo provider's way: no socket, same events, same reply, empty pieces skipped."""
    seen: list[str] = []

    async def answer(to: Call) -> tuple[int, Mapping[str, str], AsyncIterator[bytes]]:
        return 200, {"Content-Type": "text/event-stream"}, pieces(b"data: 1\n", b"", b"\ndata: 2\n\n")

    async def main() -> Reply:
        async with transport() as it:
            to = Call("echo:", stream="sse")
            return await send(it, to, answer=answer, on_event=lambda event: bool(seen.append(event.data)))

    reply = run(main())
    assert seen == ["1", "2"]
    assert (reply.status, reply.body) == (200, b"data: 1\n\ndata: 2\n\n")
    assert reply.headers == SSE_TYPE


def test_answers_are_retried_and_limited_like_the_network() -> None:
    """Statuses, errors and deadlines of an answer mean what they mean on the wire."""
    clock = FakeClock()
    script: list[Any] = [503, TransportError("no", phase="connect"), ConnectionResetError("gone"), 200]

    async def answer(to: Call) -> tuple[int, Mapping[str, str], AsyncIterator[bytes]]:
        step = script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step, {}, pieces(b"done")

    async def main() -> Reply:
        async with transport(clock=clock, jitter=lambda: 1.0) as it:
            return await send(it, Call(""), answer=answer, retries=3)

    assert run(main()).body == b"done"
    assert clock.sleeps == [0.5, 1.0, 2.0]


def test_bugs_are_not_dressed_up() -> None:
    """What is no trouble of the network comes out as it is."""

    async def answer(to: Call) -> tuple[int, Mapping[str, str], AsyncIterator[bytes]]:
        raise ZeroDivisionError

    async def main() -> None:
        async with transport() as it:
            with pytest.raises(ZeroDivisionError):
                await send(it, Call(""), answer=answer)

    run(main())


def test_cancelling_an_answer_ends_its_iterator() -> None:
    """Cancelling, and deadlines, run the iterator's cleanup."""
    ended: list[str] = []

    async def slow() -> AsyncIterator[bytes]:
        try:
            yield b"data: 1\n\n"
            await asyncio.sleep(30)
        finally:
            ended.append("closed")

    async def answer(to: Call) -> tuple[int, Mapping[str, str], AsyncIterator[bytes]]:
        return 200, SSE_TYPE, slow()

    async def main() -> None:
        async with transport() as it:
            to = Call("echo:", stream="sse")
            with pytest.raises(TransportError, match=r"timeout\.idle"):
                await send(it, to, answer=answer, on_event=lambda _: True, timeout=Timeout(idle=0.05))
            got = asyncio.Event()
            task = asyncio.create_task(send(it, to, answer=answer, on_event=lambda _: got.set() or True))
            await got.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())
    assert ended == ["closed", "closed"]


# ---------------------------------------------------------------------------- an independent fault peer


CHAT = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}).encode()
CHAT_STREAM = json.dumps({**json.loads(CHAT), "stream": True}).encode()


@pytest.fixture(scope="module")
def llmock_server() -> Any:
    """llmock on a loopback port: injects faults, and judges how the client took them."""
    testing = pytest.importorskip("llmock.testing")
    with testing.LLMockServer() as server:
        yield server


async def _control(url: str, method: str = "GET", document: Any = None) -> Any:
    async with aiohttp.ClientSession() as session, session.request(method, url, json=document) as response:
        document = await response.json()
        assert response.ok, document
        return document


class OpenAIStream:
    """Just enough of a dialect to know a whole stream from a cut one."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.done = False

    def feed(self, event: Event) -> bool:
        if event.data == "[DONE]":
            self.done = True
            return False
        delta = json.loads(event.data)["choices"][0]["delta"]
        return bool(delta.get("content"))


@pytest.mark.parametrize(
    ("behaviors", "stream", "outcome"),
    [
        ([{"type": "fail", "status": 429, "retry_after": 0.2, "times": 2}], False, None),
        ([{"type": "fail", "status": 503, "times": 1}], False, None),
        ([{"type": "fail", "status": 529, "times": 1}], True, None),
        ([{"type": "fail", "status": 500, "times": 9}], False, ServerFailed),
        ([{"type": "fail", "status": 400, "times": 9}], False, Rejected),
        ([{"type": "fail", "status": 401, "times": 9}], True, Unauthorized),
        ([{"type": "stream_fault", "kind": "disconnect", "after_chunks": 0}], True, None),
        (
            [{"type": "stream_fault", "kind": "stall", "after_chunks": 2, "stall_seconds": 5}],
            True,
            TransportError,
        ),
        ([{"type": "slow_first_token", "seconds": 0.1}], True, None),
    ],
)
def test_an_independent_judge_finds_nothing_to_complain_of(
    llmock_server: Any, behaviors: list[Any], stream: bool, outcome: type[AntiphonError] | None
) -> None:
    """llmock injects faults and grades the client: Retry-After, backoff, storms, stalls, needless retries."""
    admin = f"{llmock_server.url}/_llmock"
    reader = OpenAIStream()

    async def main() -> Any:
        await _control(f"{admin}/reset", "POST")
        await _control(f"{admin}/scenario", "POST", {"behaviors": behaviors})
        to = call(
            f"{llmock_server.url}/v1/chat/completions",
            body=CHAT_STREAM if stream else CHAT,
            stream="sse" if stream else "",
        )
        more: dict[str, Any] = {"on_event": reader.feed, "on_retry": reader.restart} if stream else {}
        expected = pytest.raises(outcome) if outcome else contextlib.nullcontext()
        async with transport(jitter=lambda: 1.0) as it:  # long pauses, so that a busy machine makes no odds
            with expected:
                await send(it, to, timeout=Timeout(first_token=0.5, idle=0.5), **more)
                assert reader.done == stream
        return await _control(f"{admin}/verdict")

    verdict = run(main())
    assert verdict["findings"] == []
    assert verdict["attempts"] >= 1
