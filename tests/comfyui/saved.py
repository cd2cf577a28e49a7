"""What ComfyUI has saved: the metadata in its files, and everything that is packed into them."""

from __future__ import annotations

import json
import re
import struct
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.comfyui.hosting import ComfyUI, Run


def files(comfyui: ComfyUI, run: Run, node: str) -> list[Path]:
    """The files that this node has saved."""
    shown = run.history["outputs"][node]
    return [
        Path(comfyui.folder, "output", file["subfolder"], file["filename"])
        for files in shown.values()
        if isinstance(files, list)
        for file in files
        if isinstance(file, dict)
    ]


def chunks(png: Path) -> dict[str, Any]:
    """The text chunks of a PNG file, as the JSON that they hold."""
    data, at, found = png.read_bytes(), 8, dict[str, Any]()
    while at < len(data):
        [length] = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if kind in (b"tEXt", b"iTXt"):
            name, _, text = body.partition(b"\0")
            found[name.decode()] = json.loads(text.lstrip(b"\0").decode())
        at += length + 12
    return found


def carried(file: Path) -> Any:
    """The recordings in the workflow of any file that ComfyUI saves; None if there are none."""
    text = file.read_bytes()
    at = text.find(b'{"antiphon": "carried"')
    if at < 0:
        return None
    found, _ = json.JSONDecoder().raw_decode(text[at:].decode("utf-8", "replace"))
    return found


def unpacked(content: bytes) -> Iterator[bytes]:
    """`content`, and whatever stands in it as base64, deflated or not."""
    yield content
    for run in re.findall(rb"[A-Za-z0-9+/]{24,}={0,2}", content):
        try:
            plain = b64decode(run)
        except ValueError:
            continue
        yield plain
        try:
            yield zlib.decompress(plain)
        except zlib.error:
            continue
