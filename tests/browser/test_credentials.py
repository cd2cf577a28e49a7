"""The credentials panel and the pairing in a real browser."""

from __future__ import annotations

import re
from typing import Any

from tests.browser.conftest import Pages
from tests.browser.teller import Teller

SECRET = "sk-never-to-be-seen-again-0123456789"


def add(page: Any, name: str, host: str) -> None:
    """Fill in the form and send it."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Hosts").fill(host)
    page.get_by_label("Key", exact=True).fill(SECRET)
    page.get_by_role("button", name="Save").click()


def test_a_key_goes_in_and_never_comes_out(pages: Pages):
    """A stored key is listed by name and host; its value is nowhere on the page or in any reply, and removable."""
    page = pages.open("#credentials")
    replies: list[Any] = []
    page.on("response", lambda response: replies.append(response))
    page.get_by_text("No credentials are stored.").wait_for()
    field = page.get_by_label("Key", exact=True)
    assert field.get_attribute("type") == "password"
    add(page, "work", "api.example.com")
    row = page.locator("antiphon-credentials li", has_text="work")
    row.get_by_text("api.example.com").wait_for()
    assert field.input_value() == ""
    for reply in [reply for reply in replies if "/antiphon/" in reply.url and reply.request.method == "GET"]:
        assert SECRET not in reply.text()
    assert SECRET not in page.content()
    row.get_by_role("button", name="Remove work").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("No credentials are stored.").wait_for()


def test_a_refused_key_is_said_and_cleared(pages: Pages):
    """A name that is none is refused with words, and the key's field is empty all the same."""
    page = pages.open("#credentials")
    add(page, "bad name", "api.example.com")
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("Key", exact=True).input_value() == ""
    pages.refused(400)


def test_a_key_is_tested(pages: Pages, teller: Teller):
    """Testing says how it went, in words."""
    host = re.sub(r"https?://|/v1", "", teller.url)
    page = pages.open("#credentials")
    add(page, "mine", host)
    row = page.locator("antiphon-credentials li", has_text="mine")
    row.get_by_role("combobox").select_option("compatible")
    row.get_by_role("button", name="Test mine").click()
    row.get_by_text(re.compile("It (works|does not work)")).wait_for()


def test_pairing(pages: Pages):
    """A browser without the cookie is asked for the code that the terminal shows: a wrong one is refused, and nothing is
    shown before."""
    page = pages.open(paired=False)
    field = page.get_by_label("Code")
    field.wait_for()
    assert page.locator("antiphon-history").count() == 0
    field.fill("wrong-code")
    page.get_by_role("button", name="Pair").click()
    page.get_by_role("alert").get_by_text("not the code").wait_for()
    pages.refused(403)
    log = (pages.ui.home / "stderr.txt").read_text(encoding="utf-8")
    code = re.findall(r"\b[2-9a-z]{4}-[2-9a-z]{4}\b", log)[-1]
    field.fill(code)
    page.get_by_role("button", name="Pair").click()
    page.locator("antiphon-history").wait_for()
    assert code not in page.url


def test_a_pairing_that_is_lost(pages: Pages):
    """A page whose cookie is gone asks for a code when it is next refused, and goes on from there."""
    page = pages.open()
    page.get_by_role("button", name="Refresh").wait_for()
    page.wait_for_load_state("networkidle")  # nothing but the button shall be refused
    page.context.clear_cookies()
    page.get_by_role("button", name="Refresh").click()
    field = page.get_by_label("Code")
    field.wait_for()
    pages.refused(401)
    log = (pages.ui.home / "stderr.txt").read_text(encoding="utf-8")
    field.fill(re.findall(r"\b[2-9a-z]{4}-[2-9a-z]{4}\b", log)[-1])
    page.get_by_role("button", name="Pair").click()
    page.get_by_role("button", name="Refresh").wait_for()
    assert page.get_by_role("alert").count() == 0
