"""Operators: the releases whose rules are known, and how they differ.

The one operator whose CRD and verdicts are at hand as a whole is 1.5.0-dev (upstream main of
2026-08-21). What its neighbours do otherwise is in their release notes; they are checked with
its CRD.
"""

from __future__ import annotations

from dataclasses import dataclass

RECORDED_OPERATOR = "1.5.0-dev"
"""The operator whose CRD and verdicts are kept."""

DEFAULT_OPERATOR = "1.5.0"
"""The operator that a graph is judged by when nobody says which: the newest that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One release of the Dynamo operator.

    Attributes:
        version: Its version.
        date: The day of that version, YYYY-MM-DD.
        needs_runtime_version: Whether it must know the runtime version of each image
            (since 1.4.0); before, `runtimeVersionOverride` is no field.
        native_epp: Whether endpoint pickers are the runtime's own from runtime 1.5.0 on, and take
            no `eppConfig` (since 1.5.0).
    """

    version: str
    date: str
    needs_runtime_version: bool
    native_epp: bool


_KNOWN = (
    Operator(version="1.3.0", date="2026-07-20", needs_runtime_version=False, native_epp=False),
    Operator(version="1.4.0", date="2026-08-14", needs_runtime_version=True, native_epp=False),
    Operator(version="1.5.0-dev", date="2026-08-21", needs_runtime_version=True, native_epp=False),
    Operator(version="1.5.0", date="2026-09-18", needs_runtime_version=True, native_epp=True),
)

OPERATORS = {operator.version: operator for operator in _KNOWN}
