"""`antiphon ui`: history, comparison and a playground as pages in the browser."""

from __future__ import annotations

import click

from .answering import opened_client
from .console import tell
from .options import Command

__all__ = ["ui"]


@click.command(cls=Command)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Where to listen. [default: a free port]",
)
@click.option("--no-browser", is_flag=True, help="Open no browser; show the address only.")
@click.option(
    "--lang", type=click.Choice(("en", "zh")), help="The language of the pages. [default: the browser's]"
)
def ui(port: int, no_browser: bool, lang: str | None) -> None:
    """Show history, comparison and a playground in the browser.

    The pages are served to this machine only, at an address with a token that lets one browser in, once. Another
    browser is asked for a code, which is shown here then. Ctrl-C ends it, and whatever is being answered.
    """
    from ..pages.server import Server, serve

    def ready(server: Server) -> None:
        click.echo(server.url)
        tell("Ctrl-C ends it")
        if not no_browser:
            import webbrowser

            webbrowser.open(server.url)

    with opened_client() as client:
        serve(Server(lambda: client, _show, lang or "", port=port), ready)


def _show(code: str) -> None:
    """A browser without the cookie is at the door."""
    tell(code, label="code for another browser", color="yellow")
