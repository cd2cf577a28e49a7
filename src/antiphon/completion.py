"""The answer: Completion, the Deltas it arrives in, and its Usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .call import Reply, Timings
from .request import FrozenDict, Media

__all__ = ["Completion", "Delta", "FinishReason", "SeedStatus", "Usage"]

FinishReason = Literal["stop", "length", "content_filter", "refusal", "tool_calls", "error", "other"]
SeedStatus = Literal["none", "sent", "unsupported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens, normalised across providers: cached ones are inside `input_tokens`, reasoning inside `output_tokens`.

    None means that the provider did not say. `details` counts what is priced apart inside these, where there is any:
    `output_image_tokens`, `input_audio_tokens`, `cache_audio_read_tokens`, `cache_write_1h_tokens` and the like. `tier`
    is the service tier or speed that was served, where the provider says it. `cost` is in US dollars, where the provider
    itself states it; see `antiphon.price` for all others.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    details: Mapping[str, int] = field(default_factory=FrozenDict)
    tier: str = ""
    cost: float | None = None

    @property
    def total_tokens(self) -> int | None:
        """Input and output together, or None where either is unknown."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed answer: more text, more reasoning, or one whole medium."""

    text: str = ""
    reasoning: str = ""
    media: Media | None = None

    def __bool__(self) -> bool:
        return bool(self.text or self.reasoning or self.media)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The answer and everything worth knowing about it.

    `reasoning` is kept apart from `text`. `seed_status` is "sent" when the seed went to the provider,
    "unsupported" when this provider takes none, "none" when no seed was given. `replayed` is true when the
    answer came from the store: then nothing was sent and nothing was paid; `recorded` that it is in there now. `notes`
    say what else a reader should know. `parsed` is the JSON value in the text, where JSON was asked for; after a
    refusal it is None. `raw` is the reply as it arrived. `model` is the provider's word for who answered,
    `requested_model` the name that was asked for; `base_url` is set only where the address was the user's own.
    `key` is what the answer is recorded under, `repair_key` the same of the round that repaired its JSON, if one did.
    """

    text: str
    parsed: Any = None
    reasoning: str = ""
    media: tuple[Media, ...] = ()
    finish_reason: FinishReason = "stop"
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    provider: str = ""
    requested_model: str = ""
    base_url: str | None = None
    fingerprint: str | None = None
    request_id: str | None = None
    timings: Timings = Timings()
    seed: int | None = None
    seed_status: SeedStatus = "none"
    replayed: bool = False
    recorded: bool = False
    notes: tuple[str, ...] = ()
    key: str | None = None
    repair_key: str | None = None
    raw: Reply | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.text
