"""Pins: recordings that a person wants to keep. `prune` leaves them alone.

They stand in the store's own file, so that pinning and pruning can never miss each other. The table is made with the
first pin and is no step of the schema: a store without it is whole, for this version and for those before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

__all__ = ["has_pins", "pin", "pinned", "unpin"]

_TABLE = "CREATE TABLE IF NOT EXISTS pins (key BLOB PRIMARY KEY) WITHOUT ROWID"


def has_pins(db: sqlite3.Connection) -> bool:
    """Whether anything was ever pinned in this file."""
    return (
        db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'pins'").fetchone()
        is not None
    )


def pinned(db: sqlite3.Connection) -> set[bytes]:
    """The pinned keys, as the file holds them."""
    return {row[0] for row in db.execute("SELECT key FROM pins")} if has_pins(db) else set()


def pin(db: sqlite3.Connection, key: bytes) -> bool:
    """Pin this recording, in a transaction; whether there is one."""
    if db.execute("SELECT 1 FROM recordings WHERE key = ?", (key,)).fetchone() is None:
        return False
    db.execute(_TABLE)
    db.execute("INSERT OR IGNORE INTO pins VALUES (?)", (key,))
    return True


def unpin(db: sqlite3.Connection, key: bytes) -> bool:
    """Take the pin away, in a transaction; whether there is such a recording."""
    if has_pins(db):
        db.execute("DELETE FROM pins WHERE key = ?", (key,))
    return db.execute("SELECT 1 FROM recordings WHERE key = ?", (key,)).fetchone() is not None
