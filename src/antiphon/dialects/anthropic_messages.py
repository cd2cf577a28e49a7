"""Anthropic Messages, the protocol of Claude; llama.cpp, vLLM, LM Studio and Ollama speak it too.

POST {base}/messages, where the base address ends in /v1; streamed as named server-sent events that end with
message_stop. A stream without it is a cut-off stream, never an answer. The version header is the provider's.

Facts: the types of the anthropic package 2.12. There is no seed in this protocol, and no JSON mode without a
schema. Parts go out in the order they were given: Anthropic advises images before text, but the order is the
author's. Turns of one role in a row go out as they are; the server joins them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile

from ..call import Reply, StreamFormat
from ..completion import Completion, Delta, FinishReason, Usage
from ..errors import Refused, ReplyError, RequestError
from ..events import Event
from ..request import Media, Message, Request, Schema
from . import Body, Fold, MediaLimits, Model, Quirks, Turns, _listed
from ._caching import block_marks
from ._checks import check, fetches_urls
from ._common import (
    SpokenText,
    as_list,
    as_object,
    as_text,
    as_word,
    count,
    counts,
    cut_off,
    finish_reason,
    json_document,
    json_event,
    merge,
    request_id,
    settings,
    sound,
    unreadable,
)
from ._failures import read_error
from ._thinking import ORPHAN, Sieve, split

__all__ = [
    "ANTHROPIC",
    "COMPATIBLE",
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

name: str = "anthropic_messages"
stream: StreamFormat = "sse"
fetches = fetches_urls

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
PDF = ("application/pdf",)

ANTHROPIC = Quirks(
    fields={
        "max_tokens": ("max_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "top_k": ("top_k",),
        "stop": ("stop_sequences",),
        "response_format": ("output_config.format",),
    },
    # The newest models leave the thinking out of the answer unless a summary is asked for.
    reasoning={
        "off": {"thinking": {"type": "disabled"}},
        **{
            level: {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": level},
            }
            for level in ("low", "medium", "high")
        },
    },
    reasoning_budget="thinking.budget_tokens",
    limits={"temperature": (0, 1), "reasoning": (1024, 128_000)},
    media=frozenset({"image", "document"}),
    media_limits=MediaLimits(types={"image": IMAGE_TYPES}, source="anthropic 2.14.0"),
    default_max_tokens=8192,
    turns=Turns(refuses=frozenset({"prefill_space"})),
    cache=block_marks,
    cache_field="cache_control",
)
"""What Anthropic's own servers take; the provider adds what its models refuse."""

COMPATIBLE = replace(
    ANTHROPIC,
    # llama.cpp passes over schemas, seeds, penalties and efforts here: refused, since its other ways honour them.
    fields={setting: wire for setting, wire in ANTHROPIC.fields.items() if setting != "response_format"},
    reasoning={},
    limits={},
    turns=Turns(),
    cache=None,
)
"""What other servers of this protocol take (tried with llama.cpp)."""

FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}


def path(request: Request, *, stream: bool) -> str:  # noqa: ARG001 - one address for all
    return "messages"


def notes(request: Request, quirks: Quirks) -> tuple[str, ...]:
    """That a limit was filled in, where none was given."""
    config = request.config
    if config.max_tokens is not None or "max_tokens" in config.extra:
        return ()
    return (
        f"max_tokens={_max_tokens(request, quirks)} was sent: this protocol demands a limit, and none was given",
    )


# --------------------------------------------------------------------------------------------- encode


