"""Many requests through one client: do memory, sockets, tasks, threads and files stay what they are?

    uv run python benchmarks/soak.py                      100,000 requests, a few minutes
    uv run python benchmarks/soak.py --count 2000

A mix of plain, streamed, recorded, replayed, failing, cut off and given up, from threads and from event loops, against
the stub in its own process. Prints the curve, and ends with 1 where something grows: more than `--slack` MB between
the first fifth and the end, or anything but memory at all.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from client import stub

from antiphon import Client, Timeout, loop
from antiphon.errors import AntiphonError

THREADS = 4
STEPS = 20
SEEDS = 2_000  # so many recordings there are at most
HOURS = Timeout(total=120)


class Reading(NamedTuple):
    """What a process holds: memory in MB that is its own, open files and sockets, tasks of the loop, threads."""

    done: int
    memory: float
    files: int
    tasks: int
    threads: int


async def _tasks() -> int:
    return len(asyncio.all_tasks()) - 1


def reading(done: int) -> Reading:
    gc.collect()
    with suppress(FileNotFoundError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        memory = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return Reading(done, memory, files, loop.run(_tasks()), threading.active_count())
    return Reading(done, 0.0, 0, loop.run(_tasks()), threading.active_count())


class Soak:
    """One client, asked in every way."""

    def __init__(self, client: Client, url: str) -> None:
        self.client = client
        self.how: dict[str, Any] = {"base_url": url, "model": "bench", "retries": 0, "timeout": HOURS}
        self.answers = self.errors = self.left = 0

    def ask(self, number: int) -> None:
        """One request: which kind, its number says."""
        kinds = (self._plain, self._seeded, self._streamed, self._seeded, self._refused, self._given_up)
        kinds[number % len(kinds)](number)

    def _plain(self, number: int) -> None:
        assert self.client.complete(f"plain {number}", **self.how).text
        self.answers += 1

    def _seeded(self, number: int) -> None:
        assert self.client.complete("seeded", seed=number % SEEDS, **self.how).text
        self.answers += 1

    def _streamed(self, number: int) -> None:
        with self.client.stream(f"streamed {number}", **self.how) as deltas:
            assert "".join(delta.text for delta in deltas)
        self.answers += 1

    def _refused(self, number: int) -> None:
        with suppress(AntiphonError):
            self.client.complete("nobody", **{**self.how, "base_url": "http://127.0.0.1:9/v1"})
        self.errors += 1

    def _given_up(self, number: int) -> None:
        if number % 4:
            with self.client.stream(f"left {number}", **self.how) as deltas:
                next(iter(deltas))
        else:
            asyncio.run(self._cancelled(number))
        self.left += 1

    async def _cancelled(self, number: int) -> None:
        task = asyncio.ensure_future(self.client.acomplete(f"cancelled {number}", **self.how))
        await asyncio.wait((task,), timeout=random.Random(number).random() * 0.002)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def some(self, start: int, end: int) -> None:
        """The requests from `start` to `end`, from several threads."""
        problems: list[BaseException] = []

        def asking(first: int) -> None:
            try:
                for number in range(first, end, THREADS):
                    self.ask(number)
            except BaseException as problem:
                problems.append(problem)

        threads = [threading.Thread(target=asking, args=(start + it,)) for it in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            raise problems[0]


def soaked(count: int, home: str) -> list[Reading]:
    """The readings after each twentieth of the requests, and one when the client is closed. Prints them as they come."""
    with stub() as url:
        client = Client(home)
        soak, curve = Soak(client, url), list[Reading]()
        step = max(THREADS, count // STEPS)
        for start in range(0, count, step):
            soak.some(start, start + step)
            curve.append(shown(reading(start + step)))
        client.close()
        curve.append(shown(reading(count)))
    return curve


def shown(it: Reading) -> Reading:
    print(f"{it.done:>9,} {it.memory:>7.1f} {it.files:>6} {it.tasks:>6} {it.threads:>8}", flush=True)
    return it


def verdict(curve: list[Reading], slack: float) -> list[str]:
    """What grew."""
    early = curve[len(curve) // 5]
    late, closed = curve[-2], curve[-1]
    problems: list[str] = []
    if late.memory > early.memory + slack:
        problems.append(f"memory grew from {early.memory:.1f} to {late.memory:.1f} MB")
    if closed.tasks:
        problems.append(f"{closed.tasks} tasks are left")
    if late.files > max(reading.files for reading in curve[: len(curve) // 5 + 1]) + THREADS:
        problems.append(f"{late.files} files are open, and were {early.files}")
    if late.threads > early.threads + 2:
        problems.append(f"{late.threads} threads, and were {early.threads}")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--slack", type=float, default=8.0)
    given = parser.parse_args()
    print(f"{'requests':>9} {'MB':>7} {'files':>6} {'tasks':>6} {'threads':>8}", flush=True)
    with tempfile.TemporaryDirectory() as home:
        curve = soaked(given.count, home)
    if problems := verdict(curve, given.slack):
        sys.exit("; ".join(problems))


if __name__ == "__main__":
    main()
