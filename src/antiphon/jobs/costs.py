"""What a batch costs while it runs: prices are looked up beside it, in a thread, so that no row waits for them."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from .. import prices
from ..completion import Completion

__all__ = ["Costs"]

ENDING_TIME = 30.0  # seconds that the last prices may take


class Costs:
    """US dollars of the answers that were paid for. What nobody knows is counted, and is no part of the sum.

    Reading the price list takes a few tenths of a second, and each price a tenth of a millisecond: both happen in a
    thread that is started with the first answer whose provider states no cost itself.
    """

    def __init__(self) -> None:
        self._stated = self._listed = 0.0
        self._known = self._listed_known = self._unknown = 0
        self._waiting: SimpleQueue[Completion | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def add(self, paid: Completion) -> None:
        """Count one answer that was paid for."""
        if paid.usage.cost is not None:
            self._stated += paid.usage.cost
            self._known += 1
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._price, name="antiphon-prices", daemon=True)
            self._thread.start()
        # Only what decides the price: the answer itself may be large.
        self._waiting.put(
            Completion(
                text="",
                usage=paid.usage,
                provider=paid.provider,
                model=paid.model,
                requested_model=paid.requested_model,
                base_url=paid.base_url,
            )
        )

    def _price(self) -> None:
        while (paid := self._waiting.get()) is not None:
            price = prices.known_price(paid)
            if price is None:
                self._unknown += 1
            else:
                self._listed += price.usd
                self._listed_known += 1

    def end(self) -> None:
        """Wait until all that came is priced."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(ENDING_TIME)
            self._thread = None

    @property
    def usd(self) -> float | None:
        """The sum of the known ones; None where none is known."""
        return self._stated + self._listed if self.known else None

    @property
    def known(self) -> int:
        """How many answers have a price."""
        return self._known + self._listed_known

    @property
    def unknown(self) -> int:
        """How many answers were paid for, and nobody knows what they cost."""
        return self._unknown

    def estimate(self, more: int) -> float | None:
        """The sum if `more` answers cost as much each as those so far. None where a price is not known."""
        spent = self.usd
        return None if spent is None or self.unknown else spent + spent / self.known * more
