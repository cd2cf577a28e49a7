"""The road from a request to a completion, through the public doors, over real sockets."""

from __future__ import annotations

import asyncio
import copy
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import antiphon
from antiphon import Client, Completion, RequestError

from . import peer as peers


@pytest.fixture
def peer():
    """A loopback provider."""
    with peers.serve() as running:
        yield running


@pytest.fixture
def client(tmp_path):
    """A client with an empty home."""
    with_home = Client(tmp_path / "home")
    yield with_home
    with_home.close()


def ask(client: Client, peer: peers.Peer, prompt: str = "hi", **settings) -> Completion:
    return client.complete(prompt, base_url=peer.url, model="peer-1", **settings)


def until(condition, seconds: float = 5.0) -> bool:
    """Whether `condition` comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return condition()


# ------------------------------------------------------------------------------------------- replay


def test_the_same_request_and_seed_come_back_from_the_store(client, peer):
    """The second answer has the same bytes, is marked replayed, and costs no call."""
    first = ask(client, peer, seed=42)
    second = ask(client, peer, seed=42)

    assert (first.text, first.replayed, first.seed_status) == ("answer to hi", False, "sent")
    assert (second.text, second.replayed, second.key) == ("answer to hi", True, first.key)
    assert second.raw == first.raw
    assert second.usage == first.usage
    assert len(peer.seen) == 1
    assert peer.seen[0].body["seed"] == 42


def test_a_new_client_on_the_same_home_replays(client, peer, tmp_path):
    """Recordings outlive the client, as they outlive the process."""
    first = ask(client, peer, seed=1)
    client.close()
    other = Client(tmp_path / "home")
    second = ask(other, peer, seed=1)
    other.close()

    assert (second.replayed, second.text, len(peer.seen)) == (True, first.text, 1)


def test_no_seed_is_a_fresh_sample_each_time(client, peer):
    """Without a seed nothing is looked up and nothing recorded."""
    one, two = ask(client, peer), ask(client, peer)

    assert (one.replayed, two.replayed, one.key, one.seed_status) == (False, False, None, "none")
    assert len(peer.seen) == 2
    assert "seed" not in peer.seen[0].body
    assert client.store.count() == 0


def test_zero_is_a_seed_and_seeds_tell_requests_apart(client, peer):
    """Seed 0 is recorded; another seed is another request, also where the wire folds them to the same number."""
    ask(client, peer, seed=0)
    again = ask(client, peer, seed=0)
    folded = ask(client, peer, seed=2**31)

    assert (again.replayed, folded.replayed) == (True, False)
    assert [seen.body["seed"] for seen in peer.seen] == [0, 0]


def test_replay_modes(client, peer):
    """only: never asks; off: neither reads nor records; refresh: asks and replaces."""
    with pytest.raises(antiphon.ReplayError, match="nothing is recorded") as caught:
        ask(client, peer, seed=5, replay="only")
    assert "replay import" in caught.value.hint
    ask(client, peer, seed=5, replay="off")
    assert (client.store.count(), len(peer.seen)) == (0, 1)

    ask(client, peer, seed=5)
    peer.text = lambda body: "better"
    assert ask(client, peer, seed=5, replay="only").text == "answer to hi"
    assert ask(client, peer, seed=5, replay="refresh").text == "better"
    assert ask(client, peer, seed=5).text == "better"
    assert len(peer.seen) == 3


@pytest.mark.parametrize("mode", ["only", "refresh"])
def test_a_replay_mode_without_a_seed_is_refused(client, peer, mode):
    """There is nothing to replay without a seed, so it is said instead of ignored."""
    with pytest.raises(RequestError, match="needs a seed") as caught:
        ask(client, peer, replay=mode)

    assert caught.value.field == "replay"


def test_errors_are_raised_and_never_recorded(client, peer):
    """A failed call leaves nothing behind: the next one asks again."""
    peer.status, peer.error = 400, {"error": {"message": "bad thing", "type": "invalid_request_error"}}
    with pytest.raises(antiphon.Rejected) as caught:
        ask(client, peer, seed=1)
    peer.status = 200

    assert (caught.value.status, caught.value.provider) == (400, "compatible")
    assert "bad thing" in str(caught.value)
    assert not ask(client, peer, seed=1).replayed


def test_a_store_that_cannot_be_used_costs_a_note_not_the_answer(peer, tmp_path):
    """With a file where the home folder should be, the answer comes, and a note says it was not kept."""
    (tmp_path / "home").write_text("in the way")
    client = Client(tmp_path / "home")

    completion = ask(client, peer, seed=1)

    assert completion.text == "answer to hi"
    assert any("not recorded" in note for note in completion.notes), completion.notes
    with pytest.raises(antiphon.ReplayError):
        ask(client, peer, seed=1, replay="only")


def test_the_key_stays_out_of_everything_that_is_kept(client, peer, tmp_path, caplog):
    """A key that a hostile server echoes into its answer is in no file, completion, error or log."""
    planted = "sk-planted-0123456789"
    peer.text = lambda body: f"your key is {planted}"
    completion = ask(client, peer, seed=1, api_key=planted)
    streamed = client.stream("other", base_url=peer.url, model="m", seed=2, api_key=planted).completion
    peer.status, peer.error = 401, {"error": {"message": f"bad key {planted}"}}
    with pytest.raises(antiphon.Unauthorized) as caught:
        ask(client, peer, seed=3, api_key=planted)
    client.close()

    assert peer.seen[0].headers["authorization"] == f"Bearer {planted}"
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert planted.encode() not in kept
    for shown in (repr(completion), completion.text, repr(caught.value), caught.value.body, caplog.text):
        assert planted not in shown
    assert completion.text == "your key is ***"
    assert completion.raw is not None
    assert planted.encode() not in completion.raw.body
    assert planted not in repr(streamed)


# ------------------------------------------------------------------------------------------ sharing


def test_identical_requests_in_flight_share_one_call(client, peer):
    """Twenty threads with the same request and seed cost one call and get the same words."""
    peer.delay = 0.3
    answers: list[Completion] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(client, peer, seed=9))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(peer.seen) == 1
    assert {answer.text for answer in answers} == {"answer to hi"}
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 19


def test_different_seeds_and_no_seeds_do_not_share(client, peer):
    """Only what has the same key shares; fresh samples are all asked for."""
    peer.delay = 0.1

    async def many() -> None:
        await asyncio.gather(
            *(client.acomplete("x", base_url=peer.url, model="m", seed=seed) for seed in (1, 2, None, None))
        )

    asyncio.run(many())

    assert len(peer.seen) == 4


def test_the_call_goes_on_while_one_of_the_sharers_still_waits(client, peer):
    """When the first caller gives up, the second still gets the answer of the one call."""
    peer.delay = 2.0

    async def both() -> Completion:
        first = asyncio.create_task(client.acomplete("x", base_url=peer.url, model="m", seed=1))
        second = asyncio.create_task(client.acomplete("x", base_url=peer.url, model="m", seed=1))
        await asyncio.sleep(0.15)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert asyncio.run(both()).text == "answer to x"
    assert len(peer.seen) == 1


def test_a_stream_joins_a_call_in_flight(client, peer):
    """A second stream sees the deltas that came before it joined, and those after."""
    peer.text = lambda body: "one two three four"
    peer.pause = 0.05
    first = client.stream("x", base_url=peer.url, model="m", seed=1)
    head = next(first)
    second = list(client.stream("x", base_url=peer.url, model="m", seed=1))

    assert (
        head.text + "".join(d.text for d in first) == "".join(d.text for d in second) == "one two three four "
    )
    assert len(peer.seen) == 1


def test_a_stream_that_joins_a_plain_call_gets_its_words_at_the_end(client, peer):
    """The call was not asked to stream, so the whole answer comes as one delta."""
    peer.delay = 1.5

    async def both() -> tuple[Completion, list[str], Completion]:
        plain = asyncio.create_task(client.acomplete("x", base_url=peer.url, model="m", seed=1))
        while not peer.seen:
            await asyncio.sleep(0.01)
        stream = client.astream("x", base_url=peer.url, model="m", seed=1)
        pieces = [delta.text async for delta in stream]
        return await plain, pieces, await stream.completion()

    plain, pieces, streamed = asyncio.run(both())

    assert pieces == ["answer to x"]
    assert (plain.replayed, streamed.replayed) == (False, True)
    assert "shared a call in flight" in streamed.notes
    assert len(peer.seen) == 1


def test_who_joins_a_call_keeps_their_own_deadline(client, peer):
    """The second caller gives up after its own total, the first still gets the answer."""
    peer.delay = 3.0

    async def both() -> Completion:
        first = asyncio.create_task(client.acomplete("x", base_url=peer.url, model="m", seed=1))
        await asyncio.sleep(0.2)
        with pytest.raises(antiphon.TransportError, match=r"0\.2 s") as caught:
            await client.acomplete("x", base_url=peer.url, model="m", seed=1, timeout=0.2)
        assert caught.value.phase == "deadline"
        return await first

    assert asyncio.run(both()).text == "answer to x"
    assert len(peer.seen) == 1


def test_what_another_process_recorded_meanwhile_is_not_asked_again(client, peer, tmp_path, monkeypatch):
    """Between the first look into the store and the lease, somebody else was faster."""
    elsewhere, other = Client(tmp_path / "elsewhere"), Client(tmp_path / "home")
    answer = ask(elsewhere, peer, seed=1)
    request = elsewhere.request("hi", base_url=peer.url, model="peer-1", seed=1)
    take = client.store.try_lease

    def late(key: str) -> bool:
        other.store.put(request, key, sent=b"{}", reply=answer.raw)
        return take(key)

    monkeypatch.setattr(client.store, "try_lease", late)
    completion = ask(client, peer, seed=1)
    elsewhere.close()
    other.close()

    assert (completion.text, completion.replayed, len(peer.seen)) == (answer.text, True, 1)


def test_waiting_for_another_process_ends_at_the_deadline(client, peer, tmp_path):
    """A call that another process has in flight is waited for no longer than timeout.total."""
    peer.delay = 30
    other = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "home"), peer.url])
    try:
        assert until(lambda: len(peer.seen) == 1, 30)
        with pytest.raises(antiphon.TransportError, match="another process"):
            client.complete("hi", base_url=peer.url, model="m", seed=3, timeout=0.2)
    finally:
        other.kill()
        other.wait()


CHILD = textwrap.dedent(
    """
    import sys, antiphon
    client = antiphon.Client(sys.argv[1])
    completion = client.complete("hi", base_url=sys.argv[2], model="m", seed=3)
    print(completion.text, completion.replayed)
    """
)


def test_identical_requests_of_several_processes_share_one_call(peer, tmp_path):
    """Four processes that ask the same thing at once cost one call."""
    peer.delay = 1.5
    command = [sys.executable, "-c", CHILD, str(tmp_path / "home"), peer.url]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    printed = [child.communicate(timeout=60)[0].split() for child in children]

    assert len(peer.seen) == 1
    assert sorted(words[-1] for words in printed) == ["False", "True", "True", "True"]
    assert {" ".join(words[:-1]) for words in printed} == {"answer to hi"}


def test_a_killed_process_does_not_hold_up_the_others(peer, tmp_path):
    """kill -9 of the process that has the call in flight frees it for the next one."""
    peer.delay = 30
    first = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "home"), peer.url])
    assert until(lambda: len(peer.seen) == 1, 30)
    second = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "home"), peer.url], stdout=subprocess.PIPE, text=True
    )
    time.sleep(1)
    assert len(peer.seen) == 1
    peer.delay = 0
    first.kill()
    first.wait()

    assert second.communicate(timeout=60)[0].split()[-1] == "False"
    assert len(peer.seen) == 2


# ------------------------------------------------------------------------------------------ streams


def test_a_stream_gives_deltas_and_then_the_completion(client, peer):
    """The pieces join to the text, usage and finish reason are there at the end, and a replay is the same."""
    peer.text = lambda body: "a b c"
    stream = client.stream("x", base_url=peer.url, model="m", seed=1)
    pieces = [delta.text for delta in stream]
    again = client.stream("x", base_url=peer.url, model="m", seed=1)

    assert pieces == ["a ", "b ", "c "]
    assert stream.completion.text == "a b c "
    assert (stream.completion.finish_reason, stream.completion.usage.output_tokens) == ("stop", 2)
    assert stream.completion.timings.first_token is not None
    assert "".join(delta.text for delta in again) == "a b c "
    assert again.completion.replayed
    assert client.complete("x", base_url=peer.url, model="m", seed=1).text == "a b c "
    assert len(peer.seen) == 1


@pytest.mark.parametrize("how", ["close", "with", "drop", "raise"])
def test_leaving_a_stream_closes_the_request_on_the_wire(client, peer, how):
    """However a stream is left, the provider sees the disconnect at once, and nothing is recorded."""
    peer.text = lambda body: "word " * 1000
    peer.pause = 0.02
    stream = client.stream("x", base_url=peer.url, model="m", seed=1)
    next(stream)
    if how == "close":
        stream.close()
    elif how == "with":
        with stream:
            next(stream)
    elif how == "drop":
        del stream
    else:
        with pytest.raises(ZeroDivisionError), stream:
            raise ZeroDivisionError

    assert until(lambda: peer.seen[0].disconnected is not None)
    assert client.store.count() == 0


def test_a_stream_that_breaks_before_its_first_word_is_tried_again(client, peer):
    """Nothing had been seen of the answer, so asking again cannot show anything twice."""
    peer.cut = 1
    stream = client.stream("x", base_url=peer.url, model="m", seed=1)

    assert "".join(delta.text for delta in stream) == "answer to x "
    assert len(peer.seen) == 2


def test_media_come_in_streams_fresh_and_replayed(client):
    """A generated image is a delta of its own, also from the store."""
    png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    settings = {"model": "echo", "seed": 1, "extra": {"echo": {"images": [png]}}}
    seen = [[d.media for d in client.stream("x", **settings) if d.media] for _ in range(2)]

    assert [[media.data_url for media in found] for found in seen] == [[png], [png]]


def test_a_closed_async_stream_says_so(client, peer):
    """The same for async callers."""

    async def close() -> None:
        peer.text, peer.pause = lambda body: "word " * 500, 0.02
        stream = client.astream("x", base_url=peer.url, model="m")
        async for _ in stream:
            break
        await stream.aclose()
        with pytest.raises(antiphon.Cancelled):
            await stream.completion()

    asyncio.run(close())


def test_a_closed_stream_says_so(client, peer):
    """Asking a closed stream for its completion is Cancelled, not a wait for ever."""
    peer.delay = 5
    stream = client.stream("x", base_url=peer.url, model="m")
    stream.close()

    with pytest.raises(antiphon.Cancelled):
        _ = stream.completion


def test_async_streams(client, peer):
    """The same over async for, fresh and replayed, and an early exit closes the request."""
    peer.text = lambda body: "a b c"

    async def read() -> tuple[list[str], str, bool]:
        stream = client.astream("x", base_url=peer.url, model="m", seed=1)
        pieces = [delta.text async for delta in stream]
        done = await stream.completion()
        return pieces, done.text, done.replayed

    assert asyncio.run(read()) == (["a ", "b ", "c "], "a b c ", False)
    assert asyncio.run(read()) == (["a b c "], "a b c ", True)

    async def leave() -> None:
        peer.pause, peer.text = 0.02, lambda body: "word " * 1000
        async with client.astream("x", base_url=peer.url, model="m", seed=2) as stream:
            async for _ in stream:
                break

    asyncio.run(leave())
    assert until(lambda: peer.seen[-1].disconnected is not None)


def test_a_failing_stream_raises_its_typed_error(client, peer):
    """An error status on a stream request is the same error as without streaming."""
    peer.status = 404
    with pytest.raises(antiphon.NotFound):
        list(client.stream("x", base_url=peer.url, model="m"))

    async def read() -> None:
        async for _ in client.astream("x", base_url=peer.url, model="m"):
            pass

    with pytest.raises(antiphon.NotFound):
        asyncio.run(read())


# ---------------------------------------------------------------------------------------- cancelling


def test_cancelling_the_awaiting_task_closes_the_request(client, peer):
    """The provider sees the disconnect soon after the task is cancelled, and long before its answer."""
    peer.delay = 20

    async def give_up() -> None:
        task = asyncio.create_task(client.acomplete("x", base_url=peer.url, model="m", seed=1))
        while not peer.seen:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())

    assert until(lambda: peer.seen[0].disconnected is not None, 2)
    peer.delay = 0
    assert ask(client, peer, "x", seed=1).text == "answer to x"


# ------------------------------------------------------------------------------ callers of all kinds


def test_sync_doors_work_inside_a_running_loop(client, peer):
    """A notebook runs a loop; complete() and stream() still work there."""

    async def notebook() -> tuple[str, str]:
        text = ask(client, peer).text
        return text, client.stream("x", base_url=peer.url, model="m").completion.text

    assert asyncio.run(notebook()) == ("answer to hi", "answer to x ")


def test_async_doors_work_from_one_loop_after_another(client, peer):
    """ComfyUI makes a new loop for every prompt: connections are kept all the same."""
    for seed in range(3):
        assert (
            asyncio.run(client.acomplete("hi", base_url=peer.url, model="m", seed=seed)).text
            == "answer to hi"
        )


def test_limits_hold_calls_back(peer, tmp_path):
    """With a concurrency of two, eight requests of 0.1 s need four rounds, and waiting shows in the timings."""
    client = Client(tmp_path / "limited", limits={"compatible": antiphon.Limits(concurrency=2)})
    peer.delay = 0.1

    async def many() -> list[Completion]:
        asks = (client.acomplete(f"q{i}", base_url=peer.url, model="m") for i in range(8))
        return await asyncio.gather(*asks)

    waits = sorted(done.timings.queue for done in asyncio.run(many()))
    client.close()

    assert waits[:2] == [0.0, 0.0]
    assert waits[-1] >= 0.25


def test_many_threads(client, peer):
    """Fifty threads with different requests all get their own answers."""
    answers: dict[int, str] = {}

    def one(i: int) -> None:
        answers[i] = ask(client, peer, f"q{i}", seed=i).text

    threads = [threading.Thread(target=one, args=(i,)) for i in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {i: f"answer to q{i}" for i in range(50)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_it_works_after_a_fork(client, peer):
    """A forked child asks and replays although the parent's loop thread is not there."""
    ask(client, peer, "before", seed=1)
    pid = os.fork()
    if not pid:
        try:
            replayed = ask(client, peer, "before", seed=1).replayed
            fresh = ask(client, peer, "after", seed=2).text
            os._exit(0 if replayed and fresh == "answer to after" else 1)
        except BaseException:
            os._exit(2)

    def reaped() -> bool:
        done, status = os.waitpid(pid, os.WNOHANG)
        codes.append(os.waitstatus_to_exitcode(status)) if done else None
        return bool(done)

    codes: list[int] = []
    if not until(reaped, 20):
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    assert codes == [0]
    assert ask(client, peer, "after", seed=2).replayed


