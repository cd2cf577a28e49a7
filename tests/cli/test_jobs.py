"""`antiphon batch --via provider` and `antiphon jobs`: a job left at work, looked at, cancelled, fetched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.credentials import Credentials

from ..jobs.batch_servers import Provider, serve


@pytest.fixture
def provider(home: Path) -> Iterator[Provider]:
    with serve("openai") as running:
        Credentials(home).set("openai", "secret-key-1234", hosts=[running.url])
        yield running


def command(provider: Provider, tmp_path: Path) -> tuple[object, ...]:
    (tmp_path / "in.jsonl").write_text('{"word": "a"}\n{"word": "b"}\n')
    return (
        *("batch", tmp_path / "in.jsonl", "-p", "Say {word}", "-o", tmp_path / "out.jsonl"),
        *(
            "--provider",
            "openai",
            "-m",
            "m",
            "--base-url",
            f"{provider.url}/v1",
            "--via",
            "provider",
            "--poll",
            "0.02",
        ),
    )


def left(child: Callable[..., Any], provider: Provider, tmp_path: Path) -> str:
    """A job at work: the command that sent it is interrupted; what it said."""
    provider.looks = 10**6
    run = child(*command(provider, tmp_path), terminal="stderr")
    run.until("in_progress")
    run.interrupt()
    assert run.end() == 130
    return run.seen.decode()


def test_the_whole_way(cli: Callable[..., Any], provider: Provider, tmp_path: Path):
    """The command tells of its job, waits, and writes the rows; --json keeps stderr to its events."""
    result = cli(*command(provider, tmp_path))
    assert result.exit_code == 0, result.stderr
    assert "sent antiphon-" in result.stderr
    assert "completed, 2 of 2 done" in result.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == ["answer to Say a", "answer to Say b"]
    again = cli(*command(provider, tmp_path), "--json")
    [done] = [json.loads(line) for line in again.stderr.splitlines()]
    assert (done["event"], done["replayed"]) == ("done", 2)
    assert len(provider.jobs) == 1


def test_ctrl_c_leaves_the_job_at_work(
    cli: Callable[..., Any], child: Callable[..., Any], provider: Provider, tmp_path: Path
):
    """After Ctrl-C the job goes on, the command says so, and the same command takes in what it answered."""
    said = left(child, provider, tmp_path)
    assert "jobs go on" in said
    [listed] = json.loads(cli("jobs", "list", "--json").stdout)
    assert (listed["id"], listed["state"], listed["word"], listed["total"]) == (
        *("batch_1", "submitted", "in_progress", 2),
    )
    assert "batch_1" in cli("jobs", "list").stdout
    provider.looks = 1
    assert cli(*command(provider, tmp_path)).exit_code == 0
    assert provider.steps.count("create") == 1


def test_cancel(cli: Callable[..., Any], child: Callable[..., Any], provider: Provider, tmp_path: Path):
    """A job that is cancelled keeps what it answered; the same command then asks for the rest in a new one."""
    left(child, provider, tmp_path)
    provider.fate = lambda body: "yes" if "Say a" in str(body) else None
    result = cli("jobs", "cancel", "batch_1")
    assert result.exit_code == 0, result.stderr
    assert "cancelled" in result.stderr
    assert cli(*command(provider, tmp_path)).exit_code == 4
    provider.looks, provider.fate = 1, lambda body: "later"
    assert cli(*command(provider, tmp_path)).exit_code == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == ["yes", "later"]
    assert cli("jobs", "cancel", "batch_1").exit_code == 2


def test_fetch_and_show(
    cli: Callable[..., Any], child: Callable[..., Any], provider: Provider, tmp_path: Path
):
    """Results can be brought here before the provider forgets them; the batch then asks it nothing more."""
    left(child, provider, tmp_path)
    early = cli("jobs", "fetch", "batch_1")
    assert early.exit_code == 2
    assert "still at work" in early.stderr
    provider.looks = 1
    assert "completed" in cli("jobs", "show", "batch_1").stdout
    assert json.loads(cli("jobs", "show", "batch_1", "--json").stdout)["word"] == "completed"
    assert cli("jobs", "fetch", "batch_1").exit_code == 0
    assert cli("jobs", "fetch", "batch_1").exit_code == 0
    before = len(provider.steps)
    assert cli(*command(provider, tmp_path)).exit_code == 0
    assert len(provider.steps) == before


def test_unknown_jobs(cli: Callable[..., Any]):
    """A name that is no job's is a typed error; without any job the list is empty."""
    assert cli("jobs", "list", "--json").stdout.strip() == "[]"
    result = cli("jobs", "show", "nothing")
    assert result.exit_code == 2
    assert "there is no job" in result.stderr
