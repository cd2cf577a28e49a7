"""Gemini as a provider: where it is, what its models refuse, and the whole road against independent peers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from llmock.pytest_plugin import LLMock

from antiphon import Client, providers
from antiphon.cli import antiphon
from antiphon.dialects import gemini_content
from antiphon.errors import (
    AntiphonError,
    CredentialError,
    NotFound,
    RateLimited,
    Rejected,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
    Unreadable,
)
from antiphon.request import Config, Message, Request

from .. import aimock

GEMINI = providers.get("gemini")


def encoded(model: str, **config: Any) -> dict[str, Any]:
    """The generationConfig for a greeting to this model with these settings."""
    request = Request(
        provider="gemini", messages=(Message("user", "Hi"),), config=Config(model=model, **config)
    )
    way = GEMINI.way(None)
    return way.dialect.encode(request, way.quirks, stream=False).get("generationConfig", {})


def test_where_and_how() -> None:
    """Address, version and credential are Google's; the key is a header; the listing asks for the longest page."""
    assert GEMINI.base_url == "https://generativelanguage.googleapis.com/v1beta"
    assert GEMINI.own_hosts == ("generativelanguage.googleapis.com", "aiplatform.googleapis.com")
    assert GEMINI.key_env == ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    assert (GEMINI.auth, GEMINI.key) == ("x-goog-api-key", "required")
    assert GEMINI.models_path == "models?pageSize=1000"
    assert GEMINI.way("gemini_content").dialect is gemini_content
    assert "seed" in GEMINI.way(None).quirks.fields


def test_version_is_the_address() -> None:
    """v1beta unless the address says another version."""
    assert GEMINI.address("http://127.0.0.1:1") == "http://127.0.0.1:1/v1beta"
    assert GEMINI.address("http://127.0.0.1:1/v1") == "http://127.0.0.1:1/v1"


# Which thinking a model takes: off, a level, a budget.
THINKING = [
    ("gemini-4-argon", False, True, False),
    ("gemini-3.8-flash", False, True, False),
    ("gemini-3.5-flash-lite", False, True, False),
    ("gemini-3.1-pro-preview", False, True, False),
    ("gemini-flash-latest", False, True, False),
    ("gemini-3-pro-image", False, True, True),
    ("gemini-2.5-pro", False, True, True),
    ("gemini-2.5-flash", True, True, True),
    ("gemini-2.5-flash-lite", True, True, True),
    ("gemini-2.5-flash-image", False, False, False),
    ("gemini-2.0-flash", False, False, False),
    ("gemini-1.5-pro", False, False, False),
    ("gemma-4-31b-it", True, True, True),  # not in the table: the server decides
]


@pytest.mark.parametrize(("model", "off", "level", "budget"), THINKING)
def test_which_models_take_which_thinking(model: str, off: bool, level: bool, budget: bool) -> None:
    """What a model cannot do is refused by name, with the models that can; levels become tokens up to 2.5."""
    for taken, reasoning in ((off, "off"), (level, "medium"), (budget, 4096)):
        if taken:
            thinking = encoded(model, reasoning=reasoning)["thinkingConfig"]
            assert ("thinkingLevel" in thinking) == (
                reasoning == "medium" and "2.5" not in model and "3-pro-i" not in model
            )
            assert thinking.get("includeThoughts", False) == (reasoning != "off")
            continue
        with pytest.raises(RequestError) as caught:
            encoded(model, reasoning=reasoning)
        assert caught.value.field == "reasoning"
        assert "gemini-2.5-flash" in caught.value.hint


@pytest.mark.parametrize("setting", ["presence_penalty", "frequency_penalty"])
def test_which_models_take_penalties(setting: str) -> None:
    """Penalties went with 2.5; the models before it took them."""
    for model in ("gemini-2.5-flash", "gemini-3.8-flash", "gemini-4-argon", "gemini-flash-latest"):
        with pytest.raises(RequestError) as caught:
            encoded(model, **{setting: 0.5})
        assert caught.value.field == setting
    assert 0.5 in encoded("gemini-2.0-flash", **{setting: 0.5}).values()


PAINTERS = [
    "gemini-2.5-flash-image",
    "gemini-3-pro-image",
    "gemini-3.1-flash-lite-image",
    "gemini-nano-banana-2.1",
]
WRITERS = ["gemini-2.5-flash", "gemini-3.8-flash", "gemini-4-argon", "gemma-4-31b-it"]


