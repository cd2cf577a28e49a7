"""The SQLite file under the store (and under the spending ledger and the journal of jobs): opening it, its schema, who may write, and what its failures mean.

Imported only when a store is used, because sqlite3 takes longer to import than the rest of the package.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from ..errors import ReplayError
from ..locks import Turn
from .failures import STORE, Busy, failure, is_locked
from .store import Blob, Row, Selection, asks, write

__all__ = ["Database", "Schema"]

T = TypeVar("T")

APPLICATION_ID: Final = 0x416E7470  # "Antp": says that an SQLite file is a replay store
PAGE_SIZE: Final = 8_192
# Seconds to wait for another process that writes.
PATIENCE: Final = 30.0
# Seconds between looks whether the file is still where it was opened.
LOOK_AGAIN: Final = 1.0
# Pages of write-ahead log after which it is copied into the file, on a thread of its own: copying waits for
# the disk. SQLite itself would do it inside a commit, so it is told to only if our thread cannot keep up.
CHECKPOINT_PAGES: Final = 4_000
LATE_CHECKPOINT_PAGES: Final = 32_000
# Pages given back to the disk in one transaction, so that other processes get their turn.
FREED_PAGES: Final = 512

# One entry for each version of the schema; user_version counts them. Never change one: add the next.
MIGRATIONS: list[tuple[str, ...]] = [
    (
        # The small columns come first and what only `show` reads comes last, so that a long row is not read whole.
        """CREATE TABLE recordings (
            id INTEGER PRIMARY KEY,       -- in the order of recording
            key BLOB NOT NULL UNIQUE,     -- 1 for k1, then the 32 bytes
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            seed TEXT,                    -- decimal: may be wider than 64 bits
            recorded_at REAL NOT NULL,    -- unix seconds
            snippet TEXT NOT NULL,        -- start of the last user message
            size INTEGER NOT NULL,        -- stored bytes of this row
            digest BLOB NOT NULL,         -- SHA-256 of the reply before packing
            reply BLOB NOT NULL,          -- packed: head as JSON, line end, body
            question BLOB NOT NULL        -- packed: canonical request, cuts, body that was sent
        )""",
        "CREATE TABLE blobs (sha256 BLOB PRIMARY KEY, size INTEGER NOT NULL, data BLOB NOT NULL)",
        """CREATE TABLE media (
            recording INTEGER NOT NULL,
            sha256 BLOB NOT NULL,
            PRIMARY KEY (recording, sha256)
        ) WITHOUT ROWID""",
        "CREATE INDEX media_by_blob ON media (sha256)",
    ),
]


@dataclass(frozen=True, slots=True)
class Schema:
    """What an SQLite file holds: what it is called in errors, the mark that says so, and how it is made."""

    what: str
    application_id: int
    migrations: list[tuple[str, ...]]


REPLAY: Final = Schema(STORE, APPLICATION_ID, MIGRATIONS)

# Seconds that a fork waits for threads that are in the middle of something.
FORK_PATIENCE: Final = 5.0

_databases: weakref.WeakSet[Database] = weakref.WeakSet()
# In a forked child: files that were open when it was made, and their connections, never to be touched.
_unsafe: set[Path] = set()
_abandoned: list[sqlite3.Connection | None] = []


def _before_fork() -> None:
    for database in list(_databases):
        database.before_fork()


def _after_fork_in_parent() -> None:
    for database in list(_databases):
        database.after_fork()


def _after_fork_in_child() -> None:
    for database in list(_databases):
        database.after_fork_in_child()


@atexit.register
def _close_all() -> None:
    for database in list(_databases):
        database.close()


# SQLite counts its locks by process and file. A child that inherits an open connection, even one it leaves alone,
# believes that it holds locks which it does not, and damages the file. So nothing stays open across a fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )


class Database:
    """The file, with one connection for reading and one for writing, both safe to use from any thread.

    In write-ahead mode readers and the writer do not wait for each other. Every method raises ReplayError.
    """

    def __init__(self, path: Path, schema: Schema | None = None) -> None:
        self.path = path
        self._schema = schema or REPLAY
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._waits = True
        self._inode: tuple[int, int] | None = None
        self._looked_at = 0.0
        self._read_lock = threading.Lock()
        self._turn = Turn()  # to write
        self._log_pages = 0
        self._checkpointing = False
        self._others = 0  # connections that are open beside the two
        self._count_lock = threading.Lock()
        self._held_for_fork = ExitStack()
        _databases.add(self)

    # ------------------------------------------------------------------------------------- reading

    def row(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The first row, or None: also when nothing has been recorded yet, for reading never makes the file."""
        with self._read_lock:
            try:
                if self._reader is None:
                    self._reader = _open(self.path, self._schema, create=False)
                    if self._reader is None:
                        return None
                # All rows, so that the statement is finished: an open one would hold the log back.
                rows = self._reader.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                self._drop_reader()
                raise failure(error, self.path, self._schema.what) from error
            return rows[0] if rows else None

    @contextmanager
    def snapshot(self) -> Generator[sqlite3.Connection | None]:
        """A connection of its own that sees the store as it is now, for whatever takes long; None: no store yet."""
        with self._another() as connection:
            if connection is not None:
                connection.execute("BEGIN")
            yield connection

    @contextmanager
    def _another(self) -> Generator[sqlite3.Connection | None]:
        with self._count_lock:
            self._others += 1
        connection = None
        try:
            connection = _open(self.path, self._schema, create=False)
            yield connection
        except sqlite3.Error as error:
            raise failure(error, self.path, self._schema.what) from error
        finally:
            _closed(connection)
            with self._count_lock:
                self._others -= 1

    # ------------------------------------------------------------------------------------- writing

    @contextmanager
    def writing(self, *, wait: bool = True) -> Generator[sqlite3.Connection]:
        """A transaction; its changes are all kept, or none.

        Without `wait` it raises Busy instead of waiting for anything: the lock, or the file being opened.
        """
        with self._turn.within(PATIENCE if wait else 0) as mine:
            if not mine:
                raise Busy(f"the {self._schema.what} {self.path} is being written to")
            try:
                writer = self._begun(wait=wait)
                try:
                    yield writer
                    writer.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):
                        writer.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                self._drop_writer()
                raise failure(error, self.path, self._schema.what) from error

    def _begun(self, *, wait: bool) -> sqlite3.Connection:
        if self._writer is not None and time.monotonic() > self._looked_at + LOOK_AGAIN:
            self._reopen_if_moved()
        if self._writer is None:
            if not wait:
                raise Busy(f"the {self._schema.what} {self.path} is not open yet")
            self._writer = _open(self.path, self._schema, create=True)
            self._waits = True
            self._inode, self._looked_at = _inode(self.path), time.monotonic()
        assert self._writer is not None
        if self._waits != wait:
            self._writer.execute(f"PRAGMA busy_timeout={int(PATIENCE * 1000) if wait else 0}")
            self._waits = wait
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if wait or not is_locked(error):
                raise
            raise Busy(
                f"the {self._schema.what} {self.path} is being written to by another process"
            ) from None
        if self._writer.execute("PRAGMA user_version").fetchone()[0] != len(self._schema.migrations):
            # Another version of Antiphon has changed the file since it was opened: opening says what becomes of that.
            self._drop_writer()
            with self._read_lock:
                self._drop_reader()
            return self._begun(wait=wait)
        return self._writer

    def _reopen_if_moved(self) -> None:
        """If the file was moved away or removed under us, what follows belongs into a new one."""
        self._looked_at = time.monotonic()
        if self._inode != _inode(self.path):
            self._drop_writer()
            with self._read_lock:
                self._drop_reader()

    def removing(self) -> AbstractContextManager[sqlite3.Connection]:
        """A transaction in which media may be dropped: here as any other, since there is one writer."""
        return self.writing()

    def again(self, work: Callable[[], T]) -> T:
        """What `work` gives: nobody makes a transaction give way here."""
        return work()

    def write(self, db: sqlite3.Connection, row: Row, blobs: Iterable[Blob]) -> None:
        """Write a recording and its media inside a transaction."""
        write(db, row, blobs)

    # --------------------------------------------------------------- where SQLite differs from others

    def each(
        self, db: sqlite3.Connection, sql: str, values: tuple[Any, ...] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, as they are taken. What fails underway is a ReplayError."""
        try:
            yield from db.execute(sql, values)
        except sqlite3.Error as error:
            raise failure(error, self.path, self._schema.what) from error

    def selected(
        self,
        db: sqlite3.Connection,
        columns: str,
        selection: Selection,
        order: str,
        *,
        limit: int | None = None,
        offset: int = 0,
    ) -> Iterator[tuple[Any, ...]]:
        """These columns of the recordings that are selected, in this order."""
        db.create_function("asks", 2, asks, deterministic=True)
        where, values = selection.where(("asks(question, ?)", selection.needle))
        query = f"SELECT {columns} FROM recordings {where} {order} LIMIT ? OFFSET ?"  # noqa: S608
        return self.each(db, query, (*values, -1 if limit is None else limit, offset))

    def has_pins(self, db: sqlite3.Connection) -> bool:
        """Whether anything was ever pinned in this file."""
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'pins'"
        return db.execute(query).fetchone() is not None

    def make_pins(self, db: sqlite3.Connection) -> None:
        """The table of pins, if there is none yet."""
        db.execute("CREATE TABLE IF NOT EXISTS pins (key BLOB PRIMARY KEY) WITHOUT ROWID")

    def problems(self, db: sqlite3.Connection) -> Generator[str]:
        """What is wrong with the file's structure."""
        yield from (row[0] for row in self.each(db, "PRAGMA integrity_check") if row[0] != "ok")

    def give_back(self) -> None:
        """Shrink the file. Page by page and not by VACUUM, which needs the space of a second copy and locks all out."""
        left = None
        while left != 0:
            with self.writing() as db:
                db.execute(f"PRAGMA incremental_vacuum({FREED_PAGES})").fetchall()
                before, left = left, db.execute("PRAGMA freelist_count").fetchone()[0]
            if left == before:  # a file made without incremental vacuum: what is free is used again
                break
        self.checkpoint("TRUNCATE")

    # ---------------------------------------------------------------------------------- checkpoints

    def written(self, size: int) -> None:
        """Say that about so many bytes were written: now and then this starts a checkpoint, which nobody waits for."""
        self._log_pages += 3 + size // PAGE_SIZE
        if self._log_pages < CHECKPOINT_PAGES or self._checkpointing:
            return
        self._log_pages = 0
        self._checkpointing = True
        thread = threading.Thread(target=self._checkpoint, name="antiphon-checkpoint", daemon=True)
        try:
            thread.start()
        except (
            RuntimeError
        ):  # no more threads, or the interpreter is shutting down: closing the store does it too
            self._checkpointing = False

    def _checkpoint(self) -> None:
        try:
            self.checkpoint("PASSIVE")
        except ReplayError:
            return  # it loses nothing: the log is read until a later checkpoint, and a put will say what is wrong
        finally:
            self._checkpointing = False

    def checkpoint(self, mode: str) -> None:
        """Copy the log into the file."""
        with self._another() as connection:
            if connection is not None:
                connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    # -------------------------------------------------------------------------------------- closing

    def close(self) -> None:
        """Close the connections. The database opens again when it is used again."""
        with self._turn.within(PATIENCE) as mine:
            if mine:
                self._drop_writer()
        with self._read_lock:
            self._drop_reader()

    def before_fork(self) -> None:
        """Close everything, and keep it closed until the fork is over."""
        held = self._held_for_fork = ExitStack()
        alone = held.enter_context(self._turn.within(FORK_PATIENCE))
        for lock in (self._read_lock, self._count_lock):
            if lock.acquire(timeout=FORK_PATIENCE):
                held.callback(lock.release)
            else:
                alone = False
        if alone:
            self._drop_writer()
            self._drop_reader()

    def after_fork(self) -> None:
        """In the parent: go on."""
        self._held_for_fork.close()

    def after_fork_in_child(self) -> None:
        """In the child: start afresh, unless a thread that is not here any more has left something open."""
        if self._others or self._reader is not None or self._writer is not None:
            _unsafe.add(self.path.absolute())
            _abandoned.extend((self._reader, self._writer))
        self._reader = self._writer = None
        self._turn, self._read_lock, self._count_lock = Turn(), threading.Lock(), threading.Lock()
        self._held_for_fork = ExitStack()
        self._checkpointing = False
        self._others = 0

    def __del__(self) -> None:
        # Without locks, which a dead daemon thread may hold, and without globals, which may be gone at the end.
        for connection in (self._writer, self._reader):
            if connection is not None:
                connection.close()

    def _drop_reader(self) -> None:
        connection, self._reader = self._reader, None
        _closed(connection)

    def _drop_writer(self) -> None:
        connection, self._writer = self._writer, None
        _closed(connection)


def _closed(connection: sqlite3.Connection | None) -> None:
    if connection is None:
        return
    # Closing may copy the log, and so fail on a full disk; the log stays, and stays valid.
    with suppress(sqlite3.Error):
        connection.close()


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


# --------------------------------------------------------------------------------------------- opening


def _open(path: Path, schema: Schema, *, create: bool) -> sqlite3.Connection | None:
    """A connection to a file with today's schema; None if there is none and it is not to be made."""
    if create:
        _make_file(path, schema)
    elif not _size(path, schema):
        return None
    connection = _connect(path, schema, "mode=rw")
    try:
        _prepare(connection, path, schema)
    except sqlite3.OperationalError as error:
        connection.close()
        if create or is_locked(error):
            raise
        return _open_read_only(path, schema, error)
    except BaseException:
        connection.close()
        raise
    return connection


def _open_read_only(path: Path, schema: Schema, cause: sqlite3.OperationalError) -> sqlite3.Connection:
    """A store in a folder that may not be written to. Its log cannot be shared there, so it must be empty."""
    if _size(path.with_name(path.name + "-wal"), schema):
        raise cause
    connection = _connect(path, schema, "mode=ro&immutable=1")
    try:
        if _version(connection, path, schema) != len(schema.migrations):
            raise cause
    except BaseException:
        connection.close()
        raise
    return connection


def _size(path: Path, schema: Schema) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _no_access(path, schema, error) from error


def _make_file(path: Path, schema: Schema) -> None:
    """The file, empty, for the owner only; SQLite gives the files beside it the same permissions."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise _no_access(path, schema, error) from error


def _no_access(path: Path, schema: Schema, error: OSError) -> ReplayError:
    return ReplayError(
        f"the {schema.what} {path} cannot be opened: {error.strerror or error}",
        hint="Check the folder and who owns it, or choose another with ANTIPHON_HOME.",
    )


def _connect(path: Path, schema: Schema, mode: str) -> sqlite3.Connection:
    if path.absolute() in _unsafe:
        raise ReplayError(
            f"the {schema.what} {path} was in use by another thread when this process was forked",
            hint="Use the 'spawn' start method of multiprocessing, or fork before it is used.",
        )
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )


def _prepare(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    # Nothing in a file that somebody else made may call functions of ours.
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cache_size=-8192")
    version = _version(connection, path, schema)
    if version == 0:
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    if _in_wal_mode(connection):
        # A power failure can cost the last recordings, never the file; kill -9 costs nothing.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={LATE_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={CHECKPOINT_PAGES * PAGE_SIZE * 4}")
    if version < len(schema.migrations):
        _migrate(connection, path, schema)


def _in_wal_mode(connection: sqlite3.Connection) -> bool:
    """Switch the write-ahead log on; False where the file system cannot share memory (then SQLite does without)."""
    deadline = time.monotonic() + PATIENCE
    while (mode := _journal_mode(connection, deadline)) is None:
        time.sleep(0.005)
    return mode == "wal"


def _journal_mode(connection: sqlite3.Connection, deadline: float) -> str | None:
    """The mode after asking for the log; None if another process is switching a new file at this moment."""
    try:
        return connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    except sqlite3.OperationalError as error:
        # SQLite reports this without waiting, whatever the busy timeout says.
        if not is_locked(error) or time.monotonic() > deadline:
            raise
        return None


# One statement, so that another process's migration is seen whole or not at all.
_MARKS = """SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id),
 EXISTS (SELECT 1 FROM sqlite_master)"""


def _version(connection: sqlite3.Connection, path: Path, schema: Schema) -> int:
    """The version of the schema, 0 for a new file. ReplayError if the file is not ours or too new."""
    version, application_id, filled = connection.execute(_MARKS).fetchone()
    if application_id != schema.application_id and (version or filled):
        raise ReplayError(
            f"{path} is an SQLite file, but not a {schema.what}",
            hint="Move it away, or choose another folder with ANTIPHON_HOME.",
        )
    if version > len(schema.migrations):
        raise ReplayError(
            f"the {schema.what} {path} has schema {version}; this version of Antiphon knows {len(schema.migrations)}",
            hint="Upgrade Antiphon, or choose another folder with ANTIPHON_HOME.",
        )
    return version


def _migrate(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path, schema)  # again: another process may have been faster
        for statements in schema.migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id={schema.application_id}")
        connection.execute(f"PRAGMA user_version={len(schema.migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
