"""Amazon Bedrock: models of many makers, asked through Converse unless another dialect is named.

The region is extra={"region": …}, else what base_url says, else AWS_REGION, AWS_DEFAULT_REGION or the profile's.
It is no part of the key: one model id means the same weights in every region, and a recording made in one
region replays in another. (What stands in `extra` or base_url is part of the key as always.)

A bearer key comes first: the argument, AWS_BEARER_TOKEN_BEDROCK, or a stored one. An access key can stand there
too, as ID:SECRET or ID:SECRET:TOKEN; it signs. Without any, calls are
signed with the AWS credentials of this process: AWS_ACCESS_KEY_ID and its companions, or (extra `bedrock`)
profile, SSO, role, container or instance. Each try is signed afresh. Signatures go to AWS's own hosts, to this
machine, and to the address in AWS_ENDPOINT_URL_BEDROCK_RUNTIME or AWS_ENDPOINT_URL, which names another server
for all calls.

Newer Claude is also on bedrock-mantle, in Anthropic's own protocol: dialect="anthropic_messages".
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from ..call import Call
from ..dialects import (
    Turns,
    _jobs_bedrock,
    _s3,
    anthropic_messages,
    bedrock_converse,
    bedrock_invoke_claude,
    bedrock_invoke_mistral,
)
from ..errors import CredentialError, RequestError
from ..request import Request, checked_base_url
from . import Endpoint, Files, Maker, Provider, Way, _aws, anthropic
from ._facts import refusals
from ._sigv4 import sign

# Where Bedrock is (botocore 1.44.5, November 2026). A key from the environment goes to these only.
REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "us-gov-east-1", "us-gov-west-1"),
    *("ca-central-1", "ca-west-1", "mx-central-1", "sa-east-1"),
    *("eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2"),
    *("eu-west-1", "eu-west-2", "eu-west-3", "eusc-de-east-1"),
    *("af-south-1", "il-central-1", "me-central-1", "me-south-1"),
    *("ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2"),
    *(f"ap-southeast-{number}" for number in range(1, 8)),
)
MANTLE = "anthropic_messages"  # the one dialect that is spoken there

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}")
SERVER, S3_SERVER = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL_S3"
_OWN_S3 = re.compile(r"([a-z0-9][-.a-z0-9]*\.)?s3\.[a-z0-9-]+\.amazonaws\.(com|eu)")
_OWN = re.compile(
    r"(.+\.)?bedrock(-runtime|-mantle)?(-fips)?\.([a-z0-9-]+)\.((vpce\.)?amazonaws\.(com|eu)|api\.aws)"
)


def _hosts(region: str) -> tuple[str, str, str]:
    """The hosts of a region: answers, listings, and Anthropic's own protocol."""
    suffix = "amazonaws.eu" if region.startswith("eusc-") else "amazonaws.com"
    return (
        f"bedrock-runtime.{region}.{suffix}",
        f"bedrock.{region}.{suffix}",
        f"bedrock-mantle.{region}.api.aws",
    )


def region(request: Request) -> str:
    """The region to ask in. RequestError where nothing names one, or what is named cannot be one."""
    host = urlsplit(request.base_url or "").hostname or ""
    own = _OWN.fullmatch(host)
    found = request.config.extra.get("region") or (own and own.group(4)) or _aws.region()
    if not found:
        raise RequestError(
            "no AWS region is given",
            field="region",
            hint="Set AWS_REGION, or give extra={'region': 'us-east-1'}.",
        )
    if not isinstance(found, str) or not _REGION.fullmatch(found):
        raise RequestError(f"{found!r} is not an AWS region such as us-east-1", field="region")
    return found


def server() -> str:
    """The address that the environment names in place of AWS's own; empty if it names none."""
    for variable in (SERVER, "AWS_ENDPOINT_URL"):
        if found := os.environ.get(variable, "").strip():
            return checked_base_url(found)
    return ""


