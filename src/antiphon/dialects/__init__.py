"""How to ask: one module for each wire protocol, pure functions from values to values.

A dialect module offers what the `Dialect` protocol below lists. It knows no network, clock, environment or
credentials. What differs between providers that speak the same dialect is data: `Quirks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ..call import Reply, StreamFormat
from ..completion import Completion, Delta
from ..errors import ReplyError
from ..events import Event
from ..request import Media, Request

__all__ = ["Body", "Dialect", "Fold", "Mark", "MediaLimits", "Model", "Quirks", "Refusal", "Turns"]

Body = dict[str, Any]
Mark = Callable[[Body, Request, Sequence[int]], None]
"""Marks a body in place, so that the provider keeps what it made of the first so many messages: see Quirks.cache."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Settings that a family of models does not take.

    `models` is a regular expression matched from the start of the model's name; `settings` names settings, or
    one value of a setting (``reasoning=off``; ``reasoning=budget`` is any number of tokens,
    ``response_format=schema`` any JSON Schema, ``modalities=image`` images in the answer), or a kind of media
    (``image``), or a way to lay out a conversation
    (``prefill``, ``late_system``…: see `Turns`); with `together`
    they are refused only if all of them are given; `unless_reasoning_off` lifts the refusal when the request
    says reasoning="off"; `source` is where the fact comes from; `takers` names the models that do take them.
    """

    models: str
    settings: frozenset[str]
    source: str
    unless_reasoning_off: bool = False
    takers: str = ""
    together: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How one provider wants a conversation to be laid out.

    `refuses` names what it does not take, as a Refusal does for a family of models: ``prefill`` is a last message
    of the assistant's that the model would have to go on with, ``prefill_space`` one that ends in white space,
    ``late_system`` a system message after the first turn, ``system_after_assistant`` one right behind the
    assistant's, ``first_assistant`` a conversation that begins with the assistant. `alternating` and `systemless`
    are regular expressions for models (matched from the start of the name in small letters; empty for none): of
    the first, whose templates want user and assistant in turn, turns of one role in a row are joined; for the
    second, which know no system role, system messages are joined to what the user says next. `continued` is merged
    into a body that ends with a prefill.
    """

    refuses: frozenset[str] = frozenset()
    alternating: str = ""
    systemless: str = ""
    continued: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """How much of media one provider takes. What no source tells has no limit here.

    `types` lists the media types taken of a kind ("image"); an image of another type is re-encoded. `data` is the
    most bytes of one medium, `base64` the most characters of its base64, both by kind or by media type, which goes
    first; None lifts the limit of the kind. `edge` is the most pixels on an edge of an image, `pixels` the most in
    all, `crowd` an edge that holds with more images than so many: (images, edge). `count` is the most media of a
    kind in one request, `request` the most bytes of a whole body that carries media. `animated` says whether
    animated images are taken. `source` is where the figures come from, and when they were read.
    """

    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, "tuple[str, ...]"])
    data: Mapping[str, int | None] = field(default_factory=dict[str, "int | None"])
    base64: Mapping[str, int | None] = field(default_factory=dict[str, "int | None"])
    edge: int | None = None
    pixels: int | None = None
    crowd: tuple[int, int] | None = None
    count: Mapping[str, int] = field(default_factory=dict[str, int])
    request: int | None = None
    animated: bool = True
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """What one provider takes, and under which names. Data, so that no shared code asks who it is talking to.

    `fields` maps a setting of Config (or "seed") to the wire fields that carry it (dots lead into objects:
    ``options.seed``); a setting that is missing here is refused before sending. `reasoning` maps a level to the body
    fields that ask for it, and `reasoning_budget` names the field that takes a number of tokens. `limits` narrows a
    setting's range as (lowest, highest). `always` is merged into every body, `streamed` into those that ask for a
    stream, `seeded` into those that carry a seed, `prefilled` into a last message that is the assistant's. `stops` is
    the most stop texts accepted. `parts` gives kinds of media another shape than the dialect's own (openai_chat: see
    its PARTS). `stream_usage` says whether the usage of a stream has to be asked for. `media` lists the kinds of
    media taken (or single media types, ``audio/wav``), `media_urls` whether as https URLs too, `media_limits` how
    much of them. `default_max_tokens` is sent where the protocol demands a number and the request has none. `turns`
    says how conversations are laid out; `noted` what to tell where `extra` holds a field that is true. `cache` marks
    a prefix of the prompt to be kept by the provider, for the models that `cached_models` matches from the start of
    their names (empty for all); `cache_field` is the field of `extra` by which a request says that it marks its
    prompt itself, or not at all.
    """

    fields: Mapping[str, tuple[str, ...]]
    reasoning: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    reasoning_budget: str | None = None
    refusals: tuple[Refusal, ...] = ()
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    always: Mapping[str, Any] = field(default_factory=dict[str, Any])
    streamed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seeded: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prefilled: Mapping[str, Any] = field(default_factory=dict[str, Any])
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    stream_usage: bool = True
    stops: int = 16
    media: frozenset[str] = frozenset({"image"})
    media_urls: bool = True
    media_limits: MediaLimits = MediaLimits()
    default_max_tokens: int = 4096
    system_role: Literal["system", "developer"] = "system"
    turns: Turns = Turns()
    noted: Mapping[str, str] = field(default_factory=dict[str, str])
    cache: Mark | None = None
    cached_models: str = ""
    cache_field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model, as its provider lists it or as the table of facts knows it. What is not known is None.

    `context` and `max_output` in tokens, `created` in seconds since 1970. `inputs` and `outputs` are kinds of
    content ("text", "image", …); `takes` the settings it takes, by their names in Config (and "seed").
    `refuses` holds what is known not to be taken where no whole list is, in the words of Refusal.settings
    (``reasoning=off``, ``document``). `retires` is the day after which it is gone, as 2026-12-11, and
    `replaced_by` the maker's word for what to use then. `stands_for` is the listed model that answers under this
    name (an inference profile's). `details` is the provider's own row.
    """

    name: str
    title: str = ""
    context: int | None = None
    max_output: int | None = None
    created: float | None = None
    inputs: frozenset[str] | None = None
    outputs: frozenset[str] | None = None
    takes: frozenset[str] | None = None
    refuses: frozenset[str] = frozenset()
    retires: str | None = None
    replaced_by: str | None = None
    stands_for: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Fold(Protocol):
    """A stream being read: feed it the events in order, then ask for the completion."""

    def feed(self, event: Event) -> Sequence[Delta]:
        """The deltas in this event. Raises ReplyError when the event is an error report."""
        ...

    def completion(self, reply: Reply) -> Completion:
        """The whole answer. TransportError (phase "cut-off") when the end marker never came."""
        ...


class Dialect(Protocol):
    """What a dialect module offers."""

    name: str
    stream: StreamFormat

    def path(self, request: Request, *, stream: bool) -> str:
        """Where to send it, relative to the base URL."""
        ...

    def encode(self, request: Request, quirks: Quirks, *, stream: bool) -> Body:
        """The JSON body. RequestError for a setting that this dialect or provider does not take."""
        ...

    def notes(self, request: Request, quirks: Quirks) -> tuple[str, ...]:
        """What the user should know about this encoding, such as a required limit that was filled in."""
        ...

    def fetches(self, medium: Media, quirks: Quirks) -> bool:
        """Whether the provider fetches this medium, known by its URL, itself."""
        ...

    def decode(self, reply: Reply) -> Completion:
        """The completion in a whole (unstreamed) reply. Unreadable, Refused or another ReplyError if none."""
        ...

    def fold(self) -> Fold:
        """A fresh reader for a streamed reply."""
        ...

    def error(self, reply: Reply) -> ReplyError:
        """The typed error for a reply with an error status. Raises Refused where a filter blocked the prompt."""
        ...

    def models(self, reply: Reply) -> list[Model]:
        """The rows of a model listing, or of one page of it."""
        ...

    def next_page(self, reply: Reply) -> Mapping[str, str]:
        """What to add to the address for the page after this one; nothing if it is the last."""
        ...
