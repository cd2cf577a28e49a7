"""The eleven AV_* nodes: the class ids, inputs, defaults and outputs of the original pack, so that saved graphs run.

What is different, because it was at fault: errors raise instead of coming back as the answer; the seed is sent, or
held by the replay store; a key goes only to the host that it was typed or stored for; settings that a model refuses
are adapted, with a note; an answer without a picture blocks what hangs on the image output.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker

from . import host, models
from .kinds import API, CONFIG, MESSAGES

# What running needs is imported when a node runs: ComfyUI starts as fast as before.
if TYPE_CHECKING:
    from .sockets import LlmApi, LlmConfig, Messages

__all__ = ["nodes"]

CATEGORY = "ArtVenture/LLM"
MAX_SEED = 0x1FFFFFFFFFFFFF  # the largest whole number that JavaScript keeps exactly
REGIONS = (
    *("us-east-1", "us-west-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1"),
    *("eu-central-1", "eu-west-3", "eu-west-1", "ap-south-3"),
)
PICTURE = "A picture to look at, or a batch of them. In turns of the user only."
RATIOS = ("auto", "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")

Api = io.Custom(API)
Config = io.Custom(CONFIG)
Conversation = io.Custom(MESSAGES)


def _key(name: str) -> io.Input:
    return io.String.Input(
        name,
        multiline=False,
        tooltip="Empty for the key in the environment, credential:NAME for a stored one, or the key itself: it is"
        " moved into the key file and goes to this node's host only.",
    )


def _seed() -> io.Input:
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=MAX_SEED,
        tooltip="The same prompt, settings and seed give the same answer again, without a request.",
    )


# ---------------------------------------------------------------------------------------------- who


class _Api(io.ComfyNode):
    """What the six API nodes share: they make an address and the name of a key into one value."""

    NODE_ID = ""

    @classmethod
    def execute(cls, **inputs: str) -> io.NodeOutput:
        from . import asking
        from .answer import explaining

        with explaining():
            return io.NodeOutput(asking.api(cls.NODE_ID, inputs, host.vault()))


def _api_schema(node_id: str, title: str, *inputs: io.Input, output: str | None = None) -> io.Schema:
    keys = [_key(name) for name in models.APIS[node_id].keys]
    return host.schema(
        node_id=node_id,
        display_name=title,
        category=CATEGORY,
        description=f"{title}: who is asked, and with which key. Keys go to their own host only.",
        inputs=[*keys, *inputs],
        outputs=[Api.Output(display_name=output, tooltip="For the api input of the nodes that ask.")],
    )


def _endpoint(node_id: str) -> io.Input:
    return io.String.Input(
        "endpoint",
        multiline=False,
        default=models.APIS[node_id].endpoint,
        tooltip="The address that is asked. Any server that speaks the same protocol will do, one on your machine too.",
    )


def _version(name: str) -> io.Input:
    return io.Combo.Input("version", options=[name], tooltip="The version of the protocol. There is one.")


class OpenAIApi(_Api):
    """OpenAI, or any server that speaks its protocol."""

    NODE_ID = "AV_OpenAIApi"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _api_schema(cls.NODE_ID, "OpenAI API", _endpoint(cls.NODE_ID))


class OpenRouterApi(_Api):
    """OpenRouter."""

    NODE_ID = "AV_OpenRouterApi"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _api_schema(cls.NODE_ID, "OpenRouter API", _endpoint(cls.NODE_ID))


class ClaudeApi(_Api):
    """Anthropic."""

    NODE_ID = "AV_ClaudeApi"

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = (_endpoint(cls.NODE_ID), _version("2023-06-01"))
        return _api_schema(cls.NODE_ID, "Claude API", *inputs, output="llm_api")


class GeminiApi(_Api):
    """Google Gemini."""

    NODE_ID = "AV_GeminiApi"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _api_schema(cls.NODE_ID, "Gemini API", _endpoint(cls.NODE_ID), output="llm_api")


def _region() -> io.Input:
    return io.Combo.Input(
        "region",
        options=list(REGIONS),
        default=REGIONS[0],
        tooltip="Where the model runs. A key typed above goes to this region only.",
    )


class BedrockClaudeApi(_Api):
    """Claude on Amazon Bedrock."""

    NODE_ID = "AV_AwsBedrockClaudeApi"

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = (_region(), _version("bedrock-2023-05-31"))
        return _api_schema(cls.NODE_ID, "AWS Bedrock Claude API", *inputs, output="llm_api")


class BedrockMistralApi(_Api):
    """Mistral's models on Amazon Bedrock."""

    NODE_ID = "AV_AwsBedrockMistralApi"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _api_schema(cls.NODE_ID, "AWS Bedrock Mistral API", _region(), output="llm_api")


