"""What is measured: every benchmark with its time bound, and every figure of docs/quality.md with what is to be said of it.

`results.json` holds the values, `quality.py` makes the page of both. A figure that is worse than its peer needs a reason
here, or the tests fail.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ALL = "*"  # the reason for every row that has none of its own


@dataclass(frozen=True)
class Bench:
    """A script, what it is given (and for `--quick`, and for `--long`), and after how many seconds it is ended.

    One that is not `usual` runs only when it is named: it takes long, or the quiet of the machine does not matter to it.
    `missing` says what it needs and does not find here.
    """

    script: str
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    bound: float = 120
    usual: bool = True
    missing: Callable[[], str] = str

    def command(self, arguments: tuple[str, ...] | None = None) -> str:
        """What repeats it."""
        given = self.arguments if arguments is None else arguments
        return " ".join(["uv run python", f"benchmarks/{self.script}", *given])


@dataclass(frozen=True)
class Figure:
    """One table of the page. `peer` heads the column beside ours; `reasons` say why a row is worse, by row or for all."""

    section: str
    title: str
    unit: str
    bench: str
    peer: str = ""
    better: Literal["less", "more"] = "less"
    note: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])


def _no_comfyui() -> str:
    path = os.environ.get("COMFYUI_PATH", "")
    return (
        ""
        if path and Path(path, "main.py").exists()
        else "COMFYUI_PATH names no ComfyUI (.ci/comfyui --build)"
    )


def _no_engine() -> str:
    return "" if importlib.util.find_spec("xllamacpp") else "the local extra is not installed"


def _no_valgrind() -> str:
    return "" if shutil.which("valgrind") else "valgrind is not installed"


def _no_chromium() -> str:
    return "" if Path(os.environ.get("CHROMIUM", "/usr/bin/chromium")).exists() else "no Chromium"


def _no_postgres() -> str:
    found = shutil.which("postgres") or any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return "" if found else "no PostgreSQL server"


BENCHES = {
    "clients": Bench(
        "clients.py", ("--rounds", "2"), ("--rounds", "1", "--requests", "20", "--only", "bare aiohttp"), 240
    ),
    "client": Bench("client.py", (), ("--quick",), 150),
    "batch": Bench("batch.py", (), ("--rows", "100", "--repeats", "1"), 90),
    "flat": Bench("batch.py", ("--flat", "50000"), ("--flat", "500"), 90),
    "batch-peers": Bench("batch.py", ("--peers",), bound=900, usual=False),
    "replay": Bench("replay_store.py", ("100000",), ("1000",), 90),
    "replay-million": Bench("replay_store.py", ("1000000",), bound=1200, usual=False),
    "replay-ten-million": Bench("replay_store.py", ("10000000",), bound=3600, usual=False),
    "embedded": Bench("embedded.py", ("--repeats", "2"), ("--repeats", "1"), 240, missing=_no_engine),
    "comfyui": Bench("comfyui.py", (), ("--nodes", "1", "8"), 150, missing=_no_comfyui),
    "history": Bench("history.py", ("20000",), ("1000",), 60),
    "store": Bench("store.py", ("1000",), ("1000",), 60, missing=_no_postgres),
    "page": Bench("page.py", ("--tokens", "1500"), ("--tokens", "100"), 90, missing=_no_chromium),
    "instructions": Bench("instructions.py", bound=900, usual=False, missing=_no_valgrind),
}

ROAD = (
    "The full road does what bare aiohttp does not: a key, a lookup, a lease between processes, checks, and a recording "
    "that is committed before the answer is given out, because an answer that is paid for must not be lost. Against a "
    "provider that takes 500 ms it is 0.1 to 0.2 %."
)
UNRECORDED = (
    "Checks, prices, budgets, and the way to the private loop's thread and back, which keeps ComfyUI's loop out of it; "
    "nothing is recorded here."
)
TOGETHER = (
    "The same cost seen from the other side: the requests share one interpreter, and its CPU bounds them."
)
ONE_CLIENT = "Antiphon is aiohttp and itself."
CLIENT_NOTE = (
    "Each client in a fresh environment and a process of its own, plain as its `pip install` gives it, against stubs on "
    'loopback; ratios within a round. "antiphon, not recorded" is Antiphon without a seed, which is what the others do.'
)


def _clients(title: str, unit: str, note: str = "", **reasons: str) -> Figure:
    said = {
        "bare aiohttp": reasons.get("bare", ROAD),
        "antiphon, not recorded": reasons.get("own", "Recording costs."),
        **({ALL: reasons["all"]} if "all" in reasons else {}),
    }
    return Figure("Clients", title, unit, "clients", "the other", note=note, reasons=said)


FIGURES = {
    "clients.wall": _clients("A request at 0 ms, 0.8 KB, with a 1.1 KB answer", "µs", CLIENT_NOTE),
    "clients.cpu": _clients("… its CPU", "µs"),
    "clients.chunk": _clients(
        "A chunk of a stream, 1,000 in a burst",
        "µs",
        bare="The recording, the fold into one answer, and the way between two threads.",
    ),
    "clients.crowd": _clients("200 requests of 100 ms at once (0.1 at best)", "s", bare=TOGETHER),
    "clients.first": _clients(
        "From a cold start to the first answer",
        "ms",
        bare="Antiphon's own modules, and the store that is opened.",
    ),
    "clients.import": _clients("The import alone; Antiphon's loads a thing when it is used", "ms"),
    "clients.mb": _clients("Memory after the first answer", "MB", bare=ONE_CLIENT),
    "clients.mb-after": _clients(
        "Memory after 1,000 requests", "MB", bare=ONE_CLIENT + " Its cache of the store is in it."
    ),
    "clients.disk": _clients(
        "Installed size, without byte code",
        "MB",
        bare=ONE_CLIENT + " The rest is its command line and its pages.",
        all="rich with pygments, for the command line, are 8 MB, and aiohttp is larger than httpx.",
    ),
    "clients.packages": _clients(
        "Packages installed",
        "",
        bare=ONE_CLIENT + " The rest is its command line: click, rich and platformdirs.",
        all="aiohttp is ten packages, and the command line brings click, rich and platformdirs.",
    ),
    "road.wall": Figure(
        "The road",
        "A request at 0 ms, with orjson",
        "µs",
        "client",
        "the other",
        reasons={
            "bare aiohttp": ROAD,
            "antiphon, no seed": "Recording costs.",
            "antiphon, full road, sync door": "The way through `complete()` skips the caller's loop.",
        },
    ),
    "road.chunk": Figure(
        "The road",
        "A chunk of a stream, 1,000 in a burst, with orjson, unrecorded",
        "µs",
        "client",
        "the other",
    ),
    "road.crowd": Figure(
        "The road",
        "2,000 requests of 100 ms, 256 at a time",
        "s",
        "client",
        "the other",
        reasons={"ideal": TOGETHER, "bare aiohttp": TOGETHER},
    ),
    "road.hit": Figure(
        "The road",
        "A 4 KB request answered from the store, through `complete()`",
        "µs",
        "client",
        "asked at 0 ms",
    ),
    "instructions": Figure(
        "The road",
        "Instructions of a request, which depend little on how busy the machine is",
        "million",
        "instructions",
        "bare aiohttp",
        reasons={"antiphon, no seed": UNRECORDED, ALL: ROAD},
    ),
    "replay.get": Figure(
        "The replay store",
        "A lookup, by the number of recordings",
        "µs",
        "replay",
        "sqlite3's own select, 4,000 rows",
        reasons={
            ALL: "A lookup also unpacks the reply and verifies it against its checksum; sqlite3's select gives bytes."
        },
    ),
    "replay.miss": Figure(
        "The replay store",
        "A lookup that finds nothing",
        "µs",
        "replay",
        "sqlite3's own select, 4,000 rows",
        reasons={ALL: "The tree of a large file has more levels than that of 4,000 rows."},
    ),
    "replay.get-million": Figure(
        "The replay store",
        "A lookup among a million",
        "µs",
        "replay-million",
        "sqlite3's own select, 4,000 rows",
        reasons={ALL: "As above."},
    ),
    "replay.miss-million": Figure(
        "The replay store",
        "A lookup that finds nothing among a million",
        "µs",
        "replay-million",
        "sqlite3's own select, 4,000 rows",
        reasons={ALL: "As above."},
    ),
    "replay.get-ten-million": Figure(
        "The replay store",
        "A lookup among ten million",
        "µs",
        "replay-ten-million",
        "sqlite3's own select, 4,000 rows",
        note="A file of 21 GB, filled with many recordings in a transaction; what is read lies in the system's cache or on the disk.",
        reasons={ALL: "As above, and a file that is as large as the machine's memory."},
    ),
    "replay.miss-ten-million": Figure(
        "The replay store",
        "A lookup that finds nothing among ten million",
        "µs",
        "replay-ten-million",
        "sqlite3's own select, 4,000 rows",
        reasons={ALL: "As above."},
    ),
    "replay.put": Figure(
        "The replay store",
        "A recording, committed",
        "µs",
        "replay",
        "sqlite3's own insert, 1.4 KB",
        reasons={
            ALL: "A recording is packed with zlib and hashed twice, and its transaction is begun and committed; the insert alone is what sqlite3 takes."
        },
    ),
    "store.rate": Figure(
        "The replay store",
        "Calls a second: a file against a PostgreSQL server on loopback",
        "1/s",
        "store",
        "PostgreSQL",
        "more",
        reasons={ALL: "SQLite has one writer, and one interpreter lock feeds all eight threads."},
    ),
    "batch.rate": Figure(
        "Batches",
        "1,000 rows of 100 ms, 64 at a time (ideal 640), with the start of the process",
        "rows/s",
        "batch",
        "the other",
        "more",
        reasons={
            "antiphon, again (replayed)": "It is our own second run, in which nothing is asked.",
            "bare aiohttp, nothing kept": "The import of the client beside aiohttp's, and 0.55 ms of CPU a row against 0.2: the recording.",
            "openai SDK, 100 threads": "It has 100 in flight, of which Antiphon's 64 is the number it was given.",
        },
    ),
    "batch.others": Figure(
        "Batches", "The same against LiteLLM and curator", "rows/s", "batch-peers", "the other", "more"
    ),
    "batch.mb": Figure(
        "Batches",
        "… the most memory",
        "MB",
        "batch",
        "the other",
        reasons={
            "antiphon, again (replayed)": "It is our own second run, in which nothing is asked.",
            "bare aiohttp, nothing kept": ONE_CLIENT,
        },
    ),
    "batch.flat": Figure("Batches", "Rows without a network", "rows/s", "flat", "", "more"),
    "batch.flat-mb": Figure("Batches", "… the most memory", "MB", "flat"),
    "embedded.rate": Figure(
        "The embedded model",
        "SmolLM2 135M on the CPU: the same model, threads and settings",
        "1/s",
        "embedded",
        "llama.cpp's server",
        "more",
    ),
    "comfyui.graph": Figure(
        "In ComfyUI",
        "A graph of completion nodes, from POST /prompt to its end",
        "s",
        "comfyui",
        "the original pack",
        note="The original pack (comfyui-art-venture 1.1.4, its LLM nodes alone) ran in the same run, in a ComfyUI of its own: `AV_ORIGINAL_PATH` names its folder. At most 16 requests are in flight for one provider, so 32 nodes take two rounds.",
        reasons={
            ALL: "At 0 ms the nodes run as tasks beside the loop of ComfyUI, record what they got, and the server of this benchmark takes some ms itself."
        },
    ),
    "comfyui.again": Figure("In ComfyUI", "Requests for the same graph again", "", "comfyui"),
    "comfyui.interrupt": Figure(
        "In ComfyUI",
        "From an interrupt with 8 requests in flight to the end of the prompt",
        "ms",
        "comfyui",
        "the original pack",
        note="The original's: one call of 8 s, which it waits for and pays.",
    ),
    "history.query": Figure("History and pages", "The history of 20,000 recordings", "ms", "history"),
    "page.stream": Figure(
        "History and pages", "Three columns stream at 100 tokens a second in Chromium", "", "page"
    ),
}
