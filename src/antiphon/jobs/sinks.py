"""Records into JSONL, CSV or Parquet: written beside the place they are meant for, and moved there when all is in.

So whoever finds the output finds all of it, and never half a line. What an earlier run wrote is read again only for
its errors, which need not be asked for a second time; the answers are in the replay store.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from .. import errors
from ..errors import AntiphonError, RequestError
from .sources import Record, opened, pyarrow

__all__ = ["ENDINGS", "Sink", "Tables", "is_flat", "remade", "settled", "sink"]

ENDINGS = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
GROUP = 1024  # records in one row group of a Parquet file


class Sink(Protocol):
    """Where records go. `finish` puts the output in its place; without it only the partial file is left."""

    def write(self, record: Record) -> None:
        """Take one record in."""
        ...

    def finish(self) -> None:
        """All records are in."""
        ...

    def close(self) -> None:
        """Stop here: what came so far stays in the partial file."""
        ...


def is_flat(path: Path | None) -> bool:
    """Whether the output at `path` is a table, with one level of columns."""
    return path is not None and path.suffix.lower() in (".csv", ".tsv", ".parquet")


def sink(path: Path | None, columns: Sequence[str]) -> Sink:
    """The sink for this path, by its ending; None is stdout, in JSONL. `columns` are those of a table.

    RequestError for an ending that is not known, or a folder that is not there.
    """
    if path is None:
        return Lines(sys.stdout.buffer)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise RequestError(
            f"cannot tell what to write by the name {path}",
            field="output",
            hint=f"End it in {', '.join(ENDINGS)}.",
        )
    if not path.parent.is_dir():
        raise RequestError(f"there is no folder {path.parent}", field="output")
    if ending == ".parquet":
        return ParquetTable(path, columns)
    if is_flat(path):
        return TextTable(path, columns, "\t" if ending == ".tsv" else ",")
    return Lines(_partial(path).open("wb"), path)


def _partial(path: Path) -> Path:
    """Where the output is while it is not complete."""
    return path.with_name(path.name + ".part")


class Lines:
    """JSON Lines. Without a path, what comes is shown at once."""

    def __init__(self, file: BinaryIO, path: Path | None = None) -> None:
        self._file = file
        self._path = path

    def write(self, record: Record) -> None:
        text = json.dumps(record, ensure_ascii=False, default=str)
        self._file.write(text.encode("utf-8", "backslashreplace") + b"\n")
        if self._path is None:
            self._file.flush()

    def finish(self) -> None:
        if self._path is not None:
            _put_in_place(self._file, self._path)

    def close(self) -> None:
        if self._path is not None:
            self._file.close()


def _put_in_place(file: BinaryIO, path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
    _partial(path).replace(path)


class TextTable:
    """CSV or TSV, with a heading."""

    def __init__(self, path: Path, columns: Sequence[str], delimiter: str) -> None:
        self._path = path
        self._file = _partial(path).open("wb")
        self._text = io.TextIOWrapper(self._file, encoding="utf-8", errors="backslashreplace", newline="")
        self._writer = csv.DictWriter(self._text, columns, restval="", delimiter=delimiter)
        self._writer.writeheader()

    def write(self, record: Record) -> None:
        self._writer.writerow(record)

    def finish(self) -> None:
        self._text.flush()
        _put_in_place(self._file, self._path)

    def close(self) -> None:
        if not self._file.closed:
            self._text.close()


class Tables:
    """Arrow tables of up to GROUP records, given to `put`. The first one decides the columns' types."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._arrow = pyarrow()
        self._columns = tuple(columns)
        self._waiting: list[Record] = []
        self._schema: Any = None

    def put(self, table: Any) -> None:
        """Take one table in."""
        raise NotImplementedError

    def write(self, record: Record) -> None:
        self._waiting.append(record)
        if len(self._waiting) >= GROUP:
            self._put_group()

    def _put_group(self) -> None:
        arrays = [self._array(name) for name in self._columns]
        if self._schema is None:
            fields = zip(self._columns, (array.type for array in arrays), strict=True)
            self._schema = self._arrow.schema(list(fields))
        self.put(self._arrow.table(arrays, schema=self._schema))
        self._waiting = []

    def _array(self, name: str) -> Any:
        values = [record.get(name) for record in self._waiting]
        kind = None if self._schema is None else self._schema.field(name).type
        if name in _KNOWN:
            kind = getattr(self._arrow, _KNOWN[name])()
        try:
            array = self._arrow.array(values, type=kind)
        except (self._arrow.ArrowInvalid, self._arrow.ArrowTypeError) as error:
            raise RequestError(
                f"the column {name!r} holds different kinds of values: {error}",
                field="output",
                hint="Write JSONL, or leave the column out of --keep.",
            ) from None
        return array if str(array.type) != "null" else self._arrow.array(values, type=self._arrow.string())

    def finish(self) -> None:
        if self._waiting or self._schema is None:
            self._put_group()

    def close(self) -> None:
        """Nothing is open."""


class ParquetTable(Tables):
    """Parquet, a row group at a time."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        super().__init__(columns)
        self._path = path
        self._writer: Any = None

    def put(self, table: Any) -> None:
        if self._writer is None:
            self._writer = self._arrow.parquet.ParquetWriter(_partial(self._path), table.schema)
        self._writer.write_table(table)

    def finish(self) -> None:
        super().finish()
        self.close()
        _partial(self._path).replace(self._path)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


# Types that an empty first group must not decide, by the names of pyarrow's functions.
_KNOWN: Mapping[str, str] = {
    "index": "int64",
    "replayed": "bool_",
    "usage.input_tokens": "int64",
    "usage.output_tokens": "int64",
    "usage.cost": "float64",
    "error.status": "int64",
    "error.again": "bool_",
}


# --------------------------------------------------------------------------------- what was written before


def settled(path: Path | None) -> dict[str, AntiphonError]:
    """Errors by key that an earlier run at `path` ended with and that asking again would not change."""
    found: dict[str, AntiphonError] = {}
    if path is None:
        return found
    for file in (path, _partial(path)):
        if file.exists():
            found |= dict(_settled(file, path.suffix))
    return found


def _settled(file: Path, ending: str) -> Iterator[tuple[str, AntiphonError]]:
    """What cannot be read (the torn end of a partial file) settles nothing."""
    try:
        for record in opened(file, {".ndjson": "jsonl"}.get(ending, ending[1:])).rows():
            error = _nested(record)
            key = record.get("key")
            if isinstance(key, str) and error and error.get("again") in (False, "False"):
                yield key, remade(error)
    except (RequestError, OSError, ValueError):
        return


def _nested(record: Record) -> Record:
    """The error in a record, whether it stands in one column or in several."""
    error = record.get("error")
    if isinstance(error, dict):
        return cast("Record", error)
    flat = {name.partition(".")[2]: value for name, value in record.items() if name.startswith("error.")}
    return flat if flat.get("type") else {}


def remade(error: Record) -> AntiphonError:
    """The error that a record of it (`error_object`) tells of, as far as it does."""
    kind = getattr(errors, str(error.get("type")), AntiphonError)
    kind = kind if isinstance(kind, type) and issubclass(kind, AntiphonError) else AntiphonError
    made = kind(str(error.get("message", "")))
    for name in ("status", "provider", "code", "request_id", "reason", "field"):
        if error.get(name) not in (None, "") and hasattr(made, name):
            setattr(made, name, int(error[name]) if name == "status" else error[name])
    return made
