"""`models`, `providers`, `keys`, `replay`, and what holds for all commands."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time

import click
import keyring
import keyring.backends.fail
import pytest

from antiphon import providers
from antiphon.cli import COMMANDS, EXIT_CODES, antiphon
from antiphon.cli.console import printable, safe_json

from .. import scripted
from ..peer import serve

KEY = "sk-planted-0123456789"


def rows(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def every_command() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    top = click.Context(antiphon)
    for name in COMMANDS:
        command = antiphon.get_command(top, name)
        assert command is not None
        found.append((name, command))
        found += [(f"{name} {sub}", one) for sub, one in getattr(command, "commands", {}).items()]
    return found


# ------------------------------------------------------------------------------------------------ all


def test_the_listed_words_are_the_commands_own():
    """`antiphon --help` knows the commands without importing them; what it says is what they say."""
    for name, command in every_command():
        if name in COMMANDS:
            assert (command.help or "").splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("name", [name for name, _ in every_command()])
def test_every_command_has_help(cli, name):
    """--help works everywhere and every option says what it does."""
    result = cli(*name.split(), "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: antiphon ")
    command = dict(every_command())[name]
    options = [param for param in command.params if isinstance(param, click.Option)]
    assert all(option.help for option in options)


def test_help_loads_nothing_heavy():
    """Asking for help costs no network library, no database and no drawing library."""
    code = (
        "import sys\nfrom antiphon.cli import antiphon\n"
        "try:\n    antiphon.main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'aiohttp', 'asyncio', 'sqlite3', 'rich', 'platformdirs', 'importlib.metadata'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Exit codes:" in done.stdout


def test_version_and_the_entry_point_agree(cli):
    """`antiphon --version` and `python -m antiphon.cli --version` say the same."""
    done = subprocess.run(
        [sys.executable, "-m", "antiphon.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == cli("--version").stdout
    assert done.stdout.startswith("antiphon ")


@pytest.mark.parametrize("group", [(), ("keys",), ("replay",)])
def test_a_group_alone_shows_its_help(cli, group):
    """Called with nothing, it says what there is."""
    result = cli(*group)
    assert result.exit_code == 0
    assert result.stdout == cli(*group, "--help").stdout


def test_a_wrong_command(cli):
    """Exit code 2, and the way to the right ones."""
    wrong = cli("compleet")
    assert wrong.exit_code == 2
    assert "compleet" in wrong.stderr


def test_the_exit_codes_of_all_errors_are_documented():
    """Every class of the error tree has a code, and --help lists it."""
    from antiphon import errors
    from antiphon.cli.failures import exit_code

    listed = {line.split()[0] for line in EXIT_CODES.splitlines()[2:]}
    for name in errors.__all__:
        code = exit_code(getattr(errors, name)("x"))
        assert str(code) in listed
        assert code != 1 or name == "AntiphonError"


def test_what_a_terminal_would_obey_is_made_visible():
    """All C0 and C1 controls and bidi overrides, and nothing else."""
    controls = [
        chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    ]
    for control in controls:
        shown = printable(f"a{control}b")
        assert control in "\n\t" or control not in shown
    text = "naïve 日本 العربية 👩‍👩‍👧 \n\t"
    assert printable(text) == text


def test_json_output_is_harmless_and_exact():
    """Controls are escaped, not changed: a parser gets back what went in."""
    value = {"a": "\x1b[31m\x9b\u202e\u2028 \ud800 日本"}
    text = safe_json(value)
    assert json.loads(text) == value
    assert not set("\x1b\x9b\u202e\u2028\ud800") & set(text)


# ------------------------------------------------------------------------------------------ providers


def test_providers_are_those_of_the_folder_with_their_keys(cli, monkeypatch):
    """Each provider file is a row; the key column says where the key comes from."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    cli("keys", "set", "anthropic", stdin=KEY)
    result = cli("providers")
    table = {row[0]: row for row in rows(result.stdout)[1:]}
    assert table.keys() == set(providers.names())
    assert table["openai"][2] == "environment variable OPENAI_API_KEY"
    assert table["anthropic"][2] == "key file"
    assert table["echo"][2] == "not needed"
    assert "openai_responses" in table["openai"][3]
    assert {row["name"] for row in json.loads(cli("providers", "--json").stdout)} == set(providers.names())
    assert KEY not in result.output


