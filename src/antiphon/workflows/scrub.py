"""Keys in a file: found wherever they stand, and taken out.

A key is what has the form of one, in any text; what stands in a field whose name says so; and whatever is typed into a
key widget of the original's nodes. A key that was found once is taken out everywhere, whatever form it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

from ..errors import ReplayError, RequestError
from ..replay import Carried
from ..secretlike import is_key, secrets_in, without_secrets
from .graphs import Graph, Node, text_at
from .opened import Part, Place, places
from .original import KEYS
from .report import Finding

__all__ = ["REFERENCE", "Scrubbed", "scrub"]

REFERENCE = "credential:"
# What stands in a longer text where a key was.
GAP = "***"
# What was typed into a key widget and is short, a word, a sentence or an address ("none", "placeholder") may stand
# elsewhere for itself: it is taken out of its own place only.
_DISTINCT = re.compile(r"(?!.*://)(?=\S*\d|\S{20})\S{8,}")
# A node of one text that is wired to a key widget holds the key, unless it names a file.
_FILE = re.compile(r"[\\/]|\.\w{1,4}$")
HOLDERS = ("PrimitiveString", "PrimitiveStringMultiline", "PrimitiveNode")


class Owner(NamedTuple):
    """Whose a place is: a node's, and which of its widgets (empty where its name is not known)."""

    id: str
    type: str
    widget: str


