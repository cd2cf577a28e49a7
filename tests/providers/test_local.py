"""The local provider: what is in its key, what it refuses, and the whole road with a store."""

from __future__ import annotations

from pathlib import Path

import pytest

import antiphon
from antiphon import local
from antiphon.errors import RequestError
from antiphon.local import facts, machine, models
from antiphon.providers import get
from antiphon.request import Config, Media, Message, Request

LOCAL = get("local")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder of its own, and nothing remembered from other tests."""
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path / "home"))
    facts.forget()


def asked(*parts: str | Media, **config: object) -> Request:
    return Request(provider="local", messages=(Message("user", *parts),), seed=1, config=Config(**config))  # type: ignore[arg-type]


def identity(request: Request) -> dict[str, str]:
    assert LOCAL.identity is not None
    return dict(LOCAL.identity(request))


def test_the_key_holds_what_decides_the_answer() -> None:
    """Engine with version, backend, sum of the model file, context, and our recipe."""
    import antiphon_smollm2

    found = identity(asked("Hi"))
    assert set(found) == {"engine", "backend", "model_sha256", "context", "recipe"}
    assert found["engine"] == machine.engine_version()
    assert found["model_sha256"] == antiphon_smollm2.SHA256
    assert found["backend"].startswith("cpu-")
    assert found["context"] == "8192"


def test_the_context_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer may end where the context does, so the context tells requests apart."""
    monkeypatch.setenv("ANTIPHON_LOCAL_CONTEXT", "2048")
    assert identity(asked("Hi"))["context"] == "2048"


def test_the_bundled_model_is_verified_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file under the bundled model's name is refused."""
    changed = tmp_path / "changed.gguf"
    content = bytearray(models.resolve().path.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    bundled = models.LocalModel(models.BUNDLED, changed, sha256=models.resolve().sha256)
    monkeypatch.setattr(models, "_bundled", lambda: bundled)
    with pytest.raises(RequestError, match="has SHA-256") as caught:
        identity(asked("Hi"))
    assert "--force-reinstall" in caught.value.hint


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked("a\0b"), "NUL"),
        (asked(""), "is empty"),
        (asked("Look", Media.from_bytes(b"\x89PNG\r\n\x1a\n0")), "text only, no image"),
    ],
)
def test_what_the_engine_would_take_in_silence_is_refused(request_: Request, words: str) -> None:
    """Before a key is made, so that such a request is not even looked up."""
    with pytest.raises(RequestError, match=words):
        identity(request_)


def test_what_is_here_is_listed_without_starting_anything() -> None:
    """The model list is of files, and no engine is started for it."""
    assert LOCAL.listing is not None
    assert [model.name for model in LOCAL.listing()] == [models.BUNDLED]
    assert not local.status()


def test_the_notice_says_what_the_bundled_model_is() -> None:
    """Where it is chosen it is said that it is no writer; other models need no such word."""
    assert "not a writer" in local.notice()
    assert "antiphon models pull" in local.notice(models.BUNDLED)
    assert local.notice("qwen3-4b") == ""


@pytest.mark.engine
def test_down_the_whole_road() -> None:
    """Asked, recorded, answered from the store; asked afresh, the same bytes."""
    try:
        first = antiphon.complete("Name a colour.", provider="local", seed=3, max_tokens=6)
        again = antiphon.complete("Name a colour.", provider="local", seed=3, max_tokens=6)
        afresh = antiphon.complete("Name a colour.", provider="local", seed=3, max_tokens=6, replay="refresh")
    finally:
        local.unload()
    assert (first.replayed, again.replayed, afresh.replayed) == (False, True, False)
    assert first.text == again.text == afresh.text != ""
    assert first.model == models.BUNDLED
    assert first.seed_status == "sent"


@pytest.mark.engine
def test_a_stream_gives_the_same_text() -> None:
    """Streamed in pieces, the answer is the one that comes whole."""
    try:
        whole = antiphon.complete("Name a bird.", provider="local", seed=3, max_tokens=8, replay="off")
        pieces = list(antiphon.stream("Name a bird.", provider="local", seed=3, max_tokens=8, replay="off"))
    finally:
        local.unload()
    assert "".join(piece.text for piece in pieces) == whole.text
    assert len(pieces) > 1


def test_a_model_that_does_not_think_cannot_be_told_how_much() -> None:
    """Reasoning levels are refused by name; `off` is fine."""
    way = LOCAL.way(None)
    body = way.dialect.encode(asked("Hi", reasoning="off"), way.quirks, stream=False)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    with pytest.raises(RequestError) as caught:
        way.dialect.encode(asked("Hi", reasoning="low"), way.quirks, stream=False)
    assert caught.value.field == "reasoning"
