"""What the road, the doors and the command line need of a replay store: what every kind of store has."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeVar

from ..call import Reply
from ..errors import ReplayError
from ..request import Request

if TYPE_CHECKING:
    from .portable import Imported
    from .store import Blob, Details, Entry, Recording, Row, Selection
    from .upkeep import Pruned, Report

__all__ = ["Connection", "Ground", "ReplayStore"]

T = TypeVar("T")


class ReplayStore(Protocol):
    """Recorded replies by the key of the request; `Store` is one in a file, `PostgresStore` one on a server.

    Nothing is opened before it is used. Every method may be called from any thread and after a fork, and raises
    ReplayError, whose text holds no secret. What each does exactly is said by `Store`.
    """

    @property
    def quick(self) -> bool:
        """Whether `get`, `try_lease` and `release` take microseconds, so that an event loop may call them."""
        ...

    @property
    def name(self) -> str:
        """Where it is, for people: a path, or an address without its password."""
        ...

    @property
    def database(self) -> Ground:
        """What it stands on; for this package only."""
        ...

    def damaged(self, how: str) -> ReplayError:
        """The error for content that is not what was written."""
        ...

    def close(self) -> None: ...

    def get(self, key: str) -> Recording | None: ...

    def put(
        self,
        request: Request,
        key: str,
        *,
        sent: bytes,
        reply: Reply,
        wait: bool = True,
        document: bytes | None = None,
    ) -> None: ...

    def try_lease(self, key: str) -> bool: ...

    def release(self, key: str) -> None: ...

    def list(
        self,
        *,
        provider: str | None = None,
        model: str | None = None,
        since: float | None = None,
        contains: str | None = None,
        pinned: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[Entry]: ...

    def count(self) -> int: ...

    def show(self, key: str) -> Details | None: ...

    def delete(self, key: str) -> bool: ...

    def pin(self, key: str, pinned: bool = True) -> bool: ...

    def export(
        self,
        file: str | Path | IO[bytes],
        *,
        keys: Iterable[str] | None = None,
        provider: str | None = None,
        model: str | None = None,
        since: float | None = None,
        contains: str | None = None,
    ) -> int: ...

    def import_(
        self, file: str | Path | IO[bytes], *, replace: bool = False, max_bytes: int = 1 << 36
    ) -> Imported: ...

    def verify(self) -> Report: ...

    def prune(
        self,
        *,
        older_than: float | None = None,
        max_bytes: int | None = None,
        provider: str | None = None,
        dry_run: bool = False,
    ) -> Pruned: ...


class Connection(Protocol):
    """A connection as the queries of this package use it: SQL with ``?`` for values, bytes as bytes."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...

    def executemany(self, sql: str, parameters: Any, /) -> Any: ...


class Ground(Protocol):
    """What a store stands on, a file or a server: connections, transactions, and where the two differ in SQL."""

    def row(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The first row, or None: also when nothing has been recorded yet."""
        ...

    def snapshot(self) -> AbstractContextManager[Connection | None]:
        """A connection of its own that sees the store as it is now, for whatever takes long; None: no store yet."""
        ...

    def writing(self, *, wait: bool = True) -> AbstractContextManager[Connection]:
        """A transaction; its changes are all kept, or none."""
        ...

    def removing(self) -> AbstractContextManager[Connection]:
        """A transaction in which media may be dropped that nobody uses: nobody begins to use one meanwhile."""
        ...

    def again(self, work: Callable[[], T]) -> T:
        """What `work` gives; again from its beginning where its transaction was lost or gave way to another."""
        ...

    def written(self, size: int) -> None:
        """Say that about so many bytes were written."""
        ...

    def write(self, db: Any, row: Row, blobs: Iterable[Blob]) -> None:
        """Write a recording and its media inside a transaction; one with the same key gives way to it."""
        ...

    def each(self, db: Any, sql: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query that may give more than fit into memory."""
        ...

    def selected(
        self,
        db: Any,
        columns: str,
        selection: Selection,
        order: str,
        *,
        limit: int | None = None,
        offset: int = 0,
    ) -> Iterator[tuple[Any, ...]]:
        """These columns of the recordings that are selected, in this order (an ORDER BY clause)."""
        ...

    def has_pins(self, db: Any) -> bool:
        """Whether there is a table of pins."""
        ...

    def make_pins(self, db: Any) -> None:
        """The table of pins, if there is none yet, in a transaction."""
        ...

    def problems(self, db: Any) -> Generator[str]:
        """What is wrong below the level of rows."""
        ...

    def give_back(self) -> None:
        """Give freed space back to the disk, where that can be done without locking everybody out."""
        ...

    def close(self) -> None: ...
