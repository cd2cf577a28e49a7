"""A ComfyUI's page in a browser, for tests of what our script puts into it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.comfyui.browser import EXAMPLES, LOAD, READY, ROOT

KEY = "sk-proj-an0ld-key-that-was-typed-in"
ANSWER = "antiphon-node-answer"
SEEN = f"{ANSWER}:visible"  # ComfyUI keeps the elements of workflows in other tabs, hidden
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
WAIT = 30_000  # milliseconds that the page may take for what is waited for, on a busy machine
# What ComfyUI's own page complains of, with no pack at all: files that are not there, its own servers, its settings.
ITS_OWN = (
    "Failed to load resource: the server responded with a status of 404",
    "https://api.comfy.org",
    "reading 'id'",
    "user.css",
    "Could not find workflow",
    "[Deprecation",
    "ResizeObserver",
)
# In the page: a node of this class, and one of its widgets.
FIND = """([kind, name]) => { const node = app.graph._nodes.find(n => n.comfyClass === kind);
  return name ? node.widgets.find(w => w.name === name)?.value : node.id; }"""
DARK = "() => document.querySelector('html.dark-theme, body.dark-theme') !== null"
LIGHT = "() => document.querySelector('html.dark-theme, body.dark-theme') === null"
QUEUE = "() => { app.queuePrompt(0); }"
# The longest times for which the page did nothing else, while it is watched.
WATCH = """() => { window.long = []; new PerformanceObserver(list => {
  for (const entry of list.getEntries()) window.long.push(entry.duration); }).observe({ type: "longtask" }); }"""
DROP = """async url => {
  const blob = await (await fetch(url)).blob(), data = new DataTransfer();
  data.items.add(new File([blob], "dropped.png", { type: "image/png" }));
  const place = document.querySelector("canvas#graph-canvas") ?? document.querySelector("canvas");
  const { x, y } = place.getBoundingClientRect();
  const options = { dataTransfer: data, bubbles: true, cancelable: true, clientX: x + 700, clientY: y + 700 };
  for (const kind of ["dragenter", "dragover", "drop"]) place.dispatchEvent(new DragEvent(kind, options)); }"""


@dataclass
class Page:
    """The page, and what stood in its console."""

    page: Any
    url: str
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note what the console says from now on."""
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{error} {error.stack}"))

    def _heard(self, message: Any) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" or ("antiphon" in text and message.type == "warning"):
            self.complaints.append(text)

    def silent(self) -> None:
        """Nobody complained but ComfyUI of itself. A page of another version than CI's says more of itself."""
        strange = [text for text in self.complaints if not any(known in text for known in ITS_OWN)]
        if self.page.evaluate("() => window.__COMFYUI_FRONTEND_VERSION__") != "1.32.9":
            strange = [text for text in strange if "antiphon" in text.lower()]
        self.complaints.clear()
        assert strange == [], "\n".join(strange)

    def vue(self, on: bool) -> None:
        """Have nodes drawn by Vue, or on the canvas."""
        self.page.evaluate("on => app.ui.settings.setSettingValueAsync('Comfy.VueNodes.Enabled', on)", on)
        self.reload()

    def reload(self) -> None:
        """The page anew, when its nodes are there."""
        self.page.reload(wait_until="domcontentloaded")
        self.page.wait_for_function(READY, timeout=WAIT)
        self.page.wait_for_function("() => app.graph._nodes.length > 0", timeout=WAIT)

    def load(self, graph: Any) -> None:
        """Open a workflow, and have all of it in sight."""
        self.page.evaluate(LOAD, graph)
        self.page.evaluate(
            "() => { app.canvas.ds.scale = 0.75; app.canvas.ds.offset = [120, 220];"
            " app.canvas.setDirty(true, true); }"
        )

    def widget(self, kind: str, name: str) -> Any:
        """The value of a widget of the first node of this class."""
        return self.page.evaluate(FIND, [kind, name])

    def set(self, kind: str, name: str, value: Any) -> None:
        """Write into a widget."""
        self.page.evaluate(
            "([kind, name, value]) => { const node = app.graph._nodes.find(n => n.comfyClass === kind);"
            " node.widgets.find(w => w.name === name).value = value; }",
            [kind, name, value],
        )

    def queue(self) -> None:
        """What the Run button does."""
        self.page.evaluate(QUEUE)

    @property
    def answer(self) -> Any:
        """The answer in the node."""
        return self.page.locator(SEEN).first

    @property
    def text(self) -> str:
        """The text of the answer that is to be seen, also by scrolling: what is out of sight is not laid out."""
        words = self.page.locator(f"{SEEN} antiphon-text.words .text")
        return words.first.text_content() if words.count() else ""

    def status(self, text: str, wait: int = WAIT) -> None:
        """Wait until the line below the answer says this."""
        self.page.locator(f"{SEEN} [role=status]", has_text=text).first.wait_for(timeout=wait)

    def says(self, text: str) -> None:
        """Wait until the answer that is to be seen holds this."""
        self.page.locator(f"{SEEN} antiphon-text.words", has_text=text).first.wait_for(timeout=WAIT)

    @property
    def whole(self) -> str:
        """All of the answer, also what is not to be seen yet."""
        return self.page.locator(f"{SEEN} antiphon-text.words").first.evaluate("element => element.text")

    def shot(self, name: str) -> None:
        """Keep a picture, where $ANTIPHON_SHOTS says."""
        folder = os.environ.get("ANTIPHON_SHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"comfyui-{name}.png", animations="disabled")

    def faults(self, *elements: str) -> list[str]:
        """What axe finds wrong in our elements. Nothing where there is no axe; a test of its own says that."""
        if not AXE.exists():
            return []
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(
            "elements => axe.run({ include: elements.map(one => [one]) }, { resultTypes: ['violations'] })",
            list(elements),
        )
        return [f"{fault['id']}: {fault['nodes'][0]['html'][:300]}" for fault in found["violations"]]


def old_graph(url: str, prompt: str, kept: Iterable[int] = (1, 2, 3, 4)) -> dict[str, Any]:
    """A workflow as the original pack's users saved it, with a key in its widget, and a picture that is saved."""
    graph = json.loads((EXAMPLES / "art_venture.json").read_text(encoding="utf-8"))
    graph["nodes"] = [node for node in graph["nodes"] if node["id"] in set(kept)]
    for node in graph["nodes"]:
        if node["type"] == "AV_OpenAIApi":
            node["widgets_values"] = [KEY, url]
        if node["type"] == "AV_LLMCompletion":
            node["widgets_values"] = [prompt, 1, "fixed"]
        if node["type"] == "AV_LLMApiConfig":
            node["widgets_values"] = ["gpt-5", 4000, 0.5, "peer-1"]
            node["pos"] = [0, 230]  # room for what is put into the node above
    ids = {node["id"] for node in graph["nodes"]}
    graph["links"] = [link for link in graph["links"] if link[1] in ids and link[3] in ids]
    graph["nodes"] += [
        _node(30, "EmptyImage", [64, 64, 1, 0], 90, out=90),
        _node(31, "SaveImage", ["kept"], 240),
    ]
    graph["nodes"][-1]["inputs"] = [{"name": "images", "type": "IMAGE", "link": 90}]
    graph["links"].append([90, 30, 0, 31, 0, "IMAGE"])
    graph["groups"] = []
    return {**graph, "last_node_id": 31, "last_link_id": 90}


def _node(number: int, kind: str, values: list[Any], down: int, out: int | None = None) -> dict[str, Any]:
    outputs = [] if out is None else [{"name": "IMAGE", "type": "IMAGE", "links": [out]}]
    return {
        "id": number,
        "type": kind,
        "pos": [1200, down],
        "size": [270, 130],
        "flags": {},
        "order": number,
        "mode": 0,
        "inputs": [],
        "outputs": outputs,
        "properties": {"Node name for S&R": kind},
        "widgets_values": values,
    }
