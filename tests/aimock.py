"""@copilotkit/aimock (npm), an independent mock of the providers, where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .ports import free_port

KEY = "aimock-test-key"
DEADLINE = 30.0  # seconds that it may take to start on a slow machine

TEXT, REASONING = '{"n": 7}', "A greeting. "  # a text that a schema may ask for
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "cost": 0.0125}
SAID: Sequence[dict[str, Any]] = (
    {
        "match": {"userMessage": "hello"},
        "response": {"content": TEXT, "reasoning": REASONING, "usage": USAGE},
    },
    {
        "match": {"userMessage": "busy"},
        "response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429},
    },
    {
        "match": {"userMessage": "down"},
        "response": {"error": {"message": "out of order", "type": "server_error"}, "status": 503},
    },
)
"""What it says unless told otherwise, by a word in the prompt."""


def command() -> list[str]:
    """How to start it: $AIMOCK names its cli.js, else node_modules in the repository, else the PATH."""
    local = Path(__file__).parents[1] / "node_modules/@copilotkit/aimock/dist/cli.js"
    script = Path(os.environ.get("AIMOCK") or local)
    node, installed = shutil.which("node"), shutil.which("aimock")
    if node and script.is_file():
        return [node, str(script)]
    if installed:
        return [installed]
    pytest.skip("needs @copilotkit/aimock (npm install --ignore-scripts @copilotkit/aimock)")


@contextmanager
def serve(folder: Path, fixtures: Sequence[dict[str, Any]] = (), *, key: str = KEY) -> Iterator[str]:
    """The address of a running aimock that answers by these fixtures, and takes `key` alone (any if it is empty)."""
    fixtures = fixtures or SAID
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": list(fixtures)}))
    port = free_port()
    started = [*command(), "-p", str(port), "-f", str(folder), "--log-level", "silent"]
    keys = {"AIMOCK_API_KEYS": key} if key else {}
    with subprocess.Popen(started, env={**os.environ, **keys}) as child:
        try:
            url = f"http://127.0.0.1:{port}"
            _await(url, child)
            yield url
        finally:
            child.terminate()


def _await(url: str, child: subprocess.Popen[bytes]) -> None:
    """Return when the server answers at all."""
    end = time.monotonic() + DEADLINE
    while not _answers(url):
        if time.monotonic() > end or child.poll() is not None:
            pytest.fail("aimock did not start")
        time.sleep(0.02)


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        direct.open(url, timeout=5).close()
    except urllib.error.HTTPError as answered:
        answered.close()
    except OSError:
        return False
    return True
