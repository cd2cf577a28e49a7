"""The child process: started, kept, cancelled, killed, unloaded, and what its user is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from antiphon import local, loop
from antiphon.errors import Rejected, RequestError, TransportError
from antiphon.local import engine, facts, models
from antiphon.local.settings import Settings
from antiphon.request import Media, Message, Request

from .asking import LOCAL, answer, ask, request

pytestmark = pytest.mark.engine


def until(true: Callable[[], bool], what: str) -> None:
    """Poll until it is true; a test that waits too long fails with `what`."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def loaded() -> local.Status:
    (one,) = local.status()
    return one


def test_it_answers() -> None:
    """A completion with text, usage, finish reason and the model's own name."""
    asked = request("Name three colours.", max_tokens=12, extra={"ignore_eos": True})
    whole = ask(asked).completion
    assert whole.text
    assert (whole.finish_reason, whole.model) == ("length", models.BUNDLED)
    assert whole.usage.output_tokens == 12


def test_it_is_loaded_once_and_kept_until_unloaded() -> None:
    """Requests share one child process; unload() ends it; the next request starts another."""
    ask(request("Hi"))
    first = loaded()
    ask(request("Hello"))
    assert loaded() == first
    local.unload()
    assert not local.status()
    assert not alive(first.pid)
    ask(request("Hi"))
    assert loaded().pid != first.pid


def test_the_secret_is_needed_and_nowhere_to_be_read() -> None:
    """The server answers 401 without the secret, which stands in neither arguments nor environment."""

    async def look() -> tuple[str, str]:
        assert LOCAL.open is not None
        async with LOCAL.open(request("Hi")) as endpoint:
            secret = endpoint.headers["Authorization"]
            assert not isinstance(secret, str)
            return endpoint.base_url, secret.reveal().removeprefix("Bearer ")

    url, secret = loop.run(look())
    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(f"{url}/chat/completions", body), timeout=20)
    caught.value.close()
    assert caught.value.code == 401
    assert len(secret) == 64
    for file in ("cmdline", "environ"):
        assert secret.encode() not in Path(f"/proc/{loaded().pid}/{file}").read_bytes()


def test_from_a_thread_inside_a_running_loop() -> None:
    """A caller with a running loop, and threads of its own, needs to know nothing of the engine's loop."""

    async def caller() -> list[str]:
        asked = [asyncio.to_thread(ask, request("Name a fish.")) for _ in range(3)]
        return [one.evidence for one in await asyncio.gather(*asked)]

    assert len(set(asyncio.run(caller()))) == 1


# ------------------------------------------------------------------------------------------------ cancel


def slots(url: str, authorization: str) -> dict[str, Any]:
    """What the server's single slot is doing."""
    headers = {"Authorization": authorization}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/slots", headers=headers), timeout=20) as reply:
        return json.load(reply)[0]


