"""What all dialects share: reading JSON, refusing what cannot be honoured, settings on the wire, typed errors."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from itertools import groupby, pairwise
from typing import Any, NoReturn, cast

from ..call import Reply
from ..completion import FinishReason
from ..errors import (
    NotFound,
    QuotaExhausted,
    RateLimited,
    Refused,
    Rejected,
    ReplyError,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
    Unreadable,
)
from ..request import FrozenDict, Media, Message, Part, Request, Schema
from . import Body, Quirks, Refusal

__all__ = [
    "GIVE_BYTES",
    "SpokenText",
    "as_list",
    "as_object",
    "as_text",
    "as_word",
    "check",
    "cost",
    "count",
    "counts",
    "cut_off",
    "dumps",
    "fetches_urls",
    "finish_reason",
    "json_document",
    "json_event",
    "laid_out",
    "loads",
    "merge",
    "number",
    "put",
    "read_error",
    "reply_error",
    "request_id",
    "retry_after",
    "settings",
]

# ------------------------------------------------------------------------------------------------ JSON


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _plain_loads(text: str | bytes) -> Any:
    """The standard parser, strict: NaN and Infinity are refused, as RFC 8259 has it."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _fast_codec() -> Any:
    try:
        return importlib.import_module("orjson")
    except ImportError:
        return None


_orjson = _fast_codec()
_fast_loads: Callable[[str | bytes], Any] = _plain_loads if _orjson is None else _orjson.loads


def loads(text: str | bytes) -> Any:
    """`text` as JSON; ValueError if it is none. With orjson the same values sooner (whole numbers up to 64 bits)."""
    try:
        return _fast_loads(text)
    except ValueError:
        # orjson refuses lone surrogates and a byte order mark, which do occur; the standard parser decides.
        return _plain_loads(text)


