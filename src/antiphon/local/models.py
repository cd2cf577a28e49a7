"""Which model: the bundled one, one of a short list, one that was pulled, or any GGUF by path."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import RequestError
from .facts import folder

__all__ = [
    "BUNDLED",
    "CATALOGUE",
    "CATALOGUE_DATE",
    "Listed",
    "LocalModel",
    "installed",
    "look_in",
    "remove",
    "resolve",
]

BUNDLED = "smollm2-135m-instruct"

# Sent in every request unless it says otherwise, so that no answer hangs on an engine's defaults. The numbers
# are llama.cpp's own of 2026-10; changing one changes answers, so it must change RECIPE in settings.py too.
SAMPLING: Mapping[str, float | int] = {
    "temperature": 0.8,
    "top_k": 40,
    "top_p": 0.95,
    "min_p": 0.05,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
# The model card of SmolLM2 asks for temperature 0.2 and top_p 0.9; so small a model loops without a penalty.
SMOL_SAMPLING = {**SAMPLING, "temperature": 0.2, "top_p": 0.9, "repeat_penalty": 1.1}


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the catalogue. `size` is the download in GB, `ram` what it takes to run in GB, both about."""

    name: str
    source: str
    size: float
    ram: float
    context: int
    licence: str


# What is good at its size, as of this date. Sums are not listed: they come from the hub when a file is pulled.
CATALOGUE_DATE = "2026-11"
CATALOGUE: tuple[Listed, ...] = (
    Listed("qwen3-0.6b", "hf:Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf", 0.64, 1.6, 40960, "Apache-2.0"),
    Listed("llama-3.2-1b", "hf:bartowski/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q4_K_M.gguf", 0.81, 1.5, 131072, "Llama 3.2 Community"),
    Listed("gemma-3-1b", "hf:ggml-org/gemma-3-1b-it-GGUF/gemma-3-1b-it-Q4_K_M.gguf", 0.81, 1.4, 32768, "Gemma Terms"),
    Listed("lfm2-1.2b", "hf:LiquidAI/LFM2-1.2B-GGUF/LFM2-1.2B-Q4_K_M.gguf", 0.73, 1.3, 128000, "LFM Open License 1.0"),
    Listed("qwen3-1.7b", "hf:Qwen/Qwen3-1.7B-GGUF/Qwen3-1.7B-Q8_0.gguf", 1.83, 3.0, 40960, "Apache-2.0"),
    Listed("smollm3-3b", "hf:ggml-org/SmolLM3-3B-GGUF/SmolLM3-Q4_K_M.gguf", 1.92, 3.0, 65536, "Apache-2.0"),
    Listed("llama-3.2-3b", "hf:bartowski/Llama-3.2-3B-Instruct-GGUF/Llama-3.2-3B-Instruct-Q4_K_M.gguf", 2.02, 3.4, 131072, "Llama 3.2 Community"),
    Listed("gemma-3-4b", "hf:ggml-org/gemma-3-4b-it-GGUF/gemma-3-4b-it-Q4_K_M.gguf", 2.49, 4.0, 131072, "Gemma Terms"),
    Listed("qwen3-4b", "hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf", 2.50, 4.2, 40960, "Apache-2.0"),
    Listed("qwen3-8b", "hf:Qwen/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf", 5.03, 7.0, 40960, "Apache-2.0"),
)  # fmt: skip
_BY_NAME = {listed.name: listed for listed in CATALOGUE}


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model file on this machine, the name it goes by, and the sampling it gets when a request says nothing.

    `sha256` is the sum that the file must have, where one is pinned.
    """

    name: str
    path: Path
    sampling: Mapping[str, float | int] = field(default_factory=lambda: SAMPLING)
    sha256: str | None = None


def resolve(name: str = "") -> LocalModel:
    """The model of this name: "" or the bundled one's, a listed one, "hf:owner/repo/file.gguf", or a path.

    Only looks; the file is read by `facts.learn`. RequestError says what there is and how to get it.
    """
    if name in ("", BUNDLED):
        return _bundled()
    if name in _BY_NAME or name.startswith("hf:"):
        return _pulled(name)
    if name.endswith(".gguf") or "/" in name or "\\" in name:
        return LocalModel(name, _path(name))
    raise RequestError(
        f"unknown local model {name!r}; there are {', '.join((BUNDLED, *_BY_NAME))}",
        field="model",
        hint="Any GGUF works too: by its path, or as hf:owner/repo/file.gguf once pulled.",
    )


_folders: list[Path] = []


def look_in(*folders: str | Path) -> None:
    """Look for relative paths in these folders too: a program with a place for models names them as it shows them.

    So the name that a request, and its key, holds is the same wherever that place is.
    """
    _folders[:] = [Path(folder) for folder in folders]


def _path(name: str) -> Path:
    given = Path(name).expanduser()
    places = (given, *(folder / given for folder in _folders))
    return next((place for place in places if place.is_file()), given).absolute()


@cache
def _bundled() -> LocalModel:
    if importlib.util.find_spec("antiphon_smollm2") is None:
        raise RequestError(
            "the embedded model (antiphon-smollm2) is not installed",
            field="model",
            hint="Install engine and model with: pip install 'antiphon[local]'",
        )
    data: Any = importlib.import_module("antiphon_smollm2")
    return LocalModel(BUNDLED, data.path(), SMOL_SAMPLING, data.SHA256)


def _pulled(name: str) -> LocalModel:
    path = place(name)
    if not path.is_file():
        raise RequestError(
            f"the model {name} is not on this machine yet",
            field="model",
            hint=f"Fetch it with: antiphon models pull {name}",
        )
    return LocalModel(name, path)


def source(name: str) -> tuple[str, str]:
    """Repository and file of a listed name or of "hf:owner/repo/file.gguf". RequestError for anything else."""
    spec = _BY_NAME[name].source if name in _BY_NAME else name
    parts = spec.removeprefix("hf:").split("/")
    good = spec.startswith("hf:") and len(parts) >= 3 and all(part.strip(". ") for part in parts)
    if not good or not spec.endswith(".gguf") or "\\" in spec:
        raise RequestError(
            f"cannot pull {name!r}: listed are {', '.join(_BY_NAME)}",
            field="model",
            hint="Or name one file of a repository: hf:owner/repo/file.gguf",
        )
    return "/".join(parts[:2]), "/".join(parts[2:])


def place(name: str) -> Path:
    """Where a pulled model stands."""
    repository, file = source(name)
    return folder().joinpath(*repository.split("/"), *file.split("/"))


def installed() -> list[LocalModel]:
    """The models on this machine that go by a name: the bundled one and those that were pulled."""
    found = [_bundled()] if importlib.util.find_spec("antiphon_smollm2") else []
    listed = {place(row.name): row.name for row in CATALOGUE}
    for path in sorted(folder().glob("*/*/**/*.gguf")):
        spec = "hf:" + path.relative_to(folder()).as_posix()
        found.append(LocalModel(listed.get(path, spec), path))
    return found


def remove(name: str) -> Path:
    """Delete a pulled model; gives the path it had. RequestError if it is not here, or came in a package."""
    if name in ("", BUNDLED):
        raise RequestError(
            "the embedded model belongs to an installed package",
            field="model",
            hint="Remove it with: pip uninstall antiphon-smollm2",
        )
    path = place(name)
    try:
        path.unlink()
    except FileNotFoundError:
        raise RequestError(f"the model {name} is not on this machine", field="model") from None
    return path
