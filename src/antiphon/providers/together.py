"""Together.

Source: the together package (3.1.1), read in November 2026.
"""

from __future__ import annotations

from ..dialects import Quirks, openai_chat
from . import Provider, Way

CHAT = Quirks(
    fields={
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
    },
    reasoning={
        "off": {"reasoning": {"enabled": False}},
        "low": {"reasoning_effort": "low"},
        "medium": {"reasoning_effort": "medium"},
        "high": {"reasoning_effort": "high"},
    },
    stream_usage=False,  # its chunks carry usage, and it has no stream_options
    media=frozenset({"image", "audio", "video"}),
)

PROVIDER = Provider(
    name="together",
    title="Together",
    base_url="https://api.together.ai/v1",
    key_env=("TOGETHER_API_KEY",),
    hosts=("api.together.xyz",),
    ways={"openai_chat": Way(openai_chat, CHAT)},
    price_id="together",
)
