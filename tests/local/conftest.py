"""A home folder of its own for every test here, and no engine left running behind one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.local import facts, unload


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("ANTIPHON_HOME", str(home))
    return home


@pytest.fixture(scope="module", autouse=True)
def no_engine_left() -> Iterator[None]:
    """Unload when a file's tests are over; within a file the engine is kept, as in real use."""
    yield
    unload()
    facts.forget()
