"""Other web pages and other programs against the pages, beyond tests/pages/test_guard.py: methods, framing, cookies."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from contextlib import closing, suppress

import pytest

from antiphon.client import Client
from antiphon.errors import AntiphonError
from tests.pages.conftest import home, pages, peer, strangers
from tests.pages.hosting import Pages, read

__all__ = ["home", "pages", "peer", "strangers"]  # fixtures

PATHS = ("history", "credentials", "state", "history/delete", "credentials/remove", "complete", "pair")


def unharmed(pages: Pages) -> bool:
    """Whether the server goes on as before."""
    return pages.ask("GET", "/antiphon/history").status == 200


@pytest.mark.parametrize(
    "method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "DELETE", "PROPFIND", "GETX"]
)
@pytest.mark.parametrize("origin", ["http://evil.example", None])
def test_no_other_method_does_or_tells_anything(pages: Pages, method: str, origin: str | None) -> None:
    """No method but those of the table: nothing is echoed (TRACE), granted (OPTIONS) or told (HEAD)."""
    for path in PATHS:
        reply = pages.ask(
            method,
            f"/antiphon/{path}",
            Origin=origin,
            X_Planted="planted-header",
            Access_Control_Request_Method="POST",
        )
        assert reply.status >= 400, (method, path)
        assert b"planted-header" not in reply.body
        assert not any(name.startswith("access-control") or name == "allow" for name in reply.headers)
        assert pages.cookie.encode() not in reply.body
    assert unharmed(pages)


@pytest.mark.parametrize("override", ["X_HTTP_Method_Override", "X_Method_Override", "X_HTTP_Method"])
def test_no_header_makes_another_method_of_it(pages: Pages, override: str) -> None:
    """A GET that claims to be a POST is a GET."""
    reply = pages.ask("GET", "/antiphon/history/delete?_method=POST", **{override: "POST"})
    assert reply.status == 404


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "application/json, text/plain",
            "text/plain; application/json",
            "text/plain;charset=application/json",
        ),
        *("application/jsonx", "xapplication/json", "text/json", "application/x-json", "application/ld+json"),
        *(
            "multipart/form-data; boundary=application/json",
            "application/x-www-form-urlencoded;application/json",
        ),
        *("", " ", "*/*", "application", "json"),
    ],
)
def test_only_one_type_of_body(pages: Pages, kind: str) -> None:
    """Types that a form or a plain fetch can send, dressed up as JSON, are refused."""
    reply = pages.ask("POST", "/antiphon/credentials/remove", {"name": "a"}, Content_Type=kind)
    assert reply.status in (400, 403, 415)


def test_a_second_body_is_no_second_request(pages: Pages) -> None:
    """A request hidden in another one's body, by length and chunks at once, is not answered on its own."""
    hidden = pages.request("POST", "/antiphon/history/delete", {"keys": []})
    both = {"Transfer_Encoding": "chunked", "Connection": "keep-alive"}
    outer = pages.request("POST", "/antiphon/history/delete", body=b"0\r\n\r\n" + hidden, **both)
    data = b""
    with pages.connect() as connection:
        connection.sendall(outer)
        connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while piece := connection.recv(65536):
                data += piece
    assert data == b"" or data.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert data.count(b"HTTP/1.") <= 1
    assert unharmed(pages)


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 2\r\nContent-Length: 40\r\n",
        b"Content-Length: +2\r\n",
        b"Content-Length: 0x2\r\n",
        b"Content-Length : 2\r\n",
        b"Content-Length: 2, 40\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding\x0b: chunked\r\n",
        b"X-A: b\r\n Host: evil.example\r\n",
        b"Host: evil.example\r\n",
        b"X-A: b\rOrigin: http://x\r\n",
        b"X\0A: b\r\n",
    ],
)
def test_framing_that_two_readers_would_read_otherwise(pages: Pages, lines: bytes) -> None:
    """Two lengths, odd spellings and folded lines are refused, so no proxy and the server see two requests in one."""
    request = pages.request("POST", "/antiphon/history/delete", {"keys": []}, Content_Length=None)
    head, _, body = request.partition(b"\r\n\r\n")
    got = pages.raw(head + b"\r\n" + lines + b"\r\n" + body)
    assert got.status >= 400
    assert unharmed(pages)


