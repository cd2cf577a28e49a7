"""The pack's own nodes. Their ids, inputs and outputs are a file format: see docs/design/comfyui.md before any change.

New widgets may only be added behind the last one of a node, and new outputs behind the last: saved graphs hold
widget values and links by position.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker

from . import choices, host
from .kinds import API, CONFIG, JSON, MESSAGES

# What running needs is imported when a node runs: ComfyUI starts as fast as before.
if TYPE_CHECKING:
    from ..completion import Completion
    from ..request import Media
    from .answer import Outcome

__all__ = ["nodes"]

CATEGORY = "Antiphon"
MAX_SEED = 0x1FFFFFFFFFFFFF  # the largest whole number that JavaScript keeps exactly
MAX_IMAGES = 16

Api = io.Custom(API)
Config = io.Custom(CONFIG)
Conversation = io.Custom(MESSAGES)
Json = io.Custom(JSON)


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


def _who(names: Sequence[str]) -> list[io.Input]:
    return [
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
    ]


class Provider(io.ComfyNode):
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
            inputs=_who(names),
            outputs=[Api.Output("api_out", display_name="api")],
        )

    @classmethod
    def validate_inputs(cls, provider: str, dialect: str = "") -> bool:  # noqa: ARG003 - naming them lifts the check
        return True

    @classmethod
    def execute(cls, **inputs: Any) -> io.NodeOutput:
        from . import widgets
        from .answer import explaining

        with explaining():
            return io.NodeOutput(widgets.provider(**inputs))


class LocalModel(io.ComfyNode):
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

    @classmethod
    def validate_inputs(cls, model: str) -> bool:  # noqa: ARG003 - naming it lifts ComfyUI's check of the list
        return True

    @classmethod
    def execute(cls, **inputs: Any) -> io.NodeOutput:
        from . import widgets
        from .answer import explaining

        with explaining():
            host.find_models()
            return io.NodeOutput(widgets.local(**inputs))


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


class Settings(io.ComfyNode):
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

    @classmethod
    def validate_inputs(cls, model: str) -> bool:  # noqa: ARG003 - naming it lifts ComfyUI's check of the list
        return True

    @classmethod
    def execute(cls, **inputs: Any) -> io.NodeOutput:
        from . import widgets
        from .answer import explaining

        with explaining():
            return io.NodeOutput(widgets.config(**inputs))


# ----------------------------------------------------------------------------------------------- ask


def _settings(seed: int, inputs: Mapping[str, Any]) -> dict[str, Any]:
    from . import widgets

    how = {name: inputs[name] for name in ("schema", "replay", "timeout") if inputs.get(name) is not None}
    return widgets.asked(inputs.get("api"), inputs.get("config"), seed=seed, **how)


def _unload(inputs: Mapping[str, Any]) -> bool:
    return bool(getattr(inputs.get("api"), "unload", False))


def _fingerprint(inputs: Mapping[str, Any]) -> float | str:
    """Whoever wants no recorded answer wants none of ComfyUI's either: then the node runs each time."""
    # A new one each time: ComfyUI compares keys by identity first, and math.nan is always the same object.
    if inputs.get("replay") in ("refresh", "off"):
        return float("nan")
    from .answer import begun

    return begun()


def _media(inputs: Mapping[str, Any]) -> list[Media]:
    """The media of the question: images in the order of their inputs, then sound, then film."""
    from .convert import from_audio, from_image, from_video

    grown: dict[str, Any] = inputs.get("images") or {}  # one value with Autogrow, else each by its own name
    named = {
        name.removeprefix("images."): image for name, image in inputs.items() if name.startswith("images.")
    }
    found = sorted({**named, **grown}.items(), key=lambda item: (len(item[0]), item[0]))
    images = [image for _, image in found if image is not None]
    media = [medium for image in images for medium in from_image(image)]
    if inputs.get("audio") is not None:
        media += from_audio(inputs["audio"])
    if inputs.get("video") is not None:
        media.append(from_video(inputs["video"]))
    return media