def encode(request: Request, quirks: Quirks, *, stream: bool) -> Body:
    """The JSON body. RequestError for a setting or a medium that is not taken.

    System messages at the start become `system`; later ones stay where they stand.
    """
    check(request, quirks)
    body: Body = {"model": request.model} if request.model else {}
    body["max_tokens"] = _max_tokens(request, quirks)
    first = [
        message.text for message in takewhile(lambda message: message.role == "system", request.messages)
    ]
    if first:
        body["system"] = first[0] if len(first) == 1 else [_text(text) for text in first]
    body["messages"] = [_message(message) for message in request.messages[len(first) :]]
    if stream:
        body["stream"] = True
    merge(body, settings(request, quirks, _shaped(request), stream=stream))
    if "budget_tokens" in (thinking := as_object(body.get("thinking"))):
        thinking.setdefault("type", "enabled")
    return body


def _max_tokens(request: Request, quirks: Quirks) -> int:
    """The limit to send. Thinking counts toward it, so a budget comes on top of the default."""
    config = request.config
    budget = config.reasoning if isinstance(config.reasoning, int) else 0
    if config.max_tokens is None:
        return quirks.default_max_tokens + budget
    if budget >= config.max_tokens:
        raise RequestError(
            f"the reasoning budget must be less than max_tokens ({config.max_tokens}), not {budget}",
            field="reasoning",
            hint="Thinking counts toward max_tokens: raise it, or lower the budget.",
        )
    return config.max_tokens


def _shaped(request: Request) -> Body:
    wanted = request.config.response_format
    if isinstance(wanted, Schema):
        return {"response_format": {"type": "json_schema", "schema": wanted.schema}}
    if wanted == "json":
        raise RequestError(
            "this protocol has no JSON mode without a schema",
            field="response_format",
            hint="Give a JSON Schema as response_format, such as {'type': 'object', 'properties': …}.",
        )
    return {"response_format": None}  # text is what all answer with


def _message(message: Message) -> Body:
    # The API refuses empty text blocks, and beside a picture they say nothing.
    parts = [part for part in message.parts if part != ""] or message.parts
    return {"role": message.role, "content": [_block(part) for part in parts]}


def _text(text: str) -> Body:
    return {"type": "text", "text": text}


def _block(part: str | Media) -> Body:
    if isinstance(part, str):
        return _text(part)
    if part.kind == "image":
        return {"type": "image", "source": _source(part, IMAGE_TYPES)}
    if part.kind != "document":
        raise RequestError(f"this protocol takes no {part.kind} input", field="messages")
    plain = part.data is not None and _is_plain(part.media_type)
    block: Body = {"type": "document", "source": _plain(part) if plain else _source(part, PDF)}
    return {**block, "title": part.name} if part.name else block


def _source(part: Media, taken: Sequence[str]) -> Body:
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if part.media_type not in taken:
        raise RequestError(
            f"this protocol does not take {part.media_type}",
            field="messages",
            hint=f"It takes {', '.join((*IMAGE_TYPES, *PDF))} and plain text: convert it first.",
        )
    return {"type": "base64", "media_type": part.media_type, "data": part.base64}


