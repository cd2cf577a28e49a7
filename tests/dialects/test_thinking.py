"""Reasoning kept apart: tags in the text, in every dialect that can meet them, whole and streamed at any boundary."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon import events
from antiphon.call import Reply
from antiphon.completion import Completion, Delta
from antiphon.dialects import Dialect, anthropic_messages, ollama_chat, openai_chat, openai_responses
from antiphon.dialects._thinking import ORPHAN, TAGS, Sieve, split

from .tables import ndjson, reply, sse

# ------------------------------------------------------------------- one answer, as each dialect puts it


def _chat(text: str, finish: str, reasoning: str) -> Any:
    message = {"content": text, **({"reasoning_content": reasoning} if reasoning else {})}
    return {"choices": [{"message": message, "finish_reason": finish}]}


def _chat_stream(pieces: Sequence[str], finish: str, reasoning: str) -> bytes:
    deltas = [
        {"role": "assistant", "content": None},
        *([{"reasoning_content": reasoning}] if reasoning else []),
    ]
    deltas += [{"content": piece} for piece in pieces]
    return sse(
        *({"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas),
        {"choices": [{"delta": {}, "finish_reason": finish}]},
    )


def _ollama(text: str, finish: str, reasoning: str) -> Any:
    return {"message": {"content": text, "thinking": reasoning}, "done": True, "done_reason": finish}


def _ollama_stream(pieces: Sequence[str], finish: str, reasoning: str) -> bytes:
    lines = [{"message": {"content": "", "thinking": reasoning}}] if reasoning else []
    lines += [{"message": {"content": piece}} for piece in pieces]
    return ndjson(*lines, _ollama("", finish, ""))


def _responses(text: str, finish: str, reasoning: str) -> Any:
    thought = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": reasoning}]}
    said = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    output = [*([thought] if reasoning else []), said]
    if finish == "stop":
        return {"status": "completed", "output": output}
    return {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": output}


def _responses_stream(pieces: Sequence[str], finish: str, reasoning: str) -> bytes:
    whole = _responses("".join(pieces), finish, reasoning)
    thoughts = [{"type": "response.reasoning_text.delta", "delta": reasoning}] if reasoning else []
    said = [{"type": "response.output_text.delta", "delta": piece} for piece in pieces]
    return sse(*thoughts, *said, {"type": f"response.{whole['status']}", "response": whole}, done=False)


def _messages(text: str, finish: str, reasoning: str) -> Any:
    blocks = [{"type": "thinking", "thinking": reasoning}] if reasoning else []
    reason = "end_turn" if finish == "stop" else "max_tokens"
    return {"content": [*blocks, {"type": "text", "text": text}], "stop_reason": reason}


def _messages_stream(pieces: Sequence[str], finish: str, reasoning: str) -> bytes:
    def piece(index: int, kind: str, text: str) -> Any:
        return {"type": "content_block_delta", "index": index, "delta": {"type": f"{kind}_delta", kind: text}}

    return sse(
        {"type": "message_start", "message": {}},
        *([piece(0, "thinking", reasoning)] if reasoning else []),
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        *(piece(1, "text", text) for text in pieces),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn" if finish == "stop" else "max_tokens"}},
        {"type": "message_stop"},
        done=False,
    )


FORMS = {
    "openai_chat": (openai_chat, _chat, _chat_stream),
    "ollama_chat": (ollama_chat, _ollama, _ollama_stream),
    "openai_responses": (openai_responses, _responses, _responses_stream),
    "anthropic_messages": (anthropic_messages, _messages, _messages_stream),
}
each_dialect = pytest.mark.parametrize("name", FORMS)


def whole(name: str, text: str, finish: str = "stop", reasoning: str = "") -> Completion:
    """The completion in a whole reply."""
    dialect, form, _ = FORMS[name]
    return dialect.decode(reply(form(text, finish, reasoning)))


def folded(
    name: str, pieces: Sequence[str], finish: str = "stop", reasoning: str = ""
) -> tuple[Completion, list[Delta]]:
    """The completion in a stream of these pieces, and the deltas on the way."""
    dialect: Dialect = FORMS[name][0]
    body = FORMS[name][2](pieces, finish, reasoning)
    kind = "application/x-ndjson" if dialect.stream == "ndjson" else "text/event-stream"
    fold = dialect.fold()
    deltas = [delta for event in events.parse(body, dialect.stream) for delta in fold.feed(event)]
    assert all(deltas)
    return fold.completion(Reply(200, body, {"content-type": kind})), deltas


def joined(deltas: Sequence[Delta]) -> tuple[str, str]:
    return "".join(delta.text for delta in deltas), "".join(delta.reasoning for delta in deltas)


def said(completion: Completion) -> tuple[str, str]:
    return completion.text, completion.reasoning


# -------------------------------------------------------------------------------------------- the tags

TEXTS: dict[str, tuple[str, str, str]] = {
    # what the model wrote: the answer, the reasoning
    "a tag": ("<think>hm</think>yes", "yes", "hm"),
    "with the white space that templates put": ("\n<think>\nhm\n ok\n</think>\n\nyes\n", "yes\n", "hm\n ok"),
    "nothing thought": ("<think>\n\n</think>\n\nyes", "yes", ""),
    "nothing answered": ("<think>hm</think>\n", "", "hm"),
    "never closed": ("<think>hm, well", "", "hm, well"),
    "almost closed": ("<think>hm </thi", "", "hm </thi"),
    "almost opened": ("<thi", "<thi", ""),
    "only white space": (" \n ", " \n ", ""),
    "a tag of another kind inside": ("<think>a </thinking> b</think>c", "c", "a </thinking> b"),
    "mentioned later": ("The tag <think> opens, </think> closes.", "The tag <think> opens, </think> closes.", ""),
    "a second one is text": ("<think>a</think>b <think>c</think>", "b <think>c</think>", "a"),
    "text before it": ("Well: <think>a</think>b", "Well: <think>a</think>b", ""),
    "too much white space before it": (" " * 300 + "<think>a</think>b", " " * 300 + "<think>a</think>b", ""),
    "Magistral": ("[THINK]hm[/THINK]yes", "yes", "hm"),
    "a list in brackets": ("[1, 2]", "[1, 2]", ""),
    "Seed-OSS": ("<seed:think>hm</seed:think>yes", "yes", "hm"),
    "Kimi-VL": ("◁think▷hm◁/think▷yes", "yes", "hm"),
    "Gemma": ("<|channel>thought\nhm<channel|>yes", "yes", "hm"),
    "gpt-oss": (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>yes",
        "yes",
        "hm",
    ),
    "gpt-oss, cut off between": ("<|channel|>analysis<|message|>hm<|end|><|start|>ass", "<|start|>ass", "hm"),
}  # fmt: skip


@each_dialect
@pytest.mark.parametrize(("text", "answer", "reasoning"), TEXTS.values(), ids=TEXTS)
def test_reasoning_between_tags_is_put_apart(name: str, text: str, answer: str, reasoning: str):
    """Whole, in one piece and in single characters, the same answer and the same reasoning; the deltas add up to them."""
    assert said(whole(name, text)) == (answer, reasoning)
    for pieces in ([text], list(text)):
        completion, deltas = folded(name, pieces)
        assert said(completion) == (answer, reasoning)
        assert joined(deltas) == (answer, reasoning)
        assert completion.notes == ()


@pytest.mark.parametrize("tag", TAGS, ids=lambda tag: tag.opened)
def test_every_tag(tag: Any):
    """Each tag of the table is found, and none begins like another, so that the first that fits is the right one."""
    assert split(f"{tag.opened}a{tag.closed}b") == ("a", "b", False)
    others = [other for other in TAGS if other is not tag]
    assert not any(other.opened.startswith(tag.opened) for other in others)


@each_dialect
def test_what_the_server_parted_is_left_alone(name: str):
    """Where reasoning came by itself, a tag in the text is the author's."""
    for completion in (
        whole(name, "<think>a</think>b", reasoning="hm"),
        folded(name, list("<think>a</think>b"), reasoning="hm")[0],
    ):
        assert said(completion) == ("<think>a</think>b", "hm")
    assert joined(folded(name, ["<think>a</think>b"], reasoning="hm")[1]) == ("<think>a</think>b", "hm")


