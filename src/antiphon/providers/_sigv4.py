"""AWS Signature Version 4, as AWS's own clients sign: the same headers, byte for byte (tested against botocore)."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from urllib.parse import SplitResult, quote, urlsplit

from ..call import Call, Secret

__all__ = ["Keys", "sign"]

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Keys:
    """An AWS access key: its id, its secret, and the session token of temporary ones."""

    access_key: str
    secret_key: Secret
    token: Secret | None = None


def sign(call: Call, keys: Keys, *, region: str, service: str, at: float) -> Call:
    """`call` signed at the time `at` (seconds since 1970). AWS takes the signature for five minutes.

    All headers of the call are signed, and the host; what the HTTP library adds is not. For the service ``s3`` the sum
    of the body is a header too, and the path counts as it is: there "a//b" is not "a/b".
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
    body_sum = sha256(call.body).hexdigest()
    headers: dict[str, str | Secret] = {**call.headers, "X-Amz-Date": stamp}
    if service == "s3":
        headers["X-Amz-Content-SHA256"] = body_sum
    if keys.token is not None:
        headers["X-Amz-Security-Token"] = keys.token
    url = urlsplit(call.url)
    lines = sorted(
        [("host", _host(url)), *((name.lower(), _plain(value)) for name, value in headers.items())]
    )
    names = ";".join(name for name, _ in lines)
    request = "\n".join(
        (
            call.method,
            # The path is encoded already, and here once more.
            (url.path or "/") if service == "s3" else quote(_normal(url.path), safe="/~"),
            "&".join("=".join(pair) for pair in sorted(map(_pair, url.query.split("&"))))
            if url.query
            else "",
            *(f"{name}:{value}" for name, value in lines),
            "",
            names,
            body_sum,
        )
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    key = _signing_key(keys.secret_key, scope)
    head = f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature="
    signature = Secret(hmac.digest(key, text.encode(), "sha256").hex(), head)
    return replace(call, headers={**headers, "Authorization": signature})


@lru_cache(maxsize=4)
def _signing_key(secret: Secret, scope: str) -> bytes:
    """The key for one day, region and service. It stays here: only what it signs goes out."""
    key = b"AWS4" + secret.reveal().encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _host(url: SplitResult) -> str:
    """The Host header that goes out: without the port that goes without saying."""
    name = url.hostname or ""
    name = f"[{name}]" if ":" in name else name
    return name if url.port in (None, PORTS.get(url.scheme)) else f"{name}:{url.port}"


def _plain(value: str | Secret) -> str:
    return " ".join((value.reveal() if isinstance(value, Secret) else value).split())


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _normal(path: str) -> str:
    """`path` without empty and dot segments."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")
