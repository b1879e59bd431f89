"""`dynamo probe`, from the shell."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from dynamo_conformance.probes import command
from lies import Lie, lying, put, whole
from right_server import MODEL, Reply, RightServer, as_json, on_port
from shell_runs import CHAT_ONLY, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-very-secret"


@pytest.fixture(scope="module")
def right() -> Iterator[str]:
    with on_port(RightServer().reply) as url:
        yield url


@pytest.fixture(scope="module")
def wrong() -> Iterator[str]:
    with on_port(lying(RightServer().reply, Lie("", (), reply=whole(put("id", ""))))) as url:
        yield url


def test_nothing_failed(right: str) -> None:
    ended = run(f"{right}/v1", *CHAT_ONLY)
    assert ended.code == 0, ended.out
    assert ended.out.startswith(f"{MODEL} at {right}\nrelease 9.9.9, engine unknown\n")
    assert ended.err == ""


def test_something_failed(wrong: str, tmp_path: Path) -> None:
    ended = run(wrong, *CHAT_ONLY, "--exchanges", str(tmp_path / "kept"))
    assert ended.code == 1
    assert "FAIL chat.id: The answer has an id that is not empty." in ended.out
    kept = json.loads((tmp_path / "kept" / "chat.json").read_text(encoding="utf-8"))
    assert kept["response"]["status"] == 200
    assert json.loads(kept["request"]["body"])["model"] == MODEL


def test_as_json_and_compared(right: str, wrong: str, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(run(right, *CHAT_ONLY, "--format", "json").out, encoding="utf-8")
    ended = run(wrong, *CHAT_ONLY, "--format", "json", "--compare", str(old))
    assert json.loads(ended.out)["results"]
    lines = ended.err.splitlines()
    assert " ".join(lines).startswith(f"since {MODEL} at {right}, release 9.9.9, 20")
    assert "worse: chat.id: PASS -> FAIL" in lines
    unchanged = run(right, *CHAT_ONLY, "--compare", str(old))
    assert unchanged.code == 0
    assert "->" not in unchanged.err


def test_what_got_worse_counts_as_failed(right: str, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    words = ("--model", MODEL, "--probe", "routing.prefix", "--compare", str(old))
    promised = (*words[:4], "--feature", "kv-router", "--format", "json")
    old.write_text(run(right, *promised).out, encoding="utf-8")
    ended = run(right, *words)
    assert "worse: routing.prefix: PASS -> UNSUPPORTED" in ended.err.splitlines()
    assert ended.code == 1
    old.write_text(run(right, *words[:4], "--format", "json").out, encoding="utf-8")
    ended = run(right, *words, "--feature", "kv-router")
    assert "better: routing.prefix: UNSUPPORTED -> PASS" in ended.err.splitlines()
    assert ended.code == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stderr", [Terminal(), io.StringIO()])
def test_only_who_watches_sees_how_far_it_is(
    stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(sys, "stderr", stderr)
    with command.progress() as say:
        say("7/9 probes, now chat.id")
        say("8/9 probes")
    shown = stderr.getvalue().split("\r")
    assert ("7/9 probes, now cha" in shown) is stderr.isatty()
    assert all(len(line) < 20 for line in shown)
    assert shown[-1] == ""
    assert not stderr.isatty() or shown[-2] == " " * 19


def test_as_junit(wrong: str) -> None:
    suite = ET.fromstring(run(wrong, *CHAT_ONLY, "--format", "junit").out)  # noqa: S314 - our own
    assert int(suite.get("failures") or 0) > 0


def test_profiles(right: str) -> None:
    shown = [
        json.loads(run(right, *CHAT_ONLY[:2], "--format", "json", "--profile", name).out)
        for name in ("core", "extended")
    ]
    assert {one["profile"] for one in shown[0]["results"]} == {"core"}
    assert len(shown[1]["results"]) > len(shown[0]["results"]) > 200
    outcomes = {one["outcome"] for one in shown[1]["results"]}
    assert outcomes == {"PASS", "UNSUPPORTED"}


def test_a_feature_that_is_promised_is_judged(right: str) -> None:
    words = ("--model", MODEL, "--probe", "routing.prefix", "--format", "json")
    outcomes = [
        json.loads(run(right, *words, *more).out)["results"][0]["outcome"]
        for more in ((), ("--feature", "kv-router"))
    ]
    assert outcomes == ["UNSUPPORTED", "PASS"]


def test_the_only_model_is_asked_for_whatever_adapters_there_are(right: str) -> None:
    assert run(right, "--probe", "chat.model").out.startswith(f"{MODEL} at ")


def test_several_models() -> None:
    server = RightServer()

    def answer(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        if target == "/v1/models":
            return as_json({"object": "list", "data": [{"id": MODEL}, {"id": "org/other"}]})
        return server.reply(method, target, headers, raw)

    with on_port(answer) as url:
        ended = run(url)
    assert ended.code == 2
    assert f"which model? 2 are listed: {MODEL}, org/other; name one with --model" in ended.err


def test_the_key_is_sent_and_not_printed() -> None:
    seen: list[str] = []
    server = RightServer()

    def answer(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        seen.append(headers.get("authorization", ""))
        seen.append(headers.get("x-tenant", ""))
        if "chat" in target:
            return as_json({"error": {"message": f"no {headers.get('authorization')}"}}, 401)
        return server.reply(method, target, headers, raw)

    with on_port(answer) as url:
        words = [*CHAT_ONLY, "--api-key-env", "MY_KEY", "--header", "x-tenant: tenant-secret"]
        for form in ("text", "json", "junit"):
            ended = run(url, *words, "--format", form, env={"MY_KEY": KEY})
            assert ended.code == 1
            assert KEY not in ended.out + ended.err
            assert "tenant-secret" not in ended.out + ended.err
            assert "$MY_KEY" in ended.out
    assert {*seen} == {f"Bearer {KEY}", "tenant-secret"}


def test_nobody_there() -> None:
    ended = run("http://127.0.0.1:1")
    assert (ended.code, ended.out) == (3, "")
    assert "http://127.0.0.1:1/v1/models does not answer: nobody listens there" in ended.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("host:8000",), "host:8000 is no address that begins with http:// or https://"),
        (("http://",), "http:// names no host and port that can be asked"),
        (("http://h:port",), "http://h:port is no address: its host or port cannot be read"),
        (("http://[::1",), "http://[::1 is no address: its host or port cannot be read"),
        (("http://h:0",), "http://h:0 names no host and port that can be asked"),
        (("http://a b",), "http://a b names no host and port that can be asked"),
        (("http://h?key=1",), "has a query or a fragment"),
        (("http://h/v1/chat/completions",), "leave out /chat/completions, which is added"),
        (("http://h", "--probe", "chat.idd"), 'no probe chat.idd; did you mean "chat.id"?'),
        (("http://h", "--feature", "magic"), "no feature magic; there are: "),
        (("http://h", "--header", "x-tenant"), "a header is written NAME: VALUE"),
        (("http://h", "--header", "x tenant: a"), "a header is written NAME: VALUE"),
        (("http://h", "--header", "x-tenant: \u00e9"), "the value of x-tenant holds characters"),
        (("http://h", "--api-key-env", "NOT_SET"), "environment variable NOT_SET is not set"),
        (("http://h", "--request-timeout", "0"), "0.0 is not in the range"),
        (("http://h", "--ca", "/not/there"), "does not exist"),
        (("https://h", "--ca", __file__), "test_probe_command.py holds no certificates in PEM"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], text: str) -> None:
    ended = run(*words)
    assert ended.code == 2
    assert text in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("http://user:sesame@h",),
        ("http://user:sesame@h:x",),
        ("http://h", "--header", "authorization sesame"),
        ("http://h", "--header", "x: sesame\u00e9"),
        ("http://h", "--api-key-env", "MY_KEY"),
    ],
)
def test_wrong_usage_shows_no_secret(words: tuple[str, ...]) -> None:
    ended = run(*words, env={"MY_KEY": "sesame\nopen"})
    assert ended.code == 2
    assert "sesame" not in ended.err


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "it is no JSON"),
        (b"\xff", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"[]", "it is no JSON object"),
        (b"{}", "it does not say which version wrote it"),
        (b'{"version": "0.1"}', "there is no list of results in it"),
        (b'{"version": "0.1", "results": [1]}', "results[0] has no id, or no outcome"),
        (b'{"version": "0.1", "results": [{"id": "a", "outcome": "A"}]}', "results[0] has no id"),
        (b'{"version": "9!1", "results": []}', "wrote it, which is newer than this"),
        (b'{"version": "99.1\\u001b[2J", "results": []}', "wrote it, which is newer than this"),
        (b'{"version": "0.1", "graphs": []}', "it is of several graphs"),
        (b" " * (9 << 20), "it has more than 8 MB"),
    ],
    ids=str,
)
def test_a_file_that_is_no_report(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "old.json"
    path.write_bytes(content)
    ended = run("http://h", "--compare", str(path))
    assert ended.code == 2
    line = " ".join(ended.err.split())
    assert f"{path} is no report to compare with: " in line
    assert text in line
    assert "\x1b" not in ended.err


def test_what_is_no_file_cannot_be_compared_with(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ended = run("http://h", "--compare", str(tmp_path / "pipe"))
    assert ended.code == 2
    assert "cannot be read: no regular file" in ended.err


WITHOUT = """\
import sys
sys.modules |= {'httpx': None}
from dynamo_launch.cli import main
sys.exit(main())
"""
LIGHT = """\
import sys
from dynamo_launch.cli import main
code = main()
heavy = {'dynamo', 'pytest', 'kr8s', 'yaml', 'numpy'} & {*sys.modules}
sys.exit(code or ' '.join(heavy))
"""


def _python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )


def test_the_extra_is_named_where_it_is_missing() -> None:
    ended = _python(WITHOUT, "probe", "http://127.0.0.1:1")
    assert ended.returncode == 127
    assert "needs the Python module httpx; install the extra probe: pip install" in ended.stderr


def test_no_runtime_is_loaded(right: str) -> None:
    ended = _python(LIGHT, "probe", right, *CHAT_ONLY)
    assert (ended.returncode, ended.stderr) == (0, "")
