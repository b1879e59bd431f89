"""The runtime version: of the image's tag, or written beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.admission.request import text_of
from dynamo_conformance.api.violation import REQUIRED, Violation
from dynamo_conformance.manifest.fields import mark_of
from dynamo_conformance.manifest.node import Mapping, PathKey
from dynamo_conformance.manifest.release import runtime_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Path

_NO_VERSION = (
    "is required when the specified main container image has no parseable semantic-version tag; "
    "write the Dynamo release that the image holds, such as 1.6.1"
)


def check(request: Request, *, same: frozenset[str] = frozenset()) -> Iterator[Violation]:
    """Yield each component whose runtime version the operator cannot know.

    Args:
        request: The object.
        same: The components that are not looked at.
    """
    if request.is_alpha:
        for name, service in request.services():
            if name not in same:
                yield from _service(service, ("spec", "services", PathKey(name)))
        return
    for path, component in request.components():
        if component.name not in same:
            yield from _component(component, path)


def _component(component: Component, path: Path) -> Iterator[Violation]:
    containers = (*path, "podTemplate", "spec", "containers")
    if component.main is None:
        mark = component.pod_spec.mark if component.pod_spec is not None else component.node.mark
        text = 'is required; add a container named "main"'
        yield Violation(containers, mark, REQUIRED, text, rule="image")
        return
    here = (*containers, component.containers.index(component.main), "image")
    yield from _versioned(component.main.node, component.node, here, path)


def _service(service: Mapping, path: Path) -> Iterator[Violation]:
    extra = service.mapping("extraPodSpec") or Mapping(mark=service.mark)
    main = extra.mapping("mainContainer") or Mapping(mark=extra.mark)
    here = (*path, "extraPodSpec", "mainContainer", "image")
    yield from _versioned(main, service, here, path)


def _versioned(container: Mapping, owner: Mapping, here: Path, path: Path) -> Iterator[Violation]:
    image = text_of(container, "image")
    if not image:
        mark = mark_of(container, "image")
        yield Violation(here, mark, REQUIRED, "is required", rule="image")
    elif not text_of(owner, "runtimeVersionOverride") and runtime_version(image) is None:
        where = (*path, "runtimeVersionOverride")
        mark = mark_of(container, "image")
        yield Violation(where, mark, REQUIRED, _NO_VERSION, rule="runtime-version")
