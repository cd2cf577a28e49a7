"""OpenAI Responses, the protocol of OpenAI's and xAI's newer models; vLLM, LM Studio and llama.cpp speak it too.

POST {base}/responses; streamed as named server-sent events. The terminal event (completed, incomplete or
failed) carries the whole response again and is what counts; a stream without it is a cut-off stream.

Facts: the types of the openai package 3.54. There is no seed, no stop text and no penalty in this protocol.
llama.cpp (2026.10) reports an answer that ran into max_output_tokens as completed, so its finish reason says
"stop" there; its chat and messages endpoints tell the truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from ..call import Reply, StreamFormat
from ..completion import Completion, Delta, FinishReason, Usage
from ..errors import Refused, ReplyError, RequestError
from ..events import Event
from ..request import Media, Message, Request, Schema
from . import Body, Fold, Model, Quirks, Turns
from ._checks import check, fetches_urls
from ._common import (
    SpokenText,
    as_list,
    as_object,
    as_text,
    as_word,
    cost,
    count,
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
from ._failures import read_error, reply_error
from ._thinking import ORPHAN, Sieve, split
from .openai_chat import models as chat_models
from .openai_chat import next_page

__all__ = [
    "COMPATIBLE",
    "OPENAI",
    "PAINTING",
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

name: str = "openai_responses"
stream: StreamFormat = "sse"
fetches = fetches_urls

# Answers are kept for 30 days or more unless the request says no.
_PRIVATE: Mapping[str, Any] = {"store": False}
_LEVELS = ("low", "medium", "high")

OPENAI = Quirks(
    fields={
        "max_tokens": ("max_output_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "response_format": ("text.format",),
    },
    # Without a summary asked for, nothing of the reasoning is ever returned.
    reasoning={
        "off": {"reasoning": {"effort": "none"}},
        **{level: {"reasoning": {"effort": level, "summary": "auto"}} for level in _LEVELS},
    },
    always=_PRIVATE,
    media=frozenset({"image", "document"}),
    # Each item is a finished one, and the model begins another.
    turns=Turns(refuses=frozenset({"prefill"})),
)
"""What OpenAI's own servers take; the provider adds what its models refuse."""

PAINTING = replace(
    OPENAI,
    fields={
        **OPENAI.fields,
        "modalities": ("tools", "tool_choice"),
        "aspect_ratio": ("tools",),
    },
)
"""The same with images in the answer, through the tool ``image_generation``."""

COMPATIBLE = Quirks(
    fields={
        **OPENAI.fields,
        "response_format": ("text.format", "json_schema"),
        "seed": ("seed",),
        "stop": ("stop",),
        "top_k": ("top_k",),
        "min_p": ("min_p",),
        "presence_penalty": ("presence_penalty",),
        "frequency_penalty": ("frequency_penalty",),
        "repeat_penalty": ("repeat_penalty", "repetition_penalty"),  # llama.cpp's name, vLLM's name
    },
    # The effort is for servers that know it; the template's switch for models whose template has one (Qwen…).
    reasoning={
        "off": {"reasoning": {"effort": "none"}, "chat_template_kwargs": {"enable_thinking": False}},
        **{
            level: {"reasoning": {"effort": level}, "chat_template_kwargs": {"enable_thinking": True}}
            for level in _LEVELS
        },
    },
    always=_PRIVATE,
    media=frozenset({"image", "document"}),
)
"""What llama.cpp's server honours beyond the protocol (tried: seed, stop, penalties, effort). It passes over
``text.format``, so a JSON Schema goes out under llama.cpp's own name for it too, ``json_schema``."""


def path(request: Request, *, stream: bool) -> str:  # noqa: ARG001 - one address for all
    return "responses"


def notes(request: Request, quirks: Quirks) -> tuple[str, ...]:  # noqa: ARG001 - nothing is filled in here
    return ()


# --------------------------------------------------------------------------------------------- encode


