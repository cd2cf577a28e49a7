"""Asking the embedded model in tests: the provider's endpoint, the real transport, and what came back in full."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from antiphon import loop
from antiphon.call import Call
from antiphon.completion import Completion
from antiphon.dialects._common import dumps
from antiphon.events import parse
from antiphon.providers import get
from antiphon.request import Config, Delivery, Message, Request
from antiphon.transport import Transport

LOCAL = get("local")
# One answer as evidence: not only the text but the probabilities behind it, where a changed bit shows first.
PROBABILITIES = {"logprobs": True, "top_logprobs": 3}


class Asked(NamedTuple):
    """A completion, a hash of every number behind it, and the engine's own timings."""

    completion: Completion
    evidence: str
    timings: dict[str, Any]


def request(*turns: str, seed: int | None = 1, system: str = "", **config: Any) -> Request:
    """A request of alternating user and assistant turns."""
    messages = [Message("system", system)] if system else []
    messages += [Message("assistant" if i % 2 else "user", turn) for i, turn in enumerate(turns)]
    config.setdefault("max_tokens", 8)
    config.setdefault("extra", PROBABILITIES)
    return Request(provider="local", messages=tuple(messages), seed=seed, config=Config(**config))


async def answer(asked: Request) -> Asked:
    """Down the road that a request takes, without the store."""
    dialect, quirks = LOCAL.way(None).dialect, LOCAL.way(None).quirks
    assert LOCAL.open is not None
    transport = Transport()
    try:
        async with LOCAL.open(asked) as endpoint:
            assert endpoint.stream
            call = Call(
                f"{endpoint.base_url}/{dialect.path(asked, stream=True)}",
                dumps({**dialect.encode(asked, quirks, stream=True), **endpoint.body}),
                {"Content-Type": "application/json", **endpoint.headers},
                stream=dialect.stream,
            )
            delivery = Delivery(retries=0)
            reply = await transport.send(call, delivery, check=dialect.error, on_event=lambda event: True)
    finally:
        await transport.close()
    events = list(parse(reply.body, reply.stream))
    fold = dialect.fold()
    for event in events:
        fold.feed(event)
    chunks = [json.loads(event.data) for event in events if event.data != "[DONE]"]
    # How far the reading of the prompt is says how much was reused, not what was answered.
    choices = [chunk["choices"] for chunk in chunks if "prompt_progress" not in chunk]
    evidence = hashlib.sha256(json.dumps(choices, sort_keys=True).encode()).hexdigest()
    timings = next(chunk["timings"] for chunk in reversed(chunks) if "timings" in chunk)
    return Asked(fold.completion(reply), evidence, timings)


def ask(asked: Request) -> Asked:
    """`answer` from a plain thread."""
    return loop.run(answer(asked))
