"""The replay store alone: put, get, lease and list, from an empty store to a large one.

    python benchmarks/replay_store.py [RECORDINGS] [FOLDER]

The bare line is what sqlite3 itself takes for the same rows, so that the ratio says what our part costs.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from told import told

from antiphon.call import Reply, Timings
from antiphon.replay import Store, canonical, key, key_of
from antiphon.replay.store import Row
from antiphon.request import Config, Message, Request

WORDS = "cat dog roof dusk light shadow river stone under over with soft warm cold golden photo lens".split()  # noqa: SIM905

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
TOGETHER = 100_000  # recordings of a transaction of `fill`
CACHE_KB = 3_000_000  # for it: keys are random, so that every page of their index is written to


def text(size: int, chance: random.Random) -> str:
    """Words and numbers, about as compressible as prose."""
    words = (chance.choice(WORDS) + str(chance.randint(0, 30) or "") for _ in range(size // 4))
    return " ".join(words)[:size]


def case(number: int, size: int) -> tuple[Request, str, bytes, Reply]:
    """A request of `size` bytes of prompt, its key, its body, and a reply of 1.1 KB."""
    chance = random.Random(number)
    prompt = text(size, chance)
    request = Request(
        provider="openai",
        messages=(Message("user", prompt),),
        config=Config(model="gpt-x", temperature=0.7),
        seed=number,
    )
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": prompt}], "seed": number}
    answer = {"id": f"chatcmpl-{number}", "choices": [{"message": {"content": text(1000, chance)}}]}
    headers = {"content-type": "application/json", "x-request-id": f"req_{number}"}
    reply = Reply(200, json.dumps(answer).encode(), headers, Timings(0.0, None, 0.5))
    return request, key(request), json.dumps(body).encode(), reply


def timed(calls: Iterator[Callable[[], object]]) -> list[float]:
    """Microseconds of each call."""
    times: list[float] = []
    for call in calls:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e6)
    return sorted(times)


def show(name: str, times: list[float]) -> float:
    """Print them; the median."""
    p99 = times[len(times) * 99 // 100]
    print(f"{name:34} {median(times):9.1f} {p99:9.1f} {times[-1] / 1000:9.2f}", flush=True)
    return median(times)


def put_and_get(store: Store, count: int, first: int, size: int, name: str) -> float:
    """Recordings, and lookups of them; the median of the former."""
    cases = [case(first + i, size) for i in range(count)]
    puts = (
        lambda c=c: store.put(c[0], c[1], sent=c[2], reply=c[3], wait=False)  # type: ignore[misc]
        for c in cases
    )
    took = show(f"put, {name}", timed(puts))
    chosen = random.Random(0).choices(cases, k=count)
    show(f"get just put, {name}", timed((lambda k=c[1]: store.get(k)) for c in chosen))
    return took


PROMPTS = [text(800, random.Random(1000 + i)) for i in range(200)]


def asked(number: int) -> Request:
    """One of the requests that fill a store: the seed makes the key."""
    message = Message("user", PROMPTS[number % len(PROMPTS)])
    return Request(provider="openai", messages=(message,), config=Config(model="gpt-x"), seed=number)


def row(store: Store, number: int) -> Row:
    """One of the recordings that fill a store."""
    request, prompt, reply = asked(number), PROMPTS[number % len(PROMPTS)], PROMPTS[number * 7 % len(PROMPTS)]
    sent = f'{{"model":"gpt-x","messages":[{{"role":"user","content":"{prompt}"}}],"seed":{number}}}'
    answer = f'{{"id":"chatcmpl-{number}","choices":[{{"message":{{"content":"{reply}"}}}}]}}'
    headers = {"content-type": "application/json", "x-request-id": f"req_{number}"}
    document = canonical(request)
    return store._row(
        request, key_of(document), document, sent.encode(), Reply(200, answer.encode(), headers)
    )


def fill(store: Store, first: int, until: int) -> None:
    """Recordings up to a number, many in a transaction: one by one, ten million take an hour."""
    start = time.perf_counter()
    for begin in range(first, until, TOGETHER):
        rows = [row(store, number) for number in range(begin, min(begin + TOGETHER, until))]
        with store.database.writing() as db:
            db.execute(f"PRAGMA cache_size=-{CACHE_KB}")
            for each in rows:
                store.database.write(db, each, ())
        store.database.checkpoint("TRUNCATE")
    took = time.perf_counter() - start
    megabytes = store.path.stat().st_size / 1e6
    print(
        f"  filled to {until:,}: {took / (until - first) * 1e6:.0f} µs each, file {megabytes:,.0f} MB",
        flush=True,
    )


def bare(folder: Path, count: int) -> tuple[float, float]:
    """sqlite3 alone with rows of the same size, and a read of them: the medians."""
    db = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=16000"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, key BLOB UNIQUE, value BLOB)")
    rows = [(hashlib.sha256(b"%d" % i).digest(), random.Random(i).randbytes(1_400)) for i in range(count)]
    insert = show(
        "bare sqlite3 insert",
        timed((lambda r=r: db.execute("INSERT INTO t VALUES (NULL,?,?)", r)) for r in rows),
    )
    get = "SELECT value FROM t WHERE key = ?"
    select = show(
        "bare sqlite3 select", timed((lambda r=r: db.execute(get, (r[0],)).fetchall()) for r in rows)
    )
    db.close()
    return insert, select


def main(recordings: int, folder: Path) -> None:
    print(f"{'microseconds':34} {'median':>9} {'p99':>9} {'max ms':>9}")
    insert, select = bare(folder, 4_000)
    with Store(folder / "home" / "replay.sqlite") as store:
        first = case(0, 800)
        store.put(first[0], first[1], sent=first[2], reply=first[3])
        for name, at, size in (("0.8 KB prompt", 1, 800), ("4 KB prompt", 10_001, 4_096)):
            took = put_and_get(store, 4_000, at, size, f"{name}, small store")
            told("replay.put", name, took, insert)
        lease = (lambda k=k: (store.try_lease(k), store.release(k)) for k in [first[1]] * 20_000)
        show("try_lease and release", timed(lease))
    with Store(folder / "large" / "replay.sqlite") as store:
        filled = 0
        for until in (n for n in SIZES if n <= recordings):
            fill(store, filled, until)
            filled = until
            large = {1_000_000: "-million", 10_000_000: "-ten-million"}.get(
                until, ""
            )  # with dates of their own
            chosen = [key(asked(random.Random(until + i).randrange(until))) for i in range(5_000)]
            got = show(f"get, {until:,} recordings", timed((lambda k=k: store.get(k)) for k in chosen))
            told(f"replay.get{large}", f"{until:,}", got, select)
            missing = [f"k1:{hashlib.sha256(k.encode()).hexdigest()}" for k in chosen]
            missed = show(f"miss, {until:,} recordings", timed((lambda k=k: store.get(k)) for k in missing))
            told(f"replay.miss{large}", f"{until:,}", missed, select)
        show("list 100 newest", timed(store.list for _ in range(20)))
        show("count", timed(store.count for _ in range(5)))


if __name__ == "__main__":
    given = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    place = Path(tempfile.mkdtemp(prefix="replay-", dir=given))
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, place)
    finally:
        shutil.rmtree(place)
