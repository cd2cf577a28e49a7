"""Claude on Vertex AI: the body of Anthropic's Messages, at an address of Google's.

POST {base}/models/{model}:rawPredict, streamed as :streamRawPredict; the base address ends in
publishers/anthropic. The model stands in the address and the API version in the body: vertex-2023-10-16, which
works for every model, while 2026-10-21 refuses sampling settings for all of them. Facts: the anthropic package
2.12. Replies and streams are Anthropic's own; errors may be Google's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..call import Reply, StreamFormat
from ..completion import Completion
from ..errors import ReplyError
from ..request import Request
from . import Body, Fold, Model, Quirks, anthropic_messages, gemini_content
from ._checks import fetches_urls
from ._common import as_list, as_object, loads

__all__ = [
    "decode",
    "encode",
    "error",
    "fetches",
    "fold",
    "models",
    "name",
    "next_page",
    "notes",
    "path",
    "stream",
]

name: str = "anthropic_vertex"
stream: StreamFormat = "sse"
fetches = fetches_urls
VERSION = "vertex-2023-10-16"


def path(request: Request, *, stream: bool) -> str:
    """Where to send it. RequestError if the model's name could lead elsewhere."""
    return gemini_content.resource(request.model) + (":streamRawPredict" if stream else ":rawPredict")


def notes(request: Request, quirks: Quirks) -> tuple[str, ...]:
    """That a limit was filled in, where none was given."""
    return anthropic_messages.notes(request, quirks)


def encode(request: Request, quirks: Quirks, *, stream: bool) -> Body:
    """The JSON body. RequestError for a setting or a medium that is not taken."""
    body = anthropic_messages.encode(request, quirks, stream=stream)
    body.pop("model", None)
    return {"anthropic_version": VERSION, **body}


def decode(reply: Reply) -> Completion:
    """The completion in a whole reply. Unreadable, Refused or another ReplyError if there is none."""
    return anthropic_messages.decode(reply)


def fold() -> Fold:
    """A fresh reader for a streamed reply."""
    return anthropic_messages.fold()


def error(reply: Reply) -> ReplyError:
    """The typed error for a reply with an error status: Anthropic's where the model's server answered, else Google's."""
    return gemini_content.error(reply) if _googles(reply) else anthropic_messages.error(reply)


def _googles(reply: Reply) -> bool:
    try:
        document: Any = loads(reply.body.decode("utf-8", "replace"))
    except ValueError:
        return False
    first = as_object((as_list(document) or [document])[0])
    return "status" in as_object(first.get("error"))


def models(reply: Reply) -> list[Model]:
    """The rows of Google's listing of a publisher's models."""
    return gemini_content.models(reply)


def next_page(reply: Reply) -> Mapping[str, str]:
    """As in Google's other listings."""
    return gemini_content.next_page(reply)
