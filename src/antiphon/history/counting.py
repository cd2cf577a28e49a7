"""Counting replays, without a price for the replay: a hit is one entry in a queue, and a thread writes it down later.

Written at most once a second, and when the client is closed or the program ends. What a kill -9 finds in the queue is
lost. Where the folder cannot be written, nothing is counted.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import Counter, deque
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ReplayError

if TYPE_CHECKING:
    from ..replay.database import Database

__all__ = ["Replays"]

log = logging.getLogger("antiphon")

PAUSE = 1.0  # seconds from a hit to the writing: what comes meanwhile is written with it
IDLE = 5.0  # seconds after which the thread ends; the next hit starts another
ROOM = 500_000  # hits that wait at most; beyond that the oldest are not counted

_all: weakref.WeakSet[Replays] = weakref.WeakSet()


@atexit.register
def _write_all() -> None:
    for replays in list(_all):
        replays.close()


def _after_fork_in_child() -> None:
    for replays in list(_all):
        replays.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class Replays:
    """The counter of one store. Safe to use from any thread and after a fork; no method raises."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._database: Database | None = None
        self._off = False
        self.forget()
        _all.add(self)

    def forget(self) -> None:
        """Start afresh, as in a forked child: what waits is its parent's to write."""
        self._hits: deque[tuple[str, str, str]] = deque(maxlen=ROOM)
        self._awake = False
        self._thread: threading.Thread | None = None
        self._event = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def hit(self, key: str, provider: str, model: str) -> None:
        """This recording was given again. Takes well under a microsecond."""
        self._hits.append((key, provider, model))
        if not self._awake:
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._awake or self._off:
                return
            self._awake = True
            try:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="antiphon-replays", daemon=True)
                    self._thread.start()
            except RuntimeError:  # no more threads, or the interpreter is shutting down: closing writes it
                self._thread = None
            self._event.set()

    def _run(self) -> None:
        while True:
            if not self._event.wait(IDLE):
                with self._lock:
                    if not self._event.is_set():
                        self._thread = None
                        return
            self._event.clear()
            self._closing.wait(PAUSE)
            self._awake = self._off
            self.flush()

    def flush(self) -> None:
        """Write down what waits."""
        with self._writing:
            hits = [self._hits.popleft() for _ in range(len(self._hits))]
            if not hits or self._off:
                return
            try:
                # A store that is gone has taken its folder with it, perhaps: it is not made again for this.
                if self._store.exists():
                    self._write(hits)
            except ReplayError as error:
                self._off = self._awake = True
                self._hits = deque(maxlen=0)
                log.info("replays are not counted: %s", error)

    def _write(self, hits: list[tuple[str, str, str]]) -> None:
        from ..replay.store import stored_key
        from .file import opened

        if self._database is None:
            self._database = opened(self._store.parent)
        now = time.time()
        keys = Counter(key for key, _, _ in hits)
        models = Counter((provider, model) for _, provider, model in hits)
        with self._database.writing() as db:
            db.executemany(
                "INSERT INTO replays VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count,"
                " at = max(at, excluded.at)",
                [(stored_key(key), count, now) for key, count in keys.items()],
            )
            db.executemany(
                "INSERT INTO replay_times VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [(int(now // 900), *model, count) for model, count in models.items()],
            )
        self._database.written(len(keys) * 100)

    def close(self) -> None:
        """Write down what waits and close the file. Counting goes on with the next hit."""
        self._closing.set()
        self.flush()
        if self._database is not None:
            self._database.close()
        self._closing.clear()
