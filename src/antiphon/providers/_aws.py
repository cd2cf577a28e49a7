"""Where AWS credentials and the region come from: the environment first, then what AWS's own tools keep.

Keys in the environment need nothing. Profiles, SSO, roles and instances are looked up by botocore (extra
`bedrock`), imported when needed, in a worker thread, since some of them ask the network.
"""

from __future__ import annotations

import asyncio
import configparser
import os
import re
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..call import Call, Secret
from ..errors import CredentialError
from ._sigv4 import Keys

__all__ = ["keys", "region", "stored"]

# Seconds after which credentials that name no expiry are looked up again: other tools rewrite the file.
LASTING = 300.0

# What decides which credentials the chain finds.
_DECISIVE = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "HOME",
)


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def region() -> str:
    """The region of this process: AWS_REGION, AWS_DEFAULT_REGION, or the profile's; empty if none says."""
    return _variable("AWS_REGION") or _variable("AWS_DEFAULT_REGION") or _profile_region()


# An access key as one text: its id, its secret, and the token of temporary ones (AWS's IAM reference: ids are 16 to
# 128 letters and digits). Bearer keys hold no colon.
_ACCESS_KEY = re.compile(r"([A-Z0-9]{16,128}):([A-Za-z0-9/+=]{16,}?)(?::([A-Za-z0-9/+=]+))?")


def stored(call: Call) -> Keys | None:
    """The access key that `call` carries as its key, to be signed with; None where it carries none."""
    for secret in call.secrets:
        found = _ACCESS_KEY.fullmatch(secret.reveal().removeprefix("Bearer "))
        if found:
            access, key, token = found.groups()
            return Keys(access, Secret(key), Secret(token) if token else None)
    return None


def _profile_region() -> str:
    name = _variable("AWS_PROFILE") or _variable("AWS_DEFAULT_PROFILE") or "default"
    path = Path(_variable("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
    config = configparser.RawConfigParser(strict=False)
    try:
        config.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError) as problem:
        raise CredentialError(
            f"cannot read the AWS profiles in {path}: {type(problem).__name__}",
            field="region",
            hint="Mend the file, or set AWS_REGION.",
        ) from None
    section = "default" if name == "default" else f"profile {name}"
    return config.get(section, "region", fallback="").strip()


async def keys() -> Keys:
    """The access key to sign with. CredentialError where there is none, or the chain fails."""
    access_key = _variable("AWS_ACCESS_KEY_ID")
    secret_key = Secret(_variable("AWS_SECRET_ACCESS_KEY"))
    if access_key and secret_key:
        token = Secret(_variable("AWS_SESSION_TOKEN"))
        return Keys(access_key, secret_key, token or None)
    found = _found
    if found is None or not found.good():
        found = await asyncio.to_thread(_look_up)
    return found.keys


# ------------------------------------------------------------------------------------------- the chain


class _Found(NamedTuple):
    """What the chain found, from which environment and when. `source` is botocore's object, which renews itself."""

    keys: Keys
    source: Any
    environment: tuple[str, ...]
    at: float

    def good(self) -> bool:
        """Whether these keys can be used again: the same environment, and not near their expiry."""
        if self.environment != _environment():
            return False
        renewed = getattr(self.source, "refresh_needed", None)
        return time.monotonic() - self.at < LASTING if renewed is None else not renewed()


_found: _Found | None = None
_one_at_a_time = threading.Lock()


def _environment() -> tuple[str, ...]:
    return tuple(map(_variable, _DECISIVE))


def _look_up() -> _Found:
    """Ask the chain, or the credentials it gave before to renew themselves. One thread at a time."""
    global _found  # noqa: PLW0603 - the process has one AWS environment
    with _one_at_a_time:
        before, environment = _found, _environment()
        if before is not None and before.good():
            return before
        again = before is not None and before.environment == environment
        source = before.source if before is not None and again and _renews(before.source) else _chain()
        _found = _Found(_frozen(source), source, environment, time.monotonic())
        return _found


def _renews(source: object) -> bool:
    return hasattr(source, "refresh_needed")


def _chain() -> Any:
    """botocore's credentials: profile, SSO, assumed role, web identity, container, instance."""
    try:
        import botocore.session
    except ImportError:
        raise _none(
            "botocore, which reads profiles and roles, is not installed",
            "Set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
            " or install antiphon[bedrock].",
        ) from None
    session: Any = botocore.session.Session()
    with _named():
        source = session.get_credentials()
    if source is None:
        raise _none(
            "looked in the environment and in botocore's chain (profiles, SSO, roles, container, instance)",
            "Set AWS_BEARER_TOKEN_BEDROCK, or log in with AWS's tools (`aws sso login`, `aws configure`).",
        )
    return source


def _frozen(source: Any) -> Keys:
    with _named():
        found = source.get_frozen_credentials()
    return Keys(found.access_key, Secret(found.secret_key), Secret(found.token) if found.token else None)


@contextmanager
def _named() -> Generator[None]:
    """Turn whatever botocore raises into a CredentialError; its messages hold no secrets."""
    try:
        yield
    except Exception as problem:  # noqa: BLE001 - the chain asks servers and runs programs: anything can come
        raise CredentialError(
            f"AWS credentials cannot be had: {problem}",
            field="api_key",
            hint="Log in again with AWS's tools (`aws sso login`), or check AWS_PROFILE.",
        ) from None


def _none(where: str, hint: str) -> CredentialError:
    return CredentialError(f"no AWS credentials: {where}", field="api_key", hint=hint)
