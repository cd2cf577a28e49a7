"""The replay store, with real files, threads, processes, kills and locks."""

from __future__ import annotations

import base64
import gc
import json
import os
import random
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.call import Call, Reply, Secret, Timings
from antiphon.errors import ReplayError
from antiphon.replay import Busy, Store, chosen, database, key, packing
from antiphon.replay.postgres import PostgresStore
from antiphon.request import Config, Media, Message, Request

from .waiting import until

PNG = b"\x89PNG\r\n\x1a\n" + random.Random(0).randbytes(3_000)
posix = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")


def asked(seed: int | None = 1, text: str = "a cat on a roof", **more: Any) -> Request:
    return Request(
        provider=more.pop("provider", "echo"),
        messages=(Message("system", "Be short."), Message("user", text, *more.pop("media", ()))),
        config=Config(model=more.pop("model", "m"), **more),
        seed=seed,
    )


def replied(body: bytes = b'{"text": "a cat"}', **headers: str) -> Reply:
    return Reply(200, body, {"content-type": "application/json", **headers}, Timings(0.5, None, 2.0))


def record(store: Store, request: Request, body: bytes = b"{}", sent: bytes = b"{}") -> str:
    store.put(request, key(request), sent=sent, reply=replied(body))
    return key(request)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store in a file; with `everywhere` also one on a server."""
    with opened(request, tmp_path / "home" / "replay.sqlite") as store:
        yield store


@pytest.fixture
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Store]:
    """Makes a store whose clock is given."""
    return lambda clock: opened(request, tmp_path / "replay.sqlite", clock)


def opened(
    request: pytest.FixtureRequest, path: Path, clock: Callable[[], float] = time.time
) -> Store | PostgresStore:
    if getattr(request, "param", "file") == "file":
        return Store(path, clock=clock)
    return PostgresStore(request.getfixturevalue("postgres_server").made(), clock=clock)


def everywhere(fixture: str = "store") -> pytest.MarkDecorator:
    """The test holds for each kind of store."""
    return pytest.mark.parametrize(fixture, ["file", "postgres"], indirect=True)


def place(store: Store) -> str:
    """The address under which another process opens the same store."""
    return store.address.url if isinstance(store, PostgresStore) else str(store.path)


# ---------------------------------------------------------------------------------------- get and put


@everywhere()
def test_what_is_put_comes_back_the_same(store: Store):
    """Body bytes, status, timings and the facts about the request come back exactly; the seed may be of any size."""
    request = asked(seed=2**70 + 1, text="é 🐈")
    reply = Reply(
        206, bytes(range(256)) * 9, {"x-request-id": "r", "content-type": "x/y"}, Timings(1, 2, 3.5)
    )
    assert store.get(key(request)) is None
    store.put(request, key(request), sent=b"sent", reply=reply)
    found = store.get(key(request))
    assert found is not None
    assert (found.key, found.provider, found.model, found.seed) == (key(request), "echo", "m", 2**70 + 1)
    assert (found.reply, found.reply.timings) == (reply, reply.timings)
    assert abs(found.recorded_at - time.time()) < 60


def test_reading_makes_no_file(tmp_path: Path):
    """Looking into a store that is not there finds nothing, and leaves nothing behind."""
    with Store(tmp_path / "home" / "replay.sqlite") as store:
        assert store.get(key(asked())) is None
        assert (store.count(), list(store.list()), store.show(key(asked()))) == (0, [], None)
        assert store.verify()
        assert store.prune(provider="echo").recordings == 0
    assert not (tmp_path / "home").exists()


def test_the_default_place_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without a path the store is replay.sqlite in $ANTIPHON_HOME."""
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path / "there"))
    assert Store().path == tmp_path / "there" / "replay.sqlite"


@everywhere()
def test_a_new_reply_replaces_the_old_one(store: Store):
    """Refreshing keeps one recording, the last one, and it becomes the newest of the listing."""
    first, second = record(store, asked(1), b"old"), record(store, asked(2))
    record(store, asked(1), b"new")
    assert store.count() == 2
    assert store.get(first).reply.body == b"new"
    assert [entry.key for entry in store.list()] == [first, second]


@everywhere()
def test_only_harmless_headers_are_kept(store: Store):
    """Cookies, account names and limits are not recorded; content type, request ids and token counts are."""
    extra = {
        "set-cookie": "c",
        "openai-organization": "o",
        "x-ratelimit-limit-tokens": "9",
        "apim-request-id": "i",
        "x-amzn-bedrock-input-token-count": "14",
    }
    store.put(asked(), key(asked()), sent=b"", reply=replied(**extra))
    kept = store.get(key(asked())).reply.headers
    assert kept == {
        "content-type": "application/json",
        "apim-request-id": "i",
        "x-amzn-bedrock-input-token-count": "14",
    }


