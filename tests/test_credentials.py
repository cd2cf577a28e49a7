"""Where keys come from, where they may go, and that they are never seen."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest

from antiphon.call import Secret
from antiphon.credentials import Credentials
from antiphon.errors import CredentialError, RequestError

KEY = "sk-planted-0123456789"
OTHER = "sk-other-9876543210"
OPENAI = {"env": ("OPENAI_API_KEY",), "own_hosts": ("api.openai.com",)}
posix = pytest.mark.skipif(os.name != "posix", reason="mode bits mean nothing here")


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A working keyring that lives in a dict."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.reads = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.reads += 1
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("not there")


@pytest.fixture
def memory():
    before, backend = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def use_keyring():
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.fixture
def keys(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path, environ={})


def everything_about(error: BaseException) -> list[str]:
    """What an error reporter could print: the traceback, attributes, and our frames' local variables."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if frame.f_globals.get("__name__", "").startswith("antiphon.")]
    assert ours
    text = "".join(traceback.format_exception(error))
    return [text, repr(vars(error)), *(repr(value) for frame in ours for value in frame.f_locals.values())]


def reveal(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def test_the_argument_wins_over_the_environment_and_the_environment_over_the_file(tmp_path: Path):
    """The places are looked in in the documented order."""
    keys = Credentials(tmp_path, environ={"OPENAI_API_KEY": "from-env"})
    keys.set("openai", "from-file", hosts=["api.openai.com"])
    assert reveal(keys.find("openai", **OPENAI, host="api.openai.com", given="from-arg")) == "from-arg"
    assert reveal(keys.find("openai", **OPENAI, host="api.openai.com", given=Secret("s"))) == "s"
    assert reveal(keys.find("openai", **OPENAI, host="api.openai.com")) == "from-env"
    empty = Credentials(tmp_path, environ={"OPENAI_API_KEY": "  "})
    assert reveal(empty.find("openai", **OPENAI, host="api.openai.com")) == "from-file"


def test_the_process_environment_is_read_at_the_time_of_asking(tmp_path: Path, monkeypatch):
    """Without an environ of its own, Credentials sees variables set after it was made."""
    keys = Credentials(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert reveal(keys.find("openai", **OPENAI, host="api.openai.com")) == KEY


def test_several_variables_are_tried_in_order(tmp_path: Path):
    """The first variable that is set gives the key."""
    keys = Credentials(tmp_path, environ={"GEMINI_API_KEY": "", "GOOGLE_API_KEY": KEY})
    found = keys.find(
        "gemini", env=("GEMINI_API_KEY", "GOOGLE_API_KEY"), own_hosts=("g.example",), host="g.example"
    )
    assert reveal(found) == KEY


def test_a_missing_key_names_every_place_and_the_command(keys: Credentials):
    """The error says where it looked and what fixes it."""
    with pytest.raises(CredentialError) as caught:
        keys.find("openai", **OPENAI, host="api.openai.com")
    for part in ("argument", "OPENAI_API_KEY", str(keys.path)):
        assert part in caught.value.message
    assert "antiphon keys set openai" in caught.value.hint
    assert caught.value.field == "api_key"


def test_an_optional_key_may_be_missing(keys: Credentials):
    """required=False gives None where nothing is found."""
    assert keys.find("compatible", host="localhost:8080", required=False) is None


# --------------------------------------------------------------------------------------- host binding


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "api.openai.com.evil.example",
        "xapi.openai.com",
        "openai.com",
        "https://evil.example/v1?x=api.openai.com",
        "http://api.openai.com/v1",
    ],
)
def test_an_environment_key_goes_to_its_own_hosts_only(tmp_path: Path, host: str):
    """A foreign address, or plain http, never gets a key out of the environment."""
    keys = Credentials(tmp_path, environ={"OPENAI_API_KEY": KEY})
    with pytest.raises(CredentialError, match="may not go to") as caught:
        keys.find("openai", **OPENAI, host=host)
    assert "OPENAI_API_KEY" in caught.value.message
    assert "antiphon keys set openai --host " in caught.value.hint
    assert keys.find("openai", **OPENAI, host=host, required=False) is None


