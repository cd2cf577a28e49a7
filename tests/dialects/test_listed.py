"""What each provider's model listing says becomes the fields of Model; the providers' own packages read the same rows."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import anthropic
import botocore.session
import groq
import mistralai.client.models as mistral
import ollama
import openai
import openrouter
import pytest
from botocore.parsers import create_parser

from antiphon.call import Reply
from antiphon.dialects import (
    Dialect,
    Model,
    anthropic_messages,
    anthropic_vertex,
    bedrock_converse,
    bedrock_invoke_claude,
    bedrock_invoke_mistral,
    gemini_content,
    ollama_chat,
    openai_chat,
    openai_responses,
)
from antiphon.dialects._listed import day
from antiphon.errors import Unreadable

from .wire import whole

# ------------------------------------------------------------------------- rows as the providers write them

OPENAI = {
    "id": "gpt-5",
    "object": "model",
    "created": 1754000000,
    "owned_by": "openai",
    "shutdown_date": "2026-12-11",
}
OPENROUTER = {
    "id": "google/gemini-3.1-flash-image",
    "canonical_slug": "google/gemini-3.1-flash-image",
    "name": "Google: Gemini 3.1 Flash Image",
    "created": 1790000000,
    "context_length": 65536,
    "architecture": {
        "modality": "text+image->text+image",
        "input_modalities": ["text", "image", "file"],
        "output_modalities": ["image", "text"],
        "tokenizer": "Gemini",
        "instruct_type": None,
    },
    "pricing": {"prompt": "0.0000003", "completion": "0.0000025"},
    "top_provider": {"context_length": 65536, "max_completion_tokens": 32768, "is_moderated": False},
    "per_request_limits": None,
    "supported_parameters": ["max_tokens", "temperature", "repetition_penalty", "seed", "response_format", "include_reasoning", "tools", "new_thing"],
    "supported_voices": None,
    "default_parameters": None,
    "reasoning": {"mandatory": True},
    "links": {"details": "/api/v1/models/google/gemini-3.1-flash-image/endpoints"},
    "expiration_date": "2027-03-01",
}  # fmt: skip
YES, NO = {"supported": True}, {"supported": False}
ANTHROPIC: dict[str, Any] = {
    "id": "claude-sonnet-4-5-20250929",
    "type": "model",
    "display_name": "Claude Sonnet 4.5",
    "created_at": "2025-09-29T00:00:00Z",
    "lifecycle": "deprecated",
    "deprecated_at": "2026-06-01T00:00:00Z",
    "retires_at": "2026-11-30T00:00:00Z",
    "max_input_tokens": 200000,
    "max_tokens": 64000,
    "line": "sonnet",
    "capabilities": {
        **dict.fromkeys(("batch", "citations", "code_execution", "image_input", "structured_outputs"), YES),
        "pdf_input": NO,
        "context_management": YES,
        "server_tools": {**YES, "code_execution": YES, "web_search": YES},
        "effort": {"supported": False, "low": NO, "medium": NO, "high": NO, "max": NO, "xhigh": None},
        "thinking": {
            "supported": True,
            "types": {"adaptive": NO, "enabled": YES, "disabled": YES, "between_tools": NO},
        },
    },
}  # fmt: skip
GEMINI = {
    "name": "models/gemini-3.8-flash",
    "displayName": "Gemini 3.8 Flash",
    "inputTokenLimit": 1048576,
    "outputTokenLimit": 65536,
    "supportedGenerationMethods": ["generateContent"],
    "thinking": False,
}
BEDROCK = {
    "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-6-v1:0",
    "modelId": "anthropic.claude-opus-4-6-v1:0",
    "modelName": "Claude Opus 4.6",
    "providerName": "Anthropic",
    "inputModalities": ["TEXT", "IMAGE"],
    "outputModalities": ["TEXT"],
    "responseStreamingSupported": True,
    "modelLifecycle": {"status": "LEGACY", "endOfLifeTime": "2027-02-05T00:00:00Z"},
}
PROFILE = {
    "inferenceProfileName": "US Claude Opus 4.6",
    "models": [
        {"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-6-v1:0"},
        {"modelArn": "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-opus-4-6-v1:0"},
    ],
    "inferenceProfileId": "us.anthropic.claude-opus-4-6-v1:0",
    "status": "ACTIVE",
    "type": "SYSTEM_DEFINED",
}
MISTRAL: dict[str, Any] = {
    "id": "mistral-large-2411",
    "object": "model",
    "created": 1730000000,
    "owned_by": "mistralai",
    "name": "mistral-large-2411",
    "max_context_length": 131072,
    "aliases": [],
    "deprecation": "2026-05-31T12:00:00Z",
    "deprecation_replacement_model": "mistral-large-4",
    "type": "base",
    "capabilities": {"completion_chat": True, "vision": True, "audio": False, "reasoning": False},
}
GROQ = {"id": "openai/gpt-oss-120b", "object": "model", "created": 1754408224, "owned_by": "OpenAI",
        "active": True, "context_window": 131072, "max_completion_tokens": 65536}  # fmt: skip
OLLAMA: dict[str, Any] = {
    "name": "qwen3:8b",
    "model": "qwen3:8b",
    "modified_at": "2026-05-04T00:00:00Z",
    "size": 5,
    "digest": "d1",
    "details": {"format": "gguf", "family": "qwen3", "families": ["qwen3"], "parameter_size": "8.2B", "quantization_level": "Q4_K_M"},
}  # fmt: skip
XAI = {"id": "grok-4.7", "created": 1790000000, "context_length": 1000000, "aliases": ["grok-latest"],
       "capabilities": {"reasoning_effort": ["low", "medium", "high", "xhigh"], "default_reasoning_effort": "high"}}  # fmt: skip
TOGETHER = {"id": "Austism/chronos-hermes-13b", "object": "model", "created": 1692896905, "type": "chat",
            "display_name": "Chronos Hermes (13B)", "organization": "Austism", "context_length": 2048}  # fmt: skip
HUGGINGFACE = {
    "id": "Qwen/Qwen3-4B",
    "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
    "providers": [{"provider": "a", "context_length": 32768}, {"provider": "b"}, {"context_length": 40960}],
}
LLAMACPP = {
    "id": "x.gguf",
    "created": 1790000000,
    "architecture": {"input_modalities": ["text", "audio"], "output_modalities": ["text"]},
    "meta": {"n_ctx": 2048, "n_ctx_train": 8192},
}
AZURE = {"id": "gpt-5-2025-08-07", "deprecation": {"inference": 1796947200}, "lifecycle_status": "deprecated"}

TEXT = frozenset({"text"})
LEVELS = frozenset({"reasoning=low", "reasoning=medium", "reasoning=high"})
ROWS: dict[str, tuple[Dialect, Any, Model]] = {
    "OpenAI": (openai_chat, {"data": [OPENAI]}, Model(name="gpt-5", created=1754000000.0, retires="2026-12-11")),
    "OpenRouter": (
        openai_chat,
        {"data": [OPENROUTER]},
        Model(
            name="google/gemini-3.1-flash-image",
            title="Google: Gemini 3.1 Flash Image",
            context=65536,
            max_output=32768,
            created=1790000000.0,
            inputs=frozenset({"text", "image", "document"}),
            outputs=frozenset({"text", "image"}),
            takes=frozenset({"max_tokens", "temperature", "repeat_penalty", "seed", "response_format", "reasoning", "modalities", "aspect_ratio"}),
            refuses=frozenset({"response_format=schema", "reasoning=off"}),
            retires="2027-03-01",
        ),
    ),
    "Anthropic": (
        anthropic_messages,
        {"data": [ANTHROPIC]},
        Model(
            name="claude-sonnet-4-5-20250929",
            title="Claude Sonnet 4.5",
            context=200000,
            max_output=64000,
            created=1759104000.0,
            inputs=frozenset({"text", "image"}),
            outputs=TEXT,
            refuses=LEVELS | {"document"},
            retires="2026-11-30",
        ),
    ),
    "Gemini": (
        gemini_content,
        {"models": [GEMINI]},
        Model(name="gemini-3.8-flash", title="Gemini 3.8 Flash", context=1048576, max_output=65536, refuses=frozenset({"reasoning"})),
    ),
    "Bedrock": (
        bedrock_converse,
        {"modelSummaries": [BEDROCK]},
        Model(
            name="anthropic.claude-opus-4-6-v1:0",
            title="Claude Opus 4.6",
            inputs=frozenset({"text", "image"}),
            outputs=TEXT,
            retires="2027-02-05",
        ),
    ),
    "Bedrock's profiles": (
        bedrock_converse,
        {"inferenceProfileSummaries": [PROFILE]},
        Model(name="us.anthropic.claude-opus-4-6-v1:0", title="US Claude Opus 4.6", stands_for="anthropic.claude-opus-4-6-v1:0"),
    ),
    "Mistral": (
        openai_chat,
        {"data": [MISTRAL]},
        Model(
            name="mistral-large-2411",
            context=131072,
            created=1730000000.0,
            inputs=frozenset({"text", "image"}),
            outputs=TEXT,
            refuses=frozenset({"reasoning"}),
            retires="2026-05-31",
            replaced_by="mistral-large-4",
        ),
    ),
    "Groq": (openai_chat, {"data": [GROQ]}, Model(name="openai/gpt-oss-120b", context=131072, max_output=65536, created=1754408224.0)),
    "Ollama": (ollama_chat, {"models": [OLLAMA]}, Model(name="qwen3:8b", title="qwen3 8.2B Q4_K_M", created=1777852800.0)),
    "Ollama, with what it can": (
        ollama_chat,
        {"models": [{**OLLAMA, "capabilities": ["completion", "vision"]}]},
        Model(name="qwen3:8b", title="qwen3 8.2B Q4_K_M", created=1777852800.0, inputs=frozenset({"text", "image"}), refuses=LEVELS),
    ),
    "xAI": (
        openai_chat,
        {"data": [XAI]},
        Model(name="grok-4.7", context=1000000, created=1790000000.0, refuses=frozenset({"reasoning=off"})),
    ),
    "xAI, without efforts": (
        openai_chat,
        {"data": [{"id": "grok-build-0.1", "capabilities": {"reasoning_effort": []}}]},
        Model(name="grok-build-0.1", refuses=frozenset({"reasoning"})),
    ),
    "Together, a bare array": (
        openai_chat,
        [TOGETHER],
        Model(name="Austism/chronos-hermes-13b", title="Chronos Hermes (13B)", context=2048, created=1692896905.0, outputs=TEXT),
    ),
    "Hugging Face": (openai_chat, {"data": [HUGGINGFACE]}, Model(name="Qwen/Qwen3-4B", context=40960, inputs=TEXT, outputs=TEXT)),
    "llama.cpp": (
        openai_chat,
        {"data": [LLAMACPP]},
        Model(name="x.gguf", context=2048, created=1790000000.0, inputs=frozenset({"text", "audio"}), outputs=TEXT),
    ),
    "llama.cpp, in the other protocol": (
        anthropic_messages,
        {"data": [LLAMACPP]},
        Model(name="x.gguf", context=2048, created=1790000000.0, inputs=frozenset({"text", "audio"}), outputs=TEXT),
    ),
    "vLLM": (openai_responses, {"data": [{"id": "m", "max_model_len": 4096}]}, Model(name="m", context=4096)),
    "LM Studio": (
        openai_chat,
        {"data": [{"id": "m", "type": "vlm", "max_context_length": 8192}]},
        Model(name="m", context=8192, inputs=frozenset({"text", "image"}), outputs=TEXT),
    ),
    "Azure": (openai_chat, {"data": [AZURE]}, Model(name="gpt-5-2025-08-07", retires="2026-12-11")),
    "Vertex, Claude": (
        anthropic_vertex,
        {"publisherModels": [{"name": "publishers/anthropic/models/claude-sonnet-5"}]},
        Model(name="claude-sonnet-5"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "document", "wanted"), ROWS.values(), ids=ROWS)
def test_rows(dialect: Dialect, document: Any, wanted: Model) -> None:
    """All that a row says is read; what it does not say is None; the row itself is kept."""
    (model,) = dialect.models(whole(document))
    (row,) = document if isinstance(document, list) else next(iter(document.values()))
    assert {**fields(model), "details": row} == {**fields(wanted), "details": row}
    assert model.details == row


def fields(model: Model) -> dict[str, Any]:
    return {name: getattr(model, name) for name in Model.__dataclass_fields__}


def test_their_packages_take_our_rows_for_real_ones() -> None:
    """Types of the official packages accept the rows above and read the same out of them."""
    (ours,) = openai_chat.models(whole({"data": [OPENAI]}))
    assert openai.types.Model.model_validate(OPENAI).shutdown_date == ours.retires
    theirs = openrouter.components.Model.model_validate(OPENROUTER)
    (ours,) = openai_chat.models(whole({"data": [OPENROUTER]}))
    assert (theirs.name, theirs.expiration_date) == (ours.title, ours.retires)
    assert (theirs.top_provider.max_completion_tokens, theirs.context_length) == (
        ours.max_output,
        ours.context,
    )
    claude = anthropic.types.ModelInfo.model_validate(ANTHROPIC)
    (ours,) = anthropic_messages.models(whole({"data": [ANTHROPIC]}))
    assert claude.retires_at is not None
    assert claude.capabilities is not None
    assert (claude.display_name, claude.retires_at.date().isoformat()) == (ours.title, ours.retires)
    assert claude.capabilities.thinking.types.adaptive.supported is False
    card = mistral.BaseModelCard.model_validate(MISTRAL)
    (ours,) = openai_chat.models(whole({"data": [MISTRAL]}))
    assert card.deprecation.date().isoformat() == ours.retires
    assert (card.deprecation_replacement_model, card.max_context_length) == (ours.replaced_by, ours.context)
    assert groq.types.Model.model_validate(GROQ).id == GROQ["id"]
    listed = ollama.ListResponse.model_validate({"models": [OLLAMA]})
    assert listed.models[0].details.parameter_size == "8.2B"


def test_botocore_reads_the_same_day() -> None:
    """AWS's own parser finds the same end of life in the row; and the three dialects list alike."""
    answer = whole({"modelSummaries": [BEDROCK]})
    shape = botocore.session.Session().get_service_model("bedrock").operation_model("ListFoundationModels")
    parsed = create_parser("rest-json").parse(
        {"status_code": 200, "headers": {}, "body": answer.body}, shape.output_shape
    )
    ends = parsed["modelSummaries"][0]["modelLifecycle"]["endOfLifeTime"]
    (ours,) = bedrock_converse.models(answer)
    assert ends.astimezone(timezone.utc).date().isoformat() == ours.retires
    assert bedrock_invoke_claude.models(answer) == bedrock_invoke_mistral.models(answer) == [ours]


