"""The extension: which nodes ComfyUI gets, and what looks at its prompts.

A group of nodes that cannot be loaded is left out, with a line in the log; the others work without it.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from comfy_api.latest import ComfyExtension, io

from . import WEB_DIRECTORY, host, routes

__all__ = ["extension"]

log = logging.getLogger("antiphon")

GROUPS = ("nodes_av", "nodes_antiphon")


class Extension(ComfyExtension):
    """What ComfyUI asks for nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """The nodes of all groups that load."""
        return [node for group in GROUPS for node in _nodes(group)]


def _nodes(group: str) -> list[type[io.ComfyNode]]:
    try:
        return import_module(f".{group}", __package__).nodes()
    except Exception:
        log.exception("the node group %s cannot be loaded; the others work without it", group)
        return []


def extension() -> Extension:
    """The extension of this pack, with its eyes on the prompts."""
    host.on_prompt(move_keys)
    host.serve(WEB_DIRECTORY)
    host.add_model_folder()
    host.on_prompt(take_words)
    routes.mount()
    return Extension()


def move_keys(document: dict[str, Any]) -> None:
    """Take literal keys out of a prompt, and tell the browser that sent it what stands there now."""
    from .asking import KEY_WIDGETS
    from .keys import move, typed
    from .widgets import CREDENTIAL

    known = {**KEY_WIDGETS, **CREDENTIAL}
    widgets = {kind: widget for kind, widget in known.items() if host.ours(kind)}
    if not typed(document, widgets):
        return
    for moved in move(document, widgets, host.vault()):
        host.tell("antiphon.key_moved", moved._asdict(), document.get("client_id"))


def take_words(document: dict[str, Any]) -> None:
    """Take the words that came with a workflow out of its prompt, and have those that its nodes use travel on."""
    from .travel import taken

    taken(document, host.ours)
