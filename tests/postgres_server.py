"""A real PostgreSQL server for tests: in a folder of its own, on a loopback port, ended with the tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .ports import free_port

PASSWORD = "hush/hush@42:x"
PATIENCE = 60.0


def binaries() -> Path | None:
    """The folder with initdb and postgres: the newest of Debian's, or where they are on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda it: int(it.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


def as_other_user(*command: str) -> list[str]:
    """The command; as root with the rights of another user, because the server refuses to run as root."""
    if os.geteuid():
        return list(command)
    return ["setpriv", f"--reuid={_user()}", f"--regid={_user()}", "--clear-groups", *command]


def _user() -> str:
    with contextlib.suppress(KeyError):
        pwd.getpwnam("postgres")
        return "postgres"
    return "nobody"


class PostgresServer:
    """The server; `boss` may do everything."""

    def __init__(self, folder: Path, programs: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self._programs = programs
        self._fsync = "on" if durable else "off"
        self._numbers = count()
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "password").write_text(PASSWORD)
        if not os.geteuid():
            shutil.chown(folder, _user())
            shutil.chown(folder / "password", _user())
        command = as_other_user(
            str(programs / "initdb"), "-D", str(self.data), "-U", "boss", "-A", "scram-sha-256",
            f"--pwfile={folder / 'password'}", "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120, cwd="/")

    def url(
        self, database: str = "postgres", user: str = "boss", password: str = PASSWORD, port: int = 0
    ) -> str:
        """The address of a database, with the password in it."""
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        command = as_other_user(
            str(self._programs / "postgres"), "-D", str(self.data), "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}",
            "-c", f"fsync={self._fsync}", "-c", "max_connections=60",
        )  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        self.wait()

    def wait(self) -> None:
        """Until a query is answered."""
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2_000:]
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether it takes connections now."""
        import psycopg

        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: int = signal.SIGINT) -> None:
        """End it: SIGINT ends all sessions first, SIGQUIT is a crash."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All its processes are stopped, as on a machine that hangs; its connections stay open."""
        assert self._process is not None
        top = self._process.pid
        children = Path(f"/proc/{top}/task/{top}/children").read_text().split()
        everybody = [top, *map(int, children)]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in everybody:
                os.kill(pid, signal.SIGCONT)

    def execute(self, sql: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        """The rows of a statement, as `boss`."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def made(self) -> str:
        """The address of a new, empty database."""
        name = f"store{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@contextmanager
def serving(programs: Path, *, durable: bool = False) -> Iterator[PostgresServer]:
    """A running server; what it promises to keep survives a power failure only if it is `durable`."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = PostgresServer(folder, programs, durable=durable)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
