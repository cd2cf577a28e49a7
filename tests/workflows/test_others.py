"""Other packs' nodes, said again with the original's: what they asked is asked, and what cannot be said stays."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.errors import RequestError
from antiphon.workflows.conversion import Options, check, convert
from antiphon.workflows.graphs import graphs_in
from antiphon.workflows.opened import opened, places
from antiphon.workflows.renewal import renew

from .files import KEY, api_graph, page_graph, page_node, png, saved, text_chunk


def socket(name: str, link: int | None, kind: str = "*", *, widget: bool = False) -> dict[str, Any]:
    return {"name": name, "type": kind, "link": link, **({"widget": {"name": name}} if widget else {})}


def ollama_api(**changes: Any) -> dict[str, Any]:
    asked = {
        "system": "Be brief.", "prompt": "A cat", "think": False, "keep_context": False, "format": "text",
        "connectivity": ["17", 0], **changes,
    }  # fmt: skip
    return {
        "17": {"class_type": "OllamaConnectivityV2", "inputs": {"url": "http://127.0.0.1:11434", "model": "qwen3:4b", "keep_alive": 5, "keep_alive_unit": "minutes"}},
        "27": {"class_type": "OllamaGenerateV2", "inputs": asked},
        "28": {"class_type": "PreviewAny", "inputs": {"source": ["27", 0]}},
    }  # fmt: skip


def ollama_page(system: str = "Be brief.") -> dict[str, Any]:
    """As the pack's own example has it: sockets of widgets behind the others, one value too many in the connection."""
    server = page_node(
        17,
        "OllamaConnectivityV2",
        "http://127.0.0.1:11434",
        "qwen3:4b",
        5,
        "minutes",
        None,
        outputs=[("connection", [18])],
    )
    asking = page_node(
        27, "OllamaGenerateV2", system, "A cat", False, False, "text",
        inputs=[("connectivity", 18), ("options", None), ("images", 20), ("context", None), ("meta", None)],
        outputs=[("result", [19]), ("thinking", []), ("context", []), ("meta", [])],
    )  # fmt: skip
    asking["inputs"] += [
        socket(name, None, widget=True) for name in ("system", "prompt", "think", "keep_context", "format")
    ]
    return {
        "last_node_id": 28, "last_link_id": 20,
        "nodes": [server, asking, page_node(28, "PreviewAny", inputs=[("source", 19)]), page_node(3, "LoadImage", "cat.png", "image", outputs=[("IMAGE", [20]), ("MASK", [])])],
        "links": [[18, 17, 0, 27, 0, "OLLAMA_CONNECTIVITY"], [19, 27, 0, 28, 0, "STRING"], [20, 3, 0, 27, 2, "IMAGE"]],
        "groups": [], "extra": {}, "version": 0.4,
    }  # fmt: skip


def openai_api(key: str = KEY) -> dict[str, Any]:
    return {
        "1": {"class_type": "OAIAPI_Client", "inputs": {"base_url": "https://api.example.com/v1", "max_retries": 2, "timeout": 600, "api_key": key}},
        "2": {"class_type": "OAIAPI_ChatCompletion", "inputs": {"client": ["1", 0], "model": "gpt-5", "force_regen": False, "prompt": ["9", 0], "system_prompt": "", "options": ["4", 0]}},
        "3": {"class_type": "OAIAPI_Temperature", "inputs": {"temperature": 0.25}},
        "4": {"class_type": "OAIAPI_Seed", "inputs": {"seed": 11, "previous_options": ["5", 0]}},
        "5": {"class_type": "OAIAPI_MaxTokens", "inputs": {"max_tokens": 300, "previous_options": ["3", 0]}},
        "9": {"class_type": "PrimitiveString", "inputs": {"value": "A dog"}},
    }  # fmt: skip


def mapped(tmp_path: Path, graph: Any, **options: Any) -> tuple[Any, Any]:
    path = saved(tmp_path, "p.json", graph)
    report = convert(path, tmp_path / "copy.json", Options(nodes=True, **options), force=True)
    return json.loads((tmp_path / "copy.json").read_bytes()), report


def plain(graph: dict[str, Any]) -> dict[str, Any]:
    return {number: (node["class_type"], node["inputs"]) for number, node in graph.items()}


def test_a_question_with_a_system_prompt(tmp_path: Path):
    """Connection, config, two messages and a chat; what was wired to the text still is."""
    graph, report = mapped(tmp_path, ollama_api(images=["3", 0]))
    assert plain(graph) == {
        "17": ("AV_OpenAIApi", {"openai_api_key": "", "endpoint": "http://127.0.0.1:11434/v1"}),
        "29": ("AV_LLMApiConfig", {"model": "gpt-5", "custom_model": "qwen3:4b", "max_token": 102_400, "temperature": 0.8}),
        "30": ("AV_LLMMessage", {"role": "system", "text": "Be brief."}),
        "31": ("AV_LLMMessage", {"role": "user", "text": "A cat", "messages": ["30", 0], "image": ["3", 0]}),
        "27": ("AV_LLMChat", {"messages": ["31", 0], "api": ["17", 0], "config": ["29", 0], "seed": 0}),
        "28": ("PreviewAny", {"source": ["27", 0]}),
    }  # fmt: skip
    [row] = [row for row in report.rows if row.kind == "other"]
    assert row.done == "became AV_LLMChat"
    assert "0.8" in row.what


