"""A batch whose model is run by the cluster itself: `antiphon batch --engine ray --gpus N`.

    sweep the input ─ what is missing → a Dataset → Ray Data's processor for the engine ─┐
                                                                                         │
    the batch runs as any other, and finds all its answers ←── into the replay store ←───┘

Answers are recorded as they come, so what an interruption leaves is asked for by the same command again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from ..client import Client
from ..dialects._common import dumps
from ..errors import AntiphonError, ClusterError, Refused, ReplyError, RequestError, TransportError
from ..jobs.run import Job
from ..loop import run
from ..providers._offline import Engine
from ..road import Asked
from .package import check, connected, needed, nodes

__all__ = ["Offline", "processor"]

ROUNDS = 2  # an answer, and its repair
CHUNK = 1000  # requests in one block of the Dataset
WINDOW = 50_000  # requests that one start of the engine is for; they are held in memory, as long as they are under way
Process = Callable[[Any], Any]


def processor(engine: Engine, model: str, gpus: int) -> Process:
    """Ray Data's processor for this engine: from a Dataset of keys and rows to one with what was generated."""
    llm = needed("ray.data.llm")
    if not hasattr(llm, "build_processor"):
        raise RequestError(
            "this Ray is too old to run models here", field="gpus", hint="pip install 'ray[llm]>=2.60'"
        )
    config = getattr(llm, engine.processor)(**engine.config(model, gpus))
    try:
        return llm.build_processor(config, preprocess=_opened, postprocess=_closed)
    except ImportError as error:
        raise RequestError(
            f"running {model} here needs the package {error.name}",
            field="gpus",
            hint="Install it on all machines: pip install 'ray[llm]'",
        ) from error


def _opened(row: dict[str, Any]) -> dict[str, Any]:
    """A row on its way into the engine."""
    return {"key": row["key"], **json.loads(row["row"])}


def _closed(row: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a row that comes out of the engine. A row that failed comes as it is, with its error."""
    return {name: row[name] for name in ("key", "generated_text", "num_input_tokens", "num_generated_tokens")}


@dataclass(slots=True)
class Offline:
    """One batch with a model that Ray Data runs on `gpus` GPUs, a replica on each.

    `told` gets a line for each thing that happens; `build` makes the processor.
    """

    client: Client
    job: Job
    gpus: int
    address: str | None = None
    told: Callable[[str], object] = lambda _: None
    build: Callable[[Engine, str, int], Process] = processor
    _failed: dict[str, AntiphonError] = field(default_factory=dict[str, AntiphonError])

    def answered(self) -> Job:
        """Have all requests of the batch answered; the batch as it then has to be run, which asks nobody.

        Raises RequestError for a provider whose models cannot be run this way, and for settings that they do not take;
        ClusterError where the cluster has too few GPUs.
        """
        mode = self.job.settings.get("replay", "auto")
        if mode != "auto":
            raise RequestError(f"--gpus needs replay='auto', not {mode!r}", field="replay")
        connection: AbstractContextManager[Any] = connected(self.address)
        with connection as ray:
            check(ray, nodes(ray))
            needed("ray.data").DataContext.get_current().enable_progress_bars = False
            for _ in range(ROUNDS):
                self._round(ray)
        settled = {**self.job.settled, **self._failed}
        return replace(self.job, settings={**self.job.settings, "replay": "only"}, settled=settled)

    def _round(self, ray: Any) -> None:
        """Run what is missing, window by window, and in each one model after another."""
        missing = self._missing()
        while window := list(islice(missing, WINDOW)):
            models: dict[str, dict[str, Asked]] = {}
            for asked in window:
                models.setdefault(asked.request.model, {})[asked.key or ""] = asked
            for model, parts in models.items():
                self._run(ray, model, parts)

    def _missing(self) -> Iterator[Asked]:
        """What has still to be asked and has not failed."""
        for asked in self.job.asked(self.client):
            try:
                part = self.client.road.missing(asked)
            except (
                RequestError,
                ReplyError,
                Refused,
                TransportError,
            ):  # told in its row, when the batch is run
                continue
            if part is not None and part.key not in self._failed:
                yield part

    def _check(self, ray: Any) -> None:
        """ClusterError where Ray would wait for GPUs for ever."""
        there = int(ray.cluster_resources().get("GPU", 0))
        if there < self.gpus and self.build is processor:
            raise ClusterError(
                f"the cluster has {there} GPU(s), and --gpus asks for {self.gpus}",
                hint="See `ray status`; or leave --gpus out to ask the model's server.",
            )

    def _run(self, ray: Any, model: str, parts: Mapping[str, Asked]) -> None:
        engine = _engine(next(iter(parts.values())))
        self._check(ray)
        bodies: dict[str, bytes] = {}
        rows: list[dict[str, str]] = []
        for key, asked in parts.items():
            body = self._body(key, asked, engine)
            if body is not None:
                bodies[key] = body[0]
                rows.append({"key": key, "row": body[1]})
        if not rows:
            return
        self.told(f"running {model} on {self.gpus:,} GPU(s): {len(rows):,} requests")
        for row in self.build(engine, model, self.gpus)(_dataset(ray, rows)).iter_rows():
            self._record(engine, parts[row["key"]], bodies[row["key"]], row)

    def _body(self, key: str, asked: Asked, engine: Engine) -> tuple[bytes, str] | None:
        """The body that the model's server would be sent, and what the engine is given in its place."""
        try:
            body = run(self.client.road.body(asked))
            return dumps(body), json.dumps(engine.row(body))
        except (RequestError, TransportError) as error:
            self._failed[key] = error
            return None

    def _record(self, engine: Engine, asked: Asked, sent: bytes, row: Mapping[str, Any]) -> None:
        """One answer into the replay store, just as if the model's server had given it."""
        key = asked.key or ""
        if row.get("__inference_error__"):
            self._failed[key] = TransportError(f"the engine failed: {str(row['__inference_error__'])[:500]}")
            return
        reply = engine.reply(row, asked.request.model, asked.request.config.max_tokens)
        self.client.store.put(asked.request, key, sent=sent, reply=reply, document=asked.document)


def _engine(asked: Asked) -> Engine:
    """The engine for this request. RequestError where its provider's models cannot be run here."""
    engine = asked.provider.offline
    if engine is None or asked.way.dialect.name != engine.dialect:
        raise RequestError(
            f"{asked.provider.name} has no engine that --gpus could run ({asked.way.dialect.name})",
            field="gpus",
            hint="Leave --gpus out.",
        )
    return engine


def _dataset(ray: Any, rows: list[dict[str, str]]) -> Any:
    """The rows in blocks, in the object store."""
    arrow, data = needed("pyarrow"), needed("ray.data")
    blocks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    return data.from_arrow_refs([ray.put(arrow.Table.from_pylist(block)) for block in blocks])
