"""A loopback server that speaks OpenAI's chat completions, piece by piece, as slowly as a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 30.0  # seconds that an answer waits to be let go on


@dataclass
class Teller:
    """Its address, and what it says to which prompt.

    `answers` are lists of pieces by the last message; whatever else is asked is answered with the prompt and the seed.
    `reasoning` goes before. `held` are prompts whose answer stops after its first piece until `go` is set. `pause` are
    seconds between pieces. `seen` are the bodies that came, `left` the prompts whose asker went away.
    """

    url: str = ""
    answers: dict[str, Sequence[str]] = field(default_factory=dict)
    reasoning: dict[str, str] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    go: threading.Event = field(default_factory=threading.Event)
    pause: float = 0.0
    seen: list[dict[str, Any]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def pieces(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The deltas of one answer."""
        prompt = asked(body)
        if prompt in self.reasoning:
            yield {"reasoning_content": self.reasoning[prompt]}
        for at, piece in enumerate(self.answers.get(prompt, [prompt, f" (seed {body.get('seed')})"])):
            if at == 1 and prompt in self.held:
                self.go.wait(PATIENCE)
            elif at and self.pause:
                threading.Event().wait(self.pause)
            yield {"content": piece}


def asked(body: dict[str, Any]) -> str:
    """The last message's text."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def event(body: dict[str, Any], choices: list[dict[str, Any]], **more: Any) -> bytes:
    """One event of the stream."""
    document = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    return b"data: " + json.dumps({**document, "choices": choices, **more}).encode() + b"\n\n"


def handler(teller: Teller) -> type[BaseHTTPRequestHandler]:
    """What answers the requests."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self.begin("application/json")
            models = [{"id": name, "object": "model"} for name in ("teller-large", "teller-small", "other")]
            self.wfile.write(json.dumps({"object": "list", "data": models}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            teller.seen.append(body)
            if not body.get("stream"):
                text = "".join(delta.get("content", "") for delta in teller.pieces(body))
                message = {"role": "assistant", "content": text}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                usage = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}
                whole = {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"]}
                self.begin("application/json")
                self.wfile.write(json.dumps({**whole, "choices": [choice], "usage": usage}).encode())
                return
            try:
                self.begin("text/event-stream")
                count = 0
                for delta in teller.pieces(body):
                    count += 1
                    self.wfile.write(event(body, [{"index": 0, "delta": delta, "finish_reason": None}]))
                    self.wfile.flush()
                self.wfile.write(event(body, [{"index": 0, "delta": {}, "finish_reason": "stop"}]))
                usage = {"prompt_tokens": 7, "completion_tokens": count, "total_tokens": 7 + count}
                self.wfile.write(event(body, [], usage=usage) + b"data: [DONE]\n\n")
            except ConnectionError:
                teller.left.append(asked(body))

        def begin(self, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()

    return Handler


@contextmanager
def telling() -> Iterator[Teller]:
    """A running one."""
    teller = Teller()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(teller))
    server.daemon_threads = True
    teller.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield teller
    finally:
        teller.go.set()
        server.shutdown()
        server.server_close()
        thread.join()
