"""Instructions per request, which do not depend on how busy the machine is: bare aiohttp and three depths of the road.

    uv run python benchmarks/instructions.py             what they are
    uv run python benchmarks/instructions.py --check     ends with 1 where one is 5 % above what results.json has

Needs valgrind. Each kind is run with 100 and with 300 requests; the difference is what 200 requests take, without the
start of the interpreter.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp
from client import PROMPT, bare, stub
from told import told

from antiphon import Client

KINDS = {
    "bare": "bare aiohttp",
    "no-seed": "antiphon, no seed",
    "no-put": "antiphon, seed: key, lease, two lookups, nothing written",
    "full": "antiphon, full road, recorded",
}
FEW, MANY = 100, 300
RESULTS = Path(__file__).with_name("results.json")
SAME = 0.05  # within this two runs of the same code differ


async def ask(kind: str, count: int, url: str) -> None:
    """`count` requests of one kind, one after the other."""
    with tempfile.TemporaryDirectory() as home:
        client = Client(home)
        client.complete("warm", base_url=url, model="bench", seed=-1)
        if kind == "no-put":
            client.store.put = lambda *_, **__: None  # type: ignore[method-assign]
        async with aiohttp.ClientSession() as session:
            for i in range(count):
                if kind == "bare":
                    await bare(session, url)
                else:
                    seed = None if kind == "no-seed" else i
                    await client.acomplete(PROMPT, base_url=url, model="bench", seed=seed)
        await asyncio.to_thread(client.close)


def counted(kind: str, count: int, url: str) -> int:
    """Instructions of one whole process."""
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*valgrind, sys.executable, __file__, kind, str(count), url],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1].replace(",", ""))


def grown(per: dict[str, float]) -> list[str]:
    """The kinds that take more than was recorded, beyond what two runs differ by."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["instructions"]["rows"]
    known = {kind: rows[name]["ours"] * 1e6 for kind, name in KINDS.items() if name in rows}
    return [
        f"{KINDS[kind]}: {per[kind] / 1e6:.2f} million, {before / 1e6:.2f} before"
        for kind, before in known.items()
        if per[kind] > before * (1 + SAME)
    ]


def main(check: bool) -> int:
    with stub() as url:
        per = {kind: (counted(kind, MANY, url) - counted(kind, FEW, url)) / (MANY - FEW) for kind in KINDS}
    print("| instructions per request | million | × bare aiohttp |\n|---|--:|--:|")
    for kind, name in KINDS.items():
        print(f"| {name} | {per[kind] / 1e6:.2f} | {per[kind] / per['bare']:.2f} |")
        if kind != "bare":
            told("instructions", name, per[kind] / 1e6, per["bare"] / 1e6)
    more = grown(per) if check else []
    for line in more:
        print(line, file=sys.stderr)
    return 1 if more else 0


if __name__ == "__main__":
    if len(sys.argv) == 4:
        asyncio.run(ask(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
    else:
        sys.exit(main("--check" in sys.argv[1:]))
