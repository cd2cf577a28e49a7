"""The pages' routes in a real ComfyUI: there, guarded, and nothing of ComfyUI's own is touched."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.hosting import ComfyUI
from tests.peer import Peer

PLANTED = "sk-planted-in-comfyui-0123456789"


class Got:
    """A reply: status, headers, body."""

    def __init__(self, reply: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = reply.status, reply.headers, reply.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(host: ComfyUI, method: str, path: str, document: Any = None, **headers: str | None) -> Got:
    """As our page in ComfyUI asks; `headers` are added, changed, or with None left out."""
    given: dict[str, str | None] = {"X-Antiphon": "1", "Sec-Fetch-Site": "same-origin"}
    if method == "POST":
        given |= {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{host.port}"}
    given |= {name.replace("_", "-"): text for name, text in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)
    try:
        body = None if document is None else json.dumps(document)
        connection.request(
            method, path, body, {name: text for name, text in given.items() if text is not None}
        )
        return Got(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def shared(comfyui_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    """A ComfyUI for many users, which lets other origins in where it is up to itself."""
    del comfyui_folder  # asks for a ComfyUI
    folder = tmp_path_factory.mktemp("shared")
    host = ComfyUI(folder, arguments=("--multi-user", "--enable-cors-header"))
    try:
        yield host.start()
    finally:
        host.stop()


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_the_routes_are_there(comfyui: ComfyUI, prefix: str):
    """Below /antiphon and /api/antiphon, with no code for this machine's user of a ComfyUI that is for nobody else."""
    state = ask(comfyui, "GET", f"{prefix}/antiphon/state").json

    assert (state["host"], state["allowed"], state["pairing"]) == ("comfyui", True, False)
    assert any(row["name"] == "anthropic" for row in state["providers"])
    assert ask(comfyui, "GET", f"{prefix}/antiphon/history").status == 200
    assert ask(comfyui, "GET", f"{prefix}/antiphon/nothing").status == 404


def test_comfyui_s_own_routes_are_as_they_were(comfyui: ComfyUI):
    """No guard and no header of ours is on them."""
    for path in ("/queue", "/system_stats", "/api/queue", "/"):
        reply = ask(comfyui, "GET", path, X_Antiphon=None, Sec_Fetch_Site=None)
        assert reply.status == 200
        assert "X-Frame-Options" not in reply.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": None, "Sec_Fetch_Site": "cross-site"}, 403),
        ({"X_Antiphon": None}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Host": "evil.example"}, 403),
        ({"X_Forwarded_For": "1.2.3.4"}, 401),
        ({"Host": "192.168.1.5", "Origin": "http://192.168.1.5"}, 401),
    ],
)
def test_strangers_are_kept_out(comfyui: ComfyUI, headers: dict[str, str | None], status: int):
    """Another page, a made-up name, a request that came through a proxy: none stores a key."""
    document = {"name": "strange", "value": PLANTED, "hosts": ["api.example.com"]}

    assert ask(comfyui, "POST", "/antiphon/credentials", document, **headers).status == status
    assert all(row["name"] != "strange" for row in ask(comfyui, "GET", "/antiphon/credentials").json)


def test_an_answer_is_streamed_and_recorded(comfyui: ComfyUI, peer: Peer):
    """Through ComfyUI's middlewares, in pieces; the history of this ComfyUI has it then."""
    question = {"prompt": "hello", "provider": "compatible", "model": "m", "base_url": peer.url, "seed": 4711}

    reply = ask(comfyui, "POST", "/api/antiphon/complete", question)

    *deltas, last = [json.loads(line) for line in reply.body.splitlines()]
    assert deltas
    assert last["completion"]["text"].strip() == "answer to hello"
    key = last["completion"]["key"]
    assert ask(comfyui, "GET", f"/api/antiphon/history/{key}").json["seed"] == "4711"


