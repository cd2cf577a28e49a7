"""Words that travel with a picture: they come back for their own request, and a stranger's can do no harm."""

from __future__ import annotations

import json
import random
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import antiphon
from antiphon import providers
from antiphon.call import Reply
from antiphon.errors import AntiphonError, ReplayError, RequestError
from antiphon.replay import Carried, Store, canonical, carried, carrying, key
from antiphon.replay.canon import canonical_json, key_of
from antiphon.request import Config, Message, Request
from antiphon.road import CARRIED, Asked, Road

from .peer import serve

HELLO = {"model": "m", "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
KEY = "sk-planted-0123456789abcdef"


def asked(seed: int, prompt: str = "hi") -> Request:
    return Request(provider="echo", messages=(Message("user", prompt),), config=Config(model="m"), seed=seed)


def record(store: Store, request: Request, body: bytes = b"{}", kind: str = "application/json") -> str:
    reply = Reply(200, body, {"content-type": kind, "x-request-id": "who-asked"})
    store.put(request, key(request), sent=b"{}", reply=reply)
    return key(request)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "here" / "replay.sqlite") as store:
        yield store


@pytest.fixture
def client(tmp_path: Path) -> Iterator[antiphon.Client]:
    """Another machine: its own empty home, no key anywhere."""
    client = antiphon.Client(tmp_path / "there")
    yield client
    client.close()


def packed(data: bytes) -> str:
    return b64encode(zlib.compress(data)).decode()


def answering(client: antiphon.Client, body: object = HELLO, **how: Any) -> tuple[Carried, dict[str, Any]]:
    """A recording made by hand for one request of `client`, and the settings of that request."""
    who = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "seed": 1, "dialect": "openai_chat", **how}
    request = client.request("hi", **who)
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    entry = {
        "request": packed(canonical(request)),
        "at": 1_000,
        "type": "application/json",
        "body": packed(text),
    }
    return Carried({**carrying.FORMAT, "recordings": {key(request): entry}}), who


# ---------------------------------------------------------------------------------------------- writing


def test_what_is_carried_comes_back(store: Store):
    """Through JSON and back every reply and request is the same, with its content type, its time and no other header."""
    keys = [record(store, asked(n), bytes(range(256)), "text/event-stream") for n in range(3)]
    found = Carried(json.dumps(carried(store, keys, limit_bytes=50_000)))
    assert list(found) == keys[::-1], "the newest first"
    for number, it in enumerate(keys):
        opened = found.get(it)
        assert opened is not None
        assert opened[:2] == (
            canonical(asked(number)),
            Reply(200, bytes(range(256)), {"content-type": "text/event-stream"}),
        )
        there = store.get(it)
        assert there is not None
        assert opened.recorded_at == int(there.recorded_at)
    assert found.get(key(asked(9))) is None
    assert not found.left_out


@pytest.mark.parametrize("limit", [carrying.SMALLEST, 5_000, 9_000, 40_000])
def test_the_limit_holds(store: Store, limit: int):
    """`json.dumps` of it never has more characters than the limit; the newest are there, the rest is named."""
    noise = random.Random(0)
    keys = [record(store, asked(n), noise.randbytes(noise.randrange(2_000))) for n in range(60)]
    value = carried(store, keys, limit_bytes=limit)
    assert len(json.dumps(value)) <= limit
    kept = list(value["recordings"])
    assert kept[0] == keys[-1] or keys[-1] in value["left_out"]
    assert set(value["left_out"].values()) == {"too large"}
    assert not set(kept) & set(value["left_out"])


def test_the_request_gives_way_to_the_reply(store: Store):
    """Where both do not fit, the hash of the request (the key) travels with the reply alone."""
    long = random.Random(1).randbytes(5_000).hex()
    it = record(store, asked(1, long), b'{"a": 1}')
    value = carried(store, [it], limit_bytes=carrying.SMALLEST)
    assert "request" not in value["recordings"][it]
    opened = Carried(value).get(it)
    assert opened is not None
    assert opened.document == b""
    assert opened.reply == Reply(200, b'{"a": 1}', {"content-type": "application/json"})


