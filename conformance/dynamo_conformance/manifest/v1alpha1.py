"""nvidia.com/v1alpha1 objects, rearranged into v1beta1 shape.

What the operator's own conversion does, as recorded in tests/data/observed/convert: services become
components sorted by name, the dedicated fields of a service move into the container `main`, below
those of its `mainContainer` (`merge.py`), and what v1beta1 has no word for is left behind. Every
value keeps the mark of what it was made from, so `dynamo_conformance.convert` can tell what
is missing.
"""

from __future__ import annotations

from dynamo_conformance.manifest.document import GROUP, V1BETA1
from dynamo_conformance.manifest.fields import (
    entries,
    is_null,
    is_true,
    is_zero,
    renamed,
    with_lists,
)
from dynamo_conformance.manifest.graph import GPU, MAIN
from dynamo_conformance.manifest.merge import merged_container
from dynamo_conformance.manifest.node import Entry, Mapping, Node, Scalar, Sequence

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
SAME_IN_BOTH = (
    "replicas", "minAvailable", "multinode", "roles", "modelRef", "eppConfig",
    "globalDynamoNamespace", "runtimeVersionOverride", "topologyConstraint", "providerOverride",
)  # fmt: skip
"""Fields of a service that a component has too, with the same name and meaning."""

_MAIN_ORDER = (
    "name", "image", "imagePullPolicy", "workingDir", "command", "args", "env", "envFrom", "ports",
    "livenessProbe", "readinessProbe", "startupProbe", "resources", "volumeMounts",
)  # fmt: skip
"""In which order people write a container."""


def to_v1beta1(root: Mapping) -> Mapping:
    """Return a v1alpha1 object in v1beta1 shape; marks still point at what the author wrote."""
    spec = root.mapping("spec") or Mapping(mark=root.mark)
    fields = renamed(spec, _GRAPH_FIELDS)
    if (topology := spec.mapping("topologyConstraint")) is not None:
        names = (("topologyProfile", "clusterTopologyName"), ("packDomain", "packDomain"))
        fields["topologyConstraint"] = Mapping(entries(renamed(topology, names)), topology.mark)
    services = spec.mapping("services")
    if services is not None:
        ordered = sorted(services, key=lambda entry: entry.key)
        # A service that is null is admitted, and the operator makes nothing of it.
        components = tuple(_component(entry) for entry in ordered if not is_null(entry.value))
        fields["components"] = Sequence(components, services.mark)
    version = root.get("apiVersion")
    converted = root.replaced(
        "apiVersion", Scalar(f"{GROUP}/{V1BETA1}", version.mark if version else root.mark)
    )
    if "spec" in root:
        converted = converted.replaced("spec", Mapping(entries(fields), spec.mark))
    return converted


def _component(service: Entry) -> Mapping:
    body = service.value if isinstance(service.value, Mapping) else Mapping(mark=service.mark)
    fields: dict[str, Node] = {"name": Scalar(service.key, service.mark, service.key)}
    if (kind := _type(body)) is not None:
        fields["type"] = kind
    fields.update(renamed(body, tuple((name, name) for name in SAME_IN_BOTH)))
    if (shared := _shared_memory(body)) is not None:
        fields["sharedMemorySize"] = shared
    adapter = body.mapping("scalingAdapter")
    enabled = adapter.get("enabled") if adapter is not None else None
    if enabled is not None and is_true(enabled):
        fields["scalingAdapter"] = Mapping(mark=enabled.mark)
    if (cache := _compilation_cache(body)) is not None:
        fields["compilationCache"] = cache
    if (experimental := _experimental(body)) is not None:
        fields["experimental"] = experimental
    if body.mapping("frontendSidecar") is not None:
        mark = body.key_mark("frontendSidecar")
        fields["frontendSidecar"] = Scalar(SIDECAR_FRONTEND, mark, SIDECAR_FRONTEND)
    if (template := _pod_template(body)) is not None:
        fields["podTemplate"] = template
    return Mapping(entries(fields), body.mark)


def _type(body: Mapping) -> Node | None:
    """Fold componentType and subComponentType into one: worker/prefill is prefill."""
    kind, sub = body.get("componentType"), body.get("subComponentType")
    is_worker = isinstance(kind, Scalar) and kind.value == "worker"
    if is_worker and isinstance(sub, Scalar) and sub.value in ("prefill", "decode"):
        return sub
    return kind if isinstance(kind, Scalar) and kind.value else None


def _shared_memory(body: Mapping) -> Node | None:
    """Return the size; none at all is "0", and a 0 that is not disabled means the default."""
    shared = body.mapping("sharedMemory")
    if shared is None:
        return None
    disabled, size = shared.get("disabled"), shared.get("size")
    if disabled is not None and is_true(disabled):
        return Scalar("0", disabled.mark, "0")
    return None if size is None or is_zero(size) else size


