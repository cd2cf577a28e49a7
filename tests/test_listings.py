"""Model listings, kept with their age: asked over real sockets, all pages of them, and used without a network."""

from __future__ import annotations

import asyncio
import json
import math
import multiprocessing
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, Media, Message, providers
from antiphon.dialects import Model, Refusal, openai_chat
from antiphon.dialects._checks import check
from antiphon.errors import RequestError, ServerFailed, TransportError, Unauthorized
from antiphon.listings import LARGEST, Listing, Listings, merged
from antiphon.prepare.listed import refused_by_listing
from antiphon.request import Config, Request
from antiphon.road import LISTING_PAGES

from . import scripted

KEY = "sk-planted-0123456789"
ROW = Model(
    name="m",
    title="M",
    context=9,
    max_output=4,
    created=5.0,
    inputs=frozenset({"text", "image"}),
    outputs=frozenset({"text"}),
    takes=frozenset({"seed", "top_k"}),
    refuses=frozenset({"reasoning=off"}),
    retires="2026-12-11",
    replaced_by="n",
    stands_for="o",
    details={"id": "m", "deep": [{"a": None}]},
)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with a home of its own."""
    made = Client(tmp_path / "home")
    yield made
    made.close()


def one(name: str) -> dict[str, Any]:
    """A listing of one model."""
    return {"object": "list", "data": [{"id": name, "object": "model", "context_length": 7}]}


def files(client: Client) -> list[Path]:
    """What is in the folder of listings."""
    return sorted((client.home / "listings").iterdir())


# ---------------------------------------------------------------------------------------------- pages

PAGED: dict[str, tuple[str, dict[str, Any], list[dict[str, Any]], list[str]]] = {
    "Anthropic": (
        "anthropic",
        {},
        [
            {"data": [{"type": "model", "id": "a"}], "has_more": True, "last_id": "a&b"},
            {"data": [{"type": "model", "id": "b"}], "has_more": False, "last_id": "b"},
        ],
        ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=a%26b"],
    ),
    "Gemini": (
        "gemini",
        {},
        [{"models": [{"name": "models/a"}], "nextPageToken": "t="}, {"models": [{"name": "models/b"}]}],
        ["/v1/models?pageSize=1000", "/v1/models?pageSize=1000&pageToken=t%3D"],
    ),
    "OpenRouter": (
        "openrouter",
        {},
        [
            {"data": [{"id": "a"}], "links": {"next": "https://elsewhere.test/v1/models?offset=1"}},
            {"data": [{"id": "b"}], "links": {"next": None}},
        ],
        ["/v1/models", "/v1/models?offset=1"],
    ),
}


@pytest.mark.parametrize(("provider", "given", "pages", "paths"), PAGED.values(), ids=PAGED)
def test_all_pages(client: Client, provider: str, given: Any, pages: list[Any], paths: list[str]) -> None:
    """Page after page is asked for at the same address, each with the key; the rows come as one list."""
    left = iter(pages)
    with scripted.serve(lambda _: next(left)) as server:
        found = client.models(provider, base_url=f"{server.url}/v1", api_key=KEY, **given)
    assert [model.name for model in found] == ["a", "b"]
    assert [heard.path for heard in server.heard] == paths
    assert all(any(KEY in value for value in heard.headers.values()) for heard in server.heard)


def test_pages_without_end(client: Client) -> None:
    """A server that always names another page is left after a while; one that names the same page at once."""
    numbers = iter(range(10**6))
    with scripted.serve(lambda _: {"data": [], "links": {"next": f"/?page={next(numbers)}"}}) as server:
        assert client.models("openrouter", base_url=server.url, api_key=KEY) == []
        assert len(server.heard) == LISTING_PAGES
    with scripted.serve(lambda _: {"data": [], "links": {"next": "/?page=1"}}) as server:
        client.models("openrouter", base_url=server.url, api_key=KEY)
        assert len(server.heard) == 2


# ---------------------------------------------------------------------------------------------- cache


def test_asked_live_and_kept(client: Client) -> None:
    """Without max_age every call asks, and what it brings is kept for those without a network."""
    names = iter(("first", "second"))
    with scripted.serve(lambda _: one(next(names))) as server:
        ask = {"base_url": f"{server.url}/v1", "api_key": KEY}
        assert client.known_models("openai", base_url=server.url) == []
        assert [model.name for model in client.models("openai", **ask)] == ["first"]
        live = client.listing("openai", **ask)
        assert ([model.name for model in live.models], live.cached, live.notes) == (["second"], False, ())
        assert len(server.heard) == 2
    kept = client.listing("openai", max_age=3600, **ask)  # nobody listens there any more
    assert kept == replace(live, cached=True)
    assert client.known_models("openai", base_url=f"{server.url}/v1") == list(live.models)
    assert 0 <= kept.age < 3600
    assert client.known_models("openai") == []  # it was not api.openai.com that said so


def test_amodels(client: Client) -> None:
    """The async form asks and reads the same, from the caller's own loop."""
    with scripted.serve(lambda _: one("a")) as server:

        async def both() -> list[list[Model]]:
            how: Any = {"base_url": server.url, "api_key": KEY}
            return [await client.amodels("openai", **how), await client.amodels("openai", max_age=60, **how)]

        live, kept = asyncio.run(both())
        assert live == kept
        assert len(server.heard) == 1
    assert asyncio.run(client.amodels("local")) == client.models("local")


