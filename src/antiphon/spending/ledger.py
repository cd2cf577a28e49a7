"""The ledger: what was spent on which day, with whom, and what calls in flight may still cost.

One SQLite file, ``spending.sqlite``, for all processes of a home folder. A reservation is one row, made in the
transaction that looks whether it fits: two processes can never both take the last dollar. Money is in billionths of a
US dollar, in whole numbers, so that sums are exact. Days are UTC.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import LedgerError, ReplayError
from ..replay import Busy
from ..replay.lease import Leases

if TYPE_CHECKING:
    import sqlite3

    from ..replay.database import Database

__all__ = ["AN_HOUR", "Full", "Ledger", "Reservation", "Row", "Spent"]

APPLICATION_ID: Final = 0x416E7424  # "Ant$"
AN_HOUR: Final = 3600.0  # seconds after which a call in flight is taken for lost, and booked

MIGRATIONS: list[tuple[str, ...]] = [
    (
        """CREATE TABLE spent (
            day TEXT NOT NULL,            -- 2026-11-26, UTC
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            calls INTEGER NOT NULL,
            unpriced INTEGER NOT NULL,    -- calls whose price nobody knew, inside calls
            input_tokens INTEGER NOT NULL,
            output_tokens INTEGER NOT NULL,
            nano INTEGER NOT NULL,        -- billionths of a US dollar
            estimated INTEGER NOT NULL,   -- how much of that is an estimate
            PRIMARY KEY (day, provider, model)
        ) WITHOUT ROWID""",
        """CREATE TABLE reserved (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            process TEXT NOT NULL,        -- whose: the place of its lock in spending.lock
            at REAL NOT NULL,             -- unix seconds
            day TEXT NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            nano INTEGER NOT NULL
        )""",
    ),
]


@dataclass(frozen=True, slots=True)
class Reservation:
    """A call in flight: the most it may cost, on the day it was made."""

    id: int
    day: str
    provider: str
    model: str
    nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What became of a call. `nano` is its price, `estimated` how much of that is an estimate."""

    calls: int = 1
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    nano: int = 0
    estimated: int = 0


NOTHING = Spent(calls=0)


@dataclass(frozen=True, slots=True)
class Row:
    """One day's spending with one model; see the table for the names."""

    day: str
    provider: str
    model: str
    calls: int
    unpriced: int
    input_tokens: int
    output_tokens: int
    nano: int
    estimated: int


class Full(Exception):
    """The reservation does not fit. `spent` is what is spent and reserved already."""

    def __init__(self, spent: int) -> None:
        super().__init__(spent)
        self.spent = spent


