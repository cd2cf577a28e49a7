"""Gemini's batches: the requests in one call, and the answers in the job itself.

POST {base}/models/MODEL:batchGenerateContent, GET {base}/batches/ID, POST …/ID:cancel, GET {base}/batches. Source:
google-genai 3.4 (batches.py) and ai.google.dev/api/batch-mode, read in November 2026. The states are spelt
JOB_STATE_… in the package and BATCH_STATE_… in the documentation; what follows is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO
from urllib.parse import urlencode

from ..call import Call, Reply
from ..errors import AntiphonError
from ..request import Request
from . import Body, gemini_content
from ._common import as_list, as_object, as_word, count, dumps, json_document, loads
from ._jobs import (
    JSON,
    NO_OPTIONS,
    Outcome,
    Phase,
    Status,
    cancelled,
    expired,
    known_id,
    no_places,
    none_placed,
    part,
    refused,
    reply_of,
    seconds,
)

# 20 MB of requests that go along with the call (Google's "Batch API" guide, 2026). The answers come as one document,
# which has to be held: that is what bounds their number.
most, size = 5_000, 19_000_000
keeps_name, one_model, once_by_name = True, True, False
by_region, options = False, NO_OPTIONS
places, placed = no_places, none_placed

_PHASES: Mapping[str, Phase] = {
    "SUCCEEDED": "ended",
    "PARTIALLY_SUCCEEDED": "ended",
    "CANCELLED": "ended",
    "EXPIRED": "ended",
    "FAILED": "failed",
}
# google.rpc.Code: its number, its name, and the HTTP status that stands for it (google/rpc/code.proto).
_CODES: Mapping[int, tuple[str, int]] = {
    1: ("CANCELLED", 499),
    2: ("UNKNOWN", 500),
    3: ("INVALID_ARGUMENT", 400),
    4: ("DEADLINE_EXCEEDED", 504),
    5: ("NOT_FOUND", 404),
    6: ("ALREADY_EXISTS", 409),
    7: ("PERMISSION_DENIED", 403),
    8: ("RESOURCE_EXHAUSTED", 429),
    9: ("FAILED_PRECONDITION", 400),
    10: ("ABORTED", 409),
    11: ("OUT_OF_RANGE", 400),
    12: ("UNIMPLEMENTED", 501),
    13: ("INTERNAL", 500),
    14: ("UNAVAILABLE", 503),
    15: ("DATA_LOSS", 500),
    16: ("UNAUTHENTICATED", 401),
}


def line(id: str, body: Body, path: str) -> bytes:  # noqa: A002, ARG001
    return dumps({"request": body, "metadata": {"key": id}})


def upload(name: str, lines: Sequence[bytes], given: Mapping[str, str]) -> None:  # noqa: ARG001
    return None


def uploaded(reply: Reply) -> str:  # noqa: ARG001
    return ""


def create(
    name: str, lines: Sequence[bytes], file: str, request: Request, path: str, given: Mapping[str, str]  # noqa: ARG001
) -> Call:  # fmt: skip
    head = dumps({"displayName": name})[:-1]
    body = b"".join(
        (b'{"batch":', head, b',"inputConfig":{"requests":{"requests":[', b",".join(lines), b"]}}}}")
    )
    return Call(f"{gemini_content.resource(request.model)}:batchGenerateContent", body, JSON)


def status(reply: Reply) -> Status:
    return _status(json_document(reply), reply)


def _status(job: Body, reply: Reply) -> Status:
    about = as_object(job.get("metadata"))
    counts = as_object(about.get("batchStats"))
    word = as_word(about.get("state"))
    short = word.partition("STATE_")[2]
    name = known_id(reply, job.get("name")).removeprefix("batches/")
    return Status(
        id=name,
        word=word,
        phase=_PHASES.get(short, "running"),
        name=as_word(about.get("displayName")),
        total=_number(counts.get("requestCount")),
        done=_number(counts.get("successfulRequestCount")),
        failed=_number(counts.get("failedRequestCount")),
        created=seconds(about.get("createTime")),
        results=(name,) if _PHASES.get(short) == "ended" else (),
        rest=_rest(short, job),
    )


def _rest(word: str, job: Body) -> AntiphonError | None:
    if word == "FAILED":
        error = as_object(job.get("error"))
        code, _ = _CODES.get(count(error.get("code")) or 0, ("", 0))
        later = {"RESOURCE_EXHAUSTED": "rate_limit_exceeded"}.get(code, code)
        return refused(as_word(error.get("message")), later)
    return {"EXPIRED": expired, "CANCELLED": cancelled}.get(word, lambda: None)()


def _number(value: object) -> int | None:
    """A count, which is a text in their JSON (protobuf's int64)."""
    word = as_word(value)
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 19 else count(value)


def look(id: str) -> Call:  # noqa: A002
    return Call(f"batches/{part(id)}", method="GET")


def cancel(id: str) -> Call:  # noqa: A002
    return Call(f"batches/{part(id)}:cancel", b"{}", JSON)


def listing(more: Mapping[str, str]) -> Call:
    return Call(f"batches?{urlencode({'pageSize': '100', **more})}", method="GET")


def listed(reply: Reply) -> tuple[list[Status], Mapping[str, str]]:
    page = json_document(reply)
    jobs = [_status(as_object(job), reply) for job in as_list(page.get("operations"))]
    token = as_word(page.get("nextPageToken"))
    return jobs, {"pageToken": token} if token else {}


def fetch(status: Status) -> Sequence[Call]:
    return [look(name) for name in status.results]


def outcomes(file: BinaryIO) -> Iterator[Outcome | None]:
    """The answers in the job: in its metadata, or in its response, where ended operations have it."""
    try:
        job = as_object(loads(file.read().decode("utf-8", "replace")))
    except ValueError:
        yield None
        return
    output = as_object(as_object(job.get("metadata")).get("output")) or as_object(job.get("response"))
    rows = as_list(as_object(output.get("inlinedResponses")).get("inlinedResponses"))
    for row in rows:
        yield _outcome(as_object(row))


def _outcome(row: Body) -> Outcome | None:
    id = as_word(as_object(row.get("metadata")).get("key"))  # noqa: A001
    response, error = row.get("response"), as_object(row.get("error"))
    if not id:
        return None
    if not error:
        return Outcome(id, reply_of(as_object(response)))
    number = count(error.get("code")) or 2
    name, code = _CODES.get(number, ("", number if 400 <= number < 600 else 500))
    if name == "CANCELLED":
        return Outcome(id, error=cancelled())
    report = {**error, "code": code, **({"status": name} if name else {})}
    return Outcome(id, reply_of({"error": report}, code), failed=True)
