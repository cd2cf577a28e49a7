"""Groq.

Source: the groq package (1.7.0), read in November 2026, for all that is here; penalties it declares, and says that
no model takes them. Models that think in the text can be told to keep it apart with
``extra={"reasoning_format": "parsed"}``; not all take that field, so it is not sent on its own.
"""

from __future__ import annotations

from ..dialects import MediaLimits, Quirks, openai_chat
from . import Maker, Provider, Way
from ._facts import refusals

LIMITS = MediaLimits(
    pixels=33_177_600,
    count={"image": 5},
    request=4_000_000,  # with media in it; for URLs 20 MB
    source="console.groq.com/docs/vision, 2026",
)

CHAT = Quirks(
    fields={
        "max_tokens": ("max_completion_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "stop": ("stop",),
        "seed": ("seed",),
        "response_format": ("response_format",),
    },
    reasoning=openai_chat.EFFORTS,
    refusals=refusals("groq"),
    stream_usage=False,  # always in the last chunk, under x_groq
    stops=4,
    media_limits=LIMITS,
)

PROVIDER = Provider(
    name="groq",
    title="Groq",
    base_url="https://api.groq.com/openai/v1",
    base_url_env=("GROQ_BASE_URL", "/openai/v1"),
    key_env=("GROQ_API_KEY",),
    makers=(Maker("groq"),),
    ways={"openai_chat": Way(openai_chat, CHAT)},
    price_id="groq",
)
