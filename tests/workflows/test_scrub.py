"""Keys in workflow files and pictures: each one is found, none is left in a copy, and nothing else is changed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.call import Reply
from antiphon.errors import RequestError
from antiphon.replay import Carried, Store, carried, key
from antiphon.request import Config, Message, Request
from antiphon.secretlike import is_key, looks_secret, names_a_secret, secrets_in
from antiphon.workflows.conversion import Options, check, convert

from .files import (
    AWS,
    KEY,
    PIXELS,
    api_graph,
    chunk,
    chunks_of,
    exif,
    page_graph,
    page_node,
    picture,
    png,
    saved,
    text_chunk,
    webp,
)  # fmt: skip

FORMS = {
    "sk-…": "sk-proj-abcDEF0123456789abcDEF0123456789",
    "sk-ant-…": "sk-ant-api03-abcDEF-0123456789_abcdef",
    "sk-or-…": "sk-or-v1-0123456789abcdef0123456789abcdef",
    "AIza…": "AIza" + "SyA0123456789-abcdef_ABCDEF012345678",
    "AKIA…": AWS[0],
    "gsk_…": "gsk_0123456789abcdefABCDEF",
    "hf_…": "hf_abcdefghijklmnopqrstuvwxyz",
    "xai-…": "xai-0123456789abcdefABCDEF",
    "Bearer …": "Bearer 0123456789abcdef0123456789",
}


def cleaned(tmp_path: Path, name: str, content: Any, **options: Any) -> tuple[bytes, Any]:
    """The bytes of the copy and the report, the original looked at again."""
    path = saved(tmp_path, name, content)
    before = path.read_bytes()
    report = convert(path, tmp_path / "out" / name, Options(**options))
    assert path.read_bytes() == before
    return (tmp_path / "out" / name).read_bytes(), report


# ------------------------------------------------------------------------------------------------ forms


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_known(form: str):
    """Each form is found at its place in a sentence, and called by its form only."""
    text = f"use {FORMS[form]}, please"
    [found] = secrets_in(text)
    assert (found.form, text[found.start : found.end]) == (form, FORMS[form])


@pytest.mark.parametrize(
    "text",
    ["task-force-2024-is-a-long-name", "a risk-based-approach-to-all-of-it", "sk-learn", "hf_hub", "the-mask-0123456789abcdef0123",
     "sdxl_base_1.0.safetensors", "https://huggingface.co/a/b", "AKIAX", "bearer of bad news about everything in the world", ""],
)  # fmt: skip
def test_plain_words_have_no_form(text: str):
    """Words and file names that look a little like keys are none."""
    assert not looks_secret(text)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("openai_api_key", True), ("apiKey", True), ("API_KEY", True), ("api key", True), ("aws_secret_access_key", True),
        ("aws_access_key_id", True), ("hf_token", True), ("accessToken", True), ("client_secret", True), ("password", True),
        ("max_token", False), ("max_tokens", False), ("maxNewTokens", False), ("trigger_token", False), ("tokenizer", False),
        ("key", False), ("keyframe", False), ("secretary", False), ("monkey", False), ("text", False), ("seed", False),
    ],
)  # fmt: skip
def test_names_of_fields(name: str, secret: bool):
    """*api_key*, *token*, *secret* and their like hold keys; limits in tokens and tokenizers do not."""
    assert names_a_secret(name) is secret


@pytest.mark.parametrize("value", ["", "  ", "-", "none", "EMPTY", "your api key", "YOUR_API_KEY_HERE", "sk-xxxxxxxx", "OPENAI_API_KEY", "not-needed", "lm-studio", "${OPENAI}", "credential:mine", "a sentence about keys", "http://x/y"])  # fmt: skip
def test_what_stands_there_for_no_key(value: str):
    """Placeholders, references, sentences and addresses in a key's field are no keys."""
    assert not is_key("api_key", value)


# --------------------------------------------------------------------------------------- both formats


@pytest.mark.parametrize("shape", ["one", "two"])
def test_a_graph_of_the_page(tmp_path: Path, shape: str):
    """In both output shapes the key widget alone is emptied, whatever its text looks like; nothing else changes."""
    for secret in (KEY, "0123456789abcdef0123456789abcdef", "short"):
        copy, report = cleaned(tmp_path, f"{shape}{secret[:2]}.json", page_graph(secret, shape=shape))
        assert json.loads(copy) == page_graph("", shape=shape)
        [row] = [row for row in report.rows if row.kind == "secret"]
        assert (row.node, row.type, row.done) == ("1", "AV_OpenAIApi", "emptied")
        assert "openai_api_key" in row.what


