"""A Dataset of Ray Data in, one with the answers out: the batch of `antiphon batch`, with Ray Data at both ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..client import Client, default_client
from ..jobs.plan import Plan
from ..jobs.run import Job, Tally
from ..jobs.sinks import Tables
from ..jobs.sources import Record
from .crew import cluster
from .package import needed

__all__ = ["complete"]


@dataclass(frozen=True, slots=True)
class Rows:
    """A Dataset as the source of a batch."""

    dataset: Any
    folder: Path = Path()
    media_column: str | None = None

    def total(self) -> int | None:
        """Not known: counting could mean to compute it all."""
        return None

    def rows(self) -> Iterator[Record]:
        """The rows as Ray Data reads them: block by block, on the cluster."""
        for row in self.dataset.iter_rows():
            yield {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """A cell without numpy."""
    return value.tolist() if hasattr(value, "tolist") else value


class Blocks(Tables):
    """Records as blocks of a Dataset, in the object store."""

    def __init__(self, ray: Any, columns: Sequence[str]) -> None:
        super().__init__(columns)
        self._ray = ray
        self.refs: list[Any] = []

    def put(self, table: Any) -> None:
        """Take one block in."""
        self.refs.append(self._ray.put(table))


def complete(
    dataset: Any,
    prompt: str = "{prompt}",
    *,
    system: str = "",
    attach: Sequence[str] = (),
    anywhere: bool = False,
    columns: Mapping[str, str] | None = None,
    keep: Sequence[str] = (),
    client: Client | None = None,
    workers: int = 0,
    concurrency: int = 32,
    ordered: bool = True,
    told: Callable[[Tally], object] | None = None,
    **settings: Any,
) -> Any:
    """One answer for each row of a `ray.data.Dataset`; a new Dataset, with the columns of `antiphon batch`'s tables.

    >>> captions = antiphon.ray.complete(                                # doctest: +SKIP
    ...     ray.data.read_parquet("s3://…"), "Describe {name}.", keep=["id"], model="openai/gpt-6-luna")

    `prompt` and `system` are templates with columns; `attach` names columns with media, `columns` maps settings to
    columns that hold them, `keep` names columns to keep. Paths of media lie below the working directory, or, with
    `anywhere`, anywhere on this machine. `workers` is that of `cluster`, `concurrency` and `ordered`
    are those of `Client.batch`; `told`, if given, is called after each row, `settings` are those of `complete`.

    It is done when it returns: rows are read as they are needed, asked for by workers on the cluster, and recorded in
    this machine's replay store, so the same call after an interruption asks only for what is missing. The seed is 0
    unless one is given. A row that failed has its error in columns. Raises what ends a batch early, and ClusterError.
    """
    client = client or default_client()
    plan = Plan(
        prompt=prompt, system=system, attach=tuple(attach), anywhere=anywhere, settings=dict(columns or {}),
        keep=tuple(keep), flat=True,
    )  # fmt: skip
    job = Job(source=Rows(dataset), plan=plan, settings=settings, concurrency=concurrency, ordered=ordered)
    with cluster(client, workers=workers) as crew:
        blocks = Blocks(crew.ray, plan.columns)
        job.run(client, blocks, told or (lambda _: None))
        return needed("ray.data").from_arrow_refs(blocks.refs)
