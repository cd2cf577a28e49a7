"""Streamed answers: piece by piece, bounded, and ended on the wire when the page goes away."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from typing import Any

import pytest

from antiphon.pages import site
from tests.pages.hosting import PATIENCE, Pages
from tests.peer import Peer

COMPLETE = "/antiphon/complete"


def question(peer: Peer, **more: Any) -> dict[str, Any]:
    return {"prompt": "one two three", "provider": "compatible", "model": "m", "base_url": peer.url, **more}


def until(there: Any, what: str) -> None:
    """Wait for a state; it comes, or the test fails."""
    deadline = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.01)


def test_an_answer_comes_in_pieces_and_then_whole(pages: Pages, peer: Peer):
    """Deltas add up to the text of the completion, which has what the history shows; the seed makes it replay."""
    first = pages.ask("POST", COMPLETE, question(peer, seed=7))
    again = pages.ask("POST", COMPLETE, question(peer, seed=7))

    assert first.headers["content-type"] == "application/x-ndjson"
    *deltas, last = first.lines
    completion = last["completion"]
    assert len(deltas) > 1
    assert "".join(line["delta"]["text"] for line in deltas) == completion["text"]
    assert completion["text"].strip() == "answer to one two three"
    assert (completion["seed"], completion["replayed"], completion["recorded"]) == ("7", False, True)
    assert completion["input_tokens"] == 3
    assert again.lines[-1]["completion"]["replayed"] is True
    assert len(peer.seen) == 1


def test_the_first_piece_does_not_wait_for_the_last(pages: Pages, peer: Peer):
    """While the provider still speaks, the page has what was said."""
    peer.pause = 0.2
    with pages.connect() as connection:
        connection.sendall(pages.request("POST", COMPLETE, question(peer)))
        seen = b""
        while b'"delta"' not in seen:
            seen += connection.recv(4096)
        assert b'"completion"' not in seen
        while piece := connection.recv(4096):
            seen += piece
        assert b'"completion"' in seen


@pytest.mark.parametrize("way", ["closed", "reset", "half closed"])
@pytest.mark.parametrize("when", ["in the middle", "before the first piece"])
def test_a_page_that_goes_away_ends_the_answer(pages: Pages, peer: Peer, way: str, when: str):
    """Whichever way the browser hangs up, and also while nothing has come yet, the provider's connection is closed."""
    peer.pause, peer.delay = (60.0, 0.0) if when == "in the middle" else (0.0, 60.0)
    connection = pages.connect()
    connection.sendall(pages.request("POST", COMPLETE, question(peer)))
    if when == "in the middle":
        assert b"200 OK" in connection.recv(4096)
    until(lambda: peer.seen, "the provider was never asked")
    if way == "half closed":
        connection.shutdown(socket.SHUT_WR)
    else:
        if way == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    until(lambda: peer.seen[0].disconnected is not None, "the provider goes on")
    connection.close()
    assert pages.ask("GET", "/antiphon/history").json["total"] == 0


def test_stopping_the_server_ends_the_answers(pages: Pages, peer: Peer):
    """What is under way when the server stops is ended on the wire, and the page's connection too."""
    import asyncio

    peer.pause = 60.0
    with pages.connect() as connection:
        connection.sendall(pages.request("POST", COMPLETE, question(peer)))
        assert b"200 OK" in connection.recv(4096)
        asyncio.run_coroutine_threadsafe(pages.server.stop(), pages.loop).result(PATIENCE)
        while connection.recv(4096):
            pass

    until(lambda: peer.seen[0].disconnected is not None, "the provider goes on")


