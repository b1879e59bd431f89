"""What a conversion left behind, found by looking for it: nothing is lost unsaid.

A value is left behind when no part of the converted tree was made from it, and when the converted
tree does not say the same without it, as by leaving out what is switched off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import is_true, is_void, is_zero
from dynamo_conformance.manifest.graph import MAIN
from dynamo_conformance.manifest.node import Mapping, Mark, Scalar, Sequence, find, walk
from dynamo_conformance.manifest.v1alpha1 import SIDECAR_FRONTEND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.convert.value_tracking import Numbering, ValueOrigin
    from dynamo_conformance.manifest.node import Node, Path

_SERVICE = 3
"""How many steps lead to a service or a component: `spec.services.NAME`."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that the other version has no place for.

    Attributes:
        path: Where it is in the document.
        mark: Where it was written.
        number: Its number.
    """

    path: Path
    mark: Mark
    number: int


def numbers(root: Node) -> set[int]:
    """Return the numbers of all that a converted tree was made from."""
    reached = set()
    for _path, node in walk(root):
        reached.add(node.mark.line)
        if isinstance(node, Mapping):
            reached.update(entry.mark.line for entry in node)
    return reached - {0}


def leftovers(numbering: Numbering, present: set[int]) -> Iterator[Leftover]:
    """Yield what is missing, each time the whole of it, in the order of the document."""
    fates: dict[int, _Fate] = {}
    _note_fates(numbering, numbering.root, present, fates)
    yield from _missing(numbering, numbering.root, fates)


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of a value and all inside.

    Attributes:
        is_present: Some of it is in the converted tree.
        is_said: That says some of it, though it was not made from it.
        is_void: Nothing inside says anything.
    """

    is_present: bool
    is_said: bool
    is_void: bool

    @property
    def is_missing(self) -> bool:
        """Whether it is gone as a whole."""
        return not (self.is_present or self.is_said or self.is_void)


def _note_fates(
    numbering: Numbering, node: Node, present: set[int], fates: dict[int, _Fate]
) -> _Fate:
    number = node.mark.line
    children = _children(node)
    inside = [_note_fates(numbering, child, present, fates) for child in children]
    is_present = number in present
    if children:
        fate = _Fate(
            is_present=is_present or any(value.is_present for value in inside),
            is_said=any(value.is_said and not value.is_void for value in inside),
            is_void=all(value.is_void for value in inside),
        )
    else:
        is_said = not is_present and _goes_without_saying(numbering, numbering.origins[number])
        fate = _Fate(is_present=is_present, is_said=is_said, is_void=is_void(node))
    fates[number] = fate
    return fate


def _missing(numbering: Numbering, node: Node, fates: dict[int, _Fate]) -> Iterator[Leftover]:
    origin = numbering.origins[node.mark.line]
    fate = fates[origin.number]
    children = _children(node)
    if not children:
        if not (fate.is_present or fate.is_said):
            yield _leftover(numbering, origin)
    elif origin.path and fate.is_missing:
        yield _leftover(numbering, origin)
    else:
        for child in children:
            yield from _missing(numbering, child, fates)


def _leftover(numbering: Numbering, origin: ValueOrigin) -> Leftover:
    """Return `origin` with the mark of its key."""
    key = numbering.origins.get(origin.number - 1)
    is_keyed = key is not None and key.node is None and key.path == origin.path
    mark = key.mark if key is not None and is_keyed else origin.mark
    return Leftover(origin.path, mark, origin.number)


def _children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Mapping):
        return tuple(entry.value for entry in node)
    return node.items if isinstance(node, Sequence) else ()


def _goes_without_saying(numbering: Numbering, origin: ValueOrigin) -> bool:
    """Whether the converted tree says what `origin` says, though nothing was made from it."""
    path, node = origin.path, origin.node
    assert node is not None  # noqa: S101 - keys have no leaves
    is_service = len(path) == _SERVICE and path[:2] == ("spec", "services")
    if is_void(node):
        # Only a service that is null is one that the author wrote and that is gone.
        return not is_service
    if not isinstance(node, Scalar) or len(path) <= _SERVICE:
        return False
    if path[:2] == ("spec", "services"):
        service = find(numbering.root, path[:_SERVICE])
        return isinstance(service, Mapping) and _service_says(service, path, node)
    return path[:2] == ("spec", "components") and _component_says(path, node)


def _service_says(service: Mapping, path: Path, node: Scalar) -> bool:
    field, inner = path[_SERVICE], path[_SERVICE + 1 :]
    if inner == ("enabled",):
        is_switch = field in ("scalingAdapter", "gpuMemoryService", "failover")
        return is_switch and isinstance(node.value, bool)
    if field == "sharedMemory":
        return _shared_memory_says(service, inner, node)
    if inner[1:] == ("useAsCompilationCache",):
        return node.value is False or inner[0] == _first_cache(service)
    return (
        (field == "componentType" and node.value == "worker" and not inner)
        or (field == "serviceName" and node.value == path[_SERVICE - 1])
        or (path[_SERVICE:] == ("extraPodSpec", "mainContainer", "name") and node.value == MAIN)
    )


def _shared_memory_says(service: Mapping, inner: Path, node: Scalar) -> bool:
    shared = service.mapping("sharedMemory") or Mapping()
    if inner == ("disabled",):
        return node.value is False
    return inner == ("size",) and is_true(shared.get("disabled")) and is_zero(node)


def _first_cache(service: Mapping) -> int | None:
    for index, mount in enumerate(service.sequence("volumeMounts")):
        if isinstance(mount, Mapping) and is_true(mount.get("useAsCompilationCache")):
            return index
    return None


def _component_says(path: Path, node: Scalar) -> bool:
    is_container = path[_SERVICE:-2] == ("podTemplate", "spec", "containers")
    return is_container and path[-1] == "name" and node.value == SIDECAR_FRONTEND
