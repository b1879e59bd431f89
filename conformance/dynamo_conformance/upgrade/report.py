"""Reports: the changes of files, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import unified_diff
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import CheckedDocument, Finding, LintReport, Severity
from dynamo_conformance.lint.output import github, json_text, junit, sarif
from dynamo_conformance.manifest.masking import secrets_in
from dynamo_conformance.manifest.terminal_safe import shown
from dynamo_conformance.upgrade.change import AREAS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.upgrade.change import Change, Target
    from dynamo_conformance.upgrade.file_upgrade import Upgrade, UpgradedGraph

VERSION = 1
"""Of the JSON report: grows when a field changes its meaning or goes."""

NAME = "dynamo upgrade"
_SEVERITIES = {
    Kind.BREAKS: Severity.ERROR,
    Kind.MEANING: Severity.WARNING,
    Kind.WORTH: Severity.INFO,
}
_BY_WRITE = " (--write does it)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """A file with its upgrade.

    Attributes:
        name: The file's name.
        text: What it said.
        upgrade: What it meets.
        written: Whether the safe changes are in the file now.
    """

    name: str
    text: str
    upgrade: Upgrade
    written: bool

    @property
    def graphs(self) -> Iterator[tuple[UpgradedGraph, tuple[Change, ...]]]:
        """Each graph with the changes that are to be said: all, or what is left in the file."""
        for graph in self.upgrade.graphs:
            yield graph, graph.left if self.written else graph.changes

    @property
    def shown_text(self) -> str:
        """The text that the places of the changes are in."""
        return self.upgrade.text if self.written else self.text


def breaks(files: Iterable[FileReport]) -> int:
    """Return how many changes break."""
    return sum(
        change.kind is Kind.BREAKS
        for file in files
        for _graph, changes in file.graphs
        for change in changes
    )


def render(files: tuple[FileReport, ...], target: Target, style: str) -> str:
    """Return the report in a format."""
    if style == "json":
        return _json(files, target)
    if style == "text":
        return "\n".join([*_lines(files), summary(files, target)])
    report = _lint_report(files)
    if style == "sarif":
        titles = {str(area): title for area, title in AREAS.items()}
        return sarif.log(report, name=NAME, titles=titles)
    if style == "junit":
        return junit.render(report, name=NAME)
    return "\n".join([*github.commands(report), summary(files, target)])


def summary(files: tuple[FileReport, ...], target: Target) -> str:
    """Return the closing line: whether everything is ready, and how many changes there are."""
    changes = [
        (change, change in graph.safe and not file.written)
        for file in files
        for graph, listed in file.graphs
        for change in listed
    ]
    counts = []
    for kind in Kind:
        safe = [is_safe for change, is_safe in changes if change.kind is kind]
        if safe:
            by_write = f" ({sum(safe)} by --write)" if any(safe) else ""
            counts.append(f"{len(safe)} {_COUNTED[kind][len(safe) == 1]}{by_write}")
    ready = "no" if breaks(files) else "yes"
    said = ", ".join(counts) if counts else "nothing changes"
    return f"ready for {target.release} (operator {target.operator_text}): {ready}; {said}"


_COUNTED = {
    Kind.BREAKS: ("break", "breaks"),
    Kind.MEANING: ("change meaning", "changes meaning"),
    Kind.WORTH: ("worth changing", "worth changing"),
}


def diff(file: FileReport) -> str:
    """Return what `--write` changes in a file, secrets masked."""
    secrets = secrets_in(f"{file.text}\n{file.upgrade.text}", None)
    lines = unified_diff(
        file.text.splitlines(),
        file.upgrade.text.splitlines(),
        f"a/{file.name.lstrip('/')}",
        f"b/{file.name.lstrip('/')}",
        lineterm="",
    )
    return "\n".join(shown(secrets.masked(line)) for line in lines)


def _lines(files: Iterable[FileReport]) -> Iterator[str]:
    for file in files:
        for graph, changes in file.graphs:
            for change, finding in zip(changes, _findings(file, changes), strict=True):
                by_write = _BY_WRITE if change in graph.safe and not file.written else ""
                yield shown(f"{finding.where}: {change.kind}: {finding.message}{by_write}")
                if finding.source:
                    gutter = f"{finding.line:>6} | "
                    yield f"{gutter}{shown(finding.source)}"
                    yield f"{' ' * 7}| {' ' * (finding.column - 1)}^"


_SHOWN_WIDTH = 240


def _findings(file: FileReport, changes: Iterable[Change]) -> list[Finding]:
    """Return changes as findings, without secrets."""
    lines = file.shown_text.removeprefix("\ufeff").splitlines()
    secrets = secrets_in(file.shown_text, None)
    findings = []
    for change in changes:
        line = lines[change.mark.line - 1] if change.mark.line <= len(lines) else ""
        finding = Finding(
            rule=str(change.area),
            severity=_SEVERITIES[change.kind],
            file=file.name,
            line=max(change.mark.line, 1),
            column=max(change.mark.column, 1),
            path="",
            message=change.message,
            source=line if len(line) <= _SHOWN_WIDTH else "",
        )
        findings.append(finding.without(secrets))
    return findings


def _lint_report(files: tuple[FileReport, ...]) -> LintReport:
    documents = [
        CheckedDocument(
            file=file.name,
            index=graph.index,
            kind="DynamoGraphDeployment",
            name=secrets_in(file.text, None).masked(graph.name),
            findings=tuple(
                replace(finding, message=f"{change.kind}: {finding.message}")
                for change, finding in zip(changes, _findings(file, changes), strict=True)
            ),
        )
        for file in files
        for graph, changes in file.graphs
    ]
    return LintReport(files=len(files), documents=tuple(documents))


def _json(files: tuple[FileReport, ...], target: Target) -> str:
    graphs = []
    for file in files:
        secrets = secrets_in(file.text, None)
        for graph, changes in file.graphs:
            said = [
                {
                    "area": str(change.area),
                    "kind": str(change.kind),
                    "line": change.mark.line,
                    "column": change.mark.column,
                    "since": change.since,
                    "what": secrets.masked(change.what),
                    "fix": secrets.masked(change.fix),
                    "safe": change in graph.safe and not file.written,
                }
                for change in changes
            ]
            ready = all(change.kind is not Kind.BREAKS for change in changes)
            graphs.append(
                {
                    "file": file.name,
                    "index": graph.index,
                    "name": secrets.masked(graph.name),
                    "ready": ready,
                    "changes": said,
                }
            )
    return json_text(
        {
            "version": VERSION,
            "release": str(target.release),
            "operator": target.operator_text,
            "files": len(files),
            "ready": not breaks(files),
            "graphs": graphs,
        }
    )