@everywhere()
def test_header_bytes_that_are_no_text(store: Store):
    """A header with bytes that are no UTF-8 (which arrive as surrogates) does not cost the recording."""
    store.put(asked(), key(asked()), sent=b"", reply=replied(**{"x-request-id": "a\udcff"}))
    assert store.get(key(asked())).reply.headers["x-request-id"] == "a\udcff"


@pytest.mark.parametrize("wrong", ["", "k1:", "k2:" + "0" * 64, "k1:" + "g" * 64, "k1:" + "0" * 63])
def test_what_is_no_key_is_refused(store: Store, wrong: str):
    """Something that is no key is an error that says so."""
    with pytest.raises(ReplayError, match="not a key"):
        store.get(wrong)


@everywhere()
def test_a_key_of_another_request_is_refused(store: Store):
    """A reply cannot be recorded under a key that is not its request's."""
    with pytest.raises(ReplayError, match="not the key"):
        store.put(asked(1), key(asked(2)), sent=b"", reply=replied())
    assert store.count() == 0


# ------------------------------------------------------------------------------------- without waiting


def test_put_without_waiting(store: Store):
    """It does not open the store, does not write much, and does not wait; otherwise it records as always."""

    def put(request: Request, body: bytes = b"{}") -> None:
        store.put(request, key(request), sent=b"", reply=replied(body), wait=False)

    with pytest.raises(Busy):
        put(asked(1))
    record(store, asked(1))
    put(asked(2))
    with pytest.raises(Busy):
        put(asked(3), bytes(1_000_000))
    with pytest.raises(Busy):
        put(asked(4, media=(Media.from_bytes(PNG),)))
    assert store.count() == 2


def test_a_locked_store(store: Store):
    """While another one writes, a put that may not wait says Busy, and one that may wait waits."""
    record(store, asked(1))
    other = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy):
        store.put(asked(2), key(asked(2)), sent=b"", reply=replied(), wait=False)
    waiting = threading.Thread(target=record, args=(store, asked(2)))
    waiting.start()
    assert store.get(key(asked(1))) is not None, "reading does not wait for writing"
    with pytest.raises(Busy):
        store.put(asked(3), key(asked(3)), sent=b"", reply=replied(), wait=False)
    other.execute("COMMIT")
    other.close()
    waiting.join(20)
    assert store.get(key(asked(2))) is not None


def test_a_store_that_stays_locked(store: Store, monkeypatch: pytest.MonkeyPatch):
    """When patience is at its end, the error says that the store is locked and what to do."""
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    record(store, asked(1))
    store.close()
    record(store, asked(2))
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.close()
    with pytest.raises(ReplayError, match="locked by another process") as caught:
        record(store, asked(3))
    assert caught.value.hint
    other.close()
    record(store, asked(3))


# ----------------------------------------------------------------------------------------------- media


def sent_with(*media: Media) -> bytes:
    return json.dumps({"model": "m", "images": [m.data_url for m in media], "é": 1}).encode()


@everywhere()
def test_media_are_kept_once(store: Store):
    """Two requests with the same picture share its bytes, and the sent body comes back whole."""
    picture = Media.from_bytes(PNG)
    body = sent_with(picture, picture)
    keys = [record(store, asked(n, media=(picture,)), sent=body) for n in (1, 2)]
    for it in keys:
        details = store.show(it)
        assert details.sent == body
        assert details.media == {picture.sha256: len(PNG)}
    assert store.database.row("SELECT count(*), sum(size) FROM blobs", ()) == (1, len(PNG))
    if isinstance(store, PostgresStore):
        return
    store.close()
    assert picture.base64[:100].encode() not in store.path.read_bytes()
    assert store.path.read_bytes().count(PNG[100:160]) == 1


@everywhere()
def test_deleting_takes_media_along_that_nobody_else_uses(store: Store):
    """A picture stays as long as one recording uses it."""
    picture = Media.from_bytes(PNG)
    one, two = (record(store, asked(n, media=(picture,)), sent=sent_with(picture)) for n in (1, 2))
    assert store.delete(one)
    assert store.show(two).media
    assert store.verify()
    assert store.delete(two)
    assert not store.delete(two)
    assert store.database.row("SELECT count(*) FROM blobs", ()) == (0,)


