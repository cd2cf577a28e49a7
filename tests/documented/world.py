"""Where the pages' commands are run: a folder with the files that they name, and a server in every provider's place."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import scripted
from ..golden import questions
from ..jobs import batch_servers
from ..workflows import files
from .blocks import ROOT

KEY = "key-of-a-reader-1234"

# Shell functions in place of what a page says about installing. The commands of ours run as they stand.
PRELUDE = """
set -euo pipefail
pip() { [ "$1" = install ]; }
uv() { shift; while [ "${1#-}" != "$1" ]; do shift; [ "$1" != local ] || shift; done; "$@"; }
antiphon() {
    case "$*" in
    "keys set"*) command antiphon "$@" <<<"$READERS_KEY" ;;
    "workflow check"*) command antiphon "$@" </dev/null || [ $? = 8 ] ;; # 8: keys were found
    *"--via provider"*) OPENAI_BASE_URL="$BATCH_URL" command antiphon "$@" </dev/null ;;
    *) command antiphon "$@" </dev/null ;;
    esac
}
"""

ROW = {"object": "model", "type": "model", "display_name": "A model", "created": 1795000000}
LISTED = ("google/gemini-3.1-flash-image", "anthropic/claude-opus-5-5", "gpt-6-luna", "claude-haiku-4-5")


def said(heard: scripted.Heard) -> Any:
    """What the provider of this protocol would answer: words, or the value that a schema asks for."""
    if heard.method == "GET":
        rows = [{**ROW, "id": name, "name": name} for name in LISTED]
        return {"object": "list", "data": rows, "has_more": False, "models": []}
    asked, path = heard.body, heard.path.partition("?")[0]
    text = '{"name": "Mog", "lives": 9}' if "lives" in json.dumps(asked) else "Amber, like honey."
    ways = {
        "/chat/completions": (questions.chat, questions.chat_streamed),
        "/responses": (questions.response, questions.response_streamed),
        "/messages": (questions.claude, questions.claude_streamed),
        ":generateContent": (questions.gemini, questions.gemini_streamed),
        ":streamGenerateContent": (questions.gemini, questions.gemini_streamed),
        "/api/chat": (questions.ollama, questions.ollama_streamed),
    }
    plain, streamed = next(way for end, way in ways.items() if path.endswith(end))
    streams = "streamGenerateContent" in path or asked.get("stream")
    reply = streamed(text, "") if streams else plain(text, "")
    if "responseModalities" in json.dumps(asked):
        picture = {"inlineData": {"mimeType": "image/png", "data": questions.PICTURE}}
        reply["json"]["candidates"][0]["content"]["parts"].append(picture)
    return reply["json"] if "json" in reply else "".join(reply["events"]).encode()


def furnish(folder: Path) -> None:
    """The files that the pages name."""
    picture = base64.b64decode(questions.PICTURE)
    (folder / "cats").mkdir()
    for name in ("cats/tom.png", "cats/mog.png", "cat.jpg", "a.png", "b.png"):
        (folder / name).write_bytes(picture)
    (folder / "plan.pdf").write_bytes(b"%PDF-1.7 tiny")
    (folder / "in.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n', encoding="utf-8")
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "lives": {"type": "integer"}}}
    (folder / "cat.json").write_text(json.dumps(schema), encoding="utf-8")
    (folder / "flow.json").write_text(json.dumps(files.page_graph("")), encoding="utf-8")
    (folder / "old.png").write_bytes(files.picture())


@contextmanager
def world(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a reader whose providers are all on loopback; `folder` is the current one."""
    furnish(folder)
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    with (
        scripted.serve(said) as server,
        batch_servers.serve("openai") as batches,
    ):
        addresses = {
            "OPENAI_BASE_URL": f"{server.url}/v1",
            "OPENROUTER_BASE_URL": f"{server.url}/v1",
            "ANTHROPIC_BASE_URL": server.url,
            "GOOGLE_GEMINI_BASE_URL": server.url,
            "GROQ_BASE_URL": server.url,
            "OLLAMA_HOST": server.url,
            "BATCH_URL": f"{batches.url}/v1",
        }
        keys = {f"{name}_API_KEY": KEY for name in ("OPENAI", "OPENROUTER", "ANTHROPIC", "GEMINI", "GROQ")}
        yield {
            **kept,
            **addresses,
            **keys,
            "READERS_KEY": KEY,
            "READERS_SERVER": server.url,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "ANTIPHON_HOME": str(folder / "home"),
            "ANTIPHON_MODEL": "echo",  # where a page names no model
            "PYTHONPATH": str(ROOT / "src"),
            "NO_COLOR": "1",
        }


def here(text: str, environment: dict[str, str]) -> str:
    """The text of a block with the server's address in place of the readers' own servers."""
    for theirs in ("http://localhost:8080", "http://box:8000"):
        text = text.replace(theirs, environment["READERS_SERVER"])
    return text.replace("k1:…", "$(antiphon replay list --json | jq -r '.[0].key')")
