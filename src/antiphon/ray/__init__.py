"""Batches on a Ray cluster (extra `ray`); docs/how-to/on-ray.md and docs/design/ray.md.

    with cluster(workers=8):        the same batch, asked by workers on the cluster
    complete(dataset, "{caption}")  a Dataset of Ray Data in, one with the answers out
    dataset.map_batches(Completer)  the same as a lazy step of a pipeline, with one store for all nodes

Here `ray` is this package; the package of that name is asked for in `package.py` only.
"""

from __future__ import annotations

from .crew import Crew, cluster
from .datasets import Completer, complete

__all__ = ["Completer", "Crew", "cluster", "complete"]
