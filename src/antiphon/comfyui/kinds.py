"""The types of our sockets: those of the original pack, so that saved graphs keep their links. See `sockets`."""

from __future__ import annotations

__all__ = ["API", "CONFIG", "MESSAGES"]

API = "LLM_API"
CONFIG = "LLM_CONFIG"
MESSAGES = "LLM_MESSAGE"
