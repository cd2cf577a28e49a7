"""LM Studio on this machine, with its server switched on.

Source: LM Studio's documentation of its OpenAI-compatible API (2026). The first request for a model loads it,
which may take minutes; the usual limit for the first token (ten minutes, ``Timeout.first_token``) allows for that.
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import Quirks, anthropic_messages, openai_chat, openai_responses
from . import Provider, Way
from .compatible import TURNS

CHAT = Quirks(
    fields={
        "max_tokens": ("max_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "top_k": ("top_k",),
        "presence_penalty": ("presence_penalty",),
        "frequency_penalty": ("frequency_penalty",),
        "repeat_penalty": ("repeat_penalty",),
        "stop": ("stop",),
        "seed": ("seed",),
        "response_format": ("response_format",),
    },
    turns=TURNS,
    media_urls=False,
)

PROVIDER = Provider(
    name="lmstudio",
    title="LM Studio",
    base_url="http://127.0.0.1:1234/v1",
    base_path="/v1",
    key="optional",
    key_env=("LM_API_TOKEN", "LMSTUDIO_API_KEY"),
    hosts=("localhost",),
    ways={
        "openai_chat": Way(openai_chat, CHAT),
        "openai_responses": Way(
            openai_responses,
            replace(openai_responses.OPENAI, media=frozenset({"image"}), media_urls=False),
        ),
        "anthropic_messages": Way(
            anthropic_messages,
            replace(anthropic_messages.COMPATIBLE, media=frozenset({"image"}), media_urls=False),
        ),
    },
    free="here",
)
