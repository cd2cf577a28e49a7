"""The embedded model's words in a workflow: they come back without its engine, and before another one is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import antiphon
from antiphon.errors import RequestError
from antiphon.local.models import resolve
from antiphon.replay import Carried, carried
from antiphon.request import Message
from antiphon.road import CARRIED

pytestmark = pytest.mark.engine


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model file that can be taken away."""
    file = tmp_path / "model.gguf"
    file.symlink_to(resolve("").path)
    return file


@pytest.fixture
def other(tmp_path: Path) -> Iterator[antiphon.Client]:
    """Another machine, where nothing is recorded."""
    client = antiphon.Client(tmp_path / "other")
    yield client
    client.close()


def told(tmp_path: Path, model: Path) -> tuple[str, str, Carried]:
    """An answer of the engine here, its key, and both as they travel."""
    client = antiphon.Client(tmp_path / "here")
    try:
        done = client.complete("Say hello", model=f"local/{model}", seed=1, max_tokens=6)
        assert done.key
        return done.text, done.key, Carried(carried(client.store, [done.key], limit_bytes=50_000))
    finally:
        client.close()


@pytest.mark.parametrize("replay", ["auto", "only"])
def test_without_the_model(tmp_path: Path, model: Path, other: antiphon.Client, replay: antiphon.ReplayMode):
    """Where there is no such model the words come back all the same, under the key that they were recorded by."""
    text, key, words = told(tmp_path, model)
    model.unlink()

    done = other.complete(
        "Say hello", model=f"local/{model}", seed=1, max_tokens=6, carried=words, replay=replay
    )

    assert (done.text, done.key, done.replayed) == (text, key, True)
    assert done.notes[0] == CARRIED
    for prompt, how in (("Say hello", {}), ("Another question", {"carried": words})):
        with pytest.raises(RequestError, match="model"):
            other.complete(prompt, model=f"local/{model}", seed=1, max_tokens=6, **how)


def test_with_another_engine(
    tmp_path: Path, model: Path, other: antiphon.Client, monkeypatch: pytest.MonkeyPatch
):
    """Another context length is another request: its own recording comes first, then the words of the workflow."""
    text, key, words = told(tmp_path, model)
    monkeypatch.setenv("ANTIPHON_LOCAL_CONTEXT", "1024")
    asked = {"model": f"local/{model}", "seed": 1, "max_tokens": 6}

    done = other.complete("Say hello", carried=words, **asked)

    assert (done.text, done.key, done.recorded) == (text, key, False)
    own = other.complete("Say hello", **asked)
    assert own.key not in (None, key)
    assert not own.replayed
    assert other.complete("Say hello", carried=words, **asked).key == own.key
    longer = [Message("user", "Say hello"), Message("assistant", own.text), Message("user", "Again")]
    assert other.chat(longer, carried=words, **asked).key not in (key, own.key)
