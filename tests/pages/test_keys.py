"""Credentials over HTTP: values go in, and come out nowhere."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.pages.hosting import Pages
from tests.peer import Peer, QuietServer

PLANTED = "sk-planted-7f3a9c2e5b8d1f4a6c0e"


def test_a_key_is_stored_listed_and_removed(pages: Pages, home: Path):
    """It is listed by name, hosts and place; its value is in the key file and in no reply."""
    kept = pages.ask(
        "POST", "/antiphon/credentials", {"name": "mine", "value": PLANTED, "hosts": ["api.example.com"]}
    )
    listed = pages.ask("GET", "/antiphon/credentials")
    gone = pages.ask("POST", "/antiphon/credentials/remove", {"name": "mine"})

    assert kept.json == {"name": "mine", "hosts": ["api.example.com"], "source": "file", "note": ""}
    assert listed.json == [{"name": "mine", "hosts": ["api.example.com"], "source": "file", "provider": None}]
    assert gone.json == {"removed": "mine"}
    assert pages.ask("GET", "/antiphon/credentials").json == []
    assert PLANTED.encode() not in kept.body + listed.body + gone.body


def test_a_key_for_a_provider_goes_to_its_own_hosts(pages: Pages):
    """With a provider in place of hosts the key is bound to the provider's own."""
    reply = pages.ask(
        "POST", "/antiphon/credentials", {"name": "openai", "value": PLANTED, "provider": "openai"}
    )

    assert reply.json["hosts"][0] == "api.openai.com"
    assert all(host.endswith(".openai.com") for host in reply.json["hosts"])
    assert pages.ask("GET", "/antiphon/credentials").json[0]["provider"] == "openai"


def test_environment_keys_are_listed_by_their_variable(pages: Pages, monkeypatch: pytest.MonkeyPatch):
    """A key in the environment is told by the name of its variable."""
    monkeypatch.setenv("GROQ_API_KEY", PLANTED)

    reply = pages.ask("GET", "/antiphon/credentials")

    assert [(row["name"], row["source"]) for row in reply.json] == [
        ("groq", "environment variable GROQ_API_KEY")
    ]
    assert PLANTED.encode() not in reply.body


def test_a_widget_s_key_is_kept_under_one_name(pages: Pages):
    """The same key gives the same reference each time, another key another one; an address of its own is taken."""
    keep = "/antiphon/credentials/keep"
    first = pages.ask("POST", keep, {"value": PLANTED, "provider": "openai"})
    again = pages.ask("POST", keep, {"value": f" {PLANTED}\n", "provider": "openai"})
    other = pages.ask("POST", keep, {"value": PLANTED[::-1], "provider": "openai"})
    own = pages.ask(
        "POST", keep, {"value": PLANTED, "provider": "compatible", "endpoint": "http://10.0.0.7:8000/v1"}
    )

    assert first.json == again.json == {"reference": "credential:openai-widget"}
    assert other.json == {"reference": "credential:openai-widget-2"}
    assert own.json == {"reference": "credential:compatible-widget"}
    hosts = {row["name"]: row["hosts"] for row in pages.ask("GET", "/antiphon/credentials").json}
    assert hosts["compatible-widget"] == ["http://10.0.0.7:8000"]
    refused = pages.ask("POST", keep, {"value": "credential:openai-widget", "provider": "openai"})
    assert (refused.status, refused.error["field"]) == (400, "value")