async def cancelled(asked: Request, *, when: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask, cancel once the slot looks like `when`, and give the slot as it is when it has stopped."""
    body: dict[str, Any] = {}

    async def observed() -> None:
        assert LOCAL.open is not None
        async with LOCAL.open(request("x")) as endpoint:
            secret = endpoint.headers["Authorization"]
            assert not isinstance(secret, str)
            body.update(url=endpoint.base_url.removesuffix("/v1"), key=secret.reveal())

    await observed()
    running = asyncio.create_task(answer(asked))
    look = lambda: asyncio.to_thread(slots, body["url"], body["key"])  # noqa: E731
    while not ((slot := await look())["is_processing"] and when(slot)):
        assert not running.done(), "it was over before it could be cancelled"
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    while (slot := await look())["is_processing"]:
        await asyncio.sleep(0.01)
    return slot


def test_cancelling_frees_the_server_while_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled while a long prompt is being read, the server stops reading; the next answer is right."""
    monkeypatch.setenv("ANTIPHON_LOCAL_SERVERS", "1")
    expected = ask(request("Name a bird.")).evidence
    long = request("stone " * 3000, max_tokens=4)
    slot = loop.run(cancelled(long, when=lambda slot: True))
    assert slot["n_prompt_tokens_processed"] < 2000
    assert ask(request("Name a bird.")).evidence == expected
    local.unload()


def test_cancelling_frees_the_server_while_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled while it generates, the server stops generating."""
    monkeypatch.setenv("ANTIPHON_LOCAL_SERVERS", "1")
    long = request("Write a story.", max_tokens=4000, extra={"ignore_eos": True})
    slot = loop.run(cancelled(long, when=lambda slot: slot["next_token"][0]["n_decoded"] > 3))
    assert slot["next_token"][0]["n_decoded"] < 2000
    local.unload()


def test_a_cancelled_wait_takes_no_server_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelling requests that wait, or are being given a server, leaves the pool whole."""
    local.unload()
    monkeypatch.setenv("ANTIPHON_LOCAL_SERVERS", "1")

    async def crowd() -> str:
        tasks = [asyncio.create_task(answer(request("Name a fish.", max_tokens=30))) for _ in range(6)]
        for number, task in enumerate(tasks):
            await asyncio.sleep(0.003 * number)
            task.cancel()
        await asyncio.wait(tasks)
        return (await answer(request("Name a fish."))).evidence

    assert loop.run(crowd()) == ask(request("Name a fish.")).evidence
    assert loaded().requests == 0
    local.unload()


# ------------------------------------------------------------------------------------------------- death


def test_a_killed_engine_is_a_clear_error_and_is_started_again() -> None:
    """kill -9 of the child: the request that was hit says so; the next one works and is the same."""
    expected = ask(request("Name a tree.")).evidence

    async def hit() -> None:
        running = asyncio.create_task(
            answer(request("Write a story.", max_tokens=2000, extra={"ignore_eos": True}))
        )
        while loaded().requests == 0:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        os.kill(loaded().pid, signal.SIGKILL)
        await running

    with pytest.raises(TransportError, match="killed by signal 9 while smollm2") as caught:
        loop.run(hit())
    assert "memory" in caught.value.hint
    assert ask(request("Name a tree.")).evidence == expected


def test_unloading_under_a_running_request_says_so() -> None:
    """unload() while a request runs: that request fails with the reason."""

    async def hit() -> None:
        running = asyncio.create_task(
            answer(request("Write a story.", max_tokens=2000, extra={"ignore_eos": True}))
        )
        while not local.status() or loaded().requests == 0:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(local.unload)
        await running

    with pytest.raises(TransportError, match="was unloaded"):
        loop.run(hit())


PARENT = """
    import sys, time
    from antiphon import local, loop
    from tests.local.asking import ask, request
    ask(request("Hi"))
    print(local.status()[0].pid, flush=True)
    time.sleep(600)
"""


def test_no_orphan_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    """kill -9 of the process that started the engine: the engine ends too."""
    script = tmp_path / "parent.py"
    script.write_text(textwrap.dedent(PARENT))
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=env)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        until(lambda: not alive(child), "the engine is gone")


FORKING = """
    import os, sys, warnings
    from antiphon import local, loop
    from tests.local.asking import ask, request
    warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: fork with threads
    first = ask(request("Hi")).evidence
    mine = local.status()[0].pid
    if (child := os.fork()) == 0:
        try:
            assert not local.status()
            assert ask(request("Hi")).evidence == first
            assert local.status()[0].pid != mine
            local.unload()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert ask(request("Hi")).evidence == first
    assert local.status()[0].pid == mine
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_an_engine_of_its_own(tmp_path: Path) -> None:
    """After fork the new process starts its own engine and leaves the parent's alone."""
    script = tmp_path / "forking.py"
    script.write_text(textwrap.dedent(FORKING))
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, str(script)], check=True, env=env, timeout=60)


def test_idle_time_out() -> None:
    """The idle timer runs only while nothing is asked; when it rings, the engine is unloaded."""
    rung: list[tuple[float, Callable[[], None]]] = []

    class Timer(asyncio.TimerHandle):
        def __init__(self) -> None:
            pass

        def cancel(self) -> None:
            rung.clear()

    def later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        rung.append((seconds, call))
        return Timer()

    async def scene() -> None:
        model = models.resolve()
        settings = Settings.of(facts.learn(model.path), model.path.stat().st_size)
        one = engine.Engine(model, settings, later)
        async with one.turn() as child:
            assert rung == []
        ((seconds, call),) = rung
        assert seconds == 300
        async with one.turn() as same:
            assert same is child
            assert rung == []
            call()  # too late: a request came in between
            assert child.ended is None
        rung[0][1]()
        assert one.child is None
        await child.news()
        assert child.ended is not None

    loop.run(scene())


# ---------------------------------------------------------------------------------------------- settings


def text(asked: Request) -> str:
    return ask(asked).completion.text


