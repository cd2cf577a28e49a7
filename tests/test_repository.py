"""What must hold for the repository as a whole: one place for each fact, nothing of one machine, nothing out of step."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import antiphon
from antiphon import providers

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it there

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "antiphon"
NAMES = providers.names()


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


# --------------------------------------------------------------------------------------- providers


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_has_a_test_file(name: str):
    """Each provider file has a test file of its name, with tests in it."""
    test = ROOT / "tests" / "providers" / f"test_{name}.py"
    assert test.exists(), f"write {test.relative_to(ROOT)}"
    assert re.search(r"^def test_", test.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_is_called_as_its_file(name: str):
    """The file's name is the provider's name, and its ways are named as their dialects."""
    provider = providers.get(name)
    assert provider.name == name
    assert [way.dialect.name for way in provider.ways.values()] == list(provider.ways)
    assert provider.title


# Words that are also plain English (or the name of a layer): only a text that is nothing but the word counts.
PLAIN_WORDS = {"azure", "compatible", "echo", "local", "together"}

# Where code outside providers and dialects may name one, and why. Documentation (docstrings, comments) always may.
ALLOWED = {
    ("client.py", "compatible"): "who is asked when only an address is given: a rule of the library's own",
    ("client.py", "local"): "who is asked when nobody is named: a rule of the library's own",
    ("cli/keys.py", "compatible"): "as in client.py: only an address is given",
    ("cli/models.py", "local"): "as in client.py: nobody is named; its models are files here",
    ("comfyui/widgets.py", "local"): "the node of the embedded model",
    **{
        ("comfyui/models.py", name): "the original pack's nodes and model names, which saved graphs hold"
        for name in ("anthropic", "compatible", "gemini", "mistral", "openai", "openrouter")
    },
    **{
        ("comfyui/nodes_av.py", name): "the class ids and titles of the original pack"
        for name in ("bedrock", "gemini")
    },
    ("local/hub.py", "huggingface"): "the package that fetches models is called so",
    ("local/machine.py", "ollama"): "advice in an error: what to use where the engine does not run",
    ("testing.py", "echo"): "its other half: what answers in place of a network",
    ("replay/packing.py", "anthropic"): "the name of a response header, which is kept out of recordings",
    ("replay/packing.py", "openai"): "the name of a response header, which is kept out of recordings",
    ("secretlike.py", "ollama"): "what people write into a key's field where there is no key",
    ("secretlike.py", "xai"): "the form of a key",
    ("workflows/original.py", "anthropic"): "whom the original's nodes ask: a fact about saved files",
    ("workflows/original.py", "bedrock"): "whom the original's nodes ask: a fact about saved files",
    ("workflows/original.py", "gemini"): "whom the original's nodes ask, and the name of a widget",
    ("workflows/original.py", "openai"): "whom the original's nodes ask, and the name of a widget",
    ("workflows/original.py", "openrouter"): "whom the original's nodes ask, and the name of a widget",
    ("workflows/rewiring.py", "openai"): "the name of a widget of the original's",
    ("transport.py", "anthropic"): "the names of its rate limit headers",
    ("call.py", "mistral"): "the name of its request id's header",
    ("transport.py", "openai"): "the names of its response headers",
}


def test_no_shared_code_knows_a_provider():
    """Outside providers and dialects no text and no identifier names a provider, but for the reasons above."""
    found = {
        (str(path.relative_to(SOURCE).as_posix()), name)
        for path in SOURCE.rglob("*.py")
        if path.relative_to(SOURCE).parts[0] not in ("providers", "dialects")
        for name in named(path)
    }
    assert found - ALLOWED.keys() == set(), "say it in providers/NAME.py instead, as data"
    allowed = {(file, name) for file, name in ALLOWED if (SOURCE / file).exists()}
    assert allowed - found == set(), "no longer needed"


def named(path: Path) -> Iterator[str]:
    """The providers that this file's code names."""
    for word in words(ast.parse(path.read_text(encoding="utf-8"))):
        for name in NAMES:
            whole = word == name or word == f"{name}/"
            if whole or (name not in PLAIN_WORDS and re.search(rf"(?<![a-z0-9]){name}(?![a-z0-9])", word)):
                yield name


