"""Keys that were typed where they should not stay: kept in the key file under a name of their own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from urllib.parse import urlsplit

from .call import Secret
from .credentials import Credentials
from .errors import AntiphonError, CredentialError

__all__ = ["REFERENCE", "Vault"]

log = logging.getLogger("antiphon")

REFERENCE = "credential:"


class Vault:
    """Keeps keys from widgets in the key file, each under a name of its own."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self._lock = threading.Lock()
        self._told: set[str] = set()

    def keep(self, key: Secret, provider: str, address: str) -> str:
        """Store `key` for the host of `address`; the name it is stored under, the same one each time.

        The name tells nothing of the key, not even a sum of it, since it travels with the workflow.
        """
        with self._lock:
            stored = [credential.name for credential in self.credentials.list()]
            for name in stored:
                with suppress(CredentialError):
                    if self.credentials.find(name, host=address, required=True) == key:
                        return name
            name = next(name for name in _names(provider) if name not in stored)
            self.credentials.set(name, key, hosts=[address])
            return name

    def reference(self, key: Secret, provider: str, address: str, where: str) -> str:
        """`keep`, as what stands in the widget afterwards, said once in the log. An empty name where it fails."""
        try:
            name = self.keep(key, provider, address)
        except AntiphonError as problem:
            log.warning("the key typed into %s was taken out of the prompt, but not kept: %s", where, problem)
            return REFERENCE
        if name not in self._told:
            self._told.add(name)
            log.warning(
                "the key typed into %s is now kept in %s, for %s only."
                " Write %s%s into the widget instead: the workflow in your browser still holds the key.",
                where,
                self.credentials.path,
                urlsplit(address).netloc,
                REFERENCE,
                name,
            )
        return REFERENCE + name


def _names(provider: str) -> Iterator[str]:
    yield f"{provider}-widget"
    for number in count(2):
        yield f"{provider}-widget-{number}"
