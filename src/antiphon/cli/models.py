"""`antiphon models`: what a provider offers, and the embedded models on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from .answering import opened_client
from .console import Spinner, is_terminal, plain, safe_json, table, tell
from .options import Command, reaches, settings

if TYPE_CHECKING:
    from ..dialects import Model
    from ..local.models import Listed, LocalModel

__all__ = ["models"]


class Models(click.Group):
    """A group whose first word may also be a provider's name: `models openai` is `models of openai`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["of", *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return ["[PROVIDER | COMMAND] [ARGS]..."]


@click.group(cls=Models)
def models() -> None:
    """List a provider's models; pull and remove embedded ones.

    `antiphon models openai` asks OpenAI what it offers now. The commands below, `of` aside, are about the
    embedded models of the provider `local`.
    """


@models.command("of", cls=Command)
@click.argument("provider", required=False)
@reaches
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON array.")
def models_of(provider: str | None, as_json: bool, **given: Any) -> None:
    """List what PROVIDER offers now. The word `of` may be left out."""
    if provider is None and given["base_url"] is None:
        provider = os.environ.get("ANTIPHON_MODEL", "").partition("/")[0] or "local"
    if provider == "local":
        _list_embedded(as_json)
        return
    with opened_client() as client, Spinner(f"asking {provider or given['base_url']}"):
        found = client.models(provider, **settings(given))
    if as_json:
        click.echo(safe_json([_as_object(model) for model in found]))
        return
    table(
        ("model", "context", "max output", "created"),
        (
            (model.name, plain(model.context), plain(model.max_output), _date(model.created))
            for model in found
        ),
        right=("context", "max output"),
    )


@models.command("list", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON array.")
def list_models(as_json: bool) -> None:
    """List the embedded models. Those on this machine come first, then those that can be pulled."""
    _list_embedded(as_json)


def _list_embedded(as_json: bool) -> None:
    from ..local.models import BUNDLED, CATALOGUE, CATALOGUE_DATE, installed

    here = {model.name: model for model in installed()}
    listed = {row.name: row for row in CATALOGUE}
    names = [*here, *(name for name in listed if name not in here)]
    if as_json:
        click.echo(safe_json([_embedded(name, here, listed) for name in names]))
        return
    rows: list[tuple[str, ...]] = []
    for name in names:
        row = listed.get(name)
        known = (f"{row.size:g} GB", f"{row.ram:g} GB", plain(row.context), row.licence) if row else ("",) * 4
        state = ("bundled" if name == BUNDLED else "here") if name in here else ""
        rows.append((name, state, *known))
    table(
        ("model", "", "download", "memory", "context", "licence"),
        rows,
        right=("download", "memory", "context"),
    )
    tell(
        f"as of {CATALOGUE_DATE}; `antiphon models pull NAME` fetches one, hf:owner/repo/file.gguf any other"
    )


@models.command("pull", cls=Command)
@click.argument("name")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def pull_model(name: str, quiet: bool) -> None:
    """Fetch an embedded model.

    NAME is one of those in `models list`, or hf:owner/repo/file.gguf. Broken off, it goes on where it stopped.
    """
    from ..local.hub import pull

    with progress(name, quiet=quiet) as report:
        path = pull(name, progress=report)
    tell(f"{name} is in {path}; ask it with -m local/{name}")


@models.command("remove", cls=Command)
@click.argument("name")
def remove_model(name: str) -> None:
    """Delete a pulled model from this machine."""
    from ..local.models import remove

    tell(f"removed {remove(name)}")


# ---------------------------------------------------------------------------------------------- parts


@contextmanager
def progress(name: str, *, quiet: bool) -> Generator[Callable[[int, int], None]]:
    """A progress bar on stderr; yields what is told (bytes here, bytes in all)."""
    if quiet or not is_terminal(sys.stderr):
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _unseen(done: int, total: int) -> None:
    del done, total


def _embedded(name: str, here: dict[str, LocalModel], listed: dict[str, Listed]) -> dict[str, Any]:
    row = asdict(listed[name]) if name in listed else {"name": name}
    return {**row, "path": str(here[name].path) if name in here else None}


def _as_object(model: Model) -> dict[str, Any]:
    return {field.name: getattr(model, field.name) for field in fields(model)}


def _date(seconds: float | None) -> str:
    return "" if not seconds else datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d")
