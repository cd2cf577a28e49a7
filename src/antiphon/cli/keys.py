"""`antiphon keys`: stored keys. Values come in hidden, and never go out."""

from __future__ import annotations

import asyncio
import getpass
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import click

from .. import providers
from ..call import Secret
from ..credentials import Credentials
from ..errors import CredentialError, RequestError
from ..places import home
from ..trial import tried
from .answering import opened_client
from .console import Spinner, is_terminal, safe_json, table, tell
from .options import Command, Group, reaches, settings
from .providers import place

if TYPE_CHECKING:
    from ..client import Settings

__all__ = ["keys"]

# Most hosts shown in a table; beyond it they are counted.
MANY = 6


@click.group(cls=Group)
def keys() -> None:
    """Store, list, remove and test keys.

    A key is looked for in the provider's environment variables first, then among the stored ones. Each stored
    key is bound to hosts and sent nowhere else. The key file is readable by you alone; --keyring puts the
    value into the system keyring instead.
    """


@keys.command("set", cls=Command)
@click.argument("name")
@click.argument("value", required=False, metavar="")
@click.option(
    "--host", "hosts", multiple=True, metavar="HOST",
    help="A host it may go to: api.example.com, api.example.com:8443, or http://10.0.0.7:8000 for plain http "
    "(may be repeated). [default: the provider's own, or those stored with the key]",
)  # fmt: skip
@click.option("--keyring", is_flag=True, help="Keep the value in the system keyring, not in the key file.")
def set_key(name: str, value: str | None, hosts: tuple[str, ...], keyring: bool) -> None:
    """Store a key under NAME, a provider's name or one of your own.

    The value is asked for without showing it, or read from stdin: antiphon keys set openai < key.txt
    """
    if value is not None:
        raise click.UsageError(
            "A key is not given as an argument: it would stay in the shell's history. It is asked for, or read from stdin."
        )
    credentials = Credentials(home())
    bound = hosts or _usual_hosts(name, credentials)
    stored = credentials.set(name, _ask_key(name), hosts=bound, keyring=keyring)
    if stored.note:
        tell(stored.note, label="note", color="yellow")
    tell(f"stored {name} in the {place(stored.where)}; it goes only to {', '.join(stored.hosts)}")


@keys.command("list", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON array.")
def list_keys(as_json: bool) -> None:
    """List the keys there are: names, hosts and places, never values."""
    credentials = Credentials(home())
    rows = [
        *_environment_keys(credentials),
        *((kept.name, place(kept.where), kept.hosts) for kept in credentials.list()),
    ]
    if as_json:
        names = ("name", "where", "hosts")
        click.echo(safe_json([dict(zip(names, row, strict=True)) for row in rows]))
        return
    table(("name", "where", "goes to"), ((name, where, _short(hosts)) for name, where, hosts in rows))
    if not rows:
        tell("no keys yet: `antiphon keys set NAME`")


@keys.command("remove", cls=Command)
@click.argument("name")
def remove_key(name: str) -> None:
    """Forget the stored key NAME."""
    Credentials(home()).remove(name)
    tell(f"removed {name}")


@keys.command("test", cls=Command)
@click.argument("name")
@click.option(
    "--provider", metavar="NAME", help="Whom to ask with it, if the key is not named after a provider."
)
@partial(reaches, key=False)
def test_key(name: str, provider: str | None, **given: Any) -> None:
    """Try the key NAME. It asks the provider for its models: nothing is generated, nothing is paid for.

    Some providers tell their models to anybody. They are asked once more with a key that is none, and where that works
    too, it is said that nothing is proven.
    """
    chosen = settings(given)
    if provider or name not in providers.names():
        chosen["credential"] = name
        provider = provider or ("compatible" if "base_url" in chosen else None)
    else:
        provider = name
    if provider is None:
        raise RequestError(
            f"{name!r} is not a provider's name, so nobody knows whom to ask",
            hint=f"Say it: `antiphon keys test {name} --provider PROVIDER` or `--base-url URL`.",
        )
    if providers.get(provider).key == "none":
        tell(f"{provider} needs no key")
        return
    with opened_client() as client, Spinner(f"asking {provider}"):
        found = asyncio.run(tried(client, provider, cast("Settings", chosen)))
    if found.proven:
        tell(f"{name} works: {found.told}")
    else:
        tell(found.told, label="not proven", color="yellow")


# ---------------------------------------------------------------------------------------------- parts


def _ask_key(name: str) -> Secret:
    if is_terminal(sys.stdin):
        return Secret(getpass.getpass(f"Key for {name} (not shown): ", stream=sys.stderr))
    try:
        return Secret(sys.stdin.buffer.read(1 << 20).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CredentialError(f"the key for {name} on stdin is not text", field="api_key") from None


def _short(hosts: tuple[str, ...]) -> str:
    """The hosts for a table; a provider with a host in every region has too many to show."""
    return ", ".join(hosts) if len(hosts) <= MANY else f"{', '.join(hosts[:2])} and {len(hosts) - 2} more"


def _usual_hosts(name: str, credentials: Credentials) -> tuple[str, ...]:
    """The hosts a key goes to if nothing is said: those it had, or its provider's own."""
    for kept in credentials.list():
        if kept.name == name:
            return kept.hosts
    own = providers.get(name).own_hosts if name in providers.names() else ()
    if not own:
        raise RequestError(
            f"where may the key {name} go?",
            field="hosts",
            hint=f"Name the host: `antiphon keys set {name} --host api.example.com`.",
        )
    return own


def _environment_keys(credentials: Credentials) -> list[tuple[str, str, tuple[str, ...]]]:
    found = [providers.get(name) for name in providers.names()]
    places = ((provider, credentials.where(provider.name, env=provider.key_env)) for provider in found)
    return [
        (provider.name, where, provider.own_hosts)
        for provider, where in places
        if where and where.startswith("environment")
    ]
