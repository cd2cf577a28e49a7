"""What the nodes make of their widgets, without a ComfyUI: addresses, names, settings, messages."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon import Client, Config, Message, RequestError
from antiphon.comfyui.asking import KEY_WIDGETS, api, config, conversation, picture_config, renamed, said
from antiphon.comfyui.keys import Vault
from antiphon.comfyui.models import APIS, MODELS
from antiphon.comfyui.sockets import LlmApi, LlmConfig, settings
from antiphon.credentials import Credentials
from antiphon.prepare import prepared


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(Credentials(tmp_path, {}))


OWN = {node_id: original.endpoint for node_id, original in APIS.items() if original.endpoint}


@pytest.mark.parametrize("node_id", OWN)
@pytest.mark.parametrize("tail", ["", "/", "/chat/completions", "/messages/"])
def test_the_providers_own_address_goes_without_saying(vault: Vault, node_id: str, tail: str):
    """So that the replay key is that of the command line and the library."""
    value = api(node_id, {"endpoint": OWN[node_id] + tail}, vault)
    assert (value.provider, value.base_url, value.credential) == (APIS[node_id].provider, None, "")
    assert api(node_id, {"endpoint": " "}, vault) == value


@pytest.mark.parametrize(
    ("node_id", "endpoint", "provider", "base_url"),
    [
        ("AV_OpenAIApi", "http://127.0.0.1:1234/v1/", "compatible", "http://127.0.0.1:1234/v1"),
        ("AV_OpenAIApi", "https://eu.api.openai.com/v1", "openai", "https://eu.api.openai.com/v1"),
        ("AV_ClaudeApi", "https://proxy.example/v1", "anthropic", "https://proxy.example/v1"),
        ("AV_GeminiApi", "https://proxy.example/v1beta", "gemini", "https://proxy.example/v1beta"),
        ("AV_OpenAIApi", "http://[broken", "compatible", "http://[broken"),
    ],
)
def test_another_address(vault: Vault, node_id: str, endpoint: str, provider: str, base_url: str):
    """Another server than OpenAI's that speaks its protocol is asked as a compatible one, which needs no key."""
    value = api(node_id, {"endpoint": endpoint}, vault)
    assert (value.provider, value.base_url) == (provider, base_url)


def test_bedrock_has_a_region(vault: Vault):
    """The region goes along in extra."""
    value = api("AV_AwsBedrockClaudeApi", {"region": "eu-west-3"}, vault)
    assert (value.provider, dict(value.extra)) == ("bedrock", {"region": "eu-west-3"})


def test_a_key_that_comes_over_a_link_is_kept(vault: Vault):
    """A literal key at run time goes into the key file; the value on the socket holds its name, and prints no key."""
    value = api("AV_ClaudeApi", {"claude_api_key": "sk-linked-0123456789", "endpoint": ""}, vault)
    assert value.credential == "anthropic-widget"
    assert "sk-linked" not in repr(value) + str(value) + str(pickle.dumps(value))
    assert vault.credentials.list()[0].hosts == ("api.anthropic.com",)


def test_every_api_node_has_its_key_widgets():
    """Whatever takes a key is looked through, and a key typed there goes to the node's own host."""
    assert set(KEY_WIDGETS) == set(APIS)
    for node_id, widget in KEY_WIDGETS.items():
        assert widget.inputs == APIS[node_id].keys
        assert widget.address({"region": "us-east-1"}).startswith("https://")


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("gpt-5", "openrouter", "openai/gpt-5"),
        ("o3", "openrouter", "openai/o3"),
        ("gemini-2.5-flash-image", "openrouter", "google/gemini-2.5-flash-image"),
        ("google/gemini-2.5-flash-image:free", "openrouter", "google/gemini-2.5-flash-image:free"),
        ("claude-3-opus-latest", "openrouter", "claude-3-opus-latest"),
        ("gpt-5", "openai", "gpt-5"),
        ("gpt-5", "compatible", "gpt-5"),
    ],
)
def test_bare_names_of_the_list_on_openrouter(model: str, provider: str, name: str):
    """They get their maker in front there; whole names, and other providers', stay as they are."""
    value = renamed(config(model, 9, 0.1), LlmApi(provider=provider))
    assert value == LlmConfig(config=Config(model=name, max_tokens=9, temperature=0.1))


