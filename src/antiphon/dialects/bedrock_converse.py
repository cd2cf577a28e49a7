"""Bedrock's Converse and ConverseStream: one form for the models of all makers.

Bodies carry media as base64 and take no URLs. What the form has no field for goes to the model itself in
`additionalModelRequestFields`; `Config.extra` may add to it, and may name the `region`, which is no part of the
body. System messages at the start become `system`; turns of one role in a row are joined, since roles must
alternate. A stream is complete with its `metadata` event.

Sources: botocore 1.44.5's service model of bedrock-runtime; AWS's documentation of document names.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, takewhile
from typing import Any
from urllib.parse import quote

from ..call import Reply, StreamFormat
from ..completion import Completion, Delta, FinishReason, Usage
from ..errors import Refused, ReplyError, RequestError
from ..events import Event
from ..request import Media, Message, Request, Schema
from . import Body, Fold, MediaLimits, Model, Quirks, Turns, _listed
from ._caching import points
from ._checks import check, fetches_urls
from ._common import (
    SpokenText,
    as_list,
    as_object,
    as_text,
    count,
    counts,
    cut_off,
    dumps,
    finish_reason,
    json_document,
    json_event,
    loads,
    merge,
    request_id,
    settings,
    sound,
    unreadable,
)
from ._failures import reply_error

__all__ = [
    "CONVERSE",
    "body_settings",
    "decode",
    "encode",
    "error",
    "exception",
    "fetches",
    "fold",
    "model_path",
    "models",
    "name",
    "next_page",
    "notes",
    "path",
    "stream",
]

name: str = "bedrock_converse"
stream: StreamFormat = "aws"
fetches = fetches_urls

IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
FORMATS: Mapping[str, Mapping[str, str]] = {
    "image": IMAGES,
    "audio": {
        "audio/mpeg": "mp3",
        "audio/wav": "wav",
        "audio/x-wav": "wav",
        "audio/flac": "flac",
        "audio/x-flac": "flac",
        "audio/ogg": "ogg",
        "audio/opus": "opus",
        "audio/aac": "aac",
        "audio/mp4": "m4a",
        "audio/webm": "webm",
        "audio/x-matroska": "mka",
    },
    "video": {
        "video/mp4": "mp4",
        "video/quicktime": "mov",
        "video/webm": "webm",
        "video/x-matroska": "mkv",
        "video/x-flv": "flv",
        "video/mpeg": "mpeg",
        "video/x-ms-wmv": "wmv",
        "video/3gpp": "three_gp",
    },
    "document": {
        "application/pdf": "pdf",
        "text/csv": "csv",
        "text/html": "html",
        "text/plain": "txt",
        "text/markdown": "md",
        "application/msword": "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    },
}
"""What Converse calls the media types it takes, by kind of media."""

# Larger ones are taken of Claude 4 and later (PDF) and of Nova (PDF, DOCX), so the models decide there:
# docs.aws.amazon.com/bedrock/latest/userguide/inference-api-restrictions.html
_LONGER = ("application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")

CONVERSE = Quirks(
    fields={
        "max_tokens": ("inferenceConfig.maxTokens",),
        "temperature": ("inferenceConfig.temperature",),
        "top_p": ("inferenceConfig.topP",),
        "top_k": ("additionalModelRequestFields.top_k",),
        "stop": ("inferenceConfig.stopSequences",),
        "response_format": ("outputConfig.textFormat",),
    },
    # These are Claude's; the provider refuses them for the models of others.
    reasoning={
        "off": {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}},
        **{
            level: {
                "additionalModelRequestFields": {"thinking": {"type": "adaptive", "display": "summarized"}},
                "outputConfig": {"effort": level},
            }
            for level in ("low", "medium", "high")
        },
    },
    reasoning_budget="additionalModelRequestFields.thinking.budget_tokens",
    limits={"temperature": (0, 1), "reasoning": (1024, 128_000)},
    media=frozenset({"image", "audio", "video", "document"}),
    media_urls=False,
    media_limits=MediaLimits(
        types={"image": tuple(IMAGES)},
        data={"image": 3_750_000, "document": 4_500_000, **dict.fromkeys(_LONGER)},
        base64={"video": 25_000_000},
        edge=8000,
        count={"image": 20, "document": 5},
        source="botocore 1.44.5, Message and VideoSource",
    ),
    default_max_tokens=8192,
    turns=Turns(refuses=frozenset({"first_assistant"})),
    cache=points,
    cache_field="cachePoint",
)
"""What Converse takes; the provider adds what its models refuse."""

FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "tool_use": "tool_calls",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}


def path(request: Request, *, stream: bool) -> str:
    return model_path(request, "converse-stream" if stream else "converse")


def model_path(request: Request, operation: str) -> str:
    """The path of an operation on the request's model: an id or an ARN, percent-encoded once."""
    return f"model/{quote(request.model, safe='')}/{operation}"


