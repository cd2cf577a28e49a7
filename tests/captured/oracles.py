"""The providers' own packages, as second opinion on a captured pair.

Each oracle does two things with a case. `valid` holds the captured body against the package's own types, which know
every field there is. `ask` makes the package a client of our server: it is given the same question, sends its own
request, and reads the reply that is served; the facts come back under the names that the outcome has. What a package
passes over without a word (a stream that is cut short) gives no facts.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import cache
from typing import Any, Protocol

import anthropic
import boto3
import botocore.config
import botocore.session
import httpx
import httpx2
import openai
import openrouter
import pytest
from anthropic.types import Message as TheirMessage
from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)
from botocore.exceptions import ClientError, EventStreamError, ReadTimeoutError, ResponseStreamingError
from botocore.validate import ParamValidator
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter
from urllib3.exceptions import ProtocolError

from ..bedrock_server import KEY_ID, SECRET
from ..dialects.wire import listed
from .pairs import KEY, Case

Facts = dict[str, Any]

# The common name of each provider's finish reasons that the pairs hold, as the providers document them.
FINISH = {
    **dict.fromkeys(("stop", "end_turn", "STOP", "completed"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "MAX_TOKENS"), "length"),
    **dict.fromkeys(("content_filter", "guardrail_intervened", "content_filtered"), "content_filter"),
}


class Oracle(Protocol):
    """A package of a provider's own."""

    def valid(self, case: Case) -> None:
        """Raise where the captured body has what the package does not know."""

    def ask(self, case: Case, url: str) -> Facts:
        """What the package reads when it asks the same at this address."""


def body(case: Case) -> Facts:
    assert case.request is not None
    return case.request["body"]


def typed(kind: Any, given: Facts) -> None:
    """`given` as this typed dictionary: nothing may get lost on the way."""
    assert listed(adapter(kind).validate_python(given)) == given


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Kept, since it takes long to make; and the lists that it reads lazily must not outlive it."""
    return TypeAdapter(kind)


def answer(text: str, finish: str | None, **more: Any) -> Facts:
    """What every completion says, and whatever else this one does."""
    return {"text": text, "finish_reason": FINISH[str(finish)], **{k: v for k, v in more.items() if v}}


def spent(entered: int | None, left: int | None) -> Facts:
    return {"input_tokens": entered, "output_tokens": left}


def failed(status: int, message: str | None = None) -> Facts:
    return {"status": status, **({"message": message} if message else {})}


def told(error: Any) -> str:
    """The message in an error's body, as OpenAI's and Anthropic's packages keep it."""
    return error.get("error", error)["message"]


# -------------------------------------------------------------------------------------------- OpenAI


class Chat:
    """OpenAI's package, chat completions."""

    def valid(self, case: Case) -> None:
        typed(
            CompletionCreateParamsStreaming if case.stream else CompletionCreateParamsNonStreaming, body(case)
        )

    def ask(self, case: Case, url: str) -> Facts:
        with openai.OpenAI(
            api_key=KEY, base_url=url + case.path, max_retries=0, http_client=plain()
        ) as client:
            try:
                made = client.chat.completions.create(**body(case))
                return self._heard(made) if case.stream else self._read(made)
            except openai.APIStatusError as error:
                return failed(error.status_code, told(error.body))
            except openai.APIConnectionError:
                return {}
            except openai.APIError as error:
                return {"message": error.message}

    def _read(self, made: Any) -> Facts:
        [choice] = made.choices
        if choice.message.refusal:
            return {"message": choice.message.refusal}
        used = made.usage
        return answer(
            choice.message.content,
            choice.finish_reason,
            usage=spent(used.prompt_tokens, used.completion_tokens),
            fingerprint=made.system_fingerprint,
            model=made.model,
        )

    def _heard(self, made: Any) -> Facts:
        text, refusal, finish, used = "", "", None, None
        for piece in made:
            used = piece.usage or used
            for choice in piece.choices:
                text += choice.delta.content or ""
                refusal += choice.delta.refusal or ""
                finish = choice.finish_reason or finish
        if refusal:
            return {"message": refusal}
        return answer(
            text, finish, usage=spent(used.prompt_tokens, used.completion_tokens), model=piece.model
        )