def test_a_page_that_goes_away_ends_the_answer(comfyui: ComfyUI, peer: Peer):
    """ComfyUI does not tell its routes when a browser hangs up; the provider's connection is closed all the same."""
    peer.pause = 60.0
    question = {"prompt": "a b c", "provider": "compatible", "model": "m", "base_url": peer.url}
    connection = http.client.HTTPConnection("127.0.0.1", comfyui.port, timeout=60)
    headers = {"X-Antiphon": "1", "Content-Type": "application/json"}
    connection.request("POST", "/antiphon/complete", json.dumps(question), headers)
    reply = connection.getresponse()
    assert reply.read(5)
    reply.close()
    connection.close()

    for _ in range(6000):
        if peer.seen[0].disconnected is not None:
            break
        threading.Event().wait(0.01)
    assert peer.seen[0].disconnected is not None


def test_a_key_is_kept_and_shown_nowhere(comfyui: ComfyUI):
    """The one-click move: the widget gets a name, and the value is in no reply and not in ComfyUI's log."""
    kept = ask(comfyui, "POST", "/antiphon/credentials/keep", {"value": PLANTED, "provider": "openai"})
    listed = ask(comfyui, "GET", "/antiphon/credentials")
    logs = ask(comfyui, "GET", "/internal/logs/raw")

    assert kept.json["reference"].startswith("credential:openai-widget")
    assert PLANTED.encode() not in kept.body + listed.body + logs.body
    assert PLANTED not in comfyui.log
    name = kept.json["reference"].partition(":")[2]
    assert ask(comfyui, "POST", "/antiphon/credentials/remove", {"name": name}).status == 200


def test_a_comfyui_for_many_asks_for_a_code(shared: ComfyUI):
    """Nobody is let in without one; it is in the terminal and in a file, and not in the log that everybody can read.

    Whoever has it stays in, also after a restart; another browser does not get in with the same code.
    """
    state = ask(shared, "GET", "/antiphon/state").json
    logs = ask(shared, "GET", "/internal/logs/raw").body.decode()
    code = (shared.folder / "user" / "__antiphon" / "page-code").read_text().strip()

    assert state == {"host": "comfyui", "allowed": False, "pairing": True, "lang": ""}
    assert ask(shared, "GET", "/antiphon/history").status == 401
    assert "page-code" in logs
    assert code not in logs
    assert code in shared.log
    assert ask(shared, "GET", "/userdata/../__antiphon/page-code").status != 200

    paired = ask(shared, "POST", "/antiphon/pair", {"code": code})
    cookie = paired.headers["Set-Cookie"]
    assert paired.status == 204
    assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in cookie.split(";")}
    known = cookie.partition(";")[0]
    assert ask(shared, "GET", "/antiphon/history", Cookie=known).status == 200
    assert ask(shared, "POST", "/antiphon/pair", {"code": code}).status == 403
    secret = shared.folder / "user" / "__antiphon" / "keys" / "pages"
    assert secret.stat().st_mode & 0o077 == 0

    shared.stop()
    port = shared.port
    shared.start(port)
    assert ask(shared, "GET", "/antiphon/history", Cookie=known).status == 200
    secret.unlink()
    shared.stop()
    shared.start(port)
    assert ask(shared, "GET", "/antiphon/history", Cookie=known).status == 401


def test_what_comfyui_allows_other_origins_is_not_ours(shared: ComfyUI):
    """With --enable-cors-header ComfyUI says yes to every preflight; ours refuses what comes after it all the same."""
    preflight = ask(shared, "OPTIONS", "/antiphon/complete", Origin="http://evil.example", X_Antiphon=None)
    allowed = preflight.headers.get("Access-Control-Allow-Headers", "").lower()
    read = ask(shared, "GET", "/antiphon/history", Origin="http://evil.example", Sec_Fetch_Site=None)
    posted = ask(shared, "POST", "/antiphon/pair", {"code": "x"}, Origin="http://evil.example")

    assert "x-antiphon" not in allowed
    assert "*" not in allowed
    assert (read.status, posted.status) == (403, 403)
    assert posted.json["error"]["kind"] == "origin"


def test_the_pages_can_be_left_out(comfyui_folder: Path, tmp_path: Path):
    """With ANTIPHON_PAGES=0 there are no routes, and the pack works as ever."""
    del comfyui_folder
    host = ComfyUI(tmp_path, environment={"ANTIPHON_PAGES": "0"})
    try:
        host.start()
        assert ask(host, "GET", "/antiphon/state").status == 404
        assert "antiphon" in json.dumps(host.get("/object_info")).lower()
    finally:
        host.stop()
