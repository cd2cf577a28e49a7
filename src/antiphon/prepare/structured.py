"""JSON from every provider: natively where it takes a schema, else by an instruction, a check and one repair.

Three pure steps, which the road puts between its calls:

- `instructed` makes of a request that asks for JSON in a way this model does not take one that asks in words;
- `judged` reads and checks an answer: it is done, or has to be repaired, or has failed;
- `Repair.joined` makes one completion of both rounds.

The repair is a request of its own: the first one's messages, the answer, and what is wrong with it. It has a key of
its own, so that a replay finds both rounds. Hence its words must stay as they are: other words are another key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any

from ..call import Timings
from ..completion import Completion, Usage
from ..errors import RequestError, SchemaFailed
from ..providers import Way
from ..request import Config, FrozenDict, Message, Part, Request, ResponseFormat, Schema
from . import json_text, schemas

__all__ = ["NOTE", "Repair", "check_schema", "instructed", "is_native", "judged", "wanted"]

NOTE = "instruction instead of native schema"
"""How the note begins that says an answer was asked for in words."""

_UNCHECKED = ("refusal", "content_filter")


def wanted(request: Request) -> bool:
    """Whether this request asks for JSON."""
    return request.config.response_format not in (None, "text")


def check_schema(request: Request) -> None:
    """RequestError for a schema that is no good. What was found is kept, so that the next look costs nothing."""
    _checker(request)


# --------------------------------------------------------------------------------------- what is sent


def instructed(request: Request, way: Way) -> tuple[Request, tuple[str, ...]]:
    """`request` as this model takes it, and a note where it was changed. RequestError for a schema that is no good.

    Where the answer will have to be checked here, jsonschema must be there: better to learn that before paying.
    """
    if not wanted(request):
        return request, ()
    check = _checker(request)
    if is_native(request, way):
        return request, ()
    schema = isinstance(request.config.response_format, Schema)
    if schema and check is None:
        raise schemas.missing(f"{_who(request)} takes no JSON Schema")
    mode: ResponseFormat | None = "json" if schema and _takes(request, way, "json") else None
    config = replace(request.config, response_format=mode)
    what = "a JSON Schema" if schema else "JSON"
    note = f"{NOTE}: {_who(request)} cannot be held to {what}, so it was told to, and the answer checked here"
    return replace(request, messages=_told(request), config=config), (note,)


def is_native(request: Request, way: Way) -> bool:
    """Whether this model, asked this way, can be held to the format that `request` wants."""
    return _takes(request, way, request.config.response_format)


def _takes(request: Request, way: Way, form: object) -> bool:
    """Whether the dialect would encode this format: it refuses what it, the provider or the model does not take.

    A reasoning that the model does not take would be refused first, and hide what there is to say of the format.
    """
    for reasoning in (request.config.reasoning, None):
        config = Config(model=request.model, reasoning=reasoning, response_format=form)  # pyright: ignore[reportArgumentType]
        try:
            way.dialect.encode(replace(request, messages=(_PROBE,), config=config), way.quirks, stream=False)
        except RequestError as error:
            if error.field == "response_format":
                return False
        else:
            return True
    return True


_PROBE = Message("user", "?")


def _who(request: Request) -> str:
    return request.model or request.provider


def _checker(request: Request) -> schemas.Check | None:
    form = request.config.response_format
    return schemas.checker(form) if isinstance(form, Schema) else None


def _told(request: Request) -> tuple[Message, ...]:
    """The messages with the instruction at the end of the first system prompt."""
    form = request.config.response_format
    instruction = "Answer with one JSON value and nothing else: no explanation, no code fence."
    if isinstance(form, Schema):
        schema = json.dumps(form.schema, ensure_ascii=False)
        instruction += f" It must obey this JSON Schema:\n{schema}"
    first, *others = request.messages
    if first.role == "system":
        return (_with(first, f"\n\n{instruction}"), *others)
    return (Message("system", instruction), first, *others)


def _with(message: Message, *parts: Part) -> Message:
    return Message(message.role, *message.parts, *parts)


# ------------------------------------------------------------------------------------ what came back


def judged(request: Request, way: Way, completion: Completion, *, last: bool = False) -> Completion | Repair:
    """The answer with its JSON value, or the repair that it needs. SchemaFailed where it is the `last` round.

    An answer that was refused or filtered is not JSON and not meant to be: it passes with `parsed` None.
    """
    if completion.finish_reason in _UNCHECKED:
        return completion
    check = _checker(request)
    schema = isinstance(request.config.response_format, Schema)
    if check is None and schema and not is_native(request, way):
        raise schemas.missing(f"{_who(request)} takes no JSON Schema")
    try:
        found = _found(request, completion.text)
        problems = check(found.value) if check else ()
    except json_text.NotJSON as error:
        found, problems = None, (str(error),)
    if found is not None and not problems:
        return _read(request, way, completion, found)
    failed = _failed(completion, problems)
    # A cut-off answer would be cut off again at the same place.
    if last or completion.finish_reason == "length":
        raise failed
    return Repair(request, completion, failed, is_native(request, way))


def _found(request: Request, text: str) -> json_text.Found:
    """The value in the answer, or in the answer behind the start that the assistant was given."""
    start = request.messages[-1].text if request.messages[-1].role == "assistant" else ""
    if start:
        try:
            return json_text.Found(json_text.read(start + text), text)
        except json_text.NotJSON:
            pass
    return json_text.find(text)


def _read(request: Request, way: Way, completion: Completion, found: json_text.Found) -> Completion:
    """The completion with its value; where nothing was streamed yet, with nothing but it as text."""
    if found.text == completion.text or is_native(request, way):
        return replace(completion, parsed=found.value)
    notes = (*completion.notes, "the text around the JSON was left out")
    return replace(completion, parsed=found.value, text=found.text, notes=notes)


def _failed(completion: Completion, problems: tuple[str, ...]) -> SchemaFailed:
    raw = completion.raw
    hint = ""
    if completion.finish_reason == "length":
        hint = "The answer ended at the token limit: raise max_tokens."
    return SchemaFailed(
        f"the answer is not the JSON that was asked for: {problems[0]}"
        + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""),
        text=completion.text,
        problems=problems,
        completion=completion,
        provider=completion.provider,
        request_id=completion.request_id,
        status=raw.status if raw is not None else 0,
        hint=hint,
    )


# -------------------------------------------------------------------------------------------- repair


@dataclass(frozen=True, slots=True)
class Repair:
    """An answer that is not what was asked for, and how to ask for it once more.

    `native` answers are not asked for again: the provider was to see to that, and has failed. A recorded repair
    is taken all the same, from a time when the model was asked in words.
    """

    asked: Request
    first: Completion
    failed: SchemaFailed
    native: bool

    @property
    def request(self) -> Request:
        """The second round."""
        told = "\n".join(f"- {problem}" for problem in self.failed.problems)
        words = (
            f"That is not the JSON that was asked for:\n{told}\nAnswer again, with the corrected JSON alone."
        )
        before, start = self.asked.messages, ""
        if before[-1].role == "assistant":
            *before, last = before
            start = last.text
        answer = start + self.first.text
        if answer.strip():
            turns = (*before, Message("assistant", answer), Message("user", words))
        elif before and before[-1].role == "user":  # providers refuse an empty turn, and some two of one role
            turns = (*before[:-1], _with(before[-1], f"\n\n{words}"))
        else:
            turns = (*before, Message("user", words))
        return replace(self.asked, messages=turns)

    def joined(self, second: Completion, way: Way) -> Completion:
        """Both rounds as one completion, with the tokens and the time of both. SchemaFailed if this one failed too."""
        try:
            done = judged(self.asked, way, second, last=True)
        except SchemaFailed as failed:
            failed.completion = self._both(second)
            raise
        assert isinstance(done, Completion)
        return self._both(done)

    def _both(self, second: Completion) -> Completion:
        first = self.first
        notes = [*first.notes, *(note for note in second.notes if note not in first.notes)]
        return replace(
            second,
            usage=_sum(first.usage, second.usage),
            timings=_after(first.timings, second.timings),
            key=first.key,
            repair_key=second.key,
            replayed=first.replayed and second.replayed,
            notes=(*notes, f"repaired in one more round: {'; '.join(self.failed.problems)}"),
        )


def _sum(one: Usage, other: Usage) -> Usage:
    """The tokens of both; what one of them does not say is not known of both."""
    return Usage(**{f.name: _added(getattr(one, f.name), getattr(other, f.name)) for f in fields(Usage)})


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one + other
    if isinstance(one, FrozenDict) and isinstance(other, FrozenDict):
        return FrozenDict({name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}})
    return one if one == other else None


def _after(one: Timings, other: Timings) -> Timings:
    begun = None if other.first_token is None else one.total + other.first_token
    return Timings(queue=one.queue + other.queue, first_token=begun, total=one.total + other.total)
