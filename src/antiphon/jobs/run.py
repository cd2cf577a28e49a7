"""One batch over files, from its source to its sink, with a tally of what came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol, cast

from ..batches import Row
from ..client import Client, Entry, Settings
from ..completion import Completion
from ..errors import AntiphonError, RequestError
from ..road import Asked
from .costs import Costs
from .plan import Plan
from .sinks import Sink
from .sources import Record

__all__ = ["Job", "Tally"]


@dataclass(slots=True)
class Tally:
    """What came so far. Tokens and `costs` are of the answers that were paid for now."""

    rows: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    costs: Costs = field(default_factory=Costs)
    errors: Counter[str] = field(default_factory=Counter[str])

    @property
    def failed(self) -> int:
        """How many rows have an error."""
        return self.errors.total()

    def add(self, outcome: Completion | AntiphonError) -> None:
        """Count one row."""
        self.rows += 1
        if isinstance(outcome, AntiphonError):
            self.errors[type(outcome).__name__] += 1
        elif outcome.replayed:
            self.replayed += 1
        else:
            self.input_tokens += outcome.usage.input_tokens or 0
            self.output_tokens += outcome.usage.output_tokens or 0
            self.costs.add(outcome)


class Rows(Protocol):
    """Where rows come from: a Source, or whatever else has rows."""

    def rows(self) -> Iterator[Record]:
        """The rows, in order."""
        ...

    def total(self) -> int | None:
        """How many rows there are, if that is known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be done: read rows, ask as planned, at most `limit` of them.

    `settings` are those of `Client.batch`; `settled` are errors by key that need not be asked for again, and `failed`
    is told of the errors by key that come.
    """

    source: Rows
    plan: Plan
    settings: Mapping[str, Any]
    concurrency: int = 32
    ordered: bool = True
    limit: int | None = None
    settled: Mapping[str, AntiphonError] = field(default_factory=dict[str, AntiphonError])
    failed: Callable[[str, AntiphonError], object] = lambda _, __: None

    def run(self, client: Client, sink: Sink, told: Callable[[Tally], object] = lambda _: None) -> Tally:
        """Do it; `told` is called after each row. Raises what ends a batch early; what came until then is in the sink."""
        tally, waiting = Tally(), dict[int, Record]()
        batch = client.batch(
            self._entries(waiting),
            concurrency=self.concurrency,
            ordered=self.ordered,
            settled=self.settled,
            **dict(self.settings),
        )
        try:
            with batch:
                for row in batch:
                    outcome = _outcome(row)
                    record = self.plan.record(row.index, waiting.pop(row.index), row.key, outcome)
                    with _written():
                        if row.error is not None and row.key is not None:
                            self.failed(row.key, row.error)
                        sink.write(record)
                    tally.add(outcome)
                    told(tally)
            with _written():
                sink.finish()
        finally:
            tally.costs.end()
        return tally

    def asked(self, client: Client) -> Iterator[Asked]:
        """The requests as they would be asked, but for those that cannot be made or are settled: their rows tell it."""
        defaults = {"seed": 0, **self.settings}
        for row in islice(self.source.rows(), self.limit):
            try:
                own = self.plan.request(row)
                prompt = own.pop("prompt")
                asked = client.asked(prompt, cast("Settings", {**defaults, **own}))
            except RequestError:
                continue
            if asked.key not in self.settled:
                yield asked

    def _entries(self, waiting: dict[int, Record]) -> Iterator[Entry]:
        """The rows as requests, or as the errors of those that cannot be made; each row waits for its answer."""
        for index, row in enumerate(islice(self.source.rows(), self.limit)):
            waiting[index] = row
            yield self._entry(row)

    def _entry(self, row: Record) -> Entry:
        try:
            return self.plan.request(row)
        except RequestError as error:
            return error


@contextmanager
def _written() -> Generator[None]:
    """A full or broken disk under the output as a typed error."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RequestError(
            f"the output cannot be written: {error.strerror or error}",
            field="output",
            hint="The answers so far are recorded: make room and start the same batch again.",
        ) from error


def _outcome(row: Row) -> Completion | AntiphonError:
    outcome = row.completion or row.error
    assert outcome is not None
    return outcome
