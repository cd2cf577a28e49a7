"""OpenAI.

Which model takes what is in no listing of theirs; the facts are those of the AI SDK's OpenAI provider
(4.0.118) and of the openai package (3.54.0), read in November 2026.
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import Quirks, Refusal, openai_chat, openai_responses
from . import Provider, Way

SAMPLING = frozenset({"temperature", "top_p"})
PENALTIES = frozenset({"presence_penalty", "frequency_penalty"})
SOURCE = "@ai-sdk/openai 4.0.118"

REFUSALS = (
    Refusal(r"gpt-6", SAMPLING, SOURCE, takers="gpt-4.1, or gpt-5.1 to gpt-5.6 with reasoning='off'"),
    Refusal(r"gpt-5\.(?!\d+-chat)", SAMPLING, SOURCE, unless_reasoning_off=True, takers="gpt-4.1"),
    Refusal(
        r"gpt-5(?![.\d]|-chat)|o[134]",
        SAMPLING | {"reasoning=off"},
        SOURCE,
        takers="gpt-4.1, or gpt-5.1 to gpt-5.6 with reasoning='off'",
    ),
    # "none" is an effort of these three alone in that family.
    Refusal(
        r"gpt-6(?!-sol|-luna|\.1-terra)",
        frozenset({"reasoning=off"}),
        SOURCE,
        takers="gpt-6-sol, gpt-6-luna, gpt-6.1-terra",
    ),
    Refusal(r"gpt-[56](?!-chat|\.\d+-chat)|o[134]", PENALTIES, SOURCE, takers="gpt-4.1"),
    Refusal(r"gpt-[56](?!-chat|\.\d+-chat)|o[34]", frozenset({"stop"}), "openai 3.54.0", takers="gpt-4.1"),
    Refusal(r"gpt-[34]|chatgpt-|gpt-5-chat", frozenset({"reasoning"}), SOURCE, takers="gpt-5.1 and later"),
)

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
        "modalities": ("modalities",),  # "audio" needs extra={"audio": {"voice": …, "format": …}} too
    },
    reasoning=openai_chat.EFFORTS,
    refusals=REFUSALS,
    streamed={"stream_options": {"include_obfuscation": False}},  # padding against traffic analysis
    stops=4,
    media=frozenset({"image", "audio/wav", "audio/mpeg", "application/pdf"}),
)

PROVIDER = Provider(
    name="openai",
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    key_env=("OPENAI_API_KEY",),
    hosts=tuple(f"{region}.api.openai.com" for region in ("us", "eu", "ae", "au", "in", "jp")),
    ways={
        "openai_chat": Way(openai_chat, CHAT),
        "openai_responses": Way(openai_responses, replace(openai_responses.OPENAI, refusals=REFUSALS)),
    },
    price_id="openai",
)
