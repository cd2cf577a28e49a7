"""Every dialect against damaged replies: cut, mistyped, huge, nested, wrongly encoded, torn into any pieces.

Whatever comes, the end is a completion that makes sense or an error of ours, never another exception. The sound
replies that are damaged here are those of the captured pairs, which the providers' own packages have read.
"""

from __future__ import annotations

import copy
import json
import math
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon import events, providers
from antiphon.call import Reply
from antiphon.completion import Completion, FinishReason
from antiphon.dialects import (
    Dialect,
    anthropic_messages,
    anthropic_vertex,
    bedrock_converse,
    bedrock_invoke_claude,
    bedrock_invoke_mistral,
    gemini_content,
    ollama_chat,
    openai_chat,
    openai_responses,
)
from antiphon.errors import AntiphonError, RateLimited, Refused, ReplyError
from antiphon.road import decode

from ..captured import pairs
from .tables import ndjson


@dataclass(frozen=True)
class Sound:
    """A reply that is whole: its status and headers, and its documents, one or as many as the stream has events."""

    dialect: Dialect
    reply: dict[str, Any]

    @property
    def documents(self) -> list[Any]:
        """The JSON in it that may be damaged."""
        if "frames" in self.reply:
            return [document for _, document in self.reply["frames"]]
        if "lines" in self.reply:
            return self.reply["lines"]
        if "events" in self.reply:
            return [json.loads(data) for data in map(_data, self.reply["events"]) if data[:1] == "{"]
        return [self.reply["json"]]

    def holding(self, at: int, document: Any) -> Reply:
        """The reply with another document in the place of one."""
        changed = [*self.documents]
        changed[at] = document
        if "frames" in self.reply:
            names = [name for name, _ in self.reply["frames"]]
            return wired({**self.reply, "frames": list(zip(names, changed, strict=True))})
        if "lines" in self.reply:
            return wired({**self.reply, "lines": changed})
        if "events" in self.reply:
            rest = iter(changed)
            told = [
                _with(event, rest) if _data(event)[:1] == "{" else event for event in self.reply["events"]
            ]
            return wired({**self.reply, "events": told})
        return wired({**self.reply, "json": changed[0]})


def _data(event: str) -> str:
    return event.rpartition("data: ")[2].strip() if "data: " in event else ""


def _with(event: str, documents: Iterator[Any]) -> str:
    return event.rpartition("data: ")[0] + "data: " + json.dumps(next(documents)) + "\n\n"


def wired(reply: dict[str, Any]) -> Reply:
    """A reply as it came over the wire."""
    if "lines" in reply:
        return Reply(200, ndjson(*reply["lines"]), {"content-type": "application/x-ndjson"})
    if "json" in reply:  # escaped, since half an emoji cannot be written otherwise
        answer = pairs.served({**reply, "json": None})
        answer.body = json.dumps(reply["json"]).encode()
    else:
        answer = pairs.served(reply)
    return Reply(answer.status, answer.body, {name.lower(): value for name, value in answer.headers.items()})


OLLAMA = {"model": "llama3.2", "created_at": "2026-11-26T10:00:00Z"}
OLLAMA_LAST = {
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    "total_duration": 9000000,
    "prompt_eval_count": 14,
    "eval_count": 6,
    "eval_duration": 5000000,
}


def _said(content: str, thinking: str = "") -> dict[str, Any]:
    return {
        **OLLAMA,
        "message": {"role": "assistant", "content": content, "thinking": thinking},
        "done": False,
    }


