"""What a listing says against a request, in the form in which all refusals are told."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ..dialects import Model, Refusal
from ..providers import Way
from ..request import Request, Schema

__all__ = ["listed", "refused_by_listing"]

# Documents are not among them: servers that read them for the model (OpenRouter) do not list them as its inputs.
_INPUTS = ("image", "audio", "video")


def listed(way: Way, request: Request, row: Model | None) -> Way:
    """`way` with what the provider's listing says of the model. A seed that it does not take is not sent."""
    refusal = None if row is None else refused_by_listing(request, row)
    if refusal is None:
        return way
    quirks = way.quirks
    if "seed" in refusal.settings:
        fields = {name: wire for name, wire in quirks.fields.items() if name != "seed"}
        quirks = replace(quirks, fields=fields)
    return replace(way, quirks=replace(quirks, refusals=(*quirks.refusals, refusal)))


def refused_by_listing(request: Request, row: Model) -> Refusal | None:
    """What `row` says that the model does not take of what `request` asks, or None where it says nothing against it.

    The Refusal fits into Quirks.refusals, so that it is told, or adapted to, as all others are. `row.takes` decides
    where it is known: settings that are not in it are refused. `extra` is the user's own business.
    """
    refused = {name for name, value in request.config.given().items() if _refused(name, value, row)}
    if request.seed is not None and _missing("seed", row):
        refused.add("seed")
    for kind in {medium.kind for medium in request.media}:
        unlisted = kind in _INPUTS and row.inputs is not None and kind not in row.inputs
        if unlisted or kind in row.refuses:
            refused.add(kind)
    if not refused:
        return None
    return Refusal(rf"{re.escape(request.model)}\Z", frozenset(refused), "the provider's own model listing")


def _refused(name: str, value: Any, row: Model) -> bool:
    if name == "extra" or value in ("text", ("text",)):  # text is what all answer with
        return False
    if name == "modalities" and row.outputs is not None and not row.outputs.issuperset(value):
        return True
    return _missing(name, row) or bool(_words(name, value) & row.refuses)


def _missing(name: str, row: Model) -> bool:
    return row.takes is not None and name not in row.takes


def _words(name: str, value: Any) -> set[str]:
    """What a Refusal may call this setting: by its name, or with its value."""
    kind = "schema" if isinstance(value, Schema) else value if isinstance(value, str) else "budget"
    return {name, f"{name}={kind}"}
