"""Volumes and mounts: shared memory, the compilation cache, claims nobody declared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Mapping, Node, Scalar, from_plain
from dynamo_conformance.rendering.node_merge import is_set, made, sequence
from dynamo_conformance.rendering.reconcile_failure import COMPONENT_ERROR, ReconcileFailure
from dynamo_conformance.rendering.ways import NEWEST

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.rendering.pod_context import PodContext
    from dynamo_conformance.rendering.ways import Ways

SHARED_MEMORY = "shared-memory"
SHARED_MEMORY_PATH = "/dev/shm"  # noqa: S108 - a mount point of the pod, not a file of ours
SHARED_MEMORY_SIZE = "8Gi"

_CACHE_PATHS = {"vllm": "/root/.cache/vllm"}
"""Where an engine keeps what it compiled; the others need a path."""

_ZERO = re.compile(r"[+-]?0*\.?0*(?:[a-zA-Z]+|[eE][+-]?\d+)?$")


def cache_path(context: PodContext) -> str | None:
    """Return where the compilation cache is mounted, or None without one.

    Raises:
        ReconcileFailure: No path is given and the engine has none of its own.
    """
    cache = context.component.node.mapping("compilationCache")
    if cache is None:
        return None
    path = cache.string("mountPath") or _CACHE_PATHS.get(context.backend or "")
    if path is None:
        message = "compilationCache needs a mountPath; only vLLM has a default one"
        raise _failure(context.component, message)
    return path


def mounted(container: Mapping, context: PodContext) -> Mapping:
    """Return `main` with the compilation cache mounted and every mount complete.

    Raises:
        ReconcileFailure: A mount has no name or path, or something else is mounted at the cache's.
    """
    mounts = list(container.mappings("volumeMounts"))
    path = cache_path(context)
    if path is not None:
        mounts = _with_cache(mounts, _cache_claim(context.component), path, context.component)
    for mount in mounts:
        name = mount.string("name")
        if not name:
            raise _failure(context.component, "a volumeMount has no name")
        if not mount.string("mountPath"):
            raise _failure(context.component, f"volumeMount {name} has no mountPath")
    return container.replaced("volumeMounts", sequence(mounts)) if mounts else container


def with_cache_volume(spec: Mapping, context: PodContext) -> Mapping:
    """Return a pod spec with the volume of the compilation cache.

    Raises:
        ReconcileFailure: The author's volume of that name is another claim, or none.
    """
    if context.component.node.mapping("compilationCache") is None:
        return spec
    claim = _cache_claim(context.component)
    volumes = spec.mappings("volumes")
    for volume in volumes:
        if volume.string("name") == claim:
            source = volume.mapping("persistentVolumeClaim")
            if source is None or source.string("claimName") != claim:
                message = f"volume {claim} must be the claim {claim}, as compilationCache says"
                raise _failure(context.component, message)
            return spec
    return spec.replaced("volumes", sequence((*volumes, _claim_volume(claim))))


def with_shared_memory(
    spec: Mapping, container: Mapping, component: Component, *, ways: Ways = NEWEST
) -> tuple[Mapping, Mapping]:
    """Return pod spec and `main` with `/dev/shm`, unless the component wants none."""
    size = component.node.get("sharedMemorySize")
    if not is_set(size):
        if not ways.shared_memory:
            return spec, container
        size = from_plain(SHARED_MEMORY_SIZE)
    if size is None or (isinstance(size, Scalar) and _ZERO.match(_text(size))):
        return spec, container
    volumes = [node for node in spec.mappings("volumes") if node.string("name") != SHARED_MEMORY]
    mounts = [mount for mount in container.mappings("volumeMounts") if not _is_shared_memory(mount)]
    source = made(medium="Memory").replaced("sizeLimit", size)
    volume = made(name=SHARED_MEMORY).replaced("emptyDir", source)
    mount = made(name=SHARED_MEMORY, mountPath=SHARED_MEMORY_PATH)
    return (
        spec.replaced("volumes", sequence((*volumes, volume))),
        container.replaced("volumeMounts", sequence((*mounts, mount))),
    )


def ordered(spec: Mapping, container: Mapping) -> Mapping:
    """Return a pod spec whose volumes stand as `main` mounts them, claims added for the rest.

    A mount that no volume belongs to becomes a claim of the mount's name.
    """
    named = {volume.string("name"): volume for volume in spec.mappings("volumes")}
    volumes: dict[str | None, Node] = {}
    for mount in container.mappings("volumeMounts"):
        if name := mount.string("name"):
            volumes.setdefault(name, named.get(name) or _claim_volume(name))
    for name, volume in named.items():
        volumes.setdefault(name, volume)
    return spec.replaced("volumes", sequence(volumes.values())) if volumes else spec


def _with_cache(
    mounts: list[Mapping], claim: str, path: str, component: Component
) -> list[Mapping]:
    kept: list[Mapping] = []
    is_mounted = False
    for written in mounts:
        mount = written
        if mount.string("name") == claim and not mount.string("mountPath"):
            mount = mount.replaced("mountPath", from_plain(path))
        if mount.string("mountPath") == path:
            if mount.string("name") != claim:
                other = mount.string("name")
                raise _failure(component, f"compilationCache's path {path} is taken by {other}")
            if is_mounted:
                continue
            is_mounted = True
        kept.append(mount)
    return kept if is_mounted else [*kept, made(name=claim, mountPath=path)]


def _cache_claim(component: Component) -> str:
    cache = component.node.mapping("compilationCache")
    claim = cache.string("pvcName") if cache is not None else None
    if not claim:
        raise _failure(component, "compilationCache needs a pvcName")
    return claim


def _claim_volume(claim: str) -> Mapping:
    source: dict[str, Plain] = {"claimName": claim}
    return made(name=claim, persistentVolumeClaim=source)


def _is_shared_memory(mount: Mapping) -> bool:
    is_named = mount.string("name") == SHARED_MEMORY
    return is_named or mount.string("mountPath") == SHARED_MEMORY_PATH


def _text(size: Scalar) -> str:
    return size.value if isinstance(size.value, str) else size.text


def _failure(component: Component, what: str) -> ReconcileFailure:
    return ReconcileFailure(COMPONENT_ERROR, f"component {component.name}: {what}")
