"""The history in ComfyUI's sidebar, and what it does with the graph that is open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.graphs import completions
from tests.comfyui.hosting import ComfyUI
from tests.comfyui.page.paging import DARK, KEY, LIGHT, Page, old_graph
from tests.peer import Peer

TOGGLE = "() => app.extensionManager.sidebarTab.toggleSidebarTab('antiphon')"
SHOWN = "() => app.extensionManager.sidebarTab.activeSidebarTabId === 'antiphon'"
SELECT = """kind => { const canvas = app.canvas; canvas.deselectAllNodes?.() ?? canvas.deselectAll();
  if (kind) canvas.selectNode(app.graph._nodes.find(n => n.comfyClass === kind)); }"""
CLASSES = "() => app.graph._nodes.map(node => node.comfyClass ?? node.type)"
NEW = "() => app.graph._nodes.find(node => node.type === 'PrimitiveStringMultiline')?.widgets[0].value"
UNLEARN = "() => { window.made = LiteGraph.createNode; LiteGraph.createNode = () => null; }"
LEARN = "() => { LiteGraph.createNode = window.made; }"


@pytest.fixture
def tab(page: Page) -> Iterator[Page]:
    """The page, whose tab is open while a test uses `rows`; closed at the end, with nothing searched for."""
    yield page
    if page.page.evaluate(SHOWN):
        page.page.evaluate(TOGGLE)


def rows(page: Page, words: str, count: int) -> Any:
    """The recordings that have these words, in the tab, when there are so many."""
    if not page.page.evaluate(SHOWN):
        page.page.evaluate(TOGGLE)
    search = page.page.locator("antiphon-history").get_by_role("searchbox")
    search.fill(words)
    found = page.page.locator("antiphon-history li.item", has_text=words)
    said = "1 recording" if count == 1 else f"{count} recordings"
    page.page.locator("antiphon-history .list p", has_text=said).first.wait_for()
    found.nth(count - 1).wait_for()
    return found


def button(page: Page, name: str) -> Any:
    """A button of the tab."""
    return page.page.locator("antiphon-history").get_by_role("button", name=name, exact=True)


def said(page: Page, words: str) -> None:
    """Wait for what the page says in its corner."""
    page.page.locator(".p-toast-message", has_text=words).first.wait_for()


def asked(host: ComfyUI, peer: Peer, prompt: str, seed: int = 1) -> None:
    """Have a graph ask this, so that it is in the history."""
    assert host.run(completions(peer.url, [prompt], seed=seed)).outcome == "success"


def test_a_text_is_used(tab: Page, host: ComfyUI, peer: Peer):
    """It goes into the node that is selected, else into a new one, else into the clipboard, and the page says where."""
    page = tab
    peer.text = lambda body: "three words here"
    asked(host, peer, "a text to use")
    page.load(old_graph(peer.url, "before"))
    rows(page, "a text to use", 1).locator("button.show").click()
    use = button(page, "Use this text")
    use.wait_for()
    page.shot("tab-entry")
    assert page.faults("antiphon-history") == []

    page.page.evaluate(SELECT, "AV_LLMCompletion")
    use.click()
    said(page, "The text is now in")
    assert page.widget("AV_LLMCompletion", "prompt").strip() == "three words here"
    page.shot("tab-used")

    page.page.evaluate(SELECT, "")
    use.click()
    said(page, "in a new node")
    assert page.page.evaluate(NEW).strip() == "three words here"

    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.evaluate(UNLEARN)
    try:
        use.click()
        said(page, "in the clipboard")
    finally:
        page.page.evaluate(LEARN)
    assert page.page.evaluate("() => navigator.clipboard.readText()").strip() == "three words here"


def test_the_workflow_that_made_it(tab: Page, peer: Peer):
    """It was kept when the page queued it, without a key, and opens beside the workflow that is open."""
    page = tab
    page.load(old_graph(peer.url, "made by a workflow"))
    page.queue()
    page.status("seed 1: sent")
    page.load({**old_graph(peer.url, "another"), "nodes": [], "links": []})
    assert "AV_LLMCompletion" not in page.page.evaluate(CLASSES)

    rows(page, "made by a workflow", 1).locator("button.show").click()
    button(page, "Open its workflow").click()
    said(page, "The workflow that made it is open")
    page.page.wait_for_function("() => app.graph._nodes.some(node => node.type === 'AV_LLMCompletion')")
    assert page.widget("AV_LLMCompletion", "prompt") == "made by a workflow"
    assert page.widget("AV_LLMCompletion", "seed") == 1
    assert page.widget("AV_OpenAIApi", "openai_api_key").startswith("credential:")
    assert {"AV_OpenAIApi", "AV_LLMApiConfig", "SaveImage"} <= set(page.page.evaluate(CLASSES))
    assert KEY not in json.dumps(page.page.evaluate("() => app.graph.serialize()"))
    page.shot("tab-workflow")

    page.set("AV_OpenAIApi", "endpoint", f"{peer.url}/")  # another input for ComfyUI's cache
    page.queue()
    page.status("replayed, nothing paid")
    assert len(peer.seen) == 1


def test_another_seed(tab: Page, host: ComfyUI, peer: Peer):
    """The next seed is asked for from the tab, with the stored key, and is in the list then."""
    page = tab
    peer.text = lambda body: f"an answer of seed {body['seed']}"
    asked(host, peer, "once more", 41)
    rows(page, "once more", 1).locator("button.show").click()
    button(page, "Run again with seed 42").click()
    page.page.locator("antiphon-entry .again", has_text="an answer of seed 42").wait_for()
    page.shot("tab-again")
    assert page.faults("antiphon-history") == []
    assert [seen.body["seed"] for seen in peer.seen] == [41, 42]
    assert len({json.dumps({**seen.body, "seed": 0, "stream": 0}) for seen in peer.seen}) == 1
    button(page, "← Back").click()
    rows(page, "once more", 2)


def test_pin_compare_export_delete(tab: Page, host: ComfyUI, peer: Peer, tmp_path: Path):
    """Two recordings side by side; a pin that holds; a file of both; and one is deleted when that is confirmed."""
    page = tab
    peer.text = lambda body: f"the {['red', 'green'][body['seed'] - 1]} boat in the harbour"
    for seed in (1, 2):
        asked(host, peer, "two boats", seed)
    found = rows(page, "two boats", 2)
    for row in found.all():
        row.locator("input[type=checkbox]").check()
    button(page, "Compare").click()
    sides = page.page.locator("antiphon-compare .side")
    assert sides.locator("del").inner_text() == "red"
    assert sides.locator("ins").inner_text() == "green"
    page.shot("tab-compare")
    assert page.faults("antiphon-history") == []
    button(page, "← Back").click()

    with page.page.expect_download() as download:
        button(page, "Export").click()
    file = tmp_path / "two.antiphon"
    download.value.save_as(file)
    assert file.stat().st_size > 500
    assert download.value.suggested_filename == "recordings-2.antiphon"
    button(page, "Clear").click()

    star = found.last.locator("button.pin")
    star.click()
    page.page.locator("antiphon-history li.item button.pin[aria-pressed=true]").wait_for()
    deleted(page, found.first)
    rows(page, "two boats", 1)
    assert found.first.locator("button.pin").get_attribute("aria-pressed") == "true"


def deleted(page: Page, row: Any) -> None:
    """Delete this one, first thought better of, then confirmed."""
    row.locator("button.show").click()
    for answer in ("Cancel", "Delete"):
        button(page, "Delete").first.click()
        dialog = page.page.locator("antiphon-confirm dialog")
        dialog.get_by_text("Delete this recording?").wait_for()
        if answer == "Delete":
            page.shot("tab-delete")
            assert page.faults("antiphon-history") == []
        dialog.get_by_role("button", name=answer, exact=True).click()
        dialog.wait_for(state="hidden")


def test_wide_narrow_light(tab: Page, host: ComfyUI, peer: Peer):
    """As wide as the sidebar can be, as narrow, and in a light page: readable, with nothing cut off or wider than it."""
    page = tab
    asked(host, peer, "wide and narrow, and a-word-that-is-much-too-long-for-a-sidebar-of-two-hundred-pixels")
    rows(page, "wide and narrow", 1).locator("button.show").click()
    for name, to in (("wide", 1300), ("narrow", 230)):
        _drag(page, to)
        button(page, "Use this text").wait_for()
        page.shot(f"tab-{name}")
        wide = page.page.evaluate(
            "() => { const one = document.querySelector('antiphon-history'); return [one.scrollWidth, one.clientWidth]; }"
        )
        assert wide[0] <= wide[1] + 1, name
    palette = "name => app.ui.settings.setSettingValueAsync('Comfy.ColorPalette', name)"
    page.page.evaluate(palette, "light")
    try:
        page.page.wait_for_function(LIGHT)
        page.shot("tab-light")
        assert page.faults("antiphon-history") == []
    finally:
        page.page.evaluate(palette, "dark")
        page.page.wait_for_function(DARK)
        _drag(page, 380)


def _drag(page: Page, to: int) -> None:
    """Drag the sidebar's edge to this place."""
    edge = page.page.locator(".p-splitter-gutter:visible").first
    box = edge.bounding_box()
    mouse = page.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + 300)
    mouse.down()
    mouse.move(to, box["y"] + 300, steps=4)
    mouse.up()
