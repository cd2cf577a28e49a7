"""The same batch on a real Ray: workers killed, the driver killed, limits shared, keys nowhere to be found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import antiphon
from antiphon import Client

from ..peer import Peer, serve

pytest.importorskip("ray", reason="needs the ray extra", exc_type=ImportError)
if not sys.platform.startswith("linux"):
    pytest.skip("reads /proc", allow_module_level=True)

from .cluster import PATIENCE, Cluster, memory_of, started, wait_for

pytestmark = pytest.mark.timeout(900)
KEY = "sk-planted-9f8e7d6c5b4a39281706"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with started() as running:
        yield running


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serve() as running:
        yield running


DRIVER = """
import contextlib, io, json, sys, traceback
import ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR", configure_logging=False)
names = {}
for line in sys.stdin:
    written, problem = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(written):
            exec(json.loads(line), names)
    except BaseException:
        problem = traceback.format_exc()
    print("=>" + json.dumps([written.getvalue(), problem]), flush=True)
"""


class Driver:
    """One program that is connected to the cluster and runs what it is given: to start one for each test takes long."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self.pid = program.pid
        self._program = program

    def ran(self, code: str) -> str:
        """What this code writes; what it raises is a failure."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps(textwrap.dedent(code)) + "\n")
        self._program.stdin.flush()
        for line in self._program.stdout:
            if line.startswith("=>"):  # Ray itself may write there too
                written, problem = json.loads(line.removeprefix("=>"))
                assert not problem, problem
                return written
        raise AssertionError("the program has ended")


@pytest.fixture(scope="module")
def driver(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    program = begun(cluster, tmp_path_factory.mktemp("driver"), "-c", DRIVER, cluster.address)
    try:
        yield Driver(program)
    finally:
        program.kill()
        program.communicate(timeout=PATIENCE)


def begun(cluster: Cluster, home: Path, *command: Any) -> subprocess.Popen[str]:
    """A program that works with this cluster."""
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        env={**cluster.environment, "ANTIPHON_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(program: subprocess.Popen[str]) -> tuple[str, str]:
    """What it wrote; it is ended in any case."""
    with program:
        try:
            return program.communicate(timeout=PATIENCE)
        finally:
            program.kill()


def batch(cluster: Cluster, peer: Peer, rows: Path, output: Path) -> tuple[str, ...]:
    return (
        "-m", "antiphon.cli", "batch", str(rows), "--engine", "ray", "--ray-address", cluster.address,
        "--workers", "2", "--concurrency", "8", "--base-url", peer.url, "-m", "m", "--keep", "id", "-o", str(output),
    )  # fmt: skip


def many(path: Path, count: int) -> Path:
    """Rows of which each tenth asks the same as its neighbour."""
    rows = ({"id": i, "prompt": f"w{i - (i % 10 == 9)}"} for i in range(count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def asked(peer: Peer) -> Counter[str]:
    return Counter(seen.body["messages"][-1]["content"] for seen in peer.seen)


def checked(output: Path, count: int) -> None:
    """Every row is there once, in order, with the answer to its own question."""
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["id"] for line in lines] == list(range(count))
    assert [line["text"] for line in lines] == [f"answer to w{i - (i % 10 == 9)}" for i in range(count)]


def test_a_worker_killed_in_the_middle(cluster: Cluster, peer: Peer, tmp_path: Path):
    """Nothing is lost, and nothing is asked twice but what may have been in flight on the worker that was killed."""
    peer.delay = 0.05
    count, output, home = 200, tmp_path / "out.jsonl", tmp_path / "home"
    program = begun(cluster, home, *batch(cluster, peer, many(tmp_path / "in.jsonl", count), output))
    try:
        wait_for(lambda: len(peer.seen) > 60 or program.poll() is not None, "the first answers")
        killed, other = cluster.workers()
        os.kill(killed, signal.SIGKILL)
    finally:
        _, errors = ended(program)
    assert program.returncode == 0, errors
    checked(output, count)
    times = asked(peer)
    assert len(times) == count * 9 // 10
    assert set(times.values()) <= {1, 2}
    assert times.total() - len(times) <= 8
    assert killed != other
    with Client(home).store as store:
        assert store.count() == len(times)


def test_the_driver_killed_and_started_again(cluster: Cluster, peer: Peer, tmp_path: Path):
    """After kill -9 the same command asks only for what was not recorded: at most what was in flight is asked twice."""
    peer.delay = 0.05
    count, output, home = 200, tmp_path / "out.jsonl", tmp_path / "home"
    command = batch(cluster, peer, many(tmp_path / "in.jsonl", count), output)
    first = begun(cluster, home, *command)
    try:
        wait_for(lambda: len(peer.seen) > 60 or first.poll() is not None, "the first answers")
        first.kill()
    finally:
        ended(first)
    assert not output.exists()
    wait_for(lambda: not cluster.workers(), "the end of the workers whose driver is gone")
    second = begun(cluster, home, *command)
    _, errors = ended(second)
    assert second.returncode == 0, errors
    checked(output, count)
    times = asked(peer)
    assert len(times) == count * 9 // 10
    assert times.total() - len(times) <= 8


def test_one_limit_for_the_whole_cluster(driver: Driver, peer: Peer, tmp_path: Path):
    """Two workers together never have more on the wire at a time than the limit, and use all of it."""
    peer.delay = 0.02
    output = driver.ran(f"""
    from antiphon import Client, Limits
    from antiphon.ray import cluster
    client = Client({str(tmp_path)!r}, limits={{"compatible": Limits(concurrency=3)}})
    with cluster(client, workers=2):
        rows = list(client.batch([f"q{{i}}" for i in range(40)], model="m", base_url={peer.url!r}, concurrency=16))
    print(sum(row.ok for row in rows), max(row.completion.timings.queue for row in rows) > 0)
    """)
    assert output.split() == ["40", "True"]
    assert peer.at_once == 3


def test_no_key_is_left_anywhere(cluster: Cluster, driver: Driver, peer: Peer, tmp_path: Path):
    """The workers send the key, and it is in no log, no object, no file of Ray's, and not in the memory of its daemons.

    What those daemons do not hold, no listing of theirs can show. That their memory is searched at all is seen by what
    must be in it: the name of Ray's folder.
    """
    output = driver.ran(f"""
    from antiphon import Client
    from antiphon.ray import cluster
    client = Client({str(tmp_path)!r})
    open_now = cluster(client, workers=2)
    open_now.__enter__()
    prompts = [{{"prompt": "x" * 200_000 + str(i)}} for i in range(4)]
    rows = list(client.batch(prompts, model="m", base_url={peer.url!r}, api_key={KEY!r}))
    print(sum(row.ok for row in rows))
    """)
    try:
        found, control = set[str](), set[str]()
        for name, piece in _everything(cluster, driver.pid):
            found |= {name} if KEY.encode() in piece else set()
            control |= {name} if str(cluster.folder).encode() in piece else set()
    finally:
        driver.ran("open_now.__exit__(None, None, None)")
    assert output == "4\n"
    assert {seen.headers["authorization"] for seen in peer.seen} == {f"Bearer {KEY}"}
    assert found == set()
    assert {"gcs_server", "raylet"} <= control or os.geteuid() != 0


def _everything(cluster: Cluster, driver: int) -> Iterator[tuple[str, bytes]]:
    """All files of the cluster, the object store, and the memory of its daemons: not that of who has to have the key."""
    for path in (*cluster.folder.rglob("*"), *Path("/dev/shm").glob("plasma*")):
        if path.is_file():
            yield str(path), path.read_bytes()
    for pid, command in cluster.processes().items():
        if pid != driver and "ray::Worker" not in command:
            for piece in memory_of(pid):
                yield Path(command.split()[0]).name, piece


def test_a_wrong_key_stops_it(driver: Driver, peer: Peer, tmp_path: Path):
    """After a 401 nothing more is begun, the error is the provider's, and what was asked is no more than was in flight."""
    peer.status = 401
    output = driver.ran(f"""
    from antiphon import Client
    from antiphon.errors import Unauthorized
    from antiphon.ray import cluster
    client = Client({str(tmp_path)!r})
    with cluster(client, workers=2):
        try:
            list(client.batch([f"q{{i}}" for i in range(100)], model="m", base_url={peer.url!r}, concurrency=8))
        except Unauthorized as error:
            print(error.status)
    """)
    assert output == "401\n"
    assert len(peer.seen) <= 16