def test_which_models_make_pictures() -> None:
    """Pictures are asked of the models that make them; of the others they are refused by name."""
    for model in PAINTERS:
        config = encoded(model, modalities=("text", "image"), aspect_ratio="21:9")
        assert config["responseModalities"] == ["TEXT", "IMAGE"]
        assert config["imageConfig"] == {"aspectRatio": "21:9"}
    for model in WRITERS:
        for setting in ({"modalities": "image"}, {"aspect_ratio": "1:1"}):
            with pytest.raises(RequestError, match=model) as caught:
                encoded(model, **setting)
            assert caught.value.field in setting
            assert "gemini-3.1-flash-image" in caught.value.hint
        assert encoded(model, modalities="text") == {"responseModalities": ["TEXT"]}


def test_every_refusal_has_a_source() -> None:
    """What is refused says where the fact is from."""
    assert all(refusal.source for refusal in GEMINI.way(None).quirks.refusals)


# ----------------------------------------------------------------------------- llmock, down the whole road


@pytest.fixture
def ask(llmock: LLMock, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Ask llmock's Gemini through the library; `stream` reads a stream to its end."""
    address = {
        "provider": "gemini",
        "base_url": llmock.base_url("gemini") + "/v1beta",
        "api_key": "key-of-mine",
    }

    def asking(prompt: str = "Tell me a story", *, stream: bool = False, **settings: Any) -> Any:
        how: Any = {"model": "gemini-3.8-flash", **address, **settings}
        if not stream:
            return client.complete(prompt, **how)
        with client.stream(prompt, **how) as running:
            pieces = list(running)
            assert "".join(delta.text for delta in pieces) == running.completion.text
            return running.completion

    with_home = client = Client(tmp_path / "home")
    yield asking
    with_home.close()


@pytest.mark.parametrize("stream", [False, True])
def test_llmock_answers(ask: Callable[..., Any], llmock: LLMock, stream: bool) -> None:
    """A prompt is answered, streamed or not; the seed arrives as sent; the key is in its header and nowhere else."""
    llmock.reply("Once upon a time there was a cat.")
    completion = ask(
        stream=stream, system="Be brief.", seed=2**40 + 7, temperature=0.5, attachments=[b"%PDF-1"]
    )
    assert completion.text == "Once upon a time there was a cat."
    assert (completion.finish_reason, completion.seed_status) == ("stop", "sent")
    assert completion.usage.output_tokens
    seen = llmock.last_request
    assert seen.path == "/gemini/v1beta/models/gemini-3.8-flash:" + (
        "streamGenerateContent" if stream else "generateContent"
    )
    assert seen.body["generationConfig"] == {"seed": 7, "temperature": 0.5}
    assert "key-of-mine" not in json.dumps(seen.body) + seen.path
    llmock.assert_resilient(strict=True)


def test_llmock_says_it_again(ask: Callable[..., Any], llmock: LLMock) -> None:
    """With a seed the second answer comes from the store; a streamed one is replayed too."""
    first = ask(seed=1, stream=True)
    again = ask(seed=1)
    assert (again.text, again.replayed, len(llmock.requests)) == (first.text, True, 1)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_llmock_fails_and_recovers(
    ask: Callable[..., Any], llmock: LLMock, status: int, stream: bool
) -> None:
    """After failures that pass, and the wait that is asked for, the answer comes; llmock has no complaint."""
    llmock.fail(status, times=2, retry_after=0.1)
    assert ask(stream=stream).text
    assert len(llmock.requests) == 3
    llmock.assert_resilient(strict=True)


FAILURES = [
    (400, Rejected, "INVALID_ARGUMENT"),
    (401, Unauthorized, "UNAUTHENTICATED"),
    (403, Unauthorized, "PERMISSION_DENIED"),
    (404, NotFound, "NOT_FOUND"),
    (429, RateLimited, "RESOURCE_EXHAUSTED"),
    (500, ServerFailed, "INTERNAL"),
    (503, ServerFailed, "UNAVAILABLE"),
]


@pytest.mark.parametrize(("status", "kind", "code"), FAILURES)
def test_llmock_fails(
    ask: Callable[..., Any], llmock: LLMock, status: int, kind: type[AntiphonError], code: str
) -> None:
    """A failure is the typed error with the provider's code and waiting time, under its name."""
    llmock.fail(status, times=None, retry_after=1.5 if status == 429 else None)
    for stream in (False, True):
        with pytest.raises(kind) as caught:
            ask(stream=stream, retries=0)
        error: Any = caught.value
        assert (type(error), error.status, error.code, error.provider) == (kind, status, code, "gemini")
        assert error.retry_after == (1.5 if status == 429 else error.retry_after)
        assert error.message


@pytest.mark.parametrize("fault", ["truncate", "disconnect", "corrupt"])
def test_llmock_breaks_off(ask: Callable[..., Any], llmock: LLMock, fault: str) -> None:
    """A stream that is cut off, politely or not, or garbled half way is an error and never an answer."""
    llmock.reply("Once upon a time there was a cat on a roof at dusk.", times=None)
    getattr(llmock, fault)(after_chunks=2, times=None)
    with pytest.raises((TransportError, Unreadable)) as caught:
        ask(stream=True)
    if isinstance(caught.value, TransportError):
        assert (caught.value.phase, caught.value.before_output) == ("cut-off", False)
    assert len(llmock.requests) == 1  # never sent again once output has been seen


def test_llmock_lists_models(llmock: LLMock, tmp_path: Path) -> None:
    """The live listing has names without models/ and both limits."""
    client = Client(tmp_path / "home")
    rows = client.models("gemini", base_url=llmock.base_url("gemini") + "/v1beta", api_key="k")
    client.close()
    found = {row.name: (row.context, row.max_output) for row in rows}
    assert found["gemini-2.5-pro"] == (1048576, 65536)


def test_environment_key_stays_at_home(ask: Callable[..., Any], llmock: LLMock, monkeypatch: Any) -> None:
    """A key of the environment goes to Google only, not to another address."""
    monkeypatch.setenv("GEMINI_API_KEY", "key-of-google")
    monkeypatch.delenv("GOOGLE_GEMINI_BASE_URL")  # llmock sets it, for Google's own package
    with pytest.raises(CredentialError):
        ask(api_key=None)
    assert llmock.requests == []


def test_command_line(llmock: LLMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """antiphon complete answers from an address of one's own, with a key stored for that host."""
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path / "home"))
    llmock.reply("Once upon a time.", times=2)
    url = llmock.base_url("gemini") + "/v1beta"
    host = url.split("/")[2]
    stored = CliRunner().invoke(
        antiphon, ["keys", "set", "gemini", "--host", f"http://{host}"], input="key-of-mine\n"
    )
    assert stored.exit_code == 0, stored.output
    for form in ("--stream", "--no-stream"):
        arguments = [
            "complete",
            "--provider",
            "gemini",
            "-m",
            "gemini-3.8-flash",
            "--base-url",
            url,
            form,
            "Tell me a story",
        ]
        answered = CliRunner().invoke(antiphon, arguments)
        assert answered.exit_code == 0, answered.output
        assert answered.stdout.strip() == "Once upon a time."


