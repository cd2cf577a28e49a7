"""As much of transformers as Ray's stages use: a chat template, and a model's configuration."""

from __future__ import annotations

from typing import Any


class PreTrainedTokenizer:
    """Never made."""


class PreTrainedTokenizerFast(PreTrainedTokenizer):
    """Never made."""


class AutoProcessor:
    """Puts a conversation into one text."""

    @classmethod
    def from_pretrained(cls, *_: Any, **__: Any) -> AutoProcessor:
        return cls()

    def apply_chat_template(self, conversation: Any, **_: Any) -> str:
        return "".join(f"<{turn['role']}>{turn['content']}" for turn in conversation) + "<assistant>"


class AutoConfig:
    """No model is here."""

    @classmethod
    def from_pretrained(cls, *_: Any, **__: Any) -> Any:
        raise OSError("no model")
