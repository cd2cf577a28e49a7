"""Keys in a real ComfyUI: planted ones are hunted for in every byte that leaves, or stays where others may read it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from tests.comfyui.conftest import ENVIRONMENT_KEY
from tests.comfyui.graphs import Graph, asking, completions, node
from tests.comfyui.hosting import ComfyUI, Run
from tests.peer import Peer

KEY_FILE = "credentials.json"


def planted() -> str:
    return f"sk-planted-{secrets.token_hex(16)}"


def workflow(key: str, url: str) -> dict[str, Any]:
    """What a page saves of the graph: widget values in lists, subgraphs, and a note with the key in it."""
    api = {"id": 1, "type": "AV_OpenAIApi", "widgets_values": [key, url]}
    return {
        "nodes": [api, {"id": 2, "type": "Note", "widgets_values": [f"my key is {key}, keep it"]}],
        "definitions": {"subgraphs": [{"nodes": [{**api, "id": 3}]}]},
    }


def everything(comfyui: ComfyUI, *runs: Run) -> dict[str, bytes]:
    """Every byte of this ComfyUI that somebody else may come to see."""
    found = {path: comfyui.fetch(path) for path in ("/history", "/queue", "/object_info", "/system_stats")}
    for number, run in enumerate(runs):
        found[f"websocket {number}"] = bytes(run.heard)
    for path in comfyui.folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name != KEY_FILE:
            found[str(path.relative_to(comfyui.folder))] = path.read_bytes()
    return found


def hunt(key: str, places: dict[str, bytes]) -> list[str]:
    return [place for place, content in places.items() if key.encode() in content]


def saving(graph: Graph) -> Graph:
    """The graph, with a picture that it saves, and a preview of the API node's value."""
    graph["empty"] = node("EmptyImage", width=8, height=8, batch_size=1, color=0)
    # A name of its own, or ComfyUI would not save it again.
    graph["save"] = node("SaveImage", images=["empty", 0], filename_prefix=f"hunted{secrets.token_hex(4)}")
    graph["shown"] = node("PreviewAny", source=["api", 0])
    return graph


def key_file(comfyui: ComfyUI) -> Path:
    return comfyui.folder / "user" / "__antiphon" / "keys" / KEY_FILE


def test_a_key_in_a_widget(comfyui: ComfyUI, peer: Peer):
    """It works for its server, and is in no workflow, picture, history, event, log or recording: only in the key file."""
    key = planted()
    graph = saving(completions(peer.url, ["a key in a widget"], key=key))

    run = comfyui.run(graph, workflow=workflow(key, peer.url))

    assert run.outcome == "success", run.error
    assert peer.seen[0].headers["authorization"] == f"Bearer {key}"
    [picture] = run.history["outputs"]["save"]["images"]
    saved = Path(comfyui.folder, "output", picture["filename"]).read_bytes()
    assert b"credential:openai-widget" in saved
    assert hunt(key, everything(comfyui, run)) == []
    kept = key_file(comfyui)
    assert key in kept.read_text(encoding="utf-8")
    assert kept.stat().st_mode & 0o077 == 0
    assert "keep it" in json.dumps(run.history["prompt"][3])


def test_the_hunt_finds_keys(comfyui: ComfyUI, peer: Peer):
    """What is planted where no key belongs is found in the history, the picture and the websocket."""
    key = planted()
    run = comfyui.run(saving(completions(peer.url, [f"my secret is {key}"])))

    found = hunt(key, everything(comfyui, run))

    assert "/history" in found
    assert "websocket 0" in found
    assert any(place.startswith("output") for place in found)


def test_a_key_in_an_error(comfyui: ComfyUI, peer: Peer):
    """A server that echoes the key in its error, and nodes that fail: still nowhere."""
    key = planted()
    peer.status, peer.error = 401, {"error": {"message": f"wrong key {key}", "code": "invalid_api_key"}}

    run = comfyui.run(completions(peer.url, ["echo"], key=key), workflow=workflow(key, peer.url))

    assert run.outcome == "error"
    assert "401" in run.error["exception_message"]
    assert hunt(key, everything(comfyui, run)) == []


def test_a_prompt_that_is_refused(comfyui: ComfyUI, peer: Peer):
    """A graph that does not validate is refused with its inputs printed: without the key."""
    key = planted()
    graph = completions(peer.url, ["refused"], key=key)
    del graph["config"]["inputs"]["max_token"]

    answer = comfyui.post("/prompt", {"prompt": graph, "client_id": "x"})

    assert "node_errors" in answer
    assert key not in json.dumps(answer)
    assert hunt(key, everything(comfyui)) == []


def test_the_key_while_it_runs(comfyui: ComfyUI, peer: Peer):
    """GET /queue shows the running graph: with the key's name only."""
    key = planted()
    peer.delay = 3
    run = comfyui.queue(completions(peer.url, ["running"], key=key))
    assert run.began.wait(20)

    shown = comfyui.fetch("/queue")

    assert b"credential:openai-widget" in shown
    assert key.encode() not in shown
    run.wait()


