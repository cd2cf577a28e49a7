"""Bedrock's dialects: one table run in both directions, with botocore's service model as the second opinion."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import pytest
from botocore.eventstream import EventStream
from botocore.exceptions import EventStreamError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon import events
from antiphon.call import Reply
from antiphon.completion import Completion, Delta, Usage
from antiphon.dialects import (
    Dialect,
    anthropic_messages,
    bedrock_converse,
    bedrock_invoke_claude,
    bedrock_invoke_mistral,
)
from antiphon.errors import (
    AntiphonError,
    NotFound,
    QuotaExhausted,
    RateLimited,
    Refused,
    Rejected,
    ReplyError,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
    Unreadable,
)
from antiphon.request import Config, Media, Message, Request, Schema

from ..aws_frames import chunk, event, exception
from .wire import plain, whole

CLAUDE = "us.anthropic.claude-opus-4-6-v1:0"
MISTRAL = "mistral.mistral-large-3-675b-instruct"
OLD_MISTRAL = "mistral.mistral-7b-instruct-v0:2"
CONVERSE = bedrock_converse.CONVERSE
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
JPEG = b"\xff\xd8\xff" + bytes(8)
COLOR = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
FRAMES = "application/vnd.amazon.eventstream"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def asked(*messages: Message, model: str = CLAUDE, seed: int | None = None, **config: Any) -> Request:
    """A request to Bedrock; a plain greeting if nothing is said."""
    return Request(
        provider="bedrock",
        messages=messages or (Message("user", "Say hello"),),
        config=Config(model=model, **config),
        seed=seed,
    )


def body(*turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(turns) or [turn({"text": "Say hello"})], **more}


def turn(*content: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(content)}


SPENT = {"inputTokens": 30, "outputTokens": 20, "totalTokens": 64, "cacheReadInputTokens": 10}
SPENT["cacheWriteInputTokens"] = 4
USAGE = Usage(input_tokens=44, output_tokens=20, cached_tokens=10, cache_write_tokens=4)


def reply(*content: dict[str, Any], stop: str = "end_turn", **more: Any) -> dict[str, Any]:
    """A reply as Converse sends it."""
    return {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": SPENT,
        "metrics": {"latencyMs": 300},
        **more,
    }


def thought(words: str) -> dict[str, Any]:
    return {"reasoningContent": {"reasoningText": {"text": words, "signature": "c2ln"}}}


def image(data: bytes, kind: str = "png") -> dict[str, Any]:
    return {"image": {"format": kind, "source": {"bytes": b64(data)}}}


@dataclass(frozen=True)
class Row:
    """A request to Converse, the body it becomes, the reply that comes back, and the completion it becomes."""

    name: str
    request: Request = field(default_factory=asked)
    body: dict[str, Any] = field(default_factory=body)
    reply: dict[str, Any] = field(default_factory=lambda: reply({"text": "Hello!"}))
    completion: dict[str, Any] = field(default_factory=lambda: {"text": "Hello!"})

    def __str__(self) -> str:
        return self.name


def document(wire: str, name: str, data: bytes) -> dict[str, Any]:
    return {"document": {"format": wire, "source": {"bytes": b64(data)}, "name": name}}


SCHEMA = {
    "textFormat": {
        "type": "json_schema",
        "structure": {"jsonSchema": {"schema": json.dumps(COLOR, separators=(",", ":")), "name": "pick"}},
    }
}
ADAPTIVE = {"type": "adaptive", "display": "summarized"}

ROWS = [
    Row("Claude, plain", completion={"text": "Hello!", "finish_reason": "stop", "usage": USAGE}),
    Row("Mistral, plain", asked(model=MISTRAL), reply=reply({"text": "Hel"}, {"text": "lo!"})),
    *(
        Row(
            f"{maker}, system messages at the start, and roles that alternate",
            asked(
                Message("system", "Be ", "brief."),
                Message("system", "Be kind."),
                Message("user", "One"),
                Message("user", "", "Two"),
                Message("assistant", "Three"),
                Message("user", "Four"),
                model=model,
            ),
            body(
                turn({"text": "One"}, {"text": "Two"}),
                turn({"text": "Three"}, role="assistant"),
                turn({"text": "Four"}),
                system=[{"text": "Be brief."}, {"text": "Be kind."}],
            ),
            reply({"text": "Grüß 👋"}),
            {"text": "Grüß 👋"},
        )
        for maker, model in (("Claude", CLAUDE), ("Mistral", MISTRAL))
    ),
    Row(
        "a system message in the middle",
        asked(Message("user", "Hi"), Message("system", "In French."), Message("user", "Again")),
        body(turn({"text": "Hi"}), turn({"text": "In French."}, role="system"), turn({"text": "Again"})),
    ),
    *(
        Row(
            f"{maker}, pictures before the text, in their order",
            asked(Message("user", Media.from_bytes(PNG), Media.from_bytes(JPEG), "Describe"), model=model),
            body(turn(image(PNG), image(JPEG, "jpeg"), {"text": "Describe"})),
        )
        for maker, model in (("Claude", CLAUDE), ("Mistral", "us.mistral.pixtral-large-2502-v1:0"))
    ),
    Row(
        "documents, sound and video",
        asked(
            Message(
                "user",
                "Read",
                Media.from_bytes(b"%PDF-1.7", name="My_plan v2.0 (final).pdf"),
                Media.from_bytes(b"%PDF-1.8", name="My_plan v2.0 (final).pdf"),
                Media.from_bytes(b"a,b", media_type="text/csv", name="täble.csv"),
                Media.from_bytes(b"{}", media_type="application/json", name="\n.json"),
                Media.from_bytes(b"# x", media_type="text/markdown"),
                Media.from_bytes(b"RIFF\x00\x00\x00\x00WAVE"),
                Media.from_bytes(b"\x00\x00\x00\x18ftypisom"),
            )
        ),
        body(
            turn(
                {"text": "Read"},
                document("pdf", "My-plan v2-0 (final)", b"%PDF-1.7"),
                document("pdf", "My-plan v2-0 (final) (2)", b"%PDF-1.8"),
                document("csv", "t-ble", b"a,b"),
                document("txt", "document", b"{}"),
                document("md", "document (2)", b"# x"),
                {"audio": {"format": "wav", "source": {"bytes": b64(b"RIFF\x00\x00\x00\x00WAVE")}}},
                {"video": {"format": "mp4", "source": {"bytes": b64(b"\x00\x00\x00\x18ftypisom")}}},
            )
        ),
    ),
    *(
        Row(
            f"{maker}, all settings, and a limit that was reached",
            asked(model=model, max_tokens=16, temperature=0.5, top_p=0.9, top_k=5, stop=("END", "###")),
            body(
                inferenceConfig={
                    "maxTokens": 16,
                    "temperature": 0.5,
                    "topP": 0.9,
                    "stopSequences": ["END", "###"],
                },
                additionalModelRequestFields={"top_k": 5},
            ),
            reply({"text": "Hel"}, stop="max_tokens"),
            {"text": "Hel", "finish_reason": "length"},
        )
        for maker, model in (("Claude", CLAUDE), ("Mistral", MISTRAL))
    ),
    Row(
        "a stop text that ended the answer",
        asked(stop="END"),
        body(inferenceConfig={"stopSequences": ["END"]}),
        reply({"text": "Hel"}, stop="stop_sequence"),
        {"text": "Hel", "finish_reason": "stop"},
    ),
    *(
        Row(
            f"{maker}, a JSON Schema, which travels as text",
            asked(model=model, response_format=Schema(COLOR, name="pick")),
            body(outputConfig=SCHEMA),
            reply({"text": '{"color":"red"}'}),
            {"text": '{"color":"red"}'},
        )
        for maker, model in (("Claude", CLAUDE), ("Mistral", MISTRAL))
    ),
    Row(
        "an effort, and thinking before the answer",
        asked(reasoning="high"),
        body(additionalModelRequestFields={"thinking": ADAPTIVE}, outputConfig={"effort": "high"}),
        reply(thought("First."), thought(""), thought("Second."), {"text": "Hello!"}),
        {"text": "Hello!", "reasoning": "First.\n\nSecond."},
    ),
    Row(
        "an effort beside a schema",
        asked(reasoning="low", response_format=Schema(COLOR, name="pick")),
        body(additionalModelRequestFields={"thinking": ADAPTIVE}, outputConfig={**SCHEMA, "effort": "low"}),
    ),
    Row(
        "no thinking, and thoughts that may not be seen",
        asked(reasoning="off"),
        body(additionalModelRequestFields={"thinking": {"type": "disabled"}}),
        reply({"reasoningContent": {"redactedContent": "eHl6"}}, {"text": "Hello!"}),
        {"text": "Hello!", "reasoning": ""},
    ),
    Row(
        "a budget comes on top of the limit that is filled in",
        asked(reasoning=2048),
        body(
            additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 2048}},
            inferenceConfig={"maxTokens": 8192 + 2048},
        ),
    ),
    Row(
        "a budget under a limit that was given",
        asked(reasoning=2048, max_tokens=4096),
        body(
            additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 2048}},
            inferenceConfig={"maxTokens": 4096},
        ),
        reply(thought("So far."), stop="max_tokens"),
        {"text": "", "reasoning": "So far.", "finish_reason": "length"},
    ),
    Row("text, said on purpose", asked(response_format="text", modalities=("text",))),
    *(
        Row(f"{maker}, a seed has no place here", asked(model=model, seed=7))
        for maker, model in (("Claude", CLAUDE), ("Mistral", MISTRAL))
    ),
    Row(
        "extra is merged and wins, and the region in it is no part of the body",
        asked(
            extra={
                "region": "eu-west-1",
                "serviceTier": {"type": "flex"},
                "inferenceConfig": {"maxTokens": 99},
                "guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "1"},
            },
            reasoning=1024,
            temperature=0,
        ),
        body(
            additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 1024}},
            inferenceConfig={"maxTokens": 99, "temperature": 0.0},
            serviceTier={"type": "flex"},
            guardrailConfig={"guardrailIdentifier": "abc", "guardrailVersion": "1"},
        ),
    ),
    Row(
        "a guardrail put in its own words",
        reply=reply({"text": "Sorry."}, stop="guardrail_intervened"),
        completion={
            "text": "Sorry.",
            "finish_reason": "content_filter",
            "notes": ("a guardrail intervened: guardrail_intervened",),
        },
    ),
    Row(
        "a filter that broke off",
        reply=reply({"text": "Hel"}, stop="content_filtered"),
        completion={"text": "Hel", "finish_reason": "content_filter"},
    ),
    Row(
        "the context is full",
        reply=reply({"text": "Hel"}, stop="model_context_window_exceeded"),
        completion={"text": "Hel", "finish_reason": "length"},
    ),
    Row(
        "a tool was called through extra",
        reply=reply({"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}, stop="tool_use"),
        completion={"text": "", "finish_reason": "tool_calls"},
    ),
    Row(
        "what the model made is malformed",
        reply=reply(stop="malformed_model_output"),
        completion={"text": "", "finish_reason": "error"},
    ),
    Row(
        "a picture comes back",
        reply=reply({"text": "Here"}, image(PNG), image(JPEG, "jpeg")),
        completion={"text": "Here", "media": (Media.from_bytes(PNG), Media.from_bytes(JPEG))},
    ),
    Row(
        "usage without a cache",
        reply=reply({"text": "Hello!"}, usage={"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}),
        completion={"text": "Hello!", "usage": Usage(input_tokens=3, output_tokens=2)},
    ),
]


# ------------------------------------------------------------------------------------ the server's side


def told(answer: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events in which ConverseStream would give this reply, text in pieces of two characters."""
    yield "messageStart", {"role": "assistant", "p": "abcdefghij"}
    for index, block in enumerate(answer["output"]["message"]["content"]):
        at = {"contentBlockIndex": index}
        if "image" in block:
            yield "contentBlockStart", {"start": {"image": {"format": block["image"]["format"]}}, **at}
        if "toolUse" in block:
            use = {name: block["toolUse"][name] for name in ("toolUseId", "name")}
            yield "contentBlockStart", {"start": {"toolUse": use}, **at}
        for delta in pieces(block):
            yield "contentBlockDelta", {"delta": delta, "p": "abc", **at}
        yield "contentBlockStop", at
    yield "messageStop", {"stopReason": answer["stopReason"]}
    yield "metadata", {"usage": answer["usage"], "metrics": answer["metrics"], "p": "a"}


