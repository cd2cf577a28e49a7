"""Any server that speaks one of the common protocols: llama.cpp, vLLM, SGLang, LM Studio, KoboldCpp…

The address is the user's, with its /v1; the key is optional. What such a server does not know it passes over,
so the settings go out under the names that llama.cpp and vLLM give them.
"""

from __future__ import annotations

from dataclasses import replace

from ..dialects import Quirks, Turns, anthropic_messages, openai_chat, openai_responses
from . import Provider, Way

TURNS = Turns(
    # Templates that raise an error where roles do not alternate, and those without a system role. They are known by
    # the model's name alone; a server that hides it answers with its template's error.
    alternating=r".*(gemma|mi[sx]tral|ministral|magistral|devstral|codestral|pixtral)",
    systemless=r".*(gemma-?[12](?![\d.])|codegemma|mi[sx]tral-(8x)?7b-[a-z-]*v0\.[12])",
)

CHAT = Quirks(
    fields={
        "max_tokens": ("max_tokens",),
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "top_k": ("top_k",),
        "min_p": ("min_p",),
        "presence_penalty": ("presence_penalty",),
        "frequency_penalty": ("frequency_penalty",),
        "repeat_penalty": ("repeat_penalty", "repetition_penalty"),  # llama.cpp's name, vLLM's name
        "stop": ("stop",),
        "seed": ("seed",),
        "response_format": ("response_format",),
    },
    # The effort is for servers that know it; the template's switch for models whose template has one (Qwen…).
    reasoning={
        "off": {"reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": False}},
        "low": {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": True}},
        "medium": {"reasoning_effort": "medium", "chat_template_kwargs": {"enable_thinking": True}},
        "high": {"reasoning_effort": "high", "chat_template_kwargs": {"enable_thinking": True}},
    },
    # vLLM's way to have a last message continued; llama.cpp does so anyway, and takes the same fields.
    turns=replace(TURNS, continued={"add_generation_prompt": False, "continue_final_message": True}),
    media=frozenset({"image", "audio", "video", "document"}),
)

PROVIDER = Provider(
    name="compatible",
    title="A compatible server",
    base_path="/v1",
    key="optional",
    default_model="default",  # servers with one model take any name
    ways={
        "openai_chat": Way(openai_chat, CHAT),
        "openai_responses": Way(openai_responses, openai_responses.COMPATIBLE),
        "anthropic_messages": Way(anthropic_messages, anthropic_messages.COMPATIBLE),
    },
    free="here",
)
