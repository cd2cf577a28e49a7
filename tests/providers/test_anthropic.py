"""Anthropic as a provider: where it is, what it is sent, and what its models refuse."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon import providers
from antiphon.dialects import anthropic_messages
from antiphon.errors import RequestError
from antiphon.request import Config, Message, Request

ANTHROPIC = providers.get("anthropic")


def encoded(model: str, **config: Any) -> dict[str, Any]:
    """The body for a greeting to this model with these settings."""
    request = Request(
        provider="anthropic", messages=(Message("user", "Hi"),), config=Config(model=model, **config)
    )
    way = ANTHROPIC.way(None)
    return way.dialect.encode(request, way.quirks, stream=False)


def test_where_and_how() -> None:
    """Address, credential and version header are Anthropic's; the listing asks for the longest page."""
    assert ANTHROPIC.base_url == "https://api.anthropic.com/v1"
    assert ANTHROPIC.own_hosts == ("api.anthropic.com",)
    assert ANTHROPIC.key_env == ("ANTHROPIC_API_KEY", "CLAUDE_API_KEY")
    assert (ANTHROPIC.auth, ANTHROPIC.key) == ("x-api-key", "required")
    assert ANTHROPIC.headers == {"anthropic-version": "2023-06-01"}
    assert ANTHROPIC.models_path == "models?limit=1000"
    assert ANTHROPIC.way("anthropic_messages").dialect is anthropic_messages
    assert "seed" not in ANTHROPIC.way(None).quirks.fields


SAMPLED = [
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
    "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5-20250929",
    "claude-opus-4-5",
    "claude-opus-4-1-20250805",
    "claude-opus-4-20250514",
    "claude-sonnet-4-0",
    "claude-3-7-sonnet-latest",
]
UNSAMPLED = [
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-opus-4-10",
    "claude-sonnet-5",
    "claude-opus-5",
    "claude-fable-5",
    "claude-fable-5-1",
    "claude-mythos-5-2",
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-opus-5-5-20260901",
    "claude-something-new",
]


@pytest.mark.parametrize("setting", [{"temperature": 0.5}, {"top_p": 0.9}, {"top_k": 5}])
def test_which_models_take_sampling(setting: dict[str, Any]) -> None:
    """Models up to 4.6 take sampling; later ones, and those not known yet, are refused it by name."""
    for model in SAMPLED:
        assert encoded(model, **setting).items() >= setting.items()
    for model in UNSAMPLED:
        with pytest.raises(RequestError) as caught:
            encoded(model, **setting)
        assert caught.value.field in setting
        assert model in caught.value.message
        assert "4-6" in caught.value.hint


def test_temperature_and_top_p_together() -> None:
    """Claude 4.1 to 4.6 take temperature or top_p, not both; a model of another maker may take both."""
    for model in SAMPLED[:7]:
        with pytest.raises(RequestError, match="top_p together with temperature") as caught:
            encoded(model, temperature=0.5, top_p=0.9)
        assert caught.value.field == "top_p"
    assert encoded("some-gateway-model", temperature=0.5, top_p=0.9)["top_p"] == 0.9


def test_temperature_while_thinking() -> None:
    """A temperature is refused while thinking is on, and taken when it is off."""
    for reasoning in ("low", 2048):
        with pytest.raises(RequestError) as caught:
            encoded("claude-opus-4-6", temperature=0.5, reasoning=reasoning)
        assert caught.value.field == "temperature"
        assert "reasoning='off'" in caught.value.hint
    assert encoded("claude-opus-4-6", temperature=0.5, reasoning="off")["temperature"] == 0.5


# Which kinds of thinking a model takes: an effort, off, a budget.
THINKING = [
    ("claude-sonnet-5-5", True, False, False),
    ("claude-opus-5-5", True, False, False),
    ("claude-haiku-5-5", True, True, False),
    ("claude-fable-5-1", True, False, False),
    ("claude-fable-5", True, False, False),
    ("claude-fable-5-2", True, False, False),
    ("claude-mythos-5-2", True, True, True),  # not in the table: the server decides
    ("claude-opus-5", True, True, False),
    ("claude-sonnet-5", True, True, False),
    ("claude-opus-4-8", True, True, False),
    ("claude-opus-4-7", True, True, False),
    ("claude-sonnet-4-6", True, True, True),
    ("claude-haiku-4-5-20251001", False, True, True),
    ("claude-opus-4-5", False, True, True),
    ("claude-3-7-sonnet-20250219", False, True, True),
    ("claude-3-5-sonnet-20241022", False, True, False),
]


@pytest.mark.parametrize(("model", "effort", "off", "budget"), THINKING)
def test_which_models_take_which_thinking(model: str, effort: bool, off: bool, budget: bool) -> None:
    """Efforts came with 4.6; budgets went with 4.7; where a model decides itself, it cannot be turned off."""
    for taken, reasoning, field in (
        (effort, "medium", "output_config"),
        (off, "off", "thinking"),
        (budget, 4096, "thinking"),
    ):
        if taken:
            assert field in encoded(model, reasoning=reasoning)
            continue
        with pytest.raises(RequestError, match=f"reasoning={reasoning!r}") as caught:
            encoded(model, reasoning=reasoning)
        assert caught.value.field == "reasoning"
        assert "claude-" in caught.value.hint


def test_every_refusal_has_a_source_and_a_way_out() -> None:
    """What is refused says where the fact is from and what to do instead."""
    for refusal in ANTHROPIC.way(None).quirks.refusals:
        assert refusal.source
        assert refusal.takers or refusal.together
