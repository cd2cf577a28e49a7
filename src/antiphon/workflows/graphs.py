"""The graphs in a file, in one form: nodes with their widgets by name and their links by input.

ComfyUI has two formats. A graph for the API is an object of nodes by id, each with ``class_type`` and ``inputs``, where
a link is ``[node id, output]``. A graph of the page has lists of ``nodes`` and ``links``, and the widgets' values in a
list. Subgraphs (``definitions.subgraphs``, links as objects) and the older group nodes (``extra.groupNodes``, nodes
without ids) are graphs of the second kind inside of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

from .opened import Part, Place, places
from .original import CONTROL, WIDGETS

__all__ = ["ORDERS", "RENAMED", "Graph", "Link", "Node", "graphs_in", "text_at"]

# What the page may put behind a seed.
_CONTROLS = ("fixed", "increment", "decrement", "randomize")
_SEEDS = ("seed", "noise_seed")
_OPTIONS = (
    *(
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "num_ctx",
        "repeat_last_n",
        "repeat_penalty",
        "temperature",
    ),
    *("seed", "stop", "tfs_z", "num_predict", "top_k", "top_p", "min_p"),
)
# As they were called at first.
RENAMED = {
    f"OAIAPI{it}": f"OAIAPI_{it}" for it in ("Client", "ChatCompletion", "Temperature", "MaxTokens", "Seed")
}
# Nodes that are read here, by the order of their widgets. Those of other packs as in `others`.
ORDERS: dict[str, tuple[str, ...]] = {
    **WIDGETS,
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
    "OAIAPI_Client": ("base_url", "max_retries", "timeout", "api_key"),
    "OAIAPI_ChatCompletion": ("model", "force_regen", "prompt", "system_prompt"),
    "OAIAPI_Temperature": ("temperature",),
    "OAIAPI_MaxTokens": ("max_tokens",),
    "OAIAPI_Seed": ("seed",),
    "OllamaConnectivityV2": ("url", "model", "keep_alive", "keep_alive_unit"),
    "OllamaGenerateV2": ("system", "prompt", "think", "keep_context", "format"),
    "OllamaOptionsV2": (*(name for it in _OPTIONS for name in (f"enable_{it}", it)), "debug"),
}


class Link(NamedTuple):
    """Where an input comes from: a node, and the number of its output."""

    node: str
    output: int


@dataclass(slots=True)
class Node:
    """One node. `widgets` are the places of its widgets' values by name, `links` the inputs that are wired."""

    id: str
    type: str
    raw: dict[str, Any]
    widgets: dict[str, Place] = field(default_factory=dict[str, Place])
    links: dict[str, Link] = field(default_factory=dict[str, Link])

    def widget(self, name: str) -> Any:
        """The value of a widget, None where it has none."""
        place = self.widgets.get(name)
        return None if place is None else text_at(place)


@dataclass(slots=True)
class Graph:
    """One graph of a file, `where` it is, and its nodes by id. `inner`: a subgraph, or a group node's."""

    where: str
    form: Literal["api", "page"]
    raw: dict[str, Any]
    nodes: dict[str, Node]
    inner: bool = False

    @property
    def is_regular(self) -> bool:
        """Whether its nodes and links are all as ComfyUI writes them, so that they can be changed."""
        if self.form == "api":
            return True
        links, nodes = self.raw.get("links"), cast("list[Any]", self.raw["nodes"])
        return (
            isinstance(links, list)
            and all(map(_is_link, cast("list[Any]", links)))
            and all(map(_is_node, nodes))
        )

    def source(self, node: Node, name: str) -> Node | None:
        """The node that this input is wired to, past reroutes."""
        link = node.links.get(name)
        for _ in self.nodes:
            found = None if link is None else self.nodes.get(link.node)
            if found is None or found.type != "Reroute":
                return found
            link = next(iter(found.links.values()), None)
        return None


def text_at(place: Place) -> Any:
    """What stands at a place."""
    container, name = place
    return container[name]


def graphs_in(parts: Iterable[Part]) -> list[Graph]:
    """All graphs of these parts, outer ones first."""
    return [graph for part in parts for graph in _graphs(part)]


def _graphs(part: Part) -> Iterator[Graph]:
    inner: set[int] = set()
    for container, name in places(part.root):
        value = container[name]
        if not isinstance(value, dict):
            continue
        document = cast("dict[str, Any]", value)
        if isinstance(document.get("nodes"), list):
            inner.update(map(id, _inside(document)))
            yield Graph(part.where, "page", document, _page_nodes(document), id(document) in inner)
        elif nodes := _api_nodes(document):
            yield Graph(part.where, "api", document, nodes)


def _inside(document: dict[str, Any]) -> Iterator[Any]:
    """The definitions of subgraphs and group nodes inside of this graph."""
    definitions, extra = document.get("definitions"), document.get("extra")
    subgraphs = (
        cast("dict[str, Any]", definitions).get("subgraphs") if isinstance(definitions, dict) else None
    )
    groups = cast("dict[str, Any]", extra).get("groupNodes") if isinstance(extra, dict) else None
    yield from cast("list[Any]", subgraphs) if isinstance(subgraphs, list) else ()
    yield from cast("dict[str, Any]", groups).values() if isinstance(groups, dict) else ()


# ------------------------------------------------------------------------------------- for the API


