"""Stream bodies are cut into the right events, however the bytes arrive."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.errors import TransportError
from antiphon.events import NDJSON, SSE, Event, parse

E = Event

SSE_TABLE = [
    ("one event", b"data: a\n\n", [E("a")]),
    ("two events", b"data: a\n\ndata: b\n\n", [E("a"), E("b")]),
    ("no space after the colon", b"data:a\n\n", [E("a")]),
    ("only one space is taken away", b"data:  a\n\n", [E(" a")]),
    ("the payload may hold colons", b'data: {"a": 1}\n\n', [E('{"a": 1}')]),
    ("named, as Anthropic sends", b"event: ping\ndata: {}\n\n", [E("{}", "ping")]),
    ("named without spaces", b"event:ping\ndata:{}\n\n", [E("{}", "ping")]),
    ("name after the data", b"data: {}\nevent: ping\n\n", [E("{}", "ping")]),
    ("the last name holds", b"event: a\nevent: b\ndata: 1\n\n", [E("1", "b")]),
    ("a name does not outlive its event", b"event: a\ndata: 1\n\ndata: 2\n\n", [E("1", "a"), E("2")]),
    ("data lines join by LF", b"data: a\ndata: b\ndata:\n\n", [E("a\nb\n")]),
    ("named, two data lines", b"event: x\ndata: a\ndata: b\n\n", [E("a\nb", "x")]),
    ("CRLF, as Gemini sends", b"data: a\r\n\r\ndata: b\r\n\r\n", [E("a"), E("b")]),
    ("CR alone", b"data: a\r\rdata: b\r\r", [E("a"), E("b")]),
    ("mixed line ends", b"data: a\r\ndata: b\n\r\ndata: c\r\n\n", [E("a\nb"), E("c")]),
    ("CR then CRLF ends the event", b"data: a\r\r\ndata: b\n\n", [E("a"), E("b")]),
    ("comments give nothing", b": keep-alive\n\n: again\n\n", []),
    ("a comment inside an event", b": x\ndata: a\n: y\ndata: b\n\n", [E("a\nb")]),
    ("a comment before an event", b": OPENROUTER PROCESSING\n\ndata: a\n\n", [E("a")]),
    ("id, retry and unknown fields are skipped", b"id: 1\nretry: 5\nwhat: x\ndata: a\n\n", [E("a")]),
    ("a line without colon is a field without value", b"data\ndata: a\n\n", [E("\na")]),
    ("empty data is a keep-alive", b"data:\n\ndata: \n\ndata\n\ndata: a\n\n", [E("a")]),
    ("empty data in a regular stream", b"data: a\n\ndata: \n\ndata: b\n\n", [E("a"), E("b")]),
    ("a name alone is a keep-alive", b"event: ping\n\ndata: a\n\n", [E("a")]),
    ("more blank lines than needed", b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", [E("a"), E("b")]),
    ("a byte order mark at the start", b"\xef\xbb\xbfdata: a\n\n", [E("a")]),
    (
        "a second byte order mark is text",
        b"\xef\xbb\xbfdata: a\n\ndata: \xef\xbb\xbfb\n\n",
        [E("a"), E("\ufeffb")],
    ),
    ("no blank line at the end", b"data: a\n\ndata: [DONE]", [E("a"), E("[DONE]")]),
    ("one line end at the end", b"data: a\n\ndata: [DONE]\n", [E("a"), E("[DONE]")]),
    ("a comment at the end", b"data: a\n\n: bye", [E("a")]),
    (
        "bare JSON, as Gemini reports errors",
        b'{"error": {\n  "code": 1}\n}\n',
        [E('{"error": {\n  "code": 1}\n}')],
    ),
    (
        "bare JSON between events",
        b'data: a\n\n[{"error": 1}]\n\ndata: b\n\n',
        [E("a"), E('[{"error": 1}]'), E("b")],
    ),
    ("bare JSON after a comment", b': x\n{"error": 1}\n\n', [E('{"error": 1}')]),
    ("raw JSON lines after data are no data", b'data: a\n{"x": 1}\n\n', [E("a")]),
    ("Unicode", "data: čau 🎼\n\n".encode(), [E("čau 🎼")]),
    (
        "Unicode line separators end no line",
        "data: a\u2028b\x0bc\x85d\n\n".encode(),
        [E("a\u2028b\x0bc\x85d")],
    ),
    ("invalid UTF-8", b"data: a\xff\xf0\x9f\n\ndata: b\n\n", [E("a\ufffd\ufffd"), E("b")]),
    ("nothing", b"", []),
    ("only blank lines", b"\n\r\n\r\r\n", []),
    ("a NUL is text", b"data: a\x00b\n\n", [E("a\x00b")]),
]

NDJSON_TABLE = [
    ("two lines", b'{"a":1}\n{"b":2}\n', [E('{"a":1}'), E('{"b":2}')]),
    ("no line end at the end", b'{"a":1}\n{"b":2}', [E('{"a":1}'), E('{"b":2}')]),
    ("CRLF", b'{"a":1}\r\n{"b":2}\r\n', [E('{"a":1}'), E('{"b":2}')]),
    ("blank lines", b'\n{"a":1}\n\n  \n{"b":2}\n\n', [E('{"a":1}'), E('{"b":2}')]),
    ("a byte order mark", b'\xef\xbb\xbf{"a":1}\n', [E('{"a":1}')]),
    ("Unicode and invalid UTF-8", '"č🎼'.encode() + b'\xff"\n', [E('"č🎼\ufffd"')]),
    ("nothing", b"", []),
]


def read(reader: SSE | NDJSON, chunks: list[bytes]) -> list[Event]:
    events: list[Event] = []
    for chunk in chunks:
        events += reader.feed(chunk)
    return events + reader.close()


def by_lines(body: bytes) -> list[Event]:
    """The WHATWG rule written out line by line, with our three additions: the slow but plain reference."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    events: list[Event] = []
    data: list[str] = []
    bare: list[str] = []
    name = ""
    for line in [*re.split("\r\n|\r|\n", text), ""]:
        if not line:
            payload = "\n".join(bare or data)
            if payload:
                events.append(Event(payload, name))
            data, bare, name = [], [], ""
        elif bare or (line[0] in "{[" and not data):
            bare.append(line)
        elif line.startswith("data:"):
            data.append(line[6:] if line[5:6] == " " else line[5:])
        elif line.startswith("event:"):
            name = line[7:] if line[6:7] == " " else line[6:]
        elif line in ("data", "event"):
            data, name = ([*data, ""], name) if line == "data" else (data, "")
    return events


