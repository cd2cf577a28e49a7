"""`antiphon batch`: one answer for each row of a file or folder."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from ..errors import AntiphonError, RequestError
from .answering import opened_client
from .console import is_terminal, safe_json, tell
from .options import Command, asks, settings

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ..client import Client, Settings
    from ..jobs.failed import Failed
    from ..jobs.plan import Plan
    from ..jobs.run import Job, Tally
    from ..jobs.sinks import Sink
    from ..jobs.sources import Source

__all__ = ["batch"]

# Seconds between two lines of progress where nobody looks at a bar, and between two JSON events.
TELLING = 5.0
EVENTS = 1.0
PACE = 60.0  # seconds over which the rate is taken
FAILED = 4  # the exit code where some rows have errors


@click.command(cls=Command)
@click.argument("source", metavar="INPUT")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A .jsonl, .csv or .parquet file; it appears when all is done. [default: JSONL on stdout]",
)
@click.option(
    "-p",
    "--prompt",
    metavar="TEMPLATE",
    help="What is asked of each row: text with {column}, or any Jinja template. [default: {prompt}]",
)
@click.option(
    "--prompt-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the template from a file.",
)
@click.option(
    "--format",
    "kind",
    metavar="FORMAT",
    help="jsonl, csv, tsv, txt or parquet, where the name does not tell.",
)
@click.option(
    "--attach",
    multiple=True,
    metavar="COLUMN",
    help="A column with media: paths, URLs or bytes (may be repeated).",
)
@click.option(
    "--attach-anywhere",
    "anywhere",
    is_flag=True,
    help="Let rows name files outside the folder of the input: every file that you can read.",
)
@click.option(
    "--set",
    "columns",
    multiple=True,
    metavar="SETTING=COLUMN",
    help="Take a setting of each request from a column: --set seed=id (may be repeated).",
)
@click.option(
    "--keep", multiple=True, metavar="COLUMN", help="A column to go into the output too (may be repeated)."
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N rows.")
@click.option(
    "-c",
    "--concurrency",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="Most requests at a time.",
)
@click.option(
    "--ordered/--unordered",
    default=True,
    help="In the order of the input, or as they come. [default: ordered]",
)
@click.option(
    "--retry-errors", is_flag=True, help="Ask again for rows that failed for good in an earlier run."
)
@click.option(
    "--via",
    type=click.Choice(["provider"]),
    help="Through the provider's own batch API: half the price, within a day.",
)
@click.option(
    "--via-option",
    "via_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="With --via: what that batch API has to know besides, such as s3 and role (may be repeated).",
)
@click.option(
    "--poll",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="With --via: time between two looks at a job. [default: 5, growing to 120]",
)
@click.option(
    "--fast",
    is_flag=True,
    help="With the embedded model: compute rows together. The same row may then be answered otherwise another time.",
)
@click.option(
    "--engine",
    type=click.Choice(["ray"]),
    help="Ask from the workers of a Ray cluster; all is recorded here.",
)
@click.option(
    "--ray-address",
    metavar="HOST:PORT",
    help="With --engine ray: the cluster. [default: $RAY_ADDRESS, else this machine's]",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="With --engine ray: processes that ask. [default: one for each node, at least 2]",
)
@click.option(
    "--gpus",
    type=click.IntRange(1),
    metavar="N",
    help="With --engine ray: run the model itself, with vLLM on N GPUs, one replica on each.",
)
@click.option("--json", "as_json", is_flag=True, help="Progress and the result as JSON events on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@asks
def batch(
    source: str, output: Path | None, prompt: str | None, prompt_file: Path | None, kind: str | None,
    attach: tuple[str, ...], anywhere: bool, columns: tuple[str, ...], keep: tuple[str, ...], limit: int | None,
    concurrency: int, ordered: bool, retry_errors: bool, via: str | None, via_options: tuple[str, ...],
    poll: float | None, fast: bool, engine: str | None, ray_address: str | None, workers: int | None,
    gpus: int | None, as_json: bool, quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Answer each row of INPUT: JSONL, CSV, Parquet, lines of text, a folder of images or texts, or - for stdin.

    antiphon batch cats/ -p "Describe this picture." -m openai/gpt-6-luna -o captions.jsonl

    The seed is 0 unless you give one. Every answer is recorded before it counts, so after an interruption the same
    command again asks only for what is missing; after a change of the prompt, only for what changed.
    """
    from ..jobs import sinks, sources
    from ..jobs.failed import Failed
    from ..jobs.run import Job

    how = _How(
        fast, via, via_options, poll, retry_errors, engine, ray_address, workers, gpus, quiet or as_json
    )
    chosen = settings(given)
    rows = sources.opened(None if source == "-" else Path(source), kind)
    plan = _plan(rows, chosen, _template(prompt, prompt_file), attach, columns, keep, anywhere, output)
    sink = sinks.sink(output, plan.columns)
    failed = Failed(output, again=retry_errors)
    job = Job(
        source=rows, plan=plan, settings=chosen, concurrency=concurrency, ordered=ordered, limit=limit,
        settled=failed, failed=failed.add,
    )  # fmt: skip
    shown = _Shown(_total(job), as_json=as_json, quiet=quiet)
    with _ending(output, sink, failed), ExitStack() as open_now:
        client = open_now.enter_context(opened_client())
        job = how.applied(client, job, open_now, shown)
        open_now.enter_context(shown.running())
        tally = job.run(client, sink, shown.tell)
        failed.forget()
    shown.end(tally, output)
    if tally.failed:
        click.get_current_context().exit(FAILED)


