"""Writes the reference pages that are made from the code, or checks that they are up to date.

    uv run python docs/generate.py            write
    uv run python docs/generate.py --check    exit 1 and name the pages that differ

Each page is a function below that returns its text; the test suite compares them with what is committed.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

REFERENCE = Path(__file__).parent / "reference"
GENERATED = "<!-- Made by docs/generate.py; change the code's docstrings instead. -->\n"

pages: dict[str, Callable[[], str]] = {}


def page(name: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Register the function that makes reference/NAME."""

    def register(make: Callable[[], str]) -> Callable[[], str]:
        pages[name] = make
        return make

    return register


def _doc(thing: object) -> str:
    return dedent(inspect.getdoc(thing) or "").strip()


def _signature(thing: Callable[..., object]) -> str:
    text = str(inspect.signature(thing))
    return (
        re.sub(r"\bantiphon\.\w+\.", "", text.replace("'", "")).replace("self, ", "").replace("(self)", "()")
    )


def _fields(cls: type) -> str:
    rows = ["| field | type | default |", "|---|---|---|"]
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if field.default is not dataclasses.MISSING:
            default = f"`{field.default!r}`"
        elif field.default_factory is not dataclasses.MISSING:
            default = f"`{field.default_factory()!r}`"
        else:
            default = "required"
        kind = str(field.type).replace("|", "\\|")
        rows.append(f"| `{field.name}` | `{kind}` | {default} |")
    return "\n".join(rows)


@page("library.md")
def library() -> str:
    """Every public name, with its fields or signature and its docstring."""
    import antiphon
    from antiphon import client, ray

    parts = [GENERATED, "# The library", _doc(antiphon)]
    parts.append("## Doors")
    for name in (
        "complete",
        "chat",
        "stream",
        "acomplete",
        "achat",
        "astream",
        "batch",
        "abatch",
        "default_client",
    ):
        door = getattr(antiphon, name)
        parts.append(f"### `antiphon.{name}{_signature(door)}`\n\n{_doc(door)}")
    parts.append(f"### Settings\n\n{_doc(client.Settings)}\n\n{_settings(client.Settings)}")
    for cls in (antiphon.Client, antiphon.Stream, antiphon.AsyncStream, antiphon.Batch, antiphon.AsyncBatch):
        parts += [f"## `{cls.__name__}`\n\n{_doc(cls)}", *_members(cls)]
    parts.append("## Values")
    for name in sorted(antiphon.__all__):
        cls = getattr(antiphon, name)
        if inspect.isclass(cls) and dataclasses.is_dataclass(cls):
            parts.append(f"### `{name}`\n\n{_doc(cls)}\n\n{_fields(cls)}")
    for name in ("price", "budget", "key"):
        function = getattr(antiphon, name)
        parts.append(f"## `antiphon.{name}{_signature(function)}`\n\n{_doc(function)}")
    parts.append("## On a Ray cluster (extra `ray`)")
    for name in ("cluster", "complete"):
        function = getattr(ray, name)
        parts.append(f"### `antiphon.ray.{name}{_signature(function)}`\n\n{_doc(function)}")
    return "\n\n".join(parts) + "\n"


def _members(cls: type) -> list[str]:
    """A class's own methods and properties."""
    parts: list[str] = []
    for name, member in vars(cls).items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            shown = _signature(member) if inspect.isfunction(member) else ""
            prefix = "async " if inspect.iscoroutinefunction(member) else ""
            parts.append(f"### `{prefix}{name}{shown}`\n\n{_doc(member)}")
    return parts


def _settings(settings: type) -> str:
    rows = ["| setting | type |", "|---|---|"]
    for name, kind in settings.__annotations__.items():
        text = getattr(kind, "__forward_arg__", str(kind)).replace("|", "\\|")
        rows.append(f"| `{name}` | `{text}` |")
    return "\n".join(rows)


@page("errors.md")
def errors() -> str:
    """The error tree and each class."""
    from antiphon import errors as tree

    parts = [GENERATED, "# Errors", f"```text\n{_doc(tree)}\n```"]
    for name in sorted(tree.__all__):
        cls = getattr(tree, name)
        lines = [f"## `{name}`", _doc(cls)]
        lines.append(f"Retried automatically: {'yes' if cls.retryable else 'no'}.")
        if cls.hint:
            lines.append(f"Hint: {cls.hint}")
        parts.append("\n\n".join(lines))
    return "\n\n".join(parts) + "\n"


