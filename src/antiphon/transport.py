"""Call → Reply. With `fetch` the only file that imports the HTTP library.

    send ─ admit (limits, shared pause) ─ open ─ read the body, events as they come ─ check the status ─→ Reply
             ↑                                                                           │
             └── wait (Retry-After or backoff) ←── may it be sent again? ←── what failed ┘

One `_Sending` is one send with all its tries and deadlines; one `Account` is who pays for it. All that the
HTTP library can raise becomes an error of ours in `_failure`, without headers, query or key.
"""

from __future__ import annotations

import asyncio
import atexit
import io
import math
import os
import random
import socket
import ssl
import struct
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from .call import REQUEST_IDS, Call, Reply, Secret, StreamFormat, Timings
from .errors import (
    AntiphonError,
    Phase,
    QuotaExhausted,
    RateLimited,
    Refused,
    ReplyError,
    RequestError,
    TransportError,
)
from .events import READERS, Event
from .fetch import Fetcher
from .limits import MAX_WAIT, TICK, Account, Clock, Limits, SystemClock, exhausted, retry_after
from .loop import CLOSING_TIME, started, submit
from .names import looked_up
from .request import Delivery, Timeout

if TYPE_CHECKING:
    import aiohttp
    import yarl
    from aiohttp.abc import ResolveResult

__all__ = ["Answer", "Clock", "Limits", "Scrubbed", "Transport"]

# Answers a call in place of the network: status, headers, body in pieces.
Answer = Callable[[Call], Awaitable[tuple[int, Mapping[str, str], AsyncIterator[bytes]]]]

NO_LIMITS = Limits()
MAX_BODY = 256 * 1024 * 1024  # bytes of one answer, decompressed
MAX_ERROR_BODY = 1024 * 1024  # bytes read of an answer with an error status; the rest is left unread
BACKOFF = (0.5, 8.0)  # seconds: the longest wait before the first retry (doubled for each more), and the most
LONGEST_SECRET = 4096  # bytes; a longer key is found in a stream only if it comes in one piece
# Larger bodies are given to aiohttp as a file: it warns about large bytes.
LARGE_BODY = 1 << 20

# Response headers worth keeping; everything else (cookies, organisation names) is dropped.
KEPT = frozenset(
    {
        *REQUEST_IDS,
        "content-type",
        "openai-processing-ms",
        "openai-version",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
    }
)
KEPT_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "x-amzn-")


