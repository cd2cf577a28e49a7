"""JSON from every provider, down the whole road: natively, or told in words, checked, and repaired once."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import antiphon
from antiphon import Client, Completion, ReplayError, RequestError, Schema, SchemaFailed, TransportError
from antiphon.prepare import schemas, structured
from antiphon.providers import get, names
from antiphon.replay import Carried, carried
from antiphon.request import Config, Message, Request

from . import many as fakes
from . import peer as peers
from .conftest import LlamaServer
from .many import Many
from .peer import Peer

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 3}},
    "required": ["n"],
    "additionalProperties": False,
}
RIGHT = '{"n": 3}'
WRONG = '{"n": 1}'
NOT_NATIVE = "instruction instead of native schema"

# Whom the fake can stand in for. Echo answers by itself, and the embedded model is asked further down.
FAKED = [(name, dialect) for name in names() if name not in ("echo", "local") for dialect in get(name).ways]
MODELS = {"anthropic_vertex": "claude-sonnet-5"}
PATHS = {"vertex": "/v1/projects/p/locations/global"}


def model_of(dialect: str) -> str:
    return MODELS.get(dialect, "m")


def is_native(name: str, dialect: str, form: Any) -> bool:
    config = Config(model=model_of(dialect), response_format=form)
    request = Request(provider=name, messages=(Message("user", "?"),), config=config, dialect=dialect)
    return structured.is_native(request, get(name).way(dialect))


TOLD = [
    pytest.param(name, dialect, form, id=f"{name}-{dialect}-{'json' if form == 'json' else 'schema'}")
    for name, dialect in FAKED
    for form in (SCHEMA, "json")
    if not is_native(name, dialect, form)
]


@pytest.fixture
def many() -> Iterator[Many]:
    """A loopback provider of every protocol."""
    with fakes.serve() as running:
        yield running


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A loopback provider that streams."""
    with peers.serve() as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with an empty home."""
    with_home = Client(tmp_path / "home")
    yield with_home
    with_home.close()


def settings(many: Many, name: str = "deepseek", dialect: str | None = None, **more: Any) -> dict[str, Any]:
    """How the fake is asked in place of this provider."""
    return {
        "provider": name,
        "dialect": dialect,
        "model": model_of(dialect or ""),
        "base_url": many.url + PATHS.get(name, ""),
        "api_key": "key-1",
        "retries": 0,
        "response_format": SCHEMA,
        **more,
    }


# --------------------------------------------------------------------------------------- every provider


@pytest.mark.parametrize(("name", "dialect"), FAKED)
@pytest.mark.parametrize("form", [SCHEMA, "json"], ids=["schema", "json"])
def test_every_provider_gives_a_parsed_value(
    client: Client, many: Many, name: str, dialect: str, form: Any
) -> None:
    """One call, the schema in it (as a field or in words), the value on the completion, and a note where in words."""
    many.first = f"Sure!\n```json\n{RIGHT}\n```\n"
    done = client.complete("Pick a number.", **settings(many, name, dialect, response_format=form))
    native = is_native(name, dialect, form)

    assert done.parsed == {"n": 3}
    assert (done.text == RIGHT) is not native  # told in words, the text is what was asked for and no more
    assert any(note.startswith(NOT_NATIVE) for note in done.notes) is not native
    [sent] = many.seen
    assert ("minimum" in sent) is (form == SCHEMA)
    assert ("Answer with one JSON value" in sent) is not native


def test_echo_gives_a_parsed_value(client: Client) -> None:
    """The provider for tests goes the same road."""
    assert client.complete(RIGHT, model="echo", response_format=SCHEMA).parsed == {"n": 3}
    with pytest.raises(SchemaFailed):
        client.complete(WRONG, model="echo", response_format=SCHEMA)


@pytest.mark.engine
def test_the_embedded_model_gives_a_parsed_value(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grammar holds the smallest of models to the schema."""
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path / "home"))
    done = client.complete("Pick a number.", model="local", seed=1, max_tokens=40, response_format=SCHEMA)

    assert isinstance(done.parsed["n"], int)
    assert json.loads(done.text) == done.parsed
    assert not any(note.startswith(NOT_NATIVE) for note in done.notes)


