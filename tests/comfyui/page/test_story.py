"""What an artist sees in ComfyUI's page, from an old graph with a key in it to a picture that is dropped back."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.conftest import Measured
from tests.comfyui.hosting import ComfyUI
from tests.comfyui.page.paging import ANSWER, AXE, DROP, KEY, WAIT, WATCH, Page, old_graph
from tests.peer import Peer

LONG = " ".join(f"word{number}" for number in range(120))
PROMPT = "Expand into a detailed image prompt: a cat on a roof at dusk"
STORY = (
    "A lone tabby cat sits on the ridge of a weathered terracotta roof at dusk, its fur lit from behind by the last amber"
    " light. Beyond it lies an old town of crooked chimneys and glowing windows, and a thin moon hangs over distant hills."
    " Long shadows fall across mossy tiles; a soft evening mist gathers in the streets below. Cinematic wide shot, shallow"
    " depth of field, warm rim light against deep blue sky, fine film grain, muted palette of ochre, slate and rose."
)
HOSTILE = (
    "<script>window.hit = 1</script><img src=x onerror='window.hit = 2'> [link](javascript:hit=3)"
    " \u202eesrever\u202c \u001b[31mred\u0007 "
)


def test_the_story(page: Page, host: ComfyUI, peer: Peer):
    """An old graph: its key is moved, the answer grows, is interrupted, asked again, there after a reload, found in the
    history, replayed without a request, and there again with the picture."""
    peer.text = lambda body: LONG
    peer.pause = 0.03
    page.load(old_graph(peer.url, PROMPT))
    move = page.page.get_by_role("button", name="Move this key to the key file")
    move.wait_for()
    page.shot("key")
    assert page.faults("antiphon-key") == []
    move.click()
    page.page.wait_for_function(
        "() => app.graph._nodes.find(n => n.type === 'AV_OpenAIApi').widgets[0].value"
        ".startsWith('credential:')"
    )
    assert KEY not in page.page.evaluate("() => JSON.stringify(app.graph.serialize())")
    move.wait_for(state="hidden")

    lengths = interrupted(page, peer)
    assert len(lengths) >= 3

    peer.text, peer.pause = (lambda body: STORY), 0.01
    page.queue()
    page.status("seed 1: sent")
    assert page.text.split() == STORY.split()
    page.shot("answer")
    assert page.faults(ANSWER) == []
    assert {seen.headers["authorization"] for seen in peer.seen} == {f"Bearer {KEY}"}
    assert KEY not in json.dumps(host.get("/history"))

    page.reload()
    page.status("seed 1: sent")
    assert page.text.split() == STORY.split()
    assert KEY not in page.page.evaluate("() => JSON.stringify(app.graph.serialize())")

    found(page)
    asked = len(peer.seen)
    page.set(
        "AV_OpenAIApi", "endpoint", f"{peer.url}/"
    )  # another input for ComfyUI's cache, the same request for us
    page.queue()
    page.status("replayed, nothing paid")
    assert len(peer.seen) == asked
    dropped(page, host)


def interrupted(page: Page, peer: Peer) -> set[int]:
    """Queue, see the text at several lengths, interrupt; the lengths."""
    page.queue()
    lengths = set[int]()
    while len(lengths) < 3:
        page.page.wait_for_function(
            f"seen => {{ const text = document.querySelector('{ANSWER}')?.shadowRoot.querySelector('antiphon-text.words')?.text"
            " ?? ''; return text.length > 0 && !seen.includes(text.length); }",
            arg=list(lengths),
        )
        lengths.add(
            len(
                page.page.evaluate(
                    f"() => document.querySelector('{ANSWER}').shadowRoot.querySelector('antiphon-text.words').text"
                )
            )
        )
    page.shot("growing")
    page.page.evaluate("() => { app.api.interrupt(); }")
    page.page.locator(ANSWER, has_text="Interrupted").wait_for()
    assert peer.seen[-1].disconnected is not None or len(page.text) < len(LONG)
    return lengths


def found(page: Page) -> None:
    """The answer is in the history of the sidebar, whole, and its text goes into the node that is selected."""
    page.page.evaluate("() => app.extensionManager.sidebarTab.toggleSidebarTab('antiphon')")
    row = page.page.locator("antiphon-history li.item").first
    row.wait_for()
    assert "a cat on a roof" in row.inner_text()
    page.shot("history")
    assert page.faults("antiphon-history") == []
    page.page.evaluate("() => app.extensionManager.sidebarTab.toggleSidebarTab('antiphon')")


def dropped(page: Page, host: ComfyUI) -> None:
    """The picture that the graph saved brings it back, without a key."""
    picture = max((host.folder / "output").glob("kept*.png"), key=lambda path: path.name)
    assert KEY.encode() not in picture.read_bytes()
    page.page.evaluate("() => app.graph.clear()")
    page.page.evaluate(DROP, f"/api/view?filename={picture.name}&type=output")
    page.page.wait_for_function("() => app.graph._nodes.some(n => n.type === 'AV_LLMCompletion')")
    assert page.widget("AV_LLMCompletion", "prompt") == PROMPT
    assert page.widget("AV_OpenAIApi", "openai_api_key").startswith("credential:")


def test_axe_has_looked(page: Page):
    """The other tests of this file ask axe about what they look at."""
    if not AXE.exists():
        pytest.skip("needs axe-core: npm --prefix web install")
    page.page.evaluate(
        "() => { const button = document.createElement('button'); button.id = 'wrong';"
        " document.body.append(button); }"
    )
    assert page.faults("#wrong") != []
    page.page.evaluate("() => document.querySelector('#wrong').remove()")


def test_drawn_by_vue(page: Page, peer: Peer):
    """The same text, key notice and button are there where nodes are drawn by Vue, and saved graphs hold nothing of them."""
    peer.text = lambda body: "drawn by Vue"
    page.vue(True)
    try:
        page.load(old_graph(peer.url, "by Vue"))
        page.page.get_by_role("button", name="Move this key to the key file").click()
        page.page.get_by_role("button", name="Choose a model…").wait_for()
        assert page.text == ""  # what another workflow's node has said is not shown here
        page.queue()
        page.status("seed 1: sent")
        assert page.text.strip() == "drawn by Vue"
        page.shot("vue")
        saved = page.page.evaluate(
            "() => app.graph.serialize().nodes.map(node => [node.type, node.widgets_values])"
        )
        assert ["AV_LLMCompletion", ["by Vue", 1, "fixed"]] in saved
        assert [kind for kind, values in saved if kind.startswith("AV_") and len(values) > 4] == []
    finally:
        page.vue(False)


def test_hostile_words(page: Page, peer: Peer):
    """Markup, links, marks of direction, terminal sequences and a line without an end are text, and harm nothing."""
    peer.text = lambda body: HOSTILE + "x" * 300_000
    page.load(old_graph(peer.url, "hostile"))
    page.queue()
    page.says("<script>")
    page.status("seed 1: sent")

    assert page.page.evaluate("() => window.hit") is None
    assert "<script>" in page.text
    assert "⟦U+202E⟧" in page.text
    assert "␛" in page.text
    assert page.answer.locator("a, img, script").count() == 0
    page.shot("hostile")
    assert page.faults(ANSWER) == []


def test_errors_are_shown(page: Page, peer: Peer):
    """What a provider refuses stands in the node, with what to do."""
    peer.status = 401
    page.load(old_graph(peer.url, "refused"))
    page.queue()
    alert = page.page.locator(f"{ANSWER} [role=alert]")
    alert.wait_for()
    assert "401" in alert.inner_text()
    with suppress(Exception):  # ComfyUI's own dialog about it
        page.page.keyboard.press("Escape")


def test_thousands_of_tokens_stay_smooth(page: Page, peer: Peer, measured: Measured):
    """At a hundred tokens a second the page never stops for long."""
    words = 400 if not os.environ.get("ANTIPHON_MEASURE") else 3000
    peer.text = lambda body: " ".join(f"token{number}" for number in range(words))
    peer.pause = 0.01
    page.load(old_graph(peer.url, "smooth"))
    page.page.wait_for_function("() => document.readyState === 'complete'")
    page.page.evaluate(WATCH)
    page.queue()
    page.status("seed 1: sent", WAIT + 50 * words)

    longest = max(page.page.evaluate("() => window.long"), default=0)
    measured(f"longest task of the page while {words} tokens came, 100 a second", f"{longest:.0f} ms")
    assert len(page.whole.split()) >= words
    assert (
        longest < 1000
    )  # a page that stops for as long would be seen; docs/performance.md has what was measured


def test_seeds_of_new_nodes_stay(page: Page, peer: Peer):
    """A new node's seed is fixed; a saved graph's control keeps what it says."""
    control = "kind => { const node = LiteGraph.createNode(kind); return node.widgets[1 + node.widgets.findIndex(w => w.name === 'seed')].value; }"
    assert page.page.evaluate(control, "AntiphonComplete") == "fixed"
    graph = old_graph(peer.url, "kept")
    graph["nodes"][2]["widgets_values"][2] = "randomize"
    page.load(graph)
    assert (
        page.page.evaluate(
            "() => app.graph.serialize().nodes.find(n => n.type === 'AV_LLMCompletion').widgets_values[2]"
        )
        == "randomize"
    )


def test_keys_and_models(page: Page, peer: Peer):
    """Keys are managed from a command; the list of models takes any text."""
    page.load(old_graph(peer.url, "models"))
    page.page.evaluate("() => { app.extensionManager.command.execute('Antiphon.ManageKeys'); }")
    page.page.locator("antiphon-dialog antiphon-credentials h3").first.wait_for()
    page.shot("keys")
    assert page.faults("antiphon-dialog") == []
    page.page.keyboard.press("Escape")
    page.page.locator("antiphon-dialog").wait_for(state="detached")

    page.page.evaluate(
        "() => { app.graph._nodes.find(n => n.type === 'AV_LLMApiConfig').widgets.find(w => w.type === 'button').callback(); }"
    )
    field = page.page.locator("antiphon-picker antiphon-models input")
    field.fill("a-model-of-my-own")
    page.shot("models")
    assert page.faults("antiphon-dialog") == []
    page.page.get_by_role("button", name="Use this model").click()
    assert page.widget("AV_LLMApiConfig", "custom_model") == "a-model-of-my-own"


def test_only_its_own_page_is_told(page: Page, host: ComfyUI, peer: Peer):
    """Another client of the same ComfyUI, which has no script, gets ComfyUI's progress text and no event of ours."""
    from tests.comfyui.graphs import completions

    peer.text = lambda body: "for a script"
    run: Any = host.run(completions(peer.url, ["by a script"]))
    assert "for a script" in run.texts[-1][2]
    assert not [kind for _, kind, _ in run.events if kind == "antiphon.answer"]
    assert "for a script" not in page.page.content()


