"""Conversations of several turns: where each provider wants what, what it refuses, and how answers become turns."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, providers
from antiphon.completion import Completion
from antiphon.dialects import Quirks, Refusal, Turns, _checks, _common, openai_chat
from antiphon.errors import RequestError
from antiphon.providers import deepseek
from antiphon.request import Config, Media, Message, Request

from . import peer
from .providers.asking import PNG, asked, encoded

SYSTEM, USER = Message("system", "Be brief."), Message("user", "Hello")
ANSWER, THEN = Message("assistant", "Hi."), Message("user", "And?")


def refused(provider: str, *messages: Message, dialect: str | None = None, **config: Any) -> RequestError:
    """The error before sending."""
    with pytest.raises(RequestError) as caught:
        encoded(provider, *messages, dialect=dialect, **config)
    assert caught.value.field == "messages"
    assert caught.value.hint
    return caught.value


def roles(body: dict[str, Any]) -> list[str]:
    return [message["role"] for message in body["messages"]]


# ---------------------------------------------------------------------------- an answer becomes a turn

EARLIER = Completion(text="Hi.", reasoning="They greet me.", finish_reason="stop")
WAYS = [(name, dialect) for name in providers.names() for dialect in providers.get(name).ways]


@pytest.mark.parametrize(("provider", "dialect"), WAYS)
def test_a_completion_is_the_assistants_turn(tmp_path: Path, provider: str, dialect: str):
    """In every way to ask, an earlier Completion goes out as the assistant's words, without its reasoning."""
    way = providers.get(provider).way(dialect)
    client = Client(tmp_path)
    conversation = [USER, EARLIER, {"role": "user", "content": "And?"}]
    request = client.request(conversation, base_url="http://127.0.0.1:9", model="m", provider="compatible")
    client.close()
    assert request.messages == (USER, ANSWER, THEN)
    body = json.loads(_common.dumps(way.dialect.encode(request, way.quirks, stream=False)))
    assert "They greet me." not in json.dumps(body)
    turns = body.get("messages") or body.get("input") or body.get("contents")
    if turns is None:  # one text
        assert body["prompt"] == "<s>[INST] Hello [/INST] Hi.</s>[INST] And? [/INST]"
        return
    [turn] = [turn for turn in turns if turn["role"] in ("assistant", "model")]
    assert turns[1] == turn
    assert "Hi." in json.dumps(turn)


def test_a_conversation_goes_on(tmp_path: Path):
    """Over sockets: the answer to the first question is sent back with the second."""
    with peer.serve() as server:
        client = Client(tmp_path)
        settings: dict[str, Any] = {"base_url": server.url, "model": "m"}
        first = client.chat("Hello", **settings)
        second = client.chat([USER, first, THEN], **settings)
        client.close()
    assert server.seen[1].body["messages"] == [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": first.text},
        {"role": "user", "content": "And?"},
    ]
    assert second.text == "answer to And?"


def test_an_empty_answer_is_no_turn(tmp_path: Path):
    """A completion without text cannot be sent back: the error says why it is empty."""
    client = Client(tmp_path)
    with pytest.raises(RequestError, match="length") as caught:
        client.request([USER, Completion(text="", finish_reason="length"), THEN], provider="echo", model="m")
    client.close()
    assert caught.value.field == "messages"


# --------------------------------------------------------------------------------------------- prefill

PREFILL = (USER, Message("assistant", "Once"))
GO_ON = [
    ("anthropic", "claude-haiku-4-5"),
    ("anthropic", "claude-sonnet-4-20250514"),
    ("vertex", "gemini-2.5-flash"),
    ("gemini", "gemini-3.5-flash"),
    ("gemini", "gemini-3.1-pro-preview"),
    ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("bedrock", "amazon.nova-pro-v1:0"),
    ("openrouter", "anthropic/claude-sonnet-4.5"),
    ("openrouter", "anthropic/claude-sonnet-4"),
    ("openrouter", "deepseek/deepseek-v4"),
    ("openrouter", "openai/gpt-oss-120b"),
    ("mistral", "mistral-large-4"),
    ("groq", "llama-3.3-70b-versatile"),
    ("ollama", "qwen3:4b"),
    ("llamacpp", "m"),
    ("local", "m"),
]
STOP_THERE = [
    ("anthropic", "claude-opus-4-6"),
    ("anthropic", "claude-sonnet-4-6"),
    ("anthropic", "claude-opus-5"),
    ("anthropic", "claude-new"),
    ("gemini", "gemini-3.6-flash"),
    ("gemini", "gemini-3.5-flash-lite"),
    ("gemini", "gemini-4-argon"),
    ("bedrock", "us.anthropic.claude-opus-4-6-v1:0"),
    ("openrouter", "anthropic/claude-sonnet-4.6"),
    ("openrouter", "anthropic/claude-opus-5"),
    ("openrouter", "openai/gpt-6-sol"),
]


