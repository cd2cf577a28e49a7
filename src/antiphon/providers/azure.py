"""OpenAI's models on Azure, through its v1 API: the model's name is the deployment's.

Sources: Microsoft's documentation of the v1 API and the openai package (3.54.0), read in November 2026. The address
is base_url=…, else $AZURE_OPENAI_ENDPOINT (``https://RESOURCE.openai.azure.com``); its host is the one that
$AZURE_OPENAI_API_KEY may go to. A deployment's name does not tell its model, so no setting is refused by model:
Azure refuses those itself.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from ..dialects import openai_chat, openai_responses
from ..errors import RequestError
from ..request import Request
from . import Endpoint, Provider, Way
from .openai import CHAT
from .openai import LIMITS as THEIRS

ENDPOINT = "AZURE_OPENAI_ENDPOINT"


# The models are OpenAI's, and read what they read there; how much of it Azure lets through, no source tells.
LIMITS = replace(THEIRS, count={}, request=None, source="OpenAI's documentation, 2026, for what models read")


def base_url() -> str:
    """The resource's address, as the environment says it now. RequestError where it says nothing."""
    address = PROVIDER.address(os.environ.get(ENDPOINT, "").strip() or None)
    if address is None:
        raise RequestError(
            f"the address of the Azure resource is neither in base_url nor in ${ENDPOINT}",
            field="base_url",
            hint="Give base_url='https://RESOURCE.openai.azure.com'.",
        )
    return address


def identity(request: Request) -> Mapping[str, str]:
    """The same deployment name is another model on another resource, so its address tells requests apart."""
    return {} if request.base_url else {"server": base_url()}


@asynccontextmanager
async def endpoint(request: Request) -> AsyncGenerator[Endpoint]:
    yield Endpoint(base_url=request.base_url or base_url())


PROVIDER = Provider(
    name="azure",
    title="Azure OpenAI",
    base_path="/openai/v1",
    key_env=("AZURE_OPENAI_API_KEY",),
    address_env=ENDPOINT,
    auth="api-key",
    ways={
        "openai_chat": Way(
            openai_chat, replace(CHAT, refusals=(), streamed={}, cache=None, media_limits=LIMITS)
        ),
        "openai_responses": Way(openai_responses, replace(openai_responses.OPENAI, media_limits=LIMITS)),
    },
    identity=identity,
    open=endpoint,
    price_id="azure",
)
