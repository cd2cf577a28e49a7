"""Budgets: what is refused before it is sent, what a call is booked at, and that no race spends the last dollar twice."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import antiphon
from antiphon import (
    Budget,
    BudgetExceeded,
    Cancelled,
    Client,
    LedgerError,
    Media,
    RequestError,
    ServerFailed,
    TransportError,
    errors,
    prices,
    spending,
)
from antiphon.call import Call
from antiphon.completion import Usage
from antiphon.replay import Busy, database
from antiphon.request import Config, Message, Request
from antiphon.spending import bill as bills
from antiphon.spending.ledger import NOTHING, Full, Ledger, Reservation, Row, Spent
from antiphon.transport import Transport

from . import peer as peers
from .test_road import until

pytest.importorskip("genai_prices")  # needs Python 3.11

MODEL = "gpt-6-sol"
DAY = "2026-11-26"
NOON = 1_795_694_400.0  # 2026-11-26T12:00:00Z
NANO = bills.NANO


class FixedClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, wall: float = NOON) -> None:
        self.time = wall

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture
def peer() -> Iterator[peers.Peer]:
    """A loopback provider."""
    with peers.serve() as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No budget set, nothing spent yet, whatever other tests did in this process."""
    monkeypatch.delenv("ANTIPHON_BUDGET", raising=False)
    monkeypatch.setattr(spending, "_everywhere", None)
    bills.process.forget()


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Makes clients of one home at a fixed time, and closes them."""
    made: list[Client] = []

    def make(budget: Budget | None = None, clock: FixedClock | None = None) -> Client:
        made.append(Client(tmp_path, budget=budget, transport=Transport(clock=clock or FixedClock())))
        return made[-1]

    yield make
    for client in made:
        client.close()


def asking(peer: peers.Peer, **settings: Any) -> dict[str, Any]:
    """Settings that ask a model with a price at the peer: about 0.0107 dollars at most."""
    return {
        "provider": "openai", "model": MODEL, "base_url": peer.url, "api_key": "k", "max_tokens": 1000,
        "retries": 0, **settings,
    }  # fmt: skip


def rows(client: Client) -> list[Row]:
    return client._purse.teller.ledger.rows("2000-01-01")


def reserved(client: Client) -> int:
    return client._purse.teller.ledger.reserved(DAY)


# ---------------------------------------------------------------------------------------- the setting


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("5", Budget(day=5)),
        ("$2.50", Budget(day=2.5)),
        ("day=5,process=1", Budget(day=5, process=1)),
        (" process = 0.1 , unknown=allow", Budget(process=0.1, unknown="allow")),
        ("0", Budget(day=0)),
    ],
)
def test_the_variable_is_read(text: str, budget: Budget, monkeypatch: pytest.MonkeyPatch):
    """Caps by name, a bare number for a day, with or without a dollar sign."""
    monkeypatch.setenv("ANTIPHON_BUDGET", text)
    assert Budget.of_environment() == budget


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("week=5", "'week' is no cap"),
        ("day=5,day=6", "'day' is given twice"),
        ("day=lots", "is no amount"),
        ("day=-1", "day must be an amount"),
        ("nan", "day must be an amount"),
        ("inf", "day must be an amount"),
        ("day=1,unknown=maybe", "unknown must be"),
        ("day=", "is no amount"),
        ("5,6", "'day' is given twice"),
    ],
)
def test_a_variable_that_cannot_be_read_is_no_cap_ignored(
    text: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """A mistake in ANTIPHON_BUDGET is an error that names it and shows how to write it, when the client is made."""
    monkeypatch.setenv("ANTIPHON_BUDGET", text)
    with pytest.raises(RequestError, match=says) as caught:
        Client(tmp_path)
    assert caught.value.field == "ANTIPHON_BUDGET"
    assert "day=5,process=1" in caught.value.hint


@pytest.mark.parametrize(
    "wrong", [{"day": -1}, {"process": True}, {"day": "5"}, {"unknown": "no"}, {"day": 1e10}]
)
def test_a_wrong_cap_is_an_error_that_names_it(wrong: dict[str, Any]):
    """Budget checks its values when it is made."""
    with pytest.raises(RequestError) as caught:
        Budget(**wrong)
    assert caught.value.field == next(iter(wrong))


def test_the_nearest_budget_counts(peer, clients, monkeypatch):
    """The client's own, else `antiphon.budget`, else the environment's; none of caps lifts the one behind it."""
    monkeypatch.setenv("ANTIPHON_BUDGET", "0")
    with pytest.raises(BudgetExceeded):
        clients().complete("hi", **asking(peer))
    assert clients(Budget(day=1)).complete("hi", **asking(peer)).text
    assert clients(Budget()).complete("hi", **asking(peer)).text
    client = clients()
    assert antiphon.budget(process=1) == Budget(process=1)
    assert client.complete("hi", **asking(peer)).text
    antiphon.budget(0)
    with pytest.raises(BudgetExceeded):
        client.complete("hi", **asking(peer))
    antiphon.budget()
    assert client.complete("hi", **asking(peer)).text


# ------------------------------------------------------------------------------------------- refusing


def test_a_call_that_could_cost_too_much_is_not_sent(peer, clients):
    """The error names cap, spent, estimate and the ways out; the provider sees nothing, and nothing is booked."""
    client = clients(Budget(day=0.01))
    with pytest.raises(BudgetExceeded) as caught:
        client.complete("hi", **asking(peer))
    error = caught.value
    assert (error.field, error.cap, error.limit, error.spent) == ("budget", "day", 0.01, 0)
    assert 0.01 < error.estimate < 0.012
    assert "today (UTC)" in error.message
    assert all(word in error.hint for word in ("max_tokens", "ANTIPHON_BUDGET", "midnight UTC"))
    assert (peer.seen, rows(client), reserved(client)) == ([], [], 0)


def test_less_output_costs_less(peer, clients):
    """The same call with a lower limit fits."""
    client = clients(Budget(day=0.01))
    assert client.complete("hi", **asking(peer, max_tokens=500)).text


def test_an_answer_is_booked_at_its_price(peer, clients):
    """What was set aside is given back, and what the answer cost is written down for its day and model."""
    client = clients(Budget(day=1))
    completion = client.complete("hi", **asking(peer))
    found = antiphon.price(completion)
    assert found is not None
    usage = completion.usage
    nano = bills.nano(found.usd)
    assert rows(client) == [
        Row(DAY, "openai", MODEL, 1, 0, usage.input_tokens or 0, usage.output_tokens or 0, nano, 0)
    ]
    assert reserved(client) == 0
    assert completion.notes == ()


def test_the_providers_own_figure_is_booked(peer, clients):
    """Where the reply says what the call cost, that is what it cost; afterwards the cap is full."""
    peer.usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6, "cost": 0.75}
    client = clients(Budget(day=0.76))
    ask = asking(peer, provider="openrouter", model="openai/gpt-6-sol")
    client.complete("hi", **ask)
    [row] = rows(client)
    assert (row.nano, row.estimated) == (750_000_000, 0)
    with pytest.raises(BudgetExceeded) as caught:
        client.complete("hi again", **ask)
    assert caught.value.spent == 0.75


def test_an_answer_without_usage_is_booked_at_the_estimate(peer, clients):
    """A reply that does not say what it used counts as all that it can have cost."""
    peer.usage = {}
    client = clients(Budget(day=1))
    client.complete("hi", **asking(peer))
    [row] = rows(client)
    assert row.nano == row.estimated > 10_000_000


def test_the_process_has_a_cap_of_its_own(peer, clients):
    """All clients of a process together, whatever the day's cap; the error says which cap it was."""
    peer.usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6, "cost": 0.02}
    clients(Budget(process=0.03)).complete("hi", **asking(peer))
    with pytest.raises(BudgetExceeded) as caught:
        clients(Budget(process=0.03, day=100)).complete("hi", **asking(peer))
    assert (caught.value.cap, caught.value.spent) == ("process", 0.02)
    assert "midnight" not in caught.value.hint


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_a_process_of_its_own():
    """The child begins with nothing spent, and the parent's figure stays."""
    bills.process.take(5, None)
    child = os.fork()
    if not child:
        try:
            bills.process.take(5, 5)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with pytest.raises(Full):
        bills.process.take(1, 5)


