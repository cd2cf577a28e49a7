"""How a benchmark hands its figures to `python -m benchmarks`: a line of JSON each, where a file is named for them."""

from __future__ import annotations

import json
import os
from pathlib import Path

PLACE = "ANTIPHON_FIGURES"


def told(figure: str, row: str, ours: float, theirs: float | None = None, ratio: float | None = None) -> None:
    """One row of a figure of `catalogue.py`: our value and the peer's, in its unit.

    `ratio` is ours to theirs where it was taken pair by pair; else it is worked out here.
    """
    if PLACE not in os.environ:
        return
    if ratio is None and theirs:
        ratio = ours / theirs
    line = {"figure": figure, "row": row, "ours": ours, "theirs": theirs, "ratio": ratio}
    with Path(os.environ[PLACE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
