"""Words that travel with a picture, between two real ComfyUIs: the second has no key, no recordings, and asks nobody."""

from __future__ import annotations

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import compress

import pytest

import antiphon
from antiphon.comfyui import asking
from antiphon.comfyui.keys import Vault
from antiphon.comfyui.sockets import settings
from antiphon.credentials import Credentials
from antiphon.replay import Carried, canonical, key
from tests.comfyui.graphs import Graph, completions, node
from tests.comfyui.graphs import asking as api_and_config
from tests.comfyui.hosting import ComfyUI, Run
from tests.comfyui.saved import carried, chunks, files, unpacked
from tests.comfyui.test_keys_in_comfyui import planted
from tests.peer import Peer, completion

LIMIT = 256 * 1024


@pytest.fixture(scope="module")
def elsewhere(comfyui_folder: Path) -> Iterator[ComfyUI]:
    """Another machine: a home of its own, no key anywhere, and nothing may be asked."""
    host = ComfyUI(comfyui_folder / "elsewhere", environment={"ANTIPHON_REPLAY": "only"}).start()
    yield host
    host.stop()


@pytest.fixture(scope="module")
def free(comfyui_folder: Path) -> Iterator[ComfyUI]:
    """Another machine without a key, which may ask; its own pictures carry nothing."""
    host = ComfyUI(comfyui_folder / "free", environment={"ANTIPHON_CARRY": "0"}).start()
    yield host
    host.stop()


def page(*, carried: Any = None, extra: Any = None) -> dict[str, Any]:
    """A workflow as a page sends it along."""
    more: Any = {"ds": {"scale": 1}} if extra is None else extra
    if carried is not None:
        more = {**more, "antiphon": carried}
    return {"id": "w", "nodes": [{"id": 1, "type": "Note", "widgets_values": ["kept"]}], "extra": more}


def saving(graph: Graph, text: str = "ask0") -> Graph:
    """The graph, with a picture that hangs on an answer, so that it is saved after it."""
    graph["size"] = node("TestSize", text=[text, 0])
    graph["empty"] = node("EmptyImage", width=["size", 0], height=8, batch_size=1, color=0)
    graph["save"] = node("SaveImage", images=["empty", 0], filename_prefix=f"t{secrets.token_hex(4)}")
    return graph


def picture(comfyui: ComfyUI, run: Run) -> Path:
    assert run.outcome == "success", run.error
    [file] = files(comfyui, run, "save")
    return file


def opened(file: Path) -> dict[str, Any]:
    """What a page makes of a picture that is dropped on it: its workflow, sent along as it stands."""
    return chunks(file)["workflow"]


def texts(run: Run, *nodes: str) -> list[str]:
    return [run.text(name) for name in nodes]


# -------------------------------------------------------------------------------------- there and back


def test_a_picture_takes_its_words_along(comfyui: ComfyUI, elsewhere: ComfyUI, peer: Peer):
    """Dropped on a machine without a key, in mode only, the picture's graph says the same, byte for byte, unasked."""
    peer.text = lambda body: (
        f"h\u00e9llo\n  {secrets.token_hex(8)} \U0001f431 of {body['messages'][-1]['content']}"
    )
    graph = saving(completions(peer.url, ["one", "two", "three"], key=planted()))
    for place, answer in (("height", "ask1"), ("color", "ask2")):  # the picture hangs on all three answers
        graph[place] = node("TestSize", text=[answer, 0])
        graph["empty"]["inputs"][place] = [place, 0]
    first = comfyui.run(graph, workflow=page())
    file = picture(comfyui, first)
    assert len(peer.seen) == 3

    sent = opened(file)
    assert sent["extra"]["ds"] == {"scale": 1}
    assert sent["nodes"] == page()["nodes"]
    there = elsewhere.run(chunks(file)["prompt"], workflow=sent)

    assert there.outcome == "success", there.error
    names = ("out0", "out1", "out2")
    assert texts(there, *names) == texts(first, *names)
    assert len(set(texts(there, *names))) == 3
    assert "from the workflow's own recordings" in there.text("ask0")
    assert len(peer.seen) == 3
    assert not list((elsewhere.folder / "user" / "__antiphon").glob("replay.sqlite")), "nothing is imported"


