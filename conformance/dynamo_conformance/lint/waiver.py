"""Waivers: comments that say why a finding is fine where it stands.

    image: registry.example/ours:latest  # dynamo-lint: allow image-source because we pin by digest

The comment stands at the end of the line, or on a line of its own above it. A waiver needs a
reason, and is reported when there is nothing left that it waives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Finding, Severity
from dynamo_conformance.lint.options import names
from dynamo_conformance.lint.rule import WAIVER_REASON, WAIVER_UNUSED, all_ids
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.lint.options import LintOptions, SettingsWaiver

_COMMENT = re.compile(
    r"#\s*dynamo-lint:\s*allow\s+(?P<rules>[a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*)"
    r"(?P<rest>.*)$"
)
_MARK = "dynamo-lint:"
_ATTEMPT = re.compile(r"#\s*dynamo-lint:(?P<rules>)(?P<rest>)")
"""A comment for us that is no waiver: a word other than `allow`, or no rule."""

_REASON = re.compile(r"\s+because\s+(?P<reason>\S.*)$")
_MOST_HINTS = 100
_ALONE = re.compile(r"\s*(?:#.*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One comment.

    Attributes:
        rules: The rules that it waives.
        reason: Why; empty when it does not say.
        target: The line whose findings it waives.
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


def find_waivers(lines: tuple[str, ...], *, first: int) -> tuple[Waiver, ...]:
    """Return the waivers in `lines`, of which the first one is line `first` of the file."""
    if not any(_MARK in line for line in lines):
        return ()
    found: list[Waiver] = []
    # From the end, so that each line knows the next one that says something.
    target = len(lines) - 1
    for index, line in reversed(tuple(enumerate(lines))):
        if not _ALONE.match(line):
            target = index
        match = _COMMENT.search(line) or _ATTEMPT.search(line) if _MARK in line else None
        if match is None:
            continue
        reason = _REASON.match(match["rest"])
        waiver = Waiver(
            rules=tuple(re.split(r"\s*,\s*", match["rules"])) if match["rules"] else (),
            reason=reason["reason"].rstrip() if reason is not None else "",
            target=target + first,
            line=index + first,
            column=match.start() + 1,
            source=line,
        )
        found.append(waiver)
    return tuple(reversed(found))


class Waivers:
    """The waivers in one text, and what became of them; the text may hold several documents."""

    def __init__(self, waivers: tuple[Waiver, ...], *, file: str, options: LintOptions) -> None:
        self._waivers = waivers
        self._by_line: dict[int, list[Waiver]] = {}
        for one in waivers:
            self._by_line.setdefault(one.target, []).append(one)
        self._file = file
        self._options = options
        self._used: set[tuple[Waiver, str]] = set()
        self._settings: dict[SettingsWaiver, None] = {}

    def kept(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield the findings that no waiver covers."""
        for finding in findings:
            covering = _covering(finding, self._by_line.get(finding.line, ()))
            if covering is None:
                waiver = self._options.waiver_for(finding.rule, self._file)
                if waiver is None:
                    yield finding
                else:
                    self._settings[waiver] = None
            else:
                self._used.add(covering)
                if not covering[0].reason:
                    text = f"{finding.message} (the waiver gives no reason)"
                    yield replace(finding, message=text)

    @property
    def of_settings(self) -> tuple[SettingsWaiver, ...]:
        """The waivers of the settings that covered a finding so far."""
        return tuple(self._settings)

    def complaints(self) -> Iterator[Finding]:
        """Yield what is wrong with the waivers themselves, once all findings have been seen."""
        hints = _MOST_HINTS
        for waiver in self._waivers:
            if not waiver.reason and self._options.applies(WAIVER_REASON):
                text = "this is no waiver" if not waiver.rules else "a waiver needs a reason"
                text += "; write: # dynamo-lint: allow RULE because REASON"
                yield _finding(waiver, self._file, WAIVER_REASON, Severity.ERROR, text)
            for rule in waiver.rules:
                # A rule that was not asked for may well find something; only a full run can tell.
                full = not (self._options.only or self._options.skip)
                if full and (waiver, rule) not in self._used:
                    hints -= 1
                    text = _unused(waiver, rule, hint=hints >= 0)
                    yield _finding(waiver, self._file, WAIVER_UNUSED, Severity.WARNING, text)


def _covering(finding: Finding, of_line: Iterable[Waiver]) -> tuple[Waiver, str] | None:
    for waiver in of_line:
        for rule in waiver.rules:
            if names(rule, finding.rule):
                return waiver, rule
    return None


def _unused(waiver: Waiver, rule: str, *, hint: bool) -> str:
    known = all_ids()
    if not any(names(rule, one) for one in known):
        nearest = did_you_mean(rule, known) if hint else ""
        return f'no rule is called "{rule}"{nearest or "; remove it"}'
    return f'this waives nothing any more: no "{rule}" in line {waiver.target}; remove it'


def _finding(waiver: Waiver, file: str, rule: str, severity: Severity, text: str) -> Finding:
    return Finding(
        rule=rule,
        severity=severity,
        file=file,
        line=waiver.line,
        column=waiver.column,
        path="",
        message=text,
        source=waiver.source,
    )
