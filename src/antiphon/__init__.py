"""LLM completions that come back the same.

>>> import antiphon
>>> antiphon.complete("Say hello", model="echo", seed=7).text
'Say hello'

Every name is imported when it is first used, so that `import antiphon` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .call import Reply, Secret, Timings
    from .client import (
        AsyncStream,
        Client,
        Settings,
        Stream,
        achat,
        acomplete,
        astream,
        chat,
        complete,
        default_client,
        stream,
    )
    from .completion import Completion, Delta, FinishReason, SeedStatus, Usage
    from .errors import (
        AntiphonError,
        Cancelled,
        CredentialError,
        NotFound,
        QuotaExhausted,
        RateLimited,
        Refused,
        Rejected,
        ReplayError,
        ReplyError,
        RequestError,
        SchemaFailed,
        ServerFailed,
        TransportError,
        Unauthorized,
        Unreadable,
    )
    from .limits import Limits
    from .replay import key
    from .request import Config, Delivery, Media, Message, Request, Schema, Timeout

__version__ = "0.1.0"

__all__ = [
    "AntiphonError",
    "AsyncStream",
    "Cancelled",
    "Client",
    "Completion",
    "Config",
    "CredentialError",
    "Delivery",
    "Delta",
    "FinishReason",
    "Limits",
    "Media",
    "Message",
    "NotFound",
    "QuotaExhausted",
    "RateLimited",
    "Refused",
    "Rejected",
    "ReplayError",
    "Reply",
    "ReplyError",
    "Request",
    "RequestError",
    "Schema",
    "SchemaFailed",
    "Secret",
    "SeedStatus",
    "ServerFailed",
    "Settings",
    "Stream",
    "Timeout",
    "Timings",
    "TransportError",
    "Unauthorized",
    "Unreadable",
    "Usage",
    "achat",
    "acomplete",
    "astream",
    "chat",
    "complete",
    "default_client",
    "key",
    "stream",
]


_HOMES = {
    "call": ("Reply", "Secret", "Timings"),
    "client": (
        "AsyncStream",
        "Client",
        "Settings",
        "Stream",
        "achat",
        "acomplete",
        "astream",
        "chat",
        "complete",
        "default_client",
        "stream",
    ),
    "completion": ("Completion", "Delta", "FinishReason", "SeedStatus", "Usage"),
    "errors": (
        "AntiphonError",
        "Cancelled",
        "CredentialError",
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
    ),
    "limits": ("Limits",),
    "replay": ("key",),
    "request": ("Config", "Delivery", "Media", "Message", "Request", "Schema", "Timeout"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
