"""The embedded model: llama.cpp on this machine, in a child process. No key, no network.

The default model comes in a package of its own. It is a proof that all works, not a writer: see
`antiphon.local.notice`. Any instruct GGUF can be named instead.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from ..dialects import Model, Quirks, openai_chat
from ..errors import RequestError
from ..request import Request
from . import Endpoint, Provider, Way
from .compatible import CHAT as COMPATIBLE
from .compatible import TURNS

CHAT = Quirks(
    fields={**COMPATIBLE.fields, "repeat_penalty": ("repeat_penalty",)},
    # Templates that think (Qwen3, SmolLM3) can be told not to; how much they think cannot be set.
    reasoning={"off": {"chat_template_kwargs": {"enable_thinking": False}}},
    turns=TURNS,
    media=frozenset(),
    media_urls=False,
    noted={
        "fast": "fast: computed together with other requests, so the same request may be answered otherwise elsewhere"
    },
)
FAST = {"fast": True}  # what a request's `extra` says that is to be computed together with others


def identity(request: Request) -> Mapping[str, str]:
    """Engine, backend, model sum, context: see `local.engine.identity`."""
    from ..local import engine  # asyncio and subprocess are needed only where this provider is asked

    _check(request)
    return engine.identity(request.model, fast=_is_fast(request))


def _is_fast(request: Request) -> bool:
    fast = request.config.extra.get("fast", False)
    if not isinstance(fast, bool):
        raise RequestError(f"extra's fast must be true or false, not {fast!r}", field="extra")
    return fast


def _check(request: Request) -> None:
    """RequestError for what the engine would take without a word and answer with nonsense."""
    for message in request.messages:
        if message.media:
            raise RequestError(
                f"the embedded model takes text only, no {message.media[0].kind}",
                field="messages",
                hint="Ask a provider that sees or hears, or leave the media out.",
            )
        if not message.text:
            raise RequestError(f"the {message.role} message is empty", field="messages")
        if "\0" in message.text:
            raise RequestError(
                f"the {message.role} message holds a NUL character, where llama.cpp would stop reading",
                field="messages",
            )


@asynccontextmanager
async def endpoint(request: Request) -> AsyncGenerator[Endpoint, None]:
    """A server for this request, started if need be."""
    from ..local import engine

    _check(request)
    body = openai_chat.encode(request, CHAT, stream=False)
    async with engine.lease(request.model, body, fast=_is_fast(request)) as address:
        # Each request has a connection of its own: the server drops idle ones without a word after 5 s.
        headers = {"Authorization": address.secret.prefixed("Bearer "), "Connection": "close"}
        # Only a stream that reports its progress is noticed to be closed, while it reads and while it writes.
        body = {**address.body, "return_progress": True}
        yield Endpoint(base_url=f"{address.url}/v1", headers=headers, body=body, stream=True)


def listing() -> list[Model]:
    """The models on this machine that go by a name; any GGUF can be given by path besides."""
    from ..local.models import installed

    return [Model(name=model.name) for model in installed()]


def notice(model: str) -> str:
    """What a person should know who chooses this model: see `local.notice`."""
    from .. import local

    return local.notice(model)


PROVIDER = Provider(
    name="local",
    title="Embedded model",
    key="none",
    default_model="smollm2-135m-instruct",
    ways={"openai_chat": Way(openai_chat, CHAT)},
    identity=identity,
    open=endpoint,
    listing=listing,
    notice=notice,
    free="always",
    fast=FAST,
)
