"""The eleven nodes in a real ComfyUI: they load as the original's, and saved graphs run."""

from __future__ import annotations

import base64
import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from antiphon.comfyui.models import MODELS
from tests.comfyui import original
from tests.comfyui.conftest import ENVIRONMENT_KEY
from tests.comfyui.graphs import asking, completions, node
from tests.comfyui.hosting import FOLDER, ComfyUI
from tests.peer import Peer

# What ComfyUI adds by itself to every widget, and what we say in words.
WORDS = {"tooltip", "multiselect", "advanced", "hidden"}


def plain(inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        name: (kind, {key: value for key, value in options.items() if key not in WORDS})
        for name, (kind, options) in inputs.items()
    }


@pytest.mark.parametrize("kind", original.NODES)
def test_a_node_is_as_the_original(comfyui: ComfyUI, kind: str):
    """Inputs in order, with types, defaults and ranges; outputs in order: what links and widget values go by."""
    title, required, optional, outputs = original.NODES[kind]
    info = comfyui.get(f"/object_info/{kind}")[kind]

    assert plain(info["input"]["required"]) == required
    assert plain(info["input"].get("optional", {})) == optional
    assert info["input_order"]["required"] == list(required)
    assert info["input_order"].get("optional", []) == list(optional)
    assert list(zip(info["output_name"], info["output"], strict=True)) == outputs
    assert not any(info["output_is_list"])
    assert not info["output_node"]
    assert (info["display_name"], info["category"]) == (title, "ArtVenture/LLM")
    assert info["description"]


def test_the_list_of_models_is_the_originals():
    """All 51 names in the original's order: a saved graph holds one of them."""
    assert len(MODELS) == len(set(MODELS)) == 51
    assert (MODELS[0], MODELS[20], MODELS[34], MODELS[40], MODELS[-1]) == (
        "gpt-5",
        "claude-sonnet-4-5-20250929",
        "gemini-2.5-flash",
        "anthropic.claude-opus-4-20250514-v1:0",
        "mistral.mistral-large-2402-v1:0",
    )


def test_it_loads_under_any_name_and_says_nothing(comfyui: ComfyUI):
    """In a folder whose name is no identifier, with no failed import and no warning of ours."""
    loading = comfyui.log.partition("Starting server")[0]
    lines = [line for line in loading.splitlines() if FOLDER in line or "antiphon" in line.lower()]
    assert [line for line in lines if "IMPORT FAILED" in line or "Error" in line] == []
    assert any("seconds:" in line and FOLDER in line for line in lines)


def test_a_graph_of_the_two_output_form(comfyui: ComfyUI, peer: Peer):
    """text goes on from slot 0; the request holds what the widgets say, with the seed, 0 included."""
    run = comfyui.run(completions(peer.url, ["two outputs"], seed=0))

    assert run.outcome == "success"
    assert run.text("out0").strip() == "answer to two outputs"
    [seen] = peer.seen
    assert seen.body["seed"] == 0
    assert (seen.body["model"], seen.body["temperature"], seen.body["max_tokens"]) == ("peer-1", 0.5, 64)
    assert seen.body["messages"] == [{"role": "user", "content": "two outputs"}]


def test_a_graph_of_the_one_output_form(comfyui: ComfyUI, peer: Peer):
    """Chat as of the days when its one output was called response: messages chained, links by slot number."""
    graph = asking(peer.url)
    graph["first"] = node("AV_LLMMessage", role="system", text="be brief")
    graph["second"] = node("AV_LLMMessage", role="user", text="one output", messages=["first", 0])
    graph["chat"] = node("AV_LLMChat", messages=["second", 0], api=["api", 0], config=["config", 0], seed=7)
    graph["out"] = node("PreviewAny", source=["chat", 0])

    run = comfyui.run(graph)

    assert run.text("out").strip() == "answer to one output"
    assert [m["role"] for m in peer.seen[0].body["messages"]] == ["system", "user"]


def test_a_model_that_is_in_no_list(comfyui: ComfyUI, peer: Peer):
    """Any name in the combo is taken as it is: lists of models grow old."""
    graph = completions(peer.url, ["unlisted"], model="")
    graph["config"]["inputs"]["model"] = "some-model-of-2031"

    assert comfyui.run(graph).outcome == "success"
    assert peer.seen[0].body["model"] == "some-model-of-2031"


def test_nothing_is_asked_for_what_nobody_wants(comfyui: ComfyUI, peer: Peer):
    """A completion that leads nowhere is not asked for; the page still gets its text back where ComfyUI can keep it."""
    graph = completions(peer.url, ["unwanted"])
    graph["out0"]["inputs"]["source"] = ["config", 0]

    assert comfyui.run(graph).outcome == "success"

    assert peer.seen == []
    info = comfyui.get("/object_info/AV_LLMChat")["AV_LLMChat"]
    assert info.get("has_intermediate_output", True)