def test_from_hand_to_hand(comfyui: ComfyUI, elsewhere: ComfyUI, peer: Peer):
    """What the second machine saves carries the words on, though it has never recorded them; unused ones stay behind."""
    unused = carried(
        picture(comfyui, comfyui.run(saving(completions(peer.url, ["unused"])), workflow=page()))
    )
    graph = saving(completions(peer.url, ["hand to hand"]))
    there = carried(picture(comfyui, comfyui.run(graph, workflow=page())))
    both = {**there, "recordings": {**unused["recordings"], **there["recordings"]}}

    second = elsewhere.run(graph, workflow=page(carried=both))

    again = carried(picture(elsewhere, second))
    assert list(again["recordings"]) == list(there["recordings"])
    [name] = again["recordings"]
    assert Carried(again).get(name) == Carried(there).get(name)


def test_a_machine_that_may_ask(comfyui: ComfyUI, free: ComfyUI, peer: Peer):
    """Without the variable the words come first too; another question is asked, and what was opt-ed out is not saved."""
    graph = saving(completions(peer.url, ["asked once"]))
    first = comfyui.run(graph, workflow=page())
    sent = opened(picture(comfyui, first))

    there = free.run(graph, workflow=sent)

    assert there.text("out0") == first.text("out0")
    assert len(peer.seen) == 1
    file = picture(free, there)
    assert carried(file) is None
    assert opened(file)["extra"] == {"ds": {"scale": 1}}
    other = free.run(completions(peer.url, ["asked anew"]), workflow=sent)
    assert other.outcome == "success"
    assert len(peer.seen) == 2


def test_without_the_key_that_the_provider_demands(free: ComfyUI):
    """A provider that takes no call without a key: no key is looked for where the words are there."""
    graph = api_and_config("https://api.openai.com/v1", model="gpt-4o")
    graph["ask"] = node("AV_LLMCompletion", prompt="keyless", api=["api", 0], config=["config", 0], seed=5)
    graph["out"] = node("PreviewAny", source=["ask", 0])

    there = free.run(graph, workflow=page(carried=_for_openai(free.folder / "made", "keyless")))

    assert there.outcome == "success", there.error
    assert there.text("out") == "said without a key"
    graph["ask"]["inputs"]["prompt"] = "another question"
    without = free.run(graph, workflow=page(carried=_for_openai(free.folder / "made", "keyless")))
    assert without.outcome == "error"
    assert "OPENAI_API_KEY" in without.error["exception_message"]


def _for_openai(home: Path, prompt: str) -> dict[str, Any]:
    """What a machine with a key has written into a picture."""
    inputs = {"openai_api_key": "", "endpoint": "https://api.openai.com/v1"}
    who = asking.api("AV_OpenAIApi", inputs, Vault(Credentials(home)))
    how = asking.config("gpt-4o", 64, 0.5)
    client = antiphon.Client(home)
    request = client.request(asking.said("user", prompt), **settings(who, how, seed=5))
    client.close()
    entry = {
        "request": b64encode(compress(canonical(request))).decode(),
        "at": 1_790_000_000,
        "type": "application/json",
        "body": b64encode(compress(json.dumps(completion("said without a key", "gpt-4o")).encode())).decode(),
    }
    return {"antiphon": "carried", "version": 1, "recordings": {key(request): entry}}


def test_mode_only_asks_nobody(elsewhere: ComfyUI, peer: Peer):
    """Where the words are not there, the node says so, and the peer hears nothing."""
    run = elsewhere.run(completions(peer.url, ["never heard"]), workflow=page())
    assert run.outcome == "error"
    assert "nothing is recorded" in run.error["exception_message"]
    assert peer.seen == []


def test_a_script_without_a_workflow(comfyui: ComfyUI, elsewhere: ComfyUI, peer: Peer):
    """API format, with and without anything beside it: the words are in a chunk of their own, and come back out of it."""
    graph = saving(completions(peer.url, ["by a script"]))
    run = comfyui.queue(graph, page=False)
    comfyui.finished(run)
    file = picture_of_script(comfyui, run)
    found = chunks(file)
    assert set(found) == {"prompt", "antiphon"}

    there = elsewhere.run(found["prompt"], info={"antiphon": found["antiphon"], "other": 1})

    assert there.outcome == "success", there.error
    assert there.text("out0") == "answer to by a script"
    assert len(peer.seen) == 1
    assert set(chunks(picture(elsewhere, there))) == {"prompt", "antiphon", "other"}


def picture_of_script(comfyui: ComfyUI, run: Run) -> Path:
    [file] = files(comfyui, run, "save")
    return file


# ------------------------------------------------------------------------------------ ComfyUI's cache


