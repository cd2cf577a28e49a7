"""`antiphon ui`: starts, says where, and ends."""

from __future__ import annotations

import re
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest


def address(running: Any) -> str:
    return running.process.stdout.readline().decode().strip()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_it_serves_until_it_is_told_to_end(child: Callable[..., Any], name: str):
    """It prints the address with its token alone on stdout, serves the page there, and ends cleanly on a signal."""
    if sys.platform == "win32":
        pytest.skip("no such signals here")
    running = child("ui", "--no-browser")
    url = address(running)
    assert url.startswith("http://127.0.0.1:")
    assert "?token=" in url
    with urlopen(url, timeout=30) as page:
        assert page.status == 200
        assert b"<html" in page.read()
        assert "token" not in page.url

    running.process.send_signal(getattr(signal, name))

    assert running.end() == 0
    assert running.process.stderr.read().decode() == "Ctrl-C ends it\n"


def test_the_code_for_another_browser_is_shown(child: Callable[..., Any]):
    """A browser without the cookie makes the terminal show a code."""
    running = child("ui", "--no-browser", "--lang", "zh")
    url = address(running).partition("?")[0]
    with urlopen(Request(f"{url}antiphon/state", headers={"X-Antiphon": "1"}), timeout=30) as state:
        assert b'"pairing":true' in state.read()

    told = sorted(running.process.stderr.readline().decode() for _ in range(2))  # either may come first
    assert told[0] == "Ctrl-C ends it\n"
    assert re.fullmatch(r"code for another browser: \w{4}-\w{4}\n", told[1])


def test_a_taken_port_is_said(cli: Callable[..., Any]):
    """The error names the port and what to do; the exit code is that of a wrong argument."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = cli("ui", "--no-browser", "--port", port)

    assert result.exit_code == 2
    assert f"port {port} is taken" in result.stderr
    assert "--port" in result.stderr


def test_the_browser_is_opened_with_the_address(child: Callable[..., Any], tmp_path: Path):
    """Unless told otherwise it opens the address that it prints."""
    if sys.platform == "win32":
        pytest.skip("a shell script stands in for the browser")
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}.part"\nmv "{opened}.part" "{opened}"\n')
    browser.chmod(0o755)
    running = child("ui", env={"BROWSER": str(browser)})
    url = address(running)

    for _ in range(3000):
        if opened.exists():
            break
        threading.Event().wait(0.01)

    assert opened.read_text() == url