@contextmanager
def _ending(output: Path | None, sink: Sink, failed: Failed) -> Generator[None]:
    """However the batch ends, its files are closed, and who stops it is told how to go on."""
    try:
        yield
    except (AntiphonError, KeyboardInterrupt):
        if output is not None:
            tell(
                f"stopped; what is answered is recorded, and the same command goes on from there ({output}.part)"
            )
        raise
    finally:
        with suppress(OSError):  # what could not be written was told already
            sink.close()
        failed.close()


@dataclass(frozen=True, slots=True)
class _How:
    """How the rows are answered, if not exactly and one by one from here: the options' words for it."""

    fast: bool
    via: str | None
    via_options: tuple[str, ...]
    poll: float | None
    retry_errors: bool
    engine: str | None
    ray_address: str | None
    workers: int | None
    gpus: int | None
    quiet: bool

    def __post_init__(self) -> None:
        """A usage error where options do not go together."""
        of_engine = (self.ray_address, self.workers, self.gpus)
        if self.engine is None and any(option is not None for option in of_engine):
            raise click.UsageError("--ray-address, --workers and --gpus go with --engine ray.")
        if self.engine is not None and self.via is not None:
            raise click.UsageError("--engine and --via exclude each other.")
        if self.workers is not None and self.gpus is not None:
            raise click.UsageError("--workers and --gpus exclude each other: each GPU has its own.")

    def applied(self, client: Client, job: Job, open_now: ExitStack, shown: _Shown) -> Job:
        """The batch as it is to be run; what that needs stays open as long as `open_now`."""
        if self.fast:
            job = _quickly(client, job)
            shown.note("fast: rows are computed together; their answers are recorded apart from exact ones")
        if self.via is not None:
            options = dict(_pair(text, "--via-option", "NAME=VALUE") for text in self.via_options)
            answered = _answered(client, job, self.poll, self.retry_errors, self.quiet, options)
            job = open_now.enter_context(answered)
        if self.engine is not None:
            job = _on_ray(
                open_now, client, job, self.ray_address, self.workers or 0, self.gpus, quiet=self.quiet
            )
        return job


def _quickly(client: Client, job: Job) -> Job:
    """The batch with all its requests computed together. RequestError where whoever is asked has no such way."""
    settings = cast("Settings", dict(job.settings))
    provider = client.account(settings).provider
    if not provider.fast:
        raise RequestError(
            f"{provider.name} has no fast way",
            field="fast",
            hint="Leave --fast out; it is for the embedded model.",
        )
    if several := {"provider", "model"} & job.plan.settings.keys():
        raise RequestError(
            "with --fast all rows have one model", field="fast", hint=f"Leave --set {min(several)}= out."
        )
    extra = {**settings.get("extra", {}), **provider.fast}
    return replace(job, settings={**job.settings, "extra": extra})


