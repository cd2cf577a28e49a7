"""Our part of ComfyUI's page in Chinese, in a light page, drawn by Vue, and after everything in the browser is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.comfyui.browser import READY
from tests.comfyui.hosting import ComfyUI
from tests.comfyui.page.paging import ANSWER, DARK, KEY, LIGHT, SEEN, WAIT, Page, old_graph
from tests.peer import Peer

LOCALE = "language => app.ui.settings.setSettingValueAsync('Comfy.Locale', language)"
PALETTE = "name => app.ui.settings.setSettingValueAsync('Comfy.ColorPalette', name)"
TOGGLE = "() => app.extensionManager.sidebarTab.toggleSidebarTab('antiphon')"
# The text fields that Vue has drawn with this value: whether it can be read there.
FIELDS = """value => [...document.querySelectorAll('input')].filter(one => one.value === value)
  .map(one => one.type !== 'password' && getComputedStyle(one).webkitTextSecurity === 'none')"""
STORED = "app.graph._nodes.find(node => node.type === 'AV_OpenAIApi').widgets[0].value"


@pytest.fixture
def vue(page: Page) -> Iterator[Page]:
    """The page, with nodes drawn by Vue."""
    page.vue(True)
    yield page
    page.vue(False)


def test_in_chinese(page: Page, peer: Peer):
    """Where ComfyUI speaks Chinese, so do the answer, the key notice, the button and the history."""
    page.page.evaluate(LOCALE, "zh")
    page.reload()
    try:
        page.load(old_graph(peer.url, "一只猫"))
        page.page.get_by_role("button", name="将此密钥移到密钥文件").click()
        page.queue()
        page.status("种子 1：已发送")  # noqa: RUF001
        assert page.page.locator(ANSWER).get_by_role("button", name="复制").count() == 1
        config = "() => app.graph._nodes.find(n => n.type === 'AV_LLMApiConfig').widgets.map(w => w.label ?? w.name)"
        assert "选择模型…" in page.page.evaluate(config)
        page.page.evaluate(TOGGLE)
        row = page.page.locator("antiphon-history li.item", has_text="一只猫").first
        row.locator("button.show").click()
        history = page.page.locator("antiphon-history")
        for words in ("使用此文本", "打开其工作流", "置顶", "删除"):
            history.get_by_role("button", name=words).first.wait_for()
        page.shot("chinese")
        assert page.faults("antiphon-history") == []
        page.page.evaluate(TOGGLE)
    finally:
        page.page.evaluate(LOCALE, "en")
        page.reload()


def test_in_a_light_page(page: Page, peer: Peer):
    """The answer, the key notice and the dialog take the colours of a light page, and can be read."""
    page.page.evaluate(PALETTE, "light")
    try:
        page.page.wait_for_function(LIGHT)
        page.load(old_graph(peer.url, "by daylight"))
        page.page.get_by_role("button", name="Move this key to the key file").wait_for()
        assert page.faults("antiphon-key") == []
        page.queue()
        page.status("seed 1: sent")
        page.page.evaluate("() => { app.extensionManager.command.execute('Antiphon.ManageKeys'); }")
        page.page.locator("antiphon-dialog antiphon-credentials h3").first.wait_for()
        page.shot("light-keys")
        assert page.faults("antiphon-dialog") == []
        page.page.keyboard.press("Escape")
        page.page.locator("antiphon-dialog").wait_for(state="detached")
        page.shot("light")
        assert page.faults(ANSWER) == []
    finally:
        page.page.evaluate(PALETTE, "dark")
        page.page.wait_for_function(DARK)


def test_widgets_that_vue_draws(vue: Page, peer: Peer):
    """The field that holds a key shows dots; what is no key any more is text again. A model of one's own stays."""
    page = vue
    page.load(own_model(peer, "drawn by Vue, own model"))
    move = page.page.get_by_role("button", name="Move this key to the key file")
    move.wait_for()
    page.page.wait_for_function(f"value => ({FIELDS})(value).join() === 'false'", arg=KEY)
    page.shot("vue-key")
    move.click()
    page.page.wait_for_function(f"() => ({FIELDS})({STORED}).join() === 'true'")
    assert page.page.evaluate(FIELDS, KEY) == []
    page.queue()
    page.page.locator(SEEN, has_text="answer to drawn by Vue, own model").first.wait_for()
    assert [seen.body["model"] for seen in peer.seen] == [OWN]
    assert page.page.evaluate(SAVED)[0] == OWN


def test_a_model_of_ones_own_in_the_list(page: Page, peer: Peer):
    """A saved name that is not in the list of the old config node stays, is saved again, and is asked for."""
    page.load(own_model(peer, "on the canvas, own model"))
    page.queue()
    page.page.locator(SEEN, has_text="answer to on the canvas, own model").first.wait_for()
    assert [seen.body["model"] for seen in peer.seen] == [OWN]
    assert page.page.evaluate(SAVED)[0] == OWN


OWN = "a-model-of-my-own"
SAVED = "() => app.graph.serialize().nodes.find(n => n.type === 'AV_LLMApiConfig').widgets_values"


def own_model(peer: Peer, prompt: str) -> Any:
    graph = old_graph(peer.url, prompt)
    [config] = [node for node in graph["nodes"] if node["type"] == "AV_LLMApiConfig"]
    config["widgets_values"] = [OWN, 4000, 0.5, ""]
    return graph


def test_a_browser_that_knows_nothing(page: Page, host: ComfyUI, peer: Peer):
    """Another browser, which has never seen an answer that ComfyUI keeps, gets it with the next run, and nothing is asked
    again.

    Before 0.33 ComfyUI says nothing of such a node, and the text is in the history and the nodes behind it alone.
    """
    page.load(old_graph(peer.url, "who has seen it"))
    page.queue()
    page.status("seed 1: sent")
    graph = page.page.evaluate("() => app.graph.serialize()")
    with another(page) as other:
        other.load(graph)
        assert other.text == ""
        other.queue()
        other.page.wait_for_function(f"() => ({BEHIND})?.includes('who has seen it')")
        if host.version >= (0, 33):
            other.status("seed 1: sent")
            assert other.text.strip() == "answer to who has seen it"
    assert len(peer.seen) == 1


# What stands in the preview behind the node.
BEHIND = (
    """(app.graph._nodes.find(n => n.type === 'PreviewAny').widgets ?? []).map(w => String(w.value)).join()"""
)


@contextmanager
def another(page: Page) -> Iterator[Page]:
    """The same ComfyUI in another browser's page."""
    context = page.page.context.browser.new_context(viewport=page.page.viewport_size)
    try:
        opened = context.new_page()
        opened.set_default_timeout(WAIT)
        opened.goto(page.url, wait_until="domcontentloaded")
        opened.wait_for_function(READY)
        yield Page(opened, page.url)
    finally:
        context.close()
