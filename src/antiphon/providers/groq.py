"""Groq.

Source: the groq package (1.7.0), read in November 2026, for all that is here; penalties it declares, and says that
no model takes them. Models that think in the text can be told to keep it apart with
``extra={"reasoning_format": "parsed"}``; not all take that field, so it is not sent on its own.
"""

from __future__ import annotations

from ..dialects import Quirks, Refusal, openai_chat
from . import Provider, Way

SOURCE = "groq 1.7.0"
EFFORTS = frozenset({"reasoning=low", "reasoning=medium", "reasoning=high"})

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
    refusals=(
        Refusal(r"openai/gpt-oss", frozenset({"reasoning=off"}), SOURCE, takers="qwen/qwen3.8-27b"),
        Refusal(r"qwen/qwen3(?!\.8-27b)", EFFORTS, SOURCE, takers="qwen/qwen3.8-27b, openai/gpt-oss-120b"),
    ),
    stream_usage=False,  # always in the last chunk, under x_groq
    stops=4,
)

PROVIDER = Provider(
    name="groq",
    title="Groq",
    base_url="https://api.groq.com/openai/v1",
    key_env=("GROQ_API_KEY",),
    ways={"openai_chat": Way(openai_chat, CHAT)},
    price_id="groq",
)
