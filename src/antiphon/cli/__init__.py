"""The command line: arguments in, text out. Each command is one module, imported when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from .console import broken_pipe, prepare_streams
from .failures import reported
from .options import Group

__all__ = ["antiphon", "main"]

# command: what `antiphon --help` says about it. A test keeps these equal to the commands' own first lines.
COMMANDS = {
    "complete": "Answer one prompt, from the argument, a file or a pipe.",
    "chat": "Talk with a model; conversations are kept and can be resumed.",
    "batch": "Answer each row of INPUT: JSONL, CSV, Parquet, lines of text, a folder of images or texts, or - for stdin.",
    "jobs": "List, show, cancel and fetch the jobs of `antiphon batch --via provider`.",
    "models": "List a provider's models; pull and remove embedded ones.",
    "providers": "List the providers, and where each one's key comes from.",
    "keys": "Store, list, remove and test keys.",
    "replay": "Look at, move, check and prune the recorded answers.",
    "spending": "Show what was spent under a budget, by day and model.",
    "ui": "Show history, comparison and a playground in the browser.",
    "workflow": "Look through ComfyUI workflow files and pictures, and clean them.",
}

EXIT_CODES = """\b
Exit codes:
  0    done
  1    an unexpected failure: please report it, with --debug
  2    wrong arguments or settings, or over the budget; nothing was sent
  3    no key, or a key that may not go to that host
  4    the provider answered with an error, or not with the JSON that was asked for; batch: rows failed
  5    no whole reply: network, TLS, deadline, cut-off stream
  6    the model or a filter refused
  7    replay: nothing recorded; or a store that cannot be used
  8    workflow check: a file holds a key
  9    batch: the cluster cannot be used
  130  interrupted with Ctrl-C; the request was closed
  141  whoever read the output went away"""


class Antiphon(Group):
    """The group of commands: finds their modules, and turns every failure into two lines and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f".{cmd_name}", __name__), cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            broken_pipe()
            ctx.exit(141)
        return result

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run, and exit with one of the documented codes, whatever `standalone_mode` says."""
        del standalone_mode
        arguments = list(sys.argv[1:] if args is None else args)
        prepare_streams()
        with reported(arguments):
            extra.update(complete_var=complete_var, windows_expand_args=windows_expand_args)
            outcome: object = super().main(arguments, prog_name or "antiphon", standalone_mode=False, **extra)
            sys.exit(outcome if isinstance(outcome, int) else 0)
        raise AssertionError("unreachable")  # pragma: no cover


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from .. import __version__

        click.echo(f"antiphon {__version__}")
        ctx.exit()


@click.group(cls=Antiphon, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
)
def antiphon() -> None:
    """LLM completions that come back the same.

    Ask hosted and embedded models one way; with a seed, the same question gets the same answer again.
    """


def main() -> NoReturn:
    """The entry point."""
    antiphon.main()
