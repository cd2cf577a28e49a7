"""The pack's own nodes. Their ids, inputs and outputs are a file format: see docs/design/comfyui.md before any change.

New widgets may only be added behind the last one of a node, and new outputs behind the last: saved graphs hold
widget values and links by position.
"""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import choices, host
from .kinds import API, CONFIG, JSON, MESSAGES

__all__ = ["nodes"]

CATEGORY = "Antiphon"
MAX_SEED = 0x1FFFFFFFFFFFFF  # the largest whole number that JavaScript keeps exactly
MAX_IMAGES = 16

Api = io.Custom(API)
Config = io.Custom(CONFIG)
Conversation = io.Custom(MESSAGES)
Json = io.Custom(JSON)


class _Node(io.ComfyNode):
    """Not running yet."""

    @classmethod
    def execute(cls, **inputs: Any) -> io.NodeOutput:
        raise NotImplementedError


# ------------------------------------------------------------------------------------------- widgets


def _seed() -> io.Input:
    return host.input(
        io.Int,
        "seed",
        default=0,
        min=0,
        max=MAX_SEED,
        control_after_generate="fixed",
        tooltip="The same question, settings and seed give the same answer again, without a request. 0 is a seed too.",
    )


def _asked() -> list[io.Input]:
    """Who is asked and how: left unconnected, the embedded model answers, without a key."""
    return [
        host.input(
            Api, "api", optional=True, tooltip="Who is asked. Unconnected: the embedded model, without a key."
        ),
        host.input(Config, "config", optional=True, tooltip="Model and settings. Unconnected: the defaults."),
    ]


def _system() -> io.Input:
    return host.input(
        io.String,
        "system",
        default="",
        multiline=True,
        dynamic_prompts=False,
        optional=True,
        tooltip="What the model is told to be, before the question. Empty: nothing.",
    )


def _schema() -> io.Input:
    return host.input(
        io.String,
        "schema",
        default="",
        multiline=True,
        dynamic_prompts=False,
        optional=True,
        advanced=True,
        tooltip="A JSON Schema that the answer must obey, or the word json for any JSON. Empty: text.",
    )


def _delivery() -> list[io.Input]:
    return [
        host.input(
            io.Combo,
            "replay",
            options=list(choices.REPLAY),
            default=choices.REPLAY[0],
            optional=True,
            advanced=True,
            tooltip="auto: recorded answers are not asked for again. refresh: ask again, and record. only: never ask."
            " off: ask, and record nothing.",
        ),
        host.input(
            io.Float,
            "timeout",
            default=0.0,
            min=0.0,
            max=86400.0,
            step=1.0,
            optional=True,
            advanced=True,
            tooltip="Seconds that the answer may take in all. 0: half an hour.",
        ),
    ]


def _ask_schema(node_id: str, title: str, description: str, **given: Any) -> io.Schema:
    return host.schema(
        node_id=node_id,
        display_name=title,
        category=CATEGORY,
        description=description,
        has_intermediate_output=True,
        **given,
    )


# ----------------------------------------------------------------------------------------------- who


class Provider(_Node):
    """Who is asked: any provider, or any server that speaks as one of them does."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = choices.providers()
        return host.schema(
            node_id="AntiphonProvider",
            display_name="Antiphon Provider",
            category=CATEGORY,
            description="Who is asked. Keys are not typed in here: they come from the environment or the key file.",
            search_aliases=["llm api", *names],
            inputs=[
                host.input(io.Combo, "provider", options=list(names), default=choices.first_provider()),
                host.input(
                    io.String,
                    "base_url",
                    default="",
                    optional=True,
                    tooltip="The address of your own server, as http://127.0.0.1:8080/v1. Empty: the provider's own.",
                ),
                host.input(
                    io.String,
                    "credential",
                    default="",
                    optional=True,
                    tooltip="The name of a stored key (never the key). Empty: the provider's own, from the environment or"
                    " the key file.",
                ),
                host.input(
                    io.Combo,
                    "dialect",
                    options=list(choices.dialects()),
                    default=choices.DEFAULT,
                    optional=True,
                    advanced=True,
                    tooltip="The protocol, where the provider speaks several.",
                ),
                host.input(
                    io.String,
                    "extra",
                    default="",
                    multiline=True,
                    dynamic_prompts=False,
                    optional=True,
                    advanced=True,
                    tooltip='Fields that belong to the provider, as JSON, such as {"region": "eu-west-3"}.',
                ),
            ],
            outputs=[Api.Output("api_out", display_name="api")],
        )


class LocalModel(_Node):
    """The embedded engine with one of the models on this machine: no key, no network."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AntiphonLocalModel",
            display_name="Antiphon Local Model",
            category=CATEGORY,
            description="A model on this machine, without a key and without a network. The first one comes with"
            " antiphon[local] and is a proof that all works, not a writer.",
            search_aliases=["gguf", "llama.cpp", "offline llm"],
            inputs=[
                host.input(
                    io.Combo,
                    "model",
                    options=choices.local_models(host.model_files(), live=host.serving()),
                    default=choices.BUNDLED,
                    tooltip="The embedded model, models fetched with `antiphon models pull`, and GGUF files in"
                    " models/LLM.",
                ),
                host.input(
                    io.String,
                    "custom_model",
                    default="",
                    optional=True,
                    advanced=True,
                    tooltip="Wins over the list: the path of a GGUF file, or hf:owner/repo/file.gguf once pulled.",
                ),
                host.input(
                    io.Boolean,
                    "unload_after",
                    default=False,
                    optional=True,
                    tooltip="Give the engine's memory back as soon as the answer is there. The next one loads again.",
                ),
            ],
            outputs=[Api.Output("api_out", display_name="api")],
        )