def test_where_the_next_page_is() -> None:
    """Each protocol's own word for it; an address is taken for its query only, so that no reply can lead elsewhere."""
    page = {"data": [], "links": {"next": "https://evil.test/else?offset=500&limit=500#x"}}
    assert openai_chat.next_page(whole(page)) == {"offset": "500", "limit": "500"}
    assert openai_responses.next_page(whole(page)) == openai_chat.next_page(whole(page))
    assert (
        openai_chat.next_page(whole([TOGETHER]))
        == openai_chat.next_page(whole({"links": {"next": None}}))
        == {}
    )
    assert anthropic_vertex.next_page(whole({"nextPageToken": "t"})) == {"pageToken": "t"}
    for dialect in (bedrock_converse, bedrock_invoke_claude, bedrock_invoke_mistral):
        assert dialect.next_page(whole({"nextToken": "t", "nextPageToken": "u"})) == {"nextToken": "t"}
        assert dialect.next_page(whole({"modelSummaries": [BEDROCK], "nextToken": None})) == {}
    assert ollama_chat.next_page(whole({"nextToken": "t", "nextPageToken": "t"})) == {}


DIALECTS = {dialect.name: dialect for dialect, _, _ in ROWS.values()}
NONSENSE: list[Any] = [
    None,
    [],
    {},
    "x",
    5,
    -1,
    True,
    [5, None, {"id": 5}],
    {"supported": 5},
    {"a": [{}]},
    1e300,
]