def _json_outputs(completion: Completion, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
    """The JSON and its items. What hangs on them does not run where there is none."""
    from . import widgets

    if not (inputs.get("schema") or "").strip() or completion.parsed is None:
        return ExecutionBlocker(None), ExecutionBlocker(None)
    value = json.loads(
        json.dumps(completion.parsed)
    )  # plain lists and dicts, of which nobody else holds any part
    return value, widgets.items(value) or ExecutionBlocker(None)


class Complete(io.ComfyNode):
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
                "caption",
                "vision",
                "AV_LLMCompletion",
                *choices.providers(),
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

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> float | str:
        return _fingerprint(inputs)

    @classmethod
    async def execute(cls, prompt: str, seed: int, **inputs: Any) -> io.NodeOutput:
        from . import widgets
        from .answer import answered, explaining, info, output
        from .convert import batch

        with explaining():
            turns = widgets.question(
                prompt, before=inputs.get("messages"), system=inputs.get("system") or "", media=_media(inputs)
            )
            completion = await answered(turns, _settings(seed, inputs), unload=_unload(inputs))
            images, notes = batch(completion.media)
        completion = replace(completion, notes=(*completion.notes, *notes))
        value, items = _json_outputs(completion, inputs)
        return io.NodeOutput(
            completion.text,
            ExecutionBlocker(None) if images is None else images,
            completion.reasoning,
            value,
            json.dumps(info(completion), ensure_ascii=False, indent=2),
            items,
            ui=output(completion),
        )


def _rows() -> list[io.Input]:
    """How a list of prompts is read and asked."""
    return [
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
    ]


class PromptList(io.ComfyNode):
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
                *_rows(),
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

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> float | str:
        return _fingerprint(_first(inputs))

    @classmethod
    async def execute(cls, prompts: list[str], **lists: Any) -> io.NodeOutput:
        from . import widgets
        from .answer import NodeFailed, all_answered, explained, explaining

        inputs = _first(lists)
        with explaining():
            texts = widgets.prompts(prompts, one_per_line=bool(inputs.get("one_per_line", True)))
            settings = _settings(inputs["seed"], inputs)
            step = 1 if inputs.get("count_seeds") else 0
            system = inputs.get("system") or ""
            questions = [
                (
                    widgets.question(text, system=system),
                    {**settings, "seed": settings["seed"] + step * number},
                )
                for number, text in enumerate(texts)
            ]
            outcomes = await all_answered(questions, inputs.get("concurrency") or 8, unload=_unload(inputs))
        errors = [explained(outcome.error) if outcome.error else "" for outcome in outcomes]
        failed = [f"prompt {number}: {error}" for number, error in enumerate(errors, 1) if error]
        if failed and (inputs.get("fail_on_error") or len(failed) == len(outcomes)):
            raise NodeFailed("\n".join(failed))
        return _listed(outcomes, errors, failed, inputs)


def _first(lists: Mapping[str, Any]) -> dict[str, Any]:
    """The first of each list: all inputs of a node that takes lists come as lists."""
    return {name: value[0] if isinstance(value, list) and value else value for name, value in lists.items()}


def _listed(
    outcomes: Sequence[Outcome], errors: list[str], failed: list[str], inputs: Mapping[str, Any]
) -> io.NodeOutput:
    from .answer import ended, info
    from .board import kept

    completions = [outcome.completion for outcome in outcomes]
    values = [_json_outputs(found, inputs)[0] if found else ExecutionBlocker(None) for found in completions]
    facts = [
        info(found) if found else {"error": error} for found, error in zip(completions, errors, strict=True)
    ]
    texts = [found.text if found else "" for found in completions]
    replayed = sum(1 for found in completions if found and found.replayed)
    summary = (
        f"— {len(texts) - len(failed)} of {len(texts)} answered · {replayed} replayed, nothing paid for them"
    )
    shown = [f"{number}. {text.strip()}" for number, text in enumerate(texts, 1) if text]
    return io.NodeOutput(
        texts,
        values,
        errors,
        json.dumps(facts, ensure_ascii=False, indent=2),
        ui={
            "text": ("\n".join([*shown, "", summary, *failed]),),
            "antiphon": kept(ended(outcome) for outcome in outcomes),
        },
    )


class Talk(io.ComfyNode):
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

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> float | str:
        return _fingerprint(inputs)

    @classmethod
    async def execute(cls, prompt: str, seed: int, **inputs: Any) -> io.NodeOutput:
        from . import history
        from .answer import answered, explaining, info, output

        with explaining():
            before = history.parsed(inputs.get("history") or "", inputs.get("system") or "")
            turns = history.asked(before, prompt)
            completion = await answered(turns, _settings(seed, inputs), unload=_unload(inputs))
            whole = history.answered(turns, completion)
        return io.NodeOutput(
            completion.text,
            history.written(whole),
            whole,
            json.dumps(info(completion), ensure_ascii=False, indent=2),
            ui=output(completion),
        )


NODES: tuple[type[io.ComfyNode], ...] = (Provider, LocalModel, Settings, Complete, PromptList, Talk)


def nodes() -> list[type[io.ComfyNode]]:
    """The six nodes."""
    return list(NODES)
