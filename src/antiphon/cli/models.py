"""`antiphon models`: what a provider offers, and the embedded models on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, cast

import click

from ..errors import RequestError
from .answering import opened_client, warnings_told
from .console import Spinner, is_terminal, plain, safe_json, table, tell
from .options import Command, reaches, settings

if TYPE_CHECKING:
    from ..dialects import Model
    from ..listings import Listing
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
@click.option("--cached", is_flag=True, help="Show what was listed last, without a network.")
@click.option(
    "--max-age",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Ask only if the list that is kept is older, or missing.",
)
@click.option(
    "--search", metavar="TEXT", help="Only models with this in their name or title; all words must occur."
)
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON array.")
def models_of(
    provider: str | None, cached: bool, max_age: float | None, search: str | None, as_json: bool, **given: Any
) -> None:
    """List what PROVIDER offers now. The word `of` may be left out.

    in and out are the kinds of content that a model takes and makes; retires is its last day. What a provider does
    not say is left empty.
    """
    if provider is None and given["base_url"] is None:
        provider = os.environ.get("ANTIPHON_MODEL", "").partition("/")[0] or "local"
    if provider == "local":
        _list_embedded(as_json)
        return
    listing = _kept(provider, given) if cached else _asked(provider, max_age, given)
    shown = [model for model in listing.models if _matches(model, search or "")]
    if as_json:
        click.echo(safe_json([_as_object(model) for model in shown]))
    else:
        _show(shown)
    if listing.cached:
        tell(f"as {listing.provider} listed them {_ago(listing.age)}")
    if listing.models and not shown:
        tell(f"none of its {len(listing.models)} models matches {search!r}")


def _asked(provider: str | None, max_age: float | None, given: dict[str, Any]) -> Listing:
    """What the provider lists."""
    waiting = Spinner(f"asking {provider or given['base_url']}")
    with opened_client() as client, warnings_told(quiet=False), waiting:
        return client.listing(provider, max_age=max_age, **settings(given))


def _kept(provider: str | None, given: dict[str, Any]) -> Listing:
    """What is kept of this provider's listings. RequestError where nothing is."""
    with opened_client() as client:
        found = client.known_listing(provider, base_url=given["base_url"])
    if found is None:
        where = given["base_url"] or provider
        raise RequestError(f"no model listing of {where} is kept yet", hint="Ask once without --cached.")
    return found


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


# The columns of a listing: heading, and what stands in it. Where the terminal is too narrow, those in FIRST_TO_GO go.
COLUMNS: tuple[tuple[str, Callable[[Model], str]], ...] = (
    ("model", lambda model: model.name),
    ("title", lambda model: model.title),
    ("context", lambda model: _tokens(model.context)),
    ("output", lambda model: _tokens(model.max_output)),
    ("in", lambda model: _kinds(model.inputs)),
    ("out", lambda model: _kinds(model.outputs)),
    ("created", lambda model: _date(model.created)),
    ("retires", lambda model: model.retires or ""),
)
FIRST_TO_GO = ("title", "created", "output", "out", "in")
_SHORT = {"image": "img", "audio": "aud", "video": "vid", "document": "doc"}
_ORDER = ("text", "image", "audio", "video", "document")


def _show(found: list[Model]) -> None:
    """A table of these models, without columns that nothing stands in."""
    rows = [[cell(model) for _, cell in COLUMNS] for model in found]
    names = [name for name, _ in COLUMNS]
    kept = [at for at, name in enumerate(names) if name == "model" or any(row[at] for row in rows)]
    for name in FIRST_TO_GO if is_terminal(sys.stdout) else ():
        if _width(kept, rows, names) > shutil.get_terminal_size().columns:
            kept = [at for at in kept if names[at] != name]
    table([names[at] for at in kept], ([row[at] for at in kept] for row in rows), right=("context", "output"))


def _width(kept: list[int], rows: list[list[str]], names: list[str]) -> int:
    """How wide the table would be with these columns whole: three spaces are between them, and two around."""
    return sum(max(len(text) for text in (names[at], *(row[at] for row in rows))) + 3 for at in kept) - 1


def _tokens(number: int | None) -> str:
    """A number of tokens in few signs: 200k, 1.05M; below 10,000 as it is."""
    if number is None or number < 10_000:
        return plain(number)
    if number < 999_500:
        return f"{number / 1000:.0f}k"
    return f"{number / 1_000_000:.2f}".rstrip("0").rstrip(".") + "M"


def _kinds(kinds: frozenset[str] | None) -> str:
    known = sorted(
        kinds or (), key=lambda kind: (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), kind)
    )
    return " ".join(_SHORT.get(kind, kind) for kind in known)


def _matches(model: Model, search: str) -> bool:
    text = f"{model.name} {model.title}".lower()
    return all(word in text for word in search.lower().split())


def _ago(seconds: float) -> str:
    """An age in words, in its largest unit."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if number != 1 else ''} ago"
    return "just now"


def _as_object(model: Model) -> dict[str, Any]:
    """All that is known of it; sets as sorted lists."""
    values = {field.name: getattr(model, field.name) for field in fields(model)}
    return {
        name: sorted(cast("frozenset[str]", value)) if isinstance(value, frozenset) else value
        for name, value in values.items()
    }


def _date(seconds: float | None) -> str:
    from ..dialects._listed import day

    return day(seconds) or ""
