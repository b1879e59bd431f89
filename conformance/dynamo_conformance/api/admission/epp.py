"""Components of type `epp`: the endpoint picker of an inference gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.admission.request import text_of
from dynamo_conformance.api.violation import FORBIDDEN, INFERENCE, INVALID, REQUIRED, Violation
from dynamo_conformance.manifest.fields import mark_of
from dynamo_conformance.manifest.graph import EPP
from dynamo_conformance.manifest.quantity import parse_whole
from dynamo_conformance.manifest.release import runtime_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Path

_NATIVE_SINCE = (1, 5)
_NO_POOL = (
    "cannot deploy EPP component: InferencePool API group (inference.networking.k8s.io) is not "
    "available in the cluster; install the Gateway API Inference Extension before deploying EPP "
    "components"
)


def check(request: Request) -> Iterator[Violation]:
    """Yield what the webhook refuses of endpoint pickers."""
    for path, component in request.components():
        if component.type == EPP:
            yield from _picker(component, path)
            yield from _config(component, path)
        yield from _reference(component, path)


def _picker(component: Component, path: Path) -> Iterator[Violation]:
    node = component.node
    kind = mark_of(node, "type")
    yield Violation(
        (*path, "type"), kind, FORBIDDEN, _NO_POOL, unless=INFERENCE, rule="epp-cluster"
    )
    if component.node_count > 1:
        mark = mark_of(node, "multinode")
        text = "EPP component cannot be multinode"
        yield Violation((*path, "multinode"), mark, FORBIDDEN, text, rule="epp-multinode")
    if component.replicas != 1:
        text = f"{component.replicas}: EPP component must have exactly 1 replica"
        mark = mark_of(node, "replicas")
        yield Violation((*path, "replicas"), mark, INVALID, text, rule="epp-replicas")


def _config(component: Component, path: Path) -> Iterator[Violation]:
    node = component.node
    config, here = node.mapping("eppConfig"), (*path, "eppConfig")
    version = text_of(node, "runtimeVersionOverride")
    if version is None and component.main is not None:
        version = runtime_version(component.main.image or "")
    is_native = version is not None and _is_native(version)
    if is_native and config is not None:
        text = "must be omitted for native Rust EPP images with runtime version 1.5.0 or later"
        yield Violation(here, config.mark, FORBIDDEN, text, rule="epp-native-config")
    elif config is None:
        rule = "epp-config-native-image" if is_native else "epp-config"
        text = "is required for EPP components"
        yield Violation(here, mark_of(node, "type"), REQUIRED, text, rule=rule)


def _is_native(version: str) -> bool:
    return tuple(parse_whole(part) or 0 for part in version.split(".")[:2]) >= _NATIVE_SINCE


def _reference(component: Component, path: Path) -> Iterator[Violation]:
    config = component.node.mapping("eppConfig")
    reference = config.mapping("configMapRef") if config is not None else None
    if reference is not None and not text_of(reference, "name"):
        here = (*path, "eppConfig", "configMapRef", "name")
        yield Violation(here, reference.mark, REQUIRED, "is required", rule="epp-config-name")
