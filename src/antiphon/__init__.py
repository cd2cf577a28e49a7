"""LLM completions that come back the same.

>>> import antiphon
>>> antiphon.complete("Say hello", model="echo", seed=7).text
'Say hello'

The values are imported at once; what needs a network, a database or an event loop comes with first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .call import Reply, Secret, Timings
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
    ServerFailed,
    TransportError,
    Unauthorized,
    Unreadable,
)
from .request import Config, Delivery, Media, Message, Request, Schema, Timeout

if TYPE_CHECKING:
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
    from .limits import Limits
    from .replay import key

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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module({"key": ".replay", "Limits": ".limits"}.get(name, ".client"), __name__)
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
