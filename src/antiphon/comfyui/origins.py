"""Origins: the workflow that made an answer, kept with its recording. No ComfyUI in here.

Keys are taken out of it by the means of `antiphon workflow convert`, and so are the words that travel with it: they
are in the store.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from ..errors import AntiphonError

if TYPE_CHECKING:
    from ..history import History
    from ..replay import ReplayStore

__all__ = ["clean", "keep"]

log = logging.getLogger("antiphon")

LARGEST = 4 << 20  # characters of a workflow that is looked at; what is kept may be smaller still

_histories: WeakKeyDictionary[ReplayStore, History] = WeakKeyDictionary()


def clean(workflow: object, words: str) -> dict[str, Any] | None:
    """A copy of this workflow without keys, and without `extra[words]`; None where it is none, or too large."""
    from ..workflows.graphs import graphs_in
    from ..workflows.opened import opened_bytes
    from ..workflows.scrub import scrub

    if not isinstance(workflow, dict):
        return None
    document = dict(cast("dict[str, Any]", workflow))
    if isinstance(extra := document.get("extra"), dict):
        document["extra"] = {name: it for name, it in cast("dict[str, Any]", extra).items() if name != words}
    text = json.dumps(document)
    if len(text) > LARGEST:
        return None
    file = opened_bytes(Path("workflow.json"), text.encode())
    scrub(file.parts, graphs_in(file.parts), {})
    return json.loads(file.closed())


def keep(workflow: Mapping[str, Any], keys: Iterable[str], store: ReplayStore, *, made: bool) -> None:
    """Say in the history that this workflow `made` these recordings, or has used them. Reads and writes files."""
    from ..history import History
    from ..replay import Store

    if not isinstance(store, Store) or not store.quick:  # on a server there is no history
        return
    history = _histories.setdefault(store, History(store))
    try:
        for key in keys:
            history.origin(key, workflow, keep=not made)
    except AntiphonError as problem:  # the answer has been paid for
        log.warning("the workflow is not kept in the history: %s", problem.message)
