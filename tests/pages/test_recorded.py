"""The history over HTTP: lists, whole recordings, media, sums, and what may be done with them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from antiphon.client import Client
from antiphon.request import Media
from tests.pages.hosting import Pages
from tests.prepare.images import noise, saved

HOSTILE = "<script>alert(1)</script>\u202e\u2066 \x1b[31m [a](javascript:alert(1))"


@pytest.fixture
def client(home: Path) -> Any:
    """Another process's client of the same home."""
    client = Client(home)
    yield client
    client.close()


def asked(client: Client, prompt: str, seed: int, **settings: Any) -> str:
    return client.complete(prompt, provider="echo", seed=seed, **settings).key or ""


def items(pages: Pages, query: str = "") -> list[dict[str, Any]]:
    reply = pages.ask("GET", f"/antiphon/history{query}")
    assert reply.status == 200, reply.body
    return reply.json["items"]


def test_the_list_is_paged(pages: Pages, client: Client):
    """The newest first, so many at a time, each once, and the total with every page."""
    keys = [asked(client, f"question {n}", n) for n in range(5)]

    seen, cursor, totals = list[str](), "", set[int]()
    while True:
        page = pages.ask("GET", f"/antiphon/history?limit=2&cursor={cursor}").json
        seen += [item["key"] for item in page["items"]]
        totals.add(page["total"])
        cursor = page["next"]
        if cursor is None:
            break

    assert seen == keys[::-1]
    assert totals == {5}
    assert page["indexing"] == {"done": 5, "total": 5}


