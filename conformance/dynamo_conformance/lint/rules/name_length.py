"""Names that the operator makes from yours grow, and Kubernetes refuses them past 63 characters.

A component's Deployment, its Service and the label that selects its pods are called
`GRAPH-COMPONENT`, for workers with `-` and eight more characters behind. A label and the name of a
Service hold 63. The graph itself is admitted with up to 253. A LeaderWorkerSet makes StatefulSets,
whose pods carry a label of eleven characters more.

Fix: shorten the graph's name, or the component's, by as much as the message says.

PASS:
    metadata: {name: qwen3-disagg}
    spec: {components: [{name: prefill, type: prefill}]}

FAIL:
    metadata: {name: qwen3-235b-a22b-instruct-fp8-disaggregated-multinode}
    spec: {components: [{name: prefill, type: prefill}]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.name_rules import LABEL_LENGTH
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.name_faults import subdomain_fault, value_fault
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import in_grove
from dynamo_conformance.manifest.document import V1ALPHA1
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.rendering import labels, names, v1alpha1_extras
from dynamo_conformance.rendering.pod_context import DISCOVERY_BACKEND, ETCD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_HASH = "0" * 8
_GENERATED = "x" * 5
"""What the API server puts behind a `generateName`; it first cuts that to 58 characters."""

_REVISION = 11
"""The dash and the hash of a StatefulSet's revision, in a label of its pods."""

