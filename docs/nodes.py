"""Writes what users read about the ComfyUI nodes, from what a running ComfyUI says of them.

    uv run python docs/nodes.py http://127.0.0.1:8188

It writes locales/en/nodeDefs.json, and in each help page (src/antiphon/comfyui/web/docs) the lists of inputs and
outputs, between the two comments; the rest of a page is written by hand, and so are the other languages in locales.
The tests marked `comfyui` compare all of it with the nodes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "src" / "antiphon" / "comfyui" / "web" / "docs"
LOCALES = ROOT / "locales"
BEGIN, END = "<!-- made by docs/nodes.py -->", "<!-- until here -->"
LIMITS = ("min", "max")
GROWING, SHOWN = (
    "COMFY_AUTOGROW_V3",
    4,
)  # an input that grows, and how many are shown: as many as older hosts have


class Words(NamedTuple):
    """The words of the lists in one language."""

    inputs: str
    outputs: str
    optional: str
    default: str


WORDS = {
    "en": Words("Inputs", "Outputs", "optional", "default"),
    "zh": Words("输入", "输出", "可选", "默认"),
}


def ours(info: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes of this pack among all of ComfyUI's, by id."""
    return {name: node for name, node in info.items() if name.startswith(("AV_", "Antiphon"))}


def inputs(node: Mapping[str, Any]) -> Iterator[tuple[str, str, bool, dict[str, Any]]]:
    """Each input in order: its name, its type, whether it has to be there, and its options."""
    for group in ("required", "optional"):
        for name, (kind, *given) in node["input"].get(group, {}).items():
            options = given[0] if given else {}
            needed = group == "required"
            if kind == GROWING:
                for number in range(SHOWN):
                    one = {"display_name": f"image{number}"}
                    yield f"{name}.image{number}", "IMAGE", needed, one
            else:
                yield name, kind if isinstance(kind, str) else "COMBO", needed, options


def english(node: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What locales/en/nodeDefs.json says of a node: the words of its schema, and what it said where that is silent."""
    told = zip(node["output_name"], node.get("output_tooltips") or [], strict=True)

    def tooltip(group: str, name: str, given: str | None) -> str:
        return literal(given) if given else before.get(group, {}).get(name, {}).get("tooltip", "")

    return {
        "display_name": node["display_name"],
        "description": literal(node["description"]),
        "inputs": {
            key(name): {
                "name": options.get("display_name") or name,
                "tooltip": tooltip("inputs", key(name), options.get("tooltip")),
            }
            for name, _, _, options in inputs(node)
        },
        "outputs": {
            str(number): {"name": name, "tooltip": tooltip("outputs", str(number), given)}
            for number, (name, given) in enumerate(told)
        },
    }


def literal(text: str) -> str:
    """A text as the page's translations write it: braces, @ and | mean something there."""
    return re.sub(r"[{}@|]", r"{'\g<0>'}", text)


def plain(text: str) -> str:
    """The text that such a translation stands for."""
    return re.sub(r"\{'(.)'\}", r"\1", text)


def key(name: str) -> str:
    """An input's name as the page looks it up."""
    return name.replace(".", "_")


def lists(node: Mapping[str, Any], told: Mapping[str, Any], words: Words) -> str:
    """The inputs and outputs of a node in the language of `words`, with the tooltips of `told`."""
    rows = [
        (
            _name(name, told["inputs"][key(name)]),
            _kind(kind, options, needed, words),
            told["inputs"][key(name)],
        )
        for name, kind, needed, options in inputs(node)
    ]
    out = [
        (
            _name(told["outputs"][str(n)]["name"], {}),
            f"`{kind}`" + (" ×n" if many else ""),
            told["outputs"][str(n)],
        )
        for n, (kind, many) in enumerate(zip(node["output"], node["output_is_list"], strict=True))
    ]
    parts = [BEGIN]
    for title, lines in ((words.inputs, rows), (words.outputs, out)):
        if lines:
            parts += [f"## {title}", _list(lines)]
    return "\n\n".join([*parts, END])


def _list(lines: list[tuple[str, str, Any]]) -> str:
    """A list: the panel that shows it is too narrow for a table."""
    return "\n".join(f"- {name} {kind}: {plain(text['tooltip'])}" for name, kind, text in lines)


def _name(name: str, told: Mapping[str, Any]) -> str:
    shown = told.get("name", name)
    return f"**{name}**" if shown == name else f"**{shown}** (`{name}`)"


def _kind(kind: str, options: Mapping[str, Any], needed: bool, words: Words) -> str:
    parts = [f"`{kind}`"]
    low, high = (options.get(limit) for limit in LIMITS)
    if low is not None and high is not None:
        parts.append(f"{low}–{high}")
    default = options.get("default")
    if default not in (None, ""):
        parts.append(f"{words.default} {default}")
    if not needed:
        parts.append(words.optional)
    return ", ".join(parts)


def page(node_id: str, language: str) -> Path:
    """Where a node's help is: English beside, the other languages inside the folder of its name."""
    return PAGES / (f"{node_id}.md" if language == "en" else f"{node_id}/{language}.md")


def filled(text: str, made: str) -> str:
    """A page with its lists made anew."""
    found, count = re.subn(f"{BEGIN}.*?{END}", lambda _: made, text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"a page needs {BEGIN} and {END} once each")
    return found


def read(language: str) -> dict[str, Any]:
    """The words for all nodes in a language, as committed."""
    return json.loads((LOCALES / language / "nodeDefs.json").read_text(encoding="utf-8"))


def dumped(document: Any) -> str:
    """JSON as it is committed."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def files(info: Mapping[str, Any]) -> dict[Path, str]:
    """All that is made: each file with its text. The pages and the other languages are read where they are."""
    before = read("en")
    told = {"en": {name: english(node, before.get(name, {})) for name, node in sorted(ours(info).items())}}
    made = {LOCALES / "en" / "nodeDefs.json": dumped(told["en"])}
    for language, words in WORDS.items():
        if language != "en":
            told[language] = read(language)
        for name, node in ours(info).items():
            path = page(name, language)
            made[path] = filled(path.read_text(encoding="utf-8"), lists(node, told[language][name], words))
    return made


def main(address: str) -> None:
    """Write all files."""
    with urlopen(f"{address}/object_info") as reply:  # noqa: S310 - an address that the caller gives
        info = json.load(reply)
    for path, text in files(info).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
