"""Gemini's generateContent, v1beta or v1; Vertex AI speaks it too.

POST {base}/models/{model}:generateContent, streamed as {base}/models/{model}:streamGenerateContent?alt=sse;
the base address ends in the version. Each event of a stream is a piece of a whole reply, and there is no end
marker: the stream is complete when a finish reason has come, and cut off otherwise. Without alt=sse, and from
some proxies, the pieces come as one JSON array, which is read too.

Facts: the types of the google-genai package 3.4 and Google's API documentation, November 2026. A refused
prompt is answered with status 200. Thoughts are marked parts, kept apart from the answer; the drafts of an
image that a model thinks in are dropped. One candidate is asked for, always.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any, cast
from urllib.parse import quote, urlsplit

from ..call import Reply, StreamFormat
from ..completion import Completion, Delta, FinishReason, Usage
from ..errors import Refused, ReplyError, RequestError
from ..events import Event
from ..request import Media, Message, Request, Schema
from . import Body, Fold, MediaLimits, Model, Quirks
from ._checks import GIVE_BYTES, check
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
    loads,
    merge,
    request_id,
    settings,
    unreadable,
)
from ._failures import reply_error

__all__ = [
    "GEMINI",
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
    "resource",
    "stream",
]

name: str = "gemini_content"
stream: StreamFormat = "sse"

THOUGHT = "generationConfig.thinkingConfig"


def _thinking(**how: Any) -> Mapping[str, Any]:
    return {"generationConfig": {"thinkingConfig": how}}


OFF = _thinking(thinkingBudget=0)
GEMINI = Quirks(
    fields={
        "max_tokens": ("generationConfig.maxOutputTokens",),
        "temperature": ("generationConfig.temperature",),
        "top_p": ("generationConfig.topP",),
        "top_k": ("generationConfig.topK",),
        "presence_penalty": ("generationConfig.presencePenalty",),
        "frequency_penalty": ("generationConfig.frequencyPenalty",),
        "stop": ("generationConfig.stopSequences",),
        "seed": ("generationConfig.seed",),
        "response_format": ("generationConfig.responseMimeType", "generationConfig.responseJsonSchema"),
        "modalities": ("generationConfig.responseModalities",),
        "aspect_ratio": ("generationConfig.imageConfig.aspectRatio",),
    },
    reasoning={
        "off": OFF,
        **{
            level: _thinking(thinkingLevel=level.upper(), includeThoughts=True)
            for level in ("low", "medium", "high")
        },
    },
    reasoning_budget=f"{THOUGHT}.thinkingBudget",
    limits={"reasoning": (1, 32_768)},
    stops=5,
    media=frozenset({"image", "audio", "video", "document"}),
    media_limits=MediaLimits(
        types={"image": ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")},
        source="Google's documentation of image understanding, 2026",
    ),
)
"""What Google's own servers take; the provider adds what its models refuse."""

# Models that think by a number of tokens; all later ones think by level (@ai-sdk/google, November 2026).
BUDGETED = r"gemini-2\.5|gemini-3-pro-image|gemini-robotics-er-1\.5"
# The levels as tokens: what Google's own OpenAI-compatible address makes of reasoning_effort.
BUDGETS: Mapping[str, Mapping[str, Any]] = {
    "off": OFF,
    "low": _thinking(thinkingBudget=1_024, includeThoughts=True),
    "medium": _thinking(thinkingBudget=8_192, includeThoughts=True),
    "high": _thinking(thinkingBudget=24_576, includeThoughts=True),
}

FINISH: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
}
_UNSAID = "FINISH_REASON_UNSPECIFIED"


def path(request: Request, *, stream: bool) -> str:
    """Where to send it; the model's name is part of the address. RequestError if it could lead elsewhere."""
    return resource(request.model) + (":streamGenerateContent?alt=sse" if stream else ":generateContent")


def resource(model: str) -> str:
    """A model as a part of the address: its name behind its folder, percent-encoded."""
    folder, _, bare = model.rpartition("/")
    if folder not in ("", "tunedModels") or bare.strip(".") == "" or not bare.isprintable() or "\\" in bare:
        raise RequestError(
            f"{model!r} is no model name of this protocol",
            field="model",
            hint="Give the plain name, such as gemini-3.8-flash, without models/ before it.",
        )
    return f"{folder or 'models'}/{quote(bare, safe='')}"


