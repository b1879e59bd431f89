"""Words of one API version that somebody wrote into the other, and what to write there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.manifest.node import Path

_MAIN = "podTemplate.spec.containers[main]"

_IN_BETA = {
    "services": "components, a list whose items have a name",
    "envs": "env",
    "pvcs": "nothing: create the PersistentVolumeClaims yourself",
    "componentType": "type",
    "subComponentType": "type: prefill or type: decode",
    "resources": f"{_MAIN}.resources, with nvidia.com/gpu for gpu",
    "envFromSecret": f"{_MAIN}.envFrom",
    "livenessProbe": f"{_MAIN}.livenessProbe",
    "readinessProbe": f"{_MAIN}.readinessProbe",
    "volumeMounts": f"{_MAIN}.volumeMounts, and podTemplate.spec.volumes",
    "extraPodSpec": "podTemplate.spec",
    "extraPodMetadata": "podTemplate.metadata",
    "mainContainer": "the container called main",
    "sharedMemory": "sharedMemorySize",
    "serviceName": "name",
    "dynamoNamespace": "nothing: it is ignored",
    "autoscaling": "scalingAdapter",
    "ingress": "nothing: create the Ingress yourself",
    "gpuMemoryService": "experimental.gpuMemoryService",
    "failover": "experimental.failover",
    "checkpoint": "experimental.checkpoint",
}
_IN_ALPHA = {
    "components": "services, a map from name to service",
    "env": "envs",
    "type": "componentType",
    "podTemplate": "extraPodSpec",
    "sharedMemorySize": "sharedMemory.size",
    "compilationCache": "volumeMounts with useAsCompilationCache: true",
    "experimental": "gpuMemoryService, failover and checkpoint",
}
_GRAPH_DEPTH, _COMPONENT_DEPTH = 2, 4
"""How long the paths of a graph's and of a component's own fields are."""


def renamed(path: Path, *, is_alpha: bool) -> str:
    """Return what to write for a field of the other API version, or an empty string.

    Args:
        path: The unknown field, from the root of the object.
        is_alpha: Whether the object is v1alpha1.
    """
    own = len(path) == _GRAPH_DEPTH or (len(path) == _COMPONENT_DEPTH and path[1] != "experimental")
    if not own or path[0] != "spec":
        return ""
    version = "v1alpha1" if is_alpha else "v1beta1"
    word = (_IN_ALPHA if is_alpha else _IN_BETA).get(str(path[-1]))
    return f"{version} has {word}" if word is not None else ""
