"""Who gets a request and what becomes of it when workers die, with actors that do as they are told, without Ray."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from antiphon import Client
from antiphon.call import Reply
from antiphon.errors import ClusterError, RateLimited, RequestError, TransportError
from antiphon.ray import crew as crews
from antiphon.ray.crew import Crew
from antiphon.ray.worker import Answer, Card
from antiphon.road import Asked

from ..peer import completion


class Died(Exception):
    """What Ray raises where a worker died."""


class Failed(Exception):
    """What Ray raises for all else."""


NEVER = type("Never", (Exception,), {})
EXCEPTIONS = SimpleNamespace(
    RayActorError=Died,
    RayError=(Died, Failed),
    ObjectLostError=NEVER,
    OutOfMemoryError=NEVER,
    NodeDiedError=NEVER,
    WorkerCrashedError=NEVER,
)
ANSWER = Answer(
    b"{}", Reply(200, json.dumps(completion("hello", "m")).encode(), {"content-type": "application/json"})
)


class Actor:
    """An actor's handle: `ask` does what `outcomes` say, one after another; all else succeeds and is written down."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.calls: list[str] = []

    def __getattr__(self, method: str) -> Any:
        return SimpleNamespace(remote=lambda *args: asyncio.ensure_future(self._called(method)))

    async def _called(self, method: str) -> Any:
        self.calls.append(method)
        if method == "begin":
            return Card(f"worker {len(self.calls)}", 1)
        outcome = self.outcomes.pop(0) if method == "ask" else None
        if isinstance(outcome, type):
            raise outcome
        return outcome


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = Client(tmp_path)
    yield client
    client.close()


def fetched(client: Client, *actors: Actor, model: str = "compatible/m") -> Any:
    """What comes of one request with these workers; the gate is an actor that only writes down."""
    asked: Asked = client.asked(
        "a", {"model": model, "base_url": "http://127.0.0.1:1/v1", "provider": "compatible"}
    )
    crew = Crew(SimpleNamespace(exceptions=EXCEPTIONS, cancel=lambda ref: None), client, len(actors))
    crew._gate = Actor()
    crew._hands = [crews._Hand(actor) for actor in actors]

    async def run(what: Callable[[Asked], Awaitable[Any]]) -> Any:
        try:
            await crew._begin()
            return await what(asked), crew._gate.calls
        finally:
            await crew.close()

    return asyncio.run(run(crew.fetch))


def test_the_next_worker_takes_over(client: Client):
    """What was in flight on a worker that died is asked again, the gate is told, and the worker is begun anew."""
    one, two = Actor(Died, ANSWER), Actor(ANSWER)
    found, told = fetched(client, one, two)
    assert found.completion.text == "hello"
    assert one.calls.count("ask") + two.calls.count("ask") == 2
    assert told == ["gone"]


def test_a_worker_that_was_started_again_is_begun_again(client: Client):
    """A worker that died with nothing to do says so, and is told what it needs before it is asked."""
    actor = Actor(None, ANSWER)
    found, _ = fetched(client, actor)
    assert found.completion.text == "hello"
    assert actor.calls == ["begin", "ask", "begin", "ask"]


def test_a_request_that_kills_workers_is_given_up(client: Client):
    """After three deaths over one request its row has the error, and no fourth worker is tried."""
    actor = Actor(Died, Died, Died, ANSWER)
    with pytest.raises(TransportError, match="3 workers died"):
        fetched(client, actor)
    assert actor.calls.count("ask") == 3


def test_the_errors_of_workers_are_raised_here(client: Client):
    """An error that a worker hands back is the error of the request; one of Ray's own ends the batch."""
    with pytest.raises(RateLimited):
        fetched(client, Actor(RateLimited("slow down")))
    with pytest.raises(ClusterError):
        fetched(client, Actor(Failed))


def test_no_worker_for_long(client: Client, monkeypatch: pytest.MonkeyPatch):
    """Where no worker comes, the batch ends with an error that says where to look."""
    monkeypatch.setattr(crews, "PATIENCE", 0.05)

    class Away(Actor):
        async def _called(self, method: str) -> Any:
            raise Died

    with pytest.raises(ClusterError, match="no worker"):
        fetched(client, Away())


def test_what_answers_inside_this_machine_is_refused(client: Client):
    """The embedded model is no server that workers could ask."""
    asked = client.asked("a", {"model": "echo"})
    provider = replace(asked.provider, identity=lambda request: {})
    crew = Crew(None, client, 1)
    with pytest.raises(RequestError) as error:
        crew._order(replace(asked, provider=provider))
    assert error.value.field == "engine"
