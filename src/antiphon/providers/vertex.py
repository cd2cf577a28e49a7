"""Vertex AI on Google Cloud: Gemini, and Claude with dialect="anthropic_vertex".

The project is GOOGLE_CLOUD_PROJECT (or ANTHROPIC_VERTEX_PROJECT_ID), the location GOOGLE_CLOUD_LOCATION (or
CLOUD_ML_REGION), else global; base_url may name both:
https://HOST/v1/projects/PROJECT/locations/LOCATION. An OAuth access token is the key: the argument, the
environment, or a stored one. Without any, the Application Default Credentials of this process are used (extra
`vertex`): a service account, workload identity, a virtual machine's, or what `gcloud auth application-default
login` left. They go to Google's own hosts and to this machine only.

Neither project nor location is part of the key: a model's name means the same weights in each of them.
Facts: google-genai 3.4 and anthropic 2.12, November 2026.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from ..call import Call, Secret
from ..dialects import anthropic_messages, anthropic_vertex, gemini_content
from ..errors import CredentialError, RequestError
from ..request import Request
from . import Endpoint, Maker, Provider, Way, anthropic
from ._facts import refusals

CLAUDE = "anthropic_vertex"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"

# Where models are served (Google Cloud's documentation, November 2026). A token of the environment goes only there.
LOCATIONS = (
    *("us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west4"),
    *("northamerica-northeast1", "southamerica-east1", "southamerica-west1", "africa-south1"),
    *("europe-central2", "europe-north1", "europe-southwest1"),
    *(f"europe-west{number}" for number in (1, 2, 3, 4, 6, 8, 9, 12)),
    *("me-central1", "me-central2", "me-west1", "asia-east1", "asia-east2", "asia-south1", "asia-south2"),
    *("asia-northeast1", "asia-northeast2", "asia-northeast3", "asia-southeast1", "asia-southeast2"),
    *("australia-southeast1", "australia-southeast2"),
)
MULTI = ("us", "eu")
_OWN = re.compile(r"([a-z0-9-]+-)?aiplatform\.googleapis\.com|aiplatform\.(us|eu)\.rep\.googleapis\.com")


def host(location: str) -> str:
    """The host of a location."""
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in MULTI:
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"


def _variable(names: tuple[str, ...], form: str, setting: str, default: str = "") -> str:
    """The first of these environment variables that says something, if it can be part of an address."""
    found = next((value for name in names if (value := os.environ.get(name, "").strip())), default)
    if not re.fullmatch(form, found):
        raise RequestError(
            f"{found!r} is no Google Cloud {setting}" if found else f"no Google Cloud {setting} is given",
            field="base_url",
            hint=f"Set {names[0]}, or give base_url='https://HOST/v1/projects/PROJECT/locations/LOCATION'.",
        )
    return found


def address(request: Request) -> str:
    """Where this request goes. RequestError where nothing names the project."""
    maker = "anthropic" if request.dialect == CLAUDE else "google"
    if request.base_url and urlsplit(request.base_url).path:
        return f"{request.base_url}/publishers/{maker}"
    projects = ("GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID")
    project = _variable(projects, r"[a-z0-9][a-z0-9.:-]*", "project")
    location = _variable(
        ("GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION"), r"[a-z0-9-]+", "location", default="global"
    )
    server = request.base_url or f"https://{host(location)}"
    return f"{server}/v1/projects/{project}/locations/{location}/publishers/{maker}"


@asynccontextmanager
async def endpoint(request: Request) -> AsyncGenerator[Endpoint]:
    """The address for this request; models are listed by their maker, whatever the project."""
    claude = request.dialect == CLAUDE
    if request.model and request.model.startswith("claude") != claude:
        raise RequestError(
            f"{request.model} is not asked in this protocol",
            field="dialect",
            hint=f"Give dialect={CLAUDE!r} for Claude, and none for Gemini.",
        )
    base = address(request)
    server = "{0.scheme}://{0.netloc}".format(urlsplit(base))
    yield Endpoint(base_url=base, models_base=f"{server}/v1beta1/publishers/{base.rpartition('/')[2]}")


# ------------------------------------------------------------------------------------------ credentials

_lock = threading.Lock()
_found: dict[tuple[str, ...], Any] = {}  # what was found, by what decides which is


async def signed(request: Request, call: Call) -> Call:  # noqa: ARG001 - the same for all requests
    """`call`, with a token of the Application Default Credentials where it has no key. CredentialError without any."""
    if call.secrets:
        return call
    own = _OWN.fullmatch(call.host) and call.url.startswith("https://")
    if not own and call.host not in ("localhost", "127.0.0.1", "::1"):
        raise CredentialError(
            f"Google's credentials go to Google only, not to {call.host}",
            field="api_key",
            hint="Give that server a key of its own (`antiphon keys set vertex --host …`).",
        )
    # A refresh asks the network.
    token = await asyncio.to_thread(_token)
    return replace(call, headers={**call.headers, "Authorization": token.prefixed("Bearer ")})


def _token() -> Secret:
    try:
        auth: Any = importlib.import_module("google.auth")
        http: Any = importlib.import_module("google.auth.transport.requests")
    except ImportError:
        raise CredentialError(
            "no access token for Vertex AI was found, and google-auth is not installed",
            field="api_key",
            hint="Give api_key='ya29.…' (`gcloud auth print-access-token`), or install antiphon[vertex].",
        ) from None
    decisive = ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "HOME")
    which = tuple(os.environ.get(name, "") for name in decisive)
    with _lock:
        try:
            if which not in _found:
                _found[which] = auth.default(scopes=[SCOPE])[0]
            if not _found[which].valid:
                _found[which].refresh(http.Request())
            return Secret(str(_found[which].token))
        except (auth.exceptions.GoogleAuthError, ValueError) as problem:
            raise CredentialError(
                f"Google's credentials were not to be had: {type(problem).__name__}",
                field="api_key",
                hint="Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS.",
            ) from problem


# Partners take less than Anthropic itself; the older figure holds for them.
CLAUDE_LIMITS = replace(
    anthropic.LIMITS, base64={"image": 5 * 1024 * 1024}, source='platform.claude.com, "Vision", 2026'
)

PROVIDER = Provider(
    name="vertex",
    title="Vertex AI",
    key="optional",
    makers=(
        Maker("google", dates="none"),
        Maker("anthropic", dates="none"),
    ),  # Google Cloud has its own dates
    key_env=("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN"),
    hosts=tuple(host(location) for location in ("global", *MULTI, *LOCATIONS)),
    models_path="models?pageSize=300",
    ways={
        "gemini_content": Way(gemini_content, replace(gemini_content.GEMINI, refusals=refusals("google"))),
        CLAUDE: Way(
            anthropic_vertex,
            # Claude fetches no addresses there: platform.claude.com, "Vision", 2026.
            replace(
                anthropic_messages.ANTHROPIC,
                refusals=refusals("anthropic"),
                media_urls=False,
                media_limits=CLAUDE_LIMITS,
            ),
        ),
    },
    open=endpoint,
    sign=signed,
    price_id="google",
)
