"""Locks that Ctrl-C cannot leave taken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from antiphon.locks import Room, Turn
from antiphon.replay import database
from antiphon.replay.failures import Busy


class Interrupted:
    """A lock whose taking succeeds, and ends with Ctrl-C."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        self._lock.acquire(*args, **kwargs)
        raise KeyboardInterrupt

    def release(self) -> None:
        self._lock.release()


def elsewhere(call: Callable[[], Any]) -> Any:
    """What another thread gets from it."""
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(call()), daemon=True)
    thread.start()
    thread.join(30)
    [found] = got
    return found


def had(lock: Turn | Room, patience: float = 0) -> bool:
    with lock.within(patience) as mine:
        return mine


@pytest.mark.parametrize("make", [Turn, lambda: Room(1)], ids=["turn", "room"])
def test_one_at_a_time(make: Callable[[], Turn | Room]):
    """While it is had nobody else has it, not even the same thread; after that the next one does, also after an error."""
    lock = make()

    def fails() -> None:
        with lock.within(0) as mine:
            assert mine
            assert not elsewhere(lambda: had(lock, 0.01))
            assert not had(lock)
            assert not elsewhere(lambda: had(lock)), "what was not had was given back"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert elsewhere(lambda: had(lock))


@pytest.mark.parametrize("make", [Turn, lambda: Room(1)], ids=["turn", "room"])
def test_it_is_waited_for(make: Callable[[], Turn | Room]):
    """Whoever waits gets it when it is free."""
    lock, inside = make(), threading.Event()
    waiting = threading.Thread(target=lambda: inside.set() if had(lock, 30) else None)
    with lock.within(0):
        waiting.start()
        assert not inside.wait(0.05)
    waiting.join(30)
    assert inside.is_set()


def test_a_room_has_its_size():
    """As many as it has places are inside together."""
    room = Room(2)
    with room.within(0) as first, room.within(0) as second:
        assert (first, second, had(room)) == (True, True, False)
    assert had(room)


def test_an_interrupted_taking_is_undone():
    """Ctrl-C in the moment in which the lock was had: it is free."""
    turn = Turn()
    turn._lock, whole = Interrupted(turn._lock), turn._lock
    with pytest.raises(KeyboardInterrupt), turn.within(0):
        raise AssertionError("unreachable")
    turn._lock = whole
    assert elsewhere(lambda: had(turn))


def test_a_database_goes_on_after_an_interrupted_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither closing nor the next writing waits for a turn that nobody has."""
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    store = database.Database(tmp_path / "replay.sqlite")
    turn = store._turn
    turn._lock, whole = Interrupted(turn._lock), turn._lock
    with pytest.raises(KeyboardInterrupt), store.writing():
        raise AssertionError("unreachable")
    turn._lock = whole

    def write() -> str:
        try:
            with store.writing():
                return "written"
        except Busy as error:
            return str(error)

    assert elsewhere(write) == "written"
    store.close()
    assert store._writer is None
