"""Loopback providers with a batch API: OpenAI's, Anthropic's, Gemini's and Bedrock's (with its S3), as far as their own
packages use it.

A job ends with the `looks`-th look at it. What each request is answered with is `fate`'s to say.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from ..many import document
from ..peer import QuietServer


@dataclass
class Work:
    """A job at the provider: its id, its name if it was given one, its requests by their ids, where it is."""

    id: str
    name: str
    requests: dict[str, Any]
    path: str = ""
    made: float = field(default_factory=time.time)
    looked: int = 0
    word: str = "running"  # running, ended, expired, cancelled, failed, or anything else


def said(body: Any) -> str:
    """The last thing that the user said, in any protocol."""
    text = json.dumps(body)
    return re.findall(r'"(?:text|content|input)": "([^"]*)"', text)[-1]


@dataclass
class Provider:
    """The server, and what a test may set. `fate` gives a text to answer with, or (status, error document), or None."""

    kind: str
    url: str = ""
    looks: int = 1
    end: str = "ended"
    fate: Callable[[Any], Any] = lambda body: f"answer to {said(body)}"
    spoil: Callable[[bytes], bytes] = lambda data: data  # what is done to a result file
    broken: dict[str, int] = field(default_factory=dict)  # step: status that it fails with, once
    lost: set[str] = field(default_factory=set)  # steps that are done, but whose answer never comes; once
    held: dict[str, threading.Event] = field(
        default_factory=dict
    )  # step: set when it is done; its answer waits
    go: threading.Event = field(default_factory=threading.Event)
    steps: list[str] = field(default_factory=list)
    redirected: dict[str, dict[str, str]] = field(default_factory=dict)  # step: headers of a 301; once
    unlisted: bool = False  # a listing does not have the jobs yet
    keys: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: list[Work] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def asked(self) -> list[str]:
        """What was asked for in all jobs, in order."""
        return [said(body) for job in self.jobs for body in job.requests.values()]

    def job(self, name: str) -> Work | None:
        return next((job for job in self.jobs if job.id == name), None)

    def look(self, job: Work) -> None:
        job.looked += 1
        if job.word == "running" and job.looked >= self.looks:
            job.word = self.end


class Handler(BaseHTTPRequestHandler):
    """What all three do: steps that can be held, lost or broken."""

    protocol_version = "HTTP/1.1"
    provider: Provider

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.handle_one("GET")

    def do_POST(self) -> None:
        self.handle_one("POST")

    def handle_one(self, method: str) -> None:
        provider = self.provider
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        step, act = self.step(method, url.path)
        more: dict[str, str] = {}
        with provider.lock:
            provider.steps.append(step)
            if payer := self.payer():
                provider.keys.add(payer)
            refused = self.refuses(step, raw)
            if refused is not None:
                status, answer = refused
            elif step in provider.redirected:
                status, answer = 301, error_xml("PermanentRedirect", "elsewhere")
                more = provider.redirected.pop(step)
            elif step in provider.broken:
                status, answer = provider.broken.pop(step), {"error": {"message": "out of order"}}
            else:
                answer = act(raw, url.path, {name: v[0] for name, v in parse_qs(url.query).items()})
                status, answer = answer if isinstance(answer, tuple) else (200, answer)
        if step in provider.held:
            provider.held.pop(step).set()
            provider.go.wait(30)
        if step in provider.lost:
            provider.lost.discard(step)
            self.close_connection = True
            return
        payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(answer, bytes) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(payload)))
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def payer(self) -> str:
        """The key that came along."""
        key = self.headers.get("x-api-key") or self.headers.get("x-goog-api-key")
        return key or self.headers.get("authorization", "").removeprefix("Bearer ")

    def refuses(self, step: str, raw: bytes) -> Any:
        """Status and answer for whoever may not ask."""
        return None

    def step(self, method: str, path: str) -> tuple[str, Callable[..., Any]]:
        for name, verb, pattern in self.routes:
            if verb == method and re.fullmatch(pattern, path):
                return name, getattr(self, name)
        return "unknown", lambda *_: (404, {"error": {"message": f"no {path}"}})

    routes: tuple[tuple[str, str, str], ...] = ()

    def outcome(self, body: Any, path: str) -> tuple[int, Any] | None:
        """The status and document that this request is answered with."""
        found = self.provider.fate(body)
        if isinstance(found, str):
            return 200, document(path, {"model": "m", **body}, found, "stop")
        return found


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat().replace("+00:00", "Z")


class OpenAI(Handler):
    routes = (
        ("upload", "POST", r"/v1/files"),
        ("create", "POST", r"/v1/batches"),
        ("listing", "GET", r"/v1/batches"),
        ("look", "GET", r"/v1/batches/[^/]+"),
        ("cancel", "POST", r"/v1/batches/[^/]+/cancel"),
        ("fetch", "GET", r"/v1/files/[^/]+/content"),
    )
    words: ClassVar = {"running": "in_progress", "ended": "completed"}

    def upload(self, raw: bytes, path: str, query: Any) -> Any:
        boundary = self.headers["Content-Type"].partition("boundary=")[2].strip('"').encode()
        parts = [part.partition(b"\r\n\r\n") for part in raw.split(b"--" + boundary)[1:-1]]
        found = {re.search(rb'name="(\w+)"', head)[1].decode(): body[:-2] for head, _, body in parts}
        assert found["purpose"] == b"batch"
        name = f"file-{len(self.provider.files) + 1}"
        self.provider.files[name] = found["file"]
        kept = {"object": "file", "bytes": len(raw), "created_at": 1, "filename": "x.jsonl"}
        return {"id": name, "purpose": "batch", "status": "processed", **kept}

    def create(self, raw: bytes, path: str, query: Any) -> Any:
        body = json.loads(raw)
        assert body["completion_window"] == "24h"
        rows = [json.loads(line) for line in self.provider.files[body["input_file_id"]].splitlines()]
        assert {(row["method"], row["url"]) for row in rows} == {("POST", body["endpoint"])}
        job = Work(
            f"batch_{len(self.provider.jobs) + 1}",
            (body.get("metadata") or {}).get("antiphon", ""),
            {row["custom_id"]: row["body"] for row in rows},
            body["endpoint"],
        )
        assert len(job.requests) == len(rows), "the same id twice"
        self.provider.jobs.append(job)
        return self.shown(job)

    def shown(self, job: Work) -> Any:
        word = self.words.get(job.word, job.word)
        total = len(job.requests)
        done = (
            sum(self.row(i, body, job)[0] for i, body in job.requests.items()) if word != "in_progress" else 0
        )
        problem = {"data": [{"code": "invalid_json_line", "message": "line 1 is no JSON"}], "object": "list"}
        at = {"output_file_id": f"out-{job.id}", "error_file_id": f"err-{job.id}"}
        return {
            "id": job.id, "object": "batch", "endpoint": job.path, "completion_window": "24h",
            "input_file_id": "file-1", "status": word, "created_at": int(job.made),
            "metadata": {"antiphon": job.name} if job.name else None,
            "errors": problem if word == "failed" else None,
            "request_counts": {"total": total, "completed": done, "failed": 0},
            **(at if word in ("completed", "expired", "cancelled") else {}),
        }  # fmt: skip

    def listing(self, raw: bytes, path: str, query: Any) -> Any:
        """One job to a page, so that pages are turned."""
        jobs = self.provider.jobs[::-1]
        start = next((i + 1 for i, job in enumerate(jobs) if job.id == query.get("after")), 0)
        page = jobs[start : start + 1]
        more = start + 1 < len(jobs)
        last = page[-1].id if page else None
        return {"object": "list", "data": [self.shown(j) for j in page], "has_more": more, "last_id": last,
                "first_id": last}  # fmt: skip

    def look(self, raw: bytes, path: str, query: Any) -> Any:
        job = self.provider.job(path.split("/")[3])
        if job is None:
            return 404, {"error": {"message": "no such batch", "code": "not_found"}}
        self.provider.look(job)
        return self.shown(job)

    def cancel(self, raw: bytes, path: str, query: Any) -> Any:
        job = self.provider.job(path.split("/")[3])
        job.word = "cancelled"
        return self.shown(job)

    def row(self, mark: str, body: Any, job: Work) -> tuple[bool, Any]:
        found = self.outcome(body, job.path)
        if found is None:
            code = {"expired": "batch_expired", "cancelled": "batch_cancelled"}.get(job.word)
            error = {"code": code, "message": "too late"}
            return False, code and {"id": f"r-{mark}", "custom_id": mark, "response": None, "error": error}
        status, answer = found
        response = {"status_code": status, "request_id": f"req-{mark[:4]}", "body": answer}
        return status == 200, {"id": f"r-{mark}", "custom_id": mark, "response": response, "error": None}

    def fetch(self, raw: bytes, path: str, query: Any) -> Any:
        side, _, name = path.split("/")[3].partition("-")
        job = self.provider.job(name)
        rows = [self.row(i, body, job) for i, body in reversed(job.requests.items())]
        good = side == "out"
        data = b"".join(json.dumps(row).encode() + b"\n" for ok, row in rows if ok is good and row)
        return self.provider.spoil(data) if good else data


class Anthropic(Handler):
    routes = (
        ("create", "POST", r"/v1/messages/batches"),
        ("listing", "GET", r"/v1/messages/batches"),
        ("look", "GET", r"/v1/messages/batches/[^/]+"),
        ("cancel", "POST", r"/v1/messages/batches/[^/]+/cancel"),
        ("fetch", "GET", r"/v1/messages/batches/[^/]+/results"),
    )

    def create(self, raw: bytes, path: str, query: Any) -> Any:
        rows = json.loads(raw)["requests"]
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", row["custom_id"]) for row in rows)
        requests = {row["custom_id"]: row["params"] for row in rows}
        assert len(requests) == len(rows), "the same id twice"
        job = Work(f"msgbatch_{len(self.provider.jobs) + 1}", "", requests, "/messages")
        self.provider.jobs.append(job)
        return self.shown(job)

    def shown(self, job: Work) -> Any:
        word = {"running": "in_progress", "cancelled": "ended", "expired": "ended"}.get(job.word, job.word)
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        counts["succeeded" if word == "ended" else "processing"] = len(job.requests)
        url = f"{self.provider.url}/v1/messages/batches/{job.id}/results" if word == "ended" else None
        times = dict.fromkeys(("archived_at", "cancel_initiated_at", "ended_at"))
        return {"id": job.id, "type": "message_batch", "processing_status": word, "request_counts": counts,
                "created_at": stamp(job.made), "expires_at": stamp(job.made + 86400), "results_url": url,
                **times}  # fmt: skip

    def listing(self, raw: bytes, path: str, query: Any) -> Any:
        jobs = self.provider.jobs[::-1]
        start = next((i + 1 for i, job in enumerate(jobs) if job.id == query.get("after_id")), 0)
        page = jobs[start : start + 1]
        last = page[-1].id if page else None
        return {"data": [self.shown(j) for j in page], "has_more": start + 1 < len(jobs), "first_id": last,
                "last_id": last}  # fmt: skip

    def look(self, raw: bytes, path: str, query: Any) -> Any:
        job = self.provider.job(path.split("/")[4])
        self.provider.look(job)
        return self.shown(job)

    def cancel(self, raw: bytes, path: str, query: Any) -> Any:
        job = self.provider.job(path.split("/")[4])
        job.word = "cancelled"
        return self.shown(job)

    def fetch(self, raw: bytes, path: str, query: Any) -> Any:
        job = self.provider.job(path.split("/")[4])
        rows = [self.row(i, body, job) for i, body in reversed(job.requests.items())]
        return self.provider.spoil(b"".join(json.dumps(row).encode() + b"\n" for row in rows if row))

    def row(self, mark: str, body: Any, job: Work) -> Any:
        found = self.outcome(body, job.path)
        if found is None:
            kind = {"expired": "expired", "cancelled": "canceled"}.get(job.word)
            return kind and {"custom_id": mark, "result": {"type": kind}}
        status, answer = found
        if status == 200:
            return {"custom_id": mark, "result": {"type": "succeeded", "message": answer}}
        names = {400: "invalid_request_error", 429: "rate_limit_error", 500: "api_error"}
        error = {"type": names[status], "message": answer["error"]["message"]}
        report = {"type": "error", "error": error, "request_id": "req-1"}
        return {"custom_id": mark, "result": {"type": "errored", "error": report}}


class Gemini(Handler):
    routes = (
        ("create", "POST", r"/v1beta/models/[^/]+:batchGenerateContent"),
        ("listing", "GET", r"/v1beta/batches"),
        ("look", "GET", r"/v1beta/batches/[^/:]+"),
        ("cancel", "POST", r"/v1beta/batches/[^/]+:cancel"),
    )
    words: ClassVar = {"running": "RUNNING", "ended": "SUCCEEDED", "expired": "EXPIRED", "cancelled": "CANCELLED",
             "failed": "FAILED"}  # fmt: skip

    def create(self, raw: bytes, path: str, query: Any) -> Any:
        batch = json.loads(raw)["batch"]
        rows = batch["inputConfig"]["requests"]["requests"]
        requests = {row["metadata"]["key"]: row["request"] for row in rows}
        assert len(requests) == len(rows), "the same id twice"
        job = Work(
            f"b{len(self.provider.jobs) + 1}", batch.get("displayName", ""), requests, path.split("/")[3]
        )
        self.provider.jobs.append(job)
        return self.shown(job)

    def shown(self, job: Work, *, whole: bool = False) -> Any:
        word = self.words.get(job.word, job.word)
        about = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": f"models/{job.path.partition(':')[0]}", "displayName": job.name, "name": f"batches/{job.id}",
            "createTime": stamp(job.made), "state": f"BATCH_STATE_{word}",
            "batchStats": {"requestCount": str(len(job.requests))},
        }  # fmt: skip
        done = word not in ("RUNNING", "HIBERNATING")
        error = {"error": {"code": 3, "message": "no such model"}} if word == "FAILED" else {}
        if whole and done and not error:
            rows = [self.row(i, body) for i, body in job.requests.items()]
            rows = [row for row in rows if row]
            about["output"] = {"inlinedResponses": {"inlinedResponses": rows}}
        return {"name": f"batches/{job.id}", "metadata": about, **({"done": True} if done else {}), **error}

    def listing(self, raw: bytes, path: str, query: Any) -> Any:
        jobs = self.provider.jobs[::-1]
        start = int(query.get("pageToken", 0))
        more = {"nextPageToken": str(start + 1)} if start + 1 < len(jobs) else {}
        return {"operations": [self.shown(job) for job in jobs[start : start + 1]], **more}

    def look(self, raw: bytes, path: str, query: Any) -> Any:
        job = self.provider.job(path.split("/")[3])
        self.provider.look(job)
        return self.provider.spoil(json.dumps(self.shown(job, whole=True)).encode())

    def cancel(self, raw: bytes, path: str, query: Any) -> Any:
        self.provider.job(path.split("/")[3].partition(":")[0]).word = "cancelled"
        return {}

    def row(self, mark: str, body: Any) -> Any:
        found = self.outcome(body, ":generateContent")
        if found is None:
            return None
        status, answer = found
        if status == 200:
            return {"metadata": {"key": mark}, "response": answer}
        code = {400: 3, 429: 8, 500: 13}[status]
        return {"metadata": {"key": mark}, "error": {"code": code, "message": answer["error"]["message"]}}


BUCKET, ROLE = "our-bucket", "arn:aws:iam::123456789012:role/batches"
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
S3 = "http://s3.amazonaws.com/doc/2006-03-01/"


class Bedrock(Handler):
    """The control plane, and S3 with buckets in the path. What goes to S3 must be signed as botocore signs it."""

    routes = (
        ("upload", "PUT", rf"/{BUCKET}/.+"),
        ("fetch", "GET", rf"/{BUCKET}/.+"),
        ("places", "GET", rf"/{BUCKET}"),
        ("create", "POST", r"/model-invocation-job"),
        ("listing", "GET", r"/model-invocation-jobs"),
        ("look", "GET", r"/model-invocation-job/[^/]+"),
        ("cancel", "POST", r"/model-invocation-job/[^/]+/stop"),
    )
    words: ClassVar = {"running": "InProgress", "ended": "Completed", "cancelled": "Stopped", "expired": "Expired",
             "failed": "Failed"}  # fmt: skip

    def do_PUT(self) -> None:
        self.handle_one("PUT")

    def refuses(self, step: str, raw: bytes) -> Any:
        """S3 takes no bearer key, and no signature that is not botocore's."""
        if step not in ("upload", "fetch", "places"):
            return None
        given = self.headers.get("authorization", "")
        if not given.startswith("AWS4-HMAC-SHA256"):
            return 403, error_xml("AccessDenied", "no signature")
        if not given.endswith("Signature=" + signature(self.command, self.url, self.headers, raw)):
            return 403, error_xml("SignatureDoesNotMatch", "not as botocore signs it")
        return None

    @property
    def url(self) -> str:
        return f"http://{self.headers['Host']}{self.path}"

    def payer(self) -> str:
        given = self.headers.get("authorization", "")
        return given.removeprefix("Bearer ") if given.startswith("Bearer ") else ""

    def upload(self, raw: bytes, path: str, query: Any) -> Any:
        self.provider.files[path.removeprefix(f"/{BUCKET}/")] = raw
        return b""

    def create(self, raw: bytes, path: str, query: Any) -> Any:
        body = json.loads(raw)
        assert body["roleArn"] == ROLE
        assert body["clientRequestToken"] == body["jobName"]
        same = next((job for job in self.provider.jobs if job.name == body["jobName"]), None)
        if same is not None:
            return {"jobArn": arn(same)}
        where = body["inputDataConfig"]["s3InputDataConfig"]["s3Uri"].removeprefix(f"s3://{BUCKET}/")
        rows = [json.loads(line) for line in self.provider.files[where].splitlines()]
        assert all(row.keys() == {"recordId", "modelInput"} for row in rows)
        kind = "/converse" if body["modelInvocationType"] == "Converse" else "/invoke"
        job = Work(
            f"job{len(self.provider.jobs) + 1:09}",
            body["jobName"],
            {row["recordId"]: row["modelInput"] for row in rows},
            kind,
        )
        assert len(job.requests) == len(rows), "the same id twice"
        self.provider.jobs.append(job)
        return {"jobArn": arn(job)}

    def shown(self, job: Work) -> Any:
        word = self.words.get(job.word, job.word)
        folder = f"s3://{BUCKET}/some/folder/"
        return {
            "jobArn": arn(job), "jobName": job.name, "modelId": "m", "roleArn": ROLE, "status": word,
            "clientRequestToken": job.name, "submitTime": stamp(job.made), "lastModifiedTime": stamp(job.made),
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": f"{folder}{job.name}.jsonl"}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": folder}},
            "totalRecordCount": len(job.requests),
            **({"message": "no such model"} if word == "Failed" else {}),
        }  # fmt: skip

    def listing(self, raw: bytes, path: str, query: Any) -> Any:
        assert query["sortOrder"] == "Descending"
        jobs = [] if self.provider.unlisted else self.provider.jobs[::-1]
        start = int(query.get("nextToken", 0))
        more = {"nextToken": str(start + 1)} if start + 1 < len(jobs) else {}
        return {"invocationJobSummaries": [self.shown(job) for job in jobs[start : start + 1]], **more}

    def job_at(self, path: str) -> Work:
        job = self.provider.job(unquote(path.split("/")[2]).rpartition("/")[2])
        assert job is not None
        return job

    def look(self, raw: bytes, path: str, query: Any) -> Any:
        job = self.job_at(path)
        self.provider.look(job)
        return self.shown(job)

    def cancel(self, raw: bytes, path: str, query: Any) -> Any:
        self.job_at(path).word = "cancelled"
        return {}

    def places(self, raw: bytes, path: str, query: Any) -> Any:
        """One file to a page, so that pages are turned."""
        assert query["list-type"] == "2"
        job = self.provider.job(query["prefix"].rstrip("/").rpartition("/")[2])
        assert job is not None
        names = [f"{query['prefix']}{job.name}.jsonl.out", f"{query['prefix']}manifest.json.out"]
        start = int(query.get("continuation-token", 0))
        more = f"<NextContinuationToken>{start + 1}</NextContinuationToken>" if start + 1 < len(names) else ""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="{S3}"><Name>{BUCKET}</Name>'
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}"
            f"<Contents><Key>{names[start]}</Key></Contents></ListBucketResult>"
        ).encode()

    def fetch(self, raw: bytes, path: str, query: Any) -> Any:
        job = self.provider.job(path.split("/")[-2])
        assert job is not None
        rows = [self.row(i, body, job) for i, body in reversed(job.requests.items())]
        return self.provider.spoil(b"".join(json.dumps(row).encode() + b"\n" for row in rows if row))

    def row(self, mark: str, body: Any, job: Work) -> Any:
        found = self.outcome(body, job.path)
        if found is None:
            return None
        status, answer = found
        if status == 200:
            return {"recordId": mark, "modelInput": body, "modelOutput": answer}
        problem = {"errorCode": status, "errorMessage": answer["error"]["message"]}
        return {"recordId": mark, "modelInput": body, "error": problem}


