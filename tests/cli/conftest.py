"""Ways to run the command line: inside this process, as a child with pipes, and as a child at a terminal."""

from __future__ import annotations

import inspect
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from antiphon.cli import antiphon

DEADLINE = 30.0  # seconds that anything may take on a slow machine


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of one's own, and no keys in the environment."""
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name.startswith("ANTIPHON_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("ANTIPHON_HOME", str(folder))
    return folder


@pytest.fixture
def cli() -> Callable[..., Result]:
    """Run a command inside this process."""

    def run(*arguments: object, stdin: str | bytes | None = None) -> Result:
        # Older versions of click mix the two streams unless told otherwise; newer ones always keep them apart.
        mixes = "mix_stderr" in inspect.signature(CliRunner).parameters
        runner = CliRunner(**({"mix_stderr": False} if mixes else {}))
        return runner.invoke(antiphon, [str(a) for a in arguments], input=stdin)

    return run


def script(**what: object) -> tuple[str, str]:
    """The option that tells the echo provider what else should happen."""
    return "--extra", f"echo={json.dumps(what)}"


@pytest.fixture
def echo_script() -> Callable[..., tuple[str, str]]:
    """`script`, for tests."""
    return script


class Child:
    """`python -m antiphon.cli` (or another program) in a process; `terminal` names the streams that are a pseudo-terminal."""

    def __init__(
        self,
        *arguments: object,
        terminal: str = "",
        env: dict[str, str] | None = None,
        program: tuple[str, ...] = ("-m", "antiphon.cli"),
    ) -> None:
        self.seen = b""  # what came to the terminal
        self._past = 0  # up to where `until` has looked
        self._master = -1
        slave = -1
        if terminal:
            import pty

            self._master, slave = pty.openpty()
        ends = {
            name: slave if name in terminal else subprocess.PIPE for name in ("stdin", "stdout", "stderr")
        }
        environ = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLUMNS": "100",
            "PYTHONFAULTHANDLER": "1",  # so that one that does not end can be made to tell where it is
            **(env or {}),
        }
        self.process = subprocess.Popen(
            [sys.executable, *program, *map(str, arguments)],
            env=environ, start_new_session=True, preexec_fn=_controlling(slave if "stdin" in terminal else -1), **ends,
        )  # fmt: skip
        if slave >= 0:
            os.close(slave)

    def until(self, text: str | bytes) -> str:
        """Read the terminal until `text` has come, after what was waited for before; all up to its end."""
        wanted, start = text.encode() if isinstance(text, str) else text, self._past
        deadline = time.monotonic() + DEADLINE
        while wanted not in self.seen[start:]:
            if not self._read(deadline):
                raise AssertionError(f"{wanted!r} never came; there is {self.seen[start:]!r}")
        self._past = self.seen.index(wanted, start) + len(wanted)
        return self.seen[start : self._past].decode("utf-8", "replace")

    def press_until(self, key: str, text: str) -> None:
        """Press a key until `text` comes: a signal that falls between two of readline's looks waits for the next key."""
        wanted, start = text.encode(), self._past
        deadline = time.monotonic() + DEADLINE
        while wanted not in self.seen[start:]:
            assert time.monotonic() < deadline, f"{wanted!r} never came; there is {self.seen[start:]!r}"
            self.type(key)
            again = time.monotonic() + 1.0
            while wanted not in self.seen[start:] and self._read(again):
                pass
        self._past = self.seen.index(wanted, start) + len(wanted)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # Linux says EIO when the other side is closed
            return False
        self.seen += piece
        return bool(piece)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Wait for the end; its exit code. What was left on the terminal is in `seen`."""
        deadline = time.monotonic() + DEADLINE
        if self._master >= 0:
            while self._read(deadline):
                pass
        try:
            return self.process.wait(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it never ended; it is here:\n{self._where()}") from None

    def _where(self) -> str:
        """What came to stderr, with the stacks of all threads at last; that ends the process."""
        self.process.send_signal(signal.SIGABRT)
        if self.process.stderr is not None:
            return self.process.communicate(timeout=DEADLINE)[1].decode("utf-8", "replace")
        while self._read(time.monotonic() + 1.0):
            pass
        return self.seen.decode("utf-8", "replace")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self._master >= 0:
            os.close(self._master)


def _controlling(slave: int) -> Callable[[], None] | None:
    """Make the terminal the child's own, so that Ctrl-C typed there reaches it."""
    if slave < 0:
        return None

    def take() -> None:
        import fcntl
        import termios

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    return take


@pytest.fixture
def child() -> Iterator[Callable[..., Child]]:
    """Start the command line as a child process; it is ended with the test."""
    children: list[Child] = []

    def start(*arguments: object, **how: object) -> Child:
        if how.get("terminal") and sys.platform == "win32":
            pytest.skip("no pseudo-terminals here")
        children.append(Child(*arguments, **how))  # type: ignore[arg-type]
        return children[-1]

    yield start
    for one in children:
        one.close()
