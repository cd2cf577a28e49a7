"""Model listings, kept with their age: what each provider listed, where, and when.

One small file for each provider and address, in ``$ANTIPHON_HOME/listings``. A file holds what the provider said
of its models and nothing of who asked. It is replaced in one step, and one that cannot be read is as if missing:
a listing can always be asked for again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from .dialects import Model
from .places import replace_file

__all__ = ["Listing", "Listings", "merged", "told_together"]

log = logging.getLogger("antiphon")

VERSION = 1
LOOK = 5.0  # seconds after which the files are looked at again for a request
LARGEST = 64 << 20  # bytes; the longest listing there is (OpenRouter's) has one or two millions


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a provider listed at one address, and when.

    `fetched` is in seconds since 1970. `cached` says that it came from the file and not from the network;
    `notes` says why, where the network was asked first, and what of a new one could not be had.
    """

    provider: str
    address: str
    fetched: float
    models: tuple[Model, ...]
    cached: bool = False
    notes: tuple[str, ...] = ()

    @property
    def age(self) -> float:
        """Seconds since it was fetched; below 0 where the clock has been set back."""
        return time.time() - self.fetched

    def fresh(self, max_age: float) -> bool:
        """Whether it is not older than `max_age` seconds. One from the future is not fresh: its age is not known."""
        return 0 <= self.age <= max_age

    def row(self, model: str) -> Model | None:
        """The row of this model, by its exact name."""
        return next((row for row in self.models if row.name == model), None)


def merged(listed: Model, known: Model) -> Model:
    """`listed` with its gaps filled from `known`: field by field, what the listing says wins.

    What either refuses is refused, but for settings that the listing says it takes.
    """
    gaps = {
        field.name: getattr(known, field.name)
        for field in fields(Model)
        if field.name not in ("name", "refuses", "takes") and getattr(listed, field.name) in (None, "", {})
    }
    refuses = listed.refuses | (known.refuses - (listed.takes or frozenset()))
    takes = known.takes - listed.refuses if listed.takes is None and known.takes else listed.takes
    return replace(listed, **gaps, refuses=refuses, takes=takes)


def told_together(rows: Iterable[Model]) -> Iterator[Model]:
    """The rows, with the gaps of those that stand for another of them filled from that one."""
    named = {row.name: row for row in rows}
    for row in named.values():
        other = named.get(row.stands_for or "")
        yield row if other is None else merged(row, other)


class Listings:
    """The files of one home folder. Safe to use from many threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[tuple[int, int, int], Listing | None]] = {}
        self._rows: dict[tuple[str, str], tuple[float, dict[str, Model]]] = {}

    def get(self, provider: str, address: str) -> Listing | None:
        """What was last listed by this provider at exactly this address, or None."""
        found = self._load(self._path(provider, address))
        return found if found and (found.provider, found.address) == (provider, address) else None

    def put(self, listing: Listing) -> None:
        """Keep it in place of the one before. What cannot be written is a line in the log: the listing is at hand."""
        self._rows.clear()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(self._path(listing.provider, listing.address), listing)
        except (OSError, ValueError) as error:
            log.warning("model listing not kept: %s", error)

    def known(self, provider: str, base_url: str = "") -> Listing | None:
        """What is kept of this provider's listings, as one, or None where nothing is.

        Those from the host of `base_url`; where it is empty (the provider has no address of its own), those from
        the host that was asked last. One host may have several listings (Vertex AI has one for each maker).
        """
        found = sorted(self._all(provider), key=lambda listing: -listing.fetched)
        if base_url:
            found = [listing for listing in found if _server(listing.address) == _server(base_url)]
        if not found:
            return None
        rows: dict[str, Model] = {}
        for listing in found:
            if _server(listing.address) == _server(found[0].address):
                for row in listing.models:
                    rows.setdefault(row.name, row)
        return replace(found[0], models=tuple(rows.values()))

    def row(self, provider: str, base_url: str, model: str) -> Model | None:
        """What `known` says of one model. For every request, so the files are looked at once in a while only."""
        now = time.monotonic()
        looked, rows = self._rows.get((provider, base_url), (-LOOK, {}))
        if now - looked >= LOOK:
            listing = self.known(provider, base_url)
            rows = {row.name: row for row in listing.models} if listing else {}
            self._rows[provider, base_url] = (now, rows)
        return rows.get(model)

    def _all(self, provider: str) -> Iterator[Listing]:
        try:
            paths = sorted(self.folder.glob(f"{provider}@*.json"))
        except OSError:
            return
        for path in paths:
            listing = self._load(path)
            if listing is not None and listing.provider == provider:
                yield listing

    def _path(self, provider: str, address: str) -> Path:
        host = re.sub(r"[^a-z0-9.-]+", "_", urlsplit(address).netloc.lower())[:100]
        return self.folder / f"{provider}@{host}-{hashlib.sha256(address.encode()).hexdigest()[:8]}.json"

    def _load(self, path: Path) -> Listing | None:
        """The listing in a file, read anew only where the file has changed."""
        try:
            state = path.stat()
        except OSError:
            return None
        stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
        with self._lock:
            before = self._read.get(path)
            if before is None or before[0] != stamp:
                before = self._read[path] = (stamp, _read(path) if state.st_size <= LARGEST else None)
            return before[1]


def _server(address: str) -> str:
    return urlsplit(address).netloc.lower()


# ---------------------------------------------------------------------------------------------- files


def _write(path: Path, listing: Listing) -> None:
    document = {
        "version": VERSION,
        "provider": listing.provider,
        "address": listing.address,
        "fetched": listing.fetched,
        "models": [_as_json(model) for model in listing.models],
    }
    replace_file(path, json.dumps(document, separators=(",", ":")).encode())


def _as_json(model: Model) -> dict[str, Any]:
    """What is known of a model; sets as sorted lists."""
    values = {field.name: getattr(model, field.name) for field in fields(Model)}
    told = {name: value for name, value in values.items() if value not in (None, "", {}, frozenset())}
    return {
        name: sorted(cast("frozenset[str]", value)) if isinstance(value, frozenset) else value
        for name, value in told.items()
    }


def _read(path: Path) -> Listing | None:
    """The listing in this file, or None where it is not whole and sound."""
    try:
        document = json.loads(path.read_bytes())
        if document["version"] != VERSION:
            return None
        fetched = document["fetched"]
        if isinstance(fetched, bool) or not isinstance(fetched, int | float):
            return None
        return Listing(
            provider=_text(document["provider"]),
            address=_text(document["address"]),
            fetched=float(fetched),
            models=tuple(_model(row) for row in document["models"]),
            cached=True,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


# How each field comes back out of JSON: the types that it may have there.
_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "title", "retires", "replaced_by", "stands_for"), (str,)),
    **dict.fromkeys(("context", "max_output"), (int,)),
    **dict.fromkeys(("inputs", "outputs", "takes", "refuses"), (list,)),
    "created": (int, float),
    "details": (dict,),
}


def _model(row: Mapping[str, Any]) -> Model:
    """A row of a file as a Model. TypeError where a field is not what it must be; KeyError for an unknown one."""
    given: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, bool) or not isinstance(value, _TYPES[name]):
            raise TypeError(f"{name} is a {type(value).__name__}")
        is_list = isinstance(value, list)
        given[name] = frozenset(map(_text, cast("list[object]", value))) if is_list else value
    return Model(**given)
