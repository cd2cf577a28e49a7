"""What all dialects share: reading JSON, settings on the wire, and small things of every reply."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast

from ..bulk import MAX_VALUES, holds_too_much
from ..call import Reply
from ..completion import FinishReason
from ..errors import (
    TransportError,
    Unreadable,
)
from ..request import FrozenDict, Request
from . import Body, Quirks

__all__ = [
    "SpokenText",
    "as_list",
    "as_object",
    "as_text",
    "as_word",
    "cost",
    "count",
    "counts",
    "cut_off",
    "dumps",
    "finish_reason",
    "json_document",
    "json_event",
    "loads",
    "merge",
    "number",
    "put",
    "request_id",
    "settings",
    "sound",
    "start_of",
    "unreadable",
]

# ------------------------------------------------------------------------------------------------ JSON


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _plain_loads(text: str | bytes) -> Any:
    """The standard parser, strict: NaN and Infinity are refused, as RFC 8259 has it."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _fast_codec() -> Any:
    try:
        return importlib.import_module("orjson")
    except ImportError:
        return None


_orjson = _fast_codec()
_fast_loads: Callable[[str | bytes], Any] = _plain_loads if _orjson is None else _orjson.loads


def loads(text: str | bytes) -> Any:
    """`text` as JSON; ValueError if it is none. With orjson the same values sooner (whole numbers up to 64 bits)."""
    try:
        return _fast_loads(text)
    except ValueError:
        # orjson refuses lone surrogates and a byte order mark, which do occur; the standard parser decides.
        return _plain_loads(text)


