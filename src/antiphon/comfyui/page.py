"""What our script in ComfyUI's page is told, and what it asks for. No ComfyUI in here but by `host`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..call import Secret
from ..errors import RequestError
from . import board, host
from .keys import REFERENCE, KeyWidget

__all__ = ["hello", "moved", "widgets"]

ANSWERING = ("AV_LLMChat", "AV_LLMCompletion", "AntiphonComplete", "AntiphonPromptList", "AntiphonConversation")
# Where a model's name is typed: for whose models, or the widget that says it.
MODELS: Mapping[str, Mapping[str, str]] = {
    "AntiphonProvider": {"input": "", "from": "provider"},
    "AntiphonConfig": {"input": "custom_model"},
    "AntiphonLocalModel": {"input": "custom_model", "provider": "local"},
    "AV_LLMApiConfig": {"input": "custom_model"},
}
# What is offered to be moved: as long as a key, and one word. A shorter text ("none", "lm-studio") is left alone.
KEY = r"^(?!credential:)\S{12,}$"
NAMED = r"^(?!credential:)(?:sk-\S+|\S{20,})$"  # where a name belongs
MOST = 8192  # characters of a widget


def widgets() -> dict[str, KeyWidget]:
    """The widgets that take keys, by node class, as far as the classes are ours."""
    from .asking import KEY_WIDGETS
    from .widgets import CREDENTIAL

    return {kind: widget for kind, widget in {**KEY_WIDGETS, **CREDENTIAL}.items() if host.ours(kind)}


def hello(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a page needs to know, and what its nodes are answering; from now on it is sent answers in pieces."""
    client = document.get("client")
    if isinstance(client, str) and client:
        host.listening(client)
    return {
        "answers": board.growing(client) if isinstance(client, str) and client else [],
        "answering": [kind for kind in ANSWERING if host.ours(kind)],
        "keys": {kind: _key(kind, widget) for kind, widget in widgets().items()},
        "models": {kind: dict(where) for kind, where in MODELS.items() if host.ours(kind)},
    }


def _key(kind: str, widget: KeyWidget) -> dict[str, Any]:
    return {"inputs": list(widget.inputs), "pattern": KEY if kind.startswith("AV_") else NAMED}


def moved(document: Mapping[str, Any]) -> dict[str, str]:
    """Keep the key in a node's widgets in the key file, for its own host; what stands there now.

    RequestError for what is no node of ours, or holds no whole key; CredentialError where it cannot be kept.
    """
    kind, given = document.get("kind"), document.get("inputs")
    widget = widgets().get(kind) if isinstance(kind, str) else None
    if widget is None or not isinstance(given, Mapping):
        raise RequestError("this node takes no key", field="kind")
    inputs = {
        name: value[:MOST]
        for name, value in cast("Mapping[str, object]", given).items()
        if isinstance(value, str)
    }
    parts = tuple(inputs.get(name, "").strip() for name in widget.inputs)
    if not parts[0] or parts[0].startswith(REFERENCE) or not widget.is_key(parts[0], host.vault()):
        raise RequestError("there is no key in this node", field="inputs")
    joined = widget.joined(parts)
    if joined is None:
        raise RequestError("the key is not whole", field="inputs", hint="Fill in its other parts first.")
    name = host.vault().keep(Secret(joined), widget.provider, widget.address(inputs))
    return {"reference": REFERENCE + name, "input": widget.inputs[0]}
