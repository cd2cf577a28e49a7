"""What our pages tell a reader to type works: every command and every snippet, in order, in a folder of the reader's own."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import antiphon

from .blocks import PAGES, ROOT, RUN, Block, blocks
from .world import KEY, PRELUDE, here, world

TOLD = {str(page.relative_to(ROOT)): blocks(page) for page in PAGES}
RUNNABLE = [
    name for name, found in TOLD.items() if any(block.kind in RUN and not block.why for block in found)
]

# How many blocks cannot be run here. To add one means to raise its figure, and to say in the page why.
NOT_RUN = {
    "CONTRIBUTING.md": 2,
    "README.md": 1,
    "docs/how-to/bedrock.md": 2,
    "docs/how-to/comfyui.md": 1,
    "docs/how-to/keys.md": 1,
    "docs/how-to/local-models.md": 2,
    "docs/how-to/media.md": 2,
    "docs/how-to/model-facts.md": 1,
    "docs/how-to/on-ray.md": 5,
    "docs/how-to/own-server.md": 1,
    "docs/how-to/pages.md": 2,
    "docs/how-to/share-a-store.md": 2,
    "docs/tutorial/first-steps.md": 1,
}


def run(block: Block, before: list[str], folder: Path, environment: dict[str, str]) -> None:
    """One block: a console's lines in one shell, whose exports stay; Python after the page's earlier Python."""
    if block.kind == "console":
        kept = folder / "exports"
        script = (
            f"{PRELUDE}\n{kept.read_text() if kept.exists() else ''}\n{here(block.commands, environment)}\n"
        )
        command, stdin = ["bash", "-c", f"{script}\nexport -p >exports"], subprocess.DEVNULL
    else:
        before.append(here(block.text, environment))
        command, stdin = [sys.executable, "-W", "error", "-c", "\n".join(before)], subprocess.DEVNULL
    done = subprocess.run(
        command, stdin=stdin, capture_output=True, cwd=folder, env=environment, timeout=100, check=False
    )
    told = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    assert done.returncode == 0, f"{block.page.name}:{block.line}\n{block.text}\n{told}"
    assert KEY not in told


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("name", RUNNABLE)
def test_a_page_works_as_it_stands(name: str, tmp_path: Path) -> None:
    """All its commands and snippets run, one after the other, against providers on loopback, and show no key."""
    before: list[str] = []
    with world(tmp_path) as environment:
        for block in TOLD[name]:
            if block.kind in RUN and not block.why:
                run(block, before, tmp_path, environment)


def test_what_is_not_run_is_counted() -> None:
    """Each block that cannot be run says why, and there are no more of them than are known here."""
    left_out = {
        name: count for name, found in TOLD.items() if (count := sum(bool(block.why) for block in found))
    }
    assert left_out == NOT_RUN


def test_no_block_is_overlooked() -> None:
    """Every fence that is opened is a block found here, and each is of a kind that we know."""
    for page in PAGES:
        fences = re.findall(r"^\s*```", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(TOLD[str(page.relative_to(ROOT))]), page.name
    kinds = {block.kind for found in TOLD.values() for block in found}
    assert kinds <= {*RUN, "text", "json", "sql", "diff"}


def test_what_is_installed_exists() -> None:
    """Every extra that a page tells to install is one of the project's."""
    extras = set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE))
    told = {
        extra.strip()
        for page in PAGES
        for group in re.findall(r"antiphon\[([\w, ]+)\]", page.read_text(encoding="utf-8"))
        for extra in group.split(",")
    }
    assert told
    assert told - {"NAME"} <= extras


def modules() -> list[str]:
    """The modules of the library with an example in a docstring that can be run anywhere."""
    names = [
        found.name for found in pkgutil.walk_packages(antiphon.__path__, "antiphon.", onerror=lambda _: None)
    ]
    paths = {"antiphon": ROOT / "src/antiphon/__init__.py"}
    for name in names:
        stem = ROOT / "src" / Path(*name.split("."))
        paths[name] = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
    return [name for name, path in paths.items() if _has_examples(path.read_text(encoding="utf-8"))]


def _has_examples(text: str) -> bool:
    return any(">>>" in line and "+SKIP" not in line for line in text.splitlines())


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a docstring shows is what comes out, in an empty home."""
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed


def quoted_commands() -> list[str]:
    """What stands in backticks, in pages and in code, and begins as a command of ours does."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    return sorted({found for text in texts for found in re.findall(r"`(antiphon [a-z][^`\n]*)`", text)})


@pytest.mark.parametrize("command", quoted_commands())
def test_a_command_in_backticks_is_one(command: str) -> None:
    """It names a command and options that exist: what `--help` of it knows."""
    import click

    from antiphon.cli import antiphon as top

    words = re.sub(r"[|…\[\]]", " ", re.sub(r"\{[^}]*\}", "X", command)).split()[1:]
    group: click.Command = top
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        found = group.get_command(click.Context(group), words[0])
        if found is None:
            break
        group, words = found, words[1:]
    assert group is not top, f"there is no command in {command!r}"
    commands = [group, *(group.commands.values() if isinstance(group, click.Group) else ())]
    params = [it for found in commands for it in found.params]
    known = {name for it in params for name in (*it.opts, *it.secondary_opts)} | {"--help"}
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= known, f"{command!r}: {options - known}"
