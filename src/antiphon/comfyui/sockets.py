"""What travels between nodes: frozen values without secrets on LLM_API, LLM_CONFIG and LLM_MESSAGE.

Every value prints safely: ComfyUI writes the text of all inputs into its error reports and its history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

from ..errors import RequestError
from ..request import Config, FrozenDict, Message

__all__ = ["LlmApi", "LlmConfig", "Messages", "checked", "settings"]

T = TypeVar("T")

Messages: TypeAlias = "tuple[Message, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmApi:
    """Who is asked, and with which key: the value on a socket LLM_API.

    `base_url` is set only where the address is not the provider's own. `credential` is the *name* of a stored key,
    empty for the provider's usual one. `extra` are fields that belong to the address, such as a region. `model` is
    asked where the config names none; `unload` gives the embedded engine's memory back after each answer. An empty
    `provider` leaves the choice to the library: the embedded model, or the provider in a model's name.
    """

    provider: str
    base_url: str | None = None
    credential: str = ""
    dialect: str | None = None
    extra: Mapping[str, Any] = field(default_factory=FrozenDict)
    model: str = ""
    unload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmConfig:
    """Model and settings: the value on a socket LLM_CONFIG.

    With `adapt` a setting that the model refuses is left out or translated, with a note, instead of being an error.
    """

    config: Config
    adapt: bool = True


def settings(api: object, config: object, *, seed: int | None) -> dict[str, Any]:
    """The values of these sockets as the settings of the library's doors. RequestError for another pack's values."""
    who, how = checked(api, LlmApi, "api"), checked(config, LlmConfig, "config")
    asked = replace(how.config, extra={**who.extra, **how.config.extra}) if who.extra else how.config
    if who.model and not asked.model:
        asked = replace(asked, model=who.model)
    return {
        "provider": who.provider or None,
        "base_url": who.base_url,
        "credential": who.credential or None,
        "dialect": who.dialect,
        "config": asked,
        "seed": seed,
        "adapt": how.adapt,
    }


def checked(value: object, kind: type[T], name: str) -> T:
    """`value` if it is one of ours: other packs use sockets of the same type names for values of their own."""
    if not isinstance(value, kind):
        raise RequestError(
            f"the input {name} holds a {type(value).__name__}, which comes from another node pack",
            field=name,
            hint="Connect a node of this pack there.",
        )
    return value
