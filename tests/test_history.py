"""The history, with real files, threads, processes and kills."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon import Client
from antiphon.call import Reply, Timings
from antiphon.errors import ReplayError, RequestError
from antiphon.history import History, Item, Query, book, counting, file, index
from antiphon.replay import Store, canonical, key, key_of
from antiphon.replay.store import write
from antiphon.request import Config, Media, Message, Request

from .waiting import until

posix = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")
rootless = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere"
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def asked(text: str = "a cat", seed: int | None = 1, **more: Any) -> Request:
    return Request(
        provider=more.pop("provider", "openai"),
        messages=(Message("system", "Be short."), Message("user", text, *more.pop("media", ()))),
        config=Config(model=more.pop("model", "gpt-4o"), **more),
        seed=seed,
    )


def replied(text: str = "on a roof", **more: Any) -> Reply:
    body = {
        "model": "gpt-4o",
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, **more},
    }
    return Reply(200, json.dumps(body).encode(), {"content-type": "application/json"}, Timings(0, None, 1))


def record(store: Store, text: str = "a cat", answer: str = "on a roof", **more: Any) -> str:
    usage = {name: more.pop(name) for name in ("cost", "prompt_tokens") if name in more}
    request = asked(text, **more)
    store.put(request, key(request), sent=b'{"sent": 1}', reply=replied(answer, **usage))
    return key(request)


def many(store: Store, count: int, start: int = 0) -> None:
    """So many recordings in one transaction."""
    with store.database.writing() as db:
        for number in range(start, start + count):
            request = asked(f"number {number}", seed=number, model=f"m{number % 3}")
            document = canonical(request)
            row = store._row(request, key_of(document), document, b"{}", replied(f"answer {number}"))  # pyright: ignore[reportPrivateUsage]
            write(db, row, ())


def keys(history: History, **query: Any) -> list[str]:
    return [item.key for item in history.page(Query(**query), budget_seconds=60).items]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "home" / "replay.sqlite") as store:
        yield store


@pytest.fixture
def history(store: Store) -> Iterator[History]:
    with History(store) as history:
        yield history


@pytest.fixture(params=["trigrams", "plain"])
def any_history(
    store: Store, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[History]:
    """A history with the full-text index, and one of an SQLite that has none."""
    if request.param == "plain":
        monkeypatch.setattr(file, "has_trigrams", lambda: False)
        for module in ("antiphon.history.index", "antiphon.history.finding"):
            monkeypatch.setattr(sys.modules[module], "has_trigrams", lambda: False)
    with History(store) as history:
        yield history


# ------------------------------------------------------------------------------------------ what is shown


def test_nothing_recorded_is_an_empty_page_and_makes_no_store(history: History):
    """Looking never makes a store."""
    page = history.page()
    assert (page.items, page.next, page.total) == ((), None, 0)
    assert history.indexing() == (0, 0)
    assert history.entry("k1:" + "0" * 64) is None
    assert history.totals(1).models == ()
    assert not history.store.path.exists()


def test_a_recording_is_shown_whole(store: Store, history: History):
    """The line and the entry hold what was asked, what came back, tokens, price, settings, media and the body sent."""
    picture = Media.from_bytes(PNG)
    name = record(store, "what is this?", "a picture", media=(picture,), temperature=0.5, cost=0.25)
    [item] = history.page().items
    assert (item.key, item.provider, item.model, item.seed) == (name, "openai", "gpt-4o", 1)
    assert (item.prompt, item.text, item.finish_reason) == ("what is this?", "a picture", "stop")
    assert (item.input_tokens, item.output_tokens, item.media, item.problem) == (10, 20, 1, "")
    shown = history.entry(name)
    assert shown is not None
    assert shown.item == item
    assert [message["role"] for message in shown.messages] == ["system", "user"]
    assert (shown.config, shown.seed_status, shown.sent) == ({"temperature": 0.5}, "sent", '{"sent": 1}')
    assert [(it.sha256, it.media_type, it.size) for it in shown.media] == [
        (picture.sha256, "image/png", len(PNG))
    ]
    assert history.medium(name, picture.sha256 or "") == picture
    assert history.medium(name, "0" * 64) is None


def test_what_nobody_knows_the_price_of_has_no_cost(store: Store, history: History):
    """An unknown model's cost is None, in the line and in the sums, and never 0; the unpriced are counted."""
    record(store, model="nobody-knows", provider="mistral", seed=1)
    [item] = history.page().items
    assert item.cost is None
    totals = history.totals(1)
    assert (totals.models[0].cost, totals.models[0].unpriced) == (None, 1)
    assert totals.days[0].cost is None


