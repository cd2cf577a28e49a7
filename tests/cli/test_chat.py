"""`antiphon chat`: a conversation at a terminal and through a pipe, kept and resumed."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from antiphon import Media, Message, RequestError
from antiphon.cli.conversations import Conversation, Conversations

from ..peer import serve
from ..waiting import until

CHAT = ("chat", "-m", "echo")
terminal = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
PNG = "data:image/png;base64,iVBORw0KGgpkb3Q="


def kept(home: Path) -> dict[str, dict]:
    folder = home / "conversations"
    return {path.stem: json.loads(path.read_bytes()) for path in folder.glob("*.json")}


# --------------------------------------------------------------------------------------------- piped


def test_a_piped_conversation_is_answered_line_by_line(cli, home):
    """Answers on stdout, status lines on stderr, both turns kept."""
    result = cli(*CHAT, stdin="one\n\ntwo\\\nlines\n")
    assert result.exit_code == 0
    assert result.stdout == "one\ntwo\nlines\n"
    [document] = kept(home).values()
    assert [(m["role"], m["parts"]) for m in document["messages"]] == [
        ("user", ["one"]), ("assistant", ["one"]), ("user", ["two\nlines"]), ("assistant", ["two\nlines"]),
    ]  # fmt: skip


def test_all_that_was_said_is_sent_again(cli):
    """Each question goes out with the turns before it and the system prompt."""
    with serve() as peer:
        result = cli("chat", "--base-url", peer.url, "-s", "be brief", "-q", stdin="one\ntwo\n")
        assert result.exit_code == 0, result.stderr
        assert [m["role"] for m in peer.seen[1].body["messages"]] == ["system", "user", "assistant", "user"]


def test_a_piped_conversation_ends_at_a_failure_with_its_exit_code(cli):
    """A script sees what went wrong."""
    result = cli(*CHAT, "--extra", 'echo={"status": 404}', stdin="one\ntwo\n")
    assert result.exit_code == 4
    assert result.stderr.count("error: ") == 1


def test_wrong_settings_are_said_before_the_first_line(cli):
    """Nobody types a question first to hear that the model is unknown."""
    result = cli("chat", "-m", "nobody/x", stdin="one\n")
    assert result.exit_code == 2
    assert "nobody/x" in result.stderr


def test_resuming_goes_on_where_it_stopped(cli, home):
    """By name or as 'last', with the settings it was begun with, kept under the same name."""
    cli(*CHAT, "--seed", 5, "--stop", "x", stdin="one\n/save talk\n")
    assert kept(home).keys() == {"talk"}
    cli("chat", "--resume", "talk", stdin="two\n")
    cli("chat", "--resume", "last", stdin="three\n")
    [document] = kept(home).values()
    assert [m["parts"][0] for m in document["messages"][::2]] == ["one", "two", "three"]
    assert document["settings"] == {"model": "echo", "seed": 5, "stop": ["x"]}


def test_options_given_when_resuming_replace_the_old_ones(cli, home):
    """The rest stays as it was."""
    cli(*CHAT, "--seed", 5, stdin="one\n/save talk\n")
    cli("chat", "--resume", "talk", "--seed", 6, stdin="two\n")
    assert kept(home)["talk"]["settings"] == {"model": "echo", "seed": 6}


def test_listing_shows_the_latest_first(cli, home):
    """Name, time, number of messages and how it begins; as JSON too."""
    cli(*CHAT, stdin="first words\n/save a\n")
    cli(*CHAT, stdin="other words\n/save b\n")
    lines = cli("chat", "--list").stdout.splitlines()
    assert lines[0].split("\t") == ["name", "updated", "messages", "begins"]
    assert [(line.split("\t")[0], line.split("\t")[3]) for line in lines[1:]] == [
        ("b", "other words"),
        ("a", "first words"),
    ]
    assert [row["name"] for row in json.loads(cli("chat", "--list", "--json").stdout)] == ["b", "a"]


@pytest.mark.parametrize("name", ["missing", "last", "../x", "a/b", ""])
def test_a_conversation_that_is_not_there_is_a_clear_error(cli, name):
    """By any name, also one that would leave the folder."""
    result = cli("chat", "--resume", name or " ", stdin="")
    assert result.exit_code == 2
    assert "error: " in result.stderr


def test_the_commands(cli, home, tmp_path):
    """undo, system, model, attach, save, help, exit and // do what /help says."""
    dot = tmp_path / "dot.png"
    dot.write_bytes(b"\x89PNG\r\n\x1a\ndot")
    lines = [
        "one", "two", "/undo", "/system be kind", "/model echo/parrot", f"/attach {dot}", "look", "//slash",
        "/model", "/help", "/save talk", "/exit", "never asked",
    ]  # fmt: skip
    result = cli(*CHAT, stdin="\n".join(lines))
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "one\ntwo\nlook\n/slash\n"
    document = kept(home)["talk"]
    assert [m["parts"][-1] for m in document["messages"][::2]] == ["one", "look", "/slash"]
    assert document["messages"][2]["parts"][0]["media_type"] == "image/png"
    assert document["settings"] == {"model": "echo/parrot", "system": "be kind"}
    assert "echo/parrot" in result.stderr
    assert all(f"/{name}" in result.stderr for name in ("undo", "system", "attach", "save"))


@pytest.mark.parametrize(
    "line", ["/nonsense", "/undo", "/attach", "/attach missing.png", "/save a/b", "/model nobody/x"]
)
def test_a_command_that_cannot_be_done_says_so(cli, home, line):
    """And changes nothing."""
    result = cli(*CHAT, stdin=f"{line}\n")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert kept(home) == {}


# -------------------------------------------------------------------------------------- at a terminal


