"""Asking from inside a node: off ComfyUI's loop, shown as it comes, cancelled when the user interrupts.

    node ── answered ── job on Antiphon's loop ── the road
              │  ↑ every 50 ms: interrupted?
              └─ text in the node, at most ten times a second

When another node of the same prompt fails, ComfyUI abandons the nodes that still wait. Their requests are paid for,
so they run to their end and are recorded; queued again, the prompt finds them in the replay store.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from ..completion import Completion, Delta
from ..errors import AntiphonError, CredentialError, Refused, Rejected, ReplyError
from ..loop import Job, submit
from . import host, travel
from .host import Place
from .sockets import Messages

__all__ = ["NodeFailed", "answered", "begun", "explaining", "shown", "watched"]

log = logging.getLogger("antiphon")

T = TypeVar("T")

LOOK = 0.05  # seconds between two looks at the interrupt flag
UPDATE = 0.1  # seconds between two updates of the text in a node


class NodeFailed(Exception):
    """What a node raises: the provider, the status and what to do, in the words that ComfyUI shows."""


NodeFailed.__module__ = "antiphon"  # ComfyUI shows it, and ours begins with the path of the custom node


@contextmanager
def explaining() -> Generator[None]:
    """Turn our errors into what ComfyUI shows: NodeFailed, with the provider, the status and the hint in its text."""
    try:
        yield
    except AntiphonError as error:
        raise NodeFailed(explained(error)) from error


async def answered(messages: Messages, settings: dict[str, Any]) -> Completion:
    """The answer to `messages`, growing in the node while it arrives."""
    where, client = host.place(), host.client()
    board, trip = _board(where), travel.trip(where.prompt, where.node, client.store)
    asked = _asked(client, messages, trip.settings(settings), board)
    completion = await watched(trip.noting(asked))
    trip.put()
    board.end(shown(completion))
    return completion


def begun() -> str:
    """What a node that answers has for its `fingerprint_inputs`, which ComfyUI calls when a prompt starts.

    The same each time, so that nothing runs again; but where ComfyUI has the node's outputs in its cache, the words
    behind them travel with this prompt too.
    """
    where = host.place()
    try:
        travel.begun(where.prompt, where.node, lambda: host.client().store)
    except Exception as problem:  # noqa: BLE001 - ComfyUI would run the node each time
        log.warning("the words of a node do not travel: %s", problem)
    return ""


async def _asked(client: Any, messages: Messages, settings: dict[str, Any], board: _Part) -> Completion:
    """On Antiphon's loop: streamed where somebody watches, whole where nobody does or the server will not stream."""
    if board.where.client is None:
        return await client.achat(messages, **settings)
    stream = client.astream(messages, **settings)
    try:
        async for delta in stream:
            board.add(delta)
        return await stream.completion()
    except Rejected as error:
        if not _about_streaming(error):
            raise
        return await client.achat(messages, **settings)


def _about_streaming(error: Rejected) -> bool:
    """Whether what the server refuses is the stream: OpenAI lets only verified organisations stream some models."""
    with suppress(ValueError, KeyError, TypeError):  # whatever is no such document
        return json.loads(error.body)["error"]["param"] == "stream"
    return False


# ------------------------------------------------------------------------------------------- waiting

_jobs: set[_Watched] = set()
_listening: list[bool] = []


@dataclass(eq=False, slots=True)
class _Watched:
    """A job, and whether the user has interrupted it."""

    job: Job[Any]
    interrupted: bool = False

    def interrupt(self) -> None:
        self.interrupted = True
        self.job.cancel()


def _interrupt_all() -> None:
    for watched in tuple(_jobs):
        watched.interrupt()


