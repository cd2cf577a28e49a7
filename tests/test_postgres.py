"""A replay store on a real PostgreSQL server: what may go wrong with servers, networks, passwords and rights.

What holds for each kind of store is tested for both in test_replay.py and test_portable.py.
"""

from __future__ import annotations

import asyncio
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from click.testing import CliRunner

from antiphon import Client, ReplayError, RequestError, TransportError
from antiphon.cli import antiphon as commands
from antiphon.replay import Busy, Store, carried, chosen, key, server
from antiphon.replay.address import Address
from antiphon.replay.postgres import PostgresStore
from antiphon.request import Media

from . import peer as peers
from .ports import free_port
from .postgres_server import PASSWORD, PATIENCE, PostgresServer, as_other_user, binaries, serving
from .test_replay import (
    PNG,
    asked,
    child,
    everywhere,
    forks,
    in_a_fork,
    opened,
    posix,
    record,
    replied,
    running,
    sent_with,
    until,
)


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    """The address of an empty database."""
    return postgres_server.made()


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    """A store in an empty database."""
    with PostgresStore(url) as store:
        yield store


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that a test may stop."""
    programs = binaries()
    if programs is None:
        pytest.skip("needs a PostgreSQL server (apt-get install postgresql)")
    with serving(programs) as it:
        yield it


@pytest.fixture
def peer() -> Iterator[peers.Peer]:
    """A loopback provider."""
    with peers.serve() as running:
        yield running


@contextmanager
def asking(tmp_path: Path, store: PostgresStore | str) -> Iterator[Client]:
    client = Client(tmp_path / "home", store=store)
    try:
        yield client
    finally:
        client.close()


def at(peer: peers.Peer, **more: object) -> dict:
    return {"base_url": peer.url, "model": "peer-1", **more}


def told(error: BaseException) -> str:
    """Everything that may be shown of an error."""
    hint = getattr(error, "hint", "")
    return "".join(traceback.format_exception(error)) + hint + repr(error)


def sql(store: PostgresStore, statement: str) -> list[tuple]:
    """A statement in the store's own database."""
    with psycopg.connect(store.address.url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def kill_sessions(store: PostgresStore) -> int:
    """End all sessions in the store's database, as an administrator or a failover does."""
    return len(
        sql(
            store,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    )


# ------------------------------------------------------------------------------- which store, and its address


def test_which_store_is_used(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is given, else what ANTIPHON_STORE says, else the file in the home folder."""
    assert chosen(None, tmp_path).name == str(tmp_path / "replay.sqlite")
    monkeypatch.setenv("ANTIPHON_STORE", url)
    assert isinstance(chosen(None, tmp_path), PostgresStore)
    assert chosen(tmp_path / "f", tmp_path).name == str(tmp_path / "f")
    monkeypatch.setenv("ANTIPHON_STORE", str(tmp_path / "other.sqlite"))
    assert chosen("", tmp_path).name == str(tmp_path / "other.sqlite")
    own = Store(tmp_path / "own")
    assert chosen(own, tmp_path) is own


@pytest.mark.parametrize(
    "wrong", ["mysql://me:hush@host/db", "host=localhost password=hush", "redis:hush", "service = a"]
)
def test_what_is_no_address(wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Another program's address is an error that names the setting and does not repeat the password."""
    monkeypatch.setenv("ANTIPHON_STORE", wrong)
    with pytest.raises(RequestError, match="ANTIPHON_STORE") as caught:
        chosen(None, tmp_path)
    assert "hush" not in told(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hush@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgres://me@host/db?sslmode=require", "postgresql://me@host/db"),
        ("postgresql://me:hush@a:1,b:2/db", "postgresql://me@a:1,b:2/db"),
        ("postgresql://host/db?password=hush&user=me", "postgresql://host/db"),
        ("postgresql://me:hush@[::1]:5/db", "postgresql://me@[::1]:5/db"),
        ("postgresql:///db?service=x", "postgresql:///db"),
        ("postgresql://", "postgresql://"),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str):
    """User, host and database; never the password, nor the parameters, which may hold one."""
    assert Address.of(url).shown == shown
    assert "hush" not in repr(PostgresStore(url)) + repr(Address.of(url))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hu/sh-hush@host/db",
        "postgresql://me:hu#hush@host/db",
        "postgresql://me:hu?hush@host/db",
        "postgresql://me:hush",
        "postgresql://me:hush word@host:x/db",
        "postgresql://me:hush@host:port/db",
        "postgresql://me:hush%zz@host/db",
        "postgresql://me:hush@host/db?nonsense=hush",
        "postgresql://me:hush@[::1/db",
    ],
)
def test_addresses_that_cannot_be_read(url: str):
    """Whatever is wrong with an address: an error, and the password is in no part of it."""
    with PostgresStore(url) as store:
        assert "hush" not in repr(store)
        with pytest.raises(ReplayError) as caught:
            store.get(key(asked()))
    assert "hush" not in told(caught.value)


def test_passwords_from_the_usual_places(
    url: str, postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """PGPASSWORD, a password file and a service file work as with PostgreSQL's own programs."""
    database = url.rpartition("/")[2]
    bare = f"postgresql://boss@127.0.0.1:{postgres_server.port}/{database}"
    with PostgresStore(bare) as store, pytest.raises(ReplayError, match="refuses the login"):
        store.count()
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with PostgresStore(bare) as store:
        assert store.count() == 0
    monkeypatch.delenv("PGPASSWORD")
    (tmp_path / "pass").write_text(f"127.0.0.1:*:*:boss:{PASSWORD.replace(':', chr(92) + ':')}\n")
    (tmp_path / "pass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pass"))
    with PostgresStore(bare) as store:
        assert store.count() == 0
    (tmp_path / "services").write_text(
        f"[words]\nhost=127.0.0.1\nport={postgres_server.port}\nuser=boss\ndbname={database}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSERVICE", "words")
    with PostgresStore("postgresql://") as store:
        record(store, asked())
        assert store.count() == 1


def test_the_package_is_missing(monkeypatch: pytest.MonkeyPatch):
    """Without psycopg the error comes at once and names the command that installs it."""
    code = """
import sys
sys.modules["psycopg"] = None
import importlib.util
importlib.util.find_spec = lambda name: None
from antiphon.replay import chosen
try:
    chosen("postgresql://me:hush@host/db", None)
except Exception as error:
    print(type(error).__name__, error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("ReplayError Install it: pip install 'antiphon[postgres]'"), done.stderr


def test_nothing_is_imported_before_it_is_used():
    """A program without such a store imports neither psycopg nor this module's parts."""
    code = (
        "import sys, antiphon; antiphon.complete('a', model='echo', seed=1);"
        "print([it for it in sys.modules if 'psycopg' in it or it.endswith('replay.server')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


# --------------------------------------------------------------------------------------- what goes wrong


def failing(url: str) -> ReplayError:
    with PostgresStore(url) as store, pytest.raises(ReplayError) as caught:
        record(store, asked())
    assert PASSWORD not in told(caught.value)
    assert quote(PASSWORD, safe="") not in told(caught.value)
    return caught.value


def test_no_way_in(postgres_server: PostgresServer):
    """Nobody there, a wrong password, an unknown user, no such database: each is told, with the way out."""
    assert "cannot be reached" in failing(postgres_server.url(port=free_port())).message
    refused = failing(postgres_server.url(password=PASSWORD[:-1] + "y"))
    assert "refuses the login" in refused.message
    assert "PGPASSWORD" in refused.hint
    assert "refuses the login" in failing(postgres_server.url(user="nobody")).message
    absent = failing(postgres_server.url("nowhere"))
    assert "has no such database" in absent.message
    assert "createdb" in absent.hint


def test_a_database_that_cannot_hold_all_text(postgres_server: PostgresServer):
    """A database in another encoding is refused, with the command that makes a right one."""
    postgres_server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    error = failing(postgres_server.url("latin"))
    assert "LATIN1" in error.message
    assert "UTF8" in error.hint


def test_rights(store: PostgresStore, postgres_server: PostgresServer):
    """A user without rights is told so; who may read replays; who may write records: with the documented statements."""
    database = store.name.rpartition("/")[2]
    postgres_server.execute(f"CREATE ROLE team_{database} LOGIN PASSWORD '{PASSWORD}'")
    url = postgres_server.url(database, user=f"team_{database}")
    assert "no right" in failing(url).message  # not even to make the schema
    it = record(store, asked(1), b"one")
    assert "schema antiphon" in failing(url).hint
    sql(store, f"GRANT USAGE ON SCHEMA antiphon TO team_{database}")
    sql(store, f"GRANT SELECT ON ALL TABLES IN SCHEMA antiphon TO team_{database}")
    with PostgresStore(url) as other:
        assert other.get(it).reply.body == b"one"
        assert other.verify()
    assert "no right" in failing(url).message
    sql(store, f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA antiphon TO team_{database}")
    with PostgresStore(url) as other:
        picture = Media.from_bytes(PNG)
        record(other, asked(1), b"two")
        again = record(other, asked(3, media=(picture,)), sent=sent_with(picture))
        assert other.delete(again)
        assert other.try_lease(it)
    assert store.get(it).reply.body == b"two"


def test_a_server_that_takes_no_writes(store: PostgresStore):
    """What is there is replayed from a server that is read-only; recording is an error that says why."""
    it = record(store, asked(1), b"one")
    sql(store, f"ALTER DATABASE {store.name.rpartition('/')[2]} SET default_transaction_read_only = on")
    store.close()
    assert store.get(it).reply.body == b"one"
    with pytest.raises(ReplayError, match="takes no writes"):
        record(store, asked(2))


def test_a_full_disk(store: PostgresStore):
    """The server's "disk full" says so and what to do; what was there stays, and it goes on when there is room."""
    it = record(store, asked(1), b"one")
    sql(
        store,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$",
    )
    sql(
        store,
        "CREATE TRIGGER full_disk BEFORE INSERT ON antiphon.recordings EXECUTE FUNCTION full_disk()",
    )
    with pytest.raises(ReplayError, match="is full") as caught:
        record(store, asked(2))
    assert "prune" in caught.value.hint
    assert store.get(it).reply.body == b"one"
    sql(store, "DROP TRIGGER full_disk ON antiphon.recordings")
    record(store, asked(2))
    assert store.count() == 2


def test_reading_makes_no_schema(store: PostgresStore):
    """Nothing is made in the database before something is recorded."""
    assert store.get(key(asked())) is None
    assert (store.count(), list(store.list()), store.export(io.BytesIO())) == (0, [], 0)
    assert store.try_lease(key(asked()))
    assert sql(store, "SELECT to_regnamespace('antiphon')") == [(None,)]
    record(store, asked())
    assert store.count() == 1


def test_a_newer_schema_is_refused(store: PostgresStore, url: str):
    """A store of a later Antiphon is neither read nor written."""
    record(store, asked())
    sql(store, "UPDATE antiphon.version SET version = 99")
    with PostgresStore(url) as other, pytest.raises(ReplayError, match="schema 99") as caught:
        other.get(key(asked()))
    assert "Upgrade" in caught.value.hint


def test_an_older_schema_is_migrated(store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch):
    """Whoever opens an older store next brings it up to date, and what was in it stays."""
    it = record(store, asked(), b"old")
    later = [*server.MIGRATIONS, ("ALTER TABLE antiphon.recordings ADD COLUMN later INTEGER",)]
    monkeypatch.setattr(server, "MIGRATIONS", later)
    with PostgresStore(url) as other:
        assert other.get(it).reply.body == b"old"
    assert sql(store, "SELECT version FROM antiphon.version") == [(2,)]


def test_a_migration_that_fails_changes_nothing(store: PostgresStore, monkeypatch: pytest.MonkeyPatch):
    """A schema is made whole or not at all."""
    monkeypatch.setattr(server, "MIGRATIONS", [(*server.MIGRATIONS[0], "CREATE TABLE nonsense")])
    with pytest.raises(ReplayError, match="syntax error"):
        record(store, asked())
    assert sql(store, "SELECT to_regnamespace('antiphon')") == [(None,)]


def test_a_changed_reply_is_not_replayed(store: PostgresStore):
    """A reply that does not match its hash is an error that names the key, and verify finds it."""
    it = record(store, asked(), b"true")
    sql(store, r"UPDATE antiphon.recordings SET digest = '\x00'")
    with pytest.raises(ReplayError, match=it):
        store.get(it)
    assert [problem.key for problem in store.verify().problems] == [it]
    record(store, asked(), b"true")
    assert store.verify()


def test_a_schema_dropped_in_use(store: PostgresStore):
    """Who drops the schema has an empty store, and the next put makes a new one."""
    it = record(store, asked())
    sql(store, "DROP SCHEMA antiphon CASCADE")
    assert store.get(it) is None
    record(store, asked())
    assert store.get(it) is not None


# ------------------------------------------------------------------------------------------ many at once


def test_the_same_recording_from_many_threads(store: PostgresStore, url: str):
    """Puts of the same key, with pictures, from two stores at once: no deadlock, one recording."""
    picture, wrong = Media.from_bytes(PNG), list[BaseException]()

    def work(own: PostgresStore) -> None:
        try:
            for n in range(30):
                record(own, asked(n % 3, media=(picture,)), b"%d" % n, sent_with(picture))
        except BaseException as error:
            wrong.append(error)

    with PostgresStore(url) as other:
        threads = [threading.Thread(target=work, args=(it,)) for it in (store, other) * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(100)
    assert not wrong
    assert store.count() == 3
    assert store.verify()


def test_a_picture_is_not_dropped_under_a_put(store: PostgresStore, url: str):
    """While one process removes the last user of a picture, another records a new one: the picture stays with it."""
    picture, stop = Media.from_bytes(PNG), threading.Event()
    wrong = list[BaseException]()

    def remove() -> None:
        try:
            with PostgresStore(url) as other:
                while not stop.is_set():
                    other.delete(key(asked(1, media=(picture,))))
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        for n in range(2, 42):
            record(store, asked(1, media=(picture,)), sent=sent_with(picture))
            record(store, asked(n, media=(picture,)), sent=sent_with(picture))
            store.delete(key(asked(n - 1, media=(picture,)))) if n > 2 else None
    finally:
        stop.set()
        thread.join(60)
    assert not wrong
    assert store.verify(), store.verify().problems


def test_few_connections(store: PostgresStore):
    """However many threads there are: four connections and one for leases."""
    record(store, asked())

    def work(n: int) -> None:
        record(store, asked(n))
        store.try_lease(key(asked(n)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    count = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert sql(store, count)[0][0] <= server.POOL + 1
    store.close()
    until(lambda: sql(store, count) == [(0,)])
    assert store.count() == 24, "a closed store opens again"


@posix
@forks
def test_after_a_fork(store: PostgresStore):
    """A forked child has connections of its own; it holds none of its parent's leases; the parent goes on."""
    one, two = record(store, asked(1)), key(asked(2))
    assert store.try_lease(one)

    def in_child() -> None:
        assert not store.try_lease(one)
        assert store.try_lease(two)
        record(store, asked(2))
        assert store.count() == 2

    pid = in_a_fork(in_child)
    assert os.waitpid(pid, 0)[1] == 0
    assert store.count() == 2
    with PostgresStore(store.address.url) as other:
        assert not other.try_lease(one), "the child's end did not end the parent's session"
        until(lambda: other.try_lease(two))
    store.release(one)


@posix
def test_a_killed_parent_leaves_no_lease_to_its_children(store: PostgresStore):
    """kill -9 of a process that has forked frees its lease, although the child lives on."""
    it = key(asked(1))
    code = """
import os, time, warnings
warnings.simplefilter("ignore")
assert store.try_lease(sys.argv[2])
if os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(600)
input()
"""
    parent = child(store, code, it)
    orphan = 0
    try:
        with running(parent):
            orphan = int(parent.stdout.readline())
            assert not store.try_lease(it)
            os.kill(parent.pid, signal.SIGKILL)
            parent.wait(20)
            until(lambda: store.try_lease(it))
            os.kill(orphan, 0)
            os.kill(orphan, signal.SIGKILL)
    finally:
        if orphan:
            with suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)


# ----------------------------------------------------------------------------- connections that break


def test_ended_sessions_lose_nothing(store: PostgresStore):
    """After all sessions were ended, the next lookup, put and listing go through at once."""
    it = record(store, asked(1))
    assert kill_sessions(store) == 1
    for n in range(2, 6):
        kill_sessions(store)
        assert store.get(it) is not None
        kill_sessions(store)
        record(store, asked(n))
        kill_sessions(store)
        assert len(store.list()) == n


def test_a_lease_whose_session_was_ended(store: PostgresStore, url: str):
    """A lost lease may go to another; giving it back is no error; what nobody took is taken again."""
    taken, kept, new = (key(asked(n)) for n in (1, 2, 3))
    assert store.try_lease(taken)
    assert store.try_lease(kept)
    kill_sessions(store)
    with PostgresStore(url) as other:
        until(lambda: other.try_lease(taken))
        assert store.try_lease(new), "on a new connection"
        assert not other.try_lease(kept), "which has the old leases again"
        store.release(taken)
        assert not store.try_lease(taken), "it is the other's now"
        store.release(kept)
        assert other.try_lease(kept)
        kill_sessions(store)
        store.release(new)
        until(lambda: store.try_lease(new))


def test_a_put_of_a_killed_process(store: PostgresStore):
    """kill -9 in the middle of a put with a large picture: whole or not there, and no lock is left."""
    code = """
while True:
    put(store, 1, (Media("image", "image/png", data=b"x" * 8_000_000),))
    print("put", flush=True)
"""
    chance = random.Random(3)
    record(store, asked(99))
    for _ in range(4):
        writer = child(store, code)
        with running(writer):
            assert writer.stdout.readline() == "put\n"
            time.sleep(chance.random() / 20)
            os.kill(writer.pid, signal.SIGKILL)
        assert store.verify(), store.verify().problems
        record(store, asked(99))


# ---------------------------------------------------------------------------------- on the whole road


def test_replayed_from_a_server(store: PostgresStore, peer: peers.Peer, tmp_path: Path):
    """All doors ask once, and are answered from the server then, with the same bytes, on any machine."""
    with asking(tmp_path / "one", store) as client:
        first = client.complete("hi", **at(peer, seed=1))
        second = client.complete("hi", **at(peer, seed=1))
        assert (first.replayed, first.recorded, second.replayed) == (False, True, True)
        assert second.raw == first.raw
    with asking(tmp_path / "two", store.address.url) as client:
        with client.stream("hi", **at(peer, seed=1)) as stream:
            assert "".join(delta.text for delta in stream) == first.text
            assert stream.completion.replayed

        async def by_await() -> tuple[bool, bool]:
            there = await client.acomplete("hi", **at(peer, seed=1))
            stream = client.astream("hi", **at(peer, seed=1))
            return there.replayed, (await stream.completion()).replayed

        assert asyncio.run(by_await()) == (True, True)
        assert client.complete("hi", **at(peer, seed=1, replay="only")).text == first.text
        with pytest.raises(ReplayError, match="nothing is recorded"):
            client.complete("new", **at(peer, seed=1, replay="only"))
        again = client.complete("hi", **at(peer, seed=1, replay="refresh"))
        assert not again.replayed
    assert len(peer.seen) == 2


@everywhere("kind")
def test_recordings_move_between_the_kinds(
    kind: object, request: pytest.FixtureRequest, store: PostgresStore, peer: peers.Peer, tmp_path: Path
):
    """What one kind of store recorded replays from the other with the same bytes."""
    home = kind(time.time)
    with asking(tmp_path, home) as client:
        first = client.complete("hi", **at(peer, seed=1))
        file = io.BytesIO()
        assert home.export(file) == 1
    file.seek(0)
    assert store.import_(file).new == 1
    with asking(tmp_path, store) as client:
        second = client.complete("hi", **at(peer, seed=1))
    assert (second.replayed, second.raw, second.text) == (True, first.raw, first.text)
    assert carried(store, [first.key], limit_bytes=10_000)["recordings"].keys() == {first.key}


@pytest.fixture
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """Makes a store of one kind."""
    return lambda clock: opened(request, tmp_path / "replay.sqlite", clock)


def test_the_same_question_on_two_machines_is_paid_once(
    store: PostgresStore, peer: peers.Peer, tmp_path: Path
):
    """Whoever asks while another machine's call is in flight waits for it, and gets its answer."""
    peer.delay = 0.5
    answers = []
    with (
        asking(tmp_path / "a", store) as one,
        asking(tmp_path / "b", store.address.url) as two,
    ):
        threads = [
            threading.Thread(target=lambda it=it: answers.append(it.complete("hi", **at(peer, seed=1))))
            for it in (one, two, one, two)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(peer.seen) == 1
    assert len({it.text for it in answers}) == 1
    assert len(answers) == 4


def test_a_batch_on_a_server(store: PostgresStore, peer: peers.Peer, tmp_path: Path):
    """A batch records each row before it is given, and the same batch again asks nothing."""
    with asking(tmp_path, store) as client:
        rows = list(client.batch([f"q{n}" for n in range(100)], **at(peer)))
        assert all(row.completion.recorded for row in rows)
        assert store.count() == 100
        again = list(client.batch([f"q{n}" for n in range(100)], **at(peer)))
    assert [row.completion.text for row in again] == [row.completion.text for row in rows]
    assert len(peer.seen) == 100


def test_a_locked_database_holds_up_nobody_else(store: PostgresStore, peer: peers.Peer, tmp_path: Path):
    """While somebody locks the table, other requests of the same loop are answered, and a deadline is kept."""
    record(store, asked())
    with psycopg.connect(store.address.url) as locker, asking(tmp_path, store) as client:
        locker.execute("LOCK TABLE antiphon.recordings")

        async def both() -> None:
            waiting = asyncio.create_task(client.acomplete("hi", **at(peer, seed=1, timeout=2.0)))
            unseeded = await client.acomplete("hi", **at(peer))
            assert unseeded.text == "answer to hi"
            with pytest.raises(TransportError, match="replay store") as caught:
                await waiting
            assert caught.value.phase == "deadline"

        asyncio.run(both())
        locker.rollback()
        until(lambda: client.complete("hi", **at(peer, seed=1)).recorded)


def test_a_server_that_is_not_there(peer: peers.Peer, tmp_path: Path):
    """The answer comes all the same, with a note that it is not recorded; only mode "only" fails."""
    address = f"postgresql://boss:{quote(PASSWORD, safe='')}@127.0.0.1:{free_port()}/db"
    with asking(tmp_path, address) as client:
        answer = client.complete("hi", **at(peer, seed=1))
        assert (answer.text, answer.recorded) == ("answer to hi", False)
        assert any("not recorded" in note and "cannot be reached" in note for note in answer.notes)
        assert PASSWORD not in str(answer.notes)
        with pytest.raises(ReplayError, match="cannot be reached"):
            client.complete("hi", **at(peer, seed=1, replay="only"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_a_server_restarted_in_the_middle(
    how: signal.Signals, own_server: PostgresServer, peer: peers.Peer, tmp_path: Path
):
    """200 requests, and the server is stopped (or crashes) and started: all are answered in time, and each answer is
    recorded, or says that it is not; what is recorded is not asked again."""
    peer.delay = 0.02
    store = PostgresStore(own_server.made())
    answers = []
    with asking(tmp_path, store) as client:
        for row in client.batch(
            [f"q{n}" for n in range(200)], concurrency=16, ordered=False, **at(peer, timeout=60.0)
        ):
            answers.append(row)
            if len(answers) == 40:
                own_server.stop(how)
                own_server.start()
        assert len(answers) == 200
        assert [row.error for row in answers if row.error] == []
        there = {entry.key for entry in store.list(limit=1_000)}
        unrecorded = [row for row in answers if row.key not in there]
        assert all(not row.completion.recorded and row.completion.notes for row in unrecorded)
        asked_before = len(peer.seen)
        list(client.batch([f"q{n}" for n in range(200)], **at(peer)))
        assert len(peer.seen) - asked_before == len(unrecorded)
        assert store.verify()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_a_frozen_server(
    own_server: PostgresServer, peer: peers.Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A server that keeps its connections and answers nothing holds up no thread for good: the connection is cut."""
    monkeypatch.setattr(server, "LIMIT", 1.0)
    monkeypatch.setattr(server, "PATIENCE", 1.0)
    store = PostgresStore(own_server.made())
    with asking(tmp_path, store) as client:
        client.complete("hi", **at(peer, seed=1))
        assert store.try_lease(key(asked()))
        with own_server.frozen():
            with pytest.raises(TransportError) as caught:
                client.complete("hi", **at(peer, seed=2, timeout=0.5))
            assert caught.value.phase == "deadline"
            with pytest.raises(ReplayError):
                store.get(key(asked()))
            store.release(key(asked()))
        until(lambda: client.complete("hi", **at(peer, seed=1)).replayed)


def test_on_the_command_line(store: PostgresStore, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`antiphon replay` looks at the store that ANTIPHON_STORE names; a failure there has its exit code."""
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))
    monkeypatch.setenv("ANTIPHON_STORE", url)
    it = record(store, asked(), b'{"choices":[{"message":{"content":"x"}}]}')
    run = CliRunner().invoke
    assert it in run(commands, ["replay", "list", "--json"]).output
    assert run(commands, ["replay", "export", str(tmp_path / "file")]).exit_code == 0
    monkeypatch.setenv("ANTIPHON_STORE", str(tmp_path / "other.sqlite"))
    assert run(commands, ["replay", "import", str(tmp_path / "file")]).exit_code == 0
    assert it in run(commands, ["replay", "list", "--json"]).output
    monkeypatch.setenv("ANTIPHON_STORE", Address.of(url).shown.replace("boss@", "boss:hush@"))
    refused = run(commands, ["replay", "verify"])
    assert refused.exit_code != 0
    assert "hush" not in refused.output
    assert isinstance(refused.exception, ReplayError | SystemExit)


# -------------------------------------------------------------------------------------------- a pooler


@pytest.fixture
def pooler(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """PgBouncer before the server, which gives each transaction to any of its sessions; its port."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("needs PgBouncer (apt-get install pgbouncer)")
    folder, port = postgres_server.folder, free_port()
    (folder / "users").write_text(f'"boss" "{PASSWORD}"\n')
    (folder / "bouncer.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={postgres_server.port}\n[pgbouncer]\nlisten_addr=127.0.0.1\n"
        f"listen_port={port}\nunix_socket_dir=\nauth_type=scram-sha-256\nauth_file={folder / 'users'}\n"
        "pool_mode=transaction\ndefault_pool_size=8\n"
    )
    with (folder / "bouncer.log").open("wb") as log:
        process = subprocess.Popen(
            as_other_user(program, str(folder / "bouncer.ini")), stdout=log, stderr=log, cwd="/"
        )
    try:
        until(lambda: _connects(postgres_server.url(port=port)), PATIENCE)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _connects(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=5):
        return True
    return False


def test_leases_through_a_pooler(store: PostgresStore, pooler: int, postgres_server: PostgresServer):
    """Behind a pooler of transactions a lease still has one holder, is given back, and goes with a killed process."""
    url = postgres_server.url(store.name.rpartition("/")[2], port=pooler)
    one, two = key(asked(1)), key(asked(2))
    with PostgresStore(url) as here, PostgresStore(url) as there:
        record(here, asked(1), b"one")
        assert here.try_lease(one)
        for n in range(20):
            assert not there.try_lease(one)
            record(there, asked(n), b"%d" % n)
        assert not store.try_lease(one), "also for who goes past the pooler"
        here.release(one)
        assert there.try_lease(one)
        other = child(there, "print(store.try_lease(sys.argv[2]), flush=True); input()", two)
        with running(other):
            assert other.stdout.readline() == "True\n"
            assert not here.try_lease(two)
            os.kill(other.pid, signal.SIGKILL)
            other.wait(20)
            until(lambda: here.try_lease(two))
        assert (there.count(), bool(there.verify())) == (20, True)


def test_puts_are_never_for_a_loop(store: PostgresStore):
    """A put that may not wait says Busy, so that the road hands it to a thread."""
    with pytest.raises(Busy):
        store.put(asked(), key(asked()), sent=b"", reply=replied(), wait=False)
    assert not store.quick


def test_imports_and_removals_at_once(store: PostgresStore, url: str):
    """Two imports of the same file in the middle of removals: nobody waits in a ring, nobody fails, all is whole."""
    picture = Media.from_bytes(PNG)
    for n in range(30):
        media = (picture,) if n % 3 == 0 else ()
        record(store, asked(n, media=media), sent=sent_with(*media))
    file = io.BytesIO()
    store.export(file)
    wrong = list[BaseException]()

    def work(turn: int) -> None:
        try:
            with PostgresStore(url) as other:
                for n in range(8):
                    if turn % 2:
                        other.prune(max_bytes=0)
                    else:
                        other.import_(io.BytesIO(file.getvalue()), replace=True)
                        record(other, asked(n, media=(picture,)), sent=sent_with(picture))
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert not wrong
    assert store.verify(), store.verify().problems
