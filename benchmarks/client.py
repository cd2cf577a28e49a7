"""The client's own cost, side by side with bare aiohttp and the openai SDK, against a local stub.

    uv run python benchmarks/client.py

Five tables: sequential requests, a burst of 1,000 stream chunks, 2,000 requests of 100 ms at concurrency 256,
a replay hit, and import time. Ratios are taken pair by pair within one run, since machines drift. Figures are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path

from told import told

HERE = Path(__file__).parent
PROMPT = "Describe the picture in detail. " * 25  # about 800 bytes, as in a captioning job


@contextmanager
def stub(delay: float = 0.0):
    """The stub's base URL, while it runs in its own process."""
    command = [sys.executable, str(HERE / "stub.py"), "--delay", str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def body(stream: bool = False) -> dict:
    """What bare aiohttp sends: the same as Antiphon's encode makes."""
    ask = {"model": "bench", "messages": [{"role": "user", "content": PROMPT}], "seed": 1}
    return {**ask, "stream": True} if stream else ask


async def timed(rounds: int, call: Callable[[int], Awaitable[object]]) -> tuple[float, float]:
    """Median wall and mean process CPU per call, in microseconds."""
    for i in range(min(50, rounds)):
        await call(-i - 1)
    walls = []
    cpu = time.process_time()
    for i in range(rounds):
        start = time.perf_counter()
        await call(i)
        walls.append(time.perf_counter() - start)
    return statistics.median(walls) * 1e6, (time.process_time() - cpu) / rounds * 1e6


async def bare(session, url: str, stream: bool = False) -> int:
    """The least anybody would write with aiohttp: post, read, parse."""
    async with session.post(f"{url}/chat/completions", json=body(stream)) as reply:
        if not stream:
            return len(json.loads(await reply.read())["choices"][0]["message"]["content"])
        text = []
        async for line in reply.content:
            if line.startswith(b"data: {"):
                delta = json.loads(line[6:])["choices"][0]["delta"]
                text.append(delta.get("content", ""))
        return len("".join(text))


async def sequential(rounds: int, repeats: int) -> None:
    """Request by request at 0 ms: the full road (key, miss, lease, send, decode, record) and its peers."""
    import aiohttp
    from openai import AsyncOpenAI

    from antiphon import Client

    results: dict[str, list[tuple[float, float]]] = {}
    with stub() as url, tempfile.TemporaryDirectory() as home:
        client = Client(home)
        sdk = AsyncOpenAI(base_url=url, api_key="none")
        seeds = iter(range(10**9))

        async def road(_: int) -> None:
            await client.acomplete(PROMPT, base_url=url, model="bench", seed=next(seeds))

        async def road_unseeded(_: int) -> None:
            await client.acomplete(PROMPT, base_url=url, model="bench")

        async def official(_: int) -> None:
            await sdk.chat.completions.create(**body())

        async with aiohttp.ClientSession() as session:
            runs = {
                "bare aiohttp": lambda _: bare(session, url),
                "antiphon, full road, recorded": road,
                "antiphon, no seed": road_unseeded,
                "openai SDK": official,
            }
            for _ in range(repeats):
                for name, call in runs.items():
                    results.setdefault(name, []).append(await timed(rounds, call))
            # The sync door, from a thread of its own.
            for _ in range(repeats):
                results.setdefault("antiphon, full road, sync door", []).append(
                    await asyncio.to_thread(sync_road, client, url, seeds, rounds)
                )
        await sdk.close()
        client.close()
    table("sequential, 0 ms, 1 KB answer", results, "bare aiohttp", ("wall µs", "CPU µs"))
    tell("road.wall", results, "antiphon, full road, recorded")


def sync_road(client, url: str, seeds, rounds: int) -> tuple[float, float]:
    """The same through `complete`, without an event loop of the caller's."""
    walls = []
    cpu = time.process_time()
    for _ in range(rounds):
        start = time.perf_counter()
        client.complete(PROMPT, base_url=url, model="bench", seed=next(seeds))
        walls.append(time.perf_counter() - start)
    return statistics.median(walls) * 1e6, (time.process_time() - cpu) / rounds * 1e6


async def streaming(rounds: int, repeats: int) -> None:
    """1,000 chunks in one burst; microseconds per chunk."""
    import aiohttp
    from openai import AsyncOpenAI

    from antiphon import Client

    results: dict[str, list[tuple[float, float]]] = {}
    with stub() as url, tempfile.TemporaryDirectory() as home:
        client = Client(home)
        sdk = AsyncOpenAI(base_url=url, api_key="none")

        async def ours(_: int) -> None:
            stream = client.astream(PROMPT, base_url=url, model="bench")
            count = 0
            async for delta in stream:
                count += len(delta.text)
            assert count == 5000, count

        async def official(_: int) -> None:
            count = 0
            async for chunk in await sdk.chat.completions.create(**body(stream=True)):
                count += len(chunk.choices[0].delta.content or "")
            assert count == 5000, count

        async with aiohttp.ClientSession() as session:
            runs = {
                "bare aiohttp, by line": lambda _: bare(session, url, stream=True),
                "antiphon": ours,
                "openai SDK": official,
            }
            for _ in range(repeats):
                for name, call in runs.items():
                    wall, cpu = await timed(rounds, call)
                    results.setdefault(name, []).append((wall / 1000, cpu / 1000))
        await sdk.close()
        client.close()
    table(
        "stream, 1,000 chunks in a burst, per chunk", results, "bare aiohttp, by line", ("wall µs", "CPU µs")
    )
    tell("road.chunk", results, "antiphon")


async def concurrency(count: int, width: int, repeats: int) -> None:
    """`count` requests of 100 ms with `width` at a time; seconds, and the ratio to the ideal."""
    import aiohttp
    from openai import AsyncOpenAI

    from antiphon import Client

    ideal = count / width * 0.1
    results: dict[str, list[tuple[float, float]]] = {"ideal": [(ideal, 0.0)] * repeats}

    async def crowd(call: Callable[[int], Awaitable[object]]) -> tuple[float, float]:
        gate = asyncio.Semaphore(width)

        async def one(i: int) -> None:
            async with gate:
                await call(i)

        start, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one(i) for i in range(count)))
        return time.perf_counter() - start, time.process_time() - cpu

    with stub(0.1) as url, tempfile.TemporaryDirectory() as home:
        client = Client(home)
        sdk = AsyncOpenAI(base_url=url, api_key="none")
        seeds = iter(range(10**9))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            runs = {
                "bare aiohttp": lambda _: bare(session, url),
                "antiphon, full road, recorded": lambda _: client.acomplete(
                    PROMPT, base_url=url, model="bench", seed=next(seeds)
                ),
                "openai SDK": lambda _: sdk.chat.completions.create(**body()),
            }
            for _ in range(repeats):
                for name, call in runs.items():
                    results.setdefault(name, []).append(await crowd(call))
        await sdk.close()
        client.close()
    table(f"{count} requests of 100 ms, {width} at a time", results, "ideal", ("wall s", "CPU s"))
    tell("road.crowd", results, "antiphon, full road, recorded")


