"""Mistral. Its API is strict: a field that it does not know is a 422.

Source: the mistralai package (3.7.0), read in November 2026. Which of its models take which effort is in no
listing; `antiphon models mistral` says which of them reason at all (``capabilities.reasoning``).
"""

from __future__ import annotations

from ..dialects import MediaLimits, Quirks, Turns, openai_chat
from ..dialects._caching import prompt_key
from . import Maker, Provider, Way

CHAT = Quirks(
    fields={
        "max_tokens": ("max_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "top_k": ("top_k",),
        "presence_penalty": ("presence_penalty",),
        "frequency_penalty": ("frequency_penalty",),
        "repeat_penalty": ("repetition_penalty",),
        "stop": ("stop",),
        "seed": ("random_seed",),
        "response_format": ("response_format",),
    },
    reasoning=openai_chat.EFFORTS,
    prefilled={"prefix": True},  # without it, a last message of the assistant's is not taken
    turns=Turns(refuses=frozenset({"system_after_assistant"})),  # mistral-common: the order of messages
    cache=prompt_key,
    cache_field="prompt_cache_key",
    stream_usage=False,  # always in the last chunk, and stream_options is unknown there
    media=frozenset({"image", "audio", "document"}),
    media_limits=MediaLimits(
        types={"image": ("image/png", "image/jpeg", "image/webp", "image/gif")},
        source='Mistral\'s documentation, "Vision", 2025; its figures for sizes differ from page to page',
    ),
    parts={
        "audio": {"type": "input_audio", "input_audio": "{url or base64}"},
        "document": {"type": "document_url", "document_url": "{url}", "document_name": "{name}"},
    },
)

PROVIDER = Provider(
    name="mistral",
    title="Mistral",
    base_url="https://api.mistral.ai/v1",
    key_env=("MISTRAL_API_KEY",),
    makers=(Maker("mistral"),),
    hosts=("api.eu.mistral.ai", "api.us.mistral.ai"),
    ways={"openai_chat": Way(openai_chat, CHAT)},
    price_id="mistral",
)