@pytest.mark.parametrize(
    ("body", "events"), [row[1:] for row in SSE_TABLE], ids=[row[0] for row in SSE_TABLE]
)
def test_sse_table(body: bytes, events: list[Event]) -> None:
    """Each body gives its events: whole, one byte at a time, cut in two anywhere, by `parse`, and line by line."""
    assert list(parse(body, "sse")) == events
    assert read(SSE(), [body[i : i + 1] for i in range(len(body))]) == events
    for cut in range(len(body) + 1):
        assert read(SSE(), [body[:cut], body[cut:]]) == events
    assert by_lines(body) == events


@pytest.mark.parametrize(
    ("body", "events"), [row[1:] for row in NDJSON_TABLE], ids=[row[0] for row in NDJSON_TABLE]
)
def test_ndjson_table(body: bytes, events: list[Event]) -> None:
    """Each body gives its lines: whole, one byte at a time, and cut in two anywhere."""
    assert list(parse(body, "ndjson")) == events
    assert read(NDJSON(), [body[i : i + 1] for i in range(len(body))]) == events
    for cut in range(len(body) + 1):
        assert read(NDJSON(), [body[:cut], body[cut:]]) == events


piece = st.sampled_from(
    [
        b"data: ",
        b"data:",
        b"data",
        b"event: ",
        b"event:x",
        b": c",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
        b"{",
        b"[",
        b" ",
        b"a",
        b"\xc4\x8d",
        b"\xf0\x9f\x8e\xbc",
        b"\xff",
        b"\xef\xbb\xbf",
        b"data: x\n\n",
    ]
)
tricky = st.lists(piece, max_size=40).map(b"".join)
usual = st.lists(
    st.sampled_from(
        [b"data: {1}\n\n", b"event: a\ndata: {2}\n\n", b": k\n\n", b"data: \n\n", b"data: {3}\r\n\r\n"]
    ),
    max_size=12,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(body=st.one_of(tricky, usual), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_any_cut_gives_the_same_events(body: bytes, cuts: list[int]) -> None:
    """The shortcuts for usual streams, and any cut into chunks, give what the plain line-by-line rule gives."""
    marks = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    chunks = [body[a:b] for a, b in itertools.pairwise(marks)]
    assert read(SSE(), chunks) == by_lines(body)


def test_events_come_as_soon_as_they_are_complete() -> None:
    """An event is given with the chunk that ends it, and only then."""
    reader = SSE()
    assert reader.feed(b"data: a\n") == []
    assert reader.feed(b"\ndata: b\r") == [E("a")]
    assert reader.feed(b"\n\r") == [E("b")]
    assert reader.feed(b"\ndata: c") == []
    assert reader.close() == [E("c")]
    assert reader.close() == []


def test_a_long_recording_is_read_in_slices() -> None:
    """A body of many megabytes, cut at slice borders that fall inside characters, gives every event."""
    text = "é" * 1000
    body = f"data: {text}\n\n".encode() * 1500
    assert list(parse(body, "sse")) == [E(text)] * 1500


def test_unstreamed_bodies_have_no_events() -> None:
    """A reply that is one document has no events."""
    assert list(parse(b'{"a": 1}', "")) == []


@pytest.mark.parametrize("reader", [SSE, NDJSON])
def test_an_endless_event_is_refused(reader: type[SSE | NDJSON]) -> None:
    """An event over the limit is a TransportError "too-large": unfinished, finished, or among good ones."""
    for chunks in (
        [b"data: " + b"x" * 200],
        [b"data: "] + [b"x"] * 200,
        [b"x" * 200 + b"\n\n"],
        [b"a\n\n" + b"x" * 200 + b"\n\n"],
    ):
        with pytest.raises(TransportError, match="more than 100 bytes") as caught:
            read(reader(max_event=100), chunks)
        assert caught.value.phase == "too-large"


@pytest.mark.parametrize("reader", [SSE, NDJSON])
def test_a_big_chunk_of_small_events_is_fine(reader: type[SSE | NDJSON]) -> None:
    """The limit is on one event: a chunk of many may be larger."""
    assert len(read(reader(max_event=100), [b"data: x\n\n" * 100 + b"data: y"])) == 101