class Ledger:
    """The ledger of a home folder. Safe to use from any thread; every method raises LedgerError.

    With `wait` False a method raises Busy instead of waiting for another process, or for the file being opened.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / "spending.sqlite"
        self._leases = Leases(home / "spending.lock")
        self._opened: Database | None = None
        self._opening = threading.Lock()
        self._owner = 0  # the process that `_process` stands for: a forked child is another
        self._process = ""

    def reserve(
        self,
        day: str,
        provider: str,
        model: str,
        nano: int,
        *,
        cap: int | None,
        now: float,
        wait: bool = True,
    ) -> Reservation:
        """Set `nano` aside for a call. Full where that would make more than `cap` of what is spent on that day."""
        with self._writing(wait=wait) as connection:
            process = self._mine()
            self._book_lost(connection, now)
            if cap is not None and (already := _total(connection, day)) + nano > cap:
                raise Full(already)
            cursor = connection.execute(
                "INSERT INTO reserved (process, at, day, provider, model, nano) VALUES (?, ?, ?, ?, ?, ?)",
                (process, now, day, provider, model, nano),
            )
            return Reservation(cursor.lastrowid or 0, day, provider, model, nano)

    def settle(self, reservation: Reservation, spent: Spent, *, wait: bool = True) -> None:
        """Put what the call has cost in place of what was set aside for it."""
        with self._writing(wait=wait) as connection:
            gone = connection.execute("DELETE FROM reserved WHERE id = ?", (reservation.id,)).rowcount
            if not gone:  # it took so long that it was booked as lost
                lost = _lost(reservation.nano)
                _add(connection, reservation, lost, sign=-1)
            _add(connection, reservation, spent)

    def rows(self, since: str) -> list[Row]:
        """What was spent from the day `since` on, the newest day first, the dearest model first."""
        return [Row(*row) for row in self._read(
            "SELECT day, provider, model, calls, unpriced, input_tokens, output_tokens, nano, estimated FROM spent"
            " WHERE day >= ? AND calls > 0 ORDER BY day DESC, nano DESC, provider, model",
            since,
        )]  # fmt: skip

    def reserved(self, day: str) -> int:
        """What calls in flight may still cost on that day."""
        [[nano]] = self._read("SELECT COALESCE(SUM(nano), 0) FROM reserved WHERE day = ?", day) or [[0]]
        return nano

    def close(self) -> None:
        """Close the file. The ledger opens it again when it is used again."""
        if self._opened is not None:
            self._opened.close()
        self._owner = 0
        self._leases.close()

    # ----------------------------------------------------------------------------------------- parts

    @property
    def _database(self) -> Database:
        with self._opening:
            if self._opened is None:
                from ..replay.database import Database, Schema  # sqlite3 is slow to import

                self._opened = Database(self.path, Schema("spending ledger", APPLICATION_ID, MIGRATIONS))
            return self._opened

    @contextmanager
    def _writing(self, *, wait: bool) -> Generator[sqlite3.Connection]:
        with _said(), self._database.writing(wait=wait) as connection:
            yield connection

    def _read(self, sql: str, day: str) -> list[list[Any]]:
        with _said(), self._database.snapshot() as connection:
            return [] if connection is None else [list(row) for row in connection.execute(sql, (day,))]

    def _mine(self) -> str:
        """The name of this process, under a lock that the system lets go when the process ends, however it ends."""
        if self._owner != os.getpid():
            name = secrets.token_hex(8)
            while not self._leases.take(_place(name)):
                name = secrets.token_hex(8)
            self._process, self._owner = name, os.getpid()
        return self._process

    def _book_lost(self, connection: sqlite3.Connection, now: float) -> None:
        """Book the calls that nobody will settle: their process is gone, or they have been in flight for an hour.

        They may well have been answered and billed, so all that was set aside for them counts as spent.
        """
        gone = [process for process in _processes(connection) if self._is_gone(process)]
        marks = ", ".join("?" * len(gone))
        lost = connection.execute(
            f"SELECT id, day, provider, model, nano FROM reserved WHERE at < ? OR process IN ({marks})",  # noqa: S608 - question marks
            (now - AN_HOUR, *gone),
        ).fetchall()
        for row in lost:
            reservation = Reservation(*row)
            connection.execute("DELETE FROM reserved WHERE id = ?", (reservation.id,))
            _add(connection, reservation, _lost(reservation.nano))

    def _is_gone(self, process: str) -> bool:
        if process == self._process:
            return False
        if not self._leases.take(_place(process)):
            return False
        self._leases.drop(_place(process))
        return True


def _place(process: str) -> str:
    return f"k1:{process}"


def _processes(connection: sqlite3.Connection) -> Iterator[str]:
    for (process,) in connection.execute("SELECT DISTINCT process FROM reserved").fetchall():
        yield process


def _total(connection: sqlite3.Connection, day: str) -> int:
    """What is spent and reserved on that day."""
    return connection.execute(
        "SELECT (SELECT COALESCE(SUM(nano), 0) FROM spent WHERE day = :day)"
        " + (SELECT COALESCE(SUM(nano), 0) FROM reserved WHERE day = :day)",
        {"day": day},
    ).fetchone()[0]


def _lost(nano: int) -> Spent:
    return Spent(nano=nano, estimated=nano)


def _add(connection: sqlite3.Connection, call: Reservation, spent: Spent, *, sign: int = 1) -> None:
    numbers = (
        spent.calls,
        spent.unpriced,
        spent.input_tokens,
        spent.output_tokens,
        spent.nano,
        spent.estimated,
    )
    connection.execute(
        "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " calls = calls + excluded.calls, unpriced = unpriced + excluded.unpriced,"
        " input_tokens = input_tokens + excluded.input_tokens,"
        " output_tokens = output_tokens + excluded.output_tokens,"
        " nano = nano + excluded.nano, estimated = estimated + excluded.estimated",
        (call.day, call.provider, call.model, *(sign * number for number in numbers)),
    )


@contextmanager
def _said() -> Generator[None]:
    """What the parts shared with the replay store raise, as errors of the ledger."""
    try:
        yield
    except Busy:
        raise
    except ReplayError as error:
        raise LedgerError(
            error.message,
            hint="A budget is set, so nothing is sent while its ledger cannot be kept. Mend the folder, "
            "choose another with ANTIPHON_HOME, or lift the budget.",
        ) from error
