"""Keys out of prompts, without a ComfyUI: what is moved, what is left, and where it is kept."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from antiphon import RequestError, Secret
from antiphon.comfyui.asking import KEY_WIDGETS
from antiphon.comfyui.keys import Vault, move, named, typed
from antiphon.credentials import Credentials
from tests.comfyui.graphs import node

KEY = "sk-typed-0123456789abcdef"
AWS = {
    "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "aws_session_token": "token/with+signs=",
}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(Credentials(tmp_path, {}))


def moved(vault: Vault, *nodes: dict[str, Any], **extra: Any) -> tuple[dict[str, Any], list[Any]]:
    document = {"prompt": {str(n): each for n, each in enumerate(nodes, 1)}, "client_id": "me", **extra}
    return document, move(document, KEY_WIDGETS, vault)


def openai(key: Any, endpoint: str = "https://api.openai.com/v1") -> dict[str, Any]:
    return node("AV_OpenAIApi", openai_api_key=key, endpoint=endpoint)


def test_a_key_becomes_a_name(vault: Vault):
    """The widget holds the name; the key is bound to the host of the node's address."""
    document, [found] = moved(vault, openai(KEY))

    assert document["prompt"]["1"]["inputs"]["openai_api_key"] == "credential:openai-widget"
    assert found == ("1", "openai_api_key", "credential:openai-widget")
    assert vault.credentials.find("openai-widget", host="https://api.openai.com/v1") == Secret(KEY)
    [stored] = vault.credentials.list()
    assert stored.hosts == ("api.openai.com",)


@pytest.mark.parametrize("value", ["", "  ", None, 3, "credential:mine", ["2", 0], []])
def test_what_is_no_literal_key_stays(vault: Vault, value: Any):
    """Nothing, a name, or a link to a node that makes its text when it runs."""
    document, found = moved(vault, openai(value), node("Whatever", value=KEY))
    assert document["prompt"]["1"]["inputs"]["openai_api_key"] == value
    assert document["prompt"]["2"]["inputs"]["value"] == KEY
    assert found == []
    assert vault.credentials.list() == ()


@pytest.mark.parametrize("document", [{}, {"prompt": None}, {"prompt": []}, {"prompt": {"1": 3, "2": {}}}])
def test_a_body_that_is_no_prompt(vault: Vault, document: dict[str, Any]):
    """ComfyUI refuses it itself; nothing breaks here."""
    before = json.dumps(document)
    assert not typed(document, KEY_WIDGETS)
    assert move(document, KEY_WIDGETS, vault) == []
    assert json.dumps(document) == before


def test_one_name_for_each_key_and_host(vault: Vault):
    """The same key for the same host keeps its name; another key or host gets another. A stored key is recognised."""
    vault.credentials.set("mine", "sk-stored-0123456789", hosts=["api.openai.com"])
    names = [
        moved(vault, openai(*each))[0]["prompt"]["1"]["inputs"]["openai_api_key"]
        for each in (
            (KEY,),
            (KEY,),
            ("sk-other-0123456789",),
            (KEY, "http://127.0.0.1:8080/v1"),
            ("sk-stored-0123456789",),
        )
    ]
    assert names == [
        "credential:openai-widget",
        "credential:openai-widget",
        "credential:openai-widget-2",
        "credential:openai-widget-3",
        "credential:mine",
    ]
    assert vault.credentials.list()[-1].hosts == ("http://127.0.0.1:8080",)


def test_an_aws_key_of_three_parts(vault: Vault):
    """Id, secret and token become one key for the region's host; its name stands where the id stood."""
    document, _ = moved(vault, node("AV_AwsBedrockMistralApi", region="eu-west-1", **AWS))

    inputs = document["prompt"]["1"]["inputs"]
    assert inputs["aws_access_key_id"] == "credential:bedrock-widget"
    assert inputs["aws_secret_access_key"] == inputs["aws_session_token"] == ""
    key = vault.credentials.find("bedrock-widget", host="https://bedrock-runtime.eu-west-1.amazonaws.com")
    assert key == Secret(":".join(AWS.values()))


def test_what_stands_beside_a_name_goes_too(vault: Vault):
    """A secret left beside the name of a key is not used, and does not stay."""
    inputs = {**AWS, "aws_access_key_id": "credential:bedrock-widget"}
    document, _ = moved(vault, node("AV_AwsBedrockClaudeApi", region="eu-west-1", **inputs))
    assert AWS["aws_secret_access_key"] not in json.dumps(document)


def test_it_is_replaced_in_all_that_travels_along(vault: Vault):
    """In the workflow beside the prompt, in notes, in other nodes' texts: wherever the key stands."""
    workflow = {"nodes": [{"type": "Note", "widgets_values": [f"key: {KEY}"]}], KEY: {"a": [KEY]}}
    document, _ = moved(
        vault,
        openai(KEY),
        node("Text", text=f"<{KEY}>"),
        extra_data={"extra_pnginfo": {"workflow": workflow}},
    )
    text = json.dumps(document)
    assert KEY not in text
    assert "<credential:openai-widget>" in text
    assert document["client_id"] == "me"


def test_one_key_that_begins_like_another(vault: Vault):
    """The longer one is replaced first, so that no end of it is left."""
    document, _ = moved(vault, openai(KEY), openai(KEY + "-and-more"), node("Text", text=KEY + "-and-more"))
    assert "-and-more" not in json.dumps(document)


@pytest.mark.parametrize(
    ("key", "endpoint"),
    [
        ("sk-\u20ac-not-ascii-at-all", "https://x.example"),
        (KEY, "not an address"),
        ("x" * 9000, "https://x.example"),
    ],
)
def test_a_key_that_cannot_be_kept_is_taken_out(
    vault: Vault, caplog: pytest.LogCaptureFixture, key: str, endpoint: str
):
    """Whatever is wrong with it, it does not stay in the prompt, nor come into the log; the node will say so."""
    with caplog.at_level(logging.WARNING):
        document, _ = moved(vault, openai(key, endpoint))
    assert document["prompt"]["1"]["inputs"]["openai_api_key"] == "credential:"
    assert "taken out" in caplog.text
    assert key not in caplog.text
    with pytest.raises(RequestError, match="not whole, or could not be kept"):
        named("credential:")


def test_it_is_said_once(vault: Vault, caplog: pytest.LogCaptureFixture):
    """One warning for each key: which widget, which file, which host, and what to write instead; never the key."""
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            moved(vault, openai(KEY))
    [record] = caplog.records
    for word in ("AV_OpenAIApi (node 1)", "credentials.json", "api.openai.com", "credential:openai-widget"):
        assert word in record.getMessage()
    assert KEY not in record.getMessage()
