"""Everything that can go wrong, drawn as a tree.

AntiphonError                what happened (``message``) and what to do (``hint``)
├── RequestError             ours to fix before sending: a wrong value, an unsupported setting, bad media
│   ├── CredentialError      no key found, or a key not allowed for this host
│   └── BudgetExceeded       the call could cost more than what is left of the budget
├── TransportError           no whole reply: connect, TLS, deadline, cut-off stream        retryable
│   └── Cancelled            the caller gave up; the request was closed on the wire
├── ReplyError               a reply, but no completion: status, request id, provider, start of the body
│   ├── Unauthorized         401, 403
│   ├── NotFound             404: no such model or endpoint
│   ├── RateLimited          429; ``retry_after`` in seconds                               retryable
│   ├── QuotaExhausted       out of money or quota: waiting does not help
│   ├── Rejected             any other 4xx
│   ├── ServerFailed         5xx and 529                                                   retryable
│   ├── Unreadable           a success status, but not decodable
│   └── SchemaFailed         an answer, but not the JSON that was asked for: text, problems
├── Refused                  the model or a filter declined, and nothing usable came
├── ReplayError              nothing recorded, a row that does not verify, a store that is locked or full
├── LedgerError              a budget is set, and what is spent cannot be written down: nothing was sent
└── ClusterError             a cluster that cannot be used: none there, other versions on it, no worker left

Errors are chosen by status and documented code, never by guessing at message text.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

__all__ = [
    "AntiphonError",
    "BudgetExceeded",
    "Cancelled",
    "ClusterError",
    "CredentialError",
    "LedgerError",
    "NotFound",
    "QuotaExhausted",
    "RateLimited",
    "Refused",
    "Rejected",
    "ReplayError",
    "ReplyError",
    "RequestError",
    "SchemaFailed",
    "ServerFailed",
    "TransportError",
    "Unauthorized",
    "Unreadable",
]

Phase = Literal["", "connect", "tls", "deadline", "cut-off", "too-large", "cancelled"]


class AntiphonError(Exception):
    """The root of the tree: ``except AntiphonError`` catches everything Antiphon raises on purpose."""

    retryable: ClassVar[bool] = False
    hint: str = ""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint

    @property
    def message(self) -> str:
        """What happened, in one sentence, without secrets."""
        return str(self.args[0]) if self.args else ""


class RequestError(AntiphonError):
    """The request cannot be sent as it is. ``field`` names the setting or argument at fault."""

    def __init__(self, message: str = "", *, field: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class CredentialError(RequestError):
    """No key was found (the message names the places looked in), or the key is bound to other hosts."""


class BudgetExceeded(RequestError):
    """The most that this call could cost is more than what is left. Nothing was sent.

    ``cap`` is "process" or "day". ``limit``, ``spent`` (with what calls in flight may still cost) and ``estimate``
    (the most that this call could cost) are in US dollars.
    """

    def __init__(
        self,
        message: str = "",
        *,
        cap: str = "",
        limit: float = 0.0,
        spent: float = 0.0,
        estimate: float = 0.0,
        hint: str = "",
    ) -> None:
        super().__init__(message, field="budget", hint=hint)
        self.cap = cap
        self.limit = limit
        self.spent = spent
        self.estimate = estimate


class TransportError(AntiphonError):
    """No whole reply arrived. ``phase`` says where it broke, ``limit`` which time limit ran out, if one did.

    Sent again automatically only while ``before_output`` is true: nothing of the answer had been seen.
    """

    retryable = True
    hint = "Check the network and the address, or raise the time limits (timeout=…)."

    def __init__(
        self,
        message: str = "",
        *,
        phase: Phase = "",
        before_output: bool = True,
        limit: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.phase: Phase = phase
        self.limit = limit
        self.before_output = before_output


class Cancelled(TransportError):
    """The caller cancelled; the connection was closed so that the provider stops generating."""

    retryable = False
    hint = ""

    def __init__(self, message: str = "cancelled", *, before_output: bool = False, hint: str = "") -> None:
        super().__init__(message, phase="cancelled", before_output=before_output, hint=hint)


class ReplyError(AntiphonError):
    """The provider answered, but not with a completion.

    ``status`` is the HTTP status, ``code`` the provider's own error code, ``body`` the first 2,000
    characters of the reply with secrets removed.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        provider: str = "",
        code: str = "",
        request_id: str | None = None,
        body: str = "",
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.provider = provider
        self.code = code
        self.request_id = request_id
        self.body = body
        self.retry_after = retry_after


class Unauthorized(ReplyError):
    """401 or 403: the key is wrong, expired, or not allowed to do this."""

    hint = "Check the key with `antiphon keys test PROVIDER`, or store a new one with `antiphon keys set PROVIDER`."


class NotFound(ReplyError):
    """404: the model or the endpoint does not exist there."""

    hint = "List what the provider offers with `antiphon models PROVIDER`."


class RateLimited(ReplyError):
    """429: too many requests or tokens for now. ``retry_after`` is in seconds, if the provider said."""

    retryable = True
    hint = "Wait, lower the concurrency, or raise retries=…."


class QuotaExhausted(ReplyError):
    """Out of money or out of quota: trying again will not help."""

    hint = "Top up or raise the limit in the provider's console, or ask another provider."


class Rejected(ReplyError):
    """Any other 4xx: the provider does not accept this request."""


class ServerFailed(ReplyError):
    """5xx or 529: the provider failed or is overloaded."""

    retryable = True
    hint = "The provider is in trouble; try again later."


class Unreadable(ReplyError):
    """The status says success, but the body is not what the protocol promises."""

    hint = "Check that the base URL is the API's and not a web page or a proxy's."


class SchemaFailed(ReplyError):
    """The answer is not JSON, or does not obey the schema, where JSON was asked for; a repair has been tried where that helps.

    ``text`` is the answer as it came, ``problems`` what is wrong with it, as ``$.items[0].n: must be integer, not
    string``, and ``completion`` the whole answer, with its usage: it has been paid for. With a seed it is recorded, so
    that the same request fails in the same way.
    """

    hint = "Ask again with another seed or replay='refresh', simplify the schema, or ask a stronger model."

    def __init__(
        self,
        message: str = "",
        *,
        text: str = "",
        problems: tuple[str, ...] = (),
        completion: Any = None,
        status: int = 0,
        provider: str = "",
        request_id: str | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(
            message, status=status, provider=provider, request_id=request_id, body=text[:2000], hint=hint
        )
        self.text = text
        self.problems = problems
        self.completion = completion


class Refused(AntiphonError):
    """The model or a filter declined, and nothing usable came. ``reason`` is the provider's word for it."""

    hint = "Rephrase the prompt, or ask another model."

    def __init__(
        self,
        message: str = "",
        *,
        reason: str = "",
        provider: str = "",
        request_id: str | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.provider = provider
        self.request_id = request_id


class ReplayError(AntiphonError):
    """Nothing recorded in replay-only mode, a recording that does not verify, or a store that cannot be used."""


class LedgerError(AntiphonError):
    """A budget is set, but its ledger cannot be read or written. A cap that cannot be kept is none: nothing was sent."""


class ClusterError(AntiphonError):
    """The cluster cannot be used: none at the address, another Python or Antiphon on it, or no worker left."""
