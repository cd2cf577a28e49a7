"""A Dataset of Ray Data in, one with the answers out: the batch of `antiphon batch`, with Ray Data at both ends.

`complete` asks through this process, which records; `Completer` is a step of a lazy pipeline, and records where it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..client import Client, default_client
from ..errors import RequestError
from ..jobs.plan import Plan
from ..jobs.run import Job, Tally
from ..jobs.sinks import Tables
from ..jobs.sources import Record
from .crew import cluster
from .package import needed, nodes

__all__ = ["Completer", "complete"]


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


@dataclass(frozen=True, slots=True)
class Table:
    """A block of a Dataset, as an Arrow table, as the source of a batch."""

    table: Any
    folder: Path = Path()
    media_column: str | None = None

    def total(self) -> int | None:
        """The rows of the block."""
        return int(self.table.num_rows)

    def rows(self) -> Iterator[Record]:
        """The rows as Python values."""
        return iter(self.table.to_pylist())


class Gathered(Tables):
    """Records as Arrow tables in memory."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(columns)
        self.tables: list[Any] = []

    def put(self, table: Any) -> None:
        """Take one table in."""
        self.tables.append(table)


class Completer:
    """A step of a pipeline of Ray Data: blocks of rows in, blocks of answers out, computed when Ray Data wants them.

    >>> dataset.map_batches(                                             # doctest: +SKIP
    ...     antiphon.ray.Completer, batch_format="pyarrow", batch_size=256, concurrency=4, num_cpus=0,
    ...     fn_constructor_kwargs={"prompt": "Describe {name}.", "keep": ["id"], "model": "openai/gpt-6-luna"})

    Takes what `complete` takes, but for `client`, `workers`, `ordered` and `told`; `concurrency` is that of each actor,
    and the answers have no column `index`. Each actor looks up, asks and records by itself, by the settings of its node:
    $ANTIPHON_STORE has to name one store for all nodes, so that what a block had answered when its actor died is not
    paid for again. A file will do where there is one node only; RequestError where there are more. Keys are those of the
    nodes: Ray keeps arguments where others can read them, so `api_key` is a RequestError. Limits are each actor's own.
    """

    def __init__(
        self,
        prompt: str = "{prompt}",
        *,
        system: str = "",
        attach: Sequence[str] = (),
        columns: Mapping[str, str] | None = None,
        keep: Sequence[str] = (),
        concurrency: int = 32,
        **settings: Any,
    ) -> None:
        if "api_key" in settings:
            raise RequestError(
                "a key would be kept by Ray as an argument",
                field="api_key",
                hint="Leave it out, and give each node the key in its environment or key file.",
            )
        self._client = default_client()
        _one_store(self._client)
        plan = Plan(
            prompt=prompt,
            system=system,
            attach=tuple(attach),
            settings=dict(columns or {}),
            keep=tuple(keep),
            flat=True,
        )
        self._columns = tuple(name for name in plan.columns if name != "index")
        self._job = Job(source=Table(None), plan=plan, settings=settings, concurrency=concurrency)

    def __call__(self, table: Any) -> Any:
        """The answers to the rows of an Arrow table, recorded before they are given. Raises what ends a batch early."""
        found = Gathered(self._columns)
        replace(self._job, source=Table(table)).run(self._client, found)
        return needed("pyarrow").concat_tables(found.tables)


def _one_store(client: Client) -> None:
    """RequestError where other nodes would not see what this one records."""
    ray = needed("ray")
    if client.store.quick and ray.is_initialized() and len(nodes(ray)) > 1:
        raise RequestError(
            "answers would be recorded on each node apart, and be paid for again on another one",
            field="store",
            hint="Set ANTIPHON_STORE=postgresql://… on all nodes, or use antiphon.ray.complete.",
        )