def test_again_costs_nothing_and_carries_all_the_same(comfyui: ComfyUI, peer: Peer):
    """Queued again with another picture, no node of ours runs; the new picture carries the words too, and no more."""
    graph = saving(completions(peer.url, ["cached one", "cached two"], seed=3))
    graph["height"] = node("TestSize", text=["ask1", 0])
    graph["empty"]["inputs"]["height"] = ["height", 0]
    first = comfyui.run(graph, workflow=page())
    before = carried(picture(comfyui, first))
    graph["empty"]["inputs"]["color"] = 255
    graph["save"]["inputs"]["filename_prefix"] = f"t{secrets.token_hex(4)}"

    again = comfyui.run(graph, workflow=page())

    assert {"ask0", "ask1", "api", "config"} <= again.cached
    assert len(peer.seen) == 2
    after = carried(picture(comfyui, again))
    assert after["recordings"].keys() == before["recordings"].keys()
    assert len(after["recordings"]) == 2


def test_many_queued_at_once(comfyui: ComfyUI, peer: Peer):
    """A batch count: all queued before the first has its answer. One request, and every picture has the words."""
    peer.delay = 0.5
    runs: list[Run] = []
    for number in range(3):
        graph = saving(completions(peer.url, ["batch count"], seed=4))
        graph["empty"]["inputs"]["color"] = number
        runs.append(comfyui.queue(graph, workflow=page()))
    found = [carried(picture(comfyui, run.wait())) for run in runs]
    assert len(peer.seen) == 1
    assert [len(it["recordings"]) for it in found] == [1, 1, 1]


def test_the_words_in_the_workflow_run_nothing(comfyui: ComfyUI, peer: Peer):
    """The same graph with what its picture carries: all of it is in ComfyUI's cache still."""
    graph = saving(completions(peer.url, ["in the cache"], seed=6))
    sent = opened(picture(comfyui, comfyui.run(graph, workflow=page())))
    again = comfyui.run(graph, workflow=sent)
    assert again.cached == set(graph)
    assert len(peer.seen) == 1


def test_another_answer_replaces_the_words(comfyui: ComfyUI, peer: Peer):
    """Another seed: the picture has the new words and not the old ones beside them."""
    graph = saving(completions(peer.url, ["seeds"], seed=7))
    first = opened(picture(comfyui, comfyui.run(graph, workflow=page())))
    graph["ask0"]["inputs"]["seed"] = 8
    graph["save"]["inputs"]["filename_prefix"] = f"t{secrets.token_hex(4)}"
    second = opened(picture(comfyui, comfyui.run(graph, workflow=first)))
    one, other = (set(it["extra"]["antiphon"]["recordings"]) for it in (first, second))
    assert len(one) == len(other) == 1
    assert one != other


def test_neither_queue_nor_history_hold_them(comfyui: ComfyUI, peer: Peer):
    """ComfyUI keeps its prompts in memory and hands them to every page: without the recordings."""
    graph = saving(completions(peer.url, ["queue and history"], seed=9))
    sent = opened(picture(comfyui, comfyui.run(graph, workflow=page())))
    assert sent["extra"]["antiphon"]["recordings"]
    graph["ask0"]["inputs"]["seed"] = 10
    graph["save"]["inputs"]["filename_prefix"] = f"t{secrets.token_hex(4)}"
    peer.delay = 2.0
    run = comfyui.queue(graph, workflow=sent)
    assert run.began.wait(20)
    queue = comfyui.fetch("/queue")
    assert run.prompt_id.encode() in queue
    assert b'"carried"' not in queue
    run.wait()
    assert run.history["prompt"][3]["extra_pnginfo"]["workflow"]["extra"] == {"ds": {"scale": 1}}
    assert b'"carried"' not in comfyui.fetch("/history")


# --------------------------------------------------------------------------------- lists and other files


def test_a_list_of_prompts(comfyui: ComfyUI, elsewhere: ComfyUI, peer: Peer):
    """Forty prompts through one node: all of them travel, and all of them come back."""
    graph = completions(peer.url, ["x"], seed=11)
    graph["texts"] = node("TestTexts", texts="\n".join(f"item {n}" for n in range(40)))
    graph["ask0"]["inputs"]["prompt"] = ["texts", 0]
    graph["empty"] = node("EmptyImage", width=8, height=8, batch_size=1, color=0)
    graph["after"] = node("TestAfter", image=["empty", 0], text=["ask0", 0])
    graph["save"] = node("SaveImage", images=["after", 0], filename_prefix="list")
    first = comfyui.run(graph, workflow=page())
    found = carried(files(comfyui, first, "save")[0])
    assert len(found["recordings"]) == 40

    there = elsewhere.run(graph, workflow=page(carried=found))

    assert there.outcome == "success", there.error
    assert there.text("out0") == first.text("out0")
    assert len(peer.seen) == 40


