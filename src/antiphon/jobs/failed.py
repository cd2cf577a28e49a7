"""The requests of a batch that failed for good: those need not be asked again by the same command.

They stand in the output of the run before. What a run finds out before it has an output of its own is in a file beside
it, one line for each, as soon as its row is given; so a kill at any moment forgets none of them, be the output a
Parquet file that only its end makes readable, or one that a second run has begun to write anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

from .. import errors
from ..errors import AntiphonError, RequestError
from .partial import beside
from .plan import error_object
from .sources import Record, Source, opened

if TYPE_CHECKING:
    import sqlite3
    from io import FileIO

__all__ = ["ENDING", "Failed", "remade"]

ENDING = ".failed"


class Failed(Mapping[str, AntiphonError]):
    """Errors by key: those that runs at `path` ended with and that asking again would not change. None: no output.

    With `again` those of earlier runs are forgotten. However many they are, they take little memory: they are in a
    file without a name that SQLite makes and that goes with the process.
    """

    def __init__(self, path: Path | None, *, again: bool = False) -> None:
        self._path = None if path is None else beside(path, ENDING)
        self._kept: sqlite3.Connection | None = None
        self._file: FileIO | None = None
        if path is None or self._path is None:
            return
        if again:
            self.forget()
            return
        for key, error in chain(_of_output(path), _of_lines(self._path)):
            self._keep(key, error)

    def _keep(self, key: str, error: Record) -> None:
        if self._kept is None:
            import sqlite3  # slow to import, and seldom needed before the store is

            self._kept = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._kept.execute("CREATE TABLE failed (key TEXT PRIMARY KEY, error TEXT) WITHOUT ROWID")
        self._kept.execute("INSERT OR REPLACE INTO failed VALUES (?, ?)", (key, json.dumps(error)))

    # ------------------------------------------------------------------------------- what a run finds out

    def add(self, key: str, error: AntiphonError) -> None:
        """Remember that the request of this key failed, if that is for good and not known yet. OSError on a full disk."""
        if self._path is None or error.retryable or key in self:
            return
        if self._file is None:
            self._file = self._path.open("ab", buffering=0)
        self._file.write(b"\n" + json.dumps({"key": key, "error": error_object(error)}).encode())

    def forget(self) -> None:
        """The output holds them now, or they are to be asked again."""
        self.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let the files go."""
        for opened_one in (self._file, self._kept):
            if opened_one is not None:
                opened_one.close()
        self._file = self._kept = None

    # ------------------------------------------------------------------------------------ as a mapping

    def __getitem__(self, key: str) -> AntiphonError:
        found = None
        if self._kept is not None:
            found = self._kept.execute("SELECT error FROM failed WHERE key = ?", (key,)).fetchone()
        if found is None:
            raise KeyError(key)
        return remade(json.loads(found[0]))

    def __iter__(self) -> Iterator[str]:
        if self._kept is not None:
            for (key,) in self._kept.execute("SELECT key FROM failed ORDER BY key"):
                yield key

    def __len__(self) -> int:
        return 0 if self._kept is None else self._kept.execute("SELECT count(*) FROM failed").fetchone()[0]


def _of_output(path: Path) -> Iterator[tuple[str, Record]]:
    """The errors in a whole output."""
    ending = {".ndjson": "jsonl"}.get(path.suffix.lower(), path.suffix.lower()[1:])
    with suppress(RequestError, OSError, ValueError):  # what cannot be read settles nothing
        if path.exists():
            yield from _for_good(opened(path, ending))


def _of_lines(path: Path) -> Iterator[tuple[str, Record]]:
    """The errors in the file beside it. Each line begins with its line end, so that a torn one spoils no other."""
    try:
        file = path.open("rb")
    except OSError:
        return
    with file:
        for line in file:
            with suppress(ValueError, TypeError, KeyError):
                record = json.loads(line)
                yield str(record["key"]), dict(record["error"])


def _for_good(source: Source) -> Iterator[tuple[str, Record]]:
    for record in source.rows():
        error, key = _nested(record), record.get("key")
        if isinstance(key, str) and error and error.get("again") in (False, "False"):
            yield key, error


def _nested(record: Record) -> Record:
    """The error in a record, whether it stands in one column or in several."""
    error = record.get("error")
    if isinstance(error, dict):
        return cast("Record", error)
    flat = {name.partition(".")[2]: value for name, value in record.items() if name.startswith("error.")}
    return flat if flat.get("type") else {}


def remade(error: Record) -> AntiphonError:
    """The error that a record of it (`error_object`) tells of, as far as it does."""
    kind = getattr(errors, str(error.get("type")), AntiphonError)
    kind = kind if isinstance(kind, type) and issubclass(kind, AntiphonError) else AntiphonError
    made = kind(str(error.get("message", "")))
    for name in ("status", "provider", "code", "request_id", "reason", "field"):
        if error.get(name) not in (None, "") and hasattr(made, name):
            setattr(made, name, int(error[name]) if name == "status" else error[name])
    return made
