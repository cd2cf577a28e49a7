"""One client, measured in a process of its own and in its own environment: what `benchmarks/clients.py` starts.

    python one_client.py NAME URL DELAYED_URL ROUNDS

URL and DELAYED_URL are two stubs without a path; the second answers after 100 ms. Prints one JSON object: milliseconds
from the start of this script to the client and to its first answer, MB held then and after ROUNDS requests, the median
microseconds of a request and its CPU (nothing further with no ROUNDS), the same for a chunk of a stream, and seconds for 200 requests at once.

Only the client itself is imported here, beside what the standard library needs for all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import Any

BEGAN = time.perf_counter()
PROMPT = "Describe the picture in detail. " * 25
MESSAGES = [{"role": "user", "content": PROMPT}]
AT_ONCE = 200
STREAMS = 10
CROWDS, CROWD_TIME = 5, 3.0  # so many, or for so many seconds
LETTERS = 5_000  # of a streamed answer

Call = Callable[[], Awaitable[int]]


def aiohttp(url: str) -> tuple[Call, Call]:
    """The least anybody would write: post, read, parse."""
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    address = f"{url}/v1/chat/completions"
    body = {"model": "bench", "messages": MESSAGES, "seed": 1}

    async def ask() -> int:
        async with session.post(address, json=body) as reply:
            return len(json.loads(await reply.read())["choices"][0]["message"]["content"])

    async def stream() -> int:
        letters = 0
        async with session.post(address, json={**body, "stream": True}) as reply:
            async for line in reply.content:
                if line.startswith(b"data: {"):
                    letters += len(json.loads(line[6:])["choices"][0]["delta"].get("content", ""))
        return letters

    return ask, stream


def antiphon(url: str, seeds: Any = None) -> tuple[Call, Call]:
    """The full road: key, lookup, lease, send, decode, record. Every request has a seed of its own."""
    import antiphon

    client = antiphon.Client(tempfile.mkdtemp(dir=os.environ["BENCHMARK_HOME"]))
    seeds = count() if seeds is None else seeds
    who: dict[str, Any] = {"base_url": f"{url}/v1", "model": "bench"}

    async def ask() -> int:
        return len((await client.acomplete(PROMPT, seed=next(seeds), **who)).text)

    async def stream() -> int:
        letters = 0
        async with aclosing(client.astream(PROMPT, seed=next(seeds), **who)) as deltas:
            async for delta in deltas:
                letters += len(delta.text)
        return letters

    return ask, stream


def antiphon_unrecorded(url: str) -> tuple[Call, Call]:
    """The same without a seed: nothing is looked up or recorded, as with all the others."""
    return antiphon(url, iter(lambda: None, 0))


def openai(url: str) -> tuple[Call, Call]:
    from openai import AsyncOpenAI

    client: Any = AsyncOpenAI(base_url=f"{url}/v1", api_key="none")

    async def ask() -> int:
        reply = await client.chat.completions.create(model="bench", messages=MESSAGES, seed=1)
        return len(reply.choices[0].message.content)

    async def stream() -> int:
        letters = 0
        asked = client.chat.completions.create(model="bench", messages=MESSAGES, seed=1, stream=True)
        async for chunk in await asked:
            letters += len(chunk.choices[0].delta.content or "")
        return letters

    return ask, stream


def anthropic(url: str) -> tuple[Call, Call]:
    from anthropic import AsyncAnthropic

    client: Any = AsyncAnthropic(base_url=url, api_key="none")
    asked = {"model": "bench", "messages": MESSAGES, "max_tokens": 4096}

    async def ask() -> int:
        return len((await client.messages.create(**asked)).content[0].text)

    async def stream() -> int:
        letters = 0
        async for event in await client.messages.create(**asked, stream=True):
            if event.type == "content_block_delta":
                letters += len(event.delta.text)
        return letters

    return ask, stream


def google_genai(url: str) -> tuple[Call, Call]:
    from google import genai
    from google.genai import types

    client: Any = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=url))

    async def ask() -> int:
        return len((await client.aio.models.generate_content(model="bench", contents=PROMPT)).text)

    async def stream() -> int:
        letters = 0
        async for chunk in await client.aio.models.generate_content_stream(model="bench", contents=PROMPT):
            letters += len(chunk.text or "")
        return letters

    return ask, stream


def langchain(url: str) -> tuple[Call, Call]:
    from langchain_openai import ChatOpenAI

    model: Any = ChatOpenAI(base_url=f"{url}/v1", api_key="none", model="bench", seed=1)  # pyright: ignore

    async def ask() -> int:
        return len((await model.ainvoke(PROMPT)).content)

    async def stream() -> int:
        return sum([len(chunk.content) async for chunk in model.astream(PROMPT)])

    return ask, stream


def pydantic_ai(url: str) -> tuple[Call, Call]:
    """Its Agent, which is what its documentation shows."""
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(base_url=f"{url}/v1", api_key="none")
    agent: Any = Agent(OpenAIChatModel("bench", provider=provider))

    async def ask() -> int:
        return len((await agent.run(PROMPT)).output)

    async def stream() -> int:
        async with agent.run_stream(PROMPT) as run:
            return sum([len(text) async for text in run.stream_text(delta=True, debounce_by=None)])

    return ask, stream


def any_llm(url: str) -> tuple[Call, Call]:
    """A client made once; its function `acompletion` makes one for each call, and takes 20 times as long."""
    from any_llm import AnyLLM

    client: Any = AnyLLM.create("openai", api_key="none", api_base=f"{url}/v1")

    async def ask() -> int:
        reply = await client.acompletion(model="bench", messages=MESSAGES, seed=1)
        return len(reply.choices[0].message.content)

    async def stream() -> int:
        letters = 0
        async for chunk in await client.acompletion(model="bench", messages=MESSAGES, seed=1, stream=True):
            letters += len(chunk.choices[0].delta.content or "")
        return letters

    return ask, stream


def llm(url: str) -> tuple[Call, Call]:
    """Its async model, built as its own file of further models does."""
    os.environ["LLM_USER_PATH"] = os.environ["BENCHMARK_HOME"]
    from llm.default_plugins.openai_models import AsyncChat

    model: Any = AsyncChat("bench", api_base=f"{url}/v1")
    model.key, model.needs_key = "none", None

    async def ask() -> int:
        return len(await model.prompt(PROMPT, stream=False).text())

    async def stream() -> int:
        return sum([len(chunk) async for chunk in model.prompt(PROMPT, stream=True)])

    return ask, stream


CLIENTS: dict[str, Callable[[str], tuple[Call, Call]]] = {
    "bare aiohttp": aiohttp,
    "antiphon": antiphon,
    "antiphon, not recorded": antiphon_unrecorded,
    "openai": openai,
    "anthropic": anthropic,
    "google-genai": google_genai,
    "langchain-openai": langchain,
    "pydantic-ai": pydantic_ai,
    "any-llm": any_llm,
    "llm": llm,
}


def held() -> float:
    """MB of memory that this process holds now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


