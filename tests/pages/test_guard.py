"""Who is kept out: other pages, made-up names, other people, other users of the machine."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from antiphon.pages import neighbours
from antiphon.pages.guard import Denied, Guard, Host, Pairing
from antiphon.pages.neighbours import Peer
from tests.pages.hosting import Pages, serving

KEY = "k1:" + "0" * 64
SHA = "0" * 64
GETS = (
    *("history", "totals", "models?provider=echo", "credentials", f"history/{KEY}"),
    *(f"history/{KEY}/media/{SHA}", f"history/{KEY}/workflow"),
)
POSTS: dict[str, dict[str, Any]] = {
    "history/delete": {"keys": [KEY]},
    "history/export": {"keys": [KEY]},
    f"history/{KEY}/pin": {"pinned": True},
    "credentials": {"name": "a", "value": "sk-planted", "hosts": ["api.example.com"]},
    "credentials/test": {"name": "a", "provider": "echo"},
    "credentials/remove": {"name": "a"},
    "credentials/keep": {"value": "sk-planted-0123456789", "provider": "openai"},
    "complete": {"prompt": "?", "provider": "echo"},
}
# -------------------------------------------------------------------------------- another page


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "http://evil.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="a sandboxed frame"),
        pytest.param({"Origin": "http://127.0.0.1:1"}, id="another port"),
        pytest.param({"Origin": "http://127.0.0.1.evil.example"}, id="a name that begins alike"),
        pytest.param({"Origin": "http://user@{host}"}, id="an origin with a user"),
        pytest.param({"Origin": None, "Sec_Fetch_Site": "cross-site"}, id="cross-site"),
        pytest.param({"Origin": None, "Sec_Fetch_Site": "same-site"}, id="another port, as browsers say it"),
        pytest.param({"X_Antiphon": None}, id="a form"),
        pytest.param({"Content_Type": "text/plain"}, id="fetch without a preflight"),
        pytest.param({"Content_Type": "application/x-www-form-urlencoded"}, id="a form's body"),
        pytest.param({"Content_Type": "multipart/form-data; boundary=x"}, id="a form with a file"),
        pytest.param({"Content_Type": None}, id="a Blob without a type"),
    ],
)
def test_another_page_cannot_have_the_browser_post(pages: Pages, path: str, headers: dict[str, str | None]):
    """With the right cookie, each POST that a foreign page can make without asking is refused, and nothing happens."""
    given = {name: text and text.format(host=pages.host) for name, text in headers.items()}

    reply = pages.ask("POST", f"/antiphon/{path}", POSTS[path], **given)

    assert reply.status in (403, 415), reply.body
    assert pages.ask("GET", "/antiphon/credentials").json == []


@pytest.mark.parametrize("path", GETS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X_Antiphon": None, "Sec_Fetch_Site": "cross-site"}, id="img of another site"),
        pytest.param({"X_Antiphon": None, "Sec_Fetch_Site": "same-site"}, id="img of another port"),
        pytest.param({"Sec_Fetch_Site": "cross-site"}, id="with the header"),
        pytest.param({"Origin": "http://evil.example", "Sec_Fetch_Site": None}, id="cors, an old browser"),
    ],
)
def test_another_page_cannot_read(pages: Pages, path: str, headers: dict[str, str | None]):
    """With the right cookie, no GET of a foreign page is answered with anything but a refusal."""
    reply = pages.ask("GET", f"/antiphon/{path}", **headers)

    assert (reply.status, reply.error["kind"]) in ((403, "origin"), (403, "header"))


@pytest.mark.parametrize("path", ["history", "complete", "state", "pair", ""])
def test_no_preflight_is_granted(pages: Pages, path: str):
    """OPTIONS gets no permission, and no reply of ours ever carries a CORS header."""
    asked = {"Origin": "http://evil.example", "Access_Control_Request_Method": "POST"}
    asked |= {"Access_Control_Request_Headers": "x-antiphon,content-type", "Sec_Fetch_Site": "cross-site"}

    replies = [pages.ask("OPTIONS", f"/antiphon/{path}", **asked), pages.ask("OPTIONS", f"/{path}", **asked)]
    replies += [pages.ask("GET", "/antiphon/state"), pages.ask("GET", "/")]

    assert all(reply.status >= 400 for reply in replies[:2])
    assert not [name for reply in replies for name in reply.headers if name.startswith("access-control")]


def test_pictures_are_for_the_own_page(pages: Pages):
    """<img> cannot send a header: fetch metadata or the cookie stand for it, and neither of another site does."""
    path = f"/antiphon/history/{KEY}/media/{SHA}"

    assert pages.ask("GET", path, X_Antiphon=None).status == 404
    assert pages.ask("GET", path, X_Antiphon=None, Sec_Fetch_Site=None).status == 404
    assert pages.ask("GET", path, X_Antiphon=None, cookie="").status == 401
    assert pages.ask("GET", path, X_Antiphon=None, Sec_Fetch_Site=None, cookie="").status == 403
    assert pages.ask("GET", f"/antiphon/history/{KEY}", X_Antiphon=None).status == 403


# -------------------------------------------------------------------------------- made-up names


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:{port}", "127.0.0.1.nip.example:{port}", "localhost.evil.example"),
        *("localhost.:{port}", "127.0.0.1.:{port}", "foo.localhost:{port}", "2130706433", "0x7f.1", "127.1"),
        *(
            "[::1",
            "::1",
            "[::1]x",
            "[fe80::1%25eth0]:{port}",
            "user@127.0.0.1",
            "127.0.0.1:99999",
            "127.0.0.1:x",
        ),
        *("", "127.0.0.1 evil.example", "127.0.0.1,evil.example", "l\xf3calhost", "127.0.0.1:{port}:80"),
    ],
)
@pytest.mark.parametrize("path", ["/antiphon/state", "/antiphon/history", "/", "/antiphon/nothing"])
def test_a_made_up_name_leads_nowhere(pages: Pages, host: str, path: str):
    """DNS rebinding: under a host name that a name server gives, nothing is answered, not even the page."""
    reply = pages.ask("GET", path, Host=host.format(port=pages.server.port))

    assert reply.status in (400, 403)
    assert b"history" not in reply.body.lower() or reply.status == 400
    if reply.status == 403:
        assert reply.error["kind"] == "host"


@pytest.mark.parametrize("lines", [(), ("Host: 127.0.0.1", "Host: evil.example")], ids=["none", "two"])
def test_one_host_header_is_needed(pages: Pages, lines: tuple[str, ...]):
    """Neither no Host header nor two are taken."""
    head = "\r\n".join(["GET /antiphon/state HTTP/1.0", "X-Antiphon: 1", "Connection: close", *lines])

    assert pages.raw(f"{head}\r\n\r\n".encode()).status in (400, 403)


def test_the_usual_names_are_taken(strangers: Pages):
    """IP addresses and localhost are nobody's to point elsewhere."""
    port = strangers.server.port
    for host in (
        f"127.0.0.1:{port}",
        f"localhost:{port}",
        f"LOCALHOST:{port}",
        f"[::1]:{port}",
        "192.168.1.5",
    ):
        assert strangers.ask("GET", "/antiphon/state", Host=host).status == 200, host