def pieces(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    words = block.get("text", "")
    for at in range(0, len(words), 2):
        yield {"text": words[at : at + 2]}
    thinking = block.get("reasoningContent", {})
    words = thinking.get("reasoningText", {}).get("text", "")
    for at in range(0, len(words), 2):
        yield {"reasoningContent": {"text": words[at : at + 2]}}
    if "reasoningText" in thinking:
        yield {"reasoningContent": {"signature": "c2ln"}}
    if "redactedContent" in thinking:
        yield {"reasoningContent": {"redactedContent": "eHl6"}}
    if "toolUse" in block:
        yield {"toolUse": {"input": "{}"}}
    if "image" in block:
        data = base64.b64decode(block["image"]["source"]["bytes"])
        yield {"image": {"source": {"bytes": b64(data[:5])}}}
        yield {"image": {"source": {"bytes": b64(data[5:])}}}


def frames(*told_events: tuple[str, dict[str, Any]]) -> bytes:
    return b"".join(event(name, inner) for name, inner in told_events)


def streamed(raw: bytes, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(200, raw, {"content-type": FRAMES, **named})


def folded(dialect: Dialect, answer: Reply) -> tuple[Completion, list[Delta]]:
    """The completion in a streamed reply, and the deltas on the way."""
    fold = dialect.fold()
    assert answer.stream == "aws"
    deltas = [delta for one in events.parse(answer.body, answer.stream) for delta in fold.feed(one)]
    assert all(deltas)
    return fold.completion(answer), deltas


def same(one: Completion, other: Completion) -> bool:
    names = ("text", "reasoning", "media", "finish_reason", "usage", "model", "notes", "request_id")
    return [getattr(one, name) for name in names] == [getattr(other, name) for name in names]


# ------------------------------------------------------------------------------------------- the table


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_encodes_request_to_exact_body(row: Row) -> None:
    """A request becomes exactly this body, streamed or not; the path says which, with the model encoded once."""
    for stream in (False, True):
        assert plain(bedrock_converse.encode(row.request, CONVERSE, stream=stream)) == row.body
    assert (
        bedrock_converse.path(asked(), stream=False) == "model/us.anthropic.claude-opus-4-6-v1%3A0/converse"
    )
    arn = asked(model="arn:aws:bedrock:us-east-1:1:inference-profile/x")
    assert bedrock_converse.path(arn, stream=True) == (
        "model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse-stream"
    )


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decodes_reply_to_completion(row: Row) -> None:
    """A reply becomes this completion, with the request id of its headers."""
    completion = bedrock_converse.decode(whole(row.reply, x_amzn_requestid="req-9"))
    assert {name: getattr(completion, name) for name in row.completion} == row.completion
    assert completion.request_id == "req-9"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_stream_becomes_the_same_completion(row: Row) -> None:
    """The same reply in a stream becomes the same completion, and its deltas add up to it."""
    completion, deltas = folded(bedrock_converse, streamed(frames(*told(row.reply)), x_amzn_requestid="r"))
    assert same(completion, bedrock_converse.decode(whole(row.reply, x_amzn_requestid="r")))
    assert "".join(delta.text for delta in deltas) == completion.text
    assert "".join(delta.reasoning for delta in deltas) == completion.reasoning
    assert tuple(delta.media for delta in deltas if delta.media) == completion.media


def test_says_which_limit_was_filled_in() -> None:
    """A note tells the limit that a budget needed, and nothing where none was filled in."""
    (note,) = bedrock_converse.notes(asked(reasoning=2048), CONVERSE)
    assert "max_tokens=10240 " in note
    for request in (
        asked(),
        asked(reasoning=2048, max_tokens=4096),
        asked(reasoning=2048, extra={"inferenceConfig": {"maxTokens": 9000}}),
    ):
        assert bedrock_converse.notes(request, CONVERSE) == ()


# ---------------------------------------------------------------------------- botocore as second opinion

MODEL = botocore.session.Session().get_service_model("bedrock-runtime")
BLOBS = ("bytes", "redactedContent")


def native(value: Any) -> Any:
    """A body as botocore wants it: bytes where the wire has base64."""
    if isinstance(value, list):
        return [native(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(item) if name in BLOBS and isinstance(item, str) else native(item)
        for name, item in value.items()
    }


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
def test_botocore_validates_and_sends_the_same(row: Row, operation: str) -> None:
    """botocore's service model finds no fault with our body, and its serializer writes the very same one."""
    shape = MODEL.operation_model(operation)
    ours = plain(bedrock_converse.encode(row.request, CONVERSE, stream=operation.endswith("Stream")))
    params = {"modelId": row.request.model, **native(ours)}
    report = ParamValidator().validate(params, shape.input_shape)
    assert not report.has_errors(), report.generate_report()
    sent = create_serializer("rest-json").serialize_to_request(params, shape)
    assert json.loads(sent["body"]) == ours
    stream = operation == "ConverseStream"
    assert sent["url_path"] == "/" + bedrock_converse.path(row.request, stream=stream)


def read(operation: str, answer: Reply) -> dict[str, Any]:
    """What botocore reads in a whole reply."""
    response = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    shape = MODEL.operation_model(operation)
    return create_parser("rest-json").parse(response, shape.output_shape)


def spoken(content: list[dict[str, Any]]) -> str:
    return "".join(block.get("text", "") for block in content)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_botocore_reads_the_same_reply(row: Row) -> None:
    """botocore takes our reply fixtures for real ones, and reads the same values in them."""
    answer = whole(row.reply)
    theirs = read("Converse", answer)
    ours = bedrock_converse.decode(answer)
    content = theirs["output"]["message"]["content"]
    assert spoken(content) == ours.text
    assert theirs["stopReason"] == row.reply["stopReason"]
    assert theirs["usage"]["outputTokens"] == ours.usage.output_tokens
    thoughts = [block["reasoningContent"]["reasoningText"]["text"] for block in content if _thinks(block)]
    assert "\n\n".join(filter(None, thoughts)) == ours.reasoning
    pictures = [block["image"]["source"]["bytes"] for block in content if "image" in block]
    assert pictures == [medium.data for medium in ours.media]


def _thinks(block: dict[str, Any]) -> bool:
    return "reasoningText" in block.get("reasoningContent", {})


class Raw:
    """A body as urllib3 would give it to botocore."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        for at in range(0, len(self._body), 7):
            yield self._body[at : at + 7]

    def close(self) -> None: ...


def read_stream(operation: str, raw: bytes) -> list[dict[str, Any]]:
    """The events that botocore reads in a streamed reply."""
    shape = MODEL.operation_model(operation).get_event_stream_output()
    parser = create_parser("rest-json")._event_stream_parser
    return list(EventStream(Raw(raw), shape, parser, operation))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_botocore_reads_the_same_stream(row: Row) -> None:
    """botocore takes our stream fixtures for real ones, event by event, and hears the same text."""
    raw = frames(*told(row.reply))
    theirs = read_stream("ConverseStream", raw)
    assert [next(iter(one)) for one in theirs] == [name for name, _ in told(row.reply)]
    deltas = [one["contentBlockDelta"]["delta"] for one in theirs if "contentBlockDelta" in one]
    assert spoken(deltas) == folded(bedrock_converse, streamed(raw))[0].text
    assert theirs[-1]["metadata"]["usage"] == row.reply["usage"]


# ----------------------------------------------------------------------------------- refusals, cut-offs


@pytest.mark.parametrize("stop", ["guardrail_intervened", "content_filtered"])
def test_a_filter_that_left_nothing_is_refused(stop: str) -> None:
    """An answer that a filter took away whole raises Refused with AWS's word for it, streamed or not."""
    with pytest.raises(Refused) as one:
        bedrock_converse.decode(whole(reply(stop=stop), x_amzn_requestid="r"))
    with pytest.raises(Refused) as other:
        folded(bedrock_converse, streamed(frames(*told(reply(stop=stop))), x_amzn_requestid="r"))
    for caught in (one, other):
        assert (caught.value.reason, caught.value.request_id) == (stop, "r")


def test_stream_without_metadata_is_cut_off() -> None:
    """A stream that stops before its metadata raises, between any two events and inside any of them."""
    raw = frames(*told(reply(thought("Hm"), {"text": "Hello!"})))
    for kept in range(len(raw)):
        with pytest.raises(TransportError) as caught:
            folded(bedrock_converse, streamed(raw[:kept]))
        assert (caught.value.phase, caught.value.before_output) == ("cut-off", False)


def test_metadata_without_a_stop_is_no_end() -> None:
    """Metadata alone does not make an answer whole."""
    events_told = [one for one in told(reply({"text": "Hel"})) if one[0] != "messageStop"]
    with pytest.raises(TransportError):
        folded(bedrock_converse, streamed(frames(*events_told)))


def test_stream_tolerates_what_is_new() -> None:
    """Events, deltas and blocks of kinds not known yet are passed over."""
    known = list(told(reply({"text": "Hello!"})))
    new = [
        ("somethingNew", {"text": "no"}),
        ("contentBlockDelta", {"contentBlockIndex": 9, "delta": {"hologram": {}}}),
        ("contentBlockStart", {"contentBlockIndex": 8, "start": {"hologram": {}}}),
        ("contentBlockDelta", {"contentBlockIndex": [], "delta": None}),
        ("initial-response", {}),
    ]
    completion, _ = folded(bedrock_converse, streamed(frames(*new, *known[:3], *new, *known[3:])))
    assert completion.text == "Hello!"


@pytest.mark.parametrize("dialect", [bedrock_invoke_claude, bedrock_invoke_mistral])
def test_a_chunk_that_is_not_base64_is_unreadable(dialect: Any) -> None:
    """A chunk that cannot be unpacked is an error that shows it; one without bytes is a keep-alive."""
    for packed in ("%%%", "abc", "ä"):
        with pytest.raises(Unreadable, match="base64"):
            folded(dialect, streamed(event("chunk", {"bytes": packed})))
    with pytest.raises(TransportError):
        folded(dialect, streamed(event("chunk", {"p": "abc"})))


def test_an_image_that_is_not_base64_is_left_out() -> None:
    """A picture that cannot be read does not take the text with it, streamed or not."""
    answer = reply({"text": "Here"}, {"image": {"format": "png", "source": {"bytes": "%%%"}}})
    told_events = [
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Here"}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"image": {"source": {"bytes": "%%%"}}}}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": SPENT}),
    ]
    for completion in (
        bedrock_converse.decode(whole(answer)),
        folded(bedrock_converse, streamed(frames(*told_events)))[0],
    ):
        assert (completion.text, completion.media) == ("Here", ())


def test_a_budget_given_through_extra_is_the_users_own() -> None:
    """Thinking asked for in the model's own fields goes out as it is, without a limit of ours."""
    own = {"additionalModelRequestFields": {"thinking": {"budget_tokens": 2000, "type": "enabled"}}}
    assert plain(bedrock_converse.encode(asked(extra=own), CONVERSE, stream=False)) == body(**own)


# ----------------------------------------------------------------------------------------------- errors

ERRORS: list[tuple[int, str, type[ReplyError]]] = [
    (400, "ValidationException", Rejected),
    (400, "ServiceQuotaExceededException", QuotaExhausted),
    (401, "UnauthorizedException", Unauthorized),
    (403, "AccessDeniedException", Unauthorized),
    (403, "ExpiredTokenException", Unauthorized),
    (403, "UnrecognizedClientException", Unauthorized),
    (403, "InvalidSignatureException", Unauthorized),
    (404, "ResourceNotFoundException", NotFound),
    (408, "ModelTimeoutException", ServerFailed),
    (424, "ModelErrorException", ServerFailed),
    (429, "ThrottlingException", RateLimited),
    (429, "ModelNotReadyException", RateLimited),
    (500, "InternalServerException", ServerFailed),
    (503, "ServiceUnavailableException", ServerFailed),
]
DIALECTS: list[Any] = [bedrock_converse, bedrock_invoke_claude, bedrock_invoke_mistral]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(("status", "code", "kind"), ERRORS)
def test_error_replies(dialect: Any, status: int, code: str, kind: type[ReplyError]) -> None:
    """An error reply becomes the typed error with its code, message, request id and waiting time."""
    told_by = {"x_amzn_errortype": f"{code}:http://internal.amazon.com/coral/", "x_amzn_requestid": "r"}
    found = dialect.error(whole({"message": "m"}, status, retry_after="3", **told_by))
    assert type(found) is kind
    assert (found.message, found.status, found.code) == ("m", status, code)
    assert (found.request_id, found.retry_after) == ("r", 3.0)
    other = dialect.error(whole({"Message": "m", "__type": f"com.amazon.coral#{code}"}, status))
    assert (type(other), other.message, other.code) == (kind, "m", code)


@pytest.mark.parametrize(("status", "code", "kind"), ERRORS)
def test_botocore_tells_the_same_error(status: int, code: str, kind: type[ReplyError]) -> None:
    """botocore reads the same code, message and request id out of our error fixtures."""
    answer = whole({"message": "m"}, status, x_amzn_errortype=f"{code}:http://x", x_amzn_requestid="r")
    theirs, ours = read("Converse", answer), bedrock_converse.error(answer)
    assert (theirs["Error"]["Code"], theirs["Error"]["Message"]) == (ours.code, ours.message)
    assert theirs["ResponseMetadata"]["RequestId"] == ours.request_id


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b'{"message": 7}', b"\xff"])
def test_errors_without_a_message(text: bytes) -> None:
    """An error reply that says nothing useful is still the error of its status."""
    assert isinstance(bedrock_converse.error(Reply(503, text)), ServerFailed)


