"""The key of a request: the golden vectors, and what does and does not change it."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.errors import RequestError
from antiphon.replay import canonical, key
from antiphon.request import (
    Config,
    Delivery,
    FrozenDict,
    Media,
    MediaKind,
    Message,
    Modality,
    Request,
    Role,
    Schema,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "keys.json").read_text("utf-8"))
PAGE = Path(__file__).parent.parent / "docs" / "reference" / "key.md"

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))


def made(document: dict[str, Any]) -> Request:
    """The request that a vector describes, in JSON: constructor arguments by name."""
    arguments = dict(document)
    arguments["messages"] = tuple(
        Message(role, *(part if isinstance(part, str) else medium(part) for part in parts))
        for role, *parts in document["messages"]
    )
    config = dict(document.get("config", {}))
    if isinstance(config.get("response_format"), dict):
        config["response_format"] = Schema(**config["response_format"])
    arguments["config"] = Config(**config)
    return Request(**arguments)


def medium(document: dict[str, Any]) -> Media:
    data = document.get("data")
    return Media(**{**document, "data": data.encode("latin-1")} if data is not None else document)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_golden_vectors(vector: dict[str, Any]):
    """A key never changes from release to release: canonical bytes and key are exactly the recorded ones."""
    request = made(vector["request"])
    assert canonical(request).decode("utf-8") == vector["canonical"]
    assert key(request) == vector["key"]


def test_key_is_the_hash_of_the_canonical_bytes():
    """The key is k1: and the SHA-256 of the canonical bytes, which are UTF-8 JSON."""
    request = rich_request()
    assert key(request) == "k1:" + hashlib.sha256(canonical(request)).hexdigest()
    assert json.loads(canonical(request))["provider"] == request.provider


def test_the_example_on_the_page_is_true():
    """The example in docs/reference/key.md has the key that the page says it has."""
    example, stated = re.search(
        r"```json\n(.*?)\n```\n\nhas the key `(.*?)`", PAGE.read_text("utf-8"), re.DOTALL
    ).groups()
    request = Request(
        provider="echo",
        messages=(Message("user", "Hello"),),
        config=Config(model="m", temperature=0.7),
        seed=7,
    )
    assert canonical(request).decode() == example
    assert key(request) == stated


def rich_request() -> Request:
    """A request in which every field holds something other than its default."""
    return Request(
        provider="openai",
        messages=(
            Message("system", "Be short."),
            Message("user", "What is this? é 🐈", Media("image", "image/png", data=PNG, name="cat.png")),
        ),
        config=Config(
            model="m",
            max_tokens=10,
            temperature=0.5,
            top_p=0.5,
            top_k=5,
            min_p=0.5,
            presence_penalty=0.5,
            frequency_penalty=0.5,
            repeat_penalty=0.5,
            stop=("END",),
            reasoning="low",
            response_format=Schema({"type": "object", "b": 1, "a": 2}),
            modalities=("text",),
            aspect_ratio="16:9",
            extra={"b": 1, "a": [1, 2.5, None, True]},
        ),
        seed=1,
        base_url="http://localhost:1",
        dialect="openai_chat",
        identity={"engine": "1"},
    )


# For every field of every value in a request: another value. A field that is missing here fails the test below.
CHANGED: dict[type, dict[str, Any]] = {
    Request: {
        "provider": "anthropic",
        "messages": (Message("user", "Something else"),),
        "config": Config(model="other"),
        "seed": 2,
        "base_url": "http://localhost:2",
        "dialect": "openai_responses",
        "identity": {"engine": "2"},
    },
    Config: {
        "model": "n",
        "max_tokens": 11,
        "temperature": 0.25,
        "top_p": 0.25,
        "top_k": 6,
        "min_p": 0.25,
        "presence_penalty": 0.25,
        "frequency_penalty": 0.25,
        "repeat_penalty": 0.25,
        "stop": ("STOP",),
        "reasoning": "high",
        "response_format": "json",
        "modalities": ("text", "image"),
        "aspect_ratio": "4:3",
        "extra": {"b": 2},
    },
    Message: {"role": "assistant", "parts": ("Another question",)},
    Media: {
        "kind": "document",
        "media_type": "image/webp",
        "data": PNG + b"!",
        "url": "https://example.org/cat.png",
        "name": "dog.png",
    },
    Schema: {"schema": {"type": "string"}, "name": "other", "strict": False},
}


@pytest.mark.parametrize("kind", CHANGED, ids=lambda kind: kind.__name__)
def test_every_field_has_a_changed_value_here(kind: type):
    """A new field of a request's values cannot come in without a rule for the key."""
    assert {f.name for f in fields(kind)} == set(CHANGED[kind])


