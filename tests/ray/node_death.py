"""A node of two dies in the middle of a batch: is each row answered, and paid for once but for what was in flight there?

uv run python -m tests.ray.node_death          by hand: a second node takes long to start on a busy machine

Both nodes are on this machine, each with a raylet of its own; that of the second is killed with kill -9, which Ray takes
for the loss of the node. Where a worker lies is up to Ray: one for each node is asked for.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from ..peer import serve
from .cluster import Cluster, started, wait_for

ROWS, CONCURRENCY = 300, 8


def second(cluster: Cluster) -> subprocess.Popen[bytes]:
    """Another node of this cluster. Its processes belong to the cluster's folder, and are ended with it."""
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--block", f"--address={cluster.address}",
        "--node-ip-address=127.0.0.3", "--num-cpus=1", "--disable-usage-stats", "--object-store-memory=100000000",
    ]  # fmt: skip
    log = (cluster.folder / "second.log").open("wb")
    return subprocess.Popen(command, env=dict(cluster.environment), stdout=log, stderr=log)


def raylets(cluster: Cluster) -> dict[int, bool]:
    """The raylets by process; whether it is the second node's."""
    return {
        pid: "--node_ip_address=127.0.0.3" in command
        for pid, command in cluster.processes().items()
        if "/raylet/raylet " in command
    }


def main() -> None:
    """Print what came of it; an AssertionError where a promise was broken."""
    with started() as cluster, serve() as peer, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        node = second(cluster)
        wait_for(lambda: sum(raylets(cluster).values()) == 1, "the second node")
        wait_for(lambda: b"--block" in (cluster.folder / "second.log").read_bytes(), "its start")
        rows = "".join(json.dumps({"prompt": f"w{i}"}) + "\n" for i in range(ROWS))
        (folder / "in.jsonl").write_text(rows)
        peer.delay = 0.1
        batch = subprocess.Popen(
            [
                sys.executable, "-m", "antiphon.cli", "batch", str(folder / "in.jsonl"), "--engine", "ray",
                "--ray-address", cluster.address, "--workers", "2", "-c", str(CONCURRENCY), "--base-url", peer.url,
                "-m", "m", "-o", str(folder / "out.jsonl"),
            ],
            env={**cluster.environment, "ANTIPHON_HOME": str(folder / "home")},
        )  # fmt: skip
        try:
            wait_for(lambda: len(peer.seen) > 60 or batch.poll() is not None, "the first answers")
            [gone] = [pid for pid, is_second in raylets(cluster).items() if is_second]
            begun = time.monotonic()
            os.kill(gone, signal.SIGKILL)
            assert batch.wait(500) == 0
        finally:
            batch.kill()
            batch.wait()
            node.kill()
            node.wait()
        texts = [json.loads(line)["text"] for line in (folder / "out.jsonl").read_text().splitlines()]
        assert texts == [f"answer to w{i}" for i in range(ROWS)]
        times = Counter(seen.body["messages"][-1]["content"] for seen in peer.seen)
        assert len(times) == ROWS
        assert times.total() - ROWS <= CONCURRENCY
        print(  # noqa: T201
            f"{ROWS} rows, {times.total() - ROWS} asked twice, {time.monotonic() - begun:.0f} s after the death"
        )


if __name__ == "__main__":
    main()
