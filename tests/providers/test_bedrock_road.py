"""Bedrock down the whole road, over real sockets: signed and with a bearer key, plain and streamed, and failing.

The server checks every signature with botocore, and boto3 itself is a client of the same server, so that the
server's answers are known to be AWS's.
"""

from __future__ import annotations

import calendar
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError, EventStreamError

from antiphon import Client, Completion
from antiphon.errors import (
    AntiphonError,
    CredentialError,
    RateLimited,
    Refused,
    ReplyError,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
)
from antiphon.providers import _aws, bedrock
from antiphon.request import Media, Message
from antiphon.transport import Transport

from .. import bedrock_server
from ..aws_frames import chunk, event, exception
from ..bedrock_server import BEARER, KEY_ID, SECRET, Answer, Bedrock, document, problem, stream

CLAUDE = "us.anthropic.claude-opus-4-6-v1:0"
MISTRAL = "mistral.mistral-large-3-675b-instruct"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
LISTED = {
    "modelSummaries": [
        {
            "modelArn": "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-6",
            "modelId": "anthropic.claude-sonnet-4-6",
            "modelName": "Claude",
            "providerName": "Anthropic",
            "inputModalities": ["TEXT", "IMAGE"],
            "outputModalities": ["TEXT"],
            "inferenceTypesSupported": ["INFERENCE_PROFILE"],
            "modelLifecycle": {"status": "ACTIVE", "endOfLifeTime": "2027-02-14T00:00:00Z"},
        }
    ]
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.fixture
def server() -> Iterator[Bedrock]:
    """A loopback Bedrock."""
    with bedrock_server.serve() as running:
        yield running


@pytest.fixture(autouse=True)
def signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """AWS keys and a region in the environment, and nothing else of AWS."""
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(_aws, "_found", None)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with an empty home that does not wait long before it tries again."""
    made = Client(tmp_path / "home", transport=Transport(jitter=lambda: 0.0))
    yield made
    made.close()


Ask = Callable[..., Completion]


@pytest.fixture(params=[False, True], ids=["plain", "streamed"])
def ask(request: pytest.FixtureRequest, client: Client, server: Bedrock) -> Ask:
    """Asks through the doors, once for a whole answer and once for a stream."""

    def one(prompt: Any = "Hi", model: str = CLAUDE, **settings: Any) -> Completion:
        settings = {"provider": "bedrock", "base_url": server.url, "model": model, **settings}
        if not request.param:
            return client.complete(prompt, **settings)
        with client.stream(prompt, **settings) as pieces:
            heard = "".join(delta.text for delta in pieces)
            whole = pieces.completion
        assert heard == whole.text
        return whole

    one.streams = request.param  # type: ignore[attr-defined]
    return one


def theirs(server: Bedrock, service: str = "bedrock-runtime") -> Any:
    """boto3's client of the same server."""
    return boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=server.url,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=botocore.config.Config(retries={"total_max_attempts": 1}, proxies={}),
    )


# ------------------------------------------------------------------------------------ answers, both ways

SPENT = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}


def whole(*content: dict[str, Any], stop: str = "end_turn") -> Answer:
    return document(
        {
            "output": {"message": {"role": "assistant", "content": list(content)}},
            "stopReason": stop,
            "usage": SPENT,
            "metrics": {"latencyMs": 5},
        },
        x_amzn_RequestId="req-1",
    )


def pieces(*content: dict[str, Any], stop: str = "end_turn") -> bytes:
    told = [event("messageStart", {"role": "assistant", "p": "abc"})]
    for index, block in enumerate(content):
        delta = block
        if "reasoningContent" in block:
            delta = {"reasoningContent": {"text": block["reasoningContent"]["reasoningText"]["text"]}}
        told.append(event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta, "p": "ab"}))
        told.append(event("contentBlockStop", {"contentBlockIndex": index}))
    told.append(event("messageStop", {"stopReason": stop}))
    told.append(event("metadata", {"usage": SPENT, "metrics": {"latencyMs": 5}}))
    return b"".join(told)


