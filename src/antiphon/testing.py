"""For tests, ours and yours: a provider that needs no network, no key and no model, and a home folder of its own.

``antiphon.complete("hello", provider="echo").text == "hello"``: the answer is the last user message. It goes
the whole road: encoded, answered in OpenAI's protocol, plain or streamed, decoded, recorded. What else should
happen is written in ``extra={"echo": {…}}``:

================ ====================================================================================
text             the answer, instead of the last user message
reasoning        reasoning text to come before the answer
images           data: or https: URLs of images in the answer, a list
finish_reason    instead of "stop": "length", "content_filter", "error", …
refusal          a refusal in the model's words; with text="" nothing usable is left
usage            the usage object, instead of one that counts words
delay            seconds before the first piece
pause            seconds between two pieces; a piece is a word
cut_off_after    the answer breaks off after so many pieces
status           an HTTP status to fail with, such as 429
error            the JSON body to fail with, instead of an OpenAI error object
headers          headers of the reply, such as {"retry-after": "2"}
================ ====================================================================================

An unknown name among them is answered with status 400.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from .call import Call
from .errors import TransportError

__all__ = ["echo", "temporary_home"]

Body = dict[str, Any]

# fmt: off
SCRIPT = frozenset({
    "text", "reasoning", "images", "finish_reason", "refusal", "usage",
    "delay", "pause", "cut_off_after", "status", "error", "headers",
})
# fmt: on
IDENT = "chatcmpl-echo"


@contextmanager
def temporary_home() -> Generator[Path]:
    """An empty home folder for the time of a with block: no recordings, no stored keys, nothing left behind.

    It sets $ANTIPHON_HOME, so clients made inside the block use it; close them before the block ends.
    """
    before = os.environ.get("ANTIPHON_HOME")
    with tempfile.TemporaryDirectory(prefix="antiphon-") as folder:
        os.environ["ANTIPHON_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ["ANTIPHON_HOME"]
            else:
                os.environ["ANTIPHON_HOME"] = before


async def echo(call: Call) -> tuple[int, Mapping[str, str], AsyncIterator[bytes]]:
    """Answer a chat completions call as its ``echo`` field says: status, headers, and the body in pieces."""
    if call.method == "GET":
        return 200, _headers("application/json"), _whole(MODELS)
    body = cast("Body", json.loads(call.body))
    script = cast("Body", body.get("echo") or {})
    unknown = sorted(script.keys() - SCRIPT)
    if unknown:
        script = cast(
            "Body", {"status": 400, "error": _error(f"echo knows no {unknown[0]!r}", "unknown_field")}
        )
    extra = cast("Mapping[str, str]", script.get("headers") or {})
    if "status" in script:
        status = int(script["status"])
        failure = script.get("error") or _error(f"scripted to fail with {status}", None)
        return status, {**_headers("application/json"), **extra}, _late(script, failure)
    if body.get("stream"):
        return 200, {**_headers("text/event-stream"), **extra}, _streamed(body, script)
    return 200, {**_headers("application/json"), **extra}, _late(script, _document(body, script))


MODELS: Body = {
    "object": "list",
    "data": [{"id": "echo", "object": "model", "created": 0, "owned_by": "antiphon"}],
}


def _headers(content_type: str) -> dict[str, str]:
    return {"content-type": content_type, "x-request-id": "req-echo"}


def _error(message: str, code: str | None) -> Body:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


# -------------------------------------------------------------------------------------------- answers


def _text(body: Body, script: Body) -> str:
    if "text" in script:
        return str(script["text"])
    asked = [message for message in body["messages"] if message["role"] == "user"]
    return _plain(asked[-1]["content"]) if asked else ""


def _plain(content: str | list[Body]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


def _pieces(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*$|\s*\S+|\s+", text)


def _usage(body: Body, script: Body) -> Body:
    asked = sum(len(_plain(message["content"]).split()) for message in body["messages"])
    answered = len(_text(body, script).split())
    words = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
    return script.get("usage") or words


def _images(script: Body) -> list[Body]:
    return [{"type": "image_url", "image_url": {"url": url}} for url in script.get("images") or ()]


def _head(body: Body, kind: str) -> Body:
    model = body.get("model") or "echo"
    return {"id": IDENT, "object": kind, "created": 0, "model": model, "system_fingerprint": "fp_echo"}


def _document(body: Body, script: Body) -> Body:
    message: Body = {"role": "assistant", "content": _text(body, script), "refusal": script.get("refusal")}
    if script.get("reasoning"):
        message["reasoning_content"] = script["reasoning"]
    if script.get("images"):
        message["images"] = _images(script)
    choice = {"index": 0, "message": message, "finish_reason": script.get("finish_reason", "stop")}
    return {**_head(body, "chat.completion"), "choices": [choice], "usage": _usage(body, script)}


def _deltas(body: Body, script: Body) -> Iterator[Body]:
    yield from ({"reasoning_content": piece} for piece in _pieces(script.get("reasoning") or ""))
    yield from ({"content": piece} for piece in _pieces(_text(body, script)))
    if script.get("images"):
        yield {"images": _images(script)}
    if script.get("refusal"):
        yield {"refusal": script["refusal"]}


# --------------------------------------------------------------------------------------------- bodies


async def _whole(document: Body) -> AsyncIterator[bytes]:
    yield json.dumps(document).encode()


async def _late(script: Body, document: Body) -> AsyncIterator[bytes]:
    await asyncio.sleep(script.get("delay") or 0)
    whole = json.dumps(document).encode()
    if "cut_off_after" in script:
        yield whole[: len(whole) // 2]
        raise TransportError("the connection was closed before the whole reply had come", phase="cut-off")
    yield whole


async def _streamed(body: Body, script: Body) -> AsyncIterator[bytes]:
    head = _head(body, "chat.completion.chunk")
    await asyncio.sleep(script.get("delay") or 0)
    yield _event(_chunk(head, {"role": "assistant", "content": ""}))
    for number, delta in enumerate(_deltas(body, script)):
        if number == script.get("cut_off_after"):
            return
        if number:
            await asyncio.sleep(script.get("pause") or 0)
        yield _event(_chunk(head, delta))
    if "cut_off_after" in script:
        return
    yield _event(_chunk(head, {}, script.get("finish_reason", "stop")))
    options = cast("Body", body.get("stream_options") or {})
    if options.get("include_usage"):
        yield _event({**head, "choices": [], "usage": _usage(body, script)})
    yield b"data: [DONE]\n\n"


def _chunk(head: Body, delta: Body, finish_reason: str | None = None) -> Body:
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _event(chunk: Body) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"
