"""Azure OpenAI: the user's own resource, its header, and its content filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai as sdk
import pytest

from antiphon import Client, providers
from antiphon.dialects import openai_chat as chat
from antiphon.errors import CredentialError, Refused, RequestError, Unauthorized

from ..dialects.tables import facts, reply, sse, streamed
from .asking import AS_SCHEMA, HI, SCHEMA, Wire, asked, encoded, refused

PROVIDER = providers.get("azure")
ENDPOINT = "AZURE_OPENAI_ENDPOINT"
FULL: dict[str, Any] = {
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "stop": ("a", "b"),
    "response_format": SCHEMA,
    "reasoning": "low",
}
BODY = {
    "model": "gpt-6-sol",
    "messages": HI,
    "max_completion_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "stop": ["a", "b"],
    "response_format": AS_SCHEMA,
    "reasoning_effort": "low",
    "seed": 7,
}


@pytest.fixture(autouse=True)
def no_azure_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's environment says."""
    monkeypatch.delenv(ENDPOINT, raising=False)
    monkeypatch.delenv("AZURE_OPENAI_API_KEY", raising=False)


def test_a_full_request(wire: Wire):
    """Every setting goes out, whatever the deployment is called; the key in Azure's own header."""
    root = wire.peer.url.removesuffix("/v1")
    seen, completion = wire.ask("azure", model="gpt-6-sol", seed=7, base_url=root, **FULL)
    assert seen.body == BODY
    assert seen.path == "/openai/v1/chat/completions"
    assert seen.headers["api-key"] == "key-1"
    assert "authorization" not in seen.headers
    assert completion.seed_status == "sent"


def test_the_environment_names_the_resource(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    """$AZURE_OPENAI_ENDPOINT is the address, and its host the one that $AZURE_OPENAI_API_KEY may go to."""
    monkeypatch.setenv(ENDPOINT, wire.peer.url.removesuffix("v1"))
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key-2")
    seen, _ = wire.ask("azure", model="d", base_url=None, api_key=None)
    assert (seen.path, seen.headers["api-key"]) == ("/openai/v1/chat/completions", "key-2")
    with pytest.raises(CredentialError):
        wire.ask("azure", model="d", base_url="https://other.openai.azure.com", api_key=None)
    assert len(wire.peer.seen) == 1


def test_without_an_address_it_says_where_to_put_one(tmp_path: Path):
    """No base_url and no variable is an error before sending that names both."""
    with pytest.raises(RequestError, match=ENDPOINT) as caught:
        Client(tmp_path).request("hi", provider="azure", model="d")
    assert caught.value.field == "base_url"


@pytest.mark.parametrize("address", ["https://[", "r.openai.azure.com", "ftp://r"])
def test_a_wrong_address_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str):
    """A variable that holds no address is named where it is used, and lets no key go anywhere."""
    monkeypatch.setenv(ENDPOINT, address)
    with pytest.raises(RequestError):
        Client(tmp_path).request("hi", provider="azure", model="d")
    assert PROVIDER.own_hosts in ((), ("r",))


def test_another_resource_is_another_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The same deployment name may be another model elsewhere, so the address is part of the request."""
    client = Client(tmp_path)
    requests = []
    for resource in ("a", "b", "a"):
        monkeypatch.setenv(ENDPOINT, f"https://{resource}.openai.azure.com/")
        requests.append(client.request("hi", provider="azure", model="d"))
    assert requests[0] == requests[2] != requests[1]
    assert requests[1].identity == {"server": "https://b.openai.azure.com/openai/v1"}


def test_a_stream_and_the_responses_way():
    """A stream asks for usage and for nothing that only OpenAI knows; Responses have no seed."""
    assert encoded("azure", stream=True)["stream_options"] == {"include_usage": True}
    body = encoded("azure", dialect="openai_responses", max_tokens=9, seed=7)
    assert (body["max_output_tokens"], "seed" in body) == (9, False)
    assert refused("azure", top_k=3).field == "top_k"


def test_the_official_client_goes_to_the_same_place(monkeypatch: pytest.MonkeyPatch):
    """The openai package with the v1 address has the same path."""
    monkeypatch.setenv(ENDPOINT, "https://r.openai.azure.com")
    with sdk.OpenAI(base_url="https://r.openai.azure.com/openai/v1/", api_key="k") as client:
        assert f"{PROVIDER.address('https://r.openai.azure.com')}/" == str(client.base_url)
    assert PROVIDER.own_hosts == ("r.openai.azure.com",)
    assert asked("azure").provider == PROVIDER.name


FILTERED = {
    "error": {
        "message": "The response was filtered due to the prompt",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                "hate": {"filtered": False, "severity": "safe"},
                "violence": {"filtered": True, "severity": "high"},
                "jailbreak": {"filtered": True, "detected": True},
            },
        },
    }
}


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_a_blocked_prompt_is_refused(wire: Wire, dialect: str):
    """A prompt that the filter blocks is Refused with what it found, and is not tried again."""
    wire.peer.status = 400
    wire.peer.error = FILTERED
    with pytest.raises(Refused, match=r"\(violence, jailbreak\)") as caught:
        wire.ask("azure", model="d", dialect=dialect, retries=2)
    assert (caught.value.reason, caught.value.provider) == ("content_filter", "azure")
    assert len(wire.peer.seen) == 1


HEAD = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-6-sol-2026",
    "system_fingerprint": "fp_x",
}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
SAFE = {"hate": {"filtered": False, "severity": "safe"}}


def test_filter_results_are_no_answer():
    """The results of the filter come with the answer, and in a first chunk without choices."""
    choice = {
        "message": {"role": "assistant", "content": "yes"},
        "finish_reason": "stop",
        "content_filter_results": SAFE,
    }
    whole = {
        **HEAD,
        "choices": [choice],
        "usage": USAGE,
        "prompt_filter_results": [{"content_filter_results": SAFE}],
    }
    wanted = facts(chat.decode(reply(whole, headers={"apim-request-id": "a-1"})))
    assert (wanted["text"], wanted["request_id"]) == ("yes", "a-1")
    chunks = [
        {"id": "", "model": "", "object": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {**HEAD, "choices": [{"delta": {"role": "assistant", "content": ""}}]},
        {**HEAD, "choices": [{"delta": {"content": "yes"}, "content_filter_results": SAFE}]},
        {**HEAD, "choices": [{"delta": {}, "finish_reason": "stop"}]},
        {**HEAD, "choices": [], "usage": USAGE},
    ]
    assert facts(streamed(chat, sse(*chunks), {"apim-request-id": "a-1"})[0]) == wanted


def test_a_blocked_answer():
    """An answer that is cut by the filter keeps what there is; without any text it is Refused."""
    cut = [{**HEAD, "choices": [{"delta": {"content": text}}]} for text in ("so ", "far")]
    end = {**HEAD, "choices": [{"delta": {}, "finish_reason": "content_filter"}]}
    completion, _ = streamed(chat, sse(*cut, end))
    assert (completion.text, completion.finish_reason) == ("so far", "content_filter")
    with pytest.raises(Refused):
        streamed(chat, sse(end))


def test_a_wrong_key():
    """Azure's own 401 is read."""
    body = {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}}
    error = chat.error(reply(body, 401))
    assert (type(error), error.code) == (Unauthorized, "401")
