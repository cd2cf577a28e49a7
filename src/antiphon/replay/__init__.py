"""What was answered once comes back the same: the key of a request, and the store of recorded replies."""

from __future__ import annotations

from .canon import canonical, key, key_of
from .carrying import Carried, Packing, carried
from .choice import chosen
from .failures import Busy
from .interface import ReplayStore
from .store import Details, Entry, Recording, Store

__all__ = [
    "Busy",
    "Carried",
    "Details",
    "Entry",
    "Packing",
    "Recording",
    "ReplayStore",
    "Store",
    "canonical",
    "carried",
    "chosen",
    "key",
    "key_of",
]
