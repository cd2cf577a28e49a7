"""Anthropic.

Which model takes what is told by no error before it happens; the facts are those of the AI SDK's Anthropic
provider and of the anthropic package (2.12.0), read in November 2026. The API version is 2023-06-01: it works
for every model, while 2026-10-21 refuses temperature, top_p and top_k for all of them.
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import Refusal, anthropic_messages
from . import Provider, Way

SOURCE = "@ai-sdk/anthropic, November 2026"
OLDER = "claude-opus-4-6, claude-sonnet-4-6 and the 4-5 family"

# Known to take sampling settings: Claude 2 to 4.6. All others, those not yet known too, are taken to refuse them.
SAMPLED = r"2|instant|3-|(opus|sonnet|haiku)-4(-[0-6](?!\d)|-\d{8}|$)"

REFUSALS = (
    Refusal(rf"claude-(?!{SAMPLED})", frozenset({"temperature", "top_p", "top_k"}), SOURCE, takers=OLDER),
    Refusal(
        r"claude-(opus|sonnet|haiku)-4-[1-6](?!\d)",
        frozenset({"temperature", "top_p"}),
        "Anthropic's API documentation",
        together=True,
    ),
    Refusal(
        r"claude-",
        frozenset({"reasoning", "temperature"}),
        "Anthropic's API documentation",
        together=True,
        unless_reasoning_off=True,
    ),
    Refusal(
        r"claude-(sonnet-5-5|opus-5-5|fable-5(?!-2))",
        frozenset({"reasoning=off"}),
        SOURCE,
        takers=f"claude-haiku-5-5, claude-opus-5, {OLDER}",
    ),
    Refusal(
        r"claude-((sonnet|opus|haiku)-5-5|fable-5(?!-2))",
        frozenset({"reasoning=budget"}),
        SOURCE,
        takers=f"claude-opus-5, {OLDER}",
    ),
)

PROVIDER = Provider(
    name="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com/v1",
    key_env=("ANTHROPIC_API_KEY", "CLAUDE_API_KEY"),
    auth="x-api-key",
    headers={"anthropic-version": "2023-06-01"},
    models_path="models?limit=1000",  # the most that one page holds
    ways={
        "anthropic_messages": Way(
            anthropic_messages, replace(anthropic_messages.ANTHROPIC, refusals=REFUSALS)
        ),
    },
    price_id="anthropic",
)
