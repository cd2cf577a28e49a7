"""One real ComfyUI for all tests of a run, and a provider on loopback for each."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.comfyui.hosting import ComfyUI
from tests.peer import Peer, serve

ENVIRONMENT_KEY = "sk-environment-0123456789abcdef"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need the host are marked by asking for it, so that none can be forgotten."""
    for item in items:
        if {"comfyui", "comfyui_folder"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.comfyui)


@pytest.fixture(scope="session")
def comfyui_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder for a ComfyUI; skips where there is none."""
    path = os.environ.get("COMFYUI_PATH", "")
    if not path:
        pytest.skip("needs a ComfyUI: set COMFYUI_PATH, or run .ci/comfyui, which gets two")
    if not Path(path, "main.py").exists():
        pytest.skip(f"COMFYUI_PATH={path} has no main.py")
    return tmp_path_factory.mktemp("comfyui")


@pytest.fixture(scope="session")
def comfyui(comfyui_folder: Path) -> Iterator[ComfyUI]:
    """A running ComfyUI with the pack, and a key in its environment that must go nowhere but to its own host."""
    environment = {"OPENAI_API_KEY": ENVIRONMENT_KEY, **engine(comfyui_folder)}
    host = ComfyUI(comfyui_folder, environment=environment).start()
    yield host
    host.stop()


def engine(folder: Path) -> dict[str, str]:
    """The embedded engine and its model for that ComfyUI's Python, which has neither: this one's, by path."""
    found = [importlib.util.find_spec(name) for name in ("xllamacpp", "antiphon_smollm2")]
    path = folder / "engine"
    path.mkdir()
    for spec in found:
        if spec is None or spec.origin is None:
            return {}
        package = Path(spec.origin).parent
        (path / package.name).symlink_to(package)
        for facts in package.parent.glob(f"{package.name}-*.dist-info"):
            (path / facts.name).symlink_to(facts)
    return {"PYTHONPATH": str(path)}


Measured = Callable[[str, str], None]


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str]) -> Measured:
    """Prints a figure for docs/performance.md: what was measured, and how it came out."""

    def show(what: str, figure: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{what}: {figure}\n")

    return show


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A provider that speaks OpenAI chat."""
    with serve() as running:
        yield running
