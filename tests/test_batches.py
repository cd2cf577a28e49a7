"""batch and abatch: every request once, in order or as they come, resumed without paying again."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import antiphon
from antiphon import Client
from antiphon.errors import Cancelled, RateLimited, RequestError, Unauthorized

from .peer import Peer, serve


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serve() as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = Client(tmp_path / "home")
    yield client
    client.close()


def at(peer: Peer, **more: Any) -> dict[str, Any]:
    return {"provider": "compatible", "base_url": peer.url, "model": "m", "retries": 0, **more}


def asked(peer: Peer) -> list[str]:
    return [seen.body["messages"][-1]["content"] for seen in peer.seen]


def test_one_row_for_each_request_in_order(client: Client, peer: Peer):
    """A hundred prompts give a hundred rows in their order, each asked once, however the answers come in."""
    prompts = [f"p{i}" for i in range(100)]
    rows = list(client.batch(prompts, concurrency=16, **at(peer)))
    assert [row.index for row in rows] == list(range(100))
    assert [row.completion and row.completion.text for row in rows] == [f"answer to {p}" for p in prompts]
    assert Counter(asked(peer)) == Counter(prompts)


def test_a_second_run_asks_nothing(client: Client, peer: Peer):
    """The seed is 0 where none is given, so all rows come from the store the second time, with the same keys."""
    first = list(client.batch("abc", **at(peer)))
    again = list(client.batch("abc", **at(peer)))
    assert len(peer.seen) == 3
    assert [row.completion and row.completion.replayed for row in again] == [True] * 3
    assert [row.key for row in first] == [row.key for row in again]


def test_only_what_changed_is_asked(client: Client, peer: Peer):
    """Another prompt among known ones costs one request."""
    list(client.batch("abc", **at(peer)))
    list(client.batch("abxc", **at(peer)))
    assert asked(peer)[3:] == ["x"]


def test_settings_of_a_row_override(client: Client, peer: Peer):
    """A mapping has its own prompt and settings; the rest comes from the batch."""
    rows = list(client.batch([{"prompt": "a", "seed": 5, "model": "own"}, "b"], **at(peer)))
    assert {seen.body["messages"][-1]["content"]: seen.body["model"] for seen in peer.seen} == {
        "a": "own",
        "b": "m",
    }
    assert [row.completion and row.completion.seed for row in rows] == [5, 0]


def test_as_they_come(client: Client, peer: Peer):
    """Without order, a slow first answer holds up none of the others."""
    slow = client.batch(["slow", *"abcdef"], ordered=False, concurrency=4, **at(peer))
    answered = peer.text
    peer.text = lambda body: (_wait(body), answered(body))[1]
    rows = list(slow)
    assert sorted(row.index for row in rows) == list(range(7))
    assert rows[0].index != 0


def _wait(body: Any) -> None:
    if body["messages"][-1]["content"] == "slow":
        import time

        time.sleep(0.5)


def test_failures_are_rows(client: Client, peer: Peer):
    """A request that fails, or cannot even be made, is a row with its typed error between the others."""
    peer.status, peer.error = 429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    rows = list(client.batch(["a", {"prompt": "b", "temperature": 9}, {"seed": 1}], **at(peer)))
    assert [type(row.error) for row in rows] == [RateLimited, RequestError, RequestError]
    assert [row.ok for row in rows] == [False] * 3
    assert rows[2].key is None


def test_duplicates_share_a_call(client: Client, peer: Peer):
    """The same request twice in one batch is asked once."""
    peer.delay = 0.1
    rows = list(client.batch(["same"] * 10 + ["other"], concurrency=8, **at(peer)))
    assert Counter(asked(peer)) == {"same": 1, "other": 1}
    assert {row.completion and row.completion.text for row in rows} == {"answer to same", "answer to other"}


def test_a_wrong_key_stops_it(client: Client, peer: Peer):
    """After a 401 no further request is begun; the rows that could be given are given, then the error is raised."""
    peer.status = 401
    batch = client.batch(map(str, itertools.count()), concurrency=2, **at(peer))
    rows: list[antiphon.Row] = []
    with pytest.raises(Unauthorized):
        rows.extend(batch)
    assert len(peer.seen) <= 4


def test_requests_are_read_as_rows_are_taken(client: Client, peer: Peer):
    """An endless source is fine, and is never read further ahead than the rows in flight and waiting."""
    read = 0

    def source() -> Iterator[str]:
        nonlocal read
        for read in itertools.count(1):
            yield f"p{read}"

    batch = client.batch(source(), concurrency=4, **at(peer))
    for _ in itertools.islice(batch, 20):
        pass
    assert read <= 20 + 4 + 4 * 8
    batch.close()


def test_leaving_early_closes_what_is_in_flight(client: Client, peer: Peer, caplog: pytest.LogCaptureFixture):
    """At the end of a with block the requests in flight are closed on the wire without a word in the log, and iterating further ends."""
    peer.delay = 30
    with client.batch(["a", "b"], concurrency=2, **at(peer)) as batch:
        batch._fill()
        while len(peer.seen) < 2:
            pass
    while not all(seen.disconnected is not None for seen in peer.seen):
        pass
    assert list(batch) == []
    assert caplog.records == []


@pytest.mark.parametrize("concurrency", [0, -1, True, 1.5, "8"])
def test_concurrency_is_checked(client: Client, concurrency: Any):
    """A wrong number is an error that names it, before anything is asked."""
    with pytest.raises(RequestError, match="concurrency"):
        client.batch(["a"], concurrency=concurrency)


def test_a_store_that_cannot_keep_stops_it(tmp_path: Path, peer: Peer):
    """Once an answer cannot be recorded nothing more is asked: a paid row is given, then the error."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "replay.sqlite").mkdir()  # a folder where the store's file should be
    client = Client(home)
    rows: list[antiphon.Row] = []
    with pytest.raises(antiphon.ReplayError, match="recorded"):
        rows.extend(client.batch(map(str, range(50)), concurrency=2, **at(peer)))
    client.close()
    assert 1 <= len(peer.seen) <= 4


