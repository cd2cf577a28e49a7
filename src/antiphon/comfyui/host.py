"""What the pack needs of ComfyUI, and where its versions differ. The one file that looks into its insides.

Everything here can be called from any thread. ComfyUI runs each prompt in an event loop of its own, in a worker
thread that samplers block for seconds; none of that matters here, since what waits, waits on Antiphon's own loop.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import comfy.model_management as management
import folder_paths
import nodes
from comfy_api.latest import io
from comfy_execution.utils import get_executing_context
from server import PromptServer

from .. import places

if TYPE_CHECKING:
    from ..client import Client
    from .keys import Vault

__all__ = [
    "Place",
    "add_model_folder",
    "client",
    "find_models",
    "home",
    "images",
    "input",
    "interrupted",
    "interruption",
    "listening",
    "listens",
    "model_files",
    "on_interrupt",
    "on_prompt",
    "ours",
    "place",
    "private",
    "registered",
    "route",
    "schema",
    "serve",
    "serving",
    "show",
    "tell",
    "vault",
]

log = logging.getLogger("antiphon")

MODEL_FOLDER = "LLM"

# ---------------------------------------------------------------------------------------- home and nodes


def home() -> Path:
    """$ANTIPHON_HOME, or ComfyUI's folder for what must not be had over HTTP: user/__antiphon."""
    return places.home()


def _place() -> Path:
    system = getattr(folder_paths, "get_system_user_directory", None)  # ComfyUI 0.3.75 has it, 0.3.52 has not
    return Path(system("antiphon") if system else Path(folder_paths.get_user_directory(), "__antiphon"))


places.settle(_place())


@cache
def _client(place: Path) -> Client:
    from ..client import Client
    from .limiting import Shared

    return Client(place, limits=Shared())


def client() -> Client:
    """The one client of this ComfyUI: its replay store, keys and connections. Made at first use."""
    return _client(home())


@cache
def vault() -> Vault:
    """Where typed keys are kept: the client's key file."""
    from .keys import Vault

    return Vault(client().credentials)


def registered(*node_ids: str) -> bool:
    """Whether any of these node ids is taken already."""
    return any(node_id in nodes.NODE_CLASS_MAPPINGS for node_id in node_ids)


def ours(node_id: str) -> bool:
    """Whether the class behind this node id is this pack's: another pack may have registered it since."""
    found = nodes.NODE_CLASS_MAPPINGS.get(node_id)
    return getattr(found, "__module__", "").startswith(__name__.rpartition(".")[0])


@cache
def _schema_fields() -> frozenset[str]:
    return frozenset(field.name for field in fields(io.Schema))


def schema(**given: Any) -> io.Schema:
    """A Schema without the fields that this ComfyUI does not know yet."""
    return io.Schema(**{name: value for name, value in given.items() if name in _schema_fields()})


def serve(folder: str) -> None:
    """Serve this folder where the page looks for help; call it while the pack loads.

    ComfyUI serves WEB_DIRECTORY under the whole name of the pack's folder, and a single file's not at all; the page
    asks for the name up to its first dot or @. Under a name with a space nothing is found, so our script has another.
    """
    whole = next(reversed(nodes.LOADED_MODULE_DIRS))
    short = re.split("[.@]", Path(whole).name)[0]
    if quote(short) != short:
        short = "antiphon"
    if nodes.EXTENSION_WEB_DIRS.get(whole) == folder:
        del nodes.EXTENSION_WEB_DIRS[whole]
    if Path(folder).is_dir():  # without it ComfyUI would not start
        nodes.EXTENSION_WEB_DIRS.setdefault(short, folder)


@cache
def _input_fields(kind: Any) -> frozenset[str]:
    return frozenset(inspect.signature(kind.Input).parameters)


def input(kind: Any, name: str, **given: Any) -> io.Input:  # noqa: A001 - as in io.Int.Input
    """An input of this kind, without the fields that this ComfyUI does not know yet (`advanced`)."""
    known = _input_fields(kind)
    return kind.Input(name, **{field: value for field, value in given.items() if field in known})


def images(name: str, most: int) -> list[io.Input]:
    """Inputs for up to `most` images, called NAME.image0 and so on.

    They grow as they are connected where ComfyUI can do that (Autogrow). Where it cannot, there are four of the
    same names, so that a graph saved there opens in a newer one, and the other way round.
    """
    if hasattr(io, "Autogrow"):
        one = io.Image.Input("image", optional=True)
        template = io.Autogrow.TemplatePrefix(one, prefix="image", min=0, max=most)
        return [io.Autogrow.Input(name, template=template, optional=True)]
    return [io.Image.Input(f"{name}.image{n}", display_name=f"image{n}", optional=True) for n in range(4)]


