"""What only Grove can do: gangs, priorities, scaling groups, and overrides of its own objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.admission.request import text_of
from dynamo_conformance.api.violation import FORBIDDEN, GROVE, INVALID, UNSUPPORTED, Violation
from dynamo_conformance.manifest.fields import is_true, mark_of
from dynamo_conformance.manifest.graph import ENABLE_GROVE
from dynamo_conformance.manifest.node import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Mark, Path

GROVE_API = "grove.io/v1alpha1"
_ONLY_GROVE = "is currently supported only for Grove-backed DynamoGraphDeployment components"


def check(request: Request) -> Iterator[Violation]:
    """Yield what is asked for and needs Grove."""
    spec = request.spec
    if text_of(spec, "priorityClassName"):
        mark = mark_of(spec, "priorityClassName")
        path: Path = ("spec", "priorityClassName")
        yield from needs_grove(request, path, mark, rule="priority-class")
    if (override := spec.mapping("providerOverride")) is not None:
        yield from _override(request, override, ("spec",), target="PodCliqueSet")
    for path, component in request.components():
        yield from _component(request, component, path)


def needs_grove(
    request: Request, path: Path, mark: Mark, text: str | None = None, *, rule: str
) -> Iterator[Violation]:
    """Yield that the field at `path` is for Grove only, if Grove is not known to be there."""
    if request.has_grove:
        return
    message = text or 'requires the Grove pathway, but workload provider "component" is selected'
    if request.graph.declines_grove:
        message += f' (annotation "{ENABLE_GROVE}" declines Grove)'
    unless = None if request.graph.declines_grove else GROVE
    yield Violation(path, mark, FORBIDDEN, message, unless=unless, rule=rule)


def _component(request: Request, component: Component, path: Path) -> Iterator[Violation]:
    node = component.node
    if node.integer("minAvailable") is not None:
        mark = mark_of(node, "minAvailable")
        here: Path = (*path, "minAvailable")
        yield from needs_grove(request, here, mark, _ONLY_GROVE, rule="min-available")
    experimental = node.mapping("experimental") or Mapping()
    grove = experimental.mapping("grove")
    scaling_group = grove is not None and is_true(grove.get("forceScalingGroup"))
    if grove is not None and scaling_group:
        here = (*path, "experimental", "grove", "forceScalingGroup")
        mark = mark_of(grove, "forceScalingGroup")
        yield from needs_grove(request, here, mark, _ONLY_GROVE, rule="scaling-group")
    grouped = component.node_count > 1 or scaling_group
    target = "PodCliqueScalingGroupConfig" if grouped else "PodCliqueTemplateSpec"
    if (override := node.mapping("providerOverride")) is not None:
        yield from _override(request, override, path, target=target)
    multinode = node.mapping("multinode") or Mapping()
    for role in ("leader", "worker"):
        block = multinode.mapping(role)
        override = block.mapping("providerOverride") if block is not None else None
        if override is not None:
            here = (*path, "multinode", role)
            yield from _override(request, override, here, target="PodCliqueTemplateSpec")


def _override(
    request: Request, override: Mapping, path: Path, *, target: str
) -> Iterator[Violation]:
    here = (*path, "providerOverride")
    text = 'requires workload provider "grove", but "component" is selected'
    yield from needs_grove(request, here, override.mark, text, rule="override-grove")
    api = text_of(override, "apiVersion")
    if api != GROVE_API:
        message = f'"{api or ""}"; supported values: "{GROVE_API}"'
        mark = mark_of(override, "apiVersion")
        yield Violation(
            (*here, "apiVersion"), mark, UNSUPPORTED, message, GROVE_API, rule="override-api"
        )
    given = text_of(override, "target")
    if given and given != target:
        message = f'"{given}": must match the provider-context target "{target}"'
        mark = mark_of(override, "target")
        yield Violation((*here, "target"), mark, INVALID, message, rule="override-target")
