"""OpenRouter: what it is sent, what its replies and errors become, and its own package's word for it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openrouter as sdk
import pytest

from antiphon import Client, Media, providers
from antiphon.dialects import openai_chat as chat
from antiphon.errors import (
    AntiphonError,
    QuotaExhausted,
    RateLimited,
    Refused,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
)

from .. import aimock
from ..dialects.tables import facts, reply, sse, streamed
from .asking import AS_SCHEMA, HI, PDF, PNG, SCHEMA, WAV, Wire, content, encoded, refused

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
    "modalities": ("image", "text"),
    "aspect_ratio": "16:9",
    "reasoning": "low",
}
BODY = {
    "model": "google/gemini-3.1-flash-image",
    "messages": HI,
    "max_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.1,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repetition_penalty": 1.1,
    "stop": ["a", "b"],
    "response_format": AS_SCHEMA,
    "modalities": ["text", "image"],
    "image_config": {"aspect_ratio": "16:9"},
    "reasoning": {"effort": "low"},
    "seed": 7,
    "provider": {"require_parameters": True},
}


def test_a_full_request(wire: Wire):
    """Every setting goes out under OpenRouter's name; the key as bearer; nothing tells which program asks."""
    seen, completion = wire.ask("openrouter", model=BODY["model"], seed=7, **FULL)
    assert seen.body == BODY
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer key-1"
    assert not {"http-referer", "x-openrouter-title", "x-title"} & seen.headers.keys()
    assert completion.seed_status == "sent"


ATTRIBUTION = {
    "OPENROUTER_HTTP_REFERER": "https://app.test",
    "OPENROUTER_X_OPEN_ROUTER_TITLE": "My app",
    "OPENROUTER_X_OPEN_ROUTER_CATEGORIES": "image-gen",
}
WANTED = {
    "http-referer": "https://app.test",
    "x-openrouter-title": "My app",
    "x-openrouter-categories": "image-gen",
}


