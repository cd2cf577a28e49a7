"""ComfyUI's workflow files and the pictures that hold them: looked through for keys and language model nodes, and cleaned.

Pure files: nothing here needs ComfyUI, and nothing is changed in place.
"""

from __future__ import annotations

from .conversion import Options, check, convert
from .report import Finding, Report

__all__ = ["Finding", "Options", "Report", "check", "convert"]