def test_a_new_day_has_its_own_cap(peer, clients):
    """Midnight UTC begins a new day: what was refused a second before is sent a second after."""
    peer.usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6, "cost": 0.05}
    clock = FixedClock(NOON + 12 * 3600 - 1)
    client = clients(Budget(day=0.055), clock)
    client.complete("hi", **asking(peer))
    with pytest.raises(BudgetExceeded):
        client.complete("hi", **asking(peer))
    clock.time += 1
    client.complete("hi", **asking(peer))
    assert [(row.day, row.calls) for row in rows(client)] == [("2026-11-27", 1), (DAY, 1)]


def test_a_call_over_midnight_is_booked_on_the_day_it_was_made(peer, clients):
    """A call belongs to the day that allowed it."""
    clock = FixedClock(NOON + 12 * 3600 - 1)
    client = clients(Budget(day=1), clock)

    def turn(body: Any) -> str:
        clock.time += 10
        return "late"

    peer.text = turn
    client.complete("hi", **asking(peer))
    assert [row.day for row in rows(client)] == [DAY]


# ------------------------------------------------------------------------------- unknown, free, replayed


def test_an_unknown_price_is_refused_unless_allowed(peer, clients):
    """Nobody knows what it costs, so no cap could be kept; who wants it anyway says so, and it is counted as unpriced."""
    ask = asking(peer, provider="huggingface", model="a/b")
    with pytest.raises(RequestError, match="nobody knows what huggingface/a/b costs") as caught:
        clients(Budget(day=1)).complete("hi", **ask)
    assert not isinstance(caught.value, BudgetExceeded)
    assert "unknown='allow'" in caught.value.hint
    assert peer.seen == []
    client = clients(Budget(day=0, unknown="allow"))
    client.complete("hi", **ask)
    [row] = rows(client)
    assert (row.calls, row.unpriced, row.nano) == (1, 1, 0)