async def watched(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, which runs on Antiphon's loop, from a node's. Interrupt cancels it on the wire.

    Raises what the work raises, or ComfyUI's own exception when the user interrupts. A task that is cancelled from
    outside leaves the work to run to its end.
    """
    if not _listening:
        _listening.append(True)
        host.on_interrupt(_interrupt_all)
    job = submit(work)
    watch = _Watched(job)
    _jobs.add(watch)
    job.on_done(lambda: _jobs.discard(watch))
    try:
        await _ended(watch)
    except asyncio.CancelledError:
        if host.interrupted():
            watch.interrupt()
        raise host.interruption() from None
    try:
        return job.result()
    except asyncio.CancelledError:  # the job's own; only an interrupt cancels it
        raise host.interruption() from None


async def _ended(watch: _Watched) -> None:
    """Wait until the job has ended, looking for an interrupt meanwhile."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the prompt's loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(ended.set)

    watch.job.on_done(wake)
    while not ended.is_set():
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(ended.wait(), LOOK)
        if not watch.interrupted and host.interrupted():
            watch.interrupt()


# -------------------------------------------------------------------------------------------- words


class _Board:
    """The text of one node: the answers of all items of a list, sent at most ten times a second."""

    def __init__(self, where: Place) -> None:
        self.where = where
        self.parts: dict[int, str] = {}
        self._due: asyncio.TimerHandle | None = None

    def put(self, index: int, text: str) -> None:
        self.parts[index] = text

    def send(self) -> None:
        self._due = None
        host.show(self.where, "\n\n".join(text for _, text in sorted(self.parts.items())))

    def send_soon(self) -> None:
        """On Antiphon's loop: a sampler may block the node's."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(UPDATE, self.send)


@dataclass(slots=True)
class _Part:
    """One answer on a board, and its reasoning, which stands above it while there is nothing else."""

    board: _Board
    where: Place
    text: str = ""
    reasoning: str = ""

    def add(self, delta: Delta) -> None:
        self.text += delta.text
        self.reasoning += delta.reasoning
        self.board.put(self.where.item, self.text or f"(thinking) {self.reasoning}")
        self.board.send_soon()

    def end(self, text: str) -> None:
        self.board.put(self.where.item, text)
        self.board.send()


_boards: WeakValueDictionary[Place, _Board] = WeakValueDictionary()


def _board(where: Place) -> _Part:
    node = where._replace(item=0)
    board = _boards.get(node)
    if board is None:
        board = _boards[node] = _Board(node)
    return _Part(board, where)


def shown(completion: Completion) -> str:
    """The answer, and one line for what it took, as the node shows them at the end."""
    usage = completion.usage
    facts: list[str] = []
    if usage.input_tokens is not None and usage.output_tokens is not None:
        facts.append(f"{usage.input_tokens} + {usage.output_tokens} tokens")
    if usage.cost is not None:
        facts.append(f"${usage.cost:.4f}")
    if completion.seed is not None:
        facts.append(f"seed {completion.seed}" + _SEEDS.get(completion.seed_status, ""))
    if completion.replayed:
        facts.append("replayed, nothing paid")
    if completion.finish_reason != "stop":
        facts.append(f"ended by: {completion.finish_reason}")
    lines = ["— " + " · ".join(facts)] if facts else []
    lines += [f"— {note}" for note in completion.notes]
    return "\n".join([completion.text.strip(), "", *lines])


_SEEDS = {"unsupported": " (not sent: held by the replay store)"}


def explained(error: AntiphonError) -> str:
    """What went wrong and what to do, without secrets."""
    who = ""
    if isinstance(error, ReplyError):
        who = f"{error.provider or 'the provider'} ({error.status}): "
    elif isinstance(error, Refused):
        who = f"{error.provider or 'the provider'} refused: "
    request = getattr(error, "request_id", None)
    lines = [
        who + error.message,
        error.hint,
        _KEYS.format(home=host.home()) if isinstance(error, CredentialError) else "",
        f"Request id: {request}" if request else "",
    ]
    return "\n".join(line for line in lines if line)


_KEYS = (
    "Or type the key into the API node once: it is moved into the key file, and the widget then holds only its name"
    " (credential:NAME). Variables have to be set before ComfyUI starts; its key file is in ANTIPHON_HOME={home}."
)
