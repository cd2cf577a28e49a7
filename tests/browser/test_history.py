"""The history in a real browser: list, search, detail, comparison, totals, export, deletion, another seed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client
from antiphon.history import History
from tests.browser.conftest import Pages, Ui, opened, started
from tests.browser.teller import Teller

MANY = 130  # recordings: three pages of the list
CATS = "Describe a cat on a roof"
LEFT = "The cat sleeps on the warm roof until evening."
RIGHT = "The cat sits on the cold roof until morning."
WORKFLOW = {"nodes": [{"id": 1, "type": "AntiphonComplete"}], "links": []}


def record(home: Path, teller: Teller) -> None:
    """Many answers of Echo, then two to the same prompt that differ in some words."""
    with closing(Client(home=home)) as client:
        for seed in range(MANY):
            client.complete(f"Prompt number {seed}", model="echo", seed=seed)
        for seed, text in ((1, LEFT), (2, RIGHT)):
            teller.answers[CATS] = [text]
            told = client.complete(
                CATS,
                model="teller-large",
                provider="compatible",
                base_url=teller.url,
                seed=seed,
                temperature=seed / 10,
                system="Be brief.",
            )
        assert told.key is not None
        with History(client.store, home) as history:
            history.origin(told.key, WORKFLOW, keep=True)
    teller.answers.clear()


@pytest.fixture
def page(pages: Pages) -> Any:
    """The history."""
    page = pages.open()
    page.locator("li.item").first.wait_for()
    return page


@pytest.fixture
def own(browser: Any, tmp_path: Path, teller: Teller) -> Iterator[tuple[Pages, Ui]]:
    """A server of one test's own, which may delete what it likes."""
    with closing(Client(home=tmp_path)) as client:
        for seed in range(3):
            client.complete(f"Prompt number {seed}", model="echo", seed=seed)
    ui = started(tmp_path)
    try:
        context = browser.new_context()
        context.new_page().goto(ui.url)
        ui.paired = context.storage_state()
        context.close()
        with opened(browser, ui) as pages:
            yield pages, ui
    finally:
        ui.stop()


def shown(page: Any, text: str) -> Any:
    """The rows that say `text`."""
    return page.locator("li.item", has_text=text)


def test_the_list_grows_while_it_is_scrolled(page: Any):
    """The first page is all that is asked for until somebody scrolls to its end; then all of it can be reached."""
    assert page.locator("li.item").count() == 50
    page.get_by_text(f"{MANY + 2} recordings").first.wait_for()
    shown(page, CATS).first.wait_for()
    for expected in (100, MANY + 2):
        page.locator("li.item").last.scroll_into_view_if_needed()
        page.locator(".more").scroll_into_view_if_needed()
        page.wait_for_function(f"() => {rows()} === {expected}")
    shown(page, "Prompt number 0").first.wait_for()
    assert page.get_by_role("button", name="More", exact=True).count() == 0


def rows() -> str:
    """The number of rows, in the page's language."""
    return (
        "document.querySelector('antiphon-app').shadowRoot.querySelector('antiphon-history')"
        ".shadowRoot.querySelectorAll('li.item').length"
    )


def test_search(page: Any):
    """A search finds words in prompts and answers, says how many there are, and is undone by clearing it."""
    search = page.get_by_role("searchbox")
    search.fill("number 77")
    page.get_by_text("1 recording").first.wait_for()
    assert "Prompt number 77" in page.locator("li.item").inner_text()
    search.fill("evening")
    shown(page, LEFT[:20]).wait_for()
    search.fill("no such words anywhere")
    page.get_by_text("No recordings.").first.wait_for()
    search.fill("")
    page.get_by_text(f"{MANY + 2} recordings").first.wait_for()