def test_old_ones_are_renewed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept listing counts up to its age exactly; an older one, and one from the future, is asked for again."""
    now = 1_790_000_000.0
    names = iter("abcd")
    monkeypatch.setattr(time, "time", lambda: now)
    with scripted.serve(lambda _: one(next(names))) as server:
        how: Any = {"base_url": server.url, "api_key": KEY, "max_age": 60}
        seen: list[str] = []
        for later in (0, 60, 61, -1):
            now = 1_790_000_000.0 + later
            seen += [model.name for model in client.models("openai", **how)]
    assert seen == ["a", "a", "b", "c"]


def test_when_the_provider_cannot_be_reached(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """With max_age an older listing is better than none, and says why; without, a failure is a failure."""
    answers: list[Any] = [
        one("a"),
        (503, {"error": {"message": "down"}}),
        (401, {"error": {"message": "no"}}),
    ]
    with scripted.serve(lambda _: answers.pop(0)) as server:
        how: Any = {"base_url": server.url, "api_key": KEY, "retries": 0}
        client.models("openai", **how)
        old = client.listing("openai", max_age=0, **how)
        assert [model.name for model in old.models] == ["a"]
        assert old.cached
        assert "down" in old.notes[0]
        assert "down" in caplog.text
        with pytest.raises(Unauthorized):  # this would not pass by itself
            client.models("openai", max_age=0, **how)
    assert client.models("openai", max_age=0, **how)[0].name == "a"  # nobody listens
    with pytest.raises(TransportError):
        client.models("openai", **how)
    with pytest.raises(TransportError):  # nothing is kept of that address
        client.models("openai", max_age=math.inf, **{**how, "base_url": f"{server.url}/other"})
    with scripted.serve(lambda _: (503, {})) as server, pytest.raises(ServerFailed):
        client.models("openai", **{**how, "base_url": server.url})


@pytest.mark.parametrize("max_age", [-1, float("nan"), True, "60"])
def test_a_wrong_age(client: Client, max_age: Any) -> None:
    """What is no number of seconds is refused before anything is asked."""
    with pytest.raises(RequestError) as caught:
        client.models("echo", max_age=max_age)
    assert caught.value.field == "max_age"


def test_nothing_secret_is_kept(client: Client) -> None:
    """A server that gives the key back does not get it into the file; the file is its owner's only."""
    with scripted.serve(
        lambda heard: {"data": [{"id": "a", "echo": heard.headers["authorization"]}]}
    ) as server:
        client.models("openai", base_url=server.url, api_key=KEY)
    [path] = files(client)
    assert KEY.encode() not in path.read_bytes()
    assert b"***" in path.read_bytes()
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_completions_never_list(client: Client) -> None:
    """Asking for words asks for no listing and leaves none behind."""
    client.complete("hi", model="echo", seed=1)
    assert not (client.home / "listings").exists()
    assert client.models("echo")[0].name == "echo"  # what answers without a network is not kept
    assert not (client.home / "listings").exists()


