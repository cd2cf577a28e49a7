"""Rows of columns from JSONL, CSV, text, Parquet, a folder of files, or stdin. Read as they are needed, never all at once."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, cast

from ..errors import RequestError

__all__ = ["FORMATS", "Record", "Source", "needed", "opened", "pyarrow"]

Record: TypeAlias = "dict[str, Any]"
Format = Literal["jsonl", "csv", "tsv", "txt", "parquet", "folder"]
FORMATS: tuple[Format, ...] = ("jsonl", "csv", "tsv", "txt", "parquet", "folder")

_BY_SUFFIX: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "txt",
    ".parquet": "parquet",
}
TEXTS = frozenset({".txt", ".md", ".caption"})
MEDIA = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".gif", ".heic", ".avif", ".bmp", ".tif", ".tiff", ".pdf"}
    | {".wav", ".mp3", ".flac", ".ogg", ".m4a", ".mp4", ".webm", ".mov"}
)
CELL = 64 * 1024 * 1024  # the longest CSV field that is read, in characters


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from: a path, or None for stdin.

    `folder` is where relative paths in the rows start; `total` counts the rows where that is cheap, else None.
    """

    path: Path | None
    format: Format

    @property
    def folder(self) -> Path:
        if self.path is None:
            return Path()
        return self.path if self.format == "folder" else self.path.parent

    @property
    def media_column(self) -> str | None:
        """The column that holds the path of a medium in every row that has one, if the source makes one."""
        return "media" if self.format == "folder" else None

    def total(self) -> int | None:
        """How many rows there are, or None where only reading all of them would tell (stdin, CSV)."""
        if self.path is None or self.format in ("csv", "tsv"):
            return None
        if self.format == "folder":
            return sum(1 for _ in _files(self.path))
        if self.format == "parquet":
            return int(pyarrow().parquet.ParquetFile(self.path).metadata.num_rows)
        with self.path.open("rb") as file:
            return sum(1 for line in file if line.strip())

    def rows(self) -> Iterator[Record]:
        """The rows, in order. RequestError names the line that cannot be read."""
        if self.format == "folder":
            assert self.path is not None
            yield from _folder(self.path)
        elif self.format == "parquet":
            yield from self._parquet_rows()
        elif self.path is None:
            yield from _lines(self.format, sys.stdin.buffer, "stdin")
        else:
            with self.path.open("rb") as file:
                yield from _lines(self.format, file, str(self.path))

    def _parquet_rows(self) -> Iterator[Record]:
        if self.path is None:
            raise RequestError("Parquet cannot be read from stdin", field="input", hint="Give its path.")
        for batch in pyarrow().parquet.ParquetFile(self.path).iter_batches(batch_size=1024):
            yield from cast("Iterable[Record]", batch.to_pylist())


def opened(path: Path | None, kind: str | None = None) -> Source:
    """The source at `path` (None: stdin), its format told by `kind`, or by what it is. RequestError if it is not there."""
    if kind is not None and kind not in FORMATS:
        raise RequestError(f"format must be one of {', '.join(FORMATS)}, not {kind!r}", field="format")
    chosen: Format | None = kind
    if path is None:
        return Source(None, chosen or "jsonl")
    if path.is_dir():
        return Source(path, "folder")
    if not path.exists():
        raise RequestError(f"there is no {path}", field="input")
    chosen = chosen or _BY_SUFFIX.get(path.suffix.lower())
    if chosen is None:
        raise RequestError(
            f"cannot tell what {path} holds by its name",
            field="format",
            hint=f"Say it: --format {'|'.join(FORMATS[:-1])}.",
        )
    return Source(path, chosen)


def pyarrow() -> Any:
    """The package pyarrow. RequestError says how to get it."""
    return needed(
        "pyarrow",
        "parquet",
        error=RequestError(
            "Parquet needs the package pyarrow",
            field="format",
            hint="Install it: pip install 'antiphon[parquet]'.",
        ),
    )


def needed(package: str, part: str, *, error: RequestError) -> Any:
    """A package of an extra, with one of its parts imported; `error` where it is not installed."""
    try:
        found = import_module(package)
        import_module(f"{package}.{part}")
    except ImportError as problem:
        raise error from problem
    return found


# ---------------------------------------------------------------------------------------------- text


def _lines(kind: Format, file: BinaryIO, name: str) -> Iterator[Record]:
    if kind in ("csv", "tsv"):
        yield from _csv(_text(file, name), name, "\t" if kind == "tsv" else ",")
        return
    for number, line in enumerate(_text(file, name), 1):
        if line.strip():
            yield {"prompt": line.rstrip("\r\n")} if kind == "txt" else _object(line, f"{name}:{number}")


def _text(file: BinaryIO, name: str) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        yield _decoded(line, f"{name}:{number}", "utf-8-sig" if number == 1 else "utf-8")


def _decoded(line: bytes, place: str, encoding: str) -> str:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        raise RequestError(f"{place} is not UTF-8 (byte {error.start} of the line)", field="input") from None


def _object(line: str, place: str) -> Record:
    """One line of JSONL: an object of columns, or just a prompt."""
    try:
        value: object = json.loads(line)
    except ValueError as error:
        raise RequestError(f"{place} is not JSON: {error}", field="input") from None
    except RecursionError:
        raise RequestError(f"{place} is nested too deeply", field="input") from None
    if isinstance(value, str):
        return {"prompt": value}
    if not isinstance(value, dict):
        raise RequestError(f"{place} is neither an object nor a text", field="input")
    return cast("Record", value)


def _csv(lines: Iterator[str], name: str, delimiter: str) -> Iterator[Record]:
    csv.field_size_limit(CELL)
    reader = csv.DictReader(lines, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if None in row:
                raise RequestError(
                    f"{name}:{reader.line_num} has more cells than there are columns", field="input"
                )
            yield cast("Record", row)
    except csv.Error as error:
        raise RequestError(
            f"{name} is not CSV after line {reader.line_num}: {error}", field="input"
        ) from None


# -------------------------------------------------------------------------------------------- folders


def _files(folder: Path) -> Iterator[Path]:
    """The text and media files in a folder and below, in the order of their names; hidden ones are left out."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        known = path.suffix.lower() in TEXTS | MEDIA
        if known and path.is_file() and not any(part.startswith(".") for part in inside.parts):
            yield path


def _folder(folder: Path) -> Iterator[Record]:
    for path in _files(folder):
        file = path.relative_to(folder).as_posix()
        row: Record = {"file": file, "name": path.stem}
        if path.suffix.lower() in MEDIA:
            yield {**row, "media": file}
            continue
        try:
            yield {**row, "text": path.read_text(encoding="utf-8-sig")}
        except UnicodeDecodeError as error:
            raise RequestError(f"{path} is not UTF-8 text (byte {error.start})", field="input") from None
