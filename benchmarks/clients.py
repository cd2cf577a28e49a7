"""Ten clients side by side, each in a fresh environment and a process of its own, against stubs on loopback.

    uv run python benchmarks/clients.py [--rounds 3] [--requests 1000] [--only NAME …]

Antiphon (plain, as `pip install antiphon` gives it) beside bare aiohttp, the official SDKs, LangChain, pydantic-ai,
any-llm and llm: packages and MB on disk, the import, the first answer from a cold start, memory, time and CPU of a request
at 0 ms and of a chunk of a stream, and 200 requests of 100 ms at once. They run one after the other, round after round;
ratios are taken within a round, and medians given. The environments are made with uv and thrown away at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from client import stub
from told import told

HERE = Path(__file__).parent
OURS, BARE = "antiphon", "bare aiohttp"
# What is installed for each, and what is imported.
CLIENTS = {
    OURS: (str(HERE.parent), "antiphon"),
    "antiphon, not recorded": (str(HERE.parent), "antiphon"),
    BARE: ("aiohttp", "aiohttp"),
    "openai": ("openai", "openai"),
    "anthropic": ("anthropic", "anthropic"),
    "google-genai": ("google-genai", "google.genai"),
    "langchain-openai": ("langchain-openai", "langchain_openai"),
    "pydantic-ai": ("pydantic-ai-slim[openai]", "pydantic_ai"),
    "any-llm": ("any-llm-sdk[openai]", "any_llm"),
    "llm": ("llm", "llm"),
}
# A request takes it 20 ms, so it gets a tenth of the requests, and no figure for the memory after all of them.
SLOW = {"llm"}
# The figures of catalogue.py, and where each is found in what one_client.py prints.
FIGURES = {
    "clients.wall": "wall",
    "clients.cpu": "cpu",
    "clients.chunk": "chunk wall",
    "clients.crowd": "crowd",
    "clients.import": "import",
    "clients.first": "first",
    "clients.mb": "mb",
    "clients.mb-after": "mb after",
    "clients.disk": "disk",
    "clients.packages": "packages",
}
Runs = dict[str, list[dict[str, float]]]


def environment(folder: Path, package: str) -> Path | None:
    """The Python of a fresh environment with this package, or None where it cannot be had."""
    steps = (
        ["uv", "venv", "-q", "-p", sys.executable, str(folder)],
        ["uv", "pip", "install", "-q", "-p", str(folder / "bin" / "python"), package],
    )
    clean = {name: value for name, value in os.environ.items() if name != "UV_COMPILE_BYTECODE"}
    for step in steps:
        if subprocess.run(step, check=False, env=clean).returncode:
            return None
    return folder / "bin" / "python"


def sizes(python: Path) -> dict[str, float]:
    """Packages, and MB of their files without byte code; asked before anything is run there."""
    (site,) = (python.parent.parent / "lib").glob("python*/site-packages")
    files = [path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    own = [path for path in files if not path.name.startswith("_virtualenv")]
    return {
        "packages": len(list(site.glob("*.dist-info"))),
        "disk": sum(path.stat().st_size for path in own) / 1e6,
    }


def imported(python: Path, module: str) -> float:
    """Milliseconds of the import in a fresh process, byte code in place."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    walls: list[float] = []
    for _ in range(4):
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
        walls.append(float(done.stdout.strip().splitlines()[-1]) * 1e3)
    return statistics.median(walls[1:])


def one(name: str, python: Path, urls: list[str], requests: int) -> dict[str, float] | None:
    """One run of one client; None, with a line, where it fails."""
    with tempfile.TemporaryDirectory() as home:
        command = [str(python), str(HERE / "one_client.py"), name, *urls, str(requests)]
        environ = {**os.environ, "BENCHMARK_HOME": home, "HOME": home}
        environ.pop("PYTHONPATH", None)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=environ, timeout=120
            )
        except subprocess.TimeoutExpired:
            print(f"{name}: left out of this round, it was not done within 120 s", flush=True)
            return None
    if done.returncode or not done.stdout:
        print(f"{name}: left out of this round: {done.stderr.strip().splitlines()[-1:]}", flush=True)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def rounds(pythons: dict[str, Path], known: dict[str, dict[str, float]], given: argparse.Namespace) -> None:
    """All clients in turn, so many times; the figures so far after each. One that fails is not asked again."""
    runs: Runs = {name: [] for name in pythons}
    with ExitStack() as stack:
        urls = [stack.enter_context(stub(delay)).removesuffix("/v1") for delay in (0.0, 0.1)]
        for name in runs:
            one(name, pythons[name], urls, 0)  # compiles the modules
        for _ in range(given.rounds):
            for name in list(runs):
                requests = max(1, given.requests // 10) if name in SLOW else given.requests
                found = one(name, pythons[name], urls, requests)
                if found is None:
                    del runs[name]
                    continue
                if requests < 1000:
                    found.pop("mb after")
                module = CLIENTS[name][1]
                runs[name].append({**found, **known[name], "import": imported(pythons[name], module)})
            for line in report(runs):
                print(line, flush=True)


def values(runs: list[dict[str, float]], field: str) -> list[float]:
    return [run[field] for run in runs if field in run]


def report(runs: Runs) -> Iterator[str]:
    """The tables, and the figures for the page."""
    for figure, field in FIGURES.items():
        ours = values(runs.get(OURS, []), field)
        if not ours:
            continue
        yield f"\n{figure}\n| | {field} | antiphon ÷ it |\n|---|--:|--:|"
        for name, its in runs.items():
            theirs = values(its, field)
            if not theirs:
                continue
            ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=False))
            mine, value = statistics.median(ours), statistics.median(theirs)
            yield f"| {name} | {value:.4g} | {ratio:.2f} |"
            if name != OURS:
                told(figure, name, mine, value, ratio)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="0: only packages and sizes")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--only", nargs="*", choices=CLIENTS, help="these beside Antiphon")
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of the processes compiles its modules anew
    if shutil.which("uv") is None:
        sys.exit("uv is needed to make the environments")
    chosen = [OURS, *given.only] if given.only is not None else list(CLIENTS)
    with tempfile.TemporaryDirectory() as folder:
        made: dict[str, Path | None] = {}
        known: dict[str, dict[str, float]] = {}
        for name in chosen:
            package = CLIENTS[name][0]
            if package not in made:
                made[package] = environment(Path(folder) / f"env{len(made)}", package)
                if made[package] is None:
                    print(f"{name}: left out, {package} cannot be installed here")
        pythons = {name: python for name in chosen if (python := made[CLIENTS[name][0]]) is not None}
        known = {name: sizes(python) for name, python in pythons.items()}
        if not given.rounds:
            print("\n".join(report({name: [found] for name, found in known.items()})))
        else:
            rounds(pythons, known, given)


if __name__ == "__main__":
    main()
