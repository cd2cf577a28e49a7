"""Ollama's native chat: POST {base}/api/chat, streamed as one JSON object on each line.

The native protocol, since the OpenAI-like one there has no `keep_alive`, no context size, and no way to be
told that the prompt did not fit. Ollama's own fields go in `Config.extra`: ``{"keep_alive": "10m"}``,
``{"options": {"num_ctx": 8192}}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..call import Reply, StreamFormat, Timings
from ..completion import Completion, Delta, FinishReason, Usage
from ..errors import ReplyError
from ..events import Event
from ..request import Message, Request, Schema
from . import Body, Fold, Model, Quirks
from ._common import (
    SpokenText,
    as_list,
    as_object,
    as_text,
    as_word,
    check,
    count,
    cut_off,
    finish_reason,
    json_document,
    json_event,
    merge,
    read_error,
    request_id,
    settings,
    sound,
)

__all__ = ["decode", "encode", "error", "fold", "models", "name", "notes", "path", "stream"]

name: str = "ollama_chat"
stream: StreamFormat = "ndjson"

FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}

NANOSECOND = 1e-9


def path(request: Request, *, stream: bool) -> str:  # noqa: ARG001 - one address for all
    return "api/chat"


def notes(request: Request, quirks: Quirks) -> tuple[str, ...]:  # noqa: ARG001 - nothing is filled in
    return ()


# --------------------------------------------------------------------------------------------- encode


def encode(request: Request, quirks: Quirks, *, stream: bool) -> Body:
    """The JSON body. RequestError for a setting or a medium that is not taken."""
    check(request, quirks)
    body: Body = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": stream,  # always said, since streaming is the default here
    }
    merge(body, settings(request, quirks, _shaped(request), stream=stream))
    return body


def _shaped(request: Request) -> Body:
    wanted = request.config.response_format
    if isinstance(wanted, Schema):
        return {"response_format": wanted.schema}
    return {"response_format": None} if wanted == "text" else {}


def _message(message: Message) -> Body:
    body: Body = {"role": message.role, "content": message.text}
    if message.media:
        body["images"] = [medium.base64 for medium in message.media]
    return body


# ------------------------------------------------------------------------------------ decode, stream


def decode(reply: Reply) -> Completion:
    """The completion in a whole reply. Unreadable or another ReplyError if there is none."""
    document = json_document(reply)
    if document.get("error"):
        raise error(reply)
    if not document.get("done"):
        raise cut_off("the reply says that it is not the end of the answer")
    message = as_object(document.get("message"))
    text, thinking = as_text(message.get("content")), as_text(message.get("thinking"))
    return _completion(reply, document, bool(message.get("tool_calls")), sound(text), sound(thinking))


def _completion(reply: Reply, last: Body, calls: bool, text: str, reasoning: str) -> Completion:
    finish = finish_reason(last.get("done_reason"), FINISH)
    return Completion(
        text=text,
        reasoning=reasoning,
        finish_reason="tool_calls" if calls and finish == "stop" else finish,
        # A prompt that is fully cached is not counted: then nothing is said about it.
        usage=Usage(
            input_tokens=count(last.get("prompt_eval_count")) or None,
            output_tokens=count(last.get("eval_count")),
        ),
        model=as_word(last.get("model")),
        request_id=request_id(reply),
        timings=reply.timings if reply.timings.total else _timings(last),
        raw=reply,
    )


def _timings(last: Body) -> Timings:
    """Ollama's own clock, in nanoseconds, where nobody else has taken the time."""
    load, prompt, total = (
        (count(last.get(name)) or 0) * NANOSECOND
        for name in ("load_duration", "prompt_eval_duration", "total_duration")
    )
    return Timings(queue=load, first_token=prompt or None, total=total)


class Reading:
    """A stream of this protocol, being read."""

    __slots__ = ("_calls", "_last", "_reasoning", "_text")

    def __init__(self) -> None:
        self._text = SpokenText()
        self._reasoning = SpokenText()
        self._calls = False
        self._last: Body = {}

    def feed(self, event: Event) -> Sequence[Delta]:
        """The deltas in this line. Raises ReplyError when the line is an error report."""
        line = json_event(event.data)
        if "error" in line:
            raise read_error(Reply(200, event.data.encode("utf-8", "replace")), line)
        if line.get("done"):
            self._last = line
        message = as_object(line.get("message"))
        if "tool_calls" in message:
            self._calls = True
        text, thinking = message.get("content"), message.get("thinking")
        shown = self._text.add(as_text(text)) if text else ""
        thought = self._reasoning.add(as_text(thinking)) if thinking else ""
        return (Delta(shown, thought),) if shown or thought else ()

    def completion(self, reply: Reply) -> Completion:
        """The whole answer. TransportError (phase "cut-off") when no line said that it was done."""
        if not self._last:
            raise cut_off()
        return _completion(reply, self._last, self._calls, self._text.whole(), self._reasoning.whole())


def fold() -> Fold:
    """A fresh reader for a streamed reply."""
    return Reading()


# ------------------------------------------------------------------------------------- errors, models


def error(reply: Reply) -> ReplyError:
    """The typed error for a reply with an error status, or with an error under status 200."""
    return read_error(reply)


def models(reply: Reply) -> list[Model]:
    """The rows of ``GET {base}/api/tags``. `details` holds the digest, which names the weights exactly."""
    rows = as_list(json_document(reply).get("models"))
    return [
        Model(name=str(label), created=_seconds(row.get("modified_at")), details=row)
        for row in map(as_object, rows)
        if (label := row.get("name") or row.get("model"))
    ]


def _seconds(moment: Any) -> float | None:
    """RFC 3339 (Ollama writes nanoseconds, which Python below 3.11 does not read) as seconds since 1970."""
    whole, _, rest = as_text(moment).partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    try:
        return datetime.fromisoformat((whole + zone).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
