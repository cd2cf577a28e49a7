"""A provider's own batch API, which answers within a day at half the price: what all of them share.

One job holds many requests, each under an id of ours. The functions of `Jobs` are pure, as a dialect's are: from
values to the Call that asks (its URL relative to the base address), and from replies and result files to values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol
from urllib.parse import quote

from ..call import Call, Reply
from ..errors import AntiphonError, RateLimited, Rejected, ReplyError, TransportError, Unreadable
from ..request import Request
from . import Body
from ._common import as_object, as_word, count, dumps, loads, unreadable

__all__ = ["Jobs", "Option", "Outcome", "Phase", "Status"]

Phase = Literal["running", "ended", "failed"]
"""Where a job is: still at work, ended with results (of some requests at least), or refused as a whole."""

LONGEST_LINE = 256 * 1024 * 1024  # bytes of one line of a result file; what is longer is no answer
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A job as its provider describes it.

    `word` is the provider's own for where it is, and a word that is not known means that it is still at work; `name`
    the one we gave it, where the provider keeps one; `total`, `done` and `failed` count requests; `created` is in
    seconds since 1970; `results` names what holds its results. `rest` is the error of requests that it has no
    result for, or None where every request must have one.
    """

    id: str
    word: str
    phase: Phase
    name: str = ""
    total: int | None = None
    done: int | None = None
    failed: int | None = None
    created: float | None = None
    results: tuple[str, ...] = ()
    rest: AntiphonError | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request: the reply, as if it had been asked alone, or an error.

    A `reply` with `failed` holds an error report, whatever its status.
    """

    id: str
    reply: Reply | None = None
    failed: bool = False
    error: AntiphonError | None = None


class Option(NamedTuple):
    """What a person has to say about jobs besides their requests.

    `variable` is where the environment says it, `about` what it is, `pattern` what all of it must match, and `default`
    holds where nobody says it; with None it has to be said.
    """

    variable: str
    about: str
    pattern: str
    default: str | None = None


NO_OPTIONS: Mapping[str, Option] = {}


class Jobs(Protocol):
    """What a module for one batch API offers.

    `most` requests and `size` bytes of them go into one job. `keeps_name` says whether a listing tells the name that
    we gave a job; `one_model` whether a job is for one model; `once_by_name` whether a job that is sent again under
    its name is still one job; `by_region` whether it is in one region of many, so that its address has to be kept.
    `options` are what has to be known besides, by name; what was said of them is `given` to `upload` and `create`.
    The option ``least`` is the fewest requests that a job may have.
    """

    most: int
    size: int
    keeps_name: bool
    one_model: bool
    once_by_name: bool
    by_region: bool
    options: Mapping[str, Option]

    def line(self, id: str, body: Body, path: str) -> bytes:  # noqa: A002
        """One request of a job: its `body`, which alone would go to `path`."""
        ...

    def upload(self, name: str, lines: Sequence[bytes], given: Mapping[str, str]) -> Call | None:
        """What puts the requests where the job finds them; None where they go along with `create`."""
        ...

    def uploaded(self, reply: Reply) -> str:
        """The name of what was put there."""
        ...

    def create(
        self, name: str, lines: Sequence[bytes], file: str, request: Request, path: str, given: Mapping[str, str]
    ) -> Call:  # fmt: skip
        """What starts the job called `name`; `request` is one of its requests."""
        ...

    def status(self, reply: Reply) -> Status:
        """The job in the reply to `create` or `look`. Unreadable where there is none."""
        ...

    def look(self, id: str) -> Call:  # noqa: A002
        """What asks how the job is."""
        ...

    def cancel(self, id: str) -> Call:  # noqa: A002
        """What stops the job; what is answered by then stays."""
        ...

    def listing(self, more: Mapping[str, str]) -> Call:
        """What asks for the account's jobs, the latest first: a page of them."""
        ...

    def listed(self, reply: Reply) -> tuple[list[Status], Mapping[str, str]]:
        """The jobs on a page, and what asks for the next one; nothing if it is the last."""
        ...

    def places(self, status: Status, more: str) -> Call | None:
        """What asks for the names of the files with the results, or the page `more` of them; None where `status` has them."""
        ...

    def placed(self, reply: Reply, status: Status) -> tuple[Sequence[str], str]:
        """The names in the reply to that, and what asks for the next page; empty if it is the last."""
        ...

    def fetch(self, status: Status) -> Sequence[Call]:
        """What asks for the results of a job that ended."""
        ...

    def outcomes(self, file: BinaryIO) -> Iterator[Outcome | None]:
        """The results in the body of a reply to one of those calls; None for each that makes no sense."""
        ...


