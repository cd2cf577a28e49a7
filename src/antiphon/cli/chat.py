"""`antiphon chat`: a conversation, kept as it goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import AntiphonError, Cancelled, RequestError
from ..places import home
from ..prices import dollars, known_price
from ..request import Media, Message
from .answering import media_left, opened_client, show_answer
from .console import is_terminal, printable, safe_json, table, tell
from .conversations import Conversation, Conversations
from .failures import show
from .options import Command, asks, settings

if TYPE_CHECKING:
    from ..client import Client
    from ..completion import Completion

__all__ = ["chat"]

HISTORY_LINES = 1000


@click.command(cls=Command)
@click.option("--resume", metavar="NAME", help="Go on with a kept conversation; 'last' is the latest.")
@click.option("--list", "list_them", is_flag=True, help="List the kept conversations.")
@click.option("--json", "as_json", is_flag=True, help="With --list: as a JSON array.")
@asks
@click.option("--stream/--no-stream", default=True, help="Show answers as they come. [default: stream]")
@click.option("--show-reasoning", is_flag=True, help="Show the model's reasoning on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="No spinner, no status lines, no warnings.")
def chat(
    resume: str | None, list_them: bool, as_json: bool, stream: bool, show_reasoning: bool, quiet: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Talk with a model; conversations are kept and can be resumed.

    Lines beginning with / are commands: /help lists them. Ctrl-C cancels the answer, Ctrl-D leaves. A line
    that ends in a backslash goes on in the next one. Options given when resuming replace those it was begun with.
    """
    kept = Conversations(home() / "conversations")
    if list_them:
        _list(kept, as_json)
        return
    if as_json:
        raise click.UsageError("--json goes with --list.")
    conversation = kept.load(resume) if resume else kept.new()
    attached = [Media.of(source) for source in given.pop("attachments", ())]
    conversation.settings.update(settings(given))
    with opened_client() as client:
        client.request(
            "?", **conversation.settings
        )  # wrong settings are better said now than after the first line
        talk = Talk(client, kept, conversation, stream=stream, quiet=quiet, show_reasoning=show_reasoning)
        talk.attached = attached
        with _history(home() / "chat_history"):
            talk.run()


def _list(kept: Conversations, as_json: bool) -> None:
    found = sorted(kept, key=lambda conversation: conversation.updated, reverse=True)
    if as_json:
        rows = [{"name": c.name, "updated": c.updated, "messages": len(c.messages)} for c in found]
        click.echo(safe_json(rows))
        return
    table(
        ("name", "updated", "messages", "begins"),
        ((c.name, _date(c.updated), str(len(c.messages)), _beginning(c)) for c in found),
        right=("messages",),
    )


def _date(updated: str) -> str:
    try:
        return datetime.fromisoformat(updated).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return updated


def _beginning(conversation: Conversation) -> str:
    text = conversation.messages[0].text if conversation.messages else ""
    return " ".join(text.split())[:60]


# ------------------------------------------------------------------------------------------- talking


class Leave(Exception):
    """The user wants to go."""


