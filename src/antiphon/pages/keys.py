"""Credentials: their names, hosts and places go out, their values only come in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .. import providers
from ..call import Secret
from ..errors import AntiphonError, ReplyError, RequestError
from ..trial import tried
from ..vault import REFERENCE
from .messages import Params, as_error, reply
from .site import Asked

if TYPE_CHECKING:
    from ..client import Client, Settings

__all__ = ["kept", "listed", "removed", "stored", "tested"]

MOST_HOSTS = 100
PATIENCE = 30.0  # seconds for a provider to say whether it takes a key


async def listed(asked: Asked) -> web.Response:
    """The stored credentials, and the providers whose key is in the environment."""
    return reply(await asyncio.to_thread(_listed, asked.site.client()))


def _listed(client: Client) -> list[dict[str, Any]]:
    credentials = client.credentials
    found = [providers.get(name) for name in providers.names()]
    environment = [
        {"name": one.name, "hosts": list(one.own_hosts), "source": where, "provider": one.name}
        for one in found
        if (where := credentials.where(one.name, env=one.key_env)) and where.startswith("environment")
    ]
    stored = [
        {
            "name": kept.name,
            "hosts": list(kept.hosts),
            "source": kept.where,
            "provider": _whose(kept.name, kept.hosts, found),
        }
        for kept in credentials.list()
    ]
    return [*environment, *stored]


def _whose(name: str, hosts: tuple[str, ...], found: list[providers.Provider]) -> str | None:
    """The provider that a key is for: the one it is called after, else the one whose own host it goes to."""
    if name in providers.names():
        return name
    return next((one.name for one in found if set(one.own_hosts) & set(hosts)), None)


async def stored(asked: Asked) -> web.Response:
    """Store a key under a name, for a provider's own hosts or for those that are given."""
    params = asked.params
    name, key = params.text("name"), Secret(params.text("value"))
    hosts = _hosts(params)
    kept = await asyncio.to_thread(asked.site.client().credentials.set, name, key, hosts=hosts)
    return reply({"name": kept.name, "hosts": list(kept.hosts), "source": kept.where, "note": kept.note})


def _hosts(params: Params) -> list[str]:
    if params.any("hosts"):
        return params.texts("hosts", MOST_HOSTS)
    address = params.text("base_url", "")
    if address:
        return [address]
    own = list(providers.get(params.text("provider")).own_hosts)
    if not own:
        raise RequestError("say which hosts this key may go to", field="hosts")
    return own


async def removed(asked: Asked) -> web.Response:
    """Forget a stored key."""
    name = asked.params.text("name")
    await asyncio.to_thread(asked.site.client().credentials.remove, name)
    return reply({"removed": name})


async def kept(asked: Asked) -> web.Response:
    """Store a key that stood in a widget under a name of its own; what stands in the widget now."""
    params = asked.params
    key, provider = Secret(params.text("value").strip()), providers.get(params.text("provider"))
    if params.text("value").strip().startswith(REFERENCE):
        raise RequestError("this is the name of a key, not a key", field="value")
    address = params.text("endpoint", "") or provider.address_here or provider.base_url
    if not address:
        raise RequestError(f"provider {provider.name} has no address of its own", field="endpoint")
    name = await asyncio.to_thread(asked.site.vault.keep, key, provider.name, address)
    return reply({"reference": REFERENCE + name})


async def tested(asked: Asked) -> web.Response:
    """Ask a provider for its models with this key: nothing is generated, and the key goes to its own hosts only.

    Where anybody is told the models, that proves nothing, and the reply says so.
    """
    params, client = asked.params, asked.site.client()
    name, provider = params.text("name"), providers.get(params.text("provider"))
    if provider.key == "none":
        return reply({"ok": True, "proven": False, "message": f"{provider.name} needs no key"})
    settings: Settings = {"timeout": PATIENCE, "retries": 0}
    if params.text("base_url", ""):
        settings["base_url"] = params.text("base_url")
    with_key: Settings = settings if name == provider.name else {**settings, "credential": name}
    try:
        found = await tried(client, provider.name, with_key)
    except AntiphonError as error:
        status = error.status if isinstance(error, ReplyError) else None
        return reply({"ok": False, "proven": True, **as_error(error), "status": status})
    return reply({"ok": True, "proven": found.proven, "message": found.told, "status": 200})
