"""Graphs in API format, as ComfyUI takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Graph = dict[str, dict[str, Any]]


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def asking(url: str, *, key: str = "", model: str = "peer-1", max_token: int = 64) -> Graph:
    """An API node and a config node, called api and config."""
    return {
        "api": node("AV_OpenAIApi", openai_api_key=key, endpoint=url),
        "config": node(
            "AV_LLMApiConfig", model="gpt-5", max_token=max_token, temperature=0.5, custom_model=model
        ),
    }


def completions(url: str, prompts: Iterable[str], *, seed: int = 1, **options: Any) -> Graph:
    """Completion nodes ask0, ask1, … each with a preview out0, out1, …"""
    graph = asking(url, **options)
    for number, prompt in enumerate(prompts):
        graph[f"ask{number}"] = node(
            "AV_LLMCompletion", prompt=prompt, api=["api", 0], config=["config", 0], seed=seed
        )
        graph[f"out{number}"] = node("PreviewAny", source=[f"ask{number}", 0])
    return graph