def identity(request: Request) -> Mapping[str, str]:
    """Another server than AWS's may hold other weights under the same name, so its address tells requests apart."""
    where = "" if request.base_url else server()
    return {"server": where} if where and not _OWN.fullmatch(urlsplit(where).hostname or "") else {}


@asynccontextmanager
async def endpoint(request: Request) -> AsyncGenerator[Endpoint]:
    """The address for this request, and the version header where the protocol is Anthropic's."""
    mantle = request.dialect == MANTLE
    headers: Mapping[str, str] = anthropic.PROVIDER.headers if mantle else {}
    if mantle and "region" in request.config.extra:
        raise RequestError(
            "in this protocol extra goes to the server as it is, so it cannot hold the region",
            field="extra",
            hint="Set AWS_REGION, or give base_url='https://bedrock-mantle.REGION.api.aws/anthropic/v1'.",
        )
    address = request.base_url or server()
    if address:
        own = _OWN.fullmatch(urlsplit(address).hostname or "")
        runtime, control, _ = _hosts(own.group(4)) if own else ("", "", "")
        listed = f"https://{control}" if own and urlsplit(address).hostname == runtime else ""
        yield Endpoint(base_url=address, headers=headers, models_base=listed, files=partial(_files, request))
        return
    # The region may stand in a file.
    runtime, control, other = _hosts(await asyncio.to_thread(region, request))
    if mantle:
        yield Endpoint(base_url=f"https://{other}/anthropic/v1", headers=headers)
    else:
        yield Endpoint(
            base_url=f"https://{runtime}",
            headers=headers,
            models_base=f"https://{control}",
            files=partial(_files, request),
        )


async def signed(request: Request, call: Call) -> Call:
    """`call` as it is with a bearer key, or signed: with the access key stored for it, or with this process's.

    CredentialError where there are none, or those of this process would go to a foreign host.
    """
    keys = _aws.stored(call)
    if keys is not None:  # its hosts were checked when it was looked up
        call = replace(call, headers={n: v for n, v in call.headers.items() if n != "Authorization"})
    elif call.secrets:
        return call
    else:
        _check_host(call)
        keys = await _aws.keys()
    where = region(request)
    service = "bedrock-mantle" if request.dialect == MANTLE else "bedrock"
    return sign(call, keys, region=where, service=service, at=time.time())


def _check_host(
    call: Call, own: re.Pattern[str] = _OWN, where: str | None = None, variable: str = SERVER
) -> None:
    url = urlsplit(call.url)
    where = server() if where is None else where
    if own.fullmatch(call.host) and url.scheme == "https":
        return
    if call.host in ("localhost", "127.0.0.1", "::1"):
        return
    if where and urlsplit(where)[:2] == url[:2]:
        return
    raise CredentialError(
        f"AWS signatures go to AWS only, not to {url.scheme}://{call.host}",
        field="api_key",
        hint="Give that server a key of its own (`antiphon keys set bedrock --host …`),"
        f" or name it in {variable}.",
    )


# ------------------------------------------------------------------------------- the files of jobs


def _s3_host(region: str) -> str:
    return f"s3.{region}.{'amazonaws.eu' if region.startswith('eusc-') else 'amazonaws.com'}"


def _s3_server() -> str:
    """The address that the environment names in place of S3; empty if it names none."""
    for variable in (S3_SERVER, "AWS_ENDPOINT_URL"):
        if found := os.environ.get(variable, "").strip():
            return checked_base_url(found)
    return ""


def _files(request: Request) -> Files:
    """S3 in the request's region, or the server named in its place. RequestError where nothing tells the region."""
    own = _s3_server()
    base = own or f"https://{_s3_host(region(request))}"
    return Files(
        base=base,
        # Other servers than AWS's know no buckets in front of their host.
        address=lambda where: _s3.address(base, where, before_host=not own),
        sign=partial(_signed_file, request),
        error=_s3.error,
    )


