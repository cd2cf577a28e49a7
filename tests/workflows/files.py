"""Workflow files made by hand: the original's nodes in both formats, and pictures around them."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

KEY = "sk-planted-0123456789abcdef"
AWS = ("AKIAPLANTED012345678", "planted/secret+key/0123456789abcdefghij", "planted-session-token-0123456789")


def api_graph(key: str = KEY) -> dict[str, Any]:
    """The original's graph for the API: a key, a config, a question with a system message, and one without."""
    return {
        "1": {"class_type": "AV_OpenAIApi", "inputs": {"openai_api_key": key, "endpoint": "https://api.openai.com/v1"}},
        "2": {
            "class_type": "AV_LLMApiConfig",
            "inputs": {"model": "gpt-4-vision-preview", "max_token": 1024, "temperature": 0.5, "custom_model": ""},
        },
        "3": {"class_type": "AV_LLMMessage", "inputs": {"role": "system", "text": "Be brief."}},
        "4": {"class_type": "AV_LLMMessage", "inputs": {"role": "user", "text": "A cat", "messages": ["3", 0]}},
        "5": {
            "class_type": "AV_LLMChat",
            "inputs": {"messages": ["4", 0], "api": ["1", 0], "config": ["2", 0], "seed": 7},
            "is_changed": [float("nan")],
        },
        "6": {
            "class_type": "AV_LLMCompletion",
            "inputs": {"prompt": "A dog", "api": ["1", 0], "config": ["2", 0], "seed": 2**53 - 1},
        },
    }  # fmt: skip


def page_node(number: int, kind: str, *values: Any, inputs: Any = (), outputs: Any = ()) -> dict[str, Any]:
    """A node as the page saves it; `inputs` as (name, link), `outputs` as (name, links)."""
    return {
        "id": number,
        "type": kind,
        "pos": [100 * number, 50],
        "size": [300, 200],
        "flags": {},
        "order": number,
        "mode": 0,
        "inputs": [{"name": name, "type": "*", "link": link} for name, link in inputs],
        "outputs": [{"name": name, "type": "*", "links": list(links)} for name, links in outputs],
        "properties": {"Node name for S&R": kind},
        "widgets_values": list(values),
    }


def page_graph(key: str = KEY, *, shape: str = "two") -> dict[str, Any]:
    """The same question on the page; `shape` is "one" for the form with a single output `response`."""
    answers = [("response", [4])] if shape == "one" else [("text", [4]), ("(optional) images", [])]
    nodes = [
        page_node(1, "AV_OpenAIApi", key, "https://api.openai.com/v1", outputs=[("LLM_API", [1])]),
        page_node(2, "AV_LLMApiConfig", "gpt-5", 1024, 0.5, "", outputs=[("llm_config", [2])]),
        page_node(3, "AV_LLMMessage", "user", "A cat", outputs=[("messages", [3])]),
        page_node(
            4, "AV_LLMChat", 7, "randomize", inputs=[("messages", 3), ("api", 1), ("config", 2)], outputs=answers
        ),
        page_node(5, "PreviewAny", inputs=[("source", 4)]),
    ]  # fmt: skip
    links = [
        [1, 1, 0, 4, 1, "LLM_API"],
        [2, 2, 0, 4, 2, "LLM_CONFIG"],
        [3, 3, 0, 4, 0, "LLM_MESSAGE"],
        [4, 4, 0, 5, 0, "STRING"],
    ]
    return {
        "last_node_id": 5,
        "last_link_id": 4,
        "nodes": nodes,
        "links": links,
        "groups": [],
        "extra": {},
        "version": 0.4,
    }


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def text_chunk(keyword: str, text: str, kind: str = "tEXt") -> bytes:
    """A text chunk of one of the three kinds; ``iTXtz`` is a compressed iTXt."""
    name, plain = keyword.encode("latin-1"), text.encode("utf-8" if kind[0] == "i" else "latin-1")
    body = {
        "tEXt": plain,
        "comf": plain,
        "zTXt": b"\0" + zlib.compress(plain),
        "iTXt": b"\0\0en\0\0" + plain,
        "iTXtz": b"\1\0\0titre\0" + zlib.compress(plain),
    }[kind]
    return chunk(kind[:4].encode(), name + b"\0" + body)


PIXELS = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes([n, 2 * n, 3 * n]) * 4 for n in range(4))))


def png(*chunks: bytes, after: bytes = b"") -> bytes:
    """A picture of 4 x 4 with these chunks before its pixels, and some after them."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(chunks)
        + PIXELS
        + chunk(b"tIME", bytes(7))
        + chunk(b"IEND", b"")
        + after
    )


def picture(key: str = KEY) -> bytes:
    """A picture as ComfyUI saves it."""
    return png(
        text_chunk("prompt", json.dumps(api_graph(key))), text_chunk("workflow", json.dumps(page_graph(key)))
    )


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG, with their sums checked."""
    found, at = [], 8
    while at < len(data):
        length = struct.unpack(">I", data[at : at + 4])[0]
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        found.append((kind, body))
        at += 12 + length
    return found


def exif(texts: dict[int, str], order: str = "II", *, extra: bytes = b"") -> bytes:
    """A TIFF with one directory of texts, as Pillow writes what ComfyUI gives it."""
    end = "<" if order == "II" else ">"
    entries, bodies, place = b"", b"", 8 + 2 + 12 * (len(texts) + bool(extra)) + 4
    for tag, text in texts.items():
        data = text.encode() + b"\0"
        if len(data) <= 4:  # it stands in the entry itself
            entries += struct.pack(f"{end}HHI4s", tag, 2, len(data), data)
            continue
        entries += struct.pack(f"{end}HHII", tag, 2, len(data), place + len(bodies))
        bodies += data + b"\0" * (len(data) % 2)
    head = order.encode() + struct.pack(f"{end}HIH", 42, 8, len(texts) + bool(extra))
    return head + entries + extra + bytes(4) + bodies


def webp(tiff: bytes) -> bytes:
    """A WebP container with something for pixels, and an EXIF chunk."""
    pixels = b"VP8L" + struct.pack("<I", 5) + b"\x2f\0\0\0\0" + b"\0"
    body = b"WEBP" + pixels + b"EXIF" + struct.pack("<I", len(tiff)) + tiff + b"\0" * (len(tiff) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def saved(folder: Path, name: str, content: Any) -> Path:
    """A file with bytes, or with an object as JSON."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path
