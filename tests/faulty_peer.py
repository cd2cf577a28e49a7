"""A provider in a process of its own that fails in every way that providers do, and writes down all it is asked.

    python tests/faulty_peer.py LOG [--delay SECONDS] [--scale SECONDS]

Prints its port. It speaks OpenAI chat. What becomes of a request depends on its prompt and on how often that came: 5 %
get 429 with Retry-After, 2 % a 5xx, 1 % are cut off (before the headers, in the body, or by a reset), 0.5 % come
slowly and 0.2 % never end. `scale` is the Retry-After, in seconds, and what slow answers take. A request for /calm or
/wild switches the faults off and on. LOG gets one JSON line for each event: "asked", "answered" (the whole answer is
out), a fault, or "left" (the client hung up before). Only what was answered would have been paid for.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from collections import Counter
from hashlib import sha256
from itertools import count
from typing import Any

# Of a thousand requests: how many meet which fault.
SHARES = {
    "429": 50,
    "500": 7,
    "503": 7,
    "529": 6,
    "cut before": 3,
    "cut within": 4,
    "reset": 3,
    "slow": 5,
    "silent": 1,
    "endless": 1,
}


def fate(prompt: str, times: int) -> str:
    """What becomes of the request with this prompt that comes for the `times`-th time: a name in SHARES, or nothing."""
    left = int.from_bytes(sha256(f"{prompt} {times}".encode()).digest()[:4], "big") % 1000
    for name, share in SHARES.items():
        left -= share
        if left < 0:
            return name
    return ""


def answer(prompt: str) -> bytes:
    """The body of the one answer that there is to a prompt."""
    text = f"answer to {prompt}: " + "word " * 40
    message = {"role": "assistant", "content": text}
    document = {
        "id": f"chatcmpl-{sha256(prompt.encode()).hexdigest()[:8]}",
        "object": "chat.completion",
        "created": 1,
        "model": "faulty",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 50, "total_tokens": 57},
    }
    return json.dumps(document).encode()


def response(status: int, body: bytes, *more: str) -> bytes:
    head = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*head, "", ""]).encode() + body


class Peer:
    """What all connections share."""

    def __init__(self, log: int, delay: float, scale: float) -> None:
        self.log, self.delay, self.scale = log, delay, scale
        self.ids = count(1)
        self.times: Counter[str] = Counter()
        self.wild = True

    def write_down(self, number: int, prompt: str, event: str) -> None:
        """One whole line, at once."""
        os.write(self.log, (json.dumps({"id": number, "prompt": prompt, "event": event}) + "\n").encode())

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and what becomes of it; whether the connection lives on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if head.startswith(("get /calm", "get /wild")):
            self.wild = head.startswith("get /wild")
            writer.write(response(200, b"{}"))
            return True
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        body: Any = json.loads(await reader.readexactly(length))
        prompt = body["messages"][-1]["content"]
        number = next(self.ids)
        self.times[prompt] += 1
        self.write_down(number, prompt, "asked")
        what = fate(prompt, self.times[prompt]) if self.wild else ""
        if not await self.stays(reader, self.delay + (self.scale if what == "slow" else 0)):
            self.write_down(number, prompt, "left")
            return False
        return await self.respond(reader, writer, number, prompt, what)

    async def stays(self, reader: asyncio.StreamReader, seconds: float) -> bool:
        """Wait; whether the client is still there then. Clients do not send a second request before the answer."""
        try:
            await asyncio.wait_for(reader.read(1), seconds)
        except asyncio.TimeoutError:
            return True
        except ConnectionError:
            pass
        return False

    async def respond(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, prompt: str, what: str
    ) -> bool:
        if what and what != "slow":
            self.write_down(number, prompt, what)
        whole = response(200, answer(prompt))
        if what in ("", "slow"):
            writer.write(whole)
            await writer.drain()
            self.write_down(number, prompt, "answered")
            return True
        if what.isdigit():
            retry = [f"Retry-After: {self.scale:g}"] if what == "429" else []
            code = "rate_limit_exceeded" if what == "429" else "server_error"
            error = {"error": {"message": "not now", "type": code, "code": code}}
            writer.write(response(int(what), json.dumps(error).encode(), *retry))
            return True
        if what in ("cut within", "endless"):
            writer.write(whole[: len(whole) // 2])
            await writer.drain()
        if what == "reset":
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if what in ("silent", "endless"):
            await self.stays(reader, 3600)
            self.write_down(number, prompt, "left")
        return False


async def serve(log: str, delay: float, scale: float) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    peer = Peer(descriptor, delay, scale)
    server = await asyncio.start_server(peer.connected, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--scale", type=float, default=1.0)
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.log, given.delay, given.scale))


if __name__ == "__main__":
    main()
