"""A batch on a Ray cluster beside the same batch in one process, against the stub: rows a second, and what a row costs.

The processor's time is that of the command's process ("here"), and of Ray's workers, the gate and its daemons ("there").

uv run python benchmarks/on_ray.py                        on a cluster of one node that it starts and ends
uv run python benchmarks/on_ray.py --address HOST:PORT    on yours; the stub listens on loopback only
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROMPT = "Describe the picture in detail. " * 25


def processor(cluster: Any) -> float:
    """Seconds of processor that the processes of a cluster have used; 0 where they are somebody else's."""
    used = 0
    for pid in () if cluster is None else cluster.processes():
        with suppress(OSError):
            used += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return used / os.sysconf("SC_CLK_TCK")


def measured(
    url: str, rows: int, concurrency: int, address: str, workers: int, limit: int | None, running: Any
) -> str:
    """One batch; without workers in this process alone."""
    from antiphon import Client, Limits
    from antiphon.ray import cluster

    with tempfile.TemporaryDirectory() as home, ExitStack() as open_now:
        client = Client(home, limits={"compatible": Limits(concurrency=limit)})
        open_now.callback(client.close)
        begun = time.perf_counter()
        if workers:
            open_now.enter_context(cluster(client, address=address, workers=workers))
        ready = time.perf_counter()
        before = time.process_time(), processor(running)
        entries = (f"{PROMPT}{i}" for i in range(rows))
        settings = {"provider": "compatible", "base_url": url, "model": "bench"}
        count = sum(row.ok for row in client.batch(entries, concurrency=concurrency, **settings))
        wall = time.perf_counter() - ready
        here, there = time.process_time() - before[0], processor(running) - before[1]
        assert count == rows, f"{count} of {rows}"
        return (
            f"{rows / wall:8,.0f} rows/s  CPU a row: {here / rows * 1000:6.2f} ms here, {there / rows * 1000:6.2f} ms there"
            f"  {ready - begun:5.1f} s to start"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2, 4])
    parser.add_argument("--limit", type=int, help="a limit of concurrency, which the workers share")
    parser.add_argument("--address")
    given = parser.parse_args()
    with ExitStack() as open_now:
        address, running = given.address, None
        if address is None:
            sys.path.insert(0, str(HERE.parent))
            from tests.ray.cluster import started

            running = open_now.enter_context(started())
            address = running.address
            os.environ.update(running.environment)
        command = [sys.executable, str(HERE / "stub.py"), "--delay", str(given.delay)]
        stub = open_now.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        open_now.callback(stub.terminate)
        assert stub.stdout is not None
        url = f"http://127.0.0.1:{stub.stdout.readline().strip()}/v1"
        print(f"{given.rows:,} rows of {given.delay * 1000:g} ms, {given.concurrency} at a time")
        for workers in given.workers:
            name = f"{workers} workers" if workers else "this process"
            sizes = given.rows, given.concurrency, address, workers, given.limit
            print(f"{name:14}{measured(url, *sizes, running)}", flush=True)


if __name__ == "__main__":
    main()
