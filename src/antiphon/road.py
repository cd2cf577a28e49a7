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
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode

from . import events
from .call import Call, Reply, Secret
from .completion import Completion, Delta, SeedStatus
from .credentials import Credentials
from .dialects import Dialect, Model
from .dialects._common import dumps
from .errors import AntiphonError, Refused, ReplayError, ReplyError, RequestError, TransportError
from .events import Event
from .listings import Listing, Listings
from .loop import CLOSING_TIME
from .prepare import Prepared, prepared
from .providers import Endpoint, Provider, Way
from .replay import Busy, Carried, Recording, Store, canonical, key_of
from .request import Delivery, Request
from .transport import Limits, Transport

__all__ = ["Asked", "Road", "decode"]

log = logging.getLogger("antiphon")

Emit = Callable[[Delta], object]

# Seconds between two looks at a call that another process has in flight: at first, and at most.
LEASE_POLL = (0.01, 0.25)
# The note on an answer that came with a workflow.
CARRIED = "from the workflow's own recordings"
# Most pages of a model listing; a server that always names another one would never end.
LISTING_PAGES = 50


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
        carried: Carried | None = None,
    ) -> Asked:
        """`request` with its key. RequestError where the replay mode makes no sense without a seed."""
        if not isinstance(carried, Carried | None):
            raise RequestError(f"carried takes a Carried, not {type(carried).__name__}", field="carried")
        way = provider.way(request.dialect)
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

    @property
    def seed_status(self) -> SeedStatus:
        """What becomes of the seed on the wire."""
        if self.request.seed is None:
            return "none"
        return "sent" if "seed" in self.way.quirks.fields else "unsupported"


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
    """What all requests of one client share: the store, the transport, the credentials, the calls in flight."""

    def __init__(
        self,
        store: Store,
        transport: Transport,
        credentials: Credentials,
        limits: Mapping[str, Limits] = MappingProxyType({}),
    ) -> None:
        self.store = store
        self.transport = transport
        self.credentials = credentials
        self.limits = limits
        self._flights: dict[str, Flight] = {}

    # ------------------------------------------------------------------------------ the short way

    def replayed(self, asked: Asked) -> Completion | None:
        """The recorded completion, or None where the provider has to be asked.

        Raises ReplayError in mode "only" when nothing is recorded or the store cannot be read.
        """
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
            asked, decode(asked.way.dialect, reply), reply, replayed=True, notes=_changes(asked)
        )
        if not recording.carried:
            return completion
        return replace(completion, recorded=False, notes=(CARRIED, *completion.notes))

    def _carried(self, asked: Asked) -> Recording | None:
        """The recording that came with the workflow, if it did and is an answer. It is used for this request only."""
        request, key = asked.request, asked.key
        try:
            found = None if asked.carried is None or key is None else asked.carried.get(key)
            if found is None or key is None:
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
        """Ask the provider (or join who is asking already). `emit` gets the deltas as they stream."""
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
        async with self._leased(asked) as notes:
            found = self._recorded(asked.key) if asked.key and asked.delivery.replay == "auto" else None
            if found is not None:  # another process was faster
                return self._replay(asked, found)
            ready = prepared(asked.request, asked.provider, asked.way, asked.delivery)
            async with _opened(asked, ready.request) as endpoint:
                call = self._call(asked, ready, endpoint, stream=emit is not None or endpoint.stream)
                reply, completion = await self._send(asked, call, emit)
            failures = await self._record(asked, call, reply)
        return replace(
            self._completion(
                asked,
                completion,
                reply,
                replayed=False,
                notes=[*ready.notes, *notes, *failures, *_passed_over(asked)],
            ),
            recorded=asked.key is not None and not failures,
        )

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

    def _signed(self, asked: Asked, call: Call) -> Call:
        """`call` with its credential, if the provider wants one and the endpoint has brought none."""
        provider = asked.provider
        if provider.key == "none" or call.secrets:
            return call
        secret = self.credentials.find(
            asked.credential or provider.name,
            env=() if asked.credential else provider.key_env,
            own_hosts=provider.own_hosts,
            host=call.url,
            given=asked.given,
            required=provider.key == "required" or bool(asked.credential),
        )
        if secret is None:
            return call
        bearer = provider.auth == "bearer"
        header = {"Authorization": secret.prefixed("Bearer ")} if bearer else {provider.auth: secret}
        return replace(call, headers={**call.headers, **header})

    async def _send(self, asked: Asked, call: Call, emit: Emit | None) -> tuple[Reply, Completion]:
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
                sign=_signing(asked, call),
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
            await self._take_lease(asked.key, asked.delivery.timeout.total)
        except ReplayError as error:
            notes.append(f"replay store: {error}")
            yield notes
            return
        try:
            yield notes
        finally:
            self.store.release(asked.key)

    async def _take_lease(self, key: str, timeout: float | None) -> None:
        pause, longest = LEASE_POLL
        waited = 0.0
        while not self.store.try_lease(key):
            if timeout is not None and waited > timeout:
                raise TransportError(
                    f"another process has this request in flight, and no answer came within {timeout:g} s",
                    phase="deadline",
                )
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * 1.5, longest)

    async def _record(self, asked: Asked, call: Call, reply: Reply) -> list[str]:
        """Keep the reply. What cannot be kept is a note on the completion, not an error: it has been paid for."""
        if asked.key is None:
            return []
        put = partial(
            self.store.put, asked.request, asked.key, sent=call.body, reply=reply, document=asked.document
        )
        try:
            try:
                put(wait=False)
            except Busy:  # to be waited for, but not on this thread
                await asyncio.to_thread(put)
        except ReplayError as error:
            log.warning("answer not recorded: %s", error)
            return [f"not recorded: {error}"]
        return []

    def _completion(
        self,
        asked: Asked,
        completion: Completion,
        reply: Reply,
        *,
        replayed: bool,
        notes: Iterable[str] = (),
    ) -> Completion:
        request = asked.request
        return replace(
            completion,
            provider=request.provider,
            model=completion.model or request.model,
            seed=request.seed,
            seed_status=asked.seed_status,
            replayed=replayed,
            recorded=replayed,
            key=asked.key,
            timings=reply.timings,
            raw=reply,
            notes=(*completion.notes, *notes),
        )

    # ---------------------------------------------------------------------------------- model lists

    async def listing(self, asked: Asked, cache: Listings, max_age: float | None = None) -> Listing:
        """The provider's model list: the kept one if it is not older than `max_age` seconds, else asked for and kept.

        Where asking fails for a reason that may pass, and a `max_age` says that a kept one will do, an older one is
        given, with a note.
        """
        provider = asked.provider
        async with _opened(asked, asked.request) as endpoint:
            address = f"{endpoint.models_base or endpoint.base_url}/{provider.models_path}"
            kept = None
            if max_age is not None:
                kept = await asyncio.to_thread(cache.get, provider.name, address)
            if kept and max_age is not None and kept.fresh(max_age):
                return kept
            try:
                rows = await self._pages(asked, endpoint, address)
            except (TransportError, ReplyError) as error:
                if kept is None or not error.retryable:
                    raise
                log.warning(
                    "%s's models were not to be had, so older ones are given: %s", provider.name, error
                )
                return replace(kept, notes=(f"the provider was not to be reached: {error.message}",))
            found = Listing(provider=provider.name, address=address, fetched=time.time(), models=tuple(rows))
        if provider.answer is None:
            await asyncio.to_thread(cache.put, found)
        return found

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
                    sign=_signing(asked, call),
                )
                rows += dialect.models(reply)
                before, more = more, dict(dialect.next_page(reply))
            if not more or more == before:
                return rows
        log.warning("the model listing of %s has more than %d pages", asked.provider.name, LISTING_PAGES)
        return rows


