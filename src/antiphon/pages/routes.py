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

__all__ = ["Reply", "Route", "admit", "answer", "route"]


Reply = web.StreamResponse
Answer = Callable[[Asked], Awaitable[Reply]]


class Route(NamedTuple):
    """A method, what the path must look like, and what answers.

    A `picture` is also asked for by <img>. What is `open` tells nothing that needs a pairing.
    """

    method: str
    path: re.Pattern[str]
    answer: Answer
    picture: bool = False
    open: bool = False


def route(method: str, path: str, answer: Answer, *, picture: bool = False, open: bool = False) -> Route:  # noqa: A002
    """A Route for paths that match this expression as a whole."""
    return Route(method, re.compile(path), answer, picture, open)


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
    found, words = _found(site, request.method, path)
    if not (found is not None and found.picture and _from_this_page(site, request, host)):
        guard.marked(request)
    if not (found is not None and found.open) and not guard.allowed(request, host):
        raise Denied("pair this browser first", status=401, kind="pairing", hint="The terminal shows a code.")
    if found is None:
        raise Denied("there is no such route", status=404, kind="no-route")
    params = await body(request) if request.method == "POST" else _query(request)
    return await found.answer(Asked(site, request, words, params))


def _from_this_page(site: Site, request: web.Request, host: Host) -> bool:
    """Whether the browser says that its own page asks, or a cookie does that no other site's page is sent."""
    return request.headers.get("Sec-Fetch-Site") == "same-origin" or site.guard.paired(request, host)


def _found(site: Site, method: str, path: str) -> tuple[Route | None, tuple[str, ...]]:
    for one in (*ROUTES, *site.more):
        match = one.path.fullmatch(path)
        if match and one.method == method:
            return one, match.groups()
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
    route("GET", "history", recorded.page),
    route("POST", "history/delete", recorded.deleted),
    route("POST", "history/export", recorded.exported),
    route("GET", f"history/{KEY}", recorded.entry),
    route("GET", f"history/{KEY}/media/([0-9a-f]{{64}})", recorded.medium, picture=True),
    route("GET", f"history/{KEY}/workflow", recorded.workflow),
    route("POST", f"history/{KEY}/pin", recorded.pinned),
    route("GET", "totals", recorded.totals),
    route("GET", "models", listed.models),
    route("GET", "credentials", keys.listed),
    route("POST", "credentials", keys.stored),
    route("POST", "credentials/test", keys.tested),
    route("POST", "credentials/remove", keys.removed),
    route("POST", "credentials/keep", keys.kept),
    route("POST", "complete", asking.complete),
)
