"""For everybody: axe finds nothing on any page in any look, 320 pixels are enough, and a screen reader is left in peace."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client
from tests.browser.conftest import Pages
from tests.browser.teller import Teller

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "narrow": {"width": 320, "height": 640},
    "chinese": {"locale": "zh-CN"},
    "forced colours": {"forced_colors": "active"},
}
RUN = """async () => {
  const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
  return found.violations.map(v => `${v.id}: ${v.help}: ` + v.nodes.map(n => n.target.flat().join(" ") + " " + n.failureSummary).join("; "));
}"""


def record(home: Path, teller: Teller) -> None:
    """Some recordings with all that an answer can have."""
    with closing(Client(home=home)) as client:
        for seed in (1, 2, 3):
            teller.answers["Hello"] = [f"Answer number {seed}."]
            teller.reasoning["Hello"] = "Thinking."
            settings: Any = {"base_url": teller.url, "temperature": 0.5, "system": "Be brief."}
            client.complete("Hello", model="m", provider="compatible", seed=seed, **settings)
    teller.answers.clear()


def clean(page: Any) -> None:
    """Axe has nothing to say, and nothing is wider than the page."""
    if not AXE.exists():
        pytest.skip("needs axe-core: npm --prefix web install")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RUN) == []


def fits(page: Any) -> None:
    """Nothing is wider than the page."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("main").evaluate("node => node.scrollWidth <= node.clientWidth")


@pytest.mark.parametrize("look", LOOKS)
def test_history(pages: Pages, look: str):
    """The list with its filters, totals with their table, a recording with everything open, a comparison, a question."""
    narrow = look == "narrow"
    page = pages.open(**LOOKS[look])
    page.locator("li.item").first.wait_for()
    page.locator("[role=search] summary").click()
    if narrow:
        page.get_by_role("button", name="Totals").click()
    page.locator("antiphon-totals summary").click()
    fits(page)
    clean(page)
    if narrow:
        page.locator("button.back").click()
    page.locator("li.item button.show").first.click()
    page.locator("antiphon-entry antiphon-copy").wait_for()
    for summary in page.locator("antiphon-entry summary").all():
        if summary.is_visible():
            summary.click()
    fits(page)
    clean(page)
    page.locator("antiphon-entry button.danger").click()
    page.get_by_role("dialog").wait_for()
    clean(page)
    page.keyboard.press("Escape")
    if narrow:
        page.locator("button.back").click()
    for at in (0, 1):
        page.locator("li.item input").nth(at).check()
    page.locator(".chosen button").first.click()
    page.locator("antiphon-compare table").wait_for()
    fits(page)
    clean(page)


@pytest.mark.parametrize("look", LOOKS)
def test_playground(pages: Pages, teller: Teller, look: str):
    """The form with its settings and the list of models open, answers that are coming, and a failed one."""
    page = pages.open("#playground", **LOOKS[look])
    page.locator("antiphon-playground select").first.select_option("compatible")
    page.locator("antiphon-playground input[type=url]").fill(teller.url)
    page.locator("antiphon-playground input[type=url]").press("Tab")
    page.locator("antiphon-models button").click()
    page.locator("antiphon-models [role=option]").first.wait_for()
    clean(page)
    page.locator("antiphon-models input").fill("m")
    page.locator("antiphon-models input").press("Escape")
    for summary in page.locator("antiphon-playground form summary").all():
        summary.click()
    teller.answers["Slow"] = ["Beginning, ", "end."]
    teller.reasoning["Slow"] = "Thinking."
    teller.held.add("Slow")
    teller.go.clear()
    page.locator("textarea[name=prompt]").fill("Slow")
    page.locator("antiphon-playground select").last.select_option("refresh")
    page.locator("antiphon-playground form button.first").click()
    page.locator("antiphon-playground").get_by_text("Beginning,").wait_for()
    clean(page)
    teller.go.set()
    page.locator("antiphon-playground antiphon-copy").wait_for()
    fits(page)
    clean(page)


@pytest.mark.parametrize("look", LOOKS)
def test_credentials(pages: Pages, look: str):
    """The panel with a key in it."""
    page = pages.open("#credentials", **LOOKS[look])
    page.locator("antiphon-credentials input[name=name]").fill("work")
    page.locator("antiphon-credentials input[name=hosts]").fill("api.example.com")
    page.locator("antiphon-credentials input[name=value]").fill("sk-for-axe-0123456789")
    page.locator("antiphon-credentials button.first").click()
    page.locator("antiphon-credentials li").first.wait_for()
    fits(page)
    clean(page)


def test_pairing(pages: Pages):
    """The question for the code; the field has the focus."""
    page = pages.open(paired=False)
    field = page.get_by_label("Code")
    field.wait_for()
    page.wait_for_function(
        "() => { let a = document.activeElement; while (a?.shadowRoot?.activeElement) a = a.shadowRoot.activeElement;"
        " return a?.tagName === 'INPUT'; }"
    )
    clean(page)


WATCH = """() => {
  window.heard = [];
  const look = root => {
    for (const node of root.querySelectorAll('*')) {
      if (node.shadowRoot) look(node.shadowRoot);
      if (['status', 'alert', 'log'].includes(node.getAttribute('role')) || node.hasAttribute('aria-live'))
        new MutationObserver(() => heard.push(node.textContent.trim())).observe(
          node, { childList: true, characterData: true, subtree: true });
    }
  };
  look(document);
}"""


def test_a_screen_reader_hears_the_beginning_and_the_end(pages: Pages, teller: Teller):
    """While hundreds of pieces come, live regions change a handful of times, and never hold the text."""
    teller.answers["Chatter"] = ["Word", *[f" word{at}" for at in range(400)]]
    teller.held.add("Chatter")
    teller.go.clear()
    page = pages.open("#playground")
    page.locator("antiphon-playground select").first.select_option("compatible")
    page.get_by_label("Address", exact=True).fill(teller.url)
    page.get_by_role("combobox", name="Model").fill("m")
    page.get_by_label("Prompt", exact=True).fill("Chatter")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator("antiphon-playground").get_by_text("Word", exact=True).wait_for()
    page.evaluate(WATCH)
    teller.pause = 0.002
    teller.go.set()
    page.locator("antiphon-playground").get_by_text("word399").wait_for()
    page.locator("antiphon-playground antiphon-copy").wait_for()
    teller.pause = 0.0
    heard = page.evaluate("heard")
    assert any("the answer is complete" in text for text in heard), heard
    assert len(heard) <= 6, heard
    assert not any("word1" in text for text in heard)


def test_reduced_motion(pages: Pages):
    """Who asks for less motion gets none: no transition and no animation on any element."""
    page = pages.open(reduced_motion="reduce")
    page.locator("li.item").first.wait_for()
    moving = page.locator("li.item button").first.evaluate(
        "node => [getComputedStyle(node).transitionDuration, getComputedStyle(node).animationName]"
    )
    assert moving in (["0s", "none"], ["", "none"])
