"""The pack's own nodes in a real ComfyUI: what goes out, what comes back, and what is never paid for twice."""

from __future__ import annotations

import base64
import io
import json
import time
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.conftest import Measured
from tests.comfyui.graphs import Graph, node
from tests.comfyui.hosting import ComfyUI
from tests.comfyui.test_running import Together
from tests.peer import Peer
from tests.waiting import until

SCHEMA = '{"type": "object", "properties": {"prompts": {"type": "array", "items": {"type": "string"}}}}'

# What saved graphs hold: widgets and sockets in order, outputs by their place.
FORMAT = {
    "AntiphonProvider": (
        ["provider"],
        ["base_url", "credential", "dialect", "extra"],
        [("api", "LLM_API", False)],
    ),
    "AntiphonLocalModel": (["model"], ["custom_model", "unload_after"], [("api", "LLM_API", False)]),
    "AntiphonConfig": (
        ["model"],
        [
            *("custom_model", "max_tokens", "temperature", "reasoning", "reasoning_budget", "top_p", "top_k"),
            *("min_p", "presence_penalty", "frequency_penalty", "repeat_penalty", "stop", "modalities"),
            *("aspect_ratio", "adapt", "extra"),
        ],
        [("config", "LLM_CONFIG", False)],
    ),
    "AntiphonComplete": (
        ["prompt", "seed"],
        ["api", "config", "messages", "images", "audio", "video", "system", "schema", "replay", "timeout"],
        [
            *(("text", "STRING", False), ("images", "IMAGE", False), ("reasoning", "STRING", False)),
            *(("json", "DICT,ARRAY", False), ("info", "STRING", False), ("items", "STRING", True)),
        ],
    ),
    "AntiphonPromptList": (
        ["prompts", "seed"],
        [
            *("api", "config", "system", "one_per_line", "concurrency", "fail_on_error", "count_seeds"),
            *("schema", "replay", "timeout"),
        ],
        [
            *(("texts", "STRING", True), ("json", "DICT,ARRAY", True)),
            *(("errors", "STRING", True), ("info", "STRING", False)),
        ],
    ),
    "AntiphonConversation": (
        ["prompt", "seed"],
        ["api", "config", "history", "system", "replay", "timeout"],
        [
            *(("text", "STRING", False), ("conversation", "STRING", False)),
            *(("messages", "LLM_MESSAGE", False), ("info", "STRING", False)),
        ],
    ),
}


def asking(url: str, kind: str, **inputs: Any) -> Graph:
    """A provider node, a config node, and one node that asks, with its first output previewed."""
    return {
        "api": node("AntiphonProvider", provider="compatible", base_url=url),
        "config": node("AntiphonConfig", model="peer-1", max_tokens=64),
        "ask": node(kind, **{"seed": 1, "api": ["api", 0], "config": ["config", 0], **inputs}),
        "out": node("PreviewAny", source=["ask", 0]),
    }


def complete(url: str, prompt: str, **inputs: Any) -> Graph:
    return asking(url, "AntiphonComplete", prompt=prompt, **inputs)


@pytest.mark.parametrize("kind", FORMAT)
def test_the_format_stays(comfyui: ComfyUI, kind: str):
    """Inputs and outputs in order: saved graphs hold widget values and links by their place."""
    required, optional, outputs = FORMAT[kind]
    info = comfyui.get(f"/object_info/{kind}")[kind]

    assert info["input_order"]["required"] == required
    merged = [name.partition(".")[0] for name in info["input_order"]["optional"]]
    assert list(dict.fromkeys(merged)) == optional
    found = zip(info["output_name"], info["output"], info["output_is_list"], strict=True)
    assert list(found) == outputs
    assert (info["category"], info["output_node"]) == ("Antiphon", False)
    assert info["description"]
    seed = info["input"]["required"].get("seed")
    if seed:
        assert (seed[1]["min"], seed[1]["max"], seed[1]["control_after_generate"]) == (0, 2**53 - 1, "fixed")
        assert info.get("has_intermediate_output", True)


# ----------------------------------------------------------------------------------------- complete


