"""docs/quality.md, made of what is measured (results.json) and what is said of it (catalogue.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.catalogue import ALL, BENCHES, FIGURES, Figure

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "quality.md"
# A twentieth is within what two runs differ by.
SAME = 0.05
# Cores that others may use before a figure is marked.
QUIET = 0.2

HEAD = """\
<!-- Made by `uv run python -m benchmarks`; edit benchmarks/catalogue.py instead. -->

# Quality: every figure, with its peer and its command

`uv run python -m benchmarks` measures all of it that can run here and writes this page; `--only NAME` does a part, and
what was not measured keeps its older date. Each table says when it was taken, how much of the machine others used
meanwhile, and by which command. **Bold** is worse than the peer by more than 5 %; why stands below the table.
Ratios are ours to theirs, taken pair by pair in one run where there are pairs. What was tried and what the
figures mean is in [performance.md](performance.md), what is tested besides speed in [SECURITY.md](../SECURITY.md) and the
tests themselves.
"""


def load(path: Path = RESULTS) -> dict[str, Any]:
    """The results by figure."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def worse(figure: Figure, row: dict[str, Any]) -> bool:
    """Whether ours is worse than the peer's."""
    ratio = row["ratio"]
    if ratio is None:
        return False
    return ratio > 1 + SAME if figure.better == "less" else ratio < 1 - SAME


def reason(figure: Figure, name: str) -> str:
    return figure.reasons.get(name, figure.reasons.get(ALL, ""))


def unexplained(results: dict[str, Any]) -> list[str]:
    """The rows that are worse than their peer, and nothing says why."""
    return [
        f"{name}: {row}"
        for name, found in results.items()
        for row, values in found["rows"].items()
        if worse(FIGURES[name], values) and not reason(FIGURES[name], row)
    ]


def number(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None:
        return ""
    if value == 0 or abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.0f}"
    if abs(value) < 1:
        return f"{value:.3f}"
    return f"{value:,.{max(0, 3 - len(str(int(abs(value)))))}f}"


def circumstances(found: dict[str, Any]) -> str:
    others = found["others"]
    if others is None:
        return f"{found['date']}, the load was not kept; {found['machine']}: `{found['command']}`"
    state = "a quiet machine" if others <= QUIET else f"others used {others:.1f} of {found['cores']} cores"
    return f"{found['date']}, {state}; {found['machine']}: `{found['command']}`"


def table(name: str, found: dict[str, Any]) -> Iterator[str]:
    """One figure with all its rows."""
    figure = FIGURES[name]
    unit = f", {figure.unit}" if figure.unit else ""
    yield f"\n### {figure.title}{unit}\n"
    if figure.note:
        yield f"{figure.note}\n"
    if figure.peer:
        yield f"| | Antiphon | {figure.peer} | ratio |\n|---|--:|--:|--:|"
    else:
        yield "| | Antiphon |\n|---|--:|"
    reasons: dict[str, list[str]] = {}
    for row, values in found["rows"].items():
        ratio = "" if values["ratio"] is None else f"{values['ratio']:.2f}×"
        if worse(figure, values):
            ratio = f"**{ratio}**"
            reasons.setdefault(reason(figure, row), []).append(row)
        theirs = f" {number(values['theirs'])} | {ratio} |" if figure.peer else ""
        yield f"| {row} | {number(values['ours'])} |{theirs}"
    for text, rows in reasons.items():
        yield f"\nWorse ({'; '.join(rows)}): {text}"
    yield f"\n{circumstances(found)}"


def page(results: dict[str, Any]) -> str:
    """The whole page."""
    lines, section = [HEAD], ""
    for name, figure in FIGURES.items():
        if name in results:
            if figure.section != section:
                section = figure.section
                lines.append(f"\n## {section}")
            lines += table(name, results[name])
    missing = [name for name in FIGURES if name not in results]
    if missing:
        lines.append("\n## Not measured yet\n")
        lines += [f"- {FIGURES[name].title}: `{BENCHES[FIGURES[name].bench].command()}`" for name in missing]
    return "\n".join(lines) + "\n"


def write(results: dict[str, Any], path: Path = RESULTS, to: Path = PAGE) -> None:
    ordered = {name: results[name] for name in FIGURES if name in results}
    path.write_text(json.dumps(ordered, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    to.write_text(page(ordered), encoding="utf-8")
