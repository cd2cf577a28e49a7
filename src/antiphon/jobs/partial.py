"""The output while it is not complete: a file beside its place, that holds whole pieces only and has one writer."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path

from ..errors import RequestError
from ..replay.lease import hold

__all__ = ["Partial", "beside"]


def beside(path: Path, ending: str = ".part") -> Path:
    """Where the output at `path` is while it is not complete."""
    return path.with_name(path.name + ending)


class Partial:
    """The partial file of `path`, empty. Each `write` is in the file when it returns, as a whole or not at all.

    So whoever follows the file, or looks at what a kill has left, finds whole lines; only a kill in the very middle of
    the system's own copying can tear the last one. RequestError where it cannot be made, or another process is
    writing it; OSError from the others.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = beside(path)
        self._size = 0
        try:
            self._file = self._alone()
            self._file.truncate(0)
        except OSError as error:
            raise RequestError(
                f"the output {self._partial} cannot be made: {error.strerror or error}",
                field="output",
                hint="Check the folder and who owns it, or choose another.",
            ) from error

    def _alone(self) -> io.FileIO:
        """The file, opened, with the right to write it; not one that another run has just put in its place."""
        while True:
            file = io.FileIO(os.open(self._partial, os.O_RDWR | os.O_CREAT | _BINARY, 0o666), "r+")
            if not hold(file.fileno()):
                file.close()
                raise RequestError(
                    f"another run is writing {self._partial}",
                    field="output",
                    hint="Wait for it, or end it, or choose another output.",
                )
            if _is_at(file, self._partial):
                return file
            file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, piece: bytes) -> None:
        """Add `piece`. Where the disk is full nothing of it stays."""
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._size)
            raise
        self._size += len(piece)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """All is in the file already; those ask who write to any file."""

    def put_in_place(self) -> None:
        """The file is complete: bring it to the disk, and move it to where it was meant for."""
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self._path)

    def close(self) -> None:
        """Leave it as it is."""
        self._file.close()


_BINARY = getattr(os, "O_BINARY", 0)


def _is_at(file: io.FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False
