"""One call's bill: the most it may cost, set aside before it goes out, and what it has cost when it is over."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TypeVar

from .. import prices
from ..call import Call
from ..completion import Completion, Delta, Usage
from ..errors import (
    BudgetExceeded,
    LedgerError,
    Refused,
    ReplyError,
    RequestError,
    TransportError,
    Unreadable,
)
from ..limits import Clock
from ..prices import Rates, dollars
from ..providers import Provider, facts
from ..replay import Busy
from ..request import Media, Request
from . import Budget
from .ledger import NOTHING, Full, Ledger, Reservation, Spent

__all__ = ["Bill", "Teller", "day_of"]

log = logging.getLogger("antiphon")

T = TypeVar("T")
Sign = Callable[[Call], Awaitable[Call]]
Emit = Callable[[Delta], object]

NANO = 10**9  # to the US dollar

# ------------------------------------------------------------------------------------- the estimate

# A token is four bytes of English; less of other languages and of code. Estimates are to be too high.
BYTES_PER_TOKEN = 2
OVERHEAD = 256  # tokens that a provider adds: the frame of a conversation, its words about a schema
# The most tokens that a model gives where the call names no limit: that of the largest models of
# 2026, for those whose own is not in the table of model facts.
MOST_OUTPUT = 128_000
# Tokens of one medium: the most that is known for a picture, and for the others what a second or a page takes by the
# fewest bytes that can hold it. A medium that is sent by its address is taken for a large one.
PICTURE = 5_000
BYTES_PER_MEDIA_TOKEN = {"audio": 30, "video": 30, "document": 4}
BY_ADDRESS = 100_000
# Under these names the limit stands in the bodies of all dialects; a quote inside a text has a backslash before it.
_LIMIT = re.compile(
    rb'(?<!\\)"(?:max_tokens|max_completion_tokens|max_output_tokens|maxOutputTokens|maxTokens|num_predict)":(\d+)'
)


def most(request: Request, call: Call, rates: Rates | None) -> Usage:
    """The most tokens that this call can take and give, as far as that can be told without asking."""
    limits = [int(found) for found in _LIMIT.findall(call.body) if len(found) < 10]
    window = (rates.context if rates is not None else None) or MOST_OUTPUT
    longest = facts(request.provider, request.model).max_output or MOST_OUTPUT
    given = max(limits) if limits and max(limits) > 0 else min(window, longest)
    details = {
        f"output_{kind}_tokens": given for kind in ("image", "audio") if kind in request.config.modalities
    }
    return Usage(input_tokens=input_tokens(request, call), output_tokens=given, details=details)


def input_tokens(request: Request, call: Call) -> int:
    """The most tokens that the input of this call can be."""
    media = request.media
    encoded = sum((len(medium.data) + 2) // 3 * 4 for medium in media if medium.data is not None)
    text = len(call.body) - encoded
    if media:  # what goes out may be smaller than what was given
        text = max(text, sum(len(message.text.encode()) for message in request.messages))
    return text // BYTES_PER_TOKEN + OVERHEAD + sum(map(_allowance, media))


def _allowance(medium: Media) -> int:
    if medium.kind not in BYTES_PER_MEDIA_TOKEN:
        return PICTURE
    return (
        BY_ADDRESS
        if medium.data is None
        else max(PICTURE, len(medium.data) // BYTES_PER_MEDIA_TOKEN[medium.kind])
    )


# ----------------------------------------------------------------------------------------- the bill


class Bill:
    """A call under a budget, from before it goes out until it is over."""

    def __init__(self, reservation: Reservation, usage: Usage, rates: Rates | None, *, stream: bool) -> None:
        self.reservation = reservation
        self.usage = usage
        self.rates = rates
        self.stream = stream
        self.completion: Completion | None = None
        self.notes: list[str] = []
        self._sent = False
        self._seen = 0  # bytes of the answer so far

    def watching(self, emit: Emit | None) -> Emit:
        """`emit`, but what passes is counted."""

        def count(delta: Delta) -> None:
            self._seen += len(delta.text.encode()) + len(delta.reasoning.encode())
            self._seen += PICTURE * BYTES_PER_TOKEN if delta.media is not None else 0
            if emit is not None:
                emit(delta)

        return count

    def signing(self, sign: Sign | None) -> Sign:
        """`sign`, which is called just before each try goes out: from then on the call may cost."""

        async def signed(call: Call) -> Call:
            call = await sign(call) if sign is not None else call
            self._sent = True
            return call

        return signed

    def paid(self, completion: Completion) -> Spent:
        """What an answer has cost: its price, or all that was set aside where that cannot be known."""
        usage = completion.usage
        tokens = {"input_tokens": usage.input_tokens or 0, "output_tokens": usage.output_tokens or 0}
        try:
            price = prices.price(completion)
        except RequestError:  # no price list: the budget allows calls without a price
            price = None
        if price is not None:
            return Spent(nano=nano(price.usd), **tokens)
        guess = self.reservation.nano
        return Spent(nano=guess, estimated=guess, unpriced=int(not guess), **tokens)

    def owed(self, error: BaseException) -> Spent:
        """What a call without an answer has probably cost.

        Nothing, if it never went out or the provider said that it failed before any output. Of a stream the input,
        and the output so far. Of a whole reply that never came, nobody knows how far it had got: all of it.
        """
        if not self._sent or self._failed(error):
            return NOTHING
        partly = self.stream or (isinstance(error, Refused))
        usage = Usage(input_tokens=self.usage.input_tokens, output_tokens=self._seen // BYTES_PER_TOKEN)
        price = self.rates.price(usage) if partly and self.rates is not None else None
        guess = self.reservation.nano if price is None else min(nano(price.usd), self.reservation.nano)
        return Spent(nano=guess, estimated=guess, unpriced=int(self.rates is None))

    def _failed(self, error: BaseException) -> bool:
        if isinstance(error, TransportError):
            return error.phase in ("connect", "tls") or error.limit == "connect"
        return isinstance(error, ReplyError) and not isinstance(error, Unreadable) and not self._seen


def nano(usd: float) -> int:
    """US dollars in billionths, rounded up."""
    whole = round(usd * NANO)
    return whole if whole >= usd * NANO - 1e-6 else whole + 1


def day_of(seconds: float) -> str:
    """The day, UTC, that these seconds since 1970 fall on. LedgerError where that is none of any calendar."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).date().isoformat()
    except (ValueError, OverflowError, OSError):
        raise LedgerError(
            f"the clock of this machine says {seconds:g} s since 1970, which is no day to count spending by",
            hint="Set the clock, or lift the budget for a day.",
        ) from None


