"""The terminal: what may be written to it, the spinner, tables, and streams that always speak UTF-8."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from rich.status import Status

__all__ = ["Answer", "Spinner", "broken_pipe", "prepare_streams", "printable", "safe_json", "table", "tell"]

_PICTURES = 0x2400  # U+2400 SYMBOL FOR NULL: the pictures of the control characters stand in their order
# Bidirectional embeddings, overrides and isolates: they make text read otherwise than it is (CVE-2021-42574).
_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_C1 = range(0x80, 0xA0)
_SHOWN: dict[int, str | None] = {
    **{code: chr(_PICTURES + code) for code in range(0x20) if chr(code) not in "\n\t"},
    ord("\r"): None,  # it would let a text overwrite its own beginning
    0x7F: "\u2421",
    **{code: f"\\x{code:02x}" for code in _C1},
    **{code: f"\\u{code:04x}" for code in _BIDI},
}
_JSON_ESCAPED = {code: f"\\u{code:04x}" for code in (0x7F, *_C1, *_BIDI, 0x2028, 0x2029)}


def printable(text: str) -> str:
    """`text` with every character that a terminal would obey made visible instead; tabs and line ends stay."""
    return text.translate(_SHOWN)


def safe_json(value: object, *, indent: int | None = None) -> str:
    """`value` as JSON that is readable and harmless on a terminal, and the same for a parser."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # Lone surrogates cannot be written as UTF-8; JSON can carry them escaped.
    text = text.encode("utf-8", "backslashreplace").decode()
    return text.translate(_JSON_ESCAPED)


def prepare_streams() -> None:
    """Speak UTF-8 whatever the locale says; a character that cannot be shown must not end the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


def broken_pipe() -> None:
    """Nobody reads our output any more: let the interpreter's last flush go nowhere instead of complaining."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at this stream."""
    return stream.isatty()


def tell(text: str, *, label: str = "", color: str | None = None, bold: bool | None = None) -> None:
    """A line on stderr, written at once: two threads may tell something."""
    shown = printable(text)
    line = click.style(f"{label}: ", fg=color, bold=bold) + shown if label else click.style(shown, dim=True)
    click.echo(line, err=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> None:
    """A table on stdout: drawn for a terminal, tab-separated with a heading line for a pipe."""
    rows = list(rows)
    if not is_terminal(sys.stdout):
        for row in (columns, *rows):
            click.echo("\t".join(" ".join(cell.split()) for cell in row))
        return
    if not rows:
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    numbers = set(right)
    for name in columns:
        drawn.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(drawn)


class Spinner:
    """Something that turns on stderr while nothing has come yet. Silent where nobody looks."""

    def __init__(self, text: str, *, quiet: bool = False) -> None:
        self._status: Status | None = None
        if not quiet and is_terminal(sys.stderr):
            from rich.console import Console

            self._status = Console(stderr=True).status(f"[dim]{text}[/]", spinner="dots")

    def __enter__(self) -> Spinner:
        if self._status is not None:
            self._status.start()
        return self

    def say(self, text: str) -> None:
        """Another text beside it."""
        if self._status is not None:
            self._status.update(f"[dim]{text}[/]")

    def stop(self) -> None:
        """Take it off the screen. Once is enough; more does no harm."""
        status, self._status = self._status, None
        if status is not None:
            status.stop()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Answer:
    """Text on its way out: as it is into a pipe, made harmless on a terminal, at once in both; None shows nothing."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._terminal = stream is not None and is_terminal(stream)
        self._last = ""

    def write(self, text: str) -> None:
        """Show a piece now."""
        if text and self._stream is not None:
            shown = printable(text) if self._terminal else text
            self._stream.write(shown)
            self._stream.flush()
            self._last = text[-1]

    def end(self) -> None:
        """End the last line, if it is not."""
        if self._last not in ("", "\n"):
            self.write("\n")


def plain(value: Any) -> str:
    """A cell: nothing for None, thousands apart for numbers."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else str(value)
