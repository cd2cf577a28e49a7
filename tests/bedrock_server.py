"""A loopback Bedrock: checks signatures with botocore, answers to order, and misbehaves to order.

With another judge it is any provider's server: it answers what it is told, wherever it is asked.
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import botocore.auth
from aiohttp import web
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
BEARER = "bedrock-api-key-0123456789"
FRAMES = "application/vnd.amazon.eventstream"


@dataclass
class Answer:
    """What the server says next: JSON (or the frames of a stream), and what to do wrong."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # close the socket after the body, which has no end then
    pieces: int = 1 << 20  # bytes sent at a time


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str  # as it stood on the wire
    headers: dict[str, str]
    body: bytes
    verdict: str  # "bearer", "signed", or what is wrong


@dataclass
class Bedrock:
    """The server: `answers` are given in order, the last one again and again; `judge` says who may ask."""

    judge: Callable[[web.Request, bytes], str]
    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def says(self, *answers: Answer) -> None:
        self.answers = list(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        verdict = self.judge(request, body)
        self.seen.append(Seen(request.method, request.raw_path, dict(request.headers), body, verdict))
        if verdict not in ("bearer", "signed"):
            return web.json_response(
                {"message": verdict},
                status=403,
                headers={"x-amzn-ErrorType": "InvalidSignatureException:http://internal.amazon.com/"},
            )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.status != 200 or (not answer.cut and answer.pieces >= len(answer.body)):
            return web.Response(body=answer.body, status=answer.status, headers=answer.headers)
        return await self._in_pieces(request, answer)

    async def _in_pieces(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        response = web.StreamResponse(headers=answer.headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        for at in range(0, len(answer.body), answer.pieces):
            await response.write(answer.body[at : at + answer.pieces])
        if answer.cut:
            assert request.transport is not None
            request.transport.abort()
        return response


def judge(request: web.Request, body: bytes) -> str:
    """Who signed this: the bearer key, or our access key as botocore would have signed what arrived."""
    given = request.headers.get("Authorization", "")
    if given.startswith("Bearer "):
        return "bearer" if given == f"Bearer {BEARER}" else "wrong key"
    if not given.startswith(f"AWS4-HMAC-SHA256 Credential={KEY_ID}/"):
        return "no credentials"
    names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    region, service = given.partition("Credential=")[2].split("/")[2:4]
    stamp = datetime.datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    arrived = AWSRequest(
        method=request.method,
        url=f"http://{request.host}{request.raw_path}",
        data=body,
        headers={name: request.headers[name] for name in names if name != "host"},
    )
    arrived.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = botocore.auth.SigV4Auth(Credentials(KEY_ID, SECRET), service, region)
    expected = signer.signature(signer.string_to_sign(arrived, signer.canonical_request(arrived)), arrived)
    age = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - stamp
    if abs(age.total_seconds()) > 300:
        return "Signature expired"
    return "signed" if given.endswith(f"Signature={expected}") else "The signature does not match"


def document(value: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON answer; underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(json.dumps(value).encode(), status, {"Content-Type": "application/json", **named})


def problem(status: int, code: str, message: str = "m", **headers: str) -> Answer:
    """An error as AWS sends it."""
    return document({"message": message}, status, x_amzn_ErrorType=f"{code}:http://x/", **headers)


def stream(body: bytes, *, cut: bool = False, pieces: int = 13) -> Answer:
    """A streamed answer, in pieces that heed no frame."""
    request_id = hashlib.sha256(body).hexdigest()[:8]
    return Answer(body, 200, {"Content-Type": FRAMES, "x-amzn-RequestId": request_id}, cut, pieces)


@contextmanager
def serve(judge: Callable[[web.Request, bytes], str] = judge) -> Iterator[Bedrock]:
    """A running Bedrock (or, with another judge, anybody's server) on a free loopback port."""
    server = Bedrock(judge)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{any:.*}", server.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
