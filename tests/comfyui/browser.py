"""The example workflows in a real page: their twins in API format, and their thumbnails.

    uv run --with playwright python tests/comfyui/browser.py http://127.0.0.1:8188 [--run]

It needs a running ComfyUI with the pack, and Chromium ($CHROMIUM, or Debian's). Run it after changing a file of
example_workflows. With --run the graphs that need no server are run before the picture is taken, so that their answers can be seen.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "example_workflows"
TWINS = Path(__file__).with_name("examples")
WIDTH = 720  # pixels of a thumbnail
LARGEST = 60_000  # bytes of one
LOCAL = "AntiphonLocalModel"  # what runs without a server

READY = "() => window.app?.graph && Object.keys(LiteGraph.registered_node_types).length > 100"
LOAD = "async graph => { await app.loadGraphData(graph); }"
PROMPT = "async () => (await app.graphToPrompt()).output"
RUN = "async () => { await app.queuePrompt(0); }"
IDLE = "() => app.ui.lastQueueSize === 0"
# Shows all nodes below the page's bars, and says which part of the window they take.
FIT = """() => {
  const box = [1e9, 1e9, -1e9, -1e9];
  for (const { pos, size } of [...app.graph._nodes, ...app.graph._groups]) {
    box[0] = Math.min(box[0], pos[0]); box[1] = Math.min(box[1], pos[1] - 34);
    box[2] = Math.max(box[2], pos[0] + size[0]); box[3] = Math.max(box[3], pos[1] + size[1]);
  }
  const [left, top, margin] = [80, 230, 12], { ds } = app.canvas;
  const wide = innerWidth - left - margin, high = innerHeight - top - margin;
  ds.scale = Math.min(wide / (box[2] - box[0]), high / (box[3] - box[1]), 1);
  ds.offset[0] = left / ds.scale - box[0]; ds.offset[1] = top / ds.scale - box[1];
  app.canvas.setDirty(true, true);
  const rect = app.canvas.canvas.getBoundingClientRect();
  return { x: left + rect.x - margin, y: top + rect.y - margin,
           width: (box[2] - box[0]) * ds.scale + 2 * margin, height: (box[3] - box[1]) * ds.scale + 2 * margin };
}"""


@contextmanager
def opened(address: str, language: str = "en", size: tuple[int, int] = (1600, 1000)) -> Iterator[Any]:
    """ComfyUI's page in a browser without a window, ready for graphs."""
    from playwright.sync_api import sync_playwright

    settings = {
        "Comfy.Locale": language,
        "Comfy.TutorialCompleted": True,  # no dialog for first visits
        "Comfy.InstalledVersion": "1.32.9",
        "Comfy.NodeBadge.NodeSourceBadgeMode": "None",
        "Comfy.Minimap.Visible": False,
        "Comfy.Graph.CanvasInfo": False,
    }
    header = {"content-type": "application/json"}
    urlopen(Request(f"{address}/api/settings", json.dumps(settings).encode(), header)).close()
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.goto(address, wait_until="domcontentloaded")
        ready(page)
        yield page
        browser.close()


def ready(page: Any) -> None:
    """Wait until graphs can be opened."""
    page.wait_for_function(READY, timeout=60_000)
    page.wait_for_timeout(1500)  # milliseconds: it still draws itself


def in_language(page: Any, language: str) -> None:
    """Load the page anew in this language."""
    page.evaluate("language => app.ui.settings.setSettingValueAsync('Comfy.Locale', language)", language)
    page.reload(wait_until="domcontentloaded")
    ready(page)


def twin(page: Any, graph: Any) -> dict[str, Any]:
    """What the page queues for this graph."""
    page.evaluate(LOAD, graph)
    page.wait_for_timeout(500)
    return page.evaluate(PROMPT)


def thumbnail(page: Any) -> bytes:
    """A small JPEG of the graph that is open."""
    from PIL import Image

    box = page.evaluate(FIT)
    page.wait_for_timeout(800)
    picture = Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB")
    picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    for quality in (85, 75, 65, 50):
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=quality, optimize=True, progressive=True)
        if data.tell() < LARGEST:
            break
    return data.getvalue()


def main(address: str, *options: str) -> None:
    """Write all twins and thumbnails."""
    TWINS.mkdir(exist_ok=True)
    with opened(address) as page:
        for path in sorted(EXAMPLES.glob("*.json")):
            made = twin(page, json.loads(path.read_text(encoding="utf-8")))
            text = json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            (TWINS / path.name).write_text(text, encoding="utf-8")
            if "--run" in options and LOCAL in text:
                page.evaluate(RUN)
                page.wait_for_timeout(500)
                page.wait_for_function(IDLE, timeout=120_000)
            path.with_suffix(".jpg").write_bytes(thumbnail(page))


if __name__ == "__main__":
    main(*sys.argv[1:])
