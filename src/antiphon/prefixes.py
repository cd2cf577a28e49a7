"""Which long beginnings of prompts were sent a short while ago, so that the provider can be asked to keep them.

A provider keeps what it made of a prompt's beginning if it is told where that ends; keeping costs a little more
than reading, and reading again a lot less. So nothing is marked at first sight. What comes again is marked at
the end of what it shares with an earlier request, and while one request has it kept, others with the same
beginning go without: they would pay for keeping the same thing twice.

Only hashes are remembered, by account and model, and no longer than the provider keeps its own.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .request import Message, Request

__all__ = ["LONG", "Prefixes", "Shared", "is_long"]

# The least that any provider keeps is 1,024 tokens, which is about this many characters.
LONG = 4_000
LIFETIME = 300.0  # seconds from its last use: how long Anthropic and AWS keep what is marked
MOST = 4_096  # prefixes remembered


@dataclass(frozen=True, slots=True)
class Shared:
    """What one request shares with earlier ones.

    `ends` are the prefixes to mark, ascending, as numbers of messages; `hashes` all its long prefixes, by the same
    numbers.
    """

    ends: tuple[int, ...]
    hashes: Mapping[int, int]


@dataclass(slots=True)
class _Prefix:
    until: float  # when it is forgotten, by the clock
    kept: bool = False  # a marked request with it was answered
    busy: bool = False  # a marked request with it is under way


def is_long(messages: Sequence[Message]) -> bool:
    """Whether there is anything worth keeping: a thousand tokens or so, or any media."""
    size = 0
    for message in messages:
        for part in message.parts:
            if not isinstance(part, str):
                return True
            size += len(part)
    return size >= LONG


class Prefixes:
    """The memory. It lives on the private loop, so it needs no lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._known: OrderedDict[int, _Prefix] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def shared(self, account: str, request: Request) -> Shared:
        """What `request` shares with earlier ones of this account. Call `settle` with it when that is over."""
        hashes = _hashes(account, request)
        seen = [end for end, value in hashes.items() if self._fresh(value)]
        if not seen:
            return Shared((), hashes)
        known = {end: self._known[hashes[end]] for end in seen}
        kept = [end for end in seen if known[end].kept]
        ends = set(kept[-1:])
        if not any(prefix.busy for prefix in known.values()):
            ends |= {seen[0], seen[-1]}
            for end in ends:
                known[end].busy = not known[end].kept
        return Shared(tuple(sorted(ends)), hashes)

    def settle(self, shared: Shared, *, answered: bool) -> None:
        """The request is over. If it was answered, its prefixes are remembered."""
        until = self._clock() + LIFETIME
        for end, value in shared.hashes.items():
            prefix = self._known.get(value)
            if prefix is None and answered:
                prefix = self._known[value] = _Prefix(until)
            if prefix is None:
                continue
            if end in shared.ends:
                prefix.busy = False
                prefix.kept = prefix.kept or answered
            if answered:
                prefix.until = until
                self._known.move_to_end(value)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def _fresh(self, value: int) -> bool:
        prefix = self._known.get(value)
        if prefix is not None and prefix.until <= self._clock() and not prefix.busy:
            del self._known[value]
            return False
        return prefix is not None


def _hashes(account: str, request: Request) -> dict[int, int]:
    """The hashes of all long prefixes, by how many messages they hold. Texts and bytes remember their own hashes."""
    found: dict[int, int] = {}
    value, size = hash((account, request.provider, request.dialect, request.model)), 0
    for end, message in enumerate(request.messages, 1):
        value = hash((value, message))
        size += LONG if message.media else len(message.text)
        if size >= LONG:
            found[end] = value
    return found