def test_without_the_price_list_a_budget_says_what_to_install(peer, clients, monkeypatch):
    """A budget needs prices before sending."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    prices._genai.cache_clear()
    prices.listed.cache_clear()
    try:
        with pytest.raises(
            RequestError, match="a budget is set, and the price list is not installed"
        ) as caught:
            clients(Budget(day=1)).complete("hi", **asking(peer))
        assert "antiphon[prices]" in caught.value.hint
        assert peer.seen == []
        assert clients(Budget(day=0, unknown="allow")).complete("hi", **asking(peer)).text
    finally:
        prices._genai.cache_clear()


def test_what_is_free_needs_no_ledger(peer, clients, tmp_path):
    """With every cap at zero, what runs on this machine is asked, and nothing is written."""
    client = clients(Budget(day=0, process=0))
    assert client.complete("hi", model="echo").text == "hi"
    assert client.complete("hi", base_url=peer.url, model="m").text
    assert not (tmp_path / "spending.sqlite").exists()


def test_without_a_budget_nothing_is_written(peer, clients, tmp_path):
    """Records are kept only where a budget is set."""
    clients().complete("hi", **asking(peer))
    assert not (tmp_path / "spending.sqlite").exists()


def test_a_replay_costs_nothing(peer, clients):
    """A recorded answer comes back under a budget of zero."""
    first = clients().complete("hi", **asking(peer, seed=1))
    client = clients(Budget(day=0))
    again = client.complete("hi", **asking(peer, seed=1))
    assert (again.text, again.replayed, rows(client)) == (first.text, True, [])


def test_a_shared_call_is_paid_once(peer, clients):
    """Two who ask the same at once share one call, and one bill."""
    peer.delay = 0.3
    client = clients(Budget(day=1))

    async def both() -> list[Any]:
        return await asyncio.gather(*(client.acomplete("hi", **asking(peer, seed=1)) for _ in range(2)))

    found = asyncio.run(both())
    assert [row.calls for row in rows(client)] == [1]
    assert sorted(completion.replayed for completion in found) == [False, True]


# ------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
def test_a_call_that_failed_costs_nothing(peer, clients, status):
    """An error before any output gives back what was set aside."""
    peer.status = status
    client = clients(Budget(day=1, process=1))
    with pytest.raises(errors.ReplyError):
        client.complete("hi", **asking(peer))
    assert (rows(client), reserved(client)) == ([], 0)
    bills.process.take(NANO, NANO)  # all of the process's dollar is still there


def test_a_call_that_never_went_out_costs_nothing(clients):
    """Nobody listens at that address."""
    client = clients(Budget(day=1))
    with pytest.raises(TransportError):
        client.complete("hi", **asking(peers.Peer(url="http://127.0.0.1:9/v1")))
    assert (rows(client), reserved(client)) == ([], 0)


def test_a_stream_is_booked_like_any_answer(peer, clients):
    """The usage at its end is what counts."""
    client = clients(Budget(day=1))
    completion = client.stream("hi", **asking(peer)).completion
    found = antiphon.price(completion)
    assert found is not None
    [row] = rows(client)
    assert (row.nano, row.estimated) == (bills.nano(found.usd), 0)


def test_a_stream_that_is_left_keeps_what_it_has_cost(peer, clients):
    """Input and the output so far, as an estimate: more than the input alone, less than all that was set aside."""
    peer.pause = 0.05
    peer.text = lambda body: "word " * 200
    client = clients(Budget(day=1))
    with client.stream("hi", **asking(peer)) as pieces:
        next(iter(pieces))
        during = reserved(client)
    assert until(lambda: reserved(client) == 0)
    [row] = rows(client)
    assert row.nano == row.estimated
    assert 0 < row.nano < during
    assert 10_000_000 < during < 12_000_000


def test_a_whole_answer_that_is_not_waited_for_keeps_all(peer, clients):
    """Nobody knows how far it had got, so all that was set aside counts."""
    peer.delay = 5
    client = clients(Budget(day=1))

    async def leave() -> int:
        task = asyncio.create_task(client.acomplete("hi", **asking(peer)))
        while not peer.seen:
            await asyncio.sleep(0.01)
        held = reserved(client)
        task.cancel()
        await asyncio.wait((task,))
        return held

    held = asyncio.run(leave())
    assert until(lambda: reserved(client) == 0)
    assert [(row.nano, row.estimated) for row in rows(client)] == [(held, held)]


CUT = TransportError("cut", phase="cut-off")
LATE = TransportError("late", phase="deadline", limit="idle")


@pytest.mark.parametrize(
    ("error", "sent", "stream", "seen", "owed"),
    [
        (CUT, False, True, "", "nothing"),
        (Cancelled(), False, False, "", "nothing"),
        (Cancelled(), True, False, "", "all"),
        (Cancelled(), True, True, "", "input"),
        (asyncio.CancelledError(), True, True, "abcd", "more"),
        (CUT, True, True, "abcd", "more"),
        (CUT, True, False, "", "all"),
        (LATE, True, False, "", "all"),
        (TransportError("", phase="deadline", limit="connect"), True, False, "", "nothing"),
        (TransportError("", phase="connect"), True, False, "", "nothing"),
        (TransportError("", phase="tls"), True, True, "", "nothing"),
        (ServerFailed("", status=500), True, False, "", "nothing"),
        (ServerFailed("", status=200), True, True, "", "nothing"),
        (ServerFailed("", status=200), True, True, "abcd", "more"),
        (errors.Unreadable("", status=200), True, False, "", "all"),
        (errors.Unreadable("", status=200), True, True, "abcd", "more"),
        (errors.Refused("no"), True, False, "", "input"),
        (errors.Refused("no"), True, True, "abcd", "more"),
    ],
)
def test_what_a_call_without_an_answer_is_booked_at(
    error: BaseException, sent: bool, stream: bool, seen: str, owed: str
):
    """Nothing if it did not go out or failed before output; of a stream input and output so far; else all."""
    rates = prices.listed("openai", MODEL)
    assert rates is not None
    usage = Usage(input_tokens=1000, output_tokens=1000)
    bill = bills.Bill(Reservation(1, DAY, "openai", MODEL, 12_000_000), usage, rates, stream=stream)

    async def go() -> None:
        await bill.signing(None)(Call("http://x/", b""))

    if sent:
        asyncio.run(go())
    if seen:
        bill.watching(None)(antiphon.Delta(seen))
    expected = {"nothing": 0, "input": 2_000_000, "more": 2_020_000, "all": 12_000_000}[owed]
    found = bill.owed(error)
    assert found == (NOTHING if owed == "nothing" else Spent(nano=expected, estimated=expected))


# ------------------------------------------------------------------------------------------ the ledger


def test_a_ledger_that_cannot_be_written_stops_the_call(peer, clients, tmp_path):
    """A cap that cannot be kept is none: a typed error, and the provider sees nothing."""
    (tmp_path / "spending.sqlite").mkdir()
    with pytest.raises(LedgerError, match=r"the spending ledger .* cannot be opened") as caught:
        clients(Budget(day=1)).complete("hi", **asking(peer))
    assert "nothing is sent" in caught.value.hint
    assert peer.seen == []


def test_another_file_in_its_place_stops_the_call(peer, clients, tmp_path):
    """A damaged ledger is not overwritten, and not passed over."""
    (tmp_path / "spending.sqlite").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(LedgerError, match="damaged"):
        clients(Budget(process=1)).complete("hi", **asking(peer))
    assert peer.seen == []


def test_an_answer_is_kept_though_it_cannot_be_booked(peer, clients, tmp_path, monkeypatch):
    """It has been paid for: the answer comes with a note, and what was set aside goes on counting."""
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    client = clients(Budget(day=1))
    other = sqlite3.connect(tmp_path / "spending.sqlite", isolation_level=None, check_same_thread=False)

    def lock(body: Any) -> str:
        other.execute("BEGIN IMMEDIATE")
        return "answered"

    peer.text = lock
    completion = client.complete("hi", **asking(peer))
    other.execute("ROLLBACK")
    other.close()
    assert completion.text == "answered"
    assert "spending not settled" in completion.notes[0]
    assert reserved(client) > 10_000_000


def test_a_busy_ledger_does_not_hold_up_the_loop(peer, clients, tmp_path):
    """While another process writes, calls that need no ledger go on; the one that does waits, and is sent then."""
    client = clients(Budget(day=1))
    client.complete("hi", **asking(peer))
    other = sqlite3.connect(tmp_path / "spending.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def main() -> bool:
        waiting = asyncio.create_task(client.acomplete("wait", **asking(peer)))
        await client.acomplete("hi", model="echo")
        await client.acomplete("hi", base_url=peer.url, model="free")
        was_waiting = not waiting.done()
        other.execute("ROLLBACK")
        await waiting
        return was_waiting

    assert asyncio.run(main())
    other.close()
    assert [seen.body["model"] for seen in peer.seen] == [MODEL, "free", MODEL]


def test_a_caller_who_leaves_while_the_ledger_is_busy_holds_nothing(peer, clients, tmp_path):
    """What is set aside for nobody any more is given back."""
    client = clients(Budget(day=1, process=1))
    client.complete("hi", **asking(peer))
    other = sqlite3.connect(tmp_path / "spending.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def main() -> None:
        task = asyncio.create_task(client.acomplete("wait", **asking(peer)))
        await client.acomplete("hi", base_url=peer.url, model="free")
        task.cancel()
        await asyncio.wait((task,))

    asyncio.run(main())
    other.execute("COMMIT")
    other.close()
    assert until(lambda: _ids(tmp_path) == 2 and reserved(client) == 0)
    assert len(peer.seen) == 2


def _ids(home: Path) -> int:
    """How many reservations were ever made."""
    with sqlite3.connect(home / "spending.sqlite") as connection:
        found = connection.execute("SELECT seq FROM sqlite_sequence").fetchone()
    connection.close()
    return found[0] if found else 0


def test_the_last_dollar_goes_to_one_thread(tmp_path):
    """Of many threads at one ledger exactly as many are let through as fit."""
    ledger = Ledger(tmp_path)
    through: list[Reservation] = []
    refused: list[int] = []

    def one() -> None:
        try:
            through.append(ledger.reserve(DAY, "p", "m", 10, cap=75, now=NOON))
        except Full as full:
            refused.append(full.spent)

    def take() -> None:
        for _ in range(5):
            one()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(through) == 7
    assert refused == [70] * 33
    assert ledger.reserved(DAY) == 70
    ledger.close()


def test_what_was_in_flight_for_an_hour_is_booked_and_can_still_be_settled(tmp_path):
    """Nobody may hold money for ever: after an hour all of it counts as spent; what comes later puts it right."""
    ledger = Ledger(tmp_path)
    slow = ledger.reserve(DAY, "p", "slow", 70, cap=100, now=NOON)
    quick = ledger.reserve(DAY, "p", "quick", 20, cap=100, now=NOON + 3600.5)
    assert (ledger.reserved(DAY), ledger.rows(DAY)) == (20, [Row(DAY, "p", "slow", 1, 0, 0, 0, 70, 70)])
    ledger.settle(slow, Spent(input_tokens=1, output_tokens=2, nano=50))
    ledger.settle(quick, NOTHING)
    assert ledger.rows(DAY) == [Row(DAY, "p", "slow", 1, 0, 1, 2, 50, 0)]
    assert ledger.reserved(DAY) == 0
    ledger.close()


def test_sums_are_exact(tmp_path):
    """Ten dimes are a dollar: nothing is lost to floating point."""
    ledger = Ledger(tmp_path)
    for _ in range(10):
        ledger.reserve(DAY, "p", "m", bills.nano(0.1), cap=bills._cap(1.0), now=NOON)
    with pytest.raises(Full):
        ledger.reserve(DAY, "p", "m", 1, cap=bills._cap(1.0), now=NOON)
    assert bills.nano(1e-12) == 1  # rounded up
    ledger.close()


def test_not_waiting_is_busy(tmp_path):
    """Without waiting, a ledger that is not open yet or that another connection writes to is Busy, not an error."""
    ledger = Ledger(tmp_path)
    with pytest.raises(Busy):
        ledger.reserve(DAY, "p", "m", 1, cap=None, now=NOON, wait=False)
    ledger.reserve(DAY, "p", "m", 1, cap=None, now=NOON)
    ledger.reserve(DAY, "p", "m", 1, cap=None, now=NOON, wait=False)
    ledger.close()


# ---------------------------------------------------------------------------------------- processes


COST = 0.0105  # of one answer below; less than the most it could cost, which is about 0.0107


def spend(home: str, url: str, tries: int) -> int:
    """Ask as often as the budget lets: in a process of its own. How many were answered."""
    client = Client(home, budget=Budget(day=0.1))

    def once(number: int) -> bool:
        try:
            client.complete(f"{os.getpid()} {number}", **asking(peers.Peer(url=url)))
        except BudgetExceeded:
            return False
        return True

    answered = sum(once(number) for number in range(tries))
    client.close()
    return answered


def test_the_last_dollar_goes_to_one_process(peer, tmp_path):
    """Several processes race: together they never spend more than the cap, and the books are what was paid."""
    peer.usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6, "cost": COST}
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        answered = pool.starmap(spend, [(str(tmp_path), peer.url, 10)] * 3)
        pool.close()
        pool.join()
    assert sum(answered) == len(peer.seen)
    assert len(peer.seen) * COST <= 0.1
    spend(str(tmp_path), peer.url, 10)  # what is left is spent to the last call that fits
    assert len(peer.seen) == 9
    ledger = Ledger(tmp_path)
    found = ledger.rows("2000-01-01")
    assert sum(row.calls for row in found) == 9
    assert sum(row.nano for row in found) == 9 * bills.nano(COST)
    assert [ledger.reserved(row.day) for row in found] == [0] * len(found)
    ledger.close()


HOLD = """
    from antiphon import Budget, Client
    from tests import peer, test_spending
    client = Client({home!r}, budget=Budget(day=0.02))
    client.complete("hold", **test_spending.asking(peer.Peer(url={url!r})))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_a_killed_process_leaves_its_money_spent(peer, tmp_path):
    """While it lives its reservation counts; when it is killed it is booked as an estimate, for the call went out."""
    peer.delay = 60
    code = textwrap.dedent(HOLD.format(home=str(tmp_path), url=peer.url))
    child = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent.parent)
    assert until(lambda: len(peer.seen) == 1, 60)
    client = Client(tmp_path, budget=Budget(day=0.02))
    with pytest.raises(BudgetExceeded) as alive:
        client.complete("hi", **asking(peer))
    assert rows(client) == []
    child.send_signal(signal.SIGKILL)
    child.wait()
    with pytest.raises(BudgetExceeded) as dead:
        client.complete("hi", **asking(peer))
    assert dead.value.spent == alive.value.spent > 0.01
    peer.delay = 0
    cheap = Client(tmp_path, budget=Budget(day=0.03))
    assert cheap.complete("hi", **asking(peer)).text
    [row] = rows(cheap)
    assert (row.calls, row.estimated) == (2, bills.nano(alive.value.spent))
    client.close()
    cheap.close()


