"""The embedded engine as its callers see it: a child process that is there when it is needed.

All of it runs on the private I/O loop. Each child has two threads of its own: one starts it, listens and sees
it end (the kernel ties a child's life to the thread that started it), one writes, so that the loop never waits
for a pipe. Answers do not pass through here: callers speak HTTP to the servers in the child.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import itertools
import json
import os
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..call import Secret
from ..errors import AntiphonError, Cancelled, RequestError, TransportError
from . import facts, machine
from .models import LocalModel, resolve
from .settings import FAST_RECIPE, RECIPE, Settings, context

__all__ = ["Address", "Status", "identity", "lease", "rest", "status", "unload"]

# Most tokens of an answer when the request does not say: without a bound the engine runs to the context's end.
MAX_TOKENS = 512
# Seconds that an ending child is given before it is killed, and that a broken connection waits for news of it.
ENDING_TIME = 5.0
NEWS_TIME = 2.0
# Stands in for the exit status of a process that could not be started.
NOT_STARTED = 1 << 32
# Sent in every request: the order of the samplers, and those that Antiphon has no setting for switched off.
FIXED: Mapping[str, Any] = {
    "samplers": ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
    "repeat_last_n": 64,
    "dry_multiplier": 0.0,
    "top_n_sigma": -1.0,
    "typical_p": 1.0,
    "xtc_probability": 0.0,
    "dynatemp_range": 0.0,
    "mirostat": 0,
}
# Fields that would make an answer depend on the clock or on other requests, or ask for several.
NOT_TAKEN = ("cache_prompt", "id_slot", "n", "n_cache_reuse", "return_progress", "t_max_predict_ms")

Later = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


class Address(NamedTuple):
    """Where one request goes, what proves that it may, and the fields it must carry besides its own."""

    url: str
    secret: Secret
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Status:
    """One loaded model: its name and file, the child's process id, requests running or waiting."""

    model: str
    path: Path
    pid: int
    requests: int


def identity(name: str, *, fast: bool = False) -> dict[str, str]:
    """What decides an answer besides the request: engine, backend, sum of the model file, context, recipe.

    In the fast way other requests decide too, so its answers are recorded under a recipe, and keys, of their own.

    Microseconds once the file has been seen. RequestError if engine or model is missing or not what it should be.
    """
    model = resolve(name)
    known = _checked(model)
    return {
        "engine": machine.engine_version(),
        "backend": machine.backend(),
        "model_sha256": known.sha256,
        "context": str(context(known, fast=fast)),
        "recipe": FAST_RECIPE if fast else RECIPE,
    }


def _checked(model: LocalModel) -> facts.Facts:
    known = facts.learn(model.path)
    if model.sha256 not in (None, known.sha256):
        raise RequestError(
            f"the model file {model.path} has SHA-256 {known.sha256}, not {model.sha256}",
            field="model",
            hint="It was changed or damaged. Install it again: "
            "pip install --force-reinstall --no-deps antiphon-smollm2",
        )
    return known


# ---------------------------------------------------------------------------------------------- leases


@asynccontextmanager
async def lease(name: str, body: Mapping[str, Any], *, fast: bool = False) -> AsyncGenerator[Address, None]:
    """A server of this model for one request, started if need be; first come, first served.

    In the `fast` way a server computes several requests together.

    `body` is the request as it will be sent; the address's `body` adds what it leaves open. RequestError when
    it cannot be honoured or the model cannot be loaded, TransportError when the engine dies meanwhile.
    """
    for field in NOT_TAKEN:
        if field in body:
            raise RequestError(f"the embedded model does not take {field}", field=field)
    engine = await _engine(name, fast=fast)
    async with engine.turn() as child:
        plan = await child.begin(body)
        finished = False
        try:
            yield Address(plan["url"], child.secret, engine.missing(body) | {"cache_prompt": plan["reuse"]})
            finished = True
        except Cancelled:
            raise
        except TransportError as error:
            await child.news()
            if child.ended is not None:
                raise child.death(before_output=error.before_output) from error
            raise
        finally:
            child.say({"op": "end", "server": plan["server"], "finished": finished})


_Key = tuple[asyncio.AbstractEventLoop, str, str, Settings]
_engines: dict[_Key, Engine] = {}


async def _engine(name: str, *, fast: bool) -> Engine:
    """The engine for this model, made on first use. Reading and summing the file happens in a worker thread."""
    model = resolve(name)
    known = await asyncio.to_thread(_checked, model)
    settings = Settings.of(known, model.path.stat().st_size, fast=fast)
    key = (asyncio.get_running_loop(), str(model.path), known.sha256, settings)
    if key not in _engines:
        _engines[key] = Engine(model, settings)
    return _engines[key]


