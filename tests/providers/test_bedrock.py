"""Bedrock as a provider: signatures, credentials, regions, addresses, and what its models refuse."""

from __future__ import annotations

import asyncio
import builtins
import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as TheirKeys
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon import providers
from antiphon.call import Call, Secret
from antiphon.credentials import Credentials
from antiphon.errors import CredentialError, RequestError
from antiphon.providers import _aws, bedrock
from antiphon.providers._sigv4 import Keys, sign
from antiphon.request import Config, Message, Request

BEDROCK = providers.get("bedrock")
NOW = 1790000000.0
KEYS = Keys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without AWS in it; what the chain found before is forgotten."""
    import os

    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(_aws, "_found", None)


def asked(
    model: str = "us.anthropic.claude-opus-4-6-v1",
    base_url: str | None = None,
    dialect: str | None = None,
    **config: Any,
) -> Request:
    """A greeting to this model."""
    return Request(
        provider="bedrock",
        messages=(Message("user", "Hi"),),
        config=Config(model=model, **config),
        base_url=base_url,
        dialect=dialect,
    )


# ------------------------------------------------------------------------------------------ signatures


def theirs(call: Call, keys: Keys, region: str, service: str) -> dict[str, str]:
    """The headers of the same call as botocore signs it at the same time."""
    token = keys.token.reveal() if keys.token else None
    credentials = TheirKeys(keys.access_key, keys.secret_key.reveal(), token)
    request = AWSRequest(
        method=call.method, url=call.url, data=call.body, headers={k: str(v) for k, v in call.headers.items()}
    )
    at = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: at)
        botocore.auth.SigV4Auth(credentials, service, region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def revealed(call: Call) -> dict[str, str]:
    """The headers as they go out."""
    return {
        name.lower(): value.reveal() if isinstance(value, Secret) else value
        for name, value in call.headers.items()
    }


def assert_same(call: Call, keys: Keys, region: str = "us-east-1", service: str = "bedrock") -> None:
    signed = sign(call, keys, region=region, service=service, at=NOW)
    assert revealed(signed) == theirs(call, keys, region, service)


ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-6-v1:0"
HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "call",
    [
        Call(f"{HOST}/model/{quote(ARN, safe='')}/converse", b"{}", JSON),
        Call(f"{HOST}/model/mistral.mistral-7b-instruct-v0%3A2/invoke", b"{}", JSON),
        Call("https://bedrock.us-east-1.amazonaws.com/foundation-models?b=2&a=%3A1&a=&c", method="GET"),
        Call("http://127.0.0.1:8443/a//b/./c/../d/?x", b"\xff\x00", {"X-Odd": "  two   blanks "}),
        Call("http://[::1]:80", b""),
        Call("https://[::1]:8443/~x", b"{}", {**JSON, "anthropic-version": "2023-06-01"}),
    ],
    ids=lambda call: call.url[:60],
)
@pytest.mark.parametrize("token", [None, Secret("IQoJb3JpZ2lu/+=long")], ids=["lasting", "session"])
def test_signs_as_botocore_does(call: Call, token: Secret | None) -> None:
    """The signed headers equal botocore's byte for byte: ids with : and /, queries, ports, session tokens."""
    assert_same(call, replace(KEYS, token=token))


WORDS = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@settings(max_examples=200, deadline=None)
@given(
    model=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
        lambda text: text not in (".", "..")
    ),
    body=st.binary(max_size=40),
    query=st.lists(st.tuples(WORDS, WORDS), max_size=3),
    secret=WORDS,
    token=st.none() | WORDS,
    value=WORDS,
    region=st.sampled_from(["us-east-1", "eusc-de-east-1"]),
    service=st.sampled_from(["bedrock", "bedrock-mantle"]),
)
def test_signs_anything_as_botocore_does(
    model: str,
    body: bytes,
    query: list[tuple[str, str]],
    secret: str,
    token: str | None,
    value: str,
    region: str,
    service: str,
) -> None:
    """Any model id, body, query, key and header: the same signature as botocore's."""
    pairs = "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in query)
    url = f"{HOST}/model/{quote(model, safe='')}/converse" + (f"?{pairs}" if pairs else "")
    keys = Keys("AKID", Secret(secret), Secret(token) if token else None)
    assert_same(Call(url, body, {**JSON, "x-any": value}), keys, region, service)


def test_nothing_signed_shows_a_secret() -> None:
    """Signature and token are Secrets: the signed call prints neither, nor does what holds the keys."""
    keys = replace(KEYS, token=Secret("THE-TOKEN"))
    signed = sign(Call(HOST, b"{}", JSON), keys, region="us-east-1", service="bedrock", at=NOW)
    assert len(signed.secrets) == 2
    signature = revealed(signed)["authorization"].rpartition("=")[2]
    for shown in (repr(signed), repr(keys), str(keys), f"{keys}"):
        assert "THE-TOKEN" not in shown
        assert signature not in shown
        assert "wJalr" not in shown


