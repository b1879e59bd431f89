"""Where the parts of one component are written: in one place, or in several matched by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_launch.config.runconfig import place

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping, Mark


@dataclass(frozen=True, slots=True)
class Source:
    """A mapping of a config file.

    Attributes:
        file: The file's name as the caller gave it.
        node: The mapping.
    """

    file: str
    node: Mapping = field(repr=False)

    def where(self, mark: Mark) -> str:
        """Return `file:line:col: ` of something in it."""
        return place(self.file, mark)
