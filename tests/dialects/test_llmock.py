"""An independent mock of the providers (llmock) as peer: its errors and faults, read by two dialects."""

from __future__ import annotations

import pytest
from llmock.pytest_plugin import LLMock

from antiphon.call import Reply
from antiphon.dialects import Dialect, Quirks, anthropic_messages, openai_responses
from antiphon.errors import AntiphonError, RateLimited, ServerFailed, TransportError
from antiphon.request import Config, Message, Request

from .wire import fetched, folded

WAYS = [
    (openai_responses, openai_responses.OPENAI, "openai", ""),
    (anthropic_messages, anthropic_messages.ANTHROPIC, "anthropic", "/v1"),
]


class Peer:
    """One dialect against llmock."""

    def __init__(self, dialect: Dialect, quirks: Quirks, url: str) -> None:
        self.dialect, self.quirks, self.url = dialect, quirks, url

    def ask(self, *, stream: bool) -> Reply:
        request = Request(
            provider="p", messages=(Message("user", "Tell me a story"),), config=Config(model="some-model")
        )
        body = self.dialect.encode(request, self.quirks, stream=stream)
        path = self.dialect.path(request, stream=stream)
        return fetched(
            f"{self.url}/{path}",
            body,
            x_api_key="k",
            authorization="Bearer k",
            anthropic_version="2023-06-01",
        )


@pytest.fixture(params=WAYS, ids=["responses", "messages"])
def peer(request: pytest.FixtureRequest, llmock: LLMock) -> Peer:
    """A dialect with its own address at llmock."""
    dialect, quirks, provider, version = request.param
    return Peer(dialect, quirks, llmock.base_url(provider) + version)


def test_completion_and_stream(peer: Peer, llmock: LLMock) -> None:
    """The peer takes our bodies, and we read its replies and streams."""
    llmock.reply("Once upon a time.", times=2)
    one = peer.dialect.decode(peer.ask(stream=False))
    other, in_all, _ = folded(peer.dialect, peer.ask(stream=True))
    assert one.text == other.text == in_all.text == "Once upon a time."
    assert one.finish_reason == other.finish_reason == "stop"
    assert one.usage.output_tokens


@pytest.mark.parametrize(
    ("status", "kind"), [(429, RateLimited), (500, ServerFailed), (503, ServerFailed), (529, ServerFailed)]
)
def test_errors(peer: Peer, llmock: LLMock, status: int, kind: type[AntiphonError]) -> None:
    """The peer's error bodies are read, with code and waiting time."""
    llmock.fail(status, retry_after=2)
    error = peer.dialect.error(peer.ask(stream=False))
    assert type(error) is kind
    assert (error.status, error.retry_after) == (status, 2.0)
    assert error.message
    assert error.code


def test_truncated_stream_is_not_accepted(peer: Peer, llmock: LLMock) -> None:
    """A stream that ends politely but too early is a cut-off stream (the official SDKs accept it)."""
    llmock.truncate(after_chunks=2)
    with pytest.raises(TransportError) as caught:
        folded(peer.dialect, peer.ask(stream=True))
    assert caught.value.phase == "cut-off"