def serving() -> bool:
    """Whether ComfyUI serves pages already; before that it is loading nodes, and every import holds it up."""
    return hasattr(PromptServer.instance, "port")


def add_model_folder() -> None:
    """Have ComfyUI look for GGUF files in models/LLM, beside wherever another pack keeps that kind of model."""
    folder_paths.add_model_folder_path(MODEL_FOLDER, str(Path(folder_paths.models_dir, MODEL_FOLDER)))


def model_files() -> list[str]:
    """The GGUF files in ComfyUI's models/LLM, and wherever else that kind of model is kept."""
    return [name for name in folder_paths.get_filename_list(MODEL_FOLDER) if name.endswith(".gguf")]


def find_models() -> None:
    """Have the embedded engine find files by the names that ComfyUI shows."""
    from ..local.models import look_in

    look_in(*folder_paths.get_folder_paths(MODEL_FOLDER))


def on_prompt(change: Callable[[dict[str, Any]], object]) -> None:
    """Have `change` look at every prompt before ComfyUI checks, queues or keeps it."""

    def handler(document: dict[str, Any]) -> dict[str, Any]:
        change(document)
        return document

    PromptServer.instance.add_on_prompt_handler(handler)


def route(method: str, path: str, answer: Callable[[Any], Any]) -> None:
    """Have ComfyUI answer at this path, and at the same below /api; call it while the pack loads."""
    PromptServer.instance.routes.route(method, path)(answer)


def private() -> bool:
    """Whether ComfyUI was told to listen on this machine's own addresses only, and to one user."""
    from comfy.cli_args import args

    from ..pages.neighbours import is_loopback

    listened = [name.strip() for name in args.listen.split(",")]
    return not args.multi_user and all(name == "localhost" or is_loopback(name) for name in listened)


# ------------------------------------------------------------------------------------------ the node


class Place(NamedTuple):
    """Where something runs: in which prompt, node and item of a list, and the browser that queued it (or None)."""

    prompt: str
    node: str
    item: int
    client: str | None


def place() -> Place:
    """Where this code runs; call it before the first await of a node."""
    context = get_executing_context()
    if context is None:
        return Place("", "", 0, None)
    # Not by the hidden input unique_id: that would make the node's id a part of ComfyUI's cache key.
    return Place(context.prompt_id, context.node_id, context.list_index or 0, PromptServer.instance.client_id)


def show(where: Place, text: str) -> None:
    """Put `text` into the node, for the browser that queued it and no other."""
    if where.client is not None and where.node:
        PromptServer.instance.send_progress_text(text, where.node, where.client)


_listening: dict[str, None] = {}
LISTENING = 1000  # pages that are remembered


def listening(client: str) -> None:
    """Remember that the page with this id has our script, which shows answers by itself."""
    _listening.pop(client, None)
    _listening[client] = None
    while len(_listening) > LISTENING:
        del _listening[next(iter(_listening))]


def listens(client: object) -> bool:
    """Whether the client with this id is a page with our script."""
    return client in _listening


def tell(event: str, data: dict[str, Any], client: object) -> None:
    """Send an event of our own to the browser with this id, and to no other."""
    if isinstance(client, str):
        PromptServer.instance.send_sync(event, data, client)


# --------------------------------------------------------------------------------------- interruption


def interrupted() -> bool:
    """Whether the user has pressed interrupt, and no node has taken notice yet."""
    return management.processing_interrupted()


def interruption() -> BaseException:
    """What a node raises when it is interrupted, or when its task is cancelled from outside.

    An Exception up to ComfyUI 0.3.75, a BaseException in 0.33. Never CancelledError: out of a node it ends ComfyUI's
    worker, and no prompt runs until a restart. Call it on the node's loop: ComfyUI takes that down as soon as one
    node has failed, and prints what the others raise then; this is not worth printing.
    """
    loop, ended = asyncio.get_running_loop(), management.InterruptProcessingException()

    def handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), type(ended)):
            loop.default_exception_handler(context)

    loop.set_exception_handler(handler)
    return ended


_lock = threading.Lock()
_callbacks: list[Callable[[], object]] = []


def on_interrupt(call: Callable[[], object]) -> None:
    """Call back, from whatever thread, whenever the user interrupts.

    The flag alone is not enough: a sampler that runs beside our nodes takes it down before they can see it.
    """
    with _lock:
        if not _callbacks:
            _listen()
        _callbacks.append(call)


def _listen() -> None:
    before = management.interrupt_current_processing

    def interrupt_current_processing(value: bool = True) -> None:
        before(value)
        if value:
            for call in tuple(_callbacks):
                call()

    management.interrupt_current_processing = interrupt_current_processing