def test_the_settings_for_pictures():
    """NanoBanana's widgets as settings; auto is no ratio."""
    value = picture_config(0.5, "image+text", "16:9").config
    assert (value.model, value.modalities, value.aspect_ratio) == (
        "gemini-2.5-flash-image",
        ("text", "image"),
        "16:9",
    )
    assert value.model in MODELS
    assert picture_config(0.5, "image", "auto").config == Config(
        model="gemini-2.5-flash-image", max_tokens=8192, temperature=0.5, modalities=("image",)
    )


def test_messages_are_chained():
    """Each turn stands behind those before; pictures before the text; no text beside a picture is fine."""
    image = np.zeros((2, 2, 2, 3), np.float32)
    first = said("system", "be brief")
    turns = said("user", "look", first, [image])
    assert [turn.role for turn in turns] == ["system", "user"]
    assert [type(part).__name__ for part in turns[1].parts] == ["Media", "Media", "str"]
    assert len(said("user", "", None, [image])[0].parts) == 2
    assert said("user", "")[0].text == ""
    with pytest.raises(RequestError, match="media can stand only in user messages"):
        said("assistant", "look", None, [image])


@pytest.mark.parametrize("value", ["text", [Message("user", "a list")], ("a text",), None])
def test_other_packs_messages(value: Any):
    """What is no tuple of our messages is refused by name."""
    with pytest.raises(RequestError, match="another node pack"):
        conversation(value)


def test_the_default_graph_can_be_sent(tmp_path: Path, vault: Vault):
    """All widgets as they come: gpt-5 with a temperature, which it refuses, so that it is left out with a note."""
    api_value = api("AV_OpenAIApi", {"endpoint": OWN["AV_OpenAIApi"]}, vault)
    given = settings(api_value, config("gpt-5", 1024, 0.5), seed=0)
    asked = Client(tmp_path).asked(said("user", "hello"), given)
    ready = prepared(asked.request, asked.provider, asked.way, asked.delivery)
    body = asked.way.dialect.encode(ready.request, asked.way.quirks, stream=False)
    assert "temperature" not in body
    assert ready.notes


def test_the_settings_make_a_request(tmp_path: Path):
    """The sockets' values are the library's settings: the same request, and key, as from Python."""
    client = Client(tmp_path)
    ours = client.request(
        said("user", "hello"),
        **settings(LlmApi(provider="openai", extra={"user": "me"}), config("gpt-4o", 64, 0.5), seed=0),
    )
    theirs = client.request(
        "hello", model="openai/gpt-4o", max_tokens=64, temperature=0.5, seed=0, extra={"user": "me"}
    )
    assert ours == theirs
    assert ours.seed == 0


WITHOUT = """
import sys
for name in ("click", "rich", "platformdirs", "numpy", "PIL"):
    sys.modules[name] = None  # importing it fails
from antiphon import Client
from antiphon.comfyui.asking import api, config, said
from antiphon.comfyui.keys import Vault
from antiphon.comfyui.sockets import LlmApi, settings
client = Client(sys.argv[1])
api("AV_OpenAIApi", {"openai_api_key": "sk-0123456789", "endpoint": ""}, Vault(client.credentials))
answer = client.complete(said("user", "hello"), **settings(LlmApi(provider="echo"), config("echo", 9, 0.5), seed=0))
sys.stdout.write(answer.text)
"""


def test_a_clone_needs_nothing_that_comfyui_does_not_bring(tmp_path: Path):
    """Our own dependencies beside aiohttp are the command line's: nodes run without them."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("hello", 0), done.stderr
