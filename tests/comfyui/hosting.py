"""A real ComfyUI in a process of its own, and a client for it: HTTP, and the websocket of a page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from ..ports import free_port

ROOT = Path(__file__).parents[2]
# Any name does: ComfyUI makes a module of it, with all that no identifier has.
FOLDER = "an LLM-pack v1.0"
STARTING = 120.0  # seconds
TEXT = 3  # the type of a binary message that holds the text of a node

T = TypeVar("T")


def python(comfyui: Path) -> str:
    """The Python that has what ComfyUI needs: $COMFYUI_PYTHON, or the one of a virtual environment in its folder."""
    given = os.environ.get("COMFYUI_PYTHON")
    found = [str(path) for name in ("venv", ".venv") if (path := comfyui / name / "bin" / "python").exists()]
    return given or next(iter(found), sys.executable)


class _Loop:
    """An event loop in a thread, so that tests are plain functions while websockets are read."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float = 60) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)


@dataclass
class Run:
    """One prompt in the queue: what its page is told, and how it ends."""

    host: ComfyUI
    prompt_id: str = ""
    client_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    start: float = 0.0
    events: list[tuple[float, str, Any]] = field(default_factory=list)  # seconds since the start, type, data
    texts: list[tuple[float, str, str]] = field(default_factory=list)  # seconds, node, text
    heard: bytearray = field(default_factory=bytearray)  # every byte of the websocket
    ended: threading.Event = field(default_factory=threading.Event)
    outcome: str = ""  # success, error, interrupted
    error: Any = None
    seconds: float = 0.0
    began: threading.Event = field(default_factory=threading.Event)

    def hear(self, kind: str, data: Any) -> None:
        now = time.monotonic() - self.start
        self.events.append((now, kind, data))
        if not isinstance(data, dict) or data.get("prompt_id") != self.prompt_id:
            return
        if kind == "executing":
            self.began.set()
        if kind in ("execution_success", "execution_error", "execution_interrupted"):
            self.outcome, self.error, self.seconds = kind.removeprefix("execution_"), data, now
            self.ended.set()

    def wait(self, timeout: float = 60) -> Run:
        """This run when it has ended."""
        if not self.ended.wait(timeout):
            raise AssertionError(f"the prompt did not end within {timeout} s:\n{self.host.log[-3000:]}")
        return self

    @property
    def history(self) -> Any:
        """What ComfyUI keeps of it. It is written after the event."""
        for _ in range(200):
            found = self.host.get(f"/history/{self.prompt_id}")
            if found:
                return found[self.prompt_id]
            time.sleep(0.02)
        raise AssertionError("no history")

    def text(self, node: str) -> str:
        """The text that a node put out."""
        return "".join(self.history["outputs"][node]["text"])

    @property
    def cached(self) -> set[str]:
        return {node for _, kind, data in self.events if kind == "execution_cached" for node in data["nodes"]}