@pytest.mark.parametrize(
    ("bound", "asked", "allowed"),
    [
        ("llm.example", "llm.example", True),
        ("llm.example", "LLM.Example.", True),
        ("llm.example", "https://llm.example:8443/v1", True),
        ("llm.example", "http://llm.example/v1", False),
        ("llm.example", "sub.llm.example", False),
        ("llm.example:8443", "llm.example:8443", True),
        ("llm.example:8443", "llm.example:9000", False),
        ("llm.example:8443", "llm.example", False),
        ("llm.example:443", "https://llm.example/v1", True),
        ("http://192.168.1.5:8000", "http://192.168.1.5:8000/v1", True),
        ("http://192.168.1.5:8000", "http://192.168.1.5:8001/v1", False),
        ("http://llm.example", "https://llm.example/v1", True),
        ("192.168.1.5", "http://192.168.1.5:8000/v1", False),
        ("localhost", "http://localhost:1234/v1", True),
        ("127.0.0.1:1234", "http://127.0.0.1:1234/v1", True),
        ("localhost", "http://127.0.0.1:1234/v1", False),
        ("[::1]:1234", "http://[0:0::1]:1234/v1", True),
        ("bücher.example", "https://xn--bcher-kva.example/v1", True),
    ],
)
def test_a_stored_key_goes_only_where_it_is_bound(keys: Credentials, bound: str, asked: str, allowed: bool):
    """Exact host names, an optional port, and plain http only to this machine or where stored so."""
    keys.set("mine", KEY, hosts=[bound])
    if allowed:
        assert reveal(keys.find("mine", host=asked)) == KEY
    else:
        with pytest.raises(CredentialError, match="may not go to"):
            keys.find("mine", host=asked)


def test_the_hint_of_a_refused_host_allows_it_when_followed(keys: Credentials):
    """The hosts in the hint are the old ones and the new one, and setting them helps."""
    keys.set("mine", KEY, hosts=["llm.example"])
    with pytest.raises(CredentialError) as caught:
        keys.find("mine", host="http://192.168.1.5:8000/v1")
    words = caught.value.hint.rstrip("`.").split()
    hosts = [words[i + 1] for i, word in enumerate(words) if word == "--host"]
    assert hosts == ["llm.example", "http://192.168.1.5:8000"]
    keys.set("mine", KEY, hosts=hosts)
    assert reveal(keys.find("mine", host="http://192.168.1.5:8000/v1")) == KEY


def test_an_environment_key_for_elsewhere_does_not_hide_a_stored_one(tmp_path: Path):
    """Where the environment's key may not go, the stored key for that host is used."""
    keys = Credentials(tmp_path, environ={"OPENAI_API_KEY": KEY})
    keys.set("openai", OTHER, hosts=["proxy.example"])
    assert reveal(keys.find("openai", **OPENAI, host="proxy.example")) == OTHER
    assert reveal(keys.find("openai", **OPENAI, host="api.openai.com")) == KEY


def test_an_optional_key_for_another_server_is_no_error_but_a_near_miss_is(keys: Credentials):
    """required=False forgives a key for other hosts, not one that was clearly meant for this one."""
    keys.set("compatible", KEY, hosts=["llm.example:8443"])
    assert keys.find("compatible", host="other.example", required=False) is None
    with pytest.raises(CredentialError, match=r"llm\.example:8443"):
        keys.find("compatible", host="http://llm.example:8000", required=False)


def test_a_key_given_as_argument_goes_where_its_caller_says(keys: Credentials):
    """Giving a key and an address in one breath is the caller's own decision."""
    assert reveal(keys.find("openai", **OPENAI, host="http://10.0.0.7:8000", given=KEY)) == KEY


@pytest.mark.parametrize(
    "host",
    [
        "",
        "*",
        "*.example.com",
        ".example.com",
        "a b",
        "https://",
        "ftp://x.example",
        "u:p@x.example",
        "x:99999",
    ],
)
def test_what_is_no_exact_host_is_refused(keys: Credentials, host: str):
    """No wildcards, no user names, no other schemes."""
    with pytest.raises(RequestError, match="not a host"):
        keys.set("mine", KEY, hosts=[host])


def test_a_key_without_hosts_is_refused(keys: Credentials):
    """Every stored key is bound."""
    with pytest.raises(RequestError, match="bound to the hosts"):
        keys.set("mine", KEY, hosts=[])


# ----------------------------------------------------------------------------------------- the values


