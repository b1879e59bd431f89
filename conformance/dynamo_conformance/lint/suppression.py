"""Suppressions: comments and settings that say why a finding is fine where it stands.

    image: registry.example/ours:latest  # dynamo-lint: allow image-source because we pin by digest

The comment stands at the end of the line, or on a line of its own above it. A suppression needs a
reason, and is reported when it is unused.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import SETTINGS, CheckedDocument, Finding, LintReport, Severity
from dynamo_conformance.lint.options import names
from dynamo_conformance.lint.pyproject import FILE, TABLE
from dynamo_conformance.lint.rule import SUPPRESSION_REASON, SUPPRESSION_UNUSED, all_ids
from dynamo_conformance.manifest.files import real
from dynamo_conformance.manifest.masking import secrets_in
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.lint.options import LintOptions, SettingsSuppression

_COMMENT = re.compile(
    r"#\s*dynamo-lint:\s*allow\s+(?P<rules>[a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*)"
    r"(?P<rest>.*)$"
)
_MARK = "dynamo-lint:"
_ATTEMPT = re.compile(r"#\s*dynamo-lint:(?P<rules>)(?P<rest>)")
"""A comment for the linter that is no suppression: a word other than `allow`, or no rule."""

_REASON = re.compile(r"\s+because\s+(?P<reason>\S.*)$")
_MOST_HINTS = 100
_WILD = frozenset("*?[")
_ALONE = re.compile(r"\s*(?:#.*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One comment.

    Attributes:
        rules: The rules that it suppresses.
        reason: Why; empty when it does not say.
        target: The line whose findings it suppresses.
        line: Where the comment stands, from 1.
        column: Where the comment stands, from 1.
        source: The line that it stands in.
    """

    rules: tuple[str, ...]
    reason: str
    target: int
    line: int
    column: int
    source: str


def find_suppressions(lines: tuple[str, ...], *, first: int) -> tuple[Suppression, ...]:
    """Return the suppressions in `lines`, of which the first one is line `first` of the file."""
    if not any(_MARK in line for line in lines):
        return ()
    suppressions: list[Suppression] = []
    # From the end, so that each line knows the next one that says something.
    target = len(lines) - 1
    for index, line in reversed(tuple(enumerate(lines))):
        if not _ALONE.match(line):
            target = index
        match = _COMMENT.search(line) or _ATTEMPT.search(line) if _MARK in line else None
        if match is None:
            continue
        reason = _REASON.match(match["rest"])
        suppression = Suppression(
            rules=tuple(re.split(r"\s*,\s*", match["rules"])) if match["rules"] else (),
            reason=reason["reason"].rstrip() if reason is not None else "",
            target=target + first,
            line=index + first,
            column=match.start() + 1,
            source=line,
        )
        suppressions.append(suppression)
    return tuple(reversed(suppressions))


