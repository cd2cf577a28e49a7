"""antiphon.testing: the scripted answers themselves, and a home folder for tests."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from typing import Any

import pytest

from antiphon import events, places
from antiphon.call import Call, Reply
from antiphon.dialects import openai_chat
from antiphon.errors import Rejected, TransportError
from antiphon.testing import MODELS, echo, temporary_home


def answered(script: dict[str, Any] | None = None, **body: Any) -> tuple[Reply, list[bytes]]:
    """The echo's reply to a call, and the pieces it came in."""

    async def run() -> tuple[Reply, list[bytes]]:
        asked = {"model": "m", "messages": [{"role": "user", "content": "one two"}], **body}
        asked |= {"echo": script} if script else {}
        status, headers, body_pieces = await echo(Call("http://echo.invalid", json.dumps(asked).encode()))
        pieces = [piece async for piece in body_pieces]
        return Reply(status, b"".join(pieces), headers), pieces

    return asyncio.run(run())


def folded(reply: Reply) -> Any:
    fold = openai_chat.fold()
    for event in events.parse(reply.body, reply.stream):
        fold.feed(event)
    return fold.completion(reply)


def test_a_whole_answer():
    """The last user message comes back in OpenAI's form, with words counted as tokens."""
    reply, pieces = answered()
    completion = openai_chat.decode(reply)
    assert (completion.text, completion.model, completion.request_id) == ("one two", "m", "req-echo")
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (2, 2)
    assert len(pieces) == 1


def test_the_last_user_message_counts():
    """Later turns of the assistant, system messages and media are not echoed."""
    parts = [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "two"}]
    turns = [{"role": "user", "content": "one"}, {"role": "user", "content": parts}]
    reply, _ = answered(messages=[*turns, {"role": "assistant", "content": "three"}])
    assert openai_chat.decode(reply).text == "two"
    assert openai_chat.decode(answered(messages=[{"role": "system", "content": "s"}])[0]).text == ""


@pytest.mark.parametrize("text", ["one two", "", " ", "a  b\n", "\n x y z ", "日本 語"])
def test_a_stream_says_the_same_as_a_whole_answer(text: str):
    """A streamed answer, cut into words, folds to the same completion."""
    whole, _ = answered({"text": text})
    flow, _ = answered({"text": text}, stream=True, stream_options={"include_usage": True})
    assert flow.stream == "sse"
    assert folded(flow).text == openai_chat.decode(whole).text == text
    assert folded(flow).usage == openai_chat.decode(whole).usage


def test_usage_in_a_stream_has_to_be_asked_for():
    """As with OpenAI, a stream tells its usage only where include_usage says so."""
    assert folded(answered(stream=True)[0]).usage.output_tokens is None


def test_cut_off_answers():
    """A stream just ends after so many pieces; a whole answer fails as a broken connection does."""
    flow, pieces = answered({"cut_off_after": 1}, stream=True)
    assert len(pieces) == 2  # the one with the role, and one word
    with pytest.raises(TransportError) as caught:
        folded(flow)
    assert caught.value.phase == "cut-off"
    with pytest.raises(TransportError) as caught:
        answered({"cut_off_after": 0})
    assert caught.value.phase == "cut-off"
    with pytest.raises(TransportError):
        folded(answered({"cut_off_after": 99}, stream=True)[0])


def test_delays(monkeypatch: pytest.MonkeyPatch):
    """The delay comes before the first piece, a pause between any two; none of them after the last."""
    slept: list[float] = []
    here, really = threading.get_ident(), asyncio.sleep

    async def sleep(seconds: float) -> None:
        if threading.get_ident() != here:  # another test's server, which looks around every 0.1 s
            await really(seconds)
        else:
            slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    answered({"delay": 3, "pause": 2, "text": "a b c"}, stream=True)
    assert slept == [3, 2, 2]
    answered({"delay": 5})
    assert slept[3:] == [5]


def test_failures():
    """A status fails with an OpenAI error object, or with the body given; unknown names are refused."""
    reply, _ = answered({"status": 418})
    assert (reply.status, type(openai_chat.error(reply))) == (418, Rejected)
    reply, _ = answered({"status": 500, "error": {"error": {"message": "mine"}}, "headers": {"x-a": "b"}})
    assert (openai_chat.error(reply).message, reply.headers["x-a"]) == ("mine", "b")
    reply, _ = answered({"txet": "a"})
    assert reply.status == 400
    assert "txet" in openai_chat.error(reply).message


def test_its_model_list():
    """A GET is answered with the list of the one model."""

    async def run() -> Reply:
        status, headers, pieces = await echo(Call("http://echo.invalid/models", method="GET"))
        return Reply(status, b"".join([piece async for piece in pieces]), headers)

    assert [model.name for model in openai_chat.models(asyncio.run(run()))] == [MODELS["data"][0]["id"]]


@pytest.mark.parametrize("before", [None, "/somewhere"])
def test_a_temporary_home(monkeypatch: pytest.MonkeyPatch, before: str | None):
    """Inside the block the home folder is a new empty one; after it all is as before, and the folder gone."""
    monkeypatch.delenv("ANTIPHON_HOME", raising=False)
    if before:
        monkeypatch.setenv("ANTIPHON_HOME", before)
    with temporary_home() as home:
        assert places.home() == home
        assert list(home.iterdir()) == []
        (home / "x").write_text("x")
    assert os.environ.get("ANTIPHON_HOME") == before
    assert not home.exists()
