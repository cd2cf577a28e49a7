"""What comes in and goes out: bodies that are read up to a limit, replies with the headers they all carry, errors."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn, cast
from urllib.parse import quote

from aiohttp import web

from ..errors import (
    AntiphonError,
    Cancelled,
    LedgerError,
    NotFound,
    RateLimited,
    Refused,
    ReplayError,
    ReplyError,
    RequestError,
    TransportError,
    Unauthorized,
)
from .guard import Denied

__all__ = [
    "HEADERS",
    "SMALL",
    "Missing",
    "Params",
    "as_error",
    "body",
    "download",
    "failure",
    "reply",
    "seed_text",
]

log = logging.getLogger("antiphon")

MOST = 8 << 20  # bytes of a body: a long conversation, and no more
_DIGITS = re.compile(r"-?[0-9]{1,600}")
SMALL = 4096  # of one from whoever is not paired yet
PATIENCE = 30.0  # seconds for a body to arrive in
# On everything that is served. No page may read, frame or sniff it; nothing is kept by a cache.
HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
_NOTHING = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"}

# The first class that fits counts.
_STATUSES: tuple[tuple[type[AntiphonError], int], ...] = (
    (RequestError, 400),
    (Unauthorized, 502),
    (NotFound, 502),
    (RateLimited, 503),
    (ReplyError, 502),
    (Cancelled, 499),
    (TransportError, 504),
    (Refused, 422),
    (ReplayError, 409),
    (LedgerError, 500),
)


class Missing(AntiphonError):
    """There is nothing of this name here."""


def reply(document: Any, status: int = 200) -> web.Response:
    """`document` as JSON, in ASCII: whatever a model said, it is text and nothing else."""
    return web.Response(
        body=json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii"),
        status=status,
        content_type="application/json",
        headers={**HEADERS, **_NOTHING},
    )


def seed_text(seed: int | None) -> str | None:
    """A seed as pages get it: in digits, since JavaScript's numbers lose some beyond 2**53."""
    return None if seed is None else str(seed)


def download(data: bytes, name: str, content_type: str, *, inline: bool = False) -> web.Response:
    """Bytes as a file of this name; nothing in them is run, whatever they are."""
    how = "inline" if inline else "attachment"
    return web.Response(
        body=data,
        headers={
            **HEADERS,
            **_NOTHING,
            "Content-Type": content_type,
            "Content-Disposition": f"{how}; filename*=UTF-8''{quote(name, safe='')}",
        },
    )


# --------------------------------------------------------------------------------------------- errors


def failure(error: Exception) -> web.Response:
    """The reply for an error. What nobody expected is said in the log, by its place and without its words."""
    if isinstance(error, Denied):
        answer = reply({"error": as_error(error)}, error.status)
        if error.status == 429:
            answer.headers["Retry-After"] = "60"
        return answer
    return reply({"error": as_error(error)}, _status(error))


def _status(error: Exception) -> int:
    if isinstance(error, Missing):
        return 404
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def as_error(error: Exception) -> dict[str, Any]:
    """An error as the page is told it: message, hint, kind, and the field at fault where there is one."""
    if not isinstance(error, AntiphonError):
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("a page's request failed: %s\n%s", type(error).__name__, where)
        return {
            "message": f"this failed here, and should not have ({type(error).__name__})",
            "hint": "The server's log says where; please report it.",
            "kind": "unexpected",
        }
    told: dict[str, Any] = {"message": error.message, "hint": error.hint}
    told["kind"] = error.kind if isinstance(error, Denied) else type(error).__name__
    if isinstance(error, RequestError) and error.field:
        told["field"] = error.field
    if isinstance(error, ReplyError) and error.status:
        told["status"] = error.status
    return told


# --------------------------------------------------------------------------------------------- bodies


async def body(request: web.Request, most: int = MOST) -> Params:
    """The JSON object in the body. Denied where it is too long (413) or slow (408); RequestError for what is none."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Denied("send the body as it is, not compressed", status=415, kind="content-type")
    if (request.content_length or 0) > most:
        raise _too_long(most)
    try:
        data = await asyncio.wait_for(_read(request, most), PATIENCE)
    except asyncio.TimeoutError:
        raise Denied("the body did not come", status=408, kind="slow") from None
    except (web.RequestPayloadError, ConnectionError):
        raise RequestError("the body is not whole", field="body") from None
    try:
        document = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise RequestError("the body must be a JSON object", field="body")
    return Params(cast("dict[str, Any]", document))


async def _read(request: web.Request, most: int) -> bytearray:
    data = bytearray()
    async for piece in request.content.iter_any():
        data += piece
        if len(data) > most:
            raise _too_long(most)
    return data


def _too_long(most: int) -> Denied:
    return Denied(f"the body has more than {most:,} bytes", status=413, kind="too-large")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


class Params:
    """What was sent by name, taken out by type. RequestError names what is missing or of another type."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, name: str, default: str | None = None) -> str:
        """A text; `default` where there is none, or an error where that is None."""
        value = self._values.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise RequestError(f"{name} must be a text", field=name)
        return value

    def flag(self, name: str) -> bool:
        """True or false; false where nothing is said. In a query 1 is true."""
        value = self._values.get(name)
        if value in (None, "", "0"):
            return False
        if value not in (True, False, "1") or isinstance(value, float):
            raise RequestError(f"{name} must be true or false", field=name)
        return bool(value)

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number between two others, or None."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        try:
            found = float(value) if isinstance(value, str | int | float) else low - 1
        except (ValueError, OverflowError):
            found = low - 1
        if isinstance(value, bool) or not low <= found <= high:
            raise RequestError(f"{name} must be a number from {low:g} to {high:g}", field=name)
        return found

    def seed(self, name: str = "seed") -> int | None:
        """A seed in digits, or as a number; None where there is none."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise RequestError(f"{name} must be a whole number", field=name)
        return value

    def texts(self, name: str, most: int) -> list[str]:
        """A list of 1 to so many texts."""
        value = self._values.get(name)
        items = cast("list[Any]", value) if isinstance(value, list) else []
        if not 1 <= len(items) <= most or not all(isinstance(item, str) for item in items):
            raise RequestError(f"{name} must be a list of 1 to {most:,} texts", field=name)
        return cast("list[str]", items)

    def mapping(self, name: str) -> dict[str, Any]:
        """An object; empty where there is none."""
        value = self._values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise RequestError(f"{name} must be an object", field=name)
        return cast("dict[str, Any]", value)

    def any(self, name: str) -> Any:
        """Whatever it is, or None."""
        return self._values.get(name)