def test_a_listed_name_is_taken(strangers: Pages, monkeypatch: pytest.MonkeyPatch):
    """ANTIPHON_PAGE_HOSTS lets a name in, with its port or any, and its pages behind a proxy that changes Host."""
    monkeypatch.setenv("ANTIPHON_PAGE_HOSTS", "studio.example, box.example:8443")
    state = "/antiphon/state"

    assert strangers.ask("GET", state, Host="studio.example:9").status == 200
    assert strangers.ask("GET", state, Host="box.example:8443").status == 200
    assert strangers.ask("GET", state, Host="box.example:8444").status == 403
    assert strangers.ask("GET", state, Host="other.example").status == 403
    proxied = {"Host": "127.0.0.1:1", "Origin": "https://studio.example"}
    assert strangers.ask("POST", "/antiphon/pair", {"code": "x"}, **proxied).error["kind"] == "wrong-code"
    assert (
        strangers.ask("POST", "/antiphon/pair", {"code": "x"}, Origin="https://x.example").error["kind"]
        == "origin"
    )


# -------------------------------------------------------------------------------- other people


@pytest.mark.parametrize(
    "cookie", ["", "antiphon-{port}=x", "antiphon-{port}=", "antiphon-{port}=a.9999999999.b"]
)
def test_without_the_cookie_nothing_is_told(strangers: Pages, cookie: str):
    """Every route says 401, and the state tells that it does not know you and nothing else."""
    cookie = cookie.format(port=strangers.server.port)
    for path in (*GETS, "nothing"):
        assert strangers.ask("GET", f"/antiphon/{path}", cookie=cookie).status == 401, path
    for path, document in POSTS.items():
        assert strangers.ask("POST", f"/antiphon/{path}", document, cookie=cookie).status == 401, path

    state = strangers.ask("GET", "/antiphon/state", cookie=cookie).json

    assert state == {"host": "ui", "allowed": False, "pairing": True, "lang": ""}


