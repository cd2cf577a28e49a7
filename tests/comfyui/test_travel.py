"""What travels with a prompt, without a ComfyUI: what is taken out, what is put in, and what hostile graphs can do."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.call import Reply
from antiphon.comfyui import travel
from antiphon.comfyui.travel import Luggage, signature, taken
from antiphon.completion import Completion
from antiphon.errors import RequestError
from antiphon.history import History
from antiphon.replay import ReplayStore, Store, key
from antiphon.replay.postgres import PostgresStore
from antiphon.replay.server import Server
from antiphon.request import Config, Message, Request

from ..postgres_server import PostgresServer

WORDS = {"antiphon": "carried", "version": 1, "recordings": {}}


def graph() -> dict[str, Any]:
    return {
        "1": {"class_type": "Text", "inputs": {"value": "hi"}},
        "2": {"class_type": "Ours", "inputs": {"prompt": ["1", 0], "seed": 1}, "is_changed": [""]},
    }


def is_ours(kind: str) -> bool:
    return kind == "Ours"


def board(**more: Any) -> tuple[dict[str, Any], Luggage]:
    """A body of POST /prompt after our handler, and what it made of its extra_pnginfo."""
    document: dict[str, Any] = {"prompt": graph(), **more}
    taken(document, is_ours)
    luggage = document["extra_data"]["extra_pnginfo"]
    assert isinstance(luggage, Luggage)
    return document, luggage


def record(store: ReplayStore, seed: int, body: bytes = b"{}") -> str:
    request = Request(provider="echo", messages=(Message("user", "hi"),), config=Config(model="m"), seed=seed)
    store.put(request, key(request), sent=b"{}", reply=Reply(200, body, {"content-type": "application/json"}))
    return key(request)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "replay.sqlite")


# ------------------------------------------------------------------------------------------ the prompt


def test_the_words_are_taken_out():
    """Out of the workflow or the chunk, whichever is there; the workflow's win. Everything else stays as it is."""
    workflow = {"nodes": [], "extra": {"antiphon": WORDS, "ds": 1}}
    document, luggage = board(
        extra_data={"extra_pnginfo": {"workflow": workflow, "antiphon": 5, "other": [1]}}
    )
    assert luggage == {"workflow": {"nodes": [], "extra": {"ds": 1}}, "other": [1]}
    assert luggage.carried is not None
    assert "is_changed" not in document["prompt"]["2"], "or ComfyUI would not ask the node"
    assert board(extra_data={"extra_pnginfo": {"antiphon": WORDS}})[1].carried is not None


def test_an_id_for_the_prompt():
    """A page gives none: it gets one, as ComfyUI would make it. A given one stays."""
    assert len(board()[0]["prompt_id"]) == 36
    assert len(board(prompt_id=None)[0]["prompt_id"]) == 36
    assert board(prompt_id="mine")[0]["prompt_id"] == "mine"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"prompt": []},
        {"prompt": {"1": 5, "2": {"class_type": []}}},
        {"prompt": graph(), "extra_data": 5},
        {"prompt": graph(), "extra_data": {"extra_pnginfo": [1]}},
        {
            "prompt": {"1": {"class_type": "Text", "inputs": {}}},
            "extra_data": {"extra_pnginfo": {"antiphon": 1}},
        },
    ],
    ids=json.dumps,
)
def test_what_is_no_prompt_of_ours_is_left_alone(document: dict[str, Any]):
    """Whatever ComfyUI will refuse, and graphs without a node of ours."""
    before = copy.deepcopy(document)
    taken(document, is_ours)
    assert document == before


def test_copies_are_plain():
    """ComfyUI keeps a copy in its history: a dict, without anything of ours behind it."""
    _, luggage = board(extra_data={"extra_pnginfo": {"workflow": {"extra": {"antiphon": WORDS}}}})
    for made in (copy.deepcopy(luggage), copy.copy(luggage), pickle.loads(pickle.dumps(luggage))):
        assert type(made) is dict
        assert made == {"workflow": {"extra": {}}}


def test_it_lives_as_long_as_its_prompt():
    """Nothing is left of a prompt that is over, or was taken out of the queue."""
    document, luggage = board(prompt_id="short-lived")
    assert travel._luggage.get("short-lived") is luggage  # pyright: ignore[reportPrivateUsage]
    del document, luggage
    assert travel._luggage.get("short-lived") is None  # pyright: ignore[reportPrivateUsage]


# ------------------------------------------------------------------------------------------- the words


