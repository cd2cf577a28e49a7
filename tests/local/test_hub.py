"""Pulling models, against a loopback hub that speaks the hub's headers and misbehaves to order."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from antiphon.errors import (
    AntiphonError,
    NotFound,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
    Unreadable,
)
from antiphon.local import facts, installed, models, pull, remove, resolve

from .test_gguf import gguf

MODEL = gguf(padding=300_000)
NAME = "hf:someone/some-model/sub/model.gguf"


@dataclass
class Hub:
    """What the hub has and how it behaves; `asked` lists the methods and ranges of what arrived."""

    url: str = ""
    content: bytes = MODEL
    sum: str = ""
    status: int = 200
    code: str = ""
    cut: int | None = None  # send only so many bytes of the next answers
    ranges: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        hub, wanted = self.hub, self.headers.get("Range", "")
        hub.asked.append((self.command, wanted))
        good = self.path == "/someone/some-model/resolve/main/sub/model.gguf"
        status, code = (hub.status, hub.code) if good else (404, "EntryNotFound")
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted and hub.ranges else 0
        content = hub.content[start:] if status == 200 else b""
        self.send_response(206 if start and status == 200 else status)
        self.send_header("ETag", f'"{hub.sum or hashlib.sha256(hub.content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(content)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}")
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        if body:
            self.wfile.write(content if hub.cut is None else content[: hub.cut])
            self.close_connection = hub.cut is not None


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on loopback, pointed at by HF_ENDPOINT."""
    state = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Answers,), {"hub": state}))
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", state.url)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_pulled_told_of_and_found(hub: Hub) -> None:
    """Pulled whole into the models folder, with progress; then it is installed, resolvable and removable."""
    told: list[tuple[int, int]] = []
    path = pull(NAME, progress=lambda here, size: told.append((here, size)))
    assert path.read_bytes() == MODEL
    assert path.is_relative_to(facts.folder())
    assert told[-1] == (len(MODEL), len(MODEL))
    assert NAME in [model.name for model in installed()]
    assert resolve(NAME).path == path
    assert [file.name for file in path.parent.iterdir()] == ["model.gguf"]
    assert remove(NAME) == path
    with pytest.raises(RequestError, match="not on this machine"):
        resolve(NAME)


def test_what_is_here_is_not_asked_for_again(hub: Hub) -> None:
    """A second pull needs no network."""
    pull(NAME)
    hub.asked.clear()
    pull(NAME)
    assert hub.asked == []


def test_an_interrupted_pull_goes_on_where_it_stopped(hub: Hub) -> None:
    """Broken off by the caller: nothing half is taken for a model, and the next pull asks for the rest only."""

    hub.content = gguf(padding=12_000_000)  # the library reads in pieces of 10 MB

    def interrupt(here: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(NAME, progress=interrupt)
    assert not models.place(NAME).exists()
    (part,) = models.place(NAME).parent.iterdir()
    here = part.stat().st_size
    assert 0 < here < len(hub.content)
    hub.asked.clear()
    assert pull(NAME).read_bytes() == hub.content
    assert ("GET", f"bytes={here}-") in hub.asked


def test_a_connection_that_breaks_is_taken_up_again(hub: Hub) -> None:
    """A hub that hangs up in the middle is asked for the rest, within the same pull."""
    hub.content, hub.cut = gguf(padding=24_000_000), 15_000_000
    assert pull(NAME).read_bytes() == hub.content
    ranges = [wanted for method, wanted in hub.asked if method == "GET"]
    assert ranges[0] == ""
    assert ranges[1].startswith("bytes=1")


def test_a_hub_that_cannot_resume_starts_afresh(hub: Hub) -> None:
    """Where ranges are ignored the file is fetched from its beginning, and is right."""
    part = models.place(NAME).with_name(f"model.gguf.{hashlib.sha256(MODEL).hexdigest()[:16]}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(MODEL[:1000])
    hub.ranges = False
    assert pull(NAME).read_bytes() == MODEL


def test_a_part_that_is_too_long_is_dropped(hub: Hub) -> None:
    """Something longer than the file cannot be its beginning."""
    part = models.place(NAME).with_name(f"model.gguf.{hashlib.sha256(MODEL).hexdigest()[:16]}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(MODEL + b"more")
    assert pull(NAME).read_bytes() == MODEL


@pytest.mark.parametrize(
    ("setup", "kind", "words"),
    [
        ({"status": 404, "code": "RepoNotFound"}, NotFound, "has no hf:someone"),
        ({"status": 404, "code": "EntryNotFound"}, NotFound, "has no hf:someone"),
        ({"status": 404, "code": "RevisionNotFound"}, NotFound, "has no hf:someone"),
        ({"status": 401, "code": "RepoNotFound"}, NotFound, "does not show it to you"),
        ({"status": 401, "code": "GatedRepo"}, Unauthorized, "gated"),
        ({"status": 403, "code": "GatedRepo"}, Unauthorized, "gated"),
        ({"status": 403}, Unauthorized, "answered 403"),
        ({"status": 501}, ServerFailed, "answered 501"),
        ({"sum": "0" * 64}, Unreadable, "arrived with SHA-256"),
        ({"sum": "no-sum"}, Unreadable, "states no SHA-256"),
        ({"content": b"<html>not a model</html>"}, RequestError, "is not a GGUF file"),
    ],
)
def test_refusals_are_typed_and_leave_nothing(
    hub: Hub, setup: dict[str, object], kind: type[AntiphonError], words: str
) -> None:
    """Each failure is an error of its kind with a way out, and leaves no model and no part behind."""
    for name, value in setup.items():
        setattr(hub, name, value)
    with pytest.raises(kind, match=words) as caught:
        pull(NAME)
    assert caught.value.hint
    assert not list(facts.folder().rglob("*.part"))
    assert not list(facts.folder().rglob("*.gguf"))


def test_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub to be reached is a transport error that says what to do."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(TransportError, match="broke off") as caught:
        pull(NAME)
    assert "pull again" in caught.value.hint


def test_no_room(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room for the file is refused before anything is fetched."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    with pytest.raises(RequestError, match="not enough room"):
        pull(NAME)
    assert [method for method, _ in hub.asked] == ["HEAD"]


@pytest.mark.parametrize(
    "name", ["gpt-5", "hf:owner/file.gguf", "hf:a/b/c.bin", "hf:../../x/y.gguf", "a/b/c.gguf"]
)
def test_names_that_cannot_be_pulled(name: str) -> None:
    """Only listed names and single GGUF files of a repository; no way out of the models folder."""
    with pytest.raises(RequestError, match="cannot pull") as caught:
        pull(name)
    assert caught.value.field == "model"


def test_the_catalogue_is_well_formed() -> None:
    """Every row names one GGUF of a repository, and no two share a name or a place."""
    places = [models.place(row.name) for row in models.CATALOGUE]
    assert len(set(places)) == len({row.name for row in models.CATALOGUE}) == len(models.CATALOGUE)
    assert all(row.ram > row.size > 0.5 and row.context >= 8192 and row.licence for row in models.CATALOGUE)


def test_the_bundled_model_is_not_removed() -> None:
    """It belongs to a package, and the error names the command."""
    with pytest.raises(RequestError, match="installed package") as caught:
        remove(models.BUNDLED)
    assert "pip uninstall" in caught.value.hint
    with pytest.raises(RequestError, match="not on this machine"):
        remove("qwen3-4b")
