"""Topology: where pods are packed, and how far KV caches may travel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.admission.grove import needs_grove
from dynamo_conformance.api.admission.request import text_of
from dynamo_conformance.api.name_rules import is_subdomain
from dynamo_conformance.api.violation import INVALID, REQUIRED, Violation
from dynamo_conformance.manifest.fields import mark_of
from dynamo_conformance.manifest.node import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request

_PATH = ("spec", "topologyConstraint")
_POLICY = ("spec", "experimental", "kvTransferPolicy")


def check(request: Request) -> Iterator[Violation]:
    """Yield constraints that are incomplete, and policies that name no topology."""
    spec = request.spec
    constraint = spec.mapping("topologyConstraint")
    constrained = [
        entry
        for _path, component in request.components()
        if (entry := component.node.mapping("topologyConstraint")) is not None
    ]
    if constraint is None and constrained:
        text = "is required when any component topology constraint is set"
        yield Violation(_PATH, constrained[0].mark, REQUIRED, text, rule="topology-graph")
    if constraint is not None and not constrained and not text_of(constraint, "packDomain"):
        text = "is required when no component topologyConstraint is set"
        here = (*_PATH, "packDomain")
        yield Violation(here, constraint.mark, REQUIRED, text, rule="topology-domain")
    elif constraint is not None and not text_of(constraint, "packDomain"):
        yield from _unconstrained(request)
    experimental = spec.mapping("experimental") or Mapping()
    if (policy := experimental.mapping("kvTransferPolicy")) is not None:
        yield from _policy(request, policy)


def _unconstrained(request: Request) -> Iterator[Violation]:
    """Yield each component without a constraint, beside others that have one."""
    for path, component in request.components():
        if component.node.mapping("topologyConstraint") is None:
            text = "is required when the graph's topologyConstraint has no packDomain"
            here = (*path, "topologyConstraint")
            yield Violation(here, component.mark, REQUIRED, text, rule="topology-components")


def _policy(request: Request, policy: Mapping) -> Iterator[Violation]:
    name = text_of(policy, "clusterTopologyName")
    if not name:
        return
    path, mark = (*_POLICY, "clusterTopologyName"), mark_of(policy, "clusterTopologyName")
    if not is_subdomain(name):
        text = f'"{name}": a lowercase RFC 1123 subdomain is needed'
        yield Violation(path, mark, INVALID, text, rule="kv-policy-name")
    yield from needs_grove(request, path, mark, rule="kv-policy-grove")
