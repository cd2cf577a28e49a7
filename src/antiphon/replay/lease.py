"""Which calls are in flight, between all processes that share a store.

A lease is an operating-system lock on one byte of ``replay.lock``, at a place derived from the key. The file
stays empty. Taking one costs about a microsecond and no write; when a process dies, the system frees what it
held, so that no lease is ever stale and no clock is needed. docs/design/replay.md says why this and not a row.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ReplayError

__all__ = ["Leases", "hold"]

# Windows' C library takes 31-bit places; elsewhere a place is 62 bits of the key.
FAR = 0x7FFF_FFFE  # a place behind all that is ever read or written there
PLACE_DIGITS, PLACE_SHIFT = (8, 1) if sys.platform == "win32" else (16, 2)


@dataclass(slots=True)
class _File:
    """One lock file in this process.

    POSIX drops all locks of a process on a file as soon as the process closes any descriptor of that file, and
    never tells two threads of one process apart. Hence one descriptor, shared by all stores of this process,
    and a set of what any of them holds.
    """

    name: str
    descriptor: int
    users: int = 0
    held: set[int] = field(default_factory=set[int])


# Reentrant, because a store that is collected as garbage closes its leases wherever that happens.
_mutex = threading.RLock()
_files: dict[str, _File] = {}


def _forget_after_fork() -> None:
    """A forked child holds none of its parent's locks; the descriptor itself is as good as a new one."""
    global _mutex  # noqa: PLW0603 - another thread may have held it while the process forked
    _mutex = threading.RLock()
    for file in _files.values():
        file.held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


class Leases:
    """The leases of one store. ReplayError from `take` if the lock file cannot be made or locked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: _File | None = None
        self._held: set[int] = set()

    def take(self, key: str) -> bool:
        """Whether the lease for `key` was free and is now held by us. Never waits."""
        place = _place(key)
        with _mutex:
            file = self._file or self._opened()
            if place in file.held or not self._lock(file, place):
                return False
            file.held.add(place)
            self._held.add(place)
            return True

    def drop(self, key: str) -> None:
        """Give the lease for `key` back. Nothing happens if this store does not hold it."""
        with _mutex:
            self._drop(_place(key))

    def _drop(self, place: int) -> None:
        if self._file is not None and place in self._held:
            self._held.discard(place)
            self._file.held.discard(place)
            _unlock(self._file.descriptor, place)

    def close(self) -> None:
        """Give all leases of this store back, and let the lock file go."""
        with _mutex:
            for place in tuple(self._held):
                self._drop(place)
            file, self._file = self._file, None
            if file is None:
                return
            file.users -= 1
            if file.users == 0:
                del _files[file.name]
                os.close(file.descriptor)

    def __del__(self) -> None:
        if self._file is not None:
            self.close()

    def _opened(self) -> _File:
        name = os.path.realpath(self.path)
        file = _files.get(name)
        if file is None:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                file = _files[name] = _File(name, os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            except OSError as error:
                raise _failure(self.path, error) from error
        file.users += 1
        self._file = file
        return file

    def _lock(self, file: _File, place: int) -> bool:
        try:
            return _lock(file.descriptor, place)
        except OSError as error:
            raise _failure(self.path, error) from error


def hold(descriptor: int) -> bool:
    """Whether this process is now the only one that holds this open file; closing any descriptor of it lets go.

    True also where the file system cannot lock.
    """
    try:
        return _lock(descriptor, FAR)
    except OSError:
        return True


def _place(key: str) -> int:
    return int(key[3 : 3 + PLACE_DIGITS], 16) >> PLACE_SHIFT


def _failure(path: Path, error: OSError) -> ReplayError:
    return ReplayError(
        f"cannot lock {path}: {error.strerror or error}",
        hint="Identical requests of several processes may be paid for more than once until this is mended.",
    )


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, place: int) -> bool:
        os.lseek(descriptor, place, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _unlock(descriptor: int, place: int) -> None:
        os.lseek(descriptor, place, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, place: int) -> bool:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock(descriptor: int, place: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, place)
