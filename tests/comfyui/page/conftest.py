"""One ComfyUI and one browser for all tests of what our script puts into its page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comfyui.browser import opened
from tests.comfyui.hosting import ComfyUI
from tests.comfyui.page.paging import WAIT, Page


@pytest.fixture(scope="package")
def host(comfyui_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    """A ComfyUI whose page is looked at."""
    pytest.importorskip("playwright", reason="needs playwright (the dev group)")
    if not Path(os.environ.get("CHROMIUM", "/usr/bin/chromium")).exists():
        pytest.skip("needs Chromium: apt-get install chromium")
    frontend = os.environ.get("COMFYUI_FRONTEND")
    arguments = ("--front-end-root", frontend) if frontend else ()
    running = ComfyUI(tmp_path_factory.mktemp("page"), arguments=arguments).start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
def browser_page(host: ComfyUI) -> Iterator[Page]:
    """Its page."""
    with opened(f"http://127.0.0.1:{host.port}") as page:
        page.set_default_timeout(WAIT)
        made = Page(page, f"http://127.0.0.1:{host.port}")
        made.listen()
        yield made


@pytest.fixture
def page(browser_page: Page, host: ComfyUI) -> Iterator[Page]:
    """The page, with a console that has nothing to say of us at the end. Nothing is left running."""
    browser_page.complaints.clear()
    yield browser_page
    host.post("/queue", {"clear": True})
    host.post("/interrupt")
    browser_page.silent()
