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
import os
import shlex
import sys
from collections.abc import Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeVar

from ..batches import STOPPERS
from ..completion import Completion
from ..errors import AntiphonError, CredentialError, Refused, Rejected, ReplyError
from ..loop import Job, submit
from ..prices import dollars, known_price
from . import board, host, travel
from .board import Board, Part
from .sockets import Messages

__all__ = [
    "NodeFailed",
    "Outcome",
    "all_answered",
    "answered",
    "begun",
    "ended",
    "explained",
    "explaining",
    "info",
    "output",
    "shown",
    "watched",
]

log = logging.getLogger("antiphon")

T = TypeVar("T")

LOOK = 0.05  # seconds between two looks at the interrupt flag
THOUGHT = 2000  # characters of the reasoning that are shown beside the answer


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


async def answered(messages: Messages, settings: dict[str, Any], *, unload: bool = False) -> Completion:
    """The answer to `messages`, growing in the node while it arrives. `unload` as in LlmApi."""
    where, client = host.place(), host.client()
    part, trip = board.at(where).part(where.item), travel.trip(where.prompt, where.node, client.store)
    asked = _asked(client, messages, trip.settings(settings), part)
    try:
        completion = await watched(_resting(trip.noting(asked), unload))
    except AntiphonError as error:
        part.end(failed(error), f"(failed: {error.message})")
        raise
    trip.put()
    part.end(final(completion), shown(completion))
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


async def _resting(work: Coroutine[Any, Any, T], unload: bool) -> T:
    """`work`; whatever becomes of it, the embedded engine gives its memory back then, if it answers nothing else."""
    try:
        return await work
    finally:
        if unload:
            from ..local.engine import rest

            rest()


async def _asked(client: Any, messages: Messages, settings: dict[str, Any], part: Part) -> Completion:
    """On Antiphon's loop; its price is looked up there too, since the first one loads a list."""
    completion = await _streamed(client, messages, settings, part)
    await asyncio.to_thread(cost, completion)
    return completion


async def _streamed(client: Any, messages: Messages, settings: dict[str, Any], part: Part) -> Completion:
    """Streamed where somebody watches, whole where nobody does or the server will not stream."""
    if part.board.where.client is None:
        return await client.achat(messages, **settings)
    stream = client.astream(messages, **settings)
    try:
        async for delta in stream:
            part.add(delta)
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


# --------------------------------------------------------------------------------------- many at once


class Outcome(NamedTuple):
    """What became of one of many questions: an answer or an error."""

    completion: Completion | None
    error: AntiphonError | None


async def all_answered(
    questions: Sequence[tuple[Messages, dict[str, Any]]], concurrency: int, *, unload: bool = False
) -> list[Outcome]:
    """The answers to many questions in their order, so many at a time; the node shows those that are there.

    After an error that the next question would meet too (no key, no money), what has not begun is not asked.
    """
    where, client = host.place(), host.client()
    wall, trip = board.at(where), travel.trip(where.prompt, where.node, client.store)
    listed = _Many(client, wall, trip, len(questions), asyncio.Semaphore(concurrency))
    outcomes = await watched(_resting(listed.run(questions), unload))
    trip.put()
    wall.send()
    return outcomes


