"""Batches through the providers' own batch APIs: sent once whatever happens, answered as if asked alone."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, budget, spending
from antiphon.credentials import Credentials
from antiphon.errors import ReplayError, ReplyError, RequestError, ServerFailed, TransportError
from antiphon.jobs import remote, sinks
from antiphon.jobs.journal import Journal
from antiphon.jobs.plan import Plan
from antiphon.jobs.run import Job
from antiphon.jobs.sources import opened
from antiphon.jobs.via import Via
from antiphon.replay.postgres import PostgresStore
from antiphon.replay.server import Server
from antiphon.request import Timeout

from ..postgres_server import PostgresServer
from .batch_servers import BASES, KINDS, Provider, Work, environment, said, serve

KEY = "secret-key-1234"


@dataclass
class Desk:
    """One home folder and one provider, and ways to run a batch between them."""

    home: Path
    provider: Provider
    told: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    now: float | None = None
    asleep: Callable[[], object] = lambda: None

    @property
    def at(self) -> dict[str, Any]:
        kind = self.provider.kind
        return {"provider": kind, "base_url": self.provider.url + BASES[kind], "model": "m", "api_key": KEY}

    def rows(self, *words: str) -> Path:
        path = self.home.parent / "in.jsonl"
        path.write_text("".join(json.dumps({"word": word}) + "\n" for word in words))
        return path

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.asleep()
        assert len(self.pauses) < 200, f"no end in sight: {self.told}"

    def clock(self) -> float:
        import time

        return time.time() if self.now is None else self.now

    def run(self, *words: str, **settings: Any) -> list[dict[str, Any]]:
        """The records of a batch over these words, through the batch API."""
        retry = settings.pop("retry_errors", False)
        client = Client(self.home, store=settings.pop("store", None))
        journal = Journal(self.home, clock=self.clock)
        source = opened(self.rows(*words))
        job = Job(source=source, plan=Plan(prompt="Say {word}"), settings={**self.at, **settings})
        via = Via(client, job, journal, poll=(5.0, 120.0), retry_errors=retry, told=self.told.append)
        via.sleep = self.sleep
        out = self.home.parent / "out.jsonl"
        sink = sinks.sink(out, ())
        try:
            via.answered().run(client, sink)
        finally:
            sink.close()
            client.close()
            journal.close()
        return [json.loads(line) for line in out.read_text().splitlines()]

    def plainly(self, *words: str) -> list[Any]:
        """The rows of the same batch without --via, which may ask nobody."""
        client = Client(self.home)
        prompts = [f"Say {word}" for word in words]
        rows = list(client.batch(prompts, **self.at, replay="only"))
        client.close()
        return rows

    def left(self) -> list[Any]:
        """What the journal still holds."""
        journal = Journal(self.home)
        found = journal._rows("SELECT key, error FROM lines")
        journal.close()
        return found


@pytest.fixture(params=list(KINDS))
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with serve(request.param) as provider:
        for variable, value in environment(provider.url).items():
            monkeypatch.setenv(variable, value)
        yield Desk(tmp_path / "home", provider)


@pytest.fixture
def openai_desk(tmp_path: Path) -> Iterator[Desk]:
    with serve("openai") as provider:
        yield Desk(tmp_path / "home", provider)


def texts(records: list[dict[str, Any]]) -> list[Any]:
    return [record.get("text") for record in records]


# --------------------------------------------------------------------------------------------- answers


def test_all_come_and_are_recorded_as_if_asked_alone(desk: Desk):
    """One job answers all rows in order; the same batch without --via then replays every one, with nobody asked."""
    desk.provider.looks = 3
    records = desk.run("a", "b", "c")
    assert texts(records) == ["answer to Say a", "answer to Say b", "answer to Say c"]
    assert len(desk.provider.jobs) == 1
    before = list(desk.provider.steps)
    rows = desk.plainly("a", "b", "c")
    assert [row.completion.text for row in rows] == texts(records)
    assert all(row.completion.replayed and row.completion.usage.input_tokens == 3 for row in rows)
    assert desk.provider.steps == before
    assert desk.provider.keys == {KEY}
    assert desk.left() == []
    assert desk.pauses == [5.0, 7.5]


def test_a_store_on_a_server(
    openai_desk: Desk, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
):
    """The answers are recorded there, and no loop ever waits for it: neither Antiphon's own nor another one."""
    calls: list[str] = []

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **how: Any) -> Any:
            with pytest.raises(RuntimeError):  # there is none in this thread
                asyncio.get_running_loop()
            calls.append(name)
            return real(*args, **how)

        return call

    for name in ("row", "snapshot", "writing", "write"):
        monkeypatch.setattr(Server, name, watched(name, getattr(Server, name)))
    url = postgres_server.made()
    assert texts(openai_desk.run("a", "b", store=url)) == ["answer to Say a", "answer to Say b"]
    assert {"row", "write"} <= {*calls}
    with PostgresStore(url) as store:
        assert store.count() == 2
    steps = list(openai_desk.provider.steps)
    assert texts(openai_desk.run("b", "a", store=url)) == ["answer to Say b", "answer to Say a"]
    assert openai_desk.provider.steps == steps


