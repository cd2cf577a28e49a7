"""Records into files: whole or not there, and read again for what need not be asked again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from antiphon.errors import NotFound, RequestError
from antiphon.jobs.sinks import settled, sink

COLUMNS = ("index", "key", "text", "error.type", "error.message", "error.again")
RECORDS: list[dict[str, Any]] = [
    {"index": 0, "key": "k1:a", "text": "é\n\ud800", "error.type": None, "error.message": None, "error.again": None},
    {"index": 1, "key": "k1:b", "text": None, "error.type": "NotFound", "error.message": "no", "error.again": False},
    {"index": 2, "key": "k1:c", "text": None, "error.type": "RateLimited", "error.message": "later", "error.again": True},
]  # fmt: skip


def nested(record: dict[str, Any]) -> dict[str, Any]:
    error = {name.partition(".")[2]: value for name, value in record.items() if name.startswith("error.")}
    return {"index": record["index"], "key": record["key"], "text": record["text"], "error": error}


def written(path: Path, records: list[dict[str, Any]]) -> None:
    out = sink(path, COLUMNS)
    for record in records:
        out.write(record if path.suffix != ".jsonl" else nested(record))
    out.finish()
    out.close()


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".tsv", ".parquet"])
def test_nothing_is_in_place_before_the_end(tmp_path: Path, ending: str):
    """Until all is in, only the partial file is there; then only the output."""
    path = tmp_path / f"out{ending}"
    records = RECORDS if ending != ".parquet" else [{**RECORDS[0], "text": "é"}, *RECORDS[1:]]
    out = sink(path, COLUMNS)
    for record in records:
        out.write(record if ending != ".jsonl" else nested(record))
    assert not path.exists()
    out.finish()
    out.close()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_is_written_can_be_read(tmp_path: Path):
    """JSONL, CSV and Parquet hold the same rows."""
    plain = [{**record, "text": "é\n"} for record in RECORDS]
    for ending in (".jsonl", ".csv", ".parquet"):
        written(tmp_path / f"o{ending}", plain)
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    with (tmp_path / "o.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    table = pyarrow.parquet.read_table(tmp_path / "o.parquet").to_pylist()
    assert (
        [line["text"] for line in lines] == [cell["text"] for cell in cells] == [row["text"] for row in table]
    )
    assert table == plain


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_errors_for_good_are_remembered(tmp_path: Path, ending: str):
    """Errors that asking again would not change are found by their key, with their type; others are not."""
    path = tmp_path / f"out{ending}"
    written(path, [{**RECORDS[0], "text": "x"}, *RECORDS[1:]])
    found = settled(path)
    assert list(found) == ["k1:b"]
    assert isinstance(found["k1:b"], NotFound)
    assert found["k1:b"].message == "no"


def test_a_torn_partial_file(tmp_path: Path):
    """The half line that a kill leaves settles nothing, and what stands before it counts."""
    partial = tmp_path / "out.jsonl.part"
    partial.write_text(json.dumps(nested(RECORDS[1])) + "\n" + '{"index": 2, "ke')
    assert list(settled(tmp_path / "out.jsonl")) == ["k1:b"]
    (tmp_path / "out.parquet.part").write_bytes(b"PAR1 torn")
    assert settled(tmp_path / "out.parquet") == {}


def test_later_groups_keep_the_types(tmp_path: Path):
    """Parquet: a column that is empty in the first group is text, and numbers stay numbers over many groups."""
    path = tmp_path / "out.parquet"
    written(path, [{**RECORDS[1], "index": i, "text": None if i < 2000 else "late"} for i in range(3000)])
    table = pyarrow.parquet.read_table(path)
    assert table.num_rows == 3000
    assert str(table.schema.field("index").type) == "int64"
    assert table.column("text").to_pylist()[-1] == "late"


def test_a_column_of_many_kinds(tmp_path: Path):
    """Parquet: values that do not fit the column are a typed error that names it."""
    out = sink(tmp_path / "out.parquet", ("index", "mixed"))
    out.write({"index": 0, "mixed": 1})
    out.write({"index": 1, "mixed": "one"})
    with pytest.raises(RequestError, match="'mixed' holds different kinds"):
        out.finish()


def test_places_that_cannot_be(tmp_path: Path):
    """An unknown ending and a missing folder are errors before anything is asked."""
    with pytest.raises(RequestError, match="cannot tell what to write"):
        sink(tmp_path / "x.xml", ())
    with pytest.raises(RequestError, match="no folder"):
        sink(tmp_path / "no" / "x.jsonl", ())
