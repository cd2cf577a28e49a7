"""What was answered once comes back the same: the key of a request, and the store of recorded replies."""

from __future__ import annotations

from .canon import canonical, key

__all__ = ["canonical", "key"]