class Lists(BaseHTTPRequestHandler):
    """A provider that tells its models to whoever has the key, or to anybody."""

    asked: ClassVar[list[str]] = []
    anybody: ClassVar[bool] = False

    def do_GET(self) -> None:
        given = self.headers["Authorization"]
        self.asked.append(given)
        good = given == f"Bearer {PLANTED}" or self.anybody
        told = (
            {"data": [{"id": "m", "object": "model"}]}
            if good
            else {"error": {"message": f"bad key: {given}"}}
        )
        body = json.dumps(told).encode()
        self.send_response(200 if good else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def lists() -> Iterator[tuple[str, type[Lists]]]:
    """Its address, and what it has seen."""
    answers = type("Answers", (Lists,), {"asked": []})
    server = QuietServer(("127.0.0.1", 0), answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", answers
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)


def test_a_key_is_tested_where_it_may_go(pages: Pages, lists: tuple[str, type[Lists]]):
    """The provider is asked for its models with the key: it says yes, or no with its status; neither shows the key."""
    url, server = lists
    for name, value in (("good", PLANTED), ("bad", PLANTED[::-1])):
        pages.ask("POST", "/antiphon/credentials", {"name": name, "value": value, "hosts": [url]})
    good, bad = (
        pages.ask(
            "POST", "/antiphon/credentials/test", {"name": name, "provider": "compatible", "base_url": url}
        )
        for name in ("good", "bad")
    )

    assert (good.json["ok"], good.json["proven"], good.json["status"]) == (True, True, 200)
    assert server.asked[0] == f"Bearer {PLANTED}"
    assert (bad.status, bad.json["ok"], bad.json["status"], bad.json["kind"]) == (
        200,
        False,
        401,
        "Unauthorized",
    )
    assert PLANTED.encode() not in good.body + bad.body
    assert PLANTED[::-1].encode() not in bad.body


def test_a_listing_for_anybody_proves_nothing(pages: Pages, lists: tuple[str, type[Lists]]):
    """Where the models are told without a key too, the test says that it does not know."""
    url, server = lists
    server.anybody = True
    pages.ask("POST", "/antiphon/credentials", {"name": "any", "value": PLANTED[::-1], "hosts": [url]})

    reply = pages.ask(
        "POST", "/antiphon/credentials/test", {"name": "any", "provider": "compatible", "base_url": url}
    )

    assert (reply.json["ok"], reply.json["proven"]) == (True, False)
    assert "anybody" in reply.json["message"]
    assert pages.ask("POST", "/antiphon/credentials/test", {"name": "x", "provider": "echo"}).json["ok"]


def test_a_key_is_sent_nowhere_else(pages: Pages, peer: Peer):
    """A test against a host that the key is not bound to is refused before anything is sent."""
    pages.ask(
        "POST", "/antiphon/credentials", {"name": "mine", "value": PLANTED, "hosts": ["api.example.com"]}
    )

    for path, document in (
        ("credentials/test", {"name": "mine", "provider": "openai", "base_url": peer.url}),
        (
            "complete",
            {"prompt": "?", "provider": "openai", "model": "m", "credential": "mine", "base_url": peer.url},
        ),
    ):
        reply = pages.ask("POST", f"/antiphon/{path}", document)
        assert "CredentialError" in reply.body.decode()
    query = f"provider=openai&credential=mine&refresh=1&base_url={peer.url}"
    assert pages.ask("GET", f"/antiphon/models?{query}").error["kind"] == "CredentialError"

    assert peer.seen == []


WRONG: list[tuple[str, str, Any]] = [
    ("POST", "credentials", {"name": "x", "value": PLANTED}),
    ("POST", "credentials", {"name": PLANTED + " ", "value": PLANTED, "hosts": ["h"]}),
    ("POST", "credentials", {"name": "x", "value": PLANTED + "\nX: y", "hosts": ["h"]}),
    ("POST", "credentials", {"name": "x", "value": PLANTED + "é", "hosts": ["h"]}),
    ("POST", "credentials", {"name": "x", "value": PLANTED * 1000, "hosts": ["h"]}),
    ("POST", "credentials", {"name": "x", "value": [PLANTED], "hosts": ["h"]}),
    ("POST", "credentials", {"name": "x", "value": {PLANTED: PLANTED}, "hosts": ["h"]}),
    ("POST", "credentials", {"name": "x", "value": PLANTED, "hosts": "h"}),
    ("POST", "credentials", {"name": "x", "value": PLANTED, "hosts": [7]}),
    ("POST", "credentials", {"name": "x", "value": PLANTED, "provider": "nobody"}),
    ("POST", "credentials", {"name": "x", "value": PLANTED, "provider": "compatible"}),
    ("POST", "credentials", {"name": "x", "value": PLANTED, "hosts": ["https://a b"]}),
    ("POST", "credentials/keep", {"value": PLANTED}),
    ("POST", "credentials/keep", {"value": PLANTED, "provider": "compatible"}),
    ("POST", "credentials/keep", {"value": PLANTED + "\x01", "provider": "openai"}),
    ("POST", "credentials/keep", {"value": [PLANTED], "provider": "openai"}),
    ("POST", "credentials/keep", {"value": PLANTED, "provider": "openai", "endpoint": "not an address"}),
    ("POST", "credentials/keep", {"value": PLANTED, "provider": ["openai"]}),
    ("POST", "complete", {"prompt": "?", "provider": "echo", "settings": {"api_key": PLANTED}}),
    (
        "POST",
        "complete",
        {"prompt": "?", "provider": "echo", "api_key": PLANTED, "settings": {"temperature": "x"}},
    ),
    ("POST", "nothing", {"value": PLANTED}),
    ("POST", "pair", {"code": PLANTED}),
]


@pytest.mark.parametrize(("method", "path", "document"), WRONG)
def test_a_key_in_a_wrong_request_comes_back_nowhere(
    pages: Pages, caplog: pytest.LogCaptureFixture, method: str, path: str, document: Any
):
    """Whatever is wrong with it, no error and no log line shows the value that came with it."""
    with caplog.at_level(logging.DEBUG):
        reply = pages.ask(method, f"/antiphon/{path}", document)

    assert 400 <= reply.status < 500, reply.body
    name_is_planted = str(document.get("name", "")).startswith(PLANTED)
    assert name_is_planted or PLANTED.encode() not in reply.body
    assert name_is_planted or PLANTED not in caplog.text


def test_what_breaks_inside_is_told_without_its_words(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """An error that nobody expected says where it happened, in the log, and never what its text quotes."""
    from antiphon.credentials import Credentials

    def broken(*_: Any, **__: Any) -> None:
        raise ValueError(f"cannot parse {PLANTED}")

    monkeypatch.setattr(Credentials, "set", broken)
    reply = pages.ask("POST", "/antiphon/credentials", {"name": "x", "value": PLANTED, "hosts": ["h"]})

    assert (reply.status, reply.error["kind"]) == (500, "unexpected")
    assert "ValueError" in caplog.text
    assert PLANTED not in caplog.text + reply.body.decode()


def test_no_route_ever_shows_a_key(
    pages: Pages, peer: Peer, home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """With planted keys in file and environment, and a server that echoes them, no reply of any route holds one."""
    monkeypatch.setenv("OPENAI_API_KEY", PLANTED)
    pages.ask("POST", "/antiphon/credentials", {"name": "mine", "value": PLANTED, "hosts": [peer.url]})
    peer.text = lambda body: f"your key is {PLANTED[:2]}..."
    question = {
        "prompt": "?",
        "provider": "compatible",
        "model": "m",
        "base_url": peer.url,
        "credential": "mine",
    }
    answered = pages.ask("POST", "/antiphon/complete", {**question, "seed": 1})
    key = answered.lines[-1]["completion"]["key"]
    peer.status, peer.error = 400, {"error": {"message": f"bad header: Bearer {PLANTED}"}}
    reads = (
        *("state", "credentials", "history", f"history/{key}", f"history/{key}/workflow", "totals"),
        f"models?provider=compatible&refresh=1&credential=mine&base_url={peer.url}",
    )
    bodies = [answered.body]
    with caplog.at_level(logging.DEBUG):
        bodies += [pages.ask("GET", f"/antiphon/{path}").body for path in reads]
        for path, document in {
            "complete": {**question, "seed": 2},
            "credentials/test": {"name": "mine", "provider": "compatible", "base_url": peer.url},
            "history/export": {"keys": [key]},
            f"history/{key}/pin": {"pinned": True},
            "credentials/remove": {"name": "mine"},
        }.items():
            bodies.append(pages.ask("POST", f"/antiphon/{path}", document).body)

    assert b"".join(bodies).count(b"Bearer") <= 2  # the server's word, without what followed it
    assert PLANTED.encode() not in b"".join(bodies)
    assert PLANTED not in caplog.text
    stored = [path for path in home.rglob("*") if path.is_file() and PLANTED.encode() in path.read_bytes()]
    assert stored == []  # it was in the key file only, and is removed


def test_keys_of_two_tabs_do_not_get_lost(pages: Pages):
    """Two tabs that store at the same time both have stored."""

    def store(name: str) -> None:
        pages.ask("POST", "/antiphon/credentials", {"name": name, "value": PLANTED, "hosts": ["h"]})

    tabs = [threading.Thread(target=store, args=(f"k{n}",)) for n in range(8)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(30)

    assert {row["name"] for row in pages.ask("GET", "/antiphon/credentials").json} == {
        f"k{n}" for n in range(8)
    }


def test_json_is_all_ascii(pages: Pages):
    """Whatever text goes out, it is escaped: no reply can be read as anything but JSON."""
    pages.ask(
        "POST",
        "/antiphon/complete",
        {"prompt": "<script>\u202e\u2028é\ud83d\ude00", "provider": "echo", "seed": 1},
    )

    body = pages.ask("GET", "/antiphon/history").body

    assert body.isascii()
    assert json.loads(body)["items"]
