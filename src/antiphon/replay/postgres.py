"""A store that many machines share: recorded replies in a PostgreSQL database."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ..call import Reply
from ..errors import ReplayError
from ..request import Request
from .address import Address
from .advisory import AdvisoryLeases
from .canon import canonical
from .failures import Busy
from .server import Server, psycopg_module
from .store import Store, packed_blob

__all__ = ["PostgresStore"]


class PostgresStore(Store):
    """Recorded replies in one PostgreSQL database, by the key of the request; see Store for what each method does.

    `address` is ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE?…``; what is left out comes from where PostgreSQL's
    own programs take it (PGHOST, PGUSER, PGPASSWORD, PGSERVICE, ~/.pgpass). The password is in no text, repr or log.
    Nothing is opened before it is used, but ReplayError at once where psycopg is missing. Each process has up to four
    connections and one for leases. `clock` gives unix seconds.
    """

    quick = False  # every lookup crosses a network

    def __init__(self, address: str, *, clock: Callable[[], float] = time.time) -> None:
        if find_spec("psycopg") is None:
            psycopg_module()
        self.address = Address.of(address)
        super().__init__(Path("postgresql"), clock=clock)  # there is no file: the path names nothing
        self._server = Server(self.address)
        self._advisory = AdvisoryLeases(self._server)

    @property
    def name(self) -> str:
        """The address without its password."""
        return self.address.shown

    @property
    def database(self) -> Server:
        """The database below."""
        return self._server

    def damaged(self, how: str) -> ReplayError:
        """The error for content that is not what was written."""
        return ReplayError(
            f"the replay store {self.name} is damaged: {how}",
            hint="`antiphon replay verify` lists all that is damaged; `--replay refresh` records one answer anew.",
        )

    def close(self) -> None:
        """Close the connections. The store opens them again when it is used again."""
        self._advisory.close()
        self._server.close()

    def put(
        self,
        request: Request,
        key: str,
        *,
        sent: bytes,
        reply: Reply,
        wait: bool = True,
        document: bytes | None = None,
    ) -> None:
        """Record `reply`; it is on the server's disk when this returns. Busy with `wait=False`: always from a thread."""
        if not wait:
            raise Busy("a store on a server is waited for")
        row = self._row(request, key, document or canonical(request), sent, reply)
        blobs = [packed_blob(m.sha256 or "", m.data) for m in request.media if m.data is not None]
        self._server.put(row, blobs)

    def try_lease(self, key: str) -> bool:
        """Take the right to make this call, among all machines that share the store. One question to the server.

        The lease of a process that dies, or whose connection breaks, is free as soon as the server notices.
        """
        return self._advisory.take(key)

    def release(self, key: str) -> None:
        """Give back a lease that `try_lease` gave."""
        self._advisory.drop(key)