class Engine:
    """One model with its settings: its child while there is one, and the queue for the servers in it.

    `later` arranges the idle time-out; tests give their own.
    """

    def __init__(self, model: LocalModel, settings: Settings, later: Later | None = None) -> None:
        self.model = model
        self.settings = settings
        self.later = later or asyncio.get_running_loop().call_later
        self.child: Child | None = None
        self.requests = 0
        self._servers = asyncio.Semaphore(settings.servers * settings.slots)
        self._start = asyncio.Lock()
        self._rest: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Child, None]:
        """Wait for a free server; gives the living child it is in."""
        self.requests += 1
        if self._rest is not None:
            self._rest.cancel()
        try:
            async with self._servers:
                yield await self.started()
        finally:
            self.requests -= 1
            if self.requests == 0:
                self._rest = self.later(self.settings.idle, self.stop_if_idle)

    async def started(self) -> Child:
        """The child, ready. Several that wait for it share one start."""
        async with self._start:
            if self.child is None or self.child.ended is not None:
                await asyncio.to_thread(machine.check)
                self.child = Child(self.model, self.settings)
            await self.child.ready()
            return self.child

    def missing(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that the request leaves open, so that the engine's own defaults decide nothing."""
        # Without a seed a fresh sample is wanted; saying so ourselves keeps it from the engine's defaults.
        wanted = {**FIXED, **self.model.sampling, "max_tokens": MAX_TOKENS, "seed": secrets.randbelow(2**31)}
        return {name: value for name, value in wanted.items() if name not in body}

    def stop_if_idle(self) -> None:
        """Unload unless a request came in between."""
        if self.requests == 0:
            self.stop()

    def stop(self) -> None:
        """Unload: the child ends. The next request starts another."""
        if self._rest is not None:
            self._rest.cancel()
        child, self.child = self.child, None
        if child is not None:
            child.kill()


# --------------------------------------------------------------------------------------------- the child


class Child:
    """One started process, and the lines that go to and fro."""

    def __init__(self, model: LocalModel, settings: Settings) -> None:
        self.model = model
        token = secrets.token_hex(32)
        self.secret = Secret(token)
        self.ended: int | None = None
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = threading.Event()
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._over = asyncio.Event()
        self._failed: dict[str, Any] = {}
        self._said = ""
        # Over a pipe: arguments and environment can be read by others.
        self._send({**self._first_line(settings), "secret": token})
        # Threads that wait by spinning make prompts 3 times slower on a busy machine, and sleeping ones cost
        # little where only prompts are read by several. Decoding by several would suffer: leave that alone.
        self._env = {"OMP_WAIT_POLICY": "passive"} if settings.threads == 1 else dict[str, str]()
        self._thread = threading.Thread(target=self._live, name="antiphon-local", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process id, 0 before it has one."""
        return self._process.pid if self._process is not None else 0

    def _first_line(self, settings: Settings) -> dict[str, Any]:
        return {
            "path": sys.path,
            "parent": os.getpid(),
            "model": str(self.model.path),
            "alias": self.model.name,
            "context": settings.context,
            "threads": settings.threads,
            "prompt_threads": settings.prompt_threads,
            "rows": settings.rows,
            "reuse": settings.reuse,
            "servers": settings.servers,
            "slots": settings.slots,
        }

    # ---- on its own threads

    def _live(self) -> None:
        """The process from start to end, in the thread that its life hangs on."""
        with tempfile.TemporaryFile() as stderr:
            code, problem = NOT_STARTED, ""
            try:
                process = subprocess.Popen(  # noqa: S603 - our own interpreter and file  # nosec B603
                    [sys.executable, str(Path(__file__).with_name("child.py"))],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env={**self._env, **os.environ},
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            except (OSError, ValueError) as error:
                problem = f"cannot start {sys.executable or 'a Python process'}: {error}"
            else:
                self._process = process
                if self._killed.is_set():
                    process.kill()
                code = self._listen(process)
            stderr.seek(0)
            said = problem or _last_error(stderr.read()[-8000:].decode("utf-8", "replace"))
        self._tell(self._end, code, said)

    def _listen(self, process: subprocess.Popen[bytes]) -> int:
        writer = threading.Thread(target=self._write, args=(process,), name="antiphon-local-out", daemon=True)
        writer.start()
        with process:  # closes the pipes and reaps the process
            assert process.stdout is not None
            for line in process.stdout:
                self._tell(self._hear, json.loads(line))
            process.wait()
            self._outgoing.put(None)
            writer.join()
        return process.returncode

    def _write(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        # A broken pipe means that the child is gone, which the listening thread reports.
        with contextlib.suppress(OSError, ValueError):
            while (line := self._outgoing.get()) is not None:
                process.stdin.write(line)
                process.stdin.flush()

    def _tell(self, call: Callable[..., None], *args: Any) -> None:
        # The loop is closed only while the interpreter ends.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)

    # ---- on the loop

    def _send(self, line: dict[str, Any]) -> None:
        self._outgoing.put(json.dumps(line).encode() + b"\n")

    def _hear(self, line: dict[str, Any]) -> None:
        if "ready" in line:
            self._ready.set_result(None)
        elif "failed" in line:
            self._failed = line
        elif (waiting := self._waiting.pop(line["id"], None)) is not None and not waiting.done():
            waiting.set_result(line)

    def _end(self, code: int, said: str) -> None:
        self.ended = code
        self._said = said
        if not self._ready.done():
            self._ready.set_exception(self._start_error())
            self._ready.exception()  # whoever waited may be gone
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self.death(before_output=True))
                waiting.exception()  # not everyone waits for an answer
        self._waiting.clear()
        self._over.set()

    def _start_error(self) -> AntiphonError:
        if not self._failed:
            return self.death(before_output=True)
        return machine.start_error(
            self._failed["failed"], self._failed["message"], self.model.path, self._said
        )

    async def ready(self) -> None:
        """Wait until the model is loaded. What went wrong is raised to all who wait."""
        await asyncio.shield(self._ready)

    def say(self, command: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        """Send a command; the future is its answer."""
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        if self.ended is not None:
            answer.set_exception(self.death(before_output=True))
            answer.exception()  # not everyone waits for an answer
            return answer
        self._waiting[number] = answer
        self._send({"id": number, **command})
        return answer

    async def begin(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A server for this request and the plan for it."""
        answer = self.say({"op": "begin", "body": body})
        try:
            plan = await asyncio.shield(answer)
        except asyncio.CancelledError:
            # The child has taken a server all the same. Its number comes with the answer, so wait for that.
            plan = await answer
            if "server" in plan:
                self.say({"op": "end", "server": plan["server"], "finished": False})
            raise
        return _usable(plan, self.model)

    async def news(self) -> None:
        """Wait a moment to learn whether the child has ended."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._over.wait(), NEWS_TIME)

    def death(self, *, before_output: bool) -> TransportError:
        """The error for a request that the child took with it."""
        code = self.ended if self.ended is not None else 0
        if code == NOT_STARTED:
            return TransportError(self._said, before_output=True)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        if self._killed.is_set():
            return TransportError(
                "the embedded model was unloaded", phase="cut-off", before_output=before_output
            )
        said = f": {self._said}" if self._said else ""
        return TransportError(
            f"the embedded engine {how} while {self.model.name} was answering{said}",
            phase="cut-off",
            before_output=before_output,
            hint="It is started again with the next request. Killed by signal 9 usually means that memory ran "
            "out: use a smaller model, or a smaller context with ANTIPHON_LOCAL_CONTEXT.",
        )

    def kill(self) -> None:
        """End the process at once; there is nothing in it to save."""
        self._killed.set()
        if self._process is not None:
            self._process.kill()

    def join(self) -> None:
        """Wait until it is gone. Not on the loop."""
        self._thread.join(ENDING_TIME)

    def leave_to_parent(self) -> None:
        """In a forked process: let go of the pipe, so that the child still sees the real parent end."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                os.close(self._process.stdin.fileno())


def _usable(plan: dict[str, Any], model: LocalModel) -> dict[str, Any]:
    if "overflow" in plan:
        raise RequestError(
            f"the prompt has {plan['overflow']:,} tokens; {model.name} takes {plan['context']:,} with the answer",
            field="messages",
            hint="Shorten it, or raise ANTIPHON_LOCAL_CONTEXT if the model was trained on more.",
        )
    if "error" in plan:
        raise RequestError(f"{model.name} cannot take this request: {plan['error']}", field="messages")
    return plan


def _last_error(text: str) -> str:
    """The most telling line that the engine printed: its first error, without the time stamp."""
    errors = [line.partition(" E ")[2].strip() for line in text.splitlines() if " E " in line]
    return errors[0] if errors else (text.strip().splitlines() or [""])[-1]


# ---------------------------------------------------------------------------------------- from outside


def status() -> tuple[Status, ...]:
    """The models that are loaded now."""
    return tuple(
        Status(engine.model.name, engine.model.path, engine.child.pid, engine.requests)
        for engine in list(_engines.values())
        if engine.child is not None and engine.child.ended is None
    )


def unload() -> None:
    """End all child processes and give back their memory. The next request loads its model again.

    Requests that are running fail with TransportError.
    """
    engines, children = list(_engines.values()), list[Child]()
    _engines.clear()
    for engine in engines:
        if engine.child is not None:
            children.append(engine.child)
            engine.child.kill()
    for child in children:
        child.join()


def rest() -> None:
    """Unload the models that answer nothing now. Only on the private loop, so that no request comes in between."""
    for engine in tuple(_engines.values()):
        engine.stop_if_idle()


def _forget() -> None:
    """In a forked process the children belong to the parent."""
    for engine in _engines.values():
        if engine.child is not None:
            engine.child.leave_to_parent()
    _engines.clear()


atexit.register(unload)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
