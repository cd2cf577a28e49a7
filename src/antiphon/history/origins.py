"""Origins: the workflows that recordings were made by, packed and shared between them."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple, cast

from ..errors import RequestError
from ..secretlike import is_key, looks_secret

__all__ = ["LIMIT", "Packed", "packed", "put", "workflow"]

LIMIT = 1 << 20  # most bytes of a workflow as JSON


class Packed(NamedTuple):
    """A workflow as it is kept."""

    sha256: bytes
    data: bytes


def packed(workflow: Mapping[str, Any]) -> Packed | None:
    """The workflow as it is kept; None where it is too large. RequestError where it is no JSON, or holds a key."""
    try:
        text = json.dumps(workflow, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestError(f"a workflow is a JSON object: {error}", field="workflow") from None
    if len(text) > LIMIT:
        return None
    if looks_secret(text) or _holds_a_key(workflow):
        raise RequestError(
            "there is a key in this workflow", field="workflow", hint="Take it out before it is kept."
        )
    return Packed(sha256(text.encode()).digest(), zlib.compress(text.encode(), 6))


def _holds_a_key(value: object) -> bool:
    """Whether a field whose name says so holds a key."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            fields = cast("dict[Any, Any]", value)
            if any(isinstance(it, str) and is_key(str(name), it) for name, it in fields.items()):
                return True
            waiting.extend(fields.values())
        elif isinstance(value, list | tuple):
            waiting.extend(cast("list[Any]", value))
    return False


def put(db: sqlite3.Connection, key: bytes, origin: Packed, now: float, *, keep: bool) -> None:
    """Say, in a transaction, that this workflow made this recording; with `keep` only where nothing is said yet."""
    before = db.execute("SELECT workflow FROM origins WHERE key = ?", (key,)).fetchone()
    if before is not None and (keep or before[0] == origin.sha256):
        return
    db.execute("INSERT OR IGNORE INTO workflows VALUES (?, ?)", origin)
    db.execute("INSERT OR REPLACE INTO origins VALUES (?, ?, ?)", (key, origin.sha256, now))
    if before is not None:
        db.execute(
            "DELETE FROM workflows WHERE sha256 = ?1 AND NOT EXISTS (SELECT 1 FROM origins WHERE workflow = ?1)",
            before,
        )


def workflow(db: sqlite3.Connection, key: bytes) -> dict[str, Any] | None:
    """The workflow that made this recording. ValueError where it is damaged."""
    row = db.execute(
        "SELECT data FROM workflows WHERE sha256 = (SELECT workflow FROM origins WHERE key = ?)", (key,)
    ).fetchone()
    if row is None:
        return None
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(row[0], LIMIT + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return cast("dict[str, Any]", found)
