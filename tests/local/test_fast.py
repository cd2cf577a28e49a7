"""The fast way: rows computed together, told as such, and never taken for exact answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon import Client, local
from antiphon.errors import ReplayError, RequestError
from antiphon.local import facts, resolve
from antiphon.local.settings import Settings

pytest.importorskip("xllamacpp")
FAST = {"fast": True}
SHORT = {"model": "local", "seed": 1, "max_tokens": 6}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("ANTIPHON_LOCAL_SLOTS", "3")
    monkeypatch.setenv("ANTIPHON_LOCAL_CONTEXT", "256")
    client = Client(tmp_path)
    yield client
    client.close()
    local.unload()


def test_fast_answers_have_keys_of_their_own(client: Client):
    """The same request asked the fast way has another key, by what it says and by its recipe; exact ones keep theirs."""
    exact, fast = client.request("Hi", **SHORT), client.request("Hi", **SHORT, extra=FAST)
    assert exact.identity["recipe"] == "1"
    assert fast.identity["recipe"] == "1-fast"
    assert fast.config.extra == FAST
    keys = {
        client.asked("Hi", {**SHORT, **more}).key
        for more in ({}, {"extra": FAST}, {"extra": {"fast": False}})
    }
    assert len(keys) == 3


def test_rows_computed_together(client: Client):
    """A fast batch answers all rows, each says that it was fast, it replays as such, and never as the exact answer."""
    prompts = [f"Name a fruit, please ({number})." for number in range(7)]
    settings = {**SHORT, "extra": FAST}
    rows = list(client.batch(prompts, concurrency=7, **settings))
    assert all(row.ok for row in rows)
    assert all(
        any(note.startswith("fast:") for note in row.completion.notes) for row in rows if row.completion
    )
    [status] = local.status()
    assert status.requests == 0
    again = list(client.batch(prompts, replay="only", **settings))
    assert [row.completion.text for row in again if row.completion] == [
        row.completion.text for row in rows if row.completion
    ]
    assert all(
        any(note.startswith("fast:") for note in row.completion.notes) for row in again if row.completion
    )
    with pytest.raises(ReplayError, match="nothing is recorded"):
        client.complete(prompts[0], replay="only", **SHORT)


def test_a_prompt_that_is_too_long_for_its_part(client: Client):
    """Each request has a context of its own: a prompt that does not fit there is a typed error, the others are answered."""
    rows = list(client.batch(["Say yes.", "word " * 400], **SHORT, extra=FAST))
    assert rows[0].ok
    assert isinstance(rows[1].error, RequestError)
    assert "takes 256" in rows[1].error.message


def test_what_fast_may_be(client: Client):
    """Anything but true and false is refused before sending."""
    with pytest.raises(RequestError, match="fast must be true or false"):
        client.complete("Hi", **SHORT, extra={"fast": "yes"})


def test_settings_of_the_fast_way(monkeypatch: pytest.MonkeyPatch):
    """It has several slots and less context for each, since all of them have memory; exact ones have one slot."""
    model = resolve("")
    known, size = facts.learn(model.path), model.path.stat().st_size
    exact, fast = Settings.of(known, size), Settings.of(known, size, fast=True)
    assert (exact.slots, fast.slots) == (1, 8)
    assert fast.context == 2048
    assert fast.servers == exact.servers
    monkeypatch.setenv("ANTIPHON_LOCAL_SLOTS", "16")
    assert Settings.of(known, size, fast=True).slots == 16