@pytest.mark.parametrize("size", [10_000, 200_000])
def test_a_very_long_address(pages: Pages, size: int) -> None:
    """An address without end is refused, and the server goes on."""
    with pages.connect() as connection:
        try:
            connection.sendall(pages.request("GET", "/antiphon/history?q=" + "a" * size))
            got = read(connection)
        except ConnectionError:
            got = None  # it has hung up meanwhile
    assert got is None or got.status in (400, 414)
    assert unharmed(pages)


def test_headers_without_end(pages: Pages) -> None:
    """As many headers as a megabyte holds are refused."""
    with pages.connect() as connection:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 130_000 + b"\r\n")
            got = read(connection)
        except ConnectionError:
            got = None
    assert got is None or got.status >= 400
    assert unharmed(pages)


def test_tossed_cookies(pages: Pages, strangers: Pages) -> None:
    """Cookies that another port of this host has set beside ours let nobody in, keep nobody out, and break nothing."""
    name, _, value = pages.cookie.partition("=")
    for tossed in (
        f"{name}=evil",
        f"{name}=",
        f'{name}="{"x" * 5000}"',
        f"{name}={value[:-1]}",
        "__Host-x=\x7f",
    ):
        assert strangers.ask("GET", "/antiphon/history", cookie=tossed).status >= 400
    assert pages.ask("GET", "/antiphon/history", cookie=f"theme=dark; {pages.cookie}; x=y").status == 200
    both = pages.ask("GET", "/antiphon/history", cookie=f"{name}=evil; {pages.cookie}").status
    assert both in (200, 401, 403)  # never an error inside
    assert unharmed(pages)


def test_no_socket_is_opened(pages: Pages) -> None:
    """There is no WebSocket to be had, from whatever page: those know no same-origin rule."""
    for path in ("/", "/ws", "/antiphon/complete", "/antiphon/history"):
        reply = pages.ask(
            "GET",
            path,
            Connection="close, Upgrade",
            Upgrade="websocket",
            Origin="http://evil.example",
            Sec_WebSocket_Key=base64.b64encode(bytes(16)).decode(),
            Sec_WebSocket_Version="13",
            Sec_Fetch_Site="cross-site",
        )
        assert reply.status != 101


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1@evil.example", "evil.example#127.0.0.1",
     "0x7f.1.evil", "localhost%00.evil.example", "", "[::1].evil.example", "xn--localhost-.example"],
)  # fmt: skip
def test_names_that_look_like_this_machine(pages: Pages, host: str) -> None:
    """A name of an attacker's that is pointed at this machine is nobody's, with the cookie too."""
    assert pages.ask("GET", "/antiphon/history", Host=f"{host}:{pages.server.port}").status >= 400


LIARS = {
    "a page as a picture": (b"<html><script>alert(1)</script>", "image/png"),
    "a drawing as a picture": (
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        "image/png",
    ),
    "a page": (b"<html><script>alert(1)</script>", "text/html"),
    "a script": (b"alert(1)", "text/javascript"),
    "XML": (b"<?xml version='1.0'?><x/>", "application/xml"),
    "a PDF": (b"%PDF-1.7 /JavaScript", "application/pdf"),
    "a type with a line end": (b"x", "image/png\r\nx-evil: 1"),
    "a picture and a page": (b"GIF89a/*<script>*/=1;", "text/html"),
}


@pytest.mark.parametrize("name", LIARS)
def test_media_that_lie_about_themselves(pages: Pages, home: object, name: str) -> None:
    """Media of an answer run nowhere, whatever they say they are: a picture's type at the most, never sniffed, in a sandbox."""
    data, kind = LIARS[name]
    url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    with closing(Client()) as client:
        try:
            key = client.complete("draw", provider="echo", seed=1, extra={"echo": {"images": [url]}}).key
        except AntiphonError:  # a type that is none is refused before
            assert name == "a type with a line end"
            return
    shown = pages.ask("GET", f"/antiphon/history/{key}").json
    reply = pages.ask("GET", f"/antiphon/history/{key}/media/{hashlib.sha256(data).hexdigest()}")
    assert json.dumps(shown).isascii()
    if reply.status == 404:
        return
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in reply.headers["content-security-policy"]
    assert reply.headers["content-type"].split("/")[0] in ("image", "audio", "video", "application")
    assert reply.headers["content-type"] in ("application/octet-stream", "image/png", "image/gif")
    assert "x-evil" not in reply.headers
