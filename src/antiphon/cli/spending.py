"""`antiphon spending`: what calls under a budget have cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from ..places import home
from ..prices import dollars
from ..spending import Budget
from ..spending.bill import NANO, day_of
from ..spending.ledger import Ledger, Row
from .console import plain, safe_json, table, tell
from .options import Command

__all__ = ["spending"]

A_DAY = 86_400


@click.command(cls=Command)
@click.option(
    "--days", type=click.IntRange(1), default=7, show_default=True, help="So many days, today included."
)
@click.option("--json", "as_json", is_flag=True, help="Print them as one JSON object.")
def spending(days: int, as_json: bool) -> None:
    """Show what was spent under a budget, by day and model.

    Calls are written down only while a budget is set, with ANTIPHON_BUDGET or in a program. Days are UTC. An amount
    after ~ is an estimate or holds one: of calls that were cut off, or whose reply did not say what they used.
    """
    now = time.time()
    today = day_of(now)
    ledger = Ledger(home())
    rows, reserved = ledger.rows(day_of(now - (days - 1) * A_DAY)), ledger.reserved(today)
    spent = sum(row.nano for row in rows if row.day == today)
    budget = Budget.of_environment()
    if as_json:
        click.echo(safe_json(_as_object(rows, today, spent, reserved, budget)))
        return
    table(
        ("day", "model", "calls", "in", "out", "cost"),
        ((row.day, f"{row.provider}/{row.model}", plain(row.calls), plain(row.input_tokens),
          plain(row.output_tokens), _cost(row)) for row in rows),
        right=("calls", "in", "out", "cost"),
    )  # fmt: skip
    cap = "" if budget is None or budget.day is None else f" of {dollars(budget.day)}"
    flying = f", {dollars(reserved / NANO)} set aside for calls in flight" if reserved else ""
    tell(f"today (UTC): {dollars(spent / NANO)}{cap}{flying}")


def _cost(row: Row) -> str:
    amount = ("~" if row.estimated else "") + dollars(row.nano / NANO)
    return f"{amount} and {row.unpriced} unknown" if row.unpriced else amount


def _as_object(
    rows: Sequence[Row], today: str, spent: int, reserved: int, budget: Budget | None
) -> dict[str, Any]:
    return {
        "today": {"day": today, "usd": spent / NANO, "reserved": reserved / NANO},
        "budget": None if budget is None else asdict(budget),
        "rows": [_row(row) for row in rows],
    }


def _row(row: Row) -> dict[str, Any]:
    plainly = {name: value for name, value in asdict(row).items() if name not in ("nano", "estimated")}
    return {**plainly, "usd": row.nano / NANO, "estimated_usd": row.estimated / NANO}
