"""What is sent for what is asked: a request made ready for one provider and model.

The key is made from the request as it was asked; what goes out may differ from it where the caller allows it or
a limit demands it. Each step is a function from a request to a request and the notes that say what it changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..providers import Provider, Way
from ..request import Delivery, Request
from . import structured

__all__ = ["Prepared", "prepared"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it goes out, and what the user should know about how it came to differ from what was asked."""

    request: Request
    notes: tuple[str, ...] = ()


def prepared(request: Request, provider: Provider, way: Way, delivery: Delivery) -> Prepared:
    """`request` as it goes out to `provider` by `way`. RequestError for what cannot be honoured.

    Pure and quick: no network, no files. JSON comes first, since a format that the model does not take is neither
    refused nor left out but asked for in words. The same request gives the same result, so that a replay can say again
    what was changed.
    """
    del provider, delivery
    request, told = structured.instructed(request, way)
    return Prepared(request, (*told, *way.notes(request)))
