"""Stream bodies cut into events: server-sent events and NDJSON, pure and incremental.

Feed the bytes as they arrive; each feed gives the events that are now complete. The same code reads a
recorded stream again.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Event"]


class Event(NamedTuple):
    """One event of a stream. `name` is the SSE event name, empty where there is none; `data` its payload."""

    data: str
    name: str = ""