def test_a_graph_for_the_api(tmp_path: Path):
    """The key's input is emptied; NaN and large seeds come through as they were."""
    copy, report = cleaned(tmp_path, "api.json", api_graph())
    assert json.dumps(json.loads(copy)) == json.dumps(api_graph(""))
    assert report.secrets == 1
    assert sum(row.kind == "node" for row in report.rows) == 6


@pytest.mark.parametrize(
    ("kind", "values", "names"),
    [
        ("AV_OpenRouterApi", [KEY, "https://x/v1"], ["openrouter_api_key"]),
        ("AV_ClaudeApi", [KEY, "https://x/v1", "2023-06-01"], ["claude_api_key"]),
        ("AV_GeminiApi", [KEY, "https://x/v1"], ["gemini_api_key"]),
        ("AV_AwsBedrockClaudeApi", [*AWS, "us-east-1", "bedrock-2023-05-31"], ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]),
        ("AV_AwsBedrockMistralApi", [*AWS, "us-east-1"], ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]),
    ],
)  # fmt: skip
def test_the_other_key_widgets(tmp_path: Path, kind: str, values: list[str], names: list[str]):
    """Every node with a key, all its widgets; the first one takes the reference."""
    graph = {"nodes": [page_node(1, kind, *values)], "links": []}
    copy, report = cleaned(tmp_path, "page.json", graph, credentials={"": "mine"})
    there = json.loads(copy)["nodes"][0]["widgets_values"]
    assert there == ["credential:mine", *[""] * (len(names) - 1), *values[len(names) :]]
    assert [row.what.partition(":")[0] for row in report.rows if row.kind == "secret"] == names
    assert not any(secret.encode() in copy for secret in (KEY, *AWS))


def test_credentials_by_node_type(tmp_path: Path):
    """A name for one type goes there, the general one everywhere else; a blank widget and a reference stay."""
    nodes = [
        page_node(1, "AV_ClaudeApi", KEY, "e", "v"), page_node(2, "AV_GeminiApi", KEY, "e"),
        page_node(3, "AV_OpenAIApi", "", "e"), page_node(4, "AV_OpenAIApi", "credential:old", "e"),
    ]  # fmt: skip
    named = {"AV_ClaudeApi": "claude", "": "any"}
    copy, _ = cleaned(tmp_path, "p.json", {"nodes": nodes, "links": []}, credentials=named)
    values = [node["widgets_values"][0] for node in json.loads(copy)["nodes"]]
    assert values == ["credential:claude", "credential:any", "", "credential:old"]


def test_a_key_wired_from_a_text(tmp_path: Path):
    """A key in a primitive that is wired to a key widget goes too, in both formats, past a reroute."""
    secret = "0123456789abcdef0123456789abcdef"  # no form of its own
    api = {
        "1": {"class_type": "PrimitiveString", "inputs": {"value": secret}},
        "2": {"class_type": "AV_OpenAIApi", "inputs": {"openai_api_key": ["1", 0], "endpoint": "e"}},
    }
    page = {
        "nodes": [
            page_node(1, "PrimitiveString", secret),
            page_node(2, "Reroute", inputs=[("", 1)]),
            page_node(3, "AV_OpenAIApi", "", "e", inputs=[("openai_api_key", 2)]),
        ],
        "links": [[1, 1, 0, 2, 0, "STRING"], [2, 2, 0, 3, 0, "STRING"]],
    }
    for name, graph in (("api.json", api), ("page.json", page)):
        copy, report = cleaned(tmp_path, name, graph)
        assert secret.encode() not in copy
        assert report.secrets == 1


def test_only_what_is_a_key_is_hunted(tmp_path: Path):
    """A word or an address typed into a key widget goes from there, and stays where it stands for itself."""
    for typed in ("placeholder", "https://api.openai.com/v1", "https://example.com/v1/0123456789"):
        graph = page_graph(typed)
        graph["nodes"].append(page_node(9, "Note", f"a {typed} is no key"))
        expected = page_graph("")
        expected["nodes"].append(page_node(9, "Note", f"a {typed} is no key"))
        copy, _ = cleaned(tmp_path, f"{len(typed)}.json", graph)
        assert json.loads(copy) == expected


