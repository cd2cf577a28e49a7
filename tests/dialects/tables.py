"""What the dialect tables are written with: replies and streams made of values, and completions as plain facts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from antiphon import events
from antiphon.call import Reply, StreamFormat
from antiphon.completion import Completion, Delta
from antiphon.dialects import Dialect


def reply(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A whole reply holding `document` (bytes are taken as they are)."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(status, body, {"content-type": "application/json", **(headers or {})})


def sse(*chunks: Any, done: bool = True) -> bytes:
    """Server-sent events holding `chunks`, with ``[DONE]`` at the end."""
    lines = [f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, *(["data: [DONE]\n\n"] if done else [])]).encode()


def ndjson(*lines: Any) -> bytes:
    """One JSON object on each line."""
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def streamed(
    dialect: Dialect, body: bytes, headers: Mapping[str, str] | None = None
) -> tuple[Completion, list[Delta]]:
    """What the dialect reads in a stream, and the deltas on the way."""
    kinds: dict[StreamFormat, str] = {"sse": "text/event-stream", "ndjson": "application/x-ndjson"}
    whole = Reply(200, body, {"content-type": kinds[dialect.stream], **(headers or {})})
    fold = dialect.fold()
    deltas = [delta for event in events.parse(body, whole.stream) for delta in fold.feed(event)]
    return fold.completion(whole), deltas


def facts(completion: Completion) -> dict[str, Any]:
    """What a completion says, without defaults, timings and the raw reply."""
    found = {
        "text": completion.text,
        "reasoning": completion.reasoning,
        "media": completion.media,
        "finish_reason": completion.finish_reason,
        "usage": {
            name: value for name, value in asdict(completion.usage).items() if value not in (None, "", {})
        },
        "model": completion.model,
        "fingerprint": completion.fingerprint,
        "request_id": completion.request_id,
    }
    return {name: value for name, value in found.items() if value or name in ("text", "finish_reason")}