def test_a_json_mode_without_schemas_is_used_too(client: Client, many: Many) -> None:
    """Where plain JSON can be asked for, that goes out beside the instruction, which stands in the system prompt."""
    many.first = RIGHT
    client.complete("Pick.", system="Be brief.", **settings(many))
    body = json.loads(many.seen[0])

    assert body["response_format"] == {"type": "json_object"}
    system, user = body["messages"]
    assert system["content"].startswith("Be brief.\n\nAnswer with one JSON value")
    assert json.dumps(SCHEMA) in system["content"]
    assert user["content"] == "Pick."


# ---------------------------------------------------------------------------------------------- repair


@pytest.mark.parametrize(("name", "dialect", "form"), TOLD)
def test_a_wrong_answer_is_repaired_once_and_replays(
    client: Client, many: Many, tmp_path: Path, name: str, dialect: str, form: Any
) -> None:
    """Two calls, the second with the answer and its problems; from then on none, and the same completion, everywhere."""
    many.first, many.second = ("hm", RIGHT) if form == "json" else (WRONG, f"Sorry: {RIGHT}")
    how = settings(many, name, dialect, response_format=form, seed=7)
    done = client.complete("Pick.", **how)

    assert (done.parsed, done.text, done.replayed, len(many.seen)) == ({"n": 3}, RIGHT, False, 2)
    problem = "the answer is not JSON" if form == "json" else "$.n: does not obey minimum: 3"
    assert f"- {problem}" in many.seen[1]
    assert json.dumps(many.first)[1:-1] in many.seen[1]
    assert f"repaired in one more round: {problem}" in done.notes
    assert (done.usage.input_tokens, done.usage.total_tokens) == (6, done.usage.total_tokens)

    again = client.complete("Pick.", **how)
    other = Client(tmp_path / "home")
    offline = other.complete("Pick.", **how, replay="only")
    streamed = other.stream("Pick.", **how, replay="only").completion
    other.close()
    assert len(many.seen) == 2
    for replay in (again, offline, streamed):
        assert replay == replace(done, replayed=True)


def test_both_rounds_travel(client: Client, many: Many, tmp_path: Path) -> None:
    """A repaired answer came from two recordings: with both of them it comes back elsewhere, with one it does not."""
    many.first, many.second = WRONG, RIGHT
    done = client.complete("Pick.", **settings(many, seed=7))
    assert done.key is not None
    assert done.repair_key not in (None, done.key)
    other = Client(tmp_path / "elsewhere")
    words = [
        Carried(carried(client.store, keys, limit_bytes=50_000))
        for keys in ([done.key], [done.key, str(done.repair_key)])
    ]

    with pytest.raises(ReplayError, match="no repair is recorded"):
        other.complete("Pick.", **settings(many, seed=7), replay="only", carried=words[0])
    again = other.complete("Pick.", **settings(many, seed=7), replay="only", carried=words[1])
    other.close()

    assert (again.text, again.key, again.repair_key) == (done.text, done.key, done.repair_key)
    assert len(many.seen) == 2


def test_usage_notes_and_key_are_of_both_rounds(client: Client, many: Many) -> None:
    """What was paid for both is added, and the key is the one that was asked for."""
    many.first, many.second = WRONG, RIGHT
    done = client.complete("Pick.", **settings(many, seed=7))

    assert (done.usage.input_tokens, done.usage.output_tokens) == (3 + 3, 2 + 2)
    assert done.usage.cost is None  # nobody said, and unknown is not zero
    assert done.key == antiphon.key(client.request("Pick.", **settings(many, seed=7)))
    assert client.store.count() == 2


def test_a_second_failure_is_an_error_with_the_text(client: Client, many: Many) -> None:
    """Not a third call: the text, the problems and what was paid for are on the error, now and from the store."""
    many.first, many.second = "no idea", '{"n": "x", "m": 1}'
    found: list[SchemaFailed] = []
    for _ in range(2):
        with pytest.raises(SchemaFailed) as caught:
            client.complete("Pick.", **settings(many, seed=7))
        found.append(caught.value)

    assert len(many.seen) == 2
    for error in found:
        assert error.text == many.second
        assert error.problems == ("$.n: must be integer, not string", '$: must not have "m"')
        assert "and 1 more" in error.message
        assert (error.provider, error.status, error.retryable) == ("deepseek", 200, False)
        assert error.completion.usage.input_tokens == 6


