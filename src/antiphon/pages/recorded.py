"""The history: what was recorded, in pages, whole, in sums, and what may be done with it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from aiohttp import web

from ..history import Item, Medium, Query, Shown
from .messages import Missing, Params, download, reply, seed_text
from .site import Asked

__all__ = ["deleted", "entry", "exported", "medium", "page", "pinned", "totals", "workflow"]

T = TypeVar("T")

MOST_KEYS = 5000  # deleted or exported at a time
LATEST = 4e9  # seconds since 1970 that a day may be asked for: the year 2096
PAGE = 50
# What a browser shows and does not run. SVG is a program, and whatever else there is comes as a file.
SHOWN = frozenset(
    (
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"),
        *("audio/mpeg", "audio/wav", "audio/x-wav", "audio/flac", "audio/ogg", "audio/mp4", "audio/aac"),
        *("video/mp4", "video/webm"),
    )
)


async def _of(asked: Asked, work: Callable[[], T | None]) -> T:
    """What `work` finds, off the event loop. Missing where it finds nothing."""
    found = await asyncio.to_thread(work)
    if found is None or found is False:
        raise Missing(f"there is no such thing in the recording {asked.words[0][:80]}, or no such recording")
    return found


async def page(asked: Asked) -> web.Response:
    """One page of the history, the newest first."""
    return reply(await asyncio.to_thread(_page, asked))


def _page(asked: Asked) -> dict[str, Any]:
    history = asked.site.history
    found = history.page(_query(asked.params))
    done, total = history.indexing()
    return {
        "items": [_line(item) for item in found.items],
        "next": found.next,
        "total": found.total,
        "more": found.more,
        "indexing": {"done": done, "total": total},
    }


def _line(item: Item) -> dict[str, Any]:
    return {**asdict(item), "seed": seed_text(item.seed)}


def _query(params: Params) -> Query:
    limit = params.number("limit", 1, 500)
    return Query(
        search=params.text("search", ""),
        provider=params.text("provider", "") or None,
        model=params.text("model", "") or None,
        pinned=params.flag("pinned") or None,
        since=params.number("since", 0, LATEST),
        before=params.number("before", 0, LATEST),
        cursor=params.text("cursor", "") or None,
        limit=PAGE if limit is None else int(limit),
    )


async def entry(asked: Asked) -> web.Response:
    """Everything about one recording."""
    history, key = asked.site.history, asked.words[0]
    return reply(whole(await _of(asked, lambda: history.entry(key))))


def whole(shown: Shown) -> dict[str, Any]:
    """A recording as the page shows it: an item of the list, with whole texts in place of their beginnings."""
    item: Item = shown.item
    return {
        **_line(item),
        "messages": [_message(message) for message in shown.messages],
        "text": shown.text,
        "reasoning": shown.reasoning,
        "images": [_medium(one) for one in shown.images],
        "media": [_medium(one) for one in shown.media],
        "finish_reason": shown.finish_reason,
        "usage": dict(shown.usage),
        "cost": shown.cost,
        "config": dict(shown.config),
        "base_url": shown.base_url,
        "dialect": shown.dialect,
        "notes": list(shown.notes),
        "sent": shown.sent,
        "seed_status": shown.seed_status,
        "problem": shown.problem or item.problem or None,
    }


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Who speaks and what: texts, and media by their hashes or addresses."""
    parts = [part if isinstance(part, str) else dict(part) for part in message.get("parts", ())]
    return {"role": message.get("role", ""), "content": parts}


def _medium(medium: Medium) -> dict[str, Any]:
    return {**asdict(medium), "kind": medium.media_type.partition("/")[0]}


async def medium(asked: Asked) -> web.Response:
    """The bytes of a medium: shown where it is a picture, sound or film, else as a file to keep."""
    history, (key, sha256) = asked.site.history, asked.words
    found = await _of(asked, lambda: history.medium(key, sha256))
    if found.data is None:
        raise Missing("only the address of this medium is known")
    harmless = found.media_type in SHOWN
    name = f"{sha256[:12]}.{found.media_type.partition('/')[2] if harmless else 'bin'}"
    kind = found.media_type if harmless else "application/octet-stream"
    return download(found.data, name, kind, inline=harmless)


async def workflow(asked: Asked) -> web.Response:
    """The workflow that made a recording."""
    history, key = asked.site.history, asked.words[0]
    return reply(await _of(asked, lambda: history.workflow(key)))


async def pinned(asked: Asked) -> web.Response:
    """Pin a recording, or unpin it."""
    history, key, wanted = asked.site.history, asked.words[0], asked.params.flag("pinned")
    await _of(asked, lambda: history.pin(key, wanted))
    return reply({"pinned": wanted})


async def deleted(asked: Asked) -> web.Response:
    """Remove recordings; how many there were."""
    history, keys = asked.site.history, asked.params.texts("keys", MOST_KEYS)
    return reply({"deleted": await asyncio.to_thread(history.delete, keys)})


async def exported(asked: Asked) -> web.Response:
    """Recordings as one portable file."""
    history, keys = asked.site.history, asked.params.texts("keys", MOST_KEYS)
    file = io.BytesIO()
    count = await asyncio.to_thread(history.export, file, keys)
    return download(file.getvalue(), f"recordings-{count}.antiphon", "application/octet-stream")


async def totals(asked: Asked) -> web.Response:
    """Sums by day and by model."""
    days = asked.params.number("days", 1, 3660)
    found = await asyncio.to_thread(asked.site.history.totals, 30 if days is None else int(days))
    return reply(
        {"days": [asdict(day) for day in found.days], "models": [asdict(one) for one in found.models]}
    )
