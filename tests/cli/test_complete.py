"""`antiphon complete`: prompts in, answers out, and what is where."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from antiphon import Client, Config
from antiphon.cli.options import config_options

from ..peer import serve
from ..waiting import until

PNG = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ECHO = ("complete", "-m", "echo")


def piped(*arguments: object, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "antiphon.cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, **env},
        timeout=60,
        check=False,
    )


# ---------------------------------------------------------------------------------------------- prompts


def test_the_answer_alone_is_on_stdout(cli):
    """Text and a line end on stdout; model, tokens and time on stderr."""
    result = cli(*ECHO, "hello there")
    assert result.exit_code == 0
    assert result.stdout == "hello there\n"
    assert result.stderr.startswith("echo/echo · 2 in, 2 out · ")


def test_quiet_says_nothing_on_stderr(cli):
    """-q leaves the answer only."""
    result = cli(*ECHO, "hello", "-q", "--seed", 1)
    assert (result.stdout, result.stderr) == ("hello\n", "")


def test_adapt_leaves_out_and_says_so(cli):
    """What the model does not take is an error; with --adapt it is left out, and a note on stderr says so."""
    refused = cli(*ECHO, "hello", "--aspect-ratio", "1:1")
    adapted = cli(*ECHO, "hello", "--aspect-ratio", "1:1", "--adapt")
    assert refused.exit_code != 0
    assert "aspect_ratio" in refused.stderr
    assert (adapted.exit_code, adapted.stdout) == (0, "hello\n")
    assert "note: aspect_ratio='1:1' was left out: echo does not take aspect_ratio" in adapted.stderr


@pytest.mark.parametrize("arguments", [(), ("-",), ("-f", "-")])
def test_the_prompt_comes_through_a_pipe(cli, arguments):
    """No prompt, - and -f - all read stdin, as UTF-8, without a byte order mark or the last line end."""
    result = cli(*ECHO, "-q", *arguments, stdin="\ufeffgrüße\nyou\n".encode())
    assert result.stdout == "grüße\nyou\n"


def test_prompt_and_files_are_put_together(cli, tmp_path):
    """Files follow the argument, each after a blank line."""
    (tmp_path / "a.txt").write_text("first\n")
    (tmp_path / "b.txt").write_text("second\n")
    result = cli(*ECHO, "-q", "Sum up:", "-f", tmp_path / "a.txt", "-f", tmp_path / "b.txt")
    assert result.stdout == "Sum up:\n\nfirst\n\nsecond\n"


def test_a_prompt_given_is_answered_without_waiting_for_stdin(child):
    """An open, silent pipe on stdin (cron, ssh, a service) does not hold it up."""
    process = child(*ECHO, "hello", "-q").process
    assert process.stdout.read() == b"hello\n"
    assert process.wait(timeout=30) == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (("  ",), None, "empty"),
        ((), b"\n", "empty"),
        ((), b"\xff\xfe", "not UTF-8"),
        (("-f", "missing.txt"), None, "cannot read missing.txt"),
        (("a", "b"), None, "in quotes"),
        (("hi", "--temperature", "5"), None, "from 0 to 2"),
        (("hi", "--temperature", "warm"), None, "--temperature"),
        (("hi", "--reasoning", "much"), None, "--reasoning"),
        (("hi", "--extra", "a=b"), None, "quotes"),
        (("hi", "--extra", "a"), None, "key=json"),
        (("hi", "--schema", __file__), None, "not JSON"),
        (("hi", "--nonsense",), None, "--nonsense"),
        (("hi", "--replay", "only"), None, "needs a seed"),
        (("hi", "-a", "missing.png"), None, "missing.png"),
        (("hi", "--timeout", "0"), None, "timeout"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_exit_code_2(cli, arguments, stdin, told):
    """One error line that says what is wrong, nothing on stdout, nothing sent."""
    result = cli(*ECHO, *arguments, stdin=stdin)
    assert result.exit_code == 2
    assert result.stdout == ""
    first, *rest = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert told in first + "".join(rest)
    assert all(line.startswith("hint: ") for line in rest)
    assert "Traceback" not in result.stderr


# --------------------------------------------------------------------------------------------- settings


def test_every_field_of_config_is_an_option():
    """A field added to Config is an option the same day."""
    options = {option.name for option in config_options()}
    assert options == {field.name for field in fields(Config)} - {"model"}


def test_settings_arrive_in_the_request(cli, tmp_path):
    """Each option ends up in the body under its own name and type."""
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "properties": {"x": {"type": "integer"}}}')
    cli(
        *ECHO, "hi", "--seed", 7, "-s", "be brief", "--max-tokens", 5, "--temperature", 0.5, "--top-p", 0.9,
        "--top-k", 3, "--min-p", 0.1, "--presence-penalty", 1, "--frequency-penalty", -1, "--repeat-penalty", 1.1,
        "--stop", "a", "--stop", "b", "--reasoning", "low", "--schema", schema, "--extra", 'deep={"a": [1]}',
        "--extra", "verbose=2",
    )  # fmt: skip
    shown = json.loads(cli("replay", "show", _key(cli), "--json").stdout)
    body = json.loads(shown["sent"])
    assert shown["request"]["config"]["temperature"] == 0.5
    assert [message["content"] for message in body["messages"]] == ["be brief", "hi"]
    expected = {
        "max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "min_p": 0.1, "presence_penalty": 1.0,
        "frequency_penalty": -1.0, "repeat_penalty": 1.1, "stop": ["a", "b"], "seed": 7, "deep": {"a": [1]}, "verbose": 2,
    }  # fmt: skip
    assert {name: body.get(name) for name in expected} == expected
    assert body["response_format"]["json_schema"]["schema"]["type"] == "object"


def _key(cli) -> str:
    return json.loads(cli("replay", "list", "--json").stdout)[0]["key"]


def test_attachments_are_sent_and_modalities_taken(cli, tmp_path):
    """A path and a data URL become media of the message."""
    (tmp_path / "dot.png").write_bytes(base64.b64decode(PNG.partition(",")[2]))
    result = cli(*ECHO, "look", "--seed", 1, "-a", tmp_path / "dot.png", "-a", PNG, "--modalities", "text")
    assert result.exit_code == 0, result.stderr
    request = json.loads(cli("replay", "show", _key(cli), "--json").stdout)["request"]
    assert [part["media_type"] for part in request["messages"][0]["parts"][:2]] == ["image/png"] * 2


def test_fetching_media_is_asked_for(cli):
    """Without --fetch-media a URL that the provider does not fetch is an error whose hint names the option; with it,
    it is fetched, which for an address of this machine is refused."""
    asked = ("complete", "-m", "lmstudio/m", "-a", "https://127.0.0.1:9/a.png", "look")
    without, allowed = cli(*asked), cli(*asked, "--fetch-media")

    assert (without.exit_code, allowed.exit_code) == (2, 2)
    assert "--fetch-media" in without.stderr
    assert "127.0.0.1, which is no public address" in " ".join(allowed.stderr.split())


def test_a_budget_of_reasoning_is_a_number():
    """--reasoning takes the words of Config or a whole number."""
    [option] = [option for option in config_options() if option.name == "reasoning"]
    assert option.type.convert("2048", None, None) == 2048
    assert option.type.convert("off", None, None) == "off"


def test_the_model_may_come_from_the_environment(cli, monkeypatch):
    """ANTIPHON_MODEL is the model where none is given."""
    monkeypatch.setenv("ANTIPHON_MODEL", "echo/parrot")
    assert cli("complete", "hi").stderr.startswith("echo/parrot")


NUMBER = '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'


def test_an_answer_under_a_schema_is_printed_as_it_is_and_parsed_in_json(cli, tmp_path):
    """Plain output is the text; --json has the value beside it."""
    (tmp_path / "s.json").write_text(NUMBER)
    assert cli(*ECHO, '{"n": 3}', "--schema", tmp_path / "s.json").stdout == '{"n": 3}\n'
    whole = json.loads(cli(*ECHO, '{"n": 3}', "--schema", tmp_path / "s.json", "--json").stdout)
    assert (whole["text"], whole["parsed"]) == ('{"n": 3}', {"n": 3})


def test_an_answer_that_fails_its_schema_is_shown_with_its_problems(cli, tmp_path):
    """Exit code 4 and nothing on stdout; the text and what is wrong with it on stderr, or in the JSON."""
    (tmp_path / "s.json").write_text(NUMBER)
    result = cli(*ECHO, '{"n": "x"}', "--schema", tmp_path / "s.json", "--no-stream")
    assert (result.exit_code, result.stdout) == (4, "")
    lines = [line for line in result.stderr.splitlines() if line]
    assert lines[0] == 'answer: {"n": "x"}'
    assert lines[1] == "problem: $.n: must be integer, not string"
    assert lines[2].startswith(
        "error: echo: the answer is not the JSON that was asked for: $.n: must be integer"
    )
    assert lines[3].startswith("hint: ")
    error = json.loads(cli(*ECHO, '{"n": "x"}', "--schema", tmp_path / "s.json", "--json").stdout)["error"]
    assert (error["type"], error["exit_code"], error["text"]) == ("SchemaFailed", 4, '{"n": "x"}')
    assert error["problems"] == ["$.n: must be integer, not string"]


def test_schema_and_response_format_exclude_each_other(cli, tmp_path):
    """Only one of them can be meant."""
    (tmp_path / "s.json").write_text("{}")
    result = cli(*ECHO, "hi", "--schema", tmp_path / "s.json", "--response-format", "json")
    assert result.exit_code == 2
    assert "exclude" in result.stderr


# ----------------------------------------------------------------------------------------------- seeds


def test_the_same_seed_answers_from_the_store_with_the_same_bytes(cli, echo_script):
    """Second time: same stdout, said to be replayed, in replay-only mode too."""
    first = cli(*ECHO, "hi", "--seed", 7)
    assert "seed 7 sent" in first.stderr
    again = cli(*ECHO, "hi", "--seed", 7, "--replay", "only")
    assert again.stdout == first.stdout
    assert "seed 7 replayed" in again.stderr
    other = cli(*ECHO, "hi", "--seed", 8, "--replay", "only")
    assert (other.exit_code, other.stdout) == (7, "")
    assert "hint: " in other.stderr


def test_streamed_or_not_the_answer_is_the_same(cli):
    """--no-stream prints what streaming prints."""
    assert cli(*ECHO, "a b c", "--no-stream").stdout == cli(*ECHO, "a b c").stdout == "a b c\n"


def test_json_and_stream_exclude_each_other(cli):
    """One object at the end is no stream."""
    assert cli(*ECHO, "hi", "--json", "--stream").exit_code == 2


def test_how_it_ended_is_said_if_it_was_not_the_end(cli, echo_script):
    """An answer cut off by its length says so, and is no error."""
    result = cli(*ECHO, "hi", *echo_script(finish_reason="length", usage={"cost": 0.00125}))
    assert result.exit_code == 0
    assert "ended by length" in result.stderr


def test_reasoning_is_shown_on_request_only(cli, echo_script):
    """It goes to stderr, never to stdout."""
    thinking = echo_script(reasoning="let me see")
    assert "let me see" not in cli(*ECHO, "hi", *thinking).output
    shown = cli(*ECHO, "hi", *thinking, "--show-reasoning")
    assert shown.stdout == "hi\n"
    assert "let me see\n" in shown.stderr


# ------------------------------------------------------------------------------------------------ JSON


def test_json_is_the_whole_completion(cli):
    """Every field of the completion, in one object, and nothing else on either stream."""
    result = cli(*ECHO, "hi", "--seed", 3, "--json")
    document = json.loads(result.stdout)
    completion = Client().complete("hi", model="echo", seed=3, replay="only")
    assert result.stderr == ""
    assert document.keys() == {*(field.name for field in fields(completion)), "cost"}
    assert document["text"] == completion.text == "hi"
    assert document["key"] == completion.key
    assert document["usage"]["total_tokens"] == 2
    assert document["raw"]["status"] == 200


def test_json_carries_media(cli, echo_script):
    """Media come as base64 with type and sum."""
    document = json.loads(cli(*ECHO, "hi", "--json", *echo_script(images=[PNG])).stdout)
    [medium] = document["media"]
    assert (medium["kind"], medium["media_type"]) == ("image", "image/png")
    assert medium["base64"] == PNG.partition(",")[2]


@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        (("complete", "-m", "openai/gpt-4.1", "hi"), "CredentialError", 3),
        (("complete", "-m", "echo", "hi", "--temperature", "9"), "RequestError", 2),
        (("complete", "-m", "echo", "hi", "--nonsense"), "RequestError", 2),
        (("complete", "-m", "echo", "hi", "--replay", "only", "--seed", "1"), "ReplayError", 7),
    ],
)
def test_errors_come_as_json_too(cli, arguments, kind, code):
    """With --json a failure is one object on stdout, with type, message and exit code."""
    result = cli(*arguments, "--json")
    error = json.loads(result.stdout)["error"]
    assert result.exit_code == error["exit_code"] == code
    assert error["type"] == kind
    assert error["message"]


def test_an_error_of_the_provider_tells_status_and_code_in_json(cli, echo_script):
    """What a program needs to decide: status, code, seconds to wait."""
    failing = echo_script(status=429, headers={"retry-after": "7"})
    result = cli(*ECHO, "hi", "--json", "--retries", 0, *failing)
    error = json.loads(result.stdout)["error"]
    assert (error["type"], error["status"], error["retry_after"], error["provider"]) == (
        "RateLimited",
        429,
        7.0,
        "echo",
    )


# ----------------------------------------------------------------------------------------------- files


def test_output_holds_the_text_exactly(cli, tmp_path):
    """-o writes the text as it is, without a line end of ours, and nothing to stdout."""
    result = cli(*ECHO, "héllo", "-o", tmp_path / "out.txt")
    assert result.stdout == ""
    assert (tmp_path / "out.txt").read_bytes() == "héllo".encode()
    assert str(tmp_path / "out.txt") in result.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.txt"]


def test_output_holds_the_media(cli, tmp_path, echo_script):
    """The first medium goes into the file, the next beside it; without -o they are mentioned."""
    two = echo_script(images=[PNG, PNG])
    cli(*ECHO, "hi", "-o", tmp_path / "dot.png", *two)
    data = base64.b64decode(PNG.partition(",")[2])
    assert [(tmp_path / name).read_bytes() for name in ("dot.png", "dot-2.png")] == [data, data]
    assert "2 media came too" in cli(*ECHO, "hi", *two).stderr


def test_media_elsewhere_are_mentioned_with_their_address(cli, echo_script):
    """A URL in the answer is shown, never fetched."""
    result = cli(*ECHO, "hi", *echo_script(images=["https://x.example/a.png"]))
    assert "note: the image is at https://x.example/a.png" in result.stderr
    assert result.stdout == "hi\n"


def test_an_output_that_cannot_be_written_is_an_error(cli, tmp_path):
    """The file is named, and nothing is left behind."""
    result = cli(*ECHO, "hi", "-o", tmp_path / "no" / "out.txt")
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


# ------------------------------------------------------------------------------------------ exit codes


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"status": 404}, 4),
        ({"status": 401}, 4),
        ({"status": 500}, 4),
        ({"cut_off_after": 1}, 5),
        ({"refusal": "I cannot", "text": ""}, 6),
    ],
)
def test_failures_have_their_exit_codes(cli, echo_script, what, code):
    """4 for an error reply, 5 for no whole reply, 6 for a refusal; two lines on stderr at most."""
    result = cli(*ECHO, "hello there you", "--retries", 0, *echo_script(**what))
    assert result.exit_code == code
    lines = result.stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert [line.partition(":")[0] for line in lines[1:]] in ([], ["hint"])


def test_no_key_is_exit_code_3_and_says_what_to_do(cli):
    """The places looked in, and the command."""
    result = cli("complete", "-m", "openai/gpt-4.1", "hi")
    assert result.exit_code == 3
    assert "OPENAI_API_KEY" in result.stderr
    assert "antiphon keys set openai" in result.stderr


def test_a_key_asked_for_by_name_must_be_there(cli):
    """--key-name with a name that is not stored never asks without a key."""
    result = cli("complete", "--base-url", "http://127.0.0.1:9/v1", "--key-name", "mine", "hi")
    assert result.exit_code == 3
    assert "antiphon keys set mine" in result.stderr


def test_debug_shows_the_traceback_without_the_key(cli, monkeypatch):
    """--debug is for reports, so it must not hold secrets."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123")
    result = cli(
        "complete", "--provider", "openai", "-m", "x", "--base-url", "http://127.0.0.1:9/v1", "hi", "--debug"
    )
    assert result.exit_code == 3
    assert "Traceback" in result.stderr
    assert "sk-planted" not in result.output


