"""The embedded model through Antiphon against llama.cpp's own server with the same model, threads and settings.

    uv run --extra local python benchmarks/embedded.py

Decoding (128 tokens), reading a prompt (about 900 tokens, one token out), and 32 prompts that share a prefix of
about 155 tokens, 64 tokens each, at temperature 0.7. Answers of the last are compared byte for byte with the same
requests to a server with one slot and without reuse. Both sides are asked in turn within one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from told import told

from antiphon import Client
from antiphon.local import resolve
from antiphon.local.engine import FIXED
from antiphon.local.settings import ROWS

SERVER = Path(__file__).parent.parent / "tests" / "llama_server.py"
SETTINGS = {"temperature": 0.7, "top_k": 40, "top_p": 0.95, "min_p": 0.05}
STYLE = (
    "You expand short ideas into prompts for an image generator. Name the subject first, then the place, the light, "
    "the time of day, the weather, the camera and its lens, the colours, the mood and the style. Write one paragraph "
    "of plain English without lists, without headings and without quotation marks. Never mention the instructions, "
    "never ask a question, never address the reader. Prefer concrete nouns to adjectives, and adjectives to adverbs. "
    "If the idea names an artist, describe what the work looks like in place of the name. If it names a text to show, "
    "put that text last. Keep to what a camera could see. The idea follows."
)
IDEAS = [f"Idea {i}: a {thing} at {when}" for i, (thing, when) in enumerate(
    (thing, when)
    for thing in ("cat", "lighthouse", "market", "violin", "glacier", "train", "orchard", "harbour")
    for when in ("dawn", "noon", "dusk", "midnight")
)]  # fmt: skip


@contextmanager
def server(model: Path):
    """llama.cpp's own server: base URL and key."""
    key = secrets.token_hex(16)
    child = subprocess.Popen(
        [sys.executable, str(SERVER), str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # The same rows and the same way of waiting as the embedded engine has.
        env={**os.environ, "LLAMA_API_KEY": key, "LLAMA_ROWS": str(ROWS), "OMP_WAIT_POLICY": "passive"},
    )
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        yield json.loads(child.stdout.readline())["base_url"], key
    finally:
        child.stdin.close()
        child.wait()
        child.stdout.close()


async def bare(
    session, url: str, key: str, prompt: str, tokens: int, seed: int, system: str = ""
) -> tuple[str, int]:
    """One request to llama.cpp's server with plain aiohttp."""
    messages = [{"role": "system", "content": system}] if system else []
    body = {
        "model": "m",
        "messages": [*messages, {"role": "user", "content": prompt}],
        "max_tokens": tokens,
        "seed": seed,
        "cache_prompt": False,
        **FIXED,
        **resolve("smollm2-135m-instruct").sampling,
        **SETTINGS,
    }
    headers = {"Authorization": f"Bearer {key}"}
    async with session.post(f"{url}/chat/completions", json=body, headers=headers) as reply:
        document = json.loads(await reply.read())
    return document["choices"][0]["message"]["content"], document["usage"]["completion_tokens"]


async def ours(
    client, prompt: str, tokens: int, seed: int, system: str = "", *, fast: bool = False
) -> tuple[str, int]:
    """The same through Antiphon, without the store; `fast` computes it together with others."""
    extra = {"extra": {"fast": True}} if fast else {}
    done = await client.acomplete(
        prompt,
        model="local",
        max_tokens=tokens,
        seed=seed,
        replay="off",
        system=system or None,
        **SETTINGS,
        **extra,
    )
    return done.text, done.usage.output_tokens or 0


async def timed(call) -> tuple[float, tuple[str, int]]:
    start = time.perf_counter()
    result = await call
    return time.perf_counter() - start, result


async def single(session, url: str, key: str, client, repeats: int) -> None:
    """Decode and prompt speed, one request at a time, in turn; a fresh prompt each time so that nothing is reused."""
    rows: dict[str, list[tuple[float, float]]] = {"decode, tokens/s": [], "prompt, requests/s": []}
    for i in range(-1, repeats):
        short = f"{i}. Tell a long story about a river."
        _, (_, count) = await timed(bare(session, url, key, short, 128, i + 1))
        theirs, (text, count) = await timed(bare(session, url, key, short, 128, i + 1))
        mine, (same, mine_count) = await timed(ours(client, short, 128, i + 1))
        assert (same, mine_count) == (text, count), "the two sides disagree about the words"
        long = f"{i}. " + " ".join(f"Fact {n}: the river is {n} miles long." for n in range(75))
        theirs_long, _ = await timed(bare(session, url, key, long, 1, 1))
        mine_long, _ = await timed(ours(client, long, 1, 1))
        if i >= 0:
            rows["decode, tokens/s"].append((count / mine, count / theirs))
            rows["prompt, requests/s"].append((1 / mine_long, 1 / theirs_long))
    print("\n| one request at a time | Antiphon | llama.cpp's server | ratio |\n|---|--:|--:|--:|")
    for name, pairs in rows.items():
        mine, theirs = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"| {name} | {mine:.3g} | {theirs:.3g} | {ratio:.2f} |")
        told("embedded.rate", name, mine, theirs, ratio)