def _spawned(home: str, url: str) -> str:
    return Client(home).complete("spawned", base_url=url, model="m", seed=1).text


def test_a_client_stays_in_its_process(client):
    """Copies are the client itself, since it is shared; pickling says what to do instead."""
    assert copy.copy(client) is client
    assert copy.deepcopy({"it": client})["it"] is client
    with pytest.raises(TypeError, match=r"make one there: antiphon\.Client\(home\)"):
        pickle.dumps(client)


def test_it_works_in_spawned_processes(peer, tmp_path):
    """multiprocessing with spawn, as on Windows and macOS."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_spawned, (str(tmp_path / "home"), peer.url)) == "answer to spawned"


# --------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("settings", "field", "says"),
    [
        ({"model": "gpt-9"}, "model", "does not say whom to ask"),
        ({"provider": "nobody"}, "provider", "unknown provider"),
        ({"provider": "openai"}, "model", "needs a model"),
        ({"provider": "compatible", "model": "m"}, "base_url", "needs base_url"),
        ({"model": "echo", "temprature": 1}, "temprature", "unknown setting"),
        ({"model": "echo", "temperature": 9}, "temperature", "from 0 to 2"),
        ({"model": "echo", "dialect": "klingon"}, "dialect", "does not speak"),
    ],
)
def test_wrong_arguments_name_the_field(client, settings, field, says):
    """Every wrong argument of a door is a RequestError that names it."""
    with pytest.raises(RequestError, match=says) as caught:
        client.complete("x", **settings)

    assert caught.value.field == field


def test_prompts_take_many_forms(client):
    """Text, a Message, Messages, mappings, a system prompt and attachments all become one conversation."""
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
    request = client.request(
        [
            {"role": "user", "content": "a"},
            antiphon.Message("assistant", "b"),
            {"role": "user", "content": ["c"]},
        ],
        model="echo",
        system="s",
        attachments=[png],
    )

    assert [(m.role, m.text, len(m.media)) for m in request.messages] == [
        ("system", "s", 0),
        ("user", "a", 0),
        ("assistant", "b", 0),
        ("user", "c", 1),
    ]
    for wrong in (5, [{"role": "user"}], [{"role": "user", "content": "x", "name": "y"}]):
        with pytest.raises(RequestError):
            client.request(wrong, model="echo")


def test_a_config_is_overridden_by_single_settings(client):
    """A shared Config and one changed field."""
    config = antiphon.Config(model="echo", temperature=0.5, max_tokens=5)
    request = client.request("x", config=config, temperature=1, provider="echo")

    assert (request.config.temperature, request.config.max_tokens, request.model) == (1.0, 5, "echo")


def test_the_environment_chooses_the_default_model(client, monkeypatch):
    """ANTIPHON_MODEL says whom to ask when nobody else does."""
    monkeypatch.setenv("ANTIPHON_MODEL", "echo")

    assert client.complete("from the environment").provider == "echo"


def test_small_print_of_the_arguments(client, monkeypatch):
    """A single Message is a prompt, model=None is no model, and local models are listed without a network."""
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")

    assert client.complete(antiphon.Message("user", "one"), provider="echo", model=None).text == "one"
    assert "smollm2-135m-instruct" in {model.name for model in client.models("local")}
    with pytest.raises(antiphon.TransportError):  # a provider that has to look around first, from async code
        asyncio.run(client.acomplete("x", model="ollama/m", retries=0))


def test_models_are_listed_live(client, peer):
    """The model list of a server is read from it."""
    assert [model.name for model in client.models(base_url=peer.url, model="any")] == ["peer-1"]


def test_module_level_doors_use_the_home_of_the_environment(peer, tmp_path, monkeypatch):
    """antiphon.complete and its siblings, sync and async, over one default client."""
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))
    settings = {"base_url": peer.url, "model": "m", "seed": 1}

    async def door() -> list[str]:
        return [
            (await antiphon.acomplete("x", **settings)).text,
            (await antiphon.achat([{"role": "user", "content": "x"}], **settings)).text,
            (await antiphon.astream("x", **settings).completion()).text,
        ]

    assert antiphon.complete("x", **settings).text == "answer to x"
    assert antiphon.chat([{"role": "user", "content": "x"}], **settings).replayed
    assert antiphon.stream("x", **settings).completion.text == "answer to x"
    assert asyncio.run(door()) == ["answer to x"] * 3
    assert antiphon.default_client() is antiphon.default_client()
    assert antiphon.default_client().home == tmp_path
    assert len(peer.seen) == 1
    antiphon.default_client().close()


def test_every_config_field_is_a_setting_of_the_doors():
    """A new field of Config must be reachable from complete(…)."""
    import dataclasses

    from antiphon.client import Settings

    assert {f.name for f in dataclasses.fields(antiphon.Config)} <= set(Settings.__annotations__)
    assert {f.name for f in dataclasses.fields(antiphon.Delivery)} <= set(Settings.__annotations__)


def test_importing_antiphon_pulls_in_nothing_heavy():
    """import antiphon loads no HTTP library, event loop, database, CLI or numeric package."""
    heavy = "aiohttp asyncio sqlite3 pydantic numpy torch click rich platformdirs xllamacpp ssl huggingface_hub jsonschema"
    code = (
        f"import sys, antiphon, json; print(json.dumps([m for m in '{heavy}'.split() if m in sys.modules]))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert json.loads(printed) == []


def test_every_public_name_is_there():
    """__all__ is what the package offers, and each name resolves."""
    assert sorted(antiphon.__all__) == dir(antiphon)
    for name in antiphon.__all__:
        assert getattr(antiphon, name) is not None
    with pytest.raises(AttributeError):
        _ = antiphon.nothing_of_the_kind
