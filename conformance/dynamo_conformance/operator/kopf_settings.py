"""How kopf behaves here: it watches and calls, and keeps no notes on objects.

Only events are handled, for which kopf needs no notes; but with its own storages it would still
copy each object several times to see whether it differs from what it noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import kopf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.kube.resources import Resource


def kopf_settings(watched: Iterable[Resource], *, labels: str) -> kopf.OperatorSettings:
    """Return the settings of a controller.

    Args:
        watched: The kinds of which only some objects are watched.
        labels: What selects those objects.
    """
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    for resource in watched:
        key = resource.group, resource.version, resource.plural
        settings.watching.label_selectors[key] = labels
    return settings


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers no last handled state."""

    def build(self, **_: object) -> kopf.BodyEssence:
        """Return nothing to compare."""
        return kopf.BodyEssence()

    def fetch(self, **_: object) -> kopf.BodyEssence | None:
        """Return that nothing was noted."""
        return None

    def store(self, **_: object) -> None:
        """Note nothing."""


class NoProgress(kopf.ProgressStorage):
    """Remembers no handler that is under way."""

    def fetch(self, **_: object) -> kopf.ProgressRecord | None:
        """Return that nothing was noted."""
        return None

    def store(self, **_: object) -> None:
        """Note nothing."""

    def purge(self, **_: object) -> None:
        """Take nothing away."""

    def touch(self, **_: object) -> None:
        """Leave the object alone."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return what there is to compare: nothing."""
        return essence