def test_one_request_for_a_quickly_typed_search(page: Any):
    """Letters typed in a row are one request, not one each."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "search=" in request.url else None)
    page.get_by_role("searchbox").press_sequentially("number 77", delay=5)
    page.get_by_text("1 recording").first.wait_for()
    assert len(asked) <= 2, asked


def test_filters(page: Any):
    """Provider and time narrow the list."""
    page.get_by_text("Filters").click()
    page.locator(".filters select").first.select_option("compatible")
    page.get_by_text("2 recordings").first.wait_for()
    page.locator(".filters select").last.select_option("day")
    page.get_by_text("2 recordings").first.wait_for()
    page.locator(".filters select").first.select_option("")
    page.get_by_text(f"{MANY + 2} recordings").first.wait_for()


def test_a_pin_holds(pages: Pages, page: Any):
    """A pinned recording is still pinned after a reload, and found by the filter."""
    page.get_by_role("searchbox").fill("number 77")
    page.get_by_text("1 recording").first.wait_for()
    with page.expect_response(re.compile("/pin$")):
        page.get_by_role("button", name="Pin: Prompt number 77").click()
    page.reload()
    page.get_by_text("Filters").click()
    page.get_by_label("Pinned only").check()
    page.get_by_text("1 recording").first.wait_for()
    button = page.get_by_role("button", name="Pin: Prompt number 77")
    assert button.get_attribute("aria-pressed") == "true"
    with page.expect_response(re.compile("/pin$")):
        button.click()


def test_a_recording(page: Any):
    """Messages, answer, settings, seed status and what was sent are all there."""
    shown(page, RIGHT[:20]).locator("button.show").click()
    entry = page.locator("antiphon-entry")
    entry.locator("antiphon-answer").get_by_text(RIGHT).wait_for()
    for words in ("Be brief.", CATS, "temperature", "0.2", "seed 2 sent", "7 + 1 tokens", "System prompt"):
        entry.get_by_text(words).first.wait_for()
    entry.locator("summary", has_text="Technical details").click()
    entry.get_by_text('"messages"').wait_for()


def test_use_this_text(page: Any):
    """The text of a recording becomes the prompt of the playground."""
    shown(page, RIGHT[:20]).locator("button.show").click()
    page.get_by_role("button", name="Use this text").click()
    prompt = page.locator("antiphon-playground textarea[name=prompt]")
    prompt.wait_for()
    assert prompt.input_value() == RIGHT
    assert page.url.endswith("#playground")


def test_the_workflow_that_made_it(page: Any):
    """It comes back as a file here; what has none offers none."""
    shown(page, RIGHT[:20]).locator("button.show").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Open its workflow").click()
    assert "AntiphonComplete" in Path(download.value.path()).read_text(encoding="utf-8")
    shown(page, LEFT[:20]).locator("button.show").click()
    page.locator("antiphon-entry antiphon-answer").get_by_text(LEFT).wait_for()
    assert page.get_by_role("button", name="Open its workflow").count() == 0


def test_two_side_by_side(page: Any):
    """Words that differ are marked on their side, and so are settings; the older one stands left."""
    for text in (LEFT, RIGHT):
        shown(page, text[:20]).locator("input").check()
    page.get_by_role("button", name="Compare").click()
    compare = page.locator("antiphon-compare")
    compare.locator("table").wait_for()
    gone = compare.locator(".side del").all_inner_texts()
    come = compare.locator(".side ins").all_inner_texts()
    assert [word.strip() for word in gone] == ["sleeps", "warm", "evening"]
    assert [word.strip() for word in come] == ["sits", "cold", "morning"]
    differs = compare.locator("tr.differs").all_inner_texts()
    assert any("temperature" in row and "0.1" in row and "0.2" in row for row in differs), differs
    assert any(row.startswith("Seed") for row in differs)
    assert not any(row.startswith("Model") for row in differs)


def test_compare_needs_two(page: Any):
    """One or three cannot be compared."""
    boxes = page.locator("li.item input")
    for at, enabled in ((0, False), (1, True), (2, False)):
        boxes.nth(at).check()
        assert page.get_by_role("button", name="Compare").is_enabled() is enabled


def test_another_seed(page: Any, teller: Teller):
    """The same request goes out with the next seed, is shown as it comes, and stands in the list then."""
    shown(page, RIGHT[:20]).locator("button.show").click()
    teller.answers[CATS] = ["A third ", "answer."]
    teller.held.add(CATS)
    teller.go.clear()
    page.get_by_role("button", name="Run again with seed 3").click()
    again = page.locator("antiphon-entry antiphon-answer.again")
    again.get_by_text("A third").wait_for()
    assert again.get_by_text("A third answer.").count() == 0
    teller.go.set()
    again.get_by_text("A third answer.").wait_for()
    shown(page, "A third answer.").wait_for()
    sent = teller.seen[-1]
    assert (sent["seed"], sent["temperature"], sent["model"]) == (3, 0.2, "teller-large")
    page.get_by_role("button", name="Run again with seed 4").wait_for()


def test_export(page: Any, tmp_path: Path):
    """The selection comes as a file that another home takes in."""
    for text in (LEFT, RIGHT):
        shown(page, text[:20]).locator("input").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    with closing(Client(home=tmp_path / "other")) as other:
        assert other.store.import_(file).new == 2


def test_totals(page: Any):
    """Sums by day and model as bars with a description, and the same as a table."""
    totals = page.locator("antiphon-totals")
    chart = totals.get_by_role("img")
    chart.wait_for()
    assert "Completions of the last 30 days" in chart.get_attribute("aria-label")
    assert totals.locator("svg[role=img] rect").count() == 30
    totals.get_by_label("What is counted").select_option("tokens")
    totals.get_by_role("img", name="Tokens of the last 30 days").wait_for()
    totals.get_by_text("As a table").click()
    rows = totals.locator("tbody tr").all_inner_texts()
    assert any("echo" in row and str(MANY) in row for row in rows), rows


def test_deletion_asks_first(own: tuple[Pages, Ui]):
    """Cancel has the focus and keeps everything; Escape too; only "delete" deletes, and says what is lost before."""
    pages, ui = own
    page = pages.open()
    shown(page, "Prompt number 1").locator("input").check()
    page.locator(".chosen").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("gone for good").wait_for()
    assert dialog.get_by_role("button", name="Cancel").evaluate("node => node.matches(':focus')")
    page.keyboard.press("Enter")
    dialog.wait_for(state="hidden")
    page.locator(".chosen").get_by_role("button", name="Delete").click()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert page.locator("li.item").count() == 3
    page.locator(".chosen").get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    shown(page, "Prompt number 1").wait_for(state="detached")
    assert page.locator("li.item").count() == 2
    page.reload()
    page.get_by_text("2 recordings").first.wait_for()
    with closing(Client(home=ui.home)) as client, History(client.store, ui.home) as history:
        assert history.page().total == 2


def test_by_keyboard_alone(page: Any):
    """Tab reaches the list once; arrows go from row to row; Enter opens, Space selects, Escape goes back to the row."""
    page.get_by_role("searchbox").focus()
    focused = "() => { let a = document.activeElement; while (a?.shadowRoot?.activeElement) a = a.shadowRoot.activeElement; return a; }"
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate(f"({focused})()?.type === 'checkbox'"):
            break
    page.keyboard.press("ArrowDown")
    page.wait_for_function(f"({focused})()?.classList.contains('show')")
    page.keyboard.press("ArrowDown")
    second = page.locator("li.item").nth(2)
    page.wait_for_function(f"({focused})()?.closest('li')?.querySelector('input').tabIndex === 0")
    page.keyboard.press("Enter")
    page.locator("antiphon-entry h2").wait_for()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    assert second.locator("input").is_checked()
    page.keyboard.press("Escape")
    page.locator("antiphon-entry").wait_for(state="detached")
    page.wait_for_function(f"({focused})()?.classList.contains('show')")
    page.keyboard.press("End")
    page.wait_for_function(f"() => {rows()} > 50")


def test_a_reload_keeps_page_and_language(pages: Pages):
    """The language that was chosen, and the page that was open, are still there after a reload."""
    page = pages.open("#credentials")
    page.get_by_label("Language").select_option("zh")
    page.get_by_role("link", name="密钥").wait_for()
    page.reload()
    page.get_by_role("heading", name="密钥", exact=True).wait_for()
    assert page.evaluate("document.documentElement.lang") == "zh"
    assert page.title() == "密钥 – Antiphon"
