"""A batch against a provider that fails in every way, killed with kill -9 again and again: is each row paid for once?

    uv run python -m tests.faults                      10,000 rows, 20 kills: some ten minutes, mostly waiting
    uv run python -m tests.faults --rows 600 --kills 4 --scale 0.05

Then the provider's own log is held against the output. What was answered whole counts as paid: it may be asked once
more only if it was in flight at a kill. The tests run the short form.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FAILED = 4  # the exit code of a run where some rows have errors
TWINS = 97  # each so-many-th row is a repetition of the one before: both are one request
PATIENCE = 600.0  # seconds without any new line in the provider's log after which something hangs


@dataclass
class Trial:
    """One job and all that is around it."""

    folder: Path
    rows: int
    kills: int
    concurrency: int = 32
    scale: float = 1.0
    delay: float = 0.05
    seed: int = 0
    unordered: bool = False
    url: str = ""
    runs: int = 0
    killed: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def log(self) -> Path:
        return self.folder / "log.jsonl"

    @property
    def output(self) -> Path:
        return self.folder / "out.jsonl"

    def prompt(self, index: int) -> str:
        """What row `index` asks: each so-many-th asks what the row before asks."""
        return f"Say w{index - (index % TWINS == TWINS - 1)}"

    def command(self, output: Path) -> list[str]:
        return [
            *(sys.executable, "-m", "antiphon.cli", "batch", str(self.folder / "in.jsonl"), "-p", "Say {word}"),
            *("-o", str(output), "-c", str(self.concurrency), "-q", "--keep", "id", "--base-url", self.url),
            *("-m", "m", "--timeout", str(20 * self.scale + 1), "--retries", "3"),
            *(("--unordered",) if self.unordered else ()),
        ]  # fmt: skip

    def start(self, output: Path, home: str = "home") -> subprocess.Popen[bytes]:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ANTIPHON_") and "proxy" not in name.lower()
        }
        return subprocess.Popen(
            self.command(output), env={**clean, "ANTIPHON_HOME": str(self.folder / home)}, cwd=HERE.parent
        )

    def to_the_end(self, output: Path, home: str = "home") -> int:
        """Run until no row has an error; how many runs that took. Failures that pass are asked by the next run."""
        for runs in range(1, 11):
            with self.start(output, home) as child:
                code = child.wait()
            if code == 0:
                return runs
            check(code == FAILED, f"a run ended with {code}")
        raise AssertionError("ten runs were not enough")

    # -------------------------------------------------------------------------------------- kills

    def kill_again_and_again(self) -> None:
        """Start, kill at a random moment, look at what is left, and so on."""
        chance = random.Random(self.seed)
        for left in range(self.kills, 0, -1):
            seen = sum(1 for line in lines(self.log) if line["event"] == "answered")
            todo = int((self.rows - seen) / (left + 1))
            # One in four within the first second: before the first row, and while the store is being opened.
            early = chance.random() < 0.25
            more, pause = chance.randint(1, max(1, 2 * todo)), chance.random() * (1.0 if early else 0.05)
            with self.start(self.output) as child:
                if not early:
                    self._wait_for(seen + more, child)
                time.sleep(pause)
                self.killed += child.poll() is None
                os.kill(child.pid, signal.SIGKILL)
            self.look_at_what_is_left()

    def _wait_for(self, answered: int, child: subprocess.Popen[bytes]) -> None:
        """Until the provider has given so many answers. AssertionError where nothing happens any more."""
        size, since = -1, time.monotonic()
        while child.poll() is None:
            now = self.log.stat().st_size
            if now != size:
                size, since = now, time.monotonic()
                if sum(1 for line in lines(self.log) if line["event"] == "answered") >= answered:
                    return
            check(time.monotonic() - since < PATIENCE, "the batch hangs")
            time.sleep(0.02)

    def look_at_what_is_left(self) -> None:
        """After a kill: no output yet, or a whole one; whole lines only; and all that was reported is marked in the log."""
        part = self.output.with_name(self.output.name + ".part")
        for file in (self.output, part):
            data = file.read_bytes() if file.exists() else b""
            check(not data or data.endswith(b"\n"), f"{file.name} ends in half a line")
            rows = [json.loads(line) for line in data.splitlines()]
            check_order([row["index"] for row in rows], ordered=not self.unordered)
            reported = [self.prompt(row["index"]) for row in rows if "text" in row]
            with self.log.open("a") as log:
                log.write(json.dumps({"event": "reported", "prompts": reported}) + "\n")

    # ------------------------------------------------------------------------------------- verdict

    def undisturbed(self) -> Path:
        """The output of a run without faults and kills, made in a home of its own."""
        urllib.request.urlopen(self.url.removesuffix("/v1") + "/calm", timeout=60).close()
        other = self.folder / "calm.jsonl"
        for _ in range(2):  # the second from the store: then nothing in it depends on who asked first
            check(self.to_the_end(other, "calm-home") == 1, "a run without faults has errors")
        return other

    def verdict(self) -> dict[str, Any]:
        """All that is promised, checked; the figures."""
        first = records(self.output)
        check(len(first) == self.rows, f"{len(first)} rows of {self.rows}")
        check_order([row["index"] for row in first], ordered=not self.unordered)
        check(sorted(row["id"] for row in first) == list(range(self.rows)), "rows are missing or twice there")
        check(all("text" in row for row in first), "a row is not answered")
        figures = self.paid()
        self.to_the_end(self.output)
        check(self.paid() == figures, "a finished batch asks again")
        calm = records(self.undisturbed())
        check(
            in_order(records(self.output)) == in_order(calm), "the output is not that of an undisturbed run"
        )
        return figures

    def paid(self) -> dict[str, Any]:
        """What the provider's log says; no row that was reported may have been asked after that."""
        events: Counter[str] = Counter()
        answers: Counter[str] = Counter()
        reported: set[str] = set()
        for line in lines(self.log):
            events[line["event"]] += 1
            if line["event"] == "reported":
                reported.update(line["prompts"])
            elif line["event"] == "asked":
                check(line["prompt"] not in reported, f"{line['prompt']!r} was reported and asked again")
            elif line["event"] == "answered":
                answers[line["prompt"]] += 1
        repeats = sum(answers.values()) - len(answers)
        check(len(answers) == len({self.prompt(i) for i in range(self.rows)}), "a prompt was never answered")
        check(repeats <= self.killed * self.concurrency, f"{repeats} answers were paid for twice")
        events.pop("reported", None)
        return {"answers": sum(answers.values()), "repeats": repeats, **events}