MID_STREAM: list[tuple[str, type[ReplyError], int]] = [
    ("throttlingException", RateLimited, 429),
    ("internalServerException", ServerFailed, 500),
    ("serviceUnavailableException", ServerFailed, 503),
    ("modelStreamErrorException", ServerFailed, 424),
    ("modelTimeoutException", ServerFailed, 408),
    ("validationException", Rejected, 400),
    ("notKnownYetException", ServerFailed, 200),
]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(("name", "kind", "status"), MID_STREAM)
def test_exception_frames(dialect: Any, name: str, kind: type[ReplyError], status: int) -> None:
    """An exception frame in a reply that said 200 raises the typed error with the status it stands for."""
    before = {
        "bedrock_converse": frames(*list(told(reply({"text": "Hello!"})))[:3]),
        "bedrock_invoke_claude": b"".join(map(chunk, claude_events()[:3])),
        "bedrock_invoke_mistral": chunk({"outputs": [{"text": "Hel", "stop_reason": None}]}),
    }[dialect.name]
    raw = before + exception(name, {"message": "m"})
    with pytest.raises(kind) as caught:
        folded(dialect, streamed(raw))
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.status) == ("m", status)
    assert caught.value.code == name[0].upper() + name[1:]
    if dialect is bedrock_converse and name not in ("notKnownYetException", "modelTimeoutException"):
        with pytest.raises(EventStreamError, match=name):
            read_stream("ConverseStream", raw)