@pytest.mark.parametrize(
    "bad", ["a\nb", "a\r\nX-Evil: 1", "a\0b", "a\x1bb", "schlüssel", "ключ", "a\u2028b", "", "  ", "x" * 9000]
)
def test_a_key_that_no_header_carries_is_refused_everywhere(tmp_path: Path, bad: str):
    """Line breaks, control and non-ASCII characters never reach a header, and the error does not show the key."""
    keys = Credentials(tmp_path, environ={"OPENAI_API_KEY": bad} if "\0" not in bad else {})
    with pytest.raises(CredentialError) as caught:
        keys.set("openai", bad, hosts=["api.openai.com"])
    assert not bad.strip() or bad not in str(caught.value)
    if bad.strip() and "\0" not in bad:
        with pytest.raises(CredentialError, match="OPENAI_API_KEY"):
            keys.find("openai", **OPENAI, host="api.openai.com")
    if bad:
        with pytest.raises(CredentialError, match="argument"):
            keys.find("openai", **OPENAI, host="api.openai.com", given=bad)


def test_white_space_around_a_key_is_cut_off(tmp_path: Path):
    """A key pasted with a line end is the key."""
    keys = Credentials(tmp_path, environ={"OPENAI_API_KEY": f" {KEY}\r\n"})
    assert reveal(keys.find("openai", **OPENAI, host="api.openai.com")) == KEY
    keys.set("mine", f"{OTHER}\n", hosts=["llm.example"])
    assert reveal(keys.find("mine", host="llm.example")) == OTHER


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x\n", "ü", "x" * 65])
def test_names_are_plain(keys: Credentials, name: str):
    """A name can be typed on a command line and printed anywhere."""
    with pytest.raises(RequestError, match="name"):
        keys.set(name, KEY, hosts=["llm.example"])


def test_a_planted_key_is_seen_nowhere(tmp_path: Path):
    """repr, str, listing, errors with tracebacks and pickles of everything here hold no key."""
    keys = Credentials(tmp_path, environ={"OPENAI_API_KEY": KEY})
    keys.set("mine", OTHER, hosts=["llm.example"])
    found = keys.find("mine", host="llm.example")
    seen = [repr(keys), str(keys), repr(keys.list()), repr(found), repr(keys.where("mine")), repr(vars(keys))]
    seen.append(repr(pickle.dumps(keys)))
    seen.append(repr(pickle.dumps(keys.list())))
    for name, host in [("mine", "evil.example"), ("openai", "evil.example"), ("none", "evil.example")]:
        with pytest.raises(CredentialError) as caught:
            keys.find(name, **OPENAI, host=host)
        seen += everything_about(caught.value)
    with pytest.raises(CredentialError) as caught:
        Credentials(tmp_path, environ={"OPENAI_API_KEY": f"{KEY}\nX: 1"}).find(
            "openai", **OPENAI, host="api.openai.com"
        )
    seen += everything_about(caught.value)
    keys.path.write_text(keys.path.read_text().replace("{", "[", 1))
    with pytest.raises(CredentialError) as caught:
        keys.find("mine", host="llm.example")
    seen += everything_about(caught.value)
    assert caught.value.__context__ is None
    assert not [text for text in seen if KEY in text or OTHER in text]


def test_credentials_pickle_without_keys_and_look_again(tmp_path: Path):
    """A copy in another process finds the same stored keys there."""
    keys = Credentials(tmp_path, environ={"OPENAI_API_KEY": KEY})
    keys.set("mine", OTHER, hosts=["llm.example"])
    copy = pickle.loads(pickle.dumps(keys))
    assert reveal(copy.find("mine", host="llm.example")) == OTHER
    with pytest.raises(TypeError):
        pickle.dumps(keys.find("mine", host="llm.example"))


# ------------------------------------------------------------------------------------------- the file


