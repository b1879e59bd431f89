"""`dynamo probe`, from the shell."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from dynamo_conformance.probes.command import probe
from lies import Lie, lying, put, whole
from right_server import ADAPTER, MODEL, Reply, RightServer, as_json, on_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-very-secret"


@dataclass
class Ended:
    code: int
    out: str
    err: str


def run(*words: str, env: dict[str, str] | None = None) -> Ended:
    result = CliRunner().invoke(probe, words, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def right() -> Iterator[str]:
    with on_port(RightServer().reply) as url:
        yield url


@pytest.fixture(scope="module")
def wrong() -> Iterator[str]:
    with on_port(lying(RightServer().reply, Lie("", (), reply=whole(put("id", ""))))) as url:
        yield url


CHAT_ONLY = ("--model", MODEL, "--probe", "chat")


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
    assert "chat.id: PASS -> FAIL" in ended.err.splitlines()
    assert run(right, *CHAT_ONLY, "--compare", str(old)).err == ""


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


def test_the_only_model_is_asked_for() -> None:
    server = RightServer()

    def answer(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        if target == "/v1/models":
            return as_json({"object": "list", "data": [{"id": MODEL}]})
        return server.reply(method, target, headers, raw)

    with on_port(answer) as url:
        assert run(url, "--probe", "chat.model").out.startswith(f"{MODEL} at ")


def test_several_models(right: str) -> None:
    ended = run(right)
    assert ended.code == 2
    assert f"which model? 2 are listed: {MODEL}, {ADAPTER}; name one with --model" in ended.err


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
    assert ended.err.startswith("http://127.0.0.1:1/v1/models does not answer: ConnectError")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("host:8000",), "host:8000 is no address that begins with http:// or https://"),
        (("http://h", "--probe", "chat.idd"), 'no probe chat.idd; did you mean "chat.id"?'),
        (("http://h", "--feature", "magic"), "no feature magic; there are: "),
        (("http://h", "--header", "x-tenant"), '"x-tenant" has no value; write NAME: VALUE'),
        (("http://h", "--api-key-env", "NOT_SET"), "environment variable NOT_SET is not set"),
        (("http://h", "--request-timeout", "0"), "0.0 is not in the range"),
        (("http://h", "--ca", "/not/there"), "does not exist"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], text: str) -> None:
    ended = run(*words)
    assert ended.code == 2
    assert text in ended.err


def test_a_file_that_is_no_report(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text("{}", encoding="utf-8")
    ended = run("http://h", "--compare", str(path))
    assert ended.code == 2
    assert f"{path} is no report: there is no list of results in it" in ended.err


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
