"""Which calls are in flight, between all machines that share a store on a server: advisory locks of a session.

The server frees what a session held the moment its connection ends, so that a killed process leaves no lease and no
clock is needed. docs/design/postgres.md says what follows when a connection breaks.
"""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import ReplayError
from ..locks import Turn
from .server import PATIENCE, Server, psycopg_module

if TYPE_CHECKING:
    import psycopg

__all__ = ["AdvisoryLeases"]

log = logging.getLogger("antiphon")

_TAKE = "SELECT pg_try_advisory_lock(%s)"
_DROP = "SELECT pg_advisory_unlock(%s)"

_all: weakref.WeakSet[AdvisoryLeases] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for leases in list(_all):
        leases.close()


def _forget_after_fork() -> None:
    for leases in list(_all):
        leases.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


class AdvisoryLeases:
    """The leases of one store, on a connection of their own. ReplayError from `take` if there is none to be had."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: psycopg.Connection[Any] | None = None
        # A session may take a lock of its own again, so what we hold is known here.
        self._held: set[int] = set()
        self._turn = Turn()
        _all.add(self)

    def take(self, key: str) -> bool:
        """Whether the lease for `key` was free and is now held by us: one question to the server."""
        psycopg, place = psycopg_module(), _place(key)
        with self._turn.within(PATIENCE) as mine:
            if not mine:
                raise ReplayError("the server of the replay store does not answer: no lease can be had")
            if place in self._held:
                return False
            try:
                try:
                    taken = self._asked(_TAKE, place)
                except psycopg.OperationalError:  # the connection had ended: once more on a new one
                    taken = self._asked(_TAKE, place)
            except psycopg.Error as error:
                raise self._server.failure(error) from error
            if taken:
                self._held.add(place)
            return taken

    def drop(self, key: str) -> None:
        """Give the lease for `key` back. Nothing happens if this store does not hold it, and nothing is raised."""
        place = _place(key)
        with self._turn.within(-1):
            if place not in self._held:
                return
            self._held.discard(place)
            if self._connection is not None:
                with suppress(psycopg_module().Error):  # the lock went with the connection
                    self._asked(_DROP, place)

    def _asked(self, sql: str, place: int) -> bool:
        psycopg = psycopg_module()
        connection = self._connection or self._opened()
        query: Any = sql
        self._server.watch.begin(connection)
        try:
            row = connection.execute(query, (place,)).fetchone()
        except psycopg.Error:
            self._connection = None
            connection.close()
            raise
        finally:
            self._server.watch.end(connection)
        return bool(row and row[0])

    def _opened(self) -> psycopg.Connection[Any]:
        """A new connection, with the locks that were lost with the one before: as far as nobody else has them now."""
        connection = self._server.connect()
        if self._server.pooled:
            # A pooler gives each transaction to any session; one that stays open keeps the session that has the locks.
            connection.execute("BEGIN")
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        taken = {place for place in self._held if _row(connection, place)}
        if lost := len(self._held) - len(taken):
            log.warning(
                "replay store: the connection broke and %d leases went to others: these calls are paid twice",
                lost,
            )
        self._held = taken
        self._connection = connection
        return connection

    def close(self) -> None:
        """Give all leases back."""
        with self._turn.within(-1):
            connection, self._connection = self._connection, None
            self._held.clear()
        if connection is not None:
            with suppress(psycopg_module().Error):
                connection.execute(
                    "SELECT pg_advisory_unlock_all()"
                )  # before this returns; the end comes later
            connection.close()

    def after_fork_in_child(self) -> None:
        """A forked child holds none of its parent's leases; the connection is the parent's."""
        self._turn = Turn()
        self._connection = None
        self._held = set()

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None:
            with suppress(Exception):
                connection.close()


def _row(connection: psycopg.Connection[Any], place: int) -> bool:
    query: Any = _TAKE
    row = connection.execute(query, (place,)).fetchone()
    return bool(row and row[0])


def _place(key: str) -> int:
    """64 bits of the key, as the signed number that the server takes."""
    return int.from_bytes(bytes.fromhex(key[3:19]), "big", signed=True)
