"""An endpoint at any address, without a file or held against a manifest."""

from __future__ import annotations

import json
import shutil
import socket
import time
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.plugin import jobs
from dynamo_conformance.plugin.summary import shown_by
from dynamo_conformance.probes.command import probe
from dynamo_conformance.probes.deviations import Deviation
from dynamo_conformance.probes.run import Judge
from lies import Lie, lying, put, whole
from right_server import MODEL, RELEASE, Reply, RightServer, as_json, on_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from lies import Answering

pytest_plugins = ["pytester"]

AGG = Path(__file__).parents[3] / "examples/llm/vllm_v1/launch/k8s/agg.yaml"
PLUGINS = ("-p", "no:cacheprovider", "-p", "dynamo_conformance.plugin.hooks")
USAGE = pytest.ExitCode.USAGE_ERROR
SECRET = "s3cr3t-value"  # noqa: S105 - made up
NO_IDS = lying(RightServer().reply, Lie("", (), reply=whole(put("id", ""))))


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import all that a run does: it is forgotten after it, and some of it cannot be twice."""
    ours = (f"dynamo_conformance.plugin.{name}" for name in ("recorder", "report", "jobs"))
    for name in (*ours, "httpcore", "dynamo_conformance.probes.areas"):
        import_module(name)
    check_bytes(AGG.read_bytes(), file="any.yaml", options=LintOptions())


@pytest.fixture
def run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., pytest.RunResult]:
    """Return what runs pytest of an address, with our plugin alone."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(url: str, *words: str) -> pytest.RunResult:
        target = ("--dynamo-target=url", f"--dynamo-url={url}")
        return pytester.runpytest_inprocess(*PLUGINS, *target, *words)

    return run