def test_asking_again_has_the_same_key(store: Store, history: History):
    """What `again` gives makes the very request that was recorded, media, schema and settings included."""
    request = asked(
        "what?", media=(Media.from_bytes(PNG, name="a.png"),), temperature=0.5, stop=("x", "y"),
        response_format={"type": "object", "properties": {}}, extra={"a": [1]},
    )  # fmt: skip
    store.put(request, key(request), sent=b"{}", reply=replied("{}"))
    found = history.again(key(request))
    assert found is not None
    with Client(store.path.parent, store=store).road.store:
        client = Client(store.path.parent, store=store)
        assert key(client.request(found[0], **found[1])) == key(request)
    store.delete(key(request))
    assert history.again(key(request)) is None


def test_a_lost_medium_cannot_be_asked_again(store: Store, history: History):
    """Where the bytes are gone, it says so."""
    name = record(store, media=(Media.from_bytes(PNG),))
    with store.database.writing() as db:
        db.execute("DELETE FROM blobs")
    with pytest.raises(RequestError, match="lost"):
        history.again(name)
    shown = history.entry(name)
    assert shown is not None
    assert shown.media[0].size is None


# ------------------------------------------------------------------------------------------------- paging


def test_ten_thousand_entries_paged_are_a_plain_sort(store: Store, history: History):
    """Page after page gives each recording once, the last recorded first, with and without a filter."""
    many(store, 10_000)
    history.catch_up(None)
    for query in (Query(limit=500), Query(limit=499, model="m1")):
        seen: list[int | None] = []
        cursor = None
        while True:
            page = history.page(replace(query, cursor=cursor))
            seen += [item.seed for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        wanted = [n for n in range(9_999, -1, -1) if query.model is None or n % 3 == 1]
        assert seen == wanted
        assert page.total == len(wanted)
        assert not page.more


def test_new_recordings_do_not_move_a_page(store: Store, history: History):
    """A cursor goes on where its page ended, whatever is recorded meanwhile."""
    many(store, 10)
    first = history.page(Query(limit=4))
    many(store, 10, start=10)
    assert [item.seed for item in history.page(Query(limit=4, cursor=first.next)).items] == [5, 4, 3, 2]


def test_filters_let_through_what_fits_all_of_them(tmp_path: Path):
    """Provider, model, pinned and time (from, up to) hold together."""
    now = [1000.0]
    store = Store(tmp_path / "replay.sqlite", clock=lambda: now[0])
    names: list[str] = []
    for number in range(4):
        now[0] = 1000.0 + number
        names.append(
            record(store, seed=number, provider=("openai", "mistral")[number % 2], model=f"m{number // 2}")
        )
    with History(store) as history:
        history.pin(names[1])
        assert keys(history, provider="openai") == [names[2], names[0]]
        assert keys(history, provider="openai", model="m1") == [names[2]]
        assert keys(history, since=1001.0, before=1003.0) == [names[2], names[1]]
        assert keys(history, pinned=True) == [names[1]]
        assert keys(history, pinned=False, model="m0") == [names[0]]
        assert keys(history, pinned=True, provider="openai") == []
        assert keys(history, search="cat", pinned=True) == [names[1]]
    store.close()


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"limit": 501}, {"limit": True}, {"cursor": "x"}, {"cursor": "٣"}, {"cursor": "9" * 30}],
)
def test_a_query_that_makes_no_sense_names_its_field(wrong: dict[str, Any]):
    """A wrong limit or cursor is an error that names it."""
    with pytest.raises(RequestError) as found:
        Query(**wrong)
    assert found.value.field == next(iter(wrong))


# ------------------------------------------------------------------------------------------------- search

