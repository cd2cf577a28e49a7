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
from . import Body, Fold, Model, Quirks, _listed
from ._checks import check, fetches_urls
from ._common import (
    SpokenText,
    as_list,
    as_object,
    as_text,
    as_word,
    count,
    cut_off,
    finish_reason,
    json_document,
    json_event,
    merge,
    request_id,
    settings,
    sound,
)
from ._failures import read_error
from ._listed import one_page as next_page
from ._thinking import ORPHAN, Sieve, split

__all__ = [
    "decode",
    "encode",
    "error",
    "fetches",
    "fold",
    "models",
    "name",
    "next_page",
    "notes",
    "path",
    "stream",
]

name: str = "ollama_chat"
stream: StreamFormat = "ndjson"
fetches = fetches_urls

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
    orphan = False
    if text and not reasoning:
        reasoning, text, orphan = split(text)
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
        notes=(ORPHAN,) if orphan else (),
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

    __slots__ = ("_calls", "_last", "_reasoning", "_sieve", "_text")

    def __init__(self) -> None:
        self._text = SpokenText()
        self._reasoning = SpokenText()
        self._sieve = Sieve()
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
        if thinking or self._last:
            return self._rare(as_text(text), as_text(thinking))
        shown = self._text.add(as_text(text)) if text else ""
        if self._sieve.done:
            return (Delta(shown),) if shown else ()
        return self._sieve.sifted(shown)

    def _rare(self, text: str, thinking: str) -> Sequence[Delta]:
        """The deltas in a line with reasoning in it, or in the last one."""
        held = self._sieve.close() if thinking else ()
        thought = self._reasoning.add(thinking)
        found = self._sieve.add(self._text.add(text))
        found = Delta(found.text, thought or found.reasoning)
        ended = self._sieve.close() if self._last else ()
        return [*held, *([found] if found else []), *ended]

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
    rows = map(as_object, as_list(json_document(reply).get("models")))
    return [_model(str(label), row) for row in rows if (label := row.get("name") or row.get("model"))]


def _model(label: str, row: Body) -> Model:
    """A row; the older servers say nothing of what a model can do."""
    about = as_object(row.get("details"))
    said = (about.get("family"), about.get("parameter_size"), about.get("quantization_level"))
    can = [word for word in as_list(row.get("capabilities")) if isinstance(word, str)]
    inputs = {"text", *({"vision": "image", "audio": "audio"}.get(word, "text") for word in can)}
    levels = frozenset(f"reasoning={level}" for level in _listed.LEVELS)
    return Model(
        name=label,
        title=" ".join(filter(None, map(as_text, said))),
        created=_seconds(row.get("modified_at")),
        inputs=frozenset(inputs) if can else None,
        refuses=levels if can and "thinking" not in can else frozenset(),
        details=row,
    )


def _seconds(moment: Any) -> float | None:
    """RFC 3339 (Ollama writes nanoseconds, which Python below 3.11 does not read) as seconds since 1970."""
    whole, _, rest = as_text(moment).partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    try:
        return datetime.fromisoformat((whole + zone).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
