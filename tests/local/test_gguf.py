"""Model files that are whole, cut off, damaged, or something else altogether; and what is remembered of them."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from antiphon.errors import RequestError
from antiphon.local import facts, models
from antiphon.local.gguf import read


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def pair(name: str, value: object) -> bytes:
    if isinstance(value, int):
        return text(name) + struct.pack("<II", 4, value)
    if isinstance(value, list):
        return text(name) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(item) for item in value)
    assert isinstance(value, str)
    return text(name) + struct.pack("<I", 8) + text(value)


WHOLE: dict[str, object] = {
    "general.architecture": "llama",
    "llama.context_length": 4096,
    "tokenizer.chat_template": "{{ messages }}",
    "tokenizer.ggml.tokens": ["a", "bc", "def"],
}


def gguf(about: dict[str, object] = WHOLE, *, version: int = 3, padding: int = 0) -> bytes:
    """A small GGUF with one Q8_0 tensor of 64 weights and one F32 tensor of `padding` bytes."""
    tensors = [("one", 64, 8, 0, 68), ("two", max(padding // 4, 1), 0, 96, max(padding // 4, 1) * 4)]
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(about))
    head += b"".join(pair(*item) for item in about.items())
    for name, weights, kind, offset, _ in tensors:
        head += text(name) + struct.pack("<IQIQ", 1, weights, kind, offset)
    head += b"\0" * (-len(head) % 32)
    return head + bytes(range(96)) + os.urandom(tensors[1][4])


def test_the_head_of_a_whole_file(tmp_path: Path) -> None:
    """Architecture, context, template and tensor types are read; arrays are passed over."""
    file = tmp_path / "m.gguf"
    file.write_bytes(gguf())
    head = read(file)
    assert (head.architecture, head.context, head.template) == ("llama", 4096, "{{ messages }}")
    assert head.types == {"Q8_0", "F32"}


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in WHOLE.items() if key != name}


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not a GGUF"),
    "html": (b"<!doctype html><html>", "not a GGUF"),
    "magic only": (b"GGUF", "cut off or damaged"),
    "cut in the head": (gguf()[:120], "cut off or damaged"),
    "cut in the weights": (gguf(padding=4000)[:-1], "is cut off: "),
    "absurd counts": (b"GGUF" + struct.pack("<IQQ", 3, 1, 2**62) + b"x" * 64, "cut off or damaged"),
    "unknown value type": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("x") + struct.pack("<I", 99),
        "damaged",
    ),
    "old version": (gguf(version=1), "GGUF version 1"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "GGUF version 50331648"),
    "one of several": (gguf({**WHOLE, "split.count": 3}), "one part of several"),
    "no template": (gguf(without("tokenizer.chat_template")), "base model"),
    "no language model": (gguf(without("llama.context_length")), "no language model"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(name: str, tmp_path: Path) -> None:
    """Each is a RequestError that says what is wrong and what to do."""
    content, words = BAD[name]
    file = tmp_path / "m.gguf"
    file.write_bytes(content)
    with pytest.raises(RequestError, match=words) as caught:
        read(file)
    assert (caught.value.field, bool(caught.value.hint)) == ("model", True)


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    """Neither is a model file."""
    with pytest.raises(RequestError, match="cannot be read"):
        read(tmp_path)
    with pytest.raises(RequestError, match="there is no model file"):
        facts.learn(tmp_path / "none.gguf")


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    """Wherever a download may have stopped, the file is refused and nothing but RequestError is raised."""
    whole, file = gguf(padding=400), tmp_path / "m.gguf"
    for size in range(0, len(whole), 7):
        file.write_bytes(whole[:size])
        with pytest.raises(RequestError):
            read(file)


def test_a_file_is_summed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts are remembered in memory and on disk, and looked at afresh when the file changes."""
    file, summed = tmp_path / "m.gguf", []
    file.write_bytes(gguf())
    real = facts.sha256
    monkeypatch.setattr(facts, "sha256", lambda path: summed.append(path) or real(path))
    first = facts.learn(file)
    assert facts.learn(file) is first
    facts.forget()  # as a new process would begin
    assert facts.learn(file) == first
    assert len(summed) == 1
    file.write_bytes(gguf(padding=64))
    assert facts.learn(file).sha256 != first.sha256
    assert len(summed) == 2


@pytest.mark.parametrize(
    "stored", ["", "[]", '{"format": 0, "files": {}}', '{"format": 1, "files": {"P": {}}}']
)
def test_unreadable_facts_are_found_out_again(stored: str, tmp_path: Path, own_home: Path) -> None:
    """Whatever stands in the facts file, the facts are right, and it is written anew."""
    file = tmp_path / "m.gguf"
    file.write_bytes(gguf())
    facts.folder().mkdir()
    (facts.folder() / "facts.json").write_text(stored.replace("P", str(file)))
    assert facts.learn(file).sha256 == facts.sha256(file)
    kept: Any = json.loads((facts.folder() / "facts.json").read_text())
    assert str(file) in kept["files"]


def test_names(tmp_path: Path) -> None:
    """The default, a path, a name that is not there yet, and nonsense."""
    assert models.resolve() == models.resolve(models.BUNDLED)
    assert models.resolve(str(tmp_path / "x.gguf")).path == tmp_path / "x.gguf"
    with pytest.raises(RequestError, match="not on this machine yet") as caught:
        models.resolve("qwen3-4b")
    assert caught.value.hint == "Fetch it with: antiphon models pull qwen3-4b"
    with pytest.raises(RequestError, match="unknown local model 'gpt-5'"):
        models.resolve("gpt-5")
