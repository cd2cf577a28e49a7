"""What a node shows: its answers, sent to the page as they grow, and what is kept of them as the node's output.

A page with our script (it says so, see `host.listens`) gets the event ``antiphon.answer``: for each item of a list the
piece that is new, and where it belongs, at most ten times a second. Any other client gets ComfyUI's own progress
text, which is the whole text each time. What is shown never travels with a picture: it is no part of the prompt.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from ..completion import Completion, Delta
from . import host
from .host import Place

__all__ = ["Board", "Part", "at", "final", "growing", "kept"]

UPDATE = 0.1  # seconds between two updates of the text in a node
# What a node's output keeps of all its answers together, in characters: ComfyUI holds it in its history.
TEXT = 20_000
REASONING = 4_000
NOTES = 20  # notes of one answer


class Part:
    """One answer on a board. Its two texts only grow, until `end`."""

    def __init__(self, board: Board, item: int) -> None:
        self.board = board
        self.item = item
        self.texts = {"text": "", "reasoning": ""}
        self.last: dict[str, Any] = {}
        self._sent = {"text": 0, "reasoning": 0}  # characters
        self._offsets = {"text": 0, "reasoning": 0}  # the same, as JavaScript counts
        self._changed = False

    def add(self, delta: Delta) -> None:
        """The next piece of a stream; on Antiphon's loop."""
        self.texts["text"] += delta.text
        self.texts["reasoning"] += delta.reasoning
        self._changed = True
        self.show(self.texts["text"] or f"(thinking) {self.texts['reasoning']}")

    def show(self, line: str) -> None:
        """What a client without our script is shown for it."""
        self.board.lines[self.item] = line
        self.board.send_soon()

    def ended(self, last: Mapping[str, Any]) -> None:
        """Its whole text, or its error; sent with the next update."""
        self.last = dict(last)
        self._changed = True

    def end(self, last: Mapping[str, Any], line: str) -> None:
        """`ended`, sent at once."""
        self.ended(last)
        self.board.lines[self.item] = line
        self.board.send()

    def piece(self) -> dict[str, Any] | None:
        """What the page has not been told yet."""
        if not self._changed:
            return None
        self._changed = False
        if self.last:
            return {"item": self.item, **self.last}
        found: dict[str, Any] = {"item": self.item, "at": dict(self._offsets)}
        for name, text in self.texts.items():
            new = text[self._sent[name] :]
            found[name] = new
            self._sent[name] += len(new)
            self._offsets[name] += _units(new)
        return found

    def whole(self) -> dict[str, Any]:
        """All of it that the page has been told, for a page that missed something."""
        if self.last:
            return {"item": self.item, **self.last}
        told = {name: text[: self._sent[name]] for name, text in self.texts.items()}
        return {"item": self.item, "at": {"text": 0, "reasoning": 0}, "whole": True, **told}


def _units(text: str) -> int:
    """The length of a text as JavaScript counts it: what lies beyond 16 bits counts twice."""
    return len(text) + sum(1 for letter in text if letter > "\uffff")


class Board:
    """The answers of one node: all items of a list, or all questions of a Prompt List."""

    def __init__(self, where: Place) -> None:
        self.where = where
        self.parts: dict[int, Part] = {}
        self.lines: dict[int, str] = {}
        self._due: asyncio.TimerHandle | None = None
        self._lock = threading.Lock()

    def part(self, item: int) -> Part:
        """The answer with this number."""
        return self.parts.setdefault(item, Part(self, item))

    def send(self) -> None:
        """Tell the page what is new, from whatever thread."""
        self._due = None
        if not host.listens(self.where.client):
            host.show(self.where, "\n\n".join(text for _, text in sorted(self.lines.items())))
            return
        with self._lock:
            pieces = [piece for part in tuple(self.parts.values()) if (piece := part.piece()) is not None]
            if pieces:
                host.tell("antiphon.answer", self._event(pieces), self.where.client)

    def send_soon(self) -> None:
        """On Antiphon's loop: a sampler may block the node's."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(UPDATE, self.send)

    def event(self) -> dict[str, Any]:
        """Everything so far as one event."""
        with self._lock:
            return self._event([part.whole() for part in tuple(self.parts.values())])

    def _event(self, pieces: list[dict[str, Any]]) -> dict[str, Any]:
        return {"prompt_id": self.where.prompt, "node": self.where.node, "pieces": pieces}


_boards: WeakValueDictionary[Place, Board] = WeakValueDictionary()


def at(where: Place) -> Board:
    """The board of the node at this place, the same one for all items of a list while any of them is answered."""
    node = where._replace(item=0)
    board = _boards.get(node)
    if board is None:
        board = _boards[node] = Board(node)
    return board


def growing(client: str) -> list[dict[str, Any]]:
    """What the nodes that a client has queued show so far: for a page that was loaded anew, or missed a piece."""
    return [board.event() for board in tuple(_boards.values()) if board.where.client == client]


# ------------------------------------------------------------------------------------------- the end


def final(completion: Completion, cost: float | None) -> dict[str, Any]:
    """The whole of one answer, with the facts that stand below it."""
    usage, total, seed = completion.usage, completion.timings.total, completion.seed
    facts = {
        "provider": completion.provider,
        "model": completion.model or completion.requested_model,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost if cost is None else cost,
        "seconds": None if completion.replayed else round(total, 2),
        "seed": None if seed is None else str(seed),  # numbers of JavaScript lose digits
        "seed_status": completion.seed_status,
        "replayed": completion.replayed,
        "finish_reason": completion.finish_reason,
        "key": completion.key,
    }
    return {
        "done": True,
        "text": completion.text,
        "reasoning": completion.reasoning,
        "facts": {name: value for name, value in facts.items() if value is not None},
        "notes": list(completion.notes),
    }


def kept(answers: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The same, small enough to be a node's output. Each may have its share of what a node's output may hold."""
    found = list(answers)
    text, reasoning = TEXT // max(1, len(found)), REASONING // max(1, len(found))
    return tuple(_cut(number, answer, text, reasoning) for number, answer in enumerate(found))


def _cut(item: int, answer: Mapping[str, Any], text: int, reasoning: int) -> dict[str, Any]:
    short: dict[str, Any] = {"item": item, **answer}
    for name, most in (("text", text), ("reasoning", reasoning), ("error", text)):
        value = short.get(name)
        if isinstance(value, str) and len(value) > most:
            short[name], short["cut"] = value[:most], True
    if "notes" in short:
        short["notes"] = [note[:reasoning] for note in short["notes"][:NOTES]]
    return short
