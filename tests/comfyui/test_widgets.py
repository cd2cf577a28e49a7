"""What the widgets of the pack's own nodes mean, without a ComfyUI."""

from __future__ import annotations

import io
import json
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon import Client, Config, Limits, Message, RequestError
from antiphon.comfyui import choices, history, limiting, widgets
from antiphon.comfyui.convert import from_audio, from_video
from antiphon.comfyui.keys import Vault, move
from antiphon.comfyui.sockets import LlmApi, LlmConfig
from antiphon.completion import Completion
from antiphon.credentials import Credentials
from antiphon.local import BUNDLED
from antiphon.local.models import look_in, resolve
from antiphon.providers import names
from antiphon.request import Schema


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(Credentials(tmp_path, {}))


# --------------------------------------------------------------------------------------- the combos


def test_the_combos_hold_what_there_is():
    """Providers and dialects by the files there are, without importing them; the bundled model by its name."""
    assert choices.providers() == names()
    assert set(choices.dialects()) >= {choices.DEFAULT, "openai_chat"}
    assert choices.first_provider() in names()
    assert choices.BUNDLED == BUNDLED


def test_a_schema_costs_no_import_while_comfyui_starts(tmp_path: Path):
    """Until ComfyUI serves pages, the lists that need our packages are short."""
    import subprocess

    code = (
        "import sys, antiphon.comfyui.choices as c\n"
        "c.providers(); c.dialects(); c.models(live=False); c.local_models(['a.gguf', 'b.bin'], live=False)\n"
        "sys.exit(int(bool({'antiphon.providers', 'antiphon.local', 'antiphon.dialects'} & set(sys.modules))))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path).returncode == 0


def test_the_models_are_those_listed_before_and_those_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A listing that was fetched is in the combo, in front of the names of the table; default is the first."""
    from antiphon.dialects import Model
    from antiphon.listings import Listing, Listings

    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))
    monkeypatch.setattr(choices, "_models", choices._Kept(choices._listed))
    kept = Listing(
        provider="openai", address="https://api.openai.com/v1", fetched=1.0, models=(Model(name="brand-new"),)
    )
    Listings(tmp_path / "listings").put(kept)

    found = choices.models(live=True)

    assert found[:2] == [choices.DEFAULT, "brand-new"]
    assert len(found) == len(set(found)) > 20


def test_the_local_models_are_files_too():
    """GGUF files only, with forward slashes, behind the bundled model."""
    found = choices.local_models(
        ["sub\\x.gguf" if sys.platform == "win32" else "sub/x.gguf", "y.bin"], live=False
    )
    assert found == [BUNDLED, "sub/x.gguf"]


# ---------------------------------------------------------------------------------------------- who


def test_a_provider_as_its_node_says_it():
    """Blank fields say nothing; a credential is a name, with or without the word before it."""
    assert widgets.provider("openai", " ", "", "default", "") == LlmApi(provider="openai")
    value = widgets.provider(
        "compatible", " http://127.0.0.1:1/v1 ", "credential:mine", "openai_chat", '{"region": "eu"}'
    )
    assert (value.base_url, value.credential, value.dialect) == (
        "http://127.0.0.1:1/v1",
        "mine",
        "openai_chat",
    )
    assert dict(value.extra) == {"region": "eu"}
    with pytest.raises(RequestError, match="unknown provider"):
        widgets.provider("nobody")


def prompt(credential: str, **inputs: Any) -> dict[str, Any]:
    given = {"provider": "openai", "base_url": "", "credential": credential, **inputs}
    return {"prompt": {"1": {"class_type": "AntiphonProvider", "inputs": given}}}


def test_a_name_is_no_key(vault: Vault):
    """Names, short ones and stored ones, stay as they are; what looks like a key is moved to its host's."""
    long = "my-own-and-very-long-name-of-a-key"
    vault.credentials.set(long, "sk-0123456789", hosts=["api.openai.com"])
    for name in ("", "work", long):
        document = prompt(name)
        assert move(document, widgets.CREDENTIAL, vault) == []
        assert document == prompt(name)

    document = prompt("sk-short")
    [moved] = move(document, widgets.CREDENTIAL, vault)
    assert moved.reference == document["prompt"]["1"]["inputs"]["credential"] == "credential:antiphon-widget"
    assert vault.credentials.find("antiphon-widget", host="api.openai.com", required=True) is not None


def test_a_key_for_nowhere_is_taken_out_all_the_same(vault: Vault):
    """Without an address it cannot be kept, and still does not stay in the prompt."""
    document = prompt("sk-0123456789abcdefghij", provider="compatible")
    move(document, widgets.CREDENTIAL, vault)
    assert document["prompt"]["1"]["inputs"]["credential"] == "credential:"
    with pytest.raises(RequestError, match="could not be kept"):
        widgets.provider("compatible", credential="credential:")


def test_a_local_model_by_name_in_comfyuis_folder(tmp_path: Path):
    """A file of the folder goes by its name there, so the key holds no path of this machine."""
    file = tmp_path / "sub" / "mine.gguf"
    file.parent.mkdir()
    file.write_bytes(b"GGUF")
    look_in(tmp_path)
    try:
        found = resolve("sub/mine.gguf")
        assert (found.name, found.path) == ("sub/mine.gguf", file)
        assert resolve(str(file)).path == file
        assert resolve("sub/other.gguf").path == Path("sub/other.gguf").absolute()
    finally:
        look_in()


# --------------------------------------------------------------------------------------------- what

UNSET: dict[str, Any] = {
    "max_tokens": 0,
    "temperature": -1.0,
    "top_p": 0.0,
    "top_k": 0,
    "min_p": -1.0,
    "presence_penalty": -3.0,
    "frequency_penalty": -3.0,
    "repeat_penalty": 0.0,
}
LEAST: dict[str, Any] = {
    "max_tokens": 1,
    "temperature": 0.0,
    "top_p": 0.01,
    "top_k": 1,
    "min_p": 0.0,
    "presence_penalty": -2.0,
    "frequency_penalty": -2.0,
    "repeat_penalty": 0.05,
}


def test_what_is_not_set_is_not_sent():
    """A fresh node is Config() itself: the key of a question without any settings."""
    assert widgets.config(**UNSET) == LlmConfig(config=Config())


def test_the_least_value_of_each_setting_is_one():
    """Zero and the lowest penalties are values: only what is below the range says nothing."""
    found = widgets.config(**LEAST).config
    assert found.given() == LEAST


def test_all_other_settings():
    """Texts, levels, budgets and fields as they are typed."""
    found = widgets.config(
        "gpt-5",
        " mine ",
        reasoning="low",
        stop="END\n\\n\\n\n",
        modalities="text+image",
        aspect_ratio="16:9",
        adapt=False,
        extra='{"tier": "flex"}',
    )
    assert not found.adapt
    assert found.config == Config(
        model="mine",
        reasoning="low",
        stop=("END", "\n\n"),
        modalities=("text", "image"),
        aspect_ratio="16:9",
        extra={"tier": "flex"},
    )
    assert widgets.config(reasoning="low", reasoning_budget=9).config.reasoning == 9
    for wrong in ({"modalities": "smell"}, {"extra": "[]"}, {"extra": "{"}, {"temperature": 3.0}):
        with pytest.raises(RequestError):
            widgets.config(**wrong)  # pyright: ignore[reportArgumentType]


def test_a_schema_that_was_typed():
    """Nothing, any JSON, or a schema; strict only where it is closed, since OpenAI refuses others."""
    assert widgets.response_format(" ") is None
    assert widgets.response_format("JSON") == "json"
    loose = widgets.response_format('{"type": "object", "properties": {"a": {}}}')
    closed = widgets.response_format('{"type": "object", "properties": {}, "additionalProperties": false}')
    assert isinstance(loose, Schema)
    assert isinstance(closed, Schema)
    assert (loose.strict, closed.strict) == (False, True)
    with pytest.raises(RequestError, match="schema"):
        widgets.response_format("an object please")


# ---------------------------------------------------------------------------------------------- ask


def test_a_question():
    """System prompt, turns before, media before the text; no empty turn behind a conversation."""
    before = (Message("user", "one"), Message("assistant", "two"))
    assert widgets.question("three", before=before, system="be") == (
        Message("system", "be"),
        *before,
        Message("user", "three"),
    )
    assert widgets.question(" ", before=before) == before
    assert widgets.question("x", media=from_audio(SOUND))[0].parts[-1] == "x"
    assert len(widgets.question("", media=from_audio(SOUND))[0].parts) == 2


def test_a_question_is_the_librarys(tmp_path: Path):
    """The same request, and key, as from Python; the API node's model where the config names none."""
    client = Client(tmp_path)
    ours = client.request(
        widgets.question("hello", system="be brief"),
        **widgets.asked(
            LlmApi(provider="openai", model="gpt-4o"), widgets.config(**UNSET), seed=7, timeout=9
        ),
    )
    assert ours == client.request("hello", system="be brief", model="openai/gpt-4o", seed=7)
    named = widgets.asked(LlmApi(provider="openai", model="gpt-4o"), widgets.config("o3"), seed=7)
    assert named["config"].model == "o3"
    assert "timeout" not in named


def test_nothing_connected_is_the_embedded_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As in Python: nobody named means the embedded model, with its own name."""
    monkeypatch.delenv("ANTIPHON_MODEL", raising=False)
    request = Client(tmp_path).request(widgets.question("hi"), **widgets.asked(None, None, seed=0))
    assert (request.provider, request.model) == ("local", BUNDLED)


def test_another_packs_values():
    """They are refused by the name of the input."""
    with pytest.raises(RequestError, match="input api"):
        widgets.asked({"key": "theirs"}, None, seed=0)
    with pytest.raises(RequestError, match="input config"):
        widgets.asked(None, "theirs", seed=0)


def test_prompts_of_a_list():
    """One for each line that is not blank, or each text as it is."""
    assert widgets.prompts(["a\n\n b ", "c"], one_per_line=True) == ["a", " b ", "c"]
    assert widgets.prompts(["a\nb", " ", "c"], one_per_line=False) == ["a\nb", "c"]
    with pytest.raises(RequestError, match="no prompts"):
        widgets.prompts(["\n"], one_per_line=True)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["a", 1, {"b": 2}], ["a", "1", '{"b": 2}']),
        ({"prompts": ["x", "y"], "count": 2}, ["x", "y"]),
        ({"one": [1], "two": [2]}, []),
        ("text", []),
        ({}, []),
    ],
)
def test_items(value: Any, texts: list[str]):
    """Those of the array, or of the only one among the members; where that is not clear, none."""
    assert widgets.items(value) == texts


# ----------------------------------------------------------------------------------- conversations


def test_a_conversation_as_text_comes_back():
    """Written and read it is the same; as OpenAI writes it too, and inside {"messages": …}."""
    turns = (Message("system", "be"), Message("user", "hi\nthere"), Message("assistant", "hö"))
    text = history.written(turns)
    assert history.parsed(text) == turns
    assert "hö" in text
    parts = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert history.parsed(json.dumps({"messages": parts})) == (Message("user", "a\nb"),)
    assert history.parsed("  ") == ()


def test_the_system_prompt_of_the_node_wins():
    """It takes the place of one at the head, so that it never stands there twice."""
    text = history.written((Message("system", "old"), Message("user", "hi")))
    assert history.parsed(text, "new") == (Message("system", "new"), Message("user", "hi"))
    assert history.parsed("", "new") == (Message("system", "new"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{oops", "no JSON"),
        ('"text"', "history is a list"),
        ("{}", "history is a list"),
        ("[1]", "turn 1"),
        ('[{"role": "user", "content": ""}]', "turn 1"),
        (
            '[{"role": "user", "content": "x"}, {"role": "user", "content": [{"type": "image_url"}]}]',
            "turn 2",
        ),
        ('[{"role": "robot", "content": "x"}]', "robot"),
    ],
)
def test_a_history_that_is_none(text: str, words: str):
    """Each mistake is said, with the turn's number."""
    with pytest.raises(RequestError, match=words):
        history.parsed(text)


def test_an_answer_without_text_is_no_turn():
    """And neither is an empty question."""
    with pytest.raises(RequestError, match="refusal"):
        history.answered((Message("user", "hi"),), Completion(text="", finish_reason="refusal"))
    with pytest.raises(RequestError, match="empty"):
        history.asked((), " ")


# --------------------------------------------------------------------------------- sound and film

SOUND: dict[str, Any] = {"waveform": np.array([[[0.0, 0.5, -2.0, np.nan]], [[1.0] * 4]]), "sample_rate": 8000}


def test_sounds_are_wav():
    """One file for each of a batch, 16 bits, cut at full scale; the same bytes each time."""
    first, second = from_audio(SOUND)
    assert (first.kind, first.media_type) == ("audio", "audio/wav")
    with wave.open(io.BytesIO(first.data or b"")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 8000, 2)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [0, 16384, -32767, 0]
    assert first == from_audio(SOUND)[0] != second


@pytest.mark.parametrize(
    "value", [None, {}, {"waveform": np.zeros((2, 2)), "sample_rate": 8000}, {"waveform": 1}]
)
def test_what_is_no_sound(value: Any):
    """It is refused by name."""
    with pytest.raises(RequestError, match="AUDIO"):
        from_audio(value)


class Film:
    """A VIDEO as ComfyUI's: a file or bytes, perhaps with a cut that is only noted."""

    def __init__(self, source: Any, window: tuple[float, float] = (0.0, 0.0)) -> None:
        self.source, self.window = source, window

    def get_stream_source(self) -> Any:
        return self.source

    def get_active_trim_window(self) -> tuple[float, float]:
        return self.window

    def save_to(self, file: Any) -> None:
        file.write(b"\0\0\0\x18ftypmp42cut")


def test_a_film_is_its_file(tmp_path: Path):
    """The bytes of the file as they are; of one that is cut, what ComfyUI makes of it."""
    data = b"\x1aE\xdf\xa3 and so on"
    (tmp_path / "film").write_bytes(data)
    found = from_video(Film(str(tmp_path / "film")))
    assert (found.kind, found.media_type, found.data) == ("video", "video/webm", data)
    assert from_video(Film(io.BytesIO(data))).data == data
    assert from_video(Film("unused", (1.0, 2.0))).data == b"\0\0\0\x18ftypmp42cut"
    assert from_video(Film(io.BytesIO(b"\xff\xd8\xff what"))).kind == "video"


# ------------------------------------------------------------------------------------------- limits


def test_a_list_does_not_ask_for_everything_at_once(monkeypatch: pytest.MonkeyPatch):
    """Every provider has a limit; the environment sets another; a mistake in it is said."""
    monkeypatch.delenv(limiting.VARIABLE, raising=False)
    shared = limiting.Shared()
    assert shared["openai"] == Limits(concurrency=limiting.CONCURRENCY)
    assert set(shared) == set(names())
    assert len(shared) == len(names())
    monkeypatch.setenv(limiting.VARIABLE, "3")
    assert shared["openai"].concurrency == 3
    assert shared.get("nobody") is None
    monkeypatch.setenv(limiting.VARIABLE, "many")
    with pytest.raises(RequestError, match=limiting.VARIABLE):
        shared["openai"]