def test_nothing_is_changed_in_place(store: Store):
    """A node that writes its file meanwhile sees the words of before, or those of after, and no half of them."""
    extra = {"ds": 1}
    _, luggage = board(extra_data={"extra_pnginfo": {"workflow": {"extra": extra}}})
    luggage.used("2", [record(store, 1)], store)
    luggage.put()
    first = luggage["workflow"]["extra"]
    luggage.used("2", [record(store, 2)], store)
    luggage.put()
    assert extra == {"ds": 1}
    assert len(first["antiphon"]["recordings"]) == 1
    assert len(luggage["workflow"]["extra"]["antiphon"]["recordings"]) == 2


def test_what_a_node_used_before_counts_until_it_runs(store: Store):
    """The words of cached nodes are there from the start; a node that runs again brings its own instead."""
    one, other = record(store, 1), record(store, 2)
    document, luggage = board(prompt_id="first")
    travel.trip("first", "2", store).used([one])
    document, luggage = board(prompt_id="second")
    travel.begun("second", "2", lambda: store)
    assert list(luggage["antiphon"]["recordings"]) == [one]
    travel.trip("second", "2", store).used([other])
    luggage.put()
    assert list(luggage["antiphon"]["recordings"]) == [other]
    assert document["prompt_id"] == "second"


def test_words_out_of_a_store_on_a_server(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch):
    """They are read on a thread that is not the caller's, and are there when the prompt starts."""
    readers: list[int] = []
    snapshot = Server.snapshot

    def watched(server: Server) -> Any:
        readers.append(threading.get_ident())
        return snapshot(server)

    monkeypatch.setattr(Server, "snapshot", watched)
    with PostgresStore(postgres_server.made()) as store:
        one = record(store, 1)
        _, luggage = board(prompt_id="first at a server")
        travel.trip("first at a server", "2", store).used([one])
        readers.clear()
        _, luggage = board(prompt_id="then at a server")
        travel.begun("then at a server", "2", lambda: store)
        assert list(luggage["antiphon"]["recordings"]) == [one]
        assert readers
        assert threading.get_ident() not in readers


def test_a_server_that_does_not_answer_holds_up_nothing(store: Store, monkeypatch: pytest.MonkeyPatch):
    """Neither the start of a prompt nor a node that begins waits for it; what comes late is put with the next words."""
    monkeypatch.setattr(travel, "STARTING", 0.0)
    asked, answers = threading.Event(), threading.Event()

    class Stuck(Store):
        quick = False

        @property
        def database(self) -> Any:
            asked.set()
            assert answers.wait(60)
            return super().database

    one = record(store, 1)
    _, luggage = board(prompt_id="before it hung")
    travel.trip("before it hung", "2", store).used([one])
    _, luggage = board(prompt_id="while it hangs")
    with Stuck(store.path) as stuck:
        try:
            travel.begun("while it hangs", "2", lambda: stuck)
            assert asked.wait(60)
            assert "antiphon" not in luggage
            travel.trip("while it hangs", "3", stuck)  # on ComfyUI's loop
        finally:
            answers.set()
        travel.trip("while it hangs", "3", stuck).used([one])
        luggage.put()
    assert list(luggage["antiphon"]["recordings"]) == [one]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 262144), ("0", 0), ("off", 0), ("No", 0), ("4096", 4096), ("1000000", 1000000)]
    + [(nonsense, 0) for nonsense in ("4095", "-1", "lots", "1e6", "\u0661\u0662\u0663\u0664\u0665")],
)
def test_the_limit(monkeypatch: pytest.MonkeyPatch, text: str, expected: int):
    """What cannot be read is off: whoever sets it does not want all of it to travel."""
    monkeypatch.setenv("ANTIPHON_CARRY", text)
    assert travel.limit() == expected


def test_switched_off(store: Store, monkeypatch: pytest.MonkeyPatch):
    """Nothing is written; what came with a workflow may still be heard."""
    monkeypatch.setenv("ANTIPHON_CARRY", "0")
    _, luggage = board(extra_data={"extra_pnginfo": {"antiphon": WORDS}})
    luggage.used("2", [record(store, 1)], store)
    luggage.put()
    assert luggage == {}
    assert luggage.carried is not None


def test_the_replay_mode_of_the_environment(store: Store, monkeypatch: pytest.MonkeyPatch):
    """`only` holds for every node, whatever its widget says; nonsense is an error and not a request."""
    trip = travel.trip("nobody", "2", store)
    assert trip.settings({"replay": "refresh"}) == {"replay": "refresh", "carried": None}
    monkeypatch.setenv("ANTIPHON_REPLAY", "only")
    assert trip.settings({"replay": "refresh"})["replay"] == "only"
    monkeypatch.setenv("ANTIPHON_REPLAY", "onyl")
    with pytest.raises(RequestError, match="ANTIPHON_REPLAY says 'onyl'"):
        trip.settings({})


