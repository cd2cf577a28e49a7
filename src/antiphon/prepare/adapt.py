"""Adapting: a setting that provider or model does not take is translated or left out, and each change is said.

The dialect's own check decides what is taken, so there is no second set of rules: the request is tried, and for
the setting that the error names the nearest value is looked for that is taken, or none at all. What would make it
another question (the messages, the media, `extra`) is never changed: there the error stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from ..dialects import Model
from ..dialects._checks import check
from ..errors import RequestError
from ..providers import LEVELS, Provider, Way, facts
from ..request import Config, Message, Request, Schema

__all__ = ["adapted"]

# Settings whose loss says that the request was written for a model that does not reason.
SAMPLING = frozenset(
    {"temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repeat_penalty"}
)
# A limit in tokens under which a model that reasons may have none left for its answer.
TIGHT = 4096
KEPT = ("model", "extra")
# The other levels, the nearest first.
OTHERS = {"low": ("medium", "high"), "medium": ("high", "low"), "high": ("medium", "low")}


def adapted(request: Request, provider: Provider, way: Way) -> tuple[Request, tuple[str, ...]]:
    """`request` as this model takes it, and one note for each change.

    RequestError where what is wrong is no setting that could be changed.
    """
    trial = Trial(way, facts(provider.name, request.model))
    ready = trial.with_room(trial.restored(trial.accepted(request), request))
    return ready, tuple(_notes(request.config, ready.config, trial.why))


@dataclass(slots=True)
class Trial:
    """One request being adapted: `why` holds, for each setting that was changed, the complaint about it."""

    way: Way
    known: Model
    why: dict[str, str] = field(default_factory=dict[str, str])

    def accepted(self, request: Request) -> Request:
        """`request` with the settings changed that are not taken."""
        tried: set[tuple[str, Any]] = set()
        while (error := self.complaint(request)) is not None:
            name = error.field
            value = request.config.given().get(name)
            if value is None or name in KEPT:
                raise error
            self.why.setdefault(name, error.message)
            tried.add((name, value))
            request = self._remedied(request, name, value, tried)
        return request

    def _remedied(self, request: Request, name: str, value: object, tried: set[tuple[str, Any]]) -> Request:
        """`request` with the first candidate for this setting that is not itself complained about."""
        for candidate in self._candidates(request, name, value):
            if (name, candidate) not in tried:
                changed = _with(request, name, candidate)
                error = self.complaint(changed)
                if error is None or error.field != name:
                    return changed
        return _with(request, name, None)

    def restored(self, request: Request, begun: Request) -> Request:
        """`request` with what was given up for another setting that did not stay either."""
        given = begun.config.given()
        for name in [name for name in given if name in self.why]:
            for value in (given[name], *self._candidates(request, name, given[name])):
                if request.config.given().get(name) == value:
                    break
                error = self.complaint(back := _with(request, name, value))
                if error is None:
                    request = back
                    break
                if error.field == name:
                    self.why[name] = error.message if value == given[name] else self.why[name]
        return request

    def complaint(self, request: Request) -> RequestError | None:
        """What is wrong with `request`, if anything."""
        try:
            check(request, self.way.quirks)
            _check_known(request, self.known)
            self.way.dialect.encode(_without_media(request), self.way.quirks, stream=False)
        except RequestError as error:
            return error
        return None

    def with_room(self, request: Request) -> Request:
        """`request` with little reasoning asked for, where it was written for a model that does none and its limit is tight."""
        config = request.config
        tight = config.max_tokens is not None and config.max_tokens < TIGHT
        lost = SAMPLING & self.why.keys()
        if not (tight and lost and config.reasoning is None and self.known.details.get("reasons")):
            return request
        changed = _with(request, "reasoning", "low")
        if self.complaint(changed) is not None:
            return request
        self.why["reasoning"] = f"reasoning counts toward max_tokens={config.max_tokens} at this model"
        return changed

    # ------------------------------------------------------------------------------- candidates

    def _candidates(self, request: Request, name: str, value: Any) -> Iterator[Any]:
        """What could stand in place of `value`, the nearest first. (Leaving it out comes last, always.)"""
        if name == "reasoning":
            yield from self._reasoning(value, request.config.max_tokens)
        elif name == "stop":
            yield value[: self.way.quirks.stops]
        elif name == "modalities":
            yield tuple(kind for kind in value if kind in (self.known.outputs or ("text",)))
        elif name == "max_tokens" and self.known.max_output:
            yield min(value, self.known.max_output)
        elif name in self.way.quirks.limits:
            low, high = self.way.quirks.limits[name]
            yield min(max(value, low), high)

    def _reasoning(self, value: str | int, limit: int | None) -> Iterator[str | int]:
        if isinstance(value, int):
            yield from self._budget(value, limit)
            level = next((name for name, tokens in LEVELS.items() if value <= tokens), "high")
            yield from (level, *OTHERS[level])
        elif value == "off":
            yield "low"
            yield from self._budget(1, limit)
            yield from OTHERS["low"]
        else:
            yield from self._budget(LEVELS[value], limit)
            yield from OTHERS[value]

    def _budget(self, tokens: int, limit: int | None) -> Iterator[int]:
        """The nearest budget that this model takes, and that leaves half of the limit for the answer."""
        low, high = _budget_range(self.known) or self.way.quirks.limits.get("reasoning", (1, tokens))
        if limit is not None:
            high = min(high, limit // 2)
        if low <= high:
            yield int(min(max(tokens, low), high))


def _budget_range(known: Model) -> tuple[int, int] | None:
    return cast("tuple[int, int] | None", known.details.get("budget"))


def _check_known(request: Request, known: Model) -> None:
    """Limits of the model itself that the table knows. Only adapting goes by them: the table may be old."""
    limit, budget = request.config.max_tokens, request.config.reasoning
    if limit is not None and known.max_output is not None and limit > known.max_output:
        raise RequestError(
            f"{request.model} answers with at most {known.max_output} tokens", field="max_tokens"
        )
    span = _budget_range(known)
    if isinstance(budget, int) and span is not None and not span[0] <= budget <= span[1]:
        raise RequestError(
            f"{request.model} takes budgets from {span[0]} to {span[1]} tokens", field="reasoning"
        )


def _without_media(request: Request) -> Request:
    """The same settings and turns without what is heavy; media are looked at by `check`, and when they are sent."""
    if not request.media:
        return request
    return replace(
        request, messages=tuple(Message(message.role, message.text) for message in request.messages)
    )


def _with(request: Request, name: str, value: Any) -> Request:
    """`request` with this setting changed; None leaves it out."""
    if value is None and name in ("stop", "modalities"):
        value = ()
    return replace(request, config=replace(request.config, **{name: value}))


# ------------------------------------------------------------------------------------------ notes


def _notes(before: Config, after: Config, why: dict[str, str]) -> Iterator[str]:
    then, now = before.given(), after.given()
    for name, reason in why.items():
        if then.get(name) == now.get(name):
            continue
        if name not in then:
            done = f"{name}={_shown(now[name])} was added"
        elif name not in now:
            done = f"{name}={_shown(then[name])} was left out"
        else:
            done = f"{name}={_shown(then[name])} was sent as {_shown(now[name])}"
        yield f"{done}: {reason}" if after.model in reason else f"{done} for {after.model}: {reason}"


def _shown(value: object) -> str:
    if isinstance(value, Schema):
        return "a JSON Schema"
    return f"{value:g}" if isinstance(value, float) else repr(value)