class Responses:
    """OpenAI's package, responses."""

    def valid(self, case: Case) -> None:
        typed(ResponseCreateParamsStreaming if case.stream else ResponseCreateParamsNonStreaming, body(case))

    def ask(self, case: Case, url: str) -> Facts:
        with openai.OpenAI(
            api_key=KEY, base_url=url + case.path, max_retries=0, http_client=plain()
        ) as client:
            made = client.responses.create(**body(case))
            if case.stream:
                *pieces, last = made
                made = last.response
                told = "".join(it.delta for it in pieces if it.type == "response.output_text.delta")
                assert told == made.output_text
        thought = "".join(
            part.text for item in made.output if item.type == "reasoning" for part in item.summary
        )
        usage = spent(made.usage.input_tokens, made.usage.output_tokens)
        return answer(made.output_text, made.status, reasoning=thought, usage=usage, model=made.model)


# ---------------------------------------------------------------------------------------- OpenRouter


class OpenRouter:
    """OpenRouter's package."""

    def valid(self, case: Case) -> None:
        known = openrouter.components.ChatRequest.model_validate(body(case))
        assert not known.model_extra
        assert body(case).keys() <= openrouter.components.ChatRequest.model_fields.keys()

    def ask(self, case: Case, url: str) -> Facts:
        with httpx.Client(trust_env=False) as http:
            client = openrouter.OpenRouter(api_key=KEY, server_url=url + case.path, client=http)
            try:
                made = client.chat.send(**body(case), retries=None)
                return self._heard(made) if case.stream else self._read(made)
            except openrouter.errors.OpenRouterError as error:
                if (
                    error.status_code == 200
                ):  # a failure that says success: it is no chat result to the package
                    return {}
                return failed(error.status_code)
            except httpx.TransportError:
                return {}

    def _read(self, made: Any) -> Facts:
        [choice] = made.choices
        said = choice.message
        return answer(
            said.content,
            choice.finish_reason,
            reasoning=said.reasoning,
            usage={
                **spent(int(made.usage.prompt_tokens), int(made.usage.completion_tokens)),
                "cost": made.usage.cost,
            },
            media=[pasted(it.image_url.url) for it in said.images or ()],
            model=made.model,
            request_id=made.id,
        )

    def _heard(self, made: Any) -> Facts:
        text, thought, finish, used, media = "", "", None, None, []
        for piece in made:
            if piece.error:
                return failed(int(piece.error.code), piece.error.message)
            used = piece.usage or used
            for choice in piece.choices:
                text += choice.delta.content or ""
                thought += choice.delta.reasoning or ""
                media += [pasted(it.image_url.url) for it in getattr(choice.delta, "images", None) or ()]
                finish = choice.finish_reason or finish
        if not finish:
            return {}
        usage = {**spent(int(used.prompt_tokens), int(used.completion_tokens)), "cost": used.cost}
        return answer(text, finish, reasoning=thought, usage=usage, media=media)


def pasted(url: str) -> Facts:
    """A data URL as the outcome has it."""
    head, _, data = url.partition(";base64,")
    return {"media_type": head.removeprefix("data:"), "base64": data}


# ----------------------------------------------------------------------------------------- Anthropic

# The package dropped them with API version 2026-10-21; under 2023-06-01 they go out as extra fields.
SAMPLING = ("temperature", "top_p", "top_k")


class Anthropic:
    """Anthropic's package."""

    def valid(self, case: Case) -> None:
        known = {name: value for name, value in body(case).items() if name not in SAMPLING}
        typed(MessageCreateParamsStreaming if case.stream else MessageCreateParamsNonStreaming, known)

    def ask(self, case: Case, url: str) -> Facts:
        client = anthropic.Anthropic(
            api_key=KEY,
            base_url=url,
            max_retries=0,
            default_headers={"anthropic-version": "2023-06-01"},
            http_client=plain(),
        )
        return asked_of_claude(client, body(case), case.stream)


class AnthropicOnBedrock:
    """Anthropic's package for InvokeModel, with signatures of its own."""

    def valid(self, case: Case) -> None:
        typed(MessageCreateParamsNonStreaming, {"model": case.ask["model"], **self._known(case)})

    def ask(self, case: Case, url: str) -> Facts:
        client = anthropic.AnthropicBedrock(
            aws_access_key=KEY_ID,
            aws_secret_key=SECRET,
            aws_region="eu-west-1",
            base_url=url,
            max_retries=0,
            http_client=plain(),
        )
        # Its own version is Anthropic's newest, which Claude on InvokeModel does not take.
        version = {"anthropic_version": body(case)["anthropic_version"]}
        known = {"model": case.ask["model"], **body(case)}
        return asked_of_claude(
            client, {**known, **({"stream": True} if case.stream else {})}, case.stream, version
        )

    def _known(self, case: Case) -> Facts:
        return {k: v for k, v in body(case).items() if k not in (*SAMPLING, "anthropic_version")}


