"""What the index holds of one recording, read out of its bytes. Whatever is wrong with them is said, never raised."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, NamedTuple, cast

from .. import providers
from ..completion import Completion
from ..errors import AntiphonError
from ..prices import known_price
from ..replay.packing import Question, media_in, unpack, unpack_question, unpack_reply
from ..road import decode

__all__ = ["Facts", "Raw", "asked", "completed", "facts", "folded", "han", "plain"]

START = 300  # characters of prompt and answer that a list shows
SEARCHED = 20_000  # characters of question and answer that are searched, each
PRICES = 10_000  # that are kept
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_prices: dict[str, int | None] = {}
_WHOLE = 1 << 62  # an integer of SQLite's


class Raw(NamedTuple):
    """A row of the store, as far as it is read here. `question` and `reply` are packed."""

    id: int
    key: bytes
    provider: str
    model: str
    seed: str | None
    recorded_at: float
    digest: bytes
    reply: bytes
    question: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One recording as the index holds it; `body` and `han` are what is searched."""

    raw: Raw
    prompt: str = ""
    text: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    nano: int | None = None
    media: int = 0
    finish_reason: str = ""
    problem: str = ""
    body: str = ""
    han: str = ""


def facts(raw: Raw) -> Facts:
    """All that the index holds of this recording."""
    problems: list[str] = []
    document: dict[str, Any] = {}
    question = answer = ""
    found = Facts(raw=raw)
    try:
        document = asked(raw).request
        prompt, question = _said(document)
        found = replace(found, prompt=plain(prompt)[:START], media=len(media_in(document)))
    except Exception as error:  # noqa: BLE001 - a file may hold anything
        problems.append(f"the question cannot be read: {_told(error)}")
    try:
        completion = completed(raw, document)
        answer = completion.text
        found = replace(found, **_answered(completion, found.media))
    except Exception as error:  # noqa: BLE001
        problems.append(f"the answer cannot be read: {_told(error)}")
    # Two characters more: then every one and every two in it begin three, which the index has.
    body = folded(f"{question[:SEARCHED]}\n{answer[:SEARCHED]}\n\n")
    return replace(found, body=body, han=han(body), problem=plain("; ".join(problems))[:START])


def asked(raw: Raw) -> Question:
    """The question. ValueError if it is damaged."""
    return unpack_question(unpack(raw.question))


def completed(raw: Raw, document: Mapping[str, Any]) -> Completion:
    """The answer, decoded as a replay is. ValueError or AntiphonError if it is damaged or no answer."""
    data = unpack(raw.reply)
    if sha256(data).digest() != raw.digest:
        raise ValueError("it does not match its SHA-256")
    reply = unpack_reply(data)
    way = providers.get(raw.provider).way(document.get("dialect"))
    found = decode(way.dialect, reply)
    identity = cast("dict[str, Any]", document.get("identity") or {})
    return replace(
        found,
        provider=raw.provider,
        model=found.model or raw.model,
        requested_model=raw.model,
        base_url=document.get("base_url") or identity.get("server"),
        raw=reply,
    )


def _answered(completion: Completion, media: int) -> dict[str, Any]:
    usage = completion.usage
    return {
        "text": plain(completion.text[: START * 4])[:START],
        "input_tokens": _whole(usage.input_tokens),
        "output_tokens": _whole(usage.output_tokens),
        "nano": _priced(completion),
        "media": media + len(completion.media),
        "finish_reason": str(completion.finish_reason),
    }


def _priced(completion: Completion) -> int | None:
    """Its price in billionths of a dollar. Working one out takes a third of the time of all this, so those of the same
    model with the same usage are kept."""
    who = (completion.provider, completion.base_url, completion.model, completion.requested_model)
    name = repr((who, completion.usage))
    if name not in _prices:
        if len(_prices) >= PRICES:
            _prices.clear()
        price = known_price(completion)
        _prices[name] = None if price is None else _whole(price.usd * 1e9)
    return _prices[name]


def _whole(number: object) -> int | None:
    """A count as SQLite can hold it; a server may say anything."""
    if not isinstance(number, int | float) or not 0 <= number < _WHOLE:
        return None
    return round(number)


def _said(document: Mapping[str, Any]) -> tuple[str, str]:
    """What the user said last, and all the text there is."""
    texts: list[str] = []
    prompt = ""
    for message in document["messages"]:
        own = [part for part in message["parts"] if isinstance(part, str)]
        texts += own
        if message["role"] == "user":
            prompt = "\n".join(own)
    return prompt[: START * 4], "\n".join(texts)


def _told(error: Exception) -> str:
    return error.message if isinstance(error, AntiphonError) else str(error) or type(error).__name__


# ------------------------------------------------------------------------------------------------ texts


def plain(text: str) -> str:
    """`text` as UTF-8 can carry it: lone surrogates and NUL become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def folded(text: str) -> str:
    """`text` as it is searched: without differences of case and of how an accent is written."""
    text = plain(text)
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def han(text: str) -> str:
    """The Chinese characters of `text`, each a word; an x where something else stood between them."""
    if text.isascii():
        return ""
    return " x ".join(" ".join(run) for run in cast("Iterable[str]", _HAN.findall(text)))
