"""Rows, templates and schemas of strangers: what they can have sent away, and what they can use up."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any

import pytest

from antiphon.errors import AntiphonError, RequestError
from antiphon.jobs.plan import Plan, rendered
from antiphon.prepare import schemas
from antiphon.request import Schema
from tests.cli.conftest import cli, home
from tests.peer import serve

__all__ = ["cli", "home"]  # fixtures

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
SECRET = "planted-secret"

# --------------------------------------------------------------------------------- files named by rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of input with a picture, beside a secret, and links that lead out of it."""
    (tmp_path / "secret.txt").write_text(SECRET)
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    (inside / "a.png").write_bytes(PNG)
    (inside / "sub" / "b.png").write_bytes(PNG)
    (inside / "link.png").symlink_to(tmp_path / "secret.txt")
    (inside / "up").symlink_to(tmp_path, target_is_directory=True)
    (inside / "loop.png").symlink_to(inside / "loop.png")
    return inside


OUTSIDE = [
    "/etc/passwd",
    "{root}/secret.txt",
    "../secret.txt",
    "sub/../../secret.txt",
    "sub\\..\\..\\secret.txt",
    "link.png",
    "up/secret.txt",
    "loop.png",
    "~/secret.txt",
    "~root/x",
    "C:\\Users\\x\\secret.txt",
    "C:secret.txt",
    "\\\\evil.example\\share\\a.png",
    "//evil.example/share/a.png",
    "\\\\?\\UNC\\evil.example\\share\\a.png",
    "\\\\.\\pipe\\x",
    "a.png\0/../../secret.txt",
]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("held", [False, True])
def test_a_row_names_no_file_outside(folder: Path, path: str, held: bool) -> None:
    """Whatever the spelling, in a text or in a picture of a data set, a path that leads out is the error of its row."""
    text = path.format(root=folder.parent)
    value: Any = {"bytes": None, "path": text} if held else text
    with pytest.raises(RequestError) as caught:
        Plan(prompt="x", attach=("image",), folder=folder).request({"image": value})
    assert SECRET not in str(caught.value)
    assert "--attach-anywhere" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "FILE://x/a", "ftp://x/a.png", "http://169.254.169.254/", "smb://x/a"]
)
def test_a_row_names_no_other_scheme(folder: Path, url: str) -> None:
    """Addresses are https, and who fetches them has rules of their own; nothing else is opened."""
    with pytest.raises(RequestError, match="https"):
        Plan(prompt="x", attach=("image",), folder=folder).request({"image": url})


def test_what_lies_inside_is_taken(folder: Path) -> None:
    """Paths beside the input and below, and, for those who say so, anywhere."""
    plan = Plan(prompt="x", attach=("image",), folder=folder)
    for path in ("a.png", "sub/b.png", "./sub/b.png"):
        assert plan.request({"image": path})["attachments"][0].data == PNG
    trusting = Plan(prompt="x", attach=("image",), folder=folder / "sub", anywhere=True)
    for path in ("../a.png", str(folder / "a.png")):
        assert trusting.request({"image": path})["attachments"][0].data == PNG


def test_media_come_by_attach_only() -> None:
    """No setting from a column is a way around."""
    with pytest.raises(RequestError, match="attachments"):
        Plan(settings={"attachments": "image"})


def test_a_batch_of_a_stranger(cli: Any, folder: Path) -> None:
    """The whole command: rows that name files elsewhere fail, nothing of those files is sent, and one flag allows it."""
    rows = [{"image": "a.png"}, {"image": "../secret.txt"}, {"image": "/etc/passwd"}]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with serve() as peer:
        at = ("--base-url", peer.url, "-m", "m", "--retries", "0", "-q")
        command = ("batch", folder / "rows.jsonl", "-p", "?", "--attach", "image", *at)
        refused = cli(*command)
        first = [json.dumps(seen.body) for seen in peer.seen]
        cli(*command, "--attach-anywhere")
    assert refused.exit_code == 4
    assert [json.loads(line).get("error", {}).get("type") for line in refused.stdout.splitlines()] == [
        *(None, "RequestError", "RequestError"),
    ]
    assert len(first) == 1
    assert not any(word in first[0] for word in (SECRET, "cGxhbnRlZC1zZWNyZXQ", "root:"))


# ------------------------------------------------------------------- an address and the environment's key