class ComfyUI:
    """One ComfyUI with our pack in its custom_nodes, on a free loopback port, with folders of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
        pack: bool = True,
        called: str = FOLDER,
    ) -> None:
        self.path = Path(os.environ["COMFYUI_PATH"])
        self.folder = folder
        self.environment = dict(environment or {})
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None
        self._loop = _Loop()
        custom = folder / "custom_nodes"
        for name in ("custom_nodes", "input", "output", "user", "models", "temp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).with_name("nodes_for_tests.txt"), custom / "for_tests.py")
        if pack and not (custom / called).exists():
            (custom / called).symlink_to(ROOT, target_is_directory=True)

    # ---------------------------------------------------------------------------------- the process

    def start(self, port: int = 0) -> ComfyUI:
        """Start it on a free port, or on this one."""
        self.port = port or free_port()
        self._log = (self.folder / "comfyui.log").open("ab")
        self.process = subprocess.Popen(
            [
                *(python(self.path), str(self.path / "main.py"), "--cpu", "--listen", "127.0.0.1"),
                *("--port", str(self.port), "--disable-auto-launch", "--base-directory", str(self.folder)),
                *("--database-url", "sqlite:///:memory:", "--disable-api-nodes", *self.arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            cwd=self.folder,
        )
        deadline = time.monotonic() + STARTING
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, aiohttp.ClientError):
                assert "queue_running" in self.get("/queue"), "somebody else answers"
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.stop()
        raise AssertionError(f"ComfyUI does not start:\n{self.log[-5000:]}")

    def _environment(self) -> dict[str, str]:
        """No key of whoever runs the tests, and none of their settings."""
        ours = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANTIPHON_", "AWS_", "PYTHON")) and not name.endswith(("_KEY", "_TOKEN"))
        }
        return {**ours, "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1", **self.environment}

    def stop(self) -> None:
        """End the process that this object started."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
            self._log.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    @property
    def log(self) -> str:
        return (self.folder / "comfyui.log").read_text(encoding="utf-8", errors="replace")

    @property
    def version(self) -> tuple[int, ...]:
        text = self.get("/system_stats")["system"]["comfyui_version"]
        return tuple(map(int, text.split(".")))

    # ------------------------------------------------------------------------------------- asking

    def fetch(self, path: str) -> bytes:
        return self._loop.run(self._request("GET", path, None))

    def get(self, path: str) -> Any:
        return json.loads(self.fetch(path))

    def post(self, path: str, document: Any = None) -> Any:
        body = self._loop.run(self._request("POST", path, document if document is not None else {}))
        return json.loads(body) if body.startswith((b"{", b"[")) else body

    async def _request(self, method: str, path: str, document: Any) -> bytes:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.request(method, url, json=document) as reply:
            return await reply.read()

    def hello(self, client: str) -> Any:
        """What our script says first: that this client shows answers by itself."""
        return json.loads(self._loop.run(self._said("comfyui/page", {"client": client})))

    async def _said(self, path: str, document: Any) -> bytes:
        url = f"http://127.0.0.1:{self.port}/antiphon/{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=document, headers={"X-Antiphon": "1"}) as reply,
        ):
            return await reply.read()

    def queue(
        self, graph: Any, *, workflow: Any = None, page: bool = True, script: bool = False, info: Any = None
    ) -> Run:
        """Queue a graph as a page does (or, without `page`, as a script that does not listen).

        With `script` the page has our script. `info` is all that files are to be saved with, in place of the workflow
        alone.
        """
        run = Run(self)
        listening = threading.Event()
        if page:
            asyncio.run_coroutine_threadsafe(self._listen(run, listening), self._loop.loop)
            assert listening.wait(20)
        if script:
            self.hello(run.client_id)
        body: dict[str, Any] = {"prompt": graph, "extra_data": {}}
        if page:
            body["client_id"] = run.client_id
        if workflow is not None:
            info = {"workflow": workflow}
        if info is not None:
            body["extra_data"] = {"extra_pnginfo": info}
        run.prompt_id = body["prompt_id"] = str(uuid.uuid4())
        run.start = time.monotonic()
        answer = self.post("/prompt", body)
        assert answer.get("prompt_id") == run.prompt_id, answer
        return run

    def run(self, graph: Any, **options: Any) -> Run:
        """Queue a graph and wait for its end."""
        return self.queue(graph, **options).wait()

    def finished(self, run: Run, timeout: float = 60) -> Any:
        """The history of a run that nobody listens to, when it has ended."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = self.get(f"/history/{run.prompt_id}")
            if found:
                return found[run.prompt_id]
            time.sleep(0.02)
        raise AssertionError(f"the prompt did not end:\n{self.log[-3000:]}")

    async def _listen(self, run: Run, listening: threading.Event) -> None:
        url = f"http://127.0.0.1:{self.port}/ws?clientId={run.client_id}"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, max_msg_size=0, heartbeat=None) as socket,
        ):
            async for message in socket:
                listening.set()
                if message.type == aiohttp.WSMsgType.TEXT:
                    run.heard += message.data.encode()
                    document = json.loads(message.data)
                    run.hear(document["type"], document["data"])
                elif message.type == aiohttp.WSMsgType.BINARY:
                    run.heard += message.data
                    _hear_text(run, message.data)
                if run.ended.is_set():
                    return


def _hear_text(run: Run, data: bytes) -> None:
    kind, length = struct.unpack(">II", data[:8])
    if kind == TEXT:
        node, text = data[8 : 8 + length].decode(), data[8 + length :].decode()
        run.texts.append((time.monotonic() - run.start, node, text))
