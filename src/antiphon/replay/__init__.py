"""What was answered once comes back the same: the key of a request, and the store of recorded replies."""

from __future__ import annotations

from .canon import canonical, key, key_of
from .carrying import Carried, carried
from .failures import Busy
from .store import Details, Entry, Recording, Store

__all__ = [
    "Busy",
    "Carried",
    "Details",
    "Entry",
    "Recording",
    "Store",
    "canonical",
    "carried",
    "key",
    "key_of",
]