def test_a_key_wired_from_any_text_node(tmp_path: Path):
    """Another pack's node of one text holds the key; one that names a file or a variable does not."""
    secret = "0123456789abcdef0123456789abcdef"
    for text, stays in ((secret, False), ("keys/mine.txt", True), ("mine.txt", True), ("MY_KEY", True)):
        graph = {
            "1": {"class_type": "Text Multiline", "inputs": {"text": text}},
            "2": {"class_type": "AV_OpenAIApi", "inputs": {"openai_api_key": ["1", 0], "endpoint": "e"}},
        }
        copy, _ = cleaned(tmp_path, f"{len(text)}.json", graph)
        assert (text.encode() in copy) is stays


def test_a_group_node_in_use(tmp_path: Path):
    """The values of a group node are those of its nodes in a row: keys without a form are found among them."""
    secret = "0123456789abcdef0123456789abcdef"
    inner = [{"type": "X", "widgets_values": [1, "x"]}, {"type": "AV_GeminiApi", "widgets_values": ["", "e"]},
             {"type": "AV_AwsBedrockMistralApi", "widgets_values": ["", "", "", "us-east-1"]}, {"type": "AV_GeminiApi", "widgets_values": ["", "e"]}]  # fmt: skip
    values = [1, "x", secret, "e", "", "planted/secret+key", "", "us-east-1", "another-key-1", "e"]
    graph = {
        "nodes": [page_node(1, "workflow>G", *values)],
        "links": [],
        "extra": {"groupNodes": {"G": {"nodes": inner}}},
    }
    copy, report = cleaned(tmp_path, "p.json", graph)
    assert json.loads(copy)["nodes"][0]["widgets_values"] == [
        1,
        "x",
        "",
        "e",
        "",
        "",
        "",
        "us-east-1",
        "",
        "e",
    ]
    assert report.secrets == 3


