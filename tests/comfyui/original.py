"""The original pack's nodes, as saved graphs know them: every input with its type, default and range, every output."""

from __future__ import annotations

from typing import Any

from antiphon.comfyui.models import MODELS

KEY: tuple[str, dict[str, Any]] = ("STRING", {"multiline": False})
SEED: tuple[str, dict[str, Any]] = ("INT", {"default": 0, "min": 0, "max": 0x1FFFFFFFFFFFFF})
TEMPERATURE: tuple[str, dict[str, Any]] = ("FLOAT", {"default": 0.5, "min": 0, "max": 1.0, "step": 0.001})
REGIONS = [
    *("us-east-1", "us-west-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1"),
    *("eu-central-1", "eu-west-3", "eu-west-1", "ap-south-3"),
]
RATIOS = ["auto", "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]
AWS = {"aws_access_key_id": KEY, "aws_secret_access_key": KEY, "aws_session_token": KEY}


def combo(*options: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return ("COMBO", {"options": list(options), **more})


def text(default: str) -> tuple[str, dict[str, Any]]:
    return ("STRING", {"multiline": False, "default": default})


# class id: title, required inputs, optional inputs, outputs as (name, type)
NODES: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "AV_OpenAIApi": (
        "OpenAI API",
        {"openai_api_key": KEY, "endpoint": text("https://api.openai.com/v1")},
        {},
        [("LLM_API", "LLM_API")],
    ),
    "AV_OpenRouterApi": (
        "OpenRouter API",
        {"openrouter_api_key": KEY, "endpoint": text("https://openrouter.ai/api/v1")},
        {},
        [("LLM_API", "LLM_API")],
    ),
    "AV_ClaudeApi": (
        "Claude API",
        {
            "claude_api_key": KEY,
            "endpoint": text("https://api.anthropic.com/v1"),
            "version": combo("2023-06-01"),
        },
        {},
        [("llm_api", "LLM_API")],
    ),
    "AV_GeminiApi": (
        "Gemini API",
        {
            "gemini_api_key": KEY,
            "endpoint": text("https://generativelanguage.googleapis.com/v1beta"),
        },
        {},
        [("llm_api", "LLM_API")],
    ),
    "AV_AwsBedrockClaudeApi": (
        "AWS Bedrock Claude API",
        {**AWS, "region": combo(*REGIONS, default="us-east-1"), "version": combo("bedrock-2023-05-31")},
        {},
        [("llm_api", "LLM_API")],
    ),
    "AV_AwsBedrockMistralApi": (
        "AWS Bedrock Mistral API",
        {**AWS, "region": combo(*REGIONS, default="us-east-1")},
        {},
        [("llm_api", "LLM_API")],
    ),
    "AV_LLMApiConfig": (
        "LLM API Config",
        {
            "model": combo(*MODELS, default="gpt-5"),
            "max_token": ("INT", {"default": 1024, "min": 1, "max": 102400}),
            "temperature": TEMPERATURE,
        },
        {"custom_model": text("")},
        [("llm_config", "LLM_CONFIG")],
    ),
    "AV_NanoBananaApiConfig": (
        "NanoBanana API Config",
        {
            "temperature": TEMPERATURE,
            "modalities": combo("image+text", "image", "text", default="image+text"),
            "aspect_ratio": combo(*RATIOS, default="auto"),
        },
        {},
        [("llm_config", "LLM_CONFIG")],
    ),
    "AV_LLMMessage": (
        "LLM Message",
        {"role": combo("system", "user", "assistant"), "text": ("STRING", {"multiline": True})},
        {
            "messages": ("LLM_MESSAGE", {}),
            **{name: ("IMAGE", {}) for name in ("image", "image_2", "image_3", "image_4")},
        },
        [("messages", "LLM_MESSAGE")],
    ),
    "AV_LLMChat": (
        "LLM Chat",
        {
            "messages": ("LLM_MESSAGE", {}),
            "api": ("LLM_API", {}),
            "config": ("LLM_CONFIG", {}),
            "seed": SEED,
        },
        {},
        [("text", "STRING"), ("(optional) images", "IMAGE")],
    ),
    "AV_LLMCompletion": (
        "LLM Completion",
        {
            "prompt": ("STRING", {"multiline": True, "dynamicPrompts": False}),
            "api": ("LLM_API", {}),
            "config": ("LLM_CONFIG", {}),
            "seed": SEED,
        },
        {},
        [("text", "STRING"), ("(optional) images", "IMAGE")],
    ),
}