def test_a_model_error_may_have_a_status_of_its_own() -> None:
    """An unknown exception that names the model's own status has that status."""
    raw = exception("someException", {"originalMessage": "overloaded", "originalStatusCode": 503})
    with pytest.raises(ServerFailed) as caught:
        folded(bedrock_converse, streamed(raw))
    assert (caught.value.status, caught.value.message) == (503, "overloaded")


@pytest.mark.parametrize("document", [[], {"output": {}}, {"output": {"message": {"content": "x"}}}, {}, "x"])
def test_success_status_without_an_answer(document: Any) -> None:
    """A document that holds no message is never a completion."""
    for dialect in DIALECTS:
        with pytest.raises(Unreadable):
            dialect.decode(whole(document))


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        ({"min_p": 0.1}, "min_p"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"repeat_penalty": 1.1}, "repeat_penalty"),
        ({"modalities": ("image",)}, "modalities"),
        ({"aspect_ratio": "16:9"}, "aspect_ratio"),
        ({"temperature": 1.1}, "temperature"),
        ({"reasoning": 1023}, "reasoning"),
        ({"reasoning": 2048, "max_tokens": 2048}, "reasoning"),
        ({"response_format": "json"}, "response_format"),
        ({"extra": {"messages": []}}, "extra"),
    ],
)
def test_refuses_what_is_not_taken(config: dict[str, Any], setting: str) -> None:
    """A setting that Converse has no place for is refused by name before sending."""
    with pytest.raises(RequestError) as caught:
        bedrock_converse.encode(asked(**config), CONVERSE, stream=False)
    assert caught.value.field == setting


