"""Fixes: safe fixes, written into the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.files import replace_file

if TYPE_CHECKING:
    from dynamo_conformance.lint.finding import Fix, LintReport


_QUOTES = ("'", '"')


def fix_files(report: LintReport) -> int:
    """Apply the fixes of a report to its files, and return how many findings that were.

    A file is replaced as a whole or not at all; what is not written as the finding saw it stays.

    Raises:
        OSError: A file cannot be written, or was changed meanwhile; it is named.
    """
    by_file: dict[str, list[Fix]] = {}
    for finding in report.findings:
        if finding.fix is not None:
            by_file.setdefault(finding.file, []).append(finding.fix)
    return sum(_fix_file(Path(file), fixes) for file, fixes in by_file.items())


def _fix_file(path: Path, fixes: list[Fix]) -> int:
    before = path.read_bytes()
    lines = before.decode("utf-8").splitlines(keepends=True)
    fixed = 0
    # From the end, so that the places of the others stay true.
    for fix in sorted(set(fixes), reverse=True):
        line = lines[fix.line - 1] if fix.line <= len(lines) else ""
        start = fix.column - 1 + (line.startswith("\ufeff") and fix.line == 1)
        start += line[start : start + 1] in _QUOTES
        if line[start : start + len(fix.old)] == fix.old:
            lines[fix.line - 1] = line[:start] + fix.new + line[start + len(fix.old) :]
            fixed += 1
    if fixed:
        try:
            replace_file(path, "".join(lines).encode("utf-8"), was=before)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
    return fixed