def dumps(body: Any) -> bytes:
    """`body` as compact JSON in UTF-8."""
    if _orjson is not None:
        try:
            return cast("bytes", _orjson.dumps(body))
        except TypeError:  # an integer beyond 64 bits
            pass
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def json_document(reply: Reply) -> Body:
    """The JSON object in a reply's body (blank lines before it are keep-alives). Unreadable if there is none."""
    try:
        document = loads(reply.body.decode("utf-8", "replace"))
    except ValueError as error:
        raise unreadable(reply, f"the reply is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise unreadable(reply, f"the reply is a JSON {_kind(document)}, not an object")
    return cast("Body", document)


def json_event(data: str) -> Body:
    """The JSON object in one event of a stream. Unreadable if there is none."""
    try:
        document = _fast_loads(data)
    except ValueError:
        document = _slow_event(data)
    if document.__class__ is dict:
        return document
    problem = f"an event of the stream is a JSON {_kind(document)}, not an object"
    raise Unreadable(problem, status=200, body=data[:2000])


def _slow_event(data: str) -> Any:
    try:
        return _plain_loads(data)
    except ValueError as error:
        problem = f"an event of the stream is not JSON: {error}"
        raise Unreadable(problem, status=200, body=data[:2000]) from None


def unreadable(reply: Reply, message: str) -> Unreadable:
    """The error for a reply that says success and makes no sense."""
    kind = reply.content_type
    hint = "The address answers with a web page; is the API's path (often /v1) missing from base_url?"
    return Unreadable(
        message,
        status=reply.status,
        request_id=request_id(reply),
        body=_start(reply),
        hint=hint if kind == "text/html" else "",
    )


def _kind(value: object) -> str:
    names: dict[type, str] = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _start(reply: Reply) -> str:
    return reply.body[:8000].decode("utf-8", "replace")[:2000]


# Called for every chunk of a stream, so without cast(), which is a function call.


def as_object(value: Any) -> Body:
    """`value` if it is a JSON object, else an empty one: replies may say null or leave things out."""
    return value if value.__class__ is dict else {}


def as_list(value: Any) -> list[Any]:
    """`value` if it is a JSON array, else an empty one."""
    return value if value.__class__ is list else []


def as_text(value: object) -> str:
    """`value` if it is text, else an empty one."""
    return value if isinstance(value, str) else ""


def as_word(value: object) -> str:
    """`value` if it is text, as UTF-8 can carry it: for names and messages that come in one piece."""
    return sound(value) if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """`value` if it is a number of tokens, else None: not said."""
    found = number(value)
    return None if found is None or found < 0 else int(found)


def number(value: object) -> int | float | None:
    """`value` if it is a number that has an end, else None. (JSON may say 1e999, which is read as infinite.)"""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_END < value < _END else None


_END = 1e300  # further than anything is counted, and still a float


def counts(said: Mapping[str, object]) -> Mapping[str, int]:
    """Those of the named numbers of tokens that are said and not zero."""
    found = {name: number for name, value in said.items() if (number := count(value))}
    return FrozenDict(found) if found else NOTHING


NOTHING: Mapping[str, int] = FrozenDict()
TICKS = 10**10  # to the US dollar (docs.x.ai, cost tracking, November 2026)


def cost(usage: Body) -> float | None:
    """What the provider says this call costs, in US dollars; None where it does not say.

    `cost` is OpenRouter's; where the user's own key was used there (`is_byok`) it is the fee alone, and what the
    model's provider charges stands beside it. `cost_in_usd_ticks` is xAI's.
    """
    ticks, told = _money(usage.get("cost_in_usd_ticks")), _money(usage.get("cost"))
    if told is None:
        return None if ticks is None else ticks / TICKS
    upstream = as_object(usage.get("cost_details")).get("upstream_inference_cost")
    return told + ((_money(upstream) or 0.0) if usage.get("is_byok") is True else 0.0)


def _money(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e18:
        return None
    return float(value)


class SpokenText:
    """Text that arrives in pieces. `add` gives what may be shown now, `whole` everything at the end.

    Servers that cut strings by UTF-16 units send one emoji as two halves, each an escaped lone surrogate: the
    first half waits for the second, so that no piece holds text that UTF-8 cannot carry.
    """

    __slots__ = ("_pieces", "_waiting")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._waiting = ""

    def add(self, piece: str) -> str:
        if not piece.isascii() or self._waiting:
            piece = self._mended(piece)
        self._pieces.append(piece)
        return piece

    def _mended(self, piece: str) -> str:
        piece, self._waiting = self._waiting + piece, ""
        if "\ud800" <= piece[-1:] <= "\udbff":
            piece, self._waiting = piece[:-1], piece[-1]
        return sound(piece)

    def whole(self) -> str:
        tail = "\ufffd" if self._waiting else ""
        return "".join(self._pieces) + tail


def sound(text: str) -> str:
    """`text` with halves of surrogate pairs joined, and those without a partner replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


# ------------------------------------------------------------------------------- what can be honoured


def check(request: Request, quirks: Quirks) -> None:
    """Refuse what the provider or the model does not take. RequestError names the setting.

    The one place for this rule: every dialect calls it before it encodes.
    """
    given = request.config.given()
    _check_turns(request, quirks)
    for refusal in quirks.refusals:
        _check_family(request, refusal, given)
    _check_taken(request, quirks, given)
    for name, (low, high) in quirks.limits.items():
        value = given.get(name)
        if isinstance(value, int | float) and not low <= value <= high:
            raise RequestError(
                f"{request.provider} takes {name} from {low:g} to {high:g}, not {value!r}", field=name
            )
    if len(request.config.stop) > quirks.stops:
        raise RequestError(
            f"{request.provider} takes at most {quirks.stops} stop texts, not {len(request.config.stop)}",
            field="stop",
        )
    _check_media(request, quirks)


# Fields of `extra` that would turn the request into another one than the values say.
_OURS = ("model", "messages", "input", "system", "instructions", "stream", "n")


def _check_taken(request: Request, quirks: Quirks, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name == "extra":
            _check_extra(value)
        elif name == "reasoning":
            _check_reasoning(request, quirks, value)
        elif name not in quirks.fields and value not in ("text", ("text",)):  # text is what all answer with
            raise RequestError(
                f"{request.provider} does not take {name}", field=name, hint=_what_is_taken(quirks)
            )


def _what_is_taken(quirks: Quirks) -> str:
    names = {*quirks.fields}
    if quirks.reasoning or quirks.reasoning_budget:
        names.add("reasoning")
    return f"Leave it out, or ask a provider that takes it; here you may set {', '.join(sorted(names))}."


def _check_extra(extra: Mapping[str, Any]) -> None:
    for name in _OURS:
        if name in extra:
            raise RequestError(
                f"extra must not hold {name!r}: it is part of the request itself", field="extra"
            )


def _check_reasoning(request: Request, quirks: Quirks, value: object) -> None:
    if isinstance(value, str) and value in quirks.reasoning:
        return
    if isinstance(value, int) and quirks.reasoning_budget:
        return
    choices = [*quirks.reasoning, *(["a budget in tokens"] if quirks.reasoning_budget else [])]
    raise RequestError(
        f"{request.provider} does not take reasoning={value!r}",
        field="reasoning",
        hint=f"It takes {', '.join(choices)}." if choices else "Leave reasoning out.",
    )


def _check_family(request: Request, refusal: Refusal, given: Mapping[str, Any]) -> None:
    if not re.match(refusal.models, request.model):
        return
    if refusal.unless_reasoning_off and given.get("reasoning") == "off":
        return
    if refusal.together:
        _check_together(request, refusal, given)
        return
    for kind in sorted({medium.kind for medium in request.media} & refusal.settings):
        raise RequestError(
            f"the model {request.model} takes no {kind} input",
            field="messages",
            hint=_way_out(f"{kind} input", refusal),
        )
    for name, value in given.items():
        if name in refusal.settings or _exact(name, value) & refusal.settings:
            shown = "a JSON Schema" if isinstance(value, Schema) else repr(value)
            what = name if name in refusal.settings else f"{name}={shown}"
            raise RequestError(
                f"the model {request.model} does not take {what}", field=name, hint=_way_out(what, refusal)
            )


def _exact(name: str, value: object) -> frozenset[str]:
    """What a Refusal calls this setting with this value: texts by themselves, the others by what they are."""
    if name == "modalities":
        return frozenset(f"{name}={kind}" for kind in cast("tuple[str, ...]", value))
    kind = "schema" if isinstance(value, Schema) else value if isinstance(value, str) else "budget"
    return frozenset({f"{name}={kind}"})


def _check_together(request: Request, refusal: Refusal, given: Mapping[str, Any]) -> None:
    *others, last = sorted(refusal.settings)
    if refusal.settings <= given.keys():
        raise RequestError(
            f"the model {request.model} does not take {last} together with {', '.join(others)}",
            field=last,
            hint=_way_out(last, refusal),
        )


def _way_out(name: str, refusal: Refusal) -> str:
    ways = ["Leave it out"]
    if refusal.unless_reasoning_off:
        ways.append("set reasoning='off'")
    if refusal.takers:
        ways.append(f"use {refusal.takers}, which take {name}")
    return f"{' or '.join(ways)} (source: {refusal.source})."


GIVE_BYTES = "Give the bytes or the path, or allow it to be fetched here: fetch_media=True (--fetch-media)."
"""The way out where a provider does not fetch a URL itself."""


def fetches_urls(medium: Media, quirks: Quirks) -> bool:  # noqa: ARG001 - the same for all media
    """Whether the provider fetches media itself, where the kind of medium makes no difference."""
    return quirks.media_urls


def _check_media(request: Request, quirks: Quirks) -> None:
    for medium in request.media:
        if medium.kind not in quirks.media and medium.media_type not in quirks.media:
            raise RequestError(
                f"{request.provider} takes no {medium.kind} input of type {medium.media_type}",
                field="messages",
                hint=f"Besides text it takes {', '.join(sorted(quirks.media)) or 'nothing'}.",
            )
        if medium.url is not None and not quirks.media_urls:
            raise RequestError(
                f"{request.provider} does not fetch {medium.kind} URLs",
                field="messages",
                hint=GIVE_BYTES,
            )


# --------------------------------------------------------------------------------- the conversation

# Ways to lay out a conversation that not all take, by their names in Turns and Refusal: what it is, and what to do.
_LAYOUTS: Mapping[str, tuple[str, str]] = {
    "prefill": (
        "a last message of the assistant's to go on with (prefill)",
        "End with a user message that says how to begin.",
    ),
    "prefill_space": (
        "a last message of the assistant's that ends in white space",
        "Strip it: the model writes the space itself.",
    ),
    "late_system": (
        "system messages after the first turn",
        "Move it to the start, or say it in a user message.",
    ),
    "system_after_assistant": (
        "a system message right behind the assistant's",
        "Move it to the start, or behind a user message.",
    ),
    "first_assistant": (
        "a conversation that begins with the assistant",
        "Put the user message before it that it answers.",
    ),
}


def _layout(messages: Sequence[Message]) -> set[str]:
    """Which of these ways this conversation is laid out in."""
    roles = [message.role for message in messages]
    if roles[-1] == "user" and roles.count("user") == len(roles):  # nearly all
        return set()
    turns = [role for role in roles if role != "system"]
    found: set[str] = set()
    if roles[-1] == "assistant":
        found.add("prefill")
        if messages[-1].text[-1:].isspace():
            found.add("prefill_space")
    if turns[0] == "assistant":
        found.add("first_assistant")
    if "system" in roles[roles.index(turns[0]) :]:
        found.add("late_system")
    if any(pair == ("assistant", "system") for pair in pairwise(roles)):
        found.add("system_after_assistant")
    return found


def _check_turns(request: Request, quirks: Quirks) -> None:
    """Refuse a conversation that the provider or the model does not take as it is laid out."""
    layout = _layout(request.messages)
    if not layout:
        return
    for name in sorted(layout & quirks.turns.refuses):
        what, way = _LAYOUTS[name]
        raise RequestError(f"{request.provider} does not take {what}", field="messages", hint=way)
    for refusal in quirks.refusals:
        for name in sorted(layout & refusal.settings) if re.match(refusal.models, request.model) else ():
            what, way = _LAYOUTS[name]
            others = f" Or use {refusal.takers}, which take it" if refusal.takers else ""
            raise RequestError(
                f"the model {request.model} does not take {what}",
                field="messages",
                hint=f"{way}{others} (source: {refusal.source}).",
            )


def laid_out(request: Request, quirks: Quirks) -> Sequence[Message]:
    """The messages as the model's template takes them, joined where it must be; see `Turns`.

    Several last messages of the assistant's are one prefill, so they are always joined, with nothing between.
    """
    messages, turns, model = request.messages, quirks.turns, request.model.lower()
    if len(messages) == 1:
        return messages
    if turns.systemless and re.match(turns.systemless, model):
        messages = _without_system(messages)
    if turns.alternating and re.match(turns.alternating, model):
        grouped = groupby(messages, lambda message: message.role)
        return [_joined(tuple(group), "\n\n") for _, group in grouped]
    last = len(messages) - 1
    while last and messages[last - 1].role == messages[last].role == "assistant":
        last -= 1
    return messages if last == len(messages) - 1 else [*messages[:last], _joined(messages[last:], "")]


def _without_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    return tuple(
        Message("user", *message.parts) if message.role == "system" else message for message in messages
    )


def _joined(messages: Sequence[Message], gap: str) -> Message:
    """These turns of one role as one turn."""
    parts: list[Part] = []
    for message in messages:
        first, *rest = message.parts
        if parts and isinstance(first, str) and isinstance(before := parts[-1], str):
            parts[-1:] = [before + gap + first, *rest]
        else:
            parts += message.parts
    return Message(messages[0].role, *parts)


# --------------------------------------------------------------------------------- settings on the wire


def settings(
    request: Request, quirks: Quirks, shaped: Mapping[str, Any] | None = None, *, stream: bool = False
) -> Body:
    """The fields that carry the settings and the seed, under the provider's names; call `check` first.

    `shaped` gives the wire value where it is not simply the setting's own (response_format), by setting, or by
    wire field where two fields carry one setting differently; None leaves it out. A wire field with dots lies
    deeper: ``options.seed``. `Config.extra` comes last and wins.
    """
    body: Body = {}
    values = {**request.config.given(), **(shaped or {})}
    if request.wire_seed is not None:
        values["seed"] = request.wire_seed
    for name, value in values.items():
        for wire in quirks.fields.get(name, ()) if value is not None else ():
            sent = (shaped or {}).get(wire, value)
            if sent is not None:
                put(body, wire, list(cast("tuple[Any, ...]", sent)) if isinstance(sent, tuple) else sent)
    merge(body, _reasoning(request, quirks))
    merge(body, quirks.always)
    if stream:
        merge(body, quirks.streamed)
    if "seed" in values and "seed" in quirks.fields:
        merge(body, quirks.seeded)
    merge(body, request.config.extra)
    if request.config.extra.get(quirks.cache_field, "") is None:  # no marks wanted
        del body[quirks.cache_field]
    return body


def _reasoning(request: Request, quirks: Quirks) -> Body:
    wanted = request.config.reasoning
    body: Body = {}
    if isinstance(wanted, str):
        merge(body, quirks.reasoning[wanted])
    elif wanted is not None and quirks.reasoning_budget:
        put(body, quirks.reasoning_budget, wanted)
    return body


def put(body: Body, path: str, value: Any) -> None:
    """Set the field at `path`; dots lead into objects, which are made where they are missing."""
    *parents, last = path.split(".")
    for name in parents:
        body = body.setdefault(name, {})
    body[last] = value


def merge(body: Body, more: Mapping[str, Any]) -> None:
    """Add `more` to `body`, object by object; where both say something, `more` wins."""
    for name, value in more.items():
        if isinstance(value, Mapping):
            before = body.get(name)
            # A copy, since what is there may be frozen.
            body[name] = inner = {**cast("Body", before)} if isinstance(before, dict) else {}
            merge(inner, cast("Mapping[str, Any]", value))
        else:
            body[name] = value


# ---------------------------------------------------------------------------------------------- replies


def finish_reason(raw: object, known: Mapping[str, FinishReason]) -> FinishReason:
    """The common name of a provider's finish reason; these are open sets, so an unknown one is "other"."""
    return known.get(raw, "other") if isinstance(raw, str) else "other"


_REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "mistral-correlation-id")


def request_id(reply: Reply, fallback: object = None) -> str | None:
    """The provider's name for this request: from the headers, else `fallback` from the body, else None."""
    for name in _REQUEST_IDS:
        if value := reply.headers.get(name):
            return value
    return as_word(fallback) or None


def cut_off(what: str = "the stream ended without its end marker") -> TransportError:
    """The error for a stream that just stopped: what came is not the whole answer."""
    return TransportError(
        what,
        phase="cut-off",
        before_output=False,
        hint="The connection or the server broke off; ask again.",
    )


# ----------------------------------------------------------------------------------------------- errors

# Documented codes that decide alone, whatever the status.
_BY_CODE: Mapping[str, type[ReplyError]] = {
    # OpenAI
    "insufficient_quota": QuotaExhausted,
    "credit_balance_exhausted": QuotaExhausted,
    "invalid_api_key": Unauthorized,
    "model_not_found": NotFound,
    "rate_limit_exceeded": RateLimited,
    "slow_down": RateLimited,
    "server_is_overloaded": ServerFailed,
    # Anthropic
    "billing_error": QuotaExhausted,
    "enforced_spend_limit_reached": QuotaExhausted,
    "contract_spend_limit_reached": QuotaExhausted,
    # OpenRouter (error.metadata.limit_source)
    "openrouter_credits": QuotaExhausted,
    "openrouter_key_limit": QuotaExhausted,
    "openrouter_in_flight_budget": RateLimited,
    # Groq, with the status 498
    "capacity_exceeded": RateLimited,
    # AWS: the status alone (400, 408, 424) would blame the request
    "ServiceQuotaExceededException": QuotaExhausted,
    "ThrottlingException": RateLimited,
    "ModelNotReadyException": RateLimited,
    "ModelTimeoutException": ServerFailed,
    "ModelErrorException": ServerFailed,
    "ModelStreamErrorException": ServerFailed,
}

# The HTTP status that an error type stands for, where it comes inside a reply that said 200.
_STATUS_OF_CODE: Mapping[str, int] = {
    "invalid_request_error": 400,
    "invalid-argument": 400,  # xAI
    "exceed_context_size_error": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "api_error": 500,
    "not_supported_error": 501,
    "unavailable_error": 503,
    "server_is_overloaded": 503,
    "timeout_error": 504,
    "overloaded_error": 529,
    "ValidationException": 400,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ModelTimeoutException": 408,
    "ModelStreamErrorException": 424,
    "ThrottlingException": 429,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
}


def reply_error(
    reply: Reply,
    *,
    message: str = "",
    codes: Iterable[object] = (),
    provider: str = "",
    request_id_in_body: object = None,
) -> ReplyError:
    """The typed error for a reply that holds no completion, by status and documented code.

    `codes` are all codes and types the error carries, the most telling first: texts, or numbers that stand
    for a status. Where the reply itself said success, the status is the one its code stands for.
    """
    known = [code for code in codes if isinstance(code, str | int) and not isinstance(code, bool) and code]
    texts = [code for code in known if isinstance(code, str)]
    status = _status(reply, known)
    kind = next((_BY_CODE[code] for code in texts if code in _BY_CODE), None) or _by_status(status)
    return kind(
        sound(message).strip() or f"the provider answered with status {reply.status}",
        status=status,
        provider=provider,
        code=sound(texts[0]) if texts else str(known[0]) if known else "",
        request_id=request_id(reply, request_id_in_body),
        body=_start(reply),
        retry_after=retry_after(reply),
        hint=_REDIRECTED if 300 <= status < 400 else "",
    )


def read_error(reply: Reply, document: Body | None = None) -> ReplyError:
    """The typed error in a reply (or in `document`, one event of it), in any of the shapes in use.

    ``{"error": {"message", "type", "code"}}`` (OpenAI and most others), ``{"type": "error", "error": …}``
    (Anthropic), ``{"error": "text", "code": …}`` (xAI, Ollama), ``{"message", "type", "code"}`` (Mistral),
    ``{"detail": […]}`` (servers built on FastAPI), or no JSON at all (a proxy). Raises Refused where the code
    says that a filter or the model declined.
    """
    if document is None:
        try:
            document = as_object(loads(reply.body.decode("utf-8", "replace")))
        except ValueError:
            document = {}
    inner = as_object(document.get("error"))
    codes = (
        as_object(inner.get("details")).get("error_code"),
        as_object(inner.get("metadata")).get("limit_source"),
        inner.get("code"),
        inner.get("type"),
        document.get("code"),
        document.get("type") if document.get("type") != "error" else None,
    )
    messages = (inner.get("message"), document.get("error"), document.get("message"), document.get("detail"))
    message = next((text for text in map(_words, messages) if text), "")
    _check_declined(reply, inner, message)
    return reply_error(
        reply,
        message=message,
        codes=codes,
        request_id_in_body=document.get("request_id"),
    )


# Codes that say a filter or the model declined: Azure's (error.code), OpenRouter's (error.metadata.error_type).
_DECLINED = ("content_filter", "content_policy_violation", "refusal")


def _check_declined(reply: Reply, error: Body, message: str) -> None:
    metadata = as_object(error.get("metadata"))
    reason = next(
        (code for code in (error.get("code"), metadata.get("error_type")) if code in _DECLINED), None
    )
    if reason is None:
        return
    found = as_object(as_object(error.get("innererror")).get("content_filter_result"))
    why = [as_word(name) for name, result in found.items() if as_object(result).get("filtered") is True]
    why += [word for text in as_list(metadata.get("reasons")) if (word := as_word(text))]
    raise Refused(
        f"{message} ({', '.join(why)})" if why else message or "a content filter declined",
        reason=reason,
        request_id=request_id(reply),
    )


def _words(message: object) -> str:
    """An error message as text: some servers put objects or lists of complaints there."""
    if isinstance(message, str):
        return sound(message)
    try:
        return dumps(message).decode()[:500] if message else ""
    except (
        ValueError,
        RecursionError,
    ):  # read from JSON, but nothing to write: nested too deeply, half an emoji
        return ""


_REDIRECTED = "Redirects are never followed, since they could carry the key elsewhere: correct base_url."


def _status(reply: Reply, codes: list[str | int]) -> int:
    if reply.status >= 300:
        return reply.status
    for code in codes:
        status = (
            code if isinstance(code, int) else int(code) if code.isdecimal() else _STATUS_OF_CODE.get(code)
        )
        if status is not None and 400 <= status < 600:
            return status
    return reply.status


def _by_status(status: int) -> type[ReplyError]:
    if status in (401, 403):
        return Unauthorized
    if status == 402:
        return QuotaExhausted
    if status == 404:
        return NotFound
    if status == 429:
        return RateLimited
    # 501 (RFC 9110: the server cannot do this at all) would fail again just the same.
    return Rejected if 300 <= status < 500 or status == 501 else ServerFailed


def retry_after(reply: Reply) -> float | None:
    """Seconds to wait, from ``retry-after-ms`` or ``retry-after`` (seconds, or a date against the reply's own)."""
    milliseconds = _seconds(reply.headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = reply.headers.get("retry-after")
    seconds = _seconds(value)
    return _until(value, reply.headers.get("date")) if seconds is None else seconds


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _until(value: str | None, now: str | None) -> float | None:
    if not value or not now:
        return None
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(now)
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())
