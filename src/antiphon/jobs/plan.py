"""What is asked for a row, and what is written of its answer.

A template is a Jinja template (``Describe {{ name }}``), rendered in Jinja's sandbox; ``{name}`` is short for
``{{ name }}``, and all other single braces are text. ``{{ row["a name"] }}`` is for names that are no single word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PureWindowsPath
from typing import Any, cast

from ..completion import Completion
from ..errors import AntiphonError, RequestError
from ..request import Media
from .sources import Record, needed

__all__ = ["Plan", "error_object"]

Render = Callable[[Record], str]

# What of an error is worth a column, besides its type and message.
_DETAILS = ("field", "status", "provider", "code", "request_id", "reason")
# A template without any of these is plain text.
_MARKS = ("{{", "{%", "{#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a row becomes a request, and an answer a record.

    `prompt` and `system` are templates; `attach` names columns that hold media (paths inside `folder`, data URLs,
    https URLs, or bytes; with `anywhere` any path that this machine can read); `settings` maps settings of a request to columns that hold their values; `keep` names
    columns that go into the record as they are. With `flat` the record has one level only, for tables; `parsed`
    names the members of a parsed answer that then become columns.
    """

    prompt: str = "{prompt}"
    system: str = ""
    attach: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    keep: tuple[str, ...] = ()
    folder: Path = field(default_factory=Path)
    anywhere: bool = False
    flat: bool = False
    parsed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ours = {name.partition(".")[0] for name in ("index", "key", "parsed", *_TEXT, *_FACTS, *_ERROR)}
        taken = sorted(ours & set(self.keep))
        if taken:
            raise RequestError(
                f"the column {taken[0]!r} cannot be kept: a column of the answer is called so",
                field="keep",
                hint="Rename it in the input.",
            )

        if "attachments" in self.settings:
            raise RequestError(
                "the setting 'attachments' cannot come from a column",
                field="settings",
                hint="Name the column of media with --attach.",
            )

    def request(self, row: Record) -> dict[str, Any]:
        """The entry of a batch for this row. RequestError names what is missing in it."""
        entry: dict[str, Any] = {"prompt": rendered(self.prompt, row, "prompt")}
        if self.system:
            entry["system"] = rendered(self.system, row, "system")
        media = [_medium(row, column, self) for column in self.attach if _cell(row, column) not in (None, "")]
        if media:
            entry["attachments"] = media
        for setting, column in self.settings.items():
            value = _cell(row, column)
            if value not in (None, ""):
                entry[setting] = _typed(value)
        return entry

    def record(self, index: int, row: Record, key: str | None, outcome: Completion | AntiphonError) -> Record:
        """What is written for this row: the kept columns, then the answer or the error."""
        record: Record = {"index": index, **{name: _cell(row, name) for name in self.keep}, "key": key}
        if isinstance(outcome, AntiphonError):
            record["error"] = error_object(outcome)
        else:
            record |= _answer(outcome)
        return self._flattened(record) if self.flat else record

    def _flattened(self, record: Record) -> Record:
        """One level: members of usage, error and the parsed answer as columns ``outer.inner``, other parts as JSON."""
        opened = {"usage", "error", *(("parsed",) if self.parsed else ())}
        flat: Record = {}
        for name, value in record.items():
            if name in opened and isinstance(value, Mapping):
                flat |= {f"{name}.{key}": _flat(cell) for key, cell in cast("Record", value).items()}
            else:
                flat[name] = _flat(value)
        return {name: flat.get(name) for name in self.columns}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a flat record, in order."""
        parsed = tuple(f"parsed.{name}" for name in self.parsed) or ("parsed",)
        return ("index", *self.keep, "key", *_TEXT, *parsed, *_FACTS, *_ERROR)


_TEXT = ("text",)
_FACTS = (
    *("reasoning", "finish_reason", "model", "seed", "replayed"),
    *("usage.input_tokens", "usage.output_tokens", "usage.cost", "notes"),
)
_ERROR = tuple(f"error.{name}" for name in ("type", "message", *_DETAILS, "again"))


def _answer(completion: Completion) -> Record:
    usage = completion.usage
    answer: Record = {
        "text": completion.text,
        "parsed": completion.parsed,
        "reasoning": completion.reasoning or None,
        "finish_reason": completion.finish_reason,
        "model": completion.model,
        "seed": completion.seed,
        "replayed": completion.replayed,
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost": usage.cost,
        },
        "notes": list(completion.notes) or None,
    }
    return {name: value for name, value in answer.items() if value is not None}


def error_object(error: AntiphonError) -> Record:
    """An error as plain columns; `again` says whether asking again may help."""
    known = {name: getattr(error, name, None) for name in _DETAILS}
    return {
        "type": type(error).__name__,
        "message": error.message,
        **{name: value for name, value in known.items() if value not in (None, "", 0)},
        "again": error.retryable,
    }


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple | Mapping) else value


# ------------------------------------------------------------------------------------------ templates


def rendered(template: str, row: Record, what: str) -> str:
    """`template` filled with this row. RequestError where a column is missing or the template is wrong."""
    try:
        text = _template(template)(row)
    except RequestError:
        raise
    except Exception as error:  # whatever a template's expression raises is the template's fault
        raise RequestError(
            f"the {what} template fails: {error}",
            field=what,
            hint=f"The columns are {', '.join(row) or 'none'}. To have braces in the text: {{{{ '{{like this}}' }}}}.",
        ) from error
    if not text.strip():
        raise RequestError(f"the {what} of this row is empty", field=what)
    return text


# Jinja's own parts, and {name}: not {{name}}, and nothing but a name between the braces.
_JINJA = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
_SHORT = re.compile(r"(?<!\{)\{([^\W\d]\w*)\}(?!\})")


@cache
def _template(template: str) -> Render:
    """What fills this template for a row."""
    whole = _SHORT.fullmatch(template)
    if whole:
        column = whole.group(1)
        return lambda row: _plain(_cell(row, column))
    if not _SHORT.search(template) and not any(mark in template for mark in _MARKS):
        return lambda _: template
    jinja = _jinja()
    environment = jinja.sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja.StrictUndefined, keep_trailing_newline=True, finalize=_plain
    )
    texts = _JINJA.split(template)  # every other piece is Jinja's
    texts[::2] = [_SHORT.sub(r"{{ \1 }}", text) for text in texts[::2]]
    made = environment.from_string("".join(texts))
    return lambda row: made.render({**row, "row": row})


def _plain(value: object) -> str:
    """A cell as text: nothing for null, JSON for what has parts."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _jinja() -> Any:
    return needed(
        "jinja2",
        "sandbox",
        error=RequestError(
            "templates need the package Jinja2",
            field="prompt",
            hint="Install it: pip install 'antiphon[batch]'.",
        ),
    )


