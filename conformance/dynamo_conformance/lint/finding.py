"""Findings: what lint reports, document by document, and what it is given to check."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.lint.options import SettingsSuppression
    from dynamo_conformance.manifest.masking import Secrets

SETTINGS = "settings"
"""The kind of the document that findings about the settings are in; it is no graph."""


class Severity(StrEnum):
    """How bad a finding is: an error fails the run, the others do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Fix(NamedTuple):
    """A safe fix.

    Attributes:
        line: Where the words to replace begin, line and column from 1.
        column: See `line`.
        old: What is written there; nothing is changed when it is not exactly this.
        new: What to write instead.
    """

    line: int
    column: int
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a rule reports in a file.

    Attributes:
        rule: The rule's id.
        severity: How bad it is.
        file: The file's name as the caller gave it.
        line: Where it was written, from 1.
        column: Where it was written, from 1.
        path: The field in the document, as the Kubernetes API writes it; may be empty.
        message: What is wrong and what to do about it.
        source: The line of the file, for people to see; empty when it is not for them.
        fix: The fix, when it is safe.
    """

    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    path: str
    message: str
    source: str = ""
    fix: Fix | None = None

    @property
    def where(self) -> str:
        """`file:line:column`."""
        return f"{self.file}:{self.line}:{self.column}"

    def without(self, secrets: Secrets) -> Finding:
        """Return the finding with its secrets masked; a line that has one is not shown."""
        message, path = secrets.masked(self.message), secrets.masked(self.path)
        source = "" if secrets.are_in(self.source) else self.source
        if (message, path, source) == (self.message, self.path, self.source):
            return self
        return replace(self, message=message, path=path, source=source)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedDocument:
    """One DynamoGraphDeployment, or what should be one, and what is wrong with it.

    Attributes:
        file: The file's name as the caller gave it.
        index: Which document of the file it is, from 0; empty documents are not counted.
        kind: Its kind; empty when it cannot be read.
        name: Its name; empty when it cannot be read.
        findings: By line and column.
        suppressed: Suppressions of the settings that covered something in it.
        releases: The releases by which its components were judged, and how many by each.
    """

    file: str
    index: int
    kind: str
    name: str
    findings: tuple[Finding, ...]
    suppressed: tuple[SettingsSuppression, ...] = ()
    releases: tuple[tuple[Release, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LintReport:
    """What a run looked at, and its findings.

    Attributes:
        files: How many files were read.
        documents: Every document that was checked, by file and place.
        judge: The operator by whose rules, when somebody named it; empty otherwise.
    """

    files: int
    documents: tuple[CheckedDocument, ...]
    judge: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in the order of the documents."""
        return tuple(finding for document in self.documents for finding in document.findings)

    @property
    def releases(self) -> dict[Release, int]:
        """How many components were judged by each release, oldest first."""
        counts: Counter[Release] = Counter()
        for document in self.documents:
            counts.update(dict(document.releases))
        return dict(sorted(counts.items()))

    def count(self, severity: Severity) -> int:
        """Return how many findings are of that severity."""
        return sum(finding.severity is severity for finding in self.findings)


class FileContent(NamedTuple):
    """What is to be checked.

    Attributes:
        name: The file's name, for findings.
        data: What is in it.
        named: Whether somebody asked for this very file; one that only lies below a folder
            may be no manifest, and no YAML either.
    """

    name: str
    data: bytes
    named: bool = True


Checked: TypeAlias = tuple[CheckedDocument, ...]
