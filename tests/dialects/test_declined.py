"""What a model or a filter declines, in every dialect: Refused where nothing came, else the text and why it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from antiphon import events
from antiphon.call import Reply, StreamFormat
from antiphon.completion import Completion
from antiphon.dialects import (
    Dialect,
    anthropic_messages,
    bedrock_converse,
    gemini_content,
    openai_chat,
    openai_responses,
)
from antiphon.errors import Refused

from ..aws_frames import event
from .tables import reply, sse


@dataclass(frozen=True)
class Row:
    """One way to decline: a whole reply and the same as a stream, and what they must come to.

    Without `text` it must be Refused with `reason`, else a completion that ended with `finish`.
    """

    dialect: Dialect
    whole: Any
    stream: bytes
    reason: str = ""
    text: str = ""
    finish: str = ""


def chat(message: dict[str, Any], finish: str) -> tuple[Any, bytes]:
    choice = {"message": message, "finish_reason": finish}
    said = {"choices": [{"delta": message, "finish_reason": None}]}
    return {"choices": [choice]}, sse(said, {"choices": [{"delta": {}, "finish_reason": finish}]})


def responses(parts: list[Any], **more: Any) -> tuple[Any, bytes]:
    whole = {"status": "completed", "output": [{"type": "message", "content": parts}], **more}
    said = [
        {"type": "response.output_text.delta", "delta": part["text"]} for part in parts if part.get("text")
    ]
    return whole, sse(*said, {"type": f"response.{whole['status']}", "response": whole}, done=False)


def claude(text: str) -> tuple[Any, bytes]:
    details = {"type": "refusal", "category": "bio", "explanation": "Not this."}
    ended = {"stop_reason": "refusal", "stop_details": details}
    blocks = [{"type": "text", "text": text}] if text else []
    said = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}]
    return {"content": blocks, **ended}, sse(
        {"type": "message_start", "message": {"content": []}},
        *(said if text else []),
        {"type": "message_delta", "delta": ended},
        {"type": "message_stop"},
        done=False,
    )


def gemini(**piece: Any) -> tuple[Any, bytes]:
    return piece, sse(piece, done=False)


def converse(text: str, reason: str) -> tuple[Any, bytes]:
    content = [{"text": text}] if text else []
    said = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}) if text else b""
    return {"output": {"message": {"content": content}}, "stopReason": reason}, (
        said + event("messageStop", {"stopReason": reason}) + event("metadata", {"usage": {}})
    )


FILTERED = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
CANDIDATE = {"content": {"parts": [{"text": "Hel"}]}, "finishReason": "SAFETY"}
ROWS = {
    "OpenAI refuses": Row(
        openai_chat, *chat({"content": None, "refusal": "I can't."}, "stop"), reason="refusal"
    ),
    "OpenAI refuses after some text": Row(
        openai_chat, *chat({"content": "Hel", "refusal": "I can't."}, "stop"), text="Hel", finish="refusal"
    ),
    "Azure filters all": Row(openai_chat, *chat({"content": ""}, "content_filter"), reason="content_filter"),
    "Azure filters the rest": Row(
        openai_chat, *chat({"content": "Hel"}, "content_filter"), text="Hel", finish="content_filter"
    ),
    "a filter stops while it thinks": Row(
        openai_chat, *chat({"content": "<think>hm"}, "content_filter"), reason="content_filter"
    ),
    "Responses refuse": Row(
        openai_responses, *responses([{"type": "refusal", "refusal": "I can't."}]), reason="refusal"
    ),
    "Responses refuse after some text": Row(
        openai_responses,
        *responses([{"type": "output_text", "text": "Hel"}, {"type": "refusal", "refusal": "I can't."}]),
        text="Hel",
        finish="refusal",
    ),
    "Responses filter all": Row(openai_responses, *responses([], **FILTERED), reason="content_filter"),
    "Responses filter the rest": Row(
        openai_responses,
        *responses([{"type": "output_text", "text": "Hel"}], **FILTERED),
        text="Hel",
        finish="content_filter",
    ),
    "Claude refuses": Row(anthropic_messages, *claude(""), reason="bio"),
    "Claude refuses after some text": Row(anthropic_messages, *claude("Hel"), text="Hel", finish="refusal"),
    "Gemini blocks the prompt": Row(
        gemini_content, *gemini(promptFeedback={"blockReason": "SAFETY"}), reason="SAFETY"
    ),
    "Gemini blocks the answer": Row(
        gemini_content, *gemini(candidates=[{"finishReason": "PROHIBITED_CONTENT"}]), reason="PROHIBITED_CONTENT"
    ),
    "Gemini blocks the rest": Row(
        gemini_content, *gemini(candidates=[CANDIDATE]), text="Hel", finish="content_filter"
    ),
    "a guardrail of Bedrock's": Row(
        bedrock_converse, *converse("", "guardrail_intervened"), reason="guardrail_intervened"
    ),
    "a guardrail with words of its own": Row(
        bedrock_converse, *converse("Sorry.", "guardrail_intervened"), text="Sorry.", finish="content_filter"
    ),
    "Bedrock filters all": Row(bedrock_converse, *converse("", "content_filtered"), reason="content_filtered"),
}  # fmt: skip


def folded(row: Row) -> Completion:
    kinds: dict[StreamFormat, str] = {"sse": "text/event-stream", "aws": "application/vnd.amazon.eventstream"}
    whole = Reply(200, row.stream, {"content-type": kinds[row.dialect.stream]})
    fold = row.dialect.fold()
    for found in events.parse(row.stream, whole.stream):
        fold.feed(found)
    return fold.completion(whole)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_declined(row: Row):
    """Whole and streamed, a refusal without usable text is Refused with its reason; with some, it is a completion."""
    readings: list[Callable[[], Completion]] = [
        lambda: row.dialect.decode(reply(row.whole)),
        lambda: folded(row),
    ]
    for read in readings:
        if row.reason:
            with pytest.raises(Refused) as caught:
                read()
            assert caught.value.reason == row.reason
            continue
        completion = read()
        assert (completion.text, completion.finish_reason) == (row.text, row.finish)


def test_azure_blocks_the_prompt():
    """A blocked prompt is an error status there: Refused, with what the filter found."""
    error = {
        "code": "content_filter",
        "message": "The prompt was filtered.",
        "innererror": {
            "content_filter_result": {"violence": {"filtered": True}, "hate": {"filtered": False}}
        },
    }
    for dialect in (openai_chat, openai_responses):
        with pytest.raises(Refused, match="violence") as caught:
            raise dialect.error(reply({"error": error}, 400))
        assert caught.value.reason == "content_filter"
