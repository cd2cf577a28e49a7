"""`antiphon workflow`: ComfyUI's workflow files and pictures, looked through and cleaned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import AntiphonError
from .console import safe_json, table, tell
from .failures import as_object, exit_code, show
from .options import Command, Group

if TYPE_CHECKING:
    from ..workflows.report import Report

__all__ = ["workflow"]

# A key was found: check's own code, so that a script can stop before a file is given away.
HOLDS_A_KEY = 8

files = click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the reports as a JSON array.")


@click.group(cls=Group)
def workflow() -> None:
    """Look through ComfyUI workflow files and pictures, and clean them.

    FILE is a workflow as JSON (saved from the page, or exported for the API), or a PNG or WebP that ComfyUI saved.
    """


@workflow.command("check", cls=Command)
@files
@as_json_option
def check_files(files: tuple[Path, ...], as_json: bool) -> int:
    """Say what the files hold: keys, AV_* nodes, other packs' nodes, models that are gone, recordings.

    Nothing is written, and no key is shown. Exit code 8 if any file holds a key, 2 if any cannot be read, else 0.
    """
    from ..workflows.conversion import check

    code, reports = _each(files, check, as_json)
    return code or (HOLDS_A_KEY if any(report.secrets for report in reports) else 0)


@workflow.command("convert", cls=Command)
@files
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where the copies go. [default: beside each file, as NAME.clean.EXT]",
)  # fmt: skip
@click.option(
    "--credential", "credentials", multiple=True, metavar="[NODE=]NAME",
    help="The name of a stored key, to stand where an AV_* node had a key: for all nodes, or for one type such as "
    "AV_ClaudeApi=mine (may be repeated). [default: nothing, so the environment's key is used]",
)  # fmt: skip
@click.option("--models", is_flag=True, help="Replace the names of retired models by their successors.")
@click.option(
    "--nodes", is_flag=True, help="Say other packs' nodes again with AV_* nodes, where nothing is lost."
)
@click.option(
    "--force", is_flag=True, help="Write over a copy that exists. The original is never written over."
)
@as_json_option
def convert_files(
    files: tuple[Path, ...],
    output: Path | None,
    credentials: tuple[str, ...],
    models: bool,
    nodes: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Write copies without keys; the files stay as they are.

    Of a picture only texts are changed: its pixels stay the same byte for byte. Exit code 2 if a file cannot be read,
    or a key would be left in its copy; then there is no copy.
    """
    from ..workflows.conversion import Options, convert

    options = Options(credentials=dict(_credentials(credentials)), models=models, nodes=nodes)

    def one(path: Path) -> Report:
        return convert(path, _target(path, output), options, force=force)

    return _each(files, one, as_json)[0]


# ---------------------------------------------------------------------------------------------- parts


def _credentials(given: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    from ..workflows.original import KEYS

    for text in given:
        kind, equals, name = text.rpartition("=")
        if (equals and kind not in KEYS) or not name:
            raise click.UsageError(
                f"--credential: {text!r} is neither NAME nor NODE=NAME; NODE is one of {', '.join(KEYS)}."
            )
        yield kind, name


def _target(path: Path, folder: Path | None) -> Path:
    return path.with_name(f"{path.stem}.clean{path.suffix}") if folder is None else folder / path.name


def _each(paths: tuple[Path, ...], work: Callable[[Path], Report], as_json: bool) -> tuple[int, list[Report]]:
    """Do `work` for each file; a file that fails does not stop the others. The exit code, and the reports."""
    code, reports, told = 0, list["Report"](), list[dict[str, Any]]()
    for path in paths:
        try:
            report = work(path)
        except AntiphonError as error:
            code = code or exit_code(error)
            told.append({"file": str(path), "error": as_object(error)})
            if not as_json:
                show(error)
            continue
        reports.append(report)
        told.append(report.as_object())
    if as_json:
        click.echo(safe_json(told))
    else:
        _show(reports)
    return code, reports


def _show(reports: list[Report]) -> None:
    table(
        ("file", "part", "node", "type", "found", "done"),
        (
            (report.path.name, row.where, row.node, row.type, f"{row.kind}: {row.what}", row.done)
            for report in reports
            for row in report.rows
        ),
    )
    for report in reports:
        keys = f"{report.secrets} place{'s' if report.secrets != 1 else ''} with a key"
        written = f"; the copy is {report.written}" if report.written else ""
        tell(f"{report.path.name}: {report.form}, {keys}{written}")
