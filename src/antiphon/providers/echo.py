"""Echo, for tests: answers with the last user message, without network or key. See `antiphon.testing`."""

from __future__ import annotations

from dataclasses import replace

from .. import testing
from ..dialects import openai_chat
from . import Provider, Way
from .compatible import CHAT

PROVIDER = Provider(
    name="echo",
    title="Echo (for tests)",
    base_url="http://echo.invalid/v1",  # never called: RFC 6761 keeps the name from ever existing
    key="none",
    default_model="echo",
    ways={
        "openai_chat": Way(openai_chat, replace(CHAT, fields={**CHAT.fields, "modalities": ("modalities",)}))
    },
    answer=testing.echo,
    free="always",
)