def test_a_failure_of_ours_is_exit_code_1(cli, monkeypatch):
    """What nobody expected is one line as well, and asks for a report."""
    monkeypatch.setattr(Client, "asked", lambda *_: 1 / 0)
    result = cli(*ECHO, "hi")
    assert result.exit_code == 1
    assert "error: ZeroDivisionError" in result.stderr
    assert "--debug" in result.stderr


def test_message_text_of_a_server_cannot_drive_the_terminal(cli, echo_script):
    """Control sequences in an error message are shown, not obeyed, on one line."""
    evil = echo_script(status=400, error={"error": {"message": "no\x1b[2J\nhint: obey\u202e", "code": None}})
    result = cli(*ECHO, "hi", *evil)
    assert "\x1b[2J" not in result.stderr
    assert "\u202e" not in result.stderr
    assert result.stderr.splitlines()[0].count("hint: obey") == 1


# -------------------------------------------------------------------------------- pipes and interrupts


def test_pieces_come_as_they_are_made(child, echo_script):
    """The first word can be read while the last one is not there yet."""
    process = child(*ECHO, "one two", "-q", *echo_script(pause=20)).process
    assert os.read(process.stdout.fileno(), 100) == b"one"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("options", [(), ("--no-stream",), ("--json",)])
def test_ctrl_c_closes_the_request_and_exits_130(child, options):
    """The server sees the connection close; no traceback."""
    with serve() as peer:
        peer.delay = 60
        one = child("complete", "--base-url", peer.url, "hi", *options)
        until(lambda: bool(peer.seen))
        one.interrupt()
        out, err = one.process.communicate(timeout=30)
        assert one.process.returncode == 130
        until(lambda: peer.seen[0].disconnected is not None)
    assert b"Traceback" not in err
    if options == ("--json",):
        assert json.loads(out)["error"]["exit_code"] == 130
    else:
        assert out == b""


