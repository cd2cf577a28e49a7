"""A provider stub that costs as little as Python can: raw asyncio, canned OpenAI chat replies, one process of its own.

    python benchmarks/stub.py [--delay SECONDS] [--chunks N]

Prints its port. `POST` with `"stream":true` in the body gets N chunks in one burst, anything else one JSON
document of 1.1 KB, after the delay.
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


def _plain() -> bytes:
    body = json.dumps(REPLY).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        + str(len(body)).encode()
        + b"\r\n\r\n"
        + body
    )


def _burst(chunks: int) -> bytes:
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
    filler = {"system_fingerprint": "fp_bench", "service_tier": "default", "obfuscation": "x" * 60}
    events = [
        {**head, **filler, "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
        for _ in range(chunks)
    ]
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: "
        + str(len(body)).encode()
        + b"\r\n\r\n"
        + body
    )


class Stub(asyncio.Protocol):
    """Answers every whole request on a keep-alive connection."""

    def __init__(self, delay: float, plain: bytes, burst: bytes) -> None:
        self.delay, self.plain, self.burst = delay, plain, burst
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
            stream = b'"stream":true' in body or b'"stream": true' in body
            reply = self.burst if stream else self.plain
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self.transport.write, reply)
            else:
                self.transport.write(reply)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--chunks", type=int, default=1000)
    options = parser.parse_args()
    plain, burst = _plain(), _burst(options.chunks)
    server = await asyncio.get_running_loop().create_server(
        lambda: Stub(options.delay, plain, burst), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