# ---------------------------------------------------------------------------------------------- what


def _number(
    kind: Any, name: str, low: float, high: float, step: float, tooltip: str, **given: Any
) -> io.Input:
    """A number that may be left out: the widget starts one place below the range, which is not sent."""
    rounded = {"round": 0.001} if kind is io.Float else {}
    return host.input(
        kind,
        name,
        default=low,
        min=low,
        max=high,
        step=step,
        optional=True,
        tooltip=f"{tooltip} {low:g}: not sent.",
        **rounded,
        **given,
    )


def _numbers() -> list[io.Input]:
    real, whole, advanced = io.Float, io.Int, {"advanced": True}
    return [
        _number(
            whole,
            "reasoning_budget",
            0,
            1_000_000,
            1,
            "Tokens for reasoning; wins over the level.",
            **advanced,
        ),
        _number(real, "top_p", 0.0, 1.0, 0.01, "Above 0 to 1.", **advanced),
        _number(whole, "top_k", 0, 1000, 1, "1 or more.", **advanced),
        _number(real, "min_p", -1.0, 1.0, 0.01, "0 to 1.", **advanced),
        _number(real, "presence_penalty", -3.0, 2.0, 0.05, "-2 to 2.", **advanced),
        _number(real, "frequency_penalty", -3.0, 2.0, 0.05, "-2 to 2.", **advanced),
        _number(real, "repeat_penalty", 0.0, 10.0, 0.05, "Above 0 to 10; 1 is off.", **advanced),
    ]


def _texts() -> list[io.Input]:
    text = {"default": "", "optional": True, "advanced": True, "dynamic_prompts": False}
    return [
        host.input(
            io.String,
            "stop",
            multiline=True,
            tooltip="Texts that end the answer, one a line; \\n stands for a line break.",
            **text,
        ),
        host.input(
            io.Combo,
            "modalities",
            options=list(choices.MODALITIES),
            default=choices.DEFAULT,
            optional=True,
            advanced=True,
            tooltip="What the answer may hold.",
        ),
        host.input(
            io.String, "aspect_ratio", tooltip="Of pictures in the answer, as 16:9. Empty: not sent.", **text
        ),
        host.input(
            io.Boolean,
            "adapt",
            default=True,
            optional=True,
            advanced=True,
            tooltip="What a model does not take is left out or translated, with a note. Off: it is an error.",
        ),
        host.input(
            io.String,
            "extra",
            multiline=True,
            tooltip='The provider\'s own fields, as JSON, such as {"service_tier": "flex"}.',
            **text,
        ),
    ]


