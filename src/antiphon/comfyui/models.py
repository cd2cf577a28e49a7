"""The model names and addresses of the original pack's nodes, as saved graphs hold them.

Any other name works too, typed into `custom_model` or put there by a graph: the lists are what the original showed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..workflows import original

__all__ = ["APIS", "IMAGE_MODEL", "MODALITIES", "MODELS", "OriginalApi", "renamed"]

OPENAI = (
    *("gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5-chat-latest", "gpt-4o", "gpt-4o-mini"),
    *(
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-4.1-nano",
        "gpt-4-turbo",
        "gpt-4-turbo-preview",
        "gpt-4-vision-preview",
    ),
    *("o1", "o1-mini", "o1-preview", "o1-pro", "o3", "o3-mini", "o3-pro", "o4-mini"),
)
CLAUDE = (
    *("claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001", "claude-sonnet-4-20250514"),
    *("claude-opus-4-1-20250805", "claude-opus-4-20250514", "claude-3-7-sonnet-latest"),
    *("claude-3-7-sonnet-20250219", "claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
    *("claude-3-5-haiku-20241022", "claude-3-opus-latest", "claude-3-opus-20240229"),
    *("claude-3-sonnet-20240229", "claude-3-haiku-20240307"),
)
GEMINI = (
    *("gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-flash-image"),
    *("gemini-2.5-pro", "gemini-2.0-flash", "gemini-2.0-flash-lite"),
)
BEDROCK_CLAUDE = (
    "anthropic.claude-opus-4-20250514-v1:0",
    "anthropic.claude-sonnet-4-20250514-v1:0",
    "anthropic.claude-3-7-sonnet-20250219-v1:0",
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "anthropic.claude-3-5-haiku-20241022-v1:0",
    "anthropic.claude-3-haiku-20240307-v1:0",
    "anthropic.claude-3-sonnet-20240229-v1:0",
    "anthropic.claude-3-opus-20240229-v1:0",
)
BEDROCK_MISTRAL = (
    "mistral.mistral-7b-instruct-v0:2",
    "mistral.mixtral-8x7b-instruct-v0:1",
    "mistral.mistral-large-2402-v1:0",
)

MODELS = (*OPENAI, *CLAUDE, *GEMINI, *BEDROCK_CLAUDE, *BEDROCK_MISTRAL)
IMAGE_MODEL = "gemini-2.5-flash-image"
MODALITIES: Mapping[str, tuple[str, ...]] = {
    "image+text": ("text", "image"),
    "image": ("image",),
    "text": ("text",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalApi:
    """One of the original's API nodes: whom it asks, in which widgets it takes the key, and where it asks.

    `elsewhere` is the provider for an address that is not the provider's own: a server that speaks the same
    protocol has other models and needs no key. `region` names the widget that the address comes from, where it is
    not typed.
    """

    provider: str
    keys: tuple[str, ...]
    endpoint: str = ""
    elsewhere: str = ""
    region: str = ""


def _api(node_id: str, **where: str) -> OriginalApi:
    return OriginalApi(provider=original.APIS[node_id], keys=original.KEYS[node_id], **where)


APIS: Mapping[str, OriginalApi] = {
    "AV_OpenAIApi": _api("AV_OpenAIApi", endpoint="https://api.openai.com/v1", elsewhere="compatible"),
    "AV_OpenRouterApi": _api("AV_OpenRouterApi", endpoint="https://openrouter.ai/api/v1"),
    "AV_ClaudeApi": _api("AV_ClaudeApi", endpoint="https://api.anthropic.com/v1"),
    "AV_GeminiApi": _api("AV_GeminiApi", endpoint="https://generativelanguage.googleapis.com/v1beta"),
    "AV_AwsBedrockClaudeApi": _api("AV_AwsBedrockClaudeApi", region="region"),
    "AV_AwsBedrockMistralApi": _api("AV_AwsBedrockMistralApi", region="region"),
}

# OpenRouter wants the maker in front. Claude's names differ in more than that there.
_MAKERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "openrouter": ((r"(?:gpt|o\d)[\w.-]*", "openai/"), (r"gemini-[\w.-]*", "google/")),
}


def renamed(model: str, provider: str) -> str:
    """A bare name of the list as `provider` calls that model; any other name as it is."""
    for pattern, maker in _MAKERS.get(provider, ()):
        if re.fullmatch(pattern, model):
            return maker + model
    return model
