"""Batches, side by side with what people write or use instead, against a local stub in a process of its own.

    uv run python benchmarks/batch.py                         1,000 rows of 100 ms, 64 at a time
    uv run python benchmarks/batch.py --peers                 also LiteLLM and curator
    uv run python benchmarks/batch.py --flat 1000000          rows without a network: speed and memory

The peers: bare aiohttp behind a semaphore (the least anybody would write, nothing is kept), the openai SDK async behind
a semaphore, and the openai SDK in 100 threads. Each runs in a process of its own; memory is the most that the process
ever held. With `--peers` LiteLLM and curator are installed from PyPI, each into an environment that is thrown away at
the end (600 MB, some minutes), and run in the same rounds; what cannot be installed is left out with a line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import peers
from told import told

HERE = Path(__file__).parent
prompts = peers.prompts


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
            told("batch.flat", what, count / wall)
            told("batch.flat-mb", what, most)
        size = sum(file.stat().st_size for file in Path(home).glob("replay.sqlite*"))
        client.close()
    print(f"the store: {size / 1e6:,.0f} MB, {size / rows:,.0f} bytes a row")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--flat", type=int, metavar="ROWS")
    parser.add_argument("--alone", nargs=3)
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of the processes compiles its modules anew
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


def installed(folder: Path) -> dict[str, list[str]]:
    """What starts each of the other packages, of those that can be had here."""
    commands: dict[str, list[str]] = {}
    pythons: dict[str, Path] = {}
    for name, package in peers.PACKAGES.items():
        place = folder / package
        if package not in pythons:
            python = pythons[package] = place / "bin" / "python"
            into = ["uv", "pip", "install", "-q", "-p", str(python), package, *peers.WITH.get(package, ())]
            made = shutil.which("uv") is not None
            for step in (["uv", "venv", "-q", "-p", sys.executable, str(place)], into):
                made = made and subprocess.run(step, check=False).returncode == 0
            if not made:
                python.unlink(missing_ok=True)
        if pythons[package].exists():
            commands[name] = [str(pythons[package]), str(HERE / "peers.py"), name]
        else:
            print(f"{name}: left out, since {package} cannot be installed here")
    return commands


def compare(given: argparse.Namespace, url: str) -> None:
    ideal = given.concurrency / given.delay
    print(
        f"{given.rows:,} rows, {given.delay * 1000:g} ms each, {given.concurrency} at a time; ideal {ideal:,.0f} rows/s"
    )
    best: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as venvs:
        others = installed(Path(venvs)) if given.peers else {}
        for _ in range(given.repeats):
            for name, figures in one_round(given, url, others):
                if name not in best or figures["wall"] < best[name]["wall"]:
                    best[name] = figures
    base = best["antiphon, recorded"]["wall"]
    for name, figures in best.items():
        rate = given.rows / figures["wall"]
        if name != "antiphon, recorded":
            figure = "batch.rate" if name in RUNNERS else "batch.others"
            told(figure, name, given.rows / base, rate)
            if name in RUNNERS:
                told("batch.mb", name, best["antiphon, recorded"]["mb"], figures["mb"])
        print(
            f"{name:28} {rate:8,.0f} rows/s  {figures['wall'] / base:5.2f}x our time"
            f"  {figures['cpu']:6.2f} s CPU  {figures['mb']:5.0f} MB"
        )


def one_round(
    given: argparse.Namespace, url: str, others: dict[str, list[str]]
) -> Iterator[tuple[str, dict[str, float]]]:
    """All of them once, one after the other."""
    with tempfile.TemporaryDirectory() as home:
        sizes = ["--rows", str(given.rows), "--concurrency", str(given.concurrency)]
        runs = {name: [sys.executable, __file__, *sizes, "--alone", name, url, home] for name in RUNNERS}
        ends = [url, str(given.rows), str(given.concurrency)]
        runs |= {name: [*command, *ends] for name, command in others.items()}
        for name, run in runs.items():
            done = subprocess.run(run, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name}: failed, {done.stderr.strip().splitlines()[-1:]}")
            else:
                yield name, json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
