"""Call → Reply. The only file that imports the HTTP library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from .call import Call

__all__ = ["Answer", "Limits"]

# Answers a call in place of the network: status, headers, body in pieces.
Answer = Callable[[Call], Awaitable[tuple[int, Mapping[str, str], AsyncIterator[bytes]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a provider is asked at a time. None: no limit of ours. Learned from rate headers as they come."""

    concurrency: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