@cache
def replies() -> dict[str, Sound]:
    """Sound replies of every dialect: whole, streamed, and errors."""

    def taken(dialect: Dialect, name: str, case: str) -> Sound:
        return Sound(dialect, pairs.load(name)["cases"][case]["reply"])

    whole = {
        **OLLAMA,
        **OLLAMA_LAST,
        "message": {"role": "assistant", "content": "Amber 🍯", "thinking": "Dusk"},
    }
    stream = [_said("", "Dusk"), _said("Amber"), _said(" 🍯"), {**OLLAMA, **OLLAMA_LAST}]
    return {
        "chat": taken(openai_chat, "openai", "text"),
        "chat, with pictures": taken(openai_chat, "openrouter", "image out"),
        "chat, streamed": taken(openai_chat, "openrouter", "reasoning, streamed"),
        "chat, pictures streamed": taken(openai_chat, "openrouter", "image out, streamed"),
        "chat, 429": taken(openai_chat, "openrouter", "refusal"),
        "responses": taken(openai_responses, "openai", "reasoning"),
        "responses, streamed": taken(openai_responses, "openai", "reasoning, streamed"),
        "responses, 429": taken(openai_responses, "openai", "429"),
        "messages": taken(anthropic_messages, "anthropic", "reasoning"),
        "messages, streamed": taken(anthropic_messages, "anthropic", "reasoning, streamed"),
        "messages, 429": taken(anthropic_messages, "anthropic", "429"),
        "vertex": taken(anthropic_vertex, "anthropic", "refusal"),
        "vertex, streamed": taken(anthropic_vertex, "anthropic", "stream"),
        "vertex, 429": taken(anthropic_vertex, "gemini", "429"),
        "gemini": taken(gemini_content, "gemini", "image out"),
        "gemini, streamed": taken(gemini_content, "gemini", "reasoning, streamed"),
        "gemini, refusal": taken(gemini_content, "gemini", "refusal"),
        "gemini, 429": taken(gemini_content, "gemini", "429"),
        "converse": taken(bedrock_converse, "bedrock_claude", "reasoning"),
        "converse, streamed": taken(bedrock_converse, "bedrock_claude", "reasoning, streamed"),
        "converse, failing": taken(bedrock_converse, "bedrock_claude", "mid-stream failure"),
        "converse, 429": taken(bedrock_converse, "bedrock_claude", "429"),
        "invoked claude": taken(bedrock_invoke_claude, "bedrock_claude", "text by InvokeModel"),
        "invoked claude, streamed": taken(bedrock_invoke_claude, "bedrock_claude", "stream by InvokeModel"),
        "invoked mistral": taken(bedrock_invoke_mistral, "bedrock_mistral", "text by InvokeModel"),
        "invoked mistral, streamed": taken(
            bedrock_invoke_mistral, "bedrock_mistral", "stream by InvokeModel"
        ),
        "ollama": Sound(ollama_chat, {"json": whole}),
        "ollama, streamed": Sound(ollama_chat, {"lines": stream}),
        "ollama, 503": Sound(ollama_chat, {"status": 503, "json": {"error": "server busy"}}),
    }


NAMES = tuple(replies())


def test_every_dialect_is_here():
    """No dialect that a provider speaks is left out of what follows."""
    spoken = {way.dialect.name for name in providers.names() for way in providers.get(name).ways.values()}
    assert {sound.dialect.name for sound in replies().values()} == spoken


@pytest.fixture(params=NAMES)
def sound(request: pytest.FixtureRequest) -> Sound:
    """Each sound reply in turn."""
    return replies()[request.param]


# ----------------------------------------------------------------------------------- what must come out


def content(completion: Completion) -> tuple[object, ...]:
    """What a completion holds, without what is said about it."""
    return (completion.text, completion.reasoning, completion.media, completion.finish_reason)


def read(dialect: Dialect, reply: Reply) -> Completion | None:
    """What the dialect makes of a reply, checked: a completion that makes sense, or None for an error that does.

    Whatever else is raised fails the test. Every reply is read as an error and as a listing too.
    """
    for problem in (lambda: dialect.error(reply), lambda: dialect.models(reply)):
        try:
            found = problem()
        except AntiphonError as error:
            found = error
        if isinstance(found, AntiphonError):
            _sensible_error(found)
    if reply.status >= 300:
        return None
    try:
        completion = decode(dialect, reply)
    except AntiphonError as error:
        _sensible_error(error)
        return None
    _sensible(completion)
    return completion


def _sensible(completion: Completion) -> None:
    for text in (completion.text, completion.reasoning, completion.model, completion.fingerprint or ""):
        text.encode()  # no halves of surrogate pairs
    assert completion.finish_reason in get_args(FinishReason)
    assert isinstance(completion.request_id, str | None)
    usage = asdict(completion.usage)
    assert isinstance(usage.pop("tier"), str)
    for name, number in {**usage.pop("details"), **usage}.items():
        assert number is None or (number >= 0 and math.isfinite(number)), name


def _sensible_error(error: AntiphonError) -> None:
    assert error.message
    error.message.encode()
    if isinstance(error, ReplyError):
        error.code.encode()
        assert isinstance(error.status, int)
        assert len(error.body) <= 2000
        assert isinstance(error.request_id, str | None)
    if isinstance(error, RateLimited) and error.retry_after is not None:
        assert 0 <= error.retry_after < math.inf
    if isinstance(error, Refused):
        error.reason.encode()


# ------------------------------------------------------------------------------------- cut, and in pieces


def test_cut_after_any_byte(sound: Sound) -> None:
    """A reply that ends too early is an error, or the same completion when nothing of it was missing."""
    whole = wired(sound.reply)
    complete = read(sound.dialect, whole)
    for end in range(len(whole.body)):
        found = read(sound.dialect, Reply(whole.status, whole.body[:end], whole.headers))
        if found is not None:
            assert complete is not None
            assert content(found) == content(complete), end


