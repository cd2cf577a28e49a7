"""The pack beside the original one: whichever loads first, all eleven nodes are of one of them, never a mixed set."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comfyui import original
from tests.comfyui.conftest import Measured
from tests.comfyui.hosting import FOLDER, ROOT, ComfyUI, python

# Stands in for the original pack: the same ids, V1, loaded like it.
ORIGINAL = """
def made(name):
    class Node:
        CATEGORY = "theirs"
        RETURN_TYPES = ("STRING",)
        FUNCTION = "run"

        @classmethod
        def INPUT_TYPES(cls):
            return {{"required": {{"openai_api_key": ("STRING", {{}})}}}}

        def run(self, openai_api_key):
            return (openai_api_key,)

    return Node


NODE_CLASS_MAPPINGS = {{name: made(name) for name in {names}}}
"""


@pytest.fixture(params=["the original first", "ours first"])
def both(request: pytest.FixtureRequest, comfyui_folder: Path, tmp_path: Path) -> Iterator[ComfyUI]:
    """A ComfyUI with both packs. It reads its own custom_nodes first, then the folder of the configuration."""
    later = tmp_path / "later"
    later.mkdir()
    paths = tmp_path / "paths.yaml"
    paths.write_text(f"more:\n  custom_nodes: {later}\n", encoding="utf-8")
    host = ComfyUI(tmp_path / "base", pack=False, arguments=("--extra-model-paths-config", str(paths)))
    first, second = host.folder / "custom_nodes", later
    theirs, ours = (first, second) if request.param == "the original first" else (second, first)
    (theirs / "original.py").write_text(ORIGINAL.format(names=list(original.NODES)), encoding="utf-8")
    (ours / FOLDER).symlink_to(ROOT, target_is_directory=True)
    host.start()
    yield host
    host.stop()


def test_never_a_mixed_set(both: ComfyUI):
    """The original's nodes win, all eleven: it was there first, or it overwrites them all. Its keys are left to it."""
    info = both.get("/object_info")

    assert {info[name]["category"] for name in original.NODES} == {"theirs"}
    key = "sk-theirs-0123456789abcdef"
    run = both.run(
        {
            "api": {"class_type": "AV_OpenAIApi", "inputs": {"openai_api_key": key}},
            "out": {"class_type": "PreviewAny", "inputs": {"source": ["api", 0]}},
        }
    )
    assert run.text("out") == key


PIP = """from antiphon.comfyui import comfy_entrypoint as comfy_entrypoint
"""


def test_two_lines_are_enough_with_pip(comfyui_folder: Path, tmp_path: Path):
    """Installed with pip, a file that imports the entry point is the whole node pack, help pages included."""
    host = ComfyUI(tmp_path / "base", pack=False, environment={"PYTHONPATH": str(ROOT / "src")})
    (host.folder / "custom_nodes" / "antiphon_nodes.py").write_text(PIP, encoding="utf-8")
    host.start()
    try:
        info = host.get("/object_info")
        assert {info[name]["category"] for name in original.NODES} == {"ArtVenture/LLM"}
        assert host.fetch("/extensions/antiphon_nodes/docs/AV_LLMChat.md").startswith(b"# LLM Chat")
        # This one has no embedded engine: the node says the one command, with the Python that it is for.
        run = host.run(
            {
                "api": {"class_type": "AntiphonLocalModel", "inputs": {"model": "smollm2-135m-instruct"}},
                "out": {"class_type": "PreviewAny", "inputs": {"source": ["api", 0]}},
            }
        )
        assert run.outcome == "error"
        assert f"{python(host.path)} -m pip install 'antiphon[local]'" in run.error["exception_message"]
    finally:
        host.stop()


IMPORTING = """
import sys, time, importlib.util
sys.path.insert(0, {comfyui!r})
sys.argv = ["main.py", "--cpu", "--base-directory", {base!r}]
import comfy.options
comfy.options.enable_args_parsing()
import utils.extra_config
import torch, aiohttp, asyncio, logging, os
import server, nodes, execution
from comfy_api.latest import io, ComfyExtension
import PIL.Image, numpy
server.PromptServer(asyncio.new_event_loop())
before = (logging.root.level, list(logging.root.handlers), logging.getLogger("antiphon").level)
files = set(os.listdir({base!r} + "/user"))
# What ComfyUI itself loads for the first custom node is not ours.
asyncio.run(nodes.load_custom_node({other!r}, module_parent="custom_nodes"))
start = time.perf_counter(), time.process_time()
asyncio.run(nodes.load_custom_node({pack!r}, module_parent="custom_nodes"))
taken = time.perf_counter() - start[0], time.process_time() - start[1]
assert "AV_LLMCompletion" in nodes.NODE_CLASS_MAPPINGS
assert before == (logging.root.level, list(logging.root.handlers), logging.getLogger("antiphon").level)
assert files == set(os.listdir({base!r} + "/user")), "nothing is written"
assert not any(thread.name == "antiphon-io" for thread in __import__("threading").enumerate())
loaded = [name for name in sys.modules if "antiphon" in name or "custom_nodes" in name]
assert not any(name.endswith((".client", ".transport", ".providers", ".request", ".replay")) for name in loaded), loaded
sys.stdout.write("import {{}} {{}}".format(*taken))
"""


def test_it_imports_in_no_time(comfyui_folder: Path, tmp_path: Path, measured: Measured):
    """Loading the pack costs ComfyUI little, starts no thread, opens nothing, writes nothing, logs as before."""
    host = ComfyUI(tmp_path / "base")
    pack = str(host.folder / "custom_nodes" / FOLDER)
    other = str(host.folder / "custom_nodes" / "for_tests.py")
    code = IMPORTING.format(comfyui=str(host.path), base=str(host.folder), pack=pack, other=other)
    for _ in range(2):  # the first one compiles
        done = subprocess.run(
            [python(host.path), "-c", code], capture_output=True, text=True, cwd=host.path, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
    seconds, busy = map(float, done.stdout.split()[-2:])
    measured("import of the pack", f"{1000 * seconds:.0f} ms, {1000 * busy:.0f} ms of them computing")
    assert seconds < 0.5
