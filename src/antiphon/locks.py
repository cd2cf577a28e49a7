"""Locks that Ctrl-C cannot leave taken.

A KeyboardInterrupt may come as soon as `acquire` returns, before any `try`; whoever wants the lock next then waits for
nobody. Here the taking is part of what is undone. (`with lock` alone is safe too, but cannot wait for a limited time.)
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["Room", "Turn"]


class Turn:
    """One at a time. Whoever has it already cannot have it again: that would be two in one thread."""

    __slots__ = ("_lock", "_taken")

    def __init__(self) -> None:
        # Of all locks only this one tells a thread that has it from one that has not, and so can be given back blindly.
        self._lock = threading.RLock()
        self._taken = False

    @contextmanager
    def within(self, patience: float) -> Generator[bool]:
        """Whether it was had within so many seconds; -1 waits for as long as it takes. It is given back at the end."""
        mine = False
        try:
            if self._lock.acquire(timeout=patience) and not self._taken:
                mine = self._taken = True
            yield mine
        finally:
            if mine:
                self._taken = False
            try:  # no call before this one: between two of them an interrupt may come
                self._lock.release()
            except RuntimeError:
                mine = False  # it was not had


class Room:
    """At most `size` at a time."""

    __slots__ = ("_free", "_inside", "_lock", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._free = threading.Condition(self._lock)
        self._inside: set[object] = set()

    @contextmanager
    def within(self, patience: float) -> Generator[bool]:
        """Whether there was room within so many seconds. It is given back at the end."""
        me = object()
        try:
            with self._lock:
                there_is = self._free.wait_for(self._has_room, patience)
                if there_is:
                    self._inside.add(me)
            yield there_is
        finally:
            with self._lock:
                self._inside.discard(me)
                self._free.notify()

    def _has_room(self) -> bool:
        return len(self._inside) < self._size
