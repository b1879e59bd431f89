"""A component that spans nodes needs Grove or LeaderWorkerSet.

In a cluster with neither, or with Grove alone and a graph that declines it, the graph ends in state
`failed` (`no_multinode_orchestrator_available`), and no pod is made. This is checked when you say
what the cluster has.

Fix: install one of them, leave out `nvidia.com/enable-grove: "false"`, or fit one node.

PASS:
    multinode: {nodeCount: 2}, in a cluster with LeaderWorkerSet

FAIL:
    multinode: {nodeCount: 2}, in a cluster with neither
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.graph import ENABLE_GROVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each component that spans nodes where nothing can run it."""
    cluster = subject.cluster
    if cluster is None or cluster.lws:
        return
    declines = subject.graph.declines_grove
    if cluster.grove and not declines:
        return
    reason = "the cluster has neither Grove nor LeaderWorkerSet"
    advice = "install one of them, or fit the component on one node"
    if cluster.grove:
        reason = f'{ENABLE_GROVE}: "false" declines Grove, and there is no LeaderWorkerSet'
        advice = "leave the annotation out, or install LeaderWorkerSet"
    for component in subject.graph.components:
        multinode = component.node.get("multinode")
        if component.node_count > 1 and multinode is not None:
            message = f'"{component.name}" spans {component.node_count} nodes, but {reason}'
            yield Problem(multinode.mark, f"{message}; {advice}")
