"""Trying a key: a provider is asked for its models with it. Nothing is generated, nothing is paid for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from .errors import AntiphonError

if TYPE_CHECKING:
    from .client import Client, Settings

__all__ = ["Trial", "tried"]

NO_KEY = "antiphon-asks-without-a-key"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: how many `models` were listed, and whether that is `proven` to be owed to the key."""

    provider: str
    models: int
    proven: bool

    @property
    def told(self) -> str:
        """That in words."""
        listed = f"{self.provider} lists {self.models} model{'s' if self.models != 1 else ''}"
        anybody = ", to anybody: the first question shows whether the key is good"
        return listed if self.proven else listed + anybody


async def tried(client: Client, provider: str, settings: Settings) -> Trial:
    """Ask for the models with the key that `settings` name, which goes to its own hosts only.

    Some providers tell anybody, so they are asked once more with a key that is none. Raises what asking raises.
    """
    found = await client.alisting(provider, **settings)
    others = cast("Settings", {name: value for name, value in settings.items() if name != "credential"})
    try:
        await client.alisting(provider, **{**others, "api_key": NO_KEY})
    except AntiphonError:
        return Trial(provider, len(found.models), proven=True)
    return Trial(provider, len(found.models), proven=False)
