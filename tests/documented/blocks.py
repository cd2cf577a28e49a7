"""The blocks of code in our pages, in order, and which of them cannot be run here.

A block that needs something that a test has not (a GPU, somebody's cloud) stands below a comment that nobody sees in
the page: ``<!-- not run: why -->``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]))
RUN = ("console", "python")
_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<why>.+?) -->\n+)?^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and why it is not run ("" where it is)."""

    page: Path
    line: int
    kind: str
    text: str
    why: str

    @property
    def commands(self) -> str:
        """What is typed in a console: the lines behind the prompt, and not what was answered."""
        return "\n".join(line[2:] for line in self.text.splitlines() if line.startswith("$ "))


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found["kind"], found["text"], found["why"] or "")
        for found in _BLOCK.finditer(text)
    ]
