"""The ComfyUI pack. The only part of Antiphon that imports ComfyUI, torch, numpy or Pillow.

ComfyUI calls `comfy_entrypoint` of the module in its custom_nodes folder: the repository's own ``__init__.py``
when it is cloned there, or a file of two lines that imports it from here when Antiphon is installed with pip.
Nothing else happens at import.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]

WEB_DIRECTORY = str(Path(__file__).with_name("web"))  # the help pages of the nodes, and one script


async def comfy_entrypoint() -> Any:
    """The extension that ComfyUI asks for its nodes."""
    from .extension import extension

    return extension()
