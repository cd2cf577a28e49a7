"""Media from the network: the one place that goes where a request's text says. Off unless asked for.

What a URL names is not trusted, and this machine can reach what its author cannot: so https only; the host is
resolved once, every address of it has to be a public one, and the connection goes to the addresses that were
looked at; no redirect, cookie, credential or proxy; no compression, and limits on size and time; and what comes has
to be of the kind that was asked for, by its label and by its first bytes. Errors name the host, never the rest of
the URL, which may hold a signature.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from .errors import AntiphonError, RequestError, TransportError
from .names import looked_up
from .request import Media, kind_of, sniffed

if TYPE_CHECKING:
    import aiohttp
    import yarl
    from aiohttp.abc import ResolveResult

__all__ = ["Fetcher", "is_public"]

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

MAX_BYTES = 20_000_000  # bytes of one medium
MAX_SECONDS = 60.0  # for one medium, from looking up its host to its last byte

# Beside what the standard library does not call global: addresses that hold another address, or a cloud's own.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT; one cloud's metadata
        "168.63.129.16/32",  # the wire server of another
        "192.0.0.0/24",  # protocol assignments; the metadata of a third
        "192.88.99.0/24",  # relays of 6to4
        "198.18.0.0/15",  # benchmarks
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo among others
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",  # unique local; metadata of a cloud
        "fec0::/10",
    )
)


def is_public(address: Address) -> bool:
    """Whether this is a host of the open internet, and no way around to another address."""
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address in network for network in _REFUSED if network.version == address.version)


class Fetcher:
    """Fetches media by their https URLs.

    `max_bytes` and `max_seconds` are for one medium. `resolve` gives the addresses of a host, `allowed` says which
    of them may be connected to, `tls` is for certificates of one's own: tests give these.
    """

    def __init__(
        self,
        *,
        max_bytes: int = MAX_BYTES,
        max_seconds: float = MAX_SECONDS,
        resolve: Resolve | None = None,
        allowed: Callable[[Address], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_seconds = max_seconds
        self.resolve = resolve or _looked_up
        self.allowed = allowed
        self.tls = tls

    async def media(self, medium: Media, *, timeout: float | None = None) -> Media:
        """`medium`, known by its URL, with its bytes and their true type; `timeout` in seconds.

        Raises RequestError where the URL is one that is not fetched or does not hold such a medium,
        TransportError where it could not be fetched whole.
        """
        url = _checked(medium.url or "")
        seconds = min(self.max_seconds, timeout or math.inf)
        try:
            data, label = await asyncio.wait_for(self._fetched(url, medium), seconds)
        except asyncio.TimeoutError:
            raise TransportError(
                f"{_where(url)} did not send the {medium.kind} within {seconds:g} s", phase="deadline"
            ) from None
        return replace(medium, url=None, data=data, media_type=_agreed(data, label, medium, _where(url)))

    async def _fetched(self, url: yarl.URL, medium: Media) -> tuple[bytes, str]:
        addresses = await self._addresses(url)
        async with _asked(url, addresses, self.tls) as response:
            label = _label(response, medium, _where(url))
            return await self._body(response, _where(url)), label

    async def _addresses(self, url: yarl.URL) -> list[str]:
        """The addresses of the URL's host. RequestError if any of them is not to be connected to."""
        try:
            found = await self.resolve(url.host or "", url.port or 443)
        except (OSError, UnicodeError) as problem:
            raise TransportError(
                f"cannot find the host {_where(url)}: {getattr(problem, 'strerror', None) or problem}",
                phase="connect",
            ) from None
        for text in found:
            address = ipaddress.ip_address(text)
            if not self.allowed(address):
                raise RequestError(
                    f"{_where(url)} is at {address}, which is no public address: nothing is fetched from there",
                    field="messages",
                    hint="Give the bytes or the path instead.",
                )
        if not found:
            raise TransportError(f"{_where(url)} has no address", phase="connect")
        return list(found)

    async def _body(self, response: aiohttp.ClientResponse, where: str) -> bytes:
        pieces: list[bytes] = []
        size, announced = 0, response.content_length or 0
        while max(size, announced) <= self.max_bytes:
            piece = await response.content.readany()
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
        raise TransportError(
            f"what {where} sends has more than {self.max_bytes:,} bytes",
            phase="too-large",
            hint="Give a smaller one, or the bytes.",
        )


async def _looked_up(host: str, port: int) -> list[str]:
    found = await looked_up(host, port)
    return [str(address[0]).partition("%")[0] for *_, address in found]


def _checked(text: str) -> yarl.URL:
    """`text` as a URL, read by the parser that also connects, so that there are no two opinions on its host."""
    import yarl

    try:
        url = yarl.URL(text)
        port = url.port
    except ValueError:
        raise RequestError("the URL of the medium is not valid", field="messages") from None
    if url.scheme != "https" or not url.host or not port:
        raise RequestError("media are fetched from https://… only", field="messages")
    if url.user is not None or url.password is not None:
        raise RequestError(
            f"the URL of a medium at {url.host} holds a user name or password", field="messages"
        )
    if ":" in url.host or url.host.replace(".", "").isdigit():  # what is connected to without being looked up
        _check_numeric(url.host)
    return url.with_fragment(None)