_LONGEST_SET = LABEL_LENGTH - _REVISION


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each name that makes one which Kubernetes refuses."""
    name = _graph_name(subject.graph)
    if name is None or in_grove(subject):
        return
    text, mark = name
    yield from _graph(subject, text, mark)
    for component in subject.graph.components:
        if component.name:
            yield from _component(subject, component, text)
    yield from _digit(subject, text, mark)


def _graph_name(graph: Graph) -> tuple[str, Mark] | None:
    """Return the name that the graph gets and where it is written."""
    metadata = graph.root.mapping("metadata") or Mapping()
    for key in ("name", "generateName"):
        value, text = metadata.get(key), metadata.string(key)
        if value is not None and text and "$" not in text:
            made = f"{text[: LABEL_LENGTH - len(_GENERATED)]}{_GENERATED}"
            return (text if key == "name" else made), value.mark
    return None


def _graph(subject: Subject, name: str, mark: Mark) -> Iterator[Problem]:
    """Yield when the labels that every object of the graph carries are too long."""
    excess = len(name) - LABEL_LENGTH
    if excess > 0:
        what = f"the graph's name is the label {labels.GRAPH} of its pods"
        yield Problem(mark, f"{what}: {_shorten(len(name), excess, LABEL_LENGTH)}")
        return
    written = subject.graph.namespace or ""
    namespace = written if "$" not in written else ""
    local = [component for component in subject.graph.components if not _is_global(component)]
    if subject.ways.graph_namespace:
        return  # It is the services' own, or dynamo- and the graph's name.
    # A namespace that is not written here has one character at least.
    length = len(namespace or "x") + len("-") + len(name)
    if local and length > LABEL_LENGTH:
        what = (
            f"{namespace or 'NAMESPACE'}-{name} is the label {labels.NAMESPACE} of the graph's pods"
        )
        advice = _shorten(length, length - LABEL_LENGTH, LABEL_LENGTH)
        yield Problem(mark, f"{what}: {advice}")


def _is_global(component: Component) -> bool:
    wanted = component.node.get("globalDynamoNamespace")
    return is_true(wanted)


def _shorten(length: int, excess: int, most: int) -> str:
    return f"{length} characters, at most {most}; shorten the name by {excess}"


def _component(subject: Subject, component: Component, graph: str) -> Iterator[Problem]:
    if "$" in component.name:
        return
    # The schema of v1beta1 says by itself what no component can be called.
    is_open = subject.document.version == V1ALPHA1
    fault = value_fault(component.name)
    if fault is not None:
        if not is_open:
            return
        what = f'"{component.name}" cannot be the label {labels.COMPONENT} of its pods'
        yield Problem(component.mark, f"{what}: {fault}; rename the component")
        return
    legacy = v1alpha1_extras.dynamo_namespace(subject.graph, component)
    if legacy is not None and "$" not in legacy and (fault := value_fault(legacy)) is not None:
        yield _legacy(subject.graph, component, legacy, fault)
    workload = _workload(subject, component, graph)
    if len(workload) > LABEL_LENGTH:
        yield Problem(component.mark, _too_long(component, workload))
    elif is_open and subdomain_fault(graph) is None and subdomain_fault(workload) is not None:
        what = f'its Deployment would be called "{_shown(workload)}"'
        message = f'component "{component.name}": {what}, which Kubernetes refuses'
        yield Problem(component.mark, f"{message}; {_spelling(component)}")
    elif _in_set(subject, component):
        yield from _set(component, workload)


def _workload(subject: Subject, component: Component, graph: str) -> str:
    name = f"{graph}-{component.name.lower()}"
    return f"{name}-{_HASH}" if component.is_worker and subject.ways.worker_hash else name


def _legacy(graph: Graph, component: Component, value: str, fault: str) -> Problem:
    service = v1alpha1_extras.service(graph, component) or Mapping()
    node = service.get("dynamoNamespace")
    mark = node.mark if node is not None else component.mark
    message = f'dynamoNamespace "{value}" cannot be the label {labels.NAMESPACE}: {fault}'
    return Problem(mark, f"{message}; take it out")


def _too_long(component: Component, workload: str) -> str:
    what = f'the objects of component "{component.name}" are called {_shown(workload)}'
    excess = len(workload) - LABEL_LENGTH
    length = f"{len(workload)} characters, at most {LABEL_LENGTH}"
    return f"{what}: {length}; shorten the graph's name or the component's by {excess}"


def _shown(workload: str) -> str:
    return f"{workload.removesuffix(_HASH)}HASH" if workload.endswith(f"-{_HASH}") else workload


def _spelling(component: Component) -> str:
    if "_" in component.name:
        return f'write "{component.name.replace("_", "-")}"'
    return "rename the component: letters, digits and inner dashes"


def _in_set(subject: Subject, component: Component) -> bool:
    """Whether it is known that a LeaderWorkerSet runs the component."""
    cluster = subject.cluster
    has_sets = cluster is not None and cluster.lws
    return component.node_count > 1 and (has_sets or subject.graph.declines_grove)


def _set(component: Component, workload: str) -> Iterator[Problem]:
    last = max(component.replicas, 1) - 1
    longest = f"{names.set_name(workload)}-{last}"
    if len(longest) > _LONGEST_SET:
        what = f'the StatefulSets of component "{component.name}" have names of'
        why = f"{what} up to {len(longest)} characters, at most {_LONGEST_SET} leave room for a"
        advice = f"shorten the graph's name or the component's by {len(longest) - _LONGEST_SET}"
        # Now and then the revision's hash is a character shorter.
        severity = Severity.WARNING if len(longest) == _LONGEST_SET + 1 else None
        message = f"{why} revision in their pods' labels; {advice}"
        yield Problem(component.mark, message, severity=severity)
    elif "." in workload:
        message = (
            f'no Service can be called "{names.set_name(workload)}", as its LeaderWorkerSet is'
        )
        yield Problem(component.mark, f"{message}; take the dots out of the names")


def _digit(subject: Subject, name: str, mark: Mark) -> Iterator[Problem]:
    """Yield when the graph's name begins with a digit, which Services only may since lately."""
    served = any(_has_service(subject, component) for component in subject.graph.components)
    if not served or not name[0].isdigit():
        return
    message = f'Services of this graph begin with "{name[0]}", which Kubernetes refuses before 1.36'
    yield Problem(mark, f"{message}; begin the name with a letter", severity=Severity.WARNING)


def _has_service(subject: Subject, component: Component) -> bool:
    annotations = labels.component_annotations(subject.graph, component)
    uses_etcd = annotations.get(DISCOVERY_BACKEND) == ETCD
    return component.type == "frontend" or not uses_etcd
