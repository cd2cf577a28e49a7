"""The history: what is in the replay store as people look at it, searched, counted, pinned and summed up.

docs/design/history.md says why it is done like this.
"""

from __future__ import annotations

from .book import History
from .values import DayTotal, Item, Medium, ModelTotal, Page, Query, Shown, Totals

__all__ = ["DayTotal", "History", "Item", "Medium", "ModelTotal", "Page", "Query", "Shown", "Totals"]
