"""The playground's question, answered piece by piece for as long as the page listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from aiohttp import web

from ..errors import RequestError
from ..prices import known_price
from ..request import REPLAY_MODES, Config, Media, Message
from .messages import HEADERS, Missing, Params, as_error, seed_text
from .site import Asked, Room, Site

if TYPE_CHECKING:
    from ..client import AsyncStream, Client
    from ..completion import Completion, Delta

__all__ = ["complete"]

LOOK = 0.2  # seconds between two looks at whether the page is still there
# What a page may set besides its own fields. No files of the server's, and no key but by its name.
FROM_A_PAGE = frozenset(field.name for field in fields(Config)) - {"model"} | {
    "dialect",
    "timeout",
    "retries",
    "adapt",
}


async def complete(asked: Asked) -> web.StreamResponse:
    """One JSON object a line: deltas, then the completion or the error. Ends on the wire when the page goes away."""
    question = await _question(asked)
    answer = web.StreamResponse(headers={**HEADERS, "Content-Type": "application/x-ndjson"})
    answer.headers["X-Accel-Buffering"] = "no"  # a proxy would keep the pieces until there are many
    writing = asyncio.ensure_future(_write(asked, answer, question))
    try:
        while not writing.done():
            await asyncio.wait({writing}, timeout=LOOK)
            if _gone(asked.request):
                break
    finally:
        if not writing.done():
            writing.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await writing
    return answer


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def _write(asked: Asked, answer: web.StreamResponse, question: Question) -> None:
    """Send what comes. An error before the first piece is raised, for a reply of its own."""
    async with question.room, question.stream(asked.site.client()) as stream:
        try:
            async for delta in stream:
                await _line(asked, answer, {"delta": _delta(delta)})
            completion = await stream.completion()
            told = await asyncio.to_thread(shown, completion)
            await _line(asked, answer, {"completion": told})
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            if not answer.prepared:
                raise
            await _line(asked, answer, {"error": as_error(error)})
    await answer.write_eof()


async def _line(asked: Asked, answer: web.StreamResponse, document: Mapping[str, Any]) -> None:
    if not answer.prepared:
        await answer.prepare(asked.request)
    await answer.write(json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n")


def _delta(delta: Delta) -> dict[str, Any]:
    told: dict[str, Any] = {"text": delta.text, "reasoning": delta.reasoning}
    if delta.media is not None:
        told["media"] = _medium(delta.media)
    return told


def shown(completion: Completion) -> dict[str, Any]:
    """A completion as the page shows it: the fields of a history entry, and what only a fresh answer knows."""
    price = known_price(completion)
    usage = {name: value for name, value in asdict(completion.usage).items() if value not in (None, "", {})}
    return {
        "key": completion.key,
        "provider": completion.provider,
        "model": completion.model or completion.requested_model,
        "requested_model": completion.requested_model,
        "seed": seed_text(completion.seed),
        "seed_status": completion.seed_status,
        "text": completion.text,
        "reasoning": completion.reasoning,
        "images": [_medium(medium) for medium in completion.media],
        "finish_reason": completion.finish_reason,
        "usage": usage,
        "input_tokens": completion.usage.input_tokens,
        "output_tokens": completion.usage.output_tokens,
        "cost": None if price is None else price.usd,
        "notes": list(completion.notes),
        "replayed": completion.replayed,
        "recorded": completion.recorded,
        "seconds": completion.timings.total,
        "first_token_seconds": completion.timings.first_token,
    }


def _medium(medium: Media) -> dict[str, Any]:
    """A medium with its bytes: of an answer that is not recorded there is no other copy."""
    url = medium.url if medium.data is None else medium.data_url
    size = None if medium.data is None else len(medium.data)
    return {
        "kind": medium.kind,
        "media_type": medium.media_type,
        "sha256": medium.sha256,
        "url": url,
        "name": medium.name,
        "size": size,
    }


# --------------------------------------------------------------------------------------- the question


class Question(NamedTuple):
    """What is asked, checked as far as that goes without asking."""

    messages: Any
    settings: dict[str, Any]
    room: Room

    def stream(self, client: Client) -> AsyncStream:
        return client.astream(self.messages, **self.settings)


async def _question(asked: Asked) -> Question:
    params = asked.params
    seed = params.seed()
    replay = params.text("replay", "auto")
    if replay not in REPLAY_MODES:
        raise RequestError(f"replay must be one of {', '.join(REPLAY_MODES)}", field="replay")
    if params.any("again") is not None:
        messages, settings = await asyncio.to_thread(again, asked.site, params.text("again"))
    else:
        messages, settings = _conversation(params), _settings(params)
    if params.text("credential", ""):
        settings["credential"] = params.text("credential")
    return Question(messages, {**settings, "seed": seed, "replay": replay}, asked.site.room)


def _settings(params: Params) -> dict[str, Any]:
    given = params.mapping("settings")
    wrong = sorted(given.keys() - FROM_A_PAGE)
    if wrong:
        raise RequestError(f"a page cannot set {wrong[0]!r}", field=wrong[0])
    settings = {name: value for name, value in given.items() if value is not None and value != ""}
    for name in ("system", "provider", "model", "base_url"):
        if params.text(name, ""):
            settings[name] = params.text(name)
    if not isinstance(settings.get("dialect", ""), str):
        raise RequestError("dialect must be a text", field="dialect")
    return settings


def _conversation(params: Params) -> Any:
    """The prompt, or the messages with their media as data or https URLs. Never a path: pages read no files."""
    if params.any("messages") is None:
        return params.text("prompt")
    turns = params.any("messages")
    if not isinstance(turns, list) or not turns:
        raise RequestError("messages must be a list of messages", field="messages")
    return [_turn(turn) for turn in cast("list[Any]", turns)]


def _turn(turn: Any) -> Message:
    fields_of = cast("dict[str, Any]", turn) if isinstance(turn, dict) else {}
    if set(fields_of) != {"role", "content"}:
        raise RequestError("a message has exactly role and content", field="messages")
    content: Any = fields_of["content"]
    parts = cast("list[Any]", content) if isinstance(content, list) else [content]
    return Message(fields_of["role"], *map(_part, parts))


def _part(part: Any) -> str | Media:
    if isinstance(part, str):
        return part
    url: Any = cast("dict[str, Any]", part).get("url") if isinstance(part, dict) else None
    if not isinstance(url, str):
        raise RequestError("a part of a message is a text, or an object with a url", field="messages")
    return Media.from_data_url(url) if url.startswith("data:") else Media.from_url(url)


def again(site: Site, key: str) -> tuple[Any, dict[str, Any]]:
    """The question of a recording, to be asked with another seed. Missing where there is none of this key."""
    found = site.history.again(key)
    if found is None:
        raise Missing(f"there is no recording called {key[:80]}")
    messages, settings = found
    return messages, dict(settings)