def asked_of_claude(client: Any, given: Facts, stream: bool, extra: Mapping[str, Any] | None = None) -> Facts:
    """Ask for a message with this body, and read it."""
    known = {name: value for name, value in given.items() if name not in (*SAMPLING, *(extra or ()))}
    more = {name: given[name] for name in SAMPLING if name in given} | dict(extra or {})
    with client:
        try:
            made = client.messages.create(**known, extra_body=more)
            if stream:
                made = gathered(made)
        except anthropic.APIStatusError as error:
            # An error in a stream has the stream's status in their eyes.
            message = told(error.body)
            return failed(error.status_code, message) if error.status_code != 200 else {"message": message}
        except (anthropic.APIError, httpx2.TransportError):
            return {}
    if made.stop_reason == "refusal":
        return {"message": made.stop_details.explanation, "reason": made.stop_details.category}
    return answer(
        "".join(block.text for block in made.content if block.type == "text"),
        made.stop_reason,
        reasoning="".join(block.thinking for block in made.content if block.type == "thinking"),
        usage=spent(made.usage.input_tokens, made.usage.output_tokens),
        model=made.model,
    )


def gathered(events: Iterable[Any]) -> TheirMessage:
    """The message that these events of their types add up to."""
    message: Any = None
    for event in events:
        if event.type == "message_start":
            message = event.message
        elif event.type == "content_block_start":
            message.content.append(event.content_block)
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            message.content[event.index].text += event.delta.text
        elif event.type == "content_block_delta" and event.delta.type == "thinking_delta":
            message.content[event.index].thinking += event.delta.thinking
        elif event.type == "message_delta":
            message.stop_reason, message.stop_details = event.delta.stop_reason, event.delta.stop_details
            message.usage.output_tokens = event.usage.output_tokens
    return message


# -------------------------------------------------------------------------------------------- Gemini


class Gemini:
    """Google's package; it needs Python 3.11."""

    def valid(self, case: Case) -> None:
        self._asked(case)

    def _asked(self, case: Case) -> Facts:
        """The arguments that ask for this, in the package's types, which allow no other fields."""
        types = pytest.importorskip("google.genai.types", reason="google-genai needs Python 3.11")
        given = dict(body(case))
        contents = [types.Content.model_validate(found) for found in given.pop("contents")]
        config = {**given.pop("generationConfig", {}), **given}
        return {
            "model": case.ask["model"],
            "contents": contents,
            "config": types.GenerateContentConfig.model_validate(config) if config else None,
        }

    def ask(self, case: Case, url: str) -> Facts:
        given = self._asked(case)
        from google import genai
        from google.genai import errors, types

        with plain() as http:
            options = types.HttpOptions(api_version="v1beta", base_url=url, httpx_client=http)
            client = genai.Client(api_key=KEY, enterprise=False, http_options=options)
            try:
                if case.stream:
                    pieces = list(client.models.generate_content_stream(**given))
                else:
                    pieces = [client.models.generate_content(**given)]
            except errors.APIError as error:
                return failed(error.code, error.message)
            except httpx2.TransportError:
                return {}
            finally:
                client.close()
        return self._read(pieces)

    def _read(self, pieces: list[Any]) -> Facts:
        blocked = pieces[0].prompt_feedback
        if blocked and blocked.block_reason:
            return {"reason": blocked.block_reason.value}
        candidates = [candidate for piece in pieces for candidate in piece.candidates]
        parts = [part for it in candidates if it.content for part in it.content.parts or ()]
        finish, used = candidates[-1].finish_reason.value, pieces[-1].usage_metadata
        if finish == "SAFETY":
            return {"reason": finish}
        left = (used.candidates_token_count or 0) + (used.thoughts_token_count or 0)
        return answer(
            "".join(part.text or "" for part in parts if not part.thought),
            finish,
            reasoning="".join(part.text or "" for part in parts if part.thought),
            usage=spent(used.prompt_token_count, left),
            media=[sent(it.inline_data.mime_type, it.inline_data.data) for it in parts if it.inline_data],
            model=pieces[-1].model_version,
            request_id=pieces[-1].response_id,
        )


def sent(media_type: str, data: bytes) -> Facts:
    return {"media_type": media_type, "base64": base64.b64encode(data).decode()}


# --------------------------------------------------------------------------------------- AWS Bedrock

MODEL = botocore.session.Session().get_service_model("bedrock-runtime")


def theirs(url: str) -> Any:
    """boto3's client of our server, with the same keys."""
    return boto3.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=botocore.config.Config(retries={"total_max_attempts": 1}, proxies={}),
    )


# urllib3's own error gets through botocore when a stream of events breaks off.
BROKEN = (ResponseStreamingError, ReadTimeoutError, ProtocolError)


