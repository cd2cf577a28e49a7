"""What comes out of the engine."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass
class Said:
    """One answer."""

    text: str
    token_ids: list[int]
    logprobs: Any = None


@dataclasses.dataclass
class RequestOutput:
    """A finished request."""

    outputs: list[Said]
    prompt_token_ids: list[int]
    prompt: str = ""
    metrics: Any = None
    prompt_logprobs: Any = None
    finished: bool = True


class PoolingRequestOutput:
    """Never made."""