def test_a_pasted_address(comfyui: ComfyUI, peer: Peer):
    """The whole path of the protocol, or a slash at the end, behind the address does no harm."""
    for tail in ("/", "/chat/completions"):
        assert comfyui.run(completions(peer.url + tail, [f"pasted {tail}"])).outcome == "success"
    assert {seen.path for seen in peer.seen} == {"/v1/chat/completions"}


def test_text_grows_in_the_node(comfyui: ComfyUI, peer: Peer):
    """The page that queued the prompt sees the text as it comes, at most ten times a second, then what it took."""
    peer.pause = 0.02
    peer.text = lambda body: " ".join(f"word{n}" for n in range(50))

    run = comfyui.run(completions(peer.url, ["grow"]))

    shown = [text for _, where, text in run.texts if where == "ask0"]
    assert len(shown) > 3
    assert all(later.startswith(earlier.rstrip()) for earlier, later in pairwise(shown))
    times = [at for at, where, _ in run.texts if where == "ask0"]
    assert len(times) <= (times[-1] - times[0]) / 0.1 + 2
    assert shown[-1].endswith("— 3 + 2 tokens · seed 1")


def test_nobody_else_sees_it(comfyui: ComfyUI, peer: Peer):
    """Text goes to the page that queued; a prompt without a page shows nothing to anyone, and is not streamed."""
    watcher = comfyui.queue(completions(peer.url, ["watched"]))
    watcher.wait()
    peer.delay = 0.3
    other = comfyui.queue(completions(peer.url, ["somebody else's"]))
    silent = comfyui.queue(completions(peer.url, ["no page"]), page=False)
    other.wait()
    comfyui.finished(silent)

    assert not any("no page" in text or "watched" in text for _, _, text in other.texts)
    assert "stream" not in peer.seen[-1].body


def test_a_list_of_prompts_runs_side_by_side(comfyui: ComfyUI, peer: Peer):
    """One node fed a list asks for all at once, keeps their order, and shows them all."""
    peer.delay = 1.0
    graph = completions(peer.url, ["?"])
    graph["texts"] = node("TestTexts", texts="\n".join(f"item {n}" for n in range(4)))
    graph["ask0"]["inputs"]["prompt"] = ["texts", 0]

    run = comfyui.run(graph)

    assert peer.at_once == 4
    assert run.history["outputs"]["ask0"]["text"] == [
        f"answer to item {n}\n\n— 3 + 2 tokens · seed 1" for n in range(4)
    ]
    assert run.texts[-1][2].count("answer to item") == 4


# ------------------------------------------------------------------------------------------- images


def png(colour: str, size: tuple[int, int]) -> bytes:
    image = pytest.importorskip("PIL.Image")
    data = io.BytesIO()
    image.new("RGB", size, colour).save(data, "PNG")
    return data.getvalue()