def test_the_environment_names_the_program(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    """With the variables of its own package set, the same headers go out as from that package; they change no key."""
    _, plain = wire.ask("openrouter", model="x/y", seed=1)
    for name, value in ATTRIBUTION.items():
        monkeypatch.setenv(name, value)
    seen, _ = wire.ask("openrouter", model="x/y", seed=2)
    assert {name: seen.headers[name] for name in WANTED} == WANTED
    _, again = wire.ask("openrouter", model="x/y", seed=1)
    assert again.replayed
    assert again.key == plain.key
    theirs: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        theirs.append(request)
        return httpx.Response(400, json={"error": {"code": 400, "message": "enough seen"}})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = sdk.OpenRouter(api_key="key-1", client=http)
        with pytest.raises(sdk.errors.OpenRouterError):
            client.chat.send(model="x/y", messages=HI)
    assert {name: theirs[0].headers[name] for name in WANTED} == WANTED


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\x00", "名前"])
def test_a_name_that_no_header_can_carry(wire: Wire, monkeypatch: pytest.MonkeyPatch, value: str):
    """What would break the request's head, or not arrive as it is, is refused before sending."""
    monkeypatch.setattr(os, "environ", {**os.environ, "OPENROUTER_X_OPEN_ROUTER_TITLE": value})
    with pytest.raises(RequestError) as caught:
        wire.ask("openrouter", model="x/y")
    assert caught.value.field == "OPENROUTER_X_OPEN_ROUTER_TITLE"
    assert wire.peer.seen == []


def test_routing_goes_along(wire: Wire):
    """Its routing is given as it stands in its documentation; with a seed the promise to heed all settings stays."""
    route = {"order": ["anthropic", "google-vertex"], "allow_fallbacks": False, "zdr": True}
    seen, _ = wire.ask("openrouter", model="x/y", seed=1, extra={"provider": route})
    assert seen.body["provider"] == {"require_parameters": True, **route}


def test_only_a_seed_narrows_the_choice_of_endpoints():
    """Without a seed any endpoint will do; with one, the user's own routing stays and wins."""
    assert "provider" not in encoded("openrouter", temperature=0.5)
    pinned = {"provider": {"order": ["X"], "require_parameters": False}}
    assert encoded("openrouter", seed=0, extra=pinned)["provider"] == pinned["provider"]


def test_a_stream_needs_no_options():
    """Usage is always in a stream there."""
    assert encoded("openrouter", stream=True) == {"model": "m", "messages": HI, "stream": True}


@pytest.mark.parametrize(
    ("level", "wanted"),
    [("off", {"effort": "none"}), ("high", {"effort": "high"}), (2000, {"max_tokens": 2000})],
)
def test_reasoning(level: Any, wanted: dict[str, Any]):
    """A level is an effort, a number a budget."""
    assert encoded("openrouter", reasoning=level)["reasoning"] == wanted


def test_all_kinds_of_media():
    """Images, sound, video and documents go in, documents by URL too; more than four stops do not."""
    parts = content(
        "openrouter",
        Media.from_bytes(PNG),
        Media.from_bytes(WAV),
        Media.from_url("https://e.test/a.mp4"),
        Media.from_url("https://e.test/a.pdf"),
        Media.from_bytes(PDF, name="x.pdf"),
    )
    assert [part["type"] for part in parts] == ["image_url", "input_audio", "video_url", "file", "file"]
    assert parts[3]["file"] == {"filename": "document", "file_data": "https://e.test/a.pdf"}
    assert parts[4]["file"] == {
        "filename": "x.pdf",
        "file_data": "data:application/pdf;base64," + base64.b64encode(PDF).decode(),
    }
    assert refused("openrouter", stop=list("abcde")).field == "stop"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_its_own_package_sends_the_same(stream: bool):
    """For the same request the openrouter package sends the same body to the same path."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(400, json={"error": {"code": 400, "message": "enough seen"}})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = sdk.OpenRouter(api_key="key-1", client=http)
        with pytest.raises(sdk.errors.OpenRouterError):
            client.chat.send(**{**BODY, "messages": HI}, stream=stream)
    [sent] = seen
    provider = providers.get("openrouter")
    assert str(sent.url) == f"{provider.base_url}/chat/completions"
    mine = encoded("openrouter", model=BODY["model"], seed=7, stream=stream, **FULL)
    assert {"stream": False, **mine} == {"stream": False, **json.loads(sent.content)}


def test_its_responses_are_asked_as_its_package_types_them():
    """The body for its Responses API has no field that the openrouter package does not know."""
    body = encoded(
        "openrouter",
        dialect="openai_responses",
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        reasoning="low",
        seed=1,
        response_format=SCHEMA,
    )
    assert body.keys() <= sdk.components.ResponsesRequest.model_fields.keys()
    assert "seed" not in body


HEAD = {"id": "gen-1", "model": "x/y", "provider": "Z", "object": "chat.completion"}
PNG_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()
IMAGES = [{"type": "image_url", "image_url": {"url": PNG_URL}}]
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "cost": 0.0125, "is_byok": False}


def test_images_reasoning_and_cost_come_back():
    """A reply with an image, reasoning, details and cost; streamed between comments, it says the same."""
    message = {
        "role": "assistant",
        "content": "here",
        "reasoning": "hm",
        "reasoning_details": [{"type": "reasoning.text", "text": "hm"}],
        "images": IMAGES,
    }
    done = {"finish_reason": "stop", "native_finish_reason": "STOP"}
    whole = {**HEAD, "choices": [{"message": message, **done}], "usage": USAGE}
    wanted = {
        "text": "here",
        "reasoning": "hm",
        "media": (Media.from_bytes(PNG),),
        "finish_reason": "stop",
        "usage": {"input_tokens": 7, "output_tokens": 3, "cost": 0.0125},
        "model": "x/y",
        "request_id": "gen-1",
    }
    assert facts(chat.decode(reply(whole))) == wanted
    chunks = [
        {**HEAD, "choices": [{"delta": {"role": "assistant", "content": "", "reasoning": "hm"}}]},
        {**HEAD, "choices": [{"delta": {"content": "here", "images": IMAGES}}]},
        {**HEAD, "choices": [{"delta": {"content": ""}, **done}], "usage": USAGE},
    ]
    body = b": OPENROUTER PROCESSING\n\n" + sse(*chunks)
    assert facts(streamed(chat, body)[0]) == wanted


ERRORS: dict[str, tuple[int, dict[str, Any], type[AntiphonError], str]] = {
    "no credits": (402, {"code": 402, "metadata": {"limit_source": "openrouter_credits"}}, QuotaExhausted, ""),
    "the key's limit": (402, {"code": 402, "metadata": {"limit_source": "openrouter_key_limit"}}, QuotaExhausted, ""),
    "too much in flight": (
        402,
        {"code": 402, "metadata": {"limit_source": "openrouter_in_flight_budget"}},
        RateLimited,
        "",
    ),
    "flagged": (
        403,
        {
            "code": 403,
            "message": "flagged",
            "metadata": {"error_type": "content_policy_violation", "reasons": ["violence"]},
        },
        Refused,
        "flagged (violence)",
    ),
    "the edge gave up": (524, {"code": 524, "message": "timeout"}, ServerFailed, "timeout"),
    "overloaded": (529, {"code": 529, "metadata": {"error_type": "provider_overloaded"}}, ServerFailed, ""),
    "under 200": (200, {"code": 502, "message": "upstream"}, ServerFailed, "upstream"),
    "refused under 200": (
        200,
        {"code": 403, "message": "no", "metadata": {"error_type": "refusal"}},
        Refused,
        "no",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("status", "error", "kind", "message"), ERRORS.values(), ids=ERRORS)
def test_errors(status: int, error: dict[str, Any], kind: type[AntiphonError], message: str):
    """Its errors are told by status, limit_source and error_type, under HTTP 200 too."""
    with pytest.raises(kind) as caught:
        raise_from(status, {"error": error})
    assert type(caught.value) is kind
    assert message in caught.value.message


def raise_from(status: int, document: dict[str, Any]) -> None:
    if status == 200:
        chat.decode(reply(document))
    raise chat.error(reply(document, status))


def test_an_error_in_a_stream():
    """Once a stream runs, an error comes as an event with both an error and a finish reason."""
    broken = {
        **HEAD,
        "error": {"code": 502, "message": "gone"},
        "choices": [{"delta": {}, "finish_reason": "error"}],
    }
    with pytest.raises(ServerFailed, match="gone"):
        streamed(chat, sse({**HEAD, "choices": [{"delta": {"content": "a"}}]}, broken))


@pytest.mark.parametrize(
    ("limit", "kind", "calls"),
    [("openrouter_in_flight_budget", RateLimited, 2), ("openrouter_credits", QuotaExhausted, 1)],
)
def test_a_402_is_tried_again_only_where_that_helps(
    wire: Wire, limit: str, kind: type[AntiphonError], calls: int
):
    """Money that is only reserved comes back; money that is gone does not."""
    wire.peer.status = 402
    wire.peer.headers = {"Retry-After": "0.01"}
    wire.peer.error = {"error": {"code": 402, "message": "no", "metadata": {"limit_source": limit}}}
    with pytest.raises(kind) as caught:
        wire.ask("openrouter", model="x/y", retries=1)
    assert len(wire.peer.seen) == calls
    assert caught.value.provider == "openrouter"


# -------------------------------------------------------------------------------- independent peers


@pytest.fixture(scope="module")
def other_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running aimock; skips where it is not installed."""
    with aimock.serve(tmp_path_factory.mktemp("aimock")) as url:
        yield f"{url}/api/v1"


def test_aimock(other_url: str, tmp_path: Path):
    """Another peer: plain and streamed answers, an image and a schema in, cost; 401, 429 and 503."""
    client = Client(tmp_path)
    how: Any = {"provider": "openrouter", "model": "x/y", "base_url": other_url, "retries": 0}
    right = {**how, "api_key": aimock.KEY}
    stream = client.stream("hello", system="be brief", **right)
    pieces = "".join(delta.text for delta in stream)
    whole = client.complete("hello", attachments=[PNG], seed=7, response_format=SCHEMA, **right)
    assert pieces == stream.completion.text == whole.text == '{"n": 7}'
    assert whole.parsed == {"n": 7}
    assert (whole.finish_reason, whole.seed_status, whole.reasoning) == ("stop", "sent", "A greeting. ")
    assert (whole.usage.output_tokens, whole.usage.cost) == (3, 0.0125)
    assert stream.completion.usage.cost == 0.0125
    assert client.complete("hello", attachments=[PNG], seed=7, response_format=SCHEMA, **right).replayed
    for prompt, key, kind in (
        ("hello", "wrong", Unauthorized),
        ("busy", aimock.KEY, RateLimited),
        ("down", aimock.KEY, ServerFailed),
    ):
        with pytest.raises(kind) as caught:
            client.complete(prompt, **how, api_key=key)
        assert caught.value.provider == "openrouter"
    client.close()


def test_its_own_package_reads_the_same():
    """The reply with image, reasoning and cost is one to the openrouter package too, and says the same there."""
    message = {"role": "assistant", "content": "here", "reasoning": "hm", "images": IMAGES}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    document = {**HEAD, "created": 1, "system_fingerprint": None, "choices": [choice], "usage": USAGE}
    theirs = sdk.components.ChatResult.model_validate(document)
    ours = chat.decode(reply(document))
    said = theirs.choices[0].message
    assert (said.content, said.reasoning, theirs.usage.cost) == (ours.text, ours.reasoning, ours.usage.cost)
    assert Media.from_data_url(said.images[0].image_url.url) == ours.media[0]


def test_a_stream_that_stops_short():
    """Without a finish reason it is cut off, whatever came before."""
    with pytest.raises(TransportError) as caught:
        streamed(chat, sse({**HEAD, "choices": [{"delta": {"content": "a"}}]}))
    assert caught.value.phase == "cut-off"
