"""The limits that the workers of a cluster share, without a cluster: one gate, and accounts that ask it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon.limits import Limits
from antiphon.ray.gate import Gate, Pauses, Shared

THREE = Limits(concurrency=3)


class Turning:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)


class Near:
    """Calls a gate in this process as if it were an actor's: each call is a task of its own."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.tasks: set[asyncio.Task[Any]] = set()

    def __call__(self, method: str, *args: Any) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(getattr(self.gate, method)(*args))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def settled(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def shared(gate: Gate, clock: Turning, *workers: str) -> tuple[Near, list[Shared]]:
    near = Near(gate)
    return near, [Shared("payer", worker, near, clock.now) for worker in workers]


def test_slots_are_counted_together():
    """With three slots, two workers get three in all; the fourth waits until one of them leaves."""

    async def run() -> None:
        clock = Turning()
        near, (one, two) = shared(Gate(clock=clock, reborn=False), clock, "one", "two")
        for account in (one, two, one):
            await account.admit(THREE, 1, clock)
        fourth = asyncio.ensure_future(two.admit(THREE, 1, clock))
        await near.settled()
        assert not fourth.done()
        one.leave(THREE, 1, clock.now(), answered=True)
        await fourth

    asyncio.run(run())


def test_a_dead_workers_slots_are_freed():
    """What a worker that died held, and what it waited for, holds up nobody."""

    async def run() -> None:
        clock = Turning()
        gate = Gate(clock=clock, reborn=False)
        near, (dead, alive) = shared(gate, clock, "dead", "alive")
        for _ in range(3):
            await dead.admit(THREE, 1, clock)
        waits = asyncio.ensure_future(dead.admit(THREE, 1, clock))
        await near.settled()
        await gate.gone("dead")
        for _ in range(3):
            await alive.admit(THREE, 1, clock)
        waits.cancel()

    asyncio.run(run())


def test_a_caller_who_gives_up_leaves_the_line():
    """A wait that is cancelled takes no slot, also where its end comes before its beginning."""

    async def run() -> None:
        clock = Turning()
        gate = Gate(clock=clock, reborn=False)
        near, (one, two) = shared(gate, clock, "one", "two")
        for _ in range(3):
            await one.admit(THREE, 1, clock)
        waits = asyncio.ensure_future(two.admit(THREE, 1, clock))
        await near.settled()
        waits.cancel()
        await asyncio.wait((waits,))
        await near.settled()
        await gate.leave("two:late", answered=False)
        assert await gate.admit("payer", "two:late", THREE, 1) == 0
        one.leave(THREE, 1, clock.now(), answered=True)
        await asyncio.wait_for(two.admit(THREE, 1, clock), 30)

    asyncio.run(run())


@pytest.mark.parametrize("limits", [Limits(), THREE])
def test_all_heed_the_pause_of_one(limits: Limits):
    """A Retry-After that one worker got holds up the other for as long, with limits and without; also one that came later."""

    async def run() -> None:
        clock = Turning()
        near, (one, two, late) = shared(Gate(clock=clock, reborn=False), clock, "one", "two", "late")
        pauses = Pauses(lambda turn: near("heard", turn), clock.now)
        pauses.heeded(two)
        listening = asyncio.ensure_future(pauses.listen())
        await one.admit(limits, 1, clock)
        one.pause(clock.now() + 7)
        await near.settled()
        assert await two.admit(limits, 1, clock) == pytest.approx(7)
        one.pause(clock.now() + 5)
        await near.settled()
        assert await pauses.heeded(late).admit(limits, 1, clock) == pytest.approx(5)
        listening.cancel()

    asyncio.run(run())


def test_without_a_limit_nobody_is_asked():
    """Where a payer has no limits, an admission is no message at all; a pause is one, and another gate's count is another."""

    async def run() -> None:
        clock, told = Turning(), list[str]()
        account = Shared("payer", "one", lambda method, *_: told.append(method), clock.now)
        for answered in (True, False):
            assert await account.admit(Limits(), 1, clock) == 0
            account.leave(Limits(), 1, clock.now(), answered=answered)
            account.settle(1, clock.now())
        assert told == []
        account.pause(clock.now() + 1)
        assert told == ["pause"]
        counts = {(await Gate(clock=clock, reborn=True).heard(0))[0] for _ in range(3)}
        assert len(counts) == 3

    asyncio.run(run())


def test_a_minute_holds_no_more_than_its_limit():
    """Ten requests a minute: the eleventh waits for the next minute, whichever workers sent the others."""

    async def run() -> None:
        clock = Turning()
        limits = Limits(requests_per_minute=10)
        _, accounts = shared(Gate(clock=clock, reborn=False), clock, "one", "two")
        for number in range(10):
            assert await accounts[number % 2].admit(limits, 1, clock) == 0
        assert await accounts[0].admit(limits, 1, clock) == pytest.approx(60)

    asyncio.run(run())


def test_tokens_are_settled():
    """A guess that was too high is put right by what the answer says, for all workers."""

    async def run() -> None:
        clock = Turning()
        limits = Limits(tokens_per_minute=100)
        near, (one, two) = shared(Gate(clock=clock, reborn=False), clock, "one", "two")
        await one.admit(limits, 90, clock)
        one.leave(limits, 90, clock.now(), answered=True)
        await near.settled()
        one.settle(10, clock.now())
        await near.settled()
        assert await two.admit(limits, 80, clock) == 0

    asyncio.run(run())


def test_a_gate_that_forgot_waits_a_minute():
    """A gate in place of one that was lost cannot know the last minute, so nobody with such a limit sends in it."""

    async def run() -> None:
        clock = Turning()
        _, (one,) = shared(Gate(clock=clock, reborn=True), clock, "one")
        assert await one.admit(Limits(requests_per_minute=10), 1, clock) == pytest.approx(60)

    asyncio.run(run())
