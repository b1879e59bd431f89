"""nvidia.com/v1alpha1 objects, rearranged into v1beta1 shape.

What the operator's own conversion does, as recorded in tests/data/observed/convert: services become
components sorted by name, the dedicated fields of a service move into the container `main`, and
what v1beta1 has no word for is left behind and reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.manifest.document import GROUP, V1BETA1
from conformance.manifest.graph import GPU, MAIN
from conformance.manifest.node import Entry, Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterable

SIDECAR_FRONTEND = "sidecar-frontend"

_GRAPH_FIELDS = (
    ("annotations", "annotations"),
    ("labels", "labels"),
    ("priorityClassName", "priorityClassName"),
    ("envs", "env"),
    ("backendFramework", "backendFramework"),
    ("restart", "restart"),
    ("experimental", "experimental"),
    ("providerOverride", "providerOverride"),
)
_SAME_IN_BOTH = (
    "replicas", "minAvailable", "multinode", "modelRef", "eppConfig", "globalDynamoNamespace",
    "runtimeVersionOverride", "topologyConstraint", "providerOverride",
)  # fmt: skip
_NO_WORD_FOR = (
    "dynamoNamespace", "autoscaling", "ingress", "serviceName", "annotations", "labels",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted object, and the nodes that v1beta1 has no word for."""

    root: Mapping
    left_behind: tuple[Entry, ...]


def to_v1beta1(root: Mapping) -> Conversion:
    """Return a v1alpha1 object in v1beta1 shape; marks still point at what the author wrote."""
    spec = root.mapping("spec") or Mapping(mark=root.mark)
    left: list[Entry] = []
    fields = _renamed(spec, _GRAPH_FIELDS)
    if (topology := spec.mapping("topologyConstraint")) is not None:
        names = (("topologyProfile", "clusterTopologyName"), ("packDomain", "packDomain"))
        fields["topologyConstraint"] = Mapping(_entries(_renamed(topology, names)), topology.mark)
    if "pvcs" in spec:
        left.append(spec.entries["pvcs"])
    services = spec.mapping("services")
    if services is not None:
        ordered = sorted(services, key=lambda entry: entry.key)
        components = tuple(_component(entry, left) for entry in ordered)
        fields["components"] = Sequence(components, services.mark)
    version = root.get("apiVersion")
    converted = root.replaced(
        "apiVersion", Scalar(f"{GROUP}/{V1BETA1}", version.mark if version else root.mark)
    )
    if "spec" in root:
        converted = converted.replaced("spec", Mapping(_entries(fields), spec.mark))
    return Conversion(converted, tuple(left))


def _component(service: Entry, left: list[Entry]) -> Mapping:
    body = service.value if isinstance(service.value, Mapping) else Mapping(mark=service.mark)
    left.extend(body.entries[name] for name in _NO_WORD_FOR if name in body)
    fields: dict[str, Node] = {"name": Scalar(service.key, service.mark, service.key)}
    if (kind := _type(body)) is not None:
        fields["type"] = kind
    fields.update(_renamed(body, tuple((name, name) for name in _SAME_IN_BOTH)))
    if (shared := _shared_memory(body)) is not None:
        fields["sharedMemorySize"] = shared
    adapter = body.mapping("scalingAdapter")
    if adapter is not None and _is_true(adapter.get("enabled")):
        fields["scalingAdapter"] = Mapping(mark=adapter.mark)
    if (cache := _compilation_cache(body)) is not None:
        fields["compilationCache"] = cache
    if (experimental := _experimental(body)) is not None:
        fields["experimental"] = experimental
    if "frontendSidecar" in body:
        mark = body.key_mark("frontendSidecar")
        fields["frontendSidecar"] = Scalar(SIDECAR_FRONTEND, mark, SIDECAR_FRONTEND)
    if (template := _pod_template(body)) is not None:
        fields["podTemplate"] = template
    return Mapping(_entries(fields), body.mark)


