"""What keeps kopf from keeping notes on objects: storages that store nothing.

Only events are handled here, for which kopf needs no notes; but it would still copy each object
several times to see whether it differs from what it noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import kopf

if TYPE_CHECKING:
    from collections.abc import Iterable


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers no last handled state."""

    def build(
        self,
        *,
        body: kopf.Body,  # noqa: ARG002 - kopf passes it by name
        extra_fields: Iterable[kopf.FieldSpec] | None = None,  # noqa: ARG002 - likewise
    ) -> kopf.BodyEssence:
        """Return nothing to compare."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002 - likewise
        """Return that nothing was noted."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Note nothing."""


class NoProgress(kopf.ProgressStorage):
    """Remembers no handler that is under way."""

    def fetch(
        self,
        *,
        key: kopf.HandlerId,  # noqa: ARG002 - kopf passes it by name
        body: kopf.Body,  # noqa: ARG002 - likewise
    ) -> kopf.ProgressRecord | None:
        """Return that nothing was noted."""
        return None

    def store(
        self,
        *,
        key: kopf.HandlerId,
        record: kopf.ProgressRecord,
        body: kopf.Body,
        patch: kopf.Patch,
    ) -> None:
        """Note nothing."""

    def purge(self, *, key: kopf.HandlerId, body: kopf.Body, patch: kopf.Patch) -> None:
        """Take nothing away."""

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None:
        """Leave the object alone."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return what there is to compare: nothing."""
        return essence
