"""OpenAI.

Images come with dialect="openai_responses" and modalities="image", which makes the model use OpenAI's image tool.

Which model takes what is in no listing of theirs; it is in the table of model facts (models.json).
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import MediaLimits, Quirks, Refusal, Turns, _jobs_openai, openai_chat, openai_responses
from ..dialects._caching import prompt_key
from . import Maker, Provider, Way
from ._facts import refusals

REFUSALS = refusals("openai")

# Images come out of the other protocol only (openai 3.54.0, ChatCompletion has no place for them).
NO_IMAGES = Refusal(
    r"",
    frozenset({"modalities=image", "aspect_ratio"}),
    "openai 3.54.0",
    takers="gpt-5 and later models with dialect='openai_responses'",
)

LIMITS = MediaLimits(
    types={"image": ("image/png", "image/jpeg", "image/webp", "image/gif")},
    count={"image": 1500},
    request=512_000_000,
    animated=False,
    source='OpenAI\'s documentation, "Images and vision", 2026',
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
    refusals=(NO_IMAGES, *REFUSALS),
    streamed={"stream_options": {"include_obfuscation": False}},  # padding against traffic analysis
    stops=4,
    # A last message of the assistant's is a finished turn there, not one to go on with.
    turns=Turns(refuses=frozenset({"prefill"})),
    cache=prompt_key,
    cache_field="prompt_cache_key",
    media=frozenset({"image", "audio/wav", "audio/mpeg", "application/pdf"}),
    media_limits=LIMITS,
)

PROVIDER = Provider(
    name="openai",
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    base_url_env=("OPENAI_BASE_URL", ""),
    key_env=("OPENAI_API_KEY",),
    makers=(Maker("openai"),),
    hosts=tuple(f"{region}.api.openai.com" for region in ("us", "eu", "ae", "au", "in", "jp")),
    ways={
        "openai_chat": Way(openai_chat, CHAT),
        "openai_responses": Way(
            openai_responses,
            replace(
                openai_responses.PAINTING,
                refusals=REFUSALS,
                media_limits=LIMITS,
                cache=prompt_key,
                cache_field="prompt_cache_key",
            ),
        ),
    },
    price_id="openai",
    jobs={"openai_chat": _jobs_openai, "openai_responses": _jobs_openai},
)