def words(tree: ast.Module) -> Iterator[str]:
    """The texts in this code that are no docstrings, and its identifiers if they are no plain words."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value
        for field in ("id", "attr", "name", "arg", "module"):
            identifier = getattr(node, field, None)
            if isinstance(identifier, str) and identifier not in PLAIN_WORDS:
                yield identifier


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("if request.provider == 'openai': pass", {"openai"}),
        ("if model.startswith('mistral/'): pass", {"mistral"}),
        ("TABLE = {'groq': 1}", {"groq"}),
        ("name = f'{x} of local'", set()),
        ("name = 'local'", {"local"}),
        ("from .providers import openrouter", {"openrouter"}),
        ("providers.deepseek.PROVIDER", {"deepseek"}),
        ("def _openai_body(): pass", {"openai"}),
        ("def put(together): return together.local", set()),
        ("'''Speaks as openai does.'''  # and as groq does", set()),
    ],
)
def test_the_search_for_names_finds_them(code: str, wanted: set[str], tmp_path: Path):
    """The rule above sees comparisons, tables, prefixes, imports and identifiers, and lets documentation be."""
    path = tmp_path / "code.py"
    path.write_text(code, encoding="utf-8")
    assert set(named(path)) == wanted


def test_the_recipe_shows_real_files():
    """The diff in CONTRIBUTING.md is a whole provider file, and a piece of its test file, as they are."""
    [diff] = re.findall(
        r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL
    )
    shown = dict(re.findall(r"^\+\+\+ b/(\S+)\n@@.*@@\n((?:\+.*\n)+)", diff, re.MULTILINE))
    source, test = (
        (path, "".join(line[1:] for line in added.splitlines(keepends=True))) for path, added in shown.items()
    )
    assert (ROOT / source[0]).read_text(encoding="utf-8") == source[1]
    assert test[1] in (ROOT / test[0]).read_text(encoding="utf-8")
    assert test[0].endswith(f"test_{Path(source[0]).name}")


# --------------------------------------------------------------------------------------- functions

LONGEST = 40  # lines from `def` to the end, docstring included

# Which may be longer, and why.
LONG = {("transport.py", "_failures"): "one table of what each exception of the HTTP library means"}


def test_functions_are_short():
    """No function of the library is longer than forty lines, but for the reasons above."""
    found = {
        (str(path.relative_to(SOURCE).as_posix()), node.name)
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST
    }
    assert found == LONG.keys(), "cut it where it changes the subject"


# ---------------------------------------------------------------------------------------- packaging


def test_requirements_are_the_projects():
    """requirements.txt, which ComfyUI's manager installs, lists [project.dependencies] line by line."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lines == project()["project"]["dependencies"]


def test_the_version_is_told_once():
    """pyproject.toml and antiphon.__version__ say the same."""
    assert antiphon.__version__ == project()["project"]["version"]


# -------------------------------------------------------------------------------- what is committed


@cache
def committed() -> tuple[Path, ...]:
    """The files that git keeps, or all of them in an unpacked archive."""
    try:
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True, text=True
        ).stdout
        files = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        files = [path for folder in ("src", "tests", "docs") for path in (ROOT / folder).rglob("*.*")]
    return tuple(path for path in files if path.is_file() and "__pycache__" not in path.parts)


# In pieces, or this file would find itself.
OF_ONE_MACHINE = {
    "a folder of one machine": rf"(?<![\w.:/])/(?:{'work'}|{'home'}/\w+|{'Users'}/\w+|{'root'}|{'mnt'})/",
    "a package index": rf"index{'-'}url|https?://[\w.-]*(?:{'py'}pi|{'regis'}try|{'arti'}factory|{'nex'}us|mirror)[\w.-]*",
    "a temporary folder": rf"/{'tmp'}/\w",
}


@pytest.mark.parametrize("what", OF_ONE_MACHINE)
def test_nothing_of_one_machine_is_committed(what: str):
    """No committed text names a folder of somebody's machine, or a server that packages come from."""
    pattern = re.compile(OF_ONE_MACHINE[what])
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in committed()
        for match in pattern.finditer(path.read_bytes().decode("utf-8", "replace"))
        if path != Path(__file__)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see /home/anna/x", "a folder of one machine"),
        ("cd /" + "work/main", "a folder of one machine"),
        ("--index" + "-url https://x", "a package index"),
        ("https://py" + "pi.example.org/simple", "a package index"),
        ("open('/tm" + "p/x')", "a temporary folder"),
    ],
)
def test_the_search_for_them_finds_them(text: str, what: str):
    """The patterns above match what they are meant to, and no API's path."""
    assert re.search(OF_ONE_MACHINE[what], text)
    assert not re.search(OF_ONE_MACHINE[what], "https://api.example.com/home/x, https://registered.example")
