"""What answers cost, on the command line: the status line, --json, the total of a chat, and `antiphon spending`."""

from __future__ import annotations

import json
import time

import pytest

from antiphon.spending.bill import day_of
from antiphon.spending.ledger import Ledger, Spent

ECHO = ("complete", "-m", "echo")
USED = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "cost": 0.00125}


def test_the_status_line_tells_the_cost(cli, echo_script):
    """What the provider says it cost stands between the tokens and the time."""
    result = cli(*ECHO, "hi", *echo_script(usage=USED))
    assert "3 in, 4 out · $0.00125 · " in result.stderr


def test_what_is_free_says_nothing_of_cost(cli):
    """On this machine cost is no question, and no price list is needed to know it."""
    assert "$" not in cli(*ECHO, "hi").stderr


def test_json_tells_cost_and_what_was_paid(cli, echo_script):
    """A replayed answer costs to make what the first one cost, and was paid nothing for."""
    ask = (*ECHO, "hi", "--seed", 1, "--json", *echo_script(usage=USED))
    first, again = (json.loads(cli(*ask).stdout)["cost"] for _ in range(2))
    assert first == {"usd": 0.00125, "source": "provider", "input": None, "output": None, "paid": 0.00125}
    assert again == {**first, "paid": 0.0}
    assert json.loads(cli(*ECHO, "hi", "--json").stdout)["cost"]["source"] == "own machine"


def test_a_chat_ends_with_what_it_cost(cli, echo_script):
    """The answers of one sitting together; quiet says nothing of it."""
    chat = ("chat", "-m", "echo", *echo_script(usage=USED))
    assert cli(*chat, stdin="one\ntwo\n").stderr.splitlines()[-1] == "in all: $0.0025"
    assert "$" not in cli(*chat, "-q", stdin="one\n").stderr
    assert "in all" not in cli("chat", "-m", "echo", stdin="one\n").stderr


def test_over_the_budget_is_exit_code_2_with_all_that_is_known(cli, monkeypatch: pytest.MonkeyPatch):
    """Nothing is sent, and a program learns cap, limit and estimate."""
    pytest.importorskip("genai_prices")
    monkeypatch.setenv("ANTIPHON_BUDGET", "day=0.0001")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    result = cli("complete", "-m", "openai/gpt-6-sol", "--max-tokens", 1000, "hi", "--json")
    error = json.loads(result.stdout)["error"]
    assert result.exit_code == 2
    assert (error["type"], error["field"], error["cap"], error["limit"]) == (
        "BudgetExceeded", "budget", "day", 0.0001,
    )  # fmt: skip
    assert error["estimate"] > 0.01


def test_a_ledger_that_cannot_be_kept_is_exit_code_7(cli, home, monkeypatch: pytest.MonkeyPatch):
    """Nothing is sent here either."""
    pytest.importorskip("genai_prices")
    monkeypatch.setenv("ANTIPHON_BUDGET", "5")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    (home / "spending.sqlite").mkdir(parents=True)
    assert cli("complete", "-m", "openai/gpt-6-sol", "hi").exit_code == 7


def booked(home) -> str:
    """A ledger with a priced call, an estimated one, one long ago, and one in flight; today's name."""
    now, today = time.time(), day_of(time.time())
    ledger = Ledger(home)
    for day, model, spent in (
        (today, "a", Spent(input_tokens=1000, output_tokens=20, nano=12_500_000)),
        (today, "b", Spent(nano=500_000_000, estimated=500_000_000)),
        (today, "c", Spent(unpriced=1)),
        ("2020-01-01", "a", Spent(nano=1)),
    ):
        ledger.settle(ledger.reserve(day, "openai", model, 1, cap=None, now=now), spent)
    ledger.reserve(today, "openai", "a", 30_000_000, cap=None, now=now)
    ledger.close()
    return today


def test_spending_lists_days_and_models(cli, home, monkeypatch: pytest.MonkeyPatch):
    """The dearest first, estimates marked, what is not known said, and what is left of the day."""
    today = booked(home)
    monkeypatch.setenv("ANTIPHON_BUDGET", "5")
    result = cli("spending")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "day\tmodel\tcalls\tin\tout\tcost",
        f"{today}\topenai/b\t1\t0\t0\t~$0.50",
        f"{today}\topenai/a\t1\t1,000\t20\t$0.0125",
        f"{today}\topenai/c\t1\t0\t0\t$0 and 1 unknown",
    ]
    assert result.stderr == "today (UTC): $0.512 of $5.00, $0.03 set aside for calls in flight\n"
    assert "2020-01-01" in cli("spending", "--days", 10_000).stdout


def test_spending_as_json(cli, home):
    """The same for programs, in US dollars."""
    today = booked(home)
    document = json.loads(cli("spending", "--json").stdout)
    assert document["today"] == {"day": today, "usd": 0.5125, "reserved": 0.03}
    assert document["budget"] is None
    assert document["rows"][1] == {
        "day": today, "provider": "openai", "model": "a", "calls": 1, "unpriced": 0,
        "input_tokens": 1000, "output_tokens": 20, "usd": 0.0125, "estimated_usd": 0.0,
    }  # fmt: skip


def test_spending_of_an_empty_home_is_nothing(cli, home):
    """Looking makes no file."""
    result = cli("spending")
    assert result.stdout.splitlines() == ["day\tmodel\tcalls\tin\tout\tcost"]
    assert result.stderr == "today (UTC): $0\n"
    assert not (home / "spending.sqlite").exists()
