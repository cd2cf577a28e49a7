"""What is known of a model file: its sum and what its head says. Looked at once, then remembered.

A file counts as the same while path, size and modification time are; the facts are kept in memory and in
`home()/models/facts.json`, so that a key is made in microseconds and a 5 GB file is summed only once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import RequestError
from ..places import home
from . import gguf

__all__ = ["Facts", "folder", "forget", "learn", "sha256"]

# Raised when the meaning of a stored fact changes.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Facts:
    """SHA-256 in hex, architecture, trained context in tokens, tensor types."""

    sha256: str
    architecture: str
    context: int
    types: tuple[str, ...]


_known: dict[tuple[str, int, int], Facts] = {}


def folder() -> Path:
    """Where pulled models and the facts about models are kept."""
    return home() / "models"


def forget() -> None:
    """Drop what is remembered in memory."""
    _known.clear()


def learn(path: Path) -> Facts:
    """The facts about this file. RequestError if there is none, or if it is no whole instruct model."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - half the cost of Path.stat, and on the way to every key
    except OSError as error:
        raise RequestError(
            f"there is no model file {path}: {error.strerror or error}",
            field="model",
            hint="`antiphon models local` lists what is here; `antiphon models pull NAME` fetches one.",
        ) from error
    token = (str(path), stat.st_size, stat.st_mtime_ns)
    if token not in _known:
        _known[token] = _recalled(token) or _studied(path, token)
    return _known[token]


def _studied(path: Path, token: tuple[str, int, int]) -> Facts:
    head = gguf.read(path)
    facts = Facts(sha256(path), head.architecture, head.context, tuple(sorted(head.types)))
    _store(token, facts)
    return facts


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _file() -> Path:
    return folder() / "facts.json"


def _all() -> dict[str, Any]:
    try:
        stored: Any = json.loads(_file().read_text("utf-8"))
        return stored["files"] if stored["format"] == FORMAT else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}  # nothing remembered yet, or nothing readable: it can all be found out again


def _recalled(token: tuple[str, int, int]) -> Facts | None:
    path, size, mtime = token
    row: Any = _all().get(path)
    try:
        known = row["facts"]
        if (row["size"], row["mtime_ns"]) != (size, mtime):
            return None
        return Facts(known["sha256"], known["architecture"], known["context"], tuple(known["types"]))
    except (TypeError, KeyError):
        return None  # no such row, or one of another make


def _store(token: tuple[str, int, int], facts: Facts) -> None:
    path, size, mtime = token
    row = {"size": size, "mtime_ns": mtime, "facts": asdict(facts)}
    files = {name: old for name, old in _all().items() if Path(name).exists()} | {path: row}
    # A folder that cannot be written costs time at the next start, nothing else.
    with contextlib.suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder(), prefix="facts", suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump({"format": FORMAT, "files": files}, out, indent=1)
        Path(name).replace(_file())
