"""Where Antiphon keeps things: the replay store, keys, models, conversations."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["home"]


def home() -> Path:
    """The folder for everything: $ANTIPHON_HOME, or the platform's folder for user data."""
    given = os.environ.get("ANTIPHON_HOME")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_data_path  # costs import time, and most imports never need it

    return user_data_path("antiphon", appauthor=False)
