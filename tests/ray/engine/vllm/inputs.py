"""What goes into the engine."""


class TextPrompt(dict):  # type: ignore[type-arg]
    """A prompt as text."""


class TokensPrompt(dict):  # type: ignore[type-arg]
    """A prompt as tokens."""


MultiModalDataDict = dict
