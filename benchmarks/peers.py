"""One run of a batch peer, in an environment of its own: what `benchmarks/batch.py --peers` starts.

    python peers.py NAME URL ROWS CONCURRENCY

Prints one JSON object like `batch.py --alone`: seconds with the import, CPU seconds, most MB. Nothing here leaves the
machine: telemetry and price lists from the network are off, and curator's tokenizer, whose data it would fetch, is
replaced by one that counts four bytes as a token.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

PROMPT = "Describe the picture in detail. " * 25
PACKAGES = {
    "LiteLLM, acompletion": "litellm",
    "LiteLLM, batch_completion": "litellm",
    "curator": "bespokelabs-curator",
}
# curator's parts import pkg_resources.
WITH = {"bespokelabs-curator": ("setuptools<81",)}

os.environ |= {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "TELEMETRY_ENABLED": "false",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "HF_HUB_OFFLINE": "1",
    "OPENAI_API_KEY": "none",
}


def prompts(rows: int) -> list[str]:
    return [f"{PROMPT}{i}" for i in range(rows)]


def litellm_async(url: str, rows: int, concurrency: int) -> int:
    import litellm

    gate = asyncio.Semaphore(concurrency)

    async def one(prompt: str) -> int:
        async with gate:
            reply: Any = await litellm.acompletion(
                model="openai/bench", api_base=url, messages=[{"role": "user", "content": prompt}], seed=0
            )
        return bool(reply.choices[0].message.content)

    async def run() -> int:
        return sum(await asyncio.gather(*map(one, prompts(rows))))

    return asyncio.run(run())


def litellm_batch(url: str, rows: int, concurrency: int) -> int:
    import litellm

    replies: Any = litellm.batch_completion(
        model="openai/bench",
        api_base=url,
        messages=[[{"role": "user", "content": prompt}] for prompt in prompts(rows)],
        seed=0,
        max_workers=concurrency,
    )
    return sum(bool(reply.choices[0].message.content) for reply in replies)


def curator(url: str, rows: int, concurrency: int) -> int:
    import tiktoken

    class Counting:
        def encode(self, text: str, **_: Any) -> list[int]:
            return [0] * (len(text) // 4)

    for name in ("get_encoding", "encoding_for_model"):
        setattr(tiktoken, name, lambda *_: Counting())
    from bespokelabs import curator as package

    limits = {"max_concurrent_requests": concurrency, "max_requests_per_minute": 10**6}
    with tempfile.TemporaryDirectory() as folder:
        model = package.LLM(
            model_name="bench",
            backend="openai",
            backend_params={
                **limits, "base_url": url, "max_tokens_per_minute": 10**9, "require_all_responses": True,
            },
        )  # fmt: skip
        found: Any = model(prompts(rows), working_dir=folder)
        return len(getattr(found, "dataset", found))


RUNNERS: dict[str, Callable[[str, int, int], int]] = {
    "LiteLLM, acompletion": litellm_async,
    "LiteLLM, batch_completion": litellm_batch,
    "curator": curator,
}


def main() -> None:
    name, url, rows, concurrency = sys.argv[1:]
    start = time.perf_counter()
    count = RUNNERS[name](url, int(rows), int(concurrency))
    wall = time.perf_counter() - start
    assert count == int(rows), f"{name}: {count} of {rows}"
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
