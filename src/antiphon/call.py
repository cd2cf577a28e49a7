"""What goes out and what came back: Call, Reply, and the Secret that a call may carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NoReturn
from urllib.parse import urlsplit

__all__ = ["Call", "Reply", "Secret", "StreamFormat", "Timings"]

StreamFormat = Literal["", "sse", "ndjson", "aws"]

# Type and length of stream bodies, by content type (RFC 9110 media types without parameters).
STREAM_TYPES: Mapping[str, StreamFormat] = {
    "text/event-stream": "sse",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/vnd.amazon.eventstream": "aws",
}
# The headers in which providers name a request, to be told when asking them about it.
REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "mistral-correlation-id")


class Secret:
    """A key that never prints: `str`, `repr`, `format`, JSON and pickle all refuse or say ``***``.

    Only `reveal` gives the value; it is called where headers are put on the wire, and nowhere else.
    """

    __slots__ = ("_prefix", "_value")

    def __init__(self, value: str, prefix: str = "") -> None:
        self._value = value
        self._prefix = prefix

    def reveal(self) -> str:
        """The key itself, behind its prefix."""
        return self._prefix + self._value

    def prefixed(self, prefix: str) -> Secret:
        """The same key as a header value such as ``Bearer KEY``."""
        return Secret(self._value, prefix)

    def scrub(self, text: bytes) -> bytes:
        """`text` with every occurrence of the key replaced by ``***``, also as JSON or a URL would write it."""
        raw = self._value.encode()
        if len(raw) < 4:
            return text
        if raw in text:
            text = text.replace(raw, b"***")
        escaped = _escaped(self._value)
        return escaped.sub(b"***", text) if escaped is not None and escaped.search(text) else text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret does not pickle; look the key up again where it is used")


_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")


@lru_cache(maxsize=64)
def _escaped(key: str) -> re.Pattern[bytes] | None:
    """What finds a key whose characters JSON or URLs may write otherwise; None for one where they do not.

    AWS's session tokens and keys in base64 hold ``/``, ``+`` and ``=``: encoders of JSON write them as ``\\/`` and
    ``\\u002B``, query strings as ``%2F``.
    """
    if _UNRESERVED.fullmatch(key):
        return None
    forms: list[bytes] = []
    for char in key:
        plain = re.escape(char).encode()
        code = ord(char)
        forms.append(
            plain
            if _UNRESERVED.fullmatch(char)
            else b"(?:\\\\?%s|\\\\u(?i:%04x)|%%(?i:%02x))" % (plain, code, code)
        )
    return re.compile(b"".join(forms))


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds: waiting for a free slot, from sending to the first piece of the answer, and in all."""

    queue: float = 0.0
    first_token: float | None = None
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, complete. Header values may be Secrets; the body never holds one.

    `stream` says which framing the answer is expected in, empty for one JSON document.
    """

    url: str
    body: bytes = b""
    headers: Mapping[str, str | Secret] = field(default_factory=dict[str, "str | Secret"])
    method: Literal["GET", "POST", "PUT", "DELETE"] = "POST"
    stream: StreamFormat = ""

    @property
    def host(self) -> str:
        """The host name the call goes to, lower case, without port."""
        return _host(self.url)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets among the headers."""
        return tuple([value for value in self.headers.values() if isinstance(value, Secret)])


@lru_cache(maxsize=256)  # asked for several times for each request, and of few addresses
def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, raw: status, headers (lower-case names), and the whole body as it arrived.

    A streamed reply is kept whole too, so that a replay is decoded on the very same path.
    """

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    timings: Timings = field(default=Timings(), compare=False)

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower case; empty if the server sent none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def stream(self) -> StreamFormat:
        """The framing of the body, empty for one document."""
        return STREAM_TYPES.get(self.content_type, "")

    @property
    def request_id(self) -> str | None:
        """The provider's name for this request, where its headers tell one."""
        for name in REQUEST_IDS:
            if found := self.headers.get(name):
                return found
        return None
