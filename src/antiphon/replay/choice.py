"""Which store is used: the one that is given, $ANTIPHON_STORE, or the file in the home folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import RequestError
from .interface import ReplayStore
from .store import Store

__all__ = ["VARIABLE", "chosen"]

VARIABLE = "ANTIPHON_STORE"
SERVER = ("postgresql://", "postgres://")


def chosen(store: ReplayStore | str | Path | None, home: Path) -> ReplayStore:
    """`store` itself, or the one at this address: ``postgresql://…``, or the path of an SQLite file.

    Without one, the address in $ANTIPHON_STORE; without that, ``replay.sqlite`` in `home`. Nothing is opened yet.
    RequestError for what is no such address; its text does not repeat it, because it may hold a password.
    """
    field = "store"
    if store is None or store == "":
        store, field = os.environ.get(VARIABLE, ""), VARIABLE
        if not store:
            return Store(home / "replay.sqlite")
    if isinstance(store, Path):
        return Store(store)
    if not isinstance(store, str):
        return store
    if store.startswith(SERVER):
        from .postgres import PostgresStore

        return PostgresStore(store)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", store) or re.search(
        r"\b(password|host|dbname|service)\s*=", store
    ):
        raise RequestError(
            f"{field} is neither a postgresql:// address nor the path of a file",
            field=field,
            hint="Write postgresql://USER@HOST:PORT/DATABASE, and keep the password in ~/.pgpass.",
        )
    return Store(Path(store).expanduser())
