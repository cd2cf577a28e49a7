"""How many values a JSON text holds, told before it is parsed: three bytes of it can become a hundred of memory.

The limits on bytes are for answers with media in them, which are few and long texts. A text of the same size that is
nothing but ``[],[],[],…`` would take thirty times its size as objects, so such a text is not parsed at all.
"""

from __future__ import annotations

import re

__all__ = ["MAX_VALUES", "holds_too_much"]

MAX_VALUES = 5_000_000
"""The most values of one document: half a gigabyte or so of objects. An answer of 32,000 tokens with all that can be
told of each has fewer."""
_STRING = re.compile(rb'"[^"]*"')
_MARKS = (b",", b"[", b"{")  # there is one of them before or after each value


def holds_too_much(text: bytes) -> bool:
    """Whether this JSON text holds more than MAX_VALUES values. Quick for texts that cannot."""
    if len(text) <= MAX_VALUES or sum(map(text.count, _MARKS)) <= MAX_VALUES:
        return False
    # Escaped quotes end no string; taken out, each string is from one quote to the next.
    text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    found, at = 0, 0
    for number, string in enumerate(_STRING.finditer(text)):
        found += sum(text.count(mark, at, string.start()) for mark in _MARKS)
        at = string.end()
        if max(found, number // 2) > MAX_VALUES:  # names and values are texts
            return True
    return found + sum(text.count(mark, at) for mark in _MARKS) > MAX_VALUES
