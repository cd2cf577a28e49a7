"""What runs in the child process: llama.cpp's own servers, and the plan for each request.

Run by path, without the package, so that it works under whatever name the package was imported. It speaks
JSON lines: one line of settings comes in, then commands; answers go out on what was stdout. When its stdin
ends, whoever started it is gone, and it ends too.

A *plan* says which free server takes a request, and whether that server may reuse what it still holds of the
last prompt. See docs/design/local.md for the rule and why it is exact.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, TextIO

# Linux: prctl's option to be killed when the thread that started us dies (linux/prctl.h).
PR_SET_PDEATHSIG = 1
# Seconds that rendering and counting a prompt may take.
PLAN_TIME = 60.0
# Seconds that the engine has to say why it did not start, at the most, and between two looks whether it has.
WORDS_TIME, LOOK = 2.0, 0.02


class Server:
    """One llama.cpp server, and what its slot holds.

    With several slots it computes requests together, and llama.cpp itself chooses the slot that holds most of a prompt:
    faster, but a sum's rounding depends on the company, so nothing is exact and nothing is kept track of.

    `held` is the last prompt as tokens, as far as it was computed in rows of many; None when that is unknown
    (nothing asked yet, or a request that did not end well).
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.rows: int = settings["rows"]
        self.reuse: bool = settings["reuse"]
        self.secret: str = settings["secret"]
        self.engine = build(settings)
        self.url: str = self.engine.listening_address
        self.held: list[int] | None = None
        self.asked: list[int] = []
        self.task: int | None = -1
        self.slots: int = settings["slots"]
        self.running = 0

    def shared(self, prompt: list[int]) -> int:
        """How many leading tokens of `prompt` this server may reuse without changing a bit of the answer."""
        return reusable(self.held or [], prompt, self.rows) if self.reuse else 0

    def take(self, prompt: list[int]) -> bool:
        """Give it a prompt; true if it may reuse what it holds."""
        self.running += 1
        if self.slots > 1:
            return True
        shared = self.shared(prompt)
        self.held, self.asked = None, prompt
        return shared > 0

    def free(self, *, finished: bool) -> None:
        """The request is over. Only one that was sent and finished leaves a prompt that is known to be whole."""
        self.running -= 1
        self.held = None
        if self.slots > 1:
            return
        if finished and self.reuse:
            before, self.task = self.task, self.now()
            if self.task not in (None, before):
                self.held = computed_in_rows(self.asked, self.rows)

    def now(self) -> int | None:
        """The number of the last task in the slot; None while it is at work."""
        (slot,) = self.ask("GET", "/slots")
        return None if slot["is_processing"] else slot.get("id_task", -1)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What this server answers. ValueError with its own words if it refuses."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.secret}"}
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=PLAN_TIME)
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            document = json.loads(answer.read())
        if answer.status != 200:
            raise ValueError(str(document.get("error", {}).get("message", document))[:500])
        return document


def common(a: list[int], b: list[int]) -> int:
    """Length of the common prefix."""
    size = min(len(a), len(b))
    if a[:size] == b[:size]:
        return size
    return next(i for i in range(size) if a[i] != b[i])


def lone_last(count: int, rows: int) -> bool:
    """Whether `count` tokens, cut into batches of `rows`, leave a last batch of one."""
    return count % rows == 1


def computed_in_rows(prompt: list[int], rows: int) -> list[int]:
    """The part of a finished prompt whose state came from batches of many rows."""
    return prompt[:-1] if lone_last(len(prompt), rows) else prompt


def reusable(held: list[int], prompt: list[int], rows: int) -> int:
    """How many tokens of `held` can stand in for those of `prompt`, bit for bit. 0 means: start afresh.

    llama.cpp computes a batch of one row with other kernels than a batch of many, so the two differ in their
    last bits. Reuse is exact when the reused tokens came from batches of many rows, and when the cut leaves
    the last token alone exactly if it would be alone without reuse.
    """
    shared = common(held, prompt)
    # At the end of `held` the server's slot goes on with a token that was generated one at a time (or alone in
    # its batch), and would reuse that too if it matched.
    if shared == 0 or shared == len(held) or shared == len(prompt):
        return 0
    same_cut = lone_last(len(prompt), rows) == lone_last(len(prompt) - shared, rows)
    return shared if same_cut else 0


