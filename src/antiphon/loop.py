"""One event loop in one daemon thread, which owns all sockets.

Callers may have no loop (a script), a loop of their own (a notebook, a server), a new loop for every prompt
that is blocked for seconds (ComfyUI), or many threads. None of these can carry a connection pool, so the
network work runs here, and sync and async callers wait for the same coroutine.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

__all__ = ["Job", "arun", "inside", "run", "started", "submit"]

T = TypeVar("T")

# How long an interrupted caller waits for its connection to be closed before it goes on anyway, in seconds.
CLOSING_TIME = 1.0
# On Windows a thread that waits for a lock does not see Ctrl-C, so it looks up this often, in seconds.
WINDOWS_POLL = 0.1


class _Private:
    """The loop and its thread, started at first use and started afresh in a forked child."""

    def __init__(self) -> None:
        self.forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """After a fork the thread is gone and the loop's file descriptors belong to the parent."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.thread: threading.Thread | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None:
            return self._loop
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                self.thread = threading.Thread(target=_serve, args=(loop,), name="antiphon-io", daemon=True)
                self.thread.start()
                self._loop = loop
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()


_private = _Private()


class Job(Generic[T]):
    """A coroutine running on the private loop, seen from another thread.

    Lighter than concurrent.futures: a bare lock for those who block, a callback for those who await.
    """

    __slots__ = ("_callbacks", "_cancelled", "_done", "_ended", "_loop", "_task")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._callbacks: deque[Callable[[], object]] = deque()
        self._cancelled = self._ended = False
        self._done = threading.Lock()
        self._done.acquire()
        self._task: asyncio.Task[T] | None = None
        self._loop = _private.loop()
        self._loop.call_soon_threadsafe(self._start, coroutine)

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._task = self._loop.create_task(coroutine)
        self._task.add_done_callback(self._finish)
        if self._cancelled:
            self._task.cancel()

    def _finish(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # whoever wants the outcome asks for it; nobody wanting it is no fault
        self._ended = True
        self._done.release()
        self._call_back()

    def _call_back(self) -> None:
        # The deque's pops are atomic, so each callback is called once, whichever thread comes first.
        while self._callbacks:
            with suppress(IndexError):
                self._callbacks.popleft()()

    def _cancel_task(self) -> None:
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def cancel(self, *, wait: bool = False) -> None:
        """End it; with `wait`, come back once it has ended (or after a second)."""
        self._loop.call_soon_threadsafe(self._cancel_task)
        if wait:
            self.wait(CLOSING_TIME)

    def wait(self, timeout: float = -1) -> bool:
        """Whether it ended within `timeout` seconds, in whatever way."""
        ended = self._done.acquire(timeout=timeout)
        if ended:
            self._done.release()
        return ended

    def on_done(self, call: Callable[[], object]) -> None:
        """Call back when it has ended: on the private loop's thread, or here if it has ended already."""
        self._callbacks.append(call)
        if self._ended:
            self._call_back()

    def _outcome(self) -> T:
        assert self._task is not None
        return self._task.result()

    def result(self) -> T:
        """Wait for the result. Ctrl-C cancels it and waits until the connection is closed."""
        try:
            if sys.platform == "win32":
                while not self.wait(WINDOWS_POLL):
                    continue
            self.wait()
        except (KeyboardInterrupt, SystemExit):
            self.cancel(wait=True)
            raise
        return self._outcome()

    async def aresult(self) -> T:
        """Await the result from another loop. Cancelling the awaiting task cancels the job."""
        loop = asyncio.get_running_loop()
        landed: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not landed.done():
                landed.set_result(None)

        def land() -> None:
            with suppress(RuntimeError):  # the caller's loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(wake)

        self.on_done(land)
        try:
            await landed
        except asyncio.CancelledError:
            self.cancel()
            raise
        return self._outcome()


def started() -> bool:
    """Whether the private loop runs in this process."""
    return _private.thread is not None


def inside() -> bool:
    """Whether this is the private loop's own thread, which must never wait for itself."""
    return threading.current_thread() is _private.thread


def submit(coroutine: Coroutine[Any, Any, T]) -> Job[T]:
    """Start a coroutine on the private loop."""
    return Job(coroutine)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the private loop and wait for it."""
    if inside():
        coroutine.close()
        raise RuntimeError("this thread carries Antiphon's network loop; use the async form here")
    return Job(coroutine).result()


async def arun(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the private loop and await it from any loop."""
    if inside():
        return await coroutine
    return await Job(coroutine).aresult()
