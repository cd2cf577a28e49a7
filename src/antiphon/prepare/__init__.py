"""What is sent for what is asked: a request made ready for one provider and model.

The key is made from the request as it was asked; what goes out may differ from it where the caller allows it or
a limit demands it. Each step is a function from a request to a request and the notes that say what it changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ..completion import Completion
from ..providers import Provider, Way
from ..request import Delivery, Request
from . import lifecycle, structured

__all__ = ["Prepared", "prepared", "unanswered"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it goes out, and what the user should know about how it came to differ from what was asked."""

    request: Request
    notes: tuple[str, ...] = ()


def prepared(
    request: Request, provider: Provider, way: Way, delivery: Delivery, day: date | None = None
) -> Prepared:
    """`request` as it goes out to `provider` by `way`. RequestError for what cannot be honoured.

    Quick: no network, no files but the table of model facts, once. JSON comes before the other settings, since a
    format that the model does not take is neither refused nor left out but asked for in words. The same request on the
    same `day` (today, unless given) gives the same result, so that a replay can say again what was changed when it was
    recorded.
    """
    notes: list[str] = []
    if delivery.adapt:
        request, notes = lifecycle.succeeded(request, provider, day)
    request, told = structured.instructed(request, way)
    notes += told
    if delivery.adapt:
        from .adapt import adapted

        request, changes = adapted(request, provider, way)
        notes += changes
    return Prepared(request, (*notes, *way.notes(request), *lifecycle.notes(request, provider, day)))


def unanswered(request: Request, completion: Completion) -> tuple[str, ...]:
    """That the whole limit went into reasoning, where no answer came."""
    if completion.finish_reason != "length" or completion.text or completion.media:
        return ()
    limit = request.config.max_tokens
    given = f"max_tokens={limit}" if limit else "the limit"
    return (
        f"{given} was used up before any answer came: reasoning counts toward it; raise it, or set reasoning='low'",
    )
