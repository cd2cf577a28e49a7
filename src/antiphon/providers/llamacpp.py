"""llama.cpp's server (``llama-server``) on this machine.

Source: the server itself (2026-10), tried. It answers with the model that it was started with, whatever name is
asked for; still give each model a name of its own, since recordings are kept by that name.
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import MediaLimits, anthropic_messages, openai_chat, openai_responses
from . import Provider, Way
from .compatible import CHAT, TURNS

# Its decoder (stb_image) knows no WebP: github.com/ggml-org/llama.cpp issue 28230, September 2026.
LIMITS = MediaLimits(
    types={"image": ("image/png", "image/jpeg", "image/gif", "image/bmp")},
    source="llama.cpp issue 28230, September 2026",
)
NARROW = replace(LIMITS, types={"image": ("image/png", "image/jpeg", "image/gif")})

PROVIDER = Provider(
    name="llamacpp",
    title="llama.cpp's server",
    base_url="http://127.0.0.1:8080/v1",
    base_path="/v1",
    key="optional",
    key_env=("LLAMA_API_KEY",),
    hosts=("localhost",),
    ways={
        "openai_chat": Way(
            openai_chat,
            replace(
                CHAT,
                fields={**CHAT.fields, "repeat_penalty": ("repeat_penalty",)},
                # What was asked before would change the batches, and with them the bits of the answer.
                seeded={"cache_prompt": False},
                turns=TURNS,
                media=frozenset({"image", "audio"}),
                media_limits=LIMITS,
            ),
        ),
        "openai_responses": Way(openai_responses, replace(openai_responses.COMPATIBLE, media_limits=LIMITS)),
        "anthropic_messages": Way(
            anthropic_messages, replace(anthropic_messages.COMPATIBLE, media_limits=NARROW)
        ),
    },
    free="here",
)
