"""The nodes in a real ComfyUI: graphs of 1, 8 and 32 completions, again, after a restart, and an interrupt.

    COMFYUI_PATH=… uv run python benchmarks/comfyui.py [--nodes 1 8 32] [--turns 3]

The provider is a server on loopback that answers at once or after 500 ms. Beside them the original pack's figures, measured
with it on ComfyUI 0.3.64 in November 2026; with AV_ORIGINAL_PATH (a folder with that pack) it is run here instead.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.told import told

from tests.comfyui.graphs import completions
from tests.comfyui.hosting import ComfyUI
from tests.peer import Peer, serve

# Seconds by nodes and the seconds the provider takes; and milliseconds of an interrupt.
PUBLISHED = {(1, 0.0): 0.008, (8, 0.0): 0.021, (1, 0.5): 0.506, (8, 0.5): 4.04}
PUBLISHED_INTERRUPT = 7_900.0
BOUND = 60.0


def until(condition, what: str) -> None:
    deadline = time.monotonic() + BOUND
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: it did not happen within {BOUND:g} s")
        time.sleep(0.002)


def graphs(
    host: ComfyUI, peer: Peer, nodes: list[int], turns: int, seeds, key: str = ""
) -> dict[tuple[int, float], float]:
    """Median seconds of a graph, by its nodes and the provider's time."""
    found: dict[tuple[int, float], float] = {}
    for delay in (0.0, 0.5):
        peer.delay = delay
        for number in nodes:
            prompts = [f"number {n}" for n in range(number)]
            host.run(completions(peer.url, ["warm up"], seed=next(seeds), key=key))
            walls: list[float] = []
            for _ in range(turns):
                run = host.run(completions(peer.url, prompts, seed=next(seeds), key=key))
                assert run.outcome == "success", run.error
                walls.append(run.seconds)
            found[number, delay] = statistics.median(walls)
    return found


def again(host: ComfyUI, peer: Peer, seeds) -> dict[str, float]:
    """How many requests come for a graph of eight that was answered before."""
    peer.delay = 0.0
    graph = completions(peer.url, [f"number {n}" for n in range(8)], seed=next(seeds))
    host.run(graph)
    found: dict[str, float] = {}
    for what, before in (("queued again", lambda: None), ("after a restart", host.restart)):
        before()
        asked = len(peer.seen)
        assert host.run(graph).outcome == "success"
        found[what] = len(peer.seen) - asked
    return found


def interrupt(host: ComfyUI, peer: Peer, seeds) -> float:
    """Milliseconds from the interrupt to the end of the prompt, with eight requests in flight."""
    peer.delay = 30.0
    asked = len(peer.seen)
    run = host.queue(completions(peer.url, [f"number {n}" for n in range(8)], seed=next(seeds)))
    until(lambda: len(peer.seen) == asked + 8, "eight requests")
    start = time.monotonic()
    host.post("/interrupt")
    run.wait()
    assert run.outcome == "interrupted", run.outcome
    return (time.monotonic() - start) * 1e3


def theirs(folder: Path, nodes: list[int], turns: int) -> dict[tuple[int, float], float]:
    """The same graphs with the original pack, where a copy is at hand."""
    original = os.environ.get("AV_ORIGINAL_PATH", "")
    if not original:
        return PUBLISHED
    host = ComfyUI(folder, pack=False)
    (folder / "custom_nodes" / "original").symlink_to(Path(original).resolve(), target_is_directory=True)
    with serve() as peer:
        try:
            return graphs(host.start(), peer, nodes, turns, count(), key="sk-of-no-use")
        finally:
            host.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    if not Path(os.environ.get("COMFYUI_PATH", ""), "main.py").exists():
        sys.exit("COMFYUI_PATH names no ComfyUI: `.ci/comfyui --build` gets two")
    with tempfile.TemporaryDirectory() as folder, serve() as peer:
        seeds = count()
        host = ComfyUI(Path(folder) / "ours")
        try:
            host.start()
            version = ".".join(map(str, host.version))
            mine = graphs(host, peer, given.nodes, given.turns, seeds)
            repeats = again(host, peer, seeds)
            ended = interrupt(host, peer, seeds)
        finally:
            host.stop()
        others = theirs(Path(folder) / "theirs", given.nodes, given.turns)
    print(f"ComfyUI {version}")
    for (nodes, delay), seconds in mine.items():
        name = f"{nodes} node{'s' * (nodes > 1)}, the provider takes {delay * 1e3:g} ms"
        print(f"{name}: {seconds:.3f} s, the original {others.get((nodes, delay), '-')}")
        told("comfyui.graph", f"{name} (ComfyUI {version})", seconds, others.get((nodes, delay)))
    for what, requests in repeats.items():
        print(f"requests for a graph of 8, {what}: {requests:g}")
        told("comfyui.again", f"a graph of 8, {what}", requests)
    print(f"interrupt: {ended:.0f} ms")
    told("comfyui.interrupt", f"ComfyUI {version}", ended, PUBLISHED_INTERRUPT)


if __name__ == "__main__":
    main()
