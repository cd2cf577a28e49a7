"""Keys planted by every way in, and hunted in every way out, after every error path.

A key may come as an argument, from the environment, the key file, the keyring, a widget, or stand where it does not
belong: in an address. It is looked for as it is, cut, turned to lower case, and as JSON, URLs and base64 write it.
"""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import antiphon
from antiphon import providers
from antiphon.call import Secret
from antiphon.credentials import Credentials
from antiphon.errors import AntiphonError
from antiphon.replay.store import Store
from antiphon.request import Timeout
from antiphon.transport import is_loopback
from tests.attack.planted import ANSWERS, KEYS, Echo, all_of, echoing, kept_in, leaks
from tests.cli.conftest import cli, home
from tests.test_credentials import memory

__all__ = ["cli", "home", "memory"]  # fixtures

PLAIN, ODD = KEYS
AWS = ("AKIAPLANTED012345678", "planted/secret+key/0123456789abcdefghij", "planted/session+token/0123456789=")
STREAMS = [name for name in ANSWERS if "stream" in name or name in ("success", "400", "no HTTP, cut")]
# Providers whose keys of the environment go to other machines than this one.
HOSTED = [
    name
    for name in providers.names()
    if not any(is_loopback(urlsplit(f"//{host}").hostname or "") for host in providers.get(name).own_hosts)
    and name not in ("echo", "local")
]
# Nothing is asked again and no wait is long: each answer is met once.
QUICKLY: dict[str, Any] = {"retries": 0, "timeout": Timeout(total=20)}


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with echoing() as running:
        yield running


def told(thing: Any) -> list[object]:
    """All that a program, a log or another process gets of a completion or client."""
    texts: list[object] = [repr(thing), str(thing), repr(copy.copy(thing))]
    with suppress(TypeError, AttributeError):  # what does not travel tells nothing
        texts.append(pickle.dumps(thing))
    if is_dataclass(thing) and not isinstance(thing, type):
        texts.append(json.dumps(asdict(thing), default=repr))
    return texts


def outcome(ask: Callable[[], Any]) -> list[object]:
    """What comes of asking, as all that can be seen of it."""
    try:
        done = ask()
    except AntiphonError as error:
        return [all_of(error), error.message, error.hint, json.dumps(vars(error), default=repr)]
    return told(done) + told(done.raw)


# ---------------------------------------------------------------------------------- what a server repeats


