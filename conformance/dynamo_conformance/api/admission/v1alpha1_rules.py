"""What is only there in v1alpha1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.admission.annotation_rules import EXECUTOR_BACKEND, executor_backend
from dynamo_conformance.api.admission.request import text_of
from dynamo_conformance.api.violation import DEPRECATED, FORBIDDEN, INVALID, REQUIRED, Violation
from dynamo_conformance.manifest.fields import is_true, mark_of
from dynamo_conformance.manifest.node import Mapping, PathKey, Scalar
from dynamo_conformance.manifest.quantity import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request
    from dynamo_conformance.manifest.node import Path

_SIDECAR = "sidecar-frontend"
_SHARED_NAMESPACE = "dynamo"


def check(request: Request) -> Iterator[Violation]:
    """Yield what the webhook refuses of v1alpha1 fields."""
    if not request.is_alpha:
        return
    spec = request.root.mapping("spec") or Mapping()
    for index, claim in enumerate(spec.mappings("pvcs")):
        if not text_of(claim, "name"):
            here = ("spec", "pvcs", index, "name")
            mark = mark_of(claim, "name")
            yield Violation(here, mark, REQUIRED, "is required", rule="pvc-name")
    for name, service in request.services():
        path = ("spec", "services", PathKey(name))
        yield from _annotations(service, path)
        yield from _mounts(service, path)
        yield from _shared_memory(service, path)
        yield from _ingress(service, path)
        yield from _epp(service, path)
        yield from _sidecar(service, path)
        yield from _failover(service, path)


def warn(request: Request) -> Iterator[Violation]:
    """Yield v1alpha1 fields that the operator takes and does not look at."""
    for name, service in request.services():
        path = ("spec", "services", PathKey(name))
        if given := text_of(service, "dynamoNamespace"):
            computed = _dynamo_namespace(request, service)
            text = (
                f'spec.services[{name}].dynamoNamespace is deprecated and ignored. Value "{given}" '
                f'will be replaced with "{computed}". Remove this field from your configuration'
            )
            mark = mark_of(service, "dynamoNamespace")
            here = (*path, "dynamoNamespace")
            yield Violation(here, mark, DEPRECATED, text, rule="dynamo-namespace")
        if isinstance(service.get("autoscaling"), Mapping):
            text = (
                f"spec.services[{name}].autoscaling is deprecated and ignored. Use "
                "DynamoGraphDeploymentScalingAdapter with HPA, KEDA, or Planner for autoscaling "
                "instead. See docs/kubernetes/autoscaling.md"
            )
            mark = mark_of(service, "autoscaling")
            here = (*path, "autoscaling")
            yield Violation(here, mark, DEPRECATED, text, rule="autoscaling")


def _dynamo_namespace(request: Request, service: Mapping) -> str:
    if is_true(service.get("globalDynamoNamespace")):
        return _SHARED_NAMESPACE
    return f"{request.graph.namespace or 'default'}-{request.graph.name}"


def _annotations(service: Mapping, path: Path) -> Iterator[Violation]:
    written = service.mapping("annotations")
    value = written.string(EXECUTOR_BACKEND) if written is not None else None
    if written is not None and value is not None:
        mark = mark_of(written, EXECUTOR_BACKEND)
        yield from executor_backend(value, (*path, "annotations", PathKey(EXECUTOR_BACKEND)), mark)


def _mounts(service: Mapping, path: Path) -> Iterator[Violation]:
    for index, mount in enumerate(service.mappings("volumeMounts")):
        if not text_of(mount, "mountPoint") and not is_true(mount.get("useAsCompilationCache")):
            here = (*path, "volumeMounts", index, "mountPoint")
            text = "is required when useAsCompilationCache is false"
            mark = mark_of(mount, "mountPoint")
            yield Violation(here, mark, REQUIRED, text, rule="mount-point")


def _shared_memory(service: Mapping, path: Path) -> Iterator[Violation]:
    memory = service.mapping("sharedMemory")
    if memory is None or is_true(memory.get("disabled")):
        return
    size = text_of(memory, "size")
    if size is None or parse_quantity(size) == 0:
        text = "is required when disabled is false"
        here = (*path, "sharedMemory", "size")
        yield Violation(here, memory.mark, REQUIRED, text, rule="shared-memory-size")


def _ingress(service: Mapping, path: Path) -> Iterator[Violation]:
    ingress = service.mapping("ingress")
    if ingress is not None and is_true(ingress.get("enabled")) and not text_of(ingress, "host"):
        text = "is required when ingress is enabled"
        here = (*path, "ingress", "host")
        yield Violation(here, mark_of(ingress, "host"), REQUIRED, text, rule="ingress-host")


def _epp(service: Mapping, path: Path) -> Iterator[Violation]:
    config = service.mapping("eppConfig")
    if config is None:
        return
    if (config.mapping("configMapRef") is None) == (config.mapping("config") is None):
        text = "exactly one of configMapRef or config is required"
        here = (*path, "eppConfig")
        yield Violation(here, config.mark, FORBIDDEN, text, rule="epp-config-choice")


def _sidecar(service: Mapping, path: Path) -> Iterator[Violation]:
    extra = service.mapping("extraPodSpec")
    if service.mapping("frontendSidecar") is None or extra is None:
        return
    for container in extra.mappings("containers"):
        if container.string("name") == _SIDECAR:
            text = (
                f'cannot inject frontend sidecar: a container named "{_SIDECAR}" already exists '
                "in extraPodSpec.containers"
            )
            here = (*path, "frontendSidecar")
            yield Violation(here, container.mark, FORBIDDEN, text, rule="sidecar-name")
            return


def _failover(service: Mapping, path: Path) -> Iterator[Violation]:
    failover = service.mapping("failover")
    if failover is None or not is_true(failover.get("enabled")):
        return
    shadows = failover.get("numShadows")
    count = shadows.value if isinstance(shadows, Scalar) else None
    if text_of(failover, "mode") == "intraPod" and count not in (None, 0, 1):
        text = (
            f'{count}: is invalid for mode="intraPod": intraPod uses a fixed 1 primary + 1 shadow '
            'sidecar; use failover.mode="interPod" to configure numShadows'
        )
        here = (*path, "failover", "numShadows")
        mark = mark_of(failover, "numShadows")
        yield Violation(here, mark, INVALID, text, rule="failover-shadows")