def test_what_is_set_is_sent_and_nothing_else(comfyui: ComfyUI, peer: Peer):
    """A system prompt, the prompt, the seed and the two settings that differ from their places at the left."""
    graph = complete(peer.url, "hello", system="be brief", seed=0)
    graph["config"]["inputs"].update(temperature=0.5, top_p=0.0, presence_penalty=-3.0)

    run = comfyui.run(graph)

    assert run.outcome == "success", run.error
    assert run.text("out").strip() == "answer to hello"
    body = {name: value for name, value in peer.seen[0].body.items() if not name.startswith("stream")}
    assert body == {
        "model": "peer-1",
        "max_tokens": 64,
        "temperature": 0.5,
        "seed": 0,
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
    }


def test_the_outputs_say_what_there_is(comfyui: ComfyUI, peer: Peer):
    """info is JSON with usage, seed, key and whether it was replayed; the page sees the same in words."""
    graph = complete(peer.url, "facts")
    graph["facts"] = node("PreviewAny", source=["ask", 4])

    first = comfyui.run(graph)
    info = json.loads(first.text("facts"))

    assert (info["provider"], info["model"], info["finish_reason"]) == ("compatible", "peer-1", "stop")
    assert info["usage"] == {"input_tokens": 3, "output_tokens": 2}
    assert (info["seed"], info["seed_status"], info["replayed"], info["recorded"]) == (1, "sent", False, True)
    assert info["key"]
    assert first.text("ask").endswith("— 3 + 2 tokens · seed 1")
    assert [text for _, where, text in first.texts if where == "ask"][-1] == first.text("ask")


def test_an_old_nodes_sockets_fit(comfyui: ComfyUI, peer: Peer):
    """LLM_API, LLM_CONFIG and LLM_MESSAGE of the original's nodes and ours can be connected both ways."""
    graph = complete(peer.url, "and now?", messages=["message", 0])
    graph["api"] = node("AV_OpenAIApi", openai_api_key="", endpoint=peer.url)
    graph["message"] = node("AV_LLMMessage", role="user", text="first")
    graph["theirs"] = node("AV_LLMCompletion", prompt="mixed", api=["ours", 0], config=["config", 0], seed=2)
    graph["ours"] = node("AntiphonProvider", provider="compatible", base_url=peer.url)
    graph["out2"] = node("PreviewAny", source=["theirs", 0])

    assert comfyui.run(graph).outcome == "success"
    said = {seen.body["messages"][-1]["content"]: len(seen.body["messages"]) for seen in peer.seen}
    assert said in ({"and now?": 2, "mixed": 1}, {"and now?": 1, "mixed": 1, "first": 1})


def test_media_arrive(comfyui: ComfyUI, peer: Peer):
    """Two images by their growing names in order, a sound as WAV, a film as its file, then the text."""
    film = b"\0\0\0\x18ftypmp42" + bytes(range(64))
    Path(comfyui.folder, "input", "film.mp4").write_bytes(film)
    graph = complete(
        peer.url,
        "what is this",
        audio=["sound", 0],
        video=["film", 0],
        **{"images.image1": ["second", 0], "images.image0": ["first", 0]},
    )
    graph["first"] = node("EmptyImage", width=5, height=3, batch_size=1, color=0x204080)
    graph["second"] = node("EmptyImage", width=2, height=2, batch_size=1, color=0)
    graph["sound"] = node("TestSound")
    graph["film"] = node("LoadVideo", file="film.mp4")
    peer.text = lambda body: "seen and heard"

    run = comfyui.run(graph)

    assert run.outcome == "success", run.error
    first, second, sound, video, text = peer.seen[0].body["messages"][0]["content"]
    assert text == {"type": "text", "text": "what is this"}
    sizes = [base64.b64decode(url["image_url"]["url"].partition(",")[2])[16:24] for url in (first, second)]
    assert [(int.from_bytes(size[:4], "big"), int.from_bytes(size[4:], "big")) for size in sizes] == [
        (5, 3),
        (2, 2),
    ]
    assert base64.b64decode(video["video_url"]["url"].partition(",")[2]) == film
    assert sound["input_audio"]["format"] == "wav"
    with wave.open(io.BytesIO(base64.b64decode(sound["input_audio"]["data"]))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 16000, 8)
        left = [int.from_bytes(file.readframes(1)[:2], "little", signed=True) for _ in range(6)]
    assert left == [0, 16384, -16384, 32767, -32767, 32767]


