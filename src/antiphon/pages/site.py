"""What the routes work on: one home, its client, and what the host of the pages knows of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from .guard import Denied, Guard

if TYPE_CHECKING:
    from aiohttp import web

    from ..client import Client
    from ..history import History
    from ..vault import Vault
    from .messages import Params
    from .routes import Route

__all__ = ["Asked", "Room", "Site"]


AT_ONCE = 8  # answers under way for all pages together
WAITING = 64  # and those that wait for their turn; more are refused


class Room:
    """How many answers are under way."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.waiting = 0

    async def __aenter__(self) -> None:
        if self.waiting >= WAITING:
            raise Denied("too many answers are waited for", status=429, kind="busy", hint="Try again later.")
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._slots.release()


@dataclass(eq=False)
class Site:
    """One place that serves the pages: `host` says which, `client` gives the client of its home."""

    host: Literal["comfyui", "ui"]
    guard: Guard
    client: Callable[[], Client]
    lang: str = ""
    more: tuple[Route, ...] = ()  # the host's own, behind the same guard
    room: Room = field(default_factory=Room)

    @cached_property
    def history(self) -> History:
        """The recordings of the client's store. ReplayError where that is not a file."""
        return self.client().history

    @cached_property
    def vault(self) -> Vault:
        """Where keys that are moved out of widgets are kept."""
        from ..vault import Vault

        return Vault(self.client().credentials)


class Asked(NamedTuple):
    """One request that has passed the guard: for which site, the words of its path, what was sent by name."""

    site: Site
    request: web.Request
    words: tuple[str, ...]
    params: Params
