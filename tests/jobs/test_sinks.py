"""Records into files: whole or not there, and read again for what need not be asked again."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pyarrow.parquet
import pytest

from antiphon.errors import NotFound, RateLimited, RequestError
from antiphon.jobs.failed import Failed
from antiphon.jobs.sinks import sink

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
    with closing(Failed(path)) as found:
        assert list(found) == ["k1:b"]
        assert len(found) == 1
        assert isinstance(found["k1:b"], NotFound)
        assert found["k1:b"].message == "no"


def test_errors_for_good_outlive_kills(tmp_path: Path):
    """What failed for good is known as soon as it is added, whatever follows; a torn last line spoils no other."""
    path = tmp_path / "out.parquet"
    for key, error in (("k1:a", NotFound("no")), ("k1:b", RateLimited("later"))):
        with closing(Failed(path)) as failed:
            failed.add(key, error)
    with (tmp_path / "out.parquet.failed").open("ab") as file:
        file.write(b'\n{"key": "k1:c", "err')
    with closing(Failed(path)) as failed:
        failed.add("k1:d", NotFound("no"))
    with closing(Failed(path)) as found:
        assert list(found) == ["k1:a", "k1:d"]
        assert isinstance(found["k1:a"], NotFound)
    assert len(Failed(path, again=True)) == len(Failed(path)) == 0


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_whole_lines_at_any_time(tmp_path: Path, ending: str):
    """After each write the partial file ends with a whole line that holds what was written."""
    out = sink(tmp_path / f"out{ending}", COLUMNS)
    for record in RECORDS:
        out.write(record if ending != ".jsonl" else nested(record))
        text = (tmp_path / f"out{ending}.part").read_text()
        assert text.endswith("\n")
        assert record["key"] in text
    out.close()


def test_one_writer(tmp_path: Path):
    """An output that another process is writing is an error, and what that one writes stays whole."""
    script = f"""
import sys
from contextlib import closing
from pathlib import Path
from antiphon.jobs.sinks import sink
out = sink(Path({str(tmp_path / "out.jsonl")!r}), ())
out.write({{"index": 0}})
print("open", flush=True)
sys.stdin.readline()
out.finish()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(RequestError, match="another run is writing"):
            sink(tmp_path / "out.jsonl", ())
        other.communicate("go on\n")
    assert (tmp_path / "out.jsonl").read_text() == '{"index": 0}\n'
    again = sink(tmp_path / "out.jsonl", ())
    again.close()


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
    out.close()


def test_places_that_cannot_be(tmp_path: Path):
    """An unknown ending and a missing folder are errors before anything is asked."""
    with pytest.raises(RequestError, match="cannot tell what to write"):
        sink(tmp_path / "x.xml", ())
    with pytest.raises(RequestError, match="no folder"):
        sink(tmp_path / "no" / "x.jsonl", ())