TEXTS = {
    "plain": "A golden river at dusk",
    "syntax": 'say "hello" OR NEAR(a b) AND NOT col:x* ^y {z} + (w)',
    "wild": "100% of file_name [a-z]? 50%_off \\ end",
    "chinese": "夜晚的城市灯光。河流和石头",
    "accents": "Crème BRÛLÉE Straße ΣΊΣΥΦΟΣ",
    "nul": "before\0after",
    "bidi": "left \u202eright\u2066 isolated",
    "surrogate": "half \ud83d done",
}


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("golden", {"plain"}), ("GOLDEN river", {"plain"}), ("river golden", {"plain"}), ("old", {"plain"}),
        ('"hello"', {"syntax"}), ("NEAR(a", {"syntax"}), ("col:x*", {"syntax"}), ("^y", {"syntax"}), ('"', {"syntax"}),
        ("golden OR hello", set()), ("gold*", set()), ("-golden", set()), ("body:golden", set()), ("'", set()),
        ("100%", {"wild"}), ("%", {"wild"}), ("file_name", {"wild"}), ("fileXname", set()), ("[a-z]?", {"wild"}),
        ("\\", {"wild"}), ("_off", {"wild"}), ("a%e", set()),
        ("城市", {"chinese"}), ("城", {"chinese"}), ("城市灯", {"chinese"}), ("灯光河流", set()), ("光河", set()),
        ("市灯 石头", {"chinese"}), ("市夜", set()), ("。", {"chinese"}),
        ("brûlée", {"accents"}), ("cre\u0300me", {"accents"}), ("STRASSE", {"accents"}), ("σίσυφος", {"accents"}),
        ("before", {"nul"}), ("after", {"nul"}), ("before\0after", {"nul"}),
        ("\u202eright", {"bidi"}), ("done", {"surrogate"}), ("nowhere", set()), ("zq", set()), ("go", {"plain"}),
    ],
)  # fmt: skip
def test_what_is_typed_is_plain_text(store: Store, any_history: History, typed: str, wanted: set[str]):
    """Words are looked for as they stand, in any case: no syntax of FTS or SQL means anything, and Chinese is found.

    The answers hold what a request cannot carry (NUL, lone surrogates).
    """
    names = {record(store, f"asked {n}", text, seed=n): name for n, (name, text) in enumerate(TEXTS.items())}
    assert {names[it] for it in keys(any_history, search=typed)} == wanted
    page = any_history.page(Query(search=typed))
    assert page.total == len(wanted)


def test_question_and_answer_are_searched_far_in(store: Store, any_history: History):
    """The system prompt, the prompt and the answer are searched, 19,000 characters into lines of a megabyte."""
    record(store, "x" * 19_000 + " needle " + "y" * 1_000_000, "z" * 19_000 + " pin " + "w" * 1_000_000)
    for word in ("needle", "pin", "Be short."):
        assert len(keys(any_history, search=word)) == 1
    [item] = any_history.page().items
    assert (len(item.prompt), len(item.text)) == (300, 300)


def test_a_search_for_nothing_is_no_search(store: Store, any_history: History):
    """Blanks, and NUL alone, let everything through."""
    name = record(store)
    assert keys(any_history, search="  \0 ") == [name]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=12), st.text(max_size=30))
def test_any_text_can_be_typed_and_is_found_where_it_stands(
    tmp_path_factory: pytest.TempPathFactory, typed: str, around: str
):
    """Whatever is typed raises nothing, and the recording that holds it is among the hits."""
    with Store(tmp_path_factory.mktemp("any") / "replay.sqlite") as store, History(store) as history:
        record(store, "q", f"{around} {typed} {around}")
        assert len(keys(history, search=typed)) == 1


# ------------------------------------------------------------------------------ following the store


def test_what_happens_in_the_store_shows(store: Store, history: History):
    """Recorded, replaced, deleted and pruned: the next page shows it, whichever store object did it."""
    first, second = record(store, seed=1), record(store, seed=2)
    assert keys(history) == [second, first]
    with Store(store.path) as other:
        record(other, answer="another roof", seed=1)
        assert [item.text for item in history.page().items] == ["another roof", "on a roof"]
        assert keys(history, search="another") == [first]
        other.delete(second)
        assert keys(history) == [first]
        assert keys(history, search="roof") == [first]
        third = record(other, seed=3)  # gets the number that was deleted
        assert keys(history) == [third, first]
        other.prune(provider="openai")
    assert history.page().total == 0
    assert history.indexing() == (0, 0)


