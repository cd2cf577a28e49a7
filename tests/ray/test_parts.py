"""What of the cluster engine needs no cluster: sealed keys, requests carried out elsewhere, errors before it begins."""

from __future__ import annotations

import importlib
import json
import pickle
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from antiphon import Budget, Client, Secret
from antiphon.credentials import Credentials
from antiphon.errors import BudgetExceeded, ClusterError, CredentialError, RequestError, TransportError
from antiphon.providers import _offline
from antiphon.ray import Completer, cluster
from antiphon.ray.package import needed
from antiphon.ray.sealing import Box, Handed, Token, Unknown, seal
from antiphon.ray.worker import Order
from antiphon.road import Asked, Fetched

from ..peer import Peer, serve

KEY = "sk-planted-1122334455667788"


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serve() as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = Client(tmp_path / "home")
    yield client
    client.close()


# ------------------------------------------------------------------------------------------------ keys


def test_only_its_box_opens_what_was_sealed():
    """What is sealed does not show what is in it, is another one each time, and opens in no other box."""
    invalid = importlib.import_module("cryptography.exceptions").InvalidTag
    box, other = Box(), Box()
    sealed = seal(KEY.encode(), box.public)
    assert box.open(sealed) == KEY.encode()
    assert KEY.encode() not in sealed
    assert seal(KEY.encode(), box.public) != sealed
    with pytest.raises(invalid):
        other.open(sealed)
    with pytest.raises(invalid):
        box.open(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def handed(tmp_path: Path) -> Handed:
    return Handed(Credentials(tmp_path))


def test_a_key_is_asked_for_once_and_for_its_host(tmp_path: Path):
    """A worker asks for a key by its name and host, keeps it, and has no use for it at another host."""
    keys = handed(tmp_path)
    with pytest.raises(Unknown) as unknown:
        keys.find("mine", host="http://a.example:1/v1/chat")
    wanted = unknown.value.wanted
    assert (wanted.name, wanted.host) == ("mine", "http://a.example:1")
    keys.take(wanted, seal(json.dumps({"key": KEY, "label": "key 0"}).encode(), keys.public))
    found = keys.find("mine", host="http://a.example:1/v1/other")
    assert found == Secret(KEY)
    assert keys.label((found.prefixed("Bearer "),)) == "key 0"
    assert keys.scrub(f"a {KEY} b") == "a *** b"
    with pytest.raises(Unknown):
        keys.find("mine", host="http://b.example:1/v1/chat")
    with pytest.raises(Unknown):
        keys.find("mine", host="http://a.example:1/v1/chat", given=Token(0))


def test_a_workers_own_key_where_there_is_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where nobody hands out a key, the worker's own environment counts, by its rules: to its provider's hosts only."""
    monkeypatch.setenv("OWN_KEY", KEY)
    keys = handed(tmp_path)

    def find(host: str) -> Secret | None:
        return keys.find("mine", env=("OWN_KEY",), own_hosts=("a.example",), host=host)

    for host in ("https://a.example/v1", "https://b.example/v1"):
        with pytest.raises(Unknown) as unknown:
            find(host)
        none = json.dumps({"key": None, "label": ""}).encode()
        keys.take(unknown.value.wanted, seal(none, keys.public))
    assert find("https://a.example/v1") == Secret(KEY)
    with pytest.raises(CredentialError):
        find("https://b.example/v1")


def test_an_order_holds_no_key(client: Client):
    """What goes to a worker as an argument is pickled without the key, which stands in it as a number."""
    asked = client.asked("a", {"model": "openai/gpt-6-luna", "api_key": KEY})
    order = Order(asked.request, asked.delivery, asked.credential, 0)
    assert KEY.encode() not in pickle.dumps(order)
    assert pickle.loads(pickle.dumps(order)) == order
    with pytest.raises(TypeError):
        pickle.dumps(asked)


# ------------------------------------------------------------------------------------------- elsewhere


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Client]:
    """Another process's client, in this one."""
    client = Client(tmp_path / "other")
    yield client
    client.close()


def test_what_is_carried_out_elsewhere_is_recorded_here(client: Client, other: Client, peer: Peer):
    """The answer is that of the other one; the recording, and the next answer, are here."""
    client.road.away = other.road.carried_out
    first = client.complete("a", model="m", base_url=peer.url, seed=1)
    again = client.complete("a", model="m", base_url=peer.url, seed=1, replay="only")
    assert (first.text, again.text, first.recorded, again.replayed) == ("answer to a",) * 2 + (True, True)
    assert len(peer.seen) == 1
    assert not (other.home / "replay.sqlite").exists()


def test_streams_are_carried_out_here(client: Client, peer: Peer):
    """Nobody can hand over pieces as they come, so a stream is asked for from this process."""

    async def never(asked: Asked) -> Fetched:
        raise AssertionError(asked)

    client.road.away = never
    assert client.stream("a", model="m", base_url=peer.url).completion.text.strip() == "answer to a"


def test_a_budget_is_kept_here(other: Client, peer: Peer, tmp_path: Path):
    """A call that could cost more than what is left is handed to nobody; what was handed out counts when it may have gone out."""
    pytest.importorskip("genai_prices")
    client = Client(tmp_path / "home", budget=Budget(day=1.0))
    handed_over: list[Asked] = []

    async def away(asked: Asked) -> Fetched:
        handed_over.append(asked)
        if len(handed_over) == 2:
            raise TransportError("cut", phase="cut-off")
        return await other.road.carried_out(asked)

    client.road.away = away
    settings: dict[str, Any] = {
        "provider": "openai",
        "model": "gpt-4o",
        "base_url": peer.url,
        "api_key": KEY,
        "max_tokens": 50_000,
    }
    settings["dialect"] = "openai_chat"
    client.complete("a", **settings)  # at most 0.50 dollars, and hardly anything in the end
    with pytest.raises(TransportError):
        client.complete("b", **settings)  # nobody knows how far it got
    with pytest.raises(BudgetExceeded):
        client.complete("c", **{**settings, "max_tokens": 60_000})
    assert len(handed_over) == 2
    client.close()


# ---------------------------------------------------------------------------------------------- errors


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch):
    """Where a package is missing, the error names the command that installs it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RequestError) as error:
        needed("ray")
    assert "pip install 'antiphon[ray]'" in error.value.hint


def test_no_cluster_there(client: Client):
    """An address where nobody answers is told at once, with the command that starts a cluster."""
    pytest.importorskip("ray", exc_type=ImportError)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ClusterError) as error, cluster(client, address=address):
            pass
    assert address in error.value.message
    assert "ray start --head" in error.value.hint


@pytest.mark.parametrize(
    ("address", "kind"),
    [("ray://127.0.0.1:10001", ClusterError), ("nowhere", RequestError), ("host:port", RequestError)],
)
def test_addresses_that_are_none(client: Client, address: str, kind: type[Exception]):
    """Ray Client, and what is no HOST:PORT, are refused before Ray is asked."""
    pytest.importorskip("ray", exc_type=ImportError)
    with pytest.raises(kind), cluster(client, address=address):
        pass


@pytest.mark.parametrize("workers", [-1, True, 1.5])
def test_workers_are_a_number(client: Client, workers: Any):
    """A wrong number of workers is told before anything is started."""
    with pytest.raises(RequestError) as error, cluster(client, workers=workers):
        pass
    assert error.value.field == "workers"


# ----------------------------------------------------------------------------------------------- offline

BODY = {"model": "m", "messages": [{"role": "user", "content": "a"}]}


def test_a_row_for_the_engine():
    """Every row has the same columns; a schema goes along as the engine takes it, parts of text as one."""
    plain = _offline.VLLM.row(BODY)
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "array"}}}
    full = _offline.VLLM.row(
        {
            **BODY,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
            ],
            "max_tokens": 5,
            "stop": "x",
            "response_format": wanted,
        }
    )
    assert plain["sampling_params"].keys() == full["sampling_params"].keys()
    assert full["messages"] == [{"role": "user", "content": "ab"}]
    assert full["sampling_params"]["stop"] == ["x"]
    assert json.loads(full["sampling_params"]["structured_outputs"]["json"]) == {"type": "array"}
    assert plain["sampling_params"]["max_tokens"] is None


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"thinking_token_budget": 5}, "thinking_token_budget"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}
                ]
            },
            "attachments",
        ),
    ],
)
def test_what_the_engine_does_not_take(more: dict[str, Any], field: str):
    """A field that is not known, and media, are refused by name: nothing is left out in silence."""
    with pytest.raises(RequestError) as error:
        _offline.VLLM.row({**BODY, **more})
    assert error.value.field == field


# ------------------------------------------------------------------------------------- a step of a pipeline


@pytest.fixture
def of_this_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The default client, with a home of its own."""
    client = Client(tmp_path / "home")
    monkeypatch.setattr("antiphon.ray.datasets.default_client", lambda: client)
    yield client
    client.close()


