"""Annotations that the operator reads off the graph."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.api.violation import FORBIDDEN, INVALID, UNSUPPORTED, Violation
from dynamo_conformance.manifest.node import Mapping, PathKey
from dynamo_conformance.manifest.quantity import parse_whole
from dynamo_conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Mark, Path

EXECUTOR_BACKEND = "nvidia.com/vllm-distributed-executor-backend"
DISCOVERY_MODE = "nvidia.com/dynamo-kube-discovery-mode"
_ORIGIN = "nvidia.com/dynamo-operator-origin-version"
_STRATEGY = "nvidia.com/grove-update-strategy"
_POWER_LIMIT = "dynamo.nvidia.com/gpu-power-limit"

_WORDS = {_STRATEGY: ("RollingRecreate", "OnDelete"), DISCOVERY_MODE: ("pod", "container")}
_RULES = {_STRATEGY: "grove-update-strategy", DISCOVERY_MODE: "discovery-mode"}
_VERSION = re.compile(
    r"v?[0-9]+(?:\.[0-9]+){0,2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_PATH = ("metadata", "annotations")


def check(request: Request) -> Iterator[Violation]:
    """Yield each annotation with a value that the operator does not take."""
    for entry in request.annotations:
        value = request.annotations.string(entry.key)
        if value is None:
            continue
        here, mark = (*_PATH, PathKey(entry.key)), entry.value.mark
        if entry.key == _ORIGIN and not _VERSION.fullmatch(value):
            text = f'"{value}": must be valid semver'
            yield Violation(here, mark, INVALID, text, rule="origin-version")
        elif entry.key == EXECUTOR_BACKEND:
            yield from executor_backend(value, here, mark)
        elif (words := _WORDS.get(entry.key)) is not None and value not in words:
            allowed = ", ".join(f'"{word}"' for word in words)
            text = f'"{value}"; supported values: {allowed}'
            suggestion = nearest(value, words)
            yield Violation(here, mark, UNSUPPORTED, text, suggestion, rule=_RULES[entry.key])
    for path, component in request.components():
        yield from _power_limit(component, path)


def executor_backend(value: str, path: Path, mark: Mark) -> Iterator[Violation]:
    """Yield what is wrong with the executor that vLLM is asked to use."""
    if value.lower() not in ("mp", "ray"):
        text = f'"{value}": must be "mp" or "ray"'
        yield Violation(path, mark, INVALID, text, rule="executor-backend")


def _power_limit(component: Component, path: Path) -> Iterator[Violation]:
    metadata = component.pod_template.mapping("metadata") if component.pod_template else None
    written = metadata.mapping("annotations") if metadata is not None else None
    value = written.string(_POWER_LIMIT) if written is not None else None
    if written is None or value is None:
        return
    here = (*path, "podTemplate", "metadata", "annotations", PathKey(_POWER_LIMIT))
    mark = written.entries[_POWER_LIMIT].value.mark
    watts = parse_whole(value)
    if watts is None:
        text = f'"{value}": must be a decimal integer'
        yield Violation(here, mark, INVALID, text, rule="power-whole")
    elif watts <= 0:
        text = f'"{value}": must be greater than zero'
        yield Violation(here, mark, INVALID, text, rule="power-positive")
    if (field := _device_claim(component)) is not None:
        text = (
            f'cannot be combined with annotation "{_POWER_LIMIT}": power-aware planning does not '
            "support DRA-backed device allocation"
        )
        yield Violation((*path, *field), mark, FORBIDDEN, text, rule="power-claims")


def _device_claim(component: Component) -> Path | None:
    """Return the field through which the component gets devices by resource claim, if any."""
    experimental = component.node.mapping("experimental")
    if experimental is not None and isinstance(experimental.get("gpuMemoryService"), Mapping):
        return ("experimental", "gpuMemoryService")
    spec = component.pod_spec or Mapping()
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(spec.mappings(kind)):
            resources = container.mapping("resources")
            if resources is not None and resources.sequence("claims"):
                return ("podTemplate", "spec", kind, index, "resources", "claims")
    return None