def guarded(answer: Answering, header: str, value: str) -> Answering:
    """Return a server that answers only who sends a header, and says what was sent."""

    def reply(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        if {name.lower(): sent for name, sent in headers.items()}.get(header) != value:
            return as_json({"error": {"message": f"no {header}"}}, 401)
        right = answer(method, target, headers, raw)
        if target != "/v1/chat/completions" or right.streamed:
            return right
        body = {**json.loads(b"".join(right.pieces)), "id": "", "echo": value}
        return replace(right, pieces=[json.dumps(body).encode()])

    return reply


def test_an_address_needs_no_file_and_nothing_else_is_collected(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    pytester.makeini("[pytest]\ntestpaths = .\n")
    pytester.makepyfile(test_other="def test_other(): assert False\n")
    pytester.makefile(".yaml", graph=AGG.read_text("utf-8"))
    with on_port(RightServer().reply) as url:
        ended = run(url, "-m", "e2e", "-v", "--dynamo-profile=extended")
    ended.stdout.fnmatch_lines(["url::ready PASSED*", "url::models.list PASSED*"])
    assert ended.parseoutcomes().keys() == {"passed", "skipped"}
    ended.stdout.fnmatch_lines(["url *url *PASS *PASS *UNSUPPORTED *"])
    assert "test_other" not in ended.stdout.str()


def test_what_fails_says_what_how_to_repeat_it_and_where_the_exchange_is(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    with on_port(NO_IDS) as url:
        reports = ("--dynamo-artifacts=kept", "--dynamo-report=kept/page.html")
        ended = run(f"{url}/v1", "--dynamo-probe=chat", *reports)
    assert ended.parseoutcomes()["failed"] == 3
    page = (pytester.path / "kept/page.html").read_text("utf-8")
    assert f"<strong>chat</strong> POST {url}/v1/chat/completions: HTTP 200" in page
    ended.stdout.fnmatch_lines(
        [
            "FAIL chat.id: The answer has an id that is not empty.",
            "  source:    *",
            "  expected:  an id that is not empty",
            '  got:       ""',
            "  to repeat: curl -sS -i http://127.0.0.1:*",
            "  exchange:  kept/url/exchanges/chat.json",
        ]
    )
    kept = json.loads((pytester.path / "kept/url/exchanges/chat.json").read_text("utf-8"))
    assert kept["response"]["status"] == 200
    assert kept["request"]["url"].count("/v1/") == 1


def test_the_report_has_the_shape_of_dynamo_probe(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    with on_port(NO_IDS) as url:
        run(url, "--dynamo-probe=chat", "--dynamo-report=run.json", f"--dynamo-model={MODEL}")
        words = [url, "--model", MODEL, "--probe=chat", "--format=json", "--compare=run.json"]
        ended = CliRunner().invoke(probe, words)
    report = json.loads((pytester.path / "run.json").read_text("utf-8"))
    other = json.loads(ended.stdout)
    assert report.keys() == other.keys()
    assert (report["url"], report["only"]) == (url, ["chat"])
    assert [result.keys() for result in report["results"]] == [
        result.keys() for result in other["results"]
    ]
    assert [(result["id"], result["outcome"]) for result in report["results"]] == [
        (result["id"], result["outcome"]) for result in other["results"]
    ]
    assert "->" not in ended.stderr


@pytest.mark.parametrize(
    "given",
    [
        ("authorization", f"Bearer {SECRET}", "--dynamo-api-key-env=THE_KEY"),
        ("x-team", SECRET, f"--dynamo-header=X-Team: {SECRET}"),
    ],
    ids=["key", "header"],
)
def test_a_secret_is_sent_and_stands_nowhere(
    run: Callable[..., pytest.RunResult],
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    given: tuple[str, str, str],
) -> None:
    header, value, words = given
    monkeypatch.setenv("THE_KEY", SECRET)
    reports = (
        "--junitxml=out/junit.xml",
        "--dynamo-report=out/page.html",
        "--dynamo-artifacts=out",
    )
    with on_port(guarded(RightServer().reply, header, value)) as url:
        without = run(url, "--dynamo-probe=chat.answered")
        ended = run(url, "--dynamo-probe=chat", words, *reports)
    without.assert_outcomes(failed=1, skipped=1)
    assert ended.parseoutcomes()["failed"] > 0
    written = [file for file in (pytester.path / "out").rglob("*") if file.is_file()]
    assert {file.suffix for file in written} == {".xml", ".html", ".json"}
    texts = [file.read_text("utf-8") for file in written]
    for text in (ended.stdout.str(), ended.stderr.str(), *texts):
        assert SECRET not in text
    assert any("***" in text for text in texts)


def test_where_nobody_listens_one_check_fails_and_soon(
    run: Callable[..., pytest.RunResult],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        start = time.monotonic()
        ended = run(f"http://127.0.0.1:{taken.getsockname()[1]}", "--dynamo-probe=models")
    assert time.monotonic() - start < 10
    assert ended.parseoutcomes()["failed"] == 1
    assert "passed" not in ended.parseoutcomes()
    ended.stdout.fnmatch_lines(["http://127.0.0.1:* does not answer: ConnectError*"])


@pytest.mark.parametrize(
    ("answer", "words", "line"),
    [
        (lambda *_: as_json({"data": []}), (), "which model? 0 are listed: none"),
        (lambda *_: as_json({"no": "list"}), (), "no list of models at *"),
        (
            lambda *_: as_json({"data": [{"id": "a"}, {"id": "b"}]}),
            (),
            "which model? 2 are listed: a, b",
        ),
        (
            lambda *_: as_json({"data": [{"id": "a"}]}),
            ("--dynamo-model=b",),
            "b answers neither chat nor embeddings: HTTP 200*",
        ),
    ],
    ids=["none", "no list", "several", "no answer"],
)
def test_what_is_not_ready(
    run: Callable[..., pytest.RunResult], answer: Answering, words: tuple[str, ...], line: str
) -> None:
    def reply(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        right = answer(method, target, headers, raw)
        return right if method == "GET" else replace(right, status=500)

    with on_port(reply) as url:
        ended = run(url, "--dynamo-probe=chat.id", *words)
    ended.assert_outcomes(failed=1, skipped=1)
    ended.stdout.fnmatch_lines([line.replace("HTTP 200", "HTTP 500")])


def test_a_manifest_is_held_against_the_address(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    shutil.copy(AGG, pytester.path)
    with on_port(RightServer().reply) as url:
        other = run(url, "-m", "e2e", "--dynamo-probe=graph.models", "agg.yaml")
        text = (pytester.path / "agg.yaml").read_text("utf-8")
        own = text.replace("Qwen/Qwen3-0.6B", MODEL)
        (pytester.path / "agg.yaml").write_text(own, encoding="utf-8")
        same = run(url, "-m", "e2e", "--dynamo-probe=graph.models", "-v", "agg.yaml")
    other.assert_outcomes(failed=1, skipped=1, deselected=1)
    other.stdout.fnmatch_lines([f"the manifest serves Qwen/*, but {url} lists {MODEL}, *"])
    same.assert_outcomes(passed=2, deselected=1)
    same.stdout.fnmatch_lines(["agg.yaml::url::graph.models PASSED*"])


def test_a_known_deviation_is_an_expected_failure(
    run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Deviation(
        probes=("chat.id",), releases=(RELEASE,), engine=None, answered='""', why="ids are empty",
        upstream=None, date="2026-11-30",
    )  # fmt: skip
    monkeypatch.setattr(jobs, "Judge", partial(Judge, deviations=(row,)))
    words = ("--dynamo-probe=chat.id", "-rx")
    with on_port(NO_IDS) as url:
        known, counted = run(url, *words), run(url, *words, "--runxfail")
    with on_port(RightServer().reply) as url:
        fixed = run(url, *words)
    known.assert_outcomes(passed=1, xfailed=1)
    known.stdout.fnmatch_lines(["XFAIL url::chat.id - ids are empty (known since 2026-11-30)"])
    counted.assert_outcomes(passed=1, failed=1)
    fixed.assert_outcomes(passed=1, failed=1)
    fixed.stdout.fnmatch_lines(["*it no longer deviates: take the row of 2026-11-30 out*"])


def test_a_report_carries_the_result_and_what_a_failure_was_judged_by(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    del run  # It has only our plugin loaded.
    probes = ("--dynamo-probe=chat.id", "--dynamo-probe=chat.model")
    with on_port(NO_IDS) as url:
        target = ("--dynamo-target=url", f"--dynamo-url={url}")
        ended = pytester.inline_run(*PLUGINS, *target, *probes)
    shown = {
        one.check: one
        for report in ended.getreports("pytest_runtest_logreport")
        if (one := shown_by(report)) is not None
    }
    assert shown["chat.model"].record["outcome"] == "PASS"
    assert shown["chat.model"].exchanges == []
    assert shown["chat.id"].record["outcome"] == "FAIL"
    assert [exchange["name"] for exchange in shown["chat.id"].exchanges] == ["chat"]
    assert json.loads(json.dumps(shown["chat.id"].exchanges)) == shown["chat.id"].exchanges


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--dynamo-target=url",), "--dynamo-target=url needs --dynamo-url URL"),
        (("--dynamo-url=http://a",), "--dynamo-url needs --dynamo-target=url"),
        (("--dynamo-model=m",), "--dynamo-model needs --dynamo-target=url"),
        (("--dynamo-header=a: b", "--dynamo-target=kind"), "--dynamo-header needs *"),
        (("--dynamo-request-timeout=0",), "--dynamo-request-timeout takes *"),
        (("URL", "--dynamo-api-key-env=NOT_SET_ANYWHERE"), "* NOT_SET_ANYWHERE is not set"),
        (("URL", "--dynamo-header=team"), "a header is written NAME: VALUE*"),
        (("URL", "--dynamo-header=a b: c"), "a header is written NAME: VALUE*"),
        (("URL", f"--dynamo-header=a: {SECRET}\nb"), "the value of a holds characters *"),
        (("URL", "--dynamo-ca=nowhere.pem"), "--dynamo-ca: there is no file nowhere.pem"),
        (("URL", "--dynamo-ledger=l.json"), "--dynamo-ledger is about what was deployed*"),
        (("URL", "--dynamo-engine=real"), "--dynamo-engine=real starts engines*"),
        (("--dynamo-target=url", "--dynamo-url=ftp://a"), "ftp://a is no address *"),
        (("URL", "--dynamo-probe=chat.idd"), 'no probe chat.idd; did you mean "chat.id"?'),
        (("URL", "--dynamo-profile=all"), "*--dynamo-profile*"),
    ],
)
def test_what_contradicts_itself_is_refused(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    line: str,
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    url = ("--dynamo-target=url", "--dynamo-url=http://127.0.0.1:9")
    given = [word for one in words for word in (url if one == "URL" else (one,))]
    ended = pytester.runpytest_inprocess(*PLUGINS, *given)
    assert ended.ret == USAGE
    ended.stderr.fnmatch_lines([f"*{line}"])
    assert SECRET not in ended.stdout.str() + ended.stderr.str()


def test_the_profile_is_the_configuration_s_unless_an_option_says_more(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    counts = []
    with on_port(RightServer().reply) as url:
        for ini, words in (
            ("", ()),
            ("dynamo_profile = extended\n", ()),
            ("dynamo_profile = extended\n", ("--dynamo-profile=core",)),
        ):
            pytester.makeini(f"[pytest]\n{ini}")
            counts.append(sum(run(url, "--collect-only", *words).parseoutcomes().values()))
        pytester.makeini("[pytest]\ndynamo_profile = most\n")
        wrong = run(url)
    assert counts[0] == counts[2] < counts[1]
    assert wrong.ret == USAGE
    wrong.stderr.fnmatch_lines(["*dynamo_profile is most; it is core or extended"])
