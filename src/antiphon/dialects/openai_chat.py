"""OpenAI Chat Completions, the protocol that most servers speak.

POST {base}/chat/completions; streamed as server-sent events. Read tolerantly, since every server has its own
idea of it (reasoning under two names, content as a list, usage early or late), but an end without a finish
reason is a cut-off stream, never an answer.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl

from ..call import Reply, StreamFormat
from ..completion import Completion, Delta, FinishReason, Usage
from ..errors import Refused, ReplyError, RequestError, Unreadable
from ..events import Event
from ..request import Media, Message, Request, Schema
from . import Body, Fold, Model, Quirks, _listed
from ._checks import GIVE_BYTES, check, laid_out
from ._common import (
    SpokenText,
    as_list,
    as_object,
    as_text,
    as_word,
    cost,
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

name: str = "openai_chat"
stream: StreamFormat = "sse"

FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",  # Together
    "length": "length",
    "model_length": "length",  # Mistral
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "error": "error",  # OpenRouter, Mistral
    "insufficient_system_resource": "error",  # DeepSeek
}

# OpenAI takes wav and mp3; the others are OpenRouter's names. A provider's quirks say which types it takes.
AUDIO_FORMATS: Mapping[str, str] = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
}

PARTS: Mapping[str, Mapping[str, Any]] = {
    "image": {"type": "image_url", "image_url": {"url": "{url}"}},
    "video": {"type": "video_url", "video_url": {"url": "{url}"}},
    "audio": {"type": "input_audio", "input_audio": {"data": "{base64}", "format": "{format}"}},
    "document": {"type": "file", "file": {"filename": "{name}", "file_data": "{data_url}"}},
}
"""How each kind of media is written, unless the provider's quirks (`parts`) say otherwise; places: PLACES."""

EFFORTS: Mapping[str, Mapping[str, Any]] = {
    "off": {"reasoning_effort": "none"},
    "low": {"reasoning_effort": "low"},
    "medium": {"reasoning_effort": "medium"},
    "high": {"reasoning_effort": "high"},
}
"""How most providers of this protocol are told how much to reason."""


def path(request: Request, *, stream: bool) -> str:  # noqa: ARG001 - one address for all
    return "chat/completions"


def notes(request: Request, quirks: Quirks) -> tuple[str, ...]:  # noqa: ARG001 - nothing is filled in
    return ()


# --------------------------------------------------------------------------------------------- encode


def encode(request: Request, quirks: Quirks, *, stream: bool) -> Body:
    """The JSON body. RequestError for a setting or a medium that is not taken."""
    check(request, quirks)
    body: Body = {"model": request.model} if request.model else {}
    body["messages"] = [_message(message, quirks) for message in laid_out(request, quirks)]
    if request.messages[-1].role == "assistant":
        body["messages"][-1] |= quirks.prefilled
        body |= quirks.turns.continued
    if stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    merge(body, settings(request, quirks, _shaped(request), stream=stream))
    return body


def _shaped(request: Request) -> Body:
    wanted = request.config.response_format
    if wanted is None:
        return {}
    if not isinstance(wanted, Schema):
        return {"response_format": {"type": "json_object" if wanted == "json" else "text"}}
    schema = {"name": wanted.name, "schema": wanted.schema, "strict": wanted.strict}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _message(message: Message, quirks: Quirks) -> Body:
    role = quirks.system_role if message.role == "system" else message.role
    if not message.media:
        return {"role": role, "content": message.text}
    return {"role": role, "content": [_part(part, quirks) for part in message.parts]}


def _part(part: str | Media, quirks: Quirks) -> Body:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    shape = quirks.parts.get(part.kind) or PARTS[part.kind]
    return {name: _filled(value, part) for name, value in shape.items()}


def fetches(medium: Media, quirks: Quirks) -> bool:
    """Whether the provider fetches this medium, known by its URL, itself: by the shape that its kind has here."""
    shape = quirks.parts.get(medium.kind) or PARTS[medium.kind]
    return quirks.media_urls and not _places(shape) & BYTES