def _type(body: Mapping) -> Node | None:
    """Fold componentType and subComponentType into one: worker/prefill is prefill."""
    kind, sub = body.get("componentType"), body.get("subComponentType")
    is_worker = isinstance(kind, Scalar) and kind.value == "worker"
    if is_worker and isinstance(sub, Scalar) and sub.value in ("prefill", "decode"):
        return sub
    return kind if isinstance(kind, Scalar) and kind.value else None


def _shared_memory(body: Mapping) -> Node | None:
    shared = body.mapping("sharedMemory")
    if shared is None:
        return None
    if _is_true(shared.get("disabled")):
        return Scalar("0", shared.mark, "0")
    return shared.get("size")


def _compilation_cache(body: Mapping) -> Mapping | None:
    for mount in body.mappings("volumeMounts"):
        if _is_true(mount.get("useAsCompilationCache")):
            names = (("name", "pvcName"), ("mountPoint", "mountPath"))
            return Mapping(_entries(_renamed(mount, names)), mount.mark)
    return None


def _experimental(body: Mapping) -> Mapping | None:
    fields: dict[str, Node] = {}
    if (checkpoint := body.get("checkpoint")) is not None:
        fields["checkpoint"] = checkpoint
    for name in ("gpuMemoryService", "failover"):
        block = body.mapping(name)
        if block is not None and _is_true(block.get("enabled")):
            fields[name] = _camel_mode(block.replaced("enabled", None))
    return Mapping(_entries(fields), body.mark) if fields else None


def _camel_mode(block: Mapping) -> Mapping:
    """Return `block` with its mode spelt as v1beta1 does: intraPod becomes IntraPod."""
    mode = block.get("mode")
    if isinstance(mode, Scalar) and isinstance(mode.value, str) and mode.value:
        spelt = mode.value[0].upper() + mode.value[1:]
        return block.replaced("mode", Scalar(spelt, mode.mark, spelt))
    return block


def _pod_template(body: Mapping) -> Mapping | None:
    extra = body.mapping("extraPodSpec") or Mapping(mark=body.mark)
    main = _main_container(body, extra.mapping("mainContainer"))
    containers = [main] if main is not None else []
    containers += [one for one in extra.mappings("containers") if one.string("name") != MAIN]
    if (sidecar := _frontend_sidecar(body)) is not None:
        containers.append(sidecar)
    spec = {
        entry.key: entry.value
        for entry in extra
        if entry.key not in ("mainContainer", "containers")
    }
    if containers:
        spec["containers"] = Sequence(tuple(containers), extra.mark)
    template: dict[str, Node] = {}
    metadata = body.mapping("extraPodMetadata")
    if metadata is not None and len(metadata):
        template["metadata"] = metadata
    if spec:
        template["spec"] = Mapping(_entries(spec), extra.mark)
    return Mapping(_entries(template), extra.mark) if template else None


def _main_container(body: Mapping, written: Mapping | None) -> Mapping | None:
    """Merge the service's dedicated fields into `mainContainer`, whose own values win."""
    fields: dict[str, Node] = {}
    if (resources := body.mapping("resources")) is not None:
        fields["resources"] = _resources(resources)
    if envs := body.sequence("envs"):
        fields["env"] = Sequence(envs, body.key_mark("envs"))
    secret = body.get("envFromSecret")
    if isinstance(secret, Scalar) and secret.value:
        source = Mapping(_entries({"name": secret}), secret.mark)
        entry = Mapping(_entries({"secretRef": source}), secret.mark)
        fields["envFrom"] = Sequence((entry,), secret.mark)
    for probe in ("livenessProbe", "readinessProbe"):
        if (value := body.get(probe)) is not None:
            fields[probe] = value
    if mounts := _volume_mounts(body):
        fields["volumeMounts"] = Sequence(mounts, body.key_mark("volumeMounts"))
    for own in written or ():
        fields[own.key] = _merged(fields.get(own.key), own)
    if written is None and not fields:
        return None
    mark = written.mark if written is not None else body.mark
    fields["name"] = Scalar(MAIN, mark, MAIN)
    return Mapping(_entries(fields), mark)