def data_url(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def test_an_image_goes_out(comfyui: ComfyUI, peer: Peer):
    """Every picture of a batch becomes one PNG before the text, and its pixels are what the node was given."""
    image = pytest.importorskip("PIL.Image")
    graph = asking(peer.url)
    graph["image"] = node("EmptyImage", width=5, height=3, batch_size=2, color=0x204080)
    graph["message"] = node("AV_LLMMessage", role="user", text="what is this", image=["image", 0])
    graph["chat"] = node("AV_LLMChat", messages=["message", 0], api=["api", 0], config=["config", 0], seed=3)
    graph["out"] = node("PreviewAny", source=["chat", 0])

    assert comfyui.run(graph).outcome == "success"

    *pictures, text = peer.seen[0].body["messages"][0]["content"]
    assert text == {"type": "text", "text": "what is this"}
    assert len(pictures) == 2
    url = pictures[0]["image_url"]["url"]
    found = image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert (found.size, found.mode, found.getpixel((4, 2))) == ((5, 3), "RGB", (0x20, 0x40, 0x80))


def test_images_come_in(comfyui: ComfyUI, peer: Peer):
    """Pictures of an answer are one IMAGE that core nodes save; of several sizes, the smaller stand on black."""
    image = pytest.importorskip("PIL.Image")
    peer.images = [data_url(png("red", (6, 4))), data_url(png("blue", (2, 2)))]
    graph = completions(peer.url, ["paint"])
    graph["save"] = node("SaveImage", images=["ask0", 1], filename_prefix="came_in")

    run = comfyui.run(graph)

    assert run.outcome == "success", run.error
    saved = [
        Path(comfyui.folder, "output", entry["filename"])
        for entry in run.history["outputs"]["save"]["images"]
    ]
    first, second = map(image.open, saved)
    assert (first.size, second.size) == ((6, 4), (6, 4))
    assert first.getpixel((0, 0)) == (255, 0, 0)
    assert (second.getpixel((0, 0)), second.getpixel((2, 1))) == ((0, 0, 0), (0, 0, 255))
    assert "several sizes" in run.history["outputs"]["ask0"]["text"][0]


def test_no_image_blocks_what_hangs_on_it(comfyui: ComfyUI, peer: Peer):
    """Without a picture in the answer the image output blocks what is connected; the rest of the graph runs."""
    graph = completions(peer.url, ["only words"])
    graph["save"] = node("SaveImage", images=["ask0", 1], filename_prefix="none")

    run = comfyui.run(graph)

    assert run.outcome == "success"
    assert run.text("out0").strip() == "answer to only words"
    assert "save" not in run.history["outputs"]
    assert list(Path(comfyui.folder, "output").glob("none*")) == []


# ------------------------------------------------------------------------------------------- errors

JSON = "application/json"
ERRORS = {
    "401": (401, JSON, b'{"error": {"message": "bad key", "code": "invalid_api_key"}}', ["401", "bad key"]),
    "429": (
        429,
        JSON,
        b'{"error": {"message": "out of money", "code": "insufficient_quota"}}',
        ["429", "out of money", "Top up"],
    ),
    "500": (500, JSON, b'{"error": {"message": "broken"}}', ["500", "broken", "try again later"]),
    "error as text": (400, JSON, b'{"error": "just text"}', ["400", "just text"]),
    "detail": (404, JSON, b'{"detail": "no such model"}', ["404", "no such model"]),
    "502 HTML": (502, "text/html", b"<html><h1>Bad Gateway</h1></html>", ["502"]),
    "truncated": (200, JSON, b'{"choices": [{"mess', ["200"]),
    "no choices": (200, JSON, b'{"choices": []}', ["200"]),
    "a filter": (
        400,
        JSON,
        b'{"error": {"message": "not this", "code": "content_policy_violation"}}',
        ["refused", "not this"],
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_is_an_error(comfyui: ComfyUI, peer: Peer, case: str):
    """Whatever a server does wrong fails the node, with the provider, the status and what to do: never as text."""
    status, content_type, body, words = ERRORS[case]
    peer.status, peer.raw, peer.headers = status, (content_type, body), {"retry-after": "0"}

    run = comfyui.run(completions(peer.url, [f"fail {case}"]))

    assert run.outcome == "error"
    assert run.error["node_id"] == "ask0"
    assert run.error["exception_type"] == "antiphon.NodeFailed"
    for word in (*words, "compatible"):
        assert word in run.error["exception_message"]
    assert "out0" not in run.history["outputs"]


def test_an_error_is_not_cached(comfyui: ComfyUI, peer: Peer):
    """Queued again after a failure, the node asks again."""
    peer.status = 400
    graph = completions(peer.url, ["once more"])
    assert comfyui.run(graph).outcome == "error"

    peer.status = 200

    assert comfyui.run(graph).outcome == "success"
    assert len(peer.seen) == 2


def test_a_server_that_is_not_there(comfyui: ComfyUI):
    """A refused connection names the address."""
    run = comfyui.run(completions("http://127.0.0.1:9/v1", ["anybody"]))

    assert run.outcome == "error"
    assert "127.0.0.1:9" in run.error["exception_message"]


def test_a_server_that_will_not_stream(comfyui: ComfyUI, peer: Peer):
    """Where the stream alone is refused (OpenAI: organisations that are not verified), the answer is asked for whole."""
    peer.status = 400
    peer.fails = lambda body: body.get("stream", False)
    peer.error = {"error": {"message": "verify", "param": "stream", "code": "unsupported_value"}}

    run = comfyui.run(completions(peer.url, ["whole"]))

    assert run.outcome == "success"
    assert [bool(seen.body.get("stream")) for seen in peer.seen] == [True, False]


def test_another_packs_value_on_the_socket(comfyui: ComfyUI, peer: Peer):
    """Sockets of the same name with other values in them fail with words, and print none of the value."""
    graph = completions(peer.url, ["foreign"])
    graph["api"] = node("TestForeign")

    run = comfyui.run(graph)

    assert run.outcome == "error"
    assert run.error["exception_type"] == "antiphon.NodeFailed"
    assert "another node pack" in run.error["exception_message"]
    assert "Connect a node of this pack" in run.error["exception_message"]
    assert "theirs" not in run.error["exception_message"]


def test_the_key_of_the_environment_stays_home(comfyui: ComfyUI, peer: Peer):
    """OPENAI_API_KEY is set, the graph names another server: no key goes there."""
    assert comfyui.run(completions(peer.url, ["no key"])).outcome == "success"

    [seen] = peer.seen
    assert "authorization" not in seen.headers
    assert ENVIRONMENT_KEY not in json.dumps(seen.headers)


def test_nor_does_it_for_another_provider(comfyui: ComfyUI, peer: Peer):
    """A provider that needs a key has none for the graph's server: an error that says so, and no request."""
    graph = completions(peer.url, ["no key either"])
    graph["api"] = node("AV_OpenRouterApi", openrouter_api_key="", endpoint=peer.url)

    run = comfyui.run(graph)

    assert run.outcome == "error"
    assert "no key" in run.error["exception_message"]
    assert "credential:NAME" in run.error["exception_message"]
    assert "__antiphon" in run.error["exception_message"]
    assert peer.seen == []