def _compilation_cache(body: Mapping) -> Mapping | None:
    for mount in body.mappings("volumeMounts"):
        if is_true(mount.get("useAsCompilationCache")):
            names = (("name", "pvcName"), ("mountPoint", "mountPath"))
            return Mapping(entries(renamed(mount, names)), mount.mark)
    return None


def _experimental(body: Mapping) -> Mapping | None:
    fields: dict[str, Node] = {}
    if (checkpoint := body.get("checkpoint")) is not None:
        fields["checkpoint"] = checkpoint
    for name in ("gpuMemoryService", "failover"):
        block = body.mapping(name)
        if block is not None and is_true(block.get("enabled")):
            fields[name] = _camel_mode(block.replaced("enabled", None))
    return Mapping(entries(fields), body.mark) if fields else None


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
    containers += [
        container for container in extra.mappings("containers") if container.string("name") != MAIN
    ]
    if (sidecar := _frontend_sidecar(body)) is not None:
        containers.append(sidecar)
    spec: dict[str, Node] = {}
    if containers:
        listed = extra.get("containers")
        mark = listed.mark if isinstance(listed, Sequence) else extra.mark
        spec["containers"] = Sequence(tuple(containers), mark)
    spec.update(
        (entry.key, entry.value)
        for entry in extra
        if entry.key not in ("mainContainer", "containers")
    )
    template: dict[str, Node] = {}
    metadata = body.mapping("extraPodMetadata") or Mapping()
    names = (("annotations", "annotations"), ("labels", "labels"))
    if kept := renamed(metadata, names):
        template["metadata"] = Mapping(entries(kept), metadata.mark)
    if spec:
        template["spec"] = Mapping(entries(spec), extra.mark)
    return Mapping(entries(template), extra.mark) if template else None


def _main_container(body: Mapping, written: Mapping | None) -> Mapping | None:
    """Return `mainContainer` laid over the service's own fields for it."""
    fields: dict[str, Node] = {}
    if (resources := body.mapping("resources")) is not None:
        fields["resources"] = with_lists(resources, _resource_list)
    envs = body.get("envs")
    if isinstance(envs, Sequence) and len(envs):
        fields["env"] = envs
    secret = body.get("envFromSecret")
    if isinstance(secret, Scalar) and secret.value:
        source = Mapping(entries({"name": secret}), secret.mark)
        entry = Mapping(entries({"secretRef": source}), secret.mark)
        fields["envFrom"] = Sequence((entry,), secret.mark)
    for probe in ("livenessProbe", "readinessProbe"):
        if (value := body.get(probe)) is not None:
            fields[probe] = value
    if mounts := _volume_mounts(body):
        fields["volumeMounts"] = Sequence(mounts, body.entries["volumeMounts"].value.mark)
    if written is None and not fields:
        return None
    main = Mapping(entries(fields), body.mark)
    if written is not None:
        main = merged_container(main, written)
    if main.string("name") != MAIN:
        main = main.replaced("name", None).replaced("name", Scalar(MAIN, main.mark, MAIN))
    ordered = {key: main.entries[key] for key in _MAIN_ORDER if key in main}
    return Mapping({**ordered, **main.entries}, main.mark)


def _volume_mounts(body: Mapping) -> tuple[Mapping, ...]:
    mounts = body.mappings("volumeMounts")
    if all(is_true(mount.get("useAsCompilationCache")) for mount in mounts):
        return ()
    return tuple(_volume_mount(mount) for mount in mounts)


def _volume_mount(mount: Mapping) -> Mapping:
    """Return a mount in v1beta1 shape; a path that is missing stays, as the operator has it, ''."""
    fields = renamed(mount, (("name", "name"), ("mountPoint", "mountPath")))
    fields.setdefault("mountPath", Scalar("", mount.mark))
    return Mapping(entries(fields), mount.mark)


def _resource_list(items: Mapping) -> Mapping:
    fields = renamed(items, (("cpu", "cpu"), ("memory", "memory")))
    moved = entries(fields)
    if (gpu := items.get("gpu")) is not None:
        name = items.string("gpuType") or GPU
        mark = items.get("gpuType") or gpu
        moved[name] = Entry(name, gpu, mark.mark)
    for entry in items.mapping("custom") or ():
        moved[entry.key] = entry
    return Mapping(moved, items.mark)


def _frontend_sidecar(body: Mapping) -> Mapping | None:
    sidecar = body.mapping("frontendSidecar")
    if sidecar is None:
        return None
    names = (("image", "image"), ("args", "args"), ("envs", "env"))
    fields: dict[str, Node] = {"name": Scalar(SIDECAR_FRONTEND, sidecar.mark, SIDECAR_FRONTEND)}
    fields.update(renamed(sidecar, names))
    secret = sidecar.get("envFromSecret")
    if isinstance(secret, Scalar) and secret.value:
        source = Mapping(entries({"name": secret}), secret.mark)
        entry = Mapping(entries({"secretRef": source}), secret.mark)
        fields["envFrom"] = Sequence((entry,), secret.mark)
    return Mapping(entries(fields), sidecar.mark)
