"""`antiphon ui`: the pages by themselves, on loopback, for whoever has the address that the terminal shows."""

from __future__ import annotations

import asyncio
import errno
import logging
import mimetypes
import secrets
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from ..errors import AntiphonError, RequestError
from .guard import Denied, Guard, Host, Pairing
from .messages import HEADERS, failure
from .neighbours import peer_of
from .routes import admit, answer
from .site import Site

if TYPE_CHECKING:
    from ..client import Client

__all__ = ["STATIC", "Server", "serve"]

STATIC = Path(__file__).with_name("static")
LOOPBACK = "127.0.0.1"
GRACE = 1.0  # seconds for connections to end in, once the server is to stop
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
# By name and not by the system's tables, which programs change: a script of another type does not run.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


@dataclass(eq=False)
class Server:
    """The site and its files. `start` and `stop` belong on one event loop.

    `show` is told a pairing code when a browser without the cookie asks for one.
    """

    client: Callable[[], Client]
    show: Callable[[str], object]
    lang: str = ""
    static: Path = STATIC
    port: int = 0
    _token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _runner: web.AppRunner | None = None

    def __post_init__(self) -> None:
        guard = Guard(Pairing(self.show), private=lambda: False)
        self.site = Site("ui", guard, self.client, self.lang)
        self._working: set[asyncio.Task[object]] = set()

    @property
    def address(self) -> str:
        """Where it is, without the token."""
        return f"http://{LOOPBACK}:{self.port}/"

    @property
    def url(self) -> str:
        """The address that lets one browser in, once."""
        return f"{self.address}?{urlencode({'token': self._token})}"

    async def start(self) -> None:
        """Listen on `port`, or on a free one where it is 0. RequestError where the port is taken."""
        app = web.Application()
        app.router.add_route("*", "/antiphon/{path:.*}", self._api)
        app.router.add_route("*", "/{path:.*}", self._file)
        app.on_response_prepare.append(_no_name)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, LOOPBACK, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise _not_listening(self.port, error) from None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End what is under way, and close all connections."""
        for task in tuple(self._working):
            task.cancel()
        if self._working:
            await asyncio.wait(tuple(self._working), timeout=GRACE)
        if self._runner is not None:
            await self._runner.cleanup()

    @contextmanager
    def _under_way(self) -> Generator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        try:
            yield
        finally:
            self._working.discard(task)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        with self._under_way():
            return await answer(self.site, request, request.match_info["path"])

    # ------------------------------------------------------------------------------------- files

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """A file of the page: for everybody who may load pages from here, since there is nothing of anybody's in it."""
        try:
            return await self._found(request)
        except AntiphonError as error:
            return failure(error)

    async def _found(self, request: web.Request) -> web.StreamResponse:
        guard, name = self.site.guard, request.match_info["path"]
        host = guard.host(request)
        if request.method not in ("GET", "HEAD"):
            raise Denied("there is no such route", status=404, kind="no-route")
        if name == "" and "token" in request.query:
            return self._let_in(request, host)
        if request.headers.get("Sec-Fetch-Mode") != "navigate":
            guard.origin(request, host)
        path = (await asyncio.to_thread(self._files)).get(name or "index.html")
        if path is None:
            raise Denied("there is no such page", status=404, kind="no-route")
        data = await asyncio.to_thread(path.read_bytes)
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {**HEADERS, "Content-Security-Policy": POLICY, "Content-Type": f"{kind}; charset=utf-8"}
        if not kind.startswith(("text/", "application/j")):
            headers["Content-Type"] = kind
        return web.Response(body=data, headers=headers)

    def _files(self) -> dict[str, Path]:
        """Every file of the page by its path: what is not in here is not served, however it is spelled."""
        root = self.static.resolve()
        return {
            path.relative_to(root).as_posix(): path
            for path in root.rglob("*")
            if path.is_file() and path.resolve().is_relative_to(root)
        }

    def _let_in(self, request: web.Request, host: Host) -> web.StreamResponse:
        """Take the token of the address for a cookie, and the token out of the address. It works once."""
        query = {name: text for name, text in request.query.items() if name == "lang"}
        target = "/" + (f"?{urlencode(query)}" if query else "")
        reply = web.Response(status=303, headers={**HEADERS, "Location": target})
        given = request.query["token"].encode("utf-8", "surrogatepass")
        right = bool(self._token) and secrets.compare_digest(given, self._token.encode())
        # Another user of this machine may read the address in the list of processes while the browser starts.
        if right and request.method == "GET" and peer_of(request.transport).ours:
            self._token = ""
            admit(self.site, request, host, reply)
        return reply  # a token that was used before leads to the page, which asks for a code


async def _no_name(request: web.Request, response: web.StreamResponse) -> None:
    """Say nothing of what serves this."""
    del request
    response.headers.pop("Server", None)
    response.headers["Server"] = "antiphon"


def _not_listening(port: int, error: OSError) -> RequestError:
    if error.errno == errno.EADDRINUSE:
        return RequestError(
            f"port {port} is taken by another program",
            field="port",
            hint="Leave --port out for a free one, or end the other program.",
        )
    return RequestError(
        f"cannot listen on port {port}: {error.strerror or error}",
        field="port",
        hint="Leave --port out for a free one; ports below 1024 are the administrator's.",
    )


def serve(server: Server, ready: Callable[[Server], object]) -> None:
    """Run until Ctrl-C or SIGTERM. `ready` is called in a thread of its own when the server listens: it may block."""
    asyncio.run(_serve(server, ready))


async def _serve(server: Server, ready: Callable[[Server], object]) -> None:
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    await server.start()
    try:
        for name in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError, RuntimeError):  # Windows: Ctrl-C cancels this task instead
                loop.add_signal_handler(name, ended.set)
        threading.Thread(target=_ready, args=(ready, server), name="antiphon-ui", daemon=True).start()
        await ended.wait()
    finally:
        await server.stop()


def _ready(ready: Callable[[Server], object], server: Server) -> None:
    try:
        ready(server)
    except Exception as error:  # noqa: BLE001 - a browser that does not open is no reason to end
        logging.getLogger("antiphon").warning("no browser could be opened (%s)", type(error).__name__)
