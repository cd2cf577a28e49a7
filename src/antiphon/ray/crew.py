"""The workers of a cluster as they are seen from here: who gets which request, who died, who needs which key.

    road.away → Crew.fetch → Order ──Ray──→ Worker.ask → Answer ──Ray──→ recorded here, before it counts

What is in flight on a worker that dies is asked again by another one. What came back before is recorded here already.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..call import Secret
from ..client import Client, default_client
from ..errors import AntiphonError, ClusterError, RequestError, TransportError
from ..loop import run
from ..prepare import Prepared, prepared
from ..road import Asked, Fetched, decode
from .gate import Gate
from .package import check, connected, nodes, settled
from .sealing import Wanted, seal
from .worker import Answer, Card, Order, Worker

__all__ = ["Crew", "cluster"]

PATIENCE = 120.0  # seconds until the first worker must be there, and for which all may be away
DEATHS = 3  # workers that may die over one request
LOOKING = 0.5  # seconds between two looks whether a worker is back
AT_ONCE = 10_000  # calls of one actor at a time, which is more than there ever are


@dataclass(slots=True, eq=False)
class _Hand:
    """One worker: its actor, and what it has in flight. `card` is None while it is away."""

    actor: Any
    card: Card | None = None
    load: int = 0
    coming: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Crew:
    """Workers on a cluster. Made and closed by `cluster`; all else runs on the private loop."""

    ray: Any
    client: Client
    workers: int
    _gate: Any = None
    _hands: list[_Hand] = field(default_factory=list["_Hand"])
    _news: asyncio.Event = field(default_factory=asyncio.Event)  # set when a worker has come
    _given: list[Secret] = field(default_factory=list[Secret])
    _payers: list[Secret] = field(default_factory=list[Secret])

    def start(self) -> None:
        """Look at all nodes, and start the workers. ClusterError where that cannot be done."""
        where = nodes(self.ray)
        check(self.ray, where)
        lasting = {"num_cpus": 0, "max_restarts": -1, "max_concurrency": AT_ONCE}
        # Near to what it cannot do without: this process.
        near = settled(where[0])
        # Admissions that were under way when the actor died are asked for again: they have their tickets.
        self._gate = (
            self.ray.remote(Gate).options(**lasting, max_task_retries=-1, scheduling_strategy=near).remote()
        )
        actor = self.ray.remote(Worker)
        for number in range(self.workers or max(2, len(where))):
            place = settled(where[number % len(where)])
            self._hands.append(_Hand(actor.options(**lasting, scheduling_strategy=place).remote()))
        run(self._begin())

    async def _begin(self) -> None:
        for hand in self._hands:
            self._await(hand)
        await self._free()

    async def close(self) -> None:
        """Wait for nobody any more."""
        for hand in self._hands:
            if hand.coming is not None:
                hand.coming.cancel()

    def end(self) -> None:
        """End the workers. What they have in flight is closed on the wire."""
        run(self.close())
        for actor in [hand.actor for hand in self._hands] + [self._gate]:
            if actor is not None:
                self.ray.kill(actor)

    # ---------------------------------------------------------------------------------- who is there

    async def _free(self) -> _Hand:
        """The worker with the least in flight. ClusterError where none is there for long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while not (there := [hand for hand in self._hands if hand.card is not None]):
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), until - loop.time())
            except (TimeoutError, asyncio.TimeoutError):
                raise ClusterError(
                    f"no worker was there for {PATIENCE:g} s",
                    hint="See `ray status` for what the cluster lacks.",
                ) from None
        return min(there, key=lambda hand: hand.load)

    def _await(self, hand: _Hand) -> None:
        """Expect this worker, for the first time or again."""
        if hand.coming is None or hand.coming.done():
            hand.coming = asyncio.get_running_loop().create_task(self._come(hand))

    async def _come(self, hand: _Hand) -> None:
        while True:
            hand.card = await self._card(hand)
            if hand.card is not None:
                self._news.set()
                return
            await asyncio.sleep(LOOKING)

    async def _card(self, hand: _Hand) -> Card | None:
        """What the worker says when it is told to begin; None while it is not there."""
        road = self.client.road
        try:
            return await hand.actor.begin.remote(self._gate, dict(road.limits), road.prefixes is not None)
        except self.ray.exceptions.RayError:
            return None

    def _lost(self, hand: _Hand, card: Card | None) -> None:
        """A worker died, unless that was known already: free its slots, and wait for the one that Ray starts instead."""
        if card is None or hand.card is not card:
            return
        hand.card = None
        self._gate.gone.remote(card.name)
        self._await(hand)

    @property
    def _deaths(self) -> tuple[type[Exception], ...]:
        """What Ray raises where a worker died, or the answer with the machine that it lay on."""
        known = self.ray.exceptions
        return (
            known.RayActorError, known.ObjectLostError, known.OutOfMemoryError, known.NodeDiedError,
            known.WorkerCrashedError,
        )  # fmt: skip

    # ------------------------------------------------------------------------------------- a request

    async def fetch(self, asked: Asked) -> Fetched:
        """Have a worker carry `asked` out; what `Road.carried_out` gives and raises."""
        order = self._order(asked)
        ready = prepared(asked.request, asked.provider, asked.way, asked.delivery)
        for _ in range(DEATHS):
            hand = await self._free()
            card = hand.card
            hand.load += 1
            try:
                answer = await self._asked(hand, order, asked)
            except self._deaths:
                self._lost(hand, card)
                continue
            except self.ray.exceptions.RayError as error:
                raise ClusterError(f"Ray failed: {type(error).__name__}", hint="See Ray's logs.") from None
            finally:
                hand.load -= 1
            if answer is None:  # it died while it had nothing to do
                self._lost(hand, card)
                continue
            return _fetched(asked, ready, answer)
        raise TransportError(f"{DEATHS} workers died while they had this request in flight", phase="cut-off")

    async def _asked(self, hand: _Hand, order: Order, asked: Asked) -> Answer | None:
        """What the worker answers, once it has the keys that it needs; None where it has to begin first."""
        while True:
            ref = hand.actor.ask.remote(order)
            try:
                outcome = await ref
            except asyncio.CancelledError:
                self.ray.cancel(ref)
                raise
            if isinstance(outcome, AntiphonError):
                raise outcome
            if outcome is None or isinstance(outcome, Answer):
                return outcome
            wanted, public = outcome
            await hand.actor.take.remote(wanted, seal(self._key(asked, wanted), public))

    def _order(self, asked: Asked) -> Order:
        provider, request = asked.provider, asked.request
        if provider.identity is not None:
            raise RequestError(
                f"{provider.name} answers inside this machine; a cluster asks servers",
                field="engine",
                hint="Leave --engine out, or name a model that a server has.",
            )
        listings = self.client.listings
        row = None
        if provider.listing is None:
            row = listings.row(provider.name, request.base_url or provider.base_url, request.model)
        number = None if asked.given is None else _number(self._given, asked.given)
        return Order(request, asked.delivery, asked.credential, number, row)

    def _key(self, asked: Asked, wanted: Wanted) -> bytes:
        """The key that a worker wants, found by the rules of this machine, or that there is none here."""
        provider = asked.provider
        secret = self.client.credentials.find(
            asked.credential or provider.name,
            env=() if asked.credential else provider.key_env,
            own_hosts=provider.own_hosts,
            host=wanted.host,
            given=asked.given,
            required=False,
        )
        label = "" if secret is None else f"key {_number(self._payers, secret)}"
        return json.dumps({"key": None if secret is None else secret.reveal(), "label": label}).encode()


