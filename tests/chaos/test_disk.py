"""Disks and stores that fail under a running client: full, read-only, deleted, moved, replaced, of another version."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, road
from antiphon.completion import Completion
from antiphon.errors import AntiphonError, ReplayError, TransportError
from antiphon.replay import Store, database
from antiphon.request import Timeout

from .. import peer as peers
from ..test_replay import as_nobody
from .asking import PATIENCE, nothing_left, until

posix = pytest.mark.skipif(os.name != "posix", reason="needs permissions and limits of files")


@pytest.fixture
def peer() -> Iterator[peers.Peer]:
    """A loopback provider."""
    with peers.serve() as running:
        yield running


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client that looks at each write whether its file is still there."""
    monkeypatch.setattr(database, "LOOK_AGAIN", -1.0)
    with nothing_left():
        made = Client(tmp_path / "home")
        yield made
        made.close()


def ask(client: Client, peer: peers.Peer, seed: int, **more: Any) -> Completion:
    how: Any = {"timeout": Timeout(total=PATIENCE), **more}
    return client.complete(f"question {seed}", base_url=peer.url, model="m", seed=seed, **how)


def kept(path: Path) -> set[int]:
    """The seeds in a store file, all of it verified."""
    with Store(path) as store:
        assert store.verify()
        return {entry.seed or 0 for entry in store.list(limit=100_000)}


# ------------------------------------------------------------------------------------- full, read-only

FULL_DISK = """
import resource, sys
from antiphon import Client
url, home = sys.argv[1:]
client = Client(home)
def ask(seed):
    found = client.complete("question %d " % seed + "x" * 400, base_url=url, model="m", seed=seed, retries=0)
    assert found.text.startswith("answer to question %d" % seed)
    return found
def said(found):
    assert found.recorded != any("not recorded" in note for note in found.notes), found.notes
    return found.recorded
assert said(ask(0))
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
seeds = [0] + [seed for seed in range(1, 40) if said(ask(seed))]
assert len(seeds) < 30, "the disk was not full"
assert client.complete("question 0 " + "x" * 400, base_url=url, model="m", seed=0, replay="only").replayed
client.listings.get("compatible", url)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
seeds += [seed for seed in range(40, 43) if said(ask(seed))]
client.close()
print(*seeds)
"""


@posix
def test_a_full_disk(peer: peers.Peer, tmp_path: Path) -> None:
    """All are answered; what cannot be kept says so; what says it was recorded is there, and with room all goes on."""
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, peer.url, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    said = {int(seed) for seed in ran.stdout.split()}
    assert said >= {0, 40, 42}
    assert kept(tmp_path / "replay.sqlite") == said


@posix
def test_a_read_only_home(client: Client, peer: peers.Peer, tmp_path: Path) -> None:
    """What is recorded is replayed, what is new is answered with a note, and nothing in the folder changes."""
    ask(client, peer, 1)
    client.close()
    home = tmp_path / "home"
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(0o755)
    for file in home.iterdir():
        file.chmod(0o444)
    home.chmod(0o555)
    before = {file.name: file.read_bytes() for file in home.iterdir()}
    try:
        with as_nobody():
            assert ask(client, peer, 1).replayed
            fresh = ask(client, peer, 2)
            assert (fresh.text, fresh.recorded) == ("answer to question 2", False)
            assert any("not recorded" in note for note in fresh.notes)
            assert client.models("compatible", base_url=peer.url)
            with pytest.raises(ReplayError, match="nothing is recorded"):
                ask(client, peer, 2, replay="only")
            client.close()
    finally:
        home.chmod(0o755)
    assert {file.name: file.read_bytes() for file in home.iterdir()} == before


