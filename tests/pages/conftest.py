"""The pages of an empty home, with the cookie and without, and a provider on loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.hosting import Pages, serving
from tests.peer import Peer, serve


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of one's own, and no keys in the environment."""
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name.startswith("ANTIPHON_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("ANTIPHON_HOME", str(folder))
    return folder


@pytest.fixture
def strangers(home: Path) -> Iterator[Pages]:
    """The pages as somebody without the cookie finds them."""
    with serving(home) as pages:
        yield pages


@pytest.fixture
def pages(strangers: Pages) -> Pages:
    """The pages as the browser that was let in finds them."""
    strangers.let_in()
    return strangers


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A provider that speaks OpenAI chat."""
    with serve() as running:
        yield running