def test_greedy_is_greedy() -> None:
    """Temperature 0, top_k 1 and a tiny top_p all take the likeliest token, whatever the seed."""
    prompt, more = "Tell me about rain.", {"max_tokens": 24, "repeat_penalty": 1.0}
    greedy = text(request(prompt, seed=1, temperature=0.0, **more))
    assert greedy == text(request(prompt, seed=2, temperature=0.0, **more))
    assert greedy == text(request(prompt, seed=3, temperature=1.5, top_k=1, **more))
    assert greedy == text(request(prompt, seed=4, temperature=1.0, top_p=1e-6, **more))
    assert greedy == text(request(prompt, seed=5, temperature=1.0, min_p=1.0, **more))


def test_settings_and_seed_change_the_answer() -> None:
    """Seeds differ at temperature 1; a penalty, a temperature and a presence penalty each tell."""
    prompt = "Tell me about rain."
    hot = {"max_tokens": 24, "temperature": 1.0}
    assert text(request(prompt, seed=1, **hot)) != text(request(prompt, seed=2, **hot))
    assert text(request(prompt, seed=1, **hot)) == text(request(prompt, seed=1 + 2**31, **hot))
    cold = {"max_tokens": 48, "temperature": 0.0, "repeat_penalty": 1.0}
    plain = text(request(prompt, **cold))
    for name, value in (("repeat_penalty", 1.6), ("presence_penalty", 2.0), ("frequency_penalty", 2.0)):
        assert text(request(prompt, **{**cold, name: value})) != plain, name


def test_stop_and_max_tokens() -> None:
    """A stop text ends the answer before it; max_tokens cuts it off with the reason `length`."""
    whole = ask(request("Count from one to nine.", temperature=0.0, max_tokens=40)).completion
    word = whole.text.split()[3]
    cut = ask(request("Count from one to nine.", temperature=0.0, max_tokens=40, stop=(word,))).completion
    assert cut.finish_reason == "stop"
    assert cut.text == whole.text[: whole.text.index(word)]
    short = ask(request("Count from one to nine.", max_tokens=3)).completion
    assert (short.usage.output_tokens, short.finish_reason) == (3, "length")


def test_json_schema_is_enforced_by_grammar() -> None:
    """Even hot, a model this small gives an object of the shape that was asked for."""
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}, "count": {"type": "integer", "maximum": 99}},
        "required": ["colour", "count"],
        "additionalProperties": False,
    }
    for seed in range(3):
        asked = request("A red thing.", seed=seed, temperature=1.5, max_tokens=60, response_format=schema)
        found = json.loads(text(asked))
        assert set(found) == {"colour", "count"}
        assert found["colour"] in ("red", "blue")


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (request("word " * 9000), r"9,0\d\d tokens; smollm2-135m-instruct takes 8,192"),
        (request("a\0b"), "NUL"),
        (request(""), "the user message is empty"),
        (request("Hi", extra={"cache_prompt": True}), "does not take cache_prompt"),
        (request("Hi", response_format={"type": "nonsense"}), "cannot take this request"),
        (request("Hi", reasoning="high"), "reasoning"),
        (request("Hi", modalities=("image",)), "modalities"),
        (request("Hi", model="no-such"), "unknown local model"),
        (request("Hi", model="qwen3-4b"), "not on this machine yet"),
        (
            Request(
                provider="local", messages=(Message("user", "Hi", Media.from_bytes(b"\x89PNG\r\n\x1a\n0")),)
            ),
            "text only, no image",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused_before_sending(asked: Request, problem: str) -> None:
    """What cannot be honoured is a RequestError that says what and why."""
    with pytest.raises(RequestError, match=problem):
        ask(asked)


def test_a_system_message_and_history_are_taken() -> None:
    """Reasoning off, a system message and earlier turns are all fine for a plain model."""
    asked = request("Hi", "Hello!", "Name a colour.", system="Be brief.", reasoning="off")
    assert ask(asked).completion.usage.input_tokens


def test_a_model_that_llama_cpp_cannot_load(tmp_path: Path) -> None:
    """A file with a right head and wrong insides: the engine's own words, and what to do."""
    whole = models.resolve().path.read_bytes()
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(whole.replace(b"blk.7.attn_k.weight", b"blk.7.attn_x.weight", 1))
    with pytest.raises(RequestError, match=r"llama.cpp cannot load .*wrong.gguf") as caught:
        ask(request("Hi", model=str(wrong)))
    assert caught.value.hint
    assert "blk.7.attn_k.weight" in caught.value.message


def test_the_engines_own_refusal_is_typed() -> None:
    """What only the server finds wrong arrives as its reply, not as an answer."""
    with pytest.raises((Rejected, RequestError)):
        ask(request("Hi", extra={"top_logprobs": 5}))