def test_a_store_that_stays_locked(
    client: Client, peer: peers.Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer does not wait for whoever has the store locked beyond its own time; it is kept when they are done."""
    monkeypatch.setattr(road, "RECORDING_TIME", 0.05)
    assert ask(client, peer, 1).recorded
    with closing(sqlite3.connect(tmp_path / "home" / "replay.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for total in (0.5, 4.0, 16.0):  # the first is enough, unless the machine is very busy
            try:
                found = ask(client, peer, 2, timeout=Timeout(total=total))
                break
            except TransportError:
                continue
        assert (found.text, found.recorded) == ("answer to question 2", False)
        assert any("did not take it in time" in note for note in found.notes)
        other.execute("COMMIT")
    assert until(lambda: client.store.count() == 2)
    assert ask(client, peer, 2).replayed


# ------------------------------------------------------------------------------- deleted, moved, replaced


def files_of(home: Path) -> list[Path]:
    return [file for file in home.iterdir() if file.name.startswith("replay.sqlite")]


@posix
def test_a_store_that_is_deleted(client: Client, peer: peers.Peer, tmp_path: Path) -> None:
    """Its answers are asked for again and recorded in a new file."""
    ask(client, peer, 1)
    for file in files_of(tmp_path / "home"):
        file.unlink()
    assert ask(client, peer, 2).recorded
    assert not ask(client, peer, 1).replayed
    client.close()
    assert kept(tmp_path / "home" / "replay.sqlite") == {1, 2}


@posix
def test_a_home_that_is_deleted(client: Client, peer: peers.Peer, tmp_path: Path) -> None:
    """The folder is made again."""
    ask(client, peer, 1)
    shutil.rmtree(tmp_path / "home")
    assert ask(client, peer, 2).text == "answer to question 2"
    assert ask(client, peer, 3).recorded
    client.close()
    assert kept(tmp_path / "home" / "replay.sqlite") >= {3}


@posix
def test_a_store_that_is_moved(client: Client, peer: peers.Peer, tmp_path: Path) -> None:
    """What was recorded before is whole in its new place, what comes after is in the old one."""
    ask(client, peer, 1)
    other = tmp_path / "other"
    other.mkdir()
    for file in files_of(tmp_path / "home"):
        file.rename(other / file.name)
    assert ask(client, peer, 2).recorded
    client.close()
    assert kept(other / "replay.sqlite") == {1}
    assert kept(tmp_path / "home" / "replay.sqlite") == {2}


@posix
def test_a_store_that_is_replaced(client: Client, peer: peers.Peer, tmp_path: Path) -> None:
    """From the next recording on, the other store is the one that is used, and it stays whole."""
    other = Client(tmp_path / "other")
    for seed in (5, 6):
        ask(other, peer, seed)
    other.close()
    ask(client, peer, 1)
    for file in files_of(tmp_path / "home"):
        file.unlink()
    (tmp_path / "other" / "replay.sqlite").rename(tmp_path / "home" / "replay.sqlite")
    assert ask(client, peer, 2).recorded
    assert ask(client, peer, 5).replayed
    client.close()
    assert kept(tmp_path / "home" / "replay.sqlite") == {2, 5, 6}


@posix
def test_only_the_file_is_replaced(client: Client, peer: peers.Peer, tmp_path: Path) -> None:
    """Where its log stays behind, whatever is read is an answer to the question or a typed error: nothing else."""
    other = Client(tmp_path / "other")
    for seed in range(5, 30):
        ask(other, peer, seed)
    other.close()
    for seed in range(20):
        ask(client, peer, seed)
    (tmp_path / "other" / "replay.sqlite").replace(tmp_path / "home" / "replay.sqlite")
    for seed in range(30):
        assert ask(client, peer, seed).text == f"answer to question {seed}"
    client.close()
    with Store(tmp_path / "home" / "replay.sqlite") as store:
        for seed in range(30):
            key = client.asked(f"question {seed}", {"base_url": peer.url, "model": "m", "seed": seed}).key
            try:
                found = store.get(key or "")
            except AntiphonError as error:
                assert error.message  # noqa: PT017 - either will do
            else:
                assert found is None or f"answer to question {seed}".encode() in found.reply.body


# ------------------------------------------------------------------------------------------ two versions


def upgraded(path: Path, *statements: str) -> None:
    """What a later version does to the file when it opens it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in ("BEGIN IMMEDIATE", *statements, "PRAGMA user_version=99", "COMMIT"):
            db.execute(statement)


LATER = {
    "another column": ("ALTER TABLE recordings ADD COLUMN later TEXT",),
    "another meaning": (),
    "another name": ("ALTER TABLE recordings RENAME TO answers",),
    "another table": ("CREATE TABLE later (a)",),
}


@pytest.mark.parametrize("change", LATER)
@pytest.mark.parametrize("when", ["before", "under way"])
def test_a_later_version_on_the_same_store(
    client: Client, peer: peers.Peer, tmp_path: Path, change: str, when: str
) -> None:
    """The older one goes on answering, says what it cannot keep, and changes nothing in a file that it does not know."""
    path = tmp_path / "home" / "replay.sqlite"
    ask(client, peer, 1)
    if when == "before":
        client.close()
    upgraded(path, *LATER[change])
    for seed in (2, 3):
        found = ask(client, peer, seed)
        assert (found.text, found.recorded) == (f"answer to question {seed}", False)
        assert any("this version of Antiphon knows" in note for note in found.notes), found.notes
    client.close()
    with pytest.raises(ReplayError, match="Antiphon knows"):
        ask(client, peer, 1, replay="only")
    with closing(sqlite3.connect(path)) as db:
        table = "answers" if change == "another name" else "recordings"
        assert db.execute(f"SELECT seed FROM {table}").fetchall() == [("1",)]
        assert db.execute("PRAGMA user_version").fetchone() == (99,)
