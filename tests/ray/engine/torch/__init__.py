"""As much of torch as Ray's stages import where no tensor is made."""


class Tensor:
    """Never made."""


bfloat16 = float32 = None


class hub:  # noqa: N801
    """Where torch would keep what it fetches."""

    @staticmethod
    def _get_torch_home() -> str:
        import tempfile

        return tempfile.gettempdir() + "/antiphon-fake-torch"
