"""Looking up the addresses of a host, on a thread that nobody has to wait for.

asyncio asks the system on its few worker threads, which all other work of a loop shares, and which a process waits for
before it ends. A name server that does not answer holds such a thread for minutes: a handful of them, and whatever else
needs a thread (media, a store that is locked) would wait as long.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any, TypeAlias

__all__ = ["Found", "looked_up"]

# Family, kind, protocol, canonical name, and the address, as the socket module gives them.
Found: TypeAlias = "tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]"


async def looked_up(host: str, port: int, family: int = socket.AF_UNSPEC, flags: int = 0) -> list[Found]:
    """The addresses that the system knows for `host`. OSError where it knows none. May be cancelled at any time."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Found]] = loop.create_future()

    def settle(found: list[Found] | OSError) -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def look() -> None:
        found: list[Found] | OSError
        try:
            found = list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, flags))
        except OSError as error:
            found = error
        except UnicodeError as error:
            found = OSError(f"{host[:80]!r} is no name of a host: {error}")
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found)

    try:
        threading.Thread(target=look, name="antiphon-names", daemon=True).start()
    except RuntimeError as error:
        raise OSError(f"no thread to look {host} up with: {error}") from error
    return await answer
