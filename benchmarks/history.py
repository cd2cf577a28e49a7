"""The history: making its index, pages near and far, searches, sums, and what a counted replay costs.

    uv run python benchmarks/history.py [RECORDINGS] [--plans] [--keep FOLDER]

Recordings are answers of about 1 KB to prompts of about 600 bytes, a fifth of them Chinese, by three models over sixty
days. Figures are medians over several turns, in milliseconds. `--plans` prints how SQLite answers each query.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from replay_store import text
from told import told

from antiphon.call import Reply, Timings
from antiphon.history import History, Query
from antiphon.replay import Store, canonical, key_of
from antiphon.replay.store import write
from antiphon.request import Config, Message, Request

DAY = 86_400
GROUP = 1_000
HAN = "城市夜晚灯光河流石头猫狗屋顶黄昏影子温暖金色照片镜头街道雨水天空山海花树风雪"
MODELS = (("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("mistral", "mistral-small-latest"))


def case(number: int) -> tuple[Request, Reply]:
    """A request and its answer; each has a word that no other has, one in a thousand has another."""
    chance = random.Random(number)
    provider, model = MODELS[number % 3]
    prompt = f"unique{number:07d} " + ("kingfisher " if number % 1000 == 0 else "") + text(600, chance)
    if number % 5 == 0:
        prompt += " " + "".join(chance.choices(HAN, k=60))
    request = Request(
        provider=provider,
        messages=(Message("system", "Describe the picture."), Message("user", prompt)),
        config=Config(model=model),
        seed=number,
    )
    answer = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text(1000, chance)}}],
        "usage": {"prompt_tokens": 180, "completion_tokens": 250, "total_tokens": 430},
    }  # fmt: skip
    return request, Reply(
        200, json.dumps(answer).encode(), {"content-type": "application/json"}, Timings(0.0, None, 0.5)
    )


def filled(path: Path, count: int) -> Store:
    """A store of so many recordings, spread over the last sixty days."""
    now = time.time()
    at = [now]
    store = Store(path, clock=lambda: at[0])
    for start in range(0, count, GROUP):
        rows = []
        for number in range(start, min(start + GROUP, count)):
            request, reply = case(number)
            document = canonical(request)
            at[0] = now - 60 * DAY * (count - number) / count
            rows.append(store._row(request, key_of(document), document, b"{}", reply))  # pyright: ignore[reportPrivateUsage]
        with store.database.writing() as db:
            for row in rows:
                write(db, row, ())
        store.database.written(GROUP * 3_000)
    return store


def timed(name: str, call: Callable[[], object], turns: int = 7) -> None:
    """Print the median and the worst of some turns."""
    walls: list[float] = []
    found: object = None
    for _ in range(turns):
        start = time.perf_counter()
        found = call()
        walls.append((time.perf_counter() - start) * 1e3)
    print(f"{name:<44} {statistics.median(walls):9.2f}  {max(walls):9.2f}   {found}")
    told("history.query", name, statistics.median(walls))


def pages(history: History, **query: object) -> Callable[[], str]:
    def call() -> str:
        page = history.page(Query(**query))  # pyright: ignore[reportArgumentType]
        return f"{len(page.items)} of {page.total}{'+' if page.more else ''}"

    return call


def measured(history: History, count: int) -> None:
    now = time.time()
    print(f"\n{'':<44} {'median ms':>9}  {'worst ms':>9}")
    timed("nothing new", lambda: history.catch_up(None))
    timed("first page", pages(history))
    timed("page in the middle", pages(history, cursor=str(count // 2)))
    timed("last page", pages(history, cursor="51"))
    timed("one provider", pages(history, provider="mistral"))
    timed("one model, one week", pages(history, model="gpt-4o", since=now - 7 * DAY))
    timed("a week two months ago", pages(history, since=now - 60 * DAY, before=now - 53 * DAY))
    timed("pinned", pages(history, pinned=True))
    timed("search: one hit", pages(history, search=f"unique{count // 2:07d}"))
    timed("search: one in a thousand", pages(history, search="kingfisher"))
    timed("search: in nearly all", pages(history, search="golden"))
    timed("search: two words in nearly all", pages(history, search="golden river"))
    timed("search: in nearly all, one provider", pages(history, search="golden", provider="mistral"))
    timed("search: nearly all, pinned", pages(history, search="golden", pinned=True))
    timed("search: no hit", pages(history, search="nowhere to be found"))
    timed("search: two Chinese characters, some", pages(history, search=HAN[:2]))
    timed("search: three Chinese characters, few", pages(history, search=HAN[:3]))
    timed("search: two letters, in all", pages(history, search="un"))
    timed("search: two letters, no hit", pages(history, search="qz"))
    timed("totals of 30 days", lambda: len(history.totals(30).models))
    timed("totals of a year", lambda: len(history.totals(365).days))
    key = history.page().items[0].key
    timed("one entry", lambda: history.entry(key) is not None)


def counting(folder: Path) -> None:
    """What telling a hit costs the road."""
    from antiphon.history.counting import Replays

    replays = Replays(folder / "replay.sqlite")
    rounds = 200_000
    start = time.perf_counter()
    for _ in range(rounds):
        replays.hit("k1:" + "0" * 64, "openai", "gpt-4o")
    print(f"\na hit told: {(time.perf_counter() - start) / rounds * 1e9:.0f} ns")
    replays.close()


def plans(history: History) -> None:
    """How SQLite goes about each query."""
    from antiphon.history import finding, sums

    with history._database.snapshot() as db:  # pyright: ignore[reportPrivateUsage]
        assert db is not None
        queries = [
            Query(), Query(provider="x"), Query(model="x"), Query(provider="x", model="y"), Query(pinned=True),
            Query(since=1.0, before=2.0), Query(search="golden"), Query(search="城市"), Query(search="ab"),
            Query(search="golden", provider="x"), Query(search="golden 城市 ab"),
        ]  # fmt: skip
        for query in queries:
            clauses = finding._clauses(db, query)  # pyright: ignore[reportPrivateUsage]
            sql = f"SELECT e.id {clauses.tail} ORDER BY {clauses.number} DESC LIMIT 51"
            _plan(db, sql, clauses.values)
        _plan(db, sums._RECORDED, (1.0, 2.0))  # pyright: ignore[reportPrivateUsage]
        _plan(db, finding._ITEM, (1,))  # pyright: ignore[reportPrivateUsage]


def _plan(db: object, sql: str, values: tuple[object, ...]) -> None:
    print("\n" + sql)
    for row in db.execute("EXPLAIN QUERY PLAN " + sql, values):  # pyright: ignore
        print("   ", row[3])


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("recordings", nargs="?", type=int, default=100_000)
    arguments.add_argument("--plans", action="store_true")
    arguments.add_argument("--keep", type=Path, help="where the files stay, to be used again")
    given = arguments.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="history-"))
    try:
        path = folder / "replay.sqlite"
        store = Store(path) if path.exists() else filled(path, given.recordings)
        count = store.count()
        history = History(store)
        history.page()  # the price list is loaded with the first
        before = history.indexing()[0]
        start = time.perf_counter()
        history.catch_up(None)
        seconds = time.perf_counter() - start
        size = (folder / "history.sqlite").stat().st_size
        print(f"{count} recordings, {path.stat().st_size / 1e6:.0f} MB; index {size / 1e6:.0f} MB")
        print(
            f"index: {seconds:.1f} s for {count - before}, {seconds / max(count - before, 1) * 1e6:.0f} µs each"
        )
        start = time.perf_counter()
        with History(Store(path)) as again:
            again.catch_up(None)
        print(f"first look of a new process: {(time.perf_counter() - start) * 1e3:.0f} ms")
        for item in history.page(Query(limit=20)).items:
            history.pin(item.key)
        measured(history, count)
        counting(folder)
        if given.plans:
            plans(history)
        history.close()
        store.close()
    finally:
        if given.keep is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
