"""What our script in ComfyUI's page is told, and what it asks for: two routes more below /antiphon."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..call import Secret
from ..errors import RequestError
from ..pages.messages import reply
from ..pages.routes import Reply, Route, route
from ..vault import REFERENCE
from . import board, host, models
from .extension import key_widgets
from .keys import KeyWidget
from .widgets import LOCAL

if TYPE_CHECKING:
    from ..pages.site import Asked

__all__ = ["ROUTES"]

ANSWERING = (
    "AV_LLMChat",
    "AV_LLMCompletion",
    "AntiphonComplete",
    "AntiphonPromptList",
    "AntiphonConversation",
)
# Where a model's name is typed, and whose models they are where the class says it.
MODELS: Mapping[str, Mapping[str, str]] = {
    "AntiphonConfig": {"input": "custom_model"},
    "AntiphonLocalModel": {"input": "custom_model", "provider": LOCAL},
    "AV_LLMApiConfig": {"input": "custom_model"},
}
# Whose models a node's are: by its class, or the widget that says it; and the widgets for the address and the key.
APIS: Mapping[str, Mapping[str, str]] = {
    "AntiphonProvider": {"from": "provider", "address": "base_url", "credential": "credential"},
    "AntiphonLocalModel": {"provider": LOCAL},
    **{
        kind: {"provider": original.provider, "address": "endpoint", "credential": original.keys[0]}
        for kind, original in models.APIS.items()
    },
}
# What is offered to be moved: as long as a key, and one word. A shorter text ("none", "lm-studio") is left alone.
KEY = r"^(?!credential:)\S{12,}$"
NAMED = r"^(?!credential:)(?:sk-\S+|\S{20,})$"  # where a name belongs
MOST = 8192  # characters of a widget


async def hello(asked: Asked) -> Reply:
    """What a page needs to know, and what its nodes are answering; from now on it is sent answers in pieces."""
    client = asked.params.text("client", "")
    if client:
        host.listening(client)
    told = {
        "answers": board.growing(client) if client else [],
        "answering": [kind for kind in ANSWERING if host.ours(kind)],
        "keys": {kind: _key(kind, widget) for kind, widget in key_widgets().items()},
        "models": {kind: dict(where) for kind, where in MODELS.items() if host.ours(kind)},
        "apis": {kind: dict(where) for kind, where in APIS.items() if host.ours(kind)},
    }
    return reply(told)


def _key(kind: str, widget: KeyWidget) -> dict[str, Any]:
    return {"inputs": list(widget.inputs), "pattern": KEY if kind.startswith("AV_") else NAMED}


async def moved(asked: Asked) -> Reply:
    """Keep the key in a node's widgets in the key file, for its own host; what stands there now.

    RequestError for what is no node of ours, or holds no whole key; CredentialError where it cannot be kept.
    """
    kind, given = asked.params.text("kind"), asked.params.mapping("inputs")
    widget = key_widgets().get(kind)
    if widget is None:
        raise RequestError("this node takes no key", field="kind")
    inputs = {name: value[:MOST] for name, value in given.items() if isinstance(value, str)}
    name = await asyncio.to_thread(_moved, widget, inputs)
    return reply({"reference": REFERENCE + name, "input": widget.inputs[0]})


def _moved(widget: KeyWidget, inputs: Mapping[str, str]) -> str:
    parts = tuple(inputs.get(name, "").strip() for name in widget.inputs)
    if not parts[0] or parts[0].startswith(REFERENCE) or not widget.is_key(parts[0], host.vault()):
        raise RequestError("there is no key in this node", field="inputs")
    joined = widget.joined(parts)
    if joined is None:
        raise RequestError("the key is not whole", field="inputs", hint="Fill in its other parts first.")
    return host.vault().keep(Secret(joined), widget.provider, widget.address(inputs))


ROUTES: tuple[Route, ...] = (
    route("POST", "comfyui/page", hello, open=True),
    route("POST", "comfyui/move", moved),
)
