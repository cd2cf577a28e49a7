"""Nodes of other packs, said again with the original's: in a graph for the API, or of the page.

Ids stay where a node takes another's place, so that what is wired to its text stays wired; new ones are counted on from
the highest in the file, and are the same in all its graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from .graphs import Graph, Link, Node
from .original import CONFIG, CONTROL, WIDGETS
from .others import Plan, Text, plans_for
from .report import Finding

__all__ = ["remap"]


class Sockets(NamedTuple):
    """The inputs and outputs of a node that are no widgets: name and type."""

    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]


_ANSWER = (("text", "STRING"), ("(optional) images", "IMAGE"))
_ASKED = (("api", "LLM_API"), ("config", "LLM_CONFIG"))
_SOCKETS: Mapping[str, Sockets] = {
    "AV_OpenAIApi": Sockets((), (("LLM_API", "LLM_API"),)),
    CONFIG: Sockets((), (("llm_config", "LLM_CONFIG"),)),
    "AV_LLMMessage": Sockets(
        (("messages", "LLM_MESSAGE"), ("image", "IMAGE")), (("messages", "LLM_MESSAGE"),)
    ),
    "AV_LLMChat": Sockets((("messages", "LLM_MESSAGE"), *_ASKED), _ANSWER),
    "AV_LLMCompletion": Sockets(_ASKED, _ANSWER),
}
# How far from the answering node the new ones stand, in the page's units.
_PLACES = {"config": (-360, 260), "system": (-360, -260), "user": (-360, 0)}


class Made(NamedTuple):
    """A node to put into a graph: its id, its type, and what goes into it, wired or typed in."""

    id: str
    type: str
    given: dict[str, Any]
    beside: Node
    role: str = ""


def remap(graphs: list[Graph], *, write: bool) -> list[Finding]:
    """Map what can be mapped in all graphs of a file that have it; the rows. Without `write` nothing is changed."""
    planned = {id(graph): plans_for(graph) for graph in graphs}
    refused: dict[str, str] = {}
    for _, problems in planned.values():
        refused.update(problems)
    while more := _sharing(graphs, planned, refused):
        refused.update(more)
    numbers = _Numbers(graphs)
    rows: list[Finding] = []
    for graph in graphs:
        found, problems = planned[id(graph)]
        staying = [node for node in (*(plan.node for plan in found), *map(graph.nodes.get, problems)) if node]
        for node in (it for it in staying if it.id in refused):
            what = f"another pack's node, not mapped: {refused[node.id]}"
            rows.append(Finding(kind="other", where=graph.where, node=node.id, type=node.type, what=what))
        plans = [plan for plan in found if plan.node.id not in refused]
        rows += [_told(graph, plan, done=write) for plan in plans]
        if write and plans:
            (_write_page if graph.form == "page" else _write_api)(graph, plans, numbers)
    return rows


def _sharing(
    graphs: list[Graph], planned: Mapping[int, tuple[list[Plan], dict[str, str]]], refused: Mapping[str, str]
) -> dict[str, str]:
    """Questions whose connection is also used by a node that stays: then both stay."""
    more: dict[str, str] = {}
    for graph in graphs:
        plans = [plan for plan in planned[id(graph)][0] if plan.node.id not in refused]
        going = {plan.node.id for plan in plans}
        for plan in plans:
            users = {
                other.id
                for other in graph.nodes.values()
                for link in other.links.values()
                if link.node == plan.connection.id
            }
            if stays := users - going:
                more[plan.node.id] = f"node {min(stays)}, which stays, uses its connection too"
    return more


def _told(graph: Graph, plan: Plan, *, done: bool) -> Finding:
    what = "another pack's node, can be said with AV_* nodes" + "".join(f"; {note}" for note in plan.notes)
    became = f"became {_answering(plan)}" if done else ""
    return Finding(
        kind="other", where=graph.where, node=plan.node.id, type=plan.node.type, what=what, done=became
    )


class _Numbers:
    """New ids: the same for the same node and role in every graph of the file."""

    def __init__(self, graphs: list[Graph]) -> None:
        known = [
            int(it)
            for graph in graphs
            for it in graph.nodes
            if it.isascii() and it.isdigit() and len(it) < 16
        ]
        self._last = max(known, default=0)
        self._given: dict[tuple[str, str], str] = {}

    def of(self, node: str, role: str) -> str:
        if (node, role) not in self._given:
            self._last += 1
            self._given[node, role] = str(self._last)
        return self._given[node, role]


# --------------------------------------------------------------------------------------- what is made


def _answering(plan: Plan) -> str:
    return "AV_LLMChat" if plan.system or plan.image else "AV_LLMCompletion"


def _made(plan: Plan, numbers: _Numbers) -> list[Made]:
    """The nodes that say what this question said."""
    node = plan.node
    config = numbers.of(node.id, "config")
    model = {"model": "gpt-5", "custom_model": plan.model}
    settings = {**model, "max_token": plan.max_tokens, "temperature": plan.temperature}
    api = {"openai_api_key": plan.key, "endpoint": plan.endpoint}
    made = [
        Made(plan.connection.id, "AV_OpenAIApi", api, plan.connection),
        Made(config, CONFIG, settings, node, "config"),
    ]
    asked: dict[str, Any] = {"api": Link(plan.connection.id, 0), "config": Link(config, 0), "seed": plan.seed}
    if _answering(plan) == "AV_LLMCompletion":
        return [*made, Made(node.id, "AV_LLMCompletion", {"prompt": plan.prompt, **asked}, node)]
    before: dict[str, Text] = {}
    if plan.system:
        system = numbers.of(node.id, "system")
        made.append(Made(system, "AV_LLMMessage", {"role": "system", "text": plan.system}, node, "system"))
        before["messages"] = Link(system, 0)
    if plan.image:
        before["image"] = plan.image
    user = numbers.of(node.id, "user")
    given = {"role": "user", "text": plan.prompt, **before}
    made.append(Made(user, "AV_LLMMessage", given, node, "user"))
    return [*made, Made(node.id, "AV_LLMChat", {"messages": Link(user, 0), **asked}, node)]


def _gone(graph: Graph, plans: list[Plan]) -> set[str]:
    """Nodes that nobody uses any more."""
    going = {plan.node.id for plan in plans}
    used = {node.id for plan in plans for node in plan.used}
    gone: set[str] = set()
    while True:
        needed = {
            link.node
            for other in graph.nodes.values()
            if other.id not in going | gone
            for link in other.links.values()
        }
        more = used - needed - gone
        if not more:
            return gone
        gone |= more


def _all_made(plans: list[Plan], numbers: _Numbers) -> dict[str, Made]:
    return {made.id: made for plan in plans for made in _made(plan, numbers)}


# --------------------------------------------------------------------------------------- for the API


def _write_api(graph: Graph, plans: list[Plan], numbers: _Numbers) -> None:
    for made in _all_made(plans, numbers).values():
        inputs = {
            name: [value.node, value.output] if isinstance(value, Link) else value
            for name, value in made.given.items()
        }
        graph.raw[made.id] = {"inputs": inputs, "class_type": made.type, "_meta": {"title": made.type}}
    for identifier in _gone(graph, plans):
        del graph.raw[identifier]


# ------------------------------------------------------------------------------------------- of the page


def _write_page(graph: Graph, plans: list[Plan], numbers: _Numbers) -> None:
    """New nodes in the list, links of the old ones out of the table, links of the new ones into it."""
    raw, made, gone = graph.raw, _all_made(plans, numbers), _gone(graph, plans)
    links = [link for link in cast("list[Any]", raw["links"]) if not _ends_in(link, made.keys() | gone)]
    number = max([int(link[0]) for link in cast("list[Any]", raw["links"])], default=0)
    for one in made.values():
        node = _page_node(one)
        for at, socket in enumerate(node["inputs"]):
            value = one.given.get(socket["name"])
            if isinstance(value, Link):
                number += 1
                socket["link"] = number
                links.append([number, _number(value.node), value.output, node["id"], at, socket["type"]])
        _put(raw["nodes"], node)
    raw["nodes"] = [node for node in raw["nodes"] if str(node.get("id")) not in gone]
    raw["links"] = links
    _tell_outputs(raw)
    raw["last_link_id"] = max(number, _whole(raw.get("last_link_id")))
    raw["last_node_id"] = max(_whole(raw.get("last_node_id")), *(_whole(_number(it)) for it in made))


def _ends_in(link: Any, nodes: set[str]) -> bool:
    return str(link[3]) in nodes


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _number(identifier: str) -> int | str:
    return int(identifier) if identifier.isdigit() else identifier


def _page_node(made: Made) -> dict[str, Any]:
    """The node as the page saves it. A widget that is wired has a socket behind the others."""
    sockets, old = _SOCKETS[made.type], made.beside.raw
    names = WIDGETS[made.type]
    wired = [name for name in names if isinstance(made.given.get(name), Link)]
    inputs: list[dict[str, Any]] = [
        {"name": name, "type": kind, "link": None} for name, kind in sockets.inputs
    ]
    inputs += [{"name": name, "type": "STRING", "widget": {"name": name}, "link": None} for name in wired]
    values = ["fixed" if name == CONTROL else made.given.get(name, "") for name in names]
    return {
        "id": _number(made.id),
        "type": made.type,
        "pos": _place(old.get("pos"), made.role),
        "size": [320, 200],
        "flags": {},
        "order": old.get("order", 0),
        "mode": old.get("mode", 0),
        "inputs": inputs,
        "outputs": [{"name": name, "type": kind, "links": []} for name, kind in sockets.outputs],
        "properties": {"Node name for S&R": made.type},
        "widgets_values": ["" if isinstance(value, Link) else value for value in values],
    }


def _place(old: Any, role: str) -> list[float]:
    """Where the node stands: ``[x, y]``, or an object of the same in older files."""
    points = list(cast("dict[str, Any]", old).values()) if isinstance(old, dict) else old
    x, y = _PLACES.get(role, (0, 0))
    match points:
        case [int() | float() as right, int() | float() as down, *_]:
            return [right + x, down + y]
        case _:
            return [x, y]


def _put(nodes: list[Any], node: dict[str, Any]) -> None:
    """Into the place of the node with this id, or at the end."""
    for at, other in enumerate(nodes):
        if str(other.get("id")) == str(node["id"]):
            nodes[at] = node
            return
    nodes.append(node)


def _tell_outputs(raw: dict[str, Any]) -> None:
    """Each output lists its links, as the table has them."""
    leaving: dict[tuple[str, int], list[Any]] = {}
    for link in raw["links"]:
        leaving.setdefault((str(link[1]), link[2]), []).append(link[0])
    for node in raw["nodes"]:
        for at, output in enumerate(node.get("outputs") or ()):
            found = leaving.get((str(node.get("id")), at), [])
            if found or output.get("links"):
                output["links"] = found
