"""Where Antiphon keeps things: the replay store, keys, models, conversations."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["home", "settle"]

_settled: Path | None = None


def settle(folder: Path) -> None:
    """Keep things in `folder` from now on, where $ANTIPHON_HOME names no other: for a program that has its own place."""
    global _settled  # noqa: PLW0603  (one process has one home)
    _settled = folder


def home() -> Path:
    """The folder for everything: $ANTIPHON_HOME, the program's own place, or the platform's folder for user data."""
    given = os.environ.get("ANTIPHON_HOME")
    if given:
        return Path(given).expanduser()
    if _settled is not None:
        return _settled
    from platformdirs import user_data_path  # costs import time, and most imports never need it

    return user_data_path("antiphon", appauthor=False)
