"""Pins: recordings that a person wants to keep. `prune` leaves them alone.

They stand in the store itself, so that pinning and pruning can never miss each other. In a file the table is made with
the first pin and is no step of the schema: a store without it is whole, for this version and for those before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .interface import Ground

__all__ = ["pin", "pinned", "unpin"]


def pinned(ground: Ground, db: Any) -> set[bytes]:
    """The pinned keys, as they are stored."""
    return {row[0] for row in db.execute("SELECT key FROM pins").fetchall()} if ground.has_pins(db) else set()


def pin(ground: Ground, db: Any, key: bytes) -> bool:
    """Pin this recording, in a transaction; whether there is one."""
    if not _is_there(db, key):
        return False
    ground.make_pins(db)
    db.execute("INSERT INTO pins VALUES (?) ON CONFLICT DO NOTHING", (key,))
    return True


def unpin(ground: Ground, db: Any, key: bytes) -> bool:
    """Take the pin away, in a transaction; whether there is such a recording."""
    if ground.has_pins(db):
        db.execute("DELETE FROM pins WHERE key = ?", (key,))
    return _is_there(db, key)


def _is_there(db: Any, key: bytes) -> bool:
    return db.execute("SELECT 1 FROM recordings WHERE key = ?", (key,)).fetchone() is not None
