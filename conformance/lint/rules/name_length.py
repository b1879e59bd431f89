"""The operator calls Services, Deployments and labels after the graph and its components.

Kubernetes lets a Service and a label value have 63 characters, and a Service begin with a letter; a
v1alpha1 service may be called almost anything, and a v1beta1 graph may have a name of 253. What is
made of such names is refused when the operator makes it, and the graph never gets pods.

Mend: shorten the graph's or the component's name by what the message says, or leave the character
out that it names.

PASS:
    metadata: {name: qwen3-disagg}
    components: [{name: VllmDecodeWorker, type: decode}]

FAIL:
    metadata: {name: qwen3-0-6b-disaggregated-with-kv-routing-for-the-demo}
    components: [{name: VllmDecodeWorker, type: decode}]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.lint.finding import Severity
from conformance.lint.rule import Problem
from conformance.manifest.node import Mapping, Scalar
from conformance.rendering import names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.lint.rule import Subject
    from conformance.manifest.graph import Component, Graph
    from conformance.manifest.node import Mark

ID = "name-length"
SEVERITY = Severity.ERROR

LONGEST = 63

_HASH = "0" * 8
_RANDOM = "x" * 5
"""What `generateName` is completed with."""

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_SERVICE = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_DEPLOYMENT = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each name from which something is made that Kubernetes refuses."""
    graph = subject.graph
    if not graph.name or (subject.cluster is not None and subject.cluster.grove):
        return  # Grove calls its objects otherwise, and the operator's webhook counts for it.
    generated = graph.document is not None and _is_generated(graph.document.root)
    full = f"{graph.name}{_RANDOM}" if generated else graph.name
    if len(full) > LONGEST:
        label = f'the label with the graph\'s name has {len(full)} characters, "{full}"'
        yield Problem(_name_mark(graph), f"{label}; shorten it by {len(full) - LONGEST}")
        return
    if full[0].isdigit():
        advice = "a Service begins with a letter; let the graph's name begin with one"
        yield Problem(_name_mark(graph), f'Services are called "{full}-..."; {advice}')
    for component in graph.components:
        if (text := _wrong(full, component)) is not None:
            yield Problem(component.mark, f'component "{component.name}": {text}')


def _wrong(graph: str, component: Component) -> str | None:
    """Return what is wrong with the first object that is called after a component, or None."""
    if len(component.name) > LONGEST or not _LABEL.fullmatch(component.name):
        return f'no label can hold its name; use letters, digits and "-", {LONGEST} at most'
    workload = f"{graph}-{component.name.lower()}"
    if component.is_worker:
        workload = f"{workload}-{_HASH}"
    if not _DEPLOYMENT.fullmatch(workload):
        return f'no Deployment can be called "{workload}"; use letters, digits and "-" only'
    if not graph[0].isdigit() and not _SERVICE.fullmatch(names.service_name(workload)):
        return f'no Service can be called "{workload}"; use letters, digits and "-" only'
    made = names.set_name(workload) if component.node_count > 1 else workload
    over = len(made) - LONGEST
    if over <= 0:
        return None
    kind = "LeaderWorkerSet" if component.node_count > 1 else "Service"
    shown = made.replace(_HASH, "<hash>")
    return (
        f'its {kind} "{shown}" has {len(made)} characters, and {LONGEST} are allowed; shorten the '
        f"graph's or the component's name by {over}"
    )


def _is_generated(root: Mapping) -> bool:
    metadata = root.mapping("metadata")
    return metadata is not None and not metadata.string("name")


def _name_mark(graph: Graph) -> Mark:
    metadata = graph.root.mapping("metadata") or Mapping()
    name = metadata.get("name") or metadata.get("generateName")
    return name.mark if isinstance(name, Scalar) else graph.root.mark
