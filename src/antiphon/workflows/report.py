"""What was found in a workflow file and what was done about it. A report never holds a key, nor any part of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["Finding", "Kind", "Report"]

# secret: a key. node: one of the original pack's nodes. other: a language model node of another pack. model: a name that
# was or may be renewed. carried: recordings that travel in the file. note: anything else worth knowing.
Kind = Literal["secret", "node", "other", "model", "carried", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found. `where` is the part of the file, `node` and `type` whose it is, `done` what became of it."""

    kind: Kind
    where: str
    what: str
    node: str = ""
    type: str = ""
    done: str = ""

    def as_object(self) -> dict[str, str]:
        """This row as JSON."""
        return {name: getattr(self, name) for name in ("kind", "where", "node", "type", "what", "done")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one file holds. `written` is the copy, where one was made."""

    path: Path
    form: str
    rows: tuple[Finding, ...] = field(default=())
    written: Path | None = None

    @property
    def secrets(self) -> int:
        """How many places hold a key."""
        return sum(row.kind == "secret" for row in self.rows)

    def as_object(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "file": str(self.path),
            "form": self.form,
            "secrets": self.secrets,
            "found": [row.as_object() for row in self.rows],
            "written": None if self.written is None else str(self.written),
        }
