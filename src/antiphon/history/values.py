"""What the history gives: plain values, ready for a page or a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import RequestError

__all__ = ["DayTotal", "Item", "Medium", "ModelTotal", "Page", "Query", "Shown", "Totals"]

MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which recordings are asked for: those that every field lets through, the last recorded first.

    `search` is plain text: all its words, in any case and anywhere in messages and answer. `since` (from) and
    `before` (up to, without) are unix seconds. `cursor` is the `next` of the page before. `limit` is 1 to 500.
    RequestError names a field that makes no sense.
    """

    search: str = ""
    provider: str | None = None
    model: str | None = None
    pinned: bool | None = None
    since: float | None = None
    before: float | None = None
    cursor: str | None = None
    limit: int = 50

    def __post_init__(self) -> None:
        whole = isinstance(self.limit, int) and not isinstance(self.limit, bool)
        if not whole or not 1 <= self.limit <= MOST:
            raise RequestError(f"limit must be from 1 to {MOST}, not {self.limit!r}", field="limit")
        if self.cursor is not None and not (
            self.cursor.isascii() and self.cursor.isdigit() and len(self.cursor) < 19
        ):
            raise RequestError("cursor must be the `next` of another page", field="cursor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the history. `prompt` (what the user said last) and `text` are cut to their first 300 characters.

    `cost` is in US dollars, None where nobody knows it; `recorded_at` and `replayed_at` are unix seconds. `replayed`
    counts how often it was given again. `media` counts those of the question and the answer. `workflow` says whether the
    workflow that made it is kept. `problem` says what is wrong where the recording cannot be read or decoded; what
    cannot be known then is empty or None.
    """

    key: str
    provider: str
    model: str
    seed: int | None
    prompt: str
    text: str
    recorded_at: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    replayed: int = 0
    replayed_at: float | None = None
    pinned: bool = False
    workflow: bool = False
    media: int = 0
    finish_reason: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, the cursor of the page after them (None: there is none), and how many there are in all.

    `more` says that `total` is only as far as was counted: there are at least so many. While recordings are still being
    read into the index (`History.indexing`), what is not in it is not here.
    """

    items: tuple[Item, ...]
    next: str | None
    total: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture, sound or the like of a recording, without its bytes (`History.medium` gives them).

    `sha256` is empty where only a `url` was sent. `size` is in bytes, None where the bytes are not kept.
    """

    sha256: str
    media_type: str
    size: int | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All there is about one recording.

    `messages` are mappings with "role" and "parts": texts, and media as in the canonical request
    (docs/reference/key.md). `images` are the media of the answer, `media` those of the question. `usage` holds what
    the provider counted, by the names of `Usage`. `config` are the settings that were given. `sent` is the body that
    went out, None where it cannot be put together. `seed_status` is "sent", "unsupported" or "none". `problem` says
    what cannot be read or decoded.
    """

    item: Item
    messages: tuple[Mapping[str, Any], ...] = ()
    text: str = ""
    reasoning: str = ""
    images: tuple[Medium, ...] = ()
    media: tuple[Medium, ...] = ()
    finish_reason: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cost: float | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    base_url: str | None = None
    dialect: str | None = None
    notes: tuple[str, ...] = ()
    sent: str | None = None
    seed_status: str = "none"
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotal:
    """One day's recordings, and how often recordings were replayed on it. `day` is 2026-11-26.

    `cost` is in US dollars: the sum of what is known, None where no price is; `unpriced` counts those without one.
    Tokens that no provider counted are not in the sums.
    """

    day: str
    completions: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    unpriced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTotal:
    """The same of one model over all the days."""

    provider: str
    model: str
    completions: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals by day (the newest first, every day of the span) and by model (the most used first)."""

    days: tuple[DayTotal, ...]
    models: tuple[ModelTotal, ...]
