"""Bedrock's batches: calls as botocore makes them, files in S3 that no bearer key goes to, and what can go wrong there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as TheirKeys
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.call import Call, Reply, Secret
from antiphon.credentials import Credentials
from antiphon.dialects import _jobs_bedrock as jobs
from antiphon.dialects import _s3
from antiphon.dialects._jobs import Status
from antiphon.errors import (
    CredentialError,
    NotFound,
    QuotaExhausted,
    Rejected,
    ReplyError,
    RequestError,
    ServerFailed,
    Unauthorized,
    Unreadable,
)
from antiphon.jobs.remote import chosen
from antiphon.providers import bedrock
from antiphon.providers._sigv4 import Keys, sign
from antiphon.request import Config, Message, Request

from .batch_servers import BUCKET, KEY_ID, ROLE, SECRET, environment, error_xml, serve
from .test_via import Desk, texts

SESSION = botocore.session.get_session()
BEDROCK, S3 = SESSION.get_service_model("bedrock"), SESSION.get_service_model("s3")
GIVEN = {"s3": f"s3://{BUCKET}/a/folder", "role": ROLE, "least": "100"}
NOW = 1790000000.0
NAME = "antiphon-0123456789abcdef"
ARN = "arn:aws:bedrock:eu-west-1:123456789012:model-invocation-job/abcdef123456"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with serve("bedrock") as provider:
        for variable, value in environment(provider.url).items():
            monkeypatch.setenv(variable, value)
        yield Desk(tmp_path / "home", provider)


def request(model: str = "eu.anthropic.claude-sonnet-4-6", **more: Any) -> Request:
    return Request(provider="bedrock", messages=(Message("user", "Hi"),), config=Config(model=model, **more))


def serialized(model: Any, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The request that botocore would send; its own model has to find the arguments valid."""
    shape = model.operation_model(operation)
    report = ParamValidator().validate(arguments, shape.input_shape)
    assert not report.has_errors(), report.generate_report()
    from botocore.serialize import create_serializer

    return dict(create_serializer("rest-json").serialize_to_request(dict(arguments), shape))


@pytest.mark.parametrize(
    ("path", "kind"), [("model/x/converse", "Converse"), ("model/x/invoke", "InvokeModel")]
)
def test_a_job_is_made_as_botocore_makes_it(path: str, kind: str):
    """Address, method and body of CreateModelInvocationJob are botocore's, and valid by its model of the service."""
    call = jobs.create(NAME, (), "", request(), path, GIVEN)
    arguments = json.loads(call.body)
    theirs = serialized(BEDROCK, "CreateModelInvocationJob", arguments)
    assert (call.method, "/" + call.url) == (theirs["method"], theirs["url_path"])
    assert arguments == json.loads(theirs["body"])
    assert arguments["modelInvocationType"] == kind
    assert (
        arguments["inputDataConfig"]["s3InputDataConfig"]["s3Uri"] == f"s3://{BUCKET}/a/folder/{NAME}.jsonl"
    )


@pytest.mark.parametrize("id", [ARN, "abcdef123456"])
def test_jobs_are_asked_about_as_botocore_asks(id: str):  # noqa: A002
    """Looks, stops and listings go where botocore sends them; an ARN is encoded the same."""
    for call, operation in (
        (jobs.look(id), "GetModelInvocationJob"),
        (jobs.cancel(id), "StopModelInvocationJob"),
    ):
        theirs = serialized(BEDROCK, operation, {"jobIdentifier": id})
        assert (call.method, "/" + call.url) == (theirs["method"], theirs["url_path"])
    asked = {
        "maxResults": 100,
        "nameContains": "antiphon-",
        "sortBy": "CreationTime",
        "sortOrder": "Descending",
    }
    theirs = serialized(BEDROCK, "ListModelInvocationJobs", {**asked, "nextToken": "a/b+c="})
    call = jobs.listing({"nextToken": "a/b+c="})
    assert urlsplit(call.url).path == theirs["url_path"].strip("/")
    assert urlsplit(call.url).query == _s3.query(**{k: str(v) for k, v in theirs["query_string"].items()})