# ---------------------------------------------------------------------------------------- estimates


def request(*parts: Any, **config: Any) -> Request:
    return Request(
        provider="openai",
        messages=(Message("user", *(parts or ("hi",))),),
        config=Config(model=MODEL, **config),
    )


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (b'{"max_tokens":100}', 100),
        (b'{"max_completion_tokens":200,"max_tokens":100}', 200),
        (b'{"generationConfig":{"maxOutputTokens":300}}', 300),
        (b'{"inferenceConfig":{"maxTokens":400}}', 400),
        (b'{"options":{"num_predict":500}}', 500),
        (b'{"options":{"num_predict":-1}}', 128_000),
        (b'{"messages":[{"content":"\\"max_tokens\\":5"}]}', 128_000),
        (b"{}", 128_000),
    ],
)
def test_the_limit_is_read_from_what_goes_out(body: bytes, limit: int):
    """In the words of every dialect, but not from what the user says; without one, the most that models give."""
    assert bills.most(request(), Call("http://x/", body), None).output_tokens == limit


def test_a_small_window_bounds_the_output():
    """A model never gives more than it holds."""
    rates = prices.listed("deepseek", "deepseek-chat")
    assert rates is not None
    assert bills.most(request(), Call("http://x/", b"{}"), rates).output_tokens == rates.context == 64_000


def test_media_are_counted_by_what_they_are_not_by_their_bytes():
    """A picture of a megabyte is thousands of tokens, not hundreds of thousands; one at an address as much."""
    data = b"\x89PNG\r\n\x1a\n" + bytes(1_000_000)
    picture = Media.of(data)
    call = Call("http://x/", b"x" * (100 + len(picture.base64)))
    assert 5_000 < bills.input_tokens(request(picture, "look"), call) < 6_000
    remote = Media.of("https://example.com/a.png")
    assert bills.input_tokens(request(remote), Call("http://x/", b"x" * 100)) > 5_000


def test_a_picture_in_the_answer_is_estimated_as_one():
    """Where a picture is asked for, the output is taken for the dearer kind."""
    wanted = request(modalities=("text", "image"))
    assert bills.most(wanted, Call("http://x/", b'{"max_tokens":9}'), None).details == {
        "output_image_tokens": 9
    }