def test_json_goes_on(comfyui: ComfyUI, peer: Peer):
    """The JSON of an answer feeds a node that takes ComfyUI's own type, and its items feed one node each."""
    peer.text = lambda body: '{"prompts": ["a red fox", "a blue owl"]}'
    graph = complete(peer.url, "two prompts", schema=SCHEMA)
    graph["dictionary"] = node("TestDictionary", dictionary=["ask", 3])
    graph["reverse"] = node("TestReverse", text=["ask", 5])
    graph["each"] = node("PreviewAny", source=["reverse", 0])
    if comfyui.version >= (0, 4):
        graph["core"] = node("ConvertDictionaryToString", dictionary=["ask", 3], indent=0)
        graph["core_out"] = node("PreviewAny", source=["core", 0])

    run = comfyui.run(graph)

    assert run.outcome == "success", run.error
    assert json.loads(run.text("dictionary")) == {"prompts": ["a red fox", "a blue owl"]}
    assert run.history["outputs"]["each"]["text"] == ["xof der a", "lwo eulb a"]
    assert peer.seen[0].body["response_format"]["json_schema"]["schema"] == json.loads(SCHEMA)
    if "core" in graph:
        assert "a red fox" in run.text("core_out")


def test_without_a_schema_nothing_hangs_on_json(comfyui: ComfyUI, peer: Peer):
    """No JSON, no picture: what is connected there does not run, and the rest does."""
    graph = complete(peer.url, "only words")
    graph["dictionary"] = node("TestDictionary", dictionary=["ask", 3])
    graph["save"] = node("SaveImage", images=["ask", 1], filename_prefix="never")

    run = comfyui.run(graph)

    assert run.outcome == "success", run.error
    assert set(run.history["outputs"]) >= {"out"}
    assert not {"dictionary", "save"} & set(run.history["outputs"])


def test_reasoning_stands_apart(comfyui: ComfyUI, peer: Peer):
    """It has an output of its own, is no part of the text, and is shown behind the answer."""
    peer.text = lambda body: "<think>so it is</think>the answer"
    graph = complete(peer.url, "think")
    graph["thought"] = node("PreviewAny", source=["ask", 2])

    run = comfyui.run(graph)

    assert (run.text("out").strip(), run.text("thought").strip()) == ("the answer", "so it is")
    shown = run.text("ask")
    assert shown.startswith("the answer")
    assert "— thinking: so it is\n— 3 + 2 tokens" in shown


def test_again_and_after_a_restart_it_costs_nothing(comfyui: ComfyUI, peer: Peer):
    """Queued again ComfyUI has the answers; after a restart, with another wording there by now, the store has."""
    graph = complete(peer.url, "keep this")
    graph["list"] = node(
        "AntiphonPromptList", prompts="one\ntwo", seed=1, api=["api", 0], config=["config", 0]
    )
    graph["list_out"] = node("PreviewAny", source=["list", 0])
    graph["talk"] = node("AntiphonConversation", prompt="hello", seed=1, api=["api", 0], config=["config", 0])
    graph["talk_out"] = node("PreviewAny", source=["talk", 1])
    outs = ("out", "list_out", "talk_out")
    first = comfyui.run(graph)
    words = [first.text(out) for out in outs]
    assert len(peer.seen) == 4
    assert {"ask", "list", "talk"} <= comfyui.run(graph).cached
    peer.text = lambda body: "something else by now"

    comfyui.restart()
    after = comfyui.run(graph)

    assert not after.cached
    assert [after.text(out) for out in outs] == words
    assert "replayed, nothing paid" in after.text("ask")
    assert "2 replayed" in after.text("list")
    assert len(peer.seen) == 4


