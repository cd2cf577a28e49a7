"""Ollama's native chat: one table in both directions, and the official SDK."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import ollama as sdk
import pytest

from antiphon import providers
from antiphon.call import Reply, Timings
from antiphon.completion import Delta
from antiphon.dialects import _common
from antiphon.dialects import ollama_chat as chat
from antiphon.errors import (
    AntiphonError,
    NotFound,
    Rejected,
    ReplyError,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
    Unreadable,
)
from antiphon.request import Config, Media, Message, Request, Schema

from .tables import facts, ndjson, reply, streamed

QUIRKS = providers.get("ollama").way(None).quirks
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def asked(*messages: Message | str, seed: int | None = None, **config: Any) -> Request:
    """A request of these messages; plain text is the user's."""
    turns = tuple(Message("user", it) if isinstance(it, str) else it for it in messages)
    return Request(provider="ollama", messages=turns, config=Config(model="llama3", **config), seed=seed)


USER = [{"role": "user", "content": "hi"}]
ENCODE: dict[str, tuple[Request, dict[str, Any]]] = {
    "text": (asked("hi"), {"messages": USER}),
    "turns and pictures": (
        asked(
            Message("system", "be brief"),
            Message("user", "look ", Media.from_bytes(PNG), "here"),
            Message("assistant", "a cat"),
        ),
        {
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "look here", "images": [base64.b64encode(PNG).decode()]},
                {"role": "assistant", "content": "a cat"},
            ]
        },
    ),
    "every setting": (
        asked(
            "hi",
            seed=2**31 + 7,
            max_tokens=5,
            temperature=0.5,
            top_p=0.9,
            top_k=4,
            min_p=0.1,
            presence_penalty=1,
            frequency_penalty=2,
            repeat_penalty=1.1,
            stop=["a", "b"],
        ),
        {
            "messages": USER,
            "options": {
                "seed": 7,
                "num_predict": 5,
                "temperature": 0.5,
                "top_p": 0.9,
                "top_k": 4,
                "min_p": 0.1,
                "presence_penalty": 1.0,
                "frequency_penalty": 2.0,
                "repeat_penalty": 1.1,
                "stop": ["a", "b"],
            },
        },
    ),
    "seed 0 is a seed": (asked("hi", seed=0), {"messages": USER, "options": {"seed": 0}}),
    "no thinking": (asked("hi", reasoning="off"), {"messages": USER, "think": False}),
    "thinking": (asked("hi", reasoning="high"), {"messages": USER, "think": "high"}),
    "json": (asked("hi", response_format="json"), {"messages": USER, "format": "json"}),
    "plain text": (asked("hi", response_format="text"), {"messages": USER}),
    "schema": (asked("hi", response_format=Schema(SCHEMA)), {"messages": USER, "format": SCHEMA}),
    "its own fields, beside ours": (
        asked(
            "hi",
            temperature=1,
            extra={"keep_alive": "10m", "options": {"num_ctx": 8192}, "truncate": True},
        ),
        {
            "messages": USER,
            "keep_alive": "10m",
            "options": {"temperature": 1.0, "num_ctx": 8192},
            "truncate": True,
        },
    ),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("request_", "body"), ENCODE.values(), ids=ENCODE)
def test_encode(request_: Request, body: dict[str, Any], stream: bool):
    """A request becomes exactly this body; a prompt that does not fit is to be an error."""
    wanted = {"model": "llama3", "stream": stream, "truncate": False, "shift": False, **body}
    assert json.loads(_common.dumps(chat.encode(request_, QUIRKS, stream=stream))) == wanted
    assert chat.path(request_, stream=stream) == "api/chat"
    assert chat.notes(request_, QUIRKS) == ()


REFUSED = {
    "URL": (asked(Message("user", Media.from_url("https://e.test/a.png"))), "messages"),
    "sound": (asked(Message("user", Media.from_bytes(b"fLaC" + bytes(9)))), "messages"),
    "a budget": (asked("hi", reasoning=100), "reasoning"),
    "a shape": (asked("hi", aspect_ratio="1:1"), "aspect_ratio"),
    "stream": (asked("hi", extra={"stream": True}), "extra"),
}


