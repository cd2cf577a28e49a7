"""Where a key comes from, and which hosts it may go to.

A credential has a name, usually the provider's. It is looked for in this order: the argument, the provider's
environment variables, the credentials stored with `antiphon keys set` (in an owner-only file, or in the
system keyring). Each one is bound to hosts, so that a workflow or a config that names a foreign address
cannot carry a key away: an environment key goes to the provider's own hosts only, a stored key to the hosts
stored with it, and a key given as an argument to whatever address its caller chose.

A host is written ``api.example.com`` (any port), ``api.example.com:8443`` (that port only), or
``http://192.168.1.5:8000``: keys go over plain http only to this machine, or to a host stored that way.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .call import Secret
from .errors import CredentialError, RequestError
from .places import home as default_home
from .places import replace_file
from .secretlike import looks_secret

__all__ = ["Credential", "Credentials"]

SERVICE = "antiphon"  # the keyring's name for us
VERSION = 1
# Whole header blocks are commonly limited to 8 KiB, so nothing longer can be a key that works.
MAX_LENGTH = 8192
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY = re.compile(r"[\x20-\x7e]+")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Credential:
    """One stored credential without its value: its name, the hosts it may go to, and where the value lies.

    `note` says what its owner should know, such as that there was no keyring to put it into.
    """

    name: str
    hosts: tuple[str, ...]
    where: str
    note: str = ""


class _Host(NamedTuple):
    """A host as asked for or stored. `port` is None where any will do."""

    name: str
    port: int | None
    plain: bool  # http, not https

    def allows(self, asked: _Host) -> bool:
        """Whether a key bound to this host may go to `asked`."""
        if self.name != asked.name or (self.port is not None and self.port != asked.port):
            return False
        return self.plain or not asked.plain or asked.loopback

    @property
    def loopback(self) -> bool:
        return _is_loopback(self.name)

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        port = f":{self.port}" if self.port is not None else ""
        return f"{'http://' if self.plain else ''}{name}{port}"

    @property
    def shown(self) -> str:
        """As one would write it: without a port that goes without saying."""
        return str(self._replace(port=None) if self.port == (80 if self.plain else 443) else self)


class _Entry(NamedTuple):
    """A row of the key file. `secret` is None where the value is in the system keyring."""

    hosts: tuple[_Host, ...]
    secret: Secret | None


class Credentials:
    """The credentials of one home folder and one environment.

    `find` is cheap enough for every request: the key file is read again only after it has changed.
    """

    def __init__(self, home: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._home = home
        variables = os.environ if environ is None else environ
        # Closed over, and wrapped at once: error reporters print attributes and local variables.
        self._variable: Callable[[str], Secret] = lambda name: Secret(variables.get(name, "").strip())
        self._path = ""
        self._cache: tuple[object, dict[str, _Entry]] = (None, {})
        self._from_keyring: dict[str, Secret] = {}

    def __repr__(self) -> str:
        return f"Credentials({str(self.path)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Neither keys nor an environment travel: the other process looks them up where it is.
        return (Credentials, (self._home,))

    @property
    def path(self) -> Path:
        """The key file. It need not exist."""
        return (self._home if self._home is not None else default_home()) / "keys" / "credentials.json"

    # -------------------------------------------------------------------------------------- looking

    def find(
        self,
        name: str,
        *,
        env: Sequence[str] = (),
        own_hosts: Sequence[str] = (),
        host: str,
        given: str | Secret | None = None,
        required: bool = True,
    ) -> Secret | None:
        """The key called `name` for a call to `host` (a URL, ``host`` or ``host:port``).

        `env` are the variables that may hold it, `own_hosts` where those may go; `given` wins over all. None
        where there is no key and none is `required`. CredentialError names the places looked in, or the key
        that exists but may not go to this host, and the command that helps.
        """
        if given:
            return _checked(given, "the key given as an argument", name)
        asked = _asked(host)
        kept_back = ""
        for variable in env:
            value = self._variable(variable)
            if value:
                if any(_stored(own).allows(asked) for own in own_hosts):
                    return _checked(value, f"the environment variable {variable}", name)
                kept_back = kept_back or variable
        entry = self._entries().get(name)
        if entry is not None:
            if any(bound.allows(asked) for bound in entry.hosts):
                return entry.secret or self._keyring_secret(name)
            # An optional key for another server is no reason to fail; one that was meant for this server is.
            if required or any(bound.name == asked.name for bound in entry.hosts):
                bound = tuple(map(str, entry.hosts))
                raise _not_for(name, f"bound to {', '.join(bound)}", asked, bound)
        if not required:
            return None
        if kept_back:
            own = ", ".join(own_hosts) or "no host at all"
            raise _not_for(name, f"in the environment variable {kept_back} and goes only to {own}", asked)
        raise self._missing(name, env)

    def where(self, name: str, *, env: Sequence[str] = ()) -> str | None:
        """Where `find` would get the key called `name` from ("environment variable X", "file", "keyring"), or None."""
        for variable in env:
            if self._variable(variable):
                return f"environment variable {variable}"
        entry = self._entries().get(name)
        return None if entry is None else _where(entry)

    def list(self) -> tuple[Credential, ...]:
        """The stored credentials by name, without their values."""
        return tuple(
            Credential(name, tuple(map(str, entry.hosts)), _where(entry))
            for name, entry in sorted(self._entries().items())
        )

    def _missing(self, name: str, env: Sequence[str]) -> CredentialError:
        if looks_secret(name):
            return CredentialError(
                "a key is given where the name of a stored key belongs",
                field="credential",
                hint="Store it with `antiphon keys set NAME`, and give that name.",
            )
        places = [f"the environment ({', '.join(env)})"] if env else []
        places.append(f"the key file {self.path}")
        return CredentialError(
            f"no key called {name}: looked in the argument, {' and '.join(places)}",
            field="api_key",
            hint=f"Store one with `antiphon keys set {name}`" + (f", or set {env[0]}." if env else "."),
        )

    # -------------------------------------------------------------------------------------- storing

    def set(
        self, name: str, secret: str | Secret, *, hosts: Sequence[str], keyring: bool = False
    ) -> Credential:
        """Store a key under `name` for `hosts`, replacing the one there.

        With `keyring` its value goes into the system keyring; where none works it goes into the key file and
        the credential's note says so. RequestError or CredentialError for what cannot be a name, host or key.
        """
        _check_name(name)
        bound = tuple(dict.fromkeys(_stored(host) for host in hosts))
        if not bound:
            raise RequestError(
                f"a key must be bound to the hosts it may go to, and none is given for {name}",
                field="hosts",
                hint=f"Name them: `antiphon keys set {name} --host HOST`.",
            )
        key = _checked(secret, "the key", name)
        problem = _put_in_keyring(name, key) if keyring else ""
        inside = keyring and not problem
        before = self._change(name, _Entry(bound, None if inside else key))
        if before is not None and before.secret is None and not inside:
            _drop_from_keyring(name)  # the old value must not stay behind
        note = f"{problem}; the key is in {self.path}, which only you can read" if problem else ""
        return Credential(name, tuple(map(str, bound)), "keyring" if inside else "file", note)

    def remove(self, name: str) -> None:
        """Forget the stored key called `name`. CredentialError lists those there are if it is none of them."""
        if name not in self._entries():
            there = ", ".join(sorted(self._entries())) or "none"
            raise CredentialError(
                f"no stored key is called {name!r}",
                field="name",
                hint=f"Stored are: {there}. Environment variables are yours to unset.",
            )
        before = self._change(name, None)
        if before is not None and before.secret is None:
            _drop_from_keyring(name)

    def _change(self, name: str, entry: _Entry | None) -> _Entry | None:
        """Write one row (None: take it out), and return the one there was. Safe beside other processes."""
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            with _locked(folder / "lock"):
                self._cache = (None, {})  # another process may have written within one tick of the file clock
                entries = dict(self._entries())
                before = entries.pop(name, None)
                if entry is not None:
                    entries[name] = entry
                _write(self.path, entries)
        except OSError as error:
            raise CredentialError(
                f"cannot write the key file {self.path}: {error.strerror or error}",
                hint="Make the folder writable for you, or point ANTIPHON_HOME at one that is.",
            ) from error
        self._cache = (None, {})
        self._from_keyring.pop(name, None)
        return before

    # -------------------------------------------------------------------------------------- the file

    def _entries(self) -> dict[str, _Entry]:
        """The rows of the key file, read again if it has changed. CredentialError if it is not safe or not ours."""
        path = str(self.path) if self._home is None else self._path or str(self.path)
        self._path = path
        try:
            found = os.stat(path)  # noqa: PTH116  (half the cost of Path.stat, on every request)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise CredentialError(f"cannot look at the key file {path}: {error.strerror}") from error
        stamp = (path, found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode, found.st_uid)
        if self._cache[0] != stamp:
            _check_private(path, found)
            self._cache = (stamp, _read(path))
            self._from_keyring.clear()
        return self._cache[1]

    def _keyring_secret(self, name: str) -> Secret:
        """The key from the system keyring, asked once and then kept until the key file changes."""
        secret = self._from_keyring.get(name)
        if secret is None:
            secret = self._from_keyring[name] = _checked(_from_keyring(name), "the key in the keyring", name)
        return secret


# ----------------------------------------------------------------------------------------- keys, hosts


def _checked(secret: str | Secret, what: str, name: str) -> Secret:
    """`secret` without white space around it, if it can stand in a header. The error never shows it."""
    key = Secret((secret.reveal() if isinstance(secret, Secret) else secret).strip())
    del secret  # an error reporter would print it with the other local variables
    problem = _problem(key)
    if problem:
        raise CredentialError(
            f"{what} {problem}",
            field="api_key",
            hint=f"Copy the key again, whole and alone, then run `antiphon keys set {name}`.",
        )
    return key


def _problem(key: Secret) -> str:
    if not key:
        return "is empty"
    if not _KEY.fullmatch(key.reveal()):
        return "holds a line break, a control character or a character outside ASCII, which no header carries"
    return f"is longer than {MAX_LENGTH} characters" if len(key.reveal()) > MAX_LENGTH else ""


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"a key's name is 1 to 64 letters, digits, dots, _ or -, not {name!r}", field="name"
        )


def _not_for(name: str, bound: str, asked: _Host, keep: Sequence[str] = ()) -> CredentialError:
    why = " over plain http" if asked.plain and not asked.loopback else ""
    options = " ".join(f"--host {host}" for host in (*keep, asked.shown))
    return CredentialError(
        f"the key {name} may not go to {asked.shown}{why}: it is {bound}",
        field="api_key",
        hint=f"If you trust that host, allow it: `antiphon keys set {name} {options}`.",
    )


@lru_cache(maxsize=1024)
def _asked(host: str) -> _Host:
    """The host of a call, with its port: 443 or 80 where the address leaves it out."""
    parsed = _parsed(host)
    return parsed._replace(port=parsed.port or (80 if parsed.plain else 443))


@lru_cache(maxsize=1024)
def _stored(host: str) -> _Host:
    return _parsed(host)


def _parsed(host: str) -> _Host:
    """``host``, ``host:port`` or an http(s) URL. No wildcards: a key goes to hosts that were named."""
    text = host.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        name, port = _clean_name(parts.hostname or ""), parts.port
    except ValueError:
        name, port, parts = "", None, urlsplit("")
    if not name or parts.scheme not in ("http", "https") or parts.username is not None:
        raise RequestError(
            f"not a host: {host!r}",
            field="hosts",
            hint="Write api.example.com, api.example.com:8443, or http://192.168.1.5:8000 for plain http.",
        )
    return _Host(name, port, parts.scheme == "http")


def _clean_name(name: str) -> str:
    """The one spelling of a host name: lower case, no final dot, IP addresses in their short form."""
    name = name.rstrip(".").lower()
    if ":" in name:
        return str(ip_address(name))
    if not name.isascii():
        name = name.encode("idna").decode("ascii")
    return name if _HOST.fullmatch(name) else ""


@lru_cache(maxsize=256)
def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(name).is_loopback
    return False


# ------------------------------------------------------------------------------------------- the file


def _check_private(path: str, found: os.stat_result) -> None:
    # Windows keeps a user's profile to its user, and its mode bits mean nothing.
    if os.name != "posix":
        return
    if found.st_mode & 0o077:
        raise CredentialError(
            f"the key file {path} can be read or changed by others (mode {stat.S_IMODE(found.st_mode):04o})",
            hint=f"Run `chmod 600 {path}`; if others may have seen it, replace the keys too.",
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise CredentialError(
            f"the key file {path} belongs to another user (uid {found.st_uid})",
            hint="Take it over with chown, or point ANTIPHON_HOME at a folder of your own.",
        )


def _read(path: str) -> dict[str, _Entry]:
    try:
        return {name: _entry(name, row) for name, row in _rows(Path(path).read_bytes()).items()}
    except OSError as error:
        detail = error.strerror
    except (ValueError, KeyError, TypeError, AttributeError, RequestError):
        detail = "it is not what `antiphon keys` writes"
    # Raised outside the except block: a JSON error carries the whole document, keys and all.
    raise CredentialError(
        f"cannot read the key file {path}: {detail}",
        hint="Move it away and store the keys again with `antiphon keys set NAME`.",
    )


def _rows(text: bytes) -> dict[str, dict[str, Any]]:
    document = json.loads(text)
    if document["version"] != VERSION:
        raise ValueError("another version")
    return document["credentials"]


def _entry(name: str, row: dict[str, Any]) -> _Entry:
    secret = _checked(row["secret"], "the stored key", name) if "secret" in row else None
    return _Entry(tuple(_stored(host) for host in row["hosts"]), secret)


def _write(path: Path, entries: Mapping[str, _Entry]) -> None:
    """Replace the key file in one step."""
    rows = {name: _row(entry) for name, entry in sorted(entries.items())}
    text = json.dumps({"version": VERSION, "credentials": rows}, indent=2)
    replace_file(path.resolve(), f"{text}\n".encode())  # a link to the real file stays a link


def _row(entry: _Entry) -> dict[str, Any]:
    hosts = [str(host) for host in entry.hosts]
    # The one place besides the transport that reveals: a key that is kept has to be written down.
    return {"hosts": hosts} if entry.secret is None else {"hosts": hosts, "secret": entry.secret.reveal()}


def _where(entry: _Entry) -> str:
    return "keyring" if entry.secret is None else "file"


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Hold the lock file; the system lets go of it if this process dies."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # waits up to 10 s, then OSError

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)


# ---------------------------------------------------------------------------------------- the keyring


def _put_in_keyring(name: str, key: Secret) -> str:
    """Store the value in the system keyring. Returns what went wrong, empty if it is there now."""
    try:
        import keyring
    except ImportError:
        return "the keyring package is not installed (pip install 'antiphon[keyring]')"
    try:
        keyring.set_password(SERVICE, name, key.reveal())
        # A disabled keyring takes everything and keeps nothing.
        kept = keyring.get_password(SERVICE, name) == key.reveal()
    except Exception as error:  # noqa: BLE001  (backends raise what their platform raises)
        return f"the system keyring does not work ({type(error).__name__})"
    return "" if kept else "the system keyring did not keep the key"


def _from_keyring(name: str) -> str:
    problem = "no longer there"
    try:
        import keyring

        value = keyring.get_password(SERVICE, name)
        if value:
            return value
    except ImportError:
        problem = "out of reach: the keyring package is not installed (pip install 'antiphon[keyring]')"
    except Exception as error:  # noqa: BLE001  (backends raise what their platform raises)
        problem = f"out of reach: the system keyring does not work here ({type(error).__name__})"
    raise CredentialError(
        f"the key {name} is kept in the system keyring, and it is {problem}",
        field="api_key",
        hint=f"Store it again with `antiphon keys set {name}`.",
    )


def _drop_from_keyring(name: str) -> None:
    """Delete the value. One that is gone already, or a keyring that is, leaves nothing to delete."""
    with suppress(ImportError):
        import keyring

        with suppress(Exception):
            keyring.delete_password(SERVICE, name)
