"""A key that is easy to find again, a server that repeats it in every way, and the search for it."""

from __future__ import annotations

import base64
import json
import pickle
import socketserver
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

__all__ = ["ANSWERS", "KEYS", "Echo", "all_of", "echoing", "forms", "kept_in", "leaks"]

# One as most are, and one with what JSON and URLs write otherwise and with capitals, which host names lose.
KEYS = ("sk-planted-0123456789abcdef", "skPlanted/Key+0123456789=AbCdEf/x")


def forms(key: str) -> list[bytes]:
    """What would show the key: itself, its beginning, and itself as encoders, loggers and host names write it."""
    raw = key.encode()
    found = [raw, raw[:12], raw[-12:], raw.lower(), raw[::-1], quote(key, safe="").encode()]
    found += [json.dumps(key).strip('"').replace("/", "\\/").encode(), raw.hex().encode()]
    for shift in range(3):  # base64 of it, wherever it stands in a longer text
        found.append(base64.b64encode(b" " * shift + raw)[4 * (shift > 0) : -4])
    return [*dict.fromkeys(found)]


def leaks(key: str, *texts: object) -> list[str]:
    """The forms of the key that are in these texts, each with what stands around it."""
    found: list[str] = []
    for text in texts:
        data = text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogatepass")
        for form in forms(key):
            at = data.find(form)
            if at >= 0:
                found.append(repr(data[max(0, at - 60) : at + len(form) + 20]))
                break
    return found


def kept_in(*folders: Path) -> dict[str, bytes]:
    """All files in these folders by name, but for the key file, whose place it is."""
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.name != "credentials.json"
    }


def all_of(error: BaseException) -> str:
    """All that a log, a traceback or another process would get of an error and of those behind it."""
    texts = ["".join(traceback.format_exception(error)), repr(error), str(vars(error)), repr(error.args)]
    texts.append(repr(pickle.loads(pickle.dumps(error))))
    for inner in (error.__cause__, error.__context__):
        if inner is not None and inner is not error:
            texts += ["".join(traceback.format_exception(inner)), repr(inner), str(vars(inner))]
    return "\n".join(texts)


# -------------------------------------------------------------------------------------------- the server


@dataclass
class Echo:
    """A server on loopback that answers each request with `answer`."""

    url: str = ""
    answer: bytes = b""
    asked: list[bytes] = field(default_factory=list)