# ------------------------------------------------------------------------------------------- checks


def check(good: bool, otherwise: str) -> None:
    if not good:
        raise AssertionError(otherwise)


def check_order(indices: list[int], *, ordered: bool) -> None:
    check(len(set(indices)) == len(indices), "a row is there twice")
    check(not ordered or indices == list(range(len(indices))), "the rows are not in their order")


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["index"])


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def lines(log: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of the provider's log."""
    with log.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


@contextmanager
def provider(trial: Trial) -> Iterator[None]:
    """The provider, in a process of its own."""
    options = ["--delay", str(trial.delay), "--scale", str(trial.scale)]
    command = [sys.executable, str(HERE / "faulty_peer.py"), str(trial.log), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as peer:
        try:
            assert peer.stdout is not None
            trial.url = f"http://127.0.0.1:{peer.stdout.readline().strip()}/v1"
            yield
        finally:
            peer.kill()


def tried(trial: Trial) -> dict[str, Any]:
    """The whole trial. AssertionError says what was not kept."""
    with (trial.folder / "in.jsonl").open("w") as file:
        for index in range(trial.rows):
            word = trial.prompt(index).removeprefix("Say ")
            file.write(json.dumps({"id": index, "word": word}) + "\n")
    with provider(trial):
        trial.kill_again_and_again()
        runs = trial.to_the_end(trial.output)
        figures = trial.verdict()
    seconds = round(time.monotonic() - trial.started, 1)
    return {"rows": trial.rows, "kills": trial.killed, "last runs": runs, "seconds": seconds, **figures}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unordered", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = tried(Trial(Path(folder), **vars(given)))
    sys.stdout.writelines(f"{name:>12}  {value:,}\n" for name, value in figures.items())


if __name__ == "__main__":
    main()
