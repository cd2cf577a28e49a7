"""The playground in a real browser: answers side by side as they come, stopped, replayed, failed; the model picker."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import Pages
from tests.browser.teller import Teller


@pytest.fixture
def page(pages: Pages, teller: Teller) -> Iterator[Any]:
    """The playground, set to ask the teller."""
    teller.go.clear()
    page = pages.open("#playground")
    playground = page.locator("antiphon-playground")
    playground.locator("select").first.select_option("compatible")
    address = playground.get_by_label("Address", exact=True)
    address.fill(teller.url)
    playground.get_by_role("combobox", name="Model").fill("teller-large")
    yield page
    teller.go.set()


def ask(page: Any, prompt: str, seeds: int = 1, first: int = 1) -> None:
    """Fill in and send."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_label("First seed").fill(str(first))
    page.get_by_label("Seeds", exact=True).fill(str(seeds))
    page.get_by_role("button", name="Ask", exact=True).click()


def column(page: Any, seed: int) -> Any:
    """The answer to a seed."""
    return page.locator("antiphon-playground section.column").nth(seed - 1).locator("antiphon-answer")


def test_seeds_side_by_side(page: Any, teller: Teller):
    """Each seed has a column with its own answer and its tokens and seed status; asked again, they are replayed."""
    ask(page, "Side by side", seeds=3)
    for seed in (1, 2, 3):
        column(page, seed).get_by_text(f"Side by side (seed {seed})").wait_for()
        column(page, seed).get_by_text(f"seed {seed} sent").wait_for()
        column(page, seed).get_by_text("7 + 2 tokens").wait_for()
    asked = len(teller.seen)
    page.get_by_role("button", name="Ask", exact=True).click()
    for seed in (1, 2, 3):
        column(page, seed).get_by_text(f"seed {seed} replayed").wait_for()
    assert len(teller.seen) == asked


def test_text_grows(page: Any, teller: Teller):
    """What has come is shown before the rest is there, reasoning apart from it; the end says what it took."""
    teller.answers["Slow"] = ["The first words, ", "and the last."]
    teller.reasoning["Slow"] = "Let me think."
    teller.held.add("Slow")
    ask(page, "Slow")
    answer = column(page, 1)
    answer.get_by_text("The first words,").wait_for()
    assert answer.get_by_text("and the last.").count() == 0
    assert not answer.get_by_text("Let me think.").is_visible()
    answer.get_by_text("Reasoning").click()
    answer.get_by_text("Let me think.").wait_for()
    answer.get_by_text("writing").wait_for()
    teller.go.set()
    answer.get_by_text("The first words, and the last.").wait_for()
    answer.get_by_role("button", name="Copy").wait_for()


def test_stop(page: Any, teller: Teller):
    """Stop ends what is coming here and at the provider, and keeps what has come."""
    teller.answers["Endless"] = ["Beginning ", *["more "] * 5000]
    teller.pause = 0.01
    ask(page, "Endless", seeds=2, first=70)
    for seed in (1, 2):
        column(page, seed).get_by_text("Beginning").wait_for()
    page.get_by_role("button", name="Stop", exact=True).first.click()
    for seed in (1, 2):
        column(page, seed).locator(".facts").get_by_text("stopped").wait_for()
        column(page, seed).get_by_text("Beginning").wait_for()
    for _ in range(300):
        if teller.left.count("Endless") == 2:
            break
        page.wait_for_timeout(100)
    teller.pause = 0.0
    assert teller.left.count("Endless") == 2, "the provider was not told"
    page.get_by_role("button", name="Ask", exact=True).wait_for()


def test_stop_one(page: Any, teller: Teller):
    """A column's own button stops that column alone."""
    teller.answers["One of two"] = ["Beginning ", "and end."]
    teller.held.add("One of two")
    ask(page, "One of two", seeds=2)
    for seed in (1, 2):
        column(page, seed).get_by_text("Beginning").wait_for()
    page.get_by_role("button", name="Stop Seed 1").click()
    column(page, 1).locator(".facts").get_by_text("stopped").wait_for()
    teller.go.set()
    column(page, 2).get_by_text("Beginning and end.").wait_for()
    assert column(page, 1).get_by_text("and end.").count() == 0


def test_more_seeds_than_connections(page: Any, teller: Teller):
    """Eight at a time are more than a browser's connections to one server: the page can be used meanwhile."""
    teller.answers["Many"] = ["Beginning ", "and end."]
    teller.held.add("Many")
    ask(page, "Many", seeds=8)
    for seed in range(1, 6):
        column(page, seed).get_by_text("Beginning").wait_for()
    page.get_by_role("link", name="History").click()
    page.get_by_role("button", name="Refresh").click()
    page.get_by_text("recordings").first.wait_for()
    teller.go.set()
    page.get_by_role("link", name="Playground").click()
    for seed in range(1, 9):
        column(page, seed).get_by_text("Beginning and end.").wait_for()