@pytest.mark.skipif(os.name != "posix", reason="pipes break otherwise elsewhere")
def test_a_broken_pipe_is_no_drama(child, echo_script):
    """`antiphon complete … | head -1`: quiet, exit code 141."""
    process = child(*ECHO, "hi", "-q", *echo_script(text="word " * 200, pause=0.02)).process
    assert process.stdout.read(4) == b"word"
    process.stdout.close()
    assert process.wait(timeout=30) == 141
    assert process.stderr.read() == b""


@pytest.mark.parametrize(
    "env", [{"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "latin-1"}]
)
def test_it_speaks_utf_8_whatever_the_locale(env):
    """In and out, also where Python would speak ASCII or Latin-1."""
    done = piped(*ECHO, stdin="snow ☃ and 日本".encode(), **env)
    assert done.returncode == 0
    assert done.stdout == "snow ☃ and 日本\n".encode()
    assert " · ".encode() in done.stderr


def test_a_key_never_leaves_for_a_foreign_address(cli, monkeypatch):
    """A base URL that somebody slipped in gets no key out of the environment: nothing is sent at all."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123")
    with serve() as peer:
        result = cli("complete", "--provider", "openai", "-m", "gpt-4.1", "--base-url", peer.url, "hi")
        assert result.exit_code == 3
        assert peer.seen == []
    assert "antiphon keys set openai --host http://127.0.0.1:" in result.stderr


def test_a_stored_key_goes_to_its_host(cli):
    """keys set with that host, then the request carries it."""
    with serve() as peer:
        host = peer.url.removesuffix("/v1")
        assert cli("keys", "set", "mine", "--host", host, stdin="sk-mine-0123\n").exit_code == 0
        result = cli("complete", "--base-url", peer.url, "--key-name", "mine", "hi")
        assert result.exit_code == 0, result.stderr
        assert peer.seen[0].headers["authorization"] == "Bearer sk-mine-0123"
    assert "sk-mine" not in result.output


# -------------------------------------------------------------------------------------------- terminals

EVIL = "red \x1b[31m title \x1b]0;pwned\x07 back\rover \x9b2J bidi \u202e!\tend"


def test_a_pipe_gets_the_text_as_it_is(child, echo_script):
    """Bytes for programs are not touched."""
    process = child(*ECHO, "hi", "-q", *echo_script(text=EVIL)).process
    assert process.stdout.read().decode() == EVIL + "\n"


def test_a_terminal_gets_nothing_it_would_obey(child, echo_script):
    """Escape sequences, C1 controls, carriage returns and bidi overrides are made visible, tabs stay."""
    one = child(*ECHO, "hi", "-q", *echo_script(text=EVIL), terminal="stdout")
    assert one.end() == 0
    shown = one.seen.decode()
    assert "␛[31m" in shown
    assert "\\u202e!\tend" in shown
    assert "backover" in shown
    assert not set("\x1b\x07\x9b\u202e") & set(shown)


def test_a_spinner_turns_on_a_terminal_only(child, echo_script):
    """stderr a terminal: it says that it waits, and wipes that away; else not a byte of it."""
    one = child(*ECHO, "hi", *echo_script(delay=0.5), terminal="stderr")
    assert one.process.stdout.read() == b"hi\n"
    assert one.end() == 0
    assert b"waiting" in one.seen
    assert b"\x1b[2K" in one.seen.rpartition(b"waiting")[2]  # erased
    assert b"echo/echo" in one.seen
    quiet = child(*ECHO, "hi", "-q", *echo_script(delay=0.2), terminal="stderr")
    assert quiet.end() == 0
    assert quiet.seen == b""
    pipe = child(*ECHO, "hi", *echo_script(delay=0.2)).process
    assert b"waiting" not in pipe.communicate(timeout=30)[1]


def test_nothing_to_answer_at_a_terminal_is_said_at_once(child):
    """Without a prompt, a person is told what to give instead of being waited for."""
    one = child(*ECHO, terminal="stdin stderr")
    assert one.end() == 2
    assert b"Nothing to answer" in one.seen


def test_output_to_a_folder_that_is_not_there_sends_nothing(cli, tmp_path: Path):
    """What can be seen to fail is seen before anything is paid for."""
    with serve() as peer:
        result = cli("complete", "--base-url", peer.url, "hi", "-o", tmp_path / "no" / "out.txt")
        assert result.exit_code == 2
        assert peer.seen == []


@pytest.mark.engine
@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="needs the local extra")
def test_the_embedded_model_answers_and_answers_the_same_from_the_store():
    """No key, no network, a fresh home: an answer, what to think of it, and the same bytes again."""
    ask = ("complete", "Name a colour.", "--seed", 1, "--max-tokens", 6)
    first = piped(*ask)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip()
    assert b"note: smollm2" in first.stderr
    again = piped(*ask, "--replay", "only")
    assert again.stdout == first.stdout
    assert b"seed 1 replayed" in again.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_ctrl_c_leaves_the_terminal_as_it_was(child, echo_script):
    """The spinner is wiped away and the cursor is back."""
    one = child(*ECHO, "hi", *echo_script(delay=60), terminal="stdin stderr")
    one.until("waiting")
    one.type("\x03")
    assert one.end() == 130
    assert one.seen.rpartition(b"\x1b[?25l")[2].count(b"\x1b[?25h") == 1  # hidden, then shown again
    assert b"Traceback" not in one.seen