def _api_nodes(document: dict[str, Any]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for identifier, value in document.items():
        node = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        kind, inputs = node.get("class_type"), node.get("inputs")
        if isinstance(kind, str) and isinstance(inputs, dict):
            nodes[identifier] = found = Node(identifier, kind, node)
            for name, given in cast("dict[str, Any]", inputs).items():
                link = _api_link(given)
                if link is None:
                    found.widgets[name] = (inputs, name)
                else:
                    found.links[name] = link
    return nodes


def _api_link(value: Any) -> Link | None:
    match value:
        case [str() | int() as node, int(output)] if not isinstance(node, bool):
            return Link(str(node), output)
        case _:
            return None


# ---------------------------------------------------------------------------------------- of the page


def _page_nodes(document: dict[str, Any]) -> dict[str, Node]:
    links, groups = _page_links(document.get("links")), _groups(document)
    nodes: dict[str, Node] = {}
    for number, value in enumerate(cast("list[Any]", document["nodes"])):
        node = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        kind = node.get("type")
        if isinstance(kind, str):
            identifier = str(node.get("id", number))
            nodes[identifier] = found = Node(identifier, kind, node, _page_widgets(node, groups))
            for one in _objects(node.get("inputs")):
                link = links.get(str(one.get("link")))
                if link is not None and isinstance(one.get("name"), str):
                    found.links[one["name"]] = link
    return nodes


def _page_links(value: Any) -> dict[str, Link]:
    """Links by their id: lists ``[id, from, output, to, input, type]``, in subgraphs objects of the same."""
    found: dict[str, Link] = {}
    for link in cast("list[Any]", value) if isinstance(value, list) else []:
        match link:
            case [number, node, int(output), *_]:
                found[str(number)] = Link(str(node), output)
            case {"id": number, "origin_id": node, "origin_slot": int(output)}:
                found[str(number)] = Link(str(node), output)
            case _:
                pass
    return found


def _is_link(value: Any) -> bool:
    match value:
        case [int(), int() | str(), int(), int() | str(), int(), _]:
            return True
        case _:
            return False


def _is_node(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    node = cast("dict[str, Any]", value)
    sides: list[Any] = [node.get(side) or [] for side in ("inputs", "outputs")]
    whole = all(isinstance(side, list) and _objects(side) == side for side in sides)
    return whole and isinstance(node.get("id"), int | str)


def _page_widgets(node: dict[str, Any], groups: Mapping[str, list[str]]) -> dict[str, Place]:
    values = node.get("widgets_values")
    if isinstance(values, dict):
        return {name: (values, name) for name in cast("dict[str, Any]", values)}
    if not isinstance(values, list):
        return {}
    values = cast("list[Any]", values)
    names = groups.get(node["type"]) or _widget_names(node)
    found: dict[str, Place] = {}
    for name, at in _aligned(names, values):
        if name != CONTROL:
            found[name if name not in found else f"{name} {at}"] = (values, at)
    return found


def _groups(document: dict[str, Any]) -> dict[str, list[str]]:
    """The widgets of group nodes: those of all nodes in them, one after another."""
    extra = document.get("extra")
    groups = cast("dict[str, Any]", extra).get("groupNodes") if isinstance(extra, dict) else None
    found: dict[str, list[str]] = {}
    for title, group in cast("dict[str, Any]", groups).items() if isinstance(groups, dict) else ():
        nodes = _objects(cast("dict[str, Any]", group).get("nodes")) if isinstance(group, dict) else []
        names = [name for node in nodes if isinstance(node.get("type"), str) for name in _all_names(node)]
        found.update({f"workflow>{title}": names, f"workflow/{title}": names})
    return found


def _all_names(node: dict[str, Any]) -> list[str]:
    """A name for each value of a node in a group, also where it is not known."""
    values = node.get("widgets_values")
    count = len(cast("list[Any]", values)) if isinstance(values, list) else 0
    return [*_widget_names(node), *[""] * count][:count]


def _widget_names(node: dict[str, Any]) -> list[str]:
    """The names of a node's widgets, in the order of their values, as far as the file or our tables know them."""
    kind: str = node["type"]
    if known := ORDERS.get(RENAMED.get(kind, kind)):
        return list(known)
    properties: Any = node.get("properties")
    proxies = cast("dict[str, Any]", properties).get("proxyWidgets") if isinstance(properties, dict) else None
    if isinstance(proxies, list):  # a subgraph's node: [inner node, name of its widget]
        pairs = [cast("list[Any]", it) for it in cast("list[Any]", proxies) if isinstance(it, list)]
        return [str(pair[1]) for pair in pairs if len(pair) > 1]
    sides = (node.get("outputs"), node.get("inputs")) if kind == "PrimitiveNode" else (node.get("inputs"),)
    found = [one.get("widget") for side in sides for one in _objects(side)]
    return [str(cast("dict[str, Any]", it)["name"]) for it in found if isinstance(it, dict) and "name" in it]


def _aligned(names: list[str], values: list[Any]) -> Iterator[tuple[str, int]]:
    """Each name with the number of its value. The page's own value behind a seed has a name only in our tables."""
    at = 0
    for name in names:
        if at >= len(values):
            return
        yield name, at
        at += 1
        extra = name in _SEEDS and CONTROL not in names and at < len(values)
        if extra and isinstance(values[at], str) and values[at] in _CONTROLS:
            at += 1


def _objects(value: Any) -> list[dict[str, Any]]:
    return [it for it in cast("list[Any]", value) if isinstance(it, dict)] if isinstance(value, list) else []
