"""Make the golden recordings of this release: `uv run python tests/golden/make.py`.

Once for each release, in a folder of its version. A folder that is there is never written again: what a release
recorded is what it recorded. Every question goes down the real road to a server on loopback. Beside the recordings
stands `asked.json`: what was asked, in the words of the public interface, and what came out.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import antiphon
from antiphon import Client
from antiphon.completion import Completion
from tests import bedrock_server
from tests.bedrock_server import Bedrock
from tests.captured import pairs
from tests.golden.questions import Question, questions

HERE = Path(__file__).parent


def main() -> None:
    """Write the folder of this release."""
    folder = HERE / antiphon.__version__
    if folder.exists():
        raise SystemExit(f"{folder.name} has been made, and is never made again")
    with tempfile.TemporaryDirectory() as home:
        made = Path(home, "made")
        made.mkdir()
        with pairs.signed_in(Path(home)):
            _make(made, Path(home))
        made.rename(folder)


def _make(made: Path, home: Path) -> None:
    """Portable files of all recordings; the store itself holds those of our own questions, so that it stays small."""
    rows: list[dict[str, Any]] = []
    stores = {"own": Client(home / "own"), "captured": Client(home / "captured")}
    for question in questions():
        judge = bedrock_server.judge if question.provider == "bedrock" else pairs.anybody
        with bedrock_server.serve(judge) as running:
            rows.append(_asked(stores[question.source], question, running))
    own, all_of_them = stores["own"], stores["captured"]
    own.store.pin(rows[0]["keys"][0])
    own.store.export(home / "file")
    own.close()
    (home / "own" / "replay.sqlite").rename(made / "replay.sqlite")
    all_of_them.store.import_(home / "file")
    for dialect in sorted({row["dialect"] for row in rows}):
        keys = [key for row in rows if row["dialect"] == dialect for key in row["keys"]]
        all_of_them.store.export(made / f"{dialect}.recordings", keys=keys)
    all_of_them.close()
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows)
    (made / "asked.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _asked(client: Client, question: Question, running: Bedrock) -> dict[str, Any]:
    running.says(*(pairs.served(reply) for reply in question.replies))
    ask = {"provider": question.provider, "base_url": running.url + question.path, **question.ask}
    key = {} if question.provider == "bedrock" else {"api_key": pairs.KEY}  # that signs
    settings = {name: value for name, value in ask.items() if name not in ("prompt", "stream")}
    if ask.get("stream"):
        with client.stream(ask["prompt"], **settings, **key, retries=0) as deltas:
            assert "".join(delta.text for delta in deltas) == deltas.completion.text
        completion = deltas.completion
    else:
        completion = client.complete(ask["prompt"], **settings, **key, retries=0)
    assert completion.recorded, completion.notes
    keys = [key for key in (completion.key, completion.repair_key) if key]
    assert len(keys) == len(question.replies) == len(running.seen), question
    replies = [client.store.get(key).reply.body for key in keys]
    return {
        "name": question.name,
        "source": question.source,
        "dialect": question.dialect,
        "ask": ask,
        "keys": keys,
        "replies": [hashlib.sha256(body).hexdigest() for body in replies],
        "answer": answer(completion),
    }


def answer(completion: Completion) -> dict[str, Any]:
    """What must come back for ever: the words, what was thought, the value, the pictures, why it ended."""
    return {
        "text": completion.text,
        "reasoning": completion.reasoning,
        "parsed": completion.parsed,
        "media": [[it.media_type, hashlib.sha256(it.data or b"").hexdigest()] for it in completion.media],
        "finish_reason": completion.finish_reason,
    }


if __name__ == "__main__":
    main()
