"""A worker that asks for no GPU gets none.

Kubernetes shows a container only the devices it asked for, so the engine finds no CUDA device and
ends, even on a node full of GPUs.

Fix: write `resources: {limits: {nvidia.com/gpu: "1"}}` (v1alpha1: `limits: {gpu: "1"}`), with as
many as the model is spread over. On a CPU build of an engine, suppress it.

PASS:
    type: worker
    resources: {limits: {nvidia.com/gpu: "1"}}

FAIL:
    type: worker
    resources: {limits: {memory: 32Gi}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import ENGINE_MODULES
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.node import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Container

SEVERITY = Severity.WARNING


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each engine that asks for no device."""
    for part in subject.read_parts:
        main, command = part.component.main, part.command
        if main is None or command is None or command.module not in ENGINE_MODULES:
            continue
        if not (_asks_for_devices(main) or _has_devices(part.component.node)):
            text = f'component "{part.component.name}" runs {command.module} and asks for no GPU'
            advice = f'add {subject.words.gpu}: "1" to its resources.limits'
            yield Problem(command.at.mark, f"{text}; {advice}")


def _asks_for_devices(main: Container) -> bool:
    """Whether any resource with a domain, or a claim, is asked for; a name may be filled in."""
    resources = main.node.mapping("resources")
    if resources is None:
        return False
    listed = [resources.mapping(side) or Mapping() for side in ("limits", "requests")]
    named = any("/" in entry.key or "$" in entry.key for side in listed for entry in side)
    return named or bool(resources.sequence("claims"))


def _has_devices(node: Mapping) -> bool:
    """Whether the GPU memory service brings devices, or the pod claims them."""
    experimental = node.mapping("experimental")
    template = node.mapping("podTemplate") or Mapping()
    pod = template.mapping("spec") or Mapping()
    served = experimental is not None and "gpuMemoryService" in experimental
    return served or bool(pod.sequence("resourceClaims")) or "runtimeClassName" in pod