@pytest.mark.parametrize(
    "medium",
    [
        Media.from_url("https://example.org/cat.png"),
        Media.from_bytes(b"BM123456", media_type="image/bmp"),
        Media.from_bytes(b"PK\x03\x04", media_type="application/zip"),
        Media.from_bytes(b"x", media_type="audio/midi"),
    ],
    ids=["URL", "bmp", "zip", "midi"],
)
def test_refuses_media_it_cannot_carry(medium: Media) -> None:
    """URLs and foreign types are refused, with the types that are taken."""
    with pytest.raises(RequestError) as caught:
        bedrock_converse.encode(asked(Message("user", "x", medium)), CONVERSE, stream=False)
    assert caught.value.field == "messages"
    assert caught.value.hint


LISTED = {
    "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-6-v1:0",
    "modelId": "anthropic.claude-opus-4-6-v1:0",
    "modelName": "Claude Opus 4.6",
    "providerName": "Anthropic",
    "inputModalities": ["TEXT", "IMAGE"],
    "outputModalities": ["TEXT"],
    "responseStreamingSupported": True,
    "customizationsSupported": [],
    "inferenceTypesSupported": ["INFERENCE_PROFILE"],
    "modelLifecycle": {"status": "ACTIVE"},
}


def test_model_listing() -> None:
    """The control plane's listing becomes rows that keep all it says; botocore reads the same ids."""
    answer = whole({"modelSummaries": [LISTED, {"modelName": "nameless"}, None]})
    (model,) = bedrock_converse.models(answer)
    assert (model.name, model.context, model.details["providerName"]) == (
        LISTED["modelId"],
        None,
        "Anthropic",
    )
    control = botocore.session.Session().get_service_model("bedrock").operation_model("ListFoundationModels")
    good = whole({"modelSummaries": [LISTED]})
    response = {"status_code": 200, "headers": {}, "body": good.body}
    theirs = create_parser("rest-json").parse(response, control.output_shape)
    assert [row["modelId"] for row in theirs["modelSummaries"]] == [model.name]
    assert bedrock_invoke_claude.models(good) == bedrock_invoke_mistral.models(good) == [model]