async def _signed_file(request: Request, call: Call) -> Call:
    """`call` to S3 signed. A bearer key, which S3 does not take, is left out, and this process's access key signs."""
    keys = _aws.stored(call)
    call = replace(call, headers={n: v for n, v in call.headers.items() if n != "Authorization"})
    if keys is None:
        _check_host(call, _OWN_S3, _s3_server(), S3_SERVER)
        keys = await _aws.keys()
    return sign(call, keys, region=region(request), service="s3", at=time.time())


# ------------------------------------------------------------------------------- what the models take

# Model ids and the ARNs of inference profiles hold the maker's name: us.anthropic.claude-…, mistral.…. AWS has
# dates of its own for when a model goes.
ANTHROPIC = r".*anthropic\."
CLAUDE = refusals("anthropic", before=rf"{ANTHROPIC}(?!claude-v2)")
# Models that keep prompts (AWS's documentation of prompt caching); the others answer a mark with an error.
KEEPING = r".*anthropic\.claude-(?!v2|instant|3-(haiku|sonnet|opus)|3-5-sonnet-20240620)"
# Whatever an ARN without a name stands for, the server decides.
REFUSALS = (*CLAUDE, *refusals("bedrock"))
# Seen on Bedrock in 2026: "image exceeds 5 MB maximum". The body: botocore 1.44.5, InvokeModel.
CLAUDE_LIMITS = replace(
    anthropic.LIMITS,
    base64={"image": 5 * 1024 * 1024},
    request=25_000_000,
    source="botocore 1.44.5 and errors seen in 2026",
)
# Claude fetches no addresses on Bedrock: platform.claude.com, "Vision", 2026.
CLAUDE_HERE = replace(
    anthropic_messages.ANTHROPIC,
    media_urls=False,
    media_limits=CLAUDE_LIMITS,
    refusals=CLAUDE,
    turns=Turns(refuses=frozenset({"first_assistant", "prefill_space"})),
    cached_models=KEEPING,
)


def listed_names(answered: str, asked: str) -> tuple[str, ...]:
    """The model's names in a price list, by the name that was asked for: a reply leaves out what makes it dearer.

    Without the ARN around it; prefixes stay (``us.``, ``global.``). What stands behind an application's own profile
    only the reply tells, if anything does: Claude's name, without its maker's.
    """
    names = [name.rpartition("/")[2] if name.startswith("arn:") else name for name in (asked, answered)]
    return tuple(f"anthropic.{name}" if name.startswith("claude-") else name for name in names)


PROVIDER = Provider(
    name="bedrock",
    title="Amazon Bedrock",
    key="optional",
    key_env=("AWS_BEARER_TOKEN_BEDROCK",),
    makers=(Maker("anthropic", ANTHROPIC, dates="none"), Maker("bedrock")),
    hosts=tuple(host for region in REGIONS for host in _hosts(region)),
    models_path="foundation-models?byOutputModality=TEXT",
    # Those that AWS defines; those of an account have no name but their ARN.
    more_models="inference-profiles?maxResults=1000&type=SYSTEM_DEFINED",
    ways={
        "bedrock_converse": Way(
            bedrock_converse,
            replace(
                bedrock_converse.CONVERSE, refusals=REFUSALS, cached_models=rf"{KEEPING}|.*amazon\.nova-"
            ),
        ),
        "bedrock_invoke_claude": Way(bedrock_invoke_claude, CLAUDE_HERE),
        "bedrock_invoke_mistral": Way(bedrock_invoke_mistral, bedrock_invoke_mistral.PROMPT),
        MANTLE: Way(anthropic_messages, replace(CLAUDE_HERE, turns=Turns(), cached_models="")),
    },
    identity=identity,
    open=endpoint,
    sign=signed,
    price_id="aws",
    price_names=listed_names,
    jobs=dict.fromkeys(
        ("bedrock_converse", "bedrock_invoke_claude", "bedrock_invoke_mistral"), _jobs_bedrock
    ),
)
