"""How each protocol is told to keep what it made of the beginning of a prompt.

Each function here is a `Mark`: it changes a body that `encode` made, so that the provider keeps its work on the
first so many messages (`ends`, ascending). No word of the conversation changes.

Sources: the types of the anthropic (2.14), openai (3.57), openrouter (1.3.84) and mistralai (3.7) packages and
botocore's service model (1.44.8). At most four marks are taken; never more than three are made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import takewhile

from ..request import Message, Request
from . import Body

__all__ = ["block_marks", "part_marks", "points", "prompt_key"]


def _leading(messages: Sequence[Message]) -> int:
    """How many system messages stand at the start."""
    return sum(1 for _ in takewhile(lambda message: message.role == "system", messages))


def _control() -> Body:
    return {"cache_control": {"type": "ephemeral"}}


def block_marks(body: Body, request: Request, ends: Sequence[int]) -> None:
    """Claude's ``cache_control`` on the last block of each prefix; it is kept for five minutes from its last use."""
    first = _leading(request.messages)
    if isinstance(body.get("system"), str):
        body["system"] = [{"type": "text", "text": body["system"]}]
    for end in ends:
        block = body["system"][end - 1] if end <= first else body["messages"][end - first - 1]["content"][-1]
        if block.get("text") != "":  # an empty text cannot be marked
            block |= _control()


def points(body: Body, request: Request, ends: Sequence[int]) -> None:
    """Converse's ``cachePoint`` behind the last block of each prefix. Turns of one role stand in one message there."""
    first = _leading(request.messages)
    places: dict[int, tuple[int, int]] = {}
    turn, blocks, role = -1, 0, ""
    for end, message in enumerate(request.messages[first:], first + 1):
        if message.role != role:
            turn, blocks, role = turn + 1, 0, message.role
        blocks += sum(part != "" for part in message.parts) or len(message.parts)
        places[end] = turn, blocks
    for end in reversed(ends):  # so that earlier places stay where they are
        if end <= first:
            body["system"].insert(end, {"cachePoint": {"type": "default"}})
        else:
            turn, blocks = places[end]
            body["messages"][turn]["content"].insert(blocks, {"cachePoint": {"type": "default"}})


def part_marks(body: Body, request: Request, ends: Sequence[int]) -> None:
    """Claude's ``cache_control`` on text parts of chat messages, as OpenRouter hands it on."""
    if len(body["messages"]) != len(request.messages):  # some were joined
        return
    for end in ends:
        message = body["messages"][end - 1]
        if isinstance(message["content"], str):
            message["content"] = [{"type": "text", "text": message["content"]}]
        texts = [part for part in message["content"] if part.get("text")]
        if texts:
            texts[-1] |= _control()


def prompt_key(body: Body, request: Request, ends: Sequence[int]) -> None:
    """OpenAI's ``prompt_cache_key``: what begins alike goes to the same machine, which keeps it by itself.

    The key is a sum of the shortest prefix that came again, so that it stays the same all through a conversation.
    """
    whole = hashlib.sha256()
    for message in request.messages[: ends[0]]:
        for part in (message.role, *message.parts):
            text = part if isinstance(part, str) else part.sha256 or part.url or ""
            whole.update(hashlib.sha256(text.encode()).digest())
    body.setdefault("prompt_cache_key", whole.hexdigest()[:32])
