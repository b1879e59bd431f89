"""What is served for which graphs, and what is written meanwhile."""

from __future__ import annotations

import errno
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from plugin_helpers import fake_probe, fake_session

from dynamo_conformance.plugin import collect, jobs
from dynamo_conformance.plugin.jobs import report_ends
from dynamo_conformance.plugin.scheduler import Job, Room, Scheduler, Stop
from dynamo_conformance.probes.exchange import CannotShow, Fault
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.plugin.items import Judged

    Record = Callable[[str, BaseException | Judged | None], None]

pytest_plugins = ["pytester"]

AGG = Path(__file__).parents[3] / "examples/llm/vllm_v1/launch/k8s/agg.yaml"
CHECKS = ("ready", "chat", "lora")


def passing(record: Record) -> None:
    record("ready", None)
    record("chat", None)
    record("lora", CannotShow("the mock engine loads no adapter"))


def unready(_record: Record) -> None:
    raise DeployFailure("the image cannot be pulled")


def silent(record: Record) -> None:
    record("ready", None)
    record("chat", ValueError("no text"))
    record("lora", None)


def told(*jobs: Job, ended: bool = False) -> list[str]:
    """Return the lines of a run, its seconds as N; `ended` is one that Ctrl-C ends at once."""
    lines: list[str] = []
    stop = Stop()
    if ended:
        stop.set()
    report_ends(jobs, progress=lines.append)
    with Scheduler(jobs, room=Room(pods=1, starting=1), stop=stop):
        for job in jobs:
            for check in job.checks:
                job.results[check].exception(timeout=5)
    return [re.sub(r"\d+\.\d s", "N s", line) for line in lines]


def test_each_example_is_told_once_its_checks_are_over() -> None:
    assert told(Job("agg", 1, CHECKS, passing), Job("disagg", 1, CHECKS, unready)) == [
        "1 of 2 examples: agg passed in N s",
        "2 of 2 examples: disagg failed: ready",
    ]


class Late:
    """Writes what it was told only when it is asked to, as a thread's lines are."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.written: list[str] = []

    def __call__(self, line: str) -> None:
        self.told.append(line)

    def write(self) -> None:
        self.written += self.told
        self.told.clear()


def test_the_last_example_is_told_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Late()
    monkeypatch.setattr(jobs, "progress_of", lambda _config: progress)
    fake_session(monkeypatch)
    run(pytester, monkeypatch, "--dynamo-target=kind").assert_outcomes(passed=3)
    (line,) = progress.written
    assert line.startswith("1 of 1 examples: agg.yaml::kind passed")


def test_what_failed_is_named() -> None:
    assert told(Job("agg", 1, CHECKS, silent)) == ["1 of 1 examples: agg failed: chat in N s"]


def test_what_was_not_run_is_not_told() -> None:
    assert told(Job("agg", 1, CHECKS, passing), ended=True) == []


def run(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    *words: str,
    files: tuple[str, ...] = ("agg.yaml",),
    fails: bool = False,
) -> pytest.RunResult:
    """Serve copies of an example, with two probes of which the second one fails on demand."""

    def odd() -> None:
        if fails:
            raise Fault("what is even", "what is odd")

    for name in files:
        shutil.copy(AGG, pytester.path / name)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    probes = (fake_probe("plain"), fake_probe("odd", odd))
    monkeypatch.setattr(collect, "load_probes", lambda: probes)
    plugins = ("-p", "no:cacheprovider", "-p", "dynamo_conformance.plugin.hooks")
    return pytester.runpytest_inprocess(*plugins, "-m", "e2e", *words, *files)


BOTH = ("agg.yaml", "old.yaml")


def test_one_plan_is_served_once_and_reported_for_each_file(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = fake_session(monkeypatch)
    session.plans = dict.fromkeys(BOTH, "0123abcd")
    ended = run(pytester, monkeypatch, files=BOTH)
    ended.assert_outcomes(passed=6, deselected=2)
    assert session.deployed == ["agg.yaml::local"]
    ended.stdout.fnmatch_lines(
        [
            "agg.yaml *local *PASS *PASS 3 *ready in * s; 0123abcd",
            "old.yaml *local *PASS *PASS 3 *0123abcd; served once, as agg.yaml::local",
        ]
    )


def test_a_failure_is_reported_for_each_file_of_the_plan(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = fake_session(monkeypatch)
    session.plans = dict.fromkeys(BOTH, "0123abcd")
    ended = run(pytester, monkeypatch, files=BOTH, fails=True)
    ended.assert_outcomes(passed=4, failed=2, deselected=2)
    ended.stdout.fnmatch_lines(["*FAIL odd: odd is so.", "*expected:  what is even"])
    assert len(session.deployed) == 1
    session.refuses = "no such image"
    ended = run(pytester, monkeypatch, files=BOTH)
    ended.assert_outcomes(failed=2, skipped=4, deselected=2)


def test_a_start_that_the_system_refuses_is_one_failure_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(errno.EFAULT, "Bad address")

    fake_session(monkeypatch).starting = refuse
    ended = run(pytester, monkeypatch, files=BOTH)
    ended.assert_outcomes(failed=2, skipped=4, deselected=2)


@pytest.mark.parametrize(
    ("plans", "words"),
    [
        (("0123abcd", "4567cdef"), ()),
        (("", ""), ()),
        (("0123abcd", "0123abcd"), ("--deselect", "old.yaml::local::odd")),
    ],
)
def test_what_differs_is_served_by_itself(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    plans: tuple[str, str],
    words: tuple[str, ...],
) -> None:
    session = fake_session(monkeypatch)
    session.plans = dict(zip(BOTH, plans, strict=True))
    assert run(pytester, monkeypatch, *words, files=BOTH).ret == 0
    assert session.deployed == ["agg.yaml::local", "old.yaml::local"]
