"""Conversations on disk: plain JSON, one file each, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

from ..errors import AntiphonError, RequestError
from ..request import Media, Message

__all__ = ["Conversation", "Conversations"]

VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(slots=True)
class Conversation:
    """Messages without the system prompt, and the settings they are asked with."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    messages: list[Message] = field(default_factory=list[Message])
    updated: str = ""


class Conversations:
    """The folder of kept conversations. A name is a file's name, so it is letters, digits, dots, _ and -."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new(self) -> Conversation:
        """An empty conversation named after the moment; nothing is written yet."""
        stem = name = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
        number = 1
        while self._path(name).exists():
            number += 1
            name = f"{stem}-{number}"
        return Conversation(name)

    def load(self, name: str) -> Conversation:
        """The conversation of this name, or the latest for "last". RequestError if there is none such."""
        if name == "last":
            latest = max(self, key=lambda found: found.updated, default=None)
            if latest is None:
                raise RequestError("no conversation is kept yet", hint="Begin one with `antiphon chat`.")
            return latest
        path = self._path(name)
        try:
            return _read(path)
        except FileNotFoundError:
            raise RequestError(
                f"no conversation is called {name!r}", hint="`antiphon chat --list` shows those there are."
            ) from None

    def save(self, conversation: Conversation) -> None:
        """Write it, replacing what was there under its name."""
        conversation.updated = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        document = {
            "version": VERSION,
            "updated": conversation.updated,
            "settings": conversation.settings,
            "messages": [_as_object(message) for message in conversation.messages],
        }
        path = self._path(conversation.name)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, json.dumps(document, ensure_ascii=False, indent=1))
        except OSError as error:
            raise RequestError(
                f"cannot keep the conversation in {path}: {error.strerror or error}",
                hint="Make the folder writable, or point ANTIPHON_HOME at one that is.",
            ) from error

    def rename(self, conversation: Conversation, name: str) -> None:
        """Keep it under another name. RequestError if that one is taken."""
        new, old = self._path(name), self._path(conversation.name)
        if new.exists():
            raise RequestError(f"there is a conversation called {name!r} already")
        conversation.name = name
        self.save(conversation)
        old.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Conversation]:
        for path in sorted(self.folder.glob("*.json")):
            with suppress(AntiphonError):  # one broken file must not hide the others; load() reports it
                yield _read(path)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or name == "last":
            raise RequestError(f"a conversation's name is letters, digits, dots, _ and -, not {name!r}")
        return self.folder / f"{name}.json"


def _read(path: Path) -> Conversation:
    try:
        document = json.loads(path.read_bytes())
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']!r}, and this Antiphon reads {VERSION}")
        messages = [_message(row) for row in document["messages"]]
        return Conversation(path.stem, dict(document["settings"]), messages, str(document["updated"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{path} is no conversation: {type(error).__name__}: {error}") from None


def _write(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".conversation-")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _as_object(message: Message) -> dict[str, Any]:
    parts = [part if isinstance(part, str) else _medium(part) for part in message.parts]
    return {"role": message.role, "parts": parts}


def _medium(medium: Media) -> dict[str, Any]:
    place = medium.url if medium.url is not None else medium.data_url
    return {"kind": medium.kind, "media_type": medium.media_type, "name": medium.name, "url": place}


def _message(row: dict[str, Any]) -> Message:
    return Message(row["role"], *(part if isinstance(part, str) else _media(part) for part in row["parts"]))


def _media(row: dict[str, Any]) -> Media:
    url = cast("str", row["url"])
    if url.startswith("data:"):
        data = Media.from_data_url(url).data
        return Media(row["kind"], row["media_type"], data=data, name=row["name"])
    return Media(row["kind"], row["media_type"], url=url, name=row["name"])