@settings(max_examples=80, deadline=None)
@given(
    pieces=st.lists(st.one_of(st.binary(max_size=30), st.integers(0, 2)), max_size=8),
    data=st.tuples(*[st.binary(min_size=1, max_size=200)] * 3),
)
def test_cutting_media_out_is_reversible(pieces: list[bytes | int], data: tuple[bytes, ...]):
    """Whatever a sent body holds, line ends and text that looks like media included, it comes back exactly."""
    media = [Media("image", "image/png", data=it) for it in data]
    sent = b"".join(base64.b64encode(data[it]) if isinstance(it, int) else it for it in pieces)
    question = packing.unpack_question(packing.pack_question(b'{"a":1}', sent, media))
    assert question.document == b'{"a":1}'
    assert question.whole({m.sha256: m.data for m in media}) == sent


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=2_000), st.integers(1, 400))
def test_packing_is_reversible(data: bytes, times: int):
    """What is packed comes back, and is never more than a byte longer."""
    stored = packing.pack(data * times)
    assert packing.unpack(stored) == data * times
    assert len(stored) <= len(data * times) + 1


def test_packing_does_not_try_what_cannot_shrink():
    """Noise is kept as it is; text of every size is compressed."""
    assert packing.pack(random.Random(1).randbytes(1_000_000))[:1] == b"r"
    assert all(len(packing.pack(b"word " * n)) < 5 * n / 3 for n in (100, 3_000, 10_000, 300_000))


@pytest.mark.parametrize("harm", [lambda z: b"", lambda z: b"x" + z, lambda z: z[:-3], lambda z: z + b"."])
def test_unpacking_notices_damage(harm: Callable[[bytes], bytes]):
    """Cut off, lengthened or foreign data is a ValueError."""
    with pytest.raises(ValueError, match=r"packing|cut off"):
        packing.unpack(harm(packing.pack(b"word " * 100)))


# -------------------------------------------------------------------------------------------- listings


@everywhere("kind")
def test_listing(kind: Callable[..., Store]):
    """Newest first, by provider, model, time and words anywhere in the messages, in pages."""
    now = [100.0]
    with kind(lambda: now[0]) as store:
        long_text = "word " * 400 + "Straße am Ende"
        for number, (text, provider) in enumerate(
            [("a cat", "echo"), ("a dog", "openai"), (long_text, "echo")]
        ):
            now[0] = 100.0 + number
            record(store, asked(number, text, provider=provider, model=f"m{number}"))
        seeds = lambda **filters: [entry.seed for entry in store.list(**filters)]  # noqa: E731
        assert seeds() == [2, 1, 0]
        assert seeds(provider="echo") == [2, 0]
        assert seeds(model="m1") == [1]
        assert seeds(since=101) == [2, 1]
        assert seeds(contains="STRASSE AM") == [2]
        assert seeds(contains="be short") == [2, 1, 0]
        assert seeds(contains="a cat", provider="openai") == []
        assert seeds(limit=1) == [2]
        assert seeds(limit=1, offset=2) == [0]
        entry = store.list(model="m0")[0]
        assert (entry.snippet, entry.recorded_at, entry.provider, entry.size > 0) == (
            "a cat",
            100.0,
            "echo",
            True,
        )


@everywhere()
def test_snippets_are_safe_to_print(store: Store):
    """No control character of a prompt gets into a listing, where a terminal would obey it."""
    record(store, asked(1, "line one\n\tline two \x1b[31mred\x07 \u202eback " + "x" * 500))
    start = store.list()[0].snippet
    assert start.startswith("line one line two [31mred back xxx")
    assert start.isprintable()
    assert len(start) == 200


@everywhere()
def test_show(store: Store):
    """All there is: the request as asked, the body as sent, the reply as it came."""
    request = asked(5, temperature=0.5)
    record(store, request, b"the reply", b'{"sent": true}')
    details = store.show(key(request))
    assert details.request["config"] == {"model": "m", "temperature": 0.5}
    assert details.request["seed"] == 5
    assert (details.sent, details.recording.reply.body, details.media) == (
        b'{"sent": true}',
        b"the reply",
        {},
    )
    assert store.show(key(asked(6))) is None


# --------------------------------------------------------------------------- threads, processes, kills


