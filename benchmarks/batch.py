"""Batches, side by side with what people write or use instead, against a local stub in a process of its own.

    uv run python benchmarks/batch.py                         1,000 rows of 100 ms, 64 at a time
    uv run python benchmarks/batch.py --flat 1000000          rows without a network: speed and memory

The peers: bare aiohttp behind a semaphore (the least anybody would write, nothing is kept), the openai SDK async behind
a semaphore, and the openai SDK in 100 threads, which is how LiteLLM's batch_completion works. Each runs in a process of
its own; memory is the most that the process ever held.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
PROMPT = "Describe the picture in detail. " * 25


def prompts(rows: int) -> list[str]:
    return [f"{PROMPT}{i}" for i in range(rows)]


# -------------------------------------------------------------------------------------------- runners


def antiphon(url: str, rows: int, concurrency: int, home: str) -> int:
    from antiphon import Client

    client = Client(home)
    batch = client.batch(
        prompts(rows), concurrency=concurrency, provider="compatible", base_url=url, model="bench"
    )
    count = sum(row.ok for row in batch)
    client.close()
    return count


def bare(url: str, rows: int, concurrency: int, home: str) -> int:
    import aiohttp

    async def run() -> int:
        gate = asyncio.Semaphore(concurrency)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def one(prompt: str) -> int:
                body = {"model": "bench", "messages": [{"role": "user", "content": prompt}], "seed": 0}
                async with gate, session.post(f"{url}/chat/completions", json=body) as reply:
                    return bool(json.loads(await reply.read())["choices"][0]["message"]["content"])

            return sum(await asyncio.gather(*map(one, prompts(rows))))

    return asyncio.run(run())


def openai_async(url: str, rows: int, concurrency: int, home: str) -> int:
    from openai import AsyncOpenAI

    async def run() -> int:
        gate = asyncio.Semaphore(concurrency)
        async with AsyncOpenAI(base_url=url, api_key="none") as client:

            async def one(prompt: str) -> int:
                async with gate:
                    reply = await client.chat.completions.create(
                        model="bench", messages=[{"role": "user", "content": prompt}], seed=0
                    )
                return bool(reply.choices[0].message.content)

            return sum(await asyncio.gather(*map(one, prompts(rows))))

    return asyncio.run(run())


def openai_threads(url: str, rows: int, concurrency: int, home: str) -> int:
    from openai import OpenAI

    with OpenAI(base_url=url, api_key="none") as client, ThreadPoolExecutor(100) as pool:

        def one(prompt: str) -> int:
            reply = client.chat.completions.create(
                model="bench", messages=[{"role": "user", "content": prompt}], seed=0
            )
            return bool(reply.choices[0].message.content)

        return sum(pool.map(one, prompts(rows)))


RUNNERS = {
    "antiphon, recorded": antiphon,
    "antiphon, again (replayed)": antiphon,
    "bare aiohttp, nothing kept": bare,
    "openai SDK, async": openai_async,
    "openai SDK, 100 threads": openai_threads,
}


def alone(name: str, url: str, rows: int, concurrency: int, home: str) -> None:
    """Run one and print its figures; what this process does is only that."""
    start = time.perf_counter()
    count = RUNNERS[name](url, rows, concurrency, home)
    wall = time.perf_counter() - start
    assert count == rows, f"{name}: {count} of {rows}"
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1024}))


def flat(rows: int) -> None:
    """A million rows through the command line's own parts, without a network: speed and the most memory held."""
    from antiphon import Client

    with tempfile.TemporaryDirectory() as home:
        client = Client(home)
        for what in ("asked (echo)", "replayed"):
            start = time.perf_counter()
            entries = (f"row {i}" for i in range(rows))
            count = sum(row.ok for row in client.batch(entries, provider="echo", model="echo"))
            wall = time.perf_counter() - start
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{count:,} rows {what}: {wall:,.1f} s, {count / wall:,.0f} rows/s, at most {most:,.0f} MB")
        size = sum(file.stat().st_size for file in Path(home).glob("replay.sqlite*"))
        client.close()
    print(f"the store: {size / 1e6:,.0f} MB, {size / rows:,.0f} bytes a row")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--flat", type=int, metavar="ROWS")
    parser.add_argument("--alone", nargs=3)
    given = parser.parse_args()
    if given.flat:
        flat(given.flat)
        return
    if given.alone:
        name, url, home = given.alone
        alone(name, url, given.rows, given.concurrency, home)
        return
    command = [sys.executable, str(HERE / "stub.py"), "--delay", str(given.delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stub:
        assert stub.stdout is not None
        url = f"http://127.0.0.1:{stub.stdout.readline().strip()}/v1"
        try:
            compare(given, url)
        finally:
            stub.terminate()


def compare(given: argparse.Namespace, url: str) -> None:
    ideal = given.concurrency / given.delay
    print(
        f"{given.rows:,} rows, {given.delay * 1000:g} ms each, {given.concurrency} at a time; ideal {ideal:,.0f} rows/s"
    )
    best: dict[str, dict[str, float]] = {}
    for _ in range(given.repeats):
        with tempfile.TemporaryDirectory() as home:
            for name in RUNNERS:
                options = ["--rows", str(given.rows), "--concurrency", str(given.concurrency)]
                run = [sys.executable, __file__, *options, "--alone", name, url, home]
                figures = json.loads(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
                if name not in best or figures["wall"] < best[name]["wall"]:
                    best[name] = figures
    base = best["antiphon, recorded"]["wall"]
    for name, figures in best.items():
        rate = given.rows / figures["wall"]
        print(
            f"{name:28} {rate:8,.0f} rows/s  {figures['wall'] / base:5.2f}x our time"
            f"  {figures['cpu']:6.2f} s CPU  {figures['mb']:5.0f} MB"
        )


if __name__ == "__main__":
    main()
