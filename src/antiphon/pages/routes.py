"""What there is to ask for: one table of routes below /antiphon, and the way from a request to its reply.

A host mounts `answer` on one path with everything below it; nothing is registered for each route, so that the guard
stands before all of them, also before those that do not exist.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web

from .. import __version__
from ..errors import AntiphonError, RequestError
from . import asking, keys, listed, recorded
from .guard import LIFE, Denied, Host
from .messages import HEADERS, SMALL, Params, body, failure, reply
from .neighbours import peer_of
from .site import Asked, Site

__all__ = ["admit", "answer"]


Reply = web.StreamResponse
Answer = Callable[[Asked], Awaitable[Reply]]


class Route(NamedTuple):
    """A method, what the path must look like, and what answers. A `picture` is also asked for by <img>."""

    method: str
    path: re.Pattern[str]
    answer: Answer
    picture: bool = False


def _route(method: str, path: str, answer: Answer, *, picture: bool = False) -> Route:
    return Route(method, re.compile(path), answer, picture)


async def answer(site: Site, request: web.Request, path: str) -> Reply:
    """The reply to a request for `path`, as it stands behind /antiphon/. Never raises but when it is cancelled."""
    try:
        return await _answered(site, request, path)
    except AntiphonError as error:
        return failure(error)
    except (ConnectionError, web.HTTPException):
        raise
    except Exception as error:  # noqa: BLE001 - ComfyUI would show its words
        return failure(error)


async def _answered(site: Site, request: web.Request, path: str) -> Reply:
    guard = site.guard
    host = guard.host(request)
    guard.origin(request, host)
    if path == "state" and request.method == "GET":
        guard.marked(request)
        return await _state(site, request, host)
    if path == "pair" and request.method == "POST":
        guard.marked(request)
        return _paired(site, request, host, await body(request, SMALL))
    route, words = _found(request.method, path)
    if not (route is not None and route.picture and _from_this_page(site, request, host)):
        guard.marked(request)
    if not guard.allowed(request, host):
        raise Denied("pair this browser first", status=401, kind="pairing", hint="The terminal shows a code.")
    if route is None:
        raise Denied("there is no such route", status=404, kind="no-route")
    params = await body(request) if request.method == "POST" else _query(request)
    return await route.answer(Asked(site, request, words, params))


def _from_this_page(site: Site, request: web.Request, host: Host) -> bool:
    """Whether the browser says that its own page asks, or a cookie does that no other site's page is sent."""
    return request.headers.get("Sec-Fetch-Site") == "same-origin" or site.guard.paired(request, host)


def _found(method: str, path: str) -> tuple[Route | None, tuple[str, ...]]:
    for route in ROUTES:
        match = route.path.fullmatch(path)
        if match and route.method == method:
            return route, match.groups()
    return None, ()


def _query(request: web.Request) -> Params:
    """What stands in the query. RequestError where something is said twice."""
    query = request.query
    if len(query) != len(set(query)):
        raise RequestError("a name stands twice in the query", field="query")
    return Params(dict(query))


# ------------------------------------------------------------------------------------ state and pairing


async def _state(site: Site, request: web.Request, host: Host) -> Reply:
    """Whether this page may ask, and if so, what it has to know to begin."""
    allowed = site.guard.allowed(request, host)
    told: dict[str, Any] = {"host": site.host, "allowed": allowed, "pairing": not allowed, "lang": site.lang}
    if not allowed:
        site.guard.pairing.ask()
        return reply(told)
    return reply({"version": __version__, **told, **await asyncio.to_thread(listed.start, site)})


def _paired(site: Site, request: web.Request, host: Host, params: Params) -> Reply:
    """Let this browser in for its code."""
    site.guard.pairing.redeem(params.text("code"), request.remote or "")
    answer = web.Response(status=204, headers=HEADERS)
    admit(site, request, host, answer)
    return answer


def admit(site: Site, request: web.Request, host: Host, answer: Reply) -> None:
    """Give this browser the cookie: out of reach for scripts, and sent by this site's own pages only."""
    guard = site.guard
    answer.set_cookie(
        guard.cookie(request),
        guard.pairing.admit(peer_of(request.transport), host),
        path="/",
        max_age=LIFE if site.host == "comfyui" else None,  # antiphon ui ends, and its port is another one's
        httponly=True,
        samesite="Strict",
        secure=request.secure or request.headers.get("X-Forwarded-Proto") == "https",
    )


# --------------------------------------------------------------------------------------------- the table

KEY = "(k1:[0-9a-f]{64})"

ROUTES: tuple[Route, ...] = (
    _route("GET", "history", recorded.page),
    _route("POST", "history/delete", recorded.deleted),
    _route("POST", "history/export", recorded.exported),
    _route("GET", f"history/{KEY}", recorded.entry),
    _route("GET", f"history/{KEY}/media/([0-9a-f]{{64}})", recorded.medium, picture=True),
    _route("GET", f"history/{KEY}/workflow", recorded.workflow),
    _route("POST", f"history/{KEY}/pin", recorded.pinned),
    _route("GET", "totals", recorded.totals),
    _route("GET", "models", listed.models),
    _route("GET", "credentials", keys.listed),
    _route("POST", "credentials", keys.stored),
    _route("POST", "credentials/test", keys.tested),
    _route("POST", "credentials/remove", keys.removed),
    _route("POST", "credentials/keep", keys.kept),
    _route("POST", "complete", asking.complete),
)
