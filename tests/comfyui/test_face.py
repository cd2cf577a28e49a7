"""What users see before they run anything: examples, help pages and two languages, in step with the nodes."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.conftest import engine
from tests.comfyui.hosting import ROOT, ComfyUI
from tests.peer import Peer
from tests.test_repository import committed, project

NODES = runpy.run_path(str(ROOT / "docs" / "nodes.py"))
EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))
TWINS = Path(__file__).with_name("examples")
LANGUAGES = ("en", "zh")
# No space in it: aiohttp serves no folder under a prefix with one, so that ComfyUI has no pictures and pages then.
FOLDER = "LLM-pack@v1.0"
SHORT = "LLM-pack"  # what the page makes of it
EVERYTHING = 3_000_000  # bytes of all that the registry's archive may hold


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def words(language: str) -> dict[str, Any]:
    return read(ROOT / "locales" / language / "nodeDefs.json")


@pytest.fixture(scope="module")
def face(comfyui_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    """A ComfyUI that has the extra `local` beside the pack, and no network to speak of."""
    folder = tmp_path_factory.mktemp("face")
    environment = engine(folder)
    if not environment:
        pytest.skip("needs the embedded engine: uv sync")
    host = ComfyUI(folder, called=FOLDER, environment=environment)
    picture = ROOT / "example_workflows" / "captioning.jpg"
    shutil.copy(
        picture, host.folder / "input" / "example.png"
    )  # stands in for the picture that ComfyUI brings
    host.start()
    yield host
    host.stop()


# ------------------------------------------------------------------------------------- two languages


def shape(document: Any) -> Any:
    """A document with its texts taken out."""
    return {name: shape(value) for name, value in document.items()} if isinstance(document, dict) else ""


def test_both_languages_say_the_same_things():
    """Every name, description, input and output that has English words has Chinese ones, and none is dead."""
    for file in ("main.json", "nodeDefs.json"):
        english, chinese = (read(ROOT / "locales" / language / file) for language in LANGUAGES)
        assert shape(english) == shape(chinese)


def texts(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for value in document.values():
            yield from texts(value)
    else:
        yield document


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_can_be_shown(language: str):
    """None is empty, and none holds what the page's translations take for something else."""
    found = list(texts(words(language)))
    assert all(found)
    assert [text for text in found if re.search(r"[{}@|]", re.sub(r"\{'.'\}", "", text))] == []


def test_tooltips_are_translated():
    """No Chinese tooltip is the English one."""
    chinese = words("zh")
    for node, english in words("en").items():
        assert english["description"] != chinese[node]["description"]
        for group in ("inputs", "outputs"):
            for name, told in english[group].items():
                assert told["tooltip"] != chinese[node][group][name]["tooltip"]


def test_the_words_are_those_of_the_nodes(face: ComfyUI):
    """English words and the lists of all help pages are what ComfyUI says of the nodes: none missing, none dead."""
    made = NODES["files"](face.get("/object_info"))
    stale = [str(path.relative_to(ROOT)) for path, text in made.items() if path.read_text("utf-8") != text]
    assert stale == [], "run docs/nodes.py"
    assert set(NODES["PAGES"].rglob("*.md")) == {path for path in made if path.suffix == ".md"}


def test_comfyui_serves_the_words(face: ComfyUI):
    """GET /i18n has both languages, all files."""
    served = face.get("/i18n")
    for language in LANGUAGES:
        assert served[language]["nodeDefs"].items() >= words(language).items()
        assert served[language].items() >= read(ROOT / "locales" / language / "main.json").items()


# --------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("node", sorted(words("en")))
def test_a_help_page_is_whole(node: str):
    """In each language: title, what it does, inputs or outputs, what happens when it fails, an example."""
    for language, (outputs, failing, example) in {
        "en": ("Outputs", "When it fails", "Example"),
        "zh": ("输出", "出错时", "示例"),
    }.items():
        text = NODES["page"](node, language).read_text(encoding="utf-8")
        title, *heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        assert title == words(language)[node]["display_name"]
        assert {outputs, failing} < set(heads)
        assert heads[-1] == example
        assert not re.search(r"\]\(|<img|<a ", text), "links lead nowhere in there"


def test_comfyui_serves_the_help(face: ComfyUI):
    """Where the page asks for it: under the pack's name up to its first dot, in the page's language, then without."""
    info = NODES["ours"](face.get("/object_info"))
    assert info.keys() == words("en").keys()
    for node, told in info.items():
        assert told["python_module"].split(".")[1].split("@")[0] == SHORT
        for path in (f"{node}.md", f"{node}/zh.md"):
            served = face.fetch(f"/extensions/{SHORT}/docs/{path}")
            assert served == (NODES["PAGES"] / path).read_bytes()


def test_one_script_of_ours_is_loaded(face: ComfyUI):
    """The page loads every script in the folder of a pack: there is one, and it is served."""
    ours = [path for path in face.get("/extensions") if SHORT in path]
    assert ours == [f"/extensions/{SHORT}/antiphon.js"]
    assert face.fetch(ours[0]) == (ROOT / "src/antiphon/comfyui/web/antiphon.js").read_bytes()


# ----------------------------------------------------------------------------------------- examples


def named(paths: list[Path]) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in paths]


