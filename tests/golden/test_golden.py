"""What earlier releases recorded comes back, offline and without a key: the same words under the same keys."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import antiphon
from antiphon import Client
from antiphon.completion import Completion

HERE = Path(__file__).parent
RELEASES = sorted(path.parent.name for path in HERE.glob("*/asked.json"))
FILES = [path.relative_to(HERE) for path in sorted(HERE.glob("*/*.recordings"))]
STORES = [path.relative_to(HERE) for path in sorted(HERE.glob("*/replay.sqlite"))]


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no region, no project, no address: a replay needs none."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "ANTIPHON_")) or name.endswith(
            ("_API_KEY", "_BASE_URL", "_TOKEN")
        ):
            monkeypatch.delenv(name)


def rows(release: str, dialect: str | None = None) -> list[dict[str, Any]]:
    """What was asked of this release, and what it answered."""
    found = json.loads((HERE / release / "asked.json").read_text("utf-8"))
    return [row for row in found if dialect in (None, row["dialect"])]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """An empty home."""
    made = Client(tmp_path / "home")
    yield made
    made.close()


def answer(completion: Completion) -> dict[str, Any]:
    """What must be the same for ever."""
    return {
        "text": completion.text,
        "reasoning": completion.reasoning,
        "parsed": completion.parsed,
        "media": [[it.media_type, hashlib.sha256(it.data or b"").hexdigest()] for it in completion.media],
        "finish_reason": completion.finish_reason,
    }


def comes_back(client: Client, row: dict[str, Any]) -> None:
    """Asked again in the words of the public interface, whole and streamed, it is answered from the store alone."""
    settings = {name: value for name, value in row["ask"].items() if name not in ("prompt", "stream")}
    whole = client.complete(row["ask"]["prompt"], **settings, replay="only")
    with client.stream(row["ask"]["prompt"], **settings, replay="only") as deltas:
        heard = "".join(delta.text for delta in deltas)
    assert heard == row["answer"]["text"]
    for completion in (whole, deltas.completion):
        assert completion.replayed
        assert [key for key in (completion.key, completion.repair_key) if key] == row["keys"]
        assert answer(completion) == row["answer"], row["name"]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_recordings_of_a_release_replay(file: Path, client: Client) -> None:
    """Each file is taken in whole, verifies, and answers every request with the same words, reply bytes and key."""
    asked = rows(file.parent.name, file.stem)
    keys = [key for row in asked for key in row["keys"]]
    assert client.store.import_(HERE / file).new == len(set(keys)) == len(keys)
    report = client.store.verify()
    assert report, report.problems
    for row in asked:
        comes_back(client, row)
        recorded = [client.store.get(key) for key in row["keys"]]
        assert [hashlib.sha256(it.reply.body).hexdigest() for it in recorded if it] == row["replies"]


@pytest.mark.parametrize("store", STORES, ids=str)
def test_a_store_of_a_release_opens_and_replays(store: Path, tmp_path: Path) -> None:
    """The file as that release left it is opened by this one, verifies, replays, keeps its pin, and takes new answers."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(HERE / store, home / "replay.sqlite")
    client = Client(home)
    try:
        asked = [row for row in rows(store.parent.name) if row["source"] == "own"]
        assert client.store.count() == sum(len(row["keys"]) for row in asked)
        for row in asked:
            comes_back(client, row)
        report = client.store.verify()
        assert report, report.problems
        assert [it.key for it in client.store.list(pinned=True)] == asked[0]["keys"]
        client.complete("New words", provider="echo", model="echo", seed=1)
        assert client.complete("New words", provider="echo", model="echo", seed=1, replay="only").replayed
    finally:
        client.close()


def test_every_dialect_and_every_kind_is_there() -> None:
    """Each release that stands here has a store and files of all its dialects, plain and streamed."""
    for release in RELEASES:
        names = {(row["dialect"], row["name"]) for row in rows(release) if row["source"] == "own"}
        assert {path.stem for path in FILES if path.parent.name == release} == {it[0] for it in names}
        assert Path(release, "replay.sqlite") in STORES
        for dialect in {it[0] for it in names}:
            assert {
                (dialect, name) for name in ("text", "text, streamed", "schema", "schema, streamed")
            } <= names
        kinds = {name for _, name in names}
        for kind in ("picture in", "picture out", "reasoning"):
            assert {kind, f"{kind}, streamed"} <= kinds


def test_this_release_is_there() -> None:
    """The version that this is has its folder: `uv run python tests/golden/make.py` makes it."""
    assert antiphon.__version__ in RELEASES


def test_they_are_small() -> None:
    """A release adds less than 500 KB."""
    for release in RELEASES:
        assert sum(path.stat().st_size for path in (HERE / release).iterdir()) < 500_000
