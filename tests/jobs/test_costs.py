"""What a batch costs: known prices add up, unknown ones are counted and are never zero."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from antiphon import price
from antiphon.cli.batch import _facts, _Pace
from antiphon.completion import Completion, Usage
from antiphon.jobs.costs import Costs
from antiphon.jobs.run import Tally

LISTED = pytest.mark.skipif(
    importlib.util.find_spec("genai_prices") is None, reason="needs genai-prices, which needs Python 3.11"
)


def answer(
    provider: str = "openai", model: str = "gpt-4o-mini", cost: float | None = None, **more: Any
) -> Completion:
    usage = Usage(input_tokens=1000, output_tokens=100, cost=cost)
    return Completion(text="x", usage=usage, provider=provider, model=model, requested_model=model, **more)


@LISTED
def test_listed_prices_add_up():
    """Answers whose provider states no cost are priced from the list, to the same sum as `antiphon.price` gives."""
    costs = Costs()
    for _ in range(50):
        costs.add(answer())
    costs.add(answer(cost=0.25))
    costs.end()
    one = price(answer())
    assert one is not None
    assert costs.usd == pytest.approx(50 * one.usd + 0.25)
    assert (costs.known, costs.unknown) == (51, 0)
    assert costs.estimate(51) == pytest.approx(2 * (costs.usd or 0))


def test_what_nobody_knows_is_no_zero():
    """An answer without a known price makes no estimate and is told; alone it makes no sum either."""
    costs = Costs()
    costs.add(answer("openai", "no-such-model"))
    costs.end()
    assert (costs.usd, costs.known, costs.unknown) == (None, 0, 1)
    tally = Tally(rows=1, costs=costs)
    assert "1 of unknown cost" in _facts(tally, 5)
    assert "$0" not in _facts(tally, 5)
    costs.add(answer(cost=0.5))
    assert costs.estimate(1) is None
    assert "$0.50 and 1 of unknown cost" in _facts(tally, 5)


def test_what_costs_nothing_is_not_told():
    """A model on this machine costs nothing, which is known; replayed answers and errors are not paid for."""
    tally = Tally()
    tally.add(answer("local", "m"))
    tally.add(answer(cost=9.0, replayed=True))
    tally.costs.end()
    assert (tally.costs.usd, tally.costs.unknown) == (0.0, 0)
    assert "$" not in _facts(tally, 1)
    assert "unknown" not in _facts(tally, 1)


def test_the_list_is_not_read_where_the_provider_states_its_cost():
    """No thread is started, and no list read, while every answer brings its own figure."""
    costs = Costs()
    costs.add(answer("openrouter", cost=0.001))
    assert costs._thread is None
    assert costs.usd == 0.001


def test_the_pace_is_that_of_the_last_minute():
    """Rows that were replayed in the first second do not count a minute later."""
    pace = _Pace(0.0)
    pace.see(1.0, 100_000)
    for second in range(2, 121):
        pace.see(float(second), 100_000 + second)
    assert pace.rate() == pytest.approx(1.0, rel=0.1)
