"""Hugging Face's router: the settings of huggingface_hub's chat completions."""

from __future__ import annotations

import inspect
from typing import Any

import huggingface_hub
import pytest

from antiphon import Media, providers
from antiphon.dialects import openai_chat as chat
from antiphon.errors import QuotaExhausted, RateLimited, ReplyError, Unauthorized

from ..dialects.tables import reply
from .asking import AS_SCHEMA, HI, PNG, SCHEMA, WAV, Wire, content, encoded, refused

FULL: dict[str, Any] = {
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "stop": ("a", "b"),
    "response_format": SCHEMA,
}
BODY = {
    "model": "Qwen/Qwen3-4B:together",
    "messages": HI,
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "stop": ["a", "b"],
    "response_format": AS_SCHEMA,
    "seed": 7,
}


def test_a_full_request(wire: Wire):
    """Every setting goes out, the model's name with its provider as it is."""
    seen, completion = wire.ask("huggingface", model=BODY["model"], seed=7, **FULL)
    assert seen.body == BODY
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer key-1"
    assert completion.seed_status == "sent"


def test_its_own_client_has_the_same_settings(wire: Wire):
    """huggingface_hub's client, given the same, sends the same body to the same path."""
    # At an address of the user's own it writes schemas as another server wants them.
    full = {name: value for name, value in FULL.items() if name != "response_format"}
    seen, _ = wire.ask("huggingface", model=BODY["model"], seed=7, **full)
    client = huggingface_hub.InferenceClient(base_url=wire.peer.url, token="key-1")
    client.chat_completion(**{name: value for name, value in BODY.items() if name != "response_format"})
    theirs = wire.peer.seen[-1]
    given = {name: value for name, value in theirs.body.items() if value is not None}
    assert (theirs.path, given.pop("stream", False), given) == (seen.path, False, seen.body)
    assert theirs.headers["authorization"] == seen.headers["authorization"]
    arguments = inspect.signature(client.chat_completion).parameters.keys()
    assert encoded("huggingface", stream=True, seed=7, **FULL).keys() <= arguments


@pytest.mark.parametrize(
    "setting", [{"top_k": 3}, {"min_p": 0.1}, {"repeat_penalty": 1.1}, {"reasoning": "low"}]
)
def test_what_is_refused(setting: dict[str, Any]):
    """What the router does not document is refused before sending."""
    assert refused("huggingface", **setting).field == next(iter(setting))


def test_images_only():
    """Images go in, sound does not."""
    assert content("huggingface", Media.from_bytes(PNG))[0]["type"] == "image_url"
    assert refused("huggingface", Media.from_bytes(WAV)).field == "messages"


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (402, QuotaExhausted), (429, RateLimited)])
def test_errors(status: int, kind: type[ReplyError]):
    """The router's own errors are plain text under `error`."""
    error = chat.error(reply({"error": "You have exceeded your monthly credits"}, status))
    assert (type(error), error.message) == (kind, "You have exceeded your monthly credits")


def test_where_it_is_and_where_its_key_goes():
    """The address is the one huggingface_hub knows; the token goes there only."""
    provider = providers.get("huggingface")
    assert provider.base_url.startswith(huggingface_hub.constants.INFERENCE_PROXY_TEMPLATE.partition("/{")[0])
    assert (provider.key_env, provider.own_hosts) == (("HF_TOKEN",), ("router.huggingface.co",))
