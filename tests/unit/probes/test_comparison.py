"""A run beside an older report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.probes import report as reports
from dynamo_conformance.probes.comparison import OldReport, compared, read_old_report
from dynamo_conformance.probes.probe import Outcome, Probe, Profile, Result
from dynamo_conformance.probes.report import Report

if TYPE_CHECKING:
    from pathlib import Path


def a_report(
    *, profile: Profile = Profile.CORE, only: tuple[str, ...] = (), **outcomes: Outcome
) -> Report:
    results = tuple(
        Result(
            probe=Probe(id=f"chat.{name}", sentence="", source="", asks=(), judge=print),
            outcome=outcome,
        )
        for name, outcome in outcomes.items()
    )
    return Report(
        url="http://host", model="m", release=None, engine=None, profile=profile, only=only,
        date="2026-11-30T00:00:00+00:00", seconds=1.0, results=results,
    )  # fmt: skip


def read_back(report: Report, folder: Path) -> OldReport:
    path = folder / "old.json"
    path.write_text(reports.json_text(report), encoding="utf-8")
    return read_old_report(path)


PASS, FAIL, DEVIATION = Outcome.PASS, Outcome.FAIL, Outcome.DEVIATION
UNSUPPORTED, NOT_RUN = Outcome.UNSUPPORTED, Outcome.NOT_RUN


def test_nothing_is_different(tmp_path: Path) -> None:
    report = a_report(a=PASS, b=FAIL, c=NOT_RUN)
    comparison = compared(read_back(report, tmp_path), report)
    (line,) = comparison.lines()
    assert line.startswith("no probe came to anything else")
    assert comparison.worse == ()


def test_what_is_worse_comes_first_and_then_what_is_better_new_or_gone(tmp_path: Path) -> None:
    old = read_back(a_report(a=FAIL, b=PASS, c=PASS, d=DEVIATION, gone=PASS), tmp_path)
    comparison = compared(old, a_report(a=PASS, b=FAIL, c=UNSUPPORTED, d=DEVIATION, new=FAIL))
    assert comparison.lines() == [
        "worse: chat.b: PASS -> FAIL",
        "worse: chat.c: PASS -> UNSUPPORTED",
        "better: chat.a: FAIL -> PASS",
        "new: chat.new",
        "gone: chat.gone",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (PASS, DEVIATION), (PASS, UNSUPPORTED), (PASS, NOT_RUN), (PASS, FAIL),
        (DEVIATION, UNSUPPORTED), (UNSUPPORTED, NOT_RUN), (NOT_RUN, FAIL), (DEVIATION, FAIL),
    ],
)  # fmt: skip
def test_the_order_of_outcomes(old: Outcome, new: Outcome, tmp_path: Path) -> None:
    comparison = compared(read_back(a_report(a=old), tmp_path), a_report(a=new))
    assert (len(comparison.worse), len(comparison.better)) == (1, 0)
    comparison = compared(read_back(a_report(a=new), tmp_path), a_report(a=old))
    assert (len(comparison.worse), len(comparison.better)) == (0, 1)


def test_of_another_profile_only_what_both_have_is_compared(tmp_path: Path) -> None:
    old = read_back(a_report(profile=Profile.EXTENDED, a=PASS, b=PASS), tmp_path)
    comparison = compared(old, a_report(a=FAIL, c=PASS))
    assert " ".join(comparison.lines()) == (
        "compared are only the 1 probes that both reports have: this run judged the profile core, "
        "the older one the profile extended worse: chat.a: PASS -> FAIL"
    )


def test_of_chosen_probes_only_what_both_have_is_compared(tmp_path: Path) -> None:
    whole, chosen = a_report(a=PASS, b=PASS), a_report(only=("chat.a",), a=PASS)
    for old, new, words in (
        (whole, chosen, "this run judged chat.a, the older one the profile core"),
        (chosen, whole, "this run judged the profile core, the older one chosen probes"),
        (chosen, chosen, "this run judged chat.a, the older one chosen probes"),
    ):
        comparison = compared(read_back(old, tmp_path), new)
        assert " ".join(comparison.lines()).endswith(words)
        assert comparison.new == comparison.gone == ()


def test_what_the_older_report_says_of_itself_obeys_nothing(tmp_path: Path) -> None:
    record = a_report(a=PASS).record()
    path = tmp_path / "old.json"
    row = {"id": "chat.\x1b[2J", "outcome": "PASS"}
    hostile = {**record, "profile": "\x1b[2J", "model": "\x1b]0;", "results": [row]}
    path.write_text(json.dumps(hostile), encoding="utf-8")
    old = read_old_report(path)
    assert "\x1b" not in old.where
    lines = compared(old, a_report(a=PASS)).lines()
    lines += compared(read_back(a_report(b=PASS), tmp_path), a_report(a=PASS)).lines()
    assert all(line.isprintable() for line in lines)