def test_the_list_is_searched(pages: Pages, client: Client):
    """By words, provider, model, pins and times; what makes no sense is named."""
    first, second = asked(client, "a red house", 1), asked(client, "a blue car", 2)
    pages.ask("POST", f"/antiphon/history/{first}/pin", {"pinned": True})

    assert [item["key"] for item in items(pages, "?search=RED+house")] == [first]
    assert [item["key"] for item in items(pages, "?search=%22%27%3B--%25_*")] == []
    assert [item["key"] for item in items(pages, "?pinned=1")] == [first]
    assert [item["key"] for item in items(pages, "?provider=echo&limit=1")] == [second]
    assert items(pages, "?provider=openai") == []
    assert items(pages, "?since=3999999999") == []
    for query, field in (
        *(("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("limit=nan", "limit")),
        *(("cursor=-1", "cursor"), ("cursor=%27", "cursor"), ("since=inf", "since"), ("pinned=2", "pinned")),
        *(("limit=1&limit=2", "query"), ("before=-5", "before")),
    ):
        reply = pages.ask("GET", f"/antiphon/history?{query}")
        assert (reply.status, reply.error["field"]) == (400, field), query


def test_a_recording_is_shown_whole(pages: Pages, client: Client):
    """Messages, text, settings, usage and seed, whatever characters are in them, as JSON text."""
    key = asked(client, HOSTILE, 7, system="Be short.", temperature=0.5)

    for path in (f"history/{key}", f"history/{key.replace(':', '%3A')}"):
        reply = pages.ask("GET", f"/antiphon/{path}")
        shown = reply.json
        assert shown["text"] == HOSTILE
        assert shown["messages"] == [
            {"role": "system", "content": ["Be short."]},
            {"role": "user", "content": [HOSTILE]},
        ]
        assert (shown["seed"], shown["config"]["temperature"], shown["problem"]) == ("7", 0.5, None)
        assert reply.headers["content-type"] == "application/json"
        assert reply.body.isascii()
    assert pages.ask("GET", "/antiphon/history/k1:" + "0" * 64).status == 404


def test_no_digit_of_a_seed_is_lost(pages: Pages, client: Client):
    """Seeds go out and come in as digits: a page that counts in floating point says the same ones again."""
    seed = (1 << 64) + 1
    key = asked(client, "wide seed", seed)

    [item] = [item for item in pages.ask("GET", "/antiphon/history").json["items"] if item["key"] == key]
    again = pages.ask("POST", "/antiphon/complete", {"again": key, "seed": item["seed"]})

    assert item["seed"] == pages.ask("GET", f"/antiphon/history/{key}").json["seed"] == str(seed)
    completion = again.lines[-1]["completion"]
    assert (completion["seed"], completion["key"], completion["replayed"]) == (str(seed), key, True)


def test_media_are_shown_and_never_run(pages: Pages, client: Client):
    """A picture comes as a picture in a sandbox; what could be a program is a file to keep, of no type."""
    picture = Media.from_bytes(saved(noise(3, 2), "PNG"))
    drawing = Media.from_bytes(
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", media_type="image/svg+xml"
    )
    key = client.complete("?", provider="echo", seed=1, attachments=[picture]).key
    shown = pages.ask("GET", f"/antiphon/history/{key}/media/{picture.sha256}")

    assert shown.body == picture.data
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["content-security-policy"].endswith("sandbox")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-disposition"].startswith("inline")
    assert pages.ask("GET", f"/antiphon/history/{key}/media/{'0' * 64}").status == 404
    assert pages.ask("GET", f"/antiphon/history/k1:{'0' * 64}/media/{picture.sha256}").status == 404

    answer = {
        "echo": {"images": [f"data:image/svg+xml;base64,{base64.b64encode(drawing.data or b'').decode()}"]}
    }
    other = client.complete("draw", provider="echo", seed=1, extra=answer).key
    file = pages.ask("GET", f"/antiphon/history/{other}/media/{drawing.sha256}")
    assert (file.status, file.headers["content-type"]) == (200, "application/octet-stream")
    assert file.headers["content-disposition"].startswith("attachment")


def test_recordings_are_deleted_and_only_those(pages: Pages, client: Client):
    """What is deleted is gone from the list, whole and search; the others stay; a second tab's try finds none."""
    keys = [asked(client, f"question {n}", n) for n in range(4)]

    first = pages.ask("POST", "/antiphon/history/delete", {"keys": keys[:2]})
    second = pages.ask("POST", "/antiphon/history/delete", {"keys": keys[:2]})

    assert (first.json, second.json) == ({"deleted": 2}, {"deleted": 0})
    assert [item["key"] for item in items(pages)] == keys[:1:-1]
    assert items(pages, "?search=%22question+0%22") == []
    assert pages.ask("GET", f"/antiphon/history/{keys[0]}").status == 404
    assert client.store.get(keys[3]) is not None
    for wrong in ([], "all", [7], ["k1:zz"], [["a"]], ["k"] * 5001, None, {}):
        reply = pages.ask("POST", "/antiphon/history/delete", {"keys": wrong})
        assert reply.status in (400, 409), wrong
    assert len(items(pages)) == 2


def test_a_selection_is_exported(pages: Pages, client: Client, tmp_path: Path):
    """The file that comes is one that import takes, with these recordings and no others."""
    keys = [asked(client, f"question {n}", n) for n in range(3)]

    reply = pages.ask("POST", "/antiphon/history/export", {"keys": keys[:2]})

    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''recordings-2.antiphon"
    (tmp_path / "file").write_bytes(reply.body)
    with Client(tmp_path / "other").store as store:
        store.import_(tmp_path / "file")
        assert sorted(entry.key for entry in store.list()) == sorted(keys[:2])
    assert pages.ask("POST", "/antiphon/history/export", {"keys": ["k1:" + "0" * 64]}).status == 409


def test_replays_and_sums_are_counted(pages: Pages, client: Client):
    """Today has what was recorded, by model too; the span is as long as asked for."""
    for n in range(3):
        asked(client, "one two", n)

    totals = pages.ask("GET", "/antiphon/totals?days=7").json

    assert len(totals["days"]) == 7
    assert sum(day["completions"] for day in totals["days"]) == 3
    assert [(row["provider"], row["completions"]) for row in totals["models"]] == [("echo", 3)]
    assert pages.ask("GET", "/antiphon/totals?days=0").error["field"] == "days"


def test_the_workflow_that_made_it(pages: Pages, client: Client):
    """It is given as it was kept, and missing where none is."""
    made, plain = asked(client, "with", 1), asked(client, "without", 1)
    assert pages.server.site.history.origin(made, {"nodes": [], "version": 0.4})

    assert pages.ask("GET", f"/antiphon/history/{made}/workflow").json == {"nodes": [], "version": 0.4}
    assert pages.ask("GET", f"/antiphon/history/{plain}/workflow").status == 404
    assert {item["key"]: item["workflow"] for item in items(pages)} == {made: True, plain: False}


def test_models_are_known_without_a_network(pages: Pages, peer: Any):
    """The table's own, until refresh asks; then what the server lists, and the age of that."""
    known = pages.ask("GET", "/antiphon/models?provider=anthropic").json
    query = f"provider=compatible&base_url={peer.url}"
    before = pages.ask("GET", f"/antiphon/models?{query}").json
    after = pages.ask("GET", f"/antiphon/models?{query}&refresh=1").json
    kept = pages.ask("GET", f"/antiphon/models?{query}").json

    assert known["known_only"]
    assert any(model["context"] for model in known["models"])
    assert (before["models"], before["known_only"], before["listed_at"]) == ([], True, None)
    assert [model["id"] for model in after["models"]] == ["peer-1"]
    assert after["listed_at"] > 0
    assert kept == after
    assert pages.ask("GET", "/antiphon/models?provider=nobody").error["field"] == "provider"
    assert pages.ask("GET", "/antiphon/models").error["field"] == "provider"


def test_the_state_is_what_a_page_begins_with(pages: Pages, monkeypatch: pytest.MonkeyPatch):
    """Version, providers with their hosts, and the caps on spending."""
    monkeypatch.setenv("ANTIPHON_BUDGET", "day=5")
    state = pages.ask("GET", "/antiphon/state").json

    assert (state["allowed"], state["pairing"], state["host"]) == (True, False, "ui")
    rows = {row["name"]: row for row in state["providers"]}
    assert rows["anthropic"]["hosts"] == ["api.anthropic.com"]
    assert (rows["echo"]["keyless"], rows["compatible"]["needs_base_url"]) == (True, True)
    assert state["budget"] == {"day": 5.0, "process": None, "unknown": "refuse"}
