"""Changes: what a manifest meets on its way to another release, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.manifest.node import Mark
    from dynamo_conformance.upgrade.text_edits import Edit

Line: TypeAlias = tuple[int, int]
"""The major and minor number of an operator."""


class Kind(StrEnum):
    """How bad a change is."""

    BREAKS = "breaks"
    MEANING = "changes meaning"
    WORTH = "worth changing"


class Area(StrEnum):
    """What a change is about; in reports it is the rule."""

    COMMAND = "upgrade-command"
    WAYS = "upgrade-ways"
    FIELD = "upgrade-field"
    OPERATOR = "upgrade-operator"
    IMAGE = "upgrade-image"
    API = "upgrade-api"
    LINT = "upgrade-lint"
    COMMENT = "upgrade-comment"


AREAS = {
    Area.COMMAND: "Flags, their values and variables that the release takes otherwise",
    Area.WAYS: "What the release does otherwise where the manifest says nothing",
    Area.FIELD: "Fields that the operator drops, ignores or calls otherwise",
    Area.OPERATOR: "What the operator does otherwise",
    Area.IMAGE: "Images of another release",
    Area.API: "The API version",
    Area.LINT: "What `dynamo lint` finds by the target's rules",
    Area.COMMENT: "Comments for the linter that are no longer needed",
}


class Target(NamedTuple):
    """Where manifests are to go.

    Attributes:
        release: The release of the images.
        operator: The operator that is to run them.
    """

    release: Release
    operator: Line

    @property
    def operator_text(self) -> str:
        """The operator, as X.Y."""
        return ".".join(map(str, self.operator))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is otherwise for this manifest at the target.

    Attributes:
        area: What it is about.
        kind: How bad it is.
        mark: Where the manifest says it, or would have to.
        what: What changes, and for whom.
        since: The release or operator that changed it, such as `Dynamo 1.4.2`; empty when that is
            not known.
        fix: What to do; an instruction.
        edits: What does that safely; empty when it is for people.
        converts: Whether it is the conversion to another API version that does it.
    """

    area: Area
    kind: Kind
    mark: Mark
    what: str
    since: str = ""
    fix: str = ""
    edits: tuple[Edit, ...] = ()
    converts: bool = False

    @property
    def message(self) -> str:
        """The change as a sentence for reports."""
        since = f" (since {self.since})" if self.since else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.what}{since}{fix}"