class Transport:
    """Sends calls and gives back replies. One pool of connections for each event loop that uses it.

    `max_body` is the most bytes of one answer, decompressed. `clock` and `jitter` (a number in 0..1 by which
    a backoff is multiplied) can be given by tests, `tls` by those who have certificates of their own. `fetcher`
    gets media by their URLs, where a request allows that.
    Proxies are taken from the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY) when a host is first
    called; loopback is never proxied.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        max_body: int = MAX_BODY,
        jitter: Callable[[], float] = random.random,
        tls: ssl.SSLContext | None = None,
        fetcher: Fetcher | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.fetcher = fetcher or Fetcher(tls=tls)
        self.max_body = max_body
        self.jitter = jitter
        self.tls = tls
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
        self._targets: dict[str, _Target] = {}
        _transports.add(self)

    async def send(
        self,
        call: Call,
        delivery: Delivery,
        *,
        check: Callable[[Reply], ReplyError],
        on_event: Callable[[Event], bool] | None = None,
        on_retry: Callable[[], object] | None = None,
        on_reply: Callable[[Reply], object] | None = None,
        account: str = "",
        limits: Limits = NO_LIMITS,
        tokens: int = 0,
        answer: Answer | None = None,
        sign: Callable[[Call], Awaitable[Call]] | None = None,
        on_piece: Callable[[bytes], object] | None = None,
        once: bool = False,
    ) -> Reply:
        """The reply with a success status, its body whole, even of a stream.

        `check` gives the error for a reply with an error status. `on_event` gets the events of a stream in
        order and says whether one brought output; once one did, nothing is sent again. `on_retry` is called
        before a new try when events without output were given in the last one; without it such a stream is
        not tried again. `on_reply` gets the successful reply while it can still be tried again: an error that
        it raises (a stream without its end marker) counts as this try's. `account` names who pays, without any
        key in it: limits and pauses are shared by all calls of one account. `tokens` is the guess for the
        tokens-per-minute limit (see `settle`). `sign` is called just before each try and gives the call as it
        goes out, so that a signature that holds the time is never older than the wait for a slot or for a retry.
        `on_piece` gets the body of a success in pieces, in place of the reply and without its size limit: for files.
        With `once` nothing is ever sent again, not even where a connection from the pool turns out to be dead.

        Raises TransportError when no whole reply arrived, RequestError when the address is no good, and what
        `check` or `on_event` give. Cancelling the task closes the connection at once.
        """
        pool = self._pool()
        sending = _Sending(self, pool, call, delivery, check)
        sending.on_event, sending.on_retry, sending.on_reply = on_event, on_retry, on_reply
        sending.account, sending.limits, sending.tokens = pool.account(account), limits, tokens
        sending.answer, sending.sign = answer, sign
        sending.on_piece, sending.once = on_piece, once
        return await sending.run()

    def settle(self, account: str, tokens: int) -> None:
        """Put the tokens that a call really took in place of the guess. Call it on the loop that sent it."""
        self._pool().account(account).settle(tokens, self.clock.now())

    def new_account(self, name: str) -> Account:  # noqa: ARG002 - for those who share them
        """The limits and the pause of a payer who is new to this loop. Other processes may share what this gives."""
        return Account()

    async def close(self) -> None:
        """Close the connections of the running loop."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    def hang_up(self, *, wait: bool) -> None:
        """Close the connections of the private loop, from any thread; with `wait`, for a second at the most."""
        if started():
            job = submit(self.close())
            if wait:
                job.wait(CLOSING_TIME)

    def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            for dead in [old for old in self._pools if old.is_closed()]:
                _never_free(self._pools.pop(dead))
            pool = self._pools[loop] = _Pool(self.tls, self.new_account)
        return pool

    def forget(self) -> None:
        """In a forked child: leave all connections to the parent, and make new ones when needed."""
        for pool in self._pools.values():
            _never_free(pool)
        self._pools = {}

    def target(self, url: str) -> _Target:
        """Where a call to `url` goes. RequestError when it is no address."""
        target = self._targets.get(url)
        if target is None:
            if len(self._targets) > 1000:
                self._targets.clear()
            target = self._targets[url] = _Target.of(url)
        return target


class _Pool:
    """What belongs to one event loop: its connections, and its accounts."""

    def __init__(self, tls: ssl.SSLContext | None, new_account: Callable[[str], Account]) -> None:
        self._tls = tls
        self._new_account = new_account
        self._session: aiohttp.ClientSession | None = None
        self._accounts: dict[str, Account] = {}

    def account(self, name: str) -> Account:
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = self._new_account(name)
        return account

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = _session(self._tls)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # transports say goodbye in the loop's next turn


def _never_free(pool: _Pool) -> None:
    """Keep a pool that may not be closed from here until the process is gone.

    Freeing it would close its sockets. In a forked child that takes them out of the epoll that the child
    shares with its parent, whose connections then hang; and it would end the parent's TLS sessions.
    """
    import ctypes

    if hasattr(ctypes, "pythonapi"):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(pool))


_transports: weakref.WeakSet[Transport] = weakref.WeakSet()


@atexit.register
def _at_exit() -> None:
    """Close what is still open before the interpreter goes, or aiohttp complains on stderr."""
    for transport in list(_transports):
        transport.hang_up(wait=True)


def _after_fork() -> None:
    for transport in list(_transports):
        transport.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# Whether the connection of the current task's latest request was made for it. Else it came from the pool.
_fresh: ContextVar[bool] = ContextVar("antiphon_fresh_connection", default=False)


