"""Sums: by day and by model, from the index's small columns alone."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from .values import DayTotal, ModelTotal, Totals

__all__ = ["totals"]

QUARTER = 900

_RECORDED = """SELECT provider, model, count(*), total(input_tokens), total(output_tokens), sum(nano), count(nano)
 FROM entries INDEXED BY entries_by_time WHERE recorded_at >= ? AND recorded_at < ? GROUP BY provider, model"""
_REPLAYED = """SELECT provider, model, sum(count) FROM replay_times
 WHERE quarter >= ? AND quarter < ? GROUP BY provider, model"""


@dataclass(slots=True)
class Sum:
    """What is added up; `nano` is None until a price is known."""

    completions: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    nano: int | None = None
    unpriced: int = 0

    def add(self, row: tuple[Any, ...]) -> None:
        count, tokens_in, tokens_out, nano, priced = row
        self.completions += count
        self.input_tokens += int(tokens_in)
        self.output_tokens += int(tokens_out)
        self.unpriced += count - priced
        if nano is not None:
            self.nano = (self.nano or 0) + nano

    def given(self) -> dict[str, Any]:
        return {
            "completions": self.completions,
            "replayed": self.replayed,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": None if self.nano is None else self.nano / 1e9,
            "unpriced": self.unpriced,
        }


def totals(db: sqlite3.Connection | None, now: float, days: int, tz: tzinfo | None) -> Totals:
    """The totals of the last `days` days, up to the one of `now` (unix seconds)."""
    models: dict[tuple[str, str], Sum] = defaultdict(Sum)
    rows: list[DayTotal] = []
    for day, start, end in _days(now, days, tz):
        whole = Sum()
        for provider, model, *row in () if db is None else db.execute(_RECORDED, (start, end)):
            whole.add(tuple(row))
            models[provider, model].add(tuple(row))
        span = (int(start // QUARTER), int(end // QUARTER))
        for provider, model, count in () if db is None else db.execute(_REPLAYED, span):
            whole.replayed += count
            models[provider, model].replayed += count
        rows.append(DayTotal(day=day.isoformat(), **whole.given()))
    found = [ModelTotal(provider=name[0], model=name[1], **it.given()) for name, it in models.items()]
    found.sort(key=lambda it: (-it.completions, -it.replayed, it.provider, it.model))
    return Totals(tuple(rows), tuple(found))


def _days(now: float, days: int, tz: tzinfo | None) -> Iterator[tuple[date, float, float]]:
    """The days, the newest first, with the unix seconds at which they begin and end (clocks may be changed on one)."""
    today = datetime.fromtimestamp(now, tz).date()
    for back in range(days):
        day = today - timedelta(days=back)
        yield day, _midnight(day, tz), _midnight(day + timedelta(days=1), tz)


def _midnight(day: date, tz: tzinfo | None) -> float:
    return datetime.combine(day, time(), tz).timestamp()
