"""The types of our sockets: those of the original pack, so that saved graphs keep their links. See `sockets`.

JSON is either of ComfyUI's own two types for it. Older versions have no nodes for these, but know them as well as any
other name.
"""

from __future__ import annotations

__all__ = ["API", "CONFIG", "JSON", "MESSAGES"]

API = "LLM_API"
CONFIG = "LLM_CONFIG"
MESSAGES = "LLM_MESSAGE"
JSON = "DICT,ARRAY"
