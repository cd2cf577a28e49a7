"""All benchmarks that can run here, each within its time, and docs/quality.md made of what they found.

    uv run python -m benchmarks                        all but those that take long; about 12 minutes
    uv run python -m benchmarks --only clients batch   these; `--list` names them all
    uv run python -m benchmarks --quick                to see that they run: nothing is kept
    uv run python -m benchmarks --page                 the page anew from benchmarks/results.json

A figure that was not measured keeps its older value and date. What fails or takes too long is said and left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import quality
from benchmarks.catalogue import BENCHES, FIGURES, Bench
from benchmarks.told import PLACE

CLEANING_UP = 10  # seconds
STAT = Path("/proc/stat")
LEAST = 10  # seconds that a benchmark needs to begin
HERE = Path(__file__).parent


def busy() -> float | None:
    """CPU seconds that the whole machine has spent on anything so far; None where that is not told (only Linux does)."""
    if not STAT.exists():
        return None
    fields = [int(field) for field in STAT.read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _wait, irq, soft, _steal = fields
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def ours() -> float:
    """CPU seconds of this process and of all that it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def machine() -> str:
    """What it ran on, in a few words."""
    model = platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{os.cpu_count()} × {model}, {platform.system()}, Python {platform.python_version()}"


@contextmanager
def circumstances(found: dict[str, Any]) -> Iterator[None]:
    """Put into `found` when and where, the load before, and how many cores others used meanwhile."""
    found |= {
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        "machine": machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }
    start = time.monotonic(), busy(), ours()
    yield
    wall, own, after = time.monotonic() - start[0], ours() - start[2], busy()
    others = None if after is None or start[1] is None else max(0.0, after - start[1] - own) / wall
    found["others"] = rounded(others)


def run(bench: Bench, arguments: tuple[str, ...], figures: Path, bound: float) -> str:
    """Run one; what was wrong with it, or nothing. It and all that it started is ended after `bound` seconds."""
    command = [sys.executable, str(HERE / bench.script), *arguments]
    environ = {**os.environ, PLACE: str(figures)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # users' modules are compiled once, not with every start
    with subprocess.Popen(command, env=environ, start_new_session=True) as process:
        try:
            code = process.wait(bound)
        except subprocess.TimeoutExpired:
            end(process)
            return f"ended, it was not done within {bound:g} s"
    return f"failed with {code}" if code else ""


def end(process: subprocess.Popen[bytes]) -> None:
    """End it and all of its group: first so that it can clean up, then for good."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(CLEANING_UP)


def measured(name: str, given: argparse.Namespace, left: float) -> tuple[dict[str, Any], str]:
    """The figures of one benchmark, each with its rows and circumstances, and what was wrong if it was ended early.

    It may take `left` seconds at the most, whatever its own bound is.
    """
    bench = BENCHES[name]
    if reason := bench.missing():
        print(f"-- {name}: left out, {reason}", flush=True)
        return {}, ""
    arguments = bench.quick if given.quick else bench.arguments
    if given.arguments is not None:
        arguments = tuple(given.arguments.split())
    print(f"-- {name}: benchmarks/{bench.script} {' '.join(arguments)}", flush=True)
    about: dict[str, Any] = {"bench": name, "command": bench.command(arguments)}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures"
        with circumstances(about):
            wrong = run(bench, arguments, figures, min(bench.bound * given.patience, left))
        lines = figures.read_text(encoding="utf-8").splitlines() if figures.exists() else []
    print(f"-- {name}: {wrong or 'done'}, {time.monotonic() - start:.0f} s", flush=True)
    found: dict[str, Any] = {}
    for line in map(json.loads, lines):
        values = {key: rounded(line[key]) for key in ("ours", "theirs", "ratio")}
        found.setdefault(line["figure"], {**about, "rows": {}})["rows"][line["row"]] = values
    if strange := sorted(set(found) - set(FIGURES)):
        raise RuntimeError(f"{name}: not in catalogue.py: {', '.join(strange)}")
    return found, f"{name}: {wrong}" if wrong else ""


def rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--only", nargs="+", choices=BENCHES, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="small, and nothing is kept")
    parser.add_argument(
        "--list", action="store_true", help="the names, the commands and the seconds they may take"
    )
    parser.add_argument("--patience", type=float, default=1.0, help="times the seconds that each may take")
    parser.add_argument(
        "--within", type=float, metavar="SECONDS", help="end after so many, whatever is not done"
    )
    parser.add_argument("--arguments", help="what the script is given in place of its usual ones")
    parser.add_argument("--page", action="store_true", help="only write the page")
    given = parser.parse_args()
    if given.list:
        for name, bench in BENCHES.items():
            print(
                f"{name:16}{bench.bound:6g} s  {'' if bench.usual else '(only when named) '}{bench.command()}"
            )
        return 0
    wrong: list[str] = []
    deadline = time.monotonic() + (given.within or math.inf)
    for name in () if given.page else given.only or [name for name, bench in BENCHES.items() if bench.usual]:
        left = deadline - time.monotonic()
        if left < LEAST:
            wrong.append(f"{name}: not begun, the time of --within is over")
            continue
        found, problem = measured(name, given, left)
        if problem:
            wrong.append(problem)
        if not given.quick:
            quality.write({**quality.load(), **found})  # at once, so that an end in between loses nothing
    if given.page:
        quality.write(quality.load())
    for line in [*wrong, *([] if given.quick else quality.unexplained(quality.load()))]:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
