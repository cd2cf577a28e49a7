"""Models come and go: what the table of facts says about when, and what to use then.

The table may be wrong or old, so a retired model is asked all the same; only `adapt` asks its successor instead,
and only where the maker itself serves its models. Days are whole days; a model is taken to be gone from the day
after the one that the table names.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache
from urllib.parse import urlsplit

from ..errors import NotFound, Rejected, ReplyError
from ..providers import Provider, facts
from ..request import Request

__all__ = ["hint", "notes", "succeeded", "today"]

SOON = 90  # days before the end from which it is told
# Statuses with which a provider may say that it does not know a model; Bedrock says it with 400.
UNKNOWN = (400, 404, 410)


def today() -> date:
    """The day it is here."""
    return date.today()


def notes(request: Request, provider: Provider, day: date | None) -> tuple[str, ...]:
    """That the model will be retired soon after `day` (today, unless given), if so."""
    return _soon(provider.name, request.model, day or today()) if _is_theirs(request, provider) else ()


def hint(error: ReplyError, request: Request, provider: Provider, day: date) -> str:
    """When the model was retired and what replaced it, where that may be why the provider does not take the request."""
    doubtful = isinstance(error, NotFound | Rejected) and error.status in UNKNOWN
    return _gone(provider.name, request.model, day) if doubtful and _is_theirs(request, provider) else ""


def succeeded(request: Request, provider: Provider, day: date | None) -> tuple[Request, list[str]]:
    """`request` to the successor of a retired model, and the note that says so; as it is where there is none."""
    name, note = (
        _successor(provider.name, request.model, day or today())
        if _is_theirs(request, provider)
        else ("", "")
    )
    if not name:
        return request, []
    return replace(request, config=replace(request.config, model=name)), [note]


def _is_theirs(request: Request, provider: Provider) -> bool:
    """Whether the request goes to the provider's own address: another server has dates of its own."""
    if not provider.makers or request.identity:
        return False
    return request.base_url is None or urlsplit(request.base_url).hostname in provider.own_hosts


@lru_cache(maxsize=4096)
def _soon(provider: str, model: str, day: date) -> tuple[str, ...]:
    known = facts(provider, model)
    if known.retires is None or not 0 <= (date.fromisoformat(known.retires) - day).days <= SOON:
        return ()
    then = f"use {known.replaced_by} then" if known.replaced_by else "no replacement is known yet"
    return (f"{model} will be retired on {known.retires}: {then}",)


@lru_cache(maxsize=4096)
def _gone(provider: str, model: str, day: date) -> str:
    known = facts(provider, model)
    if known.retires is None or date.fromisoformat(known.retires) >= day:
        return ""
    instead = f"use {known.replaced_by}" if known.replaced_by else "choose another"
    where = "" if known.details["dates"] == "own" else " by its maker"
    return f"{model} was retired{where} on {known.retires}: {instead}, or list what there is with `antiphon models {provider}`."


@lru_cache(maxsize=4096)
def _successor(provider: str, model: str, day: date) -> tuple[str, str]:
    known, seen = facts(provider, model), {model}
    when, name = known.retires, model
    while _is_over(provider, name, day) and (then := facts(provider, name).replaced_by) and then not in seen:
        seen.add(then)
        name = then
    if name == model:
        return "", ""
    return name, f"{name} was asked in place of {model}, which was retired on {when}"


def _is_over(provider: str, model: str, day: date) -> bool:
    known = facts(provider, model)
    own = known.retires is not None and known.details["dates"] == "own"
    return own and date.fromisoformat(known.retires or "") < day
