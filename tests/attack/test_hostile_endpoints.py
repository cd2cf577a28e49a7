"""Servers that mean no good, beyond what test_transport.py and test_fetch.py hold: bounded memory, typed errors, no hang.

Each script sends without end unless it is stopped, so a test that passes shows that it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import importlib.util
import json
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from antiphon import bulk
from antiphon.call import Reply, Secret
from antiphon.dialects import _common, _s3
from antiphon.errors import AntiphonError, RequestError, TransportError, Unreadable
from antiphon.request import Timeout
from tests.test_fetch import HOST, authority, fetch, refused
from tests.test_transport import STREAM_HEAD, Asked, chunk, failing, http, once

__all__ = ["authority"]  # a fixture

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
PIECE = 1 << 16
MUCH = 1000  # pieces: 64 MB; who reads on to their end is not bounded


class Flood:
    """Sends `first`, then `piece` again and again until the other side is gone; `sent` counts the pieces."""

    def __init__(self, first: bytes, piece: bytes) -> None:
        self.first, self.piece, self.sent = first, piece, 0

    async def __call__(self, asked: Asked) -> None:
        with contextlib.suppress(ConnectionError):
            await asked.send(self.first)
            while self.sent < MUCH and not asked.writer.is_closing():
                await asked.send(self.piece)
                self.sent += 1
        asked.writer.close()


FLOODS: dict[str, tuple[bytes, bytes]] = {
    "no HTTP at all": (b"", b"\x00\xff" * (PIECE // 2)),
    "HTTP/0.9": (b"hello\n", b"world\n" * (PIECE // 6)),
    "a status line": (b"HTTP/1.1 200 ", b"A" * PIECE),
    "a header's name": (HEAD, b"b" * PIECE),
    "a header's value": (HEAD + b"x-a: ", b"b" * PIECE),
    "a folded header": (HEAD + b"x-a: b\r\n", b" b\r\n" * (PIECE // 4)),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x-a: b\r\n" * (PIECE // 8)),
    "a trailer": (CHUNKED + b"2\r\n{}\r\n0\r\nx-a: ", b"b" * PIECE),
    "a length of 10 GB": (HEAD + b"content-length: 10737418240\r\n\r\n", b" " * PIECE),
    "SSE comments": (STREAM_HEAD, chunk(b": keep-alive\n\n" * 4000)),
    "SSE without a line end": (STREAM_HEAD, chunk(b"data" * (PIECE // 4))),
    "empty events": (STREAM_HEAD, chunk(b"data:\n\n" * 8000)),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_left(name: str) -> None:
    """What never ends is left long before its end, with a typed error."""
    flood = Flood(*FLOODS[name])
    error = failing(flood, stream="sse", on_event=lambda _: True, retries=0, settings={"max_body": 4 << 20})
    assert isinstance(error, TransportError)
    assert flood.sent < MUCH // 2


@pytest.mark.parametrize("name", ["chunk extensions", "zeros before a chunk's length"])
def test_bytes_that_are_passed_over_are_bounded_by_time(name: str) -> None:
    """What the parser passes over without keeping it ends in a typed error: at its end here, else at the deadline."""
    first, piece = {
        "chunk extensions": (CHUNKED + b"1;", b"a" * PIECE),
        "zeros before a chunk's length": (CHUNKED, b"0" * PIECE),
    }[name]
    error = failing(Flood(first, piece), retries=0, timeout=Timeout(first_token=20, total=20))
    assert isinstance(error, TransportError)
    assert error.phase in ("cut-off", "deadline", "")


@pytest.mark.parametrize("status", [b"100 Continue", b"103 Early Hints", b"102 Processing"])
def test_interim_answers_without_end(status: bytes) -> None:
    """Interim answers are no sign of life: the deadline of the answer ends them."""

    async def endless(asked: Asked) -> None:
        with contextlib.suppress(ConnectionError):
            while not asked.writer.is_closing():
                await asked.send(b"HTTP/1.1 " + status + b"\r\nlink: </a>\r\n\r\n")

    error = failing(endless, retries=0, timeout=Timeout(first_token=0.3))
    assert (error.phase, error.limit) == ("deadline", "first_token")


def test_a_byte_now_and_then() -> None:
    """A server that sends its head byte by byte keeps nobody longer than the deadline."""

    async def slow(asked: Asked) -> None:
        with contextlib.suppress(ConnectionError):
            for byte in HEAD * 100:
                await asked.send(bytes([byte]))
                await asyncio.sleep(0.05)

    error = failing(slow, retries=0, timeout=Timeout(first_token=0.3))
    assert error.phase == "deadline"


LIES: dict[str, bytes] = {
    "two lengths": HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
    "length and chunks": HEAD
    + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "less than nothing": HEAD + b"content-length: -1\r\n\r\n{}",
    "more than there is": HEAD + b"content-length: 99999999999999999999999\r\n\r\n{}",
    "a chunk longer than memory": CHUNKED + b"ffffffffffffffffff\r\nabc",
    "a chunk of no length": CHUNKED + b"zz\r\nabc",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n{}",
    "zero byte in a header": HEAD + b"x-a: \x00\r\n\r\n{}",
    "a compression nobody has": http(200, b"{}", content_encoding="x-unheard-of-\x7f"),
}


@pytest.mark.parametrize("name", LIES)
def test_what_cannot_be_true_is_no_answer(name: str) -> None:
    """Contradictions in the framing are never resolved by guessing."""
    try:
        reply, _ = once(LIES[name], retries=0, timeout=Timeout(total=20))
    except AntiphonError:
        return
    # An unknown compression is left as it came; no dialect reads that as JSON unless it is.
    assert name == "a compression nobody has", reply
    assert reply.body == b"{}"


@functools.cache
def bombs() -> dict[str, bytes]:
    plain = b" " * (16 << 20)
    made = {"gzip": gzip.compress(plain, 1), "deflate": zlib.compress(plain, 1)}
    if (brotli := importlib.util.find_spec("brotli")) is not None:
        assert brotli.name
        import brotli as packer  # type: ignore[import-not-found, unused-ignore]

        made["br"] = packer.compress(plain, quality=1)
    return made


@pytest.mark.parametrize("coding", sorted(bombs()))
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_decompression_stops_at_the_limit(coding: str, kind: str) -> None:
    """However it is packed, streamed or not, only `max_body` bytes are unpacked."""
    answer = http(200, bombs()[coding], content_type=kind, content_encoding=coding)
    error = failing(answer, stream="sse", on_event=lambda _: True, retries=0, settings={"max_body": 1 << 20})
    assert error.phase == "too-large"


# ------------------------------------------------------------------------------------------------ JSON


BAD_JSON: dict[str, bytes] = {
    "arrays in arrays": b"[" * 200_000,
    "closed ones": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "endless digits": b'{"a":' + b"9" * 5_000 + b"}",
    "NaN": b'{"choices": NaN}',
    "Infinity": b'{"choices": [Infinity]}',
    "no UTF-8": b'{"a": \xff\xfe}',
    "a list": b"[]",
    "null": b"null",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BAD_JSON)
@pytest.mark.parametrize("fast", [True, False])
def test_json_that_is_no_answer(name: str, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bombs and numbers that are none are Unreadable, with the fast parser and without it."""
    if not fast:
        monkeypatch.setattr(_common, "_fast_loads", _common._plain_loads)
    with pytest.raises(Unreadable):
        _common.json_document(Reply(200, BAD_JSON[name]))


