"""`antiphon batch`: whole runs, killed ones, failing ones, and what is shown."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..peer import Peer, serve

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serve() as running:
        yield running


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def many(tmp_path: Path, count: int) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": i, "word": f"w{i}"}) + "\n" for i in range(count)))
    return path


def at(peer: Peer) -> tuple[str, ...]:
    return ("--base-url", peer.url, "-m", "m", "--retries", "0")


def asked(peer: Peer) -> list[str]:
    return [seen.body["messages"][-1]["content"] for seen in peer.seen]


def test_a_file(cli: Callable[..., Any], peer: Peer, tmp_path: Path):
    """One line for each row, in order, with the kept column; the second run asks nothing and writes the same words."""
    out = tmp_path / "out.jsonl"
    command = ("batch", many(tmp_path, 30), "-p", "Say {word}", "--keep", "id", "-o", out, *at(peer))
    result = cli(*command)
    assert result.exit_code == 0, result.stderr
    first = lines(out)
    assert [line["id"] for line in first] == list(range(30))
    assert [line["text"] for line in first] == [f"answer to Say w{i}" for i in range(30)]
    assert f"wrote {out}" in result.stderr
    again = cli(*command)
    assert "30 replayed" in again.stderr
    assert len(peer.seen) == 30
    assert [line["text"] for line in lines(out)] == [line["text"] for line in first]
    assert not out.with_name("out.jsonl.part").exists()


def test_a_folder_of_pictures(cli: Callable[..., Any], peer: Peer, tmp_path: Path):
    """Each picture of a folder is attached to its own request, and its name is kept."""
    folder = tmp_path / "cats"
    folder.mkdir()
    for name in ("b.png", "a.png"):
        (folder / name).write_bytes(PNG + name.encode())
    peer.text = lambda body: "a cat"
    result = cli("batch", folder, "-p", "Describe this picture.", *at(peer))
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == ["a.png", "b.png"]
    parts = [seen.body["messages"][-1]["content"] for seen in peer.seen]
    assert all([part["type"] for part in content] == ["image_url", "text"] for content in parts)


def test_settings_from_columns(cli: Callable[..., Any], peer: Peer, tmp_path: Path):
    """--set takes a setting of each row from a column."""
    result = cli("batch", many(tmp_path, 3), "-p", "{word}", "--set", "seed=id", *at(peer))
    assert result.exit_code == 0, result.stderr
    assert sorted(seen.body["seed"] for seen in peer.seen) == [0, 1, 2]


def test_failed_rows(cli: Callable[..., Any], peer: Peer, tmp_path: Path):
    """Failures are rows with their error; what failed for good is asked again only with --retry-errors."""
    out = tmp_path / "out.jsonl"
    peer.status, peer.error = 400, {"error": {"message": "no such thing", "code": "bad"}}
    command = ("batch", many(tmp_path, 3), "-p", "{word}", "-o", out, *at(peer))
    result = cli(*command)
    assert result.exit_code == 4
    assert "3 Rejected" in result.stderr
    assert {line["error"]["type"] for line in lines(out)} == {"Rejected"}
    assert cli(*command).exit_code == 4
    assert len(peer.seen) == 3
    peer.status = 200
    assert cli(*command, "--retry-errors").exit_code == 0
    assert len(peer.seen) == 6


def test_failures_that_pass_are_asked_again(cli: Callable[..., Any], peer: Peer, tmp_path: Path):
    """A 503 is asked again by the same command, without any option."""
    out = tmp_path / "out.jsonl"
    command = ("batch", many(tmp_path, 2), "-p", "{word}", "-o", out, *at(peer))
    peer.status = 503
    assert cli(*command).exit_code == 4
    peer.status = 200
    assert cli(*command).exit_code == 0
    assert all("text" in line for line in lines(out))


def test_a_wrong_key_stops_at_once(cli: Callable[..., Any], peer: Peer, tmp_path: Path):
    """A 401 ends the run with its own exit code, after few requests, and says how to go on."""
    peer.status = 401
    result = cli(
        "batch", many(tmp_path, 500), "-p", "{word}", "-o", tmp_path / "o.jsonl", "-c", "2", *at(peer)
    )
    assert result.exit_code == 4
    assert "the same command goes on" in result.stderr
    assert len(peer.seen) <= 4
    assert not (tmp_path / "o.jsonl").exists()


def test_events_tell_all(
    cli: Callable[..., Any], echo_script: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A JSON event holds rate, time left, tokens, cost, estimate and errors by kind."""
    monkeypatch.setattr("antiphon.cli.batch.EVENTS", 0.0)
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"p{i}"}) + "\n" for i in range(4)))
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "cost": 0.25}
    result = cli("batch", path, "-m", "echo", "--json", *echo_script(usage=usage))
    assert result.exit_code == 0, result.stderr
    *before, done = [json.loads(line) for line in result.stderr.splitlines()]
    assert (done["event"], done["cost"], done["cost_unknown"], done["seconds_left"]) == ("done", 1.0, 0, 0.0)
    assert (done["input_tokens"], done["output_tokens"], done["errors"]) == (12, 16, {})
    assert [event["cost_estimate"] for event in before] == [1.0] * len(before)
    assert before
    assert all(event["rows_per_second"] > 0 and event["seconds_left"] >= 0 for event in before)