def test_a_step_answers_a_block(peer: Peer, of_this_home: Client):
    """A block becomes a block with an answer for each row, recorded; the same block again, in another actor, asks nothing."""
    pytest.importorskip("ray", exc_type=ImportError)
    table = pytest.importorskip("pyarrow").Table.from_pylist([{"id": i, "name": f"n{i}"} for i in range(5)])
    for replayed in (False, True):
        step = Completer("Say {name}", keep=["id"], model="m", base_url=peer.url)
        found = step(table)
        rows = found.to_pylist()
        assert [(row["id"], row["text"]) for row in rows] == [(i, f"answer to Say n{i}") for i in range(5)]
        assert {row["replayed"] for row in rows} == {replayed}
        assert "index" not in found.column_names
    assert len(peer.seen) == 5
    assert of_this_home.store.count() == 5


def test_a_step_takes_no_key(of_this_home: Client):
    """Ray keeps arguments, so a key among them is refused."""
    with pytest.raises(RequestError) as error:
        Completer("{name}", model="m", api_key=KEY)
    assert error.value.field == "api_key"
    assert KEY not in str(error.value)


def test_a_step_wants_one_store_for_all_nodes(of_this_home: Client, monkeypatch: pytest.MonkeyPatch):
    """With two nodes and a file as the store, what one node paid for the other would pay for again."""
    pytest.importorskip("ray", exc_type=ImportError)
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    monkeypatch.setattr("antiphon.ray.datasets.nodes", lambda _: ["one"])
    Completer("{name}", model="m")
    monkeypatch.setattr("antiphon.ray.datasets.nodes", lambda _: ["one", "two"])
    with pytest.raises(RequestError) as error:
        Completer("{name}", model="m")
    assert error.value.field == "store"
