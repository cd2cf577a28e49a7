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
    from .batches import AsyncBatch, Batch, Row
    from .call import Reply, Secret, Timings
    from .client import (
        AsyncStream,
        Client,
        Settings,
        Stream,
        abatch,
        achat,
        acomplete,
        astream,
        batch,
        chat,
        complete,
        default_client,
        stream,
    )
    from .completion import Completion, Delta, FinishReason, SeedStatus, Usage
    from .dialects import Model
    from .errors import (
        AntiphonError,
        BudgetExceeded,
        Cancelled,
        ClusterError,
        CredentialError,
        LedgerError,
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
    from .listings import Listing
    from .prices import Price, price
    from .replay import Carried, key
    from .request import Config, Delivery, Media, Message, Request, Schema, Timeout
    from .spending import Budget, budget

__version__ = "0.1.0"

__all__ = [
    "AntiphonError",
    "AsyncBatch",
    "AsyncStream",
    "Batch",
    "Budget",
    "BudgetExceeded",
    "Cancelled",
    "Carried",
    "Client",
    "ClusterError",
    "Completion",
    "Config",
    "CredentialError",
    "Delivery",
    "Delta",
    "FinishReason",
    "LedgerError",
    "Limits",
    "Listing",
    "Media",
    "Message",
    "Model",
    "NotFound",
    "Price",
    "QuotaExhausted",
    "RateLimited",
    "Refused",
    "Rejected",
    "ReplayError",
    "Reply",
    "ReplyError",
    "Request",
    "RequestError",
    "Row",
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
    "abatch",
    "achat",
    "acomplete",
    "astream",
    "batch",
    "budget",
    "chat",
    "complete",
    "default_client",
    "key",
    "price",
    "stream",
]


_HOMES = {
    "batches": ("AsyncBatch", "Batch", "Row"),
    "call": ("Reply", "Secret", "Timings"),
    "client": (
        "AsyncStream",
        "Client",
        "Settings",
        "Stream",
        "abatch",
        "achat",
        "acomplete",
        "astream",
        "batch",
        "chat",
        "complete",
        "default_client",
        "stream",
    ),
    "completion": ("Completion", "Delta", "FinishReason", "SeedStatus", "Usage"),
    "errors": (
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
    ),
    "dialects": ("Model",),
    "limits": ("Limits",),
    "listings": ("Listing",),
    "prices": ("Price", "price"),
    "replay": ("Carried", "key"),
    "request": ("Config", "Delivery", "Media", "Message", "Request", "Schema", "Timeout"),
    "spending": ("Budget", "budget"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
