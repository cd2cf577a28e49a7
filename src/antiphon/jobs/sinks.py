"""Records into JSONL, CSV or Parquet: written beside the place they are meant for, and moved there when all is in.

So whoever finds the output finds all of it, and never half a line. What an earlier run found out is in the replay
store, and its errors are in `failed`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ..errors import RequestError
from .partial import Partial
from .sources import Record, pyarrow

__all__ = ["ENDINGS", "Sink", "Tables", "is_flat", "sink"]

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

    RequestError for an ending that is not known, a folder that is not there or cannot be written to, and an output that
    another run is writing.
    """
    if path is None:
        return Shown(sys.stdout.buffer)
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
        return TextTable(Partial(path), columns, "\t" if ending == ".tsv" else ",")
    return Lines(Partial(path))


# What a terminal would obey: DEL and C1 controls, line and paragraph separators, bidirectional overrides.
_OBEYED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class Shown:
    """JSON Lines on a stream; what comes is shown at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._terminal = file.isatty()

    def write(self, record: Record) -> None:
        line = _line(record)
        if self._terminal:  # JSON leaves these as they are; escaped they say the same
            line = _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", line.decode()).encode()
        self._file.write(line)
        self._file.flush()

    def finish(self) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """The stream is not ours to close."""


class Lines:
    """JSON Lines in a file."""

    def __init__(self, partial: Partial) -> None:
        self._partial = partial

    def write(self, record: Record) -> None:
        self._partial.write(_line(record))

    def finish(self) -> None:
        self._partial.put_in_place()

    def close(self) -> None:
        self._partial.close()


def _line(record: Record) -> bytes:
    text = json.dumps(record, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace") + b"\n"


class TextTable:
    """CSV or TSV, with a heading."""

    def __init__(self, partial: Partial, columns: Sequence[str], delimiter: str) -> None:
        self._partial = partial
        self._text = io.StringIO(newline="")
        self._writer = csv.DictWriter(self._text, columns, restval="", delimiter=delimiter)
        self._writer.writeheader()
        self._hand_on()

    def write(self, record: Record) -> None:
        self._writer.writerow(record)
        self._hand_on()

    def _hand_on(self) -> None:
        self._partial.write(self._text.getvalue().encode("utf-8", "backslashreplace"))
        self._text.seek(0)
        self._text.truncate()

    def finish(self) -> None:
        self._partial.put_in_place()

    def close(self) -> None:
        self._partial.close()


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
        self._partial = Partial(path)
        self._writer: Any = None

    def put(self, table: Any) -> None:
        if self._writer is None:
            self._writer = self._arrow.parquet.ParquetWriter(self._partial, table.schema)
        self._writer.write_table(table)

    def finish(self) -> None:
        super().finish()
        self._close_writer()
        self._partial.put_in_place()

    def close(self) -> None:
        try:
            self._close_writer()
        finally:
            self._partial.close()

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


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