def encode(request: Request, quirks: Quirks, *, stream: bool) -> Body:
    """The JSON body. RequestError for a setting or a medium that is not taken.

    A system message at the start becomes `instructions`; all others stay where they stand.
    """
    check(request, quirks)
    body: Body = {"model": request.model} if request.model else {}
    messages = request.messages
    if messages[0].role == "system":
        body["instructions"] = messages[0].text
        messages = messages[1:]
    body["input"] = [_item(message, quirks) for message in messages]
    if stream:
        body["stream"] = True
    painting = _painting(request)
    merge(body, settings(request, quirks, {**_shaped(request), **painting}, stream=stream))
    if painting["tools"]:  # with those of extra, which would stand in their place
        body["tools"] = painting["tools"]
    return body


PAINTER = "image_generation"
# What all of OpenAI's image models take (openai 3.54, ImageGeneration.size); the newer ones take more.
SIZES: Mapping[str, str] = {"1:1": "1024x1024", "3:2": "1536x1024", "2:3": "1024x1536"}


def _painting(request: Request) -> Body:
    """The image tool, where images are wanted, and that it must be used, where nothing else is.

    What `extra` says of this tool (quality, background, output_format, size, model…) is added to it and wins;
    other tools there stay beside it.
    """
    config = request.config
    if "audio" in config.modalities:
        raise RequestError("this protocol gives no sound", field="modalities", hint="Ask for text or image.")
    if "image" not in config.modalities:
        if config.aspect_ratio is not None:
            raise RequestError(
                "aspect_ratio is for images, and none are asked for",
                field="aspect_ratio",
                hint="Give modalities='image' too, or leave aspect_ratio out.",
            )
        return {"tools": None, "tool_choice": None}
    _check_painter(request.model)
    size = {"size": _size(config.aspect_ratio)} if config.aspect_ratio is not None else {}
    given: object = config.extra.get("tools")
    more = cast("tuple[Any, ...]", given) if isinstance(given, tuple) else ()
    tools = [tool for tool in more if not _is_painter(tool)]
    painters = [tool for tool in more if _is_painter(tool)] or [{}]
    tools += [{"type": PAINTER, **size, **tool} for tool in painters]
    only = config.modalities == ("image",)
    return {"tools": tools, "tool_choice": {"type": PAINTER} if only else None}


def _check_painter(model: str) -> None:
    if re.match(r"(chat)?gpt-image", model):
        raise RequestError(
            f"{model} makes images only as the tool of another model",
            field="model",
            hint=f"Ask gpt-6-sol (or another), with extra={{'tools': [{{'type': '{PAINTER}', 'model': '{model}'}}]}}.",
        )


def _is_painter(tool: object) -> bool:
    return isinstance(tool, Mapping) and cast("Body", tool).get("type") == PAINTER


def _size(ratio: str) -> str:
    width, _, height = ratio.partition(":")
    for name, size in SIZES.items():
        wide, _, high = name.partition(":")
        if abs(float(width) * float(high) - float(height) * float(wide)) < 1e-6 * float(width) * float(high):
            return size
    raise RequestError(
        f"images of OpenAI's come with aspect_ratio {', '.join(SIZES)}, not {ratio}",
        field="aspect_ratio",
        hint="For another size, which the newer image models take, leave it out and give"
        f" extra={{'tools': [{{'type': '{PAINTER}', 'size': '1536x864'}}]}}.",
    )


def _shaped(request: Request) -> Body:
    wanted = request.config.response_format
    if wanted is None:
        return {}
    if not isinstance(wanted, Schema):
        bare = {"type": "object"} if wanted == "json" else None
        return {
            "response_format": {"type": "json_object" if wanted == "json" else "text"},
            "json_schema": bare,
        }
    flat = {"type": "json_schema", "name": wanted.name, "schema": wanted.schema, "strict": wanted.strict}
    return {"response_format": flat, "json_schema": wanted.schema}


