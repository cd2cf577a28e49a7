"""Files of strangers: models, pictures, workflows, portable recordings, databases. Refused by type, within bounds."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import struct
import zlib
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import antiphon
from antiphon import bulk
from antiphon.errors import AntiphonError, ReplayError, RequestError
from antiphon.local.gguf import read
from antiphon.replay import packing, reading
from antiphon.replay.store import Store
from antiphon.transport import MAX_BODY
from antiphon.workflows import png, webp
from antiphon.workflows.opened import opened_bytes
from tests.local.test_gguf import WHOLE, gguf, pair, text

HERE = Path("x.png")

# ---------------------------------------------------------------------------------------------- models


def raw(name: str, kind: int, body: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + body


def head(*pairs: bytes, tensors: bytes = b"", count: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, count, len(pairs)) + b"".join(pairs) + tensors


GOOD = [pair(*item) for item in WHOLE.items()]
ONE = text("t") + struct.pack("<IQIQ", 1, 32, 8, 0)
MODELS: dict[str, bytes] = {
    "arrays in arrays": head(raw("a", 9, struct.pack("<IQ", 9, 1) * 50_000)),
    "an array of 2**63": head(raw("a", 9, struct.pack("<IQ", 4, 2**63))),
    "texts of 2**63": head(raw("a", 9, struct.pack("<IQQ", 8, 2, 2**63))),
    "a name of 2**64-1": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**64 - 1) + b"x" * 32,
    "no alignment": head(*GOOD, pair("general.alignment", 0), tensors=ONE, count=1),
    "an alignment of words": head(*GOOD, pair("general.alignment", "wide"), tensors=ONE, count=1),
    "an alignment of nothing": head(*GOOD, pair("general.alignment", ["a"]), tensors=ONE, count=1),
    "an infinite alignment": head(
        *GOOD, raw("general.alignment", 6, struct.pack("<f", float("inf"))), tensors=ONE, count=1
    ),
    "no number at all": head(
        *GOOD, raw("general.alignment", 6, struct.pack("<f", float("nan"))), tensors=ONE, count=1
    ),
    "a split of words": head(*GOOD, pair("split.count", "many"), tensors=ONE, count=1),
    "a tensor of a million dimensions": head(
        *GOOD, tensors=text("t") + struct.pack("<I", 1_000_000) + b"\xff" * 8_000_000, count=1
    ),
    "a name that is no text": head(struct.pack("<Q", 2) + b"\xff\xfe" + struct.pack("<II", 4, 1)),
    "more tensors than bytes": head(*GOOD, tensors=ONE, count=2**64 - 1),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_hostile_model_file(name: str, tmp_path: Path) -> None:
    """Each is a RequestError, at once: no hang, no exhausted stack, no other exception."""
    file = tmp_path / "m.gguf"
    file.write_bytes(MODELS[name])
    with pytest.raises(RequestError) as caught:
        read(file)
    assert caught.value.field == "model"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6))
def test_any_damage_to_a_model_file(tmp_path: Path, changes: list[tuple[int, bytes]]) -> None:
    """Whatever bytes of a good head are overwritten, it is read or refused by type."""
    data = bytearray(gguf())
    for at, piece in changes:
        data[at : at + len(piece)] = piece
    file = tmp_path / "m.gguf"
    file.write_bytes(data)
    with suppress(RequestError):
        read(file)


# ------------------------------------------------------------------------------------------- pictures


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(*chunks: bytes) -> bytes:
    return png.SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_packed_texts_share_one_limit(kind: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand chunks that each keep the limit do not get a thousand times the memory."""
    monkeypatch.setattr(png, "MAX_TEXT", 1 << 20)
    packed = zlib.compress(b" " * 1_000_000, 9)
    body = b"k\0" + (b"\0" if kind == b"zTXt" else b"\1\0\0\0") + packed
    assert len(png.texts(picture(chunk(kind, body)))) == 1
    with pytest.raises(RequestError, match="unpacks to more"):
        opened_bytes(HERE, picture(*[chunk(kind, body)] * 1000))


def test_texts_of_a_webp_do_not_lie_over_one_another() -> None:
    """Thousands of fields that point at one long text would each be a copy of it."""
    long = b"A" * 1_000_000
    count = 5_000
    fields = b"".join(struct.pack("<HHII", 0x10F, 2, len(long), 8 + 2 + 12 * count + 4) for _ in range(count))
    tiff = b"II*\0" + struct.pack("<IH", 8, count) + fields + bytes(4) + long
    body = b"EXIF" + struct.pack("<I", len(tiff)) + tiff
    data = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    with pytest.raises(RequestError, match="over one another"):
        opened_bytes(Path("x.webp"), data)
    assert webp.is_webp(data)


WORKFLOWS: dict[str, bytes] = {
    "arrays in arrays": b"[" * 1_000_000,
    "closed ones": b"[" * 5_000 + b"]" * 5_000,
    "objects in objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "texts of texts": json.dumps(json.dumps(json.dumps(json.dumps(json.dumps({"a": "[" * 500}))))).encode(),
    "just a number": b"9" * 10_000,
    "zero bytes": bytes(1000),
    "a RIFF of another kind": b"RIFF\0\0\0\0WAVE",
    "a directory outside of the file": b"RIFF\x1c\0\0\0WEBPEXIF\x10\0\0\0II*\0\xff\xff\xff\x7f" + bytes(8),
}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_hostile_workflow(name: str) -> None:
    """What is no workflow, or one without end, is a RequestError about the file."""
    with pytest.raises(RequestError) as caught:
        opened_bytes(HERE, WORKFLOWS[name])
    assert caught.value.field == "file"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([png.SIGNATURE, b"RIFF\xc0\0\0\0WEBP", b'{"nodes": ', b""]))
