"""The console script itself, as its users start it, against each peer: the six original providers, end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock

from antiphon import Client

from . import aimock
from .bedrock_server import KEY_ID, SECRET
from .captured import pairs

SCRIPT = Path(sysconfig.get_path("scripts")) / ("antiphon.exe" if sys.platform == "win32" else "antiphon")
MISTRAL = "mistral.mistral-large-3-675b-instruct"
AMBER = "Amber, like honey 🍯."
AWS = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}


@dataclass
class Home:
    """A home folder of its own, an environment without keys, and the script in it."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Start the script; what it said and how it ended."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANTIPHON_", "AWS_"))
            and not name.endswith(("_API_KEY", "_PROXY", "_proxy"))
        }
        env = {**kept, "ANTIPHON_HOME": str(self.folder), "NO_COLOR": "1", "PYTHONUTF8": "1", **self.env}
        return subprocess.run(
            [str(SCRIPT), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=env,
            timeout=60,
        )

    def keep(self, provider: str, key: str, url: str) -> None:
        """Store a key for this server, as `antiphon keys set --host` does."""
        client = Client(self.folder)
        client.credentials.set(provider, key, hosts=["/".join(url.split("/")[:3])])
        client.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")


# ------------------------------------------------------------------------------- the servers of the pairs


def who(provider: str, model: str, url: str) -> tuple[str, ...]:
    """The options that ask this provider's model at another address than its own."""
    return ("--provider", provider, "-m", model, "--base-url", url)


@dataclass(frozen=True)
class Peer:
    """One provider's loopback server and the pairs that it answers with."""

    name: str
    provider: str
    path: str
    server: Any
    cases: dict[str, Any]

    def asks(self, case: str, *more: str) -> list[str]:
        """The arguments that ask what this pair asks; the server answers with its reply."""
        pair = self.cases[case]
        self.server.seen.clear()
        self.server.says(pairs.served(pair["reply"]))
        url, retries = self.server.url + self.path, ("--retries", "0")
        return [
            "complete",
            *who(self.provider, pair["ask"]["model"], url),
            *retries,
            *more,
            pair["ask"]["prompt"],
        ]


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], Peer]]:
    """The servers of all six."""
    with ExitStack() as stack:
        made: dict[str, Peer] = {}
        for name in pairs.NAMES:
            told = pairs.load(name)
            running = stack.enter_context(pairs.server(told["provider"]))
            made[name] = Peer(name, told["provider"], told["path"], running, told["cases"])
        yield made.__getitem__


@pytest.fixture(params=pairs.NAMES)
def peer(request: pytest.FixtureRequest, servers: Callable[[str], Peer], home: Home) -> Peer:
    """Each of the six in turn, with its credentials where its users have them."""
    found = servers(request.param)
    if found.provider == "bedrock":
        home.env |= AWS
    else:
        home.keep(found.provider, pairs.KEY, found.server.url)
    return found


def test_text_and_stream(peer: Peer, home: Home) -> None:
    """The answer and nothing else is on stdout, asked for whole or streamed."""
    for case, how in (("text", "--no-stream"), ("stream", "--stream")):
        said = home.run(*peer.asks(case, how))
        assert (said.returncode, said.stdout.rstrip("\n")) == (0, AMBER), said.stderr
        [arrived] = peer.server.seen
        assert arrived.verdict in ("bearer", "signed")
        assert ("stream" in arrived.path or json.loads(arrived.body).get("stream") is True) == (
            how == "--stream"
        )


def test_a_seed_twice(peer: Peer, home: Home) -> None:
    """With --json the whole completion is one object; the second time it is replayed, and nothing is sent."""
    arguments = peer.asks("seed", "--json", "--seed", "42")
    first, second = home.run(*arguments), home.run(*arguments)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    told, again = json.loads(first.stdout), json.loads(second.stdout)
    outcome = peer.cases["seed"]["outcome"]
    assert (told["replayed"], again["replayed"], len(peer.server.seen)) == (False, True, 1)
    assert told["text"] == again["text"] == outcome["text"]
    assert told["seed_status"] == outcome["seed_status"]


def test_401(peer: Peer, home: Home) -> None:
    """A wrong key ends with exit code 4 and two lines that say who complained, of what, and what to do."""
    said = home.run(*peer.asks("401"))
    outcome = peer.cases["401"]["outcome"]
    assert (said.returncode, said.stdout) == (4, "")
    assert said.stderr.splitlines()[0].startswith(
        f"error: {peer.provider}: {outcome['message']} ({outcome['status']}"
    )
    assert "hint: Check the key with `antiphon keys test" in said.stderr
    assert "Traceback" not in said.stderr
    assert pairs.KEY not in said.stderr


def test_a_failing_stream(peer: Peer, home: Home) -> None:
    """What came before the failure is on stdout, the failure on stderr, and the exit code is not 0."""
    said = home.run(*peer.asks("mid-stream failure"))
    assert (said.returncode, said.stdout.strip()) == (4, "Amber")
    assert peer.cases["mid-stream failure"]["outcome"]["message"] in said.stderr