def _item(message: Message, quirks: Quirks) -> Body:
    if message.role == "user":
        return {"type": "message", "role": "user", "content": [_part(part) for part in message.parts]}
    if message.role == "assistant":
        return _said("assistant", "output_text", message)
    return _said(quirks.system_role, "input_text", message)


def _said(role: str, kind: str, message: Message) -> Body:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": message.text}]}


def _part(part: str | Media) -> Body:
    if isinstance(part, str):
        return {"type": "input_text", "text": part}
    if part.kind == "image":
        return {"type": "input_image", "detail": "auto", "image_url": part.url or part.data_url}
    if part.kind != "document":
        raise RequestError(f"this protocol takes no {part.kind} input", field="messages")
    if part.url is not None:
        return {"type": "input_file", "file_url": part.url}
    return {"type": "input_file", "filename": part.name or "document", "file_data": part.data_url}


# --------------------------------------------------------------------------------------------- decode

# Errors of the request, in a reply of status 200 (openai 3.54, ResponseError.code); they stand for 400.
_REQUEST_FAULTS = frozenset(
    {
        "invalid_prompt",
        "data_residency_mismatch",
        "invalid_image",
        "invalid_image_format",
        "invalid_base64_image",
        "invalid_image_url",
        "image_too_large",
        "image_too_small",
        "image_parse_error",
        "invalid_image_mode",
        "image_file_too_large",
        "unsupported_image_media_type",
        "empty_image_file",
        "failed_to_download_image",
        "image_file_not_found",
    }
)
# A filter declined: codes of the same list that name a policy.
_POLICIES = frozenset(
    {
        "bio_policy",
        "misalignment_policy_violation",
        "image_content_policy_violation",
        "moderation_blocked",  # of an image (ImageGenerationCallError)
    }
)

_INCOMPLETE: Mapping[str, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}


def decode(reply: Reply) -> Completion:
    """The completion in a whole reply. Unreadable, Refused or another ReplyError if there is none."""
    return _completion(json_document(reply), reply)


def _completion(response: Body, reply: Reply) -> Completion:
    """The completion in a response object, whole or out of a stream's terminal event."""
    _check_status(response, reply)
    output = [as_object(item) for item in as_list(response["output"])]
    text = sound("".join(as_text(part.get("text")) for part in _parts(output, "output_text")))
    reasoning = sound("\n\n".join(filter(None, map(as_text, _thoughts(output)))))
    orphan = False
    if text and not reasoning:
        reasoning, text, orphan = split(text)
    refusal = sound("".join(as_text(part.get("refusal")) for part in _parts(output, "refusal")))
    media = tuple(_image(item, reply) for item in output if item.get("result") and _is_image(item))
    failed = [item for item in output if _is_image(item) and item.get("status") == "failed"]
    ident = request_id(reply, response.get("id"))
    if failed and not media and not text and not refusal:
        raise _not_painted(failed[0], reply, ident)
    finish = _finish(response, output, refusal)
    if finish == "stop" and not media and any(map(_blocked, failed)):
        finish = "content_filter"
    if finish in ("refusal", "content_filter") and not text and not media:
        raise Refused(
            refusal or "the answer was blocked by a content filter", reason=finish, request_id=ident
        )
    return Completion(
        text=text,
        reasoning=reasoning,
        media=media,
        finish_reason=finish,
        usage=usage(as_object(response.get("usage")), response.get("service_tier")),
        model=as_word(response.get("model")),
        request_id=ident,
        timings=reply.timings,
        notes=(*_remarks(output, refusal), *((ORPHAN,) if orphan else ())),
        raw=reply,
    )


def _parts(output: Sequence[Body], kind: str) -> Iterator[Body]:
    for item in output:
        if item.get("type") == "message":
            yield from (
                part for part in map(as_object, as_list(item.get("content"))) if part.get("type") == kind
            )


