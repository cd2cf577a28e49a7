"""Who may ask: the page's own origin only, under a name that nobody can point elsewhere, and only who is paired.

Each rule is for one stranger (docs/design/face.md): a web page in the same browser, a name that was pointed at this
machine (DNS rebinding), another person who reaches the same server, another user of this machine, another server on it
that is sent the same cookies.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import AntiphonError
from .neighbours import Peer, is_loopback, peer_of

if TYPE_CHECKING:
    from aiohttp.web import Request

__all__ = ["CODE", "HOSTS", "LIFE", "Denied", "Guard", "Host", "Pairing"]

HOSTS = "ANTIPHON_PAGE_HOSTS"
CODE = "ANTIPHON_PAGE_CODE"
# Letters and digits that are not taken for one another; 8 of them are 39 bits.
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
LENGTH = 8
MINUTE = 60.0
TRIES = 5  # wrong codes from one address within a minute
ALL_TRIES = 30  # and from all addresses together
LIFE = 30 * 86_400  # seconds that a browser stays paired
# What proxies and tunnels add, in small letters; and whatever begins with x-forwarded.
PROXIED = frozenset(
    (
        *("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "x-original-host"),
        *(
            "cf-connecting-ip",
            "fly-client-ip",
            "fastly-client-ip",
            "x-cluster-client-ip",
            "x-envoy-external-address",
        ),
    )
)


class Denied(AntiphonError):
    """Not for whoever asks. `status` is the HTTP status, `kind` a word for the page."""

    def __init__(self, message: str, *, status: int = 403, kind: str = "forbidden", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Host:
    """What stands in a Host header or an Origin: a name, and a port or None."""

    name: str
    port: int | None

    @classmethod
    def of(cls, text: str) -> Host | None:
        """None for what no browser writes: users, spaces, ports that are none."""
        name, port = _parted(text.lower())
        if not name or not name.isascii():
            return None
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            return None
        return cls(name, int(port) if port else None)

    @property
    def literal(self) -> bool:
        """Whether it is an IP address in its usual spelling, which no name server has a say in."""
        try:
            ipaddress.ip_address(self.name)
        except ValueError:
            return False
        return "%" not in self.name

    @property
    def loopback(self) -> bool:
        """Whether it is a name for this machine that means the same everywhere."""
        return self.name == "localhost" or (self.literal and is_loopback(self.name))


def _parted(text: str) -> tuple[str | None, str]:
    """Name and port; None for what is neither NAME, NAME:PORT nor [IPV6]:PORT."""
    if text.startswith("["):
        name, bracket, port = text[1:].partition("]")
        good = bracket and (not port or port.startswith(":")) and ":" in name
        return (name if good else None), port[1:]
    name, _, port = text.partition(":")
    plain = all(letter.isalnum() or letter in "-._" for letter in name)
    return (name if plain and ":" not in port else None), port


def _origin(text: str) -> tuple[Host | None, int]:
    """The host of an Origin, and the port that goes without saying there. "null" has no host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return None, 0
    if parts.scheme not in ("http", "https") or parts.path or parts.query or parts.fragment:
        return None, 0
    return Host.of(parts.netloc), 443 if parts.scheme == "https" else 80


# ------------------------------------------------------------------------------------------- pairing


@dataclass(eq=False, slots=True)
class Pairing:
    """The code that a person copies from the terminal, and the cookies of the browsers that were let in with one.

    `show` is told the code when it is first asked for; a code works once, then there is another one. `secret` gives
    what the cookies are sealed with: whoever makes another one sends all browsers away.
    """

    show: Callable[[str], object]
    secret: Callable[[], bytes] = field(default_factory=lambda: partial(bytes, secrets.token_bytes(32)))
    clock: Callable[[], float] = time.time
    _code: str = ""
    _shown: bool = False
    _wrong: list[tuple[float, str]] = field(default_factory=list["tuple[float, str]"])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self) -> None:
        """Somebody has to be paired: show the code, once."""
        with self._lock:
            if self._shown:
                return
            self._shown = True
            code = self._current()
        self.show(f"{code[:4]}-{code[4:]}")

    def _current(self) -> str:
        if not self._code:
            self._code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        return self._code

    def redeem(self, given: str, address: str) -> None:
        """Take the code. Denied where it is wrong, or after too many wrong ones (429)."""
        text = "".join(letter for letter in given.lower() if letter.isalnum())
        with self._lock:
            self._count(address)
            right = secrets.compare_digest(text.encode(), self._current().encode())
            if right and self._shown:
                self._code, self._shown = "", False
                return
            self._wrong.append((self.clock(), address))
        raise Denied(
            "this is not the code",
            kind="wrong-code",
            hint="It stands in the terminal where the server was started. Each code works once.",
        )

    def _count(self, address: str) -> None:
        now = self.clock()
        self._wrong = [(when, who) for when, who in self._wrong if now - when < MINUTE]
        mine = sum(who == address for _, who in self._wrong)
        if mine >= TRIES or len(self._wrong) >= ALL_TRIES:
            raise Denied("too many wrong codes", status=429, kind="locked", hint="Try again in a minute.")

    def admit(self, peer: Peer, host: Host) -> str:
        """The cookie for this peer under this host: a number of its own, its last second, and the seal over both."""
        text = f"{secrets.token_hex(16)}.{int(self.clock()) + LIFE}"
        return f"{text}.{self._seal(text, peer, host)}"

    def knows(self, token: str, peer: Peer, host: Host) -> bool:
        """Whether this cookie was given to such a peer under this host, and is not too old."""
        text, _, seal = token.rpartition(".")
        until = text.rpartition(".")[2]
        sealed = secrets.compare_digest(
            seal.encode("utf-8", "replace"), self._seal(text, peer, host).encode()
        )
        return sealed and int(until) > self.clock()

    def _seal(self, text: str, peer: Peer, host: Host) -> str:
        bound = "\n".join((text, peer.kind, host.name, str(host.port)))
        return hmac.new(self.secret(), bound.encode("utf-8", "replace"), "sha256").hexdigest()


