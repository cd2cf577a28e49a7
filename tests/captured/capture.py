"""Ask every captured question again and keep what arrives: `uv run python tests/captured/capture.py`.

Only the requests are written. Replies and outcomes are what must be, so those stay as they are.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from antiphon import Client
from tests.captured import pairs


def main() -> None:
    """Renew the requests in all files, and name those that changed."""
    with tempfile.TemporaryDirectory() as folder, pairs.signed_in(Path(folder)):
        for name in pairs.NAMES:
            _renew(name, Path(folder))


def _renew(name: str, home: Path) -> None:
    document = pairs.load(name)
    with pairs.server(document["provider"]) as running:
        for case in pairs.cases(name):
            client = Client(home)  # a new one, since one waits as long as a 429 has said
            arrived, _ = pairs.asked(case, running, client)
            client.close()
            if arrived != case.request:
                document["cases"][case.name]["request"] = arrived
                sys.stdout.write(f"{name}: {case.name}\n")
    written = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    (pairs.FOLDER / f"{name}.json").write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