# ----------------------------------------------------------------------------------------- the teller


class _Process:
    """What this process has spent and set aside, by all its clients. A forked child begins with nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    def take(self, amount: int, cap: int | None) -> None:
        """Set `amount` aside. Full where that would make more than `cap`."""
        with self._lock:
            if cap is not None and self._taken + amount > cap:
                raise Full(self._taken)
            self._taken += amount

    def give_back(self, amount: int) -> None:
        with self._lock:
            self._taken -= amount


process = _Process()


class Teller:
    """Who sets money aside and settles, in this process's sum and in the ledger of a home folder."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self._clock = clock
        self.ledger = Ledger(home)

    @asynccontextmanager
    async def bill(
        self, budget: Budget, provider: Provider, request: Request, call: Call
    ) -> AsyncGenerator[Bill]:
        """Set the most that `call` can cost aside, and settle when it is over.

        BudgetExceeded where that is more than is left; RequestError where its price is not known; LedgerError where
        the ledger cannot be kept. The answer goes into `completion` of the bill.
        """
        rates = await _rates(budget, provider, request.model)
        usage = most(request, call, rates)
        price = rates.price(usage) if rates is not None else None
        if price is None and budget.unknown == "refuse":
            raise _unknown(request)
        amount = 0 if price is None else nano(price.usd)
        reservation = await self._reserved(budget, request, amount)
        bill = Bill(reservation, usage, rates, stream=bool(call.stream))
        try:
            yield bill
        except BaseException as error:
            await self._settle(bill, bill.owed(error))
            raise
        assert bill.completion is not None
        await self._settle(bill, bill.paid(bill.completion))

    async def _reserved(self, budget: Budget, request: Request, amount: int) -> Reservation:
        try:
            process.take(amount, _cap(budget.process))
        except Full as full:
            raise _exceeded("process", budget.process or 0.0, full.spent, amount) from None
        now = self._clock.wall()
        reserve = partial(
            self.ledger.reserve, day_of(now), request.provider, request.model, amount, cap=_cap(budget.day), now=now
        )  # fmt: skip
        try:
            return await _written(reserve, undo=self._drop)
        except BaseException as error:
            process.give_back(amount)
            if isinstance(error, Full):
                raise _exceeded("day", budget.day or 0.0, error.spent, amount) from None
            raise

    def _drop(self, reservation: Reservation) -> None:
        """Give back what was set aside for a caller who has left meanwhile."""
        try:
            self.ledger.settle(reservation, NOTHING)
        except LedgerError as error:
            log.warning("spending not settled: %s", error)

    async def _settle(self, bill: Bill, spent: Spent) -> None:
        """Write down what a call has cost. What cannot be written is a note, not an error: it has been paid for."""
        process.give_back(bill.reservation.nano - spent.nano)
        try:
            await _written(partial(self.ledger.settle, bill.reservation, spent))
        except LedgerError as error:
            log.warning("spending not settled: %s", error)
            bill.notes.append(f"spending not settled, so the most it can have cost counts: {error}")