@pytest.mark.parametrize("name", [name for name in NAMES if "json" not in replies()[name].reply])
def test_torn_at_any_byte(name: str) -> None:
    """However the bytes of a stream arrive (in two pieces, one by one), its events are the same."""
    whole = wired(replies()[name].reply)
    told = list(events.parse(whole.body, whole.stream))
    cuts: list[list[bytes]] = [[whole.body[:at], whole.body[at:]] for at in range(len(whole.body))]
    for pieces in [*cuts, [whole.body[at : at + 1] for at in range(len(whole.body))]]:
        reader = events.READERS[whole.stream]()
        assert [event for piece in pieces for event in reader.feed(piece)] + reader.close() == told


# --------------------------------------------------------------------------------------------- wrong types

WRONG: Sequence[Any] = (
    *(None, True, 0, -1, 7, 1.5, 10**30, "", "x", "\ud83d", "-", "null", [], [[]], {}, [None], {"a": 1}),
    *([{}], [1], ["x"], {"text": 1}, {"message": {}}, "2026-13-99T99:99:99Z", "20s", "abc=", "data:,"),
)


def places(document: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places in a document, itself among them."""
    yield way
    named = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for name, value in named:
        yield from places(value, (*way, name))


def changed(document: Any, way: tuple[Any, ...], value: Any) -> Any:
    """A copy with `value` at a place."""
    if not way:
        return value
    copied = copy.deepcopy(document)
    inner = copied
    for name in way[:-1]:
        inner = inner[name]
    inner[way[-1]] = value
    return copied


def test_any_value_anywhere(sound: Sound) -> None:
    """A value of any other type, in any place of any event."""
    for at, document in enumerate(sound.documents):
        for way in places(document):
            for value in WRONG:
                read(sound.dialect, sound.holding(at, changed(document, way, value)))


def test_anything_left_out(sound: Sound) -> None:
    """Any field that is not there, in any event, and any event that is not there."""
    for at, document in enumerate(sound.documents):
        for *way, last in filter(None, places(document)):
            less = copy.deepcopy(document)
            inner = less
            for name in way:
                inner = inner[name]
            del inner[last]
            read(sound.dialect, sound.holding(at, less))
    for kind in ("events", "frames", "lines"):
        for at in range(len(sound.reply.get(kind, ()))):
            told = [*sound.reply[kind]]
            del told[at]
            read(sound.dialect, wired({**sound.reply, kind: told}))


ODD_NUMBERS = ("1e999", "-1e999", "NaN", "Infinity", "-0", "1E400", "9" * 5000, "0.1e-400")


@pytest.mark.parametrize("number", ODD_NUMBERS, ids=lambda text: text[:9])
def test_odd_numbers(sound: Sound, number: str) -> None:
    """Numbers that no count of tokens is: infinite, none at all, or longer than Python reads."""
    for reply in put(sound, number):
        read(sound.dialect, reply)


def put(sound: Sound, text: str) -> Iterator[Reply]:
    """The reply with this raw JSON in any place of any document. Frames get it where their own JSON allows."""
    mark = "@@@here@@@"
    for at, document in enumerate(sound.documents):
        for way in places(document):
            reply = sound.holding(at, changed(document, way, mark))
            yield Reply(reply.status, reply.body.replace(f'"{mark}"'.encode(), text.encode()), reply.headers)


# --------------------------------------------------------------------------------------- huge and nested


@pytest.mark.parametrize("depth", [200, 300, 500, 990, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
def test_nested(sound: Sound, opening: str, closing: str, depth: int) -> None:
    """JSON nested deeper than any parser follows, in any place."""
    nested = opening * depth + "1" + closing * depth
    for number, reply in enumerate(put(sound, nested)):
        if depth < 1000 or number % 5 == 0:
            read(sound.dialect, reply)


MEGABYTE = 1 << 20


def test_a_huge_text(sound: Sound) -> None:
    """Ten megabytes in place of the longest text: read or refused, in memory that is a few times as much."""
    at, way = max(
        ((at, way) for at, document in enumerate(sound.documents) for way in places(document)),
        key=lambda place: len(_text(sound.documents[place[0]], place[1])),
    )
    reply = sound.holding(at, changed(sound.documents[at], way, "x" * (10 * MEGABYTE)))
    tracemalloc.start()
    try:
        read(sound.dialect, reply)
        assert tracemalloc.get_traced_memory()[1] < 24 * len(reply.body)
    finally:
        tracemalloc.stop()


def _text(document: Any, way: tuple[Any, ...]) -> str:
    for name in way:
        document = document[name]
    return document if isinstance(document, str) else ""


LONG = 100_000
Line = Callable[[str], Any]
CHAT: Line = lambda name: {"choices": [{"index": 0, "delta": {"role": "assistant", name: "x" * 40}}]}  # noqa: E731
PIECES: dict[str, tuple[Dialect, Any]] = {
    "chat content": (openai_chat, CHAT("content")),
    "chat reasoning": (openai_chat, CHAT("reasoning")),
    "chat refusal": (openai_chat, CHAT("refusal")),
    "chat audio": (
        openai_chat,
        {"choices": [{"index": 0, "delta": {"audio": {"data": "QUJD" * 10, "transcript": "x"}}}]},
    ),
    "responses text": (
        openai_responses,
        {"type": "response.output_text.delta", "output_index": 0, "delta": "x" * 40},
    ),
    "responses reasoning": (
        openai_responses,
        {
            "type": "response.reasoning_summary_text.delta",
            "output_index": 0,
            "summary_index": 0,
            "delta": "x" * 40,
        },
    ),
    "responses refusal": (openai_responses, {"type": "response.refusal.delta", "delta": "x" * 40}),
    "messages text": (
        anthropic_messages,
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 40}},
    ),
    "messages thinking": (
        anthropic_messages,
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "thinking_delta", "thinking": "x" * 40},
        },
    ),
    "gemini text": (gemini_content, {"candidates": [{"content": {"parts": [{"text": "x" * 40}]}}]}),
    "gemini thoughts": (
        gemini_content,
        {"candidates": [{"content": {"parts": [{"text": "x" * 40, "thought": True}]}}]},
    ),
    "ollama": (ollama_chat, {"message": {"content": "x" * 40, "thinking": "y" * 40}, "done": False}),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", PIECES)
def test_a_stream_of_very_many_pieces(name: str) -> None:
    """A hundred thousand pieces take a hundred thousand times as long as one, not its square (which never ends)."""
    dialect, piece = PIECES[name]
    fold, event = dialect.fold(), events.Event(json.dumps(piece), str(piece.get("type", "")))
    for _ in range(LONG):
        fold.feed(event)
    with suppress(AntiphonError):
        fold.completion(Reply(200, b"", {"content-type": "text/event-stream"}))


# ------------------------------------------------------------------------------------------------ encodings

ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "utf-16": lambda body: body.decode("utf-8", "replace").encode("utf-16"),
    "utf-8 with a mark": lambda body: b"\xef\xbb\xbf" + body,
    "latin-1": lambda body: body.decode("utf-8", "replace").encode("latin-1", "replace"),
    "utf-8 twice": lambda body: body.decode("latin-1").encode(),
    "cesu-8": lambda body: body.replace("🍯".encode(), b"\xed\xa0\xbc\xed\xbd\xaf"),
    "zeros between": lambda body: b"\0".join(body[at : at + 1] for at in range(len(body))),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_wrong_encodings(sound: Sound, encoding: str) -> None:
    """A body in another encoding than UTF-8."""
    reply = wired(sound.reply)
    read(sound.dialect, Reply(reply.status, ENCODINGS[encoding](reply.body), reply.headers))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(NAMES), st.data())
def test_any_bytes_anywhere(name: str, data: st.DataObject) -> None:
    """Bytes replaced, inserted or left out anywhere in a reply, under any type of content and any status."""
    sound = replies()[name]
    reply = wired(sound.reply)
    start = data.draw(st.integers(0, len(reply.body)))
    end = data.draw(st.integers(start, min(len(reply.body), start + 40)))
    body = reply.body[:start] + data.draw(st.binary(max_size=12)) + reply.body[end:]
    kind = data.draw(st.sampled_from([reply.headers["content-type"], "application/json", "text/html", ""]))
    status = data.draw(st.sampled_from([reply.status, 200, 400, 404, 429, 503]))
    told = {
        "retry-after": data.draw(
            st.sampled_from(["", "2", "-1", "1e999", "nan", "Thu, 99 Foo 2026 00:00:00"])
        )
    }
    read(sound.dialect, Reply(status, body, {**reply.headers, "content-type": kind, **told}))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(NAMES), JSON, st.data())
def test_any_json_anywhere(name: str, value: Any, data: st.DataObject) -> None:
    """Any JSON at all in any place of a reply."""
    sound = replies()[name]
    at = data.draw(st.integers(0, len(sound.documents) - 1))
    way = data.draw(st.sampled_from(list(places(sound.documents[at]))))
    read(sound.dialect, sound.holding(at, changed(sound.documents[at], way, value)))