def test_why_something_does_not_travel(store: Store):
    """A picture in the answer, a key in a prompt or in an answer, damage, and what was never recorded."""
    big = record(store, asked(1), random.Random(0).randbytes(300_000))
    prompt = record(store, asked(2, f"my key is {KEY}"))
    answer = record(store, asked(3), json.dumps({"echo": KEY}).encode())
    broken = record(store, asked(4))
    with store.database.writing() as db:
        db.execute("UPDATE recordings SET digest = zeroblob(32) WHERE seed = '4'")
    nobody = key(asked(5))
    value = carried(store, [big, prompt, answer, broken, nobody], limit_bytes=100_000)
    looks = "holds what looks like a key"
    reasons = {big: "too large", prompt: looks, answer: looks, broken: "damaged", nobody: "not recorded"}
    assert value["left_out"] == reasons
    assert value["recordings"] == {}
    assert Carried(value).left_out == reasons
    assert KEY not in json.dumps(value)


def test_an_empty_store_carries_nothing(tmp_path: Path):
    """No file is made by looking; nothing to carry is a good object too."""
    with Store(tmp_path / "no.sqlite") as store:
        assert carried(store, [], limit_bytes=5_000) == {**carrying.FORMAT, "recordings": {}}
        assert carried(store, [key(asked(1))], limit_bytes=5_000)["left_out"] == {
            key(asked(1)): "not recorded"
        }
    assert not (tmp_path / "no.sqlite").exists()


@pytest.mark.parametrize("limit", [0, carrying.SMALLEST - 1, 1e6, True, "big"])
def test_a_limit_that_is_none(store: Store, limit: Any):
    """A limit too small for the frame, or no whole number, is an error that names the field."""
    with pytest.raises(RequestError, match="limit_bytes") as caught:
        carried(store, [], limit_bytes=limit)
    assert caught.value.field == "limit_bytes"


def test_from_hand_to_hand(store: Store, tmp_path: Path):
    """What came with a workflow travels on with what is made of it, though the store never had it."""
    first = Carried(carried(store, [record(store, asked(1), b"[1]")], limit_bytes=9_000))
    with Store(tmp_path / "other.sqlite") as other:
        mine = record(other, asked(2), b"[2]")
        again = Carried(carried(other, [key(asked(1)), mine], limit_bytes=9_000, before=first))
    assert list(again) == [mine, key(asked(1))]
    assert again.get(key(asked(1))) == first.get(key(asked(1)))


# ------------------------------------------------------------------------------------------- on the road


@pytest.mark.parametrize("replay", ["auto", "only"])
def test_the_words_come_back_without_a_network(client: antiphon.Client, replay: Any):
    """On a machine with no key and no store the answer is there: replayed, not recorded, and it says whence."""
    own, who = answering(client)
    found = client.complete("hi", replay=replay, carried=own, **who)
    assert (found.text, found.replayed, found.recorded) == ("Hello", True, False)
    assert CARRIED in found.notes
    assert found.key in own


def test_a_strangers_words_stay_out_of_the_store(client: antiphon.Client):
    """After the answer came from the workflow, the same request without it is not answered from the store."""
    own, who = answering(client)
    assert client.complete("hi", replay="only", carried=own, **who).text == "Hello"
    assert client.store.count() == 0
    with pytest.raises(ReplayError, match="nothing is recorded"):
        client.complete("hi", replay="only", **who)


def test_ones_own_recording_comes_first(client: antiphon.Client):
    """What the own store has is what is answered, whatever a picture says."""
    own, who = answering(client)
    request = client.request("hi", **who)
    mine = {**HELLO, "choices": [{"message": {"content": "Mine"}, "finish_reason": "stop"}]}
    client.store.put(
        request,
        key(request),
        sent=b"",
        reply=Reply(200, json.dumps(mine).encode(), {"content-type": "application/json"}),
    )
    found = client.complete("hi", carried=own, **who)
    assert (found.text, CARRIED in found.notes) == ("Mine", False)


@pytest.mark.parametrize("mode", ["refresh", "off"])
def test_asked_afresh_all_the_same(client: antiphon.Client, mode: Any):
    """In modes that do not look into the store, the workflow's recordings are not looked at either."""
    with serve() as peer:
        peer.text = lambda _: "Fresh"
        own, who = answering(client, base_url=peer.url)
        found = client.complete("hi", replay=mode, carried=own, **who)
    assert (found.text, found.replayed) == ("Fresh", False)


def test_every_door_takes_them(client: antiphon.Client):
    """Streams and batches find the words too."""
    own, who = answering(client)
    stream = client.stream("hi", replay="only", carried=own, **who)
    assert "".join(delta.text for delta in stream) == "Hello"
    assert stream.completion.replayed
    [row] = client.batch(["hi"], replay="only", carried=own, **who)
    assert row.completion is not None
    assert row.completion.text == "Hello"