def test_settings_are_sent(page: Any, teller: Teller):
    """System prompt, numbers and whatever else as JSON; what is left empty is not sent."""
    page.get_by_text("System prompt").first.click()
    page.get_by_label("System prompt").fill("Be brief.")
    page.locator("antiphon-playground").get_by_text("Settings", exact=True).click()
    page.get_by_label("Temperature").fill("0.3")
    page.get_by_label("More settings, as JSON").fill('{"stop": ["END"]}')
    ask(page, "With settings", first=5)
    column(page, 1).get_by_text("With settings (seed 5)").wait_for()
    sent = teller.seen[-1]
    assert (sent["temperature"], sent["stop"], sent["seed"]) == (0.3, ["END"], 5)
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert "max_tokens" not in sent
    assert "top_p" not in sent


def test_what_is_wrong_is_said(pages: Pages, page: Any):
    """JSON that is none is said before anything is asked; what the server refuses is said with its field."""
    page.locator("antiphon-playground").get_by_text("Settings", exact=True).click()
    page.get_by_label("More settings, as JSON").fill('{"stop":')
    ask(page, "Wrong")
    page.get_by_role("alert").get_by_text("must be a JSON object").wait_for()
    page.get_by_label("More settings, as JSON").fill('{"no_such_setting": 1}')
    page.get_by_role("button", name="Ask", exact=True).click()
    column(page, 1).get_by_role("alert").get_by_text("no_such_setting").wait_for()
    pages.refused(400)


def test_a_draft_survives_a_reload(page: Any):
    """What was written is still there after a reload, and in no other tab."""
    page.get_by_label("Prompt", exact=True).fill("Not sent yet")
    page.reload()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.wait_for()
    assert prompt.input_value() == "Not sent yet"
    assert page.evaluate("Object.keys(localStorage)") == []


def test_models(pages: Pages, teller: Teller):
    """Nothing is asked until the button is pressed; then typing narrows, and arrows and Enter choose."""
    page = pages.open("#playground")
    page.locator("antiphon-playground select").first.select_option("compatible")
    page.get_by_label("Address", exact=True).fill(teller.url)
    page.get_by_label("Address", exact=True).press("Tab")
    field = page.get_by_role("combobox", name="Model")
    listed = page.locator("antiphon-models [role=option]")
    with page.expect_response(lambda response: "/models?" in response.url) as response:
        field.click()
    assert json.loads(response.value.body())["known_only"]
    assert "refresh" not in response.value.url
    page.get_by_role("button", name="Ask for list").click()
    page.locator("antiphon-models").get_by_text("3 models").wait_for()
    assert listed.count() == 3
    field.fill("small")
    page.locator("antiphon-models").get_by_text("1 model").wait_for()
    field.press("ArrowDown")
    page.locator("antiphon-models [role=option][aria-selected=true]").wait_for()
    field.press("Enter")
    assert field.input_value() == "teller-small"
    assert not listed.first.is_visible()
    field.fill("a-name-nobody-lists")
    page.locator("antiphon-models").get_by_text("can be used all the same").wait_for()
    ask(page, "Free text")
    column(page, 1).get_by_text("Free text (seed 1)").wait_for()
    assert teller.seen[-1]["model"] == "a-name-nobody-lists"


def test_a_local_answer(pages: Pages):
    """Ctrl+Enter sends; Echo answers without a network."""
    page = pages.open("#playground")
    page.locator("antiphon-playground select").first.select_option("echo")
    page.get_by_label("Prompt", exact=True).fill("Echo this")
    page.get_by_label("Prompt", exact=True).press("Control+Enter")
    column(page, 1).get_by_text("Echo this").wait_for()


@pytest.mark.engine
@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="needs the local extra")
def test_the_embedded_model(pages: Pages):
    """The embedded model's words come with a seed that was sent, and are replayed when asked for again."""
    page = pages.open("#playground")
    page.locator("antiphon-playground select").first.select_option("local")
    page.locator("antiphon-playground").get_by_text("Settings", exact=True).click()
    page.get_by_label("Most tokens").fill("8")
    ask(page, "Say hello", first=11)
    column(page, 1).get_by_text("seed 11 sent").wait_for(timeout=90_000)
    page.get_by_role("button", name="Ask", exact=True).click()
    column(page, 1).get_by_text("seed 11 replayed").wait_for()
