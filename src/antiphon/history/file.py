"""`history.sqlite`: what stands in it, and how it is opened.

Two kinds of things. The index (`entries`, `texts`, `search`, `han`) is made from the replay store and can be made again.
What nobody could make again is kept by key: how often a recording was replayed, and the workflow that made it.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path
from typing import Final

from ..replay.database import Database, Schema

__all__ = ["has_trigrams", "opened"]

APPLICATION_ID: Final = 0x416E7448  # "AntH"

_TABLES = (
    # Small columns only: filters and sums read them in whole; what a page shows is beside them.
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY,       -- the recording's number in the store: the order of recording
        key BLOB NOT NULL UNIQUE,     -- as in the store
        recorded_at REAL NOT NULL,    -- unix seconds
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        pinned INTEGER NOT NULL,
        input_tokens INTEGER,
        output_tokens INTEGER,
        nano INTEGER                  -- billionths of a US dollar; NULL where nobody knows
    )""",
    "CREATE INDEX entries_by_provider ON entries (provider, id)",
    "CREATE INDEX entries_by_model ON entries (model, id)",
    "CREATE INDEX entries_pinned ON entries (id) WHERE pinned",
    """CREATE INDEX entries_by_time
        ON entries (recorded_at, provider, model, input_tokens, output_tokens, nano)""",
    """CREATE TABLE texts (
        id INTEGER PRIMARY KEY,
        seed TEXT,                    -- decimal: may be wider than 64 bits
        prompt TEXT NOT NULL,         -- starts only
        text TEXT NOT NULL,
        media INTEGER NOT NULL,
        finish_reason TEXT NOT NULL,
        problem TEXT NOT NULL
    )""",
    """CREATE TABLE replays (
        key BLOB PRIMARY KEY,
        count INTEGER NOT NULL,
        at REAL NOT NULL              -- the last time, unix seconds
    ) WITHOUT ROWID""",
    """CREATE TABLE replay_times (
        quarter INTEGER NOT NULL,     -- unix time / 900: every time zone's days begin with one
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (quarter, provider, model)
    ) WITHOUT ROWID""",
    """CREATE TABLE origins (
        key BLOB PRIMARY KEY,
        workflow BLOB NOT NULL,       -- SHA-256
        at REAL NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX origins_by_workflow ON origins (workflow)",
    "CREATE TABLE workflows (sha256 BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID",
)
# Texts are folded before they are put in, so that case is no matter here. `han` holds the Chinese characters of those
# texts that have some, set apart: words of one or two characters are too short for three at a time.
_SEARCH = (
    "CREATE VIRTUAL TABLE search USING fts5(body, tokenize='trigram case_sensitive 1')",
    "CREATE VIRTUAL TABLE han USING fts5(body, tokenize='unicode61')",
    "CREATE VIRTUAL TABLE search_terms USING fts5vocab(search, instance)",
)
# The table that FTS5 itself would make: what reads texts without the index reads it by the same name.
_PLAIN = ("CREATE TABLE search_content (id INTEGER PRIMARY KEY, c0 TEXT NOT NULL)",)


@cache
def has_trigrams() -> bool:
    """Whether this SQLite has FTS5 with trigrams (from 3.34 on, if it was built in)."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE probe USING fts5(body, tokenize='trigram')")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def opened(folder: Path) -> Database:
    """The history's file in this folder; not opened yet. An SQLite without trigrams has a file of its own."""
    trigrams = has_trigrams()
    schema = Schema("history", APPLICATION_ID, [(*_TABLES, *(_SEARCH if trigrams else _PLAIN))])
    return Database(folder / ("history.sqlite" if trigrams else "history-plain.sqlite"), schema)