# ------------------------------------------------------------------------------- what they have in common


def no_places(status: Status, more: str) -> None:
    """For those that tell in a job itself where its results are."""


def none_placed(reply: Reply, status: Status) -> tuple[Sequence[str], str]:  # noqa: ARG001
    """Never asked: see `no_places`."""
    return status.results, ""


def part(id: str) -> str:  # noqa: A002
    """An id as one part of an address: percent-encoded, so that none that a server gives leads elsewhere."""
    found = quote(id, safe="")
    return found if found.strip(".") else quote(id, safe="").replace(".", "%2E")


def known_id(reply: Reply, value: object) -> str:
    """`value` if it can be the id of a job or file. Unreadable if not."""
    word = as_word(value)
    if not re.fullmatch(r"[\x21-\x7e]{1,1100}", word):
        raise unreadable(reply, "the reply holds no id of a job")
    return word


def seconds(value: object) -> float | None:
    """A time as seconds since 1970, from a number of them or RFC 3339; None where it is none."""
    if (found := count(value)) is not None:
        return float(found)
    text = re.sub(r"\.\d+", "", as_word(value)).replace("Z", "+00:00")  # Python 3.10 reads few fractions
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def lines_of(file: BinaryIO) -> Iterator[Body | None]:
    """The objects of a JSONL file; None for a line that is none. Blank lines are nothing."""
    while line := file.readline(LONGEST_LINE):
        if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
            _skip_line(file)
            yield None
        elif line.strip():
            yield _object(line)


def _skip_line(file: BinaryIO) -> None:
    while (piece := file.readline(1 << 20)) and not piece.endswith(b"\n"):
        pass


def _object(line: bytes) -> Body | None:
    try:
        found: Any = loads(line.decode("utf-8", "replace"))
    except ValueError:
        return None
    return as_object(found) or None


def reply_of(body: object, status: int = 200, request_id: object = None) -> Reply:
    """`body` as the reply that the request alone would have got. ValueError where it cannot be written."""
    headers = {"content-type": "application/json"}
    if found := as_word(request_id):
        headers["x-request-id"] = found
    return Reply(status, dumps(body), headers)


def expired() -> TransportError:
    """The error of a request that its job had no time for; it cost nothing."""
    return TransportError(
        "the provider's job ran out of time before it came to this request",
        phase="deadline",
        hint="The same command asks for it again.",
    )


def cancelled() -> TransportError:
    """The error of a request whose job was cancelled; it cost nothing."""
    return TransportError(
        "the provider's job was cancelled before it came to this request",
        phase="cancelled",
        hint="The same command asks for it again.",
    )


# Codes of failed jobs that say that too much is waiting already: OpenAI's "Batch API" guide, 2026.
_LATER = ("token_limit_exceeded", "rate_limit_exceeded")


def refused(message: str, code: str = "") -> ReplyError:
    """The error of all requests of a job that was refused as a whole."""
    kind = RateLimited if code in _LATER else Rejected
    return kind(
        f"the provider refused the job: {message or code or 'it gave no reason'}",
        status=429 if kind is RateLimited else 400,
        code=code,
    )


def absent(bad_lines: int) -> ReplyError:
    """The error of a request that a job ended without a result for, though it said nothing of stopping early."""
    more = f"; {bad_lines} of their lines cannot be read" if bad_lines else ""
    return Unreadable(
        f"the results of the provider's job hold nothing for this request{more}",
        status=200,
        hint="It may have been paid for. `--retry-errors` asks for it again.",
    )