@pytest.mark.parametrize("name", ["openai", "openrouter", "anthropic", "gemini"])
def test_a_key_of_the_environment_stays_at_home(
    name: str, servers: Callable[[str], Peer], home: Home
) -> None:
    """A key in the environment goes to its provider's own host only: another address is refused before sending."""
    peer = servers(name)
    home.env[f"{name.upper()}_API_KEY"] = pairs.KEY
    said = home.run(*peer.asks("text"))
    assert (said.returncode, said.stdout, peer.server.seen) == (3, "", [])
    assert "antiphon keys set" in said.stderr
    assert pairs.KEY not in said.stderr


def test_bedrock_without_credentials(servers: Callable[[str], Peer], home: Home) -> None:
    """Without AWS credentials nothing is sent, and the error names the ways to give them."""
    home.env |= {"AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(home.folder)}
    peer = servers("bedrock_claude")
    said = home.run(*peer.asks("text"))
    assert (said.returncode, said.stdout, peer.server.seen) == (3, "", [])
    assert "AWS_BEARER_TOKEN_BEDROCK" in said.stderr


def test_provider_and_model_in_one_word(servers: Callable[[str], Peer], home: Home) -> None:
    """-m PROVIDER/MODEL, where AWS's own variable gives the address."""
    peer = servers("bedrock_mistral")
    home.env |= {**AWS, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": peer.server.url}
    peer.asks("text")
    said = home.run("complete", "-m", f"bedrock/{MISTRAL}", "--no-stream", "Name one colour of dusk.")
    assert (said.returncode, said.stdout.rstrip("\n")) == (0, AMBER), said.stderr


# ------------------------------------------------------------------------------------- the other peers

WAYS = {
    "openai": ("openai", "gpt-4.1", "/v1"),
    "openrouter": ("openrouter", "x/y", "/api/v1"),
    "anthropic": ("anthropic", "claude-opus-4-6", "/v1"),
    "gemini": ("gemini", "gemini-2.5-flash", "/v1beta"),
    "bedrock Claude": ("bedrock", "us.anthropic.claude-opus-4-6-v1:0", ""),
    "bedrock Mistral": ("bedrock", MISTRAL, ""),
}


@pytest.fixture(scope="module")
def aimock_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running aimock; skips where it is not installed."""
    with aimock.serve(tmp_path_factory.mktemp("aimock")) as url:
        yield url


@pytest.mark.parametrize(("provider", "model", "path"), WAYS.values(), ids=WAYS)
def test_aimock(provider: str, model: str, path: str, aimock_url: str, home: Home) -> None:
    """aimock in the provider's place: a stream, the same seed twice, and its 401."""
    home.keep(provider, aimock.KEY, aimock_url)
    how = ["complete", *who(provider, model, aimock_url + path), "--retries", "0"]
    assert home.run(*how, "hello").stdout.strip() == aimock.TEXT
    told = [json.loads(home.run(*how, "--json", "--seed", "7", "hello").stdout) for _ in range(2)]
    assert [it["text"] for it in told] == [aimock.TEXT] * 2
    assert [it["replayed"] for it in told] == [False, True]
    home.keep(provider, "wrong", aimock_url)
    assert home.run(*how, "hello").returncode == 4


# The variable that sends each provider's own package elsewhere, what stands in it here, and the variable of its key.
ELSEWHERE = {
    "openai": ("OPENAI_BASE_URL", "/v1", "OPENAI_API_KEY"),
    "anthropic": ("ANTHROPIC_BASE_URL", "", "ANTHROPIC_API_KEY"),
    "gemini": ("GOOGLE_GEMINI_BASE_URL", "", "GEMINI_API_KEY"),
    "openrouter": ("OPENROUTER_BASE_URL", "/api/v1", "OPENROUTER_API_KEY"),
}


@pytest.mark.parametrize("provider", ELSEWHERE)
def test_by_the_providers_own_variables(provider: str, aimock_url: str, home: Home) -> None:
    """-m PROVIDER/MODEL alone, with the address and the key where the provider's own package looks for them."""
    address, path, key = ELSEWHERE[provider]
    model = next(model for name, model, _ in WAYS.values() if name == provider)
    home.env |= {address: aimock_url + path, key: aimock.KEY}
    said = home.run("complete", "-m", f"{provider}/{model}", "--seed", "7", "--retries", "0", "hello")
    assert (said.returncode, said.stdout.strip()) == (0, aimock.TEXT), said.stderr


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
def test_llmock(name: str, llmock: LLMock, home: Home) -> None:
    """llmock in the provider's place: a 429 is waited out, the answer comes, and llmock has no complaint."""
    provider, model, path = WAYS[name]
    url = llmock.base_url(provider)
    url = url if url.endswith(path) else url + path
    home.keep(provider, "key-of-mine", url)
    llmock.reply("Once upon a time.", times=None)
    llmock.fail(429, retry_after=0.1)
    said = home.run("complete", *who(provider, model, url), "Tell me a story")
    assert (said.returncode, said.stdout.strip()) == (0, "Once upon a time."), said.stderr
    llmock.assert_resilient(strict=True)