def replay_hits(rounds: int, repeats: int) -> None:
    """A 4 KB request answered from the store, whole: request, key, lookup, decoding; and asking a stub for the same."""
    from antiphon import Client

    results: dict[str, list[tuple[float, float]]] = {}
    prompt = (PROMPT * 6)[:4096]
    with stub() as url, tempfile.TemporaryDirectory() as home:
        client = Client(home)
        for seed in range(rounds):
            client.complete(prompt, base_url=url, model="bench", seed=seed)
        for turn in range(repeats):
            for name, seeds in (
                ("asked", range(rounds * (turn + 1), rounds * (turn + 2))),
                ("replayed", range(rounds)),
            ):
                walls = []
                cpu = time.process_time()
                for seed in seeds:
                    start = time.perf_counter()
                    done = client.complete(prompt, base_url=url, model="bench", seed=seed)
                    walls.append(time.perf_counter() - start)
                    assert done.replayed == (name == "replayed")
                used = (time.process_time() - cpu) / rounds * 1e6
                results.setdefault(name, []).append((statistics.median(walls) * 1e6, used))
        client.close()
    table("a 4 KB request through complete()", results, "asked", ("wall µs", "CPU µs"))
    tell("road.hit", results, "replayed")


def imports(repeats: int) -> None:
    """Fresh processes with a warm page cache, byte code in place."""
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    results: dict[str, list[tuple[float, float]]] = {}
    runs = {
        "bare interpreter": "pass",
        "import antiphon": "import antiphon",
        "import aiohttp": "import aiohttp",
    }
    runs |= {"import openai": "import openai"}
    for turn in range(repeats + 1):
        for name, statement in runs.items():
            code = f"import time; t=time.perf_counter(); {statement}; print(time.perf_counter()-t)"
            printed = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True
            )
            if turn:
                results.setdefault(name, []).append((float(printed.stdout) * 1e3, 0.0))
    table("import, fresh process", results, "import aiohttp", ("wall ms", ""))


def table(
    title: str, results: dict[str, list[tuple[float, float]]], base: str, units: tuple[str, str]
) -> None:
    """Medians, and the median of the ratios to `base` run by run."""
    print(f"\n{title}\n| | {units[0]} | × {base} | {units[1] or '-'} | × {base} |\n|---|--:|--:|--:|--:|")
    for name, runs in results.items():
        cells = []
        for i in (0, 1):
            ratios = [run[i] / ref[i] for run, ref in zip(runs, results[base], strict=False) if ref[i]]
            value = statistics.median(run[i] for run in runs)
            cells += [
                f"{value:.3g}" if value else "",
                f"{statistics.median(ratios):.2f}" if ratios and value else "",
            ]
        print(f"| {name} | {' | '.join(cells)} |")


def tell(figure: str, results: dict[str, list[tuple[float, float]]], ours: str) -> None:
    """The wall times for the page: ours beside each of the others."""
    for name, runs in results.items():
        if name != ours:
            pairs = [(a[0], b[0]) for a, b in zip(results[ours], runs, strict=False)]
            mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
            told(figure, name, mine, theirs, statistics.median(a / b for a, b in pairs))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds, to see that it runs")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    repeats = 1 if options.quick else 5
    asyncio.run(sequential(1000 // scale, repeats))
    asyncio.run(streaming(40 // scale, repeats))
    asyncio.run(concurrency(2000 // scale, 256, 1 if options.quick else 3))
    replay_hits(500 // scale, repeats)
    imports(1 if options.quick else 7)


if __name__ == "__main__":
    main()