@contextmanager
def _answered(
    client: Client,
    job: Job,
    poll: float | None,
    retry_errors: bool,
    quiet: bool,
    options: dict[str, str],
) -> Generator[Job]:
    """The batch after its provider's own batch API has answered it."""
    from ..jobs.journal import Journal
    from ..jobs.via import Via

    journal = Journal(client.home)
    via = Via(
        client,
        job,
        journal,
        retry_errors=retry_errors,
        told=(lambda _: None) if quiet else tell,
        options=options,
    )
    if poll is not None:
        via.poll = (poll, poll)
    try:
        yield via.answered()
    except KeyboardInterrupt:
        tell(
            "the provider's jobs go on; `antiphon jobs list` lists them, `antiphon jobs cancel NAME` stops one"
        )
        raise
    finally:
        journal.close()


def _on_ray(
    open_now: ExitStack, client: Client, job: Job, address: str | None, workers: int, gpus: int | None,
    *, quiet: bool,
) -> Job:  # fmt: skip
    """The batch as it runs while a cluster works for it."""
    if gpus is not None:
        from ..ray.offline import Offline

        offline = Offline(client, job, gpus=gpus, address=address)
        if not quiet:
            offline.told = tell
        return offline.answered()
    from ..ray import cluster

    open_now.enter_context(cluster(client, address=address, workers=workers))
    return job


def _template(prompt: str | None, file: Path | None) -> str:
    if prompt is not None and file is not None:
        raise click.UsageError("--prompt and --prompt-file exclude each other.")
    if file is not None:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    return "{prompt}" if prompt is None else prompt


def _plan(
    rows: Source, chosen: dict[str, Any], template: str, attach: tuple[str, ...], columns: tuple[str, ...],
    keep: tuple[str, ...], anywhere: bool, output: Path | None,
) -> Plan:  # fmt: skip
    from ..jobs.plan import Plan
    from ..jobs.sinks import is_flat

    pairs = dict(_pair(text) for text in columns)
    own = rows.media_column
    members = _members(chosen.get("response_format"))
    return Plan(
        prompt=template,
        system=chosen.pop("system", ""),
        attach=attach or ((own,) if own else ()),
        anywhere=anywhere,
        settings=pairs,
        keep=keep or (("file",) if own else ()),
        folder=rows.folder,
        flat=is_flat(output),
        parsed=members,
    )


