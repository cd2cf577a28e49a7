"""Hugging Face's router: models of the hub at many providers, as ``ORG/NAME`` or ``ORG/NAME:PROVIDER``.

Source: the huggingface_hub package (2.4.0), read in November 2026: the settings are those of its chat completions.
Whether a setting counts is up to the provider behind; name one (``:PROVIDER``) for the same answers again.
"""

from __future__ import annotations

from ..dialects import Quirks, openai_chat
from . import Provider, Way

CHAT = Quirks(
    fields={
        "max_tokens": ("max_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "presence_penalty": ("presence_penalty",),
        "frequency_penalty": ("frequency_penalty",),
        "stop": ("stop",),
        "seed": ("seed",),
        "response_format": ("response_format",),
    },
)

PROVIDER = Provider(
    name="huggingface",
    title="Hugging Face",
    base_url="https://router.huggingface.co/v1",
    key_env=("HF_TOKEN",),
    ways={"openai_chat": Way(openai_chat, CHAT)},
)