@posix
def test_the_key_file_is_for_its_owner_only(keys: Credentials):
    """File 0600, folder 0700, whatever the umask."""
    before = os.umask(0)
    try:
        keys.set("mine", KEY, hosts=["llm.example"])
        keys.path.parent.chmod(0o755)
        keys.set("mine", OTHER, hosts=["llm.example"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys.path.parent.iterdir()} == {0o600}


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_file_open_to_others_is_not_used(keys: Credentials, mode: int):
    """Neither read nor written, and the error has the command that mends it, which does."""
    keys.set("mine", KEY, hosts=["llm.example"])
    keys.path.chmod(mode)
    for attempt in (
        lambda: keys.find("mine", host="llm.example"),
        keys.list,
        lambda: keys.set("more", KEY, hosts=["llm.example"]),
    ):
        with pytest.raises(CredentialError, match=f"mode {mode:04o}") as caught:
            attempt()
        assert f"chmod 600 {keys.path}" in caught.value.hint
    keys.path.chmod(0o600)
    assert reveal(keys.find("mine", host="llm.example")) == KEY


def test_a_change_by_another_process_is_seen(keys: Credentials, tmp_path: Path):
    """The cache holds only as long as the file stays the same."""
    other = Credentials(tmp_path, environ={})
    keys.set("mine", KEY, hosts=["llm.example"])
    assert reveal(other.find("mine", host="llm.example")) == KEY
    keys.set("mine", OTHER, hosts=["llm.example"])
    assert reveal(other.find("mine", host="llm.example")) == OTHER
    keys.remove("mine")
    with pytest.raises(CredentialError, match="no key called mine"):
        other.find("mine", host="llm.example")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"version": 2, "credentials": {}}', '{"version": 1, "credentials": {"a": {}}}',
     '{"version": 1, "credentials": {"a": {"hosts": ["*"], "secret": "x"}}}', '{"version": 1, "credentials": {"a": 1}}', "\xff"],
)  # fmt: skip
def test_a_broken_key_file_is_a_clear_error(keys: Credentials, text: str):
    """Whatever is in the file, the error names it and the way out; nothing is overwritten."""
    keys.set("mine", KEY, hosts=["llm.example"])
    keys.path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CredentialError, match="cannot read the key file"):
        keys.find("mine", host="llm.example")
    with pytest.raises(CredentialError, match="cannot read the key file"):
        keys.set("more", KEY, hosts=["llm.example"])
    assert keys.path.read_bytes() == text.encode("latin-1")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(keys: Credentials, monkeypatch):
    """The file is replaced in one step or not at all."""
    keys.set("mine", KEY, hosts=["llm.example"])
    before = keys.path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CredentialError, match="No space left"):
        keys.set("mine", OTHER, hosts=["llm.example"])
    assert keys.path.read_bytes() == before
    assert sorted(file.name for file in keys.path.parent.iterdir()) == ["credentials.json", "lock"]


@posix
def test_a_linked_key_file_stays_a_link(keys: Credentials, tmp_path: Path):
    """Someone who keeps the real file elsewhere keeps doing so."""
    keys.set("mine", KEY, hosts=["llm.example"])
    real = tmp_path / "elsewhere.json"
    keys.path.rename(real)
    keys.path.symlink_to(real)
    keys.set("more", OTHER, hosts=["llm.example"])
    assert keys.path.is_symlink()
    assert set(json.loads(real.read_text())["credentials"]) == {"mine", "more"}


def test_listing_and_removing(keys: Credentials):
    """list gives names, hosts and places; remove forgets, and knows what there is."""
    keys.set("b", KEY, hosts=["https://LLM.example/v1", "llm.example", "http://10.0.0.7:8000"])
    keys.set("a", KEY, hosts=["a.example:8443"])
    assert [(c.name, c.hosts, c.where) for c in keys.list()] == [
        ("a", ("a.example:8443",), "file"),
        ("b", ("llm.example", "http://10.0.0.7:8000"), "file"),
    ]
    with pytest.raises(CredentialError, match="'c'") as caught:
        keys.remove("c")
    assert "a, b" in caught.value.hint
    keys.remove("a")
    keys.remove("b")
    assert keys.list() == ()


def test_where_says_the_place(tmp_path: Path):
    """where names the environment variable, the file, or nothing."""
    keys = Credentials(tmp_path, environ={"OPENAI_API_KEY": KEY})
    assert keys.where("openai", env=("OPENAI_API_KEY",)) == "environment variable OPENAI_API_KEY"
    assert keys.where("mine") is None
    keys.set("mine", KEY, hosts=["llm.example"])
    assert keys.where("mine") == "file"


_WRITER = """
import sys
from pathlib import Path
from antiphon.credentials import Credentials
keys = Credentials(Path(sys.argv[1]), environ={})
for i in range(int(sys.argv[3])):
    keys.set(f"{sys.argv[2]}-{i}", f"key-{i}", hosts=["llm.example"])
"""


