"""Keys typed into widgets: taken out of the prompt before ComfyUI keeps it, and stored for their own host.

A widget's text goes into the prompt, and with it into the queue, the history, and the pictures that the graph saves.
So each prompt is looked through when it arrives (`move`): a literal key becomes a named credential in the key file,
bound to the host that its node asks, and the widget's value becomes ``credential:NAME``. The key is replaced wherever
else it stands in the prompt and in the workflow that travels with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from ..call import Secret
from ..errors import RequestError
from ..vault import REFERENCE, Vault

__all__ = ["REFERENCE", "KeyWidget", "Moved", "Vault", "move", "named", "typed"]

log = logging.getLogger("antiphon")

# A shorter text may stand elsewhere for something else ("none"): then it is replaced in its own widget only.
DISTINCT = 12
# Core nodes that do nothing but hold a text: a key may be wired from one.
HOLDERS = ("PrimitiveString", "PrimitiveStringMultiline")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWidget:
    """Where a node class takes its key, for which provider, and the address that the key is for.

    `inputs` are the widgets that make up one key (AWS has three), the first one holds its name afterwards.
    `address` tells the address from the node's inputs. `joined` makes one secret of the widgets' texts, or None where
    they are not whole. `is_key` is for a widget that takes the name of a key and no key: whether this is one.
    """

    inputs: tuple[str, ...]
    provider: str
    address: Callable[[Mapping[str, Any]], str]
    joined: Callable[[tuple[str, ...]], str | None] = lambda parts: parts[0]
    is_key: Callable[[str, Vault], bool] = lambda text, vault: True  # noqa: ARG005


class Moved(NamedTuple):
    """One key that was moved: the node and the widget it was typed into, and what stands there now."""

    node: str
    input: str
    reference: str


def named(text: str) -> str | None:
    """The name in ``credential:NAME``, None for any other text. RequestError for a key that could not be kept."""
    text = text.strip()
    if not text.startswith(REFERENCE):
        return None
    name = text.removeprefix(REFERENCE).strip()
    if not name:
        raise RequestError(
            "the key typed into this node was not whole, or could not be kept",
            field="api_key",
            hint="The log says why. Type it again, or write credential:NAME with the name of a stored key.",
        )
    return name


# ---------------------------------------------------------------------------------------- the prompt


def typed(document: dict[str, Any], widgets: Mapping[str, KeyWidget]) -> bool:
    """Whether the body of this POST /prompt has nodes that may hold a key."""
    return bool(_keyed(document, widgets))


def _keyed(document: dict[str, Any], widgets: Mapping[str, KeyWidget]) -> list[tuple[str, str]]:
    """The nodes that may hold a key: their ids and classes."""
    prompt = document.get("prompt")
    if not isinstance(prompt, dict):
        return []
    found: list[tuple[str, str]] = []
    for node_id, value in cast("dict[str, Any]", prompt).items():
        node = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        kind = node.get("class_type")
        if isinstance(kind, str) and kind in widgets and isinstance(node.get("inputs"), dict):
            found.append((node_id, kind))
    return found


def move(document: dict[str, Any], widgets: Mapping[str, KeyWidget], vault: Vault) -> list[Moved]:
    """Replace every literal key in this body of POST /prompt, in place; `widgets` by node class."""
    moved: list[Moved] = []
    texts: dict[str, str] = {}
    for node_id, kind in _keyed(document, widgets):
        widget = widgets[kind]
        found = _replace(document["prompt"], node_id, kind, widget, vault)
        texts.update(found)
        if found:
            reference = document["prompt"][node_id]["inputs"][widget.inputs[0]]
            moved.append(Moved(node_id, widget.inputs[0], reference))
    if texts:
        _scrub(document, texts, widgets)
    return moved


def _replace(
    graph: dict[str, Any], node_id: str, kind: str, widget: KeyWidget, vault: Vault
) -> dict[str, str]:
    """Replace this node's key, if it is a literal one. The texts that were keys, and what stands for them now."""
    inputs = graph[node_id]["inputs"]
    holders = [_holder(graph, inputs, name) for name in widget.inputs]
    parts = tuple(_text(*holder) for holder in holders)
    if parts[0].startswith(REFERENCE):  # what stands beside a name is not used, and may be left from before
        reference = parts[0]
    elif any(parts) and widget.is_key(parts[0], vault):
        reference = _kept(parts, inputs, widget, vault, f"{kind} (node {node_id})")
    else:
        return {}
    texts: dict[str, str] = {}
    for (held, name), part, new in zip(holders, parts, (reference, *[""] * len(parts)), strict=False):
        if part and part != new:
            held[name] = texts[part] = new
    return texts


def _kept(
    parts: tuple[str, ...], inputs: Mapping[str, Any], widget: KeyWidget, vault: Vault, where: str
) -> str:
    """What stands in for the key of these parts. Whatever goes wrong, the key does not stay in the prompt."""
    try:
        joined = widget.joined(parts)
        if joined is None:
            log.warning("the key typed into %s is not whole; it was taken out of the prompt", where)
            return REFERENCE
        return vault.reference(Secret(joined), widget.provider, widget.address(inputs), where)
    except Exception as problem:  # noqa: BLE001 - ComfyUI would log it and go on with the key
        log.warning(
            "the key typed into %s was taken out of the prompt, but not kept (%s)",
            where,
            type(problem).__name__,
        )
        return REFERENCE


def _holder(graph: dict[str, Any], inputs: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """Where this input's text stands: here, or in the node of nothing but text that is wired to it."""
    value = inputs.get(name)
    source = graph.get(str(cast("list[Any]", value)[0])) if isinstance(value, list) and value else None
    if isinstance(source, dict) and cast("dict[str, Any]", source).get("class_type") in HOLDERS:
        return source.get("inputs", {}), "value"  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return inputs, name


def _text(inputs: dict[str, Any], name: str) -> str:
    value = inputs.get(name)
    return value.strip() if isinstance(value, str) else ""


def _scrub(document: dict[str, Any], texts: dict[str, str], widgets: Mapping[str, KeyWidget]) -> None:
    """Replace the keys in all that ComfyUI keeps of this body: the prompt, and the workflow beside it."""
    distinct = {text: texts[text] for text in sorted(texts, key=len, reverse=True) if len(text) >= DISTINCT}
    for part in ("prompt", "extra_data"):
        if part in document:
            document[part] = _scrubbed(document[part], distinct, texts, widgets)


def _scrubbed(
    value: Any, distinct: dict[str, str], texts: dict[str, str], kinds: Mapping[str, object]
) -> Any:
    if isinstance(value, str):
        for text, other in distinct.items():
            value = value.replace(text, other)
        return value
    if isinstance(value, list):
        return [_scrubbed(item, distinct, texts, kinds) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    node = cast("dict[str, Any]", value)
    result = {
        _scrubbed(name, distinct, texts, kinds): _scrubbed(item, distinct, texts, kinds)
        for name, item in node.items()
    }
    # A node as the page saves it: its widgets' values stand in a list.
    if node.get("type") in kinds and isinstance(node.get("widgets_values"), list):
        result["widgets_values"] = [
            texts.get(item, item) if isinstance(item, str) else item for item in result["widgets_values"]
        ]
    return result
