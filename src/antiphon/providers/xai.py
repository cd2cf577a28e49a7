"""xAI.

Sources: the AI SDK's xAI provider and xAI's documentation, read in November 2026. xAI prefers its Responses API;
chat completions come first here because only they take a seed. Responses are asked not to be stored (the default
is 30 days).
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import MediaLimits, Quirks, openai_chat, openai_responses
from . import Maker, Provider, Way
from ._facts import refusals

LIMITS = MediaLimits(
    types={"image": ("image/jpeg", "image/png")},
    data={"image": 20 * 1024 * 1024},
    source='docs.x.ai, "Image understanding", 2026',
)
IMAGES = frozenset({"image/jpeg", "image/png", "image/*"})  # "*" is what a URL without an extension has
REFUSALS = refusals("xai")

CHAT = Quirks(
    fields={
        "max_tokens": ("max_completion_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "presence_penalty": ("presence_penalty",),
        "frequency_penalty": ("frequency_penalty",),
        "stop": ("stop",),
        "seed": ("seed",),
        "response_format": ("response_format",),
    },
    reasoning=openai_chat.EFFORTS,
    refusals=REFUSALS,
    media=IMAGES,
    media_limits=LIMITS,
)

PROVIDER = Provider(
    name="xai",
    title="xAI",
    base_url="https://api.x.ai/v1",
    key_env=("XAI_API_KEY",),
    makers=(Maker("xai"),),
    hosts=("us.api.x.ai",),
    ways={
        "openai_chat": Way(openai_chat, CHAT),
        "openai_responses": Way(
            openai_responses,
            replace(openai_responses.OPENAI, refusals=REFUSALS, media=IMAGES, media_limits=LIMITS),
        ),
    },
    price_id="x-ai",
)
