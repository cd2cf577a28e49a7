"""The embedded model, as a provider: what is asked of its server, and what it would answer with nonsense."""

from __future__ import annotations

import re
from typing import Any

import pytest

from antiphon import Media, Message, providers
from antiphon.errors import RequestError
from antiphon.providers import local

from .asking import AS_SCHEMA, HI, PNG, SCHEMA, asked, encoded, refused

FULL: dict[str, Any] = {
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.1,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repeat_penalty": 1.1,
    "stop": ("a", "b"),
    "response_format": SCHEMA,
    "reasoning": "off",
}


def test_a_full_request():
    """Every setting goes out under llama.cpp's name, the seed as its low 31 bits."""
    assert encoded("local", seed=2**64 - 1, **FULL) == {
        "model": "m",
        "messages": HI,
        "max_tokens": 99,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.1,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "repeat_penalty": 1.1,
        "stop": ["a", "b"],
        "response_format": AS_SCHEMA,
        "chat_template_kwargs": {"enable_thinking": False},
        "seed": 2**31 - 1,
    }


@pytest.mark.parametrize("setting", [{"reasoning": "low"}, {"reasoning": 500}, {"modalities": "image"}])
def test_what_is_refused(setting: dict[str, Any]):
    """How much it thinks cannot be set, and it makes no images."""
    assert refused("local", **setting).field == next(iter(setting))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Message("user", Media.from_bytes(PNG)), "text only"),
        (Message("user", ""), "empty"),
        (Message("user", "a\0b"), "NUL"),
    ],
)
def test_what_the_engine_would_take_without_a_word(message: Message, words: str):
    """Media, empty messages and NUL are refused before the engine is even started."""
    with pytest.raises(RequestError, match=re.escape(words)) as caught:
        local.identity(asked("local", message))
    assert caught.value.field == "messages"


def test_it_needs_no_key_and_no_address():
    """No key goes anywhere, and there is a model to begin with."""
    provider = providers.get("local")
    assert (provider.key, provider.base_url, provider.own_hosts) == ("none", "", ())
    assert provider.default_model
