"""What can be wrong with a file before it is a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mark


class ManifestError(ValueError):
    """A file that cannot be read as manifests: what is wrong, and where.

    Attributes:
        file: The file's name as the caller gave it.
        mark: Line and column, both from 1.
        reason: What is wrong and what to do about it; no secret of the file is in it.
    """

    def __init__(self, file: str, mark: Mark, reason: str) -> None:
        # Most runs have no error.
        from dynamo_conformance.manifest.masking import masked
        from dynamo_conformance.manifest.terminal_safe import shown

        reason = masked(reason)
        super().__init__(shown(f"{file}:{mark.line}:{mark.column}: {reason}"))
        self.file = file
        self.mark = mark
        self.reason = reason
