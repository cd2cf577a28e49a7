"""Clocks that jump: the wall clock may say anything, and nothing waits, expires or fails by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client
from antiphon.errors import LedgerError, RateLimited
from antiphon.replay import Store
from antiphon.request import Timeout
from antiphon.spending import Budget
from antiphon.transport import Transport

from .. import peer as peers
from .asking import PATIENCE, nothing_left

NOW = 1_795_000_000.0
TIMES = (NOW, 0.0, NOW + 86_400 * 400, -1.0, NOW - 3_600, 4e9, 1e11, 1e15, 2.0)


class Clock:
    """Seconds that only grow, as ever, and a wall clock that is set as one likes."""

    def __init__(self) -> None:
        self.time = NOW
        self.slept = 0.0

    def now(self) -> float:
        return time.monotonic() + self.slept

    def wall(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        assert seconds <= PATIENCE, "a wait by the wall clock"
        self.slept += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    """A clock to be set."""
    return Clock()


@pytest.fixture
def client(clock: Clock, tmp_path: Path) -> Iterator[Client]:
    """A client and a store that both read that clock."""
    with nothing_left():
        store = Store(tmp_path / "replay.sqlite", clock=clock.wall)
        made = Client(tmp_path, store=store, transport=Transport(clock=clock))
        yield made
        made.close()


def test_recordings_of_any_time(client: Client, clock: Clock) -> None:
    """Recorded at any time and looked up at any other: the same answer, listed, verified and pruned by age."""
    with peers.serve() as peer:
        how: Any = {"base_url": peer.url, "model": "m", "timeout": Timeout(total=PATIENCE)}
        for seed, moment in enumerate(TIMES):
            clock.time = moment
            assert not client.complete("hi", seed=seed, **how).replayed
        for moment in TIMES:
            clock.time = moment
            for seed in range(len(TIMES)):
                assert client.complete("hi", seed=seed, replay="only", **how).text == "answer to hi"
        assert len(peer.seen) == len(TIMES)
    assert [entry.seed for entry in client.store.list()] == list(reversed(range(len(TIMES))))
    assert client.store.verify()
    clock.time = NOW
    gone = client.store.prune(older_than=86_400)
    assert gone.recordings == sum(moment < NOW - 86_400 for moment in TIMES)


@pytest.mark.parametrize("moment", TIMES)
def test_what_servers_say_of_time(client: Client, clock: Clock, moment: float) -> None:
    """Retry-After and rate headers with dates, read by a wrong clock, are an error or a short wait, never a long one."""
    clock.time = moment
    dates = {"retry-after": "Thu, 26 Nov 2026 12:00:00 GMT"}
    with peers.serve() as peer:
        peer.headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1795000030"}
        how: Any = {"base_url": peer.url, "model": "m", "timeout": Timeout(total=PATIENCE)}
        assert client.complete("hi", **how).text == "answer to hi"
        peer.status, peer.headers = 429, dates
        with pytest.raises(RateLimited) as caught:
            client.complete("hi", **how, retries=1)
        assert caught.value.retry_after is None or caught.value.retry_after >= 0
        peer.status, peer.headers = 200, {}
        assert client.complete("hi", **how).text == "answer to hi"


def test_a_budget_over_midnights(clock: Clock, tmp_path: Path) -> None:
    """A daily budget counts each day that the clock says, and what it cannot count it refuses by a typed error."""
    budget = Budget(day=100.0, unknown="allow")
    with nothing_left(), peers.serve() as peer:
        client = Client(tmp_path, transport=Transport(clock=clock), budget=budget)
        how: Any = {"base_url": peer.url, "model": "gpt-4.1", "provider": "openai", "api_key": "key-1"}
        how |= {"max_tokens": 9, "timeout": Timeout(total=PATIENCE), "dialect": "openai_chat"}
        refused: list[float] = []
        for moment in TIMES:
            clock.time = moment
            try:
                assert client.complete("hi", **how).text == "answer to hi"
            except LedgerError:
                refused.append(moment)
        client.close()
    assert all(not 0 <= moment < 2**37 for moment in refused)