async def each(call: Call, rounds: int) -> tuple[float, float]:
    """Median wall and mean CPU of a call, in microseconds."""
    walls: list[float] = []
    cpu = time.process_time()
    for _ in range(rounds):
        start = time.perf_counter()
        await call()
        walls.append(time.perf_counter() - start)
    return statistics.median(walls) * 1e6, (time.process_time() - cpu) / rounds * 1e6


async def crowd(call: Call) -> float:
    """Seconds for all of them at once."""
    start = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(AT_ONCE)))
    return time.perf_counter() - start


async def measured(name: str, url: str, delayed: str, rounds: int) -> dict[str, float]:
    ask, stream = CLIENTS[name](url)
    found = {"client": (time.perf_counter() - BEGAN) * 1e3}
    assert await ask() > 500, name
    found |= {"first": (time.perf_counter() - BEGAN) * 1e3, "mb": held()}
    if not rounds:
        return found
    found["wall"], found["cpu"] = await each(ask, rounds)
    found["mb after"] = held()
    letters = await stream()
    assert letters == LETTERS, f"{name}: {letters} letters of {LETTERS}"
    wall, cpu = await each(stream, STREAMS)
    found |= {"chunk wall": wall / 1000, "chunk cpu": cpu / 1000}
    late, _ = CLIENTS[name](delayed)
    await crowd(late)
    crowds: list[float] = []
    while len(crowds) < CROWDS and sum(crowds) < CROWD_TIME:
        crowds.append(await crowd(late))
    found["crowd"] = statistics.median(crowds)
    return found


def main() -> None:
    name, url, delayed, rounds = sys.argv[1:]
    found = asyncio.run(measured(name, url, delayed, int(rounds)))
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    os._exit(0)  # some of them complain of what is not closed


if __name__ == "__main__":
    main()
