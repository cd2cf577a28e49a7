"""Language model nodes of other packs: which they are, and which can be said with the original's nodes.

Two packs are mapped, in their usual form: one connection, one question, at most a system prompt, images, temperature,
token limit and seed. What a node asks beyond that (history, JSON, thinking, other sampling) cannot be said, and then it
stays as it is, with the reason. Sources, as of November 2026: hekmon/comfyui-openai-api (client.py, completions.py,
options.py) and stavsap/comfyui-ollama (CompfyuiOllama.py, the V2 nodes).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ..secretlike import is_key
from .graphs import ORDERS, RENAMED, Graph, Link, Node
from .original import EARLIER, WIDGETS
from .report import Finding

__all__ = ["MAPPED", "Plan", "Unmappable", "found_in", "plans_for"]

# What a widget of the config can hold.
MAX_TOKENS, MAX_TEMPERATURE, MAX_SEED = 102_400, 1.0, 0x1FFFFFFFFFFFFF
Text: TypeAlias = "str | Link"


class Unmappable(Exception):
    """Why a node cannot be said with the original's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One question, read out of another pack's nodes.

    `connection` becomes the API node, `used` are nodes that are of no more use; `notes` tell what is not the same.
    """

    node: Node
    connection: Node
    endpoint: str
    key: Text
    model: Text
    prompt: Text
    system: Text
    image: Link | None
    temperature: float
    max_tokens: int
    seed: int
    used: tuple[Node, ...] = ()
    notes: tuple[str, ...] = ()


_LANGUAGE = re.compile(
    r"LLM|VLM|GPT|Ollama|OAIAPI|OpenAI|OpenRouter|Claude|Anthropic|Gemini|DeepSeek|Groq|LM_?Studio|Griptape|Florence"
    r"|(?i:searge_llm|joy_?caption|qwen.*(?:vl|chat))"
)
_ELSE = re.compile(r"(?i)clip|loader_?gguf|text_?encode|sampler|vae|lora|tokeni")


def found_in(graph: Graph) -> list[Finding]:
    """The rows for the original's nodes in this graph, and for other packs'."""
    rows: list[Finding] = []
    for node in graph.nodes.values():
        told = {"where": graph.where, "node": node.id, "type": node.type}
        if node.type in WIDGETS:
            rows.append(Finding(kind="node", what="one of the eleven nodes: runs as it is", **told))
        elif node.type in EARLIER:
            rows.append(Finding(kind="node", what="gone since April 2024: use AV_LLMMessage", **told))
        elif node.type not in ORDERS and _is_language(node.type):
            rows.append(
                Finding(kind="other", what="perhaps another pack's language model node: not mapped", **told)
            )
    return rows


def _is_language(kind: str) -> bool:
    return bool(_LANGUAGE.search(kind)) and not _ELSE.search(kind) and kind not in RENAMED


def plans_for(graph: Graph) -> tuple[list[Plan], dict[str, str]]:
    """What can be mapped in this graph, and why something cannot, by node."""
    plans: list[Plan] = []
    refused: dict[str, str] = {}
    for node in graph.nodes.values():
        read = MAPPED.get(node.type)
        if read is not None:
            try:
                plans.append(_checked(graph, read(graph, node)))
            except Unmappable as problem:
                refused[node.id] = str(problem)
    return plans, refused


def _checked(graph: Graph, plan: Plan) -> Plan:
    if ":" in plan.node.id or graph.inner:
        raise Unmappable("it is inside of a subgraph or a group node")
    if not graph.is_regular:
        raise Unmappable("the links of this file are not as the page writes them")
    if not 0 <= plan.temperature <= MAX_TEMPERATURE:
        raise Unmappable(f"its temperature is above {MAX_TEMPERATURE}")
    if not 1 <= plan.max_tokens <= MAX_TOKENS or not 0 <= plan.seed <= MAX_SEED:
        raise Unmappable("its token limit or its seed is beyond what a widget holds")
    if not plan.prompt:
        raise Unmappable("it asks nothing")
    return plan


# ---------------------------------------------------------------------------------- reading a node


def _text(node: Node, name: str) -> Text:
    if name in node.links:
        return node.links[name]
    value = node.widget(name)
    return value if isinstance(value, str) else ""


def _number(node: Node, name: str, default: float) -> float:
    if name in node.links:
        raise Unmappable(f"its {name} is wired")
    value = node.widget(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default


def _plain(node: Node, name: str, what: str) -> str:
    value = _text(node, name)
    if not value or not isinstance(value, str):
        raise Unmappable(f"its {what} is wired, or cannot be read in this file")
    return value


def _refuse(node: Node, *names: str) -> None:
    for name in names:
        if name in node.links:
            raise Unmappable(f"its {name} is wired, which has no place there")


def _uses_only_text(graph: Graph, node: Node) -> None:
    """Its first output is the text; anything else that is used would be lost."""
    for other in graph.nodes.values():
        for name, link in other.links.items():
            if link.node == node.id and link.output != 0:
                raise Unmappable(f"its output {link.output} goes to {other.type}.{name}")


def _source(graph: Graph, node: Node, name: str, kinds: Iterable[str]) -> Node:
    found = graph.source(node, name)
    if found is None or found.type not in kinds:
        raise Unmappable(f"its {name} comes from a node that is not known")
    return found


# ----------------------------------------------------------------------------------- comfyui-openai-api

_SETTINGS = {"OAIAPITemperature": "temperature", "OAIAPIMaxTokens": "max_tokens", "OAIAPISeed": "seed"}


def _chat_completion(graph: Graph, node: Node) -> Plan:
    """``OAIAPI_ChatCompletion`` with its client and its chain of options."""
    _refuse(node, "history", "force_regen")
    _uses_only_text(graph, node)
    client = _source(graph, node, "client", ("OAIAPI_Client", "OAIAPIClient"))
    settings, used = _options(graph, node)
    kept = ["max_retries and timeout are not kept"]
    kept += [
        f"it set no {name}, and {default} stands there now"
        for name, default in _DEFAULTS.items()
        if name not in settings
    ]
    if node.widget("force_regen"):
        kept.append("force_regen is gone: change the seed for another answer")
    return Plan(
        node=node,
        connection=client,
        endpoint=_plain(client, "base_url", "address"),
        key=_key(client),
        model=_text(node, "model"),
        prompt=_text(node, "prompt"),
        system=_text(node, "system_prompt"),
        image=node.links.get("images"),
        temperature=settings.get("temperature", 1.0),
        max_tokens=int(settings.get("max_tokens", _DEFAULTS["max_tokens"])),
        seed=int(settings.get("seed", 0)),
        used=used,
        notes=tuple(kept),
    )


def _key(client: Node) -> Text:
    key = _text(client, "api_key")
    return "" if isinstance(key, str) and not is_key("api_key", key) else key  # many write "-" for none


_DEFAULTS = {"temperature": 1.0, "max_tokens": 8_192}


def _options(graph: Graph, node: Node) -> tuple[dict[str, float], tuple[Node, ...]]:
    """The settings of a chain of option nodes; the ones nearer to the question win."""
    settings: dict[str, float] = {}
    used: list[Node] = []
    at, name = node, "options"
    while name in at.links:
        found = graph.source(at, name)
        setting = None if found is None else _SETTINGS.get(found.type.replace("OAIAPI_", "OAIAPI"))
        if found is None or setting is None or found in used:
            raise Unmappable(
                f"its options hold {'a circle' if found in used else found.type if found else 'nothing known'}"
            )
        settings.setdefault(setting, _number(found, setting, 0))
        used.append(found)
        at, name = found, "previous_options"
    return settings, tuple(used)


# -------------------------------------------------------------------------------------- comfyui-ollama

_SAMPLING = ("temperature", "seed", "num_predict")


def _generate(graph: Graph, node: Node) -> Plan:
    """``OllamaGenerateV2`` with its connectivity and its options; the server speaks OpenAI's protocol under /v1."""
    _refuse(node, "context", "meta", "think", "keep_context", "format")
    for name, wanted in (("think", False), ("keep_context", False), ("format", "text")):
        if node.widget(name) not in (None, wanted):
            raise Unmappable(f"it asks with {name}")
    _uses_only_text(graph, node)
    server = _source(graph, node, "connectivity", ("OllamaConnectivityV2",))
    settings, used = _sampling(graph, node)
    limit = int(settings.get("num_predict", -1))
    notes = ["keep_alive is not kept"]
    notes += (
        []
        if "temperature" in settings
        else ["it set no temperature, and 0.8, the server's own, stands there now"]
    )
    return Plan(
        node=node,
        connection=server,
        endpoint=_plain(server, "url", "address").rstrip("/") + "/v1",
        key="",
        model=_text(server, "model"),
        prompt=_text(node, "prompt"),
        system=_text(node, "system"),
        image=node.links.get("images"),
        temperature=settings.get("temperature", 0.8),
        max_tokens=limit if limit > 0 else MAX_TOKENS,
        seed=int(settings.get("seed", 0)),
        used=used,
        notes=tuple(notes),
    )


def _sampling(graph: Graph, node: Node) -> tuple[dict[str, float], tuple[Node, ...]]:
    """The settings that its options node switches on."""
    if "options" not in node.links:
        return {}, ()
    found = _source(graph, node, "options", ("OllamaOptionsV2",))
    switched = [name for name in found.widgets if name.startswith("enable_") and found.widget(name)]
    names = [name.removeprefix("enable_") for name in switched]
    if beyond := sorted(set(names) - set(_SAMPLING)):
        raise Unmappable(f"its options set {', '.join(beyond)}")
    return {name: _number(found, name, 0) for name in names}, (found,)


MAPPED: dict[str, Callable[[Graph, Node], Plan]] = {
    "OAIAPI_ChatCompletion": _chat_completion,
    "OAIAPIChatCompletion": _chat_completion,
    "OllamaGenerateV2": _generate,
}
