"""The extension: which nodes ComfyUI gets, and what looks at its prompts.

A group of nodes that cannot be loaded is left out, with a line in the log; the others work without it.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from comfy_api.latest import ComfyExtension, io

from . import WEB_DIRECTORY, host, routes

if TYPE_CHECKING:
    from .keys import KeyWidget

__all__ = ["extension", "key_widgets"]

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
    from .keys import move, typed

    known = key_widgets()
    if not typed(document, known):
        return
    for moved in move(document, known, host.vault()):
        host.tell("antiphon.key_moved", moved._asdict(), document.get("client_id"))


def key_widgets() -> dict[str, KeyWidget]:
    """The widgets that take keys, by node class, as far as the classes are ours."""
    from .asking import KEY_WIDGETS
    from .widgets import CREDENTIAL

    return {kind: widget for kind, widget in {**KEY_WIDGETS, **CREDENTIAL}.items() if host.ours(kind)}


def take_words(document: dict[str, Any]) -> None:
    """Take the words that came with a workflow out of its prompt, and have those that its nodes use travel on."""
    from .travel import taken

    taken(document, host.ours)
