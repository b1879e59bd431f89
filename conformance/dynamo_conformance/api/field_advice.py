"""Words of one API version, or of another place, that somebody wrote: what to write instead.

What has a meaning elsewhere comes before what is only spelt alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.api.violation import UNKNOWN
from dynamo_conformance.manifest.field_words import ALPHA_GPU

if TYPE_CHECKING:
    from dynamo_conformance.api.violation import Violation
    from dynamo_conformance.manifest.node import Path

_MAIN = "podTemplate.spec.containers[main]"
_ALPHA_MAIN = "extraPodSpec.mainContainer"

_OF_CONTAINERS = (
    "image", "imagePullPolicy", "command", "args", "workingDir", "ports", "envFrom", "startupProbe",
    "lifecycle", "securityContext", "volumeDevices",
)  # fmt: skip
_OF_PODS = (
    "affinity", "containers", "hostIPC", "hostNetwork", "imagePullSecrets", "initContainers",
    "nodeSelector", "resourceClaims", "runtimeClassName", "schedulerName", "serviceAccountName",
    "terminationGracePeriodSeconds", "tolerations", "topologySpreadConstraints", "volumes",
)  # fmt: skip

_GRAPH = "spec"
_SERVICE, _COMPONENT = "spec services *", "spec components *"
_TEMPLATE = f"{_COMPONENT} podTemplate"
_CONTAINER = f"{_TEMPLATE} spec containers *"
_SWITCH = "nothing: it is on when it is there"

_IN_BETA: dict[str, dict[str, str]] = {
    _GRAPH: {
        "services": "components, a list whose items have a name",
        "envs": "env",
        "pvcs": "nothing: create the PersistentVolumeClaims yourself",
    },
    "spec topologyConstraint": {"topologyProfile": "clusterTopologyName"},
    _COMPONENT: {
        **{name: f"{_MAIN}.{name}" for name in _OF_CONTAINERS},
        **{name: f"podTemplate.spec.{name}" for name in _OF_PODS},
        "env": f"{_MAIN}.env",
        "envs": f"{_MAIN}.env",
        "componentType": "type",
        "subComponentType": "type: prefill or type: decode",
        "resources": f"{_MAIN}.resources, with nvidia.com/gpu for gpu",
        "envFromSecret": f"{_MAIN}.envFrom",
        "livenessProbe": f"{_MAIN}.livenessProbe",
        "readinessProbe": f"{_MAIN}.readinessProbe",
        "volumeMounts": f"{_MAIN}.volumeMounts, and podTemplate.spec.volumes",
        "extraPodSpec": "podTemplate.spec",
        "extraPodMetadata": "podTemplate.metadata",
        "annotations": "podTemplate.metadata.annotations",
        "labels": "podTemplate.metadata.labels",
        "mainContainer": "the container called main",
        "sharedMemory": "sharedMemorySize",
        "serviceName": "name",
        "dynamoNamespace": "nothing: it is ignored",
        "autoscaling": "scalingAdapter",
        "ingress": "nothing: create the Ingress yourself",
        "gpuMemoryService": "experimental.gpuMemoryService",
        "failover": "experimental.failover",
        "checkpoint": "experimental.checkpoint",
    },
    f"{_COMPONENT} scalingAdapter": {"enabled": "scalingAdapter: {} for on, and no field for off"},
    f"{_COMPONENT} compilationCache": {"name": "pvcName", "mountPoint": "mountPath"},
    f"{_COMPONENT} experimental gpuMemoryService": {"enabled": _SWITCH},
    f"{_COMPONENT} experimental failover": {"enabled": _SWITCH},
    _TEMPLATE: {
        **{name: f"{_MAIN}.{name}" for name in _OF_CONTAINERS},
        **{name: f"podTemplate.spec.{name}" for name in _OF_PODS},
        "mainContainer": "spec.containers, with the container called main",
    },
    f"{_TEMPLATE} spec": {
        **{
            name: f"containers[main].{name}" for name in _OF_CONTAINERS if name != "securityContext"
        },
        "mainContainer": "containers, with the container called main",
    },
    _CONTAINER: {"envs": "env", "envFromSecret": "envFrom, with a secretRef"},
    f"{_CONTAINER} volumeMounts *": {"mountPoint": "mountPath"},
}
_IN_ALPHA: dict[str, dict[str, str]] = {
    _GRAPH: {"components": "services, a map from name to service", "env": "envs"},
    "spec topologyConstraint": {"clusterTopologyName": "topologyProfile"},
    _SERVICE: {
        **{name: f"{_ALPHA_MAIN}.{name}" for name in _OF_CONTAINERS},
        **{name: f"extraPodSpec.{name}" for name in _OF_PODS},
        "env": "envs",
        "name": "the name as the key of the service",
        "envFrom": f"envFromSecret, or {_ALPHA_MAIN}.envFrom",
        "type": "componentType",
        "podTemplate": "extraPodSpec",
        "mainContainer": _ALPHA_MAIN,
        "sharedMemorySize": "sharedMemory.size",
        "compilationCache": "volumeMounts with useAsCompilationCache: true",
        "experimental": "gpuMemoryService, failover and checkpoint",
    },
    f"{_SERVICE} volumeMounts *": {
        "mountPath": "mountPoint",
        "subPath": f"{_ALPHA_MAIN}.volumeMounts for that",
        "readOnly": f"{_ALPHA_MAIN}.volumeMounts for that",
    },
    f"{_SERVICE} frontendSidecar": {"env": "envs", "envFrom": "envFromSecret"},
    f"{_SERVICE} extraPodSpec": {
        **{name: f"mainContainer.{name}" for name in _OF_CONTAINERS if name != "securityContext"},
        "env": "mainContainer.env, or envs of the service",
        "envs": "envs of the service",
        "resources": "mainContainer.resources, or resources of the service",
        "metadata": "extraPodMetadata of the service",
        "spec": "what stands below spec one level up",
    },
    f"{_SERVICE} extraPodSpec mainContainer": {"envs": "env", "envFromSecret": "envFrom"},
}
_RESOURCES = tuple(f"{_SERVICE} resources {side}" for side in ("limits", "requests"))
_OTHER_RESOURCES = ("ephemeral-storage", "hugepages-")


def translated(violation: Violation, *, is_alpha: bool) -> Violation:
    """Return an unknown field with what to write for it, where that is known.

    Args:
        violation: The violation.
        is_alpha: Whether the object is v1alpha1.
    """
    if violation.kind != UNKNOWN or not violation.path:
        return violation
    owner, word = violation.path[:-1], str(violation.path[-1])
    if is_alpha and any(_fits(pattern, owner) for pattern in _RESOURCES):
        return _resource(violation, word)
    for pattern, names in (_IN_ALPHA if is_alpha else _IN_BETA).items():
        if word in names and _fits(pattern, owner):
            version = "v1alpha1" if is_alpha else "v1beta1"
            return replace(violation, text=f"{version} has {names[word]}")
    return violation


def _resource(violation: Violation, name: str) -> Violation:
    """Return what a resource of a container is called among those of a v1alpha1 service."""
    kind = name.rpartition("/")[2]
    if kind in (ALPHA_GPU, "gpus", "nvidia-gpu") and not name.startswith("amd.com"):
        return replace(violation, suggestion=ALPHA_GPU)
    if "/" in name or name.startswith(_OTHER_RESOURCES):
        return replace(violation, text=f"v1alpha1 has custom for that: custom: {{{name}: ...}}")
    return violation


def _fits(pattern: str, path: Path) -> bool:
    steps = pattern.split()
    return len(steps) == len(path) and all(
        wanted in ("*", str(step)) for wanted, step in zip(steps, path, strict=True)
    )