def _is_plain(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type in ("application/json", "application/xml")


def _plain(part: Media) -> Body:
    try:
        text = (part.data or b"").decode()
    except UnicodeDecodeError as problem:
        raise RequestError(
            f"the document {part.name or ''} says it is text, but is not UTF-8", field="messages"
        ) from problem
    return {"type": "text", "media_type": "text/plain", "data": text}


# --------------------------------------------------------------------------------------------- decode


def decode(reply: Reply) -> Completion:
    """The completion in a whole reply. Unreadable, Refused or another ReplyError if there is none."""
    document = json_document(reply)
    if document.get("error") or document.get("type") == "error":
        raise read_error(reply, document)
    return _completion(document, reply)


def _completion(message: Body, reply: Reply) -> Completion:
    """The completion in a message, whole or put together from a stream."""
    if not isinstance(message.get("content"), list):
        raise unreadable(reply, "the reply holds no content")
    blocks = [as_object(block) for block in as_list(message["content"])]
    text, reasoning = sound("".join(_all(blocks, "text"))), sound("\n\n".join(_all(blocks, "thinking")))
    remarks: tuple[str, ...] = ()
    if text and not reasoning:
        reasoning, text, orphan = split(text)
        remarks = (ORPHAN,) if orphan else ()
    finish = finish_reason(message.get("stop_reason"), FINISH)
    ident = request_id(reply, message.get("id"))
    if finish == "refusal":
        details = as_object(message.get("stop_details"))
        reason = as_word(details.get("category")) or "refusal"
        explanation = as_word(details.get("explanation")) or f"the model refused ({reason})"
        if not text:
            raise Refused(explanation, reason=reason, request_id=ident)
        remarks = (*remarks, f"the model broke off and refused: {explanation}")
    return Completion(
        text=text,
        reasoning=reasoning,
        finish_reason=finish,
        usage=usage(as_object(message.get("usage"))),
        model=as_word(message.get("model")),
        request_id=ident,
        timings=reply.timings,
        notes=remarks,
        raw=reply,
    )


def _all(blocks: Sequence[Body], kind: str) -> list[str]:
    """The texts of all blocks of one kind; blocks and their texts have the same name."""
    return [text for block in blocks if block.get("type") == kind and (text := as_text(block.get(kind)))]


def usage(raw: Body) -> Usage:
    """Usage as everywhere here: this protocol counts cached tokens beside the input, so they are added."""
    fresh = count(raw.get("input_tokens"))
    read = count(raw.get("cache_read_input_tokens"))
    written = count(raw.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=count(raw.get("output_tokens")),
        cached_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=count(as_object(raw.get("output_tokens_details")).get("thinking_tokens")),
        details=counts(
            {
                "cache_write_1h_tokens": as_object(raw.get("cache_creation")).get(
                    "ephemeral_1h_input_tokens"
                ),
            }
        ),
        tier=as_text(raw.get("speed")),
    )


# --------------------------------------------------------------------------------------------- stream

_PIECES: Mapping[object, str] = {"text_delta": "text", "thinking_delta": "thinking"}


class Reading:
    """A stream of this protocol, being read: the message is put together again, then decoded like a whole one."""

    __slots__ = ("_blocks", "_done", "_message", "_said", "_sieve", "_thinking")

    def __init__(self) -> None:
        self._message: Body = {}
        self._blocks: dict[object, Body] = {}
        self._said: dict[object, SpokenText] = {}
        self._sieve = Sieve()
        self._thinking: object = None  # the index of the block that thought last
        self._done = False

    def feed(self, event: Event) -> Sequence[Delta]:
        """The deltas in this event. Raises ReplyError when the event is an error report."""
        data = event.data
        if self._done or data.startswith("[DONE]"):
            return ()
        body = json_event(data)
        kind = body.get("type") or event.name
        if kind == "content_block_delta":  # nearly all events are these
            delta = as_object(body.get("delta"))
            piece = _PIECES.get(as_text(delta.get("type")))
            return self._piece(_index(body), piece, delta.get(piece)) if piece else ()
        if kind == "error" or body.get("error"):
            raise read_error(Reply(200, data.encode("utf-8", "replace")), body)
        return self._rare(as_text(kind), body)

    def _rare(self, kind: str, body: Body) -> Sequence[Delta]:
        if kind == "message_start":
            self._message = as_object(body.get("message"))
        elif kind == "content_block_start":
            block = as_object(body.get("content_block"))
            piece = as_text(block.get("type"))
            if piece:  # else the first delta says what it is
                self._blocks[_index(body)] = block
            if piece in ("text", "thinking") and block.get(piece):
                return self._piece(_index(body), piece, block[piece])
        elif kind == "message_delta":
            self._message |= _said(as_object(body.get("delta")))
            self._message["usage"] = {
                **as_object(self._message.get("usage")),
                **_said(as_object(body.get("usage"))),
            }
        elif kind == "message_stop":
            self._done = True
            return self._sieve.close()
        return ()

    def _piece(self, index: object, kind: str, text: object) -> Sequence[Delta]:
        said = self._said.get(index)
        if said is None:
            said = self._said[index] = SpokenText()
            self._blocks.setdefault(index, {"type": kind})
        shown = said.add(as_text(text))
        if not shown:
            return ()
        if kind == "text":
            return (Delta(shown),) if self._sieve.done else self._sieve.sifted(shown)
        held = self._sieve.close()
        gap = "\n\n" if self._thinking not in (None, index) else ""
        self._thinking = index
        return [*held, Delta(reasoning=gap + shown)]

    def completion(self, reply: Reply) -> Completion:
        """The whole answer. TransportError (phase "cut-off") when message_stop never came."""
        if not self._done:
            raise cut_off()
        content = [
            {**block, block["type"]: self._said[index].whole()} if index in self._said else block
            for index, block in self._blocks.items()
        ]
        return _completion({**self._message, "content": content}, reply)


def _index(body: Body) -> int | None:
    """The block that an event is about."""
    index = body.get("index")
    return index if isinstance(index, int) else None


def _said(fields: Body) -> Body:
    """The fields that say something: a null in a later event does not take back an earlier one."""
    return {name: value for name, value in fields.items() if value is not None}


def fold() -> Fold:
    """A fresh reader for a streamed reply."""
    return Reading()


# ------------------------------------------------------------------------------------- errors, models


def error(reply: Reply) -> ReplyError:
    """The typed error for a reply with an error status."""
    return read_error(reply)


def models(reply: Reply) -> list[Model]:
    """The rows of ``GET {base}/models``, one page; other servers of this protocol list in OpenAI's form."""
    rows = [row for row in map(as_object, as_list(json_document(reply).get("data"))) if row.get("id")]
    return [_model(row) if row.get("type") == "model" else _listed.chat_row(row) for row in rows]


def next_page(reply: Reply) -> Mapping[str, str]:
    """The page after the last row of this one, where the reply says that there is more."""
    document = json_document(reply)
    last = as_text(document.get("last_id"))
    return {"after_id": last} if document.get("has_more") is True and last else {}


def _model(row: Body) -> Model:
    can = as_object(row.get("capabilities"))
    more = {"image": "image_input", "document": "pdf_input"}
    return Model(
        name=str(row["id"]),
        title=as_text(row.get("display_name")),
        context=count(row.get("max_input_tokens")),
        max_output=count(row.get("max_tokens")),
        created=_created(row),
        inputs=frozenset({"text", *(kind for kind, name in more.items() if _able(can.get(name)))})
        if can
        else None,
        outputs=frozenset({"text"}),
        refuses=_refuses(can),
        retires=_listed.day(row.get("retires_at")),
        details=row,
    )


def _able(capability: object) -> bool:
    return as_object(capability).get("supported") is True


def _refuses(can: Body) -> frozenset[str]:
    """What these capabilities say no to (anthropic 2.12, ModelCapabilities), in the words of Refusal.settings."""
    thinking, effort = as_object(can.get("thinking")), as_object(can.get("effort"))
    types = as_object(thinking.get("types"))
    needs: Mapping[str, tuple[object, ...]] = {
        "response_format=schema": (can.get("structured_outputs"),),
        "document": (can.get("pdf_input"),),
        "reasoning=off": (types.get("disabled"),),
        "reasoning=budget": (thinking, types.get("enabled")),
        **{
            f"reasoning={level}": (thinking, types.get("adaptive"), effort, effort.get(level))
            for level in _listed.LEVELS
        },
    }
    return frozenset(
        setting
        for setting, capabilities in needs.items()
        if any(as_object(capability).get("supported") is False for capability in capabilities)
    )


def _created(row: Body) -> float | None:
    """Seconds since 1970, from an RFC 3339 time. The epoch itself means unknown."""
    try:
        return (
            datetime.fromisoformat(as_text(row.get("created_at")).replace("Z", "+00:00")).timestamp() or None
        )
    except ValueError:
        return None