def test_a_number_that_is_given_again_is_noticed(store: Store, history: History):
    """The last recording deleted and another made between two looks: the new one is shown under the old number."""
    first = record(store, "one", seed=1)
    assert keys(history) == [first]
    store.delete(first)
    second = record(store, "two", seed=2)
    assert keys(history) == [second]
    assert keys(history, search="one") == []


def test_an_import_shows(store: Store, history: History, tmp_path: Path):
    """Imported recordings come, and with `replace` take another's place."""
    record(store, answer="theirs")
    store.export(tmp_path / "file")
    name = record(store, answer="ours")
    assert [item.text for item in history.page().items] == ["ours"]
    store.import_(tmp_path / "file", replace=True)
    assert [(item.key, item.text) for item in history.page().items] == [(name, "theirs")]


def test_another_file_in_the_stores_place(store: Store, history: History, tmp_path: Path):
    """Even one with the same keys under the same numbers: what is shown are its answers."""
    for seed in range(3):
        record(store, answer="before", seed=seed)
    assert {item.text for item in history.page().items} == {"before"}
    with Store(tmp_path / "other" / "replay.sqlite") as other:
        for seed in range(3):
            record(other, answer="afterwards", seed=seed)
    store.close()
    shutil.copy(other.path, tmp_path / "copy")
    (tmp_path / "copy").replace(store.path)
    history.page(budget_seconds=60)
    assert {item.text for item in history.page(budget_seconds=60).items} == {"afterwards"}
    assert keys(history, search="before") == []


def test_a_missing_store_is_an_empty_page_and_forgets_nothing(store: Store, history: History, tmp_path: Path):
    """A store that is away for a while (a disk) comes back with its counts and workflows."""
    name = record(store)
    history.origin(name, {"nodes": []})
    assert keys(history) == [name]
    store.close()
    moved = store.path.rename(tmp_path / "away")
    assert history.page().items == ()
    moved.rename(store.path)
    assert keys(history) == [name]
    assert history.workflow(name) == {"nodes": []}


def test_the_newest_come_first_while_the_index_is_made(store: Store, history: History):
    """A look without time for all of them has the newest, and says how far it is."""
    many(store, 100)
    assert not history.catch_up(0)
    done, total = history.indexing()
    assert (done < total, total) == (True, 100)
    while not history.catch_up(0):
        done = history.indexing()[0]
        shown = [item.seed for item in history.page(Query(limit=500), budget_seconds=0).items]
        assert shown == list(range(99, 99 - len(shown), -1))
        assert len(shown) >= done
    assert history.indexing() == (100, 100)


def test_deleted_while_the_index_is_made(store: Store, history: History):
    """What is deleted between two looks of a long making is not in it at the end."""
    many(store, 60)
    assert not history.catch_up(0)
    gone = [entry.key for entry in store.list(limit=60)]
    for name in (gone[0], gone[5], gone[59]):
        store.delete(name)
    many(store, 5, start=100)
    while not history.catch_up(0):
        pass
    assert keys(history, limit=500) == [entry.key for entry in store.list(limit=100)]


# ------------------------------------------------------------------------------------------------ damage


@pytest.mark.parametrize("column", ["reply", "question", "digest"])
def test_a_damaged_recording_is_shown_as_one(store: Store, history: History, column: str):
    """It stands in its place with what is wrong, beside those that are whole; so does its entry."""
    names = [record(store, seed=seed) for seed in range(3)]
    with store.database.writing() as db:
        db.execute(f"UPDATE recordings SET {column} = ? WHERE seed = '1'", (b"zrubbish",))
    items = history.page().items
    assert [item.key for item in items] == names[::-1]
    assert [bool(item.problem) for item in items] == [False, True, False]
    shown = history.entry(names[1])
    assert shown is not None
    assert shown.problem
    assert bool(shown.text) == (column == "question")
    assert bool(shown.messages) == (column != "question")


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\x00", b"[]", b"{}", b'{"choices": 3}', b"[" * 100_000, b'{"usage": {"prompt_tokens": -1}}'],
)
def test_an_answer_that_does_not_decode_is_shown_as_such(store: Store, history: History, body: bytes):
    """Whatever the body holds: a line with a problem, never an exception."""
    request = asked()
    store.put(request, key(request), sent=b"{}", reply=Reply(200, body, {"content-type": "application/json"}))
    [item] = history.page().items
    assert item.problem
    assert item.prompt == "a cat"