def test_fresh_samples_are_repaired_too(client: Client, many: Many) -> None:
    """Without a seed both rounds are asked each time, and nothing is recorded."""
    many.first, many.second = WRONG, RIGHT
    for _ in range(2):
        assert client.complete("Pick.", **settings(many)).parsed == {"n": 3}

    assert (len(many.seen), client.store.count()) == (4, 0)


def test_refresh_asks_both_rounds_again(client: Client, many: Many) -> None:
    """replay="refresh" takes neither from the store, and records both anew."""
    many.first, many.second = WRONG, RIGHT
    client.complete("Pick.", **settings(many, seed=7))
    many.second = '{"n": 4}'

    assert client.complete("Pick.", **settings(many, seed=7, replay="refresh")).parsed == {"n": 4}
    assert client.complete("Pick.", **settings(many, seed=7)).parsed == {"n": 4}
    assert len(many.seen) == 4


def test_a_repair_that_never_came_is_asked_for_alone(client: Client, many: Many) -> None:
    """The first answer has been paid for: only its repair is missing, which mode "only" says and "auto" asks for."""
    many.first, many.second, many.fails_second = WRONG, RIGHT, True
    with pytest.raises(antiphon.ServerFailed):
        client.complete("Pick.", **settings(many, seed=7))
    with pytest.raises(ReplayError, match="no repair is recorded"):
        client.complete("Pick.", **settings(many, seed=7, replay="only"))
    assert len(many.seen) == 2
    many.fails_second = False
    done = client.complete("Pick.", **settings(many, seed=7))

    assert (done.parsed, done.replayed, len(many.seen)) == ({"n": 3}, False, 3)
    assert fakes.REPAIR in many.seen[2]


def test_an_answer_cut_off_by_the_limit_is_not_asked_for_again(client: Client, many: Many) -> None:
    """It would be cut off at the same place; the hint names the setting."""
    many.first, many.finish = '{"n": ', "length"
    with pytest.raises(SchemaFailed) as caught:
        client.complete("Pick.", **settings(many))

    assert len(many.seen) == 1
    assert "max_tokens" in caught.value.hint


def test_what_was_filtered_is_no_json_and_no_error(client: Client, many: Many) -> None:
    """A refusal in words is a completion whose finish reason says so."""
    many.first, many.finish = "I would rather not.", "filter"
    done = client.complete("Pick.", **settings(many))

    assert (done.text, done.parsed, done.finish_reason) == (many.first, None, "content_filter")
    assert len(many.seen) == 1


def test_a_started_answer_counts(client: Client, many: Many) -> None:
    """What the assistant was given to begin with is part of the value, and of the turn that a repair corrects."""
    turns = [{"role": "user", "content": "Pick."}, {"role": "assistant", "content": '{"n":'}]
    many.first = " 3}"
    how = settings(many, "llamacpp", "anthropic_messages")
    assert client.complete(turns, **how).parsed == {"n": 3}

    many.first, many.second = " 1}", RIGHT
    assert client.complete(turns, **how).parsed == {"n": 3}
    told = json.loads(many.seen[-1])["messages"]
    assert [turn["role"] for turn in told] == ["user", "assistant", "user"]
    assert told[1]["content"][0]["text"] == '{"n": 1}'


def test_an_empty_answer_is_asked_for_again_without_an_empty_turn(client: Client, many: Many) -> None:
    """Providers refuse empty messages, so the question itself says what was wrong."""
    many.first, many.second = "", RIGHT
    assert client.complete("Pick.", **settings(many)).parsed == {"n": 3}
    told = json.loads(many.seen[1])["messages"]

    assert [turn["role"] for turn in told] == ["system", "user"]
    assert told[1]["content"].startswith(f"Pick.\n\n{fakes.REPAIR}")