def test_json_that_is_odd_is_taken_as_it_is() -> None:
    """Of two members with one name the last counts; 1e999 is infinite and no number of tokens; half characters go."""
    document = _common.json_document(Reply(200, b'{"a": 1, "a": 2, "n": 1e999, "s": "\\ud800"}'))
    assert document["a"] == 2
    assert _common.count(document["n"]) is None
    assert _common.as_word(document["s"]).encode()


def test_a_text_of_nothing_but_values_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply of few bytes on the wire and gigabytes as objects is refused before it is parsed; long texts are not."""
    monkeypatch.setattr(bulk, "MAX_VALUES", 1000)
    bomb = b'{"a": [' + b"[]," * 1000 + b"[]]}"
    with pytest.raises(Unreadable, match="more than"):
        _common.json_document(Reply(200, bomb))
    for harmless in (b"," * 5000, b'\\",' * 5000, b"[{" * 5000, b"\\\\" * 2000 + b'\\"' * 2000):
        body = b'{"a": "' + harmless + b'", "b": [1, 2]}'
        assert _common.json_document(Reply(200, body))["b"] == [1, 2]
    tricked = b'{"a": "\\\\", "b": [' + b"{}," * 1000 + b"{}]}"
    assert bulk.holds_too_much(tricked)
    assert not bulk.holds_too_much(b'"' * 1500)


def test_the_real_limit_is_above_any_answer() -> None:
    """32,000 tokens with their 20 next best each, as chat completions tell them, still pass."""
    one = {"token": " the", "logprob": -0.1, "bytes": [32, 116]}
    body = json.dumps({"content": [{**one, "top_logprobs": [one] * 20}] * 100}).encode()
    marks = sum(body.count(mark) for mark in (b",", b"[", b"{"))
    assert marks * 320 < bulk.MAX_VALUES * 1.2


# ---------------------------------------------------------------------------------------------- fetch


FETCHED: dict[str, bytes] = {
    "headers": b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n" + b"x-a: b\r\n" * 60_000 + b"\r\n",
    "a header": b"HTTP/1.1 200 OK\r\nx-a: " + b"b" * (1 << 20) + b"\r\n\r\n",
    "no HTTP": b"\x00\xff" * PIECE,
    "HTTP/0.9": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
    "partial content": b"HTTP/1.1 206 Part\r\ncontent-type: image/png\r\ncontent-length: 4\r\n\r\n\x89PNG",
}


@pytest.mark.parametrize("name", FETCHED)
def test_media_from_a_hostile_host(authority: tuple[Path, Path], name: str) -> None:
    """A host that plays games with HTTP gives a typed error and no medium."""

    async def play(writer: Any) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(FETCHED[name])
            await writer.drain()

    outcome = fetch(authority, play, max_seconds=20)
    if "headers" in name and not isinstance(outcome[0], AntiphonError):
        pytest.skip("this aiohttp does not count headers")
    error = refused(type(outcome[0]), outcome)  # type: ignore[arg-type]
    assert isinstance(error, TransportError | RequestError)
    assert HOST in error.message


def test_interim_answers_of_a_host(authority: tuple[Path, Path]) -> None:
    """Interim answers without end are ended by the time for a medium."""

    async def endless(writer: Any) -> None:
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0)  # the client is in the same loop

    error = refused(TransportError, fetch(authority, endless, max_seconds=0.5))
    assert error.phase == "deadline"


# -------------------------------------------------------------------------------- one opinion on hosts


def test_a_key_is_bound_to_the_host_that_is_called() -> None:
    """Whoever decides on the key and whoever connects read the same host in every address, however it is written."""
    from antiphon.credentials import _asked
    from antiphon.transport import _Target

    good, evil = "api.openai.com", "evil.example"
    between = [
        *("\\@", "@", "#@", "?@", "/@", ":80@", "\\", "%2f", "%5c", "%00", "\t", "\n", "\r", " ", "%20", "."),
        *("\u3002", "%2e", "\uff0e", "\uff0f", "\u2100", "\u212a", "#", "?", ";", ":", "::", "[", "]", "%40"),
        *("\x00", "\u200b", "\u00ad", "%09", "&@", "//", "\\\\", "/..//", "\ufe55", "\uff20", "\uff1a"),
    ]
    starts = ("https://", "https:/", "https:\\\\", "HTTPS://", "https:///", " https://", "https:////")
    agreed = 0
    for first, second in ((good, evil), (evil, good)):
        for middle in between:
            for start in starts:
                url = f"{start}{first}{middle}{second}/v1"
                try:
                    bound, target = _asked(url).name, _Target.of(url)
                except AntiphonError:
                    continue
                assert bound == getattr(target.url, "host", None), url
                agreed += 1
    assert agreed  # some addresses are good ones


def test_scrubbing_takes_time_that_grows_with_the_text_only() -> None:
    """A reply made of a key's beginnings does not slow the search for it down."""
    secret = Secret("aaaa/" * 40 + "b")
    text = b"aaaa/" * 40_000
    started = time.process_time()
    assert secret.scrub(text) is text
    assert time.process_time() - started < 20  # a search that backs up would take hours


LAUGHS = "<?xml version='1.0' encoding='{}'?><!DOCTYPE a [<!ENTITY b 'ha'><!ENTITY c '&b;&b;&b;'>]><Error><Code>&c;</Code></Error>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1"])
def test_xml_without_entities(encoding: str) -> None:
    """A document type with entities is not read in any encoding, be it hidden from a search by its bytes."""
    assert _s3._document(Reply(200, LAUGHS.format(encoding.removesuffix("-sig")).encode(encoding))) is None
    plain = _s3._document(Reply(200, b"\xef\xbb\xbf<Error><Code>NoSuchKey</Code></Error>"))
    assert plain is not None
    assert plain.findtext("Code") == "NoSuchKey"