def test_json_events(cli: Callable[..., Any], peer: Peer, tmp_path: Path):
    """--json tells the end as one object on stderr; stdout holds the rows only."""
    result = cli("batch", many(tmp_path, 3), "-p", "{word}", "--json", *at(peer))
    [done] = [json.loads(line) for line in result.stderr.splitlines()]
    assert (done["event"], done["rows"], done["total"], done["errors"]) == ("done", 3, 3, {})
    assert len(result.stdout.splitlines()) == 3


def test_a_bar_for_people(child: Callable[..., Any], peer: Peer, tmp_path: Path):
    """At a terminal there is a bar that counts, and the last line says what came."""
    run = child(
        "batch", many(tmp_path, 20), "-p", "{word}", "-o", tmp_path / "o.jsonl", *at(peer), terminal="stderr"
    )
    assert run.end() == 0
    assert b"20/20" in run.seen
    assert b"20 of 20 rows" in run.seen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-p", "a", "--prompt-file", "in.jsonl"), "exclude each other"),
        (("--set", "seed"), "SETTING=COLUMN"),
        (("--keep", "text"), "cannot be kept"),
        (("-o", "x.xml"), "cannot tell what to write"),
    ],
)
def test_wrong_arguments(
    cli: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
):
    """Wrong arguments are told before anything is asked."""
    many(tmp_path, 1)
    monkeypatch.chdir(tmp_path)
    result = cli("batch", "in.jsonl", "-m", "echo", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_full_disk(peer: Peer, tmp_path: Path):
    """An output that can no longer be written ends the run with a typed error; the answers stay recorded."""
    command = [sys.executable, "-m", "antiphon.cli", "batch", str(many(tmp_path, 60)), "-p", "{word} " + "x" * 2000,
               "-o", str(tmp_path / "o.jsonl"), "-c", "4", *at(peer)]  # fmt: skip
    list(map(str, command))
    limit = 30_000

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    # The store is on the same limited disk, so it is filled before.
    peer.text = lambda _: "y" * 2000
    subprocess.run([*command[:-2], "--retries", "0", "-q"], check=True)
    (tmp_path / "o.jsonl").unlink()
    done = subprocess.run(command, preexec_fn=small_files, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "the output cannot be written" in done.stderr
    assert not (tmp_path / "o.jsonl").exists()


def test_killed_at_random_moments(peer: Peer, tmp_path: Path):
    """kill -9 five times in one job: the output is whole, in order, and nothing reported was asked twice."""
    peer.delay = 0.01
    out = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "antiphon.cli", "batch", str(many(tmp_path, 300)), "-p", "Say {word}",
               "-o", str(out), "-c", "8", "-q", *at(peer)]  # fmt: skip
    for share in (40, 90, 150, 200, 260):
        with subprocess.Popen(command) as child:
            while len(peer.seen) < share and child.poll() is None:
                time.sleep(0.002)
            os.kill(child.pid, signal.SIGKILL)
        assert not out.exists()
    subprocess.run(command, check=True)
    assert [line["text"] for line in lines(out)] == [f"answer to Say w{i}" for i in range(300)]
    counts = Counter(asked(peer))
    assert len(counts) == 300
    assert sum(counts.values()) - 300 <= 5 * 8


def test_fast_rows(cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`batch --fast` says what it does and puts it into each row; who has no such way is refused."""
    monkeypatch.setenv("ANTIPHON_LOCAL_SLOTS", "2")
    monkeypatch.setenv("ANTIPHON_LOCAL_CONTEXT", "256")
    local = pytest.importorskip("antiphon.local")
    pytest.importorskip("xllamacpp")
    path = tmp_path / "in.txt"
    path.write_text("Say yes.\nSay no.\n")
    refused = cli("batch", path, "-m", "echo", "--fast")
    assert "echo has no fast way" in refused.stderr
    assert refused.exit_code == 2
    try:
        done = cli("batch", path, "-m", "local", "--max-tokens", 4, "--fast")
    finally:
        local.unload()
    assert done.exit_code == 0, done.stderr
    assert "fast: rows are computed together" in done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(row["notes"][-1].startswith("fast:") for row in rows)


PAGE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "caption-ten-thousand.md"


def test_the_page_about_ten_thousand_images(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its commands run in order as they stand, with a model that echoes: tried, done, and gone on with nothing asked again."""
    commands = re.findall(r"^\$ antiphon (batch .*)$", PAGE.read_text(), re.MULTILINE)
    assert len(commands) == 4
    monkeypatch.setenv("ANTIPHON_MODEL", "echo")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cats"
    folder.mkdir()
    for number in range(25):
        (folder / f"{number:02}.png").write_bytes(PNG + bytes([number]))
    told = [cli(*shlex.split(command)) for command in commands]
    assert [result.exit_code for result in told] == [0] * 4, told[0].stderr
    rows = lines(tmp_path / "captions.jsonl")
    assert [row["file"] for row in rows] == [f"{number:02}.png" for number in range(25)]
    replayed = [re.search(r"(\d+) replayed", result.stderr) for result in told]
    assert [found and found[1] for found in replayed] == [None, "20", "25", "25"]


def run_limited(command: list[str], most: int) -> subprocess.CompletedProcess[str]:
    """Run it where no file can grow beyond `most` bytes: to a process that is what a full disk is."""

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return subprocess.run(command, preexec_fn=small_files, capture_output=True, text=True, timeout=300)


def test_a_full_disk_under_the_store(peer: Peer, tmp_path: Path):
    """When the store can take no more, nothing more is asked; with room again, at most what was in flight is asked twice."""
    out = tmp_path / "o.jsonl"
    command = [sys.executable, "-m", "antiphon.cli", "batch", str(many(tmp_path, 200)), "-p", "{word}",
               "-o", str(out), "-c", "4", "-q", *at(peer)]  # fmt: skip
    stopped = run_limited(command, 200_000)
    assert stopped.returncode == 7, stopped.stderr
    assert "can no longer be recorded" in stopped.stderr
    before = len(peer.seen)
    assert before < 200
    assert not out.exists()
    assert subprocess.run(command, timeout=300).returncode == 0
    assert [line["text"] for line in lines(out)] == [f"answer to w{i}" for i in range(200)]
    assert len(peer.seen) - 200 <= 4 * 2  # in flight, and answered while the store was found to be full


def test_an_output_that_cannot_be_made(cli: Callable[..., Any], peer: Peer, tmp_path: Path):
    """A place that cannot be written to is told before anything is asked."""
    (tmp_path / "o.jsonl.part").mkdir()
    result = cli("batch", many(tmp_path, 3), "-p", "{word}", "-o", tmp_path / "o.jsonl", *at(peer))
    assert result.exit_code == 2
    assert "cannot be made" in result.stderr
    assert peer.seen == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may write anywhere")
def test_a_folder_that_is_read_only(cli: Callable[..., Any], peer: Peer, tmp_path: Path):
    """A folder that this user may not write to is told before anything is asked."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    result = cli("batch", many(tmp_path, 3), "-p", "{word}", "-o", folder / "o.jsonl", *at(peer))
    assert result.exit_code == 2
    assert "cannot be made" in result.stderr
    assert peer.seen == []


def test_the_folder_is_removed_while_it_runs(peer: Peer, tmp_path: Path):
    """Without its folder the output is a typed error at the end, and the same command asks nothing again."""
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-m", "antiphon.cli", "batch", str(many(tmp_path, 40)), "-p", "{word}",
               "-o", str(folder / "o.jsonl"), "-c", "2", "-q", *at(peer)]  # fmt: skip
    peer.delay = 0.02
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        while len(peer.seen) < 10:
            assert child.poll() is None
        shutil.rmtree(folder)
        assert "the output cannot be written" in child.communicate(timeout=300)[1]
    assert child.returncode == 2
    folder.mkdir()
    assert subprocess.run(command, timeout=300).returncode == 0
    assert len(lines(folder / "o.jsonl")) == len(peer.seen) == 40


def test_an_error_for_good_outlives_a_kill(peer: Peer, tmp_path: Path):
    """What failed for good before a kill is not asked again, also when a run after it was killed as it began."""
    out = tmp_path / "o.jsonl"
    command = [sys.executable, "-m", "antiphon.cli", "batch", str(many(tmp_path, 60)), "-p", "{word}",
               "-o", str(out), "-c", "1", "-q", *at(peer)]  # fmt: skip
    peer.status, peer.error = 400, {"error": {"message": "no such thing", "code": "bad"}}
    with subprocess.Popen(command) as child:
        while len(peer.seen) < 20:
            assert child.poll() is None
        os.kill(child.pid, signal.SIGKILL)
    (tmp_path / "o.jsonl.part").write_bytes(b"")  # what a run that is killed as it begins leaves
    assert subprocess.run(command, timeout=300).returncode == 4
    counts = Counter(asked(peer))
    assert len(counts) == 60
    assert sum(counts.values()) <= 60 + 10  # at most those that waited for an earlier row
    assert [file.name for file in tmp_path.glob("o.jsonl*")] == ["o.jsonl"]
    assert subprocess.run(command, timeout=300).returncode == 4
    assert Counter(asked(peer)) == counts
