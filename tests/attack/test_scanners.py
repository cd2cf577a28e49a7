"""What the scanners of the packs' registry look for, and what of it is here; docs/design/scanners.md explains the rest."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = [ROOT / "__init__.py", *sorted((ROOT / "src").rglob("*.py"))]
SHIPPED = sorted(
    path
    for folder in ("comfyui/web", "pages/static")
    for path in (ROOT / "src/antiphon" / folder).rglob("*.js")
)
NAMED = (ROOT / "docs" / "design" / "scanners.md").read_text()

# Calls that a pack has no business making, by the end of their name.
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__"),
    *("os.system", "os.popen", "os.startfile", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("pickle.load", "pickle.loads", "marshal.loads", "shelve.open", "dill.loads", "torch.load", "yaml.load"),
    *("pip.main", "ensurepip.bootstrap", "runpy.run_path", "code.interact", "webbrowser.get"),
    *("tempfile.mktemp", "hashlib.md5", "hashlib.sha1", "ssl._create_unverified_context"),
}


@cache
def called(path: Path) -> list[tuple[str, ast.Call]]:
    """All calls in a file, by what is called."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_nothing_a_pack_has_no_business_with() -> None:
    """No code is made from text, no shell is started, nothing is installed or unpickled while it runs."""
    found: list[str] = []
    for path in PYTHON:
        for name, call in called(path):
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            careless = keywords.get("shell") not in (None, "False") or keywords.get("verify") == "False"
            if name in FORBIDDEN or careless:
                found.append(f"{path.relative_to(ROOT)}:{call.lineno}: {name}")
    assert found == []


def test_one_program_is_started_and_it_is_ours() -> None:
    """The one process that is started is this interpreter with a file of this package."""
    starts = [
        (path.name, ast.unparse(call.args[0]))
        for path in PYTHON
        for name, call in called(path)
        if name.startswith(("subprocess.", "os.exec", "os.spawn", "asyncio.create_subprocess"))
    ]
    assert [name for name, _ in starts] == ["engine.py"]
    assert starts[0][1].startswith("[sys.executable")


def test_nothing_is_hidden() -> None:
    """No long text without blanks that could be code in base64 or hex, no names put together from numbers, no minified line."""
    blob = re.compile(r"[A-Za-z0-9+/=]{200,}|(?:\\x[0-9a-f]{2}){20,}")
    for path in (*PYTHON, *SHIPPED):
        text = path.read_text(encoding="utf-8")
        assert not blob.search(text), path
        assert text.isascii() or not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", text), path
        assert max(map(len, text.splitlines()), default=0) < 5000, path


def test_the_pages_make_no_code_of_text() -> None:
    """The scripts that are shipped neither evaluate text nor fetch scripts from elsewhere."""
    for path in SHIPPED:
        text = path.read_text(encoding="utf-8")
        for bad in (
            r"\beval\(",
            r"new Function\(",
            r"document\.write\(",
            r"importScripts",
            r"setTimeout\(\s*[\"']",
        ):
            assert not re.search(bad, text), (path, bad)
        assert not re.search(r"(?:src|import\()\s*=?\s*[\"']https?://", text), path


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("aiohttp", r"aiohttp\.ClientSession"),
        ("os.environ", r"os\.environ"),
        ("subprocess", r"subprocess\.Popen"),
        ("ctypes", r"ctypes\."),
        ("importlib", r"import_module\("),
        ("base64", r"b64decode\("),
        ("innerHTML", r"innerHTML"),
        ("addresses", r"https://"),
    ],
)
def test_what_a_scanner_will_say_is_explained(what: str, pattern: str) -> None:
    """Each kind of finding that these sources give has its reason in docs/design/scanners.md; none is there without need."""
    there = any(re.search(pattern, path.read_text(encoding="utf-8")) for path in (*PYTHON, *SHIPPED))
    assert there
    assert what in NAMED
