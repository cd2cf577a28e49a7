"""One recording, whole: what was asked, what went out, what came back, and how to ask it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, cast

from .. import providers
from ..completion import Completion
from ..errors import AntiphonError, RequestError
from ..replay.packing import Question, media_in, unpack
from ..replay.store import shown_key, stored_key
from ..request import Media, Message, Schema
from .facts import Raw, asked, completed, facts
from .values import Item, Medium, Shown

if TYPE_CHECKING:
    from ..replay import Store

__all__ = ["again", "medium", "shown"]

_RAW = "SELECT id, key, provider, model, seed, recorded_at, digest, reply, question FROM recordings WHERE key = ?"
SENT = 4_000_000  # bytes of the body that are shown; media that were sent inside it may be large


def shown(store: Store, key: str, known: Item | None) -> Shown | None:
    """All there is about one recording, or None. `known` is what the index says of it."""
    raw = _raw(store, key)
    if raw is None:
        return None
    found = facts(raw)
    item = Item(
        key=shown_key(raw.key),
        provider=raw.provider,
        model=raw.model,
        seed=None if raw.seed is None else int(raw.seed),
        prompt=found.prompt,
        text=found.text,
        recorded_at=raw.recorded_at,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        cost=None if found.nano is None else found.nano / 1e9,
        media=found.media,
        finish_reason=found.finish_reason,
        problem=found.problem,
        pinned=key in _pins(store),
    )
    if known is not None:
        item = replace(item, replayed=known.replayed, replayed_at=known.replayed_at, workflow=known.workflow)
    whole = Shown(item=item, finish_reason=item.finish_reason, cost=item.cost, problem=item.problem)
    return _answer(raw, _question(store, raw, whole))


def _question(store: Store, raw: Raw, whole: Shown) -> Shown:
    """`whole` with the question, as far as it can be read."""
    try:
        question = asked(raw)
        document = question.request
        config = {name: it for name, it in document.get("config", {}).items() if name != "model"}
        return replace(
            whole,
            messages=tuple(document["messages"]),
            config=config,
            base_url=document.get("base_url"),
            dialect=document.get("dialect"),
            media=tuple(_media(store, document)),
            sent=_sent(store, question, document),
            seed_status=_seed_status(document),
        )
    except Exception:  # noqa: BLE001 - what is wrong with it stands in `problem`
        return whole


def _answer(raw: Raw, whole: Shown) -> Shown:
    """`whole` with the answer, as far as it can be read."""
    try:
        completion = completed(raw, _document(raw))
    except Exception:  # noqa: BLE001
        return whole
    usage = {name: it for name, it in asdict(completion.usage).items() if it not in (None, "", {})}
    return replace(
        whole,
        text=completion.text,
        reasoning=completion.reasoning,
        images=tuple(_of(it) for it in completion.media),
        usage=usage,
        notes=completion.notes,
    )


def _document(raw: Raw) -> dict[str, Any]:
    """The canonical request, empty where it cannot be read: the provider's usual dialect is tried then."""
    try:
        return asked(raw).request
    except ValueError:
        return {}


def _of(media: Media) -> Medium:
    size = None if media.data is None else len(media.data)
    return Medium(media.sha256 or "", media.media_type, size, media.url)


def _media(store: Store, document: Mapping[str, Any]) -> Iterator[Medium]:
    for part in (part for message in document["messages"] for part in message["parts"]):
        if not isinstance(part, str):
            name = part.get("sha256", "")
            yield Medium(name, part["media_type"], _size(store, name), part.get("url"))


def _size(store: Store, name: str) -> int | None:
    row = (
        store.database.row("SELECT size FROM blobs WHERE sha256 = ?", (bytes.fromhex(name),))
        if name
        else None
    )
    return None if row is None else row[0]


def _sent(store: Store, question: Question, document: Mapping[str, Any]) -> str | None:
    """The body that went out; None where a medium of it is lost, or it is too large to look at."""
    if sum(_size(store, name) or 0 for name in media_in(document)) + len(question.sent) > SENT:
        return None
    try:
        blobs = {name: _blob(store, name) for _, name in question.cuts}
        return question.whole(blobs).decode("utf-8", "replace")
    except (KeyError, ValueError):
        return None


def _blob(store: Store, name: str) -> bytes:
    """The bytes of a medium. KeyError where they are lost, ValueError where they are damaged."""
    row = store.database.row("SELECT data FROM blobs WHERE sha256 = ?", (bytes.fromhex(name),))
    if row is None:
        raise KeyError(name)
    return unpack(row[0])


def _seed_status(document: Mapping[str, Any]) -> str:
    if document.get("seed") is None:
        return "none"
    way = providers.get(document["provider"]).way(document.get("dialect"))
    return "sent" if "seed" in way.quirks.fields else "unsupported"


def _raw(store: Store, key: str) -> Raw | None:
    row = store.database.row(_RAW, (stored_key(key),))
    return None if row is None else Raw(*row)


def _pins(store: Store) -> set[str]:
    from ..replay.pins import pinned

    with store.database.snapshot() as db:
        return set() if db is None else {shown_key(key) for key in pinned(db)}


# -------------------------------------------------------------------------------------------- its media


def medium(store: Store, key: str, name: str) -> Media | None:
    """The medium of this SHA-256 in a recording's question or answer; None where there is none."""
    raw = _raw(store, key)
    if raw is None:
        return None
    try:
        document = asked(raw).request
        for part in (part for message in document["messages"] for part in message["parts"]):
            if not isinstance(part, str) and part.get("sha256") == name:
                return Media(part["kind"], part["media_type"], data=_blob(store, name))
        completion = completed(raw, document)
    except (ValueError, KeyError, TypeError, AttributeError, AntiphonError):
        return None
    return _among(completion, name)


def _among(completion: Completion, name: str) -> Media | None:
    return next((it for it in completion.media if it.data is not None and it.sha256 == name), None)


# --------------------------------------------------------------------------------------- asking it again


def again(store: Store, key: str) -> tuple[tuple[Message, ...], dict[str, Any]] | None:
    """The messages and settings that ask for the same thing."""
    raw = _raw(store, key)
    if raw is None:
        return None
    try:
        document = asked(raw).request
        messages = tuple(_message(store, message) for message in document["messages"])
        config = dict(document.get("config", {}))
        schema = config.get("response_format")
        if isinstance(schema, dict):
            config["response_format"] = Schema(**cast("dict[str, Any]", schema))
    except (ValueError, KeyError, TypeError, AttributeError, RequestError) as error:
        raise RequestError(f"this recording cannot be asked again: {error}", field="key") from None
    wanted = {name: document.get(name) for name in ("provider", "base_url", "dialect", "seed")}
    return messages, {**config, **{name: value for name, value in wanted.items() if value is not None}}


def _message(store: Store, message: Mapping[str, Any]) -> Message:
    parts = [part if isinstance(part, str) else _part(store, part) for part in message["parts"]]
    return Message(message["role"], *parts)


def _part(store: Store, part: Mapping[str, Any]) -> Media:
    fields: dict[str, Any] = {name: part.get(name) for name in ("url", "name")}
    if "sha256" in part:
        try:
            fields["data"] = _blob(store, part["sha256"])
        except KeyError:
            raise ValueError(f"the medium {part['sha256']} is lost") from None
    return Media(part["kind"], part["media_type"], **fields)
