"""`antiphon workflow`: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..workflows.files import KEY, api_graph, page_graph, picture, saved


def test_check_tells_and_ends_with_8(cli, tmp_path: Path):
    """A key found is exit code 8; nothing of it is in any output, and nothing is written."""
    path = saved(tmp_path, "p.png", picture())
    result = cli("workflow", "check", path)
    assert result.exit_code == 8
    lines = result.stdout.splitlines()
    assert lines[0].split("\t") == ["file", "part", "node", "type", "found", "done"]
    assert "p.png\tworkflow\t1\tAV_OpenAIApi\tsecret: openai_api_key: a key typed in\t" in lines
    assert "planted" not in result.output
    assert [it.name for it in tmp_path.iterdir() if it.is_file()] == ["p.png"]


def test_check_of_a_clean_file(cli, tmp_path: Path):
    """No key: exit code 0."""
    assert cli("workflow", "check", saved(tmp_path, "p.json", page_graph(""))).exit_code == 0


def test_check_as_json(cli, tmp_path: Path):
    """An array of reports, one for each file, errors among them; a file that cannot be read is exit code 2."""
    good, bad = saved(tmp_path, "p.json", api_graph()), saved(tmp_path, "bad.png", picture()[:99])
    result = cli("workflow", "check", bad, good, "--json")
    assert result.exit_code == 2
    first, second = json.loads(result.stdout)
    assert first["error"]["type"] == "RequestError"
    assert (second["file"], second["secrets"], second["written"]) == (str(good), 1, None)
    assert {row["kind"] for row in second["found"]} == {"secret", "node", "model"}  # a model of it is gone
    assert "planted" not in result.output


def test_convert_writes_beside_or_into_a_folder(cli, tmp_path: Path):
    """By default NAME.clean.EXT; with -o the same name elsewhere, the folder made; the original stays."""
    path = saved(tmp_path, "p.png", picture())
    result = cli("workflow", "convert", path, "--credential", "mine")
    assert result.exit_code == 0
    copy = (tmp_path / "p.clean.png").read_bytes()
    assert KEY.encode() not in copy
    assert b"credential:mine" in copy
    assert "replaced by credential:mine" in result.stdout
    assert "planted" not in result.output
    assert cli("workflow", "convert", path, "-o", tmp_path / "a" / "b").exit_code == 0
    assert (tmp_path / "a" / "b" / "p.png").exists()
    assert path.read_bytes() == picture()


def test_convert_does_not_write_over(cli, tmp_path: Path):
    """A copy that exists is an error unless --force; the folder of the file itself is one even then."""
    path = saved(tmp_path, "p.json", api_graph())
    assert cli("workflow", "convert", path).exit_code == 0
    assert cli("workflow", "convert", path).exit_code == 2
    assert cli("workflow", "convert", path, "--force").exit_code == 0
    again = cli("workflow", "convert", path, "-o", tmp_path, "--force")
    assert again.exit_code == 2
    assert "the file itself" in again.stderr


def test_convert_as_json(cli, tmp_path: Path):
    """What was done, and where the copy is."""
    path = saved(tmp_path, "p.json", api_graph())
    [report] = json.loads(
        cli("workflow", "convert", path, "--json", "--credential", "AV_OpenAIApi=mine").stdout
    )
    assert report["written"] == str(tmp_path / "p.clean.json")
    assert {"kind": "secret", "where": "file", "node": "1", "type": "AV_OpenAIApi"}.items() <= report[
        "found"
    ][0].items()
    assert report["found"][0]["done"] == "replaced by credential:mine"


@pytest.mark.parametrize("given", ["AV_LLMChat=mine", "X=mine", "AV_OpenAIApi=", ""])
def test_a_credential_for_no_such_node(cli, tmp_path: Path, given: str):
    """A type without a key, or no name, is exit code 2 before anything is written."""
    path = saved(tmp_path, "p.json", api_graph())
    assert cli("workflow", "convert", path, "--credential", given).exit_code == 2
    assert not (tmp_path / "p.clean.json").exists()
