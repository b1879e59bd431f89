"""The fields that a conversion to the other version and back would lose: found, and restored.

A mapping is laid out flat: each path that counts, with its value. What does not come back from the
other version is saved. What was saved is restored as far as the other version still agrees with it:
nothing that was changed there is undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from dynamo_conformance.manifest.fields import entries
from dynamo_conformance.manifest.node import Mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dynamo_conformance.manifest.node import Node

Steps: TypeAlias = "tuple[str, ...]"
Flat: TypeAlias = "dict[Steps, Node]"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLayout:
    """How one kind of mapping is laid out.

    Attributes:
        opened: The mappings in it whose fields count one by one; the outermost is always opened.
        together: Fields that only mean something together.
        always: Fields that are saved though they would come back.
    """

    opened: frozenset[Steps] = frozenset()
    together: tuple[frozenset[Steps], ...] = ()
    always: frozenset[Steps] = frozenset()

    def flat(self, mapping: Mapping) -> Flat:
        """Return what is at each path; an opened mapping that is empty is there by itself."""
        fields: Flat = {}
        waiting: list[tuple[Steps, Mapping]] = [((), mapping)]
        while waiting:
            at, inner = waiting.pop()
            for entry in inner:
                here = (*at, entry.key)
                if here in self.opened and isinstance(entry.value, Mapping) and len(entry.value):
                    waiting.append((here, entry.value))
                else:
                    fields[here] = entry.value
        return fields

    def groups(self, paths: Iterable[Steps]) -> list[frozenset[Steps]]:
        """Return the fields at `paths`, with those that they only mean something with."""
        groups: dict[frozenset[Steps], None] = {}
        for path in sorted(paths):
            group = next((fields for fields in self.together if path in fields), frozenset((path,)))
            groups[group] = None
        return list(groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherVersion:
    """The other version of a mapping.

    Attributes:
        live: Its content now.
        layout: How it is laid out.
        made_from: Makes it from this version.
    """

    live: Mapping
    layout: FieldLayout
    made_from: Callable[[Mapping], Mapping]

    def misfits(self, flat: Flat) -> dict[Steps, Node | None]:
        """Return what would differ in it, were it made from `flat`: path, and the other value.

        Args:
            flat: This version, laid out.
        """
        made = self.layout.flat(self.made_from(nested(flat)))
        live = self.layout.flat(self.live)
        return {path: made.get(path) for path in {*made, *live} if made.get(path) != live.get(path)}


def nested(flat: Flat) -> Mapping:
    """Return the mapping that is laid out as `flat`."""
    values: dict[str, Node] = {}
    inner: dict[str, Flat] = {}
    for path, node in flat.items():
        if len(path) == 1:
            values[path[0]] = node
        else:
            inner.setdefault(path[0], {})[path[1:]] = node
    return Mapping(entries({**values, **{key: nested(fields) for key, fields in inner.items()}}))


def lost_fields(mine: Mapping, returned: Mapping, layout: FieldLayout) -> Mapping:
    """Return the parts of `mine` that come back otherwise from the other version."""
    here, back = layout.flat(mine), layout.flat(returned)
    fields: Flat = {}
    for group in layout.groups({*here, *back}):
        lost = any(here.get(path) != back.get(path) for path in group)
        if lost or not layout.always.isdisjoint(group):
            fields.update({path: here[path] for path in group if path in here})
    return nested(fields)


def restored_fields(
    live: Mapping, saved: Mapping, layout: FieldLayout, other: OtherVersion
) -> Mapping:
    """Return `live` with the saved fields, as far as the other version agrees.

    Args:
        live: This version, made from the other one.
        saved: The lost fields of this version.
        layout: How this version is laid out.
        other: The other version.
    """
    kept = layout.flat(saved)
    if not kept:
        return live
    restored = layout.flat(live)
    groups = layout.groups(kept)
    candidate = restored
    for group in groups:
        candidate = _with_group(candidate, kept, group)
    if not other.misfits(candidate):
        return nested(candidate)  # Nothing was changed since, as mostly.
    allowed = other.misfits(restored)
    for group in groups:
        candidate = _with_group(restored, kept, group)
        if (left := other.misfits(candidate)).items() <= allowed.items():
            restored, allowed = candidate, left
    return nested(restored)


def _with_group(flat: Flat, kept: Flat, group: frozenset[Steps]) -> Flat:
    """Return `flat` with the fields of `group` as they were kept, without its other fields."""
    others = {path: node for path, node in flat.items() if path not in group}
    return {**others, **{path: kept[path] for path in group if path in kept}}
