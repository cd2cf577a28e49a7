"""Prompts that begin alike are marked for the provider to keep: over sockets, judged by the providers' own types."""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.session
import openai.types.chat.completion_create_params as openai_params
import openrouter.components as openrouter
import pytest
from anthropic.types import message_create_params as anthropic_params
from botocore.validate import ParamValidator
from mistralai.client.models import ChatCompletionRequest
from openai.types.responses import response_create_params as responses_params
from pydantic import TypeAdapter

from antiphon import Client
from antiphon.errors import ReplyError
from antiphon.prefixes import LIFETIME, LONG, Prefixes, is_long
from antiphon.request import Config, Media, Message, Request

from .providers.asking import PNG

SYSTEM = "You answer about this text. " * 200  # 5,600 characters
MARK = {"cache_control": {"type": "ephemeral"}}
POINT = {"cachePoint": {"type": "default"}}

ANSWERS = {
    "/messages": {
        "type": "message",
        "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
    },
    "/chat/completions": {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]},
    "/responses": {
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Yes."}]}],
    },
    "/converse": {"output": {"message": {"content": [{"text": "Yes."}]}}, "stopReason": "end_turn"},
}
ANSWERS["/invoke"] = ANSWERS[":rawPredict"] = ANSWERS["/messages"]


class Server:
    """A loopback provider of every protocol here: keeps the bodies, and waits or fails when it is told to."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.status = 200
        self.waiting = threading.Semaphore(0)  # released once for each request that has arrived
        self.go = threading.Event()
        self.go.set()
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.bodies.append(json.loads(handler.rfile.read(int(handler.headers["Content-Length"]))))
        self.waiting.release()
        self.go.wait(30)
        found = next(answer for ending, answer in ANSWERS.items() if handler.path.endswith(ending))
        payload = json.dumps(found if self.status == 200 else {"error": {"message": "no"}}).encode()
        handler.send_response(self.status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        handler.wfile.write(payload)


@pytest.fixture
def server() -> Iterator[Server]:
    """A running Server."""
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            made.answer(self)

    class Listening(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is nothing to print."""
            if not isinstance(sys.exc_info()[1], ConnectionError):
                super().handle_error(request, client_address)

    listening = Listening(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    made = Client(tmp_path)
    yield made
    made.close()


def settings(server: Server, provider: str, model: str, **more: Any) -> dict[str, Any]:
    project = "/v1/projects/p/locations/global" if provider == "vertex" else ""
    base = f"{server.url}{project}" if provider in ("bedrock", "vertex") else f"{server.url}/v1"
    return {"provider": provider, "model": model, "base_url": base, "api_key": "k", **more}


def marks(body: Any) -> list[str]:
    """Where the marks are in a body: the path of each marked block, and of each cache point."""

    def walk(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, dict):
            if "cache_control" in value or "cachePoint" in value:
                yield path
            for name, inner in value.items():
                yield from walk(inner, f"{path}.{name}" if path else name)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield from walk(inner, f"{path}.{index}")

    return list(walk(body, ""))


# ------------------------------------------------------------------------- second opinions, by protocol


def anthropic_types(body: Any) -> None:
    typed = TypeAdapter(anthropic_params.MessageCreateParamsNonStreaming)
    typed.validate_python({"model": "m", **body})


def openai_types(body: Any) -> None:
    TypeAdapter(openai_params.CompletionCreateParamsNonStreaming).validate_python(body)


def responses_types(body: Any) -> None:
    TypeAdapter(responses_params.ResponseCreateParamsNonStreaming).validate_python(body)


def mistral_types(body: Any) -> None:
    assert ChatCompletionRequest.model_validate(body).prompt_cache_key == body["prompt_cache_key"]


def openrouter_types(body: Any) -> None:
    for message in body["messages"]:
        kind = {"system": openrouter.ChatSystemMessage, "user": openrouter.ChatUserMessage}.get(
            message["role"], openrouter.ChatAssistantMessage
        )
        read = kind.model_validate(message).model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert read["content"] == message["content"]


def botocore_types(body: Any) -> None:
    shape = botocore.session.Session().get_service_model("bedrock-runtime").operation_model("Converse")
    report = ParamValidator().validate({"modelId": "m", **body}, shape.input_shape)
    assert not report.has_errors(), report.generate_report()


MARKED: dict[str, tuple[str, str, str | None, Any]] = {
    "Anthropic": ("anthropic", "claude-opus-5", None, anthropic_types),
    "Vertex": ("vertex", "claude-opus-5", "anthropic_vertex", anthropic_types),
    "InvokeModel": ("bedrock", "anthropic.claude-opus-4-6-v1:0", "bedrock_invoke_claude", anthropic_types),
    "mantle": ("bedrock", "anthropic.claude-opus-5", "anthropic_messages", anthropic_types),
    "Converse": ("bedrock", "us.anthropic.claude-opus-4-6-v1:0", None, botocore_types),
    "Converse, Nova": ("bedrock", "amazon.nova-pro-v1:0", None, botocore_types),
    "OpenRouter": ("openrouter", "anthropic/claude-opus-5", None, openrouter_types),
}
KEYED: dict[str, tuple[str, str, str | None, Any]] = {
    "OpenAI": ("openai", "gpt-6-sol", None, openai_types),
    "OpenAI Responses": ("openai", "gpt-6-sol", "openai_responses", responses_types),
    "Mistral": ("mistral", "mistral-large-4", None, mistral_types),
}
UNMARKED = {
    "DeepSeek": ("deepseek", "m", None),
    "a model on OpenRouter that keeps by itself": ("openrouter", "openai/gpt-6-sol", None),
    "a model on Bedrock that keeps nothing": ("bedrock", "mistral.mistral-large-3-675b-instruct", None),
    "an old Claude on Bedrock": ("bedrock", "anthropic.claude-3-haiku-20240307-v1:0", None),
    "Azure, where the name tells no model": ("azure", "m", None),
    "an unknown server": ("compatible", "m", None),
    "an unknown server of Messages": ("compatible", "m", "anthropic_messages"),
    "llama.cpp": ("llamacpp", "m", None),
}


@pytest.mark.parametrize(("provider", "model", "dialect", "types"), MARKED.values(), ids=MARKED)
def test_the_second_request_is_marked(
    client: Client, server: Server, provider: str, model: str, dialect: str | None, types: Any
):
    """At first sight nothing is marked; the next request with the same long system prompt is, at its end, and keeps its words."""
    given = settings(server, provider, model, dialect=dialect, system=SYSTEM)
    for question in ("One?", "Two?", "Three?"):
        client.complete(question, **given)
    first, second, third = server.bodies
    assert marks(first) == []
    assert marks(second) == marks(third) != []
    [place] = marks(second)
    if provider == "openrouter":
        assert place == "messages.0.content.0"
        assert second["messages"][0]["content"] == [{"type": "text", "text": SYSTEM, **MARK}]
        assert second["messages"][1:] == [{"role": "user", "content": "Two?"}]
    elif types is botocore_types:
        assert second["system"] == [{"text": SYSTEM}, POINT]
    else:
        assert second["system"] == [{"type": "text", "text": SYSTEM, **MARK}]
    assert second["messages"][-1] == json.loads(json.dumps(first["messages"][-1]).replace("One?", "Two?"))
    types(second)


@pytest.mark.parametrize(("provider", "model", "dialect", "types"), KEYED.values(), ids=KEYED)
def test_the_second_request_has_a_key(
    client: Client, server: Server, provider: str, model: str, dialect: str | None, types: Any
):
    """Where prompts are kept without marks, what begins alike gets the same key from its second time on."""
    given = settings(server, provider, model, dialect=dialect, system=SYSTEM)
    for question in ("One?", "Two?", "Three?"):
        client.complete(question, **given)
    first, second, third = server.bodies
    assert "prompt_cache_key" not in first
    assert second["prompt_cache_key"] == third["prompt_cache_key"]
    assert len(second["prompt_cache_key"]) == 32
    assert {**second, "prompt_cache_key": None} == {
        **json.loads(json.dumps(first).replace("One?", "Two?")),
        "prompt_cache_key": None,
    }
    types(second)
    client.complete("One?", **{**given, "system": "Another. " * 600})
    client.complete("Two?", **{**given, "system": "Another. " * 600})
    assert server.bodies[-1]["prompt_cache_key"] != second["prompt_cache_key"]


@pytest.mark.parametrize(("provider", "model", "dialect"), UNMARKED.values(), ids=UNMARKED)
def test_who_gets_no_marks(client: Client, server: Server, provider: str, model: str, dialect: str | None):
    """Where nothing says that marks are taken, bodies stay as they are."""
    given = settings(server, provider, model, dialect=dialect, system=SYSTEM)
    for _ in range(3):
        client.complete("One?", **given)
    assert server.bodies[0] == server.bodies[1] == server.bodies[2]
    assert marks(server.bodies[2]) == []
    assert "prompt_cache_key" not in server.bodies[2]


# ------------------------------------------------------------------------------------------ conversations


@pytest.mark.parametrize("name", ["Anthropic", "Converse", "OpenRouter"])
def test_a_conversation_of_three_turns(client: Client, server: Server, name: str):
    """Each turn is marked where the last one ended; the system prompt's own mark stays, and there are at most four."""
    provider, model, _, types = MARKED[name]
    given = settings(server, provider, model)
    conversation: list[Any] = [Message("system", SYSTEM), Message("user", "One?")]
    for question in ("Two?", "Three?", "Four?"):
        conversation += [client.chat(conversation, **given), Message("user", question)]
    client.chat(conversation, **given)
    places = [marks(body) for body in server.bodies]
    assert places[0] == []
    if name == "Anthropic":
        assert places[1] == ["system.0", "messages.0.content.0"]
        assert places[2] == ["system.0", "messages.0.content.0", "messages.2.content.0"]
        assert places[3] == ["system.0", "messages.2.content.0", "messages.4.content.0"]
    elif name == "Converse":
        assert places[1] == ["system.1", "messages.0.content.1"]
        assert places[3] == ["system.1", "messages.2.content.1", "messages.4.content.1"]
    else:
        assert places[2] == ["messages.0.content.0", "messages.1.content.0", "messages.3.content.0"]
    assert max(map(len, places)) <= 4
    for body in server.bodies:
        types(body)


def test_joined_turns_are_marked_inside(client: Client, server: Server):
    """Converse joins turns of one role; the mark stands behind the turn that was shared."""
    given = settings(server, "bedrock", "us.anthropic.claude-opus-4-6-v1:0")
    picture = Media.from_bytes(PNG)
    shared = [Message("system", "Short."), Message("system", "Too."), Message("user", picture, "", "Look.")]
    client.chat(shared, **given)
    client.chat([*shared, Message("user", "Again.")], **given)
    image = {"image": {"format": "png", "source": {"bytes": base64.b64encode(PNG).decode()}}}
    assert server.bodies[1]["messages"] == [
        {"role": "user", "content": [image, {"text": "Look."}, POINT, {"text": "Again."}]}
    ]
    assert marks(server.bodies[1]) == ["messages.0.content.2"]


def test_pictures_count_whatever_their_size(client: Client, server: Server):
    """A short message with a picture in it is worth keeping."""
    given = settings(server, "openrouter", "anthropic/claude-opus-5")
    shown = Message("user", Media.from_bytes(PNG), "Look.")
    first = client.chat([shown], **given)
    client.chat([shown, first, Message("user", "Again.")], **given)
    assert marks(server.bodies[0]) == []
    assert marks(server.bodies[1]) == ["messages.0.content.1"]


def test_short_prompts_are_never_marked(client: Client, server: Server):
    """Below a thousand tokens or so no provider keeps anything."""
    given = settings(server, "anthropic", "claude-opus-5", system="Be brief.")
    for _ in range(3):
        client.complete("x" * (LONG - 10), **given)
    assert [marks(body) for body in server.bodies] == [[], [], []]
    assert len(client.road.prefixes or ()) == 0


# ------------------------------------------------------------------------------------ switching it off


def test_it_can_be_switched_off(tmp_path: Path, server: Server):
    """For a client, or for one request by saying the field in extra: null is not sent, and a mark of one's own is."""
    given = settings(server, "anthropic", "claude-opus-5", system=SYSTEM)
    off = Client(tmp_path, prompt_caching=False)
    for _ in range(3):
        off.complete("One?", **given)
    off.close()
    client = Client(tmp_path)
    client.complete("One?", **given)
    client.complete("Two?", **given, extra={"cache_control": None})
    client.complete("Two?", **given, extra={"cache_control": {"type": "ephemeral", "ttl": "1h"}})
    bedrock = settings(server, "bedrock", "us.anthropic.claude-opus-4-6-v1:0", system=SYSTEM)
    for _ in range(3):
        client.complete("One?", **bedrock, extra={"cachePoint": None})
    client.close()
    assert [marks(body) for body in server.bodies] == [[], [], [], [], [], [""], [], [], []]
    assert "cache_control" not in server.bodies[4]
    assert server.bodies[5]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert "cachePoint" not in server.bodies[8]


# --------------------------------------------------------------------------- what it does not change


def test_the_key_and_the_replay_stay_the_same(tmp_path: Path, server: Server):
    """Marks are no part of the key: what was recorded marked is replayed to a client that marks nothing."""
    given = settings(server, "anthropic", "claude-opus-5", system=SYSTEM)
    client = Client(tmp_path)
    client.complete("One?", **given, seed=1)
    marked = client.complete("One?", **given, seed=2)
    assert marked.key is not None
    recorded = client.store.show(marked.key)
    client.close()
    assert recorded is not None
    assert marks(server.bodies[1])
    assert json.loads(recorded.sent) == server.bodies[1]
    plain = Client(tmp_path, prompt_caching=False)
    again = plain.complete("One?", **given, seed=2)
    plain.close()
    assert again.replayed
    assert (again.key, again.text) == (marked.key, marked.text)


def test_other_accounts_and_models_share_nothing(client: Client, server: Server):
    """A provider keeps prompts by account and model, and so does the memory."""
    given = settings(server, "anthropic", "claude-opus-5", system=SYSTEM)
    client.complete("One?", **given)
    client.complete("One?", **{**given, "api_key": "other"})
    client.complete("One?", **{**given, "model": "claude-sonnet-5"})
    assert [marks(body) for body in server.bodies] == [[], [], []]


# ------------------------------------------------------------------------------------------ in parallel


def together(client: Client, server: Server, given: dict[str, Any], questions: Sequence[str]) -> list[Any]:
    """The bodies of these questions, all under way before the first is answered."""
    before = len(server.bodies)
    server.go.clear()
    threads = [threading.Thread(target=client.complete, args=(text,), kwargs=given) for text in questions]
    for thread in threads:
        thread.start()
    for _ in questions:
        assert server.waiting.acquire(timeout=30)
    server.go.set()
    for thread in threads:
        thread.join()
    return server.bodies[before:]


def test_a_batch_pays_once(client: Client, server: Server):
    """In a batch the first wave is new, one of the second has the prompt kept, and all later ones read it."""
    given = settings(server, "anthropic", "claude-opus-5", system=SYSTEM)
    waves = [together(client, server, given, [f"{wave} {i}" for i in range(6)]) for wave in range(3)]
    assert [sum(bool(marks(body)) for body in wave) for wave in waves] == [0, 1, 6]


def test_a_failed_request_keeps_nothing(client: Client, server: Server):
    """A marked request that failed kept nothing, so the next one marks again; one that failed first was never seen."""
    given = settings(server, "anthropic", "claude-opus-5", system=SYSTEM, retries=0)
    server.status = 400
    with pytest.raises(ReplyError):
        client.complete("One?", **given)
    server.status = 200
    client.complete("Two?", **given)
    server.status = 400
    with pytest.raises(ReplyError):
        client.complete("Three?", **given)
    server.status = 200
    client.complete("Four?", **given)
    assert [bool(marks(body)) for body in server.bodies] == [False, False, True, True]


# ------------------------------------------------------------------------------------------- the memory


def request(*texts: str) -> Request:
    turns = [Message("assistant" if i % 2 else "user", text) for i, text in enumerate(texts)]
    return Request(provider="p", messages=tuple(turns), config=Config(model="m"))


def test_it_forgets_as_the_provider_does():
    """Five minutes after its last use a prefix is new again."""
    now = [0.0]
    memory = Prefixes(clock=lambda: now[0])
    long = request("x" * LONG)

    def ends() -> tuple[int, ...]:
        shared = memory.shared("a", long)
        memory.settle(shared, answered=True)
        return shared.ends

    assert ends() == ()
    now[0] += LIFETIME - 1
    assert ends() == (1,)
    now[0] += LIFETIME - 1
    assert ends() == (1,)
    now[0] += LIFETIME
    assert ends() == ()


def test_it_is_bounded():
    """The prefixes used longest ago go first."""
    memory = Prefixes(most=10)
    for i in range(50):
        memory.settle(memory.shared("a", request(f"{i} " * LONG)), answered=True)
    assert len(memory) == 10
    assert memory.shared("a", request("49 " * LONG)).ends == (1,)
    assert memory.shared("a", request("39 " * LONG)).ends == ()


def test_it_holds_hashes_only():
    """Nothing of the prompt is kept."""
    memory = Prefixes()
    memory.settle(memory.shared("a", request("secret " * LONG)), answered=True)
    assert all(isinstance(known, int) for known in memory._known)
    assert "secret" not in repr(memory._known)


@pytest.mark.parametrize(
    ("messages", "long"),
    [
        ((Message("user", "x" * (LONG - 1)),), False),
        ((Message("user", "x" * LONG),), True),
        ((Message("system", "x" * (LONG - 1)), Message("user", "x")), True),
        ((Message("user", "x", Media.from_bytes(PNG)),), True),
    ],
)
def test_what_is_long(messages: tuple[Message, ...], long: bool):
    """A thousand tokens are about four thousand characters; media count as long."""
    assert is_long(messages) is long
