"""The key: a request's canonical JSON, and its SHA-256. The written contract is docs/reference/key.md.

Made from the Request and never from a wire body, because a seed must tell two samples apart even where the
provider has no seed on the wire. Times, retries and everything else in Delivery cannot get in: it is no part
of a Request.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from ..errors import RequestError
from ..request import Config, Media, Message, Request, Schema

__all__ = ["canonical", "canonical_json", "key", "key_of"]

TAG = "k1:"

# Members sorted by code point, no blanks, text as UTF-8. A Request cannot be circular or hold NaN.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


def key(request: Request) -> str:
    """The request's key: ``k1:`` and 64 hex digits. Equal requests have equal keys, in every process.

    RequestError if the request holds a number of more than 4,300 digits or text that UTF-8 cannot carry.
    """
    return key_of(canonical(request))


def key_of(document: bytes) -> str:
    """The key of a request whose canonical JSON this is."""
    return TAG + sha256(document).hexdigest()


def canonical(request: Request) -> bytes:
    """The canonical JSON that the key is the hash of. Media stand in it by their SHA-256, not by their bytes."""
    return canonical_json(_document(request))


def canonical_json(value: object) -> bytes:
    """`value` (JSON as Python objects) in the canonical form of docs/reference/key.md."""
    try:
        return _ENCODER.encode(value).encode()
    except ValueError as error:
        # Lone surrogates (UnicodeEncodeError is a ValueError), and Python's limit on the digits of integers.
        raise RequestError(f"the request has no canonical form: {error}", field="request") from error


def _document(request: Request) -> dict[str, Any]:
    # A field that holds its default is left out, so that a field added later does not change old keys.
    document: dict[str, Any] = {
        "provider": request.provider,
        "messages": [_message(message) for message in request.messages],
    }
    config = _config(request.config)
    if config:
        document["config"] = config
    if request.seed is not None:
        document["seed"] = request.seed
    if request.base_url is not None:
        document["base_url"] = request.base_url
    if request.dialect is not None:
        document["dialect"] = request.dialect
    if request.identity:
        document["identity"] = request.identity
    return document


def _config(config: Config) -> dict[str, Any]:
    settings = config.given()
    if config.model:
        settings["model"] = config.model
    schema = settings.get("response_format")
    if isinstance(schema, Schema):
        settings["response_format"] = _schema(schema)
    return settings


def _schema(schema: Schema) -> dict[str, Any]:
    document: dict[str, Any] = {"schema": schema.schema}
    if schema.name != "answer":
        document["name"] = schema.name
    if not schema.strict:
        document["strict"] = False
    return document


def _message(message: Message) -> dict[str, Any]:
    parts = [_media(part) if isinstance(part, Media) else part for part in message.parts]
    return {"role": message.role, "parts": parts}


def _media(media: Media) -> dict[str, str]:
    document = {"kind": media.kind, "media_type": media.media_type}
    # The bytes count by their hash; a URL counts as the URL, whatever is found there.
    if media.url is not None:
        document["url"] = media.url
    else:
        document["sha256"] = media.sha256 or ""
    if media.name is not None:
        document["name"] = media.name
    return document