def test_an_unknown_provider_is_shown(store: Store, history: History):
    """A recording of a provider that this version does not know keeps its question."""
    record(store, provider="from-the-future")
    [item] = history.page().items
    assert "from-the-future" in item.problem
    assert (item.provider, item.prompt) == ("from-the-future", "a cat")


def test_a_page_of_the_file_that_cannot_be_read_costs_only_its_recordings(store: Store, history: History):
    """Zeros in the middle of the store's file: the rest is shown."""
    for seed in range(40):
        record(store, "x" * 3_000 + str(seed), os.urandom(2_000).hex(), seed=seed)
    store.database.checkpoint("TRUNCATE")
    store.close()
    size = store.path.stat().st_size
    with store.path.open("r+b") as whole:
        whole.seek(size // 2 // 8192 * 8192)
        whole.write(b"\0" * 8192)
    items = history.page(Query(limit=100), budget_seconds=60).items
    assert 20 < len(items) <= 40


# -------------------------------------------------------------------------------------------- pins, deleting


def test_a_pin_is_kept_and_seen_by_all(store: Store, history: History):
    """Pinning shows at once, also to a history that was looking before, and unpinning too; `prune` keeps the pinned."""
    names = [record(store, seed=seed) for seed in range(3)]
    with Store(store.path) as other, History(other) as beside:
        assert keys(beside, pinned=True) == []
        assert history.pin(names[1])
        assert keys(history, pinned=True) == keys(beside, pinned=True) == [names[1]]
        other.pin(names[0])
        assert keys(history, pinned=True) == [names[1], names[0]]
        other.prune(provider="openai")
        assert keys(history) == [names[1], names[0]]
        history.pin(names[1], False)
        other.prune(older_than=-1)
        assert keys(history) == [names[0]]
    assert not history.pin("k1:" + "0" * 64)


def test_a_pin_stays_when_the_answer_is_replaced_and_goes_with_the_recording(store: Store, history: History):
    """It is the key that is pinned, for as long as something is recorded under it."""
    name = record(store)
    history.pin(name)
    record(store, answer="new")
    assert history.page().items[0].pinned
    history.delete([name])
    record(store)
    assert not history.page().items[0].pinned


def test_pinned_recordings_take_their_room_first(tmp_path: Path):
    """Pruned by size, the oldest pinned one stays and counts: what is left fits where it can."""
    now = [0.0]
    with Store(tmp_path / "replay.sqlite", clock=lambda: now[0]) as store:
        names: list[str] = []
        for seed in range(5):
            now[0] = float(seed)
            names.append(record(store, seed=seed))
        store.pin(names[0])
        size = store.list()[0].size
        assert store.prune(max_bytes=size * 3 + 20, dry_run=True).recordings == 2
        store.prune(max_bytes=size * 3 + 20)
        assert [entry.key for entry in store.list()] == [names[4], names[3], names[0]]
        assert [entry.key for entry in store.list(pinned=True)] == [names[0]]


def test_deleting_takes_all_that_is_kept_beside(store: Store, history: History):
    """Index, counts and workflow of the last recording go with it; the workflow of two stays with the other."""
    names = [record(store, seed=seed) for seed in range(3)]
    for name in names[:2]:
        history.origin(name, {"nodes": [1]})
    history.page()
    assert history.delete([names[0], names[0], "k1:" + "0" * 64]) == 1
    assert keys(history) == [names[2], names[1]]
    assert history.workflow(names[0]) is None
    assert history.workflow(names[1]) == {"nodes": [1]}
    assert count_of(store, "workflows") == 1
    store.delete(names[1])  # not through the history: noticed at the next look
    history.page()
    assert count_of(store, "workflows") == count_of(store, "origins") == 0


def count_of(store: Store, table: str) -> int:
    with file.opened(store.path.parent).snapshot() as db:
        assert db is not None
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_a_selection_is_exported(store: Store, history: History, tmp_path: Path):
    """The chosen ones and no others are in the file."""
    names = [record(store, seed=seed) for seed in range(3)]
    assert history.export(tmp_path / "file", names[:2]) == 2
    with Store(tmp_path / "other" / "replay.sqlite") as other:
        assert other.import_(tmp_path / "file").new == 2


# --------------------------------------------------------------------------------------------------- sums


def test_totals_are_by_day_and_model(tmp_path: Path):
    """Days begin at midnight of the zone that is asked for; sums hold what is known."""
    zone = timezone(timedelta(hours=5, minutes=45))
    midnight = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    now = [0.0]
    with Store(tmp_path / "replay.sqlite", clock=lambda: now[0]) as store, History(store) as history:
        times = (midnight, midnight - 0.001, midnight - 86_400, midnight - 86_401, midnight + 0.5)
        for seed, now[0] in enumerate(times):
            record(store, seed=seed, cost=0.5, provider="openrouter", model=f"m{seed % 2}")
        totals = history.totals(2, zone)
        assert [(day.completions, day.input_tokens, day.cost) for day in totals.days] == [
            (2, 20, 1.0),
            (2, 20, 1.0),
        ]
        assert [day.day for day in totals.days] == [
            datetime.fromtimestamp(at, zone).date().isoformat() for at in (midnight, midnight - 1)
        ]
        assert [(it.model, it.completions) for it in totals.models] == [("m0", 3), ("m1", 1)]
        assert len(history.totals(30).days) == 30
        for wrong in (0, 4_000, True, "x"):
            with pytest.raises(RequestError):
                history.totals(wrong)  # pyright: ignore[reportArgumentType]


# ----------------------------------------------------------------------------------------- counted replays


def test_replays_are_counted(tmp_path: Path):
    """Each hit counts for its recording, its day and its model; what was answered anew does not."""
    client = Client(tmp_path)
    for _ in range(4):
        client.complete("hi", provider="echo", seed=1)
    client.complete("ho", provider="echo", seed=1)
    client.close()
    counts = {item.prompt: item.replayed for item in client.history.page().items}
    assert counts == {"hi": 3, "ho": 0}
    [item] = client.history.page(Query(search="hi")).items
    assert item.replayed_at is not None
    totals = client.history.totals(1)
    assert (totals.days[0].completions, totals.days[0].replayed) == (2, 3)
    assert [(it.provider, it.replayed) for it in totals.models] == [("echo", 3)]
    client.close()


def test_replays_are_written_without_being_closed(tmp_path: Path):
    """A thread writes them down by itself, and ends when there is nothing to do."""
    client = Client(tmp_path)
    for _ in range(3):
        client.complete("hi", provider="echo", seed=1)
    until(lambda: [item.replayed for item in client.history.page().items] == [2])
    client.close()


HITS = """
import sys
from antiphon import Client
client = Client(sys.argv[1])
for _ in range(int(sys.argv[2])):
    assert client.complete("hi", provider="echo", seed=1).replayed
"""


def test_processes_count_together(tmp_path: Path):
    """Four processes that end without closing anything: every hit of theirs is counted."""
    client = Client(tmp_path)
    client.complete("hi", provider="echo", seed=1)
    running = [subprocess.Popen([sys.executable, "-c", HITS, str(tmp_path), "250"]) for _ in range(4)]
    assert [process.wait(100) for process in running] == [0] * 4
    assert [item.replayed for item in client.history.page().items] == [1000]
    client.close()


@posix
def test_a_forked_child_counts_its_own(tmp_path: Path):
    """Hits that wait in the parent are written by the parent only; the child's are written by the child."""
    client = Client(tmp_path)
    for _ in range(3):
        client.complete("hi", provider="echo", seed=1)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            client.complete("hi", provider="echo", seed=1)
            client._replays.close()  # pyright: ignore[reportPrivateUsage]
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    client.close()
    assert [item.replayed for item in client.history.page().items] == [3]
    client.close()


def test_where_it_cannot_be_written_nothing_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """A history file that is no history: replays work, nothing is raised, and nothing piles up."""
    client = Client(tmp_path)
    client.complete("hi", provider="echo", seed=1)
    (tmp_path / "history.sqlite").write_bytes(b"no database at all" * 100)
    assert client.complete("hi", provider="echo", seed=1).replayed
    client._replays.flush()  # pyright: ignore[reportPrivateUsage]
    assert client.complete("hi", provider="echo", seed=1).replayed
    assert len(client._replays._hits) == 0  # pyright: ignore[reportPrivateUsage]
    client.close()


def test_a_home_that_is_gone_is_not_made_again(tmp_path: Path):
    """Hits of a store that was removed are not written anywhere."""
    client = Client(tmp_path / "home")
    for _ in range(2):
        client.complete("hi", provider="echo", seed=1)
    client.store.close()
    shutil.rmtree(tmp_path / "home")
    client._replays.close()  # pyright: ignore[reportPrivateUsage]
    assert not (tmp_path / "home").exists()


def test_a_hit_waits_in_a_queue_that_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """However long nobody writes, memory does not grow past the room there is."""
    monkeypatch.setattr(counting, "ROOM", 10)
    replays = counting.Replays(tmp_path / "replay.sqlite")
    for _ in range(100):
        replays.hit("k1:" + "0" * 64, "echo", "echo")
    assert len(replays._hits) <= 10  # pyright: ignore[reportPrivateUsage]
    replays.close()


# ------------------------------------------------------------------------------------------------- origins


def test_a_workflow_is_kept_once_for_all_its_recordings(store: Store, history: History):
    """Shared between keys, given back equal, replaced by the next that made it, kept where it is only used again."""
    names = [record(store, seed=seed) for seed in range(3)]
    made = {"nodes": [{"id": 1, "widgets_values": ["é 🐈 \ud83d", 2**70]}], "extra": {}}
    for name in names:
        assert history.origin(name, made)
    assert count_of(store, "workflows") == 1
    assert history.workflow(names[0]) == made
    assert history.origin(names[0], {"other": 1}, keep=True)
    assert history.workflow(names[0]) == made
    assert history.origin(names[0], {"other": 1})
    assert history.workflow(names[0]) == {"other": 1}
    for name in names[1:]:
        history.origin(name, {"other": 1})
    assert count_of(store, "workflows") == 1
    assert [item.workflow for item in history.page().items] == [True] * 3
    assert history.workflow("k1:" + "0" * 64) is None


def test_a_workflow_that_is_too_large_is_not_kept(store: Store, history: History):
    """Over the cap nothing is kept and nothing raised."""
    name = record(store)
    assert not history.origin(name, {"text": "x" * (1 << 20)})
    assert history.workflow(name) is None


@pytest.mark.parametrize(
    "hidden",
    [
        {"nodes": [{"widgets_values": ["sk-ant-REDACTED"]}]},
        {"inputs": {"api_key": "planted"}},
        {"deep": [[{"token": "planted-token"}]]},
        {"sk-proj-abcdefghij0123456789": 1},
    ],
)
def test_a_key_in_a_workflow_is_refused(store: Store, history: History, hidden: dict[str, Any]):
    """By its form or the name of its field, wherever it stands; and it is in no file then, nor in the error."""
    text = json.dumps(hidden)
    name = record(store)
    planted = hidden
    if "REDACTED" in text:
        planted = {"nodes": [{"widgets_values": ["sk-ant-" + "api03-planted0123456789"]}]}
    with pytest.raises(RequestError) as found:
        history.origin(name, planted)
    assert "planted" not in str(found.value)
    assert "sk-" not in str(found.value)
    assert not [it for it in store.path.parent.iterdir() if b"planted" in it.read_bytes()]
    assert history.workflow(name) is None


@pytest.mark.parametrize("wrong", [{"a": float("nan")}, {"a": object()}, {1: {2: b""}}])
def test_what_is_no_json_is_refused(store: Store, history: History, wrong: Any):
    """As an error that names the field."""
    with pytest.raises(RequestError) as found:
        history.origin(record(store), wrong)
    assert found.value.field == "workflow"


def test_a_damaged_workflow_is_an_error_that_says_so(store: Store, history: History):
    """Never half of it."""
    name = record(store)
    history.origin(name, {"a": 1})
    with file.opened(store.path.parent).writing() as db:
        db.execute("UPDATE workflows SET data = ?", (b"rubbish",))
    with pytest.raises(ReplayError, match="workflow"):
        history.workflow(name)


# --------------------------------------------------------------------------------- processes and read-only

INDEXING = """
import sys
from antiphon.history import History
from antiphon.replay import Store
history = History(Store(sys.argv[1]))
print("ready", flush=True)
while not history.catch_up(0.05):
    print(history.indexing()[0], flush=True)
print("done", flush=True)
"""


def indexer(store: Store, output: int = subprocess.PIPE) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", INDEXING, str(store.path)]
    return subprocess.Popen(command, stdout=output, text=True)


def test_two_processes_at_once(store: Store, history: History):
    """Both look, one makes the index, and it is whole: each recording once."""
    many(store, 600)
    running = [indexer(store, subprocess.DEVNULL) for _ in range(2)]
    try:
        while not history.catch_up(0.2):
            pass
        assert [process.wait(100) for process in running] == [0, 0]
    finally:
        for process in running:
            process.kill()
            process.communicate()
    assert history.indexing() == (600, 600)
    assert [item.seed for item in history.page(Query(limit=500)).items] == list(range(599, 99, -1))
    assert history.page(Query(search="answer 59")).total == 16  # 59, 159 … 590 … 599


@posix
def test_killed_in_the_middle(store: Store, history: History):
    """kill -9 while the index is made costs nothing that was in it; the next one goes on and ends with all, once."""
    many(store, 600)
    process = indexer(store)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.strip().isdigit() and int(line) > 0:
                break
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    done, total = history.indexing()
    assert 0 < done <= total == 600
    assert history.catch_up(None)
    with file.opened(store.path.parent).snapshot() as db:
        assert db is not None
        for table in ("entries", "texts", "search_content"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (600,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.execute("ROLLBACK")
        db.execute("INSERT INTO search (search) VALUES ('integrity-check')")


def test_threads_at_once(store: Store, history: History):
    """Pages, pins, counts and workflows from eight threads while recordings come."""
    names = [record(store, seed=seed) for seed in range(8)]
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                record(store, seed=100 + number * 10 + turn)
                history.page(Query(search="cat"))
                history.pin(names[number])
                history.origin(names[number], {"n": number})
                history.totals(1)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert not failed
    history.catch_up(None)
    assert history.page(Query(pinned=True)).total == 8
    assert history.page().total == 48


def test_an_index_that_cannot_be_made_beside_the_store_is_made_elsewhere(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    """In a temporary folder, which goes with the object; no history is left beside the store."""
    name = record(store)
    monkeypatch.setattr(book, "_writable", lambda _: False)
    history = History(store)
    assert keys(history, search="roof") == [name]
    assert not history.origin(name, {"a": 1})
    place = history._database.path.parent  # pyright: ignore[reportPrivateUsage]
    assert place != store.path.parent
    assert not store.path.with_name("history.sqlite").exists()
    history.close()
    del history
    gc.collect()
    until(lambda: not place.exists())


@posix
def test_a_forked_child_looks_by_itself(store: Store, history: History):
    """Also where a thread of the parent was making the index when it forked."""
    name = record(store)
    assert keys(history) == [name]
    with history._index._turn.within(0):  # pyright: ignore[reportPrivateUsage]
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if history.catch_up(None) and keys(history) == [name] else 1
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0


@rootless
def test_a_home_that_cannot_be_written_is_searched_all_the_same(store: Store):
    """The index is made elsewhere and goes with the object; nothing is written into the folder."""
    name = record(store)
    store.close()
    folder = store.path.parent
    before = sorted(it.name for it in folder.iterdir())
    folder.chmod(0o500)
    try:
        with History(store) as history:
            assert keys(history, search="roof") == [name]
            assert not history.origin(name, {"a": 1})
            place = history._database.path.parent  # pyright: ignore[reportPrivateUsage]
            assert place != folder
            with pytest.raises(ReplayError):
                history.pin(name)
        client = Client(folder, store=store)
        assert store.get(name) is not None
        client._replays.hit(name, "openai", "gpt-4o")  # pyright: ignore[reportPrivateUsage]
        client._replays.close()  # pyright: ignore[reportPrivateUsage]
        assert sorted(it.name for it in folder.iterdir()) == before
    finally:
        folder.chmod(0o700)
    del history
    until(lambda: not place.exists())


def test_a_history_of_another_version_is_refused(store: Store, history: History):
    """A newer file is left alone and said to be newer."""
    record(store)
    history.page()
    history.close()
    with sqlite3.connect(store.path.with_name("history.sqlite")) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(ReplayError, match="schema 99"):
        history.page()


def test_items_are_what_the_page_says(store: Store, history: History):
    """A line holds only what JSON can carry, so that a page can be sent as it is."""
    record(store, answer="half \ud83d\0 done")
    [item] = history.page().items
    assert isinstance(item, Item)
    json.dumps({name: getattr(item, name) for name in Item.__slots__}).encode()
    assert item.text == "half \ufffd\ufffd done"
    assert index.GROUP > 0