@pytest.mark.parametrize(("provider", "model"), GO_ON)
def test_who_goes_on_with_a_last_message(provider: str, model: str):
    """A last message of the assistant's goes out where the model goes on with it."""
    assert "Once" in json.dumps(encoded(provider, *PREFILL, model=model))


@pytest.mark.parametrize(("provider", "model"), STOP_THERE)
def test_who_does_not(provider: str, model: str):
    """Models that answer 400, or take it for finished, are refused it by name; the hint names others and the source."""
    error = refused(provider, *PREFILL, model=model)
    assert model in error.message
    assert "prefill" in error.message
    assert "which take it (source: " in error.hint


@pytest.mark.parametrize(
    ("provider", "dialect"),
    [("openai", "openai_chat"), ("openai", "openai_responses"), ("azure", "openai_chat"), ("azure", "openai_responses")],
)  # fmt: skip
def test_where_it_would_be_a_finished_turn(provider: str, dialect: str):
    """OpenAI takes it for a finished turn and begins another, so it is refused for all its models."""
    assert "prefill" in refused(provider, *PREFILL, dialect=dialect).message
    encoded(provider, USER, ANSWER, THEN, dialect=dialect)


def test_how_it_is_asked_for():
    """Mistral and DeepSeek mark the message, vLLM and unknown servers are told beside it, and nobody without it."""
    for provider in ("mistral", "deepseek"):
        assert encoded(provider, *PREFILL)["messages"][-1]["prefix"] is True
        assert "prefix" not in json.dumps(encoded(provider, USER, ANSWER, THEN))
    told = {"add_generation_prompt": False, "continue_final_message": True}
    for provider in ("vllm", "compatible"):
        assert encoded(provider, *PREFILL).items() >= told.items()
        assert not encoded(provider, USER).keys() & told.keys()
    assert not encoded("llamacpp", *PREFILL).keys() & told.keys()


def test_deepseeks_beta():
    """DeepSeek goes on with a prefix only at its beta address; a user's own address is left as it is."""

    async def address(request: Request) -> str:
        async with deepseek.endpoint(request) as endpoint:
            return endpoint.base_url

    for messages, base, wanted in (
        (PREFILL, None, "https://api.deepseek.com/beta"),
        ((USER,), None, "https://api.deepseek.com"),
        (PREFILL, "http://127.0.0.1:9", "http://127.0.0.1:9"),
    ):
        request = Request(provider="deepseek", messages=messages, config=Config(model="m"), base_url=base)
        assert asyncio.run(address(request)) == wanted


def test_white_space_at_its_end():
    """Anthropic answers 400 where it ends in white space: refused before sending, with what to do."""
    ending = Message("assistant", "Once ")
    assert "Strip" in refused("anthropic", USER, ending, model="claude-haiku-4-5").hint
    encoded("mistral", USER, ending)


def test_several_last_messages_are_one():
    """Servers go on with one last message only, so several are joined, with nothing between."""
    body = encoded("llamacpp", USER, Message("assistant", "On"), Message("assistant", "ce"))
    assert body["messages"][1:] == [{"role": "assistant", "content": "Once"}]


# ------------------------------------------------------------------------------------- system messages


def test_where_the_system_prompt_goes():
    """Each protocol has its place for it."""
    for provider, dialect in WAYS:
        body = encoded(provider, SYSTEM, USER, dialect=dialect)
        if "prompt" in body:
            assert body["prompt"] == "<s>[INST] Be brief.\n\nHello [/INST]"
        elif dialect == "openai_responses":
            assert body["instructions"] == "Be brief."
        elif dialect == "gemini_content":
            assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
        elif dialect == "bedrock_converse":
            assert body["system"] == [{"text": "Be brief."}]
        elif "system" in body:
            assert body["system"] == "Be brief."
        else:
            assert body["messages"][0] == {"role": "system", "content": "Be brief."}


LATE = (USER, SYSTEM, THEN)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "claude-sonnet-4-6"),
        ("anthropic", "claude-haiku-4-5-20251001"),
        ("bedrock", "us.anthropic.claude-opus-4-6-v1:0"),
        ("gemini", "gemini-3.8-flash"),
    ],
)
def test_a_late_system_message_is_refused(provider: str, model: str):
    """Where the system prompt stands apart from the turns, one among them is an error that says where to put it."""
    assert "Move it to the start" in refused(provider, *LATE, model=model).hint


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "claude-opus-4-8"),
        ("anthropic", "claude-opus-5"),
        ("openai", "gpt-6-sol"),
        ("mistral", "m"),
    ],
)
def test_a_late_system_message_stays(provider: str, model: str):
    """Where it is taken, it stays where it stands."""
    assert roles(encoded(provider, *LATE, model=model)) == ["user", "system", "user"]


def test_a_system_message_behind_the_assistants():
    """Mistral takes one behind a user message, not behind the assistant's."""
    assert "behind a user message" in refused("mistral", USER, ANSWER, SYSTEM, THEN).hint


