"""The limits that all workers of a cluster share: one Gate in an actor, and what a worker has in its place.

    worker: Shared.admit ──ticket──→ actor: Gate.admit → Account (limits.py), one for each payer
                   leave ──ticket──→        Gate.leave
                   pause ──────────→        Gate.pause ──→ Gate.heard, awaited by each worker: Pauses

Every admission has a ticket, so that the slots of a worker that died can be freed. Where a payer has no limit, nobody
asks for admission: then all that is shared are the pauses, which each worker is told of as they come.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..limits import MINUTE, Account, Clock, Limits, SystemClock

__all__ = ["Gate", "Pauses", "Shared"]

NONE = Limits()
LOOKING = 0.5  # seconds until a gate that was lost is asked again
MOST_GIVEN_UP = 10_000  # tickets remembered that ended before they began; there are hardly ever any


@dataclass(slots=True)
class _Ticket:
    """An admission: while it waits, and from when it has a slot."""

    account: Account
    limits: Limits
    tokens: int
    task: asyncio.Task[float] | None = None


class Gate:
    """Who may send now, on the whole cluster. Runs as an actor with one event loop.

    `reborn` says that an earlier one was lost with what it knew: then nobody with a limit for each minute sends for
    a minute, so that no minute ever holds more than the limit.
    """

    def __init__(self, *, clock: Clock | None = None, reborn: bool | None = None) -> None:
        self._clock = clock or SystemClock()
        self._reborn = _restarted() if reborn is None else reborn
        self._accounts: dict[str, Account] = {}
        self._tickets: dict[str, _Ticket] = {}
        self._given_up: set[str] = set()  # tickets whose end came here before their beginning
        self._pauses: dict[str, float] = {}
        self._turn = secrets.randbits(60)  # of the pauses; no gate before this one counted from here
        self._news = asyncio.Event()

    def _account(self, name: str, limits: Limits) -> Account:
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account()
            if self._reborn and (limits.requests_per_minute or limits.tokens_per_minute):
                account.pause(self._clock.now() + MINUTE)
        return account

    async def admit(self, name: str, ticket: str, limits: Limits, tokens: int) -> float:
        """Wait for leave to send; gives the seconds waited. `leave` or `gone` must follow.

        Called again with the same ticket, it waits for the same admission.
        """
        if ticket in self._given_up:
            self._given_up.discard(ticket)
            return 0.0
        known = self._tickets.get(ticket)
        if known is None:
            account = self._account(name, limits)
            known = self._tickets[ticket] = _Ticket(account, limits, tokens)
            known.task = asyncio.ensure_future(account.admit(limits, tokens, self._clock))
        assert known.task is not None
        await asyncio.wait((known.task,))
        return 0.0 if known.task.cancelled() else known.task.result()

    async def leave(self, ticket: str, answered: bool) -> None:
        """A call is off the wire, or given up while it waited. One without an answer took no tokens."""
        known = self._tickets.pop(ticket, None)
        if known is None or known.task is None:
            if not answered and len(self._given_up) < MOST_GIVEN_UP:
                self._given_up.add(ticket)
            return
        if not known.task.done():
            known.task.cancel()
            return
        known.account.leave(known.limits, known.tokens, self._clock.now(), answered=answered)

    async def gone(self, worker: str) -> None:
        """A worker died. What it had on the wire counts as answered: the provider may have taken the tokens."""
        for ticket in [held for held in self._tickets if held.startswith(f"{worker}:")]:
            await self.leave(ticket, answered=True)

    async def settle(self, name: str, tokens: int) -> None:
        """Put the tokens that a call really took in place of the guess."""
        account = self._accounts.get(name)
        if account is not None:
            account.settle(tokens, self._clock.now())

    async def pause(self, name: str, seconds: float, limits: Limits) -> None:
        """Nobody who pays with this account sends for so long."""
        now = self._clock.now()
        self._account(name, limits).pause(now + seconds)
        self._pauses = {payer: until for payer, until in self._pauses.items() if until > now}
        self._pauses[name] = max(self._pauses.get(name, 0.0), now + seconds)
        self._turn += 1
        self._news.set()
        self._news = asyncio.Event()

    async def heard(self, turn: int) -> tuple[int, dict[str, float]]:
        """Wait for other pauses than those of `turn`; gives their turn, and the seconds that each still lasts."""
        if turn == self._turn:
            await self._news.wait()
        now = self._clock.now()
        return self._turn, {name: until - now for name, until in self._pauses.items() if until > now}


def _restarted() -> bool:
    """Whether this actor runs in place of one that was lost."""
    from importlib import import_module

    ray: Any = import_module("ray")
    return bool(ray.is_initialized() and ray.get_runtime_context().was_current_actor_reconstructed)


class Shared(Account):
    """An account whose limits are kept by the Gate of the cluster: what `transport` sees of it in a worker.

    `send` calls a method of the gate by its name, and gives what can be awaited.
    """

    __slots__ = ("_held", "_limits", "_name", "_now", "_numbers", "_send", "_worker")

    def __init__(self, name: str, worker: str, send: Callable[..., Any], now: Callable[[], float]) -> None:
        super().__init__()
        self._name = name
        self._worker = worker
        self._send = send
        self._now = now
        self._limits = Limits()
        self._numbers = itertools.count()
        # Tickets on the wire, by their tokens; which call of equal ones holds which makes no difference.
        self._held: dict[int, list[str]] = {}

    async def admit(self, limits: Limits, tokens: int, clock: Clock) -> float:
        """See Account.admit."""
        if limits == NONE:
            return await super().admit(limits, tokens, clock)
        self._limits = limits
        began = clock.now()
        ticket = f"{self._worker}:{self._name}:{next(self._numbers)}"
        try:
            await self._send("admit", self._name, ticket, limits, tokens)
        except BaseException:
            self._send("leave", ticket, False)
            raise
        self._held.setdefault(tokens, []).append(ticket)
        return clock.now() - began

    def leave(self, limits: Limits, tokens: int, now: float, *, answered: bool) -> None:
        """See Account.leave."""
        if limits == NONE:
            super().leave(limits, tokens, now, answered=answered)
            return
        held = self._held[tokens]
        self._send("leave", held.pop(), answered)
        if not held:
            del self._held[tokens]

    def settle(self, tokens: int, now: float) -> None:  # noqa: ARG002
        """See Account.settle."""
        if self._limits.tokens_per_minute is not None:
            self._send("settle", self._name, tokens)

    def pause(self, until: float) -> None:
        """See Account.pause. All other workers are told."""
        super().pause(until)
        self._send("pause", self._name, until - self._now(), self._limits)

    def paused(self, pauses: Mapping[str, float]) -> None:
        """Heed the end of a pause among these, by payer, if one is ours."""
        super().pause(pauses.get(self._name, 0.0))


class Pauses:
    """What a worker knows of the pauses of all payers; its accounts heed them from the moment they are heard of."""

    def __init__(
        self, ask: Callable[[int], Awaitable[tuple[int, dict[str, float]]]], now: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._now = now
        self._turn = 0
        self._until: dict[str, float] = {}
        self._accounts: list[Shared] = []

    def heeded(self, account: Shared) -> Shared:
        """`account`, which heeds them from now on."""
        account.paused(self._until)
        self._accounts.append(account)
        return account

    async def hear(self) -> None:
        """Wait for what is new; the first time for what there is."""
        self._turn, left = await self._ask(self._turn)
        self._until = {name: self._now() + seconds for name, seconds in left.items()}
        for account in self._accounts:
            account.paused(self._until)

    async def listen(self) -> None:
        """Hear of all that comes, without end; a gate that was lost will be back."""
        while True:
            with suppress(Exception):  # Ray's, of many kinds
                await self.hear()
                continue
            await asyncio.sleep(LOOKING)
