"""Rows from every kind of file, and what is said of files that are not what they seem."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet
import pytest

from antiphon.errors import RequestError
from antiphon.jobs.sources import opened

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


def put(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "rows", "total"),
    [
        ("a.jsonl", '{"a": 1}\n\n{"a": [2]}\n"just a prompt"', [{"a": 1}, {"a": [2]}, {"prompt": "just a prompt"}], 3),
        ("a.ndjson", '\ufeff{"a": "é"}', [{"a": "é"}], 1),
        ("a.csv", 'a,b\n1,"x, ""y""\nz"\n2,\n', [{"a": "1", "b": 'x, "y"\nz'}, {"a": "2", "b": ""}], None),
        ("a.tsv", "a\tb\n1\t2\n", [{"a": "1", "b": "2"}], None),
        ("a.txt", "one\n\n  two\r\n", [{"prompt": "one"}, {"prompt": "  two"}], 2),
    ],
)  # fmt: skip
def test_text(tmp_path: Path, name: str, content: str, rows: list[Any], total: int | None):
    """JSONL, CSV, TSV and lines of text, told by the name; empty lines are no rows."""
    source = opened(put(tmp_path, name, content))
    assert list(source.rows()) == rows
    assert source.total() == total


def test_parquet(tmp_path: Path):
    """Parquet with a picture in it, as data sets hold them."""
    rows = [{"id": 1, "image": {"bytes": PNG, "path": "a.png"}}, {"id": 2, "image": None}]
    pyarrow.parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    source = opened(tmp_path / "a.parquet")
    assert list(source.rows()) == rows
    assert source.total() == 2


def test_a_folder(tmp_path: Path):
    """Media and texts in the order of their names, from folders below too; hidden and other files are left out."""
    put(tmp_path, "b/x.png", PNG)
    put(tmp_path, "a.md", "\ufeffhello")
    put(tmp_path, ".hidden/y.png", PNG)
    put(tmp_path, "c.exe", b"")
    source = opened(tmp_path)
    assert list(source.rows()) == [
        {"file": "a.md", "name": "a", "text": "hello"},
        {"file": "b/x.png", "name": "x", "media": "b/x.png"},
    ]
    assert (source.total(), source.folder, source.media_column) == (2, tmp_path, "media")


def test_stdin(monkeypatch: pytest.MonkeyPatch):
    """Without a path rows come from stdin, as JSONL unless it is said otherwise."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}\n')))
    assert list(opened(None).rows()) == [{"a": 1}]
    assert opened(None).total() is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"a": 1}\n{"a": ', r"a\.jsonl:2 is not JSON"),
        ("a.jsonl", "[1]", r"a\.jsonl:1 is neither an object nor a text"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl:1"),
        ("a.jsonl", b'{"a": "\xff"}', r"a\.jsonl:1 is not UTF-8 \(byte 7"),
        ("a.csv", "a,b\n1,2,3\n", r"a\.csv:2 has more cells"),
        ("a.csv", 'a\n"x"y\n', r"a\.csv is not CSV after line 1"),
        ("folder/a.txt", b"\xff", "not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: Any, message: str):
    """A damaged line is a typed error with the file and the line."""
    path = put(tmp_path, name, content)
    source = opened(path.parent if "/" in name else path)
    with pytest.raises(RequestError, match=message):
        list(source.rows())


def test_what_is_not_there_or_not_known(tmp_path: Path):
    """A missing file, an unknown ending and an unknown format are errors before anything is asked."""
    with pytest.raises(RequestError, match="there is no"):
        opened(tmp_path / "nothing.jsonl")
    with pytest.raises(RequestError, match="cannot tell"):
        opened(put(tmp_path, "a.xyz", ""))
    with pytest.raises(RequestError, match="format must be one of"):
        opened(None, "xml")


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Parquet without its package is an error that names the command."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RequestError) as caught:
        list(opened(put(tmp_path, "a.parquet", b"")).rows())
    assert "antiphon[parquet]" in caught.value.hint
