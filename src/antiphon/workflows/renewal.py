"""Names of models that are gone, replaced by their successors."""

from __future__ import annotations

from datetime import date, datetime, timezone

from .. import providers
from ..prepare import lifecycle
from ..request import Config, Message, Request
from .graphs import Graph, Link, Node
from .original import APIS, CONFIG
from .report import Finding

__all__ = ["renew"]


def renew(graphs: list[Graph], *, write: bool, day: date | None = None) -> list[Finding]:
    """Look at the model of each config of the original's; with `write` put the successor of a retired one in its place."""
    configs = [(graph, node) for graph in graphs for node in graph.nodes.values() if node.type == CONFIG]
    today = day or datetime.now(timezone.utc).date()
    return [row for graph, node in configs for row in _renewed(graph, node, today, write=write)]


def _renewed(graph: Graph, node: Node, today: date, *, write: bool) -> list[Finding]:
    custom = node.widget("custom_model")
    name = "custom_model" if isinstance(custom, str) and custom.strip() else "model"
    model = node.widget(name)
    if not isinstance(model, str) or not model.strip() or "custom_model" in node.links:
        return []
    found: dict[str, str] = {}
    for who in sorted(_asked_by(graph, node)):
        provider = providers.get(who)
        request = Request(provider=who, messages=(Message("user", "?"),), config=Config(model=model.strip()))
        sent, _ = lifecycle.succeeded(request, provider, today)
        found[who] = sent.model if sent is not request else ""
    instead = set(found.values())
    if len(instead) != 1 or not (new := instead.pop()):
        return []
    if write:
        container, at = node.widgets[name]
        container[at] = new
    what = f"{name}: {model.strip()} is gone, its successor is {new}"
    done = f"replaced by {new}" if write else ""
    return [Finding(kind="model", where=graph.where, node=node.id, type=node.type, what=what, done=done)]


def _asked_by(graph: Graph, config: Node) -> set[str]:
    """The providers that are asked with this config, by the API nodes beside it."""
    using = [node for node in graph.nodes.values() if node.links.get("config") == Link(config.id, 0)]
    apis = [graph.source(node, "api") for node in using]
    return {APIS[api.type] for api in apis if api is not None and api.type in APIS}
