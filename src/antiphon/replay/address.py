"""The address of a store on a server, and what its failures mean; no text made here holds its password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import ReplayError

__all__ = ["Address", "Lost", "code", "failure"]

UNREADABLE: Final = "postgresql://… (an address that cannot be read)"
SECRET_PARAMETERS: Final = ("password", "sslpassword", "passfile")


class Lost(ReplayError):
    """The connection broke, or a transaction gave way to another: it may be tried again, and no half of it is there."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is. `url` may hold a password and is shown to nobody; `shown` is what people see of it."""

    url: str = field(repr=False)
    shown: str
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, url: str) -> Address:
        """The address in ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE?…``; any part may be missing."""
        scheme, _, rest = url.partition("://")
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        tail = rest[len(authority) :]
        user, at, hosts = authority.rpartition("@")
        # A password with an unwritten "/", "#" or "?" in it, or a user without a host, would show.
        if "@" in tail.partition("?")[0] or not re.fullmatch(r"[\w.,:%\[\]-]*", hosts) or not _ports(hosts):
            return cls(url, UNREADABLE, _secrets(rest, ""))
        name, _, password = user.partition(":")
        path = tail.partition("?")[0].partition("#")[0]
        return cls(url, f"postgresql://{name}{at}{hosts}{path}", _secrets(f"{scheme}://{rest}", password))

    def scrubbed(self, text: str) -> str:
        """`text` on one line, without what is secret in this address."""
        line = next(iter(text.strip().splitlines()), "")
        for secret in self.secrets:
            line = line.replace(secret, "***")
        return line


def _ports(hosts: str) -> bool:
    """Whether what follows each host is a number: a password that came to stand there is none, mostly."""
    return all(re.fullmatch(r"(\[[^\]]*\]|[^:\[]*)(:\d*)?", host) for host in hosts.split(","))


def _secrets(url: str, password: str) -> tuple[str, ...]:
    found = {password, unquote(password)}
    try:
        query = parse_qsl(urlsplit(url).query)
    except ValueError:
        query = []
    found |= {value for name, value in query if name in SECRET_PARAMETERS}
    return tuple(sorted(found - {""}, key=len, reverse=True))


# By SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html), or by words where the server refuses a connection:
# the library gives no code then. What it means here, and the way out.
_FAILURES: Final[tuple[tuple[str, str, str, str], ...]] = (
    (
        "28",
        r"authentication failed|no password supplied|role .* does not exist|no pg_hba.conf entry",
        "refuses the login",
        "Check user and password: in the address, PGPASSWORD, or ~/.pgpass (which must be readable by you alone).",
    ),
    (
        "3D000",
        r"database .* does not exist",
        "has no such database",
        "Make it with `createdb --encoding UTF8 NAME`, or correct the address.",
    ),
    (
        "42501",
        r"permission denied",
        "gives this user no right to do that",
        "Let the owner of the schema antiphon give it; docs/how-to/share-a-store.md has the statements.",
    ),
    (
        "53100",
        r"No space left on device",
        "is full, or its disk is",
        "Free some space there, for instance by dropping old recordings with `antiphon replay prune`.",
    ),
    (
        "53300",
        r"too many clients|connection slots|too many connections",
        "has no connection left",
        "Raise max_connections there, or put PgBouncer before it: each process here uses up to six.",
    ),
    (
        "25006",
        r"read-only transaction",
        "takes no writes",
        "It is a standby, or set to read only: give all addresses, and ?target_session_attrs=read-write.",
    ),
    ("57014", r"statement timeout", "did not answer in time", "Look for locks and load on the server."),
    ("57P03", r"starting up|shutting down|recovery mode", "is not ready yet", "Try again in a moment."),
)
_AGAIN: Final = ("08", "57P01", "57P02", "57P05", "40001", "40P01", "25P03")


def code(error: Exception) -> str:
    """The SQLSTATE of an error, empty where there is none."""
    return getattr(error, "sqlstate", None) or ""


def failure(error: Exception, address: Address, *, broken: bool = False) -> ReplayError:
    """What an error of the library means for the store at `address`; Lost where it may be tried again."""
    state, text = code(error), address.scrubbed(str(error))
    if broken or state.startswith(_AGAIN):
        return Lost(f"the replay store {address.shown} was lost in the middle: {text}")
    for start, words, meaning, hint in _FAILURES:
        if state.startswith(start) or (not state and re.search(words, text)):
            return ReplayError(f"the replay store {address.shown} {meaning}: {text}", hint=hint)
    if not state and type(error).__name__ in ("OperationalError", "ConnectionTimeout"):
        return ReplayError(
            f"the replay store {address.shown} cannot be reached: {text}",
            hint="Check the address, and that the server runs and listens there.",
        )
    return ReplayError(f"the replay store {address.shown} failed: {text}")