# ---------------------------------------------------------------------------------------------- origins


def answered(name: str, *, replayed: bool = False, recorded: bool = True) -> Any:
    async def answer() -> Completion:
        return Completion(text="hi", key=name, replayed=replayed, recorded=recorded)

    return answer()


def test_the_workflow_is_kept_with_what_it_made(store: Store):
    """Without keys and without the words that travel, as it stood in the prompt; the prompt itself stays as it is."""
    planted = "sk-ant-" + "api03-planted0123456789"
    workflow = {
        "nodes": [{"id": 1, "type": "X", "widgets_values": [planted, "a cat"]}],
        "extra": {"ds": {"a": 1}},
    }
    document, luggage = board(extra_data={"extra_pnginfo": {"workflow": copy.deepcopy(workflow)}})
    luggage["workflow"]["extra"]["antiphon"] = WORDS
    trip = travel.trip(document["prompt_id"], "2", store)
    name = record(store, 1)
    assert asyncio.run(trip.noting(answered(name))).text == "hi"
    kept = History(store).workflow(name)
    assert kept == {
        "nodes": [{"id": 1, "type": "X", "widgets_values": ["", "a cat"]}],
        "extra": {"ds": {"a": 1}},
    }
    assert luggage["workflow"]["nodes"] == workflow["nodes"]
    assert not [it for it in store.path.parent.iterdir() if planted.encode() in it.read_bytes()]


def test_the_workflow_that_made_it_stays(store: Store):
    """A replay in another workflow changes nothing; an answer that is not in the store is remembered nowhere."""
    name, carried = record(store, 1), record(store, 2)
    for n, replayed in ((1, False), (2, True)):
        document, _luggage = board(extra_data={"extra_pnginfo": {"workflow": {"n": n}}})
        trip = travel.trip(document["prompt_id"], "2", store)
        asyncio.run(trip.noting(answered(name, replayed=replayed)))
        asyncio.run(trip.noting(answered(carried, recorded=False)))
    assert History(store).workflow(name) == {"n": 1}
    assert History(store).workflow(carried) is None


@pytest.mark.parametrize("workflow", [None, [], "x", {"a": float("nan")}, {"a": "x" * (5 << 20)}])
def test_what_is_no_workflow_costs_no_answer(store: Store, workflow: Any):
    """Whatever stands in its place, the answer comes."""
    document, _luggage = board(extra_data={"extra_pnginfo": {"workflow": workflow}})
    trip = travel.trip(document["prompt_id"], "2", store)
    name = record(store, 1)
    assert asyncio.run(trip.noting(answered(name))).text == "hi"
    assert History(store).workflow(name) is None


# ------------------------------------------------------------------------------------------- signatures


def test_a_signature_goes_by_what_a_node_depends_on():
    """Ids do not matter; inputs, classes and what stands before do, and what stands elsewhere does not."""
    one = graph()
    moved = {"a": one["1"], "b": {**one["2"], "inputs": {"prompt": ["a", 0], "seed": 1}}, "z": one["1"]}
    assert signature(one, "2") == signature(moved, "b") is not None
    for change in ({"value": "ho"}, {"value": ["1", 0]}):
        other = {**one, "1": {"class_type": "Text", "inputs": change}}
        assert signature(other, "2") != signature(one, "2")
    slot = {**one, "2": {"class_type": "Ours", "inputs": {"prompt": ["1", 1], "seed": 1}}}
    assert signature(slot, "2") != signature(one, "2")
    text = {**one, "2": {"class_type": "Ours", "inputs": {"prompt": {"link": [1, 0]}, "seed": 1}}}
    assert signature(text, "2") != signature(one, "2")


def test_a_signature_of_a_long_chain():
    """Ten thousand nodes in a row are no recursion, and take no minute."""
    nodes: dict[str, Any] = {"0": {"class_type": "A", "inputs": {}}}
    nodes |= {str(n): {"class_type": "A", "inputs": {"x": [str(n - 1), 0]}} for n in range(1, 10_000)}
    assert signature(nodes, "9999")


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.sampled_from(["1", "2"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["1", "2", "3"]), st.fixed_dictionaries({"class_type": JSON, "inputs": JSON})
    )
)
def test_a_signature_of_anything(nodes: dict[str, Any]):
    """Loops, links to nowhere, inputs that are none: a sum or None, and no error."""
    for name in ("1", "2", "3"):
        found = signature(nodes, name)
        assert found is None or len(found) == 64
