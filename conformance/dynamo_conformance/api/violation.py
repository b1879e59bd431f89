"""Violations: one thing each that the API server would refuse or warn of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.api.cluster_parts import Feature
from dynamo_conformance.manifest.node import path_text

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mark, Path

UNKNOWN = "unknown field"
REQUIRED = "Required value"
INVALID = "Invalid value"
UNSUPPORTED = "Unsupported value"
DUPLICATE = "Duplicate value"
FORBIDDEN = "Forbidden"
TOO_MANY = "Too many"
TOO_LONG = "Too long"
DEPRECATED = "deprecated"
PREFER = "prefer"

GROVE = Feature.GROVE
INFERENCE = Feature.INFERENCE_EXTENSION


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not allowed.

    Attributes:
        path: The field as the API server names it, from the root of the object.
        mark: Where it was written: the key for an unknown field, else the value.
        kind: The API server's class of error (`Required value`, ...).
        text: What is wrong; for an unknown field what to write instead, or nothing.
        suggestion: The nearest right word, or None.
        unless: What a cluster must have for this to be fine; None when it never is.
        rule: The id of the webhook's rule, by which releases differ; empty for all others.
        unsure: The operator of which it is not known whether it refuses this; else empty.
    """

    path: Path
    mark: Mark
    kind: str
    text: str
    suggestion: str | None = None
    unless: Feature | None = None
    rule: str = ""
    unsure: str = ""

    @property
    def message(self) -> str:
        """The whole message: path, kind, text and what to write instead."""
        hint = f'; did you mean "{self.suggestion}"?' if self.suggestion else ""
        if self.kind == UNKNOWN:
            other = f"; {self.text}" if self.text else hint
            return f'{UNKNOWN} "{path_text(self.path)}"{other}'
        if not self.kind:  # Free words, which name the field themselves.
            return f"{self.text}{hint}"
        return f"{path_text(self.path)}: {self.kind}: {self.text}{hint}"