# ---------------------------------------------------------------------------------------------- cells


def _cell(row: Record, column: str) -> Any:
    try:
        return row[column]
    except KeyError:
        raise RequestError(
            f"this row has no column {column!r}", field=column, hint=f"It has {', '.join(row) or 'none'}."
        ) from None


def _typed(value: Any) -> Any:
    """A cell of a table of texts as what it says: 7 is a number there; what is no JSON is text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _medium(row: Record, column: str, plan: Plan) -> Media:
    value = _cell(row, column)
    if isinstance(value, Mapping):  # how data sets in Parquet hold pictures: {"bytes", "path"}
        held = cast("Record", value)
        data, name = held.get("bytes"), held.get("path")
        if isinstance(data, bytes):
            return Media.from_bytes(data, name=Path(name).name if isinstance(name, str) else None)
        value = name
    if isinstance(value, bytes):
        return Media.from_bytes(value)
    if not isinstance(value, str):
        raise RequestError(
            f"the column {column!r} holds no medium but a {type(value).__name__}", field=column
        )
    if value.startswith("data:") or "://" in value[:16]:
        return Media.of(value)
    return Media.from_path(plan.folder / value if plan.anywhere else _inside(plan.folder, value))


def _inside(folder: Path, text: str) -> Path:
    """The path that a row names, if it lies in `folder`. Rows may be a stranger's, and what they name is sent away.

    What leads out by its words is not even looked at: a share named on Windows would be told who asks.
    """
    foreign = PureWindowsPath(text)
    if not (foreign.drive or foreign.root or text.startswith(("/", "~")) or ".." in foreign.parts):
        with suppress(OSError, RuntimeError, ValueError):  # loops of links, zero bytes
            path = (folder / text).resolve()
            if path.is_relative_to(folder.resolve()):
                return folder / text
    raise RequestError(
        f"the path {text[:200]!r} leads out of the folder of the input",
        field="attach",
        hint="If you trust the rows with every file that you can read, say so: --attach-anywhere.",
    )