def test_the_picture_of_the_readme(page: Page, peer: Peer):
    """Nodes that have answered, beside the history: written to $ANTIPHON_SHOTS, looked at, and copied to docs/images."""
    if not os.environ.get("ANTIPHON_SHOTS"):
        pytest.skip("set ANTIPHON_SHOTS to a folder for the pictures")
    answers = {PROMPT: STORY, **{f"{PROMPT}, {style}": f"In {style}: {STORY}" for style in STYLES}}
    peer.text = lambda body: answers[body["messages"][-1]["content"]]
    peer.usage = {"prompt_tokens": 21, "completion_tokens": 118, "total_tokens": 139}
    for prompt in reversed(answers):
        graph = old_graph(peer.url, prompt, kept=(1, 2, 3))
        graph["nodes"] = [node for node in graph["nodes"] if node["type"].startswith("AV_")]
        graph["nodes"][1]["widgets_values"][3] = "qwen3-4b"
        graph["nodes"].append(preview())
        graph["links"] = [*graph["links"][:2], [3, 3, 0, 4, 0, "STRING"]]
        page.load(graph)
        page.queue()
        page.status("seed 1: sent")
    page.page.evaluate("() => { app.canvas.deselectAll?.(); }")
    page.page.evaluate("() => app.extensionManager.sidebarTab.toggleSidebarTab('antiphon')")
    page.page.locator("antiphon-history li.item").nth(len(STYLES)).wait_for()
    page.page.evaluate(
        "() => { app.canvas.ds.scale = 0.95; app.canvas.ds.offset = [440, 190];"
        " app.canvas.setDirty(true, true); }"
    )
    page.page.wait_for_function("() => document.querySelector('.p-toast-message') === null")
    clip = {"x": 0, "y": 78, "width": 1280, "height": 490}
    path = Path(os.environ["ANTIPHON_SHOTS"], "readme.png")
    page.page.screenshot(path=path, clip=clip, animations="disabled")
    page.page.evaluate("() => app.extensionManager.sidebarTab.toggleSidebarTab('antiphon')")
    assert path.stat().st_size < 300_000


STYLES = ("ink and wash", "a woodcut in two colours", "a faded postcard")


def preview() -> dict[str, Any]:
    """Something that makes the graph run; small, and out of sight."""
    [node] = [node for node in old_graph("", "")["nodes"] if node["type"] == "PreviewAny"]
    return {**node, "pos": [1100, 0], "size": [200, 60]}
