"""How keys reach the workers: sealed for one process, and kept there in a Secret.

Ray keeps no secrets: arguments and results may be written to object stores and spilled to disks, and stand in its
memory on machines that need no key. So a worker makes a key pair when it starts, and what is meant for it travels as
ciphertext (X25519, HKDF-SHA256, ChaCha20-Poly1305) that only this process can open, and only once it lives.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..call import Secret
from .package import needed

if TYPE_CHECKING:
    from ..credentials import Credentials

__all__ = ["Box", "Handed", "Token", "Wanted", "seal"]

_PURPOSE = b"antiphon ray keys 1"
_ONCE = bytes(12)  # a nonce: each pair of keys encrypts one message only


def _tools() -> tuple[Any, Any, Any]:
    x25519 = needed("cryptography.hazmat.primitives.asymmetric.x25519")
    aead = needed("cryptography.hazmat.primitives.ciphers.aead")
    return x25519, aead, needed("cryptography.hazmat.primitives.kdf.hkdf")


def _cipher(shared: bytes, sender: bytes, receiver: bytes) -> Any:
    _, aead, hkdf = _tools()
    hashes = needed("cryptography.hazmat.primitives.hashes")
    derived = hkdf.HKDF(hashes.SHA256(), 32, sender + receiver, _PURPOSE).derive(shared)
    return aead.ChaCha20Poly1305(derived)


def seal(plain: bytes, public: bytes) -> bytes:
    """`plain` so that only the Box with this public key can read it."""
    x25519, _, _ = _tools()
    own = x25519.X25519PrivateKey.generate()
    sender = own.public_key().public_bytes_raw()
    shared = own.exchange(x25519.X25519PublicKey.from_public_bytes(public))
    return sender + _cipher(shared, sender, public).encrypt(_ONCE, plain, None)


class Box:
    """A key pair that never leaves this process; `public` may go anywhere."""

    def __init__(self) -> None:
        x25519, _, _ = _tools()
        self._private = x25519.X25519PrivateKey.generate()
        self.public: bytes = self._private.public_key().public_bytes_raw()

    def open(self, sealed: bytes) -> bytes:
        """What was sealed for this box. Raises cryptography's InvalidTag for anything else."""
        x25519, _, _ = _tools()
        shared = self._private.exchange(x25519.X25519PublicKey.from_public_bytes(sealed[:32]))
        return _cipher(shared, sealed[:32], self.public).decrypt(_ONCE, sealed[32:], None)


class Token(Secret):
    """What stands for a key that was given as an argument, until the worker has it: its number, and no secret."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        super().__init__(f"argument {number}")
        self.number = number


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key that a worker needs: its name, for a call to `host` (scheme and address), or the argument of this number."""

    name: str
    host: str
    number: int | None = None


class Unknown(Exception):
    """The worker has to be given this key first."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(wanted.name)
        self.wanted = wanted


class Handed:
    """A worker's keys: those it was handed, else its own. Takes the place of Credentials."""

    def __init__(self, own: Credentials) -> None:
        self._own = own
        self._box = Box()
        self._known: dict[Wanted, Secret | None] = {}
        self._labels: dict[Secret, str] = {}

    @property
    def public(self) -> bytes:
        """What keys for this worker are sealed with."""
        return self._box.public

    def take(self, wanted: Wanted, sealed: bytes) -> None:
        """Keep a key, or that whoever hands them out has none."""
        found = json.loads(self._box.open(sealed))
        secret = None if found["key"] is None else Secret(found["key"])
        self._known[wanted] = secret
        if secret is not None:
            self._labels[secret] = found["label"]

    def label(self, secrets: Sequence[Secret]) -> str:
        """A word for these keys that all workers have in common and that tells nothing of them."""
        return " ".join(self._labels.get(secret, "own") for secret in secrets)

    def scrub(self, text: str) -> str:
        """`text` without any of the keys."""
        raw = text.encode("utf-8", "replace")
        for secret in self._labels:
            raw = secret.scrub(raw)
        return raw.decode()

    def find(
        self,
        name: str,
        *,
        env: Sequence[str] = (),
        own_hosts: Sequence[str] = (),
        host: str,
        given: str | Secret | None = None,
        required: bool = True,
    ) -> Secret | None:
        """See Credentials.find. Unknown where it has not been handed out yet."""
        at = urlsplit(host)
        number = given.number if isinstance(given, Token) else None
        wanted = Wanted(name, f"{at.scheme}://{at.netloc}", number)
        if wanted not in self._known:
            raise Unknown(wanted)
        secret = self._known[wanted]
        if secret is not None:
            return secret
        return self._own.find(name, env=env, own_hosts=own_hosts, host=host, required=required)
