"""What is different in the pods that run from the templates they were made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import as_mapping
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.rendering.labels import COMPONENT
from dynamo_conformance.targets.interface import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.kube.resources import KubeObject
    from dynamo_conformance.manifest.node import Node

_FIELDS = ("image", "command", "args", "workingDir", "resources", "securityContext")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_POD_FIELDS = ("nodeSelector", "runtimeClassName", "schedulerName", "serviceAccountName")
_OWN_ENV = ("LWS_", "KUBERNETES_")
"""Beginnings of variables that a LeaderWorkerSet gives its pods by itself, as it should."""

NOTHING = "none"


def changes(pods: Iterable[KubeObject], makers: Iterable[KubeObject]) -> tuple[Change, ...]:
    """Return what admission made of the pods, each component's once.

    Args:
        pods: The pods as they are.
        makers: The ReplicaSets and StatefulSets that made them, with their templates.
    """
    templates = {maker.name: _template(maker) for maker in makers}
    collected: dict[Change, None] = {}
    for value in pods:
        pod = as_mapping(value)
        meta = pod.mapping("metadata") or Mapping()
        owner = next(iter(meta.mappings("ownerReferences")), Mapping())
        template = templates.get(owner.string("name") or "")
        if template is None:
            continue
        labels = meta.mapping("labels") or Mapping()
        where = labels.string(COMPONENT) or owner.string("name") or value.name
        for change in _Comparison(where).of(template, pod.mapping("spec") or Mapping()):
            collected[change] = None
    return tuple(collected)


def _template(maker: KubeObject) -> Mapping:
    spec = as_mapping(maker).mapping("spec") or Mapping()
    return (spec.mapping("template") or Mapping()).mapping("spec") or Mapping()


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Compares a template with a pod of one component."""

    where: str

    def of(self, template: Mapping, pod: Mapping) -> Iterator[Change]:
        for field in _POD_FIELDS:
            yield from self._value(field, template.get(field), pod.get(field))
        for plural in ("initContainers", "containers"):
            known = {mapping.string("name"): mapping for mapping in template.mappings(plural)}
            for container in pod.mappings(plural):
                name = container.string("name") or "?"
                before = known.pop(container.string("name"), None)
                if before is None:
                    yield Change(self.where, f"container {name} was added")
                else:
                    yield from self._container(name, before, container)
            for missing in known:
                yield Change(self.where, f"container {missing} was removed")

    def _container(self, name: str, before: Mapping, after: Mapping) -> Iterator[Change]:
        prefix = "" if name == "main" else f"container {name}: "
        for field in (*_FIELDS, *_PROBES):
            for path, old, new in _differences(field, before.get(field), after.get(field)):
                if _is_default_request(path, old, new, after):
                    continue
                yield Change(self.where, f"{prefix}{path} {_text(old)} -> {_text(new)}")
        yield from self._environment(prefix, before, after)

    def _environment(self, prefix: str, before: Mapping, after: Mapping) -> Iterator[Change]:
        old = {variable.string("name") or "": variable for variable in before.mappings("env")}
        new = {variable.string("name") or "": variable for variable in after.mappings("env")}
        for name in sorted(old.keys() | new.keys()):
            if not name.startswith(_OWN_ENV) and old.get(name) != new.get(name):
                yield Change(
                    self.where,
                    f"{prefix}env {name} {_variable(old.get(name))} -> {_variable(new.get(name))}",
                )

    def _value(self, field: str, old: Node | None, new: Node | None) -> Iterator[Change]:
        """Yield a changed value; what the API server fills in by default is no change."""
        if old is not None and old != new:
            yield Change(self.where, f"{field} {_text(old)} -> {_text(new)}")


def _differences(
    path: str, old: Node | None, new: Node | None
) -> Iterator[tuple[str, Node | None, Node | None]]:
    """Yield the innermost values that differ, with where they are."""
    if old == new:
        return
    if isinstance(old, Mapping) or isinstance(new, Mapping):
        before = old if isinstance(old, Mapping) else Mapping()
        after = new if isinstance(new, Mapping) else Mapping()
        for key in dict.fromkeys([entry.key for entry in (*before, *after)]):
            yield from _differences(f"{path}.{key}", before.get(key), after.get(key))
        return
    yield path, old, new


def _is_default_request(path: str, old: Node | None, new: Node | None, container: Mapping) -> bool:
    """Whether a request is what the API server makes of a limit that has none."""
    head, _, name = path.partition(".requests.")
    resources = container.mapping("resources") or Mapping()
    limits = resources.mapping("limits") or Mapping()
    return head == "resources" and old is None and new is not None and limits.get(name) == new


def _text(node: Node | None) -> str:
    if node is None:
        return NOTHING
    return str(node.value) if isinstance(node, Scalar) else str(node.plain())


def _variable(node: Mapping | None) -> str:
    if node is None:
        return NOTHING
    value = node.get("value")
    return _text(value) if value is not None or "valueFrom" not in node else "from elsewhere"
