"""The rule for reusing a prompt's beginning, against a model of what makes two computations differ."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.local.child import common, computed_in_rows, reusable

ROWS = 8  # small, so that the borders are met often


def kinds(count: int, start: int) -> list[str]:
    """How tokens `start` … `count` are computed: in batches of ROWS, a batch of one by another kernel."""
    out: list[str] = []
    while start < count:
        size = min(ROWS, count - start)
        out += ["one" if size == 1 else "many"] * size
        start += size
    return out


class Slot:
    """A server's slot: tokens, how each was computed, and llama.cpp's rule of reusing the common prefix."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.kinds: list[str] = []

    def ask(self, prompt: list[int], generated: list[int], *, reuse: bool) -> list[str]:
        kept = min(common(self.tokens, prompt), len(prompt) - 1) if reuse else 0
        computed = self.kinds[:kept] + kinds(len(prompt), kept)
        self.tokens = prompt + generated
        self.kinds = computed + ["one"] * len(generated)
        return computed


tokens = st.lists(st.integers(0, 1), min_size=1, max_size=40)


@given(st.lists(st.tuples(tokens, tokens), min_size=2, max_size=6))
@settings(max_examples=400, deadline=None)
def test_reuse_is_allowed_only_where_nothing_changes(asked: list[tuple[list[int], list[int]]]) -> None:
    """Whatever was asked before, a prompt with reuse is computed token for token as without."""
    slot = Slot()
    held: list[int] = []
    for prompt, generated in asked:
        allowed = reusable(held, prompt, ROWS) > 0
        assert slot.ask(prompt, generated, reuse=allowed) == kinds(len(prompt), 0)
        held = computed_in_rows(prompt, ROWS)


def test_the_model_itself_can_fail() -> None:
    """Reusing always, as llama.cpp does by default, changes computations: the test above can fail."""
    slot, changed = Slot(), 0
    chance = random.Random(1)
    for _ in range(200):
        prompt = [chance.randrange(2) for _ in range(chance.randrange(1, 40))]
        changed += slot.ask(prompt, [0, 1], reuse=True) != kinds(len(prompt), 0)
    assert changed > 0


def test_a_shared_beginning_is_reused() -> None:
    """The ordinary case, one system text and another question, is reused."""
    shared = list(range(20))
    assert reusable([*shared, 100, 101, 102], [*shared, 200, 201, 202, 203], ROWS) == 20


def test_a_repeat_an_extension_and_a_beginning_are_not_reused() -> None:
    """Where the old prompt's end would be reused too, or nothing would be left to compute, start afresh."""
    old = list(range(20))
    assert reusable(old, old, ROWS) == 0
    assert reusable(old, [*old, 7, 7, 7], ROWS) == 0
    assert reusable(old, old[:10], ROWS) == 0
    assert reusable([], old, ROWS) == 0


def test_a_cut_that_leaves_one_token_alone_is_not_reused() -> None:
    """One token left over by the cut would be computed by the other kernel."""
    old = list(range(20))
    assert reusable([*old, 50, 51], [*old, 60], ROWS) == 0  # 21 tokens: 8 8 5, after the cut: 1
    assert reusable([*old[:15], 50, 51], [*old, 21, 22, 23, 24], ROWS) == 0  # 24: 8 8 8, after the cut: 8 1