def test_any_bytes_as_a_workflow(data: bytes, start: bytes) -> None:
    """Any bytes are a workflow or a RequestError."""
    with suppress(RequestError):
        opened_bytes(HERE, start + data).closed()


# ------------------------------------------------------------------------------------ portable files


def test_a_line_of_nothing_but_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that keeps the limit of bytes, and would be a hundred times that as objects, is not parsed."""
    monkeypatch.setattr(bulk, "MAX_VALUES", 10_000)
    bomb = (
        json.dumps(reading.FORMAT).encode() + b'\n{"recording": [' + b"[]," * 10_000 + b'[]], "sha256": ""}\n'
    )
    store = Store(tmp_path / "replay.sqlite")
    with pytest.raises(ReplayError, match="too many values"):
        store.import_(io.BytesIO(gzip.compress(bomb)))
    assert not store.path.exists()


def test_names_in_a_portable_file_are_no_paths(tmp_path: Path) -> None:
    """A medium, key or provider called like a path is refused or kept as text: nothing is written beside the store."""
    home = tmp_path / "home"
    with closing(antiphon.Client(home=home)) as client:
        client.complete("hi", provider="echo", seed=1)
    exported = tmp_path / "a.replay"
    _export(home, exported)
    lines = gzip.decompress(exported.read_bytes()).splitlines()
    names = ("../../evil", "/etc/passwd", "..\\evil", "C:\\evil", "evil\0")
    for name in names:
        medium = json.dumps({"data": base64.b64encode(b"x").decode(), "medium": name}).encode()
        data = gzip.compress(b"\n".join([lines[0], medium, *lines[1:]]))
        with pytest.raises(ReplayError, match="SHA-256"):
            Store(tmp_path / "other" / "replay.sqlite").import_(io.BytesIO(data))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.replay", "home"]


def _export(home: Path, file: Path) -> None:
    with Store(home / "replay.sqlite") as store:
        store.export(file)


# ------------------------------------------------------------------------------------------ databases


def filled(home: Path) -> Path:
    with closing(antiphon.Client(home=home)) as client:
        client.complete("one", provider="echo", seed=1)
    return home / "replay.sqlite"


def test_a_row_that_is_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of a store is unpacked up to a limit, wherever the store is; what a row may hold is below it."""
    assert packing.MAX_UNPACKED > MAX_BODY
    monkeypatch.setattr(packing, "MAX_UNPACKED", 1 << 20)
    assert packing.unpack(packing.pack(b"a" * (1 << 20))) == b"a" * (1 << 20)
    with pytest.raises(ValueError, match="cut off"):
        packing.unpack(packing.pack(b"a" * ((1 << 20) + 1)))


def harmed(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


TABLES: dict[str, tuple[str, ...]] = {
    "a trigger that writes": (
        "CREATE TRIGGER evil AFTER INSERT ON recordings BEGIN SELECT writefile('evil', 'x'); END",
    ),
    "a trigger that loads": (
        "CREATE TRIGGER evil AFTER INSERT ON recordings BEGIN SELECT load_extension('evil'); END",
    ),
    "no table": ("DROP TABLE recordings",),
    "a view for a table": (
        "DROP TABLE recordings",
        "CREATE VIEW recordings AS SELECT 1 AS id, x'00' AS key, 'x' AS provider",
    ),
    "other columns": ("DROP TABLE recordings", "CREATE TABLE recordings (key, value)"),
    "values of other types": (
        "UPDATE recordings SET reply = 'text', question = 5, recorded_at = 'never', digest = 1.5",
    ),
    "a reply that is a bomb": (
        f"UPDATE recordings SET reply = x'{(b'z' + zlib.compress(bytes(1 << 24), 9)).hex()}'",
    ),
    "a later version": ("PRAGMA user_version=999",),
    "another program's": ("PRAGMA application_id=1",),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_hostile_store(name: str, tmp_path: Path) -> None:
    """A store made by a stranger runs nothing and breaks nothing: the answer comes with a note, or the error is typed."""
    home = tmp_path / "home"
    harmed(filled(home), *TABLES[name])
    with closing(antiphon.Client(home=home)) as client:
        told = [client.complete(prompt, provider="echo", seed=1).text for prompt in ("one", "two")]
    with Store(home / "replay.sqlite") as store:
        for look in (store.list, store.verify, store.count, lambda: store.export(tmp_path / "out")):
            with suppress(AntiphonError):
                look()
    assert told == ["one", "two"]
    assert not any(path.name == "evil" for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("which", ["history.sqlite", "jobs.sqlite", "spending.sqlite", "replay.sqlite"])
@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\0" + bytes(4096), b"\xff" * 5000, b"SQLite format 3\0"]
)
def test_files_of_the_home_that_are_no_databases(
    which: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file of the home replaced by rubbish: commands end with an answer or a typed error, never a traceback."""
    from click.testing import CliRunner

    from antiphon.cli import antiphon as command

    home = tmp_path / "home"
    filled(home)
    (home / which).write_bytes(content)
    monkeypatch.setenv("ANTIPHON_HOME", str(home))
    for arguments in (
        ["complete", "--provider", "echo", "--seed", "1", "one"],
        ["replay", "list"],
        ["replay", "verify"],
        ["jobs", "list"],
        ["spending"],
    ):
        result = CliRunner().invoke(command, arguments)
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), arguments
        assert result.exit_code != 1, (arguments, result.output)
