"""Exactness: the same request and seed give the same bytes, whatever else goes on."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon import local, loop
from antiphon.local import settings

from .asking import Asked, answer, ask, request

pytestmark = pytest.mark.engine

EIGHT = [
    request(f"Describe a {thing} in one sentence.", seed=seed, temperature=0.7)
    for seed, thing in enumerate(["cat", "ship", "forest", "tower", "bridge", "fox", "river", "street"])
]


async def together() -> list[Asked]:
    return await asyncio.gather(*(answer(one) for one in EIGHT))


def evidence(answers: list[Asked]) -> list[str]:
    return [one.evidence for one in answers]


@pytest.mark.timeout(600)  # dozens of whole answers on however slow a machine
def test_alone_together_restarted_and_with_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, beside seven others, warm, after a restart, with 1 or 2 threads: every number is the same."""
    alone = evidence([ask(one) for one in EIGHT])
    assert len(set(alone)) == 8
    assert evidence(loop.run(together())) == alone
    assert evidence(loop.run(together())) == alone
    local.unload()
    assert evidence(loop.run(together())) == alone
    local.unload()
    monkeypatch.setenv("ANTIPHON_LOCAL_THREADS", "2")
    monkeypatch.setenv("ANTIPHON_LOCAL_PROMPT_THREADS", "1")
    monkeypatch.setenv("ANTIPHON_LOCAL_SERVERS", "1")
    assert evidence([ask(one) for one in EIGHT]) == alone
    local.unload()


@pytest.mark.timeout(600)
def test_the_order_of_requests_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """One server asked forwards, backwards and shuffled gives each request the same numbers, whoever came before it."""
    monkeypatch.setenv("ANTIPHON_LOCAL_SERVERS", "1")
    forwards = dict(enumerate(evidence([ask(one) for one in EIGHT])))
    for order in (range(7, -1, -1), random.Random(1).sample(range(8), 8)):
        assert {number: ask(EIGHT[number]).evidence for number in order} == forwards
    local.unload()


# A whole program of its own: it asks by the public door, and says what came.
PROGRAM = """
import json, antiphon
said = []
for seed, thing in enumerate(("cat", "ship", "forest")):
    found = antiphon.complete(f"Describe a {thing}.", model="local", seed=seed, max_tokens=12, temperature=0.7)
    assert not found.replayed
    said.append([found.key, found.text])
print(json.dumps(said))
"""


@pytest.mark.timeout(600)
def test_other_processes_with_other_threads_say_the_same(tmp_path: Path) -> None:
    """Three programs with empty homes and 1 or 2 threads each: the same keys, the same words, nothing from a store."""
    said: list[str] = []
    for decoding, reading in (("1", "1"), ("2", "2"), ("1", "2")):
        environment = {
            **os.environ,
            "ANTIPHON_HOME": str(tmp_path / f"{decoding}-{reading}"),
            "ANTIPHON_LOCAL_THREADS": decoding,
            "ANTIPHON_LOCAL_PROMPT_THREADS": reading,
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True, timeout=300
        )
        said.append(done.stdout.decode())
    assert len(set(said)) == 1
    assert len({text for _, text in json.loads(said[0])}) == 3


WORDS = [
    "rain",
    "bread",
    "hill",
    "lamp",
    "river",
    "stone",
    "quiet",
    "seven",
    "green",
    "paper",
    "window",
    "engine",
    "apple",
    "cloud",
    "market",
]
SYSTEM = "You write captions. " + " ".join(random.Random(5).choices(WORDS, k=60))


def prompts() -> list[tuple[str, ...]]:
    """Many prompts under one system text: of many lengths, repeated, extended, shortened, with history."""
    chance = random.Random(3)
    some = [" ".join(chance.choices(WORDS, k=chance.randrange(1, 70))) for _ in range(10)]
    # Neighbouring lengths around 128 tokens, where the last token stands alone without reuse.
    border = [" ".join(["stone"] * count) for count in range(34, 44)]
    out = [(text,) for text in (*some, *border)]
    out += [(some[0],), (some[0],), (some[0] + " and more",), (some[0][: len(some[0]) // 2],)]
    out += [(some[1], "Captions.", some[2]), (some[1], "Captions.", some[2], "Yes.", "Go on")]
    return out


@pytest.mark.timeout(600)
def test_reuse_of_a_prefix_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """One server, many prompts in a row: with reuse of prefixes each is answered as without, bit for bit."""
    monkeypatch.setenv("ANTIPHON_LOCAL_SERVERS", "1")
    asked = [
        request(*turns, system=SYSTEM, seed=i, temperature=0.7, max_tokens=3)
        for i, turns in enumerate(prompts())
    ]
    reusing = [ask(one) for one in asked]
    monkeypatch.setattr(settings, "REUSE_TYPES", frozenset[str]())
    fresh = [ask(one) for one in asked]
    assert evidence(reusing) == evidence(fresh)
    assert sum(one.timings["cache_n"] > 0 for one in reusing) >= len(asked) // 2
    assert all(one.timings["cache_n"] == 0 for one in fresh)
    local.unload()


def test_history_with_the_models_own_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second turn after the model's own answer is the same as on a server that never saw the first."""
    monkeypatch.setenv("ANTIPHON_LOCAL_SERVERS", "1")
    first = ask(request("Name two colours.", temperature=0.0, max_tokens=16))
    second = request("Name two colours.", first.completion.text, "And a third?", temperature=0.7)
    warm = ask(second)
    local.unload()
    assert ask(second).evidence == warm.evidence