# --------------------------------------------------------------------------------------------- models


LISTED = {
    "data": [
        {
            "id": f"maker-of-models/a-model-with-quite-a-long-name-{number}",
            "name": f"Maker of models: A model with quite a long name, {number}",
            "created": 1790000000,
            "context_length": size,
            "architecture": {
                "input_modalities": ["file", "text", "video", "audio", "image"],
                "output_modalities": ["text"],
            },
            "top_provider": {"max_completion_tokens": 65536},
            "expiration_date": "2026-12-11",
        }
        for number, size in enumerate((8192, 200_000, 1_048_576))
    ]
}


def test_a_listing_as_a_table(cli):
    """All that is known of a model is in its row, numbers short; what no model has is no column."""
    with scripted.serve(lambda _: LISTED) as server:
        how = ("openrouter", "--base-url", server.url, "--key-name", "mine")
        host = server.url.removeprefix("http://")
        cli("keys", "set", "mine", "--host", host, stdin=KEY)
        heading, *found = rows(cli("models", *how).stdout)
        only = rows(cli("models", *how, "--search", "MAKER 2").stdout)
        none = cli("models", *how, "--search", "elephant")
        as_json = json.loads(cli("models", *how, "--json", "--search", "name-1").stdout)
    assert heading == ["model", "title", "context", "output", "in", "out", "created", "retires"]
    assert found[2] == [
        "maker-of-models/a-model-with-quite-a-long-name-2",
        "Maker of models: A model with quite a long name, 2",
        "1.05M",
        "66k",
        "text img aud vid doc",
        "text",
        "2026-09-21",
        "2026-12-11",
    ]
    assert [row[2] for row in found] == ["8,192", "200k", "1.05M"]
    assert [row[0][-1] for row in only[1:]] == ["2"]
    assert rows(none.stdout) == [["model"]]
    assert "none of its 3 models matches 'elephant'" in none.stderr
    [row] = as_json
    assert (row["context"], row["inputs"]) == (200000, ["audio", "document", "image", "text", "video"])
    with serve() as peer:
        assert rows(cli("models", "--base-url", peer.url).stdout)[0] == ["model", "created"]


def test_a_listing_that_is_kept(cli, monkeypatch):
    """--cached and --max-age show what was listed last, and when; --cached never asks."""
    with scripted.serve(lambda _: LISTED) as server:
        how = ("vllm", "--base-url", server.url)
        first = cli("models", *how, "--cached")
        assert first.exit_code == 2
        assert f"no model listing of {server.url} is kept yet" in first.stderr
        assert server.heard == []
        live = cli("models", *how)
        assert "ago" not in live.stderr
    now = time.time()
    for later, words in (
        (1, "just now"),
        (60, "1 minute ago"),
        (7205, "2 hours ago"),
        (200_000, "2 days ago"),
    ):
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        for option in (("--cached",), ("--max-age", "1000000")):
            kept = cli("models", *how, *option)
            assert kept.stdout == live.stdout
            assert f"as vllm listed them {words}" in kept.stderr
    gone = cli("models", *how, "--max-age", "5", "--retries", "0")  # nobody listens there any more
    assert gone.stdout == live.stdout
    assert "older ones are given" in gone.stderr
    assert cli("models", *how, "--retries", "0").exit_code != 0
    assert cli("models", *how, "--max-age", "-1").exit_code == 2


@pytest.mark.parametrize("width", [80, 200])
def test_a_listing_fits_the_terminal(cli, child, width):
    """At 80 columns what matters less is left out, and names are whole; on a wide terminal all is there."""
    with scripted.serve(lambda _: LISTED) as server:
        cli("models", "vllm", "--base-url", server.url)
        one = child(
            "models",
            "vllm",
            "--cached",
            "--base-url",
            server.url,
            terminal="stdout",
            env={"COLUMNS": str(width)},
        )
        assert one.end() == 0
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", one.seen.decode()).splitlines()]
    assert max(map(len, lines)) <= width
    assert sum("maker-of-models/a-model-with-quite-a-long-name-" in line for line in lines) == 3
    assert ("title" in lines[1]) == ("created" in lines[1]) == (width == 200)
    assert {"model", "context", "retires"} <= set(lines[1].split())


