"""The extension: which nodes ComfyUI gets, and what looks at its prompts.

A group of nodes that cannot be loaded is left out, with a line in the log; the others work without it.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from comfy_api.latest import ComfyExtension, io

from . import WEB_DIRECTORY, host

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
    _interim()
    return Extension()


def move_keys(document: dict[str, Any]) -> None:
    """Take literal keys out of a prompt, and tell the browser that sent it what stands there now."""
    from .keys import move, typed
    from .page import widgets

    known = widgets()
    if not typed(document, known):
        return
    for moved in move(document, known, host.vault()):
        host.tell("antiphon.key_moved", moved._asdict(), document.get("client_id"))


def take_words(document: dict[str, Any]) -> None:
    """Take the words that came with a workflow out of its prompt, and have those that its nodes use travel on."""
    from .travel import taken

    taken(document, host.ours)


def _interim() -> None:  # INTERIM until the routes are there
    from aiohttp import web
    from server import PromptServer

    from . import page

    @PromptServer.instance.routes.post("/antiphon/comfyui/page")
    async def _(request):
        return web.json_response(page.hello(await request.json()))

    @PromptServer.instance.routes.post("/antiphon/comfyui/move")
    async def _(request):
        return web.json_response(page.moved(await request.json()))
