"""Schemas and the values under them: what is refused, what is found, and in which words."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from typing import Any

import pytest
from hypothesis import given

from antiphon import RequestError, Schema
from antiphon.prepare import schemas

from .test_json_text import JSON

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 3},
        "kind": {"enum": ["a", "b"]},
        "slug": {"type": "string", "pattern": "^[a-z]+(-[a-z]+)*$"},
        "maybe": {
            "anyOf": [
                {"type": "null"},
                {"type": "object", "properties": {"q": {"type": "integer"}}, "required": ["q"]},
            ]
        },
        "list": {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/number"}},
        "more": {
            "patternProperties": {"^x": {"type": "integer"}},
            "properties": {"y": True},
            "additionalProperties": False,
        },
        "open": {"additionalProperties": {"type": "integer"}},
        "never": False,
    },
    "required": ["n"],
    "additionalProperties": False,
    "$defs": {"number": {"type": "number"}},
}


def problems(value: Any, schema: Any = None) -> tuple[str, ...]:
    check = schemas.checker(Schema(SCHEMA if schema is None else schema))
    assert check is not None
    return check(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"n": 3}, []),
        ({"n": 3.0}, []),
        ({"n": 3, "slug": "a-b", "maybe": None, "list": [1, 2.5], "more": {"x1": 1, "y": "?"}}, []),
        ({}, ['$: lacks "n"']),
        ({"n": 1}, ["$.n: does not obey minimum: 3"]),
        ({"n": True}, ["$.n: must be integer, not boolean"]),
        ([], ["$: must be object, not array"]),
        ({"n": 3, "z": 1, "w": 2}, ['$: must not have "z", "w"']),
        ({"n": 3, "kind": "c"}, ['$.kind: must be one of ["a", "b"]']),
        ({"n": 3, "slug": "A"}, ['$.slug: does not obey pattern: "^[a-z]+(-[a-z]+)*$"']),
        ({"n": 3, "maybe": {}}, ['$.maybe: lacks "q"']),
        ({"n": 3, "maybe": {"q": "x"}}, ["$.maybe.q: must be integer, not string"]),
        ({"n": 3, "list": [1, 1.0]}, ["$.list: does not obey uniqueItems: true"]),
        ({"n": 3, "list": [1, True]}, ["$.list[1]: must be number, not boolean"]),
        ({"n": 3, "more": {"x": "", "z": 1}}, ['$.more: must not have "z"', "$.more.x: must be integer, not string"]),
        ({"n": 3, "open": {"a": "x"}}, ["$.open.a: must be integer, not string"]),
        ({"n": 3, "never": 1}, ["$.never: must not be there"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(value: Any, found: list[str]) -> None:
    """In our own words, which are in the key of a repair and must not change with the library's version."""
    assert sorted(problems(value)) == sorted(found)


def test_problems_are_few_and_short() -> None:
    """A thousand mistakes, or one very long one, do not make a thousand lines."""
    assert len(problems({"n": 3, "list": ["x"] * 1000})) == 20
    assert all(len(problem) < 1000 for problem in problems({"n": 3, "x" * 9999: 1}))


def test_the_order_of_a_schemas_members_does_not_matter() -> None:
    """Equal schemas have the same key, so they must find the same problems too."""
    turned = dict(reversed(SCHEMA.items()))
    value = {"kind": 1, "list": "x", "z": 1}
    assert problems(value, turned) == problems(value)


DRAFT7 = "http://json-schema.org/draft-07/schema#"


def test_the_draft_is_the_one_that_the_schema_says() -> None:
    """An array under `items` is a list of schemas in draft 7 and nothing in 2020-12, the default."""
    tuples = {"items": [{"type": "integer"}]}
    assert problems(["x"], {"$schema": DRAFT7, **tuples}) == ("$[0]: must be integer, not string",)
    with pytest.raises(RequestError, match=r"wrong at \$\.items"):
        problems([], tuples)


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


DOUBLED: dict[str, Any] = {
    "$defs": {
        "a0": {"type": ["string", "object", "array", "null", "number", "boolean"]},
        **{f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i - 1}"}] * 2} for i in range(1, 60)},
    },
    "$ref": "#/$defs/a59",
}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nested": (nested(100), "levels deep"),
    "nested very deeply": (nested(100_000), "nested too deeply"),
    "huge": ({"description": "x" * 300_000}, "characters"),
    "doubled": (DOUBLED, "branches too often"),
    "endless": ({"$ref": "#"}, "leads back to itself"),
    "endless by two": ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "itself"),
    "remote": ({"properties": {"a": {"$ref": "https://example.com/s.json"}}}, "not fetched"),
    "a file": ({"$ref": "file:///etc/passwd"}, "not fetched"),
    "nowhere": ({"$ref": "#/$defs/a"}, "not in it"),
    "no anchor": ({"$ref": "#a"}, "not in it"),
    "inner address": ({"$id": "https://a/b", "$defs": {"x": {"$id": "https://c/d"}}}, r"\$id"),
    "unevaluated": ({"unevaluatedProperties": False}, "unevaluatedProperties"),
    "unknown draft": ({"$schema": "https://example.com/draft"}, "draft that is not known"),
    "unknown type": ({"type": "objekt"}, r"wrong at \$\.type"),
    "broken pattern": ({"properties": {"a": {"pattern": "("}}}, "cannot be searched for"),
    "long pattern": ({"pattern": "a" * 5000}, "1,000 characters"),
    "broken name": ({"patternProperties": {"[": {}}}, "cannot be searched for"),
}  # fmt: skip


