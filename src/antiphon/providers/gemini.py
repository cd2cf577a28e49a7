"""Google Gemini, by an API key of Google AI Studio.

The address decides the version: v1beta here, since previews are served there first; base_url=…/v1 for the
stable one. The key goes into a header, never into the address, where logs would keep it. With a key of Vertex
AI's express mode: base_url="https://aiplatform.googleapis.com/v1/publishers/google"; without a key, see vertex.
Facts, where a line does not say otherwise: Google's API documentation and the AI SDK's Google provider,
November 2026.
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import Refusal, gemini_content
from . import Provider, Way

SOURCE = "Google's API documentation and @ai-sdk/google, November 2026"

REFUSALS = (
    Refusal(
        r"gemini-(1|2\.0|2\.5-flash-image)",
        frozenset({"reasoning"}),
        SOURCE,
        takers="gemini-2.5-flash and the gemini-3 family",
    ),
    Refusal(
        r"gemini-(2\.5-pro|3-pro-image)",
        frozenset({"reasoning=off"}),
        SOURCE,
        takers="gemini-2.5-flash and gemini-2.5-flash-lite",
    ),
    # A level is what they take, and none of them stops thinking altogether.
    Refusal(
        r"gemini-(?!1|2|3-pro-image|robotics-er-1\.5)",
        frozenset({"reasoning=off", "reasoning=budget"}),
        SOURCE,
        takers="gemini-2.5-flash and gemini-2.5-flash-lite",
    ),
    Refusal(
        r"gemini-(?!1|2\.0)",
        frozenset({"presence_penalty", "frequency_penalty"}),
        "github.com/google-gemini/cookbook issue 1290, July 2026",
    ),
    Refusal(
        rf"gem(ini|ma)-(?!{gemini_content.MAKERS['image']})",
        frozenset({"aspect_ratio"}),
        SOURCE,
        takers="gemini-3.1-flash-image and gemini-3-pro-image",
    ),
)

PROVIDER = Provider(
    name="gemini",
    title="Google Gemini",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    base_path="/v1beta",
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    hosts=("aiplatform.googleapis.com",),
    auth="x-goog-api-key",
    models_path="models?pageSize=1000",  # the most that one page holds
    ways={"gemini_content": Way(gemini_content, replace(gemini_content.GEMINI, refusals=REFUSALS))},
    price_id="google",
)