def _places(shape: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    for value in shape.values():
        found |= _places(cast("Body", value)) if isinstance(value, Mapping) else {value} & PLACES.keys()
    return found


def _filled(value: Any, part: Media) -> Any:
    """`value` of a shape in PARTS with this medium put into its places."""
    if isinstance(value, Mapping):
        return {name: _filled(inner, part) for name, inner in cast("Body", value).items()}
    if value not in PLACES:
        return value
    if part.url is not None and value in BYTES:
        raise RequestError(
            f"this protocol takes {part.kind} input as bytes, not as a URL",
            field="messages",
            hint=GIVE_BYTES,
        )
    return PLACES[value](part)


def _audio_format(part: Media) -> str:
    try:
        return AUDIO_FORMATS[part.media_type]
    except KeyError:
        raise RequestError(
            f"this protocol has no name for {part.media_type}",
            field="messages",
            hint=f"It takes {', '.join(AUDIO_FORMATS)}.",
        ) from None


PLACES: Mapping[str, Callable[[Media], str]] = {
    "{url}": lambda part: part.url or part.data_url,
    "{url or base64}": lambda part: part.url or part.base64,
    "{data_url}": lambda part: part.data_url,
    "{base64}": lambda part: part.base64,
    "{format}": _audio_format,
    "{name}": lambda part: part.name or "document",
}
"""What can stand in a shape of PARTS: the medium's URL or itself as a data URL, its bytes, its format, its name."""

BYTES = frozenset({"{base64}", "{data_url}"})
"""The places that no URL fits into."""


# --------------------------------------------------------------------------------------------- decode


def decode(reply: Reply) -> Completion:
    """The completion in a whole reply. Unreadable, Refused or another ReplyError if there is none."""
    document = json_document(reply)
    if document.get("error") or document.get("object") == "error":
        raise error(reply)
    choices = as_list(document.get("choices"))
    if not choices:
        raise unreadable(reply, "the reply holds no choices")
    choice = as_object(choices[0])
    message = as_object(choice.get("message"))
    text, reasoning = _spoken(message)
    media, transcript = _media(message)
    return _completion(
        reply,
        documents=(document,),
        choice=choice,
        text=sound(text or transcript),
        reasoning=sound(reasoning),
        media=media,
        refusal=as_text(message.get("refusal")),
    )


def _completion(
    reply: Reply,
    *,
    documents: Sequence[Body],
    choice: Body,
    text: str,
    reasoning: str,
    media: Sequence[Media],
    refusal: str,
) -> Completion:
    """The completion, or the error that a reply of status 200 turns out to be. `documents`: where to look, in order."""
    finish = finish_reason(choice.get("finish_reason"), FINISH)
    ident = request_id(reply, _first(documents, "id"))
    orphan = False
    if text and not reasoning:
        reasoning, text, orphan = split(text)
    if finish == "error":
        raise read_error(reply, {"error": choice.get("error") or "the model failed while generating"})
    if not text and not media and (refusal or finish == "content_filter"):
        raise Refused(
            sound(refusal) or "the answer was blocked by a content filter",
            reason="refusal" if refusal else "content_filter",
            request_id=ident,
        )
    return Completion(
        text=text,
        reasoning=reasoning,
        media=tuple(media),
        finish_reason="refusal" if refusal else finish,
        usage=usage(as_object(_first(documents, "usage")), _first(documents, "service_tier")),
        model=as_word(_first(documents, "model")),
        fingerprint=as_word(_first(documents, "system_fingerprint")) or None,
        request_id=ident,
        timings=reply.timings,
        notes=(ORPHAN,) if orphan else (),
        raw=reply,
    )


def _first(documents: Sequence[Body], name: str) -> Any:
    for document in documents:
        if found := document.get(name):
            return found
    return None


def _spoken(message: Body) -> tuple[str, str]:
    """Text and reasoning of a message or a delta; the content may be a string, null, or a list of chunks."""
    content = message.get("content")
    reasoning = as_text(message.get("reasoning_content") or message.get("reasoning"))
    if not reasoning and message.get("reasoning_details"):
        reasoning = _details(message["reasoning_details"])
    if isinstance(content, str):
        return content, reasoning
    text = ""
    for chunk in map(as_object, as_list(content)):
        if chunk.get("type") == "thinking":
            reasoning += _thoughts(chunk.get("thinking"))
        else:
            text += as_text(chunk.get("text"))
    return text, reasoning


def _details(details: object) -> str:
    """OpenRouter's other form of the reasoning: texts and summaries; what is encrypted says nothing."""
    found = map(as_object, as_list(details))
    return "".join(as_text(detail.get("text")) or as_text(detail.get("summary")) for detail in found)


def _thoughts(thinking: object) -> str:
    if isinstance(thinking, str):
        return thinking
    return "".join(as_text(as_object(part).get("text")) for part in as_list(thinking))


def _media(message: Body) -> tuple[list[Media], str]:
    """Images and sound in a message, and the words of the sound."""
    media = [_image(image) for image in as_list(message.get("images"))]
    audio = as_object(message.get("audio"))
    if audio.get("data"):
        media.append(_sound(_base64(audio["data"])))
    return media, as_text(audio.get("transcript"))


def _image(image: object) -> Media:
    url = as_text(as_object(as_object(image).get("image_url")).get("url"))
    try:
        return Media.from_data_url(url) if url.startswith("data:") else Media.from_url(url, kind="image")
    except RequestError as problem:
        raise Unreadable(f"the reply holds an image that cannot be read: {problem}", status=200) from problem


def _base64(data: object) -> bytes:
    try:
        return base64.b64decode(as_text(data), validate=True)
    except binascii.Error as problem:
        raise Unreadable(f"the reply holds sound that is not base64: {problem}", status=200) from problem


def _sound(data: bytes) -> Media:
    return Media.from_bytes(data, media_type="audio/pcm")  # unless the bytes say what they are


def usage(raw: Body, tier: object = None) -> Usage:
    """Usage as every server of this protocol means it: cached tokens inside input, reasoning inside output."""
    given = as_object(raw.get("prompt_tokens_details") or raw.get("prompt_token_details"))
    cached = _known(
        given.get("cached_tokens"), raw.get("prompt_cache_hit_tokens"), raw.get("num_cached_tokens")
    )
    made = as_object(raw.get("completion_tokens_details"))
    reasoning = _known(made.get("reasoning_tokens"), raw.get("reasoning_tokens"))
    entered, spent = count(raw.get("prompt_tokens")), count(raw.get("completion_tokens"))
    total = count(raw.get("total_tokens"))
    if entered is not None and cached is not None and cached > entered:
        entered += cached
    if entered is not None and spent is not None and reasoning:
        # xAI counts reasoning beside the answer, all others inside: the total tells.
        spent += reasoning if reasoning > spent or total == entered + spent + reasoning else 0
    return Usage(
        input_tokens=entered,
        output_tokens=spent,
        cached_tokens=cached,
        cache_write_tokens=count(given.get("cache_write_tokens")),
        reasoning_tokens=reasoning,
        details=counts(
            {
                "input_audio_tokens": given.get("audio_tokens"),
                "input_image_tokens": given.get("image_tokens"),
                "output_audio_tokens": made.get("audio_tokens"),
                "output_image_tokens": made.get("image_tokens"),
            }
        ),
        tier=as_text(tier),
        cost=cost(raw),
    )


def _known(*values: object) -> int | None:
    for value in values:
        number = count(value)
        if number is not None:
            return number
    return None


# --------------------------------------------------------------------------------------------- stream


class Reading:
    """A stream of this protocol, being read."""

    __slots__ = (
        "_audio",
        "_choice",
        "_head",
        "_last",
        "_media",
        "_reasoning",
        "_refusal",
        "_sieve",
        "_text",
        "_usage",
    )

    def __init__(self) -> None:
        self._text = SpokenText()
        self._sieve = Sieve()
        self._reasoning = SpokenText()
        self._refusal = SpokenText()
        self._media: list[Media] = []
        self._audio = bytearray()
        self._choice: Body = {}  # the one with the finish reason
        self._head: Body = {}
        self._last: Body = {}
        self._usage: Body = {}

    def feed(self, event: Event) -> Sequence[Delta]:
        """The deltas in this event. Raises ReplyError when the event is an error report."""
        data = event.data
        if data[:6] == "[DONE]":
            return ()
        chunk = self._last = json_event(data)
        choices = chunk.get("choices")
        if "error" in chunk or not choices:
            self._check(event, chunk)
        if chunk.get("usage"):
            self._usage = chunk
        choice: Any = choices[0] if choices and choices.__class__ is list else None
        if choice.__class__ is not dict:  # usage, or a content filter's results
            return ()
        delta: Any = choice.get("delta")
        if choice.get("finish_reason"):
            return self._ended(chunk, choice, as_object(delta))
        if not delta or delta.__class__ is not dict:
            return ()
        content = delta.get("content")
        if len(delta) == 1 and content.__class__ is str:  # nearly all chunks are these
            shown = self._text.add(content)
            if self._sieve.done:
                return (Delta(shown),) if shown else ()
            return self._sieve.sifted(shown)
        return self._rare(chunk, delta)

    def _ended(self, chunk: Body, choice: Body, delta: Body) -> Sequence[Delta]:
        """The deltas in the chunk with the finish reason, and what was held back till then."""
        self._choice = choice
        return [*(self._rare(chunk, delta) if delta else ()), *self._sieve.close()]

    def _check(self, event: Event, chunk: Body) -> None:
        if chunk.get("error") or event.name == "error" or chunk.get("object") == "error":
            raise read_error(Reply(200, event.data.encode("utf-8", "replace")), chunk)

    def _rare(self, chunk: Body, delta: Body) -> Sequence[Delta]:
        """A delta with more in it than text: the first one, reasoning, a refusal, media."""
        if not self._head:
            self._head = chunk
        text, reasoning = _spoken(delta)
        self._refusal.add(as_text(delta.get("refusal")))
        audio = as_object(delta.get("audio"))
        if audio:
            self._audio += _base64(audio.get("data"))
            text = text or as_text(audio.get("transcript"))
        media = [_image(image) for image in as_list(delta.get("images"))]
        self._media += media
        held = self._sieve.close() if reasoning else ()
        found = self._sieve.add(self._text.add(text))
        if reasoning:
            found = Delta(found.text, self._reasoning.add(reasoning))
        return [*held, *([found] if found else []), *(Delta(media=medium) for medium in media)]

    def completion(self, reply: Reply) -> Completion:
        """The whole answer. TransportError (phase "cut-off") when no finish reason ever came."""
        aside = as_object(self._last.get("x_groq"))  # Groq's usage and errors
        if aside.get("error"):
            raise read_error(reply, aside)
        if not self._choice:
            raise cut_off()
        if self._audio:
            self._media.append(_sound(bytes(self._audio)))
            self._audio = bytearray()
        return _completion(
            reply,
            documents=(self._usage, self._head, self._last, aside),
            choice=self._choice,
            text=self._text.whole(),
            reasoning=self._reasoning.whole(),
            media=self._media,
            refusal=self._refusal.whole(),
        )


def fold() -> Fold:
    """A fresh reader for a streamed reply."""
    return Reading()


# ------------------------------------------------------------------------------------- errors, models


def error(reply: Reply) -> ReplyError:
    """The typed error for a reply with an error status, or with an error under status 200."""
    return read_error(reply)


def models(reply: Reply) -> list[Model]:
    """The rows of ``GET {base}/models``, with what each server adds to them."""
    rows = as_list(_listed.document(reply).get("data"))
    return [_listed.chat_row(row) for row in map(as_object, rows) if row.get("id")]


def next_page(reply: Reply) -> Mapping[str, str]:
    """The query of the next page's address (OpenRouter); only that, so that no reply can lead elsewhere."""
    address = as_text(as_object(_listed.document(reply).get("links")).get("next"))
    return dict(parse_qsl(address.partition("?")[2].partition("#")[0]))