@pytest.mark.parametrize("which", BAD)
def test_a_bad_schema_is_a_typed_error(which: str) -> None:
    """Deep, huge, endless, remote or wrong: RequestError before anything is sent, and nothing is ever fetched."""
    schema, says = BAD[which]
    with pytest.raises(RequestError, match=says) as caught:
        problems(None, schema)

    assert caught.value.field == "response_format"
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    "which", sorted(BAD.keys() - {"doubled", "endless", "endless by two", "unknown draft", "unknown type"})
)
def test_most_of_it_is_found_without_the_library(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a provider would be sent is looked over in any case."""
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    schemas.forget()
    try:
        with pytest.raises(RequestError):
            schemas.checker(Schema(BAD[which][0]))
        assert schemas.checker(Schema({"type": "objekt"})) is None
    finally:
        schemas.forget()


GOOD: list[dict[str, Any]] = [
    {},
    {
        "properties": {
            "$ref": {"type": "string"},
            "pattern": {"const": "("},
            "enum": {"enum": [{"$ref": "x"}]},
        }
    },
    {"$id": "https://a/b", "$ref": "#/$defs/x", "$defs": {"x": {"$anchor": "k"}, "y": {"$ref": "#k"}}},
    {"$defs": {"a/b": {"type": "string"}}, "$ref": "#/$defs/a~1b"},
    {"type": "object", "properties": {"child": {"$ref": "#"}}},
    {"prefixItems": [{"type": "string"}], "$defs": {"x": {"$ref": "#/prefixItems/0"}}},
    {"$schema": DRAFT7, "definitions": {"a": {"$id": "#a"}}, "$ref": "#a"},
]


@pytest.mark.parametrize("schema", GOOD, ids=range(len(GOOD)))
def test_what_only_looks_bad_is_taken(schema: dict[str, Any]) -> None:
    """Properties with the names of keywords, data that looks like a reference, recursion with an end."""
    assert problems({}, schema) in ((), ("$: must be string, not object",))


@given(JSON)
def test_no_value_ends_in_another_error(value: Any) -> None:
    """Any value under schemas with all kinds of keywords: problems or none."""
    for schema in (
        SCHEMA,
        {"multipleOf": 0.01, "uniqueItems": True, "contains": {"type": "integer"}},
        {"oneOf": [{"type": "object", "minProperties": 1}, {"type": "array", "maxItems": 2}, {"const": 1}]},
        {"type": "object", "propertyNames": {"pattern": "^a"}, "additionalProperties": {"$ref": "#"}},
        {"if": {"type": "string"}, "then": {"maxLength": 3}, "else": {"not": {"type": "null"}}},
    ):
        for problem in problems(value, schema):
            problem.encode()


def test_a_check_ends_in_bounded_time() -> None:
    """Large numbers, long texts, many items and deep ones: said to be too much, not computed for ever."""
    too_much = "takes too long to check"
    assert (
        too_much in problems([{"a": 1}] * 500_000, {"items": {"properties": {"a": {"type": "integer"}}}})[0]
    )
    assert too_much in problems("a" * 50_000, {"pattern": "(?=.*b)a"})[0]
    assert too_much in problems(10**4000, {"multipleOf": 0.01})[0]
    deep: Any = 1
    for _ in range(500):
        deep = {"child": deep}
    recursive = {"type": "object", "properties": {"child": {"anyOf": [{"$ref": "#"}, {"const": 1}]}}}
    assert too_much in problems(deep, recursive)[0]
    assert problems(list(range(20_000)), {"uniqueItems": True}) == ()


def test_a_caller_deep_in_its_own_calls_gets_the_same_verdict() -> None:
    """Near Python's limit the check goes to a stack of its own, and nobody sees a RecursionError."""
    schemas.forget()
    recursive = {"type": "object", "properties": {"child": {"anyOf": [{"$ref": "#"}, {"const": 1}]}}}
    value: Any = 2
    for _ in range(60):
        value = {"child": value}

    def down(calls: int, schema: Any) -> tuple[str, ...]:
        return down(calls - 1, schema) if calls else problems(value, schema)

    assert down(0, recursive) == down(600, recursive) == ("$" + ".child" * 60 + ": must be 1",)
    with pytest.raises(RequestError, match="itself"):
        down(600, {"$ref": "#"})


def test_the_schema_is_looked_over_once() -> None:
    """A job that asks a thousand times pays for the metaschema once; equal schemas are one."""
    schemas.forget()
    first = schemas.checker(Schema({"type": "object", "title": "t"}))
    assert schemas.checker(Schema({"title": "t", "type": "object"})) is first
    assert schemas.checker(Schema({"type": "object", "title": "u"})) is not first


def test_the_version_of_the_library_is_one_that_is_promised() -> None:
    """The bounds in pyproject.toml are the ones these words were tried with."""
    major, minor = map(int, importlib.metadata.version("jsonschema").split(".")[:2])
    assert (major, minor) >= (4, 20)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