def test_names_of_options_fit_the_service():
    """What the options let through is what the service's own model lets through as a place and a role."""
    import re

    place = BEDROCK.shape_for("ModelInvocationJobS3InputDataConfig").members["s3Uri"].metadata["pattern"]
    role = (
        BEDROCK.operation_model("CreateModelInvocationJob").input_shape.members["roleArn"].metadata["pattern"]
    )
    for uri in (
        "s3://our-bucket",
        "s3://our-bucket/",
        "s3://our-bucket/a/b_c!/",
        "s3://a/b",
        "s3://Our/x",
        "s3:/x",
    ):
        assert bool(re.fullmatch(place, uri)) == bool(re.fullmatch(jobs.options["s3"].pattern, uri)), uri
    for arn in (ROLE, "arn:aws-cn:iam::123456789012:role/x", "arn:aws:iam::1:role/x", "x"):
        assert bool(re.fullmatch(role, arn)) == bool(re.fullmatch(jobs.options["role"].pattern, arn)), arn


# ------------------------------------------------------------------------------------------ signatures

KEY = st.text("abcXYZ019-_.!*'()", min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    keys=st.lists(KEY, min_size=1, max_size=3),
    body=st.binary(max_size=50),
    token=st.one_of(st.none(), st.just("TOKEN/1==")),
    before_host=st.booleans(),
    listing=st.booleans(),
)
def test_signatures_for_s3_are_botocores(
    keys: list[str], body: bytes, token: str | None, before_host: bool, listing: bool
):
    """For any file and listing, in path and virtual-host style, the signature is botocore's byte for byte."""
    where = (
        f"{BUCKET}?{_s3.query(prefix='/'.join(keys), **{'list-type': '2'})}"
        if listing
        else _s3.name(BUCKET, "/".join(keys))
    )
    url = _s3.address("https://s3.eu-west-1.amazonaws.com", where, before_host=before_host)
    call = Call(url, body, {"Content-Type": "application/jsonl"}, method="GET" if listing else "PUT")
    ours = sign(
        call,
        Keys(KEY_ID, Secret(SECRET), Secret(token) if token else None),
        region="eu-west-1",
        service="s3",
        at=NOW,
    )
    theirs = AWSRequest(method=call.method, url=url, data=body, headers={"Content-Type": "application/jsonl"})
    signer = S3SigV4Auth(TheirKeys(KEY_ID, SECRET, token), "s3", "eu-west-1")
    theirs.context["timestamp"] = ours.headers["X-Amz-Date"]
    theirs.headers["X-Amz-Date"] = ours.headers["X-Amz-Date"]
    theirs.headers["X-Amz-Content-SHA256"] = ours.headers["X-Amz-Content-SHA256"]
    if token:
        theirs.headers["X-Amz-Security-Token"] = token
    expected = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)
    assert signer.payload(theirs) == ours.headers["X-Amz-Content-SHA256"]
    said = ours.headers["Authorization"]
    assert isinstance(said, Secret)
    assert said.reveal().endswith(f"Signature={expected}")


