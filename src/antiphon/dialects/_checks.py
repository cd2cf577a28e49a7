"""What can be honoured: settings, media and conversations that a provider or a model does not take are refused here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, cast

from ..errors import RequestError
from ..request import Media, Message, Part, Request, Schema
from . import Quirks, Refusal

__all__ = ["GIVE_BYTES", "check", "fetches_urls", "laid_out"]


def check(request: Request, quirks: Quirks) -> None:
    """Refuse what the provider or the model does not take. RequestError names the setting.

    The one place for this rule: every dialect calls it before it encodes.
    """
    given = request.config.given()
    _check_turns(request, quirks)
    for refusal in quirks.refusals:
        _check_family(request, refusal, given)
    _check_taken(request, quirks, given)
    for name, (low, high) in quirks.limits.items():
        value = given.get(name)
        if isinstance(value, int | float) and not low <= value <= high:
            raise RequestError(
                f"{request.provider} takes {name} from {low:g} to {high:g}, not {value!r}", field=name
            )
    if len(request.config.stop) > quirks.stops:
        raise RequestError(
            f"{request.provider} takes at most {quirks.stops} stop texts, not {len(request.config.stop)}",
            field="stop",
        )
    _check_media(request, quirks)


# Fields of `extra` that would turn the request into another one than the values say.
_OURS = ("model", "messages", "input", "system", "instructions", "stream", "n")


def _check_taken(request: Request, quirks: Quirks, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name == "extra":
            _check_extra(value)
        elif name == "reasoning":
            _check_reasoning(request, quirks, value)
        elif name not in quirks.fields and value not in ("text", ("text",)):  # text is what all answer with
            raise RequestError(
                f"{request.provider} does not take {name}", field=name, hint=_what_is_taken(quirks)
            )


def _what_is_taken(quirks: Quirks) -> str:
    names = {*quirks.fields}
    if quirks.reasoning or quirks.reasoning_budget:
        names.add("reasoning")
    return f"Leave it out, or ask a provider that takes it; here you may set {', '.join(sorted(names))}."


def _check_extra(extra: Mapping[str, Any]) -> None:
    for name in _OURS:
        if name in extra:
            raise RequestError(
                f"extra must not hold {name!r}: it is part of the request itself", field="extra"
            )


def _check_reasoning(request: Request, quirks: Quirks, value: object) -> None:
    if isinstance(value, str) and value in quirks.reasoning:
        return
    if isinstance(value, int) and quirks.reasoning_budget:
        return
    choices = [*quirks.reasoning, *(["a budget in tokens"] if quirks.reasoning_budget else [])]
    raise RequestError(
        f"{request.provider} does not take reasoning={value!r}",
        field="reasoning",
        hint=f"It takes {', '.join(choices)}." if choices else "Leave reasoning out.",
    )


def _check_family(request: Request, refusal: Refusal, given: Mapping[str, Any]) -> None:
    if not re.match(refusal.models, request.model):
        return
    if refusal.unless_reasoning_off and given.get("reasoning") == "off":
        return
    if refusal.together:
        _check_together(request, refusal, given)
        return
    for kind in sorted({medium.kind for medium in request.media} & refusal.settings):
        raise RequestError(
            f"the model {request.model} takes no {kind} input",
            field="messages",
            hint=_way_out(f"{kind} input", refusal),
        )
    for name, value in given.items():
        exact = _exact(name, value) & refusal.settings
        if name in refusal.settings or exact:
            shown = "a JSON Schema" if isinstance(value, Schema) else repr(value)
            if name == "modalities" and exact:  # which of them
                shown = repr(min(exact).partition("=")[2])
            what = name if name in refusal.settings else f"{name}={shown}"
            raise RequestError(
                f"the model {request.model} does not take {what}", field=name, hint=_way_out(what, refusal)
            )


def _exact(name: str, value: object) -> frozenset[str]:
    """What a Refusal calls this setting with this value: texts by themselves, the others by what they are."""
    if name == "modalities":
        return frozenset(f"{name}={kind}" for kind in cast("tuple[str, ...]", value))
    kind = "schema" if isinstance(value, Schema) else value if isinstance(value, str) else "budget"
    return frozenset({f"{name}={kind}"})


def _check_together(request: Request, refusal: Refusal, given: Mapping[str, Any]) -> None:
    *others, last = sorted(refusal.settings)
    if refusal.settings <= given.keys():
        raise RequestError(
            f"the model {request.model} does not take {last} together with {', '.join(others)}",
            field=last,
            hint=_way_out(last, refusal),
        )


def _way_out(name: str, refusal: Refusal) -> str:
    ways = ["Leave it out"]
    if refusal.unless_reasoning_off:
        ways.append("set reasoning='off'")
    if refusal.takers:
        ways.append(f"use {refusal.takers}, which take {name}")
    return f"{' or '.join(ways)} (source: {refusal.source})."


GIVE_BYTES = "Give the bytes or the path, or allow it to be fetched here: fetch_media=True (--fetch-media)."
"""The way out where a provider does not fetch a URL itself."""


def fetches_urls(medium: Media, quirks: Quirks) -> bool:  # noqa: ARG001 - the same for all media
    """Whether the provider fetches media itself, where the kind of medium makes no difference."""
    return quirks.media_urls


def _check_media(request: Request, quirks: Quirks) -> None:
    for medium in request.media:
        if medium.kind not in quirks.media and medium.media_type not in quirks.media:
            raise RequestError(
                f"{request.provider} takes no {medium.kind} input of type {medium.media_type}",
                field="messages",
                hint=f"Besides text it takes {', '.join(sorted(quirks.media)) or 'nothing'}.",
            )
        if medium.url is not None and not quirks.media_urls:
            raise RequestError(
                f"{request.provider} does not fetch {medium.kind} URLs",
                field="messages",
                hint=GIVE_BYTES,
            )


# --------------------------------------------------------------------------------- the conversation

# Ways to lay out a conversation that not all take, by their names in Turns and Refusal: what it is, and what to do.
_LAYOUTS: Mapping[str, tuple[str, str]] = {
    "prefill": (
        "a last message of the assistant's to go on with (prefill)",
        "End with a user message that says how to begin.",
    ),
    "prefill_space": (
        "a last message of the assistant's that ends in white space",
        "Strip it: the model writes the space itself.",
    ),
    "late_system": (
        "system messages after the first turn",
        "Move it to the start, or say it in a user message.",
    ),
    "system_after_assistant": (
        "a system message right behind the assistant's",
        "Move it to the start, or behind a user message.",
    ),
    "first_assistant": (
        "a conversation that begins with the assistant",
        "Put the user message before it that it answers.",
    ),
}


def _layout(messages: Sequence[Message]) -> set[str]:
    """Which of these ways this conversation is laid out in."""
    roles = [message.role for message in messages]
    if roles[-1] == "user" and roles.count("user") == len(roles):  # nearly all
        return set()
    turns = [role for role in roles if role != "system"]
    found: set[str] = set()
    if roles[-1] == "assistant":
        found.add("prefill")
        if messages[-1].text[-1:].isspace():
            found.add("prefill_space")
    if turns[0] == "assistant":
        found.add("first_assistant")
    if "system" in roles[roles.index(turns[0]) :]:
        found.add("late_system")
    if any(pair == ("assistant", "system") for pair in pairwise(roles)):
        found.add("system_after_assistant")
    return found


def _check_turns(request: Request, quirks: Quirks) -> None:
    """Refuse a conversation that the provider or the model does not take as it is laid out."""
    layout = _layout(request.messages)
    if not layout:
        return
    for name in sorted(layout & quirks.turns.refuses):
        what, way = _LAYOUTS[name]
        raise RequestError(f"{request.provider} does not take {what}", field="messages", hint=way)
    for refusal in quirks.refusals:
        for name in sorted(layout & refusal.settings) if re.match(refusal.models, request.model) else ():
            what, way = _LAYOUTS[name]
            others = f" Or use {refusal.takers}, which take it" if refusal.takers else ""
            raise RequestError(
                f"the model {request.model} does not take {what}",
                field="messages",
                hint=f"{way}{others} (source: {refusal.source}).",
            )


def laid_out(request: Request, quirks: Quirks) -> Sequence[Message]:
    """The messages as the model's template takes them, joined where it must be; see `Turns`.

    Several last messages of the assistant's are one prefill, so they are always joined, with nothing between.
    """
    messages, turns, model = request.messages, quirks.turns, request.model.lower()
    if len(messages) == 1:
        return messages
    if turns.systemless and re.match(turns.systemless, model):
        messages = _without_system(messages)
    if turns.alternating and re.match(turns.alternating, model):
        grouped = groupby(messages, lambda message: message.role)
        return [_joined(tuple(group), "\n\n") for _, group in grouped]
    last = len(messages) - 1
    while last and messages[last - 1].role == messages[last].role == "assistant":
        last -= 1
    return messages if last == len(messages) - 1 else [*messages[:last], _joined(messages[last:], "")]


def _without_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    return tuple(
        Message("user", *message.parts) if message.role == "system" else message for message in messages
    )


def _joined(messages: Sequence[Message], gap: str) -> Message:
    """These turns of one role as one turn."""
    parts: list[Part] = []
    for message in messages:
        first, *rest = message.parts
        if parts and isinstance(first, str) and isinstance(before := parts[-1], str):
            parts[-1:] = [before + gap + first, *rest]
        else:
            parts += message.parts
    return Message(messages[0].role, *parts)