def answers(ask: Ask, *content: dict[str, Any], stop: str = "end_turn") -> Answer:
    """The answer with this content in the form that is asked for."""
    return stream(pieces(*content, stop=stop)) if ask.streams else whole(*content, stop=stop)  # type: ignore[attr-defined]


HELLO = {"text": "Grüß 👋"}
AS_JSON = {"text": '{"a": 7, "b": "Grüß 👋"}'}
THOUGHT = {"reasoningContent": {"reasoningText": {"text": "Hm."}}}


@pytest.mark.parametrize("model", [CLAUDE, MISTRAL])
def test_text_with_system_picture_schema_and_seed(ask: Ask, server: Bedrock, model: str) -> None:
    """One signed request with everything in it; boto3 sends the same body and path, and reads the same text."""
    server.says(answers(ask, AS_JSON))
    prompt = [Message("system", "Brief."), Message("user", Media.from_bytes(PNG), "Look")]
    completion = ask(prompt, model, max_tokens=9, response_format=SCHEMA, seed=7)

    assert (completion.text, completion.finish_reason) == (AS_JSON["text"], "stop")
    assert (completion.parsed, completion.provider) == ({"a": 7, "b": "Grüß 👋"}, "bedrock")
    assert (completion.seed_status, completion.model, completion.usage.total_tokens) == (
        "unsupported",
        model,
        5,
    )
    (ours,) = server.seen
    assert ours.verdict == "signed"
    sent = json.loads(ours.body)
    assert "seed" not in json.dumps(sent)

    image = {"image": {"format": "png", "source": {"bytes": PNG}}}
    params = {**sent, "modelId": model, "messages": [{"role": "user", "content": [image, {"text": "Look"}]}]}
    with closing(theirs(server)) as boto:
        if ask.streams:  # type: ignore[attr-defined]
            with closing(boto.converse_stream(**params)["stream"]) as found:
                told = list(found)
            assert told[1]["contentBlockDelta"]["delta"] == AS_JSON
        else:
            assert boto.converse(**params)["output"]["message"]["content"] == [AS_JSON]
    other = server.seen[-1]
    assert other.verdict == "signed"
    assert (json.loads(other.body), other.path) == (sent, ours.path)


def test_the_same_seed_comes_back_from_the_store(ask: Ask, server: Bedrock) -> None:
    """A recorded answer, frames and all, replays without a call, in whatever region the process is then."""
    server.says(answers(ask, THOUGHT, HELLO))
    first = ask(seed=1)
    os.environ["AWS_REGION"] = "us-east-1"
    again = ask(seed=1)
    assert (again.text, again.reasoning, again.replayed, again.usage) == ("Grüß 👋", "Hm.", True, first.usage)
    assert len(server.seen) == 1


@pytest.mark.parametrize("reason", ["low", 2048])
def test_reasoning_is_kept_apart(ask: Ask, server: Bedrock, reason: Any) -> None:
    """Claude's thinking is asked for in the model's own fields, and is no part of the text."""
    server.says(answers(ask, THOUGHT, HELLO))
    completion = ask(reasoning=reason)
    assert (completion.text, completion.reasoning) == ("Grüß 👋", "Hm.")
    assert "thinking" in json.loads(server.seen[0].body)["additionalModelRequestFields"]


@pytest.mark.parametrize("model", [CLAUDE, MISTRAL])
def test_a_guardrail_and_a_refusal(ask: Ask, server: Bedrock, model: str) -> None:
    """A guardrail's words are a completion that says so; without any, it is Refused and names the provider."""
    server.says(answers(ask, {"text": "Sorry."}, stop="guardrail_intervened"))
    assert ask(model=model).finish_reason == "content_filter"
    server.says(answers(ask, stop="content_filtered"))
    with pytest.raises(Refused) as caught:
        ask(model=model)
    assert (caught.value.reason, caught.value.provider) == ("content_filtered", "bedrock")