def test_the_body_is_the_one_of_a_normal_request(desk: Desk):
    """What goes out in a job, the folded seed included, is what goes out alone; and it is recorded as sent."""
    desk.run("a", seed=2**40 + 5)
    [body] = desk.provider.jobs[0].requests.values()
    client = Client(desk.home)
    asked = client.asked("Say a", {**desk.at, "seed": 2**40 + 5})
    assert body == asked.way.dialect.encode(asked.request, asked.way.quirks, stream=False)
    details = client.store.show(asked.key or "")
    client.close()
    assert details is not None
    assert details.sent is not None
    assert json.loads(details.sent) == body
    if desk.provider.kind in ("openai", "gemini"):
        assert '"seed": 5' in json.dumps(body)


def test_what_is_recorded_is_not_sent_and_duplicates_are_one(desk: Desk):
    """Rows that are in the store are left out, and equal rows are one request of a job."""
    desk.run("a")
    records = desk.run("a", "b", "b", "a", "b")
    assert texts(records) == [f"answer to Say {word}" for word in "abbab"]
    assert sorted(desk.provider.asked) == ["Say a", "Say b"]


def test_other_models_and_addresses_are_other_jobs(openai_desk: Desk):
    """Requests to one model share a job; each model that needs one has its own."""
    desk = openai_desk
    desk.run("a", dialect="openai_responses")
    desk.run("a", "b")
    assert [(job.path, len(job.requests)) for job in desk.provider.jobs] == [
        ("/v1/responses", 1),
        ("/v1/chat/completions", 2),
    ]


