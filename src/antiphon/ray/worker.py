"""What runs on the cluster: an actor that asks for whole answers and hands the raw replies back. It records nothing."""

from __future__ import annotations

import asyncio
import os
import secrets as randomness
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import providers
from ..call import Reply
from ..client import Client
from ..credentials import Credentials
from ..dialects import Model
from ..errors import AntiphonError
from ..limits import Account
from ..places import home
from ..replay import Store
from ..request import Delivery, Request
from ..road import Asked
from ..transport import Limits, Transport
from .gate import Pauses, Shared
from .sealing import Handed, Token, Unknown, Wanted

__all__ = ["Answer", "Card", "Order", "Worker"]


@dataclass(frozen=True, slots=True)
class Order:
    """One request for a worker. No key is in it: `number` says which one was given as an argument, if one was.

    `row` is what the provider's listing says of the model, where whoever orders it knows.
    """

    request: Request
    delivery: Delivery
    credential: str = ""
    number: int | None = None
    row: Model | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The body that went out, the raw reply, and the notes on how the request was put."""

    sent: bytes
    reply: Reply
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """Who this worker is since it started: a name of its own, and its process id."""

    name: str
    pid: int


class _Transport(Transport):
    """A transport whose accounts are the cluster's."""

    def __init__(self, worker: str, gate: Any, handed: Handed) -> None:
        super().__init__()
        self._worker = worker
        self._gate = gate
        self._handed = handed
        self._payers: dict[str, str] = {}
        self.pauses = Pauses(self._news, self.clock.now)

    async def send(self, call: Any, delivery: Delivery, *, account: str = "", **how: Any) -> Reply:
        # The name that the road gives holds a hash, which is another one in each process.
        payer = f"{account.rpartition(' ')[0]} {self._handed.label(call.secrets)}"
        self._payers[account] = payer
        return await super().send(call, delivery, account=account, **how)

    def new_account(self, name: str) -> Account:
        payer = self._payers.get(name, name)
        return self.pauses.heeded(Shared(payer, self._worker, self._tell, self.clock.now))

    async def _news(self, turn: int) -> tuple[int, dict[str, float]]:
        # Asked again by `Pauses`, and not by Ray, which would say on the terminal that a gate has ended.
        return await self._gate.heard.options(max_task_retries=0).remote(turn)

    def _tell(self, method: str, *args: Any) -> Any:
        told = getattr(self._gate, method)
        if (
            method == "leave"
        ):  # a gate that has ended holds no place, and Ray would say on the terminal that it tries again
            told = told.options(max_task_retries=0)
        return told.remote(*args)


class Worker:
    """One process of a cluster that asks. Its methods are called through Ray, all in one event loop.

    It takes nothing when it is made: Ray could start it again only as long as it could find that.
    """

    def __init__(self) -> None:
        self._name = randomness.token_hex(8)
        self._handed = Handed(Credentials(home()))
        self._client: Client | None = None
        self._listening: asyncio.Task[None] | None = None

    async def begin(self, gate: Any, limits: Mapping[str, Limits], prompt_caching: bool) -> Card:
        """Get ready, and say who it is. Has to be called before anything is asked, and after each start again."""
        if self._client is None:
            transport = _Transport(self._name, gate, self._handed)
            await transport.pauses.hear()
            self._listening = asyncio.create_task(transport.pauses.listen())
            self._client = Client(
                store=Store(home() / "replay.sqlite"),  # never opened
                credentials=self._handed,  # type: ignore[arg-type]
                transport=transport,
                limits=limits,
                prompt_caching=prompt_caching,
            )
            self._client.road.purse = None  # whoever orders, pays
        return Card(self._name, os.getpid())

    async def take(self, wanted: Wanted, sealed: bytes) -> None:
        """Keep a key that was sealed for this worker."""
        self._handed.take(wanted, sealed)

    async def ask(self, order: Order) -> Answer | tuple[Wanted, bytes] | AntiphonError | None:
        """Carry one request out. Errors are given and not raised: Ray would write what is raised into its logs.

        A key that has to be handed over first is given back with what it has to be sealed with; None says that this
        process has just been started, and `begin` not been called.
        """
        if self._client is None:
            return None
        try:
            fetched = await self._client.road.carried_out(self._asked(order))
        except Unknown as unknown:
            return unknown.wanted, self._handed.public
        except AntiphonError as error:
            # Without its causes and frames, which know more than it says.
            return error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - a fault of ours, without its frames too
            return AntiphonError(f"a worker failed: {type(error).__name__}: {self._handed.scrub(str(error))}")
        return Answer(fetched.sent, fetched.reply, fetched.ready.notes)

    def _asked(self, order: Order) -> Asked:
        return Asked.of(
            order.request,
            providers.get(order.request.provider),
            order.delivery,
            credential=order.credential,
            given=None if order.number is None else Token(order.number),
            row=order.row,
        )