@pytest.mark.parametrize("column", ["base_url", "provider"])
def test_a_row_cannot_carry_a_key_away(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    """A row that sets the address, or another provider beside an address, gets no key of the environment."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MISTRAL_API_KEY"):
        monkeypatch.setenv(name, f"sk-{SECRET}-0123456789")
    with serve() as peer:
        row = {"q": "?", "base_url": peer.url, "provider": "openai"}
        (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
        options = ("--provider", "openai", "--set", "base_url=base_url")
        if column == "provider":
            options = ("--base-url", peer.url, "--set", "provider=provider")
        result = cli("batch", tmp_path / "rows.jsonl", "-p", "{q}", "-m", "m", "--retries", "0", *options)
        assert not any(SECRET in json.dumps([seen.headers, seen.body]) for seen in peer.seen)
    assert SECRET not in result.output


# ------------------------------------------------------------------------------------------- templates


ROW: dict[str, Any] = {
    "text": "{{ 7 * 7 }}{% for i in range(9**9) %}{% endfor %}{{ ''.__class__ }}",
    "n": 3,
    "list": [1, 2],
    "map": {"a": 1},
}


def test_rows_are_no_templates() -> None:
    """What stands in a row is text, however much it looks like a template."""
    for template in ("{text}", "Say {text}", "{{ text }}", "{{ row['text'] }}", "{{ text | trim }}"):
        assert ROW["text"] in rendered(template, ROW, "prompt")


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ (text | attr('__class__')).__mro__ }}",
    "{{ text | attr('format') | attr('__globals__') }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(text) }}",
    "{{ '%s' | format(text.__class__) }}",
    "{{ ('{x.__class__}' | attr('format_map'))({'x': 1}) }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context.environment.overlay }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ url_for.__globals__ }}",
    "{{ config }}",
    "{{ request }}",
    "{{ list.append(3) }}",
    "{{ map.update({'a': 2}) }}",
    "{% set x = row.pop('n') %}{{ x }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% extends '/etc/passwd' %}x",
    "{{ range(9**9) | list }}",
    "{{ [text] | map(attribute='__class__') | list }}",
    "{{ [text] | groupby('__class__') }}",
    "{{ text.encode.__self__.__class__ }}",
    "{{ (text.join | attr('__call__')).__self__ }}",
    "{{ text.mro() }}",
    "{{ lipsum.gi_frame }}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_no_way_out_of_the_sandbox(template: str) -> None:
    """Known ways to Python's own objects end in an error or in nothing; the row stays as it was."""
    before = json.dumps(ROW)
    try:
        shown = rendered(template, ROW, "prompt")
    except RequestError:
        shown = ""
    assert not any(
        word in shown for word in ("<class", "os", "root:", "<built-in", "builtins", "uid=", "<module")
    )
    assert json.dumps(ROW) == before


# --------------------------------------------------------------------------------------------- schemas


def chain(depth: int) -> dict[str, Any]:
    """Definitions that each refer to the next one twice: 2**depth ways through them."""
    names = [f"d{i}" for i in range(depth)]
    both = lambda name: {"allOf": [{"$ref": f"#/$defs/{name}"}] * 2}  # noqa: E731
    pairs = itertools.pairwise(names)
    return {
        "$defs": {**{name: both(after) for name, after in pairs}, names[-1]: {"type": "integer"}},
        **both("d0"),
    }


BOMBS: dict[str, tuple[dict[str, Any], Any]] = {
    "itself": ({"$ref": "#"}, 1),
    "in a circle": ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, 1),
    "twice each time": (chain(40), 1),
    "any of itself": ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, 1),
    "a pattern that backs up": ({"pattern": "^(a+)+$"}, "a" * 5000 + "b"),
    "alternatives that overlap": ({"pattern": "^(a|a|aa)+$"}, "a" * 5000 + "b"),
    "counted repeats": ({"pattern": "^((a{1,100}){1,100}){1,100}$"}, "a" * 5000 + "b"),
    "a look behind many": ({"pattern": "(?=(a+)+b)(?=(a+)+c)x"}, "a" * 5000),
    "all patterns at all names": ({"patternProperties": {f"^(x+)+{i}$": {"type": "string"} for i in range(60)}}, {"x" * 400: 1}),
    "far away": ({"$ref": "https://evil.example/schema.json"}, 1),
    "a file": ({"$ref": "file:///etc/passwd"}, 1),
    "one of everything": ({"uniqueItems": True, "items": {"type": "integer"}}, [[i] for i in range(3000)]),
    "deep": (json.loads('{"not":' * 60 + "{}" + "}" * 60), 1),
    "too deep": (json.loads('{"not":' * 80 + "{}" + "}" * 80), 1),
    "many words": ({"enum": [str(i) for i in range(10_000)]}, "x"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_schema_that_is_a_bomb(name: str) -> None:
    """It is refused, or what it says of an answer comes in seconds; nothing is fetched, nothing overflows."""
    schema, value = BOMBS[name]
    started = time.process_time()
    try:
        check = schemas.checker(Schema(schema))
        assert check is not None
        check(value)
    except AntiphonError:
        pass
    assert time.process_time() - started < 30  # without its bounds each of them takes years