class Talk:
    """One sitting: reads lines, asks, and keeps the conversation after every answer."""

    def __init__(self, client: Client, kept: Conversations, conversation: Conversation, **look: bool) -> None:
        self.client = client
        self.kept = kept
        self.conversation = conversation
        self.look = look
        self.attached: list[Media] = []
        self.person = is_terminal(sys.stdin)
        self.paid = 0.0  # US dollars
        self.unpriced = 0  # answers that cost nobody knows what

    def run(self) -> None:
        """Until Ctrl-D, the end of the input, or /exit. Piped input ends at the first failure, a person goes on."""
        self._greet()
        with suppress(EOFError, Leave):
            while True:
                self._round()
        if not self.look["quiet"] and (self.paid or self.unpriced):
            tell(self._total())
        if self.person and self.conversation.messages:
            tell(f"kept as {self.conversation.name}: antiphon chat --resume {self.conversation.name}")

    def _total(self) -> str:
        """What this sitting has cost."""
        unknown = f"{self.unpriced} answers of unknown price" if self.unpriced else ""
        return "in all: " + " and ".join(filter(None, (dollars(self.paid) if self.paid else "", unknown)))

    def _count(self, completion: Completion) -> None:
        if completion.replayed or self.look["quiet"]:
            return
        found = known_price(completion)
        self.paid += 0.0 if found is None else found.usd
        self.unpriced += found is None

    def _round(self) -> None:
        try:
            self._turn(_read_line("> " if self.person else ""))
        except KeyboardInterrupt:
            if not self.person:
                raise
            tell("\n(Ctrl-D or /exit leaves)")
        except AntiphonError as error:
            if not self.person:
                raise
            show(error)

    def _turn(self, line: str) -> None:
        if line.startswith("/") and not line.startswith("//"):
            self._command(line)
        elif line.strip():
            self._ask(line[1:] if line.startswith("//") else line)

    def _ask(self, text: str) -> None:
        """One question and its answer; both are kept, or neither."""
        question = Message("user", *self.attached, text)
        messages = [*self.conversation.messages, question]
        try:
            completion = show_answer(self.client, messages, self.conversation.settings, **self.look)
        except (KeyboardInterrupt, Cancelled):
            if not self.person:
                raise
            tell("\n(cancelled; this question and its answer are not kept)")
            return
        self._count(completion)
        media_left(completion)
        answer = Message("assistant", completion.text)
        self.conversation.messages += [question, answer]
        self.attached = []
        self.kept.save(self.conversation)

    def _greet(self) -> None:
        if not self.person:
            return
        asked = self.client.request("?", **self.conversation.settings)
        tell(f"{asked.provider}/{asked.model} · /help lists the commands, Ctrl-D leaves")
        for message in self.conversation.messages:
            said = " ".join([*(f"[{medium.media_type}]" for medium in message.media), message.text])
            click.echo(f"> {printable(said)}" if message.role == "user" else printable(said))

    # -------------------------------------------------------------------------------------- commands

    def _command(self, line: str) -> None:
        word, _, rest = line[1:].strip().partition(" ")
        command = TALK_COMMANDS.get(word)
        if command is None:
            raise RequestError(
                f"no command is called /{word}",
                hint="/help lists them; // at the start sends a line that begins with /.",
            )
        command[1](self, rest.strip())

    def help(self, _: str) -> None:
        for name, row in TALK_COMMANDS.items():
            tell(f"/{name:7} {row[0]}")

    def undo(self, _: str) -> None:
        if not self.conversation.messages:
            raise RequestError("there is nothing to undo")
        gone = self.conversation.messages[-2]
        del self.conversation.messages[-2:]
        self.kept.save(self.conversation)
        tell(f"taken back: {gone.text[:60]}")

    def model(self, name: str) -> None:
        changed: dict[str, Any] = {**self.conversation.settings, "model": name}
        if "/" in name:
            changed.pop("provider", None)
        asked = self.client.request("?", **(changed if name else self.conversation.settings))
        self._change(changed if name else self.conversation.settings)
        tell(f"{asked.provider}/{asked.model}")

    def system(self, text: str) -> None:
        changed = {name: value for name, value in self.conversation.settings.items() if name != "system"}
        self._change({**changed, "system": text} if text else changed)
        tell("system prompt set" if text else "no system prompt any more")

    def attach(self, source: str) -> None:
        if not source:
            raise RequestError("nothing to attach", hint="/attach PATH, or an https or data URL.")
        medium = Media.of(source)
        self.attached.append(medium)
        tell(f"{medium.media_type} goes with the next question")

    def save(self, name: str) -> None:
        if name:
            self.kept.rename(self.conversation, name)
        else:
            self.kept.save(self.conversation)
        tell(f"kept as {self.conversation.name}")

    def exit(self, _: str) -> None:
        raise Leave

    def _change(self, changed: dict[str, Any]) -> None:
        self.conversation.settings = changed
        if self.conversation.messages:
            self.kept.save(self.conversation)


TALK_COMMANDS: dict[str, tuple[str, Callable[[Talk, str], None]]] = {
    "help": ("this list", Talk.help),
    "undo": ("take the last question and its answer back", Talk.undo),
    "model": ("PROVIDER/MODEL: ask another from now on; alone: who is asked", Talk.model),
    "system": ("TEXT: the system prompt from now on; alone: none", Talk.system),
    "attach": ("SOURCE: send a file or URL with the next question", Talk.attach),
    "save": ("NAME: keep this conversation under a name of your own", Talk.save),
    "exit": ("leave (Ctrl-D does too)", Talk.exit),
}


# --------------------------------------------------------------------------------------------- input


def _read_line(prompt: str) -> str:
    """A line, or several joined by backslashes. EOFError at the end of the input."""
    lines = [_input(prompt)]
    while lines[-1].endswith("\\"):
        lines[-1] = lines[-1][:-1]
        lines.append(_input("… " if prompt else ""))
    return "\n".join(lines)


def _input(prompt: str) -> str:
    if prompt and is_terminal(sys.stdout):
        return input(prompt)  # with readline, where there is one
    if prompt:
        click.echo(prompt, nl=False, err=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")


@contextmanager
def _history(path: Path) -> Generator[None]:
    """The lines of earlier sittings under the arrow keys, where the terminal has readline."""
    try:
        import readline
    except ImportError:  # Windows
        yield
        return
    if not is_terminal(sys.stdin):
        yield
        return
    with suppress(OSError):
        readline.read_history_file(path)
    try:
        yield
    finally:
        readline.set_history_length(HISTORY_LINES)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(
                os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
            )  # for its owner only, before it holds anything
            readline.write_history_file(path)
