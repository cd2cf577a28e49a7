"""A batch through the provider's own batch API: `antiphon batch --via provider`.

    sweep the input ─ missing requests → jobs ─┐
         ↑                                     │
         └── answers into the replay store ←── wait and collect

Sweeps go on until nothing is missing; then the batch runs as any other, and finds all its answers in the store. So
an answer that came this way is the same as one that was asked for alone, and is recorded under the same key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..batches import STOPPERS
from ..client import Client
from ..dialects._common import dumps
from ..dialects._jobs import Jobs
from ..errors import AntiphonError, Refused, ReplyError, RequestError, TransportError
from ..loop import run
from ..road import Asked, decode
from .journal import Journal, Kept, Line
from .remote import Load, Remote, chosen, jobs_of
from .run import Job

__all__ = ["Via"]

DROPPED = 500  # answered requests that leave the journal together
ROUNDS = 3  # an answer, its repair, and a look whether all is there


@dataclass(slots=True)
class Via:
    """One batch through the batch API of whomever its requests ask.

    `options` are said of the jobs besides (see `Jobs.options`). `poll` is in seconds between two looks at a job: at
    first, and at most. `told` gets a line for each thing
    that happens. With `retry_errors` what failed for good in an earlier run is asked again.
    """

    client: Client
    job: Job
    journal: Journal
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    poll: tuple[float, float] = (5.0, 120.0)
    retry_errors: bool = False
    told: Callable[[str], object] = lambda _: None
    sleep: Callable[[float], object] = time.sleep
    _remote: Remote = field(init=False)
    _loads: dict[tuple[object, ...], Load] = field(default_factory=dict[tuple[object, ...], Load])
    _waiting: set[str] = field(default_factory=set[str])
    _done: list[str] = field(default_factory=list[str])

    def answered(self) -> Job:
        """Have all requests of the batch answered; the batch as it then has to be run, which asks nobody.

        Takes hours. Ctrl-C leaves the jobs at work; called again with the same batch, it goes on from there.
        Raises RequestError where the batch API cannot be used for it, and what the provider answers to a job.
        """
        mode = self.job.settings.get("replay", "auto")
        if mode != "auto":
            raise RequestError(f"--via needs replay='auto', not {mode!r}", field="replay")
        self._remote = Remote(self.client, self.journal, self.job.settings, self.told, self.options)
        try:
            while self._sweep():
                self._wait()
        finally:
            self._remote.close()
        return replace(
            self.job,
            settings={**self.job.settings, "replay": "only"},
            settled=_Settled(self.job.settled, self.journal),
        )

    # ---------------------------------------------------------------------------------------- sweeps

    def _sweep(self) -> bool:
        """Record what came, send what is missing; whether there is something to wait for."""
        self._loads, self._waiting = {}, set()
        for asked in self.job.asked(self.client):
            self._see(asked)
        for load in self._loads.values():
            self._submit(load)
        self._drop()
        return bool(self._waiting)

    def _see(self, asked: Asked) -> None:
        """What has to be done for one request now."""
        for _ in range(ROUNDS):
            part = self._missing(asked)
            line = self.journal.line(_key(part or asked))
            if part is None:
                if line is not None and line.error is not None:
                    self._done.append(line.key)
                return
            if line is None:
                self._load(part)
                return
            if not self._settle(part, asked, line):
                return

    def _missing(self, asked: Asked) -> Asked | None:
        try:
            return self.client.road.missing(asked)
        except (ReplyError, TransportError, Refused, RequestError):  # told in its row, when the batch is run
            return None

    def _settle(self, part: Asked, asked: Asked, line: Line) -> bool:
        """Deal with what the journal has for `part`; whether to look again."""
        if line.reply is not None:
            return self._record(part, line)
        if line.error is None:
            self._waiting.add(line.job)
            return False
        if line.run != self._remote.name and (self.retry_errors or _may_pass(line)):
            self.journal.drop([line.key])
            return True
        if part.key != asked.key:
            self.journal.fail(_key(asked), line.error, line.run)
        return False

    def _record(self, part: Asked, line: Line) -> bool:
        """The reply into the replay store, if it holds a completion; just as if it had been asked for alone."""
        assert line.reply is not None
        try:
            decode(part.way.dialect, line.reply)
        except AntiphonError as error:
            if hasattr(error, "provider"):
                error.provider = part.provider.name  # type: ignore[attr-defined]
            self.journal.fail(line.key, error, self._remote.name)
            return True
        self.client.store.put(
            part.request, line.key, sent=line.sent, reply=line.reply, document=part.document
        )
        self._done.append(line.key)
        if len(self._done) >= DROPPED:
            self._drop()
        return True

    def _drop(self) -> None:
        self.journal.drop(self._done)
        self._done = []

    # ------------------------------------------------------------------------------------------ sent

    def _load(self, part: Asked) -> None:
        """Put one request where the next job takes it along."""
        self._check(part)
        jobs, key = jobs_of(part), _key(part)
        chosen(jobs, self.options)
        path = part.way.dialect.path(part.request, stream=False)
        load = self._loads.setdefault(_group(part, path, one_model=jobs.one_model), Load(part, path))
        if key in load.lines:
            return
        try:
            body = run(self.client.road.body(part))
            line = jobs.line(key.partition(":")[2], body, path)
            _check_size(line, jobs)
        except (RequestError, TransportError) as error:  # it cannot be asked, or its media cannot be had
            self.journal.fail(key, error, self._remote.name)
            return
        if load.is_full(jobs, len(line)):
            least = self._least(jobs)  # as many stay, so that the last job has enough
            self._submit(load.all_but(least if 1 < least < len(load.lines) - least else 0))
        load.add(key, line, dumps(body))

    def _check(self, asked: Asked) -> None:
        """RequestError where a promise could not be kept this way."""
        if asked.key is None:
            raise RequestError(
                "--via needs a seed: its answers come by way of the replay store", field="seed"
            )
        purse = self.client.road.purse
        if purse is not None and purse.budget(asked.provider, asked.request) is not None:
            raise RequestError(
                "a budget is set, and what a job will cost cannot be kept under it",
                field="budget",
                hint="Lift the budget for this command (ANTIPHON_BUDGET=), or leave --via out.",
            )

    def _submit(self, load: Load) -> None:
        jobs = jobs_of(load.asked)
        if not load.lines:
            return
        if len(load.lines) < self._least(jobs):
            for key in load.lines:
                self.journal.fail(key, _too_few(len(load.lines), self._least(jobs)), self._remote.name)
            return
        self._remote.submit(load)
        for key in load.lines:
            line = self.journal.line(key)
            if line is not None:
                self._waiting.add(line.job)
                break

    def _least(self, jobs: Jobs) -> int:
        """The fewest requests that a job may have. RequestError where an option is missing."""
        return int(chosen(jobs, self.options).get("least", 1))

    # ---------------------------------------------------------------------------------------- waiting

    def _wait(self) -> None:
        """Until the jobs that were met in the sweep have ended, or turned out never to have been sent."""
        pause, longest = self.poll
        while True:
            open_jobs = [job for name in sorted(self._waiting) if (job := self.journal.job(name))]
            open_jobs = [job for job in open_jobs if job.state != "ended"]
            before = len(open_jobs)
            if not sum(self._is_open(job) for job in open_jobs):
                return
            self.sleep(pause)
            pause = self.poll[0] if len(open_jobs) < before else min(pause * 1.5, longest)

    def _is_open(self, job: Kept) -> bool:
        """Look at one job, and collect it if it has ended. A network that is down for a while ends no wait of a day."""
        try:
            if job.state != "submitted":
                self._remote.find(job)
            else:
                self._look(job)
        except (TransportError, ReplyError) as error:
            if not error.retryable:
                raise
            self.told(f"{job.name}: {error.message}; looking again later")
        now = self.journal.job(job.name)
        return now is not None and now.state != "ended"

    def _look(self, job: Kept) -> None:
        status = self._remote.look(job)
        if (status.word, status.done, status.failed) != (job.word, job.done, job.failed):
            counts = f", {status.done or 0:,} of {job.total:,} done" if status.done is not None else ""
            self.told(f"{job.name} ({job.id}): {status.word or 'unknown'}{counts}")
        if status.phase != "running":
            self._remote.collect(job, status)


def _too_few(count: int, least: int) -> RequestError:
    return RequestError(
        f"a job takes {least:,} requests at least, and {'one is' if count == 1 else f'{count:,} are'} missing",
        field="via",
        hint="The same command without --via asks for the rest, and replays what is there.",
    )


def _check_size(line: bytes, jobs: Jobs) -> None:
    if len(line) > jobs.size:
        raise RequestError(
            f"this request has {len(line):,} bytes; one job takes {jobs.size:,}",
            field="messages",
            hint="Leave --via out for it.",
        )


def _key(asked: Asked) -> str:
    return asked.key or ""


def _group(asked: Asked, path: str, *, one_model: bool) -> tuple[object, ...]:
    """Requests with the same can be in one job."""
    model = asked.request.model if one_model else ""
    return (asked.provider.name, asked.request.base_url, asked.credential, path, model)


def _may_pass(line: Line) -> bool:
    """Whether asking again may help: also where nothing was sent, and where money or the key was the trouble."""
    error = line.error
    return error is not None and (error.retryable or isinstance(error, STOPPERS) or not line.job)


class _Settled(Mapping[str, AntiphonError]):
    """Errors by key: those of an earlier output, and those in the journal."""

    def __init__(self, before: Mapping[str, AntiphonError], journal: Journal) -> None:
        self._before = before
        self._journal = journal

    def __getitem__(self, key: str) -> AntiphonError:
        if key in self._before:
            return self._before[key]
        line = self._journal.line(key)
        if line is None or line.error is None:
            raise KeyError(key)
        return line.error

    def __iter__(self) -> Iterator[Any]:
        return iter(self._before)

    def __len__(self) -> int:
        return len(self._before)