def test_refresh_asks_each_time_and_only_never(comfyui: ComfyUI, peer: Peer):
    """refresh is no cached answer of ComfyUI's either; only is an error where nothing is recorded."""
    graph = complete(peer.url, "fresh", replay="refresh")
    comfyui.run(graph)
    comfyui.run(graph)
    assert len(peer.seen) == 2

    run = comfyui.run(complete(peer.url, "never asked before", replay="only"))

    assert run.outcome == "error"
    assert len(peer.seen) == 2


def test_a_time_limit(comfyui: ComfyUI, peer: Peer):
    """An answer that takes longer than the node allows is an error of that node."""
    peer.delay = 30
    run = comfyui.run(complete(peer.url, "too slow", timeout=1.0))

    assert (run.outcome, run.error["node_id"]) == ("error", "ask")


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a schema": ({"schema": "{oops"}, {}, "schema is no JSON"),
    "a setting": ({}, {"temperature": 7.0}, "temperature"),
    "extra": ({}, {"extra": "[1]"}, "extra is a JSON object"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_widgets_are_errors_with_words(comfyui: ComfyUI, peer: Peer, case: str):
    """Nothing is asked, and the node says which widget it is."""
    inputs, settings, words = WRONG[case]
    graph = complete(peer.url, "wrong", **inputs)
    graph["config"]["inputs"].update(settings)
    body = {"prompt": graph, "client_id": "nobody"}
    if case == "a setting":  # ComfyUI checks ranges by itself
        assert words in json.dumps(comfyui.post("/prompt", body))
        return

    run = comfyui.run(graph)

    assert run.outcome == "error"
    assert words in run.error["exception_message"]
    assert peer.seen == []


def test_a_key_typed_as_its_name_is_moved(comfyui: ComfyUI, peer: Peer):
    """The provider node has no key widget; a key typed into `credential` all the same leaves the graph, and works."""
    key = "sk-typed-where-a-name-belongs-0123456789"
    graph = complete(peer.url, "with a key")
    graph["api"]["inputs"]["credential"] = key

    run = comfyui.run(graph, workflow={"nodes": [{"type": "AntiphonProvider", "widgets_values": [key]}]})

    assert run.outcome == "success", run.error
    assert peer.seen[0].headers["authorization"] == f"Bearer {key}"
    assert key not in json.dumps(run.history)
    assert key.encode() not in bytes(run.heard)


# ------------------------------------------------------------------------------------- prompt list


def prompts(url: str, *lines: str, **inputs: Any) -> Graph:
    graph = asking(url, "AntiphonPromptList", prompts="\n".join(lines), **inputs)
    graph["errors"] = node("PreviewAny", source=["ask", 2])
    return graph


def outputs(run: Any, name: str) -> list[str]:
    return [text.strip() for text in run.history["outputs"][name]["text"]]


def test_a_list_keeps_its_order_and_its_limit(comfyui: ComfyUI, peer: Peer):
    """Six prompts, three at a time: the order is theirs, whichever answer comes first, and the page counts them."""
    together = Together(peer, 3)
    lines = [f"prompt {n}" for n in range(6)]

    run = comfyui.run(prompts(peer.url, *lines, "", concurrency=3))

    assert run.outcome == "success", run.error
    assert outputs(run, "out") == [f"answer to {line}" for line in lines]
    assert outputs(run, "errors") == [""] * 6
    assert together.most == 3
    assert any("of 6" in text for _, where, text in run.texts if where == "ask")


def test_one_bad_prompt_does_not_lose_the_rest(comfyui: ComfyUI, peer: Peer):
    """Its text is empty, errors has the words, and asked again only it is asked for."""
    peer.status, peer.error = 400, {"error": {"message": "not this one"}}
    peer.fails = lambda body: body["messages"][-1]["content"] == "bad"
    graph = prompts(peer.url, "good 1", "bad", "good 2", concurrency=1)

    run = comfyui.run(graph)

    assert run.outcome == "success", run.error
    assert outputs(run, "out") == ["answer to good 1", "", "answer to good 2"]
    first, second, third = outputs(run, "errors")
    assert (first, third) == ("", "")
    assert "not this one" in second
    assert "prompt 2:" in run.text("ask")
    graph["ask"]["inputs"]["fail_on_error"] = True
    failed = comfyui.run(graph)
    assert failed.outcome == "error"
    assert "not this one" in failed.error["exception_message"]
    assert len(peer.seen) == 4


def test_a_list_in_which_all_fail_is_an_error(comfyui: ComfyUI, peer: Peer):
    """Nothing came: that is no success."""
    peer.status = 400
    run = comfyui.run(prompts(peer.url, "a", "b"))

    assert run.outcome == "error"
    assert "prompt 1:" in run.error["exception_message"]
    assert len(peer.seen) == 2


def test_what_the_next_prompt_would_meet_too_ends_a_list(comfyui: ComfyUI, peer: Peer):
    """After a refused key no further prompt is asked: each would be refused, and some servers count."""
    peer.status = 401
    run = comfyui.run(prompts(peer.url, *map(str, range(9)), concurrency=2))

    assert run.outcome == "error"
    assert "401" in run.error["exception_message"]
    assert len(peer.seen) == 2


def test_a_list_of_texts_and_counted_seeds(comfyui: ComfyUI, peer: Peer):
    """A list over the socket is a prompt each; the same prompt twice has two answers when seeds count up."""
    graph = prompts(peer.url, one_per_line=False, count_seeds=True, seed=5)
    graph["texts"] = node("TestTexts", texts="same\nsame")
    graph["ask"]["inputs"]["prompts"] = ["texts", 0]
    peer.text = lambda body: f"seed {body['seed']}"

    run = comfyui.run(graph)

    assert outputs(run, "out") == ["seed 5", "seed 6"]


@pytest.mark.parametrize("kind", ["AntiphonComplete", "AntiphonPromptList", "AntiphonConversation"])
def test_interrupt(comfyui: ComfyUI, peer: Peer, kind: str, measured: Measured):
    """All connections are closed at once, and the next prompt runs."""
    peer.delay = 30
    many = kind == "AntiphonPromptList"
    question = {"prompts": "\n".join(map(str, range(8)))} if many else {"prompt": "long"}
    run = comfyui.queue(asking(peer.url, kind, **question))
    until(lambda: len(peer.seen) == (8 if many else 1))

    start = time.monotonic()
    comfyui.post("/interrupt")
    run.wait()
    seconds = time.monotonic() - start

    assert run.outcome == "interrupted"
    until(lambda: all(seen.disconnected is not None for seen in peer.seen))
    measured(f"interrupt, {kind}", f"the prompt has ended after {1000 * seconds:.0f} ms")
    peer.delay = 0
    assert comfyui.run(complete(peer.url, f"after {kind}")).outcome == "success"


@pytest.mark.parametrize("kind", ["AntiphonComplete", "AntiphonConversation"])
def test_errors_are_errors(comfyui: ComfyUI, peer: Peer, kind: str):
    """A refusal of the server fails the node with the status and the words."""
    peer.status, peer.error = 400, {"error": {"message": "not today"}}

    run = comfyui.run(asking(peer.url, kind, prompt="anything"))

    assert (run.outcome, run.error["node_id"]) == ("error", "ask")
    assert run.error["exception_type"] == "antiphon.NodeFailed"
    assert "not today" in run.error["exception_message"]


# ------------------------------------------------------------------------------------- conversation


def test_a_conversation_goes_on(comfyui: ComfyUI, peer: Peer):
    """Two nodes in a row: the second one sends what was said before, and the JSON between them can be read."""
    graph = asking(peer.url, "AntiphonConversation", prompt="my name is Ada", system="be kind")
    graph["second"] = node(
        "AntiphonConversation",
        prompt="what is it?",
        seed=1,
        history=["ask", 1],
        api=["api", 0],
        config=["config", 0],
    )
    graph["whole"] = node("PreviewAny", source=["second", 1])

    run = comfyui.run(graph)

    assert run.outcome == "success", run.error
    sent = [turn["content"].strip() for turn in peer.seen[1].body["messages"]]
    assert sent == ["be kind", "my name is Ada", "answer to my name is Ada", "what is it?"]
    kept = json.loads(run.text("whole"))
    assert [turn["role"] for turn in kept] == ["system", "user", "assistant", "user", "assistant"]


def test_a_history_that_is_none(comfyui: ComfyUI, peer: Peer):
    """A typing mistake is said with the place of the turn, before anything is asked."""
    history = '[{"role": "user", "content": "hi"}, {"role": "robot", "content": "ho"}]'
    run = comfyui.run(asking(peer.url, "AntiphonConversation", prompt="go on", history=history))

    assert run.outcome == "error"
    assert "turn 2 of history" in run.error["exception_message"]
    assert peer.seen == []


# ---------------------------------------------------------------------------------- embedded model


@pytest.fixture
def embedded(comfyui: ComfyUI) -> ComfyUI:
    """A ComfyUI that has the engine and its model."""
    if "PYTHONPATH" not in comfyui.environment:
        pytest.skip("needs the embedded engine: uv sync --extra local")
    return comfyui


def children(comfyui: ComfyUI) -> list[str]:
    """The engine's processes of this ComfyUI."""
    assert comfyui.process is not None
    found: list[str] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            line = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if parent == comfyui.process.pid and b"child.py" in line:
            found.append(stat.parent.name)
    return found


def test_a_single_node_answers_without_a_key(embedded: ComfyUI, measured: Measured):
    """Nothing connected: the embedded model answers, the same words each time."""
    graph = {
        "config": node("AntiphonConfig", model="default", max_tokens=12),
        "ask": node("AntiphonComplete", prompt="Name a colour.", seed=3, config=["config", 0]),
        "out": node("PreviewAny", source=["ask", 0]),
    }

    run = embedded.run(graph)

    assert run.outcome == "success", run.error
    assert run.text("out").strip()
    measured("one node, the embedded model, first answer", f"{run.seconds:.2f} s")


def test_the_model_is_unloaded_when_asked(embedded: ComfyUI):
    """The process of the engine is gone once the answer is there, and another answer starts it again."""
    graph = {
        "api": node("AntiphonLocalModel", model="smollm2-135m-instruct", unload_after=True),
        "config": node("AntiphonConfig", model="default", max_tokens=8),
        "ask": node("AntiphonComplete", prompt="Name a fruit.", seed=3, api=["api", 0], config=["config", 0]),
        "out": node("PreviewAny", source=["ask", 0]),
    }

    assert embedded.run(graph).outcome == "success"
    until(lambda: not children(embedded))

    graph["ask"]["inputs"]["seed"] = 4
    graph["api"]["inputs"]["unload_after"] = False
    run = embedded.run(graph)
    assert run.outcome == "success", run.error
    assert len(children(embedded)) == 1


def test_a_gguf_in_comfyuis_folder(embedded: ComfyUI):
    """models/LLM is looked through for GGUF files; the name in the key is the file's, wherever the folder is."""
    import antiphon_smollm2

    folder = Path(embedded.folder, "models", "LLM")
    folder.mkdir(exist_ok=True)
    (folder / "mine.gguf").symlink_to(antiphon_smollm2.path())
    listed = embedded.get("/object_info/AntiphonLocalModel")["AntiphonLocalModel"]["input"]["required"][
        "model"
    ]
    assert "mine.gguf" in listed[1]["options"]
    graph = {
        "api": node("AntiphonLocalModel", model="mine.gguf"),
        "config": node("AntiphonConfig", model="default", max_tokens=4),
        "ask": node("AntiphonComplete", prompt="Name a tree.", seed=3, api=["api", 0], config=["config", 0]),
        "out": node("PreviewAny", source=["ask", 4]),
    }

    run = embedded.run(graph)

    assert run.outcome == "success", run.error
    assert json.loads(run.text("out"))["model"] == "mine.gguf"


def test_a_model_that_is_not_here(embedded: ComfyUI):
    """The node says the command that fetches it."""
    graph = {
        "api": node("AntiphonLocalModel", model="qwen3-0.6b"),
        "out": node("PreviewAny", source=["api", 0]),
    }

    run = embedded.run(graph)

    assert run.outcome == "error"
    assert "antiphon models pull qwen3-0.6b" in run.error["exception_message"]
    assert f"ANTIPHON_HOME={embedded.folder}" in run.error["exception_message"]