@everywhere()
def test_threads(store: Store):
    """Many threads put and get at once; all of it is there."""
    wrong: list[object] = []

    def work(first: int) -> None:
        for seed in range(first, first + 40):
            record(store, asked(seed), b"%d" % seed)
            found = store.get(key(asked(seed)))
            if found is None or found.reply.body != b"%d" % seed:
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(n * 1_000,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert store.count() == 320
    assert store.verify()


CHILD = """
import sys
from pathlib import Path
from antiphon.call import Reply
from antiphon.replay import chosen, key
from antiphon.request import Config, Media, Message, Request

def asked(seed, media=()):
    return Request(provider="echo", messages=(Message("user", "a cat " * 50, *media),), seed=seed)

def put(store, seed, media=()):
    request = asked(seed, media)
    reply = Reply(200, b"%d " % seed * 300, {"content-type": "text/plain"})
    store.put(request, key(request), sent=b"{}" * 200, reply=reply)

store = chosen(sys.argv[1], Path())
"""


def child(store: Store, code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD + code, place(store), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


@contextmanager
def running(*children: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        for it in children:
            with suppress(ProcessLookupError):
                it.kill()
            it.communicate()


def test_a_store_that_several_open_for_the_first_time_at_once(tmp_path: Path):
    """Nobody takes a store that another is just making for a stranger's file."""
    wrong: list[Exception] = []

    def work(path: Path, begin: threading.Barrier) -> None:
        try:
            begin.wait(60)
            with Store(path) as store:
                record(store, asked())
        except Exception as error:
            wrong.append(error)

    for n in range(25):
        begin = threading.Barrier(4)
        threads = [threading.Thread(target=work, args=(tmp_path / f"{n}.sqlite", begin)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert not wrong


@everywhere()
def test_several_processes(store: Store):
    """Four processes make the store at the same moment, write and read; nothing is lost and nobody fails."""
    code = """
first = int(sys.argv[2])
for seed in range(first, first + 60):
    put(store, seed)
    found = store.get(key(asked(seed)))
    assert found.reply.body.startswith(b"%d " % seed)
"""
    children = [child(store, code, n * 1_000) for n in range(4)]
    with running(*children):
        assert [it.wait(60) for it in children] == [0, 0, 0, 0]
    assert store.count() == 240
    assert store.verify()


@posix
@everywhere()
def test_kill_9_in_the_middle_of_writing(store: Store):
    """Whenever a writing process is killed: the store is whole, and every put that had returned is there."""
    code = """
for seed in range(int(sys.argv[2]), 10**9):
    put(store, seed, (Media("image", "image/png", data=b"%d" % seed * 5_000),) if seed % 5 == 0 else ())
    print(seed, flush=True)
"""
    chance = random.Random(7)
    said: set[int] = set()
    for turn in range(6):
        writer = child(store, code, turn * 100_000)
        with running(writer):
            for _ in range(chance.randint(1, 60)):
                said.add(int(writer.stdout.readline()))
            time.sleep(chance.random() / 100)
            os.kill(writer.pid, signal.SIGKILL)
            said |= {int(line) for line in writer.stdout if line.endswith("\n")}
        present = {entry.seed for entry in store.list(limit=10**6)}
        assert said <= present
        assert store.verify(), store.verify().problems
        record(store, asked(-turn))


def in_a_fork(code: Callable[[], None]) -> int:
    """The id of a forked child that runs `code` and ends with 0 if that succeeds."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        code()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


forks = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@posix
@forks
def test_after_a_fork(store: Store):
    """A forked child reads, writes and waits for leases as any other process does; the parent goes on."""
    record(store, asked(1))
    assert store.try_lease(key(asked(1)))

    def work() -> None:
        assert store.get(key(asked(1))) is not None
        assert not store.try_lease(key(asked(1))), "the parent holds it"
        record(store, asked(2))

    assert os.waitpid(in_a_fork(work), 0)[1] == 0
    assert store.get(key(asked(2))) is not None
    record(store, asked(3))
    store.release(key(asked(1)))
    assert store.count() == 3
    assert store.verify()


@posix
@forks
def test_locks_after_a_fork_are_real(store: Store):
    """A child's connections hold locks of their own: when the parent closes, the log the child uses stays."""
    record(store, asked(1))
    ready, go = os.pipe(), os.pipe()

    def work() -> None:
        os.close(go[1])  # so that the child ends when the parent does
        record(store, asked(2))
        os.write(ready[1], b".")
        assert os.read(go[0], 1) == b"."
        record(store, asked(3))

    child_id = in_a_fork(work)
    os.close(ready[1])
    assert os.read(ready[0], 1) == b"."
    assert store.count() == 2
    store.close()
    assert store.path.with_name("replay.sqlite-wal").exists(), "the child has it open"
    os.write(go[1], b".")
    assert os.waitpid(child_id, 0)[1] == 0
    assert store.count() == 3
    assert store.verify()
    for end in (ready[0], *go):
        os.close(end)


@posix
@forks
def test_a_fork_in_the_middle_of_something(store: Store):
    """A child that was forked while the file was being read refuses it, because it could damage it."""
    record(store, asked(1))

    def work() -> None:
        with pytest.raises(ReplayError, match="forked") as caught:
            store.get(key(asked(1)))
        assert "spawn" in caught.value.hint

    with store.database.snapshot():
        child_id = in_a_fork(work)
    assert os.waitpid(child_id, 0)[1] == 0
    assert store.get(key(asked(1))) is not None


# ---------------------------------------------------------------------------------------------- leases


@everywhere()
def test_a_lease_has_one_holder(store: Store):
    """In one process: one lease for each key, also between two stores of the same place."""
    one, two = key(asked(1)), key(asked(2))
    with closing(chosen(place(store), Path())) as other:
        assert store.try_lease(one)
        assert not store.try_lease(one)
        assert not other.try_lease(one)
        assert other.try_lease(two)
        store.release(one)
        assert other.try_lease(one)
    assert store.try_lease(one), "a closed store holds nothing"
    store.release(one)
    store.release(one)
    assert store.try_lease(one)


@everywhere()
def test_leases_between_processes(store: Store):
    """What one process holds another cannot take, until it is released."""
    held, free = key(asked(1)), key(asked(2))
    assert store.try_lease(held)
    code = "print(store.try_lease(sys.argv[2]), store.try_lease(sys.argv[3]), flush=True); input()"
    other = child(store, code, held, free)
    with running(other):
        assert other.stdout.readline() == "False True\n"
        assert not store.try_lease(free)
        assert other.communicate("\n", timeout=20)[0] == ""
        until(lambda: store.try_lease(free))  # it is free when the process has ended


@posix
@everywhere()
def test_a_killed_process_leaves_no_lease(store: Store):
    """After kill -9 the lease is free at once, without any clock."""
    it = key(asked(1))
    other = child(store, "print(store.try_lease(sys.argv[2]), flush=True); input()", it)
    with running(other):
        assert other.stdout.readline() == "True\n"
        assert not store.try_lease(it)
        os.kill(other.pid, signal.SIGKILL)
        other.wait(20)
        until(lambda: store.try_lease(it))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_stores_that_nobody_closed(tmp_path: Path):
    """A store that is dropped without being closed leaves no file open."""
    for n in range(20):
        store = Store(tmp_path / str(n) / "replay.sqlite")
        record(store, asked(1))
        assert store.try_lease(key(asked(1)))
    del store
    gc.collect()
    assert not [it for it in Path("/proc/self/fd").iterdir() if str(tmp_path) in os.path.realpath(it)]


def test_leases_write_nothing(store: Store):
    """The lock file stays empty, however many leases are taken."""
    assert all(store.try_lease(key(asked(n))) for n in range(200))
    assert (store.path.parent / "replay.lock").stat().st_size == 0


def test_leases_without_a_lock_file(tmp_path: Path):
    """Where no lock file can be made, the error is a ReplayError that says what follows from it."""
    (tmp_path / "file").write_text("")
    with Store(tmp_path / "file" / "replay.sqlite") as store:
        with pytest.raises(ReplayError, match="cannot lock") as caught:
            store.try_lease(key(asked()))
        assert "more than once" in caught.value.hint
        store.release(key(asked()))


# -------------------------------------------------------------------------------- what can be wrong


@posix
def test_only_the_owner_can_read(store: Store):
    """The folder is 0700, and every file in it 0600, whatever the umask."""
    before = os.umask(0)
    try:
        record(store, asked())
        store.try_lease(key(asked()))
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    files = list(store.path.parent.iterdir())
    assert {file.name for file in files} >= {"replay.sqlite", "replay.sqlite-wal", "replay.lock"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to write everywhere."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@posix
def test_a_read_only_folder(tmp_path: Path):
    """Recordings in it can be replayed; recording says that it cannot be written to, and what to check."""
    path = tmp_path / "replay.sqlite"
    with Store(path) as store:
        record(store, asked(1), b"there")
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(0o755)
    tmp_path.chmod(0o555)
    path.chmod(0o444)
    try:
        with as_nobody(), Store(path) as store:
            assert store.get(key(asked(1))).reply.body == b"there"
            with pytest.raises(ReplayError, match="cannot be") as caught:
                record(store, asked(2))
            assert caught.value.hint
            assert store.count() == 1
        with as_nobody(), Store(tmp_path / "new" / "replay.sqlite") as store:
            assert store.get(key(asked(1))) is None
            with pytest.raises(ReplayError, match=r"cannot be opened: Permission denied"):
                record(store, asked(2))
    finally:
        tmp_path.chmod(0o755)


def test_a_file_where_the_folder_should_be(tmp_path: Path):
    """A home folder that cannot be is a ReplayError for reading and for writing."""
    (tmp_path / "home").write_text("not a folder")
    with Store(tmp_path / "home" / "replay.sqlite") as store:
        for use in (lambda: store.get(key(asked())), lambda: record(store, asked())):
            with pytest.raises(ReplayError, match="cannot be opened"):
                use()


@posix
def test_a_full_disk(store: Store):
    """A put that finds no room is a ReplayError; what was there stays, and with room all goes on."""
    code = """
import resource, itertools
from antiphon.errors import ReplayError
put(store, 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
for seed in itertools.count(1):
    try:
        put(store, seed)
    except ReplayError as error:
        print(error.message, "|", error.hint, flush=True)
        break
print(seed, store.get(key(asked(0))) is not None, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
put(store, seed)
store.close()
"""
    writer = child(store, code)
    with running(writer):
        message, hint = writer.stdout.readline().split(" | ")
        assert "disk" in message
        assert "space" in hint
        seed, readable = writer.stdout.readline().split()
        assert readable == "True"
        assert writer.wait(30) == 0
    assert {entry.seed for entry in store.list(limit=10**6)} == set(range(int(seed) + 1))
    assert store.verify()


def test_the_size_limit_of_the_file(store: Store):
    """SQLite's own word for no room says that the store is full, and how to make room."""
    record(store, asked(0))

    def overflow() -> None:
        with store.database.writing() as db:
            db.execute("PRAGMA max_page_count=1")
            db.executemany(
                "INSERT INTO blobs VALUES (?, 1, ?)", [(b"%d" % n, bytes(20_000)) for n in range(99)]
            )

    with pytest.raises(ReplayError, match="is full") as caught:
        overflow()
    assert "prune" in caught.value.hint
    assert store.count() == 1
    assert store.verify()


def test_a_file_that_is_no_database(store: Store):
    """Every use says that the store is damaged and how to start afresh; the file is left as it is."""
    store.path.parent.mkdir()
    store.path.write_bytes(b"not a database " * 500)
    uses = [
        lambda: store.get(key(asked())),
        lambda: record(store, asked()),
        store.list,
        store.verify,
        store.count,
    ]
    for use in uses:
        with pytest.raises(ReplayError, match="damaged") as caught:
            use()
        assert "move" in caught.value.hint
    assert store.path.read_bytes() == b"not a database " * 500


def found_or_failed(store: Store, seed: int) -> bytes | None:
    try:
        found = store.get(key(asked(seed)))
    except ReplayError:
        return None
    return found and found.reply.body


def test_damaged_pages(store: Store):
    """Overwritten pages are an error or None when read, and never a wrong answer; verify reports them."""
    for n in range(300):
        record(store, asked(n), b"%d " % n * 100)
    store.close()
    data = bytearray(store.path.read_bytes())
    for page in range(3, len(data) // database.PAGE_SIZE, 2):
        data[page * database.PAGE_SIZE : page * database.PAGE_SIZE + 2_000] = os.urandom(2_000)
    store.path.write_bytes(data)
    answers = [found_or_failed(store, n) for n in range(300)]
    assert answers.count(None) > 50
    assert all(answer in (None, b"%d " % n * 100) for n, answer in enumerate(answers))
    assert not store.verify()


def changed(store: Store, sql: str, *values: object) -> None:
    store.close()
    with sqlite3.connect(store.path) as db:
        assert db.execute(sql, values).rowcount == 1
    db.close()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE recordings SET digest = zeroblob(32)", "reply does not match"),
        ("UPDATE recordings SET reply = CAST('r{}' || char(10) || 'other' AS BLOB)", "reply does not match"),
        ("UPDATE recordings SET reply = CAST('z123' AS BLOB)", "not readable"),
        ("UPDATE recordings SET question = CAST('r{}' AS BLOB)", "not readable"),
        ("UPDATE recordings SET key = zeroblob(33)", "does not have this key"),
        ("UPDATE recordings SET key = 'text'", "not readable"),
        ("UPDATE recordings SET reply = 'rtext'", "not readable"),
        ("UPDATE recordings SET seed = '2'", "listing does not agree"),
        ("UPDATE recordings SET provider = 'x'", "listing does not agree"),
        ("UPDATE recordings SET model = 'x'", "listing does not agree"),
        ("DELETE FROM blobs", "is missing"),
        ("DELETE FROM media", "list of its media"),
        ("UPDATE blobs SET data = CAST('rother' AS BLOB)", "medium .* does not match"),
        ("UPDATE blobs SET size = 1", "medium .* does not match"),
        ("UPDATE blobs SET data = CAST('x' AS BLOB)", "medium .* is not readable"),
    ],
)
def test_verify_finds_what_was_changed(store: Store, sql: str, says: str):
    """Any part of a recording that is not as it was written is listed."""
    picture = Media.from_bytes(PNG)
    record(store, asked(1, media=(picture,)), sent=sent_with(picture))
    assert store.verify()
    assert (store.verify().recordings, store.verify().media) == (1, 1)
    changed(store, sql)
    problems = store.verify().problems
    assert problems
    assert any(re.search(says, problem.what) for problem in problems), problems


def test_a_changed_reply_is_not_replayed(store: Store):
    """A hit whose reply is not what was recorded is an error that names the key, not an answer."""
    it = record(store, asked(1))
    changed(store, "UPDATE recordings SET reply = CAST('r{}' || char(10) || 'other' AS BLOB)")
    with pytest.raises(ReplayError, match=it):
        store.get(it)


def test_show_without_its_media(store: Store):
    """A lost picture costs the body as sent, and not the rest."""
    picture = Media.from_bytes(PNG)
    it = record(store, asked(1, media=(picture,)), b"reply", sent_with(picture))
    changed(store, "DELETE FROM blobs")
    details = store.show(it)
    assert (details.sent, details.media, details.recording.reply.body) == (None, {}, b"reply")


def test_a_file_that_is_not_ours(store: Store):
    """Another program's SQLite file is refused and left alone."""
    store.path.parent.mkdir()
    with sqlite3.connect(store.path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = store.path.read_bytes()
    for use in (lambda: store.get(key(asked())), lambda: record(store, asked())):
        with pytest.raises(ReplayError, match="not a replay store"):
            use()
    assert store.path.read_bytes() == before


def test_a_newer_schema_is_refused(store: Store):
    """A store written by a later version is refused with the versions named."""
    record(store, asked())
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    for use in (lambda: store.get(key(asked())), lambda: record(store, asked())):
        with pytest.raises(ReplayError, match="schema 99") as caught:
            use()
        assert "Upgrade" in caught.value.hint


def test_an_older_schema_is_migrated(store: Store, monkeypatch: pytest.MonkeyPatch):
    """Opening a store of an older version brings it up to date, by reading as well as by writing, and keeps all."""
    it = record(store, asked(1), b"old")
    store.close()
    columns = ("ALTER TABLE recordings ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",)
    newer = replace(database.REPLAY, migrations=[*database.MIGRATIONS, columns])
    monkeypatch.setattr(store.database, "_schema", newer)
    assert store.get(it).reply.body == b"old"
    assert store.database.row("SELECT pinned FROM recordings", ()) == (0,)
    assert store.database.row("PRAGMA user_version", ()) == (2,)


def test_a_migration_that_fails_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch):
    """All of a migration happens, or nothing of it."""
    it = record(store, asked(1))
    store.close()
    bad = ("ALTER TABLE recordings ADD COLUMN pinned INTEGER", "NO SUCH STATEMENT")
    with monkeypatch.context() as patch:
        patch.setattr(
            store.database, "_schema", replace(database.REPLAY, migrations=[*database.MIGRATIONS, bad])
        )
        with pytest.raises(ReplayError):
            store.get(it)
    assert store.get(it) is not None
    assert store.database.row("PRAGMA user_version", ()) == (1,)


@posix
def test_a_file_moved_away_in_use(store: Store, monkeypatch: pytest.MonkeyPatch):
    """Who follows the advice to move a damaged store away gets a new one without a restart."""
    monkeypatch.setattr(database, "LOOK_AGAIN", 0)
    record(store, asked(1))
    for file in store.path.parent.iterdir():
        file.rename(file.with_name("old-" + file.name))
    record(store, asked(2))
    assert store.path.exists()
    assert [entry.seed for entry in store.list()] == [2]


def test_the_log_is_copied_into_the_file(store: Store, monkeypatch: pytest.MonkeyPatch):
    """A thread of its own checkpoints now and then, so that the log does not grow for ever."""
    monkeypatch.setattr(database, "CHECKPOINT_PAGES", 30)
    record(store, asked(0))
    for n in range(1, 100):
        record(store, asked(n), random.Random(n).randbytes(4_000))
    until(lambda: store.path.stat().st_size > 100_000)
    until(lambda: not any(t.name == "antiphon-checkpoint" for t in threading.enumerate()))
    assert store.count() == 100


def test_closing_and_using_again(store: Store):
    """A closed store opens again when it is used, and its log is in the file."""
    it = record(store, asked())
    store.close()
    assert [file.name for file in store.path.parent.iterdir()] == ["replay.sqlite"]
    assert store.get(it) is not None


# ----------------------------------------------------------------------------------------------- prune


@pytest.fixture
def aged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Ten recordings, one each day, of two providers; odd ones share a picture with their neighbour."""
    now = [0.0]
    with opened(request, tmp_path / "replay.sqlite", lambda: now[0]) as store:
        for day in range(10):
            now[0] = day * 86_400.0
            picture = Media.from_bytes(PNG + b"%d" % (day // 2))
            provider = "echo" if day < 5 else "openai"
            record(store, asked(day, provider=provider, media=(picture,)), sent=sent_with(picture))
        yield store


def days(store: Store) -> list[int]:
    return [entry.seed for entry in reversed(store.list())]


def media_count(store: Store) -> int:
    return store.database.row("SELECT count(*) FROM blobs", ())[0]


@everywhere("aged")
def test_prune_by_age(aged: Store):
    """What is older goes, with the pictures that nobody uses any more."""
    pruned = aged.prune(older_than=4.5 * 86_400)
    assert days(aged) == [5, 6, 7, 8, 9]
    assert (pruned.recordings, pruned.media, media_count(aged)) == (5, 2, 3)
    assert pruned.bytes > 2 * len(PNG)
    assert aged.verify()


@everywhere("aged")
def test_prune_by_provider(aged: Store):
    """With a provider alone all of its recordings go; with an age only its old ones."""
    aged.prune(provider="openai", older_than=2.5 * 86_400)
    assert days(aged) == [0, 1, 2, 3, 4, 7, 8, 9]
    aged.prune(provider="echo")
    assert days(aged) == [7, 8, 9]
    assert aged.verify()


@everywhere("aged")
def test_prune_by_size(aged: Store):
    """The oldest go until the rest fits; a shared picture counts once."""
    size = sum(entry.size for entry in aged.list()[:4]) + 2 * (len(PNG) + 2)
    assert aged.prune(max_bytes=size).recordings == 6
    assert days(aged) == [6, 7, 8, 9]
    assert aged.prune(max_bytes=size).recordings == 0
    assert aged.prune(max_bytes=0).recordings == 4
    assert (aged.count(), media_count(aged)) == (0, 0)


@everywhere("aged")
@pytest.mark.parametrize(
    "what", [{"older_than": 4.5 * 86_400}, {"max_bytes": 8_000}, {"provider": "echo"}, {}]
)
def test_a_dry_run_says_what_would_go(aged: Store, what: dict[str, Any]):
    """The counts are those of the real thing, and nothing is gone."""
    foretold = aged.prune(dry_run=True, **what)
    assert (aged.count(), media_count(aged)) == (10, 5)
    assert aged.prune(**what) == foretold


def test_prune_gives_the_space_back(store: Store):
    """The file shrinks; the rest is whole."""
    for n in range(200):
        record(store, asked(n), random.Random(n).randbytes(20_000))
    store.close()
    before = store.path.stat().st_size
    store.prune(max_bytes=400_000)
    assert store.path.stat().st_size < before / 4
    assert 10 < store.count() < 30
    assert store.verify()


# --------------------------------------------------------------------------------------- promises


def test_no_secret_gets_into_a_file(store: Store):
    """A planted key is in none of the files: neither from the call's headers nor from the reply's."""
    planted = "sk-planted-3141592653589793"
    call = Call("https://x", b'{"model": "m"}', {"Authorization": Secret(f"Bearer {planted}")})
    reply = replied(**{"set-cookie": f"session={planted}", "x-api-key": planted, "authorization": planted})
    store.put(asked(), key(asked()), sent=call.body, reply=reply)
    assert store.try_lease(key(asked()))
    stored = store.database.row("SELECT reply, question FROM recordings", ())
    texts = [packing.unpack(it) for it in stored]
    texts += [file.read_bytes() for file in store.path.parent.iterdir()]
    assert len(texts) > 4
    assert not any(planted.encode() in text or b"Bearer" in text for text in texts)


def test_importing_is_cheap():
    """Neither sqlite3 nor anything else that is slow to import comes in before a store is used."""
    code = (
        "import sys, antiphon.replay as r; r.Store('x').close();"
        "print({'sqlite3', 'asyncio', 'aiohttp', 'gzip', 'tempfile'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
