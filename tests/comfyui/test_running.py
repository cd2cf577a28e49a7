"""How the nodes run: side by side, off ComfyUI's loop, cancelled on the wire, and never paid for twice."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.comfyui.conftest import Measured
from tests.comfyui.graphs import completions, node
from tests.comfyui.hosting import ComfyUI
from tests.peer import Peer
from tests.waiting import until

EIGHT = [f"number {n}" for n in range(8)]


class Together:
    """A server that answers `number` questions together or none, and the most that were ever there."""

    def __init__(self, peer: Peer, number: int) -> None:
        self.barrier = threading.Barrier(number, timeout=30)
        self.lock = threading.Lock()
        self.there = self.most = 0
        peer.text = self.text

    def text(self, body: Any) -> str:
        with self.lock:
            self.there += 1
            self.most = max(self.most, self.there)
        self.barrier.wait()
        with self.lock:  # before the answer goes out, so that the next question finds a place that is free
            self.there -= 1
        return f"answer to {body['messages'][-1]['content']}"


def test_eight_at_once(comfyui: ComfyUI, peer: Peer):
    """Eight nodes ask at the same time: a server that answers none before it has all eight answers them all."""
    all_there = threading.Barrier(8, timeout=30)
    peer.text = lambda body: f"one of {all_there.wait() * 0 + 8}"

    run = comfyui.run(completions(peer.url, EIGHT, seed=10))

    assert run.outcome == "success"
    assert peer.at_once == 8


def test_eight_take_as_long_as_one(comfyui: ComfyUI, peer: Peer, measured: Measured):
    """The figure of docs/performance.md. The original takes 4.0 s: one after the other."""
    peer.delay = 0.5
    comfyui.run(completions(peer.url, ["warm up"]))

    run = comfyui.run(completions(peer.url, EIGHT, seed=11))

    measured("8 nodes at 500 ms", f"{run.seconds:.3f} s, {peer.at_once} at once")
    assert run.outcome == "success"
    assert peer.at_once > 1


def test_again_costs_nothing(comfyui: ComfyUI, peer: Peer):
    """The same graph again: no request, ComfyUI has the answers. With another seed one request for each."""
    graph = completions(peer.url, EIGHT[:2], seed=21)
    first = comfyui.run(graph)
    again = comfyui.run(graph)

    assert (first.outcome, again.outcome) == ("success", "success")
    assert {"ask0", "ask1"} <= again.cached
    assert len(peer.seen) == 2

    comfyui.run(completions(peer.url, EIGHT[:2], seed=22))
    assert len(peer.seen) == 4


def test_the_same_question_in_two_nodes(comfyui: ComfyUI, peer: Peer):
    """Two nodes that ask the same at the same time cost one request."""
    peer.delay = 0.2
    run = comfyui.run(completions(peer.url, ["twin", "twin"], seed=31))

    assert run.text("out0") == run.text("out1")
    assert len(peer.seen) == 1


def test_after_a_restart(comfyui: ComfyUI, peer: Peer):
    """ComfyUI forgets on a restart; the same graph and seed give the same text without any request."""
    graph = completions(peer.url, EIGHT[:3], seed=41)
    before = comfyui.run(graph)
    words = [before.text(f"out{n}") for n in range(3)]
    peer.text = lambda body: "something else by now"

    comfyui.restart()
    after = comfyui.run(graph)

    assert not after.cached
    assert [after.text(f"out{n}") for n in range(3)] == words
    assert "replayed, nothing paid" in after.text("ask0")
    assert len(peer.seen) == 3


def test_a_long_list_has_a_limit(comfyui: ComfyUI, peer: Peer):
    """One of the original's nodes fed 48 prompts: ComfyUI begins all of them, the server sees 16 at a time."""
    together = Together(peer, 16)
    graph = completions(peer.url, ["?"])
    graph["texts"] = node("TestTexts", texts="\n".join(f"of many {n}" for n in range(48)))
    graph["ask0"]["inputs"]["prompt"] = ["texts", 0]

    run = comfyui.run(graph)

    assert run.outcome == "success"
    assert len(peer.seen) == 48
    assert together.most == 16


# ---------------------------------------------------------------------------------------- interrupt


def interrupted(comfyui: ComfyUI, peer: Peer, run: Any, there: int) -> float:
    """Interrupt when so many requests are there; seconds until the prompt has ended."""
    until(lambda: len(peer.seen) == there)
    start = time.monotonic()
    comfyui.post("/interrupt")
    run.wait()
    return time.monotonic() - start


def test_interrupt_closes_every_connection(comfyui: ComfyUI, peer: Peer, measured: Measured):
    """Eight answers that would take half a minute end at once, the server sees it, and the next prompt runs."""
    peer.delay = 30
    run = comfyui.queue(completions(peer.url, EIGHT, seed=51))

    seconds = interrupted(comfyui, peer, run, 8)

    assert run.outcome == "interrupted"
    assert seconds < 5
    until(lambda: all(seen.disconnected is not None for seen in peer.seen))
    measured("interrupt, 8 nodes", f"the prompt has ended after {1000 * seconds:.0f} ms")
    peer.delay = 0
    assert comfyui.run(completions(peer.url, ["after the interrupt"])).outcome == "success"
    assert "Task exception was never retrieved" not in comfyui.log
    assert "exception during asyncio.run" not in comfyui.log


