"""The page itself, where there is a browser: `uv run --with playwright pytest tests/comfyui/test_in_a_browser.py`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.browser import EXAMPLES, TWINS, in_language, opened, twin
from tests.comfyui.hosting import ComfyUI

pytest.importorskip("playwright", reason="needs playwright: uv run --with playwright pytest")
if not Path(os.environ.get("CHROMIUM", "/usr/bin/chromium")).exists():
    pytest.skip("needs Chromium: apt-get install chromium", allow_module_level=True)

TITLES = """() => Object.fromEntries(
  ["AV_LLMCompletion", "AntiphonComplete"].map(kind => [kind, LiteGraph.createNode(kind).title]))"""
LABELS = """() => {
  const node = LiteGraph.createNode("AntiphonComplete"); app.graph.add(node);
  return [...node.inputs.map(slot => slot.localized_name ?? slot.label ?? slot.name),
          ...node.widgets.map(widget => widget.label ?? widget.name)];
}"""


@pytest.fixture(scope="module")
def page(comfyui_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page of a ComfyUI with the pack, or the one in $COMFYUI_FRONTEND: the `static` folder of its package."""
    frontend = os.environ.get("COMFYUI_FRONTEND")
    arguments = ("--front-end-root", frontend) if frontend else ()
    host = ComfyUI(tmp_path_factory.mktemp("browser"), arguments=arguments).start()
    try:
        with opened(f"http://127.0.0.1:{host.port}") as opened_page:
            yield opened_page
    finally:
        host.stop()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_page_makes_the_same_prompt(page: Any, path: Path):
    """What the page queues for an example is its twin; the shapes of old graphs load too."""
    made = twin(page, json.loads(path.read_text(encoding="utf-8")))
    assert asked(made) == asked(json.loads((TWINS / path.name).read_text(encoding="utf-8")))


def asked(graph: dict[str, Any]) -> dict[str, Any]:
    """A prompt without the titles, and without what some versions of the page keep of a preview's own text."""
    return {
        name: (node["class_type"], {key: value for key, value in node["inputs"].items() if key != "preview"})
        for name, node in graph.items()
    }


def test_the_page_in_chinese(page: Any):
    """Titles, inputs and widgets are in the language of the page."""
    if page.evaluate("() => window.__COMFYUI_FRONTEND_VERSION__") == "1.32.9":
        pytest.skip("this version of the page forgets the words of every pack once it has loaded a language")
    in_language(page, "zh")
    try:
        assert page.evaluate(TITLES) == {"AV_LLMCompletion": "LLM 补全", "AntiphonComplete": "Antiphon 补全"}
        labels = page.evaluate(LABELS)
    finally:
        in_language(page, "en")
    assert {"接口", "设置", "图像 0", "种子", "时限"} <= set(labels)
