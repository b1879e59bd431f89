"""The runner: paths to files, files to documents, documents to findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.lint.finding import Finding, Severity
from conformance.lint.rule import Problem, Rule, Subject, load_rules
from conformance.manifest.document import VERSIONS, Document, read_file
from conformance.manifest.errors import ManifestError
from conformance.manifest.node import path_text
from conformance.manifest.read import read_graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from conformance.api.cluster import Cluster
YAML_RULE = "yaml"
API_VERSION_RULE = "api-version"
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class LintReport:
    """What a run looked at and what it found.

    Attributes:
        files: Every file that was read, in order.
        checked: How many DynamoGraphDeployments were in them.
        findings: By file, line and column.
    """

    files: tuple[str, ...]
    checked: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(one.severity is Severity.ERROR for one in self.findings)


def lint(paths: Iterable[Path]) -> LintReport:
    """Check files, and every YAML file below folders.

    Raises:
        OSError: A path cannot be read.
    """
    rules = load_rules()
    names: list[str] = []
    findings: list[Finding] = []
    checked = 0
    for path in manifest_files(paths):
        names.append(str(path))
        count, found = lint_file(path, rules=rules)
        checked += count
        findings += found
    return LintReport(tuple(names), checked, tuple(findings))


def lint_file(
    path: Path, *, rules: tuple[Rule, ...] | None = None, cluster: Cluster | None = None
) -> tuple[int, tuple[Finding, ...]]:
    """Return how many graphs a file holds, and what is wrong with them."""
    used = load_rules() if rules is None else rules
    try:
        documents = read_file(path)
    except ManifestError as error:
        found = Finding(
            rule=YAML_RULE,
            severity=Severity.ERROR,
            file=error.file,
            mark=error.mark,
            path="",
            message=error.reason,
        )
        return 0, (found,)
    graphs = [one for one in documents if one.version is not None]
    findings = [
        one for document in graphs for one in lint_document(document, rules=used, cluster=cluster)
    ]
    return len(graphs), tuple(sorted(findings, key=lambda one: (one.mark, one.rule)))


def lint_document(
    document: Document, *, rules: tuple[Rule, ...], cluster: Cluster | None = None
) -> Iterator[Finding]:
    """Yield what is wrong with one DynamoGraphDeployment."""
    if document.version not in VERSIONS:
        try:
            read_graph(document)
        except ManifestError as error:
            problem = Problem(error.mark, error.reason, ("apiVersion",))
            yield _finding(document, API_VERSION_RULE, Severity.ERROR, problem)
        return
    subject = Subject(document, read_graph(document), cluster)
    for rule in rules:
        for problem in rule.check(subject):
            yield _finding(document, rule.ID, problem.severity or rule.SEVERITY, problem)


def manifest_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files as given, and below folders every YAML file in order of name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(
                one
                for one in path.rglob("*")
                if one.suffix in SUFFIXES and one.is_file() and not _hidden(one, path)
            )
        else:
            yield path


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _finding(document: Document, rule: str, severity: Severity, problem: Problem) -> Finding:
    path = document.path_at(problem.mark) if problem.path is None else problem.path
    return Finding(
        rule=rule,
        severity=severity,
        file=document.file,
        mark=problem.mark,
        path=path_text(path),
        message=problem.message,
    )
