"""Captured pairs: what our client sent over a real socket, what was answered, and what that must become.

One JSON file for each of the six original providers. In each case:

    ask      what the library is asked: the prompt and the settings
    request  what arrived at the server, written by capture.py and never by hand; null where nothing may be sent
    reply    what is answered, built from the providers' documentation and the types of their packages
    outcome  the facts that must come out: of a completion, or of an error

`none` gives, for a case that a provider does not have, the reason.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from aiohttp import web

from antiphon import Client, providers
from antiphon.completion import Completion
from antiphon.errors import AntiphonError
from antiphon.providers import _aws

from .. import bedrock_server
from ..aws_frames import chunk, event, exception
from ..bedrock_server import FRAMES, KEY_ID, SECRET, Answer, Bedrock, Seen

FOLDER = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
KEY = "captured-key"

# Said by every HTTP client about itself or the moment, and no part of what is asked.
PASSING = {"host", "user-agent", "accept-encoding", "content-length", "x-amz-date", "x-amz-content-sha256"}


@dataclass(frozen=True)
class Case:
    """One captured pair."""

    name: str
    provider: str
    path: str  # of the base URL
    ask: dict[str, Any]
    request: dict[str, Any] | None
    reply: dict[str, Any] | None
    outcome: dict[str, Any]

    @property
    def stream(self) -> bool:
        return bool(self.ask.get("stream"))

    @property
    def dialect(self) -> str:
        """The name of the protocol spoken."""
        return providers.get(self.provider).way(self.ask.get("dialect")).dialect.name


def load(name: str) -> dict[str, Any]:
    """The whole file of this provider."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def cases(name: str) -> Iterator[Case]:
    """The pairs of this provider."""
    document = load(name)
    for title, case in document["cases"].items():
        yield Case(title, document["provider"], document["path"], **case)


# ------------------------------------------------------------------------------------------ answering


def served(reply: Mapping[str, Any]) -> Answer:
    """The reply as it goes over the wire, in pieces that heed no event."""
    status, cut = reply.get("status", 200), reply.get("cut", False)
    kind, body = "application/json", json.dumps(reply.get("json"), ensure_ascii=False).encode()
    if "events" in reply:
        kind, body = "text/event-stream; charset=utf-8", "".join(reply["events"]).encode()
    if "frames" in reply:
        kind, body = FRAMES, b"".join(frame(*given) for given in reply["frames"])
    headers = {"Content-Type": kind, **reply.get("headers", {})}
    return Answer(body, status, headers, cut, 13 if kind != "application/json" else 1 << 20)


def frame(name: str, document: Any) -> bytes:
    """One frame: of Converse under its name, of InvokeModel as chunk, or an exception."""
    if name.endswith("Exception"):
        return exception(name, document)
    return chunk(document) if name == "chunk" else event(name, document)


def anybody(request: web.Request, body: bytes) -> str:
    """The judge of a server that is not AWS's: whoever carries the key."""
    given = " ".join(request.headers.values())
    return "bearer" if KEY in given else "wrong key"


@contextmanager
def server(provider: str) -> Iterator[Bedrock]:
    """A loopback server in this provider's place. AWS's checks signatures, all others the key."""
    aws = providers.get(provider).sign is not None
    with bedrock_server.serve(bedrock_server.judge if aws else anybody) as running:
        yield running


@contextmanager
def signed_in(home: Path) -> Iterator[None]:
    """AWS keys and a region in the environment, and nothing else of AWS or of any provider."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "ANTIPHON_", "GOOGLE_")) and not name.endswith("_API_KEY")
    }
    aws = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}
    files = {
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with (
        mock.patch.dict(os.environ, {**kept, **aws, **files}, clear=True),
        mock.patch.object(_aws, "_found", None),
    ):
        yield


# --------------------------------------------------------------------------------------------- asking


def asked(case: Case, running: Bedrock, client: Client) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """What arrived at the server (None if nothing did), and the facts of what came out."""
    running.seen.clear()
    if case.reply is not None:
        running.says(served(case.reply))
    settings = {"provider": case.provider, "base_url": running.url + case.path, "retries": 0, **case.ask}
    if providers.get(case.provider).sign is None:
        settings["api_key"] = KEY
    prompt, stream = settings.pop("prompt"), settings.pop("stream", False)
    heard: list[str] = []
    try:
        if stream:
            with client.stream(prompt, **settings) as deltas:
                heard.extend(delta.text for delta in deltas)
            outcome = facts(deltas.completion)
            assert "".join(heard) == deltas.completion.text
        else:
            outcome = facts(client.complete(prompt, **settings))
    except AntiphonError as error:
        outcome = failure(error)
        if heard:
            outcome["heard"] = "".join(heard)
    [arrived] = running.seen or [None]
    return (None if arrived is None else captured(arrived)), outcome


def captured(arrived: Seen) -> dict[str, Any]:
    """A request as it is kept: method, path, the headers that ask for something, the body."""
    headers = {name.lower(): value for name, value in arrived.headers.items()}
    told = {name: value for name, value in sorted(headers.items()) if name not in PASSING}
    if arrived.verdict == "signed":
        told["authorization"] = "AWS4-HMAC-SHA256, and good in botocore's eyes"
    return {"method": arrived.method, "path": arrived.path, "headers": told, "body": json.loads(arrived.body)}


def facts(completion: Completion) -> dict[str, Any]:
    """What a completion says, as JSON, without what is the same for all or different each time."""
    found: dict[str, Any] = {
        "text": completion.text,
        "reasoning": completion.reasoning,
        "media": [{"media_type": it.media_type, "base64": picture(it.data)} for it in completion.media],
        "finish_reason": completion.finish_reason,
        "usage": {
            name: value
            for name, value in asdict(completion.usage).items()
            if value is not None and name not in ("details", "tier")
        },
        "model": completion.model,
        "fingerprint": completion.fingerprint,
        "request_id": completion.request_id,
        "seed_status": completion.seed_status,
    }
    kept = ("text", "finish_reason", "seed_status")
    return {name: value for name, value in found.items() if value or name in kept}


def picture(data: bytes | None) -> str:
    return base64.b64encode(data or b"").decode()


DETAILS = ("status", "code", "retry_after", "request_id", "reason", "phase", "field", "provider")


def failure(error: AntiphonError) -> dict[str, Any]:
    """What an error says, as JSON."""
    found = {name: getattr(error, name, None) for name in DETAILS}
    message = re.sub(r"127\.0\.0\.1:\d+", "HOST", error.message)
    return {
        "error": type(error).__name__,
        "message": message,
        **{name: value for name, value in found.items() if value},
    }
