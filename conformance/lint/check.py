"""Checking: texts to documents, documents to findings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from conformance.lint import definition
from conformance.lint.finding import CheckedDocument, Finding, Severity
from conformance.lint.options import LintOptions
from conformance.lint.rule import (
    API_KIND_RULE,
    API_VERSION_RULE,
    YAML_RULE,
    Problem,
    Rule,
    Subject,
    load_rules,
    rule_ids,
)
from conformance.lint.waiver import find_waivers, waived
from conformance.manifest.document import KIND, decoded, sources
from conformance.manifest.errors import ManifestError
from conformance.manifest.node import path_text
from conformance.manifest.read import read_graph
from conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from conformance.manifest.document import Document, Source

_TEMPLATE = "{{"


def check_file(path: Path, options: LintOptions | None = None) -> tuple[CheckedDocument, ...]:
    """Return every DynamoGraphDeployment of a file with what is wrong with it.

    Raises:
        OSError: The file cannot be read.
    """
    return check_bytes(path.read_bytes(), file=str(path), options=options or LintOptions())


def check_bytes(
    data: bytes, *, file: str, options: LintOptions, named: bool = True
) -> tuple[CheckedDocument, ...]:
    """Return every DynamoGraphDeployment in `data`; other kinds are passed over.

    Args:
        data: The content of the file.
        file: The name to use in findings.
        options: How to lint.
        named: Whether somebody asked for this very file; then it is an error when it holds no
            graph and is no YAML.
    """
    try:
        text = decoded(data, file=file)
    except ManifestError as error:
        page = _Page(file, 0, 1, tuple(data.decode("utf-8", "replace").splitlines()[:9999]))
        return (page.unreadable(error),)
    used = _rules(options)
    checked: list[CheckedDocument] = []
    for source in sources(text, file=file):
        if source.may_hold_graphs:
            checked += _check_source(source, used, options)
    if not checked and named:
        checked += _unreadable(text, file)
    return tuple(checked)


@cache
def _rules(options: LintOptions) -> tuple[Rule, ...]:
    return load_rules(one for one in rule_ids() if options.applies(one))


def _unreadable(text: str, file: str) -> Iterator[CheckedDocument]:
    """Yield the document that cannot be read, in a file that holds no graph."""
    for source in sources(text, file=file):
        try:
            source.documents()
        except ManifestError as error:
            lines = tuple(source.text.splitlines())
            yield _Page(file, source.index, source.line, lines).unreadable(error)
            return


@dataclass(frozen=True, slots=True)
class _Page:
    """The lines that one document is written on, to make findings of problems."""

    file: str
    index: int
    first: int
    lines: tuple[str, ...]

    def finding(
        self,
        rule: str,
        severity: Severity,
        problem: Problem,
        path: str,
        secret: AbstractSet[int] = frozenset(),
    ) -> Finding:
        """Return the finding for what a rule found; secret lines are not shown."""
        line = problem.mark.line
        return Finding(
            rule=rule,
            severity=severity,
            file=self.file,
            line=max(problem.mark.line, 1),
            column=max(problem.mark.column, 1),
            path=path,
            message=problem.message,
            source="" if line in secret else self.line(line),
            fix=problem.fix,
        )

    def line(self, number: int) -> str:
        """Return a line of the file, or an empty one where there is none."""
        at = number - self.first
        return self.lines[at] if 0 <= at < len(self.lines) else ""

    def unreadable(self, error: ManifestError) -> CheckedDocument:
        """Return the document that could not be read; a Helm template is told what it is."""
        reason = error.reason
        if _TEMPLATE in self.line(error.mark.line):
            reason += "; is it a Helm template? check what `helm template` prints"
        problem = Problem(error.mark, reason)
        return self.checked(None, (self.finding(YAML_RULE, Severity.ERROR, problem, ""),))

    def checked(self, document: Document | None, findings: Iterable[Finding]) -> CheckedDocument:
        """Return a document with its findings in order."""
        return CheckedDocument(
            file=self.file,
            index=self.index,
            kind=document.kind if document is not None else "",
            name=document.name if document is not None else "",
            findings=tuple(sorted(findings, key=lambda one: (one.line, one.column, one.rule))),
        )


def _check_source(
    source: Source, rules: tuple[Rule, ...], options: LintOptions
) -> Iterator[CheckedDocument]:
    page = _Page(source.file, source.index, source.line, tuple(source.text.splitlines()))
    try:
        documents = source.documents()
    except ManifestError as error:
        yield page.unreadable(error)
        return
    waivers = find_waivers(page.lines, first=source.line)
    for document in documents:
        if _is_ours(document):
            problems = list(_problems(document, rules, options))
            secret = {one.mark.line for _rule, _severity, one in problems if one.secret}
            found = [
                page.finding(rule, severity, problem, _path(document, problem), secret)
                for rule, severity, problem in problems
            ]
            kept = waived(found, waivers, file=source.file, options=options)
            yield page.checked(document, kept)


def _problems(
    document: Document, rules: tuple[Rule, ...], options: LintOptions
) -> Iterator[tuple[str, Severity, Problem]]:
    """Yield what each rule finds in one document."""
    used = definition.load(options)
    if document.kind != KIND:
        mark = document.root.key_mark("kind")
        text = f'unknown kind "{document.kind}"; did you mean "{KIND}"?'
        yield API_KIND_RULE, Severity.ERROR, Problem(mark, text, ("kind",))
        return
    if document.version not in used.versions:
        try:
            read_graph(document)
        except ManifestError as error:
            problem = Problem(error.mark, error.reason, ("apiVersion",))
            yield API_VERSION_RULE, Severity.ERROR, problem
        return
    subject = Subject(document, read_graph(document), definition=used, cluster=options.cluster)
    for rule in rules:
        for problem in rule.check(subject):
            yield rule.ID, problem.severity or rule.SEVERITY, problem


def _is_ours(document: Document) -> bool:
    """Whether a document is a graph, or was meant to be one."""
    if document.kind == KIND:
        return True
    return (
        document.api_version.startswith("nvidia.com/") and nearest(document.kind, (KIND,)) == KIND
    )


def _path(document: Document, problem: Problem) -> str:
    path = document.path_at(problem.mark) if problem.path is None else problem.path
    return path_text(path)