# ------------------------------------------------------------------------------- InvokeModel with Claude


def claude_events() -> list[dict[str, Any]]:
    """A streamed answer of Claude's, in Anthropic's events, with AWS's metrics in the last."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-6",
        "content": [],
    }
    return [
        {"type": "message_start", "message": {**message, "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Grüß "}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "👋"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3}},
    ]


CLAUDE_REQUESTS = [
    asked(),
    asked(Message("system", "Be brief."), Message("user", Media.from_bytes(PNG), "Look"), max_tokens=9),
    asked(temperature=0.5, top_k=5, stop="END", seed=7),
    asked(response_format=COLOR, reasoning="low"),
    asked(reasoning=2048, extra={"anthropic_beta": ["x"], "region": "eu-west-1"}),
]


@pytest.mark.parametrize("request_", CLAUDE_REQUESTS, ids=range(len(CLAUDE_REQUESTS)))
def test_claudes_body_is_anthropics_without_the_model(request_: Request) -> None:
    """The body is what Anthropic's own API would be sent, with the version and without model and stream."""
    quirks = anthropic_messages.ANTHROPIC
    theirs = plain(anthropic_messages.encode(request_, quirks, stream=False))
    for gone in ("model", "region"):
        theirs.pop(gone, None)
    for stream in (False, True):
        ours = plain(bedrock_invoke_claude.encode(request_, quirks, stream=stream))
        assert ours == {"anthropic_version": "bedrock-2023-05-31", **theirs}
    assert bedrock_invoke_claude.notes(request_, quirks) == anthropic_messages.notes(request_, quirks)
    assert bedrock_invoke_claude.path(request_, stream=True).endswith("%3A0/invoke-with-response-stream")


