"""SmolLM2-135M-Instruct (Q4_1 GGUF) as data: where the file is, its sum, its licence. No code besides."""

from __future__ import annotations

from pathlib import Path

__all__ = ["LICENSE", "SHA256", "path"]

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
LICENSE = "Apache-2.0"


def path() -> Path:
    """The GGUF file. It is not opened or checked here."""
    return Path(__file__).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")