# --------------------------------------------------------------------------------------------- what


def _temperature() -> io.Input:
    return io.Float.Input(
        "temperature",
        default=0.5,
        min=0,
        max=1.0,
        step=0.001,
        tooltip="0 for the likeliest words, 1 for freer ones. Not sent to models that take none.",
    )


def _config_output() -> io.Output:
    return Config.Output(display_name="llm_config", tooltip="For the config input of the nodes that ask.")


class ApiConfig(io.ComfyNode):
    """The model, and the two settings that the original had."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AV_LLMApiConfig",
            display_name="LLM API Config",
            category=CATEGORY,
            description="The model and its settings. What a model does not take is left out, and said in the node.",
            inputs=[
                io.Combo.Input(
                    "model",
                    options=list(models.MODELS),
                    default=models.MODELS[0],
                    tooltip="The models that the original listed. Type any other into custom_model.",
                ),
                io.Int.Input(
                    "max_token",
                    default=1024,
                    min=1,
                    max=102400,
                    tooltip="The most tokens that the answer may have, with the reasoning before it.",
                ),
                _temperature(),
                io.String.Input(
                    "custom_model",
                    default="",
                    optional=True,
                    tooltip="The name of any model, as its provider or server writes it. Wins over the list.",
                ),
            ],
            outputs=[_config_output()],
        )

    @classmethod
    def validate_inputs(cls, model: str) -> bool:  # noqa: ARG003 - naming it lifts ComfyUI's check of the list
        return True

    @classmethod
    def execute(cls, model: str, max_token: int, temperature: float, custom_model: str = "") -> io.NodeOutput:
        from . import asking
        from .answer import explaining

        with explaining():
            return io.NodeOutput(asking.config(custom_model.strip() or model, max_token, temperature))


class NanoBananaConfig(io.ComfyNode):
    """The settings for pictures by gemini-2.5-flash-image."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AV_NanoBananaApiConfig",
            display_name="NanoBanana API Config",
            category=CATEGORY,
            description=f"Pictures by {models.IMAGE_MODEL}.",
            inputs=[
                _temperature(),
                io.Combo.Input(
                    "modalities",
                    options=list(models.MODALITIES),
                    default="image+text",
                    tooltip="What the answer may hold.",
                ),
                io.Combo.Input(
                    "aspect_ratio",
                    options=list(RATIOS),
                    default="auto",
                    tooltip="Width to height of the pictures; with auto the model decides.",
                ),
            ],
            outputs=[_config_output()],
        )

    @classmethod
    def execute(cls, temperature: float, modalities: str, aspect_ratio: str) -> io.NodeOutput:
        from . import asking
        from .answer import explaining

        with explaining():
            return io.NodeOutput(asking.picture_config(temperature, modalities, aspect_ratio))


