"""`antiphon complete`: one prompt, one answer."""

from __future__ import annotations

import base64
import os
import sys
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from ..call import Reply
from ..completion import Completion
from ..prices import known_price
from ..request import Media
from .answering import media_left, opened_client, show_answer, warnings_told
from .console import is_terminal, safe_json, tell
from .options import Command, asks, settings

__all__ = ["complete"]


@click.command(cls=Command)
@click.argument("prompt", nargs=-1, metavar="[PROMPT]")
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    help="Read the prompt from a file, or more of it (may be repeated; - is stdin).",
)
@asks
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the answer to a file."
)
@click.option("--stream/--no-stream", default=None, help="Show the answer as it comes. [default: stream]")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the whole completion, or the error, as one JSON object."
)
@click.option("--show-reasoning", is_flag=True, help="Show the model's reasoning on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="No spinner, no status line, no warnings.")
def complete(
    prompt: tuple[str, ...], files: tuple[str, ...], output: Path | None, stream: bool | None, as_json: bool,
    show_reasoning: bool, quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Answer one prompt, from the argument, a file or a pipe.

    PROMPT is the prompt itself, or - for stdin, which is also read when no prompt is given. With -f, the
    files follow the prompt after a blank line: antiphon complete "Summarise:" -f notes.txt

    The answer goes to stdout and nothing else does; spinner, status line, notes and errors go to stderr.
    """
    if as_json and stream:
        raise click.UsageError("--json prints one object at the end; it cannot --stream.")
    if output is not None and not os.access(output.parent, os.W_OK | os.X_OK):
        raise click.UsageError(
            f"cannot write {output}: there is no such folder, or it is not yours to write in."
        )
    text, chosen = _prompt(prompt, files), settings(given)
    with opened_client() as client:
        if as_json:
            with warnings_told(quiet=True):
                completion = client.complete(text, **chosen)
        else:
            completion = show_answer(
                client, text, chosen, stream=stream is not False, quiet=quiet,
                show_reasoning=show_reasoning, shown=output is None,
            )  # fmt: skip
    saved = _save(completion, output) if output else []
    if as_json:
        click.echo(safe_json(as_object(completion)))
    elif not quiet:
        _tell_files(completion, saved)


def _prompt(words: tuple[str, ...], files: tuple[str, ...]) -> str:
    """The prompt's parts, from wherever they are, with a blank line between them."""
    if len(words) > 1:
        raise click.UsageError(f"The prompt came as {len(words)} arguments: put it in quotes.")
    prompt = words[0] if words else None
    if prompt is None and not files:
        if is_terminal(sys.stdin):
            raise click.UsageError("Nothing to answer: give a PROMPT, -f FILE, or pipe one in.")
        prompt = "-"
    parts = [] if prompt is None else [_stdin() if prompt == "-" else prompt]
    parts += [_stdin() if name == "-" else _decoded(_read(name), name) for name in files]
    text = "\n\n".join(part.strip("\n") for part in parts) if len(parts) > 1 else parts[0]
    if not text.strip():
        raise click.UsageError("The prompt is empty.")
    return text


def _stdin() -> str:
    return _decoded(sys.stdin.buffer.read(), "stdin").rstrip("\r\n")


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot read {name}: {error.strerror}") from None


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(
            f"{name} is not UTF-8 text (byte {error.start}); attach media with -a."
        ) from None


# --------------------------------------------------------------------------------------------- files


def _save(completion: Completion, output: Path) -> list[Path]:
    """Write the media to `output`, output-2…; without media, the text exactly as it is."""
    files = [medium.data for medium in completion.media if medium.data is not None]
    data = files or [completion.text.encode("utf-8", "replace")]
    paths = [output, *(output.with_stem(f"{output.stem}-{i}") for i in range(2, len(data) + 1))]
    for path, content in zip(paths, data, strict=True):
        _write(path, content)
    return paths


def _write(path: Path, content: bytes) -> None:
    """Write the whole file or none of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from None


def _tell_files(completion: Completion, saved: list[Path]) -> None:
    for path in saved:
        tell(f"wrote {path}")
    if not saved:
        media_left(completion)


# ---------------------------------------------------------------------------------------------- JSON


def as_object(completion: Completion) -> dict[str, Any]:
    """The whole completion as JSON: every field under its name, media and raw bodies as base64 where need be."""
    plain = {f.name: getattr(completion, f.name) for f in fields(completion)}
    return {
        **plain,
        "media": [_medium(medium) for medium in completion.media],
        "usage": {**asdict(completion.usage), "total_tokens": completion.usage.total_tokens},
        "cost": cost_object(completion),
        "timings": asdict(completion.timings),
        "raw": None if completion.raw is None else raw_object(completion.raw),
    }


def cost_object(completion: Completion) -> dict[str, Any] | None:
    """What the answer costs to make, and what was paid this time; None where that is not known."""
    found = known_price(completion)
    if found is None:
        return None
    return {**asdict(found), "paid": 0.0 if completion.replayed else found.usd}


def _medium(medium: Media) -> dict[str, Any]:
    where = {"url": medium.url} if medium.data is None else {"base64": medium.base64, "sha256": medium.sha256}
    return {"kind": medium.kind, "media_type": medium.media_type, "name": medium.name, **where}


def raw_object(reply: Reply) -> dict[str, Any]:
    try:
        body = {"body": reply.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": base64.b64encode(reply.body).decode()}
    return {"status": reply.status, "headers": dict(reply.headers), **body}
