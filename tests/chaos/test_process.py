"""Callers that give up at any moment, and processes that fork at any moment, with calls in flight all the while.

`ANTIPHON_CHAOS=full` gives up 10,000 times and forks 200 times.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, Limits, loop
from antiphon.errors import AntiphonError
from antiphon.request import Timeout

from .. import bedrock_server
from .asking import ASKS, FULL, PATIENCE, facts, nothing_left, until
from .proxy import HANG, Proxy, Steps, Whole, between

CANCELS = 10_000 if FULL else 400
FORKS = 200 if FULL else 8
AT_ONCE = 16
NAME = "openai_chat, streamed"  # the same reply serves both doors
TOTAL = Timeout(connect=PATIENCE, first_token=PATIENCE, idle=PATIENCE, total=PATIENCE)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A server behind a proxy that streams a reply in pieces over some milliseconds."""
    with bedrock_server.serve(lambda _request, _body: "bearer") as server:
        server.says(ASKS[NAME].reply)
        with between(server.url) as running, nothing_left(running):
            yield running


@pytest.fixture
def client(proxy: Proxy, tmp_path: Path) -> Iterator[Client]:
    """A client that asks for less at a time than there are callers, so that some wait for their turn."""
    made = Client(tmp_path / "home", limits={"openai": Limits(concurrency=AT_ONCE // 2)})
    yield made
    made.close()


def settings(proxy: Proxy, **more: Any) -> dict[str, Any]:
    return {
        **{name: value for name, value in ASKS[NAME].settings.items() if name != "prompt"},
        "provider": "openai",
        "base_url": proxy.url + "/v1",
        "retries": 0,
        "timeout": TOTAL,
        **more,
    }


def slowly(whole: Whole) -> Steps:
    """The reply in eight pieces, a millisecond or so between them."""
    wire = whole.wire("chunked")
    size = len(wire) // 8 + 1
    return [step for at in range(0, len(wire), size) for step in (wire[at : at + size], 0.001)]


async def streamed(client: Client, how: dict[str, Any]) -> dict[str, Any]:
    async with client.astream("hi", **how) as deltas:
        async for _ in deltas:
            pass
        return facts(await deltas.completion())


async def given_up(
    client: Client, proxy: Proxy, whole: dict[str, Any], chance: random.Random, seed: int
) -> bool:
    """Ask, and give up after a while; whether the answer came first."""
    how = settings(proxy, seed=seed)
    task = asyncio.ensure_future(streamed(client, how))
    moment = chance.choice((0.0, chance.random() * 0.004, chance.random() * 0.04, PATIENCE))
    await asyncio.wait((task,), timeout=moment)
    gave_up = task.cancel()
    try:
        assert await task == whole
    except asyncio.CancelledError:
        assert gave_up, "somebody else gave up"
        return False
    return True


def test_cancels_at_any_moment(client: Client, proxy: Proxy) -> None:
    """After any number of them all slots are free, nothing half is recorded, and the next question is answered."""
    proxy.plan = slowly
    whole = asyncio.run(streamed(client, settings(proxy)))
    chance = random.Random(7)
    came: list[bool] = []

    async def many() -> None:
        left = iter(range(CANCELS))

        async def one_after_another() -> None:
            for number in left:  # now and then two ask for the same
                answered = await given_up(client, proxy, whole, chance, number // 2)
                came.append(answered)

        await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))

    asyncio.run(asyncio.wait_for(many(), 20 * PATIENCE))
    assert until(lambda: not client.road._flights)
    assert CANCELS / 10 < sum(came) < CANCELS
    for entry in client.store.list(limit=CANCELS):
        again = asyncio.run(streamed(client, settings(proxy, seed=entry.seed, replay="only")))
        assert again == whole

    async def all_slots() -> None:  # none of them is held by who went away
        asked = (streamed(client, settings(proxy)) for _ in range(AT_ONCE))
        assert await asyncio.wait_for(asyncio.gather(*asked), PATIENCE) == [whole] * AT_ONCE

    asyncio.run(all_slots())
    assert client.store.verify()


def test_cancels_while_nothing_comes(client: Client, proxy: Proxy) -> None:
    """Callers who leave a server that says nothing take their connections along."""
    asyncio.run(streamed(client, settings(proxy)))
    proxy.plan = lambda whole: [whole.wire()[:300], HANG]

    async def leave() -> None:
        tasks = [
            asyncio.ensure_future(streamed(client, settings(proxy, seed=seed))) for seed in range(AT_ONCE)
        ]
        await asyncio.wait(tasks, timeout=0.05)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=PATIENCE)
        assert all(task.cancelled() for task in tasks)

    asyncio.run(leave())
    assert until(lambda: proxy.open <= 1)
    assert client.store.count() == 0


# ------------------------------------------------------------------------------------------------ forks


def child(work: Callable[[], None]) -> int:
    """The id of a forked process that does `work`, and dies where that hangs."""
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(PATIENCE))
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


class Traffic:
    """Threads that ask all the time, and what they got."""

    def __init__(self, client: Client, proxy: Proxy, threads: int) -> None:
        self.client, self.proxy = client, proxy
        self.ended, self.errors, self.answers = False, list[BaseException](), list[tuple[int, str]]()
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(threads)]

    def _ask(self, number: int) -> None:
        seed = number * 1_000_000
        while not self.ended:
            seed += 1
            try:
                found = self.client.stream("hi", **settings(self.proxy, seed=seed))
                for _ in found:
                    pass
                self.answers.append((seed, found.completion.text))
            except BaseException as error:
                self.errors.append(error)

    def __enter__(self) -> Traffic:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = True
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forks_at_any_moment(client: Client, proxy: Proxy) -> None:
    """Each child answers, from the provider and from the store; the parent's calls do not notice, and all is kept."""
    proxy.plan = slowly
    whole = asyncio.run(streamed(client, settings(proxy, seed=1)))
    chance = random.Random(3)

    def work(seed: int) -> Callable[[], None]:
        def ask() -> None:
            fresh = client.stream("hi", **settings(proxy, seed=seed))
            assert "".join(delta.text for delta in fresh) == whole["text"]
            try:
                again = client.stream("hi", **settings(proxy, seed=1, replay="only"))
                assert "".join(delta.text for delta in again) == whole["text"]
            except AntiphonError as error:
                if "forked" not in error.message:  # it was open in another thread at that moment
                    raise

        return ask

    with Traffic(client, proxy, 4) as traffic:
        for number in range(FORKS):
            seen = len(traffic.answers)
            assert until(lambda seen=seen: len(traffic.answers) > seen)
            loop.run(asyncio.sleep(chance.random() * 0.01))
            pid = child(work(-1 - number))
            assert os.waitpid(pid, 0)[1] == 0
    assert traffic.errors == []
    assert {text for _, text in traffic.answers} == {whole["text"]}
    kept = {entry.seed for entry in client.store.list(limit=1_000_000)}
    assert kept >= {seed for seed, _ in traffic.answers} | {1}
    assert client.store.verify()
