"""DeepSeek. Its models think unless told not to, and pass over temperature and penalties while they do.

Sources: the AI SDK's DeepSeek provider and DeepSeek's API documentation, read in November 2026. There is no seed.
An effort of "medium" would be taken for "high", so it is refused here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

from ..dialects import Quirks, anthropic_messages, openai_chat
from ..request import Request
from . import Endpoint, Maker, Provider, Way
from ._facts import refusals

HERE = "https://api.deepseek.com"

CHAT = Quirks(
    fields={
        "max_tokens": ("max_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "presence_penalty": ("presence_penalty",),
        "frequency_penalty": ("frequency_penalty",),
        "stop": ("stop",),
        "response_format": ("response_format",),
    },
    reasoning={
        "off": {"thinking": {"type": "disabled"}},
        "low": {"thinking": {"type": "enabled"}, "reasoning_effort": "low"},
        "high": {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
    },
    refusals=refusals("deepseek"),  # JSON it does: response_format="json"
    prefilled={"prefix": True},
)

# Of the Messages shape no source says more than that it is there.
MESSAGES = replace(
    anthropic_messages.COMPATIBLE,
    fields={"max_tokens": ("max_tokens",), "stop": ("stop_sequences",)},
    reasoning_budget=None,
    media=frozenset(),
)


@asynccontextmanager
async def endpoint(request: Request) -> AsyncGenerator[Endpoint]:
    """Messages have a folder of their own, and so has a last message to go on with (a beta, called prefix)."""
    base = request.base_url or HERE
    if request.dialect == "anthropic_messages":
        yield Endpoint(
            base_url=f"{base}/anthropic/v1", headers={"anthropic-version": "2023-06-01"}, models_base=base
        )
    elif request.messages[-1].role == "assistant" and base == HERE:
        yield Endpoint(base_url=f"{base}/beta", models_base=base)
    else:
        yield Endpoint(base_url=base)


PROVIDER = Provider(
    name="deepseek",
    title="DeepSeek",
    base_url=HERE,
    key_env=("DEEPSEEK_API_KEY",),
    makers=(Maker("deepseek"),),
    ways={
        "openai_chat": Way(openai_chat, CHAT),
        "anthropic_messages": Way(anthropic_messages, MESSAGES),
    },
    open=endpoint,
    price_id="deepseek",
)