HIDING: dict[str, Callable[[str], Any]] = {
    "a note": lambda key: {"nodes": [page_node(1, "Note", f"my key is {key}, keep it")], "links": []},
    "a title": lambda key: {"nodes": [{**page_node(1, "X"), "title": key}], "links": []},
    "another pack's widget by name": lambda key: {"1": {"class_type": "X", "inputs": {"api_key": key}}},
    "a named socket of the page": lambda key: {
        "nodes": [{**page_node(1, "X", 5, "fixed", key), "inputs": [
            {"name": "seed", "widget": {"name": "seed"}, "link": None}, {"name": "token", "widget": {"name": "token"}, "link": None}]}],
        "links": [],
    },
    "a subgraph": lambda key: {**page_graph(""), "definitions": {"subgraphs": [{"id": "u", "name": "S", "nodes": [page_node(1, "AV_ClaudeApi", key, "e", "v")], "links": [{"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 1, "target_slot": 0, "type": "X"}]}]}},
    "a subgraph's promoted widget": lambda key: {"nodes": [{**page_node(1, "uuid", 3, key), "properties": {"proxyWidgets": [["4", "seed"], ["5", "openai_api_key"]]}}], "links": []},
    "a group node": lambda key: {**page_graph(""), "extra": {"groupNodes": {"G": {"nodes": [{"type": "AV_GeminiApi", "widgets_values": [key, "e"]}], "links": []}}}},
    "the body of a request": lambda key: {"prompt": api_graph(key), "extra_data": {"extra_pnginfo": {"workflow": page_graph(key)}}},
    "JSON in a text": lambda key: {"nodes": [page_node(1, "X", json.dumps({"deep": json.dumps({"headers": {"authorization": key}})}))], "links": []},
    "widgets as an object": lambda key: {"nodes": [{**page_node(1, "X"), "widgets_values": {"my_secret": key}}], "links": []},
    "the name of a field": lambda key: {"nodes": [], "links": [], "extra": {key: 1}},
    "a list at the top": lambda key: [key, {"x": [key]}],
}  # fmt: skip


@pytest.mark.parametrize("where", HIDING)
def test_wherever_it_hides(tmp_path: Path, where: str):
    """Notes, titles, names, subgraphs, group nodes, JSON within JSON: found by check, gone from the copy."""
    for number, secret in enumerate((KEY, FORMS["AIza…"])):
        path = saved(tmp_path, f"{number}.json", HIDING[where](secret))
        assert check(path).secrets >= 1
        copy, report = cleaned(tmp_path, f"{number}.json", HIDING[where](secret))
        assert secret.encode() not in copy
        assert secret[6:] not in str(report) + json.dumps(report.as_object())
        assert check(tmp_path / "out" / f"{number}.json").secrets == 0


def test_the_report_says_where(tmp_path: Path):
    """A note, a title and a field outside of nodes are told apart."""
    graph = {
        "nodes": [{**page_node(7, "Note", f"my {KEY}"), "title": f"T {KEY}"}],
        "links": [],
        "extra": {"x": KEY},
    }
    rows = [row for row in check(saved(tmp_path, "p.json", graph)).rows if row.kind == "secret"]
    assert {(row.node, row.type, row.what.partition(":")[0]) for row in rows} == {
        ("7", "Note", "a key (sk-…)"), ("7", "Note", "title"), ("", "", "x"),
    }  # fmt: skip


def test_a_key_without_a_form_is_hunted_everywhere(tmp_path: Path):
    """What one key widget showed to be a key is taken out of notes and titles too."""
    secret = "0123456789abcdef0123456789abcdef"
    graph = page_graph(secret)
    graph["nodes"] += [page_node(8, "Note", f"(it is {secret})"), page_node(9, "PrimitiveString", secret)]
    copy, report = cleaned(tmp_path, "p.json", graph, credentials={"": "mine"})
    assert secret.encode() not in copy
    assert json.loads(copy)["nodes"][5]["widgets_values"] == ["(it is credential:mine)"]
    assert report.secrets == 3


def test_a_clean_file_is_copied_as_it_is(tmp_path: Path):
    """Without a key not one byte changes: odd spaces, escapes and numbers stay."""
    text = b'{ "nodes" : [ {"type":"Note","widgets_values":["\\u00e9 {not json", "[1,  2]", 1e5, NaN]} ],\n "links": []}'
    copy, report = cleaned(tmp_path, "p.json", text)
    assert copy == text
    assert report.secrets == 0


# -------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iTXtz", "comf"])
def test_a_picture(tmp_path: Path, kind: str):
    """Only the text chunks with a key change: same kind, right sums; all other chunks are the same bytes in order."""
    graphs = {"prompt": api_graph(), "workflow": page_graph()}
    texts = [text_chunk(name, json.dumps(graph), kind) for name, graph in graphs.items()]
    before = png(*texts, text_chunk("Title", "x", kind))
    copy, report = cleaned(tmp_path, "p.png", before)
    old, new = chunks_of(before), chunks_of(copy)
    assert [name for name, _ in old] == [name for name, _ in new]
    assert [number for number, (a, b) in enumerate(zip(old, new, strict=True)) if a != b] == [1, 2]
    assert PIXELS in copy
    assert not any(KEY.encode() in inflated(body) for _, body in new)
    assert report.form == "PNG"
    assert {row.where for row in report.rows if row.kind == "secret"} == {"prompt", "workflow"}
    assert check(tmp_path / "out" / "p.png").secrets == 0


def inflated(body: bytes) -> bytes:
    """A chunk's data, with the zlib stream at its end unpacked where there is one."""
    for at in range(len(body)):
        if body[at : at + 1] == b"\x78":
            try:
                return body + zlib.decompress(body[at:])
            except zlib.error:
                continue
    return body


def test_a_picture_with_words_beyond_latin(tmp_path: Path):
    """Text that tEXt cannot say comes out right, as an iTXt with the same keyword."""
    graph = page_graph()
    graph["nodes"].append(page_node(9, "Note", "猫"))
    copy, _ = cleaned(
        tmp_path, "p.png", png(text_chunk("workflow", json.dumps(graph, ensure_ascii=False), "iTXt"))
    )
    [text] = [body for kind, body in chunks_of(copy) if kind == b"iTXt"]
    assert "猫".encode() in text
    copy, _ = cleaned(tmp_path, "q.png", png(text_chunk("workflow", json.dumps(graph))))
    assert b"\\u732b" in copy


@pytest.mark.parametrize("order", ["II", "MM"])
def test_a_webp(tmp_path: Path, order: str):
    """The EXIF texts of a WebP are read and cleaned, in both byte orders; its pixels stay."""
    texts = {
        0x010F: "workflow:" + json.dumps(page_graph()),
        0x0110: "prompt:" + json.dumps(api_graph()),
        0x0131: "x",
    }
    before = webp(exif(texts, order))
    copy, report = cleaned(tmp_path, "p.webp", before)
    expected = {
        0x010F: "workflow:" + json.dumps(page_graph("")), 0x0110: "prompt:" + json.dumps(api_graph("")), 0x0131: "x"
    }  # fmt: skip
    assert copy == webp(exif(expected, order))
    assert report.secrets == 2


def test_a_webp_with_more_than_texts(tmp_path: Path):
    """An EXIF chunk that holds more than texts is read, and a copy refused rather than made wrong."""
    orientation = bytes.fromhex("1201 0300 01000000 01000000".replace(" ", ""))
    path = saved(
        tmp_path, "p.webp", webp(exif({0x010F: "workflow:" + json.dumps(page_graph())}, extra=orientation))
    )
    assert check(path).secrets >= 1
    with pytest.raises(RequestError, match="more than texts"):
        convert(path, tmp_path / "out.webp")
    assert not (tmp_path / "out.webp").exists()


@pytest.mark.parametrize(
    "content",
    [
        png(chunk(b"eXIf", b"II*\0" + KEY.encode()), text_chunk("workflow", json.dumps(page_graph()))),
        png(text_chunk("workflow", json.dumps(page_graph())), after=KEY.encode()),
        png(chunk(b"juMb", b"0123456789abcdef0123456789abcdef"), text_chunk("workflow", json.dumps(page_graph("0123456789abcdef0123456789abcdef")))),
    ],
    ids=["eXIf", "after the end", "a known key in a private chunk"],
)  # fmt: skip
def test_a_key_where_nothing_is_rewritten(tmp_path: Path, content: bytes):
    """A key in another program's chunk, or behind the end, is told, and no copy is made that would keep it."""
    path = saved(tmp_path, "p.png", content)
    assert check(path).secrets >= 1
    with pytest.raises(RequestError, match="no copy was written"):
        convert(path, tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


# ------------------------------------------------------------------------------- recordings in pictures


def test_recordings_that_travel(tmp_path: Path):
    """They are counted, those with a key in them go, and the others come through."""
    with Store(tmp_path / "replay.sqlite") as store:
        made = [
            Request(provider="echo", messages=(Message("user", f"q{n}"),), config=Config(model="m"), seed=n)
            for n in (1, 2)
        ]
        for it in made:
            store.put(
                it, key(it), sent=b"", reply=Reply(200, b'{"a": 1}', {"content-type": "application/json"})
            )
        value = carried(store, map(key, made), limit_bytes=9_000)
    bad = json.loads(json.dumps(value))
    body = __import__("base64").b64encode(zlib.compress(KEY.encode())).decode()
    bad["recordings"][key(made[0])]["body"] = body
    graph = {**page_graph(""), "extra": {"antiphon": bad}}
    copy, report = cleaned(tmp_path, "p.json", graph)
    left = Carried(json.loads(copy)["extra"]["antiphon"])
    assert list(left) == [key(made[1])]
    assert [row.what for row in report.rows if row.kind == "carried"] == ["2 recordings travel with it"]
    assert report.secrets == 1
    assert body.encode() not in copy


# ----------------------------------------------------------------------------------------- hostile files


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "neither"), (b"GIF89a", "neither"), (b"5", "neither"), (b'"text"', "neither"), (b"{", "neither"),
        (b"[" * 100_000, "deeply"), (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "deeply"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "deeply"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "neither"),
        (b"\x89PNG", "begin as a PNG"), (b"\x89PNG\r\n\x1a\n", "cut off"), (picture()[:-6], "cut off"), (picture()[:200], "cut off"),
        (png(b"\x06\x40\x00\x00tEXtworkflow\0{}"), "longer than the file"),
        (png(chunk(b"tEXt", b"workflow{}")), "no keyword"), (png(chunk(b"iTXt", b"workflow\0\0\0")), "parts missing"),
        (png(chunk(b"zTXt", b"workflow\0\0junk")), "zlib"), (png(chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"x" * 99)[:-9])), "cut off"),
        (png(chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(1 << 27), 1))), "unpacks to more"),
        (png(text_chunk("workflow", "{}")[:-1] + b"\0"), "CRC"),
        (b"RIFF\xff\xff\xff\x7fWEBPVP8L", "no whole WebP"), (webp(b"no tiff"), "no TIFF"), (webp(exif({1: "x" * 99})[:40]), "cut off"),
        (b"RIFF\x0c\0\0\0WEBPVP8L\xff\xff\xff\x7f", "claims"),
    ],
)  # fmt: skip
def test_hostile_files(tmp_path: Path, content: bytes, why: str):
    """Cut files, chunks that claim gigabytes, bombs, depths: a RequestError that says what, and no copy."""
    path = saved(tmp_path, "p", content)
    for attempt in (lambda: check(path), lambda: convert(path, tmp_path / "copy")):
        with pytest.raises(RequestError, match=why):
            attempt()
    assert not (tmp_path / "copy").exists()


