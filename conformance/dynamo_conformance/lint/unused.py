"""Waivers of the settings that waive nothing any more."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import SETTINGS, CheckedDocument, Finding, LintReport, Severity
from dynamo_conformance.lint.rule import WAIVER_UNUSED
from dynamo_conformance.lint.settings import FILE, TABLE
from dynamo_conformance.manifest.files import real
from dynamo_conformance.manifest.masking import secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.lint.options import LintOptions, SettingsWaiver

_WILD = frozenset("*?[")


def with_unused(report: LintReport, options: LintOptions, words: Iterable[str]) -> LintReport:
    """Return the report, and in it the waivers of the settings that waived nothing.

    Only a waiver whose files were all looked at can be told: one of `graphs/*.yaml` when `graphs`,
    or a folder above it, is among `words`; and only when every rule was applied.

    Args:
        report: What was found in everything that `words` name.
        options: How it was linted.
        words: The files and folders that were asked for.
    """
    if options.only or options.skip or not report.documents:
        return report
    asked = {real(Path(word)) for word in words}
    used = {one for document in report.documents for one in document.waived}
    left = [
        waiver
        for waiver in options.waivers
        if waiver not in used and asked & _roads(waiver, real(Path(options.folder)))
    ]
    if not left:
        return report
    file = os.path.relpath(Path(options.folder, FILE))
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    secrets = secrets_in("\n".join(lines), None)
    found = tuple(_finding(waiver, file, lines).without(secrets) for waiver in left)
    settings = CheckedDocument(file=file, index=0, kind=SETTINGS, name=TABLE, findings=found)
    return replace(report, documents=(*report.documents, settings))


def _roads(waiver: SettingsWaiver, folder: Path) -> set[Path]:
    """Return the folders that hold all files a waiver can mean, and the one file when it is one."""
    parts = takewhile(lambda part: not _WILD & set(part), Path(waiver.files).parts)
    base = folder.joinpath(*parts)
    return {base, *base.parents}


def _finding(waiver: SettingsWaiver, file: str, lines: list[str]) -> Finding:
    line, column = _place(waiver, lines)
    return Finding(
        rule=WAIVER_UNUSED,
        severity=Severity.WARNING,
        file=file,
        line=line,
        column=column,
        path="",
        message=f'this waives nothing any more: no "{waiver.rule}" in {waiver.files}; remove it',
        source=lines[line - 1],
    )


def _place(waiver: SettingsWaiver, lines: list[str]) -> tuple[int, int]:
    """Return where a waiver's files stand in the settings; TOML is read without places."""
    start = next((at for at, line in enumerate(lines) if TABLE in line), 0)
    written = [at for at in range(start, len(lines)) if waiver.files in lines[at]]
    # The same files may stand in several waivers; the right one has its rule close by.
    written.sort(key=lambda at: not any(waiver.rule in near for near in lines[at - 1 : at + 2]))
    at = written[0] if written else start
    return at + 1, max(lines[at].find(waiver.files), 0) + 1