def test_models_of_a_provider(cli):
    """`models PROVIDER`, with options on either side, and as JSON."""
    with serve() as peer:
        for arguments in (
            ("--base-url", peer.url),
            ("compatible", "--base-url", peer.url),
            ("of", "--base-url", peer.url),
        ):
            assert rows(cli("models", *arguments).stdout)[1][0] == "peer-1"
        [row] = json.loads(cli("models", "--json", "--base-url", peer.url).stdout)
        assert row["name"] == "peer-1"
    assert rows(cli("models", "echo").stdout)[1][0] == "echo"


def test_models_of_nobody(cli):
    """An unknown name lists the providers."""
    result = cli("models", "nobody")
    assert result.exit_code == 2
    assert "openai" in result.stderr


def test_no_provider_is_called_like_a_subcommand():
    """`models NAME` can only mean one thing."""
    command = dict(every_command())["models"]
    assert not set(getattr(command, "commands")) & set(providers.names())  # noqa: B009


def test_embedded_models_are_listed_without_a_network(cli):
    """What is here and what can be pulled, with sizes."""
    from antiphon.local.models import CATALOGUE

    names = {row[0] for row in rows(cli("models", "list").stdout)[1:]}
    assert {row.name for row in CATALOGUE} <= names
    assert cli("models", "local").stdout == cli("models").stdout == cli("models", "list").stdout
    assert {row["name"] for row in json.loads(cli("models", "list", "--json").stdout)} == names


def test_removing_a_model_that_is_not_here(cli):
    """Says so."""
    result = cli("models", "remove", "qwen3-8b")
    assert result.exit_code == 2
    assert "qwen3-8b" in result.stderr


def test_pulling_fetches_and_says_how_to_ask(cli, monkeypatch, tmp_path):
    """The name goes to the hub's client; where it lies and what to type come back."""
    asked = []

    def pull(name, *, progress):
        asked.append(name)
        progress(5, 10)
        return tmp_path / "x.gguf"

    monkeypatch.setattr("antiphon.local.hub.pull", pull)
    result = cli("models", "pull", "qwen3-0.6b")
    assert asked == ["qwen3-0.6b"]
    assert f"{tmp_path / 'x.gguf'}; ask it with -m local/qwen3-0.6b" in result.stderr


def test_pulling_what_nobody_lists(cli):
    """The names there are, before any network."""
    result = cli("models", "pull", "nonsense")
    assert result.exit_code == 2
    assert "qwen3-0.6b" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_a_progress_bar_at_a_terminal(child):
    """Bytes here of bytes in all, and gone at the end."""
    code = (
        "import time\nfrom antiphon.cli.models import progress\n"
        "with progress('qwen', quiet=False) as report:\n    report(3_000_000, 9_000_000)\n    time.sleep(1)"
    )
    one = child(terminal="stderr", program=("-c", code))
    one.until("3.0/9.0 MB")
    assert one.end() == 0
    assert b"qwen" in one.seen


# ----------------------------------------------------------------------------------------------- keys


