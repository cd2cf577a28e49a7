"""`antiphon batch` against a provider that fails in every way, killed again and again: the short form of `tests/faults.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..faults import Trial, tried
from ..faulty_peer import SHARES, fate

# Half a minute; a machine with much else to do takes several.
pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(
    ("rows", "kills", "unordered"), [(600, 4, False), (80, 1, True)], ids=["ordered", "unordered"]
)
def test_each_row_is_paid_once(tmp_path: Path, rows: int, kills: int, unordered: bool):
    """Through 429s, 5xx, cut-offs, stalls and kill -9: every row answered, once, in whole lines, as without all that."""
    trial = Trial(
        tmp_path, rows=rows, kills=kills, concurrency=16, scale=0.05, delay=0.02, seed=7, unordered=unordered
    )
    figures = tried(trial)
    assert figures["429"] > 0
    assert figures["asked"] > figures["answers"]


def test_the_provider_fails_as_often_as_it_says():
    """Of 10,000 requests each fault meets its share, and the same request that comes again may meet another fate."""
    fates = [fate(f"Say w{i}", 1) for i in range(10_000)]
    for name, share in SHARES.items():
        assert abs(fates.count(name) - 10 * share) < 4 * (10 * share) ** 0.5, name
    unlucky = next(i for i in range(1000) if fates[i] == "429")
    assert {fate(f"Say w{unlucky}", times) for times in range(2, 9)} != {"429"}