def _number(known: list[Secret], secret: Secret) -> int:
    """The place of this key among those that were met."""
    if secret not in known:
        known.append(secret)
    return known.index(secret)


def _fetched(asked: Asked, ready: Prepared, answer: Answer) -> Fetched:
    completion = decode(asked.way.dialect, answer.reply)
    return Fetched(Prepared(ready.request, answer.notes), answer.sent, answer.reply, completion)


@contextmanager
def cluster(client: Client | None = None, *, address: str | None = None, workers: int = 0) -> Generator[Crew]:
    """While inside, what `client` (the default one) has to ask for is asked for by workers on a Ray cluster.

    >>> with antiphon.ray.cluster(workers=8):                            # doctest: +SKIP
    ...     for row in antiphon.batch(prompts, model="openai/gpt-6-luna"): ...

    Answers are looked up and recorded here, as ever; streams are not handed over. `workers` processes are spread over
    the nodes, two or one for each node where it is 0; they reserve no processor. The limits of a provider count for
    all of them together. ClusterError where there is no cluster at `address` (HOST:PORT, else $RAY_ADDRESS, else this
    machine's), or its nodes have another Python or Antiphon; RequestError where the extra `ray` is not installed.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        raise RequestError(f"workers must be a whole number, 0 or more, not {workers!r}", field="workers")
    client = client or default_client()
    with connected(address) as ray:
        crew = Crew(ray, client, workers)
        before = client.road.away
        try:
            crew.start()
            client.road.away = crew.fetch
            yield crew
        finally:
            client.road.away = before
            crew.end()