def test_interrupt_in_the_middle_of_a_stream(comfyui: ComfyUI, peer: Peer):
    """An answer that has begun is cut off too."""
    peer.pause = 0.2
    peer.text = lambda body: "word " * 200
    run = comfyui.queue(completions(peer.url, ["long story"], seed=52))
    until(lambda: run.texts)

    comfyui.post("/interrupt")

    assert run.wait().outcome == "interrupted"
    until(lambda: peer.seen[0].disconnected is not None)


def with_a_sampler(peer: Peer, seed: int, seconds: float) -> Any:
    """Four long streams, and a node that blocks ComfyUI's loop once a short answer has come: they are under way then."""
    peer.pause = 0.05
    peer.text = lambda body: "quick" if body["messages"][-1]["content"] == "quick" else "word " * 30
    graph = completions(peer.url, [*EIGHT[:4], "quick"], seed=seed)
    graph["sampler"] = node("TestBlocks", seconds=seconds, nonce=["ask4", 0])
    return graph


def blocking(run: Any) -> bool:
    return any(data["node"] == "sampler" for _, kind, data in run.events if kind == "executing")


def test_interrupt_while_a_sampler_takes_the_flag_down(comfyui: ComfyUI, peer: Peer):
    """A blocking node sees the flag first and clears it; the requests beside it are closed all the same."""
    run = comfyui.queue(with_a_sampler(peer, 53, 20.0))
    until(lambda: blocking(run))

    comfyui.post("/interrupt")
    run.wait()

    assert run.outcome == "interrupted"
    until(lambda: peer.there == 0)
    assert sum(seen.disconnected is not None for seen in peer.seen) == 4
    peer.pause = 0
    assert comfyui.run(completions(peer.url, ["still there"])).outcome == "success"


# --------------------------------------------------------------------------------------- beside others


def test_a_blocking_node_beside_them(comfyui: ComfyUI, peer: Peer, measured: Measured):
    """Four streams go on while a node blocks ComfyUI's loop for three seconds: no time-out, answers in their time."""
    run = comfyui.run(with_a_sampler(peer, 61, 3.0))

    assert run.outcome == "success"
    assert len(peer.seen) == 5
    assert all(seen.disconnected is None for seen in peer.seen)
    blocked = next(at for at, kind, data in run.events if kind == "executing" and data["node"] == "sampler")
    done = next(at for at, kind, data in run.events if kind == "executed" and data["node"] == "sampler")
    grown = [at for at, where, _ in run.texts if where == "ask0" and blocked < at < done]
    measured("4 streams beside a node that blocks for 3 s", f"{run.seconds:.3f} s in all")
    assert len(grown) > 5, "words come while the loop is blocked"


def test_one_of_eight_fails(comfyui: ComfyUI, peer: Peer):
    """It fails the prompt with its own error. The other seven run to their end, so that again asks for one only."""
    peer.status, peer.error = 400, {"error": {"message": "number 3 is wrong"}}
    gate = threading.Event()

    def failing(body: Any) -> bool:
        if body["messages"][-1]["content"] == "number 3":
            until(lambda: len(peer.seen) >= 8)  # a node that has not begun would not be asked any more
            return True
        gate.wait(20)
        return False

    peer.fails = failing
    graph = completions(peer.url, EIGHT, seed=71)

    run = comfyui.run(graph)

    assert (run.outcome, run.error["node_id"]) == ("error", "ask3")
    assert "number 3 is wrong" in run.error["exception_message"]
    assert run.error["current_inputs"] in ({}, []) or "sk-" not in str(run.error["current_inputs"])
    gate.set()
    until(lambda: peer.there == 0)
    assert all(seen.disconnected is None for seen in peer.seen)
    assert "exception during asyncio.run" not in comfyui.log
    peer.status = 200
    again = comfyui.run(graph)
    assert again.outcome == "success"
    assert [seen.body["messages"][-1]["content"] for seen in peer.seen[8:]] == ["number 3"]


def test_the_page_stays_alive(comfyui: ComfyUI, peer: Peer, measured: Measured):
    """While eight nodes wait, ComfyUI answers its page."""
    peer.delay = 3
    run = comfyui.queue(completions(peer.url, EIGHT, seed=81))
    until(lambda: len(peer.seen) == 8)

    start = time.monotonic()
    queue = comfyui.get("/queue")
    taken = time.monotonic() - start

    assert len(queue["queue_running"]) == 1
    assert not run.ended.is_set()
    measured("GET /queue while 8 nodes wait", f"{1000 * taken:.1f} ms")
    assert run.wait().outcome == "success"
