"""OpenRouter: many providers behind one address.

Sources: the openrouter package (1.3.84) and OpenRouter's documentation, read in November 2026. It drops settings
that the endpoint it picks does not take, without a word; so with a seed, only endpoints that take everything
asked for may be picked (``provider.require_parameters``). For the same words from the same place, pin that too:
``extra={"provider": {"order": ["NAME"], "allow_fallbacks": False}}``.

No attribution headers are sent (HTTP-Referer, X-OpenRouter-Title): they are optional, and tell every upstream
which program is asking.
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import Quirks, openai_chat, openai_responses
from . import Provider, Way

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
    stream_usage=False,  # always there
    stops=4,
    media=frozenset({"image", "audio", "video", "document"}),
    parts={"document": {"type": "file", "file": {"filename": "{name}", "file_data": "{url}"}}},
)

PROVIDER = Provider(
    name="openrouter",
    title="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    key_env=("OPENROUTER_API_KEY",),
    ways={
        "openai_chat": Way(openai_chat, CHAT),
        "openai_responses": Way(openai_responses, replace(openai_responses.OPENAI, always={})),
    },
    price_id="openrouter",
)
