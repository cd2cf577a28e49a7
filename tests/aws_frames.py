"""AWS event-stream frames for tests: written here once, and checked against botocore's reader in test_frames.py."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any


def frame(payload: bytes, **headers: str) -> bytes:
    """One frame; underscores in header names stand for hyphens, and each gets its colon."""
    names = {":" + name.replace("_", "-"): value for name, value in headers.items()}
    packed = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
        for name, value in names.items()
    )
    prelude = struct.pack(">II", len(packed) + len(payload) + 16, len(packed))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
    return head + struct.pack(">I", zlib.crc32(head))


def event(name: str, document: Any) -> bytes:
    """An event frame with this JSON."""
    return frame(
        json.dumps(document).encode(),
        event_type=name,
        content_type="application/json",
        message_type="event",
    )


def exception(name: str, document: Any) -> bytes:
    """An exception frame, as it comes in a reply that said 200."""
    return frame(
        json.dumps(document).encode(),
        exception_type=name,
        content_type="application/json",
        message_type="exception",
    )


def chunk(document: Any) -> bytes:
    """An event of InvokeModel: the model's own JSON as base64, and padding."""
    packed = base64.b64encode(json.dumps(document).encode()).decode()
    return event("chunk", {"bytes": packed, "p": "abcdefgh"})
