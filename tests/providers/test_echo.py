"""Echo: the whole road without a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import antiphon
from antiphon.errors import AntiphonError, RateLimited, Refused, Rejected, TransportError

PNG_URL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[antiphon.Client]:
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))
    with closing(antiphon.Client()) as client:
        yield client


def test_it_answers_with_the_last_user_message(client: antiphon.Client):
    """No network, no key, no model: the answer is what was asked, and a second time it is a replay."""
    completion = client.complete("hello there", provider="echo", seed=1)
    again = client.complete("hello there", provider="echo", seed=1)
    assert completion.text == "hello there"
    assert (completion.provider, completion.model, completion.seed_status) == ("echo", "echo", "sent")
    assert (completion.replayed, again.replayed, again.text) == (False, True, "hello there")


SCRIPT = {
    "text": "a b",
    "reasoning": "well now",
    "images": [PNG_URL],
    "finish_reason": "length",
    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_script_decides_what_comes_back(client: antiphon.Client, stream: bool):
    """Text, reasoning, images, usage and finish reason come back as written, plain and streamed."""
    if stream:
        deltas = client.stream("hi", provider="echo", extra={"echo": SCRIPT})
        assert [delta.text for delta in deltas if delta.text] == ["a", " b"]
        completion = deltas.completion
    else:
        completion = client.complete("hi", provider="echo", extra={"echo": SCRIPT})
    assert (completion.text, completion.reasoning, completion.finish_reason) == ("a b", "well now", "length")
    assert completion.usage.total_tokens == 3
    assert [medium.media_type for medium in completion.media] == ["image/png"]


def failed(
    client: antiphon.Client, kind: type[AntiphonError], script: dict[str, Any], *, stream: bool
) -> Any:
    asked: Any = {"provider": "echo", "retries": 0, "extra": {"echo": script}}
    with pytest.raises(kind) as caught:
        list(client.stream("hi", **asked)) if stream else client.complete("hi", **asked)
    return caught.value


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_scripted_failures_are_the_real_errors(client: antiphon.Client, stream: bool):
    """A status, a refusal and a broken-off answer come out as the errors they would be."""
    error = failed(client, RateLimited, {"status": 429, "headers": {"retry-after-ms": "1"}}, stream=stream)
    assert (error.retry_after, error.provider, error.request_id) == (0.001, "echo", "req-echo")
    assert failed(client, Refused, {"text": "", "refusal": "no"}, stream=stream).provider == "echo"
    assert failed(client, TransportError, {"cut_off_after": 1}, stream=stream).phase == "cut-off"
    assert failed(client, Rejected, {"txet": "typing error"}, stream=stream).code == "unknown_field"