def _merged(dedicated: Node | None, written: Entry) -> Node:
    both_lists = isinstance(dedicated, Sequence) and isinstance(written.value, Sequence)
    if not both_lists:
        return written.value
    assert isinstance(dedicated, Sequence)  # noqa: S101 - narrows for the type checker
    assert isinstance(written.value, Sequence)  # noqa: S101 - narrows for the type checker
    if written.key == "env":
        return Sequence(_by_name(dedicated.items, written.value.items), written.value.mark)
    if written.key == "volumeMounts":
        return Sequence((*written.value.items, *dedicated.items), written.value.mark)
    return written.value


def _by_name(below: Iterable[Node], above: Iterable[Node]) -> tuple[Node, ...]:
    """Merge two lists of named entries: the later value wins, in the earlier one's place."""
    named: dict[str, Node] = {}
    for node in (*below, *above):
        name = node.string("name") if isinstance(node, Mapping) else None
        named[name if name is not None else f"\0{len(named)}"] = node
    return tuple(named.values())


def _volume_mounts(body: Mapping) -> tuple[Mapping, ...]:
    mounts = body.mappings("volumeMounts")
    if all(_is_true(mount.get("useAsCompilationCache")) for mount in mounts):
        return ()
    return tuple(_volume_mount(mount) for mount in mounts)


def _volume_mount(mount: Mapping) -> Mapping:
    """Return a mount in v1beta1 shape; a path that is missing stays, as the operator has it, ''."""
    fields = _renamed(mount, (("name", "name"), ("mountPoint", "mountPath")))
    fields.setdefault("mountPath", Scalar("", mount.mark))
    return Mapping(_entries(fields), mount.mark)


def _resources(resources: Mapping) -> Mapping:
    fields: dict[str, Node] = {}
    for side in ("limits", "requests"):
        if (items := resources.mapping(side)) is not None:
            fields[side] = _resource_list(items)
    if (claims := resources.get("claims")) is not None:
        fields["claims"] = claims
    return Mapping(_entries(fields), resources.mark)


def _resource_list(items: Mapping) -> Mapping:
    fields = _renamed(items, (("cpu", "cpu"), ("memory", "memory")))
    if (gpu := items.get("gpu")) is not None:
        fields[items.string("gpuType") or GPU] = gpu
    for entry in items.mapping("custom") or ():
        fields[entry.key] = entry.value
    return Mapping(_entries(fields), items.mark)


def _frontend_sidecar(body: Mapping) -> Mapping | None:
    sidecar = body.mapping("frontendSidecar")
    if sidecar is None:
        return None
    names = (("image", "image"), ("args", "args"), ("envs", "env"))
    fields: dict[str, Node] = {"name": Scalar(SIDECAR_FRONTEND, sidecar.mark, SIDECAR_FRONTEND)}
    fields.update(_renamed(sidecar, names))
    secret = sidecar.get("envFromSecret")
    if isinstance(secret, Scalar) and secret.value:
        source = Mapping(_entries({"name": secret}), secret.mark)
        entry = Mapping(_entries({"secretRef": source}), secret.mark)
        fields["envFrom"] = Sequence((entry,), secret.mark)
    return Mapping(_entries(fields), sidecar.mark)


def _renamed(source: Mapping, names: tuple[tuple[str, str], ...]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for old, new in names:
        value = source.get(old)
        if value is not None and not (isinstance(value, Scalar) and value.value is None):
            found[new] = value
    return found


def _entries(fields: dict[str, Node]) -> dict[str, Entry]:
    return {key: Entry(key, value, value.mark) for key, value in fields.items()}


def _is_true(node: Node | None) -> bool:
    return isinstance(node, Scalar) and node.value is True