@pytest.mark.parametrize("model", [CLAUDE, MISTRAL])
def test_a_limit_that_was_reached(ask: Ask, server: Bedrock, model: str) -> None:
    """An answer cut by max_tokens is a completion of finish reason length."""
    server.says(answers(ask, {"text": "Hel"}, stop="max_tokens"))
    assert ask(model=model, max_tokens=1).finish_reason == "length"


# ----------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("model", [CLAUDE, MISTRAL])
@pytest.mark.parametrize(
    ("failing", "kind", "code"),
    [
        (problem(401, "UnauthorizedException"), Unauthorized, "UnauthorizedException"),
        (problem(403, "ExpiredTokenException"), Unauthorized, "ExpiredTokenException"),
        (problem(400, "ValidationException"), ReplyError, "ValidationException"),
    ],
    ids=["401", "403", "400"],
)
def test_errors_that_are_not_tried_again(
    ask: Ask, server: Bedrock, model: str, failing: Answer, kind: type[ReplyError], code: str
) -> None:
    """What asking again cannot mend is raised at once, as boto3 reads it too."""
    server.says(failing)
    with pytest.raises(kind) as caught:
        ask(model=model)
    assert (caught.value.code, caught.value.message, len(server.seen)) == (code, "m", 1)
    with closing(theirs(server)) as boto, pytest.raises(ClientError) as other:
        boto.converse(modelId=model, messages=[{"role": "user", "content": [{"text": "Hi"}]}])
    assert other.value.response["Error"] == {"Code": code, "Message": "m"}


@pytest.mark.parametrize("model", [CLAUDE, MISTRAL])
@pytest.mark.parametrize(
    "failing",
    [
        problem(429, "ThrottlingException", retry_after="0.01"),
        problem(429, "ModelNotReadyException"),
        problem(408, "ModelTimeoutException"),
        problem(500, "InternalServerException"),
        problem(503, "ServiceUnavailableException"),
    ],
    ids=lambda answer: str(answer.status),
)
def test_errors_that_pass(ask: Ask, server: Bedrock, model: str, failing: Answer) -> None:
    """Throttling and failures of the server are tried again, and each try carries a good signature of its own."""
    server.says(failing, failing, answers(ask, HELLO))
    assert ask(model=model).text == "Grüß 👋"
    assert [seen.verdict for seen in server.seen] == ["signed"] * 3


@pytest.mark.parametrize(
    ("failing", "kind"),
    [
        (problem(429, "ThrottlingException", retry_after="0.01"), RateLimited),
        (problem(503, "X"), ServerFailed),
    ],
    ids=["429", "503"],
)
def test_errors_that_stay(ask: Ask, server: Bedrock, failing: Answer, kind: type[ReplyError]) -> None:
    """After all tries the error comes out, with what the server asked to wait."""
    server.says(failing)
    with pytest.raises(kind, match="after 3 tries") as caught:
        ask()
    assert caught.value.retry_after == (0.01 if kind is RateLimited else None)
    assert len(server.seen) == 3