class Suppressions:
    """The suppressions in one text, which may hold several documents, and which were used."""

    def __init__(
        self, comments: tuple[Suppression, ...], *, file: str, options: LintOptions
    ) -> None:
        self._comments = comments
        self._by_line: dict[int, list[Suppression]] = {}
        for comment in comments:
            self._by_line.setdefault(comment.target, []).append(comment)
        self._file = file
        self._options = options
        self._used: set[tuple[Suppression, str]] = set()
        self._settings: dict[SettingsSuppression, None] = {}

    def kept(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield the findings that no suppression covers."""
        for finding in findings:
            covering = _covering(finding, self._by_line.get(finding.line, ()))
            if covering is None:
                suppression = self._options.suppression_for(finding.rule, self._file)
                if suppression is None:
                    yield finding
                else:
                    self._settings[suppression] = None
            else:
                self._used.add(covering)
                if not covering[0].reason:
                    text = f"{finding.message} (the suppression gives no reason)"
                    yield replace(finding, message=text)

    @property
    def from_settings(self) -> tuple[SettingsSuppression, ...]:
        """The suppressions of the settings that covered a finding so far."""
        return tuple(self._settings)

    def problems(self) -> Iterator[Finding]:
        """Yield what is wrong with the comments themselves, once all findings have been seen."""
        hints = _MOST_HINTS
        for comment in self._comments:
            if not comment.reason and self._options.applies(SUPPRESSION_REASON):
                text = "a suppression needs a reason" if comment.rules else "this is no suppression"
                text += "; write: # dynamo-lint: allow RULE because REASON"
                yield _finding(comment, self._file, SUPPRESSION_REASON, Severity.ERROR, text)
            for rule in comment.rules:
                # A rule that was not asked for may well find something; only a full run can tell.
                full = not (self._options.only or self._options.skip)
                if full and (comment, rule) not in self._used:
                    hints -= 1
                    text = _unused(comment, rule, hint=hints >= 0)
                    yield _finding(comment, self._file, SUPPRESSION_UNUSED, Severity.WARNING, text)


def _covering(finding: Finding, of_line: Iterable[Suppression]) -> tuple[Suppression, str] | None:
    for suppression in of_line:
        for rule in suppression.rules:
            if names(rule, finding.rule):
                return suppression, rule
    return None


def _unused(suppression: Suppression, rule: str, *, hint: bool) -> str:
    known = all_ids()
    if not any(names(rule, known_rule) for known_rule in known):
        nearest = did_you_mean(rule, known) if hint else ""
        return f'no rule is called "{rule}"{nearest or "; remove it"}'
    return f'unused suppression: no "{rule}" in line {suppression.target}; remove it'


def _finding(comment: Suppression, file: str, rule: str, severity: Severity, text: str) -> Finding:
    return Finding(
        rule=rule,
        severity=severity,
        file=file,
        line=comment.line,
        column=comment.column,
        path="",
        message=text,
        source=comment.source,
    )


def with_unused(report: LintReport, options: LintOptions, words: Iterable[str]) -> LintReport:
    """Return the report, and in it the unused suppressions of the settings.

    Only a suppression whose files were all looked at can be reported: one of `graphs/*.yaml` when
    `graphs`, or a folder above it, is among `words`; and only when every rule was applied.

    Args:
        report: The findings in everything that `words` name.
        options: How it was linted.
        words: The files and folders that were asked for.
    """
    if options.only or options.skip or not report.documents:
        return report
    asked = {real(Path(word)) for word in words}
    used = {entry for document in report.documents for entry in document.suppressed}
    left = [
        suppression
        for suppression in options.suppressions
        if suppression not in used and asked & _folders(suppression, real(Path(options.folder)))
    ]
    if not left:
        return report
    file = os.path.relpath(Path(options.folder, FILE))
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    secrets = secrets_in("\n".join(lines), None)
    findings = tuple(
        _settings_finding(suppression, file, lines).without(secrets) for suppression in left
    )
    settings = CheckedDocument(file=file, index=0, kind=SETTINGS, name=TABLE, findings=findings)
    return replace(report, documents=(*report.documents, settings))


def _folders(suppression: SettingsSuppression, folder: Path) -> set[Path]:
    """Return the folders that hold all files a suppression can mean, or that one file."""
    parts = takewhile(lambda part: not _WILD & set(part), Path(suppression.files).parts)
    base = folder.joinpath(*parts)
    return {base, *base.parents}


def _settings_finding(suppression: SettingsSuppression, file: str, lines: list[str]) -> Finding:
    line, column = _place(suppression, lines)
    return Finding(
        rule=SUPPRESSION_UNUSED,
        severity=Severity.WARNING,
        file=file,
        line=line,
        column=column,
        path="",
        message=f'unused suppression: no "{suppression.rule}" in {suppression.files}; remove it',
        source=lines[line - 1],
    )


def _place(suppression: SettingsSuppression, lines: list[str]) -> tuple[int, int]:
    """Return where a suppression's files stand in the settings; TOML is read without places."""
    start = next((at for at, line in enumerate(lines) if TABLE in line), 0)
    written = [at for at in range(start, len(lines)) if suppression.files in lines[at]]
    # The same files may stand in several suppressions; the right one has its rule close by.
    written.sort(
        key=lambda at: not any(suppression.rule in near for near in lines[at - 1 : at + 2])
    )
    at = written[0] if written else start
    return at + 1, max(lines[at].find(suppression.files), 0) + 1