def shown(kind: type) -> set[str]:
    """The fields of this kind of value that hold something other than their default in some vector."""
    held: set[str] = set()
    waiting: list[Any] = [made(vector["request"]) for vector in VECTORS]
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple | list):
            waiting += value
        if type(value) not in CHANGED:
            continue
        inner = {f.name: (getattr(value, f.name), f.default) for f in fields(value)}
        waiting += [it for it, _ in inner.values()]
        if type(value) is kind:
            held |= {name for name, (it, default) in inner.items() if it != default and it not in ((), {})}
    return held


@pytest.mark.parametrize("kind", CHANGED, ids=lambda kind: kind.__name__)
def test_every_field_stands_in_a_vector(kind: type):
    """No field of a request's values is without a golden vector in which it holds something."""
    assert shown(kind) == {f.name for f in fields(kind)}


def test_every_kind_of_value_stands_in_a_vector():
    """Each role, each kind of medium, and each form that a setting can take has its vector."""
    requests = [made(vector["request"]) for vector in VECTORS]
    messages = [message for request in requests for message in request.messages]
    assert {it.role for it in messages} == set(get_args(Role))
    assert {medium.kind for it in messages for medium in it.media} == set(get_args(MediaKind))
    configs = [request.config for request in requests]
    formats = {it.response_format for it in configs if not isinstance(it.response_format, Schema)}
    assert formats == {None, "text", "json"}
    levels = {it.reasoning for it in configs}
    assert levels >= {None, "off", "low", "medium", "high"}
    assert any(isinstance(it, int) for it in levels)
    assert {it for config in configs for it in config.modalities} == set(get_args(Modality))
    assert {None, 0} < {request.seed for request in requests}
    extras = {type(it) for request in requests for it in leaves(request.config.extra)}
    assert extras == {int, float, bool, str, type(None)}


def leaves(value: Any) -> Iterator[Any]:
    """The plain values in JSON."""
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


@pytest.mark.parametrize("name", CHANGED[Request])
def test_every_field_of_request_changes_the_key(name: str):
    """Each field of Request counts, also when it goes back to its default."""
    request = rich_request()
    keys = {key(request), key(replace(request, **{name: CHANGED[Request][name]}))}
    default = next(f for f in fields(Request) if f.name == name)
    if default.default is None:
        keys.add(key(replace(request, **{name: None})))
    assert len(keys) == (3 if default.default is None else 2)


@pytest.mark.parametrize("name", CHANGED[Config])
def test_every_setting_changes_the_key(name: str):
    """Each setting counts: another value, and none at all, are other requests."""
    request = rich_request()
    other = replace(request.config, **{name: CHANGED[Config][name]})
    default = replace(request.config, **{name: getattr(Config(), name)})
    keys = {key(request), *(key(replace(request, config=config)) for config in (other, default))}
    assert len(keys) == 3


def one_message(message: Message) -> Request:
    return Request(provider="p", messages=(message, Message("user", "And?")))


def test_every_field_of_a_message_changes_the_key():
    """The role counts, the text counts, and so does how it is divided into parts."""
    messages = [
        Message("user", "ab"),
        Message(CHANGED[Message]["role"], "ab"),
        Message("user", *CHANGED[Message]["parts"]),
        Message("user", "a", "b"),
        Message("user", "b", "a"),
        Message("user", "ab", ""),
    ]
    assert len({key(one_message(message)) for message in messages}) == len(messages)


@pytest.mark.parametrize("name", CHANGED[Media])
def test_every_field_of_a_medium_changes_the_key(name: str):
    """Kind, media type, bytes, URL and name of a medium each count."""
    medium = Media("image", "image/png", data=PNG, name="cat.png")
    changed = replace(medium, **{name: CHANGED[Media][name]}, **({"data": None} if name == "url" else {}))
    unnamed = replace(medium, name=None)
    keys = {key(one_message(Message("user", it))) for it in (medium, changed, unnamed)}
    assert len(keys) == 3


@pytest.mark.parametrize("name", CHANGED[Schema])
def test_every_field_of_a_schema_changes_the_key(name: str):
    """The schema itself, its name and whether it is enforced each count."""
    request = rich_request()
    schema = replace(request.config.response_format, **{name: CHANGED[Schema][name]})
    assert key(replace(request, config=replace(request.config, response_format=schema))) != key(request)


def test_defaults_leave_nothing_behind():
    """A request with nothing but defaults is its provider and its messages: new fields keep old keys."""
    request = Request(provider="p", messages=(Message("user", "Hi"),))
    assert set(json.loads(canonical(request))) == {"provider", "messages"}
    assert set(json.loads(canonical(replace(request, seed=0)))) == {"provider", "messages", "seed"}


def test_nothing_of_delivery_is_part_of_a_request():
    """Time limits, retries and replay mode cannot reach the key: no value in a request has such a field."""
    delivery = {f.name for f in fields(Delivery)}
    assert not delivery & {f.name for kind in CHANGED for f in fields(kind)}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), json_values, max_size=6)


def turned(value: Any) -> Any:
    """The same JSON with every object's members in the opposite order, and lists as tuples."""
    if isinstance(value, dict):
        return {name: turned(value[name]) for name in reversed(list(value))}
    if isinstance(value, list | tuple):
        return tuple(turned(item) for item in value)
    return value