@pytest.mark.parametrize("bucket", [BUCKET, "with.dots.in"])
def test_addresses_are_botocores(bucket: str):
    """A file's address is the one that botocore uses: the bucket before the host, but for one with dots in its name."""
    client = SESSION.create_client("s3", "eu-west-1", aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET)
    theirs = urlsplit(client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a/b c.jsonl"}))
    client.close()
    ours = urlsplit(
        _s3.address(
            f"https://{bedrock._s3_host('eu-west-1')}", _s3.name(bucket, "a/b c.jsonl"), before_host=True
        )
    )
    assert ours.path == theirs.path
    # Presigned ones of botocore name no region in the host; signed ones do.
    assert ours.hostname is not None
    assert ours.hostname.replace(".eu-west-1", "") == (theirs.hostname or "").replace(".eu-west-1", "")


# ----------------------------------------------------------------------------------------- credentials


def test_the_bearer_key_stays_with_bedrock(desk: Desk):
    """A bearer key goes to the control plane alone; the files are signed with this process's access key."""
    assert texts(desk.run("a")) == ["answer to Say a"]
    assert desk.provider.keys == {"secret-key-1234"}
    assert {"upload", "places", "fetch"} <= set(desk.provider.steps)


def test_an_access_key_signs_both(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """With an access key in the place of a bearer key that one signs, also where this process has another."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another" * 5)
    assert texts(desk.run("a", api_key=f"{KEY_ID}:{SECRET}")) == ["answer to Say a"]
    assert desk.provider.keys == set()


def test_no_signature_leaves_for_a_foreign_host(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """Only S3's own hosts, this machine, and the server named for S3 get a signature."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    call = Call("https://s3.evil.example/our-bucket/x")
    with pytest.raises(CredentialError, match="go to AWS only"):
        bedrock._check_host(call, bedrock._OWN_S3, "", bedrock.S3_SERVER)
    for host in ("s3.eu-west-1.amazonaws.com", "our-bucket.s3.eu-west-1.amazonaws.com"):
        bedrock._check_host(Call(f"https://{host}/x"), bedrock._OWN_S3, "", bedrock.S3_SERVER)
        with pytest.raises(CredentialError):
            bedrock._check_host(Call(f"http://{host}/x"), bedrock._OWN_S3, "", bedrock.S3_SERVER)
    for host in ("our-bucket.s3.eu-west-1.amazonaws.com.evil.example", "xs3.eu-west-1.amazonaws.com"):
        with pytest.raises(CredentialError):
            bedrock._check_host(Call(f"https://{host}/x"), bedrock._OWN_S3, "", bedrock.S3_SERVER)


def test_the_journal_holds_no_access_key(desk: Desk):
    """Neither key is in the journal."""
    desk.run("a")
    raw = b"".join(path.read_bytes() for path in desk.home.iterdir() if path.is_file())
    assert SECRET.encode() not in raw
    assert b"secret-key-1234" not in raw


# --------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["s3", "role"])
def test_what_has_to_be_known(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str):
    """Without a place or a role nothing is sent, and the error names the option and the variable that give it."""
    variable = jobs.options[name].variable
    monkeypatch.delenv(variable)
    with pytest.raises(RequestError) as caught:
        desk.run("a")
    assert caught.value.field == "via_option"
    assert f"--via-option {name}=" in caught.value.hint
    assert variable in caught.value.hint
    monkeypatch.setenv(variable, "nonsense")
    with pytest.raises(RequestError, match="cannot be 'nonsense'"):
        desk.run("a")
    assert desk.provider.steps == []


def test_options_come_before_the_environment(monkeypatch: pytest.MonkeyPatch):
    """What is given wins over the environment; what no such option is, is refused."""
    for variable, value in environment("http://127.0.0.1:1").items():
        monkeypatch.setenv(variable, value)
    assert chosen(jobs, {"s3": "s3://other-bucket"})["s3"] == "s3://other-bucket"
    assert chosen(jobs, {})["role"] == ROLE
    with pytest.raises(RequestError, match="no option 'bucket'"):
        chosen(jobs, {"bucket": "x"})


def test_too_few_rows_for_a_job(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """Rows that are too few for a job are failed rows that say so, and nothing is sent for them."""
    monkeypatch.setenv(jobs.options["least"].variable, "3")
    records = desk.run("a", "b")
    assert {record["error"]["field"] for record in records} == {"via"}
    assert "3 requests at least" in records[0]["error"]["message"]
    assert desk.provider.steps == []
    assert texts(desk.run("a", "b", "c")) == [f"answer to Say {word}" for word in "abc"]


def test_the_last_job_has_enough(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """Where a batch is cut into jobs, so many requests wait for the last one that it has enough."""
    monkeypatch.setenv(jobs.options["least"].variable, "3")
    monkeypatch.setattr(jobs, "most", 8)
    assert None not in texts(desk.run(*(f"w{i}" for i in range(9))))
    assert [len(job.requests) for job in desk.provider.jobs] == [5, 4]


def test_a_job_is_asked_about_in_its_region(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """The address of a job is kept with it, so that it is found though the region of this process changed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", desk.provider.url)
    client_at = {**desk.at, "base_url": None}
    desk.provider.looks = 99
    desk.asleep = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        desk.run("a", **client_at)
    from antiphon.jobs.journal import Journal

    journal = Journal(desk.home)
    [kept] = journal.jobs()
    journal.close()
    assert kept.base_url == desk.provider.url


# --------------------------------------------------------------------------------- what the store says


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchBucket", NotFound),
        (403, "AccessDenied", Unauthorized),
        (403, "SignatureDoesNotMatch", Unauthorized),
        (503, "SlowDown", ServerFailed),
        (400, "ExpiredToken", Rejected),
    ],
)
def test_refusals_of_s3(status: int, code: str, kind: type[ReplyError]):
    """What S3 says in XML is a typed error with its code, message and request id."""
    error = _s3.error(Reply(status, error_xml(code, "why it is so")))
    assert type(error) is kind
    assert (error.code, error.message, error.request_id) == (code, "why it is so", "REQ1")
    assert QuotaExhausted is not kind


def test_a_bucket_in_another_region(desk: Desk):
    """Both ways in which S3 says that a bucket is elsewhere are errors that name the region; no redirect is followed."""
    error = _s3.error(
        Reply(400, error_xml("AuthorizationHeaderMalformed", "wrong region", "<Region>us-west-2</Region>"))
    )
    assert "region us-west-2" in error.message
    assert "AWS_REGION=us-west-2" in error.hint
    desk.provider.redirected["upload"] = {
        "Location": "http://127.0.0.1:9/x", "x-amz-bucket-region": "us-west-2"
    }  # fmt: skip
    with pytest.raises(ReplyError, match="region us-west-2") as caught:
        desk.run("a")
    assert caught.value.status == 301
    assert desk.left() == []
    assert texts(desk.run("a")) == ["answer to Say a"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<ListBucketResult",
        b"<Other/>",
        b"{}",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><ListBucketResult><Contents><Key>&a;</Key></Contents></ListBucketResult>',
        b"\xff\xfe<",
    ],
)
def test_a_listing_that_makes_no_sense(body: bytes):
    """A listing that is no XML, another document, or one with entities is Unreadable."""
    with pytest.raises(Unreadable):
        _s3.listed(Reply(200, body))


def test_only_files_of_the_job_are_fetched():
    """Of what a listing names, only answer files in the job's own folder are fetched."""
    status = Status(id=ARN, word="Completed", phase="ended", results=(f"{BUCKET}/a/abcdef123456/",))
    keys = (
        "a/abcdef123456/x.jsonl.out",
        "a/abcdef123456/manifest.json.out",
        "other/x.jsonl.out",
        "../x.jsonl.out",
    )
    items = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
    reply = Reply(
        200, f"<ListBucketResult>{items}<IsTruncated>false</IsTruncated></ListBucketResult>".encode()
    )
    assert jobs.placed(reply, status) == ([f"{BUCKET}/a/abcdef123456/x.jsonl.out"], "")


def test_a_job_sent_again_is_one_job(desk: Desk):
    """Where a listing does not have a job yet that was sent, it is sent again under its name, and stays one job."""
    desk.provider.lost.add("create")
    with pytest.raises(Exception, match=r".*"):
        desk.run("a")
    desk.provider.unlisted = True
    assert texts(desk.run("a")) == ["answer to Say a"]
    assert desk.provider.steps.count("create") == 2
    assert len(desk.provider.jobs) == 1


def test_stored_keys_are_bound_to_the_regional_host(tmp_path: Path):
    """A stored access key that may go to S3 in a region may go to its buckets there, and to no other region."""
    store = Credentials(tmp_path)
    store.set("bedrock", f"{KEY_ID}:{SECRET}", hosts=["s3.eu-west-1.amazonaws.com"])
    assert store.find("bedrock", host="https://s3.eu-west-1.amazonaws.com") is not None
    with pytest.raises(CredentialError):
        store.find("bedrock", host="https://s3.us-west-2.amazonaws.com")
