"""Replies that are cut, held up, torn and damaged on their way, at each byte, for every dialect, plain and streamed.

What comes is the completion of the undisturbed reply or a typed error; the store holds what came whole, and nothing
else; connections, tasks and files are as many as before. `ANTIPHON_CHAOS=full` tries each byte of every reply.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from antiphon.errors import TransportError
from antiphon.request import Timeout

from .asking import ASKS, FULL, HOURS, Trial, trial
from .proxy import CLOSE, HANG, RESET, Framing, Steps, Whole

SHORT = 1_000  # bytes of wire up to which a cut is tried at each
SAMPLE = 50  # offsets that are tried in longer ones
FEW = 10  # offsets where each try is costly, or nothing new is expected
FRAMINGS: tuple[Framing, ...] = ("length", "chunked", "close")


@pytest.fixture(scope="module", params=ASKS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """For each dialect, plain and streamed: its server, the proxy before it, and a client, for all tests here."""
    with trial(ASKS[request.param], tmp_path_factory.mktemp("chaos")) as made:
        yield made


@pytest.fixture
def tried(running: Trial) -> Iterator[Trial]:
    """The trial, with nothing tried yet. Afterwards the store has what came whole, and nothing else."""
    running.whole.clear()
    running.errors.clear()
    running.first = running.asked + 1
    yield running
    running.recorded()


def offsets(size: int, most: int, *, always: Iterable[int] = ()) -> list[int]:
    """Each offset if there are not too many, else so many of them: the last ones, and others that differ by size."""
    if FULL or size <= most:
        return list(range(size))
    chance = random.Random(size)
    last = range(size - min(40, most // 2), size)
    return sorted({*last, *always, *chance.sample(range(size), most - len(last))})


def some(size: int, most: int = FEW) -> list[int]:
    """A few offsets over the whole length, the same each time."""
    return sorted(random.Random(size).sample(range(size), min(10 * most if FULL else most, size)))


def planned(trial: Trial, plan: Callable[[Whole], Steps]) -> None:
    trial.proxy.plan = plan


def checked(reply: Whole) -> bool:
    """Whether the protocol has checksums of its own."""
    return b"eventstream" in reply.head()


# --------------------------------------------------------------------------------------------- cut off


def test_a_reset_at_each_byte(tried: Trial) -> None:
    """A connection that breaks at any byte of the reply is a typed error, and nothing is recorded."""
    reply = tried.proxy.reply
    assert reply is not None
    wire = reply.wire()
    tries = offsets(len(wire), SHORT if len(wire) <= SHORT else SAMPLE)
    for end in tries:
        planned(tried, lambda _, end=end: [wire[:end], RESET])
        tried.whole_or_error()
    cut = [error for error in tried.errors if isinstance(error, TransportError) and error.phase == "cut-off"]
    assert len(cut) == len(tries)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_close_in_good_order(tried: Trial, framing: Framing) -> None:
    """So is one that ends early in good order: by its length, by its chunks, or by the end mark of its own.

    That mark may come before the counts of tokens, which are then not known.
    """
    reply = tried.proxy.reply
    assert reply is not None
    wire = reply.wire(framing)
    marks = [it.end() for it in re.finditer(rb"\n\n|}\n", wire[:-1])]  # where a whole event has just come
    tries = offsets(len(wire), SAMPLE if framing == "close" else FEW, always=(len(reply.head()), *marks))
    for end in tries:
        planned(tried, lambda _, end=end: [wire[:end], CLOSE])
        tried.whole_or_error(counts=framing != "close")
    assert tried.errors
    if framing == "length":
        assert len(tried.errors) == len(tries)
    planned(tried, lambda _: [wire, CLOSE])
    assert tried.outcome() == tried.undisturbed


def test_a_reply_that_stops_coming(tried: Trial) -> None:
    """Where nothing more comes, the time limit ends it, wherever that is."""
    reply = tried.proxy.reply
    assert reply is not None
    wire = reply.wire()
    soon = Timeout(connect=HOURS.connect, first_token=0.05, idle=0.05, total=0.2)
    for end in [0, len(reply.head()), *some(len(wire), 3)]:
        planned(tried, lambda _, end=end: [wire[:end], HANG])
        found = tried.outcome(timeout=soon)
        assert isinstance(found, TransportError)
        assert (found.phase, bool(found.limit)) == ("deadline", True)


def test_a_byte_a_second(tried: Trial) -> None:
    """A server that gives a byte a second never runs into the idle limit, and is ended by the total."""
    planned(tried, lambda whole: [it for at in whole.wire() for it in (bytes((at,)), 1.0)])
    found = tried.outcome(timeout=Timeout(connect=HOURS.connect, first_token=0.4, idle=0.4, total=0.2))
    assert isinstance(found, TransportError)
    assert found.phase == "deadline"


# ------------------------------------------------------------------------------------- slow, and in pieces


@pytest.mark.parametrize("framing", FRAMINGS)
def test_byte_by_byte(tried: Trial, framing: Framing) -> None:
    """A reply whose bytes come one by one, and late, is the same completion."""

    def plan(whole: Whole) -> Steps:
        wire = whole.wire(framing, piece=1)
        steps: list[Any] = [it for at in range(len(wire)) for it in (wire[at : at + 1], 0.0)]
        return [0.02, *steps, *([CLOSE] if framing == "close" else [])]

    planned(tried, plan)
    assert tried.outcome() == tried.undisturbed


def test_a_second_try_after_a_fault(tried: Trial) -> None:
    """With a retry, a fault before the answer costs a try and not the answer."""
    reply = tried.proxy.reply
    assert reply is not None
    for how in (RESET, CLOSE):
        faults = [[how], [reply.wire()]]
        planned(tried, lambda _, faults=faults: faults.pop(0))
        assert tried.outcome(retries=1) == tried.undisturbed
        assert not faults


# ------------------------------------------------------------------------------------------ other bytes

GARBAGE = (b"\0", b"\r\n\r\n", b"HTTP/1.1 ", b"\xff\xfe" * 40, b"data: {}\n\n", b"0\r\n\r\n", b"{}")


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_garbage_around(tried: Trial, framing: Framing) -> None:
    """Bytes before the reply are no answer; bytes after it are not read, nor taken for the next answer."""
    for garbage in GARBAGE:
        planned(tried, lambda whole, it=garbage: [it + whole.wire(framing), CLOSE])
        tried.whole_or_error()
        planned(tried, lambda whole, it=garbage: [whole.wire(framing) + it])
        tried.whole_or_error()
        planned(tried, lambda whole: [whole.wire(framing)])
        tried.whole_or_error()
    assert len(tried.whole) >= len(GARBAGE)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_bytes_dropped(tried: Trial, framing: Framing) -> None:
    """A reply that lacks bytes in its middle no longer fits its frame, which is a typed error.

    Two bytes at least: where one is missing in a chunk, the HTTP library takes the line end after it for the rest.
    """
    reply = tried.proxy.reply
    assert reply is not None
    wire = reply.wire(framing)
    head = wire.index(b"\r\n\r\n") + 4
    for at in some(len(reply.body)):
        start, more = head + at, 2 + at % 23
        planned(tried, lambda _, it=wire[:start] + wire[start + more :]: [it, CLOSE])
        tried.whole_or_error()
    assert tried.errors
    if framing == "length":
        assert not tried.whole


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_bytes_repeated(tried: Trial, framing: Framing) -> None:
    """So is mostly one that has some twice. A letter that is there twice cannot be noticed, but by a checksum."""
    reply = tried.proxy.reply
    assert reply is not None
    wire = reply.wire(framing)
    head = wire.index(b"\r\n\r\n") + 4
    for at in some(len(reply.body)):
        start, more = head + at, 1 + at % 23
        planned(tried, lambda _, it=wire[: start + more] + wire[start:]: [it, CLOSE])
        tried.whole_or_error(strict=checked(reply) and at > more)
    assert tried.errors


def test_the_reply_twice(tried: Trial) -> None:
    """A reply that comes once more, at once or later, is not the answer to the next question."""
    reply = tried.proxy.reply
    assert reply is not None
    late = reply.head(b"Content-Length: 2") + b"{}"
    planned(tried, lambda whole: [whole.wire()])
    for number in range(4):
        assert tried.outcome() == tried.undisturbed
        if number % 2:
            tried.pushed(late)
        else:
            planned(tried, lambda whole: [whole.wire() + late])
            assert tried.outcome() == tried.undisturbed
            planned(tried, lambda whole: [whole.wire()])
    assert not tried.errors


def test_bits_turned_over(tried: Trial) -> None:
    """Any bit turned over is an error of ours or a completion, and never another exception.

    A letter of plain text that became another cannot be noticed; where the protocol has checksums of its own, it is. And
    where a stream says all of the answer twice, or numbers its pieces, what was heard may differ from what it is in the end.
    """
    reply = tried.proxy.reply
    assert reply is not None
    tried.heard = checked(reply)
    wire, head = reply.wire(), len(reply.head(b"Content-Length: %d" % len(reply.body)))
    for at in offsets(len(wire), SAMPLE):
        bit = 1 << (at * 7 % 8)
        changed = wire[:at] + bytes((wire[at] ^ bit,)) + wire[at + 1 :]
        planned(tried, lambda _, it=changed: [it, CLOSE])
        tried.whole_or_error(strict=checked(reply) and at >= head)
    assert tried.errors
