"""A worker and the gate in this process, against the peer: what goes over Ray on a cluster, without Ray."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from antiphon import Client, Limits
from antiphon.errors import AntiphonError, RateLimited, Unauthorized
from antiphon.ray.gate import Gate
from antiphon.ray.sealing import seal
from antiphon.ray.worker import Answer, Order, Worker

from ..peer import Peer, serve
from .test_gate import Turning

KEY = "sk-planted-5566778899001122"


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))
    return tmp_path


class Handle:
    """A gate as an actor's handle: its methods are called with `remote`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __getattr__(self, method: str) -> Any:
        call: Callable[..., Any] = getattr(self._gate, method)
        actor_method = SimpleNamespace(remote=lambda *args: asyncio.ensure_future(call(*args)))
        actor_method.options = lambda **_: actor_method
        return actor_method


@asynccontextmanager
async def begun(gate: Gate, limits: Limits | None = None) -> AsyncIterator[Worker]:
    worker = Worker()
    await worker.begin(Handle(gate), {} if limits is None else {"compatible": limits}, True)
    try:
        yield worker
    finally:
        assert worker._client is not None
        await worker._client.transport.close()


def order(peer: Peer, prompt: str, *, retries: int = 0) -> Order:
    asked = Client().asked(prompt, {"model": "m", "base_url": peer.url, "seed": 1, "retries": retries})
    return Order(asked.request, asked.delivery)


async def answered(worker: Worker, wanted: Order, key: str | None = None) -> Answer | AntiphonError | None:
    """What it answers, once it was told which key there is."""
    outcome = await worker.ask(wanted)
    if isinstance(outcome, tuple):
        want, public = outcome
        told = json.dumps({"key": key, "label": "" if key is None else "key 0"}).encode()
        await worker.take(want, seal(told, public))
        outcome = await worker.ask(wanted)
        assert not isinstance(outcome, tuple)
    return outcome


def test_it_says_that_it_has_to_begin():
    """A process that was started again answers nothing until it is told what it needs."""
    assert asyncio.run(Worker().ask(None)) is None  # type: ignore[arg-type]


def test_a_raw_reply_comes_back(peer: Peer):
    """The reply is what the provider sent, with the body that went out; the key went along and is in neither."""

    async def run() -> Any:
        async with begun(Gate(clock=Turning(), reborn=False)) as worker:
            return await answered(worker, order(peer, "a"), KEY)

    answer = asyncio.run(run())
    assert json.loads(answer.reply.body)["choices"][0]["message"]["content"] == "answer to a"
    assert json.loads(answer.sent)["messages"] == [{"role": "user", "content": "a"}]
    assert peer.seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(answer)


def test_errors_are_values(peer: Peer):
    """A 401 is given back and not raised, without frames or causes, and without the key that it repeats."""
    peer.status, peer.error = 401, {"error": {"message": f"wrong key {KEY}", "code": None}}

    async def run() -> Any:
        async with begun(Gate(clock=Turning(), reborn=False)) as worker:
            return await answered(worker, order(peer, "a"), KEY)

    error = asyncio.run(run())
    assert isinstance(error, Unauthorized)
    assert error.__traceback__ is None
    assert KEY not in str(error) + repr(error.__dict__)


def test_a_pause_of_one_worker_is_heeded_by_the_other(peer: Peer, monkeypatch: pytest.MonkeyPatch):
    """What Retry-After one worker got holds up the next request of another one, once it has heard of it."""
    clock = Turning()
    monkeypatch.setattr("antiphon.transport.SystemClock", lambda: clock)

    async def run() -> None:
        gate = Gate(clock=clock, reborn=False)
        async with begun(gate) as one, begun(gate) as two:
            peer.status, peer.headers = 429, {"Retry-After": "7"}
            assert isinstance(await answered(one, order(peer, "a"), KEY), RateLimited)
            peer.status, peer.headers = 200, {}
            for _ in range(20):
                await asyncio.sleep(0)
            assert isinstance(await answered(two, order(peer, "b"), KEY), Answer)

    began = clock.now()
    asyncio.run(run())
    assert clock.now() - began == pytest.approx(7)


def test_two_keys_have_two_accounts(peer: Peer, monkeypatch: pytest.MonkeyPatch):
    """A pause of one key is none of another key's."""
    clock = Turning()
    monkeypatch.setattr("antiphon.transport.SystemClock", lambda: clock)

    async def run() -> None:
        gate = Gate(clock=clock, reborn=False)
        async with begun(gate) as one, begun(gate) as two:
            peer.status, peer.headers = 429, {"Retry-After": "7"}
            assert isinstance(await answered(one, order(peer, "a"), KEY), RateLimited)
            peer.status, peer.headers = 200, {}
            for _ in range(20):
                await asyncio.sleep(0)
            assert isinstance(await answered(two, order(peer, "b"), None), Answer)

    began = clock.now()
    asyncio.run(run())
    assert clock.now() == began


def test_the_limit_of_a_minute_is_shared(peer: Peer):
    """Two requests a minute: the third waits for the next one, though the workers sent one and two."""
    clock = Turning()
    limits = Limits(requests_per_minute=2)

    async def run() -> None:
        gate = Gate(clock=clock, reborn=False)
        async with begun(gate, limits) as one, begun(gate, limits) as two:
            for number, worker in enumerate((one, two, two)):
                assert isinstance(await answered(worker, order(peer, f"{number}")), Answer)

    began = clock.now()
    asyncio.run(run())
    assert clock.now() - began == pytest.approx(60)
    assert len(peer.seen) == 3
