"""UNSUPPORTED and not run, as pytest tells them: skips with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

MARK = "UNSUPPORTED: "
NOT_RUN = "not run: "


def reason(report: pytest.TestReport) -> str | None:
    """Return why a check shows nothing here, or None when it does, or was skipped otherwise."""
    return _behind(MARK, report)


def why_not_run(report: pytest.TestReport) -> str | None:
    """Return which failure kept a check from being carried out, or None when nothing did."""
    return _behind(NOT_RUN, report)


def _behind(mark: str, report: pytest.TestReport) -> str | None:
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return None
    _, found, why = report.longrepr[2].partition(mark)
    return why if found else None
