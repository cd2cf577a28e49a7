"""Typed errors for replies that hold no completion: by status and documented code, never by the words of a message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime

from ..call import Reply
from ..errors import (
    NotFound,
    QuotaExhausted,
    RateLimited,
    Refused,
    Rejected,
    ReplyError,
    ServerFailed,
    Unauthorized,
)
from . import Body
from ._common import as_list, as_object, as_word, dumps, loads, request_id, sound, start_of

__all__ = ["read_error", "reply_error", "retry_after"]

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
        body=start_of(reply),
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
