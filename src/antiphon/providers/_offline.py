"""A model that is run in place of asking its server: what an engine is given for a request, and its answer as a reply.

The reply is the one that the engine's own server would give to the same request, as far as what the engine says goes,
so that it is decoded and recorded in the same way and under the same key.

Source: Ray 2.60.0, `ray.data.llm` and the stages behind it, read and run in November 2026. vLLM itself was not there:
the names in `SAMPLING` and their defaults are those of its SamplingParams.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..call import Reply
from ..dialects._common import dumps
from ..errors import RequestError

__all__ = ["VLLM", "Engine"]

# What SamplingParams takes, with its defaults: all rows must have the same columns. No limit means: until the context
# is full, as the server has it.
SAMPLING: Mapping[str, Any] = {
    "max_tokens": None,
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "repetition_penalty": 1.0,
    "stop": None,
    "seed": None,
}
OTHER = ("model", "messages", "response_format", "stream")
BATCH = 32  # rows that go to the engine together; several such batches are in it at a time


@dataclass(frozen=True, slots=True)
class Engine:
    """How a model is run without its server.

    `processor` is the name of the configuration's class in ray.data.llm. `dialect` is the one whose bodies and
    replies it stands for. `row` makes a body into what the engine takes (RequestError for what it does not take),
    `reply` what came out, with the model and the limit of tokens, into a reply. `config` gives the arguments of the
    configuration for a model and a number of GPUs.
    """

    processor: str
    dialect: str
    row: Callable[[Mapping[str, Any]], dict[str, Any]]
    reply: Callable[[Mapping[str, Any], str, int | None], Reply]
    config: Callable[[str, int], dict[str, Any]]


def _row(body: Mapping[str, Any]) -> dict[str, Any]:
    """Messages and sampling parameters. All is plain: it goes to other machines as a table."""
    unknown = sorted(body.keys() - SAMPLING.keys() - {*OTHER, "max_completion_tokens"})
    if unknown:
        raise RequestError(
            f"a model that is run on GPUs here takes no {unknown[0]!r}",
            field=unknown[0],
            hint="Leave it out, or ask the model's server (leave --gpus out).",
        )
    given = {name: body[name] for name in SAMPLING if body.get(name) is not None}
    if body.get("max_completion_tokens") is not None:
        given["max_tokens"] = body["max_completion_tokens"]
    if isinstance(given.get("stop"), str):
        given["stop"] = [given["stop"]]
    sampling = {**SAMPLING, **given, "structured_outputs": _structured(body.get("response_format"))}
    return {"messages": [_message(message) for message in body["messages"]], "sampling_params": sampling}


def _message(message: Mapping[str, Any]) -> dict[str, str]:
    content: object = message.get("content")
    if not isinstance(content, str):
        parts = cast("Sequence[Mapping[str, Any]]", content)
        if any(part.get("type") != "text" for part in parts):
            raise RequestError(
                "a model that is run on GPUs here takes text only",
                field="attachments",
                hint="Ask the model's server for media (leave --gpus out).",
            )
        content = "".join(str(part["text"]) for part in parts)
    return {"role": str(message["role"]), "content": content}


def _structured(wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not wanted or wanted.get("type") == "text":
        return None
    schema = wanted.get("json_schema", {}).get("schema", {"type": "object"})
    return {"json": json.dumps(schema)}


def _reply(row: Mapping[str, Any], model: str, most: int | None) -> Reply:
    taken, given = int(row["num_input_tokens"]), int(row["num_generated_tokens"])
    document = {
        "object": "chat.completion",
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": row["generated_text"]},
                # The engine's word for it is not handed on; its server would say so too.
                "finish_reason": "length" if most is not None and given >= most else "stop",
            }
        ],
        "usage": {"prompt_tokens": taken, "completion_tokens": given, "total_tokens": taken + given},
    }
    return Reply(200, dumps(document), {"content-type": "application/json"})


def _config(model: str, gpus: int) -> dict[str, Any]:
    return {
        "model_source": model,
        "concurrency": gpus,
        "batch_size": BATCH,
        "should_continue_on_error": True,
        "log_engine_metrics": False,
        # The engine does both itself.
        "tokenize_stage": False,
        "detokenize_stage": False,
    }


VLLM = Engine("vLLMEngineProcessorConfig", "openai_chat", _row, _reply, _config)