def test_each_try_is_signed_at_its_own_time(
    ask: Ask, server: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry carries the time at which it goes out, so that no wait makes a signature too old."""
    start = int(time.time())
    moments = iter((start - 200.0, start + 200.0))
    monkeypatch.setattr(bedrock, "time", SimpleNamespace(time=lambda: next(moments)))
    server.says(problem(503, "X"), answers(ask, HELLO))
    assert ask().text == "Grüß 👋"
    dates = [time.strptime(seen.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ") for seen in server.seen]
    assert [calendar.timegm(date) for date in dates] == [start - 200, start + 200]
    assert {seen.verdict for seen in server.seen} == {"signed"}


@pytest.mark.parametrize("model", [CLAUDE, MISTRAL])
@pytest.mark.parametrize(
    "name", ["throttlingException", "internalServerException", "modelStreamErrorException"]
)
def test_an_exception_in_the_middle_of_a_stream(
    client: Client, server: Bedrock, model: str, name: str
) -> None:
    """Status 200, some text, then an exception frame: the text came, the typed error follows, nothing is sent again."""
    begun = pieces(HELLO).partition(event("messageStop", {"stopReason": "end_turn"}))[0]
    server.says(stream(begun + exception(name, {"message": "Too many tokens"})))
    heard = []
    with (
        pytest.raises(ReplyError, match="Too many tokens") as caught,
        client.stream("Hi", provider="bedrock", base_url=server.url, model=model, seed=3) as deltas,
    ):
        heard.extend(delta.text for delta in deltas)
    assert heard == ["Grüß 👋"]
    assert caught.value.code == name[0].upper() + name[1:]
    assert len(server.seen) == 1
    assert client.store.count() == 0
    with closing(theirs(server)) as boto:
        found = boto.converse_stream(modelId=model, messages=[{"role": "user", "content": [HELLO]}])["stream"]
        with closing(found), pytest.raises(EventStreamError, match=name):
            list(found)


@pytest.mark.parametrize("cut", [False, True], ids=["closed in order", "reset"])
def test_a_stream_that_is_cut_off(client: Client, server: Bedrock, cut: bool) -> None:
    """A stream without its metadata is an error and not recorded, whether the connection ends in order or not."""
    raw = pieces(HELLO)
    for end in (raw.rindex(b":event-type") - 14, len(raw) - 3):
        server.says(stream(raw[:end], cut=cut))
        with (
            pytest.raises(TransportError) as caught,
            client.stream("Hi", provider="bedrock", base_url=server.url, model=CLAUDE, seed=3) as deltas,
        ):
            assert "".join(delta.text for delta in deltas) == HELLO["text"]
        assert (caught.value.phase, caught.value.before_output) == ("cut-off", False)
    assert client.store.count() == 0


def test_a_damaged_stream_is_a_typed_error(client: Client, server: Bedrock) -> None:
    """A wrong checksum, and a page that only claims to be a stream, are errors."""
    raw = bytearray(pieces(HELLO))
    raw[40] ^= 1
    for body in (bytes(raw), b"<html>not a stream at all</html>"):
        server.says(stream(body))
        with pytest.raises(TransportError, match="damaged"):
            list(client.stream("Hi", provider="bedrock", base_url=server.url, model=CLAUDE))


# ------------------------------------------------------------------------------------------- other ways


def test_claude_through_invoke(ask: Ask, server: Bedrock) -> None:
    """InvokeModel carries Anthropic's message; boto3 sends the same bytes to the same path."""
    message = {
        "id": "msg_1",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "usage": {"input_tokens": 3},
    }
    told = [
        {"type": "message_start", "message": message},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    full = {**message, "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"}
    server.says(stream(b"".join(map(chunk, told))) if ask.streams else document(full))  # type: ignore[attr-defined]
    completion = ask(dialect="bedrock_invoke_claude", max_tokens=9, seed=4)
    assert (completion.text, completion.finish_reason) == ("Hello", "stop")
    assert ask(dialect="bedrock_invoke_claude", max_tokens=9, seed=4).replayed
    (ours,) = server.seen
    assert json.loads(ours.body)["anthropic_version"] == "bedrock-2023-05-31"
    with closing(theirs(server)) as boto:
        if ask.streams:  # type: ignore[attr-defined]
            answer = boto.invoke_model_with_response_stream(modelId=CLAUDE, body=ours.body)
            with closing(answer["body"]) as found:
                assert [json.loads(one["chunk"]["bytes"]) for one in found] == told
        else:
            with closing(boto.invoke_model(modelId=CLAUDE, body=ours.body)["body"]) as found:
                assert json.loads(found.read()) == full
    assert (server.seen[-1].body, server.seen[-1].path) == (ours.body, ours.path)


def test_mistral_through_invoke(ask: Ask, server: Bedrock) -> None:
    """InvokeModel carries Mistral's prompt format, and its usage comes back."""
    last = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 2}}
    told = [
        {"outputs": [{"text": " Hello", "stop_reason": None}]},
        {"outputs": [{"text": "!", "stop_reason": "length"}], **last},
    ]
    full = document(
        {"outputs": [{"text": " Hello!", "stop_reason": "length"}]},
        X_Amzn_Bedrock_Input_Token_Count="5",
        X_Amzn_Bedrock_Output_Token_Count="2",
    )
    server.says(stream(b"".join(map(chunk, told))) if ask.streams else full)  # type: ignore[attr-defined]
    model = "mistral.mistral-7b-instruct-v0:2"
    completion = ask("Hi", model, dialect="bedrock_invoke_mistral", system="Brief.")
    assert (completion.text, completion.finish_reason) == (" Hello!", "length")
    assert completion.usage.total_tokens == 7
    assert json.loads(server.seen[0].body) == {"prompt": "<s>[INST] Brief.\n\nHi [/INST]"}
    verb = "invoke-with-response-stream" if ask.streams else "invoke"  # type: ignore[attr-defined]
    assert server.seen[0].path == f"/model/mistral.mistral-7b-instruct-v0%3A2/{verb}"


