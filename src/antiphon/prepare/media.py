"""Media as they go out: fetched where the provider does not fetch them, and made to fit where a limit demands it.

What fits goes out byte for byte. Images are made smaller or another type; sounds, videos and documents are not,
and are refused where they are too large. The limits are data: `MediaLimits` in the provider's quirks. None of this
is done for a replay, and the key stays that of what was asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ..dialects import MediaLimits, Quirks
from ..dialects._common import dumps
from ..errors import RequestError
from ..providers import Way
from ..request import Delivery, Media, Message, Request, kind_of
from . import headers
from .pictures import Picture, Room, redrawn

__all__ = ["Fetches", "fitted", "ready"]

OVERHEAD = 1 << 16  # bytes of a body besides texts and media: settings, names, punctuation
LEAST_SHARE = 1 << 12  # bytes of base64 below which no image is worth sending


class Fetches(Protocol):
    """What gets media from the network: `antiphon.fetch.Fetcher`."""

    async def media(self, medium: Media, *, timeout: float | None = None) -> Media:
        """`medium`, known by its URL, with its bytes."""
        ...


async def ready(
    request: Request, way: Way, delivery: Delivery, fetcher: Fetches
) -> tuple[Request, tuple[str, ...]]:
    """`request` with its media as they go out, and notes on what was changed.

    RequestError or TransportError for what cannot be fetched, RequestError for what cannot be made to fit.
    """
    if not request.media:
        return request, ()
    if delivery.fetch_media:
        request = await _fetched(request, way, delivery, fetcher)
    if all(medium.data is None for medium in request.media) or way.quirks.media_limits == MediaLimits():
        return request, ()
    return await asyncio.to_thread(fitted, request, way.quirks)


# --------------------------------------------------------------------------------------------- fetch


async def _fetched(request: Request, way: Way, delivery: Delivery, fetcher: Fetches) -> Request:
    """`request` with the bytes of those media that its provider takes, but would not fetch itself."""
    found: dict[Media, Media] = {}
    for medium in request.media:
        if medium.url is not None and medium not in found and _is_ours_to_fetch(medium, way):
            found[medium] = await fetcher.media(medium, timeout=delivery.timeout.total)
    return _with(request, lambda medium: found.get(medium, medium)) if found else request


def _is_ours_to_fetch(medium: Media, way: Way) -> bool:
    quirks = way.quirks
    taken = medium.kind in quirks.media or any(
        kind_of(name) == medium.kind for name in quirks.media if "/" in name
    )
    return taken and not way.dialect.fetches(medium, quirks)


def _with(request: Request, change: Callable[[Media], Media]) -> Request:
    """`request` with each of its media changed."""
    messages = tuple(
        Message(message.role, *(change(part) if isinstance(part, Media) else part for part in message.parts))
        if message.media
        else message
        for message in request.messages
    )
    return replace(request, messages=messages)


# ----------------------------------------------------------------------------------------------- fit


@dataclass(frozen=True, slots=True)
class _Asked:
    """One medium of a request, and what it is called in notes and errors."""

    medium: Media
    label: str

    def named(self, pixels: tuple[int, int] | None = None) -> str:
        data = self.medium.data or b""
        about = [self.medium.name or self.medium.media_type, told(len(data))]
        if pixels:
            about.append(f"{pixels[0]}×{pixels[1]}")
        return f"{self.label} ({', '.join(about)})"


def fitted(request: Request, quirks: Quirks) -> tuple[Request, tuple[str, ...]]:
    """`request` with its media within the limits of `quirks`, and notes on what was changed.

    RequestError names the medium and the limit where it cannot be made to fit. Blocks while images are encoded.
    """
    limits, who = quirks.media_limits, request.provider
    media = _labelled(request.media)
    _check_counts(media, limits, who)
    images = sum(asked.medium.kind == "image" for asked in media)
    made = [_fit(asked, _limited(asked.medium, limits, images), who) for asked in media]
    share = _share(request, [medium for medium, _ in made], limits, who)
    if share is not None:
        made = [
            (medium, note)
            if medium.kind != "image" or medium.data is None or _in_base64(medium) <= share
            else _fit(asked, _limited(asked.medium, limits, images, share), who)
            for asked, (medium, note) in zip(media, made, strict=True)
        ]
    if all(medium is asked.medium for asked, (medium, _) in zip(media, made, strict=True)):
        return request, ()
    fresh = iter(medium for medium, _ in made)
    return _with(request, lambda _: next(fresh)), tuple(note for _, note in made if note)


def _labelled(media: Iterable[Media]) -> list[_Asked]:
    seen: Counter[str] = Counter()
    found: list[_Asked] = []
    for medium in media:
        seen[medium.kind] += 1
        found.append(_Asked(medium, f"{medium.kind} {seen[medium.kind]}"))
    return found


def _check_counts(media: Sequence[_Asked], limits: MediaLimits, who: str) -> None:
    for kind, most in limits.count.items():
        given = sum(asked.medium.kind == kind for asked in media)
        if given > most:
            raise RequestError(
                f"{who} takes at most {most} {kind}s in one request, not {given}",
                field="messages",
                hint="Ask in several requests.",
            )


@dataclass(frozen=True, slots=True)
class _Limit:
    """The room that one medium has, and each limit in words with whether the medium breaks it."""

    room: Room
    broken: tuple[str, ...]


def _limited(medium: Media, limits: MediaLimits, images: int, share: int | None = None) -> _Limit:
    """What `medium` has to fit into, among so many `images`, and with `share` characters of base64 at the most."""
    data = medium.data or b""
    most, sizes = _bytes(medium, limits, share)
    if medium.kind != "image":
        return _Limit(Room(size=most), _over(len(data), sizes))
    edge, edge_words = _edge(limits, images)
    types = limits.types.get("image", ())
    pixels = headers.size(data)
    broken = list(_over(len(data), sizes))
    if types and medium.media_type not in types:
        broken.append(f"no {medium.media_type}")
    if pixels and edge is not None and max(pixels) > edge:
        broken.append(edge_words)
    if pixels and limits.pixels is not None and pixels[0] * pixels[1] > limits.pixels:
        broken.append(f"at most {limits.pixels / 1e6:.0f} million pixels")
    if not limits.animated and headers.moves(data):
        broken.append("no animated images")
    return _Limit(Room(types, most, edge, limits.pixels), tuple(broken))


def _bytes(medium: Media, limits: MediaLimits, share: int | None) -> tuple[int | None, list[tuple[int, str]]]:
    """The most bytes for `medium`, and each limit that they come from, in bytes and in words."""
    sizes: list[tuple[int, str]] = []
    if (most := _of(medium, limits.data)) is not None:
        sizes.append((most, f"at most {told(most)}"))
    if (most := _of(medium, limits.base64)) is not None:
        sizes.append((most // 4 * 3, f"at most {told(most)} of base64"))
    if share is not None:
        sizes.append((share // 4 * 3, f"at most {told(limits.request or 0)} in one request"))
    return min((size for size, _ in sizes), default=None), sizes


def _of(medium: Media, table: Mapping[str, int | None]) -> int | None:
    return table[medium.media_type] if medium.media_type in table else table.get(medium.kind)


def _over(size: int, sizes: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(words for most, words in sizes if size > most)


def _edge(limits: MediaLimits, images: int) -> tuple[int | None, str]:
    if limits.crowd is not None and images > limits.crowd[0]:
        many, edge = limits.crowd
        return edge, f"at most {edge} pixels on an edge with more than {many} images"
    return limits.edge, f"at most {limits.edge} pixels on an edge"


def _fit(asked: _Asked, limit: _Limit, who: str) -> tuple[Media, str]:
    """The medium as it goes out, and the note on it where it had to be changed."""
    medium = asked.medium
    if medium.data is None or not limit.broken:
        return medium, ""
    why = f"{who} takes {', '.join(limit.broken)}"
    if medium.kind != "image":
        raise RequestError(
            f"{asked.named()} is too large: {why}", field="messages", hint="Cut it into smaller ones first."
        )
    picture = redrawn(medium.data, limit.room, asked.named(headers.size(medium.data)), why)
    name = medium.name and f"{medium.name.rpartition('.')[0] or medium.name}.{_ending(picture)}"
    return replace(medium, media_type=picture.media_type, data=picture.data, name=name), _note(
        asked, picture, why
    )


def _ending(picture: Picture) -> str:
    return picture.media_type.partition("/")[2].replace("jpeg", "jpg")


def _note(asked: _Asked, picture: Picture, why: str) -> str:
    what = picture.media_type.partition("/")[2].upper().replace("WEBP", "WebP")
    lost = "".join(f", {loss}" for loss in picture.lost)
    return (
        f"{asked.named(picture.before)} was sent as {picture.width}×{picture.height} {what}"
        f" of {told(len(picture.data))}{lost}: {why}"
    )


# ------------------------------------------------------------------------------------ the whole body


def _share(request: Request, media: Sequence[Media], limits: MediaLimits, who: str) -> int | None:
    """The most characters of base64 for one image, so that the body fits; None where it does."""
    if limits.request is None or all(medium.data is None for medium in media):
        return None
    texts = sum(len(dumps(part)) for m in request.messages for part in m.parts if isinstance(part, str))
    sizes = {"image": list[int](), "other": list[int]()}
    for medium in media:
        if medium.data is not None:
            sizes["image" if medium.kind == "image" else "other"].append(_in_base64(medium) + 256)
    room = limits.request - OVERHEAD - texts - sum(sizes["other"])
    share = _fair(sizes["image"], room)
    if share is not None and share < LEAST_SHARE:
        raise RequestError(
            f"this request is too large: {who} takes at most {told(limits.request)}",
            field="messages",
            hint="Send fewer or smaller media.",
        )
    return share


def _in_base64(medium: Media) -> int:
    return (len(medium.data or b"") + 2) // 3 * 4


def _fair(sizes: Sequence[int], room: int) -> int | None:
    """The size above which things have to shrink to it, so that all fit into `room`; None where they fit."""
    for number, size in enumerate(sorted(sizes)):
        share = max(0, room) // (len(sizes) - number)
        if size > share:
            return max(0, share - 256)
        room -= size
    return None if room >= 0 else 0


def told(size: int) -> str:
    """So many bytes, in words: 5 MiB, 3.75 MB, 512 MB, 12 kB."""
    if size >= 1 << 20 and size % (1 << 20) == 0:
        return f"{size >> 20} MiB"
    if size >= 1_000_000:
        return f"{size / 1e6:.3g} MB" if size < 1e8 else f"{size / 1e6:.0f} MB"
    return f"{max(1, size // 1000)} kB"