def test_the_token_in_the_address_works_once(strangers: Pages):
    """It gives a cookie that scripts cannot read and other sites are not sent, and is taken out of the address."""
    url = strangers.server.url.removeprefix(strangers.server.address.rstrip("/"))

    first, again = strangers.ask("GET", f"{url}&lang=zh"), strangers.ask("GET", url)

    assert (first.status, first.headers["location"]) == (303, "/?lang=zh")
    [cookie] = first.cookies
    assert cookie.startswith(f"antiphon-{strangers.server.port}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert (again.status, again.cookies) == (303, [])
    assert strangers.ask("GET", "/antiphon/history", cookie=cookie.partition(";")[0]).status == 200
    assert "token" not in strangers.server.url or strangers.server.url.endswith("token=")


@pytest.mark.parametrize("token", ["", "x", "\u00e9".encode().hex(), "%ff%fe", "a" * 5000])
def test_a_wrong_token_lets_nobody_in(strangers: Pages, token: str):
    """It leads to the page, which asks for a code, and the right one still works."""
    reply = strangers.ask("GET", f"/?token={token}")

    assert (reply.status, reply.cookies) == (303, [])
    assert strangers.let_in()


def test_looking_at_the_address_does_not_use_it_up(strangers: Pages):
    """HEAD, as link checkers send it, gives no cookie and leaves the token as it is."""
    url = strangers.server.url.removeprefix(strangers.server.address.rstrip("/"))

    assert strangers.ask("HEAD", url).cookies == []
    assert strangers.let_in()


def test_a_code_lets_another_browser_in(strangers: Pages):
    """The code is shown once, when it is first asked for; it is taken as people type it, and works once."""
    strangers.ask("GET", "/antiphon/state")
    strangers.ask("GET", "/antiphon/state")
    [code] = strangers.codes

    reply = strangers.ask("POST", "/antiphon/pair", {"code": f" {code.upper()} "})

    assert (reply.status, reply.body) == (204, b"")
    assert strangers.ask("GET", "/antiphon/history", cookie=reply.cookies[0].partition(";")[0]).status == 200
    assert strangers.ask("POST", "/antiphon/pair", {"code": code}).status == 403
    strangers.ask("GET", "/antiphon/state")
    assert len(set(strangers.codes)) == 2


def test_codes_cannot_be_tried_out(strangers: Pages):
    """After five wrong ones within a minute even the right one is not looked at."""
    strangers.ask("GET", "/antiphon/state")
    wrong = [strangers.ask("POST", "/antiphon/pair", {"code": f"{n:08}"}) for n in range(6)]

    locked = strangers.ask("POST", "/antiphon/pair", {"code": strangers.codes[0]})

    assert [reply.status for reply in wrong] == [403] * 5 + [429]
    assert (locked.status, locked.error["kind"], locked.headers["retry-after"]) == (429, "locked", "60")


def test_the_lock_opens_after_a_minute():
    """Five wrong codes lock one address; the minute over, the right one is taken. All together have a limit too."""
    now = [0.0]
    codes: list[str] = []
    pairing = Pairing(codes.append, clock=lambda: now[0])
    pairing.ask()

    def redeem(code: str, address: str = "a") -> str:
        try:
            pairing.redeem(code, address)
        except Denied as denied:
            return denied.kind
        return "in"

    assert [redeem("no") for _ in range(6)] == ["wrong-code"] * 5 + ["locked"]
    assert [redeem("no", f"b{n}") for n in range(26)] == ["wrong-code"] * 25 + ["locked"]
    now[0] = 61.0
    assert redeem(codes[0]) == "in"


def test_a_code_that_nobody_was_shown_is_none():
    """A right guess before the code was ever asked for lets nobody in."""
    pairing = Pairing(lambda code: None)
    guess = pairing._current()

    with pytest.raises(Denied):
        pairing.redeem(guess, "a")


def test_a_pairing_is_bound_to_whom_it_was_given():
    """A cookie is of no use under another host, to another user of the machine, from elsewhere, later, or changed."""
    now = [1000.0]
    pairing, other = Pairing(print, clock=lambda: now[0]), Pairing(print, clock=lambda: now[0])
    me = os.geteuid() if hasattr(os, "geteuid") else 0
    peer, host = Peer(local=True, owner=me), Host("127.0.0.1", 8188)
    token = pairing.admit(peer, host)
    number, until, seal = token.split(".")

    assert pairing.knows(token, peer, host)
    assert not pairing.knows(token, peer, Host("127.0.0.1", 8189))
    assert not pairing.knows(token, peer, Host("192.168.1.5", 8188))
    assert not pairing.knows(token, Peer(local=True, owner=me + 1), host)
    assert not pairing.knows(token, Peer(local=True, hidden=True), host)
    assert not pairing.knows(token, Peer(local=False), host)
    assert not pairing.knows(f"{number}.{int(until) + 1}.{seal}", peer, host)
    assert not other.knows(token, peer, host)
    now[0] = int(until) + 1.0
    assert not pairing.knows(token, peer, host)


# -------------------------------------------------------------------------------- neighbours


def test_the_other_end_is_told_by_its_user():
    """On Linux the user of a loopback connection is known: here it is whoever runs this."""
    if not neighbours.TABLES[0].exists():
        pytest.skip("this system does not tell")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as one,
    ):
        other, _ = server.accept()
        with other:
            found = neighbours._looked_up(other.getsockname(), one.getsockname())

    assert found == Peer(local=True, owner=os.geteuid())
    assert found.ours