@pytest.mark.parametrize("dialect", ["bedrock_converse", "bedrock_invoke_claude"])
def test_who_must_begin(dialect: str):
    """On Bedrock a conversation begins with the user; elsewhere the assistant may."""
    error = refused("bedrock", ANSWER, THEN, dialect=dialect, model="anthropic.claude-sonnet-4-5")
    assert "begins with the assistant" in error.message
    for provider in ("anthropic", "openai", "gemini"):
        encoded(provider, ANSWER, THEN)


# ------------------------------------------------------------------------------------- turns in a row


def test_turns_in_a_row_are_joined_where_they_must_be():
    """Gemma's and Mistral's templates raise an error where roles do not alternate: their turns are joined."""
    twice = (SYSTEM, USER, THEN, ANSWER)
    for provider in ("llamacpp", "vllm", "compatible", "lmstudio", "local"):
        for model in ("gemma-3-4b-it", "Mistral-7B-Instruct-v0.3", "unsloth/Devstral-Small-2-GGUF"):
            body = encoded(provider, *twice, model=model)
            assert roles(body) == ["system", "user", "assistant"]
            assert body["messages"][1]["content"] == "Hello\n\nAnd?"
        assert roles(encoded(provider, *twice, model="qwen3-4b")) == ["system", "user", "user", "assistant"]
    assert roles(encoded("openai", USER, THEN)) == ["user", "user"]


def test_models_without_a_system_role():
    """Gemma 1 and 2 and the first Mistrals know no system role: it is said by the user, before the rest."""
    for model in ("gemma-2-9b-it", "gemma2:9b", "mistralai/Mistral-7B-Instruct-v0.2"):
        assert encoded("vllm", SYSTEM, USER, model=model)["messages"] == [
            {"role": "user", "content": "Be brief.\n\nHello"}
        ]
    assert roles(encoded("vllm", SYSTEM, USER, model="gemma-3-12b-it")) == ["system", "user"]


def test_joined_turns_keep_their_media():
    """Media stay where they stood; only texts that meet are joined."""
    picture = Media.from_bytes(PNG)
    first = Message("user", picture, "This")
    request = asked("compatible", first, THEN, Message("user", picture), model="gemma-3")
    [turn] = _checks.laid_out(request, Quirks(fields={}, turns=Turns(alternating="gemma")))
    assert turn.parts == (picture, "This\n\nAnd?", picture)


# ---------------------------------------------------------------------------------------------- errors


def test_a_family_may_refuse_a_layout():
    """A Refusal names a way to lay out a conversation like a setting, and tells who takes it."""
    quirks = Quirks(
        fields={}, refusals=(Refusal("m", frozenset({"prefill"}), "the docs", takers="n-1"),), turns=Turns()
    )
    with pytest.raises(RequestError, match=r"the model m does not take .*prefill") as caught:
        openai_chat.encode(asked("compatible", *PREFILL), quirks, stream=False)
    assert caught.value.hint == (
        "End with a user message that says how to begin. Or use n-1, which take it (source: the docs)."
    )
    openai_chat.encode(asked("compatible", *PREFILL, model="n-1"), quirks, stream=False)
    openai_chat.encode(asked("compatible", USER), quirks, stream=False)


# ----------------------------------------------------------------------------- the real llama.cpp server


@pytest.mark.engine
@pytest.mark.parametrize("provider", ["compatible", "llamacpp"])
def test_llama_goes_on(llama_server: Any, tmp_path: Path, provider: str):
    """The real server goes on with a last message, with the fields that unknown servers get and without."""
    client = Client(tmp_path)
    completion = client.chat(
        [USER, Message("assistant", "The sky"), Message("assistant", " is")],
        provider=provider,
        base_url=llama_server.base_url,
        api_key=llama_server.api_key,
        model="m",
        max_tokens=6,
    )
    client.close()
    assert completion.text.startswith("The sky is")


# ------------------------------------------------------------------------ nothing left for the answer


def test_a_completion_that_only_thought_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The note says what to do, the first time and replayed; an answer has none."""
    thought = {"role": "assistant", "content": "", "reasoning_content": "hm"}

    def answer(text: str, model: str, images: Any) -> dict[str, Any]:
        return {"choices": [{"message": thought, "finish_reason": "length"}], "model": model}

    with peer.serve() as server:
        client = Client(tmp_path)
        settings: dict[str, Any] = {"base_url": server.url, "model": "m", "max_tokens": 9}
        assert client.complete("Hello", seed=1, **settings).notes == ()
        monkeypatch.setattr(peer, "completion", answer)
        fresh, again = (client.complete("Hello", seed=2, **settings) for _ in range(2))
        client.close()
    assert fresh.notes == again.notes
    assert again.replayed
    assert "max_tokens=9 was used up before any answer came" in fresh.notes[0]