@pytest.mark.parametrize(("request_", "field"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_honoured_is_refused(request_: Request, field: str):
    """A setting or medium that Ollama does not take is an error before sending."""
    with pytest.raises(RequestError) as caught:
        chat.encode(request_, QUIRKS, stream=False)
    assert caught.value.field == field


# --------------------------------------------------------------------------------------------- decode

HEAD = {"model": "llama3", "created_at": "2026-11-22T10:00:00.123456789Z"}
STATS = {
    "total_duration": 5_000_000_000,
    "load_duration": 1_000_000_000,
    "prompt_eval_count": 7,
    "prompt_eval_duration": 2_000_000_000,
    "eval_count": 3,
    "eval_duration": 1_500_000_000,
}
SPENT = {"input_tokens": 7, "output_tokens": 3}


def line(message: Any, **more: Any) -> dict[str, Any]:
    return {**HEAD, "message": message, "done": False, **more}


def last(message: Any, reason: Any = "stop", **more: Any) -> dict[str, Any]:
    return {**HEAD, "message": message, "done": True, "done_reason": reason, **STATS, **more}


DECODE: dict[str, tuple[Any, list[Any], dict[str, Any]]] = {
    "text": (
        last({"role": "assistant", "content": "Hello"}),
        [
            line({"role": "assistant", "content": "Hel"}),
            line({"role": "assistant", "content": "lo"}),
            last({"role": "assistant", "content": ""}),
        ],
        {"text": "Hello", "finish_reason": "stop", "usage": SPENT, "model": "llama3"},
    ),
    "thinking": (
        last({"content": "yes", "thinking": "hm"}, "length"),
        [line({"content": "", "thinking": "hm"}), line({"content": "yes"}), last({}, "length")],
        {"text": "yes", "reasoning": "hm", "finish_reason": "length", "usage": SPENT, "model": "llama3"},
    ),
    "a prompt that was fully cached": (
        last({"content": "a"}, prompt_eval_count=0),
        [line({"content": "a"}), last(None, prompt_eval_count=0)],
        {"text": "a", "finish_reason": "stop", "usage": {"output_tokens": 3}, "model": "llama3"},
    ),
    "a tool call": (
        last({"content": "", "tool_calls": [{"function": {"name": "f"}}]}),
        [line({"content": "", "tool_calls": [{"function": {"name": "f"}}]}), last({"content": ""})],
        {"text": "", "finish_reason": "tool_calls", "usage": SPENT, "model": "llama3"},
    ),
    "a reason of its own": (
        last({"content": ""}, "load"),
        [last({"content": ""}, "load")],
        {"text": "", "finish_reason": "other", "usage": SPENT, "model": "llama3"},
    ),
    "half surrogates": (
        last({"content": "\ud83d\ude00"}),
        [line({"content": "\ud83d"}), line({"content": "\ude00"}), last({"content": ""})],
        {"text": "😀", "finish_reason": "stop", "usage": SPENT, "model": "llama3"},
    ),
}


@pytest.mark.parametrize(("whole", "lines", "wanted"), DECODE.values(), ids=DECODE)
def test_decode(whole: Any, lines: list[Any], wanted: dict[str, Any]):
    """The whole reply and the stream of it decode to the same completion."""
    assert facts(chat.decode(reply(whole))) == wanted
    completion, deltas = streamed(chat, ndjson(*lines))
    assert facts(completion) == wanted
    assert "".join(delta.text for delta in deltas) == wanted["text"]
    assert "".join(delta.reasoning for delta in deltas) == wanted.get("reasoning", "")
    assert all(deltas)


def test_its_own_clock_counts_where_nobody_took_the_time():
    """Nanoseconds become seconds; a reply that was timed keeps its own figures."""
    whole = reply(last({"content": "a"}))
    assert chat.decode(whole).timings == Timings(queue=1.0, first_token=2.0, total=5.0)
    timed = Reply(200, whole.body, whole.headers, Timings(total=9.0))
    assert chat.decode(timed).timings.total == 9.0


NO_ANSWER: dict[str, tuple[Any, type[AntiphonError], dict[str, Any]]] = {
    "an error under 200": ({"error": "out of memory"}, ServerFailed, {"message": "out of memory"}),
    "not done": (line({"content": "a"}), TransportError, {"phase": "cut-off"}),
    "no JSON": (b"Ollama is running", Unreadable, {"body": "Ollama is running"}),
}


@pytest.mark.parametrize(("body", "kind", "wanted"), NO_ANSWER.values(), ids=NO_ANSWER)
def test_a_reply_without_an_answer(body: Any, kind: type[AntiphonError], wanted: dict[str, Any]):
    """A success status without a finished answer is an error."""
    with pytest.raises(kind) as caught:
        chat.decode(reply(body))
    assert {name: getattr(caught.value, name) for name in wanted} == wanted


STREAMS: dict[str, tuple[bytes, type[AntiphonError], dict[str, Any]]] = {
    "cut off": (ndjson(line({"content": "a"})), TransportError, {"phase": "cut-off", "before_output": False}),
    "nothing": (b"", TransportError, {"phase": "cut-off"}),
    "an error line": (ndjson(line({"content": "a"}), {"error": "boom"}), ServerFailed, {"message": "boom"}),
    "no JSON": (b"{oops\n", Unreadable, {"body": "{oops"}),
}


@pytest.mark.parametrize(("body", "kind", "wanted"), STREAMS.values(), ids=STREAMS)
def test_a_stream_without_an_answer(body: bytes, kind: type[AntiphonError], wanted: dict[str, Any]):
    """A stream that breaks off or reports an error is an error, whatever it said before."""
    with pytest.raises(kind) as caught:
        streamed(chat, body)
    assert {name: getattr(caught.value, name) for name in wanted} == wanted


ERRORS: dict[str, tuple[int, Any, type[ReplyError]]] = {
    "no such model": (404, {"error": "model 'x' not found"}, NotFound),
    "signed out of the cloud": (401, {"error": "unauthorized", "signin_url": "https://e.test"}, Unauthorized),
    "cannot think": (400, {"error": "does not support thinking"}, Rejected),
    "queue full": (503, {"error": "server busy"}, ServerFailed),
}


@pytest.mark.parametrize(("status", "body", "kind"), ERRORS.values(), ids=ERRORS)
def test_errors(status: int, body: Any, kind: type[ReplyError]):
    """The status chooses the error; its text is Ollama's."""
    error = chat.error(reply(body, status))
    assert (type(error), error.message, error.status) == (kind, body["error"], status)


def test_models():
    """Rows carry name, time and, in the details, the digest of the weights."""
    rows = [
        {
            "name": "a:1b",
            "model": "a:1b",
            "modified_at": "2026-05-04T17:37:44.706015396-07:00",
            "digest": "d1",
        },
        {"model": "b", "modified_at": "2026-05-04T00:00:00Z"},
        {"name": "c", "modified_at": "yesterday"},
        {"size": 3},
    ]
    found = chat.models(reply({"models": rows}))
    assert [(it.name, it.created) for it in found] == [
        ("a:1b", 1777941464.0),
        ("b", 1777852800.0),
        ("c", None),
    ]
    assert found[0].details["digest"] == "d1"


# ------------------------------------------------------------------------------------ the official SDK


class Recorder(BaseHTTPRequestHandler):
    """Answers every call with the table's first stream or document, and keeps what was asked."""

    seen: list[tuple[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, body))
        whole, lines, _ = DECODE["text"]
        answer = ndjson(*lines) if body["stream"] else json.dumps(whole).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson" if body["stream"] else "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(Recorder, "seen", [], raising=False)
    with HTTPServer(("127.0.0.1", 0), Recorder) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


SDK_CALLS: dict[str, tuple[Request, dict[str, Any]]] = {
    "text": (asked("hi"), {"messages": USER}),
    "settings": (
        asked("hi", seed=5, max_tokens=5, temperature=0.5, top_p=0.5, top_k=3, stop="x", reasoning="off"),
        {
            "messages": USER,
            "think": False,
            "options": {
                "seed": 5,
                "num_predict": 5,
                "temperature": 0.5,
                "top_p": 0.5,
                "top_k": 3,
                "stop": ["x"],
            },
        },
    ),
    "a picture, a schema, staying loaded": (
        asked(
            Message("user", "look", Media.from_bytes(PNG)),
            response_format=SCHEMA,
            extra={"keep_alive": "10m"},
        ),
        {
            "messages": [{"role": "user", "content": "look", "images": [PNG]}],
            "format": SCHEMA,
            "keep_alive": "10m",
        },
    ),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("request_", "arguments"), SDK_CALLS.values(), ids=SDK_CALLS)
def test_the_sdk_sends_the_same(
    server: HTTPServer, request_: Request, arguments: dict[str, Any], stream: bool
):
    """The ollama package sends the same path and body, but for the two fields that it has no argument for."""
    client = sdk.Client(host=f"http://127.0.0.1:{server.server_port}", trust_env=False)
    with client:
        answer = client.chat(model="llama3", stream=stream, **arguments)
        said = "".join(part.message.content or "" for part in answer) if stream else answer.message.content
    assert said == "Hello"
    [(path, body)] = Recorder.seen
    assert path == "/" + chat.path(request_, stream=stream)
    ours = json.loads(_common.dumps(chat.encode(request_, QUIRKS, stream=stream)))
    assert {name: ours.pop(name) for name in ("truncate", "shift")} == {"truncate": False, "shift": False}
    assert ours == without_defaults(body)


def without_defaults(body: dict[str, Any]) -> dict[str, Any]:
    """The SDK's body without the empty lists it always adds."""
    return {name: value for name, value in body.items() if value != []}


def test_deltas_are_what_is_new():
    """Each line gives its own piece, and the last one, which is empty, none."""
    _, deltas = streamed(chat, ndjson(*DECODE["text"][1]))
    assert deltas == [Delta("Hel"), Delta("lo")]
