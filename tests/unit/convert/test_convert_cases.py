"""Cases as files: `cases/VERSION/WHAT/input.yaml`, what it becomes, and what is said on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_conformance.convert.file_conversion import Converted, convert_text
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph

CASES = sorted(path.parent for path in (Path(__file__).parent / "cases").rglob("input.yaml"))

SAME_GRAPH = [case for case in CASES if case.name in ("comments", "documents")]
"""The others lose something, or have their quantities quoted, or a default left out."""


def converted(case: Path) -> Converted:
    text = (case / "input.yaml").read_text(encoding="utf-8")
    return convert_text(text, file="input.yaml", version=case.parent.name)


def named(case: Path) -> str:
    return f"{case.parent.name}-{case.name}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_it_becomes_what_is_expected(case: Path) -> None:
    assert converted(case).text == (case / "output.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=named)
def test_what_is_left_behind_is_said(case: Path) -> None:
    expected = case / "losses.txt"
    lines = [
        f"input.yaml:{loss.mark.line}:{loss.mark.column}: not carried over: {loss.path}: {loss.why}"
        for loss in converted(case).losses
    ]
    wanted = expected.read_text(encoding="utf-8").splitlines() if expected.exists() else []
    assert lines == wanted


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_converted_file_is_in_that_version_already(case: Path) -> None:
    text = (case / "output.yaml").read_text(encoding="utf-8")
    again = convert_text(text, file="output.yaml", version=case.parent.name)
    assert (again.text, again.losses) == (text, ())


@pytest.mark.parametrize("case", SAME_GRAPH, ids=named)
def test_a_graph_without_losses_stays_the_same(case: Path) -> None:
    before, after = (
        [read_graph(one) for one in read_documents(text, file="f.yaml") if one.version]
        for text in ((case / "input.yaml").read_text(encoding="utf-8"), converted(case).text)
    )
    assert before == after
