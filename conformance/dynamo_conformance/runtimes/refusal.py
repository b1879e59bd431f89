"""Why a release would not take the words of a graph, as far as that is known without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.fault import UsageFault
from dynamo_conformance.engines.releases import nearest, ways
from dynamo_conformance.engines.role import parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.manifest.graph import Graph


def refusal(graph: Graph, releases: Mapping[str, Release]) -> str:
    """Return the first reason for which a release would end a component, or an empty text.

    Args:
        graph: The graph.
        releases: By component, the release that is to run it; others are not looked at.
    """
    for part in parts(graph):
        release = releases.get(part.component.name)
        why = _refusal(part, release) if release is not None else ""
        if why:
            return f"Dynamo {release} does not take component {part.component.name}: {why}"
    return ""


def _refusal(part: Part, release: Release) -> str:
    command = part.command
    if command is None or not command.module.startswith("dynamo."):
        return ""
    known = str(nearest(release))
    if command.module not in ways(release).modules:
        return f"it has no module {command.module}"
    if command.module not in catalog.modules(release=known) or not command.complete:
        return ""
    try:
        catalog.load(command.module, release=known).parse(command.texts, env={})
    except UsageFault as fault:
        return fault.advice
    return ""