def test_the_examples_are_listed(face: ComfyUI):
    """ComfyUI offers each under the pack's name, with its picture beside it."""
    assert set(face.get("/workflow_templates")[FOLDER]) == {path.stem for path in EXAMPLES}
    for path in EXAMPLES:
        for file in (path, path.with_suffix(".jpg")):
            url = f"/api/workflow_templates/{FOLDER}/{file.name}"
            assert face.fetch(url) == file.read_bytes()


@pytest.mark.parametrize("path", named(EXAMPLES))
def test_a_thumbnail_is_small(path: Path):
    """Each example has a JPEG of its name, under 60 KB."""
    picture = path.with_suffix(".jpg").read_bytes()
    assert picture.startswith(b"\xff\xd8\xff")
    assert len(picture) < 60_000


@pytest.mark.parametrize("path", named(EXAMPLES))
def test_a_twin_is_the_same_graph(path: Path):
    """The prompt that the page made of a workflow still is that workflow: nodes, links and widget values in order."""
    graph, twin = read(path), read(TWINS / path.name)
    nodes = {str(node["id"]): node for node in graph["nodes"] if node["type"] not in ("Note", "MarkdownNote")}
    links = {link[0]: [str(link[1]), link[2]] for link in graph["links"]}

    assert {name: node["type"] for name, node in nodes.items()} == {
        name: node["class_type"] for name, node in twin.items()
    }
    for name, node in nodes.items():
        inputs = twin[name]["inputs"]
        linked = {slot["name"]: links[slot["link"]] for slot in node.get("inputs", ()) if slot.get("link")}
        assert {key: value for key, value in inputs.items() if isinstance(value, list)} == linked
        # The page writes widgets in order, the unsent ones (what happens to a seed, an upload) among them.
        kept = iter(map(str, node.get("widgets_values") or ()))
        sent = [str(value) for value in ordered(node, inputs) if not isinstance(value, list)]
        assert all(value in kept for value in sent), (name, sent)


def ordered(node: Any, inputs: dict[str, Any]) -> list[Any]:
    """The values of a twin's node in the order of its widgets: as the schema has them, else as the workflow tells."""
    ours = words("en").get(node["type"], {}).get("inputs")
    names = ours or [slot["name"] for slot in node.get("inputs", ()) if "widget" in slot]
    return [inputs[name] for name in names if name in inputs]


@pytest.mark.parametrize("path", named(EXAMPLES))
def test_an_example_is_safe_to_run_twice(path: Path):
    """Seeds stay as they are after a run, no key stands in it, and every address is this machine's."""
    text = path.read_text(encoding="utf-8")
    assert '"randomize"' not in text
    assert not re.search(r"sk-\w", text)
    assert set(re.findall(r"https?://([\w.]+)", text)) <= {"127.0.0.1"}


@pytest.mark.parametrize("path", named(EXAMPLES))
def test_an_example_runs(face: ComfyUI, peer: Peer, path: Path):
    """Without a key: on the embedded model, or on a server of one's own (a loopback peer in its place)."""
    text = (TWINS / path.name).read_text(encoding="utf-8")
    peer.text = lambda body: "a caption"
    graph = json.loads(text.replace("http://127.0.0.1:11434/v1", peer.url))
    own_server = peer.url in json.dumps(graph)

    run = face.run(graph, workflow=read(path))

    assert run.outcome == "success", run.error
    previews = [name for name, node in graph.items() if node["class_type"] == "PreviewAny"]
    words = [run.text(name) for name in previews]
    assert all(text.strip() for text in words)
    assert bool(peer.seen) == own_server
    asked = len(peer.seen)
    face.restart()
    again = face.run(graph, workflow=read(path))
    assert [again.text(name) for name in previews] == words
    assert len(peer.seen) == asked, "the same words come back without a request"


# ---------------------------------------------------------------------------------------- packaging


def archived() -> list[Path]:
    """What the registry's archive holds: what git keeps without what .comfyignore names."""
    ignored = (ROOT / ".comfyignore").read_text(encoding="utf-8").splitlines()
    ignored = [line.removeprefix("/") for line in ignored if line and not line.startswith("#")]
    return [
        path
        for path in committed()
        if not any(
            path.relative_to(ROOT).as_posix() == line
            or (line.endswith("/") and path.relative_to(ROOT).as_posix().startswith(line))
            for line in ignored
        )
    ]


def test_what_the_registry_gets():
    """The pack alone: no tests, no docs; with examples, help and languages; a few megabytes at most."""
    top = {path.relative_to(ROOT).parts[0] for path in archived()}
    assert top == {
        *("src", "locales", "example_workflows", "__init__.py", "pyproject.toml", "requirements.txt"),
        *("README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md", ".comfyignore"),
    }
    assert sum(path.stat().st_size for path in archived()) < EVERYTHING


def test_what_the_registry_reads():
    """[tool.comfy] has what it needs, the name is a plain one, and no file of the pack runs code from a text."""
    told = project()
    assert {"PublisherId", "DisplayName", "requires-comfyui"} <= told["tool"]["comfy"].keys()
    assert re.fullmatch(r"(?!.*comfyui)[a-z][a-z0-9-]*", told["project"]["name"])
    assert "Operating System :: OS Independent" in told["project"]["classifiers"]
    code = "\n".join(path.read_text(encoding="utf-8") for path in archived() if path.suffix == ".py")
    assert not re.search(r"(?<![\w.])(eval|exec)\(|pip._internal|\bpip install\b.*subprocess", code)
