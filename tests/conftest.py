"""What several test files share: a home folder of their own, and the real llama.cpp server."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .postgres_server import PostgresServer, binaries, serving

ROOT = Path(__file__).parents[1]
if __name__.startswith(f"{ROOT.name}."):
    # pytest names test modules by the repository's folder, which has an __init__.py for ComfyUI; spawned processes
    # import them by that name.
    sys.path.append(str(ROOT.parent))


@dataclass(frozen=True)
class LlamaServer:
    """A running llama.cpp server: its address with /v1, its key, and the model it serves."""

    base_url: str
    api_key: str
    model: Path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL server from the system's packages; skips where there is none."""
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("needs psycopg (the postgres extra)")
    programs = None if os.name != "posix" else binaries()
    if programs is None:
        pytest.skip("needs a PostgreSQL server (apt-get install postgresql)")
    with serving(programs) as server:
        yield server


@pytest.fixture(scope="session")
def llama_server() -> Iterator[LlamaServer]:
    """llama.cpp's own server with SmolLM2-135M-Instruct, in a child process; skips where either is missing."""
    for package in ("xllamacpp", "antiphon_smollm2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package} (the local extra)")
    import antiphon_smollm2

    model, key = antiphon_smollm2.path(), secrets.token_hex(16)
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("llama_server.py")), str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "LLAMA_API_KEY": key},
    )
    with child:
        assert child.stdout is not None
        assert child.stdin is not None
        ready = child.stdout.readline()  # the end of the file if it dies first
        if not ready:
            assert child.stderr is not None
            pytest.fail(f"llama.cpp's server did not start: {child.stderr.read().decode()[-2000:]}")
        yield LlamaServer(json.loads(ready)["base_url"], key, model)
        child.stdin.close()
        child.wait(timeout=30)
