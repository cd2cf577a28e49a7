"""What a page with our script is told of answers: pieces that fit, the end, and what ComfyUI keeps."""

from __future__ import annotations

from typing import Any

from tests.comfyui.graphs import completions, node
from tests.comfyui.hosting import ComfyUI, Run
from tests.peer import Peer


def pieces(run: Run, at: str) -> list[dict[str, Any]]:
    """All pieces of a node's answers, in order."""
    told = [data for _, kind, data in run.events if kind == "antiphon.answer" and data["node"] == at]
    assert {data["prompt_id"] for data in told} <= {run.prompt_id}
    return [piece for data in told for piece in data["pieces"]]


def test_pieces_fit(comfyui: ComfyUI, peer: Peer):
    """Each piece says where it belongs, as JavaScript counts; the last one is the whole. No progress text comes."""
    peer.pause = 0.02
    peer.text = lambda body: " ".join(f"cat🐈{number}" for number in range(40))

    run = comfyui.run(completions(peer.url, ["in pieces"]), script=True)

    *growing, last = pieces(run, "ask0")
    assert len(growing) > 2
    units = 0
    for piece in growing:
        assert piece["at"] == {"text": units, "reasoning": 0}
        units += len(piece["text"].encode("utf-16-le")) // 2
    assert last["done"]
    assert last["text"].startswith("".join(piece["text"] for piece in growing).strip())
    assert last["facts"]["seed_status"] == "sent"
    assert last["facts"]["output_tokens"] == 2
    assert run.texts == []


def test_items_of_a_list(comfyui: ComfyUI, peer: Peer):
    """Each item of a list, and each question of a Prompt List, is an answer of its own; an error is one too."""
    peer.fails = lambda body: "two" in body["messages"][-1]["content"]
    peer.status = 400
    graph = completions(peer.url, [])
    graph["list"] = node(
        "AntiphonPromptList", prompts="one\ntwo\nthree", seed=1, api=["api", 0], config=["config", 0]
    )
    graph["out"] = node("PreviewAny", source=["list", 0])

    run = comfyui.run(graph, script=True)

    found = {piece["item"]: piece for piece in pieces(run, "list")}
    assert [found[item].get("text") for item in range(3)] == ["answer to one", None, "answer to three"]
    assert "400" in found[1]["error"]
    kept = run.history["outputs"]["list"]["antiphon"]
    assert [answer["item"] for answer in kept] == [0, 1, 2]


def test_what_is_kept_is_small(comfyui: ComfyUI, peer: Peer):
    """The node's output in ComfyUI's history is cut; the page was told all of it."""
    peer.text = lambda body: "long " * 10_000

    run = comfyui.run(completions(peer.url, ["a long one"]), script=True)

    [kept] = run.history["outputs"]["ask0"]["antiphon"]
    assert kept["cut"]
    assert len(kept["text"]) == 20_000
    assert len(pieces(run, "ask0")[-1]["text"]) > 49_000


def test_whoever_missed_something_asks(comfyui: ComfyUI, peer: Peer):
    """Saying hello again brings all that is growing, to the client that queued it and to no other."""
    peer.pause = 0.05
    peer.text = lambda body: " ".join(f"word{number}" for number in range(60))
    run = comfyui.queue(completions(peer.url, ["missed"]), script=True)
    try:
        while not pieces(run, "ask0"):
            run.ended.wait(0.02)
        [told] = comfyui.hello(run.client_id)["answers"]
        assert told["pieces"][0]["text"].startswith("word0")
        assert comfyui.hello("somebody-else")["answers"] == []
    finally:
        run.wait()


def test_an_error_is_told(comfyui: ComfyUI, peer: Peer):
    """What went wrong stands in the node, in the words that ComfyUI shows."""
    peer.status = 401

    run = comfyui.run(completions(peer.url, ["refused"]), script=True)

    [told] = pieces(run, "ask0")
    assert told["done"]
    assert told["error"].splitlines()[0] == run.error["exception_message"].splitlines()[0]
