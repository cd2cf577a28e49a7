"""Google Gemini, by an API key of Google AI Studio.

The address decides the version: v1beta here, since previews are served there first; base_url=…/v1 for the
stable one. The key goes into a header, never into the address, where logs would keep it. With a key of Vertex
AI's express mode: base_url="https://aiplatform.googleapis.com/v1/publishers/google"; without a key, see vertex.
Which model takes what is in the table of model facts (models.json).
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import _jobs_gemini, gemini_content
from . import Maker, Provider, Way
from ._facts import refusals

LIMITS = replace(
    gemini_content.GEMINI.media_limits,
    data={"application/pdf": 50_000_000},
    request=100_000_000,
    source='Google\'s documentation, "File input methods" and "Image understanding", 2026',
)

PROVIDER = Provider(
    name="gemini",
    title="Google Gemini",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    base_url_env=("GOOGLE_GEMINI_BASE_URL", "/v1beta"),
    base_path="/v1beta",
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    hosts=("aiplatform.googleapis.com",),
    auth="x-goog-api-key",
    makers=(Maker("google"),),
    models_path="models?pageSize=1000",  # the most that one page holds
    ways={
        "gemini_content": Way(
            gemini_content,
            replace(gemini_content.GEMINI, refusals=refusals("google"), media_limits=LIMITS),
        )
    },
    price_id="google",
    jobs={"gemini_content": _jobs_gemini},
)
