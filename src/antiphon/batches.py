"""Many requests down the same road: `batch` and `abatch`.

A batch asks for as much as `concurrency` allows, reads its requests as it goes (so they may be a million, or come
from a generator), and gives one Row for each. Answers with a seed are in the replay store before their row is
given, so the same batch started again asks only for what is missing. Nothing here knows files. The module is not
called `batch` because a submodule of that name would shadow the function `antiphon.batch`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .completion import Completion
from .errors import (
    AntiphonError,
    BudgetExceeded,
    Cancelled,
    ClusterError,
    CredentialError,
    LedgerError,
    QuotaExhausted,
    ReplayError,
    RequestError,
    Unauthorized,
)
from .loop import Job, submit
from .road import Asked, Road

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["AsyncBatch", "Batch", "Row"]

Ask: TypeAlias = Callable[[Any, Any], Asked]
"""What makes a prompt and its settings one checked request: the client's `asked`."""

Settled: TypeAlias = Mapping[str, AntiphonError]
NOTHING: Settled = MappingProxyType({})

STOPPERS = (BudgetExceeded, ClusterError, CredentialError, LedgerError, QuotaExhausted, Unauthorized)
"""Errors that the next request would meet too: after one of them no further request is begun."""

# In order of the input, how many answers may wait for an earlier one, for each request in flight.
HELD = 8


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one request: a completion, or the error that `complete` would have raised.

    `index` counts the requests from 0. `key` is None where the request could not even be made, or has no seed.
    """

    index: int
    key: str | None = None
    completion: Completion | None = None
    error: AntiphonError | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a completion."""
        return self.completion is not None


class _Pump:
    """What sync and async batches share: requests begun up to a limit, rows handed out in order or as they come.

    Used from one thread or loop at a time; `done` is called from the private loop with each row that had to be
    asked for.
    """

    def __init__(
        self,
        road: Road,
        ask: Ask,
        settings: Mapping[str, Any],
        concurrency: int,
        ordered: bool,
        settled: Settled,
    ) -> None:
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise RequestError(
                f"concurrency must be a whole number of 1 or more, not {concurrency!r}", field="concurrency"
            )
        self._road = road
        self._ask = ask
        # Without a seed nothing is kept, and all would be paid again.
        self._settings = {"seed": 0, **settings}
        self._settled = settled
        self._concurrency = concurrency
        self._ordered = ordered
        self._flying: dict[int, Job[Completion]] = {}
        self._finished: dict[int, Row] = {}  # in order: rows that wait for an earlier one
        self._ready: deque[Row] = deque()
        self._begun = self._given = 0
        self._stopper: AntiphonError | None = None
        self._left = False

    @property
    def has_room(self) -> bool:
        """Whether one more request may be begun now."""
        if self._stopper is not None or len(self._flying) >= self._concurrency:
            return False
        return len(self._finished) < self._concurrency * HELD

    @property
    def is_flying(self) -> bool:
        return bool(self._flying)

    def begin(self, entry: object, done: Callable[[Row], object]) -> None:
        """Begin one request. Where nothing has to be asked, its row is ready when this returns."""
        index, self._begun = self._begun, self._begun + 1
        key = None
        try:
            prompt, own = _split(entry)
            asked = self._ask(prompt, {**self._settings, **own})
            key = asked.key
            before = self._settled.get(key or "")
            if before is not None:
                raise before
            completion = self._road.replayed(asked)
        except AntiphonError as error:
            self.land(Row(index, key, error=error))
            return
        if completion is not None:
            self.land(Row(index, key, completion))
            return
        job = self._flying[index] = submit(self._road.answered(asked))
        job.on_done(lambda: done(_outcome(index, asked, job)))

    def land(self, row: Row) -> None:
        """Take a row in, and see whether it ends the batch. Whoever has left it gets no more rows."""
        if self._left:
            return
        self._flying.pop(row.index, None)
        if self._stopper is None:
            self._stopper = _stopper(row)
        if not self._ordered:
            self._ready.append(row)
            return
        self._finished[row.index] = row
        while (following := self._finished.pop(self._given + len(self._ready), None)) is not None:
            self._ready.append(following)

    @property
    def is_ready(self) -> bool:
        return bool(self._ready)

    def give(self) -> Row | None:
        """The next row, if there is one."""
        if not self._ready:
            return None
        self._given += 1
        return self._ready.popleft()

    def check(self) -> None:
        """Raise what ended the batch early, if anything did."""
        if self._stopper is not None:
            raise self._stopper

    def cancel(self) -> None:
        """Close all requests in flight on the wire."""
        self._left = True
        jobs, self._flying = list(self._flying.values()), {}
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait(1.0)


