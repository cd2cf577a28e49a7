"""How much a graph asks for at a time: ComfyUI would begin all items of a list at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

from .. import providers
from ..errors import RequestError
from ..limits import Limits

__all__ = ["CONCURRENCY", "VARIABLE", "Shared", "concurrency"]

VARIABLE = "ANTIPHON_COMFYUI_CONCURRENCY"
CONCURRENCY = (
    16  # answers of one key of one provider under way; enough for a page, kind to a list of a thousand
)


def concurrency() -> int:
    """What $ANTIPHON_COMFYUI_CONCURRENCY says, or the default. RequestError where it is no number of 1 or more."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return CONCURRENCY
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise RequestError(f"{VARIABLE} must be a whole number of 1 or more, not {text!r}", field=VARIABLE)
    return int(text)


class Shared(Mapping[str, Limits]):
    """The limits of every provider: its own, and the pack's where it has none. Made when it is asked for."""

    def __getitem__(self, name: str) -> Limits:
        if name not in providers.names():
            raise KeyError(name)
        own = providers.get(name).limits
        return own if own.concurrency is not None else replace(own, concurrency=concurrency())

    def __iter__(self) -> Iterator[str]:
        return iter(providers.names())

    def __len__(self) -> int:
        return len(providers.names())