def dumps(body: Any) -> bytes:
    """`body` as compact JSON in UTF-8."""
    if _orjson is not None:
        try:
            return cast("bytes", _orjson.dumps(body))
        except TypeError:  # an integer beyond 64 bits
            pass
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def json_document(reply: Reply) -> Body:
    """The JSON object in a reply's body (blank lines before it are keep-alives). Unreadable if there is none."""
    if holds_too_much(reply.body):
        raise unreadable(reply, f"the reply holds more than {MAX_VALUES:,} values")
    try:
        document = loads(reply.body.decode("utf-8", "replace"))
    except ValueError as error:
        raise unreadable(reply, f"the reply is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise unreadable(reply, f"the reply is a JSON {_kind(document)}, not an object")
    return cast("Body", document)


def json_event(data: str) -> Body:
    """The JSON object in one event of a stream. Unreadable if there is none."""
    try:
        document = _fast_loads(data)
    except ValueError:
        document = _slow_event(data)
    if document.__class__ is dict:
        return document
    problem = f"an event of the stream is a JSON {_kind(document)}, not an object"
    raise Unreadable(problem, status=200, body=data[:2000])


def _slow_event(data: str) -> Any:
    try:
        return _plain_loads(data)
    except ValueError as error:
        problem = f"an event of the stream is not JSON: {error}"
        raise Unreadable(problem, status=200, body=data[:2000]) from None


def unreadable(reply: Reply, message: str) -> Unreadable:
    """The error for a reply that says success and makes no sense."""
    kind = reply.content_type
    hint = "The address answers with a web page; is the API's path (often /v1) missing from base_url?"
    return Unreadable(
        message,
        status=reply.status,
        request_id=request_id(reply),
        body=start_of(reply),
        hint=hint if kind == "text/html" else "",
    )


def _kind(value: object) -> str:
    names: dict[type, str] = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def start_of(reply: Reply) -> str:
    """The start of a reply's body, for an error to show."""
    return reply.body[:8000].decode("utf-8", "replace")[:2000]


# Called for every chunk of a stream, so without cast(), which is a function call.


def as_object(value: Any) -> Body:
    """`value` if it is a JSON object, else an empty one: replies may say null or leave things out."""
    return value if value.__class__ is dict else {}


def as_list(value: Any) -> list[Any]:
    """`value` if it is a JSON array, else an empty one."""
    return value if value.__class__ is list else []


def as_text(value: object) -> str:
    """`value` if it is text, else an empty one."""
    return value if isinstance(value, str) else ""


def as_word(value: object) -> str:
    """`value` if it is text, as UTF-8 can carry it: for names and messages that come in one piece."""
    return sound(value) if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """`value` if it is a number of tokens, else None: not said."""
    if value is None:  # as most are
        return None
    found = number(value)
    return None if found is None or found < 0 else int(found)


def number(value: object) -> int | float | None:
    """`value` if it is a number that has an end, else None. (JSON may say 1e999, which is read as infinite.)"""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_END < value < _END else None


_END = 1e300  # further than anything is counted, and still a float


def counts(said: Mapping[str, object]) -> Mapping[str, int]:
    """Those of the named numbers of tokens that are said and not zero."""
    found = {name: number for name, value in said.items() if (number := count(value))}
    return FrozenDict(found) if found else NOTHING


NOTHING: Mapping[str, int] = FrozenDict()
TICKS = 10**10  # to the US dollar (docs.x.ai, cost tracking, November 2026)


def cost(usage: Body) -> float | None:
    """What the provider says this call costs, in US dollars; None where it does not say.

    `cost` is OpenRouter's; where the user's own key was used there (`is_byok`) it is the fee alone, and what the
    model's provider charges stands beside it. `cost_in_usd_ticks` is xAI's.
    """
    ticks, told = _money(usage.get("cost_in_usd_ticks")), _money(usage.get("cost"))
    if told is None:
        return None if ticks is None else ticks / TICKS
    upstream = as_object(usage.get("cost_details")).get("upstream_inference_cost")
    return told + ((_money(upstream) or 0.0) if usage.get("is_byok") is True else 0.0)


def _money(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e18:
        return None
    return float(value)


class SpokenText:
    """Text that arrives in pieces. `add` gives what may be shown now, `whole` everything at the end.

    Servers that cut strings by UTF-16 units send one emoji as two halves, each an escaped lone surrogate: the
    first half waits for the second, so that no piece holds text that UTF-8 cannot carry.
    """

    __slots__ = ("_pieces", "_waiting")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._waiting = ""

    def add(self, piece: str) -> str:
        if not piece.isascii() or self._waiting:
            piece = self._mended(piece)
        self._pieces.append(piece)
        return piece

    def _mended(self, piece: str) -> str:
        piece, self._waiting = self._waiting + piece, ""
        if "\ud800" <= piece[-1:] <= "\udbff":
            piece, self._waiting = piece[:-1], piece[-1]
        return sound(piece)

    def whole(self) -> str:
        tail = "\ufffd" if self._waiting else ""
        return "".join(self._pieces) + tail


def sound(text: str) -> str:
    """`text` with halves of surrogate pairs joined, and those without a partner replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


# --------------------------------------------------------------------------------- settings on the wire


def settings(
    request: Request, quirks: Quirks, shaped: Mapping[str, Any] | None = None, *, stream: bool = False
) -> Body:
    """The fields that carry the settings and the seed, under the provider's names; call `check` first.

    `shaped` gives the wire value where it is not simply the setting's own (response_format), by setting, or by
    wire field where two fields carry one setting differently; None leaves it out. A wire field with dots lies
    deeper: ``options.seed``. `Config.extra` comes last and wins.
    """
    body: Body = {}
    values = {**request.config.given(), **(shaped or {})}
    if request.wire_seed is not None:
        values["seed"] = request.wire_seed
    for name, value in values.items():
        for wire in quirks.fields.get(name, ()) if value is not None else ():
            sent = (shaped or {}).get(wire, value)
            if sent is not None:
                put(body, wire, list(cast("tuple[Any, ...]", sent)) if isinstance(sent, tuple) else sent)
    merge(body, _reasoning(request, quirks))
    merge(body, quirks.always)
    if stream:
        merge(body, quirks.streamed)
    if "seed" in values and "seed" in quirks.fields:
        merge(body, quirks.seeded)
    merge(body, request.config.extra)
    if request.config.extra.get(quirks.cache_field, "") is None:  # no marks wanted
        del body[quirks.cache_field]
    return body


def _reasoning(request: Request, quirks: Quirks) -> Body:
    wanted = request.config.reasoning
    body: Body = {}
    if isinstance(wanted, str):
        merge(body, quirks.reasoning[wanted])
    elif wanted is not None and quirks.reasoning_budget:
        put(body, quirks.reasoning_budget, wanted)
    return body


def put(body: Body, path: str, value: Any) -> None:
    """Set the field at `path`; dots lead into objects, which are made where they are missing."""
    *parents, last = path.split(".")
    for name in parents:
        body = body.setdefault(name, {})
    body[last] = value


def merge(body: Body, more: Mapping[str, Any]) -> None:
    """Add `more` to `body`, object by object; where both say something, `more` wins."""
    for name, value in more.items():
        if isinstance(value, Mapping):
            before = body.get(name)
            # A copy, since what is there may be frozen.
            body[name] = inner = {**cast("Body", before)} if isinstance(before, dict) else {}
            merge(inner, cast("Mapping[str, Any]", value))
        else:
            body[name] = value


# ---------------------------------------------------------------------------------------------- replies


def finish_reason(raw: object, known: Mapping[str, FinishReason]) -> FinishReason:
    """The common name of a provider's finish reason; these are open sets, so an unknown one is "other"."""
    return known.get(raw, "other") if isinstance(raw, str) else "other"


def request_id(reply: Reply, fallback: object = None) -> str | None:
    """The provider's name for this request: from the headers, else `fallback` from the body, else None."""
    return reply.request_id or as_word(fallback) or None


def cut_off(what: str = "the stream ended without its end marker") -> TransportError:
    """The error for a stream that just stopped: what came is not the whole answer."""
    return TransportError(
        what,
        phase="cut-off",
        before_output=False,
        hint="The connection or the server broke off; ask again.",
    )
