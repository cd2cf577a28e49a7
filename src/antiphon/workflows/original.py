"""The nodes of the original pack as files hold them: the order of their widgets, and which of them are keys.

Source: ComfyUI's art venture pack, ``modules/llm/chat.py`` as of October 2025. In the format of the page the values of
the widgets stand in a list, in this order; the page itself adds ``control_after_generate`` behind a seed. A graph for
the API names them. Both shapes of the answering nodes (one output, or text and images) have the same widgets.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["APIS", "CONFIG", "CONTROL", "EARLIER", "KEYS", "WIDGETS"]

CONTROL = "control_after_generate"
CONFIG = "AV_LLMApiConfig"
_AWS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")

WIDGETS: Mapping[str, tuple[str, ...]] = {
    "AV_OpenAIApi": ("openai_api_key", "endpoint"),
    "AV_OpenRouterApi": ("openrouter_api_key", "endpoint"),
    "AV_ClaudeApi": ("claude_api_key", "endpoint", "version"),
    "AV_GeminiApi": ("gemini_api_key", "endpoint"),
    "AV_AwsBedrockClaudeApi": (*_AWS, "region", "version"),
    "AV_AwsBedrockMistralApi": (*_AWS, "region"),
    CONFIG: ("model", "max_token", "temperature", "custom_model"),
    "AV_NanoBananaApiConfig": ("temperature", "modalities", "aspect_ratio"),
    "AV_LLMMessage": ("role", "text"),
    "AV_LLMChat": ("seed", CONTROL),
    "AV_LLMCompletion": ("prompt", "seed", CONTROL),
}
# The widgets that make up a node's key; the first of them can take credential:NAME.
KEYS: Mapping[str, tuple[str, ...]] = {
    kind: tuple(name for name in names if name.endswith("_api_key") or name.startswith("aws_"))
    for kind, names in WIDGETS.items()
    if kind.endswith("Api")
}
# Whom the nodes ask, as this library calls them.
APIS: Mapping[str, str] = {
    "AV_OpenAIApi": "openai",
    "AV_OpenRouterApi": "openrouter",
    "AV_ClaudeApi": "anthropic",
    "AV_GeminiApi": "gemini",
    "AV_AwsBedrockClaudeApi": "bedrock",
    "AV_AwsBedrockMistralApi": "bedrock",
}
# Nodes that the original had for some hours in April 2024, before AV_LLMMessage took their place.
EARLIER = ("AV_LLMTextMessage", "AV_LLMImageMessage")
