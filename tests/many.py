"""A loopback provider that speaks every protocol, whole answers only: what it says depends on what it is asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from .peer import QuietServer, completion

REPAIR = "That is not the JSON that was asked for"
"""How the message begins that asks for an answer once more."""


@dataclass
class Many:
    """The server: `first` is what it says at first, `second` when it is told that this was wrong."""

    url: str = ""
    first: str = "no"
    second: str = "no"
    finish: str = "stop"
    delays: tuple[float, float] = (0.0, 0.0)  # seconds before the first answer, and before a second
    fails_second: bool = False
    seen: list[str] = field(default_factory=list)  # the bodies, as text
    left: threading.Event = field(
        default_factory=threading.Event
    )  # set when a client hangs up while it waits
    waiting: threading.Event = field(default_factory=threading.Event)  # set when a delay begins
    lock: threading.Lock = field(default_factory=threading.Lock)


def document(path: str, body: Any, text: str, finish: str) -> dict[str, Any]:
    """`text` as an answer in the protocol that is spoken at `path`; `finish` is stop, length or filter."""
    shapes: list[tuple[str, Callable[[Any, str, str], dict[str, Any]]]] = [
        ("/chat/completions", _chat),
        ("/responses", _responses),
        ("/messages", _messages),
        (":rawPredict", _messages),
        (":generateContent", _gemini),
        ("/converse", _converse),
        ("/invoke", _invoked),
        ("/api/chat", _ollama),
    ]
    return next(shape for mark, shape in shapes if mark in path)(body, text, finish)


def _chat(body: Any, text: str, finish: str) -> dict[str, Any]:
    answer = completion(text, body["model"])
    answer["choices"][0]["finish_reason"] = {"filter": "content_filter"}.get(finish, finish)
    return answer


def _responses(body: Any, text: str, finish: str) -> dict[str, Any]:
    said = {"type": "output_text", "text": text, "annotations": []}
    return {
        "id": "resp-1",
        "object": "response",
        "status": "completed",
        "model": body["model"],
        "output": [{"type": "message", "role": "assistant", "status": "completed", "content": [said]}],
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
    }


def _messages(body: Any, text: str, finish: str) -> dict[str, Any]:
    return {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": text}],
        "stop_reason": {"length": "max_tokens", "filter": "refusal"}.get(finish, "end_turn"),
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }


def _gemini(body: Any, text: str, finish: str) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text}]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
    }


def _converse(body: Any, text: str, finish: str) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "max_tokens" if finish == "length" else "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
    }


def _invoked(body: Any, text: str, finish: str) -> dict[str, Any]:
    if "prompt" not in body:
        return _messages(body, text, finish)
    counts = {"inputTokenCount": 3, "outputTokenCount": 2}
    return {
        "outputs": [{"text": text, "stop_reason": finish}],
        "amazon-bedrock-invocationMetrics": counts,
    }


def _ollama(body: Any, text: str, finish: str) -> dict[str, Any]:
    return {
        "model": body["model"],
        "message": {"role": "assistant", "content": text},
        "done": True,
        "done_reason": finish,
        "prompt_eval_count": 3,
        "eval_count": 2,
    }


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    many: Many

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        many = self.many
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with many.lock:
            many.seen.append(raw)
        again = REPAIR in raw
        if not self._wait(many.delays[again]):
            return
        if again and many.fails_second:
            self._answer(500, {"error": {"message": "out of order"}})
            return
        text = many.second if again else many.first
        self._answer(200, document(self.path, json.loads(raw), text, many.finish))

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _wait(self, seconds: float) -> bool:
        """Wait, unless the client closes its side first."""
        if not seconds:
            return True
        self.many.waiting.set()
        self.connection.settimeout(seconds)
        try:
            gone = self.connection.recv(1, socket.MSG_PEEK) == b""
        except TimeoutError:
            gone = False
        except ConnectionError:
            gone = True
        self.connection.settimeout(None)
        if gone:
            self.close_connection = True
            self.many.left.set()
        return not gone


@contextmanager
def serve() -> Iterator[Many]:
    """A running server on a free loopback port; its address has no path."""
    many = Many()
    server = QuietServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"many": many}))
    many.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield many
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
