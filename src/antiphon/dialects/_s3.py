"""Amazon S3 as a place for files: names as addresses, listings, and what it says when it refuses.

PutObject, GetObject and ListObjectsV2 of the REST API. Source: botocore 1.44.8 (s3, 2006-03-01) and what S3's
reference says of errors and redirects, read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

from ..call import Reply
from ..errors import ReplyError
from ._common import start_of, unreadable
from ._failures import reply_error

__all__ = ["BUCKET", "address", "error", "listed", "name", "query"]

BUCKET = r"[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]"  # botocore 1.44.8, bedrock: s3Uri
KEYS = r"[-!_*'().a-zA-Z0-9]+(?:/[-!_*'().a-zA-Z0-9]+)*"  # the same


def name(bucket: str, key: str) -> str:
    """A file as a Call names it: bucket and key, percent-encoded once."""
    return f"{bucket}/{quote(key, safe='/~')}"


def query(**parameters: str) -> str:
    """A query as signatures want it: a space is %20, a slash %2F."""
    return urlencode(parameters, quote_via=quote, safe="~")


def address(base: str, where: str, *, before_host: bool) -> str:
    """The URL of a file called `where` (see `name`) at `base`; `before_host` puts the bucket in front of the host.

    A bucket with a dot in its name stays in the path: no certificate covers it in front of the host.
    """
    bucket, _, rest = where.partition("/")
    bucket, mark, asked = bucket.partition("?")
    if not before_host or "." in bucket:
        return f"{base}/{where}"
    url = urlsplit(base)
    return f"{url.scheme}://{bucket}.{url.netloc}/{rest}{mark}{asked}"


def listed(reply: Reply) -> tuple[list[str], str]:
    """The keys on a page of a bucket's listing, and the token for the next page; empty if it is the last."""
    root = _document(reply)
    if root is None or root.tag != "ListBucketResult":
        raise unreadable(reply, "the reply is no listing of a bucket")
    keys = [found for item in root.iter("Contents") if (found := item.findtext("Key"))]
    more = root.findtext("IsTruncated") == "true"
    return keys, (root.findtext("NextContinuationToken") or "") if more else ""


def error(reply: Reply) -> ReplyError:
    """The typed error for a reply with an error status. Where the bucket is elsewhere it names the region."""
    root = _document(reply)
    code = _text(root, "Code")
    region = _text(root, "Region")
    message = _text(root, "Message") or start_of(reply)[:200]
    if region:
        message = f"{message}; the bucket is in the region {region}"
    failure = reply_error(reply, message=message, codes=(code,))
    failure.request_id = failure.request_id or _text(root, "RequestId") or None
    if region:
        failure.hint = f"Set AWS_REGION={region}, or name a bucket in the region that is asked."
    return failure


def _text(root: ElementTree.Element | None, tag: str) -> str:
    return "" if root is None else (root.findtext(tag) or "").strip()[:500]


def _document(reply: Reply) -> ElementTree.Element | None:
    """The XML in a reply, its names without their namespace; None where there is none. No entities are taken."""
    try:
        text = reply.body.decode("utf-8-sig")  # in another encoding a document type would look otherwise
        if "<!" in text or "\0" in text:  # a document type, or what else S3 never sends; UTF-16
            return None
        root = ElementTree.fromstring(text)  # noqa: S314 - no document type, no entities  # nosec B314
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    for element in _all(root):
        element.tag = re.sub(r"^\{[^}]*\}", "", str(element.tag))
    return root


def _all(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    yield from root.iter()