def test_a_recorded_stream(client: antiphon.Client):
    """A streamed reply travels raw and is folded as it was when it arrived."""
    body = b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\ndata: {"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    own, who = answering(client, body)
    value = {
        **carrying.FORMAT,
        "recordings": {k: {**own._entries[k], "type": "text/event-stream"} for k in own},
    }
    assert client.complete("hi", replay="only", carried=Carried(value), **who).text == "Hello"


def test_no_use_and_then(client: antiphon.Client):
    """A recording that is not right is an error in mode only, and a note where the provider can be asked."""
    with serve() as peer:
        peer.text = lambda _: "Hello"
        own, who = answering(client, base_url=peer.url)
        [it] = own
        for harm, why in (({"body": "!"}, "base64"), ({"body": packed(b"<html>")}, "no answer")):
            bad = Carried({**carrying.FORMAT, "recordings": {it: {**own._entries[it], **harm}}})
            with pytest.raises(ReplayError, match=why):
                client.complete("hi", replay="only", carried=bad, **who)
            found = client.complete("hi", carried=bad, **who)
            assert found.text == "Hello"
            assert any(why in note for note in found.notes)
            assert not found.replayed
            client.store.delete(it)


def test_only_a_carried_is_taken(client: antiphon.Client):
    """A dictionary in its place is an error that names the argument, and not one from inside."""
    with pytest.raises(RequestError, match="dict") as caught:
        client.complete("hi", provider="echo", model="m", seed=1, carried={})  # type: ignore[arg-type]
    assert caught.value.field == "carried"


# -------------------------------------------------------------------------------------- hostile objects


@pytest.mark.parametrize(
    "value",
    [
        None, 1, [], "", "[", "[" * 100_000, b"\xff", {}, {"antiphon": "carried"}, {**carrying.FORMAT},
        {**carrying.FORMAT, "version": 2, "recordings": {}}, {**carrying.FORMAT, "recordings": []},
        {**carrying.FORMAT, "recordings": {str(n): {} for n in range(carrying.MAX_RECORDINGS + 1)}},
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_is_no_such_object(value: Any):
    """Whatever is not our object is a ReplayError when it is taken in hand."""
    with pytest.raises(ReplayError, match="not right"):
        Carried(value)


def bomb() -> str:
    """A gigabyte of nothing in a megabyte: one flushed piece, over and over. Its end is never reached."""
    deflater = zlib.compressobj(9)
    head = deflater.compress(bytes(1 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    piece = deflater.compress(bytes(1 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    return b64encode(head + 1_023 * piece).decode()


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda entry: 5, "no JSON object"),
        (lambda entry: {**entry, "type": 5}, "content type"),
        (lambda entry: {**entry, "at": None}, "time"),
        (lambda entry: {**entry, "at": 1e300}, "time"),
        (lambda entry: {**entry, "at": float("nan")}, "time"),
        (lambda entry: {**entry, "at": -1}, "time"),
        (lambda entry: {**entry, "type": "x" * 999}, "content type"),
        (lambda entry: {**entry, "body": None}, "no text"),
        (lambda entry: {**entry, "body": "é"}, "base64"),
        (lambda entry: {**entry, "body": b64encode(b"plain").decode()}, "zlib"),
        (lambda entry: {**entry, "body": b64encode(zlib.compress(b"x" * 99)[:-4]).decode()}, "cut off"),
        (lambda entry: {**entry, "body": b64encode(zlib.compress(b"x") + b"more").decode()}, "followed"),
        (lambda entry: {**entry, "body": bomb()}, "larger than"),
        (lambda entry: {**entry, "body": "A" * (carrying.MAX_PACKED + 1)}, "at most"),
        (lambda entry: {**entry, "request": packed(b"{}")}, "not the key"),
        (lambda entry: {**entry, "request": None}, "no text"),
    ],
)  # fmt: skip
def test_a_recording_that_is_not_right(store: Store, harm: Callable[[Any], Any], why: str):
    """Wrong types, bombs, cut or padded streams and foreign requests: a ReplayError that says what."""
    it = record(store, asked(1))
    value = carried(store, [it], limit_bytes=9_000)
    bad = Carried({**value, "recordings": {it: harm(value["recordings"][it])}})
    with pytest.raises(ReplayError, match=why):
        bad.get(it)
    assert why in bad.problem(it)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
ENTRY = st.fixed_dictionaries({}, optional={"request": JSON, "type": JSON, "body": JSON})


@given(value=JSON | st.fixed_dictionaries({"antiphon": st.just("carried"), "version": st.just(1), "recordings": st.dictionaries(st.sampled_from(["k1:" + "0" * 64, "x", ""]), JSON | ENTRY)}))  # fmt: skip
def test_any_json_at_all(value: Any):
    """Whatever JSON comes in a picture: it is taken, or it is a ReplayError, and nothing else."""
    try:
        found = Carried(value)
        for it in found:
            found.get(it)
    except ReplayError:
        pass


@given(
    identity=JSON | st.dictionaries(st.text(max_size=5), st.text(max_size=5), min_size=1, max_size=3),
    right=st.booleans(),
)
@example(identity=[[float("inf")]], right=True)
@example(identity={"engine": float("nan")}, right=True)
def test_any_identity_at_all(identity: Any, right: bool):
    """Another engine's recording of a request is found by its request, if that is one; whatever else stands there is none."""
    request = replace(asked(1), identity={"engine": "ours"})
    document = json.loads(canonical(request)) | {"identity": identity}
    text = json.dumps(document).encode() + b" "
    if right:
        try:
            text = canonical_json(document)
        except (
            RequestError
        ):  # what has no canonical form (infinity, a lone surrogate) can only stand there as it is
            right = False
    entry = {"request": packed(text), "at": 1, "type": "", "body": packed(b"")}
    found = Carried({**carrying.FORMAT, "recordings": {"k1:x": 5, key_of(text): entry}}).by_another_engine(
        request
    )
    texts = isinstance(identity, dict) and all(isinstance(it, str) for it in identity.values())
    if not right or not texts or not identity:
        assert found is None or key(found) == key_of(text)
    else:
        assert found == replace(request, identity=identity)


def test_a_large_request_is_no_engines(monkeypatch: pytest.MonkeyPatch):
    """A thousand requests that unpack to 32 MiB each are not unpacked to be looked at."""
    entry = {
        "request": packed(b'{"identity": {"engine": "' + b"x" * (1 << 25)),
        "at": 1,
        "type": "",
        "body": "",
    }
    monkeypatch.setattr(carrying, "json", None)  # nothing is parsed
    words = Carried({**carrying.FORMAT, "recordings": {f"k1:{n}": entry for n in range(1_000)}})
    assert words.by_another_engine(replace(asked(1), identity={"engine": "ours"})) is None


WORDS = st.sampled_from(
    ["choices", "message", "content", "delta", "parts", "candidates", "output", "text", "type", "usage", "error",
     "finish_reason", "role", "stopReason", "model", "index", "id", "tool_calls", "images", "inlineData", "data"]
)  # fmt: skip
SHAPED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)
WAYS = sorted({(name, way) for name in providers.names() for way in providers.get(name).ways})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    way=st.sampled_from(WAYS),
    body=SHAPED.map(json.dumps).map(str.encode)
    | st.binary(max_size=99)
    | st.lists(SHAPED.map(json.dumps), max_size=3).map(lambda them: "".join(f"data: {it}\n\n" for it in them).encode()),
    kind=st.sampled_from(["application/json", "text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream", ""]),
)  # fmt: skip
def test_any_answer_at_all(
    tmp_path_factory: pytest.TempPathFactory, way: tuple[str, str], body: bytes, kind: str
):
    """Whatever a stranger puts down as the answer, in every dialect: an answer, or a ReplayError."""
    name, dialect = way
    provider = providers.get(name)
    request = Request(
        provider=name, messages=(Message("user", "hi"),), config=Config(model="m"), seed=1, dialect=dialect
    )
    entry = {"type": kind, "body": packed(body), "at": 1.5}
    own = Carried({**carrying.FORMAT, "recordings": {key(request): entry}})
    it = Asked.of(request, provider, antiphon.Delivery(replay="only"), carried=own)
    road = Road(Store(Path("nowhere") / "replay.sqlite"), None, None)  # type: ignore[arg-type]
    try:
        found = road.replayed(it)
        assert found is not None
        assert found.replayed
    except ReplayError:
        pass
    except AntiphonError as error:  # pragma: no cover
        raise AssertionError("another error than promised") from error