def test_only_so_many_at_a_time(pages: Pages, peer: Peer):
    """More pages than places: no more than that are asked at once, and all get their answers."""
    peer.pause = 0.02
    replies: list[Any] = []

    def ask(n: int) -> None:
        replies.append(pages.ask("POST", COMPLETE, question(peer, seed=n)).lines[-1]["completion"]["seed"])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(site.AT_ONCE * 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert sorted(map(int, replies)) == list(range(site.AT_ONCE * 2))
    assert 1 < peer.at_once <= site.AT_ONCE


def test_too_many_are_told_to_wait(pages: Pages, peer: Peer, monkeypatch: pytest.MonkeyPatch):
    """Beyond those that may wait, a question is refused at once with 429; whoever hung up has freed its place."""
    monkeypatch.setattr(site, "WAITING", 1)
    peer.delay = 60.0
    connections = [pages.connect() for _ in range(site.AT_ONCE + 1)]
    try:
        for n, connection in enumerate(connections):
            connection.sendall(pages.request("POST", COMPLETE, question(peer, seed=n)))
        until(
            lambda: len(peer.seen) == site.AT_ONCE and pages.server.site.room.waiting == 1,
            "not all are there",
        )
        assert pages.ask("POST", COMPLETE, question(peer)).status == 429
    finally:
        for connection in connections:
            connection.close()
    peer.delay = 0.0
    until(lambda: pages.server.site.room.waiting == 0, "they still wait")
    assert pages.ask("POST", COMPLETE, question(peer, seed=99)).status == 200


def test_an_error_before_the_first_piece_is_a_status(pages: Pages, peer: Peer):
    """With its message, hint and field: of a wrong setting, and of what the provider refuses."""
    wrong = pages.ask("POST", COMPLETE, question(peer, settings={"temperature": 9}))
    peer.status, peer.error = 404, {"error": {"message": "no such model", "code": "model_not_found"}}
    missing = pages.ask("POST", COMPLETE, question(peer))

    assert (wrong.status, wrong.error["field"], wrong.error["kind"]) == (400, "temperature", "RequestError")
    assert (missing.status, missing.error["kind"], missing.error["status"]) == (502, "NotFound", 404)
    assert missing.error["hint"]


def test_an_error_after_it_is_the_last_line(pages: Pages):
    """A stream that breaks off says so where the completion would stand."""
    asked = {
        "prompt": "one two three four",
        "provider": "echo",
        "settings": {"extra": {"echo": {"cut_off_after": 2}}},
    }

    reply = pages.ask("POST", COMPLETE, asked)

    assert reply.status == 200
    assert "delta" in reply.lines[0]
    assert reply.lines[-1]["error"]["kind"] == "TransportError"


def test_messages_and_pictures_are_taken(pages: Pages, peer: Peer):
    """A conversation with a picture as a data URL reaches the provider; a system prompt goes first."""
    pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    turns = [
        {"role": "user", "content": ["What is it?", {"url": pixel}]},
        {"role": "assistant", "content": "A dot."},
        {"role": "user", "content": "Sure?"},
    ]
    reply = pages.ask(
        "POST", COMPLETE, {**question(peer), "prompt": None, "messages": turns, "system": "Be short."}
    )

    assert reply.status == 200, reply.body
    roles = [message["role"] for message in peer.seen[0].body["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert pixel in json.dumps(peer.seen[0].body)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"settings": {"attachments": ["/etc/passwd"]}}, "attachments"),
        ({"settings": {"api_key": "x"}}, "api_key"),
        ({"settings": {"fetch_media": True}}, "fetch_media"),
        ({"settings": {"config": {}}}, "config"),
        ({"settings": {"carried": {}}}, "carried"),
        ({"settings": []}, "settings"),
        ({"settings": {"dialect": ["x"]}}, "dialect"),
        ({"messages": [{"role": "user", "content": [{"url": "/etc/passwd"}]}]}, "url"),
        ({"messages": [{"role": "user", "content": [{"url": "file:///etc/passwd"}]}]}, "url"),
        ({"messages": [{"role": "user", "content": [{"path": "/etc/passwd"}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": None}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role"),
        ({"messages": ["x"]}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "x"}, "messages"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"seed": "seven"}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"replay": "always"}, "replay"),
        ({"provider": {"a": 1}}, "provider"),
        ({"provider": "nobody"}, "provider"),
        ({"base_url": "file:///etc/passwd"}, "base_url"),
        ({"again": 7}, "again"),
    ],
)
def test_what_no_page_may_ask_is_named(pages: Pages, peer: Peer, change: dict[str, Any], field: str):
    """Files of the server, keys, and values of other types are refused with the name of the field; nothing is sent."""
    reply = pages.ask("POST", COMPLETE, {**question(peer), **change})

    assert (reply.status, reply.error["field"]) == (400, field)
    assert peer.seen == []


def test_again_with_another_seed(pages: Pages, peer: Peer):
    """A recording is asked again as it was, with the seed that is given; one that is not there is missing."""
    first = pages.ask("POST", COMPLETE, question(peer, seed=1, settings={"temperature": 0.5}))
    key = first.lines[-1]["completion"]["key"]

    second = pages.ask("POST", COMPLETE, {"again": key, "seed": 2})

    assert second.status == 200, second.body
    assert second.lines[-1]["completion"]["seed"] == "2"
    sent = [{k: v for k, v in seen.body.items() if k != "seed"} for seen in peer.seen]
    assert sent[0] == sent[1]
    assert pages.ask("POST", COMPLETE, {"again": "k1:" + "0" * 64, "seed": 2}).status == 404