def test_text_that_is_not_utf8(tmp_path: Path):
    """Bytes that are no UTF-8 and halves of surrogate pairs come through; the key beside them does not."""
    text = b'{"nodes": [{"type": "Note", "widgets_values": ["\xff\xfe \\ud800 ' + KEY.encode() + b'"]}]}'
    copy, report = cleaned(tmp_path, "p.json", text)
    assert KEY.encode() not in copy
    assert report.secrets == 1
    assert json.dumps(report.as_object())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from([KEY, f"x {KEY}", "AV_OpenAIApi", "OllamaGenerateV2", "AV_LLMApiConfig", '{"a": ["b"]}', "-1"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["nodes", "links", "id", "type", "class_type", "inputs", "outputs", "widgets_values", "widget", "link",
                         "name", "properties", "proxyWidgets", "definitions", "subgraphs", "extra", "groupNodes", "api_key",
                         "antiphon", "recordings", "connectivity", "model", "1", KEY]),
        inner, max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=300,
    deadline=None,
)
@given(
    value=st.dictionaries(st.sampled_from(["nodes", "links", "1", "2", "extra", "prompt"]), JSON, max_size=5)
)
def test_any_json_at_all(tmp_path: Path, value: dict[str, Any]):
    """Whatever JSON a file holds, it is looked through and copied, without the key, or it is a RequestError."""
    path = saved(tmp_path, "any.json", value)
    try:
        check(path)
        convert(path, tmp_path / "copy.json", Options(models=True, nodes=True), force=True)
    except RequestError:
        return
    assert KEY.encode() not in (tmp_path / "copy.json").read_bytes()