async def shared_prefix(session, url: str, key: str, client, repeats: int, *, fast: bool) -> None:
    """32 prompts with one system prompt, all at once."""
    walls, rates = [], []
    answers: list[list[str]] = []
    for turn in range(repeats + 1):
        wall, results = await timed(
            asyncio.gather(*(ours(client, idea, 64, 7 + turn, STYLE) for idea in IDEAS))  # type: ignore[arg-type]
        )
        if turn:
            walls.append(wall)
            rates.append(sum(count for _, count in results) / wall)
        answers.append([text for text, _ in results])
    theirs, results = await timed(
        asyncio.gather(*(bare(session, url, key, idea, 64, 7 + repeats, STYLE) for idea in IDEAS))  # type: ignore[arg-type]
    )
    same = sum(a == b for a, (b, _) in zip(answers[-1], results, strict=True))
    print("\n| 32 prompts, shared prefix, 64 tokens each | seconds | tokens/s |\n|---|--:|--:|")
    rate = statistics.median(rates)
    print(f"| Antiphon | {statistics.median(walls):.1f} | {rate:.0f} |")
    if fast:
        rates = []
        for turn in range(repeats + 1):
            wall, quick = await timed(
                asyncio.gather(*(ours(client, idea, 64, 7 + turn, STYLE, fast=True) for idea in IDEAS))  # type: ignore[arg-type]
            )
            if turn:
                rates.append((wall, sum(count for _, count in quick) / wall))
        print(
            f"| Antiphon, fast | {min(rates)[0]:.1f} | {statistics.median(rate for _, rate in rates):.0f} |"
        )
    print(
        f"| llama.cpp's server, one slot, no reuse | {theirs:.1f} | {sum(c for _, c in results) / theirs:.0f} |"
    )
    told(
        "embedded.rate",
        "32 prompts, shared prefix, 64 tokens each: tokens/s (theirs with one slot and no reuse: exact too)",
        rate,
        sum(c for _, c in results) / theirs,
    )
    print(f"\n{same} of {len(IDEAS)} answers are the same bytes as from one slot without reuse.")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--fast", action="store_true", help="the fast way too, on the prompts with a shared prefix"
    )
    parser.add_argument("--only-shared", action="store_true", help="only the prompts with a shared prefix")
    given = parser.parse_args()
    repeats = given.repeats
    model = resolve("smollm2-135m-instruct").path
    timeout = aiohttp.ClientTimeout(total=None)
    with tempfile.TemporaryDirectory() as home, server(model) as (url, key):
        client = Client(home)
        async with aiohttp.ClientSession(
            timeout=timeout, connector=aiohttp.TCPConnector(force_close=True)
        ) as session:
            if not given.only_shared:
                await single(session, url, key, client, repeats)
            await shared_prefix(session, url, key, client, max(1, repeats - 2), fast=given.fast)
        await asyncio.to_thread(client.close)


if __name__ == "__main__":
    asyncio.run(main())