def test_each_address_has_its_own(tmp_path: Path) -> None:
    """Provider, host, port and path tell listings apart; those of one host are known together."""
    kept = Listings(tmp_path)
    for number, (provider, address) in enumerate(
        [
            ("openai", "https://a.test/v1/models"),
            ("openai", "https://a.test/v2/models"),
            ("openai", "https://a.test:8443/v1/models"),
            ("xai", "https://a.test/v1/models"),
            ("openai", "https://[::1]:8080/../../v1/models"),
        ]
    ):
        rows = (Model(name=f"m{number}"), Model(name="same", context=number))
        kept.put(Listing(provider=provider, address=address, fetched=100.0 + number, models=rows))
    assert len(list(tmp_path.iterdir())) == 5
    found = kept.get("xai", "https://a.test/v1/models")
    assert found is not None
    assert found.row("m3") == Model(name="m3")
    assert found.row("M3") is None
    together = kept.known("openai", "https://A.test/")
    assert together is not None
    assert [(row.name, row.context) for row in together.models] == [("m1", None), ("same", 1), ("m0", None)]
    assert together.fetched == 101.0
    newest = kept.known("openai")
    assert newest is not None
    assert [row.name for row in newest.models] == ["m4", "same"]
    assert kept.known("open") is kept.known("openai", "https://b.test") is None


def test_a_row_comes_back_as_it_was(tmp_path: Path) -> None:
    """Every field of Model survives the file, in another reader too; what is not known stays unknown."""
    wanted = Listing(provider="p", address="https://a.test/x", fetched=1.5, models=(ROW, Model(name="bare")))
    assert all(getattr(ROW, name) not in (None, "", {}, frozenset()) for name in Model.__dataclass_fields__)
    Listings(tmp_path).put(wanted)
    assert Listings(tmp_path).get("p", "https://a.test/x") == replace(wanted, cached=True)


def test_a_file_is_read_again_only_when_it_changes(tmp_path: Path) -> None:
    """The same file gives the same object; a new one in its place is seen at once."""
    kept, other = Listings(tmp_path), Listings(tmp_path)
    first = Listing(provider="p", address="https://a.test", fetched=1.0, models=(Model(name="a"),))
    kept.put(first)
    found = kept.get("p", "https://a.test")
    assert found is kept.get("p", "https://a.test")
    other.put(replace(first, models=(Model(name="b"),)))
    again = kept.get("p", "https://a.test")
    assert again is not None
    assert again.models[0].name == "b"


WHOLE = {
    "version": 1,
    "provider": "p",
    "address": "https://a.test",
    "fetched": 1.0,
    "models": [{"name": "a"}],
}
DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "half": json.dumps(WHOLE).encode()[:40],
    "zeros": bytes(4096),
    "no UTF-8": b"\xff\xfe{",
    "deep": b"[" * 100_000,
    **{
        name: json.dumps({**WHOLE, **change}).encode()
        for name, change in {
            "another version": {"version": 2},
            "another provider": {"provider": "q"},
            "another address": {"address": "https://b.test"},
            "no time": {"fetched": None},
            "a time in words": {"fetched": "now"},
            "no list": {"models": 5},
            "a row that is none": {"models": [5]},
            "a row without a name": {"models": [{"title": "x"}]},
            "a wrong field": {"models": [{"name": "a", "context": "many"}]},
            "a wrong kind": {"models": [{"name": "a", "inputs": [5]}]},
            "a yes for a number": {"models": [{"name": "a", "context": True}]},
            "an unknown field": {"models": [{"name": "a", "colour": "red"}]},
        }.items()
    },
    "an array": b"[]",
}