@settings(max_examples=60, deadline=None)
@given(extra=objects, schema=objects)
def test_order_of_members_does_not_count(extra: dict[str, Any], schema: dict[str, Any]):
    """Neither in extra nor in a schema, at any depth; and lists are tuples."""
    one = Config(extra=extra, response_format=schema)
    other = Config(extra=turned(extra), response_format=turned(schema))
    requests = [Request(provider="p", messages=[Message("user", "Hi")], config=c) for c in (one, other)]
    assert key(requests[0]) == key(requests[1])


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(st.characters(codec="utf-8"), max_size=60),
    seed=st.none() | st.integers(-(2**80), 2**80),
    temperature=st.none() | st.floats(0, 2),
    extra=objects,
)
def test_canonical_bytes_read_back(
    text: str, seed: int | None, temperature: float | None, extra: dict[str, Any]
):
    """Nothing is lost or confused: the canonical JSON reads back to exactly what was asked."""
    config = Config(temperature=temperature, extra=extra)
    request = Request(provider="p", messages=(Message("user", text),), config=config, seed=seed)
    document = json.loads(canonical(request))
    assert document["messages"] == [{"role": "user", "parts": [text]}]
    assert document.get("seed") == seed
    assert document.get("config", {}).get("temperature") == temperature
    assert json.dumps(document.get("config", {}).get("extra", {}), sort_keys=True) == json.dumps(
        extra, sort_keys=True
    )


@settings(max_examples=40, deadline=None)
@given(seeds=st.sets(st.integers(-(2**70), 2**70), min_size=2, max_size=8))
def test_different_seeds_have_different_keys(seeds: set[int]):
    """The whole seed counts, also where its low 31 bits are the same."""
    request = rich_request()
    wide = {seed + (high << 31) for seed in seeds for high in (0, 1)}
    assert len({key(replace(request, seed=seed)) for seed in wide}) == len(wide)


def test_equal_requests_have_equal_keys():
    """A request made again, copied, or pickled to another process has the same key."""
    request = rich_request()
    again = [rich_request(), copy.deepcopy(request), pickle.loads(pickle.dumps(request))]
    assert all(it == request and key(it) == key(request) for it in again)


def test_numbers():
    """1 and 1.0 are the same temperature; in extra an integer and a float are different values."""

    def of(**settings: Any) -> str:
        return key(Request(provider="p", messages=(Message("user", "Hi"),), config=Config(**settings)))

    assert of(temperature=1) == of(temperature=1.0)
    assert of(presence_penalty=-0.0) == of(presence_penalty=0)
    assert of(temperature=0) != of()
    assert len({of(extra={"n": n}) for n in (1, 1.0, True, "1", None, -1)}) == 6
    assert len({of(extra=e) for e in ({}, {"n": None}, {"n": {}}, {"n": []})}) == 4


def test_any_size_of_seed():
    """Seeds of thousands of digits have keys; past Python's limit the error says what is wrong."""
    request = rich_request()
    assert key(replace(request, seed=10**4000)) != key(replace(request, seed=10**4000 + 1))
    if hasattr(sys, "get_int_max_str_digits"):
        with pytest.raises(RequestError, match="canonical form"):
            key(replace(request, seed=10**5000))


def test_text_that_utf8_cannot_carry():
    """A lone surrogate that came in through an unchecked field is a RequestError, not a crash."""
    with pytest.raises(RequestError, match="canonical form"):
        key(Request(provider="p\ud800", messages=(Message("user", "Hi"),)))


def test_text_is_not_normalised():
    """é as one code point and as two are different texts."""
    texts = ["caf\u00e9", "cafe\u0301", "cafe"]
    assert len({key(one_message(Message("user", text))) for text in texts}) == 3


def test_key_is_the_same_in_every_process():
    """No hash seed, locale or optimisation flag gets into the key."""
    code = (
        "from antiphon.request import *; from antiphon.replay import key;"
        "c = Config(temperature=.1, stop=('a',), extra={'b': 1, 'a': 2.5, '\\xe9': [1e22]});"
        "print(key(Request(provider='p', messages=(Message('user', '\\u5c4b'),), config=c, seed=3)))"
    )
    settings = [{"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "LC_ALL": "C", "PYTHONUTF8": "0"}]
    said = {
        subprocess.run(
            [sys.executable, "-OO", "-c", code], env={**os.environ, **env}, capture_output=True, check=True
        ).stdout
        for env in settings
    }
    assert len(said) == 1


def test_frozen_dicts_are_written_as_objects():
    """extra is frozen inside a request and still an object in the canonical JSON."""
    config = Config(extra={"a": {"b": [1]}})
    assert isinstance(config.extra, FrozenDict)
    document = json.loads(canonical(Request(provider="p", messages=(Message("user", "Hi"),), config=config)))
    assert document["config"] == {"extra": {"a": {"b": [1]}}}
