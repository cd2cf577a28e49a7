"""The reference pages say what the code says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

GENERATE = Path(__file__).parent.parent / "docs" / "generate.py"
PAGES = runpy.run_path(str(GENERATE))["pages"]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_up_to_date(name):
    """Each reference page equals what docs/generate.py makes of the code today."""
    committed = (GENERATE.parent / "reference" / name).read_text(encoding="utf-8")

    assert committed == PAGES[name](), f"run: uv run python {GENERATE.name}"


ROOT = GENERATE.parent.parent
DOCS = ROOT / "docs"
WRITTEN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "src").rglob("*.md")])


def plain(path: Path) -> str:
    """A page without its code: an expression may look like a link, and a comment in a shell like a heading."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


def links(path: Path) -> list[tuple[str, str]]:
    """The files and anchors that a page links to: ("", anchor) within itself."""
    found = re.findall(r"\]\(<?([^)#:>\s]*)(?:#([^)>\s]*))?>?\)", plain(path))
    return [it for it in found if any(it)]


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    made: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = next(it for it in range(1000) if (f"{anchor}-{it}" if it else anchor) not in made)
        made.add(f"{anchor}-{number}" if number else anchor)
    return made


def test_links_lead_somewhere():
    """Every relative link points to a file that is there, and every anchor to a heading that is in it."""
    broken = []
    for path in WRITTEN:
        for target, anchor in links(path):
            there = path.parent / target if target else path
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{path.relative_to(ROOT)}: {target}#{anchor}")
    assert broken == []


def test_links_in_plain_addresses_stay_in_the_repository():
    """A relative link never leads out of the repository."""
    for path in WRITTEN:
        for target, _ in links(path):
            assert (path.parent / target).resolve().is_relative_to(ROOT), f"{path.name}: {target}"


def test_the_index_lists_every_page():
    """docs/README.md has one line for each page, under its kind, and the front page leads to it."""
    index = DOCS / "README.md"
    listed = [target for target, _ in links(index)]
    for path in DOCS.rglob("*.md"):
        if path != index:
            assert listed.count(path.relative_to(DOCS).as_posix()) >= 1, (
                f"{path.name} is not in docs/README.md"
            )
    parts = re.split(r"^## ", plain(index), flags=re.MULTILINE)
    for part, folder in zip(parts[1:5], ("tutorial", "how-to", "reference", "design"), strict=True):
        inside = set(re.findall(r"^- \[[^]]+\]\(([^)]+)\)", part, re.MULTILINE))
        assert inside == {f"{folder}/{path.name}" for path in (DOCS / folder).glob("*.md")}
    assert ("docs/README.md", "") in links(ROOT / "README.md")


def test_the_search_for_anchors_finds_them(tmp_path: Path):
    """Code, dots and links in a heading fall away; the second of two equal headings has a number."""
    page = tmp_path / "page.md"
    page.write_text("# `a.b`: [C](d.md) é\n\n## Same\n\n```sh\n# no\n```\n\n## Same\n", encoding="utf-8")
    assert anchors(page) == {"ab-c-é", "same", "same-1"}
