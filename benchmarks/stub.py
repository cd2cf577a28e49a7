"""A provider stub that costs as little as Python can: raw asyncio, canned replies, one process of its own.

    python benchmarks/stub.py [--delay SECONDS] [--chunks N]

Prints its port. `POST` with `"stream":true` in the body gets N chunks in one burst, anything else one JSON
document of 1.1 KB, after the delay. Paths that end in /messages are answered as Anthropic does, those with
generateContent as Gemini, all others as OpenAI's chat.
"""

from __future__ import annotations

import argparse
import asyncio
import json

TEXT = "The quick brown fox jumps over the lazy dog. " * 18
REPLY = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1,
    "model": "bench",
    "system_fingerprint": "fp_bench",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 180, "total_tokens": 280},
}


ANTHROPIC = {
    "id": "msg_bench",
    "type": "message",
    "role": "assistant",
    "model": "bench",
    "content": [{"type": "text", "text": TEXT}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 100, "output_tokens": 180},
}
GEMINI = {
    "candidates": [
        {"content": {"parts": [{"text": TEXT}], "role": "model"}, "finishReason": "STOP", "index": 0}
    ],
    "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 180, "totalTokenCount": 280},
    "modelVersion": "bench",
}


def _reply(body: bytes, kind: bytes = b"application/json") -> bytes:
    size = str(len(body)).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\nContent-Length: " + size + b"\r\n\r\n" + body


def _openai_events(chunks: int) -> bytes:
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
    filler = {"system_fingerprint": "fp_bench", "service_tier": "default", "obfuscation": "x" * 60}
    events = [
        {**head, **filler, "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
        for _ in range(chunks)
    ]
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"


def _anthropic_events(chunks: int) -> bytes:
    start = {**ANTHROPIC, "content": [], "stop_reason": None}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word "}}
    events = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *[delta] * chunks,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": chunks}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def _gemini_events(chunks: int) -> bytes:
    one = {"candidates": [{"content": {"parts": [{"text": "word "}], "role": "model"}, "index": 0}]}
    last = {**GEMINI, "candidates": [{"finishReason": "STOP", "index": 0}]}
    events = [{**one, "modelVersion": "bench"}] * chunks + [last]
    return "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in events).encode()


class Replies:
    """The canned replies of the three, whole and streamed."""

    def __init__(self, chunks: int) -> None:
        documents = ((REPLY, _openai_events), (ANTHROPIC, _anthropic_events), (GEMINI, _gemini_events))
        self.plain = [_reply(json.dumps(document).encode()) for document, _ in documents]
        self.burst = [_reply(events(chunks), b"text/event-stream") for _, events in documents]

    def to(self, head: bytes, body: bytes) -> bytes:
        """The reply to this request."""
        target = head[: head.find(b" http/")]
        if b"generatecontent" in target:
            return (self.burst if b"streamgeneratecontent" in target else self.plain)[2]
        which = 1 if b"/messages" in target else 0
        stream = b'"stream":true' in body or b'"stream": true' in body
        return (self.burst if stream else self.plain)[which]


class Stub(asyncio.Protocol):
    """Answers every whole request on a keep-alive connection."""

    def __init__(self, delay: float, replies: Replies) -> None:
        self.delay, self.replies = delay, replies
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            reply = self.replies.to(head, body)
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self.transport.write, reply)
            else:
                self.transport.write(reply)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--chunks", type=int, default=1000)
    options = parser.parse_args()
    replies = Replies(options.chunks)
    server = await asyncio.get_running_loop().create_server(
        lambda: Stub(options.delay, replies), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
