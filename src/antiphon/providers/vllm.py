"""vLLM's server on this machine.

Source: vLLM's repository, November 2026. A seed steers the sampling, but vLLM gives the same words again only on the
same hardware and version, and with VLLM_BATCH_INVARIANT=1; the replay store needs neither. What is not set
is taken from the model's own generation_config.
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import anthropic_messages, openai_chat, openai_responses
from . import Provider, Way
from ._offline import VLLM
from .compatible import CHAT

PROVIDER = Provider(
    name="vllm",
    title="vLLM",
    base_url="http://127.0.0.1:8000/v1",
    base_path="/v1",
    key="optional",
    key_env=("VLLM_API_KEY",),
    hosts=("localhost",),
    ways={
        "openai_chat": Way(
            openai_chat,
            replace(
                CHAT,
                fields={**CHAT.fields, "repeat_penalty": ("repetition_penalty",)},
                reasoning_budget="thinking_token_budget",
                media=frozenset({"image", "audio", "video"}),
            ),
        ),
        "openai_responses": Way(
            openai_responses, replace(openai_responses.OPENAI, media=frozenset({"image"}))
        ),
        "anthropic_messages": Way(anthropic_messages, anthropic_messages.COMPATIBLE),
    },
    free="here",
    offline=VLLM,
)