@pytest.mark.parametrize("key", KEYS, ids=["plain", "odd"])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_server_that_repeats_the_key(
    name: str, key: str, echo: Echo, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However it is repeated, the key is in no completion, error, cause, pickle, log or file."""
    echo.answer = ANSWERS[name](key)
    at: dict[str, Any] = {
        "base_url": f"{echo.url}/v1",
        "model": "m",
        "api_key": key,
        "provider": "compatible",
        **QUICKLY,
    }
    seen: list[object] = []
    with caplog.at_level(logging.DEBUG), closing(antiphon.Client()) as client:
        echo.asked.clear()
        seen += outcome(lambda: client.complete("hi", seed=1, **at))
        assert key.encode() in echo.asked[0]  # it was really sent
        if name in STREAMS:
            seen += outcome(lambda: client.stream("hi", seed=2, **at).completion)
        seen += outcome(lambda: client.complete("hi", seed=1, **at))
        seen += [*told(client), *stored(client.store)]
        seen += kept_in(home).values()  # with the log of the database still there
    seen += kept_in(home).values()
    assert leaks(key, *seen, caplog.text) == []


@pytest.mark.parametrize("provider", [name for name in providers.names() if name not in ("echo", "local")])
def test_every_provider(provider: str, echo: Echo, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In the dialect of each provider, too: successes and errors that repeat the key wherever a dialect reads text."""
    key = ":".join(AWS) if provider == "bedrock" else ODD
    parts = AWS[1:] if provider == "bedrock" else (key,)
    seen: list[object] = []
    with caplog.at_level(logging.DEBUG), closing(antiphon.Client()) as client:
        for name in ("success", "success, escaped", "400", "401, escaped", "429", "no JSON"):
            for part in parts:
                echo.answer = ANSWERS[name](part)
                at: dict[str, Any] = {
                    "base_url": f"{echo.url}/v1",
                    "model": "m",
                    "api_key": key,
                    "provider": provider,
                }
                seen += outcome(
                    lambda at=at: client.complete("hi", seed=1, replay="refresh", **at, **QUICKLY)
                )
        seen += kept_in(home).values()
    for part in parts[
        -1:
    ]:  # what AWS is not sent, it cannot repeat; a test that plants it there proves nothing
        assert leaks(part, *seen, caplog.text) == []


# --------------------------------------------------------------------------------------------- ways in


@pytest.mark.parametrize("provider", HOSTED)
def test_keys_of_the_environment(
    provider: str, echo: Echo, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """With every variable of a provider set, a call to another address takes no key along, and no error shows one."""
    found = providers.get(provider)
    for variable in (*found.key_env, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(variable, ODD)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", AWS[0])
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    echo.answer, before = ANSWERS["400"](ODD), len(echo.asked)
    with closing(antiphon.Client()) as client:
        at = {"base_url": f"{echo.url}/v1", "model": "m", "provider": provider}
        seen = outcome(lambda: client.complete("hi", seed=1, **at, **QUICKLY))
        seen += told(client)
    assert leaks(ODD, *echo.asked[before:]) == []
    # The server of this test knows the key by other means; what it was not sent cannot be scrubbed from its words.
    if len(echo.asked) == before:
        assert leaks(ODD, *seen, *kept_in(home).values()) == []


@pytest.mark.parametrize("way", ["argument", "secret", "file", "keyring"])
@pytest.mark.parametrize("name", ["success", "400", "a redirect to a host", "no HTTP, cut"])
def test_keys_that_are_kept(
    way: str, name: str, echo: Echo, memory: Any, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As text, as a Secret, from the key file and from the keyring, the key is sent, and is in nothing that comes of it."""
    at: dict[str, Any] = {"base_url": f"{echo.url}/v1", "model": "m", "provider": "compatible", **QUICKLY}
    if way in ("file", "keyring"):
        stored = Credentials().set("mine", ODD, hosts=[echo.url], keyring=way == "keyring")
        assert stored.where == way
        at["credential"] = "mine"
    else:
        at["api_key"] = ODD if way == "argument" else Secret(ODD)
    echo.answer = ANSWERS[name](ODD)
    echo.asked.clear()
    with caplog.at_level(logging.DEBUG), closing(antiphon.Client()) as client:
        seen = outcome(lambda: client.complete("hi", seed=1, **at))
        seen += [*told(client), *told(Credentials().list()), repr(memory)]
    assert ODD.encode() in echo.asked[0]
    assert leaks(ODD, *seen, *kept_in(home).values(), caplog.text) == []


ADDRESSES = {
    "a user in an address": lambda url: {"base_url": url.replace("://", f"://user:{PLAIN}@") + "/v1"},
    "a name in an address": lambda url: {"base_url": url.replace("://", f"://{PLAIN}@") + "/v1"},
    "a port that is none": lambda url: {"base_url": f"{url}:{PLAIN}/v1"},
    "no address": lambda url: {"base_url": PLAIN},
    "a key where a name belongs": lambda url: {"base_url": url + "/v1", "credential": PLAIN},
    "an address of media": lambda url: {
        "base_url": url + "/v1",
        "attachments": [f"https://u:{PLAIN}@h/a.png"],
    },
    "a key with a line end": lambda url: {"base_url": url + "/v1", "api_key": f"{PLAIN}\r\nx: y"},
    "a key that is no ASCII": lambda url: {"base_url": url + "/v1", "api_key": f"{PLAIN}é"},
    "a key without end": lambda url: {"base_url": url + "/v1", "api_key": PLAIN * 1000},
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_keys_where_they_do_not_belong(name: str, echo: Echo, home: Path) -> None:
    """A key in an address, or one that cannot be sent, is refused without being repeated, and nothing goes out."""
    before = len(echo.asked)
    with closing(antiphon.Client()) as client, pytest.raises(AntiphonError) as caught:
        client.complete(
            "hi", seed=1, **{"provider": "compatible", "model": "m", **ADDRESSES[name](echo.url), **QUICKLY}
        )
    assert len(echo.asked) == before
    assert (
        leaks(PLAIN, caught.value.message, caught.value.hint, repr(caught.value), *kept_in(home).values())
        == []
    )


def stored(store: Any) -> list[object]:
    """All that a store has, as it was before it was packed."""
    details = [store.show(entry.key) for entry in store.list(limit=1000)]
    return [
        part
        for it in details
        for part in (repr(it), it.sent, it.recording.reply.body, it.recording.reply.headers)
    ]


@pytest.mark.parametrize("key", KEYS, ids=["plain", "odd"])
def test_a_store_on_a_server(key: str, echo: Echo, home: Path, request: pytest.FixtureRequest) -> None:
    """Neither its tables, nor what they hold packed, nor the server's log of statements and errors."""
    server = request.getfixturevalue("postgres_server")
    address = server.made()
    database = urlsplit(address).path[1:]
    server.execute(f"ALTER DATABASE {database} SET log_statement = 'all'")
    server.execute(f"ALTER DATABASE {database} SET log_parameter_max_length_on_error = -1")
    seen: list[object] = []
    at: dict[str, Any] = {
        "base_url": f"{echo.url}/v1",
        "model": "m",
        "api_key": key,
        "provider": "compatible",
    }
    with closing(antiphon.Client(store=address)) as client:
        for name in ANSWERS:
            echo.answer = ANSWERS[name](key)
            seen += outcome(lambda: client.complete("hi " * 2000, seed=1, replay="refresh", **at, **QUICKLY))
        assert all(key.encode() in asked for asked in echo.asked[-len(ANSWERS) :])  # it was really sent
        kept = stored(client.store)
        assert kept
        seen += [*kept, *told(client)]
    tables = server.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')",
        database,
    )
    assert tables
    rows = [row for [table] in tables for row in server.execute(f"SELECT * FROM {table}", database)]
    seen += [
        bytes(cell) if isinstance(cell, bytes | memoryview) else repr(cell) for row in rows for cell in row
    ]
    log = (server.folder / "log").read_bytes()
    assert b"recordings" in log  # the statements are there
    assert leaks(key, *seen, log, *kept_in(home).values()) == []


def test_the_password_of_a_store(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A store on a server that is not there: the answer comes, and the password is in no note, error or log."""
    pytest.importorskip("psycopg")
    address = f"postgresql://me:{PLAIN}@127.0.0.1:1/x?connect_timeout=2"
    with caplog.at_level(logging.DEBUG), closing(antiphon.Client(store=address)) as client:
        seen = outcome(lambda: client.complete("hi", provider="echo", seed=1))
        seen += outcome(lambda: client.complete("hi", provider="echo", seed=1, replay="only"))
        seen += told(client)
    assert leaks(PLAIN, *seen, *kept_in(home).values(), caplog.text) == []


def test_the_password_of_a_proxy(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, home: Path
) -> None:
    """A proxy that is not there is named without its password."""
    for variable in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(variable, f"http://me:{PLAIN}@127.0.0.1:1")
    at = {
        "base_url": "http://models.invalid/v1",
        "model": "m",
        "provider": "compatible",
        "api_key": ODD,
        **QUICKLY,
    }
    with (
        caplog.at_level(logging.DEBUG),
        closing(antiphon.Client()) as client,
        pytest.raises(AntiphonError) as caught,
    ):
        client.complete("hi", **at)
    shown = [caught.value.message, caught.value.hint, repr(caught.value), repr(caught.value.__cause__)]
    assert leaks(PLAIN, *shown, *kept_in(home).values(), caplog.text) == []
    assert leaks(ODD, all_of(caught.value)) == []


# -------------------------------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    "name", ["success", "400", "no HTTP, cut", "a redirect to a host", "an error in a stream"]
)
def test_the_command_line(name: str, cli: Any, echo: Echo, home: Path, tmp_path: Path) -> None:
    """No command shows or writes it: answers, errors, tracebacks, batches, listings, exports, the ledger."""
    echo.answer = ANSWERS[name](ODD)
    Credentials().set("mine", ODD, hosts=[echo.url])
    at = (
        "--provider",
        "compatible",
        "--base-url",
        f"{echo.url}/v1",
        "-m",
        "m",
        "--key-name",
        "mine",
        "--retries",
        "0",
    )
    (tmp_path / "in.jsonl").write_text('{"prompt": "one"}\n{"prompt": "two"}\n')
    out = tmp_path / "out"
    out.mkdir()
    echo.asked.clear()
    results = [
        cli("complete", *at, "--seed", "1", "hi"),
        cli("complete", *at, "--seed", "1", "hi", "--json"),
        cli("complete", *at, "--no-stream", "hi", "--debug", "-o", out / "answer.txt"),
        cli("chat", *at, stdin="hi\n"),
        cli("batch", tmp_path / "in.jsonl", *at),
        cli("batch", tmp_path / "in.jsonl", *at, "-o", out / "a.jsonl", "--json"),
        cli("batch", tmp_path / "in.jsonl", *at, "-o", out / "a.csv"),
        cli("models", "compatible", "--base-url", f"{echo.url}/v1", "--key-name", "mine"),
        cli("keys", "list"),
        cli("keys", "list", "--json"),
        cli("keys", "test", "mine", "--provider", "compatible", "--base-url", f"{echo.url}/v1"),
        cli("replay", "list", "--json"),
        cli("replay", "verify"),
        cli("replay", "export", out / "all.replay"),
        cli("spending", "--json"),
        cli("jobs", "list", "--json"),
        cli("providers", "--json"),
    ]
    with Store(home / "replay.sqlite") as store:
        results += [cli("replay", "show", entry.key, "--json") for entry in store.list()]
    assert any(ODD.encode() in asked for asked in echo.asked)
    shown = [text for result in results for text in (result.stdout, result.stderr, repr(result.exception))]
    assert leaks(ODD, *shown, *kept_in(home, out).values()) == []
    assert results[0].exit_code == 0 or name != "success"


# ------------------------------------------------------------------------------------------- Requests


def test_what_stands_for_a_key_says_nothing() -> None:
    """A Secret in any text, log, sum of JSON or pickle says ``***`` or refuses."""
    secret = Secret(ODD, "Bearer ")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        f"{secret} {secret!r}",
        repr([secret]),
        repr({secret: 1}),
    ]
    for refusing in (pickle.dumps, json.dumps, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            refusing(secret)
        shown.append(str(caught.value))
    assert leaks(ODD, *shown) == []
