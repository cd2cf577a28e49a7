"""What went wrong, as two lines for people, one JSON object for programs, and an exit code for both."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from ..errors import (
    AntiphonError,
    Cancelled,
    ClusterError,
    CredentialError,
    LedgerError,
    Refused,
    ReplayError,
    ReplyError,
    RequestError,
    SchemaFailed,
    TransportError,
)
from .console import printable, safe_json, tell

__all__ = ["exit_code", "reported", "show"]

INTERRUPTED = 130
# The first class that fits counts.
_CODES: tuple[tuple[type[AntiphonError], int], ...] = (
    (Cancelled, INTERRUPTED),
    (CredentialError, 3),
    (RequestError, 2),
    (ReplyError, 4),
    (TransportError, 5),
    (Refused, 6),
    (ReplayError, 7),
    (LedgerError, 7),
    (ClusterError, 9),
)
# What an error in JSON tells besides type, message, hint and exit_code, where it has it.
_DETAILS = (
    *("field", "status", "provider", "code", "request_id", "retry_after", "phase", "reason"),
    *("cap", "limit", "spent", "estimate", "problems", "text"),
)


def exit_code(error: BaseException) -> int:
    """The documented exit code for `error`."""
    if isinstance(error, click.ClickException):
        return 2
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return INTERRUPTED
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


@contextmanager
def reported(arguments: Sequence[str]) -> Generator[None]:
    """Report whatever is raised inside, and exit with its code. The flags are read here, since parsing may be what fails."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    try:
        yield
    except Exception as error:  # noqa: BLE001  (the last stop of every failure)
        _report(error, as_json="--json" in options, debug="--debug" in options)
        sys.exit(exit_code(error))
    except KeyboardInterrupt as error:
        sys.exit(exit_code(error))


def _report(error: Exception, *, as_json: bool, debug: bool) -> None:
    if debug:
        click.echo(printable("".join(traceback.format_exception(error))), err=True, nl=False)
    if as_json:
        click.echo(safe_json({"error": as_object(error)}))
    elif not isinstance(error, click.Abort):
        show(error)


def show(error: BaseException) -> None:
    """Two lines on stderr: what happened, and what to do. Before them an answer that is not what was asked for."""
    if isinstance(error, SchemaFailed):
        _show_answer(error)
    tell(_line(message(error)), label="error", color="red", bold=True)
    if hint(error):
        tell(_line(hint(error)), label="hint", color="cyan")


def _show_answer(error: SchemaFailed) -> None:
    """The answer and all that is wrong with it, on stderr: it is no result."""
    tell(error.text, label="answer", color="cyan")
    for problem in error.problems:
        tell(_line(problem), label="problem", color="yellow")


def message(error: BaseException) -> str:
    """What happened, in one sentence."""
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, ReplyError):
        facts = [str(error.status)] if error.status and not isinstance(error, SchemaFailed) else []
        facts += [error.code] if error.code and error.code != str(error.status) else []
        facts += [f"request {error.request_id}"] if error.request_id else []
        who = f"{error.provider}: " if error.provider else ""
        return f"{who}{error.message}" + (f" ({', '.join(facts)})" if facts else "")
    if isinstance(error, AntiphonError):
        return error.message
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def hint(error: BaseException) -> str:
    """What to do about it; empty if nobody knows."""
    if isinstance(error, AntiphonError):
        return error.hint
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"`{error.ctx.command_path} --help` lists what it takes."
    if isinstance(error, click.ClickException | click.Abort):
        return ""
    return "This should not happen. Run it again with --debug, and report what it shows."


def as_object(error: BaseException) -> dict[str, Any]:
    """The error as JSON: type, message, hint, exit_code, and what else it knows."""
    if isinstance(error, click.Abort):
        kind, text = "Cancelled", "cancelled"
    elif isinstance(error, click.ClickException):
        kind, text = "RequestError", error.format_message()
    else:
        kind = type(error).__name__
        text = error.message if isinstance(error, AntiphonError) else message(error)
    known = (
        {name: getattr(error, name, None) for name in _DETAILS} if isinstance(error, AntiphonError) else {}
    )
    details = {name: value for name, value in known.items() if value not in (None, "", 0)}
    return {
        "type": kind,
        "message": text,
        **({"hint": hint(error)} if hint(error) else {}),
        **details,
        "exit_code": exit_code(error),
    }


def _line(text: str) -> str:
    """One line, and nothing in it that a terminal obeys: messages quote what servers sent."""
    return printable(" ".join(text.split()))
