"""A loopback provider for tests: speaks OpenAI chat over real sockets, counts what it is asked, and misbehaves to order."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Seen:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: Any
    disconnected: float | None = None  # seconds after arrival at which the client closed


@dataclass
class Peer:
    """What the server does next, and what it has seen."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    text: Callable[[Any], str] = lambda body: answer(body)
    status: int = 200
    error: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds before the answer
    pause: float = 0.0  # seconds between two pieces of a stream
    usage: dict[str, Any] | None = None  # instead of one that counts words
    cut: int = 0  # how many of the next streams break off before their first word
    fails: Callable[[Any], bool] = lambda body: True  # which requests get `status`, if it is not 200
    raw: tuple[str, bytes] | None = None  # content type and body, with `status`, in place of any document
    listed_to: str = ""  # the one key that is told the models; anybody where there is none
    images: list[str] = field(default_factory=list)  # data URLs of pictures in the answer
    at_once: int = 0  # the most requests that were there at the same time
    there: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def answer(body: Any) -> str:
    """What is answered unless a test says otherwise: JSON where it is asked for, else the question again."""
    if body.get("response_format"):
        return '{"n": 7}'
    return f"answer to {body['messages'][-1]['content']}"


def pictures(images: Sequence[str]) -> dict[str, Any]:
    """The part of a message or delta that holds pictures, as OpenRouter sends them."""
    return {"images": [{"type": "image_url", "image_url": {"url": url}} for url in images]} if images else {}


def completion(text: str, model: str, images: Sequence[str] = ()) -> dict[str, Any]:
    """An OpenAI chat completion document."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "system_fingerprint": "fp_peer",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **pictures(images)},
                "finish_reason": "stop",
            },
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": len(text.split()),
            "total_tokens": 3 + len(text.split()),
        },
    }


def chunks(text: str, model: str, images: list[str]) -> Iterator[dict[str, Any]]:
    """The same as stream chunks."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    for word in text.split(" "):
        delta = {"role": "assistant", "content": word + " "}
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": pictures(images), "finish_reason": "stop"}]}
    yield {**head, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    peer: Peer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.peer.listed_to and self.headers["Authorization"] != f"Bearer {self.peer.listed_to}":
            self._json(401, {"error": {"message": "no such key", "type": "t", "code": None}})
            return
        self._json(200, {"object": "list", "data": [{"id": "peer-1", "object": "model", "created": 1}]})

    def do_POST(self) -> None:
        peer = self.peer
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen = Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        with peer.lock:
            peer.seen.append(seen)
            peer.there += 1
            peer.at_once = max(peer.at_once, peer.there)
        try:
            if self._wait(peer.delay, seen):
                self._answer(body, seen)
        finally:
            with peer.lock:
                peer.there -= 1

    def _answer(self, body: Any, seen: Seen) -> None:
        peer = self.peer
        if peer.raw is not None:
            self._send(peer.status, *peer.raw)
        elif peer.status != 200 and peer.fails(body):
            self._json(peer.status, peer.error or {"error": {"message": "no", "type": "t", "code": None}})
        elif body.get("stream"):
            self._stream(body, seen)
        else:
            document = completion(peer.text(body), body["model"], peer.images)
            self._json(200, {**document, **({} if peer.usage is None else {"usage": peer.usage})})

    def _wait(self, seconds: float, seen: Seen) -> bool:
        """Wait, unless the client closes its side first."""
        start = time.monotonic()
        while (left := start + seconds - time.monotonic()) > 0:
            self.connection.settimeout(min(left, 0.01))
            try:
                gone = self.connection.recv(1, socket.MSG_PEEK) == b""
            except TimeoutError:
                continue
            except ConnectionResetError:
                gone = True
            if gone:
                seen.disconnected = time.monotonic() - start
                self.close_connection = True
                return False
            time.sleep(0.01)
        self.connection.settimeout(None)
        return True

    def _json(self, status: int, document: Any) -> None:
        self._send(status, "application/json", json.dumps(document).encode())

    def _send(self, status: int, content_type: str, payload: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(payload)))
        for name, value in self.peer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def _stream(self, body: Any, seen: Seen) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if self.peer.cut:
            self.peer.cut -= 1
            head = {
                "choices": [
                    {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
                ]
            }
            self.wfile.write(f"data: {json.dumps(head)}\n\n".encode())
            return
        pieces = [
            f"data: {json.dumps(chunk)}\n\n"
            for chunk in chunks(self.peer.text(body), body["model"], self.peer.images)
        ]
        try:
            for piece in [*pieces, "data: [DONE]\n\n"]:
                self.wfile.write(piece.encode())
                if not self._wait(self.peer.pause, seen):
                    return
        except (BrokenPipeError, ConnectionResetError):
            seen.disconnected = 0.0


class QuietServer(ThreadingHTTPServer):
    """Its threads end with the process, and it says nothing of clients that hang up."""

    daemon_threads = True
    request_queue_size = 128  # five by default: with eight at once some wait a second to be tried again

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about, and nothing to print."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve() -> Iterator[Peer]:
    """A running Peer on a free loopback port; its base URL ends in /v1."""
    peer = Peer()
    handler = type("Answers", (_Answers,), {"peer": peer})
    server = QuietServer(("127.0.0.1", 0), handler)
    peer.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
