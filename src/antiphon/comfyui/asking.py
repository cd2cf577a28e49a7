"""What the nodes make of their widgets: the values for the sockets. No ComfyUI and no torch in here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

from .. import providers
from ..call import Secret
from ..errors import RequestError
from ..request import Config, Message, Modality, Role
from .keys import REFERENCE, KeyWidget, Vault, named
from .models import APIS, IMAGE_MODEL, MODALITIES, OriginalApi
from .models import renamed as renamed_model
from .sockets import LlmApi, LlmConfig, Messages, checked

__all__ = [
    "KEY_WIDGETS",
    "api",
    "config",
    "conversation",
    "picture_config",
    "renamed",
    "said",
]

# What people paste behind the address: the path that the protocol adds by itself.
_PATHS = re.compile(r"/(chat/completions|completions|responses|messages|models)$")


# ---------------------------------------------------------------------------------------------- who


def api(node_id: str, inputs: Mapping[str, Any], vault: Vault) -> LlmApi:
    """The value that an API node of the original hands on."""
    original = APIS[node_id]
    widget = KEY_WIDGETS[node_id]
    parts = tuple(str(inputs.get(name) or "").strip() for name in original.keys)
    provider, base_url = _where(original, str(inputs.get("endpoint") or ""))
    return LlmApi(
        provider=provider,
        base_url=base_url,
        credential=_credential(parts, widget, inputs, vault, node_id),
        extra={"region": inputs[original.region]} if original.region else {},
    )


def _credential(
    parts: tuple[str, ...],
    widget: KeyWidget,
    inputs: Mapping[str, Any],
    vault: Vault,
    node_id: str,
) -> str:
    """The name of the key. A literal one comes here only over a link from another node: it is kept now."""
    if not any(parts):
        return ""
    name = named(parts[0])
    if name is not None:
        return name
    joined = widget.joined(parts)
    reference = (
        vault.reference(Secret(joined), widget.provider, widget.address(inputs), node_id)
        if joined
        else REFERENCE
    )
    return cast("str", named(reference))


def _where(original: OriginalApi, endpoint: str) -> tuple[str, str | None]:
    """Provider and address. The provider's own address goes without saying; another server may be another provider."""
    address = _PATHS.sub("", endpoint.strip().rstrip("/")).rstrip("/")
    provider = providers.get(original.provider)
    if not address or address == provider.base_url:
        return provider.name, None
    host = _host(address)
    if original.elsewhere and host not in provider.own_hosts:
        return original.elsewhere, address
    return provider.name, address


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _address(original: OriginalApi, inputs: Mapping[str, Any]) -> str:
    """The address that a key typed into this node is for."""
    if original.region:
        region = inputs.get(original.region)
        for host in providers.get(original.provider).hosts:
            if f"-runtime.{region}." in host:
                return f"https://{host}"
        raise RequestError(f"{region!r} is not a region of {original.provider}", field=original.region)
    endpoint = inputs.get("endpoint")
    return (endpoint.strip() if isinstance(endpoint, str) else "") or original.endpoint


def _aws(parts: tuple[str, ...]) -> str | None:
    """An AWS access key as one text: id, secret, and the token of temporary ones."""
    access, secret, *_ = parts
    return ":".join(part for part in parts if part) if access and secret else None


KEY_WIDGETS: Mapping[str, KeyWidget] = {
    node_id: KeyWidget(
        inputs=original.keys,
        provider=original.provider,
        address=lambda inputs, original=original: _address(original, inputs),
        joined=_aws if len(original.keys) > 1 else lambda parts: parts[0],
    )
    for node_id, original in APIS.items()
}


# --------------------------------------------------------------------------------------------- what


def config(model: str, max_tokens: int, temperature: float) -> LlmConfig:
    """The settings that the original had."""
    return LlmConfig(config=Config(model=model, max_tokens=max_tokens, temperature=temperature))


def picture_config(temperature: float, modalities: str, aspect_ratio: str) -> LlmConfig:
    """The original's settings for pictures."""
    return LlmConfig(
        config=Config(
            model=IMAGE_MODEL,
            max_tokens=8192,
            temperature=temperature,
            modalities=cast("tuple[Modality, ...]", MODALITIES[modalities]),
            aspect_ratio=None if aspect_ratio == "auto" else aspect_ratio,
        )
    )


def renamed(config: object, api: object) -> LlmConfig:
    """`config` with the model's name as this provider calls it."""
    found, who = checked(config, LlmConfig, "config"), checked(api, LlmApi, "api")
    model = renamed_model(found.config.model, who.provider)
    return replace(found, config=replace(found.config, model=model))


def said(role: str, text: str, before: object = None, images: Iterable[Any] = ()) -> Messages:
    """One more turn behind those `before`. Pictures come first, the order that vision models want."""
    from .convert import from_image

    media = [medium for image in images for medium in from_image(image)]
    parts = (*media, text) if text or not media else tuple(media)
    earlier = () if before is None else conversation(before)
    return (*earlier, Message(cast("Role", role), *parts))


def conversation(messages: object) -> Messages:
    """`messages` if they are ours."""
    turns = cast("Messages", checked(messages, tuple, "messages"))  # pyright: ignore[reportUnknownArgumentType]
    for message in turns:
        checked(message, Message, "messages")
    return turns
