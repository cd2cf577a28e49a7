"""OpenAI's Batch API: a file of requests in, a file of answers and one of errors out.

POST {base}/files (multipart), POST {base}/batches, GET {base}/batches/ID, POST {base}/batches/ID/cancel,
GET {base}/files/ID/content. Source: openai 3.54.0 (resources/batches.py, types/batch.py), read in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO
from urllib.parse import urlencode

from ..call import Call, Reply
from ..errors import AntiphonError
from ..request import Request
from . import Body
from ._common import as_list, as_object, as_word, count, dumps, json_document
from ._jobs import (
    JSON,
    NO_OPTIONS,
    Outcome,
    Phase,
    Status,
    cancelled,
    expired,
    known_id,
    lines_of,
    no_places,
    none_placed,
    part,
    refused,
    reply_of,
    seconds,
)

# Of the file: 50,000 requests and 200 MB (openai 3.54.0); the bytes are held in memory here, so half of them.
most, size = 50_000, 100_000_000
keeps_name, one_model, once_by_name = True, True, False
by_region, options = False, NO_OPTIONS
places, placed = no_places, none_placed

NAME = "antiphon"  # the metadata field that holds our name
PAGE = "100"
BOUNDARY = "antiphon-7c1f0d52e9ab4f63"

_PHASES: Mapping[str, Phase] = {
    "completed": "ended",
    "expired": "ended",
    "cancelled": "ended",
    "failed": "failed",
}


def line(id: str, body: Body, path: str) -> bytes:  # noqa: A002
    return dumps({"custom_id": id, "method": "POST", "url": f"/v1/{path}", "body": body})


def upload(name: str, lines: Sequence[bytes], given: Mapping[str, str]) -> Call:  # noqa: ARG001
    """The file as multipart/form-data; JSON escapes line ends, so no line can hold the boundary's."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    body = b"".join((head.encode(), b"\n".join(lines), f"\r\n--{BOUNDARY}--\r\n".encode()))
    return Call("files", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})


def uploaded(reply: Reply) -> str:
    return known_id(reply, json_document(reply).get("id"))


def create(
    name: str, lines: Sequence[bytes], file: str, request: Request, path: str, given: Mapping[str, str]  # noqa: ARG001
) -> Call:  # fmt: skip
    body = {
        "input_file_id": file,
        "endpoint": f"/v1/{path}",
        "completion_window": "24h",
        "metadata": {NAME: name},
    }
    return Call("batches", dumps(body), JSON)


def status(reply: Reply) -> Status:
    return _status(json_document(reply), reply)


def _status(job: Body, reply: Reply) -> Status:
    counts = as_object(job.get("request_counts"))
    word = as_word(job.get("status"))
    files = (as_word(job.get(name)) for name in ("output_file_id", "error_file_id"))
    return Status(
        id=known_id(reply, job.get("id")),
        word=word,
        phase=_PHASES.get(word, "running"),
        name=as_word(as_object(job.get("metadata")).get(NAME)),
        total=count(counts.get("total")),
        done=count(counts.get("completed")),
        failed=count(counts.get("failed")),
        created=seconds(job.get("created_at")),
        results=tuple(file for file in files if file),
        rest=_rest(word, job),
    )


def _rest(word: str, job: Body) -> AntiphonError | None:
    if word == "failed":
        problems = [as_object(item) for item in as_list(as_object(job.get("errors")).get("data"))]
        messages = "; ".join(message for item in problems[:3] if (message := as_word(item.get("message"))))
        return refused(messages, as_word(problems[0].get("code")) if problems else "")
    return {"expired": expired, "cancelled": cancelled}.get(word, lambda: None)()


def look(id: str) -> Call:  # noqa: A002
    return Call(f"batches/{part(id)}", method="GET")


def cancel(id: str) -> Call:  # noqa: A002
    return Call(f"batches/{part(id)}/cancel", b"{}", JSON)


def listing(more: Mapping[str, str]) -> Call:
    return Call(f"batches?{urlencode({'limit': PAGE, **more})}", method="GET")


def listed(reply: Reply) -> tuple[list[Status], Mapping[str, str]]:
    page = json_document(reply)
    jobs = [_status(as_object(job), reply) for job in as_list(page.get("data"))]
    last = as_word(page.get("last_id")) or (jobs[-1].id if jobs else "")
    return jobs, {"after": last} if page.get("has_more") is True and last else {}


def fetch(status: Status) -> Sequence[Call]:
    return [Call(f"files/{part(file)}/content", method="GET") for file in status.results]


def outcomes(file: BinaryIO) -> Iterator[Outcome | None]:
    for row in lines_of(file):
        yield None if row is None else _outcome(row)


_STOPPED = {"batch_expired": expired, "batch_cancelled": cancelled}


def _outcome(row: Body) -> Outcome | None:
    id, response = as_word(row.get("custom_id")), as_object(row.get("response"))  # noqa: A001
    error = as_object(row.get("error"))
    stopped = _STOPPED.get(as_word(error.get("code")))
    if not id:
        return None
    if stopped is not None:
        return Outcome(id, error=stopped())
    if not response:
        return Outcome(id, reply_of({"error": error}), failed=True)
    code = count(response.get("status_code")) or 200
    reply = reply_of(response.get("body"), code, response.get("request_id"))
    return Outcome(id, reply, failed=not 200 <= code < 300)
