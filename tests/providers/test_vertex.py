"""Vertex AI as a provider: its addresses and credentials, against the official SDKs and a loopback server."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from antiphon import Client, providers
from antiphon.dialects import anthropic_vertex, gemini_content
from antiphon.errors import CredentialError, RequestError
from antiphon.providers import vertex
from antiphon.request import Config, Message, Request

genai = pytest.importorskip("google.genai", reason="google-genai needs Python 3.11")
from google.auth import jwt  # noqa: E402
from google.genai import types  # noqa: E402
from google.oauth2.credentials import Credentials  # noqa: E402

VERTEX = providers.get("vertex")
PATH = "/v1/projects/my-project/locations/europe-west4"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A project and a location, no credentials, and no proxy."""
    for name in (
        "GOOGLE_API_KEY",
        "GEMINI_API_KEY",
        "ANTHROPIC_VERTEX_PROJECT_ID",
        "CLOUD_ML_REGION",
        *VERTEX.key_env,
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def asked(model: str = "gemini-3.8-flash", **more: Any) -> Request:
    """A greeting to this model."""
    return Request(provider="vertex", messages=(Message("user", "Hi"),), config=Config(model=model), **more)


def official(answer: Any, **how: Any) -> tuple[str, Any]:
    """The address that Google's own SDK asks with these arguments, and the authorization it brings."""
    seen: list[httpx2.Request] = []

    def answered(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=answer)

    with httpx2.Client(transport=httpx2.MockTransport(answered)) as http:
        options = types.HttpOptions(api_version="v1", httpx_client=http)
        with genai.Client(enterprise=True, http_options=options, **how) as client:
            client.models.generate_content(model="gemini-3.8-flash", contents="Hi")
    return str(seen[0].url), seen[0].headers


ANSWER = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello!"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "trafficType": "ON_DEMAND"},
}


