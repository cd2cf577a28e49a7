"""Each dialect's reply, plain and streamed, with what asks for it and what must come of it."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from antiphon import Client, loop
from antiphon.completion import Completion
from antiphon.errors import AntiphonError
from antiphon.request import Timeout

from .. import bedrock_server
from ..captured import pairs
from ..dialects.test_fuzz import replies, wired
from .proxy import Proxy, between

FULL = os.environ.get("ANTIPHON_CHAOS") == "full"  # every offset of every reply, and every cancel
PATIENCE = 60.0  # seconds after which something hangs; never waited for where all is well
HOURS = Timeout(connect=PATIENCE, first_token=PATIENCE, idle=PATIENCE, total=PATIENCE)

# The name of each captured reply, by dialect: first the plain one.
CAPTURED = {
    "openai_chat": ("openai", "text", "stream"),
    "openai_responses": ("openai", "reasoning", "reasoning, streamed"),
    "anthropic_messages": ("anthropic", "text", "stream"),
    "gemini_content": ("gemini", "text", "stream"),
    "bedrock_converse": ("bedrock_claude", "text", "stream"),
    "bedrock_invoke_claude": ("bedrock_claude", "text by InvokeModel", "stream by InvokeModel"),
    "bedrock_invoke_mistral": ("bedrock_mistral", "text by InvokeModel", "stream by InvokeModel"),
}
# Those whose providers are no captured ones: the reply is the fuzz tests', the question plain.
OTHERS = {
    "anthropic_vertex": (
        "vertex",
        "/v1/projects/dusk/locations/eu",
        {"dialect": "anthropic_vertex", "model": "claude-sonnet-5", "max_tokens": 64},
    ),
    "ollama_chat": ("ollama", "", {"model": "llama3.2"}),
}


@dataclass(frozen=True)
class Ask:
    """A question, how it is asked, and the reply that the server has for it."""

    name: str
    dialect: str
    provider: str
    path: str  # of the base URL
    settings: dict[str, Any]
    stream: bool
    reply: bedrock_server.Answer


def _captured(dialect: str, file: str, title: str) -> Ask:
    case = next(it for it in pairs.cases(file) if it.name == title)
    settings = {name: value for name, value in case.ask.items() if name not in ("stream", "seed")}
    if case.provider != "bedrock":
        settings["api_key"] = pairs.KEY
    assert case.reply is not None
    answer = pairs.served(case.reply)
    return Ask(
        _name(dialect, stream=case.stream), dialect, case.provider, case.path, settings, case.stream, answer
    )


def _other(dialect: str, *, stream: bool) -> Ask:
    provider, path, settings = OTHERS[dialect]
    if dialect == "anthropic_vertex":
        case = "stream" if stream else "text"
        answer = pairs.served(pairs.load("anthropic")["cases"][case]["reply"])
        settings = {"api_key": pairs.KEY, **settings}
    else:
        found = wired(replies()[_name(provider, stream=stream)].reply)
        answer = bedrock_server.Answer(found.body, found.status, dict(found.headers))
    settings = {"prompt": "Name one colour of dusk.", **settings}
    return Ask(_name(dialect, stream=stream), dialect, provider, path, settings, stream, answer)


def _name(dialect: str, *, stream: bool) -> str:
    return f"{dialect}, streamed" if stream else dialect


ASKS: dict[str, Ask] = {
    ask.name: ask
    for ask in (
        *(_captured(dialect, file, title) for dialect, (file, *both) in CAPTURED.items() for title in both),
        *(_other(dialect, stream=stream) for dialect in OTHERS for stream in (False, True)),
    )
}


def facts(completion: Completion) -> dict[str, Any]:
    """All that a completion says of the answer, and not of how it came."""
    return pairs.facts(replace(completion, seed_status="none"))


SAID = ("text", "reasoning", "media", "finish_reason")


def content(found: dict[str, Any]) -> dict[str, Any]:
    """What the answer is, without what is told about it."""
    return {name: found.get(name) for name in SAID}


class Trial:
    """One question asked again and again, each time with another seed, of a server behind the proxy."""

    def __init__(self, ask: Ask, client: Client, proxy: Proxy) -> None:
        self.ask, self.client, self.proxy = ask, client, proxy
        self.asked = 0
        self.first = 1  # the first seed that counts
        self.heard = True  # what a stream gives piece by piece has to be what it is in the end
        self.whole: dict[int, dict[str, Any]] = {}  # what came whole, by seed
        self.errors: list[AntiphonError] = []
        undisturbed = self.outcome()
        assert isinstance(undisturbed, dict), undisturbed
        self.undisturbed = undisturbed
        assert self.undisturbed.get("text") or self.undisturbed.get("media")

    def settings(self, seed: int, **more: Any) -> dict[str, Any]:
        address = self.proxy.url + self.ask.path
        own = {"provider": self.ask.provider, "base_url": address, "retries": 0, "timeout": HOURS}
        return {**own, **self.ask.settings, "seed": seed, **more}

    def outcome(self, **more: Any) -> dict[str, Any] | AntiphonError:
        """The facts of what came, or the typed error. Whatever else is raised fails the test."""
        self.asked += 1
        settings = self.settings(self.asked, **more)
        prompt = settings.pop("prompt")
        try:
            if self.ask.stream:
                with self.client.stream(prompt, **settings) as deltas:
                    heard = "".join(delta.text for delta in deltas)
                found = facts(deltas.completion)
                assert heard == found["text"] or not self.heard, (heard, found["text"])
            else:
                found = facts(self.client.complete(prompt, **settings))
        except AntiphonError as error:
            self.errors.append(error)
            return error
        self.whole[self.asked] = found
        return found

    def whole_or_error(self, *, strict: bool = True, counts: bool = True, **more: Any) -> None:
        """Ask once: what comes is what comes undisturbed (the `counts` of tokens among it), or a typed error."""
        found = self.outcome(**more)
        if isinstance(found, AntiphonError):
            assert found.message
        elif strict:
            assert content(found) == content(self.undisturbed), self.asked
            assert found == self.undisturbed or not counts, self.asked

    def pushed(self, data: bytes) -> None:
        """Have the proxy send this, unasked, on all connections, and wait until it has been taken in."""
        self.proxy.loop.call_soon_threadsafe(self.proxy.push, data)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self.proxy.loop).result(PATIENCE)
        for _ in range(3):  # rounds of the loop that reads it
            tasks()

    def recorded(self) -> None:
        """Everything that was given as whole is in the store, is the same there, and nothing else is."""
        store = self.client.store
        kept = {it.seed for it in store.list(limit=1_000_000) if it.seed and it.seed >= self.first}
        assert kept == set(self.whole)
        seen = self.proxy.seen
        for seed, found in self.whole.items():
            settings = self.settings(seed, replay="only")
            assert facts(self.client.complete(settings.pop("prompt"), **settings)) == found
        assert self.proxy.seen == seen


@contextmanager
def trial(ask: Ask, home: Path) -> Iterator[Trial]:
    """The server with its reply, the proxy before it, and a client; afterwards all must be as it was before."""
    with ExitStack() as stack:
        stack.enter_context(pairs.signed_in(home))
        server = stack.enter_context(_server(ask))
        server.says(ask.reply)
        proxy = stack.enter_context(between(server.url))
        with nothing_left(proxy):
            client = Client(home / "home")
            try:
                made = Trial(ask, client, proxy)
                yield made
                made.recorded()
            finally:
                client.close()


def _server(ask: Ask) -> Any:
    if ask.provider == "bedrock":
        return pairs.server(ask.provider)
    return bedrock_server.serve(lambda _request, _body: "bearer")


# ----------------------------------------------------------------------------------------- what is left


def until(condition: Callable[[], bool]) -> bool:
    """Whether `condition` comes true before long."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def descriptors() -> int:
    """Open files and sockets of this process."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0  # noqa: PTH112, PTH208


async def _others() -> int:
    return len(asyncio.all_tasks()) - 1


def tasks() -> int:
    """Tasks on the private loop."""
    return loop.run(_others())


@contextmanager
def nothing_left(proxy: Proxy | None = None) -> Iterator[None]:
    """What is opened inside is closed at the end: connections, tasks, files and sockets."""
    tasks()  # starts the loop, which has sockets of its own
    gc.collect()
    before = descriptors(), tasks()
    yield
    gc.collect()
    if proxy is not None:
        assert until(lambda: proxy.open == 0), f"{proxy.open} connections are left"
    assert until(lambda: tasks() <= before[1]), "tasks are left"
    assert until(lambda: descriptors() <= before[0]), f"{descriptors()} files are open, and were {before[0]}"
