"""The options that say who is asked, what, and how. Those for generation settings are made from Config itself."""

from __future__ import annotations

import collections.abc
import json
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import click

from ..request import REPLAY_MODES, Config

__all__ = ["Command", "Group", "OptionType", "asks", "reaches", "settings"]

if TYPE_CHECKING:
    OptionType = click.ParamType[Any]
else:
    OptionType = click.ParamType  # generic only in newer versions of click

F = TypeVar("F", bound=Callable[..., Any])
# Its own option is made by hand below.
_BY_HAND = ("model",)
# Where Config's words are about Python.
_HELP = {"response_format": "Ask for plain text or any JSON; for a JSON Schema use --schema."}


class Command(click.Command):
    """A command that also takes --debug, which is read where failures are reported."""

    def __init__(self, *args: Any, **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.params.append(
            click.Option(
                ["--debug"], is_flag=True, expose_value=False, help="Show the traceback of a failure too."
            )
        )


class Group(click.Group):
    """A group of commands that shows its help when called alone."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])


class Words(OptionType):
    """One of some words, or else a whole number."""

    name = "choice or number"

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        return f"[{'|'.join(self.words)}|INTEGER]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | int:
        if isinstance(value, int) or value in self.words:
            return value
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither {', '.join(self.words)} nor a whole number.", param, ctx)


class Pair(OptionType):
    """``key=json``."""

    name = "key=json"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value  # pyright: ignore[reportUnknownVariableType]
        key, equals, text = str(value).partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is not key=json.", param, ctx)
        try:
            return key, json.loads(text)
        except ValueError:
            self.fail(f"the value of {key} is not JSON; text needs quotes: '{key}=\"{text}\"'.", param, ctx)


# ------------------------------------------------------------------------------ from the Config dataclass


def config_options() -> Iterator[click.Option]:
    """One option for each field of Config, typed by its annotation and described by its docstring."""
    hints, described = get_type_hints(Config), _described()
    for field in fields(Config):
        if field.name not in _BY_HAND:
            yield _option(field.name, hints[field.name], described.get(field.name, ""))


def _option(name: str, annotation: Any, text: str) -> click.Option:
    kind, multiple = _kind(annotation)
    told = _HELP.get(name) or text[:1].upper() + text[1:] + "."
    if multiple:
        told = told.removesuffix(".") + " (may be repeated)."
    return click.Option([f"--{name.replace('_', '-')}"], type=kind, multiple=multiple, help=told)


def _kind(annotation: Any) -> tuple[OptionType, bool]:
    """The option type for an annotation, and whether the option may be repeated."""
    choices = _choices(annotation)
    words = tuple(
        str(word) for choice in choices if get_origin(choice) is Literal for word in get_args(choice)
    )
    if words:
        return (Words(words) if int in choices else click.Choice(words)), False
    [choice] = choices
    if get_origin(choice) is tuple:
        return _kind(get_args(choice)[0])[0], True
    if get_origin(choice) is collections.abc.Mapping:
        return Pair(), True
    return {int: click.INT, float: click.FLOAT, str: click.STRING}[choice], False


def _choices(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(choice for choice in get_args(annotation) if choice is not types.NoneType)
    return (annotation,)


def _described() -> dict[str, str]:
    """What Config's docstring table says about each field."""
    rows = re.findall(
        r"^ *(\w+(?:, \w+)*) {1,}(\S.*)$", (Config.__doc__ or "").partition("===\n")[2], re.MULTILINE
    )
    return {name: text for names, text in rows for name in names.split(", ")}


# ----------------------------------------------------------------------------------------- by hand


def _if_given(ctx: click.Context, param: click.Parameter, value: bool) -> bool | None:  # noqa: ARG001
    """A flag that was not given is no setting at all."""
    return value or None


_WHO = (
    click.option(
        "-m", "--model", metavar="PROVIDER/MODEL", help="Whom to ask. [env: ANTIPHON_MODEL; else local]"
    ),
    click.option("--provider", metavar="NAME", help="The provider; --model is then its model alone."),
)
_REACH = (
    click.option(
        "--base-url", metavar="URL", help="A server of your own; the provider is then 'compatible'."
    ),
    click.option("--dialect", metavar="NAME", help="Another protocol than the provider's first."),
    click.option(
        "--timeout", type=float, metavar="SECONDS", help="Deadline for everything, retries included."
    ),
    click.option("--retries", type=int, metavar="N", help="Most tries after the first one. [default: 2]"),
)
_KEY = (click.option("--key-name", "credential", metavar="NAME", help="Use the stored key of this name."),)
_WHAT = (
    click.option("-s", "--system", metavar="TEXT", help="The system prompt."),
    click.option(
        "-a", "--attachment", "attachments", multiple=True, metavar="SOURCE",
        help="An image, sound, video or document: path, https URL or data URL (may be repeated).",
    ),
    click.option(
        "--fetch-media", is_flag=True, callback=_if_given,
        help="Fetch https URLs here that the provider does not fetch itself (public addresses only).",
    ),
    click.option("--seed", type=int, metavar="N", help="Same question, same seed: same answer. Any whole number."),
    click.option(
        "--schema", type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file with the JSON Schema that the answer must obey.",
    ),
    click.option(
        "--replay", type=click.Choice(REPLAY_MODES),
        help="auto: from the store, else ask and record; refresh: ask again; only: never ask; off. [default: auto]",
    ),
    click.option(
        "--adapt/--no-adapt", default=None,
        help="Leave out or translate what the model does not take, and say so, instead of refusing. [default: no-adapt]",
    ),
)  # fmt: skip


def asks(command: F) -> F:
    """All options of a request. The command gets them as keyword arguments for `settings`."""
    for option in reversed((*_WHO, *_WHAT, *_REACH, *_KEY)):
        command = option(command)
    # click collects options from the bottom up.
    collected: list[click.Parameter] = command.__dict__.setdefault("__click_params__", [])
    collected[:0] = reversed(list(config_options()))
    return command


def reaches(command: F, *, key: bool = True) -> F:
    """The options that say how a provider is reached, and with which `key`."""
    for option in reversed((*_REACH, *(_KEY if key else ()))):
        command = option(command)
    return command


def settings(given: dict[str, Any]) -> dict[str, Any]:
    """What the client takes, from what was given on the command line; options not given are left out."""
    schema = given.pop("schema", None)
    chosen = {name: value for name, value in given.items() if value is not None and value != ()}
    if "extra" in chosen:
        chosen["extra"] = dict(chosen["extra"])
    if schema is not None:
        if "response_format" in chosen:
            raise click.UsageError("--schema and --response-format exclude each other.")
        chosen["response_format"] = _read_schema(schema)
    return chosen


def _read_schema(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--schema: {path} is not JSON: {error}") from None
    if not isinstance(schema, dict):
        raise click.UsageError(f"--schema: {path} holds no JSON object")
    return schema  # pyright: ignore[reportUnknownVariableType]
