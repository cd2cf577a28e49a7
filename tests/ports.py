"""Ports for servers that cannot take one by themselves and tell it, and ports where nobody listens."""

from __future__ import annotations

import random
import socket

# Below what systems give to whoever asks for any port (Linux from 32768 on, others from 49152), and above what Ray
# takes for its workers (10002 to 19999): else another test's server may get the port before the one it is meant for,
# and hear what was to be asked of that.
LOWEST, BEYOND = 20_000, 32_768

_chance = random.SystemRandom()


def free_port() -> int:
    """A loopback port that nobody has now, and that nobody gets who asks for any."""
    while True:
        port = _chance.randrange(LOWEST, BEYOND)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