def notes(request: Request, quirks: Quirks) -> tuple[str, ...]:
    """That a level of thinking went out as a number of tokens."""
    level = request.config.reasoning
    if not isinstance(level, str) or level == "off" or quirks.reasoning is not GEMINI.reasoning:
        return ()
    if not re.match(BUDGETED, request.model):
        return ()
    tokens = BUDGETS[level]["generationConfig"]["thinkingConfig"]["thinkingBudget"]
    return (
        f"reasoning={level!r} was sent as a budget of {tokens:,} tokens: {request.model} takes no levels",
    )


# --------------------------------------------------------------------------------------------- encode

_ROLES = {"user": "user", "assistant": "model"}


def encode(request: Request, quirks: Quirks, *, stream: bool) -> Body:
    """The JSON body. RequestError for a setting or a medium that is not taken.

    System messages become `systemInstruction`, so they stand only at the start; turns of one role in a row
    become one turn.
    """
    check(request, quirks)
    _check_extra(request.config.extra)
    first = list(takewhile(lambda message: message.role == "system", request.messages))
    body: Body = {"contents": _contents(request.messages[len(first) :])}
    if first:
        body["systemInstruction"] = {"parts": [{"text": message.text} for message in first]}
    if quirks.reasoning is GEMINI.reasoning and re.match(BUDGETED, request.model):
        quirks = replace(quirks, reasoning=BUDGETS)
    merge(body, settings(request, quirks, _shaped(request), stream=stream))
    if isinstance(request.config.reasoning, int):
        body["generationConfig"]["thinkingConfig"].setdefault("includeThoughts", True)
    return body


def _check_extra(extra: Mapping[str, Any]) -> None:
    for found in ("contents", "systemInstruction", "system_instruction"):
        if found in extra:
            raise RequestError(f"extra must not hold {found!r}: the messages say it", field="extra")
    config: object = extra.get("generationConfig")
    if isinstance(config, Mapping) and "candidateCount" in config:
        raise RequestError("extra must not hold candidateCount: one answer is asked for", field="extra")


def _shaped(request: Request) -> Body:
    """The settings that are not sent as they are."""
    config = request.config
    shaped: Body = {"generationConfig.responseModalities": tuple(kind.upper() for kind in config.modalities)}
    wanted = config.response_format
    if wanted == "text":
        return {**shaped, "response_format": None}  # text is what all answer with
    schema = wanted.schema if isinstance(wanted, Schema) else None
    return {
        **shaped,
        "generationConfig.responseMimeType": "application/json",
        "generationConfig.responseJsonSchema": schema,
    }


def _contents(messages: Sequence[Message]) -> list[Body]:
    contents: list[Body] = []
    for message in messages:
        if message.role == "system":
            raise RequestError(
                "this protocol takes system messages only before the first turn",
                field="messages",
                hint="Move it to the start, or say it in a user message.",
            )
        # The API refuses empty texts, and beside other parts they say nothing.
        parts = [_part(part) for part in message.parts if part != ""] or [{"text": ""}]
        role = _ROLES[message.role]
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _part(part: str | Media) -> Body:
    if isinstance(part, str):
        return {"text": part}
    if part.url is not None:
        return {"fileData": _file(part, part.url)}
    return {"inlineData": {"mimeType": _media_type(part), "data": part.base64}}


# Text by another name; the documents that Gemini reads are PDF and text/*.
_AS_TEXT = ("application/json", "application/xml", "application/javascript", "application/yaml")


def _media_type(part: Media) -> str:
    if part.kind != "document" or part.media_type == "application/pdf" or part.media_type.startswith("text/"):
        return part.media_type
    if part.media_type in _AS_TEXT:
        return "text/plain"
    raise RequestError(
        f"this protocol does not take {part.media_type}",
        field="messages",
        hint="Documents are taken as PDF or as text: convert it first.",
    )


def fetches(medium: Media, quirks: Quirks) -> bool:
    """Whether Google fetches this medium, known by its URL, itself; of a type not known only its own and YouTube's."""
    typed = medium.kind in ("image", "document") and "*" not in medium.media_type
    return quirks.media_urls and (typed or _is_googles(medium.url or ""))


