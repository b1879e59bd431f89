"""What of the controller's objects is in the cluster, as far as its watches have told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import KubeObject, table
from dynamo_conformance.manifest.document import KIND
from dynamo_conformance.manifest.whole import parse_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynamo_conformance.kube.resources import Key
    from dynamo_conformance.manifest.node import Plain


class ObjectCache:
    """The controller's objects, newest state of each."""

    def __init__(self) -> None:
        self._found: dict[str, dict[Key, KubeObject]] = {}
        self._owned: dict[str, dict[Key, KubeObject]] = {}

    def observe(self, seen: KubeObject) -> bool:
        """Take in a state of an object; return whether it is news.

        What an own write returned and what the watch then tells of it come in any order.
        """
        known = self.get(seen.namespace or "", seen.key)
        if known is not None and uid(known) == uid(seen) and version(known) >= version(seen):
            return False
        if known is not None:
            self._drop(known)
        self._found.setdefault(seen.namespace or "", {})[seen.key] = seen
        if (holder := owner(seen)) is not None:
            self._owned.setdefault(holder, {})[seen.key] = seen
        return True

    def forget(self, gone: KubeObject) -> bool:
        """Take in that an object is gone; return whether that is news."""
        known = self.get(gone.namespace or "", gone.key)
        if known is None or uid(known) != uid(gone):
            return False
        self._drop(known)
        return True

    def replace(self, kind: str, seen: Iterable[KubeObject]) -> None:
        """Take in all objects of a kind at once; what is not among them is gone."""
        listed = {(one.namespace or "", one.key): one for one in seen}
        for known in self.of_kind(kind):
            if (known.namespace or "", known.key) not in listed:
                self._drop(known)
        for one in listed.values():
            self.observe(one)

    def get(self, namespace: str, key: Key) -> KubeObject | None:
        """Return one object, or None."""
        return self._found.get(namespace, {}).get(key)

    def owned(self, owner_uid: str) -> dict[Key, KubeObject]:
        """Return the objects of one graph."""
        return dict(self._owned.get(owner_uid, {}))

    def within(self, namespace: str) -> Mapping[Key, KubeObject]:
        """Return all objects in a namespace; it changes when they do."""
        return self._found.get(namespace, {})

    def of_kind(self, kind: str) -> tuple[KubeObject, ...]:
        """Return all objects of a kind."""
        each = (one for within in self._found.values() for one in within.values())
        return tuple(one for one in each if one.kind == kind)

    def _drop(self, known: KubeObject) -> None:
        _remove(self._found, known.namespace or "", known.key)
        if (holder := owner(known)) is not None:
            _remove(self._owned, holder, known.key)


def _remove(groups: dict[str, dict[Key, KubeObject]], group: str, key: Key) -> None:
    groups[group].pop(key, None)
    if not groups[group]:
        del groups[group]


def uid(one: KubeObject) -> str:
    """Return what an object is called for its whole life, and nothing else ever is."""
    return _text(one.metadata.get("uid")) or ""


def version(one: KubeObject) -> int:
    """Return a number that grows with each change of an object."""
    text = one.metadata.get("resourceVersion")
    return (parse_whole(text) if isinstance(text, str) else None) or 0


def owner(one: KubeObject) -> str | None:
    """Return the uid of what controls an object, or None."""
    return _text(_controller(one).get("uid"))


def owner_name(one: KubeObject) -> str | None:
    """Return the name of the graph that controls an object, or None."""
    reference = _controller(one)
    return _text(reference.get("name")) if reference.get("kind") == KIND else None


def _controller(one: KubeObject) -> dict[str, Plain]:
    owners = one.metadata.get("ownerReferences")
    each = (table(reference) for reference in (owners if isinstance(owners, list) else ()))
    return next((reference for reference in each if reference.get("controller") is True), {})


def _text(value: Plain) -> str | None:
    return value if isinstance(value, str) else None