def test_a_picture_saved_while_others_answer(comfyui: ComfyUI, peer: Peer):
    """Pictures saved in the middle of eight answers carry what was there by then, whole; the last one carries its own."""
    peer.pause = 0.01
    peer.text = lambda body: "word " * (5 * int(body["messages"][-1]["content"][-1]) + 1)
    graph = completions(peer.url, [f"beside {n}" for n in range(8)], seed=12)
    for n in range(8):
        graph[f"size{n}"] = node("TestSize", text=[f"ask{n}", 0])
        graph[f"empty{n}"] = node("EmptyImage", width=[f"size{n}", 0], height=8, batch_size=1, color=n)
        graph[f"save{n}"] = node("SaveImage", images=[f"empty{n}", 0], filename_prefix=f"beside{n}")
    run = comfyui.run(graph, workflow=page())
    assert run.outcome == "success", run.error
    counts: list[int] = []
    for n in range(8):
        [file] = files(comfyui, run, f"save{n}")
        found = Carried(opened(file)["extra"]["antiphon"])
        counts.append(len(found))
        prompts = [entry.document.decode() for name in found if (entry := found.get(name))]
        assert any(f'"beside {n}"' in text for text in prompts), "its own words are in it"
    assert max(counts) == 8


OTHERS: dict[str, dict[str, Any]] = {
    "SaveAnimatedWEBP": {"fps": 6.0, "lossless": True, "quality": 80, "method": "default"},
    "SaveAnimatedPNG": {"fps": 6.0, "compress_level": 4},
    "SaveWEBM": {"fps": 6.0, "codec": "vp9", "crf": 32.0},
    "SaveVideo": {"format": "mp4", "codec": "h264"},
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_files(comfyui: ComfyUI, peer: Peer, kind: str):
    """Animations and videos carry the words as pictures do; no key that was typed in is in any byte, packed or not."""
    if kind not in comfyui.get("/object_info"):
        pytest.skip(f"this ComfyUI has no {kind}")
    secret = planted()
    peer.text = lambda body: f"words for {kind} {'x' * 300}"
    graph = completions(peer.url, [kind], key=secret, seed=13)
    graph["size"] = node("TestSize", text=["ask0", 0])
    graph["empty"] = node("EmptyImage", width=["size", 0], height=64, batch_size=2, color=0)
    graph["save"] = node(kind, images=["empty", 0], filename_prefix=kind, **OTHERS[kind])
    if kind == "SaveVideo":
        graph["video"] = node("CreateVideo", images=["empty", 0], fps=6.0)
        graph["save"] = node(kind, video=["video", 0], filename_prefix=kind, **OTHERS[kind])

    run = comfyui.run(graph, workflow={**page(), "note": f"my key is {secret}"})

    assert run.outcome == "success", run.error
    [file] = files(comfyui, run, "save")
    data = file.read_bytes()
    assert b"credential:openai-widget" in data
    assert not any(secret.encode() in part for part in unpacked(data))
    found = Carried(carried(file))
    assert len(found) == 1
    assert any(b"x" * 300 in part for part in unpacked(data)), "so a key would have been found too"


# --------------------------------------------------------------------------------- bounds and strangers


def test_what_looks_like_a_key_stays_here(comfyui: ComfyUI, peer: Peer):
    """An answer that says a key, and one that echoes the caller's: in no byte of the picture, packed or not."""
    secret, told = planted(), "sk-ant-api03-" + secrets.token_hex(24)
    peer.text = lambda body: f"yours is {secret}" if "echo" in body["messages"][-1]["content"] else told
    graph = saving(completions(peer.url, ["echo it", "tell one"], key=secret, seed=14), "ask1")
    graph["height"] = node("TestSize", text=["ask0", 0])
    graph["empty"]["inputs"]["height"] = ["height", 0]

    file = picture(comfyui, comfyui.run(graph, workflow=page()))

    whole = file.read_bytes()
    assert not any(key.encode() in part for part in unpacked(whole) for key in (secret, told))
    assert set(carried(file).get("left_out", {}).values()) <= {"holds what looks like a key"}
    assert carried(file)["left_out"]


def test_a_megabyte_of_answer(comfyui: ComfyUI, peer: Peer):
    """An answer that does not pack into the limit stays behind and is named; the others travel; the limit holds."""
    big = secrets.token_hex(500_000)
    peer.text = lambda body: big if body["messages"][-1]["content"] == "big" else "small"
    graph = saving(completions(peer.url, ["small", "big"], seed=15), "ask1")
    graph["height"] = node("TestSize", text=["ask0", 0])
    graph["empty"]["inputs"]["height"] = ["height", 0]

    file = picture(comfyui, comfyui.run(graph, workflow=page()))

    found = carried(file)
    assert len(json.dumps(found)) <= LIMIT
    assert len(found["recordings"]) == 1
    assert list(found["left_out"].values()) == ["too large"]


def bomb() -> dict[str, Any]:
    entry = {
        "at": 1,
        "type": "application/json",
        "body": b64encode(compress(b"0" * (64 << 20))).decode(),
    }
    return {"antiphon": "carried", "version": 1, "recordings": {"k1:" + "0" * 64: entry}}


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


STRANGERS: dict[str, Any] = {
    "a number": 7,
    "a text": "words",
    "a list": [1, 2],
    "true": True,
    "another format": {"antiphon": "carried", "version": 99, "recordings": {}},
    "no recordings": {"antiphon": "carried", "version": 1, "recordings": [1]},
    "wrong entries": {
        "antiphon": "carried",
        "version": 1,
        "recordings": {"k1:x": 3, "": None, "k": {"at": "x"}},
    },
    "too many": {"antiphon": "carried", "version": 1, "recordings": {f"k1:{n}": 1 for n in range(1_001)}},
    "wrong notes": {"antiphon": "carried", "version": 1, "recordings": {}, "left_out": [deep(50)]},
    "deep": deep(500),
    "a bomb": bomb(),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_do_no_harm(comfyui: ComfyUI, peer: Peer, name: str):
    """Whatever stands there, the graph runs, the provider is asked, and the picture has the right words afterwards."""
    graph = saving(completions(peer.url, [f"stranger {name}"], seed=16))

    run = comfyui.run(graph, workflow=page(carried=STRANGERS[name]))

    assert run.text("out0").strip() == f"answer to stranger {name}"
    assert len(peer.seen) == 1
    assert len(carried(picture(comfyui, run))["recordings"]) == 1


@pytest.mark.parametrize("extra", [[1], "text", 5], ids=str)
def test_an_extra_that_is_none(comfyui: ComfyUI, peer: Peer, extra: Any):
    """A workflow whose `extra` is no object is left as it is; the words are in a chunk of their own."""
    workflow = {"nodes": [], "extra": extra}
    graph = saving(completions(peer.url, [f"extra {extra}"], seed=17))
    file = picture(comfyui, comfyui.run(graph, workflow=workflow))
    assert opened(file) == workflow
    assert chunks(file)["antiphon"]["recordings"]


def test_a_bomb_under_the_right_key(comfyui: ComfyUI, peer: Peer):
    """A recording under this very request's key that unpacks to 64 MB of nothing: passed over with a note, quickly."""
    graph = saving(completions(peer.url, ["right key"], seed=18))
    first = comfyui.run(graph, workflow=page())
    [name] = carried(picture(comfyui, first))["recordings"]
    value = {**bomb(), "recordings": {name: bomb()["recordings"]["k1:" + "0" * 64]}}
    clean = ComfyUI(comfyui.folder / "bombed").start()
    try:
        start = time.monotonic()
        run = clean.run(graph, workflow=page(carried=value))
        assert time.monotonic() - start < 30
    finally:
        log = clean.log
        clean.stop()
    assert run.outcome == "success", run.error
    assert len(peer.seen) == 2
    assert "larger than" in log


def test_graphs_of_others_are_left_alone(comfyui: ComfyUI):
    """A graph without a node of ours: what its workflow says under our name is saved as it came."""
    graph: Graph = {"empty": node("EmptyImage", width=8, height=8, batch_size=1, color=3)}
    graph["save"] = node("SaveImage", images=["empty", 0], filename_prefix="others")
    file = picture(comfyui, comfyui.run(graph, workflow=page(carried={"what": "ever"})))
    assert opened(file) == page(carried={"what": "ever"})