@each_dialect
def test_cut_off_while_thinking(name: str):
    """A limit reached inside the tag leaves no answer, and all of it is reasoning."""
    for completion in (whole(name, "<think>hm", "length"), folded(name, ["<think>", "hm"], "length")[0]):
        assert said(completion) == ("", "hm")
        assert completion.finish_reason == "length"


# ------------------------------------------------------------------------------- a closing tag alone

ORPHANS = {
    "on a line of its own": ("hm\n</think>\n\nyes", ("yes", "hm")),
    "in a line": ("hm</think>yes", ("yes", "hm")),
    "nothing thought": ("</think>yes", ("yes", "")),
    "Magistral": ("hm[/THINK]yes", ("yes", "hm")),
}
MENTIONED = [
    "write `</think>` to close it",
    'the text "</think>" closes it',
    '{"a": "well </think> b"}',
    "<p>well </think></p>",
    "open <think> and close </think>",
    "close </thinking>",
]


@each_dialect
@pytest.mark.parametrize(("text", "wanted"), ORPHANS.values(), ids=ORPHANS)
def test_a_closing_tag_alone(name: str, text: str, wanted: tuple[str, str]):
    """Templates that open the tag in the prompt leave the closing one alone: the completion is cut there, and says so.

    The deltas of a stream were out before it came, so they stay as they were.
    """
    completion = whole(name, text)
    assert said(completion) == wanted
    assert completion.notes == (ORPHAN,)
    completion, deltas = folded(name, list(text))
    assert said(completion) == wanted
    assert completion.notes == (ORPHAN,)
    assert joined(deltas) == (text, "")


