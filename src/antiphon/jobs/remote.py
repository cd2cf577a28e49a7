"""Jobs at providers: sent one time at the most, looked for after a crash, asked how they are, stopped, collected.

Each step is written down in the journal before and after it is taken.
"""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, BinaryIO

from .. import providers
from ..call import Call, Reply
from ..client import Client, Settings
from ..dialects._jobs import Jobs, Outcome, Status, absent
from ..errors import AntiphonError, ReplayError, ReplyError, RequestError, TransportError
from ..loop import run
from ..replay.canon import TAG
from ..replay.lease import Leases
from ..road import Asked
from .journal import Journal, Kept

__all__ = ["Load", "Remote", "chosen", "jobs_of"]

SETTLING = 60.0  # seconds after which a job that was sent shows up in a listing, if it ever arrived
SKEW = 300.0  # seconds that a provider's clock may be behind ours
FAR = 86_400.0  # seconds before a job was sent, beyond which a listing is not read
PAGES = 100  # of a listing
SPOOL = 8 * 1024**3  # bytes of one result file


def jobs_of(asked: Asked) -> Jobs:
    """The batch API for this request. RequestError where its provider has none that is known here."""
    found = asked.provider.jobs.get(asked.way.dialect.name)
    if found is None:
        able = [name for name in providers.names() if providers.get(name).jobs]
        raise RequestError(
            f"{asked.provider.name} has no batch API that is known here for {asked.way.dialect.name}",
            field="via",
            hint=f"Leave --via out. Those with one are {', '.join(able)}.",
        )
    return found


def chosen(jobs: Jobs, given: Mapping[str, str]) -> Mapping[str, str]:
    """What is said of the options of this batch API: `given`, else in the environment, else as it is by default.

    RequestError names what is missing, is not known, or cannot be what it is said to be.
    """
    strange = sorted(given.keys() - jobs.options.keys())
    if strange:
        raise RequestError(
            f"this batch API has no option {strange[0]!r}",
            field="via_option",
            hint=f"It has {', '.join(jobs.options) or 'none'}.",
        )
    said = dict[str, str]()
    for name, option in jobs.options.items():
        value = given.get(name) or os.environ.get(option.variable, "").strip() or option.default
        if value is None or not re.fullmatch(option.pattern, value):
            what = "is not given" if value is None else f"cannot be {value!r}"
            raise RequestError(
                f"the batch API's option {name!r} {what}: {option.about}",
                field="via_option",
                hint=f"Give --via-option {name}=…, or set {option.variable}.",
            )
        said[name] = value
    return said


@dataclass(slots=True)
class Load:
    """What goes into one job: a line of it and the body in that line for each key. `asked` is one of them."""

    asked: Asked
    path: str
    lines: dict[str, tuple[bytes, bytes]] = field(default_factory=dict[str, "tuple[bytes, bytes]"])
    size: int = 0

    def add(self, key: str, line: bytes, body: bytes) -> None:
        """Take in one more request."""
        self.lines[key] = (line, body)
        self.size += len(line) + 1

    def all_but(self, keep: int) -> Load:
        """Those that are here as a load of their own, but for the last `keep`, which stay."""
        taken = dict(list(self.lines.items())[: len(self.lines) - keep])
        self.lines = {key: line for key, line in self.lines.items() if key not in taken}
        self.size = sum(len(line) + 1 for line, _ in self.lines.values())
        return Load(self.asked, self.path, taken)

    def is_full(self, jobs: Jobs, more: int = 0) -> bool:
        """Whether a line of `more` bytes has no place any more."""
        return len(self.lines) >= jobs.most or (bool(self.lines) and self.size + more > jobs.size)