def test_a_dataset_in_and_one_out(driver: Driver, peer: Peer, tmp_path: Path):
    """A Dataset read from Parquet becomes one with the kept column and an answer for each row; the second call asks nothing."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").Table.from_pylist([{"id": i, "name": f"n{i}"} for i in range(25)])
    parquet.write_table(table, tmp_path / "rows.parquet")
    output = driver.ran(f"""
    import ray
    import antiphon.ray
    from antiphon import Client
    ray.data.DataContext.get_current().enable_progress_bars = False
    read = ray.data.read_parquet({str(tmp_path / "rows.parquet")!r}, override_num_blocks=1).materialize()
    for _ in range(2):
        found = antiphon.ray.complete(
            read, "Say {{name}}", keep=["id"], model="m", base_url={peer.url!r}, workers=1,
            client=Client({str(tmp_path / "home")!r}))
        rows = found.take_all()
        assert [row["id"] for row in rows] == list(range(25)), rows
        assert [row["text"] for row in rows] == [f"answer to Say n{{i}}" for i in range(25)], rows
        print([row["replayed"] for row in rows].count(True))
    """)
    assert output.split() == ["0", "25"]
    assert len(peer.seen) == 25


def test_a_step_of_a_lazy_pipeline(cluster: Cluster, driver: Driver, peer: Peer):
    """Nothing is asked before the rows are wanted; killed in the middle of a block, the step goes on from what it recorded."""
    killed: list[int] = []

    def answer(body: Any) -> str:
        steps = [pid for pid, what in cluster.processes().items() if what.startswith("ray::MapWorker(MapB")]
        if len(peer.seen) > 10 and not killed and steps:
            killed.extend(steps)
            for pid in steps:
                os.kill(pid, signal.SIGKILL)
        return f"answer to {body['messages'][-1]['content']}"

    peer.text = answer
    driver.ran(f"""
    import ray
    import antiphon.ray
    ray.data.DataContext.get_current().enable_progress_bars = False
    lazy = ray.data.from_items([{{"id": i}} for i in range(20)], override_num_blocks=1).map_batches(
        antiphon.ray.Completer, batch_format="pyarrow", batch_size=None, concurrency=1, num_cpus=0,
        fn_constructor_kwargs={{
            "prompt": "Row {{id}}", "keep": ["id"], "concurrency": 2, "model": "m", "base_url": {peer.url!r}}})
    """)
    assert not peer.seen
    output = driver.ran("""
    rows = sorted(lazy.take_all(), key=lambda row: row["id"])
    assert [row["text"] for row in rows] == [f"answer to Row {i}" for i in range(20)], rows
    print(len(rows))
    """)
    assert output.splitlines()[-1] == "20"  # after what Ray says of the death
    assert killed
    assert set(asked(peer).values()) <= {1, 2}
    assert len(peer.seen) <= 20 + 2


def test_a_model_that_the_cluster_runs(cluster: Cluster, tmp_path: Path):
    """Ray Data's own stages give the fake engine each request once, with its settings; the answers are in the store.

    They are there under the keys that the model's server is asked with, a second run asks nothing, and a row that the
    engine fails at is a row with an error.
    """
    rows, output, home = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "home"
    rows.write_text(
        "".join(json.dumps({"prompt": text}) + "\n" for text in ("one two three", "a", "a", "break"))
    )
    command = (
        "-m", "antiphon.cli", "batch", rows, "--engine", "ray", "--ray-address", cluster.address, "--gpus", "1",
        "-m", "vllm/org/model", "--max-tokens", "2", "--temperature", "0.5", "--seed", "7", "-o", output,
    )  # fmt: skip
    log = Path(cluster.environment["FAKE_ENGINE_LOG"])
    program = begun(cluster, home, *command)
    _, errors = ended(program)
    assert program.returncode == 4, errors
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line.get("text") for line in lines[:3]] == [
        "<user>one two",
        "<user>a<assistant>",
        "<user>a<assistant>",
    ]
    assert [line.get("finish_reason") for line in lines[:3]] == ["length", "stop", "stop"]
    assert lines[3]["error"]["type"] == "TransportError"
    given = [json.loads(line) for line in log.read_text().splitlines()]
    assert Counter(row["prompt"] for row in given) == {
        "<user>one two three<assistant>": 1, "<user>a<assistant>": 1, "<user>break<assistant>": 1,
    }  # fmt: skip
    assert {(row["max_tokens"], row["temperature"], row["seed"], row["top_p"]) for row in given} == {
        (2, 0.5, 7, 1.0)
    }
    request = Client(home).request("a", model="vllm/org/model", max_tokens=2, temperature=0.5, seed=7)
    assert request.seed == 7
    again = Client(home).complete(
        "a", model="vllm/org/model", max_tokens=2, temperature=0.5, seed=7, replay="only"
    )
    assert again.text == "<user>a<assistant>"
    assert again.key == lines[1]["key"]


def test_other_versions_are_refused(driver: Driver):
    """A node with another Antiphon or another Python is found before anything is asked, with its version."""
    output = driver.ran("""
    from unittest import mock
    from antiphon.errors import ClusterError
    from antiphon.ray import cluster, package
    def tried():
        try:
            with cluster():
                print("used")
        except ClusterError as error:
            print(error.message, error.hint)
    with mock.patch.object(package, "__version__", "9.9"):
        tried()
    with mock.patch.object(package.platform, "python_version_tuple", lambda: ("3", "99", "0")):
        tried()
    """)
    version, python = output.splitlines()
    assert f"has Antiphon {antiphon.__version__}, and this is 9.9" in version
    assert "antiphon[ray]==9.9" in version
    assert "has Python 3." in python
