"""Claude through Bedrock's InvokeModel: the body of Anthropic's Messages, in AWS's frame.

For older Claude; `bedrock_converse` asks for the same and more. The model stands in the URL, the API version in
the body (``bedrock-2023-05-31``, the only one there), and each event of a stream comes as base64 in a frame.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..call import Reply, StreamFormat
from ..completion import Completion, Delta
from ..errors import ReplyError
from ..events import Event
from ..request import Request
from . import Body, Fold, Model, Quirks, anthropic_messages, bedrock_converse
from ._bedrock_chunks import chunk
from ._checks import fetches_urls
from .bedrock_converse import next_page

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

name: str = "bedrock_invoke_claude"
stream: StreamFormat = "aws"
fetches = fetches_urls
VERSION = "bedrock-2023-05-31"


def path(request: Request, *, stream: bool) -> str:
    return bedrock_converse.model_path(request, "invoke-with-response-stream" if stream else "invoke")


def notes(request: Request, quirks: Quirks) -> tuple[str, ...]:
    """That a limit was filled in, where none was given."""
    return anthropic_messages.notes(request, quirks)


def encode(request: Request, quirks: Quirks, *, stream: bool) -> Body:  # noqa: ARG001 - the path asks for the stream
    """The JSON body, the same for a stream. RequestError for a setting or a medium that is not taken."""
    body = {"anthropic_version": VERSION, **anthropic_messages.encode(request, quirks, stream=False)}
    for elsewhere in ("model", "region"):  # in the URL, both
        body.pop(elsewhere, None)
    return body


def decode(reply: Reply) -> Completion:
    """The completion in a whole reply. Unreadable, Refused or another ReplyError if there is none."""
    return anthropic_messages.decode(reply)


class Reading:
    """A stream of this protocol, being read: the same events as Anthropic's own, once unpacked."""

    __slots__ = ("_inner",)

    def __init__(self) -> None:
        self._inner = anthropic_messages.fold()

    def feed(self, event: Event) -> Sequence[Delta]:
        """The deltas in this event. Raises ReplyError when the event is an error report."""
        data = chunk(event)
        return self._inner.feed(Event(data)) if data else ()

    def completion(self, reply: Reply) -> Completion:
        """The whole answer. TransportError (phase "cut-off") when message_stop never came."""
        return self._inner.completion(reply)


def fold() -> Fold:
    """A fresh reader for a streamed reply."""
    return Reading()


def error(reply: Reply) -> ReplyError:
    """The typed error for a reply with an error status."""
    return bedrock_converse.error(reply)


def models(reply: Reply) -> list[Model]:
    """The rows of a listing of the control plane."""
    return bedrock_converse.models(reply)