def test_keys_are_set_listed_and_removed_without_being_shown(cli, home, monkeypatch):
    """From stdin into an owner-only file; the listing has names, places and hosts."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    outputs = [cli("keys", "set", "openai", stdin=f"{KEY}\n")]
    outputs.append(
        cli("keys", "set", "work", "--host", "llm.example", "--host", "http://10.0.0.7:8000", stdin=KEY)
    )
    outputs.append(cli("keys", "list"))
    table = {row[0]: row[1:] for row in rows(outputs[-1].stdout)[1:]}
    assert table["anthropic"] == ["environment variable ANTHROPIC_API_KEY", "api.anthropic.com"]
    assert table["openai"][0] == "key file"
    assert "api.openai.com" in table["openai"][1]
    assert table["work"] == ["key file", "llm.example, http://10.0.0.7:8000"]
    if os.name == "posix":
        assert stat.S_IMODE((home / "keys" / "credentials.json").stat().st_mode) == 0o600
    outputs.append(cli("keys", "remove", "work"))
    outputs.append(cli("keys", "list", "--json"))
    assert [row["name"] for row in json.loads(outputs[-1].stdout)] == ["anthropic", "openai"]
    assert all(output.exit_code == 0 for output in outputs)
    assert not [output.output for output in outputs if KEY in output.output]


def test_a_key_keeps_its_hosts_when_it_is_set_again(cli):
    """A renewed key goes where the old one went."""
    cli("keys", "set", "work", "--host", "llm.example", stdin="old-key")
    cli("keys", "set", "work", stdin="new-key")
    assert rows(cli("keys", "list").stdout)[1] == ["work", "key file", "llm.example"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "told"),
    [
        (("set", "openai", KEY), None, 2, "history"),
        (("set", "work"), KEY, 2, "--host"),
        (("set", "compatible"), KEY, 2, "--host"),
        (("set", "work", "--host", "*.example"), KEY, 2, "not a host"),
        (("set", "openai"), "", 3, "empty"),
        (("set", "openai"), "a\nb", 3, "line break"),
        (("set", "openai"), b"\xff\xfe", 3, "not text"),
        (("set", "../x", "--host", "a.example"), KEY, 2, "name"),
        (("remove", "work"), None, 3, "work"),
        (("test", "work"), None, 2, "--provider"),
        (("test", "openai"), None, 3, "antiphon keys set openai"),
    ],
)
def test_keys_that_cannot_be(cli, arguments, stdin, code, told):
    """Each is refused with the way out, and a value never comes back."""
    result = cli("keys", *arguments, stdin=stdin)
    assert result.exit_code == code
    assert told in result.stderr
    assert KEY not in result.output
    assert rows(cli("keys", "list").stdout)[1:] == []


def test_a_key_is_tested_against_its_provider(cli, monkeypatch):
    """Works, not proven since anybody is told, rejected, or not needed: each is said."""
    with serve() as peer:
        peer.listed_to = KEY
        host = peer.url.removesuffix("/v1")
        cli("keys", "set", "mine", "--host", host, stdin=KEY)
        good = cli("keys", "test", "mine", "--base-url", peer.url)
        assert good.exit_code == 0, good.stderr
        assert "mine works: compatible lists 1 model\n" in good.stderr
        named = cli("keys", "test", "mine", "--provider", "openai", "--base-url", peer.url)
        assert named.exit_code == 0, named.stderr
        peer.listed_to = ""
        anybody = cli("keys", "test", "mine", "--base-url", peer.url)
        assert "to anybody" in anybody.stderr
        assert "works" not in anybody.stderr
        peer.listed_to = "another"
        assert cli("keys", "test", "mine", "--base-url", peer.url).exit_code != 0
    assert "needs no key" in cli("keys", "test", "echo").stderr


def test_without_a_keyring_the_key_is_in_the_file_and_that_is_said(cli):
    """--keyring where there is none."""
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    try:
        result = cli("keys", "set", "openai", "--keyring", stdin=KEY)
    finally:
        keyring.set_keyring(before)
    assert result.exit_code == 0
    assert "note: the system keyring does not work" in result.stderr
    assert "key file" in cli("keys", "list").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_a_key_typed_at_a_terminal_is_not_shown(child, cli):
    """Asked for, not echoed, stored."""
    one = child("keys", "set", "openai", terminal="stdin stdout stderr")
    one.until("not shown")
    one.type(f"{KEY}\r")
    assert one.end() == 0
    assert KEY.encode() not in one.seen
    assert rows(cli("keys", "list").stdout)[1][0] == "openai"


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_tables_are_drawn_at_a_terminal(child):
    """And tab-separated in a pipe, as the other tests here read them."""
    one = child("providers", terminal="stdout")
    assert one.end() == 0
    assert "──" in one.seen.decode()
    assert b"\t" not in one.seen


# --------------------------------------------------------------------------------------------- replay


def record(cli, *texts: str) -> list[str]:
    for text in texts:
        assert cli("complete", "-m", "echo", text, "--seed", 1).exit_code == 0
    return [row["key"] for row in json.loads(cli("replay", "list", "--json").stdout)]


def test_recordings_are_listed_and_shown(cli):
    """Newest first, chosen by text; shown by a key cut short, the answer on stdout."""
    keys = record(cli, "a cat", "a dog")
    listed = rows(cli("replay", "list").stdout)[1:]
    assert [row[0] for row in listed] == keys
    assert [row[5] for row in listed] == ["a dog", "a cat"]
    assert [row[5] for row in rows(cli("replay", "list", "--contains", "CAT").stdout)[1:]] == ["a cat"]
    assert rows(cli("replay", "list", "--since", "1h", "-n", 1).stdout)[1][0] == keys[0]
    shown = cli("replay", "show", keys[0][:12])
    assert shown.stdout == "a dog\n"
    assert "user: a dog" in shown.stderr
    assert json.loads(cli("replay", "show", keys[1][3:12], "--json").stdout)["request"]["seed"] == 1


@pytest.mark.parametrize("key", ["k1:" + "0" * 64, "k1:zz", "x"])
def test_showing_what_is_not_there(cli, key):
    """Exit code 7."""
    record(cli, "a cat")
    result = cli("replay", "show", key)
    assert result.exit_code == 7
    assert "error: " in result.stderr


def test_recordings_move_to_another_home(cli, tmp_path, monkeypatch):
    """Export, import there, replay there with the same bytes; through files and through pipes."""
    record(cli, "a cat", "a dog")
    first = cli("complete", "-m", "echo", "a cat", "--seed", 1)
    assert (
        "exported 1 recording" in cli("replay", "export", tmp_path / "x.antiphon", "--contains", "cat").stderr
    )
    piped = cli("replay", "export", "-").stdout_bytes
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path / "there"))
    assert "imported 1 new" in cli("replay", "import", tmp_path / "x.antiphon").stderr
    again = cli("complete", "-m", "echo", "a cat", "--seed", 1, "--replay", "only")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert "imported 1 new, 1 already here" in cli("replay", "import", "-", stdin=piped).stderr


def test_a_file_that_is_no_export(cli, tmp_path):
    """Exit code 7, and nothing comes in."""
    (tmp_path / "x").write_bytes(b"nonsense")
    assert cli("replay", "import", tmp_path / "x").exit_code == 7
    assert rows(cli("replay", "list").stdout)[1:] == []


def test_verify_finds_what_was_changed(cli, home):
    """All good is 0; a changed row is named, and exit code 7."""
    import sqlite3

    record(cli, "a cat", "a dog")
    good = cli("replay", "verify")
    assert good.exit_code == 0
    assert "2 recordings" in good.stderr
    with sqlite3.connect(home / "replay.sqlite") as db:
        db.execute("UPDATE recordings SET seed = '2' WHERE id = 1")
    db.close()
    bad = cli("replay", "verify")
    assert bad.exit_code == 7
    assert "problem: " in bad.stderr


def test_prune(cli):
    """By age, size and provider; --dry-run keeps everything; nothing said removes nothing."""
    record(cli, "a cat", "a dog")
    assert cli("replay", "prune").exit_code == 2
    assert "removed 0 recordings" in cli("replay", "prune", "--older-than", "1h", "--max-size", "20MB").stderr
    assert "would remove 2 recordings" in cli("replay", "prune", "--provider", "echo", "--dry-run").stderr
    assert len(rows(cli("replay", "list").stdout)) == 3
    assert "removed 2 recordings" in cli("replay", "prune", "--max-size", "0").stderr
    assert len(rows(cli("replay", "list").stdout)) == 1


def test_pins(cli):
    """Pinned recordings are listed with --pinned and kept by prune until they are unpinned; KEY may be cut short."""
    first, second = record(cli, "a cat", "a dog")
    assert "pinned 1 recording" in cli("replay", "pin", first[:12]).stderr
    assert [row["key"] for row in json.loads(cli("replay", "list", "--pinned", "--json").stdout)] == [first]
    assert "removed 1 recordings" in cli("replay", "prune", "--provider", "echo").stderr
    assert cli("replay", "pin", first, second).exit_code == 7
    assert "unpinned 1 recording" in cli("replay", "unpin", first).stderr
    assert "removed 1 recordings" in cli("replay", "prune", "--provider", "echo").stderr
    assert cli("replay", "pin").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [("--older-than", "soon"), ("--older-than", "5"), ("--max-size", "big"), ("--max-size", "1XB")],
)
def test_ages_and_sizes_are_spelled_out(cli, arguments):
    """What is no age or size is refused with examples."""
    result = cli("replay", "prune", *arguments)
    assert result.exit_code == 2
    assert "such as" in result.stderr