async def numbers(count: int) -> AsyncIterator[str]:
    for number in range(count):
        yield str(number)


@pytest.mark.parametrize("ordered", [True, False])
def test_for_async_callers(client: Client, peer: Peer, ordered: bool):
    """abatch gives the same rows, from an iterable or an async one, and replays them too."""

    async def gathered() -> list[antiphon.Row]:
        return [row async for row in client.abatch(numbers(40), ordered=ordered, **at(peer))]

    rows = asyncio.run(gathered())
    again = asyncio.run(gathered())
    assert len(peer.seen) == 40
    assert sorted(row.index for row in rows) == list(range(40))
    if ordered:
        assert [row.index for row in rows] == list(range(40))
    assert all(row.completion and row.completion.replayed for row in again)


def test_an_async_batch_whose_answers_wait(client: Client, peer: Peer):
    """A caller who is so slow that all that was in flight has landed between two rows still gets all rows."""

    async def gathered() -> list[antiphon.Row]:
        rows: list[antiphon.Row] = []
        async with client.abatch(numbers(23), concurrency=4, **at(peer)) as batch:
            async for row in batch:
                rows.append(row)
                for job in list(batch._pump._flying.values()):
                    job.wait(60)
                await asyncio.sleep(0)  # what has ended is told now
        return rows

    assert [row.index for row in asyncio.run(gathered())] == list(range(23))


def test_an_async_batch_left_early(client: Client, peer: Peer):
    """Leaving the loop closes the requests in flight, and the loop of the caller can be closed."""
    peer.delay = 0.2

    async def first() -> antiphon.Row:
        async with client.abatch(numbers(50), concurrency=4, ordered=False, **at(peer)) as rows:
            async for row in rows:
                return row
        raise AssertionError

    assert asyncio.run(first()).ok
    assert len(peer.seen) <= 12


def test_killed_and_started_again(tmp_path: Path, peer: Peer):
    """kill -9 in the middle, then the same batch: all is answered, and nothing that was recorded is asked twice."""
    peer.delay = 0.02
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent(f"""
            import sys
            from antiphon import Client
            client = Client({str(tmp_path / "home")!r})
            for row in client.batch(map(str, range(200)), concurrency=8, **{at(peer)!r}):
                print(row.index, row.completion.text, flush=True)
        """)
    )
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        reported = [next(child.stdout) for _ in range(40)]
        os.kill(child.pid, signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert done == [f"{i} answer to {i}" for i in range(200)]
    assert done[:40] == [line.rstrip("\n") for line in reported]
    counts = Counter(asked(peer))
    assert len(counts) == 200
    assert sum(counts.values()) - 200 <= 8  # at most those in flight at the kill
    assert all(counts[str(i)] == 1 for i in range(40))  # what was reported was never asked again


def test_cancelled_is_not_a_stopper():
    """Only errors that every further request would meet end a batch."""
    from antiphon.batches import STOPPERS

    assert not issubclass(Cancelled, STOPPERS)
    assert not issubclass(RateLimited, STOPPERS)