# ----------------------------------------------------------------------------------------- credentials


def found() -> Keys:
    """The keys that this process would sign with."""
    return asyncio.run(_aws.keys())


def test_keys_in_the_environment_need_no_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ACCESS_KEY_ID and its companions are enough, where botocore is not installed."""
    _hide_botocore(monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    assert found() == Keys("AKID", Secret("s3cret"))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t0ken")
    assert found().token == Secret("t0ken")


def _hide_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refusing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("botocore"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refusing)


def test_without_botocore_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No keys and no botocore: the error names the extra and the variables."""
    _hide_botocore(monkeypatch)
    with pytest.raises(CredentialError, match="botocore") as caught:
        found()
    assert "antiphon[bedrock]" in caught.value.hint
    assert "AWS_BEARER_TOKEN_BEDROCK" in caught.value.hint


def test_no_credentials_anywhere() -> None:
    """An empty chain is an error that says where was looked."""
    with pytest.raises(CredentialError, match="no AWS credentials") as caught:
        found()
    assert "aws configure" in caught.value.hint


def test_a_profile_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys of a profile come from the file, are kept, and another profile has others."""
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = A\naws_secret_access_key = a\n"
        "[work]\naws_access_key_id = W\naws_secret_access_key = w\naws_session_token = t\n"
    )
    assert found() == Keys("A", Secret("a"))
    (tmp_path / "credentials").write_text(
        "[work]\naws_access_key_id = W\naws_secret_access_key = w\naws_session_token = t\n"
    )
    assert found() == Keys("A", Secret("a"))
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert found() == Keys("W", Secret("w"), Secret("t"))


def test_lasting_keys_are_read_again_after_a_while(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys that name no expiry are looked up anew after five minutes, since other tools rewrite the file."""
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = A\naws_secret_access_key = a\n")
    assert found().access_key == "A"
    path.write_text("[default]\naws_access_key_id = B\naws_secret_access_key = b\n")
    monkeypatch.setattr(_aws, "LASTING", 0.0)
    assert found().access_key == "B"


def _process(tmp_path: Path, answer: Mapping[str, Any]) -> None:
    """A profile whose keys come from a program, the way SSO helpers do it; each run is counted in a file."""
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    script = tmp_path / "give.sh"
    script.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\ncat {tmp_path}/answer.json\n")
    script.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {script}\n")


def _expiry(minutes: float) -> str:
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(("minutes", "runs"), [(60, 1), (5, 3)])
def test_temporary_keys_are_kept_until_near_their_expiry(tmp_path: Path, minutes: float, runs: int) -> None:
    """Temporary keys are asked for once while they last, and renewed when their end is near."""
    given = {"Version": 1, "AccessKeyId": "T", "SecretAccessKey": "t", "SessionToken": "s"}
    _process(tmp_path, {**given, "Expiration": _expiry(minutes)})
    for _ in range(3):
        assert found() == Keys("T", Secret("t"), Secret("s"))
    assert len((tmp_path / "runs").read_text().split()) >= runs
    if runs == 1:
        assert (tmp_path / "runs").read_text() == "run\n"


def test_a_failing_chain_is_a_typed_error(tmp_path: Path) -> None:
    """What goes wrong inside botocore is a CredentialError that says what to do."""
    _process(tmp_path, {"Version": 7})
    with pytest.raises(CredentialError, match="cannot be had") as caught:
        found()
    assert "aws sso login" in caught.value.hint


# ------------------------------------------------------------------------------------- region, address


def opened(request: Request) -> tuple[str, str, dict[str, Any]]:
    """Where the request goes, where models are listed, and the headers."""

    async def look() -> tuple[str, str, dict[str, Any]]:
        assert BEDROCK.open is not None
        async with BEDROCK.open(request) as endpoint:
            return endpoint.base_url, endpoint.models_base, dict(endpoint.headers)

    return asyncio.run(look())


def test_where_the_region_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """extra, base_url, AWS_REGION, AWS_DEFAULT_REGION, the profile: the first that says one wins."""
    with pytest.raises(RequestError, match="no AWS region") as caught:
        bedrock.region(asked())
    assert (caught.value.field, "AWS_REGION" in caught.value.hint) == ("region", True)
    (tmp_path / "config").write_text(
        "[default]\nregion = eu-north-1\n[profile work]\nregion = eu-south-1\n[profile none]\n"
    )
    assert bedrock.region(asked()) == "eu-north-1"
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert bedrock.region(asked()) == "eu-south-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert bedrock.region(asked()) == "ap-south-1"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert bedrock.region(asked()) == "us-west-2"
    own = "https://vpce-1.bedrock-runtime.us-gov-east-1.vpce.amazonaws.com"
    assert bedrock.region(asked(base_url=own)) == "us-gov-east-1"
    assert bedrock.region(asked(base_url=own, extra={"region": "sa-east-1"})) == "sa-east-1"