@page("providers.md")
def providers() -> str:
    """One row for each provider file."""
    from antiphon import providers as who

    rows = [
        "| provider | address | keys from | dialects | seed on the wire | settings taken (first dialect) |",
        "|---|---|---|---|---|---|",
    ]
    for name in who.names():
        provider = who.get(name)
        ways = ", ".join(f"`{dialect}`" for dialect in provider.ways)
        seeds = ", ".join(f"`{d}`" for d, way in provider.ways.items() if "seed" in way.quirks.fields) or "no"
        taken = ", ".join(
            f"`{field}`" for field in next(iter(provider.ways.values())).quirks.fields if field != "seed"
        )
        keys = ", ".join(f"`{env}`" for env in provider.key_env) or {"none": "needs none"}.get(
            provider.key, provider.key
        )
        address = provider.base_url or (f"`${provider.address_env}`" if provider.address_env else "-")
        rows.append(f"| `{name}` | {address} | {keys} | {ways} | {seeds} | {taken} |")
    intro = (
        "Each provider is one file in `src/antiphon/providers`. A server of your own needs none: use `compatible` "
        "with a base URL. A setting that a provider does not take is refused before anything is sent; "
        "only JSON is asked for in words then (see [JSON](../how-to/json.md))."
    )
    return "\n\n".join([GENERATED, "# Providers", intro, "\n".join(rows)]) + "\n"


@page("reproducibility.md")
def reproducibility() -> str:
    """The page as it is written by hand, with a fresh table of who is sent a seed."""
    from antiphon import providers as who

    rows = ["| provider | dialect | the seed goes out as | and with it |", "|---|---|---|---|"]
    for name in who.names():
        for dialect, way in who.get(name).ways.items():
            fields = ", ".join(f"`{field}`" for field in way.quirks.fields.get("seed", ())) or "not sent"
            seeded = (
                f"`{json.dumps(way.quirks.seeded)}`" if way.quirks.seeded and fields != "not sent" else ""
            )
            rows.append(f"| `{name}` | `{dialect}` | {fields} | {seeded} |")
    written = (REFERENCE / "reproducibility.md").read_text(encoding="utf-8")
    start, _, rest = written.partition("<!-- seeds")
    comment, _, rest = rest.partition("-->")
    end = rest[rest.index("<!-- end -->") :]
    return f"{start}<!-- seeds{comment}-->\n\n" + "\n".join(rows) + f"\n\n{end}"


