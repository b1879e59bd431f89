"""What must be written, made and deleted so that a cluster holds what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import KubeObject, table
from dynamo_conformance.manifest.quantity import parse_whole
from dynamo_conformance.operator.objects.last_applied import (
    LAST_GENERATION,
    LAST_HASH,
    without_notes,
)
from dynamo_conformance.operator.watched_kinds import KEPT, MADE_ONCE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from dynamo_conformance.kube.resources import Key
    from dynamo_conformance.manifest.node import Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipConflict:
    """An object that is wanted but belongs to somebody else."""

    wanted: KubeObject
    present: KubeObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectChanges:
    """What is to be done.

    Attributes:
        apply: Objects to write, new or changed.
        create: Objects to make; whoever has them already keeps them.
        conflicts: Objects that cannot be written.
    """

    apply: tuple[KubeObject, ...] = ()
    create: tuple[KubeObject, ...] = ()
    conflicts: tuple[OwnershipConflict, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.apply or self.create)


def changes(wanted: Iterable[KubeObject], live: Mapping[Key, KubeObject]) -> ObjectChanges:
    """Return what must be written.

    Args:
        wanted: What there should be.
        live: What there is in the namespace, whoever made it.
    """
    apply, create, conflicts = [], [], []
    for item in wanted:
        present = live.get(item.key)
        if item.kind in MADE_ONCE:
            if present is None:
                create.append(item)
        elif present is not None and _is_anothers(item, present):
            conflicts.append(OwnershipConflict(wanted=item, present=present))
        elif present is None:
            apply.append(item)
        elif (changed := _changed(item, present)) is not None:
            apply.append(changed)
    return ObjectChanges(apply=tuple(apply), create=tuple(create), conflicts=tuple(conflicts))


def unwanted(
    owned: Mapping[Key, KubeObject], wanted: Iterable[KubeObject], *, spared: Collection[Key] = ()
) -> tuple[KubeObject, ...]:
    """Return what a graph has but no longer wants.

    Args:
        owned: What the graph has.
        wanted: What it wants.
        spared: What stays for a while.
    """
    keys = {item.key for item in wanted}.union(spared)
    return tuple(
        item
        for key, item in owned.items()
        if key not in keys and key.kind not in KEPT and "deletionTimestamp" not in item.metadata
    )


def noted_generation(written: KubeObject) -> str | None:
    """Return the generation that an object should have noted but has not, or None.

    What is written notes in advance which generation it will be. Where the API server sees no
    change of the spec (a default that was now written out), that is one too many.
    """
    generation = written.metadata.get("generation")
    noted = written.annotations.get(LAST_GENERATION)
    if noted is None or not isinstance(generation, int) or noted == str(generation):
        return None
    return str(generation)


def _is_anothers(item: KubeObject, present: KubeObject) -> bool:
    """Whether an object is controlled by something that is not who wants it."""
    held, wanted = present.controller_uid, item.controller_uid
    return bool(held and wanted) and held != wanted


def _changed(item: KubeObject, present: KubeObject) -> KubeObject | None:
    """Return the object as it is to be written, or None when it is there already."""
    generation = present.metadata.get("generation")
    counted = generation if isinstance(generation, int) else None
    noted = parse_whole(present.annotations.get(LAST_GENERATION))
    if LAST_HASH not in item.annotations:
        return None if contains(present, item) else item
    is_touched = not contains(present, without_notes(item)) if counted is None else counted != noted
    if present.annotations.get(LAST_HASH) == item.annotations[LAST_HASH] and not is_touched:
        return None
    following = 1 if counted is None else counted + 1
    return item.with_metadata(annotations={LAST_GENERATION: str(following)})


def contains(whole: Plain, part: Plain) -> bool:
    """Whether `whole` has all that `part` has; lists must agree item by item."""
    if isinstance(part, dict):
        held = table(whole)
        return all(
            (key in held or item in ({}, [])) and contains(held.get(key), item)
            for key, item in part.items()
        )
    if isinstance(part, list):
        others = whole if isinstance(whole, list) else []
        return len(part) == len(others) and all(
            contains(other, item) for other, item in zip(others, part, strict=True)
        )
    return whole == part