def test_claude_on_mantle(client: Client, server: Bedrock) -> None:
    """Anthropic's own protocol, with its version header, signed for mantle."""
    full = {"id": "m", "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"}
    server.says(document(full))
    completion = client.complete(
        "Hi", provider="bedrock", base_url=server.url, model=CLAUDE, dialect="anthropic_messages"
    )
    assert completion.text == "Hello"
    (seen,) = server.seen
    assert (seen.verdict, seen.path) == ("signed", "/messages")
    assert seen.headers["anthropic-version"] == "2023-06-01"
    assert "/eu-west-1/bedrock-mantle/" in seen.headers["Authorization"]


def profile(name: str, model: str = "anthropic.claude-sonnet-4-6") -> dict[str, Any]:
    """A row of the profiles, as AWS sends them."""
    return {
        "inferenceProfileName": "EU Claude",
        "description": "Routes requests to Claude in two regions.",
        "createdAt": "2026-02-01T00:00:00Z",
        "updatedAt": "2026-02-01T00:00:00Z",
        "inferenceProfileArn": f"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/{name}",
        "models": [
            {"modelArn": f"arn:aws:bedrock:{region}::foundation-model/{model}"}
            for region in ("eu-west-1", "eu-north-1")
        ],
        "inferenceProfileId": name,
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def test_models(client: Client, server: Bedrock) -> None:
    """The listing is a signed GET with a query, and its rows are models."""
    server.says(document(LISTED), document({"inferenceProfileSummaries": []}))
    (model,) = client.models("bedrock", base_url=server.url)
    assert model.name == "anthropic.claude-sonnet-4-6"
    assert [(seen.method, seen.path, seen.verdict) for seen in server.seen] == [
        ("GET", "/foundation-models?byOutputModality=TEXT", "signed"),
        ("GET", "/inference-profiles?maxResults=1000&type=SYSTEM_DEFINED", "signed"),
    ]


def test_inference_profiles_are_listed(client: Client, server: Bedrock) -> None:
    """Newer models are asked through a profile: its id is a name in the list, told about as its model is. In pages."""
    rows = [profile("eu.anthropic.claude-sonnet-4-6"), profile("eu.amazon.nova-9", "amazon.nova-9")]
    server.says(
        document(LISTED),
        *(
            document({"inferenceProfileSummaries": [row], "nextToken": token})
            for row, token in zip(rows, ("a+b/c=", None), strict=True)
        ),
    )
    listing = client.listing("bedrock", base_url=server.url)
    model, claude, nova = listing.models
    assert (claude.name, claude.title) == ("eu.anthropic.claude-sonnet-4-6", "EU Claude")
    assert claude.stands_for == model.name
    assert (claude.inputs, claude.outputs, claude.retires) == ({"text", "image"}, {"text"}, "2027-02-14")
    assert claude.details == rows[0]
    # The model of this one is not offered in this region, so nothing is known of it.
    assert (nova.stands_for, nova.inputs, nova.outputs) == ("amazon.nova-9", None, None)
    assert server.seen[2].path.endswith("?maxResults=1000&type=SYSTEM_DEFINED&nextToken=a%2Bb%2Fc%3D")
    assert server.seen[2].verdict == "signed"
    assert listing.notes == ()
    kept = client.known_listing("bedrock", base_url=server.url)
    assert kept is not None
    assert [row.stands_for for row in kept.models] == [None, model.name, "amazon.nova-9"]
    # AWS's own client reads the same rows, and asks for the second page as was done here.
    ours = server.seen[2].path
    server.says(document({"inferenceProfileSummaries": rows}))
    found = theirs(server, "bedrock").list_inference_profiles(
        maxResults=1000, typeEquals="SYSTEM_DEFINED", nextToken="a+b/c="
    )
    assert [row["inferenceProfileId"] for row in found["inferenceProfileSummaries"]] == [
        claude.name,
        nova.name,
    ]
    assert sorted(ours.partition("?")[2].split("&")) == sorted(
        server.seen[-1].path.partition("?")[2].split("&")
    )
    assert server.seen[-1].path.startswith("/inference-profiles?")


def test_who_may_not_list_profiles_gets_the_models(
    client: Client, server: Bedrock, caplog: pytest.LogCaptureFixture
) -> None:
    """Many policies allow ListFoundationModels alone: the list comes, and says what is missing."""
    server.says(document(LISTED), problem(403, "AccessDeniedException", "no bedrock:ListInferenceProfiles"))
    listing = client.listing("bedrock", base_url=server.url)
    assert [row.name for row in listing.models] == ["anthropic.claude-sonnet-4-6"]
    (note,) = listing.notes
    assert note.startswith("inference-profiles could not be listed")
    assert "bedrock:ListInferenceProfiles" in note
    assert note in caplog.text


def test_profiles_that_cannot_be_had_now_are_an_error(client: Client, server: Bedrock) -> None:
    """A list without them would be kept as if it were whole; what was kept before is given where its age will do."""
    server.says(document(LISTED), problem(503, "ServiceUnavailableException"))
    with pytest.raises(ReplyError):
        client.listing("bedrock", base_url=server.url, retries=0)
    server.says(
        document(LISTED), document({"inferenceProfileSummaries": [profile("eu.anthropic.claude-sonnet-4-6")]})
    )
    client.listing("bedrock", base_url=server.url)
    server.says(document(LISTED), problem(503, "ServiceUnavailableException"))
    older = client.listing("bedrock", base_url=server.url, retries=0, max_age=0.0)
    assert (len(older.models), older.cached) == (2, True)


# -------------------------------------------------------------------------------------------- credentials


def test_a_bearer_key_comes_before_signatures(ask: Ask, server: Bedrock) -> None:
    """A key given as an argument is sent as it is, and nothing is signed."""
    server.says(answers(ask, HELLO))
    assert ask(api_key=BEARER).text == "Grüß 👋"
    assert server.seen[0].verdict == "bearer"
    assert "X-Amz-Date" not in server.seen[0].headers


def test_the_bearer_key_of_the_environment_goes_to_aws_only(
    ask: Ask, server: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_BEARER_TOKEN_BEDROCK is not sent to another server; the call is signed instead."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", BEARER)
    server.says(answers(ask, HELLO))
    ask()
    assert server.seen[0].verdict == "signed"
    assert BEARER not in str(server.seen[0].headers)


def test_a_stored_key_comes_before_signatures(ask: Ask, client: Client, server: Bedrock) -> None:
    """A key that its owner stored for this host is used."""
    client.credentials.set("bedrock", BEARER, hosts=[server.url])
    server.says(answers(ask, HELLO))
    ask()
    assert server.seen[0].verdict == "bearer"


@pytest.mark.parametrize("token", ["", ":THE+session/token=="])
def test_a_stored_access_key_signs(
    ask: Ask, client: Client, server: Bedrock, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """ID:SECRET or ID:SECRET:TOKEN, stored for this host, signs each call and is not sent."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSES000")
    client.credentials.set("work", f"{KEY_ID}:{SECRET}{token}", hosts=[server.url])
    server.says(answers(ask, HELLO))
    assert ask(credential="work").text == "Grüß 👋"
    assert server.seen[0].verdict == "signed"
    headers = server.seen[0].headers
    assert SECRET not in str(headers)
    assert headers.get("X-Amz-Security-Token", "") == token.removeprefix(":")


def test_a_stored_access_key_goes_to_its_hosts_only(ask: Ask, client: Client, server: Bedrock) -> None:
    """An access key that is bound to another host signs nothing for this one."""
    client.credentials.set("work", f"{KEY_ID}:{SECRET}", hosts=["bedrock-runtime.eu-west-1.amazonaws.com"])
    with pytest.raises(CredentialError, match="may not go to"):
        ask(credential="work")
    assert server.seen == []


def test_nothing_to_sign_with(ask: Ask, server: Bedrock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any credentials nothing is sent, and the error names the ways."""
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(CredentialError) as caught:
        ask()
    assert "AWS_BEARER_TOKEN_BEDROCK" in caught.value.hint
    assert server.seen == []


def test_a_wrong_secret_is_unauthorized_and_not_shown(
    ask: Ask, server: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What AWS says about a wrong signature comes out without token, signature or key in it."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "WRONG-secret-0123")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "THE-session-token")
    server.says(answers(ask, HELLO))
    with pytest.raises(Unauthorized, match="does not match") as caught:
        ask()
    assert_hidden(caught.value, "WRONG-secret-0123", "THE-session-token")


def assert_hidden(error: AntiphonError, *secrets: str) -> None:
    import traceback

    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    for secret in secrets:
        assert secret not in shown + repr(vars(error))


def test_no_secret_is_recorded(
    ask: Ask, client: Client, server: Bedrock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The access key, the session token and the signature of a request are nowhere in what is kept of it."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "THE-session-token")
    server.says(answers(ask, HELLO))
    completion = ask(seed=9)
    (seen,) = server.seen
    assert seen.headers["X-Amz-Security-Token"] == "THE-session-token"
    signature = seen.headers["Authorization"].rpartition("=")[2]
    assert completion.key is not None
    details = client.store.show(completion.key)
    assert details is not None
    assert details.sent == seen.body
    assert completion.raw is not None
    kept = repr(details).encode() + details.sent + repr(completion).encode() + completion.raw.body
    files = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    for secret in ("THE-session-token", signature, SECRET, KEY_ID):
        assert secret.encode() not in kept + files


def test_a_foreign_address_gets_nothing(client: Client) -> None:
    """An address that a workflow names gets neither key nor signature; it is refused before any connection."""
    with pytest.raises(CredentialError, match="go to AWS only"):
        client.complete("Hi", provider="bedrock", base_url="https://bedrock.example.org", model=CLAUDE)


def test_what_is_missing_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """No region, or no model: said before anything is sent."""
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(RequestError, match="region"):
        client.complete("Hi", provider="bedrock", model=CLAUDE)
    with pytest.raises(RequestError, match="needs a model"):
        client.complete("Hi", provider="bedrock")
