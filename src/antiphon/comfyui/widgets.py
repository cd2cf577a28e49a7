"""What the widgets of the pack's own nodes mean, as values for the sockets. No ComfyUI and no torch in here.

A number below its range means that it is not set, and so is empty text; what is not set is not sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from .. import providers
from ..errors import RequestError
from ..request import Config, FrozenDict, Message, Modality, Reasoning, Schema
from .asking import conversation, renamed
from .choices import DEFAULT, MODALITIES
from .keys import KeyWidget, Vault, named
from .sockets import LlmApi, LlmConfig, Messages, checked, settings

__all__ = [
    "CREDENTIAL",
    "asked",
    "config",
    "items",
    "local",
    "prompts",
    "provider",
    "question",
    "response_format",
]

LOCAL = "local"

# setting: the lowest value that is one. What is below is not sent.
LOWEST: Mapping[str, float] = {
    "max_tokens": 1,
    "temperature": 0,
    "top_k": 1,
    "min_p": 0,
    "presence_penalty": -2,
    "frequency_penalty": -2,
}
ABOVE_ZERO = ("top_p", "repeat_penalty")


# ---------------------------------------------------------------------------------------------- who


def provider(
    provider: str, base_url: str = "", credential: str = "", dialect: str = DEFAULT, extra: str = ""
) -> LlmApi:
    """Who is asked, as the provider node says it."""
    text = credential.strip()
    return LlmApi(
        provider=providers.get(provider).name,
        base_url=base_url.strip() or None,
        credential=named(text) or text,
        dialect=None if dialect in ("", DEFAULT) else dialect,
        extra=_fields(extra),
    )


def local(model: str, custom_model: str = "", unload_after: bool = False) -> LlmApi:
    """A model of the embedded engine. What is missing for it is said here, before anything is asked."""
    from ..local.machine import check
    from ..local.models import resolve

    name = custom_model.strip() or model
    check()
    resolve(name)
    return LlmApi(provider=LOCAL, model=name, unload=unload_after)


def _address(inputs: Mapping[str, Any]) -> str:
    """The address that a key typed into the provider node is for: that node's own."""
    return str(inputs.get("base_url") or "").strip() or providers.get(str(inputs.get("provider"))).base_url


def _is_key(text: str, vault: Vault) -> bool:
    """Whether this is a key where a key's name belongs."""
    if len(text) < 20 and not text.startswith("sk-"):
        return False
    return text not in {stored.name for stored in vault.credentials.list()}


CREDENTIAL: Mapping[str, KeyWidget] = {
    "AntiphonProvider": KeyWidget(
        inputs=("credential",), provider="antiphon", address=_address, is_key=_is_key
    )
}


# --------------------------------------------------------------------------------------------- what


def config(
    model: str = DEFAULT,
    custom_model: str = "",
    *,
    reasoning: str = DEFAULT,
    reasoning_budget: int = 0,
    stop: str = "",
    modalities: str = DEFAULT,
    aspect_ratio: str = "",
    adapt: bool = True,
    extra: str = "",
    **numbers: float,
) -> LlmConfig:
    """Model and settings, as the config node says them. RequestError names a wrong one and its range."""
    if modalities not in MODALITIES:
        raise RequestError(
            f"modalities is one of {', '.join(MODALITIES)}, not {modalities!r}", field="modalities"
        )
    level = None if reasoning in ("", DEFAULT) else reasoning
    whole = Config(
        model=custom_model.strip() or ("" if model == DEFAULT else model),
        reasoning=cast("Reasoning | None", reasoning_budget if reasoning_budget > 0 else level),
        stop=tuple(line.replace("\\n", "\n").replace("\\t", "\t") for line in stop.splitlines() if line),
        modalities=cast("tuple[Modality, ...]", MODALITIES[modalities]),
        aspect_ratio=aspect_ratio.strip() or None,
        extra=_fields(extra),
        **{name: value for name, value in numbers.items() if _is_set(name, value)},  # pyright: ignore[reportArgumentType]
    )
    return LlmConfig(config=whole, adapt=adapt)


def _is_set(name: str, value: float) -> bool:
    return value > 0 if name in ABOVE_ZERO else value >= LOWEST[name]


def _fields(text: str, name: str = "extra") -> Mapping[str, Any]:
    """A JSON object typed into a widget; empty for nothing."""
    if not text.strip():
        return FrozenDict()
    found = _json(text, name)
    if not isinstance(found, dict):
        raise RequestError(f"{name} is a JSON object, as {{…}}", field=name)
    return cast("dict[str, Any]", found)


def _json(text: str, name: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{name} is no JSON: {error}", field=name) from None


def response_format(schema: str) -> Schema | str | None:
    """What the widget `schema` asks for: nothing, any JSON ("json"), or JSON by a schema."""
    text = schema.strip()
    if not text:
        return None
    if text.lower() == "json":
        return "json"
    return Schema.of(_fields(text, "schema"))


# ---------------------------------------------------------------------------------------------- ask


def question(prompt: str, *, before: object = None, system: str = "", media: Iterable[Any] = ()) -> Messages:
    """The messages of one question: the system prompt, the turns before, the prompt behind its media."""
    earlier = () if before is None else conversation(before)
    given = tuple(media)
    if given or prompt.strip() or not earlier:
        earlier = (*earlier, Message("user", *given, *((prompt,) if prompt or not given else ())))
    return (Message("system", system), *earlier) if system.strip() else earlier


def prompts(texts: Iterable[str], *, one_per_line: bool) -> list[str]:
    """The prompts in a list of texts: every line that is not blank, or each text. RequestError where there is none."""
    found = [
        line for text in texts for line in (text.splitlines() if one_per_line else [text]) if line.strip()
    ]
    if not found:
        raise RequestError(
            "there are no prompts", field="prompts", hint="Type one a line, or connect a list."
        )
    return found


def asked(
    api: object,
    config: object,
    *,
    seed: int,
    schema: str = "",
    replay: str = "auto",
    timeout: float = 0.0,
) -> dict[str, Any]:
    """The settings of the library's doors for one question. Without an api the embedded model is asked."""
    who = LlmApi(provider="") if api is None else checked(api, LlmApi, "api")
    what = LlmConfig(config=Config()) if config is None else config
    given = settings(who, renamed(what, who), seed=seed)
    form = response_format(schema)
    if form is not None:
        given["config"] = replace(given["config"], response_format=form)
    return {**given, "replay": replay, **({"timeout": float(timeout)} if timeout > 0 else {})}


def items(value: object) -> list[str]:
    """The items of a JSON array, or of the one array among an object's members, each as text."""
    members = cast("dict[str, object]", value).values() if isinstance(value, dict) else [value]
    arrays = [cast("list[object]", member) for member in members if isinstance(member, list)]
    if len(arrays) != 1:
        return []
    return [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in arrays[0]]
