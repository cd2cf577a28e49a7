"""`antiphon replay`: the recorded answers."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .. import providers
from ..errors import AntiphonError, ReplayError
from ..places import home
from .console import Answer, is_terminal, plain, safe_json, table, tell
from .options import Command, Group, OptionType

if TYPE_CHECKING:
    from ..completion import Completion
    from ..replay import ReplayStore
    from ..replay.store import Details

__all__ = ["replay"]

F = TypeVar("F", bound=Callable[..., Any])
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
FULL_KEY = 67  # k1: and 64 hex digits


class Age(OptionType):
    """A length of time as seconds: 90m, 12h, 30d, 8w, 1y."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdwy])", str(value))
        if not found:
            self.fail(f"{value!r} is not an age such as 90m, 12h, 30d, 8w or 1y.", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]


class Size(OptionType):
    """A number of bytes: 500000, 500kB, 20MB, 2GB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]?)b?", str(value).lower())
        if not found:
            self.fail(f"{value!r} is not a size such as 500kB, 20MB or 2GB.", param, ctx)
        return int(float(found[1]) * _BYTES[found[2]])


def selects(command: F) -> F:
    """The options that choose recordings."""
    for option in (
        click.option(
            "--contains", metavar="TEXT", help="Only those whose messages hold this text, in any case."
        ),
        click.option("--since", type=Age(), help="Only those recorded in this time, such as 12h or 30d."),
        click.option("--model", metavar="NAME", help="Only this model's, by its name at the provider."),
        click.option("--provider", metavar="NAME", help="Only this provider's."),
    ):
        command = option(command)
    return command


@click.group(cls=Group)
def replay() -> None:
    """Look at, move, check and prune the recorded answers.

    An answer is recorded whenever a seed is given (unless --replay off), and comes back when the same
    question is asked with the same seed.
    """


@replay.command("list", cls=Command)
@selects
@click.option("--pinned", is_flag=True, help="Only the pinned ones.")
@click.option("-n", "--limit", type=click.IntRange(1), default=30, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON array.")
def list_recordings(
    since: float | None, pinned: bool, limit: int, as_json: bool, **selection: str | None
) -> None:
    """List recordings, the newest first."""
    with _store() as store:
        entries = store.list(**_selection(since, selection), pinned=pinned, limit=limit)
        total = store.count()
    if as_json:
        names = ("key", "provider", "model", "seed", "recorded_at", "snippet", "size")
        click.echo(safe_json([{name: getattr(entry, name) for name in names} for entry in entries]))
        return
    # Whole keys for a program; for a person the start is enough, and `show` takes it.
    length = 15 if is_terminal(sys.stdout) else FULL_KEY
    table(
        ("key", "recorded", "model", "seed", "bytes", "prompt"),
        (
            (
                entry.key[:length], _date(entry.recorded_at), f"{entry.provider}/{entry.model}",
                plain(entry.seed).replace(",", ""), plain(entry.size), entry.snippet[:60],
            )
            for entry in entries
        ),
        right=("seed", "bytes"),
    )  # fmt: skip
    tell(f"{len(entries)} of {total} recordings")


@replay.command("show", cls=Command)
@click.argument("key")
@click.option(
    "--json", "as_json", is_flag=True, help="Print request, body sent and raw reply as one JSON object."
)
def show_recording(key: str, as_json: bool) -> None:
    """Show one recording: what was asked and what came back. KEY may be cut short."""
    with _store() as store:
        key = _whole_key(store, key)
        details = store.show(key)
    if details is None:
        raise ReplayError(
            f"nothing is recorded under {key}", hint="`antiphon replay list` shows what there is."
        )
    if as_json:
        click.echo(safe_json(_as_object(details)))
        return
    _show(details)


@replay.command("export", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Only this recording (may be repeated).")
@selects
def export_recordings(file: str, keys: tuple[str, ...], since: float | None, **selection: str | None) -> None:
    """Write recordings to one portable file.

    Another machine can import FILE (- is stdout). It holds prompts, media and answers, and no keys.
    """
    target = sys.stdout.buffer if file == "-" else file
    with _store() as store:
        chosen = [_whole_key(store, key) for key in keys] or None
        count = store.export(target, keys=chosen, **_selection(since, selection))
    tell(f"exported {count} recording{'s' if count != 1 else ''}")


@replay.command("import", cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--replace", is_flag=True, help="Where both have a recording, take the file's.")
def import_recordings(file: str, replace: bool) -> None:
    """Take in the recordings of FILE (- is stdin). All of it is checked before anything is written."""
    source = sys.stdin.buffer if file == "-" else file
    with _store() as store:
        found = store.import_(source, replace=replace)
    tell(f"imported {found.new} new, {found.same} already here")
    if found.conflicting:
        became = "replaced" if replace else "kept as they were here (--replace takes the file's)"
        tell(f"{found.conflicting} with another answer here: {became}", label="note", color="yellow")


@replay.command("verify", cls=Command)
def verify_recordings() -> int:
    """Derive every key and every hash again. Exit code 7 if anything is wrong."""
    with _store() as store:
        report = store.verify()
    for problem in report.problems:
        tell(str(problem), label="problem", color="red")
    good = "all good" if report else f"{len(report.problems)} problems"
    tell(f"{report.recordings} recordings and {report.media} media checked: {good}")
    return 0 if report else 7


@replay.command("prune", cls=Command)
@click.option("--older-than", type=Age(), help="Remove those recorded longer ago, such as 30d.")
@click.option(
    "--max-size", type=Size(), help="Then remove the oldest until this much is left, such as 500MB."
)
@click.option("--provider", metavar="NAME", help="Only this provider's; alone: all of them.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and keep it.")
def prune_recordings(
    older_than: float | None, max_size: int | None, provider: str | None, dry_run: bool
) -> None:
    """Remove recordings by age, size or provider. Pinned ones stay. The space is given back to the disk."""
    if older_than is None and max_size is None and provider is None:
        raise click.UsageError("Say what to remove: --older-than, --max-size or --provider.")
    with _store() as store:
        gone = store.prune(older_than=older_than, max_bytes=max_size, provider=provider, dry_run=dry_run)
    done = "would remove" if dry_run else "removed"
    tell(f"{done} {gone.recordings} recordings and {gone.media} media, {gone.bytes:,} bytes")


@replay.command("pin", cls=Command)
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
def pin_recordings(keys: tuple[str, ...]) -> None:
    """Pin recordings, so that prune keeps them. KEY may be cut short."""
    _pin(keys, pinned=True)


@replay.command("unpin", cls=Command)
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
def unpin_recordings(keys: tuple[str, ...]) -> None:
    """Take the pins off recordings. KEY may be cut short."""
    _pin(keys, pinned=False)


# ---------------------------------------------------------------------------------------------- parts


def _pin(starts: tuple[str, ...], *, pinned: bool) -> None:
    with _store() as store:
        for key in [_whole_key(store, start) for start in starts]:
            if not store.pin(key, pinned):
                raise ReplayError(
                    f"nothing is recorded under {key}", hint="`antiphon replay list` shows what there is."
                )
    tell(f"{'pinned' if pinned else 'unpinned'} {len(starts)} recording{'s' if len(starts) != 1 else ''}")


def _store() -> AbstractContextManager[ReplayStore]:
    from ..replay import chosen

    return closing(chosen(None, home()))


def _selection(since: float | None, chosen: dict[str, str | None]) -> dict[str, Any]:
    return {**chosen, "since": None if since is None else time.time() - since}


def _whole_key(store: ReplayStore, start: str) -> str:
    """The key that begins like this; the leading ``k1:`` may be missing."""
    start = start if start.startswith("k1:") else f"k1:{start}"
    if len(start) >= FULL_KEY:
        return start
    found = [entry.key for entry in store.list(limit=2**31) if entry.key.startswith(start)]
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} recordings begin" if found else "no recording begins"
    raise ReplayError(f"{what} with {start}", hint="`antiphon replay list` shows the keys.")


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):  # the clock that gave it was far off
        return f"{seconds:g} s"


def _answer(details: Details) -> Completion:
    """The recorded reply, decoded by the dialect it was asked in."""
    from ..road import decode

    provider = providers.get(details.recording.provider)
    return decode(provider.way(details.request.get("dialect")).dialect, details.recording.reply)


def _show(details: Details) -> None:
    recording, request = details.recording, details.request
    tell(recording.key)
    tell(f"{recording.provider}/{recording.model} · seed {recording.seed} · {_date(recording.recorded_at)}")
    settings = {name: value for name, value in request.get("config", {}).items() if name != "model"}
    if settings:
        tell(safe_json(settings))
    for message in request["messages"]:
        parts = (part if isinstance(part, str) else f"[{part['media_type']}]" for part in message["parts"])
        tell(" ".join(parts), label=message["role"], color="cyan")
    try:
        completion = _answer(details)
    except AntiphonError as error:
        raise ReplayError(f"the recorded reply is no answer: {error}", hint="--json shows it raw.") from error
    answer = Answer(sys.stdout)
    answer.write(completion.text)
    answer.end()


def _as_object(details: Details) -> dict[str, Any]:
    from .complete import raw_object

    recording = details.recording
    return {
        "key": recording.key,
        "provider": recording.provider,
        "model": recording.model,
        "seed": recording.seed,
        "recorded_at": recording.recorded_at,
        "request": details.request,
        "sent": None if details.sent is None else details.sent.decode("utf-8", "replace"),
        "media": details.media,
        "reply": raw_object(recording.reply),
    }