def _with_query(address: str, more: Mapping[str, str]) -> str:
    """`address` with these parameters, in place of those of the same name."""
    if not more:
        return address
    path, _, query = address.partition("?")
    return f"{path}?{urlencode({**dict(parse_qsl(query)), **more})}"


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


def _changes(asked: Asked) -> tuple[str, ...]:
    """What a recorded request was changed to be, worked out again; nothing where it would be refused today."""
    try:
        return prepared(asked.request, asked.provider, asked.way, asked.delivery).notes
    except RequestError:
        return ()


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


def _signing(asked: Asked, call: Call) -> Callable[[Call], Awaitable[Call]] | None:
    """What signs the call just before it goes out, where no key was found and the provider takes signatures."""
    sign = asked.provider.sign
    return None if sign is None or call.secrets else partial(sign, asked.request)


def _account(asked: Asked, call: Call) -> str:
    """Who pays and is limited: provider, host and credential, as a hash that gives no key away."""
    return f"{asked.provider.name} {call.host} {hash(call.secrets):x}"


@contextmanager
def _naming(provider: str) -> Generator[None]:
    """Put the provider's name on what a dialect raises, since dialects don't know whom they talk to."""
    try:
        yield
    except (ReplyError, Refused) as error:
        error.provider = error.provider or provider
        raise
