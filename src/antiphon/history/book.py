"""History: the doors. Every method may take milliseconds (files are read): call them off an event loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import IO, Any

from ..replay import Store
from ..request import Media
from .values import Item, Page, Query, Shown, Totals

__all__ = ["History"]

EVERYTHING = Query()


class History:
    """The recordings of a store as people look at them.

    The store is the truth; `history.sqlite` in `folder` (beside the store, unless another is given) holds an index that
    is made from it as it grows, and what only people know: how often something was replayed, and the workflow that
    made it. Nothing is opened before it is used. Safe to use from any thread, from several processes at once and after
    a fork. Methods raise ReplayError where a file cannot be read or written, RequestError for a wrong argument.
    """

    def __init__(self, store: Store, folder: str | Path | None = None) -> None:
        self.store = store
        self.folder = Path(folder) if folder is not None else store.path.parent

    def page(self, query: Query = EVERYTHING) -> Page:
        """One page of what is asked for. New recordings are read in first, for at most a quarter of a second."""
        entries = self.store.list(
            provider=query.provider, model=query.model, since=query.since, contains=query.search or None,
            limit=query.limit + 1, offset=int(query.cursor or 0),
        )  # fmt: skip
        items = tuple(
            Item(key=it.key, provider=it.provider, model=it.model, seed=it.seed, prompt=it.snippet, text="",
                 recorded_at=it.recorded_at)
            for it in entries[: query.limit]
        )  # fmt: skip
        at = int(query.cursor or 0) + len(items)
        return Page(items, str(at) if len(entries) > query.limit else None, self.store.count())

    def catch_up(self, budget_seconds: float | None = None) -> bool:
        """Read recordings that are new into the index, for at most so long; whether all of them are in it now.

        The newest come first. What is read stays read, whatever ends the process; one process at a time does it.
        """
        return True

    def indexing(self) -> tuple[int, int]:
        """How many recordings are in the index, and how many there are."""
        total = self.store.count()
        return total, total

    def entry(self, key: str) -> Shown | None:
        """All there is about one recording, or None. What is damaged is said in its `problem`."""
        details = self.store.show(key)
        if details is None:
            return None
        it = details.recording
        item = Item(key=key, provider=it.provider, model=it.model, seed=it.seed, prompt="", text="",
                    recorded_at=it.recorded_at)  # fmt: skip
        return Shown(item=item, messages=tuple(details.request["messages"]))

    def medium(self, key: str, sha256: str) -> Media | None:
        """A medium of this recording's question or answer, with its bytes; None where it has none of that hash."""
        return None

    def again(self, key: str) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """The messages and the settings with which `Client.stream` asks the same thing again; None: not recorded.

        The seed is in the settings; no credential is. RequestError where the recording cannot be asked again, as when
        one of its media is lost.
        """
        return None

    def pin(self, key: str, pinned: bool = True) -> bool:
        """Pin a recording, so that `prune` keeps it, or unpin it; whether there is one of this key."""
        return False

    def delete(self, keys: Iterable[str]) -> int:
        """Remove these recordings from the store, pinned or not; how many there were."""
        return sum(self.store.delete(key) for key in keys)

    def export(self, file: str | Path | IO[bytes], keys: Iterable[str]) -> int:
        """Write these recordings as one portable file; see Store.export."""
        return self.store.export(file, keys=list(keys))

    def totals(self, days: int = 30, tz: tzinfo | None = None) -> Totals:
        """What was recorded on each of the last `days` days (today is one; 1 to 3,660), and by which models.

        Days are those of `tz`, or of this machine.
        """
        return Totals((), ())

    def origin(self, key: str, workflow: Mapping[str, Any]) -> bool:
        """Remember the workflow that made this recording; whether it is kept.

        It is not where it is larger than the cap (1 MiB as JSON) or where the folder cannot be written. Keys must be
        taken out by the caller: RequestError where there is one left.
        """
        return False

    def workflow(self, key: str) -> dict[str, Any] | None:
        """The workflow that made this recording, or None."""
        return None

    def close(self) -> None:
        """Close the files; they are opened again when the history is used again."""
