"""Ollama: models on this machine or another, or in its cloud.

The address is base_url=…, else $OLLAMA_HOST as Ollama's own clients read it, else this machine. The key
($OLLAMA_API_KEY) is for the cloud, and goes to ollama.com only.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from ..dialects import MediaLimits, Quirks, ollama_chat
from ..errors import RequestError
from ..request import Request, checked_base_url
from . import Endpoint, Provider, Way

HERE = "http://127.0.0.1:11434"
# With a scheme and without a port, the scheme's own port is meant.
PORTS = {"http": 80, "https": 443}


def address(host: str) -> str:
    """The base URL that an OLLAMA_HOST stands for: host, host:port, or a URL. RequestError if it is none of them."""
    scheme, mark, rest = host.strip().rpartition("://")
    try:
        parts = urlsplit(f"{scheme or 'http'}://{rest}")
        port = parts.port or (PORTS.get(scheme, 11434) if mark else 11434)
    except ValueError as error:
        raise RequestError(f"OLLAMA_HOST is no address: {error}", field="base_url") from None
    name = parts.hostname or "127.0.0.1"
    name = "127.0.0.1" if name in ("0.0.0.0", "::") else f"[{name}]" if ":" in name else name  # noqa: S104 - what a server binds to
    return checked_base_url(f"{parts.scheme}://{name}:{port}{parts.path}")


def base_url() -> str:
    """Where Ollama is, as the environment says it now."""
    given = os.environ.get("OLLAMA_HOST", "").strip()
    return address(given) if given else HERE


def identity(request: Request) -> Mapping[str, str]:
    """Another server may hold other weights under the same name, so its address tells requests apart."""
    where = request.base_url or base_url()
    return {} if request.base_url or where == HERE else {"server": where}


@asynccontextmanager
async def endpoint(request: Request) -> AsyncGenerator[Endpoint]:
    yield Endpoint(base_url=request.base_url or base_url())


CHAT = Quirks(
    fields={
        "max_tokens": ("options.num_predict",),
        "temperature": ("options.temperature",),
        "top_p": ("options.top_p",),
        "top_k": ("options.top_k",),
        "min_p": ("options.min_p",),
        "presence_penalty": ("options.presence_penalty",),
        "frequency_penalty": ("options.frequency_penalty",),
        "repeat_penalty": ("options.repeat_penalty",),
        "stop": ("options.stop",),
        "seed": ("options.seed",),
        "response_format": ("format",),
    },
    reasoning={
        "off": {"think": False},
        "low": {"think": "low"},
        "medium": {"think": "medium"},
        "high": {"think": "high"},
    },
    # Otherwise a prompt that is too long loses its beginning without a word (both fields: api/types.go).
    always={"truncate": False, "shift": False},
    media_urls=False,
    media_limits=MediaLimits(
        types={"image": ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp")},
        source="ollama pull request 17755, August 2026 (WebP by itself, the rest by llama.cpp)",
    ),
)

PROVIDER = Provider(
    name="ollama",
    title="Ollama",
    key="optional",
    key_env=("OLLAMA_API_KEY",),
    hosts=("ollama.com",),
    models_path="api/tags",
    ways={"ollama_chat": Way(ollama_chat, CHAT)},
    identity=identity,
    open=endpoint,
    free="here",
)
