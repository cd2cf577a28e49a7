"""`antiphon batch`: one answer for each row of a file or folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from ..errors import AntiphonError
from .answering import opened_client
from .console import is_terminal, safe_json, tell
from .options import Command, asks, settings

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ..client import Client
    from ..jobs.plan import Plan
    from ..jobs.run import Job, Tally
    from ..jobs.sources import Source

__all__ = ["batch"]

# Seconds between two lines of progress where nobody looks at a bar, and between two JSON events.
TELLING = 5.0
EVENTS = 1.0
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
    "--poll",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="With --via: time between two looks at a job. [default: 5, growing to 120]",
)
@click.option("--json", "as_json", is_flag=True, help="Progress and the result as JSON events on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@asks
def batch(
    source: str, output: Path | None, prompt: str | None, prompt_file: Path | None, kind: str | None,
    attach: tuple[str, ...], columns: tuple[str, ...], keep: tuple[str, ...], limit: int | None, concurrency: int,
    ordered: bool, retry_errors: bool, via: str | None, poll: float | None, as_json: bool, quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Answer each row of INPUT: JSONL, CSV, Parquet, lines of text, a folder of images or texts, or - for stdin.

    antiphon batch cats/ -p "Describe this picture." -m openai/gpt-6-luna -o captions.jsonl

    The seed is 0 unless you give one. Every answer is recorded before it counts, so after an interruption the same
    command again asks only for what is missing; after a change of the prompt, only for what changed.
    """
    from ..jobs import sinks, sources
    from ..jobs.failed import Failed
    from ..jobs.run import Job

    chosen = settings(given)
    rows = sources.opened(None if source == "-" else Path(source), kind)
    plan = _plan(rows, chosen, _template(prompt, prompt_file), attach, columns, keep, sinks.is_flat(output))
    sink = sinks.sink(output, plan.columns)
    failed = Failed(output, again=retry_errors)
    job = Job(
        source=rows, plan=plan, settings=chosen, concurrency=concurrency, ordered=ordered, limit=limit,
        settled=failed, failed=failed.add,
    )  # fmt: skip
    shown = _Shown(_total(job), as_json=as_json, quiet=quiet)
    try:
        with ExitStack() as open_now:
            client = open_now.enter_context(opened_client())
            if via is not None:
                job = open_now.enter_context(_answered(client, job, poll, retry_errors, quiet or as_json))
            open_now.enter_context(shown.running())
            tally = job.run(client, sink, shown.tell)
            failed.forget()
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
    shown.end(tally, output)
    if tally.failed:
        click.get_current_context().exit(FAILED)


@contextmanager
def _answered(
    client: Client, job: Job, poll: float | None, retry_errors: bool, quiet: bool
) -> Generator[Job]:
    """The batch after its provider's own batch API has answered it."""
    from ..jobs.journal import Journal
    from ..jobs.via import Via

    journal = Journal(client.home)
    via = Via(client, job, journal, retry_errors=retry_errors, told=(lambda _: None) if quiet else tell)
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


def _template(prompt: str | None, file: Path | None) -> str:
    if prompt is not None and file is not None:
        raise click.UsageError("--prompt and --prompt-file exclude each other.")
    if file is not None:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    return "{prompt}" if prompt is None else prompt


def _plan(
    rows: Source, chosen: dict[str, Any], template: str, attach: tuple[str, ...], columns: tuple[str, ...],
    keep: tuple[str, ...], flat: bool,
) -> Plan:  # fmt: skip
    from ..jobs.plan import Plan

    pairs = dict(_pair(text) for text in columns)
    own = rows.media_column
    members = _members(chosen.get("response_format"))
    return Plan(
        prompt=template,
        system=chosen.pop("system", ""),
        attach=attach or ((own,) if own else ()),
        settings=pairs,
        keep=keep or (("file",) if own else ()),
        folder=rows.folder,
        flat=flat,
        parsed=members,
    )


def _members(schema: Any) -> tuple[str, ...]:
    """The names of what an answer of this JSON Schema holds, for columns of their own."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return tuple(cast("Mapping[str, Any]", properties)) if isinstance(properties, Mapping) else ()


def _pair(text: str) -> tuple[str, str]:
    setting, equals, column = text.partition("=")
    if not equals or not setting or not column:
        raise click.UsageError(f"--set takes SETTING=COLUMN, not {text!r}.")
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
            bar.update(task, completed=self._last.rows, facts=_facts(self._last))

    def tell(self, tally: Tally) -> None:
        self._last = tally
        now = time.monotonic()
        if self._every is None or now - self._told < self._every:
            return
        self._told = now
        if self._bar is not None and self._task is not None:
            self._draw(self._bar, self._task)
        elif self._json:
            self._event("progress", tally)
        else:
            tell(self._line(tally))

    def end(self, tally: Tally, output: Path | None) -> None:
        if self._json:
            self._event("done", tally, output=None if output is None else str(output))
        elif self._every is not None:
            tell(self._line(tally) + (f" · wrote {output}" if output else ""))

    def _rate(self, tally: Tally) -> float:
        return tally.rows / max(time.monotonic() - self._started, 1e-9)

    def _line(self, tally: Tally) -> str:
        of = f" of {self._total:,}" if self._total else ""
        return f"{tally.rows:,}{of} rows · {self._rate(tally):,.1f} rows/s{_facts(tally)}"

    def _event(self, name: str, tally: Tally, **more: Any) -> None:
        event = {
            "event": name, "rows": tally.rows, "total": self._total, "replayed": tally.replayed,
            "rows_per_second": round(self._rate(tally), 3), "input_tokens": tally.input_tokens,
            "output_tokens": tally.output_tokens, "cost": tally.cost or None, "errors": dict(tally.errors), **more,
        }  # fmt: skip
        click.echo(safe_json(event), err=True)


def _facts(tally: Tally) -> str:
    """What is worth knowing besides the count: only what there is."""
    facts = [
        f"{tally.replayed:,} replayed" if tally.replayed else "",
        f"{tally.input_tokens:,}+{tally.output_tokens:,} tokens" if tally.input_tokens else "",
        f"${tally.cost:,.4f}" if tally.cost else "",
        *(f"{count:,} {kind}" for kind, count in tally.errors.most_common()),
    ]
    return "".join(f" · {fact}" for fact in facts if fact)


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