@pytest.mark.parametrize("text", MENTIONED)
def test_a_closing_tag_that_is_mentioned(text: str):
    """Quoted, in JSON or markup, or behind an opening one: it is part of the answer."""
    assert split(text) == ("", text, False)


# --------------------------------------------------------------------------------------- any boundary

_BITS = st.sampled_from(
    [
        *(tag.opened for tag in TAGS),
        *(tag.closed for tag in TAGS),
        *(tag.then for tag in TAGS),
        "<",
        "</",
        "[",
        " ",
        "\n",
    ]
)
ANSWERS = st.lists(_BITS | st.text(st.characters(codec="utf-8"), max_size=4), max_size=8).map("".join)


def cut(text: str, data: st.DataObject) -> list[str]:
    edges = [0, *sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8))), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


@settings(deadline=None)
@given(ANSWERS, st.data())
def test_any_cutting_gives_the_same(text: str, data: st.DataObject):
    """However the text is cut, the sieve parts it like `split` does (but for closing tags alone)."""
    sieve = Sieve()
    found = [sieve.add(piece) for piece in cut(text, data)]
    shown, thought = joined([*found, *sieve.close()])
    reasoning, answer, orphan = split(text)
    assert (shown, thought) == ((text, "") if orphan else (answer, reasoning))


@each_dialect
@settings(deadline=None)
@given(text=ANSWERS, data=st.data())
def test_any_stream_is_its_whole(name: str, text: str, data: st.DataObject):
    """A stream cut anywhere folds to the completion of the whole reply, and its deltas add up to it."""
    pieces = [piece for piece in cut(text, data) if piece]
    expected = whole(name, text)
    completion, deltas = folded(name, pieces)
    assert said(completion) == said(expected)
    assert completion.notes == expected.notes
    assert joined(deltas) == (said(expected) if not expected.notes else (text, ""))


