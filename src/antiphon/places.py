"""Where Antiphon keeps things: the replay store, keys, models, conversations."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["home", "replace_file", "settle"]

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


def replace_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` in place of the file in one step: a reader, or a crash, sees the old file or the new one, whole.

    `mode` is for the owner only unless it is given; the folder must be there. OSError where it cannot be written, and
    then the old file stays.
    """
    import tempfile  # costs import time, and most programs write nothing here

    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode != 0o600:
            os.chmod(temporary, mode)  # noqa: PTH101
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise
