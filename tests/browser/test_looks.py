"""How the pages look: every page in both languages, light, dark and narrow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client
from tests.browser.conftest import Pages
from tests.browser.teller import Teller

PROMPTS = [
    "A cat on a roof at dusk, in the style of a woodcut",
    "把黄昏时屋顶上的猫写成一段详细的图像提示词",
    "Name three colours of rain",
    "Explain in one paragraph why the sky is blue",
]


def record(home: Path, teller: Teller) -> None:
    """Some answers of a server, and some of Echo."""
    for prompt in PROMPTS:
        teller.answers[prompt] = [
            f"{prompt}: ",
            "soft orange light on slate tiles, ",
            "a tabby looks over the town, long shadows, fine lines, muted ink.",
        ]
    teller.reasoning[PROMPTS[0]] = "The user wants an image prompt. Think of light, place and style first."
    with closing(Client(home=home)) as client:
        for at, prompt in enumerate(PROMPTS):
            client.complete(prompt, model="echo", seed=at)
            for seed in (1, 2):
                settings: Any = {"temperature": 0.5 + seed / 10, "max_tokens": 200}
                list(
                    client.stream(
                        prompt,
                        model="teller-large",
                        provider="compatible",
                        base_url=teller.url,
                        seed=seed,
                        **settings,
                    )
                )
        client.complete(PROMPTS[0], model="echo", seed=0)


LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "narrow": {"width": 320, "height": 640},
    "chinese": {"locale": "zh-CN"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_history(pages: Pages, shot: Callable[[Any, str], None], look: str):
    """The list with totals, a recording, a comparison."""
    page = pages.open(**LOOKS[look])
    page.locator("li.item").first.wait_for()
    shot(page, f"history-{look}")
    page.locator("li.item button.show").nth(1).click()
    page.locator("antiphon-entry h2").wait_for()
    shot(page, f"entry-{look}")
    if look == "narrow":
        page.locator("button.back").click()
    page.locator("li.item input").nth(1).check()
    page.locator("li.item input").nth(2).check()
    page.locator(".chosen button").first.click()
    page.locator("antiphon-compare table").wait_for()
    shot(page, f"compare-{look}")


@pytest.mark.parametrize("look", LOOKS)
def test_the_other_pages(pages: Pages, shot: Callable[[Any, str], None], look: str):
    """Playground and credentials."""
    page = pages.open("#playground", **LOOKS[look])
    page.locator("antiphon-playground textarea[name=prompt]").fill("A haiku about rain on slate tiles")
    page.locator("antiphon-playground select").first.select_option("echo")
    page.locator("antiphon-playground input[type=number]").last.fill("3")
    page.locator("antiphon-playground button.first").click()
    page.locator("antiphon-answer antiphon-copy").nth(2).wait_for()
    shot(page, f"playground-{look}")
    page.goto(pages.ui.address + "#credentials")
    page.locator("antiphon-credentials .fields").wait_for()
    shot(page, f"credentials-{look}")