@pytest.mark.parametrize("raw", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_as_if_missing(tmp_path: Path, raw: bytes) -> None:
    """Whatever stands in the file, it is a whole listing or none, and the next one takes its place."""
    kept = Listings(tmp_path)
    good = Listing(provider="p", address="https://a.test", fetched=1.0, models=(Model(name="a"),))
    kept.put(good)
    [path] = tmp_path.iterdir()
    path.write_bytes(raw)
    assert kept.get("p", "https://a.test") is None
    kept.put(good)
    assert kept.get("p", "https://a.test") == replace(good, cached=True)


def test_a_file_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    """No listing is that long."""
    kept = Listings(tmp_path)
    kept.put(Listing(provider="p", address="https://a.test", fetched=1.0, models=()))
    [path] = tmp_path.iterdir()
    with path.open("r+b") as file:
        file.truncate(LARGEST + 1)
    assert kept.get("p", "https://a.test") is None


def test_what_cannot_be_written_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the folder cannot be made, the listing is given all the same, and the log says it was not kept."""
    (tmp_path / "listings").write_text("in the way", encoding="utf-8")
    client = Client(tmp_path)
    with scripted.serve(lambda _: one("a")) as server:
        assert client.models("openai", base_url=server.url, api_key=KEY)[0].name == "a"
    assert "not kept" in caplog.text
    assert client.known_models("openai", base_url=server.url) == []
    client.close()


def _writes(folder: Path, name: str, times: int) -> None:
    kept = Listings(folder)
    for _ in range(times):
        kept.put(
            Listing(provider="p", address="https://a.test", fetched=1.0, models=(Model(name=name),) * 2000)
        )


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    """While two processes write, a reader finds one whole listing or the other, and nothing is left over."""
    _writes(tmp_path, "a", 1)
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_writes, args=(tmp_path, name, 40)) for name in "ab"]
    for writer in writers:
        writer.start()
    seen: set[str] = set()
    while any(writer.is_alive() for writer in writers):
        found = Listings(tmp_path).get("p", "https://a.test")
        assert found is not None
        assert len(found.models) == 2000
        seen |= {model.name for model in found.models}
    for writer in writers:
        writer.join()
    assert seen <= {"a", "b"}
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(list(tmp_path.iterdir())) == 1


def test_many_threads_read_one_cache(tmp_path: Path) -> None:
    """Threads that share the cache all find the listing while it is written anew."""
    kept = Listings(tmp_path)
    _writes(tmp_path, "a", 1)
    missing: list[int] = []

    def read() -> None:
        missing.extend(n for n in range(50) if kept.get("p", "https://a.test") is None)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    _writes(tmp_path, "b", 20)
    for thread in threads:
        thread.join()
    assert missing == []


# ------------------------------------------------------------------------------------ merged, refused


def test_what_the_listing_says_wins() -> None:
    """Field by field the listing wins, and what is known fills its gaps."""
    known = Model(
        name="m",
        title="K",
        context=1,
        max_output=2,
        created=1.0,
        inputs=frozenset({"text"}),
        outputs=frozenset({"image"}),
        takes=frozenset({"temperature"}),
        refuses=frozenset({"seed", "stop"}),
        retires="2030-01-01",
        replaced_by="k",
        details={"from": "table"},
    )
    both = merged(ROW, known)
    assert both == replace(ROW, refuses=frozenset({"reasoning=off", "stop"}))  # it says that it takes seed
    assert merged(Model(name="m"), known) == known
    partly = merged(Model(name="m", context=9, refuses=frozenset({"temperature"})), known)
    assert (partly.context, partly.max_output, partly.takes) == (9, 2, frozenset())
    assert partly.refuses == {"seed", "stop", "temperature"}
    assert merged(ROW, Model(name="m")) == ROW


PNG = Media.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(8))
PDF = Media.from_bytes(b"%PDF-1.4\n")
WAV = Media.from_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(8))
SCHEMA = {"type": "object"}
TAKES = Model(
    name="m", takes=frozenset({"temperature", "response_format", "modalities"}), outputs=frozenset({"text"})
)
REFUSES = Model(name="m", refuses=frozenset({"reasoning=off", "reasoning=budget", "response_format=schema"}))
AGAINST: dict[str, tuple[Model, dict[str, Any], set[str]]] = {
    "nothing known": (Model(name="m"), {"seed": 1, "temperature": 1, "media": PNG, "reasoning": "off"}, set()),
    "all taken": (TAKES, {"temperature": 1, "response_format": SCHEMA}, set()),
    "a setting": (TAKES, {"top_k": 1, "temperature": 1}, {"top_k"}),
    "two and the seed": (TAKES, {"top_k": 1, "stop": "x", "seed": 0}, {"top_k", "stop", "seed"}),
    "extra is the user's": (TAKES, {"extra": {"a": 1}}, set()),
    "text is what all give": (TAKES, {"modalities": "text"}, set()),
    "an image": (TAKES, {"modalities": ("text", "image")}, {"modalities"}),
    "a level": (REFUSES, {"reasoning": "off"}, {"reasoning"}),
    "another level": (REFUSES, {"reasoning": "low"}, set()),
    "a budget": (REFUSES, {"reasoning": 2000}, {"reasoning"}),
    "a schema": (REFUSES, {"response_format": SCHEMA}, {"response_format"}),
    "any JSON": (REFUSES, {"response_format": "json"}, set()),
    "an image in": (Model(name="m", inputs=frozenset({"text"})), {"media": PNG}, {"image"}),
    "sound in": (Model(name="m", inputs=frozenset({"text", "image"})), {"media": WAV}, {"audio"}),
    "a listed image in": (Model(name="m", inputs=frozenset({"text", "image"})), {"media": PNG}, set()),
    "a document unlisted": (Model(name="m", inputs=frozenset({"text"})), {"media": PDF}, set()),
    "a document refused": (Model(name="m", refuses=frozenset({"document"})), {"media": PDF}, {"document"}),
}  # fmt: skip


def question(*, media: Media | None = None, seed: int | None = None, **config: Any) -> Request:
    """A request to the model m."""
    message = Message("user", *((media, "hi") if media else ("hi",)))
    return Request(provider="openrouter", messages=(message,), config=Config(model="m", **config), seed=seed)


@pytest.mark.parametrize(("row", "asked", "wanted"), AGAINST.values(), ids=AGAINST)
def test_what_a_listing_says_against_a_request(row: Model, asked: dict[str, Any], wanted: set[str]) -> None:
    """Settings and media that the row refuses are named, and nothing that it does not speak of; told as all refusals."""
    request = question(**asked)
    found = refused_by_listing(request, row)
    assert (set() if found is None else set(found.settings)) == wanted
    if found is None:
        return
    assert isinstance(found, Refusal)
    if wanted - {"seed"}:  # a seed is no setting of Config, so `check` does not look at it
        with pytest.raises(RequestError) as caught:
            check(request, replace(providers.get("openrouter").way(None).quirks, refusals=(found,)))
        assert caught.value.field in wanted | {"messages"}
        assert "listing" in caught.value.hint


def test_a_real_listing_refuses(client: Client) -> None:
    """A row that came over the wire and out of the file is what the question is held against."""
    row = {"id": "m", "supported_parameters": ["temperature"]}
    with scripted.serve(lambda _: {"data": [row]}) as server:
        client.models("openrouter", base_url=server.url, api_key=KEY)
    (kept,) = client.known_models("openrouter", base_url=server.url)
    assert kept == openai_chat._listed.chat_row(row)
    assert refused_by_listing(question(temperature=1), kept) is None
    found = refused_by_listing(question(top_p=0.5), kept)
    assert found is not None
    assert found.settings == {"top_p"}


CHAT = {
    "id": "x",
    "object": "chat.completion",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
}


def test_a_kept_listing_counts_on_the_road(client: Client) -> None:
    """What a listing once said is refused before sending, left out with adapt, and a seed that is not taken stays here."""
    row = {"id": "m", "supported_parameters": ["temperature"]}
    with scripted.serve(lambda heard: CHAT if heard.body else {"data": [row]}) as server:
        at: dict[str, Any] = {"provider": "openrouter", "base_url": server.url, "api_key": KEY, "model": "m"}
        assert client.complete("q", seed=1, top_p=0.5, **at).seed_status == "sent"
        client.models("openrouter", base_url=server.url, api_key=KEY)
        with pytest.raises(RequestError, match="top_p"):
            client.complete("q", seed=2, top_p=0.5, **at)
        done = client.complete("q", seed=2, top_p=0.5, adapt=True, **at)
    assert (done.seed_status, any("top_p" in note for note in done.notes)) == ("unsupported", True)
    assert server.heard[0].body["seed"] == 1
    assert not {"seed", "top_p", "provider"} & server.heard[-1].body.keys()
