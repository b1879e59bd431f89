"""What a component of any kind may say."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from dynamo_conformance.api.admission.request import text_of
from dynamo_conformance.api.violation import INVALID, REQUIRED, Violation
from dynamo_conformance.manifest.fields import mark_of
from dynamo_conformance.manifest.quantity import parse_quantity
from dynamo_conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Path

VLLM = "vllm"


def check(request: Request) -> Iterator[Violation]:
    """Yield what the webhook refuses of components, and of a graph that has none."""
    if not request.graph.components:
        text = "must have at least one component"
        mark = request.spec.mark
        yield Violation(("spec", "components"), mark, REQUIRED, text, rule="graph-empty")
    for path, component in request.components():
        yield from _shared_memory(component, path)
        yield from _frontend_sidecar(component, path)
        if request.graph.backend_framework == VLLM:
            yield from _elastic_experts(component, path)


def _shared_memory(component: Component, path: Path) -> Iterator[Violation]:
    size = text_of(component.node, "sharedMemorySize")
    number = parse_quantity(size) if size is not None else None
    if number is not None and number < 0:
        mark = mark_of(component.node, "sharedMemorySize")
        text = f'"{size}": must be non-negative'
        here = (*path, "sharedMemorySize")
        yield Violation(here, mark, INVALID, text, rule="shared-memory-negative")


def _frontend_sidecar(component: Component, path: Path) -> Iterator[Violation]:
    wanted = text_of(component.node, "frontendSidecar")
    if wanted is None:
        return
    mark = mark_of(component.node, "frontendSidecar")
    here = (*path, "frontendSidecar")
    names = [container.name for container in component.containers]
    if component.pod_template is None:
        where = (*path, "podTemplate", "spec", "containers")
        text = "is required when frontendSidecar is set"
        yield Violation(where, mark, REQUIRED, text, rule="sidecar-template")
    elif not wanted:
        yield Violation(here, mark, INVALID, '"": must not be empty', rule="sidecar-empty")
    elif wanted not in names:
        text = f'"{wanted}": must match a podTemplate.spec.containers name'
        suggestion = nearest(wanted, names)
        yield Violation(here, mark, INVALID, text, suggestion, rule="sidecar-unknown")


def _elastic_experts(component: Component, path: Path) -> Iterator[Violation]:
    main = component.main
    if main is None or main.command:
        return
    words = [word for arg in main.args for word in arg.text.split()]
    pairs = set(pairwise(words))
    flags = ("--data-parallel-backend", "-dpb")
    on_ray = any((flag, "ray") in pairs or f"{flag}=ray" in words for flag in flags)
    if "--enable-elastic-ep" not in words or not on_ray:
        return
    index = component.containers.index(main)
    here = (*path, "podTemplate", "spec", "containers", index, "command")
    text = (
        "elastic expert parallelism (--enable-elastic-ep with --data-parallel-backend ray) "
        "requires an explicit container command"
    )
    yield Violation(here, main.node.mark, REQUIRED, text, rule="elastic-command")
