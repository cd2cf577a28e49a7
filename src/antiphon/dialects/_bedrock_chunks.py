"""The events of InvokeModelWithResponseStream: the model's own JSON as base64, in ``{"bytes": …}``."""

from __future__ import annotations

import base64
import binascii

from ..errors import Unreadable
from ..events import Event
from ._common import as_text, json_event
from .bedrock_converse import exception

__all__ = ["chunk"]


def chunk(event: Event) -> str:
    """The model's own JSON in this event; empty for an event that carries none. Raises what the event reports."""
    if problem := exception(event):
        raise problem
    if event.name != "chunk":
        return ""
    packed = as_text(json_event(event.data).get("bytes"))
    try:
        return base64.b64decode(packed, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as wrong:
        raise Unreadable(
            f"a chunk of the stream is not base64: {wrong}", status=200, body=event.data[:2000]
        ) from None
