"""History: the doors. Every method may take milliseconds (files are read): call them off an event loop."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import ReplayError, RequestError
from ..replay import Store
from ..replay.failures import damaged
from ..replay.store import stored_key
from ..request import Media
from .values import Item, Page, Query, Shown, Totals

if TYPE_CHECKING:
    import sqlite3

    from ..replay.database import Database
    from .index import Index
    from .origins import Packed

__all__ = ["History"]

EVERYTHING = Query()
BUDGET = 0.25  # seconds for which a page reads new recordings in
LONGEST = 3_660  # days


class History:
    """The recordings of a store as people look at them.

    The store is the truth; `history.sqlite` in `folder` (beside the store, unless another is given) holds an index that
    is made from it as it grows, and what only people know: how often something was replayed, and the workflow that
    made it. Where the folder cannot be written, the index is made in a temporary one. Nothing is opened before it is
    used. Safe to use from any thread, from several processes at once and after a fork. Methods raise ReplayError where a
    file cannot be read or written, RequestError for a wrong argument.
    """

    def __init__(self, store: Store, folder: str | Path | None = None) -> None:
        self.store = store
        self.folder = Path(folder) if folder is not None else store.path.parent
        self._made: Index | None = None
        self._origin: tuple[Mapping[str, Any], Packed | None] | None = None

    # -------------------------------------------------------------------------------------- the list

    def page(self, query: Query = EVERYTHING, *, budget_seconds: float = BUDGET) -> Page:
        """One page of what is asked for. New recordings are read in first, for at most `budget_seconds`."""
        self.catch_up(budget_seconds)
        page, good = self._page(query)
        if not good:  # something that no look at the store as a whole has shown
            self._index.distrust()
            self.catch_up(budget_seconds)
            page, _ = self._page(query)
        return page

    def _page(self, query: Query) -> tuple[Page, bool]:
        """The page, without what is not in the store any more; and whether it was all there as it stands here."""
        from .finding import counted, items, numbers

        with self._database.snapshot() as here, self.store.database.snapshot() as there:
            if here is None or there is None:
                return Page((), None, 0), True
            ids = numbers(here, query, query.limit + 1)
            total, more = counted(here, query)
            shown = list(items(here, ids[: query.limit]))
            good = [item for item in shown if _stands(there, item)]
        cursor = str(ids[query.limit - 1]) if len(ids) > query.limit else None
        return Page(tuple(good), cursor, total, more), len(good) == len(shown)

    def catch_up(self, budget_seconds: float | None = None) -> bool:
        """Read recordings that are new into the index, for at most so long; whether all of them are in it now.

        The newest come first. What is read stays read, whatever ends the process. One process does it at a time: while
        another one does, this returns False at once.
        """
        return self._index.catch_up(budget_seconds)

    def indexing(self) -> tuple[int, int]:
        """How many recordings are in the index, and how many there are."""
        row = self._database.row("SELECT count(*) FROM entries", ())
        total = self.store.count()
        return min(row[0] if row else 0, total), total

    # ------------------------------------------------------------------------------------ one of them

    def entry(self, key: str) -> Shown | None:
        """All there is about one recording, or None. What is damaged is said in its `problem`."""
        from .showing import shown

        return shown(self.store, key, self._item(key))

    def _item(self, key: str) -> Item | None:
        """What stands in the index about this recording: what only people know is nowhere else."""
        from .finding import items

        with self._database.snapshot() as here:
            if here is None:
                return None
            row = here.execute("SELECT id FROM entries WHERE key = ?", (stored_key(key),)).fetchone()
            return None if row is None else next(items(here, row), None)

    def medium(self, key: str, sha256: str) -> Media | None:
        """A medium of this recording's question or answer, with its bytes; None where it has none of that hash."""
        from .showing import medium

        return medium(self.store, key, sha256)

    def again(self, key: str) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """The messages and the settings with which `Client.stream` asks the same thing again; None: not recorded.

        The seed is in the settings; no credential is. RequestError where the recording cannot be asked again, as when
        one of its media is lost.
        """
        from .showing import again

        return again(self.store, key)

    # ------------------------------------------------------------------------------ what people decide

    def pin(self, key: str, pinned: bool = True) -> bool:
        """Pin a recording, so that `prune` keeps it, or unpin it; whether there is one of this key."""
        found = self.store.pin(key, pinned)
        with contextlib.suppress(ReplayError), self._database.writing() as db:
            db.execute(
                "UPDATE entries SET pinned = ? WHERE key = ?", (bool(pinned and found), stored_key(key))
            )
        return found

    def delete(self, keys: Iterable[str]) -> int:
        """Remove these recordings from the store, pinned or not; how many there were."""
        from .index import forget

        keys = list(keys)
        stored = [stored_key(key) for key in keys]
        count = sum(self.store.delete(key) for key in keys)
        with self._database.writing() as db:
            rows = [db.execute("SELECT id FROM entries WHERE key = ?", (key,)).fetchone() for key in stored]
            forget(db, [row[0] for row in rows if row], stored)
        return count

    def export(self, file: str | Path | IO[bytes], keys: Iterable[str]) -> int:
        """Write these recordings as one portable file; see Store.export."""
        return self.store.export(file, keys=list(keys))

    # -------------------------------------------------------------------------------------------- sums

    def totals(self, days: int = 30, tz: tzinfo | None = None) -> Totals:
        """What was recorded on each of the last `days` days (today is one; 1 to 3,660), and by which models.

        Days are those of `tz`, or of this machine. What was deleted is not in it: it says what the store holds.
        """
        from .sums import totals

        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= LONGEST:
            raise RequestError(f"days must be from 1 to {LONGEST}, not {days!r}", field="days")
        self.catch_up(BUDGET)
        with self._database.snapshot() as here:
            return totals(here, time.time(), days, tz)

    # ----------------------------------------------------------------------------------------- origins

    def origin(self, key: str, workflow: Mapping[str, Any], *, keep: bool = False) -> bool:
        """Remember the workflow that made this recording; whether it is kept.

        With `keep` a workflow that is remembered already stays. It is not kept where it is larger than 1 MiB as JSON, or
        where the folder cannot be written. Keys must be taken out by the caller: RequestError where there is one left.
        The same object again is not looked at again, so do not change it.
        """
        from . import origins

        stored = stored_key(key)
        known = self._origin
        if known is None or known[0] is not workflow:
            known = self._origin = (workflow, origins.packed(workflow))
        if known[1] is None or not _writable(self.folder):
            return False
        with self._database.writing() as db:
            origins.put(db, stored, known[1], time.time(), keep=keep)
        return True

    def workflow(self, key: str) -> dict[str, Any] | None:
        """The workflow that made this recording, or None."""
        from . import origins

        with self._database.snapshot() as here:
            try:
                return None if here is None else origins.workflow(here, stored_key(key))
            except ValueError as error:
                raise damaged(self._database.path, f"the workflow of {key}: {error}") from error

    # ------------------------------------------------------------------------------------------- parts

    def close(self) -> None:
        """Close the files; they are opened again when the history is used again."""
        if self._made is not None:
            self._made.close()
            self._made.database.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _database(self) -> Database:
        return self._index.database

    @property
    def _index(self) -> Index:
        """The index. Imported here, because sqlite3 is slow to import."""
        if self._made is None:
            from .file import opened
            from .index import Index

            self._made = Index(self.store, opened(self._place()))
        return self._made

    def _place(self) -> Path:
        """Where the index can be: the folder, or a temporary one that goes with this object."""
        if _writable(self.folder):
            return self.folder
        place = tempfile.mkdtemp(prefix="antiphon-history-")
        weakref.finalize(self, shutil.rmtree, place, ignore_errors=True)
        return Path(place)


def _writable(folder: Path) -> bool:
    """Whether files can be made here; a folder that is not there yet is made when it is needed."""
    return not folder.exists() or os.access(folder, os.W_OK | os.X_OK)


def _stands(there: sqlite3.Connection, item: Item) -> bool:
    """Whether this line is still that of the recording in the store."""
    # What could not be read where it stands is asked for by its key alone.
    column = "recorded_at" if item.provider else "0.0"
    row = there.execute(f"SELECT {column} FROM recordings WHERE key = ?", (stored_key(item.key),)).fetchone()  # noqa: S608
    return row is not None and row[0] == item.recorded_at
