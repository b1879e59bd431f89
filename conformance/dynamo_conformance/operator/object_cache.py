"""The controller's copy of what is in the cluster, kept up to date by its watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.quantity import parse_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynamo_conformance.kube.resources import Key, KubeObject


class ObjectCache:
    """The newest known state of each object that the controller watches."""

    def __init__(self) -> None:
        self._found: dict[str, dict[Key, KubeObject]] = {}
        self._owned: dict[str, dict[Key, KubeObject]] = {}

    def observe(self, seen: KubeObject) -> bool:
        """Take in a state of an object; return whether it is new.

        The answer to a write of ours and the watch's event for it come in any order.
        """
        known = self.get(seen.namespace or "", seen.key)
        if known is not None and known.uid == seen.uid and version(known) >= version(seen):
            return False
        if known is not None:
            self._drop(known)
        self._found.setdefault(seen.namespace or "", {})[seen.key] = seen
        if holder := seen.controller_uid:
            self._owned.setdefault(holder, {})[seen.key] = seen
        return True

    def forget(self, deleted: KubeObject) -> bool:
        """Take in that an object was deleted; return whether that is new."""
        known = self.get(deleted.namespace or "", deleted.key)
        if known is None or known.uid != deleted.uid:
            return False
        self._drop(known)
        return True

    def replace(self, kind: str, seen: Iterable[KubeObject]) -> None:
        """Take in all objects of a kind at once; what is not among them is deleted."""
        listed = {(item.namespace or "", item.key): item for item in seen}
        for known in self.of_kind(kind):
            if (known.namespace or "", known.key) not in listed:
                self._drop(known)
        for item in listed.values():
            self.observe(item)

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
        each = (item for within in self._found.values() for item in within.values())
        return tuple(item for item in each if item.kind == kind)

    def _drop(self, known: KubeObject) -> None:
        _remove(self._found, known.namespace or "", known.key)
        if holder := known.controller_uid:
            _remove(self._owned, holder, known.key)


def _remove(groups: dict[str, dict[Key, KubeObject]], group: str, key: Key) -> None:
    groups[group].pop(key, None)
    if not groups[group]:
        del groups[group]


def version(item: KubeObject) -> int:
    """Return a number that grows with each change of an object."""
    text = item.metadata.get("resourceVersion")
    return (parse_whole(text) if isinstance(text, str) else None) or 0
