"""A provider asked over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon import Client

from .. import peer
from .asking import Wire


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    """A client with a home of its own, and a loopback server to ask."""
    with peer.serve() as server:
        client = Client(tmp_path)
        yield Wire(client, server)
        client.close()