class Converse:
    """AWS's package, and its model of the service."""

    def valid(self, case: Case) -> None:
        shape = MODEL.operation_model("ConverseStream" if case.stream else "Converse").input_shape
        report = ParamValidator().validate(self._asked(case), shape)
        assert not report.has_errors(), report.generate_report()

    def _asked(self, case: Case) -> Facts:
        return {"modelId": case.ask["model"], **native(body(case))}

    def ask(self, case: Case, url: str) -> Facts:
        with closing(theirs(url)) as client:
            try:
                if not case.stream:
                    return self._read(client.converse(**self._asked(case)))
                with closing(client.converse_stream(**self._asked(case))["stream"]) as events:
                    return self._read(self._gathered(events))
            except EventStreamError as error:
                return {"message": error.response["Error"]["Message"]}
            except ClientError as error:
                told = error.response
                return {
                    **failed(told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Message"]),
                    "code": told["Error"]["Code"],
                }
            except BROKEN:
                return {}

    def _gathered(self, events: Iterable[Any]) -> Facts:
        """The whole answer that these events add up to."""
        blocks: dict[int, Facts] = {}
        made: Facts = {}
        for event in events:
            [(name, told)] = event.items()
            if name == "contentBlockDelta":
                block = blocks.setdefault(told["contentBlockIndex"], {"text": "", "thought": ""})
                block["text"] += told["delta"].get("text", "")
                block["thought"] += told["delta"].get("reasoningContent", {}).get("text", "")
            elif name in ("messageStop", "metadata"):
                made |= told
        content = [
            {"text": it["text"]}
            if it["text"]
            else {"reasoningContent": {"reasoningText": {"text": it["thought"]}}}
            for it in blocks.values()
        ]
        return {**made, "output": {"message": {"content": content}}}

    def _read(self, made: Facts) -> Facts:
        content = made["output"]["message"]["content"]
        if not content:
            return {"reason": made["stopReason"]}
        thoughts = [
            it["reasoningContent"]["reasoningText"]["text"] for it in content if "reasoningContent" in it
        ]
        used = made["usage"]
        return answer(
            "".join(it.get("text", "") for it in content),
            made["stopReason"],
            reasoning="".join(thoughts),
            usage=spent(used["inputTokens"], used["outputTokens"]),
        )


def native(value: Any) -> Any:
    """A body as boto3 wants it: bytes where the wire has base64."""
    if isinstance(value, list):
        return [native(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(item) if name == "bytes" and isinstance(item, str) else native(item)
        for name, item in value.items()
    }


class Invoke:
    """AWS's package carrying Mistral's prompt format, of which it knows nothing: its frames, paths and errors count."""

    def valid(self, case: Case) -> None:
        shape = MODEL.operation_model("InvokeModel").input_shape
        report = ParamValidator().validate(
            {"modelId": case.ask["model"], "body": json.dumps(body(case))}, shape
        )
        assert not report.has_errors(), report.generate_report()

    def ask(self, case: Case, url: str) -> Facts:
        assert case.request is not None
        given = {
            "modelId": case.ask["model"],
            "body": json.dumps(body(case)),
            "contentType": "application/json",
        }
        with closing(theirs(url)) as client:
            if not case.stream:
                with closing(client.invoke_model(**given)["body"]) as found:
                    [output] = json.loads(found.read())["outputs"]
                return answer(output["text"], output["stop_reason"])
            try:
                with closing(client.invoke_model_with_response_stream(**given)["body"]) as events:
                    outputs = [json.loads(event["chunk"]["bytes"])["outputs"][0] for event in events]
            except EventStreamError as error:
                return {"message": error.response["Error"]["Message"]}
        return answer("".join(it["text"] for it in outputs), outputs[-1]["stop_reason"])


def plain() -> httpx2.Client:
    """An HTTP client that no proxy of the environment gets in the way of."""
    return httpx2.Client(trust_env=False)


ORACLES: Mapping[tuple[str, str], Oracle] = {
    ("openai", "openai_chat"): Chat(),
    ("openai", "openai_responses"): Responses(),
    ("openrouter", "openai_chat"): OpenRouter(),
    ("anthropic", "anthropic_messages"): Anthropic(),
    ("gemini", "gemini_content"): Gemini(),
    ("bedrock", "bedrock_converse"): Converse(),
    ("bedrock", "bedrock_invoke_claude"): AnthropicOnBedrock(),
    ("bedrock", "bedrock_invoke_mistral"): Invoke(),
}
"""Who is asked about a case, by provider and dialect."""


def of(case: Case) -> Oracle:
    """The second opinion on this case."""
    return ORACLES[case.provider, case.dialect]