# ------------------------------------------------------------------------------------------------ copies


def test_the_original_is_never_written_over(tmp_path: Path):
    """A target that is the file itself, also by another name, is refused, with force too; another only without."""
    path = saved(tmp_path, "p.json", page_graph())
    (tmp_path / "link.json").symlink_to(path)
    for same in (path, tmp_path / "link.json"):
        with pytest.raises(RequestError, match="itself"):
            convert(path, same, force=True)
    other = saved(tmp_path, "other.json", {})
    with pytest.raises(RequestError, match="exists"):
        convert(path, other)
    convert(path, other, force=True)
    assert json.loads(other.read_bytes()) == page_graph("")
    assert json.loads(path.read_bytes()) == page_graph()


def test_files_that_cannot_be_had(tmp_path: Path):
    """No such file, a folder, a target that cannot be written: RequestErrors."""
    with pytest.raises(RequestError, match="No such file"):
        check(tmp_path / "nowhere.json")
    with pytest.raises(RequestError, match="directory"):
        check(tmp_path)
    path = saved(tmp_path, "p.json", {})
    with pytest.raises(RequestError, match="cannot write"):
        convert(path, path / "below" / "copy.json")


# --------------------------------------------------------------------------- pictures made by others


def test_what_pillow_writes_and_reads(tmp_path: Path):
    """A PNG and a WebP that Pillow saved as ComfyUI has it do: the copy has the same pixels, and Pillow reads its texts."""
    image_module = pytest.importorskip("PIL.Image")
    from PIL.PngImagePlugin import PngInfo  # type: ignore[import-not-found]

    image = image_module.new("RGB", (32, 16))
    image.putdata([(n % 256, n // 2 % 256, 7) for n in range(512)])
    info, tags = PngInfo(), image.getexif()
    for tag, (name, graph) in zip(
        (0x110, 0x10F), {"prompt": api_graph(), "workflow": page_graph()}.items(), strict=True
    ):
        info.add_text(name, json.dumps(graph))
        tags[tag] = f"{name}:{json.dumps(graph)}"
    image.save(tmp_path / "p.png", pnginfo=info, compress_level=4)
    image.save(tmp_path / "p.webp", exif=tags, lossless=True)
    for name in ("p.png", "p.webp"):
        assert convert(tmp_path / name, tmp_path / "out" / name).secrets == 2
        with image_module.open(tmp_path / "out" / name) as copy, image_module.open(tmp_path / name) as before:
            assert copy.tobytes() == before.tobytes()
            texts = copy.text if name == "p.png" else {
                text.partition(":")[0]: text.partition(":")[2] for text in copy.getexif().values()
            }  # fmt: skip
            assert json.loads(texts["workflow"]) == page_graph("")
            assert json.dumps(json.loads(texts["prompt"])) == json.dumps(api_graph(""))