def test_claudes_stream_and_whole_reply() -> None:
    """Chunks hold Anthropic's events: the same completion as from the whole message, deltas in order."""
    raw = b"".join(map(chunk, claude_events()))
    completion, deltas = folded(bedrock_invoke_claude, streamed(raw))
    assert [delta.text or delta.reasoning for delta in deltas] == ["Hm", "Grüß ", "👋"]
    message = {
        **claude_events()[0]["message"],
        "content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Grüß 👋"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    other = bedrock_invoke_claude.decode(whole(message))
    assert same(completion, other)
    assert (other.text, other.reasoning, other.usage.output_tokens) == ("Grüß 👋", "Hm", 2)
    theirs = read_stream("InvokeModelWithResponseStream", raw)
    assert [json.loads(one["chunk"]["bytes"]) for one in theirs] == claude_events()


def test_claude_refuses_through_invoke() -> None:
    """Claude's own refusal raises Refused, streamed or not."""
    stop = {"stop_reason": "refusal", "stop_details": {"category": "bio", "explanation": "No."}}
    refused = [claude_events()[0], {"type": "message_delta", "delta": stop}, {"type": "message_stop"}]
    with pytest.raises(Refused, match="No"):
        folded(bedrock_invoke_claude, streamed(b"".join(map(chunk, refused))))
    with pytest.raises(Refused, match="No"):
        bedrock_invoke_claude.decode(whole({**claude_events()[0]["message"], **stop}))


def test_the_official_client_sends_and_reads_the_same() -> None:
    """AnthropicBedrock, asked for the same, sends our body to our path, and hears the same in our stream."""
    import anthropic
    import httpx2

    sent: list[httpx2.Request] = []
    raw = b"".join(map(chunk, claude_events()))

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, content=raw, headers={"content-type": FRAMES})

    quirks = anthropic_messages.ANTHROPIC
    client = anthropic.AnthropicBedrock(
        aws_access_key="a",
        aws_secret_key="b",
        aws_region="us-east-1",
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )
    with client:
        for request in (asked(), asked(Message("system", "Brief."), Message("user", "Hi"), max_tokens=9)):
            ours = plain(bedrock_invoke_claude.encode(request, quirks, stream=True))
            # The client's own version is Anthropic's newest, which Claude on InvokeModel does not take.
            known = {name: value for name, value in ours.items() if name != "anthropic_version"}
            version = {"anthropic_version": ours["anthropic_version"]}
            heard = list(client.messages.create(model=CLAUDE, stream=True, extra_body=version, **known))
            assert json.loads(sent[-1].content) == ours
            assert sent[-1].url.raw_path.decode().lstrip("/").replace(
                ":", "%3A"
            ) == bedrock_invoke_claude.path(request, stream=True)
            texts = [one.delta.text for one in heard if getattr(getattr(one, "delta", None), "text", None)]
            assert "".join(texts) == folded(bedrock_invoke_claude, streamed(raw))[0].text


# ------------------------------------------------------------------------------ InvokeModel with Mistral


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ((Message("user", "Hi"),), "<s>[INST] Hi [/INST]"),
        ((Message("system", "Brief."), Message("user", "Hi")), "<s>[INST] Brief.\n\nHi [/INST]"),
        (
            (Message("user", "Hi"), Message("assistant", "Yo"), Message("user", "More")),
            "<s>[INST] Hi [/INST] Yo</s>[INST] More [/INST]",
        ),
        ((Message("user", "Count"), Message("assistant", "One,")), "<s>[INST] Count [/INST] One,"),
        ((Message("user", "A", "B"), Message("user", "C")), "<s>[INST] AB\n\nC [/INST]"),
    ],
)
def test_mistrals_prompt(messages: tuple[Message, ...], prompt: str) -> None:
    """A conversation becomes one text in Mistral's instruction format."""
    request = asked(*messages, model=OLD_MISTRAL)
    quirks = bedrock_invoke_mistral.PROMPT
    assert bedrock_invoke_mistral.encode(request, quirks, stream=False) == {"prompt": prompt}
    assert bedrock_invoke_mistral.notes(request, quirks) == ()