def _members(schema: Any) -> tuple[str, ...]:
    """The names of what an answer of this JSON Schema holds, for columns of their own."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return tuple(cast("Mapping[str, Any]", properties)) if isinstance(properties, Mapping) else ()


def _pair(text: str, option: str = "--set", form: str = "SETTING=COLUMN") -> tuple[str, str]:
    setting, equals, column = text.partition("=")
    if not equals or not setting or not column:
        raise click.UsageError(f"{option} takes {form}, not {text!r}.")
    return setting, column


def _total(job: Job) -> int | None:
    total = job.source.total()
    return total if total is None or job.limit is None else min(total, job.limit)


# ------------------------------------------------------------------------------------------- progress


class _Shown:
    """Progress on stderr: a bar for people, lines for a log, events for programs."""

    def __init__(self, total: int | None, *, as_json: bool, quiet: bool) -> None:
        self._total = total
        self._json = as_json
        self._started = self._told = time.monotonic()
        self._every = None if quiet and not as_json else EVENTS if as_json else TELLING
        self._pace = _Pace(self._started)
        self._last: Tally | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if not quiet and not as_json and is_terminal(sys.stderr):
            self._bar = _bar()
            self._every = 0.1

    @contextmanager
    def running(self) -> Generator[None]:
        if self._bar is None:
            yield
            return
        with self._bar:
            self._task = self._bar.add_task("", total=self._total, facts="")
            try:
                yield
            finally:
                self._draw(self._bar, self._task)

    def _draw(self, bar: Progress, task: TaskID) -> None:
        if self._last is not None:
            now = _facts(self._last, self._left(self._last))
            bar.update(task, completed=self._last.rows, facts=f"{self._pace.rate():,.1f} rows/s{now}")

    def tell(self, tally: Tally) -> None:
        self._last = tally
        now = time.monotonic()
        if self._every is None or now - self._told < self._every:
            return
        self._told = now
        self._pace.see(now, tally.rows)
        if self._bar is not None and self._task is not None:
            self._draw(self._bar, self._task)
        elif self._json:
            self._event("progress", tally)
        else:
            tell(self._line(tally, self._pace.rate()))

    def note(self, text: str) -> None:
        """Something to know before it begins."""
        if self._json:
            click.echo(safe_json({"event": "note", "text": text}), err=True)
        elif self._every is not None:
            tell(text)

    def end(self, tally: Tally, output: Path | None) -> None:
        if self._json:
            self._event("done", tally, output=None if output is None else str(output))
        elif self._every is not None:
            tell(self._line(tally, self._whole_rate(tally)) + (f" · wrote {output}" if output else ""))

    def _whole_rate(self, tally: Tally) -> float:
        return tally.rows / max(time.monotonic() - self._started, 1e-9)

    def _left(self, tally: Tally) -> int | None:
        """How many rows are still to come."""
        return None if self._total is None else max(self._total - tally.rows, 0)

    def _line(self, tally: Tally, rate: float) -> str:
        of, left = f" of {self._total:,}" if self._total else "", self._left(tally)
        line = f"{tally.rows:,}{of} rows · {rate:,.1f} rows/s"
        if left and rate > 0:
            line += f" · {_time(left / rate)} left"
        return line + _facts(tally, left)

    def _event(self, name: str, tally: Tally, **more: Any) -> None:
        left, costs = self._left(tally), tally.costs
        rate = self._whole_rate(tally) if name == "done" else self._pace.rate()
        event = {
            "event": name, "rows": tally.rows, "total": self._total, "replayed": tally.replayed,
            "rows_per_second": round(rate, 3),
            "seconds_left": None if left is None or rate <= 0 else round(left / rate, 1),
            "input_tokens": tally.input_tokens, "output_tokens": tally.output_tokens,
            "cost": costs.usd, "cost_unknown": costs.unknown,
            "cost_estimate": None if left is None else costs.estimate(left), "errors": dict(tally.errors), **more,
        }  # fmt: skip
        click.echo(safe_json(event), err=True)


class _Pace:
    """How fast it goes now: over the last minute, since rows that are replayed at first say little of those to come."""

    def __init__(self, started: float) -> None:
        self._seen: deque[tuple[float, int]] = deque([(started, 0)])

    def see(self, now: float, rows: int) -> None:
        self._seen.append((now, rows))
        while len(self._seen) > 2 and now - self._seen[1][0] > PACE:
            self._seen.popleft()

    def rate(self) -> float:
        """Rows a second; 0 while nothing was seen."""
        (before, first), (now, last) = self._seen[0], self._seen[-1]
        return (last - first) / (now - before) if now > before else 0.0


def _time(seconds: float) -> str:
    """A time that is left, for people."""
    minutes, rest = divmod(round(min(seconds, 360_000)), 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes}:{rest:02}"


def _facts(tally: Tally, left: int | None = None) -> str:
    """What is worth knowing besides the count: only what there is. `left` rows are still to come."""
    facts = [
        f"{tally.replayed:,} replayed" if tally.replayed else "",
        f"{tally.input_tokens:,}+{tally.output_tokens:,} tokens" if tally.input_tokens else "",
        _cost(tally, left),
        *(f"{count:,} {kind}" for kind, count in tally.errors.most_common()),
    ]
    return "".join(f" · {fact}" for fact in facts if fact)


def _cost(tally: Tally, left: int | None) -> str:
    """The cost so far and at the end, and of how many answers it is not known; empty where nothing costs anything."""
    from ..prices import dollars

    costs = tally.costs
    if costs.unknown:
        known = f"{dollars(costs.usd)} and " if costs.usd else ""
        return f"{known}{costs.unknown:,} of unknown cost"
    if not costs.usd:
        return ""
    estimate = costs.estimate(left) if left else None
    return dollars(costs.usd) + (f", about {dollars(estimate)} in all" if estimate else "")


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("[dim]{task.fields[facts]}"),
        console=Console(stderr=True),
    )