def test_the_same_key_has_one_name(comfyui: ComfyUI, peer: Peer):
    """So that ComfyUI's cache holds, and the key file does not grow; the page is told what to put into the widget."""
    key = planted()
    graph = completions(peer.url, ["one name"], key=key)
    first, again = comfyui.run(graph), comfyui.run(graph)

    names = [run.history["prompt"][2]["api"]["inputs"]["openai_api_key"] for run in (first, again)]
    assert names[0] == names[1]
    assert "ask0" in again.cached
    told = [data for _, kind, data in first.events if kind == "antiphon.key_moved"]
    assert told == [{"node": "api", "input": "openai_api_key", "reference": names[0]}]
    assert comfyui.log.count(names[0].removeprefix("credential:")) >= 1


def test_the_name_works_instead_of_the_key(comfyui: ComfyUI, peer: Peer):
    """credential:NAME in the widget sends the stored key, after a restart too, and to its own host only."""
    key = planted()
    run = comfyui.run(completions(peer.url, ["by name: first"], key=key))
    name = run.history["prompt"][2]["api"]["inputs"]["openai_api_key"]

    comfyui.restart()
    assert comfyui.run(completions(peer.url, ["by name: second"], key=name)).outcome == "success"

    assert peer.seen[1].headers["authorization"] == f"Bearer {key}"
    elsewhere = comfyui.run(completions("http://127.0.0.2:9/v1", ["by name: elsewhere"], key=name))
    assert elsewhere.outcome == "error"
    assert "may not go to" in elsewhere.error["exception_message"]


def test_a_key_over_a_link(comfyui: ComfyUI, peer: Peer):
    """A key typed into a text node that is wired to the widget is moved out of there."""
    key = planted()
    graph = completions(peer.url, ["over a link"], key="")
    graph["typed"] = node("PrimitiveString", value=key)
    graph["api"]["inputs"]["openai_api_key"] = ["typed", 0]

    run = comfyui.run(graph)

    assert run.outcome == "success", run.error
    assert peer.seen[0].headers["authorization"] == f"Bearer {key}"
    assert hunt(key, everything(comfyui, run)) == []


def test_a_key_that_another_node_makes(comfyui: ComfyUI, peer: Peer):
    """A key that only comes up while the graph runs is kept then, and goes on by name."""
    key = planted()
    graph = saving(completions(peer.url, ["made"], key=""))
    graph["typed"] = node("TestTexts", texts=key[::-1])
    graph["turned"] = node("TestReverse", text=["typed", 0])
    graph["api"]["inputs"]["openai_api_key"] = ["turned", 0]

    run = comfyui.run(graph)

    assert run.outcome == "success", run.error
    assert peer.seen[0].headers["authorization"] == f"Bearer {key}"
    assert hunt(key, everything(comfyui, run)) == []


def test_a_short_key_is_replaced_in_its_widget_only(comfyui: ComfyUI, peer: Peer):
    """Local servers take any word as a key: it is moved, and the same word elsewhere stays what it is."""
    graph = completions(peer.url, ["none"], key="none")

    run = comfyui.run(graph, workflow=workflow("none", peer.url))

    assert run.outcome == "success"
    assert peer.seen[0].headers["authorization"] == "Bearer none"
    assert run.history["prompt"][2]["ask0"]["inputs"]["prompt"] == "none"
    pages = run.history["prompt"][3]["extra_pnginfo"]["workflow"]["nodes"]
    assert pages[0]["widgets_values"][0].startswith("credential:openai-widget")


def test_a_key_that_cannot_be_kept(comfyui: ComfyUI, peer: Peer):
    """A text that can be no key is taken out all the same; the node says that it has none."""
    key = "sk-broken-\u20ac-" + planted()
    run = comfyui.run(completions(peer.url, ["broken"], key=key))

    assert run.outcome == "error"
    assert "not whole, or could not be kept" in run.error["exception_message"]
    assert peer.seen == []
    assert hunt(key, everything(comfyui, run)) == []


def test_half_an_aws_key(comfyui: ComfyUI, peer: Peer):
    """An access key without its secret is no key; neither half stays in the graph."""
    graph = asking(peer.url)
    graph["api"] = node(
        "AV_AwsBedrockClaudeApi",
        aws_access_key_id="AKIA" + "X" * 16,
        aws_secret_access_key="",
        aws_session_token=planted(),
        region="us-east-1",
        version="bedrock-2023-05-31",
    )
    token = graph["api"]["inputs"]["aws_session_token"]
    graph["ask"] = node("AV_LLMCompletion", prompt="?", api=["api", 0], config=["config", 0], seed=1)
    graph["out"] = node("PreviewAny", source=["ask", 0])

    run = comfyui.run(graph)

    assert run.outcome == "error"
    assert "not whole" in run.error["exception_message"]
    places = everything(comfyui, run)
    assert hunt(token, places) == hunt("AKIA" + "X" * 16, places) == []


def test_the_environments_key_is_nowhere(comfyui: ComfyUI, peer: Peer):
    """OPENAI_API_KEY of the process, after all of that: in no answer, file, event or log."""
    run = comfyui.run(saving(completions(peer.url, ["environment"])))
    assert hunt(ENVIRONMENT_KEY, everything(comfyui, run)) == []


def test_the_key_file_is_not_served(comfyui: ComfyUI):
    """No user path of ComfyUI's reaches the folder of keys."""
    for path in (
        "/userdata/..%2F__antiphon%2Fkeys%2Fcredentials.json",
        "/userdata/__antiphon%2Fkeys%2Fcredentials.json",
        "/view?filename=credentials.json&subfolder=../user/__antiphon/keys",
    ):
        assert b"secret" not in comfyui.fetch(path)