def _thoughts(output: Sequence[Body]) -> Iterator[object]:
    """The texts of all reasoning items: summaries (OpenAI), then reasoning in full (open models)."""
    for item in output:
        if item.get("type") == "reasoning":
            for part in (*as_list(item.get("summary")), *as_list(item.get("content"))):
                yield as_object(part).get("text")


def _is_image(item: Body) -> bool:
    return item.get("type") == "image_generation_call"


def _image(item: Body, reply: Reply) -> Media:
    subtype = as_text(item.get("output_format")) or "png"  # what it is when nothing else was asked for
    media_type = "image/svg+xml" if subtype == "svg" else f"image/{subtype}"
    try:
        return Media.from_base64(as_text(item.get("result")), media_type=media_type)
    except RequestError as problem:
        raise unreadable(reply, f"the reply holds an image that cannot be read: {problem}") from problem


def _blocked(item: Body) -> str:
    """The code with which moderation stopped this image, or nothing."""
    problem = as_object(item.get("error"))
    code = as_text(problem.get("code"))
    if code in _POLICIES or isinstance(problem.get("moderation_details"), dict):
        return code or "moderation_blocked"
    return ""


def _not_painted(item: Body, reply: Reply, ident: str | None) -> ReplyError | Refused:
    """The error for an image that failed where nothing else came."""
    problem = as_object(item.get("error"))
    message = as_text(problem.get("message")) or "no image was made, and the provider did not say why"
    if reason := _blocked(item):
        why = as_list(as_object(problem.get("moderation_details")).get("categories"))
        words = ", ".join(word for word in why if isinstance(word, str))
        return Refused(f"{message} ({words})" if words else message, reason=reason, request_id=ident)
    code, kind = problem.get("code"), problem.get("type")
    fault = kind == "image_generation_user_error" or code in _REQUEST_FAULTS
    codes = (code, kind, 400 if fault else 500)
    return reply_error(reply, message=message, codes=codes, request_id_in_body=ident)


def _finish(response: Body, output: Sequence[Body], refusal: str) -> FinishReason:
    if refusal:
        return "refusal"
    status = response.get("status")
    if status == "incomplete":
        return finish_reason(as_object(response.get("incomplete_details")).get("reason"), _INCOMPLETE)
    if status != "completed":
        return "other"
    called = any(item.get("type") in ("function_call", "custom_tool_call") for item in output)
    return "tool_calls" if called else "stop"


def _remarks(output: Sequence[Body], refusal: str) -> tuple[str, ...]:
    failed = [as_object(item.get("error")).get("message") for item in output if _is_image(item)]
    return (
        *((f"the model refused: {refusal}",) if refusal else ()),
        *(f"image generation failed: {message}" for message in failed if message),
    )


def _check_status(response: Body, reply: Reply) -> None:
    """Raise what a reply of status 200 turns out to be, if it is no answer."""
    status = response.get("status")
    if status == "failed":
        raise _failure(response, reply)
    if response.get("error"):
        raise read_error(reply, response)
    if status in ("queued", "in_progress"):
        raise unreadable(reply, f"the response is not finished: its status is {status}")
    if not isinstance(response.get("output"), list):
        raise unreadable(reply, "the reply holds no output")


def _failure(response: Body, reply: Reply) -> ReplyError | Refused:
    problem = as_object(response.get("error"))
    code = as_text(problem.get("code"))
    message = as_word(problem.get("message")) or "the response failed, and the provider did not say why"
    ident = request_id(reply, response.get("id"))
    if code in _POLICIES:
        return Refused(message, reason=code, request_id=ident)
    codes = (code, problem.get("type"), 400 if code in _REQUEST_FAULTS else 500)
    return reply_error(reply, message=message, codes=codes, request_id_in_body=ident)