@pytest.mark.parametrize("name", DIALECTS)
def test_rows_of_nonsense(name: str) -> None:
    """A field of the wrong kind is passed over: every field of every row above replaced by nonsense still lists."""
    dialect = DIALECTS[name]
    for _, document, _ in ROWS.values():
        rows = document if isinstance(document, list) else next(iter(document.values()))
        key = "data" if isinstance(document, list) else next(iter(document))
        for field in (
            *rows[0],
            "architecture",
            "capabilities",
            "deprecation",
            "providers",
            "details",
            "links",
        ):
            for odd in NONSENSE:
                answer = whole(
                    {
                        key: [{**rows[0], field: odd}],
                        "links": odd,
                        "nextPageToken": odd,
                        "nextToken": odd,
                        "last_id": odd,
                    }
                )
                assert isinstance(dialect.models(answer), list)
                assert all(isinstance(word, str) for word in dialect.next_page(answer).values())


@pytest.mark.parametrize("raw", [b"[", b"[1", b"", b"{", b"<html>", b"5"])
def test_what_is_no_listing(raw: bytes) -> None:
    """Bytes that are no JSON listing are Unreadable."""
    with pytest.raises(Unreadable):
        openai_chat.models(Reply(200, raw))


@pytest.mark.parametrize(
    ("moment", "wanted"),
    [
        ("2026-12-11", "2026-12-11"),
        ("2026-12-11T23:59:59+09:00", "2026-12-11"),
        (1796947200, "2026-12-11"),
        (datetime(2027, 1, 1, tzinfo=timezone.utc).timestamp(), "2027-01-01"),
        *((odd, None) for odd in ("2026-13-11", "2026-12-1", "20261211", "soon", "", None, True, 0, -5, 1e300, float("nan"), [])),
    ],
)  # fmt: skip
def test_days(moment: Any, wanted: str | None) -> None:
    """A date, a time or seconds become a day; anything else none."""
    assert day(moment) == wanted