class LLMMessage(io.ComfyNode):
    """One more turn of a conversation."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        images = ("image", "image_2", "image_3", "image_4")
        return host.schema(
            node_id="AV_LLMMessage",
            display_name="LLM Message",
            category=CATEGORY,
            description="One turn, put behind the messages given. Images can stand in the user's turns.",
            inputs=[
                io.Combo.Input(
                    "role",
                    options=["system", "user", "assistant"],
                    tooltip="Whose words these are: system for instructions, assistant for an answer given before.",
                ),
                io.String.Input("text", multiline=True, tooltip="What is said in this turn."),
                Conversation.Input("messages", optional=True, tooltip="The turns before this one."),
                *(io.Image.Input(name, optional=True, tooltip=PICTURE) for name in images),
            ],
            outputs=[
                Conversation.Output(
                    "messages_out",
                    display_name="messages",
                    tooltip="The turns so far, with this one behind them.",
                )
            ],
        )

    @classmethod
    def execute(
        cls, role: str, text: str, messages: Messages | None = None, **images: object
    ) -> io.NodeOutput:
        from . import asking
        from .answer import explaining

        given = [images[name] for name in sorted(images) if images[name] is not None]
        with explaining():
            return io.NodeOutput(asking.said(role, text, messages, given))


# ---------------------------------------------------------------------------------------------- ask


async def _answer(messages: Messages, api: LlmApi, config: LlmConfig, seed: int) -> io.NodeOutput:
    """The text, and the pictures as one batch; without any, what hangs on the image output does not run."""
    from . import asking
    from .answer import answered, explaining, output
    from .convert import batch
    from .sockets import settings

    with explaining():
        turns = asking.conversation(messages)
        completion = await answered(turns, settings(api, asking.renamed(config, api), seed=seed))
        images, notes = batch(completion.media)
    completion = replace(completion, notes=(*completion.notes, *notes))
    ui = output(completion)
    return io.NodeOutput(completion.text, ExecutionBlocker(None) if images is None else images, ui=ui)


def _answer_schema(node_id: str, title: str, question: io.Input) -> io.Schema:
    return host.schema(
        node_id=node_id,
        display_name=title,
        category=CATEGORY,
        description="Asks, and shows the answer while it comes. Interrupt closes the connection at once.",
        search_aliases=["llm", "chat", "gpt", "claude", "gemini", "prompt"],
        inputs=[
            question,
            Api.Input("api", tooltip="Who is asked: one of the API nodes."),
            Config.Input("config", tooltip="The model and its settings: one of the config nodes."),
            _seed(),
        ],
        outputs=[
            io.String.Output(display_name="text", tooltip="The answer."),
            io.Image.Output(
                display_name="(optional) images",
                tooltip="The pictures of the answer as one batch. Without any, what hangs here does not run.",
            ),
        ],
        has_intermediate_output=True,
    )


class _Answers(io.ComfyNode):
    @classmethod
    def fingerprint_inputs(cls, **_: object) -> str:
        from .answer import begun

        return begun()


class LLMChat(_Answers):
    """The answer to a conversation."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        question = Conversation.Input(
            "messages", tooltip="The conversation: LLM Message nodes, one behind the other."
        )
        return _answer_schema("AV_LLMChat", "LLM Chat", question)

    @classmethod
    async def execute(cls, messages: Messages, api: LlmApi, config: LlmConfig, seed: int) -> io.NodeOutput:
        return await _answer(messages, api, config, seed)


class LLMCompletion(_Answers):
    """The answer to one prompt."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        prompt = io.String.Input("prompt", multiline=True, dynamic_prompts=False, tooltip="What is asked.")
        return _answer_schema("AV_LLMCompletion", "LLM Completion", prompt)

    @classmethod
    async def execute(cls, prompt: str, api: LlmApi, config: LlmConfig, seed: int) -> io.NodeOutput:
        from . import asking
        from .answer import explaining

        with explaining():
            question = asking.said("user", prompt)
        return await _answer(question, api, config, seed)


NODES: tuple[type[io.ComfyNode], ...] = (
    *(OpenAIApi, OpenRouterApi, ClaudeApi, GeminiApi, BedrockClaudeApi, BedrockMistralApi),
    *(ApiConfig, NanoBananaConfig, LLMMessage, LLMChat, LLMCompletion),
)


def nodes() -> list[type[io.ComfyNode]]:
    """The eleven nodes, or none where the original pack has registered them: never some of each."""
    ids = [node.define_schema().node_id for node in NODES]
    return [] if host.registered(*ids) else list(NODES)
