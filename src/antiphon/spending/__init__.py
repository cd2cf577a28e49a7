"""Spending: how much may be spent, what is, and the calls that are not made because they could cost more.

`Budget` says the caps, `bill` what one call may cost and has cost, `ledger` keeps what all processes have spent.
docs/design/costs.md says why it is done like this.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Literal, cast

from ..errors import RequestError

__all__ = ["Budget", "budget", "in_force"]

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


def in_force(own: Budget | None, environment: Budget | None) -> Budget | None:
    """The budget that counts: the client's own, else the process's, else the environment's; None where it has no caps."""
    chosen = own if own is not None else _everywhere if _everywhere is not None else environment
    return chosen or None
