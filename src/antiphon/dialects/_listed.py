"""Rows of model listings: what each server tells of its models, under its own names, as `Model`.

Sources: the types of openai 3.54, openrouter 1.3, mistralai 3.7 and groq 1.7; Together's and xAI's documentation;
llama.cpp's server (2026.10), tried. What a server does not say stays None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timezone

from ..call import Reply
from . import Body, Model
from ._common import as_list, as_object, as_text, count, json_document, loads, number

__all__ = ["LEVELS", "chat_row", "day", "document", "kinds", "one_page"]

LEVELS = ("low", "medium", "high")

# Kinds of content by other names than ours.
_KINDS: Mapping[str, str] = {
    "file": "document",
    "pdf": "document",
    "speech": "audio",
    "embeddings": "embedding",
}
# What `type` says of the output (Together, LM Studio).
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("chat", "language", "code", "llm", "vlm"), "text"),
    **{kind: kind for kind in ("image", "audio", "video", "embedding")},
    "embeddings": "embedding",
}
# OpenRouter's parameters, and the setting that each of them carries.
_SETTINGS: Mapping[str, str] = {
    **{
        name: name
        for name in (
            *("max_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty"),
            *("frequency_penalty", "stop", "seed", "response_format", "reasoning"),
        )
    },
    "max_completion_tokens": "max_tokens",
    "repetition_penalty": "repeat_penalty",
    "structured_outputs": "response_format",
    "include_reasoning": "reasoning",
    "reasoning_effort": "reasoning",
}


def document(reply: Reply) -> Body:
    """The listing as an object; a bare array (Together) as the object that would hold it. Unreadable if neither."""
    if reply.body[:64].lstrip().startswith(b"["):
        try:
            return {"data": as_list(loads(reply.body.decode("utf-8", "replace")))}
        except ValueError:
            pass  # said below
    return json_document(reply)


def one_page(reply: Reply) -> Mapping[str, str]:  # noqa: ARG001 - a dialect's `next_page`
    """Nothing: this listing comes whole."""
    return {}


def kinds(words: object) -> frozenset[str] | None:
    """Kinds of content in a list of words, by our names; None where there is no such list."""
    found = {word.lower() for word in as_list(words) if isinstance(word, str) and word}
    return frozenset(_KINDS.get(word, word) for word in found) or None


def day(moment: object) -> str | None:
    """The day of a moment (a date, an RFC 3339 time, or seconds since 1970) as 2026-12-11; None if it is no moment."""
    if isinstance(moment, int | float) and not isinstance(moment, bool) and moment > 0:
        try:
            return datetime.fromtimestamp(moment, timezone.utc).date().isoformat()
        except (OverflowError, ValueError, OSError):
            return None
    found = re.match(r"\d{4}-\d\d-\d\d(?!\d)", as_text(moment))
    try:
        return date.fromisoformat(found[0]).isoformat() if found else None
    except ValueError:
        return None


# ------------------------------------------------------------------------- the rows of OpenAI's form


def chat_row(row: Body) -> Model:
    """A row of ``GET {base}/models`` in OpenAI's form, with what each server adds to it. It must have an id."""
    name, title = str(row["id"]), as_text(row.get("display_name")) or as_text(row.get("name"))
    outputs = _outputs(row)
    created = number(row.get("created"))
    return Model(
        name=name,
        title="" if title == name else title,
        context=_context(row),
        max_output=_first(
            as_object(row.get("top_provider")).get("max_completion_tokens"), row.get("max_completion_tokens")
        ),
        created=None if created is None else float(created),
        inputs=_inputs(row),
        outputs=outputs,
        takes=_takes(row, outputs or frozenset()),
        refuses=_refuses(row),
        retires=_retires(row),
        replaced_by=as_text(row.get("deprecation_replacement_model")) or None,
        details=row,
    )


def _first(*values: object) -> int | None:
    return next((number for value in values if (number := count(value)) is not None), None)


def _context(row: Body) -> int | None:
    meta = as_object(row.get("meta"))
    told = _first(
        row.get("context_length"),  # OpenRouter, Together, xAI
        row.get("max_model_len"),  # vLLM
        row.get("max_context_length"),  # Mistral, LM Studio
        row.get("context_window"),  # Groq
        meta.get("n_ctx"),  # llama.cpp: as started
        meta.get("n_ctx_train"),
    )
    if told is not None:
        return told
    # Hugging Face's router: each provider behind it has its own.
    behind = [count(as_object(one).get("context_length")) for one in as_list(row.get("providers"))]
    return max((length for length in behind if length is not None), default=None)


def _inputs(row: Body) -> frozenset[str] | None:
    told = kinds(as_object(row.get("architecture")).get("input_modalities")) or kinds(
        row.get("input_modalities")
    )
    can = as_object(row.get("capabilities"))
    if told or "completion_chat" not in can:
        return told or {"llm": frozenset({"text"}), "vlm": frozenset({"text", "image"})}.get(
            as_text(row.get("type"))
        )
    # Mistral
    more = {"image": can.get("vision"), "audio": can.get("audio")}
    return frozenset({"text", *(kind for kind, able in more.items() if able is True)})


def _outputs(row: Body) -> frozenset[str] | None:
    told = kinds(as_object(row.get("architecture")).get("output_modalities")) or kinds(
        row.get("output_modalities")
    )
    if told:
        return told
    if kind := _TYPES.get(as_text(row.get("type"))):
        return frozenset({kind})
    can = as_object(row.get("capabilities"))  # Mistral
    return frozenset({"text"}) if can.get("completion_chat") is True else None


def _takes(row: Body, outputs: frozenset[str]) -> frozenset[str] | None:
    """The settings that OpenRouter lists for it. An empty list says nothing."""
    told = {_SETTINGS[name] for name in _parameters(row) if name in _SETTINGS}
    if not told:
        return None
    made = {"image": {"modalities", "aspect_ratio"}, "audio": {"modalities"}}
    return frozenset(told.union(*(made.get(kind, set[str]()) for kind in outputs)))


def _parameters(row: Body) -> list[str]:
    return [name for name in as_list(row.get("supported_parameters")) if isinstance(name, str)]


def _refuses(row: Body) -> frozenset[str]:
    refused: set[str] = set()
    parameters, can = _parameters(row), as_object(row.get("capabilities"))
    if "response_format" in parameters and "structured_outputs" not in parameters:  # OpenRouter
        refused.add("response_format=schema")
    if as_object(row.get("reasoning")).get("mandatory") is True:  # OpenRouter
        refused.add("reasoning=off")
    if can.get("reasoning") is False:  # Mistral
        refused.add("reasoning")
    efforts = can.get("reasoning_effort")  # xAI
    if efforts == []:
        refused.add("reasoning")
    elif isinstance(efforts, list):
        levels = {"off": "none", **{level: level for level in LEVELS}}
        refused |= {f"reasoning={level}" for level, word in levels.items() if word not in efforts}
    return frozenset(refused)


def _retires(row: Body) -> str | None:
    ends = row.get("deprecation")  # Mistral a time, Azure an object of times
    moments = (row.get("shutdown_date"), row.get("expiration_date"), ends, as_object(ends).get("inference"))
    return next((found for moment in moments if (found := day(moment))), None)
