"""Media fetched from the network: over real TLS on loopback, and from hosts that mean no good."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from antiphon.errors import AntiphonError, RequestError, TransportError
from antiphon.fetch import Fetcher, is_public
from antiphon.request import Media

x509 = pytest.importorskip("cryptography.x509")

HOST = "pictures.example"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
SECRET = "sig-1234567890"


# --------------------------------------------------------------------------------------- a real host


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate authority of our own, and a certificate of it for HOST, with its key in the same file."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("tls")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("authority", HOST)]
    now = datetime.now(timezone.utc)

    def made(subject: int, *extensions: Any) -> Any:
        builder = x509.CertificateBuilder(
            names[0], names[subject], keys[subject].public_key(), x509.random_serial_number()
        )
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        for extension in extensions:
            critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(keys[0], hashes.SHA256())

    # What RFC 5280 demands, which Python checks from 3.13 on.
    uses = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    root = made(
        0,
        x509.BasicConstraints(ca=True, path_length=0),
        x509.KeyUsage(**{use: use == "key_cert_sign" for use in uses}),
        x509.SubjectKeyIdentifier.from_public_key(keys[0].public_key()),
    )
    leaf = made(
        1,
        x509.SubjectAlternativeName([x509.DNSName(HOST)]),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()),
    )
    (folder / "root.pem").write_bytes(pem(root))
    (folder / "leaf.pem").write_bytes(pem(keys[1]) + pem(leaf))
    return folder / "root.pem", folder / "leaf.pem"


def pem(thing: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization as how

    if hasattr(thing, "private_bytes"):
        return thing.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, how.NoEncryption())
    return thing.public_bytes(how.Encoding.PEM)


Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Host:
    """An https server that sends what its script says, and keeps what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.port = 0
        self.asked: list[str] = []
        self.hosts: list[str | None] = []  # as TLS was told (SNI)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await self.script(writer)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def serving(script: Script, leaf: Path) -> AsyncIterator[Host]:
    host = Host(script)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(leaf)
    tls.sni_callback = lambda _socket, name, _context: host.hosts.append(name)
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0, ssl=tls)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        await server.wait_closed()


def answer(
    body: bytes = PNG,
    kind: str | None = "image/png",
    status: str = "200 OK",
    length: int | None = None,
    **more: str,
) -> Script:
    """An answer in plain HTTP; `length` lies about the body."""
    headers = {"Content-Length": str(len(body) if length is None else length), "Connection": "close"}
    if kind is not None:
        headers["Content-Type"] = kind
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    return send


class Resolver:
    """Gives one list of addresses after the other, and keeps what it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def here(address: Any) -> bool:
    """The policy of these tests: 127.0.0.1 stands for the open internet, and nothing else does."""
    return address == ipaddress.ip_address("127.0.0.1")


def fetch(
    authority: tuple[Path, Path],
    script: Script,
    *,
    url: str = "https://{host}:{port}/a.png?token={secret}#part",
    resolve: Resolver | None = None,
    trusted: bool = True,
    medium: Callable[[str], Media] = Media.from_url,
    **options: Any,
) -> tuple[Media | AntiphonError, Host, Resolver]:
    """What comes of fetching `url` from a host that plays `script`, and the host and the resolver afterwards."""
    resolver = resolve or Resolver(["127.0.0.1"])
    root, leaf = authority

    async def main() -> tuple[Media | AntiphonError, Host, Resolver]:
        async with serving(script, leaf) as host:
            tls = ssl.create_default_context(cafile=str(root)) if trusted else None
            fetcher = Fetcher(resolve=resolver, allowed=here, tls=tls, **options)
            asked = medium(url.format(host=HOST, port=host.port, secret=SECRET))
            try:
                return await fetcher.media(asked), host, resolver
            except AntiphonError as error:
                return error, host, resolver

    return asyncio.run(main())


def refused(kind: type[AntiphonError], outcome: tuple[Media | AntiphonError, Host, Resolver]) -> Any:
    error = outcome[0]
    assert type(error) is kind, error
    assert SECRET not in f"{error} {error.hint} {error.__cause__}"  # type: ignore[union-attr]
    return error


def test_a_medium_is_fetched(authority: tuple[Path, Path]):
    """Over TLS with the host's own name, with nothing in the request that says who asks."""
    medium, host, resolver = fetch(authority, answer())
    assert medium == Media("image", "image/png", data=PNG)
    assert host.hosts == [HOST]
    assert resolver.asked == [(HOST, host.port)]
    [asked] = host.asked
    assert asked.startswith(f"GET /a.png?token={SECRET} HTTP/1.1\r\nHost: {HOST}:{host.port}\r\n")
    names = {line.partition(":")[0].lower() for line in asked.split("\r\n")[1:] if line}
    assert names == {"host", "user-agent", "accept-encoding", "accept", "connection"} & names | {"host"}
    assert not names & {"cookie", "authorization", "proxy-authorization", "referer", "range"}
    assert "accept-encoding: identity" in asked.lower()


