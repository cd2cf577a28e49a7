"""Words that travel with a picture: the recordings behind a graph's answers, in what the graph saves.

    POST /prompt ── taken ──→ Luggage: the prompt's extra_pnginfo, without the words that came with the workflow
    it starts ───── begun ──→ the words of nodes that ComfyUI has in its cache and will not run
    a node answers ─ Trip ──→ the words it used; what came with the workflow is looked up for it, and not kept
                                   └─→ SaveImage and its like write them into their file

No ComfyUI in here. docs/design/comfyui.md says why it is done like this.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import uuid4
from weakref import WeakValueDictionary

from ..errors import ReplayError, RequestError

if TYPE_CHECKING:
    from ..completion import Completion
    from ..replay import Carried, Packing, ReplayStore

__all__ = ["CHUNK", "Luggage", "Trip", "begun", "limit", "taken", "trip"]

log = logging.getLogger("antiphon")

T = TypeVar("T")

# The name of our object in workflow.extra; where a prompt has no workflow, of a text chunk of its own.
CHUNK = "antiphon"
LIMIT = 256 * 1024  # most characters of the object, unless $ANTIPHON_CARRY says otherwise
SMALLEST = 4_096  # as in replay.carrying
OFF = ("0", "off", "no", "false")
STARTING = 1.0  # seconds that a prompt's start waits for one node's words out of a store on a server
REMEMBERED = 1_000  # most nodes whose recordings are remembered, as ComfyUI remembers what they put out


def limit() -> int:
    """$ANTIPHON_CARRY: most characters in a file; 0 where words are to stay here, and where it cannot be read."""
    text = os.environ.get("ANTIPHON_CARRY", "").strip().lower()
    if not text:
        return LIMIT
    if text.isascii() and text.isdigit() and int(text) >= SMALLEST:
        return int(text)
    if text not in OFF:
        log.warning("ANTIPHON_CARRY is neither 0 nor a number from %d: words do not travel", SMALLEST)
    return 0


# ------------------------------------------------------------------------------------------ the prompt


class Luggage(dict[str, Any]):
    """The extra_pnginfo of one prompt: what every node that saves a file writes into it.

    ComfyUI hands this very object from node to node, so what is put in while the graph runs is saved with it. It lives
    as long as its prompt; the copies in the queue and the history are plain and hold nothing of ours.
    """

    def __init__(self, info: Mapping[str, Any], graph: Mapping[str, Any]) -> None:
        super().__init__(info)
        self.graph = graph
        self.carried = _opened(_taken_out(self))
        self._used: dict[str, dict[str, None]] = {}  # by node; a dict for its order
        self._running: set[str] = set()
        self._signatures: dict[str, str | None] = {}
        self._packing: Packing | None = None
        self._words: dict[str, Any] | None = None
        self._origin: list[dict[str, Any] | None] = []  # empty until it was worked out
        self._lock = threading.Lock()  # held for microseconds: ComfyUI's loop takes it too
        self._packs = threading.Lock()  # held while the store is read, which on a server may take seconds

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)

    def runs(self, node: str) -> None:
        """This node runs in this prompt: what it used before counts no more."""
        with self._lock:
            if node not in self._running:
                self._running.add(node)
                self._used[node] = {}

    def used(self, node: str, keys: Iterable[str], store: ReplayStore) -> None:
        """The answers of this node came from these recordings. Reads the store: milliseconds from a file."""
        most = limit()
        with self._lock:
            self._used.setdefault(node, {}).update(dict.fromkeys(keys))
        if not most:
            return
        with self._packs:
            with self._lock:
                everything = [key for keys in self._used.values() for key in keys]
            if everything:
                self._packing = self._packing or _packing(store, most, self.carried)
                self._words = self._packing.packed(everything)

    def origin(self) -> dict[str, Any] | None:
        """The workflow of this prompt as the history may keep it, or None. Takes milliseconds once."""
        from . import origins

        with self._packs:
            if not self._origin:
                self._origin.append(None)  # also where this fails
                self._origin[0] = origins.clean(self.get("workflow"), CHUNK)
            return self._origin[0]

    def put(self) -> None:
        """Put the words where they are saved. On the thread where ComfyUI's nodes read it, and nothing is changed in
        place, since they may be reading."""
        words, workflow = self._words, self.get("workflow")
        if words is None:
            return
        extra = cast("dict[str, Any]", workflow).get("extra") if isinstance(workflow, dict) else None
        if isinstance(workflow, dict) and isinstance(extra, dict | None):
            workflow["extra"] = {**(extra or {}), CHUNK: words}
        else:
            self[CHUNK] = words

    def remember(self, node: str) -> None:
        """Keep in mind what this node used, for the prompts in which ComfyUI takes its outputs from the cache."""
        name = self._signature(node)
        with self._lock:
            keys = tuple(self._used.get(node, ()))
        if name is not None and keys:
            _remembered.put(name, keys)

    def remembered(self, node: str) -> tuple[str, ...]:
        """What this node used when it ran with the same inputs."""
        name = self._signature(node)
        return () if name is None else _remembered.get(name)

    def _signature(self, node: str) -> str | None:
        if node not in self._signatures:
            self._signatures[node] = signature(self.graph, node)
        return self._signatures[node]


def _packing(store: ReplayStore, most: int, before: Carried | None) -> Packing:
    from ..replay import Packing

    return Packing(store, limit_bytes=most, before=before)


def _taken_out(info: dict[str, Any]) -> object:
    """What came with the workflow, taken out: the queue and the history would keep it for each of their prompts."""
    workflow = info.get("workflow")
    extra = cast("dict[str, Any]", workflow).get("extra") if isinstance(workflow, dict) else None
    found = cast("dict[str, Any]", extra).pop(CHUNK, None) if isinstance(extra, dict) else None
    own = info.pop(CHUNK, None)
    return own if found is None else found


def _opened(value: object) -> Carried | None:
    """The words that came with the workflow; what is no such thing is none."""
    if value is None:
        return None
    from ..replay import Carried

    try:
        return Carried(value)
    except ReplayError as problem:
        log.warning("%s", problem.message)
        return None


_luggage: WeakValueDictionary[str, Luggage] = WeakValueDictionary()


def taken(document: dict[str, Any], ours: Callable[[str], bool]) -> None:
    """Make this body of POST /prompt one whose words travel, if it has nodes of `ours`, told by their class."""
    graph = document.get("prompt")
    if not isinstance(graph, dict):
        return
    nodes = [node for node in cast("dict[str, Any]", graph).values() if _is_ours(node, ours)]
    extra: object = document.get("extra_data", {})
    info: object = (
        (cast("dict[str, Any]", extra).get("extra_pnginfo") or {}) if isinstance(extra, dict) else None
    )
    if not nodes or not isinstance(extra, dict) or not isinstance(info, dict):
        return
    for node in nodes:  # a graph out of a picture has it, and then ComfyUI does not ask for it
        node.pop("is_changed", None)
    if document.get("prompt_id") is None:
        document["prompt_id"] = str(uuid4())
    luggage = Luggage(cast("dict[str, Any]", info), cast("dict[str, Any]", graph))
    _luggage[str(document["prompt_id"])] = luggage
    document["extra_data"] = {**cast("dict[str, Any]", extra), "extra_pnginfo": luggage}


def _is_ours(node: object, ours: Callable[[str], bool]) -> bool:
    kind = cast("dict[str, Any]", node).get("class_type") if isinstance(node, dict) else None
    return isinstance(kind, str) and ours(kind)


def begun(prompt: str, node: str, store: Callable[[], ReplayStore]) -> None:
    """A prompt with this node starts: where ComfyUI may have its outputs in the cache, their words come along.

    ComfyUI's executor waits for this, so a store on a server is read on a thread, and waited for only so long: words
    that come later are put by the next node of the prompt that answers.
    """
    luggage = _luggage.get(prompt)
    keys = () if luggage is None else luggage.remembered(node)
    if luggage is None or not keys:
        return
    where = store()
    if where.quick:
        luggage.used(node, keys, where)
    else:
        reading = threading.Thread(target=_used, args=(luggage, node, keys, where), daemon=True)
        reading.start()
        reading.join(STARTING)
    luggage.put()


def _used(luggage: Luggage, node: str, keys: Iterable[str], store: ReplayStore) -> None:
    """See Luggage.used; a problem is told, and nothing more."""
    try:
        luggage.used(node, keys, store)
    except Exception as problem:  # noqa: BLE001 - the answer has been paid for
        log.warning("the words do not travel with what this graph saves: %s", problem)


# -------------------------------------------------------------------------------------------- the node


class Trip:
    """One node that answers in one prompt: what it may look up, and what it used."""

    def __init__(self, luggage: Luggage | None, node: str, store: ReplayStore) -> None:
        self._luggage = luggage
        self._node = node
        self._store = store
        if luggage is not None:
            luggage.runs(node)

    def settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        """`settings` with what came with the workflow, and with $ANTIPHON_REPLAY. RequestError where that says nonsense."""
        mode = os.environ.get("ANTIPHON_REPLAY", "").strip() or "auto"
        if mode not in ("auto", "only"):
            raise RequestError(
                f"the variable ANTIPHON_REPLAY says {mode!r}",
                field="replay",
                hint="It may say only: then nothing is asked, here or anywhere. Else leave it out.",
            )
        carried = None if self._luggage is None else self._luggage.carried
        return {**settings, "carried": carried, **({"replay": "only"} if mode == "only" else {})}

    async def noting(self, answer: Awaitable[Completion]) -> Completion:
        """`answer`, with what it came from packed. On Antiphon's loop."""
        completion = await answer
        keys = [key for key in (completion.key, completion.repair_key) if key]
        if self._luggage is not None and keys:
            import asyncio

            await asyncio.to_thread(self._noted, completion, keys)
        return completion

    def _noted(self, completion: Completion, keys: list[str]) -> None:
        self.used(keys)
        if not completion.recorded or self._luggage is None:
            return
        from . import origins

        try:
            workflow = self._luggage.origin()
            if workflow is not None:
                origins.keep(workflow, keys, self._store, made=not completion.replayed)
        except Exception as problem:  # noqa: BLE001 - the answer has been paid for
            log.warning("the workflow is not kept in the history: %s", problem)

    def used(self, keys: Iterable[str]) -> None:
        """The node's answer came from these recordings."""
        if self._luggage is None:
            return
        _used(self._luggage, self._node, keys, self._store)
        self._luggage.remember(self._node)

    def put(self) -> None:
        """Put the words where they are saved; on the node's loop, before the node ends."""
        if self._luggage is not None:
            self._luggage.put()