class _Many:
    """Questions side by side, on Antiphon's loop, with one node to show them in."""

    def __init__(
        self, client: Any, board: Board, trip: travel.Trip, number: int, room: asyncio.Semaphore
    ) -> None:
        self.client = client
        self.board = board
        self.trip = trip
        self.room = room
        self.lines = [""] * number
        self.done = 0
        self.stopper: AntiphonError | None = None

    async def run(self, questions: Sequence[tuple[Messages, dict[str, Any]]]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._one(n, *asked) for n, asked in enumerate(questions))))

    async def _one(self, number: int, messages: Messages, settings: dict[str, Any]) -> Outcome:
        async with self.room:
            outcome = await self._outcome(messages, settings)
        self.done += 1
        self.board.part(number).ended(ended(outcome))
        if outcome.completion is not None:
            self.lines[number] = outcome.completion.text.strip()
        elif outcome.error is not None:
            self.lines[number] = f"(failed: {outcome.error.message})"
        self.board.lines[0] = self.text
        self.board.send_soon()
        return outcome

    async def _outcome(self, messages: Messages, settings: dict[str, Any]) -> Outcome:
        if self.stopper is not None:
            return Outcome(None, self.stopper)
        try:
            asked = self.client.achat(messages, **self.trip.settings(settings))
            completion = await self.trip.noting(asked)
            await asyncio.to_thread(cost, completion)
            return Outcome(completion, None)
        except AntiphonError as error:
            if isinstance(error, STOPPERS):
                self.stopper = error
            return Outcome(None, error)

    @property
    def text(self) -> str:
        """All that is there, by number, and how many of how many that is."""
        there = [f"{number}. {line}" for number, line in enumerate(self.lines, 1) if line]
        return "\n".join([*there, "", f"— {self.done} of {len(self.lines)}"])


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
        with suppress(
            asyncio.TimeoutError
        ):  # a thousand items of a list must not look twenty times a second each
            await asyncio.wait_for(ended.wait(), LOOK * (1 + len(_jobs) // 16))
        if not watch.interrupted and host.interrupted():
            watch.interrupt()


# -------------------------------------------------------------------------------------------- words


def shown(completion: Completion) -> str:
    """The answer, the reasoning apart from it, and one line for what it took, as the node shows them at the end."""
    thought = completion.reasoning.strip()
    lines = (
        ["— thinking: " + (thought if len(thought) <= THOUGHT else thought[:THOUGHT] + " …")]
        if thought
        else []
    )
    facts = " · ".join(_facts(completion))
    lines += ["— " + facts] if facts else []
    lines += [f"— {note}" for note in completion.notes]
    return "\n".join([completion.text.strip(), "", *lines])


def _facts(completion: Completion) -> Iterator[str]:
    usage, usd = completion.usage, cost(completion)
    if usage.input_tokens is not None and usage.output_tokens is not None:
        yield f"{usage.input_tokens} + {usage.output_tokens} tokens"
    if usd is not None and (usd > 0 or usage.cost is not None):
        yield dollars(usd)
    if completion.seed is not None:
        yield f"seed {completion.seed}" + _SEEDS.get(completion.seed_status, "")
    if completion.replayed:
        yield "replayed, nothing paid"
    if completion.finish_reason != "stop":
        yield f"ended by: {completion.finish_reason}"


def final(completion: Completion) -> dict[str, Any]:
    """The answer and its facts, for the page."""
    return board.final(completion, cost(completion))


def failed(error: AntiphonError) -> dict[str, Any]:
    """What went wrong, for the page."""
    return {"done": True, "error": explained(error)}


def ended(outcome: Outcome) -> dict[str, Any]:
    """Either of the two."""
    if outcome.completion is not None:
        return final(outcome.completion)
    return failed(outcome.error) if outcome.error is not None else {"done": True}


def output(*completions: Completion) -> dict[str, Any]:
    """The node's own output, which ComfyUI keeps in its history: for scripts as text, for our script whole."""
    return {
        "text": tuple(shown(completion) for completion in completions),
        "antiphon": board.kept(final(completion) for completion in completions),
    }


_SEEDS = {"unsupported": " (not sent: held by the replay store)"}


def cost(completion: Completion) -> float | None:
    """What the answer costs to make in US dollars, where that is known here."""
    found = known_price(completion)
    return None if found is None else found.usd


def info(completion: Completion) -> dict[str, Any]:
    """What there is to know about an answer besides its text, for a node to put out as JSON."""
    usage = asdict(completion.usage)
    stated = usage.pop("cost", None)
    known = cost(completion)
    return {
        "provider": completion.provider,
        "model": completion.model or completion.requested_model,
        "finish_reason": completion.finish_reason,
        "usage": {name: value for name, value in usage.items() if value not in (None, "", {})},
        "cost_usd": stated if known is None else known,
        "seed": completion.seed,
        "seed_status": completion.seed_status,
        "replayed": completion.replayed,
        "recorded": completion.recorded,
        "notes": list(completion.notes),
        "key": completion.key,
    }


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
        error.hint.replace("pip install", f"{_python()} -m pip install"),
        _KEYS.format(home=host.home()) if isinstance(error, CredentialError) else "",
        _MODELS.format(home=host.home()) if "antiphon models pull" in error.hint else "",
        f"Request id: {request}" if request else "",
    ]
    return "\n".join(line for line in lines if line)


def _python() -> str:
    """This ComfyUI's Python, as a shell takes it: a `pip` by itself is often another one's."""
    return shlex.quote(sys.executable) if os.name == "posix" else f'"{sys.executable}"'


_KEYS = (
    "Or type the key into the API node once: it is moved into the key file, and the widget then holds only its name"
    " (credential:NAME). Variables have to be set before ComfyUI starts; its key file is in ANTIPHON_HOME={home}."
)
_MODELS = "Run it with ANTIPHON_HOME={home} in its environment: that is where this ComfyUI keeps its models."
