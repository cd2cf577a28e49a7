"""Conversations as plain JSON, which anyone can read and change: a list of {"role", "content"}."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

from ..completion import Completion
from ..errors import RequestError
from ..request import Message

__all__ = ["answered", "asked", "parsed", "written"]

WHAT = 'a list as [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]'


def parsed(text: str, system: str = "") -> tuple[Message, ...]:
    """The turns in `text`; `system` takes the place of a system prompt at their head.

    RequestError says what is wrong with a turn, by its number.
    """
    turns = tuple(_turn(number, row) for number, row in enumerate(_rows(text), 1))
    if not system.strip():
        return turns
    return (Message("system", system), *(turns[1:] if turns and turns[0].role == "system" else turns))


def _rows(text: str) -> list[object]:
    if not text.strip():
        return []
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"history is no JSON: {error}", field="history", hint=f"It is {WHAT}.") from None
    if isinstance(found, dict):
        found = cast("dict[str, object]", found).get("messages")
    if not isinstance(found, list):
        raise RequestError(f"history is {WHAT}", field="history")
    return cast("list[object]", found)


def _turn(number: int, row: object) -> Message:
    turn = cast("dict[str, Any]", row) if isinstance(row, dict) else dict[str, Any]()
    role, content = turn.get("role"), turn.get("content")
    if isinstance(content, list):  # as OpenAI writes it
        content = _joined(cast("list[object]", content))
    if not isinstance(role, str) or not isinstance(content, str) or not content:
        raise RequestError(
            f"turn {number} of history needs a role and its text as content",
            field="history",
            hint=f"It is {WHAT}.",
        )
    try:
        return Message(cast("Any", role), content)
    except RequestError as error:
        raise RequestError(f"turn {number} of history: {error.message}", field="history") from None


def _joined(parts: list[object]) -> str | None:
    """The text of [{"type": "text", "text": …}, …]; None where a part has none."""
    texts = [
        cast("dict[str, object]", part).get("text") if isinstance(part, dict) else None for part in parts
    ]
    whole = [text for text in texts if isinstance(text, str)]
    return "\n".join(whole) if len(whole) == len(texts) else None


def asked(before: tuple[Message, ...], prompt: str) -> tuple[Message, ...]:
    """The turns so far with the next question behind them."""
    if not prompt.strip():
        raise RequestError("there is nothing to say: the prompt is empty", field="prompt")
    return (*before, Message("user", prompt))


def answered(turns: tuple[Message, ...], completion: Completion) -> tuple[Message, ...]:
    """The conversation with its answer. RequestError where the answer has no text."""
    if not completion.text:
        raise RequestError(
            f"the answer has no text to go on with (it ended with {completion.finish_reason!r})",
            field="prompt",
        )
    return (*turns, Message("assistant", completion.text))


def written(messages: Iterable[Message]) -> str:
    """`messages` as that JSON, one turn a line. Media are left out: they are no text."""
    rows = [
        json.dumps({"role": message.role, "content": message.text}, ensure_ascii=False)
        for message in messages
        if message.text
    ]
    return "[\n" + ",\n".join(rows) + "\n]"
