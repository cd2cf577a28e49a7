"""A million rows through `antiphon batch`, in constant memory: speed, memory as it goes, and disk.

    uv run python benchmarks/million.py                        1,000,000 rows: an hour or so, some 4 GB of disk
    uv run python benchmarks/million.py --rows 200000
    uv run python benchmarks/million.py --stub                 over sockets, with a stub that answers at once

Four runs: all rows asked, all replayed, then (with the echo provider) all rejected for good, and all remembered as that.
Memory is what the process really holds (RSS), sampled twice a second; the rates are of the whole process, from its
start to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ECHO = ["-m", "echo"]


WORDS = ["".join(random.Random(i).choices("etaoinshrdlucmfw", k=2 + i % 9)) for i in range(3_000)]


def caption(row: int) -> str:
    """Some 700 bytes that no other row has, of words as often as those of a language: so that it packs like one."""
    chance = random.Random(row)
    return " ".join(WORDS[int(3_000 ** chance.random()) - 1] for _ in range(110))


def held(pid: int) -> float:
    """MB of memory that a process holds, 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    sizes = [line.split()[1] for line in text.splitlines() if line.startswith("VmRSS")]
    return int(sizes[0]) / 1024 if sizes else 0.0


def measured(what: str, command: list[str], rows: int, home: Path, codes: tuple[int, ...] = (0,)) -> None:
    """Run it, and print what it took."""
    start, samples = time.perf_counter(), list[float]()
    with subprocess.Popen(command, env={**os.environ, "ANTIPHON_HOME": str(home)}) as child:
        while child.poll() is None:
            samples.append(held(child.pid))
            time.sleep(0.5)
    wall = time.perf_counter() - start
    assert child.returncode in codes, f"{what} ended with {child.returncode}"
    tenth = samples[len(samples) // 10]
    print(
        f"{what:22} {rows:>9,} rows {wall:8,.1f} s {rows / wall:8,.0f} rows/s"
        f"   {tenth:4.0f} MB after a tenth, {max(samples):4.0f} MB at most",
        flush=True,
    )


def disk(name: str, files: list[Path], rows: int) -> None:
    size = sum(file.stat().st_size for file in files)
    print(f"{name:22} {size / 1e6:9,.0f} MB {size / rows:8,.0f} bytes a row", flush=True)


@contextmanager
def stub() -> Iterator[list[str]]:
    """The options that ask a stub on loopback."""
    with subprocess.Popen([sys.executable, HERE / "stub.py"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield ["--base-url", f"http://127.0.0.1:{process.stdout.readline().strip()}/v1", "-m", "bench"]
        finally:
            process.terminate()


def run(rows: int, folder: Path, who: list[str]) -> None:
    """All runs."""
    source, output, home = folder / "in.jsonl", folder / "out.jsonl", folder / "home"
    with source.open("w") as file:
        file.writelines(json.dumps({"id": i, "caption": caption(i)}) + "\n" for i in range(rows))
    command = [
        sys.executable,
        "-m",
        "antiphon.cli",
        "batch",
        str(source),
        "-o",
        str(output),
        "-q",
        "--keep",
        "id",
    ]
    ask = ["-p", "Make this longer: {caption}", *who]
    measured("asked", [*command, *ask], rows, home)
    disk("the output", [output], rows)
    measured("replayed", [*command, *ask], rows, home)
    disk("the store", list(home.glob("replay.sqlite*")), rows)
    if who == ECHO:
        bad = ["-p", "Make this shorter: {caption}", "--extra", 'echo={"status": 400}', *who]
        for what in ("rejected", "remembered as that"):
            measured(what, [*command, *bad], rows, home, (4,))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--stub", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.stub:
            with stub() as who:
                run(given.rows, Path(folder), who)
        else:
            run(given.rows, Path(folder), ECHO)


if __name__ == "__main__":
    main()
