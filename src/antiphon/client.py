"""The doors of the library: complete, chat, stream, and their async forms, over one core.

Every door turns its arguments into one Request, tries the replay store at once in the caller's thread, and
otherwise waits for the private loop (see `road`).
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import fields, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypedDict, cast

from . import providers
from .batches import NOTHING, AsyncBatch, Batch
from .completion import Completion, Delta
from .errors import AntiphonError, Cancelled, ReplayError, RequestError
from .listings import Listing, Listings, merged
from .loop import Job, arun, run, submit
from .places import home as default_home
from .request import (
    Config,
    Delivery,
    Media,
    Message,
    Modality,
    Reasoning,
    ReplayMode,
    Request,
    ResponseFormat,
    Schema,
    Timeout,
)
from .road import Asked, Road, deltas

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from .call import Secret
    from .credentials import Credentials
    from .dialects import Model
    from .history import History
    from .limits import Limits
    from .replay import Carried, ReplayStore
    from .spending import Budget
    from .transport import Transport

__all__ = [
    "AsyncStream",
    "Client",
    "Settings",
    "Stream",
    "abatch",
    "achat",
    "acomplete",
    "astream",
    "batch",
    "chat",
    "complete",
    "default_client",
    "stream",
]

Attachment: TypeAlias = "Media | bytes | str | Path"
Prompt: TypeAlias = "str | Message | Sequence[Message | Completion | Mapping[str, Any]]"
Entry: TypeAlias = "Prompt | Mapping[str, Any] | AntiphonError"


class Settings(TypedDict, total=False):
    """What every door takes by name besides the prompt or the messages.

    Who is asked: `provider` (a name from `antiphon providers`), `model` (its name there, or "provider/model"),
    `base_url` (your own server; the provider is then "compatible" unless you name one), `dialect`, `api_key`
    (or `credential`, the name of a stored key). What is asked: `system`, `attachments`, `seed`, and every
    field of Config (or a whole `config`, which single fields override). How: `timeout` in seconds or as a
    Timeout, and the other fields of Delivery: `retries`, `replay`, `adapt`, `fetch_media`. `carried` are recordings
    that came with a workflow, looked up where the store has none.
    """

    provider: str | None
    model: str | None
    base_url: str | None
    dialect: str | None
    api_key: str | Secret | None
    credential: str | None
    system: str | None
    attachments: Iterable[Attachment]
    seed: int | None
    config: Config | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    presence_penalty: float | None
    frequency_penalty: float | None
    repeat_penalty: float | None
    stop: str | Sequence[str]
    reasoning: Reasoning | None
    response_format: ResponseFormat | Schema | Mapping[str, Any] | type | None
    modalities: Sequence[Modality]
    aspect_ratio: str | None
    extra: Mapping[str, Any]
    timeout: float | Timeout
    retries: int
    replay: ReplayMode
    adapt: bool
    fetch_media: bool
    carried: Carried | None


_CONFIG_FIELDS = frozenset(f.name for f in fields(Config))
_OTHER_FIELDS = frozenset(Settings.__annotations__) - _CONFIG_FIELDS
_DELIVERY_FIELDS = frozenset(f.name for f in fields(Delivery))


class Client:
    """A home folder (replay store, keys, models) and the doors to ask through.

    `limits` says how much each provider is asked at a time, by its name: ``{"openai": Limits(concurrency=8,
    requests_per_minute=500, tokens_per_minute=200_000)}``. What a provider says in its rate headers and with
    Retry-After is heeded either way, by all calls of one key together.

    With `prompt_caching`, prompts that begin alike are marked for the provider to keep where it takes such marks
    (docs/design/conversations.md); no answer changes by it, only what it costs.
    `budget` caps what its calls may cost, in place of the process's (`antiphon.budget`) and the environment's
    ($ANTIPHON_BUDGET, read when the client is made). RequestError where the environment's cannot be read.
    `store` is where recordings are kept in place of the home folder's file: a store, the path of a file, or the
    address of a database that many machines share (``postgresql://…``, docs/how-to/share-a-store.md); without it,
    what $ANTIPHON_STORE says.

    `antiphon.complete` and its siblings use one default client; make your own for another home. Safe to share
    between threads and event loops; after a fork it starts afresh in the child.
    """

    def __init__(
        self,
        home: str | Path | None = None,
        *,
        store: ReplayStore | str | Path | None = None,
        credentials: Credentials | None = None,
        transport: Transport | None = None,
        limits: Mapping[str, Limits] | None = None,
        prompt_caching: bool = True,
        budget: Budget | None = None,
    ) -> None:
        from .credentials import Credentials
        from .history.counting import Replays
        from .prefixes import Prefixes
        from .replay import chosen
        from .spending import Purse
        from .transport import Transport

        self.home = Path(home) if home is not None else default_home()
        self.store = chosen(store, self.home)
        self.credentials = credentials or Credentials(self.home)
        self.transport = transport or Transport()
        self.listings = Listings(self.home / "listings")
        prefixes = Prefixes() if prompt_caching else None
        self._purse = Purse(self.home, budget, self.transport.clock)
        path = getattr(self.store, "path", None) if self.store.quick else None
        self._replays = None if path is None else Replays(path)
        self._history: History | None = None
        self.road = Road(
            self.store,
            self.transport,
            self.credentials,
            limits or {},
            prefixes,
            self._purse,
            None if self._replays is None else self._replays.hit,
        )
        # A client that is dropped closes its connections, but nobody waits for that in a garbage collection.
        weakref.finalize(self, self.transport.hang_up, wait=False).atexit = False

    def __copy__(self) -> Self:
        return self  # it is meant to be shared

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Client stays in its process, with its connections and keys; make one there: antiphon.Client(home)"
        )

    # ---------------------------------------------------------------------------------------- doors

    def complete(self, prompt: Prompt, **settings: Unpack[Settings]) -> Completion:
        """Answer one prompt.

        Raises RequestError (field and fix named), CredentialError, TransportError, ReplyError (SchemaFailed where
        the answer is not the JSON that was asked for), Refused or ReplayError. The answer is never an error text.
        """
        asked = self.asked(prompt, settings)
        return self.road.replayed(asked) or run(self.road.answered(asked))

    def chat(self, messages: Prompt, **settings: Unpack[Settings]) -> Completion:
        """Answer a conversation: Messages, mappings with "role" and "content", and earlier Completions.

        A Completion is the assistant's turn that it was: its text, without the reasoning.
        """
        return self.complete(messages, **settings)

    def stream(self, prompt: Prompt, **settings: Unpack[Settings]) -> Stream:
        """Answer a prompt or a conversation piece by piece; see Stream."""
        asked = self.asked(prompt, settings)
        return Stream(self.road, asked, self.road.replayed(asked))

    async def acomplete(self, prompt: Prompt, **settings: Unpack[Settings]) -> Completion:
        """`complete` for async callers. Cancelling the awaiting task closes the request on the wire."""
        asked = await self._aasked(prompt, settings)
        return self.road.replayed(asked) or await arun(self.road.answered(asked))

    async def achat(self, messages: Prompt, **settings: Unpack[Settings]) -> Completion:
        """`chat` for async callers."""
        return await self.acomplete(messages, **settings)

    def astream(self, prompt: Prompt, **settings: Unpack[Settings]) -> AsyncStream:
        """`stream` for async callers: ``async for delta in client.astream(…)``."""
        return AsyncStream(self.road, lambda: self._aasked(prompt, settings))

    def batch(
        self,
        requests: Iterable[Entry],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        settled: Mapping[str, AntiphonError] = NOTHING,
        **settings: Unpack[Settings],
    ) -> Batch:
        """Answer many requests, up to `concurrency` at a time: an iterator of Rows, one for each.

        A request is a prompt or a conversation, or a mapping with "prompt" and settings of its own, which override
        `settings`; an error in place of a request becomes the error of its row. The requests are read as rows are
        taken, so they may come from a generator. `ordered` gives the rows in the order of the requests; without it,
        as they come. A failed request is a Row with its error. The seed is 0 where none is given, so that the same
        batch started again asks only for what is missing; with ``seed=None`` each answer is a fresh sample, and none
        is kept. `settled` are errors by key that an earlier run ended with: those requests are not asked again.

        RequestError for a wrong `concurrency`; see Batch for what ends a batch early.
        """
        return Batch(
            self.road,
            self.asked,
            requests,
            settings,
            concurrency=concurrency,
            ordered=ordered,
            settled=settled,
        )

    def abatch(
        self,
        requests: Iterable[Entry] | AsyncIterable[Entry],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        **settings: Unpack[Settings],
    ) -> AsyncBatch:
        """`batch` for async callers: ``async for row in client.abatch(…)``."""
        return AsyncBatch(self.road, self.asked, requests, settings, concurrency=concurrency, ordered=ordered)

    def models(
        self, name: str | None = None, /, *, max_age: float | None = None, **settings: Unpack[Settings]
    ) -> list[Model]:
        """What the provider called `name` offers: asked for now, unless `max_age` is given; see `listing`.

        Takes the settings that say who is asked, and `timeout` and `retries`.
        """
        return list(self.listing(name, max_age=max_age, **settings).models)

    async def amodels(
        self, name: str | None = None, /, *, max_age: float | None = None, **settings: Unpack[Settings]
    ) -> list[Model]:
        """`models` for async callers."""
        return list((await self.alisting(name, max_age=max_age, **settings)).models)

    def listing(
        self, name: str | None = None, /, *, max_age: float | None = None, **settings: Unpack[Settings]
    ) -> Listing:
        """The models of a provider with the time at which they were listed.

        Each listing is kept in the home folder, by provider and address. With `max_age` in seconds (0 or more) a
        kept one that is not older is given without a network; an older one only where the provider cannot be
        reached or has no time, and then `notes` say so. Without `max_age` the provider is asked, and a failure is
        an error. No completion ever asks for a listing.
        """
        asked = self._lists(name, max_age, settings)
        return asked if isinstance(asked, Listing) else run(self.road.listing(asked, self.listings, max_age))

    async def alisting(
        self, name: str | None = None, /, *, max_age: float | None = None, **settings: Unpack[Settings]
    ) -> Listing:
        """`listing` for async callers."""
        asked = self._lists(name, max_age, settings)
        if isinstance(asked, Listing):
            return asked
        return await arun(self.road.listing(asked, self.listings, max_age))

    def known_listing(self, name: str | None = None, /, *, base_url: str | None = None) -> Listing | None:
        """What a provider listed last, without a network; None if it was never asked here. The table of model facts
        fills its gaps.

        At `base_url`, else at the provider's own address; where it has none, at the host that was asked last. Quick
        enough for a menu: files are read again only when they change.
        """
        provider = providers.get(name or "compatible")
        here = self._listed_here(provider)
        address = provider.address(base_url or provider.address_here) or provider.base_url
        kept = here or self.listings.known(provider.name, address)
        if kept is None:
            return None
        rows = tuple(merged(row, providers.facts(provider.name, row.name)) for row in kept.models)
        return replace(kept, models=rows)

    def known_models(self, name: str, /, *, base_url: str | None = None) -> list[Model]:
        """The models of a provider that are known without a network, or an empty list; see `known_listing`."""
        kept = self.known_listing(name, base_url=base_url)
        return [] if kept is None else list(kept.models)

    def _listed_here(self, provider: providers.Provider) -> Listing | None:
        """The listing of a provider that needs no network for it."""
        if provider.listing is None:
            return None
        rows = tuple(provider.listing())
        return Listing(provider=provider.name, address="", fetched=time.time(), models=rows)

    def _lists(self, name: str | None, max_age: float | None, settings: Settings) -> Asked | Listing:
        """The question for a listing, or the listing itself where the provider needs no network for it."""
        known = isinstance(max_age, int | float) and not isinstance(max_age, bool)
        if max_age is not None and not (known and max_age >= 0):
            raise RequestError(f"max_age must be 0 seconds or more, not {max_age!r}", field="max_age")
        if name is not None:
            settings["provider"] = name
        here = self._listed_here(_who(settings, needs_model=False)[0])
        return self.account(settings) if here is None else here

    def account(self, settings: Settings) -> Asked:
        """Whom a question about an account goes to: one that asks for no completion and needs no model."""
        chosen, config, base_url = _who(settings, needs_model=False)
        request = Request(
            provider=chosen.name,
            messages=(Message("user", "?"),),
            config=config,
            base_url=base_url,
            dialect=settings.get("dialect"),
        )
        return self._asked(request, chosen, settings)

    @property
    def history(self) -> History:
        """The recordings of this client's store as people look at them: search, sums, pins.

        ReplayError where the store is not a file.
        """
        if self._history is None:
            from .history import History
            from .replay import Store

            if not isinstance(self.store, Store) or not self.store.quick:
                raise ReplayError(
                    f"there is no history over {self.store.name}: it is made for a store in a file",
                    hint="Export what you want to look at: antiphon replay export FILE, then import it without ANTIPHON_STORE.",
                )
            self._history = History(self.store)
        return self._history

    def close(self) -> None:
        """Close connections and the store. The client opens them again when it is used again."""
        run(self.transport.close())
        self.store.close()
        self._purse.close()
        if self._replays is not None:
            self._replays.close()
        if self._history is not None:
            self._history.close()

    # ------------------------------------------------------------------------------------- requests

    def request(self, prompt: Prompt, **settings: Unpack[Settings]) -> Request:
        """The Request that `complete` would carry out, for a look or for its key."""
        return self.asked(prompt, settings).request

    def asked(self, prompt: Prompt, settings: Settings) -> Asked:
        """The arguments of a door as one checked request with its key."""
        return self._put(prompt, settings, _who(settings))

    def _put(self, prompt: Prompt, settings: Settings, who: _Who) -> Asked:
        provider, config, base_url = who
        request = Request(
            provider=provider.name,
            messages=_messages(prompt, settings.get("system"), settings.get("attachments", ())),
            config=config,
            seed=settings.get("seed"),
            base_url=base_url,
            dialect=settings.get("dialect"),
        )
        if provider.identity is not None:
            request = _identified(request, provider, settings.get("carried"))
        return self._asked(request, provider, settings)

    def _asked(self, request: Request, provider: providers.Provider, settings: Settings) -> Asked:
        given = {name: settings.get(name) for name in _DELIVERY_FIELDS if name in settings}
        return Asked.of(
            request,
            provider,
            Delivery(**cast("dict[str, Any]", given)) if given else _DELIVERY,
            credential=settings.get("credential") or "",
            given=settings.get("api_key"),
            row=self.listings.row(provider.name, request.base_url or provider.base_url, request.model)
            if provider.listing is None
            else None,
            carried=settings.get("carried"),
        )

    async def _aasked(self, prompt: Prompt, settings: Settings) -> Asked:
        """`asked` without holding up the caller's loop where a provider has files to sum first."""
        who = _who(settings)
        if who[0].identity is None:
            return self._put(prompt, settings, who)
        import asyncio

        return await asyncio.to_thread(self._put, prompt, settings, who)


def _identified(request: Request, provider: providers.Provider, carried: Carried | None) -> Request:
    """`request` with the identity of the engine that answers here.

    Where there is none, the words that came with the workflow need none: then with the identity that stands in them.
    """
    assert provider.identity is not None
    try:
        return replace(request, identity=provider.identity(request))
    except RequestError:
        found = carried.by_another_engine(request) if carried else None
        if found is None:
            raise
        return found


_Who: TypeAlias = "tuple[providers.Provider, Config, str | None]"
_DELIVERY = Delivery()


def _who(settings: Settings, *, needs_model: bool = True) -> tuple[providers.Provider, Config, str | None]:
    """Who is asked, with which settings, and at which address of the user's own."""
    unknown = settings.keys() - _CONFIG_FIELDS - _OTHER_FIELDS
    if unknown:
        raise RequestError(
            f"unknown setting {min(unknown)!r}",
            field=min(unknown),
            hint="A provider's own fields go into extra={…}.",
        )
    name, base_url = settings.get("provider"), settings.get("base_url")
    config = _config(settings)
    model = config.model
    if name is None and base_url is not None:
        name = "compatible"
    if name is None:
        full = model or os.environ.get("ANTIPHON_MODEL") or "local"
        name, _, model = full.partition("/")
        if name not in providers.names():
            raise RequestError(
                f"model {full!r} does not say whom to ask",
                field="model",
                hint=f"Write it as provider/model; the providers are {', '.join(providers.names())}.",
            )
    provider = providers.get(name)
    base_url = base_url or provider.address_here
    model = model or provider.default_model
    if not model and needs_model:
        raise RequestError(
            f"provider {name} needs a model",
            field="model",
            hint=f"Give model='{name}/…'; `antiphon models {name}` lists what there is.",
        )
    if not provider.base_url and provider.open is None and provider.answer is None and base_url is None:
        raise RequestError(f"provider {name} needs base_url='http://…'", field="base_url")
    return (
        provider,
        config if model == config.model else replace(config, model=model),
        provider.address(base_url),
    )


def _config(settings: Settings) -> Config:
    given: dict[str, Any] = {name: settings[name] for name in settings if name in _CONFIG_FIELDS}
    if given.get("model", "") is None:
        del given["model"]
    config = settings.get("config")
    if config is None:
        return Config(**given)
    return replace(config, **given) if given else config


def _messages(prompt: Prompt, system: str | None, attachments: Iterable[Attachment]) -> tuple[Message, ...]:
    messages = _conversation(prompt)
    media = tuple(Media.of(source) for source in attachments)
    if media:
        # Media before the text of the last turn: the order the vision providers recommend.
        *before, last = messages
        messages = (*before, Message(last.role, *media, *last.parts))
    return (Message("system", system), *messages) if system else messages


def _conversation(prompt: Prompt) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        return (Message("user", prompt),)
    if isinstance(prompt, Message):
        return (prompt,)
    if not isinstance(prompt, Iterable):
        raise RequestError(f"a prompt is text or messages, not {type(prompt).__name__}", field="prompt")
    return tuple(turn if isinstance(turn, Message) else _turn(turn) for turn in prompt)


def _turn(turn: Mapping[str, Any] | Completion) -> Message:
    if isinstance(turn, Completion):
        if not turn.text:
            raise RequestError(
                f"a completion without text cannot be a turn (it ended with {turn.finish_reason!r})",
                field="messages",
                hint="Leave it and the question before it out, or ask again.",
            )
        return Message("assistant", turn.text)
    if not isinstance(turn, Mapping) or set(turn) != {"role", "content"}:
        raise RequestError("a message mapping has exactly 'role' and 'content'", field="messages")
    content = turn["content"]
    return Message(turn["role"], *((content,) if isinstance(content, str | Media) else content))


# -------------------------------------------------------------------------------------------- streams


class Stream:
    """An answer on its way: iterate for Deltas, then read `completion`.

    Leaving early (`close`, the end of a with block, or dropping it) closes the request on the wire. Iterating
    raises what `complete` would raise.
    """

    def __init__(self, road: Road, asked: Asked, replayed: Completion | None) -> None:
        self._completion = replayed
        self._job: Job[Completion] | None = None
        self._pieces: Iterator[Delta]
        if replayed is not None:
            self._pieces = deltas(replayed)
        else:
            # The job must not hold on to the stream, or dropping the stream would never end the job.
            queue: SimpleQueue[Delta | None] = SimpleQueue()
            self._job = submit(road.answered(asked, queue.put))
            self._job.on_done(lambda: queue.put(None))
            self._pieces = iter(queue.get, None)

    def __iter__(self) -> Iterator[Delta]:
        return self

    def __next__(self) -> Delta:
        try:
            return next(self._pieces)
        except StopIteration:
            if self._completion is None:
                self._completion = self._result()
            raise
        except KeyboardInterrupt:
            self.close()
            raise

    def _result(self) -> Completion:
        if self._job is None:
            raise Cancelled("the stream was closed before its end")
        return self._job.result()

    @property
    def completion(self) -> Completion:
        """The whole answer; reads the rest of the stream first if need be."""
        for _ in self:
            pass
        assert self._completion is not None
        return self._completion

    def close(self) -> None:
        """Stop: the connection is closed when this returns."""
        job, self._job = self._job, None
        if job is not None and self._completion is None:
            job.cancel(wait=True)
            self._pieces = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        job = getattr(self, "_job", None)
        if job is not None and self._completion is None:
            job.cancel()


class AsyncStream:
    """Stream for async callers: ``async for delta in …``, then `await stream.completion()`."""

    def __init__(self, road: Road, ask: Callable[[], Any]) -> None:
        self._road = road
        self._ask = ask
        self._source: AsyncGenerator[Delta, None] | None = None
        self._completion: Completion | None = None
        self._job: Job[Completion] | None = None

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self

    async def __anext__(self) -> Delta:
        if self._source is None:
            self._source = self._deltas()
        return await self._source.__anext__()

    async def _deltas(self) -> AsyncGenerator[Delta, None]:
        asked = await self._ask()
        self._completion = self._road.replayed(asked)
        if self._completion is not None:
            for delta in deltas(self._completion):
                yield delta
            return
        pieces = _Pieces()
        self._job = job = submit(self._road.answered(asked, pieces.put))
        job.on_done(pieces.end)
        try:
            async for delta in pieces:
                yield delta
            self._completion = await job.aresult()
        finally:
            if self._completion is None:
                job.cancel()

    async def completion(self) -> Completion:
        """The whole answer; reads the rest of the stream first if need be."""
        async for _ in self:
            pass
        if self._completion is None:
            raise Cancelled("the stream was closed before its end")
        return self._completion

    async def aclose(self) -> None:
        """Stop and close the connection."""
        job, self._job = self._job, None
        if job is not None and self._completion is None:
            job.cancel()
        if self._source is not None:
            await self._source.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        job = getattr(self, "_job", None)
        if job is not None and self._completion is None:
            job.cancel()


class _Pieces:
    """Deltas handed from the private loop's thread to the caller's loop, with one wake-up for many."""

    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._waiting: deque[Delta | None] = deque()
        self._awake = False

    def put(self, delta: Delta | None) -> None:
        self._waiting.append(delta)
        if not self._awake:
            self._awake = True
            self._wake()

    def end(self) -> None:
        self.put(None)

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:
            self._waiting.clear()  # the caller's loop is closed: nobody will read

    async def __aiter__(self) -> AsyncIterator[Delta]:
        while True:
            await self._ready.wait()
            self._ready.clear()
            self._awake = False
            while self._waiting:
                delta = self._waiting.popleft()
                if delta is None:
                    return
                yield delta


# ---------------------------------------------------------------------------------- the default client

_lock = threading.Lock()
_clients: dict[Path, Client] = {}


def default_client() -> Client:
    """The client behind `antiphon.complete` and its siblings: one for each home folder."""
    home = default_home()
    with _lock:
        if home not in _clients:
            _clients[home] = Client(home)
        return _clients[home]


def complete(prompt: Prompt, **settings: Unpack[Settings]) -> Completion:
    """Answer one prompt with the default client; see Client.complete and Settings."""
    return default_client().complete(prompt, **settings)


def chat(messages: Prompt, **settings: Unpack[Settings]) -> Completion:
    """Answer a conversation with the default client; see Client.chat."""
    return default_client().chat(messages, **settings)


def stream(prompt: Prompt, **settings: Unpack[Settings]) -> Stream:
    """Stream an answer with the default client; see Client.stream."""
    return default_client().stream(prompt, **settings)


async def acomplete(prompt: Prompt, **settings: Unpack[Settings]) -> Completion:
    """`complete` for async callers; see Client.acomplete."""
    return await default_client().acomplete(prompt, **settings)


async def achat(messages: Prompt, **settings: Unpack[Settings]) -> Completion:
    """`chat` for async callers; see Client.achat."""
    return await default_client().achat(messages, **settings)


def astream(prompt: Prompt, **settings: Unpack[Settings]) -> AsyncStream:
    """`stream` for async callers; see Client.astream."""
    return default_client().astream(prompt, **settings)


def batch(
    requests: Iterable[Entry],
    /,
    *,
    concurrency: int = 32,
    ordered: bool = True,
    **settings: Unpack[Settings],
) -> Batch:
    """Answer many requests with the default client; see Client.batch."""
    return default_client().batch(requests, concurrency=concurrency, ordered=ordered, **settings)


def abatch(
    requests: Iterable[Entry] | AsyncIterable[Entry],
    /,
    *,
    concurrency: int = 32,
    ordered: bool = True,
    **settings: Unpack[Settings],
) -> AsyncBatch:
    """`batch` for async callers; see Client.abatch."""
    return default_client().abatch(requests, concurrency=concurrency, ordered=ordered, **settings)
