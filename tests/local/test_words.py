"""What the engine says when it does not start, with an engine that says it late."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from antiphon.local import child

# llama.cpp's log is written by a thread of its own, a line in several pieces.
ENGINE = """
    import os, threading, time
    from unittest.mock import MagicMock

    CommonParams, llama_flash_attn_type = MagicMock, MagicMock()

    def late():
        for piece in PIECES:
            time.sleep(0.2)
            os.write(2, piece)

    class Server:
        def __init__(self, params):
            threading.Thread(target=late, daemon=True).start()
            raise RuntimeError("Failed to init server")
"""


def said(folder: Path, *pieces: bytes) -> tuple[dict[str, str], bytes]:
    """What the child reports, and what stands on its stderr, when the engine writes these pieces after it failed."""
    code = textwrap.dedent(ENGINE).replace("PIECES", repr(pieces))
    (folder / "xllamacpp.py").write_text(code)
    names = (
        "model",
        "alias",
        "context",
        "threads",
        "prompt_threads",
        "rows",
        "reuse",
        "servers",
        "slots",
        "secret",
    )
    settings = {**dict.fromkeys(names, 1), "path": [str(folder), *sys.path], "parent": os.getpid()}
    with tempfile.TemporaryFile() as stderr:
        done = subprocess.run(
            [sys.executable, child.__file__],
            input=json.dumps(settings).encode() + b"\n",
            stdout=subprocess.PIPE,
            stderr=stderr,
            timeout=60,
        )
        assert done.returncode == 3
        stderr.seek(0)
        return json.loads(done.stdout), stderr.read()


def test_its_last_words_are_waited_for(tmp_path: Path) -> None:
    """The child is not gone before the line that says why is whole."""
    report, printed = said(tmp_path, b"0.00.1 ", b"E load: missing tensor ", b"'blk.7'\n")
    assert report == {"failed": "RuntimeError", "message": "Failed to init server"}
    assert printed == b"0.00.1 E load: missing tensor 'blk.7'\n"


def test_an_engine_that_says_nothing_is_not_waited_for_long(tmp_path: Path) -> None:
    """What is known is reported."""
    report, printed = said(tmp_path)
    assert (report["message"], printed) == ("Failed to init server", b"")
