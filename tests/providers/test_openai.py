"""OpenAI: what each family of its models takes, and where its key may go."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon import providers
from antiphon.errors import RequestError
from antiphon.request import Config, Message, Request

PROVIDER = providers.get("openai")


def encoded(dialect: str, **config: Any) -> dict[str, Any]:
    way = PROVIDER.way(dialect)
    request = Request(provider="openai", messages=(Message("user", "hi"),), config=Config(**config), seed=5)
    return way.dialect.encode(request, way.quirks, stream=False)


def refused(dialect: str, **config: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        encoded(dialect, **config)
    return caught.value


TAKEN = [
    ("gpt-4.1", {"temperature": 0.5, "top_p": 0.5, "presence_penalty": 1, "stop": "x"}),
    ("gpt-4o-mini", {"temperature": 0.5}),
    ("gpt-5-chat-latest", {"temperature": 0.5, "stop": "x"}),
    ("gpt-5.1", {"temperature": 0.5, "top_p": 0.5, "reasoning": "off"}),
    ("gpt-5.6-sol", {"temperature": 0.5, "reasoning": "off"}),
    ("gpt-5", {"reasoning": "high"}),
    ("gpt-6-sol", {"reasoning": "off"}),
    ("gpt-6.1-terra", {"reasoning": "off"}),
    ("gpt-6.2-astra", {"reasoning": "medium"}),
    ("o3", {"reasoning": "low"}),
]
REFUSED = [
    ("gpt-6-sol", {"temperature": 1.0}, "temperature", "gpt-4.1"),
    ("gpt-6-sol", {"top_p": 0.5, "reasoning": "off"}, "top_p", "gpt-4.1"),
    ("gpt-6.2-astra", {"frequency_penalty": 1}, "frequency_penalty", "gpt-4.1"),
    ("gpt-6-astra", {"reasoning": "off"}, "reasoning", "gpt-6-sol"),
    ("gpt-5.5", {"temperature": 1.0}, "temperature", "reasoning='off'"),
    ("gpt-5.5", {"temperature": 1.0, "reasoning": "low"}, "temperature", "reasoning='off'"),
    ("gpt-5.5", {"presence_penalty": 1, "reasoning": "off"}, "presence_penalty", "gpt-4.1"),
    ("gpt-5-mini", {"temperature": 1.0}, "temperature", "gpt-5.1 to gpt-5.6"),
    ("gpt-5", {"reasoning": "off"}, "reasoning", "gpt-5.1"),
    ("gpt-5", {"stop": "x"}, "stop", "gpt-4.1"),
    ("o3", {"top_p": 0.5}, "top_p", "gpt-4.1"),
    ("o4-mini", {"stop": "x"}, "stop", "gpt-4.1"),
    ("gpt-4.1", {"reasoning": "low"}, "reasoning", "gpt-5.1"),
]


@pytest.mark.parametrize(("model", "settings"), TAKEN)
def test_what_a_model_takes(model: str, settings: dict[str, Any]):
    """These settings go out for these models."""
    body = encoded("openai_chat", model=model, max_tokens=9, **settings)
    assert body["max_completion_tokens"] == 9
    assert body["seed"] == 5
    assert len(body) == 4 + len(settings)


@pytest.mark.parametrize(("model", "settings", "field", "hint"), REFUSED)
def test_what_a_model_refuses(model: str, settings: dict[str, Any], field: str, hint: str):
    """A model's refusal comes before sending, names model and setting, and says which models take it."""
    error = refused("openai_chat", model=model, **settings)
    assert error.field == field
    assert model in error.message
    assert field in error.message
    assert hint in error.hint
    assert "source" in error.hint


def test_the_responses_way_refuses_the_same_and_has_no_seed():
    """Sampling is the model's matter, whichever way it is asked; Responses has no seed, so none is sent."""
    assert refused("openai_responses", model="gpt-6-sol", temperature=1.0).field == "temperature"
    assert "seed" not in encoded("openai_responses", model="gpt-6-sol")
    assert refused("openai_responses", model="gpt-4.1", stop="x").field == "stop"


@pytest.mark.parametrize(
    "settings", [{"modalities": "image"}, {"modalities": ("text", "image"), "aspect_ratio": "1:1"}]
)
def test_images_come_by_the_other_way(settings: dict[str, Any]):
    """Chat has no images in its answers, and says where they are; sound stays as it is."""
    error = refused("openai_chat", model="gpt-6-sol", **settings)
    assert error.field == "modalities"
    assert "dialect='openai_responses'" in error.hint
    assert (
        encoded("openai_responses", model="gpt-6-sol", **settings)["tools"][0]["type"] == "image_generation"
    )
    sound = encoded("openai_chat", model="gpt-audio", modalities=("text", "audio"))
    assert list(sound["modalities"]) == ["text", "audio"]


def test_the_key_goes_to_openai_only():
    """The environment key belongs to api.openai.com and its regions."""
    assert PROVIDER.own_hosts[0] == "api.openai.com"
    assert "eu.api.openai.com" in PROVIDER.own_hosts
    assert all(host.endswith("api.openai.com") for host in PROVIDER.own_hosts)
    assert (PROVIDER.key_env, PROVIDER.key) == (("OPENAI_API_KEY",), "required")