async def _written(write: Callable[..., T], undo: Callable[[T], object] | None = None) -> T:
    """Write to the ledger: here if that is done at once, else on another thread, so that the loop goes on.

    A caller who leaves meanwhile does not stop the thread; what it then comes back with is for `undo`.
    """
    try:
        return write(wait=False)
    except Busy:
        pass
    task = asyncio.ensure_future(asyncio.to_thread(write, wait=True))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(partial(_left, undo))
        raise


def _left(undo: Callable[[T], object] | None, task: asyncio.Future[T]) -> None:
    if not task.cancelled() and task.exception() is None and undo is not None:
        task.get_loop().run_in_executor(None, undo, task.result())


async def _rates(budget: Budget, provider: Provider, model: str) -> Rates | None:
    """The model's rates. The price list takes tenths of a second to import: on another thread."""
    try:
        if prices.loaded():
            return prices.rates(provider, "", model)
        return await asyncio.to_thread(prices.rates, provider, "", model)
    except RequestError as error:
        if budget.unknown == "allow":
            return None
        raise RequestError(
            f"a budget is set, and {error.message}: what the call may cost is not known",
            field="budget",
            hint=error.hint,
        ) from None


def _cap(usd: float | None) -> int | None:
    return None if usd is None else int(usd * NANO)


def _unknown(request: Request) -> RequestError:
    return RequestError(
        f"a budget is set, and nobody knows what {request.provider}/{request.model} costs",
        field="budget",
        hint="Ask another model, or let calls without a known price pass: unknown='allow' "
        "(in ANTIPHON_BUDGET: unknown=allow).",
    )


def _exceeded(cap: str, limit: float, spent: int, estimate: int) -> BudgetExceeded:
    period = {"day": "today (UTC)", "process": "this process"}[cap]
    wait = ", or wait until midnight UTC" if cap == "day" else ""
    return BudgetExceeded(
        f"this call could cost up to {dollars(estimate / NANO)}, but of the {dollars(limit)} for {period} "
        f"{dollars(spent / NANO)} are spent or in flight",
        cap=cap,
        limit=limit,
        spent=spent / NANO,
        estimate=estimate / NANO,
        hint=f"Ask for less (max_tokens=…), raise the budget ({cap}= in ANTIPHON_BUDGET or antiphon.budget){wait}.",
    )
