"""An independent mock (llmock) in the place of four providers, down the whole road: answers, streams, 429."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock

from antiphon import Client
from antiphon.errors import RateLimited

ADDRESSES = {
    "groq": "/groq/openai/v1",
    "mistral": "/mistral/v1",
    "together": "/together/v1",
    "xai": "/xai/v1",
}


class Asked:
    """One provider at llmock's address."""

    def __init__(self, client: Client, provider: str, url: str) -> None:
        self.client = client
        self.given: dict[str, Any] = {
            "provider": provider,
            "model": "some-model",
            "base_url": url + ADDRESSES[provider],
            "api_key": "key-1",
        }


@pytest.fixture(params=sorted(ADDRESSES))
def asked(request: pytest.FixtureRequest, llmock: LLMock, tmp_path: Path) -> Iterator[Asked]:
    """Each of the four in turn."""
    client = Client(tmp_path)
    yield Asked(client, request.param, llmock.url)
    client.close()


def test_answers_and_streams(asked: Asked, llmock: LLMock):
    """A seeded request is answered, streamed and replayed; the words are the same."""
    llmock.reply("Once upon a time.", times=2)
    whole = asked.client.complete("Tell", seed=1, temperature=0.5, max_tokens=50, **asked.given)
    stream = asked.client.stream("Tell", **asked.given)
    pieces = "".join(delta.text for delta in stream)
    assert whole.text == pieces == stream.completion.text == "Once upon a time."
    assert whole.usage.output_tokens
    assert whole.seed_status == "sent"
    assert asked.client.complete("Tell", seed=1, temperature=0.5, max_tokens=50, **asked.given).replayed


def test_429(asked: Asked, llmock: LLMock):
    """A 429 is RateLimited with its waiting time."""
    llmock.fail(429, retry_after=2)
    with pytest.raises(RateLimited) as caught:
        asked.client.complete("Tell", retries=0, **asked.given)
    assert caught.value.retry_after == 2.0
    assert caught.value.message
    assert caught.value.provider == asked.given["provider"]


def test_a_429_is_waited_out(asked: Asked, llmock: LLMock):
    """Asked again after the time the server named, as llmock itself judges."""
    llmock.fail(429, retry_after=0.2)
    assert asked.client.complete("Tell", retries=1, **asked.given).text
    llmock.assert_resilient()
