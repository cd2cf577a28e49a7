"""What dialect tests do with bytes: make replies of fixtures, fold streams, and talk to a real server."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any

from antiphon import events
from antiphon.call import Reply
from antiphon.completion import Completion, Delta
from antiphon.dialects import Dialect
from antiphon.dialects._common import dumps


def whole(document: object, status: int = 200, **headers: str) -> Reply:
    """A reply of one JSON document; underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(document).encode(), {"content-type": "application/json", **named})


def streamed(raw: bytes) -> Reply:
    """A reply of server-sent events."""
    return Reply(200, raw, {"content-type": "text/event-stream; charset=utf-8"})


def plain(value: object) -> Any:
    """`value` as it is after a trip over the wire: no tuples, no frozen mappings."""
    return json.loads(dumps(value))


def listed(value: object) -> Any:
    """What pydantic made of typed JSON, its lazy iterators read out: only fields that the types know are left."""
    if isinstance(value, dict):
        return {name: listed(item) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [listed(item) for item in value]
    return value


def canonical(value: Any) -> Any:
    """JSON as protobuf reads it: names in either case, either alphabet of base64."""
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): value[name] for name in value}
    return {
        name: base64.urlsafe_b64decode(inner.replace("+", "-").replace("/", "_"))
        if name == "data"
        else inner
        if name == "responseJsonSchema"
        else canonical(inner)
        for name, inner in named.items()
    }


def folded(dialect: Dialect, reply: Reply) -> tuple[Completion, Delta, list[Delta]]:
    """The completion in a streamed reply, all its deltas as one, and the deltas themselves."""
    fold = dialect.fold()
    deltas = [delta for event in events.parse(reply.body, "sse") for delta in fold.feed(event)]
    assert all(deltas)  # no empty ones
    text = "".join(delta.text for delta in deltas)
    return (
        fold.completion(reply),
        Delta(text, "".join(delta.reasoning for delta in deltas)),
        deltas,
    )


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetched(url: str, body: object = None, **headers: str) -> Reply:
    """What a server on the loopback answers: POST of a JSON body, or GET where there is none."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else dumps(body)
    request = urllib.request.Request(url, data, {"content-type": "application/json", **named})
    try:
        with _direct.open(request, timeout=60) as answer:
            return _reply(answer)
    except urllib.error.HTTPError as error:
        with error:
            return _reply(error)


def _reply(answer: Any) -> Reply:
    return Reply(
        answer.status, answer.read(), {name.lower(): value for name, value in answer.headers.items()}
    )
