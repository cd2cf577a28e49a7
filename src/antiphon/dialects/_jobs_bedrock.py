"""Bedrock's batch inference: the requests as a file in S3, the answers as another.

PUT the file, POST {control}/model-invocation-job, GET …/model-invocation-job/ID, POST …/ID/stop,
GET {control}/model-invocation-jobs, then ListObjectsV2 and GET of what lies under ID in the output's place. Source:
botocore 1.44.8 (bedrock) and Bedrock's user guide ("Format and upload your batch inference data", "View the results of
a batch inference job"), read in November 2026. Whose files these are is told by options, see `options`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO
from urllib.parse import quote, urlencode

from ..call import Call, Reply
from ..request import Request
from . import Body, _s3
from ._common import as_list, as_object, as_word, count, dumps, json_document
from ._jobs import (
    JSON,
    Option,
    Outcome,
    Phase,
    Status,
    cancelled,
    expired,
    known_id,
    lines_of,
    part,
    refused,
    reply_of,
    seconds,
)

# 50,000 records to a file (AWS's quotas, 2026) and 1 GB; the bytes are held in memory here, so less of them.
most, size = 50_000, 100_000_000
keeps_name, one_model, once_by_name, by_region = True, True, True, True

options: Mapping[str, Option] = {
    "s3": Option(
        "ANTIPHON_BEDROCK_BATCH_S3",
        "where requests and answers are kept, as s3://BUCKET/FOLDER",
        rf"s3://{_s3.BUCKET}(?:/{_s3.KEYS})?/?",
    ),
    "role": Option(
        "ANTIPHON_BEDROCK_BATCH_ROLE",
        "the role that reads and writes there, as arn:aws:iam::123456789012:role/NAME",
        r"arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+",
    ),
    # AWS's quota for most models, 2026. It differs from model to model, and can be raised.
    "least": Option(
        "ANTIPHON_BEDROCK_BATCH_LEAST", "the fewest records that a job may have", r"[1-9][0-9]{0,5}", "100"
    ),
}

OURS = "antiphon-"  # how the names of our jobs begin
PAGE = "100"
RESULTS = ".jsonl.out"

_PHASES: Mapping[str, Phase] = {
    "Completed": "ended",
    "PartiallyCompleted": "ended",
    "Stopped": "ended",
    "Expired": "ended",
    "Failed": "failed",
}
# Why there is nothing for a request: "not all of your records could be processed in time", "didn't begin before the
# set timeout", "stopped by a user" (botocore 1.44.8).
_REST = {"PartiallyCompleted": expired, "Expired": expired, "Stopped": cancelled}


def line(id: str, body: Body, path: str) -> bytes:  # noqa: A002, ARG001
    return dumps({"recordId": id, "modelInput": body})


def _place(given: Mapping[str, str]) -> tuple[str, str]:
    """Bucket and folder of the option s3; the folder ends with a slash or is empty."""
    return _split(given["s3"])


def _split(uri: str) -> tuple[str, str]:
    bucket, _, folder = uri.removeprefix("s3://").partition("/")
    folder = folder.rstrip("/")
    return bucket, f"{folder}/" if folder else ""


def upload(name: str, lines: Sequence[bytes], given: Mapping[str, str]) -> Call:
    bucket, folder = _place(given)
    headers = {"Content-Type": "application/jsonl"}
    return Call(_s3.name(bucket, f"{folder}{name}.jsonl"), b"\n".join(lines) + b"\n", headers, method="PUT")


def uploaded(reply: Reply) -> str:  # noqa: ARG001 - it lies where it was put
    return ""


def create(
    name: str, lines: Sequence[bytes], file: str, request: Request, path: str, given: Mapping[str, str]  # noqa: ARG001
) -> Call:  # fmt: skip
    """Our name is the token too: a second call with it starts no second job."""
    bucket, folder = _place(given)
    body = {
        "jobName": name,
        "clientRequestToken": name,
        "roleArn": given["role"],
        "modelId": request.model,
        "modelInvocationType": "Converse" if path.endswith("/converse") else "InvokeModel",
        "inputDataConfig": {
            "s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": f"s3://{bucket}/{folder}{name}.jsonl"}
        },
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"s3://{bucket}/{folder}"}},
    }
    return Call("model-invocation-job", dumps(body), JSON)


def status(reply: Reply) -> Status:
    return _status(json_document(reply), reply)


def _status(job: Body, reply: Reply) -> Status:
    id = known_id(reply, job.get("jobArn"))  # noqa: A001
    word = as_word(job.get("status"))
    there = as_word(as_object(as_object(job.get("outputDataConfig")).get("s3OutputDataConfig")).get("s3Uri"))
    bucket, folder = _split(there)
    rest = refused(as_word(job.get("message"))) if word == "Failed" else None
    return Status(
        id=id,
        word=word,
        phase=_PHASES.get(word, "running"),
        name=as_word(job.get("jobName")),
        total=count(job.get("totalRecordCount")),
        done=count(job.get("successRecordCount")),
        failed=count(job.get("errorRecordCount")),
        created=seconds(job.get("submitTime")),
        results=(_s3.name(bucket, f"{folder}{id.rpartition('/')[2]}/"),) if there else (),
        rest=rest or _REST.get(word, lambda: None)(),
    )


def look(id: str) -> Call:  # noqa: A002
    return Call(f"model-invocation-job/{part(id)}", method="GET")


def cancel(id: str) -> Call:  # noqa: A002
    return Call(f"model-invocation-job/{part(id)}/stop", method="POST")


def listing(more: Mapping[str, str]) -> Call:
    asked = {
        "maxResults": PAGE, "nameContains": OURS, "sortBy": "CreationTime", "sortOrder": "Descending", **more
    }  # fmt: skip
    return Call(f"model-invocation-jobs?{urlencode(asked, quote_via=quote, safe='~')}", method="GET")


def listed(reply: Reply) -> tuple[list[Status], Mapping[str, str]]:
    page = json_document(reply)
    jobs = [_status(as_object(job), reply) for job in as_list(page.get("invocationJobSummaries"))]
    token = as_word(page.get("nextToken"))
    return jobs, {"nextToken": token} if token else {}


def places(status: Status, more: str) -> Call | None:
    """What asks which files lie in the job's own folder."""
    if not status.results:
        return None
    bucket, _, folder = status.results[0].partition("/")
    asked = {"list-type": "2", "prefix": folder, **({"continuation-token": more} if more else {})}
    return Call(f"{bucket}?{_s3.query(**asked)}", method="GET")


def placed(reply: Reply, status: Status) -> tuple[Sequence[str], str]:
    """Those of the files that hold answers: ``NAME.jsonl.out`` beside ``manifest.json.out``."""
    keys, more = _s3.listed(reply)
    bucket, _, folder = status.results[0].partition("/")
    found = [key for key in keys if key.startswith(folder) and key.endswith(RESULTS)]
    return [_s3.name(bucket, key) for key in found], more


def fetch(status: Status) -> Sequence[Call]:
    return [Call(name, method="GET") for name in status.results]


def outcomes(file: BinaryIO) -> Iterator[Outcome | None]:
    for row in lines_of(file):
        yield None if row is None else _outcome(row)


def _outcome(row: Body) -> Outcome | None:
    id, answer = as_word(row.get("recordId")), row.get("modelOutput")  # noqa: A001
    problem = as_object(row.get("error"))
    if not id:
        return None
    if problem:
        code = count(problem.get("errorCode")) or 500
        said = {"message": as_word(problem.get("errorMessage"))}
        return Outcome(id, reply_of(said, code if 400 <= code < 600 else 500), failed=True)
    return Outcome(id, reply_of(answer)) if as_object(answer) else None
