"""nvidia.com/v1beta1 objects, rearranged into v1alpha1 shape.

What the operator's own conversion does, as recorded in tests/data/observed/convert, without the
annotation in which its webhook keeps the rest. Where that annotation would be needed to keep a
graph working, v1alpha1's own field is used: mounts stay in `mainContainer` with all they say, and
`frontendSidecar` becomes the block of that name. Every value keeps its mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.document import GROUP, V1ALPHA1
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.fields import entries, is_void, is_zero, renamed, with_lists
from dynamo_conformance.manifest.graph import GPU, MAIN
from dynamo_conformance.manifest.node import Entry, Mapping, Node, Scalar, Sequence
from dynamo_conformance.manifest.v1alpha1 import SAME_IN_BOTH, SIDECAR_FRONTEND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.document import Document

_GRAPH_FIELDS = (
    ("backendFramework", "backendFramework"),
    ("annotations", "annotations"),
    ("labels", "labels"),
    ("priorityClassName", "priorityClassName"),
    ("restart", "restart"),
    ("experimental", "experimental"),
    ("providerOverride", "providerOverride"),
    ("env", "envs"),
)
_DEDICATED = ("env", "livenessProbe", "readinessProbe", "resources")
"""What moves from the container `main` into fields of the service; v1alpha1 has them in both."""

_SIDECAR_FIELDS = (("image", "image"), ("args", "args"), ("env", "envs"))


def to_v1alpha1(root: Mapping) -> Mapping:
    """Return a v1beta1 object in v1alpha1 shape; marks still point at what the author wrote."""
    version = root.get("apiVersion")
    mark = version.mark if version else root.mark
    converted = root.replaced("apiVersion", Scalar(f"{GROUP}/{V1ALPHA1}", mark))
    spec = root.mapping("spec")
    if spec is None:
        return converted
    fields = renamed(spec, _GRAPH_FIELDS)
    if (topology := spec.mapping("topologyConstraint")) is not None:
        names = (("clusterTopologyName", "topologyProfile"), ("packDomain", "packDomain"))
        fields["topologyConstraint"] = Mapping(entries(renamed(topology, names)), topology.mark)
    moved = entries(fields)
    components = spec.get("components")
    if isinstance(components, Sequence):
        services = _services(spec.mappings("components"))
        moved["services"] = Entry("services", Mapping(services, components.mark), components.mark)
    return converted.replaced("spec", Mapping(moved, spec.mark))


def refuse_namesakes(document: Document) -> None:
    """Make sure that each component has a name of its own, by which v1alpha1 keeps them.

    Raises:
        ManifestError: Two components have the same name.
    """
    spec = document.root.mapping("spec") or Mapping()
    seen: set[str] = set()
    for component in spec.mappings("components"):
        name = component.string("name")
        if name in seen:
            raise ManifestError(
                document.file,
                component.entries["name"].value.mark,
                f'a second component "{name}"; give it another name: v1alpha1 keeps them by name',
            )
        if name is not None:
            seen.add(name)


def _services(components: Iterable[Mapping]) -> dict[str, Entry]:
    """Return the components by name; one without a name has no place."""
    services: dict[str, Entry] = {}
    for component in components:
        name = component.get("name")
        if isinstance(name, Scalar) and isinstance(name.value, str) and name.value:
            services[name.value] = Entry(name.value, _service(component), name.mark)
    return services


def _service(component: Mapping) -> Mapping:
    types = _type(component)
    fields = renamed(component, tuple((name, name) for name in SAME_IN_BOTH))
    if (shared := _shared_memory(component)) is not None:
        fields["sharedMemory"] = shared
    if (adapter := component.mapping("scalingAdapter")) is not None:
        switch = Scalar(value=True, mark=adapter.mark)
        fields["scalingAdapter"] = Mapping(entries({"enabled": switch}), adapter.mark)
    fields.update(_experimental(component.mapping("experimental") or Mapping()))
    if (cache := component.mapping("compilationCache")) is not None:
        fields["volumeMounts"] = Sequence((_cache_mount(cache),), cache.mark)
    types.update(entries(fields))
    types.update(_pod(component))
    return Mapping(types, component.mark)


def _type(component: Mapping) -> dict[str, Entry]:
    """Split a type in two: prefill is a worker, and its subComponentType is prefill."""
    kind = component.get("type")
    if not isinstance(kind, Scalar) or is_void(kind):
        return {}
    if kind.value not in ("prefill", "decode"):
        return entries({"componentType": kind})
    return {
        "componentType": Entry("componentType", Scalar("worker")),
        "subComponentType": Entry("subComponentType", kind, kind.mark),
    }


def _shared_memory(component: Mapping) -> Mapping | None:
    size = component.get("sharedMemorySize")
    if size is None or is_void(size):
        return None
    if is_zero(size):
        return Mapping(entries({"disabled": Scalar(value=True, mark=size.mark)}), size.mark)
    return Mapping(entries({"size": size}), size.mark)


def _experimental(block: Mapping) -> dict[str, Node]:
    fields = renamed(block, (("checkpoint", "checkpoint"),))
    for name in ("gpuMemoryService", "failover"):
        if (part := block.mapping(name)) is not None:
            switch = Entry("enabled", Scalar(value=True, mark=part.mark), part.mark)
            rest = part.replaced("enabled", None).entries
            fields[name] = _lower_mode(Mapping({"enabled": switch, **rest}, part.mark))
    return fields


def _lower_mode(block: Mapping) -> Mapping:
    """Return `block` with its mode spelt as v1alpha1 does: IntraPod becomes intraPod."""
    mode = block.get("mode")
    if isinstance(mode, Scalar) and isinstance(mode.value, str) and mode.value:
        spelt = mode.value[0].lower() + mode.value[1:]
        return block.replaced("mode", Scalar(spelt, mode.mark, spelt))
    return block


def _cache_mount(cache: Mapping) -> Mapping:
    fields = renamed(cache, (("pvcName", "name"), ("mountPath", "mountPoint")))
    flag = Scalar(value=True, mark=cache.mark)
    return Mapping(entries({**fields, "useAsCompilationCache": flag}), cache.mark)


def _pod(component: Mapping) -> dict[str, Entry]:
    """Return what the pod template becomes: dedicated fields, then what is extra to them."""
    template = component.mapping("podTemplate") or Mapping()
    spec = template.mapping("spec") or Mapping()
    containers = spec.mappings("containers")
    main = next((other for other in containers if other.string("name") == MAIN), None)
    # A second container called main has no place: v1alpha1 would drop it.
    others = [other for other in containers if other.string("name") != MAIN]
    fields = entries(_dedicated(main)) if main is not None else {}
    if (sidecar := _sidecar(component, others)) is not None:
        container, block = sidecar
        others = [other for other in others if other is not container]
        fields["frontendSidecar"] = block
    metadata = template.mapping("metadata") or Mapping()
    names = (("annotations", "annotations"), ("labels", "labels"))
    if labelled := renamed(metadata, names):
        kept = Mapping(entries(labelled), metadata.mark)
        fields["extraPodMetadata"] = Entry("extraPodMetadata", kept, metadata.mark)
    if extra := _extra(spec, main, others):
        fields["extraPodSpec"] = Entry("extraPodSpec", Mapping(extra, spec.mark), spec.mark)
    return fields


def _extra(spec: Mapping, main: Mapping | None, others: list[Mapping]) -> dict[str, Entry]:
    """Return `extraPodSpec`: the pod's spec without what has a field of the service."""
    extra: dict[str, Entry] = {}
    if main is not None:
        moved = {"envs": "env"}
        gone = {"name", *(moved.get(key, key) for key in _dedicated(main))}
        kept = {key: entry for key, entry in main.entries.items() if key not in gone}
        mark = main.entries["name"].value.mark
        extra["mainContainer"] = Entry("mainContainer", Mapping(kept, main.mark), mark)
    if others:
        listed = spec.entries["containers"]
        containers = Sequence(tuple(others), listed.value.mark)
        extra["containers"] = Entry("containers", containers, listed.mark)
    extra.update((entry.key, entry) for entry in spec if entry.key != "containers")
    return extra


