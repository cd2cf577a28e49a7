"""What there is to ask: the providers, for the page to begin with, and their models."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .. import providers
from ..completion import Usage
from ..errors import RequestError
from ..prices import rates
from .messages import reply
from .site import Asked, Site

if TYPE_CHECKING:
    from ..client import Client, Settings
    from ..dialects import Model
    from ..listings import Listing

__all__ = ["models", "start"]

SAMPLE = 1000  # tokens that a price is asked for; lists have other prices for very long prompts
MILLION = 1_000_000


def start(site: Site) -> dict[str, Any]:
    """Providers, and what may be spent. Imports all providers, so it is no work for an event loop."""
    return {
        "providers": [_provider(providers.get(name)) for name in providers.names()],
        "budget": _budget(site),
    }


def _provider(provider: providers.Provider) -> dict[str, Any]:
    return {
        "name": provider.name,
        "title": provider.title,
        "hosts": list(provider.own_hosts),
        "keyless": provider.key == "none",
        "key": provider.key,
        "needs_base_url": not provider.base_url and provider.open is None and provider.answer is None,
        "default_model": provider.default_model or None,
    }


def _budget(site: Site) -> dict[str, Any] | None:
    """The caps on spending, in US dollars, or None where there are none."""
    from ..spending import Budget

    del site
    try:
        found = Budget.of_environment()
    except RequestError as error:
        return {"problem": error.message}
    return None if found is None else {"day": found.day, "process": found.process, "unknown": found.unknown}


# --------------------------------------------------------------------------------------------- models


async def models(asked: Asked) -> web.Response:
    """A provider's models: those that are known here, or with refresh=1 those that it lists now."""
    params, client = asked.params, asked.site.client()
    name, base_url = params.text("provider"), params.text("base_url", "") or None
    if params.flag("refresh"):
        settings: Settings = {"credential": params.text("credential", "") or None, "timeout": 60.0}
        if base_url:
            settings["base_url"] = base_url
        await client.alisting(name, **settings)
    return reply(await asyncio.to_thread(_models, client, name, base_url))


def _models(client: Client, name: str, base_url: str | None) -> dict[str, Any]:
    provider = providers.get(name)
    listing = client.known_listing(name, base_url=base_url)
    rows = _rows(listing, provider)
    return {
        "models": [_model(row, provider, base_url) for row in rows],
        "listed_at": listing.fetched if listing and provider.listing is None else None,
        "known_only": listing is None,
        "default_model": provider.default_model or None,
    }


def _rows(listing: Listing | None, provider: providers.Provider) -> list[Model]:
    """The rows of the listing, else the names that the table of facts has of this provider's makers."""
    if listing is not None:
        return list(listing.models)
    from ..providers._facts import TABLE, read

    makers = {maker.name for maker in provider.makers}
    names = dict.fromkeys(name for row in read(TABLE) if row.maker in makers for name in row.examples)
    return [providers.facts(provider.name, name) for name in names]


def _model(row: Model, provider: providers.Provider, base_url: str | None) -> dict[str, Any]:
    return {
        "id": row.name,
        "name": row.title or row.name,
        "context": row.context,
        "max_output": row.max_output,
        "takes": _sorted(row.inputs),
        "makes": _sorted(row.outputs),
        "abilities": _sorted(row.takes),
        "refuses": _sorted(row.refuses),
        "price": _price(row.name, provider, base_url),
        "last_day": row.retires,
        "replaced_by": row.replaced_by,
        "created": row.created,
    }


def _sorted(words: frozenset[str] | None) -> list[str] | None:
    return None if words is None else sorted(words)


def _price(model: str, provider: providers.Provider, base_url: str | None) -> dict[str, float] | None:
    """US dollars for a million tokens in and out, where the list knows them and is installed."""
    if provider.costs_nothing(base_url):
        return {"input": 0.0, "output": 0.0}
    try:
        found = rates(provider, model)
    except RequestError:
        return None
    price = found and found.price(Usage(input_tokens=SAMPLE, output_tokens=SAMPLE))
    if not price or price.input is None or price.output is None:
        return None
    return {
        "input": round(price.input * MILLION / SAMPLE, 6),
        "output": round(price.output * MILLION / SAMPLE, 6),
    }
