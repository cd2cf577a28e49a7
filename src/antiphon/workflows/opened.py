"""A workflow file, opened: its parts as JSON that can be changed, and its bytes again with the changes in them.

JSON inside of texts (notes, widgets that hold JSON) is opened too, so that it is searched as what it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from ..errors import RequestError
from . import png, webp

__all__ = ["Nested", "Opened", "Part", "Place", "opened", "opened_bytes", "places"]

# Most bytes of a file, and how many texts inside of one another are opened.
MAX_FILE = 1 << 30
MAX_NESTED = 4
# More than this is certainly no workflow, and recursion further down would end in an overflow.
MAX_DEPTH = 200

Container: TypeAlias = "dict[str, Any] | list[Any]"
Place: TypeAlias = "tuple[Any, Any]"  # a container, and the name or number in it


class Nested:
    """A text that is JSON: what it was, and its value, which may be changed."""

    __slots__ = ("root", "text")

    def __init__(self, text: str, value: Any) -> None:
        self.text = text
        self.root = [value]

    def closed(self) -> str:
        """The text again: as it was, if nothing has changed."""
        return _dumped(_closed(self.root[0]), self.text)


@dataclass(slots=True)
class Part:
    """One text of the file. `root` is a list of one: its value, JSON or just the text."""

    number: int
    where: str
    text: str
    root: list[Any]

    @property
    def value(self) -> Any:
        """The value, which may be changed in place."""
        return self.root[0]

    def closed(self) -> str:
        """The text with the changes made to its value; as it was, if there are none."""
        value = self.value
        if isinstance(value, str):
            return value
        return _dumped(_closed(value), self.text)


@dataclass(slots=True)
class Opened:
    """A file: what it is, its bytes, its parts, and what else is in it that nobody here reads."""

    path: Path
    form: str
    data: bytes
    parts: list[Part]
    opaque: list[tuple[str, bytes]]

    def closed(self) -> bytes:
        """The file again, with the changes made to its parts. RequestError where its form cannot carry them."""
        changed = {part.number: new for part in self.parts if (new := part.closed()) != part.text}
        if not changed:
            return self.data
        if self.form == "JSON":
            return changed[0].encode("utf-8", "surrogateescape")
        try:
            return (png if self.form == "PNG" else webp).rewritten(self.data, changed)
        except ValueError as error:
            raise _bad(self.path, str(error)) from None


def opened(path: Path) -> Opened:
    """The file at `path`. RequestError if it is no workflow file, or not whole."""
    return opened_bytes(path, _bytes(path))


def opened_bytes(path: Path, data: bytes) -> Opened:
    """`opened`, for bytes that are at hand already."""
    try:
        form, texts, opaque = _texts(data)
        parts = [Part(number, keyword, text, [_opened(text, 0)]) for number, keyword, text in texts]
    except (ValueError, RecursionError) as error:
        raise _bad(path, str(error) if isinstance(error, ValueError) else "nested too deeply") from None
    if form == "JSON" and not isinstance(parts[0].value, dict | list):
        raise _bad(path, "it is neither JSON, PNG nor WebP; other files (MP4, JPEG, FLAC) are not read")
    return Opened(path, form, data, parts, opaque)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE:
            raise _bad(path, f"it is larger than {MAX_FILE} bytes")
        return path.read_bytes()
    except OSError as error:
        raise _bad(path, error.strerror or str(error)) from None


def _texts(data: bytes) -> tuple[str, list[png.Text], list[tuple[str, bytes]]]:
    if data.startswith(png.SIGNATURE[:4]):
        return "PNG", png.texts(data), list(png.opaque(data))
    if webp.is_webp(data):
        return "WebP", webp.texts(data), list(webp.opaque(data))
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return "JSON", [png.Text(0, "file", text)], []


def _bad(path: Path, what: str) -> RequestError:
    return RequestError(
        f"{path.name} is no workflow file that can be read: {what}",
        field="file",
        hint="Give a workflow as JSON (saved, or exported for the API), or a PNG or WebP that ComfyUI saved.",
    )


# ------------------------------------------------------------------------------------------------ JSON


def _loads(text: str) -> Any:
    """JSON as ComfyUI writes it (NaN included); the text itself, if it is none."""
    start = text.lstrip()[:1]
    if not start or start not in "{[":
        return text
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        return text


def _opened(text: str, nested: int) -> Any:
    value = _loads(text)
    return value if isinstance(value, str) else _inside(value, nested, 0)


def _inside(value: Any, nested: int, depth: int) -> Any:
    """`value` with the JSON in its texts opened."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        inner = _opened(value, nested + 1) if nested < MAX_NESTED else value
        return value if isinstance(inner, str) else Nested(value, inner)
    if isinstance(value, list):
        return [_inside(item, nested, depth + 1) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: _inside(item, nested, depth + 1) for name, item in members.items()}
    return value


def _closed(value: Any) -> Any:
    if isinstance(value, Nested):
        return value.closed()
    if isinstance(value, list):
        return [_closed(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _closed(item) for name, item in cast("dict[str, Any]", value).items()}
    return value


def _dumped(value: Any, text: str) -> str:
    """`value` as JSON in the manner of `text`; `text` itself where it says the same."""
    if json.dumps(value) == json.dumps(_loads(text)):  # NaN is not equal to itself, but is written alike
        return text
    indent = 2 if "\n" in text.strip()[:99] else None
    new = json.dumps(value, ensure_ascii=text.isascii(), indent=indent)
    try:
        new.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a pair of surrogates can only stand in JSON as an escape
        return json.dumps(value, indent=indent)
    return new


def places(root: list[Any]) -> Iterator[Place]:
    """Every place in the tree below `root`, outer ones first: its container, and its name or number there."""
    waiting: list[Container] = [root]
    while waiting:
        container = waiting.pop()
        names = container.keys() if isinstance(container, dict) else range(len(container))
        for name in list(names):
            yield container, name
            item = cast("Any", container)[name]
            if isinstance(item, Nested):
                waiting.append(item.root)
            elif isinstance(item, dict | list):
                waiting.append(cast("Container", item))