def _dedicated(main: Mapping) -> dict[str, Node]:
    fields: dict[str, Node] = {}
    for name in _DEDICATED:
        value = main.get(name)
        if value is None or is_void(value):
            continue
        if name == "env" and isinstance(value, Sequence):
            fields["envs"] = value
        elif name == "resources" and isinstance(value, Mapping):
            fields["resources"] = with_lists(value, _resource_item)
        elif isinstance(value, Mapping):
            fields[name] = value
    return fields


def _resource_item(items: Mapping) -> Mapping:
    """Return cpu, memory and GPUs under their own names; all values are texts in v1alpha1."""
    names = {"cpu": "cpu", "memory": "memory", GPU: "gpu"}
    moved: dict[str, Entry] = {}
    custom: dict[str, Entry] = {}
    for entry in items:
        key = names.get(entry.key)
        place = moved if key is not None else custom
        name = key or entry.key
        place[name] = Entry(name, _as_text(entry.value), entry.mark)
    if custom:
        mark = next(iter(custom.values())).mark
        moved["custom"] = Entry("custom", Mapping(custom, mark), mark)
    return Mapping(moved, items.mark)


def _as_text(value: Node) -> Node:
    if isinstance(value, Scalar) and not isinstance(value.value, str | None):
        return Scalar(value.text, value.mark, value.text)
    return value


def _sidecar(component: Mapping, others: list[Mapping]) -> tuple[Mapping, Entry] | None:
    """Return the frontend's sidecar and v1alpha1's block for it, when that can say all of it."""
    reference = component.get("frontendSidecar")
    if not isinstance(reference, Scalar) or is_void(reference):
        return None
    names = [other.string("name") for other in others]
    if reference.value not in names:
        return None
    container = others[names.index(str(reference.value))]
    fields = renamed(container, _SIDECAR_FIELDS)
    secret = _only_secret(container)
    if secret is not None:
        fields["envFromSecret"] = secret
    kept = {"name", *(old for old, _new in _SIDECAR_FIELDS), *(["envFrom"] if secret else [])}
    if any(entry.key not in kept and not is_void(entry.value) for entry in container):
        return None
    is_taken = SIDECAR_FRONTEND in (name for name in names if name != reference.value)
    if is_taken or "image" not in fields:
        return None
    block = Mapping(entries(fields), container.mark)
    return container, Entry("frontendSidecar", block, reference.mark)


def _only_secret(container: Mapping) -> Scalar | None:
    """Return the name of the one whole Secret that `envFrom` takes, when it takes no more."""
    sources = container.sequence("envFrom")
    source = sources[0] if len(sources) == 1 else None
    if not isinstance(source, Mapping) or set(source.entries) != {"secretRef"}:
        return None
    reference = source.mapping("secretRef") or Mapping()
    name = reference.get("name")
    if set(reference.entries) != {"name"} or not isinstance(name, Scalar) or is_void(name):
        return None
    return name