@pytest.mark.parametrize("bad", ["evil.com/", "us east 1", "us-east-1.evil.com", "", 7])
def test_a_region_is_never_part_of_another_host(monkeypatch: pytest.MonkeyPatch, bad: Any) -> None:
    """What is no region is refused, so that no host is made of it."""
    with pytest.raises(RequestError) as caught:
        opened(asked(extra={"region": bad}))
    assert caught.value.field == "region"


def test_a_broken_profile_file_is_named(tmp_path: Path) -> None:
    """A config file that cannot be read is an error that names it."""
    (tmp_path / "config").write_text("region = x\n")
    with pytest.raises(CredentialError, match="AWS profiles"):
        bedrock.region(asked())


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers, listings and Anthropic's protocol have hosts of their own in each region; base_url wins."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    control = "https://bedrock.eu-west-1.amazonaws.com"
    assert opened(asked()) == ("https://bedrock-runtime.eu-west-1.amazonaws.com", control, {})
    assert (
        opened(asked(dialect="bedrock_invoke_claude"))[0] == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    )
    assert opened(asked(dialect="anthropic_messages")) == (
        "https://bedrock-mantle.eu-west-1.api.aws/anthropic/v1",
        "",
        {"anthropic-version": "2023-06-01"},
    )
    own = "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert opened(asked(base_url=own)) == (own, "https://bedrock.us-east-1.amazonaws.com", {})
    assert opened(asked(base_url="http://127.0.0.1:1")) == ("http://127.0.0.1:1", "", {})
    assert opened(asked(extra={"region": "eusc-de-east-1"}))[0].endswith(".amazonaws.eu")
    with pytest.raises(RequestError, match="region"):
        opened(asked(dialect="anthropic_messages", extra={"region": "eu-west-1"}))


def test_regions_are_botocores() -> None:
    """botocore knows each region in our list, and our keys may go to all three hosts of each."""
    data = botocore.session.Session().get_component("data_loader").load_data("endpoints")
    known = {
        region
        for part in data["partitions"]
        for region in part["services"].get("bedrock", {}).get("endpoints", ())
    }
    assert set(bedrock.REGIONS) <= known
    assert {host for region in bedrock.REGIONS for host in bedrock._hosts(region)} == set(BEDROCK.own_hosts)


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-3", "us-gov-west-1", "eusc-de-east-1"])
def test_hosts_are_botocores(region: str) -> None:
    """botocore's own clients call the same hosts, in every partition."""
    session = botocore.session.Session()
    for service, host in zip(("bedrock-runtime", "bedrock"), bedrock._hosts(region), strict=False):
        client = session.create_client(service, region, aws_access_key_id="a", aws_secret_access_key="b")
        assert client.meta.endpoint_url == f"https://{host}"


def test_the_environment_may_name_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL_BEDROCK_RUNTIME is the address, and part of the key unless it is AWS's own; region is not."""
    assert bedrock.identity(asked()) == {}
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert bedrock.identity(asked()) == {}
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://box:4566/")
    assert bedrock.identity(asked()) == {"server": "http://box:4566"}
    assert bedrock.identity(asked(base_url="http://other:1")) == {}
    assert opened(asked())[0] == "http://box:4566"
    monkeypatch.setenv(
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://v.bedrock-runtime.eu-west-1.vpce.amazonaws.com"
    )
    assert bedrock.identity(asked()) == {}


# ---------------------------------------------------------------------------------------- what is signed


def signed(url: str, request: Request | None = None) -> Call:
    return asyncio.run(bedrock.signed(request or asked(), Call(url, b"{}", JSON)))


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and a region in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


