"""What can go wrong with a store, in words: every failure says what it means and what to do."""

from __future__ import annotations

from pathlib import Path

from ..errors import ReplayError

__all__ = ["STORE", "Busy", "damaged", "failure", "is_locked"]

STORE = "replay store"


class Busy(ReplayError):
    """A put that was told not to wait would have to: another one is writing, or there is too much to write."""


def damaged(path: Path, how: str, what: str = STORE) -> ReplayError:
    """The error for a store whose content is not what was written."""
    listed = "`antiphon replay verify` lists all that is damaged. " if what == STORE else ""
    return ReplayError(
        f"the {what} {path} is damaged: {how}",
        hint=f"{listed}To start afresh, move {path.name} away, together with "
        "the files beside it that end in -wal and -shm.",
    )


# By primary result code (sqlite.org/rescode.html), with SQLite's fixed text for it: Python 3.10 does not give
# the code. Then what it means here, and the way out.
_FAILURES: tuple[tuple[int, str, str, str], ...] = (
    (3, "access permission denied", "may not be used", "Check who owns the file and its folder."),
    (5, "database is locked", "is locked by another process", "Try again when the other process is done."),
    (6, "database table is locked", "is locked by another process", "Try again."),
    (
        8,
        "attempt to write a readonly database",
        "cannot be written to",
        "Check who owns the file and its folder, and whether the disk is mounted read-only.",
    ),
    (
        10,
        "disk I/O error",
        "cannot be read or written: the disk reports an error",
        "Check the disk, its free space, and limits on file sizes.",
    ),
    (
        13,
        "database or disk is full",
        "is full, or its disk is",
        "Free some space, for instance by dropping old recordings with `antiphon replay prune`.",
    ),
    (
        14,
        "unable to open database file",
        "cannot be opened",
        "Check that its folder exists and may be written to, or choose another with ANTIPHON_HOME.",
    ),
)
_DAMAGE = {11: "database disk image is malformed", 26: "file is not a database"}


def failure(error: Exception, path: Path, what: str = STORE) -> ReplayError:
    """What an error of sqlite3 means for the store at `path`, and the way out. `what` is what to call it."""
    code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
    text = str(error)
    for number, known in _DAMAGE.items():
        if code == number or known in text:
            return damaged(path, known, what)
    for number, known, meaning, hint in _FAILURES:
        if code == number or (not code and known in text):
            return ReplayError(f"the {what} {path} {meaning}", hint=hint)
    return ReplayError(f"the {what} {path} failed: {text}")


def is_locked(error: Exception) -> bool:
    """Whether another connection holds the lock."""
    code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (5, 6) or (not code and "is locked" in str(error))
