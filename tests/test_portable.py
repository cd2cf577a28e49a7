"""Portable files: what is exported comes back the same on another machine, and no file can do harm."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.call import Reply, Timings
from antiphon.errors import ReplayError
from antiphon.replay import Store, canonical, key, portable, reading
from antiphon.request import Config, Media, Message, Request, Schema

from .test_replay import everywhere, opened

PICTURE = Media.from_bytes(b"\x89PNG\r\n\x1a\n" + random.Random(0).randbytes(3_000), name="cat.png")


def asked(seed: int, *media: Media, provider: str = "echo") -> Request:
    config = Config(model="m", temperature=0.1, extra={"é": 1e22}, response_format=Schema({"b": 1, "a": 2}))
    return Request(
        provider=provider, messages=(Message("user", f"cat {seed} 🐈", *media),), config=config, seed=seed
    )


def record(store: Store, request: Request, body: bytes = b"{}") -> str:
    sent = json.dumps({"images": [m.data_url for m in request.media], "seed": request.seed}).encode()
    headers = {"content-type": "application/json", "x-request-id": "r\udcff"}
    reply = Reply(200, body, headers, Timings(0.25, None, 1.5))
    store.put(request, key(request), sent=sent, reply=reply)
    return key(request)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    now = iter(range(1_000, 10_000))
    with opened(request, tmp_path / "here" / "replay.sqlite", lambda: next(now) + 0.125) as store:
        yield store


@pytest.fixture
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request, tmp_path / "there" / "replay.sqlite") as store:
        yield store


def filled(store: Store) -> list[str]:
    """Text and bytes as replies, a seed of 70 bits, two recordings with the same picture."""
    return [
        record(store, asked(1), '{"text": "é \u2028"}'.encode()),
        record(store, asked(2**70, PICTURE), bytes(range(256))),
        record(store, asked(3, PICTURE, provider="openai"), b"data: 1\n\ndata: 2\n\n"),
    ]


@everywhere("store")
@everywhere("other")
def test_export_and_import(store: Store, other: Store, tmp_path: Path):
    """On another machine every recording is the same: reply, request, sent body, time, media, order."""
    keys = filled(store)
    assert store.export(tmp_path / "file") == 3
    assert other.import_(tmp_path / "file") == portable.Imported(new=3)
    assert [store.show(it) for it in keys] == [other.show(it) for it in keys]
    assert [store.get(it).reply.timings for it in keys] == [other.get(it).reply.timings for it in keys]
    assert list(store.list()) == list(other.list())
    assert other.verify()
    assert other.export(tmp_path / "again") == 3
    assert (tmp_path / "again").read_bytes() == (tmp_path / "file").read_bytes()


@everywhere("store")
@everywhere("other")
def test_selection(store: Store, other: Store):
    """Only what is asked for is exported: by key, by provider, by text; media come along where they are needed."""
    keys = filled(store)

    def exported(**selection: Any) -> list[str]:
        file = io.BytesIO()
        store.export(file, **selection)
        recordings = [json.loads(line) for line in gzip.decompress(file.getvalue()).splitlines()]
        return [it["recording"]["key"] for it in recordings if "recording" in it]

    assert exported(keys=[keys[2], keys[0]]) == [keys[0], keys[2]]
    assert exported(provider="openai") == [keys[2]]
    assert exported(contains="CAT 1 ") == [keys[0]]
    assert exported(since=1_001) == keys[1:]
    assert exported(keys=[]) == []
    with pytest.raises(ReplayError, match=key(asked(9))):
        exported(keys=[key(asked(9))])


def test_the_file_is_as_documented(store: Store, tmp_path: Path):
    """Gzip of JSON lines: what it is, media before who needs them, recordings with their sums, the counts."""
    filled(store)
    store.export(tmp_path / "file")
    lines = gzip.decompress((tmp_path / "file").read_bytes()).splitlines()
    kinds = [sorted(json.loads(line)) for line in lines]
    recording = ["recording", "sha256"]
    assert kinds == [["antiphon", "version"], recording, ["data", "medium"], recording, recording, ["end"]]
    whole = json.loads(lines[1])
    text = lines[1].split(b'"recording":', 1)[1].rsplit(b',"sha256":', 1)[0]
    assert hashlib.sha256(text).hexdigest() == whole["sha256"]
    assert whole["recording"]["request"] == json.loads(canonical(asked(1)))
    assert whole["recording"]["reply"]["body"] == '{"text": "é \u2028"}'
    assert json.loads(lines[3])["recording"]["reply"]["body"] == {
        "base64": b64encode(bytes(range(256))).decode()
    }


@everywhere("store")
@everywhere("other")
def test_nothing_to_export(store: Store, other: Store, tmp_path: Path):
    """An empty store gives a good file with nothing in it."""
    assert store.export(tmp_path / "file") == 0
    assert other.import_(tmp_path / "file") == portable.Imported()


@everywhere("store")
@everywhere("other")
def test_what_is_here_already(store: Store, other: Store, tmp_path: Path):
    """The same reply is counted as the same; another one stays, unless it is to be replaced."""
    keys = filled(store)
    store.export(tmp_path / "file")
    record(other, asked(1), '{"text": "é \u2028"}'.encode())
    record(other, asked(3, PICTURE, provider="openai"), b"mine")
    assert other.import_(tmp_path / "file") == portable.Imported(new=1, same=1, conflicting=1)
    assert other.get(keys[2]).reply.body == b"mine"
    assert other.import_(tmp_path / "file", replace=True) == portable.Imported(same=2, conflicting=1)
    assert other.get(keys[2]).reply.body == b"data: 1\n\ndata: 2\n\n"
    assert other.verify()


def test_many(store: Store, other: Store, monkeypatch: pytest.MonkeyPatch):
    """More than one group of recordings, through streams, one of which cannot be read twice."""
    monkeypatch.setattr(portable, "GROUP", 3)
    monkeypatch.setattr(portable, "GROUP_SIZE", 2_000)
    for seed in range(10):
        record(store, asked(seed, *([PICTURE] if seed % 4 == 1 else [])))
    file = io.BytesIO()
    assert store.export(file) == 10

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert other.import_(Pipe(file.getvalue())).new == 10
    assert list(store.list()) == list(other.list())
    file.seek(0)
    assert other.import_(file).same == 10


def test_a_path_is_written_whole_or_not_at_all(store: Store, tmp_path: Path):
    """An export that fails leaves the file that was there, and no other."""
    keys = filled(store)
    (tmp_path / "out").mkdir()
    file = tmp_path / "out" / "file"
    file.write_bytes(b"before")
    with pytest.raises(ReplayError, match="recorded"):
        store.export(file, keys=[keys[0], key(asked(9))])
    assert [(it.name, it.read_bytes()) for it in file.parent.iterdir()] == [("file", b"before")]
    with pytest.raises(ReplayError, match="cannot write"):
        store.export(tmp_path / "no" / "such" / "folder")


@everywhere("store")
def test_damage_is_not_exported(store: Store, tmp_path: Path):
    """A recording that does not match its sums, or lost its picture, is an error that names it."""
    keys = filled(store)
    with store.database.writing() as db:
        db.execute("DELETE FROM blobs")
    with pytest.raises(ReplayError, match=rf"{keys[1]}.*missing"):
        store.export(tmp_path / "file")
    with store.database.writing() as db:
        db.execute("UPDATE recordings SET digest = ?", (bytes(32),))
    with pytest.raises(ReplayError, match=f"{keys[0]}.*SHA-256"):
        store.export(tmp_path / "file")


# ---------------------------------------------------------------------------------------- hostile files

Line = dict[str, Any]
Harm = Callable[[list[Line]], object]


def signed(line: Line) -> None:
    """Make the sum right again, as somebody who changes a file on purpose would."""
    line["sha256"] = reading.record_sum(line["recording"])


def rewritten(*path: str, value: Any, resigned: bool = True) -> Harm:
    """A change in the second recording (the one that brings the picture)."""

    def harm(lines: list[Line]) -> None:
        at: Any = lines[3]["recording"]
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = value
        if resigned:
            signed(lines[3])

    return harm


def rekeyed(change: Callable[[Line], object]) -> Harm:
    """A change of the request with a key that fits."""

    def harm(lines: list[Line]) -> None:
        recording = lines[3]["recording"]
        change(recording["request"])
        text = json.dumps(recording["request"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        recording["key"] = "k1:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        signed(lines[3])

    return harm


def medium_of(request: Line) -> Line:
    return request["messages"][0]["parts"][1]


HOSTILE: dict[str, tuple[Harm, str]] = {
    "no first line": (lambda lines: lines.pop(0), "line 1: it is not"),
    "another version": (lambda lines: lines[0].update(version=2), "line 1: it is not"),
    "no last line": (lambda lines: lines.pop(), "cut off"),
    "a recording left out": (lambda lines: lines.pop(1), "counts"),
    "something after the end": (lambda lines: lines.append({"end": {}}), "something follows"),
    "wrong counts": (lambda lines: lines[-1]["end"].update(recordings=9), "counts"),
    "an unknown line": (lambda lines: lines.insert(1, {"pickle": "gASVAAAA"}), "line 2: neither"),
    "a line with more": (lambda lines: lines[1].update(path="../../etc/passwd"), "line 2: neither"),
    "a list as a line": (lambda lines: lines.insert(1, [1]), "line 2: not JSON: a JSON object was"),  # type: ignore[arg-type]
    "a changed reply": (rewritten("reply", "body", value="x", resigned=False), "line 4.*match its SHA-256"),
    "a key of another": (rewritten("key", value="k1:" + "0" * 64), "line 4, k1:000.*not the key"),
    "no key": (lambda lines: (lines[1]["recording"].pop("key"), signed(lines[1])), "'key' is missing"),
    "no reply": (lambda lines: (lines[1]["recording"].pop("reply"), signed(lines[1])), "'reply' is missing"),
    "a key with a path and escapes": (
        rewritten("key", value="../../\x1b[31m\n"),
        r"line 4, \.\./\.\./ \[31m: ",
    ),
    "a status that is none": (rewritten("reply", "status", value=99_999), "no HTTP status"),
    "a status that is text": (rewritten("reply", "status", value="200"), "a status was expected"),
    "headers that are no text": (rewritten("reply", "headers", value={"date": 1}), "not text"),
    "headers that are a list": (rewritten("reply", "headers", value=["date"]), "headers was expected"),
    "timings cut short": (rewritten("reply", "timings", value=[1]), "line 4.*values to unpack"),
    "timings that are text": (rewritten("reply", "timings", value=[1, "2", 3]), "not a number of seconds"),
    "a time below zero": (rewritten("recorded_at", value=-1), "not a number of seconds"),
    "a body that is a number": (rewritten("reply", "body", value=1), "text was expected"),
    "a body that is no base64": (rewritten("reply", "body", value={"base64": "é"}), "line 4"),
    "a body of a lone surrogate": (rewritten("sent", value="\ud800"), "line 4.*surrogates"),
    "cuts outside the body": (rewritten("cuts", value=[[10**9, PICTURE.sha256]]), "not a place for a medium"),
    "cuts of a stranger": (rewritten("cuts", value=[[0, "0" * 64]]), "not in the request"),
    "cuts that are paths": (
        rewritten("cuts", value=[[0, "../../../etc/passwd"]]),
        "not a place for a medium",
    ),
    "cuts that are a number": (rewritten("cuts", value=7), "not a place for a medium"),
    "a request of another kind": (rewritten("request", value=[]), "a request was expected"),
    "a seed that is text": (rekeyed(lambda q: q.update(seed="1")), "seed is not a whole number"),
    "a seed that is true": (rekeyed(lambda q: q.update(seed=True)), "seed is not a whole number"),
    "no provider": (rekeyed(lambda q: q.update(provider="")), "no provider"),
    "a model that is a number": (rekeyed(lambda q: q.update(config={"model": 1})), "a model was expected"),
    "a message without role": (rekeyed(lambda q: q["messages"][0].update(role="tool")), "no role"),
    "a part that is a number": (rekeyed(lambda q: q["messages"][0].update(parts=[1])), "a part was expected"),
    "a text of a lone surrogate": (rekeyed(lambda q: q.update(provider="\ud800")), "no canonical form"),
    "a medium that is a path": (rekeyed(lambda q: medium_of(q).update(sha256="../x")), "no SHA-256"),
    "a medium that is nowhere": (rekeyed(lambda q: medium_of(q).update(sha256="0" * 64)), "comes before it"),
    "a medium that is not sent": (lambda lines: lines.pop(2), "neither in the file nor in the store|counts"),
    "a medium of nobody": (lambda lines: lines.insert(1, lines[2]), "comes before it and is no part"),
    "a medium twice": (lambda lines: lines.insert(3, lines[2]), "comes twice"),
    "a medium with another sum": (
        lambda lines: lines[2].update(medium="0" * 64),
        "does not match its SHA-256",
    ),
    "an empty medium": (lambda lines: lines[2].update(data=""), "does not match its SHA-256"),
    "a medium that is no base64": (lambda lines: lines[2].update(data="*"), "not base64"),
    "a medium that is a number": (lambda lines: lines[2].update(data=1), "not base64: text was expected"),
}


def packed(lines: list[Line]) -> bytes:
    return gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def parsed(store: Store) -> list[Line]:
    file = io.BytesIO()
    store.export(file)
    return [json.loads(line) for line in gzip.decompress(file.getvalue()).splitlines()]


@pytest.mark.parametrize("harm", HOSTILE)
def test_a_hostile_file(store: Store, other: Store, harm: str):
    """It is refused with the line or recording named, and nothing of it is written."""
    change, says = HOSTILE[harm]
    filled(store)
    lines = parsed(store)
    change(lines)
    with pytest.raises(ReplayError, match=says) as caught:
        other.import_(io.BytesIO(packed(lines)))
    assert caught.value.message.isprintable()
    assert (other.count(), other.path.exists()) == (0, False)


RAW: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "line 1"),
    "no gzip": (lambda data: b"PK\x03\x04 a zip", "not readable as gzip"),
    "cut off": (lambda data: data[:-20], "not readable as gzip"),
    "a flipped bit": (lambda data: data[:-6] + bytes([data[-6] ^ 1]) + data[-5:], "not readable as gzip"),
    "no JSON": (lambda data: gzip.compress(b"{"), "line 1: not JSON"),
    "not a number": (lambda data: gzip.compress(b'{"antiphon": NaN}'), "NaN is not JSON"),
    "deep": (lambda data: gzip.compress(b"[" * 1_000_000), "line 1: not JSON"),
    "no UTF-8": (lambda data: gzip.compress(b'{"\xff": 1}'), "line 1: not JSON"),
}


@pytest.mark.parametrize("harm", RAW)
def test_a_broken_file(store: Store, other: Store, harm: str):
    """Bytes that are no portable file are refused, and nothing is written."""
    change, says = RAW[harm]
    file = io.BytesIO()
    filled(store)
    store.export(file)
    with pytest.raises(ReplayError, match=says):
        other.import_(io.BytesIO(change(file.getvalue())))
    assert not other.path.exists()


def test_a_bomb(store: Store, other: Store):
    """Neither one endless line nor endless lines are unpacked beyond the limit."""
    filled(store)
    data = packed(parsed(store))
    with pytest.raises(ReplayError, match="line 2: too large"):
        other.import_(io.BytesIO(data), max_bytes=100)
    bomb = gzip.compress(json.dumps(reading.FORMAT).encode() + b"\n" + b" " * 50_000_000)
    with pytest.raises(ReplayError, match="too large"):
        other.import_(io.BytesIO(bomb), max_bytes=1_000_000)
    assert not other.path.exists()


def test_the_limits_for_lines_and_media(store: Store, other: Store, monkeypatch: pytest.MonkeyPatch):
    """One line, and the media of one recording, have limits of their own; export keeps to them."""
    filled(store)
    data = packed(parsed(store))
    with monkeypatch.context() as patch:
        patch.setattr(reading, "MAX_LINE", 2_000)
        with pytest.raises(ReplayError, match="line 3: too large"):
            other.import_(io.BytesIO(data))
    with monkeypatch.context() as patch:
        patch.setattr(reading, "MAX_MEDIA", 2_000)
        with pytest.raises(ReplayError, match="2000 bytes of media"):
            other.import_(io.BytesIO(data))
    monkeypatch.setattr(portable, "MAX_LINE", 2_000)
    with pytest.raises(ReplayError, match="too large for a portable file"):
        store.export(io.BytesIO())


def test_headers_of_a_file_are_filtered(store: Store, other: Store):
    """A file cannot bring headers in that would not have been recorded here."""
    keys = filled(store)
    lines = parsed(store)
    lines[1]["recording"]["reply"]["headers"]["set-cookie"] = "session=1"
    signed(lines[1])
    other.import_(io.BytesIO(packed(lines)))
    assert "set-cookie" not in other.get(keys[0]).reply.headers


def test_a_file_that_is_not_there(other: Store, tmp_path: Path):
    """A missing file, or a folder, is a ReplayError that names it."""
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ReplayError, match="cannot read"):
            other.import_(path)
