"""What an answer costs, in US dollars.

The provider's own figure comes first, where it states one. Else the price list of the `genai-prices` package (extra
`prices`), by this one call's usage: prices depend on its size, so sums over several calls are sums of prices, never
prices of sums. The list is the one inside the package: nothing is fetched. What nobody knows is None, never zero.

Importing the list takes a few tenths of a second, so it happens when a price is first asked for, and never on the road
of a request without a budget.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal, cast

from . import providers
from .completion import Completion, Usage
from .errors import RequestError

__all__ = ["Price", "Rates", "dollars", "known_price", "listed", "loaded", "price", "rates"]

Source = Literal["provider", "genai-prices", "own machine"]


@dataclass(frozen=True, slots=True)
class Price:
    """What an answer costs to make, in US dollars, and who says so.

    `source` is "provider" (its own figure), "genai-prices" (list prices, at today's rates) or "own machine" (0).
    `input` and `output` are its two parts, where they are known.
    """

    usd: float
    source: Source
    input: float | None = None
    output: float | None = None


def price(completion: Completion) -> Price | None:
    """What `completion` costs to make; None where that is not known.

    For a replayed one too: it says what the answer would cost anew, while `completion.replayed` says that nothing was
    paid this time. RequestError where a price list is needed and the extra `prices` is not installed.
    """
    usage = completion.usage
    if usage.cost is not None:
        return Price(usage.cost, "provider")
    if completion.provider not in providers.names():
        return None
    provider = providers.get(completion.provider)
    if provider.costs_nothing(completion.base_url):
        return Price(0.0, "own machine", 0.0, 0.0)
    found = rates(provider, completion.model, completion.requested_model)
    return None if found is None else found.price(usage)


def dollars(usd: float) -> str:
    """An amount for people: three digits that say something, cents at least (``$0.00125``, ``$0.50``, ``$12.00``)."""
    if usd <= 0:
        return "$0"
    places = min(max(2, 2 - math.floor(math.log10(usd))), 9)
    whole, _, rest = f"{usd:,.{places}f}".partition(".")
    return f"${whole}.{rest.rstrip('0').ljust(2, '0')}"


# ------------------------------------------------------------------------------------ the price list


@dataclass(frozen=True, slots=True)
class Rates:
    """One model in the price list. `context` is the most tokens it takes in, or None."""

    provider: str
    model: str
    context: int | None

    def price(self, usage: Usage) -> Price | None:
        """The price of one call with this usage; None where usage or rates do not tell it."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        genai = _genai()
        context = {"service_tier": usage.tier, "speed": usage.tier} if usage.tier else None
        try:
            found = genai.calc_price(
                genai.Usage(**_counts(usage)), self.model, provider_id=self.provider, price_context=context
            )
        except (LookupError, ValueError):  # what is counted contradicts itself
            return None
        if not _covers(cast("Mapping[str, Any]", found.model_price.__dict__), usage):
            return None
        return Price(
            float(found.total_price), "genai-prices", float(found.input_price), float(found.output_price)
        )


def known_price(completion: Completion) -> Price | None:
    """`price`, with None too where the price list is not installed: for whoever only shows it."""
    try:
        return price(completion)
    except RequestError:
        return None


def rates(provider: providers.Provider, answered: str, asked: str = "") -> Rates | None:
    """The rates of a model, by the name in the answer or the name asked for; None where the list has none.

    RequestError where the price list is not installed.
    """
    if not provider.price_id:
        return None
    if provider.price_names is not None:
        return _first(provider.price_id, provider.price_names(answered, asked))
    return _first(provider.price_id, (answered, asked))


def _first(provider_id: str, names: Iterable[str]) -> Rates | None:
    return next((found for name in names if name and (found := listed(provider_id, name))), None)


@lru_cache(maxsize=1024)
def listed(provider_id: str, name: str) -> Rates | None:
    """The model of this name in the price list, or None."""
    genai = _genai()
    try:
        calculated = genai.calc_price(genai.Usage(), name, provider_id=provider_id)
    except LookupError:
        return None
    return Rates(provider_id, name, calculated.model.context_window)


def _counts(usage: Usage) -> Mapping[str, int]:
    """Usage in the price list's names. Both count cached tokens inside the input and reasoning inside the output."""
    said = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        **usage.details,
    }
    return {name: number for name, number in said.items() if number}


def _covers(rated: Mapping[str, Any], usage: Usage) -> bool:
    """Whether there are rates for both ways. Without one the list says 0, which is not a price."""
    ways = ((usage.input_tokens, "input_mtok"), (usage.output_tokens, "output_mtok"))
    return all(rated.get(rate) is not None for tokens, rate in ways if tokens)


def loaded() -> bool:
    """Whether the price list is in memory already."""
    return "genai_prices" in sys.modules


@cache
def _genai() -> Any:
    try:
        return importlib.import_module("genai_prices")
    except ImportError:
        new_enough = sys.version_info >= (3, 11)
        raise RequestError(
            "the price list is not installed",
            field="price",
            hint="Install it with: pip install 'antiphon[prices]'"
            + ("" if new_enough else " (its package needs Python 3.11 or newer)"),
        ) from None