# --------------------------------------------------------------------------------------------- aimock


@pytest.fixture(scope="module")
def other_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running aimock; skips where it is not installed."""
    with aimock.serve(tmp_path_factory.mktemp("aimock")) as url:
        yield url


def test_aimock(other_url: str, tmp_path: Path) -> None:
    """Another peer: thoughts apart from the answer, streamed or not; a wrong key; too many requests; a failure."""
    client = Client(tmp_path / "home")
    how: Any = {"provider": "gemini", "model": "gemini-3.8-flash", "base_url": other_url, "retries": 0}
    right = {**how, "api_key": aimock.KEY}
    with client.stream("hello", **right) as running:
        streamed = "".join(delta.text for delta in running), running.completion
    whole = client.complete("hello", reasoning="low", **right)
    for completion in (whole, streamed[1]):
        assert (completion.text, completion.reasoning) == (aimock.TEXT, aimock.REASONING)
        assert completion.finish_reason == "stop"
    assert streamed[0] == whole.text
    with pytest.raises(Unauthorized):
        client.complete("hello", **how, api_key="wrong")
    with pytest.raises(RateLimited, match="slow down") as limited:
        client.complete("busy", **right)
    assert limited.value.retry_after == 1
    with pytest.raises(ServerFailed, match="out of order"):
        client.complete("down", **right)
    client.close()
