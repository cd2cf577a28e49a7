"""One answer from the client to the terminal: streamed, with its status line. `complete` and `chat` share it."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import providers
from ..completion import Completion, Delta
from ..prices import dollars, known_price
from .console import Answer, Spinner, tell

if TYPE_CHECKING:
    from ..client import Client, Prompt

__all__ = [
    "media_left",
    "opened_client",
    "show_answer",
    "show_status",
    "status_line",
    "warnings_told",
]


@contextmanager
def opened_client() -> Generator[Client]:
    """The client of this home folder, closed at the end."""
    from ..client import Client

    client = Client()
    try:
        yield client
    finally:
        client.close()


def show_answer(
    client: Client,
    prompt: Prompt,
    settings: dict[str, Any],
    *,
    stream: bool = True,
    quiet: bool = False,
    show_reasoning: bool = False,
    shown: bool = True,
) -> Completion:
    """Ask, write the answer to stdout as it comes (if `shown`), and end with a status line on stderr."""
    started = time.perf_counter()
    answer = Answer(sys.stdout if shown else None)
    with warnings_told(quiet) as told:
        with Spinner("waiting", quiet=quiet) as spinner:
            show = _Show(answer, spinner, show_reasoning)
            completion = (
                _streamed(client, prompt, settings, show)
                if stream
                else _whole(client, prompt, settings, show)
            )
        show.end()
        if not quiet:
            show_status(completion, time.perf_counter() - started, told)
    return completion


def _streamed(client: Client, prompt: Prompt, settings: dict[str, Any], show: _Show) -> Completion:
    with client.stream(prompt, **settings) as pieces:
        for delta in pieces:
            show(delta)
        return pieces.completion


def _whole(client: Client, prompt: Prompt, settings: dict[str, Any], show: _Show) -> Completion:
    completion = client.complete(prompt, **settings)
    show(Delta(reasoning=completion.reasoning))
    show(Delta(text=completion.text))
    return completion


class _Show:
    """Where the pieces of an answer go: text to stdout, reasoning to stderr if wanted."""

    def __init__(self, answer: Answer, spinner: Spinner, show_reasoning: bool) -> None:
        self._answer = answer
        self._spinner = spinner
        self._reasoning = Answer(sys.stderr) if show_reasoning else None

    def __call__(self, delta: Delta) -> None:
        if delta.reasoning and self._reasoning is None:
            self._spinner.say("thinking")
        elif delta.reasoning and self._reasoning is not None:
            self._spinner.stop()
            self._reasoning.write(delta.reasoning)
        if delta.text:
            self._spinner.stop()
            self._answer.write(delta.text)

    def end(self) -> None:
        if self._reasoning is not None:
            self._reasoning.end()
        self._answer.end()


def media_left(completion: Completion) -> None:
    """Say what came besides text and was not saved."""
    for medium in completion.media:
        if medium.url is not None:
            tell(f"the {medium.kind} is at {medium.url}", label="note", color="yellow")
    kept = sum(medium.data is not None for medium in completion.media)
    if kept:
        again = "; the same command with it replays this answer" if completion.key else ""
        tell(f"{kept} media came too: save them with -o FILE{again}", label="note", color="yellow")


# ---------------------------------------------------------------------------------------- the status


def show_status(completion: Completion, seconds: float, told: list[str]) -> None:
    """The status line and the notes. What a warning has told already is not told again."""
    _notice(completion)
    tell(status_line(completion, seconds))
    for note in completion.notes:
        if not any(warning.endswith(note) for warning in told):
            tell(note, label="note", color="yellow")


def status_line(completion: Completion, seconds: float) -> str:
    """Who answered, tokens, cost, time, seed: ``openai/gpt-6-sol · 12 in, 34 out · $0.00036 · 1.2 s · seed 7 sent``."""
    usage = completion.usage
    tokens = [
        f"{count:,} {way}"
        for count, way in ((usage.input_tokens, "in"), (usage.output_tokens, "out"))
        if count is not None
    ]
    parts = [
        f"{completion.provider}/{completion.model}",
        ", ".join(tokens),
        _cost(completion),
        f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s",
        _seed(completion),
        "" if completion.finish_reason == "stop" else f"ended by {completion.finish_reason}",
    ]
    return " · ".join(part for part in parts if part)


def _cost(completion: Completion) -> str:
    """What was paid for this answer. Nothing is said of what runs on this machine: there it is no question."""
    if completion.replayed:
        return "" if providers.get(completion.provider).free == "always" else "$0"
    found = known_price(completion)
    return "" if found is None or found.source == "own machine" else dollars(found.usd)


def _seed(completion: Completion) -> str:
    if completion.seed is None:
        return ""
    if completion.replayed:
        return f"seed {completion.seed} replayed"
    became = {"sent": "sent", "unsupported": "not taken by this provider"}.get(completion.seed_status, "")
    return f"seed {completion.seed} {became}".rstrip()


_noticed: set[str] = set()


def _notice(completion: Completion) -> None:
    """What a person should know who chose this model, once: it may be no writer."""
    notice = providers.get(completion.provider).notice
    if notice is None or completion.model in _noticed:
        return
    _noticed.add(completion.model)
    text = notice(completion.model)
    if text:
        tell(text, label="note", color="yellow")


class _Telling(logging.Handler):
    """The library's warnings as lines on stderr."""

    def __init__(self, told: list[str], quiet: bool) -> None:
        super().__init__(logging.WARNING)
        self._told = told
        self._quiet = quiet

    def emit(self, record: logging.LogRecord) -> None:
        self._told.append(record.getMessage())
        if not self._quiet:
            tell(record.getMessage(), label="warning", color="yellow")


@contextmanager
def warnings_told(quiet: bool) -> Generator[list[str]]:
    """Show the library's warnings while inside; yields those shown so far."""
    told: list[str] = []
    shown, log = _Telling(told, quiet), logging.getLogger("antiphon")
    log.addHandler(shown)
    try:
        yield told
    finally:
        log.removeHandler(shown)