def notes(request: Request, quirks: Quirks) -> tuple[str, ...]:
    """That a limit was filled in beside a reasoning budget, where none was given."""
    config = request.config
    if not isinstance(config.reasoning, int) or config.max_tokens is not None:
        return ()
    if "maxTokens" in config.extra.get("inferenceConfig", ()):
        return ()
    limit = quirks.default_max_tokens + config.reasoning
    return (f"max_tokens={limit} was sent: a reasoning budget needs a limit, and none was given",)


# --------------------------------------------------------------------------------------------- encode


def encode(request: Request, quirks: Quirks, *, stream: bool) -> Body:
    """The JSON body, the same for a stream. RequestError for a setting or a medium that is not taken."""
    check(request, quirks)
    first = list(takewhile(lambda message: message.role == "system", request.messages))
    body: Body = {}
    if first:
        body["system"] = [{"text": message.text} for message in first]
    names = _Names()
    body["messages"] = [
        {"role": role, "content": list(_blocks(turns, names))}
        for role, turns in groupby(request.messages[len(first) :], lambda message: message.role)
    ]
    merge(body, body_settings(request, quirks, _shaped(request), stream=stream))
    thinking = as_object(as_object(body.get("additionalModelRequestFields")).get("thinking"))
    if "budget_tokens" in thinking:
        thinking.setdefault("type", "enabled")
        _make_room(request, quirks, body)
    return body


def body_settings(
    request: Request, quirks: Quirks, shaped: Mapping[str, Any] | None = None, *, stream: bool
) -> Body:
    """The settings on the wire, without the region that `extra` may hold: it says where, not what."""
    body = settings(request, quirks, shaped, stream=stream)
    body.pop("region", None)
    return body


def _make_room(request: Request, quirks: Quirks, body: Body) -> None:
    """Thinking counts toward the limit: a budget must fit in, and comes on top of the default."""
    limit, budget = request.config.max_tokens, request.config.reasoning
    if not isinstance(budget, int):
        return
    if limit is None:
        limits: Body = body.setdefault("inferenceConfig", {})
        limits.setdefault("maxTokens", quirks.default_max_tokens + budget)
    elif budget >= limit:
        raise RequestError(
            f"the reasoning budget must be less than max_tokens ({limit}), not {budget}",
            field="reasoning",
            hint="Thinking counts toward max_tokens: raise it, or lower the budget.",
        )