def test_a_question_with_options(tmp_path: Path):
    """Without a system prompt one node is enough; the chain of options is gone, the key is scrubbed in its new place."""
    graph, report = mapped(tmp_path, openai_api(), credentials={"": "mine"})
    assert plain(graph) == {
        "1": ("AV_OpenAIApi", {"openai_api_key": "credential:mine", "endpoint": "https://api.example.com/v1"}),
        "10": ("AV_LLMApiConfig", {"model": "gpt-5", "custom_model": "gpt-5", "max_token": 300, "temperature": 0.25}),
        "2": ("AV_LLMCompletion", {"prompt": ["9", 0], "api": ["1", 0], "config": ["10", 0], "seed": 11}),
        "9": ("PrimitiveString", {"value": "A dog"}),
    }  # fmt: skip
    assert report.secrets == 1


def test_on_the_page(tmp_path: Path):
    """Nodes, sockets, links and outputs agree with one another, and say what the graph for the API says."""
    graph, _ = mapped(tmp_path, ollama_page())
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert {number: node["type"] for number, node in nodes.items()} == {
        17: "AV_OpenAIApi", 27: "AV_LLMChat", 28: "PreviewAny", 3: "LoadImage", 29: "AV_LLMApiConfig", 30: "AV_LLMMessage", 31: "AV_LLMMessage",
    }  # fmt: skip
    assert nodes[27]["widgets_values"] == [0, "fixed"]
    assert nodes[29]["widgets_values"] == ["gpt-5", 102_400, 0.8, "qwen3:4b"]
    assert nodes[31]["widgets_values"] == ["user", "A cat"]
    consistent(graph)
    wired = {
        (link[1], link[2], link[3], nodes[link[3]]["inputs"][link[4]]["name"]) for link in graph["links"]
    }
    assert wired == {
        (17, 0, 27, "api"), (29, 0, 27, "config"), (31, 0, 27, "messages"), (30, 0, 31, "messages"), (3, 0, 31, "image"), (27, 0, 28, "source"),
    }  # fmt: skip