@dataclass(slots=True)
class Scrubbed:
    """What was found, and the keys themselves, for a last look at what is written. Never shown."""

    rows: list[Finding] = field(default_factory=list[Finding])
    keys: dict[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def distinct(self) -> list[str]:
        """The keys that can be nothing else, wherever they stand."""
        return [key for key in self.keys if _DISTINCT.fullmatch(key)]


def scrub(parts: Sequence[Part], graphs: Sequence[Graph], credentials: Mapping[str, str]) -> Scrubbed:
    """Take the keys out of these parts, in place.

    `credentials` are names of stored keys by node type (``""`` for all others): they take the key's place in the
    original's nodes, as ``credential:NAME``.
    """
    result, owners = Scrubbed(), _owners(graphs)
    for graph in graphs:
        for node in graph.nodes.values():
            _typed(graph, node, credentials, result)
    for part in parts:
        _carried(part, result)
        for place in list(places(part.root)):
            _by_name(part, place, owners, result)
    known = sorted(result.distinct, key=len, reverse=True)
    for part in parts:
        for place in list(places(part.root)):
            _by_form(part, place, known, owners, result)
    return result


def _owners(graphs: Sequence[Graph]) -> dict[tuple[int, Any], tuple[str, Owner]]:
    """Whose each place in a node is, so that a report can say it."""
    owners: dict[tuple[int, Any], tuple[str, Owner]] = {}
    for graph in graphs:
        for node in graph.nodes.values():
            owners[id(node.raw), "title"] = graph.where, Owner(node.id, node.type, "title")
            values = node.raw.get("widgets_values")
            listed = cast("list[Any]", values) if isinstance(values, list) else []
            for at in range(len(listed)):
                owners[id(listed), at] = graph.where, Owner(node.id, node.type, "")
            for name, (container, at) in node.widgets.items():
                owners[id(container), at] = graph.where, Owner(node.id, node.type, name)
    return owners


# ------------------------------------------------------------------------------- the original's widgets


def _typed(graph: Graph, node: Node, credentials: Mapping[str, str], result: Scrubbed) -> None:
    """The key widgets of one of the original's nodes, here or in the node of text that is wired to it."""
    names = KEYS.get(node.type, ())
    found = [(name, place) for name in names if (place := _holder(graph, node, name)) is not None]
    typed = [(name, place) for name, place in found if _literal(text_at(place))]
    credential = credentials.get(node.type) or credentials.get("")
    for name, place in typed:
        first = name == names[0]
        instead = f"{REFERENCE}{credential}" if first and credential else ""
        row = Finding(
            kind="secret", where=graph.where, node=node.id, type=node.type, what=f"{name}: a key typed in"
        )
        _take(place, instead, row, result)


def _holder(graph: Graph, node: Node, name: str) -> Place | None:
    if name in node.widgets and name not in node.links:
        return node.widgets[name]
    source = graph.source(node, name)
    texts = (
        []
        if source is None
        else [place for place in source.widgets.values() if isinstance(text_at(place), str)]
    )
    if source is None or len(texts) != 1:
        return node.widgets.get(name)
    text = str(text_at(texts[0]))
    holds = source.type in HOLDERS or (is_key(name, text) and not _FILE.search(text.strip()))
    return texts[0] if holds else node.widgets.get(name)


def _literal(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and not value.strip().startswith(REFERENCE)


def _take(place: Place, instead: str, row: Finding, result: Scrubbed) -> None:
    """Put something else in a key's place, and remember the key."""
    container, name = place
    key = str(container[name]).strip()
    container[name] = instead
    result.keys[key] = instead
    done = f"replaced by {instead}" if instead else "emptied"
    result.rows.append(replace(row, done=done))


# ------------------------------------------------------------------------------------ names and forms

Owners = Mapping["tuple[int, Any]", "tuple[str, Owner]"]


def _by_name(part: Part, place: Place, owners: Owners, result: Scrubbed) -> None:
    """A text in a field, or a widget, whose name says that it holds a key."""
    container, name = place
    value = container[name]
    where, owner = owners.get((id(container), name), (part.where, None))
    called = owner.widget if owner else name
    if isinstance(value, str) and isinstance(called, str) and is_key(called, value):
        _take(place, "", _row(where, owner, f"{_shown(called)}: a key, by its name"), result)


def _by_form(part: Part, place: Place, known: list[str], owners: Owners, result: Scrubbed) -> None:
    """What has the form of a key in any text, and what was found to be one elsewhere; in names of fields too."""
    container, name = place
    where, owner = owners.get((id(container), name), (part.where, None))
    value = container[name]
    if isinstance(value, str) and (found := _cleaned(value, known, result)):
        container[name], forms = found
        called = owner.widget if owner else name
        what = f"{_shown(called)}: " if called and isinstance(called, str) else ""
        done = "taken out" if container[name] else "emptied"
        result.rows.extend(_row(where, owner, what + form, done) for form in forms)
    if isinstance(name, str) and isinstance(container, dict) and (found := _cleaned(name, known, result)):
        members = cast("dict[str, Any]", container)
        new = found[0] or GAP
        while new in members:
            new += "*"
        members[new] = members.pop(name)
        result.rows.extend(
            _row(where, None, f"the name of a field: {form}", "taken out") for form in found[1]
        )


def _cleaned(text: str, known: list[str], result: Scrubbed) -> tuple[str, list[str]] | None:
    """`text` without keys, and the forms of those that were in it; None if there were none."""
    forms: list[str] = []
    new = text
    for key in known:
        if key in new:
            whole = new.strip() == key
            new = result.keys[key] if whole else new.replace(key, result.keys[key] or GAP)
            forms.append("a key that was found elsewhere too")
    for found in secrets_in(new):
        result.keys.setdefault(new[found.start : found.end], "")
        forms.append(f"a key ({found.form})")
    if not forms:
        return None
    return without_secrets(new, "" if without_secrets(new).strip() == "" else GAP), forms


def _row(where: str, owner: Owner | None, what: str, done: str = "") -> Finding:
    node, kind = (owner.id, owner.type) if owner else ("", "")
    return Finding(kind="secret", where=where, node=node, type=kind, what=what, done=done)


def _shown(name: str) -> str:
    """The name of a field for a report: cut, and without what has the form of a key."""
    return without_secrets(name[:60], GAP)


# --------------------------------------------------------------------------- recordings in the workflow


def _carried(part: Part, result: Scrubbed) -> None:
    """The recordings that travel in this part: told, and those with a key in them dropped."""
    values = [container[name] for container, name in places(part.root)]
    found = [cast("dict[str, Any]", value) for value in values if isinstance(value, dict)]
    for document in (it for it in found if it.get("antiphon") == "carried"):
        try:
            own = Carried(document)
        except ReplayError as error:
            result.rows.append(Finding(kind="note", where=part.where, what=error.message))
            continue
        result.rows.append(
            Finding(kind="carried", where=part.where, what=f"{len(own)} recordings travel with it")
        )
        for key in list(own):
            if row := _checked(part.where, own, key, result):
                del document["recordings"][key]
                result.rows.append(row)


def _checked(where: str, own: Carried, key: str, result: Scrubbed) -> Finding | None:
    """The row of a recording that has to go, if it does."""
    try:
        opened = own.get(key)
    except (ReplayError, RequestError) as error:
        return Finding(kind="note", where=where, what=error.message, done="dropped")
    texts = _texts(opened) if opened is not None else ()
    hits = [text[found.start : found.end] for text in texts for found in secrets_in(text)]
    result.keys.update(dict.fromkeys(hits, ""))
    if not hits:
        return None
    return Finding(kind="secret", where=where, what="a recording with a key in it", done="dropped")


def _texts(opened: Any) -> Iterator[str]:
    yield opened.document.decode("utf-8", "replace")
    yield opened.reply.body.decode("utf-8", "replace")
