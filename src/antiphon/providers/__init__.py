"""Who to ask: one small file for each provider; the file's name is the provider's name.

A provider is data. What it needs beyond an address, a credential, a dialect and its quirks (the embedded
model has to be started first) is one function on it, never a branch in shared code.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import ModuleType
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from ..call import Call, Reply, Secret
from ..dialects import Dialect, Model, Quirks
from ..dialects._jobs import Jobs
from ..errors import ReplyError, RequestError
from ..request import Request, checked_base_url
from ..transport import Answer, Limits, is_loopback
from ._facts import LEVELS, Maker, facts
from ._offline import Engine

__all__ = ["LEVELS", "Endpoint", "Files", "Limits", "Maker", "Provider", "Way", "facts", "get", "names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where the files of jobs are kept, if not with the provider itself.

    A key is looked for that may go to `base`. `address` gives a file's URL by its name, `sign` signs a call to it just
    before it goes out, `error` is the typed error for a refusal.
    """

    base: str
    address: Callable[[str], str]
    sign: Callable[[Call], Awaitable[Call]]
    error: Callable[[Reply], ReplyError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where one request goes once the provider is ready: address, extra headers, and fields to merge into the body.

    `models_base` is where the models are listed, if not there too; `files` says where a job's files are kept, if
    elsewhere. `stream` asks for the answer in pieces even where it is wanted whole: for a server that only while it
    streams notices that nobody listens any more.
    """

    base_url: str
    headers: Mapping[str, str | Secret] = field(default_factory=dict[str, "str | Secret"])
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    models_base: str = ""
    stream: bool = False
    files: Callable[[], Files] | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask a provider: a dialect and the quirks of this provider in it."""

    dialect: Dialect
    quirks: Quirks

    def notes(self, request: Request) -> tuple[str, ...]:
        """What the user should know about how the request was put, such as a limit that had to be filled in."""
        extra = request.config.extra
        told = (text for name, text in self.quirks.noted.items() if extra.get(name))
        return (*self.dialect.notes(request, self.quirks), *told)


Open = Callable[[Request], AbstractAsyncContextManager[Endpoint]]
Sign = Callable[[Request, Call], Awaitable[Call]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Who is asked.

    `ways` maps dialect names to ways; the first is the default. `base_url` is the provider's own address, or empty
    where the user must give one; `base_path` is added to a user's address that has no path. `base_url_env` is the
    variable with which the provider's own package is sent elsewhere, and what is added to the address in it: it counts
    like a base_url that is given.

    `key_env` lists the environment variables that may hold its key, which goes only to `base_url`'s host, to `hosts`,
    and to the host of the address in the environment variable `address_env`. `auth` is "bearer" or the name of the
    header that carries the key. `sign` signs a call just before it goes out, each time, unless it carries a key that
    needs no signature.

    Its models are listed at `models_path`, and the rest at `more_models` where that is not all; not every key may
    see the rest.

    `identity` adds what else decides the answer to the key; `open` makes the provider ready for one request (starts the
    embedded model); `answer` replaces the network (echo). `makers` says whose models it serves, for the table of model
    facts; `listing` gives its models without a network; `notice` says what a person should know who chooses a model,
    or nothing.

    What it costs: `price_id` is its name in the genai-prices package, empty where that has no prices of it;
    `price_names` gives the names a model may have there, the likelier ones first, for the name in the answer and the
    name that was asked for. `free` says where asking costs nothing: "always",
    or "here" for a server at an address of this machine.

    `fast` is what a request's `extra` says where speed is worth more than the same answer every time, if it can say so.

    `jobs` gives the provider's own batch API for the dialects that it takes requests of. `offline` says how its
    models can be run by a cluster, without its server.
    """

    name: str
    ways: Mapping[str, Way]
    title: str = ""
    base_url: str = ""
    base_path: str = ""
    key_env: tuple[str, ...] = ()
    key: Literal["required", "optional", "none"] = "required"
    hosts: tuple[str, ...] = ()
    address_env: str = ""
    base_url_env: tuple[str, str] = ("", "")
    auth: str = "bearer"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    limits: Limits = Limits()
    default_model: str = ""
    models_path: str = "models"
    more_models: str = ""
    makers: tuple[Maker, ...] = ()
    identity: Callable[[Request], Mapping[str, str]] | None = None
    open: Open | None = None
    sign: Sign | None = None
    listing: Callable[[], Sequence[Model]] | None = None
    answer: Answer | None = None
    notice: Callable[[str], str] | None = None
    price_id: str = ""
    price_names: Callable[[str, str], tuple[str, ...]] | None = None
    free: Literal["", "always", "here"] = ""
    fast: Mapping[str, Any] = field(default_factory=dict[str, Any])
    jobs: Mapping[str, Jobs] = field(default_factory=dict[str, Jobs])
    offline: Engine | None = None

    def way(self, dialect: str | None) -> Way:
        """The way with this dialect's name, or the default one. RequestError lists the choices."""
        if dialect is None:
            return next(iter(self.ways.values()))
        try:
            return self.ways[dialect]
        except KeyError:
            raise RequestError(
                f"provider {self.name} does not speak {dialect!r}; it speaks {', '.join(self.ways)}",
                field="dialect",
            ) from None

    def address(self, base_url: str | None) -> str | None:
        """The user's own address as it is used, and as it stands in the key."""
        if base_url is None:
            return None
        plain = checked_base_url(base_url)
        return plain if urlsplit(plain).path else plain + self.base_path

    @property
    def address_here(self) -> str | None:
        """The address that the environment names in place of the provider's own, as the provider's own package has it."""
        variable, path = self.base_url_env
        address = os.environ.get(variable, "").strip().rstrip("/") if variable else ""
        return (address if address.endswith(path) else address + path) if address else None

    def costs_nothing(self, base_url: str | None) -> bool:
        """Whether asking costs nothing: always, or because it runs on this machine. `base_url` is the user's own."""
        if self.free != "here":
            return self.free == "always"
        address = base_url or self.base_url
        return not address or is_loopback(_host(address) or "")

    @property
    def own_hosts(self) -> tuple[str, ...]:
        """The hosts that the provider's environment keys may go to."""
        named = os.environ.get(self.address_env, "") if self.address_env else ""
        addresses = (self.base_url, named, self.address_here or "")
        return (*(host for address in addresses if (host := _host(address))), *self.hosts)


@lru_cache(maxsize=256)  # asked for each request that takes a key
def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:  # what is no address is no host of anybody's; it is refused where it is used
        return None


@cache
def names() -> tuple[str, ...]:
    """The names of all providers, sorted: the files of this folder."""
    return tuple(
        sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))
    )


@cache
def get(name: str) -> Provider:
    """The provider of this name. RequestError lists the names there are."""
    if name not in names():
        raise RequestError(
            f"unknown provider {name!r}; there are {', '.join(names())}",
            field="provider",
            hint="For a server of your own use provider='compatible' with base_url='http://…'.",
        )
    module: ModuleType = importlib.import_module(f".{name}", __name__)
    return cast("Provider", module.PROVIDER)
