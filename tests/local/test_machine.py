"""Machines that the engine cannot run on, and settings from the environment."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from antiphon.errors import RequestError
from antiphon.local import machine
from antiphon.local.facts import Facts
from antiphon.local.settings import Settings

FLAGS = "fpu sse4_2 avx avx2 fma f16c bmi1 bmi2"


def test_a_processor_with_all_that_is_needed() -> None:
    """All flags there, or a file that lists none: nothing to refuse."""
    machine.check_flags(f"processor : 0\nflags : {FLAGS}\n")
    machine.check_flags("processor : 0\n")


@pytest.mark.parametrize("flag", machine.X86_FLAGS)
def test_a_processor_without(flag: str) -> None:
    """Each missing flag is named, in place of an illegal instruction later."""
    flags = " ".join(name for name in FLAGS.split() if name != flag)
    with pytest.raises(RequestError, match=f"has no {flag.upper()}") as caught:
        machine.check_flags(f"flags\t\t: {flags}\n")
    assert "hosted provider" in caught.value.hint


def test_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not installed: the one command. On musl: that there is no build, and what to use."""

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    machine.engine_version.cache_clear()
    with pytest.raises(RequestError, match="not installed") as caught:
        machine.engine_version()
    assert "pip install 'antiphon[local]'" in caught.value.hint
    monkeypatch.setattr(machine, "is_musl", lambda: True)
    with pytest.raises(RequestError, match="no build for musl") as caught:
        machine.check()
    assert "glibc" in caught.value.hint
    monkeypatch.undo()
    machine.engine_version.cache_clear()
    assert machine.engine_version().startswith("xllamacpp 20")


@pytest.mark.parametrize(
    ("kind", "message", "field", "way_out"),
    [
        (
            "ImportError",
            "libgomp.so.1: cannot open shared object file",
            "provider",
            "apt-get install libgomp1",
        ),
        ("ImportError", "libstdc++.so.6: cannot open shared object file", "provider", "libstdc++6"),
        ("ModuleNotFoundError", "No module named 'xllamacpp'", "provider", "pip install 'antiphon[local]'"),
        ("RuntimeError", "Failed to init server", "model", "memory"),
    ],
)
def test_what_the_child_reports(kind: str, message: str, field: str, way_out: str) -> None:
    """Each way not to start has its way out."""
    error = machine.start_error(kind, message, Path("m.gguf"), "")
    assert (error.field, message in error.message) == (field, True)
    assert way_out in error.hint


FACTS = Facts("0" * 64, "llama", 32768, ("F32", "Q4_1"))


def test_settings_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small models run side by side on one thread each; large ones get the threads."""
    monkeypatch.setattr(machine, "cores", lambda: 8)
    small, large = Settings.of(FACTS, 10**8), Settings.of(FACTS, 5 * 10**9)
    assert (small.threads, small.servers, small.context) == (1, 2, 8192)
    assert (large.threads, large.servers) == (4, 1)
    assert small.reuse
    assert not Settings.of(Facts("0", "llama", 4096, ("Q4_K",)), 10**8).reuse
    monkeypatch.setattr(machine, "cores", lambda: 1)
    assert Settings.of(FACTS, 10**8).servers == 1


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each can be set; the context never beyond what the model was trained on; nonsense is refused."""
    for name, value in (
        ("THREADS", 3),
        ("PROMPT_THREADS", 5),
        ("SERVERS", 4),
        ("CONTEXT", 99999),
        ("IDLE", 7),
    ):
        monkeypatch.setenv(f"ANTIPHON_LOCAL_{name}", str(value))
    found = Settings.of(FACTS, 10**8)
    assert (found.threads, found.prompt_threads, found.servers, found.context, found.idle) == (
        3,
        5,
        4,
        32768,
        7.0,
    )
    monkeypatch.setenv("ANTIPHON_LOCAL_SERVERS", "many")
    with pytest.raises(RequestError, match="ANTIPHON_LOCAL_SERVERS must be a whole number"):
        Settings.of(FACTS, 10**8)
