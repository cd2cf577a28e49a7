"""What looks like a key: the forms of known keys, and the names of fields that hold one. Pure; nothing is ever printed.

The forms are those that the providers' own consoles hand out. A key without a form of its own (Azure's 32 hex digits,
AWS's secret key) is found by the name of the field it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Found", "is_key", "looks_secret", "names_a_secret", "secrets_in", "without_secrets"]

# What a form is called in a report (no part of the key), and the form. The longer prefixes come first.
_FORMS: tuple[tuple[str, str], ...] = (
    ("sk-ant-…", r"sk-ant-[\w-]{12,}"),
    ("sk-or-…", r"sk-or-[\w-]{12,}"),
    ("sk-…", r"sk-(?=[\w-]*\d)[\w-]{16,}"),
    ("AIza…", r"AIza[\w-]{30,}"),
    ("AKIA…", r"A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    ("gsk_…", r"gsk_\w{16,}"),
    ("hf_…", r"hf_[A-Za-z0-9]{16,}"),
    ("xai-…", r"xai-\w{16,}"),
    ("pplx-…", r"pplx-\w{16,}"),
    ("nvapi-…", r"nvapi-[\w-]{16,}"),
    ("r8_…", r"r8_\w{16,}"),
    ("ghp_…", r"(?:gh[opsu]_|github_pat_)\w{16,}"),
    ("comfyui-…", r"comfyui-[0-9a-f]{32,}"),
    ("a JSON web token", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    ("Bearer …", r"(?i:bearer)\s+(?=[\w.~+/-]*\d)[\w.~+/-]{20,}=*"),
)
_KEYS = re.compile(
    r"(?<![A-Za-z0-9_])(?:" + "|".join(f"(?P<f{i}>{form})" for i, (_, form) in enumerate(_FORMS)) + ")",
    re.ASCII,
)
# Words of a field's name, cut at underscores, other marks and capitals.
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = {"apikey", "secret", "secrets", "password", "passwd", "authorization"}
_KEY_BEFORE = {"api", "access", "secret", "private", "auth", "aws", "provider"}
# Tokens of text, and words that set off a picture model: no secrets.
_NO_TOKEN_BESIDE = {
    *("max", "min", "new", "num", "total", "count", "limit", "budget", "trigger", "class", "special", "pad", "eos"),
    *("bos", "stop", "start", "end", "output", "input", "prompt", "completion", "merge", "merging", "normalization"),
    *("instance", "placeholder", "per", "first", "last", "reasoning", "thinking", "text", "image", "weight"),
}  # fmt: skip
# What stands in such a field where there is no key.
_NOTHING = re.compile(
    r"(?i)[\W_]*|none|null|empty|default|auto|ollama|local|dummy|test|key|n/a|not[\s_-]?needed|lm[\s_-]?studio"
    r"|(?:sk-)?x{3,}|your[\s_-].*|.*[\s_-]here|enter[\s_-].*|<.*>|\$\{?\w+\}?|%\w+%|credential:.*"
    r"|(?-i:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"  # the name of an environment variable
)
# From here on a text is its own and nothing else: it is also looked for elsewhere.
_SHORTEST_TOKEN = 8


class Found(NamedTuple):
    """Something that has the form of a key: what form, and where in the text."""

    form: str
    start: int
    end: int


def secrets_in(text: str) -> Iterator[Found]:
    """The keys in `text`, by their form, from left to right."""
    for match in _KEYS.finditer(text):
        yield Found(_FORMS[int(str(match.lastgroup)[1:])][0], match.start(), match.end())


def looks_secret(text: str) -> bool:
    """Whether there is anything in `text` that has the form of a key."""
    return _KEYS.search(text) is not None


def without_secrets(text: str, instead: str = "") -> str:
    """`text` with everything that has the form of a key replaced."""
    return _KEYS.sub(lambda _: instead, text)


def names_a_secret(name: str) -> bool:
    """Whether a field of this name holds a key: *api_key*, *secret*, *token*, *password*, and the like."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not _SECRET_WORDS.isdisjoint(words) or ("token" in words and _NO_TOKEN_BESIDE.isdisjoint(words)):
        return True
    return any(first in _KEY_BEFORE and second in ("key", "keys") for first, second in pairwise(words))


def is_key(name: str, value: str) -> bool:
    """Whether this text in a field of this name is a key, and not a placeholder, a reference or a sentence."""
    value = value.strip()
    if not value or _NOTHING.fullmatch(value) or any(c.isspace() for c in value) or "://" in value:
        return False
    return names_a_secret(name) and ("token" not in name.lower() or len(value) >= _SHORTEST_TOKEN)