def test_concurrent_writers_lose_nothing(tmp_path: Path):
    """Three processes and two threads write at once, a reader looks on: every key is there, every read whole."""
    processes = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), f"p{n}", "15"]) for n in range(3)
    ]
    reader = Credentials(tmp_path, environ={})

    def write(n: int) -> None:
        keys = Credentials(tmp_path, environ={})
        for i in range(15):
            keys.set(f"t{n}-{i}", f"key-{i}", hosts=["llm.example"])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    sizes = [len(reader.list())]
    while any(process.poll() is None for process in processes):
        sizes.append(len(reader.list()))
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert sizes == sorted(sizes)
    assert {c.name for c in reader.list()} == {
        f"{who}-{i}" for who in ("p0", "p1", "p2", "t0", "t1") for i in range(15)
    }


# ---------------------------------------------------------------------------------------- the keyring


def test_a_key_in_the_keyring_is_not_in_the_file(keys: Credentials, memory: MemoryKeyring):
    """The value goes to the keyring, name and hosts to the file; it is found, listed and removed again."""
    stored = keys.set("mine", KEY, hosts=["llm.example"], keyring=True)
    assert (stored.where, stored.note) == ("keyring", "")
    assert KEY not in keys.path.read_text()
    assert memory.kept == {("antiphon", "mine"): KEY}
    memory.reads = 0
    assert {reveal(keys.find("mine", host="llm.example")) for _ in range(5)} == {KEY}
    assert memory.reads == 1  # a keyring takes milliseconds: it is asked once
    with pytest.raises(CredentialError, match="may not go to"):
        keys.find("mine", host="evil.example")
    assert keys.where("mine") == "keyring"
    keys.remove("mine")
    assert memory.kept == {}
    assert keys.list() == ()


def test_moving_a_key_out_of_the_keyring_leaves_nothing_there(keys: Credentials, memory: MemoryKeyring):
    """Stored in the file from now on, the old value is gone from the keyring."""
    keys.set("mine", KEY, hosts=["llm.example"], keyring=True)
    keys.set("mine", OTHER, hosts=["llm.example"])
    assert memory.kept == {}
    assert reveal(keys.find("mine", host="llm.example")) == OTHER


@pytest.mark.parametrize("backend", [keyring.backends.fail.Keyring, keyring.backends.null.Keyring])
def test_without_a_working_keyring_the_key_goes_to_the_file_and_that_is_said(
    keys: Credentials, use_keyring, backend: type
):
    """No backend, or one that keeps nothing: the key is kept all the same, and the note says where."""
    use_keyring(backend())
    stored = keys.set("mine", KEY, hosts=["llm.example"], keyring=True)
    assert stored.where == "file"
    assert "keyring" in stored.note
    assert str(keys.path) in stored.note
    assert reveal(keys.find("mine", host="llm.example")) == KEY


def test_without_the_keyring_package_the_key_goes_to_the_file_and_that_is_said(
    keys: Credentials, monkeypatch
):
    """The extra is not needed for anything but the keyring itself."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    stored = keys.set("mine", KEY, hosts=["llm.example"], keyring=True)
    assert stored.where == "file"
    assert "antiphon[keyring]" in stored.note


def test_a_key_gone_from_the_keyring_is_a_clear_error(
    keys: Credentials, memory: MemoryKeyring, use_keyring, monkeypatch
):
    """Deleted by someone else, a keyring that broke, or the package gone: each is said, with the command."""
    keys.set("mine", KEY, hosts=["llm.example"], keyring=True)
    memory.kept.clear()
    with pytest.raises(CredentialError, match="no longer there") as caught:
        keys.find("mine", host="llm.example")
    assert "antiphon keys set mine" in caught.value.hint
    use_keyring(keyring.backends.fail.Keyring())
    with pytest.raises(CredentialError, match="does not work here"):
        keys.find("mine", host="llm.example")
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(CredentialError, match="not installed"):
        keys.find("mine", host="llm.example")
    keys.remove("mine")
    assert keys.list() == ()


def test_the_keyring_package_is_not_imported_unless_used(tmp_path: Path):
    """Looking up a key from environment or file loads neither keyring nor anything heavy."""
    code = (
        "import sys, pathlib; from antiphon.credentials import Credentials\n"
        f"keys = Credentials(pathlib.Path({str(tmp_path)!r}), environ={{'K': 'v'}})\n"
        "keys.set('mine', 'x', hosts=['llm.example']); keys.find('mine', host='llm.example')\n"
        "keys.find('k', env=('K',), own_hosts=('h.example',), host='h.example')\n"
        "assert not {'keyring', 'platformdirs', 'asyncio', 'aiohttp'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
