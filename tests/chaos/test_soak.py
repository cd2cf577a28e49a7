"""Many requests through one client leave nothing behind; `benchmarks/soak.py` runs the same 100,000 times."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"
COUNT = 2_000


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads what the process holds from /proc")
def test_nothing_grows(tmp_path: Path) -> None:
    """Plain, streamed, replayed, failing and given up: memory, files, tasks and threads stay what they are."""
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    ran = subprocess.run(
        [sys.executable, str(SOAK), "--count", str(COUNT)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={**clean, "ANTIPHON_HOME": str(tmp_path)},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{COUNT:,}" in ran.stdout