def test_a_large_batch_is_cut_into_jobs(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """No job holds more requests or bytes than the provider takes; a request that fits in none is a failed row."""
    client = Client(desk.home)
    jobs = remote.jobs_of(client.account({"provider": desk.provider.kind}))
    client.close()
    monkeypatch.setattr(jobs, "most", 3)
    assert None not in texts(desk.run(*(f"w{i}" for i in range(8))))
    assert [len(job.requests) for job in desk.provider.jobs] == [3, 3, 2]
    monkeypatch.setattr(jobs, "size", 700)
    records = desk.run("x" * 800, *("y" * 100 + str(i) for i in range(4)))
    assert records[0]["error"]["type"] == "RequestError"
    assert "one job takes 700" in records[0]["error"]["message"]
    assert None not in texts(records[1:])
    assert len(desk.provider.jobs) > 4


# --------------------------------------------------------------------------------------------- failures


def test_failed_rows_have_their_errors(desk: Desk):
    """Each row that fails has the typed error it would have alone; the others have their answers."""

    def fate(body: Any) -> Any:
        word = said(body)[-1]
        status = {"b": 400, "c": 429, "d": 500}.get(word)
        return f"answer to {word}" if status is None else (status, {"error": {"message": f"no {word}"}})

    desk.provider.fate = fate
    records = desk.run("a", "b", "c", "d")
    assert [record.get("error", {}).get("type") for record in records] == [
        *(None, "Rejected", "RateLimited", "ServerFailed")
    ]
    assert "no b" in records[1]["error"]["message"]
    assert records[1]["error"]["provider"] == desk.provider.kind
    desk.provider.fate = lambda body: "now"
    again = desk.run("a", "b", "c", "d")
    assert [record.get("text") for record in again] == ["answer to a", None, "now", "now"]
    assert texts(desk.run("b", retry_errors=True)) == ["now"]
    assert desk.left() == []


@pytest.mark.parametrize("word", ["expired", "cancelled"])
def test_rows_that_a_job_did_not_come_to_are_asked_again(desk: Desk, word: str):
    """A job that expires or is cancelled keeps what it answered; its other rows may be asked again, and are."""
    desk.provider.end = word
    desk.provider.fate = lambda body: "yes" if said(body).endswith("a") else None
    records = desk.run("a", "b")
    assert records[0]["text"] == "yes"
    assert records[1]["error"]["type"] == "TransportError"
    assert records[1]["error"]["again"] is True
    desk.provider.end, desk.provider.fate = "ended", lambda body: "later"
    assert texts(desk.run("a", "b")) == ["yes", "later"]
    assert desk.provider.asked == ["Say a", "Say b", "Say b"]


@pytest.mark.parametrize("kind", ["openai", "gemini"])
def test_a_job_that_is_refused_as_a_whole(kind: str, tmp_path: Path):
    """Where the provider refuses the job, each of its rows says why."""
    with serve(kind) as provider:
        desk = Desk(tmp_path / "home", provider)
        provider.end = "failed"
        records = desk.run("a", "b")
    assert {record["error"]["type"] for record in records} == {"Rejected"}
    assert all("refused the job" in record["error"]["message"] for record in records)


def test_a_state_that_nobody_knows_is_waited_out(desk: Desk):
    """A word for a job's state that is not known here means that it is still at work; it is told."""
    seen = iter(["hibernating", "HIBERNATING", "ended"])
    word = "HIBERNATING" if desk.provider.kind == "gemini" else "hibernating"

    def asleep() -> None:
        desk.provider.jobs[0].word = "ended" if next(seen) == "ended" else word

    desk.provider.looks, desk.asleep = 99, asleep
    assert texts(desk.run("a")) == ["answer to Say a"]
    assert any("hibernating" in line.lower() for line in desk.told)


def test_a_network_that_is_down_for_a_while(desk: Desk):
    """A poll that fails in a way that may pass is told and done again; one that fails for good ends the wait."""
    desk.provider.broken["look"] = 503
    assert texts(desk.run("a", retries=0)) == ["answer to Say a"]
    assert any("looking again" in line for line in desk.told)
    desk.provider.broken["look"] = 400
    with pytest.raises(ReplyError):
        desk.run("b", retries=0)
    assert texts(desk.run("b")) == ["answer to Say b"]
    assert desk.provider.asked == ["Say a", "Say b"]


def lined(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_hostile_result_file(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of a file with lines twice, strange ids, broken JSON and lines without end, each request's first line counts.

    What is missing then is a failed row that says so, and is not asked again by itself: it may have been paid for.
    """
    from antiphon.dialects import _jobs

    monkeypatch.setattr(_jobs, "LONGEST_LINE", 100_000)

    def spoil(data: bytes) -> bytes:
        rows = [json.loads(line) for line in data.splitlines()]
        wrong = json.loads(json.dumps(rows[0]).replace("answer to", "forged"))
        strange = {**rows[0], "custom_id": "f" * 64}
        odd = [[], 7, None, {}, {"custom_id": 5}, {"custom_id": "x"}, {"custom_id": ["y"], "result": 1}]
        deep = b"[" * 50_000 + b"\n"
        return b"\n\n{\"custom_id\n\xff\xfe\n" + deep + lined(odd) + lined([strange, rows[0], wrong]) + b"z" * 300_000 + b"\n" + b'{"cut":'  # fmt: skip

    with serve(kind) as provider:
        desk = Desk(tmp_path / "home", provider)
        provider.spoil = spoil
        records = desk.run("a", "b")
        assert records[1]["text"] == "answer to Say b"  # files are in reverse order
        assert records[0]["error"]["type"] == "Unreadable"
        assert "cannot be read" in records[0]["error"]["message"]
        provider.spoil = lambda data: data
        assert desk.run("a", "b")[0].get("error")
        assert provider.asked == ["Say a", "Say b"]
        assert texts(desk.run("a", "b", retry_errors=True)) == ["answer to Say a", "answer to Say b"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b'{"name": 5}', b'{"name": "batches/../../x y"}', b"\xff" * 99]
)
def test_a_hostile_document(body: bytes, tmp_path: Path):
    """A job whose description makes no sense ends the wait with a typed error, and is not sent again after it."""
    with serve("gemini") as provider:
        desk = Desk(tmp_path / "home", provider)
        provider.spoil = lambda _: body
        with pytest.raises(ReplyError):
            desk.run("a")
        provider.spoil = lambda data: data
        assert texts(desk.run("a")) == ["answer to Say a"]
        assert len(provider.jobs) == 1


def test_results_without_end(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """A result file beyond any size is cut off with a typed error; nothing of it is kept."""
    monkeypatch.setattr(remote, "SPOOL", 100)
    # A transport error may pass, so the wait would go on: stop it at the first pause.
    desk.asleep = lambda: (_ for _ in ()).throw(TransportError(desk.told[-1]))
    with pytest.raises(TransportError, match="more than 100 bytes"):
        desk.run("a")
    assert [error for _, error in desk.left()] == [None]


def test_a_key_that_the_results_repeat_is_not_kept(desk: Desk):
    """Where answers repeat the key, it is in no recording and in no file of the home folder."""
    desk.provider.fate = lambda body: f"your key is {KEY}"
    assert texts(desk.run("a")) == ["your key is ***"]
    found = [
        path.name for path in desk.home.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()
    ]
    assert found == []


def test_json_in_words_is_repaired_in_a_second_job(tmp_path: Path):
    """An answer that is not the JSON that was asked for gets its second round in a job of its own."""

    def fate(body: Any) -> str:
        return '{"n": 7}' if "That is not the JSON" in json.dumps(body) else "seven"

    with serve("anthropic") as provider:
        desk = Desk(tmp_path / "home", provider)
        provider.fate = fate
        records = desk.run("a", "b", response_format="json")  # it takes no JSON without a schema
        assert [record["parsed"] for record in records] == [{"n": 7}] * 2
        assert [len(job.requests) for job in provider.jobs] == [2, 2]
        assert texts(desk.run("a", response_format="json")) == ['{"n": 7}']
        assert len(provider.jobs) == 2


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"replay": "refresh"}, "replay"),
        ({"seed": None}, "seed"),
        ({"provider": "echo", "base_url": None, "api_key": None}, "via"),
    ],
)
def test_what_cannot_be_done_this_way_is_refused(openai_desk: Desk, settings: dict[str, Any], field: str):
    """Without a seed, with another replay mode, or where there is no batch API, nothing is sent and the error says why."""
    with pytest.raises(RequestError) as caught:
        openai_desk.run("a", **settings)
    assert caught.value.field == field
    assert openai_desk.provider.steps == []


def test_a_budget_is_not_passed_by(openai_desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """What a job costs is not known before, so with a budget nothing is sent."""
    monkeypatch.setattr(spending, "_everywhere", None)  # put back behind the test
    budget(5.0)
    with pytest.raises(RequestError, match="budget"):
        openai_desk.run("a", base_url=None)
    assert openai_desk.provider.steps == []


def test_rows_that_cannot_be_asked_are_failed_rows(openai_desk: Desk):
    """A setting that the provider refuses fails its row before anything is sent for it."""
    records = openai_desk.run("a", top_k=5)
    assert records[0]["error"]["type"] == "RequestError"
    assert records[0]["error"]["field"] == "top_k"
    assert openai_desk.provider.steps == []


# ---------------------------------------------------------------------------------- sent once, whatever happens


def test_a_reply_that_never_came(desk: Desk):
    """Where the connection breaks after the job was sent, the next run finds it at the provider: it is not sent twice."""
    desk.provider.jobs.append(Work("older", "someone's", {"x": {}, "y": {}}, made=1.0))
    desk.provider.lost.add("create")
    with pytest.raises(TransportError) as caught:
        desk.run("a", "b")
    assert "looks for it" in caught.value.hint
    assert texts(desk.run("a", "b")) == ["answer to Say a", "answer to Say b"]
    assert desk.provider.steps.count("create") == 1
    assert any(line.startswith("found antiphon-") for line in desk.told)


def test_a_dead_connection_of_the_pool_is_not_used_twice(desk: Desk):
    """A job that was cut off on a connection from the pool is not sent again at once, as a completion would be."""
    desk.run("a")
    desk.provider.lost.add("create")
    client, journal = Client(desk.home), Journal(desk.home)
    path = desk.rows("b", "c")
    job = Job(source=opened(path), plan=Plan(prompt="Say {word}"), settings=desk.at)
    via = Via(client, job, journal)
    asked = client.account(desk.at)
    remote.run(client.road.about(asked, remote.jobs_of(asked).listing({})))  # leaves a connection in the pool
    with pytest.raises(TransportError):
        via.answered()
    client.close()
    journal.close()
    assert desk.provider.steps.count("create") == 2


def test_a_server_that_fails_at_the_door(desk: Desk):
    """After a 500 to the job nobody knows whether it arrived: it is looked for until a listing would have it, then sent."""
    desk.provider.broken["create"] = 500
    with pytest.raises(ServerFailed):
        desk.run("a")
    desk.now = desk.clock()
    desk.asleep = lambda: setattr(desk, "now", (desk.now or 0.0) + 25.0)
    assert texts(desk.run("a")) == ["answer to Say a"]
    assert desk.provider.steps.count("listing") == (1 if desk.provider.kind == "bedrock" else 4)
    assert len(desk.provider.jobs) == 1


@pytest.mark.parametrize("status", [400, 401, 429])
def test_a_job_that_is_turned_away(desk: Desk, status: int):
    """After a clear no there is no job to look for: the error is raised, and the next run sends at once."""
    desk.provider.broken["create"] = status
    with pytest.raises(ReplyError):
        desk.run("a")
    assert desk.left() == []
    assert texts(desk.run("a")) == ["answer to Say a"]
    assert "listing" not in desk.provider.steps


def test_somebody_elses_job_of_the_same_size(tmp_path: Path):
    """Where jobs have no names, one of the same size and time may be taken for ours; its results tell, and ours is found."""
    with serve("anthropic") as provider:
        desk = Desk(tmp_path / "home", provider)
        desk.now = desk.clock()
        provider.jobs.append(
            Work("msgbatch_x", "", {"q": {"messages": [{"content": "not ours"}]}}, "/messages", desk.now - 5)
        )
        provider.lost.add("create")
        with pytest.raises(TransportError):
            desk.run("a")
        assert texts(desk.run("a")) == ["answer to Say a"]
        assert provider.steps.count("create") == 1
        assert sum(line.startswith("found") for line in desk.told) == 2


def test_somebody_elses_job_and_none_of_ours(tmp_path: Path):
    """Where the only job of that size is somebody else's, ours was never sent, and is sent then."""
    with serve("anthropic") as provider:
        desk = Desk(tmp_path / "home", provider)
        desk.now = desk.clock()
        provider.jobs.append(
            Work("msgbatch_x", "", {"q": {"messages": [{"content": "not ours"}]}}, "/messages", desk.now - 5)
        )
        provider.broken["create"] = 500
        with pytest.raises(ServerFailed):
            desk.run("a")
        desk.asleep = lambda: setattr(desk, "now", (desk.now or 0.0) + 25.0)
        assert texts(desk.run("a")) == ["answer to Say a"]
        assert len(provider.jobs) == 2


def test_two_runs_at_once(desk: Desk):
    """Two runs of the same batch at the same time send each request once, and both have all answers."""
    desk.provider.looks = 3
    done: list[Any] = []
    words = [f"w{i}" for i in range(40)]
    path = desk.rows(*words)

    def one() -> None:
        client, journal = Client(desk.home), Journal(desk.home)
        job = Job(source=opened(path), plan=Plan(prompt="Say {word}"), settings=desk.at)
        via = Via(client, job, journal, poll=(0.01, 0.05))
        via.answered()
        rows = [client.complete(f"Say {word}", **desk.at, seed=0, replay="only").text for word in words]
        done.append(rows)
        journal.close()
        client.close()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert done == [[f"answer to Say {word}" for word in words]] * 2
    assert sorted(desk.provider.asked) == sorted(f"Say {word}" for word in words)


@pytest.mark.parametrize("words", [("a",), ("a", "b")], ids=["all of it", "a part"])
def test_answered_by_another_run_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
):
    """What another run answers and lets go of between a run's look and its job goes into no second job."""
    submit, late = Via._submit, [True]

    def after_another(via: Via, load: remote.Load) -> None:
        if late and load.lines:
            late.clear()
            desk.run("a")
        submit(via, load)

    monkeypatch.setattr(Via, "_submit", after_another)
    path = desk.home.parent / "late.jsonl"
    path.write_text("".join(json.dumps({"word": word}) + "\n" for word in words))
    client, journal = Client(desk.home), Journal(desk.home)
    job = Job(source=opened(path), plan=Plan(prompt="Say {word}"), settings=desk.at)
    via = Via(client, job, journal, poll=(5.0, 120.0))
    via.sleep = desk.sleep
    via.answered()
    jobs = journal.jobs()
    journal.close()
    client.close()
    assert sorted(desk.provider.asked) == [f"Say {word}" for word in words]
    assert [kept.total for kept in jobs] == [1] * len(words)
    assert [row.completion.text for row in desk.plainly(*words)] == [
        f"answer to Say {word}" for word in words
    ]


def command(desk: Desk, *more: str) -> list[str]:
    at = desk.at
    return [
        *(
            sys.executable,
            "-m",
            "antiphon.cli",
            "batch",
            str(desk.home.parent / "in.jsonl"),
            "-p",
            "Say {word}",
        ),
        *("--provider", at["provider"], "--base-url", at["base_url"], "-m", "m", "--via", "provider"),
        *("--poll", "0.05", "-o", str(desk.home.parent / "out.jsonl"), *more),
    ]


@pytest.mark.parametrize("step", ["upload", "create", "listing", "look", "places", "fetch"])
def test_killed_at_each_step(desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str):
    """kill -9 while the reply to a step is on its way; the same command again has all answers, and sent one job only."""
    provider = desk.provider
    if step not in [name for name, _, _ in KINDS[provider.kind].routes]:
        pytest.skip("this provider has no such step")
    monkeypatch.setenv("ANTIPHON_HOME", str(desk.home))
    Credentials(desk.home).set(provider.kind, KEY, hosts=[provider.url])
    desk.rows("a", "b", "c")
    if step == "listing":
        killed(desk, "create")
    killed(desk, step)
    done = subprocess.run(command(desk), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = (desk.home.parent / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == [f"answer to Say {word}" for word in "abc"]
    assert provider.steps.count("create") == 1
    assert len(provider.jobs) == 1


def killed(desk: Desk, step: str) -> None:
    """Run the command, and kill it when the provider has done this step and not answered yet."""
    done = desk.provider.held[step] = threading.Event()
    desk.provider.go.clear()
    with subprocess.Popen(command(desk), stderr=subprocess.PIPE) as child:
        assert done.wait(30), child.stderr and child.stderr.read()
        child.send_signal(signal.SIGKILL)
    desk.provider.go.set()


# ----------------------------------------------------------------------------------------------- the journal


def test_the_journal_holds_no_key_and_is_the_owners(desk: Desk):
    """The journal is readable by its owner only, and no credential is in it."""
    desk.provider.looks, desk.asleep = 99, lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        desk.run("a")
    path = desk.home / "jobs.sqlite"
    assert path.stat().st_mode & 0o077 == 0
    assert KEY.encode() not in path.read_bytes()
    assert b"answer" not in path.read_bytes()


def test_a_journal_that_is_no_database(tmp_path: Path):
    """A journal that cannot be read is a typed error before anything is sent."""
    tmp_path.joinpath("jobs.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(ReplayError, match="journal of jobs"):
        Journal(tmp_path)


def test_an_unhurried_client_has_time_for_large_files():
    """The default deadlines leave room for a large upload: none of them is below ten minutes but between two pieces."""
    timeout = Timeout()
    assert timeout.first_token is not None
    assert timeout.first_token >= 600
