"""UNSUPPORTED, as pytest tells it: a skip with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

MARK = "UNSUPPORTED: "


def reason(report: pytest.TestReport) -> str | None:
    """Return why a check shows nothing here, or None when it does, or was skipped otherwise."""
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return None
    _, found, why = report.longrepr[2].partition(MARK)
    return why if found else None
