"""`antiphon providers`: whom one can ask, and with which key."""

from __future__ import annotations

import click

from .. import providers as folder
from ..credentials import Credentials
from ..places import home
from ..providers import Provider
from .console import safe_json, table
from .options import Command

__all__ = ["key_state", "place", "providers"]


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON array.")
def providers(as_json: bool) -> None:
    """List the providers, and where each one's key comes from.

    Each speaks the protocols in the last column, the first one unless --dialect says otherwise.
    """
    keys = Credentials(home())
    found = [folder.get(name) for name in folder.names()]
    if as_json:
        click.echo(safe_json([_row(provider, keys) for provider in found]))
        return
    table(
        ("name", "title", "key", "dialects"),
        (
            (provider.name, provider.title, key_state(provider, keys), ", ".join(provider.ways))
            for provider in found
        ),
    )


def key_state(provider: Provider, keys: Credentials) -> str:
    """Where the provider's key comes from, or that it is missing or not needed."""
    if provider.key == "none":
        return "not needed"
    where = keys.where(provider.name, env=provider.key_env)
    return place(where) if where else ("optional" if provider.key == "optional" else "missing")


def place(where: str) -> str:
    """Where a key is, in words."""
    return {"file": "key file", "keyring": "system keyring"}.get(where, where)


def _row(provider: Provider, keys: Credentials) -> dict[str, object]:
    return {
        "name": provider.name,
        "title": provider.title,
        "key": key_state(provider, keys),
        "key_env": list(provider.key_env),
        "base_url": provider.base_url or None,
        "dialects": list(provider.ways),
        "default_model": provider.default_model or None,
    }