def usage(raw: Body, tier: object = None) -> Usage:
    """Usage as this protocol counts: cached tokens inside input, reasoning inside output."""
    read, made = as_object(raw.get("input_tokens_details")), as_object(raw.get("output_tokens_details"))
    return Usage(
        input_tokens=count(raw.get("input_tokens")),
        output_tokens=count(raw.get("output_tokens")),
        cached_tokens=count(read.get("cached_tokens")),
        cache_write_tokens=count(read.get("cache_write_tokens")),
        reasoning_tokens=count(made.get("reasoning_tokens")),
        tier=as_text(tier),
        cost=cost(raw),
    )


# --------------------------------------------------------------------------------------------- stream

_THINKING = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")
_TERMINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


class Reading:
    """A stream of this protocol, being read."""

    __slots__ = ("_items", "_reasoning", "_response", "_sieve", "_text", "_thought")

    def __init__(self) -> None:
        self._text = SpokenText()
        self._reasoning = SpokenText()
        self._sieve = Sieve()
        self._thought: tuple[object, ...] | None = None  # which part of the reasoning came last
        self._items: list[Any] = []
        self._response: Body | None = None

    def feed(self, event: Event) -> Sequence[Delta]:
        """The deltas in this event. Raises ReplyError or Refused when it reports that there is no answer."""
        data = event.data
        if self._response is not None or data.startswith("[DONE]"):
            return ()
        body = json_event(data)
        kind = body.get("type") or event.name
        if kind == "response.output_text.delta":  # nearly all events are these
            shown = self._text.add(as_text(body.get("delta")))
            if self._sieve.done:
                return (Delta(shown),) if shown else ()
            return self._sieve.sifted(shown)
        return self._rare(as_text(kind), event, body)

    def _rare(self, kind: str, event: Event, body: Body) -> Sequence[Delta]:
        if kind == "error" or (body.get("error") and not body.get("type")):
            raise read_error(_so_far(event), body)
        if kind in _THINKING:
            return self._think(kind, body)
        if kind == "response.output_item.done":
            return self._item(event, as_object(body.get("item")))
        if kind in _TERMINAL:
            self._end(kind, event, as_object(body.get("response")))
            return self._sieve.close()
        return ()

    def _think(self, kind: str, body: Body) -> Sequence[Delta]:
        part = (kind, body.get("item_id"), body.get("summary_index"), body.get("content_index"))
        gap = "\n\n" if self._thought is not None and part != self._thought else ""
        held = self._sieve.close()
        shown = self._reasoning.add(gap + as_text(body.get("delta")))
        self._thought = part
        return [*held, *((Delta(reasoning=shown),) if shown else ())]

    def _item(self, event: Event, item: Body) -> Sequence[Delta]:
        self._items.append(item)
        if _is_image(item) and item.get("result"):
            return (Delta(media=_image(item, _so_far(event))),)
        return ()

    def _end(self, kind: str, event: Event, response: Body) -> None:
        """Keep the response in the terminal event; some servers leave the output or the status out of it."""
        status = kind.removeprefix("response.")
        response = {**response, "status": response.get("status") or status}
        if status == "failed":
            raise _failure(response, _so_far(event))
        if not response.get("output"):
            response["output"] = self._items
        self._response = response

    def completion(self, reply: Reply) -> Completion:
        """The whole answer. TransportError (phase "cut-off") when the terminal event never came."""
        if self._response is None:
            raise cut_off()
        return _completion(self._response, reply)


def _so_far(event: Event) -> Reply:
    """An error report inside a stream, as a reply of its own."""
    return Reply(200, event.data.encode("utf-8", "replace"))


def fold() -> Fold:
    """A fresh reader for a streamed reply."""
    return Reading()


# ------------------------------------------------------------------------------------- errors, models


def error(reply: Reply) -> ReplyError:
    """The typed error for a reply with an error status."""
    return read_error(reply)


def models(reply: Reply) -> list[Model]:
    """The rows of ``GET {base}/models``: the same listing as in the chat protocol."""
    return chat_models(reply)
