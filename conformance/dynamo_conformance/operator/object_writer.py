"""Bringing a graph's objects into a cluster: only those that differ, all of them at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.labels import OPERATOR, PART
from dynamo_conformance.operator.object_changes import changes, noted_generation
from dynamo_conformance.operator.objects.last_applied import LAST_GENERATION
from dynamo_conformance.operator.objects.services import is_model_service

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.kube.resources import KubeObject
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.cluster_api import ClusterApi
    from dynamo_conformance.operator.object_cache import ObjectCache
    from dynamo_conformance.operator.object_changes import OwnershipConflict


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedObject:
    """An object that could not be written, and will not be until somebody changes something.

    Attributes:
        wanted: The object.
        message: Why.
    """

    wanted: KubeObject
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of the objects that were to be written.

    Attributes:
        created: Those of them that are made once, and were made now.
        refused: Those that could not be written.
    """

    created: tuple[KubeObject, ...] = ()
    refused: tuple[RefusedObject, ...] = ()


class ObjectWriter:
    """Writes objects, and takes in what the API server made of them.

    Args:
        api: The API server.
        cache: What is known to be there.
    """

    def __init__(self, api: ClusterApi, cache: ObjectCache) -> None:
        self._api = api
        self._cache = cache

    async def write(self, wanted: Iterable[KubeObject], *, namespace: str) -> Written:
        """Write what differs from what is there.

        Raises:
            ApiError: The API server cannot do it now; the other objects were written.
        """
        marked = [item.with_metadata(labels={PART: OPERATOR}) for item in wanted]
        todo = changes(marked, self._cache.within(namespace))
        applied, created = await asyncio.gather(
            asyncio.gather(*(self._attempt(item, once=False) for item in todo.apply)),
            asyncio.gather(*(self._attempt(item, once=True) for item in todo.create)),
        )
        refused = [_owned_by_another(item) for item in todo.conflicts if _matters(item)]
        for item, error in zip((*todo.apply, *todo.create), (*applied, *created), strict=True):
            if error is not None and error.is_final:
                refused.append(RefusedObject(wanted=item, message=error.message))
            elif error is not None:
                raise error
        there = self._cache.within(namespace)
        made = tuple(item for item in todo.create if item.key in there)
        return Written(created=made, refused=tuple(refused))

    async def delete(self, deleted: Iterable[KubeObject]) -> None:
        """Delete objects; the watch reports when they are deleted."""
        await asyncio.gather(*(self._api.delete(item) for item in deleted))

    async def scale(self, live: KubeObject, replicas: int) -> None:
        """Have a workload run this many copies."""
        changed = await self._api.merge(live, {"spec": {"replicas": replicas}})
        self._cache.observe(changed)

    async def annotate(self, live: KubeObject, annotations: dict[str, Plain]) -> KubeObject:
        """Add annotations to an object."""
        changed = await self._api.merge(live, {"metadata": {"annotations": annotations}})
        self._cache.observe(changed)
        return changed

    async def _attempt(self, item: KubeObject, *, once: bool) -> ApiError | None:
        """Write one object; return what went wrong, so that the others are written too."""
        try:
            answer = await (self._api.create(item) if once else self._api.apply(item))
            if answer is not None:
                self._cache.observe(answer)
                if (generation := noted_generation(answer)) is not None:
                    await self.annotate(answer, {LAST_GENERATION: generation})
        except ApiError as error:
            return error
        return None


def _matters(conflict: OwnershipConflict) -> bool:
    """Whether an object of another graph is in the way; a model's Service serves both."""
    return not is_model_service(conflict.wanted)


def _owned_by_another(conflict: OwnershipConflict) -> RefusedObject:
    present = conflict.present
    message = (
        f"{present.kind} {present.name} belongs to another object; one of the two needs a new name"
    )
    return RefusedObject(wanted=conflict.wanted, message=message)
