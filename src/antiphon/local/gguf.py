"""The head of a GGUF file: enough to tell a whole instruct model from anything else before it is loaded.

Format: version 2 and 3 as specified in ggml's docs/gguf.md. Little-endian files only.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RequestError

__all__ = ["Head", "read"]

MAGIC = b"GGUF"
STRING, ARRAY = 8, 9
# Most arrays inside of one another, and most dimensions of a tensor (ggml has 4).
MAX_NESTED, MAX_DIMENSIONS = 8, 8
# Value type: struct code (uint8 … float64, without string and array).
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

# Tensor type: (name, weights in a block, bytes of a block), from ggml.h and ggml-common.h.
TENSOR_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
}


@dataclass(frozen=True, slots=True)
class Head:
    """What the file says about itself: architecture, trained context in tokens, chat template, tensor types."""

    architecture: str
    context: int
    template: str
    types: frozenset[str]


def read(path: Path) -> Head:
    """The head of a whole, single-file GGUF model. RequestError says what else the file is."""
    try:
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                raise _bad(path, "is not a GGUF file")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _head(path, _Cursor(data))
    except OSError as error:
        raise _bad(path, f"cannot be read: {error.strerror or error}") from error
    except (struct.error, ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise _bad(path, "is cut off or damaged: its head makes no sense") from error


def _bad(path: Path, problem: str) -> RequestError:
    hint = "Fetch it again with `antiphon models pull NAME`, or give the path of another instruct GGUF."
    return RequestError(f"the model file {path} {problem}", field="model", hint=hint)


class _Cursor:
    """Reads values one after another; struct.error at the end of the file."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 4

    def scalar(self, code: str) -> Any:
        value = struct.unpack_from(f"<{code}", self.data, self.at)[0]
        self.at += struct.calcsize(f"<{code}")
        return value

    def string(self) -> str:
        size = self.scalar("Q")
        self.skip(size)
        return self.data[self.at - size : self.at].decode()

    def skip(self, size: int) -> None:
        if self.at + size > len(self.data):
            raise struct.error("beyond the end of the file")
        self.at += size

    def value(self, kind: int, nested: int = 0) -> Any:
        """A value; arrays are passed over, since only token lists are."""
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.scalar(SCALARS[kind])
        inner, count = self.scalar("I"), self.scalar("Q")
        if inner == STRING:
            self._skip_strings(count)
        elif inner == ARRAY:
            if nested >= MAX_NESTED:
                raise ValueError("arrays inside of one another without end")
            for _ in range(count):
                self.value(ARRAY, nested + 1)
        else:
            self.skip(count * struct.calcsize(f"<{SCALARS[inner]}"))
        return None

    def _skip_strings(self, count: int) -> None:
        # The longest part by far: vocabularies of 150,000 words. No copies, no method calls.
        data, at, size_of = self.data, self.at, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + size_of(data, at)[0]
        self.at = at


def _head(path: Path, cursor: _Cursor) -> Head:
    version = cursor.scalar("I")
    if version not in (2, 3):
        raise _bad(path, f"is GGUF version {version}; versions 2 and 3 can be read")
    tensors, pairs = cursor.scalar("Q"), cursor.scalar("Q")
    about: dict[str, Any] = {}
    for _ in range(pairs):
        name = cursor.string()
        about[name] = cursor.value(cursor.scalar("I"))
    types, end = _tensors(cursor, tensors, int(about.get("general.alignment", 32)))
    if end > len(cursor.data):
        raise _bad(path, f"is cut off: {len(cursor.data):,} bytes of at least {end:,}")
    if int(about.get("split.count", 0)) > 1:
        raise _bad(path, "is one part of several; a model in one file is needed")
    return _of(path, about, types)


def _tensors(cursor: _Cursor, count: int, alignment: int) -> tuple[frozenset[str], int]:
    """The types of all tensors, and where the last byte of them must be."""
    types: set[str] = set()
    last = 0
    for _ in range(count):
        cursor.string()
        size, dimensions = 1, cursor.scalar("I")
        if dimensions > MAX_DIMENSIONS:
            raise ValueError("a tensor of so many dimensions")
        for _ in range(dimensions):
            size *= cursor.scalar("Q")
        kind = cursor.scalar("I")
        # A type newer than this table is given no size: then only where it begins is checked.
        name, weights, block = TENSOR_TYPES.get(kind, (f"type{kind}", 1, 0))
        types.add(name)
        last = max(last, cursor.scalar("Q") + size // weights * block)
    return frozenset(types), -(-cursor.at // alignment) * alignment + last


def _of(path: Path, about: dict[str, Any], types: frozenset[str]) -> Head:
    architecture = str(about.get("general.architecture", ""))
    context = about.get(f"{architecture}.context_length")
    template = about.get("tokenizer.chat_template")
    if not isinstance(context, int) or not types:
        raise _bad(path, f"holds no language model (architecture {architecture or 'unknown'!r})")
    if not isinstance(template, str) or not template:
        raise _bad(path, "has no chat template: it is a base model, which continues text but does not answer")
    return Head(architecture, context, template, types)
