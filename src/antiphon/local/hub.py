"""Pulling a model file from the hub: resumed where it was cut off, and kept only if its sum is the hub's.

`huggingface_hub` finds the file, its size and sum, and knows mirrors (HF_ENDPOINT), tokens and proxies. The
download goes into a file of ours, because the library starts afresh after an interruption.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

from ..errors import (
    AntiphonError,
    NotFound,
    RateLimited,
    Rejected,
    ReplyError,
    RequestError,
    ServerFailed,
    TransportError,
    Unauthorized,
    Unreadable,
)
from . import facts, gguf
from .models import place, source

__all__ = ["Progress", "pull"]

# Called with the bytes that are here and the bytes in all.
Progress = Callable[[int, int], object]

SHA256 = re.compile(r"[0-9a-f]{64}")
# Bytes to leave free on the disk.
SPARE = 100_000_000


class _Remote(NamedTuple):
    """A file at the hub: where its bytes are, how many, their SHA-256, and the headers to ask with."""

    url: str
    size: int
    sha256: str
    headers: dict[str, str]


def pull(name: str, *, progress: Progress | None = None) -> Path:
    """Fetch a listed model or "hf:owner/repo/file.gguf" into the models folder, unless it is there.

    An interrupted pull goes on where it stopped. Raises RequestError (unknown name, no room, not an instruct
    GGUF), NotFound, Unauthorized (gated: accept its terms at the hub and log in), another ReplyError,
    TransportError (offline, cut off), or Unreadable if the sum is wrong; then nothing is kept.
    """
    target = place(name)
    if target.is_file():
        return target
    repository, file = source(name)
    with _typed_errors(name):
        remote = _found(repository, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        # The sum in the name: a file that was replaced at the hub is not resumed with the bytes of another.
        part = target.with_name(f"{target.name}.{remote.sha256[:16]}.part")
        _check_room(part, remote.size)
        _download(remote, part, progress)
    _check(part, remote, name)
    part.replace(target)
    facts.learn(target)
    return target


def _library() -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError:
        raise RequestError(
            "pulling models needs huggingface_hub, which is not installed",
            hint="Install it with: pip install 'antiphon[local]'",
        ) from None


def _found(repository: str, file: str) -> _Remote:
    hub = _library()
    # Read now: the library reads it once, when it is first imported.
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    url: str = hub.hf_hub_url(repository, file, endpoint=endpoint)
    about: Any = hub.get_hf_file_metadata(url)
    headers = dict(hub.utils.build_hf_headers())
    if urlsplit(str(about.location)).netloc != urlsplit(url).netloc:
        # The bytes are at another host, which the hub's address has already been signed for.
        headers = {key: value for key, value in headers.items() if key.lower() != "authorization"}
    if about.size is None or not SHA256.fullmatch(about.etag or ""):
        raise Unreadable(
            f"the hub states no SHA-256 for {file} in {repository}, so it cannot be checked",
            provider="hub",
            hint="Download it by hand, and give its path as the model.",
        )
    return _Remote(about.location, about.size, about.etag, headers)


def _check_room(part: Path, size: int) -> None:
    here = part.stat().st_size if part.exists() else 0
    free = shutil.disk_usage(part.parent).free
    if free < size - here + SPARE:
        raise RequestError(
            f"not enough room for {size / 1e9:.2f} GB in {part.parent}: {free / 1e9:.2f} GB are free",
            hint="Make room, or move Antiphon's folder with ANTIPHON_HOME.",
        )


class _Counting:
    """The part file, telling of every piece that is written."""

    def __init__(self, file: BinaryIO, size: int, progress: Progress | None) -> None:
        self.file = file
        self.size = size
        self.progress = progress

    def write(self, data: bytes) -> int:
        written = self.file.write(data)
        if self.progress is not None:
            self.progress(self.file.tell(), self.size)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def _download(remote: _Remote, part: Path, progress: Progress | None) -> None:
    file_download: Any = importlib.import_module("huggingface_hub.file_download")
    with part.open("ab") as file, _quiet():
        here = file.tell()
        if here > remote.size:  # cannot be the beginning of this file
            file.truncate(0)
            here = 0
        file_download.http_get(
            remote.url,
            _Counting(file, remote.size, progress),
            resume_size=here,
            headers=remote.headers,
            expected_size=remote.size,
        )


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """Without the library's own progress bar: ours is the caller's business."""
    bars = _library().utils
    shown = not bars.are_progress_bars_disabled()
    bars.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bars()


def _check(part: Path, remote: _Remote, name: str) -> None:
    """Keep the file only if it is what the hub says it is, and a model that can answer."""
    actual = facts.sha256(part)
    try:
        if actual != remote.sha256:
            raise Unreadable(
                f"{name} arrived with SHA-256 {actual}, not {remote.sha256}: refused",
                provider="hub",
                hint="Pull it again; if it stays so, the mirror or a proxy changes it.",
            )
        gguf.read(part)
    except AntiphonError:
        part.unlink()
        raise


# ------------------------------------------------------------------------------------------------ errors


@contextmanager
def _typed_errors(name: str) -> Generator[None, None, None]:
    """What the hub and its library raise, as errors of ours: by class and status, most specific first."""
    _library()
    errors: Any = importlib.import_module("huggingface_hub.errors")
    # The HTTP library underneath has changed over the years; its errors have the same root as the hub's own.
    network: tuple[type[Exception], ...] = tuple(
        base for base in errors.HfHubHTTPError.__mro__ if base.__name__ == "HTTPError"
    )
    try:
        yield
    except AntiphonError:
        raise
    except errors.GatedRepoError as error:
        raise Unauthorized(
            f"{name} is gated: its terms must be accepted first",
            status=_status(error),
            provider="hub",
            hint="Accept them on its page at the hub, then log in with `hf auth login` or set HF_TOKEN.",
        ) from error
    except (errors.EntryNotFoundError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise NotFound(
            f"the hub has no {name}, or does not show it to you",
            status=_status(error),
            provider="hub",
            hint="Check owner, repository and file name; private ones need `hf auth login` or HF_TOKEN.",
        ) from error
    except errors.HfHubHTTPError as error:
        raise _by_status(name, _status(error)) from error
    except (*network, OSError, ValueError) as error:
        raise _broken(name, error) from error


def _status(error: Any) -> int:
    return getattr(getattr(error, "response", None), "status_code", 0) or 0


def _by_status(name: str, status: int) -> ReplyError:
    kinds = {401: Unauthorized, 403: Unauthorized, 404: NotFound, 429: RateLimited}
    kind = kinds.get(status, ServerFailed if status >= 500 else Rejected)
    return kind(f"the hub answered {status} for {name}", status=status, provider="hub")


def _broken(name: str, error: Exception) -> AntiphonError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
        return RequestError(
            f"cannot write {name}: {error.strerror}",
            hint="Make room, or move Antiphon's folder with ANTIPHON_HOME.",
        )
    return TransportError(
        f"pulling {name} broke off: {error}",
        phase="cut-off",
        hint="Check the network and pull again: it goes on where it stopped. Models can also be given by path.",
    )
