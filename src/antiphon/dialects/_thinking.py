"""Reasoning that a model writes into its answer, between tags: found at the start of the text and put apart.

Servers that know a model's template do this themselves; those that do not, or were told not to
(``reasoning_format: none``), let the tags through. Text that merely mentions a tag further on is left alone.

Sources: vLLM's reasoning parsers, SGLang's table of them, the templates that llama.cpp knows, and Open WebUI's
list, all read in November 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..completion import Delta

__all__ = ["ORPHAN", "TAGS", "Sieve", "Tag", "split"]


@dataclass(frozen=True, slots=True)
class Tag:
    """How one family of models marks its reasoning.

    `then` is a mark between reasoning and answer that is dropped too. `prompted` says that templates write the
    opening tag into the prompt, so that an answer may hold the closing one alone.
    """

    opened: str
    closed: str
    then: str = ""
    prompted: bool = False


TAGS: tuple[Tag, ...] = (
    # DeepSeek, Qwen, QwQ, GLM, SmolLM3, MiniMax M2, Nemotron, Olmo 3, EXAONE 4, Granite 4, Hunyuan, Kimi K2…
    Tag("<think>", "</think>", prompted=True),
    Tag("<thinking>", "</thinking>"),
    Tag("<thought>", "</thought>"),  # EXAONE Deep
    Tag("[THINK]", "[/THINK]", prompted=True),  # Magistral, Ministral 3
    Tag("<seed:think>", "</seed:think>", prompted=True),  # Seed-OSS
    Tag("<mm:think>", "</mm:think>", prompted=True),  # MiniMax M3
    Tag("◁think▷", "◁/think▷", prompted=True),  # Kimi-VL
    Tag("<|open|>think<|sep|>", "<|close|>think<|sep|>", prompted=True),  # Kimi K3
    Tag("<|START_THINKING|>", "<|END_THINKING|>", prompted=True),  # Command A Reasoning
    Tag("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker, Sky-T1
    Tag("<|channel>thought", "<channel|>"),  # Gemma 4
    Tag(
        "<|channel|>analysis<|message|>",  # gpt-oss
        "<|end|>",
        then="<|start|>assistant<|channel|>final<|message|>",
    ),
)

_OPENED = tuple(tag.opened for tag in TAGS)
_PROMPTED = tuple(tag for tag in TAGS if tag.prompted)

ORPHAN = "the text held a closing reasoning tag without an opening one: what stood before it was taken for reasoning"
"""What a completion says where it was cut at a closing tag alone."""

# How much white space may stand before a tag, and how much is dropped at the end of the reasoning, in characters:
# bounds, so that a stream holds back no more than this.
_BEFORE = 256
_BEHIND = 8


def split(text: str) -> tuple[str, str, bool]:
    """The reasoning and the answer in `text`, and whether it was cut at a closing tag alone.

    An opening tag that is never closed makes all of it reasoning.
    """
    start = _start(text)
    tag = _opening(start)
    if tag is None:
        return _orphaned(text)
    thought, _, rest = start[len(tag.opened) :].partition(tag.closed)
    rest = rest.lstrip()
    if tag.then and rest.startswith(tag.then):
        rest = rest[len(tag.then) :].lstrip()
    return _trimmed(thought.lstrip()), rest, False


def _start(text: str) -> str:
    """`text` from where a tag may stand; itself where too much white space stands before."""
    start = text.lstrip()
    return start if len(text) - len(start) <= _BEFORE else text


def _opening(start: str) -> Tag | None:
    if not start.startswith(_OPENED):  # as most texts
        return None
    return next((tag for tag in TAGS if start.startswith(tag.opened)), None)


def _trimmed(text: str) -> str:
    behind = len(text) - len(text.rstrip())
    return text[: len(text) - min(behind, _BEHIND)]


def _orphaned(text: str) -> tuple[str, str, bool]:
    """`text` cut at a closing tag whose opening one stood in the prompt.

    Not in JSON or markup, not where the tag is quoted, and not behind an opening tag: there it is mentioned.
    """
    for tag in _PROMPTED:
        at = text.find(tag.closed)
        if at < 0:  # as in most texts
            continue
        thought = text[:at].lstrip()
        if thought[:1] in _STRUCTURES or thought[-1:] in _QUOTES or tag.opened in thought:
            continue
        return _trimmed(thought), text[at + len(tag.closed) :].lstrip(), True
    return "", text, False


_QUOTES = frozenset("`\"'“«")
_STRUCTURES = frozenset("{[<")


class Sieve:
    """Text that arrives in pieces, parted like `split` parts the whole of it, as soon as that can be said.

    `done` is true once all that follows is answer: then nothing has to go through here any more.
    """

    __slots__ = ("_begun", "_held", "_tag", "_then", "done")

    def __init__(self) -> None:
        self._held: str = ""  # what cannot be told yet
        self._tag: Tag | None = None  # whose reasoning this is
        self._begun = False  # some of the reasoning was handed out
        self._then: str | None = None  # set behind the closing tag: the mark that may follow
        self.done = False

    def add(self, piece: str) -> Delta:
        """What may be shown now, as text and as reasoning; it may be nothing."""
        if self.done:
            return Delta(piece)
        self._held += piece
        if self._tag is None and not self._opened():
            return Delta(self._decided())
        thought = self._thought() if self._then is None else ""
        return Delta(self._answer() if self._then is not None else "", thought)

    def sifted(self, piece: str) -> Sequence[Delta]:
        """`add` for what comes alone: one delta or none."""
        found = self.add(piece)
        return (found,) if found else ()

    def close(self) -> Sequence[Delta]:
        """What was held back, once nothing more comes or the server parts them itself."""
        held, self._held, self.done = self._held, "", True
        thinking = self._tag is not None and self._then is None
        found = Delta(reasoning=held if held.strip() else "") if thinking else Delta(held)
        return (found,) if found else ()

    def _opened(self) -> bool:
        """Whether the held text starts with a tag; the tag is taken off."""
        start = _start(self._held)
        self._tag = _opening(start)
        if self._tag is not None:
            self._held = start[len(self._tag.opened) :]
        return self._tag is not None

    def _decided(self) -> str:
        """The held text, unless it may still become a tag."""
        start = _start(self._held)
        if any(tag.opened.startswith(start) for tag in TAGS):
            return ""
        self.done = True
        held, self._held = self._held, ""
        return held

    def _thought(self) -> str:
        assert self._tag is not None
        held, end = self._held, self._tag.closed
        if not self._begun:
            held = held.lstrip()
        elif end[0] not in held and not held[-1:].isspace():  # nearly all pieces are these
            self._held = ""
            return held
        thought, closed, rest = held.partition(end)
        if closed:
            self._held, self._then = rest, self._tag.then
            return _trimmed(thought)
        kept = next(length for length in range(len(end), -1, -1) if held.endswith(end[:length]))
        thought = _trimmed(held[: len(held) - kept])
        self._held = held[len(thought) :]
        self._begun = self._begun or bool(thought)
        return thought

    def _answer(self) -> str:
        held = self._held.lstrip()
        if self._then and held.startswith(self._then):
            held, self._then = held[len(self._then) :].lstrip(), ""
        if not held or (self._then and self._then.startswith(held)):
            self._held = held
            return ""
        self.done, self._held = True, ""
        return held
