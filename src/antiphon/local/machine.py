"""What this machine must have for the embedded engine, checked before it is started."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from functools import cache
from pathlib import Path

from ..errors import RequestError

__all__ = ["backend", "check", "cores", "engine_version"]

INSTALL = "Install the embedded engine with: pip install 'antiphon[local]'"
ELSEWHERE = (
    "Use a hosted provider, or a server on another machine: provider='ollama' or provider='compatible' with "
    "base_url='http://…'."
)
# What the engine's x86-64 wheel was compiled for; anything less ends in an illegal instruction.
X86_FLAGS = ("avx2", "fma", "f16c", "bmi2")


@cache
def engine_version() -> str:
    """The engine's name and version, as "xllamacpp 2026.10.11549". RequestError if it is not installed."""
    try:
        return f"xllamacpp {importlib.metadata.version('xllamacpp')}"
    except importlib.metadata.PackageNotFoundError:
        raise missing_engine(musl=is_musl()) from None


def missing_engine(*, musl: bool) -> RequestError:
    """The error for a machine without the engine, with the way out that there is."""
    what = "the embedded engine (xllamacpp) is not installed"
    if musl:
        return RequestError(
            f"{what}, and it has no build for musl systems such as Alpine Linux",
            field="provider",
            hint=f"Use an image with glibc (Debian, Ubuntu, Fedora …). {ELSEWHERE}",
        )
    return RequestError(what, field="provider", hint=INSTALL)


def is_musl() -> bool:
    """Whether this Linux has another C library than glibc."""
    if sys.platform != "linux":
        return False
    try:
        return not os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return True


@cache
def backend() -> str:
    """What the arithmetic runs on, as "cpu-x86_64-linux": other kernels give other last bits."""
    return f"cpu-{platform.machine().lower()}-{sys.platform}"


def check() -> None:
    """RequestError if the engine cannot run here: not installed, or a processor that it would crash on."""
    engine_version()
    if importlib.util.find_spec("xllamacpp") is None:
        raise missing_engine(musl=is_musl())
    info = Path("/proc/cpuinfo")
    if sys.platform == "linux" and platform.machine().lower() in ("x86_64", "amd64") and info.exists():
        check_flags(info.read_text(errors="replace"))


def check_flags(cpuinfo: str) -> None:
    """RequestError unless this /proc/cpuinfo of an x86-64 machine lists all that the engine was built for."""
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    lacking = [flag.upper() for flag in X86_FLAGS if flag not in flags.split()]
    if flags and lacking:
        raise RequestError(
            f"this processor has no {', '.join(lacking)}, which the embedded engine was built for",
            field="provider",
            hint=f"In a virtual machine, pass the host's processor through. {ELSEWHERE}",
        )


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_error(kind: str, message: str, model: Path, said: str) -> RequestError:
    """Why the engine did not start, from its own report and the last lines it printed."""
    if "libgomp" in message or "libstdc++" in message:
        library = "libgomp1" if "libgomp" in message else "libstdc++6"
        return RequestError(
            f"the embedded engine cannot be loaded: {message}",
            field="provider",
            hint=f"Install the system library: apt-get install {library} (Debian, Ubuntu), "
            f"or {library.rstrip('0123456789')} with your system's package tool.",
        )
    if kind in ("ImportError", "ModuleNotFoundError"):
        return RequestError(
            f"the embedded engine cannot be loaded: {message}", field="provider", hint=INSTALL
        )
    detail = f": {said}" if said else f": {message}"
    return RequestError(
        f"llama.cpp cannot load {model}{detail}",
        field="model",
        hint="Check that the file is whole and that there is memory for it; a newer engine may know the model: "
        "pip install -U xllamacpp.",
    )