def test_the_host_is_resolved_once(authority: tuple[Path, Path]):
    """A name that leads elsewhere when it is looked up again (rebinding) is not looked up again."""
    medium, host, resolver = fetch(authority, answer(), resolve=Resolver(["127.0.0.1"], ["127.0.0.2"]))
    assert isinstance(medium, Media)
    assert len(resolver.asked) == len(host.asked) == 1


def test_one_bad_address_among_good_ones_is_enough(authority: tuple[Path, Path]):
    """All addresses have to be public, not only the first."""
    outcome = fetch(authority, answer(), resolve=Resolver(["127.0.0.1", "10.0.0.1"]))
    error = refused(RequestError, outcome)
    assert error.message.startswith(f"{HOST} is at 10.0.0.1, which is no public address")
    assert outcome[1].asked == []


def test_proxies_and_netrc_are_not_used(
    authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """What the environment says of proxies and passwords is for calls to providers, not for this."""
    (tmp_path / "netrc").write_text(f"machine {HOST} login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    medium, host, _ = fetch(authority, answer())
    assert isinstance(medium, Media)
    assert "uthorization" not in host.asked[0]


def test_a_certificate_nobody_vouches_for(authority: tuple[Path, Path]):
    """Without trust in the authority nothing is asked, and the error names the host."""
    outcome = fetch(authority, answer(), trusted=False)
    assert refused(TransportError, outcome).phase == "tls"
    assert outcome[1].asked == []


def test_a_certificate_of_another_host(authority: tuple[Path, Path]):
    """A good certificate for another name is none for this one."""
    outcome = fetch(authority, answer(), url="https://other.example:{port}/a.png")
    assert refused(TransportError, outcome).phase == "tls"
    assert outcome[1].asked == []


# -------------------------------------------------------------------------------- what it may send


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (answer(status="302 Found", Location="https://127.0.0.1/latest/meta-data"), "redirects"),
        (answer(status="307 Temporary Redirect", Location="/b.png"), "redirects"),
        (answer(status="404 Not Found"), "status 404"),
        (answer(status="401 Unauthorized", WWW_Authenticate="Basic"), "status 401"),
        (answer(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip"), "compressed"),
        (answer(b"<html>", "text/html"), "says that it is text/html"),
        (answer(kind=None), "nothing in particular"),
        (answer(kind="application/octet-stream"), "says that it is application/octet-stream"),
        (answer(b"<html><script>", "image/png"), "begins like something else"),
        (answer(PNG, "image/jpeg"), "says that it is image/jpeg and begins like image/png"),
        (answer(b"%PDF-1.7", "image/png"), "begins like application/pdf"),
        (answer(b"<svg/>", "image/svg+xml"), "begins like something else"),
        (answer(b"", "image/png"), "has 0 bytes"),
        (answer(b"root:x:0:0", "text/plain"), "says that it is text/plain"),
    ],
)  # fmt: skip
def test_what_is_not_what_was_asked_for(authority: tuple[Path, Path], script: Script, words: str):
    """Redirects, pages, compressed, mislabelled and empty answers are refused, by host and without the query."""
    error = refused(RequestError, fetch(authority, script))
    assert HOST in error.message
    assert words in error.message
    assert error.field == "messages"


async def endless(writer: asyncio.StreamWriter) -> None:
    """A body that never ends, in pieces."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def silent(writer: asyncio.StreamWriter) -> None:
    """A body that stops coming, with the connection left open."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 900\r\n\r\n" + PNG[:9])
    await writer.drain()
    await asyncio.sleep(30)


async def dripping(writer: asyncio.StreamWriter) -> None:
    """A byte now and then: no single read takes long."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\n")
    for byte in PNG * 20:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.01)


async def nothing(writer: asyncio.StreamWriter) -> None:
    """A connection closed without a word."""


async def no_http(writer: asyncio.StreamWriter) -> None:
    """Something that is not HTTP."""
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")


@pytest.mark.parametrize(
    ("script", "phase", "options"),
    [
        (endless, "too-large", {"max_bytes": 200_000}),
        (answer(length=10**12), "too-large", {}),
        (answer(bytes(1001)), "too-large", {"max_bytes": 1000}),
        (answer(length=len(PNG) + 1), "cut-off", {}),
        (silent, "deadline", {"max_seconds": 0.3}),
        (dripping, "deadline", {"max_seconds": 0.3}),
        (nothing, "cut-off", {}),
        (no_http, "", {}),
        (answer(status="503 Service Unavailable"), "", {}),
    ],
)
def test_what_does_not_come_whole(
    authority: tuple[Path, Path], script: Script, phase: str, options: dict[str, Any]
):
    """Too much, too little, too slow or no answer at all ends in a typed error that names the host."""
    error = refused(TransportError, fetch(authority, script, **options))
    assert error.phase == phase
    assert HOST in error.message


def test_a_length_that_is_too_small_cuts_nothing_in(authority: tuple[Path, Path]):
    """A Content-Length below the body ends the body there, or the answer is refused: the rest is never part of it."""
    outcome = fetch(authority, answer(PNG + b"HTTP/1.1 200 OK\r\n\r\n", length=len(PNG)))[0]
    assert isinstance(outcome, TransportError) or outcome == Media("image", "image/png", data=PNG)


def test_the_callers_deadline_counts_too(authority: tuple[Path, Path]):
    """The total of the request's own time limits holds where it is shorter."""

    async def main() -> None:
        async with serving(silent, authority[1]) as host:
            tls = ssl.create_default_context(cafile=str(authority[0]))
            fetcher = Fetcher(resolve=Resolver(["127.0.0.1"]), allowed=here, tls=tls)
            with pytest.raises(TransportError, match=r"within 0\.2 s"):
                await fetcher.media(Media.from_url(f"https://{HOST}:{host.port}/a.png"), timeout=0.2)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("data", "label", "kind", "true_type"),
    [
        (PNG, "image/png; charset=binary", "image", "image/png"),
        (b"\xff\xd8\xff" + bytes(9), "IMAGE/JPG", "image", "image/jpeg"),
        (b"ID3" + bytes(9), "audio/mp3", "audio", "audio/mpeg"),
        (b"RIFF\0\0\0\0WAVE", "audio/x-wav", "audio", "audio/wav"),
        (b"\0\0\0\x18ftypisom", "audio/mp4", "audio", "audio/mp4"),
        (b"\0\0\0\x18ftypqt  ", "video/quicktime", "video", "video/mp4"),
        (b"\x1aE\xdf\xa3" + bytes(9), "video/x-matroska", "video", "video/webm"),
        (b"\0\0\0\x18ftypmif1", "image/heic", "image", "image/heif"),
        (b"%PDF-1.7\n", "application/pdf", "document", "application/pdf"),
        ("Größe".encode(), "text/markdown; charset=utf-8", "document", "text/markdown"),
        (b"{}", "application/json", "document", "application/json"),
        (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "document",
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ],
)  # fmt: skip
def test_the_true_type_is_told(
    authority: tuple[Path, Path], data: bytes, label: str, kind: Any, true_type: str
):
    """Of every kind, what label and first bytes agree on is what the medium is."""
    medium, _, _ = fetch(authority, answer(data, label), medium=lambda url: Media.from_url(url, kind=kind))
    assert isinstance(medium, Media), medium
    assert (medium.kind, medium.media_type, medium.data) == (kind, true_type, data)


@pytest.mark.parametrize(
    ("data", "label"),
    [
        (b"\xff\xfe\0b\0i", "text/plain"),
        (b"a\0b", "text/plain"),
        (b"MZ\x90", "application/x-msdownload"),
        (b"PK\x03\x04", "application/zip"),
        (b"plain", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"<html>", "text/html"),
    ],
)
def test_documents_are_pdf_text_or_office(authority: tuple[Path, Path], data: bytes, label: str):
    """What cannot be checked is not taken for a document, and no web page is."""
    refused(
        RequestError,
        fetch(authority, answer(data, label), medium=lambda url: Media.from_url(url, kind="document")),
    )


# ------------------------------------------------------------------------------------ hostile hosts

# What getaddrinfo makes of a host that is not looked up in the DNS, and what a name of an attacker's may say.
HOSTILE = {
    "loopback": ("127.0.0.1", "127.0.0.1"),
    "another loopback": ("127.8.9.1", "127.8.9.1"),
    "loopback by name": ("localhost", "127.0.0.1"),
    "with a trailing dot": ("localhost.", "127.0.0.1"),
    "a name that embeds an address": ("10.0.0.1.nip.example", "10.0.0.1"),
    "hexadecimal": ("0x7f000001", "127.0.0.1"),
    "hexadecimal parts": ("0x7f.0x0.0x0.0x1", "127.0.0.1"),
    "IPv6 loopback": ("[::1]", "::1"),
    "IPv6 loopback in full": ("[0:0:0:0:0:0:0:1]", "::1"),
    "IPv4-mapped": ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
    "IPv4-mapped in hex": ("[::ffff:a9fe:a9fe]", "::ffff:169.254.169.254"),
    "IPv4-mapped public": ("[::ffff:8.8.8.8]", "::ffff:8.8.8.8"),
    "IPv4-compatible": ("[::127.0.0.1]", "::127.0.0.1"),
    "NAT64": ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1"),
    "local NAT64": ("[64:ff9b:1::a00:1]", "64:ff9b:1::a00:1"),
    "6to4": ("[2002:7f00:1::]", "2002:7f00:1::"),
    "Teredo": ("[2001:0:1:2::3]", "2001:0:1:2::3"),
    "metadata": ("169.254.169.254", "169.254.169.254"),
    "metadata over IPv6": ("[fd00:ec2::254]", "fd00:ec2::254"),
    "metadata in shared space": ("100.100.100.200", "100.100.100.200"),
    "metadata at 192.0.0": ("192.0.0.192", "192.0.0.192"),
    "a cloud's wire server": ("168.63.129.16", "168.63.129.16"),
    "private 10": ("10.1.2.3", "10.1.2.3"),
    "private 172": ("172.16.0.1", "172.16.0.1"),
    "private 192": ("192.168.1.1", "192.168.1.1"),
    "link-local": ("[fe80::1]", "fe80::1"),
    "site-local": ("[fec0::1]", "fec0::1"),
    "unique local": ("[fd12::1]", "fd12::1"),
    "any": ("0.0.0.0", "0.0.0.0"),
    "any over IPv6": ("[::]", "::"),
    "broadcast": ("255.255.255.255", "255.255.255.255"),
    "multicast": ("224.0.0.1", "224.0.0.1"),
    "multicast over IPv6": ("[ff0e::1]", "ff0e::1"),
    "reserved": ("240.0.0.1", "240.0.0.1"),
    "benchmarks": ("198.18.0.1", "198.18.0.1"),
    "documentation": ("[2001:db8::1]", "2001:db8::1"),
    "full-width digits": ("\uff11\uff12\uff17.0.0.1", "127.0.0.1"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_host_is_refused(name: str, monkeypatch: pytest.MonkeyPatch):
    """Whatever the notation, what leads to an address that is not public is refused before anything is sent."""
    host, address = HOSTILE[name]
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    fetcher = Fetcher(resolve=Resolver([address]))
    with pytest.raises(RequestError) as caught:
        asyncio.run(fetcher.media(Media.from_url(f"https://{host}/a.png?token={SECRET}")))
    assert "no public address" in caught.value.message
    assert SECRET not in f"{caught.value}"


@pytest.mark.parametrize(
    "host", ["2130706433", "127.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "192.168.257", "4294967297"]
)
def test_a_number_that_is_no_plain_address_is_refused(host: str):
    """Decimal, octal and short forms, which every system reads in its own way, are not even looked up."""
    resolver = Resolver(["8.8.8.8"])
    with pytest.raises(RequestError, match="neither a host's name nor a plain IP address"):
        asyncio.run(Fetcher(resolve=resolver).media(Media.from_url(f"https://{host}/a.png")))
    assert resolver.asked == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0x7f000001", "[::1]", "localhost."])
def test_the_systems_own_resolver_is_looked_at_too(host: str):
    """With the resolver that is used outside of tests, the refusal is the same (or there is no such host here)."""
    with pytest.raises((RequestError, TransportError)) as caught:
        asyncio.run(Fetcher(max_seconds=20).media(Media.from_url(f"https://{host}/a.png")))
    assert "no public address" in caught.value.message or "cannot find the host" in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "http://pictures.example/a.png",
        "ftp://pictures.example/a.png",
        "file:///etc/passwd",
        "https://",
        "https://pictures.example:0/a.png",
        "https://pictures.example:99999/a.png",
        "https://user@pictures.example/a.png",
        "https://127.0.0.1@pictures.example/a.png",
        "https://pictures.example\\@127.0.0.1/a.png",
    ],
)
def test_only_https_without_a_password(url: str):
    """Even a Media made around `from_url` is fetched only from a plain https address."""
    resolver = Resolver(["127.0.0.1"])
    with pytest.raises(RequestError):
        asyncio.run(Fetcher(resolve=resolver).media(Media("image", "image/png", url=url)))
    assert resolver.asked in ([], [("127.0.0.1", 443)], [("pictures.example", 443)])


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1", "9.9.9.9"])
def test_public_addresses_are_public(text: str):
    """The open internet is not shut out."""
    assert is_public(ipaddress.ip_address(text))


def test_a_host_that_is_not_there():
    """A name without an address is a typed error, by name."""

    async def missing(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for resolve in (missing, Resolver([])):
        with pytest.raises(TransportError, match=HOST) as caught:
            asyncio.run(Fetcher(resolve=resolve).media(Media.from_url(f"https://{HOST}/a.png")))
        assert caught.value.phase == "connect"
