"""Every rule: manifests that pass, and manifests that fail at a known line and column.

A failing case marks the place with a comment at the end of its line: `# expect: COLUMN`.
A case for a known cluster says in its first line what that has: `# cluster: lws grove`, or `bare`.
What a rule says of its failing cases is in `cases/<rule>/words.txt`; run this file to write all of
these anew, and read what has changed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.lint.check import check_file
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.lint.pyproject import cluster_of
from dynamo_conformance.lint.rule import id_of, load_rules
from lint_helpers import Linter

if TYPE_CHECKING:
    from dynamo_conformance.api.cluster_parts import Cluster
    from dynamo_conformance.lint.finding import Finding

CASES = Path(__file__).parent / "cases"
RULES = [id_of(rule) for rule in load_rules()]
EXPECTED = re.compile(r"# expect: (\d+)$")
CLUSTER = re.compile(r"# cluster: (.+)")


def cases(kind: str) -> list[tuple[str, Path]]:
    return [
        (folder.name, path)
        for folder in sorted(CASES.iterdir())
        for path in sorted((folder / kind).glob("*.yaml"))
    ]


def lint_file(path: Path) -> tuple[int, list[Finding]]:
    documents = check_file(path, LintOptions(cluster=cluster(path)))
    return len(documents), [one for document in documents for one in document.findings]


def words(rule: str) -> str:
    """Return what a rule says of its failing cases: where, how bad it is, and of which field."""
    return "".join(
        f"{path.stem}:{one.line}:{one.column}: {one.severity}: {one.path}: {one.message}\n"
        for path in sorted((CASES / rule / "fail").glob("*.yaml"))
        for one in lint_file(path)[1]
        if one.rule == rule
    )


def places(path: Path) -> list[tuple[int, int]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        (number, int(found[1]))
        for number, line in enumerate(lines, start=1)
        if (found := EXPECTED.search(line)) is not None
    ]


def cluster(path: Path) -> Cluster | None:
    found = CLUSTER.match(path.read_text(encoding="utf-8"))
    parts = found[1].split() if found is not None else []
    return cluster_of(parts if parts != ["bare"] else ["none"]) if parts else None


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_lacks_cases(rule: str) -> None:
    for kind in ("pass", "fail"):
        assert list((CASES / rule / kind).glob("*.yaml")), f"no {kind} case for {rule}"


def test_no_cases_lack_a_rule() -> None:
    assert {folder.name for folder in CASES.iterdir()} == set(RULES)


@pytest.mark.parametrize("rule", load_rules(), ids=id_of)
def test_every_rule_says_why_and_shows_both(rule: object) -> None:
    text = rule.__doc__ or ""
    parts = [text.index(heading) for heading in ("Fix: ", "PASS:", "FAIL:")]
    assert parts == sorted(parts)


@pytest.mark.parametrize(("rule", "path"), cases("fail"), ids=lambda one: getattr(one, "stem", one))
def test_failing_cases_are_found_where_they_are(rule: str, path: Path) -> None:
    expected = places(path)
    assert expected, "a failing case marks its place with `# expect: COLUMN`"
    _count, findings = lint_file(path)
    found = [(one.line, one.column) for one in findings if one.rule == rule]
    assert found == expected, [f"{one.where} {one.message}" for one in findings]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_what_it_said_before(rule: str) -> None:
    assert words(rule) == (CASES / rule / "words.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(("rule", "path"), cases("pass"), ids=lambda one: getattr(one, "stem", one))
def test_passing_cases_pass(rule: str, path: Path) -> None:
    count, findings = lint_file(path)
    assert count, "a passing case holds a graph"
    assert [one.message for one in findings if one.rule == rule] == []


def test_of_a_placeholder_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linter = Linter.opened(tmp_path, monkeypatch)
    linter.write("a.yaml", (CASES / "placeholder/fail/template.yaml").read_text(encoding="utf-8"))
    assert {rule for rule, _line in linter.found("a.yaml")} == {"placeholder"}
    text = linter.run("--only", "api", "a.yaml").output
    assert "it is a placeholder that was not filled in" in text
    assert "did you mean" not in text
    assert text.count(": error: ") == 2  # The name and the quantity, which the schema refuses.


if __name__ == "__main__":
    for _rule in RULES:
        (CASES / _rule / "words.txt").write_text(words(_rule), encoding="utf-8")
