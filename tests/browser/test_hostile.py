"""Answers that mean harm: they are text, they stay in their place, and they do not hold up the page."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client
from tests.browser.conftest import Pages
from tests.browser.teller import Teller

SCRIPT = (
    "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'><svg onload='window.harmed = 1'>"
    "<a href='javascript:window.harmed = 1'>click</a> [link](javascript:window.harmed=1) https://evil.example/ "
    "{{constructor.constructor('window.harmed = 1')()}} ${window.harmed = 1}"
)
BIDI = "admin\u202e txt.exe\u2066 hidden\u200b \U000e0041 end"
TERMINAL = "\x1b[31mred\x1b[0m \x1b]0;title\x07 bell\x08 back"
LONG = "x" * 1_000_000
ZALGO = "Z" + "\u0300" * 2000
HOSTILE = {"script": SCRIPT, "bidi": BIDI, "terminal": TERMINAL, "long": LONG, "zalgo": ZALGO}


def record(home: Path, teller: Teller) -> None:
    """Each of them as an answer, to a prompt of the same kind and from a model of such a name."""
    with closing(Client(home=home)) as client:
        for name, text in HOSTILE.items():
            teller.answers[name] = [text]
            settings: Any = {"provider": "compatible", "base_url": teller.url, "seed": 1}
            client.complete(name, model=f"<img src=x onerror='window.harmed=1'>{name}", **settings)
            client.complete(f"{name}: {text[:5000]}", model="echo", seed=2)


def unharmed(page: Any) -> None:
    """No script ran, nothing became an element, and nothing can be clicked that leads elsewhere."""
    assert page.evaluate("window.harmed") is None
    found = page.evaluate("""() => {
      const found = [], look = root => { for (const node of root.querySelectorAll('*')) {
        if (['SCRIPT', 'IFRAME', 'OBJECT'].includes(node.tagName) && root !== document) found.push(node.outerHTML);
        if (node.tagName === 'IMG' || (node.tagName === 'A' && !node.getAttribute('href').startsWith('#')))
          found.push(node.outerHTML);
        if (node.shadowRoot) look(node.shadowRoot); } };
      look(document); return found; }""")
    assert found == []


@pytest.mark.parametrize("name", ["script", "bidi", "terminal", "zalgo"])
def test_in_the_history(pages: Pages, name: str):
    """List, detail and comparison show it as text."""
    page = pages.open()
    rows = page.locator("li.item", has_text=name)
    rows.first.locator("button.show").click()
    page.locator("antiphon-entry antiphon-answer:not(.again) antiphon-text.answer").wait_for()
    rows.last.locator("button.show").click()
    page.locator(
        "antiphon-entry antiphon-answer:not(.again) antiphon-text.answer .text > div"
    ).first.wait_for()
    for at in (0, 1):
        rows.nth(at).locator("input").check()
    page.get_by_role("button", name="Compare").click()
    page.locator("antiphon-compare table").wait_for()
    unharmed(page)


@pytest.mark.parametrize("name", ["script", "bidi", "terminal", "zalgo"])
def test_while_it_comes(pages: Pages, teller: Teller, name: str):
    """Streamed in small pieces, it is text as well."""
    text = HOSTILE[name]
    teller.answers[f"live {name}"] = [text[at : at + 7] for at in range(0, len(text), 7)]
    page = pages.open("#playground")
    page.locator("antiphon-playground select").first.select_option("compatible")
    page.get_by_label("Address", exact=True).fill(teller.url)
    page.get_by_role("combobox", name="Model").fill("m")
    page.get_by_label("Prompt", exact=True).fill(f"live {name}")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator("antiphon-playground antiphon-copy").wait_for()
    shown = page.locator("antiphon-playground antiphon-text.answer .text").inner_text()
    assert shown.startswith(
        {"script": "<script>", "bidi": "admin⟦U+202E⟧", "terminal": "␛[31m", "zalgo": "Z"}[name]
    )
    unharmed(page)


def test_what_cannot_be_seen_is_shown(pages: Pages):
    """Overrides of direction, escapes and invisible characters are symbols, in the list too; direction stays inside."""
    page = pages.open()
    page.locator("li.item", has_text="bidi").first.get_by_text("⟦U+202E⟧").first.wait_for()
    page.locator("li.item", has_text="terminal").first.get_by_text("␛[31mred").first.wait_for()
    isolation = page.locator("li.item .text").first.evaluate("node => getComputedStyle(node).unicodeBidi")
    assert isolation == "isolate"


def test_a_line_of_a_million_letters(pages: Pages):
    """Its beginning is shown at once; all of it on request, in the width of the page, without holding it up for long."""
    page = pages.open()
    page.locator("li.item", has_text="long").last.locator("button.show").click()
    answer = page.locator("antiphon-entry antiphon-answer:not(.again) antiphon-text.answer")
    button = answer.get_by_role("button", name="Show all (980,000 more characters)")
    button.wait_for()
    length = "node => node.shadowRoot.querySelector('.text').textContent.length"
    assert answer.evaluate(length) == 20_000
    button.click()
    page.wait_for_function(
        f"node => ({length})(node) === 1000000", arg=answer.element_handle(), timeout=60_000
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    detail = page.locator("section.detail")
    assert detail.evaluate("node => node.scrollWidth <= node.clientWidth")