@page("models.md")
def models() -> str:
    """The table of model facts, as shipped, by maker."""
    from antiphon.providers import _facts

    intro = (
        "What is known about models, by families of names; [why](../design/models.md), and "
        "[how to renew it](../how-to/model-facts.md). All rows that match a model count: refusals add up, and of "
        "every other fact the first row that states it has the say. An expression is matched from the start of the "
        "maker's own name for a model. A model is taken to be gone from the day after the one given."
    )
    parts = [GENERATED, "# Model facts", intro]
    shipped = _facts.read(_facts.TABLE)
    for maker in dict.fromkeys(row.maker for row in shipped):
        lines = ["| models | for example | facts | source | checked |", "|---|---|---|---|---|"]
        lines += [_facts_row(row) for row in shipped if row.maker == maker]
        parts.append(f"## {maker}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _facts_row(row: Any) -> str:
    told = [f"at {row.at} only"] if row.at else []
    for refusal in row.refuses:
        joined = " with " if refusal.together else ", "
        unless = " unless reasoning is off" if refusal.unless_reasoning_off else ""
        told.append(f"refuses {joined.join(f'`{name}`' for name in sorted(refusal.settings))}{unless}")
    if row.reasons is not None:
        told.append("reasons unasked" if row.reasons else "does not reason unasked")
    if row.budget:
        told.append(f"budgets from {row.budget[0]:,} to {row.budget[1]:,} tokens")
    if row.prefill is not None:
        told.append("takes a prefill" if row.prefill else "takes no prefill")
    for name, kinds in (("in", row.inputs), ("out", row.outputs)):
        told += [f"{name}: {', '.join(sorted(kinds))}"] if kinds else []
    for name, tokens in (("context", row.context), ("at most", row.max_output)):
        told += [f"{name} {tokens:,} tokens"] if tokens else []
    if row.retires:
        told.append(f"retires {row.retires}" + (f", then {row.replaced_by}" if row.replaced_by else ""))
    cells = (f"`{row.models}`", ", ".join(row.examples), "; ".join(told), row.source, row.dated)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


@page("media.md")
def media() -> str:
    """What each way of asking a provider takes besides text, and how much of it."""
    from antiphon import providers as who

    rows = [
        "| provider | dialect | kinds | image types | most for one | pixels of an image | most in one request | source |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in who.names():
        for dialect, way in who.get(name).ways.items():
            if way.quirks.media:
                cells = (f"`{name}`", f"`{dialect}`", *_media_cells(way))
                rows.append(f"| {' | '.join(cell or '-' for cell in cells)} |")
    intro = (
        "What each provider takes besides text, from the data in `src/antiphon/providers`. A dash means that no source "
        "tells: nothing is limited here then, and the provider has the last word. What happens at a limit is told in "
        "[send images, sounds, videos and documents](../how-to/media.md). Kinds with a star are fetched by the provider "
        "from any https address (documents and images, of Gemini, where their type is known; sounds and videos from "
        "YouTube and Google's own hosts); others only with `fetch_media`, here."
    )
    return "\n\n".join([GENERATED, "# Media and their limits", intro, "\n".join(rows)]) + "\n"


def _media_cells(way: Any) -> tuple[str, ...]:
    from antiphon.prepare.media import told
    from antiphon.request import Media, kind_of

    quirks, limits = way.quirks, way.quirks.media_limits
    files = {"image": "a.png", "audio": "a.mp3", "video": "a.mp4", "document": "a.pdf"}
    stars = {
        kind: "\\*" if way.dialect.fetches(Media.from_url(f"https://e.test/{file}"), quirks) else ""
        for kind, file in files.items()
    }
    kinds = [
        f"{kind}{stars[kind if '/' not in kind else kind_of(kind)]}"
        for kind in sorted(quirks.media)
        if "*" not in kind
    ]
    sizes = [f"{what} {told(most) if most else 'any'}" for what, most in limits.data.items()]
    sizes += [f"{what} {told(most)} of base64" for what, most in limits.base64.items() if most]
    pixels = [f"{limits.edge} on an edge"] if limits.edge else []
    pixels += [f"{limits.crowd[1]} with more than {limits.crowd[0]} images"] if limits.crowd else []
    pixels += [f"{limits.pixels / 1e6:.0f} million"] if limits.pixels else []
    whole = [told(limits.request)] if limits.request else []
    whole += [f"{most} {kind}s" for kind, most in limits.count.items()]
    types = [kind.partition("/")[2] for kind in limits.types.get("image", ())]
    types += [] if limits.animated else ["not animated"]
    return (*(", ".join(cell) for cell in (kinds, types, sizes, pixels, whole)), limits.source)


@page("cli.md")
def cli() -> str:
    """Each command with its help and its options, and the exit codes."""
    import click

    from antiphon.cli import EXIT_CODES, antiphon

    intro = inspect.cleandoc(antiphon.help or "")
    codes = [line.split(maxsplit=1) for line in EXIT_CODES.splitlines()[2:]]
    table = "\n".join(f"| {code} | {text} |" for code, text in codes)
    parts = [
        GENERATED,
        "# The command line",
        intro,
        "## Exit codes",
        f"| code | meaning |\n|---|---|\n{table}",
    ]
    top = click.Context(antiphon, info_name="antiphon")
    for name in antiphon.list_commands(top):
        command = antiphon.get_command(top, name)
        assert command is not None
        parts += _command(command, click.Context(command, top, name), 2)
    return "\n\n".join(parts) + "\n"


def _command(command: Any, context: Any, level: int) -> list[str]:
    """One command, and those under it."""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)]).strip()
    parts = [
        f"{'#' * level} `{context.command_path}`",
        f"```text\n{usage}\n```",
        inspect.cleandoc(command.help or ""),
    ]
    options = [param for param in command.params if param.param_type_name == "option"]
    records = [record for option in options if (record := option.get_help_record(context))]
    if records:
        parts.append("\n".join(["| option | |", "|---|---|", *map(_row, records)]))
    for name, sub in getattr(command, "commands", {}).items():
        parts += _command(sub, type(context)(sub, context, name), level + 1)
    return parts


def _row(record: tuple[str, str]) -> str:
    names, text = (part.replace("|", "\\|") for part in record)
    return f"| `{names}` | {text} |"


def main() -> int:
    """Write or check all pages."""
    check = "--check" in sys.argv
    stale = []
    for name, make in pages.items():
        path = REFERENCE / name
        text = make()
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(str(path))
        elif not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.stderr.write(f"not up to date: {', '.join(stale)}; run docs/generate.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
