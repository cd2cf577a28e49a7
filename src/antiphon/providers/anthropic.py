"""Anthropic.

Which model takes what is in the table of model facts (models.json). The API version is 2023-06-01: it works
for every model, while 2026-10-21 refuses temperature, top_p and top_k for all of them.
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import MediaLimits, _jobs_anthropic, anthropic_messages
from . import Maker, Provider, Way
from ._facts import refusals

# The size that its errors name since 2026 ("image exceeds 10 MB maximum: … > 10485760 bytes", of the base64; 5 MB
# before); the others: platform.claude.com, "Vision" and "Request size limits", 2026. Of the count the higher one:
# models with a context of 200,000 tokens take 100 images.
LIMITS = MediaLimits(
    types=anthropic_messages.ANTHROPIC.media_limits.types,
    base64={"image": 10 * 1024 * 1024},
    edge=8000,
    crowd=(20, 2000),
    count={"image": 600},
    request=32_000_000,
    source="Anthropic's errors and documentation, 2026",
)

PROVIDER = Provider(
    name="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com/v1",
    base_url_env=("ANTHROPIC_BASE_URL", "/v1"),
    key_env=("ANTHROPIC_API_KEY", "CLAUDE_API_KEY"),
    auth="x-api-key",
    makers=(Maker("anthropic"),),
    headers={"anthropic-version": "2023-06-01"},
    models_path="models?limit=1000",  # the most that one page holds
    ways={
        "anthropic_messages": Way(
            anthropic_messages,
            replace(anthropic_messages.ANTHROPIC, refusals=refusals("anthropic"), media_limits=LIMITS),
        ),
    },
    price_id="anthropic",
    jobs={"anthropic_messages": _jobs_anthropic},
)
