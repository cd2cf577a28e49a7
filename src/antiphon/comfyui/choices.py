"""What the combos of the pack's own nodes offer. No ComfyUI in here.

A combo is a help, not a fence: every node lifts ComfyUI's check of its list, so any other text works as well.
Schemas are asked for when ComfyUI starts and whenever a page loads, so nothing here uses a network, and what costs
time to import is imported only once ComfyUI serves pages (`live`).
"""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from .models import APIS

__all__ = [
    "BUNDLED",
    "DEFAULT",
    "LEVELS",
    "MODALITIES",
    "REPLAY",
    "dialects",
    "first_provider",
    "local_models",
    "models",
    "providers",
]

DEFAULT = "default"
BUNDLED = "smollm2-135m-instruct"
LEVELS = (DEFAULT, "off", "low", "medium", "high")
REPLAY = ("auto", "refresh", "only", "off")
MODALITIES: dict[str, tuple[str, ...]] = {
    DEFAULT: (),
    "text": ("text",),
    "image": ("image",),
    "text+image": ("text", "image"),
}
FRESH = 5.0  # seconds for which a list is not made again: ComfyUI asks for schemas many times in a row


@cache
def providers() -> tuple[str, ...]:
    """The names of all providers. Importing them is left to the node that needs one."""
    return _files("providers")


def first_provider() -> str:
    """The one that a new node holds: the first of the original pack's."""
    return next(iter(APIS.values())).provider


@cache
def dialects() -> tuple[str, ...]:
    """The default one, and the names of all dialects."""
    return (DEFAULT, *_files("dialects"))


def _files(package: str) -> tuple[str, ...]:
    spec = find_spec(f"{__name__.split('.comfyui', maxsplit=1)[0]}.{package}")
    folders = spec.submodule_search_locations if spec else None
    names = (found.name for found in pkgutil.iter_modules(folders))
    return tuple(sorted(name for name in names if not name.startswith("_")))


class _Kept:
    """A list that is made again after a while."""

    def __init__(self, make: Callable[[], Iterable[str]]) -> None:
        self.make = make
        self.names: tuple[str, ...] = ()
        self.until = 0.0

    def get(self) -> tuple[str, ...]:
        now = time.monotonic()
        if now >= self.until:
            self.until = now + FRESH
            with suppress(OSError):
                self.names = tuple(dict.fromkeys(self.make()))
        return self.names


def _listed() -> Iterable[str]:
    """What was listed at any provider before, then what the table of facts has."""
    from ..listings import Listings
    from ..places import home
    from ..providers._facts import TABLE, read

    kept = Listings(home() / "listings")
    for provider in providers():
        found = kept.known(provider)
        yield from (model.name for model in found.models) if found else ()
    for row in read(TABLE):
        yield from row.examples


_models = _Kept(_listed)


def models(*, live: bool) -> list[str]:
    """The provider's (or the API node's) own, then every model name that is known here without a network."""
    return [DEFAULT, *(_models.get() if live else ())]


def _installed() -> Iterable[str]:
    from ..local.models import installed

    return [model.name for model in installed()]


_local = _Kept(_installed)


def local_models(files: Iterable[str], *, live: bool) -> list[str]:
    """The bundled model, those that were pulled, then the GGUF `files` of ComfyUI's own folder."""
    ggufs = [Path(name).as_posix() for name in files if name.lower().endswith(".gguf")]
    return list(dict.fromkeys((BUNDLED, *(_local.get() if live else ()), *ggufs)))