def test_a_way_that_becomes_native_replays_its_old_repairs(
    client: Client, many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recordings outlive what we knew of a provider when they were made."""
    many.first, many.second = WRONG, RIGHT
    client.complete("Pick.", **settings(many, seed=7))
    monkeypatch.setattr(structured, "is_native", lambda request, way: True)

    assert client.complete("Pick.", **settings(many, seed=7)).parsed == {"n": 3}
    assert len(many.seen) == 2


# ----------------------------------------------------------------------------------- native and streams


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_native_answer_that_fails_is_an_error_at_the_end(client: Client, peer: Peer, stream: bool) -> None:
    """One call; a stream has shown its pieces by then. A replay fails in the same way."""
    peer.text = lambda body: WRONG
    how: dict[str, Any] = {"base_url": peer.url, "model": "m", "response_format": SCHEMA}
    shown: list[str] = []

    def ask() -> None:
        if not stream:
            client.complete("Pick.", **how, seed=1)
        with client.stream("Pick.", **how, seed=1) as stream_:
            while True:
                shown.append(next(stream_).text)

    for _ in range(2):
        with pytest.raises(SchemaFailed) as caught:
            ask()
        assert caught.value.text.strip() == WRONG
        assert caught.value.problems == ("$.n: does not obey minimum: 3",)
    assert "".join(shown) == ('{"n": 1} ' if stream else "")
    assert len(peer.seen) == 1


def test_a_native_stream_is_live(client: Client, peer: Peer) -> None:
    """The pieces come as they come, and the value is there at the end."""
    peer.text = lambda body: RIGHT
    stream = client.stream("Pick.", base_url=peer.url, model="m", response_format=SCHEMA)

    assert [delta.text for delta in stream] == ['{"n": ', "3} "]
    assert stream.completion.parsed == {"n": 3}
    assert peer.seen[0].body["stream"] is True


def test_a_told_stream_shows_only_what_was_checked(client: Client, many: Many) -> None:
    """One delta, the right one, after both rounds; sync and async."""
    many.first, many.second = WRONG, f"Sorry! {RIGHT}"
    stream = client.stream("Pick.", **settings(many))
    assert [delta.text for delta in stream] == [RIGHT]

    async def read() -> tuple[list[str], Any]:
        pieces = client.astream("Pick.", **settings(many, seed=1))
        return [delta.text async for delta in pieces], (await pieces.completion()).parsed

    assert asyncio.run(read()) == ([RIGHT], {"n": 3})
    assert asyncio.run(read()) == ([RIGHT], {"n": 3})
    assert len(many.seen) == 4


def test_long_answers_are_checked_as_well(client: Client, many: Many) -> None:
    """What is too long for the private loop is checked on another thread, to the same effect."""
    many.first, many.second = json.dumps({"n": 1, "x": "y" * 50_000}), RIGHT + " " * 50_000
    assert client.complete("Pick.", **settings(many)).parsed == {"n": 3}


# ------------------------------------------------------------------------------------------ concurrency


def test_identical_requests_share_both_rounds(client: Client, many: Many) -> None:
    """Ten at once cost two calls, and all get the same value."""
    many.first, many.second, many.delays = WRONG, RIGHT, (0.3, 0.3)

    async def all_at_once() -> list[Completion]:
        asks = (client.acomplete("Pick.", **settings(many, seed=7)) for _ in range(10))
        return await asyncio.gather(*asks)

    answers = asyncio.run(all_at_once())
    assert len(many.seen) == 2
    assert [answer.parsed for answer in answers] == [{"n": 3}] * 10
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 9


def test_cancelling_in_the_second_round_keeps_the_first(client: Client, many: Many) -> None:
    """The repair is closed on the wire, and the next one asks for it alone."""
    many.first, many.second, many.delays = WRONG, RIGHT, (0.0, 60.0)

    async def give_up() -> None:
        task = asyncio.create_task(client.acomplete("Pick.", **settings(many, seed=7)))
        assert await asyncio.to_thread(many.waiting.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    assert many.left.wait(30)
    many.delays = (0.0, 0.0)
    assert client.complete("Pick.", **settings(many, seed=7)).parsed == {"n": 3}
    assert [fakes.REPAIR in raw for raw in many.seen] == [False, True, True]


def test_one_deadline_covers_both_rounds(client: Client, many: Many) -> None:
    """Each round alone would be in time; together they are not."""
    many.first, many.second, many.delays = WRONG, RIGHT, (1.0, 2.5)
    with pytest.raises(TransportError) as caught:
        client.complete("Pick.", **settings(many, timeout=3.0))

    assert (caught.value.phase, len(many.seen)) == ("deadline", 2)


# -------------------------------------------------------------------------------------- without the library


@pytest.fixture
def without_jsonschema(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if jsonschema were not installed."""
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    schemas.forget()
    yield
    schemas.forget()


@pytest.mark.usefixtures("without_jsonschema")
def test_without_the_library_a_schema_in_words_is_refused_before_sending(client: Client, many: Many) -> None:
    """The answer could not be checked; the error names the command that installs what is missing."""
    with pytest.raises(RequestError, match="jsonschema is not installed") as caught:
        client.complete("Pick.", **settings(many, seed=1))

    assert (caught.value.field, many.seen) == ("response_format", [])
    assert "pip install 'antiphon[schema]'" in caught.value.hint


@pytest.mark.usefixtures("without_jsonschema")
def test_without_the_library_native_answers_are_read_and_json_works(client: Client, many: Many) -> None:
    """Where the provider sees to the schema, and where there is none, nothing has to be installed."""
    many.first = WRONG
    assert client.complete("Pick.", **settings(many, "openai")).parsed == {"n": 1}
    told = settings(many, "anthropic", response_format="json")
    assert client.complete("Pick.", **told).parsed == {"n": 1}


@pytest.mark.parametrize("name", ["openai", "deepseek"])
def test_a_bad_schema_is_refused_before_sending(client: Client, many: Many, name: str) -> None:
    """Native or not: nothing is paid for an answer that nobody can check."""
    for bad in ({"type": "objekt"}, {"$ref": "https://example.com/s.json"}, {"pattern": "("}):
        with pytest.raises(RequestError) as caught:
            client.complete("Pick.", **settings(many, name, response_format=Schema(bad)))
        assert caught.value.field == "response_format"
    assert many.seen == []


# ------------------------------------------------------------------------------------------ real servers


def real(llama_server: LlamaServer, **more: Any) -> dict[str, Any]:
    return {
        "provider": "llamacpp",
        "base_url": llama_server.base_url,
        "api_key": llama_server.api_key,
        "model": "smollm2",
        "response_format": SCHEMA,
        "max_tokens": 60,
        **more,
    }


@pytest.mark.engine
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_a_real_server_is_held_to_the_schema(client: Client, llama_server: LlamaServer, dialect: str) -> None:
    """llama.cpp makes a grammar of the schema: the value obeys it whatever the model would say, streamed too."""
    how = real(llama_server, dialect=dialect, seed=1 if dialect == "openai_chat" else None)
    done = client.complete("Pick a number.", **how)
    stream = client.stream("Pick another one.", **how)

    assert done.parsed["n"] >= 3
    assert "".join(delta.text for delta in stream) == stream.completion.text
    assert stream.completion.parsed["n"] >= 3


@pytest.mark.engine
def test_a_real_server_that_takes_no_schema(client: Client, llama_server: LlamaServer) -> None:
    """Told in words, the smallest model fails as a rule: then the error has the text and the problems, and replays."""
    how = real(llama_server, dialect="anthropic_messages", seed=1, temperature=0.0)

    def outcome() -> tuple[Completion, tuple[str, ...]]:
        try:
            return client.complete("Pick a number.", **how), ()
        except SchemaFailed as failed:
            return failed.completion, failed.problems

    done, problems = outcome()
    again, same = outcome()

    assert (done.parsed is None) is bool(problems)
    assert (again.text, again.parsed, same) == (done.text, done.parsed, problems)
    assert (done.replayed, again.replayed) == (False, True)
    assert any(note.startswith(NOT_NATIVE) for note in done.notes)
    assert client.store.count() <= 2