def test_mistrals_settings() -> None:
    """All that these models take, under their names; a seed has no place."""
    request = asked(
        model=OLD_MISTRAL,
        max_tokens=9,
        temperature=1,
        top_p=0.5,
        top_k=3,
        stop=("a", "b"),
        seed=7,
        extra={"region": "eu-west-1", "x": 1},
    )
    assert plain(bedrock_invoke_mistral.encode(request, bedrock_invoke_mistral.PROMPT, stream=True)) == {
        "prompt": "<s>[INST] Say hello [/INST]",
        "max_tokens": 9,
        "temperature": 1.0,
        "top_p": 0.5,
        "top_k": 3,
        "stop": ["a", "b"],
        "x": 1,
    }
    assert (
        bedrock_invoke_mistral.path(request, stream=False)
        == "model/mistral.mistral-7b-instruct-v0%3A2/invoke"
    )


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        ({"reasoning": "low"}, "reasoning"),
        ({"response_format": COLOR}, "response_format"),
        ({"temperature": 1.5}, "temperature"),
    ],
)
def test_mistral_refuses_what_is_not_taken(config: dict[str, Any], setting: str) -> None:
    """These models take no schema and no reasoning: refused by name, and pictures too."""
    for request in (asked(model=OLD_MISTRAL, **config),):
        with pytest.raises(RequestError) as caught:
            bedrock_invoke_mistral.encode(request, bedrock_invoke_mistral.PROMPT, stream=False)
        assert caught.value.field == setting
    seen = asked(Message("user", Media.from_bytes(PNG)), model=OLD_MISTRAL)
    with pytest.raises(RequestError, match="image"):
        bedrock_invoke_mistral.encode(seen, bedrock_invoke_mistral.PROMPT, stream=False)


@pytest.mark.parametrize(("reason", "finish"), [("stop", "stop"), ("length", "length"), ("new", "other")])
def test_mistrals_replies(reason: str, finish: str) -> None:
    """Whole or streamed the same completion; usage from the headers, or from the last event."""
    counts = {"x_amzn_bedrock_input_token_count": "5", "x_amzn_bedrock_output_token_count": "2"}
    one = bedrock_invoke_mistral.decode(
        whole({"outputs": [{"text": " Grüß 👋", "stop_reason": reason}]}, x_amzn_requestid="r", **counts)
    )
    metrics = {"inputTokenCount": 5, "outputTokenCount": 2, "invocationLatency": 9}
    raw = b"".join(
        [
            chunk({"outputs": [{"text": " Grüß", "stop_reason": None}]}),
            chunk({"outputs": [{"text": " 👋", "stop_reason": None}]}),
            chunk(
                {
                    "outputs": [{"text": "", "stop_reason": reason}],
                    "amazon-bedrock-invocationMetrics": metrics,
                }
            ),
        ]
    )
    other, deltas = folded(bedrock_invoke_mistral, streamed(raw, x_amzn_requestid="r"))
    assert same(one, other)
    assert [delta.text for delta in deltas] == [" Grüß", " 👋"]
    assert (one.finish_reason, one.usage) == (finish, Usage(input_tokens=5, output_tokens=2))
    with pytest.raises(TransportError):
        folded(bedrock_invoke_mistral, streamed(raw[: raw.rindex(b":event-type") - 20]))


# ------------------------------------------------------------------------------------------------ fuzz

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "text",
                    "image",
                    "source",
                    "bytes",
                    "delta",
                    "start",
                    "content",
                    "message",
                    "output",
                    "contentBlockIndex",
                    "stopReason",
                    "usage",
                    "inputTokens",
                    "outputs",
                    "reasoningContent",
                    "reasoningText",
                    "type",
                    "format",
                    "error",
                    "index",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
        "chunk",
        "x",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(DIALECTS), JSONS | st.binary(max_size=30), st.integers(200, 599))
def test_any_reply_is_a_completion_or_a_typed_error(dialect: Any, document: Any, status: int) -> None:
    """Whatever a reply holds: a completion or an error of ours, never another exception."""
    answer = Reply(status, document, {}) if isinstance(document, bytes) else whole(document, status)
    with suppress(AntiphonError):
        assert isinstance(dialect.decode(answer), Completion)
    assert isinstance(dialect.error(answer), ReplyError)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(DIALECTS), st.lists(st.tuples(NAMES, JSONS), max_size=6))
def test_any_stream_is_a_completion_or_a_typed_error(
    dialect: Any, told_events: list[tuple[str, Any]]
) -> None:
    """Whatever the events of a stream hold: a completion or an error of ours, never another exception."""
    raw = b"".join(event(name, inner) for name, inner in told_events)
    raw += b"".join(chunk(inner) for _, inner in told_events)
    with suppress(AntiphonError):
        assert isinstance(folded(dialect, streamed(raw))[0], Completion)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_cut_of_a_stream_gives_the_same_completion(data: st.DataObject) -> None:
    """However the bytes of a stream arrive, the events and the completion are the same."""
    row = data.draw(st.sampled_from(ROWS))
    raw = frames(*told(row.reply))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    reader, fold = events.AWS(), bedrock_converse.fold()
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        for one in reader.feed(raw[start:end]):
            fold.feed(one)
    assert reader.close() == []
    assert same(fold.completion(streamed(raw)), folded(bedrock_converse, streamed(raw))[0])