def _session(tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
    import aiohttp  # takes 0.1 s and loads the certificates: not before something is sent
    from aiohttp.abc import AbstractResolver

    class Names(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            found = await looked_up(host, port, family, socket.AI_ADDRCONFIG)
            return [_resolved(host, port, *it) for it in found]

        async def close(self) -> None:
            """Nothing to close."""

    class Connector(aiohttp.TCPConnector):
        async def _get(self, key: Any, traces: Any) -> Any:
            found: Any = await super()._get(key, traces)
            # What came while nobody asked is no answer to what is asked next: such a connection is not used again.
            while found is not None and found.protocol.should_close:
                found.close()
                found = await super()._get(key, traces)
            return found

        async def _create_connection(self, req: Any, *args: Any, **kwargs: Any) -> Any:
            _fresh.set(True)
            protocol: Any = await super()._create_connection(req, *args, **kwargs)
            if is_loopback(req.url.host or ""):
                _close_hard(protocol.transport)
            return protocol

    return aiohttp.ClientSession(
        # ssl=True is aiohttp's one context of this process: making another costs 16 ms.
        connector=Connector(
            limit=0, keepalive_timeout=30, ssl=True if tls is None else tls, resolver=Names()
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "antiphon"},
        max_line_size=32_768,
        max_field_size=32_768,
    )


def _resolved(
    host: str, port: int, family: socket.AddressFamily, _kind: object, proto: int, _name: str, address: Any
) -> ResolveResult:
    """One address of a host in the HTTP library's words."""
    where: str = address[0]
    if family == socket.AF_INET6 and len(address) > 3 and address[3] and "%" not in where:
        where = f"{where}%{address[3]}"  # an address of one link only, with the link
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return {"hostname": host, "host": where, "port": port, "family": family, "proto": proto, "flags": flags}


def _close_hard(transport: asyncio.Transport) -> None:
    """Make closing a reset: a local model then notices with its next write, and not with the one after."""
    found: socket.socket | None = transport.get_extra_info("socket")
    if found is not None:
        # struct linger: on, 0 seconds (two shorts on Windows, two ints elsewhere).
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@lru_cache(maxsize=64)
def _client_timeout(connect: float | None) -> aiohttp.ClientTimeout:
    """aiohttp watches the connecting; all other deadlines are ours."""
    import aiohttp

    return aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=None, sock_read=None)


# ------------------------------------------------------------------------------------------- targets


class _Target(NamedTuple):
    """An address made ready: `where` is host and port for messages, `proxy` the proxy to go through."""

    url: yarl.URL | str
    where: str
    loopback: bool
    proxy: str | None

    @classmethod
    def of(cls, url: str) -> _Target:
        import yarl

        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
            parsed = yarl.URL(url, encoded=url.isascii() and url.isprintable() and " " not in url)
        except ValueError:
            raise RequestError("the address is not a URL", field="base_url") from None
        if parts.scheme not in ("http", "https") or not host:
            raise RequestError("the address must begin with http:// or https://", field="base_url")
        if parts.username is not None or parts.password is not None:
            raise RequestError(
                f"the address of {host} holds a user name or password; those end up in logs",
                field="base_url",
                hint="Store the key with `antiphon keys set` instead.",
            )
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        loopback = is_loopback(host)
        return cls(parsed, where, loopback, None if loopback else _proxy(parts.scheme, where))


def is_loopback(host: str) -> bool:
    """Whether this host, as it stands in an address, is this machine."""
    import ipaddress

    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if address.version == 6 else None
    return (mapped or address).is_loopback or address.is_unspecified


def _proxy(scheme: str, where: str) -> str | None:
    """The proxy that the environment names for this host, as a URL."""
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    found = proxies.get(scheme) or proxies.get("all")
    if not found or proxy_bypass(where):
        return None
    if "://" not in found:
        found = f"http://{found}"
    if urlsplit(found).scheme not in ("http", "https"):
        raise RequestError(
            f"the environment names a {urlsplit(found).scheme} proxy, and only HTTP proxies are supported",
            hint=f"Set {scheme.upper()}_PROXY to an http:// address, or NO_PROXY to go without.",
        )
    return found


def _proxy_name(proxy: str | None) -> str:
    """Host and port of the proxy, without the password that may be in its URL."""
    parts = urlsplit(proxy or "")
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


# ------------------------------------------------------------------------------------------- headers


def _kept(headers: Iterable[tuple[str, str]], secrets: tuple[Secret, ...]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in KEPT or lower.startswith(KEPT_PREFIXES):
            kept[name] = value
    for secret in secrets:
        together = "\n".join((*kept, *kept.values()))
        if _scrub(together, secret) is not together:
            kept = {_scrub(name, secret): _scrub(value, secret) for name, value in kept.items()}
    return {name.lower(): value for name, value in kept.items()}


# ----------------------------------------------------------------------------------------- deadlines


class _Watch:
    """The deadlines of one send on one timer. Cancels the task when the next one passes.

    A later deadline only moves `_at`; the timer looks again when it rings. So a stream's pieces cost no timers.
    """

    __slots__ = ("_at", "_cancelling", "_limit", "_loop", "_task", "_timer", "_total_at", "expired")

    def __init__(self, timeout: Timeout) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling() if sys.version_info >= (3, 11) else 0
        now = self._loop.time()
        first_token, idle, total = (x or math.inf for x in (timeout.first_token, timeout.idle, timeout.total))
        self._at = self._total_at = now + total
        self._limit = "total"
        # Set for the earliest that any deadline may be, so that hardly any is too early for it.
        at = now + min(first_token, idle, total)
        self._timer = self._loop.call_at(at, self._ring) if at < math.inf else None
        self.expired = ""

    def arm(self, limit: str, seconds: float | None) -> None:
        """From now on `limit` counts, beside the total."""
        at = self._total_at if seconds is None else min(self._loop.time() + seconds, self._total_at)
        self._limit = limit
        self._at = at
        timer = self._timer
        if at < math.inf and (timer is None or at < timer.when()):
            if timer is not None:
                timer.cancel()
            self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._at == math.inf:
            return
        if self._loop.time() < self._at:
            self._timer = self._loop.call_at(self._at, self._ring)
        else:
            self.expired = "total" if self._at >= self._total_at else self._limit
            self._task.cancel()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def caused(self) -> bool:
        """Whether the cancellation just caught was this watch's, and nobody else's too."""
        if not self.expired:
            return False
        if sys.version_info >= (3, 11):
            return self._task.uncancel() <= self._cancelling
        return True


_DEADLINES: Mapping[str, str] = {
    "connect": "no connection to {where} within {seconds:g} s",
    "first_token": "no answer from {where} began within {seconds:g} s",
    "idle": "{where} sent nothing more of its answer for {seconds:g} s",
    "total": "no whole answer from {where} within {seconds:g} s",
}


def _deadline(limit: str, timeout: Timeout, where: str, *, before_output: bool) -> TransportError:
    return TransportError(
        f"{_DEADLINES[limit].format(where=where, seconds=getattr(timeout, limit))} (timeout.{limit})",
        phase="deadline",
        before_output=before_output,
        limit=limit,
        hint=f"Give it more time with a larger timeout.{limit}.",
    )


# ------------------------------------------------------------------------------------------ one send


@dataclass(slots=True)
class _Arriving:
    """An answer whose status and headers are here: `read` gives the next piece of the body, empty at its end."""

    status: int
    headers: Mapping[str, str]
    read: Callable[[], Awaitable[bytes]]
    close: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Sending:
    """One send: all its tries, its deadlines, and what has been seen of the answer."""

    transport: Transport
    pool: _Pool
    call: Call
    delivery: Delivery
    check: Callable[[Reply], ReplyError]
    on_event: Callable[[Event], bool] | None = None
    on_retry: Callable[[], object] | None = None
    on_reply: Callable[[Reply], object] | None = None
    account: Account = field(init=False)
    limits: Limits = Limits()
    tokens: int = 0
    answer: Answer | None = None
    sign: Callable[[Call], Awaitable[Call]] | None = None
    on_piece: Callable[[bytes], object] | None = None
    once: bool = False
    unsigned: Call = field(init=False)
    target: _Target = field(init=False)
    watch: _Watch = field(init=False)
    started: float = 0.0  # by the clock, as are the next
    sent: float = 0.0
    queued: float = 0.0
    first_token: float | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])  # the kept ones of the latest try
    arrived: bool = False  # the latest try got as far as a status
    events: int = 0  # events given out in the latest try
    output: bool = False  # something of the answer has been seen: no more tries
    echoes: bool = False  # the answer repeats a key
    handing_out: bool = False  # `on_event` is running: what it raises is none of the network's
    revived: bool = False  # a dead connection from the pool was replaced once already

    async def run(self) -> Reply:
        self.target = self._target()
        self.unsigned = self.call
        self.started = self.transport.clock.now()
        self.watch = watch = _Watch(self.delivery.timeout)
        try:
            return await self._tries()
        except asyncio.CancelledError:
            if not watch.caused():
                raise
        finally:
            watch.stop()
        # Raised out here, so that no frame of the HTTP library, which knows the key, hangs on it.
        raise _deadline(
            watch.expired, self.delivery.timeout, self.target.where, before_output=not self.output
        )

    def _target(self) -> _Target:
        if self.answer is None:
            return self.transport.target(self.call.url)
        return _Target(self.call.url, self.call.host or "the provider", loopback=False, proxy=None)

    async def _tries(self) -> Reply:
        tries = 0
        while True:
            try:
                return await self._try()
            except AntiphonError as error:
                wait = self._wait_before_retry(error, tries)
                if wait is None:
                    if tries:
                        _add_to_message(error, f" (after {tries + 1} tries)")
                    if isinstance(error, ReplyError | Refused) and not error.request_id:
                        # What came inside a stream does not know the headers.
                        error.request_id = Reply(0, b"", self.headers).request_id
                    _scrub_error(error, self.call.secrets)
                    # The frames below hold pieces of the raw answer, which may repeat the key.
                    raise error.with_traceback(None) from error.__cause__
            self.watch.arm("total", None)
            if self.events and self.on_retry:
                self.on_retry()
            if wait:  # a dead connection is replaced at once, and that does not count as a try
                tries += 1
                await self.transport.clock.sleep(wait)

    async def _try(self) -> Reply:
        clock, account = self.transport.clock, self.account
        self.arrived, self.events = False, 0
        self.queued += await account.admit(self.limits, self.tokens, clock)
        answered = False
        try:
            if self.sign is not None:
                self.call = await self.sign(self.unsigned)
            self.sent = clock.now()
            reply = await self._on_wire()
            answered = reply.status < 300
        finally:
            account.leave(self.limits, self.tokens, clock.now(), answered=answered)
        if (reset := exhausted(reply.headers, clock.wall())) > 0:
            account.pause(clock.now() + reset)
        if not 200 <= reply.status < 300:
            raise self.check(reply)
        if self.on_reply is not None:
            self.on_reply(reply)
        return reply

    async def _on_wire(self) -> Reply:
        try:
            return await self._exchange()
        except AntiphonError:
            raise
        except Exception as error:
            if self.handing_out:
                raise
            failure = _failure(error, self.target, self.delivery.timeout, before_output=not self.output)
            if failure is None:
                raise
        raise failure  # out here for the same reason as in `run`

    async def _exchange(self) -> Reply:
        self.watch.arm("first_token", self.delivery.timeout.first_token)
        arriving = await (self._open() if self.answer is None else self._open_answer(self.answer))
        self.arrived = True
        try:
            self.headers = _kept(arriving.headers.items(), self.call.secrets)
            if 300 <= arriving.status < 400:
                raise _redirected(arriving, self.target, self.call.secrets)
            body = await self._body(arriving)
        finally:
            await arriving.close()
        return self._reply(arriving.status, body)

    def _reply(self, status: int, body: bytes) -> Reply:
        for secret in self.call.secrets:
            body = secret.scrub(body)
        timings = Timings(self.queued, self.first_token, self.transport.clock.now() - self.started)
        return Reply(status, body, self.headers, timings)

    async def _open(self) -> _Arriving:
        """Send the call over the network."""
        call = self.call
        _fresh.set(False)
        response = await self.pool.session.request(
            call.method,
            self.target.url,
            data=_payload(call.body),
            headers=_wire_headers(call),
            proxy=self.target.proxy,
            allow_redirects=False,
            timeout=_client_timeout(self.delivery.timeout.connect),
        )

        async def close() -> None:
            response.close()  # a connection whose answer was read to its end is back in the pool by now

        return _Arriving(response.status, response.headers, response.content.readany, close)

    async def _open_answer(self, answer: Answer) -> _Arriving:
        """Let `answer` stand in for the network."""
        status, headers, pieces = await answer(self.call)

        async def read() -> bytes:
            async for piece in pieces:
                if piece:
                    return piece
            return b""

        async def close() -> None:
            aclose = getattr(pieces, "aclose", None)
            if aclose is not None:
                await aclose()

        return _Arriving(status, headers, read, close)

    # ---------------------------------------------------------------------------------------- the body

    async def _body(self, arriving: _Arriving) -> bytes:
        if arriving.status >= 300:
            return await self._error_body(arriving.read)
        format = Reply(200, b"", self.headers).stream if self.call.stream else ""  # noqa: A001
        if format:
            return await self._stream(arriving.read, format)
        return await self._whole(arriving.read)

    async def _whole(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        pieces: list[bytes] = []
        size = 0
        idle = self.delivery.timeout.idle
        while piece := await read():
            if not pieces:
                self.output = True
                self.first_token = self.transport.clock.now() - self.sent
            if self.on_piece is not None:
                self.on_piece(piece)
                pieces = [b""]
            else:
                pieces.append(piece)
                size += len(piece)
                self._check_size(size)
            self.watch.arm("idle", idle)
        return b"".join(pieces)

    async def _stream(self, read: Callable[[], Awaitable[bytes]], format: StreamFormat) -> bytes:  # noqa: A002
        parser = READERS[format]()
        pieces: list[bytes] = []
        size = 0
        recent = b""
        idle = self.delivery.timeout.idle
        while piece := await read():
            pieces.append(piece)
            size += len(piece)
            self._check_size(size)
            recent = self._look_for_secrets(recent, piece)
            # A piece without events (a comment) is no sign of life.
            if self._give_out(parser.feed(piece)) and self.output:
                self.watch.arm("idle", idle)
        self._give_out(parser.close())
        return b"".join(pieces)

    def _look_for_secrets(self, recent: bytes, piece: bytes) -> bytes:
        """Note when the answer repeats a key, be it cut in two; gives what to look at again with the next piece.

        Looking at pieces costs less than looking at events.
        """
        recent += piece
        for secret in self.call.secrets:
            if secret.scrub(recent) is not recent:
                self.echoes = True
        return recent[-LONGEST_SECRET:]

    def _give_out(self, events: list[Event]) -> bool:
        """Hand on the events; whether there were any."""
        if not events:
            return False
        self.events += len(events)
        on_event = self.on_event
        if self.echoes:
            events = [_scrub_event(event, self.call.secrets) for event in events]
        if on_event is not None:
            self.handing_out = True
            for event in events:
                if on_event(event) and not self.output:
                    self.output = True
                    self.first_token = self.transport.clock.now() - self.sent
            self.handing_out = False
        return True

    async def _error_body(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """The body of an error, as much of it as anyone will look at."""
        pieces: list[bytes] = []
        size = 0
        while size < MAX_ERROR_BODY and (piece := await read()):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)[:MAX_ERROR_BODY]

    def _check_size(self, size: int) -> None:
        if size > self.transport.max_body:
            raise TransportError(
                f"the answer from {self.target.where} has more than {self.transport.max_body:,} bytes",
                phase="too-large",
                before_output=not self.output,
                hint="No completion is that large; check the address.",
            )

    # -------------------------------------------------------------------------------------- once more?

    def _wait_before_retry(self, error: AntiphonError, tries: int) -> float | None:
        """Seconds to wait before the next try, or None to give up. Adds to the message why, where it matters."""
        if self.once or self.output or (self.events and self.on_retry is None):
            return None
        if not isinstance(error, TransportError | ReplyError):
            return None
        if not self.revived and self._died_in_pool(error):
            self.revived = True
            return 0.0
        asked = self._asked_wait(error)
        if asked is not None and asked > MAX_WAIT:
            _add_to_message(
                error, f" (asks to wait {_span_text(asked)}; up to {MAX_WAIT:g} s are waited here)"
            )
            return None
        clock = self.transport.clock
        first, most = BACKOFF
        wait = asked or max(self.transport.jitter() * min(most, first * 2**tries), TICK)
        if isinstance(error, RateLimited):
            self.account.pause(clock.now() + wait)
        if tries >= self.delivery.retries or not self._may_retry(error):
            return None
        total = self.delivery.timeout.total
        if total is not None and clock.now() + wait >= self.started + total:
            _add_to_message(error, f" (waiting {wait:.3g} s more would pass timeout.total, {total:g} s)")
            return None
        return wait

    def _died_in_pool(self, error: TransportError | ReplyError) -> bool:
        """Whether the server had closed an idle connection just when we used it again."""
        cut = isinstance(error, TransportError) and error.phase == "cut-off"
        return cut and not self.arrived and self.answer is None and not _fresh.get()

    def _may_retry(self, error: TransportError | ReplyError) -> bool:
        if isinstance(error, TransportError):  # "deadline" here is the connection's; the others end the send
            return error.phase in ("connect", "cut-off", "deadline")
        if isinstance(error, QuotaExhausted):
            return False
        told = self.headers.get("x-should-retry")
        if told in ("true", "false"):
            return told == "true"
        return error.retryable or error.status in (408, 409)

    def _asked_wait(self, error: TransportError | ReplyError) -> float | None:
        if not isinstance(error, ReplyError):
            return None
        asked = retry_after(self.headers, self.transport.clock.wall()) or error.retry_after
        error.retry_after = asked
        return asked


def _payload(body: bytes) -> bytes | io.BytesIO | None:
    if not body:
        return None
    return body if len(body) < LARGE_BODY else io.BytesIO(body)


def _wire_headers(call: Call) -> dict[str, str]:
    """The headers with their secrets revealed: the one place where that happens."""
    headers: dict[str, str] = {}
    for name, value in call.headers.items():
        if isinstance(value, Secret):
            value = value.reveal()  # noqa: PLW2901
        if not value.isprintable():  # a line end would begin a header of its own
            raise RequestError(f"the value of header {name} holds a line end or control character")
        headers[name] = value
    return headers


def _redirected(arriving: _Arriving, target: _Target, secrets: tuple[Secret, ...]) -> ReplyError:
    # Scrubbed before anything is cut or made lower case: of a key that is half gone the rest would stay.
    told = {name: arriving.headers.get(name, "") for name in ("location", "x-amz-bucket-region")}
    for secret in secrets:
        told = {name: _scrub(value, secret) for name, value in told.items()}
    try:
        host = urlsplit(told["location"]).hostname
    except ValueError:
        host = None
    region = told["x-amz-bucket-region"][:40]  # where files are kept by region
    return ReplyError(
        f"{target.where} redirects to {host or 'another path'} (status {arriving.status});"
        " redirects are not followed, so that no key reaches another host"
        + (f"; what is asked for is in the region {region}" if region else ""),
        status=arriving.status,
        hint=f"Ask in the region {region}, or keep the files in the one that is asked."
        if region
        else "Check the base URL; if you trust the other address, use it instead.",
    )


def _scrub(text: str, secret: Secret) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    scrubbed = secret.scrub(raw)
    return text if scrubbed is raw else scrubbed.decode("utf-8", "surrogatepass")


def _scrub_event(event: Event, secrets: tuple[Secret, ...]) -> Event:
    for secret in secrets:
        event = Event(_scrub(event.data, secret), _scrub(event.name, secret))
    return event


class Scrubbed:
    """Hands on a body in pieces without the keys that it may repeat, be they cut in two. Call `end` at its end."""

    def __init__(self, secrets: tuple[Secret, ...], hand_on: Callable[[bytes], object]) -> None:
        self._secrets = secrets
        self._hand_on = hand_on
        self._kept = b""

    def __call__(self, piece: bytes) -> None:
        text = self._scrub(self._kept + piece)
        self._hand_on(text[:-LONGEST_SECRET])
        self._kept = text[-LONGEST_SECRET:]

    def end(self) -> None:
        self._hand_on(self._kept)
        self._kept = b""

    def _scrub(self, text: bytes) -> bytes:
        for secret in self._secrets:
            text = secret.scrub(text)
        return text


def _scrub_error(error: AntiphonError, secrets: tuple[Secret, ...]) -> None:
    """Servers repeat keys in what they complain about."""
    for secret in secrets:
        error.args = tuple(_scrub(arg, secret) if isinstance(arg, str) else arg for arg in error.args)
        if isinstance(error, ReplyError):
            error.body = _scrub(error.body, secret)
            error.code = _scrub(error.code, secret)


def _add_to_message(error: AntiphonError, text: str) -> None:
    error.args = (error.message + text, *error.args[1:])


def _span_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


# ------------------------------------------------------------------- what the HTTP library can raise


class _Failure(NamedTuple):
    """What an exception class means. The texts take {where}, {proxy} and {detail}."""

    phase: Phase
    text: str
    hint: str = ""


_INVALID = _Failure(
    "", "{where} did not answer in valid HTTP: {detail}", "Check that this is the API's address and port."
)
_LOST = _Failure("cut-off", "the connection to {where} was lost: {detail}")
_TLS = _Failure("tls", "no secure connection to {where}: {detail}", "Is it http:// rather than https://?")
_ADDRESS = _Failure("", "the address of {where} is not valid")
_NO_CONNECTION = _Failure("deadline", "")
_FALLBACK = _Failure("", "the request to {where} failed: {detail}")


@cache
def _failures() -> tuple[tuple[type[BaseException], _Failure], ...]:
    """Exception classes of the HTTP library and what they mean, the most specific first."""
    import aiohttp
    from aiohttp import http_exceptions as http

    return (
        (aiohttp.ConnectionTimeoutError, _NO_CONNECTION),
        (aiohttp.ServerTimeoutError, _LOST),
        (
            aiohttp.ClientConnectorCertificateError,
            _Failure(
                "tls",
                "the certificate of {where} does not verify: {detail}",
                "For a certificate authority of your own set SSL_CERT_FILE.",
            ),
        ),
        (aiohttp.ClientSSLError, _TLS),
        (aiohttp.ServerFingerprintMismatch, _TLS),
        (
            aiohttp.ClientConnectorDNSError,
            _Failure(
                "connect", "cannot find the host of {where}: {detail}", "Check the address, and the network."
            ),
        ),
        (
            aiohttp.ClientProxyConnectionError,
            _Failure(
                "connect", "cannot connect to the proxy {proxy}: {detail}", "Check HTTPS_PROXY or NO_PROXY."
            ),
        ),
        (
            aiohttp.ClientHttpProxyError,
            _Failure(
                "connect",
                "the proxy {proxy} gives no way to {where}: {detail}",
                "Check HTTPS_PROXY or NO_PROXY.",
            ),
        ),
        (aiohttp.ClientConnectorError, _Failure("connect", "cannot connect to {where}: {detail}")),
        (
            aiohttp.ServerDisconnectedError,
            _Failure("cut-off", "{where} closed the connection without an answer"),
        ),
        (aiohttp.ClientOSError, _LOST),
        (aiohttp.ClientConnectionResetError, _LOST),
        (aiohttp.ClientConnectionError, _LOST),
        (aiohttp.ClientPayloadError, _Failure("cut-off", "the answer from {where} was cut off")),
        (aiohttp.ClientResponseError, _INVALID),
        (http.HttpProcessingError, _INVALID),
        (aiohttp.InvalidURL, _ADDRESS),
        (aiohttp.NonHttpUrlClientError, _ADDRESS),
        (ssl.SSLError, _TLS),
        (OSError, _LOST),
        (aiohttp.ClientError, _FALLBACK),
    )


def _meaning(kind: type[BaseException]) -> _Failure | None:
    return next((failure for known, failure in _failures() if issubclass(kind, known)), None)


def _failure(
    error: Exception, target: _Target, timeout: Timeout, *, before_output: bool
) -> TransportError | RequestError | None:
    """The error of ours for one of the HTTP library's; None for what is not its doing."""
    meaning = _meaning(type(error))
    if meaning is None:
        return None
    if meaning is _NO_CONNECTION:
        return _deadline("connect", timeout, target.where, before_output=before_output)
    text = meaning.text.format(where=target.where, proxy=_proxy_name(target.proxy), detail=_detail(error))
    if meaning is _ADDRESS:
        return RequestError(text, field="base_url")
    hint = meaning.hint
    if meaning.phase == "connect" and target.loopback and not hint:
        hint = "Is the server running, on this port?"
    too_large = type(error.__cause__).__name__ == "LineTooLong"
    failure = TransportError(
        text, phase="too-large" if too_large else meaning.phase, before_output=before_output, hint=hint
    )
    failure.__cause__ = _cause(error)
    return failure


def _detail(error: BaseException) -> str:
    """The reason in a few words, as the operating system, TLS or the HTTP parser gives it."""
    for attribute in ("certificate_error", "os_error"):
        inner = getattr(error, attribute, None)
        if isinstance(inner, BaseException):
            return _detail(inner)
    for attribute in ("verify_message", "reason", "strerror", "message"):
        text = getattr(error, attribute, None)
        if text and isinstance(text, str):
            return text.splitlines()[0][:200]
    return (
        str(error).splitlines()[0][:200]
        if isinstance(error, OSError) and str(error)
        else type(error).__name__
    )


def _cause(error: BaseException) -> BaseException | None:
    """The operating system's part of the error, without the frames that hold the request and its headers."""
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    if not isinstance(inner, BaseException):
        return None
    inner.__context__ = inner.__cause__ = None
    return inner.with_traceback(None)
