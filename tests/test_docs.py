"""The reference pages say what the code says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

GENERATE = Path(__file__).parent.parent / "docs" / "generate.py"
PAGES = runpy.run_path(str(GENERATE))["pages"]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_up_to_date(name):
    """Each reference page equals what docs/generate.py makes of the code today."""
    committed = (GENERATE.parent / "reference" / name).read_text(encoding="utf-8")

    assert committed == PAGES[name](), f"run: uv run python {GENERATE.name}"


ROOT = GENERATE.parent.parent
SNIPPETS = [
    pytest.param(block, id=f"{path.relative_to(ROOT)}:{number}")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs" / "tutorial").glob("*.md"))]
    for number, block in enumerate(
        re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.mark.parametrize("code", SNIPPETS)
def test_a_python_snippet_runs_as_it_stands(code, tmp_path, monkeypatch):
    """What README and tutorial show works, in an empty home."""
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))

    exec(compile(code, "snippet", "exec"), {})


def without_code(path: Path) -> str:
    """A page without what stands in backticks: an expression may look like a link."""
    return re.sub(r"`[^`\n]*`", "", path.read_text(encoding="utf-8"))


def test_links_between_pages_lead_somewhere():
    """Every relative link in README and docs points to a file that is there."""
    broken = [
        f"{path.name}: {target}"
        for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", without_code(path))
        if not (path.parent / target).exists()
    ]

    assert broken == []
