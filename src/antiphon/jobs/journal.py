"""What is known of the jobs at providers: ``jobs.sqlite`` in the home folder. It holds prompts, and no credential.

A job is written down with all its requests before anything is sent, so that whatever happens then, the next run knows
what may have been paid for:

    intended ─ sending ─ submitted ─ ended
       │          └── looked for at the provider: found → submitted, not found → gone
       └── nothing was sent: gone

A request (by its key) is in one job at the most. Its line leaves the journal when its answer is in the replay store.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..call import Reply
from ..errors import AntiphonError
from ..replay.database import Database, Schema
from .failed import remade
from .plan import error_object

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Journal", "Kept", "Line"]

KEEPING = 60 * 86_400.0  # seconds that ended jobs without lines are remembered
# One entry for each version of the schema; user_version counts them. Never change one: add the next.
MIGRATIONS: list[tuple[str, ...]] = [
    (
        """CREATE TABLE jobs (
            name TEXT PRIMARY KEY, provider TEXT, dialect TEXT, base_url TEXT, credential TEXT, model TEXT, state TEXT,
            id TEXT, word TEXT, total INTEGER, done INTEGER, failed INTEGER, found INTEGER, not_ours TEXT, made REAL,
            told REAL)""",
        """CREATE TABLE lines (
            key TEXT PRIMARY KEY, job TEXT, run TEXT, sent BLOB, status INTEGER, headers TEXT, reply BLOB, error TEXT)""",
        "CREATE INDEX lines_of_jobs ON lines (job)",
    ),
]
SCHEMA: Final = Schema("journal of jobs", 0x416E744A, MIGRATIONS)  # "AntJ"
_JOB = (
    "name, provider, dialect, base_url, credential, model, state, id, word, total, done, failed, "
    "found, not_ours, made, told"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A job as the journal has it.

    `state` is intended, sending, submitted or ended (see above); `word` is the provider's own. `found` says that it
    was looked for at the provider and taken for ours, `not_ours` which others were before. `made` and `told` are in
    seconds since 1970: when it was written down or sent, and when its provider was asked last.
    """

    name: str
    provider: str
    dialect: str
    base_url: str | None
    credential: str
    model: str
    state: str = "intended"
    id: str = ""
    word: str = ""
    total: int = 0
    done: int | None = None
    failed: int | None = None
    found: bool = False
    not_ours: tuple[str, ...] = ()
    made: float = 0.0
    told: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a job: what was sent, and its reply or its error when there is one."""

    key: str
    job: str
    run: str
    sent: bytes
    reply: Reply | None
    error: AntiphonError | None


class Journal:
    """The journal in this folder. ReplayError where it cannot be read or written."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / "jobs.sqlite"
        self.clock = clock
        self._database = Database(self.path, SCHEMA)
        with self.writing() as db:
            db.execute(
                "DELETE FROM jobs WHERE state = 'ended' AND told < ? AND name NOT IN (SELECT job FROM lines)",
                (clock() - KEEPING,),
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def writing(self) -> AbstractContextManager[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        return self._database.writing()

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._database.snapshot() as connection:
            return [] if connection is None else connection.execute(query).fetchall()

    # ------------------------------------------------------------------------------------------ jobs

    def jobs(self) -> list[Kept]:
        """All jobs, the latest last."""
        return [_kept(row) for row in self._rows(f"SELECT {_JOB} FROM jobs ORDER BY made, name")]  # noqa: S608

    def job(self, name: str) -> Kept | None:
        """The job of this name of ours, or with this id of the provider's."""
        row = self._database.row(f"SELECT {_JOB} FROM jobs WHERE name = ? OR id = ?", (name, name))  # noqa: S608
        return None if row is None else _kept(row)

    def intend(self, job: Kept, lines: Sequence[tuple[str, bytes]]) -> list[str]:
        """Write down a job with its requests (keys and bodies); the keys that no other process was faster with."""
        with self.writing() as db:
            taken = [
                key
                for key, sent in lines
                if db.execute(
                    "INSERT INTO lines (key, job, sent) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING",
                    (key, job.name, zlib.compress(sent, 1)),
                ).rowcount
            ]
            if taken:
                db.execute(
                    "INSERT INTO jobs (name, provider, dialect, base_url, credential, model, state, id, word,"
                    " total, found, not_ours, made, told) VALUES (?, ?, ?, ?, ?, ?, 'intended', '', '', ?, 0, '[]', ?, 0)",
                    (job.name, job.provider, job.dialect, job.base_url, job.credential, job.model,
                     len(taken), self.clock()),
                )  # fmt: skip
        return taken

    def change(self, name: str, **values: object) -> None:
        """Write down what is now known of a job: columns of `Kept`."""
        if isinstance(values.get("not_ours"), tuple):
            values["not_ours"] = json.dumps(values["not_ours"])
        columns = ", ".join(f"{column} = ?" for column in values)
        with self.writing() as db:
            db.execute(f"UPDATE jobs SET {columns} WHERE name = ?", (*values.values(), name))  # noqa: S608

    def forget(self, name: str) -> None:
        """Nothing of this job was sent: away with it, so that its requests are free again."""
        with self.writing() as db:
            db.execute("DELETE FROM lines WHERE job = ?", (name,))
            db.execute("DELETE FROM jobs WHERE name = ?", (name,))

    def known_ids(self) -> frozenset[str]:
        """The providers' ids of all jobs here."""
        return frozenset(row[0] for row in self._rows("SELECT id FROM jobs WHERE id != ''"))

    # ----------------------------------------------------------------------------------------- lines

    def line(self, key: str) -> Line | None:
        """What is known of this request."""
        row = self._database.row(
            "SELECT key, job, run, sent, status, headers, reply, error FROM lines WHERE key = ?", (key,)
        )
        return None if row is None else _line(row)

    def answer(self, job: str, key: str, reply: Reply, db: sqlite3.Connection) -> bool:
        """Take a reply in; only the first that comes for a request counts."""
        values = (reply.status, json.dumps(dict(reply.headers)), zlib.compress(reply.body, 1), key, job)
        return bool(
            db.execute(
                "UPDATE lines SET status = ?, headers = ?, reply = ? WHERE key = ? AND job = ?"
                " AND reply IS NULL AND error IS NULL",
                values,
            ).rowcount
        )

    def miss(self, job: str, key: str | None, error: AntiphonError, run: str, db: sqlite3.Connection) -> bool:
        """Take an error in for a request, or (without a key) for all requests of the job that have nothing yet."""
        which, values = ("key = ? AND job = ?", (key, job)) if key else ("job = ?", (job,))
        return bool(
            db.execute(
                f"UPDATE lines SET error = ?, run = ? WHERE {which} AND reply IS NULL AND error IS NULL",  # noqa: S608
                (json.dumps(error_object(error)), run, *values),
            ).rowcount
        )

    def fail(self, key: str, error: AntiphonError, run: str) -> None:
        """This request ends with this error, whatever was known of it."""
        with self.writing() as db:
            db.execute(
                "INSERT INTO lines (key, job, run, error) VALUES (?, '', ?, ?) ON CONFLICT (key) DO UPDATE"
                " SET run = excluded.run, error = excluded.error, reply = NULL",
                (key, run, json.dumps(error_object(error))),
            )

    def drop(self, keys: Sequence[str]) -> None:
        """These requests are done with."""
        with self.writing() as db:
            db.executemany("DELETE FROM lines WHERE key = ?", [(key,) for key in keys])


def _kept(row: Sequence[Any]) -> Kept:
    *values, found, not_ours, made, told = row
    known: dict[str, Any] = dict(zip(_JOB.split(", "), values, strict=False))
    others = tuple(json.loads(not_ours))
    return Kept(**known, found=bool(found), not_ours=others, made=made, told=told)


def _line(row: Sequence[Any]) -> Line:
    key, job, run, sent, status, headers, reply, error = row
    said: Mapping[str, str] = json.loads(headers) if headers else {}
    return Line(
        key,
        job or "",
        run or "",
        zlib.decompress(sent) if sent else b"",
        None if reply is None else Reply(status, zlib.decompress(reply), said),
        remade(json.loads(error)) if error else None,
    )
