"""Mistral's older models through Bedrock's InvokeModel: one text in their instruction format.

    <s>[INST] system, then what the user says [/INST] answer</s>[INST] what the user says next [/INST]

For the models that know nothing else (7B, 8x7B, Large and Small of February 2024); all later ones are asked by
`bedrock_converse`. The format has no system role: system messages stand before what the user says next. A last
turn of the assistant is one it goes on with. Usage is in the reply's headers, or in the last event of a stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from ..call import Reply, StreamFormat
from ..completion import Completion, Delta, FinishReason, Usage
from ..errors import ReplyError
from ..events import Event
from ..request import Request
from . import Body, Fold, Model, Quirks, bedrock_converse
from ._bedrock_chunks import chunk
from ._checks import check, fetches_urls
from ._common import (
    SpokenText,
    as_list,
    as_object,
    as_text,
    count,
    cut_off,
    finish_reason,
    json_document,
    json_event,
    request_id,
    sound,
    unreadable,
)
from .bedrock_converse import next_page

__all__ = [
    "PROMPT",
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

name: str = "bedrock_invoke_mistral"
stream: StreamFormat = "aws"
fetches = fetches_urls

PROMPT = Quirks(
    fields={
        "max_tokens": ("max_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "top_k": ("top_k",),
        "stop": ("stop",),
    },
    limits={"temperature": (0, 1)},
    stops=10,
    media=frozenset(),
    media_urls=False,
)
"""What these models take."""

FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}
METRICS = "amazon-bedrock-invocationMetrics"


def path(request: Request, *, stream: bool) -> str:
    return bedrock_converse.model_path(request, "invoke-with-response-stream" if stream else "invoke")


def notes(request: Request, quirks: Quirks) -> tuple[str, ...]:  # noqa: ARG001 - nothing is filled in
    return ()


# --------------------------------------------------------------------------------------------- encode


def encode(request: Request, quirks: Quirks, *, stream: bool) -> Body:
    """The JSON body, the same for a stream. RequestError for a setting or a medium that is not taken."""
    check(request, quirks)
    settings = bedrock_converse.body_settings(request, quirks, {"response_format": None}, stream=stream)
    return {"prompt": prompt(request), **settings}


def prompt(request: Request) -> str:
    """The conversation as one text. Turns of one side in a row are joined by a blank line."""
    sides = groupby(request.messages, lambda message: message.role == "assistant")
    pieces = ["<s>"]
    for answered, turns in sides:
        text = "\n\n".join(turn.text for turn in turns if turn.text)
        pieces.append(f" {text}</s>" if answered else f"[INST] {text} [/INST]")
    return "".join(pieces).removesuffix("</s>")  # a last answer is one to go on with


# --------------------------------------------------------------------------------------------- decode


def decode(reply: Reply) -> Completion:
    """The completion in a whole reply. Unreadable or another ReplyError if there is none."""
    document = json_document(reply)
    outputs = as_list(document.get("outputs"))
    if not outputs:
        raise unreadable(reply, "the reply holds no outputs")
    output = as_object(outputs[0])
    text = sound(as_text(output.get("text")))
    return _completion(text, output.get("stop_reason"), as_object(document.get(METRICS)), reply)


def _completion(text: str, reason: object, metrics: Body, reply: Reply) -> Completion:
    return Completion(
        text=text,
        finish_reason=finish_reason(reason, FINISH),
        usage=Usage(
            input_tokens=_count(reply, "input", metrics), output_tokens=_count(reply, "output", metrics)
        ),
        request_id=request_id(reply),
        timings=reply.timings,
        raw=reply,
    )


def _count(reply: Reply, side: str, metrics: Body) -> int | None:
    told = reply.headers.get(f"x-amzn-bedrock-{side}-token-count", "")
    return int(told) if told.isdecimal() and len(told) < 16 else count(metrics.get(f"{side}TokenCount"))


class Reading:
    """A stream of this protocol, being read."""

    __slots__ = ("_metrics", "_reason", "_said")

    def __init__(self) -> None:
        self._said = SpokenText()
        self._reason: object = None
        self._metrics: Body = {}

    def feed(self, event: Event) -> Sequence[Delta]:
        """The deltas in this event. Raises ReplyError when the event is an error report."""
        data = chunk(event)
        if not data:
            return ()
        document = json_event(data)
        self._metrics = as_object(document.get(METRICS)) or self._metrics
        output = as_object(next(iter(as_list(document.get("outputs"))), None))
        self._reason = output.get("stop_reason") or self._reason
        shown = self._said.add(as_text(output.get("text")))
        return (Delta(shown),) if shown else ()

    def completion(self, reply: Reply) -> Completion:
        """The whole answer. TransportError (phase "cut-off") when the last piece, which says why it ends, never came."""
        if self._reason is None:
            raise cut_off()
        return _completion(self._said.whole(), self._reason, self._metrics, reply)


def fold() -> Fold:
    """A fresh reader for a streamed reply."""
    return Reading()


# ------------------------------------------------------------------------------------- errors, models


def error(reply: Reply) -> ReplyError:
    """The typed error for a reply with an error status."""
    return bedrock_converse.error(reply)


def models(reply: Reply) -> list[Model]:
    """The rows of a listing of the control plane."""
    return bedrock_converse.models(reply)