@terminal
def test_a_sitting_and_a_second_one(child, home):
    """Prompt, answer, keeping, Ctrl-D; resumed, the talk so far is shown and goes on."""
    one = child(*CHAT, terminal="stdin stdout stderr")
    one.until("> ")
    one.type("hello there\r")
    one.until("out")
    one.until("> ")
    one.type("/save talk\r")
    one.until("kept as talk")
    one.until("> ")  # a Ctrl-D typed ahead is lost when readline takes the terminal over
    one.type("\x04")
    assert one.end() == 0
    assert b"antiphon chat --resume talk" in one.seen
    two = child("chat", "--resume", "talk", terminal="stdin stdout stderr")
    shown = two.until("hello there\r\nhello there\r\n")
    assert "> hello there" in shown
    two.until("> ")
    two.type("more\r")
    two.until("out")
    two.until("> ")
    two.type("/exit\r")
    assert two.end() == 0
    assert [m["parts"] for m in kept(home)["talk"]["messages"][2:]] == [["more"], ["more"]]


@terminal
def test_ctrl_c_cancels_the_answer_and_not_the_chat(child, home):
    """The request is closed on the wire, nothing of it is kept, and the next question is answered."""
    with serve() as peer:
        peer.delay = 60
        one = child("chat", "--base-url", peer.url, terminal="stdin stdout stderr")
        one.until("> ")
        one.type("slow one\r")
        one.until("waiting")
        until(lambda: bool(peer.seen))
        one.type("\x03")
        one.until("cancelled")
        one.until("> ")
        until(lambda: peer.seen[0].disconnected is not None)
        peer.delay = 0
        one.type("quick one\r")
        one.until("answer to quick one")
        one.until("> ")
        one.type("\x04")
        assert one.end() == 0
        assert b"Traceback" not in one.seen
    [document] = kept(home).values()
    assert [m["parts"] for m in document["messages"]] == [["quick one"], ["answer to quick one "]]


@terminal
def test_ctrl_c_at_the_prompt_says_how_to_leave(child):
    """It throws the line away and goes on."""
    one = child(*CHAT, terminal="stdin stdout stderr")
    one.until("> ")
    one.type("half a li")
    one.until("half a li")
    one.press_until("\x03", "Ctrl-D or /exit leaves")
    one.until("> ")
    one.type("/exit\r")
    assert one.end() == 0


@terminal
def test_an_error_does_not_end_a_persons_chat(child, home):
    """It is shown with its hint, and the prompt comes back."""
    one = child(*CHAT, "--extra", 'echo={"status": 404}', terminal="stdin stdout stderr")
    one.until("> ")
    one.type("hello\r")
    one.until("hint")
    one.until("> ")
    one.type("\x04")
    assert one.end() == 0
    assert kept(home) == {}


@terminal
def test_lines_typed_before_are_under_the_arrow_keys(child, home):
    """History lasts from one sitting to the next, in a file for its owner only."""
    pytest.importorskip("readline")
    one = child(*CHAT, terminal="stdin stdout stderr")
    one.until("> ")
    one.type("remember me\r")
    one.until("out")
    one.until("> ")
    one.type("\x04")
    assert one.end() == 0
    assert stat.S_IMODE((home / "chat_history").stat().st_mode) == 0o600
    two = child(*CHAT, terminal="stdin stdout stderr")
    two.until("> ")
    two.type("\x1b[A")
    two.until("remember me")
    two.type("\x15/exit\r")
    assert two.end() == 0


# ------------------------------------------------------------------------------------------- on disk


def test_a_conversation_comes_back_as_it_was(tmp_path):
    """Messages with media by bytes and by URL, settings, and name."""
    folder = Conversations(tmp_path)
    messages = [
        Message(
            "user",
            Media.from_data_url(PNG, name="dot.png"),
            Media.from_url("https://x.example/a.png"),
            "what?",
        ),
        Message("assistant", "a dot"),
    ]
    folder.save(Conversation("talk", {"model": "echo", "seed": 0}, messages))
    again = folder.load("talk")
    assert (again.messages, again.settings) == (messages, {"model": "echo", "seed": 0})


@pytest.mark.skipif(os.name != "posix", reason="mode bits mean nothing here")
def test_conversations_are_for_their_owner_only(tmp_path):
    """What is said in them is nobody else's business."""
    folder = Conversations(tmp_path / "c")
    folder.save(Conversation("talk"))
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "c" / "talk.json").stat().st_mode) == 0o600


def test_a_write_that_fails_keeps_the_old_conversation(tmp_path, monkeypatch):
    """The file is replaced in one step or not at all."""
    folder = Conversations(tmp_path)
    folder.save(Conversation("talk", {"seed": 1}))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RequestError, match="No space left"):
        folder.save(Conversation("talk", {"seed": 2}))
    assert folder.load("talk").settings == {"seed": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["talk.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 9}', '{"version": 1, "messages": [{"role": "boss"}]}']
)
def test_a_broken_file_is_named_and_does_not_hide_the_others(tmp_path, text):
    """Loading it says what is wrong; listing goes on."""
    folder = Conversations(tmp_path)
    folder.save(Conversation("good"))
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(RequestError, match="bad\\.json is no conversation"):
        folder.load("bad")
    assert [conversation.name for conversation in folder] == ["good"]


def test_renaming_does_not_overwrite(tmp_path):
    """A name that is taken is refused, and both stay."""
    folder = Conversations(tmp_path)
    folder.save(Conversation("a", {"seed": 1}))
    other = Conversation("b", {"seed": 2})
    folder.save(other)
    with pytest.raises(RequestError, match="already"):
        folder.rename(other, "a")
    assert [c.settings for c in folder] == [{"seed": 1}, {"seed": 2}]
