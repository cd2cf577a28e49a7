"""docs/quality.md is what its results give, its commands exist, and what can be counted exactly stays as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from benchmarks import quality
from benchmarks.__main__ import rounded
from benchmarks.catalogue import BENCHES, FIGURES, Figure
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
RESULTS = quality.load()
# What `pip install antiphon` brings, on any of our Pythons. Whoever lengthens this makes every install larger.
BASE = {
    "aiohappyeyeballs",
    "aiohttp",
    "aiosignal",
    "async-timeout",  # before Python 3.11
    "attrs",
    "click",
    "colorama",  # on Windows
    "frozenlist",
    "idna",
    "markdown-it-py",
    "mdurl",
    "multidict",
    "platformdirs",
    "propcache",
    "pygments",
    "rich",
    "typing-extensions",
    "yarl",
}
OWN_MB = 4.0  # the most that our own files may take


def test_the_page_is_what_the_results_give():
    """Whoever changes results.json or catalogue.py makes the page anew: `uv run python -m benchmarks --page`."""
    assert quality.PAGE.read_text(encoding="utf-8") == quality.page(RESULTS)


def test_what_is_worse_has_a_reason():
    """No figure is worse than its peer by more than a twentieth unless the catalogue says why."""
    assert quality.unexplained(RESULTS) == []


def test_a_worse_figure_without_a_reason_is_found():
    """The same check on a figure that is worse: seen in both directions, and not where it is better or explained."""
    row = {"ours": 1.0, "theirs": 1.0}
    less, more = (FIGURES[name] for name in ("clients.import", "batch.rate"))

    assert quality.worse(less, {**row, "ratio": 1.2})
    assert not quality.worse(less, {**row, "ratio": 0.8})
    assert quality.worse(more, {**row, "ratio": 0.8})
    assert not quality.worse(more, {**row, "ratio": 1.2})
    assert not quality.worse(less, {**row, "ratio": None})
    assert quality.unexplained({"clients.import": {"rows": {"nobody": {**row, "ratio": 9.0}}}}) == [
        "clients.import: nobody"
    ]


def test_every_figure_has_a_benchmark_and_every_benchmark_a_script():
    """The commands on the page name scripts that are there."""
    assert {figure.bench for figure in FIGURES.values()} == set(BENCHES)
    assert [
        name for name, bench in BENCHES.items() if not (ROOT / "benchmarks" / bench.script).is_file()
    ] == []
    assert set(RESULTS) <= set(FIGURES)


@pytest.mark.parametrize("value", [0.0, 0.04, 0.5, 9.99, 12.34, 123.4, 1234.5, 1_000_000.0])
def test_numbers_keep_three_digits(value: float):
    """What the page shows differs from the value by less than half a hundredth of it."""
    shown = float(quality.number(value).replace(",", ""))

    assert shown == pytest.approx(value, rel=0.02)
    assert rounded(value) == pytest.approx(value, rel=0.001)


def test_the_command_measures_and_keeps_nothing_when_quick():
    """A benchmark runs through the one command, in its small form, and leaves results and page as they were."""
    before = [path.read_bytes() for path in (quality.RESULTS, quality.PAGE)]

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", "flat"],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "-- flat: done" in done.stdout
    assert [path.read_bytes() for path in (quality.RESULTS, quality.PAGE)] == before


def test_a_row_without_a_peer_and_one_with(tmp_path: Path):
    """The page has a row for each value, bold where it is worse, with the reason, the date, the load and the command."""
    about = {
        "date": "2026-01-02 03:04",
        "machine": "a machine",
        "command": BENCHES["flat"].command(),
        "cores": 2,
        "others": 1.5,
        "load": 1.0,
    }
    results: dict[str, Any] = {
        "clients.wall": {"bench": "clients", **about, "rows": {"bare aiohttp": {"ours": 400.0, "theirs": 200.0, "ratio": 2.0}}},
        "batch.flat": {"bench": "flat", **about, "others": 0.0, "rows": {"asked": {"ours": 1700.0, "theirs": None, "ratio": None}}},
    }  # fmt: skip

    quality.write(results, tmp_path / "results.json", tmp_path / "page.md")

    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert quality.load(tmp_path / "results.json") == results
    assert "| bare aiohttp | 400 | 200 | **2.00×** |" in page
    assert f"Worse (bare aiohttp): {FIGURES['clients.wall'].reasons['bare aiohttp']}" in page
    assert "2026-01-02 03:04, others used 1.5 of 2 cores" in page
    assert "| asked | 1,700 |" in page
    assert "a quiet machine" in page
    assert f"`{BENCHES['flat'].command()}`" in page
    assert isinstance(FIGURES["batch.flat"], Figure)


# ----------------------------------------------------------------------------------- counted exactly


def test_the_base_install_brings_no_further_package():
    """All that our base dependencies need, theirs and so on, is on the list."""
    found, ahead = set[str](), ["antiphon"]
    while ahead:
        for line in metadata.requires(ahead.pop()) or ():
            wanted = Requirement(line)
            name = wanted.name.lower().replace("_", "-")
            if (wanted.marker is None or wanted.marker.evaluate({"extra": ""})) and name not in found:
                found.add(name)
                ahead.append(name)

    assert found - BASE == set()


def test_our_own_files_stay_small():
    """What the wheel holds: sources, tables and built pages."""
    files = [path for path in (ROOT / "src").rglob("*") if path.is_file() and path.suffix != ".pyc"]

    assert sum(path.stat().st_size for path in files) / 1e6 < OWN_MB


def loaded(statement: str) -> set[str]:
    """The top-level modules that a statement loads in a fresh interpreter, beside the standard library's."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    before, after = (
        subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, check=True, env=environ
        ).stdout
        for text in (code.replace(statement, "pass"), code)
    )
    found = set(json.loads(after)) - set(json.loads(before))
    return {name if name.startswith("antiphon") else name.partition(".")[0] for name in found} - {
        *sys.stdlib_module_names
    }


def test_the_import_loads_only_itself():
    """`import antiphon` is one module of ours, and none of anybody else's."""
    assert loaded("import antiphon") == {"antiphon"}


def test_the_client_loads_no_library_before_it_asks():
    """Making a client loads neither the HTTP library nor the command line's; only a JSON codec that is there."""
    others = {name for name in loaded("import antiphon.client") if not name.startswith("antiphon")}

    assert others <= {"orjson"}
