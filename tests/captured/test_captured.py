"""The matrix: every original provider, every case, replayed over a real socket and held against its own package."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, providers
from antiphon.dialects._common import dumps

from ..bedrock_server import Bedrock
from ..dialects.wire import canonical
from . import oracles, pairs
from .pairs import Case

ORIGINALS = ("openai", "openrouter", "anthropic", "gemini", "bedrock_claude", "bedrock_mistral")
WANTED = (
    *("text", "stream", "system", "image in", "schema", "seed", "reasoning", "refusal", "length"),
    *("401", "429", "5xx", "mid-stream failure", "cut short", "image out"),
)
CASES = [pytest.param(case, id=f"{name}: {case.name}") for name in pairs.NAMES for case in pairs.cases(name)]
SENT = [param for param in CASES if param.values[0].request]


Serve = Callable[[Case], Bedrock]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The loopback server in a case's provider's place, with AWS keys in the environment and no others."""
    with ExitStack() as stack:
        stack.enter_context(pairs.signed_in(tmp_path_factory.mktemp("aws")))
        servers = {
            name: stack.enter_context(pairs.server(name))
            for name in {provider for provider, _ in oracles.ORACLES}
        }
        yield lambda case: servers[case.provider]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with an empty home: a new one each time, since one waits as long as a 429 has said."""
    made = Client(tmp_path)
    yield made
    made.close()


@cache
def facts_of(name: str) -> dict[str, Case]:
    return {case.name: case for case in pairs.cases(name)}


# ----------------------------------------------------------------------------------------- the matrix


@pytest.mark.parametrize("name", ORIGINALS)
def test_nothing_is_missing(name: str) -> None:
    """Each of the six has a file, and in it every case, or the reason why there is none."""
    document = pairs.load(name)
    missing = [case for case in WANTED if case not in document["cases"]]
    assert sorted(missing) == sorted(document["none"])
    assert all(len(reason) > 10 for reason in document["none"].values())
    assert missing == [] or name not in ("gemini", "openrouter")  # these do make pictures
    assert {case.dialect for case in pairs.cases(name)} <= {dialect for _, dialect in oracles.ORACLES}


def test_no_file_is_left_out() -> None:
    """Every file in the folder is one of the six."""
    assert sorted(pairs.NAMES) == sorted(ORIGINALS)


@pytest.mark.parametrize("name", ORIGINALS)
def test_each_case_shows_what_it_is_named_for(name: str) -> None:
    """A case called 429 is one: what its outcome must say, whoever the provider is."""
    case = facts_of(name)
    said = {title: found.outcome for title, found in case.items()}
    assert case["stream"].stream
    assert said["text"]["text"] == said["stream"]["text"]
    assert said["length"]["finish_reason"] == "length"
    assert said["reasoning"]["reasoning"] not in said["reasoning"]["text"]
    assert said["refusal"]["error"] == "Refused"
    assert said["401"]["error"] == "Unauthorized"
    assert (said["429"]["error"], said["429"]["retry_after"]) == ("RateLimited", 20.0)
    assert said["5xx"]["error"] == "ServerFailed"
    assert (said["mid-stream failure"]["error"], said["mid-stream failure"]["heard"]) == (
        "ServerFailed",
        "Amber",
    )
    assert (said["cut short"]["phase"], said["cut short"]["heard"][:5]) == ("cut-off", "Amber")
    assert json.loads(said["schema"]["text"]) == {"colour": "red", "count": 1}
    assert "Answer in one word." in json.dumps(case["system"].request)
    assert "iVBORw0KGgo" in json.dumps(case["image in"].request)
    assert '\\"additionalProperties\\"' in json.dumps(json.dumps(case["schema"].request)).replace("\\\\", "")
    assert "image out" not in said or said["image out"]["media"]


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_seed_is_sent_or_said_to_be_unsupported(name: str) -> None:
    """A seed is in the body under the provider's name for it, or nowhere in it and said so."""
    case, provider = facts_of(name)["seed"], providers.get(pairs.load(name)["provider"])
    taken = "seed" in provider.way(None).quirks.fields
    assert case.outcome["seed_status"] == ("sent" if taken else "unsupported")
    assert case.request is not None
    assert ('"seed": 42' in json.dumps(case.request["body"])) == taken
    assert ("42" in json.dumps(case.request["body"])) == taken


