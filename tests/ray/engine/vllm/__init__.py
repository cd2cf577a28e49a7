"""As much of vLLM as Ray's engine stage uses, with an engine that repeats what it is asked, one word a token.

The real stage runs over it: what it takes from rows, and gives to the engine, is checked as far as these classes do.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from . import outputs, sampling_params
from .inputs import TextPrompt

__all__ = ["AsyncEngineArgs", "AsyncLLMEngine", "SamplingParams", "TextPrompt", "outputs", "sampling_params"]


@dataclasses.dataclass
class SamplingParams:
    """The names that vLLM takes; any other is a TypeError."""

    max_tokens: int | None = 16
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    stop: list[str] | None = None
    seed: int | None = None
    structured_outputs: Any = None


class AsyncEngineArgs:
    """What the engine is made with."""

    def __init__(self, **given: Any) -> None:
        self.given = given

    def create_engine_config(self) -> Any:
        return SimpleNamespace(
            scheduler_config=SimpleNamespace(max_num_seqs=4),
            parallel_config=SimpleNamespace(pipeline_parallel_size=1),
        )


class AsyncLLMEngine:
    """Answers with the prompt's words and the sampling parameters; writes down each prompt that it is given."""

    @classmethod
    def from_engine_args(cls, args: AsyncEngineArgs, **_: Any) -> AsyncLLMEngine:
        engine = cls()
        engine.args = args
        return engine

    args: AsyncEngineArgs

    async def generate(
        self, *, request_id: str, prompt: TextPrompt, sampling_params: SamplingParams, lora_request: Any
    ) -> AsyncIterator[outputs.RequestOutput]:
        await asyncio.sleep(0)
        text = prompt["prompt"]
        with Path(os.environ["FAKE_ENGINE_LOG"]).open("a") as log:
            log.write(json.dumps({"prompt": text, **dataclasses.asdict(sampling_params)}) + "\n")
        if "break" in text:
            raise ValueError("out of order")
        words = text.split()[: sampling_params.max_tokens]
        said = outputs.Said(" ".join(words), list(range(len(words))))
        yield outputs.RequestOutput([said], list(range(3)))

    async def do_log_stats(self) -> None:
        """Nothing to log."""