def arn(job: Work) -> str:
    return f"arn:aws:bedrock:eu-west-1:123456789012:model-invocation-job/{job.id}"


def error_xml(code: str, message: str, more: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}'
        "<RequestId>REQ1</RequestId></Error>"
    ).encode()


def signature(method: str, url: str, headers: Any, body: bytes) -> str:
    """The signature of what arrived, as botocore makes it for S3."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    given = headers["Authorization"]
    names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    region, service = given.partition("Credential=")[2].split("/")[2:4]
    assert service == "s3"
    arrived = AWSRequest(
        method=method, url=url, data=body, headers={name: headers[name] for name in names if name != "host"}
    )
    arrived.context["timestamp"] = headers["X-Amz-Date"]
    signer = S3SigV4Auth(Credentials(KEY_ID, SECRET), service, region)
    return signer.signature(signer.string_to_sign(arrived, signer.canonical_request(arrived)), arrived)


KINDS: dict[str, type[Handler]] = {
    "openai": OpenAI,
    "anthropic": Anthropic,
    "gemini": Gemini,
    "bedrock": Bedrock,
}
BASES = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "bedrock": ""}


def environment(url: str) -> dict[str, str]:
    """What a process needs to use Bedrock's batches at this address; the others need nothing."""
    return {
        "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_S3": url, "ANTIPHON_BEDROCK_BATCH_S3": f"s3://{BUCKET}/some/folder",
        "ANTIPHON_BEDROCK_BATCH_ROLE": ROLE, "ANTIPHON_BEDROCK_BATCH_LEAST": "1",
    }  # fmt: skip


@contextmanager
def serve(kind: str) -> Iterator[Provider]:
    """A running provider of this kind; its address has no path."""
    provider = Provider(kind)
    server = QuietServer(("127.0.0.1", 0), type("Asked", (KINDS[kind],), {"provider": provider}))
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.go.set()
        server.shutdown()
        server.server_close()
        thread.join()
