"""An independent mock of the providers (@copilotkit/aimock) asked down the whole road, in each protocol it speaks.

Its defects are left out by name. What it does not do at all: validate requests, make pictures.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, Completion
from antiphon.errors import RateLimited, ServerFailed, Unauthorized

from . import aimock
from .providers.asking import PNG, SCHEMA


@dataclass(frozen=True)
class Way:
    """One protocol at aimock: where it is spoken, and what is known to be wrong there."""

    provider: str
    path: str
    model: str
    dialect: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    takes: dict[str, Any] = field(default_factory=lambda: {"attachments": [PNG], "response_format": SCHEMA})
    says: frozenset[str] = frozenset({"reasoning", "usage", "message"})
    broken: str = ""
    no_stream: str = ""


CLAUDE = "us.anthropic.claude-opus-4-6-v1:0"
NO_WORDS = frozenset(
    {"reasoning", "usage"}
)  # its errors for AWS have OpenAI's body: botocore finds no message either
WAYS = {
    "OpenAI chat": Way("openai", "/v1", "gpt-4.1"),
    "OpenAI Responses": Way("openai", "/v1", "gpt-5.5", "openai_responses", {"reasoning": "low"}),
    "Anthropic": Way("anthropic", "/v1", "claude-opus-4-6", settings={"reasoning": "low", "max_tokens": 4096}),
    "Gemini v1beta": Way("gemini", "", "gemini-2.5-flash", settings={"reasoning": "low"}),
    "Gemini v1": Way("gemini", "/v1", "gemini-2.5-flash", broken="it speaks v1beta only"),
    "OpenRouter": Way("openrouter", "/api/v1", "x/y", settings={"reasoning": "low"}),
    "Azure": Way("azure", "/openai/deployments/mine", "mine"),
    "Ollama": Way("ollama", "", "llama3.2", takes={"response_format": SCHEMA}, says=frozenset({"message"})),
    "Bedrock Converse": Way("bedrock", "", CLAUDE, says=NO_WORDS),
    "Bedrock Converse with Mistral": Way("bedrock", "", "mistral.mistral-large-3-675b-instruct", says=NO_WORDS),
    "Bedrock InvokeModel with Claude": Way(
        "bedrock", "", CLAUDE, "bedrock_invoke_claude", says=NO_WORDS, no_stream="its stream chunks hold no bytes"
    ),
    "Bedrock InvokeModel with Mistral": Way(
        "bedrock",
        "",
        "mistral.mistral-7b-instruct-v0:2",
        "bedrock_invoke_mistral",
        takes={},
        broken="it answers Mistral's prompt format with 400",
    ),
}  # fmt: skip


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    """Each protocol in turn; what aimock gets wrong is skipped with the reason."""
    found = WAYS[request.param]
    if found.broken:
        pytest.skip(f"aimock 1.43: {found.broken}")
    return found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running aimock that takes one key; skips where it is not installed."""
    with aimock.serve(tmp_path_factory.mktemp("aimock")) as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with an empty home."""
    made = Client(tmp_path / "home")
    yield made
    made.close()


def how(way: Way, url: str, key: str = aimock.KEY) -> dict[str, Any]:
    """Who is asked, and where."""
    where = {"base_url": url + way.path, "model": way.model, "dialect": way.dialect}
    return {"provider": way.provider, "api_key": key, "retries": 0, **where, **way.settings}


def said(completion: Completion, way: Way) -> None:
    """The words of the fixture, and what else this protocol carries at aimock."""
    assert (completion.text, completion.finish_reason) == (aimock.TEXT, "stop")
    if "reasoning" in way.says:
        assert completion.reasoning == aimock.REASONING
    if "usage" in way.says:
        assert (completion.usage.input_tokens, completion.usage.output_tokens) == (7, 3)
    assert completion.usage.cost == (0.0125 if way.provider == "openrouter" else None)


def test_whole_answers(way: Way, url: str, client: Client) -> None:
    """A picture, a system prompt, a schema and a seed go in; the answer comes out, and again from the store."""
    asked = {**how(way, url), "system": "Be brief.", "seed": 7, **way.takes}
    first, again = client.complete("hello", **asked), client.complete("hello", **asked)
    said(first, way)
    assert (first.replayed, again.replayed, again.text) == (False, True, first.text)


def test_streams(way: Way, url: str, client: Client) -> None:
    """The pieces of a stream are its completion, with reasoning, usage and cost like the whole answer's."""
    if way.no_stream:
        pytest.skip(f"aimock 1.43: {way.no_stream}")
    with client.stream("hello", **how(way, url)) as stream:
        pieces = list(stream)
    said(stream.completion, way)
    assert "".join(piece.text for piece in pieces) == stream.completion.text
    assert "".join(piece.reasoning for piece in pieces) == stream.completion.reasoning


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("prompt", "key", "kind", "message"),
    [
        ("hello", "wrong", Unauthorized, "Invalid API key"),
        ("busy", aimock.KEY, RateLimited, "slow down"),
        ("down", aimock.KEY, ServerFailed, "out of order"),
    ],
    ids=["401", "429", "503"],
)
def test_errors(
    way: Way, url: str, client: Client, prompt: str, key: str, kind: type[Any], message: str, stream: bool
) -> None:
    """A wrong key, too many requests and a failure are their typed errors, with the peer's own words and wait."""
    ask = (lambda *a, **k: list(client.stream(*a, **k))) if stream else client.complete
    with pytest.raises(kind) as caught:
        ask(prompt, **how(way, url, key))
    assert type(caught.value) is kind
    assert caught.value.provider == way.provider
    assert caught.value.retry_after == (1.0 if kind is RateLimited else None)
    if "message" in way.says:
        assert message in caught.value.message


@pytest.mark.parametrize("dialect", ["bedrock_converse", "bedrock_invoke_claude"])
def test_signed(dialect: str, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bedrock's answer to a request that carries our signature in place of a key."""
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "0123456789abcdef")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with aimock.serve(tmp_path, key="") as url:
        way = Way("bedrock", "", CLAUDE, dialect)
        said(client.complete("hello", **{**how(way, url), "api_key": None}), way)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{url}/__aimock/journal", timeout=10) as journal:
            [seen] = json.loads(journal.read())
    assert "x-amz-date" in {name.lower() for name in seen["headers"]}
    assert "authorization" in {name.lower() for name in seen["headers"]}