def trip(prompt: str, node: str, store: ReplayStore) -> Trip:
    """The trip of a node that starts to answer."""
    return Trip(_luggage.get(prompt), node, store)


# ---------------------------------------------------------------------------------- what is remembered


class _Remembered:
    """The recordings that nodes used, by signature; the newest."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, name: str, keys: tuple[str, ...]) -> None:
        with self._lock:
            self._keys[name] = keys
            self._keys.move_to_end(name)
            while len(self._keys) > REMEMBERED:
                self._keys.popitem(last=False)

    def get(self, name: str) -> tuple[str, ...]:
        with self._lock:
            if name in self._keys:
                self._keys.move_to_end(name)
            return self._keys.get(name, ())


_remembered = _Remembered()


def signature(graph: Mapping[str, Any], node: str) -> str | None:
    """A sum of this node and all that it depends on, whatever their ids; None where one of them is not in the graph.

    As in ComfyUI's cache: nodes of one signature put out the same.
    """
    order: dict[str, int] = {}  # a place for each node, in which they stand too
    waiting = [node]
    while waiting:
        name = waiting.pop()
        if name in order:
            continue
        inputs = _inputs(graph, name)
        if inputs is None:
            return None
        order[name] = len(order)
        waiting += [value[0] for _, value in sorted(inputs.items(), reverse=True) if _is_link(value)]
    whole = [(graph[name].get("class_type"), _placed(_inputs(graph, name) or {}, order)) for name in order]
    return sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


def _inputs(graph: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    node = graph.get(name)
    found = cast("dict[str, Any]", node).get("inputs") if isinstance(node, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _placed(inputs: dict[str, Any], order: dict[str, int]) -> dict[str, Any]:
    """The inputs with places in `order` instead of the ids of nodes."""
    return {
        key: {"link": [order[value[0]], value[1]]} if _is_link(value) else value
        for key, value in inputs.items()
    }


def _is_link(value: object) -> bool:
    """As ComfyUI tells links."""
    if not isinstance(value, list):
        return False
    found = cast("list[Any]", value)
    return len(found) == 2 and isinstance(found[0], str) and isinstance(found[1], int | float)
