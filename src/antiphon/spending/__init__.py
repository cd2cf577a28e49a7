"""Spending: how much may be spent, what is, and the calls that are not made because they could cost more.

`Budget` says the caps, `bill` what one call may cost and has cost, `ledger` keeps what all processes have spent.
docs/design/costs.md says why it is done like this.
"""

from __future__ import annotations

import math
import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from ..errors import RequestError

if TYPE_CHECKING:
    from ..call import Call
    from ..limits import Clock
    from ..providers import Provider
    from ..request import Request
    from .bill import Bill, Teller

__all__ = ["Budget", "Purse", "budget"]

VARIABLE = "ANTIPHON_BUDGET"
EXAMPLE = "Write it like day=5,process=1 (US dollars), or just 5 for a day."


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be spent, in US dollars: a call that could cost more than what is left is refused before it is sent.

    `process` is for all calls of this process, `day` for all processes that share a home folder, from midnight to
    midnight UTC. None is no cap. `unknown` says what becomes of calls whose price nobody knows: "refuse", or "allow"
    (they count as nothing, unless the provider says afterwards what they cost). RequestError names a wrong value.
    """

    process: float | None = None
    day: float | None = None
    unknown: Literal["refuse", "allow"] = "refuse"

    def __post_init__(self) -> None:
        for name in ("process", "day"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _dollars(value, name))
        if self.unknown not in ("refuse", "allow"):
            raise RequestError(f"unknown must be 'refuse' or 'allow', not {self.unknown!r}", field="unknown")

    def __bool__(self) -> bool:
        return self.process is not None or self.day is not None

    @classmethod
    def parse(cls, text: str, field: str = VARIABLE) -> Budget:
        """What ``day=5,process=1,unknown=allow`` means; a number alone is for a day. RequestError names `field`."""
        given: dict[str, str] = {}
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            name, mark, value = part.partition("=")
            name, value = (name.strip(), value.strip()) if mark else ("day", part)
            if name not in ("process", "day", "unknown") or name in given:
                what = "is given twice" if name in given else "is no cap"
                raise RequestError(f"{field}: {name!r} {what}", field=field, hint=EXAMPLE)
            given[name] = value
        try:
            caps = {
                name: float(value.removeprefix("$")) for name, value in given.items() if name != "unknown"
            }
            unknown = cast("Literal['refuse', 'allow']", given.get("unknown", "refuse"))
            return cls(**caps, unknown=unknown)
        except ValueError:
            raise RequestError(f"{field}: {text!r} is no amount", field=field, hint=EXAMPLE) from None
        except RequestError as error:
            raise RequestError(f"{field}: {error.message}", field=field, hint=EXAMPLE) from None

    @classmethod
    def of_environment(cls) -> Budget | None:
        """The budget in $ANTIPHON_BUDGET, or None. RequestError where it cannot be read: no cap is no answer to that."""
        text = os.environ.get(VARIABLE, "").strip()
        return cls.parse(text) if text else None


def _dollars(value: object, name: str) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not 0 <= cast("float", value) <= 1e9:
        raise RequestError(
            f"{name} must be an amount in US dollars from 0 to a billion, not {value!r}", field=name
        )
    return float(cast("float", value))


_everywhere: Budget | None = None


def budget(
    day: float | None = None, *, process: float | None = None, unknown: Literal["refuse", "allow"] = "refuse"
) -> Budget:
    """Set the budget of this process's clients, in place of $ANTIPHON_BUDGET; see Budget.

    Clients that were made with a budget of their own keep it. ``antiphon.budget()`` lifts all caps.
    """
    global _everywhere  # noqa: PLW0603 - it is the setting of the whole process
    _everywhere = Budget(day=day, process=process, unknown=unknown)
    return _everywhere


class Purse:
    """Where a client's calls are paid from. What books them is imported only where a budget is set."""

    def __init__(self, home: Path, budget: Budget | None, clock: Clock) -> None:
        self._home = home
        self._own = budget
        self._environment = Budget.of_environment()
        self._clock = clock
        self._teller: Teller | None = None

    def budget(self, provider: Provider, request: Request) -> Budget | None:
        """The budget that this request falls under: the client's own, else the process's, else the environment's.

        None where there is none, where it has no caps, or where asking costs nothing.
        """
        own, everywhere = self._own, _everywhere
        chosen = own if own is not None else everywhere if everywhere is not None else self._environment
        if not chosen or provider.costs_nothing(request.base_url or request.identity.get("server")):
            return None
        return chosen

    def bill(
        self, budget: Budget, provider: Provider, request: Request, call: Call
    ) -> AbstractAsyncContextManager[Bill]:
        """A bill for this call; see Teller.bill."""
        return self.teller.bill(budget, provider, request, call)

    @property
    def teller(self) -> Teller:
        if self._teller is None:
            from .bill import Teller

            self._teller = Teller(self._home, self._clock)
        return self._teller

    def close(self) -> None:
        """Close the ledger, if it is open. It opens again when it is used again."""
        if self._teller is not None:
            self._teller.ledger.close()
