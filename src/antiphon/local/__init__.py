"""The embedded model: llama.cpp in a child process, and the GGUF files it runs.

`unload()` ends the child processes and gives back their memory; `status()` says what is loaded. `resolve`,
`installed`, `remove`, `pull` and `CATALOGUE` are about model files.
"""

from __future__ import annotations

from .engine import Status, status, unload
from .hub import Progress, pull
from .models import BUNDLED, CATALOGUE, CATALOGUE_DATE, Listed, LocalModel, installed, remove, resolve

__all__ = [
    "BUNDLED",
    "CATALOGUE",
    "CATALOGUE_DATE",
    "Listed",
    "LocalModel",
    "Progress",
    "Status",
    "installed",
    "notice",
    "pull",
    "remove",
    "resolve",
    "status",
    "unload",
]


def notice(model: str = "") -> str:
    """What a person should know who chooses this model; empty if there is nothing to say."""
    if model not in ("", BUNDLED):
        return ""
    return (
        f"{BUNDLED} is a proof that all works, not a writer. For real work: antiphon models pull qwen3-1.7b "
        "(`antiphon models local` lists more)."
    )