class Remote:
    """The jobs of one home folder. `api_key`, `timeout` and `retries` of `settings` count for all calls."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        settings: Mapping[str, Any],
        told: Callable[[str], object] = lambda _: None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.options = options or {}
        self._client = client
        self.journal = journal
        self.told = told
        self.name = secrets.token_hex(8)  # of this run: which errors are its own
        self._settings = {
            name: settings[name] for name in ("api_key", "timeout", "retries") if name in settings
        }
        self._leases = Leases(journal.path.with_name("jobs.lock"))

    def close(self) -> None:
        """Let the lock file go."""
        self._leases.close()

    def account(self, job: Kept) -> tuple[Asked, Jobs]:
        """Whom to ask about this job, and how."""
        settings: dict[str, Any] = {"provider": job.provider, "dialect": job.dialect, **self._settings}
        if job.base_url:
            settings["base_url"] = job.base_url
        if job.credential:
            settings["credential"] = job.credential
        asked = self._client.account(Settings(**settings))
        return asked, jobs_of(asked)

    def _ask(self, asked: Asked, call: Call, **how: Any) -> Reply:
        return run(self._client.road.about(asked, call, **how))

    @contextmanager
    def _alone(self, name: str) -> Generator[bool]:
        """Whether no other process is at this job now."""
        lease = TAG + sha256(name.encode()).hexdigest()
        if not self._leases.take(lease):
            yield False
            return
        try:
            yield True
        finally:
            self._leases.drop(lease)

    # ------------------------------------------------------------------------------------------ sent

    def submit(self, load: Load) -> None:
        """Send a job with these requests, but for those that another process has in a job by now.

        After an error that leaves open whether it arrived, the journal has it as "sending": `find` will tell.
        """
        asked, jobs = load.asked, jobs_of(load.asked)
        address = run(self._client.road.address(asked)) if jobs.by_region else asked.request.base_url
        job = Kept(
            name=f"antiphon-{secrets.token_hex(8)}",
            provider=asked.provider.name,
            dialect=asked.way.dialect.name,
            base_url=address,
            credential=asked.credential,
            model=asked.request.model,
        )
        with self._alone(job.name):
            taken = self.journal.intend(job, [(key, body) for key, (_, body) in load.lines.items()])
            missing = self._still_missing(job, taken)
            if missing:
                self._send(job, load, [load.lines[key][0] for key in missing])

    def _still_missing(self, job: Kept, taken: Sequence[str]) -> Sequence[str]:
        """The requests that have no answer yet, looked at when they are ours alone.

        Another run may have recorded an answer, and so let go of its request, after this one had looked for both.
        """
        there = [key for key in taken if self._is_recorded(key)]
        if not there:
            return taken
        missing = [key for key in taken if key not in set(there)]
        if missing:
            self.journal.drop(there)
            self.journal.change(job.name, total=len(missing))
        else:
            self.journal.forget(job.name)
        return missing

    def _is_recorded(self, key: str) -> bool:
        try:
            return self._client.store.get(key) is not None
        except ReplayError:  # what cannot be read is asked for again, as everywhere
            return False

    def _send(self, job: Kept, load: Load, lines: Sequence[bytes]) -> None:
        jobs, asked = jobs_of(load.asked), load.asked
        try:
            given = chosen(jobs, self.options)
            upload = jobs.upload(job.name, lines, given)
            file = "" if upload is None else jobs.uploaded(self._ask(asked, upload, files=True))
            call = jobs.create(job.name, lines, file, asked.request, load.path, given)
            self.journal.change(job.name, state="sending", made=self.journal.clock())
        except BaseException:  # nothing is at work yet
            self.journal.forget(job.name)
            raise
        self._create(job, asked, jobs, call, len(lines))

    def _create(self, job: Kept, asked: Asked, jobs: Jobs, call: Call, count: int) -> None:
        try:
            status = jobs.status(self._ask(asked, call, once=True))
        except AntiphonError as error:
            if _arrived_never(error):
                self.journal.forget(job.name)
            else:
                error.hint = (
                    "Whether it arrived is not known: the same command looks for it before it sends anything."
                )
            raise
        self._seen(job.name, status)
        self.told(f"sent {job.name} ({status.id}): {count:,} requests, {status.word or 'sent'}")

    def _send_again(self, job: Kept) -> None:
        """Where a name stands for one job whatever happens, a job that was not found is sent again under it."""
        asked, jobs = self.account(job)
        request = replace(asked.request, config=replace(asked.request.config, model=job.model))
        path = asked.way.dialect.path(request, stream=False)
        call = jobs.create(job.name, (), "", request, path, chosen(jobs, self.options))
        self._create(job, asked, jobs, call, job.total)

    def find(self, job: Kept) -> None:
        """See what became of a job that was never confirmed: it was sent after all, or its requests are free again."""
        with self._alone(job.name) as alone:
            now = self.journal.job(job.name) if alone else None
            if now is None or now.state not in ("intended", "sending"):
                return
            status = self._listed(now) if now.state == "sending" else None
            if status is not None:
                self.journal.change(now.name, found=True)
                self._seen(now.name, status)
                self.told(f"found {now.name} ({status.id}) at the provider: sent before the interruption")
            elif now.state == "intended" or self.journal.clock() - now.made > SETTLING:
                self.journal.forget(now.name)
            elif self.account(now)[1].once_by_name:
                self._send_again(now)

    def _listed(self, job: Kept) -> Status | None:
        """The job as the provider's listing has it: by its name, or the first that can be it."""
        asked, jobs = self.account(job)
        known, fits = self.journal.known_ids() | {*job.not_ours}, list[Status]()
        more: Mapping[str, str] = {}
        for _ in range(PAGES):
            page, more = jobs.listed(self._ask(asked, jobs.listing(more)))
            fits += [status for status in page if _fits(status, job, jobs) and status.id not in known]
            if not more or (page and all((status.created or job.made) < job.made - FAR for status in page)):
                break
        return min(fits, key=lambda status: status.created or 0.0, default=None)

    # ----------------------------------------------------------------------------------------- asked

    def look(self, job: Kept) -> Status:
        """How the job is now."""
        asked, jobs = self.account(job)
        status = jobs.status(self._ask(asked, jobs.look(job.id)))
        self._seen(job.name, status, job)
        return status

    def cancel(self, job: Kept) -> None:
        """Ask the provider to stop the job. What it has answered by then can still be collected."""
        asked, jobs = self.account(job)
        self._ask(asked, jobs.cancel(job.id))

    def _seen(self, name: str, status: Status, before: Kept | None = None) -> None:
        seen: dict[str, object] = {
            "word": status.word,
            "done": status.done,
            "failed": status.failed,
            "told": self.journal.clock(),
        }
        if before is None:
            seen |= {"id": status.id, "state": "submitted"}
        self.journal.change(name, **seen)

    # ------------------------------------------------------------------------------------- collected

    def collect(self, job: Kept, status: Status) -> None:
        """Take the results of a job that ended, or was refused, into the journal. All of them or none."""
        asked, jobs = self.account(job)
        calls = jobs.fetch(self._placed(asked, jobs, status)) if status.phase == "ended" else ()
        with ExitStack() as opened:
            files = [opened.enter_context(self._spooled(asked, call)) for call in calls]
            with self.journal.writing() as db:
                self._take(job, status, asked, jobs, files, db)

    def _placed(self, asked: Asked, jobs: Jobs, status: Status) -> Status:
        """`status` with the names of all files that hold its results."""
        more, names, page = "", list[str](), 0
        while (call := jobs.places(status, more)) is not None and page < PAGES:
            found, more = jobs.placed(self._ask(asked, call, files=True), status)
            names += found
            page += 1
            if not more:
                break
        return replace(status, results=tuple(names)) if page else status

    def _spooled(self, asked: Asked, call: Call) -> BinaryIO:
        """The body of the reply in a file without a name, since it may be larger than memory."""
        file: Any = tempfile.TemporaryFile(dir=self.journal.path.parent)  # noqa: SIM115 - closed by who gets it
        size = 0

        def write(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            if size > SPOOL:
                raise TransportError(
                    f"the results of a job have more than {SPOOL:,} bytes", phase="too-large"
                )
            file.write(piece)

        try:
            self._ask(asked, call, on_piece=write, files=True)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    def _take(
        self,
        job: Kept,
        status: Status,
        asked: Asked,
        jobs: Jobs,
        files: Sequence[BinaryIO],
        db: sqlite3.Connection,
    ) -> None:
        ours = strange = bad = 0
        for file in files:
            for outcome in jobs.outcomes(file):
                if outcome is None:
                    bad += 1
                elif self._landed(job, outcome, asked, db):
                    ours += 1
                else:
                    strange += 1
        if job.found and not jobs.keeps_name and strange and not ours:
            self._not_ours(job, db)
            return
        self.journal.miss(job.name, None, status.rest or absent(bad), self.name, db)
        db.execute("UPDATE jobs SET state = 'ended' WHERE name = ?", (job.name,))

    def _not_ours(self, job: Kept, db: sqlite3.Connection) -> None:
        """A job that was taken for ours holds none of our requests: look on."""
        others = "json_insert(not_ours, '$[#]', id)"
        db.execute(
            f"UPDATE jobs SET state = 'sending', not_ours = {others}, id = '', found = 0 WHERE name = ?",  # noqa: S608
            (job.name,),
        )

    def _landed(self, job: Kept, outcome: Outcome, asked: Asked, db: sqlite3.Connection) -> bool:
        """Take one result in, if it is one of ours and the first for its request."""
        key = TAG + outcome.id
        if outcome.reply is not None and not outcome.failed:
            return self.journal.answer(job.name, key, outcome.reply, db)
        error = outcome.error or _error(asked, outcome.reply)
        return self.journal.miss(job.name, key, error, self.name, db)


def _error(asked: Asked, reply: Reply | None) -> AntiphonError:
    """What the provider reports in place of an answer, as if the request had been asked alone."""
    assert reply is not None
    try:
        error: AntiphonError = asked.way.dialect.error(reply)
    except AntiphonError as refused:
        error = refused
    if hasattr(error, "provider"):
        error.provider = asked.provider.name  # type: ignore[attr-defined]
    return error


def _fits(status: Status, job: Kept, jobs: Jobs) -> bool:
    if jobs.keeps_name:
        return status.name == job.name
    later = status.created is None or status.created >= job.made - SKEW
    return status.total == job.total and later


def _arrived_never(error: AntiphonError) -> bool:
    """Whether it is certain that the provider has no job of this call."""
    if isinstance(error, TransportError):
        return error.phase in ("connect", "tls") or error.limit == "connect"
    if isinstance(error, ReplyError):
        return 300 <= error.status < 500 and error.status not in (408, 409)
    return isinstance(error, RequestError)
