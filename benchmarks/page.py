"""What a streamed answer costs the page: tasks of its main thread that take more than 50 ms, and frames.

    uv run python benchmarks/page.py [--tokens 3000] [--rate 100] [--columns 3]

A loopback server tells tokens at a rate, `antiphon ui` passes them on, and Chromium ($CHROMIUM, or Debian's) shows them in
the playground. A PerformanceObserver counts "longtask" entries (tasks over 50 ms, by their specification) from the first
token to the last. Then one line of a million letters is shown whole. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.told import told

from tests.browser.teller import Teller, telling

WATCH = """() => {
  window.tasks = []; window.frames = []; window.watching?.disconnect();
  const round = window.round = (window.round ?? 0) + 1;
  (window.watching = new PerformanceObserver(list => { for (const entry of list.getEntries()) tasks.push(Math.round(entry.duration)); }))
    .observe({ type: "longtask", buffered: false });
  let last = performance.now();
  const frame = now => { frames.push(now - last); last = now; if (round === window.round) requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""
SEEN = "() => ({ tasks, frames: frames.length, worst: Math.round(Math.max(...frames.slice(1))) })"
WORDS = (
    "light",
    "rain",
    "on",
    "slate",
    "tiles",
    "while",
    "a",
    "tabby",
    "looks",
    "over",
    "the",
    "quiet",
    "town",
)


def started(home: str) -> tuple[subprocess.Popen[str], str]:
    """`antiphon ui` and its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from antiphon.cli import main; main()", "ui", "--no-browser"],
        env={**os.environ, "ANTIPHON_HOME": home, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def ask(page: Any, teller: Teller, prompt: str, columns: int) -> dict[str, Any]:
    """Ask, wait for all answers, and give what the main thread did meanwhile."""
    page.locator("antiphon-playground select").first.select_option("compatible")
    page.get_by_label("Address", exact=True).fill(teller.url)
    page.get_by_role("combobox", name="Model").fill("m")
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_label("Seeds", exact=True).fill(str(columns))
    page.evaluate(WATCH)
    began = time.monotonic()
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator("antiphon-playground antiphon-copy").nth(columns - 1).wait_for(timeout=600_000)
    return {**page.evaluate(SEEN), "seconds": round(time.monotonic() - began, 1)}


def long_line(page: Any) -> dict[str, Any]:
    """Show all of a line of a million letters."""
    page.evaluate(WATCH)
    page.get_by_role("button", name="Show all").first.click()
    page.wait_for_function(
        "() => document.querySelector('antiphon-app').shadowRoot.querySelector('antiphon-playground').shadowRoot"
        ".querySelector('antiphon-answer').shadowRoot.querySelector('antiphon-text.answer').text.length === 1000000"
    )
    page.wait_for_timeout(1000)
    return page.evaluate(SEEN)


def main() -> None:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=100, help="tokens a second, for each column")
    parser.add_argument("--columns", type=int, default=3)
    args = parser.parse_args()
    with telling() as teller, tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        teller.pause = 1 / args.rate
        teller.answers["stream"] = [f"{WORDS[at % len(WORDS)]} " for at in range(args.tokens)]
        teller.answers["line"] = ["x" * 1_000_000]
        process, url = started(home)
        try:
            chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page()
            page.goto(url)
            page.get_by_role("link", name="Playground").click()
            found = {"stream": ask(page, teller, "stream", args.columns)}
            found["line"] = ask(page, teller, "line", 1)
            found["line, all of it"] = long_line(page)
            print(json.dumps({"tokens": args.tokens, "rate": args.rate, "columns": args.columns, **found}))
            for what, seen in found.items():
                told("page.stream", f"{what}: tasks over 50 ms", len(seen["tasks"]))
                told("page.stream", f"{what}: the longest between two frames, ms", seen["worst"])
            browser.close()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


if __name__ == "__main__":
    main()