class Settings(_Node):
    """The model, and every setting there is. What is not set is not sent."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AntiphonConfig",
            display_name="Antiphon Config",
            category=CATEGORY,
            description="The model and its settings. A number below its range is not sent, so the provider decides.",
            search_aliases=["llm config", "temperature", "max tokens"],
            inputs=[
                host.input(
                    io.Combo,
                    "model",
                    options=choices.models(live=host.serving()),
                    default=choices.DEFAULT,
                    tooltip="The model's name at the provider. default: that of the API node, or the provider's own."
                    " `antiphon models PROVIDER` brings a provider's whole list in here.",
                ),
                host.input(
                    io.String,
                    "custom_model",
                    default="",
                    optional=True,
                    tooltip="Wins over the list: any name that the provider knows.",
                ),
                _number(io.Int, "max_tokens", 0, 1_000_000, 1, "Most tokens of the answer."),
                _number(io.Float, "temperature", -1.0, 2.0, 0.05, "0 to 2."),
                host.input(
                    io.Combo,
                    "reasoning",
                    options=list(choices.LEVELS),
                    default=choices.DEFAULT,
                    optional=True,
                    tooltip="How much the model thinks first. default: not sent.",
                ),
                *_numbers(),
                *_texts(),
            ],
            outputs=[Config.Output("config_out", display_name="config")],
        )


# ----------------------------------------------------------------------------------------------- ask


class Complete(_Node):
    """One question, one answer."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _ask_schema(
            "AntiphonComplete",
            "Antiphon Complete",
            "Asks a model, and shows the answer while it comes. With nothing connected the embedded model answers.",
            search_aliases=[
                "llm",
                "chat",
                "gpt",
                "claude",
                "gemini",
                "caption",
                "vision",
                "AV_LLMCompletion",
            ],
            inputs=[
                host.input(io.String, "prompt", default="", multiline=True, dynamic_prompts=False),
                _seed(),
                *_asked(),
                host.input(
                    Conversation,
                    "messages",
                    optional=True,
                    tooltip="Earlier turns; the prompt comes behind them.",
                ),
                *host.images("images", MAX_IMAGES),
                host.input(io.Audio, "audio", optional=True),
                host.input(io.Video, "video", optional=True),
                _system(),
                _schema(),
                *_delivery(),
            ],
            outputs=[
                io.String.Output("text", display_name="text"),
                io.Image.Output("images_out", display_name="images"),
                io.String.Output("reasoning", display_name="reasoning"),
                Json.Output("json", display_name="json"),
                io.String.Output("info", display_name="info"),
                io.String.Output("items", display_name="items", is_output_list=True),
            ],
        )


class PromptList(_Node):
    """Many questions side by side, in order."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _ask_schema(
            "AntiphonPromptList",
            "Antiphon Prompt List",
            "Asks one question for each prompt, several at a time, and keeps their order. A question that fails leaves"
            " an empty text, and says why at errors.",
            search_aliases=["llm batch", "llm list"],
            is_input_list=True,
            inputs=[
                host.input(io.String, "prompts", default="", multiline=True, dynamic_prompts=False),
                _seed(),
                *_asked(),
                _system(),
                host.input(
                    io.Boolean,
                    "one_per_line",
                    default=True,
                    optional=True,
                    tooltip="Every line is a prompt. Off: each text of a list is one, line breaks and all.",
                ),
                host.input(
                    io.Int,
                    "concurrency",
                    default=8,
                    min=1,
                    max=256,
                    optional=True,
                    tooltip="How many are asked at a time.",
                ),
                host.input(
                    io.Boolean,
                    "fail_on_error",
                    default=False,
                    optional=True,
                    tooltip="Stop the graph if one of them fails. What was answered is recorded either way.",
                ),
                host.input(
                    io.Boolean,
                    "count_seeds",
                    default=False,
                    optional=True,
                    advanced=True,
                    tooltip="The second prompt gets seed + 1, and so on: the same prompt twice then has two answers.",
                ),
                _schema(),
                *_delivery(),
            ],
            outputs=[
                io.String.Output("texts", display_name="texts", is_output_list=True),
                Json.Output("json", display_name="json", is_output_list=True),
                io.String.Output("errors", display_name="errors", is_output_list=True),
                io.String.Output("info", display_name="info"),
            ],
        )


class Talk(_Node):
    """One turn of a conversation that is kept as text anyone can read."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _ask_schema(
            "AntiphonConversation",
            "Antiphon Conversation",
            "Goes on with a conversation, which is plain JSON in and out: connect conversation to the next one's"
            " history.",
            search_aliases=["llm chat", "chat history"],
            inputs=[
                host.input(io.String, "prompt", default="", multiline=True, dynamic_prompts=False),
                _seed(),
                *_asked(),
                host.input(
                    io.String,
                    "history",
                    default="",
                    multiline=True,
                    dynamic_prompts=False,
                    optional=True,
                    tooltip='The turns so far: [{"role": "user", "content": "…"}, {"role": "assistant", …}]. Empty: none.',
                ),
                _system(),
                *_delivery(),
            ],
            outputs=[
                io.String.Output("text", display_name="text"),
                io.String.Output("conversation", display_name="conversation"),
                Conversation.Output("messages", display_name="messages"),
                io.String.Output("info", display_name="info"),
            ],
        )


NODES: tuple[type[io.ComfyNode], ...] = (Provider, LocalModel, Settings, Complete, PromptList, Talk)


def nodes() -> list[type[io.ComfyNode]]:
    """The six nodes."""
    return list(NODES)
