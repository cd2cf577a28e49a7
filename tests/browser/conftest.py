"""A browser without a window, and a real `antiphon ui` on a home of its own.

Screenshots go to the folder in ANTIPHON_SHOTS, where it is set.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.browser.teller import Teller, telling

playwright_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (the dev group)")
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
WAIT = 30_000  # milliseconds that the page may take to show what is waited for, on a busy machine
# What the browser itself says about replies that a test means to be refused.
REFUSED = "Failed to load resource: the server responded with a status of"


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium. Ends with this package: while it runs, its thread has an event loop that other tests have no use for."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser in {CHROMIUM}: apt-get install chromium, or set CHROMIUM")
    with playwright_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--lang=en"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@dataclass
class Ui:
    """A running `antiphon ui`: its address, the address that lets one browser in, and its home."""

    address: str
    url: str
    home: Path
    process: subprocess.Popen[str]
    paired: Any = None  # the cookies of the browser that was let in

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=30)
        finally:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()


def started(home: Path, *arguments: str) -> Ui:
    """`antiphon ui` on this home, when it listens."""
    hidden = ("_API_KEY", "_TOKEN", "ANTIPHON_")
    env = {name: value for name, value in os.environ.items() if not any(mark in name for mark in hidden)}
    with (home / "stderr.txt").open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", "from antiphon.cli import main; main()", "ui", "--no-browser", *arguments],
            env={**env, "ANTIPHON_HOME": str(home), "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    running = Ui(url.partition("?")[0], url, home, process)
    if not url.startswith("http://127.0.0.1:"):
        running.stop()
        pytest.fail((home / "stderr.txt").read_text(encoding="utf-8"))
    return running


@pytest.fixture(scope="module")
def teller() -> Iterator[Teller]:
    """A server to ask."""
    with telling() as running:
        yield running


@pytest.fixture(scope="module")
def recorded(request: pytest.FixtureRequest) -> Callable[[Path, Teller], None]:
    """What stands in the history when the server starts: the module's `record`, or nothing."""
    return getattr(request.module, "record", lambda home, teller: None)


@pytest.fixture(scope="module")
def ui(
    browser: Any,
    tmp_path_factory: pytest.TempPathFactory,
    teller: Teller,
    recorded: Callable[[Path, Teller], None],
) -> Iterator[Ui]:
    """A server with the module's recordings, whose browser has been let in."""
    home = tmp_path_factory.mktemp("ui")
    recorded(home, teller)
    running = started(home)
    try:
        context = browser.new_context()
        page = context.new_page()
        page.goto(running.url)
        running.paired = context.storage_state()
        context.close()
        yield running
    finally:
        running.stop()


@dataclass
class Pages:
    """Pages of one test. `complaints` must be empty at its end: errors in the console and of scripts, and requests to
    anywhere but the server."""

    browser: Any
    ui: Ui
    complaints: list[str] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)

    def open(
        self, path: str = "", *, width: int = 1280, height: int = 860, paired: bool = True, **options: Any
    ) -> Any:
        """A page of the server in a browser profile of its own."""
        state = self.ui.paired if paired else None
        size = {"width": width, "height": height}
        context = self.browser.new_context(
            viewport=size, storage_state=state, **{"locale": "en-GB", "color_scheme": "light", **options}
        )
        self.contexts.append(context)
        context.set_default_timeout(WAIT)
        page = context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._asked)
        page.goto(self.ui.address + path)
        return page

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.ui.address, "data:", "blob:")):
            self.complaints.append(f"asked for {request.url}")

    def refused(self, status: int) -> None:
        """Forget that the browser wrote about a reply with this status, which the test meant to get."""
        meant = [text for text in self.complaints if f"{REFUSED} {status}" in text]
        assert meant, "it was not refused"
        self.complaints = [text for text in self.complaints if text not in meant]


@pytest.fixture
def pages(browser: Any, ui: Ui) -> Iterator[Pages]:
    """Pages that may not complain."""
    with opened(browser, ui) as made:
        yield made


@contextmanager
def opened(browser: Any, ui: Ui) -> Iterator[Pages]:
    """The same for a server of a test's own."""
    made = Pages(browser, ui)
    try:
        yield made
    finally:
        for context in made.contexts:
            context.close()
    assert made.complaints == []


@pytest.fixture
def shot() -> Callable[[Any, str], None]:
    """Keeps a picture of a page."""
    folder = os.environ.get("ANTIPHON_SHOTS")

    def take(page: Any, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")

    return take
