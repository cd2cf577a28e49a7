"""How much is asked at a time: limits, the pause that all calls of one payer share, and what servers say of both."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["MAX_WAIT", "TICK", "Account", "Clock", "Limits", "SystemClock", "exhausted", "retry_after"]

MINUTE = 60.0
MAX_WAIT = 60.0  # the longest wait, in seconds, that a server may ask for
TICK = 1e-6  # seconds: times closer than this are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a provider is asked at a time. None: no limit of ours. Learned from rate headers as they come."""

    concurrency: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class Clock(Protocol):
    """Where time comes from, so that tests of waiting need not wait."""

    def now(self) -> float:
        """Seconds that only ever grow."""
        ...

    def wall(self) -> float:
        """Seconds since 1970, to compare with times that servers name."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


# ------------------------------------------------------------------------------------------ accounts


class _Window:
    """What was used in the last minute, so that no minute ever holds more than the limit."""

    __slots__ = ("_sum", "_used")

    def __init__(self) -> None:
        self._used: deque[tuple[float, int]] = deque()
        self._sum = 0

    def add(self, amount: int, now: float) -> None:
        self._used.append((now, amount))
        self._sum += amount

    def wait(self, amount: int, limit: int, now: float) -> float:
        """Seconds until `amount` more fits. What is larger than the limit itself fits into an empty minute."""
        used = self._used
        while used and used[0][0] <= now - MINUTE + TICK:
            self._sum -= used.popleft()[1]
        excess = self._sum + amount - limit
        if not used or excess <= 0:
            return 0.0
        for at, taken in used:
            excess -= taken
            if excess <= 0:
                return at + MINUTE - now
        return used[-1][0] + MINUTE - now


class Account:
    """One who pays: the limits and the pause that all its calls share. First come, first served."""

    __slots__ = (
        "_active",
        "_free",
        "_guesses",
        "_line",
        "_queued",
        "_requests",
        "_resume",
        "_tokens",
        "_unsettled",
    )

    def __init__(self) -> None:
        self._active = 0  # calls on the wire
        self._queued = 0  # calls that wait in line
        self._line = asyncio.Lock()  # held by the first in line
        self._free: asyncio.Future[None] | None = (
            None  # what the first in line awaits when all slots are taken
        )
        self._resume = 0.0
        self._requests = _Window()
        self._tokens = _Window()
        self._unsettled = 0  # calls that came back, and what was guessed for them in all
        self._guesses = 0

    async def admit(self, limits: Limits, tokens: int, clock: Clock) -> float:
        """Wait for leave to send; gives the seconds waited. `leave` must follow."""
        waited = 0.0
        if self._queued or self._wait(limits, tokens, clock.now()):
            began = clock.now()
            self._queued += 1
            try:
                async with self._line:
                    await self._turn(limits, tokens, clock)
            finally:
                self._queued -= 1
            waited = clock.now() - began
        self._active += 1
        if limits.requests_per_minute is not None:
            self._requests.add(1, clock.now())
        if limits.tokens_per_minute is not None:
            self._tokens.add(tokens, clock.now())
        return waited

    async def _turn(self, limits: Limits, tokens: int, clock: Clock) -> None:
        while wait := self._wait(limits, tokens, clock.now()):
            if wait < math.inf:
                await clock.sleep(wait)
            else:
                self._free = asyncio.get_running_loop().create_future()
                await self._free

    def _wait(self, limits: Limits, tokens: int, now: float) -> float:
        """Seconds until a call may go; infinite while all slots are taken."""
        if limits.concurrency is not None and self._active >= limits.concurrency:
            return math.inf
        wait = self._resume - now
        if limits.requests_per_minute is not None:
            wait = max(wait, self._requests.wait(1, limits.requests_per_minute, now))
        if limits.tokens_per_minute is not None:
            wait = max(wait, self._tokens.wait(tokens, limits.tokens_per_minute, now))
        return wait if wait > TICK else 0.0

    def leave(self, limits: Limits, tokens: int, now: float, *, answered: bool) -> None:
        """A call is off the wire. One without an answer took no tokens."""
        self._active -= 1
        if self._free is not None and not self._free.done():
            self._free.set_result(None)
        if limits.tokens_per_minute is None:
            return
        if answered:
            self._unsettled += 1
            self._guesses += tokens
        else:
            self._tokens.add(-tokens, now)

    def settle(self, tokens: int, now: float) -> None:
        """Which of the calls it was does not matter: over all of them the sum comes out right."""
        if self._unsettled:
            guess = self._guesses // self._unsettled
            self._unsettled -= 1
            self._guesses -= guess
            self._tokens.add(tokens - guess, now)

    def pause(self, until: float) -> None:
        """Nobody sends before this time."""
        self._resume = max(self._resume, until)


# ------------------------------------------------------------------------------------ what servers say

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s|d)")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def _seconds(text: str, wall: float) -> float | None:
    """Seconds from now that a header value means: ``1.5``, ``6m0s``, ``12ms``, a time, a Unix time; None if none."""
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        found = _span(text)
        return found if found is not None else _until(text, wall)
    if not math.isfinite(number):
        return None
    if number > 1e9:  # a Unix time; in milliseconds if it is that large
        number = (number / 1000 if number > 1e11 else number) - wall
    return max(number, 0.0)


def _span(text: str) -> float | None:
    parts = _DURATION.findall(text)
    if not parts or "".join(a + b for a, b in parts) != text:
        return None
    return sum(float(amount) * _UNITS[unit] for amount, unit in parts)


def _until(text: str, wall: float) -> float | None:
    """Seconds until an HTTP date or an RFC 3339 time."""
    from datetime import datetime, timezone
    from email.utils import parsedate_to_datetime

    try:
        if "T" in text and text[:1].isdigit():
            at = datetime.fromisoformat(
                re.sub(r"\.\d+", "", text).replace("Z", "+00:00").replace("z", "+00:00")
            )
        else:
            at = parsedate_to_datetime(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=timezone.utc)
        return max(at.timestamp() - wall, 0.0)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """How long the server asks to wait, in seconds; None when it does not say, or says 0."""
    exact = headers.get("retry-after-ms")
    if exact is not None:
        milliseconds = _seconds(exact, 0.0)
        if milliseconds:
            return milliseconds / 1000
    text = headers.get("retry-after")
    return (_seconds(text, wall) or None) if text else None


def exhausted(headers: Mapping[str, str], wall: float) -> float:
    """Seconds until something that is used up (``…-remaining-…: 0``) comes back; 0 when nothing is."""
    longest = 0.0
    for name, value in headers.items():
        if value == "0" and "remaining" in name:
            reset = _seconds(headers.get(name.replace("remaining", "reset"), ""), wall) or 0.0
            if reset <= MAX_WAIT:  # a daily limit is for the provider to enforce: its 429 says so plainly
                longest = max(longest, reset)
    return longest
