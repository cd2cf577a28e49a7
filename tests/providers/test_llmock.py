"""An independent mock (llmock) in the place of the providers it knows, down the whole road, with its verdict on us.

Gemini is asked in test_gemini.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock

from antiphon import Client, providers
from antiphon.errors import RateLimited, TransportError, Unreadable
from antiphon.transport import Transport

# Provider, dialect, path.
WAYS: dict[str, tuple[str, str | None, str]] = {
    "openai": ("openai", None, "/v1"),
    "responses": ("openai", "openai_responses", "/v1"),
    "anthropic": ("anthropic", None, "/anthropic/v1"),
    "groq": ("groq", None, "/groq/openai/v1"),
    "mistral": ("mistral", None, "/mistral/v1"),
    "together": ("together", None, "/together/v1"),
    "xai": ("xai", None, "/xai/v1"),
    "compatible": ("compatible", None, "/v1"),
}
WORDS = "Once upon a time there was a cat on a roof at dusk."


class Asked:
    """One provider at llmock's address."""

    def __init__(self, client: Client, way: str, url: str) -> None:
        provider, dialect, path = WAYS[way]
        self.client = client
        self.seeded = "seed" in providers.get(provider).way(dialect).quirks.fields
        self.sampled = {"temperature": 0.5} if provider != "anthropic" else {}
        self.given: dict[str, Any] = {
            "provider": provider,
            "dialect": dialect,
            "model": "some-model",
            "base_url": url + path,
            "api_key": "key-1",
            "max_tokens": 50,
        }

    def ask(self, *, stream: bool, **settings: Any) -> str:
        """The answer's text, whole or out of a stream's pieces."""
        how = {**self.given, **settings}
        if not stream:
            return self.client.complete("Tell", **how).text
        return "".join(delta.text for delta in self.client.stream("Tell", **how))


@pytest.fixture(params=WAYS)
def asked(request: pytest.FixtureRequest, llmock: LLMock, tmp_path: Path) -> Iterator[Asked]:
    """Each way in turn; what waits of its own accord hardly waits."""
    client = Client(tmp_path, transport=Transport(jitter=lambda: 0.0))
    yield Asked(client, request.param, llmock.url)
    client.close()


def test_answers_and_streams(asked: Asked, llmock: LLMock):
    """A seeded request is answered, streamed and replayed; the words are the same."""
    llmock.reply(WORDS, times=2)
    whole = asked.client.complete("Tell", seed=1, **asked.sampled, **asked.given)
    stream = asked.client.stream("Tell", **asked.given)
    pieces = "".join(delta.text for delta in stream)
    assert whole.text == pieces == stream.completion.text == WORDS
    assert whole.usage.output_tokens
    assert whole.seed_status == ("sent" if asked.seeded else "unsupported")
    assert asked.client.complete("Tell", seed=1, **asked.sampled, **asked.given).replayed
    llmock.assert_resilient(strict=True)


def test_429(asked: Asked, llmock: LLMock):
    """A 429 is RateLimited with its waiting time."""
    llmock.fail(429, retry_after=2)
    with pytest.raises(RateLimited) as caught:
        asked.client.complete("Tell", retries=0, **asked.given)
    assert caught.value.retry_after == 2.0
    assert caught.value.message
    assert caught.value.provider == asked.given["provider"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_failures_are_waited_out(asked: Asked, llmock: LLMock, status: int, stream: bool):
    """Asked again after the time the server named, and no more often than needed, as llmock itself judges."""
    llmock.reply(WORDS, times=None)
    llmock.fail(status, times=2, retry_after=0.1)
    assert asked.ask(stream=stream) == WORDS
    assert len(llmock.requests) == 3
    llmock.assert_resilient(strict=True)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_asking_again_cannot_mend(asked: Asked, llmock: LLMock, status: int):
    """Asked once and no more, as llmock itself judges."""
    llmock.fail(status, times=None)
    with pytest.raises(Exception, match=r".") as caught:
        asked.ask(stream=False)
    assert getattr(caught.value, "status", None) == status
    assert len(llmock.requests) == 1
    llmock.assert_resilient()


@pytest.mark.parametrize("fault", ["truncate", "disconnect", "corrupt"])
def test_a_stream_that_breaks(asked: Asked, llmock: LLMock, fault: str):
    """A stream that is cut off, politely or not, or garbled, is an error and never an answer; once words came, it is not asked for again."""
    llmock.reply(WORDS, times=None)
    getattr(llmock, fault)(after_chunks=7, times=None)
    with pytest.raises((TransportError, Unreadable)):
        asked.ask(stream=True)
    assert len(llmock.requests) == 1