# ------------------------------------------------------------------------------------------- the guard


@dataclass(eq=False, slots=True)
class Guard:
    """Looks at each request before anything is done for it.

    `private` says whether nobody but this machine's user can be at the other end, as far as the server's own settings
    go: then no pairing is asked of peers that nothing speaks against.
    """

    pairing: Pairing
    private: Callable[[], bool]

    def host(self, request: Request) -> Host:
        """The host that the page was loaded from. Denied for one that a name server may have made up."""
        given = request.headers.getall("Host", [])
        host = Host.of(given[0]) if len(given) == 1 else None
        if host is None or not (host.literal or host.name == "localhost" or _listed(host)):
            raise Denied(
                "this page is not served under this host name",
                kind="host",
                hint=f"Open it at http://127.0.0.1 or localhost, or list the name in {HOSTS} where the server runs.",
            )
        return host

    def origin(self, request: Request, host: Host) -> None:
        """Denied for what another page has the browser send."""
        site = request.headers.get("Sec-Fetch-Site")
        if site not in (None, "same-origin", "none"):
            raise _foreign()
        for text in request.headers.getall("Origin", []):
            origin, usual = _origin(text)
            if origin is None or not (_same(origin, host, usual) or _listed(origin)):
                raise _foreign()

    def marked(self, request: Request) -> None:
        """Denied without the header that no page can send elsewhere without asking, and is never allowed to."""
        if request.headers.get("X-Antiphon") != "1":
            raise Denied("the header X-Antiphon: 1 is missing", kind="header")
        if request.method == "POST" and request.content_type != "application/json":
            raise Denied("send application/json", status=415, kind="content-type")

    def allowed(self, request: Request, host: Host) -> bool:
        """Whether whoever asks is paired, or needs not to be."""
        return self.paired(request, host) or self._alone(request, host)

    def paired(self, request: Request, host: Host) -> bool:
        """Whether the cookie is one that was given to such a peer."""
        token = request.cookies.get(self.cookie(request))
        return bool(token) and self.pairing.knows(token or "", peer_of(request.transport), host)

    def _alone(self, request: Request, host: Host) -> bool:
        if os.environ.get(CODE, "").strip().lower() == "always" or not self.private():
            return False
        return host.loopback and not _proxied(request) and peer_of(request.transport).ours

    def cookie(self, request: Request) -> str:
        """The cookie's name. Browsers send a host's cookies to all its ports, so each server has a name of its own."""
        transport = request.transport
        own = transport.get_extra_info("sockname") if transport is not None else None
        return f"antiphon-{own[1]}" if isinstance(own, tuple) else "antiphon"  # a Unix socket has no port


def _proxied(request: Request) -> bool:
    """Whether something between says that it passes on what somebody else asked."""
    names = map(str.lower, request.headers)
    return any(name in PROXIED or name.startswith("x-forwarded") for name in names)


def _same(origin: Host, host: Host, usual: int) -> bool:
    return (origin.name, origin.port or usual) == (host.name, host.port or usual)


def _listed(host: Host) -> bool:
    """Whether whoever runs the server has listed this name, with this port or without any."""
    listed = (Host.of(text.strip()) for text in os.environ.get(HOSTS, "").split(",") if text.strip())
    return any(one is not None and one.name == host.name and one.port in (None, host.port) for one in listed)


def _foreign() -> Denied:
    return Denied(
        "another page may not ask here",
        kind="origin",
        hint=f"Behind a proxy that changes the Host header, list the page's name in {HOSTS}.",
    )