@pytest.mark.usefixtures("keyed")
def test_signatures_go_to_aws_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign host gets no signature, nor AWS over plain http; this machine and the server of the environment do."""
    for url in (
        "https://example.org/model/m/converse",
        "https://evil.s3.amazonaws.com/",
        "https://bedrock-runtime.eu-west-1.amazonaws.com.evil.org/",
        "http://bedrock-runtime.eu-west-1.amazonaws.com/",
        "https://box:4566/",
    ):
        with pytest.raises(CredentialError, match="go to AWS only") as caught:
            signed(url)
        assert "s3cret" not in str(caught.value)
    for url in (
        "https://bedrock-runtime.eu-west-1.amazonaws.com/x",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
    ):
        assert len(signed(url).secrets) == 1
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://box:4566/base")
    assert signed("https://box:4566/base/model/m/converse").secrets


@pytest.mark.usefixtures("keyed")
def test_each_host_has_its_service_in_the_scope() -> None:
    """bedrock signs for the runtime and the listings, bedrock-mantle for Anthropic's protocol."""
    own = signed("https://bedrock-runtime.eu-west-1.amazonaws.com/x")
    assert "/eu-west-1/bedrock/aws4_request" in revealed(own)["authorization"]
    mantle = signed("https://bedrock-mantle.eu-west-1.api.aws/x", asked(dialect="anthropic_messages"))
    assert "/eu-west-1/bedrock-mantle/aws4_request" in revealed(mantle)["authorization"]


def test_bearer_keys_of_the_environment_go_to_the_hosts_of_every_region(tmp_path: Path) -> None:
    """AWS_BEARER_TOKEN_BEDROCK goes to AWS's hosts for Bedrock over https, and nowhere else."""
    credentials = Credentials(tmp_path, {"AWS_BEARER_TOKEN_BEDROCK": "bedrock-key"})

    def found_for(url: str) -> Secret | None:
        return credentials.find(
            "bedrock", env=BEDROCK.key_env, own_hosts=BEDROCK.own_hosts, host=url, required=False
        )

    for region in bedrock.REGIONS:
        for host in bedrock._hosts(region):
            assert found_for(f"https://{host}/model/x/converse") == Secret("bedrock-key")
    for url in (
        "https://example.org",
        "http://bedrock-runtime.us-east-1.amazonaws.com",
        "http://127.0.0.1:1",
    ):
        assert found_for(url) is None


# ------------------------------------------------------------------------------- what the models refuse


def encoded(model: str, dialect: str | None = None, **config: Any) -> dict[str, Any]:
    way = BEDROCK.way(dialect)
    return way.dialect.encode(asked(model, **config), way.quirks, stream=False)


CLAUDES: list[Callable[[str], str]] = [
    "anthropic.{}-v1:0".format,
    "us.anthropic.{}".format,
    "global.anthropic.{}-v1:0".format,
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.{}-v1:0".format,
]


@pytest.mark.parametrize("dialect", ["bedrock_converse", "bedrock_invoke_claude", "anthropic_messages"])
@pytest.mark.parametrize("named", CLAUDES, ids=["plain", "us", "global", "ARN"])
def test_new_claude_takes_no_sampling(named: Callable[[str], str], dialect: str) -> None:
    """What Claude refuses at Anthropic it refuses here, whatever stands around its name; older Claude takes it."""
    for new in (
        "claude-opus-5-5",
        "claude-sonnet-5",
        "claude-opus-4-7",
        "claude-fable-5-2",
        "claude-unknown",
    ):
        for setting in ({"temperature": 0.5}, {"top_p": 0.9}, {"top_k": 5}):
            with pytest.raises(RequestError) as caught:
                encoded(named(new), dialect, **setting)
            assert caught.value.field in setting
    for old in (
        "claude-opus-4-6",
        "claude-sonnet-4-20250514",
        "claude-haiku-4-5-20251001",
        "claude-3-haiku-20240307",
    ):
        assert encoded(named(old), dialect, temperature=0.5)
    with pytest.raises(RequestError, match="together"):
        encoded(named("claude-opus-4-5-20251101"), dialect, temperature=0.5, top_p=0.5)
    with pytest.raises(RequestError, match="reasoning"):
        encoded(named("claude-opus-5-5"), dialect, reasoning=2048)


def test_reasoning_is_asked_of_claude_only() -> None:
    """The fields for thinking are Claude's; for other makers' models they are refused, for unnamed ARNs not."""
    for model in ("mistral.magistral-small-2509", "us.amazon.nova-pro-v1:0", "openai.gpt-oss-120b-1:0"):
        with pytest.raises(RequestError) as caught:
            encoded(model, reasoning="low")
        assert caught.value.field == "reasoning"
    assert encoded("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc", reasoning="low")


def test_the_provider_in_a_few_facts() -> None:
    """Keys, ways, and that no way carries a seed."""
    assert (BEDROCK.key, BEDROCK.key_env, BEDROCK.auth) == (
        "optional",
        ("AWS_BEARER_TOKEN_BEDROCK",),
        "bearer",
    )
    assert list(BEDROCK.ways) == [
        "bedrock_converse",
        "bedrock_invoke_claude",
        "bedrock_invoke_mistral",
        "anthropic_messages",
    ]
    assert all("seed" not in way.quirks.fields for way in BEDROCK.ways.values())
    assert "amazonaws.com" not in BEDROCK.own_hosts
