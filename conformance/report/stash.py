"""Where a pytest run keeps its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conformance.report.table import Table

TABLE: pytest.StashKey[Table] = pytest.StashKey()
