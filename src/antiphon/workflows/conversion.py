"""`check` says what a workflow file holds; `convert` writes a copy without keys. The original is never touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import RequestError
from ..places import replace_file
from ..secretlike import secrets_in
from .graphs import graphs_in
from .opened import Opened, opened, opened_bytes
from .others import found_in
from .renewal import renew
from .report import Finding, Report
from .rewiring import remap
from .scrub import Scrubbed, scrub

__all__ = ["Options", "check", "convert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `convert` does besides taking keys out.

    `credentials` are names of stored keys that take the place of keys, by node type (``""``: all others). `models`
    replaces names of retired models, `nodes` says other packs' nodes again with the original's.
    """

    credentials: Mapping[str, str] = field(default_factory=dict[str, str])
    models: bool = False
    nodes: bool = False


def check(path: str | Path) -> Report:
    """What the file holds: keys, the original's nodes and others', recordings. Nothing is written.

    RequestError for a file that is no workflow, is cut off, or whose texts do not match their sums.
    """
    file = opened(Path(path))
    rows, _ = _worked_on(file, Options(models=True, nodes=True), write=False)
    return Report(path=file.path, form=file.form, rows=tuple(replace(row, done="") for row in rows))


def convert(
    path: str | Path, target: str | Path, options: Options | None = None, *, force: bool = False
) -> Report:
    """Write a copy of the file to `target`, without any key; what was done.

    Of a picture only the texts that change are written anew; its pixels and everything else are copied. The copy is
    looked through before it is written: RequestError where a key stands in a part of the file that cannot be changed,
    where `target` is the file itself, or exists (unless `force`).
    """
    file, copy = opened(Path(path)), Path(target)
    _check_target(file.path, copy, force=force)
    rows, found = _worked_on(file, options or Options(), write=True)
    data = file.closed()
    _check_clean(file.path, data, found)
    _write(copy, data)
    return Report(path=file.path, form=file.form, rows=tuple(rows), written=copy)


def _worked_on(file: Opened, options: Options, *, write: bool) -> tuple[list[Finding], Scrubbed]:
    """Do all that is to be done to the parts of an opened file."""
    graphs = graphs_in(file.parts)
    rows = [row for graph in graphs for row in found_in(graph)]
    try:
        rows += remap(graphs, write=write and options.nodes)
        graphs = graphs_in(file.parts)
        if options.models:
            rows += renew(graphs, write=write)
        found = scrub(file.parts, graphs, options.credentials)
    except RecursionError:
        raise RequestError(f"{file.path.name} is nested too deeply", field="file") from None
    return [*found.rows, *rows, *_unread(file)], found


def _unread(file: Opened) -> list[Finding]:
    """Keys in what is only copied."""
    return [
        Finding(
            kind="secret", where=f"the {name} chunk", what=f"a key ({found.form}), where nothing is rewritten"
        )
        for name, data in file.opaque
        for found in secrets_in(data.decode("latin-1"))
    ]


def _check_clean(path: Path, data: bytes, found: Scrubbed) -> None:
    """Look through the copy as if it came from a stranger."""
    again = opened_bytes(path, data)
    left = scrub(again.parts, graphs_in(again.parts), {}).rows
    where = [row.where for row in (*left, *_unread(again)) if row.kind == "secret"]
    kept = [key for key in found.distinct if key.encode("utf-8", "replace") in data]
    where += ["a part that is not rewritten"] * len(kept)
    if where:
        raise RequestError(
            f"{path.name}: a key would be left in {where[0]}, so no copy was written",
            field="file",
            hint="Save the picture again without that part (metadata of another program), or take the key out by hand.",
        )


def _check_target(path: Path, target: Path, *, force: bool) -> None:
    if target.exists() and (path.samefile(target) or not force):
        same = path.samefile(target)
        raise RequestError(
            f"{target} is the file itself" if same else f"{target} exists",
            field="output",
            hint="Choose another folder with -o."
            if same
            else "Choose another folder with -o, or give --force.",
        )


def _write(target: Path, data: bytes) -> None:
    """Whole, or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, data, mode=0o644)
    except OSError as error:
        raise RequestError(f"cannot write {target}: {error.strerror or error}", field="output") from error
