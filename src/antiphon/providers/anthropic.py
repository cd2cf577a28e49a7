"""Anthropic.

Which model takes what is in the table of model facts (models.json). The API version is 2023-06-01: it works
for every model, while 2026-10-21 refuses temperature, top_p and top_k for all of them.
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import anthropic_messages
from . import Maker, Provider, Way
from ._facts import refusals

PROVIDER = Provider(
    name="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com/v1",
    key_env=("ANTHROPIC_API_KEY", "CLAUDE_API_KEY"),
    auth="x-api-key",
    makers=(Maker("anthropic"),),
    headers={"anthropic-version": "2023-06-01"},
    models_path="models?limit=1000",  # the most that one page holds
    ways={
        "anthropic_messages": Way(
            anthropic_messages, replace(anthropic_messages.ANTHROPIC, refusals=refusals("anthropic"))
        ),
    },
)