@pytest.mark.parametrize(
    ("lines", "owner", "hidden", "ours"),
    [
        pytest.param(
            ["0100007F:1FFC 0100007F:15B3 01 {other}"], None, True, False, id="relayed from elsewhere"
        ),
        pytest.param(
            ["0100007F:1FFC 0100007F:15B3 01 {me}", "0100007F:15B3 0100007F:1FFC 01 {other}"],
            1,
            False,
            False,
            id="another user",
        ),
        pytest.param(["0100007F:15B3 0100007F:1FFC 01 0"], 0, False, True, id="the administrator"),
        pytest.param(
            ["0100007F:15B3 0100007F:1FFC 06 {other}"], None, False, True, id="a connection that is over"
        ),
        pytest.param(
            ["0000000000000000FFFF00000100007F:15B3 0000000000000000FFFF00000100007F:1FFC 01 {other}"],
            1,
            False,
            False,
            id="another user over IPv6",
        ),
    ],
)
def test_another_user_is_told_apart(
    lines: list[str],
    owner: int | None,
    hidden: bool,
    ours: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    """By the kernel's table of sockets: whose the other end is, or that it is nobody's here."""
    if sys.byteorder != "little":
        pytest.skip("the lines are as a little-endian machine writes them")
    me = os.geteuid() if hasattr(os, "geteuid") else 0
    table = tmp_path / "tcp"
    rows = [line.format(me=me, other=me + 1).split() for line in lines]
    text = [f" 0: {a} {b} {state} 0:0 00:0 00000000 {uid} 0 1 1 0" for a, b, state, uid in rows]
    table.write_text("\n".join(["  sl  local_address ...", *text, ""]))
    monkeypatch.setattr(neighbours, "TABLES", (table,))

    peer = neighbours._looked_up(("127.0.0.1", 0x1FFC), ("127.0.0.1", 0x15B3))

    expected = me + 1 if owner == 1 else owner
    assert (peer.local, peer.owner, peer.hidden, peer.ours) == (True, expected, hidden, ours)


def test_a_system_that_does_not_tell_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Without the table, or with an empty one, a loopback peer counts as this user's."""
    empty = tmp_path / "tcp"
    empty.write_text("  sl  local_address rem_address   st\n")
    for tables in ((tmp_path / "missing",), (empty,)):
        monkeypatch.setattr(neighbours, "TABLES", tables)
        peer = neighbours._looked_up(("127.0.0.1", 8188), ("127.0.0.1", 5555))
        assert (peer.local, peer.owner, peer.hidden, peer.ours) == (True, None, False, True)


@pytest.mark.parametrize(
    ("own", "other", "local"),
    [
        (("127.0.0.1", 1), ("127.0.0.1", 2), True),
        (("::1", 1, 0, 0), ("::1", 2, 0, 0), True),
        (("::ffff:127.0.0.1", 1, 0, 0), ("::ffff:127.0.0.1", 2, 0, 0), True),
        (("192.168.1.5", 1), ("192.168.1.5", 2), True),
        (("192.168.1.5", 1), ("192.168.1.6", 2), False),
        (("::ffff:10.0.0.1", 1, 0, 0), ("::ffff:10.0.0.2", 2, 0, 0), False),
        ("/run/socket", "", False),
        (None, None, False),
    ],
)
def test_who_is_on_this_machine(own: Any, other: Any, local: bool):
    """Loopback, and the machine's own address at both ends; mapped IPv6 is what it maps; a Unix socket is nobody."""
    assert neighbours._looked_up(own, other).local is local


class Asking:
    """What the guard looks at of a request."""

    method = "GET"
    content_type = "application/json"

    def __init__(self, transport: Any, **headers: str) -> None:
        from multidict import CIMultiDict

        self.headers = CIMultiDict({name.replace("_", "-"): text for name, text in headers.items()})
        self.transport, self.cookies = transport, dict[str, str]()


class Transport:
    """A connection from 127.0.0.1, on a system that does not tell whose it is."""

    def __init__(self, other: str = "127.0.0.1") -> None:
        self.ends = {"sockname": ("127.0.0.1", 8188), "peername": (other, 4242)}

    def get_extra_info(self, name: str) -> Any:
        return self.ends[name]


@pytest.mark.parametrize(
    ("private", "other", "headers", "allowed"),
    [
        (True, "127.0.0.1", {"Host": "127.0.0.1:8188"}, True),
        (True, "127.0.0.1", {"Host": "localhost:8188"}, True),
        (True, "127.0.0.1", {"Host": "[::1]:8188"}, True),
        (False, "127.0.0.1", {"Host": "127.0.0.1:8188"}, False),
        (True, "192.168.1.9", {"Host": "127.0.0.1:8188"}, False),
        (True, "127.0.0.1", {"Host": "192.168.1.5:8188"}, False),
        (True, "127.0.0.1", {"Host": "127.0.0.1:8188", "X_Forwarded_For": "1.2.3.4"}, False),
        (True, "127.0.0.1", {"Host": "127.0.0.1:8188", "Forwarded": "for=1.2.3.4"}, False),
        (True, "127.0.0.1", {"Host": "127.0.0.1:8188", "Via": "1.1 proxy"}, False),
        (True, "127.0.0.1", {"Host": "127.0.0.1:8188", "X_Real_IP": "1.2.3.4"}, False),
        (True, "127.0.0.1", {"Host": "127.0.0.1:8188", "CF_Connecting_IP": "1.2.3.4"}, False),
        (True, "127.0.0.1", {"Host": "127.0.0.1:8188", "x_forwarded_anything": ""}, False),
    ],
)
def test_when_no_code_is_needed(
    private: bool,
    other: str,
    headers: dict[str, str],
    allowed: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    """Only for this machine's user on a server that is for nobody else, under loopback's names, and not proxied."""
    monkeypatch.setattr(neighbours, "TABLES", (tmp_path / "missing",))
    guard, request = Guard(Pairing(print), private=lambda: private), Asking(Transport(other), **headers)

    assert guard.allowed(request, guard.host(request)) is allowed  # type: ignore[arg-type]
    monkeypatch.setenv("ANTIPHON_PAGE_CODE", "always")
    assert not guard.allowed(request, guard.host(request))  # type: ignore[arg-type]


# -------------------------------------------------------------------------------- files and bodies


@pytest.mark.parametrize(
    "path",
    [
        *("/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt"),
        *("/..%2fsecret.txt", "/..%5csecret.txt", "/..\\secret.txt", "/....//secret.txt", "//secret.txt"),
        *(
            "/assets/%2e%2e/%2e%2e/secret.txt",
            "/%252e%252e/secret.txt",
            "/./../secret.txt",
            "/..;/secret.txt",
        ),
        *(
            "/%c0%ae%c0%ae/secret.txt",
            "/{root}/secret.txt",
            "//{root}/secret.txt",
            "/link.txt",
            "/index.html%00.txt",
        ),
        *(
            "/linked/secret.txt",
            "/index.html/../../secret.txt",
            "/assets",
            "/.",
            "/file:///{root}/secret.txt",
        ),
    ],
)
def test_nothing_outside_the_pages_is_served(home: Path, tmp_path: Path, path: str):
    """Whatever the spelling, and through links, a path leads to a file of the page or nowhere."""
    (tmp_path / "secret.txt").write_text("planted-secret")
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html>the page")
    (static / "link.txt").symlink_to(tmp_path / "secret.txt")
    (static / "linked").symlink_to(tmp_path, target_is_directory=True)
    with serving(home, static=static) as pages:
        pages.let_in()
        reply = pages.ask("GET", path.format(root=str(tmp_path).lstrip("/")))
        usual = pages.ask("GET", "/index.html")

    assert b"planted-secret" not in reply.body
    assert reply.status in (400, 403, 404)
    assert usual.body == b"<!doctype html>the page"


def test_what_the_page_is_served_with(home: Path, tmp_path: Path):
    """Files have types by their names, a policy that lets in nothing from elsewhere, and no server's name."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    kinds = {
        "index.html": "text/html",
        "assets/a.js": "text/javascript",
        "a.css": "text/css",
        "i.svg": "image/svg+xml",
    }
    for name in kinds:
        (static / name).write_text("x")
    with serving(home, static=static) as pages:
        replies = {name: pages.ask("GET", f"/{name}", Sec_Fetch_Mode="navigate") for name in kinds}

    for name, kind in kinds.items():
        headers = replies[name].headers
        assert headers["content-type"].partition(";")[0] == kind
        policy = headers["content-security-policy"].split("; ")
        assert {
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        } <= set(policy)
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["server"] == "antiphon"


def test_a_huge_body_is_refused(pages: Pages):
    """By what it announces, and where it announces nothing by what comes; a compressed one at once."""
    announced = pages.request("POST", "/antiphon/complete", body=b"{", Content_Length=str(1 << 40))
    chunked = pages.request("POST", "/antiphon/complete", Content_Length=None, Transfer_Encoding="chunked")
    ended = threading.Event()

    assert pages.raw(announced).status == 413
    with pages.connect() as connection:
        connection.sendall(chunked)

        def pour() -> None:
            piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
            try:
                for _ in range(400):
                    connection.sendall(piece)
            except OSError:
                pass
            ended.set()

        threading.Thread(target=pour, daemon=True).start()
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
    assert ended.wait(30)
    assert pages.ask("POST", "/antiphon/complete", {}, Content_Encoding="gzip").status == 415


def test_a_stranger_may_send_little(strangers: Pages):
    """Whoever is not paired yet is read no more of than a code takes."""
    assert strangers.ask("POST", "/antiphon/pair", {"code": "x" * 5000}).status == 413


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"null", b'"text"', b"{", b"\xff\xfe", b'{"a": NaN}', b'{"a": Infinity}'),
        *(b"[" * 100_000, b'{"a":' * 50_000),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_object_is_refused(pages: Pages, body: bytes):
    """An error that names the body, and no traceback."""
    reply = pages.ask("POST", "/antiphon/history/delete", body=body)

    assert (reply.status, reply.error["field"]) == (400, "body")


def test_unknown_routes_and_methods_are_no_routes(pages: Pages):
    """Nothing is answered but by the table: other methods, other spellings, keys that are none."""
    for method, path in (
        *(("DELETE", "history/delete"), ("PUT", "credentials"), ("GET", "complete"), ("POST", "history")),
        *(
            ("GET", "history/"),
            ("GET", "History"),
            ("GET", "history/k1:zz"),
            ("GET", "../history"),
            ("GET", ""),
        ),
    ):
        assert pages.ask(method, f"/antiphon/{path}").status == 404, (method, path)


def test_replies_are_kept_nowhere_and_framed_nowhere(pages: Pages):
    """JSON is neither cached, nor sniffed, nor framed, nor read by other origins."""
    headers = pages.ask("GET", "/antiphon/history").headers

    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "application/json"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "sandbox" in headers["content-security-policy"]


def test_a_request_that_breaks_off_ends_alone(pages: Pages):
    """A body that never comes whole is no body, and the next request is answered as ever."""
    with pages.connect() as connection:
        connection.sendall(pages.request("POST", "/antiphon/history/delete", body=b"{", Content_Length="50"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass

    assert pages.ask("GET", "/antiphon/history").status == 200
