"""Lookups, puts and leases per second: a store in a file against one on a PostgreSQL server on loopback.

    python benchmarks/store.py [ROWS …]        (1000 and 100000 unless said otherwise)

Starts a server of its own from the system's packages, with its usual durability (fsync on). One thread, then eight.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.replay_store import case
from benchmarks.told import told

from antiphon.replay import Store, canonical, key
from antiphon.replay.postgres import PostgresStore
from tests.postgres_server import binaries, serving

SIZE = 1_000
CALLS = 1_000
FILLED_AT_ONCE = 500


def rate(calls: int, work: Callable[[int], object], threads: int = 1) -> float:
    """Calls per second, spread over threads."""
    share = calls // threads

    def some(first: int) -> None:
        for n in range(first, first + share):
            work(n)

    running = [threading.Thread(target=some, args=(n * share,)) for n in range(threads)]
    start = time.perf_counter()
    for it in running:
        it.start()
    for it in running:
        it.join()
    return share * threads / (time.perf_counter() - start)


def fill(store: Store, first: int, last: int) -> None:
    """Rows first to last, some hundred in a transaction."""
    for at in range(first, last, FILLED_AT_ONCE):
        with store.database.writing() as db:
            for n in range(at, min(at + FILLED_AT_ONCE, last)):
                request, its_key, sent, reply = case(n, SIZE)
                row = store._row(request, its_key, canonical(request), sent, reply)
                store.database.write(db, row, [])


def measured(store: Store, rows: int, new: int) -> dict[str, float]:
    """Calls per second at so many rows; `new` is the first number that no row has."""
    step = max(1, rows // CALLS)
    keys = [key(case(n * step % rows, SIZE)[0]) for n in range(CALLS)]
    fresh = [case(new + n, SIZE) for n in range(2 * CALLS)]

    def put(n: int) -> None:
        request, its_key, sent, reply = fresh[n]
        store.put(request, its_key, sent=sent, reply=reply)

    def lease(n: int) -> None:
        store.try_lease(keys[n])
        store.release(keys[n])

    found = {
        "lookup": rate(CALLS, lambda n: store.get(keys[n])),
        "lookup, 8 threads": rate(CALLS, lambda n: store.get(keys[n]), 8),
        "put": rate(CALLS, put),
        "put, 8 threads": rate(CALLS, lambda n: put(CALLS + n), 8),
        "lease and release": rate(CALLS, lease),
    }
    assert store.get(keys[0]) is not None
    return found


def main(sizes: list[int]) -> None:
    """Print a table for each number of rows."""
    programs = binaries()
    if programs is None:
        sys.exit("no PostgreSQL server here: apt-get install postgresql")
    with tempfile.TemporaryDirectory() as folder, serving(programs, durable=True) as server:
        stores = {"SQLite": Store(Path(folder) / "replay.sqlite"), "PostgreSQL": PostgresStore(server.made())}
        first = 0
        for rows in sizes:
            figures: list[dict[str, float]] = []
            for store in stores.values():
                fill(store, first, rows)
                figures.append(measured(store, rows, 10**7 + rows))
            first = rows
            print(f"\n{rows:,} rows{'':14}{'SQLite/s':>12}{'PostgreSQL/s':>14}{'ratio':>8}")
            for name, mine in figures[0].items():
                other = figures[1][name]
                print(f"  {name:22}{mine:12,.0f}{other:14,.0f}{mine / other:8.1f}")
                told("store.rate", f"{name}, {rows:,} rows", mine, other)
        for store in stores.values():
            store.close()


if __name__ == "__main__":
    main([int(it) for it in sys.argv[1:]] or [1_000, 100_000])