@contextmanager
def echoing() -> Iterator[Echo]:
    echo = Echo()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b""
            while line := self.rfile.readline():
                head += line
                if line in (b"\r\n", b"\n"):
                    break
            length = [
                int(row.split(b":")[1])
                for row in head.lower().splitlines()
                if row.startswith(b"content-length:")
            ]
            echo.asked.append(head + self.rfile.read(length[0] if length else 0))
            self.wfile.write(echo.answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        echo.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield echo
        finally:
            server.shutdown()
            thread.join(timeout=10)


def http(status: str, body: bytes, *lines: str, kind: str = "application/json") -> bytes:
    head = [
        f"HTTP/1.1 {status}",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
        "connection: close",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def everywhere(key: str) -> dict[str, Any]:
    """An error document with the key in every place that any dialect reads."""
    details = [{"@type": key, "reason": key, "message": key, "metadata": {"a": key}}]
    inner = {
        "message": key,
        "type": key,
        "code": key,
        "param": key,
        "status": key,
        "details": details,
        "metadata": {"raw": key},
    }
    return {
        "error": inner, "message": key, "type": key, "code": key, "request_id": key, "id": key, "__type": key, "Message": key,
        "detail": [{"msg": key, "loc": [key]}], "object": "error",
    }  # fmt: skip


def answer(key: str) -> dict[str, Any]:
    """A success of most dialects at once, with the key wherever text may stand."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "input_tokens": 1, "output_tokens": 1}
    message = {
        "role": "assistant",
        "content": f"your key is {key}",
        "reasoning_content": key,
        "thinking": key,
        "refusal": None,
    }
    parts = [{"text": key, "type": "text"}]
    return {
        "id": key, "object": "chat.completion", "model": key, "system_fingerprint": key, "usage": usage, "provider": key,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "type": "message", "role": "assistant", "content": parts, "stop_reason": "end_turn",
        "candidates": [{"content": {"parts": [{"text": key}], "role": "model"}, "finishReason": "STOP"}],
        "modelVersion": key, "responseId": key,
        "message": message, "done": True, "done_reason": "stop",
        "output": {"message": {"role": "assistant", "content": [{"text": key}]}}, "stopReason": "end_turn",
        "status": "completed",
    }  # fmt: skip


def dumped(document: object) -> bytes:
    return json.dumps(document).encode()


def escaped(document: object) -> bytes:
    """JSON as PHP and .NET write it."""
    return dumped(document).replace(b"/", b"\\/").replace(b"+", b"\\u002B").replace(b"=", b"\\u003d")


def streamed(*events: bytes, cut: int = 0) -> bytes:
    body = b"".join(b"data: " + event + b"\n\n" for event in events)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return head + (body[:-cut] if cut else body)


def delta(key: str) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": key}, "finish_reason": None}
    return dumped({"id": key, "object": "chat.completion.chunk", "model": key, "choices": [choice]})


ANSWERS: dict[str, Callable[[str], bytes]] = {
    "success": lambda key: http("200 OK", dumped(answer(key)), f"x-request-id: {key}", f"x-ratelimit-{key.partition('/')[0]}: {key}"),
    "success, escaped": lambda key: http("200 OK", escaped(answer(key))),
    "success, in a URL": lambda key: http("200 OK", dumped(answer(f"https://h/?k={quote(key, safe='')}"))),
    "400": lambda key: http("400 Bad", dumped(everywhere(key)), f"x-request-id: {key}", f"request-id: {key}"),
    "401, escaped": lambda key: http("401 No", escaped(everywhere(key))),
    "404": lambda key: http("404 No", dumped({"error": key, "message": key})),
    "429": lambda key: http("429 Slow", dumped(everywhere(key)), f"retry-after: {key}", f"x-ratelimit-reset-requests: {key}"),
    "500": lambda key: http("500 Oh", key.encode(), kind="text/plain"),
    "a reason": lambda key: http(f"400 {key}", b"{}"),
    "a type": lambda key: http("200 OK", b"{}", kind=f"{key}/{key}"),
    "a page": lambda key: http("200 OK", f"<html>{key}</html>".encode(), kind="text/html"),
    "no JSON": lambda key: http("200 OK", b'{"a": ' + key.encode()),
    "a list": lambda key: http("200 OK", dumped([key])),
    "a redirect to a host": lambda key: http("302 Found", b"", f"location: https://{key}.evil.example/{key}"),
    "a redirect with a user": lambda key: http("307 Found", b"", f"location: https://{key}@evil.example/?k={key}"),
    "a redirect by region": lambda key: http("301 Found", b"", f"x-amz-bucket-region: {'r' * 20}{key}"),
    "no HTTP": lambda key: b"HTTP/1.1 2x0 " + key.encode() + b"\r\n\r\n",
    "no HTTP, cut": lambda key: (b"HTTP/1.1 200 OK\r\nx-a: " + b"y" * 120 + key.encode() + b"z" * 40_000 + b"\r\n\r\n"),
    "a header that is none": lambda key: b"HTTP/1.1 200 OK\r\n" + key.encode() + b"\0: x\r\n\r\n",
    "half an answer": lambda key: b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + key.encode(),
    "a chunk that is none": lambda key: b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + key.encode() + b"\r\n",
    "nothing": lambda key: b"",
    "a stream": lambda key: streamed(delta(key), delta(" and " + key), b"[DONE]"),
    "a stream that breaks": lambda key: streamed(delta(key), delta(key), cut=9),
    "an error in a stream": lambda key: streamed(delta("a"), dumped(everywhere(key))),
    "no JSON in a stream": lambda key: streamed(b"{" + key.encode()),
}  # fmt: skip
