"""The reference pages say what the code says."""

from __future__ import annotations

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
