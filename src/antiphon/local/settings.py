"""How the embedded model runs here. Nothing of it changes an answer, except the context, which is in the key."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..errors import RequestError
from . import machine
from .facts import Facts

__all__ = ["FAST_RECIPE", "RECIPE", "Settings", "context"]

# Goes into the key. Raise it when our way of running the engine changes the bytes of answers: sampling
# defaults, batch rows, attention.
RECIPE = "1"
# The same for the fast way, whose answers depend on their company: they must never stand in for exact ones.
FAST_RECIPE = "1-fast"
# Requests that one server computes together in the fast way, and the context of each unless asked for: all of them
# have memory of their own.
SLOTS = 8
FAST_CONTEXT = 2048
# Rows of a prompt computed at once. Part of the recipe; small, so that a cancelled prompt stops soon.
ROWS = 32
# Most context used unless asked for, in tokens: memory grows with it.
CONTEXT = 8192
# Below this many bytes a model is small: one thread decodes as fast as two, so two servers run side by side.
SMALL = 300_000_000
# Types of tensors for which reuse of a prefix was measured to be exact (docs/design/local.md).
REUSE_TYPES = frozenset({"F32", "Q4_0", "Q4_1", "Q8_0"})


@dataclass(frozen=True, slots=True)
class Settings:
    """Threads for decoding and for prompts, most servers side by side, context in tokens, idle time in seconds.

    Each can be set in the environment: ANTIPHON_LOCAL_THREADS, _PROMPT_THREADS, _SERVERS, _CONTEXT, _IDLE, _SLOTS.
    `slots` is how many requests one server computes together; with more than one its answers depend on their company.
    """

    threads: int
    prompt_threads: int
    servers: int
    context: int
    idle: float
    reuse: bool
    rows: int = ROWS
    slots: int = 1

    @classmethod
    def of(cls, facts: Facts, size: int, *, fast: bool = False) -> Settings:
        """The settings for a model with these facts and this many bytes, on this machine."""
        cores = machine.cores()
        small = size < SMALL
        return cls(
            threads=_given("THREADS", 1 if small else min(cores, 4)),
            prompt_threads=_given("PROMPT_THREADS", min(cores, 2 if small else 8)),
            servers=_given("SERVERS", min(cores, 2) if small else 1),
            context=context(facts, fast=fast),
            idle=float(_given("IDLE", 300)),
            reuse=frozenset(facts.types) <= REUSE_TYPES,
            slots=_given("SLOTS", SLOTS) if fast else 1,
        )


def context(facts: Facts, *, fast: bool = False) -> int:
    """How many tokens prompt and answer may have together."""
    most = FAST_CONTEXT if fast else CONTEXT
    return min(_given("CONTEXT", min(facts.context, most)), facts.context)


def _given(name: str, default: int) -> int:
    variable = f"ANTIPHON_LOCAL_{name}"
    text = os.environ.get(variable)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise RequestError(f"{variable} must be a whole number of 1 or more, not {text!r}", field=variable)
    return int(text)