def _split(entry: object) -> tuple[object, Mapping[str, Any]]:
    """A request of a batch as its prompt and the settings of its own. Where it could not be made, its error is raised."""
    if isinstance(entry, AntiphonError):
        raise entry
    if isinstance(entry, Mapping):
        own = dict(cast("Mapping[str, Any]", entry))
        if "prompt" not in own:
            raise RequestError("a request of a batch needs a 'prompt'", field="prompt")
        return own.pop("prompt"), own
    return entry, {}


def _outcome(index: int, asked: Asked, job: Job[Completion]) -> Row:
    try:
        return Row(index, asked.key, job.result())
    except AntiphonError as error:
        return Row(index, asked.key, error=error)
    except asyncio.CancelledError:  # the batch was left, or the client closed
        return Row(index, asked.key, error=Cancelled())


def _stopper(row: Row) -> AntiphonError | None:
    """Why no further request should be begun after this row, if so."""
    if isinstance(row.error, STOPPERS):
        return row.error
    completion = row.completion
    # What is replayed cost nothing, also where it came with a workflow and is not in the store.
    if completion is not None and row.key is not None and not (completion.recorded or completion.replayed):
        return ReplayError(
            "the answers can no longer be recorded, so nothing more is asked: " + "; ".join(completion.notes),
            hint="Make room, or give the store to this process; then start the same batch again.",
        )
    return None


class Batch:
    """Rows on their way: iterate. Requests are begun as rows are taken, never more than `concurrency` ahead.

    Leaving early (`close`, the end of a with block) closes what is in flight; what was recorded stays. Raises, after
    the rows that could still be given, the error that made it stop early: no key, no money, a store that is full.
    """

    def __init__(
        self,
        road: Road,
        ask: Ask,
        requests: Iterable[object],
        settings: Mapping[str, Any],
        *,
        concurrency: int = 32,
        ordered: bool = True,
        settled: Settled = NOTHING,
    ) -> None:
        self._pump = _Pump(road, ask, settings, concurrency, ordered, settled)
        self._source: Iterator[object] | None = iter(requests)
        self._landed: SimpleQueue[Row] = SimpleQueue()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        pump = self._pump
        try:
            while True:
                self._fill()
                row = pump.give()
                if row is not None:
                    return row
                if not pump.is_flying:
                    break
                pump.land(self._landed.get())
        except BaseException:
            self.close()
            raise
        pump.check()
        raise StopIteration

    def _fill(self) -> None:
        """Begin what may be begun; answers from the store are handed out as soon as there is one."""
        pump = self._pump
        while not self._landed.empty():
            pump.land(self._landed.get())
        while self._source is not None and pump.has_room:
            try:
                entry = next(self._source)
            except StopIteration:
                self._source = None
                return
            pump.begin(entry, self._landed.put)
            if pump.is_ready:
                return

    def close(self) -> None:
        """Stop: nothing more is begun, and the connections of what is in flight are closed."""
        self._source = None
        self._pump.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncBatch:
    """Batch for async callers: ``async for row in …``. The requests may be an async iterable too."""

    def __init__(
        self,
        road: Road,
        ask: Ask,
        requests: Iterable[object] | AsyncIterable[object],
        settings: Mapping[str, Any],
        *,
        concurrency: int = 32,
        ordered: bool = True,
        settled: Settled = NOTHING,
    ) -> None:
        self._pump = _Pump(road, ask, settings, concurrency, ordered, settled)
        self._source: AsyncIterator[object] | None = _entries(requests)
        self._rows: AsyncGenerator[Row] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Row:
        if self._rows is None:
            self._rows = self._rows_in_turn()
        return await self._rows.__anext__()

    async def _rows_in_turn(self) -> AsyncGenerator[Row]:
        pump = self._pump
        loop, landed = asyncio.get_running_loop(), asyncio.Queue[Row]()

        def done(row: Row) -> None:
            with suppress(RuntimeError):  # the caller's loop is closed: nobody will read
                loop.call_soon_threadsafe(landed.put_nowait, row)

        try:
            while True:
                while not landed.empty():
                    pump.land(landed.get_nowait())
                await self._fill(done)
                while (row := pump.give()) is not None:
                    yield row
                if self._source is not None and pump.has_room:
                    continue  # also where all that was in flight has landed meanwhile
                if not pump.is_flying:
                    break
                pump.land(await landed.get())
        finally:
            pump.cancel()
        pump.check()

    async def _fill(self, done: Callable[[Row], object]) -> None:
        pump = self._pump
        while self._source is not None and pump.has_room and not pump.is_ready:
            entry = await anext(self._source, _END)
            if entry is _END:
                self._source = None
            else:
                pump.begin(entry, done)

    async def aclose(self) -> None:
        """Stop: nothing more is begun, and the connections of what is in flight are closed."""
        self._source = None
        self._pump.cancel()
        if self._rows is not None:
            await self._rows.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


_END = object()


async def _entries(requests: Iterable[object] | AsyncIterable[object]) -> AsyncIterator[object]:
    if isinstance(requests, AsyncIterable):
        async for entry in requests:
            yield entry
    else:
        for entry in requests:
            yield entry
