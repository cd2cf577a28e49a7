"""THE ROAD: how a request becomes a completion.

    Request → key → store ── hit ──────────────────────────────────────┐
                       └─ miss → encode → Call → send → Reply ─ record ─┴→ decode → Completion

`Road.replayed` is the short way, taken in the caller's own thread because it costs microseconds;
`Road.answered` is the long one, on the private loop. The module is not called `complete` because a
submodule of that name would shadow the function `antiphon.complete`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, urlencode

from . import events
from .call import Call, Reply, Secret
from .completion import Completion, Delta, SeedStatus
from .credentials import Credentials
from .dialects import Body, Dialect, Mark, Model
from .dialects._common import dumps, loads
from .errors import (
    AntiphonError,
    Refused,
    ReplayError,
    ReplyError,
    RequestError,
    SchemaFailed,
    TransportError,
)
from .events import Event
from .listings import Listing, Listings, told_together
from .loop import CLOSING_TIME
from .prefixes import Prefixes, is_long
from .prepare import Prepared, lifecycle, prepared, structured, unanswered
from .prepare import media as media_steps
from .prepare.listed import listed
from .providers import Endpoint, Provider, Way
from .replay import Busy, Carried, Recording, ReplayStore, canonical, key_of
from .request import Delivery, Request
from .spending import Purse
from .transport import Limits, Scrubbed, Transport

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from .spending.bill import Bill

__all__ = ["Asked", "Fetched", "Road", "decode"]

log = logging.getLogger("antiphon")

T = TypeVar("T")
Emit = Callable[[Delta], object]

# Seconds between two looks at a call that another process has in flight: at first, and at most.
LEASE_POLL = (0.01, 0.25)
# The note on an answer that came with a workflow.
CARRIED = "from the workflow's own recordings"
# Most pages of a model listing; a server that always names another one would never end.
LISTING_PAGES = 50
# Threads that wait for a store on a server, or for a put that takes long.
STORE_THREADS = 8
# Seconds that recording may take at the least when it has to be waited for: the answer has been paid for.
RECORDING_TIME = 5.0
# Characters of an answer that are checked on the private loop; longer ones would hold up the others.
CHECKED_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with all that is needed to carry it out.

    `key` is None where nothing is looked up or recorded; `document` is the canonical JSON that it is the hash of.
    `carried` are recordings that came with a workflow: looked up where the store has none, and not kept.
    """

    request: Request
    provider: Provider
    way: Way
    delivery: Delivery
    credential: str = ""
    given: Secret | None = None
    key: str | None = None
    document: bytes = b""
    carried: Carried | None = None

    @classmethod
    def of(
        cls,
        request: Request,
        provider: Provider,
        delivery: Delivery,
        *,
        credential: str = "",
        given: str | Secret | None = None,
        row: Model | None = None,
        carried: Carried | None = None,
    ) -> Asked:
        """`request` with its key. RequestError where the replay mode makes no sense without a seed.

        `row` is what the provider's listing says of the model, where it was ever asked for one.
        """
        if not isinstance(carried, Carried | None):
            raise RequestError(f"carried takes a Carried, not {type(carried).__name__}", field="carried")
        way = listed(provider.way(request.dialect), request, row)
        if request.seed is None and delivery.replay in ("only", "refresh"):
            raise RequestError(
                f"replay={delivery.replay!r} needs a seed: without one every answer is a fresh sample",
                field="replay",
                hint="Give seed=… (any whole number).",
            )
        secret = Secret(given) if isinstance(given, str) else given
        if request.seed is None or delivery.replay == "off":
            return cls(request, provider, way, delivery, credential, secret)
        document = canonical(request)
        return cls(request, provider, way, delivery, credential, secret, key_of(document), document, carried)

    def again(self, request: Request, *, spent: float = 0.0) -> Asked:
        """A second round, in what `spent` seconds have left of the time. TransportError where nothing is left."""
        delivery = _left(self.delivery, spent)
        again = Asked.of(request, self.provider, delivery, credential=self.credential, given=self.given)
        return replace(again, way=self.way, carried=self.carried)

    @property
    def seed_status(self) -> SeedStatus:
        """What becomes of the seed on the wire."""
        if self.request.seed is None:
            return "none"
        return "sent" if "seed" in self.way.quirks.fields else "unsupported"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of asking: the request as it went out, its body without secrets, the raw reply, and what that says."""

    ready: Prepared
    sent: bytes
    reply: Reply
    completion: Completion


@dataclass(slots=True)
class Flight:
    """One call in flight and everybody in this process who waits for it. Lives on the private loop only."""

    key: str
    task: asyncio.Task[Completion] | None = None
    waiting: int = 0
    deltas: list[Delta] = field(default_factory=list[Delta])
    listeners: list[Emit] = field(default_factory=list[Emit])

    def emit(self, delta: Delta) -> None:
        self.deltas.append(delta)
        for listener in self.listeners:
            listener(delta)

    def listen(self, emit: Emit) -> None:
        for delta in self.deltas:
            emit(delta)
        self.listeners.append(emit)


class Road:
    """What all requests of one client share: the store, the transport, the credentials, the calls in flight.

    With `away`, whole answers are asked for by somebody else (the workers of a cluster), and only recorded here.
    """

    def __init__(
        self,
        store: ReplayStore,
        transport: Transport,
        credentials: Credentials,
        limits: Mapping[str, Limits] = MappingProxyType({}),
        prefixes: Prefixes | None = None,
        purse: Purse | None = None,
        on_hit: Callable[[str, str, str], object] | None = None,
    ) -> None:
        self.store = store
        self.transport = transport
        self.credentials = credentials
        self.limits = limits
        self.prefixes = prefixes
        self.purse = purse
        self.on_hit = on_hit  # told of each recording that is given again: its key, provider and model
        self.away: Callable[[Asked], Awaitable[Fetched]] | None = None
        self._flights: dict[str, Flight] = {}
        self._waiters: tuple[int, ThreadPoolExecutor] | None = None

    # ------------------------------------------------------------------------------ the short way

    def replayed(self, asked: Asked) -> Completion | None:
        """The recorded completion, or None where it takes longer: `answered` then looks into a store on a server.

        Raises what `looked_up` raises.
        """
        return self.looked_up(asked) if self.store.quick else None

    def looked_up(self, asked: Asked) -> Completion | None:
        """The recorded completion, or None where the provider has to be asked.

        Raises ReplayError in mode "only" when nothing is recorded or the store cannot be read, and SchemaFailed where
        the recorded answer is not the JSON that was asked for.
        """
        found = self._judged(asked) if structured.wanted(asked.request) else self._replayed(asked)
        if found is not None and found.recorded and self.on_hit is not None:
            self.on_hit(asked.key or "", asked.request.provider, asked.request.model)
        return found

    def _judged(self, asked: Asked) -> Completion | None:
        """The recorded completion where JSON was asked for, repaired if it was."""
        # Here and not on the private loop: the first one loads a library.
        structured.check_schema(asked.request)
        first = self._replayed(asked)
        if first is None:
            return None
        try:
            judged = structured.judged(asked.request, asked.way, first)
            return judged if isinstance(judged, Completion) else self._repair_replayed(asked, judged)
        except SchemaFailed:
            if first.recorded or asked.delivery.replay == "only":
                raise
            return None  # what came with the workflow is no answer: the provider is asked

    def _repair_replayed(self, asked: Asked, repair: structured.Repair) -> Completion | None:
        """Both recorded rounds as one, or None where the second has to be asked for."""
        again = asked.again(repair.request)
        only = asked.delivery.replay == "only"
        recording = self._recorded(again.key or "", strict=only) or self._carried(again)
        if recording is not None:
            return repair.joined(self._replay(again, recording), asked.way)
        if repair.native:
            raise repair.failed
        if only:
            raise ReplayError(
                f"the recorded answer is not the JSON that was asked for, and no repair is recorded ({again.key})",
                hint="Ask once with replay='auto', or import the recording of the repair too.",
            )
        return None

    def _replayed(self, asked: Asked) -> Completion | None:
        if asked.key is None or asked.delivery.replay == "refresh":
            return None
        recording = self._recorded(asked.key, strict=asked.delivery.replay == "only") or self._carried(asked)
        if recording is not None:
            return self._replay(asked, recording)
        if asked.delivery.replay == "only":
            raise ReplayError(
                f"nothing is recorded for this request ({asked.key})",
                hint="Ask once with replay='auto', or import a recording: `antiphon replay import FILE`.",
            )
        return None

    def _replay(self, asked: Asked, recording: Recording) -> Completion:
        reply = recording.reply
        completion = self._completion(
            asked, _prepared_then(asked, recording), decode(asked.way.dialect, reply), reply, replayed=True
        )
        if not recording.carried:
            return completion
        return replace(completion, recorded=False, key=recording.key, notes=(CARRIED, *completion.notes))

    def _carried(self, asked: Asked) -> Recording | None:
        """The recording that came with the workflow, if it did and is an answer. It is used for this request only."""
        request, key = asked.request, asked.key
        if asked.carried is None or key is None:
            return None
        try:
            found = asked.carried.get(key)
            if (
                found is None and request.identity
            ):  # answered by another engine: still the words of this workflow
                other = asked.carried.by_another_engine(request)
                key = key if other is None else key_of(canonical(other))
                found = asked.carried.get(key)
            if found is None:
                return None
            decode(asked.way.dialect, found.reply)
        except AntiphonError as error:
            if asked.delivery.replay == "only":
                raise _unusable(error) from error
            log.warning("a recording that came with the workflow is of no use: %s", error)
            return None
        return Recording(
            key=key,
            provider=request.provider,
            model=request.model,
            seed=request.seed,
            recorded_at=found.recorded_at,
            reply=found.reply,
            carried=True,
        )

    def _recorded(self, key: str, *, strict: bool = False) -> Recording | None:
        try:
            return self.store.get(key)
        except ReplayError as error:
            if strict:
                raise
            log.warning("replay store not readable, asking the provider instead: %s", error)
            return None

    # ------------------------------------------------------------------------------- the long way

    async def answered(self, asked: Asked, emit: Emit | None = None) -> Completion:
        """Ask the provider (or join who is asking already). `emit` gets the deltas as they stream.

        Where JSON is asked for in words, `emit` gets the answer only when it has been checked and, if need be, repaired.
        """
        found = None if self.store.quick else await self._aside(asked, partial(self.looked_up, asked))
        if found is not None:
            if emit:
                for delta in deltas(found):
                    emit(delta)
            return found
        if not structured.wanted(asked.request):
            return await self._answered(asked, emit)
        started = asyncio.get_running_loop().time()
        live = emit is not None and structured.is_native(asked.request, asked.way)
        first = await self._answered(asked, emit if live else None)
        completion = await _checked(first, partial(structured.judged, asked.request, asked.way, first))
        if not isinstance(completion, Completion):
            completion = await self._repaired(asked, completion, started)
        if emit and not live:
            for delta in deltas(completion):
                emit(delta)
        return completion

    async def _repaired(self, asked: Asked, repair: structured.Repair, started: float) -> Completion:
        """The completion after a second round. SchemaFailed where there is none, or it did not help."""
        if repair.native:
            raise repair.failed
        spent = asyncio.get_running_loop().time() - started
        second = await self._answered(asked.again(repair.request, spent=spent), None)
        return await _checked(second, partial(repair.joined, second, asked.way))

    async def _answered(self, asked: Asked, emit: Emit | None) -> Completion:
        if asked.key is None:
            return await self._fetch(asked, emit)
        flight = self._flights.get(asked.key)
        joined = flight is not None
        if flight is None:
            flight = self._take_off(asked.key, asked, stream=emit is not None)
        if emit:
            flight.listen(emit)
        completion = await self._landed(flight, asked.delivery.timeout.total if joined else None)
        if joined:
            completion = replace(
                completion, replayed=True, notes=(*completion.notes, "shared a call in flight")
            )
        if emit and not flight.deltas:
            for delta in deltas(completion):
                emit(delta)
        return completion

    def _take_off(self, key: str, asked: Asked, *, stream: bool) -> Flight:
        flight = self._flights[key] = Flight(key)
        flight.task = asyncio.create_task(self._fetch(asked, flight.emit if stream else None))
        flight.task.add_done_callback(lambda _: self._remove(flight))
        return flight

    def _remove(self, flight: Flight) -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]

    async def _landed(self, flight: Flight, timeout: float | None) -> Completion:
        """The flight's result. When the last one who waits for it gives up, the call is cancelled."""
        task = flight.task
        assert task is not None
        flight.waiting += 1
        try:
            if timeout is None:
                return await asyncio.shield(task)
            await asyncio.wait((task,), timeout=timeout)
            if not task.done():
                raise TransportError(f"no answer within {timeout:g} s (timeout.total)", phase="deadline")
            return task.result()
        finally:
            flight.waiting -= 1
            if not flight.waiting and not task.done():
                self._remove(flight)  # whoever asks from now on starts anew
                task.cancel()
                await asyncio.wait((task,), timeout=CLOSING_TIME)

    async def _fetch(self, asked: Asked, emit: Emit | None) -> Completion:
        """All the steps, in order."""
        started = asyncio.get_running_loop().time()
        async with self._leased(asked) as notes:
            found = None
            if asked.key and asked.delivery.replay == "auto":
                found = await self._aside(asked, partial(self._recorded, asked.key))
            if found is not None:  # another process was faster
                return self._replay(asked, found)
            if self.away is not None and emit is None:
                fetched = await self._elsewhere(asked, self.away)
            else:
                fetched = await self.carried_out(asked, emit)
            failures = await self._record(asked, fetched.sent, fetched.reply, started)
        return self._completion(
            asked,
            fetched.ready,
            fetched.completion,
            fetched.reply,
            replayed=False,
            recorded=asked.key is not None and not failures,
            notes=[*notes, *failures, *_passed_over(asked)],
        )

    async def _ready_in_time(self, asked: Asked) -> tuple[Asked, Prepared]:
        """`asked` with the time that is left once its media are fetched and fit, and the request as it goes out."""
        total = asked.delivery.timeout.total
        if total is None or not asked.request.media:
            return asked, await self._ready(asked)
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            ready = await asyncio.wait_for(self._ready(asked), total)
        except asyncio.TimeoutError:
            raise TransportError(
                f"the media were not there and made to fit within {total:g} s (timeout.total)",
                phase="deadline",
            ) from None
        return replace(asked, delivery=_left(asked.delivery, clock() - started)), ready

    async def carried_out(self, asked: Asked, emit: Emit | None = None) -> Fetched:
        """Ask the provider from this process, whatever the store has; nothing is recorded."""
        asked, ready = await self._ready_in_time(asked)
        async with _opened(asked, ready.request) as endpoint:
            call = self._call(asked, ready, endpoint, stream=emit is not None or endpoint.stream)
            try:
                with self._kept(asked, ready.request, call) as call:
                    reply, completion = await self._send(asked, ready, call, emit)
            except ReplyError as error:
                _explain(error, asked, ready.request)
                raise
        return Fetched(ready, call.body, reply, completion)

    async def _elsewhere(self, asked: Asked, away: Callable[[Asked], Awaitable[Fetched]]) -> Fetched:
        """Have it asked by somebody else, and pay for it from the budget here, if there is one."""
        budget = None if self.purse is None else self.purse.budget(asked.provider, asked.request)
        if budget is None or self.purse is None:
            return await away(asked)
        ready = await self._ready(asked)
        call = Call("", dumps(asked.way.dialect.encode(ready.request, asked.way.quirks, stream=False)))
        async with self.purse.bill(budget, asked.provider, ready.request, call) as bill:
            try:
                fetched = await away(asked)
            except RequestError:  # nothing was sent
                raise
            except BaseException:
                await bill.signing(None)(call)  # it may have gone out
                raise
            bill.completion = self._completion(
                asked, ready, fetched.completion, fetched.reply, replayed=False
            )
        return replace(
            fetched, completion=replace(fetched.completion, notes=(*fetched.completion.notes, *bill.notes))
        )

    async def _ready(self, asked: Asked) -> Prepared:
        """The request as it goes out, its media fetched and made to fit where need be: not done for replays."""
        ready = prepared(asked.request, asked.provider, asked.way, asked.delivery)
        request, notes = await media_steps.ready(
            ready.request, asked.way, asked.delivery, self.transport.fetcher
        )
        return Prepared(request, (*ready.notes, *notes))

    def _call(self, asked: Asked, ready: Prepared, endpoint: Endpoint, *, stream: bool) -> Call:
        """Encode the request for this endpoint and put the credential on it."""
        request, dialect = ready.request, asked.way.dialect
        body = dialect.encode(request, asked.way.quirks, stream=stream)
        headers = {"Content-Type": "application/json", **asked.provider.headers, **endpoint.headers}
        call = Call(
            f"{endpoint.base_url}/{dialect.path(request, stream=stream)}",
            dumps({**body, **endpoint.body}),
            headers,
            stream=dialect.stream if stream else "",
        )
        return self._signed(asked, call)

    def _kept(self, asked: Asked, request: Request, call: Call) -> AbstractContextManager[Call]:
        """`call` with marks where its prompt begins like one of a short while ago: see `prefixes`."""
        quirks = asked.way.quirks
        if self.prefixes is None or quirks.cache is None or not is_long(request.messages):
            return nullcontext(call)
        if quirks.cache_field in request.config.extra or not re.match(quirks.cached_models, request.model):
            return nullcontext(call)
        return self._marked(self.prefixes, quirks.cache, asked, request, call)

    @contextmanager
    def _marked(
        self, prefixes: Prefixes, mark: Mark, asked: Asked, request: Request, call: Call
    ) -> Generator[Call]:
        shared = prefixes.shared(_account(asked, call), request)
        answered = False
        try:
            if shared.ends:
                body = loads(call.body)
                mark(body, request, shared.ends)
                call = replace(call, body=dumps(body))
            yield call
            answered = True
        finally:
            prefixes.settle(shared, answered=answered)

    def _signed(self, asked: Asked, call: Call, base: str = "") -> Call:
        """`call` with its credential, if the provider wants one and the endpoint has brought none.

        `base` is the address that the credential must be allowed for, where that is not the call's own.
        """
        provider = asked.provider
        if provider.key == "none" or call.secrets:
            return call
        secret = self.credentials.find(
            asked.credential or provider.name,
            env=() if asked.credential else provider.key_env,
            own_hosts=provider.own_hosts,
            host=base or call.url,
            given=asked.given,
            required=provider.key == "required" or bool(asked.credential),
        )
        if secret is None:
            return call
        bearer = provider.auth == "bearer"
        header = {"Authorization": secret.prefixed("Bearer ")} if bearer else {provider.auth: secret}
        return replace(call, headers={**call.headers, **header})

    async def _send(
        self, asked: Asked, ready: Prepared, call: Call, emit: Emit | None
    ) -> tuple[Reply, Completion]:
        """Send it, and pay for it from the budget, if there is one."""
        budget = None if self.purse is None else self.purse.budget(asked.provider, ready.request)
        if budget is None or self.purse is None:
            return await self._exchange(asked, call, emit, None)
        async with self.purse.bill(budget, asked.provider, ready.request, call) as bill:
            reply, completion = await self._exchange(asked, call, bill.watching(emit), bill)
            bill.completion = self._completion(asked, ready, completion, reply, replayed=False)
        return reply, replace(completion, notes=(*completion.notes, *bill.notes))

    async def _exchange(
        self, asked: Asked, call: Call, emit: Emit | None, bill: Bill | None
    ) -> tuple[Reply, Completion]:
        dialect = asked.way.dialect
        account = _account(asked, call)
        fold = dialect.fold()

        def afresh() -> None:
            nonlocal fold
            fold = dialect.fold()

        def on_event(event: Event) -> bool:
            found = fold.feed(event)
            if emit:
                for delta in found:
                    emit(delta)
            return bool(found)

        completions: list[Completion] = []

        def on_reply(reply: Reply) -> None:
            completions.append(fold.completion(reply) if reply.stream else dialect.decode(reply))

        with _naming(asked.provider.name):
            reply = await self.transport.send(
                call,
                asked.delivery,
                check=dialect.error,
                on_event=on_event if call.stream else None,
                on_retry=afresh,
                on_reply=on_reply,
                account=account,
                limits=self.limits.get(asked.provider.name, asked.provider.limits),
                tokens=len(call.body) // 4 + (asked.request.config.max_tokens or 0),
                answer=asked.provider.answer,
                sign=_signing(asked) if bill is None else bill.signing(_signing(asked)),
            )
        completion = completions[-1]
        self.transport.settle(account, completion.usage.total_tokens or 0)
        return reply, completion

    @asynccontextmanager
    async def _leased(self, asked: Asked) -> AsyncGenerator[list[str]]:
        """Hold the right to make this call among all processes that share the store; yields notes to add to."""
        notes: list[str] = []
        if asked.key is None or asked.delivery.replay != "auto":
            yield notes
            return
        try:
            await self._take_lease(asked, asked.key)
        except ReplayError as error:
            notes.append(f"replay store: {error}")
            yield notes
            return
        try:
            yield notes
        finally:
            if self.store.quick:
                self.store.release(asked.key)
            else:  # also where the call is given up: then nobody waits for it
                await asyncio.shield(self._on_thread(partial(self.store.release, asked.key)))

    async def _take_lease(self, asked: Asked, key: str) -> None:
        timeout = asked.delivery.timeout.total
        pause, longest = LEASE_POLL
        waited = 0.0
        while not await self._leases(asked, key):
            if timeout is not None and waited > timeout:
                raise TransportError(
                    f"another process has this request in flight, and no answer came within {timeout:g} s",
                    phase="deadline",
                )
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * 1.5, longest)

    async def _leases(self, asked: Asked, key: str) -> bool:
        if self.store.quick:
            return self.store.try_lease(key)
        taking = self._on_thread(partial(self.store.try_lease, key))
        try:
            return await self._in_time(asked, asyncio.shield(taking))
        except BaseException:
            taking.add_done_callback(partial(self._given_back, key))  # nobody is there to hold it
            raise

    def _given_back(self, key: str, taking: asyncio.Future[bool]) -> None:
        """Release a lease that came too late."""
        if not taking.cancelled() and taking.exception() is None and taking.result():
            self._on_thread(partial(self.store.release, key))

    # ---------------------------------------------------------------------- a store on a server

    async def _aside(self, asked: Asked, work: Callable[[], T]) -> T:
        """What `work` says of the store; on a thread where that crosses a network, and not beyond the request's time."""
        if self.store.quick:
            return work()
        return await self._in_time(asked, self._on_thread(work))

    async def _in_time(self, asked: Asked, waited: Awaitable[T]) -> T:
        timeout = asked.delivery.timeout.total
        try:
            return await asyncio.wait_for(waited, timeout)
        except asyncio.TimeoutError:
            raise TransportError(
                f"the replay store {self.store.name} gave no answer within {timeout:g} s (timeout.total)",
                phase="deadline",
            ) from None

    async def _put_there(self, asked: Asked, put: Callable[[], None], started: float) -> None:
        """Record on another thread. ReplayError where the request's time, and a little more, is not enough."""
        total, spent = asked.delivery.timeout.total, asyncio.get_running_loop().time() - started
        left = None if total is None else max(total - spent, RECORDING_TIME)
        try:
            await asyncio.wait_for(asyncio.shield(self._on_thread(put)), left)
        except asyncio.TimeoutError:
            raise ReplayError(f"the replay store {self.store.name} did not take it in time") from None

    def _on_thread(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """`work` on one of the threads that wait for the store, so that it holds up neither the loop nor others."""
        if self._waiters is None or self._waiters[0] != os.getpid():
            from concurrent.futures import ThreadPoolExecutor  # costs import time, and most stores are files

            self._waiters = (os.getpid(), ThreadPoolExecutor(STORE_THREADS, "antiphon-store"))
        return asyncio.get_running_loop().run_in_executor(self._waiters[1], work)

    async def _record(self, asked: Asked, sent: bytes, reply: Reply, started: float) -> list[str]:
        """Keep the reply. What cannot be kept is a note on the completion, not an error: it has been paid for."""
        if asked.key is None:
            return []
        put = partial(
            self.store.put, asked.request, asked.key, sent=sent, reply=reply, document=asked.document
        )
        try:
            try:
                put(wait=False)
            except Busy:  # to be waited for, but not on this thread
                await self._put_there(asked, put, started)
        except ReplayError as error:
            log.warning("answer not recorded: %s", error)
            return [f"not recorded: {error}"]
        return []

    def _completion(
        self,
        asked: Asked,
        ready: Prepared,
        completion: Completion,
        reply: Reply,
        *,
        replayed: bool,
        recorded: bool = False,
        notes: Iterable[str] = (),
    ) -> Completion:
        request = asked.request
        return replace(
            completion,
            provider=request.provider,
            model=completion.model or ready.request.model,
            requested_model=ready.request.model,
            base_url=request.base_url or request.identity.get("server"),
            seed=request.seed,
            seed_status=asked.seed_status,
            replayed=replayed,
            recorded=replayed or recorded,
            key=asked.key,
            timings=reply.timings,
            raw=reply,
            notes=(*completion.notes, *ready.notes, *unanswered(ready.request, completion), *notes),
        )

    # ------------------------------------------------------------------- the providers' own batch APIs

    def missing(self, asked: Asked) -> Asked | None:
        """What has still to be asked for this request: itself, the repair of its JSON, or nothing."""
        if asked.key is None:
            return asked
        if not structured.wanted(asked.request):
            return asked if self._recorded(asked.key) is None else None
        structured.check_schema(asked.request)
        first = self._replayed(asked)
        if first is None:
            return asked
        judged = structured.judged(asked.request, asked.way, first)
        if isinstance(judged, Completion) or judged.native:
            return None
        again = asked.again(judged.request)
        return again if self._recorded(again.key or "") is None else None

    async def body(self, asked: Asked) -> Body:
        """The body that asks for this request, whole and unstreamed. RequestError for what cannot be honoured."""
        ready = await self._ready(asked)
        return asked.way.dialect.encode(ready.request, asked.way.quirks, stream=False)

    async def address(self, asked: Asked) -> str:
        """Where `asked` would go now."""
        async with _opened(asked, asked.request) as endpoint:
            return endpoint.base_url

    async def about(
        self,
        asked: Asked,
        call: Call,
        *,
        files: bool = False,
        once: bool = False,
        on_piece: Callable[[bytes], object] | None = None,
    ) -> Reply:
        """Send a call that asks for no completion (its URL relative) to where `asked` would go, with its credential.

        With `files` it goes to where the files of jobs are kept. With `on_piece` the body goes there, without any key
        in it. With `once` it is sent one time at the most.
        """
        async with _opened(asked, asked.request) as endpoint:
            kept = await asyncio.to_thread(endpoint.files) if files and endpoint.files else None
            if kept is None:
                base = endpoint.models_base or endpoint.base_url
                headers = {**asked.provider.headers, **endpoint.headers, **call.headers}
                whole = replace(call, url=f"{base}/{call.url}", headers=headers)
            else:
                whole = replace(call, url=kept.address(call.url))
            with _naming(asked.provider.name):
                whole = self._signed(asked, whole, "" if kept is None else kept.base)
                scrubbed = None if on_piece is None else Scrubbed(whole.secrets, on_piece)
                reply = await self.transport.send(
                    whole,
                    asked.delivery,
                    check=asked.way.dialect.error if kept is None else kept.error,
                    answer=asked.provider.answer,
                    sign=_signing(asked) if kept is None else kept.sign,
                    on_piece=scrubbed,
                    once=once,
                )
            if scrubbed is not None:
                scrubbed.end()
        return reply

    # ---------------------------------------------------------------------------------- model lists

    async def listing(self, asked: Asked, cache: Listings, max_age: float | None = None) -> Listing:
        """The provider's model list: the kept one if it is not older than `max_age` seconds, else asked for and kept.

        Where asking fails for a reason that may pass, and a `max_age` says that a kept one will do, an older one is
        given, with a note.
        """
        provider = asked.provider
        async with _opened(asked, asked.request) as endpoint:
            base = endpoint.models_base or endpoint.base_url
            address = f"{base}/{provider.models_path}"
            kept = None
            if max_age is not None:
                kept = await asyncio.to_thread(cache.get, provider.name, address)
            if kept and max_age is not None and kept.fresh(max_age):
                return kept
            try:
                rows, notes = await self._all_listed(asked, endpoint, base)
            except (TransportError, ReplyError) as error:
                if kept is None or not error.retryable:
                    raise
                log.warning(
                    "%s's models were not to be had, so older ones are given: %s", provider.name, error
                )
                return replace(kept, notes=(f"the provider was not to be reached: {error.message}",))
            found = Listing(
                provider=provider.name, address=address, fetched=time.time(), models=rows, notes=notes
            )
        if provider.answer is None:
            await asyncio.to_thread(cache.put, found)
        return found

    async def _all_listed(
        self, asked: Asked, endpoint: Endpoint, base: str
    ) -> tuple[tuple[Model, ...], tuple[str, ...]]:
        """The rows of all that is listed there, and what of it could not be had: not every key may see the rest."""
        provider = asked.provider
        rows = await self._pages(asked, endpoint, f"{base}/{provider.models_path}")
        if not provider.more_models:
            return tuple(rows), ()
        try:
            rows += await self._pages(asked, endpoint, f"{base}/{provider.more_models}")
        except ReplyError as error:
            if error.retryable:
                raise
            note = f"{provider.more_models.partition('?')[0]} could not be listed: {error.message}"
            log.warning("%s: %s", provider.name, note)
            return tuple(rows), (note,)
        return tuple(told_together(rows)), ()

    async def _pages(self, asked: Asked, endpoint: Endpoint, address: str) -> list[Model]:
        """All rows of a listing, page after page."""
        dialect, rows, more = asked.way.dialect, list[Model](), dict[str, str]()
        headers = {**asked.provider.headers, **endpoint.headers}
        for _ in range(LISTING_PAGES):
            call = self._signed(asked, Call(_with_query(address, more), headers=headers, method="GET"))
            with _naming(asked.provider.name):
                reply = await self.transport.send(
                    call,
                    asked.delivery,
                    check=dialect.error,
                    answer=asked.provider.answer,
                    sign=_signing(asked),
                )
                rows += dialect.models(reply)
                before, more = more, dict(dialect.next_page(reply))
            if not more or more == before:
                return rows
        log.warning("the model listing of %s has more than %d pages", asked.provider.name, LISTING_PAGES)
        return rows


def _left(delivery: Delivery, spent: float) -> Delivery:
    """`delivery` with what `spent` seconds have left of its time. TransportError where nothing is left."""
    total = delivery.timeout.total
    if total is None or not spent:
        return delivery
    if spent >= total:
        raise TransportError(f"no answer within {total:g} s (timeout.total)", phase="deadline")
    return replace(delivery, timeout=replace(delivery.timeout, total=total - spent))


def _with_query(address: str, more: Mapping[str, str]) -> str:
    """`address` with these parameters, in place of those of the same name."""
    if not more:
        return address
    path, _, query = address.partition("?")
    return f"{path}?{urlencode({**dict(parse_qsl(query)), **more})}"


async def _checked(completion: Completion, check: Callable[[], T]) -> T:
    """What `check` says of this completion; of a long one on another thread."""
    if len(completion.text) <= CHECKED_AT_ONCE:
        return check()
    return await asyncio.to_thread(check)


def deltas(completion: Completion) -> Iterator[Delta]:
    """A whole completion as deltas, for a caller who asked for a stream and is answered at once."""
    if completion.reasoning:
        yield Delta(reasoning=completion.reasoning)
    if completion.text:
        yield Delta(text=completion.text)
    for media in completion.media:
        yield Delta(media=media)


def decode(dialect: Dialect, reply: Reply) -> Completion:
    """Decode a recorded reply just as it was decoded when it arrived."""
    if not reply.stream:
        return dialect.decode(reply)
    fold = dialect.fold()
    for event in events.parse(reply.body, reply.stream):
        fold.feed(event)
    return fold.completion(reply)


def _prepared_then(asked: Asked, recording: Recording) -> Prepared:
    """A recorded request as it went out, worked out again for its day; as it is where it would be refused today."""
    try:
        day = date.fromtimestamp(recording.recorded_at)
    except (ValueError, OverflowError, OSError):  # a clock that was far off, or a file of anybody's
        day = lifecycle.today()
    try:
        return prepared(asked.request, asked.provider, asked.way, asked.delivery, day)
    except RequestError:
        return Prepared(asked.request)


def _unusable(error: AntiphonError) -> ReplayError:
    """What is wrong with a recording that came with a workflow, where there is nothing else to answer with."""
    if isinstance(error, ReplayError):
        return error
    return ReplayError(
        f"what came with the workflow for this request is no answer: {error.message}",
        hint="Ask with replay='auto'.",
    )


def _passed_over(asked: Asked) -> tuple[str, ...]:
    """A note where a recording came with the workflow and could not be used."""
    if asked.carried is None or asked.delivery.replay != "auto" or asked.key not in asked.carried:
        return ()
    return (asked.carried.problem(asked.key) or "what came with the workflow for this request is no answer",)


def _opened(asked: Asked, request: Request) -> AbstractAsyncContextManager[Endpoint]:
    """The endpoint for this request: the provider's address, or whatever has to be made ready first."""
    if asked.provider.open is not None:
        return asked.provider.open(request)
    return nullcontext(Endpoint(base_url=request.base_url or asked.provider.base_url))


def _signing(asked: Asked) -> Callable[[Call], Awaitable[Call]] | None:
    """What signs the call just before it goes out, where the provider takes signatures."""
    sign = asked.provider.sign
    return None if sign is None else partial(sign, asked.request)


def _account(asked: Asked, call: Call) -> str:
    """Who pays and is limited: provider, host and credential, as a hash that gives no key away."""
    return f"{asked.provider.name} {call.host} {hash(call.secrets):x}"


def _explain(error: ReplyError, asked: Asked, request: Request) -> None:
    """Say when the model was retired, where that may be why it is not found."""
    if found := lifecycle.hint(error, request, asked.provider, lifecycle.today()):
        error.hint = f"{found} {error.hint}".strip()


@contextmanager
def _naming(provider: str) -> Generator[None]:
    """Put the provider's name on what a dialect raises, since dialects don't know whom they talk to."""
    try:
        yield
    except (ReplyError, Refused) as error:
        error.provider = error.provider or provider
        raise
