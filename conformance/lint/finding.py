"""Findings: what lint reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.manifest.node import Mark


class Severity(StrEnum):
    """How bad a finding is: an error fails the run, the others do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a rule has to say about a file.

    Attributes:
        rule: The rule's id.
        severity: How bad it is.
        file: The file's name as the caller gave it.
        mark: Where it was written, line and column from 1.
        path: The field in the document, as the Kubernetes API writes it; may be empty.
        message: What is wrong and what to do about it.
    """

    rule: str
    severity: Severity
    file: str
    mark: Mark
    path: str
    message: str

    @property
    def where(self) -> str:
        """`file:line:column`."""
        return f"{self.file}:{self.mark.line}:{self.mark.column}"