def _is_googles(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("youtu.be", "youtube.com") or host.endswith((".youtube.com", ".googleapis.com"))


def _file(part: Media, url: str) -> Body:
    """A file that Google fetches: of its Files API, on YouTube, or an image or document at any public address."""
    known = "*" not in part.media_type
    if _is_googles(url):
        return {"mimeType": part.media_type, "fileUri": url} if known else {"fileUri": url}
    if part.kind in ("audio", "video"):
        raise RequestError(
            f"this protocol fetches {part.kind} only from YouTube and from Google's Files API",
            field="messages",
            hint=GIVE_BYTES,
        )
    if not known:
        raise RequestError(
            f"the media type of {url} has to be said",
            field="messages",
            hint=f"Say it: Media.from_url(…, media_type='image/png'). {GIVE_BYTES}",
        )
    return {"mimeType": part.media_type, "fileUri": url}


# --------------------------------------------------------------------------------------------- decode


def decode(reply: Reply) -> Completion:
    """The completion in a whole reply. Unreadable, Refused or another ReplyError if there is none."""
    pieces = _array(reply)
    reading = Reading()
    if pieces is None:
        document = json_document(reply)
        reading.take(document, reply)
        return reading.whole(reply)
    for piece in pieces:
        reading.take(as_object(piece), reply)
    return reading.completion(reply)


def _array(reply: Reply) -> list[Any] | None:
    """The pieces of a stream that came as one JSON array, or None where the body is something else."""
    if not reply.body[:64].lstrip().startswith(b"["):
        return None
    try:
        return as_list(loads(reply.body.decode("utf-8", "replace")))
    except ValueError as problem:
        raise unreadable(reply, f"the reply is not JSON: {problem}") from None


def _field(body: Body, name: str, kind: type, reply: Reply) -> Any:
    """A field of the answer itself: what is missing may be missing, what is there must be what it says."""
    value = body.get(name)
    if value is None or value.__class__ is kind:
        return value
    raise unreadable(reply, f"{name} is not what this protocol says")


def usage(raw: Body) -> Usage:
    """Usage as everywhere here: this protocol counts thoughts beside the answer, so they are added."""
    prompt, tools = count(raw.get("promptTokenCount")), count(raw.get("toolUsePromptTokenCount"))
    said, thought = count(raw.get("candidatesTokenCount")), count(raw.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=None if prompt is None else prompt + (tools or 0),
        output_tokens=None if said is None and thought is None else (said or 0) + (thought or 0),
        cached_tokens=count(raw.get("cachedContentTokenCount")),
        reasoning_tokens=thought,
        details=counts(_by_kind(raw)),
    )


# Where the tokens are told apart by kind, and what they are counted as; a document is priced as a picture.
_DETAILS = {
    "promptTokensDetails": "input_{}_tokens",
    "toolUsePromptTokensDetails": "input_{}_tokens",
    "cacheTokensDetails": "cache_{}_read_tokens",
    "candidatesTokensDetails": "output_{}_tokens",
}
_KINDS = {"AUDIO": "audio", "IMAGE": "image", "DOCUMENT": "image", "VIDEO": "video"}


def _by_kind(raw: Body) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for field, form in _DETAILS.items():
        for row in map(as_object, as_list(raw.get(field))):
            kind = _KINDS.get(as_text(row.get("modality")))
            if kind is not None:
                name = form.format(kind)
                found[name] = found.get(name, 0) + (count(row.get("tokenCount")) or 0)
    return found


_EVENT = Reply(200, b"")  # stands for one event in errors, so that events are not copied


class Reading:
    """An answer being read, from one whole reply or from the pieces of a stream."""

    __slots__ = (
        "_answered",
        "_called",
        "_finish",
        "_head",
        "_media",
        "_message",
        "_said",
        "_thought",
        "_usage",
    )

    def __init__(self) -> None:
        self._head: Body = {}
        self._usage: Body = {}
        self._said = SpokenText()
        self._thought = SpokenText()
        self._media: list[Media] = []
        self._answered = False  # a candidate was there
        self._called = False  # a tool was
        self._finish = ""
        self._message = ""

    def feed(self, event: Event) -> Sequence[Delta]:
        """The deltas in this event. Raises ReplyError when the event is an error report."""
        data = event.data
        if data.startswith("[DONE]"):  # a proxy's habit
            return ()
        try:
            if not data.startswith("["):
                return self.take(json_event(data), _EVENT)
            pieces = _array(Reply(200, data.encode("utf-8", "replace"))) or ()
            return [delta for piece in pieces for delta in self.take(as_object(piece), _EVENT)]
        except ReplyError as problem:
            problem.body = problem.body or data[:2000]
            raise

    def take(self, body: Body, reply: Reply) -> list[Delta]:
        """The deltas in one piece, or in a whole reply."""
        if body.get("error"):
            raise _error(reply, body)
        for name in ("modelVersion", "responseId", "promptFeedback", "modelStatus"):
            if body.get(name):
                self._head[name] = body[name]
        self._usage.update(as_object(body.get("usageMetadata")))
        candidates: list[Any] = _field(body, "candidates", list, reply) or []
        return self._candidate(candidates[0], reply) if candidates else []

    def _candidate(self, candidate: Any, reply: Reply) -> list[Delta]:
        if not isinstance(candidate, dict):
            raise unreadable(reply, "a candidate is not what this protocol says")
        candidate = cast("Body", candidate)
        self._answered = True
        finish = as_word(_field(candidate, "finishReason", str, reply))
        self._finish = finish if finish not in ("", _UNSAID) else self._finish
        self._message = as_word(candidate.get("finishMessage")) or self._message
        content: Body = _field(candidate, "content", dict, reply) or {}
        parts: list[Any] = _field(content, "parts", list, reply) or []
        found = [self._part(part, reply) for part in parts]
        return [delta for delta in found if delta]

    def _part(self, part: Any, reply: Reply) -> Delta:
        if not isinstance(part, dict):
            raise unreadable(reply, "a part of the answer is not what this protocol says")
        part = cast("Body", part)
        thought = _field(part, "thought", bool, reply)
        text = _field(part, "text", str, reply) or ""
        if text:
            return Delta(reasoning=self._thought.add(text)) if thought else Delta(self._said.add(text))
        data: Body | None = _field(part, "inlineData", dict, reply)
        if data and not thought:
            self._media.append(_medium(data, reply))
            return Delta(media=self._media[-1])
        self._called = self._called or bool(part.get("functionCall"))
        return Delta()

    def completion(self, reply: Reply) -> Completion:
        """The whole answer. TransportError (phase "cut-off") when no finish reason ever came."""
        if not (self._finish or self._blocked):
            raise cut_off("the stream ended without a finish reason")
        return self.whole(reply)

    @property
    def _blocked(self) -> str:
        return as_text(as_object(self._head.get("promptFeedback")).get("blockReason"))

    def whole(self, reply: Reply) -> Completion:
        """The completion in what was read. Refused where a filter left nothing of it, Unreadable where nothing came."""
        ident = request_id(reply, self._head.get("responseId"))
        text, finish = self._said.whole(), finish_reason(self._finish, FINISH)
        if self._blocked and not self._answered:
            raise _refused(as_object(self._head["promptFeedback"]), ident)
        if not self._answered:
            raise unreadable(reply, "the reply holds no candidate")
        if finish == "content_filter" and not text.strip() and not self._media:
            words = self._message or f"a filter withheld the answer ({self._finish})"
            raise Refused(words, reason=self._finish, request_id=ident)
        return Completion(
            text=text,
            reasoning=self._thought.whole(),
            media=tuple(self._media),
            finish_reason="tool_calls" if finish == "stop" and self._called else finish,
            usage=usage(self._usage),
            model=as_word(self._head.get("modelVersion")),
            request_id=ident,
            timings=reply.timings,
            notes=self._remarks(),
            raw=reply,
        )

    def _remarks(self) -> tuple[str, ...]:
        """What the provider adds: why it stopped where it should not have, and that the model is to go."""
        remarks: list[str] = []
        if self._finish not in ("", "STOP", "MAX_TOKENS"):
            remarks.append(
                f"the answer ended with {self._finish}" + f": {self._message}" * bool(self._message)
            )
        status = as_object(self._head.get("modelStatus"))
        said = as_word(status.get("message"))
        if retired := as_word(status.get("retirementTime")):
            remarks.append(f"this model is retired on {retired[:10]}" + f": {said}" * bool(said))
        return tuple(remarks)


def _refused(feedback: Body, ident: str | None) -> Refused:
    reason = as_word(feedback.get("blockReason"))
    words = as_word(feedback.get("blockReasonMessage")) or f"the prompt was blocked ({reason})"
    return Refused(words, reason=reason, request_id=ident)


def _medium(raw: Body, reply: Reply) -> Media:
    """A generated medium; its type is read from its bytes where they tell."""
    data = as_text(raw.get("data")).replace("-", "+").replace("_", "/")
    try:
        return Media.from_base64(data, media_type=as_text(raw.get("mimeType")) or None)
    except RequestError as problem:
        raise unreadable(reply, f"a medium in the reply cannot be read: {problem.message}") from None


def fold() -> Fold:
    """A fresh reader for a streamed reply."""
    return Reading()


# --------------------------------------------------------------------------------------------- errors

# Reasons and statuses that say more than the HTTP status (google.api.ErrorReason, Gemini's troubleshooting
# page), and the common code that says the same.
_SAME: Mapping[object, str] = {
    "API_KEY_INVALID": "invalid_api_key",  # comes with 400
    "BILLING_DISABLED": "insufficient_quota",
    "FAILED_PRECONDITION": "insufficient_quota",  # no free tier there: billing has to be enabled
}
# google.rpc.Code, for errors inside a reply that said 200.
_STATUSES: Mapping[object, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


def error(reply: Reply) -> ReplyError:
    """The typed error for a reply with an error status; unary replies hold an object, streamed ones a list of one."""
    try:
        document = loads(reply.body.decode("utf-8", "replace"))
    except ValueError:
        document = {}
    found = [as_object(item) for item in (as_list(document) or [document])]
    return _error(reply, next((item for item in found if item.get("error")), found[0]))


def _error(reply: Reply, document: Body) -> ReplyError:
    inner = as_object(document.get("error"))
    details = [as_object(detail) for detail in as_list(inner.get("details"))]
    reason = next((text for detail in details if (text := as_text(detail.get("reason")))), "")
    status = as_text(inner.get("status"))
    same = "insufficient_quota" if _for_today(details) else _SAME.get(reason) or _SAME.get(status)
    found = reply_error(
        reply,
        message=as_text(inner.get("message")) or as_text(document.get("error")),
        codes=(reason, status, inner.get("code"), _STATUSES.get(status), same),
    )
    if found.retry_after is None:
        found.retry_after = next((wait for detail in details if (wait := _delay(detail)) is not None), None)
    return found


def _for_today(details: Sequence[Body]) -> bool:
    """Whether a daily quota is used up (google.rpc.QuotaFailure; its ids tell PerMinute from PerDay)."""
    broken = [as_object(item) for detail in details for item in as_list(detail.get("violations"))]
    return any("PerDay" in as_text(item.get("quotaId")) for item in broken)


def _delay(detail: Body) -> float | None:
    """Seconds in a google.rpc.RetryInfo, written as ``34.07s``."""
    said = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", as_text(detail.get("retryDelay")))
    return float(said[1]) if said else None


# --------------------------------------------------------------------------------------------- models


def models(reply: Reply) -> list[Model]:
    """The rows of ``GET {base}/models``, one page, without those that generate no content (embeddings…)."""
    document = json_document(reply)
    found = as_list(document.get("models")) or as_list(document.get("publisherModels"))  # Vertex AI's word
    return [_model(row) for row in map(as_object, found) if _generates(row)]


def next_page(reply: Reply) -> Mapping[str, str]:
    """The page that this one's token stands for."""
    token = as_text(json_document(reply).get("nextPageToken"))
    return {"pageToken": token} if token else {}


def _generates(row: Body) -> bool:
    methods = as_list(row.get("supportedGenerationMethods"))
    return bool(as_text(row.get("name"))) and (not methods or "generateContent" in methods)


def _model(row: Body) -> Model:
    return Model(
        name=re.sub(r"^(publishers/[^/]+/)?models/", "", as_text(row["name"])),
        title=as_text(row.get("displayName")),
        context=count(row.get("inputTokenLimit")),
        max_output=count(row.get("outputTokenLimit")),
        refuses=frozenset({"reasoning"} if row.get("thinking") is False else ()),
        details=row,
    )