def test_little_is_held_back():
    """While a model thinks, every piece is shown at once, but for white space and what may become the closing tag."""
    sieve = Sieve()
    assert sieve.add("<think>") == Delta()
    assert sieve.add("one") == Delta(reasoning="one")
    assert sieve.add(" two < three ") == Delta(reasoning=" two < three")
    assert sieve.add("</th") == Delta()
    assert sieve.add("e") == Delta(reasoning=" </the")
    assert sieve.add(" " * 1000) == Delta(reasoning=" " * 992)
    assert sieve.add("</think> ") == Delta()
    assert sieve.add("yes") == Delta("yes")
    assert sieve.done


# ------------------------------------------------------------------------- the other ways reasoning comes

DETAILS = [
    {"type": "reasoning.text", "text": "hm", "signature": "x"},
    {"type": "reasoning.encrypted", "data": "eA=="},
    {"type": "reasoning.summary", "summary": ", well"},
]


def test_reasoning_details():
    """OpenRouter's reasoning_details count where `reasoning` is missing, and not twice where it is there."""
    for message, wanted in (
        ({"content": "yes", "reasoning_details": DETAILS}, "hm, well"),
        ({"content": "yes", "reasoning": "hm, well", "reasoning_details": DETAILS}, "hm, well"),
        ({"content": "yes", "reasoning_details": DETAILS[1:2]}, ""),
        ({"content": "yes", "reasoning_details": None}, ""),
    ):
        answer = openai_chat.decode(reply({"choices": [{"message": message, "finish_reason": "stop"}]}))
        assert said(answer) == ("yes", wanted)
        fold = openai_chat.fold()
        first = {"content": "", **{name: message[name] for name in message if name != "content"}}
        body = sse(
            {"choices": [{"delta": first}]},
            {"choices": [{"delta": {"content": "yes"}, "finish_reason": "stop"}]},
        )
        deltas = [delta for event in events.parse(body, "sse") for delta in fold.feed(event)]
        assert joined(deltas) == said(fold.completion(Reply(200, body))) == ("yes", wanted)


# ----------------------------------------------------------------------------- the real llama.cpp server

FORCED = 'root ::= "<think>" "hm " "</think>" "\\n\\nyes"'


@pytest.mark.engine
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_llama_writes_tags(llama_server: Any, tmp_path: Any, dialect: str, stream: bool):
    """llama.cpp lets through tags that it was told not to part (reasoning_format none): here they are parted."""
    from antiphon import Client

    client = Client(tmp_path)
    ask = client.stream if stream else client.complete
    answer = ask(
        "Hello",
        base_url=llama_server.base_url,
        api_key=llama_server.api_key,
        dialect=dialect,
        max_tokens=32,
        extra={"grammar": FORCED, "reasoning_format": "none"},
    )
    completion = answer if isinstance(answer, Completion) else answer.completion
    client.close()
    assert said(completion) == ("yes", "hm")
    assert completion.raw is not None
    assert b"reasoning_content" not in completion.raw.body
    assert b"reasoning_text" not in completion.raw.body


@pytest.mark.engine
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
def test_llama_goes_on_thinking(llama_server: Any, tmp_path: Any, dialect: str):
    """A real model made to begin with a tag, and cut off: llama.cpp gives the tag back, and all is reasoning."""
    from antiphon import Client, Message

    client = Client(tmp_path)
    completion = client.chat(
        [Message("user", "Hello"), Message("assistant", "<think>\nWell")],
        base_url=llama_server.base_url,
        api_key=llama_server.api_key,
        dialect=dialect,
        max_tokens=5,
    )
    client.close()
    assert completion.text == ""
    assert completion.reasoning.startswith("Well")
    if completion.finish_reason == "length":  # Responses there say "stop"
        assert any("reasoning='low'" in note for note in completion.notes)


def test_the_forms_are_json():
    """The forms above are what they say: JSON that other readers take."""
    for _, form, _ in FORMS.values():
        assert json.loads(json.dumps(form("a", "stop", "b")))
