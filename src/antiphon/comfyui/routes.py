"""The pages' routes in ComfyUI: one route for all that lies below /antiphon. ComfyUI serves it below /api as well.

What answers is imported with the first request: loading the pack must cost nothing.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from ..places import replace_file
from . import host

if TYPE_CHECKING:
    from ..pages.site import Site

__all__ = ["VARIABLE", "mount"]

VARIABLE = "ANTIPHON_PAGES"
SECRET = 32  # bytes
PATH = "/antiphon/{path:.*}"

_lock = threading.Lock()


def mount() -> None:
    """Have ComfyUI answer below /antiphon, unless $ANTIPHON_PAGES is 0. Call it while the pack loads."""
    if os.environ.get(VARIABLE, "").strip() != "0":
        host.route("*", PATH, _answer)


async def _answer(request: Any) -> Any:
    site, answer = await asyncio.to_thread(_ready)
    return await answer(site, request, request.match_info["path"])


def _ready() -> tuple[Site, Callable[[Site, Any, str], Awaitable[Any]]]:
    """The one site, and what answers. Importing takes a while, and two threads must not make two."""
    with _lock:
        return _made()


@cache
def _made() -> tuple[Site, Callable[[Site, Any, str], Awaitable[Any]]]:
    from ..pages.guard import Guard, Pairing
    from ..pages.routes import answer
    from ..pages.site import Site
    from .page import ROUTES

    return Site("comfyui", Guard(Pairing(_show, _secret), host.private), host.client, more=ROUTES), answer


@cache
def _secret() -> bytes:
    """What the cookies are sealed with: kept beside the keys, so that browsers stay paired over a restart."""
    path = host.home() / "keys" / "pages"
    with suppress(OSError):
        kept = path.read_bytes()
        if len(kept) == SECRET:
            return kept
    made = secrets.token_bytes(SECRET)
    with suppress(OSError):  # then until the next restart
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, made)
    return made


def _show(code: str) -> None:
    """Say the code where only who runs the server reads it: ComfyUI serves its log, and all that is printed, over HTTP."""
    path = host.home() / "page-code"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, f"{code}\n".encode())
    terminal = sys.__stderr__
    if terminal is not None:
        terminal.write(f"Antiphon: the code for a new browser is {code}\n")
        terminal.flush()
    host.log.warning("a browser wants to see Antiphon's pages; its code is in the terminal and in %s", path)