def consistent(graph: dict[str, Any]) -> None:
    """What the page relies on: links in both ends' lists, ids used once, counters at the highest."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert len(nodes) == len(graph["nodes"])
    numbers = [link[0] for link in graph["links"]]
    assert len(set(numbers)) == len(numbers)
    for number, origin, output, target, at, _ in graph["links"]:
        assert number in nodes[origin]["outputs"][output]["links"]
        assert nodes[target]["inputs"][at]["link"] == number
    entering = [one["link"] for node in nodes.values() for one in node["inputs"] if one["link"] is not None]
    leaving = [link for node in nodes.values() for one in node["outputs"] for link in one["links"] or ()]
    assert sorted(entering) == sorted(leaving) == sorted(numbers)
    assert graph["last_link_id"] >= max(numbers)
    assert graph["last_node_id"] >= max(nodes)


def test_both_graphs_of_a_picture_agree(tmp_path: Path):
    """New nodes have the same ids in the prompt and in the workflow of one picture."""
    api, page = ollama_api(images=["3", 0]), ollama_page()
    page["nodes"].append(page_node(40, "Note", "only on the page"))
    page["last_node_id"] = 40
    path = saved(
        tmp_path,
        "p.png",
        png(text_chunk("prompt", json.dumps(api)), text_chunk("workflow", json.dumps(page))),
    )
    convert(path, tmp_path / "copy.png", Options(nodes=True))
    first, second = graphs_in(opened(tmp_path / "copy.png").parts)
    assert {number: node.type for number, node in first.nodes.items()}.items() <= {
        number: node.type for number, node in second.nodes.items()
    }.items()
    for number, node in first.nodes.items():
        if node.type.startswith("AV_"):
            other = second.nodes[number]
            assert node.links == other.links
            assert {n: node.widget(n) for n in node.widgets} == {n: other.widget(n) for n in node.widgets}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"think": True}, "think"), ({"format": "json"}, "format"), ({"keep_context": True}, "keep_context"),
        ({"context": ["5", 0]}, "context"), ({"meta": ["5", 3]}, "meta"), ({"connectivity": ["99", 0]}, "connectivity"),
        ({"prompt": ""}, "asks nothing"), ({"options": ["50", 0]}, "options"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_stays(tmp_path: Path, changes: dict[str, Any], why: str):
    """A question that asks for more is left as it is, with the reason."""
    before = ollama_api(**changes)
    graph, report = mapped(tmp_path, before)
    assert graph == before
    [row] = [row for row in report.rows if row.node == "27"]
    assert why in row.what
    assert not row.done


def test_options_beyond_the_widgets(tmp_path: Path):
    """top_p, a temperature above 1, an output that has no place there: all stay; what is switched off does not count."""
    off = {f"enable_{name}": False for name in ("top_p", "seed", "temperature")}
    for inputs, stays in (
        ({**off, "top_p": 0.5}, False),
        ({**off, "enable_top_p": True, "top_p": 0.5}, True),
        ({**off, "enable_temperature": True, "temperature": 1.5}, True),
        ({**off, "enable_seed": True, "seed": 5}, False),
    ):
        before = {**ollama_api(options=["8", 0]), "8": {"class_type": "OllamaOptionsV2", "inputs": inputs}}
        graph, _ = mapped(tmp_path, before)
        assert (graph == before) is stays
        assert stays or "8" not in graph
    before = {**ollama_api(), "60": {"class_type": "PreviewAny", "inputs": {"source": ["27", 1]}}}
    assert mapped(tmp_path, before)[0] == before


def test_a_connection_that_is_shared(tmp_path: Path):
    """With one question that stays, all that share its connection stay; with none, all go and share it still."""
    two = ollama_api()
    two["30"] = {"class_type": "OllamaGenerateV2", "inputs": {**two["27"]["inputs"], "prompt": "A dog"}}
    graph, _ = mapped(tmp_path, two)
    assert [graph[it]["inputs"]["api"] for it in ("27", "30")] == [["17", 0], ["17", 0]]
    two["30"]["inputs"]["think"] = True
    graph, report = mapped(tmp_path, two)
    assert graph == two
    assert any("30, which stays" in row.what for row in report.rows if row.node == "27")


def test_inside_of_a_subgraph(tmp_path: Path):
    """What is in a subgraph is told and stays."""
    before = {**page_graph(""), "definitions": {"subgraphs": [ollama_page()]}}
    graph, report = mapped(tmp_path, before)
    assert graph == before
    assert any("subgraph" in row.what for row in report.rows if row.node == "27")


SCRAP = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 40) | st.sampled_from(["", "x", "27", "Reroute", "OllamaGenerateV2"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "link", "name"]), inner, max_size=2),
    max_leaves=5,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400, deadline=None)
@given(data=st.data(), page=st.booleans())
def test_a_graph_with_something_wrong_in_it(tmp_path: Path, data: st.DataObject, page: bool):
    """Whatever one value of a graph is replaced by, it is mapped, or stays, or is a RequestError."""
    options = {"8": {"class_type": "OllamaOptionsV2", "inputs": {"enable_seed": True, "seed": 3}}}
    root = [ollama_page() if page else {**ollama_api(options=["8", 0]), **options}]
    container, name = data.draw(st.sampled_from(list(places(root))))
    container[name] = data.draw(SCRAP)
    path = saved(tmp_path, "p.json", root[0])
    with suppress(RequestError):
        convert(path, tmp_path / "copy.json", Options(nodes=True), force=True)


def test_only_when_asked(tmp_path: Path):
    """Without the option other packs' nodes are told and stay; check says what could be done."""
    path = saved(tmp_path, "p.json", ollama_api())
    convert(path, tmp_path / "copy.json")
    assert json.loads((tmp_path / "copy.json").read_bytes()) == ollama_api()
    assert any("can be said" in row.what for row in check(path).rows)


def test_other_language_model_nodes_are_told(tmp_path: Path):
    """Nodes that look like another pack's are listed as not mapped; core's own loaders are not."""
    kinds = [
        "OllamaVision",
        "LLM_api_loader",
        "OpenRouterNode",
        "IF_LLM",
        "AdvPromptEnhancerGPT",
        "AV_LLMTextMessage",
    ]
    others = ["CLIPTextEncode", "KSampler", "CLIPLoaderGGUF", "LoadImage"]
    graph = {str(n): {"class_type": kind, "inputs": {}} for n, kind in enumerate([*kinds, *others])}
    rows = check(saved(tmp_path, "p.json", graph)).rows
    assert [row.type for row in rows] == kinds


# ------------------------------------------------------------------------------------------------ models


def test_a_retired_model_is_renewed(tmp_path: Path):
    """The successor takes its place in the widget that counts, and only when asked for."""
    graph = api_graph("")
    graph["1"]["class_type"] = "AV_ClaudeApi"
    graph["2"]["inputs"]["custom_model"] = "claude-3-opus-20240229"
    file = opened(saved(tmp_path, "p.json", graph))
    day = date(2030, 1, 1)
    [row] = renew(graphs_in(file.parts), write=True, day=day)
    new = json.loads(file.closed())["2"]["inputs"]
    assert new["custom_model"] in row.done
    assert new["custom_model"] != "claude-3-opus-20240229"
    assert new["model"] == "gpt-4-vision-preview"