def _check_numeric(host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise RequestError(
            f"{host} is neither a host's name nor a plain IP address", field="messages"
        ) from None


def _where(url: yarl.URL) -> str:
    return url.host or "the host"


# ------------------------------------------------------------------------------------------ the call


@asynccontextmanager
async def _asked(
    url: yarl.URL, addresses: Sequence[str], tls: ssl.SSLContext | None
) -> AsyncGenerator[aiohttp.ClientResponse]:
    """The answer to one GET, sent to one of `addresses`, with nothing in it that says who asks."""
    import aiohttp
    from aiohttp.abc import AbstractResolver

    class Pinned(AbstractResolver):
        async def resolve(
            self,
            host: str,
            port: int = 0,
            family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - all that were looked at
        ) -> list[ResolveResult]:
            return [_pinned(host, port, address) for address in addresses]

        async def close(self) -> None:
            """Nothing to close."""

    connector = aiohttp.TCPConnector(
        resolver=Pinned(), use_dns_cache=False, force_close=True, ssl=True if tls is None else tls
    )
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "antiphon", "Accept-Encoding": "identity"},
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            yield response
    except AntiphonError:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        raise _failure(problem, _where(url)) from None


def _pinned(host: str, port: int, address: str) -> ResolveResult:
    return {
        "hostname": host,
        "host": address,
        "port": port,
        "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
        "proto": 0,
        "flags": socket.AI_NUMERICHOST,
    }


def _failure(problem: Exception, where: str) -> TransportError:
    import aiohttp

    if isinstance(problem, aiohttp.ClientSSLError | ssl.SSLError):
        return TransportError(f"no trusted connection to {where}", phase="tls")
    if isinstance(problem, aiohttp.ClientConnectorError):
        return TransportError(f"cannot connect to {where}", phase="connect")
    if isinstance(problem, aiohttp.ClientResponseError):
        return TransportError(f"{where} did not answer in valid HTTP")
    return TransportError(f"the connection to {where} was lost", phase="cut-off")


# ---------------------------------------------------------------------------------- what comes back

# Other names for one type, and types that begin with the same bytes.
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "audio/mp3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "application/x-pdf": "application/pdf",
}
_ALIKE = (
    frozenset({"video/mp4", "audio/mp4", "video/quicktime", "video/3gpp"}),
    frozenset({"video/webm", "audio/webm", "video/x-matroska", "audio/x-matroska"}),
    frozenset({"audio/ogg", "audio/opus", "video/ogg"}),
    frozenset({"image/heic", "image/heif", "image/avif"}),
)
_ZIPPED = "application/vnd.openxmlformats-officedocument."


def _label(response: aiohttp.ClientResponse, medium: Media, where: str) -> str:
    """The media type that the answer says it has. Looked at before the body is read."""
    if 300 <= response.status < 400:
        raise RequestError(
            f"{where} redirects elsewhere (status {response.status}); no redirect is followed",
            field="messages",
            hint="Give the address that it leads to, or the bytes.",
        )
    if response.status >= 500:
        raise TransportError(f"{where} answered with status {response.status}")
    if response.status != 200:
        raise RequestError(
            f"{where} has no such {medium.kind} for us (status {response.status})", field="messages"
        )
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise RequestError(f"{where} sends the {medium.kind} compressed", field="messages")
    label = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    label = _ALIASES.get(label, label)
    if label.count("/") != 1 or kind_of(label) != medium.kind or label == "text/html":
        raise _not_it(medium, where, f"says that it is {label or 'nothing in particular'}")
    return label


def _agreed(data: bytes, label: str, medium: Media, where: str) -> str:
    """The media type that both the label and the first bytes of `data` tell. RequestError where they do not agree."""
    if not data:
        raise _not_it(medium, where, "has 0 bytes")
    told = sniffed(data)
    if told == label or any({told, label} <= alike for alike in _ALIKE):
        return told if told and kind_of(told) == medium.kind else label
    if told is None and _is_plausible(data, label):
        return label
    raise _not_it(medium, where, f"says that it is {label} and begins like {told or 'something else'}")


def _is_plausible(data: bytes, label: str) -> bool:
    """Whether data without telling first bytes can be what the label says: text, or a zipped office document."""
    if label.startswith(_ZIPPED):
        return data.startswith(b"PK\x03\x04")
    if not label.startswith("text/") and label not in ("application/json", "application/xml"):
        return False
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def _not_it(medium: Media, where: str, what: str) -> RequestError:
    article = "an" if medium.kind in ("image", "audio") else "a"
    return RequestError(
        f"what {where} sends is not taken for {article} {medium.kind}: it {what}",
        field="messages",
        hint="Media.from_url(…, kind=…) says what it is; or give the bytes.",
    )
