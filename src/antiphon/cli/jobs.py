"""`antiphon jobs`: the jobs that batches have at providers' own batch APIs."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ..errors import RequestError
from ..places import home
from .answering import opened_client
from .console import plain, safe_json, table, tell
from .options import Command, Group

if TYPE_CHECKING:
    from ..jobs.journal import Journal, Kept
    from ..jobs.remote import Remote

__all__ = ["jobs"]


@click.group(cls=Group)
def jobs() -> None:
    """List, show, cancel and fetch the jobs of `antiphon batch --via provider`."""


@jobs.command("list", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON array.")
def list_(as_json: bool) -> None:
    """List the jobs, as they were when their provider was last asked."""
    with _journal() as journal:
        kept = journal.jobs()
    if as_json:
        click.echo(safe_json([asdict(job) for job in kept]))
        return
    table(
        ("name", "provider", "id", "state", "requests", "done", "asked"),
        ((job.name, job.provider, job.id, _state(job), plain(job.total), plain(job.done), _when(job.told))
         for job in kept),
        right=("requests", "done"),
    )  # fmt: skip


@jobs.command(cls=Command)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print it as a JSON object.")
def show(name: str, as_json: bool) -> None:
    """Ask the provider how the job NAME is. NAME is ours or the provider's."""
    with _remote() as remote:
        job = _known(remote, name)
        if job.state == "submitted":
            remote.look(job)
        job = _known(remote, job.name)
    if as_json:
        click.echo(safe_json(asdict(job)))
        return
    table(
        ("what", "is"),
        ((key, plain(value)) for key, value in asdict(job).items() if value not in (None, "", ())),
    )


@jobs.command(cls=Command)
@click.argument("name")
def cancel(name: str) -> None:
    """Have the provider stop the job NAME. What it has answered by then stays, and `batch` takes it in."""
    with _remote() as remote:
        job = _submitted(remote, name)
        remote.cancel(job)
        status = remote.look(job)
    tell(
        f"{job.name} ({job.id}): {status.word}; the same `antiphon batch` command takes in what was answered"
    )


@jobs.command(cls=Command)
@click.argument("name")
def fetch(name: str) -> None:
    """Bring the results of the job NAME here, if it has ended: providers keep them for some weeks only.

    The same `antiphon batch` command then records them and writes its output, without asking the provider again.
    """
    with _remote() as remote:
        job = _known(remote, name)
        if job.state != "ended":
            job = _submitted(remote, name)
            status = remote.look(job)
            if status.phase == "running":
                raise RequestError(
                    f"{job.name} is still at work ({status.word})", field="name", hint="Try again later."
                )
            remote.collect(job, status)
    tell(f"{job.name}: its results are here; the same `antiphon batch` command records them")


def _known(remote: Remote, name: str) -> Kept:
    job = remote.journal.job(name)
    if job is None:
        raise RequestError(f"there is no job {name!r}", field="name", hint="`antiphon jobs list` lists them.")
    return job


def _submitted(remote: Remote, name: str) -> Kept:
    """The job, looked for at its provider if its sending was never confirmed."""
    job = _known(remote, name)
    if job.state in ("intended", "sending"):
        remote.find(job)
        job = _known(remote, name)
    if job.state != "submitted":
        why = "has ended" if job.state == "ended" else "is not at the provider"
        raise RequestError(f"{job.name} {why}", field="name")
    return job


@contextmanager
def _journal() -> Generator[Journal]:
    from ..jobs.journal import Journal

    journal = Journal(home())
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def _remote() -> Generator[Remote]:
    from ..jobs.remote import Remote

    with _journal() as journal, opened_client() as client:
        remote = Remote(client, journal, {}, tell)
        try:
            yield remote
        finally:
            remote.close()


def _state(job: Kept) -> str:
    return job.word if job.state == "submitted" and job.word else job.state


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else ""