# ------------------------------------------------------------------------------------------- replayed


@pytest.mark.parametrize("case", CASES)
def test_our_client_sends_and_reads_this(case: Case, serve: Serve, client: Client) -> None:
    """Over a real socket the captured request arrives, byte for byte, and the reply becomes the facts."""
    running = serve(case)
    arrived, outcome = pairs.asked(case, running, client)
    assert arrived == case.request, "run `uv run python tests/captured/capture.py` and look at the difference"
    assert outcome == case.outcome
    if case.request is not None:
        assert running.seen[0].body == dumps(case.request["body"])
    if case.ask.get("seed") is not None:
        again = pairs.asked(case, running, client)
        assert again == (None, case.outcome)  # from the store: nothing is sent


# ------------------------------------------------------------------------------------ second opinions


@pytest.mark.parametrize("case", SENT)
def test_their_types_know_our_request(case: Case) -> None:
    """The provider's own package has every field of the captured body in its types."""
    oracles.of(case).valid(case)


@pytest.mark.parametrize("case", SENT)
def test_their_client_sends_and_reads_the_same(case: Case, serve: Serve) -> None:
    """The provider's own package sends the same body to the same path, and reads the same in the served reply."""
    assert case.request is not None
    assert case.reply is not None
    running = serve(case)
    running.seen.clear()
    running.says(pairs.served(case.reply))
    read = oracles.of(case).ask(case, running.url)
    [arrived] = running.seen
    assert arrived.verdict in ("bearer", "signed")
    assert standard(json.loads(arrived.body), case) == standard(case.request["body"], case)
    assert arrived.path.replace(":", "%3A") == case.request["path"].replace(":", "%3A")
    agree(read, case)


def standard(body: dict[str, Any], case: Case) -> dict[str, Any]:
    """A body without what only says the default (false for a stream, an empty object), as its server reads it."""
    kept = {name: value for name, value in body.items() if value not in ({}, False)}
    return canonical(kept) if case.provider == "gemini" else kept


def agree(read: dict[str, Any], case: Case) -> None:
    """What their package read is what ours did. It may say less, but must say what the case is about."""
    outcome = case.outcome
    usage = outcome.get("usage", {})
    for name, value in read.items():
        found = {key: usage[key] for key in value if key in usage} if name == "usage" else outcome.get(name)
        if name == "message" and outcome["error"] == "Refused":
            assert value in found
        elif name == "status" and outcome["error"] == "Refused":
            assert case.reply
            assert value == case.reply["status"]
        elif name == "usage":
            assert found == {key: value[key] for key in found}
        else:
            assert found == value, name
    if "error" not in outcome:
        assert read.keys() >= {"text", "finish_reason"}
    elif "status" in outcome and not case.stream and case.reply and case.reply["status"] != 200:
        assert read["status"] == outcome["status"]
    elif outcome["error"] != "TransportError" and "5xx under 200" not in case.name:
        assert read, "their package saw nothing wrong"


def test_the_judges_can_say_no() -> None:
    """Each package finds fault with a body that has an unknown field or a wrong type, so their word counts."""
    for name in ORIGINALS:
        for case in (facts_of(name)["text"], facts_of(name)["stream"]):
            assert case.request is not None
            spoilt = {**case.request["body"], "unheard": 1}
            broken = replace(case, request={**case.request, "body": spoilt})
            with pytest.raises((AssertionError, ValueError)):
                oracles.of(broken).valid(broken)
