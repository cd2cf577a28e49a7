"""A real Ray of one node on loopback, in processes of its own; all of them are ended by who started them."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..ports import free_port

ENGINE = Path(__file__).with_name("engine")
PATIENCE = 200.0  # seconds for anything here; it takes a few, unless much else is running


@dataclass(frozen=True)
class Cluster:
    """A running cluster: its address, its folder (logs, sockets, spilled objects), and what its programs need."""

    address: str
    folder: Path
    environment: Mapping[str, str]

    def processes(self) -> dict[int, str]:
        """The command lines of all its processes, workers among them."""
        found: dict[int, str] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError):  # it ended meanwhile
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                mine = str(self.folder) in command or (
                    command.startswith("ray::")
                    and str(self.folder).encode() in (entry / "environ").read_bytes()
                )
                if mine and int(entry.name) != os.getpid():
                    found[int(entry.name)] = command
        return found

    def workers(self) -> list[int]:
        """The processes that ask."""
        return sorted(pid for pid, command in self.processes().items() if command.startswith("ray::Worker"))


def wait_for(what: Callable[[], object], why: str) -> None:
    """Come back when `what` holds."""
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until, f"waited in vain for {why}"
        time.sleep(0.02)


@contextmanager
def started() -> Iterator[Cluster]:
    """A cluster with two processors and one GPU that is none: the engine in `engine/` needs none.

    Ray gives a node thirty seconds to start, which is little where much else is running: it is tried again.
    """
    for last in (False, False, True):
        cluster, starter = _begun()
        log = cluster.folder / "start.log"
        try:
            wait_for(lambda: b"--block" in log.read_bytes() or starter.poll() is not None, "Ray")  # noqa: B023
            if starter.poll() is None:
                yield cluster
                return
            assert not last, log.read_text()
        finally:
            _ended(cluster, starter)


def _begun() -> tuple[Cluster, subprocess.Popen[bytes]]:
    folder = Path(tempfile.mkdtemp(prefix="ray"))  # short: paths of sockets may have a hundred characters
    port = free_port()
    environment = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",  # its servers listen on all interfaces, whatever they are told
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "ANTIPHON_HOME": str(folder / "worker-home"),
        "PYTHONPATH": str(ENGINE),
        "FAKE_ENGINE_LOG": str(folder / "engine.jsonl"),
        "RAY_TEST_FOLDER": str(folder),  # marks its workers
    }
    environment.pop("RAY_ADDRESS", None)
    # Ray puts the machine's own address in place of 127.0.0.1, but not of the one after it.
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address=127.0.0.2",
        f"--port={port}", "--num-cpus=2", "--num-gpus=1", "--include-dashboard=false", "--disable-usage-stats",
        f"--temp-dir={folder}", "--object-store-memory=100000000",
    ]  # fmt: skip
    with (folder / "start.log").open("wb") as log:
        starter = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    return Cluster(f"127.0.0.2:{port}", folder, environment), starter


def _ended(cluster: Cluster, starter: subprocess.Popen[bytes]) -> None:
    starter.kill()  # its own way to end takes some ten seconds, and leaves nothing that this does not end too
    for _ in range(3):  # a daemon may have started another process meanwhile
        for pid in cluster.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    starter.wait(20)
    shutil.rmtree(cluster.folder, ignore_errors=True)


def memory_of(pid: int) -> Iterator[bytes]:
    """What a process has in its own memory, in pieces that overlap a little. Nothing where it may not be read."""
    with suppress(OSError):
        maps = Path(f"/proc/{pid}/maps").read_text()
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            for start, end, what in re.findall(r"(?m)^(\w+)-(\w+) (rw..)", maps):
                assert what
                yield from _pieces(memory, int(start, 16), int(end, 16))


def _pieces(memory: object, start: int, end: int) -> Iterator[bytes]:
    size, overlap = 1 << 22, 200
    for at in range(start, end, size - overlap):
        with suppress(OSError, OverflowError, ValueError):
            memory.seek(at)  # type: ignore[attr-defined]
            yield memory.read(min(size, end - at))  # type: ignore[attr-defined]
