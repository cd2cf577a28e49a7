"""The questions of the golden recordings, each with the reply that it is given.

For every dialect, plain and streamed: text, JSON by a schema, a picture in the question, reasoning; a picture in the
answer where a dialect has such. To these come all captured pairs (tests/captured) that end in a completion, and an
answer whose JSON had to be repaired.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from antiphon import providers

from ..captured import pairs

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"  # 1 × 1
)
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}
THOUGHT, WORDS, VALUE = "Dusk is warm; é fits.", "Amber, like honey 🍯.", '{"colour": "red", "count": 1}'

Reply = dict[str, Any]  # as a captured pair has it: json, events or frames, and headers


@dataclass(frozen=True)
class Question:
    """What is asked, of which dialect, and the replies that it is given in turn."""

    name: str
    provider: str
    dialect: str
    path: str  # of the base URL
    ask: dict[str, Any]
    replies: tuple[Reply, ...]
    source: str = "own"  # or "captured"


# --------------------------------------------------------------------- an answer, in each dialect's words


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _sse(documents: Iterable[Any], *, named: bool = False, done: bool = False) -> Reply:
    lines = [
        (f"event: {it['type']}\n" if named else "") + f"data: {json.dumps(it, ensure_ascii=False)}\n\n"
        for it in documents
    ]
    return {"events": [*lines, *(["data: [DONE]\n\n"] if done else [])]}


def chat(text: str, thought: str) -> Reply:
    message = {"role": "assistant", "content": text, **({"reasoning_content": thought} if thought else {})}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 14, "completion_tokens": 6, "total_tokens": 20}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1795000000, "model": "m-1"}
    return {"json": {**head, "choices": [choice], "usage": usage}}


def chat_streamed(text: str, thought: str) -> Reply:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795000000, "model": "m-1"}
    deltas = [{"reasoning_content": it} for it in _halves(thought) if it]
    deltas += [{"content": it} for it in _halves(text)]
    choices = [[{"index": 0, "delta": it, "finish_reason": None}] for it in deltas]
    choices += [[{"index": 0, "delta": {}, "finish_reason": "stop"}], []]
    usage = {"prompt_tokens": 14, "completion_tokens": 6, "total_tokens": 20}
    return _sse(({**head, "choices": it, **({} if it else {"usage": usage})} for it in choices), done=True)


def response(text: str, thought: str) -> Reply:
    summary = [{"type": "summary_text", "text": thought}]
    said = {"type": "output_text", "text": text, "annotations": []}
    message = {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [said],
    }
    output = [{"id": "rs_1", "type": "reasoning", "summary": summary}] if thought else []
    usage = {"input_tokens": 14, "output_tokens": 6, "total_tokens": 20}
    head = {"id": "resp_1", "object": "response", "created_at": 1795000000, "model": "m-1"}
    return {
        "json": {**head, "status": "completed", "error": None, "output": [*output, message], "usage": usage}
    }


def response_streamed(text: str, thought: str) -> Reply:
    whole = response(text, thought)["json"]
    events = [{"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}}]
    at = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    kind = "response.reasoning_summary_text.delta"
    events += [{"type": kind, **at, "delta": it} for it in _halves(thought) if it]
    at = {"item_id": "msg_1", "output_index": len(whole["output"]) - 1, "content_index": 0}
    events += [{"type": "response.output_text.delta", **at, "delta": it} for it in _halves(text)]
    return _sse([*events, {"type": "response.completed", "response": whole}], named=True)


def painted(text: str, thought: str) -> Reply:
    whole = response(text, thought)["json"]
    picture = {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": PICTURE}
    return {"json": {**whole, "output": [picture, *whole["output"]]}}


def painted_streamed(text: str, thought: str) -> Reply:
    whole = painted(text, thought)["json"]
    done = {"type": "response.output_item.done", "output_index": 0, "item": whole["output"][0]}
    at = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    said = [{"type": "response.output_text.delta", **at, "delta": it} for it in _halves(text)]
    return _sse([done, *said, {"type": "response.completed", "response": whole}], named=True)


def claude(text: str, thought: str) -> Reply:
    blocks = [{"type": "thinking", "thinking": thought, "signature": "c2ln"}] if thought else []
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1"}
    usage = {"input_tokens": 14, "output_tokens": 6}
    said = [*blocks, {"type": "text", "text": text}]
    return {
        "json": {**head, "content": said, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
    }


def claude_events(text: str, thought: str) -> list[dict[str, Any]]:
    whole = claude(text, thought)["json"]
    events = [{"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}]
    for index, block in enumerate(whole["content"]):
        kind = block["type"]
        events.append({"type": "content_block_start", "index": index, "content_block": {**block, kind: ""}})
        for half in _halves(block[kind]):
            delta = {"type": f"{kind}_delta", kind: half}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 6}}
    return [*events, end, {"type": "message_stop"}]


def claude_streamed(text: str, thought: str) -> Reply:
    return _sse(claude_events(text, thought), named=True)


def claude_chunks(text: str, thought: str) -> Reply:
    return {"frames": [("chunk", it) for it in claude_events(text, thought)]}


def gemini(text: str, thought: str) -> Reply:
    parts = [*([{"text": thought, "thought": True}] if thought else []), {"text": text}]
    candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, "finishReason": "STOP"}
    usage = {"promptTokenCount": 14, "candidatesTokenCount": 6, "totalTokenCount": 20}
    return {"json": {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m-1"}}


def gemini_streamed(text: str, thought: str) -> Reply:
    parts: list[dict[str, Any]] = [{"text": it, "thought": True} for it in _halves(thought) if it]
    parts += [{"text": it} for it in _halves(text)]
    pieces = [{"candidates": [{"content": {"parts": [it], "role": "model"}, "index": 0}]} for it in parts]
    last = gemini("", "")["json"]
    return _sse([*pieces, {**last, "candidates": [{**last["candidates"][0], "content": {"role": "model"}}]}])


def converse(text: str, thought: str) -> Reply:
    reasoned = {"reasoningContent": {"reasoningText": {"text": thought, "signature": "c2ln"}}}
    message = {"role": "assistant", "content": [*([reasoned] if thought else []), {"text": text}]}
    usage = {"inputTokens": 14, "outputTokens": 6, "totalTokens": 20}
    return {
        "json": {
            "output": {"message": message},
            "stopReason": "end_turn",
            "usage": usage,
            "metrics": {"latencyMs": 5},
        }
    }


def converse_streamed(text: str, thought: str) -> Reply:
    blocks = [[{"reasoningContent": {"text": it}} for it in _halves(thought)]] if thought else []
    blocks.append([{"text": it} for it in _halves(text)])
    frames: list[Any] = [("messageStart", {"role": "assistant"})]
    for index, deltas in enumerate(blocks):
        frames += [("contentBlockDelta", {"contentBlockIndex": index, "delta": it}) for it in deltas]
        frames.append(("contentBlockStop", {"contentBlockIndex": index}))
    usage = {"inputTokens": 14, "outputTokens": 6, "totalTokens": 20}
    last = ("metadata", {"usage": usage, "metrics": {"latencyMs": 5}})
    return {"frames": [*frames, ("messageStop", {"stopReason": "end_turn"}), last]}


def mistral(text: str, thought: str) -> Reply:
    return {"json": {"outputs": [{"text": text, "stop_reason": "stop"}]}}


def mistral_chunks(text: str, thought: str) -> Reply:
    pieces = [(it, None) for it in _halves(text)] + [("", "stop")]
    return {"frames": [("chunk", {"outputs": [{"text": it, "stop_reason": why}]}) for it, why in pieces]}


def ollama(text: str, thought: str) -> Reply:
    message = {"role": "assistant", "content": text, **({"thinking": thought} if thought else {})}
    return {"json": {**OLLAMA, "message": message, **OLLAMA_END}}


def ollama_streamed(text: str, thought: str) -> Reply:
    messages = [{"role": "assistant", "content": "", "thinking": it} for it in _halves(thought) if it]
    messages += [{"role": "assistant", "content": it} for it in _halves(text)]
    lines: list[dict[str, Any]] = [{**OLLAMA, "message": it, "done": False} for it in messages]
    lines.append({**OLLAMA, "message": {"role": "assistant", "content": ""}, **OLLAMA_END})
    events = [json.dumps(line, ensure_ascii=False) + "\n" for line in lines]
    return {"events": events, "headers": {"Content-Type": "application/x-ndjson"}}


OLLAMA = {"model": "m-1", "created_at": "2026-11-22T10:00:00.123456789Z"}
OLLAMA_END = {"done": True, "done_reason": "stop", "prompt_eval_count": 14, "eval_count": 6}


# --------------------------------------------------------------------------------------------- who is asked

Say = Callable[[str, str], Reply]
CLAUDE = "claude-sonnet-4-5@20250929"
PROJECT = "/v1/projects/p/locations/global"
LITTLE = {"reasoning": "low"}
BUDGET = {"reasoning": 1024, "max_tokens": 2048}


@dataclass(frozen=True)
class Asked:
    """How a dialect is asked: of whom, for which model, and how it answers plain and streamed."""

    provider: str
    model: str
    plain: Say
    streamed: Say
    reasoning: Mapping[str, Any] | None  # the settings that ask for it; None where the dialect has none
    path: str = "/v1"
    pictures: bool = True


ASKED = {
    "openai_chat": Asked("compatible", "m", chat, chat_streamed, LITTLE),
    "openai_responses": Asked("compatible", "m", response, response_streamed, LITTLE),
    "anthropic_messages": Asked("compatible", "m", claude, claude_streamed, BUDGET),
    "anthropic_vertex": Asked("vertex", CLAUDE, claude, claude_streamed, BUDGET, PROJECT),
    "gemini_content": Asked("gemini", "gemini-2.5-flash", gemini, gemini_streamed, BUDGET, "/v1beta"),
    "bedrock_converse": Asked(
        "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", converse, converse_streamed, BUDGET, ""
    ),
    "bedrock_invoke_claude": Asked(
        "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", claude, claude_chunks, BUDGET, ""
    ),
    "bedrock_invoke_mistral": Asked(
        "bedrock", "mistral.mistral-7b-instruct-v0:2", mistral, mistral_chunks, None, "", pictures=False
    ),
    "ollama_chat": Asked("ollama", "m", ollama, ollama_streamed, LITTLE, ""),
}


def _own() -> Iterator[Question]:
    """The same questions to each dialect, plain and streamed."""
    picture = {"attachments": [f"data:image/png;base64,{PICTURE}"]}
    for dialect, who in ASKED.items():
        rows: list[tuple[str, dict[str, Any], str, str]] = [
            ("text", {"system": "Sé breve. 🐈", "max_tokens": 64}, WORDS, ""),
            ("schema", {"response_format": SCHEMA}, VALUE, ""),
        ]
        rows += [("picture in", picture, WORDS, "")] if who.pictures else []
        rows += [("reasoning", dict(who.reasoning), WORDS, THOUGHT)] if who.reasoning else []
        for name, ask, text, thought in rows:
            ask = {"dialect": dialect, "model": who.model, "prompt": "Name one colour of dusk.", **ask}
            whole = Question(name, who.provider, dialect, who.path, ask, (who.plain(text, thought),))
            yield whole
            fields = providers.get(who.provider).way(dialect).quirks.fields
            # JSON asked for in words is checked before anybody sees it, so it is asked for in one piece.
            say = who.plain if name == "schema" and "response_format" not in fields else who.streamed
            more = {"name": f"{name}, streamed", "ask": {**ask, "stream": True}}
            yield replace(whole, **more, replies=(say(text, thought),))


def _painted() -> Iterator[Question]:
    ask = {
        "dialect": "openai_responses",
        "model": "gpt-5.5",
        "prompt": "Paint dusk.",
        "modalities": ["text", "image"],
    }
    for name, say in (("picture out", painted), ("picture out, streamed", painted_streamed)):
        more = {"stream": True} if "streamed" in name else {}
        yield Question(name, "openai", "openai_responses", "/v1", {**ask, **more}, (say("Here.", ""),))


def _repaired() -> Iterator[Question]:
    """JSON asked for in words, answered wrongly, and repaired: two recordings, of which the second's key is derived."""
    who = ASKED["bedrock_invoke_mistral"]
    ask = {
        "dialect": "bedrock_invoke_mistral",
        "model": who.model,
        "prompt": "Describe dusk.",
        "response_format": SCHEMA,
    }
    replies = (mistral('{"colour": "red"}', ""), mistral(VALUE, ""))
    yield Question("schema, repaired", "bedrock", "bedrock_invoke_mistral", "", ask, replies)


def _captured() -> Iterator[Question]:
    for name in pairs.NAMES:
        for case in pairs.cases(name):
            if "text" in case.outcome and case.reply is not None:
                title = f"{name}: {case.name}"
                yield Question(
                    title, case.provider, case.dialect, case.path, case.ask, (case.reply,), source="captured"
                )


def questions() -> list[Question]:
    """All of them, each with a seed of its own, so that no two share a key."""
    found = [*_own(), *_painted(), *_repaired(), *_captured()]
    assert {it.dialect for it in found} == {
        way.dialect.name for name in providers.names() for way in providers.get(name).ways.values()
    }
    return [replace(it, ask={**it.ask, "seed": 2**40 + number}) for number, it in enumerate(found)]