def build(settings: dict[str, Any]) -> Any:
    """A server, flash attention off; with one slot nothing makes an answer depend on its company."""
    # Only the child imports it: an illegal instruction must stay here.
    xllamacpp: Any = importlib.import_module("xllamacpp")

    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = {settings["alias"]}
    params.api_keys = [settings["secret"]]
    slots: int = settings["slots"]
    params.n_ctx = settings["context"] * slots
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["prompt_threads"]
    params.n_batch = params.n_ubatch = settings["rows"]
    params.n_parallel = slots
    params.kv_unified = False
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    # Both keep states of earlier prompts, which were not all computed in rows of many.
    params.cache_ram_mib = 0
    params.n_ctx_checkpoints = 0
    params.fit_params = False
    params.prefill_assistant = False  # an answer is a turn of its own, never silently the end of another
    params.n_gpu_layers = 0
    params.warmup = False
    params.ui = False
    params.n_threads_http = 8 + slots
    params.verbosity = 1  # errors only, on stderr
    return xllamacpp.Server(params)


class Pool:
    """The servers, started one by one as they are needed."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.servers: list[Server] = [Server(settings)]

    def begin(self, body: dict[str, Any]) -> dict[str, Any]:
        """The plan for one request: a free server, whether it may reuse its prefix, the prompt's length."""
        prompt = self.prompt(body)
        context = self.settings["context"]
        if len(prompt) >= context:
            return {"overflow": len(prompt), "context": context}
        server = self.pick(prompt)
        reuse = server.take(prompt)
        index = self.servers.index(server)
        return {"server": index, "url": server.url, "reuse": reuse, "tokens": len(prompt)}

    def pick(self, prompt: list[int]) -> Server:
        """The free server that holds most of this prompt; a new one while there are fewer than allowed."""
        free = [server for server in self.servers if server.running < server.slots]
        several = self.settings["slots"] > 1
        least = min(free, key=lambda server: server.running, default=None)
        more = (
            several and len(self.servers) < self.settings["servers"] and least is not None and least.running
        )
        if least is None or more:
            self.servers.append(Server(self.settings))
            return self.servers[-1]
        if several:
            return least
        return max(free, key=lambda server: server.shared(prompt))

    def prompt(self, body: dict[str, Any]) -> list[int]:
        """The request as the model will see it, in tokens. ValueError with the engine's words if it cannot."""
        # Any server can: it needs no slot.
        ask = self.servers[0].ask
        text = ask("POST", "/apply-template", body)["prompt"]
        return ask("POST", "/tokenize", {"content": text, "add_special": True, "parse_special": True})[
            "tokens"
        ]


def obey(pool: Pool, command: dict[str, Any]) -> dict[str, Any]:
    """Carry out one command; what went wrong is part of the answer."""
    try:
        if command["op"] == "begin":
            return pool.begin(command["body"])
        pool.servers[int(command["server"])].free(finished=command["finished"])
        return {}
    except (ValueError, RuntimeError, OSError, http.client.HTTPException) as error:
        return {"error": str(error) or type(error).__name__}


def die_with_parent(parent: int) -> None:
    """End when the parent does, however it ends. The end of stdin does the same, on every system."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def volunteer_for_oom() -> None:
    """When memory runs out, the kernel should take this process and not the one with the user's work."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
        score.write("800")


def private_stdout() -> TextIO:
    """The pipe to the parent, out of reach of whatever prints: file descriptor 1 becomes stderr."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return pipe


def wait_for_words(before: int) -> None:
    """Wait until stderr, a file, has a new line and grows no more: the engine's log is written by a thread of its own."""
    size, end = before, time.monotonic() + WORDS_TIME
    while time.monotonic() < end:
        time.sleep(LOOK)
        now = os.fstat(2).st_size
        # Lines come in pieces. Windows cannot look into the file without moving where it is written.
        if before < now == size and (sys.platform == "win32" or os.pread(2, 1, now - 1) == b"\n"):
            return
        size = now


def lines() -> Iterator[dict[str, Any]]:
    """The parent's commands, until it is gone."""
    for line in sys.stdin.buffer:
        yield json.loads(line)


def main() -> None:
    """Start one server, say so, and obey until stdin ends."""
    out = private_stdout()
    commands = lines()
    settings = next(commands)
    sys.path[:] = settings["path"]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    die_with_parent(settings["parent"])
    volunteer_for_oom()

    def say(answer: dict[str, Any]) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    printed = os.fstat(2).st_size
    try:
        pool = Pool(settings)
    except (ImportError, RuntimeError, ValueError, OSError) as error:
        say({"failed": type(error).__name__, "message": str(error)})
        if isinstance(error, RuntimeError):
            wait_for_words(printed)
        os._exit(3)
    say({"ready": len(pool.servers)})
    for command in commands:
        say({"id": command["id"], **obey(pool, command)})
    # No tidying: servers with a request running would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
