"""Anthropic's Message Batches: the requests in one call, the answers in one file.

POST {base}/messages/batches, GET {base}/messages/batches/ID, POST …/ID/cancel, GET …/ID/results. Source: anthropic
2.12 (resources/messages/batches.py), read in November 2026. A batch takes no name, and a listing tells of no request
in it: one that was sent before a crash is known by its size and time, and for certain by the ids in its results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO
from urllib.parse import urlencode

from ..call import Call, Reply
from ..request import Request
from . import Body
from ._common import as_list, as_object, as_word, count, dumps, json_document
from ._jobs import (
    JSON,
    NO_OPTIONS,
    Outcome,
    Status,
    cancelled,
    expired,
    known_id,
    lines_of,
    no_places,
    none_placed,
    part,
    reply_of,
    seconds,
)

# 100,000 requests and 256 MB (Anthropic's documentation, "Batch processing", 2026); the bytes are held in memory
# here, so less of them. An id has at most 64 of letters, digits, - and _ (anthropic-sdk-python issue 984).
most, size = 100_000, 100_000_000
keeps_name, one_model, once_by_name = False, False, False
by_region, options = False, NO_OPTIONS
places, placed = no_places, none_placed


def line(id: str, body: Body, path: str) -> bytes:  # noqa: A002, ARG001
    return dumps({"custom_id": id, "params": body})


def upload(name: str, lines: Sequence[bytes], given: Mapping[str, str]) -> None:  # noqa: ARG001
    return None


def uploaded(reply: Reply) -> str:  # noqa: ARG001
    return ""


def create(
    name: str, lines: Sequence[bytes], file: str, request: Request, path: str, given: Mapping[str, str]  # noqa: ARG001
) -> Call:  # fmt: skip
    return Call("messages/batches", b'{"requests":[' + b",".join(lines) + b"]}", JSON)


def status(reply: Reply) -> Status:
    return _status(json_document(reply), reply)


def _status(job: Body, reply: Reply) -> Status:
    counts = {name: count(value) or 0 for name, value in as_object(job.get("request_counts")).items()}
    word = as_word(job.get("processing_status"))
    ended = word == "ended"
    id = known_id(reply, job.get("id"))  # noqa: A001
    return Status(
        id=id,
        word=word,
        phase="ended" if ended else "running",
        total=sum(counts.values()) if counts else None,
        done=counts.get("succeeded"),
        failed=sum(counts.get(name, 0) for name in ("errored", "expired", "canceled")),
        created=seconds(job.get("created_at")),
        results=(id,) if ended else (),
    )


def look(id: str) -> Call:  # noqa: A002
    return Call(f"messages/batches/{part(id)}", method="GET")


def cancel(id: str) -> Call:  # noqa: A002
    return Call(f"messages/batches/{part(id)}/cancel", method="POST")


def listing(more: Mapping[str, str]) -> Call:
    return Call(f"messages/batches?{urlencode({'limit': '100', **more})}", method="GET")


def listed(reply: Reply) -> tuple[list[Status], Mapping[str, str]]:
    page = json_document(reply)
    jobs = [_status(as_object(job), reply) for job in as_list(page.get("data"))]
    last = as_word(page.get("last_id"))
    return jobs, {"after_id": last} if page.get("has_more") is True and last else {}


def fetch(status: Status) -> Sequence[Call]:
    """By the job's id and not by its results_url, which could name another host."""
    return [
        Call(f"messages/batches/{part(name)}/results", headers={"Accept": "application/binary"}, method="GET")
        for name in status.results
    ]


def outcomes(file: BinaryIO) -> Iterator[Outcome | None]:
    for row in lines_of(file):
        yield None if row is None else _outcome(row)


def _outcome(row: Body) -> Outcome | None:
    id, result = as_word(row.get("custom_id")), as_object(row.get("result"))  # noqa: A001
    kind = as_word(result.get("type"))
    if not id:
        return None
    if kind == "succeeded":
        return Outcome(id, reply_of(result.get("message")))
    if kind == "errored":
        return Outcome(id, reply_of(result.get("error")), failed=True)
    if kind in ("expired", "canceled"):
        return Outcome(id, error=expired() if kind == "expired" else cancelled())
    return None
