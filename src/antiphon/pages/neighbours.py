"""Who sits at the other end of a connection: this machine or another one, and which of its users."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

__all__ = ["Peer", "is_loopback", "peer_of"]

# Linux: one line for each TCP socket of this network namespace; columns as in proc_pid_net(5).
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


class Peer(NamedTuple):
    """The other end of a connection.

    `local`: it is on this machine. `owner` is the number of the user whose socket it is, where the system says so;
    `hidden` that the system tells owners and has none for this one, as for what is relayed from elsewhere.
    """

    local: bool
    owner: int | None = None
    hidden: bool = False

    @property
    def ours(self) -> bool:
        """Whether nothing says that it is another user's: on this machine, and ours, the administrator's or untold."""
        return self.local and not self.hidden and self.owner in (None, 0, _me())

    @property
    def kind(self) -> str:
        """What a pairing is bound to: a cookie that another user of this machine got hold of is of no use to him."""
        if not self.local:
            return "elsewhere"
        return "here" if self.ours else f"here {self.owner}"


def _me() -> int | None:
    return os.geteuid() if sys.platform != "win32" else None


def is_loopback(host: str) -> bool:
    """Whether this IP address (127.0.0.1, ::1, ::ffff:127.0.0.1) leads to this machine only."""
    address = _address(host)
    return address is not None and address.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if address.version == 6 else address


_known: WeakKeyDictionary[Any, Peer] = WeakKeyDictionary()


def peer_of(transport: Any) -> Peer:
    """Who is at the other end of this transport; looked up once for each connection."""
    if transport is None:  # it has hung up
        return Peer(local=False)
    found = _known.get(transport)
    if found is None:
        found = _looked_up(transport.get_extra_info("sockname"), transport.get_extra_info("peername"))
        _known[transport] = found
    return found


def _looked_up(own: Any, other: Any) -> Peer:
    ours, theirs = _named(own), _named(other)
    if ours is None or theirs is None or not (theirs[0].is_loopback or theirs[0] == ours[0]):
        return Peer(local=False)
    owner, told = _owner((theirs[0].packed, theirs[1]), (ours[0].packed, ours[1]))
    return Peer(local=True, owner=owner, hidden=told and owner is None)


def _named(end: Any) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int] | None:
    """Address and port of an end as Python gives it; None for what has none (a Unix socket)."""
    if not isinstance(end, tuple):
        return None
    name, port = cast("tuple[Any, ...]", end)[:2]
    address = _address(str(name))
    return None if address is None else (address, int(port))


End = tuple[bytes, int]


def _owner(theirs: End, ours: End) -> tuple[int | None, bool]:
    """The user whose socket is at `theirs`, and whether the system tells such things at all.

    It does where it lists our own end: some sandboxes have the table and leave it empty.
    """
    owner, told = None, False
    for local, remote, uid in _sockets(theirs[1], ours[1]):
        if (local, remote) == (theirs, ours):
            owner = uid
        elif (local, remote) == (ours, theirs):
            told = True
    return owner, told


def _sockets(*ports: int) -> Iterator[tuple[End, End, int]]:
    """The connections between these ports: both ends, and the user. A machine may have thousands of others."""
    wanted = {f"{port:04X}" for port in ports}
    for table in TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except (OSError, ValueError):
            continue
        for line in lines:
            columns = line.split()
            open_ = len(columns) > 7 and columns[3] == "01"  # ESTABLISHED
            if open_ and {columns[1][-4:], columns[2][-4:]} <= wanted:
                yield _end(columns[1]), _end(columns[2]), int(columns[7])


def _end(text: str) -> End:
    """An end as the kernel writes it: the address in words of four bytes of this machine's order, then the port."""
    digits, _, port = text.partition(":")
    raw = bytes.fromhex(digits)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    address = _address(socket.inet_ntop(family, raw))
    return (address.packed if address else raw, int(port, 16))