def _shaped(request: Request) -> Body:
    wanted = request.config.response_format
    if isinstance(wanted, Schema):
        # The schema travels as text.
        schema = {"schema": dumps(wanted.schema).decode(), "name": wanted.name}
        return {"response_format": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    if wanted == "json":
        raise RequestError(
            "this protocol has no JSON mode without a schema",
            field="response_format",
            hint="Give a JSON Schema as response_format, such as {'type': 'object', 'properties': …}.",
        )
    return {"response_format": None}  # text is what all answer with


def _blocks(turns: Iterable[Message], names: _Names) -> Iterable[Body]:
    for message in turns:
        # The API refuses empty text blocks, and beside a picture they say nothing.
        for part in [part for part in message.parts if part != ""] or message.parts:
            yield {"text": part} if isinstance(part, str) else _medium(part, names)


def _medium(part: Media, names: _Names) -> Body:
    known = FORMATS[part.kind]
    wire = known.get(part.media_type) or ("txt" if _is_plain(part.media_type) else None)
    if wire is None:
        raise RequestError(
            f"this protocol does not take {part.media_type}",
            field="messages",
            hint=f"As {part.kind} it takes {', '.join(known)}: convert it first.",
        )
    block: Body = {"format": wire, "source": {"bytes": part.base64}}
    return {part.kind: {**block, "name": names.of(part)} if part.kind == "document" else block}


def _is_plain(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type in ("application/json", "application/xml")


class _Names:
    """Names for documents: of the letters that are allowed, and each only once in a request."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, part: Media) -> str:
        stem = (part.name or "").rpartition(".")[0] or part.name or "document"
        clean = re.sub(r"[^A-Za-z0-9\s()\[\]-]+", "-", stem)
        clean = re.sub(r"\s+", " ", clean)[:180].strip() or "document"
        chosen, number = clean, 1
        while chosen in self._given:
            number += 1
            chosen = f"{clean} ({number})"
        self._given.add(chosen)
        return chosen


# --------------------------------------------------------------------------------------------- decode


def decode(reply: Reply) -> Completion:
    """The completion in a whole reply. Unreadable, Refused or another ReplyError if there is none."""
    document = json_document(reply)
    message = as_object(as_object(document.get("output")).get("message"))
    if not isinstance(message.get("content"), list):
        raise unreadable(reply, "the reply holds no message")
    blocks = [as_object(block) for block in as_list(message["content"])]
    return _completion(document, blocks, reply)


def _completion(document: Body, blocks: Sequence[Body], reply: Reply) -> Completion:
    """The completion in a message, whole or put together from a stream."""
    text = sound("".join(as_text(block.get("text")) for block in blocks))
    media = tuple(image for block in blocks if (image := _image(as_object(block.get("image")))))
    raw_reason = document.get("stopReason")
    finish = finish_reason(raw_reason, FINISH)
    remarks: tuple[str, ...] = ()
    if finish == "content_filter":
        what = (
            "a guardrail intervened" if raw_reason == "guardrail_intervened" else "a content filter stopped"
        )
        if not text and not media:
            raise Refused(what, reason=as_text(raw_reason), request_id=request_id(reply))
        remarks = (f"{what}: {raw_reason}",)
    return Completion(
        text=text,
        reasoning=sound("\n\n".join(filter(None, map(_thought, blocks)))),
        media=media,
        finish_reason=finish,
        usage=_usage(as_object(document.get("usage"))),
        request_id=request_id(reply),
        timings=reply.timings,
        notes=remarks,
        raw=reply,
    )


def _thought(block: Body) -> str:
    return as_text(as_object(as_object(block.get("reasoningContent")).get("reasoningText")).get("text"))


def _image(image: Body) -> Media | None:
    data = _bytes(as_object(image.get("source")).get("bytes"))
    kind = next((kind for kind, wire in IMAGES.items() if wire == image.get("format")), "image/png")
    return Media.from_bytes(data, media_type=kind) if data else None


def _bytes(text: object) -> bytes:
    """The bytes in base64; none if it is not that."""
    try:
        return base64.b64decode(as_text(text), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _usage(raw: Body) -> Usage:
    """Usage as everywhere here: this protocol counts cached tokens beside the input, so they are added."""
    fresh = count(raw.get("inputTokens"))
    read = count(raw.get("cacheReadInputTokens"))
    written = count(raw.get("cacheWriteInputTokens"))
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=count(raw.get("outputTokens")),
        cached_tokens=read,
        cache_write_tokens=written,
        details=counts({"cache_write_1h_tokens": sum(_kept_an_hour(raw))}),
    )


def _kept_an_hour(raw: Body) -> Iterator[int]:
    for row in map(as_object, as_list(raw.get("cacheDetails"))):
        if row.get("ttl") == "1h":
            yield count(row.get("inputTokens")) or 0


# --------------------------------------------------------------------------------------------- stream


class Reading:
    """A stream of this protocol, being read: the message is put together again, then decoded like a whole one."""

    __slots__ = ("_blocks", "_document", "_done", "_images", "_said", "_thinking")

    def __init__(self) -> None:
        self._document: Body = {}
        self._blocks: dict[object, Body] = {}  # by index, in the order of their first piece
        self._said: dict[object, SpokenText] = {}
        self._images: dict[object, list[bytes]] = {}
        self._thinking: object = None  # the index of the block that thought last
        self._done = False

    def feed(self, event: Event) -> Sequence[Delta]:
        """The deltas in this event. Raises ReplyError when the event is an error report."""
        if event.name == "contentBlockDelta":  # nearly all events are these
            body = json_event(event.data)
            return self._delta(_index(body), as_object(body.get("delta")))
        if problem := exception(event):
            raise problem
        return self._rare(event.name, json_event(event.data))

    def _rare(self, kind: str, body: Body) -> Sequence[Delta]:
        if kind == "contentBlockStart":
            start = as_object(body.get("start"))
            if "image" in start:
                self._blocks.setdefault(_index(body), {})["image"] = as_object(start["image"])
        elif kind == "contentBlockStop":
            return self._image(_index(body))
        elif kind == "messageStop":
            self._document["stopReason"] = body.get("stopReason")
        elif kind == "metadata":
            self._document["usage"] = body.get("usage")
            self._done = "stopReason" in self._document
        return ()

    def _delta(self, index: object, delta: Body) -> Sequence[Delta]:
        if "text" in delta:
            return self._text(index, delta["text"])
        if "reasoningContent" in delta:
            return self._thought(index, as_object(delta["reasoningContent"]).get("text"))
        if "image" in delta:
            source = as_object(as_object(delta["image"]).get("source"))
            self._blocks.setdefault(index, {"image": {}})
            self._images.setdefault(index, []).append(_bytes(source.get("bytes")))
        return ()

    def _text(self, index: object, text: object) -> Sequence[Delta]:
        shown = self._spoken(index, "text").add(as_text(text))
        return (Delta(shown),) if shown else ()

    def _thought(self, index: object, text: object) -> Sequence[Delta]:
        shown = self._spoken(index, "reasoning").add(as_text(text))
        if not shown:
            return ()
        gap = "\n\n" if self._thinking not in (None, index) else ""
        self._thinking = index
        return (Delta(reasoning=gap + shown),)

    def _spoken(self, index: object, kind: str) -> SpokenText:
        self._blocks.setdefault(index, {"kind": kind})
        return self._said.setdefault((index, kind), SpokenText())

    def _image(self, index: object) -> Sequence[Delta]:
        """The whole image, once its block has ended."""
        image = _image(self._whole_image(index))
        return (Delta(media=image),) if image else ()

    def _whole_image(self, index: object) -> Body:
        image = as_object(self._blocks.get(index, {}).get("image"))
        data = base64.b64encode(b"".join(self._images.get(index, ()))).decode()
        return {**image, "source": {"bytes": data}}

    def _block(self, index: object) -> Body:
        block: Body = {}
        if (index, "text") in self._said:
            block["text"] = self._said[index, "text"].whole()
        if (index, "reasoning") in self._said:
            thought = self._said[index, "reasoning"].whole()
            block["reasoningContent"] = {"reasoningText": {"text": thought}}
        if index in self._images:
            block["image"] = self._whole_image(index)
        return block

    def completion(self, reply: Reply) -> Completion:
        """The whole answer. TransportError (phase "cut-off") when the metadata at the end never came."""
        if not self._done:
            raise cut_off()
        return _completion(self._document, list(map(self._block, self._blocks)), reply)


def _index(body: Body) -> object:
    """Which block a piece belongs to; what is no number counts as the first."""
    index = body.get("contentBlockIndex")
    return index if isinstance(index, int) else 0


def fold() -> Fold:
    """A fresh reader for a streamed reply."""
    return Reading()


# ------------------------------------------------------------------------------------- errors, models


def exception(event: Event) -> ReplyError | None:
    """The typed error in a frame that reports one, None for any other. It comes inside a reply that said 200."""
    kind, space, code = event.name.partition(" ")
    if not space or kind not in ("exception", "error"):
        return None
    return _error(Reply(200, event.data.encode("utf-8", "replace")), code)


def error(reply: Reply) -> ReplyError:
    """The typed error for a reply with an error status."""
    # "ThrottlingException:http://internal.amazon.com/…", or "com.amazon…#ThrottlingException" in the body.
    code = reply.headers.get("x-amzn-errortype", "").partition(":")[0]
    return _error(reply, code)


def _error(reply: Reply, code: str) -> ReplyError:
    try:
        document = as_object(loads(reply.body.decode("utf-8", "replace")))
    except ValueError:
        document = {}
    code = code or as_text(document.get("__type")) or as_text(document.get("code"))
    code = code.rpartition("#")[2]
    messages = (document.get("message"), document.get("Message"), document.get("originalMessage"))
    return reply_error(
        reply,
        message=next((text for text in map(as_text, messages) if text), ""),
        # Streams write the same names with a small letter.
        codes=(code[:1].upper() + code[1:], document.get("originalStatusCode")),
    )


def models(reply: Reply) -> list[Model]:
    """The rows of ``GET /foundation-models`` or ``GET /inference-profiles`` of the control plane (botocore 1.44.5)."""
    document = json_document(reply)
    rows = map(as_object, as_list(document.get("modelSummaries")))
    profiles = map(as_object, as_list(document.get("inferenceProfileSummaries")))
    return [
        *(_model(row) for row in rows if as_text(row.get("modelId"))),
        *(_profile(row) for row in profiles if as_text(row.get("inferenceProfileId"))),
    ]


def next_page(reply: Reply) -> Mapping[str, str]:
    """The token of the page after this one, where there is one: profiles come in pages."""
    token = as_text(json_document(reply).get("nextToken"))
    return {"nextToken": token} if token else {}


def _model(row: Body) -> Model:
    return Model(
        name=row["modelId"],
        title=as_text(row.get("modelName")),
        inputs=_listed.kinds(row.get("inputModalities")),
        outputs=_listed.kinds(row.get("outputModalities")),
        retires=_listed.day(as_object(row.get("modelLifecycle")).get("endOfLifeTime")),
        details=row,
    )


def _profile(row: Body) -> Model:
    """An inference profile: a model's name for several regions. All ARNs of one profile name the same model."""
    arns = (as_text(as_object(it).get("modelArn")) for it in as_list(row.get("models")))
    return Model(
        name=row["inferenceProfileId"],
        title=as_text(row.get("inferenceProfileName")),
        stands_for=next((arn.rpartition("/")[2] for arn in arns if arn), None),
        details=row,
    )
