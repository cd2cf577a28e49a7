"""OpenRouter: many providers behind one address.

Sources: the openrouter package (1.3.84) and OpenRouter's documentation, read in November 2026. It drops settings
that the endpoint it picks does not take, without a word; so with a seed, only endpoints that take everything
asked for may be picked (``provider.require_parameters``). For the same words from the same place, pin that too:
``extra={"provider": {"order": ["NAME"], "allow_fallbacks": False}}``.

Its ``provider`` field takes ``only``, ``ignore``, ``sort``, ``data_collection``, ``zdr``, ``max_price`` and more;
what is given there is added to what we send and wins. ``extra={"image_config": {"image_size": "2K"}}`` stands
beside aspect_ratio.

No attribution headers are sent unless the environment asks for them, under the names that OpenRouter's own package
reads (HEADERS): they tell every upstream which program is asking.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from ..dialects import MediaLimits, Quirks, openai_chat, openai_responses
from ..dialects._caching import part_marks
from ..errors import RequestError
from ..request import Request
from . import Endpoint, Maker, Provider, Way
from ._facts import refusals

URL = "https://openrouter.ai/api/v1"

# Which program asks: the header, and the variable whose value it gets (openrouter 1.3.84, sdk.py).
HEADERS: Mapping[str, str] = {
    "HTTP-Referer": "OPENROUTER_HTTP_REFERER",
    "X-OpenRouter-Title": "OPENROUTER_X_OPEN_ROUTER_TITLE",
    "X-OpenRouter-Categories": "OPENROUTER_X_OPEN_ROUTER_CATEGORIES",
}


def attribution() -> Mapping[str, str]:
    """The headers that the environment asks for now. RequestError where a value cannot stand in one."""
    told = {header: os.environ.get(variable, "").strip() for header, variable in HEADERS.items()}
    for header, value in told.items():
        if value and not (value.isascii() and value.isprintable()):
            raise RequestError(
                f"${HEADERS[header]} cannot be sent as {header}: a header takes printable ASCII only",
                field=HEADERS[header],
                hint="Correct the variable, or unset it.",
            )
    return {header: value for header, value in told.items() if value}


@asynccontextmanager
async def endpoint(request: Request) -> AsyncGenerator[Endpoint]:
    yield Endpoint(base_url=request.base_url or URL, headers=attribution())


LIMITS = MediaLimits(
    types={"image": ("image/png", "image/jpeg", "image/webp", "image/gif")},
    source='openrouter.ai/docs, "Image inputs", 2026; sizes and counts differ between its providers',
)

CHAT = Quirks(
    fields={
        # Also called max_completion_tokens there; require_parameters goes by the name, and this is the older one.
        "max_tokens": ("max_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "top_k": ("top_k",),
        "min_p": ("min_p",),
        "presence_penalty": ("presence_penalty",),
        "frequency_penalty": ("frequency_penalty",),
        "repeat_penalty": ("repetition_penalty",),
        "stop": ("stop",),
        "seed": ("seed",),
        "response_format": ("response_format",),
        "modalities": ("modalities",),
        "aspect_ratio": ("image_config.aspect_ratio",),
    },
    reasoning={
        "off": {"reasoning": {"effort": "none"}},
        "low": {"reasoning": {"effort": "low"}},
        "medium": {"reasoning": {"effort": "medium"}},
        "high": {"reasoning": {"effort": "high"}},
    },
    reasoning_budget="reasoning.max_tokens",
    seeded={"provider": {"require_parameters": True}},
    refusals=refusals("openrouter"),
    cache=part_marks,
    cached_models=r"~?anthropic/",
    cache_field="cache_control",
    stream_usage=False,  # always there
    stops=4,
    media=frozenset({"image", "audio", "video", "document"}),
    media_limits=LIMITS,
    parts={"document": {"type": "file", "file": {"filename": "{name}", "file_data": "{url}"}}},
)

PROVIDER = Provider(
    name="openrouter",
    title="OpenRouter",
    base_url=URL,
    base_url_env=("OPENROUTER_BASE_URL", ""),
    key_env=("OPENROUTER_API_KEY",),
    # It may still find somebody who serves what its maker has retired; Google's models are served by Google alone.
    makers=(
        Maker("openai", "openai/", dates="told"),
        Maker("anthropic", "anthropic/", dotted=True, dates="told"),
        Maker("google", "google/"),
        Maker("xai", "x-ai/", dates="told"),
        Maker("deepseek", "deepseek/", dates="told"),
        Maker("mistral", "mistralai/", dates="told"),
        Maker("openrouter"),
    ),
    ways={
        "openai_chat": Way(openai_chat, CHAT),
        "openai_responses": Way(
            openai_responses, replace(openai_responses.OPENAI, always={}, media_limits=LIMITS)
        ),
    },
    open=endpoint,
    price_id="openrouter",
)