@pytest.mark.parametrize("location", ["global", "us", "eu", "us-central1", "europe-west4"])
def test_sdk_asks_at_the_same_address(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the location is, the address is the one that Google's own SDK asks at, with the same kind of key."""
    url, headers = official(
        ANSWER, project="my-project", location=location, credentials=Credentials(token="t")
    )
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", location)
    request = asked()
    assert url == f"{vertex.address(request)}/{gemini_content.path(request, stream=False)}"
    assert headers["authorization"] == "Bearer t"
    assert VERTEX.auth == "bearer"
    assert vertex.host(location) in VERTEX.own_hosts


def test_express_mode_is_gemini_at_another_address() -> None:
    """With an API key, Google's own SDK asks at an address without a project; provider gemini goes there."""
    gemini = providers.get("gemini")
    url, headers = official(ANSWER, api_key="express")
    base = gemini.address("https://aiplatform.googleapis.com/v1/publishers/google")
    assert url == f"{base}/{gemini_content.path(asked(), stream=False)}"
    assert headers[gemini.auth] == "express"
    assert "aiplatform.googleapis.com" in gemini.own_hosts


def test_address() -> None:
    """The maker follows the dialect; an address of one's own may leave the project to the environment."""
    assert vertex.address(asked()).endswith(f"europe-west4-aiplatform.googleapis.com{PATH}/publishers/google")
    claude = asked("claude-sonnet-5", dialect="anthropic_vertex", base_url="http://127.0.0.1:1")
    assert vertex.address(claude) == f"http://127.0.0.1:1{PATH}/publishers/anthropic"
    own = asked(base_url="http://127.0.0.1:1/v1/projects/other/locations/eu")
    assert vertex.address(own) == "http://127.0.0.1:1/v1/projects/other/locations/eu/publishers/google"


def test_claudes_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Project and location are found where Anthropic's SDK looks for them too; the location may be left out."""
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    monkeypatch.delenv("GOOGLE_CLOUD_LOCATION")
    monkeypatch.setenv("ANTHROPIC_VERTEX_PROJECT_ID", "p")
    assert vertex.address(asked()).endswith(
        "//aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google"
    )
    monkeypatch.setenv("CLOUD_ML_REGION", "us-east5")
    assert "//us-east5-aiplatform.googleapis.com/" in vertex.address(asked())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GOOGLE_CLOUD_PROJECT", ""),
        ("GOOGLE_CLOUD_PROJECT", "../x"),
        ("GOOGLE_CLOUD_LOCATION", "evil.example/"),
        ("GOOGLE_CLOUD_LOCATION", "x@y"),
    ],
)
def test_what_cannot_be_an_address(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing project, or names that would lead elsewhere, are refused with what to set."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(RequestError) as caught:
        vertex.address(asked())
    assert variable in caught.value.hint


def test_which_claudes_take_sampling() -> None:
    """Names with @ are judged as those with - are at Anthropic."""
    way = VERTEX.way("anthropic_vertex")
    for model, taken in (
        ("claude-opus-4@20250514", True),
        ("claude-sonnet-4-5@20250929", True),
        ("claude-opus-5", False),
    ):
        request = Request(
            provider="vertex", messages=(Message("user", "Hi"),), config=Config(model=model, temperature=0.5)
        )
        if taken:
            assert way.dialect.encode(request, way.quirks, stream=False)["temperature"] == 0.5
            continue
        with pytest.raises(RequestError, match="temperature"):
            way.dialect.encode(request, way.quirks, stream=False)


# ------------------------------------------------------------------------------- a server on the loopback


class Peer(BaseHTTPRequestHandler):
    """Vertex AI and Google's token server in one: keeps what it was asked."""

    seen: list[tuple[str, str, Any]]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["authorization"], None))
        maker = self.path.split("/")[3]
        self._say({"publisherModels": [{"name": f"publishers/{maker}/models/m-1"}]})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/token":
            asserted = parse_qs(raw.decode())["assertion"][0]
            claims = jwt.decode(asserted, verify=False)
            self.seen.append((self.path, "", claims))
            self._say({"access_token": "from-adc", "expires_in": 3600, "token_type": "Bearer"})
            return
        self.seen.append((self.path, self.headers["authorization"], json.loads(raw)))
        if "anthropic" in self.path:
            content = [{"type": "text", "text": "Hello!"}]
            self._say({"type": "message", "content": content, "stop_reason": "end_turn", "usage": {}})
        elif "alt=sse" in self.path:
            self._say(f"data: {json.dumps(ANSWER)}\n\n".encode(), "text/event-stream")
        else:
            self._say(ANSWER)

    def _say(self, document: Any, kind: str = "application/json") -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def peer() -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """The running server: its address, and what it was asked."""
    seen: list[tuple[str, str, Any]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("P", (Peer,), {"seen": seen}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with an empty home."""
    with_home = Client(tmp_path / "home")
    yield with_home
    with_home.close()


def test_gemini_and_claude_with_a_token(client: Client, peer: Any) -> None:
    """Both makers answer down the whole road, an access token given as the key."""
    url, seen = peer
    how: Any = {"provider": "vertex", "base_url": url, "api_key": "ya29.mine"}
    assert client.complete("Hi", model="gemini-3.8-flash", seed=7, **how).text == "Hello!"
    with client.stream("Hi", model="gemini-3.8-flash", **how) as running:
        assert "".join(delta.text for delta in running) == "Hello!"
    claude = {"model": "claude-sonnet-5", "dialect": "anthropic_vertex", **how}
    assert client.complete("Hi", seed=7, **claude).seed_status == "unsupported"
    assert [path for path, _, _ in seen] == [
        f"{PATH}/publishers/google/models/gemini-3.8-flash:generateContent",
        f"{PATH}/publishers/google/models/gemini-3.8-flash:streamGenerateContent?alt=sse",
        f"{PATH}/publishers/anthropic/models/claude-sonnet-5:rawPredict",
    ]
    assert {key for _, key, _ in seen} == {"Bearer ya29.mine"}
    assert seen[0][2]["generationConfig"] == {"seed": 7}
    assert seen[2][2]["anthropic_version"] == anthropic_vertex.VERSION


def test_listing(client: Client, peer: Any) -> None:
    """Models are listed by their maker."""
    url, seen = peer
    for dialect, maker in ((None, "google"), ("anthropic_vertex", "anthropic")):
        (row,) = client.models("vertex", base_url=url, api_key="t", dialect=dialect)
        assert row.name == "m-1"
        assert seen[-1][0] == f"/v1beta1/publishers/{maker}/models?pageSize=300"


@pytest.mark.parametrize(
    ("model", "dialect"), [("claude-sonnet-5", None), ("gemini-3.8-flash", "anthropic_vertex")]
)
def test_the_protocol_fits_the_maker(client: Client, peer: Any, model: str, dialect: str | None) -> None:
    """Claude asked as Gemini, or the other way round, is refused before sending, with the way out."""
    url, seen = peer
    with pytest.raises(RequestError, match=model) as caught:
        client.complete("Hi", provider="vertex", model=model, dialect=dialect, base_url=url, api_key="t")
    assert (caught.value.field, seen) == ("dialect", [])


def service_account(folder: Path, url: str) -> Path:
    """A key file of a service account whose tokens come from `url`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    said = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "me@p.iam.gserviceaccount.com",
        "token_uri": f"{url}/token",
    }
    path = folder / "account.json"
    path.write_text(json.dumps(said))
    return path


def test_application_default_credentials(
    client: Client, peer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key, google-auth gets a token for the service account, once for several calls."""
    url, seen = peer
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account(tmp_path, url)))
    for _ in range(2):
        assert (
            client.complete("Hi", provider="vertex", model="gemini-3.8-flash", base_url=url).text == "Hello!"
        )
    (path, _, claims), *calls = seen
    assert (path, claims["iss"], claims["scope"]) == ("/token", "me@p.iam.gserviceaccount.com", vertex.SCOPE)
    assert [key for _, key, _ in calls] == ["Bearer from-adc"] * 2


def test_no_credentials_at_all(client: Client, peer: Any) -> None:
    """Without any, the error says what to do, and nothing is sent."""
    url, seen = peer
    with pytest.raises(CredentialError) as caught:
        client.complete("Hi", provider="vertex", model="gemini-3.8-flash", base_url=url)
    assert "gcloud auth application-default login" in caught.value.hint
    assert seen == []


def test_without_googles_library(client: Client, peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where google-auth is not installed, the error names the extra and the way without it."""
    url, seen = peer
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(CredentialError, match="google-auth is not installed") as caught:
        client.complete("Hi", provider="vertex", model="gemini-3.8-flash", base_url=url)
    assert "antiphon[vertex]" in caught.value.hint
    assert seen == []


def test_credentials_stay_with_google(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a token of the environment nor the default credentials go to another host."""
    how: Any = {
        "provider": "vertex",
        "model": "gemini-3.8-flash",
        "base_url": "https://aiplatform.googleapis.com.evil.invalid",
    }
    with pytest.raises(CredentialError, match="evil"):
        client.complete("Hi", **how)
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.mine")
    with pytest.raises(CredentialError):
        client.complete("Hi", **how)
